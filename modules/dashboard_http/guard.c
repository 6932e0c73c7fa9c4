/* SPDX-License-Identifier: BSD-2-Clause
 *
 * guard.c - the checks of a request.
 */
#include "guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_port(const char *text)
{
	size_t n = strspn(text, "0123456789");
	return n > 0 && n <= 5 && !text[n] && text[0] != '0' && atoi(text) <= 65535;
}

/* These names mean this machine whatever a DNS server says: browsers don't ask one for `localhost`. So a page that was loaded
 * under a name of its own, which now means 127.0.0.1, doesn't get past here. Behind a unix socket the port is that of an
 * `ssh -L`, unknown here, and any will do: it is the name that counts. */
bool dash_guard_host(const struct dash_request *r)
{
	static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
	const char *host = r->headers[DASH_HOST];
	char port[8];
	for (size_t i = 0; host && i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]);
		if (strncmp(host, names[i], len) != 0)
			continue;
		if (!host[len]) /* browsers leave out :80 */
			return r->port == 0 || r->port == 80;
		if (host[len] != ':')
			continue;
		if (r->port == 0)
			return is_port(host + len + 1);
		snprintf(port, sizeof(port), "%u", r->port);
		return strcmp(host + len + 1, port) == 0;
	}
	return false;
}

/* Absent, or the very origin that the request went to. */
bool dash_guard_origin(const struct dash_request *r)
{
	static const char scheme[] = "http://";
	const char *origin = r->headers[DASH_ORIGIN];
	if (!origin)
		return true;
	return strncmp(origin, scheme, sizeof(scheme) - 1) == 0 && r->headers[DASH_HOST] &&
	       strcmp(origin + sizeof(scheme) - 1, r->headers[DASH_HOST]) == 0;
}

/* ---- the table ---- */

struct state {
	const struct dash_request *r;
	const struct dash_login *login;
	uint32_t route;
	int64_t now;
};

static bool once(const struct state *s) { return !s->r->repeated; }
static bool text(const struct state *s) { return !s->r->malformed; }
static bool host(const struct state *s) { return dash_guard_host(s->r); }
static bool origin(const struct state *s) { return dash_guard_origin(s->r); }

static bool site(const struct state *s)
{
	const char *v = s->r->headers[DASH_SITE];
	return !v || strcmp(v, "none") == 0 || strcmp(v, "same-origin") == 0;
}

static bool method(const struct state *s)
{
	if (s->route & DASH_POST)
		return strcmp(s->r->method, "POST") == 0;
	return strcmp(s->r->method, "GET") == 0 || strcmp(s->r->method, "HEAD") == 0;
}

static bool type(const struct state *s)
{
	static const char json[] = "application/json";
	const char *v = s->r->headers[DASH_TYPE];
	if (!(s->route & DASH_POST))
		return true;
	return v && strncasecmp(v, json, sizeof(json) - 1) == 0 && strchr("; ", v[sizeof(json) - 1]); /* NUL, too */
}

static bool session(const struct state *s)
{
	return s->route & DASH_OPEN || dash_login_session(s->login, s->r->port, s->r->headers[DASH_COOKIE], s->now);
}

static bool token(const struct state *s)
{
	return s->route & DASH_OPEN || !(s->route & DASH_POST) ||
	       dash_login_token(s->login, s->r->port, s->r->headers[DASH_COOKIE], s->r->headers[DASH_TOKEN]);
}

static const struct {
	bool (*good)(const struct state *s);
	struct dash_refusal refusal;
} checks[] = {
	{once, {400, "bad-request", "a header came twice", NULL}},
	{text, {400, "bad-request", "the path or the query is no percent-encoded UTF-8", "write a percent sign as %25"}},
	{host, {421, "wrong-host", "this is not the name and port of the dashboard",
		   "use the address that `restunnel dashboard` prints; a port forwarded by ssh must have the same number on both sides"}},
	{origin, {403, "wrong-origin", "this came from another origin", "open the dashboard itself"}},
	{site, {403, "cross-site", "this came from another site",
			      "type the dashboard's address, or open the link of `restunnel dashboard`"}},
	{method, {405, "wrong-method", "this takes another method", NULL}},
	{type, {415, "wrong-type", "the body must be application/json", NULL}},
	{session, {401, "login-needed", "you are not logged in", "run `restunnel dashboard` and open its link"}},
	{token, {403, "wrong-token", "the header X-Restunnel-Token is missing or wrong", "log in again: run `restunnel dashboard`"}},
};

const struct dash_refusal *dash_guard(const struct dash_request *r, uint32_t route, const struct dash_login *login, int64_t now)
{
	const struct state s = {r, login, route, now};
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (!checks[i].good(&s))
			return &checks[i].refusal;
	return NULL;
}
