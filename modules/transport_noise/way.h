/* SPDX-License-Identifier: BSD-2-Clause
 *
 * way.h - a node's way to one address of a hub: knocks, and a connection after each, until one of them is accepted.
 *
 *   ms        0      40  120    300     340    1000   1040    2000   2040    3000   3040
 *          knock  conn. (again) knock  conn.  knock  conn.   knock  conn.   knock  conn.
 *          '---------- the carrier that is liked best ----------'   '--- the other one ---'
 *
 * A knock is never answered, so nobody knows when it has arrived; a connection that is refused came too early, or the
 * knock was lost. A connection that is under way stays: the first that is accepted ends it all.
 */
#ifndef WAY_H
#define WAY_H

#include "carry.h"

/* A fresh knock: 0 or -1. */
typedef int way_knock_fn(void *arg, uint8_t ret_knock[WIRE_KNOCK]);
/* Once, from the loop: err 0 and *s, which is taken by setting it to NULL, and what was used last; or an RTUN_E... The way
 * may be stopped in it. */
typedef void way_cb(void *arg, uint32_t err, struct rtun_stream **s, enum carrier by);

struct way_setup {
	struct rtun_ctx *ctx;
	struct rtun_addr to;
	enum carrier liked; /* CARRY_NONE: connect without a knock, once */
	uint64_t after;     /* ns: begin so much later */
	way_knock_fn *knock;
	way_cb *cb;
	void *arg;
};

struct way;
/* 0 or -RTUN_ENOMEM. */
int way_start(const struct way_setup *setup, struct way **ret);
void way_stop(struct way **w);

#endif
