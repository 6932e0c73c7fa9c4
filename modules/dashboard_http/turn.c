/* SPDX-License-Identifier: BSD-2-Clause
 *
 * turn.c - with hundreds of exits some things take milliseconds, in which the loop moves nobody's traffic: one of them in a turn of the
 * loop, the next one when all others had theirs. What calls a verb has the next turn, too, in which the answer is told.
 */
#include "dashboard.h"

/* The end of a turn. */
static void over(void *arg)
{
	struct dash *d = arg;
	if (--d->turns_taken)
		rtun_timer_start(d->turn_next, 0);
}

static void next(void *arg)
{
	struct dash *d = arg;
	rtun_defer_start(d->turn_over);
}

int dash_turn_create(struct dash *d)
{
	int r = rtun_defer_create(d->ctx, over, d, &d->turn_over);
	return r < 0 ? r : rtun_timer_create(d->ctx, next, d, &d->turn_next);
}

void dash_turn_destroy(struct dash *d)
{
	rtun_defer_destroy(&d->turn_over);
	rtun_timer_destroy(&d->turn_next);
}

bool dash_turn_take(struct dash *d, bool awaited)
{
	bool mine = !d->turns_taken && (awaited || !d->turn_wanted);
	if (awaited)
		d->turn_wanted = !mine;
	if (mine)
		dash_turn_keep(d);
	return mine;
}

void dash_turn_keep(struct dash *d)
{
	d->turns_taken = 2;
	rtun_timer_stop(d->turn_next);
	rtun_defer_start(d->turn_over);
}
