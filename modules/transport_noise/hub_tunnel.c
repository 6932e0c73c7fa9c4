/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hub_tunnel.c - tunnels and their connections, from the handshake to the last words.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub.h"
#include "survey.h"
#include "tlv.h"

/* ms: a hub lets 50 nodes a second in without haste. */
#define SPREAD_EACH 20U

struct peer *peer_of(struct hub *h, struct device *d)
{
	struct peer *p = d->tunnel;
	if (!p && (p = calloc(1, sizeof(*p)))) {
		p->hub = h;
		p->device = d;
		d->tunnel = p;
		limits_apply(p);
	}
	return p;
}

uint32_t peer_streams(const struct peer *p)
{
	struct mux_counters sums = {0};
	if (p)
		peer_sum(p, &sums);
	return sums.streams;
}

void peer_free(struct peer *p)
{
	meter_destroy(&p->meter);
	free(p);
}

static const char *address_text(const struct rtun_addr *a, char buf[64])
{
	/* Without the port, which says nothing behind a NAT. */
	if (a->family == 4)
		snprintf(buf, 64, "%u.%u.%u.%u", a->ip[0], a->ip[1], a->ip[2], a->ip[3]);
	else
		snprintf(buf, 64, "%02x%02x:%02x%02x:%02x%02x:%02x%02x::/64", a->ip[0], a->ip[1], a->ip[2], a->ip[3], a->ip[4], a->ip[5], a->ip[6], a->ip[7]);
	return buf;
}

static void say_up(const struct tunnel *t)
{
	struct rtun_ctx *ctx = t->peer->hub->ctx;
	char address[64];
	struct event_exit e = {.exit = t->peer->device->name, .address = address_text(&t->address, address), .version = t->version};
	rtun_publish(ctx, &event_exit_up, &e);
	rtun_log(ctx, RTUN_NOTICE, "%s is online (%s)", e.exit, address);
}

static void say_down(struct peer *p, const char *why)
{
	struct event_exit e = {.exit = p->device->name, .reason = why};
	snprintf(p->disconnect_reason, sizeof(p->disconnect_reason), "%s", why);
	/* Kept with its next knock: many may be lost at once, and to write each of them takes time. */
	p->device->secret.last_seen = rtun_wall(p->hub->ctx) / 1000;
	rtun_publish(p->hub->ctx, &event_exit_down, &e);
	rtun_log(p->hub->ctx, RTUN_NOTICE, "%s is away: %s", p->device->name, why);
}

/* When all have been cut off at once, each comes back at a time of its own. */
static void say_spread(const struct conn *c)
{
	uint8_t buf[16];
	struct tlv_writer w;
	tlv_write_begin(&w, buf, sizeof(buf));
	tlv_put_number(&w, TLV_SPREAD, c->tunnel->peer->hub->devices->count * SPREAD_EACH, 4);
	mux_send(c->mux, FRAME_INFO, buf, (uint32_t)tlv_write_end(&w, 0));
}

/* Only now: message 1 can be made by whoever has the device's static key alone, and a tunnel that is up must not end for that. */
static void tunnel_up(struct tunnel *t)
{
	struct peer *p = t->peer;
	tunnel_end(p->tunnel, RTUN_ERESET, "replaced by a new tunnel of the same device");
	t->proved = true;
	p->next = NULL;
	p->tunnel = t;
	say_up(t);
}

/* ---- connections ---- */

static void conn_close(struct conn *c, bool goodbye, uint32_t reason)
{
	mux_counters_keep(&c->tunnel->peer->past, mux_counters(c->mux));
	if (goodbye)
		mux_goodbye(&c->mux, reason);
	else
		mux_destroy(&c->mux);
	rekey_fini(&c->rekey);
	free(c);
}

/* What has ended one connection of a device may have ended all: the others have to show that they live. */
static void suspect_others(struct tunnel *t, const struct conn *but)
{
	for (struct conn *c = t->conns; c; c = c->next)
		if (c != but)
			mux_suspect(c->mux);
}

static void on_ended(void *arg, uint32_t err, const char *why)
{
	struct conn *c = arg, **at;
	struct tunnel *t = c->tunnel;
	if (t->conns == c && !c->next) {
		tunnel_end(t, err, why);
		return;
	}
	for (at = &t->conns; *at != c; at = &(*at)->next)
		;
	*at = c->next;
	if (err != RTUN_EUNREACHABLE)
		suspect_others(t, c);
	conn_close(c, false, 0);
}

static int on_rekey(struct conn *c, uint8_t type, const uint8_t *p, uint32_t len)
{
	struct peer *peer = c->tunnel->peer;
	const struct noise_party self = {
		.public_key = peer->hub->public_key, .dh = hub_dh, .dh_arg = peer->hub,
		.remote_static = peer->device->key, .psk = peer->device->secret.psk,
	};
	return rekey_on_frame(&c->rekey, c->mux, &self, rtun_now(peer->hub->ctx), type, p, len);
}

static void on_survey(const struct peer *peer, const uint8_t *p, uint32_t len)
{
	struct hub *h = peer->hub;
	enum look port, beside;
	survey_read(p, len, &port, &beside);
	if (port == LOOK_UNKNOWN || beside == LOOK_UNKNOWN)
		return;
	if (port != beside && (port != h->looks || beside != h->beside))
		rtun_log(h->ctx, RTUN_WARN, "%s sees the tunnel's port %s, and those beside it %s: it shows; `restunnel doctor` says what to do",
			 peer->device->name, look_names[port], look_names[beside]);
	h->looks = port;
	h->beside = beside;
	snprintf(h->looked, sizeof(h->looked), "%s", peer->device->name);
}

static void on_info(const struct conn *c, const uint8_t *p, uint32_t len)
{
	hub_report_take(c->tunnel, p, len);
	on_survey(c->tunnel->peer, p, len);
}

static int on_frame(void *arg, uint8_t type, const uint8_t *p, uint32_t len)
{
	switch (type) {
	case FRAME_CLOSE: /* it only informs */
		return 0;
	case FRAME_INFO:
		on_info(arg, p, len);
		return 0;
	case FRAME_REKEY_1:
	case FRAME_REKEY_3:
		return on_rekey(arg, type, p, len);
	default: /* not for a tunnel's hub */
		return -1;
	}
}

/* The newest connection says where the device is now: it may have moved within its session. */
static void on_proved(void *arg)
{
	const struct conn *c = arg;
	struct tunnel *t = c->tunnel;
	struct hub *h = t->peer->hub;
	t->address = c->from;
	budget_know(&h->greetings, &c->from);
	budget_know(&h->knocks.budget, &c->from);
	if (!t->proved) {
		tunnel_up(t);
		say_spread(c);
	} else if (c->index >= t->count) {
		suspect_others(t, c); /* it comes for one that the node has lost */
	}
}

static const struct mux_events events = {.frame = on_frame, .ended = on_ended, .proved = on_proved};

static int conn_create(struct tunnel *t, const struct hello *hello, struct noise_handshake *hs, const struct rtun_addr *from, struct rtun_stream **s)
{
	struct conn *c = calloc(1, sizeof(*c));
	struct transport *tr = t->peer->hub->t;
	if (!c)
		return -RTUN_ENOMEM;
	c->tunnel = t;
	c->index = hello->index;
	c->from = *from;
	struct mux_setup setup = {.common = &tr->mux, .events = &events, .arg = c, .peer_window = hello->window, .opener = 1};
	if (rekey_init(&c->rekey, hs, rtun_now(tr->ctx)) < 0)
		goto fail;
	setup.crypto = &c->rekey.now->crypto;
	if (mux_create(&setup, s, &c->mux) < 0)
		goto fail;
	c->next = t->conns;
	t->conns = c;
	mux_meter(c->mux, t->peer->meter);
	t->indexes[hello->index / 8] |= (uint8_t)(1U << hello->index % 8);
	return 0;
fail:
	rekey_fini(&c->rekey);
	free(c);
	return -RTUN_ENOMEM;
}

/* ---- tunnels ---- */

struct tunnel *tunnel_of_session(const struct peer *p, const uint8_t session[HELLO_SESSION])
{
	if (p->tunnel && sodium_memcmp(p->tunnel->session, session, HELLO_SESSION) == 0)
		return p->tunnel;
	return p->next && sodium_memcmp(p->next->session, session, HELLO_SESSION) == 0 ? p->next : NULL;
}

static int tunnel_start(struct peer *p, const struct hello *hello, struct noise_handshake *hs, const struct rtun_addr *from, struct rtun_stream **s)
{
	struct tunnel *t = calloc(1, sizeof(*t));
	if (!t)
		return -RTUN_ENOMEM;
	t->peer = p;
	memcpy(t->session, hello->session, HELLO_SESSION);
	t->count = hello->count;
	memcpy(t->version, hello->version, sizeof(t->version));
	t->datagrams = hello->datagrams;
	if (conn_create(t, hello, hs, from, s) < 0) {
		free(t);
		return -RTUN_ENOMEM;
	}
	tunnel_end(p->next, RTUN_ERESET, "");
	p->next = t;
	return 0;
}

int tunnel_join(struct peer *p, const struct hello *hello, struct noise_handshake *hs, const struct rtun_addr *from, struct rtun_stream **s)
{
	struct tunnel *t = tunnel_of_session(p, hello->session);
	return t ? conn_create(t, hello, hs, from, s) : tunnel_start(p, hello, hs, from, s);
}

void tunnel_end(struct tunnel *t, uint32_t reason, const char *why)
{
	struct peer *p = t ? t->peer : NULL;
	if (!t)
		return;
	/* First: what the streams' ends set off must find it gone. */
	if (t->proved)
		p->tunnel = NULL;
	else
		p->next = NULL;
	while (t->conns) {
		struct conn *c = t->conns;
		t->conns = c->next;
		conn_close(c, true, reason);
	}
	if (t->proved)
		say_down(p, why);
	free(t);
}

void peer_sum(const struct peer *p, struct mux_counters *ret)
{
	*ret = p->past;
	for (const struct conn *c = p->tunnel ? p->tunnel->conns : NULL; c; c = c->next)
		mux_counters_add(ret, mux_counters(c->mux));
}
