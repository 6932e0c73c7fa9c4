/* SPDX-License-Identifier: BSD-2-Clause
 *
 * way.c - see way.h.
 */
#include "way.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_LIMIT (4 * RTUN_S)
#define AT_ONCE 8 /* connections under way */

enum action { KNOCK, CONNECT, CONNECT_AGAIN /* if the last one was refused */ };

static const struct step {
	uint16_t at; /* ms */
	uint8_t action;
	bool other; /* by the other carrier */
} steps[] = {
	{0, KNOCK, false}, {40, CONNECT, false}, {120, CONNECT_AGAIN, false},
	{300, KNOCK, false}, {340, CONNECT, false},
	{1000, KNOCK, false}, {1040, CONNECT, false},
	{2000, KNOCK, true}, {2040, CONNECT, true}, {2120, CONNECT_AGAIN, true},
	{3000, KNOCK, true}, {3040, CONNECT, true},
};
static const struct step plain[] = {{0, CONNECT, false}};

struct dialled {
	struct way *way;
	struct rtun_op *op; /* NULL: not used */
};

struct way {
	struct way_setup set;
	const struct step *step, *end;
	struct rtun_timer *timer;
	uint64_t begun;
	struct carry carry;
	bool open;          /* carry is */
	bool refused;       /* the last connection */
	enum carrier by;    /* the last knock */
	uint32_t err;       /* of the last connection */
	struct dialled dialled[AT_ONCE];
};

static void finish(struct way *w, uint32_t err, struct rtun_stream **s)
{
	struct way_setup set = w->set;
	enum carrier by = w->by;
	way_stop(&w);
	set.cb(set.arg, err, s, by);
}

static bool connecting(const struct way *w)
{
	for (int i = 0; i < AT_ONCE; i++)
		if (w->dialled[i].op)
			return true;
	return false;
}

static void on_connect(void *arg, uint32_t err, struct rtun_stream **s)
{
	struct dialled *d = arg;
	struct way *w = d->way;
	d->op = NULL;
	w->refused = err == RTUN_EREFUSED;
	w->err = err;
	if (!err || (w->step == w->end && !connecting(w)))
		finish(w, err, s);
}

static void dial(struct way *w)
{
	struct rtun_connect_req req = {.size = sizeof(req), .to = w->set.to, .timeout = CONNECT_LIMIT, .cb = on_connect};
	struct dialled *d = w->dialled;
	while (d < w->dialled + AT_ONCE && d->op)
		d++;
	if (d == w->dialled + AT_ONCE)
		return;
	d->way = w;
	req.arg = d;
	req.from = w->carry.local; /* none for a connection without a knock */
	w->refused = false;
	if (rtun_connect(w->set.ctx, &req, &d->op) < 0)
		w->err = RTUN_EOVERLOAD;
}

static void knock(struct way *w, enum carrier by)
{
	uint8_t message[WIRE_KNOCK];
	w->by = by;
	if (!w->open)
		w->open = carry_open(&w->carry, &w->set.to) == 0;
	if (!w->open) {
		w->err = RTUN_EUNREACHABLE;
		w->step = w->end; /* no route: waiting would not make one */
	} else if (w->set.knock(w->set.arg, message) == 0) {
		/* A way that can't be used here shows as a hub that does not open. */
		if (carry_send(&w->carry, by, message) == -RTUN_ENOTSUP)
			rtun_log(w->set.ctx, RTUN_WARN, "knocks in SYNs can't be sent from this machine: the sysctl net.ipv4.tcp_fastopen lacks its bit 1");
	}
}

static void take(struct way *w, const struct step *s)
{
	enum carrier other = w->set.liked == CARRY_UDP ? CARRY_SYN : CARRY_UDP;
	if (s->action == KNOCK)
		knock(w, s->other ? other : w->set.liked);
	else if ((w->open || w->set.liked == CARRY_NONE) && (s->action == CONNECT || w->refused))
		dial(w);
}

static void on_timer(void *arg)
{
	struct way *w = arg;
	uint64_t now = rtun_now(w->set.ctx);
	take(w, w->step++);
	if (w->step < w->end) {
		uint64_t next = w->begun + w->step->at * RTUN_MS;
		rtun_timer_start(w->timer, next > now ? next - now : 0);
	} else if (!connecting(w)) {
		finish(w, w->err ? w->err : RTUN_EUNREACHABLE, NULL);
	}
}

int way_start(const struct way_setup *setup, struct way **ret)
{
	struct way *w = calloc(1, sizeof(*w));
	if (!w)
		return -RTUN_ENOMEM;
	w->set = *setup;
	w->step = setup->liked == CARRY_NONE ? plain : steps;
	w->end = setup->liked == CARRY_NONE ? plain + 1 : steps + sizeof(steps) / sizeof(steps[0]);
	w->begun = rtun_now(setup->ctx) + setup->after;
	if (rtun_timer_create(setup->ctx, on_timer, w, &w->timer) < 0) {
		free(w);
		return -RTUN_ENOMEM;
	}
	rtun_timer_start(w->timer, setup->after);
	*ret = w;
	return 0;
}

void way_stop(struct way **wp)
{
	struct way *w = *wp;
	if (!w)
		return;
	*wp = NULL;
	rtun_timer_destroy(&w->timer);
	for (int i = 0; i < AT_ONCE; i++)
		rtun_op_cancel(&w->dialled[i].op);
	if (w->open)
		carry_close(&w->carry);
	free(w);
}
