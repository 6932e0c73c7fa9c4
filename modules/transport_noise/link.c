/* SPDX-License-Identifier: BSD-2-Clause
 *
 * link.c - a node's tunnel to one hub: always there, or being tried again.
 *
 *            reach ok               mux ended
 *   waiting ---------> reaching ------------> up ----------> waiting ...
 *      ^  timer            | failed                 (first pause again)
 *      `-------------------'  next pause, up to a minute
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"
#include "rekey.h"
#include "survey.h"
#include "tlv.h"

/* A tunnel that was up for so long was a good one: the next try starts with the first pause. */
#define GOOD (10 * RTUN_S)
#define REKEY_LOOK (10 * RTUN_S)
#define LINK_SEEN 16U

struct link {
	struct node *node;
	struct hub_entry *hub;
	struct rtun_timer *again;
	struct reach *reach;
	struct mux *mux;
	struct rekey rekey;
	struct survey survey;
	struct rtun_timer *tick; /* while it is up: is it time for new keys? */
	uint8_t public_key[32];
	enum carrier liked; /* the kind of knock that worked last */
	uint32_t tries;
	uint64_t up_since;
	struct rtun_addr remote, observed;
	struct rtun_addr seen[LINK_SEEN]; /* all that were observed: see remember() */
	uint32_t seen_count;
	char last_error[192];
};

static void try_now(void *arg);

/* 0.25, 0.5, 1, 2 s, then slower: a hub that restarts is found at once, one that is gone costs nothing. ±30 %, so that
 * nodes that were cut off together do not come back together. */
static uint64_t pause_before(uint32_t tries)
{
	static const uint32_t ms[] = {250, 500, 1000, 2000, 4000, 8000, 15000, 30000, 60000};
	const uint32_t last = sizeof(ms) / sizeof(ms[0]) - 1;
	uint64_t base = ms[tries < last ? tries : last];
	return (base * 700 + randombytes_uniform(601) * base) / 1000 * RTUN_MS;
}

static void try_later(struct link *l)
{
	rtun_timer_start(l->again, pause_before(l->tries++));
}

static void note_error(struct link *l, const char *why)
{
	bool news = strcmp(l->last_error, why) != 0;
	snprintf(l->last_error, sizeof(l->last_error), "%s", why);
	rtun_log(l->node->ctx, news ? RTUN_WARN : RTUN_DEBUG, "hub %s: %s", l->hub->name, why);
}

/* ---- up ---- */

static int dh(void *arg, const uint8_t peer[32], uint8_t out[32])
{
	struct transport *t = arg;
	return transport_keystore(t)->dh(t->cfg.keystore.obj, KEY_NODE, peer, out);
}

static struct noise_party party_of(struct link *l)
{
	return (struct noise_party){
		.public_key = l->public_key, .dh = dh, .dh_arg = l->node->t, .remote_static = l->hub->key, .psk = l->hub->psk,
	};
}

static void on_tick(void *arg)
{
	struct link *l = arg;
	struct noise_party self = party_of(l);
	if (rekey_due(&l->rekey, l->mux, rtun_now(l->node->ctx), l->node->t->cfg.rekey_after) && rekey_ask(&l->rekey, l->mux, &self) < 0)
		note_error(l, "new keys could not be asked for: out of memory, or the key can't be read");
	rtun_timer_start(l->tick, REKEY_LOOK);
}

static void on_connect(void *arg, struct mux_stream *ms, const struct mux_target *target)
{
	struct link *l = arg;
	struct node *n = l->node;
	uint64_t streams = 0;
	for (uint32_t i = 0; i < n->hubs->count; i++) {
		struct link_state s;
		link_state(n->hubs->items[i]->tunnel, &s);
		streams += s.streams;
	}
	if (n->stopping)
		mux_refuse(ms, RTUN_ENOEXIT, "the exit is shutting down");
	else if (streams > n->t->cfg.max_streams)
		mux_refuse(ms, RTUN_EOVERLOAD, "the exit has as many streams as it may (max-streams)");
	else
		exit_connect(&n->exits, ms, target);
}

static const struct tlv_row close_rows[] = {{TLV_REASON, true, 1, 1, 0}};

static int on_frame(void *arg, uint8_t type, const uint8_t *p, uint32_t len)
{
	struct link *l = arg;
	struct tlv_value reason;
	struct noise_party self = party_of(l);
	if (type == FRAME_INFO)
		return 0;
	if (type == FRAME_REKEY_2)
		return rekey_on_frame(&l->rekey, l->mux, &self, rtun_now(l->node->ctx), type, p, len);
	if (type != FRAME_CLOSE || tlv_read(close_rows, 1, p, len, &reason) < 0)
		return -1;
	switch (tlv_number(&reason)) {
	case RTUN_EDENIED:
		note_error(l, "this node was revoked; to come back it must be paired again");
		break;
	case RTUN_ENOEXIT:
		note_error(l, "the hub is shutting down");
		break;
	default:
		note_error(l, "the hub ended the tunnel: another one of this node took its place");
	}
	return 0;
}

static void down(struct link *l, bool goodbye)
{
	if (goodbye)
		mux_goodbye(&l->mux, RTUN_ENOEXIT);
	else
		mux_destroy(&l->mux);
	survey_connected(&l->survey, NULL, NULL);
	rekey_fini(&l->rekey);
	rtun_timer_stop(l->tick);
	l->up_since = 0;
}

static void on_ended(void *arg, uint32_t err, const char *why)
{
	struct link *l = arg;
	(void)err;
	if (rtun_now(l->node->ctx) - l->up_since > GOOD)
		l->tries = 0;
	/* What the hub said in its last words is more than that the connection then ended. */
	if (!l->last_error[0])
		note_error(l, why);
	down(l, false);
	struct event_hub e = {.hub = l->hub->name, .reason = l->last_error};
	rtun_publish(l->node->ctx, &event_hub_down, &e);
	rtun_log(l->node->ctx, RTUN_NOTICE, "hub %s: disconnected: %s", l->hub->name, l->last_error);
	try_later(l);
}

static const struct mux_events events = {.connect = on_connect, .frame = on_frame, .ended = on_ended};

static int up(struct link *l, const struct reach_result *r)
{
	struct transport *t = l->node->t;
	struct mux_setup setup = {.common = &t->mux, .events = &events, .arg = l, .peer_window = r->hello.window};
	if (rekey_init(&l->rekey, r->handshake, rtun_now(t->ctx)) < 0)
		return -RTUN_ENOMEM;
	setup.crypto = &l->rekey.now->crypto;
	if (mux_create(&setup, r->s, &l->mux) < 0) {
		down(l, false);
		return -RTUN_ENOMEM;
	}
	transport_keystore(t)->public_key(t->cfg.keystore.obj, KEY_NODE, l->public_key);
	rtun_timer_start(l->tick, REKEY_LOOK);
	l->up_since = rtun_now(t->ctx);
	l->remote = r->remote;
	l->observed = r->hello.observed;
	l->last_error[0] = 0;
	survey_connected(&l->survey, l->mux, &l->remote);
	struct event_hub e = {.hub = l->hub->name};
	rtun_publish(t->ctx, &event_hub_up, &e);
	rtun_log(t->ctx, RTUN_NOTICE, "hub %s: connected as %s", l->hub->name, l->hub->device_name);
	return 0;
}

/* ---- on the way ---- */

/* What a hub once said stays true for this process: one that turns hostile must not make us forget our router's address by
 * naming another. The first half of the places is never given away, the second to the newest. */
static void remember(struct link *l, const struct rtun_addr *observed)
{
	uint32_t at = l->seen_count < LINK_SEEN ? l->seen_count : LINK_SEEN / 2 + l->seen_count % (LINK_SEEN / 2);
	for (uint32_t i = 0; i < l->seen_count && i < LINK_SEEN; i++)
		if (l->seen[i].family == observed->family && memcmp(l->seen[i].ip, observed->ip, sizeof(observed->ip)) == 0)
			return;
	l->seen[at] = *observed;
	l->seen_count++;
}

/* A hub must not reach itself or another hub through the exit, nor the router that stands before this node, whose outer
 * address may answer to those inside. What was observed last goes on: the router is still there when the tunnel is not. */
static void bar(struct link *l, const struct reach_result *r)
{
	const struct rtun_ref *filter = &l->node->t->cfg.filter;
	const struct rtun_filter_ops *ops = filter->ops;
	struct rtun_addr all[REACH_ADDRESSES + LINK_SEEN];
	uint32_t n = 0;
	if (!ops || !RTUN_HAS(struct rtun_filter_ops, ops, deny) || !r->found_count)
		return;
	for (; n < r->found_count && n < REACH_ADDRESSES; n++)
		all[n] = r->found[n];
	if (!r->err && r->hello.observed.family)
		remember(l, &r->hello.observed);
	for (uint32_t i = 0; i < l->seen_count && i < LINK_SEEN; i++)
		all[n++] = l->seen[i];
	if (ops->deny(filter->obj, l, all, n) < 0)
		rtun_log(l->node->ctx, RTUN_ERROR, "hub %s: out of memory: its address is not refused as a destination", l->hub->name);
}

static void unbar(struct link *l)
{
	const struct rtun_ref *filter = &l->node->t->cfg.filter;
	const struct rtun_filter_ops *ops = filter->ops;
	if (ops && RTUN_HAS(struct rtun_filter_ops, ops, deny))
		ops->deny(filter->obj, l, NULL, 0);
}

static void on_reached(void *arg, const struct reach_result *r)
{
	struct link *l = arg;
	l->reach = NULL;
	bar(l, r);
	if (r->err)
		note_error(l, r->why);
	else if (up(l, r) < 0)
		note_error(l, "out of memory");
	else
		l->liked = r->by;
	if (!l->mux)
		try_later(l);
}

static void try_now(void *arg)
{
	struct link *l = arg;
	struct reach_setup setup;
	node_reach_hub(l->node, l->hub, &setup);
	setup.liked = l->liked;
	setup.cb = on_reached;
	setup.arg = l;
	if (reach_start(&setup, &l->reach) < 0) {
		note_error(l, "the connection could not even be tried: out of memory, or the key can't be read");
		try_later(l);
	}
}

int link_create(struct node *n, struct hub_entry *hub, struct link **ret)
{
	struct link *l = calloc(1, sizeof(*l));
	if (!l)
		return -RTUN_ENOMEM;
	l->node = n;
	l->hub = hub;
	l->liked = CARRY_UDP;
	if (rtun_timer_create(n->ctx, try_now, l, &l->again) < 0 || rtun_timer_create(n->ctx, on_tick, l, &l->tick) < 0 ||
	    survey_init(&l->survey, n->ctx) < 0) {
		rtun_timer_destroy(&l->again);
		rtun_timer_destroy(&l->tick);
		free(l);
		return -RTUN_ENOMEM;
	}
	rtun_timer_start(l->again, 0);
	*ret = l;
	return 0;
}

void link_destroy(struct link **lp)
{
	struct link *l = *lp;
	if (!l)
		return;
	*lp = NULL;
	reach_cancel(&l->reach);
	rtun_timer_destroy(&l->again);
	down(l, true);
	survey_fini(&l->survey);
	unbar(l);
	rtun_timer_destroy(&l->tick);
	free(l);
}

void link_state(const struct link *l, struct link_state *ret)
{
	*ret = (struct link_state){0};
	if (!l)
		return;
	ret->online = l->mux != NULL;
	ret->observed = l->observed;
	ret->remote = l->remote;
	ret->by = l->mux ? l->liked : CARRY_NONE;
	ret->last_error = l->last_error[0] ? l->last_error : NULL;
	if (l->mux) {
		ret->rtt = mux_counters(l->mux)->rtt;
		ret->streams = mux_counters(l->mux)->streams;
	}
}
