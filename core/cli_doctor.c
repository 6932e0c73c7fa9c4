/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_doctor.c - `restunnel doctor`: what the running daemon finds, or, when none runs, what can be found without it;
 * and what only somebody outside of the daemon sees.
 */
#include <config.h>

#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_render.h"
#include "cli_report.h"
#include "cli_source.h"
#include "doctor.h"
#include "process.h"

#define ANSWER_MS 40000 /* the daemon itself waits 20 s for its modules */

struct doctor_args {
	const char *report;
};
static const struct rtun_option doctor_rows[] = {
	RTUN_TEXT(struct doctor_args, report, NULL, 0, NULL, "Also write a new file for a bug report; on its top it says what is in it"),
};
static const struct rtun_schema doctor_schema = RTUN_SCHEMA(struct doctor_args, doctor_rows);

struct examination {
	const struct cli *cli;
	json_t *checks, *status; /* status NULL: nobody runs */
	struct conf *conf;       /* as far as it could be read, or NULL */
	struct control_client *client;
};

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

/* ---- Installed modules ---- */

static void judge_module(void *arg, const char *name, const struct modload_module *mod, const struct modload_error *err)
{
	struct examination *x = arg;

	if (!mod) doctor_add(x->checks, "module", NULL, "Do the installed modules fit this program?", RTUN_NO, err->remedy, "%s: %s", name, err->text);
}

static void judge_modules(struct examination *x)
{
	static const char question[] = "Do the installed modules fit this program?";
	struct modload *ml = NULL;
	size_t before = json_array_size(x->checks);
	bool unread = modload_create(x->cli->call.module_dir, NULL, &ml) || modload_each(ml, judge_module, x);

	if (unread)
		doctor_add(x->checks, "module", NULL, question, RTUN_UNKNOWN, "see --module-dir", "their directory can't be read");
	else if (json_array_size(x->checks) == before)
		doctor_add(x->checks, "module", NULL, question, RTUN_YES, NULL, "all of them");
	modload_destroy(&ml);
}

/* ---- The running daemon ---- */

static void judge_running(struct examination *x, const json_t *answer)
{
	static const char question[] = "Does it run this version and this file?";
	char *here = realpath(x->cli->call.config, NULL), *there = realpath(text_of(answer, "configuration"), NULL);
	const char *version = text_of(answer, "version");

	if (strcmp(version, PACKAGE_VERSION))
		doctor_add(x->checks, "same-program", NULL, question, RTUN_NO, "systemctl restart restunnel",
			   "version %s runs, and this is %s", version, PACKAGE_VERSION);
	else if (here && there && strcmp(here, there))
		doctor_add(x->checks, "same-program", NULL, question, RTUN_NO, "name the file that is meant with -c FILE, or restart restunnel with it",
			   "the one that runs on this data-dir has read %s", there);
	else
		doctor_add(x->checks, "same-program", NULL, question, here && there ? RTUN_YES : RTUN_UNKNOWN, NULL, "version %s, %s", version,
			   text_of(answer, "configuration"));
	free(here);
	free(there);
}

static void ask_daemon(struct examination *x)
{
	static const char question[] = "Is restunnel running?";
	struct command_error err = {0};
	json_t *answer = NULL;
	char up[40];

	if (control_client_call(x->client, "status", NULL, NULL, ANSWER_MS, &x->status, &err) ||
	    control_client_call(x->client, "doctor", NULL, NULL, ANSWER_MS, &answer, &err)) {
		doctor_add(x->checks, "running", NULL, question, x->status ? RTUN_UNKNOWN : RTUN_NO, err.remedy, "%s", err.text);
		return;
	}
	doctor_add(x->checks, "running", NULL, question, RTUN_YES, NULL, "for %s",
		   cli_render_duration((uint64_t)json_integer_value(json_object_get(x->status, "uptime_s")), up, sizeof(up)));
	judge_running(x, answer);
	json_array_extend(x->checks, json_object_get(answer, "checks"));
	json_decref(answer);
}

/* ---- Without a daemon ---- */

/* The instances' parts are asked after `setup`, as for every verb. So data-dir must be there, or it would be made. */
static void ask_instances(struct examination *x, struct app *app)
{
	struct command_error err = {0};
	json_t *answer = NULL;

	if (access(x->conf->data_dir, F_OK) == 0 && app_command(app, "doctor", NULL, NULL, ANSWER_MS * RTUN_MS, &answer, &err) == 0) {
		json_array_extend(x->checks, json_object_get(answer, "checks"));
		json_decref(answer);
		return;
	}
	doctor_check_configuration(x->checks, x->cli->call.config, &(struct conf_report)CONF_REPORT_INIT);
	doctor_check_place(x->checks, x->conf->data_dir);
	/* data-dir has been told of */
	if (err.code[0] && strcmp(err.code, "data-dir"))
		doctor_add(x->checks, err.code, NULL, "Can everything be set up?", strcmp(err.code, "running") ? RTUN_NO : RTUN_UNKNOWN, err.remedy, "%s",
			   err.text);
}

static void load(struct examination *x)
{
	const struct app_options options = {.config_path = x->cli->call.config, .module_dir = x->cli->call.module_dir};
	struct conf_report report = CONF_REPORT_INIT;
	struct app *app = NULL;

	if (app_load(&options, &report, &app)) {
		doctor_check_configuration(x->checks, x->cli->call.config, &report);
		doctor_check_place(x->checks, x->conf->data_dir);
	} else {
		ask_instances(x, app);
		app_destroy(&app);
	}
	conf_report_clear(&report);
}

/* ---- All of it ---- */

static bool read_configuration(struct examination *x)
{
	struct conf_report report = CONF_REPORT_INIT;
	const char *path = x->cli->call.config;
	bool unreadable;

	if (access(path, F_OK) && (errno == ENOENT || errno == ENOTDIR)) {
		doctor_add(x->checks, "configuration", NULL, "Is there a configuration?", RTUN_NO,
			   x->cli->call.config_given ? "check the path after -c" : "write one with `restunnel init`, or name yours with -c FILE",
			   "there is no %s", path);
		return false;
	}
	conf_load(path, &report, &x->conf);
	if (!x->conf) abort();
	unreadable = cli_source_is_unreadable(x->cli, &report);
	if (unreadable) doctor_check_configuration(x->checks, path, &report);
	conf_report_clear(&report);
	return !unreadable;
}

static void examine(struct examination *x)
{
	struct command_error err = {0};
	int rc;

	judge_modules(x);
	if (!read_configuration(x)) return;
	if (process_become_owner(x->conf->data_dir, false, &err) || (rc = control_client_open(x->conf->data_dir, &x->client, &err)) == -RTUN_EIO) {
		doctor_add(x->checks, "running", NULL, "Is restunnel running?", RTUN_UNKNOWN, err.remedy, "%s", err.text);
		return;
	}
	if (rc == 0) {
		ask_daemon(x);
		return;
	}
	doctor_add(x->checks, "running", NULL, "Is restunnel running?", RTUN_NO, err.remedy, "%s", err.text);
	load(x);
}

/* ---- For people ---- */

static const struct mark {
	const char *word;
	enum cli_style style;
} marks[] = {{"no", CLI_BAD}, {"yes", CLI_GOOD}, {"could not tell", CLI_WARN}};

static const struct mark *mark_of(const json_t *check)
{
	const json_t *ok = json_object_get(check, "ok");

	return &marks[json_is_false(ok) ? RTUN_NO : json_is_true(ok) ? RTUN_YES : RTUN_UNKNOWN];
}

static char *subject_of(const json_t *check, const char *key)
{
	const char *on = text_of(check, "on");
	char *raw, *text;

	if (asprintf(&raw, "%s%s%s", on, *on ? ": " : "", text_of(check, key)) < 0) abort();
	text = cli_out_text(raw);
	free(raw);
	return text;
}

static void print_check(const struct cli_out *o, const json_t *check)
{
	const struct mark *mark = mark_of(check);
	char *question = subject_of(check, "question"), *text = cli_out_text(text_of(check, "text"));

	fprintf(o->out, "%s%-14s%s  %s", cli_out_on(o->out_colour, mark->style), mark->word, cli_out_off(o->out_colour, mark->style), question);
	if (*text && mark != &marks[RTUN_NO]) fprintf(o->out, " %s%s%s", cli_out_on(o->out_colour, CLI_DIM), text, cli_out_off(o->out_colour, CLI_DIM));
	fputc('\n', o->out);
	free(question);
	free(text);
}

static void print_remedy(const struct cli_out *o, const json_t *check)
{
	const struct mark *mark = mark_of(check);
	char *text = subject_of(check, "text"), *remedy = cli_out_text(text_of(check, "remedy"));

	if (mark == &marks[RTUN_NO] || (mark == &marks[RTUN_UNKNOWN] && *remedy)) {
		fprintf(o->out, "%s%s%s %s\n", cli_out_on(o->out_colour, mark->style), mark == &marks[RTUN_NO] ? "!" : "?",
			cli_out_off(o->out_colour, mark->style), text);
		if (*remedy) fprintf(o->out, "  help: %s\n", remedy);
	}
	free(text);
	free(remedy);
}

void cli_report_checks(const struct cli_out *o, const json_t *document)
{
	const json_t *checks = json_object_get(document, "checks"), *check;
	char *sentence = cli_out_text(text_of(document, "sentence"));
	size_t i;

	json_array_foreach(checks, i, check)
		print_check(o, check);
	fprintf(o->out, "\n%s\n", sentence);
	json_array_foreach(checks, i, check)
		print_remedy(o, check);
	free(sentence);
}

static int show(const struct cli_out *o, const json_t *document)
{
	if (o->json) return cli_out_json(o, document);
	cli_report_checks(o, document);
	return cli_out_flush(o);
}

static int doctor(const struct cli *cli, const json_t *args)
{
	struct examination x = {.cli = cli, .checks = json_array()};
	const char *path = cli_text(args, "report");
	json_t *document, *schema;
	FILE *report = NULL;
	/* before anything else, as the user who typed the command */
	int rc = path ? cli_report_open(cli, path, &report) : 0;

	if (!rc) {
		examine(&x);
		document = doctor_document(x.checks);
		schema = json_pack("{s:i, s:s, s:s}", "schema", 1, "version", PACKAGE_VERSION, "configuration", cli->call.config);
		json_object_update(schema, document);
		rc = show(&cli->out, schema);
		if (report && cli_report_write(cli, path, report, &(struct cli_report){schema, x.status, x.conf})) rc = 1;
		if (!rc && !json_is_true(json_object_get(document, "ok"))) rc = 1;
		json_decref(schema);
		json_decref(document);
	} else {
		json_decref(x.checks);
	}
	json_decref(x.status);
	conf_free(&x.conf);
	if (x.client) control_client_close(&x.client);
	return rc;
}

const struct cli_own cli_own_doctor = {
	.command = {
		.name = "doctor",
		.doc = "What is wrong, in words, and what to do about it; exits 1 when it finds something.",
		.example = "restunnel doctor --report restunnel-report.txt",
		.args = &doctor_schema,
		.flags = RTUN_CMD_READONLY | RTUN_CMD_OFFLINE,
	},
	.run = doctor,
};
