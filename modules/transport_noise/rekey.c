/* SPDX-License-Identifier: BSD-2-Clause
 *
 * rekey.c - see rekey.h.
 */
#include "rekey.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PROLOGUE "restunnel/1 rekey"
#define PROLOGUE_LEN (sizeof(PROLOGUE) - 1 + NOISE_HASH)
#define BYTES_MAX (UINT64_C(1) << 36)
#define MESSAGE_1 NOISE_OVERHEAD_1
#define MESSAGE_2 NOISE_OVERHEAD_2

static struct hello_keys *keys_create(struct noise_handshake *h)
{
	struct hello_keys *k = calloc(1, sizeof(*k));
	if (k && hello_keys_init(k, h) < 0) {
		free(k);
		return NULL;
	}
	return k;
}

static void keys_destroy(struct hello_keys **k)
{
	if (!*k)
		return;
	hello_keys_fini(*k);
	sodium_memzero(*k, sizeof(**k));
	free(*k);
	*k = NULL;
}

static void asked_destroy(struct rekey *r)
{
	if (!r->asked)
		return;
	noise_handshake_fini(r->asked);
	free(r->asked);
	r->asked = NULL;
}

int rekey_init(struct rekey *r, struct noise_handshake *first, uint64_t now)
{
	*r = (struct rekey){.since = now};
	r->now = keys_create(first);
	return r->now ? 0 : -1;
}

void rekey_fini(struct rekey *r)
{
	asked_destroy(r);
	keys_destroy(&r->next);
	keys_destroy(&r->now);
}

static uint64_t bytes_of(const struct mux *m)
{
	const struct mux_counters *c = mux_counters(m);
	return c->bytes_in + c->bytes_out;
}

bool rekey_due(const struct rekey *r, const struct mux *m, uint64_t now, uint64_t after)
{
	return r->now && !r->asked && (now - r->since >= after || bytes_of(m) - r->bytes >= BYTES_MAX);
}

static void begin(const struct rekey *r, const struct noise_party *self, bool initiator, struct noise_handshake *ret)
{
	uint8_t prologue[PROLOGUE_LEN];
	struct noise_party party = *self;
	memcpy(prologue, PROLOGUE, sizeof(PROLOGUE) - 1);
	memcpy(prologue + sizeof(PROLOGUE) - 1, r->now->hash, NOISE_HASH);
	party.pattern = NOISE_IKPSK2;
	party.initiator = initiator;
	party.prologue = prologue;
	party.prologue_len = sizeof(prologue);
	if (!initiator)
		party.remote_static = NULL;
	noise_handshake_init(ret, &party);
}

int rekey_ask(struct rekey *r, struct mux *m, const struct noise_party *self)
{
	uint8_t message[MESSAGE_1];
	size_t len;
	if (!(r->asked = calloc(1, sizeof(*r->asked))))
		return -1;
	begin(r, self, true, r->asked);
	if (noise_write_message(r->asked, NULL, 0, message, sizeof(message), &len) < 0) {
		asked_destroy(r);
		return -1;
	}
	mux_send(m, FRAME_REKEY_1, message, (uint32_t)len);
	return 0;
}

static void in_use(struct rekey *r, const struct mux *m, uint64_t now)
{
	keys_destroy(&r->now);
	r->now = r->next;
	r->next = NULL;
	r->since = now;
	r->bytes = bytes_of(m);
}

/* Hub */
static int on_ask(struct rekey *r, struct mux *m, const struct noise_party *self, const uint8_t *p, uint32_t len)
{
	struct noise_handshake hs;
	uint8_t none[1], message[MESSAGE_2];
	size_t n;
	if (len != MESSAGE_1 || r->next || r->asked)
		return -1;
	begin(r, self, false, &hs);
	if (noise_read_message(&hs, p, len, none, &n) == 0 && sodium_memcmp(noise_remote_static(&hs), self->remote_static, 32) == 0 &&
	    noise_write_message(&hs, NULL, 0, message, sizeof(message), &n) == 0)
		r->next = keys_create(&hs);
	noise_handshake_fini(&hs);
	if (!r->next)
		return -1;
	mux_send_last(m, FRAME_REKEY_2, message, sizeof(message), &r->next->crypto);
	return 0;
}

/* Node */
static int on_answer(struct rekey *r, struct mux *m, const uint8_t *p, uint32_t len)
{
	uint8_t none[1];
	size_t n;
	if (len != MESSAGE_2 || !r->asked)
		return -1;
	if (noise_read_message(r->asked, p, len, none, &n) == 0)
		r->next = keys_create(r->asked);
	asked_destroy(r);
	if (!r->next)
		return -1;
	mux_receive_with(m, &r->next->crypto);
	mux_send_last(m, FRAME_REKEY_3, NULL, 0, &r->next->crypto);
	return 0;
}

int rekey_on_frame(struct rekey *r, struct mux *m, const struct noise_party *self, uint64_t now, uint8_t type, const uint8_t *p, uint32_t len)
{
	switch (type) {
	case FRAME_REKEY_1:
		return on_ask(r, m, self, p, len);
	case FRAME_REKEY_2:
		if (on_answer(r, m, p, len) < 0)
			return -1;
		in_use(r, m, now);
		return 0;
	case FRAME_REKEY_3:
		if (!r->next || len)
			return -1;
		mux_receive_with(m, &r->next->crypto);
		in_use(r, m, now);
		return 0;
	default:
		return -1;
	}
}
