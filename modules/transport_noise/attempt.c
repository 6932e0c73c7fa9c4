/* SPDX-License-Identifier: BSD-2-Clause
 *
 * attempt.c - see attempt.h.
 */
#include "attempt.h"

#include <string.h>

/* How long a source is admitted: IPv6 takes longer where a privacy address or a neighbour's state must first be made. */
#define ADMIT_V4 (3 * RTUN_S)
#define ADMIT_V6 (10 * RTUN_S)
/* A connection that was accepted at the last moment has so long to send message 1. */
#define GRACE (15 * RTUN_S)
/* More connections than a device has any use for. */
#define LOOKS 16

static uint32_t place_of(const struct attempts *a, const struct attempt *t)
{
	return (uint32_t)(t - a->places);
}

static bool complete(const struct attempt *t)
{
	return t->done >= t->count;
}

static bool same_source(const struct rtun_addr *a, const struct rtun_addr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, a->family == 4 ? 4 : 8) == 0;
}

/* The device's own place; else a free one; else one whose attempt is complete. */
static struct attempt *find_place(struct attempts *a, const uint8_t device[32], uint8_t family)
{
	uint64_t now = rtun_now(a->ctx);
	struct attempt *free_one = NULL, *complete_one = NULL;
	for (struct attempt *t = a->places; t < a->places + GATE_PLACES; t++) {
		if (t->until && t->source.family == family && memcmp(t->device, device, 32) == 0)
			return t;
		if (!free_one && t->until <= now)
			free_one = t;
		else if (!complete_one && complete(t))
			complete_one = t;
	}
	return free_one ? free_one : complete_one;
}

static void begin(struct attempt *t, const struct knock *k, const uint8_t device[32])
{
	memset(t, 0, sizeof(*t));
	memcpy(t->id, k->attempt, WIRE_ATTEMPT);
	memcpy(t->device, device, 32);
	memcpy(t->token_id, k->token_id, TOKEN_ID);
	t->enrols = k->enrols;
	t->count = k->count;
}

int attempt_open(struct attempts *a, const struct knock *k, const uint8_t device[32], const struct rtun_addr *from)
{
	struct attempt *t = find_place(a, device, from->family);
	uint64_t now = rtun_now(a->ctx), admit = from->family == 4 ? ADMIT_V4 : ADMIT_V6;
	if (!t)
		return -RTUN_EOVERLOAD;
	if (t->until <= now || memcmp(t->device, device, 32) != 0 || memcmp(t->id, k->attempt, WIRE_ATTEMPT) != 0)
		begin(t, k, device);
	else if (complete(t))
		return 0; /* a knock that was overtaken by what it asked for */
	t->source = *from;
	t->until = now + admit + GRACE;
	gate_admit(a->gate, place_of(a, t), from, admit);
	return 0;
}

struct attempt *attempt_next(struct attempts *a, struct attempt *previous, const struct rtun_addr *from)
{
	uint64_t now = rtun_now(a->ctx);
	for (struct attempt *t = previous ? previous + 1 : a->places; t < a->places + GATE_PLACES; t++)
		if (t->until > now && same_source(&t->source, from))
			return t;
	return NULL;
}

bool attempt_announced(struct attempts *a, const struct rtun_addr *from)
{
	for (struct attempt *t = NULL; (t = attempt_next(a, t, from));)
		if (!complete(t) && t->looked < LOOKS && t->looked < t->count) {
			t->looked++;
			return true;
		}
	return false;
}

bool attempt_awaits(const struct attempt *t, uint8_t index)
{
	return !(t->indexes[index / 8] & 1U << index % 8);
}

void attempt_done(struct attempts *a, struct attempt *t, uint8_t index)
{
	t->indexes[index / 8] |= (uint8_t)(1U << index % 8);
	if (!complete(t))
		t->done++;
	if (complete(t))
		gate_shut(a->gate, place_of(a, t));
}

void attempt_forget(struct attempts *a, const uint8_t device[32])
{
	for (struct attempt *t = a->places; t < a->places + GATE_PLACES; t++)
		if (t->until && memcmp(t->device, device, 32) == 0) {
			gate_shut(a->gate, place_of(a, t));
			memset(t, 0, sizeof(*t));
		}
}
