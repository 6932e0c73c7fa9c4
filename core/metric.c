/* SPDX-License-Identifier: BSD-2-Clause
 *
 * metric.c - metrics of all instances as Prometheus text.
 */
#include <config.h>

#include "metric.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_state.h"
#include "event.h"
#include "loop.h"
#include "process.h"
#include "value.h"

struct rtun_metric_sink {
	struct rtun_object object;
	FILE *out;
	const struct rtun_metric *metric;
	const char *instance; /* NULL: no label of this name */
};

static void metric_label(FILE *out, const char *name, size_t name_len, const char *value, bool first)
{
	if (!first) putc_unlocked(',', out);
	fwrite_unlocked(name, 1, name_len, out);
	fputs_unlocked("=\"", out);
	for (; value && *value; value++) {
		if (*value == '\n' || *value == '\\' || *value == '"') putc_unlocked('\\', out);
		putc_unlocked(*value == '\n' ? 'n' : *value, out);
	}
	putc_unlocked('"', out);
}

static void metric_number(FILE *out, double value)
{
	char text[40];
	if (value > -1e15 && value < 1e15 && !((double)(int64_t)value < value) && !((double)(int64_t)value > value)) {
		fprintf(out, " %lld\n", (long long)value); /* nearly all are whole, and many */
		return;
	}
	snprintf(text, sizeof(text), "%.15g", value); /* 0.1, not 0.10000000000000001, where it is the same */
	if (strtod(text, NULL) < value || strtod(text, NULL) > value) snprintf(text, sizeof(text), "%.17g", value);
	if (isnan(value))
		fputs(" NaN\n", out);
	else if (isinf(value))
		fputs(value < 0 ? " -Inf\n" : " +Inf\n", out);
	else
		fprintf(out, " %s\n", text);
}

void host_metric(struct rtun_metric_sink *sink, double value, const char *const *label_values, uint32_t n)
{
	const char *names = sink->metric->labels ? sink->metric->labels : "";
	bool first = true;
	fputs_unlocked(sink->metric->name, sink->out);
	if (*names || sink->instance) putc_unlocked('{', sink->out);
	for (uint32_t i = 0; *names; i++) {
		size_t len = strcspn(names, ",");
		metric_label(sink->out, names, len, i < n ? label_values[i] : "", first);
		first = false;
		names += len + (names[len] == ',');
	}
	if (sink->instance) metric_label(sink->out, "instance", strlen("instance"), sink->instance, first);
	if (!first || sink->instance) putc_unlocked('}', sink->out);
	metric_number(sink->out, value);
}

static void metric_head(FILE *out, const struct rtun_metric *m)
{
	fprintf(out, "# HELP %s ", m->name);
	for (const char *p = m->help ? m->help : ""; *p; p++) fputs(*p == '\n' ? " " : *p == '\\' ? "\\\\" : (char[]){*p, 0}, out);
	fprintf(out, "\n# TYPE %s %s\n", m->name, m->type == RTUN_M_COUNTER ? "counter" : "gauge");
}

/* ---- the core's own ---- */

static void metric_core_up(struct rtun_ctx *ctx, const struct rtun_metric *m, struct rtun_metric_sink *sink)
{
	const struct app *app = ctx->self;
	(void)m;
	host_metric(sink, (double)(loop_now(app->loop) - app->started) / (double)RTUN_S, NULL, 0);
}

static void metric_core_rss(struct rtun_ctx *ctx, const struct rtun_metric *m, struct rtun_metric_sink *sink)
{
	(void)ctx, (void)m;
	host_metric(sink, (double)process_rss(), NULL, 0);
}

static void metric_core_dropped(struct rtun_ctx *ctx, const struct rtun_metric *m, struct rtun_metric_sink *sink)
{
	const struct app *app = ctx->self;
	(void)m;
	host_metric(sink, (double)event_bus_dropped(app->events), NULL, 0);
}

static void metric_core_build(struct rtun_ctx *ctx, const struct rtun_metric *m, struct rtun_metric_sink *sink)
{
	const char *version = PACKAGE_VERSION;
	(void)ctx, (void)m;
	host_metric(sink, 1, &version, 1);
}

static const struct rtun_metric metric_core[] = {
	{"restunnel_build_info", "The version that runs.", "version", metric_core_build, RTUN_M_GAUGE, 0},
	{"restunnel_uptime_seconds", "Seconds since the start.", NULL, metric_core_up, RTUN_M_GAUGE, 0},
	{"restunnel_resident_memory_bytes", "Memory in use.", NULL, metric_core_rss, RTUN_M_GAUGE, 0},
	{"restunnel_events_dropped_total", "Events that did not fit into the queue.", NULL, metric_core_dropped, RTUN_M_COUNTER, 0},
};

/* ---- all ---- */

static const struct rtun_metric *metric_of(const struct instance *in, const char *name)
{
	for (uint32_t i = 0; i < in->module->metric_count; i++)
		if (!strcmp(in->module->metrics[i].name, name)) return &in->module->metrics[i];
	return NULL;
}

static uint32_t metric_sources(const struct app *app, uint32_t from, uint32_t to, const char *name)
{
	uint32_t n = 0;
	for (uint32_t i = from; i < to; i++) n += metric_of(app->instances[i], name) != NULL;
	return n;
}

/* All samples of one name together: the format asks for it. */
static void metric_render_name(struct app *app, FILE *out, const struct rtun_metric *first)
{
	bool several = metric_sources(app, 0, app->count, first->name) > 1;
	metric_head(out, first);
	for (uint32_t i = 0; i < app->count; i++) {
		struct instance *in = app->instances[i];
		const struct rtun_metric *m = metric_of(in, first->name);
		struct rtun_metric_sink sink = {{&host_table}, out, m, several ? in->name : NULL};
		if (m && m->collect && in->state == INSTANCE_STARTED) m->collect(&in->host.ctx, m, &sink);
	}
}

char *metric_render(struct app *app)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (!out) return NULL;
	for (size_t i = 0; i < sizeof(metric_core) / sizeof(metric_core[0]); i++) {
		struct rtun_metric_sink sink = {{&host_table}, out, &metric_core[i], NULL};
		metric_head(out, &metric_core[i]);
		metric_core[i].collect(&app->core.ctx, &metric_core[i], &sink);
	}
	for (uint32_t i = 0; i < app->count; i++)
		for (uint32_t j = 0; j < app->instances[i]->module->metric_count; j++) {
			const struct rtun_metric *m = &app->instances[i]->module->metrics[j];
			if (!metric_sources(app, 0, i, m->name)) metric_render_name(app, out, m);
		}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

void metric_command(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	char *text = metric_render(ctx->self);
	struct rtun_value *v = rtun_object(ctx);
	(void)args;
	rtun_set_text(ctx, v, "text", text);
	free(text);
	rtun_reply_ok(&reply, v);
}
