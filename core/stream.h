/* SPDX-License-Identifier: BSD-2-Clause
 *
 * stream.h - the core's side of streams. doc/streams.md has the truth table that stream.c follows.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>

#include "buf.h"
#include "hostctx.h"
#include "loop.h"

/* How an owner that moves bytes (a relay, a wrapper) is joined to a stream: straight through, nothing buffered. */
struct stream_joint {
	/* Input has come: take what you can; returns how much (0 to all). */
	uint64_t (*sink)(void *arg, const struct iovec *v, uint32_t n);
	/* The implementer wants output: as rtun_pull(). */
	int64_t (*source)(void *arg, const struct iovec *v, uint32_t n);
};

struct rtun_stream {
	struct rtun_object object;
	/* implementer */
	const struct rtun_stream_ops *ops;
	void *self;
	/* owner */
	rtun_ready_cb *ready;
	void *arg;
	const struct stream_joint *joint; /* with the same arg */
	struct buf in;      /* fed or peeked, not yet read */
	struct buf put;     /* of rtun_put(), not yet accepted by the implementer */
	/* small, as there are many streams */
	uint16_t in_err;    /* why the input ended, when in_ended and not 0 */
	uint16_t out_err;   /* why the output ended early */
	uint8_t wanted;     /* by the owner, not yet called back */
	uint8_t fired;      /* to be called back this turn */
	uint32_t peek_min;  /* a want(READ) waits for more than this many buffered bytes; 0: for any */
	bool in_ended : 1;  /* nothing more comes after `in` */
	bool out_shut : 1;  /* the owner has shut down */
	bool shut_told : 1; /* ... and the implementer knows */
	bool aborted : 1;
	bool closed : 1;    /* the owner has let go */
	bool failed : 1;    /* the implementer said that its carrier is gone */
	struct loop_defer defer; /* has the loop, too */
	struct stream_linger *linger; /* rtun_finish() */
};

int host_stream_create(struct rtun_ctx *ctx, const struct rtun_stream_ops *ops, void *self, struct rtun_stream **ret);
/* Can the implementer pull its output? Then tell it that there is some. */
bool stream_can_pull(const struct rtun_stream *s);
/* Its output has ended with an error; unlike host_stream_failed(), nothing is said about its input. */
void stream_output_failed(struct rtun_stream *s, uint32_t err);
void stream_offer(struct rtun_stream *s);
int stream_create(struct loop *loop, const struct rtun_stream_ops *ops, void *self, struct rtun_stream **ret);
/* The loop ends: so does politeness. */
void stream_end_lingers(struct stream_linger **list);
/* Its calls get what host_stream_on_ready() was told, which ends it. */
void stream_join(struct rtun_stream *s, const struct stream_joint *joint);

int64_t host_stream_readv(struct rtun_stream *s, const struct iovec *v, uint32_t n);
int64_t host_stream_peek(struct rtun_stream *s, uint64_t min, const uint8_t **p);
void host_stream_consume(struct rtun_stream *s, uint64_t n);
int64_t host_stream_writev(struct rtun_stream *s, const struct iovec *v, uint32_t n);
int host_stream_put(struct rtun_stream *s, const void *p, uint64_t n);
int host_stream_shutdown(struct rtun_stream *s);
void host_stream_abort(struct rtun_stream *s, uint32_t err);
void host_stream_want(struct rtun_stream *s, uint32_t events);
void host_stream_on_ready(struct rtun_stream *s, rtun_ready_cb *cb, void *arg);
void host_stream_close(struct rtun_stream **s);
void host_stream_finish(struct rtun_stream **s, uint64_t ns);
int host_stream_feed(struct rtun_stream *s, const struct iovec *v, uint32_t n);
void host_stream_feed_end(struct rtun_stream *s, uint32_t err);
void host_stream_ready(struct rtun_stream *s, uint32_t events);
int64_t host_stream_pull(struct rtun_stream *s, const struct iovec *v, uint32_t n);
void host_stream_failed(struct rtun_stream *s, uint32_t err);

/* stream_fd.c */
int host_stream_of_fd(struct rtun_ctx *ctx, int fd, struct rtun_stream **ret);
int host_stream_to_fd(struct rtun_stream **s, int *ret_fd);
int host_stream_addr(struct rtun_stream *s, uint32_t which, struct rtun_addr *ret);
int host_stream_option(struct rtun_stream *s, uint32_t option, uint64_t value);
/* wrap.c */
int host_wrap(struct rtun_ctx *ctx, struct rtun_stream **inner, const struct rtun_wrap_ops *ops, void *self, struct rtun_stream **ret);
void host_wrap_resume(struct rtun_stream *s, uint32_t direction);
/* The bytes that a stream holds, at whatever depth of wrappers, and may give now: as at most `max` iovecs; then, that
 * `n` of them were taken. For a relay: what is stalled is not copied from wrapper to wrapper. */
uint32_t stream_held(struct rtun_stream *s, struct iovec *v, uint32_t max);
void stream_take_held(struct rtun_stream *s, uint64_t n);
struct rtun_stream *wrap_inner(struct rtun_stream *s); /* NULL: not a wrapper */

#endif
