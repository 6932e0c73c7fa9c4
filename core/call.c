/* SPDX-License-Identifier: BSD-2-Clause
 *
 * call.c - a call of a verb by a module: arguments and answer are texts, and the answer never comes from inside the call.
 */
#include "call.h"

#include <stdlib.h>
#include <string.h>

#include "app_state.h"
#include "loop.h"

struct call {
	struct rtun_op *op; /* its provider's half */
	struct rtun_reply *reply; /* until the verb has answered */
	struct loop_defer defer; /* then: until the caller is told, in a turn of its own: many devices make much of both */
	rtun_answer_cb *cb;
	void *arg;
	char *answer; /* JSON, or NULL */
	size_t len;
	struct command_error err;
};

static void call_free(struct call *c)
{
	command_abandon(&c->reply);
	loop_defer_cancel(&c->defer);
	free(c->answer);
	free(c);
}

static void call_on_cancel(void *arg) { call_free(arg); }

static void call_tell(void *arg)
{
	struct call *c = arg;
	struct rtun_answer a = {
		.size = sizeof(a), .json = c->answer, .json_len = c->len, .code = c->err.code, .text = c->err.text,
		.remedy = c->err.remedy[0] ? c->err.remedy : NULL,
	};
	host_op_done(&c->op);
	c->cb(c->arg, &a);
	call_free(c);
}

static void call_done(void *arg, char *answer, size_t len, const struct command_error *err)
{
	struct call *c = arg;
	c->answer = answer;
	c->len = len;
	if (err) c->err = *err;
	loop_defer_start(&c->defer);
}

static void call_run(struct call *c, struct app *app, const struct rtun_call_req *req)
{
	struct instance *in;
	const struct rtun_command *cmd;
	json_t *args = req->args ? json_loadb(req->args, req->args_len, JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (req->args && !args) {
		command_error_set(&c->err, "bad-request", NULL, "the arguments are no JSON object");
		call_done(c, NULL, 0, NULL);
	} else if (app_find_command(app, req->verb, req->on, &in, &cmd, &c->err)) {
		call_done(c, NULL, 0, NULL);
	} else {
		command_call(in ? &in->host.ctx : &app->core.ctx, cmd, args, call_done, c, &c->reply);
	}
	json_decref(args);
}

int host_call(struct rtun_ctx *ctx, const struct rtun_call_req *req, struct rtun_op **ret)
{
	struct instance *caller = instance_of(ctx);
	*ret = NULL;
	if (!caller) return -RTUN_ENOTSUP;
	struct call *c = calloc(1, sizeof(*c));
	if (!c) return -RTUN_ENOMEM;
	if (host_op_create(ctx, call_on_cancel, c, &c->op)) {
		free(c);
		return -RTUN_ENOMEM;
	}
	c->cb = req->cb;
	c->arg = req->arg;
	loop_defer_init(&c->defer, ctx_loop(ctx), call_tell, c);
	c->defer.next_turn = true;
	*ret = c->op;
	call_run(c, caller->app, req);
	return 0;
}
