/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ear.c - see ear.h.
 */
#include "ear.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64
/* Batches of one socket per wake-up, before others get their turn. */
#define ROUNDS 4
/* How often raw sockets are looked at. If they woke this process, the kernel's answer to a packet that is heard would wait
 * until it is woken: ear.h. */
#define POLL (10 * RTUN_MS)
/* What may wait at one socket. The kernel doubles it, and counts about 1 KiB for a knock: some thousand. */
#define RECEIVE_BUFFER (2 << 20)
#define UDP_HEADER 8
#define TCP_HEADER 20
/* The longest packet that can hold a knock: IP and TCP headers with options. */
#define PACKET_MAX (60 + 60 + WIRE_KNOCK)

/* ---- in the kernel: the length, and of TCP only SYNs ----
 *
 * Data begins at: raw IPv4: the IP header; raw IPv6: the UDP or TCP header; bound: the UDP header. Fragments have been put
 * together before. X: where the UDP or TCP header begins. */

#define PASS 0xffffffffU
#define DROP 0
#define FIN_SYN_RST_ACK 0x17
#define SYN 0x02

#define X_OF_IPV4 BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0) /* 4 * (byte 0 & 15) */
#define X_ZERO BPF_STMT(BPF_LDX | BPF_IMM, 0)
/* The UDP header's length and that of the packet must be a knock's: no two packets for one knock. */
#define UDP_KNOCK \
	BPF_STMT(BPF_LD | BPF_H | BPF_IND, 4), \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UDP_HEADER + WIRE_KNOCK, 0, 4), \
	BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), \
	BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0), \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UDP_HEADER + WIRE_KNOCK, 0, 1), \
	BPF_STMT(BPF_RET | BPF_K, PASS), \
	BPF_STMT(BPF_RET | BPF_K, DROP)
#define TCP_KNOCK \
	BPF_STMT(BPF_LD | BPF_B | BPF_IND, 13), \
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, FIN_SYN_RST_ACK), \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYN, 0, 9), \
	BPF_STMT(BPF_LD | BPF_B | BPF_IND, 12), /* the header's length is in the upper half, in words */ \
	BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 2), \
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x3c), \
	BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0), \
	BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, WIRE_KNOCK), \
	BPF_STMT(BPF_MISC | BPF_TAX, 0), \
	BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1), \
	BPF_STMT(BPF_RET | BPF_K, PASS), \
	BPF_STMT(BPF_RET | BPF_K, DROP)

static const struct sock_filter udp_filter[] = {X_ZERO, UDP_KNOCK}, udp4_filter[] = {X_OF_IPV4, UDP_KNOCK};
static const struct sock_filter tcp_filter[] = {X_ZERO, TCP_KNOCK}, tcp4_filter[] = {X_OF_IPV4, TCP_KNOCK};

/* ---- kinds of sockets ---- */

struct ear_kind {
	enum ear_carrier carrier;
	bool raw, ip_header;
	uint16_t length;
	const struct sock_filter *filter;
};
#define FILTER(f) sizeof(f) / sizeof((f)[0]), (f)
enum { UDP_BOUND, UDP_RAW4, UDP_RAW6, SYN_RAW4, SYN_RAW6 };
static const struct ear_kind kinds[] = {
	[UDP_BOUND] = {EAR_UDP, false, false, FILTER(udp_filter)},
	[UDP_RAW4] = {EAR_UDP, true, true, FILTER(udp4_filter)},
	[UDP_RAW6] = {EAR_UDP, true, false, FILTER(udp_filter)},
	[SYN_RAW4] = {EAR_SYN, true, true, FILTER(tcp4_filter)},
	[SYN_RAW6] = {EAR_SYN, true, false, FILTER(tcp_filter)},
};

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct ear_socket {
	struct ear *ear;
	const struct ear_kind *kind;
	struct rtun_watch *watch;
	int fd;
	uint32_t endpoint;
	struct rtun_addr local;
};

struct ear {
	struct rtun_ctx *ctx;
	ear_cb *cb;
	void *arg;
	bool syn;
	struct rtun_timer *poll;
	bool *gone; /* where to tell that it was destroyed from inside the callback */
	uint32_t count;
	struct ear_socket sockets[2 * EAR_ENDPOINTS];
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	union address sources[BATCH];
	uint8_t packets[BATCH][PACKET_MAX];
};

/* ---- a packet ---- */

static uint32_t number16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* Where the knock is in a packet, and its ports; NULL: there is none. All that the filter looked at is looked at again: a packet
 * may have come before the filter. */
static const uint8_t *knock_of(const struct ear_kind *k, const uint8_t *p, uint32_t len, uint32_t ret_ports[2])
{
	uint32_t ip = 0, header = UDP_HEADER;
	if (!k->raw)
		return len == WIRE_KNOCK ? p : NULL;
	if (k->ip_header && len)
		ip = (p[0] & 15U) * 4;
	if (len < ip + TCP_HEADER)
		return NULL;
	ret_ports[0] = number16(p + ip);
	ret_ports[1] = number16(p + ip + 2);
	if (k->carrier == EAR_SYN) {
		header = (p[ip + 12] >> 4) * 4U;
		if ((p[ip + 13] & FIN_SYN_RST_ACK) != SYN || header < TCP_HEADER)
			return NULL;
	} else if (number16(p + ip + 4) != UDP_HEADER + WIRE_KNOCK) {
		return NULL;
	}
	return len == ip + header + WIRE_KNOCK ? p + ip + header : NULL;
}

static struct rtun_addr addr_of(const union address *a, uint32_t port)
{
	struct rtun_addr ret = {.port = (uint16_t)port};
	if (a->any.sa_family == AF_INET) {
		ret.family = 4;
		memcpy(ret.ip, &a->in.sin_addr, 4);
	} else {
		ret.family = 6;
		memcpy(ret.ip, &a->in6.sin6_addr, 16);
	}
	return ret;
}

static void hear(const struct ear_socket *s, const struct mmsghdr *m)
{
	const union address *from = m->msg_hdr.msg_name;
	/* sin_port and sin6_port are in one place; a raw socket tells no port there */
	uint32_t ports[2] = {ntohs(from->in.sin_port), s->local.port};
	struct ear_packet p = {.carrier = s->kind->carrier};
	if (!(m->msg_hdr.msg_flags & MSG_TRUNC))
		p.knock = knock_of(s->kind, m->msg_hdr.msg_iov->iov_base, m->msg_len, ports);
	if (!p.knock)
		return;
	p.source = addr_of(from, ports[0]);
	p.here = ports[1] == s->local.port;
	s->ear->cb(s->ear->arg, &p);
}

static int receive(struct ear *e, int fd)
{
	for (uint32_t i = 0; i < BATCH; i++) {
		struct msghdr *h = &e->messages[i].msg_hdr;
		e->vectors[i] = (struct iovec){e->packets[i], PACKET_MAX};
		*h = (struct msghdr){.msg_name = &e->sources[i], .msg_namelen = sizeof(e->sources[i]), .msg_iov = &e->vectors[i], .msg_iovlen = 1};
	}
	return recvmmsg(fd, e->messages, BATCH, MSG_DONTWAIT, NULL);
}

/* Takes what waits at one socket, but not too much at once. Returns 1: more may wait; 0: no more; -1: the ear is gone. */
static int listen_to(const struct ear_socket *s)
{
	struct ear *e = s->ear;
	bool gone = false;
	int n = BATCH;
	e->gone = &gone;
	for (int round = 0; round < ROUNDS && n == BATCH; round++) {
		n = receive(e, s->fd);
		for (int i = 0; i < n; i++) {
			hear(s, &e->messages[i]);
			if (gone)
				return -1;
		}
	}
	e->gone = NULL;
	return n == BATCH;
}

static void on_packets(void *arg, int fd, uint32_t events)
{
	(void)fd, (void)events;
	listen_to(arg);
}

static void on_poll(void *arg)
{
	struct ear *e = arg;
	int more = 0;
	for (uint32_t i = 0; i < e->count && more >= 0; i++)
		if (e->sockets[i].kind->raw) {
			int r = listen_to(&e->sockets[i]);
			more = r < 0 ? r : more | r;
		}
	if (more >= 0)
		rtun_timer_start(e->poll, more ? 0 : POLL);
}

/* ---- sockets ---- */

static socklen_t sockaddr_of(const struct rtun_addr *a, bool port, union address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (a->family == 4) {
		ret->in.sin_family = AF_INET;
		ret->in.sin_port = port ? htons(a->port) : 0;
		memcpy(&ret->in.sin_addr, a->ip, 4);
		return sizeof(ret->in);
	}
	ret->in6.sin6_family = AF_INET6;
	ret->in6.sin6_port = port ? htons(a->port) : 0;
	memcpy(&ret->in6.sin6_addr, a->ip, 16);
	return sizeof(ret->in6);
}

static int filter(int fd, const struct ear_kind *k)
{
	union { const struct sock_filter *in; struct sock_filter *out; } u = {k->filter}; /* a sock_fprog has no const */
	struct sock_fprog program = {.len = k->length, .filter = u.out};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* The filter first, then the address: a socket that is bound has its filter from the first packet on, and the few that a
 * raw one may have got before are thrown away here. */
static int set_up(const struct ear_socket *s, bool bound)
{
	union address a;
	socklen_t len = sockaddr_of(&s->local, !s->kind->raw, &a);
	int size = RECEIVE_BUFFER, on = 1;
	uint8_t byte;
	if (filter(s->fd, s->kind) < 0)
		return -1;
	if (setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)); /* as much as an ordinary process may have */
	if (bound)
		return 0;
	if (s->local.family == 6 && !s->kind->raw && setsockopt(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return -1;
	if (bind(s->fd, &a.any, len) < 0)
		return -1;
	while (s->kind->raw && recv(s->fd, &byte, 1, MSG_DONTWAIT) >= 0)
		;
	return 0;
}

/* It hears knocks and nothing else, for good, and sends no packet whose header somebody made up: a hub that was taken over has
 * no raw socket to listen or to forge with. (shutdown() says ENOTCONN, and does it all the same. What a raw socket could
 * still send, with its own address, the sandbox refuses.) */
static int seal(int fd)
{
	int on = 1;
	shutdown(fd, SHUT_WR);
	return setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on));
}

static bool is_sealed(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);
	return getsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, &len) == 0 && on;
}

static int complain(const struct ear_socket *s, char why[EAR_WHY])
{
	const char *what = s->kind->carrier == EAR_SYN ? "TCP SYNs" : "datagrams";
	int err = errno;
	if (s->kind->raw && (err == EPERM || err == EACCES)) {
		snprintf(why, EAR_WHY, "%s to a closed port are heard only with CAP_NET_RAW at start; grant it, or choose `conceal: filtered`", what);
		return -RTUN_ENOTSUP;
	}
	snprintf(why, EAR_WHY, "no socket for knocks (%s, port %u): %s%s", what, s->local.port, strerror(err),
		 err == EADDRINUSE ? "; another program has that UDP port: stop it or choose another port (`ss -lunp` shows which)" : "");
	return err == ENOMEM ? -RTUN_ENOMEM : -RTUN_EIO;
}

/* One socket more. `fd`: one that is bound already, or -1. */
static int add(struct ear *e, int kind, uint32_t endpoint, const struct rtun_addr *local, int fd, char why[EAR_WHY])
{
	struct ear_socket *s = &e->sockets[e->count];
	int family = local->family == 4 ? AF_INET : AF_INET6;
	*s = (struct ear_socket){.ear = e, .kind = &kinds[kind], .fd = fd, .endpoint = endpoint, .local = *local};
	if (fd < 0)
		s->fd = socket(family, (s->kind->raw ? SOCK_RAW : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
			       s->kind->carrier == EAR_SYN ? IPPROTO_TCP : IPPROTO_UDP);
	if (s->fd < 0)
		return complain(s, why);
	e->count++;
	/* One that was kept has all that already. */
	if (!(fd >= 0 && is_sealed(fd)) && (set_up(s, fd >= 0) < 0 || seal(s->fd) < 0))
		return complain(s, why);
	if (!s->kind->raw && rtun_watch(e->ctx, s->fd, 0, on_packets, s, &s->watch) < 0) {
		snprintf(why, EAR_WHY, "out of memory");
		return -RTUN_ENOMEM;
	}
	return 0;
}

static int add_endpoint(struct ear *e, const struct ear_setup *setup, uint32_t i, int *bound, char why[EAR_WHY])
{
	const struct rtun_list *l = setup->endpoints;
	const struct rtun_endpoint *p = (const struct rtun_endpoint *)((const char *)l->items + (size_t)i * l->item_size);
	bool v4 = p->addr.family == 4;
	int fd = *bound, r;
	*bound = -1; /* add() has it now */
	r = add(e, setup->raw ? v4 ? UDP_RAW4 : UDP_RAW6 : UDP_BOUND, i, &p->addr, fd, why);
	if (r < 0 || !e->syn)
		return r;
	r = add(e, v4 ? SYN_RAW4 : SYN_RAW6, i, &p->addr, -1, why);
	e->syn = r == 0;
	return r == -RTUN_ENOTSUP ? 0 : r;
}

int ear_create(const struct ear_setup *setup, struct ear **ret, char why[EAR_WHY])
{
	struct ear *e = calloc(1, sizeof(*e));
	uint32_t count = setup->endpoints->count;
	int bound[EAR_ENDPOINTS], r = -RTUN_ENOMEM;
	*ret = NULL;
	for (uint32_t i = 0; i < EAR_ENDPOINTS; i++)
		bound[i] = setup->bound && !setup->raw && i < count ? setup->bound[i] : -1;
	if (!e)
		snprintf(why, EAR_WHY, "out of memory");
	if (e && count > EAR_ENDPOINTS) {
		snprintf(why, EAR_WHY, "more than %d addresses can't be listened to", EAR_ENDPOINTS);
		r = -RTUN_EINVAL;
	} else if (e) {
		e->ctx = setup->ctx;
		e->cb = setup->cb;
		e->arg = setup->arg;
		e->syn = true;
		r = rtun_timer_create(e->ctx, on_poll, e, &e->poll);
		if (r < 0)
			snprintf(why, EAR_WHY, "out of memory");
	}
	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = add_endpoint(e, setup, i, &bound[i], why);
	if (r == 0) {
		*ret = e;
		return 0;
	}
	for (uint32_t i = 0; i < EAR_ENDPOINTS; i++)
		if (bound[i] >= 0)
			close(bound[i]);
	ear_destroy(&e);
	return r;
}

void ear_start(struct ear *e)
{
	for (uint32_t i = 0; i < e->count; i++)
		if (e->sockets[i].watch)
			rtun_watch_set(e->sockets[i].watch, RTUN_READ);
	rtun_timer_start(e->poll, POLL);
}

bool ear_hears_syn(const struct ear *e)
{
	return e->syn;
}

int ear_bound(const struct ear *e, uint32_t endpoint)
{
	for (uint32_t i = 0; i < e->count; i++)
		if (e->sockets[i].kind == &kinds[UDP_BOUND] && e->sockets[i].endpoint == endpoint)
			return e->sockets[i].fd;
	return -1;
}

void ear_destroy(struct ear **ep)
{
	struct ear *e = *ep;
	if (!e)
		return;
	for (uint32_t i = 0; i < e->count; i++) {
		rtun_unwatch(&e->sockets[i].watch);
		close(e->sockets[i].fd);
	}
	rtun_timer_destroy(&e->poll);
	if (e->gone)
		*e->gone = true;
	free(e);
	*ep = NULL;
}
