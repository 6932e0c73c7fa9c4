/* SPDX-License-Identifier: BSD-2-Clause
 *
 * load.h - the parts of the load generator: its streams and its loop (load.c), and what the modes do with them (load_modes.c).
 */
#ifndef LOAD_H
#define LOAD_H

#include "bench.h"
#include "dial.h"

struct stream {
	struct dial dial;
	enum { GONE, OPENING, OPEN } state;
	bool settled;    /* it is as far as all_settled needs it, or has failed */
	uint32_t events; /* that are waited for */
	uint64_t begun;  /* ns */
	size_t sent, got;
	off_t at; /* in the source */
};
/* What load's streams do. Never two of them in one run. */
struct mode {
	const char *name;
	void (*opened)(struct stream *);
	void (*ready)(struct stream *);
	void (*all_settled)(void);
	bool settles_late; /* not when it is open, but by stream_settle() */
	bool renews;       /* until the time is over */
	bool counts_bytes; /* of one stream, not streams */
};

extern struct load {
	const struct mode *mode;
	struct route route;
	struct counters *counters;
	struct stream *streams;
	size_t count, begun, settled, alive; /* streams */
	size_t bytes;                        /* to check */
	int epoll, source;
	double seconds;
	useconds_t pause;
	uint64_t start, end; /* ns; the end may be never */
	uint64_t *times;     /* ns, of requests */
	size_t times_len, times_room, in_time; /* in_time: of those that were answered before the end */
} load;

/* NULL: there is none of this name. */
const struct mode *mode_of(const char *name);

uint64_t load_now(void); /* ns */
/* From now on, so long as was asked for. */
void load_time_begins(void);

/* To be told of these of epoll's events, of which there may be none. */
void stream_watch(struct stream *, uint32_t events);
void stream_settle(struct stream *);
void stream_close(struct stream *);
/* Closes it, too: an error. */
void stream_fail(struct stream *);

#endif
