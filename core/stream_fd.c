/* SPDX-License-Identifier: BSD-2-Clause
 *
 * stream_fd.c - sockets as streams: bytes go straight between the kernel and the reader's or writer's buffers. There may be
 * thousands, so nothing is kept here: `self` is the watch, which knows the socket and what is wanted, and its arg the stream.
 */
#include "stream_fd.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"

uint32_t stream_err_of_errno(int err)
{
	static const struct {
		int err;
		uint32_t code;
	} rows[] = {
		{ECONNREFUSED, RTUN_EREFUSED},    {ENETUNREACH, RTUN_EUNREACHABLE}, {EHOSTUNREACH, RTUN_EUNREACHABLE},
		{ENETDOWN, RTUN_EUNREACHABLE},    {EADDRNOTAVAIL, RTUN_EUNREACHABLE}, {EAFNOSUPPORT, RTUN_EUNREACHABLE},
		{EHOSTDOWN, RTUN_EUNREACHABLE},   {ETIMEDOUT, RTUN_ETIMEOUT},       {ECONNRESET, RTUN_ERESET},
		{EPIPE, RTUN_ERESET},             {ECONNABORTED, RTUN_ERESET},      {EACCES, RTUN_EDENIED},
		{EPERM, RTUN_EDENIED},            {EMFILE, RTUN_EOVERLOAD},         {ENFILE, RTUN_EOVERLOAD},
		{ENOBUFS, RTUN_EOVERLOAD},        {ENOMEM, RTUN_EOVERLOAD},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].err == err)
			return rows[i].code;
	return RTUN_EINTERNAL;
}

static int64_t result(ssize_t r)
{
	if (r >= 0)
		return r;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return -RTUN_EAGAIN;
	return -(int64_t)stream_err_of_errno(errno);
}

static int64_t fd_read(void *self, const struct iovec *v, uint32_t n)
{
	int fd = watch_fd(self);
	return result(n == 1 ? recv(fd, v->iov_base, v->iov_len, 0) : readv(fd, v, (int)n));
}

static int64_t fd_writev(void *self, const struct iovec *v, uint32_t n)
{
	int fd = watch_fd(self);
	/* Not sendmsg(): it takes an address where a filter of system calls can't look (core/sandbox_seccomp.c). */
	int64_t r = result(n == 1 ? send(fd, v->iov_base, v->iov_len, MSG_NOSIGNAL) : writev(fd, v, (int)n));
	return r == 0 ? -RTUN_EAGAIN : r;
}

static void fd_shutdown(void *self)
{
	shutdown(watch_fd(self), SHUT_WR);
}

static void fd_abort(void *self, uint32_t err)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};
	(void)err;
	/* The RST goes out with close(), in destroy: the peer must not take a broken stream for a complete one. */
	setsockopt(watch_fd(self), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	host_watch_set(self, 0);
}

/* One-shot: what fired is no longer watched. Wanting it again in the same turn costs no system call. */
static void on_event(void *arg, int fd, uint32_t events)
{
	struct rtun_stream *s = arg;
	(void)fd;
	host_watch_set(s->self, watch_events(s->self) & ~events);
	host_stream_ready(s, events);
}

static void fd_want(void *self, uint32_t events)
{
	host_watch_set(self, watch_events(self) | events);
}

static void fd_destroy(void *self)
{
	struct rtun_watch *w = self;
	int fd = watch_fd(w);
	host_unwatch(&w);
	close(fd);
}

static const struct rtun_stream_ops fd_ops = {
	.size = sizeof(fd_ops),
	.read = fd_read,
	.writev = fd_writev,
	.shutdown = fd_shutdown,
	.abort = fd_abort,
	.want = fd_want,
	.destroy = fd_destroy,
};

int stream_fd_create(struct loop *loop, int fd, struct rtun_stream **ret)
{
	struct rtun_stream *s;
	struct rtun_watch *w;
	int r = stream_create(loop, &fd_ops, NULL, &s);
	if (r < 0)
		return r;
	r = loop_watch(loop, fd, 0, on_event, s, &w);
	if (r < 0) {
		free(s);
		return r;
	}
	s->self = w;
	*ret = s;
	return 0;
}

int host_stream_of_fd(struct rtun_ctx *ctx, int fd, struct rtun_stream **ret)
{
	return stream_fd_create(ctx_loop(ctx), fd, ret);
}

int host_stream_to_fd(struct rtun_stream **sp, int *ret_fd)
{
	static const struct rtun_stream_ops none = {.size = sizeof(none)};
	struct rtun_stream *s = *sp;
	struct rtun_watch *w = s->self;
	if (s->ops != &fd_ops || s->in.len || s->put.len || s->in_ended || s->out_shut || s->aborted)
		return -RTUN_ENOTSUP;
	*ret_fd = watch_fd(w);
	host_unwatch(&w);
	s->ops = &none;
	s->self = NULL;
	host_stream_close(sp);
	return 0;
}

/* The socket at the bottom of any wrappers, or -1. */
static int bottom(struct rtun_stream *s)
{
	for (struct rtun_stream *inner; (inner = wrap_inner(s));)
		s = inner;
	return s->ops == &fd_ops ? watch_fd(s->self) : -1;
}

int host_stream_addr(struct rtun_stream *s, uint32_t which, struct rtun_addr *ret)
{
	int fd = bottom(s);
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	if (fd < 0)
		return -RTUN_ENOTSUP;
	if ((which == RTUN_ADDR_LOCAL ? getsockname : getpeername)(fd, (struct sockaddr *)&ss, &len) < 0)
		return -RTUN_EIO;
	*ret = addr_of_sockaddr(&ss);
	return ret->family ? 0 : -RTUN_ENOTSUP;
}

int host_stream_option(struct rtun_stream *s, uint32_t option, uint64_t value)
{
	int fd = bottom(s);
	int n = value > INT32_MAX ? INT32_MAX : (int)value, on = 1;
	if (fd < 0)
		return -RTUN_ENOTSUP;
	switch (option) {
	case RTUN_SO_NOTSENT_LOWAT:
		return setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &n, sizeof(n)) < 0 ? -RTUN_ENOTSUP : 0;
	case RTUN_SO_CONGESTION_BBR:
		return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "bbr", 3) < 0 ? -RTUN_ENOTSUP : 0;
	case RTUN_SO_KEEPALIVE:
		if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) < 0 ||
		    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &n, sizeof(n)) < 0)
			return -RTUN_ENOTSUP;
		return 0;
	default:
		return -RTUN_ENOTSUP;
	}
}
