/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli.c - which verb, and who does it.
 */
#include <config.h>

#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

static const struct cli_own *const own_rows[] = {
	&cli_own_init, &cli_own_check, &cli_own_run, &cli_own_status, &cli_own_doctor, &cli_own_modules, &cli_own_help,
};

const struct cli_own *cli_own_row(size_t i)
{
	return i < sizeof(own_rows) / sizeof(own_rows[0]) ? own_rows[i] : NULL;
}

const struct cli_own *cli_own_find(const char *name)
{
	const struct cli_own *own;

	for (size_t i = 0; (own = cli_own_row(i)); i++)
		if (!strcmp(own->command.name, name)) return own;
	return NULL;
}

struct cli_verb *cli_own_verb(const struct cli_own *own)
{
	json_t *description = command_describe(&own->command);
	struct cli_verb *verb = description ? cli_verb_create(description) : NULL;

	json_decref(description);
	if (!verb) abort();
	for (size_t i = 0; i < verb->arg_count; i++)
		if (own->optional && !strcmp(verb->args[i].key, own->optional)) verb->args[i].optional_value = own->optional_value;
	return verb;
}

/* Options that only modules' verbs have. */
static int judge_options(const struct cli *cli, const struct cli_own *own)
{
	const struct {
		bool given;
		const char *option;
	} rows[] = {
		{cli->call.on != NULL, "--on"}, {cli->call.qr != NULL, "--qr"}, {cli->call.png != NULL, "--png"},
		{cli->call.json && own->no_json, "--json"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].given)
			return cli_out_usage(&cli->out, own->command.name, "%s has no option %s", own->command.name, rows[i].option);
	return 0;
}

/* Modules' arguments are judged by their schemas; these here are texts and booleans. */
static int judge_flags(const struct cli *cli, const struct cli_verb *verb, const json_t *args)
{
	for (size_t i = 0; i < verb->arg_count; i++) {
		const char *text = verb->args[i].type == RTUN_T_BOOL ? cli_text(args, verb->args[i].key) : NULL;

		if (text && !cli_is_true(text) && !cli_is_false(text))
			return cli_out_usage(&cli->out, verb->name, "--%s is true or false, not '%s'", verb->args[i].key, text);
	}
	return 0;
}

static int run_own(const struct cli *cli, const struct cli_own *own)
{
	struct cli_verb *verb;
	json_t *args = NULL;
	int rc = judge_options(cli, own);

	if (rc) return rc;
	verb = cli_own_verb(own);
	rc = cli_args_parse(verb, &cli->call, &cli->out, stdin, isatty(STDIN_FILENO), &args);
	if (!rc) rc = judge_flags(cli, verb, args);
	if (!rc) rc = own->run(cli, args);
	json_decref(args);
	cli_verb_destroy(&verb);
	return rc;
}

int cli_main(int argc, char **argv)
{
	struct cli cli = {0};
	const struct cli_own *own;

	cli_out_init(&cli.out, NULL);
	if (cli_call_parse(&cli.call, &cli.out, argc > 0 ? argc - 1 : 0, argv + (argc > 0))) return 2;
	cli_out_init(&cli.out, cli.call.color);
	cli.out.json = cli.call.json;
	if (cli.call.version) return cli_help_version(&cli);
	if (!cli.call.verb && cli.call.help) return cli_help_program(&cli);
	if (!cli.call.verb && cli.call.argc)
		return cli_out_usage(&cli.out, NULL, "there is no option %s", cli.call.argv[0]);
	if (!cli.call.verb) return cli_out_usage(&cli.out, NULL, "what to do? Give a verb");
	if (cli.call.help) return cli_help_verb(&cli, cli.call.verb);
	own = cli_own_find(cli.call.verb);
	return own ? run_own(&cli, own) : cli_command_run(&cli);
}
