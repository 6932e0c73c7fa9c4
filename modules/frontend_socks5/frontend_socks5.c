/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend_socks5.c - a SOCKS server for this machine's own programs: greeting, perhaps a login, request; of SOCKS4 and
 * SOCKS4a only a request. What follows a request for datagrams is in associate.c.
 */
#include <string.h>

#include "../frontend/frontend.h"
#include "associate.h"
#include "parse.h"

/* Which message comes next, and what an earlier one said. */
struct socks5_talk {
	enum { GREETING, LOGIN, REQUEST } next;
	char user[FRONTEND_NAME_SIZE];
};

/* One reply for each end that a dial can come to. */
static const uint8_t replies[] = {
	[RTUN_EREFUSED] = SOCKS5_REFUSED,
	[RTUN_EUNREACHABLE] = SOCKS5_HOST_UNREACHABLE,
	[RTUN_ETIMEOUT] = SOCKS5_TIMEOUT,
	[RTUN_EDENIED] = SOCKS5_DENIED,
	[RTUN_EDNS] = SOCKS5_HOST_UNREACHABLE,
	[RTUN_ENOEXIT] = SOCKS5_NET_UNREACHABLE,
	[RTUN_EOVERLOAD] = SOCKS5_FAILURE,
	[RTUN_ERESET] = SOCKS5_FAILURE,
	[RTUN_ETRUNCATED] = SOCKS5_FAILURE,
	[RTUN_EINTERNAL] = SOCKS5_FAILURE,
	[RTUN_EADDRTYPE] = SOCKS5_NO_ADDRTYPE,
	[RTUN_ESELECTOR] = SOCKS5_FAILURE, /* the login has been answered already */
	[RTUN_ENOTSUP] = SOCKS5_NO_COMMAND,
};

static uint32_t success(const struct frontend_conn *c, const struct rtun_addr *bound, uint8_t ret[FRONTEND_ANSWER_MAX])
{
	if (c->version == 4)
		return socks4_format_reply(SOCKS4_OK, bound, ret);
	return socks5_format_reply(SOCKS5_OK, bound, ret);
}

static uint32_t failure(const struct frontend_conn *c, uint32_t err, const char *why, uint8_t ret[FRONTEND_ANSWER_MAX])
{
	(void)why;
	if (c->version == 4)
		return socks4_format_reply(SOCKS4_FAILURE, NULL, ret);
	return socks5_format_reply(err < sizeof(replies) && replies[err] ? replies[err] : SOCKS5_FAILURE, NULL, ret);
}

/* ---- Messages: each step answers a whole one ---- */

static enum frontend_step refuse(struct frontend_message *m, uint32_t result)
{
	m->result = result;
	return FRONTEND_REFUSED;
}

static void answer(struct frontend_message *m, uint8_t version, uint8_t word)
{
	m->answer[0] = version;
	m->answer[1] = word;
	m->answer_len = 2;
}

/* There is no password in it: refused where one is wanted. */
static enum frontend_step socks4_request(struct frontend_message *m)
{
	int32_t n = socks4_parse_request(m->p, m->len, &m->request);
	if (n < 0) {
		m->answer_len = socks4_format_reply(SOCKS4_FAILURE, NULL, m->answer);
		return refuse(m, n == -SOCKS5_DENIED ? RTUN_EDENIED : FRONTEND_RESULT_PROTOCOL);
	}
	m->size = (uint32_t)n;
	if (m->size > m->len)
		return FRONTEND_MORE;
	m->c->version = 4;
	m->request.bad_login = frontend_admit(m->c, &m->request) != FRONTEND_LOGIN_GOOD;
	return FRONTEND_REQUEST;
}

static enum frontend_step greeting(struct frontend_message *m)
{
	struct socks5_talk *t = m->talk;
	uint32_t offered;
	uint8_t method = SOCKS5_NO_METHOD;
	bool wanted = frontend_wants_login(m->f), unwanted = !wanted && m->f->o.username == FRONTEND_USERNAME_OFF;
	int32_t n;
	if (m->p[0] == 4)
		return socks4_request(m);
	n = socks5_parse_greeting(m->p, m->len, &offered);
	if (n < 0)
		return refuse(m, FRONTEND_RESULT_PROTOCOL);
	m->size = (uint32_t)n;
	if (m->size > m->len)
		return FRONTEND_MORE;
	if ((offered & SOCKS5_METHOD_NONE) && !wanted)
		method = 0;
	if ((offered & SOCKS5_METHOD_LOGIN) && (!unwanted || method != 0))
		method = 2;
	answer(m, 5, method);
	if (method == SOCKS5_NO_METHOD)
		return refuse(m, offered ? FRONTEND_RESULT_LOGIN : FRONTEND_RESULT_PROTOCOL);
	t->next = method == 2 ? LOGIN : REQUEST;
	return FRONTEND_NEXT;
}

static enum frontend_step login(struct frontend_message *m)
{
	struct socks5_talk *t = m->talk;
	struct frontend_request r;
	enum frontend_login login = FRONTEND_LOGIN_REFUSED;
	int32_t n = socks5_parse_login(m->p, m->len, &r);
	m->size = n < 0 ? 0 : (uint32_t)n;
	if (m->size > m->len)
		return FRONTEND_MORE;
	if (n >= 0)
		login = frontend_admit(m->c, &r);
	if (login == FRONTEND_LOGIN_PENDING)
		return FRONTEND_WAIT;
	if (login == FRONTEND_LOGIN_REFUSED) {
		answer(m, 1, 1);
		return refuse(m, FRONTEND_RESULT_LOGIN);
	}
	memcpy(t->user, r.user, sizeof(t->user));
	answer(m, 1, 0);
	t->next = REQUEST;
	return FRONTEND_NEXT;
}

static enum frontend_step request_message(struct frontend_message *m)
{
	const struct socks5_talk *t = m->talk;
	int32_t n = socks5_parse_request(m->p, m->len, &m->request);
	if (n < 0) {
		m->answer_len = socks5_format_reply((uint8_t)-n, NULL, m->answer);
		return refuse(m, n == -SOCKS5_DENIED ? RTUN_EDENIED : FRONTEND_RESULT_PROTOCOL);
	}
	m->size = (uint32_t)n;
	if (m->size > m->len)
		return FRONTEND_MORE;
	memcpy(m->request.user, t->user, sizeof(t->user));
	m->request.datagrams = m->p[1] == SOCKS5_ASSOCIATE;
	return m->request.datagrams ? FRONTEND_SERVE : FRONTEND_REQUEST;
}

static enum frontend_step read_message(struct frontend_message *m)
{
	static enum frontend_step (*const steps[])(struct frontend_message *) = {
		[GREETING] = greeting, [LOGIN] = login, [REQUEST] = request_message};
	const struct socks5_talk *t = m->talk;
	return steps[t->next](m);
}

static const struct frontend_protocol socks5_protocol = {
	.talk_size = sizeof(struct socks5_talk), .read = read_message, .success = success, .failure = failure,
	.serve = socks5_associate, .release = socks5_associate_release};

/* ---- Module ---- */

static const struct rtun_option rows[] = {
	FRONTEND_OPTIONS("1080",
			 "Whether the SOCKS username (of SOCKS4: the user id) chooses the exit; required refuses connections without one. The "
			 "password is ignored unless there is a users-file.",
			 "How many clients may be connected at once; more get a general failure (0x01)."),
	RTUN_CHOICE(struct frontend_options, datagrams, "allow|refuse", "allow", 0, NULL,
		    "Whether clients may send datagrams (UDP ASSOCIATE); through a tunnel, exits that can are needed, too."),
	RTUN_INT(struct frontend_options, max_associations, "1024", 1, 65536, RTUN_RELOADABLE, NULL,
		 "How many clients may send datagrams at once, of those that may be connected; each takes a socket."),
	RTUN_DURATION(struct frontend_options, association_timeout, "5m", RTUN_S, 24 * 3600 * RTUN_S, RTUN_RELOADABLE, NULL,
		      "An association ends when no datagram has come or gone for so long."),
	RTUN_SIZE(struct frontend_options, association_buffer, "128KiB", 4096, 16777216, RTUN_RELOADABLE, NULL,
		  "How much of what one client sends may wait for the way out to take it; more is dropped."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(struct frontend_options, rows);

static int create(struct rtun_ctx *ctx, const void *cfg)
{
	return frontend_create(ctx, cfg, &socks5_protocol);
}

static const struct rtun_need needs[] = {{RTUN_NEED_UDP, "datagrams=allow"}};

RTUN_MODULE(frontend_socks5, .version = "1", .summary = "SOCKS5, SOCKS4 and SOCKS4a server on this machine, for its own programs",
	    .license = "BSD-2-Clause", .schema = &schema, .create = create, .needs = RTUN_LIST(needs), FRONTEND_LIFE);
