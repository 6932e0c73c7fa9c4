/* SPDX-License-Identifier: BSD-2-Clause
 *
 * report.h - what a node tells its hub of itself, in INFO (doc/protocol.md section 9).
 *
 * Told when a session begins; then at most once a minute, if something has changed, in the record of a PING that goes anyway: an
 * idle tunnel is as silent as without. What takes time to find out is looked at by a thread, once a minute at most.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>

#include <restunnel/host.h>

#include "machine.h"

#define REPORT_EVERY (60 * RTUN_S)

#define UPTIME_UNKNOWN UINT32_MAX
#define COUNT_UNKNOWN UINT64_MAX
struct report {
	struct machine machine;
	/* that this hub asked for since the node started; that the exit's filter refused of them; or COUNT_UNKNOWN */
	uint64_t streams, denied;
	uint32_t uptime;          /* s, or UPTIME_UNKNOWN */
	uint32_t rtt;             /* µs, as the node sees it; 0: unknown */
};

#define REPORT_MAX 64
/* The length. */
uint32_t report_write(const struct report *r, uint8_t ret[REPORT_MAX]);
/* What INFO says; all else is unknown. False: it says nothing about this. */
bool report_read(const uint8_t *payload, uint32_t len, struct report *ret);
/* Nothing in it that is worth telling again. */
bool report_same(const struct report *a, const struct report *b);

/* The machine that this is, as it was found last. */
struct reporter {
	struct rtun_ctx *ctx;
	const char *root; /* of machine_read() */
	struct machine machine;
	uint64_t looked_at; /* 0: never */
	struct looking *looking;
};
void reporter_init(struct reporter *r, struct rtun_ctx *ctx);
/* Look again, where the last look is a minute old. False: nothing was ever found out. */
bool reporter_look(struct reporter *r);
void reporter_fini(struct reporter *r);

#endif
