/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_schema.c - the installed modules' options as one JSON Schema (draft 7), by which editors complete and judge a
 * configuration. It accepts a little more than `restunnel check` does: limits and wiring are not its business.
 */
#include <stdlib.h>
#include <string.h>

#include "cli_modules.h"
#include "schema.h"

#define DURATION "^[0-9]+(ms|s|m|h|d)$"
#define SIZE "^[0-9]+(B|KiB|MiB|GiB)$"
#define RATE "^[0-9]+(bit|kbit|Mbit|Gbit)$"
#define NAME "^[a-z0-9][a-z0-9_-]{0,31}$"

static json_t *text_type(const char *pattern)
{
	return pattern ? json_pack("{s:s, s:s}", "type", "string", "pattern", pattern) : json_pack("{s:s}", "type", "string");
}

/* One, or a list of them. */
static json_t *list_type(const char *pattern)
{
	json_t *one = text_type(pattern);

	return json_pack("{s:[o, {s:s, s:O}]}", "oneOf", one, "type", "array", "items", one);
}

/* A text that another YAML reader takes for a number is a text for us. */
static json_t *loose_text(void)
{
	return json_pack("{s:[s, s, s]}", "type", "string", "number", "boolean");
}

static json_t *choice_type(const char *choices)
{
	json_t *words = json_array();

	for (const char *p = choices; p && *p;) {
		size_t n = strcspn(p, "|");

		json_array_append_new(words, json_stringn(p, n));
		p += n + (p[n] == '|');
	}
	return json_pack("{s:o}", "enum", words);
}

static json_t *int_type(const struct rtun_option *row)
{
	json_t *t = json_pack("{s:s, s:I}", "type", "integer", "minimum", (json_int_t)row->min);

	if (row->max && row->max <= INT64_MAX) json_object_set_new(t, "maximum", json_integer((json_int_t)row->max));
	return t;
}

static json_t *object_type(const struct rtun_schema *schema, json_t *properties, json_t *required);

static json_t *value_type(const struct rtun_option *row)
{
	switch (row->type) {
	case RTUN_T_INT: return int_type(row);
	case RTUN_T_BOOL: return json_pack("{s:s}", "type", "boolean");
	case RTUN_T_SIZE: return text_type(SIZE);
	case RTUN_T_RATE: return text_type(RATE);
	case RTUN_T_DURATION: return text_type(DURATION);
	case RTUN_T_CHOICE: return choice_type(row->choices);
	case RTUN_T_NAME:
	case RTUN_T_REF: return text_type(NAME);
	case RTUN_T_NAMES: return list_type(NAME);
	case RTUN_T_TEXTS:
	case RTUN_T_LISTEN:
	case RTUN_T_PREFIXES: return list_type(NULL);
	case RTUN_T_TEXT: return loose_text();
	case RTUN_T_RECORDS: return json_pack("{s:s, s:o}", "type", "array", "items", object_type(row->items, json_object(), json_array()));
	default: return text_type(NULL);
	}
}

static json_t *option_type(const struct rtun_option *row)
{
	json_t *t = row->flags & RTUN_OR_NONE ? json_pack("{s:[o, {s:s}]}", "oneOf", value_type(row), "const", "none") : value_type(row);
	char words[256], text[600];

	snprintf(text, sizeof(text), "%s (%s%s%s)", row->doc ? row->doc : "", schema_type_words(row, words, sizeof(words)),
		 row->when ? "; only for " : "", row->when ? row->when : "");
	json_object_set_new(t, "description", json_string(text));
	if (row->def && row->type != RTUN_T_INT && row->type != RTUN_T_BOOL)
		json_object_set_new(t, "default", json_string(row->def));
	return t;
}

/* Takes both, to which the schema's rows are added. */
static json_t *object_type(const struct rtun_schema *schema, json_t *properties, json_t *required)
{
	const struct rtun_option *row;

	for (uint32_t i = 0; (row = schema_row(schema, i)); i++) {
		char key[64];

		json_object_set_new(properties, schema_key(row->key, key), option_type(row));
		if ((row->flags & RTUN_REQUIRED) && !row->when) json_array_append_new(required, json_string(key));
	}
	return json_pack("{s:s, s:b, s:o, s:o}", "type", "object", "additionalProperties", 0, "properties", properties,
			"required", required);
}

static json_t *log_type(void)
{
	return json_pack("{s:s, s:b, s:{s:{s:[s, s, s, s, s]}, s:{s:[s, s]}}}", "type", "object",
			"additionalProperties", 0, "properties", "level",
			 "enum", "error", "warning", "notice", "info", "debug", "format", "enum", "text", "json");
}

json_t *cli_modules_schema_create(void)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:{s:{s:s, s:s}, s:o, s:{s:s, s:b, s:s}, s:{s:s, s:{s:[]}}}}", "$schema",
			"http://json-schema.org/draft-07/schema#",
			 "title", "restunnel", "type", "object", "additionalProperties", 0, "properties", "data-dir", "type", "string",
			 "description", "Where keys and the lists of devices are kept", "log", log_type(), "sandbox", "type", "boolean", "default",
			 1, "description", "Confine the process once it serves", "modules", "type", "array", "items",
			 "oneOf");
}

void cli_modules_schema_add(json_t *schema, const struct modload_module *mod)
{
	json_t *entries = NULL, *properties = json_object(), *required = json_pack("[s]", "module"), *entry;

	json_object_set_new(properties, "module", json_pack("{s:s, s:s?}", "const", mod->m.name, "description", mod->m.summary));
	json_object_set_new(properties, "name", text_type(NAME));
	json_object_set_new(properties, "log-level", json_pack("{s:[s, s, s, s, s]}", "enum", "error", "warning",
			"notice", "info", "debug"));
	entry = object_type(mod->m.schema, properties, required);
	if (json_unpack(schema, "{s:{s:{s:{s:o}}}}", "properties", "modules", "items", "oneOf", &entries) == 0 && entry)
		json_array_append(entries, entry);
	json_decref(entry);
}
