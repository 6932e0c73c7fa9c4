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

void frontend_conn_free(struct frontend_conn *c)
{
	frontend_verify_forget(c);
	if (c->serving)
		c->f->protocol->release(c);
	else
		free(c->talk);
	if (c->f) {
		frontend_tell_rest(c);
		*c->at = c->next;
		if (c->next)
			c->next->at = c->at;
		c->f->conn_count--;
		c->f->associations -= c->associated;
	}
	rtun_op_cancel(&c->dial);
	rtun_timer_destroy(&c->timer);
	rtun_finish(&c->s, GOODBYE);
	free(c->asked.text);
	free(c);
}

/* The end before there is a relay. `result`: an RTUN_E... that is known here, or one of our own. */
void frontend_conn_end(struct frontend_conn *c, uint32_t result)
{
	c->f->results[result]++;
	frontend_tell_refused(c, result, NULL);
	frontend_conn_free(c);
}

void frontend_conn_refuse(struct frontend_conn *c, uint32_t err, const char *why)
{
	uint8_t answer[FRONTEND_ANSWER_MAX];
	rtun_put(c->s, answer, c->f->protocol->failure(c, err, why, answer));
	frontend_tell_refused(c, err, why);
	frontend_conn_end(c, err);
}

/* ---- Relay ---- */

/* Where the dial is still under way, success was said early. */
static void relay_done(void *arg, const struct rtun_relay_result *r)
{
	struct frontend_conn *c = arg;
	if (c->f && c->asked.state == FRONTEND_OPEN)
		frontend_tell_close(c, r);
	if (c->f && c->dial)
		frontend_conn_end(c, FRONTEND_RESULT_ABANDONED);
	else
		frontend_conn_free(c);
}

bool frontend_conn_relay(struct frontend_conn *c, struct rtun_stream **target, uint64_t half_close, uint64_t idle)
{
	struct rtun_relay_req req = {.size = sizeof(req), .a = &c->s, .b = target, .half_close = half_close, .idle = idle,
				     .done = relay_done, .arg = c};
	c->served = NULL;
	c->serving = false;
	if (rtun_relay_start(c->f->ctx, &req, &c->relay) >= 0)
		return true;
	rtun_abort(c->s, RTUN_EOVERLOAD);
	frontend_conn_end(c, RTUN_EOVERLOAD);
	return false;
}

/* ---- Dial ---- */

static uint32_t dial_error(struct frontend_conn *c, const struct rtun_dial_result *r)
{
	rtun_log(c->f->ctx, RTUN_DEBUG, "a connection was not made: %s", r->why);
	return (r->err && r->err <= RTUN_ESELECTOR) || r->err == RTUN_ENOTSUP ? r->err : RTUN_EINTERNAL;
}

static void note_exit(struct frontend_conn *c, const struct rtun_dial_result *r)
{
	c->exit[0] = '\0';
	if (r->exit)
		strncpy(c->exit, r->exit, FRONTEND_EXIT_SIZE - 1);
}

uint32_t frontend_dialled(struct frontend_conn *c, const struct rtun_dial_result *r)
{
	c->dial = NULL;
	note_exit(c, r);
	return r->err || !r->s || !*r->s ? dial_error(c, r) : 0;
}

/* Say success and begin the relay. False: it is gone. */
static bool conn_relay(struct frontend_conn *c, const struct rtun_dial_result *r)
{
	uint8_t answer[FRONTEND_ANSWER_MAX];
	if (rtun_put(c->s, answer, c->f->protocol->success(c, &r->bound, answer)) >= 0)
		return frontend_conn_relay(c, r->s, c->f->o.half_close_timeout, 0);
	frontend_conn_end(c, FRONTEND_RESULT_ABANDONED);
	return false;
}

void frontend_conn_reached(struct frontend_conn *c)
{
	c->f->results[0]++;
	frontend_tell_open(c);
}

static void dialled(void *arg, const struct rtun_dial_result *r)
{
	struct frontend_conn *c = arg;
	uint32_t err = frontend_dialled(c, r);
	if (err)
		frontend_conn_refuse(c, err, r->why);
	else if (conn_relay(c, r))
		frontend_conn_reached(c);
}

/* First with the stream, then with the target's answer; or once with an error. Where success was said already, the stream
 * fails, too, and the relay with it. */
static void dialled_early(void *arg, const struct rtun_dial_result *r)
{
	struct frontend_conn *c = arg;
	uint32_t err;
	if (!c->relay && !r->err && r->s && *r->s) {
		note_exit(c, r);
		conn_relay(c, r);
		return;
	}
	c->dial = NULL;
	err = r->err ? dial_error(c, r) : 0;
	if (!c->relay) {
		frontend_conn_refuse(c, err ? err : RTUN_EINTERNAL, r->why);
	} else if (err) {
		c->f->results[err]++;
		frontend_tell_refused(c, err, r->why);
	} else {
		frontend_conn_reached(c);
	}
}

static struct rtun_dial_req dial_request(const struct frontend_conn *c, const struct frontend_request *r)
{
	return (struct rtun_dial_req){.size = sizeof(struct rtun_dial_req), .host = r->host[0] ? r->host : NULL, .addr = r->addr,
				      .selector = r->user[0] ? r->user : NULL, .exit = c->f->o.exit,
				      .source = c->f->ctx->instance, .strategy = c->f->o.strategy};
}

static uint32_t dial_begun(int err, const char **ret_why)
{
	*ret_why = err == -RTUN_ENOMEM    ? "out of memory"
		   : err == -RTUN_ENOTSUP ? "this way out has no datagrams"
					  : "the dialer refused the request";
	return err >= 0 ? 0 : err == -RTUN_ENOMEM ? RTUN_EOVERLOAD : err == -RTUN_ENOTSUP ? RTUN_ENOTSUP : RTUN_EINTERNAL;
}

uint32_t frontend_dial(struct frontend_conn *c, const struct frontend_request *r, rtun_dial_cb *cb, rtun_dial_cb *early,
		       const char **ret_why)
{
	const struct rtun_dialer_ops *ops = c->f->o.to.ops;
	struct rtun_dial_req req = dial_request(c, r);
	int err = -RTUN_ENOTSUP;
	if (early && c->f->o.optimistic && RTUN_HAS(struct rtun_dialer_ops, ops, dial_early))
		err = ops->dial_early(c->f->o.to.obj, &req, early, c, &c->dial);
	if (err == -RTUN_ENOTSUP)
		err = ops->dial(c->f->o.to.obj, &req, cb, c, &c->dial);
	return dial_begun(err, ret_why);
}

uint32_t frontend_associate(struct frontend_conn *c, const struct frontend_request *r, rtun_dial_cb *cb, const char **ret_why)
{
	const struct rtun_dialer_ops *ops = c->f->o.to.ops;
	struct rtun_dial_req req = dial_request(c, r);
	int err = -RTUN_ENOTSUP;
	if (RTUN_HAS(struct rtun_dialer_ops, ops, associate))
		err = ops->associate(c->f->o.to.obj, &req, cb, c, &c->dial);
	return dial_begun(err, ret_why);
}

/* ---- Request ---- */

/* No further message is read. */
static void end_talk(struct frontend_conn *c)
{
	rtun_timer_destroy(&c->timer);
	free(c->talk);
	c->talk = NULL;
}

/* False: it is gone. */
static bool request(struct frontend_conn *c, const struct frontend_request *r)
{
	const char *why = frontend_login_why(c->f);
	uint32_t err = FRONTEND_RESULT_LOGIN;
	end_talk(c);
	frontend_ask(c, r);
	if (!r->bad_login)
		err = frontend_dial(c, r, dialled, dialled_early, &why);
	if (err)
		frontend_conn_refuse(c, err, why);
	return !err;
}

static void refuse_request(struct frontend_conn *c, const struct frontend_request *r, const char *why)
{
	frontend_ask(c, r);
	frontend_conn_refuse(c, RTUN_EOVERLOAD, why);
}

/* The client stays, perhaps for several requests: its protocol goes on. */
static void serve(struct frontend_conn *c, const struct frontend_message *m)
{
	end_talk(c);
	if (c->f->protocol->serve(c, m) < 0)
		refuse_request(c, &m->request, "out of memory");
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
			frontend_conn_end(c, FRONTEND_RESULT_ABANDONED);
			return;
		}
		c->need = (uint32_t)n + 1;
	}
}

/* One message, as far as it is there. False: it is gone, or no longer ours, or waits for its login to be judged. */
static bool conn_read(struct frontend_conn *c, const uint8_t *p, uint32_t len)
{
	struct frontend_message m = {.f = c->f, .c = c, .talk = c->talk, .p = p, .len = len};
	enum frontend_step step = c->f->protocol->read(&m);
	if (step == FRONTEND_WAIT)
		return false;
	if (step == FRONTEND_MORE) {
		c->need = m.size;
		return true;
	}
	if (m.answer_len)
		rtun_put(c->s, m.answer, m.answer_len);
	if (step == FRONTEND_REFUSED) {
		frontend_conn_end(c, m.result);
		return false;
	}
	if (step != FRONTEND_NEXT && c->surplus) {
		refuse_request(c, &m.request, "too many clients are connected (max-connections)");
		return false;
	}
	if (step == FRONTEND_SERVE) {
		serve(c, &m);
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
			frontend_conn_end(c, FRONTEND_RESULT_ABANDONED);
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
	frontend_conn_end(arg, RTUN_ETIMEOUT);
}

/* False: out of memory. */
static bool begin_talk(struct frontend_conn *c)
{
	c->talk = calloc(1, c->f->protocol->talk_size);
	if (!c->talk || rtun_timer_create(c->f->ctx, late, c, &c->timer) < 0)
		return false;
	c->need = 1;
	rtun_timer_start(c->timer, HANDSHAKE);
	rtun_on_ready(c->s, ready, c);
	return true;
}

void frontend_conn_resume(struct frontend_conn *c)
{
	c->serving = false;
	if (begin_talk(c))
		conn_advance(c);
	else
		frontend_conn_refuse(c, RTUN_EOVERLOAD, "out of memory");
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
	c->f = f;
	c->s = *s;
	if (!begin_talk(c))
		goto no_memory;
	*s = NULL;
	c->next = f->conns;
	c->at = &f->conns;
	if (c->next)
		c->next->at = &c->next;
	f->conns = c;
	c->surplus = f->conn_count++ >= f->o.max_connections;
	rtun_want(c->s, RTUN_READ);
	return;
no_memory:
	free(c->talk);
	free(c);
overload:
	f->results[RTUN_EOVERLOAD]++;
}

void frontend_conn_drain_all(struct frontend *f)
{
	struct frontend_conn *c, *next;
	for (c = f->conns; c; c = next) {
		next = c->next;
		if (c->serving && f->protocol->drain)
			f->protocol->drain(c);
	}
}

void frontend_conn_close_all(struct frontend *f)
{
	struct frontend_conn *c, *next;
	for (c = f->conns; c; c = next) {
		next = c->next;
		if (c->relay) {
			rtun_op_cancel(&c->dial);
			rtun_relay_abort(c->relay, RTUN_ERESET); /* relay_done() frees it */
		} else {
			frontend_conn_free(c);
		}
	}
}
