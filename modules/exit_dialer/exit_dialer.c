/* SPDX-License-Identifier: BSD-2-Clause
 *
 * exit_dialer.c - rtun.dialer/1: connections and datagrams leave from this very machine, to what its filter allows.
 */
#include <ares.h>
#include <stdio.h>
#include <stdlib.h>

#include "exit_dialer.h"

#define S struct exit_dialer_options
static const struct rtun_option rows[] = {
	RTUN_REF(S, filter, RTUN_FILTER, RTUN_REQUIRED, NULL,
		 "The instance that says which destinations are allowed; nothing is dialled without one."),
	RTUN_DURATION(S, connect_timeout, "10s", 100 * RTUN_MS, 300 * RTUN_S, RTUN_RELOADABLE, NULL,
		      "How long a destination may take to answer."),
	RTUN_DURATION(S, dns_timeout, "5s", 100 * RTUN_MS, 60 * RTUN_S, RTUN_RELOADABLE, NULL,
		      "How long the name servers may take to answer."),
	RTUN_INT(S, max_connections, "16384", 1, 1000000, RTUN_RELOADABLE, NULL,
		 "How many connections may be open or under way at once."),
	RTUN_INT(S, max_associations, "1024", 1, 1000000, RTUN_RELOADABLE, NULL,
		 "How many associations, which send and receive datagrams, may be open at once; each takes up to two sockets."),
	RTUN_DURATION(S, association_timeout, "10m", RTUN_S, 24 * 3600 * RTUN_S, RTUN_RELOADABLE, NULL,
		      "An association ends when no datagram has come or gone for so long."),
	RTUN_INT(S, association_peers, "1024", 1, 65536, RTUN_RELOADABLE, NULL,
		 "From how many addresses one association expects answers; beyond that, those that it sent to least lately are forgotten."),
	RTUN_SIZE(S, association_buffer, "128KiB", 4096, 16777216, RTUN_RELOADABLE, NULL,
		  "How much of what comes for one association may wait for the tunnel to take it, per socket; more is dropped."),
	RTUN_FILE(S, resolv_conf, "/etc/resolv.conf", RTUN_RELOADABLE, NULL,
		  "Where the name servers are listed; read for each look-up. Search domains and /etc/hosts are never used."),
};
#undef S
static const struct rtun_schema schema = RTUN_SCHEMA(struct exit_dialer_options, rows);

static uint32_t flags(void *obj)
{
	(void)obj;
	return RTUN_DIALER_DIRECT;
}

static const struct rtun_dialer_ops dialer_ops = {.size = sizeof(dialer_ops), .dial = exit_dialer_dial, .flags = flags,
						   .associate = exit_dialer_associate};

static int create(struct rtun_ctx *ctx, const void *cfg)
{
	const struct exit_dialer_options *o = cfg;
	const struct rtun_filter_ops *filter = o->filter.ops;
	struct exit_dialer *d;
	if (!filter || !RTUN_HAS(struct rtun_filter_ops, filter, name) || !RTUN_HAS(struct rtun_filter_ops, filter, addresses))
		return rtun_conf_error(ctx, "filter", "use an ipfilter: {module: ipfilter}", "this filter can't judge both names and addresses");
	d = calloc(1, sizeof(*d));
	if (!d)
		return -RTUN_ENOMEM;
	ctx->self = d;
	d->ctx = ctx;
	d->o = *o;
	d->load = calloc(1, sizeof(*d->load));
	if (!d->load || ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		return -RTUN_ENOMEM;
	return rtun_provide(ctx, RTUN_DIALER, &dialer_ops, d);
}

static int reload(struct rtun_ctx *ctx, const void *cfg)
{
	struct exit_dialer *d = ctx->self;
	struct rtun_ref filter = d->o.filter; /* can't change without a restart */
	d->o = *(const struct exit_dialer_options *)cfg;
	d->o.filter.ops = filter.ops;
	d->o.filter.obj = filter.obj;
	return 0;
}

static int start(struct rtun_ctx *ctx)
{
	struct exit_dialer *d = ctx->self;
	const struct rtun_filter_ops *filter = d->o.filter.ops;
	d->nat64 = (struct exit_dialer_nat64){.ctx = ctx, .filter = &d->o.filter, .resolv_conf = &d->o.resolv_conf,
					      .patience = &d->o.dns_timeout, .told = exit_dialer_dial_go_on, .arg = d};
	return RTUN_HAS(struct rtun_filter_ops, filter, translated) ? exit_dialer_nat64_start(&d->nat64) : 0;
}

static void stop(struct rtun_ctx *ctx)
{
	exit_dialer_nat64_stop(&((struct exit_dialer *)ctx->self)->nat64);
	exit_dialer_dial_stop(ctx->self);
	exit_dialer_associations_stop(ctx->self);
}

static void destroy(struct rtun_ctx *ctx)
{
	struct exit_dialer *d = ctx->self;
	if (!d)
		return;
	if (d->load && d->load->open > 0)
		d->load->orphan = true;
	else
		free(d->load);
	ares_library_cleanup();
	free(d);
	ctx->self = NULL;
}

static void status(struct rtun_ctx *ctx, struct rtun_status *st)
{
	const struct exit_dialer *d = ctx->self;
	unsigned long long open = d->load->open, most = d->o.max_connections;
	snprintf(st->text, sizeof(st->text), "%llu of at most %llu connections open", open, most);
	if (open < most)
		return;
	st->state = RTUN_STATE_DEGRADED;
	snprintf(st->code, sizeof(st->code), "max-connections");
	snprintf(st->remedy, sizeof(st->remedy), "raise max-connections, or look for a program that leaves connections open");
}

static const char *const drop_words[EXIT_DIALER_DROPS] = {
	[EXIT_DIALER_DROP_REFUSED] = "refused",     [EXIT_DIALER_DROP_UNEXPECTED] = "unexpected", [EXIT_DIALER_DROP_NAME] = "name",
	[EXIT_DIALER_DROP_MALFORMED] = "malformed", [EXIT_DIALER_DROP_LOST] = "lost",
};

static void collect_dropped(struct rtun_ctx *ctx, const struct rtun_metric *metric, struct rtun_metric_sink *sink)
{
	const struct exit_dialer *d = ctx->self;
	(void)metric;
	for (uint32_t i = 0; i < EXIT_DIALER_DROPS; i++) {
		const char *labels[] = {ctx->instance, drop_words[i]};
		rtun_metric(sink, (double)d->dropped[i], labels, 2);
	}
}

static const struct rtun_metric metrics[] = {
	{"restunnel_dialer_datagrams_dropped_total", "Datagrams that were dropped, both ways, by reason.", "dialer,reason", collect_dropped,
	 RTUN_M_COUNTER, 0},
};

static const struct rtun_port provides[] = {{RTUN_DIALER, NULL}};

static const struct rtun_need needs[] = {{RTUN_NEED_CONNECT, NULL}, {RTUN_NEED_RESOLVE, NULL}, {RTUN_NEED_UDP, NULL}};

RTUN_MODULE(exit_dialer, .version = "1", .summary = "connects, and sends datagrams, from this machine to destinations that its filter allows",
	    .license = "BSD-2-Clause", .schema = &schema, .provides = RTUN_LIST(provides), .create = create, .start = start,
	    .reload = reload, .stop = stop, .destroy = destroy, .status = status, .metrics = RTUN_LIST(metrics), .needs = RTUN_LIST(needs));
