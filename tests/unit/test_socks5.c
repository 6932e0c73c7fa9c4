/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The SOCKS5 frontend: every message split everywhere, every reply, clients that dawdle or leave.
 */
#include "../../modules/frontend_socks5/parse.c"
#include "../../modules/frontend_socks5/frontend_socks5.c"

#include "frontend_bed.h"

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define GREET_BOTH 5, 2, 0, 2
#define USER_HOME 1, 4, 'h', 'o', 'm', 'e', 1, 'x'
#define CONNECT_NAME 5, 1, 0, 3, 4, 'a', '.', 'b', 'c', 1, 187
#define CONNECT_V4 5, 1, 0, 1, 93, 184, 215, 14, 0, 80

static void hear_reply(uint8_t code)
{
	hear(BYTES(5, code, 0, 1, 0, 0, 0, 0, 0, 0));
}

/* ---- the whole conversation ---- */

static void hear_overload(const char *why)
{
	(void)why;
	hear(BYTES(5, 2, 1, 0, 5, 1, 0, 1, 0, 0, 0, 0, 0, 0));
	ck_assert(fd_ended(fake.client));
}

static const uint8_t said[] = {GREET_BOTH, USER_HOME, CONNECT_NAME, 'e', 'a', 'r', 'l', 'y'};
static const uint8_t before[] = {5, 2, 1, 0};
static const uint8_t succeeded[] = {5, 0, 0, 1, 0, 0, 0, 0, 0, 0};
static const struct talk talk = {.said = ARRAY_BYTES(said), .before = ARRAY_BYTES(before),
				 .success = ARRAY_BYTES(succeeded), .hear_overload = hear_overload};

/* ---- methods and logins ---- */

static const struct {
	uint32_t username;
	uint8_t greeting[6];
	uint8_t chosen;
} methods[] = {
	{FRONTEND_USERNAME_OPTIONAL, {5, 1, 0}, 0},       {FRONTEND_USERNAME_OPTIONAL, {5, 2, 0, 2}, 2},
	{FRONTEND_USERNAME_OPTIONAL, {5, 1, 2}, 2},       {FRONTEND_USERNAME_OPTIONAL, {5, 3, 2, 1, 0}, 2},
	{FRONTEND_USERNAME_OPTIONAL, {5, 1, 1}, 0xff},    {FRONTEND_USERNAME_OPTIONAL, {5, 0}, 0xff},
	{FRONTEND_USERNAME_REQUIRED, {5, 1, 0}, 0xff},    {FRONTEND_USERNAME_REQUIRED, {5, 2, 0, 2}, 2},
	{FRONTEND_USERNAME_OFF, {5, 2, 0, 2}, 0},         {FRONTEND_USERNAME_OFF, {5, 1, 2}, 2},
};

START_TEST(method_is_chosen)
{
	use(methods[_i].username);
	connect_client();
	say(methods[_i].greeting, 2U + methods[_i].greeting[1]);
	hear(BYTES(5, methods[_i].chosen));
	ck_assert_int_eq(fd_ended(fake.client), methods[_i].chosen == 0xff);
}
END_TEST

static const struct {
	uint32_t username;
	const char *user;
	const char *selector; /* NULL: refused; "": none */
} logins[] = {
	{FRONTEND_USERNAME_OPTIONAL, "home", "home"},
	{FRONTEND_USERNAME_OPTIONAL, "exit%2Dhome", "exit-home"},
	{FRONTEND_USERNAME_OPTIONAL, "a%253D", "a%3D"},
	{FRONTEND_USERNAME_OPTIONAL, "%c3%BC", "\xc3\xbc"},
	{FRONTEND_USERNAME_OPTIONAL, "", ""},
	{FRONTEND_USERNAME_REQUIRED, "", NULL},
	{FRONTEND_USERNAME_OPTIONAL, "a%", NULL},
	{FRONTEND_USERNAME_OPTIONAL, "a%4", NULL},
	{FRONTEND_USERNAME_OPTIONAL, "a%4g", NULL},
	{FRONTEND_USERNAME_OPTIONAL, "a%00b", NULL},
	{FRONTEND_USERNAME_OPTIONAL, "a%0ab", NULL},
	{FRONTEND_USERNAME_OPTIONAL, "a\nb", NULL},
	{FRONTEND_USERNAME_OFF, "home", ""},
};

START_TEST(login_is_read)
{
	uint8_t msg[64] = {1, (uint8_t)strlen(logins[_i].user)};
	size_t n = strlen(logins[_i].user);
	use(logins[_i].username);
	connect_client();
	say(BYTES(5, 1, 2));
	hear(BYTES(5, 2));
	memcpy(msg + 2, logins[_i].user, n);
	say(msg, 2 + n + 1); /* and an empty password */
	if (!logins[_i].selector) {
		hear(BYTES(1, 1));
		ck_assert(fd_ended(fake.client));
		ck_assert_uint_eq(front->results[FRONTEND_RESULT_LOGIN], 1);
		return;
	}
	hear(BYTES(1, 0));
	say(BYTES(CONNECT_V4));
	ck_assert_str_eq(fake.selector, logins[_i].selector);
	ck_assert_int_eq(fake.selected, logins[_i].selector[0] != '\0');
}
END_TEST

START_TEST(login_of_another_version)
{
	connect_client();
	say(BYTES(5, 1, 2, 5, 1, 'a', 0));
	hear(BYTES(5, 2, 1, 1));
	ck_assert(fd_ended(fake.client));
}
END_TEST

START_TEST(longest_messages)
{
	uint8_t user[3 + 255 + 255] = {1, 255}, name[4 + 1 + 255 + 2] = {5, 1, 0, 3, 255};
	memset(user + 2, 'u', 255);
	user[2 + 255] = 255;
	memset(user + 3 + 255, 'p', 255);
	memset(name + 5, 'n', 255);
	connect_client();
	say(BYTES(5, 1, 2));
	say(user, sizeof(user));
	say(name, sizeof(name));
	hear(BYTES(5, 2, 1, 0));
	ck_assert_uint_eq(strlen(fake.selector), 255);
	ck_assert_uint_eq(strlen(fake.host), 255);
}
END_TEST

START_TEST(exit_of_the_entry)
{
	options.exit = "home";
	use(FRONTEND_USERNAME_OPTIONAL);
	connect_client();
	say(BYTES(5, 1, 0, CONNECT_V4));
	ck_assert_str_eq(fake.exit, "home");
	ck_assert(!fake.selected && !fake.named);
	ck_assert_uint_eq(fake.addr.family, 4);
	ck_assert_mem_eq(fake.addr.ip, "\x5d\xb8\xd7\x0e", 4);
	ck_assert_uint_eq(fake.addr.port, 80);
}
END_TEST

/* ---- requests ---- */

static const struct {
	uint8_t msg[32];
	uint32_t len;
	uint8_t reply;
} refused[] = {
	{{5, 2, 0, 1, 1, 2, 3, 4, 0, 80}, 10, 7}, {{5, 3, 0, 1, 1, 2, 3, 4, 0, 80}, 10, 7}, {{5, 0, 0, 1, 1, 2, 3, 4, 0, 80}, 10, 7},
	{{5, 1, 0, 2, 1, 2, 3, 4, 0, 80}, 10, 8}, {{5, 1, 0, 0, 1, 2, 3, 4, 0, 80}, 10, 8}, {{5, 1, 0, 3, 0, 0, 80}, 7, 2},
	{{5, 1, 0, 3, 3, 'a', 0, 'b', 0, 80}, 10, 2}, {{4, 1, 0, 1, 1, 2, 3, 4, 0, 80}, 10, 1},
};

START_TEST(request_is_refused)
{
	connect_client();
	say(BYTES(5, 1, 0));
	hear(BYTES(5, 0));
	say(refused[_i].msg, refused[_i].len);
	hear_reply(refused[_i].reply);
	ck_assert(fd_ended(fake.client));
	ck_assert_uint_eq(fake.dials, 0);
	ck_assert_uint_eq(bed.events, refused[_i].msg[1] == SOCKS5_ASSOCIATE); /* which a unix socket does not have */
}
END_TEST

START_TEST(literals_in_names)
{
	static const struct {
		const char *text;
		uint8_t family;
		const char *target;
	} names[] = {{"8.8.8.8", 4, "\"8.8.8.8:257\""},      {"2606:4700::1", 6, "\"[2606:4700::1]:257\""},
		     {"127.1", 0, "\"127.1:257\""},          {"0177.0.0.1", 0, "\"0177.0.0.1:257\""},
		     {"8.8.8.8.", 0, "\"8.8.8.8.:257\""},    {"fe80::1%lo", 0, "\"[fe80::1%lo]:257\""},
		     {"A.b\n%s", 0, "\"A.b\\n%s:257\""}};
	uint8_t msg[64] = {5, 1, 0, 5, 1, 0, 3, (uint8_t)strlen(names[_i].text)};
	size_t n = strlen(names[_i].text);
	connect_client();
	memcpy(msg + 8, names[_i].text, n);
	msg[8 + n] = msg[9 + n] = 1;
	say(msg, 8 + n + 2);
	ck_assert_uint_eq(fake.addr.family, names[_i].family);
	ck_assert_str_eq(fake.host, names[_i].family ? "" : names[_i].text);
	fake_answer(RTUN_EDNS, NULL, NULL);
	refusal_says("dns", "\"as the test \\\"says\\\"\"", names[_i].target, "null");
}
END_TEST

/* ---- SOCKS4 ---- */

#define V4 4, 1, 0, 80, 93, 184, 215, 14
#define V4A 4, 1, 1, 187, 0, 0, 0, 1

static const struct {
	uint8_t msg[40];
	uint32_t len, username;
	const char *host, *selector; /* host NULL: refused */
} socks4[] = {
	{{V4, 0}, 9, FRONTEND_USERNAME_OPTIONAL, "", ""},
	{{V4, 'h', 'o', 'm', 'e', 0}, 13, FRONTEND_USERNAME_OPTIONAL, "", "home"},
	{{V4, 'h', '%', '6', 'f', 'm', 'e', 0}, 15, FRONTEND_USERNAME_REQUIRED, "", "home"},
	{{V4, 'h', 'o', 'm', 'e', 0}, 13, FRONTEND_USERNAME_OFF, "", ""},
	{{V4A, 'h', 0, 'a', '.', 'b', 'c', 0}, 15, FRONTEND_USERNAME_OPTIONAL, "a.bc", "h"},
	{{V4A, 0, 'a', '.', 'b', 'c', 0}, 14, FRONTEND_USERNAME_OPTIONAL, "a.bc", ""},
	{{V4A, 0, '8', '.', '8', '.', '8', '.', '8', 0}, 17, FRONTEND_USERNAME_OPTIONAL, "", ""},
	{{4, 1, 0, 80, 0, 0, 0, 0, 0}, 9, FRONTEND_USERNAME_OPTIONAL, "", ""}, /* 0.0.0.0 is an address: the exit refuses it */
	{{4, 1, 0, 80, 0, 0, 1, 1, 0}, 9, FRONTEND_USERNAME_OPTIONAL, "", ""},
	{{V4, 0}, 9, FRONTEND_USERNAME_REQUIRED, NULL, NULL},
	{{V4, '%', 0}, 10, FRONTEND_USERNAME_OPTIONAL, NULL, NULL},
	{{V4, '\n', 0}, 10, FRONTEND_USERNAME_OPTIONAL, NULL, NULL},
	{{V4A, 0, 0}, 10, FRONTEND_USERNAME_OPTIONAL, NULL, NULL},
	{{4, 2, 0, 80, 1, 2, 3, 4, 0}, 9, FRONTEND_USERNAME_OPTIONAL, NULL, NULL},
	{{4, 0, 0, 80, 1, 2, 3, 4, 0}, 9, FRONTEND_USERNAME_OPTIONAL, NULL, NULL},
};

static void socks4_is_answered(int row)
{
	if (!socks4[row].host) {
		hear(BYTES(0, 0x5b, 0, 0, 0, 0, 0, 0));
		ck_assert(fd_ended(fake.client));
		ck_assert_uint_eq(fake.dials, 0);
		return;
	}
	ck_assert_uint_eq(fake.dials, 1);
	ck_assert_str_eq(fake.host, socks4[row].host);
	ck_assert_str_eq(fake.selector, socks4[row].selector);
	ck_assert_int_eq(fake.selected, socks4[row].selector[0] != '\0');
	fake_answer(0, "home", &(struct rtun_addr){.family = 4, .ip = {192, 0, 2, 1}, .port = 258});
	hear(BYTES(0, 0x5a, 1, 2, 192, 0, 2, 1));
	fd_send(fake.target, "answer", 6);
	hear("answer", 6);
}

START_TEST(socks4_request_whole)
{
	use(socks4[_i].username);
	connect_client();
	say(socks4[_i].msg, socks4[_i].len);
	socks4_is_answered(_i);
}
END_TEST

START_TEST(socks4_request_bytewise)
{
	use(socks4[_i].username);
	connect_client();
	for (uint32_t i = 0; i < socks4[_i].len; i++)
		say(socks4[_i].msg + i, 1);
	socks4_is_answered(_i);
}
END_TEST

START_TEST(socks4_texts_have_an_end)
{
	uint8_t msg[8 + 256 + 256] = {V4A};
	memset(msg + 8, 'x', sizeof(msg) - 8);
	msg[8 + 255 + !_i] = 0;
	connect_client();
	say(msg, _i ? sizeof(msg) : 8 + 257);
	hear(BYTES(0, 0x5b, 0, 0, 0, 0, 0, 0));
	ck_assert(fd_ended(fake.client));
}
END_TEST

START_TEST(socks4_longest_texts)
{
	uint8_t msg[8 + 256 + 256] = {V4A};
	memset(msg + 8, 'x', sizeof(msg) - 8);
	msg[8 + 255] = msg[8 + 255 + 256] = 0;
	connect_client();
	say(msg, sizeof(msg));
	ck_assert_uint_eq(strlen(fake.selector), 255);
	ck_assert_uint_eq(strlen(fake.host), 255);
}
END_TEST

START_TEST(socks4_dial_fails)
{
	connect_client();
	say(BYTES(V4, 0));
	fake_answer(RTUN_EREFUSED, NULL, NULL);
	hear(BYTES(0, 0x5b, 0, 0, 0, 0, 0, 0));
	ck_assert(fd_ended(fake.client));
}
END_TEST

static const uint8_t foreign[][4] = {{'G', 'E', 'T', ' '}, {0x16, 3, 1, 2}, {0}, {6, 1, 0, 0}};

START_TEST(not_socks5)
{
	connect_client();
	say(foreign[_i], 1);
	ck_assert(fd_ended(fake.client));
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(front->results[FRONTEND_RESULT_PROTOCOL], 1);
}
END_TEST

/* ---- what the dial came to: the table of replies ---- */

static const struct {
	uint32_t err;
	uint8_t reply;
} ends[] = {
	{RTUN_EDENIED, 2}, {RTUN_ENOEXIT, 3}, {RTUN_EDNS, 4},      {RTUN_EUNREACHABLE, 4}, {RTUN_EREFUSED, 5}, {RTUN_ETIMEOUT, 6},
	{RTUN_EADDRTYPE, 8}, {RTUN_EOVERLOAD, 1}, {RTUN_ERESET, 1}, {RTUN_ETRUNCATED, 1}, {RTUN_EINTERNAL, 1}, {RTUN_ESELECTOR, 1},
	{13, 1}, {15, 1}, {4000000000U, 1},
};

START_TEST(dial_fails)
{
	connect_client();
	say(BYTES(5, 1, 0, CONNECT_V4));
	hear(BYTES(5, 0));
	fake_answer(ends[_i].err, NULL, NULL);
	hear_reply(ends[_i].reply);
	ck_assert(fd_ended(fake.client));
	ck_assert_uint_eq(front->conn_count, 0);
	refusal_says(rtun_error_word(ends[_i].err), "\"as the test \\\"says\\\"\"", "\"93.184.215.14:80\"", "null");
}
END_TEST

START_TEST(bound_address_is_told)
{
	struct rtun_addr v4 = {.family = 4, .port = 0x1234, .ip = {192, 0, 2, 1}};
	struct rtun_addr v6 = {.family = 6, .port = 0x5678, .ip = {0x20, 1, 0xd, 0xb8, [15] = 9}};
	connect_client();
	say(BYTES(5, 1, 0, CONNECT_V4));
	fake_answer(0, NULL, &v4);
	hear(BYTES(5, 0, 5, 0, 0, 1, 192, 0, 2, 1, 0x12, 0x34));
	close(fake.target);
	connect_client();
	say(BYTES(5, 1, 0, CONNECT_V4));
	fake_answer(0, NULL, &v6);
	hear(BYTES(5, 0, 5, 0, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x56, 0x78));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("socks5");
	TCase *t = frontend_case();
	tcase_add_loop_test(t, method_is_chosen, 0, ROWS(methods));
	tcase_add_loop_test(t, login_is_read, 0, ROWS(logins));
	tcase_add_test(t, login_of_another_version);
	tcase_add_test(t, longest_messages);
	tcase_add_test(t, exit_of_the_entry);
	tcase_add_loop_test(t, request_is_refused, 0, ROWS(refused));
	tcase_add_loop_test(t, literals_in_names, 0, 7);
	tcase_add_loop_test(t, socks4_request_whole, 0, ROWS(socks4));
	tcase_add_loop_test(t, socks4_request_bytewise, 0, ROWS(socks4));
	tcase_add_loop_test(t, socks4_texts_have_an_end, 0, 2);
	tcase_add_test(t, socks4_longest_texts);
	tcase_add_test(t, socks4_dial_fails);
	tcase_add_loop_test(t, not_socks5, 0, ROWS(foreign));
	tcase_add_loop_test(t, dial_fails, 0, ROWS(ends));
	tcase_add_test(t, bound_address_is_told);
	suite_add_tcase(s, t);
	return bed_run(s);
}
