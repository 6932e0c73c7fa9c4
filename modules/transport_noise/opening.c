/* SPDX-License-Identifier: BSD-2-Clause
 *
 * opening.c - see opening.h.
 */
#include "opening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <restunnel/svc/filter.h>

#define EXIT_SIZE 64U
/* One line of the log for each exit is enough; all of them are in the metrics. */
#define SAY_EVERY (60 * RTUN_S)

const char *const opening_rules[OPENING_RULES] = {RTUN_FILTER_NAME, RTUN_FILTER_ADDRESS, RTUN_FILTER_PORT, RTUN_FILTER_PROTOCOL, "other"};

struct opening {
	struct openings *all;
	struct opening *next, **at;
	struct rtun_op *op;      /* the caller's */
	struct rtun_op *mux_op;  /* ours; NULL: the answer is known and waits for the loop */
	struct rtun_defer *now;
	struct rtun_stream *early; /* to be given from the loop, ahead of the answer */
	uint64_t deadline;
	rtun_dial_cb *cb;
	void *arg;
	struct opening_counts *counts;
	uint32_t err;
	char exit[EXIT_SIZE], why[128];
};

static void opening_free(struct opening *p)
{
	struct openings *o = p->all;
	*p->at = p->next;
	if (p->next)
		p->next->at = p->at;
	else
		o->tail = p->at;
	rtun_op_cancel(&p->mux_op);
	rtun_close(&p->early);
	rtun_defer_destroy(&p->now);
	free(p);
}

/* "port: 25 is not allowed"; an exit may say anything, and what is not known is the last. */
static uint32_t rule_of(const char *why)
{
	uint32_t i = 0;
	size_t len = strcspn(why, ":");
	while (i < OPENING_RULES - 1 && (strlen(opening_rules[i]) != len || memcmp(opening_rules[i], why, len) != 0))
		i++;
	return i;
}

static void count_refusal(struct opening *p, const char *why)
{
	struct opening_counts *c = p->counts;
	uint64_t now = rtun_now(p->all->ctx);
	uint32_t rule = rule_of(why);
	bool say = !c->said_at || now - c->said_at >= SAY_EVERY;
	c->rules[rule]++;
	if (say)
		c->said_at = now;
	rtun_log(p->all->ctx, say ? RTUN_INFO : RTUN_DEBUG, "exit %s refused a target (%s); %llu so far", p->exit, opening_rules[rule],
		 (unsigned long long)c->results[RTUN_EDENIED]);
}

static void count(struct opening *p, uint32_t err, const char *why)
{
	p->counts->results[err < OPENING_RESULTS ? err : RTUN_EINTERNAL]++;
	if (err == RTUN_EDENIED)
		count_refusal(p, why);
}

/* `exit` outlives the opening, which may end before the callback or in it. */
static struct rtun_dial_result result(const struct opening *p, char exit[EXIT_SIZE])
{
	memcpy(exit, p->exit, EXIT_SIZE);
	return (struct rtun_dial_result){.size = sizeof(struct rtun_dial_result), .why = "", .exit = exit[0] ? exit : NULL};
}

static void answer(struct opening *p, uint32_t err, const char *why, struct rtun_stream **s, const struct rtun_addr *bound)
{
	struct rtun_stream *none = NULL;
	char exit[EXIT_SIZE];
	struct rtun_dial_result r = result(p, exit);
	rtun_dial_cb *cb = p->cb;
	void *arg = p->arg;
	r.err = err;
	r.why = why;
	r.s = s ? s : &none;
	if (p->counts)
		count(p, err, why);
	if (bound)
		r.bound = *bound;
	rtun_op_done(&p->op);
	opening_free(p);
	cb(arg, &r);
}

static void on_opened(void *arg, uint32_t err, const char *why, struct rtun_stream **s, const struct rtun_addr *bound)
{
	struct opening *p = arg;
	p->mux_op = NULL;
	if (err || !p->early)
		answer(p, err, why, s, bound);
	/* else a peer has answered before it can have been asked: the stream goes first */
}

static void give(struct opening *p)
{
	struct rtun_stream *s = p->early;
	char exit[EXIT_SIZE];
	struct rtun_dial_result r = result(p, exit);
	r.s = &s;
	p->early = NULL;
	if (!p->mux_op)
		rtun_defer_start(p->now);
	p->cb(p->arg, &r);
	rtun_close(&s);
}

static void on_now(void *arg)
{
	struct opening *p = arg;
	char why[sizeof(p->why)];
	if (p->early) {
		give(p);
		return;
	}
	memcpy(why, p->why, sizeof(why));
	answer(p, p->err, why, NULL, NULL);
}

static void on_cancel(void *arg)
{
	opening_free(arg);
}

static void arm(struct openings *o)
{
	uint64_t now = rtun_now(o->ctx);
	if (o->head)
		rtun_timer_start(o->timer, o->head->deadline > now ? o->head->deadline - now : 0);
}

static void on_timer(void *arg)
{
	struct openings *o = arg;
	while (o->head && o->head->deadline <= rtun_now(o->ctx))
		answer(o->head, RTUN_ETIMEOUT, "the exit did not answer in time", NULL, NULL);
	arm(o);
}

int openings_init(struct openings *o, struct rtun_ctx *ctx, uint64_t limit)
{
	*o = (struct openings){.ctx = ctx, .limit = limit};
	o->tail = &o->head;
	return rtun_timer_create(ctx, on_timer, o, &o->timer);
}

void openings_fini(struct openings *o)
{
	while (o->head) {
		struct rtun_op *op = o->head->op;
		rtun_op_cancel(&op);
	}
	rtun_timer_destroy(&o->timer);
}

static int begin(struct opening *p, const struct opening_way *way, const struct rtun_dial_req *req, bool early)
{
	struct mux_target target = {.addr = req->addr};
	int r;
	if (way->mux) {
		if (req->host)
			snprintf(target.name, sizeof(target.name), "%s", req->host);
		r = mux_open(way->mux, &target, on_opened, p, &p->mux_op, early ? &p->early : NULL);
		if (r < 0 || !early)
			return r;
	} else {
		p->err = way->err;
		snprintf(p->why, sizeof(p->why), "%s", way->why);
	}
	if ((r = rtun_defer_create(p->all->ctx, on_now, p, &p->now)) < 0)
		return r;
	rtun_defer_start(p->now);
	return 0;
}

int opening_start(struct openings *o, const struct opening_way *way, const struct rtun_dial_req *req, bool early, rtun_dial_cb *cb,
		  void *arg, struct rtun_op **ret_op)
{
	struct opening *p;
	int r;
	if (req->host && strlen(req->host) > 255)
		return -RTUN_EINVAL;
	if (!(p = calloc(1, sizeof(*p))))
		return -RTUN_ENOMEM;
	p->all = o;
	p->cb = cb;
	p->arg = arg;
	p->deadline = rtun_now(o->ctx) + o->limit;
	p->counts = way->counts;
	snprintf(p->exit, sizeof(p->exit), "%s", way->exit ? way->exit : "");
	p->at = o->tail;
	*o->tail = p;
	o->tail = &p->next;
	if ((r = rtun_op_create(o->ctx, on_cancel, p, &p->op)) < 0 || (r = begin(p, way, req, early)) < 0) {
		rtun_op_done(&p->op);
		opening_free(p);
		return r;
	}
	*ret_op = p->op;
	if (o->head == p)
		arm(o);
	return 0;
}
