/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_call.c - takes the program's own options out of a command line.
 */
#include "cli_call.h"

#include <stddef.h>
#include <string.h>

static const struct option_row {
	const char *key;
	char letter; /* 0: none */
	bool has_value;
	size_t offset;
	const char *choices; /* "|a|b|", or NULL */
	const char *usage, *doc; /* NULL: shown with the verbs that have it */
} rows[] = {
	{"config", 'c', true, offsetof(struct cli_call, config), NULL, "-c, --config FILE",
			"the configuration (default " SYSCONFDIR "/restunnel/restunnel.yaml)"},
	{"json", 0, false, offsetof(struct cli_call, json), NULL, "--json", "the answer as one JSON document, and nothing else"},
	{"color", 0, true, offsetof(struct cli_call, color), "|auto|always|never|", "--color=WHEN",
			"auto (default), always or never; NO_COLOR counts too"},
	{"module-dir", 0, true, offsetof(struct cli_call, module_dir), NULL, "--module-dir DIR",
			"take modules from there (default " MODULEDIR ")"},
	{"template-dir", 0, true, offsetof(struct cli_call, template_dir), NULL, "--template-dir DIR",
			"take what `init` writes from there (default " PKGDATADIR "/conf)"},
	{"help", 'h', false, offsetof(struct cli_call, help), NULL, "-h, --help", "this help, or that of a verb"},
	{"version", 'V', false, offsetof(struct cli_call, version), NULL, "-V, --version",
			"version, and which optional parts are in"},
	{"on", 0, true, offsetof(struct cli_call, on), NULL, NULL, NULL},
	{"qr", 0, true, offsetof(struct cli_call, qr), "|auto|ansi|utf8|ascii|none|", NULL, NULL},
	{"png", 0, true, offsetof(struct cli_call, png), NULL, NULL, NULL},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

bool cli_call_describe(size_t i, const char **ret_usage, const char **ret_doc)
{
	if (i >= ROWS || !rows[i].usage) return false;
	*ret_usage = rows[i].usage;
	*ret_doc = rows[i].doc;
	return true;
}

const char *cli_call_match(const char *arg, const char *key)
{
	size_t len = strlen(key);

	if (strncmp(arg, "--", 2) || strncmp(arg + 2, key, len)) return NULL;
	return arg[2 + len] == '=' ? arg + 2 + len + 1 : arg[2 + len] ? NULL : "";
}

/* Which row is argv[i]? *ret_value: what stands in the same word, or NULL. */
static const struct option_row *find_row(const char *arg, const char **ret_value)
{
	for (size_t i = 0; i < ROWS; i++) {
		const char *value = cli_call_match(arg, rows[i].key);

		if (value) {
			*ret_value = strchr(arg, '=') ? value : NULL;
			return &rows[i];
		}
		if (rows[i].letter && arg[0] == '-' && arg[1] == rows[i].letter && (rows[i].has_value || !arg[2])) {
			*ret_value = arg[2] ? arg + 2 : NULL;
			return &rows[i];
		}
	}
	return NULL;
}

static bool is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);

	for (const char *p = choices; (p = strstr(p, value)); p++)
		if (len && p[-1] == '|' && p[len] == '|') return true;
	return false;
}

/* Put the value where the row says. 1 when it took the next word as well, 0 when not, -1: wrong (said). */
static int take(struct cli_call *call, const struct cli_out *o, const struct option_row *row, const char *value,
		const char *next)
{
	int used = 0;
	char *at = (char *)call + row->offset;

	if (!row->has_value) {
		if (value) {
			cli_out_usage(o, call->verb, "--%s takes no value", row->key);
			return -1;
		}
		*(bool *)at = true;
		return 0;
	}
	if (!value) {
		value = next;
		used = 1;
	}
	if (!value || !*value) {
		cli_out_usage(o, call->verb, "--%s needs a value", row->key);
		return -1;
	}
	if (row->choices && !is_choice(row->choices, value)) {
		char list[64];

		snprintf(list, sizeof(list), "%s", row->choices + 1);
		list[strlen(list) - 1] = 0;
		cli_out_usage(o, call->verb, "--%s is one of %s, not '%s'", row->key, list, value);
		return -1;
	}
	*(const char **)(void *)at = value;
	return used;
}

int cli_call_parse(struct cli_call *call, const struct cli_out *o, int argc, char **argv)
{
	int kept = 0;
	bool options = true;

	memset(call, 0, sizeof(*call));
	call->argv = argv;
	for (int i = 0; i < argc; i++) {
		const char *value;
		const struct option_row *row;
		int used;

		if (options && !strcmp(argv[i], "--")) options = false;
		row = options ? find_row(argv[i], &value) : NULL;
		if (row) {
			used = take(call, o, row, value, i + 1 < argc ? argv[i + 1] : NULL);
			if (used < 0) return 2;
			i += used;
		} else if (!call->verb && options && argv[i][0] != '-') {
			call->verb = argv[i];
		} else {
			argv[kept++] = argv[i];
		}
	}
	call->argc = kept;
	call->config_given = call->config != NULL;
	if (!call->config) call->config = SYSCONFDIR "/restunnel/restunnel.yaml";
	return 0;
}
