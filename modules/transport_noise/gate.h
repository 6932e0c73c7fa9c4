/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gate.h - who may see that something listens.
 *
 * A gate stands before listening TCP sockets. To a source that it has not admitted the port is what it would be if
 * nothing listened there (SECURITY.md, section 2):
 *
 *   GATE_CLOSED    the kernel answers RST, as for every port without a listener. A BPF program of type SK_LOOKUP brings the
 *                  segments of admitted sources to a listener that is at no address. Linux >= 5.9; CAP_BPF and CAP_NET_ADMIN
 *                  in prepare.
 *   GATE_FILTERED  the kernel answers nothing, as behind a firewall that drops: there is a second socket that is silent, and a
 *                  classic BPF program that brings only admitted sources to the real one. Linux >= 4.13, no capability. A
 *                  supervisor can keep the silent socket when the process dies; else the port turns from silent to closed.
 *   GATE_NONE      everyone may see it.
 *
 * Up to GATE_PLACES sources are admitted at a time, each at a place that the caller numbers (one for each device that
 * knocks) and until a time of its own. An admitted source is a whole /32 or /64. Connections that are established stay when
 * their source is shut out.
 *
 * Everything is [loop].
 */
#ifndef GATE_H
#define GATE_H

#include <restunnel/host.h>

#define GATE_PLACES 64
#define GATE_SOCKETS 16
#define GATE_WHY 320 /* bytes of a reason in words */

enum gate_mode { GATE_NONE, GATE_FILTERED, GATE_CLOSED };

struct gate;

/* In prepare. 0; or -RTUN_ENOTSUP when this machine or this process can't do that mode, another -RTUN_E... for other failures,
 * and in `why`, in words, what is missing and what to do. Nothing is logged; *ret is NULL then. */
int gate_create(struct rtun_ctx *ctx, enum gate_mode mode, struct gate **ret, char why[GATE_WHY]);
/* In prepare, between bind(fd) and listen(fd): from here on nobody gets in who is not admitted. fd: a TCP socket, IPv4, or IPv6
 * with IPV6_V6ONLY; its address may be a wildcard. It stays the caller's. On failure, which is told as above, don't listen.
 * GATE_FILTERED and GATE_CLOSED put another socket, which listens already, in the place of the descriptor fd, with no option but
 * non-blocking, close on exec, V6ONLY and SO_REUSEADDR. (Behind GATE_CLOSED its getsockname() is an address that is nowhere.) The
 * one that was bound is kept, and the port with it, until gate_destroy().
 * In GATE_FILTERED it is the silent one: as long as anybody has a copy of it (made before this call), a supervisor for instance, the
 * port stays silent without this process. The next one may guard that copy, which listens already. */
int gate_guard(struct gate *g, int fd, char why[GATE_WHY]);
/* Admit `source` (its port does not matter) for `ns` from now at `place` (below GATE_PLACES), instead of who was there.
 * No privilege is needed, only stores to memory (closed) or setsockopt(2) (filtered). */
void gate_admit(struct gate *g, uint32_t place, const struct rtun_addr *source, uint64_t ns);
/* Nobody is admitted at `place` any more. What has been answered, connections and handshakes, goes on. */
void gate_shut(struct gate *g, uint32_t place);
/* After the sockets were closed. */
void gate_destroy(struct gate **g);

#endif
