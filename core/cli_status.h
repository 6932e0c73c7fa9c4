/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_status.h - the parts of `restunnel status` that its --watch (cli_watch.c) needs, too.
 */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include "cli.h"
#include "control_client.h"

/* A connection to the daemon, or -1 and why not. */
int cli_status_connect(const char *data_dir, struct control_client **ret_client, struct command_error *err);
/* What it says: 0 and its status, a new reference; or -1 and why not. */
int cli_status_ask(struct control_client *client, json_t **ret_status, struct command_error *err);
/* What is known when nobody answers, in the same shape. */
json_t *cli_status_of_silence(const struct command_error *err);

/* For people: the sentence and what is wrong; then all else. */
void cli_status_head(const struct cli_out *o, const json_t *status);
void cli_status_rest(const struct cli_out *o, const json_t *status);

/* Again and again, until it is interrupted or nobody reads: 1. */
int cli_watch(const struct cli *cli, const char *data_dir);

#endif
