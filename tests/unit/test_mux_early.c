/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mux_early.c - streams that are given before the other end has answered: what is written waits at the other end for
 * the answer, in order and within the window; and the answer, whatever it is and whenever it comes.
 */
#include "mux_pair.h"

/* An early stream with "early" on its way; `fin`: and the end. */
static void open_and_say(struct opened *o, bool fin)
{
	ck_assert_int_eq(open_early(opener, o, "a"), 0);
	ck_assert_int_eq(rtun_put(o->s, "early", 5), 0);
	if (fin)
		ck_assert_int_eq(rtun_shutdown(o->s), 0);
}

static void accept_first(void)
{
	static const struct rtun_addr bound = {.family = 4, .ip = {192, 0, 2, 1}, .port = 99};
	ck_assert_int_eq(mux_accept(acceptor->ms[0], &bound, &acceptor->kept[0]), 0);
}

static void assert_all_gone(void)
{
	ck_assert_int_eq(opener->ended + acceptor->ended, 0);
	ck_assert_uint_eq(mux_counters(opener->mux)->streams, 0);
	ck_assert_uint_eq(mux_counters(acceptor->mux)->streams, 0);
	ck_assert_uint_eq(loop_buffers(bed.loop)->used, 0);
}

/* Both muxes are as good as new. */
static void assert_next_one_works(void)
{
	struct opened o = {0};
	int i = acceptor->connects;
	acceptor->answer = ANSWER_KEEP;
	open_and_say(&o, true);
	settle();
	ck_assert_int_eq(o.calls, 1);
	ck_assert_uint_eq(o.err, 0);
	ck_assert_int_eq(take(acceptor->kept[i]), 5);
	ck_assert_int_eq(rtun_shutdown(acceptor->kept[i]), 0);
	settle();
	ck_assert_int_eq(take(o.s), 0);
	rtun_close(&o.s);
	rtun_close(&acceptor->kept[i]);
	settle();
	assert_all_gone();
}

/* The carrier is crossed once each way: the request goes behind the CONNECT, the answer to it comes behind the OK. Without
 * `early` the request has not even left by then. */
START_TEST(one_round_trip)
{
	struct opened o = {0};
	bool early = _i;
	pair(WINDOW);
	acceptor->answer = ANSWER_KEEP;
	acceptor->end.stalled = true;
	if (early)
		open_and_say(&o, false);
	else
		ck_assert_int_eq(open_to(opener, &o, "a"), 0);
	settle();
	ck_assert_int_eq(acceptor->connects, 1);
	ck_assert_int_eq(take(acceptor->kept[0]), early ? 5 : -RTUN_EAGAIN);
	ck_assert_int_eq(rtun_put(acceptor->kept[0], "answer", 6), 0);
	ck_assert_int_eq(o.calls, 0);
	opener->end.stalled = true;
	acceptor->end.stalled = false;
	pipe_wake(&acceptor->end);
	settle();
	ck_assert_int_eq(o.calls, 1);
	ck_assert_int_eq(take(o.s), 6);
	ck_assert_uint_eq(mux_counters(opener->mux)->bytes_out, early ? 5 : 0);
	rtun_close(&o.s);
}
END_TEST

/* What comes before the answer is kept for whoever accepts, the end too; the answer's address is told. */
START_TEST(waits_for_the_answer)
{
	struct opened o = {0};
	bool fin = _i;
	pair(WINDOW);
	acceptor->answer = ANSWER_LATER;
	open_and_say(&o, fin);
	settle();
	ck_assert_int_eq(acceptor->connects, 1);
	ck_assert_uint_eq(mux_counters(acceptor->mux)->bytes_in, 5);
	ck_assert_int_eq(o.calls, 0);
	ck_assert_int_eq(take(o.s), -RTUN_EAGAIN);
	accept_first();
	settle();
	ck_assert_int_eq(o.calls, 1);
	ck_assert_uint_eq(o.err, 0);
	ck_assert_uint_eq(o.bound.port, 99);
	ck_assert_ptr_nonnull(o.s);
	ck_assert_int_eq(take(acceptor->kept[0]), 5);
	ck_assert_int_eq(take(acceptor->kept[0]), fin ? 0 : -RTUN_EAGAIN);
	ck_assert_int_eq(rtun_put(acceptor->kept[0], "answer", 6), 0);
	ck_assert_int_eq(rtun_shutdown(acceptor->kept[0]), 0);
	if (!fin)
		ck_assert_int_eq(rtun_shutdown(o.s), 0);
	settle();
	ck_assert_int_eq(take(o.s), 6);
	ck_assert_int_eq(take(o.s), 0);
	ck_assert_int_eq(take(acceptor->kept[0]), 0);
	rtun_close(&o.s);
	rtun_close(&acceptor->kept[0]);
	settle();
	assert_all_gone();
}
END_TEST

/* The window bounds what runs ahead, to the byte; the rest follows when the target takes it, all in order. */
START_TEST(window_bounds_it)
{
	enum { SIZE = 5 * WINDOW + 7 };
	struct opened o = {0};
	uint64_t size = _i ? WINDOW - 1 : SIZE; /* what fits has its end before the answer, too */
	struct rtun_stream *s;
	opener->end.in_chunk = acceptor->end.out_chunk = 1000;
	pair(WINDOW);
	acceptor->answer = ANSWER_LATER;
	opener->apps[0] = (struct app){.size = size};
	acceptor->apps[0] = (struct app){.size = 1000, .chunk = 3333, .pause_every = 3};
	o.app = &opener->apps[0];
	ck_assert_int_eq(open_early(opener, &o, "a"), 0);
	loop_advance(bed.loop, 2 * RTUN_S);
	ck_assert_uint_eq(opener->apps[0].given, size < WINDOW ? size : WINDOW);
	ck_assert_uint_eq(mux_counters(acceptor->mux)->bytes_in, opener->apps[0].given);
	ck_assert_uint_le(loop_buffers(bed.loop)->used, 2 * WINDOW);
	accept_first();
	s = acceptor->kept[0];
	acceptor->kept[0] = NULL;
	ck_assert_int_eq(app_join(&acceptor->apps[0], &s), 0);
	loop_advance(bed.loop, 2 * RTUN_S);
	ck_assert_int_eq(o.calls, 1);
	ck_assert_uint_eq(acceptor->apps[0].got, size);
	ck_assert_uint_eq(opener->apps[0].got, 1000);
	ck_assert(acceptor->apps[0].shut && opener->apps[0].shut);
	ck_assert(acceptor->apps[0].destroyed && opener->apps[0].destroyed);
	ck_assert(!acceptor->apps[0].aborted && !opener->apps[0].aborted);
	assert_all_gone();
}
END_TEST

/* Refused: the reason is told, the stream has failed with it, what had run ahead is dropped, and so is what still comes. */
START_TEST(refused)
{
	struct opened o = {0};
	bool fin = _i & 1, crossing = _i & 2;
	pair(WINDOW);
	acceptor->answer = ANSWER_LATER;
	open_and_say(&o, fin);
	settle();
	ck_assert_uint_gt(loop_buffers(bed.loop)->used, 0);
	mux_refuse(acceptor->ms[0], RTUN_EDNS, "no such name");
	if (crossing && !fin)
		ck_assert_int_eq(rtun_put(o.s, "more", 4), 0);
	else if (crossing)
		rtun_abort(o.s, RTUN_ERESET);
	settle();
	ck_assert_int_eq(o.calls, 1);
	ck_assert_uint_eq(o.err, RTUN_EDNS);
	ck_assert_str_eq(o.why, "no such name");
	ck_assert_uint_eq(loop_buffers(bed.loop)->used, 0);
	ck_assert_uint_eq(mux_counters(acceptor->mux)->streams, 0);
	ck_assert_int_eq(take(o.s), fin && crossing ? -RTUN_ERESET : -RTUN_EDNS);
	ck_assert_int_lt(rtun_write(o.s, "x", 1), 0);
	rtun_close(&o.s);
	settle();
	assert_all_gone();
	assert_next_one_works();
}
END_TEST

/* Who is joined with a stream that was refused is told by an abort with the reason. */
START_TEST(refused_while_joined)
{
	struct opened o = {0};
	pair(WINDOW);
	acceptor->answer = ANSWER_REFUSE;
	opener->apps[0] = (struct app){.size = 3 * WINDOW, .never_ends = _i};
	o.app = &opener->apps[0];
	ck_assert_int_eq(open_early(opener, &o, "a"), 0);
	settle();
	ck_assert_uint_eq(o.err, RTUN_EREFUSED);
	ck_assert_uint_eq(opener->apps[0].aborted, RTUN_EREFUSED);
	ck_assert(opener->apps[0].destroyed && !opener->apps[0].shut);
	assert_all_gone();
	assert_next_one_works();
}
END_TEST

/* Given up before the answer, in all ways; before the CONNECT has left or after; and answers that cross it. */
START_TEST(given_up)
{
	enum { CLOSE, ABORT, CANCEL, CANCEL_AND_CLOSE, WAYS };
	enum { AT_ONCE, LATER, OK_CROSSES, FAIL_CROSSES };
	struct opened o = {0};
	int way = _i % WAYS, when = _i / WAYS;
	pair(WINDOW);
	acceptor->answer = ANSWER_LATER;
	open_and_say(&o, false);
	if (when != AT_ONCE)
		settle();
	if (when == OK_CROSSES) {
		accept_first();
		ck_assert_int_eq(rtun_put(acceptor->kept[0], "x", 1), 0);
		rtun_shutdown(acceptor->kept[0]);
	} else if (when == FAIL_CROSSES) {
		mux_refuse(acceptor->ms[0], RTUN_EDNS, "x");
	}
	if (way == ABORT)
		rtun_abort(o.s, RTUN_EDENIED);
	if (way == CANCEL || way == CANCEL_AND_CLOSE)
		rtun_op_cancel(&o.op);
	if (way == CLOSE || way == CANCEL_AND_CLOSE)
		rtun_close(&o.s);
	settle();
	/* told once, unless cancelled; an answer counts while there is a stream */
	ck_assert_int_eq(o.calls, way == CLOSE || (way == ABORT && when >= OK_CROSSES));
	ck_assert_uint_eq(o.err, way == CLOSE ? RTUN_ERESET : way == ABORT && when == FAIL_CROSSES ? RTUN_EDNS : 0);
	ck_assert_int_eq(acceptor->gone, when == AT_ONCE || when == LATER);
	if (when == OK_CROSSES) {
		ck_assert_int_eq(take(acceptor->kept[0]), 5);
		ck_assert_int_eq(take(acceptor->kept[0]), way == ABORT ? -RTUN_EDENIED : -RTUN_ERESET);
		rtun_close(&acceptor->kept[0]);
	}
	if (way == CANCEL) {
		ck_assert_int_eq(take(o.s), -RTUN_ETIMEOUT);
		ck_assert_int_eq(rtun_write(o.s, "x", 1), -RTUN_ETIMEOUT);
	}
	rtun_close(&o.s);
	settle();
	ck_assert_int_eq(o.calls, way == CLOSE || way == ABORT);
	assert_all_gone();
	assert_next_one_works();
}
END_TEST

/* The carrier goes before the answer: no exit, for whoever asked and on the stream; the other end is told. */
START_TEST(carrier_goes)
{
	struct opened o = {0};
	pair(WINDOW);
	acceptor->answer = ANSWER_LATER;
	open_and_say(&o, _i & 1);
	settle();
	if (_i & 2)
		rtun_abort(o.s, RTUN_EDENIED);
	pipe_break(&opener->end, RTUN_ERESET);
	pipe_break(&acceptor->end, RTUN_ERESET);
	settle();
	ck_assert_int_eq(opener->ended + acceptor->ended, 2);
	ck_assert_int_eq(o.calls, 1);
	ck_assert_uint_eq(o.err, RTUN_ENOEXIT);
	ck_assert_int_eq(take(o.s), _i & 2 ? -RTUN_EDENIED : -RTUN_ENOEXIT);
	ck_assert_int_eq(acceptor->gone, 1);
	rtun_close(&o.s);
	settle();
	ck_assert_int_eq(o.calls, 1);
}
END_TEST

/* mux_destroy() from inside the n-th callback of either side, answers of either kind. */
START_TEST(destroyed_in_callbacks)
{
	for (int n = 1; n < 5; n++) {
		struct opened o[3] = {{0}};
		int left = n;
		pair(WINDOW);
		(_i & 1 ? acceptor : opener)->destroy_in = &left;
		acceptor->answer = _i & 2 ? ANSWER_REFUSE : ANSWER_KEEP;
		for (int i = 0; i < 3; i++)
			open_and_say(&o[i], i == 1);
		rtun_close(&o[2].s);
		settle();
		ck_assert(left <= 0 || n > 3);
		opener->destroy_in = acceptor->destroy_in = NULL;
		mux_destroy(&opener->mux);
		for (int i = 0; i < 3; i++) {
			ck_assert_int_eq(o[i].calls, 1);
			rtun_close(&o[i].s);
		}
		side_stop(opener);
		side_stop(acceptor);
		settle();
		memset(opener, 0, sizeof(*opener));
		memset(acceptor, 0, sizeof(*acceptor));
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mux_early");
	TCase *t = tcase_create("early");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, one_round_trip, 0, 2);
	tcase_add_loop_test(t, waits_for_the_answer, 0, 2);
	tcase_add_loop_test(t, window_bounds_it, 0, 2);
	tcase_add_loop_test(t, refused, 0, 4);
	tcase_add_loop_test(t, refused_while_joined, 0, 2);
	tcase_add_loop_test(t, given_up, 0, 16);
	tcase_add_loop_test(t, carrier_goes, 0, 4);
	tcase_add_loop_test(t, destroyed_in_callbacks, 0, 4);
	suite_add_tcase(s, t);
	return bed_run(s);
}
