/* SPDX-License-Identifier: BSD-2-Clause
 *
 * associate.h - datagrams that leave from this machine.
 *
 *   associate.c   one association: sockets, what may leave, what may come back
 *   peers.c       to whom it has sent lately
 *   names.c       what the names it sends to stand for
 */
#ifndef EXIT_DIALER_ASSOCIATE_H
#define EXIT_DIALER_ASSOCIATE_H

#include "../datagram/datagram.h"
#include "exit_dialer.h"

/* ---- Peers ---- */

#define PEERS_BUCKETS 256U

struct peer;
struct peers {
	struct peer *buckets[PEERS_BUCKETS];
	struct peer *oldest, *newest;
	uint32_t count;
};

/* Something is sent to `a`: answers from there are expected for some minutes. Where there are `most` already, the one that
 * was sent to least lately is forgotten. 0 or -RTUN_ENOMEM. */
int peers_add(struct peers *p, const struct rtun_addr *a, uint64_t now, uint64_t most);
bool peers_expect(const struct peers *p, const struct rtun_addr *a, uint64_t now);
void peers_fini(struct peers *p);

/* ---- Names ---- */

/* A datagram to `host` that may now be sent to `to`. */
typedef void names_send_fn(void *arg, const char *host, const struct rtun_addr *to, const uint8_t *payload, uint32_t len);

struct name;
struct names {
	struct exit_dialer *d;
	names_send_fn *send;
	void *arg;
	struct name *newest;
	uint32_t count;
};

/* Sends the datagram, at once or when the name is known, or drops it. */
void names_send(struct names *n, const char *host, uint32_t host_len, uint16_t port, const uint8_t *payload, uint32_t len);
void names_fini(struct names *n);

/* ---- Association ---- */

struct exit_dialer_association {
	struct exit_dialer *d; /* NULL: over */
	struct exit_dialer_association *next, **at;
	struct rtun_op *op;    /* until it was given away */
	rtun_dial_cb *cb;
	void *arg;
	struct rtun_defer *begin;
	struct rtun_timer *idle;
	uint64_t used_at;
	struct datagram_stream ds;
	struct peers peers;
	struct names names;
};

#endif
