/* SPDX-License-Identifier: BSD-2-Clause
 *
 * load COUNTERS PATH TARGET MODE COUNT [SECONDS [PAUSE-MS]] - traffic through a tunnel; PATH: see dial.h.
 *
 *	down, up		COUNT streams, endless downloads or uploads
 *	stall-down, stall-up	the same, but nobody reads at their end
 *	idle			COUNT streams that have carried one request each
 *	connect			COUNT at a time: open a stream, one request, close it
 *	request			COUNT streams, on each one request after the other, with a pause before each
 *	check			COUNT bytes to the target and back, compared
 *
 * Counts in the file COUNTERS. The first five print "ready STREAMS" when all are open (or failed: an error), and go on until they are
 * killed. The others print one JSON object at the end.
 */
#include "load.h"

#include <inttypes.h>
#include <time.h>

#define OPENING_MAX 64
/* What is under way when the time is over may take so long; then it is an error. */
#define PATIENCE 10e9
/* A tunnel that refuses everything is not tried for ever. */
#define ERRORS_MAX 1000

struct load load;

uint64_t load_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

void load_time_begins(void)
{
	load.start = load_now();
	load.end = load.start + (uint64_t)(load.seconds * 1e9);
}

/* ---- streams ---- */

void stream_watch(struct stream *s, uint32_t events)
{
	if (events == s->events)
		return;
	s->events = events;
	watch(load.epoll, EPOLL_CTL_MOD, s->dial.fd, events, s);
}

void stream_settle(struct stream *s)
{
	load.settled += !s->settled;
	s->settled = true;
}

void stream_close(struct stream *s)
{
	close(s->dial.fd);
	s->state = GONE;
	load.alive--;
}

void stream_fail(struct stream *s)
{
	count(&load.counters->errors, 1);
	stream_close(s);
	stream_settle(s);
}

static void stream_begin(struct stream *s)
{
	*s = (struct stream){.begun = load_now(), .events = EPOLLOUT, .settled = s->settled};
	if (dial_start(&load.route, &s->dial) < 0) {
		count(&load.counters->errors, 1);
		stream_settle(s);
		return;
	}
	s->state = OPENING;
	load.alive++;
	watch(load.epoll, EPOLL_CTL_ADD, s->dial.fd, EPOLLOUT, s);
}

static void stream_step(struct stream *s)
{
	int r = dial_step(&load.route, &s->dial);
	if (r < 0) {
		stream_fail(s);
	} else if (r == 0) {
		stream_watch(s, EPOLLIN);
	} else {
		s->state = OPEN;
		count(&load.counters->connections, 1);
		if (!load.mode->settles_late)
			stream_settle(s);
		load.mode->opened(s);
	}
}

/* ---- all of them ---- */

static void begin_more(void)
{
	while (load.begun < load.count && load.begun - load.settled < OPENING_MAX)
		stream_begin(&load.streams[load.begun++]);
	if (!load.mode->renews || load.counters->errors > ERRORS_MAX || load_now() >= load.end)
		return;
	for (size_t i = 0; i < load.begun; i++)
		if (load.streams[i].state == GONE)
			stream_begin(&load.streams[i]);
}

static void run(void)
{
	struct epoll_event events[1024];
	bool settled = false;
	for (begin_more(); load.alive; begin_more()) {
		int n = epoll_wait(load.epoll, events, 1024, 100);
		if (n < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (int i = 0; i < n; i++) {
			struct stream *s = events[i].data.ptr;
			if (s->state == OPENING)
				stream_step(s);
			else if (load.mode->ready)
				load.mode->ready(s);
			else
				stream_fail(s); /* nothing but its end is waited for */
		}
		if (!settled && load.settled == load.count) {
			settled = true;
			if (load.mode->all_settled)
				load.mode->all_settled();
		}
		if (load.end && (double)load_now() > (double)load.end + PATIENCE)
			break;
	}
	count(&load.counters->errors, load.alive);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static double quantile_us(double q)
{
	return load.times_len ? (double)load.times[(size_t)(q * (double)(load.times_len - 1))] / 1000 : 0;
}

static void report(void)
{
	if (load.times_len)
		qsort(load.times, load.times_len, sizeof(*load.times), compare);
	printf("{\"requests\": %zu, \"per_second\": %.1f, \"errors\": %" PRIu64 ", \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n", load.times_len,
	       load.seconds > 0 ? (double)load.in_time / load.seconds : 0, load.counters->errors, quantile_us(0.5), quantile_us(0.99), quantile_us(1));
}

static void read_arguments(int argc, char **argv)
{
	if (argc < 6 || argc > 8)
		errx(2, "load COUNTERS PATH TARGET MODE COUNT [SECONDS [PAUSE-MS]]: see the top of load.c");
	load.counters = counters_open(argv[1]);
	route_parse(argv[2], argv[3], &load.route);
	load.mode = mode_of(argv[4]);
	if (!load.mode)
		errx(2, "there is no mode %s", argv[4]);
	load.count = strtoul(argv[5], NULL, 10);
	load.seconds = argc > 6 ? strtod(argv[6], NULL) : 0;
	load.pause = argc > 7 ? (useconds_t)(strtod(argv[7], NULL) * 1000) : 0;
	if (load.mode->counts_bytes) {
		load.bytes = load.count;
		load.count = 1;
	}
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN); /* sendfile() has no MSG_NOSIGNAL */
	read_arguments(argc, argv);
	load.streams = calloc(load.count, sizeof(*load.streams));
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!load.streams || load.epoll < 0)
		err(1, "memory");
	load.source = source_open();
	load_time_begins();
	if (!load.mode->renews)
		load.end = 0;
	run();
	report();
	return load.counters->errors > 0;
}
