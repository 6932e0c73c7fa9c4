/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the dashboard takes from anybody: a path, headers, a query or a body. The first byte says what follows; the lines of a request are
 * METHOD PATH, then a header each, then an empty line and the body. Whatever comes, who has no login is not let in, what is
 * let in means what its guard says, and what texts say does not depend on who reads them. Also answers of modules: what leads from one to the
 * next leads there, as jansson understands both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../modules/dashboard_http/guard.c"
#include "../../modules/dashboard_http/login.c"
#include "../../modules/dashboard_http/patch.c"
#include "../../modules/dashboard_http/samples.c"
#include "../../modules/dashboard_http/unescape.c"
#include "../unit/patched.h"

#define NOW 1800000000

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static void must(bool good)
{
	if (!good)
		abort();
}

/* ---- requests ---- */

static const char *line(char **p)
{
	char *begin = *p, *end = strchr(begin, '\n');
	*p = end ? end + 1 : begin + strlen(begin);
	if (end)
		*end = '\0';
	return begin;
}

static void try_login(struct dash_login *l, const char *text)
{
	struct dash_login fresh = *l;
	char token[DASH_SECRET_TEXT];
	must(dash_login_exchange(&fresh, text, NOW) != 0); /* nobody has a link */
	dash_login_link(&fresh, NOW, token);
	must(dash_login_exchange(&fresh, token, NOW) == 0);
	must(!dash_login_bearer(text, "0123456789abcdef-secret") || strcmp(text + 7, "0123456789abcdef-secret") == 0);
}

static void judge(char *text, uint16_t port)
{
	static const uint32_t routes[] = {0, DASH_POST, DASH_OPEN, DASH_OPEN | DASH_POST};
	struct dash_login l = {.life = 3600, .idle = 60, .key = {1, 2, 3}};
	struct dash_request r = {.port = port};
	r.method = line(&text);
	for (int i = 0; i < DASH_HEADERS && *text; i++) {
		const char *value = line(&text);
		r.headers[i] = *value == '-' ? NULL : value;
	}
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const struct dash_refusal *no = dash_guard(&r, routes[i], &l, NOW);
		if (no) {
			must(no->status >= 400 && no->status < 500 && no->code && no->text);
			continue;
		}
		must(routes[i] & DASH_OPEN); /* the cookie can't be guessed */
		must(dash_guard_host(&r) && dash_guard_origin(&r));
		must(!(routes[i] & DASH_POST) || strcmp(r.method, "POST") == 0);
	}
	try_login(&l, text);
}

/* A session that is good, with one byte changed, is none, unless the bytes mean the same. */
static void tamper(const uint8_t *p, size_t len, uint16_t port)
{
	struct dash_login l = {.life = 3600, .idle = 60, .key = {9}};
	char cookie[DASH_COOKIE_SIZE], token[DASH_SECRET_TEXT], before[DASH_COOKIE_SIZE];
	if (len < 2)
		return;
	dash_login_open(&l, port, NOW, cookie, token);
	memcpy(before, cookie, sizeof(before));
	must(dash_login_session(&l, port, cookie, NOW) && dash_login_token(&l, port, cookie, token));
	cookie[p[0] % strcspn(cookie, ";")] = (char)(p[1] ? p[1] : 1);
	if (dash_login_session(&l, port, cookie, NOW)) { /* libsodium takes some bytes that are no base64 for characters */
		struct session a, b;
		must(session_of(&l, port, cookie, &a) && session_of(&l, port, before, &b) && memcmp(&a, &b, sizeof(a)) == 0);
	}
}

/* ---- texts ---- */

static void unescape_text(const char *text)
{
	char *copy = strdup(text);
	size_t n;
	bool good = dash_unescape(copy, &n);
	must(strlen(copy) == n && n <= strlen(text) && (good || !n));
	if (!strchr(text, '%') && good)
		must(strcmp(copy, text) == 0);
	free(copy);
}

/* Compact, without a NUL; no text where it is no JSON. */
static struct dash_text compact(const char *text, size_t len, json_t **ret)
{
	*ret = json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	char *line = *ret ? json_dumps(*ret, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	struct dash_text t = {line, line ? strlen(line) : 0};
	return t;
}

/* Two texts, with a line's end between them: first as they are, which must do no harm, then as compact JSON. */
static void answers(char *text, size_t len)
{
	char *end = memchr(text, '\n', len);
	size_t first = end ? (size_t)(end - text) : 0;
	struct dash_text a = {text, first}, b = {text + first, len - first}, patch;
	json_t *from, *to, *j;
	must(dash_patch(&a, &b, &patch) == 0);
	free(patch.p);
	a = compact(a.p, a.len, &from);
	b = compact(b.p, b.len, &to);
	if (a.p && b.p) {
		must(dash_patch(&a, &b, &patch) == 0);
		j = patch.p ? json_loadb(patch.p, patch.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
		must(!patch.p == !j && (j || json_equal(from, to)));
		from = j ? patched(from, j) : from;
		must(json_equal(from, to));
		json_decref(j);
		free(patch.p);
	}
	free(a.p);
	free(b.p);
	json_decref(from);
	json_decref(to);
}

/* `good`: it is an answer. */
static void metrics(const char *answer, size_t len, bool good)
{
	struct dash_text t = dash_samples_json(answer, len);
	json_error_t e;
	json_t *again = t.p ? json_loadb(t.p, t.len, 0, &e) : NULL;
	must(!t.p || again || !good || json_error_code(&e) == json_error_numeric_overflow);
	json_decref(again);
	free(t.p);
}

static void metrics_text(const char *text, size_t len)
{
	json_t *a = json_pack("{s:s#}", "text", text, (int)len);
	char *answer = a ? json_dumps(a, JSON_COMPACT) : NULL;
	if (answer) {
		char *back = dash_samples_text(answer, strlen(answer));
		must(strcmp(back, text) == 0 || strlen(text) < len); /* a NUL is cut */
		free(back);
		metrics(answer, strlen(answer), strlen(text) == len); /* jansson wants no NUL in a key */
	}
	metrics(text, len, false);
	free(answer);
	json_decref(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (!len || len > 65536)
		return 0;
	char *text = malloc(len);
	memcpy(text, p + 1, len - 1);
	text[len - 1] = '\0';
	switch (p[0] % 5) {
	case 0: judge(text, p[0] & 0x80 ? 8080 : 0); break;
	case 1: unescape_text(text); break;
	case 2: answers(text, len - 1); break;
	case 3: metrics_text(text, len - 1); break;
	default: tamper(p + 1, len - 1, 8080); break;
	}
	free(text);
	return 0;
}
