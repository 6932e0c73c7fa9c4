/* SPDX-License-Identifier: BSD-2-Clause
 *
 * exit.c - see exit.h.
 */
#include "exit.h"

#include <stdlib.h>

#include <restunnel/svc/filter.h>

/* After one side has ended, the other may go on for so long. */
#define HALF_CLOSE (2 * 3600 * RTUN_S)

struct exit_dial {
	struct exits *exits;
	struct exit_dial *next, **at;
	struct mux_stream *ms;
	struct rtun_op *op;
};

static void dial_free(struct exit_dial *d)
{
	*d->at = d->next;
	if (d->next)
		d->next->at = d->at;
	rtun_op_cancel(&d->op);
	free(d);
}

/* The relay may outlive the instance (its streams end on their own), so nothing is called back from it. */
static int relay(struct exits *e, struct rtun_stream **a, struct rtun_stream **b)
{
	struct rtun_relay *r;
	struct rtun_relay_req req = {.size = sizeof(req), .a = a, .b = b, .half_close = HALF_CLOSE};
	return rtun_relay_start(e->ctx, &req, &r);
}

static void on_dialled(void *arg, const struct rtun_dial_result *r)
{
	struct exit_dial *d = arg;
	struct exits *e = d->exits;
	struct mux_stream *ms = d->ms;
	struct rtun_stream *s;
	d->op = NULL;
	dial_free(d);
	if (r->err) {
		mux_refuse(ms, r->err, r->why);
		return;
	}
	if (mux_accept(ms, &r->bound, &s) < 0)
		return;
	if (relay(e, &s, r->s) < 0)
		rtun_close(&s);
}

static void on_gone(void *arg)
{
	dial_free(arg);
}

bool exits_have_datagrams(const struct exits *e)
{
	const struct rtun_dialer_ops *ops = e->to->ops;
	return RTUN_HAS(struct rtun_dialer_ops, ops, associate);
}

/* As rtun_dialer_ops.dial, for what is asked for. */
static int dial(struct exit_dial *d, const struct mux_target *target)
{
	struct exits *e = d->exits;
	const struct rtun_dialer_ops *ops = e->to->ops;
	struct rtun_dial_req req = {.size = sizeof(req), .addr = target->addr, .source = e->ctx->instance};
	if (target->name[0])
		req.host = target->name;
	if (target->protocol == WIRE_UDP)
		return ops->associate(e->to->obj, &req, on_dialled, d, &d->op);
	return ops->dial(e->to->obj, &req, on_dialled, d, &d->op);
}

static bool can(const struct exits *e, uint32_t protocol)
{
	return protocol == WIRE_TCP || (protocol == WIRE_UDP && exits_have_datagrams(e));
}

void exit_connect(struct exits *e, struct mux_stream *ms, const struct mux_target *target)
{
	struct exit_dial *d;
	int r;
	if (!can(e, target->protocol)) {
		mux_refuse(ms, RTUN_EDENIED, RTUN_FILTER_PROTOCOL ": neither TCP nor UDP");
		return;
	}
	if (!(d = calloc(1, sizeof(*d)))) {
		mux_refuse(ms, RTUN_EOVERLOAD, "the exit is out of memory");
		return;
	}
	d->exits = e;
	d->ms = ms;
	d->at = &e->dialing;
	d->next = e->dialing;
	if (d->next)
		d->next->at = &d->next;
	e->dialing = d;
	mux_on_gone(ms, on_gone, d);
	if ((r = dial(d, target)) < 0) {
		d->op = NULL;
		dial_free(d);
		if (r == -RTUN_ENOTSUP)
			mux_refuse(ms, RTUN_EINTERNAL, "no datagrams leave from this exit");
		else
			mux_refuse(ms, RTUN_EOVERLOAD, "the exit is out of memory");
	}
}

void exits_fini(struct exits *e)
{
	while (e->dialing) {
		struct mux_stream *ms = e->dialing->ms;
		dial_free(e->dialing);
		mux_refuse(ms, RTUN_ENOEXIT, "the exit is shutting down");
	}
}
