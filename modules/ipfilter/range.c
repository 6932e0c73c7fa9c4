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
	V4(8, 0),                            /* this network, RFC 791: Linux connects 0.0.0.0 to itself */
	V4(8, 10),                           /* private, RFC 1918 */
	V4(10, 100, 64),                     /* shared between carriers and customers, RFC 6598 */
	V4(8, 127),                          /* loopback, RFC 1122 */
	V4(16, 169, 254),                    /* link-local, RFC 3927; metadata of clouds */
	V4(12, 172, 16),                     /* private, RFC 1918 */
	V4(24, 192, 0, 0),                   /* IETF protocol assignments, RFC 6890 */
	V4(24, 192, 0, 2),                   /* documentation, RFC 5737 */
	V4(24, 192, 31, 196),                /* AS112, RFC 7535 */
	V4(24, 192, 52, 193),                /* AMT, RFC 7450 */
	V4(24, 192, 88, 99),                 /* former 6to4 relays, RFC 7526 */
	V4(16, 192, 168),                    /* private, RFC 1918 */
	V4(24, 192, 175, 48),                /* AS112, RFC 7534 */
	V4(15, 198, 18),                     /* benchmarks, RFC 2544 */
	V4(24, 198, 51, 100),                /* documentation, RFC 5737 */
	V4(24, 203, 0, 113),                 /* documentation, RFC 5737 */
	V4(4, 224),                          /* multicast, RFC 5771 */
	V4(4, 240),                          /* reserved, RFC 1112; broadcast */
	V6(23, 0x20, 0x01),                  /* IETF protocol assignments, RFC 2928: Teredo, ORCHID ... */
	V6(32, 0x20, 0x01, 0x0d, 0xb8),      /* documentation, RFC 3849 */
	V6(16, 0x20, 0x02),                  /* 6to4, RFC 3056 */
	V6(48, 0x26, 0x20, 0, 0x4f, 0x80),   /* AS112, RFC 7534 */
	V6(16, 0x3f, 0xfe),                  /* former 6bone, RFC 3701 */
	V6(20, 0x3f, 0xff),                  /* documentation, RFC 9637 */
	/* All that follow lie outside 2000::/3 and are denied anyway. They are here so that the table alone says what is
	 * promised, and goes on saying so should the rule about 2000::/3 ever be widened. */
	V6(96, 0),                           /* unspecified, loopback, IPv4-compatible, RFC 4291 */
	V6(96, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff), /* IPv4-translated, RFC 2765 */
	V6(48, 0, 0x64, 0xff, 0x9b, 0, 1),   /* NAT64 of the local network, RFC 8215 */
	V6(64, 0x01),                        /* discard, RFC 6666 */
	V6(64, 0x01, 0, 0, 0, 0, 0, 0, 1),   /* dummy, RFC 9780 */
	V6(16, 0x5f, 0x00),                  /* segment routing, RFC 9602 */
	V6(7, 0xfc),                         /* unique local, RFC 4193 */
	V6(10, 0xfe, 0x80),                  /* link-local, RFC 4291 */
	V6(10, 0xfe, 0xc0),                  /* site-local, RFC 3879 */
	V6(8, 0xff),                         /* multicast, RFC 4291 */
};

static const struct ipfilter_prefix global_unicast = V6(3, 0x20);
/* RFC 4291, section 2.5.5.2, and RFC 6052 */
static const struct ipfilter_prefix mapped = V6(96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);
static const struct ipfilter_prefix nat64 = V6(96, 0, 0x64, 0xff, 0x9b);

bool ipfilter_range_match(const struct ipfilter_prefix *p, const struct rtun_addr *a)
{
	uint32_t whole = p->bits / 8U, rest = p->bits % 8U;

	if (p->family != a->family || memcmp(p->ip, a->ip, whole) != 0)
		return false;
	return rest == 0 || ((p->ip[whole] ^ a->ip[whole]) >> (8U - rest)) == 0;
}

/* RFC 5214, section 6.1 */
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
