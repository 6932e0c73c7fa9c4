/* SPDX-License-Identifier: BSD-2-Clause
 *
 * node.h - the node's role: a link to each hub that it is paired with, and the exit behind them.
 */
#ifndef NODE_H
#define NODE_H

#include <stdbool.h>

#include "counter.h"
#include "exit.h"
#include "hello.h"
#include "hubs.h"
#include "probe.h"
#include "reach.h"
#include "report.h"
#include "transport_noise.h"

struct node {
	struct transport *t;
	struct rtun_ctx *ctx;
	struct hubs *hubs; /* hub_entry.tunnel is its struct link */
	struct counter counter;
	struct exits exits;
	struct enrolling *enrolling;
	struct examining *examining;
	struct rtun_subscription *changes; /* of the network */
	struct reporter reporter;
	uint64_t started_at;
	bool running, stopping;
};

int node_create(struct transport *t, struct node **ret);
int node_setup(struct node *n);
int node_start(struct node *n);
void node_drain(struct node *n);
void node_stop(struct node *n);
void node_destroy(struct node **n);
void node_status(struct node *n, struct rtun_status *status);
/* For reach: keystore, counter, window, version, a fresh session. */
void node_reach_setup(struct node *n, struct reach_setup *setup);
/* The same, for a tunnel to this hub. */
void node_reach_hub(struct node *n, const struct hub_entry *hub, struct reach_setup *setup);

/* Streams of all hubs. */
uint64_t node_streams(const struct node *n);

/* link.c: one hub, connected or on the way */
struct link;
struct link_state {
	bool online;
	struct mux_counters sums;  /* of its connections, since this program started */
	struct rtun_addr observed; /* how the hub sees this node */
	uint32_t connections;
	enum carrier by;           /* while online: which knock it let us in by */
	struct rtun_addr remote;   /* while online: the hub's address */
	const char *last_error;    /* NULL: none */
};
int link_create(struct node *n, struct hub_entry *hub, struct link **ret);
/* Perhaps it has to be found anew, and perhaps now it can be. */
void link_network_changed(struct link *l);
/* Say goodbye and forget. */
void link_destroy(struct link **l);
void link_state(const struct link *l, struct link_state *ret);

/* node_enroll.c */
void command_enroll(struct rtun_ctx *, const void *, struct rtun_reply *);
void enrolling_fini(struct node *n);

/* node_doctor.c */
void node_doctor(struct node *n, struct rtun_reply *reply);
void node_doctor_fini(struct node *n);

/* node_commands.c */
extern const struct rtun_event_type event_hub_up, event_hub_down;
struct event_hub { const char *hub, *reason; };
void command_hubs(struct rtun_ctx *, const void *, struct rtun_reply *);
void command_forget(struct rtun_ctx *, const void *, struct rtun_reply *);
/* The instance as a node, or NULL after an answer that says so. */
struct node *node_of(struct rtun_ctx *ctx, struct rtun_reply *reply);

#endif
