/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_verb.h - one verb as the command line knows it: read from the description that the daemon, a configuration or a
 * module gives (command_describe()). The program's own verbs are described by the same tables.
 */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <restunnel/command.h>

/* Texts belong to the description. */
struct cli_arg {
	const char *key; /* as written: "data-dir" */
	const char *words, *doc, *def;
	const json_t *choices; /* array of texts, or NULL */
	uint32_t type;         /* RTUN_T_... */
	bool required, secret, positional, from_stdin, rest, list;
	const char *optional_value; /* "--key" and "--key=VALUE": what VALUE is; only verbs of the program itself have such */
};

struct cli_view {
	const char *field, *label;
	uint32_t type; /* RTUN_V_...; RTUN_V_TEXT for one that this program doesn't know */
};

struct cli_verb {
	json_t *description; /* owned */
	const char *name, *doc, *example, *module;
	const json_t *instances; /* array of texts, or NULL */
	struct cli_arg *args;
	size_t arg_count;
	const struct cli_view *views;
	struct cli_view *owned_views; /* what `views` points to, when it is ours to free */
	size_t view_count;
	const char *view_items, *empty, *follow, *follow_key, *follow_text, *follow_end, *follow_end_text;
	bool readonly, offline, confirm;
};

/* NULL when it is no description of a verb. Takes its own reference. */
struct cli_verb *cli_verb_create(json_t *description);
void cli_verb_destroy(struct cli_verb **verb);

/* {"commands": [...]}: the description of `name`, borrowed, or NULL; where several modules have such a verb, that of the
 * instance `on` (NULL: the first). */
json_t *cli_verb_find(const json_t *all, const char *name, const char *on);

/* Is it for what is configured here? Not where the description names the instances that have it, and there is none: it can be called,
 * and says why not, but nobody has to be shown it. */
bool cli_verb_is_meant(const json_t *description);

const struct cli_arg *cli_verb_option(const struct cli_verb *verb, const char *key);
const struct cli_arg *cli_verb_positional(const struct cli_verb *verb, size_t n); /* the n-th, or NULL */
/* The field to show as a QR code, or NULL. */
const char *cli_verb_qr(const struct cli_verb *verb);

#endif
