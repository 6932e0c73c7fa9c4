/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meter.h - how fast bytes may pass, and how many: one token bucket for each direction, shared by all connections of an exit.
 *
 * Who finds no room waits in line; a timer runs only while somebody does, and lets the first one on when there is room for a piece
 * worth a write, so connections take turns. What is limited is payload towards the exit, and the records that come from it.
 */
#ifndef METER_H
#define METER_H

#include <restunnel/host.h>
#include <stdbool.h>

enum { METER_UP, METER_DOWN, METER_FLOWS }; /* to the exit, from it */

struct meter_waiter {
	struct meter_waiter *next, **at; /* at NULL: it doesn't wait */
	rtun_cb *wake;
	void *arg;
};

struct meter_flow {
	uint64_t rate; /* bytes a second; 0: no limit */
	int64_t level; /* what may pass; negative: passed too early */
	uint64_t at;   /* ns: level is of then */
	struct meter_waiter *head, **tail;
	const struct meter_waiter *turn; /* whose it is, until it has used it or held_until */
	uint64_t held_until;
};

struct meter {
	struct rtun_ctx *ctx;
	struct rtun_timer *timer;
	struct rtun_defer *spent; /* once nothing is left */
	uint64_t left;            /* bytes, both ways; UINT64_MAX: no limit */
	struct meter_flow flows[METER_FLOWS];
};

/* `spent` is called from the loop when nothing is left. 0 or -RTUN_ENOMEM. */
int meter_create(struct rtun_ctx *ctx, rtun_cb *spent, void *arg, struct meter **ret);
/* Nobody waits any more. */
void meter_destroy(struct meter **m);
/* In bytes a second; 0: no limit. Who waits is judged anew. */
void meter_set(struct meter *m, uint64_t up, uint64_t down);
/* What may pass now for this one: 0, or as many bytes. */
uint64_t meter_room(struct meter *m, uint32_t flow, const struct meter_waiter *w);
/* What is worth a turn: about 20 ms of the rate. UINT64_MAX: any. */
uint64_t meter_piece(const struct meter *m, uint32_t flow);
void meter_wait(struct meter *m, uint32_t flow, struct meter_waiter *w);
void meter_leave(struct meter *m, uint32_t flow, struct meter_waiter *w);
/* So many have passed. */
void meter_charge(struct meter *m, uint32_t flow, uint64_t n);
void meter_spend(struct meter *m, uint64_t n);

#endif
