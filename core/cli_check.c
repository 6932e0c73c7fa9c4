/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_check.c - `restunnel check`: all that `run` would refuse, at once, without running.
 */
#include "app.h"
#include "cli.h"
#include "lock.h"
#include "process.h"

struct check_args {
	uint32_t strict;
};
static const struct rtun_option check_rows[] = {
	RTUN_BOOL(struct check_args, strict, NULL, 0, NULL, "Warnings fail too"),
};
static const struct rtun_schema check_schema = RTUN_SCHEMA(struct check_args, check_rows);

static json_t *problem_json(const struct conf_problem *p)
{
	return json_pack("{s:s?, s:o, s:o, s:s?, s:s?, s:s?}", "file", p->at.file, "line",
			 p->at.line ? json_integer(p->at.line) : json_null(),
			 "column", p->at.column ? json_integer(p->at.column) : json_null(), "code", p->code, "text", p->text, "remedy",
			 p->remedy);
}

static int print_json(const struct cli *cli, const struct conf_report *r, bool ok)
{
	json_t *errors = json_array(), *warnings = json_array(), *d;
	int rc;

	for (uint32_t i = 0; i < r->count; i++)
		json_array_append_new(r->items[i].warning ? warnings : errors, problem_json(&r->items[i]));
	d = json_pack("{s:i, s:b, s:o, s:o}", "schema", 1, "ok", ok, "errors", errors, "warnings", warnings);
	rc = cli_out_json(&cli->out, d);
	json_decref(d);
	return rc;
}

static void print_words(const struct cli *cli, const struct conf_report *r, bool ok)
{
	const struct cli_out *o = &cli->out;
	uint32_t warnings = r->count - r->errors;

	conf_report_print(r, o->err, o->err_tty);
	if (!o->err_tty) return;
	fprintf(o->err, "%s%s:%s ", cli_out_on(o->err_colour, ok ? CLI_GOOD : CLI_BAD), cli->call.config,
		cli_out_off(o->err_colour, CLI_GOOD));
	if (r->errors) fprintf(o->err, "%u mistake%s%s", r->errors, r->errors == 1 ? "" : "s", warnings ? ", " : "");
	if (warnings) fprintf(o->err, "%u warning%s", warnings, warnings == 1 ? "" : "s");
	fprintf(o->err, "%s\n", r->count ? "" : "good");
}

/* What lock_open() would say. Read apart, since there is no app of a configuration with mistakes; as data-dir's owner,
 * like every command of root's, which is why it comes last. */
static void judge_data_dir(const struct cli *cli, struct conf_report *r)
{
	struct conf_report known = CONF_REPORT_INIT;
	struct command_error err = {0};
	struct conf *conf = NULL;

	conf_load(cli->call.config, &known, &conf);
	if (conf && conf->tree_count && conf->trees[0]->root && !conf->trees[0]->broken &&
	    !strcmp(conf->trees[0]->file, cli->call.config)) {
		const struct conf_node *node = conf_node_get(conf->trees[0]->root, "data-dir");

		if (!(node && node->bad) && (process_become_owner(conf->data_dir, false, &err) || lock_look(conf->data_dir, &err)))
			conf_report_add(r, node ? node->at : (struct conf_place){cli->call.config, 0, 0}, err.code,
					err.remedy[0] ? err.remedy : NULL, "%s", err.text);
	}
	conf_report_clear(&known);
	conf_free(&conf);
}

static int check(const struct cli *cli, const json_t *args)
{
	const struct app_options options = {.config_path = cli->call.config, .module_dir = cli->call.module_dir};
	struct conf_report report = CONF_REPORT_INIT;
	struct app *app = NULL;
	bool ok = app_load(&options, &report, &app) == 0;
	int rc = 0;

	judge_data_dir(cli, &report);
	for (uint32_t i = 0; app && i < app_instance_count(app); i++)
		instance_advise(app_instance(app, i), &report);
	conf_report_sort(&report);
	ok = ok && !report.errors && !(cli_flag(args, "strict") && report.count);
	if (cli->out.json) {
		rc = print_json(cli, &report, ok);
	} else {
		print_words(cli, &report, ok);
		if (!ok && !report.count) rc = cli_out_fail(&cli->out, "failed", NULL, "%s could not be checked", cli->call.config);
	}
	if (app) app_destroy(&app);
	conf_report_clear(&report);
	return ok ? rc : 1;
}

const struct cli_own cli_own_check = {
	.command = {
		.name = "check",
		.doc = "Judge the configuration without running: every mistake at once, as FILE:LINE:COLUMN, on standard error.",
		.example = "restunnel check -c ./restunnel.yaml",
		.args = &check_schema,
		.flags = RTUN_CMD_READONLY | RTUN_CMD_OFFLINE,
	},
	.run = check,
};
