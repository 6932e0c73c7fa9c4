/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_source.h - where the verbs of modules come from: the running daemon, else the configuration in this process, else
 * (for help only) the modules that are installed.
 */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "app.h"
#include "cli.h"
#include "control_client.h"

struct cli_source {
	char *data_dir;                 /* NULL: the configuration doesn't tell */
	struct control_client *client;  /* the daemon, or NULL */
	struct app *app;                /* the configuration at work here, or NULL */
	json_t *all;                    /* {"commands": [...]} */
};

/* Read data-dir's path from the configuration, become data-dir's owner if root, look for the daemon. 0, or 1 or 2
 * after saying why not. Without a daemon client is NULL, which is no failure. */
int cli_source_locate(const struct cli *cli, struct cli_source *s);
/* Then learn the verbs, from the daemon or by loading the configuration. 0, or 1 or 2 after saying why not. */
int cli_source_open(const struct cli *cli, struct cli_source *s);
/* The same without a word. */
int cli_source_open_quietly(const struct cli *cli, struct cli_source *s);
void cli_source_close(struct cli_source *s);

/* Not one word of the configuration is known: the default data-dir may be that of quite another daemon. */
bool cli_source_is_unreadable(const struct cli *cli, const struct conf_report *report);

/* The verbs of all installed modules; a new reference, perhaps without any. */
json_t *cli_source_installed(const struct cli *cli);
/* The best list that can be had without a word to anybody: daemon, configuration or installed modules. */
json_t *cli_source_best(const struct cli *cli);

#endif
