/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend_connect.c - an HTTP proxy for this machine's own programs: the head of a CONNECT request, and its answer.
 */
#include <string.h>

#include "../frontend/frontend.h"
#include "parse.h"

/* One answer for each end that a dial can come to. */
static const struct {
	uint32_t status;
	const char *error; /* RFC 9209 */
} answers[] = {
	[RTUN_EREFUSED] = {502, "connection_refused"},
	[RTUN_EUNREACHABLE] = {502, "destination_ip_unroutable"},
	[RTUN_ETIMEOUT] = {504, "connection_timeout"},
	[RTUN_EDENIED] = {403, "destination_ip_prohibited"},
	[RTUN_EDNS] = {502, "dns_error"},
	[RTUN_ENOEXIT] = {503, "destination_unavailable"},
	[RTUN_EOVERLOAD] = {503, "connection_limit_reached"},
	[RTUN_ERESET] = {500, "connection_terminated"},
	[RTUN_ETRUNCATED] = {500, "connection_terminated"},
	[RTUN_EINTERNAL] = {500, "proxy_internal_error"},
	[RTUN_EADDRTYPE] = {400, "destination_ip_unroutable"},
	[RTUN_ESELECTOR] = {407, "http_request_denied"},
	[FRONTEND_RESULT_LOGIN] = {407, "http_request_denied"},
};

static uint32_t success(const struct rtun_addr *bound, uint8_t ret[FRONTEND_ANSWER_MAX])
{
	static const char ok[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	(void)bound;
	memcpy(ret, ok, sizeof(ok) - 1);
	return sizeof(ok) - 1;
}

static uint32_t failure(uint32_t err, const char *why, uint8_t ret[FRONTEND_ANSWER_MAX])
{
	if (err >= sizeof(answers) / sizeof(answers[0]) || !answers[err].error)
		err = RTUN_EINTERNAL;
	return connect_format_error(answers[err].status, answers[err].error, why, (char *)ret);
}

static enum frontend_step read_head(struct frontend_message *m)
{
	struct connect_parser *parser = m->talk;
	struct connect_verdict v;
	m->size = m->len + 1;
	if (!connect_parse(parser, m->p, m->len, &m->request, &v))
		return FRONTEND_MORE;
	if (v.status) {
		m->result = FRONTEND_RESULT_PROTOCOL;
		m->answer_len = connect_format_error(v.status, "http_request_error", v.why, (char *)m->answer);
		return FRONTEND_REFUSED;
	}
	m->size = parser->pos;
	m->request.bad_login = !frontend_admit(m->f, m->request.user, m->request.bad_login);
	return FRONTEND_REQUEST;
}

static const struct frontend_protocol connect_protocol = {
	.talk_size = sizeof(struct connect_parser),
	.login_wanted = "this proxy wants a username that names the exit: http://EXIT:x@HOST:PORT",
	.read = read_head, .success = success, .failure = failure};

/* ---- Module ---- */

static const struct rtun_option rows[] = {
	FRONTEND_OPTIONS("1081",
			 "Whether the username of the proxy's URL chooses the exit; required answers 407 without one. The password is ignored.",
			 "How many clients may be connected at once; more get 503."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(struct frontend_options, rows);

static int create(struct rtun_ctx *ctx, const void *cfg)
{
	return frontend_create(ctx, cfg, &connect_protocol);
}

RTUN_MODULE(frontend_connect, .version = "1", .summary = "HTTP proxy (CONNECT) on this machine, for its own programs",
	    .license = "BSD-2-Clause", .schema = &schema, .create = create, FRONTEND_LIFE);
