/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mux_bed.h - what tests of transport_noise put around a mux: a carrier whose two ends split, trickle, stall and break
 * as they are told, streams that give and check a pattern, and a peer that says whatever a test wants it to.
 */
#ifndef MUX_BED_H
#define MUX_BED_H

#include "bed.h"
#include "buf.h"

#include "../../modules/transport_noise/mux.h"

static struct host_ctx hc;

/* ---- a carrier ---- */

#ifndef PIPE_CAP
#define PIPE_CAP (1U << 18)
#endif

struct pipe_end {
	struct rtun_stream *s;  /* NULL: nobody has one (the test itself is this end), or it is gone */
	struct pipe_end *other;
	uint8_t q[PIPE_CAP];    /* to be read at this end */
	size_t len;
	bool eof;               /* after them */
	uint32_t err;           /* or this */
	/* what it does to its owner; 0: nothing */
	size_t in_chunk, out_chunk, room;
	uint32_t pause_every, read_tick, write_tick, write_err;
	bool stalled;           /* takes no bytes */
	/* what its owner did */
	bool shut, destroyed, wants_read, wants_write;
	uint32_t aborted;
	uint64_t written;
	struct rtun_timer *timer;
};

static void pipe_wake(struct pipe_end *e)
{
	if (e && e->s && (e->wants_read || e->wants_write))
		rtun_timer_start(e->timer, e->pause_every ? RTUN_MS : 0);
}

static void pipe_tick(void *arg)
{
	struct pipe_end *e = arg;
	uint32_t events = 0;
	if (e->wants_read && (e->len || e->eof || e->err))
		events |= RTUN_READ;
	if (e->wants_write && (e->write_err || (!e->stalled && e->other->len < e->room)))
		events |= RTUN_WRITE;
	if (events & RTUN_READ)
		e->wants_read = false;
	if (events & RTUN_WRITE)
		e->wants_write = false;
	if (events)
		rtun_ready(e->s, events);
}

static int64_t pipe_read(void *self, const struct iovec *v, uint32_t n)
{
	struct pipe_end *e = self;
	size_t len = v[0].iov_len < e->len ? v[0].iov_len : e->len;
	(void)n;
	if (e->pause_every && ++e->read_tick % e->pause_every == 0)
		return -RTUN_EAGAIN;
	if (!e->len)
		return e->err ? -(int64_t)e->err : e->eof ? 0 : -RTUN_EAGAIN;
	if (e->in_chunk && len > e->in_chunk)
		len = e->in_chunk;
	memcpy(v[0].iov_base, e->q, len);
	memmove(e->q, e->q + len, e->len - len);
	e->len -= len;
	pipe_wake(e->other);
	return (int64_t)len;
}

static size_t pipe_push(struct pipe_end *to, const void *p, size_t len)
{
	if (len > to->room - to->len)
		len = to->room > to->len ? to->room - to->len : 0;
	memcpy(to->q + to->len, p, len);
	to->len += len;
	pipe_wake(to);
	return len;
}

static int64_t pipe_writev(void *self, const struct iovec *v, uint32_t n)
{
	struct pipe_end *e = self;
	size_t done = 0, most = e->out_chunk ? e->out_chunk : PIPE_CAP;
	ck_assert(!e->shut && !e->aborted);
	if (e->write_err)
		return -(int64_t)e->write_err;
	if (e->stalled || (e->pause_every && ++e->write_tick % e->pause_every == 0))
		return -RTUN_EAGAIN;
	for (uint32_t i = 0; i < n && done < most; i++) {
		size_t len = v[i].iov_len < most - done ? v[i].iov_len : most - done;
		size_t took = pipe_push(e->other, v[i].iov_base, len);
		done += took;
		if (took < len)
			break;
	}
	e->written += done;
	return done ? (int64_t)done : -RTUN_EAGAIN;
}

static void pipe_shutdown(void *self)
{
	struct pipe_end *e = self;
	e->shut = true;
	e->other->eof = true;
	pipe_wake(e->other);
}

static void pipe_abort(void *self, uint32_t err)
{
	struct pipe_end *e = self;
	e->aborted = err;
	if (!e->other->eof)
		e->other->err = RTUN_ERESET;
	pipe_wake(e->other);
}

static void pipe_want(void *self, uint32_t events)
{
	struct pipe_end *e = self;
	e->wants_read = e->wants_read || events & RTUN_READ;
	e->wants_write = e->wants_write || events & RTUN_WRITE;
	pipe_wake(e);
}

static void pipe_destroy(void *self)
{
	struct pipe_end *e = self;
	rtun_timer_destroy(&e->timer);
	e->s = NULL;
	e->destroyed = true;
}

static const struct rtun_stream_ops pipe_ops = {
	.size = sizeof(pipe_ops), .read = pipe_read, .writev = pipe_writev, .shutdown = pipe_shutdown,
	.abort = pipe_abort, .want = pipe_want, .destroy = pipe_destroy,
};

/* 0, or what making the stream gave. `raw`: the test is that end. */
static inline int pipe_end_init(struct pipe_end *e, struct pipe_end *other, bool raw)
{
	e->s = NULL;
	e->timer = NULL;
	e->other = other;
	e->len = 0;
	e->eof = e->shut = e->destroyed = e->wants_read = e->wants_write = e->stalled = false;
	e->err = e->aborted = e->read_tick = e->write_tick = e->write_err = 0;
	e->written = 0;
	if (!e->room)
		e->room = PIPE_CAP;
	if (raw)
		return 0;
	if (rtun_timer_create(&hc.ctx, pipe_tick, e, &e->timer) < 0)
		return -RTUN_ENOMEM;
	if (rtun_stream_create(&hc.ctx, &pipe_ops, e, &e->s) < 0) {
		rtun_timer_destroy(&e->timer);
		return -RTUN_ENOMEM;
	}
	return 0;
}

static inline void pipe_break(struct pipe_end *e, uint32_t err)
{
	e->err = e->write_err = err;
	e->len = 0;
	pipe_wake(e);
}

/* ---- a stream that gives a pattern and checks one ---- */

struct app {
	struct rtun_stream *s;
	uint64_t size, given, got, chunk;
	uint32_t in_end, pause_every, read_tick, write_tick;
	bool never_ends, stalled;
	/* what its owner did */
	bool shut, destroyed;
	uint32_t aborted, wanted;
	struct rtun_timer *timer;
};

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 131 + (at >> 8) * 7);
}

static inline void pattern_fill(uint8_t *p, uint64_t at, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		p[i] = pattern(at + i);
}

static inline void pattern_check(const uint8_t *p, uint64_t at, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		if (p[i] != pattern(at + i))
			ck_abort_msg("byte %llu differs", (unsigned long long)(at + i));
}

static int64_t app_read(void *self, const struct iovec *v, uint32_t n)
{
	struct app *a = self;
	uint64_t len = v[0].iov_len;
	(void)n;
	if (a->pause_every && ++a->read_tick % a->pause_every == 0)
		return -RTUN_EAGAIN;
	if (a->given == a->size)
		return a->never_ends ? -RTUN_EAGAIN : -(int64_t)a->in_end;
	if (a->chunk && len > a->chunk)
		len = a->chunk;
	if (len > a->size - a->given)
		len = a->size - a->given;
	pattern_fill(v[0].iov_base, a->given, len);
	a->given += len;
	return (int64_t)len;
}

static int64_t app_writev(void *self, const struct iovec *v, uint32_t n)
{
	struct app *a = self;
	uint64_t done = 0;
	ck_assert(!a->shut && !a->aborted);
	if (a->stalled || (a->pause_every && ++a->write_tick % a->pause_every == 0))
		return -RTUN_EAGAIN;
	for (uint32_t i = 0; i < n && (!a->chunk || done < a->chunk); i++) {
		uint64_t len = a->chunk && v[i].iov_len > a->chunk - done ? a->chunk - done : v[i].iov_len;
		pattern_check(v[i].iov_base, a->got, len);
		a->got += len;
		done += len;
	}
	return (int64_t)done;
}

static void app_shutdown(void *self)
{
	((struct app *)self)->shut = true;
}

static void app_abort(void *self, uint32_t err)
{
	((struct app *)self)->aborted = err;
}

static void app_tick(void *arg)
{
	struct app *a = arg;
	uint32_t events = a->wanted & ~(a->stalled ? RTUN_WRITE : 0U);
	if (a->given == a->size && a->never_ends)
		events &= ~RTUN_READ;
	a->wanted &= ~events;
	if (events)
		rtun_ready(a->s, events);
}

static void app_want(void *self, uint32_t events)
{
	struct app *a = self;
	a->wanted |= events;
	rtun_timer_start(a->timer, a->pause_every ? RTUN_MS : 0);
}

static void app_destroy(void *self)
{
	struct app *a = self;
	rtun_timer_destroy(&a->timer);
	a->s = NULL;
	a->destroyed = true;
}

static const struct rtun_stream_ops app_ops = {
	.size = sizeof(app_ops), .read = app_read, .writev = app_writev, .shutdown = app_shutdown,
	.abort = app_abort, .want = app_want, .destroy = app_destroy,
};

static int app_open(struct app *a)
{
	if (rtun_timer_create(&hc.ctx, app_tick, a, &a->timer) < 0)
		return -RTUN_ENOMEM;
	if (rtun_stream_create(&hc.ctx, &app_ops, a, &a->s) < 0) {
		rtun_timer_destroy(&a->timer);
		return -RTUN_ENOMEM;
	}
	return 0;
}

/* Joins it with *s, which is taken. */
static inline int app_join(struct app *a, struct rtun_stream **s)
{
	struct rtun_relay *relay;
	struct rtun_stream *own;
	int r = app_open(a);
	if (r < 0)
		return r;
	own = a->s;
	struct rtun_relay_req req = {.size = sizeof(req), .a = &own, .b = s};
	r = rtun_relay_start(&hc.ctx, &req, &relay);
	if (r < 0)
		rtun_close(&own);
	return r;
}

static inline void app_resume(struct app *a)
{
	a->stalled = false;
	if (a->s)
		rtun_timer_start(a->timer, 0);
}

/* ---- one end of a mux ---- */

#define SIDE_STREAMS 32
#define NULL_TAG 0x5a

/* No secrets: the tag is a constant. */
static int null_seal(void *self, uint8_t *p, size_t len)
{
	(void)self;
	memset(p + len, NULL_TAG, WIRE_TAG);
	return 0;
}

static int null_open(void *self, uint8_t *p, size_t len)
{
	(void)self;
	for (size_t i = len - WIRE_TAG; i < len; i++)
		if (p[i] != NULL_TAG)
			return -1;
	return (int)(len - WIRE_TAG);
}

static const struct record_crypto null_crypto = {NULL, null_seal, null_open};

enum { ANSWER_LATER, ANSWER_RELAY, ANSWER_KEEP, ANSWER_REFUSE };

struct side {
	struct mux_common common;
	struct mux *mux;
	struct pipe_end end;
	/* what to do */
	int answer;            /* to a CONNECT */
	int *destroy_in;       /* counts down: the callback that makes it 0 destroys the mux */
	bool keep_on_end;      /* don't destroy the mux when it has ended */
	bool wrap;             /* accepted streams are wrapped */
	struct app apps[SIDE_STREAMS];
	/* what has happened */
	int connects, frames, gone, ended;
	uint8_t frame_type;
	struct mux_stream *ms[SIDE_STREAMS];
	struct rtun_stream *kept[SIDE_STREAMS];
	struct mux_target target;
	uint32_t end_err;
	char end_why[128];
};

static void side_destroy_maybe(struct side *d)
{
	ck_assert_msg(d->mux != NULL, "a callback after mux_destroy()");
	if (d->destroy_in && --*d->destroy_in == 0)
		mux_destroy(&d->mux);
}

static void side_gone(void *arg)
{
	struct side *d = arg;
	d->gone++;
}

static const struct rtun_wrap_ops plain_wrap = {.size = sizeof(plain_wrap)};

static void side_connect(void *arg, struct mux_stream *ms, const struct mux_target *target)
{
	static const struct rtun_addr bound = {.family = 4, .ip = {192, 0, 2, 1}, .port = 99};
	struct side *d = arg;
	int i = d->connects++;
	d->target = *target;
	ck_assert_int_lt(i, SIDE_STREAMS);
	d->ms[i] = ms;
	switch (d->answer) {
	case ANSWER_REFUSE:
		mux_refuse(ms, RTUN_EREFUSED, "no");
		break;
	case ANSWER_RELAY:
	case ANSWER_KEEP:
		ck_assert_int_eq(mux_accept(ms, &bound, &d->kept[i]), 0);
		if (d->wrap)
			ck_assert_int_eq(rtun_wrap(&hc.ctx, &d->kept[i], &plain_wrap, NULL, &d->kept[i]), 0);
		if (d->answer == ANSWER_RELAY && app_join(&d->apps[i], &d->kept[i]) < 0)
			rtun_close(&d->kept[i]);
		break;
	default:
		mux_on_gone(ms, side_gone, d);
	}
	side_destroy_maybe(d);
}

static int side_frame(void *arg, uint8_t type, const uint8_t *p, uint32_t len)
{
	struct side *d = arg;
	(void)p, (void)len;
	d->frames++;
	d->frame_type = type;
	side_destroy_maybe(d);
	return type == FRAME_INFO || type == FRAME_CLOSE ? 0 : -1;
}

static void side_ended(void *arg, uint32_t err, const char *why)
{
	struct side *d = arg;
	ck_assert_ptr_nonnull(d->mux);
	d->ended++;
	d->end_err = err;
	snprintf(d->end_why, sizeof(d->end_why), "%s", why);
	if (!d->keep_on_end)
		mux_destroy(&d->mux);
}

static const struct mux_events side_events = {.connect = side_connect, .frame = side_frame, .ended = side_ended};

/* The stream that is the carrier comes from d->end. */
static inline int side_start(struct side *d, bool opener, uint32_t window, uint32_t peer_window, const struct record_crypto *crypto)
{
	struct mux_setup setup = {
		.common = &d->common, .crypto = crypto, .events = &side_events, .arg = d, .peer_window = peer_window, .opener = opener};
	struct rtun_stream *carrier = d->end.s;
	int r = mux_common_init(&d->common, &hc.ctx, window);
	if (r == 0 && (r = mux_create(&setup, &carrier, &d->mux)) < 0)
		rtun_close(&carrier);
	return r;
}

static inline void side_stop(struct side *d)
{
	mux_destroy(&d->mux);
	for (int i = 0; i < SIDE_STREAMS; i++)
		rtun_close(&d->kept[i]);
	bed_turns(3);
	mux_common_fini(&d->common);
}

/* ---- an opening ---- */

struct opened {
	struct side *side;
	struct rtun_op *op;
	struct rtun_stream *s; /* kept, unless it goes to `app` */
	struct app *app;
	int calls;
	uint32_t err;
	char why[256];
	struct rtun_addr bound;
};

static void on_opened(void *arg, uint32_t err, const char *why, struct rtun_stream **s, const struct rtun_addr *bound)
{
	struct opened *o = arg;
	o->op = NULL;
	o->calls++;
	o->err = err;
	snprintf(o->why, sizeof(o->why), "%s", why);
	o->bound = *bound;
	if (*s && o->app) {
		if (app_join(o->app, s) < 0)
			o->err = RTUN_ENOMEM;
	} else if (*s) {
		o->s = *s;
		*s = NULL;
	}
	if (o->side->destroy_in && o->side->mux) /* NULL: it is mux_destroy() that calls */
		side_destroy_maybe(o->side);
}

static inline int open_with(struct side *d, struct opened *o, const char *name, struct rtun_stream **ret_early)
{
	struct mux_target t = {.addr = {.family = 4, .ip = {127, 0, 0, 1}, .port = 80}};
	snprintf(t.name, sizeof(t.name), "%s", name);
	o->side = d;
	return mux_open(d->mux, &t, on_opened, o, &o->op, ret_early);
}

static inline int open_to(struct side *d, struct opened *o, const char *name)
{
	return open_with(d, o, name, NULL);
}

/* The stream is there at once, kept or with o->app. */
static inline int open_early(struct side *d, struct opened *o, const char *name)
{
	int r = open_with(d, o, name, &o->s);
	if (r < 0 || !o->app)
		return r;
	r = app_join(o->app, &o->s);
	rtun_close(&o->s); /* not joined */
	return r;
}

#endif
