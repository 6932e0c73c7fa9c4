/* SPDX-License-Identifier: BSD-2-Clause
 *
 * server.h - HTTP: libmicrohttpd on the core's loop, and nothing of it outside server.c. What a request asks for, and
 * whether it may, is for others (struct dash_server_calls).
 *
 * Who connects is held to bounds: so many connections, so much memory for each, so long to say what is wanted and to read
 * the answer. When all places are taken, the oldest that has not shown a login makes room.
 */
#ifndef DASH_SERVER_H
#define DASH_SERVER_H

#include <stdbool.h>

#include <restunnel/module.h>

#define DASH_BODY_MAX 65536U     /* bytes of a request's body */
#define DASH_CONNECTIONS_MAX 64U /* at once, of all listeners */

struct dash_server;
struct dash_exchange;

/* What is looked at of a request's head. Texts are good until the request is answered; NULL: absent. */
enum dash_header {
	DASH_HOST,
	DASH_ORIGIN,
	DASH_SITE, /* Sec-Fetch-Site */
	DASH_TYPE, /* Content-Type */
	DASH_COOKIE,
	DASH_TOKEN, /* X-Restunnel-Token */
	DASH_AUTHORIZATION,
	DASH_HEADERS,
};
struct dash_request {
	const char *method, *path;
	const char *headers[DASH_HEADERS];
	bool repeated;  /* one of these headers came twice */
	bool malformed; /* the path or the query is no percent-encoded UTF-8 */
	uint16_t port; /* of the listener; 0: a unix socket */
	const char *body; /* NUL-terminated */
	uint64_t body_len;
};

/* `body` is copied, unless `constant`; NULL: none. `extra` are headers beside those that every answer has. */
struct dash_answer {
	uint32_t status;
	const char *type;
	const char *body;
	uint64_t len;
	bool constant;
	struct {
		const char *name, *value;
	} extra[2];
};

/* An answer that never ends. read: bytes for `buf`, 0: none now, dash_exchange_wake() when there are; below 0: the end.
 * gone: the last call. */
struct dash_feed_calls {
	int64_t (*read)(void *feed, char *buf, uint64_t size);
	void (*gone)(void *feed);
};

struct dash_server_calls {
	/* Does it show a login? Others wait for their turn (strangers.c). */
	bool (*known)(void *arg, const struct dash_request *r);
	/* The head has come; of a stranger, all of it. Answer now (the body is read then, and dropped), or wait for `request`. */
	void (*head)(void *arg, struct dash_exchange *x, const struct dash_request *r);
	/* All of it has come. Answer now or later, once. */
	void (*request)(void *arg, struct dash_exchange *x, const struct dash_request *r);
};

/* In create. */
int dash_server_create(struct rtun_ctx *ctx, const struct dash_server_calls *calls, void *arg, struct dash_server **ret);
/* In prepare. `users`: names of those whose programs may connect; none: all. */
int dash_server_listen(struct dash_server *s, const struct rtun_list *endpoints, const struct rtun_list *users);
/* No new connections. */
void dash_server_unlisten(struct dash_server *s);
void dash_server_destroy(struct dash_server **s);

void dash_exchange_answer(struct dash_exchange *x, const struct dash_answer *a);
void dash_exchange_feed(struct dash_exchange *x, const struct dash_feed_calls *calls, void *feed);
void dash_exchange_wake(struct dash_exchange *x);
/* End it without another word. */
void dash_exchange_cut(struct dash_exchange *x);
/* Who asks has shown a login: it is not the first that makes room. */
void dash_exchange_welcome(struct dash_exchange *x);
/* Its answer has this Set-Cookie header, too. */
void dash_exchange_cookie(struct dash_exchange *x, const char *cookie);
/* Something is under way for it, to be cancelled if it goes; it is dead when the answer is given. */
struct rtun_op **dash_exchange_op(struct dash_exchange *x);
/* Texts of the query string, in their order: `cb` for each pair; `value` is "" where there is none. */
void dash_exchange_query(struct dash_exchange *x, void (*cb)(void *arg, const char *key, const char *value), void *arg);

#endif
