/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The HTTP proxy's connections: kept, shared, upgraded, cut, late, stalled, at the end.
 */
#include <sys/ioctl.h>

#include "exchange_bed.h"

#include "stream.h"

/* ---- connections that are kept ---- */

START_TEST(same_server_again)
{
	begin();
	ask(GET, GOT);
	for (int i = 0; i < 3; i++) {
		server_says(OK);
		must_hear(fake.client, OK);
		ck_assert_uint_eq(*loop_held(bed.loop), 0);
		client_says(GET);
		must_hear(fake.target, GOT);
		ck_assert_uint_eq(*loop_held(bed.loop), 1);
	}
	ck_assert_uint_eq(fake.dials, 1);
	ck_assert_uint_eq(bed.events, 1);
	ck_assert_uint_eq(front->results[0], 3);
}
END_TEST

/* Not the same: host, port, user, options, or not to be said twice, or the server has closed or said something. */
START_TEST(another_connection)
{
	static const char *const next[] = {
		"GET http://b.bc/x HTTP/1.1\r\n\r\n", "GET http://a.bc:81/x HTTP/1.1\r\n\r\n",
		"GET http://a.bc/x HTTP/1.1\r\nProxy-Authorization: Basic aG9tZTp4\r\n\r\n", GET, POST, GET, GET,
	};
	begin();
	ask(GET, GOT);
	server_says(_i == 6 ? OK "HTTP/1.1 408 Late\r\n\r\n" : OK);
	must_hear(fake.client, OK);
	if (_i == 3)
		use(FRONTEND_USERNAME_OPTIONAL);
	if (_i == 5) {
		shutdown(fake.target, SHUT_WR);
		bed_turns(4);
		ck_assert_uint_eq(bed.events, 2);
	}
	client_says(next[_i]);
	ck_assert(fd_ended(fake.target));
	ck_assert_uint_eq(fake.dials, 2);
	ck_assert_str_eq(bed.event_type->name, "stream.close");
	connected();
	server_says(OK);
	must_hear(fake.client, OK);
}
END_TEST

/* The server closes just as the second request comes: it is said again to another connection, once. */
START_TEST(said_again)
{
	begin();
	ask(GET, GOT);
	server_says(OK);
	must_hear(fake.client, OK);
	client_says(GET);
	must_hear(fake.target, GOT);
	shutdown(fake.target, SHUT_WR);
	bed_turns(4);
	ck_assert_uint_eq(fake.dials, 2);
	connected();
	must_hear(fake.target, GOT);
	if (_i) {
		server_says(OK);
		must_hear(fake.client, OK);
		ck_assert_uint_eq(front->conn_count, 1);
		return;
	}
	shutdown(fake.target, SHUT_WR);
	refused(502);
	ck_assert_uint_eq(fake.dials, 2);
}
END_TEST

START_TEST(pipelined)
{
	begin();
	client_says(GET POST "GET http://b.bc/ HTTP/1.1\r\n\r\n");
	connected();
	must_hear(fake.target, GOT);
	server_says(OK);
	must_hear(fake.client, OK);
	connected();
	must_hear(fake.target, POSTED);
	server_says(OK);
	must_hear(fake.client, OK);
	connected();
	must_hear(fake.target, "GET / HTTP/1.1\r\nHost: b.bc\r\n\r\n");
	ck_assert_uint_eq(fake.dials, 3);
}
END_TEST

START_TEST(connect_after_others)
{
	begin();
	ask(GET, GOT);
	server_says(OK);
	must_hear(fake.client, OK);
	client_says("CONNECT c.de:443 HTTP/1.1\r\n\r\nearly");
	ck_assert(fd_ended(fake.target));
	ck_assert_str_eq(fake.host, "c.de");
	connected();
	must_hear(fake.client, "HTTP/1.1 200 Connection established\r\n\r\n");
	must_hear(fake.target, "early");
	server_says("late");
	must_hear(fake.client, "late");
}
END_TEST

START_TEST(login_of_each_request)
{
	begin();
	use(FRONTEND_USERNAME_REQUIRED);
	client_says("GET http://a.bc/x HTTP/1.1\r\nProxy-Authorization: Basic aG9tZTp4\r\n\r\n");
	ck_assert_str_eq(fake.selector, "home");
	connected();
	must_hear(fake.target, GOT);
	server_says(OK);
	must_hear(fake.client, OK);
	client_says(GET);
	client_hears_status(407);
	ck_assert_ptr_nonnull(strstr(heard, "\r\nProxy-Authenticate: Basic realm="));
	refused_afterwards();
	ck_assert_uint_eq(fake.dials, 1);
}
END_TEST

/* ---- answers before the request is over ---- */

START_TEST(early_answer)
{
	begin();
	ask("POST http://a.bc/x HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc", "POST /x HTTP/1.1\r\nHost: a.bc\r\nContent-Length: 6\r\n\r\nabc");
	server_says("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
	must_hear(fake.client, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
	ck_assert_int_eq(ended, 1);
	ck_assert_int_ne((listen_to(fake.target), ended), 0);
}
END_TEST

/* The server has stopped reading, and its answer is there to be had. */
START_TEST(deaf_server_has_answered)
{
	static char body[1 << 20];
	begin();
	ask("POST http://a.bc/x HTTP/1.1\r\nContent-Length: 1048576\r\n\r\n", "POST /x HTTP/1.1\r\nHost: a.bc\r\nContent-Length: 1048576\r\n\r\n");
	send(fake.target, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno", 41, 0);
	shutdown(fake.target, SHUT_RDWR);
	(void)!send(fake.client, body, sizeof(body), MSG_NOSIGNAL);
	must_hear(fake.client, "HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
}
END_TEST

START_TEST(continue_first)
{
	begin();
	ask("PUT http://a.bc/x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
	    "PUT /x HTTP/1.1\r\nHost: a.bc\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	server_says("HTTP/1.1 100 Continue\r\n\r\n");
	must_hear(fake.client, "HTTP/1.1 100 Continue\r\n\r\n");
	client_says("abc");
	must_hear(fake.target, "abc");
	server_says(OK);
	must_hear(fake.client, OK);
	ck_assert_uint_eq(front->conn_count, 1);
}
END_TEST

#define UPGRADE "GET /x HTTP/1.1\r\nHost: a.bc\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
#define UPGRADED "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nA: b\r\n\r\n"
START_TEST(websocket)
{
	const struct frontend_stream_event *e = (const void *)bed.event;
	begin();
	ask("GET http://a.bc/x HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nearly",
	    UPGRADE);
	server_says(UPGRADED "from");
	must_hear(fake.client, UPGRADED "from");
	must_hear(fake.target, "early");
	client_says("GET http://b.bc/ HTTP/1.1\r\n\r\n");
	must_hear(fake.target, "GET http://b.bc/ HTTP/1.1\r\n\r\n");
	shutdown(fake.client, SHUT_WR);
	ck_assert(fd_ended(fake.target));
	close(fake.target);
	fake.target = -1;
	ck_assert(fd_ended(fake.client));
	ck_assert_uint_eq(bed.events, 2);
	ck_assert_uint_eq(e->result, 0);
	ck_assert_uint_eq(e->bytes_out, strlen(UPGRADE "early" "GET http://b.bc/ HTTP/1.1\r\n\r\n"));
	ck_assert_uint_eq(e->bytes_in, strlen(UPGRADED "from"));
	ck_assert_uint_eq(front->conn_count, 0);
}
END_TEST

/* ---- time, leaving, the end ---- */

START_TEST(keep_alive_has_a_limit)
{
	begin();
	ask(GET, GOT);
	loop_advance(bed.loop, 3600 * RTUN_S); /* an answer may take its time */
	server_says(OK);
	must_hear(fake.client, OK);
	client_says("GET http://a");
	loop_advance(bed.loop, 59 * RTUN_S);
	ck_assert_uint_eq(front->conn_count, 1);
	loop_advance(bed.loop, 2 * RTUN_S);
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert(fd_ended(fake.client) && fd_ended(fake.target));
}
END_TEST

START_TEST(keep_alive_may_be_off)
{
	begin();
	options.keep_alive_timeout = 0;
	use(FRONTEND_USERNAME_OPTIONAL);
	ask(GET, "GET /x HTTP/1.1\r\nHost: a.bc\r\nConnection: close\r\n\r\n");
	server_says(OK);
	must_hear(fake.client, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
	ck_assert_int_eq(ended, 1);
}
END_TEST

/* The client has said all it will say: before the dial's end (0), after it (1). */
START_TEST(half_close)
{
	begin();
	client_says(GET);
	if (_i == 0)
		shutdown(fake.client, SHUT_WR);
	connected();
	if (_i == 1)
		shutdown(fake.client, SHUT_WR);
	must_hear(fake.target, GOT);
	ck_assert_int_eq(ended, 1);
	server_says(OK);
	must_hear(fake.client, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
	ck_assert_int_eq(ended, 1);
}
END_TEST

/* While an answer comes, the client says another request, its last one: it goes to a server that can still be told something,
 * and is waited for as long as any. */
START_TEST(half_close_behind_another_request)
{
	begin();
	ask(GET, GOT);
	server_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh");
	must_hear(fake.client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh");
	client_says(GET);
	shutdown(fake.client, SHUT_WR);
	bed_turns(4);
	server_says("i");
	must_hear(fake.client, "i");
	ck_assert_uint_eq(fake.dials, 2);
	connected();
	must_hear(fake.target, GOT);
	loop_advance(bed.loop, 3000 * RTUN_S);
	ck_assert_uint_eq(front->conn_count, 1);
	server_says(OK);
	must_hear(fake.client, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
	ck_assert_int_eq(ended, 1);
}
END_TEST

START_TEST(wait_after_half_close_has_a_limit)
{
	begin();
	ask(GET, GOT);
	shutdown(fake.client, SHUT_WR);
	bed_turns(4);
	loop_advance(bed.loop, 3599 * RTUN_S);
	ck_assert_uint_eq(front->conn_count, 1);
	loop_advance(bed.loop, 2 * RTUN_S);
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(front->results[RTUN_ETIMEOUT], 1);
}
END_TEST

static void reset_client(void)
{
	struct linger now = {1, 0};
	setsockopt(fake.client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fake.client);
	fake.client = -1;
	bed_turns(4);
}

/* Within its head, while dialling, waiting, sending a body, receiving one. */
START_TEST(client_aborts)
{
	connect_tcp_client();
	client_says(_i == 0 ? "GET http://a" : _i == 3 ? "POST http://a.bc/ HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc" : GET);
	if (_i > 1)
		connected();
	if (_i == 4)
		server_says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
	reset_client();
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(fake.cancels, _i == 1);
	ck_assert_uint_eq(front->results[FRONTEND_RESULT_ABANDONED], _i < 4);
	ck_assert_uint_eq(*loop_held(bed.loop), 0);
	if (_i > 1)
		ck_assert_int_ne((listen_to(fake.target), ended), 0);
}
END_TEST

START_TEST(client_ends_within_its_body)
{
	begin();
	client_says("POST http://a.bc/ HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc");
	connected();
	shutdown(fake.client, SHUT_WR);
	bed_turns(4);
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(front->results[FRONTEND_RESULT_ABANDONED], 1);
}
END_TEST

START_TEST(drained)
{
	int idle;
	begin();
	ask(GET, GOT);
	server_says(OK);
	must_hear(fake.client, OK);
	idle = fake.client;
	close(fake.target);
	fake.client = fake.target = -1;
	connect_client();
	ask(GET, GOT);
	rtun_module.drain(&hc.ctx, RTUN_S);
	ck_assert(fd_ended(idle));
	close(idle);
	ck_assert_uint_eq(*loop_held(bed.loop), 1);
	server_says(OK);
	must_hear(fake.client, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
	ck_assert_int_eq(ended, 1);
	ck_assert_uint_eq(*loop_held(bed.loop), 0);
}
END_TEST

/* While dialling, waiting, receiving: what the client had of an answer must not look whole. */
START_TEST(stopped)
{
	connect_tcp_client();
	client_says(GET);
	if (_i > 0)
		connected();
	if (_i > 1) {
		server_says("HTTP/1.1 200 OK\r\n\r\nabc");
		must_hear(fake.client, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
	}
	rtun_module.stop(&hc.ctx);
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(told.refusals, _i == 0);
	ck_assert_uint_eq(told.closes, _i > 0);
	listen_to(fake.client);
	ck_assert_int_eq(ended, _i > 1 ? 2 : 1);
	ck_assert_uint_eq(*loop_held(bed.loop), 0);
}
END_TEST

START_TEST(events_of_a_shared_connection)
{
	const struct frontend_stream_event *e = (const void *)bed.event;
	begin();
	ask(GET, GOT);
	server_says(OK);
	must_hear(fake.client, OK);
	client_says(GET);
	must_hear(fake.target, GOT);
	server_says(OK);
	must_hear(fake.client, OK);
	ck_assert_uint_eq(bed.events, 1);
	ck_assert_str_eq(bed.event_type->name, "stream.open");
	close(fake.client);
	fake.client = -1;
	bed_turns(4);
	ck_assert_uint_eq(bed.events, 2);
	ck_assert_uint_eq(e->bytes_out, 2 * strlen(GOT));
	ck_assert_uint_eq(e->bytes_in, 2 * strlen(OK));
	ck_assert_uint_eq(e->result, 0);
}
END_TEST

/* Who asks for another target has a stream of its own; a login that is refused ends the one before it. */
START_TEST(events_of_one_client)
{
	begin();
	use(FRONTEND_USERNAME_REQUIRED);
	ask("GET http://a.bc/x HTTP/1.1\r\nProxy-Authorization: Basic aG9tZTp4\r\n\r\n", GOT);
	event_says("open", "\"exit\":\"home\",\"frontend\":\"bed\",\"target\":\"a.bc:80\",\"protocol\":\"tcp\",\"user\":\"home\",\"duration_ms\":0");
	server_says(OK);
	must_hear(fake.client, OK);
	client_says("GET http://[2001:db8::1]:8080/x HTTP/1.1\r\nProxy-Authorization: Basic aG9tZTp4\r\n\r\n");
	ck_assert_str_eq(bed.event_type->name, "stream.close");
	ck_assert_ptr_nonnull(strstr(bed.event_json, "\"target\":\"a.bc:80\""));
	connected();
	ck_assert_ptr_nonnull(strstr(bed.event_json, "\"target\":\"[2001:db8::1]:8080\""));
	server_says(OK);
	must_hear(fake.client, OK);
	client_says("GET http://b.bc/x HTTP/1.1\r\n\r\n");
	client_hears_status(407);
	ck_assert_uint_eq(told.opens, 2);
	ck_assert_uint_eq(told.closes, 2);
	ck_assert_uint_eq(told.refusals, 1);
	ck_assert_ptr_nonnull(strstr(bed.event_json, "\"exit\":null"));
	ck_assert_ptr_nonnull(strstr(bed.event_json, "\"result\":\"login\""));
	ck_assert_ptr_nonnull(strstr(bed.event_json, "\"target\":\"b.bc:80\",\"protocol\":\"tcp\",\"user\":null"));
}
END_TEST

/* Who was dialled by an old name, or default, while another one came, serves this request and no other. */
START_TEST(chosen_before_a_change)
{
	begin();
	client_says(GET);
	bed_turns(3);
	ck_assert_uint_eq(fake.dials, 1);
	changed(front, NULL, NULL, NULL);
	connected();
	must_hear(fake.target, GOT);
	server_says(OK);
	must_hear(fake.client, OK);
	client_says(GET);
	ck_assert_uint_eq(fake.dials, 2);
	connected();
	must_hear(fake.target, GOT);
	server_says(OK);
	must_hear(fake.client, OK);
	client_says(GET);
	must_hear(fake.target, GOT);
	ck_assert_uint_eq(fake.dials, 2);
}
END_TEST

/* A target that says nothing was reached all the same. */
START_TEST(events_without_an_answer)
{
	begin();
	ask(POST, POSTED);
	close(fake.target);
	fake.target = -1;
	refused(502);
	ck_assert_uint_eq(told.opens, 1);
	ck_assert_uint_eq(told.closes, 1);
	ck_assert_uint_eq(told.refusals, 0);
}
END_TEST

START_TEST(too_many_clients)
{
	int fds[4];
	for (int i = 0; i < 4; i++)
		fds[i] = open_client();
	begin();
	client_says(GET);
	client_hears_status(503);
	ck_assert_uint_eq(fake.dials, 0);
	refusal_says("overload", "\"too many clients are connected (max-connections)\"", "\"a.bc:80\"", "null");
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}
END_TEST

/* ---- bodies at length ---- */

/* As much as is taken at once, or all. */
static size_t send_some(int fd, const char *p, size_t len)
{
	size_t done = 0;
	for (int idle = 0; done < len && idle < 4;) {
		ssize_t n = send(fd, p + done, len - done, MSG_NOSIGNAL);
		idle = n > 0 ? 0 : idle + 1;
		done += n > 0 ? (size_t)n : 0;
		bed_turns(2);
	}
	return done;
}

static void fill(char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (char)(i * 2654435761U >> 13);
}

/* A reader who stalls makes the sender wait, and little is kept in between. Then all of it comes. 0 down, 1 up, 2 down in chunks. */
START_TEST(slow_reader)
{
	static char sent[BIG + 64];
	const char *head = _i == 1 ? "POST http://a.bc/ HTTP/1.1\r\nContent-Length: 4194304\r\n\r\n" :
			   _i == 0 ? "HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n" :
				     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400000\r\n";
	size_t done, got = 0, want;
	int from, to;
	fill(sent, BIG);
	memcpy(sent + BIG, "\r\n0\r\n\r\n", 7);
	want = _i == 2 ? BIG + 7 : BIG;
	begin();
	client_says(_i == 1 ? head : GET);
	connected();
	from = _i == 1 ? fake.client : fake.target;
	to = _i == 1 ? fake.target : fake.client;
	listen_to(fake.target);
	if (_i != 1) {
		server_says(head);
		must_hear(to, head);
	}
	done = send_some(from, sent, want);
	ck_assert_uint_lt(done, BIG / 2);
	ck_assert_uint_le(loop_buffers(bed.loop)->used, 2 * 16384);
	while (got < want) {
		ssize_t n = recv(to, heard, sizeof(heard), 0);
		ck_assert(n > 0 || done < want);
		if (n > 0) {
			ck_assert_mem_eq(heard, sent + got, (size_t)n);
			got += (size_t)n;
		}
		bed_turns(2);
		n = done < want ? send(from, sent + done, want - done, MSG_NOSIGNAL) : 0;
		done += n > 0 ? (size_t)n : 0;
		bed_turns(2);
	}
	ck_assert_uint_eq(got, want);
}
END_TEST

/* Many small pieces, each of which costs as much as a large one, don't hold the loop: 0 chunks of one byte, 1 interim answers,
 * 2 the same for a client of HTTP/1.0, which gets none. */
START_TEST(small_pieces_take_turns)
{
	static const struct {
		const char *request, *head, *piece;
		size_t passed; /* bytes of each piece */
	} floods[] = {
		{GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1;\r\na\r\n", 6},
		{GET, "", "HTTP/1.1 100 C\r\n\r\n", 18},
		{"GET http://a.bc/x HTTP/1.0\r\n\r\n", "", "HTTP/1.1 100 C\r\n\r\n", 0},
	};
	static char text[6000 * 18];
	const size_t size = strlen(floods[_i].piece);
	struct rtun_stream *from;
	int in_socket = 0;
	for (size_t i = 0; i < 6000; i++)
		memcpy(text + i * size, floods[_i].piece, size);
	connect_tcp_client();
	client_says(floods[_i].request);
	connected();
	listen_to(fake.target);
	server_says(floods[_i].head);
	must_hear(fake.client, floods[_i].head);
	ck_assert_int_eq(send(fake.target, text, 6000 * size, MSG_NOSIGNAL), (ssize_t)(6000 * size));
	loop_turn(bed.loop);
	from = ((struct exchange *)front->conns->served)->target;
	ck_assert_int_eq(ioctl(watch_fd(from->self), FIONREAD, &in_socket), 0);
	ck_assert_uint_gt(from->in.len + (size_t)in_socket, 3000 * size);
	for (size_t got = 0; got < 6000 * floods[_i].passed; bed_turns(1)) {
		ssize_t n = recv(fake.client, heard, sizeof(heard), 0);
		got += n > 0 ? (size_t)n : 0;
	}
	bed_turns(100);
	ck_assert_uint_eq(from->in.len, 0);
}
END_TEST

/* ---- noise ---- */

static uint32_t noise_state;
static uint32_t noise(uint32_t below)
{
	noise_state = noise_state * 1664525 + 1013904223;
	return (noise_state >> 8) % below;
}

/* A message, with a few bytes changed or as it is, in pieces. */
static void say_noisily(int fd, const char *text)
{
	char copy[1024];
	size_t len = strlen(text), at = 0;
	memcpy(copy, text, len);
	for (uint32_t changes = noise(3) ? 0 : 1 + noise(3); changes; changes--)
		copy[noise((uint32_t)len)] = noise(2) ? "\r\n :,;0"[noise(7)] : (char)noise(256);
	while (at < len) {
		size_t n = 1 + noise((uint32_t)(len - at));
		(void)!send(fd, copy + at, n, MSG_NOSIGNAL);
		bed_turns(1 + (int)noise(3));
		at += n;
	}
}

/* Whatever is said, and whoever leaves first, nothing is left behind. */
START_TEST(noise_on_both_sides)
{
	static const char *const asked[] = {GET, POST, GET POST, "PUT http://a.bc/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n" GET,
					    "HEAD http://a.bc/ HTTP/1.0\r\nConnection: te, x\r\nX: y\r\n\r\n",
					    "GET http://a.bc/ HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nmore",
					    "CONNECT a.bc:443 HTTP/1.1\r\n\r\nmore"};
	static const char *const answered[] = {OK, OK OK, "HTTP/1.1 100 C\r\n\r\n" OK, "HTTP/1.0 200 OK\r\n\r\nabc",
					       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nab\r\n0\r\nT: r\r\n\r\n",
					       "HTTP/1.1 101 Go\r\nConnection: upgrade\r\n\r\nmore"};
	noise_state = (uint32_t)_i;
	for (int round = 0; round < 40; round++) {
		begin();
		say_noisily(fake.client, asked[noise(ROWS(asked))]);
		for (int i = 0; i < 3 && fake.cb; i++) {
			if (fake.target >= 0)
				close(fake.target);
			fake.target = -1;
			fake_answer(noise(8) ? 0 : 1 + noise(RTUN_ESELECTOR), NULL, NULL);
			if (fake.target >= 0)
				say_noisily(fake.target, answered[noise(ROWS(answered))]);
		}
		if (noise(2) && fake.target >= 0)
			shutdown(fake.target, noise(2) ? SHUT_WR : SHUT_RDWR);
		listen_to(fake.client);
		shutdown(fake.client, SHUT_WR);
		bed_turns(4);
		close(fake.client);
		if (fake.target >= 0)
			close(fake.target);
		fake.client = fake.target = -1;
		bed_turns(4);
		loop_advance(bed.loop, 7200 * RTUN_S);
		ck_assert_uint_eq(front->conn_count, fake.cb != NULL);
		if (fake.cb)
			fake_answer(RTUN_ETIMEOUT, NULL, NULL);
		bed_turns(4);
		loop_advance(bed.loop, 10 * RTUN_S);
		ck_assert_uint_eq(front->conn_count, 0);
		ck_assert_uint_eq(*loop_held(bed.loop), 0);
		ck_assert_uint_eq(loop_buffers(bed.loop)->used, 0);
	}
	ck_assert_uint_gt(front->results[0], 0);
	ck_assert_uint_gt(front->results[FRONTEND_RESULT_PROTOCOL], 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("exchange_life");
	TCase *t = tcase_create("exchange");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, same_server_again);
	tcase_add_loop_test(t, another_connection, 0, 7);
	tcase_add_loop_test(t, said_again, 0, 2);
	tcase_add_test(t, pipelined);
	tcase_add_test(t, connect_after_others);
	tcase_add_test(t, login_of_each_request);
	tcase_add_test(t, early_answer);
	tcase_add_test(t, deaf_server_has_answered);
	tcase_add_test(t, continue_first);
	tcase_add_test(t, websocket);
	tcase_add_test(t, keep_alive_has_a_limit);
	tcase_add_test(t, keep_alive_may_be_off);
	tcase_add_loop_test(t, half_close, 0, 2);
	tcase_add_test(t, half_close_behind_another_request);
	tcase_add_test(t, wait_after_half_close_has_a_limit);
	tcase_add_loop_test(t, client_aborts, 0, 5);
	tcase_add_test(t, client_ends_within_its_body);
	tcase_add_test(t, drained);
	tcase_add_loop_test(t, stopped, 0, 3);
	tcase_add_test(t, events_of_a_shared_connection);
	tcase_add_test(t, events_of_one_client);
	tcase_add_test(t, chosen_before_a_change);
	tcase_add_test(t, events_without_an_answer);
	tcase_add_test(t, too_many_clients);
	tcase_add_loop_test(t, slow_reader, 0, 3);
	tcase_add_loop_test(t, small_pieces_take_turns, 0, 3);
	tcase_add_loop_test(t, noise_on_both_sides, 0, 50);
	suite_add_tcase(s, t);
	return bed_run(s);
}
