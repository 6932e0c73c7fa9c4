/* SPDX-License-Identifier: BSD-2-Clause
 *
 * usage.c - see usage.h.
 */
#include "usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIST_KEY "usage"
#define EVERY (60 * RTUN_S)
#define BELIEVED (2026 * 12) /* January 2026 */

struct record {
	struct rtun_bytes public_key;
	uint64_t year, month, bytes;
};

static const struct rtun_option rows[] = {
	RTUN_BYTES(struct record, public_key, NULL, 32, 32, RTUN_REQUIRED, NULL, "Whose."),
	RTUN_INT(struct record, year, NULL, 1970, 9999, RTUN_REQUIRED, NULL, "UTC."),
	RTUN_INT(struct record, month, NULL, 1, 12, RTUN_REQUIRED, NULL, "1 to 12."),
	RTUN_INT(struct record, bytes, NULL, 0, 0, RTUN_REQUIRED, NULL, "Both ways."),
};
static const struct rtun_schema usage_schema = RTUN_SCHEMA(struct record, rows);

static const char comment[] = "How many bytes each device has passed in a month. Written by restunnel.";

static uint32_t month_now(const struct usage *u)
{
	time_t t = (time_t)(rtun_wall(u->ctx) / 1000);
	struct tm tm;
	return gmtime_r(&t, &tm) && tm.tm_year >= 70 ? (uint32_t)(tm.tm_year + 1900) * 12 + (uint32_t)tm.tm_mon : 0;
}

uint64_t usage_of(struct usage *u, struct device *d)
{
	struct device_usage *n = &d->usage;
	bool active;
	uint64_t total = u->total(d, &active);
	uint32_t month = month_now(u);
	if (total != n->counted) {
		n->bytes += total - n->counted;
		n->counted = total;
		u->changed = true;
	}
	if (month > n->month && n->month >= BELIEVED)
		n->bytes = 0;
	if (month >= BELIEVED || month > n->month)
		n->month = month;
	return n->bytes;
}

static void read_record(void *arg, const void *record)
{
	struct usage *u = arg;
	const struct record *r = record;
	struct device *d = device_by_key(u->devices, r->public_key.p);
	if (d)
		d->usage = (struct device_usage){.bytes = r->bytes, .month = (uint32_t)(r->year * 12 + r->month - 1)};
}

/* True: there may be more to write soon. */
static bool save(struct usage *u)
{
	const struct device_list *l = u->devices;
	struct record *records = calloc(l->count + 1U, sizeof(*records));
	struct rtun_list list = {records, 0, sizeof(*records)};
	bool busy = false;
	for (uint32_t i = 0; records && i < l->count; i++) {
		struct device *d = l->items[i];
		bool more = false;
		u->total(d, &more);
		usage_of(u, d);
		busy |= more;
		if (d->usage.month)
			records[list.count++] = (struct record){{d->key, sizeof(d->key)}, d->usage.month / 12, d->usage.month % 12 + 1, d->usage.bytes};
	}
	/* a failure is in the log, and the next minute tries again */
	busy |= u->changed;
	if (u->changed && records && rtun_records_save(u->ctx, USAGE_FILE, LIST_KEY, &usage_schema, list, comment, 0600) == 0)
		u->changed = false;
	free(records);
	return busy;
}

/* Goes on as long as something changes, or may; usage_wake() begins again. */
static void on_timer(void *arg)
{
	struct usage *u = arg;
	bool busy = save(u);
	u->running = busy;
	if (busy)
		rtun_timer_start(u->timer, EVERY);
}

void usage_wake(struct usage *u)
{
	if (u->running || !u->timer)
		return;
	u->running = true;
	rtun_timer_start(u->timer, EVERY);
}

int usage_init(struct usage *u, struct rtun_ctx *ctx, struct device_list *devices, usage_total_fn *total)
{
	*u = (struct usage){.ctx = ctx, .devices = devices, .total = total};
	int r = rtun_records_load(ctx, USAGE_FILE, LIST_KEY, &usage_schema, read_record, u);
	if (r < 0 && r != -RTUN_ENOENT)
		rtun_log(ctx, RTUN_ERROR, USAGE_FILE " can't be read (see above): the months' bytes are counted from 0");
	return rtun_timer_create(ctx, on_timer, u, &u->timer);
}

void usage_fini(struct usage *u)
{
	if (!u->timer)
		return;
	rtun_timer_destroy(&u->timer);
	save(u);
}
