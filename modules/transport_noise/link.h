/* SPDX-License-Identifier: BSD-2-Clause
 *
 * link.h - a node's tunnel to one hub, and the connections that it is made of. Shared by link.c and lane.c.
 *
 *   link (link.c)      always there, or being tried again; a session of its own from its first connection to its last
 *     `- lane (lane.c) one connection of it, up or being tried again
 *
 * The first lane knocks for all, and announces how many there will be; when it is up the others follow through the gate
 * that is still open to them. A lane that breaks while others live comes back by a knock of its own, into the same
 * session; when the last one breaks the session is over.
 */
#ifndef LINK_H
#define LINK_H

#include "node.h"
#include "rekey.h"
#include "survey.h"

#define LINK_LANES 8
#define LINK_SEEN 16U

struct lane {
	struct link *link;
	struct rtun_timer *again;
	struct reach *reach;
	struct mux *mux;
	struct rekey rekey;
	struct rtun_addr local;  /* while it is up: where it comes from */
	struct rtun_timer *tick; /* while it is up: is it time for new keys? */
	uint32_t tries;          /* that failed since it was up for a while */
	uint64_t up_since;
	uint8_t index;           /* of the last try, in the session */
};

struct link {
	struct node *node;
	struct hub_entry *hub;
	struct lane lanes[LINK_LANES];
	uint32_t wanted;         /* lanes that there should be */
	uint32_t up;             /* and are */
	uint32_t tries;          /* that failed since the last good tunnel */
	uint64_t up_since;       /* the tunnel */
	uint32_t spread;         /* ms: what the hub asks for */
	bool alone;              /* the last tunnel ended by silence: the hub may be as well as ever */
	uint8_t session[HELLO_SESSION];
	uint32_t next_index;     /* in this session */
	uint8_t public_key[32];
	enum carrier liked;      /* the kind of knock that worked last */
	uint64_t tried_at, moved_at; /* moved: when the network changed last */
	struct survey survey;
	struct mux_counters past; /* of connections that have ended */
	struct report told;      /* to the hub, in this session */
	uint64_t told_at;        /* 0: nothing */
	struct rtun_addr remote, observed;
	struct rtun_addr found[REACH_ADDRESSES]; /* the hub's */
	uint32_t found_count;
	struct rtun_addr seen[LINK_SEEN]; /* all that were observed: see remember() */
	uint32_t seen_count;
	char last_error[192];
};

/* Before the next try, after so many that failed; ns. */
uint64_t link_pause(const struct link *l, uint32_t tries);
void link_error(struct link *l, const char *why);
/* How to reach the hub from here, as far as that is the link's business. */
void link_reach_setup(struct link *l, struct reach_setup *setup);
/* Someone has looked, successfully or not: what is a forbidden target from now on. */
void link_bar(struct link *l, const struct reach_result *r);
/* A PING goes on `m`: is there something to tell the hub? */
void link_report(struct link *l, struct mux *m);
/* A lane is up: 1: it is the first of its session. */
int link_lane_up(struct link *l, const struct reach_result *r);
/* It tries again, or the session is over. */
void link_lane_down(struct link *l, struct lane *lane, uint32_t err, const char *why);

int lane_init(struct lane *lane, struct link *l);
void lane_fini(struct lane *lane);
/* Try at once, or after the next pause. */
void lane_try(struct lane *lane);
void lane_try_later(struct lane *lane);
/* Join the session of `first`, which has just come up, through the gate that its knock has opened. */
void lane_join(struct lane *lane, const struct reach_result *first);
/* The network is another one: the connection ends where its address has gone, or else has to prove that it lives. */
void lane_doubt(struct lane *lane);
/* Stop trying. */
void lane_rest(struct lane *lane);

#endif
