/* SPDX-License-Identifier: BSD-2-Clause
 *
 * schema_doc.h - what a schema accepts, for people and for editors.
 */
#ifndef SCHEMA_DOC_H
#define SCHEMA_DOC_H

#include <jansson.h>

#include "schema.h"

/* A readable list of the options. */
void schema_describe(const struct rtun_schema *schema, FILE *to);
/* JSON Schema (draft-07) of one entry of `modules:` with `module: NAME`; NULL when out of memory. */
json_t *schema_json(const char *module, const struct rtun_schema *schema);
/* The same of a whole file; `entries` is an array of schema_json() and is taken, also on failure. */
json_t *schema_json_file(json_t *entries);

#endif
