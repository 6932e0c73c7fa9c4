/* SPDX-License-Identifier: BSD-2-Clause
 *
 * access_log.c - a line in a file for each connection of this process' frontends, whichever they are: an example of who
 * listens to events.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access_log.h"

struct options {
	const char *file;
	uint32_t targets, format;
};

static const struct rtun_option rows[] = {
	RTUN_FILE(struct options, file, NULL, RTUN_REQUIRED | RTUN_WRITTEN, NULL,
		  "Where the lines go; made with mode 0600. Its directory must be there. It may be renamed at any time."),
	RTUN_CHOICE(struct options, targets, "hash|plain|none", "hash", RTUN_RELOADABLE, NULL,
		    "What is written of targets. hash: equal ones are seen to be equal, until the next start; plain: host and port; none: nothing."),
	RTUN_CHOICE(struct options, format, "text|json", "text", RTUN_RELOADABLE, NULL, "text: NAME=VALUE, in a fixed order; json: an object in each line."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(struct options, rows);

#define SUBSCRIPTIONS 3
struct access_log {
	struct rtun_ctx *ctx;
	char *path;
	struct access_log_style style;
	struct access_log_writer *writer;
	struct rtun_subscription *subs[SUBSCRIPTIONS];
};

/* ---- Events ---- */

static void on_stream(void *arg, const struct rtun_event_type *type, const char *instance, const void *payload)
{
	struct access_log *log = arg;
	char *room = access_log_writer_room(log->writer);
	(void)instance;
	if (room)
		access_log_writer_add(log->writer, access_log_line(&log->style, rtun_wall(log->ctx), type, payload, room));
}

/* systemctl reload, as logrotate does it */
static void on_reload(void *arg, const struct rtun_event_type *type, const char *instance, const void *payload)
{
	const struct access_log *log = arg;
	(void)type, (void)instance, (void)payload;
	access_log_writer_flush(log->writer);
}

static const struct {
	const char *name;
	rtun_event_cb *cb;
} listened[SUBSCRIPTIONS] = {{"stream.close", on_stream}, {"stream.refused", on_stream}, {"config.reloaded", on_reload}};

/* ---- Life ---- */

static int check(struct rtun_ctx *ctx, const void *cfg)
{
	const struct options *o = cfg;
	const char *why, *remedy;
	int err = access_log_judge(o->file);
	if (!err)
		return 0;
	why = access_log_why(err, &remedy);
	return rtun_conf_error(ctx, "file", remedy, "%.256s is refused: %s", o->file, why);
}

static void set_style(struct access_log *log, const struct options *o)
{
	log->style.targets = o->targets;
	log->style.format = o->format;
}

static int create(struct rtun_ctx *ctx, const void *cfg)
{
	const struct options *o = cfg;
	struct access_log *log;
	if (sodium_init() < 0)
		return rtun_conf_error(ctx, NULL, NULL, "libsodium can't be used on this machine: no source of random numbers");
	ctx->self = log = calloc(1, sizeof(*log));
	if (!log)
		return -RTUN_ENOMEM;
	log->ctx = ctx;
	log->path = strdup(o->file);
	randombytes_buf(log->style.key, sizeof(log->style.key));
	set_style(log, o);
	return log->path ? 0 : -RTUN_ENOMEM;
}

static int prepare(struct rtun_ctx *ctx)
{
	struct access_log *log = ctx->self;
	int r = access_log_writer_create(ctx, log->path, &log->writer);
	for (int i = 0; !r && i < SUBSCRIPTIONS; i++)
		r = rtun_subscribe(ctx, listened[i].name, listened[i].cb, log, &log->subs[i]);
	return r;
}

static int reload(struct rtun_ctx *ctx, const void *cfg)
{
	set_style(ctx->self, cfg);
	return 0;
}

/* Connections that the stop cuts off are told of afterwards: so the last lines are written in `destroy`. */
static void stop(struct rtun_ctx *ctx)
{
	struct access_log *log = ctx->self;
	if (log->writer)
		access_log_writer_stop(log->writer);
}

static void destroy(struct rtun_ctx *ctx)
{
	struct access_log *log = ctx->self;
	if (!log)
		return;
	for (int i = 0; i < SUBSCRIPTIONS; i++)
		rtun_unsubscribe(&log->subs[i]);
	access_log_writer_destroy(&log->writer);
	sodium_memzero(&log->style, sizeof(log->style));
	free(log->path);
	free(log);
	ctx->self = NULL;
}

/* ---- What is told of it ---- */

static void status(struct rtun_ctx *ctx, struct rtun_status *st)
{
	const struct access_log *log = ctx->self;
	struct access_log_told told = access_log_writer_told(log->writer);
	const char *remedy, *why = access_log_why(told.err, &remedy);
	snprintf(st->text, sizeof(st->text), "lines written: %llu", (unsigned long long)told.written);
	if (!told.err)
		return;
	st->state = RTUN_STATE_DEGRADED;
	snprintf(st->code, sizeof(st->code), "access-log");
	snprintf(st->text, sizeof(st->text), "%.64s can't be written: %s; lines dropped: %llu", log->path, why, (unsigned long long)told.dropped);
	snprintf(st->remedy, sizeof(st->remedy), "%s", remedy);
}

static void collect(struct rtun_ctx *ctx, const struct rtun_metric *metric, struct rtun_metric_sink *sink)
{
	const struct access_log *log = ctx->self;
	struct access_log_told told = access_log_writer_told(log->writer);
	const char *written[] = {ctx->instance, "written"}, *dropped[] = {ctx->instance, "dropped"};
	(void)metric;
	rtun_metric(sink, (double)told.written, written, 2);
	rtun_metric(sink, (double)told.dropped, dropped, 2);
}

static const struct rtun_metric metrics[] = {
	{"restunnel_access_log_lines_total", "Lines of the access log, by what became of them.", "log,result", collect, RTUN_M_COUNTER, 0},
};

RTUN_MODULE(access_log, .version = "1", .summary = "writes a line to a file for each connection; targets are hashed unless you want them plain",
	    .license = "BSD-2-Clause", .schema = &schema, .metrics = RTUN_LIST(metrics), .check = check, .create = create, .prepare = prepare,
	    .reload = reload, .stop = stop, .destroy = destroy, .status = status);
