/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tm_consumer - refers to a provider of rtun.test/1; has verbs of all kinds, an event and metrics.
 */
#include <stdlib.h>

#include "../test_service.h"
#include "../trace.h"

struct config {
	struct rtun_ref to;
	const char *trace, *note;
	uint32_t tone;
};

#define S struct config
static const struct rtun_option rows[] = {
	RTUN_REF(S, to, TEST_SERVICE, RTUN_REQUIRED, NULL, "Whom to greet."),
	RTUN_TEXT(S, trace, NULL, 0, NULL, "File to trace into."),
	RTUN_TEXT(S, note, NULL, RTUN_RELOADABLE, NULL, "Reloadable, but the module has no reload."),
	RTUN_CHOICE(S, tone, "said|sung", "said", 0, NULL, "How it greets."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(S, rows);

struct self {
	const struct config *cfg;
	struct rtun_timer *timer;
	struct rtun_reply *later;
	struct rtun_ctx *ctx;
	uint64_t calls;
};

struct greeted {
	const char *who;
	uint64_t calls;
	int64_t when;
	uint32_t result;
};
static const struct rtun_field fields[] = {
	{"who", "Who was greeted.", RTUN_F_TEXT, offsetof(struct greeted, who)},
	{"calls", "How often anybody was.", RTUN_F_U64, offsetof(struct greeted, calls)},
	{"when", "When.", RTUN_F_TIME, offsetof(struct greeted, when)},
	{"result", "How it went.", RTUN_F_ERR, offsetof(struct greeted, result)},
};
static const struct rtun_event_type greeted = {sizeof(greeted), sizeof(struct greeted), "test.greeted", "Somebody was greeted.", RTUN_LIST(fields)};
static const struct rtun_event_type *const events[] = {&greeted};

static const char *said(const struct self *self)
{
	const struct test_service_ops *ops = self->cfg->to.ops;
	return ops->greeting(self->cfg->to.obj);
}

/* ---- verbs ---- */

struct greet_args {
	const char *who;
	uint64_t times;
	struct rtun_list names;
	uint32_t loud;
};
#define A struct greet_args
static const struct rtun_option greet_rows[] = {
	RTUN_NAME(A, who, NULL, RTUN_REQUIRED | RTUN_POSITIONAL, NULL, "Whom to greet."),
	RTUN_INT(A, times, "1", 1, 3, 0, NULL, "How often."),
	RTUN_BOOL(A, loud, NULL, 0, NULL, "Louder."),
	RTUN_NAMES(A, names, NULL, RTUN_POSITIONAL | RTUN_REST, NULL, "Others."),
};
static const struct rtun_schema greet_schema = RTUN_SCHEMA(A, greet_rows);
static const struct rtun_view greet_view[] = {{"text", "Text", RTUN_V_TEXT, 0}, {"others", "Others", RTUN_V_LIST, 0}};

static void greet(struct rtun_ctx *ctx, const void *p, struct rtun_reply *reply)
{
	const struct greet_args *a = p;
	struct self *self = ctx->self;
	char text[200];
	struct rtun_value *v = rtun_object(ctx), *others = rtun_array(ctx);
	snprintf(text, sizeof(text), "%s, %s%s x%u", said(self), a->who, a->loud ? "!" : "", (unsigned)a->times);
	for (uint32_t i = 0; i < a->names.count; i++) rtun_append_text(ctx, others, ((const char *const *)a->names.items)[i]);
	rtun_set_text(ctx, v, "text", text);
	rtun_set(v, "others", others);
	struct greeted e = {a->who, ++self->calls, 1700000000, RTUN_ENOEXIT};
	rtun_publish(ctx, &greeted, &e);
	rtun_reply_ok(&reply, v);
}

static void later_now(void *arg)
{
	struct self *self = arg;
	struct rtun_value *v = rtun_object(self->ctx);
	rtun_set_bool(self->ctx, v, "late", 1);
	rtun_reply_ok(&self->later, v);
}

static void later(struct rtun_ctx *ctx, const void *p, struct rtun_reply *reply)
{
	struct self *self = ctx->self;
	(void)p;
	if (self->later) {
		rtun_reply_fail(&reply, "busy", "one is waiting already", NULL);
		return;
	}
	self->later = reply;
	rtun_timer_start(self->timer, 20 * RTUN_MS);
}

static void refuse(struct rtun_ctx *ctx, const void *p, struct rtun_reply *reply)
{
	(void)ctx, (void)p;
	rtun_reply_fail(&reply, "no-way", "this is refused", "ask somebody else");
}

static void flood(struct rtun_ctx *ctx, const void *p, struct rtun_reply *reply)
{
	(void)p;
	struct rtun_value *v = rtun_object(ctx), *a = rtun_array(ctx);
	char text[4000];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	for (int i = 0; i < 2000; i++) rtun_append_text(ctx, a, text);
	rtun_set(v, "items", a);
	rtun_reply_ok(&reply, v);
}

static void muddle(struct rtun_ctx *ctx, const void *p, struct rtun_reply *reply)
{
	(void)p;
	struct rtun_value *a = rtun_array(ctx);
	rtun_set_text(ctx, a, "key", "in an array");
	rtun_reply_ok(&reply, a);
}

static const struct rtun_command commands[] = {
	{.name = "greet", .doc = "Greets.", .example = "restunnel greet bob", .args = &greet_schema, .run = greet, .view = RTUN_LIST(greet_view),
	 .follow = "test.greeted", .follow_key = "who", .follow_text = "{who}", .follow_end = "test.gone",
	 .follow_end_text = "{who} has gone", .flags = RTUN_CMD_OFFLINE},
	{.name = "later", .doc = "Answers later.", .run = later, .flags = RTUN_CMD_OFFLINE},
	{.name = "refuse", .doc = "Refuses.", .run = refuse, .flags = RTUN_CMD_OFFLINE | RTUN_CMD_READONLY},
	{.name = "online", .doc = "Needs the daemon.", .run = refuse},
	{.name = "flood", .doc = "Says too much.", .run = flood},
	{.name = "muddle", .doc = "Answers wrongly.", .run = muddle},
	{.name = "sing", .doc = "Sings.", .run = refuse, .when = "tone=sung"},
};

/* ---- metrics ---- */

static void collect(struct rtun_ctx *ctx, const struct rtun_metric *m, struct rtun_metric_sink *sink)
{
	const struct self *self = ctx->self;
	const char *labels[] = {"a \"quoted\"\nline\\", "x"};
	(void)m;
	rtun_metric(sink, (double)self->calls, labels, 2);
}
static const struct rtun_metric metrics[] = {
	{"restunnel_test_calls_total", "Greetings.", "who,what", collect, RTUN_M_COUNTER, 0},
};

/* ---- life ---- */

static int create(struct rtun_ctx *ctx, const void *p)
{
	struct self *self = calloc(1, sizeof(*self));
	if (!self) return -RTUN_ENOMEM;
	ctx->self = self;
	self->ctx = ctx;
	self->cfg = p;
	trace(ctx, self->cfg->trace, "create", said(self));
	return rtun_timer_create(ctx, later_now, self, &self->timer);
}

static int start(struct rtun_ctx *ctx)
{
	const struct self *self = ctx->self;
	trace(ctx, self->cfg->trace, "start", self->cfg->to.instance);
	return 0;
}

static void stop(struct rtun_ctx *ctx)
{
	struct self *self = ctx->self;
	trace(ctx, self->cfg->trace, "stop", NULL);
	rtun_timer_destroy(&self->timer);
	if (self->later) rtun_reply_fail(&self->later, "stopping", "stopped before the answer", NULL);
}

static void destroy(struct rtun_ctx *ctx)
{
	struct self *self = ctx->self;
	if (self) {
		trace(ctx, self->cfg->trace, "destroy", NULL);
		rtun_timer_destroy(&self->timer);
	}
	free(self);
}

RTUN_MODULE(tm_consumer, .version = "2", .summary = "Uses rtun.test/1.", .license = "BSD-2-Clause", .schema = &schema,
	    .commands = RTUN_LIST(commands), .events = RTUN_LIST(events), .metrics = RTUN_LIST(metrics), .create = create, .start = start,
	    .stop = stop, .destroy = destroy);
