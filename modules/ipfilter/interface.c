/* SPDX-License-Identifier: BSD-2-Clause
 *
 * interface.c - the networks this machine is in. Their hosts may have public addresses (every IPv6 network at home), but
 * are neighbours all the same, and are denied.
 */
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ipfilter.h"

/* What a provider usually gives to one customer; where it gives more, its other networks have routes of their own. */
#define DELEGATED 56

static uint32_t full_length(const struct rtun_addr *a)
{
	return a->family == 4 ? 32 : 128;
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

/* An address of this machine and, on a point-to-point link, the other end's: IFA_LOCAL and IFA_ADDRESS, or the same twice. */
static void read_address(void *arg, const struct nlmsghdr *h)
{
	struct ipfilter_interfaces *in = arg;
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	const struct rtattr *rta = IFA_RTA(m);
	int left = (int)h->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*m));
	size_t size = m->ifa_family == AF_INET ? 4 : 16;

	if (h->nlmsg_type != RTM_NEWADDR || left < 0 || (m->ifa_family != AF_INET && m->ifa_family != AF_INET6))
		return;
	for (; RTA_OK(rta, left); rta = RTA_NEXT(rta, left)) {
		struct rtun_addr a = {.family = size == 4 ? 4 : 6};
		if ((rta->rta_type != IFA_LOCAL && rta->rta_type != IFA_ADDRESS) || RTA_PAYLOAD(rta) != size)
			continue;
		memcpy(a.ip, RTA_DATA(rta), size);
		if (ipfilter_interfaces_add(in, &a, m->ifa_prefixlen) < 0)
			in->known = false;
	}
}

static bool same(const struct ipfilter_interfaces *a, const struct ipfilter_interfaces *b)
{
	return a->known == b->known && a->count == b->count && (!a->count || memcmp(a->items, b->items, a->count * sizeof(*a->items)) == 0);
}

bool ipfilter_interfaces_read(struct ipfilter_interfaces *in, struct ipfilter_netlink *n)
{
	struct {
		struct nlmsghdr head;
		struct ifaddrmsg all;
	} question = {.head = {.nlmsg_len = sizeof(question), .nlmsg_type = RTM_GETADDR, .nlmsg_flags = NLM_F_DUMP}};
	struct ipfilter_interfaces now = {.known = true};
	bool changed;

	if (ipfilter_netlink_ask(n, &question.head, read_address, &now) != 0)
		now.known = false;
	changed = !same(in, &now);
	free(in->items);
	*in = now;
	return changed;
}

void ipfilter_interfaces_fini(struct ipfilter_interfaces *in)
{
	free(in->items);
	*in = (struct ipfilter_interfaces){0};
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
