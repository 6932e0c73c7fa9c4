/* SPDX-License-Identifier: BSD-2-Clause
 *
 * exchange.c - a request and its answer.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server_parts.h"
#include "unescape.h"

#define ANSWER_TIME (60 * RTUN_S) /* for an answer to be made and read; a feed has none */
#define BLOCK 32768U              /* of an answer: sent at once */
#define IDLE_TIME (60 * RTUN_S)   /* from an answer until the next request is complete */

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

void dash_exchange_on_completed(void *arg, struct MHD_Connection *mhd, void **slot, enum MHD_RequestTerminationCode code)
{
	struct dash_exchange *x = *slot;
	(void)arg, (void)mhd, (void)code;
	if (!x)
		return;
	*slot = NULL;
	*x->at = x->next;
	if (x->next)
		x->next->at = x->at;
	dash_strangers_leave(x);
	rtun_op_cancel(&x->op);
	if (x->feed)
		x->feed->gone(x->feed_arg);
	if (x->response)
		MHD_destroy_response(x->response);
	rtun_timer_start(x->conn->deadline, IDLE_TIME);
	free(x->body);
	free(x->cookie);
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

static enum MHD_Result exchange_wait(struct dash_exchange *x)
{
	MHD_suspend_connection(x->mhd);
	x->suspended = true;
	return MHD_YES;
}

static void exchange_look(struct dash_exchange *x)
{
	x->looked_at = true;
	x->server->calls->head(x->server->arg, x, &x->request);
}

/* All of it has come. */
static void exchange_judge(struct dash_exchange *x)
{
	static const struct dash_answer large = {.status = 413, .type = "text/plain", .body = "too large\n", .len = 10, .constant = true};
	if (!x->answered && x->too_large)
		dash_exchange_answer(x, &large);
	if (x->answered)
		return;
	x->request.body = x->body ? x->body : "";
	x->request.body_len = x->body_len;
	rtun_timer_start(x->conn->deadline, ANSWER_TIME);
	x->server->calls->request(x->server->arg, x, &x->request);
}

/* The request is complete; then it is the stranger's turn, or its answer is there. */
static enum MHD_Result exchange_go_on(struct dash_exchange *x)
{
	if (x->conn->cut)
		return MHD_NO;
	if (!x->admitted && !(x->admitted = dash_strangers_admit(x)))
		return exchange_wait(x);
	if (!x->looked_at)
		exchange_look(x);
	if (!x->answered)
		exchange_judge(x);
	if (x->response)
		return exchange_send(x);
	return x->answered ? MHD_NO : exchange_wait(x);
}

static struct conn *conn_of(struct MHD_Connection *mhd)
{
	return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

size_t dash_exchange_on_escaped(void *arg, struct MHD_Connection *mhd, char *text)
{
	struct conn *c = conn_of(mhd);
	size_t len;
	bool good = dash_unescape(text, &len);
	(void)arg;
	if (c)
		c->malformed |= !good;
	return len;
}

enum MHD_Result dash_exchange_on_request(void *arg, struct MHD_Connection *mhd, const char *url, const char *method, const char *version,
					 const char *body, size_t *body_len, void **slot)
{
	struct dash_server *s = arg;
	struct dash_exchange *x = *slot;
	struct conn *c = conn_of(mhd);
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
	x->request.malformed = c->malformed;
	c->malformed = false;
	MHD_get_connection_values(mhd, MHD_HEADER_KIND, note_header, &x->request);
	x->admitted = s->calls->known(s->arg, &x->request);
	if (x->admitted)
		exchange_look(x);
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
		r = MHD_create_response_from_callback(a->len, a->len < BLOCK ? a->len + 1 : BLOCK, body_read, b, body_free);
	if (!r)
		body_free(b);
	return r;
}

static void response_head(const struct dash_exchange *x, struct MHD_Response *r, const char *type)
{
	for (size_t i = 0; i < sizeof(fixed_headers) / sizeof(fixed_headers[0]); i++)
		MHD_add_response_header(r, fixed_headers[i][0], fixed_headers[i][1]);
	if (type)
		MHD_add_response_header(r, "Content-Type", type);
	if (x->cookie)
		MHD_add_response_header(r, "Set-Cookie", x->cookie);
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
		response_head(x, r, a->type);
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
		response_head(x, r, "text/event-stream");
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
	dash_conn_cut(x->conn);
}

void dash_exchange_cookie(struct dash_exchange *x, const char *cookie)
{
	free(x->cookie);
	x->cookie = strdup(cookie);
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
