/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_verb.c - descriptions of verbs, read into structs.
 */
#include "cli_verb.h"

#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static bool flag_of(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static const json_t *array_of(const json_t *o, const char *key)
{
	const json_t *a = json_object_get(o, key);

	return json_array_size(a) ? a : NULL;
}

static const struct {
	const char *name;
	uint32_t type;
} view_types[] = {
	{"text", RTUN_V_TEXT}, {"bytes", RTUN_V_BYTES}, {"time", RTUN_V_TIME},
	{"online", RTUN_V_ONLINE}, {"ms", RTUN_V_MS}, {"list", RTUN_V_LIST},
	{"qr", RTUN_V_QR}, {"command", RTUN_V_COMMAND}, {"sentence", RTUN_V_SENTENCE},
};

static uint32_t view_type(const char *name)
{
	for (size_t i = 0; name && i < sizeof(view_types) / sizeof(view_types[0]); i++)
		if (!strcmp(name, view_types[i].name)) return view_types[i].type;
	return RTUN_V_TEXT;
}

static struct cli_arg arg_of(const json_t *row)
{
	return (struct cli_arg){
		.key = text_of(row, "key"), .words = text_of(row, "words"), .doc = text_of(row, "doc"),
		.def = text_of(row, "default"), .choices = array_of(row, "choices"),
		.type = (uint32_t)json_integer_value(json_object_get(row, "type")),
		.required = flag_of(row, "required"), .secret = flag_of(row, "secret"),
		.positional = flag_of(row, "positional"), .from_stdin = flag_of(row, "stdin"),
		.rest = flag_of(row, "rest"), .list = flag_of(row, "list"),
	};
}

static struct cli_view view_of(const json_t *row)
{
	const char *field = text_of(row, "field"), *label = text_of(row, "label");

	return (struct cli_view){.field = field, .label = label ? label : field, .type = view_type(text_of(row, "type"))};
}

static bool read_rows(struct cli_verb *v)
{
	const json_t *args = json_object_get(v->description, "args"), *views = json_object_get(v->description, "view");
	const json_t *row;
	size_t i;

	v->args = calloc(json_array_size(args) + 1, sizeof(*v->args));
	v->views = v->owned_views = calloc(json_array_size(views) + 1, sizeof(*v->owned_views));
	if (!v->args || !v->owned_views) return false;
	json_array_foreach(args, i, row) {
		v->args[v->arg_count] = arg_of(row);
		if (v->args[v->arg_count].key) v->arg_count++;
	}
	json_array_foreach(views, i, row) {
		v->owned_views[v->view_count] = view_of(row);
		if (v->owned_views[v->view_count].field) v->view_count++;
	}
	return true;
}

struct cli_verb *cli_verb_create(json_t *description)
{
	struct cli_verb *v = text_of(description, "name") ? calloc(1, sizeof(*v)) : NULL;

	if (!v) return NULL;
	v->description = json_incref(description);
	v->name = text_of(description, "name");
	v->doc = text_of(description, "doc");
	v->example = text_of(description, "example");
	v->module = text_of(description, "module");
	v->instances = array_of(description, "instances");
	v->view_items = text_of(description, "view_items");
	v->empty = text_of(description, "empty");
	v->follow = text_of(description, "follow");
	v->follow_key = text_of(description, "follow_key");
	v->follow_text = text_of(description, "follow_text");
	v->follow_end = text_of(description, "follow_end");
	v->follow_end_text = text_of(description, "follow_end_text");
	v->readonly = flag_of(description, "readonly");
	v->offline = flag_of(description, "offline");
	v->confirm = flag_of(description, "confirm");
	if (!read_rows(v)) cli_verb_destroy(&v);
	return v;
}

void cli_verb_destroy(struct cli_verb **verb)
{
	struct cli_verb *v = *verb;

	if (!v) return;
	json_decref(v->description);
	free(v->args);
	free(v->owned_views);
	free(v);
	*verb = NULL;
}

static bool has_instance(const json_t *description, const char *on)
{
	const json_t *instances = json_object_get(description, "instances"), *instance;
	size_t i;

	json_array_foreach(instances, i, instance)
		if (json_is_string(instance) && !strcmp(json_string_value(instance), on)) return true;
	return false;
}

json_t *cli_verb_find(const json_t *all, const char *name, const char *on)
{
	const json_t *commands = json_object_get(all, "commands");
	json_t *c, *first = NULL;
	size_t i;

	json_array_foreach(commands, i, c) {
		const char *is = text_of(c, "name");

		if (!is || strcmp(is, name)) continue;
		if (!on || has_instance(c, on)) return c;
		if (!first) first = c;
	}
	return first; /* whoever answers will say that the instance has no such verb */
}

bool cli_verb_is_meant(const json_t *description)
{
	const char *module = text_of(description, "module");
	const json_t *instances = json_object_get(description, "instances"); /* none: of what is installed, not of what is configured */

	return !module || !*module || !instances || json_array_size(instances) > 0;
}

const struct cli_arg *cli_verb_option(const struct cli_verb *verb, const char *key)
{
	for (size_t i = 0; i < verb->arg_count; i++)
		if (!verb->args[i].positional && !strcmp(verb->args[i].key, key)) return &verb->args[i];
	return NULL;
}

const struct cli_arg *cli_verb_positional(const struct cli_verb *verb, size_t n)
{
	for (size_t i = 0; i < verb->arg_count; i++)
		if (verb->args[i].positional && n-- == 0) return &verb->args[i];
	return NULL;
}

const char *cli_verb_qr(const struct cli_verb *verb)
{
	for (size_t i = 0; i < verb->view_count; i++)
		if (verb->views[i].type == RTUN_V_QR) return verb->views[i].field;
	return NULL;
}
