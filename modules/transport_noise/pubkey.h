/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pubkey.h - public keys as text.
 *
 * The fingerprint is for people who compare two screens: base32 (RFC 4648, lower case) of the first 10 bytes of
 * BLAKE2b-256 of the key, as four groups of four: "mfra-gz3f-2mxa-4q7d".
 */
#ifndef PUBKEY_H
#define PUBKEY_H

#include <stdint.h>

#define PUBKEY_TEXT 45 /* base64 with padding, and a NUL */
#define PUBKEY_FINGERPRINT 20
#define PUBKEY_HEX 33 /* of the first 16 bytes of BLAKE2b-256 of the key: the name of a file */

void pubkey_text(const uint8_t key[32], char ret_text[PUBKEY_TEXT]);
/* Base64, also the URL's kind, with or without padding. 0 or -1. */
int pubkey_parse(const char *text, uint8_t ret_key[32]);
void pubkey_fingerprint(const uint8_t key[32], char ret_text[PUBKEY_FINGERPRINT]);
void pubkey_hex(const uint8_t key[32], char ret_text[PUBKEY_HEX]);

#endif
