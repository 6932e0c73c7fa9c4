/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_template.h - configurations to start from: PKGDATADIR/conf/NAME.yaml.
 *
 * A template is a configuration that is good as it stands. A line that ends in `# init: --KEY` holds a value that
 * `restunnel init NAME --KEY VALUE` replaces; the line may be commented out, then the option brings it to life.
 * A paragraph (what is between empty lines) with the line `- module: NAME   # init: if installed` is left out where there is no
 * such module: not every build or package has those that need a library.
 */
#ifndef CLI_TEMPLATE_H
#define CLI_TEMPLATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The text with the values of `args` put in and the marks taken out; caller frees. NULL: *ret_unused is the key in
 * `args` (of those in `keys`, NULL at the end) for which the template has no line. */
char *cli_template_fill(const char *text, const json_t *args, const char *const *keys, const char **ret_unused);

/* The text without the paragraphs whose module is not there, and without their marks; caller frees. *ret_left is the name of one
 * that was left out ("": none). */
typedef bool cli_template_there_cb(void *arg, const char *module);
char *cli_template_choose(const char *text, cli_template_there_cb *there, void *arg, char ret_left[64]);

/* What a value looks like in YAML: in double quotes. Caller frees. */
char *cli_template_quote(const char *value);

/* The first comment line, without its '#': what the template is for. Into buf. */
const char *cli_template_summary(const char *text, char *buf, size_t len);

/* Calls cb for each template in `dir`, by name, with its text. -1: the directory can't be read. */
typedef void cli_template_cb(void *arg, const char *name, const char *text);
int cli_template_each(const char *dir, cli_template_cb *cb, void *arg);
/* The whole file, or NULL with errno. Caller frees. */
char *cli_template_read(const char *dir, const char *name);

#endif
