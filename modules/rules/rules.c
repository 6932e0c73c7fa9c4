/* SPDX-License-Identifier: BSD-2-Clause
 *
 * rules.c - rtun.dialer/1 before another one: what may be connected to, and by which exit. The first rule that concerns a
 * connection decides; what none concerns is allowed. Datagrams are not passed on: each of them would have to be judged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules.h"

struct options {
	struct rtun_ref to;
	struct rtun_list rules; /* of struct rules_rule */
};

struct refusal;

struct rules {
	struct rtun_ctx *ctx;
	struct options o;
	struct refusal *refusals; /* waiting for the loop */
	uint64_t actions[3];      /* how often each was taken */
};

#define R struct rules_rule
static const struct rtun_option rule_rows[] = {
	RTUN_TEXTS(R, domains, NULL, RTUN_NOT_EMPTY, NULL, "Targets asked for by name: these, and all below them: \"example.com\"."),
	RTUN_PREFIXES(R, addresses, NULL, RTUN_NOT_EMPTY, NULL, "Targets asked for by address; with `domains`: either will do."),
	RTUN_TEXTS(R, ports, NULL, RTUN_NOT_EMPTY, NULL, "\"25\", \"6660-6669\"."),
	RTUN_TEXTS(R, frontends, NULL, RTUN_NOT_EMPTY, NULL, "The entries that clients connect to, by their names."),
	RTUN_TEXTS(R, times, NULL, RTUN_NOT_EMPTY, NULL, "When the connection is made, by this machine's clock and time zone: \"mon-fri 08:00-18:00\", \"sat,sun\", \"22:00-06:00\"."),
	RTUN_CHOICE(R, action, "allow|deny|route", NULL, RTUN_REQUIRED, NULL,
		    "What becomes of it. route: it leaves by `exit`, unless its username asks for another one."),
	RTUN_NAME(R, exit, NULL, RTUN_REQUIRED, "action=route", "As a frontend's `exit:`: \"home\", \"tag-mobile\"."),
};
#undef R
static const struct rtun_schema rule_schema = RTUN_SCHEMA(struct rules_rule, rule_rows);

static const struct rtun_option rows[] = {
	RTUN_REF(struct options, to, RTUN_DIALER, RTUN_REQUIRED, NULL, "The dialer that takes what is allowed."),
	RTUN_RECORDS(struct options, rules, &rule_schema, RTUN_RELOADABLE, NULL,
		     "The first one that concerns a connection decides; what none concerns is allowed. A key that is left out concerns everything."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(struct options, rows);

static const struct rules_rule *rule_at(const struct rtun_list *l, uint32_t i)
{
	return (const void *)((const char *)l->items + (size_t)i * l->item_size);
}

/* ---- Refusals: told from the loop ---- */

struct refusal {
	struct refusal *next, **at;
	struct rtun_op *op;
	struct rtun_defer *now;
	rtun_dial_cb *cb;
	void *arg;
};

static void refusal_free(struct refusal *f)
{
	*f->at = f->next;
	if (f->next)
		f->next->at = f->at;
	rtun_defer_destroy(&f->now);
	free(f);
}

static void on_cancel(void *arg)
{
	refusal_free(arg);
}

static void on_now(void *arg)
{
	struct refusal *f = arg;
	struct rtun_stream *none = NULL;
	const struct rtun_dial_result r = {.size = sizeof(r), .err = RTUN_EDENIED, .s = &none, .why = "a rule of this hub denies it"};
	rtun_dial_cb *cb = f->cb;
	void *cb_arg = f->arg;
	rtun_op_done(&f->op);
	refusal_free(f);
	cb(cb_arg, &r);
}

static int refuse(struct rules *m, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	struct refusal *f = calloc(1, sizeof(*f));
	if (!f)
		return -RTUN_ENOMEM;
	if (rtun_defer_create(m->ctx, on_now, f, &f->now) < 0 || rtun_op_create(m->ctx, on_cancel, f, &f->op) < 0) {
		rtun_defer_destroy(&f->now);
		free(f);
		return -RTUN_ENOMEM;
	}
	f->cb = cb;
	f->arg = arg;
	f->at = &m->refusals;
	if ((f->next = m->refusals))
		f->next->at = &f->next;
	m->refusals = f;
	*ret_op = f->op;
	rtun_defer_start(f->now);
	return 0;
}

/* ---- Dialer ---- */

typedef int dial_fn(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op);

static const struct rules_rule *first_match(const struct rules *m, const struct rtun_dial_req *req)
{
	int64_t now = rtun_wall(m->ctx);
	for (uint32_t i = 0; i < m->o.rules.count; i++)
		if (rules_match(rule_at(&m->o.rules, i), req, now))
			return rule_at(&m->o.rules, i);
	return NULL;
}

static int dial_by(struct rules *m, dial_fn *fn, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	const struct rules_rule *r = first_match(m, req);
	struct rtun_dial_req routed = {0};
	if (r)
		m->actions[r->action]++;
	if (r && r->action == RULES_DENY)
		return refuse(m, cb, arg, ret_op);
	if (!r || r->action != RULES_ROUTE)
		return fn(m->o.to.obj, req, cb, arg, ret_op);
	memcpy(&routed, req, req->size < sizeof(routed) ? req->size : sizeof(routed));
	routed.size = req->size < sizeof(routed) ? req->size : (uint32_t)sizeof(routed);
	routed.exit = r->exit;
	return fn(m->o.to.obj, &routed, cb, arg, ret_op);
}

static int dial(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	struct rules *m = obj;
	const struct rtun_dialer_ops *ops = m->o.to.ops;
	return dial_by(m, ops->dial, req, cb, arg, ret_op);
}

static int dial_early(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	struct rules *m = obj;
	const struct rtun_dialer_ops *ops = m->o.to.ops;
	return RTUN_HAS(struct rtun_dialer_ops, ops, dial_early) ? dial_by(m, ops->dial_early, req, cb, arg, ret_op) : -RTUN_ENOTSUP;
}

static uint32_t flags(void *obj)
{
	const struct rules *m = obj;
	const struct rtun_dialer_ops *ops = m->o.to.ops;
	return RTUN_HAS(struct rtun_dialer_ops, ops, flags) ? ops->flags(m->o.to.obj) : 0;
}

static const struct rtun_dialer_ops dialer_ops = {.size = sizeof(dialer_ops), .dial = dial, .flags = flags, .dial_early = dial_early};

/* ---- Options ---- */

static bool good_ports(const char *text)
{
	uint16_t first, last;
	return rules_parse_ports(text, &first, &last);
}

static bool good_time(const char *text)
{
	struct rules_time t;
	return rules_parse_time(text, &t);
}

/* What the schema can't see. */
static const struct check {
	const char *key, *what, *remedy;
	size_t offset;
	bool (*good)(const char *text);
} checks[] = {
	{"domains", "a domain", "write it without *, and without a dot at either end: \"example.com\" concerns all below it, too; an address goes to `addresses`",
	 offsetof(struct rules_rule, domains), rules_is_domain},
	{"ports", "a port", "write a number up to 65535, or a range such as \"6660-6669\"", offsetof(struct rules_rule, ports), good_ports},
	{"times", "a time", "write days, hours or both: \"mon-fri 08:00-18:00\", \"sat,sun\", \"22:00-06:00\"", offsetof(struct rules_rule, times), good_time},
};

static int check_rule(struct rtun_ctx *ctx, const struct rules_rule *r, uint32_t number)
{
	int result = 0;
	for (size_t c = 0; c < sizeof(checks) / sizeof(checks[0]); c++) {
		const struct rtun_list *l = (const void *)((const char *)r + checks[c].offset);
		for (uint32_t i = 0; i < l->count; i++) {
			char place[64];
			snprintf(place, sizeof(place), "rules[%u].%s[%u]", number, checks[c].key, i);
			if (!checks[c].good(rules_text(l, i)))
				result = rtun_conf_error(ctx, place, checks[c].remedy, "\"%.64s\" is not %s", rules_text(l, i), checks[c].what);
		}
	}
	return result;
}

static int check(struct rtun_ctx *ctx, const void *cfg)
{
	const struct options *o = cfg;
	int r = 0;
	for (uint32_t i = 0; i < o->rules.count; i++)
		if (check_rule(ctx, rule_at(&o->rules, i), i))
			r = -RTUN_ECONFIG;
	return r;
}

/* Where connections leave from this very machine there is no exit to route to. */
static int check_routes(struct rules *m, const struct rtun_list *rules)
{
	int result = 0;
	for (uint32_t i = 0; i < rules->count && flags(m) & RTUN_DIALER_DIRECT; i++) {
		char place[64];
		snprintf(place, sizeof(place), "rules[%u].action", i);
		if (rule_at(rules, i)->action == RULES_ROUTE)
			result = rtun_conf_error(m->ctx, place, "write allow or deny", "there is no exit to choose: `to` connects from this machine");
	}
	return result;
}

/* ---- Module ---- */

static int create(struct rtun_ctx *ctx, const void *cfg)
{
	struct rules *m = calloc(1, sizeof(*m));
	int r;
	if (!m)
		return -RTUN_ENOMEM;
	ctx->self = m;
	m->ctx = ctx;
	m->o = *(const struct options *)cfg;
	r = check_routes(m, &m->o.rules);
	return r ? r : rtun_provide(ctx, RTUN_DIALER, &dialer_ops, m);
}

/* The time zone is read while that is still allowed. */
static int prepare(struct rtun_ctx *ctx)
{
	(void)ctx;
	tzset();
	return 0;
}

static int reload(struct rtun_ctx *ctx, const void *cfg)
{
	struct rules *m = ctx->self;
	const struct options *o = cfg;
	int r = check_routes(m, &o->rules);
	if (!r)
		m->o.rules = o->rules;
	return r;
}

static void stop(struct rtun_ctx *ctx)
{
	struct rules *m = ctx->self;
	while (m->refusals) {
		struct rtun_op *op = m->refusals->op;
		rtun_op_cancel(&op);
	}
}

static void destroy(struct rtun_ctx *ctx)
{
	if (ctx->self)
		stop(ctx);
	free(ctx->self);
	ctx->self = NULL;
}

static void status(struct rtun_ctx *ctx, struct rtun_status *st)
{
	const struct rules *m = ctx->self;
	snprintf(st->text, sizeof(st->text), "%u rules", m->o.rules.count);
}

static void collect(struct rtun_ctx *ctx, const struct rtun_metric *metric, struct rtun_metric_sink *sink)
{
	static const char *const names[] = {[RULES_ALLOW] = "allow", [RULES_DENY] = "deny", [RULES_ROUTE] = "route"};
	const struct rules *m = ctx->self;
	(void)metric;
	for (int i = 0; i < 3; i++) {
		const char *labels[] = {ctx->instance, names[i]};
		rtun_metric(sink, (double)m->actions[i], labels, 2);
	}
}

static const struct rtun_metric metrics[] = {
	{"restunnel_rules_total", "Connections that a rule concerned, by its action.", "rules,action", collect, RTUN_M_COUNTER, 0},
};

static const struct rtun_port provides[] = {{RTUN_DIALER, NULL}};

RTUN_MODULE(rules, .version = "1", .summary = "allows, denies and routes connections by domain, address, port, frontend and time",
	    .license = "BSD-2-Clause", .schema = &schema, .provides = RTUN_LIST(provides), .metrics = RTUN_LIST(metrics), .check = check,
	    .create = create, .prepare = prepare, .reload = reload, .stop = stop, .destroy = destroy, .status = status);
