/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The HTTP proxy's exchanges: what reaches the server and the client, however it was split; hostile requests and answers.
 */
#include "exchange_bed.h"

/* ---- what reaches the server ---- */

static const struct {
	const char *said, *passed;
	const char *host;
	uint16_t port;
} requests[] = {
	{GET, GOT, "a.bc", 80},
	{"GET http://a.bc HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.bc\r\n\r\n", "a.bc", 80},
	{"GET HTTP://A.bc?q=/?:@ HTTP/1.1\r\n\r\n", "GET /?q=/?:@ HTTP/1.1\r\nHost: A.bc\r\n\r\n", "A.bc", 80},
	{"GET http://a.bc:/ HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.bc:\r\n\r\n", "a.bc", 80},
	{"GET http://a.bc:8080/a?b HTTP/1.1\r\n\r\n", "GET /a?b HTTP/1.1\r\nHost: a.bc:8080\r\n\r\n", "a.bc", 8080},
	{"GET http://8.8.8.8/ HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: 8.8.8.8\r\n\r\n", "", 80},
	{"GET http://[2606:4700::1]/ HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: [2606:4700::1]\r\n\r\n", "", 80},
	{"GET http://[2606:4700::1]:81/ HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: [2606:4700::1]:81\r\n\r\n", "", 81},
	/* Host comes from the target */
	{"GET http://a.bc/ HTTP/1.1\r\nA: 1\r\nHost: evil\r\nB: 2\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.bc\r\nA: 1\r\nB: 2\r\n\r\n", "a.bc", 80},
	/* hop by hop */
	{"GET http://a.bc/ HTTP/1.1\r\nProxy-Authorization: Basic aG9tZTp4\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\n"
	 "Keep-Alive: 5\r\nX:  y \r\nUpgrade: h2c\r\nTrailer: Z\r\nConnection: x-one ,, X-Two\r\nX-One: 1\r\nX-TWO: 2\r\nx-two: 3\r\n"
	 "X-Three: 4\r\nconnection: keep-alive, X-Four\r\nx-four:\r\n\r\n",
	 "GET / HTTP/1.1\r\nHost: a.bc\r\nX:  y \r\nX-Three: 4\r\n\r\n", "a.bc", 80},
	/* what a client says of itself is its own affair; nothing is added */
	{"GET http://a.bc/ HTTP/1.1\r\nVia: 1.1 me\r\nX-Forwarded-For: ::1\r\n\r\n",
	 "GET / HTTP/1.1\r\nHost: a.bc\r\nVia: 1.1 me\r\nX-Forwarded-For: ::1\r\n\r\n", "a.bc", 80},
	{"GET http://a.bc/ HTTP/1.1\r\nConnection: close\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.bc\r\nConnection: close\r\n\r\n", "a.bc", 80},
	{"GET http://a.bc/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.bc\r\nConnection: close\r\n\r\n", "a.bc", 80},
	/* bodies */
	{POST, POSTED, "a.bc", 80},
	{"PUT http://a.bc/ HTTP/1.1\r\nContent-Length: 00\r\n\r\n", "PUT / HTTP/1.1\r\nHost: a.bc\r\nContent-Length: 00\r\n\r\n", "a.bc", 80},
	{"POST http://a.bc/ HTTP/1.1\r\nTransfer-Encoding: Chunked\r\nExpect: 100-continue\r\n\r\n"
	 "3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n1  \r\nz\r\n000\r\nTrail: er\r\nContent-Length: 5\r\n\r\n",
	 "POST / HTTP/1.1\r\nHost: a.bc\r\nTransfer-Encoding: Chunked\r\nExpect: 100-continue\r\n\r\n"
	 "3\r\nabc\r\n00A\r\n0123456789\r\n1\r\nz\r\n000\r\n\r\n", "a.bc", 80},
	/* Max-Forwards counts for two methods only */
	{"OPTIONS http://a.bc HTTP/1.1\r\nMax-Forwards: 1\r\nA: b\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a.bc\r\nMax-Forwards: 0\r\nA: b\r\n\r\n", "a.bc", 80},
	{"OPTIONS http://a.bc? HTTP/1.1\r\n\r\n", "OPTIONS /? HTTP/1.1\r\nHost: a.bc\r\n\r\n", "a.bc", 80},
	{"TRACE http://a.bc/ HTTP/1.1\r\nMax-Forwards: 999999999999999999\r\n\r\n",
	 "TRACE / HTTP/1.1\r\nHost: a.bc\r\nMax-Forwards: 999999999999999998\r\n\r\n", "a.bc", 80},
	{"GET http://a.bc/ HTTP/1.1\r\nMax-Forwards: 0\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.bc\r\nMax-Forwards: 0\r\n\r\n", "a.bc", 80},
	/* a websocket may be asked for, nothing else, and not with a body */
	{"GET http://a.bc/ HTTP/1.1\r\nUpgrade: h2c, WebSocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Key: k\r\n\r\n",
	 "GET / HTTP/1.1\r\nHost: a.bc\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n", "a.bc", 80},
	{"GET http://a.bc/ HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x\r\n\r\n",
	 "GET / HTTP/1.1\r\nHost: a.bc\r\n\r\n", "a.bc", 80},
	{"GET http://a.bc/ HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 1\r\n\r\nx",
	 "GET / HTTP/1.1\r\nHost: a.bc\r\nContent-Length: 1\r\n\r\nx", "a.bc", 80},
	/* bytes that should be escaped, but curl doesn't */
	{"GET http://a.bc/\xc3\xa4?\xc3\xbc HTTP/1.1\r\n\r\n", "GET /\xc3\xa4?\xc3\xbc HTTP/1.1\r\nHost: a.bc\r\n\r\n", "a.bc", 80},
	/* any method that is a word */
	{"M-SEARCH http://a.bc/ HTTP/1.1\r\n\r\n", "M-SEARCH / HTTP/1.1\r\nHost: a.bc\r\n\r\n", "a.bc", 80},
};

START_TEST(request_reaches_the_server)
{
	begin();
	if (_i % 2)
		say_bytewise(fake.client, requests[_i / 2].said);
	else
		client_says(requests[_i / 2].said);
	ck_assert_uint_eq(fake.dials, 1);
	ck_assert_str_eq(fake.host, requests[_i / 2].host);
	ck_assert_uint_eq(fake.addr.port, requests[_i / 2].port);
	ck_assert_int_eq(fake.addr.family != 0, requests[_i / 2].host[0] == '\0');
	ck_assert_int_eq(fake.selected, strstr(requests[_i / 2].said, "aG9tZTp4") != NULL);
	connected();
	must_hear(fake.target, requests[_i / 2].passed);
	server_says("HTTP/1.1 204 No Content\r\n\r\n");
	client_hears_status(204);
}
END_TEST

/* ---- what never does ---- */

#define REQUEST "POST http://a.bc/ HTTP/1.1\r\n"
#define REQUEST_PASSED "POST / HTTP/1.1\r\nHost: a.bc\r\nTransfer-Encoding: chunked\r\n\r\n"
static const struct {
	const char *said;
	uint32_t status;
} refusals[] = {
	/* another message for each reader */
	{REQUEST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{REQUEST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400},
	{REQUEST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
	{REQUEST "Content-Length: 5\r\ncontent-length: 6\r\n\r\n", 400},
	{REQUEST "Content-Length: 5, 5\r\n\r\n", 400},
	{REQUEST "Content-Length: +5\r\n\r\n", 400},
	{REQUEST "Content-Length: -1\r\n\r\n", 400},
	{REQUEST "Content-Length: 0x5\r\n\r\n", 400},
	{REQUEST "Content-Length: 5 5\r\n\r\n", 400},
	{REQUEST "Content-Length:\r\n\r\n", 400},
	{REQUEST "Content-Length: 1234567890123456789\r\n\r\n", 400},
	{REQUEST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{REQUEST "Transfer-Encoding: identity\r\n\r\n", 501},
	{REQUEST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
	{REQUEST "Transfer-Encoding: chunked, chunked\r\n\r\n", 501},
	{REQUEST "Transfer-Encoding: \"chunked\"\r\n\r\n", 501},
	{REQUEST "Transfer-Encoding: xchunked\r\n\r\n", 501},
	{REQUEST "Transfer-Encoding: chunked;x\r\n\r\n", 501},
	{REQUEST "Transfer-Encoding:\x0b" "chunked\r\n\r\n", 400},
	{REQUEST "Transfer-Encoding : chunked\r\n\r\n", 400},
	{REQUEST "Transfer-Encoding\t: chunked\r\n\r\n", 400},
	{REQUEST " Transfer-Encoding: chunked\r\n\r\n", 400},
	{REQUEST "X: y\r\n\tTransfer-Encoding: chunked\r\n\r\n", 400},
	{REQUEST "X: y\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{REQUEST "X: y\rTransfer-Encoding: chunked\r\n\r\n", 400},
	{REQUEST "X: y\r\n\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{REQUEST "Connection: Content-Length\r\nContent-Length: 5\r\n\r\n", 400},
	{REQUEST "Connection: close,transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{REQUEST "Connection: host\r\n\r\n", 400},
	{REQUEST "Host: a\r\nHost: b\r\n\r\n", 400},
	{"POST http://a.bc/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	/* no address */
	{"GET /x HTTP/1.1\r\nHost: a.bc\r\n\r\n", 400},
	{"GET http:///x HTTP/1.1\r\n\r\n", 400},
	{"GET http:// HTTP/1.1\r\n\r\n", 400},
	{"GET http://:80/ HTTP/1.1\r\n\r\n", 400},
	{"GET http:/a.bc/ HTTP/1.1\r\n\r\n", 400},
	{"GET http://u:p@a.bc/ HTTP/1.1\r\n\r\n", 400},
	{"GET http://a.bc/#f HTTP/1.1\r\n\r\n", 400},
	{"GET http://a.bc:65536/ HTTP/1.1\r\n\r\n", 400},
	{"GET http://a.bc:80:80/ HTTP/1.1\r\n\r\n", 400},
	{"GET http://a.bc\\x/ HTTP/1.1\r\n\r\n", 400},
	{"GET http://%61.bc/ HTTP/1.1\r\n\r\n", 400},
	{"GET http://\xc3\xa4.bc/ HTTP/1.1\r\n\r\n", 400},
	{"GET http://[::1]x/ HTTP/1.1\r\n\r\n", 400},
	{"GET http://[::1%25lo]/ HTTP/1.1\r\n\r\n", 400},
	{"GET https://a.bc/ HTTP/1.1\r\n\r\n", 400},
	{"GET ftp://a.bc/ HTTP/1.1\r\n\r\n", 400},
	{"GET http://a.bc/ HTTP/2.0\r\n\r\n", 505},
	/* this proxy itself */
	{"TRACE http://a.bc/ HTTP/1.1\r\nMax-Forwards: 0\r\n\r\n", 405},
	{"OPTIONS http://a.bc/ HTTP/1.1\r\nMax-Forwards: 0\r\n\r\n", 200},
	{"OPTIONS http://a.bc/ HTTP/1.1\r\nMax-Forwards: x\r\n\r\n", 400},
	{"OPTIONS http://a.bc/ HTTP/1.1\r\nMax-Forwards: 1\r\nMax-Forwards: 2\r\n\r\n", 400},
};

/* As a first request, and as one that comes after another. */
START_TEST(request_is_refused)
{
	begin();
	if (_i % 2) {
		ask(GET, GOT);
		server_says(OK);
		must_hear(fake.client, OK);
	}
	client_says(refusals[_i / 2].said);
	refused(refusals[_i / 2].status);
	ck_assert_uint_eq(fake.dials, _i % 2);
	ck_assert_uint_eq(front->results[FRONTEND_RESULT_PROTOCOL], 1);
}
END_TEST

static const char *const bad_chunks[] = {
	"\r\n", "g\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", " 1\r\n", "1\n", "1\r", "1\rx", ";x\r\n", "1;\n\r\n", "1;\x01\r\n", "1\r\nab", "1\r\na\n",
	"1\r\na\rb", "1\r\na\r\n\r\n", "1000000000000000\r\n", "0000000000000001\r\n", "0\r\n\n", "0\r\n\r\r", "0\r\n x\r\n\r\n", "0\r\nx\r\n\r\n",
	"0\r\nx :y\r\n\r\n",
};

START_TEST(chunks_are_refused)
{
	begin();
	ask(REQUEST "Transfer-Encoding: chunked\r\n\r\n", REQUEST_PASSED);
	if (_i % 2)
		say_bytewise(fake.client, bad_chunks[_i / 2]);
	else
		client_says(bad_chunks[_i / 2]);
	if (strcmp(bad_chunks[_i / 2], "1\r") == 0)
		client_says("x");
	listen_to(fake.target);
	ck_assert_int_ne(ended, 0);
	ck_assert_ptr_null(strstr(heard, "\r\n0\r\n\r\n"));
	refused(400);
}
END_TEST

START_TEST(limits_of_a_chunk)
{
	char text[9000];
	bool fits = _i % 2 == 0, trailers = _i / 2;
	size_t max = trailers ? HTTP_REQUEST_MAX - 4 : 511;
	begin();
	ask(REQUEST "Transfer-Encoding: chunked\r\n\r\n", REQUEST_PASSED);
	client_says(trailers ? "0\r\nx:" : "1;");
	memset(text, 'x', sizeof(text));
	fd_send(fake.client, text, max - 2 + !fits);
	client_says(trailers ? "\r\n\r\n" : "\r\na\r\n0\r\n\r\n");
	if (!fits) {
		refused(400);
		return;
	}
	must_hear(fake.target, trailers ? "0\r\n\r\n" : "1\r\na\r\n0\r\n\r\n");
	server_says(OK);
	must_hear(fake.client, OK);
}
END_TEST

START_TEST(number_of_headers)
{
	char text[HTTP_REQUEST_MAX] = "GET http://a.bc/ HTTP/1.1\r\n";
	for (int i = 0; i < 100 + _i; i++)
		strcat(text, "a:b\r\n");
	strcat(text, "\r\n");
	begin();
	client_says(text);
	if (_i)
		refused(400);
	else
		ck_assert_uint_eq(fake.dials, 1);
}
END_TEST

START_TEST(number_of_options)
{
	char text[HTTP_REQUEST_MAX] = "GET http://a.bc/ HTTP/1.1\r\nConnection: a";
	for (int i = 1; i < 100 + _i; i++)
		strcat(text, i == 50 ? "\r\nConnection:a" : ",a");
	strcat(text, "\r\nA: b\r\n\r\n");
	begin();
	client_says(text);
	if (_i)
		refused(400);
	else
		ck_assert_uint_eq(fake.dials, 1);
}
END_TEST

/* Every other header goes: as many parts as there can be. */
START_TEST(many_parts)
{
	char text[HTTP_REQUEST_MAX] = "GET http://a.bc/ HTTP/1.1\r\n", want[HTTP_REQUEST_MAX] = "GET / HTTP/1.1\r\nHost: a.bc\r\n";
	for (int i = 0; i < 50; i++) {
		strcat(text, "te:b\r\na:b\r\n");
		strcat(want, "a:b\r\n");
	}
	strcat(text, "\r\n");
	strcat(want, "\r\n");
	begin();
	ask(text, want);
}
END_TEST

/* The refusal is not the answer to the HEAD before it: it has a body. */
START_TEST(refused_after_head)
{
	begin();
	ask("HEAD http://a.bc/x HTTP/1.1\r\n\r\n", "HEAD /x HTTP/1.1\r\nHost: a.bc\r\n\r\n");
	server_says("HTTP/1.1 200 OK\r\n\r\n");
	must_hear(fake.client, "HTTP/1.1 200 OK\r\n\r\n");
	client_says("malformed\r\n");
	refused(400);
	ck_assert_ptr_nonnull(strstr(heard, "\r\n\r\nrestunnel: "));
}
END_TEST

/* ---- what reaches the client ---- */

#define HEAD "HEAD http://a.bc/x HTTP/1.1\r\n\r\n"
#define OLD "GET http://a.bc/x HTTP/1.0\r\n\r\n"
enum ends { STAYS, CLOSES, CLOSES_AT_END, CUT };

static const struct {
	const char *request, *said, *passed;
	enum ends ends; /* the client's connection; AT_END: when the server's does */
} answers[] = {
	{GET, OK, OK, STAYS},
	{GET, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", STAYS},
	{GET, "HTTP/1.0 404 \xc3\xbc b\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 404 \xc3\xbc b\r\nContent-Length: 1\r\n\r\nx", STAYS},
	{GET, "HTTP/1.1 200 OK\r\nKeep-Alive: 5\r\nConnection: keep-alive, x\r\nX: y\r\nA: b\r\nUpgrade: h2\r\nProxy-Authenticate: Basic\r\n"
	      "Content-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 0\r\n\r\n", STAYS},
	{GET, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", STAYS},
	/* no body, whatever they say */
	{GET, "HTTP/1.1 204 N\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 204 N\r\n\r\n", STAYS},
	{GET, "HTTP/1.1 204 N\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 204 N\r\n\r\n", STAYS},
	{GET, "HTTP/1.1 304 N\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 304 N\r\nContent-Length: 5\r\n\r\n", STAYS},
	{HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", STAYS},
	{HEAD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", STAYS},
	{HEAD, "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", STAYS},
	/* interim answers */
	{GET, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\nConnection: close\r\n\r\n" OK,
	 "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\n" OK, STAYS},
	{OLD, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\n" OK, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", CLOSES},
	/* chunks */
	{GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n1\r\n!\r\n0\r\nT: r\r\nContent-Length: 9\r\n\r\n",
	 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", STAYS},
	{OLD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\nT: r\r\n\r\n",
	 "HTTP/1.1 200 OK\r\nConnection: close\r\nA: b\r\n\r\nhello!", CLOSES},
	/* said by some: it is hop by hop */
	{GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\nConnection: Transfer-Encoding\r\n\r\n1\r\n!\r\n0\r\n\r\n",
	 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n!\r\n0\r\n\r\n", STAYS},
	/* to the end */
	{GET, "HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello", "HTTP/1.1 200 OK\r\nConnection: close\r\nA: b\r\n\r\nhello", CLOSES_AT_END},
	{OLD, "HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", CLOSES_AT_END},
	/* more than there is */
	{GET, OK "surplus", OK, STAYS},
	/* broken off */
	{GET, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", CUT},
	{GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", CUT},
	{GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n", CUT},
	{GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n0\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n0\r\n", CUT},
	{OLD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhel", CUT},
	/* malformed after the beginning */
	{GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nhx", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh", CUT},
};

static void hear_in_part(const char *want)
{
	listen_to(fake.client);
	ck_assert_msg(strncmp(want, heard, strlen(heard)) == 0, "wanted '%s', heard '%s'", want, heard);
}

START_TEST(answer_reaches_the_client)
{
	connect_tcp_client();
	client_says(answers[_i / 2].request);
	connected();
	if (_i % 2)
		say_bytewise(fake.target, answers[_i / 2].said);
	else
		server_says(answers[_i / 2].said);
	if (answers[_i / 2].ends == CLOSES_AT_END) {
		must_hear(fake.client, answers[_i / 2].passed);
		ck_assert_int_eq(ended, 0);
		shutdown(fake.target, SHUT_WR);
		must_hear(fake.client, "");
		ck_assert_int_eq(ended, 1);
	} else if (answers[_i / 2].ends == CUT) {
		shutdown(fake.target, SHUT_WR);
		hear_in_part(answers[_i / 2].passed);
		ck_assert_int_eq(ended, 2);
	} else {
		must_hear(fake.client, answers[_i / 2].passed);
		ck_assert_int_eq(ended, answers[_i / 2].ends == CLOSES);
	}
	ck_assert_uint_eq(front->conn_count, answers[_i / 2].ends == STAYS);
	ck_assert_uint_eq(*loop_held(bed.loop), 0);
	ck_assert_uint_eq(front->results[0], 1);
}
END_TEST

/* ---- answers that are not passed on ---- */

static const char *const bad_answers[] = {
	"", "x", "HTTP/1.1", "HTTP/1.1 200 OK\r\n", "hello\r\n\r\n", "ICY 200 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
	"HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 200 OK\n\n", "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
	"HTTP/1.1 200 OK\r\n X: y\r\n\r\n", "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", "HTTP/1.1 200 OK\r\nX: y\n\r\n\r\n", "HTTP/1.1 200 O\x01K\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 200 OK\r\nContent-Length: 1,1\r\n\r\nx",
	"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 1\r\n\r\nx",
	"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nx",
};

START_TEST(answer_is_not_passed_on)
{
	begin();
	ask(_i % 2 ? "HEAD http://a.bc/x HTTP/1.1\r\n\r\n" : GET, _i % 2 ? "HEAD /x HTTP/1.1\r\nHost: a.bc\r\n\r\n" : GOT);
	server_says(bad_answers[_i / 2]);
	shutdown(fake.target, SHUT_WR);
	listen_to(fake.client);
	char *at = strstr(heard, "HTTP/1.1 502 ");
	ck_assert_ptr_nonnull(at);
	ck_assert(at == heard || strncmp(heard, "HTTP/1.1 100 ", 13) == 0);
	ck_assert_ptr_nonnull(strstr(at, "Proxy-Status: restunnel; error="));
	ck_assert_int_eq(strstr(at, "\r\n\r\n")[4] == '\0', _i % 2); /* HEAD: no body */
	ck_assert_int_eq(ended, 1);
	ck_assert_uint_eq(front->conn_count, 0);
}
END_TEST

START_TEST(size_of_an_answers_head)
{
	char text[HTTP_ANSWER_MAX + 64];
	size_t fits = HTTP_ANSWER_MAX + (size_t)_i;
	memset(text, 'x', sizeof(text));
	memcpy(text, "HTTP/1.1 204 N\r\nX: ", 19);
	memcpy(text + fits - 4, "\r\n\r\n", 4);
	begin();
	ask(GET, GOT);
	fd_send(fake.target, text, fits);
	client_hears_status(_i ? 502 : 204);
	if (!_i)
		ck_assert_uint_eq(strlen(heard), fits);
}
END_TEST

/* ---- however it comes: both ways split at every byte ---- */

#define UP \
	"POST http://a.bc/ HTTP/1.1\r\nHost: x\r\nConnection: close, y\r\nY: z\r\nTransfer-Encoding: chunked\r\n\r\n" \
	"3;e=1\r\nabc\r\n0\r\nT: r\r\n\r\n"
#define UP_PASSED "POST / HTTP/1.1\r\nHost: a.bc\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
#define DOWN "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nTE: x\r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n0\r\nT: r\r\n\r\n"
#define DOWN_PASSED \
	"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"

START_TEST(split_both_ways)
{
	size_t i = (size_t)_i, up = i < sizeof(UP) - 1 ? i : sizeof(UP) / 2, down = i < sizeof(DOWN) - 1 ? i : sizeof(DOWN) / 2;
	char passed[sizeof(UP_PASSED)] = "";
	begin();
	fd_send(fake.client, UP, up);
	if (fake.dials) {
		connected();
		listen_to(fake.target);
		strcpy(passed, heard);
	}
	client_says(UP + up);
	if (!passed[0])
		connected();
	listen_to(fake.target);
	strcat(passed, heard);
	ck_assert_str_eq(passed, UP_PASSED);
	fd_send(fake.target, DOWN, down);
	server_says(DOWN + down);
	must_hear(fake.client, DOWN_PASSED);
	ck_assert_int_eq(ended, 1);
}
END_TEST

/* ---- dials that fail ---- */

static const uint32_t statuses[] = {
	[RTUN_EREFUSED] = 502, [RTUN_EUNREACHABLE] = 502, [RTUN_ETIMEOUT] = 504, [RTUN_EDENIED] = 403, [RTUN_EDNS] = 502, [RTUN_ENOEXIT] = 503,
	[RTUN_EOVERLOAD] = 503, [RTUN_ERESET] = 500, [RTUN_ETRUNCATED] = 500, [RTUN_EINTERNAL] = 500, [RTUN_EADDRTYPE] = 400, [RTUN_ESELECTOR] = 407,
};

START_TEST(dial_fails)
{
	begin();
	client_says(POST);
	fake_answer((uint32_t)_i, NULL, NULL);
	client_hears_status(statuses[_i]);
	ck_assert_ptr_nonnull(strstr(heard, "restunnel: as the test \"says\"\n"));
	ck_assert_ptr_nonnull(strchr(strstr(heard, "restunnel: as"), '\n') + 1);
	ck_assert(strchr(strstr(heard, "restunnel: as"), '\n')[1] != '\0'); /* the remedy */
	ck_assert_uint_eq(front->results[_i], 1);
	refusal_says(rtun_error_word((uint32_t)_i), "\"as the test \\\"says\\\"\"", "\"a.bc:80\"", "null");
	refused_afterwards();
}
END_TEST

START_TEST(dial_has_no_memory)
{
	begin();
	fake.refuse = -RTUN_ENOMEM;
	client_says(GET);
	refused(503);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("exchange");
	TCase *t = tcase_create("exchange");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, request_reaches_the_server, 0, 2 * ROWS(requests));
	tcase_add_loop_test(t, request_is_refused, 0, 2 * ROWS(refusals));
	tcase_add_loop_test(t, chunks_are_refused, 0, 2 * ROWS(bad_chunks));
	tcase_add_loop_test(t, limits_of_a_chunk, 0, 4);
	tcase_add_loop_test(t, number_of_headers, 0, 2);
	tcase_add_loop_test(t, number_of_options, 0, 2);
	tcase_add_test(t, many_parts);
	tcase_add_test(t, refused_after_head);
	tcase_add_loop_test(t, answer_reaches_the_client, 0, 2 * ROWS(answers));
	tcase_add_loop_test(t, answer_is_not_passed_on, 0, 2 * ROWS(bad_answers));
	tcase_add_loop_test(t, size_of_an_answers_head, 0, 2);
	tcase_add_loop_test(t, split_both_ways, 1, (int)sizeof(UP) - 1);
	tcase_add_loop_test(t, dial_fails, 1, ROWS(statuses));
	tcase_add_test(t, dial_has_no_memory);
	suite_add_tcase(s, t);
	return bed_run(s);
}
