/* SPDX-License-Identifier: BSD-2-Clause
 *
 * noise.h - the Noise protocol framework (revision 34), as much of it as the tunnel needs: the patterns IK, IKpsk1 and
 * IKpsk2, and of the one-way ones X, with 25519, ChaChaPoly and BLAKE2b.
 *
 * A handshake is a plain struct: a copy of it is a snapshot that goes on by itself. (A hub tries several PSKs on one
 * first message that way.) Every failure is the same failure: -1, nothing written, and the state is dead and wiped, so
 * that nothing can be learnt from how it failed. That something decrypted never proves that its sender knew the
 * responder's public key, which is no secret.
 */
#ifndef NOISE_H
#define NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOISE_KEY 32
#define NOISE_HASH 64
#define NOISE_TAG 16
#define NOISE_MESSAGE_MAX 65535
#define NOISE_PLAINTEXT_MAX (NOISE_MESSAGE_MAX - NOISE_TAG)
/* What a handshake message is longer than its payload. */
#define NOISE_OVERHEAD_1 (NOISE_KEY + NOISE_KEY + NOISE_TAG + NOISE_TAG)
#define NOISE_OVERHEAD_2 (NOISE_KEY + NOISE_TAG)

enum noise_pattern { NOISE_IK, NOISE_IKPSK1, NOISE_IKPSK2, NOISE_X };

/* X25519 of the local static key, which this file never sees, with `peer`. Negative for a low-order point. */
typedef int noise_dh_fn(void *arg, const uint8_t peer[NOISE_KEY], uint8_t out[NOISE_KEY]);

struct noise_party {
	enum noise_pattern pattern;
	bool initiator;
	const void *prologue;
	size_t prologue_len;
	const uint8_t *public_key;    /* of the local static key */
	noise_dh_fn *dh;
	void *dh_arg;
	const uint8_t *remote_static; /* initiator only */
	const uint8_t *psk;           /* NULL: none yet, see noise_set_psk() */
	const uint8_t *ephemeral;     /* a private key, for test vectors; NULL: a random one */
};

struct noise_handshake {
	noise_dh_fn *dh;
	void *dh_arg;
	uint64_t n;
	uint32_t pattern;
	uint32_t message;  /* the next one: 0, 1; as many as the pattern has: all are through */
	uint32_t token;    /* the next one of that message */
	uint32_t offset;   /* how much of a message that is being read was used */
	bool initiator, dead, has_psk, has_remote, has_ephemeral;
	uint8_t ck[NOISE_HASH], h[NOISE_HASH], k[NOISE_KEY];
	uint8_t s_public[NOISE_KEY], e_public[NOISE_KEY], e[NOISE_KEY];
	uint8_t rs[NOISE_KEY], re[NOISE_KEY], psk[NOISE_KEY];
};

/* One direction of a finished handshake. May be moved, but not copied. */
struct noise_cipher {
	uint8_t key[NOISE_KEY];
	uint64_t n;
	void *fast; /* libcrypto's state, where there is one */
	uint32_t fast_direction, reserved;
};

/* sodium_init() must have been called. */
void noise_handshake_init(struct noise_handshake *h, const struct noise_party *party);
/* Wipe. The hash too. */
void noise_handshake_fini(struct noise_handshake *h);

/* Any time before the pattern mixes it in: IKpsk1 at the end of message 1, IKpsk2 at the end of message 2. */
void noise_set_psk(struct noise_handshake *h, const uint8_t psk[NOISE_KEY]);

/* Write the next message, payload included, into `out`, which has room for `cap` bytes. 0 or -1. */
int noise_write_message(struct noise_handshake *h, const void *payload, size_t len, uint8_t *out, size_t cap, size_t *ret_len);
/* Read the whole of it. `payload` has room for len - NOISE_OVERHEAD_... bytes and is no part of `message`. 0 or -1. */
int noise_read_message(struct noise_handshake *h, const uint8_t *message, size_t len, uint8_t *payload, size_t *ret_len);
/* The same in steps, for a responder that wants to stop early: the first costs one DH and tells noise_remote_static(),
 * the second stands before the PSK: time for noise_set_psk(), or to copy the state and try several. The same bytes
 * must be given to each step and to noise_read_message(), which does what is left. 0 or -1. */
int noise_read_sender(struct noise_handshake *h, const uint8_t *message, size_t len);
int noise_read_before_psk(struct noise_handshake *h, const uint8_t *message, size_t len);

/* The other end's static key: NULL as long as it isn't known. Authentic only once the payload has been read. */
const uint8_t *noise_remote_static(const struct noise_handshake *h);
/* Names this handshake, both ends have the same one (channel binding). Final once both messages are through. */
const uint8_t *noise_hash(const struct noise_handshake *h);
/* After the last message: the keys, one for each direction (X uses the first only). All secrets of the handshake are wiped. 0 or -1. */
int noise_split(struct noise_handshake *h, struct noise_cipher *ret_send, struct noise_cipher *ret_receive);

void noise_cipher_init(struct noise_cipher *c, const uint8_t key[NOISE_KEY]);
void noise_cipher_fini(struct noise_cipher *c);
/* In place: `len` bytes of plaintext become len + NOISE_TAG. -1: too long, or all nonces are used up. */
int noise_seal(struct noise_cipher *c, uint8_t *record, size_t len);
/* In place: the length of the plaintext, or -1; then the nonce is not used up and what is in `record` is lost. */
int noise_open(struct noise_cipher *c, uint8_t *record, size_t len);

#endif
