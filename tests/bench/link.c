/* SPDX-License-Identifier: BSD-2-Clause
 *
 * link NETNS DEVICE NETNS DEVICE MBIT ONE-WAY-MS LOSS-PERCENT QUEUE-KIB - a line between two network namespaces (files, as in
 * /run/netns or /proc/PID/ns/net), for kernels without netem.
 *
 * Makes a TUN device in each; what is sent to one comes out of the other, both ways alike: dropped by chance, or because QUEUE-KIB
 * wait already (tail drop), or else later, at the line's rate and after its delay. MBIT 0: without a limit. Rate and queue count
 * the bytes of IP packets. Prints "ready" when the devices are there, and goes on until it is killed.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PACKET_MAX 65536
#define BATCH 64
#define NEVER UINT64_MAX

struct packet {
	struct packet *next;
	uint64_t due; /* ns */
	size_t len;
	uint8_t bytes[];
};
struct way {
	int in, out; /* TUN devices */
	struct packet *first, **last;
	uint64_t busy_until; /* ns; the line sends what came before until then */
};

static struct {
	double ns_per_byte, loss; /* loss: of 1 */
	uint64_t delay, queue;    /* ns; queue: the time that a full one takes */
	uint64_t random;
} line;

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* xorshift64*, 0 to 1: the same losses in each run, for what they are worth */
static double chance(void)
{
	line.random ^= line.random >> 12;
	line.random ^= line.random << 25;
	line.random ^= line.random >> 27;
	return (double)((line.random * 0x2545f4914f6cdd1dU) >> 11) / 9007199254740992.0;
}

static int tun_open(const char *namespace, const char *device)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int space = open(namespace, O_RDONLY | O_CLOEXEC);
	if (space < 0 || setns(space, CLONE_NEWNET) < 0)
		err(1, "%s", namespace);
	close(space);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		err(1, "/dev/net/tun, %s", device);
	return fd;
}

/* ---- a way ---- */

static void send_due(struct way *w, uint64_t t)
{
	while (w->first && w->first->due <= t) {
		struct packet *p = w->first;
		if (write(w->out, p->bytes, p->len) < 0 && errno != EIO) /* EIO: the device is down */
			err(1, "write");
		w->first = p->next;
		if (!w->first)
			w->last = &w->first;
		free(p);
	}
}

static void take(struct way *w, const uint8_t *bytes, size_t len)
{
	uint64_t t = now(), start = w->busy_until > t ? w->busy_until : t;
	if ((line.loss > 0 && chance() < line.loss) || start - t > line.queue)
		return;
	struct packet *p = malloc(sizeof(*p) + len);
	if (!p)
		err(1, "memory");
	w->busy_until = start + (uint64_t)((double)len * line.ns_per_byte);
	*p = (struct packet){.due = w->busy_until + line.delay, .len = len};
	memcpy(p->bytes, bytes, len);
	*w->last = p;
	w->last = &p->next;
}

static void receive(struct way *w)
{
	static uint8_t bytes[PACKET_MAX];
	ssize_t n;
	for (int i = 0; i < BATCH && (n = read(w->in, bytes, sizeof(bytes))) > 0; i++)
		take(w, bytes, (size_t)n);
}

_Noreturn static void carry(struct way ways[2])
{
	struct pollfd fds[2] = {{.fd = ways[0].in, .events = POLLIN}, {.fd = ways[1].in, .events = POLLIN}};
	for (;;) {
		uint64_t t = now(), due = NEVER;
		for (int i = 0; i < 2; i++) {
			send_due(&ways[i], t);
			if (ways[i].first && ways[i].first->due < due)
				due = ways[i].first->due;
		}
		t = now();
		uint64_t left = due > t ? due - t : 0;
		struct timespec limit = {(time_t)(left / 1000000000U), (long)(left % 1000000000U)};
		if (ppoll(fds, 2, due == NEVER ? NULL : &limit, NULL) < 0 && errno != EINTR)
			err(1, "ppoll");
		for (int i = 0; i < 2; i++)
			if (fds[i].revents & POLLIN)
				receive(&ways[i]);
	}
}

int main(int argc, char **argv)
{
	if (argc != 9)
		errx(2, "link NETNS DEVICE NETNS DEVICE MBIT ONE-WAY-MS LOSS-PERCENT QUEUE-KIB");
	double rate = strtod(argv[5], NULL) * 1e6 / 8;
	line.ns_per_byte = rate > 0 ? 1e9 / rate : 0;
	line.delay = (uint64_t)(strtod(argv[6], NULL) * 1e6);
	line.loss = strtod(argv[7], NULL) / 100;
	line.queue = (uint64_t)(strtod(argv[8], NULL) * 1024 * line.ns_per_byte);
	line.random = 88172645463325252U;
	int a = tun_open(argv[1], argv[2]), b = tun_open(argv[3], argv[4]);
	struct way ways[2] = {{.in = a, .out = b}, {.in = b, .out = a}};
	for (int i = 0; i < 2; i++)
		ways[i].last = &ways[i].first;
	prctl(PR_SET_TIMERSLACK, 1UL);
	puts("ready");
	fflush(stdout);
	carry(ways);
}
