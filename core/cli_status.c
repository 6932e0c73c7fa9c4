/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_status.c - `restunnel status`: one sentence of state, what is wrong, every instance; once, or until all is well.
 */
#include <config.h>

#include "cli_status.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli_render.h"
#include "cli_source.h"

#define POLL_MS 250
#define ANSWER_MS 10000

struct status_args {
	uint32_t watch;
	const char *wait;
};
static const struct rtun_option status_rows[] = {
	RTUN_BOOL(struct status_args, watch, NULL, 0, NULL,
			"Show it every two seconds, with what lives (devices, their rates), until Ctrl-C; with --json one document a line"),
	RTUN_TEXT(struct status_args, wait, NULL, 0, NULL,
			"Wait until the state is ok, at most so many seconds (--wait=30), then exit 0; else exit 1"),
};
static const struct rtun_schema status_schema = RTUN_SCHEMA(struct status_args, status_rows);

/* ---- For people ---- */

static enum cli_style state_style(const char *state)
{
	return !state ? CLI_PLAIN : !strcmp(state, "ok") ? CLI_GOOD : !strcmp(state, "degraded") ? CLI_WARN : CLI_BAD;
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static void print_sentence(const struct cli_out *o, const json_t *status)
{
	const char *state = json_string_value(json_object_get(status, "state"));
	char *sentence = cli_out_text(text_of(status, "sentence"));

	fprintf(o->out, "%s%s%s\n", cli_out_on(o->out_colour, state_style(state)), sentence,
		cli_out_off(o->out_colour, state_style(state)));
	free(sentence);
}

static void print_alerts(const struct cli_out *o, const json_t *alerts)
{
	const json_t *alert;
	size_t i;

	json_array_foreach(alerts, i, alert) {
		char *text = cli_out_text(text_of(alert, "text")), *remedy = cli_out_text(text_of(alert, "remedy"));

		fprintf(o->out, "%s!%s %s\n", cli_out_on(o->out_colour, CLI_WARN), cli_out_off(o->out_colour, CLI_WARN), text);
		if (*remedy) fprintf(o->out, "  help: %s\n", remedy);
		free(text);
		free(remedy);
	}
}

static const struct cli_view instance_views[] = {
	{"name", "NAME", RTUN_V_TEXT}, {"module", "MODULE", RTUN_V_TEXT}, {"state", "STATE", RTUN_V_TEXT},
	{"text", "DETAIL", RTUN_V_TEXT},
};

static void print_instances(const struct cli_out *o, const json_t *status)
{
	const struct cli_verb table = {.views = instance_views, .view_count = 4, .view_items = "modules", .readonly = true};

	if (!json_array_size(json_object_get(status, "modules"))) return;
	fputc('\n', o->out);
	cli_render(o, &table, status);
}

static void print_process(const struct cli_out *o, const json_t *status)
{
	const json_t *uptime = json_object_get(status, "uptime_s"), *rss = json_object_get(status, "rss_bytes");
	char up[40], memory[40], *version = cli_out_text(text_of(status, "version"));

	if (json_is_integer(uptime) && json_is_integer(rss))
		fprintf(o->out, "%sversion %s, up %s, %s of memory%s\n", cli_out_on(o->out_colour, CLI_DIM), version,
			cli_render_duration((uint64_t)json_integer_value(uptime), up, sizeof(up)),
			cli_render_bytes((uint64_t)json_integer_value(rss), memory, sizeof(memory)), cli_out_off(o->out_colour, CLI_DIM));
	free(version);
}

static void print_sandbox(const struct cli_out *o, const json_t *sandbox)
{
	char *text = cli_out_text(text_of(sandbox, "text"));

	if (*text) fprintf(o->out, "%ssandbox: %s%s\n", cli_out_on(o->out_colour, CLI_DIM), text, cli_out_off(o->out_colour, CLI_DIM));
	free(text);
}

void cli_status_head(const struct cli_out *o, const json_t *status)
{
	print_sentence(o, status);
	print_alerts(o, json_object_get(status, "alerts"));
}

void cli_status_rest(const struct cli_out *o, const json_t *status)
{
	print_instances(o, status);
	print_process(o, status);
	print_sandbox(o, json_object_get(status, "sandbox"));
}

static int print_status(const struct cli_out *o, const json_t *status)
{
	if (o->json) return cli_out_json(o, status);
	cli_status_head(o, status);
	cli_status_rest(o, status);
	return cli_out_flush(o);
}

/* ---- Asking ---- */

json_t *cli_status_of_silence(const struct command_error *err)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:n, s:n, s:[{s:s, s:s, s:s}], s:[], s:s, s:s, s:s}", "schema", 1,
			"state", "down", "sentence",
			 err->text, "version", PACKAGE_VERSION, "uptime_s", "rss_bytes", "alerts", "code", err->code, "text", err->text,
			 "remedy", err->remedy, "modules", "code", err->code, "error", err->text, "remedy", err->remedy);
}

int cli_status_connect(const char *data_dir, struct control_client **ret_client, struct command_error *err)
{
	int rc;

	memset(err, 0, sizeof(*err));
	rc = control_client_open(data_dir, ret_client, err);
	if (rc == -RTUN_ENOENT) command_error_set(err, "not-running", COMMAND_START, "restunnel is not running on %s", data_dir);
	return rc ? -1 : 0;
}

int cli_status_ask(struct control_client *client, json_t **ret_status, struct command_error *err)
{
	return control_client_call(client, "status", NULL, NULL, ANSWER_MS, ret_status, err) ? -1 : 0;
}

/* One look at the daemon: 0 and its status, or -1 and why not. */
static int look(const char *data_dir, json_t **ret_status, struct command_error *err)
{
	struct control_client *client = NULL;
	int rc = cli_status_connect(data_dir, &client, err);

	if (!rc) rc = cli_status_ask(client, ret_status, err);
	if (client) control_client_close(&client);
	return rc;
}

static int tell_silence(const struct cli_out *o, const struct command_error *err)
{
	struct cli_out words = *o;
	json_t *d = o->json ? cli_status_of_silence(err) : NULL;

	words.json = false;
	cli_out_fail(&words, err->code, err->remedy, "%s", err->text);
	if (d) print_status(o, d);
	json_decref(d);
	return 1;
}

static int show_once(const struct cli *cli, const char *data_dir)
{
	struct command_error err;
	json_t *status = NULL;
	int rc;

	if (look(data_dir, &status, &err)) return tell_silence(&cli->out, &err);
	rc = print_status(&cli->out, status);
	json_decref(status);
	return rc;
}

static void pause_ms(long ms)
{
	const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The time is over: what there is, and why that isn't enough. */
static int tell_late(const struct cli_out *o, const json_t *status)
{
	struct cli_out words = *o;

	words.json = false; /* the status is the document */
	print_status(o, status);
	return cli_out_fail(&words, "not-ok", NULL, "the state is not ok yet: %s", text_of(status, "sentence"));
}

/* `limit_ms` negative: no limit. */
static int wait_ok(const struct cli *cli, const char *data_dir, int64_t limit_ms)
{
	int64_t end = now_ms() + limit_ms;

	for (;; pause_ms(POLL_MS)) {
		struct command_error err;
		json_t *status = NULL;
		bool answered = look(data_dir, &status, &err) == 0;
		bool ok = answered && !strcmp(text_of(status, "state"), "ok");
		int rc = 1;

		if (!ok && (limit_ms < 0 || now_ms() < end)) {
			json_decref(status);
			continue;
		}
		if (ok) {
			rc = print_status(&cli->out, status);
		} else {
			rc = answered ? tell_late(&cli->out, status) : tell_silence(&cli->out, &err);
		}
		json_decref(status);
		return rc;
	}
}

static int status(const struct cli *cli, const json_t *args)
{
	const char *wait = cli_text(args, "wait");
	char *end = NULL;
	long seconds = wait && strcmp(wait, "true") ? strtol(wait, &end, 10) : -1;
	struct cli_source s = {0};
	int rc;

	if (wait && cli_flag(args, "watch")) return cli_out_usage(&cli->out, "status", "either --watch or --wait, not both");
	if (end && (end == wait || *end || seconds < 0 || seconds > 365L * 86400))
		return cli_out_usage(&cli->out, "status", "--wait takes a number of seconds, not '%s'", wait);
	rc = cli_source_locate(cli, &s);
	if (s.client) control_client_close(&s.client);
	if (!rc && wait) {
		rc = wait_ok(cli, s.data_dir, seconds < 0 ? -1 : seconds * 1000);
	} else if (!rc) {
		rc = cli_flag(args, "watch") ? cli_watch(cli, s.data_dir) : show_once(cli, s.data_dir);
	}
	cli_source_close(&s);
	return rc;
}

const struct cli_own cli_own_status = {
	.command = {
		.name = "status",
		.doc = "How the running daemon is: one sentence first.",
		.example = "restunnel status --wait=30",
		.args = &status_schema,
		.flags = RTUN_CMD_READONLY,
	},
	.run = status, .optional = "wait", .optional_value = "SECONDS",
};
