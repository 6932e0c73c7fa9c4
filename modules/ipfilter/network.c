/* SPDX-License-Identifier: BSD-2-Clause
 *
 * network.c - where this machine is: its addresses and its default routes, as they are now. The kernel's news are looked
 * at before each judgement, which costs one system call, and what they concern is read again then; so nothing is judged
 * by what was true a moment ago. Others are told of changes by the event network.changed, when they are over.
 */
#include <errno.h>
#include <string.h>

#include "ipfilter.h"

/* One cable that is pulled makes a dozen news. */
#define CALM (150 * RTUN_MS)

const struct rtun_event_type ipfilter_event_changed = {
	.size = sizeof(struct rtun_event_type), .name = "network.changed",
	.doc = "The addresses or the default routes of this machine have changed",
};

void ipfilter_network_refresh(struct ipfilter_network *n)
{
	uint32_t news = ipfilter_netlink_news(&n->netlink) | n->unread;
	bool known = n->interfaces.known, changed = false;

	if (!news)
		return;
	n->generation++;
	n->unread = 0;
	if (news & IPFILTER_NEWS_ADDRESSES)
		changed = ipfilter_interfaces_read(&n->interfaces, &n->netlink);
	if (news & IPFILTER_NEWS_DEFAULTS)
		changed |= ipfilter_routes_find(&n->routes);
	if (!n->interfaces.known)
		n->unread = IPFILTER_NEWS_ADDRESSES;
	if (known && !n->interfaces.known)
		rtun_log(n->ctx, RTUN_ERROR, "the addresses of this machine can't be read (netlink): until they are, every destination is refused");
	if (changed && n->calm && !n->waits) {
		n->waits = true;
		rtun_timer_start(n->calm, CALM);
	}
}

static void has_news(void *arg, int fd, uint32_t events)
{
	(void)fd, (void)events;
	ipfilter_network_refresh(arg);
}

static void is_calm(void *arg)
{
	struct ipfilter_network *n = arg;
	uint64_t nothing = 0;

	n->waits = false;
	rtun_log(n->ctx, RTUN_INFO, "the addresses or default routes of this machine have changed");
	rtun_publish(n->ctx, &ipfilter_event_changed, &nothing);
}

void ipfilter_network_init(struct ipfilter_network *n, struct rtun_ctx *ctx)
{
	*n = (struct ipfilter_network){.ctx = ctx};
	ipfilter_netlink_init(&n->netlink);
	ipfilter_routes_init(&n->routes, ctx, &n->netlink);
}

int ipfilter_network_open(struct ipfilter_network *n)
{
	if (ipfilter_netlink_open(&n->netlink) < 0) {
		rtun_log(n->ctx, RTUN_ERROR, "can't ask the kernel for addresses and routes (netlink): %s; allow the address family "
			 "AF_NETLINK (systemd: RestrictAddressFamilies=)", strerror(errno));
		return -RTUN_EIO;
	}
	n->interfaces.known = true; /* or its failing would not be news */
	n->unread = IPFILTER_NEWS_ADDRESSES | IPFILTER_NEWS_DEFAULTS;
	ipfilter_network_refresh(n);
	return n->interfaces.known ? 0 : -RTUN_EIO;
}

int ipfilter_network_watch(struct ipfilter_network *n)
{
	int r = rtun_timer_create(n->ctx, is_calm, n, &n->calm);

	return r ? r : rtun_watch(n->ctx, n->netlink.news, RTUN_READ, has_news, n, &n->watch);
}

void ipfilter_network_unwatch(struct ipfilter_network *n)
{
	rtun_unwatch(&n->watch);
	rtun_timer_destroy(&n->calm);
}

void ipfilter_network_fini(struct ipfilter_network *n)
{
	ipfilter_network_unwatch(n);
	ipfilter_netlink_fini(&n->netlink);
	ipfilter_interfaces_fini(&n->interfaces);
}
