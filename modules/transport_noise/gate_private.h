/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gate_private.h - what the kinds of gates share.
 */
#ifndef GATE_PRIVATE_H
#define GATE_PRIVATE_H

#include "gate.h"

/* A socket that gate_guard() was given, looked at. */
struct gate_socket {
	int fd;
	int listens;
	struct rtun_addr addr; /* all zero: a wildcard */
};

struct gate_kind {
	int (*create)(struct rtun_ctx *ctx, struct gate **ret, char why[GATE_WHY]);
	int (*guard)(struct gate *g, const struct gate_socket *s, char why[GATE_WHY]);
	void (*admit)(struct gate *g, uint32_t place, const struct rtun_addr *source, uint64_t ns);
	void (*shut)(struct gate *g, uint32_t place);
	void (*destroy)(struct gate *g);
};

/* The first member of each kind's own struct. */
struct gate {
	struct rtun_ctx *ctx;
	const struct gate_kind *kind;
	uint32_t sockets;
};

/* What guard() says of a socket that listens. */
int gate_too_late(char why[GATE_WHY]);
/* A socket that listens at `local`, non-blocking and close on exec; -1 (errno). Beside others that are bound there: SO_REUSEADDR,
 * and `option`, of SOL_SOCKET, or one of IPPROTO_IP or IPPROTO_IPV6 by its GATE_FREEBIND. */
int gate_listen(const struct rtun_addr *local, int option);
#define GATE_FREEBIND (-1) /* the address need not be there */
/* If it is one (>= 0); errno stays. */
void gate_close(int *fd);

extern const struct gate_kind gate_closed, gate_filtered;

#endif
