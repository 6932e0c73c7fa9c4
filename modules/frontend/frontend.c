/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend.c - an instance: listeners, metrics. Whatever leads out is behind `to`.
 */
#include <stdlib.h>
#include <string.h>

#include "frontend.h"
#include "users.h"

/* ---- Events ---- */

static const struct rtun_field users_fields[] = {
	{"users_file", "the file", RTUN_F_TEXT, offsetof(struct frontend_users_event, users_file)},
};

const struct rtun_event_type frontend_users_changed = {
	sizeof(struct rtun_event_type), sizeof(struct frontend_users_event), "users.changed",
	"A password in a users-file was set.", RTUN_LIST(users_fields)};
const struct rtun_event_type *const frontend_events[] = {&frontend_stream_open, &frontend_stream_close, &frontend_stream_refused,
							  &frontend_users_changed};

/* ---- Metrics ---- */

static void collect(struct rtun_ctx *ctx, const struct rtun_metric *metric, struct rtun_metric_sink *sink)
{
	const struct frontend *f = ctx->self;
	(void)metric;
	for (uint32_t i = 0; i < FRONTEND_RESULTS; i++) {
		const char *labels[] = {ctx->instance, frontend_result_word(i)};
		if (i == 0 || f->results[i])
			rtun_metric(sink, (double)f->results[i], labels, 2);
	}
}

static const char *const drop_words[FRONTEND_DROPS] = {
	[FRONTEND_DROP_STRANGER] = "stranger",
	[FRONTEND_DROP_FRAGMENT] = "fragment",
	[FRONTEND_DROP_MALFORMED] = "malformed",
	[FRONTEND_DROP_LOST] = "lost",
};

static void collect_dropped(struct rtun_ctx *ctx, const struct rtun_metric *metric, struct rtun_metric_sink *sink)
{
	const struct frontend *f = ctx->self;
	(void)metric;
	for (uint32_t i = 0; f->o.max_associations && i < FRONTEND_DROPS; i++) {
		const char *labels[] = {ctx->instance, drop_words[i]};
		rtun_metric(sink, (double)f->dropped[i], labels, 2);
	}
}

const struct rtun_metric frontend_metrics[] = {
	{"restunnel_frontend_connections_total", "Clients' requests by how they ended.", "frontend,result", collect,
	 RTUN_M_COUNTER, 0},
	{"restunnel_frontend_datagrams_dropped_total", "Datagrams of and to clients that were dropped, by reason.", "frontend,reason",
	 collect_dropped, RTUN_M_COUNTER, 0},
};

/* ---- Life ---- */

static const void *list_item(const struct rtun_list *l, uint32_t i)
{
	return (const char *)l->items + (size_t)i * l->item_size;
}

int frontend_check(struct rtun_ctx *ctx, const void *cfg)
{
	const struct frontend_options *o = cfg;
	struct users *users = NULL;
	int r = o->users_file ? users_read(ctx, o->users_file, &users) : 0, allow = local_users_check(ctx, &o->allow_users);
	users_free(&users);
	return allow < 0 ? allow : r;
}

static bool is_exposed(const struct rtun_endpoint *e)
{
	static const uint8_t localhost[16] = {[15] = 1};
	return !e->path && (e->addr.family == 4 ? e->addr.ip[0] != 127 : memcmp(e->addr.ip, localhost, 16) != 0);
}

/* No open relay, even misconfigured; and who comes from elsewhere is no user of this machine. */
static int judge_exposure(struct rtun_ctx *ctx, const struct frontend_options *o)
{
	const struct rtun_dialer_ops *ops = o->to.ops;
	bool direct = ops && RTUN_HAS(struct rtun_dialer_ops, ops, flags) && (ops->flags(o->to.obj) & RTUN_DIALER_DIRECT);
	for (uint32_t i = 0; i < o->listen.count; i++) {
		const struct rtun_endpoint *e = list_item(&o->listen, i);
		if (is_exposed(e) && direct)
			return rtun_conf_error(ctx, "listen", "listen on 127.0.0.1, [::1] or unix:/path",
					       "%s can be reached by other machines, and connections leave from this very machine: that would be an open relay", e->text);
		if (is_exposed(e) && o->allow_users.count)
			return rtun_conf_error(ctx, "listen", "listen on 127.0.0.1, [::1] or unix:/path; or remove allow-users",
					       "%s can be reached by other machines, whose users allow-users can't tell", e->text);
	}
	return 0;
}

int frontend_create(struct rtun_ctx *ctx, const struct frontend_options *o, const struct frontend_protocol *protocol)
{
	struct frontend *f = calloc(1, sizeof(*f));
	if (!f)
		return -RTUN_ENOMEM;
	ctx->self = f;
	f->ctx = ctx;
	f->protocol = protocol;
	f->o = *o;
	int r = judge_exposure(ctx, o);
	return r ? r : frontend_verify_create(f);
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

static int listen_on(struct frontend *f, const struct rtun_endpoint *e, const struct rtun_list *uids)
{
	struct rtun_listen_req req = {.size = sizeof(req), .endpoint = e, .accept = accepted, .arg = f, .users = *uids};
	int r = rtun_listen(f->ctx, &req, &f->listeners[f->listener_count]);
	if (r < 0)
		return r;
	f->listener_count++;
	return local_users_open(f->ctx, e, uids);
}

static int listen_all(struct frontend *f)
{
	const struct rtun_list *l = &f->o.listen;
	uint32_t *uids;
	int r = local_users_find(&f->o.allow_users, &uids);
	struct rtun_list allowed = {uids, f->o.allow_users.count, sizeof(*uids)};
	f->listeners = calloc(l->count + 1U, sizeof(struct rtun_listener *));
	if (!f->listeners)
		r = -RTUN_ENOMEM;
	for (uint32_t i = 0; !r && i < l->count; i++)
		r = listen_on(f, list_item(l, i), &allowed);
	free(uids);
	return r;
}

static void users_changed(void *arg, const struct rtun_event_type *type, const char *instance, const void *payload)
{
	struct frontend *f = arg;
	const struct frontend_users_event *e = payload;
	(void)type, (void)instance;
	if (f->o.users_file && strcmp(f->o.users_file, e->users_file) == 0)
		frontend_verify_load(f, f->o.users_file);
}

int frontend_prepare(struct rtun_ctx *ctx)
{
	struct frontend *f = ctx->self;
	int r = frontend_verify_load(f, f->o.users_file);
	if (!r)
		r = rtun_subscribe(ctx, "device.changed", changed, f, &f->news[0]);
	if (!r)
		r = rtun_subscribe(ctx, "config.reloaded", changed, f, &f->news[1]);
	if (!r)
		r = rtun_subscribe(ctx, "default.changed", changed, f, &f->news[3]);
	if (!r)
		r = rtun_subscribe(ctx, frontend_users_changed.name, users_changed, f, &f->news[2]);
	return r ? r : listen_all(f);
}

int frontend_reload(struct rtun_ctx *ctx, const void *cfg)
{
	struct frontend *f = ctx->self;
	struct rtun_ref to = f->o.to; /* can't change without a restart */
	int r = frontend_verify_load(f, ((const struct frontend_options *)cfg)->users_file);
	if (r)
		return r;
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
	for (struct frontend_conn *c = f->conns; c; c = c->next)
		c->f = NULL;
	for (int i = 0; i < (int)(sizeof(f->news) / sizeof(f->news[0])); i++)
		rtun_unsubscribe(&f->news[i]);
	frontend_passwd_stop(f);
	frontend_verify_destroy(f);
	free(f->listeners);
	free(f);
	ctx->self = NULL;
}
