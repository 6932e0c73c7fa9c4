/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_init.c - `restunnel init NAME`: a configuration from a template, and what must exist before the first run.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app.h"
#include "cli.h"
#include "cli_render.h"
#include "cli_template.h"
#include "modload.h"

#define SCHEMA_FILE PKGDATADIR "/restunnel.schema.json"

struct init_args {
	const char *template, *data_dir, *listen, *public, *name;
};
static const struct rtun_option init_rows[] = {
	RTUN_TEXT(struct init_args, template, NULL, RTUN_POSITIONAL, NULL, "What to set up; without it: what there is"),
	RTUN_TEXT(struct init_args, data_dir, NULL, 0, NULL, "Where keys and lists are kept"),
	RTUN_TEXT(struct init_args, listen, NULL, 0, NULL, "The address and port to listen on: 0.0.0.0:9000"),
	RTUN_TEXT(struct init_args, public, NULL, 0, NULL,
			"The host name or address and port by which others reach this machine: vps.example.net:9000"),
	RTUN_TEXT(struct init_args, name, NULL, 0, NULL, "What this machine calls itself"),
};
static const struct rtun_schema init_schema = RTUN_SCHEMA(struct init_args, init_rows);

/* Options that replace a line of the template. */
static const char *const line_keys[] = {"data-dir", "listen", "public", "name", NULL};

static const char *template_dir(const struct cli *cli)
{
	return cli->call.template_dir ? cli->call.template_dir : PKGDATADIR "/conf";
}

/* ---- What there is ---- */

static void add_template(void *arg, const char *name, const char *text)
{
	char summary[200];
	json_t *list = arg;

	cli_template_summary(text, summary, sizeof(summary));
	json_array_append_new(list, json_pack("{s:s, s:s}", "name", name, "summary", summary));
}

static int list_templates(const struct cli *cli)
{
	static const struct cli_view views[] = {{"name", "NAME", RTUN_V_TEXT}, {"summary", "WHAT IT SETS UP", RTUN_V_TEXT}};
	const struct cli_verb table = {.views = views, .view_count = 2, .view_items = "templates", .readonly = true};
	json_t *list = json_array(), *d = json_pack("{s:i, s:o}", "schema", 1, "templates", list);
	int rc;

	if (cli_template_each(template_dir(cli), add_template, list)) {
		rc = cli_out_fail(&cli->out, "no-templates", "see --template-dir", "%s: %s", template_dir(cli), strerror(errno));
	} else if (cli->out.json) {
		rc = cli_out_json(&cli->out, d);
	} else {
		cli_render(&cli->out, &table, d);
		rc = cli_out_flush(&cli->out);
	}
	json_decref(d);
	return rc;
}

/* ---- The file ---- */

/* Directories above `path`, as `mkdir -p` makes them. */
static int make_parents(const char *path)
{
	char *copy = strdup(path);
	int rc = 0;

	if (!copy) abort();
	for (char *slash = strchr(copy + 1, '/'); slash && !rc; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(copy, 0755) && errno != EEXIST) rc = -1;
		*slash = '/';
	}
	free(copy);
	return rc;
}

static int write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return -1;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd);
}

/* No secrets are in a configuration, and other users may run `restunnel status`. */
static int write_file(const struct cli *cli, const char *text)
{
	const char *path = cli->call.config;
	mode_t mask = umask(022);
	int fd = -1, rc = make_parents(path), error;

	if (!rc) fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	umask(mask);
	if (fd < 0 && errno == EEXIST)
		return cli_out_fail(&cli->out, "exists", "move it away, or give another name with -c FILE; `restunnel check` judges it",
				    "%s exists already, and is left as it is", path);
	if (fd < 0)
		return cli_out_fail(&cli->out, "write",
				    errno == EACCES ? "run it as root, or give another name with -c FILE" : NULL, "%s: %s", path,
				    strerror(errno));
	rc = write_all(fd, text);
	error = errno;
	if (close(fd) && !rc) {
		rc = -1;
		error = errno;
	}
	if (!rc) return 0;
	unlink(path);
	return cli_out_fail(&cli->out, "write", NULL, "%s: %s", path, strerror(error));
}

/* ---- Arguments ---- */

static int judge_args(const struct cli *cli, const json_t *args)
{
	for (size_t i = 0; line_keys[i]; i++) {
		const char *value = cli_text(args, line_keys[i]);

		for (const char *p = value; p && *p; p++)
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				return cli_out_usage(&cli->out, "init", "--%s: the value has a control character in it", line_keys[i]);
		if (value && !*value) return cli_out_usage(&cli->out, "init", "--%s needs a value", line_keys[i]);
	}
	return 0;
}

/* A configuration knows absolute paths only. */
static json_t *absolute_args(const json_t *args)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)args);
	const char *dir = cli_text(args, "data-dir");
	char *cwd, *path;

	if (!copy) abort();
	if (!dir || dir[0] == '/') return copy;
	cwd = getcwd(NULL, 0);
	if (!cwd || asprintf(&path, "%s/%s", cwd, !strncmp(dir, "./", 2) ? dir + 2 : dir) < 0) abort();
	json_object_set_new(copy, "data-dir", json_string(path));
	free(path);
	free(cwd);
	return copy;
}

/* One that is there and can't be used stays in: what is wrong with it is said when the file is judged. */
static bool is_installed(void *arg, const char *module)
{
	const struct modload_module *mod;
	struct modload_error err;

	return modload_get(arg, module, &mod, &err) != -RTUN_ENOENT;
}

static void leave_out(const struct cli *cli, char **template)
{
	struct modload *ml;
	char *chosen, left[64];

	if (modload_create(cli->call.module_dir, NULL, &ml)) abort();
	chosen = cli_template_choose(*template, is_installed, ml, left);
	modload_destroy(&ml);
	free(*template);
	*template = chosen;
	if (left[0]) fprintf(cli->out.err, "The module %s is not installed: its entry is left out.\n", left);
}

static int fill(const struct cli *cli, const char *name, const json_t *args, char **ret_text)
{
	char *template = cli_template_read(template_dir(cli), name), *filled;
	const char *unused;

	*ret_text = NULL;
	if (!template)
		return cli_out_usage(&cli->out, "init",
				     errno == ENOENT ? "there is no template '%s'; `restunnel init` lists them"
						     : "the template '%s' can't be read",
				     name);
	leave_out(cli, &template);
	filled = cli_template_fill(template, args, line_keys, &unused);
	free(template);
	if (!filled) return cli_out_usage(&cli->out, "init", "init %s has no option --%s", name, unused);
	if (access(SCHEMA_FILE, R_OK) == 0) {
		if (asprintf(ret_text, "# yaml-language-server: $schema=%s\n%s", SCHEMA_FILE, filled) < 0) abort();
		free(filled);
	} else {
		*ret_text = filled;
	}
	return 0;
}

/* ---- Afterwards ---- */

/* The templates' two kinds of units: the one that is given capabilities, and the other. */
static void next_steps(const struct cli *cli, const char *name)
{
	const struct cli_out *o = &cli->out;
	const char *c = cli->call.config_given ? " -c " : "", *file = cli->call.config_given ? cli->call.config : "";

	if (!o->out_tty) return;
	fprintf(o->out, "%s is written, and what it needs is made. Next:\n", cli->call.config);
	fprintf(o->out, "  1. read it, change what you like, and see:  restunnel check%s%s\n", c, file);
	if (cli->call.config_given)
		fprintf(o->out, "  2. start it:                                restunnel run%s%s\n", c, file);
	else
		fprintf(o->out, "  2. start it:                                systemctl enable --now restunnel-%s\n",
			strcmp(name, "hub") ? "node" : "hub");
	fprintf(o->out, "  3. see how it is, and what else there is:   restunnel status%s%s; restunnel help%s%s\n", c,
			file, c, file);
}

/* The new file at work for a moment: keys and data-dir come into being. */
static int set_up(const struct cli *cli)
{
	const struct app_options options = {.config_path = cli->call.config, .module_dir = cli->call.module_dir};
	struct conf_report report = CONF_REPORT_INIT;
	struct command_error err = {0};
	struct app *app = NULL;
	int rc = app_load(&options, &report, &app);

	conf_report_print(&report, cli->out.err, cli->out.err_tty);
	conf_report_clear(&report);
	if (rc) {
		unlink(cli->call.config);
		return cli_out_fail(&cli->out, "configuration", NULL, "this would not run, so %s was not kept", cli->call.config);
	}
	rc = app_setup(app, &err);
	if (rc) /* perhaps as data-dir's owner by now, who may not remove it */
		rc = cli_out_fail(&cli->out, err.code, err.remedy,
				  unlink(cli->call.config) ? "%s is written, but not all it needs could be made: %s"
							   : "what %s needs could not be made, so it was not kept: %s",
				  cli->call.config, err.text);
	app_destroy(&app);
	return rc;
}

static int tell_json(const struct cli *cli)
{
	json_t *d = json_pack("{s:i, s:s}", "schema", 1, "file", cli->call.config);
	int rc = cli_out_json(&cli->out, d);

	json_decref(d);
	return rc;
}

static int init(const struct cli *cli, const json_t *args)
{
	const char *name = cli_text(args, "template");
	json_t *absolute;
	char *text = NULL;
	int rc = name ? judge_args(cli, args) : 0;

	if (!name) return list_templates(cli);
	if (rc) return rc;
	absolute = absolute_args(args);
	rc = fill(cli, name, absolute, &text);
	if (!rc) rc = write_file(cli, text);
	if (!rc) rc = set_up(cli);
	if (!rc && cli->out.json) rc = tell_json(cli);
	else if (!rc) next_steps(cli, name);
	free(text);
	json_decref(absolute);
	return rc;
}

const struct cli_own cli_own_init = {
	.command = {
		.name = "init",
		.doc = "Write a commented, safe configuration and make the key; neither is ever overwritten.",
		.example = "restunnel init hub --public vps.example.net:9000",
		.args = &init_schema,
	},
	.run = init,
};
