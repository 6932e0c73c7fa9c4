/* SPDX-License-Identifier: BSD-2-Clause
 *
 * dashboard.h - an instance of the dashboard, and who does what for it:
 *
 *   dashboard_http.c  options, life, the verb `dashboard`
 *   server.c          HTTP, by libmicrohttpd; exchange.c: a request and its answer; strangers.c: the turns of those without a login
 *   guard.c           may a request be looked at; login.c: whose is it
 *   route.c           which path is whose; page.c: the page's files
 *   api.c             /api/v1/VERB: every verb of every instance; openapi.c describes them
 *   metrics.c         /metrics, for Prometheus
 *   pac.c             /proxy.pac, for browsers
 *   live.c            /api/v1/events: what changes, as it changes; news.c: events
 *   round.c           what is asked for it, in small steps (turn.c); samples.c: metrics; patch.c: the difference of two states
 *
 * No file here knows another module: verbs, events and metrics come through restunnel/command.h and event.h.
 */
#ifndef DASHBOARD_H
#define DASHBOARD_H

#include <jansson.h>

#include <restunnel/module.h>

#include "guard.h"
#include "live.h"
#include "login.h"
#include "news.h"
#include "server.h"

#define DASH_API "/api/v1/"

struct dash_options {
	struct rtun_list listen, allow_users;
	uint64_t session, idle;
	const char *metrics_token_file;
	struct rtun_list proxy_pac;
};

struct dash {
	struct rtun_ctx *ctx;
	struct dash_options o;
	struct dash_server *server;
	struct dash_login login;
	struct dash_news *news;
	struct dash_live *live;
	struct dash_metrics *metrics;
	char *metrics_token; /* NULL: none is asked for */
	json_t *commands;    /* what the verb `commands` said; NULL: not yet */
	struct rtun_op *asking;
	struct rtun_defer *turn_over;
	struct rtun_timer *turn_next;
	uint32_t turns_taken; /* this one, and the next */
	bool turn_wanted;     /* by one that somebody waits for */
};

static inline int64_t dash_seconds(const struct dash *d) { return rtun_wall(d->ctx) / 1000; }

/* dashboard_http.c: all logins end, and with them links that are open, and readers. 0 or -RTUN_EIO (logged). */
int dash_login_forget_all(struct dash *d);

/* route.c */
extern const struct dash_server_calls dash_routes;

/* api.c */
/* What is known of a verb. Several modules may have one of that name: it is for GET only if it changes nothing in any of them. */
enum dash_verb { DASH_UNKNOWN, DASH_READS, DASH_CHANGES };
enum dash_verb dash_api_verb(const struct dash *d, const char *verb);
void dash_api_call(struct dash *d, struct dash_exchange *x, const struct dash_request *r);
/* Takes the reference; NULL: out of memory. */
void dash_api_json(struct dash_exchange *x, uint32_t status, json_t *j);
void dash_api_refuse(struct dash_exchange *x, const struct dash_refusal *r);
/* The JSON object of a body; NULL after an answer that says what is wrong with it. */
json_t *dash_api_body(struct dash_exchange *x, const struct dash_request *r);

/* turn.c: may something that takes milliseconds be done in this turn of the loop? It may not again before the next one. Who may not asks
 * again; `awaited`: somebody waits for it, and all that is not gives way until then. */
bool dash_turn_take(struct dash *d, bool awaited);
/* It was done already, by whom nobody asked: an answer has come, which it took as long to put together. */
void dash_turn_keep(struct dash *d);
int dash_turn_create(struct dash *d);
void dash_turn_destroy(struct dash *d);

/* metrics.c: the answer to /metrics, which may be a second old. */
struct dash_metrics;
int dash_metrics_create(struct dash *d, struct dash_metrics **ret);
void dash_metrics_destroy(struct dash_metrics **m);
void dash_metrics_get(struct dash_metrics *m, struct dash_exchange *x);

/* pac.c: is this text of `proxy-pac` an entry; /proxy.pac. */
bool dash_pac_good(const char *text);
void dash_pac(struct dash *d, struct dash_exchange *x, const struct dash_request *r);

/* openapi.c: new reference, or NULL. */
json_t *dash_openapi(const json_t *commands, const char *version);

/* page.c: the file behind a path, or NULL. */
struct dash_file {
	const char *path, *type;
	const unsigned char *p;
	uint64_t len;
};
const struct dash_file *dash_page_file(const char *path);

#endif
