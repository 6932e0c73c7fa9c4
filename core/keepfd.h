/* SPDX-License-Identifier: BSD-2-Clause
 *
 * keepfd.h - sockets that outlive this process: the supervisor's file descriptor store, sd_listen_fds(3) and sd_notify(3)'s
 * FDSTORE=1 without libsystemd.
 *
 * A start takes over what the process before it left. Until the end of prepare instances claim theirs by name; what nobody
 * claims is let go. Names are INSTANCE.NAME, in which a byte that systemd would refuse is %XX.
 */
#ifndef KEEPFD_H
#define KEEPFD_H

#include <stdbool.h>

#include "hostctx.h"

struct keepfd;
struct notify;

#define KEEPFD_NAME 256 /* with its NUL; systemd's limit */

/* Takes LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PID, also out of the environment, and owns those descriptors. *ret is there
 * without them too. 0 or -RTUN_ENOMEM. `n` (may be NULL) must live as long. */
int keepfd_create(const struct notify *n, struct keepfd **ret);
/* Unclaimed ones are closed here, but stay with the supervisor: a start that failed must not lose them. */
void keepfd_destroy(struct keepfd **k);
/* The end of prepare: what nobody has claimed is closed here and there. */
void keepfd_settle(struct keepfd *k);

/* For net.c. A kept TCP socket that listens on exactly this address: the caller's from now on. One under that name which
 * does not is let go. -RTUN_ENOENT. */
int keepfd_claim_listening(struct rtun_ctx *ctx, const struct rtun_endpoint *e);
/* Let go of every unclaimed socket that is in the way of binding `a`. How many. */
uint32_t keepfd_make_room(struct rtun_ctx *ctx, const struct rtun_addr *a);
/* A listener has ended: let go of it, unless the whole process is about to end. */
void keepfd_unlisten(struct rtun_ctx *ctx, const char *name);

/* host table */
int host_fd_keep(struct rtun_ctx *ctx, const char *name, int fd);
int host_fd_kept(struct rtun_ctx *ctx, const char *name, int *ret_fd);

#endif
