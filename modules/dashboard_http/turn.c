/* SPDX-License-Identifier: BSD-2-Clause
 *
 * turn.c - with hundreds of exits some things take milliseconds, in which the loop moves nobody's traffic: one of them in a turn of the
 * loop, the next one when all others had theirs.
 */
#include "dashboard.h"

static void over(void *arg)
{
	struct dash *d = arg;
	d->turn_taken = false;
}

int dash_turn_create(struct dash *d) { return rtun_defer_create(d->ctx, over, d, &d->turn_over); }
void dash_turn_destroy(struct dash *d) { rtun_defer_destroy(&d->turn_over); }

bool dash_turn_take(struct dash *d)
{
	bool mine = !d->turn_taken;
	d->turn_taken = true;
	rtun_defer_start(d->turn_over);
	return mine;
}
