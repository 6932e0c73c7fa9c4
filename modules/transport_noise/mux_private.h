/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mux_private.h - shared by mux.c (carrier, frames), mux_send.c (scheduling) and mux_stream.c (streams).
 */
#ifndef MUX_PRIVATE_H
#define MUX_PRIVATE_H

#include <stdbool.h>

#include "mux.h"

/* What a ready stream may send before the next one's turn: two records. */
#define MUX_QUANTUM (2 * (int32_t)(RECORD_PLAIN - WIRE_FRAME))
/* The same for one of datagrams; and how far they may be ahead of all others: by what those have sent meanwhile, or this. */
#define MUX_QUANTUM_AHEAD 16384
#define MUX_AHEAD 65536
/* Sealed and not yet written: the last moment is when the carrier takes more. How much that is at a time is learnt
 * (mux->burst), so that on a slow line nothing waits behind more than it must. */
#define MUX_QUEUE_MAX (2U * RECORD_MAX)
#define MUX_QUEUE_MIN 4096U
/* What the kernel may hold that it has not sent: some milliseconds of the line, and a little of its round trip. */
#define MUX_LOWAT_MIN 4096U
#define MUX_LOWAT_MAX 32768U
#define MUX_LOWAT_TIME (4 * RTUN_MS)
#define MUX_LOWAT_TRIP 16U
/* A long path: there both may be so many times more, and what waits there is little beside a round trip. */
#define MUX_LONG (5 * RTUN_MS)
#define MUX_LONG_MORE 8U
/* With this much unsent (answers to a peer that does not read), reading stops too. */
#define MUX_QUEUE_STOP 1048576U
/* A limited line is read in small pieces, but not in crumbs. */
#define MUX_READ_MIN 4096U
#define MUX_BATCH 64U
/* One connection's part of the budget for windows: a fourth. */
#define MUX_BUDGET_SHARE 4U
#define PING_BYTES 8U

struct mux_list {
	struct mux_stream *head, *tail;
};

struct mux_stream {
	struct mux *mux;            /* NULL once the carrier is gone */
	struct rtun_stream *stream; /* NULL: an opener's, before OK, unless it is early */
	struct mux_stream *hash_next;
	struct mux_stream *next, *prev;
	struct mux_list *list; /* which ready list it is in, or NULL */
	uint32_t id;
	uint32_t credit;       /* what the peer takes */
	/* receiving: see mux_window.c. window + held never exceed the largest window_size that there was */
	uint32_t window;       /* what the peer may still send */
	uint32_t held;         /* received, not consumed */
	uint32_t window_size;
	uint32_t round_bytes;
	uint64_t round_at;
	int32_t deficit;       /* what it may send in this turn */
	bool accepted : 1;     /* OK was sent or received, or its opener has it early: there is an owner */
	bool fin_sent : 1;
	bool fin_received : 1;
	bool over : 1;         /* RESET or FAIL either way: nothing more is sent */
	bool offered : 1;      /* its owner has bytes to pull */
	bool wants_write : 1;
	bool datagrams : 1;
	/* opener: until the answer. acceptor: who wants to know that it is gone */
	mux_opened_fn *opened;
	rtun_cb *gone;
	void *arg;
	struct rtun_op *op;
	struct mux_use *use;
};

struct mux {
	struct mux_common *common;
	struct rtun_ctx *ctx;
	struct rtun_stream *carrier; /* NULL once it is gone */
	const struct record_crypto *open_with;
	const struct mux_events *events;
	void *arg;
	struct record_queue out;
	struct rtun_defer *flush, *end, *last;
	struct rtun_timer *tick;
	struct mux_list ahead, fresh, rest; /* ready to send: datagrams, those that have sent little, all others */
	int64_t ahead_left;  /* what datagrams may send before it is others' turn */
	struct mux_stream **buckets;
	uint32_t bucket_count;
	uint32_t last_id;
	uint32_t peer_window;
	uint32_t lowat;
	uint64_t rate_at, rate_bytes; /* written since then: how fast is the line? */
	uint32_t burst;   /* what the carrier takes in one go */
	uint32_t burst_most; /* by the line's rate */
	uint64_t grown;   /* what its windows have beyond their first size */
	uint64_t rtt_min; /* ns; 0: not yet known */
	bool opener, proved, dead, waits_for_write, reading_stopped;
	uint8_t bbr_asks; /* pings until BBR is chosen; 0: decided */
	uint32_t end_err;
	const char *end_why;
	/* received, not yet a whole record */
	uint8_t *partial;
	uint32_t partial_len;
	/* DATA of one stream that came together */
	struct mux_stream *batch_stream;
	struct iovec batch[MUX_BATCH];
	uint32_t batch_count;
	/* is the peer alive? */
	uint64_t last_received, last_ping;
	uint64_t ping_sent; /* and not answered; 0: none */
	uint8_t ping[PING_BYTES];
	uint64_t doubt;  /* when it is given up, unless anything comes; 0: nobody doubts */
	uint64_t asked;  /* when something was sent that wants an answer, since last_received; 0: nothing */
	struct mux_counters counters;
	struct meter *meter; /* NULL: nothing is limited */
	struct meter_waiter waits[METER_FLOWS];
};

/* mux.c */
void mux_expect(struct mux *m); /* something that wants an answer is sent */
void mux_end(struct mux *m, uint32_t err, const char *why);

/* mux_send.c */
void mux_schedule(struct mux *m);
void mux_count_out(struct mux *m, uint64_t n);
void mux_ready_add(struct mux_stream *ms);
void mux_ready_remove(struct mux_stream *ms);
void mux_send_reason(struct mux *m, uint8_t type, uint32_t id, uint32_t err, const char *text);
void mux_on_flush(void *arg);
void mux_set_lowat(struct mux *m, uint32_t bytes);

/* mux_window.c */
void mux_window_init(struct mux_stream *ms);
/* The reader has consumed `n` bytes: the credit to give for it now, or 0. */
uint32_t mux_window_consumed(struct mux_stream *ms, uint64_t n);
void mux_window_fini(struct mux_stream *ms);

/* mux_stream.c */
struct mux_stream *mux_find(const struct mux *m, uint32_t id);
int mux_on_connect(struct mux *m, uint32_t id, const uint8_t *p, uint32_t len);
int mux_on_ok(struct mux *m, uint32_t id, const uint8_t *p, uint32_t len);
int mux_on_fail(struct mux *m, uint32_t id, const uint8_t *p, uint32_t len);
int mux_on_fin(struct mux *m, uint32_t id, const uint8_t *p, uint32_t len);
int mux_on_reset(struct mux *m, uint32_t id, const uint8_t *p, uint32_t len);
int mux_on_credit(struct mux *m, uint32_t id, const uint8_t *p, uint32_t len);
int mux_on_data(struct mux *m, uint32_t id, const uint8_t *p, uint32_t len);
void mux_batch_flush(struct mux *m);
/* The carrier is gone: end it, tell its owner, forget the mux. */
void mux_stream_orphan(struct mux_stream *ms, uint32_t err);

#endif
