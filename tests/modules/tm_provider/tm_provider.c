/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tm_provider - provides rtun.test/1 (unless role is silent), traces its life, fails where it is told to.
 */
#include <stdlib.h>

#include "../test_service.h"
#include "../trace.h"

struct config {
	uint32_t role, fail;
	const char *trace, *greeting;
	uint64_t amount;
	const char *secret;
	uint32_t doctor;
};

enum { DOCTOR_WELL, DOCTOR_ILL, DOCTOR_UNSURE, DOCTOR_LATE, DOCTOR_NEVER, DOCTOR_FAILS, DOCTOR_TWISTED, DOCTOR_HALF };
enum { FAIL_NONE, FAIL_CHECK, FAIL_CREATE, FAIL_SETUP, FAIL_PREPARE, FAIL_START, FAIL_RELOAD, FAIL_PROVIDE };

#define S struct config
static const struct rtun_option rows[] = {
	RTUN_CHOICE(S, role, "loud|silent", "loud", 0, NULL, "Whether it provides anything."),
	RTUN_CHOICE(S, fail, "none|check|create|setup|prepare|start|reload|provide", "none", RTUN_RELOADABLE, NULL, "Where to fail."),
	RTUN_TEXT(S, trace, NULL, 0, NULL, "File to trace into."),
	RTUN_TEXT(S, greeting, "hello", RTUN_RELOADABLE, NULL, "What the service says."),
	RTUN_INT(S, amount, "7", 1, 100, 0, NULL, "A number whose change needs a restart."),
	RTUN_TEXT(S, secret, NULL, RTUN_SECRET | RTUN_RELOADABLE, NULL, "Never shown."),
	RTUN_CHOICE(S, doctor, "well|ill|unsure|late|never|fails|twisted|half", "well", RTUN_RELOADABLE, NULL, "What it says to the doctor."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(S, rows);

struct self {
	const struct config *cfg;
	struct rtun_timer *timer;
	struct rtun_ctx *ctx;
	struct rtun_reply *doctor; /* to be answered */
};

static const char *greeting(void *obj) { return ((struct self *)obj)->cfg->greeting; }

static const struct test_service_ops ops = {sizeof(ops), 0, greeting};

static int fails(struct rtun_ctx *ctx, const char *where, uint32_t which)
{
	const struct config *cfg = ((struct self *)ctx->self)->cfg;
	trace(ctx, cfg->trace, where, NULL);
	return cfg->fail == which ? -RTUN_EIO : 0;
}

static int check(struct rtun_ctx *ctx, const void *p)
{
	const struct config *cfg = p;
	trace(ctx, cfg->trace, "check", cfg->greeting);
	return cfg->fail == FAIL_CHECK ? rtun_conf_error(ctx, "fail", "say none", "told to fail in check") : 0;
}

static int create(struct rtun_ctx *ctx, const void *p)
{
	struct self *self = calloc(1, sizeof(*self));
	if (!self) return -RTUN_ENOMEM;
	ctx->self = self;
	self->cfg = p;
	self->ctx = ctx;
	if (fails(ctx, "create", FAIL_CREATE)) return -RTUN_EIO;
	if (self->cfg->fail == FAIL_PROVIDE || self->cfg->role) return 0;
	if (rtun_provide(ctx, "rtun.other/1", &ops, self) != -RTUN_EINVAL) return -RTUN_EINTERNAL; /* not in the descriptor */
	int rc = rtun_provide(ctx, TEST_SERVICE, &ops, self);
	if (!rc && rtun_provide(ctx, TEST_SERVICE, &ops, self) != -RTUN_EINVAL) return -RTUN_EINTERNAL; /* twice */
	return rc;
}

static int setup(struct rtun_ctx *ctx) { return fails(ctx, "setup", FAIL_SETUP); }
static int prepare(struct rtun_ctx *ctx) { return fails(ctx, "prepare", FAIL_PREPARE); }
static int start(struct rtun_ctx *ctx) { return fails(ctx, "start", FAIL_START); }

static int reload(struct rtun_ctx *ctx, const void *p)
{
	struct self *self = ctx->self;
	const struct config *cfg = p;
	trace(ctx, cfg->trace, "reload", cfg->greeting);
	if (cfg->fail == FAIL_RELOAD) return rtun_conf_error(ctx, "fail", NULL, "told to fail in reload");
	self->cfg = cfg;
	return 0;
}

static void drain(struct rtun_ctx *ctx, uint64_t ns)
{
	(void)ns;
	fails(ctx, "drain", FAIL_NONE);
}

/* ---- doctor ---- */

static void doctor_answer(void *arg)
{
	struct self *self = arg;
	struct rtun_ctx *ctx = self->ctx;
	struct rtun_value *v = rtun_object(ctx), *checks = rtun_array(ctx);
	const struct rtun_check check = {.code = "cheer", .question = "Is it in a good mood?", .text = "it hums",
					 .answer = self->cfg->doctor == DOCTOR_UNSURE ? RTUN_UNKNOWN : RTUN_YES};
	const struct rtun_check bad = {.code = "cheer", .question = "Is it in a good mood?", .text = "it sobs", .remedy = "cheer it up", .answer = RTUN_NO};
	if (self->cfg->doctor == DOCTOR_HALF) rtun_append_text(ctx, checks, "what?");
	rtun_append_check(ctx, checks, self->cfg->doctor == DOCTOR_ILL ? &bad : &check);
	rtun_set(v, "checks", checks);
	rtun_reply_ok(&self->doctor, v);
}

static void doctor(struct rtun_ctx *ctx, struct rtun_reply *reply)
{
	struct self *self = ctx->self;
	if (self->doctor) { /* one at a time is enough here */
		rtun_reply_fail(&reply, "busy", "it is being asked already", NULL);
		return;
	}
	self->doctor = reply;
	switch (self->cfg->doctor) {
	case DOCTOR_NEVER: return;
	case DOCTOR_LATE:
		if (!self->timer && rtun_timer_create(ctx, doctor_answer, self, &self->timer)) return;
		rtun_timer_start(self->timer, 3 * RTUN_S);
		return;
	case DOCTOR_FAILS: rtun_reply_fail(&self->doctor, "no-idea", "it has no idea", "ask again"); return;
	case DOCTOR_TWISTED: rtun_reply_ok(&self->doctor, rtun_array(ctx)); return;
	default: doctor_answer(self);
	}
}

static void stop(struct rtun_ctx *ctx)
{
	struct self *self = ctx->self;
	fails(ctx, "stop", FAIL_NONE);
	rtun_timer_destroy(&self->timer);
	if (self->doctor) rtun_reply_fail(&self->doctor, "stopped", "it was stopped", NULL);
}

static void destroy(struct rtun_ctx *ctx)
{
	if (ctx->self) fails(ctx, "destroy", FAIL_NONE);
	free(ctx->self);
}

static void status(struct rtun_ctx *ctx, struct rtun_status *s)
{
	const struct config *cfg = ((struct self *)ctx->self)->cfg;
	if (strcmp(cfg->greeting, "sad")) return;
	s->state = RTUN_STATE_DEGRADED;
	snprintf(s->text, sizeof(s->text), "it is sad");
	snprintf(s->code, sizeof(s->code), "sad");
	snprintf(s->remedy, sizeof(s->remedy), "cheer it up");
}

static const struct rtun_port ports[] = {{TEST_SERVICE, "role=loud"}};

RTUN_MODULE(tm_provider, .version = "1", .summary = "Provides rtun.test/1 to tests.", .license = "BSD-2-Clause", .schema = &schema,
	    .provides = RTUN_LIST(ports), .check = check, .create = create, .setup = setup, .prepare = prepare, .start = start, .reload = reload,
	    .drain = drain, .stop = stop, .destroy = destroy, .status = status, .doctor = doctor);
