/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend_connect.c - an HTTP proxy for this machine's own programs: tunnels by CONNECT, exchanges for http:// addresses.
 */
#include <string.h>

#include "exchange.h"

static uint32_t success(const struct frontend_conn *c, const struct rtun_addr *bound, uint8_t ret[FRONTEND_ANSWER_MAX])
{
	static const char ok[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	(void)c, (void)bound;
	memcpy(ret, ok, sizeof(ok) - 1);
	return sizeof(ok) - 1;
}

static uint32_t failure(const struct frontend_conn *c, uint32_t err, const char *why, uint8_t ret[FRONTEND_ANSWER_MAX])
{
	struct http_verdict v = http_verdict_of(err, why);
	(void)c;
	return http_format_refusal(&v, false, (char *)ret);
}

/* A client's first request, or a CONNECT after others: what it says besides comes to the exchange, which reads it again. */
static enum frontend_step read_head(struct frontend_message *m)
{
	struct http_head *head = m->talk;
	struct http_request r;
	struct http_verdict v;
	enum frontend_login login;
	if (head->state == HTTP_NOWHERE)
		http_head_begin(head, false, NULL);
	m->size = m->len + 1;
	if (!http_head_parse(head, m->p, m->len, &v))
		return FRONTEND_MORE;
	if (!v.status)
		v = http_request_judge(head, m->p, &r);
	if (v.status) {
		m->result = FRONTEND_RESULT_PROTOCOL;
		m->answer_len = http_format_refusal(&v, false, (char *)m->answer);
		return FRONTEND_REFUSED;
	}
	if (!r.connect) {
		m->request.addr = r.to.addr;
		memcpy(m->request.host, r.to.host, sizeof(r.to.host));
		return FRONTEND_SERVE;
	}
	login = frontend_admit(m->c, &r.to);
	if (login == FRONTEND_LOGIN_PENDING) {
		http_head_begin(head, false, NULL); /* it is read again then */
		return FRONTEND_WAIT;
	}
	m->size = head->pos;
	m->request = r.to;
	m->request.bad_login = login == FRONTEND_LOGIN_REFUSED;
	return FRONTEND_REQUEST;
}

static const struct frontend_protocol connect_protocol = {
	.talk_size = sizeof(struct http_head), .read = read_head, .success = success, .failure = failure,
	.serve = exchange_serve, .drain = exchange_drain, .release = exchange_release};

/* ---- Module ---- */

static const struct rtun_option rows[] = {
	FRONTEND_OPTIONS("1081",
			 "Whether the username of the proxy's URL chooses the exit; required answers 407 without one. The password is ignored unless " \
			 "there is a users-file.",
			 "How many clients may be connected at once; more get 503."),
	RTUN_DURATION(struct frontend_options, keep_alive_timeout, "1m", 0, 0, RTUN_RELOADABLE, NULL,
		      "How long a client may stay connected after an answer to an http:// request without asking again; 0s: not at all."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(struct frontend_options, rows);

static int create(struct rtun_ctx *ctx, const void *cfg)
{
	return frontend_create(ctx, cfg, &connect_protocol);
}

RTUN_MODULE(frontend_connect, .version = "1", .summary = "HTTP proxy on this machine, for its own programs",
	    .license = "BSD-2-Clause", .schema = &schema, .create = create, FRONTEND_LIFE);
