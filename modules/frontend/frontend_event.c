/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend_event.c - what is published of a request that is complete: stream.open and stream.close, or stream.refused.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend.h"

/* ---- Types ---- */

#define E(member) offsetof(struct frontend_stream_event, member)
#define ASKED \
	{"target", "what the client asked for, host:port, [v6]:port; of datagrams, which go to many: unknown", RTUN_F_TEXT, E(target)}, \
	{"protocol", "tcp or udp", RTUN_F_TEXT, E(protocol)}, \
	{"user", "the login's name, or the username that chose the exit; unknown where there was none", RTUN_F_TEXT, E(user)}, \
	{"duration_ms", "milliseconds since the request was complete", RTUN_F_U64, E(duration_ms)}

static const struct rtun_field open_fields[] = {
	{"exit", "the exit it leaves from; unknown where there is only one", RTUN_F_TEXT, E(exit)},
	{"frontend", "the entry that the client connected to", RTUN_F_TEXT, E(frontend)},
	ASKED,
};
static const struct rtun_field close_fields[] = {
	{"exit", "the exit it left from; unknown where there is only one", RTUN_F_TEXT, E(exit)},
	{"frontend", "the entry that the client connected to", RTUN_F_TEXT, E(frontend)},
	{"result", "how it ended", RTUN_F_ERR, E(result)},
	{"bytes_in", "bytes that the client received", RTUN_F_U64, E(bytes_in)},
	{"bytes_out", "bytes that the client sent", RTUN_F_U64, E(bytes_out)},
	ASKED,
};
static const struct rtun_field refused_fields[] = {
	{"exit", "the exit that was asked, where it is known", RTUN_F_TEXT, E(exit)},
	{"frontend", "the entry that the client connected to", RTUN_F_TEXT, E(frontend)},
	{"result", "why, in a word of restunnel_frontend_connections_total", RTUN_F_TEXT, E(refusal)},
	{"why", "more of it in words, where there is more to say", RTUN_F_TEXT, E(why)},
	ASKED,
};
#undef ASKED
#undef E

const struct rtun_event_type frontend_stream_open = {
	sizeof(struct rtun_event_type), sizeof(struct frontend_stream_event), "stream.open",
	"A client's connection has reached its target.", RTUN_LIST(open_fields)};
const struct rtun_event_type frontend_stream_close = {
	sizeof(struct rtun_event_type), sizeof(struct frontend_stream_event), "stream.close",
	"A client's connection has ended.", RTUN_LIST(close_fields)};
const struct rtun_event_type frontend_stream_refused = {
	sizeof(struct rtun_event_type), sizeof(struct frontend_stream_event), "stream.refused",
	"A client's request has not reached its target.", RTUN_LIST(refused_fields)};

const char *frontend_result_word(uint32_t result)
{
	switch (result) {
	case FRONTEND_RESULT_PROTOCOL:
		return "protocol";
	case FRONTEND_RESULT_LOGIN:
		return "login";
	case FRONTEND_RESULT_ABANDONED:
		return "abandoned";
	case RTUN_ENOTSUP:
		return "unsupported";
	default:
		return rtun_error_word(result);
	}
}

/* ---- One request ---- */

/* User and target in one block: it is made for each connection. */
void frontend_ask(struct frontend_conn *c, const struct frontend_request *r)
{
	struct frontend_asked *a = &c->asked;
	char ip[INET6_ADDRSTRLEN] = "";
	const char *host = r->host[0] ? r->host : ip, *user = r->bad_login ? "" : c->login[0] ? c->login : r->user;
	if (host == ip)
		inet_ntop(r->addr.family == 6 ? AF_INET6 : AF_INET, r->addr.ip, ip, sizeof(ip));
	frontend_tell_rest(c);
	if (asprintf(&a->text, strchr(host, ':') ? "%s%c[%s]:%u" : "%s%c%s:%u", user, '\0', host, r->addr.port) < 0)
		a->text = NULL;
	a->datagrams = r->datagrams;
	a->at = rtun_now(c->f->ctx);
	a->state = FRONTEND_ASKED;
	c->exit[0] = '\0';
}

static void publish(struct frontend_conn *c, const struct rtun_event_type *type, struct frontend_stream_event *e)
{
	const struct frontend_asked *a = &c->asked;
	e->exit = c->exit[0] ? c->exit : NULL;
	e->frontend = c->f->ctx->instance;
	e->user = a->text && a->text[0] ? a->text : NULL;
	e->target = a->text && !a->datagrams ? a->text + strlen(a->text) + 1 : NULL;
	e->protocol = a->datagrams ? "udp" : "tcp";
	e->duration_ms = (rtun_now(c->f->ctx) - a->at) / RTUN_MS;
	rtun_publish(c->f->ctx, type, e);
}

static void forget(struct frontend_conn *c)
{
	free(c->asked.text);
	memset(&c->asked, 0, sizeof(c->asked));
}

void frontend_tell_open(struct frontend_conn *c)
{
	struct frontend_stream_event e = {0};
	c->asked.state = FRONTEND_OPEN;
	publish(c, &frontend_stream_open, &e);
}

void frontend_tell_close(struct frontend_conn *c, const struct rtun_relay_result *r)
{
	struct frontend_stream_event e = {.result = r->result[0] ? r->result[0] : r->result[1],
					  .bytes_out = r->bytes[0] + c->asked.bytes[0], .bytes_in = r->bytes[1] + c->asked.bytes[1]};
	publish(c, &frontend_stream_close, &e);
	forget(c);
}

void frontend_tell_refused(struct frontend_conn *c, uint32_t result, const char *why)
{
	struct frontend_stream_event e = {.refusal = frontend_result_word(result), .why = why};
	if (c->asked.state != FRONTEND_ASKED)
		return;
	publish(c, &frontend_stream_refused, &e);
	forget(c);
}

void frontend_tell_rest(struct frontend_conn *c)
{
	static const struct rtun_relay_result broken = {{0, 0}, {RTUN_ERESET, RTUN_ERESET}};
	frontend_tell_refused(c, RTUN_ERESET, NULL);
	if (c->asked.state == FRONTEND_OPEN)
		frontend_tell_close(c, &broken);
}
