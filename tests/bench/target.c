/* SPDX-License-Identifier: BSD-2-Clause
 *
 * target ADDRESS:PORT COUNTERS - the far end of all measurements. One thread, and as little of its own work as can be: what it
 * sends is never copied, nor is what it drops. Counts in the file COUNTERS. Prints "ready" when it listens.
 */
#include "bench.h"

struct stream {
	int fd;
	uint32_t events; /* that are waited for */
	enum ask_kind kind;
	struct ask ask;
	size_t asked;  /* bytes of `ask` that are here */
	size_t wanted; /* of a request */
	size_t owed;   /* of an answer */
	off_t at;      /* in the source */
	char *echo;    /* what is between from and to must go back */
	size_t from, to;
};

#define ECHO_ROOM 65536U

static int epoll, source;
static struct counters *counters;
static char room[65536]; /* of requests: dropped; of answers: zeros would do */

/* 1: done, go on; 0: wait; -1: the stream has ended. */
typedef int step(struct stream *);

static int again(void)
{
	return errno == EAGAIN ? 0 : -1;
}

static void stream_watch(struct stream *s, uint32_t events)
{
	if (events == s->events)
		return;
	s->events = events;
	watch(epoll, EPOLL_CTL_MOD, s->fd, events, s);
}

static int step_sink(struct stream *s)
{
	ssize_t n = drop(s->fd);
	if (n <= 0)
		return (int)n;
	count(&counters->received, (size_t)n);
	return 1;
}

/* What a client sends after it has asked for a source is the end of its output at most. */
static int step_source(struct stream *s)
{
	ssize_t n = source_send(source, s->fd, &s->at);
	if (n < 0)
		return -1;
	count(&counters->sent, (size_t)n);
	return 0;
}

static int step_mute(struct stream *s)
{
	(void)s;
	return 0;
}

static int step_echo(struct stream *s)
{
	if (s->from == s->to) {
		ssize_t n = recv(s->fd, s->echo, ECHO_ROOM, 0);
		if (n <= 0)
			return n < 0 ? again() : -1;
		s->from = 0;
		s->to = (size_t)n;
	}
	ssize_t n = send(s->fd, s->echo + s->from, s->to - s->from, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		return -1;
	s->from += n > 0 ? (size_t)n : 0;
	stream_watch(s, s->from < s->to ? EPOLLOUT : EPOLLIN);
	return s->from == s->to;
}

static int step_reply(struct stream *s)
{
	while (s->wanted) {
		ssize_t n = recv(s->fd, room, s->wanted < sizeof(room) ? s->wanted : sizeof(room), 0);
		if (n <= 0)
			return n < 0 ? again() : -1;
		s->wanted -= (size_t)n;
	}
	while (s->owed) {
		ssize_t n = send(s->fd, room, s->owed < sizeof(room) ? s->owed : sizeof(room), MSG_NOSIGNAL);
		if (n < 0) {
			stream_watch(s, EPOLLOUT);
			return again();
		}
		s->owed -= (size_t)n;
	}
	count(&counters->requests, 1);
	s->asked = 0; /* the next one may follow */
	stream_watch(s, EPOLLIN);
	return 1;
}

static const struct {
	step *step;
	uint32_t events;
} kinds[ASK_KINDS] = {
	[ASK_SINK] = {step_sink, EPOLLIN},
	[ASK_SOURCE] = {step_source, EPOLLOUT},
	[ASK_MUTE] = {step_mute, 0},
	[ASK_ECHO] = {step_echo, EPOLLIN},
	[ASK_REPLY] = {step_reply, EPOLLIN},
};

static int step_ask(struct stream *s)
{
	ssize_t n = recv(s->fd, (char *)&s->ask + s->asked, sizeof(s->ask) - s->asked, 0);
	if (n <= 0)
		return n < 0 ? again() : -1;
	s->asked += (size_t)n;
	if (s->asked < sizeof(s->ask))
		return 0;
	if (s->ask.magic != ASK_MAGIC || s->ask.kind >= ASK_KINDS || s->ask.length > ASK_LENGTH_MAX || s->ask.answer > ASK_LENGTH_MAX)
		return -1;
	s->kind = s->ask.kind;
	s->wanted = s->ask.length > sizeof(s->ask) ? s->ask.length - sizeof(s->ask) : 0;
	s->owed = s->ask.answer;
	if (s->kind == ASK_ECHO && !(s->echo = malloc(ECHO_ROOM)))
		return -1;
	stream_watch(s, kinds[s->kind].events);
	return 1;
}

static void stream_close(struct stream *s)
{
	close(s->fd);
	free(s->echo);
	free(s);
}

static void stream_run(struct stream *s, uint32_t events)
{
	int r = 1;
	/* a stream that nobody reads learns of its end in no other way */
	if (events & (EPOLLHUP | EPOLLERR) && s->asked == sizeof(s->ask) && s->kind == ASK_MUTE)
		r = -1;
	for (int i = 0; r > 0 && i < 16; i++)
		r = s->asked < sizeof(s->ask) ? step_ask(s) : kinds[s->kind].step(s);
	if (r < 0)
		stream_close(s);
}

static void accept_some(int listener)
{
	int fd, on = 1;
	for (int i = 0; i < 64 && (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0; i++) {
		struct stream *s = calloc(1, sizeof(*s));
		if (!s)
			err(1, "memory");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		s->fd = fd;
		s->events = EPOLLIN;
		count(&counters->connections, 1);
		watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, s);
	}
}

int main(int argc, char **argv)
{
	struct epoll_event events[256];
	int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (argc != 3)
		errx(2, "target ADDRESS:PORT COUNTERS");
	struct sockaddr_in at = address_of(argv[1]);
	signal(SIGPIPE, SIG_IGN); /* sendfile() has no MSG_NOSIGNAL */
	counters = counters_open(argv[2]);
	source = source_open();
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 4096) < 0)
		err(1, "%s", argv[1]);
	watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(epoll, events, 256, -1);
		if (n < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				stream_run(events[i].data.ptr, events[i].events);
			else
				accept_some(listener);
		}
	}
}
