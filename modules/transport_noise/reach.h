/* SPDX-License-Identifier: BSD-2-Clause
 *
 * reach.h - how a node gets to a hub: look up its address, knock and connect (way.h), shake hands.
 *
 *              all ways at once, 250 ms apart            no answer in time: perhaps a hub that does
 *   looking up ----------------------> knocking ----> greeting ----------> plain ----> greeting ----> failed
 *                                         | none opens     | message 2       |  not hide, and no knock
 *                                         v                v                 |  gets through to it
 *                                       failed           reached <-----------'
 */
#ifndef REACH_H
#define REACH_H

#include <restunnel/module.h>
#include <restunnel/svc/keystore.h>

#include "hello.h"
#include "token.h"
#include "way.h"

#define REACH_ADDRESSES 8 /* of a hub's name */

struct reach;

struct reach_result {
	uint32_t err;            /* 0, or RTUN_E... */
	const char *why;         /* in words; good during the callback */
	struct rtun_stream **s;  /* err 0: take it by setting it to NULL */
	struct noise_handshake *handshake; /* both messages are through: split it */
	struct hello hello;      /* the hub's */
	struct rtun_addr remote;
	const uint8_t *attempt;  /* err 0: of this attempt; all zero: nobody knocked */
	enum carrier by;         /* err 0: by which knock the hub let us in; to be liked next time */
	bool accepted;           /* something accepted a connection, even if it then did not answer */
	const struct rtun_addr *found; /* all addresses of the hub's name; good during the callback */
	uint32_t found_count;
};
typedef void reach_cb(void *arg, const struct reach_result *r);

struct reach_setup {
	struct rtun_ctx *ctx;
	const struct rtun_keystore_ops *keystore;
	void *keystore_obj;
	const char *key_name;      /* the node's own key in the keystore */
	const char *host;          /* a name or a literal */
	uint16_t port;
	/* Where the host was before: for when it can't be looked up now, or not soon. May go when reach_start() has returned. */
	const struct rtun_addr *known;
	uint32_t known_count;
	enum noise_pattern pattern;
	const uint8_t *hub_key;    /* 32 bytes */
	const uint8_t *psk;        /* 32 bytes */
	uint8_t knock_count;       /* connections that the knocks announce; 0: those of hello */
	/* Join an attempt whose knock has been heard: no look-up, no knock, this address. NULL: none. */
	const uint8_t *attempt;    /* WIRE_ATTEMPT bytes */
	struct rtun_addr to;
	const uint8_t *token_id;   /* T_id of the token to enrol with, or NULL */
	enum carrier liked;        /* what worked before; CARRY_UDP where nothing is known */
	struct hello hello;        /* its counter is taken from `counter` */
	uint64_t (*counter)(void *counter_arg); /* for each knock, and for message 1 */
	void *counter_arg;
	reach_cb *cb;
	void *arg;
};

/* Each step has its limit; cb comes once, from the loop. 0 or a negative RTUN_E... */
int reach_start(const struct reach_setup *setup, struct reach **ret);
void reach_cancel(struct reach **r);

#endif
