/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hub_report.c - what nodes say of themselves (report.h): taken, shown, measured. It is their word, and decides nothing.
 */
#include <string.h>

#include "hub.h"

/* Its program is as old as it was when the session began: what it says later is the same, give or take a second. */
void hub_report_take(struct tunnel *t, const uint8_t *info, uint32_t len)
{
	struct report r;
	if (!report_read(info, len, &r))
		return;
	int64_t started = rtun_wall(t->peer->hub->ctx) / 1000 - r.uptime;
	t->report = r;
	if (r.uptime != UPTIME_UNKNOWN && !t->started_at && started > 0)
		t->started_at = started;
	t->reported = true;
}

static void set_int(struct rtun_ctx *ctx, struct rtun_value *v, const char *key, bool known, uint64_t n)
{
	if (known)
		rtun_set_int(ctx, v, key, (int64_t)n);
	else
		rtun_set_null(ctx, v, key);
}

void hub_report_set(struct rtun_ctx *ctx, struct rtun_value *v, const struct tunnel *t)
{
	bool known = t && t->reported;
	const struct report *r = known ? &t->report : &(const struct report){.machine.battery = BATTERY_UNKNOWN};
	set_int(ctx, v, "battery_percent", r->machine.battery != BATTERY_UNKNOWN, r->machine.battery);
	rtun_set_text(ctx, v, "power", machine_power_names[r->machine.power]);
	rtun_set_text(ctx, v, "network", machine_network_names[r->machine.network]);
	rtun_set_time(ctx, v, "started_at", known ? t->started_at : 0);
	set_int(ctx, v, "node_rtt_ms", r->rtt, ((uint64_t)r->rtt + 500) / 1000);
	set_int(ctx, v, "node_streams_total", known && r->streams != COUNT_UNKNOWN, r->streams);
	set_int(ctx, v, "node_denied_total", known && r->denied != COUNT_UNKNOWN, r->denied);
}

void hub_report_metrics(struct rtun_ctx *ctx, const struct rtun_metric *metric, struct rtun_metric_sink *sink)
{
	const struct transport *t = ctx->self;
	for (uint32_t i = 0; t->hub && t->hub->devices && i < t->hub->devices->count; i++) {
		const struct device *d = t->hub->devices->items[i];
		const struct peer *p = d->tunnel;
		const struct tunnel *of = p ? p->tunnel : NULL;
		const char *label = d->name;
		if (!of || !of->reported)
			continue;
		if (strcmp(metric->name, "restunnel_exit_battery_percent") == 0 && of->report.machine.battery != BATTERY_UNKNOWN)
			rtun_metric(sink, of->report.machine.battery, &label, 1);
		else if (strcmp(metric->name, "restunnel_exit_on_battery") == 0 && of->report.machine.power != POWER_UNKNOWN)
			rtun_metric(sink, of->report.machine.power == POWER_BATTERY, &label, 1);
		else if (strcmp(metric->name, "restunnel_exit_start_time_seconds") == 0 && of->started_at)
			rtun_metric(sink, (double)of->started_at, &label, 1);
	}
}
