/* SPDX-License-Identifier: BSD-2-Clause
 *
 * counter.h - a node's replay counter: one for all its knocks and handshakes with all hubs, strictly rising.
 *
 * It starts at max(stored + 1, unix milliseconds): the first survives a clock that is wrong, the second a data-dir that
 * comes from an old backup. The file holds the highest value that may have been spent: 1000 are reserved with one
 * write that is on disk before the first of them is used. When a later look at the clock shows that it has jumped
 * ahead (a machine without a clock battery got its time), the counter jumps too.
 */
#ifndef COUNTER_H
#define COUNTER_H

#include <restunnel/host.h>

#define COUNTER_FILE "counter" /* below data-dir */
#define COUNTER_RESERVE 1000

struct counter {
	struct rtun_ctx *ctx;
	uint64_t last;     /* spent */
	uint64_t reserved; /* on disk */
};

/* A damaged file is reported and counts as none. */
void counter_load(struct counter *c, struct rtun_ctx *ctx);
/* The next value. When it can't be put on disk (logged), it is counted in memory and life goes on. */
uint64_t counter_next(struct counter *c);

#endif
