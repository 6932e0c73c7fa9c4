/* SPDX-License-Identifier: BSD-2-Clause
 *
 * timer.c - a binary heap of due times. Ours and not libev's, so that virtual time runs the same code.
 */
#include "timer.h"

#include <stdlib.h>

#include "loop.h"

#define IDLE UINT32_MAX

struct rtun_timer {
	struct rtun_object object;
	struct timer_heap *heap;
	struct loop *loop;
	uint64_t due, nth; /* of all starts: what is due at one time comes in this order */
	uint32_t at; /* index in the heap, or IDLE */
	rtun_cb *cb;
	void *arg;
};

static bool before(const struct rtun_timer *a, const struct rtun_timer *b)
{
	return a->due < b->due || (a->due == b->due && a->nth < b->nth);
}

static void place(struct timer_heap *h, uint32_t i, struct rtun_timer *t)
{
	h->items[i] = t;
	t->at = i;
}

static void sift_up(struct timer_heap *h, uint32_t i, struct rtun_timer *t)
{
	while (i > 0) {
		uint32_t parent = (i - 1) / 2;
		if (before(h->items[parent], t))
			break;
		place(h, i, h->items[parent]);
		i = parent;
	}
	place(h, i, t);
}

static void sift_down(struct timer_heap *h, uint32_t i, struct rtun_timer *t)
{
	for (;;) {
		uint32_t child = 2 * i + 1;
		if (child >= h->count)
			break;
		if (child + 1 < h->count && before(h->items[child + 1], h->items[child]))
			child++;
		if (before(t, h->items[child]))
			break;
		place(h, i, h->items[child]);
		i = child;
	}
	place(h, i, t);
}

/* Room is made when a timer is created, so that starting one can't fail. */
static int reserve(struct timer_heap *h)
{
	if (h->reserved == h->capacity) {
		uint32_t capacity = h->capacity ? 2 * h->capacity : 64;
		struct rtun_timer **items = realloc(h->items, capacity * sizeof(struct rtun_timer *));
		if (!items)
			return -RTUN_ENOMEM;
		h->items = items;
		h->capacity = capacity;
	}
	h->reserved++;
	return 0;
}

uint64_t timer_heap_next(const struct timer_heap *h, uint64_t now)
{
	if (!h->count)
		return UINT64_MAX;
	return h->items[0]->due > now ? h->items[0]->due - now : 0;
}

void timer_heap_run(struct timer_heap *h, uint64_t now)
{
	uint64_t end = h->starts; /* one that restarts itself with 0 must not hold the loop */
	while (h->count && h->items[0]->due <= now && h->items[0]->nth < end) {
		struct rtun_timer *t = h->items[0];
		host_timer_stop(t);
		t->cb(t->arg);
	}
}

void timer_heap_fini(struct timer_heap *h)
{
	free(h->items);
	*h = (struct timer_heap){0};
}

int host_timer_create(struct rtun_ctx *ctx, rtun_cb *cb, void *arg, struct rtun_timer **ret)
{
	return timer_make(ctx_loop(ctx), cb, arg, ret);
}

int timer_make(struct loop *loop, rtun_cb *cb, void *arg, struct rtun_timer **ret)
{
	struct timer_heap *h = loop_timers(loop);
	struct rtun_timer *t = malloc(sizeof(*t));
	if (!t || reserve(h) < 0) {
		free(t);
		return -RTUN_ENOMEM;
	}
	*t = (struct rtun_timer){.object = {&host_table}, .heap = h, .loop = loop, .at = IDLE, .cb = cb, .arg = arg};
	*ret = t;
	return 0;
}

void host_timer_start(struct rtun_timer *t, uint64_t ns)
{
	uint64_t now = loop_now(t->loop);
	host_timer_stop(t);
	t->due = ns > UINT64_MAX - now ? UINT64_MAX : now + ns;
	t->nth = t->heap->starts++;
	sift_up(t->heap, t->heap->count++, t);
}

void host_timer_stop(struct rtun_timer *t)
{
	struct timer_heap *h = t->heap;
	uint32_t i = t->at;
	if (i == IDLE)
		return;
	t->at = IDLE;
	struct rtun_timer *last = h->items[--h->count];
	if (last == t)
		return;
	if (i > 0 && before(last, h->items[(i - 1) / 2]))
		sift_up(h, i, last);
	else
		sift_down(h, i, last);
}

void host_timer_destroy(struct rtun_timer **t)
{
	if (!*t)
		return;
	host_timer_stop(*t);
	(*t)->heap->reserved--;
	free(*t);
	*t = NULL;
}
