/* SPDX-License-Identifier: BSD-2-Clause
 *
 * secret.h - what is secret or changes often about a peer (a hub's device, a node's hub), in a file of its own below a
 * directory of data-dir that only its owner can enter: DIR/HEX.yaml, HEX of pubkey_hex().
 */
#ifndef SECRET_H
#define SECRET_H

#include <restunnel/host.h>
#include <stdbool.h>

struct secret {
	uint8_t psk[32];   /* all zero: none */
	uint64_t counter;  /* the highest that came from this peer; hub only */
	int64_t last_seen; /* unix seconds, 0: never */
};

/* Make the directory if it isn't there. 0, or -RTUN_EIO or -RTUN_EDENIED after logging why. */
int secret_prepare(struct rtun_ctx *ctx, const char *dir);
/* A peer without a file has no PSK and no counter. One whose file is damaged gets a random PSK, with which nothing can
 * come about until it is paired again: this is logged. */
void secret_load(struct rtun_ctx *ctx, const char *dir, const uint8_t key[32], struct secret *ret_secret);
/* Durable when it returns 0; else -RTUN_EIO, logged. */
int secret_save(struct rtun_ctx *ctx, const char *dir, const uint8_t key[32], const struct secret *secret);
void secret_remove(struct rtun_ctx *ctx, const char *dir, const uint8_t key[32]);
/* Remove the files of peers that are gone: keep(arg, HEX) says which are not. */
void secret_sweep(struct rtun_ctx *ctx, const char *dir, bool (*keep)(void *arg, const char *hex), void *arg);

#endif
