/* SPDX-License-Identifier: BSD-2-Clause
 *
 * stream.c - the state machine of every stream; doc/streams.md has its truth table.
 *
 * Nothing here calls an owner: rtun_ready() and friends mark the stream and defer, and on_turn() calls back from the
 * loop. So an op can't be entered from inside itself, and closing a stream from anywhere is safe.
 */
#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include "timer.h"

#define IOV_MAX_HERE 64U
/* What rtun_finish() reads and drops before others have their turn. It goes on as long as it may: bytes that nobody has read when a
 * socket is closed become an RST, which takes what was sent before away from its reader. */
#define LINGER_TURN (UINT64_C(1) << 18)

struct stream_linger {
	struct stream_linger *next, **at; /* of the loop's list */
	struct rtun_stream *stream;
	struct rtun_timer *timer;
};

/* An implementer may make codes up. */
static uint16_t small(uint32_t err)
{
	return err <= UINT16_MAX ? (uint16_t)err : RTUN_EINTERNAL;
}

static struct buf_pool *pool(const struct rtun_stream *s)
{
	return loop_buffers(s->defer.loop);
}

static bool has_op(const struct rtun_stream *s, size_t end)
{
	return s->ops->size >= end;
}
#define OP(s, name) \
	(has_op(s, offsetof(struct rtun_stream_ops, name) + sizeof((s)->ops->name)) ? (s)->ops->name : NULL)

/* ---- marks: what the owner will be told from the loop ---- */

static void fire(struct rtun_stream *s, uint32_t events)
{
	events &= s->wanted;
	if (!events || s->closed)
		return;
	s->wanted &= (uint8_t)~events;
	s->fired |= (uint8_t)(events & (RTUN_READ | RTUN_WRITE));
	loop_defer_start(&s->defer);
}

static bool input_ready(const struct rtun_stream *s)
{
	return s->in_ended || s->in.len > s->peek_min;
}

static bool output_over(const struct rtun_stream *s)
{
	return s->aborted || s->out_shut || s->out_err;
}

static void op_want(struct rtun_stream *s, uint32_t events)
{
	if (OP(s, want))
		s->ops->want(s->self, events);
}

/* ---- output ---- */

static void output_failed(struct rtun_stream *s, uint32_t err)
{
	s->out_err = small(err);
	buf_clear(pool(s), &s->put);
	fire(s, RTUN_WRITE);
}

void stream_output_failed(struct rtun_stream *s, uint32_t err)
{
	if (s->out_err || s->aborted)
		return;
	/* Who is joined to it wants nothing where bytes are pulled, and must know all the same. */
	if (s->joint)
		s->wanted |= RTUN_WRITE;
	output_failed(s, err);
}

static int64_t op_writev(struct rtun_stream *s, const struct iovec *v, uint32_t n)
{
	if (!OP(s, writev))
		return -RTUN_ENOTSUP;
	int64_t r = s->ops->writev(s->self, v, n);
	if (r == 0 && iov_total(v, n))
		return -RTUN_EAGAIN; /* "nothing accepted", said by an implementer in its own way */
	if (r < 0 && r != -RTUN_EAGAIN)
		output_failed(s, (uint32_t)-r);
	return r;
}

/* All of `put` to the implementer, then the shutdown that waited behind it. True when nothing waits any more. */
static bool flush_put(struct rtun_stream *s)
{
	struct iovec v[IOV_MAX_HERE];
	while (s->put.len) {
		int64_t r = op_writev(s, v, buf_iov(&s->put, v, IOV_MAX_HERE));
		if (r == -RTUN_EAGAIN) {
			op_want(s, RTUN_WRITE);
			return false;
		}
		if (r < 0)
			return true;
		buf_drop(pool(s), &s->put, (uint64_t)r);
	}
	if (s->out_shut && !s->shut_told && !s->aborted && !s->out_err) {
		s->shut_told = true;
		if (OP(s, shutdown))
			s->ops->shutdown(s->self);
	}
	return true;
}

static int64_t output_state(const struct rtun_stream *s)
{
	if (s->aborted || s->out_shut)
		return -RTUN_EPIPE;
	return s->out_err ? -(int64_t)s->out_err : 0;
}

int64_t host_stream_writev(struct rtun_stream *s, const struct iovec *v, uint32_t n)
{
	int64_t r = output_state(s);
	if (r < 0)
		return r;
	if (s->put.len && !flush_put(s))
		return -RTUN_EAGAIN;
	return s->out_err ? -(int64_t)s->out_err : op_writev(s, v, n);
}

int host_stream_put(struct rtun_stream *s, const void *p, uint64_t n)
{
	union {
		const void *in;
		void *out;
	} u = {p};
	struct iovec v = {u.out, n};
	int64_t r = output_state(s);
	if (r < 0)
		return (int)r;
	if (s->put.len + n > RTUN_PUT_MAX)
		return -RTUN_ENOMEM;
	r = s->put.len ? 0 : op_writev(s, &v, 1);
	if (r < 0 && r != -RTUN_EAGAIN)
		return (int)r;
	if (r < 0)
		r = 0;
	if ((uint64_t)r == n)
		return 0;
	v = (struct iovec){(uint8_t *)u.out + r, n - (uint64_t)r};
	if (buf_append(pool(s), &s->put, &v, 1) < 0) {
		/* Half of it may be gone: there is no way back to "nothing". */
		if (r)
			output_failed(s, RTUN_EINTERNAL);
		return -RTUN_ENOMEM;
	}
	op_want(s, RTUN_WRITE);
	return 0;
}

int host_stream_shutdown(struct rtun_stream *s)
{
	if (s->out_shut)
		return 0;
	int64_t r = output_state(s);
	if (r < 0)
		return (int)r;
	s->out_shut = true;
	flush_put(s);
	fire(s, RTUN_WRITE);
	return 0;
}

/* ---- input ---- */

static void input_ended(struct rtun_stream *s, uint32_t err)
{
	if (s->in_ended)
		return;
	s->in_ended = true;
	s->in_err = small(err);
	fire(s, RTUN_READ);
}

static void consumed(struct rtun_stream *s, uint64_t n)
{
	s->peek_min = 0;
	if (n && OP(s, consumed) && !s->aborted)
		s->ops->consumed(s->self, n);
}

static int64_t op_read(struct rtun_stream *s, const struct iovec *v, uint32_t n)
{
	if (!OP(s, read))
		return -RTUN_EAGAIN;
	int64_t r = s->ops->read(s->self, v, n);
	if (r <= 0 && r != -RTUN_EAGAIN) {
		s->in_ended = true;
		s->in_err = small((uint32_t)-r);
	}
	return r;
}

static int64_t input_end(const struct rtun_stream *s)
{
	return -(int64_t)s->in_err;
}

int64_t host_stream_readv(struct rtun_stream *s, const struct iovec *v, uint32_t n)
{
	if (s->in.len) {
		uint64_t r = buf_take(pool(s), &s->in, v, n);
		consumed(s, r);
		return (int64_t)r;
	}
	return s->in_ended ? input_end(s) : op_read(s, v, n);
}

/* Read once into `in`; what op_read() gives. */
static int64_t read_ahead(struct rtun_stream *s, uint32_t min)
{
	uint32_t room;
	uint8_t *p = buf_reserve(pool(s), &s->in, min, &room);
	if (!p)
		return -RTUN_EOVERLOAD;
	struct iovec v = {p, room};
	int64_t r = op_read(s, &v, 1);
	buf_commit(pool(s), &s->in, r > 0 ? (uint32_t)r : 0);
	return r;
}

int64_t host_stream_peek(struct rtun_stream *s, uint64_t min, const uint8_t **p)
{
	uint32_t len;
	if (min < 1 || min > RTUN_PEEK_MAX)
		return -RTUN_EINVAL;
	while (s->in.len < min && !s->in_ended) {
		int64_t r = read_ahead(s, (uint32_t)(min - s->in.len));
		if (r == -RTUN_EAGAIN) {
			s->peek_min = (uint32_t)s->in.len;
			return r;
		}
		if (r == -RTUN_EOVERLOAD)
			return r;
	}
	if (s->in.len < min)
		return input_end(s);
	if (!(*p = buf_linear(pool(s), &s->in, (uint32_t)min, &len)))
		return -RTUN_EOVERLOAD;
	return len;
}

void host_stream_consume(struct rtun_stream *s, uint64_t n)
{
	if (n > s->in.len)
		n = s->in.len;
	buf_drop(pool(s), &s->in, n);
	consumed(s, n);
}

/* ---- both ---- */

void host_stream_want(struct rtun_stream *s, uint32_t events)
{
	if (!events) {
		s->wanted = s->fired = 0; /* what was marked is not lost: the next want() looks again */
		return;
	}
	s->wanted |= (uint8_t)(events & (RTUN_READ | RTUN_WRITE));
	if (events & RTUN_READ) {
		if (input_ready(s))
			fire(s, RTUN_READ);
		else if (OP(s, read))
			op_want(s, RTUN_READ);
	}
	if (events & RTUN_WRITE) {
		if (output_over(s))
			fire(s, RTUN_WRITE);
		else
			op_want(s, RTUN_WRITE);
	}
}

void host_stream_on_ready(struct rtun_stream *s, rtun_ready_cb *cb, void *arg)
{
	s->ready = cb;
	s->arg = arg;
	s->wanted = s->fired = 0;
	s->peek_min = 0; /* what the owner before had seen is new to this one */
	s->joint = NULL;
}

void stream_join(struct rtun_stream *s, const struct stream_joint *joint)
{
	s->joint = joint;
}

static void end_both(struct rtun_stream *s, uint32_t err)
{
	buf_clear(pool(s), &s->put);
	if (!s->out_err)
		s->out_err = small(err);
	input_ended(s, err);
	fire(s, RTUN_READ | RTUN_WRITE);
}

void host_stream_abort(struct rtun_stream *s, uint32_t err)
{
	if (s->aborted)
		return;
	s->aborted = true;
	buf_clear(pool(s), &s->in);
	s->in_ended = true;
	s->in_err = small(err);
	end_both(s, err);
	if (OP(s, abort) && !s->failed)
		s->ops->abort(s->self, err);
}

static void destroy(struct rtun_stream *s)
{
	loop_defer_cancel(&s->defer);
	buf_clear(pool(s), &s->in);
	buf_clear(pool(s), &s->put);
	if (OP(s, destroy))
		s->ops->destroy(s->self);
	free(s);
}

static void on_turn(void *arg)
{
	struct rtun_stream *s = arg;
	uint32_t events = s->fired;
	if (s->closed) {
		destroy(s);
		return;
	}
	s->fired = 0;
	if (events && s->ready)
		s->ready(s->arg, s, events);
}

void host_stream_close(struct rtun_stream **sp)
{
	struct rtun_stream *s = *sp;
	if (!s)
		return;
	*sp = NULL;
	s->ready = NULL;
	s->joint = NULL;
	if (!s->shut_told)
		host_stream_abort(s, RTUN_ERESET);
	s->closed = true;
	loop_defer_start(&s->defer);
}

/* ---- rtun_finish() ---- */

static void linger_end(void *arg)
{
	struct rtun_stream *s = arg;
	struct stream_linger *l = s->linger;
	*l->at = l->next;
	if (l->next)
		l->next->at = l->at;
	host_timer_destroy(&l->timer);
	free(l);
	s->linger = NULL;
	host_stream_close(&s);
}

void stream_end_lingers(struct stream_linger **list)
{
	while (*list)
		linger_end((*list)->stream);
}

static void linger_ready(void *arg, struct rtun_stream *s, uint32_t events)
{
	struct iovec v = {loop_scratch(s->defer.loop), LOOP_SCRATCH};
	uint64_t dropped = 0;
	int64_t r;
	(void)arg, (void)events;
	do {
		r = host_stream_readv(s, &v, 1);
		dropped += r > 0 ? (uint64_t)r : 0;
	} while (r > 0 && dropped < LINGER_TURN);
	if (r > 0 || r == -RTUN_EAGAIN)
		host_stream_want(s, RTUN_READ);
	else if (s->shut_told || s->out_err)
		linger_end(s);
	/* else what was put is still on its way: host_stream_ready() or the timer comes */
}

void host_stream_finish(struct rtun_stream **sp, uint64_t ns)
{
	struct rtun_stream *s = *sp;
	if (!s)
		return;
	s->linger = calloc(1, sizeof(*s->linger));
	if (!s->linger || timer_make(s->defer.loop, linger_end, s, &s->linger->timer) < 0) {
		free(s->linger);
		s->linger = NULL;
		host_stream_shutdown(s);
		host_stream_close(sp);
		return;
	}
	*sp = NULL;
	s->linger->stream = s;
	s->linger->at = loop_lingers(s->defer.loop);
	s->linger->next = *s->linger->at;
	if (s->linger->next)
		s->linger->next->at = &s->linger->next;
	*s->linger->at = s->linger;
	host_timer_start(s->linger->timer, ns);
	host_stream_on_ready(s, linger_ready, NULL);
	host_stream_shutdown(s);
	host_stream_want(s, RTUN_READ);
}

/* ---- the implementer's side ---- */

int stream_create(struct loop *loop, const struct rtun_stream_ops *ops, void *self, struct rtun_stream **ret)
{
	struct rtun_stream *s = calloc(1, sizeof(*s));
	if (!s)
		return -RTUN_ENOMEM;
	s->object.host = &host_table;
	s->ops = ops;
	s->self = self;
	loop_defer_init(&s->defer, loop, on_turn, s);
	*ret = s;
	return 0;
}

int host_stream_create(struct rtun_ctx *ctx, const struct rtun_stream_ops *ops, void *self, struct rtun_stream **ret)
{
	return stream_create(ctx_loop(ctx), ops, self, ret);
}

/* Buffer what did not go through. */
static int keep(struct rtun_stream *s, const struct iovec *v, uint32_t n, uint64_t skip)
{
	struct iovec part[IOV_MAX_HERE];
	uint32_t k;
	while ((k = iov_clip(v, n, skip, UINT64_MAX, part, IOV_MAX_HERE))) {
		if (buf_append(pool(s), &s->in, part, k) < 0)
			return -RTUN_EOVERLOAD;
		skip += iov_total(part, k);
	}
	return 0;
}

int host_stream_feed(struct rtun_stream *s, const struct iovec *v, uint32_t n)
{
	uint64_t through = 0, total = iov_total(v, n);
	if (s->closed || s->aborted || s->in_ended)
		return -RTUN_EPIPE;
	if (!s->in.len && s->joint)
		through = s->joint->sink(s->arg, v, n);
	int r = through < total && !s->aborted ? keep(s, v, n, through) : 0;
	if (s->in.len && input_ready(s))
		fire(s, RTUN_READ);
	consumed(s, through);
	return r;
}

void host_stream_feed_end(struct rtun_stream *s, uint32_t err)
{
	input_ended(s, err);
}

void host_stream_ready(struct rtun_stream *s, uint32_t events)
{
	if ((events & RTUN_WRITE) && (s->put.len || (s->out_shut && !s->shut_told)) && !flush_put(s))
		events &= ~RTUN_WRITE;
	if (s->linger && (events & RTUN_WRITE))
		s->wanted |= RTUN_WRITE;
	fire(s, events);
}

int64_t host_stream_pull(struct rtun_stream *s, const struct iovec *v, uint32_t n)
{
	if (s->aborted || s->closed || s->out_err)
		return -RTUN_EPIPE;
	if (s->put.len) {
		int64_t taken = (int64_t)buf_take(pool(s), &s->put, v, n);
		stream_offer(s); /* there may be more behind it */
		return taken;
	}
	int64_t r = s->out_shut ? 0 : s->joint ? s->joint->source(s->arg, v, n) : -RTUN_EAGAIN;
	if (r == 0)
		s->out_shut = s->shut_told = true;
	return r;
}

void host_stream_failed(struct rtun_stream *s, uint32_t err)
{
	if (s->failed || s->aborted)
		return;
	s->failed = true;
	stream_output_failed(s, err);
	end_both(s, err);
	if (wrap_inner(s)) /* a wrapper that gives up: what it wraps is of no use to anyone */
		host_stream_abort(wrap_inner(s), err);
}

bool stream_can_pull(const struct rtun_stream *s)
{
	return OP(s, offer) != NULL;
}

void stream_offer(struct rtun_stream *s)
{
	if (!s->aborted && !s->out_err)
		s->ops->offer(s->self);
}
