/* SPDX-License-Identifier: BSD-2-Clause
 *
 * nat64.c - asks the name servers how this network puts IPv4 addresses inside IPv6 ones (RFC 7050), and tells the filter,
 * which can judge them only then. Asked at the start, after each change of the network, and now and then; connections to
 * IPv6 addresses wait for the answer. Without one, what was known before stays, and it is asked for again soon: name
 * servers that work at all know the IPv4 addresses of this name.
 */
#include "exit_dialer.h"

#define AGAIN (600 * RTUN_S)
#define SOON (15 * RTUN_S) /* then twice that, and so on */

static void nat64_end(struct exit_dialer_nat64 *n)
{
	exit_dialer_lookup_cancel(&n->lookup);
	n->pause = n->heard || 2 * n->pause > AGAIN ? AGAIN : n->pause ? 2 * n->pause : SOON;
	rtun_timer_start(n->timer, n->pause);
	n->told(n->arg);
}

static void nat64_answered(void *arg, const struct rtun_addr *a, uint32_t count, const char *why)
{
	struct exit_dialer_nat64 *n = arg;
	const struct rtun_filter_ops *filter = n->filter->ops;

	(void)why;
	n->heard |= count > 0;
	if (count > 0 && a->family == 6)
		filter->translated(n->filter->obj, a, count);
	if (++n->families == 2 || (count > 0 && a->family == 6))
		nat64_end(n);
}

static void nat64_ask(struct exit_dialer_nat64 *n)
{
	exit_dialer_lookup_cancel(&n->lookup);
	n->families = 0;
	n->heard = false;
	rtun_timer_start(n->timer, *n->patience);
	if (exit_dialer_lookup_start(n->ctx, *n->resolv_conf, RTUN_FILTER_NAT64_NAME, 0, nat64_answered, n, &n->lookup) < 0)
		nat64_end(n);
}

static void nat64_time_over(void *arg)
{
	struct exit_dialer_nat64 *n = arg;

	if (n->lookup)
		nat64_end(n);
	else
		nat64_ask(n);
}

static void network_changed(void *arg, const struct rtun_event_type *type, const char *instance, const void *payload)
{
	struct exit_dialer_nat64 *n = arg;

	(void)type, (void)instance, (void)payload;
	n->pause = 0;
	nat64_ask(n);
}

int exit_dialer_nat64_start(struct exit_dialer_nat64 *n)
{
	int r = rtun_timer_create(n->ctx, nat64_time_over, n, &n->timer);

	if (r == 0)
		r = rtun_subscribe(n->ctx, "network.changed", network_changed, n, &n->changes);
	if (r == 0)
		nat64_ask(n);
	return r;
}

void exit_dialer_nat64_stop(struct exit_dialer_nat64 *n)
{
	exit_dialer_lookup_cancel(&n->lookup);
	rtun_unsubscribe(&n->changes);
	rtun_timer_destroy(&n->timer);
}
