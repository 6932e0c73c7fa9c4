/* SPDX-License-Identifier: BSD-2-Clause
 *
 * carry.c - see carry.h.
 */
#include "carry.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char *const carrier_names[CARRIERS] = {"none", "udp", "syn"};

static socklen_t to_sockaddr(const struct rtun_addr *a, struct sockaddr_storage *ss)
{
	union {
		struct sockaddr_storage *ss;
		struct sockaddr_in *v4;
		struct sockaddr_in6 *v6;
	} u = {ss};
	memset(ss, 0, sizeof(*ss));
	if (a->family == 4) {
		*u.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(a->port)};
		memcpy(&u.v4->sin_addr, a->ip, 4);
		return sizeof(struct sockaddr_in);
	}
	*u.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
	memcpy(&u.v6->sin6_addr, a->ip, 16);
	return sizeof(struct sockaddr_in6);
}

static int local_of(int fd, struct rtun_addr *ret)
{
	union {
		struct sockaddr_storage ss;
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} u;
	socklen_t len = sizeof(u);
	memset(ret, 0, sizeof(*ret));
	if (getsockname(fd, &u.sa, &len) < 0)
		return -RTUN_EUNREACHABLE;
	ret->family = u.sa.sa_family == AF_INET ? 4 : 6;
	memcpy(ret->ip, ret->family == 4 ? (const void *)&u.v4.sin_addr : (const void *)&u.v6.sin6_addr, ret->family == 4 ? 4 : 16);
	return 0;
}

int carry_open(struct carry *c, const struct rtun_addr *to)
{
	struct sockaddr_storage ss;
	socklen_t len = to_sockaddr(to, &ss);
	int r = -RTUN_EUNREACHABLE;
	c->to = *to;
	c->fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return errno == EAFNOSUPPORT ? r : -RTUN_EOVERLOAD;
	if (connect(c->fd, (struct sockaddr *)&ss, len) == 0)
		r = local_of(c->fd, &c->local);
	if (r < 0)
		carry_close(c);
	return r;
}

bool carry_is_local(const struct rtun_addr *a)
{
	struct rtun_addr any_port = *a;
	struct sockaddr_storage ss;
	any_port.port = 0;
	socklen_t len = to_sockaddr(&any_port, &ss);
	int fd = a->family ? socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
	bool gone = fd >= 0 && bind(fd, (struct sockaddr *)&ss, len) < 0 && errno == EADDRNOTAVAIL;
	if (fd >= 0)
		close(fd);
	return !gone;
}

/* Where the port is closed the kernel has been told so for the datagram before (port unreachable), and says it now
 * instead of sending. That is how a closed port looks: it means nothing. */
static int by_datagram(const struct carry *c, const uint8_t *knock)
{
	ssize_t n;
	for (int i = 0; i < 3; i++) {
		n = send(c->fd, knock, WIRE_KNOCK, MSG_NOSIGNAL);
		if (n == WIRE_KNOCK || errno != ECONNREFUSED)
			break;
	}
	return n == WIRE_KNOCK ? 0 : -RTUN_EUNREACHABLE;
}

/* A SYN may carry data (RFC 9293 section 3.4); Linux sends it at once when told to do without TCP Fast Open's cookie
 * (Documentation/networking/ip-sysctl.rst, tcp_fastopen). What comes back does not matter, so the socket goes at once. */
static int by_syn(const struct carry *c, const uint8_t *knock)
{
	struct sockaddr_storage ss;
	socklen_t len = to_sockaddr(&c->local, &ss);
	int on = 1, r = -RTUN_EUNREACHABLE;
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -RTUN_EOVERLOAD;
	if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &on, sizeof(on)) < 0 || bind(fd, (struct sockaddr *)&ss, len) < 0)
		goto out;
	len = to_sockaddr(&c->to, &ss);
	if (sendto(fd, knock, WIRE_KNOCK, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&ss, len) >= 0 || errno == EINPROGRESS)
		r = 0;
	else if (errno == EOPNOTSUPP)
		r = -RTUN_ENOTSUP;
out:
	close(fd);
	return r;
}

int carry_send(const struct carry *c, enum carrier by, const uint8_t knock[WIRE_KNOCK])
{
	switch (by) {
	case CARRY_UDP:
		return by_datagram(c, knock);
	case CARRY_SYN:
		return by_syn(c, knock);
	default:
		return 0;
	}
}

void carry_close(struct carry *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}
