/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hub_knock.c - a knock was heard: whose is it, is it new, and may its sender come in? Cheapest checks first. Whatever the
 * result is, nothing is answered, under no load: an answer would tell a stranger that somebody is there.
 *
 *   (kernel: this port, this length) -> mac1 -> heard before? -> budget -> X25519: who? -> known, or a token open?
 *   -> X25519: true? -> counter risen? -> on disk -> the gate opens
 */
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "hub.h"
#include "pubkey.h"
#include "transport_commands.h"

/* Knocks whose sender is worked out; each costs an X25519 or two. */
#define PER_SECOND 200U
#define PER_SOURCE 20U
/* A knock of a device costs a write that waits for the disk: so many at once, then two a second. */
#define DEVICE_AT_ONCE 40U
#define DEVICE_PER_SECOND 2U
/* How often the log sums up what did not come in. */
#define SUMMARY_EVERY (300 * RTUN_S)

const char *const knock_result_names[KNOCK_RESULTS] = {"opened", "junk", "replay", "unknown", "limited"};

static void knocks_init(struct knocks *k, const uint8_t hub_key[32])
{
	memset(k, 0, sizeof(*k));
	knock_key(hub_key, k->mac_key);
	budget_init(&k->budget, PER_SECOND, PER_SOURCE);
	randombytes_buf(k->heard_key, sizeof(k->heard_key));
}

/* A table without chains: a flood of other knocks pushes entries out. Then the counter still stands in the way, after
 * the price of the DH. Whoever makes two knocks share a place makes them himself. */
static bool heard_before(struct knocks *k, const uint8_t *knock)
{
	uint64_t h;
	crypto_shorthash((uint8_t *)&h, knock, WIRE_KNOCK, k->heard_key);
	uint64_t *place = &k->heard[h % KNOCKS_HEARD];
	if (*place == h)
		return true;
	*place = h;
	return false;
}

static bool device_in_measure(struct hub *h, struct peer *p)
{
	uint64_t second = rtun_now(h->ctx) / RTUN_S, gone = (second - p->knocked_at) * DEVICE_PER_SECOND;
	p->knocked -= gone < p->knocked ? (uint32_t)gone : p->knocked;
	p->knocked_at = second;
	return p->knocked < DEVICE_AT_ONCE && ++p->knocked;
}

/* A device that is known, on its daily way. */
static enum knock_result judge_device(struct hub *h, struct device *d, const struct knock *k)
{
	struct peer *p = peer_of(h, d);
	if (k->counter <= d->secret.counter)
		return KNOCK_REPLAY; /* first: recordings must not use up what the device may do */
	if (!p || !device_in_measure(h, p))
		return KNOCK_LIMITED;
	/* On disk before the gate opens. A disk that is full must not keep the owner out: then it counts in memory. */
	return device_set_counter(h->devices, d, k->counter) == -RTUN_EINVAL ? KNOCK_REPLAY : KNOCK_OPENED;
}

/* Whoever knows a token's id knows the token, or has a recording: so counters are remembered here, too. */
static enum knock_result judge_token(struct hub *h, const uint8_t sender[32], const struct knock *k)
{
	struct token *token = token_find(&h->tokens, rtun_now(h->ctx), k->token_id, sender);
	if (!token)
		return KNOCK_UNKNOWN;
	return token_knock(token, sender, k->counter) ? KNOCK_OPENED : KNOCK_REPLAY;
}

static enum knock_result judge_sealed(struct hub *h, struct noise_handshake *hs, const uint8_t sender[32], const struct rtun_addr *from,
				      const uint8_t *knock)
{
	struct device *d = device_by_key(h->devices, sender);
	struct knock k;
	/* One DH is all that a stranger can ever cost. */
	if (!d && !token_expire(&h->tokens, rtun_now(h->ctx)))
		return KNOCK_UNKNOWN;
	if (knock_read(hs, knock, &k) < 0)
		return KNOCK_JUNK;
	if (!d && !k.enrols)
		return KNOCK_UNKNOWN;
	enum knock_result r = k.enrols ? judge_token(h, sender, &k) : judge_device(h, d, &k);
	if (r == KNOCK_OPENED && attempt_open(&h->attempts, &k, sender, from) < 0)
		r = KNOCK_LIMITED;
	return r;
}

/* mac1 is good. */
static enum knock_result judge(struct hub *h, const struct rtun_addr *from, const uint8_t *knock, uint8_t sender[32])
{
	struct noise_handshake hs;
	if (heard_before(&h->knocks, knock))
		return KNOCK_REPLAY;
	if (!budget_take(&h->knocks.budget, from, rtun_now(h->ctx)))
		return KNOCK_LIMITED;
	enum knock_result r = KNOCK_JUNK;
	if (knock_read_sender(&hs, h->public_key, hub_dh, h, knock, sender) == 0)
		r = judge_sealed(h, &hs, sender, from, knock);
	noise_handshake_fini(&hs);
	return r;
}

/* ---- what the owner is told ---- */

/* A line for what is worth one: an owner looks for the device that can't come in. Strangers' junk is summed up, so that a
 * flood writes a line in five minutes. */
static void tell(struct hub *h, enum knock_result r, const struct rtun_addr *from, const uint8_t sender[32])
{
	char address[64], who[PUBKEY_FINGERPRINT];
	const struct device *d;
	if (r == KNOCK_JUNK || r == KNOCK_LIMITED)
		return;
	d = device_by_key(h->devices, sender);
	pubkey_fingerprint(sender, who);
	transport_address(from, false, address);
	if (r == KNOCK_OPENED)
		rtun_log(h->ctx, RTUN_DEBUG, "%s knocked from %s", d ? d->name : who, address);
	else if (r == KNOCK_UNKNOWN)
		rtun_log(h->ctx, RTUN_INFO, "a device that is not paired (%s) knocked from %s: it was revoked, or its token is used up or too old", who, address);
}

static void sum_up(void *arg)
{
	struct hub *h = arg;
	struct knocks *k = &h->knocks;
	uint64_t n[KNOCK_RESULTS];
	for (int i = 0; i < KNOCK_RESULTS; i++) {
		n[i] = k->results[i] - k->told[i];
		k->told[i] = k->results[i];
	}
	k->telling = false;
	rtun_log(h->ctx, RTUN_NOTICE, "knocks since the last such line: %" PRIu64 " opened, %" PRIu64 " junk, %" PRIu64 " replayed, %" PRIu64
		 " of unknown devices, %" PRIu64 " beyond the limits; nothing was answered",
		 n[KNOCK_OPENED], n[KNOCK_JUNK], n[KNOCK_REPLAY], n[KNOCK_UNKNOWN], n[KNOCK_LIMITED]);
}

int knocks_prepare(struct hub *h)
{
	knocks_init(&h->knocks, h->public_key);
	return rtun_timer_create(h->ctx, sum_up, h, &h->knocks.summary);
}

void hub_knock(void *arg, const struct ear_packet *p)
{
	struct hub *h = arg;
	uint8_t sender[32] = {0};
	/* First of all, also for what is not for this port: see ear.h. */
	bool good = knock_mac_good(h->knocks.mac_key, p->knock);
	if (!p->here)
		return;
	enum knock_result r = good ? judge(h, &p->source, p->knock, sender) : KNOCK_JUNK;
	h->knocks.results[r]++;
	tell(h, r, &p->source, sender);
	if (r != KNOCK_OPENED && !h->knocks.telling) {
		h->knocks.telling = true;
		rtun_timer_start(h->knocks.summary, SUMMARY_EVERY);
	}
}
