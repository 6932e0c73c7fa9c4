/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend.c - an instance: listeners, events, metrics. Whatever leads out is behind `to`.
 */
#include <stdio.h>
#include <stdlib.h>

#include "frontend.h"

/* ---- Events ---- */

#define E(member) offsetof(struct frontend_stream_event, member)
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

const struct rtun_event_type frontend_stream_open = {
	sizeof(struct rtun_event_type), sizeof(struct frontend_stream_event), "stream.open",
	"A client's connection has reached its target.", RTUN_LIST(open_fields)};
const struct rtun_event_type frontend_stream_close = {
	sizeof(struct rtun_event_type), sizeof(struct frontend_stream_event), "stream.close",
	"A client's connection has ended.", RTUN_LIST(close_fields)};
const struct rtun_event_type *const frontend_events[] = {&frontend_stream_open, &frontend_stream_close};

/* ---- Metrics ---- */

static const char *const result_words[FRONTEND_RESULTS] = {
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
	[FRONTEND_RESULT_PROTOCOL] = "protocol",
	[FRONTEND_RESULT_LOGIN] = "login",
	[FRONTEND_RESULT_ABANDONED] = "abandoned",
};

static void collect(struct rtun_ctx *ctx, const struct rtun_metric *metric, struct rtun_metric_sink *sink)
{
	const struct frontend *f = ctx->self;
	(void)metric;
	for (uint32_t i = 0; i < FRONTEND_RESULTS; i++) {
		const char *labels[] = {ctx->instance, result_words[i]};
		if (i == 0 || f->results[i])
			rtun_metric(sink, (double)f->results[i], labels, 2);
	}
}

const struct rtun_metric frontend_metrics[] = {
	{"restunnel_frontend_connections_total", "Clients' requests by how they ended.", "frontend,result", collect,
	 RTUN_M_COUNTER, 0},
};

/* ---- Life ---- */

int frontend_create(struct rtun_ctx *ctx, const struct frontend_options *o, const struct frontend_protocol *protocol)
{
	struct frontend *f = calloc(1, sizeof(*f));
	if (!f)
		return -RTUN_ENOMEM;
	ctx->self = f;
	f->ctx = ctx;
	f->protocol = protocol;
	f->o = *o;
	return 0;
}

static void changed(void *arg, const struct rtun_event_type *type, const char *instance, const void *payload)
{
	struct frontend *f = arg;
	(void)type, (void)instance, (void)payload;
	f->changes++;
}

static void accepted(void *arg, struct rtun_stream **s, const struct rtun_addr *peer)
{
	(void)peer;
	frontend_conn_open(arg, s);
}

int frontend_prepare(struct rtun_ctx *ctx)
{
	struct frontend *f = ctx->self;
	const struct rtun_list *l = &f->o.listen;
	f->listeners = calloc(l->count + 1U, sizeof(struct rtun_listener *));
	if (!f->listeners)
		return -RTUN_ENOMEM;
	if (rtun_subscribe(ctx, "device.changed", changed, f, &f->news[0]) < 0 ||
	    rtun_subscribe(ctx, "config.reloaded", changed, f, &f->news[1]) < 0)
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

int frontend_reload(struct rtun_ctx *ctx, const void *cfg)
{
	struct frontend *f = ctx->self;
	struct rtun_ref to = f->o.to; /* can't change without a restart */
	f->o = *(const struct frontend_options *)cfg;
	f->o.to.ops = to.ops;
	f->o.to.obj = to.obj;
	f->changes++;
	return 0;
}

void frontend_drain(struct rtun_ctx *ctx, uint64_t ns)
{
	struct frontend *f = ctx->self;
	(void)ns;
	f->draining = true;
	frontend_conn_drain_all(f);
	for (uint32_t i = 0; i < f->listener_count; i++)
		rtun_unlisten(&f->listeners[i]);
}

void frontend_stop(struct rtun_ctx *ctx)
{
	frontend_drain(ctx, 0);
	frontend_conn_close_all(ctx->self);
}

void frontend_destroy(struct rtun_ctx *ctx)
{
	struct frontend *f = ctx->self;
	if (!f)
		return;
	for (int i = 0; i < 2; i++)
		rtun_unsubscribe(&f->news[i]);
	free(f->listeners);
	free(f);
	ctx->self = NULL;
}

void frontend_status(struct rtun_ctx *ctx, struct rtun_status *st)
{
	const struct frontend *f = ctx->self;
	snprintf(st->text, sizeof(st->text), "%u of at most %llu clients connected", f->conn_count,
		 (unsigned long long)f->o.max_connections);
	if (f->conn_count < f->o.max_connections)
		return;
	st->state = RTUN_STATE_DEGRADED;
	snprintf(st->code, sizeof(st->code), "max-connections");
	snprintf(st->remedy, sizeof(st->remedy), "raise max-connections, or look for a program that leaves connections open");
}
