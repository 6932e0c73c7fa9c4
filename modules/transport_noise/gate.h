/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gate.h - who may see that something listens.
 *
 * A gate stands before listening TCP sockets. To a source that it has not admitted the port is what it would be if
 * nothing listened there (SECURITY.md, section 2):
 *
 *   GATE_CLOSED    the kernel answers RST, as for every port without a listener. A BPF program of type SK_LOOKUP hides the
 *                  sockets from the kernel's own search for a listener. Linux >= 5.9 and CAP_BPF in prepare.
 *   GATE_FILTERED  the kernel answers nothing, as behind a firewall that drops. A classic BPF filter on the sockets. No
 *                  capability.
 *   GATE_NONE      everyone may see it.
 *
 * Up to GATE_PLACES sources are admitted at a time, each at a place that the caller numbers (one for each device that
 * knocks) and until a time of its own. An admitted source is a whole /32 or /64. Connections that are established stay when
 * their source is shut out.
 *
 * When the process dies, however it dies, the kernel takes listener and gate away together, the listener first.
 *
 * Everything is [loop].
 */
#ifndef GATE_H
#define GATE_H

#include <restunnel/host.h>

#define GATE_PLACES 64
#define GATE_SOCKETS 16
#define GATE_WHY 256 /* bytes of a reason in words */

enum gate_mode { GATE_NONE, GATE_FILTERED, GATE_CLOSED };

struct gate;

/* In prepare. 0; or -RTUN_ENOTSUP when this machine or this process can't do that mode, another -RTUN_E... for other failures,
 * and in `why`, in words, what is missing and what to do. Nothing is logged; *ret is NULL then. */
int gate_create(struct rtun_ctx *ctx, enum gate_mode mode, struct gate **ret, char why[GATE_WHY]);
/* In prepare, between bind(fd) and listen(fd): from here on nobody gets in who is not admitted. fd: a TCP socket, IPv4, or IPv6
 * with IPV6_V6ONLY; its address may be a wildcard. It stays the caller's. On failure, which is told as above, don't listen.
 * GATE_FILTERED also takes a socket that listens already if it has a filter (one that was kept over a restart), and shuts
 * everyone out.
 * GATE_CLOSED keeps a second descriptor of the socket: it listens until both fd is closed and the gate is destroyed. */
int gate_guard(struct gate *g, int fd, char why[GATE_WHY]);
/* Admit `source` (its port does not matter) for `ns` from now at `place` (below GATE_PLACES), instead of who was there.
 * Needs no privilege, only memory stores (closed) or setsockopt(2) (filtered). */
void gate_admit(struct gate *g, uint32_t place, const struct rtun_addr *source, uint64_t ns);
/* Nobody is admitted at `place` any more. In GATE_FILTERED its SYNs stop at once, its other segments 10 s later: a handshake
 * under way would otherwise leave a client that believes it is connected. */
void gate_shut(struct gate *g, uint32_t place);
/* After the sockets were closed. */
void gate_destroy(struct gate **g);

#endif
