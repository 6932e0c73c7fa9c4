/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend_conn.c - one client: its messages up to the request, dial, relay. What it sends ahead stays in its stream
 * until the relay takes it.
 */
#include <stdlib.h>
#include <string.h>

#include "frontend.h"

/* From accept until the request is complete. */
#define HANDSHAKE (5 * RTUN_S)
/* For a last word to be read. */
#define GOODBYE (2 * RTUN_S)
/* How far a client may run ahead while it is watched for leaving. */
#define EARLY_MAX 4096U
/* Clients beyond max-connections who are told so; further ones are just closed. */
#define REFUSED_MAX 64U
#define EXIT_SIZE 33U

struct frontend_conn {
	struct frontend *f; /* NULL: the instance is gone, only the end of the relay is awaited */
	struct frontend_conn *next, **at;
	struct rtun_stream *s;
	struct rtun_timer *timer; /* until the request is complete */
	void *talk;               /* what the protocol keeps; NULL: the request is complete */
	struct rtun_op *dial;
	struct rtun_relay *relay;
	uint32_t need; /* bytes without which there is no point in looking */
	bool surplus;  /* beyond max-connections */
	bool reached;  /* the target has answered: stream.open was published */
	char exit[EXIT_SIZE];
};

static void conn_free(struct frontend_conn *c)
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
	free(c->talk);
	free(c);
}

/* The end before there is a relay. `result`: an RTUN_E... that is known here, or one of our own. */
static void conn_end(struct frontend_conn *c, uint32_t result)
{
	c->f->results[result]++;
	conn_free(c);
}

static void conn_refuse(struct frontend_conn *c, uint32_t err, const char *why)
{
	uint8_t answer[FRONTEND_ANSWER_MAX];
	rtun_put(c->s, answer, c->f->protocol->failure(err, why, answer));
	conn_end(c, err);
}

/* ---- Relay ---- */

static void publish(struct frontend_conn *c, const struct rtun_event_type *type, const struct rtun_relay_result *r)
{
	struct frontend_stream_event e = {.exit = c->exit[0] ? c->exit : NULL, .frontend = c->f->ctx->instance};
	if (r) {
		e.result = r->result[0] ? r->result[0] : r->result[1];
		e.bytes_out = r->bytes[0];
		e.bytes_in = r->bytes[1];
	}
	rtun_publish(c->f->ctx, type, &e);
}

static void relay_done(void *arg, const struct rtun_relay_result *r)
{
	struct frontend_conn *c = arg;
	if (c->f && c->reached)
		publish(c, &frontend_stream_close, r);
	else if (c->dial)
		c->f->results[FRONTEND_RESULT_ABANDONED]++;
	conn_free(c);
}

/* Say success and begin the relay. False: it is gone. */
static bool conn_relay(struct frontend_conn *c, const struct rtun_dial_result *r)
{
	uint8_t answer[FRONTEND_ANSWER_MAX];
	struct rtun_relay_req req = {.size = sizeof(req), .a = &c->s, .b = r->s, .half_close = c->f->o.half_close_timeout,
				     .done = relay_done, .arg = c};
	if (r->exit)
		strncpy(c->exit, r->exit, EXIT_SIZE - 1);
	if (rtun_put(c->s, answer, c->f->protocol->success(&r->bound, answer)) < 0) {
		conn_end(c, FRONTEND_RESULT_ABANDONED);
		return false;
	}
	if (rtun_relay_start(c->f->ctx, &req, &c->relay) < 0) {
		rtun_abort(c->s, RTUN_EOVERLOAD);
		conn_end(c, RTUN_EOVERLOAD);
		return false;
	}
	return true;
}

static void conn_reached(struct frontend_conn *c)
{
	c->reached = true;
	c->f->results[0]++;
	publish(c, &frontend_stream_open, NULL);
}

/* Where success was said already, the stream fails, too, and the relay with it. */
static void conn_failed(struct frontend_conn *c, const struct rtun_dial_result *r)
{
	uint32_t err = r->err && r->err <= RTUN_ESELECTOR ? r->err : RTUN_EINTERNAL;
	rtun_log(c->f->ctx, RTUN_DEBUG, "a connection was not made: %s", r->why);
	if (c->relay)
		c->f->results[err]++;
	else
		conn_refuse(c, err, r->why);
}

static void dialled(void *arg, const struct rtun_dial_result *r)
{
	struct frontend_conn *c = arg;
	c->dial = NULL;
	if (r->err || !r->s || !*r->s)
		conn_failed(c, r);
	else if (conn_relay(c, r))
		conn_reached(c);
}

/* First with the stream, then with the target's answer; or once with an error. */
static void dialled_early(void *arg, const struct rtun_dial_result *r)
{
	struct frontend_conn *c = arg;
	if (!c->relay && !r->err && r->s && *r->s) {
		conn_relay(c, r);
		return;
	}
	c->dial = NULL;
	if (r->err || !c->relay)
		conn_failed(c, r);
	else
		conn_reached(c);
}

/* ---- Request ---- */

/* False: it is gone. */
static bool dial(struct frontend_conn *c, const struct frontend_request *r)
{
	const struct rtun_dialer_ops *ops = c->f->o.to.ops;
	struct rtun_dial_req req = {.size = sizeof(req), .host = r->host[0] ? r->host : NULL, .addr = r->addr,
				    .selector = r->user[0] ? r->user : NULL, .exit = c->f->o.exit,
				    .source = c->f->ctx->instance};
	int err;
	rtun_timer_destroy(&c->timer);
	free(c->talk);
	c->talk = NULL;
	err = c->f->o.optimistic && RTUN_HAS(struct rtun_dialer_ops, ops, dial_early)
		? ops->dial_early(c->f->o.to.obj, &req, dialled_early, c, &c->dial) : -RTUN_ENOTSUP;
	if (err == -RTUN_ENOTSUP)
		err = ops->dial(c->f->o.to.obj, &req, dialled, c, &c->dial);
	if (err == -RTUN_ENOMEM)
		conn_refuse(c, RTUN_EOVERLOAD, "out of memory");
	else if (err < 0)
		conn_refuse(c, RTUN_EINTERNAL, "the dialer refused the request");
	return err >= 0;
}

/* False: it is gone. */
static bool request(struct frontend_conn *c, const struct frontend_request *r)
{
	if (c->surplus) {
		conn_refuse(c, RTUN_EOVERLOAD, "too many clients are connected (max-connections)");
		return false;
	}
	if (r->bad_login) {
		conn_refuse(c, FRONTEND_RESULT_LOGIN, c->f->protocol->login_wanted);
		return false;
	}
	return dial(c, r);
}

/* While dialling: has the client gone? Bytes it sends ahead are only looked at. */
static void watch_client(struct frontend_conn *c)
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
			conn_end(c, FRONTEND_RESULT_ABANDONED);
			return;
		}
		c->need = (uint32_t)n + 1;
	}
}

/* One message, as far as it is there. False: it is gone. */
static bool conn_read(struct frontend_conn *c, const uint8_t *p, uint32_t len)
{
	struct frontend_message m = {.f = c->f, .talk = c->talk, .p = p, .len = len};
	enum frontend_step step = c->f->protocol->read(&m);
	if (step == FRONTEND_MORE) {
		c->need = m.size;
		return true;
	}
	if (m.answer_len)
		rtun_put(c->s, m.answer, m.answer_len);
	if (step == FRONTEND_REFUSED) {
		conn_end(c, m.result);
		return false;
	}
	rtun_consume(c->s, m.size);
	c->need = 1;
	return step == FRONTEND_NEXT || request(c, &m.request);
}

static void conn_advance(struct frontend_conn *c)
{
	const uint8_t *p;
	while (c->talk) {
		int64_t have = rtun_peek(c->s, c->need, &p);
		if (have == -RTUN_EAGAIN) {
			rtun_want(c->s, RTUN_READ);
			return;
		}
		if (have <= 0) {
			conn_end(c, FRONTEND_RESULT_ABANDONED);
			return;
		}
		if (!conn_read(c, p, (uint32_t)have))
			return;
	}
	watch_client(c);
}

static void ready(void *arg, struct rtun_stream *s, uint32_t events)
{
	(void)s, (void)events;
	conn_advance(arg);
}

static void late(void *arg)
{
	conn_end(arg, RTUN_ETIMEOUT);
}

/* ---- All of them ---- */

void frontend_conn_open(struct frontend *f, struct rtun_stream **s)
{
	struct frontend_conn *c;
	if (f->conn_count >= f->o.max_connections + REFUSED_MAX)
		goto overload;
	c = calloc(1, sizeof(*c));
	if (!c)
		goto overload;
	c->talk = calloc(1, f->protocol->talk_size);
	if (!c->talk || rtun_timer_create(f->ctx, late, c, &c->timer) < 0)
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
	free(c->talk);
	free(c);
overload:
	f->results[RTUN_EOVERLOAD]++;
}

void frontend_conn_close_all(struct frontend *f)
{
	struct frontend_conn *c, *next;
	for (c = f->conns; c; c = next) {
		next = c->next;
		if (c->relay) {
			rtun_op_cancel(&c->dial);
			rtun_relay_abort(c->relay, RTUN_ERESET);
			c->f = NULL; /* relay_done() frees it */
		} else {
			conn_free(c);
		}
	}
	f->conns = NULL;
	f->conn_count = 0;
}
