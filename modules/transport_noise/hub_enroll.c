/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hub_enroll.c - the hub's end of an enrolment.
 *
 * A first message that a token opened may be a recording, so nothing counts until the other end has sealed a frame with
 * the keys of this very handshake: ENROLL. Then the device is written to disk, and only when it is there ENROLLED goes
 * out. The token is burned; the same device may come again with it, should ENROLLED be lost.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub.h"
#include "pubkey.h"
#include "tlv.h"
#include "transport_commands.h"

/* From message 2 to ENROLL, and on to the end of the connection. */
#define LIMIT (30 * RTUN_S)

struct enrolment {
	struct hub *hub;
	struct enrolment *next, **at;
	struct rtun_timer *limit;
	struct mux *mux;
	struct hello_keys keys;
	uint8_t token_id[TOKEN_ID], device[32], hash[NOISE_HASH];
	uint64_t counter; /* of message 1 */
	struct rtun_addr from;
	bool enrolled;
};

static void enrolment_free(struct enrolment *e)
{
	*e->at = e->next;
	if (e->next)
		e->next->at = e->at;
	rtun_timer_destroy(&e->limit);
	mux_destroy(&e->mux);
	hello_keys_fini(&e->keys);
	sodium_memzero(e, sizeof(*e));
	free(e);
}

static void on_ended(void *arg, uint32_t err, const char *why)
{
	(void)err, (void)why;
	enrolment_free(arg);
}

static void on_limit(void *arg)
{
	enrolment_free(arg);
}

static void announce(struct enrolment *e, const struct device *d)
{
	char key[PUBKEY_TEXT], fingerprint[PUBKEY_FINGERPRINT], pairing[17], address[64];
	pubkey_text(d->key, key);
	pubkey_fingerprint(d->key, fingerprint);
	pairing_id(e->token_id, pairing);
	transport_address(&e->from, false, address);
	struct event_device event = {.name = d->name, .public_key = key, .fingerprint = fingerprint, .pairing = pairing, .address = address};
	rtun_publish(e->hub->ctx, &event_enrolled, &event);
	rtun_log(e->hub->ctx, RTUN_NOTICE, "%s (%s) is paired, from %s", d->name, fingerprint, address);
}

static const struct tlv_row name_rows[] = {{TLV_DEVICE_NAME, false, 0, 255, 0}};

/* `pair --name` wins; a device that is known keeps its name ("" says so to device_add()); else what it asks for. */
static void wished_name(const struct token *token, bool known, const struct tlv_value *wish, char ret[LABEL_SIZE])
{
	char text[256];
	if (token->name[0] || known) {
		snprintf(ret, LABEL_SIZE, "%s", token->name);
		return;
	}
	memcpy(text, wish->p ? (const char *)wish->p : "", wish->len);
	text[wish->len] = 0;
	label_clean(text, "device", ret);
}

static int on_enroll(struct enrolment *e, const uint8_t *p, uint32_t len)
{
	struct hub *h = e->hub;
	struct tlv_value wish;
	struct token *token = token_find(&h->tokens, rtun_now(h->ctx), e->token_id, e->device);
	struct tlv_writer w;
	struct device *d;
	uint8_t psk[32], buf[64];
	char name[LABEL_SIZE], error[DEVICE_ERROR];
	int n, r;
	/* Once for a connection: each costs two writes that wait for the disk. */
	if (e->enrolled || !token || tlv_read(name_rows, 1, p, len, &wish) < 0)
		return -1;
	wished_name(token, device_by_key(h->devices, e->device) != NULL, &wish, name);
	token_device_psk(token->keys.seed, e->hash, h->public_key, e->device, psk);
	r = device_add(h->devices, e->device, name, psk, &d, error);
	sodium_memzero(psk, sizeof(psk));
	if (r < 0) {
		rtun_log(h->ctx, RTUN_ERROR, "a device could not be paired: %s", error);
		return -1;
	}
	/* A device that was revoked has lost its counter: recordings from before must not count as new. And one whose counter was
	 * driven up by somebody with its static key comes back by this. */
	device_reset_counter(h->devices, d, e->counter);
	/* Keys have changed: what runs with the old ones is over. */
	const struct peer *peer = d->tunnel;
	tunnel_end(peer ? peer->next : NULL, RTUN_ERESET, "paired again");
	tunnel_end(peer ? peer->tunnel : NULL, RTUN_ERESET, "paired again");
	token_use(token, e->device);
	e->enrolled = true;
	tlv_write_begin(&w, buf, sizeof(buf));
	tlv_put(&w, TLV_DEVICE_NAME, d->name, strlen(d->name));
	n = tlv_write_end(&w, 0);
	mux_send(e->mux, FRAME_ENROLLED, buf, (uint32_t)n);
	announce(e, d);
	return 0;
}

static int on_frame(void *arg, uint8_t type, const uint8_t *p, uint32_t len)
{
	switch (type) {
	case FRAME_ENROLL:
		return on_enroll(arg, p, len);
	case FRAME_CLOSE:
	case FRAME_INFO:
		return 0;
	default:
		return -1;
	}
}

static const struct mux_events events = {.frame = on_frame, .ended = on_ended};

int enrolment_start(struct hub *h, const struct token *token, const struct hello *hello, struct noise_handshake *hs,
		    const struct rtun_addr *from, struct rtun_stream **s)
{
	struct enrolment *e = calloc(1, sizeof(*e));
	struct mux_setup setup = {.common = &h->t->mux, .events = &events, .arg = e, .peer_window = hello->window, .opener = 1};
	if (!e)
		return -RTUN_ENOMEM;
	e->hub = h;
	e->at = &h->enrolments;
	e->next = h->enrolments;
	if (e->next)
		e->next->at = &e->next;
	h->enrolments = e;
	memcpy(e->token_id, token->keys.id, TOKEN_ID);
	memcpy(e->device, noise_remote_static(hs), 32);
	memcpy(e->hash, noise_hash(hs), NOISE_HASH);
	e->counter = hello->counter;
	e->from = *from;
	setup.crypto = &e->keys.crypto;
	if (hello_keys_init(&e->keys, hs) < 0 || rtun_timer_create(h->ctx, on_limit, e, &e->limit) < 0 || mux_create(&setup, s, &e->mux) < 0) {
		enrolment_free(e);
		return -RTUN_ENOMEM;
	}
	rtun_timer_start(e->limit, LIMIT);
	return 0;
}

void enrolments_withdraw(struct hub *h, const struct token *token)
{
	for (struct enrolment *e = h->enrolments, *next; e; e = next) {
		next = e->next;
		if (memcmp(e->token_id, token->keys.id, TOKEN_ID) == 0)
			enrolment_free(e);
	}
}

void enrolments_end(struct hub *h, const uint8_t device[32])
{
	for (struct enrolment *e = h->enrolments, *next; e; e = next) {
		next = e->next;
		if (!device || memcmp(e->device, device, 32) == 0)
			enrolment_free(e);
	}
}
