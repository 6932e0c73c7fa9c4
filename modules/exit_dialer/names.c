/* SPDX-License-Identifier: BSD-2-Clause
 *
 * names.c - names that an association sends to. Each is judged and looked up as for a connection: before anyone is asked,
 * and then all its addresses, of which one that is forbidden refuses all. What came of it is remembered for a while, and a
 * few datagrams wait for it. IPv4 is preferred: there is no second attempt as connections have, and it works in more places.
 */
#include <stdlib.h>
#include <string.h>

#include "associate.h"

#define NAMES_MAX 32U
#define NAME_SIZE 256U
#define KNOWN (60 * RTUN_S)
#define UNKNOWN (5 * RTUN_S)
/* Datagrams that wait for one name. */
#define WAITING_MAX 8U
#define WAITING_BYTES 4096U
/* After the first family's answer; RFC 8305. */
#define RESOLUTION_DELAY (250 * RTUN_MS)

struct waiting {
	struct waiting *next;
	uint16_t port;
	uint32_t len;
	uint8_t payload[];
};

struct name {
	struct names *all;
	struct name *next;
	struct exit_dialer_lookup *lookup; /* NULL: until `until`, `to` is the answer; family 0: there is none */
	struct rtun_timer *timer;
	struct rtun_addr to;
	uint64_t until;
	struct waiting *waiting, **last;
	uint32_t waiting_count;
	uint32_t families, found_count;
	struct rtun_addr found[2 * LOOKUP_MAX];
	char host[NAME_SIZE];
};

static void lookup_end(struct name *n)
{
	if (n->lookup)
		n->all->d->lookups--;
	exit_dialer_lookup_cancel(&n->lookup);
	rtun_timer_stop(n->timer);
}

static void name_free(struct name **at)
{
	struct name *n = *at;
	*at = n->next;
	n->all->count--;
	if (n->timer)
		lookup_end(n);
	rtun_timer_destroy(&n->timer);
	while (n->waiting) {
		struct waiting *w = n->waiting;
		n->waiting = w->next;
		free(w);
	}
	free(n);
}

/* ---- The answer ---- */

static void send_to(const struct name *n, uint16_t port, const uint8_t *payload, uint32_t len)
{
	struct rtun_addr to = n->to;
	to.port = port;
	if (to.family)
		n->all->send(n->all->arg, n->host, &to, payload, len);
	else
		n->all->d->dropped[EXIT_DIALER_DROP_NAME]++;
}

static bool is_allowed(const struct name *n, const struct rtun_addr *a, uint32_t count)
{
	char why[RTUN_FILTER_WHY];
	return count && exit_dialer_verdict(n->all->d, n->host, a, count, RTUN_FILTER_UDP, why) == 0;
}

/* All are judged together, then each alone: in what is allowed there may be some that no way leads to. */
static void choose(struct name *n)
{
	n->to = (struct rtun_addr){0};
	if (!is_allowed(n, n->found, n->found_count))
		return;
	for (uint32_t i = 0; i < n->found_count; i++)
		if ((!n->to.family || n->found[i].family < n->to.family) && is_allowed(n, &n->found[i], 1))
			n->to = n->found[i];
}

static void resolved(struct name *n)
{
	bool too_early = exit_dialer_too_early(n->all->d, n->found, n->found_count);
	lookup_end(n);
	if (!too_early)
		choose(n);
	n->until = rtun_now(n->all->d->ctx) + (n->to.family ? KNOWN : too_early ? 0 : UNKNOWN);
	while (n->waiting) {
		struct waiting *w = n->waiting;
		n->waiting = w->next;
		send_to(n, w->port, w->payload, w->len);
		free(w);
	}
	n->last = &n->waiting;
	n->waiting_count = 0;
}

static void on_time(void *arg)
{
	resolved(arg);
}

static void family_answered(void *arg, const struct rtun_addr *a, uint32_t count, const char *why)
{
	struct name *n = arg;
	(void)why;
	for (uint32_t i = 0; i < count && n->found_count < 2 * LOOKUP_MAX; i++)
		n->found[n->found_count++] = exit_dialer_plain(&a[i]);
	if (++n->families == 2)
		resolved(n);
	else if (count)
		rtun_timer_start(n->timer, RESOLUTION_DELAY);
}

/* ---- The question ---- */

static void look_up(struct name *n, uint16_t port)
{
	struct exit_dialer *d = n->all->d;
	n->families = n->found_count = 0;
	n->to = (struct rtun_addr){0};
	if (d->lookups < LOOKUPS_MAX &&
	    exit_dialer_lookup_start(d->ctx, d->o.resolv_conf, n->host, port, family_answered, n, &n->lookup) == 0) {
		d->lookups++;
		rtun_timer_start(n->timer, d->o.dns_timeout);
	}
}

static void wait_for(struct name *n, uint16_t port, const uint8_t *payload, uint32_t len)
{
	struct waiting *w = n->waiting_count < WAITING_MAX && len <= WAITING_BYTES ? malloc(sizeof(*w) + len) : NULL;
	if (!w) {
		n->all->d->dropped[EXIT_DIALER_DROP_NAME]++;
		return;
	}
	w->next = NULL;
	w->port = port;
	w->len = len;
	memcpy(w->payload, payload, len);
	*n->last = w;
	n->last = &w->next;
	n->waiting_count++;
}

/* Where this name is, or could be put: the place of one that is not needed any more, or was used least lately. */
static struct name **place_of(struct names *all, const char *host)
{
	struct name **at = &all->newest, **oldest = NULL;
	for (; *at && strcmp((*at)->host, host) != 0; at = &(*at)->next)
		if (!(*at)->lookup)
			oldest = at;
	if (*at || all->count < NAMES_MAX)
		return at;
	if (!oldest)
		return NULL; /* all are being looked up */
	name_free(oldest);
	for (at = &all->newest; *at;)
		at = &(*at)->next;
	return at;
}

static struct name *name_of(struct names *all, const char *host)
{
	struct name **at = place_of(all, host), *n = at ? *at : NULL;
	if (!at)
		return NULL;
	if (n) {
		*at = n->next;
	} else {
		if (!(n = calloc(1, sizeof(*n))))
			return NULL;
		n->all = all;
		n->last = &n->waiting;
		strcpy(n->host, host);
		if (rtun_timer_create(all->d->ctx, on_time, n, &n->timer) < 0) {
			free(n);
			return NULL;
		}
		all->count++;
	}
	n->next = all->newest;
	all->newest = n;
	return n;
}

void names_send(struct names *all, const char *host, uint32_t host_len, uint16_t port, const uint8_t *payload, uint32_t len)
{
	struct exit_dialer *d = all->d;
	const struct rtun_filter_ops *filter = d->o.filter.ops;
	char text[NAME_SIZE], why[RTUN_FILTER_WHY];
	struct name *n;
	memcpy(text, host, host_len); /* a length of one byte, and no NUL in it: datagram.h */
	text[host_len] = 0;
	if (filter->name(d->o.filter.obj, text, host_len, port, RTUN_FILTER_UDP, why) != 0) {
		d->dropped[EXIT_DIALER_DROP_REFUSED]++;
		return;
	}
	if (!(n = name_of(all, text))) {
		d->dropped[EXIT_DIALER_DROP_NAME]++;
		return;
	}
	if (!n->lookup && n->until <= rtun_now(d->ctx))
		look_up(n, port);
	if (n->lookup)
		wait_for(n, port, payload, len);
	else
		send_to(n, port, payload, len);
}

void names_fini(struct names *all)
{
	while (all->newest)
		name_free(&all->newest);
}
