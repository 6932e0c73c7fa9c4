/* SPDX-License-Identifier: BSD-2-Clause
 *
 * attempt.h - the attempts to connect that a hub has heard of by a knock.
 *
 *            a knock            message 1 of each of its connections
 *   (none) ----------> open ------------------------------------------> complete
 *              |  ^      |  gate: admitted, 3 s (10 s on IPv6)             | gate: shut
 *              '--'      '---------------- GRACE later ------------------> (none)
 *       another knock of it
 *
 * A device has one place for IPv4 and one for IPv6: neighbours behind one address do not shut each other out, and a new
 * attempt takes the place of the device's last. Each place is one of the gate's.
 */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include <stdbool.h>

#include <restunnel/module.h>

#include "gate.h"
#include "knock.h"

struct attempt {
	uint64_t until; /* when message 1 is no longer awaited; 0: a free place */
	uint8_t id[WIRE_ATTEMPT];
	uint8_t device[32];
	uint8_t token_id[TOKEN_ID];
	bool enrols;
	struct rtun_addr source;
	uint8_t count, done; /* connections announced, and those that have shaken hands */
	uint8_t looked;      /* messages of its source that were looked at for its sake */
	uint8_t indexes[32]; /* bits: which those were */
};

struct attempts {
	struct rtun_ctx *ctx;
	struct gate *gate;
	struct attempt places[GATE_PLACES];
};

/* The gate opens for `from`, unless the attempt is complete. 0, or -RTUN_EOVERLOAD: all places are taken. */
int attempt_open(struct attempts *a, const struct knock *k, const uint8_t device[32], const struct rtun_addr *from);
/* The one after `previous` (NULL: the first) that a connection from `from` may belong to, or NULL. */
struct attempt *attempt_next(struct attempts *a, struct attempt *previous, const struct rtun_addr *from);
/* A first message from `from` was announced by a knock: it is looked at, whatever others send. Each attempt has a few. */
bool attempt_announced(struct attempts *a, const struct rtun_addr *from);
bool attempt_awaits(const struct attempt *t, uint8_t index);
/* Connection `index` has shaken hands: with the last one the gate shuts. */
void attempt_done(struct attempts *a, struct attempt *t, uint8_t index);
/* `device` is revoked: its gates shut, its attempts are forgotten. */
void attempt_forget(struct attempts *a, const uint8_t device[32]);

#endif
