/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_args.h - the arguments of a verb, read by its rows: VALUE, --key VALUE, --key=VALUE, standard input.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "cli_call.h"
#include "cli_verb.h"

/* Texts, and arrays of texts for lists: whoever answers the verb judges them by the same rows. `in` is read only for
 * a missing argument that may come from there; a prompt goes to err when `in_tty`. 0; 2 after saying what is wrong. */
int cli_args_parse(const struct cli_verb *verb, const struct cli_call *call, const struct cli_out *o, FILE *in, bool in_tty,
		   json_t **ret_args);

#endif
