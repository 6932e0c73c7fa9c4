/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_stream.c - doc/streams.md's truth table, and relays between streams that split, trickle, stall and break.
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay.h"
#include "stream_fd.h"
#include "timer.h"
#include "work.h"

static struct loop *loop;
static struct host_ctx hctx;

static void setup(void)
{
	ck_assert_int_eq(loop_create_virtual(&loop), 0);
	hctx = (struct host_ctx){.ctx = {.host = &host_table, .instance = "test"}, .loop = loop};
}

static void teardown(void)
{
	loop_destroy(&loop);
	ck_assert_ptr_null(loop);
}

/* ---- a hostile stream: does everything an implementer may do, in the smallest steps ---- */

struct hostile {
	struct rtun_stream *stream;
	/* input: `size` bytes of a pattern, then `in_end` (0 or an error), at most in_chunk at a time, a pause between */
	uint64_t size, given, consumed, in_chunk;
	uint32_t in_end, pause_every;
	bool never_ends, feeds;
	uint64_t window; /* feeding: may have this much unconsumed */
	/* output */
	uint64_t got, out_chunk, out_stall_at, fail_at; /* 0: off */
	uint32_t fail_err;
	bool shut, puller, pulled_end, offered, stalled;
	uint32_t aborted, tick;
	int aborts, shutdowns, *destroyed;
	struct rtun_timer *timer;
	uint32_t wanted;
};

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 131 + (at >> 8) * 7);
}

static void check_pattern(struct hostile *h, const uint8_t *p, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (p[i] != pattern(h->got + i))
			ck_abort_msg("byte %llu differs", (unsigned long long)(h->got + i));
	h->got += n;
}

static int64_t hostile_read(void *self, const struct iovec *v, uint32_t n)
{
	struct hostile *h = self;
	uint64_t len = v[0].iov_len;
	(void)n;
	if (h->pause_every && ++h->tick % h->pause_every == 0)
		return -RTUN_EAGAIN;
	if (h->given == h->size)
		return h->never_ends ? -RTUN_EAGAIN : -(int64_t)h->in_end;
	if (len > h->in_chunk)
		len = h->in_chunk;
	if (len > h->size - h->given)
		len = h->size - h->given;
	for (uint64_t i = 0; i < len; i++)
		((uint8_t *)v[0].iov_base)[i] = pattern(h->given + i);
	h->given += len;
	return (int64_t)len;
}

static int64_t hostile_writev(void *self, const struct iovec *v, uint32_t n)
{
	struct hostile *h = self;
	uint64_t done = 0;
	ck_assert(!h->shut && !h->aborts);
	if (h->fail_at && h->got >= h->fail_at)
		return -(int64_t)h->fail_err;
	if (h->stalled || (h->out_stall_at && h->got >= h->out_stall_at && !h->stalled)) {
		h->stalled = h->stalled || h->out_stall_at;
		return -RTUN_EAGAIN;
	}
	if (h->pause_every && ++h->tick % h->pause_every == 0)
		return -RTUN_EAGAIN;
	for (uint32_t i = 0; i < n && done < h->out_chunk; i++) {
		uint64_t len = v[i].iov_len < h->out_chunk - done ? v[i].iov_len : h->out_chunk - done;
		check_pattern(h, v[i].iov_base, len);
		done += len;
	}
	return (int64_t)done;
}

static void hostile_shutdown(void *self)
{
	struct hostile *h = self;
	ck_assert(!h->shut && !h->aborts);
	h->shut = true;
	h->shutdowns++;
}

static void hostile_abort(void *self, uint32_t err)
{
	struct hostile *h = self;
	h->aborted = err;
	ck_assert_int_eq(h->aborts++, 0);
}

/* Answers later, from a timer: never at once. */
static void hostile_want(void *self, uint32_t events)
{
	struct hostile *h = self;
	h->wanted |= events;
	host_timer_start(h->timer, RTUN_MS);
}

static void feed_some(struct hostile *h)
{
	uint8_t p[4096];
	while (h->given < h->size && h->given - h->consumed < h->window) {
		uint64_t len = h->in_chunk;
		if (len > sizeof(p))
			len = sizeof(p);
		if (len > h->size - h->given)
			len = h->size - h->given;
		if (len > h->window - (h->given - h->consumed))
			len = h->window - (h->given - h->consumed);
		for (uint64_t i = 0; i < len; i++)
			p[i] = pattern(h->given + i);
		struct iovec v[2] = {{p, len / 2}, {p + len / 2, len - len / 2}};
		h->given += len;
		if (host_stream_feed(h->stream, v, 2) < 0) {
			h->given = h->size;
			return;
		}
	}
	if (h->given == h->size && !h->never_ends)
		host_stream_feed_end(h->stream, h->in_end);
}

static void pull_some(struct hostile *h)
{
	uint8_t p[4096];
	struct iovec v = {p, h->out_chunk < sizeof(p) ? h->out_chunk : sizeof(p)};
	for (int i = 0; i < 64; i++) {
		if (h->fail_at && h->got >= h->fail_at) {
			host_stream_failed(h->stream, h->fail_err);
			h->offered = false;
			return;
		}
		int64_t r = host_stream_pull(h->stream, &v, 1);
		if (r > 0) {
			check_pattern(h, p, (uint64_t)r);
			continue;
		}
		if (r == 0) {
			ck_assert(!h->pulled_end);
			h->pulled_end = h->shut = true;
		}
		h->offered = false;
		return;
	}
	host_timer_start(h->timer, RTUN_MS);
}

static void hostile_offer(void *self)
{
	struct hostile *h = self;
	h->offered = true;
	host_timer_start(h->timer, RTUN_MS);
}

static void hostile_consumed(void *self, uint64_t n)
{
	struct hostile *h = self;
	h->consumed += n;
	ck_assert(h->consumed <= h->given);
	if (h->feeds && h->given < h->size)
		host_timer_start(h->timer, RTUN_MS);
}

static void hostile_tick(void *arg)
{
	struct hostile *h = arg;
	uint32_t events = h->wanted;
	h->wanted = 0;
	if (h->stalled)
		events &= ~RTUN_WRITE;
	if (h->feeds)
		feed_some(h);
	if (h->offered)
		pull_some(h);
	if (events)
		host_stream_ready(h->stream, events);
}

static void hostile_destroy(void *self)
{
	struct hostile *h = self;
	host_timer_destroy(&h->timer);
	if (h->destroyed)
		++*h->destroyed;
}

#define COMMON \
	.size = sizeof(struct rtun_stream_ops), .writev = hostile_writev, .shutdown = hostile_shutdown, \
	.abort = hostile_abort, .want = hostile_want, .destroy = hostile_destroy
static const struct rtun_stream_ops kinds[4] = {
	{COMMON, .read = hostile_read},
	{COMMON, .consumed = hostile_consumed},
	{COMMON, .read = hostile_read, .offer = hostile_offer},
	{COMMON, .consumed = hostile_consumed, .offer = hostile_offer},
};

/* kind: 1 feeds instead of being read, 2 pulls as well as being written to */
static void hostile_open(struct hostile *h, unsigned kind)
{
	h->feeds = kind & 1;
	h->puller = kind & 2;
	if (!h->in_chunk)
		h->in_chunk = 4096;
	if (!h->out_chunk)
		h->out_chunk = 4096;
	if (!h->window)
		h->window = 65536;
	ck_assert_int_eq(timer_make(loop, hostile_tick, h, &h->timer), 0);
	ck_assert_int_eq(stream_create(loop, &kinds[kind], h, &h->stream), 0);
	if (h->feeds)
		host_timer_start(h->timer, RTUN_MS);
}

/* ---- relay ---- */

struct ending {
	int called;
	struct rtun_relay_result result;
};

static void on_done(void *arg, const struct rtun_relay_result *r)
{
	struct ending *e = arg;
	e->called++;
	e->result = *r;
}

static struct rtun_relay *relay_of(struct rtun_stream *a, struct rtun_stream *b, struct ending *e, uint64_t half_close, uint64_t idle)
{
	struct rtun_relay *r;
	struct rtun_relay_req req = {.size = sizeof(req), .a = &a, .b = &b, .half_close = half_close, .idle = idle, .done = on_done, .arg = e};
	ck_assert_int_eq(host_relay_start(&hctx.ctx, &req, &r), 0);
	ck_assert(!a && !b);
	return r;
}

static uint64_t wrap_moved[2];
static void count_moved(void *self, uint32_t direction, uint64_t n)
{
	(void)self;
	wrap_moved[direction] += n;
}
static const struct rtun_wrap_ops counting = {.size = sizeof(counting), .moved = count_moved};

static const uint64_t chunks[] = {1, 7, 1000, 4096};
static const uint64_t sizes[] = {0, 1, 3000, 100000};

/* Every kind against every kind, plain and wrapped, at every chunk size: all bytes arrive, both ends end in order. */
START_TEST(relay_moves_everything)
{
	unsigned ka = (unsigned)_i & 3, kb = (unsigned)_i >> 2 & 3, wrapped = (unsigned)_i >> 4;
	for (size_t c = 0; c < 4; c++) {
		for (size_t z = 0; z < 4; z++) {
			uint64_t size = (chunks[c] == 1 || chunks[3 - c] == 1) && sizes[z] > 3000 ? 5000 : sizes[z];
			int destroyed = 0;
			struct hostile a = {.size = size, .in_chunk = chunks[c], .out_chunk = chunks[3 - c], .pause_every = 5, .destroyed = &destroyed};
			struct hostile b = {.size = size / 2, .in_chunk = chunks[3 - c], .out_chunk = chunks[c], .pause_every = 3, .window = 100, .destroyed = &destroyed};
			struct ending e = {0};
			struct rtun_stream *sa, *sb;
			hostile_open(&a, ka);
			hostile_open(&b, kb);
			sa = a.stream;
			sb = b.stream;
			wrap_moved[0] = wrap_moved[1] = 0;
			if (wrapped)
				ck_assert_int_eq(host_wrap(&hctx.ctx, &sb, &counting, NULL, &sb), 0);
			relay_of(sa, sb, &e, 0, 0);
			for (int i = 0; i < 40000 && !e.called; i++)
				loop_advance(loop, RTUN_MS);
			ck_assert_int_eq(e.called, 1);
			ck_assert_uint_eq(e.result.bytes[0], size);
			ck_assert_uint_eq(e.result.bytes[1], size / 2);
			ck_assert_uint_eq(e.result.result[0], 0);
			ck_assert_uint_eq(e.result.result[1], 0);
			ck_assert_uint_eq(b.got, size);
			ck_assert_uint_eq(a.got, size / 2);
			ck_assert(a.shut && b.shut && !a.aborts && !b.aborts);
			if (a.feeds)
				ck_assert_uint_eq(a.consumed, size);
			if (wrapped) {
				ck_assert_uint_eq(wrap_moved[RTUN_OUT], size);
				ck_assert_uint_eq(wrap_moved[RTUN_IN], size / 2);
			}
			loop_advance(loop, RTUN_S);
			ck_assert_int_eq(destroyed, 2);
		}
	}
	ck_assert_uint_eq(loop_buffers(loop)->used, 0);
}
END_TEST

/* An error after data: the data arrives first, then both ends are aborted with the same code. */
START_TEST(relay_delivers_before_error)
{
	unsigned ka = (unsigned)_i & 3, kb = (unsigned)_i >> 2 & 3;
	struct hostile a = {.size = 20000, .in_end = RTUN_ETRUNCATED};
	struct hostile b = {.never_ends = true, .out_chunk = 100, .pause_every = 3};
	struct ending e = {0};
	hostile_open(&a, ka);
	hostile_open(&b, kb);
	relay_of(a.stream, b.stream, &e, 0, 0);
	loop_advance(loop, 5 * RTUN_S);
	ck_assert_int_eq(e.called, 1);
	ck_assert_uint_eq(b.got, 20000);
	ck_assert_uint_eq(b.aborted, RTUN_ETRUNCATED);
	ck_assert(!b.shut);
	ck_assert_uint_eq(e.result.result[0], RTUN_ETRUNCATED);
	ck_assert_uint_eq(e.result.result[1], RTUN_ETRUNCATED);
	ck_assert_uint_eq(loop_buffers(loop)->used, 0);
}
END_TEST

/* The writer breaks: the reader's side is aborted with its code. */
START_TEST(relay_write_error)
{
	unsigned ka = (unsigned)_i & 3, kb = (unsigned)_i >> 2 & 3;
	struct hostile a = {.size = 200000, .never_ends = true};
	struct hostile b = {.never_ends = true, .fail_at = 5000, .fail_err = RTUN_ERESET};
	struct ending e = {0};
	hostile_open(&a, ka);
	hostile_open(&b, kb);
	relay_of(a.stream, b.stream, &e, 0, 0);
	loop_advance(loop, 40 * RTUN_S);
	ck_assert_int_eq(e.called, 1);
	ck_assert_uint_eq(a.aborted, RTUN_ERESET);
	ck_assert_uint_eq(e.result.result[0], RTUN_ERESET);
	ck_assert_uint_eq(loop_buffers(loop)->used, 0);
}
END_TEST

/* Who takes no more may have answered before: an early refusal of an upload, say. (One that pulls and fails has failed both ways.) */
START_TEST(relay_last_words)
{
	static const unsigned kinds_of_b[] = {0, 1, 3};
	unsigned ka = (unsigned)_i & 3, kb = kinds_of_b[_i >> 2];
	struct hostile a = {.size = 200000, .never_ends = true, .out_chunk = 700};
	struct hostile b = {.size = 30000, .never_ends = true, .in_chunk = 500, .pause_every = 4, .fail_at = 5000, .fail_err = RTUN_ERESET};
	struct ending e = {0};
	hostile_open(&a, ka);
	hostile_open(&b, kb);
	relay_of(a.stream, b.stream, &e, 0, 0);
	loop_advance(loop, 40 * RTUN_S);
	ck_assert_int_eq(e.called, 1);
	ck_assert_uint_eq(a.got, 30000);
	ck_assert_uint_eq(a.aborted, RTUN_ERESET);
	ck_assert_uint_eq(e.result.result[0], RTUN_ERESET);
	ck_assert_uint_eq(loop_buffers(loop)->used, 0);
}
END_TEST

/* A FIN without data wakes the peer; the other direction goes on; the half-close timer ends it. */
START_TEST(relay_half_close)
{
	struct hostile a = {.size = 0}, b = {.size = 3000, .never_ends = true};
	struct ending e = {0};
	hostile_open(&a, (unsigned)_i & 3);
	hostile_open(&b, (unsigned)_i >> 2 & 3);
	relay_of(a.stream, b.stream, &e, 10 * RTUN_S, 0);
	loop_advance(loop, RTUN_S);
	ck_assert(b.shut);
	ck_assert_uint_eq(a.got, 3000);
	ck_assert_int_eq(e.called, 0);
	loop_advance(loop, 8 * RTUN_S);
	ck_assert_int_eq(e.called, 0);
	loop_advance(loop, 2 * RTUN_S);
	ck_assert_int_eq(e.called, 1);
	ck_assert_uint_eq(e.result.result[0], 0);
	ck_assert_uint_eq(e.result.result[1], RTUN_ETIMEOUT);
	ck_assert_uint_eq(a.aborted, RTUN_ETIMEOUT);
}
END_TEST

START_TEST(relay_idle)
{
	struct hostile a = {.size = 5, .never_ends = true}, b = {.never_ends = true};
	struct ending e = {0};
	hostile_open(&a, 0);
	hostile_open(&b, 0);
	relay_of(a.stream, b.stream, &e, 0, 3 * RTUN_S);
	loop_advance(loop, 2 * RTUN_S);
	ck_assert_int_eq(e.called, 0);
	a.size = 10; /* a byte in time */
	host_stream_ready(a.stream, RTUN_READ);
	loop_advance(loop, 2 * RTUN_S);
	ck_assert_int_eq(e.called, 0);
	loop_advance(loop, 2 * RTUN_S);
	ck_assert_int_eq(e.called, 1);
	ck_assert_uint_eq(e.result.result[0], RTUN_ETIMEOUT);
}
END_TEST

/* A reader that stalls holds no more than its sender's window, whatever the other one sends. */
START_TEST(relay_stall_is_bounded)
{
	struct hostile a = {.size = 10 << 20, .window = 65536, .in_chunk = 4096}, b = {.never_ends = true, .out_stall_at = 10000};
	struct ending e = {0};
	struct rtun_relay *r;
	hostile_open(&a, 1);
	hostile_open(&b, 0);
	r = relay_of(a.stream, b.stream, &e, 0, 0);
	loop_advance(loop, 5 * RTUN_S);
	ck_assert(b.stalled);
	ck_assert_uint_eq(a.given - a.consumed, 65536);
	ck_assert_uint_le(loop_buffers(loop)->used, 2 * 65536);
	host_relay_abort(r, RTUN_EOVERLOAD);
	loop_advance(loop, RTUN_S);
	ck_assert_int_eq(e.called, 1);
	ck_assert_uint_eq(a.aborted, RTUN_EOVERLOAD);
	ck_assert_uint_eq(loop_buffers(loop)->used, 0);
}
END_TEST

/* ---- one stream ---- */

static uint32_t seen_events;
static int seen_count;
static void on_ready(void *arg, struct rtun_stream *s, uint32_t events)
{
	(void)s;
	seen_events |= events;
	seen_count++;
	if (arg)
		host_stream_close(arg);
}

static void seen_reset(void)
{
	seen_events = 0;
	seen_count = 0;
}

START_TEST(peek_waits_for_new_bytes)
{
	struct hostile h = {.size = 10, .in_chunk = 4, .never_ends = true, .window = 4};
	const uint8_t *p;
	hostile_open(&h, (unsigned)_i);
	host_stream_on_ready(h.stream, on_ready, NULL);
	if (h.feeds)
		loop_advance(loop, RTUN_S);
	h.window = 100;
	seen_reset();
	int64_t r = host_stream_peek(h.stream, h.feeds ? 5 : 11, &p);
	ck_assert_int_eq(r, -RTUN_EAGAIN);
	host_stream_want(h.stream, RTUN_READ);
	if (!h.feeds)
		h.wanted = 0; /* the implementer stays silent: so nothing may come */
	loop_advance(loop, RTUN_S);
	ck_assert_int_eq(seen_count, 0);
	if (h.feeds)
		feed_some(&h);
	h.size = 20;
	if (!h.feeds)
		host_stream_ready(h.stream, RTUN_READ);
	loop_advance(loop, RTUN_S);
	ck_assert_int_eq(seen_count, 1);
	r = host_stream_peek(h.stream, 10, &p);
	ck_assert_int_ge(r, 10);
	for (int i = 0; i < 10; i++)
		ck_assert_uint_eq(p[i], pattern((uint64_t)i));
	host_stream_consume(h.stream, 10);
	host_stream_close(&h.stream);
	loop_advance(loop, RTUN_S);
}
END_TEST

START_TEST(end_waits_behind_data)
{
	struct hostile h = {.size = 10, .in_end = (uint32_t)_i};
	struct iovec v;
	const uint8_t *p;
	uint8_t b[16];
	hostile_open(&h, 1);
	loop_advance(loop, RTUN_S);
	ck_assert_int_eq(host_stream_peek(h.stream, 16, &p), -_i);
	v = (struct iovec){b, 6};
	ck_assert_int_eq(host_stream_readv(h.stream, &v, 1), 6);
	v.iov_len = 16;
	ck_assert_int_eq(host_stream_readv(h.stream, &v, 1), 4);
	ck_assert_int_eq(host_stream_readv(h.stream, &v, 1), -_i);
	ck_assert_int_eq(host_stream_readv(h.stream, &v, 1), -_i);
	host_stream_close(&h.stream);
	loop_advance(loop, RTUN_S);
}
END_TEST

START_TEST(put_goes_ahead_of_shutdown)
{
	struct hostile h = {.never_ends = true, .out_chunk = 3, .pause_every = 2};
	uint8_t msg[100];
	struct iovec v = {msg, sizeof(msg)};
	for (size_t i = 0; i < sizeof(msg); i++)
		msg[i] = pattern(i);
	hostile_open(&h, 0);
	ck_assert_int_eq(host_stream_put(h.stream, msg, 60), 0);
	ck_assert_int_eq(host_stream_put(h.stream, msg + 60, 40), 0);
	ck_assert_int_eq(host_stream_put(h.stream, msg, RTUN_PUT_MAX), -RTUN_ENOMEM);
	ck_assert_int_eq(host_stream_writev(h.stream, &v, 1), -RTUN_EAGAIN);
	ck_assert_int_eq(host_stream_shutdown(h.stream), 0);
	ck_assert_int_eq(host_stream_put(h.stream, msg, 1), -RTUN_EPIPE);
	ck_assert_int_eq(host_stream_shutdown(h.stream), 0);
	ck_assert(!h.shut);
	loop_advance(loop, RTUN_S);
	ck_assert_uint_eq(h.got, 100);
	ck_assert_int_eq(h.shutdowns, 1);
	host_stream_close(&h.stream);
	loop_advance(loop, RTUN_S);
	ck_assert_int_eq(h.aborts, 0);
}
END_TEST

/* want(0) takes back also what was marked already, and nothing is lost by it. */
START_TEST(want_nothing)
{
	struct hostile h = {.size = 10, .never_ends = true};
	hostile_open(&h, 1);
	host_stream_on_ready(h.stream, on_ready, NULL);
	loop_advance(loop, RTUN_S);
	seen_reset();
	host_stream_want(h.stream, RTUN_READ);
	host_stream_want(h.stream, 0);
	loop_advance(loop, RTUN_S);
	ck_assert_int_eq(seen_count, 0);
	host_stream_want(h.stream, RTUN_READ);
	loop_advance(loop, RTUN_S);
	ck_assert_int_eq(seen_count, 1);
	host_stream_close(&h.stream);
	loop_advance(loop, RTUN_S);
}
END_TEST

static int64_t write_nothing(void *self, const struct iovec *v, uint32_t n)
{
	(void)self, (void)v, (void)n;
	return 0;
}

/* An implementer that says 0 for "not now" doesn't hang the loop. */
START_TEST(writev_of_nothing)
{
	static const struct rtun_stream_ops ops = {.size = sizeof(ops), .writev = write_nothing};
	struct rtun_stream *s;
	struct iovec v = {"x", 1};
	ck_assert_int_eq(stream_create(loop, &ops, NULL, &s), 0);
	ck_assert_int_eq(host_stream_writev(s, &v, 1), -RTUN_EAGAIN);
	ck_assert_int_eq(host_stream_put(s, "x", 1), 0);
	host_stream_ready(s, RTUN_WRITE);
	loop_advance(loop, RTUN_S);
	host_stream_close(&s);
	loop_advance(loop, RTUN_S);
}
END_TEST

/* A wrapper that fails lets nothing more through, and ends what it wraps. */
START_TEST(wrapper_fails)
{
	struct hostile a = {.never_ends = true, .out_stall_at = 1000}, b = {.size = 50000, .never_ends = true};
	struct ending e = {0};
	struct rtun_stream *s, *outer;
	hostile_open(&a, 0);
	hostile_open(&b, (unsigned)_i);
	s = b.stream;
	ck_assert_int_eq(host_wrap(&hctx.ctx, &s, &counting, NULL, &s), 0);
	outer = s;
	relay_of(a.stream, s, &e, 0, 0);
	loop_advance(loop, RTUN_S);
	uint64_t before = a.got;
	host_stream_failed(outer, RTUN_EDENIED);
	a.stalled = false;
	a.out_stall_at = 0;
	host_stream_ready(a.stream, RTUN_WRITE);
	loop_advance(loop, RTUN_S);
	ck_assert_int_eq(e.called, 1);
	ck_assert_uint_le(a.got - before, 65536); /* what had come through before */
	ck_assert_uint_eq(a.aborted, RTUN_EDENIED);
	ck_assert_uint_eq(b.aborted, RTUN_EDENIED);
	loop_advance(loop, RTUN_S);
	ck_assert_uint_eq(loop_buffers(loop)->used, 0);
}
END_TEST

START_TEST(close_without_shutdown_aborts)
{
	int destroyed = 0;
	struct hostile h = {.size = 100, .destroyed = &destroyed};
	hostile_open(&h, (unsigned)_i);
	host_stream_on_ready(h.stream, on_ready, NULL);
	host_stream_want(h.stream, RTUN_READ | RTUN_WRITE);
	host_stream_ready(h.stream, RTUN_READ);
	seen_reset();
	host_stream_close(&h.stream);
	ck_assert_ptr_null(h.stream);
	ck_assert_int_eq(destroyed, 0);
	loop_advance(loop, RTUN_S);
	ck_assert_int_eq(destroyed, 1);
	ck_assert_int_eq(seen_count, 0);
	ck_assert_uint_eq(h.aborted, RTUN_ERESET);
}
END_TEST

START_TEST(close_from_its_own_callback)
{
	int destroyed = 0;
	struct hostile h = {.size = 100, .destroyed = &destroyed};
	struct rtun_stream *s;
	hostile_open(&h, 0);
	s = h.stream;
	host_stream_on_ready(s, on_ready, &s);
	host_stream_want(s, RTUN_READ);
	seen_reset();
	loop_advance(loop, RTUN_S);
	ck_assert_int_eq(seen_count, 1);
	ck_assert_int_eq(destroyed, 1);
}
END_TEST

START_TEST(abort_answers_everything)
{
	struct hostile h = {.size = 100};
	uint8_t b[8];
	struct iovec v = {b, 8};
	hostile_open(&h, (unsigned)_i);
	loop_advance(loop, 10 * RTUN_MS);
	host_stream_abort(h.stream, RTUN_EDENIED);
	host_stream_abort(h.stream, RTUN_ERESET);
	ck_assert_uint_eq(h.aborted, RTUN_EDENIED);
	ck_assert_int_eq(host_stream_readv(h.stream, &v, 1), -RTUN_EDENIED);
	ck_assert_int_eq(host_stream_writev(h.stream, &v, 1), -RTUN_EPIPE);
	ck_assert_int_eq(host_stream_shutdown(h.stream), -RTUN_EPIPE);
	ck_assert_int_eq(host_stream_feed(h.stream, &v, 1), -RTUN_EPIPE);
	host_stream_on_ready(h.stream, on_ready, NULL);
	seen_reset();
	host_stream_want(h.stream, RTUN_READ | RTUN_WRITE);
	loop_advance(loop, RTUN_S);
	ck_assert_uint_eq(seen_events, RTUN_READ | RTUN_WRITE);
	host_stream_close(&h.stream);
	loop_advance(loop, RTUN_S);
}
END_TEST

START_TEST(failed_ends_both)
{
	struct hostile h = {.size = 10, .never_ends = true};
	uint8_t b[16] = {0};
	struct iovec v = {b, sizeof(b)};
	hostile_open(&h, 1);
	loop_advance(loop, RTUN_S);
	host_stream_failed(h.stream, RTUN_ETRUNCATED);
	ck_assert_int_eq(host_stream_writev(h.stream, &v, 1), -RTUN_ETRUNCATED);
	ck_assert_int_eq(host_stream_readv(h.stream, &v, 1), 10);
	ck_assert_int_eq(host_stream_readv(h.stream, &v, 1), -RTUN_ETRUNCATED);
	host_stream_close(&h.stream);
	loop_advance(loop, RTUN_S);
	ck_assert_int_eq(h.aborts, 0); /* it said so itself */
}
END_TEST

/* finish: sends what was put, shuts down, drops the rest, and ends at its limit at the latest. */
START_TEST(finish_is_polite)
{
	int destroyed = 0;
	struct hostile h = {.size = 5000, .never_ends = _i == 1, .out_chunk = 3, .pause_every = 3, .destroyed = &destroyed};
	uint8_t msg[50];
	for (size_t i = 0; i < sizeof(msg); i++)
		msg[i] = pattern(i);
	hostile_open(&h, 0);
	ck_assert_int_eq(host_stream_put(h.stream, msg, sizeof(msg)), 0);
	struct rtun_stream *s = h.stream;
	host_stream_finish(&s, 5 * RTUN_S);
	ck_assert_ptr_null(s);
	loop_advance(loop, 2 * RTUN_S);
	ck_assert_uint_eq(h.got, 50);
	ck_assert(h.shut);
	ck_assert_int_eq(destroyed, _i == 0);
	loop_advance(loop, 4 * RTUN_S);
	ck_assert_int_eq(destroyed, 1);
	ck_assert_int_eq(h.aborts, 0);
}
END_TEST

/* All that is on its way is read, or the peer would get an RST instead of the last word. */
START_TEST(finish_reads_on)
{
	int destroyed = 0;
	struct hostile h = {.size = 20000000, .in_chunk = 65536, .destroyed = &destroyed};
	hostile_open(&h, 0);
	struct rtun_stream *s = h.stream;
	host_stream_finish(&s, 5 * RTUN_S);
	loop_advance(loop, RTUN_S);
	ck_assert_uint_eq(h.given, h.size);
	ck_assert_int_eq(destroyed, 1);
	ck_assert_int_eq(h.aborts, 0);
}
END_TEST

START_TEST(budget_ends_one_stream)
{
	struct hostile h = {.never_ends = true};
	static uint8_t block[65536];
	struct iovec v = {block, sizeof(block)};
	int r = 0;
	hostile_open(&h, 1);
	loop_buffers(loop)->limit = 1 << 20;
	for (int i = 0; i < 100 && !r; i++)
		r = host_stream_feed(h.stream, &v, 1);
	ck_assert_int_eq(r, -RTUN_EOVERLOAD);
	ck_assert_uint_le(loop_buffers(loop)->used, 1 << 20);
	host_stream_close(&h.stream);
	loop_advance(loop, RTUN_S);
	ck_assert_uint_eq(loop_buffers(loop)->used, 0);
}
END_TEST

/* A wrapper that stops and goes on again, both ways, in both modes. */
struct gate {
	uint64_t left[2];
};
static uint64_t gate_allow(void *self, uint32_t direction, uint64_t n)
{
	struct gate *g = self;
	return n < g->left[direction] ? n : g->left[direction];
}
static void gate_moved(void *self, uint32_t direction, uint64_t n)
{
	((struct gate *)self)->left[direction] -= n;
}
static const struct rtun_wrap_ops gating = {.size = sizeof(gating), .allow = gate_allow, .moved = gate_moved};

START_TEST(wrapper_stops_and_resumes)
{
	struct hostile a = {.size = 50000, .never_ends = true}, b = {.size = 50000, .never_ends = true};
	struct gate g = {{1000, 2000}};
	struct ending e = {0};
	struct rtun_stream *s;
	hostile_open(&a, (unsigned)_i & 3);
	hostile_open(&b, (unsigned)_i >> 2 & 3);
	s = b.stream;
	ck_assert_int_eq(host_wrap(&hctx.ctx, &s, &gating, &g, &s), 0);
	struct rtun_stream *outer = s;
	struct rtun_relay *r = relay_of(a.stream, s, &e, 0, 0);
	loop_advance(loop, RTUN_S);
	ck_assert_uint_eq(a.got, 1000);
	ck_assert_uint_eq(b.got, 2000);
	g.left[RTUN_IN] = 500;
	host_wrap_resume(outer, RTUN_IN);
	loop_advance(loop, RTUN_S);
	ck_assert_uint_eq(a.got, 1500);
	g.left[RTUN_OUT] = 700;
	host_wrap_resume(outer, RTUN_OUT);
	loop_advance(loop, RTUN_S);
	ck_assert_uint_eq(b.got, 2700);
	host_relay_abort(r, RTUN_ERESET);
	loop_advance(loop, RTUN_S);
	ck_assert_int_eq(e.called, 1);
	ck_assert_uint_eq(loop_buffers(loop)->used, 0);
}
END_TEST

/* ---- sockets ---- */

static void socket_pair(struct rtun_stream **s, int *peer)
{
	int fd[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	ck_assert_int_eq(host_stream_of_fd(&hctx.ctx, fd[0], s), 0);
	*peer = fd[1];
}

/* Back to the socket it was, but only as long as nobody has used it. */
START_TEST(socket_again)
{
	struct rtun_stream *s, *used;
	const uint8_t *p;
	int peer, other, fd;
	char c = 0;
	socket_pair(&s, &peer);
	ck_assert_int_eq(send(peer, "x", 1, 0), 1);
	ck_assert_int_eq(rtun_stream_to_fd(&s, &fd), 0);
	ck_assert_ptr_null(s);
	loop_turn(loop);
	ck_assert_int_eq(recv(fd, &c, 1, 0), 1);
	ck_assert_int_eq(send(fd, "y", 1, 0), 1);
	ck_assert_int_eq(recv(peer, &c, 1, 0), 1);
	ck_assert_int_eq(c, 'y');
	socket_pair(&used, &other);
	ck_assert_int_eq(send(other, "x", 1, 0), 1);
	ck_assert_int_eq(rtun_peek(used, 1, &p), 1);
	ck_assert_int_eq(rtun_stream_to_fd(&used, &fd), -RTUN_ENOTSUP);
	ck_assert_ptr_nonnull(used);
	host_stream_close(&used);
	loop_turn(loop);
	close(fd);
	close(peer);
	close(other);
}
END_TEST

START_TEST(socket_relay)
{
	struct rtun_stream *a, *b;
	static uint8_t out[1 << 20], in[1 << 20];
	struct ending e = {0};
	int pa, pb;
	size_t sent = 0, got = 0;
	socket_pair(&a, &pa);
	socket_pair(&b, &pb);
	relay_of(a, b, &e, 0, 0);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = pattern(i);
	for (int i = 0; i < 10000 && got < sizeof(in); i++) {
		ssize_t n = send(pa, out + sent, sizeof(out) - sent, MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		if (sent == sizeof(out))
			shutdown(pa, SHUT_WR);
		loop_turn(loop);
		n = recv(pb, in + got, sizeof(in) - got, 0);
		got += n > 0 ? (size_t)n : 0;
	}
	ck_assert_uint_eq(got, sizeof(in));
	ck_assert_mem_eq(in, out, sizeof(in));
	loop_turn(loop);
	ck_assert_int_eq(recv(pb, in, 1, 0), 0);
	ck_assert_int_eq(e.called, 0);
	close(pb);
	for (int i = 0; i < 5; i++)
		loop_turn(loop);
	ck_assert_int_eq(e.called, 1);
	ck_assert_uint_eq(e.result.bytes[0], sizeof(out));
	close(pa);
}
END_TEST

/* ---- timers and work ---- */

static int order[8], order_count;
static void note(void *arg)
{
	order[order_count++] = *(int *)arg;
}

START_TEST(timers_in_order)
{
	static int id[5] = {0, 1, 2, 3, 4};
	static const uint64_t due[5] = {50, 10, 40, 20, 30};
	struct rtun_timer *t[5];
	order_count = 0;
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(host_timer_create(&hctx.ctx, note, &id[i], &t[i]), 0);
		host_timer_start(t[i], due[i]);
	}
	host_timer_stop(t[2]);
	host_timer_start(t[1], 60); /* moved */
	loop_advance(loop, 100);
	static const int want[] = {3, 4, 0, 1};
	ck_assert_int_eq(order_count, 4);
	ck_assert_mem_eq(order, want, sizeof(want));
	for (int i = 0; i < 5; i++)
		host_timer_destroy(&t[i]);
}
END_TEST

static void work_fn(void *arg)
{
	++*(int *)arg;
}
static void work_done(void *arg)
{
	*(int *)arg += 10;
}

START_TEST(work_ends_in_the_loop)
{
	static int n[2];
	struct rtun_work *w, *w2;
	n[0] = n[1] = 0;
	ck_assert_int_eq(host_work(&hctx.ctx, work_fn, work_done, &n[0], &w), 0);
	ck_assert_int_eq(host_work(&hctx.ctx, work_fn, work_done, &n[1], &w2), 0);
	host_work_cancel(&w2);
	ck_assert_ptr_null(w2);
	loop_destroy(&loop); /* waits for both */
	ck_assert_int_eq(n[0], 11);
	ck_assert_int_eq(n[1], 1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("stream");
	TCase *t = tcase_create("relay");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	/* valgrind is thirty times slower, and looks for other things than wrong bytes */
	tcase_add_loop_test(t, relay_moves_everything, getenv("RESTUNNEL_VALGRIND") ? 26 : 0, 32);
	tcase_add_loop_test(t, relay_delivers_before_error, 0, 16);
	tcase_add_loop_test(t, relay_write_error, 0, 16);
	tcase_add_loop_test(t, relay_last_words, 0, 12);
	tcase_add_loop_test(t, relay_half_close, 0, 16);
	tcase_add_test(t, relay_idle);
	tcase_add_test(t, relay_stall_is_bounded);
	suite_add_tcase(s, t);
	t = tcase_create("stream");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, peek_waits_for_new_bytes, 0, 2);
	tcase_add_loop_test(t, end_waits_behind_data, 0, 10);
	tcase_add_test(t, put_goes_ahead_of_shutdown);
	tcase_add_test(t, want_nothing);
	tcase_add_test(t, writev_of_nothing);
	tcase_add_loop_test(t, wrapper_fails, 0, 4);
	tcase_add_loop_test(t, close_without_shutdown_aborts, 0, 4);
	tcase_add_test(t, close_from_its_own_callback);
	tcase_add_loop_test(t, abort_answers_everything, 0, 4);
	tcase_add_test(t, failed_ends_both);
	tcase_add_loop_test(t, finish_is_polite, 0, 2);
	tcase_add_test(t, finish_reads_on);
	tcase_add_test(t, budget_ends_one_stream);
	tcase_add_loop_test(t, wrapper_stops_and_resumes, 0, 16);
	tcase_add_test(t, socket_again);
	tcase_add_test(t, socket_relay);
	tcase_add_test(t, timers_in_order);
	tcase_add_test(t, work_ends_in_the_loop);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
