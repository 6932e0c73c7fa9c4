/* SPDX-License-Identifier: BSD-2-Clause
 *
 * carry.h - how a knock gets to a hub's port: as a datagram, or as the data of a TCP SYN. Neither needs a privilege.
 *
 * Both leave from one local address, and so should the connection that follows (carry->local): a machine may have
 * several, and a hub admits the one that knocked. Never blocks.
 */
#ifndef CARRY_H
#define CARRY_H

#include <stdbool.h>

#include <restunnel/module.h>

#include "wire.h"

/* The ways; CARRY_NONE: a hub that does not hide lets in who has not knocked. */
enum carrier { CARRY_NONE, CARRY_UDP, CARRY_SYN, CARRIERS };
extern const char *const carrier_names[CARRIERS];

struct carry {
	struct rtun_addr to, local; /* local: port 0 */
	int fd;                     /* the datagrams' */
};

/* 0, or -RTUN_EUNREACHABLE: there is no route, or -RTUN_EOVERLOAD: no more descriptors. Then nothing is open. */
int carry_open(struct carry *c, const struct rtun_addr *to);
/* 0, or a negative RTUN_E...: it did not leave this machine (-RTUN_ENOTSUP: the system does not send SYNs with data). That it
 * arrived is never known. */
int carry_send(const struct carry *c, enum carrier by, const uint8_t knock[WIRE_KNOCK]);
void carry_close(struct carry *c);
/* Is this still an address of this machine? True where that can't be told. */
bool carry_is_local(const struct rtun_addr *a);

#endif
