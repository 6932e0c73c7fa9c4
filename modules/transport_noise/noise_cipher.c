/* SPDX-License-Identifier: BSD-2-Clause
 *
 * noise_cipher.c - the records after a Noise handshake: ChaCha20-Poly1305 in place, without associated data.
 *
 * libcrypto's is faster than libsodium's and gives the same bytes; where it is missing, or fails to start, libsodium
 * does the work.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include <sodium.h>
#include <string.h>
#ifdef HAVE_LIBCRYPTO
#include <openssl/crypto.h>
#include <openssl/evp.h>
#endif

#include "noise.h"

#define SEAL 1
#define OPEN 2

/* 32 zero bits, then the counter, little endian. 2^64-1 is reserved. */
static int next_nonce(const struct noise_cipher *c, uint8_t nonce[12])
{
	uint32_t i;

	if (c->n == UINT64_MAX)
		return -1;
	memset(nonce, 0, 4);
	for (i = 0; i < 8; i++)
		nonce[4 + i] = (uint8_t)(c->n >> 8 * i);
	return 0;
}

#ifdef HAVE_LIBCRYPTO
/* The state for this direction, made at its first use; NULL: use libsodium. */
static EVP_CIPHER_CTX *fast_of(struct noise_cipher *c, uint32_t direction)
{
	EVP_CIPHER_CTX *evp;

	if (c->fast_direction)
		return c->fast_direction == direction ? c->fast : NULL;
	c->fast_direction = direction;
	/* No openssl.cnf: it may be out of the sandbox's reach, and nothing in it concerns this. */
	if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL))
		return NULL;
	evp = EVP_CIPHER_CTX_new();
	if (!evp)
		return NULL;
	if (EVP_CipherInit_ex(evp, EVP_chacha20_poly1305(), NULL, c->key, NULL, direction == SEAL) != 1) {
		EVP_CIPHER_CTX_free(evp);
		return NULL;
	}
	c->fast = evp;
	return evp;
}

static int fast_seal(EVP_CIPHER_CTX *evp, const uint8_t nonce[12], uint8_t *p, int len)
{
	int n;

	if (EVP_CipherInit_ex(evp, NULL, NULL, NULL, nonce, 1) != 1 || EVP_CipherUpdate(evp, p, &n, p, len) != 1 ||
	    EVP_CipherFinal_ex(evp, p + len, &n) != 1)
		return -1;
	return EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, NOISE_TAG, p + len) == 1 ? 0 : -1;
}

static int fast_open(EVP_CIPHER_CTX *evp, const uint8_t nonce[12], uint8_t *p, int len)
{
	int n;

	if (EVP_CipherInit_ex(evp, NULL, NULL, NULL, nonce, 0) != 1 ||
	    EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, NOISE_TAG, p + len) != 1 ||
	    EVP_CipherUpdate(evp, p, &n, p, len) != 1)
		return -1;
	return EVP_CipherFinal_ex(evp, p + len, &n) == 1 ? 0 : -1;
}

static void fast_free(struct noise_cipher *c)
{
	EVP_CIPHER_CTX_free(c->fast);
}
#else
#define fast_of(c, direction) NULL
static int fast_seal(void *evp, const uint8_t nonce[12], uint8_t *p, int len)
{
	(void)evp, (void)nonce, (void)p, (void)len;
	return -1;
}
#define fast_open fast_seal
#define fast_free(c) ((void)(c))
#endif

void noise_cipher_init(struct noise_cipher *c, const uint8_t key[NOISE_KEY])
{
	memset(c, 0, sizeof(*c));
	memcpy(c->key, key, NOISE_KEY);
}

void noise_cipher_fini(struct noise_cipher *c)
{
	fast_free(c);
	sodium_memzero(c, sizeof(*c));
}

int noise_seal(struct noise_cipher *c, uint8_t *record, size_t len)
{
	uint8_t nonce[12];
	void *fast;

	if (len > NOISE_PLAINTEXT_MAX || next_nonce(c, nonce))
		return -1;
	fast = fast_of(c, SEAL);
	if (fast) {
		if (fast_seal(fast, nonce, record, (int)len))
			return -1;
	} else {
		crypto_aead_chacha20poly1305_ietf_encrypt(record, NULL, record, len, NULL, 0, NULL, nonce, c->key);
	}
	c->n++;
	return 0;
}

int noise_open(struct noise_cipher *c, uint8_t *record, size_t len)
{
	uint8_t nonce[12];
	void *fast;
	int plain, r;

	if (len < NOISE_TAG || len > NOISE_MESSAGE_MAX || next_nonce(c, nonce))
		return -1;
	plain = (int)len - NOISE_TAG;
	fast = fast_of(c, OPEN);
	if (fast)
		r = fast_open(fast, nonce, record, plain);
	else
		r = crypto_aead_chacha20poly1305_ietf_decrypt(record, NULL, NULL, record, len, NULL, 0, nonce, c->key);
	if (r) {
		sodium_memzero(record, len); /* libcrypto decrypts before it judges */
		return -1;
	}
	c->n++;
	return plain;
}
