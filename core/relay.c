/* SPDX-License-Identifier: BSD-2-Clause
 *
 * relay.c - joins two streams. It holds no byte of its own: what the one end does not take stays with the stream it
 * came from, whose flow control then stops the sender.
 */
#include "relay.h"

#include <stdlib.h>

#include "stream.h"
#include "timer.h"

/* What one direction may move before others get their turn. */
#define TURN_BYTES (256U * 1024U)
#define IOV_MAX_HERE 64U
/* Silence after which an end that takes nothing any more has said all it had to say. */
#define LAST_WORDS (30 * RTUN_S)

struct direction {
	struct rtun_relay *relay;
	uint64_t bytes;
	uint32_t result;
	bool done;
};

struct rtun_relay {
	struct rtun_object object;
	struct rtun_stream *ends[2];
	struct direction d[2]; /* from ends[i] to the other */
	struct rtun_timer *timer; /* made when there is something to wait for: most never need it */
	uint64_t half_close, idle, last_byte;
	uint64_t half_closed_at; /* 0: not yet */
	rtun_relay_done_cb *done;
	void *arg;
	struct loop_defer end;
	bool ended;
};

static void pump(struct direction *d);

static struct rtun_stream *from(const struct direction *d)
{
	return d->relay->ends[d != d->relay->d];
}

static struct rtun_stream *to(const struct direction *d)
{
	return d->relay->ends[d == d->relay->d];
}

static struct direction *back(struct direction *d)
{
	return d == d->relay->d ? d + 1 : d - 1;
}

/* ---- ends ---- */

static void finish(void *arg)
{
	struct rtun_relay *r = arg;
	struct rtun_relay_result result;
	for (int i = 0; i < 2; i++) {
		result.bytes[i] = r->d[i].bytes;
		result.result[i] = r->d[i].result;
	}
	host_stream_close(&r->ends[0]);
	host_stream_close(&r->ends[1]);
	host_timer_destroy(&r->timer);
	if (r->done)
		r->done(r->arg, &result);
	--*loop_held(r->end.loop);
	free(r);
}

static void end(struct rtun_relay *r)
{
	if (r->ended)
		return;
	r->ended = true;
	loop_defer_start(&r->end);
}

/* An error in either direction ends both: half a broken stream is of no use to anyone. */
static void fail(struct rtun_relay *r, uint32_t err)
{
	if (r->ended)
		return;
	for (int i = 0; i < 2; i++)
		if (!r->d[i].done) {
			r->d[i].done = true;
			r->d[i].result = err;
		}
	host_stream_abort(r->ends[0], err);
	host_stream_abort(r->ends[1], err);
	end(r);
}

/* When the next limit runs out; 0: none is set. */
static uint64_t deadline(const struct rtun_relay *r)
{
	uint64_t at = r->idle ? r->last_byte + r->idle : 0;
	if (r->half_close && r->half_closed_at && (!at || r->half_closed_at + r->half_close < at))
		at = r->half_closed_at + r->half_close;
	return at;
}

static void on_timer(void *arg);

static void arm(struct rtun_relay *r)
{
	uint64_t at = deadline(r), now = loop_now(r->end.loop);
	if (!at)
		return;
	if (!r->timer && timer_make(r->end.loop, on_timer, r, &r->timer) < 0)
		fail(r, RTUN_EOVERLOAD); /* without its limit it could stay for ever */
	else
		host_timer_start(r->timer, at > now ? at - now : 0);
}

static void on_timer(void *arg)
{
	struct rtun_relay *r = arg;
	uint32_t broken = r->ends[0]->out_err ? r->ends[0]->out_err : r->ends[1]->out_err;
	if (deadline(r) <= loop_now(r->end.loop))
		fail(r, broken ? broken : RTUN_ETIMEOUT);
	else
		arm(r); /* bytes have moved since: no timer is touched for each of them */
}

/* The output of to(d) is broken, so this direction leads nowhere; but what its input still holds may be an answer. When
 * that is through, or has no way either, or stays away, it is over. */
static void output_broken(struct direction *d)
{
	struct rtun_relay *r = d->relay;
	if (back(d)->done || to(back(d))->out_err) {
		fail(r, to(d)->out_err);
	} else if (!r->idle || r->idle > LAST_WORDS) {
		r->idle = LAST_WORDS;
		r->last_byte = loop_now(r->end.loop);
		arm(r);
	}
}

static void direction_done(struct direction *d)
{
	struct rtun_relay *r = d->relay;
	struct direction *other = back(d);
	if (d->done)
		return;
	d->done = true;
	if (other->done) {
		end(r);
		return;
	}
	if (to(other)->out_err) {
		output_broken(other);
		return;
	}
	r->half_closed_at = loop_now(r->end.loop);
	arm(r);
}

/* ---- bytes ---- */

static void count(struct direction *d, uint64_t n)
{
	if (!n)
		return;
	d->bytes += n;
	d->relay->last_byte = loop_now(d->relay->end.loop);
}

/* `from` feeds: its bytes go straight into `to`. */
static uint64_t sink(void *arg, const struct iovec *v, uint32_t n)
{
	struct direction *d = arg;
	if (d->relay->ended)
		return iov_total(v, n);
	if (stream_can_pull(to(d)))
		return 0;
	int64_t r = host_stream_writev(to(d), v, n);
	if (r < 0 && r != -RTUN_EAGAIN) {
		output_broken(d);
		return d->relay->ended ? iov_total(v, n) : 0;
	}
	if (r < 0)
		r = 0;
	count(d, (uint64_t)r);
	if ((uint64_t)r < iov_total(v, n))
		host_stream_want(to(d), RTUN_WRITE);
	return (uint64_t)r;
}

/* `to` pulls: `from` is read straight into its buffers. The joint's arg is the direction *out of* the stream that is
 * joined, so this is about the other one. */
static int64_t source(void *arg, const struct iovec *v, uint32_t n)
{
	struct direction *out = arg;
	struct direction *d = back(out);
	if (d->relay->ended || d->done)
		return -RTUN_EAGAIN;
	int64_t r = host_stream_readv(from(d), v, n);
	if (r > 0)
		count(d, (uint64_t)r);
	if (r == -RTUN_EAGAIN || (r > 0 && (uint64_t)r < iov_total(v, n)))
		host_stream_want(from(d), RTUN_READ); /* and `offer` again: a short read saves asking once more */
	else if (r == 0)
		direction_done(d);
	else if (r < 0)
		fail(d->relay, (uint32_t)-r);
	return r;
}

static const struct stream_joint relay_joint = {sink, source};

/* Read once and write it; what is not taken goes back to where it came from. 1: go on, 0: stop here. */
static int move_once(struct direction *d, uint64_t *moved)
{
	struct iovec v[IOV_MAX_HERE];
	struct buf_pool *pool = loop_buffers(d->relay->end.loop);
	uint32_t n = stream_held(from(d), v, IOV_MAX_HERE);
	bool held = n > 0;
	int64_t got, put;

	if (!held) {
		v[0] = (struct iovec){loop_scratch(d->relay->end.loop), LOOP_SCRATCH};
		got = host_stream_readv(from(d), v, 1);
		if (got == -RTUN_EAGAIN) {
			host_stream_want(from(d), RTUN_READ);
			return 0;
		}
		if (got < 0) {
			fail(d->relay, (uint32_t)-got);
			return 0;
		}
		if (got == 0) {
			host_stream_shutdown(to(d));
			direction_done(d);
			return 0;
		}
		v[0].iov_len = (size_t)got;
		n = 1;
	}
	put = host_stream_writev(to(d), v, n);
	if (put < 0 && put != -RTUN_EAGAIN) {
		output_broken(d);
		return 0;
	}
	uint64_t taken = put > 0 ? (uint64_t)put : 0;
	uint64_t rest = iov_total(v, n) - taken;
	count(d, taken);
	*moved += taken;
	if (held) {
		stream_take_held(from(d), taken);
	} else if (rest) {
		v[0] = (struct iovec){(uint8_t *)v[0].iov_base + taken, rest};
		if (buf_append(pool, &from(d)->in, v, 1) < 0) {
			fail(d->relay, RTUN_EOVERLOAD);
			return 0;
		}
	}
	if (rest) {
		host_stream_want(to(d), RTUN_WRITE);
		return 0;
	}
	if (!held && taken < LOOP_SCRATCH) { /* a short read: the next would only say so */
		host_stream_want(from(d), RTUN_READ);
		return 0;
	}
	return 1;
}

static void pump(struct direction *d)
{
	uint64_t moved = 0;
	if (d->done || d->relay->ended)
		return;
	if (to(d)->out_err) {
		output_broken(d);
		return;
	}
	if (stream_can_pull(to(d))) {
		stream_offer(to(d));
		return;
	}
	while (moved < TURN_BYTES)
		if (!move_once(d, &moved))
			return;
	host_stream_want(from(d), RTUN_READ);
}

static void on_ready(void *arg, struct rtun_stream *s, uint32_t events)
{
	struct direction *out = arg; /* from s to the other */
	(void)s;
	if (events & RTUN_READ)
		pump(out);
	if (events & RTUN_WRITE)
		pump(back(out));
}

/* ---- start ---- */

int host_relay_start(struct rtun_ctx *ctx, const struct rtun_relay_req *req, struct rtun_relay **ret)
{
	struct rtun_relay *r = calloc(1, sizeof(*r));
	if (!r)
		return -RTUN_ENOMEM;
	r->object.host = &host_table;
	r->half_close = req->half_close;
	r->idle = req->idle;
	r->done = req->done;
	r->arg = req->arg;
	loop_defer_init(&r->end, ctx_loop(ctx), finish, r);
	r->last_byte = loop_now(r->end.loop);
	r->d[0].relay = r->d[1].relay = r;
	r->ends[0] = *req->a;
	r->ends[1] = *req->b;
	*req->a = *req->b = NULL;
	for (int i = 0; i < 2; i++) {
		host_stream_on_ready(r->ends[i], on_ready, &r->d[i]);
		stream_join(r->ends[i], &relay_joint);
	}
	for (int i = 0; i < 2; i++)
		host_stream_want(r->ends[i], RTUN_READ);
	arm(r);
	++*loop_held(r->end.loop);
	*ret = r;
	return 0;
}

void host_relay_abort(struct rtun_relay *r, uint32_t err)
{
	fail(r, err);
}
