/* SPDX-License-Identifier: BSD-2-Clause
 *
 * datagram_socket.c - UDP sockets.
 */
#include <netinet/in.h>
#include <unistd.h>

#include "datagram.h"

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t sockaddr_of(const struct rtun_addr *a, union address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (a->family == 4) {
		ret->in.sin_family = AF_INET;
		ret->in.sin_port = htons(a->port);
		memcpy(&ret->in.sin_addr, a->ip, 4);
		return sizeof(ret->in);
	}
	ret->in6.sin6_family = AF_INET6;
	ret->in6.sin6_port = htons(a->port);
	memcpy(&ret->in6.sin6_addr, a->ip, 16);
	return sizeof(ret->in6);
}

static struct rtun_addr addr_of(const union address *sa)
{
	struct rtun_addr a = {0};
	if (sa->any.sa_family == AF_INET) {
		a.family = 4;
		a.port = ntohs(sa->in.sin_port);
		memcpy(a.ip, &sa->in.sin_addr, 4);
	} else if (sa->any.sa_family == AF_INET6) {
		a.family = 6;
		a.port = ntohs(sa->in6.sin6_port);
		memcpy(a.ip, &sa->in6.sin6_addr, 16);
	}
	return a;
}

int datagram_socket_open(const struct rtun_addr *at, uint64_t buffer)
{
	union address sa;
	socklen_t len = sockaddr_of(at, &sa);
	int on = 1, bytes = buffer < INT32_MAX ? (int)buffer : INT32_MAX;
	int fd = socket(sa.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (at->family == 6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &sa.any, len) == 0)
		return fd;
	close(fd);
	return -1;
}

struct rtun_addr datagram_socket_local(int fd)
{
	union address sa = {.any = {.sa_family = AF_UNSPEC}};
	socklen_t len = sizeof(sa);
	if (getsockname(fd, &sa.any, &len) < 0)
		sa.any.sa_family = AF_UNSPEC;
	return addr_of(&sa);
}

ssize_t datagram_socket_receive(int fd, void *p, size_t size, struct rtun_addr *ret_from)
{
	union address sa = {.any = {.sa_family = AF_UNSPEC}};
	socklen_t len = sizeof(sa);
	ssize_t n = recvfrom(fd, p, size, MSG_TRUNC, &sa.any, &len);
	*ret_from = addr_of(&sa);
	return n <= (ssize_t)size ? n : -1;
}

bool datagram_socket_send(int fd, const struct rtun_addr *to, const struct iovec *v, uint32_t n)
{
	union address sa;
	union {
		const struct iovec *in;
		struct iovec *out;
	} u = {v}; /* the system's struct has no const */
	struct msghdr m = {.msg_name = &sa, .msg_namelen = sockaddr_of(to, &sa), .msg_iov = u.out, .msg_iovlen = n};
	return sendmsg(fd, &m, MSG_NOSIGNAL) >= 0;
}
