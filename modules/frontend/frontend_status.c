/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend_status.c - what `restunnel status` and `restunnel doctor` say of an entry.
 */
#include <stdio.h>

#include "frontend.h"

void frontend_status(struct rtun_ctx *ctx, struct rtun_status *st)
{
	const struct frontend *f = ctx->self;
	snprintf(st->text, sizeof(st->text), "%u of at most %llu clients connected", f->conn_count,
		 (unsigned long long)f->o.max_connections);
	if (f->o.users_file && !frontend_verify_users(f)) {
		st->state = RTUN_STATE_DEGRADED;
		snprintf(st->code, sizeof(st->code), "no-users");
		snprintf(st->text, sizeof(st->text), "nobody can log in: the users-file has no users");
		snprintf(st->remedy, sizeof(st->remedy), "restunnel passwd NAME --on %.64s", ctx->instance);
	}
	if (f->conn_count < f->o.max_connections)
		return;
	st->state = RTUN_STATE_DEGRADED;
	snprintf(st->code, sizeof(st->code), "max-connections");
	snprintf(st->remedy, sizeof(st->remedy), "raise max-connections, or look for a program that leaves connections open");
}

/* Some programs that were told a username don't say it (doc/clients.md), and their users don't notice. */
static bool leaves_from_any(const struct frontend *f)
{
	const struct rtun_dialer_ops *ops = f->o.to.ops;
	bool several = RTUN_HAS(struct rtun_dialer_ops, ops, flags) && (ops->flags(f->o.to.obj) & RTUN_DIALER_SEVERAL);
	return several && !f->o.exit && f->o.username == FRONTEND_USERNAME_OPTIONAL && f->o.strategy == RTUN_STRATEGY_BEST;
}

#define CHOSEN_CODE "exit-chosen"
static const char chosen_text[] = "there are several exits, and a program that says no username gets any of them: so do git, Chromium by Playwright, and "
				  "programs with PySocks that were given a name without a password";
static const char chosen_remedy[] = "`restunnel default NAME`, `exit: NAME`, or `username: required` so that all are asked; where any exit will do, "
				    "`strategy: round-robin`";

void frontend_advise(struct rtun_ctx *ctx)
{
	if (leaves_from_any(ctx->self))
		rtun_conf_warn(ctx, NULL, CHOSEN_CODE, chosen_remedy, "%s", chosen_text);
}

void frontend_doctor(struct rtun_ctx *ctx, struct rtun_reply *reply)
{
	struct rtun_check c = {.code = CHOSEN_CODE, .question = "Does every connection leave from an exit that was chosen?",
			       .answer = RTUN_YES, .text = "there is one exit, or it is set which"};
	struct rtun_value *v = rtun_object(ctx), *checks = rtun_array(ctx);
	if (leaves_from_any(ctx->self)) {
		c.answer = RTUN_NO;
		c.text = chosen_text;
		c.remedy = chosen_remedy;
	}
	rtun_append_check(ctx, checks, &c);
	rtun_set(v, "checks", checks);
	rtun_reply_ok(&reply, v);
}
