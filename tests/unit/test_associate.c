/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_associate.c - a SOCKS5 client's datagrams: whose they are, what they must look like, where they go, how they end.
 * The client's connection is a real one, on loopback, because the sockets go by its addresses.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>

#include "../../modules/frontend_socks5/parse.c"
#include "../../modules/frontend_socks5/frontend_socks5.c"

#include "../../modules/frontend/frontend.c"
#include "../../modules/frontend/frontend_conn.c"
#include "../../modules/frontend/frontend_login.c"
#include "../../modules/frontend/frontend_status.c"

#include "fake_dialer.h"

#define ROWS(a) (int)(sizeof(a) / sizeof((a)[0]))
#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define TO 1, 192, 0, 2, 7, 0, 53 /* of datagrams */
#define TIMEOUT (300 * RTUN_S)

static struct host_ctx hc;
static struct frontend_options options;
static struct frontend *front;
static struct rtun_dialer_ops dialer_ops;
static int listener, udp; /* the client's */
static struct rtun_addr server;

static int associate(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	return fake_dial(obj, req, cb, arg, ret_op);
}

static int loopback(int type, const char *ip, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, ip, &in.sin_addr);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	return ntohs(in.sin_port);
}

static void setup(void)
{
	bed_setup(true, &hc);
	fake_setup(&hc);
	dialer_ops = fake_ops;
	dialer_ops.associate = associate;
	options = (struct frontend_options){.to = {.ops = &dialer_ops}, .username = FRONTEND_USERNAME_OPTIONAL, .max_connections = 4,
					    .half_close_timeout = 3600 * RTUN_S, .max_associations = 2,
					    .association_timeout = TIMEOUT, .association_buffer = 65536};
	ck_assert_int_eq(rtun_module.create(&hc.ctx, &options), 0);
	front = hc.ctx.self;
	listener = loopback(SOCK_STREAM, "127.0.0.1", 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	udp = loopback(SOCK_DGRAM, "127.0.0.1", 0);
}

static void teardown(void)
{
	rtun_module.stop(&hc.ctx);
	bed_turns(4);
	ck_assert_uint_eq(front->associations + front->conn_count, 0);
	rtun_module.destroy(&hc.ctx);
	fake_teardown();
	bed_teardown();
	close(listener);
	close(udp);
}

static void connect_client(void)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	struct rtun_stream *s;
	getsockname(listener, (struct sockaddr *)&in, &len);
	fake.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fake.client, (struct sockaddr *)&in, len), 0);
	ck_assert_int_eq(rtun_stream_of_fd(&hc.ctx, accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), &s), 0);
	ck_assert_int_eq(fcntl(fake.client, F_SETFL, O_NONBLOCK), 0);
	accepted(front, &s, &(struct rtun_addr){0});
	rtun_close(&s);
	bed_turns(3);
}

static void hear(const void *want, size_t len)
{
	char got[256];
	ck_assert_int_eq(fd_recv(fake.client, got, sizeof(got)), (ssize_t)len);
	ck_assert_mem_eq(got, want, len);
}

static void hear_refusal(uint8_t code)
{
	hear(BYTES(5, 0, 5, code, 0, 1, 0, 0, 0, 0, 0, 0));
	ck_assert(fd_ended(fake.client));
	ck_assert_uint_eq(front->conn_count + front->associations, 0);
}

static void ask(uint16_t port)
{
	connect_client();
	fd_send(fake.client, BYTES(5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, (uint8_t)(port >> 8), (uint8_t)port));
}

static void associated_at(uint16_t port)
{
	char got[64];
	ask(port);
	ck_assert_uint_eq(fake.dials, 1);
	fake_answer(0, "home", NULL);
	ck_assert_int_eq(fd_recv(fake.client, got, sizeof(got)), 12);
	ck_assert_mem_eq(got, "\5\0\5\0\0\1\x7f\0\0\1", 10);
	server = (struct rtun_addr){.family = 4, .port = (uint16_t)((uint8_t)got[10] << 8 | (uint8_t)got[11]), .ip = {127, 0, 0, 1}};
	ck_assert_uint_ne(server.port, 0);
}

static void send_from(int fd, const void *p, size_t len)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(server.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	ck_assert_int_eq(sendto(fd, p, len, 0, (struct sockaddr *)&in, sizeof(in)), (ssize_t)len);
	bed_turns(4);
}

static void exit_hears(const void *want, size_t len)
{
	char got[256];
	ck_assert_int_eq(fd_recv(fake.target, got, sizeof(got)), (ssize_t)len);
	ck_assert_mem_eq(got, want, len);
}

/* ---- whose ---- */

START_TEST(there_and_back)
{
	char got[64];
	associated_at(0);
	ck_assert_uint_eq(front->associations, 1);
	ck_assert_str_eq(bed.event_type->name, "stream.open");
	ck_assert_ptr_nonnull(strstr(bed.event_json, "\"target\":null,\"protocol\":\"udp\""));
	send_from(udp, BYTES(0, 0, 0, TO, 'h', 'i'));
	exit_hears(BYTES(0, 9, TO, 'h', 'i'));
	fd_send(fake.target, BYTES(0, 8, TO, 'y', 0, 7, TO));
	bed_turns(4);
	ck_assert_int_eq(recv(udp, got, sizeof(got), 0), 11);
	ck_assert_mem_eq(got, "\0\0\0\1\xc0\0\2\7\0\065y", 11);
	ck_assert_int_eq(recv(udp, got, sizeof(got), 0), 10);
	send_from(udp, BYTES(0, 0, 0, 3, 3, 'a', '.', 'b', 0, 53, 'x'));
	exit_hears(BYTES(0, 8, 3, 3, 'a', '.', 'b', 0, 53, 'x'));
}
END_TEST

/* The port that was announced; where none was, that of the first datagram. */
START_TEST(one_port_counts)
{
	int other = loopback(SOCK_DGRAM, "127.0.0.1", 0);
	bool announced = _i;
	associated_at(announced ? port_of(udp) : 0);
	if (!announced) {
		send_from(udp, BYTES(0, 0, 0, TO));
		exit_hears(BYTES(0, 7, TO));
	}
	send_from(other, BYTES(0, 0, 0, TO));
	ck_assert(fd_silent(fake.target));
	ck_assert_uint_eq(front->dropped[FRONTEND_DROP_STRANGER], 1);
	send_from(udp, BYTES(0, 0, 0, TO));
	exit_hears(BYTES(0, 7, TO));
	close(other);
}
END_TEST

START_TEST(another_address_is_a_stranger)
{
	int other = loopback(SOCK_DGRAM, "127.0.0.2", _i ? port_of(udp) : 0);
	associated_at(_i ? port_of(udp) : 0);
	send_from(other, BYTES(0, 0, 0, TO));
	ck_assert(fd_silent(fake.target));
	ck_assert_uint_eq(front->dropped[FRONTEND_DROP_STRANGER], 1);
	send_from(udp, BYTES(0, 0, 0, TO));
	exit_hears(BYTES(0, 7, TO));
	close(other);
}
END_TEST

/* What is not understood does not say where the client is, either. */
static const struct {
	uint8_t bytes[16];
	uint32_t len, reason;
} not_understood[] = {
	{{0}, 0, FRONTEND_DROP_MALFORMED},
	{{0, 0, 0}, 3, FRONTEND_DROP_MALFORMED},
	{{0, 0, 0, 1, 1, 2, 3, 4, 0}, 9, FRONTEND_DROP_MALFORMED},
	{{0, 0, 0, 2, 1, 2, 3, 4, 0, 53}, 10, FRONTEND_DROP_MALFORMED},
	{{0, 0, 0, 3, 0, 0, 53}, 7, FRONTEND_DROP_MALFORMED},
	{{0, 0, 0, 3, 3, 'a', 0, 'b', 0, 53}, 10, FRONTEND_DROP_MALFORMED},
	{{0, 0, 1, TO}, 10, FRONTEND_DROP_FRAGMENT},
	{{0, 0, 0x80, TO}, 10, FRONTEND_DROP_FRAGMENT},
};

START_TEST(dropped_as_it_is)
{
	int other = loopback(SOCK_DGRAM, "127.0.0.1", 0);
	associated_at(0);
	send_from(other, not_understood[_i].bytes, not_understood[_i].len);
	ck_assert(fd_silent(fake.target));
	ck_assert_uint_eq(front->dropped[not_understood[_i].reason], 1);
	send_from(udp, BYTES(0, 0, 0, TO));
	exit_hears(BYTES(0, 7, TO));
	close(other);
}
END_TEST

START_TEST(literals_in_names)
{
	associated_at(0);
	send_from(udp, BYTES(0, 0, 0, 3, 7, '9', '.', '9', '.', '9', '.', '9', 0, 53, 'x'));
	exit_hears(BYTES(0, 8, 1, 9, 9, 9, 9, 0, 53, 'x'));
	send_from(udp, BYTES(0, 0, 0, 3, 3, ':', ':', '9', 0, 53, 'x'));
	exit_hears(BYTES(0, 20, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 53, 'x'));
	send_from(udp, BYTES(0, 0, 0, 3, 5, '1', '2', '7', '.', '1', 0, 53, 'x')); /* for the exit to judge */
	exit_hears(BYTES(0, 10, 3, 5, '1', '2', '7', '.', '1', 0, 53, 'x'));
}
END_TEST

/* From the exit: what is no datagram, one that comes before the client has sent any, and a name, which nobody is. */
START_TEST(answers_that_are_none)
{
	char got[64];
	associated_at(0);
	fd_send(fake.target, BYTES(0, 7, TO));
	ck_assert_uint_eq(front->dropped[FRONTEND_DROP_LOST], 1);
	send_from(udp, BYTES(0, 0, 0, TO));
	fd_send(fake.target, BYTES(0, 3, 9, 9, 9, 0, 5, 3, 1, 'a', 0, 53, 0, 8, TO, 'z'));
	ck_assert_uint_eq(front->dropped[FRONTEND_DROP_MALFORMED], 2);
	ck_assert_int_eq(recv(udp, got, sizeof(got), 0), 11);
	ck_assert_uint_eq(got[10], 'z');
}
END_TEST

/* ---- beginnings ---- */

START_TEST(refused_by_the_dialer)
{
	static const struct {
		uint32_t err;
		uint8_t reply;
	} errs[] = {{RTUN_ENOTSUP, 7}, {RTUN_ENOEXIT, 3}, {RTUN_EOVERLOAD, 1}, {RTUN_ESELECTOR, 1}, {30, 1}};
	ask(0);
	fake_answer(errs[_i].err, NULL, NULL);
	hear_refusal(errs[_i].reply);
	ck_assert_uint_eq(front->results[_i == 4 ? RTUN_EINTERNAL : errs[_i].err], 1);
	ck_assert_uint_eq(bed.events, 1);
	ck_assert_str_eq(bed.event_type->name, "stream.refused");
}
END_TEST

START_TEST(dialer_has_none)
{
	dialer_ops.associate = NULL;
	if (_i)
		dialer_ops.size = offsetof(struct rtun_dialer_ops, associate);
	ask(0);
	hear_refusal(7);
	ck_assert_uint_eq(front->results[RTUN_ENOTSUP], 1);
	ck_assert_uint_eq(fake.dials, 0);
}
END_TEST

START_TEST(not_for_this_entry)
{
	front->o.datagrams = FRONTEND_DATAGRAMS_REFUSE;
	ask(0);
	hear_refusal(7);
	ck_assert_str_eq(bed.event_json, "{\"event\":\"stream.refused\",\"instance\":\"bed\",\"fields\":{\"exit\":null,\"frontend\":\"bed\","
			 "\"result\":\"unsupported\",\"why\":\"datagrams are not for clients of this entry (datagrams: refuse, or a unix socket)\","
			 "\"target\":null,\"protocol\":\"udp\",\"user\":null,\"duration_ms\":0}}");
}
END_TEST

START_TEST(not_on_a_unix_socket)
{
	struct rtun_stream *s = fake_stream(&fake.client);
	accepted(front, &s, &(struct rtun_addr){0});
	fd_send(fake.client, BYTES(5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0));
	hear_refusal(7);
}
END_TEST

START_TEST(username_chooses_the_exit)
{
	connect_client();
	fd_send(fake.client, BYTES(5, 1, 2, 1, 4, 'h', 'o', 'm', 'e', 1, 'x', 5, 3, 0, 1, 0, 0, 0, 0, 0, 0));
	ck_assert_str_eq(fake.selector, "home");
	ck_assert_uint_eq(fake.dials, 1);
}
END_TEST

START_TEST(limit_of_associations)
{
	int first, second;
	associated_at(0);
	first = fake.client;
	ask(0); /* those that are being made count */
	second = fake.client;
	ck_assert_uint_eq(front->associations, 2);
	ask(0);
	hear(BYTES(5, 0, 5, 1, 0, 1, 0, 0, 0, 0, 0, 0));
	ck_assert(fd_ended(fake.client));
	close(second);
	bed_turns(4);
	ck_assert_uint_eq(front->associations, 1);
	ask(0);
	ck_assert_uint_eq(front->associations, 2);
	close(first);
}
END_TEST

START_TEST(leaves_while_it_is_made)
{
	ask(0);
	close(fake.client);
	fake.client = -1;
	bed_turns(4);
	ck_assert_uint_eq(fake.cancels, 1);
	ck_assert_uint_eq(front->results[FRONTEND_RESULT_ABANDONED], 1);
	ck_assert_str_eq(bed.event_type->name, "stream.refused");
	ck_assert_uint_eq(front->conn_count + front->associations, 0);
}
END_TEST

/* ---- ends ---- */

static bool port_is_free(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(server.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	bool yes = bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0;
	close(fd);
	return yes;
}

START_TEST(ends_with_its_connection)
{
	const struct frontend_stream_event *e = (const void *)bed.event;
	associated_at(0);
	send_from(udp, BYTES(0, 0, 0, TO, 'h', 'i'));
	exit_hears(BYTES(0, 9, TO, 'h', 'i'));
	fd_send(fake.client, "ignored", 7);
	ck_assert(!port_is_free());
	if (_i)
		shutdown(fake.client, SHUT_WR);
	else
		close(fake.client);
	bed_turns(4);
	ck_assert(port_is_free());
	ck_assert(fd_ended(fake.target));
	shutdown(fake.target, SHUT_WR);
	bed_turns(4);
	ck_assert_str_eq(bed.event_type->name, "stream.close");
	ck_assert_uint_eq(e->result, 0);
	ck_assert_uint_eq(e->bytes_out, 11);
	ck_assert_uint_eq(front->conn_count + front->associations, 0);
	if (!_i)
		fake.client = -1;
}
END_TEST

/* An exit that does not answer the end has ten seconds. */
START_TEST(farewell_has_a_limit)
{
	associated_at(0);
	shutdown(fake.client, SHUT_WR);
	bed_turns(4);
	ck_assert_uint_eq(front->associations, 1);
	loop_advance(bed.loop, 11 * RTUN_S);
	ck_assert_uint_eq(front->associations, 0);
}
END_TEST

START_TEST(ends_with_the_exit)
{
	associated_at(0);
	close(fake.target);
	fake.target = -1;
	bed_turns(4);
	ck_assert(port_is_free());
	ck_assert(fd_ended(fake.client));
	loop_advance(bed.loop, 3 * RTUN_S);
	ck_assert_uint_eq(front->associations, 0);
}
END_TEST

START_TEST(ends_when_idle)
{
	const struct frontend_stream_event *e = (const void *)bed.event;
	associated_at(0);
	loop_advance(bed.loop, TIMEOUT - RTUN_S);
	send_from(udp, BYTES(0, 0, 0, TO));
	loop_advance(bed.loop, TIMEOUT - RTUN_S);
	ck_assert_uint_eq(front->associations, 1);
	loop_advance(bed.loop, 2 * RTUN_S);
	ck_assert_uint_eq(front->associations, 0);
	ck_assert_str_eq(bed.event_type->name, "stream.close");
	ck_assert_uint_eq(e->result, RTUN_ETIMEOUT);
	ck_assert(fd_ended(fake.client));
}
END_TEST

START_TEST(stop_ends_it)
{
	associated_at(0);
	rtun_module.stop(&hc.ctx);
	bed_turns(4);
	ck_assert_str_eq(bed.event_type->name, "stream.close");
	ck_assert(port_is_free());
	ck_assert(fd_ended(fake.client) && fd_ended(fake.target));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("associate");
	TCase *t = tcase_create("associate");
	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, there_and_back);
	tcase_add_loop_test(t, one_port_counts, 0, 2);
	tcase_add_loop_test(t, another_address_is_a_stranger, 0, 2);
	tcase_add_loop_test(t, dropped_as_it_is, 0, ROWS(not_understood));
	tcase_add_test(t, literals_in_names);
	tcase_add_test(t, answers_that_are_none);
	tcase_add_loop_test(t, refused_by_the_dialer, 0, 5);
	tcase_add_loop_test(t, dialer_has_none, 0, 2);
	tcase_add_test(t, not_for_this_entry);
	tcase_add_test(t, not_on_a_unix_socket);
	tcase_add_test(t, username_chooses_the_exit);
	tcase_add_test(t, limit_of_associations);
	tcase_add_test(t, leaves_while_it_is_made);
	tcase_add_loop_test(t, ends_with_its_connection, 0, 2);
	tcase_add_test(t, farewell_has_a_limit);
	tcase_add_test(t, ends_with_the_exit);
	tcase_add_test(t, ends_when_idle);
	tcase_add_test(t, stop_ends_it);
	suite_add_tcase(s, t);
	return bed_run(s);
}
