/* SPDX-License-Identifier: BSD-2-Clause
 *
 * probe.h - what a stranger sees of a port, and of ports beside it where nothing is.
 *
 * A port that is closed among filtered ones, or filtered among closed ones, shows. A hub can't see itself from outside; a
 * node can, as long as no knock of its has opened the port.
 */
#ifndef PROBE_H
#define PROBE_H

#include <restunnel/module.h>

/* How a port answers; on the wire in INFO, so the numbers are final (doc/protocol.md). */
enum look { LOOK_UNKNOWN, LOOK_CLOSED, LOOK_FILTERED, LOOK_OPEN, LOOKS };
extern const char *const look_names[LOOKS];

struct probe;
/* Once, from the loop. `beside`: LOOK_UNKNOWN when the ports beside it differ among themselves. */
typedef void probe_cb(void *arg, enum look port, enum look beside);

/* Connects to the address and to three other ports of it, chosen at random, and says nothing there. 0 or -RTUN_ENOMEM. */
int probe_start(struct rtun_ctx *ctx, const struct rtun_addr *to, probe_cb *cb, void *arg, struct probe **ret);
void probe_cancel(struct probe **p);

#endif
