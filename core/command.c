/* SPDX-License-Identifier: BSD-2-Clause
 *
 * command.c - one call of a verb: arguments in, exactly one answer out.
 */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "list_rows.h"
#include "schema.h"
#include "value.h"

struct rtun_reply {
	struct rtun_object object;
	command_done_cb *done; /* NULL: nobody waits any more */
	void *arg;
	struct rtun_reply **slot;   /* the caller's pointer to this */
	struct schema_struct *args;
};

void command_error_set(struct command_error *e, const char *code, const char *remedy, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	snprintf(e->code, sizeof(e->code), "%s", code);
	snprintf(e->remedy, sizeof(e->remedy), "%s", remedy ? remedy : "");
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
}

/* ---- arguments: JSON becomes a tree like that of a file ---- */

#define COMMAND_DEPTH 8 /* arguments are values and lists of values; nothing needs more */

static int command_add(struct conf_tree *t, struct conf_node *parent, const char *key, const json_t *j, unsigned depth);

static int command_add_children(struct conf_tree *t, struct conf_node *node, const json_t *j, unsigned depth)
{
	union { const json_t *in; json_t *out; } u = {j}; /* jansson's iterators want it writable */
	const char *key;
	json_t *child;
	size_t i;
	int rc = 0;
	if (json_is_object(j)) {
		json_object_foreach(u.out, key, child)
			if (!rc && !json_is_null(child)) rc = command_add(t, node, key, child, depth);
	} else {
		json_array_foreach(j, i, child)
			if (!rc) rc = command_add(t, node, NULL, child, depth);
	}
	return rc;
}

static int command_add(struct conf_tree *t, struct conf_node *parent, const char *key, const json_t *j, unsigned depth)
{
	char number[40] = "";
	const char *text = json_string_value(j);
	if (!depth) return -RTUN_EINVAL;
	if (json_is_object(j) || json_is_array(j)) {
		struct conf_node *node = conf_node_add(t, parent, json_is_object(j) ? CONF_MAP : CONF_LIST, key, NULL);
		return node ? command_add_children(t, node, j, depth - 1) : -RTUN_ENOMEM;
	}
	if (json_is_integer(j))
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(j));
	else if (json_is_real(j))
		snprintf(number, sizeof(number), "%g", json_real_value(j));
	else if (!text)
		snprintf(number, sizeof(number), "%s", json_is_true(j) ? "true" : json_is_false(j) ? "false" : "");
	return conf_node_add(t, parent, CONF_SCALAR, key, text ? text : number) ? 0 : -RTUN_ENOMEM;
}

/* All that is wrong, in one text; the first one's remedy. */
static void command_bad_args(const struct conf_report *r, struct command_error *err)
{
	size_t used = 0;
	command_error_set(err, "bad-argument", r->count ? r->items[0].remedy : NULL, "%s",
			  r->count ? "" : "the arguments can't be understood");
	for (uint32_t i = 0; i < r->count && used < sizeof(err->text); i++)
		used += (size_t)snprintf(err->text + used, sizeof(err->text) - used, "%s%s", i ? "; " : "", r->items[i].text);
}

static int command_fill(const struct rtun_command *cmd, const json_t *args, struct schema_struct **ret,
			struct command_error *err)
{
	struct conf_report r = CONF_REPORT_INIT;
	struct conf_tree *t = NULL;
	struct conf_place at = {"argument", 0, 0};
	int rc = conf_tree_new(at.file, &t);
	if (!rc && args && !json_is_object(args)) rc = -RTUN_EINVAL;
	if (!rc && args) rc = command_add(t, NULL, NULL, args, COMMAND_DEPTH);
	if (!rc) rc = schema_fill(cmd->args, args ? t->root : NULL, at, NULL, &r, ret);
	if (rc == -RTUN_ENOMEM)
		command_error_set(err, "out-of-memory", NULL, "out of memory");
	else if (rc)
		command_bad_args(&r, err);
	conf_tree_free(&t);
	conf_report_clear(&r);
	return rc;
}

/* ---- the call ---- */

/* Takes the answer. */
static void command_finish(struct rtun_reply **rp, char *answer, size_t len, const struct command_error *err)
{
	struct rtun_reply *r = *rp;
	command_done_cb *done = r->done;
	void *arg = r->arg;
	*rp = NULL;
	if (r->slot) *r->slot = NULL;
	if (r->args) schema_free(&r->args);
	free(r);
	if (done)
		done(arg, answer, len, err);
	else
		free(answer);
}

/* Takes `text`; the same with "schema" as its first member, unless it has that. */
static char *command_answer(char *text, size_t *len)
{
	static const char head[] = "{\"schema\":";
	char first[32];
	if (!text || *text != '{' || !strncmp(text, head, sizeof(head) - 1)) return text;
	int n = snprintf(first, sizeof(first), "%s%d%s", head, COMMAND_SCHEMA, *len > strlen("{}") ? "," : "");
	char *answer = malloc((size_t)n + *len);
	if (answer) {
		memcpy(answer, first, (size_t)n);
		memcpy(answer + n, text + 1, *len); /* its NUL, too */
		*len += (size_t)n - 1;
	}
	free(text);
	return answer;
}

void host_reply_ok(struct rtun_reply **r, struct rtun_value *v)
{
	struct command_error err;
	size_t len = 0;
	char *text;
	if (!v) v = host_value_new(NULL, RTUN_VALUE_OBJECT, NULL, 0);
	int rc = value_take(&v, &text, &len);
	char *answer = command_answer(text, &len);
	if (rc == -RTUN_EINVAL)
		command_error_set(&err, "bad-answer", "tell its author", "the module put its answer together wrongly: a value where none can be");
	else if (!answer)
		command_error_set(&err, "out-of-memory", NULL, "the answer could not be put together: out of memory");
	command_finish(r, answer, len, answer ? NULL : &err);
}

void host_reply_fail(struct rtun_reply **r, const char *code, const char *text, const char *remedy)
{
	struct command_error err;
	command_error_set(&err, code, remedy, "%s", text);
	command_finish(r, NULL, 0, &err);
}

void command_call(struct rtun_ctx *ctx, const struct rtun_command *cmd, const json_t *args, command_done_cb *done, void *arg,
		  struct rtun_reply **ret_reply)
{
	struct command_error err;
	struct rtun_reply *r = calloc(1, sizeof(*r));
	if (ret_reply) *ret_reply = NULL;
	if (!r) {
		command_error_set(&err, "out-of-memory", NULL, "out of memory");
		done(arg, NULL, 0, &err);
		return;
	}
	r->object.host = &host_table;
	r->done = done;
	r->arg = arg;
	r->slot = ret_reply;
	if (ret_reply) *ret_reply = r;
	if (command_fill(cmd, args, &r->args, &err)) {
		command_finish(&r, NULL, 0, &err);
		return;
	}
	cmd->run(ctx, r->args->cfg, r);
}

void command_abandon(struct rtun_reply **r)
{
	if (!*r) return;
	(*r)->done = NULL;
	(*r)->slot = NULL;
	*r = NULL;
}

/* ---- description ---- */

static json_t *command_choices(const char *choices)
{
	json_t *a = json_array();
	while (choices && *choices) {
		size_t len = strcspn(choices, "|");
		json_array_append_new(a, json_stringn(choices, len));
		choices += len + (choices[len] == '|');
	}
	return a;
}

static bool command_type_is_list(uint32_t type)
{
	return type == RTUN_T_TEXTS || type == RTUN_T_NAMES || type == RTUN_T_LISTEN || type == RTUN_T_PREFIXES;
}

static json_t *command_describe_args(const struct rtun_schema *schema)
{
	const struct rtun_option *row;
	json_t *a = json_array();
	char key[64], words[256];
	for (uint32_t i = 0; (row = schema_row(schema, i)); i++) {
		json_t *o = json_pack("{s:s, s:i, s:s?, s:s?, s:s?, s:b, s:b, s:b, s:b, s:b, s:b}", "key",
				      schema_key(row->key, key), "type", (int)row->type,
				      "words", schema_type_words(row, words, sizeof(words)), "doc", row->doc, "default", row->def,
				      "required", (row->flags & RTUN_REQUIRED) != 0, "secret", (row->flags & RTUN_SECRET) != 0,
				      "positional", (row->flags & RTUN_POSITIONAL) != 0, "stdin", (row->flags & RTUN_STDIN) != 0,
				      "rest", (row->flags & RTUN_REST) != 0, "list", command_type_is_list(row->type));
		if (row->type == RTUN_T_CHOICE) json_object_set_new(o, "choices", command_choices(row->choices));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *command_describe_view(const struct rtun_list *view)
{
	static const char *const types[] = {"unknown", "text", "bytes", "time", "online", "ms", "list", "qr", "command",
					    "sentence"};
	struct rtun_view v;
	json_t *a = json_array();
	for (uint32_t i = 0; list_row(view, i, &v, sizeof(v)); i++)
		json_array_append_new(a, json_pack("{s:s, s:s?, s:s}", "field", v.field, "label", v.label, "type",
						   types[v.type < sizeof(types) / sizeof(types[0]) ? v.type : 0]));
	return a;
}

json_t *command_describe(const struct rtun_command *cmd)
{
	return json_pack("{s:s, s:s?, s:s?, s:b, s:b, s:b, s:b, s:o, s:o, s:s?, s:s?, s:s?, s:s?, s:s?, s:s?, s:s?}", "name", cmd->name,
			 "doc", cmd->doc,
			 "example", cmd->example, "readonly", (cmd->flags & RTUN_CMD_READONLY) != 0, "offline", (cmd->flags & RTUN_CMD_OFFLINE) != 0,
			 "confirm", (cmd->flags & RTUN_CMD_CONFIRM) != 0, "live", (cmd->flags & RTUN_CMD_LIVE) != 0, "args", command_describe_args(cmd->args),
			 "view", command_describe_view(&cmd->view), "view_items", cmd->view_items, "empty", cmd->empty, "follow", cmd->follow,
			 "follow_key", cmd->follow_key, "follow_text", cmd->follow_text, "follow_end", cmd->follow_end, "follow_end_text",
			 cmd->follow_end_text);
}
