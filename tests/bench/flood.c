/* SPDX-License-Identifier: BSD-2-Clause
 *
 * flood udp|syn LENGTH HUB-KEY-HEX|junk SOURCE/PREFIX ADDRESS PORT RATE SECONDS
 *
 * For tests/bench/knock.sh, in a network namespace: so many packets a second from forged IPv4 sources of a network, with LENGTH
 * bytes of data, which are random, or a knock with the right mac1 and else random; no two are the same. SIGTERM ends it early.
 * Prints "PACKETS SECONDS CPU-SECONDS", where the processor's time has the way of the packets through the kernel in it.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64
#define DATA_MAX 1400
#define MAC1 16
#define LABEL "restunnel/1 knock"

struct header {
	uint8_t version, tos;
	uint16_t length, id, fragment;
	uint8_t ttl, protocol;
	uint16_t sum; /* the kernel's */
	uint32_t from, to;
};
struct udp {
	uint16_t from, to, length, sum;
};
struct tcp {
	uint16_t from, to;
	uint32_t sequence, acknowledged;
	uint8_t offset, flags;
	uint16_t window, sum, urgent;
};
struct packet {
	struct header ip;
	union {
		struct udp udp;
		struct tcp tcp;
	} u; /* data follows the one that is used */
	uint8_t room[DATA_MAX];
};

static struct {
	bool syn, knock;
	size_t length;
	uint8_t mac_key[32];
	uint32_t network, mask, to; /* network and mask in host order */
	uint16_t port;
	uint64_t random[2];
} flood;
static volatile sig_atomic_t stopped;

static void on_term(int number)
{
	(void)number;
	stopped = 1;
}

/* xorshift128+ */
static uint64_t next(void)
{
	uint64_t a = flood.random[0], b = flood.random[1];
	flood.random[0] = b;
	a ^= a << 23;
	flood.random[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
	return flood.random[1] + b;
}

static uint32_t add_up(uint32_t sum, const void *p, size_t len)
{
	const uint8_t *b = p;
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)b[i] << 8 | b[i + 1];
	return len & 1 ? sum + ((uint32_t)b[len - 1] << 8) : sum;
}

static uint16_t tcp_sum(const struct packet *p, size_t len)
{
	uint32_t sum = add_up(IPPROTO_TCP + (uint32_t)len, &p->ip.from, 8);
	sum = add_up(sum, &p->u, len);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void fill(uint8_t *data)
{
	for (size_t i = 0; i < flood.length; i += 8) {
		uint64_t r = next();
		memcpy(data + i, &r, flood.length - i < 8 ? flood.length - i : 8);
	}
	if (flood.knock)
		crypto_generichash(data, MAC1, data + MAC1, flood.length - MAC1, flood.mac_key, sizeof(flood.mac_key));
}

static size_t make(struct packet *p)
{
	uint16_t from = htons((uint16_t)(1024 + next() % 60000));
	size_t head = flood.syn ? sizeof(struct tcp) : sizeof(struct udp), all = sizeof(p->ip) + head + flood.length;
	p->ip = (struct header){.version = 0x45, .length = htons((uint16_t)all), .ttl = 64, .protocol = flood.syn ? IPPROTO_TCP : IPPROTO_UDP,
				.from = htonl(flood.network | ((uint32_t)next() & ~flood.mask)), .to = flood.to};
	fill((uint8_t *)&p->u + head);
	if (flood.syn) {
		p->u.tcp = (struct tcp){.from = from, .to = htons(flood.port), .sequence = (uint32_t)next(), .offset = 5 << 4, .flags = 2, .window = htons(64240)};
		p->u.tcp.sum = tcp_sum(p, head + flood.length);
	} else {
		p->u.udp = (struct udp){.from = from, .to = htons(flood.port), .length = htons((uint16_t)(head + flood.length))};
	}
	return all;
}

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void read_arguments(char **a)
{
	unsigned network[4], bits;
	struct in_addr to;
	flood.syn = strcmp(a[1], "syn") == 0;
	flood.length = strtoul(a[2], NULL, 10);
	flood.knock = strcmp(a[3], "junk") != 0;
	if (sscanf(a[4], "%u.%u.%u.%u/%u", &network[0], &network[1], &network[2], &network[3], &bits) != 5 || bits < 1 || bits > 32 ||
	    inet_pton(AF_INET, a[5], &to) != 1 || flood.length > DATA_MAX - 8 || (flood.knock && flood.length <= MAC1))
		errx(2, "see the top of flood.c");
	flood.mask = 0xffffffffU << (32 - bits);
	flood.network = (network[0] << 24 | network[1] << 16 | network[2] << 8 | network[3]) & (bits == 32 ? 0xffffffffU : flood.mask);
	flood.to = to.s_addr;
	flood.port = (uint16_t)strtoul(a[6], NULL, 10);
	if (flood.knock) {
		uint8_t key[32];
		if (sodium_hex2bin(key, sizeof(key), a[3], strlen(a[3]), NULL, NULL, NULL) < 0)
			errx(2, "the hub's key is not hexadecimal");
		crypto_generichash(flood.mac_key, 32, (const uint8_t *)LABEL, strlen(LABEL), key, 32);
	}
}

/* What is due is sent in batches; what was missed because the machine was busy is made up for, to a fifth of a second. */
static uint64_t send_all(int fd, double rate, double seconds)
{
	static struct packet packets[BATCH];
	static struct mmsghdr messages[BATCH];
	static struct iovec vectors[BATCH];
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = flood.to};
	uint64_t sent = 0, begun = now(), due = begun, step = (uint64_t)(1e9 * BATCH / rate);
	while (!stopped && now() - begun < (uint64_t)(seconds * 1e9)) {
		for (int i = 0; i < BATCH; i++) {
			vectors[i] = (struct iovec){&packets[i], make(&packets[i])};
			messages[i].msg_hdr = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &vectors[i], .msg_iovlen = 1};
		}
		int n = sendmmsg(fd, messages, BATCH, 0);
		if (n < 0 && errno != EINTR && errno != ENOBUFS)
			err(1, "sendmmsg");
		sent += n > 0 ? (uint64_t)n : 0;
		due += step;
		if (due > now()) {
			struct timespec t = {(time_t)(due / 1000000000U), (long)(due % 1000000000U)};
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
		} else if (now() - due > 200000000) {
			due = now() - 200000000;
		}
	}
	return sent;
}

int main(int argc, char **argv)
{
	struct rusage used;
	if (argc != 9 || sodium_init() < 0)
		errx(2, "flood udp|syn LENGTH HUB-KEY-HEX|junk SOURCE/PREFIX ADDRESS PORT RATE SECONDS");
	read_arguments(argv);
	randombytes_buf(flood.random, sizeof(flood.random));
	signal(SIGTERM, on_term);
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (fd < 0)
		err(1, "socket");
	uint64_t begun = now(), sent = send_all(fd, strtod(argv[7], NULL), strtod(argv[8], NULL));
	getrusage(RUSAGE_SELF, &used);
	printf("%llu %.2f %.2f\n", (unsigned long long)sent, (double)(now() - begun) / 1e9,
	       (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
	return 0;
}
