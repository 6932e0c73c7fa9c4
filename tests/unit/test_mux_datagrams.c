/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mux_datagrams.c - streams of datagrams between two muxes: what asks for one; they are ahead of downloads, and a flood
 * of them leaves the others their half.
 */
#include "mux_pair.h"
#include "stream.h"

static int open_datagrams(struct opened *o)
{
	const struct mux_target t = {.protocol = WIRE_UDP};
	o->side = opener;
	return mux_open(opener->mux, &t, on_opened, o, &o->op, NULL);
}

/* A line that takes 64 KiB at a time, and is slow; `bulk` downloads, and `floods` of datagrams behind them. */
static void crowd(struct side *from, struct side *to, struct opened *o, int bulk, int floods)
{
	opener->end.room = acceptor->end.room = 65536;
	opener->end.in_chunk = acceptor->end.in_chunk = 16384;
	opener->end.pause_every = acceptor->end.pause_every = 3;
	pair(262144);
	acceptor->answer = ANSWER_RELAY;
	for (int i = 0; i < bulk + floods; i++) {
		from->apps[i] = (struct app){.size = UINT32_MAX, .never_ends = true};
		to->apps[i] = (struct app){.never_ends = true};
		o[i].app = &opener->apps[i];
		ck_assert_int_eq(i < bulk ? open_to(opener, &o[i], "a") : open_datagrams(&o[i]), 0);
	}
}

static uint64_t got(const struct side *to, int from, int n)
{
	uint64_t sum = 0;
	for (int i = from; i < from + n; i++)
		sum += to->apps[i].got;
	return sum;
}

START_TEST(asked_for)
{
	struct opened o = {0};
	struct rtun_addr none = {0};
	pair(WINDOW);
	ck_assert_int_eq(open_datagrams(&o), 0);
	settle();
	ck_assert_uint_eq(acceptor->target.protocol, WIRE_UDP);
	ck_assert_str_eq(acceptor->target.name, "");
	ck_assert_uint_eq(acceptor->target.addr.family, 0);
	ck_assert_int_eq(mux_accept(acceptor->ms[0], &none, &acceptor->kept[0]), 0);
	settle();
	ck_assert_int_eq(o.calls, 1);
	ck_assert_uint_eq(o.err, 0);
	ck_assert_int_eq(rtun_put(o.s, "there", 5), 0);
	ck_assert_int_eq(rtun_put(acceptor->kept[0], "back", 4), 0);
	settle();
	ck_assert_int_eq(take(acceptor->kept[0]), 5);
	ck_assert_int_eq(take(o.s), 4);
	rtun_close(&o.s);
	settle();
	ck_assert_int_eq(acceptor->ended, 0);
}
END_TEST

/* However much was sent before: a stream that has used its turn would wait for eight others. */
START_TEST(ahead_of_downloads)
{
	struct side *from = _i ? acceptor : opener, *to = _i ? opener : acceptor;
	struct opened o[9] = {{0}};
	crowd(from, to, o, 8, 1);
	from->apps[8].size = 0;
	loop_advance(bed.loop, 500 * RTUN_MS);
	for (int k = 0; k < 20; k++) {
		uint64_t before = got(to, 0, 8), want = from->apps[8].size += 60000;
		rtun_ready(from->apps[8].s, RTUN_READ);
		while (to->apps[8].got < want)
			loop_advance(bed.loop, RTUN_MS);
		/* what was sealed or with the kernel already, and as much as it is itself */
		ck_assert_uint_le(got(to, 0, 8) - before, 131072 + 65536 + 65536);
	}
	mux_destroy(&opener->mux);
	settle();
}
END_TEST

/* Two floods have half, the downloads the other half, each a fair part of it; and with nobody else they have it all. */
START_TEST(floods_leave_half)
{
	struct side *from = _i ? acceptor : opener, *to = _i ? opener : acceptor;
	struct opened o[6] = {{0}};
	crowd(from, to, o, 4, 2);
	while (got(to, 0, 6) < 32 << 20)
		loop_advance(bed.loop, 5 * RTUN_MS);
	uint64_t bulk = got(to, 0, 4), flood = got(to, 4, 2);
	ck_assert_uint_ge(bulk, (bulk + flood) * 4 / 10);
	ck_assert_uint_ge(flood, (bulk + flood) * 4 / 10);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_ge(to->apps[i].got, bulk / 4 * 8 / 10);
	for (int i = 4; i < 6; i++)
		ck_assert_uint_ge(to->apps[i].got, flood / 2 * 8 / 10);
	for (int i = 0; i < 4; i++)
		from->apps[i].size = from->apps[i].given;
	loop_advance(bed.loop, RTUN_S);
	uint64_t before = got(to, 4, 2);
	loop_advance(bed.loop, RTUN_S);
	ck_assert_uint_gt(got(to, 4, 2) - before, 1 << 20);
	mux_destroy(&opener->mux);
	settle();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mux_datagrams");
	TCase *t = tcase_create("pair");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, asked_for);
	tcase_add_loop_test(t, ahead_of_downloads, 0, 2);
	tcase_add_loop_test(t, floods_leave_half, 0, 2);
	suite_add_tcase(s, t);
	return bed_run(s);
}
