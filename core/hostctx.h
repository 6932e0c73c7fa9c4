/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hostctx.h - what stands behind a module's struct rtun_ctx.
 *
 * Rule of names: table member `x` of struct rtun_host is implemented by the function `host_x`, declared in the
 * private header of the file that has it (loop.h, timer.h, stream.h, net.h, event.h ...); host.c only lists them.
 */
#ifndef HOSTCTX_H
#define HOSTCTX_H

#include <restunnel/host.h>

struct loop;
struct instance;
struct log;
struct event_bus;

struct host_ctx {
	struct rtun_ctx ctx; /* first: a module's rtun_ctx * is a host_ctx * */
	struct loop *loop;
	struct instance *instance; /* NULL: the core itself, or a unit test of a single file */
	struct log *log;           /* NULL: plain lines on stderr */
	struct event_bus *events;  /* NULL: events are dropped */
};

static inline struct host_ctx *host_ctx(struct rtun_ctx *ctx) { return (struct host_ctx *)ctx; }
static inline struct loop *ctx_loop(const struct rtun_ctx *ctx) { return ((const struct host_ctx *)ctx)->loop; }

extern const struct rtun_host host_table; /* host.c */

#endif
