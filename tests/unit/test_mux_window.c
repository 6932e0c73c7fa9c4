/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mux_window.c - how far a peer may run ahead: growth to what a path needs, and no further; budgets; shrinking when
 * memory is short. In virtual time.
 */
#include "mux_bed.h"

#include "../../modules/transport_noise/mux_private.h"

#define BASE 65536U
#define MOST (4U << 20)
#define MUXES 8
#define STREAMS 16

static struct mux_common common;
static struct mux muxes[MUXES];
static struct mux_stream streams[MUXES][STREAMS];

static void setup(void)
{
	struct host_ctx first;
	bed_setup(true, &first);
	hc = first;
	memset(muxes, 0, sizeof(muxes));
	memset(streams, 0, sizeof(streams));
	common = (struct mux_common){.ctx = &hc.ctx, .window = BASE, .window_max = MOST, .window_budget = 1U << 30};
	for (int i = 0; i < MUXES; i++) {
		muxes[i].common = &common;
		muxes[i].ctx = &hc.ctx;
		muxes[i].rtt_min = 100 * RTUN_MS;
		for (int k = 0; k < STREAMS; k++) {
			streams[i][k].mux = &muxes[i];
			mux_window_init(&streams[i][k]);
		}
	}
	loop_advance(bed.loop, RTUN_S);
}

static void teardown(void)
{
	bed_teardown();
}

/* The peer sends `n` bytes of what it may, and the reader consumes them. */
static void move(struct mux_stream *ms, uint32_t n)
{
	ck_assert_uint_le(n, ms->window);
	ms->window -= n;
	ms->held += n;
	mux_window_consumed(ms, n);
	ck_assert_uint_eq(ms->held, 0);
	ck_assert_uint_le(ms->window, MOST);
}

/* A round trip in which all that may be sent is sent, in pieces. */
static void full_trip(struct mux_stream *ms)
{
	uint32_t piece = ms->window / 4;
	for (int i = 0; i < 4; i++) {
		move(ms, piece);
		loop_advance(bed.loop, 25 * RTUN_MS);
	}
}

static uint64_t grown(int i)
{
	uint64_t sum = 0;
	for (int k = 0; k < STREAMS; k++)
		sum += streams[i][k].window_size - BASE;
	return sum;
}

static void assert_books(void)
{
	uint64_t all = 0;
	for (int i = 0; i < MUXES; i++) {
		ck_assert_uint_eq(muxes[i].grown, grown(i));
		ck_assert_uint_le(muxes[i].grown, common.window_budget / MUX_BUDGET_SHARE);
		all += grown(i);
	}
	ck_assert_uint_eq(common.grown, all);
	ck_assert_uint_le(all, common.window_budget);
}

START_TEST(grows_to_what_it_needs)
{
	struct mux_stream *ms = &streams[0][0];
	for (int i = 0; i < 20; i++)
		full_trip(ms);
	ck_assert_uint_eq(ms->window_size, MOST);
	assert_books();
	/* a line of 10 Mbit/s: 125000 bytes a trip; about twice that is enough */
	ms = &streams[0][1];
	for (int i = 0; i < 200; i++) {
		move(ms, ms->window < 12500 ? ms->window : 12500);
		loop_advance(bed.loop, 10 * RTUN_MS);
	}
	ck_assert_uint_ge(ms->window_size, 131072);
	ck_assert_uint_le(ms->window_size, 4 * 131072);
	assert_books();
}
END_TEST

START_TEST(stays_small)
{
	struct mux_stream *slow = &streams[0][0], *near_by = &streams[1][0], *unknown = &streams[2][0];
	muxes[1].rtt_min = 100 * RTUN_US; /* a gigabyte a second over a short path is little in a trip */
	muxes[2].rtt_min = 0;
	for (int i = 0; i < 100; i++) {
		move(slow, BASE / 8);
		move(near_by, 25000);
		move(unknown, BASE / 2);
		loop_advance(bed.loop, 100 * RTUN_MS);
	}
	for (int i = 0; i < 1000; i++) {
		move(near_by, 1000);
		loop_advance(bed.loop, RTUN_MS);
	}
	ck_assert_uint_eq(slow->window_size, BASE);
	ck_assert_uint_eq(near_by->window_size, BASE);
	ck_assert_uint_eq(unknown->window_size, BASE);
	/* a reader that stalls has its window, and no more */
	slow->held = slow->window;
	slow->window = 0;
	loop_advance(bed.loop, 60 * RTUN_S);
	ck_assert_uint_eq(mux_window_consumed(slow, 0), 0);
	ck_assert_uint_eq(slow->window_size, BASE);
}
END_TEST

/* Windows never add up to more than the budget, nor those of one connection to more than its part. */
START_TEST(budgets)
{
	common.window_budget = 16U << 20;
	for (int trip = 0; trip < 12; trip++) {
		for (int i = 0; i < MUXES; i++)
			for (int k = 0; k < STREAMS; k++)
				move(&streams[i][k], streams[i][k].window);
		loop_advance(bed.loop, 100 * RTUN_MS);
		assert_books();
	}
	ck_assert_uint_gt(common.grown, common.window_budget / 2);
	common.window_budget = 0;
	uint32_t before = streams[0][0].window_size;
	for (int i = 0; i < 10; i++)
		full_trip(&streams[0][0]);
	ck_assert_uint_le(streams[0][0].window_size, before);
}
END_TEST

/* Where memory is short, a window that is not needed any more is taken back, and the stream goes on all the same. */
START_TEST(shrinks)
{
	common.window_budget = 16U << 20; /* 4 MiB for a connection */
	struct mux_stream *once = &streams[0][0], *now = &streams[0][1];
	for (int i = 0; i < 20; i++)
		full_trip(once);
	ck_assert_uint_gt(once->window_size, 3U << 20);
	for (int i = 0; i < 300; i++) {
		move(once, once->window < 4096 ? once->window : 4096); /* it trickles: credit must go on coming */
		loop_advance(bed.loop, 100 * RTUN_MS);
		ck_assert_uint_gt(once->window, 0);
	}
	assert_books();
	ck_assert_uint_lt(once->window_size, 4U << 20);
	for (int i = 0; i < 20; i++)
		full_trip(now);
	ck_assert_uint_gt(now->window_size, BASE);
	assert_books();
	mux_window_fini(once);
	mux_window_fini(now);
	ck_assert_uint_eq(common.grown, 0);
	ck_assert_uint_eq(muxes[0].grown, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mux window");
	TCase *t = tcase_create("window");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, grows_to_what_it_needs);
	tcase_add_test(t, stays_small);
	tcase_add_test(t, budgets);
	tcase_add_test(t, shrinks);
	suite_add_tcase(s, t);
	return bed_run(s);
}
