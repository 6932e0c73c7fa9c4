/* SPDX-License-Identifier: BSD-2-Clause
 *
 * schema_doc.c - what a schema accepts, for people and for editors.
 */
#include "schema_doc.h"

#include <stdlib.h>
#include <string.h>

#include "schema_value.h"
#include "schema_write.h"

/* ---- Words ---- */

const char *schema_type_words(const struct rtun_option *row, char *buf, size_t len)
{
	const struct schema_type *type = schema_type(row);
	char word[64], limits[64] = "";

	snprintf(buf, len, "%s", type ? type->words : "something that this version doesn't know");
	if (row->type == RTUN_T_REF)
		snprintf(buf, len, "the name of an instance that provides %s", row->choices);
	if ((row->type == RTUN_T_INT || row->type == RTUN_T_SIZE || row->type == RTUN_T_RATE || row->type == RTUN_T_DURATION) &&
	    (row->min || row->max)) {
		schema_limit_words(row, limits, sizeof(limits));
		snprintf(buf, len, "%s, %s", type->words, limits);
	}
	if (row->flags & RTUN_OR_NONE)
		snprintf(buf + strlen(buf), len - strlen(buf), ", or none");
	for (uint32_t i = 0; row->type == RTUN_T_CHOICE && schema_choice(row->choices, i, word); i++) {
		size_t used = strlen(buf);
		snprintf(buf + used, len - used, "%s%s", i ? ", " : " ", word);
	}
	return buf;
}

static void describe_row(const struct rtun_option *row, FILE *to)
{
	char key[64], words[200];

	fprintf(to, "  %s: %s\n", schema_key(row->key, key), schema_type_words(row, words, sizeof(words)));
	if (row->doc)
		fprintf(to, "      %s\n", row->doc);
	if (row->when) {
		int len = (int)strcspn(row->when, "=");
		char member[64];
		snprintf(member, sizeof(member), "%.*s", len, row->when);
		fprintf(to, "      Only for %s: %s.\n", schema_key(member, key), row->when[len] ? row->when + len + 1 : "");
	}
	if (row->type == RTUN_T_REF && (row->flags & RTUN_REQUIRED))
		fprintf(to, "      May be omitted where exactly one instance provides it.\n");
	else if (row->type == RTUN_T_REF && (row->flags & RTUN_IF_ANY))
		fprintf(to, "      Default: the instance that provides it; where several do, one must be named.\n");
	else if (row->flags & RTUN_REQUIRED)
		fprintf(to, "      Required.\n");
	else if (row->def)
		fprintf(to, "      Default: %s\n", row->def);
	if (row->flags & RTUN_RELOADABLE)
		fprintf(to, "      A change takes effect at reload.\n");
}

void schema_describe(const struct rtun_schema *schema, FILE *to)
{
	const struct rtun_option *row;

	if (!schema_row(schema, 0))
		fprintf(to, "  no options\n");
	for (uint32_t i = 0; (row = schema_row(schema, i)); i++)
		describe_row(row, to);
}

/* ---- JSON Schema ---- */

#define INSTANCE "^[a-z0-9][a-z0-9_-]{0,31}$"
#define LEVELS "error|warn|notice|info|debug"

/* As far as an editor can tell: `restunnel check` has the last word. */
static const struct {
	const char *type, *pattern;
} kinds[] = {
	[RTUN_T_TEXT] = {"string", NULL},
	[RTUN_T_INT] = {"integer", NULL},
	[RTUN_T_BOOL] = {"boolean", NULL},
	[RTUN_T_SIZE] = {"string", "^(0|[1-9][0-9]*)(B|KiB|MiB|GiB)$"},
	[RTUN_T_RATE] = {"string", "^(0|[1-9][0-9]*)(bit|kbit|Mbit|Gbit)$"},
	[RTUN_T_DURATION] = {"string", "^(0|[1-9][0-9]*)(ms|s|m|h|d)$"},
	[RTUN_T_CHOICE] = {"string", NULL},
	[RTUN_T_TEXTS] = {"string", NULL},
	[RTUN_T_LISTEN] = {"string", "^(unix:/.+|[0-9.]+:[0-9]+|\\[[0-9A-Fa-f:.]+\\]:[0-9]+)$"},
	[RTUN_T_HOSTPORT] = {"string", "^.+:[0-9]+$"},
	[RTUN_T_FILE] = {"string", NULL},
	[RTUN_T_REF] = {"string", INSTANCE},
	[RTUN_T_NAME] = {"string", "^[a-z0-9][a-z0-9-]{0,31}$"},
	[RTUN_T_NAMES] = {"string", "^[a-z0-9][a-z0-9-]{0,31}$"},
	[RTUN_T_BYTES] = {"string", "^[A-Za-z0-9+/]*={0,2}$"},
	[RTUN_T_TIME] = {"string", "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"},
	[RTUN_T_PREFIXES] = {"string", "^[0-9A-Fa-f:.]+(/[0-9]+)?$"},
	[RTUN_T_RECORDS] = {"object", NULL},
};

static json_t *json_words(const char *choices)
{
	json_t *words = json_array();
	char word[64];
	for (uint32_t i = 0; schema_choice(choices, i, word); i++)
		json_array_append_new(words, json_string(word));
	return words;
}

static json_t *json_of_value(const struct rtun_option *row)
{
	json_t *value = json_pack("{s:s}", "type", kinds[row->type].type);

	if (kinds[row->type].pattern)
		json_object_set_new(value, "pattern", json_string(kinds[row->type].pattern));
	if (row->type == RTUN_T_CHOICE)
		json_object_set_new(value, "enum", json_words(row->choices));
	if (row->type == RTUN_T_INT && (row->min || row->max)) {
		json_object_set_new(value, "minimum", json_integer((json_int_t)row->min));
		if (row->max && row->max <= INT64_MAX)
			json_object_set_new(value, "maximum", json_integer((json_int_t)row->max));
	}
	return value;
}

static void json_set_default(json_t *value, const struct rtun_option *row)
{
	if (row->type == RTUN_T_BOOL)
		json_object_set_new(value, "default", json_boolean(!strcmp(row->def, "true") || !strcmp(row->def, "yes") || !strcmp(row->def, "on")));
	else if (row->type == RTUN_T_INT)
		json_object_set_new(value, "default", json_integer(strtoll(row->def, NULL, 10)));
	else
		json_object_set_new(value, "default", json_string(row->def));
}

static json_t *json_of_row(const struct rtun_option *row)
{
	const struct schema_type *type = schema_type(row);
	char words[400];

	if (!type)
		return json_true();
	json_t *value = json_of_value(row);
	if (row->flags & RTUN_OR_NONE)
		value = json_pack("{s:[o, {s:s}]}", "oneOf", value, "const", "none");
	if (type->list)
		value = json_pack("{s:[o, {s:s, s:O}]}", "oneOf", value, "type", "array", "items", value);
	snprintf(words, sizeof(words), "%s%s%s%s", row->doc ? row->doc : "", row->when ? " (only for " : "", row->when ? row->when : "",
		 row->when ? ")" : "");
	json_object_set_new(value, "description", json_string(words));
	if (row->def)
		json_set_default(value, row);
	return value;
}

json_t *schema_json(const char *module, const struct rtun_schema *schema)
{
	json_t *keys = json_object(), *required = json_pack("[s]", "module");
	const struct rtun_option *row;
	char key[64];

	json_object_set_new(keys, "module", json_pack("{s:s}", "const", module));
	json_object_set_new(keys, "name", json_pack("{s:s, s:s, s:s}", "type", "string", "pattern", INSTANCE, "default", module));
	json_object_set_new(keys, "log-level", json_pack("{s:o}", "enum", json_words(LEVELS)));
	for (uint32_t i = 0; (row = schema_row(schema, i)); i++) {
		schema_key(row->key, key);
		json_object_set_new(keys, key, json_of_row(row));
		if ((row->flags & RTUN_REQUIRED) && !row->when && row->type != RTUN_T_REF)
			json_array_append_new(required, json_string(key));
	}
	return json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", keys, "required", required, "additionalProperties", 0);
}

json_t *schema_json_file(json_t *entries)
{
	json_t *log = json_pack("{s:{s:o}, s:{s:o}}", "level", "enum", json_words(LEVELS), "format", "enum", json_words("text|json"));
	json_t *modules = json_pack("{s:s, s:{s:o}}", "type", "array", "items", "oneOf", entries);
	json_t *keys = json_pack("{s:{s:s}, s:{s:s, s:o, s:b}, s:{s:s}, s:o}", "data-dir", "type", "string", "log", "type", "object",
				 "properties", log, "additionalProperties", 0, "sandbox", "type", "boolean", "modules", modules);
	return json_pack("{s:s, s:s, s:o, s:b}", "$schema", "http://json-schema.org/draft-07/schema#", "type", "object", "properties", keys,
			 "additionalProperties", 0);
}
