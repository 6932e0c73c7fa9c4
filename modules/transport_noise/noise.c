/* SPDX-License-Identifier: BSD-2-Clause
 *
 * noise.c - the Noise handshake: a table of patterns, and what each of their tokens does.
 *
 * The names of section 5 of the specification (MixHash, MixKey, EncryptAndHash ...) are kept, so that the two can be
 * read side by side.
 */
#include <sodium.h>
#include <string.h>

#include "noise.h"

enum token { END, E, S, EE, ES, SE, SS, PSK };

struct pattern {
	char name[40]; /* also the initial hash: shorter than NOISE_HASH, so padded with zeros, not hashed */
	bool psk;
	uint8_t messages; /* 1: one-way */
	uint8_t tokens[2][6];
};

#define NAME(pattern) "Noise_" pattern "_25519_ChaChaPoly_BLAKE2b"
/* All have the pre-message "<- s". */
static const struct pattern patterns[] = {
	[NOISE_IK] = {NAME("IK"), false, 2, {{E, ES, S, SS, END}, {E, EE, SE, END}}},
	[NOISE_IKPSK1] = {NAME("IKpsk1"), true, 2, {{E, ES, S, SS, PSK, END}, {E, EE, SE, END}}},
	[NOISE_IKPSK2] = {NAME("IKpsk2"), true, 2, {{E, ES, S, SS, END}, {E, EE, SE, PSK, END}}},
	[NOISE_X] = {NAME("X"), false, 1, {{E, ES, S, SS, END}, {END}}},
};

/* ---- HMAC-BLAKE2b and HKDF ------------------------------------------------------------------------------------- */

#define BLOCK 128

static void hash2(uint8_t out[NOISE_HASH], const void *a, size_t a_len, const void *b, size_t b_len)
{
	crypto_generichash_state st;

	crypto_generichash_init(&st, NULL, 0, NOISE_HASH);
	crypto_generichash_update(&st, a, a_len);
	crypto_generichash_update(&st, b, b_len);
	crypto_generichash_final(&st, out, NOISE_HASH);
	sodium_memzero(&st, sizeof(st));
}

/* RFC 2104; the key is never longer than a block here. `out` may be `b`. */
static void hmac(uint8_t out[NOISE_HASH], const uint8_t key[NOISE_HASH], const void *a, size_t a_len, const void *b, size_t b_len)
{
	crypto_generichash_state st;
	uint8_t pad[BLOCK], inner[NOISE_HASH];
	size_t i;

	for (i = 0; i < BLOCK; i++)
		pad[i] = (uint8_t)((i < NOISE_HASH ? key[i] : 0) ^ 0x36);
	crypto_generichash_init(&st, NULL, 0, NOISE_HASH);
	crypto_generichash_update(&st, pad, BLOCK);
	crypto_generichash_update(&st, a, a_len);
	crypto_generichash_update(&st, b, b_len);
	crypto_generichash_final(&st, inner, NOISE_HASH);
	for (i = 0; i < BLOCK; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	hash2(out, pad, BLOCK, inner, NOISE_HASH);
	sodium_memzero(&st, sizeof(st));
	sodium_memzero(pad, sizeof(pad));
	sodium_memzero(inner, sizeof(inner));
}

/* `n` outputs, each a hash long. `ck` may be out[0]. */
static void hkdf(uint8_t out[][NOISE_HASH], uint32_t n, const uint8_t ck[NOISE_HASH], const void *ikm, size_t len)
{
	static const uint8_t nothing;
	uint8_t temp[NOISE_HASH], i;

	hmac(temp, ck, ikm, len, &nothing, 0);
	for (i = 1; i <= n; i++)
		hmac(out[i - 1], temp, i == 1 ? &nothing : out[i - 2], i == 1 ? 0 : NOISE_HASH, &i, 1);
	sodium_memzero(temp, sizeof(temp));
}

/* ---- Symmetric state ------------------------------------------------------------------------------------------- */

static void mix_hash(struct noise_handshake *h, const void *p, size_t len)
{
	hash2(h->h, h->h, NOISE_HASH, p, len);
}

static void take_key(struct noise_handshake *h, const uint8_t k[NOISE_HASH])
{
	memcpy(h->k, k, NOISE_KEY);
	h->n = 0;
}

static void mix_key(struct noise_handshake *h, const uint8_t ikm[NOISE_KEY])
{
	uint8_t out[2][NOISE_HASH];

	hkdf(out, 2, h->ck, ikm, NOISE_KEY);
	memcpy(h->ck, out[0], NOISE_HASH);
	take_key(h, out[1]);
	sodium_memzero(out, sizeof(out));
}

static void mix_key_and_hash(struct noise_handshake *h, const uint8_t psk[NOISE_KEY])
{
	uint8_t out[3][NOISE_HASH];

	hkdf(out, 3, h->ck, psk, NOISE_KEY);
	memcpy(h->ck, out[0], NOISE_HASH);
	mix_hash(h, out[1], NOISE_HASH);
	take_key(h, out[2]);
	sodium_memzero(out, sizeof(out));
}

/* 32 zero bits, then the counter, little endian. */
static void nonce_of(uint64_t n, uint8_t nonce[12])
{
	uint32_t i;

	memset(nonce, 0, 4);
	for (i = 0; i < 8; i++)
		nonce[4 + i] = (uint8_t)(n >> 8 * i);
}

/* A handshake uses a key for at most two messages, so `n` can't come near its end. There always is a key: the first
 * thing encrypted follows a DH. */
static void encrypt_and_hash(struct noise_handshake *h, const void *p, size_t len, uint8_t *out)
{
	uint8_t nonce[12];

	nonce_of(h->n++, nonce);
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, p, len, h->h, NOISE_HASH, NULL, nonce, h->k);
	mix_hash(h, out, len + NOISE_TAG);
}

/* `len` includes the tag. */
static int decrypt_and_hash(struct noise_handshake *h, const uint8_t *p, size_t len, uint8_t *out)
{
	uint8_t nonce[12];

	nonce_of(h->n, nonce);
	if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, p, len, h->h, NOISE_HASH, nonce, h->k))
		return -1;
	h->n++;
	mix_hash(h, p, len);
	return 0;
}

/* ---- Handshake state ------------------------------------------------------------------------------------------- */

static int die(struct noise_handshake *h)
{
	noise_handshake_fini(h);
	h->dead = true;
	return -1;
}

void noise_handshake_init(struct noise_handshake *h, const struct noise_party *party)
{
	const struct pattern *pattern = &patterns[party->pattern];

	memset(h, 0, sizeof(*h));
	h->pattern = party->pattern;
	h->initiator = party->initiator;
	h->dh = party->dh;
	h->dh_arg = party->dh_arg;
	memcpy(h->s_public, party->public_key, NOISE_KEY);
	if (party->initiator) {
		memcpy(h->rs, party->remote_static, NOISE_KEY);
		h->has_remote = true;
	}
	if (party->psk)
		noise_set_psk(h, party->psk);
	if (party->ephemeral) {
		memcpy(h->e, party->ephemeral, NOISE_KEY);
		h->has_ephemeral = true;
	}
	memcpy(h->h, pattern->name, strlen(pattern->name));
	memcpy(h->ck, h->h, NOISE_HASH);
	mix_hash(h, party->prologue, party->prologue_len);
	mix_hash(h, party->initiator ? h->rs : h->s_public, NOISE_KEY);
}

void noise_handshake_fini(struct noise_handshake *h)
{
	sodium_memzero(h, sizeof(*h));
	h->dead = true;
}

void noise_set_psk(struct noise_handshake *h, const uint8_t psk[NOISE_KEY])
{
	memcpy(h->psk, psk, NOISE_KEY);
	h->has_psk = true;
}

const uint8_t *noise_remote_static(const struct noise_handshake *h)
{
	return h->has_remote ? h->rs : NULL;
}

const uint8_t *noise_hash(const struct noise_handshake *h)
{
	return h->h;
}

/* The first letter of a DH token is the initiator's key, the second the responder's. Low-order points are refused:
 * their result is known to everyone. */
static int mix_dh(struct noise_handshake *h, enum token token)
{
	bool local_static = token == SS || token == (h->initiator ? SE : ES);
	bool remote_static = token == SS || token == (h->initiator ? ES : SE);
	const uint8_t *remote = remote_static ? h->rs : h->re;
	uint8_t out[NOISE_KEY];
	int r;

	r = local_static ? h->dh(h->dh_arg, remote, out) : crypto_scalarmult(out, h->e, remote);
	if (!r)
		mix_key(h, out);
	sodium_memzero(out, sizeof(out));
	return r ? -1 : 0;
}

static int mix_psk(struct noise_handshake *h)
{
	if (!h->has_psk)
		return -1;
	mix_key_and_hash(h, h->psk);
	return 0;
}

/* In a pattern with a PSK every ephemeral key is mixed into the key too: without it the PSK alone would decide the
 * nonces' freshness. */
static void mix_ephemeral(struct noise_handshake *h, const uint8_t e[NOISE_KEY])
{
	mix_hash(h, e, NOISE_KEY);
	if (patterns[h->pattern].psk)
		mix_key(h, e);
}

static int write_ephemeral(struct noise_handshake *h, uint8_t *out)
{
	if (!h->has_ephemeral)
		randombytes_buf(h->e, NOISE_KEY);
	if (crypto_scalarmult_base(h->e_public, h->e))
		return -1;
	memcpy(out, h->e_public, NOISE_KEY);
	mix_ephemeral(h, h->e_public);
	return 0;
}

/* Bytes of a token on the wire. */
static uint32_t token_size(enum token token)
{
	switch (token) {
	case E:
		return NOISE_KEY;
	case S:
		return NOISE_KEY + NOISE_TAG;
	default:
		return 0;
	}
}

static int write_token(struct noise_handshake *h, enum token token, uint8_t *out)
{
	switch (token) {
	case E:
		return write_ephemeral(h, out);
	case S:
		encrypt_and_hash(h, h->s_public, NOISE_KEY, out);
		return 0;
	case PSK:
		return mix_psk(h);
	default:
		return mix_dh(h, token);
	}
}

static int read_token(struct noise_handshake *h, enum token token, const uint8_t *p)
{
	switch (token) {
	case E:
		memcpy(h->re, p, NOISE_KEY);
		mix_ephemeral(h, h->re);
		return 0;
	case S:
		if (decrypt_and_hash(h, p, NOISE_KEY + NOISE_TAG, h->rs))
			return -1;
		h->has_remote = true;
		return 0;
	case PSK:
		return mix_psk(h);
	default:
		return mix_dh(h, token);
	}
}

static size_t overhead(const uint8_t *tokens)
{
	size_t n = NOISE_TAG;

	for (; *tokens != END; tokens++)
		n += token_size(*tokens);
	return n;
}

/* The tokens of the message whose turn it is, or NULL when it isn't this end's turn to write (or read). */
static const uint8_t *turn(const struct noise_handshake *h, bool writing)
{
	bool mine = h->message % 2 == (h->initiator ? 0 : 1);
	const struct pattern *p = &patterns[h->pattern];

	return h->dead || h->message >= p->messages || mine != writing ? NULL : p->tokens[h->message];
}

static void next_message(struct noise_handshake *h)
{
	h->message++;
	h->token = 0;
	h->offset = 0;
}

int noise_write_message(struct noise_handshake *h, const void *payload, size_t len, uint8_t *out, size_t cap, size_t *ret_len)
{
	const uint8_t *tokens = turn(h, true);
	size_t total;

	if (!tokens || len > NOISE_MESSAGE_MAX)
		return die(h);
	total = len + overhead(tokens);
	if (total > NOISE_MESSAGE_MAX || total > cap)
		return die(h);
	for (; *tokens != END; out += token_size(*tokens++))
		if (write_token(h, *tokens, out))
			return die(h);
	encrypt_and_hash(h, payload, len, out);
	next_message(h);
	*ret_len = total;
	return 0;
}

/* Read tokens up to the first `stop`, and that one too when `inclusive`. */
static int read_tokens(struct noise_handshake *h, const uint8_t *message, size_t len, enum token stop, bool inclusive)
{
	const uint8_t *tokens = turn(h, false);
	enum token token;

	if (!tokens || len > NOISE_MESSAGE_MAX || len < overhead(tokens))
		return die(h);
	while ((token = tokens[h->token]) != END) {
		if (token == stop && !inclusive)
			break;
		if (read_token(h, token, message + h->offset))
			return die(h);
		h->offset += token_size(token);
		h->token++;
		if (token == stop)
			break;
	}
	return 0;
}

int noise_read_sender(struct noise_handshake *h, const uint8_t *message, size_t len)
{
	return read_tokens(h, message, len, S, true);
}

int noise_read_before_psk(struct noise_handshake *h, const uint8_t *message, size_t len)
{
	return read_tokens(h, message, len, PSK, false);
}

int noise_read_message(struct noise_handshake *h, const uint8_t *message, size_t len, uint8_t *payload, size_t *ret_len)
{
	size_t rest;

	if (read_tokens(h, message, len, END, false))
		return -1;
	rest = len - h->offset;
	if (decrypt_and_hash(h, message + h->offset, rest, payload))
		return die(h);
	next_message(h);
	*ret_len = rest - NOISE_TAG;
	return 0;
}

int noise_split(struct noise_handshake *h, struct noise_cipher *ret_send, struct noise_cipher *ret_receive)
{
	uint8_t out[2][NOISE_HASH], hash[NOISE_HASH];
	bool initiator = h->initiator;

	if (h->dead || h->message != patterns[h->pattern].messages)
		return die(h);
	hkdf(out, 2, h->ck, "", 0);
	noise_cipher_init(ret_send, out[initiator ? 0 : 1]);
	noise_cipher_init(ret_receive, out[initiator ? 1 : 0]);
	memcpy(hash, h->h, NOISE_HASH);
	noise_handshake_fini(h);
	memcpy(h->h, hash, NOISE_HASH);
	sodium_memzero(out, sizeof(out));
	return 0;
}
