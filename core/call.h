/* SPDX-License-Identifier: BSD-2-Clause
 *
 * call.h - a module calls the verbs of others, as the command line does.
 */
#ifndef CALL_H
#define CALL_H

#include "hostctx.h"

int host_call(struct rtun_ctx *ctx, const struct rtun_call_req *req, struct rtun_op **ret);

#endif
