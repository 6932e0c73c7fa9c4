/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_url.c - the pairing URL: one way to write it, words for everything else.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../modules/transport_noise/url.c"

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"   /* 0, 1, 2 ... 31 */
#define TOKEN "__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA" /* 255, 254 ... 224 */

static const struct {
	const char *host, *text;
} hosts[] = {
	{"vps.example.net", "vps.example.net"}, {"hub", "hub"},		      {"192.0.2.1", "192.0.2.1"},
	{"2001:db8::1", "[2001:db8::1]"},	{"::1", "[::1]"},	      {"::ffff:192.0.2.1", "[::ffff:192.0.2.1]"},
	{"xn--bcher-kva.example", "xn--bcher-kva.example"},	      {"3com.example", "3com.example"},
	{"1and1", "1and1"},
};

START_TEST(good)
{
	char text[URL_MAX], again[URL_MAX], error[URL_ERROR_MAX];
	struct url u;
	int i;

	snprintf(text, sizeof(text), "noise://" KEY "@%s:9000?token=" TOKEN, hosts[_i].text);
	ck_assert_msg(!url_parse(text, &u, error), "%s: %s", text, error);
	ck_assert_str_eq(u.host, hosts[_i].host);
	ck_assert_uint_eq(u.port, 9000);
	for (i = 0; i < 32; i++) {
		ck_assert_uint_eq(u.hub_key[i], i);
		ck_assert_uint_eq(u.token[i], 255 - i);
	}
	url_format(&u, again);
	ck_assert_str_eq(again, text);
}
END_TEST

static const char *const later[] = {
	"noise://" KEY "@hub:1?token=" TOKEN "&v=2",
	"noise://" KEY "@hub:65535?v=2&token=" TOKEN,
	"noise://" KEY "@hub:65535?a&&token=" TOKEN "&tokens=x",
};

START_TEST(unknown_keys)
{
	char error[URL_ERROR_MAX];
	struct url u;

	ck_assert_msg(!url_parse(later[_i], &u, error), "%s", error);
	ck_assert_uint_eq(u.token[31], 224);
}
END_TEST

#define REST "@hub:9000?token=" TOKEN
#define HOST(h) "noise://" KEY "@" h "?token=" TOKEN
static const struct {
	const char *text, *word; /* that the error must have */
} bad[] = {
	{"", "noise://"},
	{"http://" KEY REST, "noise://"},
	{"NOISE://" KEY REST, "noise://"},
	{"noise:" KEY REST, "noise://"},
	{" noise://" KEY REST, "position 1"},
	{"noise://" KEY REST "\n", "blanks"},
	{"'noise://" KEY REST "'", "quotes"},
	{"noise://" KEY REST "#x", "belong"},
	{"noise://" KEY "\xc3\xa4" REST, "belong"},
	{"noise://hub:9000?token=" TOKEN, "hub key"},
	{"noise://hub:9000?a@b&token=" TOKEN, "hub key"},
	{"noise://" REST, "key is damaged"},
	{"noise://x" KEY REST, "key is damaged"},
	{"noise://" KEY "=" REST, "key is damaged"},
	{"noise://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh" REST, "key is damaged"},
	{"noise://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9" REST, "key is damaged"}, /* unused bits: not canonical */
	{"noise://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh!" REST, "key is damaged"},
	{"noise://AA/CAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" REST, "key is damaged"}, /* the other base64 */
	{"noise://AA+CAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" REST, "key is damaged"},
	{"noise://" KEY "@hub:9000", "no token"},
	{"noise://" KEY "@hub:9000?", "no token"},
	{"noise://" KEY "@hub:9000?Token=" TOKEN, "no token"},
	{"noise://" KEY "@hub:9000?token=", "token is damaged"},
	{"noise://" KEY "@hub:9000?token=" TOKEN "A", "token is damaged"},
	{"noise://" KEY "@hub:9000?token=" TOKEN "=", "token is damaged"},
	{"noise://" KEY "@hub:9000?token=" TOKEN "&token=" TOKEN, "two tokens"},
	{HOST("hub"), "no port"},
	{HOST(""), "no port"},
	{HOST(":9000"), "neither"},
	{HOST("hub:"), "port is not"},
	{HOST("hub:0"), "port is not"},
	{HOST("hub:09000"), "port is not"},
	{HOST("hub:65536"), "port is not"},
	{HOST("hub:99999"), "port is not"},
	{HOST("hub:100000"), "port is not"},
	{HOST("hub:+80"), "port is not"},
	{HOST("hub:9000/"), "port is not"},
	{HOST("user@hub:9000"), "neither"},
	{HOST("2001:db8::1:9000"), "brackets"},
	{HOST("[2001:db8::1:9000"), "closing bracket"},
	{HOST("[2001:db8::1]"), "no port"},
	{HOST("[2001:db8::1]9000"), "no port"},
	{HOST("[2001:db8::g]:9000"), "neither"},
	{HOST("[fe80::1%eth0]:9000"), "neither"},
	{HOST("[192.0.2.1]:9000"), "neither"},
	{HOST("[hub]:9000"), "neither"},
	{HOST("[]:9000"), "neither"},
	{HOST("127.1:9000"), "neither"},
	{HOST("0177.0.0.1:9000"), "neither"},
	{HOST("2130706433:9000"), "neither"},
	{HOST("0x7f.1:9000"), "neither"},
	{HOST("a.0x7f:9000"), "neither"},
	{HOST("hub..net:9000"), "neither"},
	{HOST("hub.net.:9000"), "neither"},
	{HOST("-hub:9000"), "neither"},
	{HOST("hub-:9000"), "neither"},
	{HOST("hu_b:9000"), "neither"},
	{HOST("h%75b:9000"), "neither"},
	{HOST("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.net:9000"), "neither"}, /* 64 */
};

START_TEST(words_for_the_others)
{
	char error[URL_ERROR_MAX];
	struct url u, none;

	memset(&none, 0, sizeof(none));
	ck_assert_int_eq(url_parse(bad[_i].text, &u, error), -1);
	ck_assert_msg(strstr(error, bad[_i].word) != NULL, "%s: %s", bad[_i].text, error);
	ck_assert_uint_lt(strlen(error), URL_ERROR_MAX - 1); /* not cut off */
	ck_assert_mem_eq(&u, &none, sizeof(u));
}
END_TEST

START_TEST(longest_host)
{
	char host[300], text[800], again[URL_MAX], error[URL_ERROR_MAX];
	struct url u;

	memset(host, 'a', sizeof(host));
	host[63] = host[127] = host[191] = '.';
	host[253] = 0;
	snprintf(text, sizeof(text), "noise://" KEY "@%s:65535?token=" TOKEN, host);
	ck_assert_msg(!url_parse(text, &u, error), "%s", error);
	url_format(&u, again);
	ck_assert_str_eq(again, text);
	host[252] = 'a';
	host[253] = 'a';
	host[254] = 0;
	snprintf(text, sizeof(text), "noise://" KEY "@%s:65535?token=" TOKEN, host);
	ck_assert_int_eq(url_parse(text, &u, error), -1);
	ck_assert_ptr_nonnull(strstr(error, "longer"));
}
END_TEST

/* Whatever is accepted without further keys is written again in the same way. */
START_TEST(one_way_to_write_it)
{
	static const char from[] = "abZ019-_.:@[]?&=/%+~ ";
	char text[256], again[URL_MAX], error[URL_ERROR_MAX];
	struct url u;
	int i, j, accepted = 0;

	srandom(1);
	for (i = 0; i < 200000; i++) {
		snprintf(text, sizeof(text), "%s", i % 2 ? HOST("hub.net:9000") : HOST("[2001:db8::1]:9000"));
		for (j = (int)(random() % 3); j >= 0; j--)
			text[random() % (long)strlen(text)] = from[random() % (long)(sizeof(from) - 1)];
		if (i % 16 == 0)
			text[random() % (long)strlen(text)] = 0;
		if (url_parse(text, &u, error)) {
			ck_assert_int_ne(error[0], 0);
			continue;
		}
		accepted++;
		url_format(&u, again);
		if (!strchr(text, '&'))
			ck_assert_str_eq(again, text);
	}
	ck_assert_int_gt(accepted, 1000);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

int main(void)
{
	Suite *s = suite_create("url");
	TCase *c = tcase_create("url");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(c, good, 0, COUNT(hosts));
	tcase_add_loop_test(c, unknown_keys, 0, COUNT(later));
	tcase_add_loop_test(c, words_for_the_others, 0, COUNT(bad));
	tcase_add_test(c, longest_host);
	tcase_add_test(c, one_way_to_write_it);
	suite_add_tcase(s, c);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
