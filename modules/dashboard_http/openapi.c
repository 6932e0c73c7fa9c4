/* SPDX-License-Identifier: BSD-2-Clause
 *
 * openapi.c - /api/v1/openapi.json: an OpenAPI 3.0 description, made of what `commands` says.
 */
#include "dashboard.h"

/* Of an argument's row. */
static json_t *schema_of(const json_t *arg)
{
	static const struct {
		int type;
		const char *word;
	} words[] = {{RTUN_T_INT, "integer"}, {RTUN_T_BOOL, "boolean"}};
	const char *word = "string";
	json_int_t type = json_integer_value(json_object_get(arg, "type"));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].type == type)
			word = words[i].word;
	json_t *s = json_pack("{s:s, s:O?}", "type", word, "enum", json_object_get(arg, "choices"));
	if (!json_object_get(arg, "choices"))
		json_object_del(s, "enum");
	if (!json_is_true(json_object_get(arg, "list")))
		return s;
	return json_pack("{s:s, s:o}", "type", "array", "items", s);
}

/* Of all modules that have a command of this name. */
static json_t *on_schema(const json_t *commands, const json_t *command)
{
	json_t *names = json_array(), *c;
	size_t i;
	json_array_foreach(json_object_get(commands, "commands"), i, c)
		if (json_equal(json_object_get(c, "name"), json_object_get(command, "name")))
			json_array_extend(names, json_object_get(c, "instances"));
	return json_pack("{s:s, s:s, s:o}", "type", "string", "description", "The instance, where several have the command", "enum", names);
}

static json_t *parameters(const json_t *commands, const json_t *command)
{
	json_t *all = json_array(), *arg;
	size_t i;
	json_array_foreach(json_object_get(command, "args"), i, arg)
		json_array_append_new(all, json_pack("{s:O, s:s, s:O, s:O, s:o}", "name", json_object_get(arg, "key"), "in", "query",
						     "required", json_object_get(arg, "required"), "description",
						     json_object_get(arg, "doc"), "schema", schema_of(arg)));
	if (json_array_size(json_object_get(command, "instances")))
		json_array_append_new(all, json_pack("{s:s, s:s, s:o}", "name", "on", "in", "query", "schema",
						     on_schema(commands, command)));
	return all;
}

static json_t *body(const json_t *commands, const json_t *command)
{
	json_t *members = json_object(), *required = json_array(), *arg;
	size_t i;
	json_array_foreach(json_object_get(command, "args"), i, arg) {
		json_t *s = schema_of(arg);
		json_object_set(s, "description", json_object_get(arg, "doc"));
		json_object_set_new(members, json_string_value(json_object_get(arg, "key")), s);
		if (json_is_true(json_object_get(arg, "required")))
			json_array_append(required, json_object_get(arg, "key"));
	}
	if (json_array_size(json_object_get(command, "instances")))
		json_object_set_new(members, "on", on_schema(commands, command));
	json_t *schema = json_pack("{s:s, s:o, s:b}", "type", "object", "properties", members, "additionalProperties", 0);
	if (json_array_size(required)) /* an empty list is not allowed there */
		json_object_set(schema, "required", required);
	json_decref(required);
	return json_pack("{s:{s:{s:o}}}", "content", "application/json", "schema", schema);
}

static json_t *operation(const json_t *commands, const json_t *command, bool get)
{
	json_t *o = json_pack("{s:O, s:O, s:{s:{s:s, s:{s:{s:{s:s}}}}, s:{s:s}}}", "operationId", json_object_get(command, "name"), "summary",
			      json_object_get(command, "doc"), "responses", "200", "description", "As --json of the command line",
			      "content", "application/json", "schema", "$ref", "#/components/schemas/answer", "default", "$ref",
			      "#/components/responses/failed");
	json_object_set_new(o, get ? "parameters" : "requestBody", get ? parameters(commands, command) : body(commands, command));
	if (!get)
		json_object_set_new(o, "security", json_pack("[{s:[], s:[]}]", "session", "token"));
	return o;
}

json_t *dash_openapi(const json_t *commands, const char *version)
{
	json_t *paths = json_object(), *c;
	size_t i;
	char path[128];
	json_array_foreach(json_object_get(commands, "commands"), i, c) {
		bool get = json_is_true(json_object_get(c, "readonly"));
		snprintf(path, sizeof(path), DASH_API "%s", json_string_value(json_object_get(c, "name")));
		json_object_set_new(paths, path, json_pack("{s:o}", get ? "get" : "post", operation(commands, c, get)));
	}
	json_t *failed = json_pack("{s:s, s:s, s:[s, s], s:{s:{s:s}, s:{s:s}, s:{s:s, s:b}}}", "type", "object", "description",
				   "A stable code, and why in words", "required", "code", "error", "properties", "code", "type", "string", "error", "type",
				   "string", "remedy", "type", "string", "nullable", 1);
	json_t *components = json_pack(
		"{s:{s:{s:s, s:{s:{s:s}}}, s:o}, s:{s:{s:s, s:{s:{s:{s:s}}}}}, s:{s:{s:s, s:s, s:s}, s:{s:s, s:s, s:s}}}", "schemas",
		"answer", "type", "object", "properties", "schema", "type", "integer", "failed", failed, "responses", "failed", "description", "It failed",
		"content", "application/json", "schema", "$ref", "#/components/schemas/failed", "securitySchemes", "session", "type", "apiKey",
		"in", "cookie", "name", "restunnel-ID-PORT", "token", "type", "apiKey", "in", "header", "name", "X-Restunnel-Token");
	return json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:o, s:[{s:[]}]}", "openapi", "3.0.3", "info", "title", "restunnel", "version", version,
			 "description", "The commands of `restunnel`. Log in with the one-time token of `restunnel dashboard`.", "paths", paths,
			 "components", components, "security", "session");
}
