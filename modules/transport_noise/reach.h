/* SPDX-License-Identifier: BSD-2-Clause
 *
 * reach.h - a node's way to a hub: look up its address, connect, shake hands.
 */
#ifndef REACH_H
#define REACH_H

#include <restunnel/module.h>
#include <restunnel/svc/keystore.h>

#include "hello.h"

#define REACH_ADDRESSES 8 /* of a hub's name */

struct reach;

struct reach_result {
	uint32_t err;            /* 0, or RTUN_E... */
	const char *why;         /* in words; good during the callback */
	struct rtun_stream **s;  /* err 0: take it by setting it to NULL */
	struct noise_handshake *handshake; /* both messages are through: split it */
	struct hello hello;      /* the hub's */
	struct rtun_addr remote;
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
	enum noise_pattern pattern;
	const uint8_t *hub_key;    /* 32 bytes */
	const uint8_t *psk;        /* 32 bytes */
	struct hello hello;
	reach_cb *cb;
	void *arg;
};

/* Each step has its limit; cb comes once, from the loop. 0 or a negative RTUN_E... */
int reach_start(const struct reach_setup *setup, struct reach **ret);
void reach_cancel(struct reach **r);

#endif
