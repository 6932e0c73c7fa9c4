/* SPDX-License-Identifier: BSD-2-Clause
 *
 * rtun.filter/1: may this destination be reached from here? Asked by a dialer about every target before it resolves
 * it and about every address before it connects. Quick, nothing leaves the machine; [loop]. Nothing ever falls through:
 * `name` or `addresses` missing, or an answer that is neither 0 nor understood, is a denial.
 */
#ifndef RESTUNNEL_SVC_FILTER_H
#define RESTUNNEL_SVC_FILTER_H

#include "../abi.h"

#define RTUN_FILTER "rtun.filter/1"

#define RTUN_FILTER_TCP 6
#define RTUN_FILTER_UDP 17
#define RTUN_FILTER_NAT64_NAME "ipv4only.arpa"
#define RTUN_FILTER_WHY 128 /* bytes of the reason, with its NUL */

/* What a refusal rests on. `why` begins with one of these words and a colon; there are no others, and none describes the
 * local network. A hub counts them; add none of your own. */
#define RTUN_FILTER_NAME "name"         /* not a public host's: its spelling, or what it stands for */
#define RTUN_FILTER_ADDRESS "address"   /* not public, for whatever reason; the same for all of them */
#define RTUN_FILTER_PORT "port"
#define RTUN_FILTER_PROTOCOL "protocol" /* neither TCP nor UDP */

struct rtun_filter_ops {
	uint32_t size;
	uint32_t reserved;
	/* A target as it was asked for, `len` bytes that may hold anything: is it a name that may be looked up?
	 * 0, or -RTUN_EDENIED with the reason in `why`. */
	int (*name)(void *obj, const char *host, uint64_t len, uint16_t port, uint32_t protocol, char why[RTUN_FILTER_WHY]);
	/* All addresses of one answer (or one literal): 0 only when none of them is forbidden and at least one may be reached.
	 * -RTUN_EUNREACHABLE: none is forbidden, but no way to the internet leads to any (no IPv6 here). In an answer that is
	 * allowed there may be such addresses: judge each one alone, again, before it is connected to. */
	int (*addresses)(void *obj, const struct rtun_addr *a, uint32_t n, uint32_t protocol, char why[RTUN_FILTER_WHY]);
	/* Besides what is configured, deny these addresses, an IPv6 one with its whole /64, on behalf of `owner` (any
	 * pointer of its own) until it calls again: the list replaces its earlier one, n = 0 ends it. 0 or -RTUN_ENOMEM, which
	 * leaves the earlier list. May be missing in older filters. */
	int (*deny)(void *obj, const void *owner, const struct rtun_addr *addrs, uint32_t n);
	/* The IPv6 addresses that the name servers of this network give for RTUN_FILTER_NAT64_NAME (RFC 7050). From them the
	 * filter learns behind which prefixes this network puts IPv4 addresses (RFC 6052), and judges those inside, too.
	 * Replaces what was told before; n = 0: there is no translation here. May be missing: then nobody needs to ask. */
	void (*translated)(void *obj, const struct rtun_addr *addrs, uint32_t n);
	/* May a datagram be sent to this address? To be asked about each: what was said before is remembered for a second, and
	 * until anything changes that it rests on. 0, -RTUN_EDENIED or -RTUN_EUNREACHABLE. May be missing: then ask `addresses`. */
	int (*datagram)(void *obj, const struct rtun_addr *to);
	/* As `addresses`, of the answer for a name that `name` has allowed: a filter may allow some names only, and to `addresses`
	 * they would be addresses that nobody has named. May be missing: then ask `addresses`. */
	int (*resolved)(void *obj, const char *host, const struct rtun_addr *a, uint32_t n, uint32_t protocol, char why[RTUN_FILTER_WHY]);
};

#endif
