/* SPDX-License-Identifier: BSD-2-Clause
 *
 * load_modes.c - what the streams of each mode ask the target for, and what they do then.
 */
#include "load.h"

#define REQUEST 100U
#define ANSWER 1024U
#define ECHO_AHEAD (256U << 10)

/* False: the stream is gone. */
static bool ask(struct stream *s, enum ask_kind kind, uint32_t length, uint32_t answer)
{
	static char message[REQUEST];
	struct ask a = {ASK_MAGIC, kind, length, answer};
	size_t len = length > sizeof(a) ? length : sizeof(a);
	memcpy(message, &a, sizeof(a));
	if (send(s->dial.fd, message, len, MSG_NOSIGNAL) == (ssize_t)len)
		return true;
	stream_fail(s);
	return false;
}

static void say_ready(void)
{
	printf("ready %zu\n", load.alive);
	fflush(stdout);
}

static void opened_down(struct stream *s)
{
	if (ask(s, ASK_SOURCE, 0, 0))
		stream_watch(s, EPOLLIN);
}

static void ready_down(struct stream *s)
{
	for (int i = 0; i < 4; i++) {
		ssize_t n = drop(s->dial.fd);
		if (n < 0)
			stream_fail(s);
		if (n <= 0)
			return;
		count(&load.counters->received, (size_t)n);
	}
}

static void opened_up(struct stream *s)
{
	if (ask(s, ASK_SINK, 0, 0))
		stream_watch(s, EPOLLOUT);
}

static void ready_up(struct stream *s)
{
	ssize_t n = source_send(load.source, s->dial.fd, &s->at);
	if (n < 0)
		stream_fail(s);
	else
		count(&load.counters->sent, (size_t)n);
}

static void opened_stall_down(struct stream *s)
{
	if (ask(s, ASK_SOURCE, 0, 0))
		stream_watch(s, 0);
}

static void opened_stall_up(struct stream *s)
{
	if (ask(s, ASK_MUTE, 0, 0))
		stream_watch(s, EPOLLOUT);
}

/* ---- requests ---- */

static void request(struct stream *s)
{
	s->got = 0;
	if (ask(s, ASK_REPLY, REQUEST, ANSWER))
		stream_watch(s, EPOLLIN);
}

/* Is the answer complete? */
static bool answer(struct stream *s)
{
	static char room[ANSWER];
	ssize_t n = recv(s->dial.fd, room, ANSWER - s->got, 0);
	if (n > 0)
		s->got += (size_t)n;
	else if (n == 0 || errno != EAGAIN)
		stream_fail(s);
	if (s->state != OPEN || s->got < ANSWER)
		return false;
	count(&load.counters->requests, 1);
	return true;
}

static void time_taken(uint64_t begun)
{
	uint64_t t = load_now();
	load.in_time += t < load.end;
	if (load.times_len == load.times_room) {
		load.times_room = load.times_room ? 2 * load.times_room : 4096;
		load.times = reallocarray(load.times, load.times_room, sizeof(*load.times));
		if (!load.times)
			err(1, "memory");
	}
	load.times[load.times_len++] = t - begun;
}

static void ready_idle(struct stream *s)
{
	if (!answer(s))
		return;
	stream_watch(s, 0);
	stream_settle(s);
}

static void ready_connect(struct stream *s)
{
	if (!answer(s))
		return;
	time_taken(s->begun);
	stream_close(s);
}

static void request_again(struct stream *s)
{
	if (load.pause)
		usleep(load.pause);
	s->begun = load_now();
	if (s->begun < load.end)
		request(s);
	else
		stream_close(s);
}

static void ready_request(struct stream *s)
{
	if (!answer(s))
		return;
	time_taken(s->begun);
	request_again(s);
}

static void opened_request(struct stream *s)
{
	stream_watch(s, 0);
}

static void all_request(void)
{
	load_time_begins();
	for (size_t i = 0; i < load.count; i++)
		if (load.streams[i].state == OPEN)
			request_again(&load.streams[i]);
}

/* ---- byte for byte ---- */

static char byte_at(size_t i)
{
	return (char)((uint32_t)i * 2654435761U >> 13);
}

static void opened_check(struct stream *s)
{
	if (ask(s, ASK_ECHO, 0, 0))
		stream_watch(s, EPOLLIN | EPOLLOUT);
}

static void check_send(struct stream *s)
{
	char block[16384];
	size_t len = 0;
	while (len < sizeof(block) && s->sent + len < load.bytes && s->sent + len - s->got < ECHO_AHEAD) {
		block[len] = byte_at(s->sent + len);
		len++;
	}
	ssize_t n = send(s->dial.fd, block, len, MSG_NOSIGNAL);
	if (n > 0)
		s->sent += (size_t)n;
}

static void ready_check(struct stream *s)
{
	char block[16384];
	ssize_t n = recv(s->dial.fd, block, sizeof(block), 0);
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		stream_fail(s);
		return;
	}
	for (ssize_t i = 0; i < n; i++)
		count(&load.counters->errors, block[i] != byte_at(s->got++));
	if (s->sent < load.bytes && s->sent - s->got < ECHO_AHEAD)
		check_send(s);
	stream_watch(s, s->sent < load.bytes && s->sent - s->got < ECHO_AHEAD ? EPOLLIN | EPOLLOUT : EPOLLIN);
	if (s->got >= load.bytes)
		stream_close(s);
}

/* ---- all together ---- */

static const struct mode modes[] = {
	{.name = "down", .opened = opened_down, .ready = ready_down, .all_settled = say_ready},
	{.name = "up", .opened = opened_up, .ready = ready_up, .all_settled = say_ready},
	{.name = "stall-down", .opened = opened_stall_down, .all_settled = say_ready},
	{.name = "stall-up", .opened = opened_stall_up, .ready = ready_up, .all_settled = say_ready},
	{.name = "idle", .opened = request, .ready = ready_idle, .all_settled = say_ready, .settles_late = true},
	{.name = "connect", .opened = request, .ready = ready_connect, .renews = true},
	{.name = "request", .opened = opened_request, .ready = ready_request, .all_settled = all_request},
	{.name = "check", .opened = opened_check, .ready = ready_check, .counts_bytes = true},
};

const struct mode *mode_of(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	return NULL;
}
