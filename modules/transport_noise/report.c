/* SPDX-License-Identifier: BSD-2-Clause
 *
 * report.c - see report.h.
 */
#include "report.h"

#include <stdlib.h>
#include <string.h>

#include "tlv.h"
#include "wire.h"

enum { UPTIME, RTT, STREAMS, DENIED, BATTERY, POWER, NETWORK, FIELDS };
#define ROW(type, bytes, i) [i] = {type, false, bytes, bytes, (uint32_t)((i) * sizeof(struct tlv_value))}
static const struct tlv_row rows[FIELDS] = {
	ROW(TLV_UPTIME, 4, UPTIME),   ROW(TLV_RTT, 4, RTT),     ROW(TLV_STREAMS, 8, STREAMS), ROW(TLV_DENIED, 8, DENIED),
	ROW(TLV_BATTERY, 1, BATTERY), ROW(TLV_POWER, 1, POWER), ROW(TLV_NETWORK, 1, NETWORK),
};

uint32_t report_write(const struct report *r, uint8_t ret[REPORT_MAX])
{
	const struct {
		uint64_t n;
		bool known;
	} values[FIELDS] = {
		[UPTIME] = {r->uptime, r->uptime != UPTIME_UNKNOWN},
		[RTT] = {r->rtt, r->rtt != 0},
		[STREAMS] = {r->streams, r->streams != COUNT_UNKNOWN},
		[DENIED] = {r->denied, r->denied != COUNT_UNKNOWN},
		[BATTERY] = {r->machine.battery, r->machine.battery != BATTERY_UNKNOWN},
		[POWER] = {r->machine.power, r->machine.power != POWER_UNKNOWN},
		[NETWORK] = {r->machine.network, r->machine.network != NETWORK_UNKNOWN},
	};
	struct tlv_writer w;
	tlv_write_begin(&w, ret, REPORT_MAX);
	for (uint32_t i = 0; i < FIELDS; i++)
		if (values[i].known)
			tlv_put_number(&w, rows[i].type, values[i].n, rows[i].max);
	return (uint32_t)tlv_write_end(&w, 0);
}

/* A number that JSON's readers take for what it is. */
#define COUNT_MAX (UINT64_C(1) << 53)

static uint64_t count_of(const struct tlv_value *v)
{
	uint64_t n = tlv_number(v);
	return !v->p ? COUNT_UNKNOWN : n < COUNT_MAX ? n : COUNT_MAX;
}

static uint32_t one_of(const struct tlv_value *v, uint32_t count, uint32_t otherwise)
{
	uint32_t n = (uint32_t)tlv_number(v);
	return v->p && n < count ? n : otherwise;
}

bool report_read(const uint8_t *payload, uint32_t len, struct report *ret)
{
	struct tlv_value v[FIELDS];
	bool any = false;
	int r = tlv_read(rows, FIELDS, payload, len, v);
	for (uint32_t i = 0; r == 0 && i < FIELDS; i++)
		any |= v[i].p != NULL;
	if (!any)
		return false;
	*ret = (struct report){
		.machine = {one_of(&v[BATTERY], 101, BATTERY_UNKNOWN), one_of(&v[POWER], POWERS, POWER_UNKNOWN),
			    one_of(&v[NETWORK], NETWORKS, NETWORK_UNKNOWN)},
		.streams = count_of(&v[STREAMS]),
		.denied = count_of(&v[DENIED]),
		.uptime = one_of(&v[UPTIME], UPTIME_UNKNOWN, UPTIME_UNKNOWN),
		.rtt = (uint32_t)tlv_number(&v[RTT]),
	};
	return true;
}

bool report_same(const struct report *a, const struct report *b)
{
	return a->machine.battery == b->machine.battery && a->machine.power == b->machine.power &&
	       a->machine.network == b->machine.network && a->streams == b->streams && a->denied == b->denied && !a->rtt == !b->rtt;
}

/* ---- the machine ---- */

/* Its thread outlives a node that is gone: it owns what it needs. */
struct looking {
	struct reporter *reporter; /* NULL: nobody waits; touched in the loop only */
	const char *root;
	struct machine found;
	struct rtun_work *work;
};

static void look_run(void *arg)
{
	struct looking *l = arg;
	machine_read(l->root, &l->found);
}

static void look_done(void *arg)
{
	struct looking *l = arg;
	if (l->reporter) {
		l->reporter->machine = l->found;
		l->reporter->looking = NULL;
		l->reporter->looked_at = rtun_now(l->reporter->ctx);
	}
	free(l);
}

void reporter_init(struct reporter *r, struct rtun_ctx *ctx)
{
	*r = (struct reporter){.ctx = ctx, .root = "/"};
}

bool reporter_look(struct reporter *r)
{
	bool due = !r->looking && (!r->looked_at || rtun_now(r->ctx) - r->looked_at >= REPORT_EVERY);
	struct looking *l = due ? calloc(1, sizeof(*l)) : NULL;
	if (l) {
		*l = (struct looking){.reporter = r, .root = r->root};
		if (rtun_work(r->ctx, look_run, look_done, l, &l->work) < 0)
			free(l);
		else
			r->looking = l;
	}
	return r->looked_at != 0;
}

void reporter_fini(struct reporter *r)
{
	if (r->looking)
		r->looking->reporter = NULL;
	r->looking = NULL;
}
