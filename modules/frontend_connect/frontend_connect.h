/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend_connect.h - what the files of this module share.
 *
 *   parse.c             the bytes of the protocol
 *   conn.c              one client, from accept to the end of its relay
 *   frontend_connect.c  options, listeners, events, metrics
 */
#ifndef FRONTEND_CONNECT_H
#define FRONTEND_CONNECT_H

#include <stdbool.h>

#include <restunnel/module.h>
#include <restunnel/svc/dialer.h>

#define CONNECT_USERNAME_OFF 0
#define CONNECT_USERNAME_OPTIONAL 1
#define CONNECT_USERNAME_REQUIRED 2

/* How a connection ended, for the metric: an RTUN_E... (0 = ok), or: */
#define CONNECT_RESULT_PROTOCOL 13  /* not a CONNECT request, or not understood */
#define CONNECT_RESULT_LOGIN 14     /* no username, or a malformed one */
#define CONNECT_RESULT_ABANDONED 15 /* the client left before the answer */
#define CONNECT_RESULTS 16

struct connect_options {
	struct rtun_list listen;
	struct rtun_ref to;
	const char *exit;
	uint32_t username;
	uint32_t reserved;
	uint64_t half_close_timeout;
	uint64_t max_connections;
};

struct connect_conn;

struct connect_frontend {
	struct rtun_ctx *ctx;
	struct connect_options o;
	struct rtun_listener **listeners;
	uint32_t listener_count;
	uint32_t conn_count;
	struct connect_conn *conns;
	uint64_t results[CONNECT_RESULTS];
};

/* Takes the stream, or leaves it to be closed. */
void connect_conn_open(struct connect_frontend *f, struct rtun_stream **s);
void connect_conn_close_all(struct connect_frontend *f);

/* Published when a target is connected, and when its relay has ended. */
struct connect_stream_event {
	const char *exit;
	const char *frontend;
	uint32_t result;
	uint32_t reserved;
	uint64_t bytes_in, bytes_out;
};
extern const struct rtun_event_type connect_stream_open, connect_stream_close;

#endif
