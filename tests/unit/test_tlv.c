/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_tlv.c - payloads: what was written can be read, unknown types are skipped, malformed ones refused.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../../modules/transport_noise/tlv.c"

struct payload {
	struct tlv_value counter, name, flag;
};

#define ROW(type, member, required, min, max) {type, required, min, max, offsetof(struct payload, member)}
static const struct tlv_row rows[] = {
	ROW(1, counter, true, 8, 8),
	ROW(2, name, false, 1, 32),
	ROW(7, flag, false, 0, 0),
};

static int read_exactly(const void *p, size_t len, struct payload *ret)
{
	/* in a place of its own size, so that a sanitizer sees a read beyond it */
	uint8_t *copy = malloc(len ? len : 1);
	int r;

	memcpy(copy, p, len);
	r = tlv_read(rows, 3, copy, len, ret);
	free(copy);
	return r;
}

#define READ(text) read_exactly(text, sizeof(text) - 1, &p)
#define COUNTER "\1\0\10\0\0\0\0\0\0\1\2"

START_TEST(round_trip)
{
	struct tlv_writer w;
	struct payload p;
	uint8_t out[64];

	memset(out, 0xee, sizeof(out));
	tlv_write_begin(&w, out, sizeof(out));
	tlv_put_number(&w, 1, 0x0102030405060708, 8);
	tlv_put(&w, 7, NULL, 0);
	tlv_put(&w, 2, "home", 4);
	ck_assert_int_eq(tlv_write_end(&w, 60), 60);
	ck_assert_mem_eq(out, "\1\0\10\1\2\3\4\5\6\7\10\7\0\0\2\0\4home\0", 19);
	ck_assert_uint_eq(out[59], 0);
	ck_assert_uint_eq(out[60], 0xee);
	ck_assert_int_eq(tlv_read(rows, 3, out, 60, &p), 0);
	ck_assert_uint_eq(tlv_number(&p.counter), 0x0102030405060708);
	ck_assert_uint_eq(p.name.len, 4);
	ck_assert_mem_eq(p.name.p, "home", 4);
	ck_assert_ptr_nonnull(p.flag.p);
	ck_assert_uint_eq(p.flag.len, 0);
}
END_TEST

START_TEST(good)
{
	struct payload p;

	memset(&p, 0xee, sizeof(p));
	ck_assert_int_eq(READ(COUNTER), 0);
	ck_assert_ptr_null(p.name.p);
	ck_assert_uint_eq(tlv_number(&p.name), 0);
	ck_assert_int_eq(READ(COUNTER "\0"), 0);
	ck_assert_int_eq(READ(COUNTER "\0\2\377\377anything"), 0); /* padding is not looked at */
	ck_assert_int_eq(READ("\x63\0\3abc" COUNTER "\xff\0\0\xff\0\0"), 0); /* unknown, and twice */
}
END_TEST

START_TEST(malformed)
{
	struct payload p;

	ck_assert_int_eq(READ(""), -1); /* the counter is required */
	ck_assert_int_eq(READ("\0"), -1);
	ck_assert_int_eq(READ("\0" COUNTER), -1);
	ck_assert_int_eq(READ(COUNTER COUNTER), -1);
	ck_assert_int_eq(READ(COUNTER "\7\0\0\7\0\0"), -1); /* an empty one twice */
	ck_assert_int_eq(READ("\1\0\7\0\0\0\0\0\0\1"), -1);
	ck_assert_int_eq(READ("\1\0\11\0\0\0\0\0\0\1\2\3"), -1);
	ck_assert_int_eq(READ(COUNTER "\2\0\0"), -1);
	ck_assert_int_eq(READ(COUNTER "\2\0\41abcdefghijklmnopqrstuvwxyzabcdefg"), -1);
	ck_assert_int_eq(READ(COUNTER "\7\0\1x"), -1);
	ck_assert_int_eq(READ(COUNTER "\2"), -1);
	ck_assert_int_eq(READ(COUNTER "\2\0"), -1);
	ck_assert_int_eq(READ(COUNTER "\2\0\5home"), -1);
	ck_assert_int_eq(READ(COUNTER "\x63\0\4abc"), -1); /* unknown and cut off */
	ck_assert_int_eq(READ(COUNTER "\x63\377\377"), -1);
}
END_TEST

START_TEST(overflow)
{
	struct tlv_writer w;
	uint8_t out[16], big[70000] = {0};

	tlv_write_begin(&w, out, sizeof(out));
	tlv_put(&w, 1, "0123456789abc", 13);
	ck_assert_int_eq(tlv_write_end(&w, 0), 16);
	ck_assert_int_eq(tlv_write_end(&w, 15), -1);
	ck_assert_int_eq(tlv_write_end(&w, 17), -1);
	tlv_write_begin(&w, out, sizeof(out));
	tlv_put(&w, 1, "0123456789abcd", 14);
	tlv_put(&w, 1, "", 0);
	ck_assert_uint_eq(w.len, 0);
	ck_assert_int_eq(tlv_write_end(&w, 0), -1);
	tlv_write_begin(&w, big, sizeof(big));
	tlv_put(&w, 1, big, 65536);
	ck_assert_int_eq(tlv_write_end(&w, 0), -1);
}
END_TEST

/* Whatever the bytes are: it ends, and values stay inside. */
START_TEST(noise)
{
	uint8_t bytes[48];
	struct payload p;
	int i, accepted = 0;

	srandom(1);
	for (i = 0; i < 200000; i++) {
		size_t len = (size_t)random() % sizeof(bytes), j;

		for (j = 0; j < len; j++)
			bytes[j] = (uint8_t)(random() % 12);
		if (len > 11 && i % 2)
			memcpy(bytes, COUNTER, 11);
		if (tlv_read(rows, 3, bytes, len, &p))
			continue;
		accepted++;
		ck_assert(p.counter.p >= bytes);
		ck_assert(p.counter.p + p.counter.len <= bytes + len);
		if (p.name.p)
			ck_assert(p.name.p + p.name.len <= bytes + len);
	}
	ck_assert_int_gt(accepted, 1000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tlv");
	TCase *c = tcase_create("tlv");
	SRunner *runner;
	int failed;

	tcase_add_test(c, round_trip);
	tcase_add_test(c, good);
	tcase_add_test(c, malformed);
	tcase_add_test(c, overflow);
	tcase_add_test(c, noise);
	suite_add_tcase(s, c);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
