/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_render.h - an answer for people: a table or labelled lines, as the verb's view rows say.
 */
#ifndef CLI_RENDER_H
#define CLI_RENDER_H

#include "cli_out.h"
#include "cli_verb.h"

/* The answer (an object) on out. */
void cli_render(const struct cli_out *o, const struct cli_verb *verb, const json_t *answer);

/* One value in words; *ret_style says how to colour it. Caller frees. */
char *cli_render_value(const json_t *value, uint32_t view_type, int64_t now, enum cli_style *ret_style);
/* "{name} has arrived" with the fields of an event or answer. Caller frees. */
char *cli_render_fields(const char *text, const json_t *fields);

/* A table of texts: `rows` rows of `columns` cells, the first row being the labels. */
void cli_render_table(const struct cli_out *o, char **cells, const enum cli_style *styles, size_t rows, size_t columns);

/* "3 min ago", "in 15 min" for RFC 3339 text; the text itself when it isn't. Into buf. */
const char *cli_render_time(const char *rfc3339, int64_t now, char *buf, size_t len);
const char *cli_render_bytes(uint64_t n, char *buf, size_t len);
const char *cli_render_duration(uint64_t seconds, char *buf, size_t len);

#endif
