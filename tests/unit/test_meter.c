/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_meter.c - limits on what passes: a rate in each direction over several connections, shared fairly; a number of bytes. In
 * virtual time.
 */
#include "mux_bed.h"

#define WINDOW 262144U
#define PAIRS 2
#define STREAMS 4
#define RATE UINT64_C(1000000) /* bytes a second */

static struct side *near_end[PAIRS], *far_end[PAIRS];
static struct app clients[PAIRS][STREAMS];
static struct opened opened[PAIRS][STREAMS];
static struct meter *meter;
static int spent;
static uint32_t timers;

/* Timers of the meter that were started. */
static void count_timer_start(struct rtun_timer *t, uint64_t ns)
{
	timers += meter && t == meter->timer;
	host_table.timer_start(t, ns);
}

static void on_spent(void *arg)
{
	(void)arg;
	spent++;
	for (int i = 0; i < PAIRS; i++)
		mux_end_streams(near_end[i]->mux, RTUN_EOVERLOAD);
}

static void setup(void)
{
	bed_setup(true, &hc);
	bed.host.timer_start = count_timer_start;
	spent = 0;
	timers = 0;
	memset(clients, 0, sizeof(clients));
	memset(opened, 0, sizeof(opened));
	ck_assert_int_eq(meter_create(&hc.ctx, on_spent, NULL, &meter), 0);
	for (int i = 0; i < PAIRS; i++) {
		near_end[i] = calloc(1, sizeof(struct side));
		far_end[i] = calloc(1, sizeof(struct side));
		ck_assert_int_eq(pipe_end_init(&near_end[i]->end, &far_end[i]->end, false), 0);
		ck_assert_int_eq(pipe_end_init(&far_end[i]->end, &near_end[i]->end, false), 0);
		ck_assert_int_eq(side_start(near_end[i], true, WINDOW, WINDOW, &null_crypto), 0);
		ck_assert_int_eq(side_start(far_end[i], false, WINDOW, WINDOW, &null_crypto), 0);
		far_end[i]->answer = ANSWER_RELAY;
		mux_meter(near_end[i]->mux, meter);
	}
}

static void teardown(void)
{
	for (int i = 0; i < PAIRS; i++) {
		side_stop(near_end[i]);
		side_stop(far_end[i]);
	}
	meter_destroy(&meter);
	ck_assert_uint_eq(loop_buffers(bed.loop)->used, 0);
	bed_teardown();
	for (int i = 0; i < PAIRS; i++) {
		free(near_end[i]);
		free(far_end[i]);
	}
}

/* Stream k of connection i: so many bytes up and down. */
static void flow(int i, int k, uint64_t up, uint64_t down)
{
	clients[i][k] = (struct app){.size = up};
	far_end[i]->apps[k] = (struct app){.size = down};
	opened[i][k].app = &clients[i][k];
	ck_assert_int_eq(open_to(near_end[i], &opened[i][k], "x"), 0);
}

static void pass_ms(uint64_t ms)
{
	while (ms--)
		loop_advance(bed.loop, RTUN_MS);
}

static uint64_t got(int i, int k, bool down)
{
	return down ? clients[i][k].got : far_end[i]->apps[k].got;
}

static uint64_t all(bool down)
{
	uint64_t sum = 0;
	for (int i = 0; i < PAIRS; i++)
		for (int k = 0; k < STREAMS; k++)
			sum += got(i, k, down);
	return sum;
}

/* 10 s at the rate, however many streams and connections; equal parts; and the other way is as fast as it can be. */
START_TEST(rate)
{
	bool down = _i;
	const uint64_t size = 40 * RATE;
	meter_set(meter, down ? 0 : RATE, down ? RATE : 0);
	for (int i = 0; i < PAIRS; i++)
		for (int k = 0; k < STREAMS; k++)
			flow(i, k, down ? 1000000 : size, down ? size : 1000000);
	pass_ms(10000);
	uint64_t sum = all(down);
	ck_assert_uint_ge(sum, 98 * RATE / 10);
	ck_assert_uint_le(sum, 102 * RATE / 10 + 131072);
	for (int i = 0; i < PAIRS; i++)
		for (int k = 0; k < STREAMS; k++) {
			ck_assert_uint_ge(got(i, k, down), sum / (PAIRS * STREAMS) * 8 / 10);
			ck_assert_uint_le(got(i, k, down), sum / (PAIRS * STREAMS) * 12 / 10);
			ck_assert_uint_eq(got(i, k, !down), 1000000);
		}
	/* a new one gets its part at once */
	meter_set(meter, down ? 0 : 2 * RATE, down ? 2 * RATE : 0);
	sum = all(down);
	pass_ms(5000);
	ck_assert_uint_ge(all(down) - sum, 98 * RATE / 10);
	ck_assert_uint_le(all(down) - sum, 104 * RATE / 10);
	/* no limit any more: with a meter that does nothing, and without one */
	if (down)
		meter_set(meter, 0, 0);
	else
		for (int i = 0; i < PAIRS; i++)
			mux_meter(near_end[i]->mux, NULL);
	pass_ms(3000);
	ck_assert_uint_eq(all(down), PAIRS * STREAMS * size);
}
END_TEST

/* A pause saves no more than 50 ms. */
START_TEST(burst)
{
	meter_set(meter, 0, RATE);
	pass_ms(60000);
	ck_assert_uint_le(timers, 1);
	flow(0, 0, 0, 2 * RATE);
	pass_ms(1000);
	ck_assert_uint_ge(got(0, 0, true), RATE * 95 / 100);
	ck_assert_uint_le(got(0, 0, true), RATE + RATE / 20 + 65536);
	pass_ms(1200);
	ck_assert_uint_eq(got(0, 0, true), 2 * RATE);
	/* and then nothing runs any more */
	pass_ms(100);
	timers = 0;
	pass_ms(5000);
	ck_assert_uint_le(timers, 1); /* a ping may come */
}
END_TEST

/* The slowest that may be set: control frames still come through, and nobody is taken for dead. */
START_TEST(slow)
{
	meter_set(meter, 16000, 16000);
	for (int i = 0; i < PAIRS; i++)
		for (int k = 0; k < STREAMS; k++)
			flow(i, k, 1000000, 1000000);
	pass_ms(120000);
	for (int i = 0; i < PAIRS; i++)
		ck_assert_msg(near_end[i]->ended + far_end[i]->ended == 0, "%s%s", near_end[i]->end_why, far_end[i]->end_why);
	ck_assert_uint_ge(all(true), 120 * 16000 * 9 / 10);
	ck_assert_uint_le(all(true), 120 * 16000 * 11 / 10 + 65536);
	ck_assert_uint_ge(all(false), 120 * 16000 * 9 / 10);
	ck_assert_uint_le(all(false), 120 * 16000 * 11 / 10 + 65536);
}
END_TEST

/* A connection that ends while it waits for its turn, or has it. */
START_TEST(ends_in_the_queue)
{
	meter_set(meter, RATE / 10, RATE / 10);
	for (int i = 0; i < PAIRS; i++)
		flow(i, 0, 20 * RATE, 20 * RATE);
	pass_ms(500 + (uint64_t)_i);
	side_stop(near_end[0]);
	uint64_t before = got(1, 0, true);
	pass_ms(5000);
	ck_assert_uint_ge(got(1, 0, true) - before, 5 * RATE / 10 * 9 / 10);
}
END_TEST

/* So many bytes, both ways together: then all streams end, and the connections don't. */
START_TEST(number)
{
	meter->left = 3000000;
	for (int i = 0; i < PAIRS; i++)
		flow(i, 0, 1000000, 20 * RATE);
	pass_ms(3000);
	ck_assert_int_eq(spent, 1);
	ck_assert_uint_eq(meter->left, 0);
	ck_assert_uint_ge(all(true) + all(false), 3000000);
	ck_assert_uint_le(all(true) + all(false), 3000000 + 2 * MUX_RECEIVE + 65536);
	for (int i = 0; i < PAIRS; i++) {
		ck_assert_uint_eq(clients[i][0].aborted, RTUN_EOVERLOAD);
		ck_assert(clients[i][0].destroyed && far_end[i]->apps[0].destroyed);
		ck_assert_uint_eq(far_end[i]->apps[0].aborted, RTUN_EOVERLOAD);
		ck_assert_uint_eq(mux_counters(near_end[i]->mux)->streams, 0);
		ck_assert_int_eq(near_end[i]->ended + far_end[i]->ended, 0);
	}
	/* one that is being opened, too */
	far_end[0]->answer = ANSWER_LATER;
	ck_assert_int_eq(open_to(near_end[0], &opened[0][1], "x"), 0);
	pass_ms(10);
	meter->left = 1;
	meter_spend(meter, 1);
	pass_ms(10);
	ck_assert_int_eq(opened[0][1].calls, 1);
	ck_assert_uint_eq(opened[0][1].err, RTUN_EOVERLOAD);
	ck_assert_int_eq(far_end[0]->gone, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("meter");
	TCase *t = tcase_create("meter");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, rate, 0, 2);
	tcase_add_test(t, burst);
	tcase_add_test(t, slow);
	tcase_add_loop_test(t, ends_in_the_queue, 0, 8);
	tcase_add_test(t, number);
	suite_add_tcase(s, t);
	return bed_run(s);
}
