/* SPDX-License-Identifier: BSD-2-Clause
 *
 * timer.h - one-shot timers in a heap; the loop asks when the next is due.
 */
#ifndef TIMER_H
#define TIMER_H

#include "hostctx.h"

struct timer_heap {
	struct rtun_timer **items;
	uint32_t count, capacity;
	uint32_t reserved; /* timers that exist */
	uint64_t starts;   /* so many until now */
};

/* ns until the next is due (0: now), UINT64_MAX: none. */
uint64_t timer_heap_next(const struct timer_heap *h, uint64_t now);
/* Fire all that are due at `now`. A timer started from inside waits for the next call. */
void timer_heap_run(struct timer_heap *h, uint64_t now);
void timer_heap_fini(struct timer_heap *h);

int timer_make(struct loop *loop, rtun_cb *cb, void *arg, struct rtun_timer **ret);

int host_timer_create(struct rtun_ctx *ctx, rtun_cb *cb, void *arg, struct rtun_timer **ret);
void host_timer_start(struct rtun_timer *t, uint64_t ns);
void host_timer_stop(struct rtun_timer *t);
void host_timer_destroy(struct rtun_timer **t);

#endif
