/* SPDX-License-Identifier: BSD-2-Clause
 *
 * counter.c - a number that only rises.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counter.h"
#include "wire.h"

#define MOST WIRE_COUNTER_END
#define JUMP UINT64_C(3600000)            /* ms: less is no jump, and not worth a write */

/* The file: the number in digits and a newline. 0 or -1. */
static int parse(const char *text, uint64_t *ret_value)
{
	size_t len = strspn(text, "0123456789");
	uint64_t value;

	if (len < 1 || len > 19 || strcmp(text + len, "\n"))
		return -1;
	value = strtoull(text, NULL, 10);
	if (value >= MOST)
		return -1;
	*ret_value = value;
	return 0;
}

static uint64_t clock_of(const struct counter *c)
{
	int64_t ms = rtun_wall(c->ctx);

	return ms > 0 && (uint64_t)ms < MOST ? (uint64_t)ms : 0;
}

void counter_load(struct counter *c, struct rtun_ctx *ctx)
{
	char path[PATH_MAX], text[32];
	ssize_t n;
	int fd;

	*c = (struct counter){ctx, 0, 0};
	snprintf(path, sizeof(path), "%s/" COUNTER_FILE, rtun_data_dir(ctx));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return;
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	if (parse(text, &c->reserved))
		rtun_log(ctx, RTUN_WARN, "%s can't be used: counting on from the clock; if a hub stays silent although the clock is right, pair again", path);
	c->last = c->reserved;
	if (fd >= 0)
		close(fd);
}

static void reserve(struct counter *c)
{
	uint64_t until = c->last + COUNTER_RESERVE;
	char text[32];
	int n = snprintf(text, sizeof(text), "%" PRIu64 "\n", until);

	if (!rtun_file_replace(c->ctx, COUNTER_FILE, text, (uint64_t)n, 0600))
		c->reserved = until;
}

uint64_t counter_next(struct counter *c)
{
	uint64_t clock = clock_of(c), next = c->last + 1;

	if (next > c->reserved ? clock > next : clock > c->reserved + JUMP)
		next = clock;
	c->last = next;
	if (next > c->reserved)
		reserve(c);
	return next;
}
