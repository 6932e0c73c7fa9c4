/* SPDX-License-Identifier: BSD-2-Clause
 *
 * usage.h - how many bytes each device has passed in this calendar month (UTC), both ways; kept in usage.yaml.
 *
 * A month begins when the clock first says so. A clock that goes back takes nothing away; one from before this program was
 * written is not believed. The file is written once a minute while something changes, and at the stop: a crash loses what
 * passed in the last minute.
 */
#ifndef USAGE_H
#define USAGE_H

#include "device.h"

#define USAGE_FILE "usage.yaml"

/* What it has passed since the hub started, and whether more may come. */
typedef uint64_t usage_total_fn(const struct device *d, bool *ret_active);

struct usage {
	struct rtun_ctx *ctx;
	struct device_list *devices;
	usage_total_fn *total;
	struct rtun_timer *timer;
	bool running, changed;
};

/* Reads the file into the devices. A file that can't be read is no reason not to start: counting begins anew, and the log says so. */
int usage_init(struct usage *u, struct rtun_ctx *ctx, struct device_list *devices, usage_total_fn *total);
/* Writes what is not written yet. */
void usage_fini(struct usage *u);
/* Something is about to pass. */
void usage_wake(struct usage *u);
/* The bytes of this month, which is d->usage.month. */
uint64_t usage_of(struct usage *u, struct device *d);

#endif
