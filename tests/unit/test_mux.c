/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mux.c - two muxes over carriers that split, trickle, stall and break; one mux and a peer that keeps to no rule.
 */
#include <sys/socket.h>

#include "mux_pair.h"

#include "stream.h"

/* A stream of which each end is kept by the test. */
static void pair_open(struct opened *o)
{
	int before = acceptor->connects;
	acceptor->answer = ANSWER_KEEP;
	ck_assert_int_eq(open_to(opener, o, "example.net"), 0);
	settle();
	ck_assert_int_eq(o->calls, 1);
	ck_assert_uint_eq(o->err, 0);
	ck_assert_int_eq(acceptor->connects, before + 1);
}

/* ---- two muxes ---- */

static const uint32_t splits[] = {1, 2, 3, 7, 17, 25, 26, 27, 1000, 4097, 65536, 0};
#define SPLITS (int)(sizeof(splits) / sizeof(splits[0]))

/* Whatever the carriers do, all bytes arrive, and all ends in order; nothing is left behind. */
START_TEST(all_bytes)
{
	uint32_t split = splits[_i % SPLITS];
	bool pauses = _i / SPLITS;
	uint32_t other = splits[SPLITS - 1 - _i % SPLITS] ?: 1;
	uint64_t big = (split && split < 30) || other < 30 ? 3000 : 300000;
	const uint64_t sizes[] = {0, 1, big, big / 3};
	struct opened o[4] = {{0}};
	opener->end.in_chunk = acceptor->end.out_chunk = split;
	opener->end.out_chunk = acceptor->end.in_chunk = other;
	if (pauses) {
		opener->end.pause_every = 3;
		acceptor->end.pause_every = 2;
	}
	pair(WINDOW);
	acceptor->answer = ANSWER_RELAY;
	for (int i = 0; i < 4; i++) {
		opener->apps[i] = (struct app){.size = sizes[i], .chunk = i == 2 ? 333 : 0, .pause_every = i == 3 ? 4 : 0};
		acceptor->apps[i] = (struct app){.size = sizes[3 - i], .pause_every = i == 1 ? 3 : 0};
		o[i].app = &opener->apps[i];
		ck_assert_int_eq(open_to(opener, &o[i], "a"), 0);
	}
	for (int k = 0, over = 0; k < 4000 && over < 8; k++) {
		loop_advance(bed.loop, 10 * RTUN_MS);
		over = 0;
		for (int i = 0; i < 4; i++)
			over += opener->apps[i].destroyed + acceptor->apps[i].destroyed;
	}
	settle();
	for (int i = 0; i < 4; i++) {
		ck_assert_uint_eq(o[i].err, 0);
		ck_assert_uint_eq(opener->apps[i].got, sizes[3 - i]);
		ck_assert_uint_eq(acceptor->apps[i].got, sizes[i]);
		ck_assert(opener->apps[i].shut && acceptor->apps[i].shut);
		ck_assert(!opener->apps[i].aborted && !acceptor->apps[i].aborted);
		ck_assert(opener->apps[i].destroyed && acceptor->apps[i].destroyed);
	}
	ck_assert_int_eq(opener->ended + acceptor->ended, 0);
	ck_assert_uint_eq(mux_counters(opener->mux)->streams, 0);
	ck_assert_uint_eq(mux_counters(acceptor->mux)->streams, 0);
	ck_assert_uint_eq(mux_counters(opener->mux)->bytes_out, 1 + big + big / 3);
	ck_assert_uint_eq(mux_counters(opener->mux)->bytes_in, mux_counters(acceptor->mux)->bytes_out);
	ck_assert_uint_eq(loop_buffers(bed.loop)->used, 0);
}
END_TEST

/* The same over the kernel's sockets, and with an owner that writes by itself. */
START_TEST(sockets)
{
	enum { SIZE = 1 << 20 };
	struct opened o = {0};
	static uint8_t bytes[SIZE], back[SIZE + 1];
	uint64_t sent = 0, got = 0;
	bool over = false;
	int fd[2], k;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	ck_assert_int_eq(rtun_stream_of_fd(&hc.ctx, fd[0], &opener->end.s), 0);
	ck_assert_int_eq(rtun_stream_of_fd(&hc.ctx, fd[1], &acceptor->end.s), 0);
	ck_assert_int_eq(side_start(opener, true, WINDOW, WINDOW, &null_crypto), 0);
	ck_assert_int_eq(side_start(acceptor, false, WINDOW, WINDOW, &null_crypto), 0);
	acceptor->answer = ANSWER_RELAY;
	acceptor->apps[0] = (struct app){.size = SIZE};
	ck_assert_int_eq(open_to(opener, &o, "a"), 0);
	pattern_fill(bytes, 0, SIZE);
	for (k = 0; k < 20000 && !(over && acceptor->apps[0].shut); k++) {
		loop_turn(bed.loop);
		if (!o.s)
			continue;
		int64_t n = sent < SIZE ? rtun_write(o.s, bytes + sent, SIZE - sent) : rtun_shutdown(o.s);
		if (n == -RTUN_EAGAIN)
			rtun_want(o.s, RTUN_WRITE);
		else
			ck_assert_int_ge(n, 0);
		sent += n > 0 ? (uint64_t)n : 0;
		n = rtun_read(o.s, back + got, got < SIZE ? SIZE - got : 1);
		over = n == 0;
		got += n > 0 ? (uint64_t)n : 0;
	}
	ck_assert_uint_eq(got, SIZE);
	ck_assert_mem_eq(bytes, back, SIZE);
	ck_assert_uint_eq(acceptor->apps[0].got, SIZE);
	ck_assert_int_eq(rtun_read(o.s, back, 1), 0);
	rtun_close(&o.s);
	bed_turns(5);
	ck_assert(acceptor->apps[0].destroyed && !acceptor->apps[0].aborted);
	ck_assert_uint_eq(mux_counters(opener->mux)->streams, 0);
}
END_TEST

/* A stream that is joined with another one of the same mux, at either end. */
START_TEST(joined_with_itself)
{
	struct opened o[2] = {{0}};
	struct side *far = _i ? opener : acceptor;
	struct rtun_relay *relay;
	struct rtun_stream *a, *b, *near[2];
	static uint8_t bytes[100000], back[100000];
	uint64_t sent = 0, got = 0;
	pair(WINDOW);
	pair_open(&o[0]);
	pair_open(&o[1]);
	a = _i ? o[0].s : far->kept[0];
	b = _i ? o[1].s : far->kept[1];
	near[0] = _i ? acceptor->kept[0] : o[0].s;
	near[1] = _i ? acceptor->kept[1] : o[1].s;
	memset(acceptor->kept, 0, sizeof(acceptor->kept));
	struct rtun_relay_req req = {.size = sizeof(req), .a = &a, .b = &b};
	ck_assert_int_eq(rtun_relay_start(&hc.ctx, &req, &relay), 0);
	pattern_fill(bytes, 0, sizeof(bytes));
	for (int k = 0; k < 3000 && got < sizeof(bytes); k++) {
		int64_t n = sent < sizeof(bytes) ? rtun_write(near[0], bytes + sent, sizeof(bytes) - sent) : 0;
		sent += n > 0 ? (uint64_t)n : 0;
		loop_advance(bed.loop, RTUN_MS);
		n = rtun_read(near[1], back + got, 777);
		got += n > 0 ? (uint64_t)n : 0;
		ck_assert_msg(!opener->ended && !acceptor->ended, "%s%s", opener->end_why, acceptor->end_why);
	}
	ck_assert_uint_eq(got, sizeof(bytes));
	ck_assert_mem_eq(bytes, back, sizeof(bytes));
	rtun_close(&near[0]);
	rtun_close(&near[1]);
	settle();
	ck_assert_uint_eq(mux_counters(far->mux)->streams, 0);
}
END_TEST

/* A reader that stalls has its window in buffers and no more; the others don't notice. */
START_TEST(stall)
{
	struct opened o[2] = {{0}};
	pair(WINDOW);
	acceptor->answer = ANSWER_RELAY;
	for (int i = 0; i < 2; i++) {
		opener->apps[i] = (struct app){.size = 2 << 20, .never_ends = true};
		acceptor->apps[i] = (struct app){.stalled = i == 0, .never_ends = true};
		o[i].app = &opener->apps[i];
		ck_assert_int_eq(open_to(opener, &o[i], "a"), 0);
	}
	loop_advance(bed.loop, 2 * RTUN_S);
	ck_assert_uint_eq(acceptor->apps[1].got, 2 << 20);
	ck_assert_uint_eq(acceptor->apps[0].got, 0);
	ck_assert_uint_eq(opener->apps[0].given, WINDOW);
	ck_assert_uint_le(loop_buffers(bed.loop)->used, 2 * WINDOW);
	app_resume(&acceptor->apps[0]);
	loop_advance(bed.loop, 2 * RTUN_S);
	ck_assert_uint_eq(acceptor->apps[0].got, 2 << 20);
	mux_destroy(&opener->mux);
	settle();
}
END_TEST

/* Eight downloads get the same, and a small request does not wait behind them. */
START_TEST(fair)
{
	struct side *from = _i ? acceptor : opener, *to = _i ? opener : acceptor;
	struct opened o[9] = {{0}};
	uint64_t total = 0, before = 0;
	opener->end.room = acceptor->end.room = 65536; /* what a kernel holds for a slow link */
	opener->end.in_chunk = acceptor->end.in_chunk = 16384;
	opener->end.pause_every = acceptor->end.pause_every = 3;
	pair(262144);
	acceptor->answer = ANSWER_RELAY;
	for (int i = 0; i < 9; i++) {
		from->apps[i] = (struct app){.size = i == 8 ? 0 : UINT32_MAX, .never_ends = true};
		to->apps[i] = (struct app){.never_ends = true};
		o[i].app = &opener->apps[i];
		ck_assert_int_eq(open_to(opener, &o[i], "a"), 0);
	}
	while (total < 16 << 20) {
		loop_advance(bed.loop, 5 * RTUN_MS);
		total = 0;
		for (int i = 0; i < 8; i++)
			total += to->apps[i].got;
	}
	for (int i = 0; i < 8; i++) {
		ck_assert_uint_ge(to->apps[i].got, total / 8 * 9 / 10);
		ck_assert_uint_le(to->apps[i].got, total / 8 * 11 / 10);
	}
	from->apps[8].size = 100;
	rtun_ready(from->apps[8].s, RTUN_READ);
	for (int k = 0; k < 1000 && to->apps[8].got < 100; k++)
		loop_advance(bed.loop, RTUN_MS);
	for (int i = 0; i < 8; i++)
		before += to->apps[i].got;
	ck_assert_uint_eq(to->apps[8].got, 100);
	/* what was sealed or with the kernel already, and a turn of this test's */
	ck_assert_uint_le(before - total, 262144 + 65536 + 131072);
	mux_destroy(&opener->mux);
	settle();
}
END_TEST

/* Either end may end its direction first; the other goes on; only both ends are the end. */
START_TEST(half_close)
{
	struct opened o = {0};
	pair(WINDOW);
	pair_open(&o);
	struct rtun_stream *first = _i ? acceptor->kept[0] : o.s, *second = _i ? o.s : acceptor->kept[0];
	ck_assert_int_eq(rtun_put(first, "last", 4), 0);
	ck_assert_int_eq(rtun_shutdown(first), 0);
	settle();
	ck_assert_int_eq(take(second), 4);
	ck_assert_int_eq(take(second), 0);
	ck_assert_int_eq(take(first), -RTUN_EAGAIN);
	ck_assert_int_eq(rtun_put(second, "answer", 6), 0);
	settle();
	ck_assert_int_eq(take(first), 6);
	ck_assert_int_eq(take(first), -RTUN_EAGAIN);
	ck_assert_int_eq(rtun_shutdown(second), 0);
	settle();
	ck_assert_int_eq(take(first), 0);
	ck_assert_uint_eq(mux_counters(opener->mux)->streams, 1);
	rtun_close(&o.s);
	rtun_close(&acceptor->kept[0]);
	settle();
	ck_assert_uint_eq(mux_counters(opener->mux)->streams, 0);
	ck_assert_uint_eq(mux_counters(acceptor->mux)->streams, 0);
	ck_assert_int_eq(opener->ended + acceptor->ended, 0);
}
END_TEST

/* Letting go without an end is a RESET with its reason, after what was sent; also when the other had ended. */
START_TEST(reset)
{
	struct opened o = {0};
	pair(WINDOW);
	pair_open(&o);
	struct rtun_stream **first = _i & 1 ? &acceptor->kept[0] : &o.s, **second = _i & 1 ? &o.s : &acceptor->kept[0];
	ck_assert_int_eq(rtun_put(*first, "data", 4), 0);
	if (_i & 2)
		ck_assert_int_eq(rtun_shutdown(*second), 0);
	if (_i & 4)
		rtun_abort(*first, RTUN_EDENIED);
	else
		rtun_close(first);
	/* crossing */
	rtun_put(*second, "more", 4);
	settle();
	ck_assert_int_eq(take(*second), 4);
	ck_assert_int_eq(take(*second), _i & 4 ? -RTUN_EDENIED : -RTUN_ERESET);
	rtun_close(first);
	rtun_close(second);
	settle();
	ck_assert_uint_eq(mux_counters(opener->mux)->streams, 0);
	ck_assert_uint_eq(mux_counters(acceptor->mux)->streams, 0);
	ck_assert_int_eq(opener->ended + acceptor->ended, 0);
}
END_TEST

/* The carrier ends, in order or not: TRUNCATED or RESET after the data, never an end of stream; pending opens: NOEXIT. */
START_TEST(carrier_ends)
{
	struct opened o = {0}, p = {0};
	uint32_t want = _i & 1 ? RTUN_ERESET : RTUN_ETRUNCATED;
	pair(WINDOW);
	pair_open(&o);
	ck_assert_int_eq(rtun_put(acceptor->kept[0], "data", 4), 0);
	ck_assert_int_eq(rtun_put(o.s, "data", 4), 0);
	settle();
	acceptor->answer = ANSWER_LATER;
	ck_assert_int_eq(open_to(opener, &p, "b"), 0);
	settle();
	if (_i & 1) {
		pipe_break(&opener->end, RTUN_ERESET);
		pipe_break(&acceptor->end, RTUN_ERESET);
	} else {
		opener->end.eof = acceptor->end.eof = true;
		pipe_wake(&opener->end);
		pipe_wake(&acceptor->end);
	}
	settle();
	ck_assert_int_eq(opener->ended, 1);
	ck_assert_int_eq(acceptor->ended, 1);
	ck_assert_uint_eq(opener->end_err, want);
	ck_assert_int_eq(take(o.s), 4);
	ck_assert_int_eq(take(o.s), -(int64_t)want);
	ck_assert_int_eq(take(acceptor->kept[0]), 4);
	ck_assert_int_eq(take(acceptor->kept[0]), -(int64_t)want);
	ck_assert_int_eq(rtun_write(o.s, "x", 1), -(int64_t)want);
	ck_assert_int_eq(p.calls, 1);
	ck_assert_uint_eq(p.err, RTUN_ENOEXIT);
	ck_assert_int_eq(acceptor->gone, 1);
	rtun_close(&o.s);
}
END_TEST

/* One direction has ended in order, then the carrier goes: who is joined with the stream learns of it. */
START_TEST(carrier_ends_half_closed)
{
	struct opened o = {0};
	pair(WINDOW);
	acceptor->answer = ANSWER_RELAY;
	acceptor->wrap = _i & 2;
	acceptor->apps[0] = (struct app){.size = 3000, .never_ends = true};
	ck_assert_int_eq(open_to(opener, &o, "a"), 0);
	settle();
	ck_assert_int_eq(rtun_shutdown(o.s), 0);
	settle();
	ck_assert(acceptor->apps[0].shut);
	if (_i & 1)
		rtun_close(&o.s); /* RESET */
	else
		pipe_break(&acceptor->end, RTUN_ERESET);
	settle();
	if (!acceptor->apps[0].destroyed) { /* bytes for nobody */
		acceptor->apps[0].size = 6000;
		rtun_ready(acceptor->apps[0].s, RTUN_READ);
		settle();
	}
	ck_assert_uint_eq(acceptor->apps[0].aborted, RTUN_ERESET);
	ck_assert(acceptor->apps[0].destroyed);
	rtun_close(&o.s);
}
END_TEST

/* Last words: CLOSE is the last frame, then an end of the carrier in order. */
START_TEST(goodbye)
{
	struct opened o = {0};
	pair(WINDOW);
	pair_open(&o);
	ck_assert_int_eq(rtun_put(o.s, "data", 4), 0);
	acceptor->keep_on_end = true;
	mux_goodbye(&opener->mux, RTUN_EDENIED);
	ck_assert_ptr_null(opener->mux);
	ck_assert_int_eq(take(o.s), -RTUN_ERESET);
	settle();
	ck_assert_int_eq(acceptor->frames, 1);
	ck_assert_uint_eq(acceptor->frame_type, FRAME_CLOSE);
	ck_assert_int_eq(acceptor->ended, 1);
	ck_assert_uint_eq(acceptor->end_err, RTUN_ETRUNCATED);
	mux_destroy(&acceptor->mux);
	ck_assert_int_eq(take(acceptor->kept[0]), 4);
	ck_assert_int_eq(take(acceptor->kept[0]), -RTUN_ETRUNCATED);
	rtun_close(&o.s);
}
END_TEST

/* To whom and why: all kinds of targets, all reasons. */
START_TEST(targets)
{
	static const uint8_t v6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
	struct mux_target t = {.addr = {.port = 443}};
	struct opened o = {.side = opener};
	pair(WINDOW);
	acceptor->answer = ANSWER_LATER;
	ck_assert_int_eq(mux_open(opener->mux, &t, on_opened, &o, &o.op, NULL), -RTUN_EINVAL); /* to nowhere */
	ck_assert_int_eq(mux_open(acceptor->mux, &t, on_opened, &o, &o.op, NULL), -RTUN_ENOTSUP);
	memset(t.name, 'x', 255);
	ck_assert_int_eq(mux_open(opener->mux, &t, on_opened, &o, &o.op, NULL), 0);
	settle();
	ck_assert_str_eq(acceptor->target.name, t.name);
	ck_assert_uint_eq(acceptor->target.addr.port, 443);
	t.name[0] = 0;
	t.addr.family = 6;
	memcpy(t.addr.ip, v6, 16);
	struct opened p = {.side = opener};
	ck_assert_int_eq(mux_open(opener->mux, &t, on_opened, &p, &p.op, NULL), 0);
	settle();
	ck_assert_str_eq(acceptor->target.name, "");
	ck_assert_uint_eq(acceptor->target.addr.family, 6);
	ck_assert_mem_eq(acceptor->target.addr.ip, v6, 16);
	struct rtun_addr none = {0};
	ck_assert_int_eq(mux_accept(acceptor->ms[0], &none, &acceptor->kept[0]), 0);
	mux_refuse(acceptor->ms[1], (uint32_t)_i, "because of 1 reason");
	settle();
	ck_assert_int_eq(o.calls, 1);
	ck_assert_uint_eq(o.bound.family, 0);
	ck_assert_int_eq(p.calls, 1);
	ck_assert_uint_eq(p.err, _i >= 1 && _i <= 12 ? (uint32_t)_i : RTUN_EINTERNAL);
	ck_assert_str_eq(p.why, "because of 1 reason");
	rtun_close(&o.s);
	settle();
	ck_assert_uint_eq(mux_counters(acceptor->mux)->streams, 1);
	ck_assert_int_eq(acceptor->ended, 0);
}
END_TEST

/* An open that nobody waits for any more, before the CONNECT has arrived or after. */
START_TEST(cancel)
{
	struct opened o = {0};
	pair(WINDOW);
	acceptor->answer = ANSWER_LATER;
	ck_assert_int_eq(open_to(opener, &o, "a"), 0);
	if (_i)
		settle();
	rtun_op_cancel(&o.op);
	if (_i == 2) { /* the answer crosses it */
		struct rtun_addr none = {0};
		ck_assert_int_eq(mux_accept(acceptor->ms[0], &none, &acceptor->kept[0]), 0);
		ck_assert_int_eq(rtun_put(acceptor->kept[0], "x", 1), 0);
		rtun_shutdown(acceptor->kept[0]);
	} else if (_i == 3) {
		mux_refuse(acceptor->ms[0], RTUN_EDNS, "x");
	}
	settle();
	ck_assert_int_eq(o.calls, 0);
	ck_assert_int_eq(acceptor->gone, _i < 2);
	if (_i == 2)
		ck_assert_int_eq(take(acceptor->kept[0]), -RTUN_ERESET);
	rtun_close(&acceptor->kept[0]);
	settle();
	ck_assert_uint_eq(mux_counters(opener->mux)->streams, 0);
	ck_assert_uint_eq(mux_counters(acceptor->mux)->streams, 0);
	ck_assert_int_eq(opener->ended + acceptor->ended, 0);
}
END_TEST

/* mux_destroy() from inside the n-th callback of either side. */
START_TEST(destroy_from_callbacks)
{
	for (int n = 1; n < 9; n++) {
		struct opened o[3] = {{0}};
		int left = n;
		struct side *d = _i ? acceptor : opener;
		pair(WINDOW);
		d->destroy_in = &left;
		acceptor->answer = ANSWER_RELAY;
		for (int i = 0; i < 3; i++) {
			opener->apps[i] = (struct app){.size = 100000};
			acceptor->apps[i] = (struct app){.size = 100000};
			o[i].app = &opener->apps[i];
			if (opener->mux)
				ck_assert_int_eq(open_to(opener, &o[i], "a"), 0);
			if (i == 1)
				mux_send((_i ? opener : acceptor)->mux, FRAME_INFO, "x", 1);
		}
		settle();
		if (left > 0 || d->mux)
			mux_goodbye(_i ? &opener->mux : &acceptor->mux, RTUN_ENOEXIT);
		settle();
		d->destroy_in = NULL;
		mux_destroy(&opener->mux);
		mux_destroy(&acceptor->mux);
		settle();
		for (int i = 0; i < 3; i++)
			ck_assert_int_le(o[i].calls, 1);
		mux_common_fini(&opener->common);
		mux_common_fini(&acceptor->common);
		memset(opener, 0, sizeof(*opener));
		memset(acceptor, 0, sizeof(*acceptor));
	}
}
END_TEST

/* mux_destroy() while a stream's bytes are fetched: the keys may go with it, and are not used any more. */
static bool keys_gone;

static int mortal_seal(void *self, uint8_t *p, size_t len)
{
	ck_assert(!keys_gone);
	return null_seal(self, p, len);
}

static const struct record_crypto mortal_crypto = {NULL, mortal_seal, null_open};

static int64_t deadly_source(void *arg, const struct iovec *v, uint32_t n)
{
	(void)arg;
	mux_destroy(&opener->mux);
	keys_gone = true;
	for (uint32_t i = 0; i < n; i++)
		memset(v[i].iov_base, 'x', v[i].iov_len);
	return (int64_t)iov_total(v, n);
}

START_TEST(destroyed_while_it_fetches)
{
	static const struct stream_joint joint = {.source = deadly_source};
	struct opened o = {0};
	keys_gone = false;
	ck_assert_int_eq(pipe_end_init(&opener->end, &acceptor->end, false), 0);
	ck_assert_int_eq(pipe_end_init(&acceptor->end, &opener->end, false), 0);
	ck_assert_int_eq(side_start(opener, true, 4 * WINDOW, 4 * WINDOW, &mortal_crypto), 0);
	ck_assert_int_eq(side_start(acceptor, false, 4 * WINDOW, 4 * WINDOW, &null_crypto), 0);
	ck_assert_int_eq(open_early(opener, &o, "a"), 0);
	settle();
	stream_join(o.s, &joint);
	stream_offer(o.s);
	settle();
	ck_assert(keys_gone);
	rtun_close(&o.s);
	settle();
}
END_TEST

/* ---- the peer's life ---- */

static void half_day_later(uint64_t ns)
{
	while (ns) {
		uint64_t step = ns < RTUN_S ? ns : RTUN_S;
		loop_advance(bed.loop, step);
		ns -= step;
	}
}

/* Two idle ends stay. */
START_TEST(idle_lives)
{
	pair(WINDOW);
	half_day_later(3600 * RTUN_S);
	ck_assert_int_eq(opener->ended + acceptor->ended, 0);
	ck_assert_uint_eq(mux_counters(opener->mux)->streams, 0);
	/* about four pings a minute of both, and their pongs: an idle tunnel costs next to nothing */
	ck_assert_uint_le(opener->end.written, 3600 / 15 * 2 * 34 + 200);
}
END_TEST

/* Whoever has been silent for long gets its time to answer when it is asked something. */
START_TEST(busy_after_silence)
{
	for (int ms = 500; ms < 40000; ms += 700) {
		struct opened o = {0};
		pair(WINDOW);
		acceptor->answer = ANSWER_KEEP;
		half_day_later((uint64_t)ms * RTUN_MS);
		acceptor->end.stalled = true; /* its answer is slow */
		ck_assert_int_eq(open_to(opener, &o, "a"), 0);
		half_day_later(3 * RTUN_S);
		ck_assert_msg(!opener->ended, "after %d ms: %s", ms, opener->end_why);
		acceptor->end.stalled = false;
		pipe_wake(&acceptor->end);
		half_day_later(RTUN_S);
		ck_assert_int_eq(o.calls, 1);
		ck_assert_uint_eq(o.err, 0);
		rtun_close(&o.s);
		rtun_close(&acceptor->kept[0]);
		side_stop(opener);
		side_stop(acceptor);
		memset(opener, 0, sizeof(*opener));
		memset(acceptor, 0, sizeof(*acceptor));
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("mux");
	TCase *t = tcase_create("pair");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, all_bytes, 0, 2 * SPLITS);
	tcase_add_test(t, sockets);
	tcase_add_loop_test(t, joined_with_itself, 0, 2);
	tcase_add_test(t, stall);
	tcase_add_loop_test(t, fair, 0, 2);
	tcase_add_loop_test(t, half_close, 0, 2);
	tcase_add_loop_test(t, reset, 0, 8);
	tcase_add_loop_test(t, carrier_ends, 0, 2);
	tcase_add_loop_test(t, carrier_ends_half_closed, 0, 4);
	tcase_add_test(t, goodbye);
	tcase_add_loop_test(t, targets, 0, 15);
	tcase_add_loop_test(t, cancel, 0, 4);
	tcase_add_loop_test(t, destroy_from_callbacks, 0, 2);
	tcase_add_test(t, destroyed_while_it_fetches);
	tcase_add_test(t, idle_lives);
	tcase_add_test(t, busy_after_silence);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return bed_run(suite());
}
