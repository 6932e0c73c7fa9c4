/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_png.h - the picture of `--png FILE`: whole, or not there at all.
 *
 * The picture grows in a file of its own beside FILE, made and later renamed with the rights of the user who typed the
 * command: data-dir's owner, as whom a command of root's goes on, may have none there.
 */
#ifndef CLI_PNG_H
#define CLI_PNG_H

#include "cli_out.h"

struct cli_png;

/* Before process_become_owner(). `path` is a regular file or not there. 0, or 1 with the reason said. */
int cli_png_open(const char *path, const struct cli_out *o, struct cli_png **ret);
/* The code of `text` takes its place. 0, or 1 with the reason said: FILE is as it was. */
int cli_png_keep(struct cli_png *png, const struct cli_out *o, const char *text);
/* What was not kept goes. */
void cli_png_close(struct cli_png **png);

#endif
