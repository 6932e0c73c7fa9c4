/* SPDX-License-Identifier: BSD-2-Clause
 *
 * bench.h - what load.c and target.c agree on. Both run on one machine: integers are in host order, counters in shared memory.
 */
#ifndef BENCH_H
#define BENCH_H

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASK_MAGIC 0x6b736152U
#define ASK_LENGTH_MAX (1U << 20)
/* No call sends or drops more at once, so that no stream keeps the others waiting. */
#define TURN (1U << 20)
#define SOURCE_LENGTH (1U << 20)

/* The first bytes of each stream, and with REPLY of each request. */
enum ask_kind {
	ASK_SINK,   /* read and drop all that follows */
	ASK_SOURCE, /* send without end */
	ASK_MUTE,   /* never read again */
	ASK_ECHO,   /* send back what follows */
	ASK_REPLY,  /* read to `length` bytes, this header among them; answer with `answer` bytes */
	ASK_KINDS
};
struct ask {
	uint32_t magic, kind, length, answer;
};

/* tunnel.py reads them by their places. Each has one writer. */
struct counters {
	_Atomic uint64_t received, sent, connections, requests, errors;
};

/* Mapped from a file, which is made when it is not there, all 0. Ends the program when that can't be done. */
static inline struct counters *counters_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct counters *c = fd < 0 || ftruncate(fd, sizeof(*c)) < 0 ? MAP_FAILED : mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (c == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	return c;
}

/* Relaxed: one writer, and readers that look at any time. */
static inline void count(_Atomic uint64_t *counter, size_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

/* A file in memory for sendfile(): data that costs its sender no copy. */
static inline int source_open(void)
{
	static char block[SOURCE_LENGTH];
	int fd = memfd_create("source", MFD_CLOEXEC);
	for (uint32_t i = 0; i < SOURCE_LENGTH; i++)
		block[i] = (char)(i * 2654435761U >> 13);
	if (fd < 0 || write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
		err(1, "memfd_create");
	return fd;
}

/* Sends a turn of it, beginning at *at. Bytes; less than a turn when the socket is full, -1 when it is broken. */
static inline ssize_t source_send(int source, int fd, off_t *at)
{
	ssize_t sent = 0;
	while (sent < (ssize_t)TURN) {
		ssize_t n = sendfile(fd, source, at, SOURCE_LENGTH - (size_t)*at);
		if (n < 0)
			return errno == EAGAIN ? sent : -1;
		*at %= SOURCE_LENGTH;
		sent += n;
	}
	return sent;
}

/* Drops what has arrived, uncopied. Bytes; 0: none is there now; -1: the stream has ended or is broken. */
static inline ssize_t drop(int fd)
{
	ssize_t n = recv(fd, NULL, 4 * TURN, MSG_TRUNC);
	if (n > 0)
		return n;
	return n < 0 && errno == EAGAIN ? 0 : -1;
}

/* ADDRESS:PORT, IPv4. Ends the program when it is none. */
static inline struct sockaddr_in address_of(const char *text)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	char host[INET_ADDRSTRLEN];
	unsigned port;
	if (sscanf(text, "%15[0-9.]:%u", host, &port) != 2 || port > 65535 || inet_pton(AF_INET, host, &a.sin_addr) != 1)
		errx(2, "%s is not ADDRESS:PORT", text);
	a.sin_port = htons((uint16_t)port);
	return a;
}

/* Ends the program on failure. */
static inline void watch(int epoll, int operation, int fd, uint32_t events, void *what)
{
	struct epoll_event e = {.events = events, .data.ptr = what};
	if (epoll_ctl(epoll, operation, fd, &e) < 0)
		err(1, "epoll_ctl");
}

#endif
