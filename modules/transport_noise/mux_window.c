/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mux_window.c - how much the peer may send on a stream ahead of its reader.
 *
 * A window begins small and doubles when what the reader consumed within a round trip was more than half of it: then the
 * window may have been what held the sender. The round trip is that of an idle line and a turn of the loops at both ends,
 * which on a short path takes longer than the line. So it becomes about twice the bandwidth-delay product, and stays small for
 * streams that need no more, for readers that are slow (they consume little), and on paths that are short. What windows
 * have grown beyond their first size is bounded for all connections together, and for each: memory that a peer can fill.
 * When most of that is used, windows that are not needed shrink: less credit is given than was consumed.
 */
#include "mux_private.h"

#define TURN (4 * RTUN_MS)

void mux_window_init(struct mux_stream *ms)
{
	ms->window = ms->window_size = ms->mux->common->window;
}

static uint64_t room_to_grow(const struct mux *m)
{
	const struct mux_common *c = m->common;
	uint64_t all = c->window_budget > c->grown ? c->window_budget - c->grown : 0;
	uint64_t own = c->window_budget / MUX_BUDGET_SHARE > m->grown ? c->window_budget / MUX_BUDGET_SHARE - m->grown : 0;
	return all < own ? all : own;
}

static bool is_tight(const struct mux *m)
{
	return room_to_grow(m) < m->common->window_budget / (4 * MUX_BUDGET_SHARE);
}

static void resize(struct mux_stream *ms, uint32_t size)
{
	ms->mux->common->grown += (uint64_t)size - ms->window_size;
	ms->mux->grown += (uint64_t)size - ms->window_size;
	ms->window_size = size;
}

/* The round is over: was the window too small for it, or much too large? */
static void judge(struct mux_stream *ms, uint64_t per_trip)
{
	struct mux *m = ms->mux;
	uint32_t size = ms->window_size, most = m->common->window_max;
	if (per_trip >= size / 2 && size < most) {
		uint32_t more = size < most - size ? size : most - size;
		uint64_t room = room_to_grow(m);
		resize(ms, size + (more < room ? more : (uint32_t)room));
	} else if (per_trip < size / 8 && size > m->common->window && is_tight(m)) {
		resize(ms, size / 2 > m->common->window ? size / 2 : m->common->window);
	}
}

static void measure(struct mux_stream *ms, uint64_t n)
{
	uint64_t now = rtun_now(ms->mux->ctx), trip = ms->mux->rtt_min + TURN, since = now - ms->round_at;
	if (!ms->mux->rtt_min)
		return;
	if (!ms->round_at || since > 4 * trip) { /* it was idle */
		if (ms->round_at)
			judge(ms, (uint64_t)ms->round_bytes * trip / since);
		ms->round_at = now;
		ms->round_bytes = (uint32_t)n;
		return;
	}
	ms->round_bytes += (uint32_t)n; /* no more than a few windows in a round */
	if (since < trip)
		return;
	judge(ms, (uint64_t)ms->round_bytes * trip / since);
	ms->round_at = now;
	ms->round_bytes = 0;
}

/* What the peer may have at most: what it still may send, and what was received and not consumed. */
uint32_t mux_window_consumed(struct mux_stream *ms, uint64_t n)
{
	uint32_t give;
	ms->held -= n < ms->held ? (uint32_t)n : ms->held;
	measure(ms, n);
	if (ms->window + ms->held >= ms->window_size)
		return 0;
	give = ms->window_size - ms->window - ms->held;
	if (give < ms->window_size / 4)
		return 0;
	ms->window += give;
	return give;
}

void mux_window_fini(struct mux_stream *ms)
{
	resize(ms, ms->mux->common->window);
}
