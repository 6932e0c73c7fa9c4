/* SPDX-License-Identifier: BSD-2-Clause
 *
 * exchange.c - the life of exchanges; exchange.h has the states.
 */
#include "exchange.h"

#include <stdlib.h>
#include <string.h>

static void advance(struct exchange *x)
{
	enum flow request, answer;
	do {
		if ((request = exchange_step_request(x)) == FLOW_GONE || (answer = exchange_step_answer(x)) == FLOW_GONE)
			return;
	} while (request == FLOW_MOVED || answer == FLOW_MOVED);
}

static void ready(void *arg, struct rtun_stream *s, uint32_t events)
{
	(void)s, (void)events;
	advance(arg);
}

/* A stop waits for what is under way. */
static void set_busy(struct exchange *x, bool busy)
{
	if (busy == x->busy)
		return;
	x->busy = busy;
	rtun_hold(x->c->f->ctx, busy ? 1 : -1);
}

/* ---- Ends ---- */

void exchange_leave(struct exchange *x, uint32_t err)
{
	struct rtun_relay_result r = {{x->bytes[0], x->bytes[1]}, {err, err}};
	if (!x->target)
		return;
	if (err)
		rtun_abort(x->target, err);
	else
		rtun_shutdown(x->target);
	rtun_close(&x->target);
	frontend_tell_close(x->c, &r);
}

static void let_go(struct exchange *x)
{
	x->c->served = NULL;
	set_busy(x, false);
	rtun_timer_destroy(&x->timer);
	free(x);
}

void exchange_release(struct frontend_conn *c)
{
	struct exchange *x = c->served;
	bool half_said = (x->answer == EXCHANGE_REPLY && x->sent) || x->answer == EXCHANGE_CONTENT;
	if (half_said)
		rtun_abort(c->s, RTUN_ETRUNCATED);
	exchange_leave(x, x->request == EXCHANGE_IDLE ? 0 : RTUN_ERESET);
	let_go(x);
}

enum flow exchange_abort(struct exchange *x, uint32_t err, uint32_t result)
{
	struct frontend_conn *c = x->c;
	bool counted = x->answer > EXCHANGE_HEAD; /* it was answered */
	exchange_leave(x, err);
	rtun_abort(c->s, err);
	if (counted)
		frontend_conn_free(c);
	else
		frontend_conn_end(c, result);
	return FLOW_GONE;
}

enum flow exchange_refuse(struct exchange *x, const struct http_verdict *v, uint32_t result)
{
	char text[FRONTEND_ANSWER_MAX];
	struct frontend_conn *c = x->c;
	rtun_put(c->s, text, http_format_refusal(v, x->r.head, text));
	frontend_tell_refused(c, result, v->why);
	frontend_conn_end(c, result);
	return FLOW_GONE;
}

enum flow exchange_give_back(struct exchange *x)
{
	struct frontend_conn *c = x->c;
	exchange_leave(x, 0);
	let_go(x);
	frontend_conn_resume(c);
	return FLOW_GONE;
}

enum flow exchange_upgrade(struct exchange *x)
{
	struct frontend_conn *c = x->c;
	struct rtun_stream *target = x->target;
	memcpy(c->asked.bytes, x->bytes, sizeof(x->bytes));
	x->target = NULL;
	let_go(x);
	frontend_conn_relay(c, &target, c->f->o.half_close_timeout, 0);
	rtun_close(&target);
	return FLOW_GONE;
}

/* ---- Dial ---- */

static bool same_target(const struct frontend_request *a, const struct frontend_request *b)
{
	return strcmp(a->host, b->host) == 0 && strcmp(a->user, b->user) == 0 && memcmp(&a->addr, &b->addr, sizeof(a->addr)) == 0;
}

static void dialled(void *arg, const struct rtun_dial_result *r)
{
	struct frontend_conn *c = arg;
	struct exchange *x = c->served;
	uint32_t err = frontend_dialled(c, r);
	if (err) {
		struct http_verdict v = http_verdict_of(err, r->why);
		exchange_refuse(x, &v, err);
		return;
	}
	x->target = *r->s;
	*r->s = NULL;
	x->led = x->r.to;
	x->bytes[0] = x->bytes[1] = 0;
	rtun_on_ready(x->target, ready, x);
	frontend_tell_open(c);
	x->request = EXCHANGE_SEND;
	advance(x);
}

enum flow exchange_dial(struct exchange *x)
{
	const uint8_t *p;
	const char *why;
	uint32_t err;
	set_busy(x, true);
	x->reused = x->target && x->r.safe && x->changes == x->c->f->changes && same_target(&x->led, &x->r.to) &&
		    rtun_peek(x->target, 1, &p) == -RTUN_EAGAIN; /* it has said nothing unasked, as a goodbye */
	x->request = x->reused ? EXCHANGE_SEND : EXCHANGE_DIAL;
	if (x->reused)
		return FLOW_MOVED;
	exchange_leave(x, 0);
	x->changes = x->c->f->changes; /* now: what changes while it is dialled does not choose its exit any more */
	frontend_ask(x->c, &x->r.to);
	if ((err = frontend_dial(x->c, &x->r.to, dialled, NULL, &why))) {
		struct http_verdict v = http_verdict_of(err, why);
		return exchange_refuse(x, &v, err);
	}
	return FLOW_MOVED;
}

/* ---- From one request to the next ---- */

void exchange_rewind(struct exchange *x)
{
	x->request = EXCHANGE_IDLE;
	x->answer = EXCHANGE_NONE;
	x->held = 0;
	x->r.head = false;
	x->need[0] = x->need[1] = 1;
	http_head_begin(&x->head, false, x->fields);
}

enum flow exchange_next(struct exchange *x)
{
	struct frontend_conn *c = x->c;
	if (x->request != EXCHANGE_SAID || x->last || c->f->draining) {
		exchange_leave(x, x->request == EXCHANGE_SAID && !x->server_deaf ? 0 : RTUN_ERESET);
		frontend_conn_free(c);
		return FLOW_GONE;
	}
	if (x->a.close || x->client_ended) /* then the server was told that no more comes */
		exchange_leave(x, 0);
	set_busy(x, false);
	exchange_rewind(x);
	if (!x->client_ended) /* else the limit of its half-close runs on */
		rtun_timer_start(x->timer, c->f->o.keep_alive_timeout);
	return FLOW_MOVED;
}

static void late(void *arg)
{
	struct exchange *x = arg;
	if (x->request == EXCHANGE_IDLE)
		frontend_conn_free(x->c);
	else
		exchange_abort(x, RTUN_ETIMEOUT, RTUN_ETIMEOUT);
}

void exchange_drain(struct frontend_conn *c)
{
	const struct exchange *x = c->served;
	if (x->request == EXCHANGE_IDLE)
		frontend_conn_free(c);
}

int exchange_serve(struct frontend_conn *c, const struct frontend_message *m)
{
	struct exchange *x = calloc(1, sizeof(*x));
	(void)m; /* it is read again: what comes behind it may be part of it */
	if (!x)
		return -RTUN_ENOMEM;
	if (rtun_timer_create(c->f->ctx, late, x, &x->timer) < 0) {
		free(x);
		return -RTUN_ENOMEM;
	}
	x->c = c;
	c->served = x;
	c->serving = true;
	rtun_on_ready(c->s, ready, x);
	exchange_rewind(x);
	advance(x);
	return 0;
}
