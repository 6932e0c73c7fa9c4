/* SPDX-License-Identifier: BSD-2-Clause
 *
 * conn.c - one client: the head of its request, dial, relay. What it sends ahead stays in its stream until the relay
 * takes it.
 */
#include <stdlib.h>
#include <string.h>

#include "frontend_connect.h"
#include "parse.h"

/* From accept until the request is complete. */
#define HANDSHAKE (5 * RTUN_S)
/* For a last word to be read. */
#define GOODBYE (2 * RTUN_S)
/* How far a client may run ahead while it is watched for leaving. */
#define EARLY_MAX 4096U
/* Clients beyond max-connections who are told so; further ones are just closed. */
#define REFUSED_MAX 64U
#define EXIT_SIZE 64U

enum conn_state { HEAD, DIALLING, RELAYING };

struct connect_conn {
	struct connect_frontend *f; /* NULL: the instance is gone, only the end of the relay is awaited */
	struct connect_conn *next, **at;
	struct rtun_stream *s;
	struct rtun_timer *timer; /* until the request is complete */
	struct rtun_op *dial;
	struct rtun_relay *relay;
	struct connect_parser *parser; /* until the dial */
	uint32_t need; /* bytes without which there is no point in looking */
	enum conn_state state;
	bool surplus; /* beyond max-connections */
	char exit[EXIT_SIZE];
};

/* One answer for each end that a dial can come to. */
static const struct answer {
	uint32_t status;
	const char *error; /* RFC 9209 */
} answers[] = {
	[0] = {500, "proxy_internal_error"}, /* anything else */
	[RTUN_EREFUSED] = {502, "connection_refused"},
	[RTUN_EUNREACHABLE] = {502, "destination_ip_unroutable"},
	[RTUN_ETIMEOUT] = {504, "connection_timeout"},
	[RTUN_EDENIED] = {403, "destination_ip_prohibited"},
	[RTUN_EDNS] = {502, "dns_error"},
	[RTUN_ENOEXIT] = {503, "destination_unavailable"},
	[RTUN_EOVERLOAD] = {503, "connection_limit_reached"},
	[RTUN_ERESET] = {500, "connection_terminated"},
	[RTUN_ETRUNCATED] = {500, "connection_terminated"},
	[RTUN_EINTERNAL] = {500, "proxy_internal_error"},
	[RTUN_EADDRTYPE] = {400, "destination_ip_unroutable"},
	[RTUN_ESELECTOR] = {407, "http_request_denied"},
};

static const struct answer *answer_of(uint32_t err)
{
	return &answers[err < sizeof(answers) / sizeof(answers[0]) ? err : 0];
}

static void conn_free(struct connect_conn *c)
{
	if (c->f) {
		*c->at = c->next;
		if (c->next)
			c->next->at = c->at;
		c->f->conn_count--;
	}
	rtun_op_cancel(&c->dial);
	rtun_timer_destroy(&c->timer);
	rtun_finish(&c->s, GOODBYE);
	free(c->parser);
	free(c);
}

/* The end before there is a relay. `result`: an RTUN_E... that is known here, or one of our own. */
static void conn_end(struct connect_conn *c, uint32_t result)
{
	c->f->results[result]++;
	conn_free(c);
}

static void conn_refuse(struct connect_conn *c, struct answer a, const char *why, uint32_t result)
{
	char text[CONNECT_REPLY_MAX];
	rtun_put(c->s, text, connect_format_error(a.status, a.error, why, text));
	conn_end(c, result);
}

/* ---- Relay ---- */

static void publish(struct connect_conn *c, const struct rtun_event_type *type, const struct rtun_relay_result *r)
{
	struct connect_stream_event e = {.exit = c->exit[0] ? c->exit : NULL, .frontend = c->f->ctx->instance};
	if (r) {
		e.result = r->result[0] ? r->result[0] : r->result[1];
		e.bytes_out = r->bytes[0];
		e.bytes_in = r->bytes[1];
	}
	rtun_publish(c->f->ctx, type, &e);
}

static void relay_done(void *arg, const struct rtun_relay_result *r)
{
	struct connect_conn *c = arg;
	if (c->f)
		publish(c, &connect_stream_close, r);
	conn_free(c);
}

static void dialled(void *arg, const struct rtun_dial_result *r)
{
	struct connect_conn *c = arg;
	static const char ok[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	struct rtun_relay_req req = {.size = sizeof(req), .a = &c->s, .b = r->s, .half_close = c->f->o.half_close_timeout,
				     .done = relay_done, .arg = c};
	c->dial = NULL;
	if (r->err || !r->s || !*r->s) {
		uint32_t err = r->err ? r->err : RTUN_EINTERNAL;
		rtun_log(c->f->ctx, RTUN_DEBUG, "a connection was not made: %s", r->why);
		conn_refuse(c, *answer_of(err), r->why, err <= RTUN_ESELECTOR ? err : RTUN_EINTERNAL);
		return;
	}
	if (r->exit)
		strncpy(c->exit, r->exit, EXIT_SIZE - 1);
	if (rtun_put(c->s, ok, sizeof(ok) - 1) < 0) {
		conn_end(c, CONNECT_RESULT_ABANDONED);
		return;
	}
	if (rtun_relay_start(c->f->ctx, &req, &c->relay) < 0) {
		rtun_abort(c->s, RTUN_EOVERLOAD);
		conn_end(c, RTUN_EOVERLOAD);
		return;
	}
	c->state = RELAYING;
	c->f->results[0]++;
	publish(c, &connect_stream_open, NULL);
}

/* ---- Request ---- */

/* False: it is gone. */
static bool dial(struct connect_conn *c, const struct connect_request *r)
{
	const struct rtun_dialer_ops *ops = c->f->o.to.ops;
	bool selects = c->f->o.username != CONNECT_USERNAME_OFF && r->user[0];
	struct rtun_dial_req req = {.size = sizeof(req), .host = r->host[0] ? r->host : NULL, .addr = r->addr,
				    .selector = selects ? r->user : NULL, .exit = c->f->o.exit, .source = c->f->ctx->instance};
	int err;
	c->state = DIALLING;
	rtun_timer_destroy(&c->timer);
	free(c->parser);
	c->parser = NULL;
	err = ops->dial(c->f->o.to.obj, &req, dialled, c, &c->dial);
	if (err == -RTUN_ENOMEM)
		conn_refuse(c, *answer_of(RTUN_EOVERLOAD), "out of memory", RTUN_EOVERLOAD);
	else if (err < 0)
		conn_refuse(c, *answer_of(RTUN_EINTERNAL), "the dialer refused the request", RTUN_EINTERNAL);
	return err >= 0;
}

/* Does the request come with the username that this entry wants? */
static bool login_ok(const struct connect_conn *c, const struct connect_request *r)
{
	switch (c->f->o.username) {
	case CONNECT_USERNAME_OFF:
		return true;
	case CONNECT_USERNAME_REQUIRED:
		return !r->bad_login && r->user[0];
	default:
		return !r->bad_login;
	}
}

/* False: it is gone. */
static bool request(struct connect_conn *c, const struct connect_request *r, struct connect_verdict v)
{
	if (v.status) {
		conn_refuse(c, (struct answer){v.status, "http_request_error"}, v.why, CONNECT_RESULT_PROTOCOL);
		return false;
	}
	if (c->surplus) {
		conn_refuse(c, *answer_of(RTUN_EOVERLOAD), "too many clients are connected (max-connections)", RTUN_EOVERLOAD);
		return false;
	}
	if (!login_ok(c, r)) {
		conn_refuse(c, (struct answer){407, "http_request_denied"},
			    "this proxy wants a username that names the exit: http://EXIT:x@HOST:PORT", CONNECT_RESULT_LOGIN);
		return false;
	}
	return dial(c, r);
}

/* While dialling: has the client gone? Bytes it sends ahead are only looked at. */
static void watch_client(struct connect_conn *c)
{
	const uint8_t *p;
	while (c->need <= EARLY_MAX) {
		int64_t n = rtun_peek(c->s, c->need, &p);
		if (n == -RTUN_EAGAIN) {
			rtun_want(c->s, RTUN_READ);
			return;
		}
		if (n == 0 && c->need > 1)
			return; /* it has said all it will say, and waits for the answer */
		if (n <= 0) {
			conn_end(c, CONNECT_RESULT_ABANDONED);
			return;
		}
		c->need = (uint32_t)n + 1;
	}
}

static void conn_advance(struct connect_conn *c)
{
	struct connect_request r;
	struct connect_verdict v;
	const uint8_t *p;
	int64_t have;
	while ((have = rtun_peek(c->s, c->need, &p)) > 0 && !connect_parse(c->parser, p, (uint32_t)have, &r, &v))
		c->need = (uint32_t)have + 1;
	if (have == -RTUN_EAGAIN) {
		rtun_want(c->s, RTUN_READ);
		return;
	}
	if (have <= 0) {
		conn_end(c, CONNECT_RESULT_ABANDONED);
		return;
	}
	if (!v.status)
		rtun_consume(c->s, c->parser->pos);
	c->need = 1;
	if (request(c, &r, v))
		watch_client(c);
}

static void ready(void *arg, struct rtun_stream *s, uint32_t events)
{
	struct connect_conn *c = arg;
	(void)s, (void)events;
	if (c->state == DIALLING)
		watch_client(c);
	else
		conn_advance(c);
}

static void late(void *arg)
{
	conn_end(arg, RTUN_ETIMEOUT);
}

void connect_conn_open(struct connect_frontend *f, struct rtun_stream **s)
{
	struct connect_conn *c;
	if (f->conn_count >= f->o.max_connections + REFUSED_MAX)
		goto overload;
	c = calloc(1, sizeof(*c));
	if (!c)
		goto overload;
	c->parser = calloc(1, sizeof(*c->parser));
	if (!c->parser || rtun_timer_create(f->ctx, late, c, &c->timer) < 0)
		goto no_memory;
	c->f = f;
	c->next = f->conns;
	c->at = &f->conns;
	if (c->next)
		c->next->at = &c->next;
	f->conns = c;
	c->surplus = f->conn_count++ >= f->o.max_connections;
	c->s = *s;
	*s = NULL;
	c->need = 1;
	rtun_timer_start(c->timer, HANDSHAKE);
	rtun_on_ready(c->s, ready, c);
	rtun_want(c->s, RTUN_READ);
	return;
no_memory:
	free(c->parser);
	free(c);
overload:
	f->results[RTUN_EOVERLOAD]++;
}

void connect_conn_close_all(struct connect_frontend *f)
{
	struct connect_conn *c, *next;
	for (c = f->conns; c; c = next) {
		next = c->next;
		if (c->relay) {
			rtun_relay_abort(c->relay, RTUN_ERESET);
			c->f = NULL; /* relay_done() frees it */
		} else {
			conn_free(c);
		}
	}
	f->conns = NULL;
	f->conn_count = 0;
}
