/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ear.h - what was sent to a port where nobody seems to be: knocks.
 *
 * A knock is a datagram of exactly WIRE_KNOCK bytes, or a TCP SYN that carries so many, to one of the addresses that the hub
 * listens on. The ear judges nothing but that; every other packet is dropped in the kernel. It never answers.
 *
 *   UDP, raw     raw sockets: the kernel goes on answering "port unreachable", as where nobody listens. CAP_NET_RAW.
 *   UDP, bound   bound sockets, silent whatever comes. No capability.
 *   SYN          raw sockets; what the sender sees is up to the gate. CAP_NET_RAW; without it there is no such intake.
 *
 * The raw sockets' filters look at the length and not at the port, which is looked at here: the kernel takes as long for a
 * packet of a knock's length to the hub's port as for one to any other port of the machine.
 *
 * Everything is [loop]. No memory is taken for a packet.
 */
#ifndef EAR_H
#define EAR_H

#include <stdbool.h>

#include <restunnel/host.h>

#include "wire.h"

#define EAR_ENDPOINTS 16
#define EAR_WHY 256 /* bytes of a reason in words */

enum ear_carrier { EAR_UDP, EAR_SYN };

struct ear;

/* `source` has the port that the knock came from. The ear may be destroyed from inside. */
typedef void ear_cb(void *arg, const struct rtun_addr *source, enum ear_carrier carrier, const uint8_t knock[WIRE_KNOCK]);

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
