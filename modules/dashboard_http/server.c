/* SPDX-License-Identifier: BSD-2-Clause
 *
 * server.c - libmicrohttpd without threads and without a listening socket: connections come from rtun_listen(), its epoll
 * descriptor is watched by the core's loop.
 */
#include "server.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_TIME (10 * RTUN_S) /* from accept until a request is complete */
#define IDLE_TIME (60 * RTUN_S)    /* from an answer until the next request is complete */
#define ANSWER_TIME (60 * RTUN_S)  /* for an answer to be read; a feed has none */
#define STALL_TIME 30U             /* s without a byte taken, a feed's too */
#define MEMORY (32U * 1024)        /* of a connection: its head fits into it */

struct conn {
	struct conn *next, **at;
	struct dash_server *server;
	struct rtun_timer *deadline;
	int fd;
	uint16_t port;
	bool welcome; /* has shown a login */
};

struct dash_exchange {
	struct dash_exchange *next, **at;
	struct dash_server *server;
	struct conn *conn;
	struct MHD_Connection *mhd;
	struct dash_request request;
	char *body;
	uint64_t body_len;
	struct MHD_Response *response; /* waits to be sent */
	uint32_t status;
	struct rtun_op *op;
	const struct dash_feed_calls *feed;
	void *feed_arg;
	bool suspended;
	bool answered;
	bool too_large;
};

struct listener {
	struct dash_server *server;
	struct rtun_listener *listener;
	uint16_t port;
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
	uint16_t accepting; /* port of the connection that is handed over right now */
};

static const char *const header_names[DASH_HEADERS] = {
	[DASH_HOST] = "Host", [DASH_ORIGIN] = "Origin", [DASH_SITE] = "Sec-Fetch-Site", [DASH_TYPE] = "Content-Type",
	[DASH_COOKIE] = "Cookie", [DASH_TOKEN] = "X-Restunnel-Token", [DASH_AUTHORIZATION] = "Authorization",
};

/* What every answer has: nothing is kept, framed, guessed, or loaded from elsewhere. */
static const char *const fixed_headers[][2] = {
	{"Cache-Control", "no-store"},
	{"Content-Security-Policy",
	 "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
	 "form-action 'none'; frame-ancestors 'none'"},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
};

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

/* What it has not said or read by now, it never will. MHD sees the end and closes. */
static void conn_cut(void *arg)
{
	struct conn *c = arg;
	shutdown(c->fd, SHUT_RDWR);
	rtun_defer_start(c->server->run);
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
		conn_cut(oldest);
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
	if (!c || rtun_timer_create(s->ctx, conn_cut, c, &c->deadline) < 0) {
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

/* ---- requests ---- */

static struct dash_exchange *exchange_create(struct dash_server *s, struct conn *c, struct MHD_Connection *mhd)
{
	struct dash_exchange *x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	x->server = s;
	x->conn = c;
	x->mhd = mhd;
	x->request.port = c->port;
	x->next = s->exchanges;
	x->at = &s->exchanges;
	if (x->next)
		x->next->at = &x->next;
	s->exchanges = x;
	return x;
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **slot, enum MHD_RequestTerminationCode code)
{
	struct dash_exchange *x = *slot;
	(void)arg, (void)mhd, (void)code;
	if (!x)
		return;
	*slot = NULL;
	*x->at = x->next;
	if (x->next)
		x->next->at = x->at;
	rtun_op_cancel(&x->op);
	if (x->feed)
		x->feed->gone(x->feed_arg);
	if (x->response)
		MHD_destroy_response(x->response);
	rtun_timer_start(x->conn->deadline, IDLE_TIME);
	free(x->body);
	free(x);
}

static enum MHD_Result note_header(void *arg, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct dash_request *r = arg;
	(void)kind;
	for (int i = 0; i < DASH_HEADERS; i++) {
		if (strcasecmp(header_names[i], key) != 0)
			continue;
		r->repeated |= r->headers[i] != NULL;
		r->headers[i] = value ? value : "";
	}
	return MHD_YES;
}

static void take_body(struct dash_exchange *x, const char *p, size_t len)
{
	char *body;
	if (x->too_large || x->body_len + len > DASH_BODY_MAX) {
		x->too_large = true;
		return;
	}
	body = realloc(x->body, x->body_len + len + 1);
	if (!body) {
		x->too_large = true;
		return;
	}
	memcpy(body + x->body_len, p, len);
	x->body = body;
	x->body_len += len;
	body[x->body_len] = '\0';
}

static enum MHD_Result exchange_send(struct dash_exchange *x)
{
	enum MHD_Result r = MHD_queue_response(x->mhd, x->status, x->response);
	MHD_destroy_response(x->response);
	x->response = NULL;
	return r;
}

/* The request is complete, or its answer is. */
static enum MHD_Result exchange_go_on(struct dash_exchange *x)
{
	if (!x->answered && x->too_large) {
		static const struct dash_answer large = {.status = 413, .type = "text/plain", .body = "too large\n", .len = 10, .constant = true};
		dash_exchange_answer(x, &large);
	} else if (!x->answered && !x->suspended) {
		x->request.body = x->body ? x->body : "";
		x->request.body_len = x->body_len;
		rtun_timer_start(x->conn->deadline, ANSWER_TIME);
		x->server->calls->request(x->server->arg, x, &x->request);
	}
	if (x->response)
		return exchange_send(x);
	if (x->answered)
		return MHD_NO;
	MHD_suspend_connection(x->mhd);
	x->suspended = true;
	return MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *url, const char *method, const char *version,
				  const char *body, size_t *body_len, void **slot)
{
	struct dash_server *s = arg;
	struct dash_exchange *x = *slot;
	struct conn *c = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	(void)version;
	if (x) {
		if (*body_len) {
			if (!x->answered) /* else it is only read: unread bytes at the end could cost the client the answer */
				take_body(x, body, *body_len);
			*body_len = 0;
			return MHD_YES;
		}
		return exchange_go_on(x);
	}
	x = c ? exchange_create(s, c, mhd) : NULL;
	if (!x)
		return MHD_NO;
	*slot = x;
	x->request.method = method;
	x->request.path = url;
	MHD_get_connection_values(mhd, MHD_HEADER_KIND, note_header, &x->request);
	s->calls->head(s->arg, x, &x->request);
	return MHD_YES;
}

/* ---- answers ---- */

struct body {
	const char *p;
	char *owned;
};

/* Always by callback: with a body at hand MHD would use sendmsg(), which the sandbox doesn't allow. */
static ssize_t body_read(void *arg, uint64_t pos, char *buf, size_t max)
{
	const struct body *b = arg;
	memcpy(buf, b->p + pos, max);
	return (ssize_t)max;
}

static void body_free(void *arg)
{
	struct body *b = arg;
	free(b->owned);
	free(b);
}

static struct MHD_Response *response_of(const struct dash_answer *a)
{
	struct body *b = calloc(1, sizeof(*b));
	struct MHD_Response *r = NULL;
	if (!b)
		return NULL;
	b->p = a->body;
	if (a->len && !a->constant) {
		b->p = b->owned = malloc(a->len);
		if (b->owned)
			memcpy(b->owned, a->body, a->len);
	}
	if (!a->len || b->p)
		r = MHD_create_response_from_callback(a->len, 4096, body_read, b, body_free);
	if (!r)
		body_free(b);
	return r;
}

static void response_head(struct MHD_Response *r, const char *type)
{
	for (size_t i = 0; i < sizeof(fixed_headers) / sizeof(fixed_headers[0]); i++)
		MHD_add_response_header(r, fixed_headers[i][0], fixed_headers[i][1]);
	if (type)
		MHD_add_response_header(r, "Content-Type", type);
}

static void exchange_answered(struct dash_exchange *x, uint32_t status, struct MHD_Response *r)
{
	x->answered = true;
	x->status = status;
	x->response = r;
	if (!x->suspended)
		return;
	x->suspended = false;
	MHD_resume_connection(x->mhd);
	rtun_defer_start(x->server->run);
}

void dash_exchange_answer(struct dash_exchange *x, const struct dash_answer *a)
{
	struct MHD_Response *r = response_of(a);
	if (r) {
		response_head(r, a->type);
		for (size_t i = 0; i < sizeof(a->extra) / sizeof(a->extra[0]); i++)
			if (a->extra[i].name)
				MHD_add_response_header(r, a->extra[i].name, a->extra[i].value);
	}
	exchange_answered(x, a->status, r);
}

static ssize_t feed_read(void *arg, uint64_t pos, char *buf, size_t max)
{
	struct dash_exchange *x = arg;
	int64_t n = x->feed ? x->feed->read(x->feed_arg, buf, max) : -1;
	(void)pos;
	if (n < 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (n == 0) {
		MHD_suspend_connection(x->mhd);
		x->suspended = true;
	}
	return (ssize_t)n;
}

void dash_exchange_feed(struct dash_exchange *x, const struct dash_feed_calls *calls, void *feed)
{
	struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, feed_read, x, NULL);
	if (r)
		response_head(r, "text/event-stream");
	x->feed = calls;
	x->feed_arg = feed;
	rtun_timer_stop(x->conn->deadline);
	exchange_answered(x, 200, r);
}

void dash_exchange_wake(struct dash_exchange *x)
{
	if (!x->suspended)
		return;
	x->suspended = false;
	MHD_resume_connection(x->mhd);
	rtun_defer_start(x->server->run);
}

void dash_exchange_cut(struct dash_exchange *x)
{
	dash_exchange_wake(x);
	conn_cut(x->conn);
}

void dash_exchange_welcome(struct dash_exchange *x) { x->conn->welcome = true; }
struct rtun_op **dash_exchange_op(struct dash_exchange *x) { return &x->op; }

struct query {
	void (*cb)(void *arg, const char *key, const char *value);
	void *arg;
};

static enum MHD_Result query_pair(void *arg, enum MHD_ValueKind kind, const char *key, const char *value)
{
	const struct query *q = arg;
	(void)kind;
	q->cb(q->arg, key, value ? value : "");
	return MHD_YES;
}

void dash_exchange_query(struct dash_exchange *x, void (*cb)(void *arg, const char *key, const char *value), void *arg)
{
	struct query q = {cb, arg};
	MHD_get_connection_values(x->mhd, MHD_GET_ARGUMENT_KIND, query_pair, &q);
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
				     on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s,
				     MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_conn, s,
				     MHD_OPTION_CONNECTION_LIMIT, DASH_CONNECTIONS_MAX + 8U, MHD_OPTION_CONNECTION_TIMEOUT, STALL_TIME,
				     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1,
				     MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 0, MHD_OPTION_END);
	if (!s->daemon)
		return -RTUN_EIO;
	if (rtun_timer_create(s->ctx, server_run, s, &s->timer) < 0 || rtun_defer_create(s->ctx, server_run, s, &s->run) < 0)
		return -RTUN_ENOMEM;
	return rtun_watch(s->ctx, MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, RTUN_READ, on_epoll, s, &s->watch);
}

int dash_server_listen(struct dash_server *s, const struct rtun_list *endpoints)
{
	int r = server_start(s);
	s->listeners = calloc(endpoints->count + 1U, sizeof(*s->listeners));
	if (r < 0)
		return r;
	if (!s->listeners)
		return -RTUN_ENOMEM;
	for (; s->listener_count < endpoints->count; s->listener_count++) {
		const struct rtun_endpoint *e = (const void *)((const char *)endpoints->items + (size_t)s->listener_count * endpoints->item_size);
		struct listener *l = &s->listeners[s->listener_count];
		struct rtun_listen_req req = {.size = sizeof(req), .endpoint = e, .accept = on_accept, .arg = l};
		l->server = s;
		l->port = e->path ? 0 : e->addr.port;
		r = rtun_listen(s->ctx, &req, &l->listener);
		if (r < 0)
			return r;
	}
	return 0;
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
	rtun_timer_destroy(&s->timer);
	rtun_defer_destroy(&s->run);
	free(s->listeners);
	free(s);
	*sp = NULL;
}
