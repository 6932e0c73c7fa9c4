/* SPDX-License-Identifier: BSD-2-Clause
 *
 * rekey.h - fresh keys for a connection that lives on, by a new handshake inside the old one.
 *
 *   node  REKEY_1 (message 1)  ->            old keys
 *   node           <-  REKEY_2 (message 2)   hub: its last record with the old key; what it sends after is sealed anew
 *   node  REKEY_3              ->            node: the same
 *
 * Noise_IKpsk2 with an empty payload; its prologue names the handshake that it replaces, so it belongs to this
 * connection only. Each end receives with the new key from the record after the one that held the other's last word.
 * The node asks, one at a time: after `rekey-after`, and after 2^36 bytes.
 */
#ifndef REKEY_H
#define REKEY_H

#include <stdbool.h>

#include "hello.h"
#include "mux.h"

struct rekey {
	struct hello_keys *now;  /* of this connection */
	struct hello_keys *next; /* agreed on, not yet in use both ways; NULL: none */
	struct noise_handshake *asked; /* node: message 1 is out */
	uint64_t since;          /* rtun_now() */
	uint64_t bytes;          /* mux counters at that time */
};

/* The other end and our own static key: initiator, prologue and pattern are filled in here. For a hub remote_static is
 * who the other end must be. */
int rekey_init(struct rekey *r, struct noise_handshake *first, uint64_t now);
void rekey_fini(struct rekey *r);
/* Node: is it time, and is none under way? */
bool rekey_due(const struct rekey *r, const struct mux *m, uint64_t now, uint64_t after);
/* Node: send REKEY_1. 0 or -1. */
int rekey_ask(struct rekey *r, struct mux *m, const struct noise_party *self);
/* A REKEY frame came. 0, or -1: it breaks the protocol, or does not fit. */
int rekey_on_frame(struct rekey *r, struct mux *m, const struct noise_party *self, uint64_t now, uint8_t type, const uint8_t *p, uint32_t len);

#endif
