/* SPDX-License-Identifier: BSD-2-Clause
 *
 * interface.c - the networks this machine is in. Their hosts may have public addresses (every IPv6 network at home), but
 * are neighbours all the same, and are denied. Read at start and again whenever the kernel says that an address or an
 * interface has changed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipfilter.h"

#define RETRY RTUN_S
/* What a provider usually gives to one customer; where it gives more, its other networks have routes of their own. */
#define DELEGATED 56

static bool addr_of(const struct sockaddr *sa, struct rtun_addr *ret)
{
	*ret = (struct rtun_addr){0};
	if (!sa)
		return false;
	if (sa->sa_family == AF_INET) {
		ret->family = 4;
		memcpy(ret->ip, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		ret->family = 6;
		memcpy(ret->ip, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	}
	return ret->family != 0;
}

static uint32_t full_length(const struct rtun_addr *a)
{
	return a->family == 4 ? 32 : 128;
}

/* The leading ones of a netmask; without one, the address stands for itself. */
static uint32_t mask_length(const struct sockaddr *mask, const struct rtun_addr *a)
{
	struct rtun_addr m;
	uint32_t bits = 0;

	if (!addr_of(mask, &m) || m.family != a->family)
		return full_length(a);
	while (bits < full_length(a) && (m.ip[bits / 8] & (0x80 >> bits % 8)))
		bits++;
	return bits;
}

static int append(struct ipfilter_interfaces *in, const struct rtun_addr *a, uint32_t bits)
{
	struct ipfilter_prefix *p;

	if (in->count == in->capacity) {
		uint32_t capacity = in->capacity ? in->capacity * 2 : 16;
		p = reallocarray(in->items, capacity, sizeof(*p));
		if (!p)
			return -RTUN_ENOMEM;
		in->items = p;
		in->capacity = capacity;
	}
	p = &in->items[in->count++];
	p->family = a->family;
	p->bits = (uint8_t)bits;
	memcpy(p->ip, a->ip, sizeof(p->ip)); /* the bits beyond the length are never looked at */
	return 0;
}

int ipfilter_interfaces_add(struct ipfilter_interfaces *in, const struct rtun_addr *a, uint32_t bits)
{
	int r = append(in, a, full_length(a));

	if (a->family == 6 && (a->ip[0] & 0xe0) == 0x20 && bits > DELEGATED)
		bits = DELEGATED;
	if (r == 0 && bits > 0 && bits < full_length(a))
		r = append(in, a, bits);
	return r;
}

static int add_one(struct ipfilter_interfaces *in, const struct ifaddrs *i)
{
	struct rtun_addr a;
	uint32_t bits;
	int r;

	if (!addr_of(i->ifa_addr, &a))
		return 0;
	bits = mask_length(i->ifa_netmask, &a);
	r = ipfilter_interfaces_add(in, &a, bits);
	if (r == 0 && (i->ifa_flags & IFF_POINTOPOINT) && addr_of(i->ifa_dstaddr, &a))
		r = ipfilter_interfaces_add(in, &a, bits);
	return r;
}

static int read_all(struct ipfilter_interfaces *in)
{
	struct ifaddrs *list;
	int r = 0;

	in->known = false;
	in->count = 0;
	if (getifaddrs(&list) != 0) {
		rtun_log(in->ctx, RTUN_ERROR, "the addresses of this machine can't be read: %s", strerror(errno));
		return -RTUN_EIO;
	}
	for (const struct ifaddrs *i = list; i && r == 0; i = i->ifa_next)
		r = add_one(in, i);
	freeifaddrs(list);
	in->known = r == 0;
	return r;
}

static void refresh(void *arg)
{
	struct ipfilter_interfaces *in = arg;

	if (read_all(in) == 0)
		return;
	rtun_log(in->ctx, RTUN_WARN, "until the addresses of this machine are known, every destination is refused");
	rtun_timer_start(in->retry, RETRY);
}

/* What exactly has changed is not of interest, nor is it when messages were lost: all is read again. */
static void changed(void *arg, int fd, uint32_t events)
{
	char drop[8192];
	ssize_t n;

	(void)events;
	do n = recv(fd, drop, sizeof(drop), MSG_DONTWAIT);
	while (n >= 0 || errno == ENOBUFS || errno == EINTR);
	refresh(arg);
}

void ipfilter_interfaces_init(struct ipfilter_interfaces *in, struct rtun_ctx *ctx)
{
	*in = (struct ipfilter_interfaces){.ctx = ctx, .fd = -1};
}

int ipfilter_interfaces_open(struct ipfilter_interfaces *in)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK,
				 .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};

	in->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (in->fd < 0 || bind(in->fd, (struct sockaddr *)&nl, sizeof(nl)) != 0) {
		rtun_log(in->ctx, RTUN_ERROR, "can't follow the addresses of this machine (netlink): %s; allow the address family "
			 "AF_NETLINK (systemd: RestrictAddressFamilies=)", strerror(errno));
		return -RTUN_EIO;
	}
	return read_all(in);
}

int ipfilter_interfaces_watch(struct ipfilter_interfaces *in)
{
	int r = rtun_timer_create(in->ctx, refresh, in, &in->retry);

	return r ? r : rtun_watch(in->ctx, in->fd, RTUN_READ, changed, in, &in->watch);
}

void ipfilter_interfaces_unwatch(struct ipfilter_interfaces *in)
{
	rtun_unwatch(&in->watch);
	rtun_timer_destroy(&in->retry);
}

void ipfilter_interfaces_fini(struct ipfilter_interfaces *in)
{
	ipfilter_interfaces_unwatch(in);
	if (in->fd >= 0)
		close(in->fd);
	in->fd = -1;
	free(in->items);
	in->items = NULL;
	in->count = in->capacity = 0;
	in->known = false;
}

bool ipfilter_interfaces_match(const struct ipfilter_interfaces *in, const struct rtun_addr *a)
{
	if (!in->known)
		return true;
	for (uint32_t i = 0; i < in->count; i++)
		if (ipfilter_range_match(&in->items[i], a))
			return true;
	return false;
}
