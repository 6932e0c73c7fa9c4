/* SPDX-License-Identifier: BSD-2-Clause
 *
 * token.h - a hub's pending enrolments, and the keys that are derived from a token.
 *
 * A token T is 32 random bytes and is valid for 15 minutes. It is in the pairing URL and nowhere else: both ends derive
 * keys from it and forget it. With B(key, message, n) = BLAKE2b keyed with `key`, output n bytes, of `message`, and
 * texts without a NUL at their end:
 *
 *   T_id  = B(T, "restunnel/1 token id", 16)       names the token on the wire
 *   T_psk = B(T, "restunnel/1 token enrol", 32)    PSK of the enrolment (IKpsk1)
 *   T_dev = B(T, "restunnel/1 token device", 32)   seed of the device's PSK
 *   K_dev = B(T_dev, "restunnel/1 device psk" || h || hub_pk || dev_pk, 32)   PSK of all later tunnels (IKpsk2)
 *
 * where h is the enrolment's final handshake hash (64 bytes) and hub_pk and dev_pk are the static public keys.
 *
 * The first device that succeeds burns the token for all others. That same device may repeat it until it expires, so
 * that a lost answer strands nobody. Time is an argument: nanoseconds of the monotonic clock.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#define TOKEN_BYTES 32
#define TOKEN_ID 16
#define TOKEN_NAME 33 /* with its NUL */
#define TOKEN_OPEN_MAX 8
#define TOKEN_KNOCKERS 8
#define TOKEN_VALID (UINT64_C(15) * 60 * 1000000000)

struct token_keys {
	uint8_t id[TOKEN_ID];
	uint8_t psk[32];
	uint8_t seed[32];
};

void token_derive(const uint8_t token[TOKEN_BYTES], struct token_keys *ret_keys);
void token_device_psk(const uint8_t seed[32], const uint8_t hash[64], const uint8_t hub_key[32], const uint8_t device_key[32],
		      uint8_t ret_psk[32]);

/* One enrolment that may come. */
struct token {
	struct token_keys keys;
	uint64_t expires;
	int64_t made_at;     /* unix seconds, for people */
	bool live;
	bool used;           /* by `device`, and from then on by no other */
	uint8_t device[32];
	char name[TOKEN_NAME]; /* wished for by whoever made it; "" if nothing was */
	struct {
		uint8_t device[32];
		uint64_t counter; /* 0: a free place */
	} knockers[TOKEN_KNOCKERS]; /* so that a recording of a knock opens nothing */
};

/* As many burned ones are remembered as may be open; when there are more, the oldest is forgotten early. */
struct token_table {
	struct token tokens[2 * TOKEN_OPEN_MAX];
};

void token_table_init(struct token_table *t);
void token_table_fini(struct token_table *t);
/* Make one. `name` may be NULL. 0, or -RTUN_EOVERLOAD: eight are open. */
int token_create(struct token_table *t, uint64_t now, int64_t wall, const char *name, uint8_t ret_token[TOKEN_BYTES]);
/* Forget what has expired. The others do that too, this is for a timer: when to come again, or 0: never. */
uint64_t token_expire(struct token_table *t, uint64_t now);
/* How many are open (neither used nor expired). */
uint32_t token_count_open(struct token_table *t, uint64_t now);
/* The one with this id that `device` may use, or NULL. */
struct token *token_find(struct token_table *t, uint64_t now, const uint8_t id[TOKEN_ID], const uint8_t device[32]);
/* The one after `previous` (NULL: the first) that `device` may use, or NULL: to try each one's PSK. */
struct token *token_next(struct token_table *t, uint64_t now, const struct token *previous, const uint8_t device[32]);
/* The one after `previous` (NULL: the first), used or not, or NULL: to show or end them. `previous` may be forgotten by then. */
struct token *token_next_live(struct token_table *t, uint64_t now, const struct token *previous);
/* It is withdrawn: from now on one that never was. */
void token_forget(struct token *token);
/* `device` knocks with this token: is that new? At most TOKEN_KNOCKERS devices may try one token. */
bool token_knock(struct token *token, const uint8_t device[32], uint64_t counter);
/* `device` is revoked: what it has used it may not use again. */
void token_revoke(struct token_table *t, const uint8_t device[32]);
/* The enrolment of `device` is on disk: burn the token. */
void token_use(struct token *token, const uint8_t device[32]);

#endif
