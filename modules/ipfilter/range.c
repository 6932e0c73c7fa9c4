/* SPDX-License-Identifier: BSD-2-Clause
 *
 * range.c - which addresses are public. IPv4: all but a table. IPv6: only 2000::/3, and of that all but a table, so
 * that a special block assigned after this was written is denied by default.
 *
 * The table: every row of the IANA special-purpose address registries (also those called globally reachable: they lead
 * to infrastructure of the local network), and what is in other registries or in none: multicast, IPv4-compatible and
 * site-local addresses, 6to4, the former 6bone.
 */
#include <string.h>

#include "ipfilter.h"

#define V4(bits, ...) {4, bits, {__VA_ARGS__}}
#define V6(bits, ...) {6, bits, {__VA_ARGS__}}

static const struct ipfilter_prefix special[] = {
	V4(8, 0),                            /* this network: Linux connects 0.0.0.0 to itself */
	V4(8, 10),                           /* private */
	V4(10, 100, 64),                     /* shared between carriers and customers */
	V4(8, 127),                          /* loopback */
	V4(16, 169, 254),                    /* link-local, metadata of clouds */
	V4(12, 172, 16),                     /* private */
	V4(24, 192, 0, 0),                   /* IETF protocol assignments */
	V4(24, 192, 0, 2),                   /* documentation */
	V4(24, 192, 31, 196),                /* AS112 */
	V4(24, 192, 52, 193),                /* AMT */
	V4(24, 192, 88, 99),                 /* former 6to4 relays */
	V4(16, 192, 168),                    /* private */
	V4(24, 192, 175, 48),                /* AS112 */
	V4(15, 198, 18),                     /* benchmarks */
	V4(24, 198, 51, 100),                /* documentation */
	V4(24, 203, 0, 113),                 /* documentation */
	V4(4, 224),                          /* multicast */
	V4(4, 240),                          /* reserved, broadcast */
	V6(23, 0x20, 0x01),                  /* IETF protocol assignments: Teredo, ORCHID ... */
	V6(32, 0x20, 0x01, 0x0d, 0xb8),      /* documentation */
	V6(16, 0x20, 0x02),                  /* 6to4 */
	V6(48, 0x26, 0x20, 0, 0x4f, 0x80),   /* AS112 */
	V6(16, 0x3f, 0xfe),                  /* former 6bone */
	V6(20, 0x3f, 0xff),                  /* documentation */
	/* All that follow lie outside 2000::/3 and are denied anyway. They are here so that the table alone says what is
	 * promised, and goes on saying so should the rule about 2000::/3 ever be widened. */
	V6(96, 0),                           /* unspecified, loopback, IPv4-compatible */
	V6(96, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff), /* IPv4-translated */
	V6(48, 0, 0x64, 0xff, 0x9b, 0, 1),   /* NAT64 of the local network */
	V6(64, 0x01),                        /* discard */
	V6(64, 0x01, 0, 0, 0, 0, 0, 0, 1),   /* dummy */
	V6(16, 0x5f, 0x00),                  /* segment routing */
	V6(7, 0xfc),                         /* unique local */
	V6(10, 0xfe, 0x80),                  /* link-local */
	V6(10, 0xfe, 0xc0),                  /* site-local */
	V6(8, 0xff),                         /* multicast */
};

static const struct ipfilter_prefix global_unicast = V6(3, 0x20);
static const struct ipfilter_prefix mapped = V6(96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);
static const struct ipfilter_prefix nat64 = V6(96, 0, 0x64, 0xff, 0x9b);

bool ipfilter_range_match(const struct ipfilter_prefix *p, const struct rtun_addr *a)
{
	uint32_t whole = p->bits / 8U, rest = p->bits % 8U;

	if (p->family != a->family || memcmp(p->ip, a->ip, whole) != 0)
		return false;
	return rest == 0 || ((p->ip[whole] ^ a->ip[whole]) >> (8U - rest)) == 0;
}

static bool is_isatap(const struct rtun_addr *a)
{
	static const uint8_t id[2][4] = {{0, 0, 0x5e, 0xfe}, {2, 0, 0x5e, 0xfe}};

	return a->family == 6 && (memcmp(a->ip + 8, id[0], 4) == 0 || memcmp(a->ip + 8, id[1], 4) == 0);
}

bool ipfilter_range_mapped(const struct rtun_addr *a)
{
	return ipfilter_range_match(&mapped, a);
}

bool ipfilter_range_embedded(const struct rtun_addr *a, struct rtun_addr *ret_v4)
{
	if (!ipfilter_range_match(&mapped, a) && !ipfilter_range_match(&nat64, a) && !is_isatap(a))
		return false;
	*ret_v4 = (struct rtun_addr){.family = 4, .port = a->port};
	memcpy(ret_v4->ip, a->ip + 12, 4);
	return true;
}

bool ipfilter_range_public(const struct rtun_addr *a)
{
	if (a->family != 4 && a->family != 6)
		return false;
	if (ipfilter_range_match(&mapped, a) || ipfilter_range_match(&nat64, a))
		return true; /* as the address inside */
	for (uint32_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (ipfilter_range_match(&special[i], a))
			return false;
	return a->family == 4 || ipfilter_range_match(&global_unicast, a);
}
