/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The SOCKS5 frontend: every message split everywhere, every reply, clients that dawdle or leave.
 */
#include "../../modules/frontend_socks5/parse.c"
#include "../../modules/frontend_socks5/conn.c"
#include "../../modules/frontend_socks5/frontend_socks5.c"

#include "fake_dialer.h"

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define GREET_BOTH 5, 2, 0, 2
#define USER_HOME 1, 4, 'h', 'o', 'm', 'e', 1, 'x'
#define CONNECT_NAME 5, 1, 0, 3, 4, 'a', '.', 'b', 'c', 1, 187
#define CONNECT_V4 5, 1, 0, 1, 93, 184, 215, 14, 0, 80

static struct host_ctx hc;
static struct socks5_options options;
static struct socks5_frontend *front;

static void setup(void)
{
	bed_setup(true, &hc);
	fake_setup(&hc);
	options = (struct socks5_options){.to = {.ops = &fake_ops}, .username = SOCKS5_USERNAME_OPTIONAL, .max_connections = 4,
					  .half_close_timeout = 3600 * RTUN_S};
	ck_assert_int_eq(rtun_module.create(&hc.ctx, &options), 0);
	front = hc.ctx.self;
}

static void teardown(void)
{
	rtun_module.stop(&hc.ctx);
	rtun_module.destroy(&hc.ctx);
	fake_teardown();
	bed_teardown();
}

static void use(uint32_t username)
{
	options.username = username;
	ck_assert_int_eq(rtun_module.reload(&hc.ctx, &options), 0);
}

static int open_client(void)
{
	int fd;
	struct rtun_stream *s = fake_stream(&fd);
	accepted(front, &s, &(struct rtun_addr){0});
	rtun_close(&s);
	bed_turns(3);
	return fd;
}

static void connect_client(void)
{
	if (fake.client >= 0)
		close(fake.client);
	bed_turns(3);
	fake.client = open_client();
}

static void say(const uint8_t *p, size_t len)
{
	fd_send(fake.client, p, len);
}

static void hear(const uint8_t *want, size_t len)
{
	char got[256];
	ssize_t n = fd_recv(fake.client, got, sizeof(got));
	ck_assert_int_eq(n, (ssize_t)len);
	ck_assert_mem_eq(got, want, len);
}

static void hear_reply(uint8_t code)
{
	hear(BYTES(5, code, 0, 1, 0, 0, 0, 0, 0, 0));
}

/* ---- the whole conversation ---- */

static const uint8_t talk[] = {GREET_BOTH, USER_HOME, CONNECT_NAME, 'e', 'a', 'r', 'l', 'y'};

static void finish_talk(void)
{
	char got[64];
	ck_assert_uint_eq(fake.dials, 1);
	ck_assert_str_eq(fake.host, "a.bc");
	ck_assert_uint_eq(fake.addr.port, 443);
	ck_assert_uint_eq(fake.addr.family, 0);
	ck_assert_str_eq(fake.selector, "home");
	hear(BYTES(5, 2, 1, 0));
	fake_answer(0, "home", NULL);
	hear_reply(0);
	ck_assert_int_eq(fd_recv(fake.target, got, sizeof(got)), 5);
	ck_assert_str_eq(got, "early");
	fd_send(fake.target, "answer", 6);
	hear((const uint8_t *)"answer", 6);
}

START_TEST(split_anywhere)
{
	connect_client();
	if (_i)
		say(talk, (size_t)_i);
	say(talk + _i, sizeof(talk) - (size_t)_i);
	finish_talk();
}
END_TEST

START_TEST(byte_by_byte)
{
	connect_client();
	for (size_t i = 0; i < sizeof(talk); i++)
		say(talk + i, 1);
	finish_talk();
}
END_TEST

START_TEST(early_data_during_the_dial)
{
	char got[64];
	connect_client();
	say(talk, sizeof(talk) - 5);
	for (int i = 0; i < 5; i++)
		say(talk + sizeof(talk) - 5 + i, 1);
	ck_assert_uint_eq(fake.cancels, 0);
	fake_answer(0, NULL, NULL);
	ck_assert_int_eq(fd_recv(fake.target, got, sizeof(got)), 5);
	ck_assert_str_eq(got, "early");
}
END_TEST

/* ---- methods and logins ---- */

static const struct {
	uint32_t username;
	uint8_t greeting[6];
	uint8_t chosen;
} methods[] = {
	{SOCKS5_USERNAME_OPTIONAL, {5, 1, 0}, 0},       {SOCKS5_USERNAME_OPTIONAL, {5, 2, 0, 2}, 2},
	{SOCKS5_USERNAME_OPTIONAL, {5, 1, 2}, 2},       {SOCKS5_USERNAME_OPTIONAL, {5, 3, 2, 1, 0}, 2},
	{SOCKS5_USERNAME_OPTIONAL, {5, 1, 1}, 0xff},    {SOCKS5_USERNAME_OPTIONAL, {5, 0}, 0xff},
	{SOCKS5_USERNAME_REQUIRED, {5, 1, 0}, 0xff},    {SOCKS5_USERNAME_REQUIRED, {5, 2, 0, 2}, 2},
	{SOCKS5_USERNAME_OFF, {5, 2, 0, 2}, 0},         {SOCKS5_USERNAME_OFF, {5, 1, 2}, 2},
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
	{SOCKS5_USERNAME_OPTIONAL, "home", "home"},
	{SOCKS5_USERNAME_OPTIONAL, "exit%2Dhome", "exit-home"},
	{SOCKS5_USERNAME_OPTIONAL, "a%253D", "a%3D"},
	{SOCKS5_USERNAME_OPTIONAL, "%c3%BC", "\xc3\xbc"},
	{SOCKS5_USERNAME_OPTIONAL, "", ""},
	{SOCKS5_USERNAME_REQUIRED, "", NULL},
	{SOCKS5_USERNAME_OPTIONAL, "a%", NULL},
	{SOCKS5_USERNAME_OPTIONAL, "a%4", NULL},
	{SOCKS5_USERNAME_OPTIONAL, "a%4g", NULL},
	{SOCKS5_USERNAME_OPTIONAL, "a%00b", NULL},
	{SOCKS5_USERNAME_OPTIONAL, "a%0ab", NULL},
	{SOCKS5_USERNAME_OPTIONAL, "a\nb", NULL},
	{SOCKS5_USERNAME_OFF, "home", ""},
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
		ck_assert_uint_eq(front->results[SOCKS5_RESULT_LOGIN], 1);
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
	use(SOCKS5_USERNAME_OPTIONAL);
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
}
END_TEST

START_TEST(literals_in_names)
{
	static const struct {
		const char *text;
		uint8_t family;
	} names[] = {{"8.8.8.8", 4}, {"2606:4700::1", 6}, {"127.1", 0}, {"0177.0.0.1", 0}, {"8.8.8.8.", 0}, {"fe80::1%lo", 0}, {"a.b", 0}};
	uint8_t msg[64] = {5, 1, 0, 5, 1, 0, 3, (uint8_t)strlen(names[_i].text)};
	size_t n = strlen(names[_i].text);
	connect_client();
	memcpy(msg + 8, names[_i].text, n);
	say(msg, 8 + n + 2);
	ck_assert_uint_eq(fake.addr.family, names[_i].family);
	ck_assert_str_eq(fake.host, names[_i].family ? "" : names[_i].text);
}
END_TEST

static const uint8_t foreign[][4] = {{4, 1, 0, 80}, {'G', 'E', 'T', ' '}, {0x16, 3, 1, 2}, {0}, {6, 1, 0, 0}};

START_TEST(not_socks5)
{
	connect_client();
	say(foreign[_i], 1);
	ck_assert(fd_ended(fake.client));
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(front->results[SOCKS5_RESULT_PROTOCOL], 1);
}
END_TEST

/* ---- what the dial came to: the table of CONTRACT's replies ---- */

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
	ck_assert_uint_eq(bed.events, 0);
}
END_TEST

START_TEST(dial_can_not_begin)
{
	fake.refuse = -RTUN_ENOMEM;
	connect_client();
	say(BYTES(5, 1, 0, CONNECT_V4));
	hear(BYTES(5, 0, 5, 1, 0, 1, 0, 0, 0, 0, 0, 0));
	ck_assert_uint_eq(front->results[RTUN_EOVERLOAD], 1);
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

/* ---- time, leaving, limits ---- */

START_TEST(handshake_takes_five_seconds_at_most)
{
	connect_client();
	for (size_t i = 0; i < 9; i++) {
		say(talk + i, 1);
		loop_advance(bed.loop, RTUN_S / 2);
	}
	ck_assert_uint_eq(front->conn_count, 1);
	loop_advance(bed.loop, RTUN_S / 2);
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(front->results[RTUN_ETIMEOUT], 1);
}
END_TEST

START_TEST(dial_may_take_longer)
{
	connect_client();
	say(talk, sizeof(talk));
	loop_advance(bed.loop, 60 * RTUN_S);
	finish_talk();
}
END_TEST

START_TEST(client_leaves)
{
	connect_client();
	say(talk, (size_t)_i);
	close(fake.client);
	fake.client = -1;
	bed_turns(4);
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(front->results[SOCKS5_RESULT_ABANDONED], 1);
	ck_assert_uint_eq(fake.cancels, fake.dials);
}
END_TEST

START_TEST(client_says_all_it_has_and_waits)
{
	char got[64];
	connect_client();
	say(talk, sizeof(talk));
	shutdown(fake.client, SHUT_WR);
	bed_turns(4);
	ck_assert_uint_eq(fake.cancels, 0);
	finish_talk();
	ck_assert_int_eq(fd_recv(fake.target, got, sizeof(got)), 0);
	fd_send(fake.target, "more", 4);
	hear((const uint8_t *)"more", 4);
}
END_TEST

START_TEST(limit_of_connections)
{
	int fds[4];
	for (int i = 0; i < 4; i++)
		fds[i] = open_client();
	connect_client();
	say(BYTES(5, 1, 0, CONNECT_V4));
	hear(BYTES(5, 0, 5, 1, 0, 1, 0, 0, 0, 0, 0, 0));
	ck_assert(fd_ended(fake.client));
	ck_assert_uint_eq(fake.dials, 0);
	ck_assert_uint_eq(front->results[RTUN_EOVERLOAD], 1);
	close(fds[0]);
	connect_client();
	say(BYTES(5, 1, 0, CONNECT_V4));
	ck_assert_uint_eq(fake.dials, 1);
	for (int i = 1; i < 4; i++)
		close(fds[i]);
}
END_TEST

START_TEST(flood_is_closed_at_once)
{
	int fds[4 + REFUSED_MAX + 1];
	for (size_t i = 0; i < 4 + REFUSED_MAX + 1; i++)
		fds[i] = open_client();
	ck_assert_uint_eq(front->conn_count, 4 + REFUSED_MAX);
	ck_assert(fd_ended(fds[4 + REFUSED_MAX]));
	ck_assert(fd_silent(fds[0]));
	for (size_t i = 0; i < 4 + REFUSED_MAX + 1; i++)
		close(fds[i]);
}
END_TEST

/* ---- relay ---- */

START_TEST(events_tell_the_end)
{
	const struct socks5_stream_event *e = (const void *)bed.event;
	connect_client();
	say(talk, sizeof(talk));
	finish_talk();
	ck_assert_uint_eq(bed.events, 1);
	ck_assert_str_eq(bed.event_type->name, "stream.open");
	ck_assert_str_eq(e->frontend, "bed");
	close(fake.target);
	fake.target = -1;
	bed_turns(4);
	ck_assert(fd_ended(fake.client));
	shutdown(fake.client, SHUT_WR);
	bed_turns(4);
	ck_assert_uint_eq(bed.events, 2);
	ck_assert_str_eq(bed.event_type->name, "stream.close");
	ck_assert_uint_eq(e->bytes_in, 6);
	ck_assert_uint_eq(e->bytes_out, 5);
	ck_assert_uint_eq(e->result, 0);
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(front->results[0], 1);
}
END_TEST

START_TEST(half_close_has_a_limit)
{
	connect_client();
	say(talk, sizeof(talk));
	finish_talk();
	shutdown(fake.client, SHUT_WR);
	bed_turns(4);
	loop_advance(bed.loop, 3599 * RTUN_S);
	ck_assert_uint_eq(front->conn_count, 1);
	loop_advance(bed.loop, 2 * RTUN_S);
	ck_assert_uint_eq(front->conn_count, 0);
}
END_TEST

START_TEST(stop_ends_everything)
{
	int greeting_only = open_client(), dialling;
	connect_client();
	say(talk, sizeof(talk));
	finish_talk();
	dialling = open_client();
	fd_send(dialling, talk, sizeof(talk));
	ck_assert_uint_eq(fake.dials, 2);
	rtun_module.stop(&hc.ctx);
	ck_assert_uint_eq(fake.cancels, 1);
	ck_assert_uint_eq(front->conn_count, 0);
	bed_turns(4);
	ck_assert(fd_ended(fake.client) && fd_ended(fake.target) && fd_ended(greeting_only));
	close(greeting_only);
	close(dialling);
}
END_TEST

#define ROWS(a) (int)(sizeof(a) / sizeof((a)[0]))

int main(void)
{
	Suite *s = suite_create("socks5");
	TCase *t = tcase_create("frontend");
	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, split_anywhere, 0, (int)sizeof(talk));
	tcase_add_test(t, byte_by_byte);
	tcase_add_test(t, early_data_during_the_dial);
	tcase_add_loop_test(t, method_is_chosen, 0, ROWS(methods));
	tcase_add_loop_test(t, login_is_read, 0, ROWS(logins));
	tcase_add_test(t, login_of_another_version);
	tcase_add_test(t, longest_messages);
	tcase_add_test(t, exit_of_the_entry);
	tcase_add_loop_test(t, request_is_refused, 0, ROWS(refused));
	tcase_add_loop_test(t, literals_in_names, 0, 7);
	tcase_add_loop_test(t, not_socks5, 0, ROWS(foreign));
	tcase_add_loop_test(t, dial_fails, 0, ROWS(ends));
	tcase_add_test(t, dial_can_not_begin);
	tcase_add_test(t, bound_address_is_told);
	tcase_add_test(t, handshake_takes_five_seconds_at_most);
	tcase_add_test(t, dial_may_take_longer);
	tcase_add_loop_test(t, client_leaves, 1, (int)sizeof(talk) - 5 + 1);
	tcase_add_test(t, client_says_all_it_has_and_waits);
	tcase_add_test(t, limit_of_connections);
	tcase_add_test(t, flood_is_closed_at_once);
	tcase_add_test(t, events_tell_the_end);
	tcase_add_test(t, half_close_has_a_limit);
	tcase_add_test(t, stop_ends_everything);
	suite_add_tcase(s, t);
	return bed_run(s);
}
