/* SPDX-License-Identifier: BSD-2-Clause
 *
 * route.c - which path is whose: the page's files, a few things of the dashboard's own, and all verbs.
 */
#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dashboard.h"

#define QR_TEXT_MAX 1024U
#define LOGIN_MAX 512U /* bytes of a login: who has none yet gets no 64 KiB of JSON understood, milliseconds of the loop */

static const struct dash_refusal not_found = {404, "not-found", "there is nothing here", "the page is at /"};
static const struct dash_refusal not_yet = {503, "starting", "restunnel is starting", "try again in a moment"};

/* ---- login ---- */

static void login(struct dash *d, struct dash_exchange *x, const struct dash_request *r)
{
	static const struct dash_refusal wrong = {403, "wrong-login", "this link was used already, or it has expired",
						  "run `restunnel dashboard` for a new one"};
	static const struct dash_refusal locked = {429, "locked", "there were too many wrong logins",
						   "run `restunnel dashboard`: its new link works at once"};
	static const struct dash_refusal large = {413, "too-large", "a login is shorter", NULL};
	char cookie[DASH_COOKIE_SIZE], token[DASH_SECRET_TEXT], body[128];
	if (r->body_len > LOGIN_MAX) {
		dash_api_refuse(x, &large);
		return;
	}
	json_t *args = dash_api_body(x, r);
	if (!args)
		return;
	const char *text = json_string_value(json_object_get(args, "token"));
	int rc = dash_login_exchange(&d->login, text ? text : "", dash_seconds(d));
	json_decref(args);
	if (rc < 0) {
		rtun_log(d->ctx, RTUN_WARN, "a login was refused: %s", rc == -RTUN_EDENIED ? wrong.text : locked.text);
		dash_api_refuse(x, rc == -RTUN_EDENIED ? &wrong : &locked);
		return;
	}
	dash_login_open(&d->login, r->port, dash_seconds(d), cookie, token);
	snprintf(body, sizeof(body), "{\"schema\":1,\"token\":\"%s\"}", token);
	struct dash_answer a = {.status = 200, .type = "application/json", .body = body, .len = strlen(body), .extra = {{"Set-Cookie", cookie}}};
	dash_exchange_answer(x, &a);
	rtun_log(d->ctx, RTUN_INFO, "somebody has logged in with a link of `restunnel dashboard`");
}

/* All sessions end, not only this one: there is nothing but the key to tell them by. */
static void logout(struct dash *d, struct dash_exchange *x, const struct dash_request *r)
{
	static const struct dash_refusal not_stored = {500, "not-stored", "the new key of all logins could not be stored", "see the log"};
	(void)r;
	if (dash_login_forget_all(d) < 0)
		dash_api_refuse(x, &not_stored);
	else
		dash_api_json(x, 200, json_pack("{s:i}", "schema", 1));
}

/* ---- what is not a verb ---- */

static void events(struct dash *d, struct dash_exchange *x, const struct dash_request *r)
{
	static const struct dash_refusal too_many = {503, "too-many-pages", "too many pages are open", "close some"};
	int64_t until = dash_login_until(&d->login, r->port, r->headers[DASH_COOKIE]), again = dash_seconds(d) + d->login.idle / 4;
	/* An open page is one that is used: it comes again, and gets a new cookie. */
	if (!dash_live_read(d->live, x, until < again ? until : again))
		dash_api_refuse(x, &too_many);
}

static void openapi(struct dash *d, struct dash_exchange *x, const struct dash_request *r)
{
	(void)r;
	dash_api_json(x, 200, dash_openapi(d->commands, rtun_program_version(d->ctx)));
}

/* A text as the modules of a QR code, for whoever draws it: {"size", "rows": ["0110..", ...]}. */
static void qr(struct dash *d, struct dash_exchange *x, const struct dash_request *r)
{
	static const struct dash_refusal bad = {400, "bad-argument", "\"text\" must have 1 to 1024 bytes", NULL};
	json_t *args = dash_api_body(x, r), *rows = json_array();
	const char *text = json_string_value(json_object_get(args, "text"));
	char line[178]; /* version 40 */
	QRcode *code = text && *text && strlen(text) <= QR_TEXT_MAX ? QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L) : NULL;
	(void)d;
	for (int y = 0; code && y < code->width; y++) {
		for (int i = 0; i < code->width; i++)
			line[i] = code->data[y * code->width + i] & 1 ? '1' : '0';
		json_array_append_new(rows, json_stringn(line, (size_t)code->width));
	}
	if (code)
		dash_api_json(x, 200, json_pack("{s:i, s:i, s:O}", "schema", 1, "size", code->width, "rows", rows));
	else if (args)
		dash_api_refuse(x, &bad);
	QRcode_free(code);
	json_decref(rows);
	json_decref(args);
}

static void metrics(struct dash *d, struct dash_exchange *x, const struct dash_request *r)
{
	static const struct dash_refusal denied = {401, "wrong-token", "/metrics takes a bearer token: that of metrics-token-file", NULL};
	if (d->metrics_token && !dash_login_bearer(r->headers[DASH_AUTHORIZATION], d->metrics_token))
		dash_api_refuse(x, &denied);
	else
		dash_metrics_get(d->metrics, x);
}

static void unknown(struct dash *d, struct dash_exchange *x, const struct dash_request *r)
{
	static const struct dash_refusal no_verb = {404, "unknown-command", "there is no command of this name", "/api/v1/openapi.json lists them"};
	(void)d, (void)r;
	dash_api_refuse(x, &no_verb);
}

static void file(struct dash *d, struct dash_exchange *x, const struct dash_request *r)
{
	const struct dash_file *f = dash_page_file(r->path);
	struct dash_answer a = {.status = 200, .type = f->type, .body = (const char *)f->p, .len = f->len, .constant = true};
	(void)d;
	dash_exchange_answer(x, &a);
}

/* ---- the table ---- */

struct route {
	const char *path;
	uint32_t needs; /* DASH_... */
	void (*go)(struct dash *d, struct dash_exchange *x, const struct dash_request *r);
};

static const struct route routes[] = {
	{"/metrics", DASH_OPEN, metrics},
	{"/proxy.pac", DASH_OPEN, dash_pac},
	{DASH_API "login", DASH_OPEN | DASH_POST, login},
	{DASH_API "logout", DASH_POST, logout},
	{DASH_API "events", 0, events},
	{DASH_API "openapi.json", 0, openapi},
	{DASH_API "qr", DASH_POST, qr},
};

static const struct route *route_of(const struct dash *d, const struct dash_request *r)
{
	static const struct route to_file = {NULL, DASH_OPEN, file};
	static const struct route to_verb[] = {
		[DASH_UNKNOWN] = {NULL, 0, unknown}, [DASH_READS] = {NULL, 0, dash_api_call}, [DASH_CHANGES] = {NULL, DASH_POST, dash_api_call},
	};
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strcmp(routes[i].path, r->path) == 0)
			return &routes[i];
	if (dash_page_file(r->path))
		return &to_file;
	if (strncmp(r->path, DASH_API, strlen(DASH_API)) != 0)
		return NULL;
	enum dash_verb verb = dash_api_verb(d, r->path + strlen(DASH_API));
	/* What is not known may be there by now (a reload), and change something: only who could do that is let through to it. */
	if (verb == DASH_UNKNOWN && strcmp(r->method, "POST") == 0)
		verb = DASH_CHANGES;
	return &to_verb[verb];
}

static bool on_known(void *arg, const struct dash_request *r)
{
	const struct dash *d = arg;
	return dash_login_session(&d->login, r->port, r->headers[DASH_COOKIE], dash_seconds(d));
}

static void on_head(void *arg, struct dash_exchange *x, const struct dash_request *r)
{
	struct dash *d = arg;
	const struct route *to = route_of(d, r);
	const struct dash_refusal *no = dash_guard(r, to ? to->needs : DASH_OPEN, &d->login, dash_seconds(d));
	if (!no && !to)
		no = &not_found;
	if (!no && !d->commands)
		no = &not_yet;
	char cookie[DASH_COOKIE_SIZE];
	if (no) {
		dash_api_refuse(x, no);
	} else if (!(to->needs & DASH_OPEN)) {
		dash_exchange_welcome(x);
		if (dash_login_renew(&d->login, r->port, r->headers[DASH_COOKIE], dash_seconds(d), cookie))
			dash_exchange_cookie(x, cookie);
	}
}

static void on_request(void *arg, struct dash_exchange *x, const struct dash_request *r)
{
	struct dash *d = arg;
	route_of(d, r)->go(d, x, r);
}

const struct dash_server_calls dash_routes = {on_known, on_head, on_request};
