/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ipfilter.h - what the files of this module share.
 *
 *   range.c       addresses: the built-in table, and what hides inside an IPv6 address
 *   name.c        names: spelling, and names that never mean a public host
 *   nat64.c       what hides behind a prefix that only this network knows
 *   netlink.c     asking the kernel, and its news
 *   interface.c   the machine's own networks
 *   route.c       the way the kernel would send a packet: the default route, or a network of somebody's
 *   network.c     the two, read again when there are news
 *   barred.c      addresses that other modules have asked to deny
 *   strict.c      what may be asked for at all
 *   judge.c       the service: all of the above, put together
 *   ipfilter.c    the options
 */
#ifndef IPFILTER_H
#define IPFILTER_H

#include <linux/netlink.h>
#include <stdbool.h>

#include <restunnel/module.h>
#include <restunnel/svc/filter.h>

struct ipfilter_prefix {
	uint8_t family; /* 4, 6 */
	uint8_t bits;
	uint8_t ip[16];
};

bool ipfilter_range_match(const struct ipfilter_prefix *p, const struct rtun_addr *a);
/* The IPv4 address inside ::ffff:a.b.c.d, 64:ff9b::a.b.c.d or an ISATAP address: it has to be public too. */
bool ipfilter_range_embedded(const struct rtun_addr *a, struct rtun_addr *ret_v4);
/* ::ffff:a.b.c.d: another spelling of a.b.c.d. */
bool ipfilter_range_mapped(const struct rtun_addr *a);
/* By the built-in table alone, without looking at an embedded address. */
bool ipfilter_range_public(const struct rtun_addr *a);

/* Prefixes behind which this network puts IPv4 addresses. */
#define IPFILTER_NAT64_MAX 16U

struct ipfilter_nat64 {
	struct ipfilter_prefix items[IPFILTER_NAT64_MAX];
	uint32_t count;
};

/* From the IPv6 addresses that the network's name servers give for ipv4only.arpa; replaces what was learned before. */
void ipfilter_nat64_learn(struct ipfilter_nat64 *n, const struct rtun_addr *a, uint32_t count);
/* The IPv4 address inside, if this is behind prefix number `which`. */
bool ipfilter_nat64_embedded(const struct ipfilter_nat64 *n, uint32_t which, const struct rtun_addr *a, struct rtun_addr *ret_v4);

/* "example.com", "com": labels of host names, one dot between them. */
bool ipfilter_name_is_domain(const char *text);
/* NULL: may be looked up; else why not. */
const char *ipfilter_name_objection(const char *host, uint64_t len);

/* ---- The kernel ---- */

struct ipfilter_netlink {
	int ask, news; /* -1: not open */
	uint32_t sequence;
};

/* What news are about. */
#define IPFILTER_NEWS_ADDRESSES 1U
#define IPFILTER_NEWS_DEFAULTS 2U /* what may have changed a default route */
#define IPFILTER_NEWS_ROUTES 4U   /* others */

typedef void ipfilter_netlink_cb(void *arg, const struct nlmsghdr *h);

void ipfilter_netlink_init(struct ipfilter_netlink *n);
int ipfilter_netlink_open(struct ipfilter_netlink *n);
void ipfilter_netlink_fini(struct ipfilter_netlink *n);
/* cb gets each message of the answer, now. 0, the kernel's negative errno, or -EIO where it has not answered. */
int ipfilter_netlink_ask(struct ipfilter_netlink *n, struct nlmsghdr *question, ipfilter_netlink_cb *cb, void *arg);
/* What has changed since it was asked last: IPFILTER_NEWS_..., or-ed. */
uint32_t ipfilter_netlink_news(struct ipfilter_netlink *n);

/* The networks on which this machine has an address. */
struct ipfilter_interfaces {
	struct ipfilter_prefix *items;
	uint32_t count, capacity;
	bool known; /* false: the last reading failed, so nothing can be said to be public */
};

/* True: they are others than before. */
bool ipfilter_interfaces_read(struct ipfilter_interfaces *in, struct ipfilter_netlink *n);
void ipfilter_interfaces_fini(struct ipfilter_interfaces *in);
/* One address with the length of its network: adds the address, and the network unless it is everything (/0); of a global
 * IPv6 address the /56 around it, too: the other networks that its router was given. */
int ipfilter_interfaces_add(struct ipfilter_interfaces *in, const struct rtun_addr *a, uint32_t bits);
bool ipfilter_interfaces_match(const struct ipfilter_interfaces *in, const struct rtun_addr *a);

#define IPFILTER_HOPS 16

struct ipfilter_hop {
	uint32_t device;
	uint8_t gateway_family; /* of the kernel: AF_INET, AF_INET6; 0: none */
	uint8_t gateway[16];
};

/* What the kernel says about the way to an address. */
struct ipfilter_route {
	uint32_t table, nexthop; /* nexthop: the kernel's number of a shared one; 0: none */
	uint8_t type, bits;      /* RTN_UNICAST ...; length of the prefix that was matched */
	bool learned;            /* from router advertisements: the routers of a link stand in for each other */
	bool halves;             /* a default route in two halves, as VPNs make them */
	uint8_t hop_count;
	struct ipfilter_hop hops[IPFILTER_HOPS];
	struct rtun_addr source;
};

struct ipfilter_routes {
	struct rtun_ctx *ctx;
	struct ipfilter_netlink *netlink;
	bool broken;   /* the last question could not be asked: said in the log once */
	bool known[2]; /* is there a default route: IPv4, IPv6 */
	struct ipfilter_route standard[2];
};

enum ipfilter_way {
	IPFILTER_WAY_DEFAULT, /* as everything that has no route of its own */
	IPFILTER_WAY_OTHER,   /* to the machine itself, a neighbour, a VPN, or it can't be told */
	IPFILTER_WAY_NONE,    /* nothing would leave: there is no default route for this kind of address */
};

void ipfilter_routes_init(struct ipfilter_routes *r, struct rtun_ctx *ctx, struct ipfilter_netlink *netlink);
/* Look for the default routes. True: they are others than before. */
bool ipfilter_routes_find(struct ipfilter_routes *r);
enum ipfilter_way ipfilter_routes_way(struct ipfilter_routes *r, const struct rtun_addr *a, uint32_t protocol);

/* Where this machine is. */
struct ipfilter_network {
	struct rtun_ctx *ctx;
	struct ipfilter_netlink netlink;
	struct ipfilter_interfaces interfaces;
	struct ipfilter_routes routes;
	struct rtun_watch *watch;
	struct rtun_timer *calm;
	bool waits;          /* for calm, to tell others */
	uint32_t unread;     /* IPFILTER_NEWS_... */
	uint32_t generation; /* of all that judgements rest on; rises with news */
};

extern const struct rtun_event_type ipfilter_event_changed;

void ipfilter_network_init(struct ipfilter_network *n, struct rtun_ctx *ctx);
/* 0 or -RTUN_EIO, which the log explains. */
int ipfilter_network_open(struct ipfilter_network *n);
int ipfilter_network_watch(struct ipfilter_network *n);
void ipfilter_network_unwatch(struct ipfilter_network *n);
void ipfilter_network_fini(struct ipfilter_network *n);
/* Before each judgement: what has changed is read again. */
void ipfilter_network_refresh(struct ipfilter_network *n);

/* ---- What others say ---- */

struct ipfilter_bar {
	const void *owner;
	struct ipfilter_prefix prefix;
};

struct ipfilter_barred {
	struct ipfilter_bar *items;
	uint32_t count;
};

/* Replaces what this owner has barred so far. */
int ipfilter_barred_set(struct ipfilter_barred *b, const void *owner, const struct rtun_addr *a, uint32_t n);
bool ipfilter_barred_match(const struct ipfilter_barred *b, const struct rtun_addr *a);
void ipfilter_barred_fini(struct ipfilter_barred *b);

/* ---- The filter ---- */

struct ipfilter_ports {
	uint16_t first, last;
};

#define IPFILTER_MEMOS 256U

/* The verdict about one address: datagrams to it come by the thousand, and connections are judged before and after. */
struct ipfilter_memo {
	struct rtun_addr to;
	int verdict;
	uint32_t generation; /* of the network; 0: never */
	uint32_t protocol;
	uint64_t until;
};

/* One entry of `allow`: a target of either kind, or any where both are empty; a port, or any. */
struct ipfilter_allow {
	struct rtun_list domains, addresses, ports; /* of texts, struct rtun_prefix, texts */
};

struct ipfilter {
	struct ipfilter_network network;
	struct ipfilter_barred barred;
	struct ipfilter_nat64 nat64;
	struct ipfilter_prefix *deny;
	struct ipfilter_ports *ports;
	uint32_t deny_count, ports_count;
	bool strict;
	struct rtun_list allow; /* of struct ipfilter_allow; the core's */
	struct ipfilter_memo memos[IPFILTER_MEMOS];
};

/* "8333" or "6660-6669" */
bool ipfilter_ports_parse(const char *text, struct ipfilter_ports *ret);

/* Without `strict` everything passes. */
enum ipfilter_strict { IPFILTER_STRICT_PASS, IPFILTER_STRICT_PORT, IPFILTER_STRICT_TARGET };
enum ipfilter_strict ipfilter_strict_name(const struct ipfilter *f, const char *host, uint64_t len, uint16_t port);
enum ipfilter_strict ipfilter_strict_address(const struct ipfilter *f, const struct rtun_addr *to);

extern const struct rtun_filter_ops ipfilter_ops;

#endif
