/* SPDX-License-Identifier: BSD-2-Clause
 *
 * api.c - /api/v1/VERB: arguments come as a query string (GET) or a JSON object (POST), and go to the verb as they are; the core
 * judges them. "on" names the instance, like --on.
 */
#include <stdlib.h>
#include <string.h>

#include "dashboard.h"

void dash_api_json(struct dash_exchange *x, uint32_t status, json_t *j)
{
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	struct dash_answer a = {.status = text ? status : 500, .type = "application/json", .body = text, .len = text ? strlen(text) : 0};
	dash_exchange_answer(x, &a);
	free(text);
	json_decref(j);
}

static void fail(struct dash_exchange *x, uint32_t status, const char *code, const char *text, const char *remedy)
{
	dash_api_json(x, status, json_pack("{s:i, s:s, s:s, s:s?}", "schema", 1, "code", code, "error", text, "remedy", remedy));
}

void dash_api_refuse(struct dash_exchange *x, const struct dash_refusal *r) { fail(x, r->status, r->code, r->text, r->remedy); }

/* By who is to do something about it: 4xx the caller, 5xx we. What a verb says itself is a conflict with how things are. */
static uint32_t status_of(const char *code)
{
	static const struct {
		const char *code;
		uint32_t status;
	} rows[] = {
		{"unknown-command", 404}, {"unknown-instance", 404}, {"ambiguous-command", 400}, {"bad-argument", 400},
		{"bad-request", 400}, {"out-of-memory", 500}, {"timeout", 504},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].code, code) == 0)
			return rows[i].status;
	return 409;
}

static void on_answer(void *arg, const struct rtun_answer *a)
{
	struct dash_exchange *x = arg;
	const struct dash_answer good = {.status = 200, .type = "application/json", .body = a->json, .len = a->json_len};
	*dash_exchange_op(x) = NULL;
	if (a->json)
		dash_exchange_answer(x, &good);
	else
		fail(x, status_of(a->code), a->code, a->text, a->remedy);
}

enum dash_verb dash_api_verb(const struct dash *d, const char *verb)
{
	enum dash_verb found = DASH_UNKNOWN;
	json_t *c;
	size_t i;
	json_array_foreach(json_object_get(d->commands, "commands"), i, c) {
		if (strcmp(json_string_value(json_object_get(c, "name")), verb) != 0)
			continue;
		if (!json_is_true(json_object_get(c, "readonly")))
			return DASH_CHANGES;
		found = DASH_READS;
	}
	return found;
}

json_t *dash_api_body(struct dash_exchange *x, const struct dash_request *r)
{
	json_t *j = r->body_len ? json_loadb(r->body, r->body_len, JSON_REJECT_DUPLICATES, NULL) : json_object();
	if (json_is_object(j))
		return j;
	json_decref(j);
	fail(x, 400, "bad-request", "the body is no JSON object", NULL);
	return NULL;
}

/* A key that comes again makes a list. */
static void take_pair(void *arg, const char *key, const char *value)
{
	json_t *all = arg, *before = json_object_get(all, key), *v = json_string(value);
	if (!before)
		json_object_set_new(all, key, v);
	else if (json_is_array(before))
		json_array_append_new(before, v);
	else
		json_object_set_new(all, key, json_pack("[O, o]", before, v));
}

void dash_api_call(struct dash *d, struct dash_exchange *x, const struct dash_request *r)
{
	bool post = strcmp(r->method, "POST") == 0;
	json_t *args = post ? dash_api_body(x, r) : json_object();
	if (!args)
		return;
	if (!post)
		dash_exchange_query(x, take_pair, args);
	json_t *on = json_incref(json_object_get(args, "on"));
	json_object_del(args, "on");
	char *text = json_dumps(args, JSON_COMPACT);
	struct rtun_call_req req = {.size = sizeof(req), .verb = r->path + strlen(DASH_API), .on = json_string_value(on), .args = text,
				    .args_len = text ? strlen(text) : 0, .cb = on_answer, .arg = x};
	if (!text || rtun_call(d->ctx, &req, dash_exchange_op(x)) < 0)
		fail(x, 500, "out-of-memory", "out of memory", NULL);
	free(text);
	json_decref(on);
	json_decref(args);
}
