/* SPDX-License-Identifier: BSD-2-Clause
 *
 * relay.h - two streams joined: see restunnel/stream.h.
 */
#ifndef RELAY_H
#define RELAY_H

#include "hostctx.h"

int host_relay_start(struct rtun_ctx *ctx, const struct rtun_relay_req *req, struct rtun_relay **ret);
void host_relay_abort(struct rtun_relay *r, uint32_t err);

#endif
