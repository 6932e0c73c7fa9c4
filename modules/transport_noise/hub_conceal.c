/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hub_conceal.c - how the hub's port hides: the gate is there before a listener is, and the ear hears who may come in.
 *
 *   closed     like a port where nothing is: RST. Needs privilege in prepare
 *   filtered   like a port behind a firewall that drops: silence. Needs none
 *   none       everybody can connect, and then hears nothing. Never chosen by itself
 *
 * `conceal: auto` takes the first of the first two that this machine allows. What can't hide as asked does not listen.
 *
 * A port that is filtered shows when its sockets are gone: then the kernel answers RST. So the supervisor, where there is
 * one, keeps them while this program is dead. (A closed one shows nothing then, and keeps nothing.)
 */
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub.h"

static const struct mode {
	enum gate_mode gate;
	const char *name;
} modes[] = {
	[CONCEAL_CLOSED] = {GATE_CLOSED, "closed"}, [CONCEAL_FILTERED] = {GATE_FILTERED, "filtered"}, [CONCEAL_NONE] = {GATE_NONE, "none"},
};
static_assert(EAR_WHY == GATE_WHY, "trial_why takes the reasons of both");
static const uint32_t best_first[] = {CONCEAL_CLOSED, CONCEAL_FILTERED};

const char *conceal_name(const struct hub *h)
{
	return modes[h->mode == GATE_CLOSED ? CONCEAL_CLOSED : h->mode == GATE_FILTERED ? CONCEAL_FILTERED : CONCEAL_NONE].name;
}

static void on_accept(void *arg, struct rtun_stream **s, const struct rtun_addr *from)
{
	struct hub *h = arg;
	arrival_add(&h->arrivals, s, from);
}

static int before_listen(void *arg, int fd)
{
	struct hub *h = arg;
	int r = gate_guard(h->gate, fd, h->trial_why);
	h->barred = r < 0;
	return r;
}

static const struct rtun_endpoint *endpoint(const struct hub *h, uint32_t i)
{
	const struct rtun_list *list = &h->t->cfg.listen;
	return (const struct rtun_endpoint *)((const char *)list->items + (size_t)i * list->item_size);
}

static int listen_all(struct hub *h)
{
	for (uint32_t i = 0; i < h->t->cfg.listen.count; i++) {
		struct rtun_listen_req req = {
			.size = sizeof(req), .accept = on_accept, .arg = h, .before_listen = before_listen, .endpoint = endpoint(h, i),
			.flags = h->mode == GATE_FILTERED ? RTUN_LISTEN_KEEP : 0,
		};
		int r = rtun_listen(h->ctx, &req, &h->listeners[i]);
		if (r < 0)
			return r;
		h->listener_count++;
	}
	return 0;
}

/* ---- the datagrams' sockets, over a restart ---- */

static const char *udp_name(const struct hub *h, uint32_t i, char ret[80])
{
	snprintf(ret, 80, "udp %.70s", endpoint(h, i)->text);
	return ret;
}

static bool is_bound_to(int fd, const struct rtun_addr *a)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u = {.any = {0}};
	socklen_t len = sizeof(u), type_len = sizeof(int);
	int type = 0;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 || type != SOCK_DGRAM || getsockname(fd, &u.any, &len) < 0)
		return false;
	if (a->family == 4)
		return u.any.sa_family == AF_INET && u.in.sin_port == htons(a->port) && memcmp(&u.in.sin_addr, a->ip, 4) == 0;
	return u.any.sa_family == AF_INET6 && u.in6.sin6_port == htons(a->port) && memcmp(&u.in6.sin6_addr, a->ip, 16) == 0;
}

/* What the process before has left, or -1. */
static int kept_udp(struct hub *h, uint32_t i)
{
	char name[80];
	int fd = -1;
	if (rtun_fd_kept(h->ctx, udp_name(h, i, name), &fd) < 0 || is_bound_to(fd, &endpoint(h, i)->addr))
		return fd;
	close(fd);
	rtun_fd_keep(h->ctx, name, -1);
	return -1;
}

static int open_ear(struct hub *h, bool raw)
{
	int bound[HUB_LISTENERS];
	bool kept[HUB_LISTENERS] = {false};
	char name[80];
	const struct ear_setup setup = {
		.ctx = h->ctx, .endpoints = &h->t->cfg.listen, .raw = raw, .bound = h->mode == GATE_FILTERED ? bound : NULL, .cb = hub_knock, .arg = h,
	};
	for (uint32_t i = 0; setup.bound && i < h->t->cfg.listen.count; i++) {
		bound[i] = kept_udp(h, i);
		kept[i] = bound[i] >= 0;
	}
	int r = ear_create(&setup, &h->ear, h->trial_why);
	h->kept = setup.bound != NULL;
	for (uint32_t i = 0; r == 0 && setup.bound && i < h->t->cfg.listen.count; i++)
		if (!kept[i])
			h->kept &= rtun_fd_keep(h->ctx, udp_name(h, i, name), ear_bound(h->ear, i)) == 0;
	return r;
}

/* ---- the modes ---- */

/* h->barred afterwards: it was hiding that failed, and h->trial_why says how; else the reason has been logged. */
static int conceal_as(struct hub *h, enum gate_mode mode)
{
	h->mode = mode;
	h->barred = true;
	int r = gate_create(h->ctx, mode, &h->gate, h->trial_why);
	if (r == 0)
		r = open_ear(h, mode == GATE_CLOSED);
	if (r < 0)
		return r;
	h->barred = false;
	h->attempts = (struct attempts){.ctx = h->ctx, .gate = h->gate};
	return listen_all(h);
}

static int conceal_best(struct hub *h)
{
	int r = -RTUN_EIO;
	for (size_t i = 0; i < sizeof(best_first) / sizeof(best_first[0]); i++) {
		const struct mode *m = &modes[best_first[i]];
		r = conceal_as(h, m->gate);
		if (r == 0 || !h->barred)
			return r;
		rtun_log(h->ctx, RTUN_NOTICE, "the port can't be %s: %s", m->name, h->trial_why);
		memcpy(h->mode_why, h->trial_why, sizeof(h->mode_why));
		conceal_stop(h);
	}
	return r;
}

int conceal_prepare(struct hub *h)
{
	uint32_t wish = h->t->cfg.conceal, n = h->t->cfg.listen.count;
	if (n > HUB_LISTENERS)
		return rtun_conf_error(h->ctx, "listen", NULL, "%u addresses are too many: at most %d", n, HUB_LISTENERS);
	int r = wish == CONCEAL_AUTO ? conceal_best(h) : conceal_as(h, modes[wish].gate);
	if (r < 0 && h->barred)
		rtun_log(h->ctx, RTUN_ERROR, "the port can't hide (conceal: %s), so nothing listens: %s",
			 wish == CONCEAL_AUTO ? "auto" : modes[wish].name, h->trial_why);
	return r;
}

void conceal_start(struct hub *h)
{
	ear_start(h->ear);
	rtun_log(h->ctx, RTUN_NOTICE, "the port hides as: %s; knocks are heard as datagrams%s", conceal_name(h),
		 ear_hears_syn(h->ear) ? " and in SYNs" : " only (SYNs need CAP_NET_RAW at the start)");
}

/* Listeners go first: with the gate gone they would be open. */
void conceal_stop(struct hub *h)
{
	for (uint32_t i = 0; i < h->listener_count; i++)
		rtun_unlisten(&h->listeners[i]);
	h->listener_count = 0;
	ear_destroy(&h->ear);
	gate_destroy(&h->gate);
}
