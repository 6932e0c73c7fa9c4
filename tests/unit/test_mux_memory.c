/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mux_memory.c - two muxes when the n-th allocation fails: streams or connections end, with their reason; nothing
 * hangs, nothing crashes, nothing is left. Linked with --wrap for malloc(), calloc(), realloc() and
 * Check's own _mark_point().
 */
#include "mux_bed.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void __real__mark_point(const char *file, int line);
void __wrap__mark_point(const char *file, int line);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static long calls, fail_at;
static bool armed; /* Check allocates too, and may be linked statically */

static bool fails(void)
{
	return armed && ++calls == fail_at;
}

void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t size) { return fails() ? NULL : __real_realloc(p, size); }

/* What each ck_assert() begins with, also in the callbacks of mux_bed.h. */
void __wrap__mark_point(const char *file, int line)
{
	bool was = armed;
	armed = false;
	__real__mark_point(file, line);
	armed = was;
}

#define STREAMS 20 /* the table grows */
#define SIZE 70000

static struct side *a, *b;
static struct opened o[STREAMS];

/* How many streams brought all their bytes both ways. */
static int run(void)
{
	int good = 0;
	memset(o, 0, sizeof(o));
	if (pipe_end_init(&a->end, &b->end, false) < 0)
		return 0;
	if (pipe_end_init(&b->end, &a->end, false) < 0) {
		rtun_close(&a->end.s);
		return 0;
	}
	struct rtun_stream *other = b->end.s;
	if (side_start(a, true, 16384, 16384, &null_crypto) < 0) {
		rtun_close(&other);
		return 0;
	}
	if (side_start(b, false, 16384, 16384, &null_crypto) < 0)
		return 0;
	b->answer = ANSWER_RELAY;
	for (int i = 0; i < STREAMS && a->mux; i++) {
		uint64_t size = i ? 100 : SIZE;
		a->apps[i] = (struct app){.size = size};
		b->apps[i] = (struct app){.size = size};
		o[i].app = &a->apps[i];
		if ((i & 1 ? open_early : open_to)(a, &o[i], "x") < 0)
			o[i].err = RTUN_ENOMEM;
	}
	for (int k = 0; k < 70; k++) /* past what a peer that has gone silent is given */
		loop_advance(bed.loop, RTUN_S);
	for (int i = 0; i < STREAMS; i++) {
		ck_assert_int_le(o[i].calls, 1);
		ck_assert_msg(o[i].err || o[i].calls, "stream %d was never answered", i);
		good += a->apps[i].shut && b->apps[i].shut && !a->apps[i].aborted && a->apps[i].got == (i ? 100 : SIZE);
	}
	return good;
}

START_TEST(nth_allocation_fails)
{
	int spoilt = 0;
	for (fail_at = 1;; fail_at++) {
		bed_setup(true, &hc);
		a = calloc(1, sizeof(*a));
		b = calloc(1, sizeof(*b));
		a->end.room = b->end.room = 20000;
		calls = 0;
		armed = true;
		int good = run();
		armed = false;
		spoilt += good < STREAMS;
		for (int i = 0; i < STREAMS; i++)
			rtun_op_cancel(&o[i].op);
		side_stop(a);
		side_stop(b);
		ck_assert_uint_eq(loop_buffers(bed.loop)->used, 0);
		for (int i = 0; i < STREAMS; i++)
			ck_assert_msg(!a->apps[i].s && !b->apps[i].s, "allocation %ld: stream %d lives on", fail_at, i);
		ck_assert(!a->end.s && !b->end.s);
		bed_teardown();
		free(a);
		free(b);
		if (calls < fail_at) {
			ck_assert_int_eq(good, STREAMS);
			break;
		}
		ck_assert_int_lt(fail_at, 5000);
	}
	ck_assert_int_gt(fail_at, 100);
	ck_assert_int_gt(spoilt, 50);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mux_memory");
	TCase *t = tcase_create("mux_memory");
	tcase_set_timeout(t, 120);
	tcase_add_test(t, nth_allocation_fails);
	suite_add_tcase(s, t);
	return bed_run(s);
}
