/* SPDX-License-Identifier: BSD-2-Clause
 *
 * schema.h - rtun_schema tables at work: fill a struct from a tree, compare two, describe one.
 */
#ifndef SCHEMA_H
#define SCHEMA_H

#include "conf.h"

/* A filled struct and all its texts and lists. */
struct schema_struct {
	void *cfg; /* what the module sees */
	struct conf_arena *arena;
};

/* Judge every key of `map` (a CONF_MAP, or NULL for an empty one) by the schema, and fill a struct of its struct_size:
 * unknown keys (with the nearest known one, or "only for role: hub" where `when` says so), types, ranges, missing
 * required ones, defaults. Keys for which `skip` is true are left alone (may be NULL). References get .instance only.
 * `at` is the place to name for what is missing. 0 or -RTUN_ECONFIG or -RTUN_ENOMEM. `schema` NULL = no options. */
int schema_fill(const struct rtun_schema *schema, const struct conf_node *map, struct conf_place at, bool (*skip)(const char *key),
		struct conf_report *r, struct schema_struct **ret);
void schema_free(struct schema_struct **s);

/* Row i, or NULL; copes with rows of older size. The row whose key ('_' = '-') is `key`. */
const struct rtun_option *schema_row(const struct rtun_schema *schema, uint32_t i);
const struct rtun_option *schema_find(const struct rtun_schema *schema, const char *key);
/* Does the row hold in this filled struct ("role=hub")? `when` NULL: yes. */
bool schema_when(const struct rtun_schema *schema, const void *cfg, const char *when);
/* The key as written in YAML ('-' for '_') into buf. */
const char *schema_key(const char *member, char buf[64]);
/* Calls cb for each row whose value differs between two filled structs. */
void schema_diff(const struct rtun_schema *schema, const void *a, const void *b, void (*cb)(void *arg, const struct rtun_option *), void *arg);
/* What a row accepts, in words: "size (64KiB)", "one of closed, filtered, none, auto", "name of an instance that provides rtun.dialer/1". */
const char *schema_type_words(const struct rtun_option *row, char *buf, size_t len);
/* The row's value in a filled struct as text for YAML (quoted where it must be), "" when it is not set; NULL when out of
 * memory. Caller frees. */
char *schema_value_text(const struct rtun_option *row, const void *cfg);

#endif
