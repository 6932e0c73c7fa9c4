/* SPDX-License-Identifier: BSD-2-Clause
 *
 * lookup.c - one name, asked at the name servers of resolv.conf by c-ares: rooted, so without search domains, and never
 * in the hosts file. Each look-up has a channel of its own: it reads resolv.conf as it is now, asks from a port that
 * nobody can guess from another question, and can be dropped at any time.
 */
#include <ares.h>
#include <arpa/nameser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "exit_dialer.h"

/* Of one question to one server; the look-up as a whole has the dial's limit. */
#define TRY_MS 1500
#define TRIES 3
#define NAME_SIZE 260

struct name_socket {
	struct exit_dialer_lookup *lookup;
	struct name_socket *next;
	struct rtun_watch *watch;
	int fd;
};

struct family_answer {
	struct exit_dialer_lookup *lookup;
	const char *why; /* NULL with addresses */
	uint32_t n;
	uint8_t family;
	bool come, told;
	struct rtun_addr a[LOOKUP_MAX];
};

struct exit_dialer_lookup {
	struct rtun_ctx *ctx;
	ares_channel channel;
	struct name_socket *sockets;
	struct rtun_timer *timer;
	struct rtun_defer *tell; /* answers are told from the loop, never from inside c-ares */
	exit_dialer_lookup_cb *cb;
	void *arg;
	uint16_t port;
	bool dying;
	struct family_answer answers[2];
};

/* ---- Sockets and time for c-ares ---- */

static void arm(struct exit_dialer_lookup *l)
{
	struct timeval tv, *next = ares_timeout(l->channel, NULL, &tv);
	if (next)
		rtun_timer_start(l->timer, (uint64_t)next->tv_sec * RTUN_S + (uint64_t)next->tv_usec * RTUN_US);
	else
		rtun_timer_stop(l->timer);
}

static void socket_ready(void *arg, int fd, uint32_t events)
{
	struct exit_dialer_lookup *l = ((struct name_socket *)arg)->lookup;
	ares_process_fd(l->channel, events & RTUN_READ ? fd : ARES_SOCKET_BAD, events & RTUN_WRITE ? fd : ARES_SOCKET_BAD);
	arm(l);
}

static void try_over(void *arg)
{
	struct exit_dialer_lookup *l = arg;
	ares_process_fd(l->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm(l);
}

static void socket_forget(struct name_socket **at)
{
	struct name_socket *s = *at;
	*at = s->next;
	rtun_unwatch(&s->watch);
	free(s);
}

/* c-ares opens, wants or is about to close a socket. Where one can't be watched, its answer is not heard: the limit of
 * the look-up ends it. */
static void socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct exit_dialer_lookup *l = arg;
	uint32_t events = (readable ? RTUN_READ : 0) | (writable ? RTUN_WRITE : 0);
	struct name_socket **at = &l->sockets, *s;
	while (*at && (*at)->fd != fd)
		at = &(*at)->next;
	if (*at && events)
		rtun_watch_set((*at)->watch, events);
	else if (*at)
		socket_forget(at);
	else if (events) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return;
		*s = (struct name_socket){.lookup = l, .fd = fd};
		if (rtun_watch(l->ctx, fd, events, socket_ready, s, &s->watch) < 0) {
			free(s);
			return;
		}
		*at = s;
	}
}

/* ---- Answers ---- */

static const char *reason(int status)
{
	switch (status) {
	case ARES_ENOTFOUND:
		return "the name does not exist";
	case ARES_ENODATA:
		return "the name has no address";
	case ARES_ETIMEOUT:
		return "the name servers did not answer";
	case ARES_ENOMEM:
		return "out of memory";
	case ARES_EBADNAME:
		return "this is not a host name";
	default:
		return "the name servers could not answer";
	}
}

static void add(struct family_answer *f, const void *ip)
{
	struct rtun_addr *a = &f->a[f->n++];
	*a = (struct rtun_addr){.family = f->family, .port = f->lookup->port};
	memcpy(a->ip, ip, f->family == 4 ? 4 : 16);
}

static int parse_ipv4(struct family_answer *f, const unsigned char *p, int len)
{
	struct ares_addrttl list[LOOKUP_MAX];
	int n = LOOKUP_MAX, r = ares_parse_a_reply(p, len, NULL, list, &n);
	for (int i = 0; r == ARES_SUCCESS && i < n; i++)
		add(f, &list[i].ipaddr);
	return r;
}

static int parse_ipv6(struct family_answer *f, const unsigned char *p, int len)
{
	struct ares_addr6ttl list[LOOKUP_MAX];
	int n = LOOKUP_MAX, r = ares_parse_aaaa_reply(p, len, NULL, list, &n);
	for (int i = 0; r == ARES_SUCCESS && i < n; i++)
		add(f, &list[i].ip6addr);
	return r;
}

static void answered(void *arg, int status, int timeouts, unsigned char *p, int len)
{
	struct family_answer *f = arg;
	(void)timeouts;
	if (f->lookup->dying)
		return;
	if (status == ARES_SUCCESS)
		status = f->family == 4 ? parse_ipv4(f, p, len) : parse_ipv6(f, p, len);
	if (status == ARES_SUCCESS && f->n == 0)
		status = ARES_ENODATA;
	if (status != ARES_SUCCESS)
		f->why = reason(status);
	if (f->n == LOOKUP_MAX) { /* there may be more, which nobody would judge */
		f->n = 0;
		f->why = "the name has too many addresses";
	}
	f->come = true;
	rtun_defer_start(f->lookup->tell);
}

/* One family at a time: the look-up may be cancelled from inside. */
static void tell(void *arg)
{
	struct exit_dialer_lookup *l = arg;
	struct family_answer *first = NULL, *f;
	for (f = l->answers; f < l->answers + 2; f++) {
		if (!f->come || f->told)
			continue;
		if (first)
			rtun_defer_start(l->tell);
		else
			first = f;
	}
	if (!first)
		return;
	first->told = true;
	l->cb(l->arg, first->a, first->n, first->why);
}

/* ---- Life ---- */

static int open_channel(struct exit_dialer_lookup *l, const char *resolv_conf)
{
	char lookups[] = "b", path[4096];
	struct ares_options o = {.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES, .timeout = TRY_MS, .tries = TRIES,
				 .lookups = lookups, .sock_state_cb = socket_state, .sock_state_cb_data = l, .resolvconf_path = path};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
	if (resolv_conf && snprintf(path, sizeof(path), "%s", resolv_conf) < (int)sizeof(path))
		mask |= ARES_OPT_RESOLVCONF;
	return ares_init_options(&l->channel, &o, mask) == ARES_SUCCESS ? 0 : -RTUN_ENOMEM;
}

int exit_dialer_lookup_start(struct rtun_ctx *ctx, const char *resolv_conf, const char *host, uint16_t port,
			     exit_dialer_lookup_cb *cb, void *arg, struct exit_dialer_lookup **ret)
{
	static const uint8_t family[2] = {6, 4};
	struct exit_dialer_lookup *l = calloc(1, sizeof(*l));
	char rooted[NAME_SIZE];
	size_t len = strlen(host);
	if (!l)
		return -RTUN_ENOMEM;
	l->ctx = ctx;
	l->cb = cb;
	l->arg = arg;
	l->port = port;
	if (rtun_timer_create(ctx, try_over, l, &l->timer) < 0 || rtun_defer_create(ctx, tell, l, &l->tell) < 0 ||
	    open_channel(l, resolv_conf) < 0) {
		exit_dialer_lookup_cancel(&l);
		return -RTUN_ENOMEM;
	}
	snprintf(rooted, sizeof(rooted), "%s%s", host, len > 0 && host[len - 1] == '.' ? "" : ".");
	for (int i = 0; i < 2; i++) {
		l->answers[i].lookup = l;
		l->answers[i].family = family[i];
		ares_query(l->channel, rooted, ns_c_in, family[i] == 4 ? ns_t_a : ns_t_aaaa, answered, &l->answers[i]);
	}
	arm(l);
	*ret = l;
	return 0;
}

void exit_dialer_lookup_cancel(struct exit_dialer_lookup **lp)
{
	struct exit_dialer_lookup *l = *lp;
	if (!l)
		return;
	*lp = NULL;
	l->dying = true;
	if (l->channel)
		ares_destroy(l->channel);
	while (l->sockets)
		socket_forget(&l->sockets);
	rtun_defer_destroy(&l->tell);
	rtun_timer_destroy(&l->timer);
	free(l);
}
