/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_help.c - `restunnel --help`, `restunnel help VERB`, `restunnel VERB --help`, `restunnel --version`: written from
 * the same tables by which command lines are read.
 */
#include <config.h>

#include "cli.h"

#include <stdlib.h>
#include <string.h>

#include "cli_source.h"
#include "nearest.h"

struct help_args {
	const char *verb;
	uint32_t words;
};
static const struct rtun_option help_rows[] = {
	RTUN_TEXT(struct help_args, verb, NULL, RTUN_POSITIONAL, NULL, "The verb to explain"),
	RTUN_BOOL(struct help_args, words, NULL, 0, NULL, "Only the words that may follow, one on a line (for completion)"),
};
static const struct rtun_schema help_schema = RTUN_SCHEMA(struct help_args, help_rows);

static void title(const struct cli_out *o, const char *text)
{
	fprintf(o->out, "\n%s%s%s\n", cli_out_on(o->out_colour, CLI_BOLD), text, cli_out_off(o->out_colour, CLI_BOLD));
}

static void upper(const char *text, char *buf, size_t len)
{
	size_t i;

	for (i = 0; text[i] && i + 1 < len; i++)
		buf[i] = (char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 32 : text[i]);
	buf[i] = 0;
}

/* "  left    right", the right column broken at 80 and indented. */
static void entry(const struct cli_out *o, size_t column, const char *left, const char *right)
{
	size_t used = cli_out_width(left) + 2, room = column < 60 ? 79 - column : 20;

	fprintf(o->out, "  %s", left);
	if (used + 1 >= column) {
		fputc('\n', o->out);
		used = 0;
	}
	fprintf(o->out, "%*s", (int)(column - used), "");
	while (right && strlen(right) > room) {
		size_t cut = room;

		while (cut > 0 && right[cut] != ' ')
			cut--;
		if (!cut) break;
		fprintf(o->out, "%.*s\n%*s", (int)cut, right, (int)column, "");
		right += cut + 1;
	}
	fprintf(o->out, "%s\n", right ? right : "");
}

/* ---- One verb ---- */

static void usage_of(const struct cli_arg *arg, char *buf, size_t len)
{
	char up[64], value[96] = "";

	upper(arg->key, up, sizeof(up));
	if (arg->positional) {
		snprintf(buf, len, arg->required && !arg->from_stdin ? "%s%s" : "[%s%s]", up, arg->rest ? "..." : "");
		return;
	}
	if (arg->optional_value) {
		snprintf(value, sizeof(value), "[=%.80s]", arg->optional_value);
	} else if (arg->type != RTUN_T_BOOL) {
		snprintf(value, sizeof(value), " %.80s", up);
	}
	snprintf(buf, len, arg->required ? "--%s%s" : "[--%s%s]", arg->key, value);
}

static void print_usage(const struct cli_out *o, const struct cli_verb *v, const struct cli_own *own)
{
	char buf[200];

	fprintf(o->out, "%sUsage:%s restunnel %s", cli_out_on(o->out_colour, CLI_BOLD),
		cli_out_off(o->out_colour, CLI_BOLD), v->name);
	for (int positional = 0; positional < 2; positional++) {
		for (size_t i = 0; i < v->arg_count; i++) {
			if (v->args[i].positional != positional) continue;
			usage_of(&v->args[i], buf, sizeof(buf));
			fprintf(o->out, " %s", buf);
		}
	}
	fprintf(o->out, "%s%s [-c FILE]\n", cli_verb_qr(v) ? " [--qr=HOW] [--png FILE]" : "",
		own && own->no_json ? "" : " [--json]");
}

static void print_arg(const struct cli_out *o, const struct cli_arg *arg)
{
	char left[200], up[64], right[700];
	size_t doc = arg->doc ? strlen(arg->doc) : 0;
	bool typed = arg->words && arg->type != RTUN_T_TEXT && arg->type != RTUN_T_BOOL;

	if (doc && arg->doc[doc - 1] == '.') doc--;
	upper(arg->key, up, sizeof(up));
	if (arg->positional) {
		snprintf(left, sizeof(left), "%s%s", up, arg->rest ? "..." : "");
	} else {
		const char *value = arg->optional_value ? arg->optional_value : arg->type == RTUN_T_BOOL ? "" : up;

		snprintf(left, sizeof(left), "--%s%s%s%s", arg->key, arg->optional_value ? "[=" : *value ? " " : "", value,
			 arg->optional_value ? "]" : "");
	}
	/* "Whom to greet: a name; default ann" */
	snprintf(right, sizeof(right), "%.*s%s%s%s%s%s%s", (int)doc, arg->doc ? arg->doc : "", typed ? ": " : "",
		 typed ? arg->words : "", arg->def ? "; default " : "", arg->def ? arg->def : "",
		 arg->from_stdin ? "; from standard input when missing" : "", arg->required && !arg->positional ? "; required" : "");
	entry(o, 26, left, right);
}

static void print_common(const struct cli_out *o, const struct cli_verb *v, const struct cli_own *own)
{
	const char *left, *right;

	title(o, "Options");
	if (!own && v->module && *v->module && json_array_size(v->instances) != 1)
		entry(o, 26, "--on INSTANCE", "Which instance answers, where several have the verb");
	if (cli_verb_qr(v)) {
		entry(o, 26, "--qr=HOW", "The code on the terminal: auto (default), ansi, utf8, ascii or none");
		entry(o, 26, "--png FILE", "The code as a picture, readable by nobody else");
	}
	for (size_t i = 0; cli_call_describe(i, &left, &right); i++)
		if (strcmp(left, "-V, --version") && !(own && own->no_json && !strcmp(left, "--json"))) entry(o, 26, left, right);
}

static void print_notes(const struct cli_out *o, const struct cli_verb *v)
{
	char text[200];
	const json_t *instance;
	size_t i;

	if (v->module && *v->module)
		snprintf(text, sizeof(text), "A verb of the module %s", v->module);
	else
		snprintf(text, sizeof(text), "A verb of restunnel itself");
	fprintf(o->out, "\n%s%s", text, json_array_size(v->instances) ? "; here: " : "");
	json_array_foreach(v->instances, i, instance)
		fprintf(o->out, "%s%s", i ? ", " : "", json_is_string(instance) ? json_string_value(instance) : "?");
	fprintf(o->out, v->offline ? "; works with and without the running daemon.\n" : "; needs the running daemon.\n");
}

static int print_verb(const struct cli_out *o, const struct cli_verb *v, const struct cli_own *own)
{
	print_usage(o, v, own);
	if (v->doc) fprintf(o->out, "\n%s\n", v->doc);
	if (v->arg_count) title(o, "Arguments");
	for (size_t i = 0; i < v->arg_count; i++)
		print_arg(o, &v->args[i]);
	print_common(o, v, own);
	if (!own) print_notes(o, v);
	if (v->example) {
		title(o, "Example");
		fprintf(o->out, "  %s\n", v->example);
	}
	return cli_out_flush(o);
}

struct cli_verb *cli_help_find(const struct cli *cli, const char *name, json_t **ret_all)
{
	const struct cli_own *own = cli_own_find(name);
	json_t *description, *installed;

	*ret_all = NULL;
	if (own) return cli_own_verb(own);
	*ret_all = cli_source_best(cli);
	description = cli_verb_find(*ret_all, name, cli->call.on);
	if (description) return cli_verb_create(description);
	/* not in this configuration, but perhaps in that of another machine */
	installed = cli_source_installed(cli);
	json_array_extend(json_object_get(*ret_all, "commands"), json_object_get(installed, "commands"));
	json_decref(installed);
	description = cli_verb_find(*ret_all, name, cli->call.on);
	return description ? cli_verb_create(description) : NULL;
}

int cli_help_verb(const struct cli *cli, const char *name)
{
	json_t *all;
	struct cli_verb *v = cli_help_find(cli, name, &all);
	int rc;

	if (!v) {
		rc = cli_help_unknown(cli, name, all);
	} else if (cli->out.json) {
		rc = cli_out_json(&cli->out, v->description);
	} else {
		rc = print_verb(&cli->out, v, cli_own_find(name));
	}
	cli_verb_destroy(&v);
	json_decref(all);
	return rc;
}

int cli_help_unknown(const struct cli *cli, const char *name, const json_t *all)
{
	const json_t *commands = json_object_get(all, "commands"), *c;
	const struct cli_own *own;
	struct nearest near;
	size_t i;

	nearest_init(&near, name);
	for (i = 0; (own = cli_own_row(i)); i++)
		nearest_try(&near, own->command.name);
	json_array_foreach(commands, i, c)
		if (json_is_string(json_object_get(c, "name"))) nearest_try(&near, json_string_value(json_object_get(c, "name")));
	if (near.best) return cli_out_usage(&cli->out, NULL, "there is no verb '%s'; did you mean %s?", name, near.best);
	return cli_out_usage(&cli->out, NULL, "there is no verb '%s'", name);
}

/* ---- The program ---- */

/* A verb of the daemon itself, not of a module; and none of those that this program has more to offer for. */
static bool is_core(const json_t *c)
{
	const char *module = json_string_value(json_object_get(c, "module")), *name = json_string_value(json_object_get(c, "name"));

	return (!module || !*module) && name && !cli_own_find(name);
}

static void print_own(const struct cli_out *o, const json_t *commands)
{
	const struct cli_own *own;
	const json_t *c;
	size_t i;

	title(o, "Set up and run");
	for (i = 0; (own = cli_own_row(i)); i++)
		entry(o, 14, own->command.name, own->command.doc);
	json_array_foreach(commands, i, c)
		if (is_core(c)) entry(o, 14, json_string_value(json_object_get(c, "name")), json_string_value(json_object_get(c, "doc")));
}

/* Verbs of modules, a group for each module; of what is configured only those that somebody has. */
static void print_modules(const struct cli_out *o, const json_t *commands)
{
	json_t *seen = json_object();
	const json_t *c;
	size_t i, j;

	json_array_foreach(commands, i, c) {
		const char *module = json_string_value(json_object_get(c, "module"));
		const json_t *d;
		char text[120];

		if (!module || !*module || !cli_verb_is_meant(c) || json_object_get(seen, module)) continue;
		json_object_set_new(seen, module, json_true());
		snprintf(text, sizeof(text), "Verbs of %s", module);
		title(o, text);
		json_array_foreach(commands, j, d) {
			const char *of = json_string_value(json_object_get(d, "module")), *name = json_string_value(json_object_get(d, "name"));

			if (of && name && !strcmp(of, module) && cli_verb_is_meant(d)) entry(o, 14, name, json_string_value(json_object_get(d, "doc")));
		}
	}
	json_decref(seen);
}

json_t *cli_help_json(const json_t *all)
{
	const struct cli_own *own;
	json_t *commands = json_array(), *d = json_pack("{s:i, s:o}", "schema", 1, "commands", commands), *c;
	size_t i;

	for (i = 0; (own = cli_own_row(i)); i++)
		json_array_append_new(commands, command_describe(&own->command));
	json_array_foreach(json_object_get(all, "commands"), i, c)
		if (is_core(c) || json_is_string(json_object_get(c, "module"))) json_array_append(commands, c);
	return d;
}

int cli_help_program(const struct cli *cli)
{
	const struct cli_out *o = &cli->out;
	json_t *all = cli_source_best(cli), *d = o->json ? cli_help_json(all) : NULL;
	const char *left, *right;

	if (d) {
		int rc = cli_out_json(o, d);

		json_decref(d);
		json_decref(all);
		return rc;
	}
	fprintf(o->out, "%sUsage:%s restunnel VERB [ARGUMENTS] [-c FILE]\n", cli_out_on(o->out_colour, CLI_BOLD),
		cli_out_off(o->out_colour, CLI_BOLD));
	fprintf(o->out, "\nA proxy whose traffic leaves from machines of yours that listen on no port.\n");
	print_own(o, json_object_get(all, "commands"));
	print_modules(o, json_object_get(all, "commands"));
	title(o, "Options");
	for (size_t i = 0; cli_call_describe(i, &left, &right); i++)
		entry(o, 26, left, right);
	title(o, "Examples");
	fputs("  On the machine with a public address, and on the one that traffic leaves from:\n"
	      "    sudo restunnel init hub --public vps.example.net:9000\n"
	      "    sudo restunnel init node\n"
	      "  Every mistake of a configuration at once, and one verb in full:\n"
	      "    restunnel check -c ./restunnel.yaml\n"
	      "    restunnel help check\n", o->out);
	fputs("\nExit status: 0 done, 1 failed, 2 wrong usage. More: man restunnel\n", o->out);
	json_decref(all);
	return cli_out_flush(o);
}

static int help(const struct cli *cli, const json_t *args)
{
	const char *verb = cli_text(args, "verb");

	if (cli_flag(args, "words")) return cli_words(cli, verb);
	return verb ? cli_help_verb(cli, verb) : cli_help_program(cli);
}

const struct cli_own cli_own_help = {
	.command = {
		.name = "help",
		.doc = "All verbs for what is configured here, or one of them in full.",
		.example = "restunnel help status",
		.args = &help_schema,
		.flags = RTUN_CMD_READONLY | RTUN_CMD_OFFLINE,
	},
	.run = help,
};
