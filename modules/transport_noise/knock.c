/* SPDX-License-Identifier: BSD-2-Clause
 *
 * knock.c - see knock.h.
 */
#include "knock.h"

#include <sodium.h>
#include <string.h>

#include "tlv.h"

#define PLAIN (WIRE_KNOCK - WIRE_MAC1 - NOISE_OVERHEAD_1)

enum { ATTEMPT, COUNTER, COUNT, TOKEN, FIELDS };

#define AT(i) ((uint32_t)((i) * sizeof(struct tlv_value)))
static const struct tlv_row rows[FIELDS] = {
	{TLV_ATTEMPT, true, WIRE_ATTEMPT, WIRE_ATTEMPT, AT(ATTEMPT)},
	{TLV_COUNTER, true, 8, 8, AT(COUNTER)},
	{TLV_COUNT, true, 1, 1, AT(COUNT)},
	{TLV_TOKEN, false, TOKEN_ID, TOKEN_ID, AT(TOKEN)},
};

void knock_key(const uint8_t hub_key[32], uint8_t ret_key[32])
{
	crypto_generichash(ret_key, 32, (const uint8_t *)WIRE_KNOCK_LABEL, strlen(WIRE_KNOCK_LABEL), hub_key, 32);
}

static void mac(const uint8_t key[32], const uint8_t knock[WIRE_KNOCK], uint8_t ret[WIRE_MAC1])
{
	crypto_generichash(ret, WIRE_MAC1, knock + WIRE_MAC1, WIRE_KNOCK - WIRE_MAC1, key, 32);
}

static void party(struct noise_party *p, const uint8_t *key, noise_dh_fn *dh, void *dh_arg)
{
	*p = (struct noise_party){
		.pattern = NOISE_X, .prologue = WIRE_KNOCK_LABEL, .prologue_len = strlen(WIRE_KNOCK_LABEL),
		.public_key = key, .dh = dh, .dh_arg = dh_arg,
	};
}

static int write_payload(const struct knock *k, uint8_t plain[PLAIN])
{
	struct tlv_writer w;
	tlv_write_begin(&w, plain, PLAIN);
	tlv_put(&w, TLV_ATTEMPT, k->attempt, WIRE_ATTEMPT);
	tlv_put_number(&w, TLV_COUNTER, k->counter, 8);
	tlv_put_number(&w, TLV_COUNT, k->count, 1);
	if (k->enrols)
		tlv_put(&w, TLV_TOKEN, k->token_id, TOKEN_ID);
	return tlv_write_end(&w, PLAIN) < 0 ? -1 : 0;
}

int knock_write(const struct knock *k, const uint8_t hub_key[32], const uint8_t node_key[32], noise_dh_fn *dh, void *dh_arg,
		const uint8_t *ephemeral, uint8_t ret[WIRE_KNOCK])
{
	struct noise_handshake h;
	struct noise_party p;
	uint8_t plain[PLAIN], key[32];
	size_t len;
	int r;
	party(&p, node_key, dh, dh_arg);
	p.initiator = true;
	p.remote_static = hub_key;
	p.ephemeral = ephemeral;
	noise_handshake_init(&h, &p);
	r = write_payload(k, plain);
	if (r == 0)
		r = noise_write_message(&h, plain, PLAIN, ret + WIRE_MAC1, WIRE_KNOCK - WIRE_MAC1, &len);
	knock_key(hub_key, key);
	if (r == 0)
		mac(key, ret, ret);
	noise_handshake_fini(&h);
	sodium_memzero(plain, sizeof(plain));
	return r;
}

bool knock_mac_good(const uint8_t key[32], const uint8_t knock[WIRE_KNOCK])
{
	uint8_t want[WIRE_MAC1];
	mac(key, knock, want);
	return sodium_memcmp(want, knock, WIRE_MAC1) == 0;
}

int knock_read_sender(struct noise_handshake *h, const uint8_t hub_key[32], noise_dh_fn *dh, void *dh_arg, const uint8_t knock[WIRE_KNOCK],
		      uint8_t ret_sender[32])
{
	struct noise_party p;
	party(&p, hub_key, dh, dh_arg);
	noise_handshake_init(h, &p);
	if (noise_read_sender(h, knock + WIRE_MAC1, WIRE_KNOCK - WIRE_MAC1) < 0)
		return -1;
	memcpy(ret_sender, noise_remote_static(h), 32);
	return 0;
}

int knock_read(struct noise_handshake *h, const uint8_t knock[WIRE_KNOCK], struct knock *ret)
{
	static const uint8_t none[WIRE_ATTEMPT];
	struct tlv_value v[FIELDS];
	uint8_t plain[PLAIN];
	size_t len;
	memset(ret, 0, sizeof(*ret));
	if (noise_read_message(h, knock + WIRE_MAC1, WIRE_KNOCK - WIRE_MAC1, plain, &len) < 0 || tlv_read(rows, FIELDS, plain, len, v) < 0)
		return -1;
	memcpy(ret->attempt, v[ATTEMPT].p, WIRE_ATTEMPT);
	ret->counter = tlv_number(&v[COUNTER]);
	ret->count = (uint8_t)tlv_number(&v[COUNT]);
	ret->enrols = v[TOKEN].p != NULL;
	if (ret->enrols)
		memcpy(ret->token_id, v[TOKEN].p, TOKEN_ID);
	/* The attempt that is all zeros means that nobody knocked. */
	return ret->count && ret->counter < WIRE_COUNTER_END && memcmp(ret->attempt, none, sizeof(none)) != 0 ? 0 : -1;
}
