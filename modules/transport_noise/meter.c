/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meter.c - see meter.h.
 */
#include "meter.h"

#include <stdlib.h>

/* What may pass at once after a pause: so much time's worth, but a small write in any case. */
#define BURST_PER_S 20U /* 50 ms */
#define BURST_MIN 16384U
/* What is worth waking somebody for. */
#define PIECE_PER_S 50U /* 20 ms */
#define PIECE_MIN 4096U
/* Who does not use its turn in this time has missed it. */
#define HOLD (5 * RTUN_MS)
/* Less than this is no room. */
#define CRUMB 1024

static uint64_t burst(const struct meter_flow *f)
{
	return f->rate / BURST_PER_S > BURST_MIN ? f->rate / BURST_PER_S : BURST_MIN;
}

static uint64_t piece(const struct meter_flow *f)
{
	return f->rate / PIECE_PER_S > PIECE_MIN ? f->rate / PIECE_PER_S : PIECE_MIN;
}

/* Time in which so many pass, and the other way round; rates are at most 100 Gbit, so that seconds fit. */
static uint64_t time_of(const struct meter_flow *f, uint64_t n)
{
	return n / f->rate * RTUN_S + n % f->rate * RTUN_S / f->rate;
}

static uint64_t bytes_in(const struct meter_flow *f, uint64_t ns)
{
	return ns / RTUN_S * f->rate + ns % RTUN_S * f->rate / RTUN_S;
}

static void refill(const struct meter *m, struct meter_flow *f)
{
	uint64_t now = rtun_now(m->ctx), n = bytes_in(f, now - f->at);
	f->level += (int64_t)n;
	f->at += time_of(f, n); /* the rest of a byte counts next time */
	if (f->level < (int64_t)burst(f))
		return;
	f->level = (int64_t)burst(f);
	f->at = now;
}

/* How long until there is a piece for the next in line. */
static uint64_t patience(const struct meter *m, struct meter_flow *f)
{
	int64_t missing;
	if (!f->rate)
		return 0;
	refill(m, f);
	if (f->turn && rtun_now(m->ctx) < f->held_until)
		return f->held_until - rtun_now(m->ctx);
	missing = (int64_t)piece(f) - f->level;
	return missing > 0 ? time_of(f, (uint64_t)missing) + 1 : 0;
}

static void arm(struct meter *m)
{
	uint64_t first = UINT64_MAX;
	for (uint32_t i = 0; i < METER_FLOWS; i++) {
		uint64_t ns = m->flows[i].head ? patience(m, &m->flows[i]) : UINT64_MAX;
		first = ns < first ? ns : first;
	}
	if (first < UINT64_MAX)
		rtun_timer_start(m->timer, first);
}

static void take_out(struct meter_flow *f, struct meter_waiter *w)
{
	*w->at = w->next;
	if (w->next)
		w->next->at = w->at;
	else
		f->tail = w->at;
	w->at = NULL;
}

static void wake_first(struct meter *m, struct meter_flow *f)
{
	struct meter_waiter *w = f->head;
	take_out(f, w);
	f->turn = w;
	f->held_until = rtun_now(m->ctx) + HOLD;
	w->wake(w->arg);
}

/* One of each direction: what it makes of its turn is known by the next. */
static void on_timer(void *arg)
{
	struct meter *m = arg;
	for (uint32_t i = 0; i < METER_FLOWS; i++)
		if (m->flows[i].head && !patience(m, &m->flows[i]))
			wake_first(m, &m->flows[i]);
	arm(m);
}

int meter_create(struct rtun_ctx *ctx, rtun_cb *spent, void *arg, struct meter **ret)
{
	struct meter *m = calloc(1, sizeof(*m));
	if (!m)
		return -RTUN_ENOMEM;
	m->ctx = ctx;
	m->left = UINT64_MAX;
	for (uint32_t i = 0; i < METER_FLOWS; i++)
		m->flows[i].tail = &m->flows[i].head;
	if (rtun_timer_create(ctx, on_timer, m, &m->timer) < 0 || rtun_defer_create(ctx, spent, arg, &m->spent) < 0) {
		meter_destroy(&m);
		return -RTUN_ENOMEM;
	}
	*ret = m;
	return 0;
}

void meter_destroy(struct meter **mp)
{
	struct meter *m = *mp;
	if (!m)
		return;
	*mp = NULL;
	rtun_timer_destroy(&m->timer);
	rtun_defer_destroy(&m->spent);
	free(m);
}

void meter_set(struct meter *m, uint64_t up, uint64_t down)
{
	const uint64_t rates[METER_FLOWS] = {up, down};
	for (uint32_t i = 0; i < METER_FLOWS; i++) {
		struct meter_flow *f = &m->flows[i];
		if (f->rate == rates[i])
			continue;
		f->rate = rates[i];
		f->level = (int64_t)burst(f);
		f->at = rtun_now(m->ctx);
		f->turn = NULL;
	}
	arm(m);
}

uint64_t meter_room(struct meter *m, uint32_t flow, const struct meter_waiter *w)
{
	struct meter_flow *f = &m->flows[flow];
	if (!f->rate)
		return UINT64_MAX;
	if (f->turn ? f->turn != w : f->head != NULL)
		return 0;
	refill(m, f);
	return f->level >= CRUMB ? (uint64_t)f->level : 0;
}

uint64_t meter_piece(const struct meter *m, uint32_t flow)
{
	return m->flows[flow].rate ? piece(&m->flows[flow]) : UINT64_MAX;
}

void meter_wait(struct meter *m, uint32_t flow, struct meter_waiter *w)
{
	struct meter_flow *f = &m->flows[flow];
	if (f->turn == w)
		f->turn = NULL;
	if (w->at)
		return;
	w->next = NULL;
	w->at = f->tail;
	*f->tail = w;
	f->tail = &w->next;
	arm(m);
}

void meter_leave(struct meter *m, uint32_t flow, struct meter_waiter *w)
{
	if (w->at)
		take_out(&m->flows[flow], w);
	if (m->flows[flow].turn == w)
		m->flows[flow].turn = NULL;
	arm(m);
}

void meter_charge(struct meter *m, uint32_t flow, uint64_t n)
{
	struct meter_flow *f = &m->flows[flow];
	if (!f->rate)
		return;
	refill(m, f);
	f->level -= (int64_t)n;
	f->turn = NULL;
	if (f->head)
		arm(m);
}

void meter_spend(struct meter *m, uint64_t n)
{
	if (m->left == UINT64_MAX || !m->left)
		return;
	m->left = n < m->left ? m->left - n : 0;
	if (!m->left)
		rtun_defer_start(m->spent);
}
