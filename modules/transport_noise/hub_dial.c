/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hub_dial.c - rtun.dialer/1: the request goes to the exit that choice.c takes, and to another one if that can't take it and
 * another one may be used.
 */
#include <stdlib.h>

#include "choice.h"

/* One connection: what was wished for, and who has failed. */
struct trial {
	struct hub *hub;
	struct wish wish;
	struct peer *at; /* alive while the answer is awaited */
	struct tried tried;
	uint32_t count;
	bool other_way; /* the same exit was asked twice, over two connections */
};

/* A stream stays on one connection: that with the fewest, of as many as may be used. */
static struct mux *least_busy(const struct tunnel *t)
{
	uint32_t most = t->peer->hub->t->cfg.connections, n = 0;
	struct conn *found = t->conns;
	for (struct conn *c = t->conns; c && (!most || n < most); c = c->next, n++)
		if (mux_counters(c->mux)->streams < mux_counters(found->mux)->streams)
			found = c;
	return found->mux;
}

static bool way_of(struct trial *t, const struct choice *c, struct opening_way *ret)
{
	*ret = (struct opening_way){.err = c->err, .why = c->why};
	t->at = c->peer;
	if (!c->peer)
		return false;
	*ret = (struct opening_way){.mux = least_busy(c->peer->tunnel), .protocol = t->wish.protocol, .exit = c->peer->device->name,
				    .counts = &c->peer->counts, .use = c->session ? &c->session->use : NULL};
	t->count++;
	return true;
}

/* Its exit has failed. Where that was asked for, or has the session, another connection of it may still do. */
static bool next(void *self, uint32_t err, struct opening_way *ret)
{
	struct trial *t = self;
	struct peer *p = t->at;
	bool bound = t->wish.of == WISH_EXIT || t->wish.lasting;
	struct choice c;
	if (!choice_again(err) || t->count == CHOICE_TRIES)
		return false;
	if (err == RTUN_EOVERLOAD || err == RTUN_EINTERNAL)
		p->refused_at = rtun_now(t->hub->ctx);
	if (err == RTUN_ENOEXIT && p->tunnel && bound && !t->other_way) {
		t->other_way = true;
	} else {
		t->tried.exits[t->tried.count++] = p;
		t->tried.leaving = err == RTUN_ENOEXIT ? p : NULL;
	}
	choice_make(t->hub, &t->wish, &t->tried, &c);
	return way_of(t, &c, ret);
}

static void done(void *self, uint32_t err)
{
	struct trial *t = self;
	struct session *s = !err && t->wish.lasting ? session_find(&t->hub->sessions, t->wish.key) : NULL;
	if (s && s->exit == t->at)
		s->reached = true;
	free(t);
}

static int start(void *obj, const struct rtun_dial_req *req, uint32_t protocol, bool early, rtun_dial_cb *cb, void *arg,
		 struct rtun_op **ret_op)
{
	struct hub *h = obj;
	struct trial *t = calloc(1, sizeof(*t));
	const struct opening_ways ways = {next, done, t};
	struct opening_way way;
	struct choice c;
	if (!t)
		return -RTUN_ENOMEM;
	t->hub = h;
	usage_wake(&h->usage);
	bool read = wish_read(h, req, &t->wish, &c);
	t->wish.protocol = protocol;
	if (read)
		choice_make(h, &t->wish, &t->tried, &c);
	way_of(t, &c, &way);
	int r = opening_start(&h->openings, &way, &ways, req, early, cb, arg, ret_op);
	if (r < 0)
		free(t);
	return r;
}

static int dial(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	return start(obj, req, WIRE_TCP, false, cb, arg, ret_op);
}

static int dial_early(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	return start(obj, req, WIRE_TCP, true, cb, arg, ret_op);
}

static int associate(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	return start(obj, req, WIRE_UDP, false, cb, arg, ret_op);
}

static uint32_t flags(void *obj)
{
	const struct hub *h = obj;
	bool several = h->devices ? h->devices->count > 1 && !h->devices->default_exit[0] : h->several;
	return several ? RTUN_DIALER_SEVERAL : 0;
}

const struct rtun_dialer_ops hub_dialer_ops = {.size = sizeof(hub_dialer_ops), .dial = dial, .flags = flags,
					       .dial_early = dial_early, .associate = associate};
