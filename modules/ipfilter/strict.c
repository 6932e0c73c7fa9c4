/* SPDX-License-Identifier: BSD-2-Clause
 *
 * strict.c - strict: only what is named in `allow` may be asked for. It forbids, and never allows: whatever passes here is judged
 * like everything else.
 */
#include <string.h>
#include <strings.h>

#include "ipfilter.h"

static const void *item(const struct rtun_list *l, uint32_t i)
{
	return (const char *)l->items + (size_t)i * l->item_size;
}

static const char *text(const struct rtun_list *l, uint32_t i)
{
	return *(const char *const *)item(l, i);
}

/* The domain, or below it; a dot at the end changes nothing. */
static bool is_below(const char *host, uint64_t len, const char *domain)
{
	uint64_t end = strlen(domain);

	if (len > 0 && host[len - 1] == '.')
		len--;
	return len >= end && strncasecmp(host + len - end, domain, end) == 0 && (len == end || host[len - end - 1] == '.');
}

static bool name_in(const struct rtun_list *domains, const char *host, uint64_t len)
{
	for (uint32_t i = 0; i < domains->count; i++)
		if (is_below(host, len, text(domains, i)))
			return true;
	return false;
}

static bool address_in(const struct rtun_list *prefixes, const struct rtun_addr *a)
{
	struct rtun_addr plain = *a;

	if (ipfilter_range_mapped(a))
		ipfilter_range_embedded(a, &plain);
	for (uint32_t i = 0; i < prefixes->count; i++) {
		const struct rtun_prefix *p = item(prefixes, i);
		struct ipfilter_prefix range = {.family = p->addr.family, .bits = (uint8_t)p->bits};
		memcpy(range.ip, p->addr.ip, sizeof(range.ip));
		if (ipfilter_range_match(&range, &plain))
			return true;
	}
	return false;
}

static bool port_in(const struct rtun_list *ports, uint16_t port)
{
	struct ipfilter_ports p;

	for (uint32_t i = 0; i < ports->count; i++)
		if (ipfilter_ports_parse(text(ports, i), &p) && port >= p.first && port <= p.last)
			return true;
	return ports->count == 0;
}

enum ipfilter_strict ipfilter_strict_name(const struct ipfilter *f, const char *host, uint64_t len, uint16_t port)
{
	enum ipfilter_strict best = f->strict ? IPFILTER_STRICT_TARGET : IPFILTER_STRICT_PASS;

	for (uint32_t i = 0; best != IPFILTER_STRICT_PASS && i < f->allow.count; i++) {
		const struct ipfilter_allow *a = item(&f->allow, i);
		bool all = a->domains.count == 0 && a->addresses.count == 0;
		if (all || name_in(&a->domains, host, len))
			best = port_in(&a->ports, port) ? IPFILTER_STRICT_PASS : IPFILTER_STRICT_PORT;
	}
	return best;
}

enum ipfilter_strict ipfilter_strict_address(const struct ipfilter *f, const struct rtun_addr *to)
{
	enum ipfilter_strict best = f->strict ? IPFILTER_STRICT_TARGET : IPFILTER_STRICT_PASS;

	for (uint32_t i = 0; best != IPFILTER_STRICT_PASS && i < f->allow.count; i++) {
		const struct ipfilter_allow *a = item(&f->allow, i);
		bool all = a->domains.count == 0 && a->addresses.count == 0;
		if (all || address_in(&a->addresses, to))
			best = port_in(&a->ports, to->port) ? IPFILTER_STRICT_PASS : IPFILTER_STRICT_PORT;
	}
	return best;
}
