/* SPDX-License-Identifier: BSD-2-Clause
 *
 * barred.c - addresses that other modules have asked to deny, each on behalf of an owner: what is seen of this machine
 * from outside (its router's own address, which may lead back in), and the ends of its tunnels.
 */
#include <stdlib.h>
#include <string.h>

#include "ipfilter.h"

/* A network at home has a /64 at least: who has one address of it has them all. */
static struct ipfilter_prefix barred_prefix(const struct rtun_addr *a)
{
	struct ipfilter_prefix p = {.family = a->family, .bits = a->family == 4 ? 32 : 64};

	memcpy(p.ip, a->ip, sizeof(p.ip));
	return p;
}

int ipfilter_barred_set(struct ipfilter_barred *b, const void *owner, const struct rtun_addr *a, uint32_t n)
{
	struct ipfilter_bar *items = calloc((size_t)b->count + n + 1, sizeof(*items));
	uint32_t count = 0;

	if (!items)
		return -RTUN_ENOMEM;
	for (uint32_t i = 0; i < b->count; i++)
		if (b->items[i].owner != owner)
			items[count++] = b->items[i];
	for (uint32_t i = 0; i < n; i++) {
		struct rtun_addr inner;
		if (a[i].family != 4 && a[i].family != 6)
			continue;
		/* ::ffff:a.b.c.d is a.b.c.d; a whole /64 of it would be all of IPv4 */
		const struct rtun_addr *real = ipfilter_range_mapped(&a[i]) && ipfilter_range_embedded(&a[i], &inner) ? &inner : &a[i];
		items[count++] = (struct ipfilter_bar){owner, barred_prefix(real)};
	}
	free(b->items);
	b->items = items;
	b->count = count;
	return 0;
}

bool ipfilter_barred_match(const struct ipfilter_barred *b, const struct rtun_addr *a)
{
	for (uint32_t i = 0; i < b->count; i++)
		if (ipfilter_range_match(&b->items[i].prefix, a))
			return true;
	return false;
}

void ipfilter_barred_fini(struct ipfilter_barred *b)
{
	free(b->items);
	*b = (struct ipfilter_barred){0};
}
