/* SPDX-License-Identifier: BSD-2-Clause
 *
 * peer.h - which user of this machine is at the other end of a connection.
 */
#ifndef PEER_H
#define PEER_H

#include <stdint.h>

/* A socket by which the kernel can be asked from then on, also in the sandbox (sock_diag(7)). -1 with errno. */
int peer_open(void);
/* Of an accepted connection, TCP on this machine or unix. 0; -1: not known: the other end is elsewhere, or about to go. */
int peer_user(int diag, int fd, uint32_t *ret_uid);

#endif
