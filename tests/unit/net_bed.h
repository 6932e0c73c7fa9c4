/* SPDX-License-Identifier: BSD-2-Clause
 *
 * net_bed.h - a network namespace of its own for a unit test, with strangers in it: all of 127.0.0.0/8, and IPv6 addresses of
 * four networks, are on its loopback device, so a test says from which of them something comes.
 */
#ifndef NET_BED_H
#define NET_BED_H

#include "bed.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"

#define NET_SKIPPED 77

/* struct in6_ifreq of <linux/ipv6.h>, which can't be included beside <netinet/in.h>; as long as the struct ifreq that
 * valgrind takes it for. */
struct net_ifreq6 {
	struct in6_addr addr;
	uint32_t length;
	int device;
	char rest[sizeof(struct ifreq) - 24];
};

static struct rtun_addr net_addr(const char *ip, uint16_t port)
{
	struct rtun_addr a;
	ck_assert_msg(addr_parse_ip(ip, &a), "%s", ip);
	a.port = port;
	return a;
}

/* On the loopback device; usable when this returns (the kernel's own work goes on behind the call). */
static inline void net_add6(const char *ip)
{
	struct net_ifreq6 r = {.length = 128, .device = (int)if_nametoindex("lo")};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct rtun_addr a = net_addr(ip, 0);
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	memcpy(&r.addr, a.ip, 16);
	memcpy(&in6.sin6_addr, a.ip, 16);
	ck_assert_msg(ioctl(fd, SIOCSIFADDR, &r) == 0, "%s: %s", ip, strerror(errno));
	while (bind(fd, (struct sockaddr *)&in6, sizeof(in6)) < 0)
		ck_assert_int_eq(errno, EADDRNOTAVAIL);
	close(fd);
}

/* Of the root that owns the machine, if that is who runs this, else of a user namespace, where bpf(2) is refused. */
static bool net_enter(void)
{
	return unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

static void net_setup(void)
{
	static const char *const addresses[] = {"fd01::1", "fd01::2", "fd01::3", "fd02::1", "fd02::2", "fd03::1", "fd01:0:2::1"};
	struct ifreq lo = {.ifr_name = "lo"};
	ck_assert(net_enter());
	int v4 = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(ioctl(v4, SIOCGIFFLAGS, &lo), 0);
	lo.ifr_flags |= IFF_UP;
	ck_assert_int_eq(ioctl(v4, SIOCSIFFLAGS, &lo), 0);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		net_add6(addresses[i]);
	close(v4);
}

/* Before the suite: may this process have a network namespace? Says why not. */
static inline bool net_possible(void)
{
	pid_t child = fork();
	int status = 1;
	if (child == 0)
		_exit(net_enter() ? 0 : 1);
	if (child > 0 && waitpid(child, &status, 0) == child && status == 0)
		return true;
	puts("skipped: no right to make a network namespace");
	return false;
}

static inline void net_drop_capabilities(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}, {0, 0, 0}};
	ck_assert_int_eq(syscall(SYS_capset, &head, none), 0);
}

static inline uint64_t net_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * RTUN_S + (uint64_t)t.tv_nsec;
}

/* ---- sockets ---- */

static int net_socket(const struct rtun_addr *a, int type, int protocol)
{
	int fd = socket(a->family == 4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	ck_assert_msg(fd >= 0, "%s", strerror(errno));
	return fd;
}

/* Bound as the core does it. Type: SOCK_STREAM, SOCK_DGRAM, SOCK_RAW */
static inline int net_bind(const struct rtun_addr *a, int type, int protocol)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(a, &ss);
	int on = 1, fd = net_socket(a, type, protocol);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	if (a->family == 6 && type != SOCK_RAW)
		ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
	ck_assert_msg(bind(fd, (struct sockaddr *)&ss, len) == 0, "bind: %s", strerror(errno));
	return fd;
}

static inline int net_listen(const char *ip, uint16_t port)
{
	struct rtun_addr a = net_addr(ip, port);
	int fd = net_bind(&a, SOCK_STREAM, 0);
	ck_assert_msg(listen(fd, 64) == 0, "listen: %s", strerror(errno));
	return fd;
}

static bool net_poll(int fd, short events, int ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;
	do
		n = poll(&p, 1, ms);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

/* How a port looks to a source. */
enum net_look { NET_OPEN, NET_CLOSED, NET_SILENT };
/* Loopback answers before connect() returns; this is for a machine that is very busy. To see silence takes the shorter one. */
#define NET_WAIT 10000
#define NET_SILENCE 30

/* Connects; *ret_fd is the connection if there is one, else -1. `silence`: ms until no answer is one. */
static enum net_look net_connect(const char *from, const char *to, uint16_t port, int silence, int *ret_fd)
{
	struct rtun_addr source = net_addr(from, 0), target = net_addr(to, port);
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&target, &ss);
	int err = 0;
	socklen_t err_len = sizeof(err);
	int fd = net_bind(&source, SOCK_STREAM, 0);
	*ret_fd = -1;
	if (connect(fd, (struct sockaddr *)&ss, len) < 0 && errno != EINPROGRESS)
		err = errno;
	else if (!net_poll(fd, POLLOUT, silence))
		err = ETIMEDOUT;
	else
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &err_len);
	if (err == 0) {
		*ret_fd = fd;
		return NET_OPEN;
	}
	close(fd);
	ck_assert_msg(err == ECONNREFUSED || err == ETIMEDOUT, "%s -> %s: %s", from, to, strerror(err));
	return err == ECONNREFUSED ? NET_CLOSED : NET_SILENT;
}

static inline enum net_look net_look(const char *from, const char *to, uint16_t port, enum net_look expected)
{
	int fd;
	enum net_look look = net_connect(from, to, port, expected == NET_SILENT ? NET_SILENCE : NET_WAIT, &fd);
	if (fd >= 0)
		close(fd);
	return look;
}
#define net_expect(look, from, to, port) ck_assert_int_eq(net_look(from, to, port, look), look)

/* How many descriptors this process has. */
static inline int net_descriptors(void)
{
	int n = 0;
	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* ---- packets ---- */

static uint16_t net_sum(uint32_t sum, const void *p, size_t len)
{
	const uint8_t *b = p;
	for (; len > 1; len -= 2, b += 2)
		sum += (uint32_t)b[0] << 8 | b[1];
	if (len)
		sum += (uint32_t)b[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

#define NET_FIN 0x01
#define NET_SYN 0x02
#define NET_RST 0x04
#define NET_ACK 0x10

/* A TCP segment, without options unless header > 20, as a raw socket sends it; its length. */
static inline size_t net_segment(uint8_t *out, const struct rtun_addr *from, const struct rtun_addr *to, uint8_t flags, size_t header,
				 const void *data, size_t len)
{
	size_t ip = from->family == 4 ? 4 : 16, total = header + len;
	uint8_t pseudo[40] = {0};
	uint32_t sum = 0;
	memset(out, 1, header); /* options: no operation */
	memset(out, 0, 20);
	out[0] = (uint8_t)(from->port >> 8), out[1] = (uint8_t)from->port;
	out[2] = (uint8_t)(to->port >> 8), out[3] = (uint8_t)to->port;
	out[12] = (uint8_t)(header / 4 << 4);
	out[13] = flags;
	out[14] = 4; /* window */
	if (len)
		memcpy(out + header, data, len);
	memcpy(pseudo, from->ip, ip);
	memcpy(pseudo + ip, to->ip, ip);
	for (size_t i = 0; i < 2 * ip; i += 2)
		sum += (uint32_t)pseudo[i] << 8 | pseudo[i + 1];
	uint16_t check = net_sum(sum + IPPROTO_TCP + (uint32_t)total, out, total);
	out[16] = (uint8_t)(check >> 8), out[17] = (uint8_t)check;
	return total;
}

/* From a raw socket bound to `from` */
static inline void net_send(int raw, const struct rtun_addr *to, const void *p, size_t len)
{
	struct rtun_addr a = *to;
	struct sockaddr_storage ss;
	a.port = 0;
	socklen_t ss_len = addr_to_sockaddr(&a, &ss);
	ck_assert_msg(sendto(raw, p, len, 0, (struct sockaddr *)&ss, ss_len) == (ssize_t)len, "send: %s", strerror(errno));
}

#endif
