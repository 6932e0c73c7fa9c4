/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_describe.c - a module's descriptor as JSON.
 */
#include "cli_modules.h"
#include "command.h"
#include "list_rows.h"
#include "sandbox.h"
#include "schema.h"

json_t *cli_modules_summary(const struct modload_module *mod)
{
	return json_pack("{s:s, s:s?, s:s?, s:s?, s:s?}", "name", mod->m.name, "version", mod->m.version, "summary",
			mod->m.summary, "license",
			 mod->m.license, "file", mod->file);
}

static json_t *provides_of(const struct rtun_module *m)
{
	json_t *a = json_array();
	struct rtun_port p;

	for (uint32_t i = 0; list_row(&m->provides, i, &p, sizeof(p)); i++)
		json_array_append_new(a, json_pack("{s:s, s:s?}", "service", p.service, "when", p.when));
	return a;
}

static json_t *needs_of(const struct rtun_module *m)
{
	json_t *a = json_array();
	struct rtun_need n;

	for (uint32_t i = 0; list_row(&m->needs, i, &n, sizeof(n)); i++)
		json_array_append_new(a, json_pack("{s:s, s:s?, s:s?}", "need", n.need, "doc", sandbox_need_doc(n.need), "when", n.when));
	return a;
}

static json_t *option_json(const char *above, const struct rtun_option *row)
{
	char key[64], full[160], words[256];

	snprintf(full, sizeof(full), "%s%s", above, schema_key(row->key, key));
	return json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:b, s:b, s:b}", "key", full, "type",
			 schema_type_words(row, words, sizeof(words)), "default", row->def, "doc", row->doc, "when", row->when, "required",
			 row->flags & RTUN_REQUIRED, "reloadable", row->flags & RTUN_RELOADABLE, "secret", row->flags & RTUN_SECRET);
}

/* The keys of a list's items follow as "rules[].action". */
static void append_options(json_t *a, const char *above, const struct rtun_schema *schema)
{
	const struct rtun_option *row;
	char key[64], below[128];

	for (uint32_t i = 0; (row = schema_row(schema, i)); i++) {
		json_array_append_new(a, option_json(above, row));
		snprintf(below, sizeof(below), "%.40s%.60s[].", above, schema_key(row->key, key));
		if (row->type == RTUN_T_RECORDS) append_options(a, below, row->items);
	}
}

static json_t *options_of(const struct rtun_module *m)
{
	json_t *a = json_array();

	append_options(a, "", m->schema);
	return a;
}

static json_t *commands_of(const struct modload_module *mod)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < mod->command_count; i++)
		json_array_append_new(a, command_describe(&mod->commands[i]));
	return a;
}

static json_t *event_json(const struct rtun_event_type *type)
{
	static const char *const types[] = {[RTUN_F_TEXT] = "text", [RTUN_F_U64] = "number", [RTUN_F_TIME] = "time",
			[RTUN_F_ERR] = "result"};
	json_t *fields = json_array();
	struct rtun_field f;

	for (uint32_t i = 0; list_row(&type->fields, i, &f, sizeof(f)); i++)
		json_array_append_new(fields, json_pack("{s:s, s:s, s:s?}", "name", f.name, "type",
							f.type >= RTUN_F_TEXT && f.type <= RTUN_F_ERR ? types[f.type] : "unknown", "doc", f.doc));
	return json_pack("{s:s, s:s?, s:o}", "name", type->name, "doc", type->doc, "fields", fields);
}

static json_t *events_of(const struct rtun_module *m)
{
	json_t *a = json_array();
	const struct rtun_event_type *type;

	for (uint32_t i = 0; list_row(&m->events, i, &type, sizeof(type)); i++)
		json_array_append_new(a, event_json(type));
	return a;
}

static json_t *metrics_of(const struct modload_module *mod)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < mod->metric_count; i++) {
		const struct rtun_metric *x = &mod->metrics[i];

		json_array_append_new(a, json_pack("{s:s, s:s, s:s?, s:s?}", "name", x->name, "type",
						   x->type == RTUN_M_COUNTER ? "counter" : "gauge", "labels", x->labels, "help", x->help));
	}
	return a;
}

json_t *cli_modules_describe(const struct modload_module *mod)
{
	json_t *d = cli_modules_summary(mod);

	json_object_set_new(d, "provides", provides_of(&mod->m));
	json_object_set_new(d, "needs", needs_of(&mod->m));
	json_object_set_new(d, "options", options_of(&mod->m));
	json_object_set_new(d, "commands", commands_of(mod));
	json_object_set_new(d, "events", events_of(&mod->m));
	json_object_set_new(d, "metrics", metrics_of(mod));
	return d;
}
