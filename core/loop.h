/* SPDX-License-Identifier: BSD-2-Clause
 *
 * loop.h - the event loop: libev for descriptors and sleep, our own time. One per thread that runs one.
 *
 * A turn: descriptors, timers that are due, posts; then everything deferred (streams to call back, events to deliver,
 * muxes to flush, closes), until nothing is left; then sleep. In a virtual loop time stands still until
 * loop_advance(): the same code runs, in no time at all.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>

#include "hostctx.h"

struct loop;
struct buf_pool;
struct timer_heap;
struct stream_linger;

int loop_create(struct loop **ret_loop);
int loop_create_virtual(struct loop **ret_loop); /* starts at 1 s */
void loop_destroy(struct loop **loop);
/* Until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* One turn without sleeping (descriptors are polled). */
void loop_turn(struct loop *loop);
/* Virtual only: let `ns` pass, timer by timer, a turn for each. */
void loop_advance(struct loop *loop, uint64_t ns);
int loop_watch(struct loop *loop, int fd, uint32_t events, rtun_watch_cb *cb, void *arg, struct rtun_watch **ret);
uint32_t watch_events(const struct rtun_watch *w);
int watch_fd(const struct rtun_watch *w);
/* Look at the clock: before timers are started outside of a turn, after something that may have taken long. */
void loop_update(struct loop *loop);
/* Monotonic ns of this turn. */
uint64_t loop_now(const struct loop *loop);
/* [any] */
int loop_post(struct loop *loop, rtun_cb *cb, void *arg);
/* [loop] Make sure that a later loop_post_reserved() can't fail; undo. A loop is only destroyed when none is left. */
int loop_post_reserve(struct loop *loop);
void loop_post_unreserve(struct loop *loop);
/* [any] */
void loop_post_reserved(struct loop *loop, rtun_cb *cb, void *arg);
/* Call cb(arg) from the loop when `signum` comes; for the life of the loop (not in a virtual one). */
int loop_on_signal(struct loop *loop, int signum, rtun_cb *cb, void *arg);

/* How much is under way that a program that drains waits for: relay.c counts, and modules do (rtun_hold()). */
uint32_t *loop_held(struct loop *loop);
/* Streams that rtun_finish() took over. */
struct stream_linger **loop_lingers(struct loop *loop);
struct buf_pool *loop_buffers(struct loop *loop);
struct timer_heap *loop_timers(struct loop *loop);
/* LOOP_SCRATCH bytes for whoever needs them during one call. */
#define LOOP_SCRATCH 65536U
uint8_t *loop_scratch(struct loop *loop);

/* A deferred call that lives inside another object, its owner: no allocation, and no pointer to it, as there are many. */
struct loop_defer {
	struct loop *loop;
	struct loop_defer *next;
	rtun_cb *cb; /* gets the owner */
	uint32_t offset; /* in the owner; bytes */
	bool queued;
	bool late; /* after all that are not */
	bool next_turn; /* when descriptors had a look */
};
void loop_defer_init(struct loop_defer *d, struct loop *loop, rtun_cb *cb, void *owner);
void loop_defer_start(struct loop_defer *d);
void loop_defer_cancel(struct loop_defer *d); /* forgotten; may be freed afterwards */

uint64_t host_now(const struct rtun_ctx *ctx);
int64_t host_wall(const struct rtun_ctx *ctx);
void host_hold(struct rtun_ctx *ctx, int32_t n);
int host_watch(struct rtun_ctx *ctx, int fd, uint32_t events, rtun_watch_cb *cb, void *arg, struct rtun_watch **ret);
void host_watch_set(struct rtun_watch *w, uint32_t events);
void host_unwatch(struct rtun_watch **w);
int host_defer_create(struct rtun_ctx *ctx, rtun_cb *cb, void *arg, struct rtun_defer **ret);
void host_defer_start(struct rtun_defer *d);
void host_defer_destroy(struct rtun_defer **d);
int host_post(struct rtun_ctx *ctx, rtun_cb *cb, void *arg);
int host_op_create(struct rtun_ctx *ctx, rtun_cb *cancel, void *arg, struct rtun_op **ret);
void host_op_cancel(struct rtun_op **op);
void host_op_done(struct rtun_op **op);

#endif
