/* SPDX-License-Identifier: BSD-2-Clause
 *
 * judge.c - rtun.filter/1: only public destinations.
 */
#include <stdio.h>
#include <string.h>

#include "ipfilter.h"

/* What the kernel may change without saying so: a redirect, a smaller packet size. */
#define MEMO_TIME RTUN_S

/* Services of local networks, worms' doors, and mail between servers (spam). */
static const struct ipfilter_ports closed_ports[] = {{0, 0}, {25, 25}, {135, 135}, {137, 139}, {445, 445}};

/* One reason for all: which of them it was, is the local network's business. */
#define NOT_PUBLIC RTUN_FILTER_ADDRESS ": not a public one"

static bool ports_match(const struct ipfilter_ports *p, uint32_t n, uint16_t port)
{
	for (uint32_t i = 0; i < n; i++)
		if (port >= p[i].first && port <= p[i].last)
			return true;
	return false;
}

static bool port_open(const struct ipfilter *f, uint16_t port)
{
	return !ports_match(closed_ports, sizeof(closed_ports) / sizeof(closed_ports[0]), port) &&
	       !ports_match(f->ports, f->ports_count, port);
}

static bool single_open(const struct ipfilter *f, const struct rtun_addr *a)
{
	for (uint32_t i = 0; i < f->deny_count; i++)
		if (ipfilter_range_match(&f->deny[i], a))
			return false;
	return ipfilter_range_public(a) && !ipfilter_barred_match(&f->barred, a) && !ipfilter_interfaces_match(&f->network.interfaces, a);
}

/* An address, and each that hides in it. */
static bool address_open(const struct ipfilter *f, const struct rtun_addr *a)
{
	struct rtun_addr inner;

	if (!single_open(f, a) || (ipfilter_range_embedded(a, &inner) && !single_open(f, &inner)))
		return false;
	for (uint32_t i = 0; i < f->nat64.count; i++)
		if (ipfilter_nat64_embedded(&f->nat64, i, a, &inner) && !single_open(f, &inner))
			return false;
	return true;
}

static bool is_protocol(uint32_t protocol)
{
	return protocol == RTUN_FILTER_TCP || protocol == RTUN_FILTER_UDP;
}

static int deny(char why[RTUN_FILTER_WHY], const char *reason)
{
	snprintf(why, RTUN_FILTER_WHY, "%s", reason);
	return -RTUN_EDENIED;
}

static int deny_port(char why[RTUN_FILTER_WHY], uint16_t port)
{
	snprintf(why, RTUN_FILTER_WHY, RTUN_FILTER_PORT ": %u is not allowed", port);
	return -RTUN_EDENIED;
}

/* Without these words a refusal would look as if the target was at fault. */
static int deny_strict(char why[RTUN_FILTER_WHY], enum ipfilter_strict verdict, const char *what, uint16_t port)
{
	if (verdict == IPFILTER_STRICT_PORT)
		return deny_port(why, port);
	snprintf(why, RTUN_FILTER_WHY, "%s: not one that this exit allows (strict)", what);
	return -RTUN_EDENIED;
}

static int name(void *obj, const char *host, uint64_t len, uint16_t port, uint32_t protocol, char why[RTUN_FILTER_WHY])
{
	const char *objection = ipfilter_name_objection(host, len);
	enum ipfilter_strict verdict;

	if (objection)
		return deny(why, objection);
	if (!is_protocol(protocol))
		return deny(why, RTUN_FILTER_PROTOCOL ": neither TCP nor UDP");
	if (!port_open(obj, port))
		return deny_port(why, port);
	verdict = ipfilter_strict_name(obj, host, len, port);
	return verdict == IPFILTER_STRICT_PASS ? 0 : deny_strict(why, verdict, RTUN_FILTER_NAME, port);
}

/* All but the routes, which depend on where the machine is. */
static int judge(const struct ipfilter *f, const struct rtun_addr *a, uint32_t n, uint32_t protocol, char why[RTUN_FILTER_WHY])
{
	if (n == 0)
		return deny(why, RTUN_FILTER_ADDRESS ": there is none");
	if (!is_protocol(protocol))
		return deny(why, RTUN_FILTER_PROTOCOL ": neither TCP nor UDP");
	for (uint32_t i = 0; i < n; i++) {
		if (!port_open(f, a[i].port))
			return deny_port(why, a[i].port);
		if (!address_open(f, &a[i]))
			return deny(why, NOT_PUBLIC);
	}
	return 0;
}

/* ::ffff:a.b.c.d goes the way of a.b.c.d; other embedded addresses are sent as they are. */
static enum ipfilter_way way_of(struct ipfilter *f, const struct rtun_addr *a, uint32_t protocol)
{
	struct rtun_addr plain = *a;

	if (ipfilter_range_mapped(a))
		ipfilter_range_embedded(a, &plain);
	return ipfilter_routes_way(&f->network.routes, &plain, protocol);
}

/* The whole judgement, of the network as it was at the last refresh. */
static int judge_all(struct ipfilter *f, const struct rtun_addr *a, uint32_t n, uint32_t protocol, char why[RTUN_FILTER_WHY])
{
	uint32_t ways = 0;
	int r = judge(f, a, n, protocol, why);

	if (r)
		return r;
	for (uint32_t i = 0; i < n; i++) {
		enum ipfilter_way way = way_of(f, &a[i], protocol);
		if (way == IPFILTER_WAY_OTHER)
			return deny(why, NOT_PUBLIC);
		ways += way == IPFILTER_WAY_DEFAULT;
	}
	if (ways)
		return 0;
	/* what has no way anywhere is no secret of the local network, and a machine without IPv6 meets it all the time */
	snprintf(why, RTUN_FILTER_WHY, "this exit has no default route for %s", a[0].family == 4 ? "IPv4" : "IPv6");
	return -RTUN_EUNREACHABLE;
}

/* Where it was kept, or would be. */
static struct ipfilter_memo *memo_of(struct ipfilter *f, const struct rtun_addr *a, uint32_t protocol)
{
	uint32_t hash = a->port ^ protocol << 16;

	for (uint32_t i = 0; i < sizeof(a->ip); i++)
		hash = (hash ^ a->ip[i]) * 16777619U; /* FNV-1a */
	return &f->memos[(hash ^ hash >> 16) % IPFILTER_MEMOS];
}

static bool memo_holds(const struct ipfilter *f, const struct ipfilter_memo *m, const struct rtun_addr *a, uint32_t protocol)
{
	return m->generation == f->network.generation && rtun_now(f->network.ctx) < m->until && m->protocol == protocol &&
	       memcmp(&m->to, a, sizeof(*a)) == 0;
}

static int judge_one(struct ipfilter *f, const struct rtun_addr *a, uint32_t protocol, char why[RTUN_FILTER_WHY])
{
	int r = judge_all(f, a, 1, protocol, why);

	*memo_of(f, a, protocol) = (struct ipfilter_memo){*a, r, f->network.generation, protocol, rtun_now(f->network.ctx) + MEMO_TIME};
	return r;
}

/* All that is built in and configured, but for `strict`. */
static int judge_fresh(struct ipfilter *f, const struct rtun_addr *a, uint32_t n, uint32_t protocol, char why[RTUN_FILTER_WHY])
{
	const struct ipfilter_memo *m;

	ipfilter_network_refresh(&f->network);
	if (n != 1)
		return judge_all(f, a, n, protocol, why);
	m = memo_of(f, a, protocol);
	if (memo_holds(f, m, a, protocol) && m->verdict == 0) /* a refusal's reason is not kept */
		return 0;
	return judge_one(f, a, protocol, why);
}

static int addresses(void *obj, const struct rtun_addr *a, uint32_t n, uint32_t protocol, char why[RTUN_FILTER_WHY])
{
	for (uint32_t i = 0; i < n; i++) {
		enum ipfilter_strict verdict = ipfilter_strict_address(obj, &a[i]);
		if (verdict != IPFILTER_STRICT_PASS)
			return deny_strict(why, verdict, RTUN_FILTER_ADDRESS, a[i].port);
	}
	return judge_fresh(obj, a, n, protocol, why);
}

static int resolved(void *obj, const char *host, const struct rtun_addr *a, uint32_t n, uint32_t protocol, char why[RTUN_FILTER_WHY])
{
	for (uint32_t i = 0; i < n; i++) {
		enum ipfilter_strict verdict = ipfilter_strict_name(obj, host, strlen(host), a[i].port);
		if (verdict != IPFILTER_STRICT_PASS)
			return deny_strict(why, verdict, RTUN_FILTER_NAME, a[i].port);
	}
	return judge_fresh(obj, a, n, protocol, why);
}

static int datagram(void *obj, const struct rtun_addr *to)
{
	struct ipfilter *f = obj;
	const struct ipfilter_memo *m = memo_of(f, to, RTUN_FILTER_UDP);
	char why[RTUN_FILTER_WHY];

	if (ipfilter_strict_address(f, to) != IPFILTER_STRICT_PASS)
		return -RTUN_EDENIED;

	ipfilter_network_refresh(&f->network);
	return memo_holds(f, m, to, RTUN_FILTER_UDP) ? m->verdict : judge_one(f, to, RTUN_FILTER_UDP, why);
}

static int bar(void *obj, const void *owner, const struct rtun_addr *addrs, uint32_t n)
{
	struct ipfilter *f = obj;

	f->network.generation++;
	return ipfilter_barred_set(&f->barred, owner, addrs, n);
}

static void translated(void *obj, const struct rtun_addr *addrs, uint32_t n)
{
	struct ipfilter *f = obj;
	const struct ipfilter_nat64 before = f->nat64;

	f->network.generation++;
	ipfilter_nat64_learn(&f->nat64, addrs, n);
	if (f->nat64.count > 0 && memcmp(&before, &f->nat64, sizeof(before)) != 0)
		rtun_log(f->network.ctx, RTUN_INFO, "this network puts IPv4 addresses inside IPv6 ones (NAT64): they are judged, too");
}

const struct rtun_filter_ops ipfilter_ops = {
	.size = sizeof(ipfilter_ops), .name = name, .addresses = addresses, .deny = bar, .translated = translated,
	.datagram = datagram, .resolved = resolved,
};
