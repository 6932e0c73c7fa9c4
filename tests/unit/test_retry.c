/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_retry.c - a connection that one exit can't take goes to another one, where it may: a hub and two nodes.
 */
#include "tunnel_bed.h"

#include "../../modules/transport_noise/mux_private.h"

static void two_nodes(void)
{
	setup();
	pair_node(1); /* home */
	pair_node(2); /* work */
	ck_assert_ptr_nonnull(tunnel_of(1));
	ck_assert_ptr_nonnull(tunnel_of(2));
}

static int first_choice(void)
{
	return dials_at[1] ? 1 : 2;
}

static struct peer *peer_at(int i)
{
	return device_by_key(hub->hub->devices, places[i].public)->tunnel;
}

/* This one is asked first. */
static void prefer(int i)
{
	peer_at(i)->best = true;
	peer_at(3 - i)->best = false;
}

/* Each end that the first exit may say, and whether the second is asked; by name, never. */
START_TEST(errors)
{
	static const struct {
		uint32_t err;
		bool again;
	} rows[] = {
		{RTUN_EREFUSED, false}, {RTUN_EUNREACHABLE, true}, {RTUN_ETIMEOUT, false}, {RTUN_EDENIED, false}, {RTUN_EDNS, false},
		{RTUN_ENOEXIT, true},   {RTUN_EOVERLOAD, true},    {RTUN_EINTERNAL, true}, {RTUN_EADDRTYPE, true},
	};
	uint32_t err = rows[_i].err;
	dial_err_at[1] = dial_err_at[2] = err;
	dial("home");
	ck_assert_uint_eq(dialled.err, err);
	ck_assert_int_eq(dials_at[2], 0);
	ck_assert_int_eq(dials_at[1], err == RTUN_ENOEXIT ? 2 : 1);
	memset(dials_at, 0, sizeof(dials_at));
	loop_advance(bed.loop, 11 * RTUN_S);
	dial(NULL);
	ck_assert_uint_eq(dialled.err, err);
	ck_assert_int_eq(dials_at[1] + dials_at[2], rows[_i].again ? 2 : 1);
	/* one of them can */
	memset(dials_at, 0, sizeof(dials_at));
	dial_err_at[1] = 0;
	prefer(2);
	peer_at(1)->refused_at = peer_at(2)->refused_at = 0;
	dial("any");
	ck_assert_int_eq(dials_at[2], 1);
	ck_assert_int_eq(dials_at[1], rows[_i].again);
	ck_assert_uint_eq(dialled.err, rows[_i].again ? 0 : err);
	ck_assert_str_eq(dialled.exit, rows[_i].again ? "home" : "work");
	ck_assert_uint_eq(peer_at(2)->counts.results[err] > 0, true); /* each exit's end is counted with it */
	ck_assert_uint_eq(peer_at(1)->counts.results[0], rows[_i].again);
	rtun_close(&dialled.s);
}
END_TEST

/* The tunnel is lost before the answer. */
START_TEST(lost)
{
	static const char *const users[] = {NULL, "any", "session-1", "home"};
	dial_err = DIAL_NEVER;
	prefer(1);
	dial_with(users[_i], hub_dialer_ops.dial);
	pass(RTUN_S);
	ck_assert_int_eq(dials_at[1], 1);
	dial_err = 0;
	place_stop(1);
	pass(RTUN_S);
	ck_assert_int_eq(dialled.calls, 1);
	ck_assert_int_eq(dials_at[2], _i != 3);
	ck_assert_uint_eq(dialled.err, _i == 3 ? RTUN_ENOEXIT : 0);
	ck_assert_str_eq(dialled.exit, _i == 3 ? "home" : "work");
	rtun_close(&dialled.s);
}
END_TEST

/* One of its connections is: the exit that was asked for by name is asked over another one. */
START_TEST(lost_one_of_several)
{
	dial_err = DIAL_NEVER;
	dial_with("home", hub_dialer_ops.dial);
	pass(RTUN_S);
	ck_assert_int_eq(dials_at[1], 1);
	struct conn *c = tunnel_of(1)->conns;
	while (c && !mux_counters(c->mux)->streams)
		c = c->next;
	ck_assert_ptr_nonnull(c);
	uint32_t conns = 0;
	for (struct conn *k = tunnel_of(1)->conns; k; k = k->next)
		conns++;
	ck_assert_uint_gt(conns, 1);
	dial_err = 0;
	mux_end(c->mux, RTUN_ERESET, "the connection broke");
	pass(RTUN_S);
	ck_assert_int_eq(dialled.calls, 1);
	ck_assert_uint_eq(dialled.err, 0);
	ck_assert_int_eq(dials_at[1], 2);
	ck_assert_int_eq(dials_at[2], 0);
	ck_assert_str_eq(dialled.exit, "home");
	rtun_close(&dialled.s);
}
END_TEST

/* Early, the stream has been given: no other try. */
START_TEST(early)
{
	dial_err_at[1] = dial_err_at[2] = RTUN_EOVERLOAD;
	dial_with(NULL, hub_dialer_ops.dial_early);
	pass(5 * RTUN_S);
	ck_assert_int_eq(dialled.calls, 2);
	ck_assert_uint_eq(dialled.err, RTUN_EOVERLOAD);
	ck_assert_int_eq(dials_at[1] + dials_at[2], 1);
	rtun_close(&dialled.s);
}
END_TEST

/* 30 s for all of it. */
START_TEST(one_deadline)
{
	dial_err = DIAL_NEVER;
	dial_with(NULL, hub_dialer_ops.dial);
	pass(20 * RTUN_S);
	int first = first_choice();
	place_stop(first);
	pass(RTUN_S);
	ck_assert_int_eq(dials_at[3 - first], 1);
	pass(8 * RTUN_S);
	ck_assert_int_eq(dialled.calls, 0);
	pass(2 * RTUN_S);
	ck_assert_int_eq(dialled.calls, 1);
	ck_assert_uint_eq(dialled.err, RTUN_ETIMEOUT);
}
END_TEST

/* Given up between two exits, by the caller or the hub's stop. */
START_TEST(given_up)
{
	dial_err = DIAL_NEVER;
	dial_with("session-9", hub_dialer_ops.dial);
	pass(RTUN_S);
	place_stop(first_choice());
	pass(RTUN_S);
	if (_i)
		place_stop(0);
	else
		rtun_op_cancel(&dialled.op);
	pass(RTUN_S);
	ck_assert_int_eq(dialled.calls, _i);
}
END_TEST

/* A session's exit is lost with its streams; the next connection is elsewhere, and stays there when the first is back. */
START_TEST(session)
{
	char exit[64];
	uint8_t b[8];
	targets[0] = targets[1] = targets[2] = (struct app){.never_ends = true};
	dial("session-42");
	ck_assert_uint_eq(dialled.err, 0);
	strcpy(exit, dialled.exit);
	struct rtun_stream *s = dialled.s;
	int first = first_choice();
	dial("session-42");
	ck_assert_str_eq(dialled.exit, exit);
	rtun_close(&dialled.s);
	place_stop(first);
	pass(RTUN_S);
	ck_assert_int_lt(rtun_read(s, b, sizeof(b)), 0);
	rtun_close(&s);
	dial("session-42");
	ck_assert_uint_eq(dialled.err, 0);
	ck_assert_str_ne(dialled.exit, exit);
	rtun_close(&dialled.s);
	place_start(first);
	pass(5 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(first));
	strcpy(exit, dialled.exit);
	dial_err_at[3 - first] = RTUN_EOVERLOAD;
	dial("session-42"); /* it has an address, which it keeps */
	ck_assert_uint_eq(dialled.err, RTUN_EOVERLOAD);
	dial_err_at[3 - first] = 0;
	dial("session-42");
	ck_assert_str_eq(dialled.exit, exit);
	rtun_close(&dialled.s);
	/* an exit that has never taken it is no reason to stay */
	dial_err_at[first] = RTUN_EOVERLOAD;
	prefer(first);
	peer_at(1)->refused_at = peer_at(2)->refused_at = 0;
	dial("session-43");
	ck_assert_uint_eq(dialled.err, 0);
	ck_assert_str_eq(dialled.exit, exit);
	rtun_close(&dialled.s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("retry");
	TCase *t = tcase_create("retry");
	tcase_add_checked_fixture(t, two_nodes, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, errors, 0, 9);
	tcase_add_loop_test(t, lost, 0, 4);
	tcase_add_test(t, lost_one_of_several);
	tcase_add_test(t, early);
	tcase_add_test(t, one_deadline);
	tcase_add_loop_test(t, given_up, 0, 2);
	tcase_add_test(t, session);
	suite_add_tcase(s, t);
	return bed_run(s);
}
