/* SPDX-License-Identifier: BSD-2-Clause
 *
 * work.h - blocking calls in threads, their end in the loop.
 */
#ifndef WORK_H
#define WORK_H

#include "hostctx.h"

int host_work(struct rtun_ctx *ctx, rtun_work_fn *fn, rtun_cb *done, void *arg, struct rtun_work **ret);
void host_work_cancel(struct rtun_work **w);

#endif
