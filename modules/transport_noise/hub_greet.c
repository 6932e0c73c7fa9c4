/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hub_greet.c - a first message: whose is it? Cheapest checks first, and one answer to all that are not good: none.
 */
#include <sodium.h>
#include <string.h>

#include "hub.h"

/* First messages that are looked at: each costs an X25519. What comes beyond is treated as not good; nodes try again. */
#define BUDGET_PER_SECOND 200U
#define BUDGET_PER_SOURCE 20U
#define GREETINGS_AT_ONCE 20U

int hub_dh(void *arg, const uint8_t key[32], uint8_t out[32])
{
	struct hub *h = arg;
	return transport_keystore(h->t)->dh(h->t->cfg.keystore.obj, KEY_HUB, key, out);
}

/* A /32 or /64 shares a place with some others, which nobody can choose: the key is secret. */
static uint8_t *spent_by(struct hub *h, const struct rtun_addr *from)
{
	uint8_t hash[8];
	crypto_shorthash(hash, from->ip, from->family == 4 ? 4 : 8, h->budget_key);
	return &h->budget_spent[hash[0]];
}

static bool budget_take(struct hub *h, const struct rtun_addr *from)
{
	uint64_t second = rtun_now(h->ctx) / RTUN_S;
	uint8_t *spent = spent_by(h, from);
	if (second != h->budget_at) {
		h->budget_at = second;
		h->budget = BUDGET_PER_SECOND;
		memset(h->budget_spent, 0, sizeof(h->budget_spent));
	}
	if (!h->budget || *spent >= BUDGET_PER_SOURCE)
		return false;
	h->budget--;
	++*spent;
	return true;
}

/* Message 2 goes out; then both messages are through. */
static int answer(struct hub *h, struct noise_handshake *hs, const struct rtun_addr *from, struct rtun_stream *s)
{
	uint8_t plain[HELLO_PLAIN_2], message[WIRE_MESSAGE_2];
	size_t len;
	struct hello hello = {.window = (uint32_t)h->t->cfg.window, .observed = *from};
	strncpy(hello.version, rtun_program_version(h->ctx), sizeof(hello.version) - 1);
	if (hello_write(&hello, plain, sizeof(plain)) < 0 ||
	    noise_write_message(hs, plain, sizeof(plain), message, sizeof(message), &len) < 0)
		return -1;
	return rtun_put(s, message, len);
}

/* A recording of an old message must get what garbage gets. Connections that join a live session may overtake each
 * other, so there it is the index that must be new. */
static bool fresh(struct hub *h, struct device *d, const struct hello *hello)
{
	const struct peer *p = d->tunnel;
	int r = device_set_counter(h->devices, d, hello->counter);
	if (p && p->tunnel && sodium_memcmp(p->tunnel->session, hello->session, HELLO_SESSION) == 0)
		return !(p->tunnel->indexes[hello->index / 8] & 1U << hello->index % 8);
	return r != -RTUN_EINVAL; /* a disk that is full must not keep the owner out */
}

/* A handshake costs a write that waits for the disk, and may end a tunnel: a few at once, then one a second. */
static bool in_measure(struct hub *h, struct peer *p)
{
	uint64_t second = rtun_now(h->ctx) / RTUN_S, passed = second - p->greeted_at;
	p->greeted -= passed < p->greeted ? (uint32_t)passed : p->greeted;
	p->greeted_at = second;
	return p->greeted < GREETINGS_AT_ONCE && ++p->greeted;
}

static bool greet_device(struct hub *h, struct noise_handshake *hs, struct rtun_stream **s, const struct rtun_addr *from,
			 const uint8_t message[WIRE_MESSAGE_1])
{
	struct device *d = device_by_key(h->devices, noise_remote_static(hs));
	uint8_t plain[HELLO_PLAIN_1];
	struct hello hello;
	struct peer *p;
	size_t len;
	if (!d)
		return false;
	noise_set_psk(hs, d->secret.psk);
	if (noise_read_message(hs, message, WIRE_MESSAGE_1, plain, &len) < 0 || hello_read(&hello, true, plain, len) < 0 ||
	    !(p = peer_of(h, d)) || !in_measure(h, p) || !fresh(h, d, &hello))
		return false;
	return answer(h, hs, from, *s) == 0 && tunnel_join(p, &hello, hs, from, s) == 0;
}

/* Only messages that a token has opened get here, so strangers can't fill the list. */
static bool heard_before(struct hub *h, const uint8_t message[WIRE_MESSAGE_1])
{
	uint8_t hash[16];
	crypto_generichash(hash, sizeof(hash), message, WIRE_MESSAGE_1, NULL, 0);
	for (uint32_t i = 0; i < HUB_ENROLLED; i++)
		if (memcmp(h->enrolled[i], hash, sizeof(hash)) == 0)
			return true;
	memcpy(h->enrolled[h->enrolled_next++ % HUB_ENROLLED], hash, sizeof(hash));
	return false;
}

/* Not the daily pattern: does a pending token open it? */
static bool greet_stranger(struct hub *h, const struct noise_party *party, struct rtun_stream **s, const struct rtun_addr *from,
			   const uint8_t message[WIRE_MESSAGE_1])
{
	struct noise_handshake before, hs;
	uint8_t plain[HELLO_PLAIN_1];
	struct hello hello;
	struct token *token = NULL;
	uint64_t now = rtun_now(h->ctx);
	bool good = false;
	size_t len;
	noise_handshake_init(&before, party);
	if (noise_read_before_psk(&before, message, WIRE_MESSAGE_1) < 0)
		goto out;
	while (!good && (token = token_next(&h->tokens, now, token, noise_remote_static(&before)))) {
		hs = before;
		noise_set_psk(&hs, token->keys.psk);
		good = noise_read_message(&hs, message, WIRE_MESSAGE_1, plain, &len) == 0 && hello_read(&hello, true, plain, len) == 0 &&
		       !heard_before(h, message) && answer(h, &hs, from, *s) == 0 && enrolment_start(h, token, &hello, &hs, s) == 0;
		noise_handshake_fini(&hs);
	}
out:
	noise_handshake_fini(&before);
	return good;
}

bool hub_greet(void *arg, struct rtun_stream **s, const struct rtun_addr *from, const uint8_t message[WIRE_MESSAGE_1])
{
	struct hub *h = arg;
	uint8_t prologue[HELLO_PROLOGUE];
	struct noise_handshake hs;
	struct noise_party party = {
		.pattern = NOISE_IKPSK2, .prologue = prologue, .prologue_len = sizeof(prologue),
		.public_key = h->public_key, .dh = hub_dh, .dh_arg = h,
	};
	bool good = false;
	if (!budget_take(h, from))
		return false;
	hello_prologue(NULL, prologue);
	noise_handshake_init(&hs, &party);
	if (noise_read_sender(&hs, message, WIRE_MESSAGE_1) == 0) {
		good = greet_device(h, &hs, s, from, message);
	} else if (token_expire(&h->tokens, rtun_now(h->ctx))) { /* some are alive */
		party.pattern = NOISE_IKPSK1;
		good = greet_stranger(h, &party, s, from, message);
	}
	noise_handshake_fini(&hs);
	return good;
}
