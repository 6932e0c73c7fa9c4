/* SPDX-License-Identifier: BSD-2-Clause
 *
 * node_commands.c - the node's other verbs, and its events.
 */
#include <stdio.h>
#include <string.h>

#include "node.h"
#include "pubkey.h"
#include "transport_commands.h"

static const struct rtun_field up_fields[] = {{"hub", "The hub's name here", RTUN_F_TEXT, offsetof(struct event_hub, hub)}};
static const struct rtun_field down_fields[] = {
	{"hub", "The hub's name here", RTUN_F_TEXT, offsetof(struct event_hub, hub)},
	{"reason", "Why, in words", RTUN_F_TEXT, offsetof(struct event_hub, reason)}};

#define EVENT(n, d, f) {.size = sizeof(struct rtun_event_type), .payload_size = sizeof(struct event_hub), .name = n, .doc = d, .fields = RTUN_LIST(f)}
const struct rtun_event_type event_hub_up = EVENT("hub.up", "This node has connected to a hub", up_fields);
const struct rtun_event_type event_hub_down = EVENT("hub.down", "This node has lost a hub", down_fields);

struct node *node_of(struct rtun_ctx *ctx, struct rtun_reply *reply)
{
	struct transport *t = ctx->self;
	if (!t->node)
		rtun_reply_fail(&reply, "not-a-node", "this instance is a hub, the verb is for nodes", "run it on the node");
	return t->node;
}

static struct rtun_value *hub_value(struct rtun_ctx *ctx, const struct hub_entry *h)
{
	struct rtun_value *v = rtun_object(ctx);
	struct link_state s;
	char key[PUBKEY_TEXT], fingerprint[PUBKEY_FINGERPRINT], address[300], observed[64];
	link_state(h->tunnel, &s);
	pubkey_text(h->key, key);
	pubkey_fingerprint(h->key, fingerprint);
	snprintf(address, sizeof(address), strchr(h->host, ':') ? "[%s]:%u" : "%s:%u", h->host, h->port);
	rtun_set_text(ctx, v, "name", h->name);
	rtun_set_text(ctx, v, "address", address);
	rtun_set_text(ctx, v, "public_key", key);
	rtun_set_text(ctx, v, "fingerprint", fingerprint);
	rtun_set_bool(ctx, v, "online", s.online);
	if (s.sums.rtt)
		rtun_set_int(ctx, v, "rtt_ms", (int64_t)((s.sums.rtt + RTUN_MS / 2) / RTUN_MS));
	else
		rtun_set_null(ctx, v, "rtt_ms");
	rtun_set_int(ctx, v, "streams", s.sums.streams);
	rtun_set_text(ctx, v, "observed_address", s.observed.family ? transport_address(&s.observed, false, observed) : NULL);
	rtun_set_text(ctx, v, "last_error", s.last_error);
	rtun_set_text(ctx, v, "knock", s.online ? carrier_names[s.by] : NULL);
	rtun_set_text(ctx, v, "device_name", h->device_name);
	rtun_set_time(ctx, v, "enrolled_at", h->enrolled_at);
	rtun_set_int(ctx, v, "bytes_in", (int64_t)s.sums.bytes_in);
	rtun_set_int(ctx, v, "bytes_out", (int64_t)s.sums.bytes_out);
	rtun_set_int(ctx, v, "streams_total", (int64_t)s.sums.streams_total);
	rtun_set_int(ctx, v, "denied_total", (int64_t)s.sums.denied);
	return v;
}

void command_hubs(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	struct node *n = node_of(ctx, reply);
	struct rtun_value *v, *list;
	(void)args;
	if (!n)
		return;
	v = rtun_object(ctx);
	list = rtun_array(ctx);
	for (uint32_t i = 0; i < n->hubs->count; i++)
		rtun_append(list, hub_value(ctx, n->hubs->items[i]));
	rtun_set(v, "hubs", list);
	rtun_reply_ok(&reply, v);
}

void command_forget(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	const struct args_forget *a = args;
	struct node *n = node_of(ctx, reply);
	struct hub_entry *h = n ? hubs_find(n->hubs, a->hub) : NULL;
	char error[HUBS_ERROR], why[160];
	if (!n)
		return;
	if (!h) {
		snprintf(why, sizeof(why), "this node is not paired with a hub called %.64s", a->hub);
		rtun_reply_fail(&reply, "unknown-hub", why, "`restunnel hubs` lists them");
		return;
	}
	struct link *l = h->tunnel;
	struct rtun_value *v = hub_value(ctx, h);
	h->tunnel = NULL;
	link_destroy(&l);
	if (hubs_forget(n->hubs, h, error) < 0) {
		rtun_value_free(&v);
		rtun_reply_fail(&reply, "not-stored", error, NULL);
		if (n->running && link_create(n, h, &l) == 0)
			h->tunnel = l;
		return;
	}
	rtun_reply_ok(&reply, v);
}
