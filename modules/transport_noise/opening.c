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
	struct opening_list *list;
	struct opening *next, **at;
	struct rtun_timer *timer; /* of one in all->others */
	struct rtun_op *op;      /* the caller's */
	struct rtun_op *mux_op;  /* ours; NULL: the answer is known and waits for the loop */
	struct rtun_defer *now;
	struct rtun_stream *early; /* to be given from the loop, ahead of the answer */
	uint64_t deadline;
	rtun_dial_cb *cb;
	void *arg;
	struct opening_counts *counts;
	struct opening_ways ways;
	struct mux_target target;
	uint32_t err;
	char exit[EXIT_SIZE], why[128];
};

static void list_append(struct opening_list *l, struct opening *p)
{
	p->list = l;
	p->at = l->tail;
	*l->tail = p;
	l->tail = &p->next;
}

static void opening_free(struct opening *p, uint32_t err)
{
	*p->at = p->next;
	if (p->next)
		p->next->at = p->at;
	else
		p->list->tail = p->at;
	rtun_op_cancel(&p->mux_op);
	rtun_close(&p->early);
	rtun_defer_destroy(&p->now);
	rtun_timer_destroy(&p->timer);
	if (p->ways.done)
		p->ways.done(p->ways.self, err);
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
	if (bound)
		r.bound = *bound;
	rtun_op_done(&p->op);
	opening_free(p, err);
	cb(arg, &r);
}

static void on_opened(void *arg, uint32_t err, const char *why, struct rtun_stream **s, const struct rtun_addr *bound);

static int take(struct opening *p, const struct opening_way *way, struct rtun_stream **early)
{
	p->counts = way->counts;
	p->target.protocol = way->protocol;
	p->target.use = way->use;
	snprintf(p->exit, sizeof(p->exit), "%s", way->exit ? way->exit : "");
	return mux_open(way->mux, &p->target, on_opened, p, &p->mux_op, early);
}

static bool again(struct opening *p, uint32_t err)
{
	struct opening_way way;
	return p->ways.next && p->ways.next(p->ways.self, err, &way) && take(p, &way, NULL) == 0;
}

static void on_opened(void *arg, uint32_t err, const char *why, struct rtun_stream **s, const struct rtun_addr *bound)
{
	struct opening *p = arg;
	p->mux_op = NULL;
	if (!err && p->early)
		return; /* a peer has answered before it can have been asked: the stream goes first */
	if (p->counts)
		count(p, err, why);
	if (!err || !again(p, err))
		answer(p, err, why, s, bound);
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
	if (p->counts)
		count(p, p->err, why);
	answer(p, p->err, why, NULL, NULL);
}

static void on_cancel(void *arg)
{
	opening_free(arg, RTUN_ERESET);
}

static void on_late(void *arg)
{
	static const char why[] = "the exit did not answer in time";
	struct opening *p = arg;
	if (p->counts)
		count(p, RTUN_ETIMEOUT, why);
	answer(p, RTUN_ETIMEOUT, why, NULL, NULL);
}

static void arm(struct openings *o)
{
	uint64_t now = rtun_now(o->ctx);
	struct opening *first = o->usual.head;
	if (first)
		rtun_timer_start(o->timer, first->deadline > now ? first->deadline - now : 0);
}

static void on_timer(void *arg)
{
	struct openings *o = arg;
	while (o->usual.head && o->usual.head->deadline <= rtun_now(o->ctx))
		on_late(o->usual.head);
	arm(o);
}

int openings_init(struct openings *o, struct rtun_ctx *ctx, uint64_t limit)
{
	*o = (struct openings){.ctx = ctx, .limit = limit};
	o->usual.tail = &o->usual.head;
	o->others.tail = &o->others.head;
	return rtun_timer_create(ctx, on_timer, o, &o->timer);
}

void openings_fini(struct openings *o)
{
	struct opening *p;
	while ((p = o->usual.head ? o->usual.head : o->others.head)) {
		struct rtun_op *op = p->op;
		rtun_op_cancel(&op);
	}
	rtun_timer_destroy(&o->timer);
}

static int begin(struct opening *p, const struct opening_way *way, bool early)
{
	int r;
	if (way->mux) {
		r = take(p, way, early ? &p->early : NULL);
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

/* One of its own for an unusual limit. */
static int limit(struct opening *p, uint64_t ns)
{
	struct openings *o = p->all;
	bool usual = !ns || ns == o->limit;
	p->deadline = rtun_now(o->ctx) + o->limit;
	list_append(usual ? &o->usual : &o->others, p);
	if (usual)
		return 0;
	if (rtun_timer_create(o->ctx, on_late, p, &p->timer) < 0)
		return -RTUN_ENOMEM;
	rtun_timer_start(p->timer, ns);
	return 0;
}

int opening_start(struct openings *o, const struct opening_way *way, const struct opening_ways *ways, const struct rtun_dial_req *req,
		  bool early, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
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
	p->target.addr = req->addr;
	snprintf(p->target.name, sizeof(p->target.name), "%s", req->host ? req->host : "");
	if ((r = limit(p, req->timeout)) < 0 || (r = rtun_op_create(o->ctx, on_cancel, p, &p->op)) < 0 || (r = begin(p, way, early)) < 0) {
		rtun_op_done(&p->op);
		opening_free(p, 0);
		return r;
	}
	if (ways) {
		p->ways = *ways;
		if (early)
			p->ways.next = NULL;
	}
	*ret_op = p->op;
	if (o->usual.head == p)
		arm(o);
	return 0;
}
