/* SPDX-License-Identifier: BSD-2-Clause
 *
 * notify.c - what systemd is told. The socket is connected once, while it can still be reached.
 */
#include "notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <restunnel/abi.h>

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

uint64_t notify_watchdog(const struct notify *n) { return n ? n->watchdog : 0; }
