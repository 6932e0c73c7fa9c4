/* SPDX-License-Identifier: BSD-2-Clause
 *
 * server.c - libmicrohttpd without threads and without a listening socket: connections come from rtun_listen(), its epoll
 * descriptor is watched by the core's loop.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../local_users/local_users.h"
#include "server_parts.h"

#define REQUEST_TIME (10 * RTUN_S) /* from accept until a request is complete */
#define STALL_TIME 30U             /* s without a byte taken, a feed's too */
#define MEMORY (32U * 1024)        /* of a connection: its head fits into it */

/* ---- the loop ---- */

static void server_run(void *arg)
{
	struct dash_server *s = arg;
	MHD_UNSIGNED_LONG_LONG ms;
	MHD_run(s->daemon);
	if (MHD_get_timeout(s->daemon, &ms) == MHD_YES)
		rtun_timer_start(s->timer, ms ? (ms + 1) * RTUN_MS : 0); /* not too early */
	else
		rtun_timer_stop(s->timer);
}

static void on_epoll(void *arg, int fd, uint32_t events)
{
	(void)fd, (void)events;
	server_run(arg);
}

/* ---- connections ---- */

/* MHD sees the end and closes; of one that is suspended, when it is resumed. */
void dash_conn_cut(struct conn *c)
{
	c->cut = true;
	shutdown(c->fd, SHUT_RDWR);
	for (struct dash_exchange *x = c->server->exchanges; x; x = x->next)
		if (x->conn == c)
			dash_exchange_wake(x);
	rtun_defer_start(c->server->run);
}

/* What it has not said or read by now, it never will. */
static void on_deadline(void *arg)
{
	dash_conn_cut(arg);
}

static void conn_make_room(struct dash_server *s)
{
	struct conn *oldest = NULL;
	if (s->conn_count < DASH_CONNECTIONS_MAX)
		return;
	for (struct conn *c = s->conns; c; c = c->next)
		if (!c->welcome)
			oldest = c;
	if (oldest) {
		dash_conn_cut(oldest);
		MHD_run(s->daemon);
	}
}

static void conn_free(struct conn *c)
{
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	c->server->conn_count--;
	rtun_timer_destroy(&c->deadline);
	free(c);
}

static void on_conn(void *arg, struct MHD_Connection *mhd, void **slot, enum MHD_ConnectionNotificationCode code)
{
	struct dash_server *s = arg;
	struct conn *c = *slot;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (c)
			conn_free(c);
		*slot = NULL;
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c || rtun_timer_create(s->ctx, on_deadline, c, &c->deadline) < 0) {
		free(c);
		return; /* every request of it is refused */
	}
	c->server = s;
	c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	c->port = s->accepting;
	c->next = s->conns;
	c->at = &s->conns;
	if (c->next)
		c->next->at = &c->next;
	s->conns = c;
	s->conn_count++;
	rtun_timer_start(c->deadline, REQUEST_TIME);
	*slot = c;
}

static void on_accept(void *arg, struct rtun_stream **stream, const struct rtun_addr *peer)
{
	static const struct sockaddr_in nobody = {.sin_family = AF_INET}; /* nobody looks at it */
	struct listener *l = arg;
	struct dash_server *s = l->server;
	int fd;
	(void)peer;
	conn_make_room(s);
	if (s->conn_count >= DASH_CONNECTIONS_MAX || rtun_stream_to_fd(stream, &fd) < 0)
		return;
	s->accepting = l->port;
	MHD_add_connection(s->daemon, fd, (const struct sockaddr *)&nobody, sizeof(nobody)); /* closes it when it fails */
	rtun_defer_start(s->run);
}

/* ---- life ---- */

RTUN_PRINTF(2, 0) static void on_log(void *arg, const char *fmt, va_list ap)
{
	struct dash_server *s = arg;
	char line[256];
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	rtun_log(s->ctx, RTUN_DEBUG, "libmicrohttpd: %s", line);
}

int dash_server_create(struct rtun_ctx *ctx, const struct dash_server_calls *calls, void *arg, struct dash_server **ret)
{
	struct dash_server *s = calloc(1, sizeof(*s));
	*ret = s;
	if (!s)
		return -RTUN_ENOMEM;
	s->ctx = ctx;
	s->calls = calls;
	s->arg = arg;
	return 0;
}

static int server_start(struct dash_server *s)
{
	s->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
				     dash_exchange_on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s,
				     MHD_OPTION_NOTIFY_COMPLETED, dash_exchange_on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_conn, s,
				     MHD_OPTION_UNESCAPE_CALLBACK, dash_exchange_on_escaped, s,
				     MHD_OPTION_CONNECTION_LIMIT, DASH_CONNECTIONS_MAX + 8U, MHD_OPTION_CONNECTION_TIMEOUT, STALL_TIME,
				     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1,
				     MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 0, MHD_OPTION_END);
	if (!s->daemon)
		return -RTUN_EIO;
	if (rtun_timer_create(s->ctx, server_run, s, &s->timer) < 0 || rtun_defer_create(s->ctx, server_run, s, &s->run) < 0 ||
	    dash_strangers_init(s) < 0)
		return -RTUN_ENOMEM;
	return rtun_watch(s->ctx, MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, RTUN_READ, on_epoll, s, &s->watch);
}

static int listen_on(struct dash_server *s, const struct rtun_endpoint *e, const struct rtun_list *uids)
{
	struct listener *l = &s->listeners[s->listener_count];
	struct rtun_listen_req req = {.size = sizeof(req), .endpoint = e, .accept = on_accept, .arg = l, .users = *uids};
	l->server = s;
	l->port = e->path ? 0 : e->addr.port;
	int r = rtun_listen(s->ctx, &req, &l->listener);
	if (r < 0)
		return r;
	s->listener_count++;
	return local_users_open(s->ctx, e, uids);
}

int dash_server_listen(struct dash_server *s, const struct rtun_list *endpoints, const struct rtun_list *users)
{
	uint32_t *uids;
	int r = local_users_find(users, &uids);
	struct rtun_list allowed = {uids, users->count, sizeof(*uids)};
	if (r == 0)
		r = server_start(s);
	s->listeners = calloc(endpoints->count + 1U, sizeof(*s->listeners));
	if (!s->listeners)
		r = -RTUN_ENOMEM;
	for (uint32_t i = 0; r == 0 && i < endpoints->count; i++)
		r = listen_on(s, (const void *)((const char *)endpoints->items + (size_t)i * endpoints->item_size), &allowed);
	free(uids);
	return r;
}

void dash_server_unlisten(struct dash_server *s)
{
	for (uint32_t i = 0; i < s->listener_count; i++)
		rtun_unlisten(&s->listeners[i].listener);
}

/* A connection that waits must be resumed before the end. */
static void server_end(struct dash_server *s)
{
	for (struct dash_exchange *x = s->exchanges; x; x = x->next) {
		rtun_op_cancel(&x->op);
		dash_exchange_wake(x);
	}
	rtun_unwatch(&s->watch);
	MHD_stop_daemon(s->daemon);
}

void dash_server_destroy(struct dash_server **sp)
{
	struct dash_server *s = *sp;
	if (!s)
		return;
	dash_server_unlisten(s);
	if (s->daemon)
		server_end(s);
	dash_strangers_fini(s);
	rtun_timer_destroy(&s->timer);
	rtun_defer_destroy(&s->run);
	free(s->listeners);
	free(s);
	*sp = NULL;
}
