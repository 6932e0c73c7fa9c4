/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The HTTP CONNECT frontend: heads split everywhere, heads that are refused, every status, clients that dawdle or leave.
 */
#include "../../modules/frontend_connect/frontend_connect.c"

#include "frontend_bed.h"

static void say_text(const char *text)
{
	say(text, strlen(text));
}

/* An error answer and the end; some rules that hold for all of them. */
static void hear_answer(uint32_t status, const char *must_have)
{
	char got[FRONTEND_ANSWER_MAX + 1], head[32];
	ssize_t n = fd_recv(fake.client, got, sizeof(got));
	ck_assert_int_gt(n, 0);
	snprintf(head, sizeof(head), "HTTP/1.1 %u ", status);
	ck_assert_msg(strncmp(got, head, strlen(head)) == 0, "wanted %s, got %s", head, got);
	ck_assert_ptr_nonnull(strstr(got, "\r\nConnection: close\r\n"));
	ck_assert_ptr_nonnull(strstr(got, "\r\nContent-Type: text/plain"));
	ck_assert_ptr_nonnull(strstr(got, "\r\nProxy-Status: restunnel; error="));
	ck_assert_msg(strstr(got, must_have) != NULL, "no '%s' in %s", must_have, got);
	const char *body = strstr(got, "\r\n\r\n"), *length = strstr(got, "\r\nContent-Length: ");
	ck_assert(body && length);
	ck_assert_uint_eq(strtoul(length + 18, NULL, 10), strlen(body + 4));
	ck_assert_int_eq(strstr(got, "Proxy-Authenticate: Basic realm=\"restunnel: exit\"\r\n") != NULL, status == 407);
	ck_assert(fd_ended(fake.client));
}

static void hear_status(uint32_t status, const char *must_have)
{
	hear_answer(status, must_have);
	ck_assert_uint_eq(front->conn_count, 0);
}

static void hear_overload(const char *why)
{
	char must_have[128];
	snprintf(must_have, sizeof(must_have), "error=connection_limit_reached; details=\"%s\"\r\n", why);
	hear_answer(503, must_have);
}

/* ---- the whole conversation ---- */

/* aG9tZTp4 = home:x */
#define SAID \
	"CONNECT a.bc:443 HTTP/1.1\r\nHost: a.bc:443\r\nUser-Agent:\t x y \r\nEmpty:\r\n" \
	"proxy-authorization: basic aG9tZTp4\r\n\r\nearly"
static const struct talk talk = {.said = TEXT_BYTES(SAID), .success = TEXT_BYTES("HTTP/1.1 200 Connection established\r\n\r\n"),
				 .hear_overload = hear_overload};

/* ---- heads ---- */

static const struct {
	const char *head; /* up to, not including, the empty line */
	uint32_t status;  /* 0: dialled */
	const char *host;
	uint16_t port;
	uint8_t family;
} heads[] = {
	{"CONNECT a.b:443 HTTP/1.1", 0, "a.b", 443, 0},
	{"CONNECT a.b:443 HTTP/1.0", 0, "a.b", 443, 0},
	{"\r\nCONNECT a.b:443 HTTP/1.1", 0, "a.b", 443, 0},
	{"\r\n\r\n\r\nCONNECT a.b:443 HTTP/1.1", 0, "a.b", 443, 0},
	{"CONNECT A_-.b:65535 HTTP/1.1", 0, "A_-.b", 65535, 0},
	{"CONNECT 8.8.8.8:53 HTTP/1.1", 0, "", 53, 4},
	{"CONNECT [2606:4700::1]:443 HTTP/1.1", 0, "", 443, 6},
	{"CONNECT 127.1:443 HTTP/1.1", 0, "127.1", 443, 0},
	{"CONNECT a.b:443 HTTP/1.1\r\nContent-Length: 0", 0, "a.b", 443, 0},
	{"CONNECT a.b:443 HTTP/1.1\r\nX: \xc3\xbc", 0, "a.b", 443, 0},
	{"CONNECT a.b HTTP/1.1", 400, "", 0, 0},
	{"CONNECT a.b: HTTP/1.1", 400, "", 0, 0},
	{"CONNECT :443 HTTP/1.1", 400, "", 0, 0},
	{"CONNECT a.b:65536 HTTP/1.1", 400, "", 0, 0},
	{"CONNECT a.b:000443 HTTP/1.1", 400, "", 0, 0},
	{"CONNECT a.b:+443 HTTP/1.1", 400, "", 0, 0},
	{"CONNECT a.b:https HTTP/1.1", 400, "", 0, 0},
	{"CONNECT u@a.b:443 HTTP/1.1", 400, "", 0, 0},
	{"CONNECT %31.b:443 HTTP/1.1", 400, "", 0, 0},
	{"CONNECT a.b:443/ HTTP/1.1", 400, "", 0, 0},
	{"CONNECT 2606:4700::1:443 HTTP/1.1", 400, "", 0, 0},
	{"CONNECT [::1%lo]:443 HTTP/1.1", 400, "", 0, 0},
	{"CONNECT [8.8.8.8]:443 HTTP/1.1", 400, "", 0, 0},
	{"CONNECT []:443 HTTP/1.1", 400, "", 0, 0},
	{"CONNECT http://a.b:443 HTTP/1.1", 400, "", 0, 0},
	{"CONNECT /x:443 HTTP/1.1", 400, "", 0, 0},
	{"connect a.b:443 HTTP/1.1", 400, "", 0, 0},
	{"GET / HTTP/1.1\r\nHost: a.b", 400, "", 0, 0},
	{"POST /api HTTP/1.1\r\nHost: a.b", 400, "", 0, 0},
	{"OPTIONS * HTTP/1.1\r\nHost: a.b", 400, "", 0, 0},
	{"GET ftp://a.b/ HTTP/1.0", 400, "", 0, 0},
	{"PRI * HTTP/2.0", 505, "", 0, 0},
	{"CONNECT a.b:443 HTTP/1.2", 505, "", 0, 0},
	{"CONNECT a.b:443 HTTP/11", 400, "", 0, 0},
	{"CONNECT a.b:443 http/1.1", 400, "", 0, 0},
	{"CONNECT a.b:443", 400, "", 0, 0},
	{"CONNECT  a.b:443 HTTP/1.1", 400, "", 0, 0},
	{"CONNECT a.b:443  HTTP/1.1", 400, "", 0, 0},
	{"CONNECT a.b:443 HTTP/1.1 ", 400, "", 0, 0},
	{" CONNECT a.b:443 HTTP/1.1", 400, "", 0, 0},
	{"\r\rCONNECT a.b:443 HTTP/1.1", 400, "", 0, 0},
	{"\r\n CONNECT a.b:443 HTTP/1.1", 400, "", 0, 0},
	{"\nCONNECT a.b:443 HTTP/1.1", 400, "", 0, 0},
	{"CONNECT\ta.b:443 HTTP/1.1", 400, "", 0, 0},
	{"CONNECT a.b:443 HTTP/1.1\nX: y", 400, "", 0, 0},
	{"CONNECT a.b:443 HTTP/1.1\r\nX: y\nZ: 1", 400, "", 0, 0},
	{"CONNECT a.b:443 HTTP/1.1\r\nX: y\rZ: 1", 400, "", 0, 0},
	{"CONNECT a.b:443 HTTP/1.1\r\n folded: y", 400, "", 0, 0},
	{"CONNECT a.b:443 HTTP/1.1\r\nX: y\r\n z", 400, "", 0, 0},
	{"CONNECT a.b:443 HTTP/1.1\r\nX : y", 400, "", 0, 0},
	{"CONNECT a.b:443 HTTP/1.1\r\nX", 400, "", 0, 0},
	{"CONNECT a.b:443 HTTP/1.1\r\n: y", 400, "", 0, 0},
	{"CONNECT a.b:443 HTTP/1.1\r\nX: \x01", 400, "", 0, 0},
	{"CONNECT a.b:443 HTTP/1.1\r\nX\xc3: y", 400, "", 0, 0},
	{"CONNECT \xc3\xbc.b:443 HTTP/1.1", 400, "", 0, 0},
	{"CONNECT a.b:443 HTTP/1.1\r\nHost: a\r\nhost: b", 400, "", 0, 0},
	{"CONNECT a.b:443 HTTP/1.1\r\nTransfer-Encoding: chunked", 400, "", 0, 0},
	{"CONNECT a.b:443 HTTP/1.1\r\nContent-Length: 5", 400, "", 0, 0},
	{"CONNECT a.b:443 HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0", 400, "", 0, 0},
	{"GET http://a.b/ HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked", 400, "", 0, 0},
	{"\x16\x03\x01\x02", 400, "", 0, 0},
};

START_TEST(head_is_judged)
{
	connect_client();
	say_text(heads[_i].head);
	if (front->conn_count)
		say_text("\r\n\r\n");
	if (heads[_i].status) {
		hear_status(heads[_i].status, "http_request_error");
		ck_assert_uint_eq(fake.dials, 0);
		ck_assert_uint_eq(front->results[FRONTEND_RESULT_PROTOCOL], 1);
		return;
	}
	ck_assert_uint_eq(fake.dials, 1);
	ck_assert_str_eq(fake.host, heads[_i].host);
	ck_assert_uint_eq(fake.addr.port, heads[_i].port);
	ck_assert_uint_eq(fake.addr.family, heads[_i].family);
	ck_assert(!fake.selected);
}
END_TEST

START_TEST(nul_is_refused_everywhere)
{
	static const char head[] = "CONNECT a.b:443 HTTP/1.1\r\nX: y\r\n\r\n";
	char bad[sizeof(head)];
	memcpy(bad, head, sizeof(head));
	bad[_i] = '\0';
	connect_client();
	say(bad, strlen(head));
	hear_status(400, "http_request_error");
}
END_TEST

START_TEST(size_of_the_head)
{
	char big[HTTP_REQUEST_MAX + 64];
	int start = snprintf(big, sizeof(big), "CONNECT a.b:443 HTTP/1.1\r\nX: ");
	size_t fits = HTTP_REQUEST_MAX + (size_t)_i;
	memset(big + start, 'x', sizeof(big) - (size_t)start);
	memcpy(big + fits - 4, "\r\n\r\n", 4);
	connect_client();
	say(big, fits);
	bed_turns(4);
	if (_i == 0)
		ck_assert_uint_eq(fake.dials, 1);
	else
		hear_status(431, "http_request_error");
}
END_TEST

/* ---- logins ---- */

static const struct {
	uint32_t username;
	const char *value;    /* NULL: no header */
	const char *selector; /* NULL: 407; "": none */
} logins[] = {
	{FRONTEND_USERNAME_OPTIONAL, NULL, ""},
	{FRONTEND_USERNAME_REQUIRED, NULL, NULL},
	{FRONTEND_USERNAME_OFF, NULL, ""},
	{FRONTEND_USERNAME_OPTIONAL, "Basic aG9tZTp4", "home"},
	{FRONTEND_USERNAME_REQUIRED, "BASIC   aG9tZTp4  ", "home"},
	{FRONTEND_USERNAME_OFF, "Basic aG9tZTp4", ""},
	{FRONTEND_USERNAME_OPTIONAL, "Basic ZXhpdCUyRGhvbWU6", "exit-home"}, /* exit%2Dhome: */
	{FRONTEND_USERNAME_OPTIONAL, "Basic YTpiOmM=", "a"},                 /* a:b:c */
	{FRONTEND_USERNAME_OPTIONAL, "Basic YWI6", "ab"},
	{FRONTEND_USERNAME_OPTIONAL, "Basic YTo=", "a"},
	{FRONTEND_USERNAME_OPTIONAL, "Basic YTo", "a"},
	{FRONTEND_USERNAME_OPTIONAL, "Basic Ong=", ""},  /* :x */
	{FRONTEND_USERNAME_REQUIRED, "Basic Ong=", NULL},
	{FRONTEND_USERNAME_OPTIONAL, "Basic aG9tZQ==", NULL}, /* no colon */
	{FRONTEND_USERNAME_OPTIONAL, "Basic aG9t!Tp4", NULL},
	{FRONTEND_USERNAME_OPTIONAL, "Basic aG9tZTp4=", NULL},
	{FRONTEND_USERNAME_OPTIONAL, "Basic Y", NULL},
	{FRONTEND_USERNAME_OPTIONAL, "Basic", NULL},
	{FRONTEND_USERNAME_OPTIONAL, "Basic ", NULL},
	{FRONTEND_USERNAME_OPTIONAL, "", NULL},
	{FRONTEND_USERNAME_OPTIONAL, "Bearer aG9tZTp4", NULL},
	{FRONTEND_USERNAME_OPTIONAL, "Basic YSU6", NULL},     /* a%: */
	{FRONTEND_USERNAME_OPTIONAL, "Basic YSUwMDo=", NULL}, /* a%00: */
	{FRONTEND_USERNAME_OPTIONAL, "Basic YQBiOg==", NULL}, /* a NUL b: */
};

START_TEST(login_is_read)
{
	char head[256];
	const char *v = logins[_i].value;
	use(logins[_i].username);
	connect_client();
	snprintf(head, sizeof(head), "CONNECT a.b:443 HTTP/1.1\r\n%s%s%s\r\n", v ? "Proxy-Authorization: " : "", v ? v : "", v ? "\r\n" : "");
	say_text(head);
	if (!logins[_i].selector) {
		hear_status(407, "username");
		ck_assert_uint_eq(fake.dials, 0);
		return;
	}
	ck_assert_str_eq(fake.selector, logins[_i].selector);
	ck_assert_int_eq(fake.selected, logins[_i].selector[0] != '\0');
}
END_TEST

/* ---- what the dial came to: the table of replies ---- */

static const struct {
	uint32_t err, status;
	const char *error;
} ends[] = {
	{RTUN_EDENIED, 403, "destination_ip_prohibited"}, {RTUN_ENOEXIT, 503, "destination_unavailable"},
	{RTUN_EDNS, 502, "dns_error"}, {RTUN_EUNREACHABLE, 502, "destination_ip_unroutable"},
	{RTUN_EREFUSED, 502, "connection_refused"}, {RTUN_ETIMEOUT, 504, "connection_timeout"},
	{RTUN_EADDRTYPE, 400, ""}, {RTUN_EOVERLOAD, 503, "connection_limit_reached"}, {RTUN_ERESET, 500, ""},
	{RTUN_ETRUNCATED, 500, ""}, {RTUN_EINTERNAL, 500, "proxy_internal_error"}, {RTUN_ESELECTOR, 407, "http_request_denied"},
	{13, 500, ""}, {15, 500, ""}, {4000000000U, 500, ""},
};

START_TEST(dial_fails)
{
	char must_have[64];
	connect_client();
	say_text("CONNECT a.b:443 HTTP/1.1\r\n\r\n");
	fake_answer(ends[_i].err, NULL, NULL);
	snprintf(must_have, sizeof(must_have), "error=%s", ends[_i].error);
	hear_status(ends[_i].status, must_have);
	refusal_says(rtun_error_word(ends[_i].err), "\"as the test \\\"says\\\"\"", "\"a.b:443\"", "null");
}
END_TEST

START_TEST(reason_is_quoted)
{
	connect_client();
	say_text("CONNECT a.b:443 HTTP/1.1\r\n\r\n");
	fake_answer(RTUN_EDENIED, NULL, NULL);
	hear_status(403, "details=\"as the test \\\"says\\\"\"\r\n");
}
END_TEST

/* ---- the corpus' ports: what is no port never gets as far as a filter ---- */

START_TEST(ports_of_the_corpus)
{
	FILE *f = bed_open("tests/corpus/ssrf_corpus.tsv");
	char line[1024], head[1200];
	uint32_t rows_seen = 0, bad = 0;
	while (fgets(line, sizeof(line), f)) {
		char *tab = strstr(line, "\tport\t");
		struct http_head parser;
		struct http_request r;
		struct http_verdict v;
		if (!tab)
			continue;
		*tab = '\0';
		snprintf(head, sizeof(head), "CONNECT %s HTTP/1.1\r\n\r\n", line);
		http_head_begin(&parser, false, NULL);
		ck_assert(http_head_parse(&parser, (const uint8_t *)head, (uint32_t)strlen(head), &v) && !v.status);
		v = http_request_judge(&parser, (const uint8_t *)head, &r);
		ck_assert(v.status == 0 || strncmp(tab + 6, "deny", 4) == 0);
		bad += v.status == 400;
		rows_seen++;
	}
	fclose(f);
	ck_assert_uint_eq(rows_seen, 9);
	ck_assert_uint_eq(bad, 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("connect");
	TCase *t = frontend_case();
	tcase_add_loop_test(t, head_is_judged, 0, ROWS(heads));
	tcase_add_loop_test(t, nul_is_refused_everywhere, 0, 34);
	tcase_add_loop_test(t, size_of_the_head, 0, 2);
	tcase_add_loop_test(t, login_is_read, 0, ROWS(logins));
	tcase_add_loop_test(t, dial_fails, 0, ROWS(ends));
	tcase_add_test(t, reason_is_quoted);
	tcase_add_test(t, ports_of_the_corpus);
	suite_add_tcase(s, t);
	return bed_run(s);
}
