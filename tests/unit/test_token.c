/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_token.c - enrolment tokens: how long, how many, by whom; and the exact derivations.
 */
#include <check.h>
#include <restunnel/abi.h>
#include <sodium.h>
#include <string.h>

#include "../../modules/transport_noise/token.c"

#define MINUTE (UINT64_C(60) * 1000000000)

static struct token_table t;
static const uint8_t alice[32] = {1}, bob[32] = {2};

static void setup(void)
{
	token_table_init(&t);
}

static struct token *make(uint64_t now, struct token_keys *keys)
{
	uint8_t token[TOKEN_BYTES];

	ck_assert_int_eq(token_create(&t, now, 77, "home", token), 0);
	token_derive(token, keys);
	return token_find(&t, now, keys->id, alice);
}

START_TEST(derivations)
{
	/* computed with python's hashlib.blake2b(message, key=..., digest_size=...) */
	static const uint8_t id[] = {
		0x51, 0x4f, 0xaf, 0x0e, 0xdd, 0xa7, 0x2a, 0x34, 0x61, 0x0f, 0xa0, 0xba, 0xca, 0x0f, 0x56, 0x54,
	};
	static const uint8_t psk[] = {
		0x5a, 0x80, 0x7b, 0x02, 0xd6, 0xf7, 0x89, 0x85, 0xf3, 0x04, 0x9b, 0xfd, 0xc3, 0x6b, 0xc7, 0x5b,
		0xd4, 0x32, 0x2e, 0x13, 0xca, 0x0f, 0x41, 0x94, 0xb4, 0xee, 0x08, 0x61, 0x76, 0xf4, 0x87, 0xb5,
	};
	static const uint8_t seed[] = {
		0x21, 0x7e, 0xb6, 0xe4, 0xc4, 0xf4, 0x4e, 0x2c, 0x0e, 0x18, 0xfe, 0x9f, 0xb2, 0x27, 0x68, 0xd4,
		0x0f, 0x16, 0xe4, 0xc5, 0x19, 0x0f, 0x2a, 0xe7, 0xcd, 0xc3, 0x64, 0x58, 0xd4, 0xaa, 0xd0, 0x36,
	};
	static const uint8_t device[] = {
		0x7b, 0x91, 0xac, 0x3b, 0x62, 0xcc, 0x3b, 0x85, 0x1d, 0x7d, 0xe2, 0x74, 0xb6, 0x4a, 0x1e, 0x34,
		0x1c, 0xdf, 0x55, 0x0e, 0x33, 0x63, 0xab, 0xd6, 0x40, 0xe1, 0x0a, 0x7e, 0xe6, 0x2a, 0xe3, 0xa3,
	};
	uint8_t token[32], hash[64], hub_key[32], device_key[32], out[32];
	struct token_keys keys;

	memset(token, 0x11, sizeof(token));
	memset(hash, 0x22, sizeof(hash));
	memset(hub_key, 0x33, sizeof(hub_key));
	memset(device_key, 0x44, sizeof(device_key));
	token_derive(token, &keys);
	ck_assert_mem_eq(keys.id, id, sizeof(id));
	ck_assert_mem_eq(keys.psk, psk, sizeof(psk));
	ck_assert_mem_eq(keys.seed, seed, sizeof(seed));
	token_device_psk(keys.seed, hash, hub_key, device_key, out);
	ck_assert_mem_eq(out, device, sizeof(device));
}
END_TEST

START_TEST(the_raw_token_is_not_kept)
{
	uint8_t token[TOKEN_BYTES];
	size_t i;

	ck_assert_int_eq(token_create(&t, 1, 77, NULL, token), 0);
	for (i = 0; i + TOKEN_BYTES <= sizeof(t); i++)
		ck_assert_int_ne(memcmp((const uint8_t *)&t + i, token, TOKEN_BYTES), 0);
}
END_TEST

START_TEST(found_by_its_id)
{
	struct token_keys keys, other;
	struct token *token = make(1, &keys);

	make(1, &other);
	ck_assert_ptr_nonnull(token);
	ck_assert_str_eq(token->name, "home");
	ck_assert_mem_eq(&token->keys, &keys, sizeof(keys));
	ck_assert_ptr_eq(token_find(&t, 1, keys.id, bob), token);
	ck_assert_ptr_ne(token_find(&t, 1, other.id, bob), token);
	keys.id[15] ^= 1;
	ck_assert_ptr_null(token_find(&t, 1, keys.id, alice));
}
END_TEST

START_TEST(fifteen_minutes)
{
	struct token_keys keys;

	make(7, &keys);
	ck_assert_ptr_nonnull(token_find(&t, 7 + 15 * MINUTE - 1, keys.id, alice));
	ck_assert_uint_eq(token_expire(&t, 7), 7 + 15 * MINUTE);
	ck_assert_ptr_null(token_find(&t, 7 + 15 * MINUTE, keys.id, alice));
	ck_assert_uint_eq(token_expire(&t, 7 + 15 * MINUTE), 0);
	ck_assert(sodium_is_zero((const uint8_t *)&t, sizeof(t)));
}
END_TEST

START_TEST(burned_but_for_the_same_device)
{
	struct token_keys keys;
	struct token *token = make(0, &keys);

	token_use(token, alice);
	ck_assert_ptr_eq(token_find(&t, MINUTE, keys.id, alice), token);
	ck_assert_ptr_null(token_find(&t, MINUTE, keys.id, bob));
	ck_assert_ptr_null(token_next(&t, MINUTE, NULL, bob));
	ck_assert_ptr_eq(token_next(&t, MINUTE, NULL, alice), token);
	ck_assert_uint_eq(token_count_open(&t, MINUTE), 0);
	token_use(token, alice); /* again: no longer life */
	ck_assert_ptr_null(token_find(&t, 15 * MINUTE, keys.id, alice));
}
END_TEST

START_TEST(at_most_eight)
{
	uint8_t token[TOKEN_BYTES];
	struct token_keys keys;
	struct token *i;
	int n;

	for (n = 0; n < TOKEN_OPEN_MAX; n++)
		make((uint64_t)n, &keys);
	ck_assert_int_eq(token_create(&t, 9, 77, NULL, token), -RTUN_EOVERLOAD);
	ck_assert_uint_eq(token_count_open(&t, 9), 8);
	for (n = 0, i = NULL; (i = token_next(&t, 9, i, alice)); n++)
		;
	ck_assert_int_eq(n, 8);
	token_use(token_find(&t, 9, keys.id, alice), alice);
	ck_assert_int_eq(token_create(&t, 9, 77, NULL, token), 0);
	ck_assert_int_eq(token_create(&t, 9, 77, NULL, token), -RTUN_EOVERLOAD);
	ck_assert_int_eq(token_create(&t, 15 * MINUTE, 77, NULL, token), 0); /* the first one has expired */
}
END_TEST

/* Somebody pairs fifty devices within a quarter of an hour. */
START_TEST(many_one_after_the_other)
{
	struct token_keys keys, last;
	int n;

	for (n = 0; n < 50; n++) {
		token_use(make((uint64_t)n, &keys), n % 2 ? alice : bob);
		ck_assert_ptr_nonnull(token_find(&t, 50, keys.id, n % 2 ? alice : bob));
	}
	ck_assert_uint_eq(token_count_open(&t, 50), 0);
	for (n = 0; n < TOKEN_OPEN_MAX; n++)
		make(60, &last);
	ck_assert_uint_eq(token_count_open(&t, 60), 8);
	ck_assert_ptr_nonnull(token_find(&t, 60, keys.id, alice));
}
END_TEST

/* Withdrawn: as if it had never been, whether used or not, and there is room for another. The others are as before. */
START_TEST(withdrawn)
{
	struct token_keys keys[TOKEN_OPEN_MAX];
	uint8_t token[TOKEN_BYTES];
	struct token *i = NULL, *second, *used;
	int n;

	for (n = 0; n < TOKEN_OPEN_MAX; n++)
		make((uint64_t)n, &keys[n]);
	second = token_find(&t, 9, keys[1].id, alice);
	ck_assert_int_eq(second->made_at, 77);
	token_forget(second);
	ck_assert(sodium_is_zero((const uint8_t *)second, sizeof(*second)));
	ck_assert_ptr_null(token_find(&t, 9, keys[1].id, alice));
	ck_assert_uint_eq(token_count_open(&t, 9), 7);
	for (n = 0; (i = token_next(&t, 9, i, alice)); n++)
		ck_assert_mem_ne(i->keys.id, keys[1].id, TOKEN_ID);
	ck_assert_int_eq(n, 7);
	/* Nor by the id that its place has now: a withdrawn one is all zero, and that opens nothing. */
	memset(&keys[1], 0, sizeof(keys[1]));
	ck_assert_ptr_null(token_find(&t, 9, keys[1].id, alice));
	used = token_find(&t, 9, keys[2].id, alice);
	token_use(used, alice);
	token_forget(used);
	ck_assert_ptr_null(token_find(&t, 9, keys[2].id, alice));
	ck_assert_int_eq(token_create(&t, 9, 77, NULL, token), 0);
	ck_assert_int_eq(token_create(&t, 9, 77, NULL, token), 0);
	ck_assert_int_eq(token_create(&t, 9, 77, NULL, token), -RTUN_EOVERLOAD);
}
END_TEST

/* All that live, used or not, also while they are forgotten on the way. */
START_TEST(shown_and_ended)
{
	struct token_keys keys;
	struct token *i;
	int n;

	ck_assert_ptr_null(token_next_live(&t, 0, NULL));
	for (n = 0; n < 5; n++)
		make((uint64_t)n, &keys);
	token_use(token_find(&t, 9, keys.id, bob), bob);
	for (n = 0, i = NULL; (i = token_next_live(&t, 9, i)); n++)
		;
	ck_assert_int_eq(n, 5);
	for (n = 0, i = NULL; (i = token_next_live(&t, 15 * MINUTE + 1, i)); n++) /* two have expired */
		token_forget(i);
	ck_assert_int_eq(n, 3);
	ck_assert(sodium_is_zero((const uint8_t *)&t, sizeof(t)));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("token");
	TCase *c = tcase_create("token");
	SRunner *runner;
	int failed;

	if (sodium_init() < 0)
		return 1;
	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, derivations);
	tcase_add_test(c, the_raw_token_is_not_kept);
	tcase_add_test(c, found_by_its_id);
	tcase_add_test(c, fifteen_minutes);
	tcase_add_test(c, burned_but_for_the_same_device);
	tcase_add_test(c, at_most_eight);
	tcase_add_test(c, many_one_after_the_other);
	tcase_add_test(c, withdrawn);
	tcase_add_test(c, shown_and_ended);
	suite_add_tcase(s, c);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
