/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_arrival.c - whoever has not proved who they are sees the same, whatever they send: nothing, and one deadline.
 */
#include "mux_bed.h"

#include "../../modules/transport_noise/arrival.h"

#define PATIENCE (60 * RTUN_S)

static struct arrivals all;
static int rooms[2], firsts;
static bool good;
static struct rtun_stream *taken;
static struct pipe_end *ends, *raws;

static bool first(void *arg, struct rtun_stream **s, const struct rtun_addr *peer, const uint8_t message[WIRE_MESSAGE_1])
{
	ck_assert_ptr_eq(arg, &all);
	ck_assert_uint_eq(peer->port, 7);
	ck_assert_uint_eq(message[0], 'm');
	ck_assert_uint_eq(message[WIRE_MESSAGE_1 - 1], 'm');
	firsts++;
	if (good) {
		taken = *s;
		*s = NULL;
	}
	return good;
}

static void room(void *arg, uint32_t yes)
{
	(void)arg;
	rooms[yes]++;
}

static void setup(void)
{
	bed_setup(true, &hc);
	all = (struct arrivals){.ctx = &hc.ctx, .patience = PATIENCE, .first = first, .room = room, .arg = &all};
	rooms[0] = rooms[1] = firsts = 0;
	good = false;
	taken = NULL;
	ends = calloc(2, sizeof(*ends));
	raws = calloc(2, sizeof(*raws));
}

static void teardown(void)
{
	arrivals_fini(&all);
	rtun_close(&taken);
	bed_turns(3);
	ck_assert_uint_eq(loop_buffers(bed.loop)->used, 0);
	bed_teardown();
	free(ends);
	free(raws);
}

static void arrive(int i)
{
	static const struct rtun_addr peer = {.family = 4, .ip = {192, 0, 2, 1}, .port = 7};
	ck_assert_int_eq(pipe_end_init(&ends[i], &raws[i], false), 0);
	ck_assert_int_eq(pipe_end_init(&raws[i], &ends[i], true), 0);
	struct rtun_stream *s = ends[i].s;
	arrival_add(&all, &s, &peer);
	ck_assert_ptr_null(s);
}

static void send_m(int i, size_t n)
{
	static uint8_t block[65536];
	memset(block, 'm', sizeof(block));
	while (n) {
		size_t k = n < sizeof(block) ? n : sizeof(block);
		ck_assert_uint_eq(pipe_push(&ends[i], block, k), k);
		loop_advance(bed.loop, RTUN_MS);
		ck_assert_uint_eq(ends[i].len, 0); /* it is read at once */
		n -= k;
	}
}

static const size_t amounts[] = {0, 1, 2, 32, 64, 100, 255, 256, 257, 258, 272, 511, 512, 513, 1024, 4096, 16384, 65537, 200000, 3000000};

/* Two of them, one that sends nothing; at no number of bytes, in no pieces, is there a difference. */
START_TEST(all_the_same)
{
	size_t n = amounts[_i / 4];
	ends[1].in_chunk = _i & 1 ? 77 : 0;
	arrive(0);
	arrive(1);
	uint64_t began = rtun_now(&hc.ctx);
	if (n < 600 && _i & 1)
		for (size_t i = 0; i < n; i++)
			send_m(1, 1);
	else if (n <= 4096 || !(_i & 1)) /* in small pieces the rest takes its time */
		send_m(1, n);
	if (_i & 2) {
		ends[1].eof = true;
		pipe_wake(&ends[1]);
	}
	while (rtun_now(&hc.ctx) - began < PATIENCE - 20 * RTUN_MS) {
		ck_assert(!ends[0].shut && !ends[1].shut && !ends[1].aborted && !ends[1].destroyed);
		ck_assert_uint_eq(raws[0].len + raws[1].len, 0);
		loop_advance(bed.loop, 10 * RTUN_MS);
	}
	ck_assert_uint_eq(all.count, 2);
	loop_advance(bed.loop, 30 * RTUN_MS);
	ck_assert(ends[0].shut && ends[1].shut);
	ck_assert_uint_eq(all.count, 0);
	ck_assert_uint_eq(ends[0].written + ends[1].written, 0);
	ck_assert_int_eq(firsts, n >= WIRE_MESSAGE_1 && (n <= 4096 || !(_i & 1)));
	for (int i = 0; i < 2; i++) {
		ends[i].eof = true;
		pipe_wake(&ends[i]);
	}
	loop_advance(bed.loop, RTUN_S);
	ck_assert(ends[0].destroyed && ends[1].destroyed);
	ck_assert(!ends[0].aborted && !ends[1].aborted); /* a FIN, no RST */
}
END_TEST

/* A good one is handed on with what stands behind its message, and no deadline follows it. */
START_TEST(good_one)
{
	const uint8_t *p;
	good = true;
	arrive(0);
	for (int i = 0; i < WIRE_MESSAGE_1 - 1; i++)
		send_m(0, 1);
	ck_assert_int_eq(firsts, 0);
	pipe_push(&ends[0], "m+more", 6);
	loop_advance(bed.loop, RTUN_MS);
	ck_assert_int_eq(firsts, 1);
	ck_assert_uint_eq(all.count, 0);
	loop_advance(bed.loop, 2 * PATIENCE);
	ck_assert_int_eq(rtun_peek(taken, 5, &p), 5);
	ck_assert_mem_eq(p, "+more", 5);
	ck_assert(!ends[0].shut && !ends[0].aborted);
}
END_TEST

/* One that breaks is gone; nobody is left to see when. */
START_TEST(broken)
{
	arrive(0);
	send_m(0, _i ? 300 : 3);
	pipe_break(&ends[0], RTUN_ERESET);
	loop_advance(bed.loop, RTUN_MS);
	ck_assert_uint_eq(all.count, 0);
	ck_assert(ends[0].destroyed);
}
END_TEST

/* When there are too many, nobody is closed: the listener pauses until one has gone. */
START_TEST(pause)
{
	free(ends);
	free(raws);
	ends = calloc(ARRIVAL_MAX, sizeof(*ends));
	raws = calloc(1, sizeof(*raws));
	for (uint32_t i = 0; i < ARRIVAL_MAX; i++) {
		const struct rtun_addr peer = {.family = 4, .ip = {192, 0, (uint8_t)(i / ARRIVAL_SHARE), 1}, .port = 7};
		ck_assert_int_eq(rooms[0], 0);
		ck_assert_int_eq(pipe_end_init(&ends[i], raws, false), 0);
		struct rtun_stream *s = ends[i].s;
		arrival_add(&all, &s, &peer);
	}
	ck_assert_int_eq(rooms[0], 1);
	ck_assert_int_eq(rooms[1], 0);
	pipe_break(&ends[100], RTUN_ERESET);
	loop_advance(bed.loop, RTUN_MS);
	ck_assert_int_eq(rooms[1], 1);
	for (uint32_t i = 0; i < ARRIVAL_MAX; i++)
		ck_assert(!ends[i].shut && ends[i].destroyed == (i == 100));
	loop_advance(bed.loop, PATIENCE);
	ck_assert_uint_eq(all.count, 0);
	ck_assert_int_eq(rooms[1], 1);
	loop_advance(bed.loop, PATIENCE); /* they don't close their side: given up */
	for (uint32_t i = 0; i < ARRIVAL_MAX; i++)
		ck_assert(ends[i].destroyed);
}
END_TEST

/* One source has a share of the places: its own oldest make room. */
START_TEST(share)
{
	free(ends);
	free(raws);
	ends = calloc(ARRIVAL_SHARE + 6, sizeof(*ends));
	raws = calloc(1, sizeof(*raws));
	for (uint32_t i = 0; i < ARRIVAL_SHARE + 6; i++) {
		/* the second one is a stranger to all others; the rest differ in their interface ids only */
		const struct rtun_addr peer = {.family = 6, .ip = {0x26, 0, 0, 11, 0, 0, 0, i == 1, (uint8_t)i}, .port = 7};
		ck_assert_int_eq(pipe_end_init(&ends[i], raws, false), 0);
		struct rtun_stream *s = ends[i].s;
		arrival_add(&all, &s, &peer);
	}
	loop_advance(bed.loop, RTUN_MS);
	for (uint32_t i = 0; i < ARRIVAL_SHARE + 6; i++)
		ck_assert_int_eq(ends[i].shut, i < 6 && i != 1);
	ck_assert_uint_eq(all.count, ARRIVAL_SHARE + 1);
	ck_assert_int_eq(rooms[0], 0);
	arrivals_fini(&all);
	loop_advance(bed.loop, 2 * PATIENCE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("arrival");
	TCase *t = tcase_create("arrival");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, all_the_same, 0, 4 * (int)(sizeof(amounts) / sizeof(amounts[0])));
	tcase_add_test(t, good_one);
	tcase_add_loop_test(t, broken, 0, 2);
	tcase_add_test(t, pause);
	tcase_add_test(t, share);
	suite_add_tcase(s, t);
	return bed_run(s);
}
