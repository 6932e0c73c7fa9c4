/* SPDX-License-Identifier: BSD-2-Clause
 *
 * exchange_answer.c - the side from server to client; exchange.h has the states.
 */
#include "exchange.h"

/* ---- NONE: a server that was used before has nothing to say until it is asked again ---- */

static enum flow watch_server(struct exchange *x)
{
	const uint8_t *p;
	if (!x->target || x->request != EXCHANGE_IDLE)
		return FLOW_BLOCKED;
	if (rtun_peek(x->target, 1, &p) == -RTUN_EAGAIN)
		rtun_want(x->target, RTUN_READ);
	else
		exchange_leave(x, 0);
	return FLOW_BLOCKED;
}

/* ---- HEAD ---- */

static enum flow no_answer(struct exchange *x, uint32_t err)
{
	static const struct http_verdict closed = {502, "connection_terminated", "the server closed the connection before it answered",
						    "try again"};
	struct http_verdict v = err && err != RTUN_ERESET ? http_verdict_of(err, NULL) : closed;
	if (!x->reused || !x->held || x->need[1] > 1)
		return exchange_refuse(x, &v, err && err <= RTUN_ESELECTOR ? err : RTUN_ERESET);
	exchange_leave(x, 0);
	exchange_rewind(x);
	return FLOW_MOVED;
}

/* After an interim answer. Others have their turn first: a server may say as many as it likes. */
static enum flow next_head(struct exchange *x)
{
	x->answer = EXCHANGE_HEAD;
	x->need[1] = 1;
	http_head_begin(&x->head, true, x->fields);
	rtun_want(x->target, RTUN_READ);
	return FLOW_BLOCKED;
}

/* The head is complete. */
static enum flow answer(struct exchange *x)
{
	rtun_consume(x->c->s, x->held);
	x->need[0] -= x->held;
	x->held = 0;
	if (x->a.interim && x->r.old) { /* HTTP/1.0 has none */
		rtun_consume(x->target, x->head.pos);
		return next_head(x);
	}
	x->last = x->r.close || x->client_ended || x->server_deaf || x->c->f->draining || x->request != EXCHANGE_SAID ||
		  x->a.body.framing == HTTP_TO_THE_END;
	if (!x->a.interim)
		x->c->f->results[0]++;
	x->sent = 0;
	x->answer = EXCHANGE_REPLY;
	return FLOW_MOVED;
}

static enum flow read_answer(struct exchange *x)
{
	const uint8_t *p;
	struct http_verdict v;
	int64_t n = rtun_peek(x->target, x->need[1], &p);
	if (n == -RTUN_EAGAIN) {
		rtun_want(x->target, RTUN_READ);
		return FLOW_BLOCKED;
	}
	if (n <= 0)
		return no_answer(x, (uint32_t)-n);
	if (!http_head_parse(&x->head, p, (uint32_t)n, &v)) {
		x->need[1] = (uint32_t)n + 1;
		return FLOW_MOVED;
	}
	if (!v.status)
		v = http_answer_judge(&x->head, p, &x->r, &x->a);
	return v.status ? exchange_refuse(x, &v, FRONTEND_RESULT_PROTOCOL) : answer(x);
}

/* ---- REPLY, CONTENT ---- */

static enum flow sent(struct exchange *x)
{
	rtun_consume(x->target, x->head.pos);
	if (x->a.upgrade)
		return exchange_upgrade(x);
	if (x->a.interim)
		return next_head(x);
	x->answer = http_body_done(&x->a.body) ? EXCHANGE_ANSWERED : EXCHANGE_CONTENT;
	return FLOW_MOVED;
}

static enum flow send_answer(struct exchange *x)
{
	struct http_parts parts;
	const uint8_t *p;
	uint64_t before = x->sent;
	enum flow flow;
	if (rtun_peek(x->target, x->head.pos, &p) < 0)
		return exchange_abort(x, RTUN_EOVERLOAD, RTUN_EOVERLOAD);
	http_answer_parts(&x->a, &x->head, p, x->last, &parts);
	flow = flow_parts(&parts, x->c->s, &x->sent);
	x->bytes[1] += x->sent - before;
	if (flow == FLOW_LOST)
		return exchange_abort(x, RTUN_ERESET, FRONTEND_RESULT_ABANDONED);
	return flow == FLOW_DONE ? sent(x) : flow;
}

static enum flow send_content(struct exchange *x)
{
	enum flow flow = flow_body(&x->a.body, x->target, x->c->s, &x->bytes[1]);
	switch (flow) {
	case FLOW_DONE:
		x->answer = EXCHANGE_ANSWERED;
		return FLOW_MOVED;
	case FLOW_ENDED:
	case FLOW_MALFORMED:
		return exchange_abort(x, RTUN_ETRUNCATED, RTUN_ETRUNCATED);
	case FLOW_LOST:
		return exchange_abort(x, RTUN_ERESET, FRONTEND_RESULT_ABANDONED);
	default:
		return flow;
	}
}

enum flow exchange_step_answer(struct exchange *x)
{
	static enum flow (*const steps[])(struct exchange *) = {
		[EXCHANGE_NONE] = watch_server,    [EXCHANGE_HEAD] = read_answer,      [EXCHANGE_REPLY] = send_answer,
		[EXCHANGE_CONTENT] = send_content, [EXCHANGE_ANSWERED] = exchange_next,
	};
	return steps[x->answer](x);
}
