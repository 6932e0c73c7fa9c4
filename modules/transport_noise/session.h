/* SPDX-License-Identifier: BSD-2-Clause
 *
 * session.h - connections that belong together leave from one exit: which one, until nobody has used it for a while.
 *
 * A session is used while a stream of it lives, and for the time `ttl` after the last one. At most SESSION_MAX are remembered:
 * the one that was not asked for longest goes, but never one that is in use.
 */
#ifndef SESSION_H
#define SESSION_H

#include "mux.h"

#define SESSION_KEY 16U
#define SESSION_MAX 16384U
#define SESSION_BUCKETS 4096U

struct session {
	uint8_t key[SESSION_KEY];
	struct session *next;            /* of its bucket */
	struct session *older, *younger; /* in the order of the last question */
	void *exit;                      /* the owner's; NULL: there is none any more, to be replaced */
	struct mux_use use;              /* its streams */
	bool reached;                    /* the exit has connected it to something */
};

struct sessions {
	struct rtun_ctx *ctx;
	const uint64_t *ttl; /* ns */
	struct session *buckets[SESSION_BUCKETS], *oldest, *youngest;
	uint32_t count;
};

void session_key(const char *const *parts, uint32_t count, uint8_t ret[SESSION_KEY]);
/* The one with this key, if it is still in force, or NULL. */
struct session *session_find(struct sessions *t, const uint8_t key[SESSION_KEY]);
/* A new one, which there was not, or NULL: no memory, or all are in use. */
struct session *session_add(struct sessions *t, const uint8_t key[SESSION_KEY], void *exit);
/* All of this exit, whose streams have ended; NULL: all there are, and nobody has streams. */
void session_forget(struct sessions *t, const void *exit);

#endif
