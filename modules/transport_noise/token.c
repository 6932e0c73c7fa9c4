/* SPDX-License-Identifier: BSD-2-Clause
 *
 * token.c - tokens and what is derived from them.
 */
#include <restunnel/abi.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "token.h"

static void derive(const uint8_t key[32], const char *label, uint8_t *out, size_t len)
{
	crypto_generichash(out, len, (const uint8_t *)label, strlen(label), key, 32);
}

void token_derive(const uint8_t token[TOKEN_BYTES], struct token_keys *ret_keys)
{
	derive(token, "restunnel/1 token id", ret_keys->id, sizeof(ret_keys->id));
	derive(token, "restunnel/1 token enrol", ret_keys->psk, sizeof(ret_keys->psk));
	derive(token, "restunnel/1 token device", ret_keys->seed, sizeof(ret_keys->seed));
}

void token_device_psk(const uint8_t seed[32], const uint8_t hash[64], const uint8_t hub_key[32], const uint8_t device_key[32],
		      uint8_t ret_psk[32])
{
	static const char label[] = "restunnel/1 device psk";
	crypto_generichash_state st;

	crypto_generichash_init(&st, seed, 32, 32);
	crypto_generichash_update(&st, (const uint8_t *)label, sizeof(label) - 1);
	crypto_generichash_update(&st, hash, 64);
	crypto_generichash_update(&st, hub_key, 32);
	crypto_generichash_update(&st, device_key, 32);
	crypto_generichash_final(&st, ret_psk, 32);
	sodium_memzero(&st, sizeof(st));
}

#define EACH(t, i) for (i = (t)->tokens; i < (t)->tokens + 2 * TOKEN_OPEN_MAX; i++)

void token_forget(struct token *token)
{
	sodium_memzero(token, sizeof(*token));
}

void token_table_init(struct token_table *t)
{
	memset(t, 0, sizeof(*t));
}

void token_table_fini(struct token_table *t)
{
	sodium_memzero(t, sizeof(*t));
}

uint64_t token_expire(struct token_table *t, uint64_t now)
{
	uint64_t next = 0;
	struct token *i;

	EACH(t, i) {
		if (!i->live)
			continue;
		if (now >= i->expires)
			token_forget(i);
		else if (!next || i->expires < next)
			next = i->expires;
	}
	return next;
}

uint32_t token_count_open(struct token_table *t, uint64_t now)
{
	struct token *i;
	uint32_t n = 0;

	token_expire(t, now);
	EACH(t, i)
		n += i->live && !i->used;
	return n;
}

/* A free place, or that of the oldest burned one; with at most TOKEN_OPEN_MAX open there always is one. */
static struct token *place(struct token_table *t)
{
	struct token *i, *oldest = NULL;

	EACH(t, i) {
		if (!i->live)
			return i;
		if (i->used && (!oldest || i->expires < oldest->expires))
			oldest = i;
	}
	token_forget(oldest);
	return oldest;
}

int token_create(struct token_table *t, uint64_t now, int64_t wall, const char *name, uint8_t ret_token[TOKEN_BYTES])
{
	struct token *token;

	if (token_count_open(t, now) >= TOKEN_OPEN_MAX)
		return -RTUN_EOVERLOAD;
	token = place(t);
	randombytes_buf(ret_token, TOKEN_BYTES);
	token_derive(ret_token, &token->keys);
	token->expires = now + TOKEN_VALID;
	token->made_at = wall;
	token->live = true;
	snprintf(token->name, sizeof(token->name), "%s", name ? name : "");
	return 0;
}

static bool usable(const struct token *token, const uint8_t device[32])
{
	return token->live && (!token->used || !sodium_memcmp(token->device, device, 32));
}

struct token *token_next(struct token_table *t, uint64_t now, const struct token *previous, const uint8_t device[32])
{
	struct token *i;

	token_expire(t, now);
	EACH(t, i)
		if ((!previous || i > previous) && usable(i, device))
			return i;
	return NULL;
}

struct token *token_next_live(struct token_table *t, uint64_t now, const struct token *previous)
{
	struct token *i;

	token_expire(t, now);
	EACH(t, i)
		if ((!previous || i > previous) && i->live)
			return i;
	return NULL;
}

struct token *token_find(struct token_table *t, uint64_t now, const uint8_t id[TOKEN_ID], const uint8_t device[32])
{
	struct token *i = NULL;

	while ((i = token_next(t, now, i, device)))
		if (!sodium_memcmp(i->keys.id, id, TOKEN_ID))
			return i;
	return NULL;
}

bool token_knock(struct token *token, const uint8_t device[32], uint64_t counter)
{
	for (int i = 0; i < TOKEN_KNOCKERS; i++) {
		bool free_one = !token->knockers[i].counter;

		if (!free_one && memcmp(token->knockers[i].device, device, 32))
			continue;
		if (counter <= token->knockers[i].counter)
			return false;
		memcpy(token->knockers[i].device, device, 32);
		token->knockers[i].counter = counter;
		return true;
	}
	return false;
}

void token_revoke(struct token_table *t, const uint8_t device[32])
{
	struct token *i;

	EACH(t, i)
		if (i->used && !sodium_memcmp(i->device, device, 32))
			token_forget(i);
}

void token_use(struct token *token, const uint8_t device[32])
{
	token->used = true;
	memcpy(token->device, device, 32);
}
