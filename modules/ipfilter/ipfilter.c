/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ipfilter.c - rtun.filter/1: only public destinations. What is built in can't be switched off; `deny` and
 * `deny-ports` add to it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <restunnel/module.h>
#include <restunnel/svc/filter.h>

#include "ipfilter.h"

struct ports {
	uint16_t first, last;
};

/* Services of local networks, worms' doors, and mail between servers (spam). */
static const struct ports closed_ports[] = {{0, 0}, {25, 25}, {135, 135}, {137, 139}, {445, 445}};

struct options {
	struct rtun_list deny;
	struct rtun_list deny_ports;
};

static const struct rtun_option rows[] = {
	RTUN_PREFIXES(struct options, deny, NULL, RTUN_RELOADABLE, NULL,
		      "Networks that are refused in addition to the built-in ones: \"198.51.100.0/24\", \"2001:db8::/32\"."),
	RTUN_TEXTS(struct options, deny_ports, NULL, RTUN_RELOADABLE, NULL,
		   "Ports that are refused in addition to 0, 25, 135, 137-139 and 445: \"8333\", \"6660-6669\"."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(struct options, rows);

struct ipfilter {
	struct ipfilter_network network;
	struct ipfilter_barred barred;
	struct ipfilter_nat64 nat64;
	struct ipfilter_prefix *deny;
	struct ports *ports;
	uint32_t deny_count, ports_count;
};

/* ---- Options ---- */

static bool parse_port(const char **text, uint16_t *ret)
{
	uint32_t n = 0, digits = 0;

	for (; **text >= '0' && **text <= '9' && digits < 6; digits++, (*text)++)
		n = n * 10 + (uint32_t)(**text - '0');
	*ret = (uint16_t)n;
	return digits > 0 && n <= 65535;
}

/* "8333" or "6660-6669" */
static bool parse_ports(const char *text, struct ports *ret)
{
	if (!parse_port(&text, &ret->first))
		return false;
	ret->last = ret->first;
	if (*text == '-') {
		text++;
		if (!parse_port(&text, &ret->last))
			return false;
	}
	return *text == '\0' && ret->first <= ret->last;
}

static const char *text_at(const struct rtun_list *l, uint32_t i)
{
	return *(const char *const *)((const char *)l->items + (size_t)i * l->item_size);
}

static int check(struct rtun_ctx *ctx, const void *cfg)
{
	const struct options *o = cfg;
	struct ports p;
	int r = 0;

	for (uint32_t i = 0; i < o->deny_ports.count; i++)
		if (!parse_ports(text_at(&o->deny_ports, i), &p))
			r = rtun_conf_error(ctx, "deny-ports", "write a number up to 65535, or a range such as \"6660-6669\"",
					    "\"%s\" is not a port", text_at(&o->deny_ports, i));
	return r;
}

static void copy_deny(struct ipfilter *f, const struct rtun_list *deny, struct ipfilter_prefix *to)
{
	for (uint32_t i = 0; i < deny->count; i++) {
		const struct rtun_prefix *p = (const void *)((const char *)deny->items + (size_t)i * deny->item_size);
		to[i] = (struct ipfilter_prefix){.family = p->addr.family, .bits = (uint8_t)p->bits};
		memcpy(to[i].ip, p->addr.ip, sizeof(to[i].ip));
	}
	free(f->deny);
	f->deny = to;
	f->deny_count = deny->count;
}

static int configure(struct ipfilter *f, const struct options *o)
{
	struct ipfilter_prefix *deny = calloc(o->deny.count + 1U, sizeof(*deny));
	struct ports *ports = calloc(o->deny_ports.count + 1U, sizeof(*ports));

	if (!deny || !ports) {
		free(deny);
		free(ports);
		return -RTUN_ENOMEM;
	}
	copy_deny(f, &o->deny, deny);
	for (uint32_t i = 0; i < o->deny_ports.count; i++)
		parse_ports(text_at(&o->deny_ports, i), &ports[i]);
	free(f->ports);
	f->ports = ports;
	f->ports_count = o->deny_ports.count;
	return 0;
}

/* ---- Judgement ---- */

/* One reason for all: which of them it was, is the local network's business. */
#define NOT_PUBLIC RTUN_FILTER_ADDRESS ": not a public one"

static bool ports_match(const struct ports *p, uint32_t n, uint16_t port)
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

static int name(void *obj, const char *host, uint64_t len, uint16_t port, uint32_t protocol, char why[RTUN_FILTER_WHY])
{
	const char *objection = ipfilter_name_objection(host, len);

	if (objection)
		return deny(why, objection);
	if (!is_protocol(protocol))
		return deny(why, RTUN_FILTER_PROTOCOL ": neither TCP nor UDP");
	return port_open(obj, port) ? 0 : deny_port(why, port);
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

static int addresses(void *obj, const struct rtun_addr *a, uint32_t n, uint32_t protocol, char why[RTUN_FILTER_WHY])
{
	struct ipfilter *f = obj;
	uint32_t ways = 0;
	int r;

	ipfilter_network_refresh(&f->network);
	r = judge(f, a, n, protocol, why);
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

static int bar(void *obj, const void *owner, const struct rtun_addr *addrs, uint32_t n)
{
	return ipfilter_barred_set(&((struct ipfilter *)obj)->barred, owner, addrs, n);
}

static void translated(void *obj, const struct rtun_addr *addrs, uint32_t n)
{
	struct ipfilter *f = obj;
	const struct ipfilter_nat64 before = f->nat64;

	ipfilter_nat64_learn(&f->nat64, addrs, n);
	if (f->nat64.count > 0 && memcmp(&before, &f->nat64, sizeof(before)) != 0)
		rtun_log(f->network.ctx, RTUN_INFO, "this network puts IPv4 addresses inside IPv6 ones (NAT64): they are judged, too");
}

static const struct rtun_filter_ops filter_ops = {
	.size = sizeof(filter_ops), .name = name, .addresses = addresses, .deny = bar, .translated = translated,
};

/* ---- Life ---- */

static int create(struct rtun_ctx *ctx, const void *cfg)
{
	struct ipfilter *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -RTUN_ENOMEM;
	ctx->self = f;
	ipfilter_network_init(&f->network, ctx);
	r = configure(f, cfg);
	return r ? r : rtun_provide(ctx, RTUN_FILTER, &filter_ops, f);
}

static int prepare(struct rtun_ctx *ctx)
{
	return ipfilter_network_open(&((struct ipfilter *)ctx->self)->network);
}

static int start(struct rtun_ctx *ctx)
{
	return ipfilter_network_watch(&((struct ipfilter *)ctx->self)->network);
}

static int reload(struct rtun_ctx *ctx, const void *cfg)
{
	return configure(ctx->self, cfg);
}

static void stop(struct rtun_ctx *ctx)
{
	ipfilter_network_unwatch(&((struct ipfilter *)ctx->self)->network);
}

static void destroy(struct rtun_ctx *ctx)
{
	struct ipfilter *f = ctx->self;

	if (!f)
		return;
	ipfilter_network_fini(&f->network);
	ipfilter_barred_fini(&f->barred);
	free(f->deny);
	free(f->ports);
	free(f);
	ctx->self = NULL;
}

static void trouble(struct rtun_status *st, const char *code, const char *text, const char *remedy)
{
	st->state = RTUN_STATE_DOWN;
	snprintf(st->code, sizeof(st->code), "%s", code);
	snprintf(st->text, sizeof(st->text), "every destination is refused: %s", text);
	snprintf(st->remedy, sizeof(st->remedy), "%s", remedy);
}

static void status(struct rtun_ctx *ctx, struct rtun_status *st)
{
	struct ipfilter *f = ctx->self;

	ipfilter_network_refresh(&f->network);
	if (!f->network.interfaces.known)
		trouble(st, "interfaces-unknown", "the addresses of this machine can't be read", "see the log for the reason; a restart may help");
	else if (f->network.routes.broken)
		trouble(st, "routes-unknown", "the kernel can't be asked for routes", "see the log for the reason; a restart may help");
	else if (!f->network.routes.known[0] && !f->network.routes.known[1])
		trouble(st, "no-default-route", "this machine has no default route", "connect it to the internet; `ip route` shows its routes");
	else
		snprintf(st->text, sizeof(st->text), "only public destinations are allowed");
}

static const struct rtun_port provides[] = {{RTUN_FILTER, NULL}};

static const struct rtun_event_type *const events[] = {&ipfilter_event_changed};

RTUN_MODULE(ipfilter, .version = "1", .summary = "allows public destinations only: nothing on the exit's own network",
	    .license = "BSD-2-Clause", .schema = &schema, .provides = RTUN_LIST(provides), .check = check, .create = create,
	    .prepare = prepare, .start = start, .reload = reload, .stop = stop, .destroy = destroy, .status = status,
	    .events = RTUN_LIST(events));
