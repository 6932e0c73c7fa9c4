/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hello.h - what the two handshake messages carry, and the keys that come out of them.
 */
#ifndef HELLO_H
#define HELLO_H

#include <stdbool.h>

#include <restunnel/module.h>

#include "noise.h"
#include "record.h"
#include "wire.h"

#define HELLO_SESSION 16
#define HELLO_VERSION 32
#define HELLO_PLAIN_1 (WIRE_MESSAGE_1 - NOISE_OVERHEAD_1)
#define HELLO_PLAIN_2 (WIRE_MESSAGE_2 - NOISE_OVERHEAD_2)
#define HELLO_PROLOGUE (sizeof(WIRE_PROLOGUE) - 1 + WIRE_ATTEMPT)

/* The union of both directions; what a message does not have is zero. */
struct hello {
	uint8_t session[HELLO_SESSION]; /* 1 */
	uint8_t index, count;           /* 1 */
	uint64_t counter;               /* 1 */
	uint32_t window;                /* 1, 2 */
	char version[HELLO_VERSION];    /* 1, 2; made of printable ASCII */
	struct rtun_addr observed;      /* 2; port 0 */
	bool datagrams;                 /* 1: WIRE_UDP is among its protocols */
};

/* Exactly `size` bytes, padded. 0 or -1. */
int hello_write(const struct hello *h, uint8_t *p, size_t size);
/* 0 or -1: malformed, or something that is needed is missing (session and counter in message 1). */
int hello_read(struct hello *h, bool first, const uint8_t *p, size_t len);
/* `attempt` NULL: there was no knock. */
void hello_prologue(const uint8_t *attempt, uint8_t out[HELLO_PROLOGUE]);

/* The two keys of a connection, as the mux wants them. Must not move. */
struct hello_keys {
	struct noise_cipher send, receive;
	uint8_t hash[NOISE_HASH]; /* of the handshake they came from */
	struct record_crypto crypto;
};
/* Splits the handshake, which is wiped. 0 or -1. */
int hello_keys_init(struct hello_keys *k, struct noise_handshake *h);
void hello_keys_fini(struct hello_keys *k);

#endif
