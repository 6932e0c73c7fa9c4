/* SPDX-License-Identifier: BSD-2-Clause
 *
 * strangers.c - any program of this machine may ask, as fast as it can, and the loop that answers is the one that moves the
 * owner's traffic. So requests without a login are answered in their order, and only so many a second; the others wait. Who has a
 * login passes them all.
 */
#include "server_parts.h"

#define PACE (10 * RTUN_MS)    /* of each */
#define AHEAD (500 * RTUN_MS)  /* so many at once: a page before its login is six */

static bool take(struct dash_server *s)
{
	uint64_t now = rtun_now(s->ctx), next = s->strangers.next > now ? s->strangers.next : now;
	if (next - now > AHEAD)
		return false;
	s->strangers.next = next + PACE;
	return true;
}

static void on_turn(void *arg)
{
	struct dash_server *s = arg;
	while (s->strangers.first && take(s)) {
		struct dash_exchange *x = s->strangers.first;
		dash_strangers_leave(x);
		x->admitted = true;
		dash_exchange_wake(x);
	}
	if (s->strangers.first)
		rtun_timer_start(s->strangers.timer, PACE);
}

bool dash_strangers_admit(struct dash_exchange *x)
{
	struct strangers *w = &x->server->strangers;
	if (!w->first && take(x->server))
		return true;
	if (!w->first)
		rtun_timer_start(w->timer, PACE);
	x->queue = NULL;
	x->queue_at = w->end;
	*w->end = x;
	w->end = &x->queue;
	return false;
}

void dash_strangers_leave(struct dash_exchange *x)
{
	if (!x->queue_at)
		return;
	*x->queue_at = x->queue;
	if (x->queue)
		x->queue->queue_at = x->queue_at;
	else
		x->server->strangers.end = x->queue_at;
	x->queue_at = NULL;
}

int dash_strangers_init(struct dash_server *s)
{
	s->strangers.end = &s->strangers.first;
	return rtun_timer_create(s->ctx, on_turn, s, &s->strangers.timer);
}

void dash_strangers_fini(struct dash_server *s)
{
	rtun_timer_destroy(&s->strangers.timer);
}
