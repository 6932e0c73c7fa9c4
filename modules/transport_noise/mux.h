/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mux.h - many streams over one carrier, each with its own flow control.
 *
 * One end opens streams (the opener), the other accepts them. The mux knows frames and credit; what seals the records
 * it is given, what a CONNECT asks for it passes on. A stream's life:
 *
 *   opener    mux_open() -> CONNECT ... OK -> `opened` with the stream ... FIN both ways or RESET -> gone
 *                                   ... FAIL -> `opened` with the reason
 *   acceptor  `connect` -> mux_accept() sends OK | mux_refuse() sends FAIL
 *
 * Sending: the end of a loop's turn takes bytes from the streams that have some, those of datagrams first (for half of the
 * line at most), the others by deficit round robin, straight into the record that is then sealed and written. Receiving: the plaintext of all records that came in one read is handed on,
 * one call for each stream. Credit is given when the reader has consumed, never before.
 */
#ifndef MUX_H
#define MUX_H

#include <stdbool.h>

#include "meter.h"
#include "record.h"

struct mux;
struct mux_stream;

/* What one instance's muxes share. */
struct mux_common {
	struct rtun_ctx *ctx;
	struct record_pool records;
	uint8_t *receive; /* room for the start of a record, then MUX_RECEIVE bytes of a read; in use only during that */
	uint32_t window;  /* bytes that the peer may send on a new stream ahead of its reader */
	uint32_t window_max;    /* what that may grow to */
	uint64_t window_budget; /* of all growth together */
	uint64_t grown;
	bool bbr; /* carriers on long paths ask the kernel for BBR */
};
#define MUX_RECEIVE (4U * 65536U)
/* Windows don't grow until window_max and window_budget are set. */
int mux_common_init(struct mux_common *c, struct rtun_ctx *ctx, uint32_t window);
void mux_common_fini(struct mux_common *c);

/* Streams that somebody wants to know of as long as they live. */
struct mux_use {
	uint32_t streams;
	uint64_t idle_since; /* when the last one ended */
};

/* A target or a bound address, as in CONNECT and OK. */
struct mux_target {
	uint32_t protocol;     /* WIRE_TCP or 0; WIRE_UDP: a stream of datagrams, and nothing else is meant; others: to be refused */
	char name[256];        /* "" : the address is meant */
	struct rtun_addr addr; /* its port counts in both cases */
	struct mux_use *use;   /* of mux_open(): counts the stream, and outlives it; may be NULL */
};

/* err 0: *s is the stream, taken by setting it to NULL; else an RTUN_E... and why in words. */
typedef void mux_opened_fn(void *arg, uint32_t err, const char *why, struct rtun_stream **s, const struct rtun_addr *bound);

struct mux_events {
	/* Acceptor: answer with mux_accept() or mux_refuse(), now or later. NULL on an opener. */
	void (*connect)(void *arg, struct mux_stream *ms, const struct mux_target *target);
	/* A frame that the mux has no business with: INFO, CLOSE, ENROLL... 0, or -1: it breaks the protocol. */
	int (*frame)(void *arg, uint8_t type, const uint8_t *payload, uint32_t len);
	/* A PING goes now: what could wait may go along with it, by mux_send(). The first is sent within mux_create(). NULL: nothing. */
	void (*ping)(void *arg, struct mux *m);
	/* The first record has been opened: the peer has the keys. NULL: nobody asks. */
	void (*proved)(void *arg);
	/* The carrier is gone, or the peer broke the protocol: `why` is for the log. RTUN_EUNREACHABLE: it was idle, and others of its
	 * kind will notice by themselves. From the loop; destroy the mux. */
	void (*ended)(void *arg, uint32_t err, const char *why);
};

struct mux_setup {
	struct mux_common *common;
	const struct record_crypto *crypto; /* outlives the mux */
	const struct mux_events *events;
	void *arg;
	uint32_t peer_window; /* what the other end takes of a new stream */
	uint32_t opener;
};

struct mux_counters {
	uint64_t bytes_in, bytes_out; /* payload of DATA */
	uint64_t streams_total;
	uint64_t denied; /* acceptor: of these, refused by mux_refuse() with RTUN_EDENIED */
	uint32_t streams;
	uint64_t rtt; /* ns; 0: not yet known; of several muxes the least */
};
/* *sum and these; the same of a mux that is about to end: nothing is open there any more. */
void mux_counters_add(struct mux_counters *sum, const struct mux_counters *c);
void mux_counters_keep(struct mux_counters *sum, const struct mux_counters *c);

/* Owns the carrier from now on (the caller's pointer becomes NULL); what it has buffered is read first. */
int mux_create(const struct mux_setup *setup, struct rtun_stream **carrier, struct mux **ret);
/* All its streams end with RTUN_ERESET; pending opens with RTUN_ENOEXIT; no callback comes after it. */
void mux_destroy(struct mux **m);
/* Say CLOSE with a reason, send what is queued, and let the carrier go; then as mux_destroy(). */
void mux_goodbye(struct mux **m, uint32_t reason);
/* Is the peer still there? It is asked at once, and given up sooner than by silence alone. */
void mux_doubt(struct mux *m);
/* The same on less evidence: where there are streams, which may outlive a gap, it has the time of one that owes an answer. */
void mux_suspect(struct mux *m);
const struct mux_counters *mux_counters(const struct mux *m);
/* What passes is limited from now on; it outlives the mux, or is taken back by NULL. */
void mux_meter(struct mux *m, struct meter *meter);
/* All its streams, and what is being opened, end with this error; the mux goes on. */
void mux_end_streams(struct mux *m, uint32_t err);

/* *ret_op can be cancelled until `opened` is called. 0, -RTUN_ENOMEM, -RTUN_EINVAL: a target that is none, or the mux is
 * being destroyed; -RTUN_ENOTSUP on an acceptor.
 * ret_early not NULL: the stream is given there at once, and what is written follows the CONNECT, within the window. Then
 * `opened` has none; with an error the stream has failed, too. Cancelled, it fails with RTUN_ETIMEOUT; when it is closed
 * before the answer, `opened` is told RTUN_ERESET. */
int mux_open(struct mux *m, const struct mux_target *target, mux_opened_fn *opened, void *arg, struct rtun_op **ret_op,
	     struct rtun_stream **ret_early);
/* Says OK and gives the stream. 0 or -RTUN_EPIPE: it is gone already. */
int mux_accept(struct mux_stream *ms, const struct rtun_addr *bound, struct rtun_stream **ret);
void mux_refuse(struct mux_stream *ms, uint32_t err, const char *why);
/* Whose answer is pending may learn that nobody waits for it any more. */
void mux_on_gone(struct mux_stream *ms, rtun_cb *gone, void *arg);

/* A frame of no stream. */
void mux_send(struct mux *m, uint8_t type, const void *payload, uint32_t len);
/* The same, and what follows is sealed by `crypto` (rekeying). */
void mux_send_last(struct mux *m, uint8_t type, const void *payload, uint32_t len, const struct record_crypto *crypto);
/* What comes after the record at hand is opened by `crypto`. */
void mux_receive_with(struct mux *m, const struct record_crypto *crypto);

/* The reason on the wire of an RTUN_E..., and back: the same numbers, 10 (internal) for what is not known. */
uint32_t mux_reason(uint32_t err);

#endif
