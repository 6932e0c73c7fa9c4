/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Knocks. The first byte chooses: bytes that a stranger sends are no knock, whatever he knows of the hub; a true knock
 * that was changed anywhere is none; what a device says inside of one is understood or refused, and said again it means
 * the same.
 */
#include <stdlib.h>
#include <string.h>

#include "../../modules/transport_noise/noise.h"
#define token enrolment_token /* noise.c has an enum of that name */
#include "../../modules/transport_noise/token.h"
#undef token
#include "../../modules/transport_noise/tlv.c"
#include "../../modules/transport_noise/noise_cipher.c"
#include "../../modules/transport_noise/noise.c"
#define party knock_party
#include "../../modules/transport_noise/knock.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static struct {
	uint8_t hub[32], hub_public[32], node[32], node_public[32], mac_key[32];
} keys = {.hub = {1}, .node = {2}};
static const uint8_t ephemeral[32] = {3};

static int dh(void *arg, const uint8_t peer[32], uint8_t ret[32])
{
	return crypto_scalarmult(ret, arg, peer);
}

/* As a hub does it. `mended`: the stranger knows the hub's public key, so mac1 is no hindrance to him. */
static int read_all(const uint8_t knock[WIRE_KNOCK], bool mended, struct knock *ret)
{
	uint8_t copy[WIRE_KNOCK], sender[32];
	struct noise_handshake h;
	memcpy(copy, knock, WIRE_KNOCK);
	if (mended)
		mac(keys.mac_key, copy, copy);
	if (!knock_mac_good(keys.mac_key, copy))
		return -1;
	int r = knock_read_sender(&h, keys.hub_public, dh, keys.hub, copy, sender);
	if (r == 0)
		r = knock_read(&h, copy, ret);
	if (r == 0 && memcmp(sender, keys.node_public, 32) != 0)
		abort();
	noise_handshake_fini(&h);
	return r;
}

static void from_stranger(const uint8_t *p, size_t len)
{
	uint8_t knock[WIRE_KNOCK] = {0};
	struct knock k;
	memcpy(knock, p, len < WIRE_KNOCK ? len : WIRE_KNOCK);
	if (read_all(knock, false, &k) == 0 || read_all(knock, true, &k) == 0)
		abort();
}

static void true_one(const struct knock *k, uint8_t ret[WIRE_KNOCK])
{
	if (knock_write(k, keys.hub_public, keys.node_public, dh, keys.node, ephemeral, ret) < 0)
		abort();
}

static void changed(const uint8_t *p, size_t len)
{
	uint8_t knock[WIRE_KNOCK], differs = 0;
	struct knock k = {.attempt = {1}, .counter = 7, .count = 1};
	bool behind_mac = false;
	true_one(&k, knock);
	for (size_t i = 0; i < len && i < WIRE_KNOCK; i++) {
		knock[i] ^= p[i];
		differs |= p[i];
		behind_mac |= i >= WIRE_MAC1 && p[i];
	}
	if ((read_all(knock, false, &k) == 0) != !differs || (read_all(knock, true, &k) == 0) != !behind_mac)
		abort();
}

/* Any payload, sealed as a device would. */
static void seal(const uint8_t *p, size_t len, uint8_t knock[WIRE_KNOCK])
{
	struct noise_handshake h;
	struct noise_party self;
	uint8_t plain[PLAIN] = {0};
	size_t n;
	memcpy(plain, p, len < PLAIN ? len : PLAIN);
	knock_party(&self, keys.node_public, dh, keys.node);
	self.initiator = true;
	self.remote_static = keys.hub_public;
	self.ephemeral = ephemeral;
	noise_handshake_init(&h, &self);
	if (noise_write_message(&h, plain, PLAIN, knock + WIRE_MAC1, WIRE_KNOCK - WIRE_MAC1, &n) < 0 || n != WIRE_KNOCK - WIRE_MAC1)
		abort();
	noise_handshake_fini(&h);
	mac(keys.mac_key, knock, knock);
}

static void from_device(const uint8_t *p, size_t len)
{
	static const uint8_t none[WIRE_ATTEMPT];
	uint8_t knock[WIRE_KNOCK];
	struct knock a, b;
	seal(p, len, knock);
	if (read_all(knock, false, &a) < 0)
		return;
	if (!a.count || memcmp(a.attempt, none, WIRE_ATTEMPT) == 0)
		abort();
	true_one(&a, knock);
	if (read_all(knock, false, &b) < 0 || memcmp(a.attempt, b.attempt, WIRE_ATTEMPT) != 0 || a.counter != b.counter ||
	    a.count != b.count || a.enrols != b.enrols || memcmp(a.token_id, b.token_id, TOKEN_ID) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static void (*const kinds[])(const uint8_t *, size_t) = {from_device, from_stranger, changed};
	if (len < 1 || len > 4096 || sodium_init() < 0)
		return 0;
	crypto_scalarmult_base(keys.hub_public, keys.hub);
	crypto_scalarmult_base(keys.node_public, keys.node);
	knock_key(keys.hub_public, keys.mac_key);
	kinds[p[0] % 3](p + 1, len - 1);
	return 0;
}
