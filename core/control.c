/* SPDX-License-Identifier: BSD-2-Clause
 *
 * control.c - the listening half of the control socket; its connections are in control_conn.c.
 */
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_state.h"
#include "control_conn.h"
#include "lock.h"
#include "log.h"
#include "loop.h"

struct control {
	struct app *app;
	int fd;
	struct rtun_watch *watch;
	struct control_conn *conns;
	uint32_t count;
};

socklen_t control_address(int dir_fd, struct sockaddr_un *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/" CONTROL_NAME, dir_fd);
	return sizeof(*ret);
}

static void control_gone(void *arg, struct control_conn *conn)
{
	struct control *c = arg;
	struct control_conn **p = &c->conns;
	while (*p != conn) p = control_conn_next(*p);
	*p = *control_conn_next(conn);
	c->count--;
}

/* Whoever may enter data-dir may also ptrace us, but a descriptor can be handed on: ask who it is. */
static bool control_welcome(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) && (peer.uid == 0 || peer.uid == geteuid());
}

static void control_on_accept(void *arg, int fd, uint32_t events)
{
	struct control *c = arg;
	struct control_conn *conn = NULL;
	(void)events;
	int s = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (s < 0) return;
	if (c->count >= CONTROL_CLIENTS_MAX || !control_welcome(s) || control_conn_create(c->app, s, control_gone, c, &conn)) {
		close(s);
		return;
	}
	*control_conn_next(conn) = c->conns;
	c->conns = conn;
	c->count++;
}

static int control_bind(struct control *c, int dir)
{
	struct sockaddr_un a;
	socklen_t len = control_address(dir, &a);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0) return -1;
	if (unlinkat(dir, CONTROL_NAME, 0) && errno != ENOENT) return -1;
	mode_t mask = umask(0177);
	int rc = bind(c->fd, (struct sockaddr *)&a, len);
	umask(mask);
	return rc ? rc : listen(c->fd, 16);
}

int control_create(struct app *app, struct control **ret)
{
	struct control *c = calloc(1, sizeof(*c));
	if (!c) return -RTUN_ENOMEM;
	c->app = app;
	c->fd = -1;
	int rc = -RTUN_EIO;
	if (control_bind(c, lock_dir_fd(app->lock))) {
		log_text(app->log, NULL, RTUN_ERROR, "can't make the socket %s/" CONTROL_NAME ": %s%s", app->data_dir, strerror(errno),
			 errno == ENOENT ? "; is /proc mounted?" : "");
		goto fail;
	}
	rc = loop_watch(app->loop, c->fd, RTUN_READ, control_on_accept, c, &c->watch);
	if (rc) goto fail;
	*ret = c;
	return 0;
fail:
	control_destroy(&c);
	return rc;
}

void control_destroy(struct control **cp)
{
	struct control *c = *cp;
	if (!c) return;
	while (c->conns) control_conn_destroy(c->conns); /* calls control_gone() */
	if (c->watch) host_unwatch(&c->watch);
	if (c->fd >= 0) {
		close(c->fd);
		unlinkat(lock_dir_fd(c->app->lock), CONTROL_NAME, 0);
	}
	free(c);
	*cp = NULL;
}
