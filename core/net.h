/* SPDX-License-Identifier: BSD-2-Clause
 *
 * net.h - listening and connecting sockets that give streams.
 */
#ifndef NET_H
#define NET_H

#include "hostctx.h"

int host_listen(struct rtun_ctx *ctx, const struct rtun_listen_req *req, struct rtun_listener **ret);
void host_listener_pause(struct rtun_listener *l, uint32_t paused);
void host_unlisten(struct rtun_listener **l);
int host_connect(struct rtun_ctx *ctx, const struct rtun_connect_req *req, struct rtun_op **ret);

#endif
