/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_modules.c - `restunnel modules [NAME]`: which modules are installed; all about one of them.
 */
#include <config.h>

#include "cli_modules.h"

#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cli_render.h"

struct modules_args {
	const char *module;
	uint32_t schema;
};
static const struct rtun_option modules_rows[] = {
	RTUN_TEXT(struct modules_args, module, NULL, RTUN_POSITIONAL, NULL, "The module to explain"),
	RTUN_BOOL(struct modules_args, schema, NULL, 0, NULL, "Print a JSON Schema of the configuration, for editors"),
};
static const struct rtun_schema modules_schema = RTUN_SCHEMA(struct modules_args, modules_rows);

/* ---- All ---- */

struct listing {
	const struct cli *cli;
	json_t *modules; /* or the JSON Schema */
};

static void list_one(void *arg, const char *name, const struct modload_module *mod, const struct modload_error *err)
{
	struct listing *l = arg;
	json_t *row;

	if (mod) {
		row = cli_modules_summary(mod);
	} else {
		row = json_pack("{s:s, s:n, s:s, s:n, s:n, s:{s:s, s:s, s:s}}", "name", name, "version", "summary", err->text,
				"license", "file",
				"error", "code", err->code, "text", err->text, "remedy", err->remedy);
	}
	json_array_append_new(l->modules, row);
}

static void schema_one(void *arg, const char *name, const struct modload_module *mod, const struct modload_error *err)
{
	struct listing *l = arg;

	(void)name;
	(void)err;
	if (mod) cli_modules_schema_add(l->modules, mod);
}

static const struct cli_view list_views[] = {
	{"name", "NAME", RTUN_V_TEXT}, {"version", "VERSION", RTUN_V_TEXT}, {"summary", "SUMMARY", RTUN_V_TEXT},
	{"file", "FILE", RTUN_V_TEXT},
};

/* A table with these columns; `d` holds the rows as member `items`. */
static void print_table(const struct cli_out *o, const struct cli_view *columns, size_t n, const char *items, const json_t *d)
{
	const struct cli_verb table = {.views = columns, .view_count = n, .view_items = items, .readonly = true};

	cli_render(o, &table, d);
}

static int list_all(const struct cli *cli, struct modload *ml)
{
	struct listing l = {.cli = cli, .modules = json_array()};
	json_t *d = json_pack("{s:i, s:o}", "schema", 1, "modules", l.modules);
	int rc = modload_each(ml, list_one, &l);

	if (rc) {
		rc = cli_out_fail(&cli->out, "module-dir", "see --module-dir", "%s can't be read",
				  cli->call.module_dir ? cli->call.module_dir : MODULEDIR);
	} else if (cli->out.json) {
		rc = cli_out_json(&cli->out, d);
	} else {
		print_table(&cli->out, list_views, 4, "modules", d);
		rc = cli_out_flush(&cli->out);
	}
	json_decref(d);
	return rc;
}

static int print_schema(const struct cli *cli, struct modload *ml)
{
	struct listing l = {.cli = cli, .modules = cli_modules_schema_create()};
	int rc;

	modload_each(ml, schema_one, &l);
	if (json_dumpf(l.modules, cli->out.out, JSON_INDENT(1)) == 0) fputc('\n', cli->out.out);
	rc = cli_out_flush(&cli->out);
	json_decref(l.modules);
	return rc;
}

/* ---- One ---- */

static const struct cli_view named_views[] = {{"name", "NAME", RTUN_V_TEXT}, {"doc", "MEANING", RTUN_V_TEXT}};
static const struct cli_view metric_views[] = {{"name", "NAME", RTUN_V_TEXT}, {"labels", "LABELS", RTUN_V_TEXT},
		{"help", "MEANING", RTUN_V_TEXT}};
static const struct cli_view service_views[] = {{"service", "SERVICE", RTUN_V_TEXT}, {"when", "ONLY FOR", RTUN_V_TEXT}};

static const struct cli_view need_views[] = {{"need", "NEED", RTUN_V_TEXT}, {"doc", "MEANING", RTUN_V_TEXT}, {"when", "ONLY FOR", RTUN_V_TEXT}};

static const struct {
	const char *items, *title;
	const struct cli_view *views;
	size_t count;
} parts[] = {
	{"provides", "Services that others may refer to", service_views, 2},
	{"needs", "What the sandbox leaves open for it", need_views, 3},
	{"commands", "Verbs (restunnel VERB --help)", named_views, 2},
	{"events", "Events", named_views, 2},
	{"metrics", "Metrics", metric_views, 3},
};

/* A table would be far too wide: what it takes stands below its name, then what it means. */
static void print_option(const struct cli_out *o, const json_t *option)
{
	const char *def = cli_text(option, "default"), *when = cli_text(option, "when"), *doc = cli_text(option, "doc");
	bool required = json_is_true(json_object_get(option, "required"));
	char *text;

	if (asprintf(&text, "%s%s%s%s%s%s%s", cli_text(option, "type"), def ? "; default " : "", def ? def : "", when ? "; only for " : "",
		     when ? when : "", required ? "; required" : "",
		     json_is_true(json_object_get(option, "reloadable")) ? "; a reload takes a change" : "") < 0)
		abort();
	fprintf(o->out, "%s%s%s: %s\n", cli_out_on(o->out_colour, CLI_BOLD), cli_text(option, "key"), cli_out_off(o->out_colour, CLI_BOLD),
		text);
	if (doc) fprintf(o->out, "    %s\n", doc);
	free(text);
}

static void print_options(const struct cli_out *o, const json_t *options)
{
	const json_t *option;
	size_t i;

	if (json_array_size(options))
		fprintf(o->out, "\n%sOptions%s\n", cli_out_on(o->out_colour, CLI_BOLD), cli_out_off(o->out_colour, CLI_BOLD));
	json_array_foreach(options, i, option)
		print_option(o, option);
}

static int print_one(const struct cli_out *o, const json_t *d)
{
	static const struct cli_view head[] = {
		{"summary", "Summary", RTUN_V_TEXT}, {"version", "Version", RTUN_V_TEXT}, {"license", "License", RTUN_V_TEXT},
		{"file", "File", RTUN_V_TEXT},
	};

	print_table(o, head, 4, NULL, d);
	print_options(o, json_object_get(d, "options"));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!json_array_size(json_object_get(d, parts[i].items))) continue;
		fprintf(o->out, "\n%s%s%s\n", cli_out_on(o->out_colour, CLI_BOLD), parts[i].title, cli_out_off(o->out_colour, CLI_BOLD));
		print_table(o, parts[i].views, parts[i].count, parts[i].items, d);
	}
	return cli_out_flush(o);
}

static int explain(const struct cli *cli, struct modload *ml, const char *name)
{
	const struct modload_module *mod = NULL;
	struct modload_error err = {0};
	json_t *d;
	int rc;

	if (modload_get(ml, name, &mod, &err)) return cli_out_fail(&cli->out, err.code, err.remedy, "%s", err.text);
	d = cli_modules_describe(mod);
	if (cli->out.json) json_object_set_new(d, "schema", json_integer(1));
	rc = cli->out.json ? cli_out_json(&cli->out, d) : print_one(&cli->out, d);
	json_decref(d);
	return rc;
}

static int modules(const struct cli *cli, const json_t *args)
{
	const char *name = cli_text(args, "module");
	struct modload *ml = NULL;
	int rc = modload_create(cli->call.module_dir, NULL, &ml);

	if (rc) return cli_out_fail(&cli->out, "module-dir", NULL, "out of memory");
	if (cli_flag(args, "schema")) {
		rc = print_schema(cli, ml);
	} else {
		rc = name ? explain(cli, ml, name) : list_all(cli, ml);
	}
	modload_destroy(&ml);
	return rc;
}

const struct cli_own cli_own_modules = {
	.command = {
		.name = "modules",
		.doc = "Installed modules; with a name: its options, verbs, events, services, metrics.",
		.example = "restunnel modules ipfilter",
		.args = &modules_schema,
		.flags = RTUN_CMD_READONLY | RTUN_CMD_OFFLINE,
	},
	.run = modules,
};
