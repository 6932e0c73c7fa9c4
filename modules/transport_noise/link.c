/* SPDX-License-Identifier: BSD-2-Clause
 *
 * link.c - a node's tunnel to one hub: see link.h.
 */
#include "link.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 0.25, 0.5, 1, 2 s, for some minutes no more than 8 s, then slower: a hub that restarts is found at once, one that is gone costs
 * little. Each half as much more or less by chance, so that nodes that were cut off together do not come back together; where they
 * are many, the hub has said so. */
#define PAUSE_CONNECTED 7 /* 8 s: as long as a lane's are while others live, which know that the hub is there */
uint64_t link_pause(const struct link *l, uint32_t tries)
{
	static const uint32_t ms[] = {250, 500, 1000, 2000, 4000, 4000, 4000, 8000, 8000, 8000, 15000, 15000, 30000};
	const uint32_t last = l->up ? PAUSE_CONNECTED : sizeof(ms) / sizeof(ms[0]) - 1;
	uint32_t base = ms[tries < last ? tries : last], most = base + base / 2;
	if (!l->up && (tries || !l->alone) && most < l->spread)
		most = l->spread; /* many others wait for the same hub */
	return (base / 2 + randombytes_uniform(most - base / 2)) * RTUN_MS;
}

/* What was up for so long was good: the next try starts with the first pause. */
#define GOOD (10 * RTUN_S)

/* After a change of the network, the end of a tunnel is taken for its consequence for so long. */
#define MOVING (5 * RTUN_S)

void link_error(struct link *l, const char *why)
{
	bool news = strcmp(l->last_error, why) != 0;
	snprintf(l->last_error, sizeof(l->last_error), "%s", why);
	rtun_log(l->node->ctx, news ? RTUN_WARN : RTUN_DEBUG, "hub %s: %s", l->hub->name, why);
}

/* ---- what the hub's address and our own must not be used for ---- */

static bool same_ip(const struct rtun_addr *a, const struct rtun_addr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

/* What a hub once said stays true for this process: one that turns hostile must not make us forget our router's address by
 * naming another. The first half of the places is never given away, the second to the newest. */
static void remember(struct link *l, const struct rtun_addr *observed)
{
	uint32_t at = l->seen_count < LINK_SEEN ? l->seen_count : LINK_SEEN / 2 + l->seen_count % (LINK_SEEN / 2);
	for (uint32_t i = 0; i < l->seen_count && i < LINK_SEEN; i++)
		if (same_ip(&l->seen[i], observed))
			return;
	l->seen[at] = *observed;
	l->seen_count++;
}

/* Where the hub is: its name's addresses when the session began, and others at which it was looked for since. */
static void remember_hub(struct link *l, const struct reach_result *r)
{
	if (!l->up)
		l->found_count = 0;
	for (uint32_t i = 0, k; i < r->found_count; i++) {
		for (k = 0; k < l->found_count && !same_ip(&l->found[k], &r->found[i]); k++)
			;
		if (k == l->found_count && k < REACH_ADDRESSES)
			l->found[l->found_count++] = r->found[i];
	}
}

/* A hub must not reach itself or another hub through the exit, nor the router that stands before this node, whose outer
 * address may answer to those inside. What was observed last goes on: the router is still there when the tunnel is not. Each
 * connection may have taken another way out, by another outer address. */
void link_bar(struct link *l, const struct reach_result *r)
{
	const struct rtun_ref *filter = &l->node->t->cfg.filter;
	const struct rtun_filter_ops *ops = filter->ops;
	struct rtun_addr all[REACH_ADDRESSES + LINK_SEEN];
	uint32_t n = 0;
	if (!r->found_count)
		return;
	remember_hub(l, r);
	if (!ops || !RTUN_HAS(struct rtun_filter_ops, ops, deny))
		return;
	if (!r->err && r->hello.observed.family)
		remember(l, &r->hello.observed);
	for (; n < l->found_count; n++)
		all[n] = l->found[n];
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

/* ---- lanes ---- */

void link_reach_setup(struct link *l, struct reach_setup *setup)
{
	if (!l->up)
		l->tried_at = rtun_now(l->node->ctx);
	node_reach_hub(l->node, l->hub, setup);
	/* Name servers that are slow now may know better: each fourth try waits for them. */
	setup->known = l->found;
	setup->known_count = l->tries % 4 == 3 ? 0 : l->found_count;
	setup->liked = l->liked;
	memcpy(setup->hello.session, l->session, HELLO_SESSION);
}

static struct mux *any_mux(const struct link *l)
{
	for (uint32_t i = 0; i < l->wanted; i++)
		if (l->lanes[i].mux)
			return l->lanes[i].mux;
	return NULL;
}

static void tell_hub(void *arg, const uint8_t *info, uint32_t len)
{
	struct mux *m = any_mux(arg);
	if (m)
		mux_send(m, FRAME_INFO, info, len);
}

static void sum_up(const struct link *l, struct mux_counters *ret)
{
	*ret = l->past;
	for (uint32_t i = 0; i < l->wanted; i++)
		if (l->lanes[i].mux)
			mux_counters_add(ret, mux_counters(l->lanes[i].mux));
}

void link_report(struct link *l, struct mux *m)
{
	struct node *n = l->node;
	uint64_t now = rtun_now(n->ctx);
	struct mux_counters c;
	uint8_t info[REPORT_MAX];
	if (!n->t->cfg.report_status || !reporter_look(&n->reporter) || (l->told_at && now - l->told_at < REPORT_EVERY))
		return;
	sum_up(l, &c);
	struct report r = {
		.machine = n->reporter.machine, .streams = c.streams_total, .denied = c.denied,
		.uptime = (uint32_t)((now - n->started_at) / RTUN_S), .rtt = (uint32_t)(c.rtt / 1000),
	};
	if (l->told_at && report_same(&r, &l->told))
		return;
	l->told = r;
	l->told_at = now;
	mux_send(m, FRAME_INFO, info, report_write(&r, info));
}

int link_lane_up(struct link *l, const struct reach_result *r)
{
	struct transport *t = l->node->t;
	l->last_error[0] = 0;
	if (l->up++)
		return 0;
	l->up_since = rtun_now(t->ctx);
	l->liked = r->by;
	l->remote = r->remote;
	l->observed = r->hello.observed;
	transport_keystore(t)->public_key(t->cfg.keystore.obj, KEY_NODE, l->public_key);
	survey_start(&l->survey, &l->remote);
	struct event_hub e = {.hub = l->hub->name};
	rtun_publish(t->ctx, &event_hub_up, &e);
	rtun_log(t->ctx, RTUN_NOTICE, "hub %s: connected as %s, in %u ms (knock: %s)", l->hub->name, l->hub->device_name,
		 (unsigned)((rtun_now(t->ctx) - l->tried_at) / RTUN_MS), carrier_names[r->by]);
	return 1;
}

static void new_session(struct link *l)
{
	randombytes_buf(l->session, sizeof(l->session));
	for (uint32_t i = 1; i < l->wanted; i++)
		lane_rest(&l->lanes[i]);
}

/* Nobody else comes at the same time where it is this machine that has moved. */
static void begin_again(struct link *l)
{
	uint64_t now = rtun_now(l->node->ctx);
	if (now - l->up_since > GOOD)
		l->tries = 0;
	lane_rest(&l->lanes[0]);
	new_session(l);
	if (l->moved_at && now - l->moved_at < MOVING)
		lane_try(&l->lanes[0]);
	else
		lane_try_later(&l->lanes[0]);
}

void link_lane_down(struct link *l, struct lane *lane, uint32_t err, const char *why)
{
	if (--l->up) {
		rtun_log(l->node->ctx, RTUN_INFO, "hub %s: one of its connections ended: %s", l->hub->name, why);
		if (rtun_now(l->node->ctx) - lane->up_since > GOOD)
			lane->tries = 0;
		lane_try_later(lane);
		for (uint32_t i = 0; i < l->wanted && err != RTUN_EUNREACHABLE; i++)
			if (l->lanes[i].mux)
				mux_suspect(l->lanes[i].mux); /* what ended this one may have ended all */
		return;
	}
	survey_stop(&l->survey);
	l->told_at = 0;
	l->alone = err == RTUN_ETIMEOUT || err == RTUN_EUNREACHABLE;
	/* What the hub said in its last words is more than that the connection then ended. */
	if (!l->last_error[0])
		link_error(l, why);
	struct event_hub e = {.hub = l->hub->name, .reason = l->last_error};
	rtun_publish(l->node->ctx, &event_hub_down, &e);
	rtun_log(l->node->ctx, RTUN_NOTICE, "hub %s: disconnected: %s", l->hub->name, l->last_error);
	begin_again(l);
}

/* What failed before failed elsewhere. An attempt that is under way leaves from an address of before: it begins anew. */
void link_network_changed(struct link *l)
{
	bool was_up = l->up > 0;
	l->moved_at = rtun_now(l->node->ctx);
	l->tries = 0;
	for (uint32_t i = 0; i < l->wanted; i++) {
		l->lanes[i].tries = 0;
		lane_doubt(&l->lanes[i]);
	}
	if (was_up && !l->up)
		return; /* it has begun anew already */
	for (uint32_t i = 0; i < (l->up ? l->wanted : 1); i++)
		if (!l->lanes[i].mux) {
			lane_rest(&l->lanes[i]);
			lane_try(&l->lanes[i]);
		}
}

/* ---- life ---- */

int link_create(struct node *n, struct hub_entry *hub, struct link **ret)
{
	struct link *l = calloc(1, sizeof(*l));
	if (!l)
		return -RTUN_ENOMEM;
	l->node = n;
	l->hub = hub;
	l->liked = CARRY_UDP;
	l->wanted = transport_connections(n->t);
	int r = survey_init(&l->survey, n->ctx, tell_hub, l);
	for (uint32_t i = 0; r == 0 && i < l->wanted; i++)
		r = lane_init(&l->lanes[i], l);
	if (r < 0) {
		link_destroy(&l);
		return r;
	}
	new_session(l);
	rtun_timer_start(l->lanes[0].again, 0);
	*ret = l;
	return 0;
}

void link_destroy(struct link **lp)
{
	struct link *l = *lp;
	if (!l)
		return;
	*lp = NULL;
	for (uint32_t i = 0; i < l->wanted; i++)
		lane_fini(&l->lanes[i]);
	survey_fini(&l->survey);
	unbar(l);
	free(l);
}

void link_state(const struct link *l, struct link_state *ret)
{
	*ret = (struct link_state){0};
	if (!l)
		return;
	ret->online = l->up > 0;
	ret->connections = l->up;
	ret->observed = l->observed;
	ret->remote = l->remote;
	ret->by = l->up ? l->liked : CARRY_NONE;
	ret->last_error = l->last_error[0] ? l->last_error : NULL;
	sum_up(l, &ret->sums);
}
