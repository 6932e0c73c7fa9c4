/* SPDX-License-Identifier: BSD-2-Clause
 *
 * conf.h - the configuration as a tree in which every node knows its place, and the report of all that is wrong.
 *
 * conf_tree.c reads YAML (libyaml) into nodes; conf.c knows data-dir, log and the list of modules; schema.c fills
 * modules' structs. Nothing stops at the first mistake: functions add to a report and go on.
 */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <restunnel/schema.h>

/* ---- Report ---- */

struct conf_place {
	const char *file; /* good as long as the report (which keeps a copy) or tree it came from */
	uint32_t line, column; /* from 1; 0: unknown */
};

struct conf_problem {
	struct conf_place at;
	bool warning;
	char *code;   /* stable: "unknown-key", "bad-value", "syntax" ... */
	char *text;   /* a sentence */
	char *remedy; /* what to do about it, or NULL */
};

struct conf_report {
	struct conf_problem *items; /* sorted by place after conf_report_sort() */
	uint32_t count, capacity;
	uint32_t errors; /* those that are not warnings */
};
#define CONF_REPORT_INIT {NULL, 0, 0, 0}

void conf_report_add(struct conf_report *r, struct conf_place at, const char *code, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void conf_report_warn(struct conf_report *r, struct conf_place at, const char *code, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void conf_report_sort(struct conf_report *r);
/* One line each "FILE:LINE:COL: error: text; remedy"; with `pretty` also the source line, a caret and "help: remedy". */
void conf_report_print(const struct conf_report *r, FILE *to, bool pretty);
void conf_report_clear(struct conf_report *r);

/* ---- Tree ---- */

enum conf_kind { CONF_SCALAR, CONF_LIST, CONF_MAP };

struct conf_node {
	enum conf_kind kind;
	struct conf_place at;     /* of the value */
	struct conf_place key_at; /* of its key, in a map */
	const char *key;          /* in a map */
	const char *text;         /* scalar */
	bool quoted;              /* scalar written with quotes */
	/* Something is wrong with it and was reported: its value is not what was meant, and what a map or list seems to
	 * lack may stand in the part that could not be read. Don't report that too. */
	bool bad;
	struct conf_node *child, *next; /* first child of a list or map; next sibling */
};

/* Owns its nodes, texts and file name. */
struct conf_tree {
	struct conf_node *root; /* NULL when the file could not be parsed at all, or is empty */
	struct conf_arena *arena;
	const char *file;
	bool broken; /* reading stopped at a syntax error: there may be more than what is here */
};

/* 0; -RTUN_ENOENT (not reported); -RTUN_ECONFIG with the reasons in `r` (the tree holds what was understood before the
 * syntax error); -RTUN_EIO, reported; -RTUN_ENOMEM. *ret_tree is NULL but for 0 and -RTUN_ECONFIG. */
int conf_tree_load(const char *path, struct conf_report *r, struct conf_tree **ret_tree);
int conf_tree_parse(const char *file, const char *text, size_t len, struct conf_report *r, struct conf_tree **ret_tree);
/* A tree made by hand (arguments of a command): add nodes below `parent` (NULL: becomes the root). */
int conf_tree_new(const char *file, struct conf_tree **ret_tree);
struct conf_node *conf_node_add(struct conf_tree *t, struct conf_node *parent, enum conf_kind kind, const char *key, const char *text);
struct conf_node *conf_node_get(const struct conf_node *map, const char *key);
void conf_tree_free(struct conf_tree **t);
/* "unknown key" at a node's key. `nearest` is what was probably meant, or NULL; `known` lists what there is, or NULL. */
void conf_unknown_key(struct conf_report *r, const struct conf_node *node, const char *nearest, const char *known);
/* "a text", "a list", "keys and values", "empty": what a node is, for messages. */
const char *conf_kind_words(const struct conf_node *node);

/* ---- The whole configuration ---- */

struct conf_entry {
	const char *module; /* which */
	const char *name;   /* of the instance; default: the module's */
	uint32_t log_level; /* its own `log-level:`, or 0 */
	const struct conf_node *node;
};

struct conf {
	const char *path;
	const char *data_dir; /* absolute, no slash at the end; default LOCALSTATEDIR/lib/restunnel */
	uint32_t log_level;   /* RTUN_INFO */
	bool log_json;
	bool sandbox;         /* true */
	struct conf_entry *entries;
	uint32_t count;
	struct conf_tree **trees; /* the file, then its drop-ins FILE.d/ *.yaml */
	uint32_t tree_count;
	bool broken; /* an entry could not be read: don't report that an instance of some name or kind is missing */
};

/* Read the file and its drop-ins: everything but the modules' own keys is judged. *ret_conf holds what was understood
 * even when it returns -RTUN_ECONFIG (NULL only for -RTUN_ENOMEM). */
int conf_load(const char *path, struct conf_report *r, struct conf **ret_conf);
void conf_free(struct conf **c);
/* Keys of an entry that belong to the core: module, name, log-level. */
bool conf_is_core_key(const char *key);
/* Names of instances: [a-z0-9][a-z0-9_-]{0,31} */
bool conf_is_name(const char *text);
/* A relative `path` is taken from the directory of `file`; absolute, malloc()ed, without a slash at its end; NULL when
 * out of memory. */
char *conf_beside(const char *file, const char *path);

#endif
