/* SPDX-License-Identifier: BSD-2-Clause
 *
 * associate.c - a stream of datagrams that leave from this machine. Every single one is judged; what comes is passed on
 * only from an address and port that was sent to lately. Nothing is ever answered to what is refused or not expected.
 */
#include "associate.h"

#include <stdlib.h>
#include <string.h>

static void drop(struct exit_dialer_association *a, uint32_t reason)
{
	a->d->dropped[reason]++;
}

/* ---- Out ---- */

/* What a filter says of a name's address it may not say of the address alone: it is asked in the same way again. */
static bool is_refused(const struct exit_dialer *d, const char *host, const struct rtun_addr *to)
{
	const struct rtun_filter_ops *filter = d->o.filter.ops;
	char why[RTUN_FILTER_WHY];
	if (exit_dialer_too_early(d, to, 1))
		return true;
	if (RTUN_HAS(struct rtun_filter_ops, filter, datagram) && !(host && RTUN_HAS(struct rtun_filter_ops, filter, resolved)))
		return filter->datagram(d->o.filter.obj, to) != 0;
	return exit_dialer_verdict(d, host, to, 1, RTUN_FILTER_UDP, why) != 0;
}

static void send_judged(void *arg, const char *host, const struct rtun_addr *to, const uint8_t *payload, uint32_t len)
{
	struct exit_dialer_association *a = arg;
	struct exit_dialer *d = a->d;
	const struct rtun_addr any = {.family = to->family};
	const struct datagram_socket *sock;
	union {
		const uint8_t *in;
		void *out;
	} u = {payload};
	struct iovec v = {u.out, len};
	if (is_refused(d, host, to)) {
		drop(a, EXIT_DIALER_DROP_REFUSED);
		return;
	}
	a->used_at = rtun_now(d->ctx);
	sock = datagram_stream_open(&a->ds, &any, d->o.association_buffer);
	if (!sock || peers_add(&a->peers, to, a->used_at, d->o.association_peers) < 0 || !datagram_socket_send(sock->fd, to, &v, 1))
		drop(a, EXIT_DIALER_DROP_LOST);
}

static void send_out(void *self, const uint8_t *body, uint32_t len)
{
	struct exit_dialer_association *a = self;
	struct rtun_datagram g;
	struct rtun_addr to;
	if (rtun_datagram_parse(body, len, &g) < 0) {
		drop(a, EXIT_DIALER_DROP_MALFORMED);
		return;
	}
	to = exit_dialer_plain(&g.addr);
	if (g.host)
		names_send(&a->names, g.host, g.host_len, g.addr.port, g.payload, g.len);
	else
		send_judged(a, NULL, &to, g.payload, g.len);
}

/* ---- In ---- */

static uint32_t receive(void *self, const struct rtun_addr *from, uint8_t *p, uint32_t len, uint8_t **ret_body)
{
	struct exit_dialer_association *a = self;
	uint8_t address[RTUN_DATAGRAM_ADDRESS];
	uint32_t n;
	if (!peers_expect(&a->peers, from, rtun_now(a->d->ctx))) {
		drop(a, EXIT_DIALER_DROP_UNEXPECTED);
		return 0;
	}
	a->used_at = rtun_now(a->d->ctx);
	n = rtun_datagram_address(from, address);
	*ret_body = p - n;
	memcpy(*ret_body, address, n);
	return n + len;
}

/* ---- The end ---- */

static void leave(struct exit_dialer_association *a)
{
	if (!a->d)
		return;
	*a->at = a->next;
	if (a->next)
		a->next->at = a->at;
	names_fini(&a->names);
	peers_fini(&a->peers);
	rtun_timer_destroy(&a->idle);
	rtun_defer_destroy(&a->begin);
	a->d->associations--;
	a->d = NULL;
}

static void ended(void *self)
{
	leave(self);
}

static void destroy(void *self)
{
	free(self);
}

static const struct datagram_ops ops = {.receive = receive, .send = send_out, .ended = ended, .destroy = destroy};

static void end_with(struct exit_dialer_association *a, uint32_t err)
{
	rtun_failed(a->ds.s, err);
	datagram_stream_end(&a->ds);
}

static void on_idle(void *arg)
{
	struct exit_dialer_association *a = arg;
	uint64_t now = rtun_now(a->d->ctx), until = a->used_at + a->d->o.association_timeout;
	if (now < until) {
		rtun_timer_start(a->idle, until - now);
		return;
	}
	end_with(a, RTUN_ETIMEOUT);
}

/* ---- The beginning ---- */

/* No stream was given away: it ends here. */
static void refuse(struct exit_dialer_association *a, uint32_t err, const char *why)
{
	struct rtun_stream *none = NULL;
	struct rtun_dial_result r = {.size = sizeof(r), .err = err, .s = &none, .why = why};
	rtun_dial_cb *cb = a->cb;
	void *arg = a->arg;
	rtun_op_done(&a->op);
	leave(a);
	free(a);
	cb(arg, &r);
}

static void begin(void *arg)
{
	struct exit_dialer_association *a = arg;
	struct exit_dialer *d = a->d;
	struct rtun_dial_result r = {.size = sizeof(r), .s = &a->ds.s, .why = "associated"};
	struct rtun_stream *s;
	if (d->associations > d->o.max_associations) {
		refuse(a, RTUN_EOVERLOAD, "too many associations are open (max-associations)");
		return;
	}
	if (datagram_stream_init(&a->ds, d->ctx, &ops, a) < 0) {
		refuse(a, RTUN_EOVERLOAD, "out of memory");
		return;
	}
	a->used_at = rtun_now(d->ctx);
	rtun_timer_start(a->idle, d->o.association_timeout);
	rtun_op_done(&a->op);
	s = a->ds.s;
	r.s = &s;
	a->cb(a->arg, &r);
	rtun_close(&s); /* not taken */
}

static void cancelled(void *arg)
{
	struct exit_dialer_association *a = arg;
	a->op = NULL;
	leave(a);
	free(a);
}

int exit_dialer_associate(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	struct exit_dialer *d = obj;
	struct exit_dialer_association *a = calloc(1, sizeof(*a));
	(void)req;
	if (!a)
		return -RTUN_ENOMEM;
	a->d = d;
	a->cb = cb;
	a->arg = arg;
	a->names = (struct names){.d = d, .send = send_judged, .arg = a};
	a->at = &d->open;
	a->next = d->open;
	if (a->next)
		a->next->at = &a->next;
	d->open = a;
	d->associations++;
	if (rtun_timer_create(d->ctx, on_idle, a, &a->idle) < 0 || rtun_defer_create(d->ctx, begin, a, &a->begin) < 0 ||
	    rtun_op_create(d->ctx, cancelled, a, &a->op) < 0) {
		leave(a);
		free(a);
		return -RTUN_ENOMEM;
	}
	rtun_defer_start(a->begin);
	*ret_op = a->op;
	return 0;
}

void exit_dialer_associations_stop(struct exit_dialer *d)
{
	while (d->open) {
		struct exit_dialer_association *a = d->open;
		if (a->op)
			refuse(a, RTUN_EINTERNAL, "this exit is stopping");
		else
			end_with(a, RTUN_EINTERNAL);
	}
}
