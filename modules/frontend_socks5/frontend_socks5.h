/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend_socks5.h - what the files of this module share.
 *
 *   parse.c            the bytes of the protocol
 *   conn.c             one client, from accept to the end of its relay
 *   frontend_socks5.c  options, listeners, events, metrics
 */
#ifndef FRONTEND_SOCKS5_H
#define FRONTEND_SOCKS5_H

#include <stdbool.h>

#include <restunnel/module.h>
#include <restunnel/svc/dialer.h>

#define SOCKS5_USERNAME_OFF 0
#define SOCKS5_USERNAME_OPTIONAL 1
#define SOCKS5_USERNAME_REQUIRED 2

/* How a connection ended, for the metric: an RTUN_E... (0 = ok), or: */
#define SOCKS5_RESULT_PROTOCOL 13  /* not SOCKS5, or not understood */
#define SOCKS5_RESULT_LOGIN 14     /* no username, or a malformed one */
#define SOCKS5_RESULT_ABANDONED 15 /* the client left before the answer */
#define SOCKS5_RESULTS 16

struct socks5_options {
	struct rtun_list listen;
	struct rtun_ref to;
	const char *exit;
	uint32_t username;
	uint32_t reserved;
	uint64_t half_close_timeout;
	uint64_t max_connections;
};

struct socks5_conn;

struct socks5_frontend {
	struct rtun_ctx *ctx;
	struct socks5_options o;
	struct rtun_listener **listeners;
	uint32_t listener_count;
	uint32_t conn_count;
	struct socks5_conn *conns;
	uint64_t results[SOCKS5_RESULTS];
};

/* Takes the stream, or leaves it to be closed. */
void socks5_conn_open(struct socks5_frontend *f, struct rtun_stream **s);
void socks5_conn_close_all(struct socks5_frontend *f);

/* Published when a target is connected, and when its relay has ended. */
struct socks5_stream_event {
	const char *exit;
	const char *frontend;
	uint32_t result;
	uint32_t reserved;
	uint64_t bytes_in, bytes_out;
};
extern const struct rtun_event_type socks5_stream_open, socks5_stream_close;

#endif
