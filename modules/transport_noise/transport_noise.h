/* SPDX-License-Identifier: BSD-2-Clause
 *
 * transport_noise.h - the instance: its options, and its two roles.
 *
 *   transport_noise.c   descriptor, options, which role
 *   hub.c               accepts nodes, is a dialer;  hub_enroll.c, hub_dial.c, hub_commands.c
 *   node.c              keeps a link to each hub;    link.c, exit.c, node_commands.c
 *   mux*.c record.c     many streams over one connection
 *   reach.c arrival.c hello.c noise*.c tlv.c   from a socket to keys, on either side
 *   device.c token.c secret.c / hubs.c counter.c   what is remembered
 */
#ifndef TRANSPORT_NOISE_H
#define TRANSPORT_NOISE_H

#include <restunnel/module.h>
#include <restunnel/svc/dialer.h>
#include <restunnel/svc/filter.h>
#include <restunnel/svc/keystore.h>

#include "mux.h"

enum { ROLE_HUB, ROLE_NODE };
enum { CONCEAL_AUTO, CONCEAL_CLOSED, CONCEAL_FILTERED, CONCEAL_NONE };

enum { CONGESTION_AUTO, CONGESTION_SYSTEM };

struct transport_cfg {
	uint32_t role, conceal;
	struct rtun_list listen; /* hub */
	struct rtun_hostport public;
	struct rtun_ref keystore;
	struct rtun_ref to; /* node: the dialer that streams leave through */
	struct rtun_ref filter; /* node: is told which addresses the tunnels have */
	const char *device_name; /* node: what it asks to be called when it enrols; NULL: the host's name */
	uint32_t connections; /* 0: auto */
	uint64_t window, window_max, window_budget;
	uint32_t congestion;
	uint64_t max_streams;
	uint64_t rekey_after; /* ns; node */
	uint64_t session_ttl; /* ns; hub */
	uint32_t report_status; /* node */
};

struct transport {
	struct rtun_ctx *ctx;
	struct transport_cfg cfg;
	struct mux_common mux;
	struct hub *hub;   /* exactly one of the two */
	struct node *node;
};

#define KEY_HUB "hub"
#define KEY_NODE "node"

static inline const struct rtun_keystore_ops *transport_keystore(const struct transport *t)
{
	return (const struct rtun_keystore_ops *)t->cfg.keystore.ops;
}

#define CONNECTIONS_AUTO 4U
static inline uint32_t transport_connections(const struct transport *t)
{
	return t->cfg.connections ? t->cfg.connections : CONNECTIONS_AUTO;
}

/* hub.h, node.h have their lifecycles; commands of both are in the descriptor's table. */
extern const struct rtun_dialer_ops hub_dialer_ops;

#endif
