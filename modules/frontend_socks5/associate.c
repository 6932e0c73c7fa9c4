/* SPDX-License-Identifier: BSD-2-Clause
 *
 * associate.c - a client's datagrams. Once a way out is there, the client's TCP connection steps aside and a stream of
 * datagrams, over a socket of its own, takes its place in the relay: bytes, limits, events and the end are as for any other.
 *
 *   client --TCP---- control            its end is the association's end
 *      `----UDP---- [socket] ==stream of datagrams== relay ==stream of datagrams== exit
 *
 * A datagram is the client's when it comes from the address that the TCP connection came from, and from the port that the
 * request has announced; where it announced none, from that of the first one.
 */
#include "associate.h"

#include <stdlib.h>
#include <string.h>

#include "../datagram/datagram.h"
#include "parse.h"

/* reserved u16, fragment u8; then address and payload, as in the stream */
#define HEAD 3U
#define FRAGMENT 2
/* Between the client's end and the exit's. */
#define FAREWELL (10 * RTUN_S)
/* For a last word to be read. */
#define GOODBYE (2 * RTUN_S)

struct association {
	struct frontend_conn *c;     /* dialling: who owns this; afterwards the stream does */
	struct frontend *f;          /* NULL: over */
	struct rtun_stream *control; /* once there is a stream; before, c has it */
	struct rtun_addr client;     /* port 0: that of the first datagram */
	struct datagram_stream ds;
};

/* ---- From the client ---- */

static uint32_t drop(struct association *a, uint32_t reason)
{
	a->f->dropped[reason]++;
	return 0;
}

static bool is_client(const struct association *a, const struct rtun_addr *from)
{
	return from->family == a->client.family && memcmp(from->ip, a->client.ip, sizeof(from->ip)) == 0 &&
	       (!a->client.port || from->port == a->client.port);
}

/* A name that is an address is sent as one, as in requests. The address in front of the payload; NULL: it is a name. */
static uint8_t *as_literal(const struct rtun_datagram *d, uint8_t *payload)
{
	struct frontend_request r = {.addr = {.port = d->addr.port}};
	uint8_t address[RTUN_DATAGRAM_ADDRESS];
	uint32_t n;
	memcpy(r.host, d->host, d->host_len);
	if (!socks5_set_literal(&r))
		return NULL;
	n = rtun_datagram_address(&r.addr, address);
	memcpy(payload - n, address, n);
	return payload - n;
}

static uint32_t receive(void *self, const struct rtun_addr *from, uint8_t *p, uint32_t len, uint8_t **ret_body)
{
	struct association *a = self;
	struct rtun_datagram d;
	uint8_t *literal;
	if (!is_client(a, from))
		return drop(a, FRONTEND_DROP_STRANGER);
	if (len < HEAD || rtun_datagram_parse(p + HEAD, len - HEAD, &d) < 0)
		return drop(a, FRONTEND_DROP_MALFORMED);
	if (p[FRAGMENT])
		return drop(a, FRONTEND_DROP_FRAGMENT);
	a->client.port = from->port;
	literal = d.host ? as_literal(&d, p + len - d.len) : NULL;
	*ret_body = literal ? literal : p + HEAD;
	return (uint32_t)(p + len - *ret_body);
}

/* ---- To the client ---- */

static void send_to_client(void *self, const uint8_t *body, uint32_t len)
{
	struct association *a = self;
	const struct datagram_socket *sock = &a->ds.sockets[a->client.family == 6];
	uint8_t head[HEAD] = {0};
	union {
		const uint8_t *in;
		void *out;
	} u = {body};
	struct iovec v[2] = {{head, HEAD}, {u.out, len}};
	struct rtun_datagram d;
	if (rtun_datagram_parse(body, len, &d) < 0 || d.host)
		drop(a, FRONTEND_DROP_MALFORMED);
	else if (!a->client.port || !datagram_socket_send(sock->fd, &a->client, v, 2))
		drop(a, FRONTEND_DROP_LOST);
}

/* ---- The end ---- */

static void ended(void *self)
{
	struct association *a = self;
	a->f = NULL;
	rtun_finish(&a->control, GOODBYE);
}

static void destroy(void *self)
{
	free(self);
}

static const struct datagram_ops ops = {.receive = receive, .send = send_to_client, .ended = ended, .destroy = destroy};

/* A client has nothing more to say: bytes are dropped, the end is the end. */
static void control_ready(void *arg, struct rtun_stream *s, uint32_t events)
{
	struct association *a = arg;
	uint8_t dropped[512];
	int64_t n = rtun_read(s, dropped, sizeof(dropped));
	(void)events;
	if (n > 0 || n == -RTUN_EAGAIN)
		rtun_want(s, RTUN_READ);
	else if (a->c)
		frontend_conn_end(a->c, FRONTEND_RESULT_ABANDONED);
	else
		datagram_stream_end(&a->ds);
}

/* ---- The beginning ---- */

/* The stream, with a socket where the client's connection has come in. 0 or an RTUN_E...; it owns the association then. */
static uint32_t open_stream(struct association *a, const struct rtun_addr *at, struct rtun_addr *ret_bound)
{
	const struct datagram_socket *sock;
	struct frontend_conn *c = a->c;
	if (datagram_stream_init(&a->ds, a->f->ctx, &ops, a) < 0)
		return RTUN_EOVERLOAD;
	a->c = NULL;
	c->served = NULL;
	c->serving = false;
	if ((sock = datagram_stream_open(&a->ds, at, a->f->o.association_buffer))) {
		*ret_bound = datagram_socket_local(sock->fd);
		return 0;
	}
	rtun_close(&a->ds.s);
	return RTUN_EOVERLOAD;
}

static void associated(void *arg, const struct rtun_dial_result *r)
{
	struct frontend_conn *c = arg;
	struct association *a = c->served;
	struct rtun_addr at, bound;
	uint8_t answer[FRONTEND_ANSWER_MAX];
	uint32_t err = frontend_dialled(c, r);
	if (!err && rtun_stream_addr(c->s, RTUN_ADDR_LOCAL, &at) < 0)
		err = RTUN_EINTERNAL;
	at.port = 0;
	if (!err)
		err = open_stream(a, &at, &bound);
	if (err) {
		frontend_conn_refuse(c, err, r->err ? r->why : "no socket for its datagrams");
		return;
	}
	rtun_put(c->s, answer, c->f->protocol->success(c, &bound, answer));
	a->control = c->s;
	c->s = a->ds.s;
	if (frontend_conn_relay(c, r->s, FAREWELL, c->f->o.association_timeout))
		frontend_conn_reached(c);
}

/* Of the addresses of both ends: 0, or why this client can't have one. */
static uint32_t admit(struct association *a, const struct frontend_conn *c, uint16_t port, const char **ret_why)
{
	*ret_why = "datagrams are not for clients of this entry (datagrams: refuse, or a unix socket)";
	if (c->f->o.datagrams != FRONTEND_DATAGRAMS_ALLOW || rtun_stream_addr(c->s, RTUN_ADDR_REMOTE, &a->client) < 0)
		return RTUN_ENOTSUP;
	a->client.port = port;
	*ret_why = "too many clients send datagrams (max-associations)";
	return c->f->associations < c->f->o.max_associations ? 0 : RTUN_EOVERLOAD;
}

int socks5_associate(struct frontend_conn *c, const struct frontend_message *m)
{
	struct association *a = calloc(1, sizeof(*a));
	const char *why;
	uint32_t err;
	if (!a)
		return -RTUN_ENOMEM;
	rtun_consume(c->s, m->size);
	a->c = c;
	a->f = c->f;
	c->served = a;
	c->serving = true;
	frontend_ask(c, &m->request);
	err = admit(a, c, m->request.addr.port, &why);
	if (!err) {
		c->associated = true;
		c->f->associations++;
		rtun_on_ready(c->s, control_ready, a);
		rtun_want(c->s, RTUN_READ);
		err = frontend_associate(c, &m->request, associated, &why);
	}
	if (err)
		frontend_conn_refuse(c, err, why);
	return 0;
}

void socks5_associate_release(struct frontend_conn *c)
{
	free(c->served);
}
