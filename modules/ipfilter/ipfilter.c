/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ipfilter.c - options, life and state of a filter. What is built in can't be switched off; `deny` and `deny-ports` add
 * to it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <restunnel/module.h>
#include <restunnel/svc/filter.h>

#include "ipfilter.h"

struct options {
	struct rtun_list deny;
	struct rtun_list deny_ports;
	uint32_t strict;
	uint32_t reserved;
	struct rtun_list allow;
};

static const struct rtun_option allow_rows[] = {
	RTUN_TEXTS(struct ipfilter_allow, domains, NULL, RTUN_NOT_EMPTY, NULL, "Targets asked for by name: these, and all below them: \"example.com\"."),
	RTUN_PREFIXES(struct ipfilter_allow, addresses, NULL, RTUN_NOT_EMPTY, NULL, "Targets asked for by address: \"198.51.100.0/24\"."),
	RTUN_TEXTS(struct ipfilter_allow, ports, NULL, RTUN_NOT_EMPTY, NULL, "\"443\", \"8000-8100\"; without it, all."),
};
static const struct rtun_schema allow_schema = RTUN_SCHEMA(struct ipfilter_allow, allow_rows);

static const struct rtun_option rows[] = {
	RTUN_PREFIXES(struct options, deny, NULL, RTUN_RELOADABLE, NULL,
		      "Networks that are refused in addition to the built-in ones: \"198.51.100.0/24\", \"2001:db8::/32\"."),
	RTUN_TEXTS(struct options, deny_ports, NULL, RTUN_RELOADABLE, NULL,
		   "Ports that are refused in addition to 0, 25, 135, 137-139 and 445: \"8333\", \"6660-6669\"."),
	RTUN_BOOL(struct options, strict, "false", RTUN_RELOADABLE, NULL,
		  "Refuse everything that `allow` doesn't name. What it names is still judged like everything else."),
	RTUN_RECORDS(struct options, allow, &allow_schema, RTUN_RELOADABLE, "strict=true",
		     "What may be asked for; an entry without domains and addresses means all targets with its ports."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(struct options, rows);

/* ---- Options ---- */

static bool parse_port(const char **text, uint16_t *ret)
{
	uint32_t n = 0, digits = 0;

	for (; **text >= '0' && **text <= '9' && digits < 6; digits++, (*text)++)
		n = n * 10 + (uint32_t)(**text - '0');
	*ret = (uint16_t)n;
	return digits > 0 && n <= 65535;
}

bool ipfilter_ports_parse(const char *text, struct ipfilter_ports *ret)
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

static const struct ipfilter_allow *allow_at(const struct rtun_list *l, uint32_t i)
{
	return (const void *)((const char *)l->items + (size_t)i * l->item_size);
}

static int check_ports(struct rtun_ctx *ctx, const struct rtun_list *ports, const char *key)
{
	struct ipfilter_ports p;
	char place[64];
	int r = 0;

	for (uint32_t i = 0; i < ports->count; i++) {
		snprintf(place, sizeof(place), "%s[%u]", key, i);
		if (!ipfilter_ports_parse(text_at(ports, i), &p))
			r = rtun_conf_error(ctx, place, "write a number up to 65535, or a range such as \"6660-6669\"", "\"%s\" is not a port",
					    text_at(ports, i));
	}
	return r;
}

static int check_allow(struct rtun_ctx *ctx, const struct ipfilter_allow *a, uint32_t number)
{
	char place[64];
	int r;

	snprintf(place, sizeof(place), "allow[%u].ports", number);
	r = check_ports(ctx, &a->ports, place);
	for (uint32_t i = 0; i < a->domains.count; i++) {
		const char *domain = text_at(&a->domains, i);
		snprintf(place, sizeof(place), "allow[%u].domains[%u]", number, i);
		if (!ipfilter_name_is_domain(domain))
			r = rtun_conf_error(ctx, place, "write it without *, and without a dot at either end: \"example.com\" means all below it, too",
					    "\"%.64s\" is not a domain", domain);
	}
	if (a->domains.count + a->addresses.count + a->ports.count > 0)
		return r;
	snprintf(place, sizeof(place), "allow[%u]", number);
	return rtun_conf_error(ctx, place, "name domains, addresses or ports, or leave strict out", "an entry that names nothing would allow everything");
}

static int check(struct rtun_ctx *ctx, const void *cfg)
{
	const struct options *o = cfg;
	int r = check_ports(ctx, &o->deny_ports, "deny-ports");

	for (uint32_t i = 0; i < o->allow.count; i++)
		if (check_allow(ctx, allow_at(&o->allow, i), i))
			r = -RTUN_ECONFIG;
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
	struct ipfilter_ports *ports = calloc(o->deny_ports.count + 1U, sizeof(*ports));

	if (!deny || !ports) {
		free(deny);
		free(ports);
		return -RTUN_ENOMEM;
	}
	copy_deny(f, &o->deny, deny);
	for (uint32_t i = 0; i < o->deny_ports.count; i++)
		ipfilter_ports_parse(text_at(&o->deny_ports, i), &ports[i]);
	free(f->ports);
	f->ports = ports;
	f->ports_count = o->deny_ports.count;
	f->strict = o->strict;
	f->allow = o->allow;
	f->network.generation++;
	return 0;
}

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
	return r ? r : rtun_provide(ctx, RTUN_FILTER, &ipfilter_ops, f);
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
		snprintf(st->text, sizeof(st->text), f->strict ? "only public destinations that `allow` names are allowed"
							       : "only public destinations are allowed");
}

static const struct rtun_port provides[] = {{RTUN_FILTER, NULL}};

static const struct rtun_event_type *const events[] = {&ipfilter_event_changed};

RTUN_MODULE(ipfilter, .version = "1", .summary = "allows public destinations only: nothing on the exit's own network",
	    .license = "BSD-2-Clause", .schema = &schema, .provides = RTUN_LIST(provides), .check = check, .create = create,
	    .prepare = prepare, .start = start, .reload = reload, .stop = stop, .destroy = destroy, .status = status,
	    .events = RTUN_LIST(events));
