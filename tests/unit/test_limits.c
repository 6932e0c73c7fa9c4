/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_limits.c - limits of a device on a hub with a node: connections, and the bytes of a month as the clock goes.
 */
#include "tunnel_bed.h"

#define NOVEMBER INT64_C(1795651200000) /* 2026-11-26 */
#define DAY (INT64_C(86400000))

static struct device *home(void)
{
	return device_by_key(hub->hub->devices, places[1].public);
}

static uint64_t used(void)
{
	return usage_of(&hub->hub->usage, home());
}

static void limit(struct args_limit a)
{
	static struct rtun_object object = {.host = &bed.host};
	union {
		struct rtun_object *object;
		struct rtun_reply *reply;
	} u = {&object};
	memset(&reply, 0, sizeof(reply));
	a.device = "home";
	command_limit(&places[0].hc.ctx, &a, u.reply);
	ck_assert_msg(reply.ok == 1, "%s", reply.code);
}

static void setup_home(void)
{
	setup();
	clock_at = NOVEMBER;
	pair_node(1);
}

/* A connection through which so many bytes come; it lives on. */
static struct rtun_stream *fetch(uint64_t bytes)
{
	targets[target_count] = (struct app){.size = bytes, .never_ends = true};
	dial("home");
	return dialled.s;
}

static int64_t drain(struct rtun_stream *s)
{
	static uint8_t b[65536];
	int64_t n, sum = 0;
	for (int i = 0; i < 200; i++) {
		while ((n = rtun_read(s, b, sizeof(b))) > 0)
			sum += n;
		if (n != -RTUN_EAGAIN)
			return n;
		rtun_want(s, RTUN_READ);
		loop_advance(bed.loop, 10 * RTUN_MS);
	}
	return sum;
}

static bool in_file(const char *text)
{
	char command[256];
	snprintf(command, sizeof(command), "grep -q '%s' %s/usage.yaml 2>/dev/null", text, places[0].dir);
	return system(command) == 0;
}

START_TEST(connections)
{
	limit((struct args_limit){.streams = 2});
	struct rtun_stream *a = fetch(10), *b = fetch(10);
	ck_assert(a && b);
	fetch(10);
	ck_assert_uint_eq(dialled.err, RTUN_EOVERLOAD);
	target_count = 2;
	rtun_close(&a);
	pass(RTUN_S);
	a = fetch(10);
	ck_assert_ptr_nonnull(a);
	limit((struct args_limit){.streams = RTUN_NONE});
	struct rtun_stream *c = fetch(10);
	ck_assert_ptr_nonnull(c);
	rtun_close(&a);
	rtun_close(&b);
	rtun_close(&c);
}
END_TEST

/* Counted, kept, ended, and begun anew with the month. */
START_TEST(month)
{
	struct rtun_stream *s = fetch(300000);
	ck_assert_int_eq(drain(s), 300000);
	ck_assert_uint_eq(used(), 300000);
	ck_assert(!in_file("300000")); /* once a minute */
	pass(70 * RTUN_S);
	ck_assert(in_file("bytes: 300000") && in_file("year: 2026") && in_file("month: 11"));
	limit((struct args_limit){.monthly = 400000});
	rtun_close(&s);
	s = fetch(300000);
	ck_assert_int_eq(drain(s), -RTUN_EOVERLOAD);
	ck_assert_ptr_nonnull(tunnel_of(1));
	rtun_close(&s);
	dial("home");
	ck_assert_uint_eq(dialled.err, RTUN_EOVERLOAD);
	uint64_t before = used();
	place_stop(0); /* as a restart */
	place_start(0);
	pass(3 * MINUTE);
	ck_assert_ptr_nonnull(tunnel_of(1));
	ck_assert_uint_eq(used(), before);
	dial("home");
	ck_assert_uint_eq(dialled.err, RTUN_EOVERLOAD);
	clock_at = 0; /* a clock that was not set yet takes nothing away */
	ck_assert_uint_eq(used(), before);
	clock_at = NOVEMBER - 40 * DAY; /* nor does one that goes back */
	ck_assert_uint_eq(used(), before);
	dial("home");
	ck_assert_uint_eq(dialled.err, RTUN_EOVERLOAD);
	clock_at = NOVEMBER + 10 * DAY;
	ck_assert_uint_eq(used(), 0);
	s = fetch(200000);
	ck_assert_int_eq(drain(s), 200000);
	ck_assert_uint_eq(used(), 200000);
	/* with a stream open, another month, in which it may go on */
	clock_at += 31 * DAY;
	rtun_close(&s);
	s = fetch(390000);
	ck_assert_int_eq(drain(s), 390000);
	rtun_close(&s);
}
END_TEST

/* A disk that takes nothing: it is tried again. */
START_TEST(full_disk)
{
	struct rtun_stream *s = fetch(1000);
	writes_left = 0;
	ck_assert_int_eq(drain(s), 1000);
	rtun_close(&s);
	pass(2 * MINUTE);
	ck_assert(!in_file("1000"));
	writes_left = 1000;
	pass(MINUTE + RTUN_S);
	ck_assert(in_file("bytes: 1000"));
	writes_left = 0;
	pass(10 * MINUTE); /* nothing to write, nothing is tried */
	ck_assert_int_eq(writes_left, 0);
}
END_TEST

/* The meter is there for as long as there is something to measure. */
START_TEST(meters)
{
	struct rtun_stream *s = fetch(60000);
	struct peer *p = home()->tunnel;
	ck_assert_ptr_null(p->meter);
	limit((struct args_limit){.down = 128000});
	ck_assert_ptr_nonnull(p->meter);
	ck_assert_uint_eq(p->meter->flows[METER_DOWN].rate, 16000);
	limit((struct args_limit){.up = 256000, .down = RTUN_NONE});
	ck_assert_uint_eq(p->meter->flows[METER_DOWN].rate, 0);
	ck_assert_uint_eq(p->meter->flows[METER_UP].rate, 32000);
	limit((struct args_limit){.up = RTUN_NONE});
	ck_assert_ptr_null(p->meter);
	ck_assert_int_eq(drain(s), 60000);
	limit((struct args_limit){.up = 256000});
	place_stop(1); /* and a tunnel that comes later has it, too */
	pass(RTUN_S);
	place_start(1);
	pass(5 * RTUN_S);
	ck_assert_ptr_nonnull(p->meter);
	rtun_close(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("limits");
	TCase *t = tcase_create("limits");
	tcase_add_checked_fixture(t, setup_home, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, connections);
	tcase_add_test(t, month);
	tcase_add_test(t, full_disk);
	tcase_add_test(t, meters);
	suite_add_tcase(s, t);
	return bed_run(s);
}
