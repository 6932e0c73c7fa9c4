/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pubkey.c - public keys as text.
 */
#include <sodium.h>
#include <string.h>

#include "pubkey.h"

void pubkey_text(const uint8_t key[32], char ret_text[PUBKEY_TEXT])
{
	sodium_bin2base64(ret_text, PUBKEY_TEXT, key, 32, sodium_base64_VARIANT_ORIGINAL);
}

int pubkey_parse(const char *text, uint8_t ret_key[32])
{
	static const int variants[] = {
		sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
		sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING,
	};
	size_t i, n;

	for (i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		if (!sodium_base642bin(ret_key, 32, text, strlen(text), NULL, &n, NULL, variants[i]) && n == 32)
			return 0;
	return -1;
}

void pubkey_fingerprint(const uint8_t key[32], char ret_text[PUBKEY_FINGERPRINT])
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t hash[32];
	uint32_t i, bit;
	char *to = ret_text;

	crypto_generichash(hash, sizeof(hash), key, 32, NULL, 0);
	for (i = 0; i < 16; i++) {
		bit = i * 5;
		if (i && i % 4 == 0)
			*to++ = '-';
		*to++ = digits[((uint32_t)hash[bit / 8] << 8 | hash[bit / 8 + 1]) >> (11 - bit % 8) & 31];
	}
	*to = 0;
}

void pubkey_hex(const uint8_t key[32], char ret_text[PUBKEY_HEX])
{
	uint8_t hash[32];

	crypto_generichash(hash, sizeof(hash), key, 32, NULL, 0);
	sodium_bin2hex(ret_text, PUBKEY_HEX, hash, 16);
}
