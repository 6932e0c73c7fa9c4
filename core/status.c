/* SPDX-License-Identifier: BSD-2-Clause
 *
 * status.c - how it goes, in one sentence and in detail; and the table of the core's own commands.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "app_state.h"
#include "event.h"
#include "loop.h"
#include "modlisten.h"
#include "process.h"
#include "sandbox.h"
#include "status.h"
#include "value.h"

static const char *const status_words[] = {
	[RTUN_STATE_OK] = "ok", [RTUN_STATE_DEGRADED] = "degraded", [RTUN_STATE_DOWN] = "down",
};

uint32_t status_state(struct app *app)
{
	struct rtun_status s;
	uint32_t worst = app->reload_failure ? RTUN_STATE_DEGRADED : RTUN_STATE_OK;
	for (uint32_t i = 0; i < app->count; i++) {
		instance_status(app->instances[i], &s);
		if (s.state > worst) worst = s.state;
	}
	return worst;
}

void status_sentence(struct app *app, char *buf, size_t len)
{
	static const char *const heads[] = {[RTUN_STATE_OK] = "Working", [RTUN_STATE_DEGRADED] = "Working, but not well",
					    [RTUN_STATE_DOWN] = "Not working"};
	struct rtun_status s;
	uint32_t worst = status_state(app);
	size_t used = (size_t)snprintf(buf, len, "%s", app->stop_at ? "Stopping" : heads[worst]);
	const char *between = ": ";
	for (uint32_t i = 0; i < app->count && used < len; i++) {
		instance_status(app->instances[i], &s);
		if (s.state != worst || !s.text[0]) continue;
		used += (size_t)snprintf(buf + used, len - used, "%s%s: %s", between, app->instances[i]->name, s.text);
		between = "; ";
	}
	if (app->reload_failure && used < len)
		used += (size_t)snprintf(buf + used, len - used, "%sthe last reload failed, the configuration before it goes on", between);
	if (used < len) snprintf(buf + used, len - used, ".");
}

static json_t *status_alert(const char *code, const char *text, const char *remedy)
{
	return json_pack("{s:s, s:o, s:o}", "code", code[0] ? code : "not-ok", "text", value_json_text(text), "remedy",
			 value_json_text(remedy && remedy[0] ? remedy : NULL));
}

static json_t *status_module(struct instance *in, const struct rtun_status *s)
{
	return json_pack("{s:s, s:s, s:s?, s:s, s:o, s:o}", "name", in->name, "module", in->module->m.name, "version",
			 in->module->m.version, "state",
			 status_words[s->state], "text", value_json_text(s->text), "listen", modlisten_json(in));
}

static void status_instance(struct instance *in, json_t *alerts, json_t *modules)
{
	struct rtun_status s;
	char text[256];
	instance_status(in, &s);
	json_array_append_new(modules, status_module(in, &s));
	if (s.state == RTUN_STATE_OK) return;
	snprintf(text, sizeof(text), "%s: %s", in->name, s.text[0] ? s.text : status_words[s.state]);
	json_array_append_new(alerts, status_alert(s.code, text, s.remedy));
}

static void status_sandbox(const struct app *app, json_t *alerts)
{
	const char *text, *remedy, *code = sandbox_trouble(app->sandbox, &text, &remedy);
	if (code) json_array_append_new(alerts, status_alert(code, text, remedy));
}

json_t *status_json(struct app *app)
{
	char sentence[1024];
	json_t *alerts = json_array(), *modules = json_array();
	if (app->reload_failure)
		json_array_append_new(alerts, status_alert(app->reload_failure->code, app->reload_failure->text,
							   app->reload_failure->remedy));
	for (uint32_t i = 0; i < app->count; i++) status_instance(app->instances[i], alerts, modules);
	status_sandbox(app, alerts);
	status_sentence(app, sentence, sizeof(sentence));
	uint64_t up = app->running ? (loop_now(app->loop) - app->started) / RTUN_S : 0;
	return json_pack("{s:s, s:o, s:s, s:I, s:I, s:o, s:o, s:o}", "state", status_words[status_state(app)], "sentence",
			 value_json_text(sentence), "version",
			 PACKAGE_VERSION, "uptime_s", (json_int_t)up, "rss_bytes", (json_int_t)process_rss(), "alerts", alerts, "modules", modules,
			 "sandbox", sandbox_json(app->sandbox));
}

void status_command(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	struct rtun_value *v = value_of(status_json(ctx->self));
	(void)args;
	host_reply_ok(&reply, v);
}

void commands_command(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	struct rtun_value *v = value_of(app_describe(ctx->self));
	(void)args;
	host_reply_ok(&reply, v);
}

/* What is set, defaults included, as a configuration would say it; secrets are not told. */
static void config_instance(const struct instance *in, json_t *options)
{
	const struct rtun_option *row;
	char key[64];
	for (uint32_t i = 0; in->cfg && (row = schema_row(in->module->m.schema, i)); i++) {
		bool told = schema_when(in->module->m.schema, in->cfg->cfg, row->when) && !(row->flags & RTUN_SECRET);
		char *text = told ? schema_value_text(row, in->cfg->cfg) : NULL;
		if (text && text[0])
			json_array_append_new(options, json_pack("{s:s, s:s, s:s, s:s, s:b}", "on", in->name, "module", in->module->m.name, "option",
								 schema_key(row->key, key), "value", text, "reloadable", (row->flags & RTUN_RELOADABLE) != 0));
		free(text);
	}
}

void config_command(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	const struct app *app = ctx->self;
	json_t *options = json_array();
	(void)args;
	for (uint32_t i = 0; i < app->count; i++) config_instance(app->instances[i], options);
	host_reply_ok(&reply, value_of(json_pack("{s:o}", "options", options)));
}

/* ---- the core's own commands and events ---- */

static const struct rtun_view status_view[] = {
	{"sentence", NULL, RTUN_V_SENTENCE, 0}, {"state", "State", RTUN_V_TEXT, 0},        {"version", "Version", RTUN_V_TEXT, 0},
	{"uptime_s", "Uptime, s", RTUN_V_TEXT, 0}, {"rss_bytes", "Memory", RTUN_V_BYTES, 0},
};
static const struct rtun_view commands_view[] = {
	{"name", "COMMAND", RTUN_V_TEXT, 0}, {"instances", "ON", RTUN_V_LIST, 0}, {"doc", "DOES", RTUN_V_TEXT, 0},
};
static const struct rtun_view config_view[] = {
	{"on", "INSTANCE", RTUN_V_TEXT, 0}, {"option", "OPTION", RTUN_V_TEXT, 0}, {"value", "VALUE", RTUN_V_TEXT, 0},
};
static const struct rtun_view metric_view[] = {{"text", NULL, RTUN_V_SENTENCE, 0}};
static const struct rtun_view doctor_view[] = {
	{"code", "CHECK", RTUN_V_TEXT, 0}, {"on", "ON", RTUN_V_TEXT, 0}, {"ok", "OK", RTUN_V_TEXT, 0}, {"text", "DETAIL", RTUN_V_TEXT, 0},
};
static const struct rtun_view reload_view[] = {{"sentence", NULL, RTUN_V_SENTENCE, 0}};

const struct rtun_command app_core_commands[] = {
	{.name = "status", .doc = "How it goes: one sentence, then the modules.", .example = "restunnel status --wait=30",
	 .run = status_command,
	 .view = RTUN_LIST(status_view), .flags = RTUN_CMD_READONLY | RTUN_CMD_LIVE},
	{.name = "commands", .doc = "All commands, and on which instances they work.", .example = "restunnel commands --json",
	 .run = commands_command, .view = RTUN_LIST(commands_view), .view_items = "commands", .flags = RTUN_CMD_READONLY | RTUN_CMD_OFFLINE},
	{.name = "config", .doc = "The options in effect, defaults included, of all instances.", .example = "restunnel config",
	 .run = config_command, .view = RTUN_LIST(config_view), .view_items = "options", .empty = "No instance has an option.",
	 .flags = RTUN_CMD_READONLY | RTUN_CMD_OFFLINE},
	{.name = "reload", .doc = "Read the configuration again; when anything in it is wrong, nothing changes.",
	 .example = "restunnel reload",
	 .run = reload_command, .view = RTUN_LIST(reload_view)},
	{.name = "metrics", .doc = "All metrics as Prometheus text.", .example = "restunnel metrics", .run = metric_command,
	 .view = RTUN_LIST(metric_view), .flags = RTUN_CMD_READONLY},
	{.name = "doctor", .doc = "What is wrong, and what to do about it.", .example = "restunnel doctor", .run = doctor_command,
	 .view = RTUN_LIST(doctor_view), .view_items = "checks", .flags = RTUN_CMD_READONLY | RTUN_CMD_OFFLINE},
	{.name = NULL},
};
