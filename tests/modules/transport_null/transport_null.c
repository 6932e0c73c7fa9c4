/* SPDX-License-Identifier: BSD-2-Clause
 *
 * transport_null.c - the mux without a cipher, a handshake or an identity: what streams and framing alone cost, for
 * benchmarks. Never installed.
 */
#include <stdlib.h>
#include <string.h>

#include <restunnel/module.h>
#include <restunnel/svc/dialer.h>

#include "exit.h"
#include "mux.h"
#include "opening.h"

struct null_cfg {
	uint32_t role;
	struct rtun_list listen;
	struct rtun_list hub;
	struct rtun_ref to;
};

struct null {
	struct rtun_ctx *ctx;
	struct null_cfg cfg;
	struct mux_common common;
	struct record_crypto crypto;
	struct mux *mux;
	struct exits exits;
	struct openings openings;
	struct rtun_listener *listener;
	struct rtun_op *op;
	struct rtun_timer *again;
};

static int seal(void *self, uint8_t *p, size_t len)
{
	(void)self;
	memset(p + len, 0, WIRE_TAG);
	return 0;
}

static int open_record(void *self, uint8_t *p, size_t len)
{
	(void)self, (void)p;
	return (int)len - WIRE_TAG;
}

static void on_connect_frame(void *arg, struct mux_stream *ms, const struct mux_target *target)
{
	exit_connect(&((struct null *)arg)->exits, ms, target);
}

static void on_ended(void *arg, uint32_t err, const char *why)
{
	struct null *n = arg;
	(void)err;
	rtun_log(n->ctx, RTUN_NOTICE, "tunnel ended: %s", why);
	mux_destroy(&n->mux);
	if (n->cfg.role)
		rtun_timer_start(n->again, 100 * RTUN_MS);
}

static const struct mux_events events = {.connect = on_connect_frame, .ended = on_ended};

static void up(struct null *n, struct rtun_stream **s)
{
	struct mux_setup setup = {.common = &n->common, .crypto = &n->crypto, .events = &events, .arg = n, .peer_window = 1 << 20, .opener = !n->cfg.role};
	mux_destroy(&n->mux);
	if (mux_create(&setup, s, &n->mux) < 0)
		rtun_log(n->ctx, RTUN_ERROR, "out of memory");
}

static void on_accept(void *arg, struct rtun_stream **s, const struct rtun_addr *peer)
{
	(void)peer;
	up(arg, s);
}

static void on_connected(void *arg, uint32_t err, struct rtun_stream **s)
{
	struct null *n = arg;
	n->op = NULL;
	if (err)
		rtun_timer_start(n->again, 100 * RTUN_MS);
	else
		up(n, s);
}

static void try_connect(void *arg)
{
	struct null *n = arg;
	const struct rtun_endpoint *e = (const struct rtun_endpoint *)n->cfg.hub.items;
	struct rtun_connect_req req = {.size = sizeof(req), .to = e->addr, .cb = on_connected, .arg = n};
	rtun_connect(n->ctx, &req, &n->op);
}

static int dial(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	struct null *n = obj;
	struct opening_way way = {.mux = n->mux, .err = RTUN_ENOEXIT, .why = "no exit is connected"};
	return opening_start(&n->openings, &way, NULL, req, false, cb, arg, ret_op);
}

static const struct rtun_dialer_ops dialer = {.size = sizeof(dialer), .dial = dial};

static int create(struct rtun_ctx *ctx, const void *cfg)
{
	struct null *n = calloc(1, sizeof(*n));
	if (!(ctx->self = n))
		return -RTUN_ENOMEM;
	n->ctx = ctx;
	n->cfg = *(const struct null_cfg *)cfg;
	n->crypto = (struct record_crypto){n, seal, open_record};
	n->exits = (struct exits){.ctx = ctx, .to = &n->cfg.to};
	if (mux_common_init(&n->common, ctx, 1 << 20) < 0 || openings_init(&n->openings, ctx, 30 * RTUN_S) < 0 ||
	    rtun_timer_create(ctx, try_connect, n, &n->again) < 0)
		return -RTUN_ENOMEM;
	return n->cfg.role ? 0 : rtun_provide(ctx, RTUN_DIALER, &dialer, n);
}

static int prepare(struct rtun_ctx *ctx)
{
	struct null *n = ctx->self;
	struct rtun_listen_req req = {.size = sizeof(req), .endpoint = (const struct rtun_endpoint *)n->cfg.listen.items, .accept = on_accept, .arg = n};
	return n->cfg.role ? 0 : rtun_listen(ctx, &req, &n->listener);
}

static int start(struct rtun_ctx *ctx)
{
	struct null *n = ctx->self;
	if (n->cfg.role)
		try_connect(n);
	return 0;
}

static void stop(struct rtun_ctx *ctx)
{
	struct null *n = ctx->self;
	rtun_unlisten(&n->listener);
	rtun_op_cancel(&n->op);
	rtun_timer_destroy(&n->again);
	exits_fini(&n->exits);
	openings_fini(&n->openings);
	mux_destroy(&n->mux);
}

static void destroy(struct rtun_ctx *ctx)
{
	struct null *n = ctx->self;
	if (!n)
		return;
	rtun_timer_destroy(&n->again);
	openings_fini(&n->openings);
	mux_common_fini(&n->common);
	free(n);
}

static const struct rtun_option options[] = {
	RTUN_CHOICE(struct null_cfg, role, "hub|exit", "hub", RTUN_REQUIRED, NULL, "Which end this is"),
	RTUN_LISTEN(struct null_cfg, listen, "127.0.0.1:9000", 0, "role=hub", "Where the exit connects to"),
	RTUN_LISTEN(struct null_cfg, hub, "127.0.0.1:9000", 0, "role=exit", "The hub's address"),
	RTUN_REF(struct null_cfg, to, RTUN_DIALER, 0, "role=exit", "The dialer that streams leave through"),
};
static const struct rtun_schema schema = RTUN_SCHEMA(struct null_cfg, options);
static const struct rtun_port ports[] = {{RTUN_DIALER, "role=hub"}};

static const struct rtun_need needs[] = {{RTUN_NEED_CONNECT, "role=exit"}};

RTUN_MODULE(transport_null, .version = "1", .summary = "Streams over one connection, in clear: for benchmarks", .license = "BSD-2-Clause",
	.schema = &schema, .provides = RTUN_LIST(ports), .create = create, .prepare = prepare, .start = start, .stop = stop, .destroy = destroy,
	.needs = RTUN_LIST(needs));
