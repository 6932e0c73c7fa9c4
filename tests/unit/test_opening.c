/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_opening.c - what a dialer's caller hears, and how often, from a mux whose other end is the test.
 */
#include "mux_raw.h"

#include "../../modules/transport_noise/opening.h"

#define LIMIT (30 * RTUN_S)

static struct openings openings;
static struct opening_counts counts;

enum in_call { TAKE, LEAVE, CANCEL, CANCEL_AND_TAKE, DIAL };
static struct call {
	enum in_call what; /* to do in the first call */
	int calls;
	uint32_t err;
	struct rtun_addr bound;
	struct rtun_stream *s;
	struct rtun_op *op;
	struct call *next; /* of DIAL */
} calls[2];

static void dial(struct call *c, bool early);

static void on_dialled(void *arg, const struct rtun_dial_result *r)
{
	struct call *c = arg;
	ck_assert_str_eq(r->exit, "home");
	c->calls++;
	c->err = r->err;
	c->bound = r->bound;
	if (r->err || c->calls == 2)
		c->op = NULL;
	if (*r->s && (c->what == TAKE || c->what == CANCEL_AND_TAKE)) {
		c->s = *r->s;
		*r->s = NULL;
	}
	if (c->op && (c->what == CANCEL || c->what == CANCEL_AND_TAKE))
		rtun_op_cancel(&c->op);
	if (c->calls == 1 && c->what == DIAL)
		dial(c->next, true);
	ck_assert_str_eq(r->exit, "home");
}

static void dial(struct call *c, bool early)
{
	struct rtun_dial_req req = {.size = sizeof(req), .host = "x", .addr = {.port = 80}};
	struct opening_way way = {.mux = d->mux, .exit = "home", .counts = &counts};
	ck_assert_int_eq(opening_start(&openings, &way, NULL, &req, early, on_dialled, c, &c->op), 0);
	ck_assert_int_eq(c->calls, 0);
}

static void setup_openings(void)
{
	setup();
	start(true);
	memset(calls, 0, sizeof(calls));
	memset(&counts, 0, sizeof(counts));
	ck_assert_int_eq(openings_init(&openings, &hc.ctx, LIMIT), 0);
}

static void teardown_openings(void)
{
	for (int i = 0; i < 2; i++)
		rtun_close(&calls[i].s);
	mux_destroy(&d->mux);
	ck_assert_ptr_null(openings.usual.head);
	ck_assert_ptr_null(openings.others.head);
	openings_fini(&openings);
	teardown();
}

/* In the first call of two the caller may do as it likes with stream and op. */
START_TEST(first_call)
{
	struct call *c = &calls[0];
	uint8_t b[8];
	c->what = (enum in_call)_i;
	dial(c, true);
	settle();
	hear(FRAME_CONNECT, 1);
	ck_assert_uint_eq(heard.count, 1);
	ck_assert_int_eq(c->calls, c->what == LEAVE ? 2 : 1);
	if (c->what == LEAVE)
		ck_assert_uint_eq(c->err, RTUN_ERESET); /* it was closed */
	if (c->what == CANCEL_AND_TAKE)
		ck_assert_int_eq(rtun_read(c->s, b, sizeof(b)), -RTUN_ETIMEOUT);
	SAY(FRAME_OK, 1, "\x01\0\x04\xc0\0\x02\x07\x04\0\x02\0\x50");
	ck_assert_int_eq(c->calls, c->what == TAKE || c->what == LEAVE ? 2 : 1);
	ck_assert_uint_eq(counts.results[0], c->what == TAKE);
	ck_assert_uint_eq(c->bound.port, c->what == TAKE ? 80 : 0);
	ck_assert_uint_eq(mux_counters(d->mux)->streams, c->what == TAKE || c->what == CANCEL_AND_TAKE);
	ck_assert_int_eq(d->ended, 0);
}
END_TEST

/* A peer that answers before the stream could be given, since it guessed the number: the stream comes first all the same. */
START_TEST(answered_before_it_was_asked)
{
	struct call *first = &calls[0], *c = &calls[1];
	first->what = DIAL;
	first->next = c;
	c->what = _i & 1 ? CANCEL : TAKE;
	dial(first, false);
	settle();
	put(FRAME_FAIL, 1, WHY("\x01"), 4);
	if (_i & 2)
		put(FRAME_FAIL, 2, WHY("\x05"), 4);
	else
		put(FRAME_OK, 2, OK, 5);
	deliver();
	ck_assert_int_eq(first->calls, 1);
	ck_assert_uint_eq(first->err, RTUN_EREFUSED);
	/* a failure that is known by then is told once */
	ck_assert_int_eq(c->calls, _i == 0 ? 2 : 1);
	ck_assert_uint_eq(c->err, _i & 2 ? RTUN_EDNS : 0);
	ck_assert_int_eq(c->s != NULL, _i == 0);
	ck_assert_uint_eq(counts.results[_i & 2 ? RTUN_EDNS : 0], _i != 1);
	ck_assert_int_eq(d->ended, 0);
}
END_TEST

static void seconds(int n)
{
	while (n--) {
		loop_advance(bed.loop, RTUN_S - RTUN_MS);
		say(FRAME_PONG, 0, "a sign..", 8);
	}
}

/* The limit holds for both kinds, in the order of the dials; what was early fails by it. */
START_TEST(limit)
{
	uint8_t b[8];
	dial(&calls[0], _i);
	seconds(5);
	dial(&calls[1], !_i);
	seconds(24);
	ck_assert_int_eq(calls[0].calls, _i);
	seconds(2);
	ck_assert_int_eq(calls[0].calls, 1 + _i);
	ck_assert_uint_eq(calls[0].err, RTUN_ETIMEOUT);
	hear(FRAME_RESET, 1);
	ck_assert_uint_eq(heard.count, 1);
	if (_i)
		ck_assert_int_eq(rtun_read(calls[0].s, b, sizeof(b)), -RTUN_ETIMEOUT);
	ck_assert_int_eq(calls[1].calls, !_i);
	SAY(FRAME_FAIL, 2, WHY("\x05"));
	ck_assert_int_eq(calls[1].calls, 1 + !_i);
	ck_assert_uint_eq(calls[1].err, RTUN_EDNS);
	ck_assert_uint_eq(counts.results[RTUN_ETIMEOUT], 1);
	ck_assert_uint_eq(counts.results[RTUN_EDNS], 1);
	ck_assert_int_eq(d->ended, 0);
}
END_TEST

/* A request's own limit, shorter or longer, in whatever order; the usual ones are not held up by it. */
START_TEST(own_limit)
{
	static const uint64_t limits[] = {3 * RTUN_S, 40 * RTUN_S};
	struct rtun_dial_req req = {.size = sizeof(req), .host = "x", .addr = {.port = 80}, .timeout = limits[_i]};
	struct opening_way way = {.mux = d->mux, .exit = "home", .counts = &counts};
	ck_assert_int_eq(opening_start(&openings, &way, NULL, &req, false, on_dialled, &calls[0], &calls[0].op), 0);
	dial(&calls[1], false);
	seconds(2);
	ck_assert_int_eq(calls[0].calls + calls[1].calls, 0);
	seconds(2);
	ck_assert_int_eq(calls[0].calls, _i == 0);
	seconds(27);
	ck_assert_int_eq(calls[1].calls, 1);
	ck_assert_int_eq(calls[0].calls, _i == 0);
	seconds(10);
	ck_assert_int_eq(calls[0].calls, 1);
	ck_assert_uint_eq(calls[0].err, RTUN_ETIMEOUT);
	ck_assert_uint_eq(calls[1].err, RTUN_ETIMEOUT);
	ck_assert_uint_eq(counts.results[RTUN_ETIMEOUT], 2);
}
END_TEST

/* All are given up at the end, in either state, and nobody is called. */
START_TEST(given_up_at_the_end)
{
	dial(&calls[0], true);
	settle();
	dial(&calls[1], true);
	openings_fini(&openings);
	settle();
	ck_assert_int_eq(calls[0].calls, 1);
	ck_assert_int_eq(calls[1].calls, 0);
	ck_assert_uint_eq(mux_counters(d->mux)->streams, 1);
	ck_assert_int_eq(openings_init(&openings, &hc.ctx, LIMIT), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("opening");
	TCase *t = tcase_create("opening");
	tcase_add_checked_fixture(t, setup_openings, teardown_openings);
	tcase_add_loop_test(t, first_call, TAKE, DIAL);
	tcase_add_loop_test(t, answered_before_it_was_asked, 0, 4);
	tcase_add_loop_test(t, limit, 0, 2);
	tcase_add_loop_test(t, own_limit, 0, 2);
	tcase_add_test(t, given_up_at_the_end);
	suite_add_tcase(s, t);
	return bed_run(s);
}
