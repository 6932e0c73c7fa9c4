/* SPDX-License-Identifier: BSD-2-Clause
 *
 * skeleton - a whole module to start from: a dialer that wraps another one, counts the bytes of its streams, and ends a
 * stream that has carried too many. README.md beside this file explains how to build and use it.
 */
#include <restunnel/module.h>
#include <restunnel/svc/dialer.h>

#include <stdlib.h>
#include <string.h>

/* ---- options: one row each; the core checks the YAML, fills the struct, writes the documentation ---- */

struct config {
	struct rtun_ref to;
	uint64_t limit;
	const char *label;
};
static const struct rtun_option options[] = {
	RTUN_REF(struct config, to, RTUN_DIALER, RTUN_REQUIRED, NULL, "Dialer that opens the streams."),
	RTUN_SIZE(struct config, limit, "0B", 0, 0, RTUN_RELOADABLE, NULL, "End a stream after so many bytes, both directions together; 0B: never."),
	RTUN_TEXT(struct config, label, "skeleton", RTUN_RELOADABLE, NULL, "Shown beside the totals and in events."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(struct config, options);

/* ---- an event: the rows let the log, the command line and pages show it without knowing this module ---- */

struct closed {
	const char *label;
	uint64_t bytes;
	uint32_t result, reserved;
};
static const struct rtun_field closed_fields[] = {
	{"label", "of the instance", RTUN_F_TEXT, offsetof(struct closed, label)},
	{"bytes", "both directions together", RTUN_F_U64, offsetof(struct closed, bytes)},
	{"result", "how it ended", RTUN_F_ERR, offsetof(struct closed, result)},
};
static const struct rtun_event_type closed_type = {
	sizeof(closed_type), sizeof(struct closed), "skeleton.closed", "A stream is over.", RTUN_LIST(closed_fields)};
static const struct rtun_event_type *const events[] = {&closed_type};

/* ---- streams: one struct flow for each, from the dial to the end ---- */

struct skeleton {
	struct rtun_ctx *ctx;
	const struct config *cfg; /* the core keeps it until the end of `reload` */
	uint64_t streams, bytes;
};
struct flow {
	struct skeleton *skeleton;
	struct rtun_stream *stream;  /* once open: ours to watch, the owner's to close */
	uint64_t bytes, limit;
	struct rtun_op *op, *behind; /* while dialling: what our caller, and what we may cancel */
	rtun_dial_cb *cb;
	void *arg;
};

static uint64_t flow_allow(void *self, uint32_t direction, uint64_t n)
{
	const struct flow *f = self;
	(void)direction;
	return f->limit && n > f->limit - f->bytes ? f->limit - f->bytes : n;
}

static void flow_moved(void *self, uint32_t direction, uint64_t n)
{
	struct flow *f = self;
	(void)direction;
	f->bytes += n;
	f->skeleton->bytes += n;
	if (f->bytes == f->limit)
		rtun_failed(f->stream, RTUN_EDENIED);
}

static void flow_destroy(void *self, uint32_t err)
{
	struct flow *f = self;
	struct closed payload = {f->skeleton->cfg->label, f->bytes, err, 0};
	rtun_publish(f->skeleton->ctx, &closed_type, &payload);
	free(f);
}
static const struct rtun_wrap_ops flow_ops = {sizeof(flow_ops), 0, flow_allow, flow_moved, flow_destroy};

/* ---- the service: dial() passes the request on, dialled() wraps the stream that comes back ---- */

static void dialled(void *arg, const struct rtun_dial_result *r)
{
	struct flow *f = arg;
	rtun_dial_cb *cb = f->cb;
	void *cb_arg = f->arg;
	struct rtun_dial_result answer = {0}; /* the dialer behind may be older or newer than we are */
	struct rtun_stream *s = NULL;
	memcpy(&answer, r, r->size < sizeof(answer) ? r->size : sizeof(answer));
	answer.size = sizeof(answer);
	answer.s = &s;
	rtun_op_done(&f->op);
	if (!r->err && rtun_wrap(f->skeleton->ctx, r->s, &flow_ops, f, &s) < 0) {
		answer.err = RTUN_EOVERLOAD;
		answer.why = "no memory for another stream";
	}
	if (s) {
		f->stream = s;
		f->skeleton->streams++;
	} else {
		free(f);
	}
	cb(cb_arg, &answer);
	rtun_close(&s); /* not taken */
}

static void dial_cancel(void *arg)
{
	struct flow *f = arg;
	rtun_op_cancel(&f->behind);
	free(f);
}

typedef int dial_fn(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op);

static int pass_on(struct skeleton *k, dial_fn *dial_behind, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	struct flow *f = calloc(1, sizeof(*f));
	int r = -RTUN_ENOMEM;
	if (!f)
		return r;
	*f = (struct flow){.skeleton = k, .limit = k->cfg->limit, .cb = cb, .arg = arg};
	r = rtun_op_create(k->ctx, dial_cancel, f, &f->op);
	if (r < 0)
		goto no_op;
	r = dial_behind(k->cfg->to.obj, req, dialled, f, &f->behind);
	if (r < 0)
		goto no_dial;
	*ret_op = f->op;
	return 0;
no_dial:
	rtun_op_done(&f->op);
no_op:
	free(f);
	return r;
}

static int dial(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	struct skeleton *k = obj;
	const struct rtun_dialer_ops *to = k->cfg->to.ops;
	return pass_on(k, to->dial, req, cb, arg, ret_op);
}

/* Streams of datagrams are streams: who looks into them finds their form in restunnel/datagram.h. */
static int associate(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	struct skeleton *k = obj;
	const struct rtun_dialer_ops *to = k->cfg->to.ops;
	return RTUN_HAS(struct rtun_dialer_ops, to, associate) ? pass_on(k, to->associate, req, cb, arg, ret_op) : -RTUN_ENOTSUP;
}

/* What holds for the dialer behind holds for us: here, whether a frontend must stay on loopback. */
static uint32_t flags(void *obj)
{
	const struct rtun_ref *to = &((struct skeleton *)obj)->cfg->to;
	const struct rtun_dialer_ops *ops = to->ops;
	return RTUN_HAS(struct rtun_dialer_ops, ops, flags) ? ops->flags(to->obj) : 0;
}
/* No dial_early: nobody has to reckon with a stream that is over before its dial is. */
static const struct rtun_dialer_ops dialer = {.size = sizeof(dialer), .dial = dial, .flags = flags, .associate = associate};
static const struct rtun_port provides[] = {{RTUN_DIALER, NULL}};

/* ---- a command: `restunnel skeleton-count`, and the same in the dashboard's API ---- */

static void count(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	const struct skeleton *k = ctx->self;
	struct rtun_value *v = rtun_object(ctx);
	(void)args;
	rtun_set_text(ctx, v, "label", k->cfg->label);
	rtun_set_int(ctx, v, "streams", (int64_t)k->streams);
	rtun_set_int(ctx, v, "bytes", (int64_t)k->bytes);
	rtun_reply_ok(&reply, v);
}
static const struct rtun_view count_view[] = {
	{"label", "label", RTUN_V_TEXT, 0}, {"streams", "streams", RTUN_V_TEXT, 0}, {"bytes", "bytes", RTUN_V_BYTES, 0}};
static const struct rtun_command commands[] = {
	{.name = "skeleton-count", .doc = "Tell how many streams and bytes have passed.", .example = "restunnel skeleton-count --json",
	 .run = count, .view = RTUN_LIST(count_view), .flags = RTUN_CMD_READONLY},
};

/* ---- lifecycle: module.h draws it; what is NULL does nothing ---- */

static int create(struct rtun_ctx *ctx, const void *cfg)
{
	struct skeleton *k = calloc(1, sizeof(*k));
	if (!k)
		return -RTUN_ENOMEM;
	k->ctx = ctx;
	k->cfg = cfg;
	ctx->self = k;
	return rtun_provide(ctx, RTUN_DIALER, &dialer, k);
}

static int reload(struct rtun_ctx *ctx, const void *cfg)
{
	struct skeleton *k = ctx->self;
	k->cfg = cfg;
	return 0;
}

static void destroy(struct rtun_ctx *ctx)
{
	free(ctx->self);
}

/* No `.needs`: it opens nothing after `prepare`; what it dials through declares its own. */
RTUN_MODULE(skeleton, .version = "1", .summary = "a dialer that counts and limits another one's streams", .license = "BSD-2-Clause",
	    .schema = &schema, .provides = RTUN_LIST(provides), .commands = RTUN_LIST(commands), .events = RTUN_LIST(events),
	    .create = create, .reload = reload, .destroy = destroy);
