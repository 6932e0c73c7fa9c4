/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_modules.h - what a module says about itself, as JSON: for `restunnel modules`, and as a JSON Schema for editors.
 */
#ifndef CLI_MODULES_H
#define CLI_MODULES_H

#include <jansson.h>

#include "modload.h"

/* {"name", "version", "summary", "license", "file"} */
json_t *cli_modules_summary(const struct modload_module *mod);
/* The same with "provides", "needs", "options", "commands", "events", "metrics". */
json_t *cli_modules_describe(const struct modload_module *mod);

/* Draft 7, for yaml-language-server and others: a configuration of the modules added so far. */
json_t *cli_modules_schema_create(void);
void cli_modules_schema_add(json_t *schema, const struct modload_module *mod);

#endif
