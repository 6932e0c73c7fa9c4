/* SPDX-License-Identifier: BSD-2-Clause
 *
 * conn.c - one client: greeting, perhaps a login, request, dial, relay. What it sends ahead stays in its stream until
 * the relay takes it.
 */
#include <stdlib.h>
#include <string.h>

#include "frontend_socks5.h"
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

enum state { GREETING, LOGIN, REQUEST, DIALLING, RELAYING };

struct socks5_conn {
	struct socks5_frontend *f; /* NULL: the instance is gone, only the end of the relay is awaited */
	struct socks5_conn *next, **at;
	struct rtun_stream *s;
	struct rtun_timer *timer; /* until the request is complete */
	struct rtun_op *dial;
	struct rtun_relay *relay;
	char *selector; /* until the dial */
	uint32_t need;  /* bytes without which there is no point in looking */
	enum state state;
	bool surplus; /* beyond max-connections */
	char exit[EXIT_SIZE];
};

/* One reply for each end that a dial can come to. */
static const uint8_t replies[] = {
	[RTUN_EREFUSED] = SOCKS5_REFUSED,
	[RTUN_EUNREACHABLE] = SOCKS5_HOST_UNREACHABLE,
	[RTUN_ETIMEOUT] = SOCKS5_TIMEOUT,
	[RTUN_EDENIED] = SOCKS5_DENIED,
	[RTUN_EDNS] = SOCKS5_HOST_UNREACHABLE,
	[RTUN_ENOEXIT] = SOCKS5_NET_UNREACHABLE,
	[RTUN_EOVERLOAD] = SOCKS5_FAILURE,
	[RTUN_ERESET] = SOCKS5_FAILURE,
	[RTUN_ETRUNCATED] = SOCKS5_FAILURE,
	[RTUN_EINTERNAL] = SOCKS5_FAILURE,
	[RTUN_EADDRTYPE] = SOCKS5_NO_ADDRTYPE,
	[RTUN_ESELECTOR] = SOCKS5_FAILURE, /* the login has been answered already */
};

static uint8_t reply_of(uint32_t err)
{
	return err < sizeof(replies) && replies[err] ? replies[err] : SOCKS5_FAILURE;
}

static void conn_free(struct socks5_conn *c)
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
	free(c->selector);
	free(c);
}

/* The end before there is a relay. `result`: an RTUN_E... that is known here, or one of our own. */
static void conn_end(struct socks5_conn *c, uint32_t result)
{
	c->f->results[result]++;
	conn_free(c);
}

static void conn_refuse(struct socks5_conn *c, uint8_t code, uint32_t result)
{
	uint8_t reply[SOCKS5_REPLY_MAX];
	rtun_put(c->s, reply, socks5_format_reply(code, NULL, reply));
	conn_end(c, result);
}

/* ---- Relay ---- */

static void publish(struct socks5_conn *c, const struct rtun_event_type *type, const struct rtun_relay_result *r)
{
	struct socks5_stream_event e = {.exit = c->exit[0] ? c->exit : NULL, .frontend = c->f->ctx->instance};
	if (r) {
		e.result = r->result[0] ? r->result[0] : r->result[1];
		e.bytes_out = r->bytes[0];
		e.bytes_in = r->bytes[1];
	}
	rtun_publish(c->f->ctx, type, &e);
}

static void relay_done(void *arg, const struct rtun_relay_result *r)
{
	struct socks5_conn *c = arg;
	if (c->f)
		publish(c, &socks5_stream_close, r);
	conn_free(c);
}

static void dialled(void *arg, const struct rtun_dial_result *r)
{
	struct socks5_conn *c = arg;
	uint8_t reply[SOCKS5_REPLY_MAX];
	struct rtun_relay_req req = {.size = sizeof(req), .a = &c->s, .b = r->s, .half_close = c->f->o.half_close_timeout,
				     .done = relay_done, .arg = c};
	c->dial = NULL;
	if (r->err || !r->s || !*r->s) {
		uint32_t err = r->err ? r->err : RTUN_EINTERNAL;
		rtun_log(c->f->ctx, RTUN_DEBUG, "a connection was not made: %s", r->why);
		conn_refuse(c, reply_of(err), err <= RTUN_ESELECTOR ? err : RTUN_EINTERNAL);
		return;
	}
	if (r->exit)
		strncpy(c->exit, r->exit, EXIT_SIZE - 1);
	if (rtun_put(c->s, reply, socks5_format_reply(SOCKS5_OK, &r->bound, reply)) < 0) {
		conn_end(c, SOCKS5_RESULT_ABANDONED);
		return;
	}
	if (rtun_relay_start(c->f->ctx, &req, &c->relay) < 0) {
		rtun_abort(c->s, RTUN_EOVERLOAD);
		conn_end(c, RTUN_EOVERLOAD);
		return;
	}
	c->state = RELAYING;
	c->f->results[0]++;
	publish(c, &socks5_stream_open, NULL);
}

/* ---- Handshake: each step answers a whole message, and says how long it was ---- */

static int32_t greeting(struct socks5_conn *c, const uint8_t *p, uint32_t len)
{
	uint32_t offered, wish = c->f->o.username;
	uint8_t answer[2] = {5, SOCKS5_NO_METHOD};
	int32_t n = socks5_parse_greeting(p, len, &offered);
	if (n < 0) {
		conn_end(c, SOCKS5_RESULT_PROTOCOL);
		return n;
	}
	if ((uint32_t)n > len)
		return n;
	if ((offered & SOCKS5_METHOD_NONE) && wish != SOCKS5_USERNAME_REQUIRED)
		answer[1] = 0;
	if ((offered & SOCKS5_METHOD_LOGIN) && (wish != SOCKS5_USERNAME_OFF || answer[1] != 0))
		answer[1] = 2;
	rtun_put(c->s, answer, sizeof(answer));
	if (answer[1] == SOCKS5_NO_METHOD) {
		conn_end(c, offered ? SOCKS5_RESULT_LOGIN : SOCKS5_RESULT_PROTOCOL);
		return -SOCKS5_NO_METHOD;
	}
	c->state = answer[1] == 2 ? LOGIN : REQUEST;
	return n;
}

static bool take_user(struct socks5_conn *c, const char *user)
{
	if (c->f->o.username == SOCKS5_USERNAME_OFF)
		return true;
	if (!user[0])
		return c->f->o.username == SOCKS5_USERNAME_OPTIONAL;
	c->selector = strdup(user);
	return c->selector != NULL;
}

static int32_t login(struct socks5_conn *c, const uint8_t *p, uint32_t len)
{
	char user[SOCKS5_NAME_SIZE];
	uint8_t answer[2] = {1, 0};
	int32_t n = socks5_parse_login(p, len, user);
	if (n >= 0 && (uint32_t)n > len)
		return n;
	if (n >= 0 && !take_user(c, user))
		n = -SOCKS5_FAILURE;
	answer[1] = n < 0;
	rtun_put(c->s, answer, sizeof(answer));
	if (n < 0)
		conn_end(c, SOCKS5_RESULT_LOGIN);
	else
		c->state = REQUEST;
	return n;
}

/* False: it is gone. */
static bool dial(struct socks5_conn *c, const struct socks5_request *r)
{
	const struct rtun_dialer_ops *ops = c->f->o.to.ops;
	struct rtun_dial_req req = {.size = sizeof(req), .host = r->host[0] ? r->host : NULL, .addr = r->addr,
				    .selector = c->selector, .exit = c->f->o.exit, .source = c->f->ctx->instance};
	int err;
	c->state = DIALLING;
	rtun_timer_destroy(&c->timer);
	err = ops->dial(c->f->o.to.obj, &req, dialled, c, &c->dial);
	free(c->selector);
	c->selector = NULL;
	if (err < 0)
		conn_refuse(c, SOCKS5_FAILURE, err == -RTUN_ENOMEM ? RTUN_EOVERLOAD : RTUN_EINTERNAL);
	return err >= 0;
}

/* Dials after the message was taken: see conn_advance(). */
static int32_t request(struct socks5_conn *c, const uint8_t *p, uint32_t len, struct socks5_request *ret)
{
	int32_t n = socks5_parse_request(p, len, ret);
	if (n < 0)
		conn_refuse(c, (uint8_t)-n, n == -SOCKS5_DENIED ? RTUN_EDENIED : SOCKS5_RESULT_PROTOCOL);
	else if ((uint32_t)n <= len && c->surplus) {
		conn_refuse(c, SOCKS5_FAILURE, RTUN_EOVERLOAD);
		return -SOCKS5_FAILURE;
	}
	return n;
}

/* While dialling: has the client gone? Bytes it sends ahead are only looked at. */
static void watch_client(struct socks5_conn *c)
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
			conn_end(c, SOCKS5_RESULT_ABANDONED);
			return;
		}
		c->need = (uint32_t)n + 1;
	}
}

static int32_t step(struct socks5_conn *c, const uint8_t *p, uint32_t len, struct socks5_request *r)
{
	switch (c->state) {
	case GREETING:
		return greeting(c, p, len);
	case LOGIN:
		return login(c, p, len);
	default:
		return request(c, p, len, r);
	}
}

static void conn_advance(struct socks5_conn *c)
{
	struct socks5_request r;
	const uint8_t *p;
	while (c->state <= REQUEST) {
		enum state before = c->state;
		int64_t have = rtun_peek(c->s, c->need, &p);
		if (have == -RTUN_EAGAIN) {
			rtun_want(c->s, RTUN_READ);
			return;
		}
		if (have <= 0) {
			conn_end(c, SOCKS5_RESULT_ABANDONED);
			return;
		}
		int32_t n = step(c, p, (uint32_t)have, &r);
		if (n < 0)
			return; /* it is gone */
		if (n > have) {
			c->need = (uint32_t)n;
			continue;
		}
		rtun_consume(c->s, (uint64_t)n);
		c->need = 1;
		if (before == REQUEST && !dial(c, &r))
			return;
	}
	watch_client(c);
}

static void ready(void *arg, struct rtun_stream *s, uint32_t events)
{
	struct socks5_conn *c = arg;
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

void socks5_conn_open(struct socks5_frontend *f, struct rtun_stream **s)
{
	struct socks5_conn *c;
	if (f->conn_count >= f->o.max_connections + REFUSED_MAX)
		goto overload;
	c = calloc(1, sizeof(*c));
	if (!c)
		goto overload;
	if (rtun_timer_create(f->ctx, late, c, &c->timer) < 0)
		goto no_timer;
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
no_timer:
	free(c);
overload:
	f->results[RTUN_EOVERLOAD]++;
}

void socks5_conn_close_all(struct socks5_frontend *f)
{
	struct socks5_conn *c, *next;
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
