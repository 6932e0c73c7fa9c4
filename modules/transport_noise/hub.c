/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hub.c - the hub's life, from its options to its listeners.
 */
#include "hub.h"
#include "pubkey.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A dialler's answer; an exit gives up long before. */
#define OPENING_LIMIT (30 * RTUN_S)
/* First messages that are looked at: each costs an X25519. What comes beyond is treated as not good; nodes try again. */
#define GREETINGS_PER_SECOND 200U
#define GREETINGS_PER_SOURCE 20U
#define PATIENCE_MIN (60 * RTUN_S)
#define PATIENCE_SPREAD 120000U /* ms */

/* ---- listeners and arrivals ---- */

static void on_room(void *arg, uint32_t room)
{
	struct hub *h = arg;
	if (!room)
		rtun_log(h->ctx, RTUN_WARN, "%u connections wait to prove who they are: no more are accepted until some have gone", ARRIVAL_MAX);
	for (uint32_t i = 0; i < h->listener_count; i++)
		rtun_listener_pause(h->listeners[i], !room);
}

/* How long all unproved connections stay: a constant of this hub that nobody else can work out. */
static uint64_t patience(struct hub *h)
{
	uint8_t secret[32], hash[crypto_generichash_BYTES_MIN];
	uint64_t n;
	if (hub_dh(h, h->public_key, secret) < 0)
		randombytes_buf(secret, sizeof(secret));
	crypto_generichash(hash, sizeof(hash), secret,
			   sizeof(secret), (const uint8_t *)"restunnel/1 patience", 20);
	memcpy(&n, hash, sizeof(n));
	sodium_memzero(secret, sizeof(secret));
	return PATIENCE_MIN + n % PATIENCE_SPREAD * RTUN_MS;
}

/* ---- devices and tokens ---- */

static void each_peer(struct hub *h, void (*fn)(struct peer *))
{
	for (uint32_t i = 0; h->devices && i < h->devices->count; i++) {
		struct device *d = h->devices->items[i];
		if (d->tunnel)
			fn(d->tunnel);
	}
}

static void on_revoked(void *arg, struct device *d)
{
	struct hub *h = arg;
	struct peer *p = d->tunnel;
	char key[PUBKEY_TEXT], fingerprint[PUBKEY_FINGERPRINT];
	struct event_device e = {.name = d->name, .public_key = key, .fingerprint = fingerprint, .streams = peer_streams(p)};
	pubkey_text(d->key, key);
	pubkey_fingerprint(d->key, fingerprint);
	token_revoke(&h->tokens, d->key);
	attempt_forget(&h->attempts, d->key);
	enrolments_end(h, d->key);
	if (p) {
		d->tunnel = NULL;
		tunnel_end(p->next, RTUN_EDENIED, "revoked");
		tunnel_end(p->tunnel, RTUN_EDENIED, "revoked");
		session_forget(&h->sessions, p);
		peer_free(p);
	}
	rtun_publish(h->ctx, &event_revoked, &e);
	rtun_log(h->ctx, RTUN_NOTICE, "%s (%s) is revoked", d->name, fingerprint);
}

static void on_changed(void *arg)
{
	struct hub *h = arg;
	struct event_device e = {0};
	each_peer(h, limits_apply);
	rtun_publish(h->ctx, &event_changed, &e);
	rtun_log(h->ctx, RTUN_NOTICE, "devices.yaml was edited: %u devices", h->devices->count);
}

static void on_token_timer(void *arg)
{
	struct hub *h = arg;
	uint64_t now = rtun_now(h->ctx), next = token_expire(&h->tokens, now);
	if (next)
		rtun_timer_start(h->token_timer, next > now ? next - now : 0);
}

/* ---- life ---- */

int hub_create(struct transport *t, struct hub **ret)
{
	struct hub *h = calloc(1, sizeof(*h));
	*ret = h;
	if (!h)
		return -RTUN_ENOMEM;
	h->t = t;
	h->ctx = t->ctx;
	h->sessions = (struct sessions){.ctx = t->ctx, .ttl = &t->cfg.session_ttl};
	token_table_init(&h->tokens);
	budget_init(&h->greetings, GREETINGS_PER_SECOND, GREETINGS_PER_SOURCE);
	if (rtun_timer_create(t->ctx, on_token_timer, h, &h->token_timer) < 0 || openings_init(&h->openings, t->ctx, OPENING_LIMIT) < 0)
		return -RTUN_ENOMEM;
	return rtun_provide(t->ctx, RTUN_DIALER, &hub_dialer_ops, h);
}

int hub_setup(struct hub *h)
{
	const struct device_watcher watcher = {on_revoked, on_changed, h};
	const struct rtun_keystore_ops *keys = transport_keystore(h->t);
	void *obj = h->t->cfg.keystore.obj;
	int r = keys->ensure(obj, KEY_HUB);
	if (r == 0)
		r = keys->public_key(obj, KEY_HUB, h->public_key);
	if (r == 0)
		r = device_list_create(h->ctx, &watcher, &h->devices);
	return r < 0 ? r : usage_init(&h->usage, h->ctx, h->devices, limits_total);
}

int hub_prepare(struct hub *h)
{
	h->arrivals = (struct arrivals){.ctx = h->ctx, .patience = patience(h), .first = hub_greet, .room = on_room, .arg = h};
	int r = knocks_prepare(h);
	return r < 0 ? r : conceal_prepare(h);
}

int hub_start(struct hub *h)
{
	conceal_start(h);
	return device_list_watch(h->devices);
}

static void peer_stop(struct peer *p)
{
	tunnel_end(p->next, RTUN_ENOEXIT, "the hub is shutting down");
	tunnel_end(p->tunnel, RTUN_ENOEXIT, "the hub is shutting down");
}

static void peer_forget(struct peer *p)
{
	peer_stop(p);
	p->device->tunnel = NULL;
	peer_free(p);
}

void hub_stop(struct hub *h)
{
	conceal_stop(h);
	arrivals_fini(&h->arrivals);
	enrolments_end(h, NULL);
	each_peer(h, peer_stop);
	openings_fini(&h->openings);
	usage_fini(&h->usage);
	rtun_timer_destroy(&h->token_timer);
	rtun_timer_destroy(&h->knocks.summary);
}

void hub_destroy(struct hub **hp)
{
	struct hub *h = *hp;
	if (!h)
		return;
	hub_stop(h);
	each_peer(h, peer_forget);
	session_forget(&h->sessions, NULL);
	free(h->candidates);
	device_list_destroy(&h->devices);
	token_table_fini(&h->tokens);
	free(h);
	*hp = NULL;
}

/* What frontends are told then (hub_dial.c) has to be read without an effect. */
void hub_advise(struct hub *h)
{
	h->several = device_file_several(h->ctx);
}

void hub_status(struct hub *h, struct rtun_status *s)
{
	const char *problem = device_problem(h->devices);
	uint32_t online = 0;
	for (uint32_t i = 0; i < h->devices->count; i++) {
		const struct peer *p = h->devices->items[i]->tunnel;
		online += p && p->tunnel;
	}
	s->state = problem ? RTUN_STATE_DEGRADED : online ? RTUN_STATE_OK : RTUN_STATE_DOWN;
	snprintf(s->text, sizeof(s->text), "%u of %u exits online", online, h->devices->count);
	if (problem) {
		snprintf(s->code, sizeof(s->code), "devices-file");
		snprintf(s->text, sizeof(s->text), "%s", problem);
		snprintf(s->remedy, sizeof(s->remedy), "mend devices.yaml: the log says where; what was read before stays in force");
	} else if (h->devices->unsaved) {
		s->state = s->state == RTUN_STATE_OK ? RTUN_STATE_DEGRADED : s->state;
		snprintf(s->code, sizeof(s->code), "not-stored");
		snprintf(s->text, sizeof(s->text), "%u of %u exits online, but data-dir can't be written", online, h->devices->count);
		snprintf(s->remedy, sizeof(s->remedy), "make room, or mend its rights: after a restart, recordings of knocks since then would count as new");
	} else if (!h->devices->count) {
		snprintf(s->code, sizeof(s->code), "no-device");
		snprintf(s->text, sizeof(s->text), "no device is paired");
		snprintf(s->remedy, sizeof(s->remedy), "run `restunnel pair` here and paste what it prints on the device");
	} else if (!online) {
		snprintf(s->code, sizeof(s->code), "no-exit");
		snprintf(s->remedy, sizeof(s->remedy), "start `restunnel run` on a paired device; `restunnel status` there says what keeps it away");
	} else {
		default_status(h, online, s);
		if (s->state == RTUN_STATE_OK)
			limits_status(h, s);
	}
}
