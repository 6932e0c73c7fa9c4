/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend_connect.c - an HTTP proxy for this machine's own programs. Whatever leads out is behind `to`.
 */
#include <stdio.h>
#include <stdlib.h>

#include "frontend_connect.h"

#define S struct connect_options
static const struct rtun_option rows[] = {
	RTUN_LISTEN(S, listen, "127.0.0.1:1081", RTUN_LOCAL, NULL,
		    "Where programs connect to: \"127.0.0.1:1081\", \"[::1]:1081\", \"unix:/path\", or a list of them; loopback only."),
	RTUN_REF(S, to, RTUN_DIALER, RTUN_REQUIRED, NULL,
		 "The instance through which connections leave: a tunnel or an exit_dialer."),
	RTUN_NAME(S, exit, NULL, RTUN_RELOADABLE, NULL,
		  "The exit for connections whose username doesn't name one; without it the best connected exit."),
	RTUN_CHOICE(S, username, "off|optional|required", "optional", RTUN_RELOADABLE, NULL,
		    "Whether the username of the proxy's URL chooses the exit; required answers 407 without one. The password is ignored."),
	RTUN_DURATION(S, half_close_timeout, "1h", 0, 0, RTUN_RELOADABLE, NULL,
		      "How long the other direction may go on after one side has said that it will send no more; 0s: no limit."),
	RTUN_INT(S, max_connections, "4096", 1, 1000000, RTUN_RELOADABLE, NULL,
		 "How many clients may be connected at once; more get 503."),
};
#undef S
static const struct rtun_schema schema = RTUN_SCHEMA(struct connect_options, rows);

/* ---- Events ---- */

#define E(member) offsetof(struct connect_stream_event, member)
static const struct rtun_field open_fields[] = {
	{"exit", "the exit it leaves from; unknown where there is only one", RTUN_F_TEXT, E(exit)},
	{"frontend", "the entry that the client connected to", RTUN_F_TEXT, E(frontend)},
};
static const struct rtun_field close_fields[] = {
	{"exit", "the exit it left from; unknown where there is only one", RTUN_F_TEXT, E(exit)},
	{"frontend", "the entry that the client connected to", RTUN_F_TEXT, E(frontend)},
	{"result", "how it ended", RTUN_F_ERR, E(result)},
	{"bytes_in", "bytes that the client received", RTUN_F_U64, E(bytes_in)},
	{"bytes_out", "bytes that the client sent", RTUN_F_U64, E(bytes_out)},
};
#undef E

const struct rtun_event_type connect_stream_open = {
	sizeof(struct rtun_event_type), sizeof(struct connect_stream_event), "stream.open",
	"A client's connection has reached its target.", RTUN_LIST(open_fields)};
const struct rtun_event_type connect_stream_close = {
	sizeof(struct rtun_event_type), sizeof(struct connect_stream_event), "stream.close",
	"A client's connection has ended.", RTUN_LIST(close_fields)};
static const struct rtun_event_type *const events[] = {&connect_stream_open, &connect_stream_close};

/* ---- Metrics ---- */

static const char *const result_words[CONNECT_RESULTS] = {
	[0] = "ok",
	[RTUN_EREFUSED] = "refused",
	[RTUN_EUNREACHABLE] = "unreachable",
	[RTUN_ETIMEOUT] = "timeout",
	[RTUN_EDENIED] = "denied",
	[RTUN_EDNS] = "dns",
	[RTUN_ENOEXIT] = "no_exit",
	[RTUN_EOVERLOAD] = "overload",
	[RTUN_ERESET] = "reset",
	[RTUN_ETRUNCATED] = "truncated",
	[RTUN_EINTERNAL] = "internal",
	[RTUN_EADDRTYPE] = "addrtype",
	[RTUN_ESELECTOR] = "selector",
	[CONNECT_RESULT_PROTOCOL] = "protocol",
	[CONNECT_RESULT_LOGIN] = "login",
	[CONNECT_RESULT_ABANDONED] = "abandoned",
};

static void collect(struct rtun_ctx *ctx, const struct rtun_metric *metric, struct rtun_metric_sink *sink)
{
	const struct connect_frontend *f = ctx->self;
	(void)metric;
	for (uint32_t i = 0; i < CONNECT_RESULTS; i++) {
		const char *labels[] = {ctx->instance, result_words[i]};
		if (i == 0 || f->results[i])
			rtun_metric(sink, (double)f->results[i], labels, 2);
	}
}

static const struct rtun_metric metrics[] = {
	{"restunnel_frontend_connections_total", "Clients' connections by how their request ended.", "frontend,result", collect,
	 RTUN_M_COUNTER, 0},
};

/* ---- Life ---- */

static int create(struct rtun_ctx *ctx, const void *cfg)
{
	struct connect_frontend *f = calloc(1, sizeof(*f));
	if (!f)
		return -RTUN_ENOMEM;
	ctx->self = f;
	f->ctx = ctx;
	f->o = *(const struct connect_options *)cfg;
	return 0;
}

static void accepted(void *arg, struct rtun_stream **s, const struct rtun_addr *peer)
{
	(void)peer;
	connect_conn_open(arg, s);
}

static int prepare(struct rtun_ctx *ctx)
{
	struct connect_frontend *f = ctx->self;
	const struct rtun_list *l = &f->o.listen;
	f->listeners = calloc(l->count + 1U, sizeof(struct rtun_listener *));
	if (!f->listeners)
		return -RTUN_ENOMEM;
	for (; f->listener_count < l->count; f->listener_count++) {
		const void *endpoint = (const char *)l->items + (size_t)f->listener_count * l->item_size;
		struct rtun_listen_req req = {.size = sizeof(req), .endpoint = endpoint, .accept = accepted, .arg = f};
		int r = rtun_listen(ctx, &req, &f->listeners[f->listener_count]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int reload(struct rtun_ctx *ctx, const void *cfg)
{
	struct connect_frontend *f = ctx->self;
	struct rtun_ref to = f->o.to; /* can't change without a restart */
	f->o = *(const struct connect_options *)cfg;
	f->o.to.ops = to.ops;
	f->o.to.obj = to.obj;
	return 0;
}

static void drain(struct rtun_ctx *ctx, uint64_t ns)
{
	struct connect_frontend *f = ctx->self;
	(void)ns;
	for (uint32_t i = 0; i < f->listener_count; i++)
		rtun_unlisten(&f->listeners[i]);
}

static void stop(struct rtun_ctx *ctx)
{
	drain(ctx, 0);
	connect_conn_close_all(ctx->self);
}

static void destroy(struct rtun_ctx *ctx)
{
	struct connect_frontend *f = ctx->self;
	if (!f)
		return;
	free(f->listeners);
	free(f);
	ctx->self = NULL;
}

static void status(struct rtun_ctx *ctx, struct rtun_status *st)
{
	const struct connect_frontend *f = ctx->self;
	snprintf(st->text, sizeof(st->text), "%u of at most %llu clients connected", f->conn_count,
		 (unsigned long long)f->o.max_connections);
	if (f->conn_count < f->o.max_connections)
		return;
	st->state = RTUN_STATE_DEGRADED;
	snprintf(st->code, sizeof(st->code), "max-connections");
	snprintf(st->remedy, sizeof(st->remedy), "raise max-connections, or look for a program that leaves connections open");
}

RTUN_MODULE(frontend_connect, .version = "1", .summary = "HTTP proxy (CONNECT) on this machine, for its own programs",
	    .license = "BSD-2-Clause", .schema = &schema, .events = RTUN_LIST(events), .metrics = RTUN_LIST(metrics),
	    .create = create, .prepare = prepare, .reload = reload, .drain = drain, .stop = stop, .destroy = destroy,
	    .status = status);
