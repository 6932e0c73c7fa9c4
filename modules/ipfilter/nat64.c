/* SPDX-License-Identifier: BSD-2-Clause
 *
 * nat64.c - IPv4 addresses inside IPv6 ones whose prefix only this network knows (RFC 6052). Which it is, the network's
 * name servers say (RFC 7050): they translate ipv4only.arpa, whose IPv4 addresses everybody knows, as they do all names.
 *
 * A prefix that was learned never allows anything: what looks public has to be public inside, too. So a name server that
 * lies gains nothing by it.
 */
#include <string.h>

#include "ipfilter.h"

#define RESERVED_OCTET 8U /* holds none of the IPv4 address: bits 64 to 71 */

static const uint8_t nat64_lengths[] = {32, 40, 48, 56, 64, 96};
/* The addresses of ipv4only.arpa. */
static const uint8_t nat64_known[2][4] = {{192, 0, 0, 170}, {192, 0, 0, 171}};

/* RFC 6052, section 2.2: right behind the prefix, around the reserved octet. */
static void extract(const uint8_t ip[16], uint32_t bits, uint8_t ret[4])
{
	uint32_t at = bits / 8;

	for (uint32_t i = 0; i < 4; i++) {
		if (at == RESERVED_OCTET)
			at++;
		ret[i] = ip[at++];
	}
}

static bool is_known(const uint8_t v4[4])
{
	return memcmp(v4, nat64_known[0], 4) == 0 || memcmp(v4, nat64_known[1], 4) == 0;
}

static void learn(struct ipfilter_nat64 *n, const uint8_t ip[16], uint8_t bits)
{
	struct ipfilter_prefix p = {.family = 6, .bits = bits};

	memcpy(p.ip, ip, bits / 8);
	for (uint32_t i = 0; i < n->count; i++)
		if (memcmp(&n->items[i], &p, sizeof(p)) == 0)
			return;
	if (n->count < IPFILTER_NAT64_MAX)
		n->items[n->count++] = p;
}

void ipfilter_nat64_learn(struct ipfilter_nat64 *n, const struct rtun_addr *a, uint32_t count)
{
	uint8_t v4[4];

	*n = (struct ipfilter_nat64){0};
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t l = 0; a[i].family == 6 && l < sizeof(nat64_lengths); l++) {
			extract(a[i].ip, nat64_lengths[l], v4);
			if (is_known(v4))
				learn(n, a[i].ip, nat64_lengths[l]);
		}
}

bool ipfilter_nat64_embedded(const struct ipfilter_nat64 *n, uint32_t which, const struct rtun_addr *a, struct rtun_addr *ret_v4)
{
	if (!ipfilter_range_match(&n->items[which], a))
		return false;
	*ret_v4 = (struct rtun_addr){.family = 4, .port = a->port};
	extract(a->ip, n->items[which].bits, ret_v4->ip);
	return true;
}
