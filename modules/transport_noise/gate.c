/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gate.c - what is the same for all kinds of gates, and the one that stands open.
 */
#include "gate_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* ---- none: nothing is attached ---- */

static int none_create(struct rtun_ctx *ctx, struct gate **ret, char why[GATE_WHY])
{
	(void)ctx;
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		snprintf(why, GATE_WHY, "out of memory");
	return *ret ? 0 : -RTUN_ENOMEM;
}

static int none_guard(struct gate *g, const struct gate_socket *s, char why[GATE_WHY])
{
	(void)g, (void)s, (void)why;
	return 0;
}

static void none_admit(struct gate *g, uint32_t place, const struct rtun_addr *source, uint64_t ns)
{
	(void)g, (void)place, (void)source, (void)ns;
}

static void none_shut(struct gate *g, uint32_t place)
{
	(void)g, (void)place;
}

static void none_destroy(struct gate *g)
{
	free(g);
}

static const struct gate_kind none = {none_create, none_guard, none_admit, none_shut, none_destroy};

/* ---- for the kinds ---- */

void gate_close(int *fd)
{
	int err = errno;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = err;
}

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

static int set(int fd, int level, int option)
{
	int on = 1;
	return setsockopt(fd, level, option, &on, sizeof(on));
}

int gate_listen(const struct rtun_addr *local, int option)
{
	union address a;
	socklen_t len = sockaddr_of(local, &a);
	bool v4 = local->family == 4;
	int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int level = option != GATE_FREEBIND ? SOL_SOCKET : v4 ? IPPROTO_IP : IPPROTO_IPV6;
	if (option == GATE_FREEBIND)
		option = v4 ? IP_FREEBIND : IPV6_FREEBIND;
	if (fd < 0)
		return -1;
	if (set(fd, level, option) < 0 || set(fd, SOL_SOCKET, SO_REUSEADDR) < 0 || (!v4 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY) < 0) ||
	    bind(fd, &a.any, len) < 0 || listen(fd, SOMAXCONN) < 0)
		gate_close(&fd);
	return fd;
}

int gate_too_late(char why[GATE_WHY])
{
	snprintf(why, GATE_WHY, "the socket listens already, so strangers may have been let in");
	return -RTUN_EINVAL;
}

/* ---- all ---- */

int gate_create(struct rtun_ctx *ctx, enum gate_mode mode, struct gate **ret, char why[GATE_WHY])
{
	static const struct gate_kind *const kinds[] = {[GATE_NONE] = &none, [GATE_FILTERED] = &gate_filtered, [GATE_CLOSED] = &gate_closed};
	const struct gate_kind *kind = kinds[mode];
	int r;
	*ret = NULL;
	r = kind->create(ctx, ret, why);
	if (r < 0)
		return r;
	(*ret)->ctx = ctx;
	(*ret)->kind = kind;
	return 0;
}

/* In which family does it listen, and where? */
static int socket_address(int fd, struct rtun_addr *ret, char why[GATE_WHY])
{
	union address a = {0};
	socklen_t len = sizeof(a), only_len = sizeof(int);
	int only = 0;
	*ret = (struct rtun_addr){0};
	if (getsockname(fd, &a.any, &len) < 0) {
		snprintf(why, GATE_WHY, "the socket's address is not known: %s", strerror(errno));
		return -RTUN_EIO;
	}
	if (a.any.sa_family == AF_INET) {
		ret->family = 4;
		ret->port = ntohs(a.in.sin_port);
		memcpy(ret->ip, &a.in.sin_addr, 4);
	} else if (a.any.sa_family == AF_INET6 && getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &only_len) == 0 && only) {
		/* without V6ONLY it would take IPv4 too, at which nobody would look */
		ret->family = 6;
		ret->port = ntohs(a.in6.sin6_port);
		memcpy(ret->ip, &a.in6.sin6_addr, 16);
	}
	if (ret->port)
		return 0;
	snprintf(why, GATE_WHY, "only a bound socket of IPv4, or of IPv6 with V6ONLY, can be guarded");
	return -RTUN_EINVAL;
}

int gate_guard(struct gate *g, int fd, char why[GATE_WHY])
{
	struct gate_socket s = {.fd = fd};
	socklen_t len = sizeof(s.listens);
	int r = socket_address(fd, &s.addr, why);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &s.listens, &len) < 0)
		s.listens = 1; /* it can't be known */
	if (r == 0 && g->sockets == GATE_SOCKETS) {
		snprintf(why, GATE_WHY, "more than %d addresses can't be guarded", GATE_SOCKETS);
		r = -RTUN_EINVAL;
	}
	/* more sockets are made for that address */
	if (r == 0 && set(fd, SOL_SOCKET, SO_REUSEADDR) < 0) {
		snprintf(why, GATE_WHY, "SO_REUSEADDR: %s", strerror(errno));
		r = -RTUN_EIO;
	}
	if (r == 0)
		r = g->kind->guard(g, &s, why);
	if (r == 0)
		g->sockets++;
	return r;
}

void gate_admit(struct gate *g, uint32_t place, const struct rtun_addr *source, uint64_t ns)
{
	if (ns && (source->family == 4 || source->family == 6))
		g->kind->admit(g, place, source, ns);
	else
		g->kind->shut(g, place);
}

void gate_shut(struct gate *g, uint32_t place)
{
	g->kind->shut(g, place);
}

void gate_destroy(struct gate **g)
{
	if (*g)
		(*g)->kind->destroy(*g);
	*g = NULL;
}
