/* SPDX-License-Identifier: BSD-2-Clause
 *
 * timing.c - does a closed port take as long to say so as ports where nothing is? From a stranger's place:
 *
 *	timing syn|knock|datagram ADDRESS COUNT PORT CONTROL...
 *
 * connects COUNT times to each port, in an order that is new for each round (knock: with a SYN that carries as many bytes as a knock;
 * datagram: a datagram of that size, whose answer is "port unreachable"), and compares the distributions of the time to the
 * refusal: Kolmogorov-Smirnov distances. With 7 controls there are 21 pairs of them; the distance between PORT and the first
 * control must not be greater than the greatest of those. (A significance level would not do: between two ports that
 * are really closed, too, there are differences, of caches and hash chains.)
 *
 * Among 22 equals each is the greatest in 1 of 22 runs; so it is tried again, up to 3 times: equal ports fail in 1 of 10,000,
 * and a difference that is really there shows in all. Exit status: 0 alike, 1 not, 2 could not tell.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../../modules/transport_noise/wire.h"

#define PORTS 16
#define WARM_UP 500 /* rounds: the first packets find caches empty */
#define TRIES 3
/* An answer that does not come: the kernel's limit of ICMP, or a lost packet. */
#define PATIENCE_US 200000

enum kind { CONNECT, KNOCK, DATAGRAM };

static struct {
	enum kind kind;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} to;
	socklen_t to_len;
	int count, ports;
	uint16_t port[PORTS];
	uint64_t *times[PORTS];
	uint64_t random;
} t;

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "timing: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

/* xorshift64*: an order that caches and counters can't follow is enough */
static uint32_t below(uint32_t n)
{
	t.random ^= t.random >> 12;
	t.random ^= t.random << 25;
	t.random ^= t.random >> 27;
	return (uint32_t)((t.random * 0x2545f4914f6cdd1dU) >> 32) % n;
}

static int opened(void)
{
	struct timeval limit = {.tv_usec = PATIENCE_US};
	int on = 1, fd = socket(t.to.any.sa_family, (t.kind == DATAGRAM ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		die("socket");
	if (t.kind == KNOCK && setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &on, sizeof(on)) < 0)
		die("TCP_FASTOPEN_NO_COOKIE");
	if (t.kind == DATAGRAM && connect(fd, &t.to.any, t.to_len) < 0)
		die("connect");
	return fd;
}

/* The answer's errno. */
static int ask(int fd)
{
	static const char bytes[WIRE_KNOCK];
	char byte;
	if (t.kind == CONNECT)
		return connect(fd, &t.to.any, t.to_len) < 0 ? errno : 0;
	if (t.kind == KNOCK && sendto(fd, bytes, sizeof(bytes), MSG_FASTOPEN, &t.to.any, t.to_len) < 0)
		return errno;
	if (t.kind == DATAGRAM && send(fd, bytes, sizeof(bytes), 0) < 0)
		return errno;
	return recv(fd, &byte, 1, 0) < 0 ? errno : 0;
}

/* ns; a probe without answer is repeated */
static uint64_t probe(uint16_t port)
{
	for (int lost = 0; lost < 100; lost++) {
		t.to.in.sin_port = htons(port); /* sin6_port is in the same place */
		int fd = opened();
		uint64_t before = now();
		int err = ask(fd);
		uint64_t after = now();
		close(fd);
		if (err == ECONNREFUSED)
			return after - before;
		errno = err;
		if (err != EAGAIN && err != EINPROGRESS && err != ETIMEDOUT)
			die("not refused");
	}
	die("no answers");
}

static void probe_all(void)
{
	int order[PORTS];
	for (int i = 0; i < t.ports; i++)
		order[i] = i;
	for (int round = -WARM_UP; round < t.count; round++) {
		for (int i = t.ports - 1; i > 0; i--) {
			int j = (int)below((uint32_t)i + 1), swapped = order[i];
			order[i] = order[j];
			order[j] = swapped;
		}
		for (int i = 0; i < t.ports; i++) {
			uint64_t ns = probe(t.port[order[i]]);
			if (round >= 0)
				t.times[order[i]][round] = ns;
		}
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* The greatest difference of two distribution functions; both sorted. */
static double distance(const uint64_t *a, const uint64_t *b)
{
	double greatest = 0;
	for (int i = 0, j = 0; i < t.count && j < t.count;) {
		uint64_t at = a[i] < b[j] ? a[i] : b[j];
		while (i < t.count && a[i] <= at)
			i++;
		while (j < t.count && b[j] <= at)
			j++;
		double d = (double)(i > j ? i - j : j - i) / t.count;
		if (d > greatest)
			greatest = d;
	}
	return greatest;
}

static int alike(void)
{
	double closed = 0, gated;
	probe_all();
	for (int i = 0; i < t.ports; i++)
		qsort(t.times[i], (size_t)t.count, sizeof(uint64_t), compare);
	for (int i = 1; i < t.ports; i++)
		for (int j = i + 1; j < t.ports; j++) {
			double d = distance(t.times[i], t.times[j]);
			if (d > closed)
				closed = d;
		}
	gated = distance(t.times[0], t.times[1]);
	printf("medians %.2f us and %.2f us; distance %.4f; greatest of %d between closed ports %.4f\n", (double)t.times[0][t.count / 2] / 1000,
	       (double)t.times[1][t.count / 2] / 1000, gated, (t.ports - 1) * (t.ports - 2) / 2, closed);
	fflush(stdout);
	return gated <= closed;
}

int main(int argc, char **argv)
{
	static const char *const kinds[] = {"syn", "knock", "datagram"};
	if (argc < 8 || argc - 4 > PORTS) {
		fprintf(stderr, "usage: timing syn|knock|datagram ADDRESS COUNT PORT CONTROL...\n");
		return 2;
	}
	while (t.kind < DATAGRAM && strcmp(kinds[t.kind], argv[1]) != 0)
		t.kind++;
	if (inet_pton(AF_INET, argv[2], &t.to.in.sin_addr) == 1) {
		t.to.in.sin_family = AF_INET;
		t.to_len = sizeof(t.to.in);
	} else if (inet_pton(AF_INET6, argv[2], &t.to.in6.sin6_addr) == 1) {
		t.to.in6.sin6_family = AF_INET6;
		t.to_len = sizeof(t.to.in6);
	} else {
		die(argv[2]);
	}
	t.count = atoi(argv[3]);
	for (t.ports = 0; t.ports < argc - 4; t.ports++) {
		t.port[t.ports] = (uint16_t)atoi(argv[4 + t.ports]);
		t.times[t.ports] = calloc((size_t)t.count, sizeof(uint64_t));
		if (!t.times[t.ports])
			die("memory");
	}
	if (getrandom(&t.random, sizeof(t.random), 0) != sizeof(t.random) || !t.random)
		die("random");
	for (int i = 0; i < TRIES; i++)
		if (alike())
			return 0;
	return 1;
}
