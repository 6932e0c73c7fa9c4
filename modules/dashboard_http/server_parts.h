/* SPDX-License-Identifier: BSD-2-Clause
 *
 * server_parts.h - what the parts of the server know of each other: server.c (connections), exchange.c (requests and answers),
 * strangers.c (whose turn it is among those who have not shown a login).
 */
#ifndef DASH_SERVER_PARTS_H
#define DASH_SERVER_PARTS_H

#include <microhttpd.h>

#include "server.h"

struct conn {
	struct conn *next, **at;
	struct dash_server *server;
	struct rtun_timer *deadline;
	int fd;
	uint16_t port;
	bool welcome; /* has shown a login */
	bool cut;     /* is to end */
	bool malformed; /* as struct dash_request says; of the head that is being read */
};

struct dash_exchange {
	struct dash_exchange *next, **at;
	struct dash_exchange *queue, **queue_at; /* strangers.c; queue_at is NULL: does not wait there */
	struct dash_server *server;
	struct conn *conn;
	struct MHD_Connection *mhd;
	struct dash_request request;
	char *body;
	uint64_t body_len;
	struct MHD_Response *response; /* waits to be sent */
	char *cookie;                  /* goes with it; or NULL */
	uint32_t status;
	struct rtun_op *op;
	const struct dash_feed_calls *feed;
	void *feed_arg;
	bool admitted; /* by its login, or by strangers.c: then it is ... */
	bool looked_at;
	bool suspended;
	bool answered;
	bool too_large;
};

struct listener {
	struct dash_server *server;
	struct rtun_listener *listener;
	uint16_t port;
};

/* Requests without a login. Each one moves `next` on; it must not be too far ahead. */
struct strangers {
	uint64_t next; /* when the one after the last is due, if they came evenly */
	struct dash_exchange *first, **end;
	struct rtun_timer *timer;
};

struct dash_server {
	struct rtun_ctx *ctx;
	const struct dash_server_calls *calls;
	void *arg;
	struct MHD_Daemon *daemon;
	struct rtun_watch *watch;
	struct rtun_timer *timer;
	struct rtun_defer *run; /* connections were resumed or added */
	struct listener *listeners;
	uint32_t listener_count, conn_count;
	struct conn *conns; /* the newest first */
	struct dash_exchange *exchanges;
	struct strangers strangers;
	uint16_t accepting; /* port of the connection that is handed over right now */
};

/* server.c: a connection ends without another word. */
void dash_conn_cut(struct conn *c);

/* exchange.c, for libmicrohttpd */
enum MHD_Result dash_exchange_on_request(void *arg, struct MHD_Connection *mhd, const char *url, const char *method, const char *version,
					 const char *body, size_t *body_len, void **slot);
size_t dash_exchange_on_escaped(void *arg, struct MHD_Connection *mhd, char *text);
void dash_exchange_on_completed(void *arg, struct MHD_Connection *mhd, void **slot, enum MHD_RequestTerminationCode code);

/* strangers.c */
int dash_strangers_init(struct dash_server *s);
void dash_strangers_fini(struct dash_server *s);
/* May it be looked at now? Else it waits, is admitted when it is its turn, and woken. */
bool dash_strangers_admit(struct dash_exchange *x);
/* It waits no more. */
void dash_strangers_leave(struct dash_exchange *x);

#endif
