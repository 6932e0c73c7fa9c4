/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ipfilter.h - what the files of this module share.
 *
 *   range.c       addresses: the built-in table, and what hides inside an IPv6 address
 *   name.c        names: spelling, and names that never mean a public host
 *   interface.c   the machine's own networks, followed as they change
 *   ipfilter.c    the options, and the service
 */
#ifndef IPFILTER_H
#define IPFILTER_H

#include <stdbool.h>

#include <restunnel/module.h>

struct ipfilter_prefix {
	uint8_t family; /* 4, 6 */
	uint8_t bits;
	uint8_t ip[16];
};

bool ipfilter_range_match(const struct ipfilter_prefix *p, const struct rtun_addr *a);
/* The IPv4 address inside ::ffff:a.b.c.d, 64:ff9b::a.b.c.d or an ISATAP address: it has to be public too. */
bool ipfilter_range_embedded(const struct rtun_addr *a, struct rtun_addr *ret_v4);
/* By the built-in table alone, without looking at an embedded address. */
bool ipfilter_range_public(const struct rtun_addr *a);

/* NULL: may be looked up; else why not. */
const char *ipfilter_name_objection(const char *host, uint64_t len);

/* The networks on which this machine has an address. */
struct ipfilter_interfaces {
	struct rtun_ctx *ctx;
	struct rtun_watch *watch;
	struct rtun_timer *retry;
	struct ipfilter_prefix *items;
	uint32_t count, capacity;
	int fd;
	bool known; /* false: the last reading failed, so nothing can be said to be public */
};

void ipfilter_interfaces_init(struct ipfilter_interfaces *in, struct rtun_ctx *ctx);
int ipfilter_interfaces_open(struct ipfilter_interfaces *in);
int ipfilter_interfaces_watch(struct ipfilter_interfaces *in);
void ipfilter_interfaces_unwatch(struct ipfilter_interfaces *in);
void ipfilter_interfaces_fini(struct ipfilter_interfaces *in);
/* One address with the length of its network: adds the address, and the network unless it is everything (/0). */
int ipfilter_interfaces_add(struct ipfilter_interfaces *in, const struct rtun_addr *a, uint32_t bits);
bool ipfilter_interfaces_match(const struct ipfilter_interfaces *in, const struct rtun_addr *a);

#endif
