/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hub_commands.c - the hub's verbs, events and metrics.
 */
#include <stdio.h>
#include <string.h>

#include "hub.h"
#include "pubkey.h"
#include "transport_commands.h"

#define EXIT_FIELD(m, doc) {#m, doc, RTUN_F_TEXT, offsetof(struct event_exit, m)}
static const struct rtun_field up_fields[] = {
	EXIT_FIELD(exit, "The exit's name"), EXIT_FIELD(address, "Where it connects from"), EXIT_FIELD(version, "Its program's version")};
static const struct rtun_field down_fields[] = {EXIT_FIELD(exit, "The exit's name"), EXIT_FIELD(reason, "Why, in words")};
#define DEVICE_FIELD(m, doc) {#m, doc, RTUN_F_TEXT, offsetof(struct event_device, m)}
static const struct rtun_field enrolled_fields[] = {
	DEVICE_FIELD(name, "The name it was given"), DEVICE_FIELD(public_key, "Base64"), DEVICE_FIELD(fingerprint, "The key, for people"),
	DEVICE_FIELD(pairing, "Which `pair` it answers"), DEVICE_FIELD(address, "Where it came from")};
static const struct rtun_field revoked_fields[] = {
	DEVICE_FIELD(name, "The name it had"), DEVICE_FIELD(public_key, "Base64"), DEVICE_FIELD(fingerprint, "The key, for people"),
	{"streams", "Connections through it that ended", RTUN_F_U64, offsetof(struct event_device, streams)}};
static const struct rtun_field changed_fields[] = {DEVICE_FIELD(name, "Its name now; unknown: devices.yaml was edited")};
#define SESSION_FIELD(m, doc) {#m, doc, RTUN_F_TEXT, offsetof(struct event_session, m)}
static const struct rtun_field session_fields[] = {
	SESSION_FIELD(from, "The exit that it had; unknown: it was revoked"), SESSION_FIELD(exit, "The exit from which its connections leave now")};

#define EVENT(T, n, d, f) {.size = sizeof(struct rtun_event_type), .payload_size = sizeof(T), .name = n, .doc = d, .fields = RTUN_LIST(f)}
const struct rtun_event_type event_exit_up = EVENT(struct event_exit, "exit.up", "An exit has connected", up_fields);
const struct rtun_event_type event_exit_down = EVENT(struct event_exit, "exit.down", "An exit is away", down_fields);
const struct rtun_event_type event_enrolled = EVENT(struct event_device, "device.enrolled", "A device was paired", enrolled_fields);
const struct rtun_event_type event_revoked = EVENT(struct event_device, "device.revoked", "A device was revoked", revoked_fields);
const struct rtun_event_type event_changed = EVENT(struct event_device, "device.changed", "A name or tag of a device is another one", changed_fields);
const struct rtun_event_type event_session_moved = EVENT(struct event_session, "session.moved", "A session has got another exit", session_fields);

struct hub *hub_of_call(struct rtun_ctx *ctx, struct rtun_reply *reply)
{
	struct transport *t = ctx->self;
	if (!t->hub)
		rtun_reply_fail(&reply, "not-a-hub", "this instance is a node, the verb is for hubs", "run it on the hub");
	return t->hub;
}

struct device *hub_device_of(struct hub *h, const char *text, struct rtun_reply *reply)
{
	struct device *d = device_find(h->devices, text);
	char why[160];
	if (!d) {
		snprintf(why, sizeof(why), "there is no device called %.64s", text);
		rtun_reply_fail(&reply, "unknown-device", why, "`restunnel devices` lists them");
	}
	return d;
}

void hub_reply_device_error(struct rtun_reply *reply, int r, const char *error)
{
	const char *code = r == -RTUN_EEXIST ? "name-taken" : r == -RTUN_EINVAL ? "bad-name" : r == -RTUN_EAGAIN ? "being-edited" : "not-stored";
	rtun_reply_fail(&reply, code, error, NULL);
}

/* ---- devices ---- */

static void set_live(struct rtun_ctx *ctx, struct rtun_value *v, const struct peer *p)
{
	static const struct peer none;
	struct mux_counters sums;
	char address[64];
	const struct tunnel *t = p ? p->tunnel : NULL;
	if (!p)
		p = &none;
	peer_sum(p, &sums);
	rtun_set_bool(ctx, v, "online", t != NULL);
	rtun_set_text(ctx, v, "address", t ? transport_address(&t->address, true, address) : NULL);
	rtun_set_text(ctx, v, "exit_address", t ? transport_address(&t->address, false, address) : NULL);
	if (sums.rtt)
		rtun_set_int(ctx, v, "rtt_ms", (int64_t)((sums.rtt + RTUN_MS / 2) / RTUN_MS));
	else
		rtun_set_null(ctx, v, "rtt_ms");
	rtun_set_int(ctx, v, "streams", sums.streams);
	rtun_set_int(ctx, v, "bytes_in", (int64_t)sums.bytes_in);
	rtun_set_int(ctx, v, "bytes_out", (int64_t)sums.bytes_out);
	rtun_set_text(ctx, v, "version", t ? t->version : NULL);
	rtun_set_text(ctx, v, "disconnect_reason", !t && p->disconnect_reason[0] ? p->disconnect_reason : NULL);
}

static struct rtun_value *device_value(struct rtun_ctx *ctx, struct device *d)
{
	struct rtun_value *v = rtun_object(ctx), *tags = rtun_array(ctx);
	char key[PUBKEY_TEXT], fingerprint[PUBKEY_FINGERPRINT];
	const struct peer *p = d->tunnel;
	pubkey_text(d->key, key);
	pubkey_fingerprint(d->key, fingerprint);
	for (uint32_t i = 0; i < d->tag_count; i++)
		rtun_append_text(ctx, tags, d->tags[i]);
	rtun_set_text(ctx, v, "name", d->name);
	rtun_set_text(ctx, v, "public_key", key);
	rtun_set_text(ctx, v, "fingerprint", fingerprint);
	rtun_set(v, "tags", tags);
	rtun_set_bool(ctx, v, "default", default_is(((struct transport *)ctx->self)->hub, d));
	rtun_set_time(ctx, v, "enrolled_at", d->enrolled_at);
	rtun_set_time(ctx, v, "last_seen", p && p->tunnel ? rtun_wall(ctx) / 1000 : d->secret.last_seen);
	set_live(ctx, v, p);
	limits_set(ctx, v, ((struct transport *)ctx->self)->hub, d);
	hub_report_set(ctx, v, p ? p->tunnel : NULL);
	return v;
}

void command_devices(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	struct hub *h = hub_of_call(ctx, reply);
	struct rtun_value *v, *list;
	(void)args;
	if (!h)
		return;
	v = rtun_object(ctx);
	list = rtun_array(ctx);
	for (uint32_t i = 0; i < h->devices->count; i++)
		rtun_append(list, device_value(ctx, h->devices->items[i]));
	rtun_set(v, "devices", list);
	rtun_set_text(ctx, v, "default", h->devices->default_exit[0] ? h->devices->default_exit : NULL);
	rtun_reply_ok(&reply, v);
}

/* ---- changes ---- */

void command_revoke(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	const struct args_device *a = args;
	struct hub *h = hub_of_call(ctx, reply);
	struct device *d = h ? hub_device_of(h, a->device, reply) : NULL;
	char name[LABEL_SIZE], error[DEVICE_ERROR], sentence[LABEL_SIZE + 80];
	uint32_t streams;
	int r;
	if (!d)
		return;
	memcpy(name, d->name, sizeof(name));
	streams = peer_streams(d->tunnel);
	if ((r = device_revoke(h->devices, d, error)) < 0) {
		hub_reply_device_error(reply, r, error);
		return;
	}
	struct rtun_value *v = rtun_object(ctx);
	snprintf(sentence, sizeof(sentence), streams ? "revoked %s; %u connection%s through it ended" : "revoked %s; no connection went through it",
		 name, streams, streams == 1 ? "" : "s");
	rtun_set_text(ctx, v, "name", name);
	rtun_set_int(ctx, v, "streams", streams);
	rtun_set_text(ctx, v, "sentence", sentence);
	rtun_reply_ok(&reply, v);
}

static void reply_changed(struct rtun_ctx *ctx, struct device *d, struct rtun_reply *reply)
{
	struct event_device e = {.name = d->name};
	rtun_publish(ctx, &event_changed, &e);
	rtun_reply_ok(&reply, device_value(ctx, d));
}

void command_rename(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	const struct args_rename *a = args;
	struct hub *h = hub_of_call(ctx, reply);
	struct device *d = h ? hub_device_of(h, a->old, reply) : NULL;
	char error[DEVICE_ERROR];
	int r;
	if (!d)
		return;
	if ((r = device_rename(h->devices, d, a->new_name, error)) < 0) {
		hub_reply_device_error(reply, r, error);
		return;
	}
	reply_changed(ctx, d, reply);
}

void command_tag(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	const struct args_tag *a = args;
	struct hub *h = hub_of_call(ctx, reply);
	struct device *d = h ? hub_device_of(h, a->device, reply) : NULL;
	char error[DEVICE_ERROR];
	int r;
	if (!d)
		return;
	if ((r = device_tag(h->devices, d, (const char *const *)a->tags.items, a->tags.count, error)) < 0) {
		hub_reply_device_error(reply, r, error);
		return;
	}
	reply_changed(ctx, d, reply);
}

/* ---- metrics ---- */

static struct mux_counters counters_of(const struct peer *p)
{
	struct mux_counters sums = {0};
	if (p)
		peer_sum(p, &sums);
	return sums;
}

/* A sample of one device. p is NULL until it connects for the first time. */
static void up_metric(const char *exit, const struct peer *p, struct rtun_metric_sink *sink)
{
	rtun_metric(sink, p && p->tunnel ? 1 : 0, &exit, 1);
}

static void rtt_metric(const char *exit, const struct peer *p, struct rtun_metric_sink *sink)
{
	struct mux_counters sums = counters_of(p);
	if (sums.rtt)
		rtun_metric(sink, (double)sums.rtt / 1e9, &exit, 1);
}

static void streams_metric(const char *exit, const struct peer *p, struct rtun_metric_sink *sink)
{
	rtun_metric(sink, counters_of(p).streams, &exit, 1);
}

static void bytes_metric(const char *exit, const struct peer *p, struct rtun_metric_sink *sink)
{
	struct mux_counters sums = counters_of(p);
	rtun_metric(sink, (double)sums.bytes_in, (const char *[]){exit, "in"}, 2);
	rtun_metric(sink, (double)sums.bytes_out, (const char *[]){exit, "out"}, 2);
}

static void results_metric(const char *exit, const struct peer *p, struct rtun_metric_sink *sink)
{
	for (uint32_t i = 0; p && i < OPENING_RESULTS; i++) {
		const char *labels[2] = {exit, rtun_error_word(i)};
		if (p->counts.results[i])
			rtun_metric(sink, (double)p->counts.results[i], labels, 2);
	}
}

static void refusals_metric(const char *exit, const struct peer *p, struct rtun_metric_sink *sink)
{
	for (uint32_t i = 0; p && i < OPENING_RULES; i++) {
		const char *labels[2] = {exit, opening_rules[i]};
		rtun_metric(sink, (double)p->counts.rules[i], labels, 2);
	}
}

void hub_metrics(struct rtun_ctx *ctx, const struct rtun_metric *metric, struct rtun_metric_sink *sink)
{
	static const struct {
		const char *name;
		void (*put)(const char *exit, const struct peer *p, struct rtun_metric_sink *sink);
	} all[] = {
		{"restunnel_exit_up", up_metric}, {"restunnel_exit_rtt_seconds", rtt_metric}, {"restunnel_streams", streams_metric},
		{"restunnel_streams_total", results_metric}, {"restunnel_refusals_total", refusals_metric}, {"restunnel_bytes_total", bytes_metric},
	};
	const struct hub *h = ((struct transport *)ctx->self)->hub;
	uint32_t which = 0;
	while (which < sizeof(all) / sizeof(all[0]) && strcmp(all[which].name, metric->name) != 0)
		which++;
	if (!h || !h->devices || which == sizeof(all) / sizeof(all[0]))
		return;
	for (uint32_t i = 0; i < h->devices->count; i++)
		all[which].put(h->devices->items[i]->name, h->devices->items[i]->tunnel, sink);
}

void hub_knock_metrics(struct rtun_ctx *ctx, const struct rtun_metric *metric, struct rtun_metric_sink *sink)
{
	const struct transport *t = ctx->self;
	(void)metric;
	for (uint32_t i = 0; t->hub && i < KNOCK_RESULTS; i++)
		rtun_metric(sink, (double)t->hub->knocks.results[i], &knock_result_names[i], 1);
}

void hub_conceal_metrics(struct rtun_ctx *ctx, const struct rtun_metric *metric, struct rtun_metric_sink *sink)
{
	const struct transport *t = ctx->self;
	const char *mode = t->hub ? conceal_name(t->hub) : NULL;
	(void)metric;
	if (mode)
		rtun_metric(sink, 1, &mode, 1);
}

void hub_greet_metrics(struct rtun_ctx *ctx, const struct rtun_metric *metric, struct rtun_metric_sink *sink)
{
	const struct transport *t = ctx->self;
	(void)metric;
	for (uint32_t i = 0; t->hub && i < GREET_RESULTS; i++)
		rtun_metric(sink, (double)t->hub->greeted[i], &greet_result_names[i], 1);
}
