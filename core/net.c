/* SPDX-License-Identifier: BSD-2-Clause
 *
 * net.c - sockets that listen and sockets that connect.
 */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "addr.h"
#include "app_state.h"
#include "keepfd.h"
#include "loop.h"
#include "peer.h"
#include "sandbox.h"
#include "stream_fd.h"
#include "timer.h"

/* Connections taken in one go, before others get their turn. */
#define ACCEPT_BATCH 64
/* How long to leave the queue alone when descriptors or memory have run out. */
#define ACCEPT_PAUSE (100 * RTUN_MS)
/* Between lines of the log about those who may not connect. */
#define REFUSED_EVERY (60 * RTUN_S)

static void set_nodelay(int fd)
{
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* fails on unix sockets: no harm */
}

/* ---- listen ---- */

struct rtun_listener {
	struct rtun_object object;
	struct rtun_ctx *ctx;
	struct rtun_watch *watch;
	struct rtun_timer *again;
	rtun_accept_cb *accept;
	void *arg;
	char *path; /* of a unix socket: removed at the end */
	char *kept; /* its name with the supervisor */
	int fd;
	bool paused, closed;
	bool prepared; /* there was a before_listen */
	uint32_t *users; /* NULL: all may come */
	uint32_t user_count;
	int diag; /* who comes: peer.h */
	uint64_t said_at; /* that somebody was refused */
	struct loop_defer end; /* frees it: `accept` may have closed it from inside on_connection() */
};

static void listener_watch(struct rtun_listener *l)
{
	host_watch_set(l->watch, l->paused ? 0 : RTUN_READ);
}

static void accept_again(void *arg)
{
	listener_watch(arg);
}

/* Whoever is refused can come again as often as he likes. */
static uint32_t refusal_level(struct rtun_listener *l)
{
	uint64_t now = rtun_now(l->ctx);
	if (l->said_at && now - l->said_at < REFUSED_EVERY)
		return RTUN_DEBUG;
	l->said_at = now;
	return RTUN_NOTICE;
}

static bool listener_admits(struct rtun_listener *l, int fd)
{
	uint32_t uid;
	if (!l->users)
		return true;
	if (peer_user(l->diag, fd, &uid) < 0) {
		rtun_log(l->ctx, refusal_level(l), "a connection was refused: the kernel does not tell whose it is");
		return false;
	}
	for (uint32_t i = 0; i < l->user_count; i++)
		if (l->users[i] == uid)
			return true;
	rtun_log(l->ctx, refusal_level(l), "a connection was refused: user %u is not among those who may connect", uid);
	return false;
}

/* 1: go on, 0: enough. */
static int accept_one(struct rtun_listener *l)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	struct rtun_stream *s;
	struct rtun_addr peer;
	int fd = accept4(l->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == ECONNABORTED || errno == EINTR)
			return 1;
		if (errno != EAGAIN) {
			rtun_log(l->ctx, RTUN_WARN, "can't accept a connection: %s", strerror(errno));
			host_watch_set(l->watch, 0);
			host_timer_start(l->again, ACCEPT_PAUSE);
		}
		return 0;
	}
	if (!listener_admits(l, fd)) {
		close(fd);
		return 1;
	}
	set_nodelay(fd);
	if (l->prepared) /* a filter of the listener is inherited, and judges who may come in, not who is there */
		setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &(int){0}, sizeof(int));
	if (stream_fd_create(ctx_loop(l->ctx), fd, &s) < 0) {
		close(fd);
		return 0;
	}
	peer = addr_of_sockaddr(&ss);
	l->accept(l->arg, &s, &peer);
	host_stream_close(&s);
	return 1;
}

static void on_connection(void *arg, int fd, uint32_t events)
{
	struct rtun_listener *l = arg;
	(void)fd, (void)events;
	for (int i = 0; i < ACCEPT_BATCH && !l->closed && !l->paused; i++)
		if (!accept_one(l))
			break;
}

/* A socket file whose owner is dead is in the way; a living one is not ours to remove. */
static void remove_stale(const struct sockaddr_un *un)
{
	struct stat st;
	int fd;
	if (lstat(un->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)un, sizeof(*un)) < 0 && errno == ECONNREFUSED)
		unlink(un->sun_path);
	close(fd);
}

static int bind_unix(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd, r, err;
	mode_t before;
	if (strlen(path) >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(un.sun_path, path, strlen(path));
	remove_stale(&un);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	before = umask(0177); /* 0600 from the first moment */
	r = bind(fd, (struct sockaddr *)&un, sizeof(un));
	err = errno;
	umask(before);
	if (r < 0) {
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

static int bind_ip(const struct rtun_addr *addr)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(addr, &ss);
	int on = 1, err;
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ss.ss_family == AF_INET6) /* 0.0.0.0 and [::] may both be listed */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&ss, len) < 0) {
		err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

static const char *bind_remedy_unix(int err)
{
	switch (err) {
	case EADDRINUSE:
		return "; another program listens there, or something is in the way: remove that or choose another path";
	case EACCES:
	case EPERM:
		return "; this user may not make a socket in that directory";
	case ENOENT:
	case ENOTDIR:
		return "; make the directory first";
	case ENAMETOOLONG:
		return "; the path of a socket has at most 107 bytes: choose a shorter one";
	default:
		return "";
	}
}

static const char *bind_remedy_ip(int err)
{
	switch (err) {
	case EADDRINUSE:
		return "; another program has it: stop that or choose another port (`ss -ltnp` shows which)";
	case EADDRNOTAVAIL:
		return "; no interface has this address";
	case EACCES:
		return "; ports below 1024 need CAP_NET_BIND_SERVICE";
	default:
		return "";
	}
}

static void listener_free(void *arg)
{
	struct rtun_listener *l = arg;
	free(l->path);
	free(l->kept);
	free(l->users);
	free(l);
}

static void listener_close(struct rtun_listener *l)
{
	l->closed = true;
	host_unwatch(&l->watch);
	host_timer_destroy(&l->again);
	if (l->fd >= 0)
		close(l->fd);
	if (l->diag >= 0)
		close(l->diag);
	if (l->path)
		unlink(l->path);
	if (l->kept)
		keepfd_unlisten(l->ctx, l->kept);
	loop_defer_start(&l->end);
}

/* What a process before left with the supervisor may be in the way. */
static int bind_ip_with_room(struct rtun_ctx *ctx, const struct rtun_addr *addr)
{
	int fd = bind_ip(addr), err = errno;
	if (fd < 0 && err == EADDRINUSE && keepfd_make_room(ctx, addr))
		return bind_ip(addr);
	errno = err;
	return fd;
}

/* Bound, or kept; sets path and kept. */
static int listener_socket(struct rtun_listener *l, const struct rtun_listen_req *req, bool *ret_is_new)
{
	const struct rtun_endpoint *e = req->endpoint;
	const bool keep = (req->flags & RTUN_LISTEN_KEEP) && !e->path;
	if (keep && !(l->kept = strdup(e->text)))
		return -RTUN_ENOMEM;
	l->fd = keep ? keepfd_claim_listening(l->ctx, e) : -1;
	*ret_is_new = l->fd < 0;
	if (l->fd < 0)
		l->fd = e->path ? bind_unix(e->path) : bind_ip_with_room(l->ctx, &e->addr);
	if (l->fd < 0)
		return -RTUN_EIO;
	if (e->path && !(l->path = strdup(e->path)))
		return -RTUN_ENOMEM;
	return 0;
}

static int listener_users(struct rtun_listener *l, const struct rtun_listen_req *req)
{
	if (req->size < offsetof(struct rtun_listen_req, users) + sizeof(req->users) || !req->users.count)
		return 0;
	l->users = calloc(req->users.count, sizeof(*l->users));
	if (!l->users)
		return -RTUN_ENOMEM;
	l->user_count = req->users.count;
	memcpy(l->users, req->users.items, req->users.count * sizeof(*l->users));
	l->diag = peer_open();
	if (l->diag >= 0 || req->endpoint->path)
		return 0;
	rtun_log(l->ctx, RTUN_ERROR, "can't ask the kernel who connects to %s: %s; a systemd unit needs AF_NETLINK in RestrictAddressFamilies=",
		 req->endpoint->text, strerror(errno));
	return -RTUN_EIO;
}

static int listener_open(struct rtun_listener *l, const struct rtun_listen_req *req)
{
	const struct rtun_endpoint *e = req->endpoint;
	bool is_new;
	int r = listener_users(l, req);
	if (r < 0)
		return r;
	r = listener_socket(l, req, &is_new);
	if (r == -RTUN_EIO)
		goto fail_system;
	if (r < 0)
		return r;
	/* What is at the address outlives us; before_listen may put another socket in the place of l->fd. */
	if (l->kept && is_new)
		host_fd_keep(l->ctx, l->kept, l->fd);
	if (req->before_listen && (r = req->before_listen(req->arg, l->fd)) < 0)
		return r;
	if (listen(l->fd, req->backlog ? (int)req->backlog : SOMAXCONN) < 0)
		goto fail_system;
	if (loop_watch(ctx_loop(l->ctx), l->fd, RTUN_READ, on_connection, l, &l->watch) < 0 ||
	    host_timer_create(l->ctx, accept_again, l, &l->again) < 0)
		return -RTUN_ENOMEM;
	return 0;
fail_system:
	rtun_log(l->ctx, RTUN_ERROR, "can't listen on %s: %s%s", e->text, strerror(errno),
		 e->path ? bind_remedy_unix(errno) : bind_remedy_ip(errno));
	return -RTUN_EIO;
}

int host_listen(struct rtun_ctx *ctx, const struct rtun_listen_req *req, struct rtun_listener **ret)
{
	struct rtun_listener *l = calloc(1, sizeof(*l));
	int r;
	if (!l)
		return -RTUN_ENOMEM;
	l->object.host = &host_table;
	l->ctx = ctx;
	l->fd = l->diag = -1;
	l->accept = req->accept;
	l->arg = req->arg;
	l->prepared = req->before_listen != NULL;
	loop_defer_init(&l->end, ctx_loop(ctx), listener_free, l);
	r = listener_open(l, req);
	if (r < 0)
		listener_close(l);
	else
		*ret = l;
	return r;
}

void host_listener_pause(struct rtun_listener *l, uint32_t paused)
{
	if (l->paused == (paused != 0))
		return;
	l->paused = paused != 0;
	listener_watch(l);
}

void host_unlisten(struct rtun_listener **l)
{
	if (!*l)
		return;
	listener_close(*l);
	*l = NULL;
}

/* ---- connect ---- */

struct connecting {
	struct rtun_ctx *ctx;
	struct rtun_op *op;
	struct rtun_watch *watch;
	struct rtun_timer *timer;
	struct loop_defer now; /* a failure that was known at once still comes from the loop */
	uint32_t err;
	int fd;
	rtun_connect_cb *cb;
	void *arg;
};

static void connecting_free(struct connecting *c)
{
	loop_defer_cancel(&c->now);
	host_unwatch(&c->watch);
	host_timer_destroy(&c->timer);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

static void connect_cancel(void *arg)
{
	connecting_free(arg);
}

static void connect_done(struct connecting *c, uint32_t err)
{
	struct rtun_stream *s = NULL;
	rtun_connect_cb *cb = c->cb;
	void *arg = c->arg;
	host_unwatch(&c->watch);
	if (!err && stream_fd_create(ctx_loop(c->ctx), c->fd, &s) < 0)
		err = RTUN_EOVERLOAD;
	if (s)
		c->fd = -1;
	host_op_done(&c->op);
	connecting_free(c);
	cb(arg, err, &s);
	host_stream_close(&s);
}

static void on_connected(void *arg, int fd, uint32_t events)
{
	struct connecting *c = arg;
	int err = 0;
	socklen_t len = sizeof(err);
	(void)events;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	connect_done(c, err ? stream_err_of_errno(err) : 0);
}

static void on_timeout(void *arg)
{
	connect_done(arg, RTUN_ETIMEOUT);
}

static void on_now(void *arg)
{
	struct connecting *c = arg;
	connect_done(c, c->err);
}

static uint32_t connect_begin(struct connecting *c, const struct rtun_connect_req *req)
{
	struct sockaddr_storage to, from;
	socklen_t len = addr_to_sockaddr(&req->to, &to);
	if (!len)
		return RTUN_EADDRTYPE;
	c->fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return stream_err_of_errno(errno);
	set_nodelay(c->fd);
	if (req->from.family) {
		socklen_t from_len = addr_to_sockaddr(&req->from, &from);
		if (bind(c->fd, (struct sockaddr *)&from, from_len) < 0)
			return stream_err_of_errno(errno);
	}
	if (connect(c->fd, (struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS)
		return stream_err_of_errno(errno);
	return 0;
}

/* For the module's author, who would look for the filter or the firewall that denied it. */
static void connect_denied(struct rtun_ctx *ctx)
{
	const struct instance *in = instance_of(ctx);
	if (in && in->app && sandbox_refuses(in->app->sandbox, SANDBOX_CONNECT))
		rtun_log(ctx, RTUN_ERROR, "the sandbox refused a connection: the module's descriptor must say that it needs RTUN_NEED_CONNECT");
}

int host_connect(struct rtun_ctx *ctx, const struct rtun_connect_req *req, struct rtun_op **ret)
{
	struct connecting *c = calloc(1, sizeof(*c));
	if (!c)
		return -RTUN_ENOMEM;
	c->ctx = ctx;
	c->fd = -1;
	c->cb = req->cb;
	c->arg = req->arg;
	loop_defer_init(&c->now, ctx_loop(ctx), on_now, c);
	if (host_timer_create(ctx, on_timeout, c, &c->timer) < 0 || host_op_create(ctx, connect_cancel, c, &c->op) < 0)
		goto fail;
	c->err = connect_begin(c, req);
	if (c->err == RTUN_EDENIED)
		connect_denied(ctx);
	if (!c->err && loop_watch(ctx_loop(ctx), c->fd, RTUN_WRITE, on_connected, c, &c->watch) < 0)
		c->err = RTUN_EOVERLOAD;
	if (c->err)
		loop_defer_start(&c->now);
	else if (req->timeout)
		host_timer_start(c->timer, req->timeout);
	*ret = c->op;
	return 0;
fail:
	connecting_free(c);
	return -RTUN_ENOMEM;
}
