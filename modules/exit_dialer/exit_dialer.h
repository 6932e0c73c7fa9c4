/* SPDX-License-Identifier: BSD-2-Clause
 *
 * exit_dialer.h - what the files of this module share.
 *
 *   nat64.c        what the network's name servers make of IPv4 addresses
 *   lookup.c       one name: asks the system's name servers for A and AAAA
 *   verdict.c      what the filter says
 *   dial.c         one connection: judge, look up, judge, race
 *   associate.h    datagrams
 *   exit_dialer.c  options, the service, the count of connections
 */
#ifndef EXIT_DIALER_H
#define EXIT_DIALER_H

#include <stdbool.h>

#include <restunnel/module.h>
#include <restunnel/svc/dialer.h>
#include <restunnel/svc/filter.h>

/* ---- Look-up ---- */

#define LOOKUP_MAX 64U /* addresses of one family that are listened to; a longer answer is refused */
/* Look-ups under way at once. Each takes 80 KiB and a socket, and while no name server answers they only gather. */
#define LOOKUPS_MAX 512U

struct exit_dialer_lookup;

/* The answer for one family: `n` addresses, each with the port; or none, and why not. Called from the loop, twice unless
 * cancelled. */
typedef void exit_dialer_lookup_cb(void *arg, const struct rtun_addr *a, uint32_t n, const char *why);

/* 0 or -RTUN_ENOMEM; every other failure comes through cb. */
int exit_dialer_lookup_start(struct rtun_ctx *ctx, const char *resolv_conf, const char *host, uint16_t port,
			     exit_dialer_lookup_cb *cb, void *arg, struct exit_dialer_lookup **ret);
void exit_dialer_lookup_cancel(struct exit_dialer_lookup **l);

/* ---- NAT64 ---- */

struct exit_dialer_nat64 {
	struct rtun_ctx *ctx;
	const struct rtun_ref *filter; /* has `translated` */
	const char *const *resolv_conf;
	const uint64_t *patience;
	rtun_cb *told; /* the name servers have been asked, with or without success */
	void *arg;
	struct rtun_timer *timer;
	struct rtun_subscription *changes;
	struct exit_dialer_lookup *lookup; /* not NULL: IPv6 addresses can't be judged yet */
	uint32_t families;
	bool heard;
	uint64_t pause; /* before it is asked for again */
};

int exit_dialer_nat64_start(struct exit_dialer_nat64 *n);
void exit_dialer_nat64_stop(struct exit_dialer_nat64 *n);

/* ---- Dial ---- */

struct exit_dialer_options {
	struct rtun_ref filter;
	uint64_t connect_timeout;
	uint64_t dns_timeout;
	uint64_t max_connections;
	uint64_t max_associations, association_timeout, association_peers, association_buffer;
	const char *resolv_conf;
};

/* Streams may outlive the instance: they hold this, not that. */
struct exit_dialer_load {
	uint64_t open;
	bool orphan; /* the instance is gone: the last stream frees it */
};

struct exit_dialer_dial;
struct exit_dialer_association;

/* Why a datagram was dropped, for the metric. */
#define EXIT_DIALER_DROP_REFUSED 0    /* by the filter */
#define EXIT_DIALER_DROP_UNEXPECTED 1 /* it came from somebody who was not sent to */
#define EXIT_DIALER_DROP_NAME 2       /* its name does not resolve, or too much waits for that */
#define EXIT_DIALER_DROP_MALFORMED 3
#define EXIT_DIALER_DROP_LOST 4       /* the system did not take it */
#define EXIT_DIALER_DROPS 5

struct exit_dialer {
	struct rtun_ctx *ctx;
	struct exit_dialer_options o;
	struct exit_dialer_load *load;
	struct exit_dialer_dial *dials;
	uint64_t dialling;
	uint32_t lookups;
	struct exit_dialer_nat64 nat64;
	struct exit_dialer_association *open;
	uint64_t associations;
	uint64_t dropped[EXIT_DIALER_DROPS];
};

/* ---- Judgement ---- */

#define EXIT_DIALER_NOT_PUBLIC RTUN_FILTER_ADDRESS ": not a public one"

/* `host`: the name that these are addresses of; NULL: they were asked for. 0, -RTUN_EUNREACHABLE or, whatever else the filter says, -RTUN_EDENIED */
int exit_dialer_verdict(const struct exit_dialer *d, const char *host, const struct rtun_addr *a, uint32_t n, uint32_t protocol,
			char why[RTUN_FILTER_WHY]);
/* Among them are IPv6 addresses, which can't be judged yet: see nat64.c. */
bool exit_dialer_too_early(const struct exit_dialer *d, const struct rtun_addr *a, uint32_t n);
/* ::ffff:a.b.c.d is a.b.c.d: judged and sent to as such. */
struct rtun_addr exit_dialer_plain(const struct rtun_addr *a);

/* ---- Connections ---- */

int exit_dialer_dial(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op);
void exit_dialer_dial_stop(struct exit_dialer *d);
/* IPv6 addresses can be judged: those that wait go on. */
void exit_dialer_dial_go_on(void *d);

/* ---- Datagrams ---- */

int exit_dialer_associate(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op);
void exit_dialer_associations_stop(struct exit_dialer *d);

#endif
