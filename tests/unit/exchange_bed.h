/* SPDX-License-Identifier: BSD-2-Clause
 *
 * exchange_bed.h - the HTTP proxy between a client and servers of a fake dialer: what they say and hear, as text.
 */
#ifndef EXCHANGE_BED_H
#define EXCHANGE_BED_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>

#include "../../modules/frontend_connect/frontend_connect.c"

#include "frontend_bed.h"

#include "buf.h"

#define BIG (4U << 20)

static char heard[BIG + 65536];

/* All that has come, as text; whether it has ended is in `ended`: 0 no, 1 in order, 2 aborted. */
static int ended;
static inline size_t listen_to(int fd)
{
	size_t len = 0;
	ended = 0;
	for (int idle = 0; idle < 4;) {
		ssize_t n = recv(fd, heard + len, sizeof(heard) - 1 - len, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN)) {
			ended = n == 0 ? 1 : 2;
			break;
		}
		idle = n > 0 ? 0 : idle + 1;
		len += n > 0 ? (size_t)n : 0;
		bed_turns(2);
	}
	heard[len] = '\0';
	return len;
}

static inline void must_hear(int fd, const char *want)
{
	listen_to(fd);
	ck_assert_msg(strcmp(heard, want) == 0, "wanted '%s', heard '%s'", want, heard);
}

static inline void client_says(const char *text)
{
	fd_send(fake.client, text, strlen(text));
}

static inline void server_says(const char *text)
{
	fd_send(fake.target, text, strlen(text));
}

static inline void say_bytewise(int fd, const char *text)
{
	for (; *text; text++) {
		(void)!send(fd, text, 1, MSG_NOSIGNAL); /* it may have been closed before the end */
		bed_turns(3);
	}
}

/* The connection to the server that was asked for is there. */
static inline void connected(void)
{
	if (fake.target >= 0)
		close(fake.target);
	fake.target = -1;
	bed_turns(3);
	fake_answer(0, "home", NULL);
}

static inline void client_hears_status(uint32_t status)
{
	char head[32];
	snprintf(head, sizeof(head), "HTTP/1.1 %u ", status);
	listen_to(fake.client);
	ck_assert_msg(strncmp(heard, head, strlen(head)) == 0, "wanted %s, heard '%s'", head, heard);
}

static inline void refused_afterwards(void)
{
	ck_assert_int_eq(ended, 1);
	ck_assert_ptr_nonnull(strstr(heard, "\r\nConnection: close\r\n"));
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(*loop_held(bed.loop), 0);
}

/* A refusal, and the end. */
static inline void refused(uint32_t status)
{
	client_hears_status(status);
	refused_afterwards();
}

#define GET "GET http://a.bc/x HTTP/1.1\r\nHost: a.bc\r\n\r\n"
#define GOT "GET /x HTTP/1.1\r\nHost: a.bc\r\n\r\n"
#define POST "POST http://a.bc/x HTTP/1.1\r\nHost: a.bc\r\nContent-Length: 3\r\n\r\nabc"
#define POSTED "POST /x HTTP/1.1\r\nHost: a.bc\r\nContent-Length: 3\r\n\r\nabc"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

/* An exchange as far as the answer. */
static inline void ask(const char *request, const char *expected)
{
	client_says(request);
	connected();
	must_hear(fake.target, expected);
}

static inline void set_options(void)
{
	options.keep_alive_timeout = 60 * RTUN_S;
	use(FRONTEND_USERNAME_OPTIONAL);
}

static inline void begin(void)
{
	set_options();
	connect_client();
}

static inline int tcp_pair(int *ret_far)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), near;
	ck_assert(bind(l, (struct sockaddr *)&a, len) == 0 && listen(l, 1) == 0 && getsockname(l, (struct sockaddr *)&a, &len) == 0);
	*ret_far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(*ret_far, (struct sockaddr *)&a, len), 0);
	near = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(near, 0);
	ck_assert_int_eq(fcntl(*ret_far, F_SETFL, O_NONBLOCK), 0);
	close(l);
	return near;
}

/* Over TCP, where an abort can be told from an end. */
static inline void connect_tcp_client(void)
{
	struct rtun_stream *s;
	set_options();
	ck_assert_int_eq(rtun_stream_of_fd(&hc.ctx, tcp_pair(&fake.client), &s), 0);
	accepted(front, &s, &(struct rtun_addr){0});
	bed_turns(3);
}

#endif
