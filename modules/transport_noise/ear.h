/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ear.h - what was sent to a port where nobody seems to be: knocks.
 *
 * A knock is a datagram of exactly WIRE_KNOCK bytes, or a TCP SYN that carries so many. The ear judges nothing but that; every
 * other packet is dropped in the kernel. It never answers.
 *
 *   UDP, raw     raw sockets: the kernel goes on answering "port unreachable", as where nobody listens. CAP_NET_RAW.
 *   UDP, bound   bound sockets, silent whatever comes. No capability.
 *   SYN          raw sockets; what the sender sees is up to the gate. CAP_NET_RAW; without it there is no such intake.
 *
 * A raw socket must not delay the answer that the kernel gives to what it hears. So
 *   - it does not wake this process, which looks every 10 ms: woken, the kernel answered a packet of a knock's length 12 us
 *     later than others (measured; 11 us and 23 us at the median), and a thousand probes told from afar that a hub is there;
 *   - it hears what is sent to any port of the machine's, and tells the port to whoever listens: so the hub's port takes not
 *     even the hundred nanoseconds longer that queueing costs.
 *
 * Everything is [loop]. No memory is taken for a packet.
 */
#ifndef EAR_H
#define EAR_H

#include <stdbool.h>

#include <restunnel/host.h>

#include "wire.h"

#define EAR_ENDPOINTS 16
#define EAR_WHY 320 /* bytes of a reason in words */

enum ear_carrier { EAR_UDP, EAR_SYN };

struct ear;

struct ear_packet {
	struct rtun_addr source; /* with the port that it came from */
	enum ear_carrier carrier;
	/* Was it for an endpoint? If not it is nobody's; but whoever is called spends the same time on it, at least until
	 * mac1 has been checked, so that the machine's answers tell no difference. */
	bool here;
	const uint8_t *knock; /* WIRE_KNOCK bytes, for the length of the call */
};

/* The ear may be destroyed from inside. */
typedef void ear_cb(void *arg, const struct ear_packet *p);

struct ear_setup {
	struct rtun_ctx *ctx;
	const struct rtun_list *endpoints; /* of struct rtun_endpoint, IP only; copied */
	bool raw;                          /* UDP by raw sockets; else bound ones */
	/* Not raw: for each endpoint a UDP socket that is bound there already, which the ear owns from now on, also when it fails;
	 * or -1. NULL: none. */
	const int *bound;
	ear_cb *cb;
	void *arg;
};

/* In prepare: opens the sockets, which hear from now on; what they hear waits for ear_start(). 0; or -RTUN_E... (-RTUN_ENOTSUP:
 * CAP_NET_RAW is missing) and the reason with its remedy in `why`. */
int ear_create(const struct ear_setup *setup, struct ear **ret, char why[EAR_WHY]);
void ear_start(struct ear *e);
bool ear_hears_syn(const struct ear *e);
/* The bound UDP socket of an endpoint, still the ear's; -1: there is none. */
int ear_bound(const struct ear *e, uint32_t endpoint);
void ear_destroy(struct ear **e);

#endif
