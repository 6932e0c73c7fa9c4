/* SPDX-License-Identifier: BSD-2-Clause
 *
 * exchange_request.c - the side from client to server; exchange.h has the states.
 */
#include <string.h>

#include "exchange.h"

/* How far a client may run ahead while it is watched for leaving. */
#define EARLY_MAX 4096U

static enum flow left(struct exchange *x)
{
	return exchange_abort(x, RTUN_ERESET, FRONTEND_RESULT_ABANDONED);
}

/* ---- IDLE ---- */

/* The head is complete, at p. */
static enum flow request(struct exchange *x, const uint8_t *p)
{
	const struct frontend *f = x->c->f;
	struct http_verdict v = http_request_judge(&x->head, p, &x->r);
	enum frontend_login login;
	if (!v.status && x->r.connect) {
		explicit_bzero(x->r.to.password, sizeof(x->r.to.password));
		return exchange_give_back(x);
	}
	login = v.status ? FRONTEND_LOGIN_GOOD : frontend_admit(x->c, &x->r.to);
	if (login == FRONTEND_LOGIN_PENDING) {
		exchange_rewind(x); /* it is read again then */
		return FLOW_BLOCKED;
	}
	if (login == FRONTEND_LOGIN_REFUSED) {
		exchange_leave(x, 0);
		x->r.to.bad_login = true;
		frontend_ask(x->c, &x->r.to);
		v = http_verdict_of(FRONTEND_RESULT_LOGIN, frontend_login_why(f));
		return exchange_refuse(x, &v, FRONTEND_RESULT_LOGIN);
	}
	if (!v.status)
		v = http_request_prepare(&x->head, p, &x->r);
	if (v.status)
		return exchange_refuse(x, &v, FRONTEND_RESULT_PROTOCOL);
	x->r.close |= f->draining || !f->o.keep_alive_timeout;
	x->held = x->head.pos;
	x->need[0] = x->held + 1;
	x->sent = 0;
	x->server_deaf = false;
	if (!x->client_ended)
		rtun_timer_stop(x->timer);
	return exchange_dial(x);
}

static enum flow read_request(struct exchange *x)
{
	const uint8_t *p;
	struct http_verdict v;
	int64_t n = rtun_peek(x->c->s, x->need[0], &p);
	if (n == -RTUN_EAGAIN) {
		rtun_want(x->c->s, RTUN_READ);
		return FLOW_BLOCKED;
	}
	if (n <= 0) {
		frontend_conn_free(x->c);
		return FLOW_GONE;
	}
	if (!http_head_parse(&x->head, p, (uint32_t)n, &v)) {
		x->need[0] = (uint32_t)n + 1;
		return FLOW_MOVED;
	}
	return v.status ? exchange_refuse(x, &v, FRONTEND_RESULT_PROTOCOL) : request(x, p);
}

/* ---- DIAL, SAID: has the client gone? What it sends ahead is only looked at ---- */

static enum flow client_ended(struct exchange *x)
{
	x->client_ended = true;
	if (x->c->f->o.half_close_timeout)
		rtun_timer_start(x->timer, x->c->f->o.half_close_timeout);
	return FLOW_MOVED;
}

static enum flow watch_client(struct exchange *x)
{
	const uint8_t *p;
	if (x->client_ended && x->request == EXCHANGE_SAID && x->target)
		rtun_shutdown(x->target);
	while (!x->client_ended && x->need[0] <= x->held + EARLY_MAX) {
		int64_t n = rtun_peek(x->c->s, x->need[0], &p);
		if (n == -RTUN_EAGAIN) {
			rtun_want(x->c->s, RTUN_READ);
			return FLOW_BLOCKED;
		}
		if (n <= 0)
			return n == 0 ? client_ended(x) : left(x);
		x->need[0] = (uint32_t)n + 1;
	}
	return FLOW_BLOCKED;
}

/* ---- SEND, BODY ---- */

/* The request is over, so is the server's patience perhaps: it may have answered all the same. */
static enum flow await_answer(struct exchange *x, bool deaf)
{
	x->server_deaf |= deaf;
	x->request = EXCHANGE_SAID;
	return FLOW_MOVED;
}

static enum flow sent(struct exchange *x, bool deaf)
{
	if (!x->r.safe) {
		rtun_consume(x->c->s, x->held);
		x->need[0] -= x->held;
		x->held = 0;
	}
	x->answer = EXCHANGE_HEAD;
	http_head_begin(&x->head, true, x->fields);
	if (deaf || http_body_done(&x->r.body))
		return await_answer(x, deaf);
	x->request = EXCHANGE_BODY;
	return FLOW_MOVED;
}

static enum flow send_request(struct exchange *x)
{
	struct http_parts parts;
	const uint8_t *p;
	uint64_t before = x->sent;
	enum flow flow;
	if (rtun_peek(x->c->s, x->held, &p) < 0)
		return left(x);
	http_request_parts(&x->r, &x->head, p, &parts);
	flow = flow_parts(&parts, x->target, &x->sent);
	x->bytes[0] += x->sent - before;
	return flow == FLOW_DONE || flow == FLOW_LOST ? sent(x, flow == FLOW_LOST) : flow;
}

static enum flow send_body(struct exchange *x)
{
	static const struct http_verdict malformed = {400, "http_request_error", "the chunks of the request are malformed", NULL};
	enum flow flow = flow_body(&x->r.body, x->c->s, x->target, &x->bytes[0]);
	switch (flow) {
	case FLOW_DONE:
	case FLOW_LOST:
		x->need[0] = 1;
		return await_answer(x, flow == FLOW_LOST);
	case FLOW_MALFORMED:
		if (x->answer == EXCHANGE_HEAD)
			return exchange_refuse(x, &malformed, FRONTEND_RESULT_PROTOCOL);
		/* fallthrough */
	case FLOW_ENDED:
		return left(x);
	default:
		return flow;
	}
}

enum flow exchange_step_request(struct exchange *x)
{
	static enum flow (*const steps[])(struct exchange *) = {
		[EXCHANGE_IDLE] = read_request, [EXCHANGE_DIAL] = watch_client, [EXCHANGE_SEND] = send_request,
		[EXCHANGE_BODY] = send_body,    [EXCHANGE_SAID] = watch_client,
	};
	return steps[x->request](x);
}
