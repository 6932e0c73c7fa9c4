/* SPDX-License-Identifier: BSD-2-Clause
 *
 * opening.h - a dialer's request sent through a mux, with a limit for the answer.
 */
#ifndef OPENING_H
#define OPENING_H

#include <restunnel/svc/dialer.h>

#include "mux.h"

struct opening_list {
	struct opening *head, **tail;
};

/* All of one instance: one timer for all that have the usual limit and so end in order; a request with another one brings its own. */
struct openings {
	struct rtun_ctx *ctx;
	uint64_t limit; /* ns */
	struct rtun_timer *timer;
	struct opening_list usual, others;
};

int openings_init(struct openings *o, struct rtun_ctx *ctx, uint64_t limit);
/* All are cancelled, nobody is called. */
void openings_fini(struct openings *o);

/* How openings through one exit ended, by RTUN_E... (0: well); and what refusals rested on, as exits say. */
#define OPENING_RESULTS (RTUN_ESELECTOR + 1)
#define OPENING_RULES 5
extern const char *const opening_rules[OPENING_RULES];
struct opening_counts {
	uint64_t results[OPENING_RESULTS], rules[OPENING_RULES];
	uint64_t said_at; /* ns: the last line in the log about a refusal */
};
/* Where to. `mux` NULL: there is no way, and `err` and `why` are the answer, from the loop. */
struct opening_way {
	struct mux *mux;
	uint32_t protocol; /* 0, or WIRE_UDP: the request has no target */
	const char *exit;  /* its name, for the answer; copied; may be NULL */
	struct opening_counts *counts; /* outlives the mux; may be NULL */
	struct mux_use *use;           /* see mux_target */
	uint32_t err;
	const char *why;
};
/* Who knows other ways: within one limit, and the caller hears of the last one only. */
struct opening_ways {
	/* The way taken last came to this before it reached the target: is there another? Not asked for early ones, whose stream
	 * the caller has. */
	bool (*next)(void *self, uint32_t err, struct opening_way *ret);
	/* The last call, once: 0, or what the caller hears; RTUN_ERESET: it has cancelled. */
	void (*done)(void *self, uint32_t err);
	void *self;
};
/* As rtun_dialer_ops.dial; `early`: as dial_early. `ways` is copied; NULL: there is only this one. If it fails, ways->done is
 * not called. */
int opening_start(struct openings *o, const struct opening_way *way, const struct opening_ways *ways, const struct rtun_dial_req *req,
		  bool early, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op);

#endif
