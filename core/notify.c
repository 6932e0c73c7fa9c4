/* SPDX-License-Identifier: BSD-2-Clause
 *
 * notify.c - what systemd is told. The socket is connected once, while it can still be reached.
 */
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <restunnel/abi.h>

/* How long a supervisor may take to read, ms. */
#define NOTIFY_PATIENCE 2000

struct notify {
	int fd; /* -1: not supervised */
	uint64_t watchdog;
};

static int notify_connect(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t len = path ? strlen(path) : 0;
	if (len < 2 || len >= sizeof(a.sun_path) || (path[0] != '/' && path[0] != '@')) return -1;
	memcpy(a.sun_path, path, len);
	if (path[0] == '@') a.sun_path[0] = 0;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] == '/'));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, size)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Half of what the supervisor waits for, if it is us whom it watches. */
static uint64_t notify_interval(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	if (!usec || (pid && strtoll(pid, NULL, 10) != getpid())) return 0;
	return strtoull(usec, NULL, 10) * 1000 / 2;
}

int notify_open(struct notify **ret)
{
	struct notify *n = calloc(1, sizeof(*n));
	if (!n) return -RTUN_ENOMEM;
	n->fd = notify_connect(getenv("NOTIFY_SOCKET"));
	n->watchdog = n->fd < 0 ? 0 : notify_interval();
	*ret = n;
	return 0;
}

void notify_close(struct notify **np)
{
	if (!*np) return;
	if ((*np)->fd >= 0) close((*np)->fd);
	free(*np);
	*np = NULL;
}

void notify_send(const struct notify *n, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	if (!n || n->fd < 0) return;
	va_start(ap, fmt);
	int len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len > 0) send(n->fd, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1, MSG_NOSIGNAL);
}

int notify_send_fd(const struct notify *n, const char *text, int fd)
{
	union { struct cmsghdr head; char space[CMSG_SPACE(sizeof(int))]; } control = {.space = ""};
	union { const char *in; void *out; } u = {text}; /* an iovec has no const */
	struct iovec v = {u.out, strlen(text)};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	if (!n || n->fd < 0) return -RTUN_ENOTSUP;
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	ssize_t sent = sendmsg(n->fd, &m, MSG_NOSIGNAL);
	struct pollfd p = {n->fd, POLLOUT, 0};
	if (sent < 0 && errno == EAGAIN && poll(&p, 1, NOTIFY_PATIENCE) == 1) sent = sendmsg(n->fd, &m, MSG_NOSIGNAL);
	return sent < 0 ? -RTUN_EIO : 0;
}

/* It closes the end that comes with the message when it has reached it, and all before it: sd_notify_barrier(3). */
void notify_barrier(const struct notify *n)
{
	int fd[2];
	if (!n || n->fd < 0 || pipe2(fd, O_CLOEXEC)) return;
	int rc = notify_send_fd(n, "BARRIER=1", fd[1]);
	close(fd[1]);
	struct pollfd p = {fd[0], 0, 0};
	if (!rc) poll(&p, 1, NOTIFY_PATIENCE);
	close(fd[0]);
}

uint64_t notify_watchdog(const struct notify *n) { return n ? n->watchdog : 0; }
