/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_call.h - one command line: what every verb has in common, and the rest.
 *
 * Options of the program may stand anywhere before a `--`: `restunnel pair --name home -c FILE`.
 */
#ifndef CLI_CALL_H
#define CLI_CALL_H

#include "cli_out.h"

struct cli_call {
	const char *config;      /* -c */
	const char *module_dir;  /* --module-dir */
	const char *template_dir; /* --template-dir; NULL: PKGDATADIR/conf */
	const char *color;       /* --color */
	const char *on;          /* --on */
	const char *qr, *png;    /* --qr, --png */
	bool config_given, json, help, version;
	const char *verb;        /* NULL: none */
	int argc;                /* what follows the verb */
	char **argv;
};

/* Sort `argv` (without the program's name): what remains of it for the verb is moved to its front, a "--" included.
 * 0, or 2 after saying what is wrong. */
int cli_call_parse(struct cli_call *call, const struct cli_out *o, int argc, char **argv);

/* One line each for --help: left column and right column. `i` from 0; false: no such. */
bool cli_call_describe(size_t i, const char **ret_usage, const char **ret_doc);

/* `--key` of argv[i] against `key`: NULL: another option; else its value after '=', or "" when it has none. */
const char *cli_call_match(const char *arg, const char *key);

#endif
