/* SPDX-License-Identifier: BSD-2-Clause
 *
 * route.c - the way the kernel would send a packet. Public is what goes the way of everything that has no route of its
 * own; an address with a route of its own (a VPN, containers, a second gateway) is in a network of somebody's.
 *
 * The kernel is asked about each address, policy routing included, and its answer compared with the default route. Which
 * one that is, is asked of the kernel too, by way of some addresses that are far apart: a table of routes would not tell
 * which of its default routes is in use, nor which table. Nothing is sent by asking.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "ipfilter.h"

#define ROUTE_PROBES 8U

/* Four in each half of the public addresses; of no importance to anybody, so that nobody has a route for them alone. */
static const struct rtun_addr route_probes[2][ROUTE_PROBES] = {
	{
		{.family = 4, .ip = {5, 61, 1, 1}}, {.family = 4, .ip = {37, 49, 1, 1}},
		{.family = 4, .ip = {67, 83, 1, 1}}, {.family = 4, .ip = {95, 57, 1, 1}},
		{.family = 4, .ip = {139, 47, 1, 1}}, {.family = 4, .ip = {159, 101, 1, 1}},
		{.family = 4, .ip = {181, 113, 1, 1}}, {.family = 4, .ip = {211, 59, 1, 1}},
	},
	{
		{.family = 6, .ip = {0x24, 0x05, 0x61, 1}}, {.family = 6, .ip = {0x26, 0x04, 0x57, 1}},
		{.family = 6, .ip = {0x28, 0x03, 0x43, 1}}, {.family = 6, .ip = {0x2a, 0x05, 0x71, 1}},
		{.family = 6, .ip = {0x30, 0x01, 0x47, 1}}, {.family = 6, .ip = {0x34, 0x05, 0x53, 1}},
		{.family = 6, .ip = {0x38, 0x03, 0x67, 1}}, {.family = 6, .ip = {0x3c, 0x05, 0x41, 1}},
	},
};

/* A prefix of so many bits or less holds all public addresses of its family; one of so many and one more, half of them. */
static const uint8_t route_whole[2] = {0, 3};

struct route_question {
	struct nlmsghdr head;
	struct rtmsg rtm;
	uint8_t attributes[96];
};

static uint32_t family_index(const struct rtun_addr *a)
{
	return a->family == 4 ? 0 : 1;
}

/* ---- Asking ---- */

static void question_add(struct route_question *q, uint16_t type, const void *value, uint16_t len)
{
	struct rtattr rta = {.rta_type = type, .rta_len = (uint16_t)RTA_LENGTH(len)};
	uint8_t *at = (uint8_t *)q + NLMSG_ALIGN(q->head.nlmsg_len);

	memcpy(at, &rta, sizeof(rta));
	memcpy(at + RTA_LENGTH(0), value, len);
	q->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(q->head.nlmsg_len) + RTA_SPACE(len));
}

/* Rules may depend on protocol and port. */
static void question_add_use(struct route_question *q, uint16_t port, uint32_t protocol)
{
	uint8_t proto = (uint8_t)protocol;
	uint16_t dport = htons(port);

	question_add(q, RTA_IP_PROTO, &proto, sizeof(proto));
	question_add(q, RTA_DPORT, &dport, sizeof(dport));
}

static void question_init(const struct rtun_addr *to, struct route_question *ret)
{
	uint16_t len = to->family == 4 ? 4 : 16;

	*ret = (struct route_question){
		.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)), .nlmsg_type = RTM_GETROUTE},
		.rtm = {.rtm_family = to->family == 4 ? AF_INET : AF_INET6, .rtm_dst_len = (uint8_t)(len * 8)},
	};
	question_add(ret, RTA_DST, to->ip, len);
}

static void hop_gateway(struct ipfilter_hop *h, const struct rtattr *rta, uint8_t family)
{
	const struct rtvia *via = RTA_DATA(rta);
	const void *ip = rta->rta_type == RTA_VIA ? (const void *)via->rtvia_addr : RTA_DATA(rta);
	size_t len = RTA_PAYLOAD(rta) - (rta->rta_type == RTA_VIA ? sizeof(via->rtvia_family) : 0);

	h->gateway_family = rta->rta_type == RTA_VIA ? (uint8_t)via->rtvia_family : family;
	memcpy(h->gateway, ip, len < sizeof(h->gateway) ? len : sizeof(h->gateway));
}

static uint32_t rta_u32(const struct rtattr *rta)
{
	uint32_t n = 0;

	memcpy(&n, RTA_DATA(rta), RTA_PAYLOAD(rta) < sizeof(n) ? RTA_PAYLOAD(rta) : sizeof(n));
	return n;
}

/* Of more hops than there is room for the first ones count; the default route is cut off at the same place. */
static void read_hops(struct ipfilter_route *ret, const struct rtattr *rta, uint8_t family)
{
	const struct rtnexthop *nh = RTA_DATA(rta);
	int left = (int)RTA_PAYLOAD(rta);

	for (; RTNH_OK(nh, left) && ret->hop_count < IPFILTER_HOPS; left -= NLMSG_ALIGN(nh->rtnh_len), nh = RTNH_NEXT(nh)) {
		struct ipfilter_hop *h = &ret->hops[ret->hop_count++];
		const struct rtattr *sub = RTNH_DATA(nh);
		int sub_left = (int)nh->rtnh_len - (int)RTNH_LENGTH(0);
		h->device = (uint32_t)nh->rtnh_ifindex;
		for (; RTA_OK(sub, sub_left); sub = RTA_NEXT(sub, sub_left))
			if (sub->rta_type == RTA_GATEWAY || sub->rta_type == RTA_VIA)
				hop_gateway(h, sub, family);
	}
}

static void read_source(struct ipfilter_route *ret, const struct rtattr *rta)
{
	ret->source.family = RTA_PAYLOAD(rta) == 4 ? 4 : 6;
	memcpy(ret->source.ip, RTA_DATA(rta), RTA_PAYLOAD(rta) < 16 ? RTA_PAYLOAD(rta) : 16);
}

static void read_attribute(struct ipfilter_route *ret, const struct rtattr *rta, uint8_t family, struct ipfilter_hop *single)
{
	switch (rta->rta_type) {
	case RTA_TABLE:
		ret->table = rta_u32(rta);
		break;
	case RTA_NH_ID:
		ret->nexthop = rta_u32(rta);
		break;
	case RTA_OIF:
		single->device = rta_u32(rta);
		break;
	case RTA_GATEWAY:
	case RTA_VIA:
		hop_gateway(single, rta, family);
		break;
	case RTA_MULTIPATH:
		read_hops(ret, rta, family);
		break;
	case RTA_PREFSRC:
		read_source(ret, rta);
		break;
	}
}

struct route_answer {
	struct ipfilter_route *route;
	bool is_one;
};

static void read_route(void *arg, const struct nlmsghdr *h)
{
	struct route_answer *answer = arg;
	struct ipfilter_route *ret = answer->route;
	const struct rtmsg *rtm = NLMSG_DATA(h);
	const struct rtattr *rta = RTM_RTA(rtm);
	int left = (int)h->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*rtm));
	struct ipfilter_hop single = {0};

	if (h->nlmsg_type != RTM_NEWROUTE || left < 0)
		return;
	answer->is_one = true;
	ret->type = rtm->rtm_type;
	ret->bits = rtm->rtm_dst_len;
	ret->table = rtm->rtm_table;
	ret->learned = rtm->rtm_protocol == RTPROT_RA;
	for (; RTA_OK(rta, left); rta = RTA_NEXT(rta, left))
		read_attribute(ret, rta, rtm->rtm_family, &single);
	if (ret->hop_count == 0 && single.device != 0)
		ret->hops[ret->hop_count++] = single;
}

/* 0, or what was said instead: the kernel's errno, or -EIO without an answer. */
static int route_ask(struct ipfilter_routes *r, struct route_question *q, struct ipfilter_route *ret)
{
	struct route_answer answer = {.route = ret};
	int err;

	*ret = (struct ipfilter_route){0};
	err = ipfilter_netlink_ask(r->netlink, &q->head, read_route, &answer);
	return err ? err : answer.is_one ? 0 : -EIO;
}

/* Two questions, as a connection takes two looks: which device, gateway and source address; then, from that address, which
 * entry of which table. The first look must not lead elsewhere either. */
static int route_look(struct ipfilter_routes *r, const struct rtun_addr *to, uint32_t protocol, struct ipfilter_route *ret_way,
		      struct ipfilter_route *ret_entry)
{
	struct route_question q;
	int err;

	question_init(to, &q);
	if (protocol)
		question_add_use(&q, to->port, protocol);
	err = route_ask(r, &q, ret_way);
	if (err)
		return err;
	q.rtm.rtm_flags = RTM_F_FIB_MATCH;
	if (ret_way->source.family == to->family) {
		q.rtm.rtm_src_len = to->family == 4 ? 32 : 128;
		question_add(&q, RTA_SRC, ret_way->source.ip, to->family == 4 ? 4 : 16);
	}
	return route_ask(r, &q, ret_entry);
}

/* ---- Comparing ---- */

static bool same_hop(const struct ipfilter_hop *a, const struct ipfilter_hop *b, bool any_gateway)
{
	return a->device == b->device &&
	       (any_gateway || (a->gateway_family == b->gateway_family && memcmp(a->gateway, b->gateway, sizeof(a->gateway)) == 0));
}

static bool has_hop(const struct ipfilter_route *r, const struct ipfilter_hop *h)
{
	for (uint32_t i = 0; i < r->hop_count; i++)
		if (same_hop(&r->hops[i], h, r->learned))
			return true;
	return false;
}

static bool same_hops(const struct ipfilter_route *a, const struct ipfilter_route *b)
{
	if (a->table != b->table || a->nexthop != b->nexthop || a->learned != b->learned || a->hop_count != b->hop_count)
		return false;
	for (uint32_t i = 0; i < a->hop_count; i++)
		if (!same_hop(&a->hops[i], &b->hops[i], a->learned))
			return false;
	return true;
}

/* Could this entry be a default route? */
static bool is_wide(const struct ipfilter_route *entry, uint32_t family)
{
	return entry->type == RTN_UNICAST && entry->bits <= route_whole[family] + 1U;
}

static bool is_half(const struct ipfilter_route *entry, uint32_t family)
{
	return entry->bits == route_whole[family] + 1U;
}

/* ---- The default route ---- */

struct route_votes {
	struct ipfilter_route entry[ROUTE_PROBES];
	bool wide[ROUTE_PROBES];
};

/* How many go this probe's way. A half counts where the other half goes the same way: sides are the halves seen. */
static uint32_t votes_count(const struct route_votes *v, uint32_t which, uint32_t family, bool *ret_halves)
{
	uint32_t n = 0, sides = 0, wholes = 0;

	for (uint32_t i = 0; i < ROUTE_PROBES; i++) {
		if (!v->wide[i] || !same_hops(&v->entry[i], &v->entry[which]))
			continue;
		n++;
		if (is_half(&v->entry[i], family))
			sides |= i < ROUTE_PROBES / 2 ? 1 : 2;
		else
			wholes++;
	}
	*ret_halves = sides == 3;
	return sides == 3 || wholes == n ? n : wholes;
}

static bool find_standard(struct ipfilter_routes *r, uint32_t family)
{
	struct route_votes v = {0};
	struct ipfilter_route way, found = {0};
	uint32_t most = 0;
	bool changed;

	for (uint32_t i = 0; i < ROUTE_PROBES; i++)
		v.wide[i] = route_look(r, &route_probes[family][i], 0, &way, &v.entry[i]) == 0 && is_wide(&v.entry[i], family);
	for (uint32_t i = 0; i < ROUTE_PROBES; i++) {
		bool halves = false;
		uint32_t n = v.wide[i] ? votes_count(&v, i, family, &halves) : 0;
		if (n <= most)
			continue;
		most = n;
		found = v.entry[i];
		found.halves = halves;
	}
	changed = r->known[family] != (most > 0) || !same_hops(&found, &r->standard[family]);
	r->known[family] = most > 0;
	r->standard[family] = found;
	return changed;
}

bool ipfilter_routes_find(struct ipfilter_routes *r)
{
	bool changed = find_standard(r, 0);

	return find_standard(r, 1) || changed;
}

/* ---- Judging ---- */

static bool is_standard(const struct ipfilter_routes *r, const struct ipfilter_route *way, const struct ipfilter_route *entry,
			uint32_t family)
{
	const struct ipfilter_route *standard = &r->standard[family];

	if (!r->known[family] || way->type != RTN_UNICAST || !is_wide(entry, family) || (is_half(entry, family) && !standard->halves))
		return false;
	if (!same_hops(entry, standard))
		return false;
	/* a kernel that is told to describe shared next hops by their numbers alone names no hops in its entries */
	return standard->hop_count == 0 || (way->hop_count == 1 && has_hop(standard, &way->hops[0]));
}

enum ipfilter_way ipfilter_routes_way(struct ipfilter_routes *r, const struct rtun_addr *a, uint32_t protocol)
{
	struct ipfilter_route way, entry;
	uint32_t family = family_index(a);
	bool broken;
	int err;

	err = route_look(r, a, protocol, &way, &entry);
	broken = err == -EIO || err == -EPERM;
	if (broken && !r->broken)
		rtun_log(r->ctx, RTUN_ERROR, "the kernel can't be asked for routes (netlink): every destination is refused");
	r->broken = broken;
	if (broken)
		return IPFILTER_WAY_OTHER;
	if (err)
		return r->known[family] ? IPFILTER_WAY_OTHER : IPFILTER_WAY_NONE;
	return is_standard(r, &way, &entry, family) ? IPFILTER_WAY_DEFAULT : IPFILTER_WAY_OTHER;
}

void ipfilter_routes_init(struct ipfilter_routes *r, struct rtun_ctx *ctx, struct ipfilter_netlink *netlink)
{
	*r = (struct ipfilter_routes){.ctx = ctx, .netlink = netlink};
}
