/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_source.c - finds the daemon, or does without it.
 */
#include <config.h>

#include "cli_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_state.h"
#include "process.h"

/* A word that no installed module knows is a slip, whatever else may be wrong: 2 (said); 0: it may be a verb. */
static int judge_verb(const struct cli *cli)
{
	json_t *installed = cli->call.verb && !cli_own_find(cli->call.verb) ? cli_source_installed(cli) : NULL;
	int rc = installed && !cli_verb_find(installed, cli->call.verb, NULL) ? cli_help_unknown(cli, cli->call.verb, installed) : 0;

	json_decref(installed);
	return rc;
}

static int no_config(const struct cli *cli)
{
	int rc = judge_verb(cli);

	return rc ? rc
		  : cli_out_fail(&cli->out, "no-configuration",
				 cli->call.config_given ? "check the path after -c"
							: "write one with `restunnel init`, or name yours with -c FILE",
				 "there is no configuration %s", cli->call.config);
}

static int bad_config(const struct cli *cli, const struct conf_report *report)
{
	int rc = judge_verb(cli);

	if (rc) return rc;
	conf_report_print(report, cli->out.err, cli->out.err_tty);
	return cli_out_fail(&cli->out, "configuration", "see `restunnel check`", "%s can't be used", cli->call.config);
}

bool cli_source_is_unreadable(const struct cli *cli, const struct conf_report *report)
{
	for (uint32_t i = 0; i < report->count; i++)
		if (!strcmp(report->items[i].code, "unreadable") && !strcmp(report->items[i].at.file, cli->call.config)) return true;
	return false;
}

/* data-dir, even of a configuration that has mistakes elsewhere: the daemon may be running on the one before. */
static int read_data_dir(const struct cli *cli, struct cli_source *s)
{
	struct conf_report report = CONF_REPORT_INIT;
	struct conf *conf = NULL;
	int rc;

	if (access(cli->call.config, F_OK) && (errno == ENOENT || errno == ENOTDIR)) return no_config(cli);
	rc = conf_load(cli->call.config, &report, &conf);
	if (conf && conf->data_dir && !cli_source_is_unreadable(cli, &report) && (rc == 0 || rc == -RTUN_ECONFIG)) s->data_dir = strdup(conf->data_dir);
	rc = s->data_dir ? 0 : bad_config(cli, &report);
	conf_report_clear(&report);
	conf_free(&conf);
	return rc;
}

int cli_source_locate(const struct cli *cli, struct cli_source *s)
{
	struct command_error err = {0};
	int rc;

	memset(s, 0, sizeof(*s));
	rc = read_data_dir(cli, s);
	if (rc) return rc;
	if (process_become_owner(s->data_dir, false, &err)) return cli_out_fail(&cli->out, err.code, err.remedy, "%s", err.text);
	rc = control_client_open(s->data_dir, &s->client, &err);
	if (rc && rc != -RTUN_ENOENT) return cli_out_fail(&cli->out, err.code, err.remedy, "%s", err.text);
	return 0;
}

static int load(const struct cli *cli, struct cli_source *s)
{
	const struct app_options options = {.config_path = cli->call.config, .module_dir = cli->call.module_dir};
	struct conf_report report = CONF_REPORT_INIT;
	int rc = app_load(&options, &report, &s->app);

	if (rc) {
		rc = bad_config(cli, &report);
	} else {
		s->all = app_describe(s->app);
	}
	conf_report_clear(&report);
	return rc;
}

int cli_source_open(const struct cli *cli, struct cli_source *s)
{
	struct command_error err = {0};
	int rc = cli_source_locate(cli, s);

	if (rc || !s->client) return rc ? rc : load(cli, s);
	if (control_client_describe(s->client, &s->all, &err))
		return cli_out_fail(&cli->out, err.code, err.remedy, "%s", err.text);
	return 0;
}

void cli_source_close(struct cli_source *s)
{
	json_decref(s->all);
	if (s->client) control_client_close(&s->client);
	if (s->app) app_destroy(&s->app);
	free(s->data_dir);
	memset(s, 0, sizeof(*s));
}

/* ---- Installed modules ---- */

static void describe_module(void *arg, const char *name, const struct modload_module *mod, const struct modload_error *err)
{
	json_t *commands = arg;

	(void)err;
	for (uint32_t i = 0; mod && i < mod->command_count; i++) {
		json_t *d = command_describe(&mod->commands[i]);

		if (!d) continue;
		json_object_set_new(d, "module", json_string(name));
		json_array_append_new(commands, d);
	}
}

json_t *cli_source_installed(const struct cli *cli)
{
	json_t *commands = json_array();
	struct modload *ml = NULL;

	for (const struct rtun_command *c = app_core_commands; c->name; c++)
		json_array_append_new(commands, command_describe(c));
	if (modload_create(cli->call.module_dir, NULL, &ml) == 0) {
		modload_each(ml, describe_module, commands);
		modload_destroy(&ml);
	}
	return json_pack("{s:o}", "commands", commands);
}

int cli_source_open_quietly(const struct cli *cli, struct cli_source *s)
{
	struct cli silent = *cli;
	char *said = NULL;
	size_t len = 0;
	int rc;

	silent.out.json = false;
	silent.out.err = open_memstream(&said, &len);
	if (!silent.out.err) abort();
	rc = cli_source_open(&silent, s);
	fclose(silent.out.err);
	free(said);
	return rc;
}

json_t *cli_source_best(const struct cli *cli)
{
	struct cli_source s;
	json_t *all = cli_source_open_quietly(cli, &s) == 0 ? json_incref(s.all) : NULL;

	cli_source_close(&s);
	return all ? all : cli_source_installed(cli);
}
