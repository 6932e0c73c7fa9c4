/* SPDX-License-Identifier: BSD-2-Clause
 *
 * node.c - the node's life: its key, its hubs, a link to each.
 */
#include "node.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int node_create(struct transport *t, struct node **ret)
{
	struct node *n = calloc(1, sizeof(*n));
	*ret = n;
	if (!n)
		return -RTUN_ENOMEM;
	n->t = t;
	n->ctx = t->ctx;
	n->exits = (struct exits){.ctx = t->ctx, .to = &t->cfg.to};
	reporter_init(&n->reporter, t->ctx);
	return 0;
}

int node_setup(struct node *n)
{
	int r = transport_keystore(n->t)->ensure(n->t->cfg.keystore.obj, KEY_NODE);
	if (r == 0)
		r = hubs_create(n->ctx, &n->hubs);
	if (r == 0)
		counter_load(&n->counter, n->ctx);
	return r;
}

static void network_changed(void *arg, const struct rtun_event_type *type, const char *instance, const void *payload)
{
	struct node *n = arg;
	(void)type, (void)instance, (void)payload;
	for (uint32_t i = 0; !n->stopping && i < n->hubs->count; i++)
		if (n->hubs->items[i]->tunnel)
			link_network_changed(n->hubs->items[i]->tunnel);
}

int node_start(struct node *n)
{
	int subscribed = rtun_subscribe(n->ctx, "network.changed", network_changed, n, &n->changes);
	if (subscribed < 0)
		return subscribed;
	n->running = true;
	n->started_at = rtun_now(n->ctx);
	if (n->t->cfg.report_status)
		reporter_look(&n->reporter);
	for (uint32_t i = 0; i < n->hubs->count; i++) {
		struct link *l;
		int r = link_create(n, n->hubs->items[i], &l);
		if (r < 0)
			return r;
		n->hubs->items[i]->tunnel = l;
	}
	return 0;
}

void node_drain(struct node *n)
{
	n->stopping = true;
}

void node_stop(struct node *n)
{
	rtun_unsubscribe(&n->changes);
	enrolling_fini(n);
	node_doctor_fini(n);
	reporter_fini(&n->reporter);
	exits_fini(&n->exits);
	for (uint32_t i = 0; n->hubs && i < n->hubs->count; i++) {
		struct link *l = n->hubs->items[i]->tunnel;
		n->hubs->items[i]->tunnel = NULL;
		link_destroy(&l);
	}
	n->running = false;
}

void node_destroy(struct node **np)
{
	struct node *n = *np;
	if (!n)
		return;
	node_stop(n);
	hubs_destroy(&n->hubs);
	free(n);
	*np = NULL;
}

static uint64_t next_counter(void *arg)
{
	return counter_next(&((struct node *)arg)->counter);
}

void node_reach_setup(struct node *n, struct reach_setup *setup)
{
	*setup = (struct reach_setup){
		.ctx = n->ctx,
		.keystore = transport_keystore(n->t),
		.keystore_obj = n->t->cfg.keystore.obj,
		.key_name = KEY_NODE,
		.liked = CARRY_UDP,
		.hello = {.count = 1, .window = (uint32_t)n->t->cfg.window, .datagrams = exits_have_datagrams(&n->exits)},
		.counter = next_counter,
		.counter_arg = n,
	};
	randombytes_buf(setup->hello.session, HELLO_SESSION);
	strncpy(setup->hello.version, rtun_program_version(n->ctx), HELLO_VERSION - 1);
}

void node_reach_hub(struct node *n, const struct hub_entry *hub, struct reach_setup *setup)
{
	node_reach_setup(n, setup);
	setup->host = hub->host;
	setup->port = hub->port;
	setup->pattern = NOISE_IKPSK2;
	setup->hub_key = hub->key;
	setup->psk = hub->psk;
}

uint64_t node_streams(const struct node *n)
{
	uint64_t streams = 0;
	for (uint32_t i = 0; i < n->hubs->count; i++) {
		struct link_state s;
		link_state(n->hubs->items[i]->tunnel, &s);
		streams += s.sums.streams;
	}
	return streams;
}

void node_status(struct node *n, struct rtun_status *s)
{
	uint32_t online = 0;
	const char *error = NULL;
	for (uint32_t i = 0; i < n->hubs->count; i++) {
		struct link_state l;
		link_state(n->hubs->items[i]->tunnel, &l);
		online += l.online;
		if (!l.online && l.last_error)
			error = l.last_error;
	}
	s->state = online == n->hubs->count && online ? RTUN_STATE_OK : online ? RTUN_STATE_DEGRADED : RTUN_STATE_DOWN;
	snprintf(s->text, sizeof(s->text), "connected to %u of %u hubs", online, n->hubs->count);
	if (!n->hubs->count) {
		snprintf(s->code, sizeof(s->code), "not-paired");
		snprintf(s->text, sizeof(s->text), "not paired with any hub");
		snprintf(s->remedy, sizeof(s->remedy), "run `restunnel pair` on the hub and paste what it prints here");
	} else if (s->state != RTUN_STATE_OK) {
		snprintf(s->code, sizeof(s->code), "hub-away");
		snprintf(s->text + strlen(s->text), sizeof(s->text) - strlen(s->text), ": %s", error ? error : "the connection is being tried");
		snprintf(s->remedy, sizeof(s->remedy), "`restunnel doctor` says which way is blocked");
	}
}
