/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_addr.c - addresses to and from text and sockaddr.
 */
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

static const struct {
	const char *text, *back; /* back NULL: refused */
} with_port[] = {
	{"127.0.0.1:1080", "127.0.0.1:1080"},
	{"0.0.0.0:9000", "0.0.0.0:9000"},
	{"255.255.255.255:65535", "255.255.255.255:65535"},
	{"1.2.3.4:0", "1.2.3.4:0"},
	{"[::]:9000", "[::]:9000"},
	{"[::1]:80", "[::1]:80"},
	{"[2001:DB8:0:0::1]:80", "[2001:db8::1]:80"},
	{"[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80"},
	{"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
	{"", NULL}, {":80", NULL}, {"127.0.0.1", NULL}, {"127.0.0.1:", NULL}, {"127.0.0.1:65536", NULL},
	{"127.0.0.1:080", NULL}, {"127.0.0.1:00", NULL}, {"127.0.0.1:-1", NULL}, {"127.0.0.1: 80", NULL}, {"127.0.0.1:80 ", NULL},
	{"127.1:80", NULL}, {"0177.0.0.1:80", NULL}, {"2130706433:80", NULL}, {"0x7f.0.0.1:80", NULL}, {"127.0.0.01:80", NULL},
	{"::1:80", NULL}, {":::80", NULL}, {"[::1:80", NULL}, {"::1]:80", NULL}, {"[]:80", NULL}, {"[:80", NULL}, {"]:80", NULL},
	{"[127.0.0.1]:80", NULL}, {"[fe80::1%eth0]:80", NULL}, {"[fe80::1%1]:80", NULL}, {"localhost:80", NULL}, {"[::1]80", NULL},
	{"[::1]:80]:80", NULL}, {"[[::1]]:80", NULL}, {"127.0.0.1:99999999999", NULL}, {"::", NULL},
};

START_TEST(parse_with_port)
{
	struct rtun_addr a, b;
	char buf[ADDR_TEXT];
	memset(&a, 0xaa, sizeof(a));
	b = a;

	bool good = addr_parse(with_port[_i].text, &a);
	ck_assert_msg(good == (with_port[_i].back != NULL), "%s", with_port[_i].text);
	if (!good) {
		ck_assert_mem_eq(&a, &b, sizeof(a)); /* untouched */
		return;
	}
	ck_assert_str_eq(addr_text(&a, buf), with_port[_i].back);
	ck_assert(addr_parse(buf, &b));
	ck_assert(addr_equal(&a, &b));
	b.port ^= 1;
	ck_assert(!addr_equal(&a, &b));
}
END_TEST

START_TEST(parse_ip)
{
	struct rtun_addr a;
	char buf[ADDR_TEXT];
	static const char *const bad[] = {"", "1", "127.1", "1.2.3", "1.2.3.4.5", "1.2.3.256", " 1.2.3.4", "1.2.3.4 ", "::1%lo", "[::1]", ":", "1:2"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!addr_parse_ip(bad[i], &a), "%s", bad[i]);
	ck_assert(addr_parse_ip("1.2.3.4", &a));
	ck_assert_uint_eq(a.family, 4);
	ck_assert_uint_eq(a.port, 0);
	ck_assert_uint_eq(a.ip[3], 4);
	ck_assert_uint_eq(a.ip[4], 0);
	ck_assert(addr_parse_ip("2001:db8::", &a));
	ck_assert_uint_eq(a.family, 6);
	ck_assert_str_eq(addr_ip_text(&a, buf), "2001:db8::");
	a = (struct rtun_addr){0};
	ck_assert_str_eq(addr_text(&a, buf), "");
	ck_assert_str_eq(addr_ip_text(&a, buf), "");
}
END_TEST

START_TEST(loopback)
{
	static const char *const yes[] = {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"};
	static const char *const no[] = {"0.0.0.0", "126.255.255.255", "128.0.0.1", "::", "::2", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1",
		"64:ff9b::127.0.0.1", "fe80::1", "100::1"};
	struct rtun_addr a = {0};

	ck_assert(!addr_is_loopback(&a));
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		ck_assert_msg(addr_parse_ip(yes[i], &a) && addr_is_loopback(&a), "%s", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		ck_assert_msg(addr_parse_ip(no[i], &a) && !addr_is_loopback(&a), "%s", no[i]);
}
END_TEST

START_TEST(sockaddrs)
{
	struct sockaddr_storage ss;
	struct rtun_addr a, b;

	ck_assert(addr_parse("1.2.3.4:258", &a));
	ck_assert_uint_eq(addr_to_sockaddr(&a, &ss), sizeof(struct sockaddr_in));
	ck_assert_uint_eq(((struct sockaddr_in *)&ss)->sin_port, htons(258));
	b = addr_of_sockaddr(&ss);
	ck_assert(addr_equal(&a, &b));
	ck_assert(addr_parse("[2001:db8::1]:80", &a));
	ck_assert_uint_eq(addr_to_sockaddr(&a, &ss), sizeof(struct sockaddr_in6));
	b = addr_of_sockaddr(&ss);
	ck_assert(addr_equal(&a, &b));
	/* Mapped: what the kernel says of IPv4 on an IPv6 socket */
	ck_assert(addr_parse("[::ffff:1.2.3.4]:80", &a));
	addr_to_sockaddr(&a, &ss);
	b = addr_of_sockaddr(&ss);
	ck_assert(addr_parse("1.2.3.4:80", &a));
	ck_assert(addr_equal(&a, &b));
	ck_assert_uint_eq(b.ip[4], 0);
	memset(&ss, 0, sizeof(ss));
	ss.ss_family = AF_UNIX;
	b = addr_of_sockaddr(&ss);
	ck_assert_uint_eq(b.family, 0);
	ck_assert_uint_eq(addr_to_sockaddr(&b, &ss), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("addr");
	TCase *t = tcase_create("addr");
	tcase_add_loop_test(t, parse_with_port, 0, sizeof(with_port) / sizeof(with_port[0]));
	tcase_add_test(t, parse_ip);
	tcase_add_test(t, loopback);
	tcase_add_test(t, sockaddrs);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
