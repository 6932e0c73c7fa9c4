/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_words.c - `restunnel help --words`: what may follow on a command line, for the shells' completion.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#include "cli_source.h"

#define ANSWER_MS 2000 /* somebody has pressed a key and waits */

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

/* What the items of a list are called: its first column. Only verbs that read, without arguments, give lists. */
static const char *naming_field(const json_t *command, const char *module)
{
	const char *of = text_of(command, "module");
	const char *field = text_of(json_array_get(json_object_get(command, "view"), 0), "field");

	if (!field || !of || strcmp(of, module) || !text_of(command, "view_items") ||
	    !json_is_true(json_object_get(command, "readonly")) || json_array_size(json_object_get(command, "args")))
		return "";
	return field;
}

static void names_of(const struct cli_out *o, struct control_client *client, const json_t *command, const char *field)
{
	struct command_error err;
	json_t *answer = NULL, *item;
	size_t i;

	if (control_client_call(client, text_of(command, "name"), NULL, NULL, ANSWER_MS, &answer, &err)) return;
	json_array_foreach(json_object_get(answer, text_of(command, "view_items")), i, item) {
		char *name = text_of(item, field) ? cli_out_text(text_of(item, field)) : NULL;

		if (name && !strpbrk(name, " \t\\")) fprintf(o->out, "%s\n", name);
		free(name);
	}
	json_decref(answer);
}

/*
 * Whom a verb can be about, nobody but the daemon knows: what the lists of the same module call by the argument's own name
 * ("pairing"), or where none does, by "name".
 */
static void names(const struct cli *cli, const struct cli_verb *v)
{
	const char *wanted = "name", *argument = cli_verb_positional(v, 0)->key;
	const json_t *commands, *command;
	struct cli_source s;
	size_t i;

	if (cli_source_open_quietly(cli, &s) == 0 && s.client) {
		commands = json_object_get(s.all, "commands");
		json_array_foreach(commands, i, command)
			if (!strcmp(naming_field(command, v->module), argument)) wanted = argument;
		json_array_foreach(commands, i, command)
			if (!strcmp(naming_field(command, v->module), wanted)) names_of(&cli->out, s.client, command, wanted);
	}
	cli_source_close(&s);
}

static void words_of(const struct cli *cli, const struct cli_verb *v)
{
	FILE *out = cli->out.out;

	for (size_t i = 0; i < v->arg_count; i++)
		if (!v->args[i].positional) fprintf(out, "--%s\n", v->args[i].key);
	if (cli_verb_qr(v)) fputs("--qr\n--png\n", out);
	if (v->module && *v->module) fputs("--on\n", out);
	fputs("--json\n--help\n", out);
	if (v->module && *v->module && cli_verb_positional(v, 0)) names(cli, v);
}

static void words_of_all(const struct cli *cli)
{
	json_t *all = cli_source_best(cli), *d = cli_help_json(all), *command;
	size_t i;

	json_array_foreach(json_object_get(d, "commands"), i, command)
		if (cli_verb_is_meant(command)) fprintf(cli->out.out, "%s\n", text_of(command, "name"));
	json_decref(d);
	json_decref(all);
}

int cli_words(const struct cli *cli, const char *name)
{
	json_t *all = NULL;
	struct cli_verb *v = name ? cli_help_find(cli, name, &all) : NULL;

	if (!name) {
		words_of_all(cli);
	} else if (v) {
		words_of(cli, v);
	}
	cli_verb_destroy(&v);
	json_decref(all);
	return cli_out_flush(&cli->out);
}
