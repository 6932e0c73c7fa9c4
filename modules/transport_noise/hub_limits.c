/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hub_limits.c - what a device may be used for: kept, shown, and brought to bear on its tunnel.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hub.h"
#include "transport_commands.h"

/* ---- bringing to bear ---- */

uint64_t limits_total(const struct device *d, bool *ret_active)
{
	struct mux_counters sums = {0};
	if (d->tunnel)
		peer_sum(d->tunnel, &sums);
	*ret_active = sums.streams != 0;
	return sums.bytes_in + sums.bytes_out;
}

/* The month's bytes are used up: what is open ends, the tunnel stays. */
static void on_spent(void *arg)
{
	struct peer *p = arg;
	uint64_t used = usage_of(&p->hub->usage, p->device);
	if (used < p->device->limits.monthly) { /* another month has begun */
		limits_apply(p);
		return;
	}
	rtun_log(p->hub->ctx, RTUN_WARN, "%s has passed its bytes of this month (%" PRIu64 "): its streams end, and it takes no more", p->device->name, used);
	for (struct conn *c = p->tunnel ? p->tunnel->conns : NULL; c; c = c->next)
		mux_end_streams(c->mux, RTUN_EOVERLOAD);
}

static void set_meters(struct peer *p)
{
	struct tunnel *const tunnels[] = {p->tunnel, p->next};
	for (int i = 0; i < 2; i++)
		for (struct conn *c = tunnels[i] ? tunnels[i]->conns : NULL; c; c = c->next)
			mux_meter(c->mux, p->meter);
}

void limits_apply(struct peer *p)
{
	const struct device_limits *l = &p->device->limits;
	struct meter *old = p->meter;
	bool needed = l->up || l->down || l->monthly;
	uint64_t used = usage_of(&p->hub->usage, p->device);
	if (needed && !old && meter_create(p->hub->ctx, on_spent, p, &p->meter) < 0)
		rtun_log(p->hub->ctx, RTUN_ERROR, "the limits of %s have no effect: out of memory", p->device->name);
	if (!needed)
		p->meter = NULL;
	if (p->meter != old)
		set_meters(p);
	if (!needed)
		meter_destroy(&old);
	if (!p->meter)
		return;
	p->month = p->device->usage.month;
	meter_set(p->meter, l->up / 8, l->down / 8);
	p->meter->left = UINT64_MAX;
	if (!l->monthly)
		return;
	p->meter->left = l->monthly; /* then as if all of it had come just now */
	meter_spend(p->meter, used);
}

const char *limits_reached(struct peer *p)
{
	const struct device_limits *l = &p->device->limits;
	struct mux_counters sums;
	if (l->streams) {
		peer_sum(p, &sums);
		snprintf(p->limit, sizeof(p->limit), "limit reached: %" PRIu64 " connection%s through exit %.32s", l->streams,
			 l->streams == 1 ? "" : "s", p->device->name);
		if (sums.streams >= l->streams)
			return p->limit;
	}
	if (!l->monthly)
		return NULL;
	uint64_t used = usage_of(&p->hub->usage, p->device);
	if (p->month != p->device->usage.month)
		limits_apply(p);
	snprintf(p->limit, sizeof(p->limit), "limit reached: exit %.32s has passed its bytes of this month", p->device->name);
	return used >= l->monthly ? p->limit : NULL;
}

/* ---- showing ---- */

void limits_status(struct hub *h, struct rtun_status *s)
{
	for (uint32_t i = 0; i < h->devices->count; i++) {
		struct peer *p = h->devices->items[i]->tunnel;
		const char *reached = p && p->tunnel ? limits_reached(p) : NULL;
		if (!reached)
			continue;
		s->state = RTUN_STATE_DEGRADED;
		snprintf(s->code, sizeof(s->code), "limit-reached");
		snprintf(s->text, sizeof(s->text), "%s", reached);
		snprintf(s->remedy, sizeof(s->remedy), "`restunnel limit %s` shows its limits, and changes them", p->device->name);
		return;
	}
}

static void set_or_null(struct rtun_ctx *ctx, struct rtun_value *v, const char *key, uint64_t n)
{
	if (n)
		rtun_set_int(ctx, v, key, (int64_t)n);
	else
		rtun_set_null(ctx, v, key);
}

struct unit {
	uint64_t factor;
	const char *name;
};
static const struct unit rates[] = {{1000000000, "Gbit"}, {1000000, "Mbit"}, {1000, "kbit"}, {1, "bit"}};
static const struct unit sizes[] = {{1ULL << 40, "TiB"}, {1ULL << 30, "GiB"}, {1ULL << 20, "MiB"}, {1ULL << 10, "KiB"}, {1, "B"}};
static const struct unit ones[] = {{1, ""}};

/* As one would type it. */
static void set_words(struct rtun_ctx *ctx, struct rtun_value *v, const char *key, uint64_t limit, const struct unit *units)
{
	char buf[32];
	while (limit % units->factor)
		units++;
	snprintf(buf, sizeof(buf), "%" PRIu64 "%s", limit / units->factor, units->name);
	rtun_set_text(ctx, v, key, limit ? buf : "no limit");
}

void limits_set(struct rtun_ctx *ctx, struct rtun_value *v, struct hub *h, struct device *d)
{
	struct peer *p = d->tunnel;
	set_or_null(ctx, v, "streams_limit", d->limits.streams);
	set_or_null(ctx, v, "up_limit_bps", d->limits.up);
	set_or_null(ctx, v, "down_limit_bps", d->limits.down);
	set_or_null(ctx, v, "month_limit_bytes", d->limits.monthly);
	rtun_set_int(ctx, v, "month_bytes", (int64_t)usage_of(&h->usage, d));
	rtun_set_text(ctx, v, "limit_reached", p ? limits_reached(p) : NULL);
}

void hub_limit_metrics(struct rtun_ctx *ctx, const struct rtun_metric *metric, struct rtun_metric_sink *sink)
{
	const struct transport *t = ctx->self;
	for (uint32_t i = 0; t->hub && t->hub->devices && i < t->hub->devices->count; i++) {
		struct device *d = t->hub->devices->items[i];
		const struct device_limits *l = &d->limits;
		const struct { const char *name, *direction; uint64_t value; bool show; } rows[] = {
			{"restunnel_limit_streams", NULL, l->streams, l->streams},
			{"restunnel_limit_bytes_per_second", "in", l->down / 8, l->down},
			{"restunnel_limit_bytes_per_second", "out", l->up / 8, l->up},
			{"restunnel_limit_month_bytes", NULL, l->monthly, l->monthly},
			{"restunnel_month_bytes", NULL, usage_of(&t->hub->usage, d), true},
		};
		for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
			const char *labels[] = {d->name, rows[k].direction};
			if (rows[k].show && strcmp(rows[k].name, metric->name) == 0)
				rtun_metric(sink, (double)rows[k].value, labels, rows[k].direction ? 2 : 1);
		}
	}
}

/* ---- the verb ---- */

static void take(uint64_t arg, uint64_t *limit)
{
	if (arg)
		*limit = arg == RTUN_NONE ? 0 : arg;
}

void command_limit(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	const struct args_limit *a = args;
	struct hub *h = hub_of_call(ctx, reply);
	struct device *d = h ? hub_device_of(h, a->device, reply) : NULL;
	char error[DEVICE_ERROR];
	int r;
	if (!d)
		return;
	struct device_limits l = d->limits;
	take(a->streams, &l.streams);
	take(a->up, &l.up);
	take(a->down, &l.down);
	take(a->monthly, &l.monthly);
	if (memcmp(&l, &d->limits, sizeof(l)) != 0) {
		if ((r = device_limit(h->devices, d, &l, error)) < 0) {
			hub_reply_device_error(reply, r, error);
			return;
		}
		if (d->tunnel)
			limits_apply(d->tunnel);
	}
	struct rtun_value *v = rtun_object(ctx);
	rtun_set_text(ctx, v, "name", d->name);
	set_words(ctx, v, "streams", d->limits.streams, ones);
	set_words(ctx, v, "up", d->limits.up, rates);
	set_words(ctx, v, "down", d->limits.down, rates);
	set_words(ctx, v, "monthly", d->limits.monthly, sizes);
	limits_set(ctx, v, h, d);
	rtun_reply_ok(&reply, v);
}
