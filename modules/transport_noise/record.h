/* SPDX-License-Identifier: BSD-2-Clause
 *
 * record.h - records on their way out: filled frame by frame, sealed in place, queued, written with one call.
 */
#ifndef RECORD_H
#define RECORD_H

#include <restunnel/module.h>

#include "wire.h"

/* What seals and opens the records of a connection, in place: noise_cipher, or nothing at all in a benchmark. */
struct record_crypto {
	void *self;
	/* len bytes become len + WIRE_TAG. 0 or -1. */
	int (*seal)(void *self, uint8_t *p, size_t len);
	/* The length of the plaintext or -1. */
	int (*open)(void *self, uint8_t *p, size_t len);
};

/* Bytes of ours at most, length and tag included: 45 segments of TCP over IPv6 and Ethernet, the most that a kernel hands to
 * the network at once. One byte more, and a small packet follows each. */
#define RECORD_MAX (45U * 1428U)
#define RECORD_PLAIN (RECORD_MAX - WIRE_LENGTH - WIRE_TAG)

struct record {
	struct record *next;
	uint32_t len;    /* of plaintext while open; of everything when sealed */
	uint32_t offset; /* of what was written */
	uint8_t bytes[RECORD_MAX]; /* length, frames, tag */
};

/* Shared by all connections of an instance: an idle one holds no record. */
struct record_pool {
	struct record *spare;
	uint32_t count;
};
void record_pool_fini(struct record_pool *pool);

struct record_queue {
	struct record_pool *pool;
	const struct record_crypto *crypto;
	struct record *head, *tail; /* sealed */
	struct record *open;        /* being filled, or NULL */
	struct record *lent;        /* the same, and perhaps one more, between record_lend() and record_return() */
	uint64_t bytes;             /* in the sealed ones, not yet written */
	int broken;                 /* sealing failed or memory ran out: the connection is over */
};

void record_queue_init(struct record_queue *q, struct record_pool *pool, const struct record_crypto *crypto);
void record_queue_fini(struct record_queue *q);
/* Room for a frame with `min` bytes of payload; *ret_room is how many it may have. Write the payload there, then call
 * record_frame(). NULL when the queue is broken. */
uint8_t *record_room(struct record_queue *q, uint32_t min, uint32_t *ret_room);
/* The frame whose payload of `len` bytes lies where record_room() said. */
void record_frame(struct record_queue *q, uint8_t type, uint32_t stream, uint32_t len);
/* The same for a payload that is fetched by calls to others, who may want to send something themselves, or even end the
 * queue: their frames stay behind it. Room for about `most` bytes, at least `min`, in v; returns the number of iovecs, 0 when
 * the queue is broken. Always followed by record_return(), which makes frames of the first `len` bytes there. */
#define RECORD_LEND 2U
uint32_t record_lend(struct record_queue *q, uint32_t min, uint32_t most, struct iovec v[RECORD_LEND]);
void record_return(struct record_queue *q, uint8_t type, uint32_t stream, uint32_t len);
/* A whole frame. */
void record_put(struct record_queue *q, uint8_t type, uint32_t stream, const void *payload, uint32_t len);
/* Bytes that wait to be written, sealed or not. */
static inline uint64_t record_pending(const struct record_queue *q)
{
	return q->bytes + (q->open ? q->open->len : 0);
}
/* Seal what is open, if there is anything in it. From then on another crypto may be used. */
void record_seal(struct record_queue *q);
/* Write what is sealed. 0: all is written; -RTUN_EAGAIN; or the carrier's error. */
int record_flush(struct record_queue *q, struct rtun_stream *carrier);

#endif
