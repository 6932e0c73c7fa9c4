/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hub_greet.c - a first message: whose is it? Cheapest checks first, and one answer to all that are not good: none.
 */
#include <sodium.h>
#include <string.h>

#include "hub.h"

#define GREETINGS_AT_ONCE 20U

const char *const greet_result_names[GREET_RESULTS] = {"answered", "not_good", "limited"};

int hub_dh(void *arg, const uint8_t key[32], uint8_t out[32])
{
	struct hub *h = arg;
	return transport_keystore(h->t)->dh(h->t->cfg.keystore.obj, KEY_HUB, key, out);
}

/* What is known of a message 1 while it is being judged. */
struct greeting {
	struct hub *hub;
	struct rtun_stream **s;
	const struct rtun_addr *from;
	const uint8_t *message;
	struct attempt *attempt; /* that it is tried with; NULL: nobody knocked */
	struct hello hello;
	/* The DH of its ephemeral key is the same for every attempt it is tried with. */
	uint8_t dh_peer[32], dh_out[32];
	bool dh_known;
};

static int greeting_dh(void *arg, const uint8_t key[32], uint8_t out[32])
{
	struct greeting *g = arg;
	if (!g->dh_known || memcmp(key, g->dh_peer, 32) != 0) {
		int r = hub_dh(g->hub, key, g->dh_out);
		if (r < 0)
			return r;
		memcpy(g->dh_peer, key, 32);
		g->dh_known = true;
	}
	memcpy(out, g->dh_out, 32);
	return 0;
}

/* A handshake without a knock costs a write that waits for the disk: a few at once, then one a second. (What a knock costs
 * is measured in hub_knock.c.) */
static bool in_measure(struct hub *h, struct peer *p)
{
	uint64_t second = rtun_now(h->ctx) / RTUN_S, passed = second - p->greeted_at;
	p->greeted -= passed < p->greeted ? (uint32_t)passed : p->greeted;
	p->greeted_at = second;
	return p->greeted < GREETINGS_AT_ONCE && ++p->greeted;
}

/* A recording must get what garbage gets. A message that is bound to an attempt is as new as the knock that opened it, as
 * long as this is the first of its index. Without a knock the counter decides; but connections that join a live session
 * may overtake each other, so there it is the index that must be new. */
static bool fresh(struct greeting *g, struct peer *p, struct device *d)
{
	const struct tunnel *t = tunnel_of_session(d->tunnel, g->hello.session);
	bool index_is_new = !t || !(t->indexes[g->hello.index / 8] & 1U << g->hello.index % 8);
	if (g->attempt)
		return index_is_new && attempt_awaits(g->attempt, g->hello.index);
	bool risen = g->hello.counter > d->secret.counter;
	if (!(t ? index_is_new : risen) || !in_measure(g->hub, p)) /* in this order: recordings must not use up the measure */
		return false;
	device_set_counter(g->hub->devices, d, g->hello.counter);
	return true; /* a disk that is full must not keep the owner out */
}

static bool read_payload(struct greeting *g, struct noise_handshake *hs)
{
	uint8_t plain[HELLO_PLAIN_1];
	size_t len;
	return noise_read_message(hs, g->message, WIRE_MESSAGE_1, plain, &len) == 0 && hello_read(&g->hello, true, plain, len) == 0;
}

static bool answer(struct greeting *g, struct noise_handshake *hs)
{
	uint8_t plain[HELLO_PLAIN_2], message[WIRE_MESSAGE_2];
	struct rtun_ctx *ctx = g->hub->ctx;
	size_t len;
	struct hello hello = {.window = (uint32_t)g->hub->t->cfg.window, .observed = *g->from};
	strncpy(hello.version, rtun_program_version(ctx), sizeof(hello.version) - 1);
	if (hello_write(&hello, plain, sizeof(plain)) < 0 ||
	    noise_write_message(hs, plain, sizeof(plain), message, sizeof(message), &len) < 0 || rtun_put(*g->s, message, len) < 0)
		return false;
	if (g->attempt)
		attempt_done(&g->hub->attempts, g->attempt, g->hello.index);
	return true;
}

/* ---- a device's tunnel ---- */

static bool greet_device(struct greeting *g, struct noise_handshake *hs)
{
	struct hub *h = g->hub;
	struct device *d = device_by_key(h->devices, noise_remote_static(hs));
	struct peer *p;
	if (!d || (g->attempt && memcmp(g->attempt->device, d->key, 32) != 0))
		return false;
	noise_set_psk(hs, d->secret.psk);
	return read_payload(g, hs) && (p = peer_of(h, d)) && fresh(g, p, d) && answer(g, hs) &&
	       tunnel_join(p, &g->hello, hs, g->from, g->s) == 0;
}

/* ---- an enrolment ---- */

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

/* The token that the knock named; without a knock each that is open is tried. */
static struct token *next_token(struct greeting *g, const struct token *previous, const uint8_t device[32])
{
	struct token_table *all = &g->hub->tokens;
	uint64_t now = rtun_now(g->hub->ctx);
	if (!g->attempt)
		return token_next(all, now, previous, device);
	return previous ? NULL : token_find(all, now, g->attempt->token_id, device);
}

/* `before` has been read up to the PSK. */
static bool greet_newcomer(struct greeting *g, const struct noise_handshake *before)
{
	struct token *token = NULL;
	bool good = false;
	while (!good && (token = next_token(g, token, noise_remote_static(before)))) {
		struct noise_handshake hs = *before;
		noise_set_psk(&hs, token->keys.psk);
		good = read_payload(g, &hs) && !heard_before(g->hub, g->message) && answer(g, &hs) &&
		       enrolment_start(g->hub, token, &g->hello, &hs, g->from, g->s) == 0;
		noise_handshake_fini(&hs);
	}
	return good;
}

/* ---- which of them ---- */

static void begin(struct greeting *g, struct noise_handshake *hs, enum noise_pattern pattern)
{
	uint8_t prologue[HELLO_PROLOGUE];
	const struct noise_party party = {
		.pattern = pattern, .prologue = prologue, .prologue_len = sizeof(prologue),
		.public_key = g->hub->public_key, .dh = greeting_dh, .dh_arg = g,
	};
	hello_prologue(g->attempt ? g->attempt->id : NULL, prologue);
	noise_handshake_init(hs, &party);
}

static bool try_tunnel(struct greeting *g)
{
	struct noise_handshake hs;
	begin(g, &hs, NOISE_IKPSK2);
	bool good = noise_read_sender(&hs, g->message, WIRE_MESSAGE_1) == 0 && greet_device(g, &hs);
	noise_handshake_fini(&hs);
	return good;
}

static bool try_enrolment(struct greeting *g)
{
	struct noise_handshake hs;
	begin(g, &hs, NOISE_IKPSK1);
	bool good = noise_read_before_psk(&hs, g->message, WIRE_MESSAGE_1) == 0 && greet_newcomer(g, &hs);
	noise_handshake_fini(&hs);
	return good;
}

/* It belongs to one of the attempts of its source, each of which says what it is for. */
static bool try_attempts(struct greeting *g)
{
	struct attempts *all = &g->hub->attempts;
	while ((g->attempt = attempt_next(all, g->attempt, g->from)))
		if (g->attempt->enrols ? try_enrolment(g) : try_tunnel(g))
			return true;
	return false;
}

bool hub_greet(void *arg, struct rtun_stream **s, const struct rtun_addr *from, const uint8_t message[WIRE_MESSAGE_1])
{
	struct hub *h = arg;
	struct greeting g = {.hub = h, .s = s, .from = from, .message = message};
	uint64_t now = rtun_now(h->ctx);
	if (!attempt_announced(&h->attempts, from) && !budget_take(&h->greetings, from, now)) {
		h->greeted[GREET_LIMITED]++;
		return false;
	}
	bool good = try_attempts(&g);
	/* Where the port does not hide nobody needs to knock. */
	if (!good && h->mode == GATE_NONE)
		good = try_tunnel(&g) || (token_expire(&h->tokens, now) && try_enrolment(&g));
	sodium_memzero(g.dh_out, sizeof(g.dh_out));
	h->greeted[good ? GREET_ANSWERED : GREET_NOT_GOOD]++;
	return good;
}
