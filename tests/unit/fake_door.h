/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fake_door.h - instead of gate.c, ear.c and carry.c: a door without a kernel, in virtual time. What the node carries the
 * hub hears, unless the test loses it; the gate remembers whom it has admitted.
 */
#ifndef FAKE_DOOR_H
#define FAKE_DOOR_H

#include <stdio.h>
#include <string.h>

#include "../../modules/transport_noise/carry.h"
#include "../../modules/transport_noise/ear.h"
#include "../../modules/transport_noise/gate.h"

static struct door {
	enum gate_mode mode;
	bool moved;                /* the node has another address than before */
	bool can_close;            /* this machine has SK_LOOKUP */
	bool deaf[CARRIERS];       /* such a knock is lost on the way */
	struct rtun_addr from[CARRIERS]; /* where the hub sees it come from */
	struct rtun_addr (*whence)(const struct rtun_addr *to); /* or: where who goes there comes from */
	struct ear_setup ear;
	bool hears;
	struct { struct rtun_addr source; uint64_t until; } admitted[GATE_PLACES];
	int opened;                /* gate_admit() calls */
	int carried[CARRIERS];
	uint8_t last[WIRE_KNOCK];  /* what was carried last */
} door;

static struct rtun_ctx *door_ctx;

static bool door_open_to(const struct rtun_addr *source)
{
	if (door.mode == GATE_NONE)
		return true;
	for (int i = 0; i < GATE_PLACES; i++)
		if (door.admitted[i].until > rtun_now(door_ctx) && door.admitted[i].source.family == source->family &&
		    memcmp(door.admitted[i].source.ip, source->ip, source->family == 4 ? 4 : 8) == 0)
			return true;
	return false;
}

static void door_knock(const struct rtun_addr *from, const uint8_t *knock)
{
	struct ear_packet p = {.source = *from, .carrier = EAR_UDP, .here = true, .knock = knock};
	if (door.hears)
		door.ear.cb(door.ear.arg, &p);
}

/* ---- gate.h ---- */

int gate_create(struct rtun_ctx *ctx, enum gate_mode mode, struct gate **ret, char why[GATE_WHY])
{
	union {
		struct door *door;
		struct gate *gate;
	} u = {&door};
	if (mode == GATE_CLOSED && !door.can_close) {
		snprintf(why, GATE_WHY, "this machine can't");
		return -RTUN_ENOTSUP;
	}
	door_ctx = ctx;
	door.mode = mode;
	memset(door.admitted, 0, sizeof(door.admitted));
	*ret = u.gate;
	return 0;
}

int gate_guard(struct gate *g, int fd, char why[GATE_WHY])
{
	(void)g, (void)fd, (void)why;
	return 0;
}

void gate_admit(struct gate *g, uint32_t place, const struct rtun_addr *source, uint64_t ns)
{
	(void)g;
	ck_assert_uint_lt(place, GATE_PLACES);
	door.admitted[place].source = *source;
	door.admitted[place].until = rtun_now(door_ctx) + ns;
	door.opened++;
}

void gate_shut(struct gate *g, uint32_t place)
{
	(void)g;
	door.admitted[place].until = 0;
}

void gate_destroy(struct gate **g)
{
	*g = NULL;
}

/* ---- ear.h ---- */

int ear_create(const struct ear_setup *setup, struct ear **ret, char why[EAR_WHY])
{
	union {
		struct door *door;
		struct ear *ear;
	} u = {&door};
	(void)why;
	door.ear = *setup;
	*ret = u.ear;
	return 0;
}

void ear_start(struct ear *e)
{
	(void)e;
	door.hears = true;
}

bool ear_hears_syn(const struct ear *e)
{
	(void)e;
	return !door.deaf[CARRY_SYN];
}

int ear_bound(const struct ear *e, uint32_t endpoint)
{
	(void)e, (void)endpoint;
	return -1;
}

void ear_destroy(struct ear **e)
{
	if (*e)
		door.hears = false;
	*e = NULL;
}

/* ---- carry.h ---- */

const char *const carrier_names[CARRIERS] = {"none", "udp", "syn"};

int carry_open(struct carry *c, const struct rtun_addr *to)
{
	*c = (struct carry){.to = *to, .local = {.family = to->family}, .fd = -1};
	return 0;
}

int carry_send(const struct carry *c, enum carrier by, const uint8_t knock[WIRE_KNOCK])
{
	struct rtun_addr from = door.whence ? door.whence(&c->to) : door.from[by];
	door.carried[by]++;
	memcpy(door.last, knock, WIRE_KNOCK);
	if (!door.deaf[by])
		door_knock(&from, knock);
	return 0;
}

void carry_close(struct carry *c)
{
	(void)c;
}

bool carry_is_local(const struct rtun_addr *a)
{
	(void)a;
	return !door.moved;
}

#endif
