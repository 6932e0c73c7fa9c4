/* SPDX-License-Identifier: BSD-2-Clause
 *
 * knock.h - what a node says to a hub's port before it connects, so that the port opens to it. doc/protocol.md section 4.
 *
 *   mac1 16 | e 32 | s encrypted 48 | payload encrypted 96      always WIRE_KNOCK bytes
 *
 * All behind mac1 is the one message of Noise_X. mac1 is keyed by the hub's public key: who doesn't know that can't even
 * make the hub calculate a DH. There is exactly one encoding of a knock, and no answer to it.
 */
#ifndef KNOCK_H
#define KNOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "noise.h"
#include "token.h"
#include "wire.h"

struct knock {
	uint8_t attempt[WIRE_ATTEMPT]; /* random; all knocks of one attempt have the same, and so does message 1 after it */
	uint64_t counter;              /* strictly rising for a device */
	uint8_t count;                 /* connections that will come, 1 or more */
	bool enrols;                   /* by this token */
	uint8_t token_id[TOKEN_ID];
};

/* The key of mac1. */
void knock_key(const uint8_t hub_key[32], uint8_t ret_key[32]);

/* `dh`: of the node's static key. 0, or -1: the hub's key is a low-order point, or the node's can't be used. `ephemeral`:
 * for test vectors; NULL: a random one. */
int knock_write(const struct knock *k, const uint8_t hub_key[32], const uint8_t node_key[32], noise_dh_fn *dh, void *dh_arg,
		const uint8_t *ephemeral, uint8_t ret[WIRE_KNOCK]);

/* A hub reads in steps, so that it may stop after each: is it meant for this hub (one hash), who says so (one DH), is it
 * true (another DH). */
bool knock_mac_good(const uint8_t key[32], const uint8_t knock[WIRE_KNOCK]);
/* The sender's key, to be believed only after knock_read(). 0 or -1; then `h` is dead. */
int knock_read_sender(struct noise_handshake *h, const uint8_t hub_key[32], noise_dh_fn *dh, void *dh_arg, const uint8_t knock[WIRE_KNOCK],
		      uint8_t ret_sender[32]);
int knock_read(struct noise_handshake *h, const uint8_t knock[WIRE_KNOCK], struct knock *ret);

#endif
