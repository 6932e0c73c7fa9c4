/* SPDX-License-Identifier: BSD-2-Clause
 *
 * arrival.c - see arrival.h.
 */
#include "arrival.h"

#include <stdlib.h>
#include <string.h>

/* Dropped per wake-up: a flood is read at the loop's pace. */
#define DROP_BYTES 4096U
#define DROP_ROUNDS 16
/* How long the FIN at the deadline waits for the other side's, before the socket is given up. */
#define LAST_WAIT (30 * RTUN_S)

struct arrival {
	struct arrivals *all;
	struct arrival *next, **at;
	struct rtun_stream *stream;
	struct rtun_timer *deadline;
	struct rtun_addr peer;
	bool heard; /* a first message has come and was not good */
};

static void arrival_free(struct arrival *a)
{
	struct arrivals *all = a->all;
	*a->at = a->next;
	if (a->next)
		a->next->at = a->at;
	rtun_timer_destroy(&a->deadline);
	rtun_close(&a->stream);
	free(a);
	if (all->count-- == ARRIVAL_MAX)
		all->room(all->arg, 1);
}

static void on_deadline(void *arg)
{
	struct arrival *a = arg;
	rtun_finish(&a->stream, LAST_WAIT);
	arrival_free(a);
}

static void drop(struct arrival *a)
{
	uint8_t buf[DROP_BYTES];
	int64_t n = 0;
	for (int i = 0; i < DROP_ROUNDS && (n = rtun_read(a->stream, buf, sizeof(buf))) > 0; i++)
		;
	if (n > 0 || n == -RTUN_EAGAIN)
		rtun_want(a->stream, RTUN_READ);
	else if (n < 0)
		arrival_free(a); /* it is gone: nobody is left who could see a difference */
	/* At its end of stream it waits for the deadline like all others. */
}

static void on_ready(void *arg, struct rtun_stream *s, uint32_t events)
{
	struct arrival *a = arg;
	const uint8_t *p;
	(void)events;
	if (!a->heard) {
		int64_t n = rtun_peek(s, WIRE_MESSAGE_1, &p);
		if (n == -RTUN_EAGAIN) {
			rtun_want(s, RTUN_READ);
			return;
		}
		a->heard = true;
		if (n >= WIRE_MESSAGE_1) {
			uint8_t message[WIRE_MESSAGE_1];
			for (uint32_t i = 0; i < WIRE_MESSAGE_1; i++)
				message[i] = p[i];
			rtun_consume(s, WIRE_MESSAGE_1);
			if (a->all->first(a->all->arg, &a->stream, &a->peer, message)) {
				arrival_free(a);
				return;
			}
		}
	}
	drop(a);
}

static bool same_source(const struct rtun_addr *a, const struct rtun_addr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, a->family == 4 ? 4 : 8) == 0;
}

static void keep_to_share(struct arrivals *all, const struct rtun_addr *peer)
{
	struct arrival *oldest = NULL;
	uint32_t count = 0;
	for (struct arrival *a = all->list; a; a = a->next)
		if (same_source(&a->peer, peer)) {
			oldest = a;
			count++;
		}
	if (count >= ARRIVAL_SHARE)
		on_deadline(oldest);
}

void arrival_add(struct arrivals *all, struct rtun_stream **s, const struct rtun_addr *peer)
{
	struct arrival *a = calloc(1, sizeof(*a));
	keep_to_share(all, peer);
	if (!a || rtun_timer_create(all->ctx, on_deadline, a, &a->deadline) < 0) {
		free(a);
		return;
	}
	a->all = all;
	a->peer = *peer;
	a->stream = *s;
	*s = NULL;
	a->at = &all->list;
	a->next = all->list;
	if (a->next)
		a->next->at = &a->next;
	all->list = a;
	if (++all->count == ARRIVAL_MAX)
		all->room(all->arg, 0);
	rtun_timer_start(a->deadline, all->patience);
	rtun_on_ready(a->stream, on_ready, a);
	rtun_want(a->stream, RTUN_READ);
}

void arrivals_fini(struct arrivals *all)
{
	while (all->list)
		arrival_free(all->list);
}
