/* SPDX-License-Identifier: BSD-2-Clause
 *
 * wrap.c - streams that watch or slow down another: every call goes through, bytes are not copied.
 */
#include <stdlib.h>

#include "stream.h"

#define IOV_MAX_HERE 64U

struct wrap {
	struct rtun_stream *outer, *inner;
	const struct rtun_wrap_ops *ops;
	void *self;
	bool stopped[2]; /* `allow` said 0: until rtun_wrap_resume() */
};

static void moved(struct wrap *w, uint32_t direction, uint64_t n)
{
	if (n && w->ops->moved)
		w->ops->moved(w->self, direction, n);
}

/* v cut to what may pass: the number of iovecs in `out`, 0 when nothing may. */
static uint32_t allowed(struct wrap *w, uint32_t direction, const struct iovec *v, uint32_t n, struct iovec out[IOV_MAX_HERE])
{
	uint64_t most = UINT64_MAX;
	if (w->ops->allow)
		most = w->ops->allow(w->self, direction, iov_total(v, n));
	w->stopped[direction] = most == 0;
	return iov_clip(v, n, 0, most, out, IOV_MAX_HERE);
}

static int64_t wrap_read(void *self, const struct iovec *v, uint32_t n)
{
	struct wrap *w = self;
	struct iovec cut[IOV_MAX_HERE];
	uint32_t k = allowed(w, RTUN_IN, v, n, cut);
	if (!k)
		return -RTUN_EAGAIN;
	int64_t r = host_stream_readv(w->inner, cut, k);
	moved(w, RTUN_IN, r > 0 ? (uint64_t)r : 0);
	return r;
}

static int64_t wrap_writev(void *self, const struct iovec *v, uint32_t n)
{
	struct wrap *w = self;
	struct iovec cut[IOV_MAX_HERE];
	uint32_t k = allowed(w, RTUN_OUT, v, n, cut);
	if (!k)
		return -RTUN_EAGAIN;
	int64_t r = host_stream_writev(w->inner, cut, k);
	moved(w, RTUN_OUT, r > 0 ? (uint64_t)r : 0);
	return r;
}

static void wrap_shutdown(void *self)
{
	host_stream_shutdown(((struct wrap *)self)->inner);
}

static void wrap_abort(void *self, uint32_t err)
{
	host_stream_abort(((struct wrap *)self)->inner, err);
}

static void wrap_want(void *self, uint32_t events)
{
	struct wrap *w = self;
	if (w->stopped[RTUN_IN])
		events &= ~RTUN_READ;
	if (w->stopped[RTUN_OUT])
		events &= ~RTUN_WRITE;
	if (events)
		host_stream_want(w->inner, events);
}

static void wrap_offer(void *self)
{
	stream_offer(((struct wrap *)self)->inner);
}

static void wrap_destroy(void *self)
{
	struct wrap *w = self;
	uint32_t err = w->outer->in_err ? w->outer->in_err : w->outer->out_err;
	host_stream_close(&w->inner);
	if (w->ops->destroy)
		w->ops->destroy(w->self, err);
	free(w);
}

#define COMMON_OPS \
	.size = sizeof(struct rtun_stream_ops), .read = wrap_read, .writev = wrap_writev, .shutdown = wrap_shutdown, \
	.abort = wrap_abort, .want = wrap_want, .destroy = wrap_destroy
static const struct rtun_stream_ops push_ops = {COMMON_OPS};
static const struct rtun_stream_ops pull_ops = {COMMON_OPS, .offer = wrap_offer};

/* ---- the inner stream's owner ---- */

static void inner_ready(void *arg, struct rtun_stream *s, uint32_t events)
{
	struct wrap *w = arg;
	if (s->out_err)
		stream_output_failed(w->outer, s->out_err);
	host_stream_ready(w->outer, events);
}

/* From a stream that feeds straight to the owner of the wrapper; what it does not take stays in the inner buffer. */
static uint64_t inner_sink(void *arg, const struct iovec *v, uint32_t n)
{
	struct wrap *w = arg;
	struct iovec cut[IOV_MAX_HERE];
	if (!w->outer->joint || w->outer->in.len || w->outer->in_ended)
		return 0;
	uint32_t k = allowed(w, RTUN_IN, v, n, cut);
	uint64_t r = k ? w->outer->joint->sink(w->outer->arg, cut, k) : 0;
	moved(w, RTUN_IN, r);
	return r;
}

static int64_t inner_source(void *arg, const struct iovec *v, uint32_t n)
{
	struct wrap *w = arg;
	struct iovec cut[IOV_MAX_HERE];
	uint32_t k = allowed(w, RTUN_OUT, v, n, cut);
	if (!k)
		return -RTUN_EAGAIN;
	int64_t r = host_stream_pull(w->outer, cut, k);
	moved(w, RTUN_OUT, r > 0 ? (uint64_t)r : 0);
	/* Fewer because `allow` said so: the source may have more. */
	if (r > 0 && (uint64_t)r == iov_total(cut, k) && (uint64_t)r < iov_total(v, n))
		stream_offer(w->inner);
	return r;
}

static const struct stream_joint inner_joint = {inner_sink, inner_source};

int host_wrap(struct rtun_ctx *ctx, struct rtun_stream **inner, const struct rtun_wrap_ops *ops, void *self, struct rtun_stream **ret)
{
	struct wrap *w = calloc(1, sizeof(*w));
	int r;
	if (!w)
		return -RTUN_ENOMEM;
	w->ops = ops;
	w->self = self;
	r = stream_create(ctx_loop(ctx), stream_can_pull(*inner) ? &pull_ops : &push_ops, w, &w->outer);
	if (r < 0) {
		free(w);
		return r;
	}
	w->inner = *inner;
	*inner = NULL;
	host_stream_on_ready(w->inner, inner_ready, w);
	stream_join(w->inner, &inner_joint);
	*ret = w->outer;
	return 0;
}

static struct wrap *wrap_of(struct rtun_stream *s)
{
	return s->ops == &push_ops || s->ops == &pull_ops ? s->self : NULL;
}

struct rtun_stream *wrap_inner(struct rtun_stream *s)
{
	struct wrap *w = wrap_of(s);
	return w ? w->inner : NULL;
}

uint32_t stream_held(struct rtun_stream *s, struct iovec *v, uint32_t max)
{
	struct wrap *w = wrap_of(s);
	struct iovec held[IOV_MAX_HERE];
	if (s->in.len || !w || s->in_ended)
		return buf_iov(&s->in, v, max);
	uint32_t n = stream_held(w->inner, held, max < IOV_MAX_HERE ? max : IOV_MAX_HERE);
	if (!n)
		return 0;
	return allowed(w, RTUN_IN, held, n, v);
}

void stream_take_held(struct rtun_stream *s, uint64_t n)
{
	struct wrap *w = wrap_of(s);
	if (s->in.len || !w || s->in_ended) {
		host_stream_consume(s, n);
		return;
	}
	stream_take_held(w->inner, n);
	moved(w, RTUN_IN, n);
}

void host_wrap_resume(struct rtun_stream *s, uint32_t direction)
{
	struct wrap *w = wrap_of(s);
	if (!w || !w->stopped[direction])
		return;
	w->stopped[direction] = false;
	host_stream_ready(s, direction == RTUN_IN ? RTUN_READ : RTUN_WRITE);
	if (direction == RTUN_OUT && stream_can_pull(s))
		wrap_offer(w);
}
