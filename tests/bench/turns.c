/* SPDX-License-Identifier: BSD-2-Clause
 *
 * turns.c - preloaded into restunnel: how long each turn of its loop takes, from one wait for events to the next, in CPU time of
 * the thread (others on the processor are in no figure) and in wall time. Histograms go to the file named by TURNS.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 2000 /* of 50 us; the last has all that is longer */
#define SLOT 50000U

/* turns.py reads it by its places. */
struct times {
	uint64_t sum; /* ns */
	uint64_t slots[SLOTS];
};
static struct turns {
	struct times cpu, wall;
} *turns;

static int (*wait_for)(int, struct epoll_event *, int, int);
static int loop = -1; /* the descriptor that sleeps: libmicrohttpd has one, too, but only looks */
static uint64_t cpu, wall;

static uint64_t now(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void note(struct times *t, uint64_t ns)
{
	uint64_t i = ns / SLOT;
	t->sum += ns;
	t->slots[i < SLOTS ? i : SLOTS - 1]++;
}

__attribute__((constructor)) static void turns_begin(void)
{
	const char *path = getenv("TURNS");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	*(void **)&wait_for = dlsym(RTLD_NEXT, "epoll_wait");
	if (fd < 0 || ftruncate(fd, sizeof(*turns)) < 0)
		return;
	turns = mmap(NULL, sizeof(*turns), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (turns == MAP_FAILED)
		turns = NULL;
	close(fd);
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
	if (loop < 0 && timeout)
		loop = fd;
	if (!turns || fd != loop)
		return wait_for(fd, events, max, timeout);
	if (wall) {
		note(&turns->cpu, now(CLOCK_THREAD_CPUTIME_ID) - cpu);
		note(&turns->wall, now(CLOCK_MONOTONIC) - wall);
	}
	int n = wait_for(fd, events, max, timeout);
	wall = now(CLOCK_MONOTONIC);
	cpu = now(CLOCK_THREAD_CPUTIME_ID);
	return n;
}
