/* SPDX-License-Identifier: BSD-2-Clause
 *
 * schema_value.h - text to typed values, one at a time, and back.
 */
#ifndef SCHEMA_VALUE_H
#define SCHEMA_VALUE_H

#include "conf_arena.h"
#include "schema.h"

/* One text to be read, and what is wrong with it. */
struct schema_read {
	const struct rtun_option *row;
	const char *text;
	const char *file; /* where the text was written, for relative paths; NULL: nowhere */
	struct conf_arena *arena;
	char error[200], remedy[200]; /* when false came back; no error: out of memory */
	char warning[160];
};

struct schema_type {
	const char *words; /* what it accepts */
	uint32_t size;     /* of one value */
	bool list;         /* the member is a struct rtun_list of such values */
	bool plain;        /* its text needs no quotes in YAML */
	bool (*read)(struct schema_read *r, void *ret_value);
	void (*write)(const struct rtun_option *row, const void *value, FILE *to); /* nothing: it is not set */
};

/* NULL for a type that this core doesn't know. */
const struct schema_type *schema_type(const struct rtun_option *row);
/* The i-th word of "a|b|c" into buf; false when there are fewer. */
bool schema_choice(const char *choices, uint32_t i, char buf[64]);
/* Must `text` be quoted, lest YAML 1.1 or 1.2 take it for something else, or break on it? */
bool schema_needs_quotes(const char *text);
void schema_write_quoted(const char *text, FILE *to);

#endif
