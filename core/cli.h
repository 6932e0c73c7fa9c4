/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli.h - the command line: the program's own verbs, and those that modules bring.
 *
 * cli.c decides who does what. Own verbs (init, check, run, status, modules, help) are rows of a table there, one file
 * each; every other word is a verb of a module, which this program knows only by its description (cli_source.h).
 */
#ifndef CLI_H
#define CLI_H

#include <string.h>

#include "cli_args.h"
#include "cli_call.h"
#include "cli_out.h"
#include "cli_verb.h"

struct cli {
	struct cli_out out;
	struct cli_call call;
};

/* The whole program; returns the exit status. */
int cli_main(int argc, char **argv);

/* A verb of the program itself. `args` follows the rows; the result is the exit status. */
typedef int cli_own_fn(const struct cli *cli, const json_t *args);
struct cli_own {
	struct rtun_command command; /* without `run` */
	cli_own_fn *run;
	const char *optional, *optional_value; /* the key that may be given with or without a value, or NULL; and what the value is */
	bool no_json;
};
extern const struct cli_own cli_own_init, cli_own_check, cli_own_run, cli_own_status, cli_own_doctor, cli_own_modules, cli_own_help;

/* Row i of the own verbs, NULL behind the last; and by name. */
const struct cli_own *cli_own_row(size_t i);
const struct cli_own *cli_own_find(const char *name);
struct cli_verb *cli_own_verb(const struct cli_own *own);

/* A module's verb: find it, ask, show the answer. */
int cli_command_run(const struct cli *cli);

/* Help: of the program; of a verb, own or a module's; for an unknown one, with the nearest. Exit statuses. */
int cli_help_program(const struct cli *cli);
int cli_help_verb(const struct cli *cli, const char *name);
int cli_help_unknown(const struct cli *cli, const char *name, const json_t *all);
int cli_help_version(const struct cli *cli);
/* Its lines for people. */
void cli_version_print(FILE *to);
/* A verb, own or a module's, or NULL; *ret_all (a reference, or NULL) is where it was looked for. */
struct cli_verb *cli_help_find(const struct cli *cli, const char *name, json_t **ret_all);
/* {"schema":1,"commands":[...]}: own verbs and those of `all`. New reference. */
json_t *cli_help_json(const json_t *all);

/* For completion: the verbs, or (name given) what may follow one; one word on a line. */
int cli_words(const struct cli *cli, const char *name);

/* Texts of own arguments; NULL or false when not given. */
static inline const char *cli_text(const json_t *args, const char *key)
{
	return json_string_value(json_object_get(args, key));
}
/* As configurations write booleans. */
static inline bool cli_is_true(const char *text)
{
	return !strcmp(text, "true") || !strcmp(text, "yes") || !strcmp(text, "on");
}
static inline bool cli_is_false(const char *text)
{
	return !strcmp(text, "false") || !strcmp(text, "no") || !strcmp(text, "off");
}
static inline bool cli_flag(const json_t *args, const char *key)
{
	const char *text = cli_text(args, key);

	return text && cli_is_true(text);
}

#endif
