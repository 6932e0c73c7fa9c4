/* SPDX-License-Identifier: BSD-2-Clause
 *
 * lane.c - one connection of a node's tunnel.
 *
 *            reach ok               mux ended
 *   waiting ---------> reaching ------------> up ----------> waiting ...
 *      ^  timer            | failed                 (first pause again)
 *      `-------------------'  next pause
 */
#include <string.h>

#include "link.h"
#include "tlv.h"

#define REKEY_LOOK (10 * RTUN_S)
#define INDEX_MAX 254U

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
	struct lane *lane = arg;
	struct node *n = lane->link->node;
	struct noise_party self = party_of(lane->link);
	if (rekey_due(&lane->rekey, lane->mux, rtun_now(n->ctx), n->t->cfg.rekey_after) && rekey_ask(&lane->rekey, lane->mux, &self) < 0)
		link_error(lane->link, "new keys could not be asked for: out of memory, or the key can't be read");
	rtun_timer_start(lane->tick, REKEY_LOOK);
}

static void on_connect(void *arg, struct mux_stream *ms, const struct mux_target *target)
{
	struct node *n = ((struct lane *)arg)->link->node;
	if (n->stopping)
		mux_refuse(ms, RTUN_ENOEXIT, "the exit is shutting down");
	else if (node_streams(n) > n->t->cfg.max_streams)
		mux_refuse(ms, RTUN_EOVERLOAD, "the exit has as many streams as it may (max-streams)");
	else
		exit_connect(&n->exits, ms, target);
}

/* For at most a minute. */
#define SPREAD_MOST 60000U

static const struct tlv_row info_rows[] = {{TLV_SPREAD, false, 4, 4, 0}};

static int on_info(struct link *l, const uint8_t *p, uint32_t len)
{
	struct tlv_value spread;
	if (tlv_read(info_rows, 1, p, len, &spread) == 0 && spread.p) {
		uint64_t ms = tlv_number(&spread);
		l->spread = ms < SPREAD_MOST ? (uint32_t)ms : SPREAD_MOST;
	}
	return 0;
}

static const struct tlv_row close_rows[] = {{TLV_REASON, true, 1, 1, 0}};

static const char *farewell(uint64_t reason)
{
	switch (reason) {
	case RTUN_EDENIED:
		return "this node was revoked; to come back it must be paired again";
	case RTUN_ENOEXIT:
		return "the hub is shutting down";
	default:
		return "the hub ended the tunnel: another one of this node took its place";
	}
}

static int on_frame(void *arg, uint8_t type, const uint8_t *p, uint32_t len)
{
	struct lane *lane = arg;
	struct tlv_value reason;
	struct noise_party self = party_of(lane->link);
	if (type == FRAME_INFO)
		return on_info(lane->link, p, len);
	if (type == FRAME_REKEY_2)
		return rekey_on_frame(&lane->rekey, lane->mux, &self, rtun_now(lane->link->node->ctx), type, p, len);
	if (type != FRAME_CLOSE || tlv_read(close_rows, 1, p, len, &reason) < 0)
		return -1;
	link_error(lane->link, farewell(tlv_number(&reason)));
	return 0;
}

static void down(struct lane *lane, bool goodbye)
{
	if (lane->mux)
		mux_counters_keep(&lane->link->past, mux_counters(lane->mux));
	if (goodbye)
		mux_goodbye(&lane->mux, RTUN_ENOEXIT);
	else
		mux_destroy(&lane->mux);
	rekey_fini(&lane->rekey);
	rtun_timer_stop(lane->tick);
}

static void on_ended(void *arg, uint32_t err, const char *why)
{
	struct lane *lane = arg;
	struct link *l = lane->link;
	down(lane, false);
	link_lane_down(l, lane, err, why);
}

void lane_doubt(struct lane *lane)
{
	if (lane->mux && carry_is_local(&lane->local))
		mux_doubt(lane->mux);
	else if (lane->mux)
		on_ended(lane, RTUN_EUNREACHABLE, "the address that it came from is not this machine's any more");
}

static void on_ping(void *arg, struct mux *m)
{
	link_report(((struct lane *)arg)->link, m);
}

static const struct mux_events events = {.connect = on_connect, .frame = on_frame, .ping = on_ping, .ended = on_ended};

static int up(struct lane *lane, const struct reach_result *r)
{
	struct transport *t = lane->link->node->t;
	struct mux_setup setup = {.common = &t->mux, .events = &events, .arg = lane, .peer_window = r->hello.window};
	if (rekey_init(&lane->rekey, r->handshake, rtun_now(t->ctx)) < 0)
		return -RTUN_ENOMEM;
	setup.crypto = &lane->rekey.now->crypto;
	if (rtun_stream_addr(*r->s, RTUN_ADDR_LOCAL, &lane->local) < 0)
		lane->local = (struct rtun_addr){0};
	if (mux_create(&setup, r->s, &lane->mux) < 0) {
		down(lane, false);
		return -RTUN_ENOMEM;
	}
	rtun_timer_start(lane->tick, REKEY_LOOK);
	lane->up_since = rtun_now(t->ctx);
	return 0;
}

/* ---- on the way ---- */

static void on_reached(void *arg, const struct reach_result *r)
{
	struct lane *lane = arg;
	struct link *l = lane->link;
	const char *why = r->err ? r->why : NULL;
	lane->reach = NULL;
	link_bar(l, r);
	if (!why && up(lane, r) < 0)
		why = "out of memory";
	if (why) {
		if (l->up && !r->accepted && lane->index >= l->wanted)
			l->next_index = lane->index; /* nobody has seen it */
		link_error(l, why);
		lane_try_later(lane);
		return;
	}
	if (!link_lane_up(l, r))
		return;
	for (uint32_t i = 0; i < l->wanted; i++)
		if (&l->lanes[i] != lane)
			lane_join(&l->lanes[i], r);
}

static void start(struct lane *lane, struct reach_setup *setup)
{
	setup->cb = on_reached;
	setup->arg = lane;
	lane->index = setup->hello.index;
	if (reach_start(setup, &lane->reach) < 0) {
		link_error(lane->link, "the connection could not even be tried: out of memory, or the key can't be read");
		lane_try_later(lane);
	}
}

/* A hub knows one attempt of a device at a time: a second one would shut the door on the first. */
static bool another_is_on_its_way(const struct lane *lane)
{
	const struct link *l = lane->link;
	for (uint32_t i = 0; i < l->wanted; i++)
		if (&l->lanes[i] != lane && l->lanes[i].reach)
			return true;
	return false;
}

/* The first of a session announces all; one that comes back announces itself. */
void lane_try(struct lane *lane)
{
	struct link *l = lane->link;
	struct reach_setup setup;
	if (l->up && another_is_on_its_way(lane)) {
		rtun_timer_start(lane->again, link_pause(l, 0));
		return;
	}
	link_reach_setup(l, &setup);
	if (!l->up) {
		setup.hello.count = (uint8_t)l->wanted;
		l->next_index = l->wanted;
	} else if (l->next_index > INDEX_MAX) {
		return; /* all have been used; the others go on, and the next session begins anew */
	} else {
		setup.hello.index = (uint8_t)l->next_index++;
		setup.hello.count = (uint8_t)(setup.hello.index + 1);
		setup.knock_count = 1;
	}
	start(lane, &setup);
}

void lane_join(struct lane *lane, const struct reach_result *first)
{
	struct link *l = lane->link;
	struct reach_setup setup;
	link_reach_setup(l, &setup);
	setup.hello.index = (uint8_t)(lane - l->lanes);
	setup.hello.count = (uint8_t)l->wanted;
	setup.attempt = first->attempt;
	setup.to = first->remote;
	start(lane, &setup);
}

static void on_again(void *arg)
{
	lane_try(arg);
}

void lane_try_later(struct lane *lane)
{
	struct link *l = lane->link;
	uint32_t *tries = l->up ? &lane->tries : &l->tries;
	rtun_timer_start(lane->again, link_pause(l, (*tries)++));
}

void lane_rest(struct lane *lane)
{
	rtun_timer_stop(lane->again);
	reach_cancel(&lane->reach);
}

int lane_init(struct lane *lane, struct link *l)
{
	lane->link = l;
	if (rtun_timer_create(l->node->ctx, on_again, lane, &lane->again) < 0 || rtun_timer_create(l->node->ctx, on_tick, lane, &lane->tick) < 0)
		return -RTUN_ENOMEM;
	return 0;
}

void lane_fini(struct lane *lane)
{
	reach_cancel(&lane->reach);
	if (lane->tick)
		down(lane, true);
	rtun_timer_destroy(&lane->again);
	rtun_timer_destroy(&lane->tick);
}
