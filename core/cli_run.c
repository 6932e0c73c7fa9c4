/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_run.c - `restunnel run`: the daemon in the foreground. As root it becomes the owner of data-dir.
 */
#include "app.h"
#include "cli.h"

static int run(const struct cli *cli, const json_t *args)
{
	const struct app_options options = {.config_path = cli->call.config, .module_dir = cli->call.module_dir};
	struct conf_report report = CONF_REPORT_INIT;
	struct app *app = NULL;
	int rc = app_load(&options, &report, &app);

	(void)args;
	conf_report_print(&report, cli->out.err, cli->out.err_tty);
	conf_report_clear(&report);
	if (rc) return cli_out_fail(&cli->out, "configuration", "see `restunnel check`", "%s: not started", cli->call.config);
	rc = app_run(app);
	app_destroy(&app);
	return rc ? 1 : 0;
}

const struct cli_own cli_own_run = {
	.command = {
		.name = "run",
		.doc = "Run in the foreground until SIGTERM; SIGHUP reads the configuration again.",
		.example = "restunnel run -c ./restunnel.yaml",
	},
	.run = run, .no_json = true,
};
