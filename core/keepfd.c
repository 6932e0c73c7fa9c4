/* SPDX-License-Identifier: BSD-2-Clause
 *
 * keepfd.c - what the supervisor keeps: taken over at the start, claimed by instances, handed over anew.
 */
#include "keepfd.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"
#include "app_state.h"
#include "log.h"
#include "notify.h"

#define KEEPFD_FIRST 3 /* SD_LISTEN_FDS_START */
#define KEEPFD_MAX 4096

struct keepfd_one {
	int fd; /* -1: claimed, or let go */
	char name[KEEPFD_NAME];
};

struct keepfd {
	const struct notify *notify;
	struct keepfd_one *items;
	uint32_t count;
};

/* ---- the environment ---- */

/* Only what was meant for this very process. */
static uint32_t keepfd_count(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	if (!pid || !fds || strtoll(pid, NULL, 10) != getpid()) return 0;
	long n = strtol(fds, NULL, 10);
	return n < 0 ? 0 : n > KEEPFD_MAX ? KEEPFD_MAX : (uint32_t)n;
}

static bool keepfd_take(struct keepfd_one *one, int fd, const char *name, size_t len)
{
	if (fcntl(fd, F_SETFD, FD_CLOEXEC)) return false;
	one->fd = fd;
	if (len >= sizeof(one->name)) len = 0; /* not one of ours */
	memcpy(one->name, name, len);
	return true;
}

static void keepfd_forget_environment(void)
{
	static const char *const names[] = {"LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) unsetenv(names[i]);
}

int keepfd_create(const struct notify *n, struct keepfd **ret)
{
	uint32_t count = keepfd_count();
	const char *names = getenv("LISTEN_FDNAMES");
	struct keepfd *k = calloc(1, sizeof(*k));
	*ret = NULL;
	if (k) k->items = calloc(count + 1, sizeof(*k->items));
	if (!k || !k->items) {
		free(k);
		return -RTUN_ENOMEM;
	}
	k->notify = n;
	if (!names) names = "";
	for (uint32_t i = 0; i < count; i++) {
		size_t len = strcspn(names, ":");
		if (keepfd_take(&k->items[k->count], KEEPFD_FIRST + (int)i, names, len)) k->count++;
		names += len + (names[len] == ':');
	}
	keepfd_forget_environment();
	*ret = k;
	return 0;
}

void keepfd_destroy(struct keepfd **kp)
{
	struct keepfd *k = *kp;
	if (!k) return;
	for (uint32_t i = 0; i < k->count; i++)
		if (k->items[i].fd >= 0) close(k->items[i].fd);
	free(k->items);
	free(k);
	*kp = NULL;
}

/* ---- names ---- */

/* INSTANCE.NAME; false: too long. An instance's name has no dot. */
static bool keepfd_name(struct rtun_ctx *ctx, const char *name, char ret[KEEPFD_NAME])
{
	size_t used = (size_t)snprintf(ret, KEEPFD_NAME, "%s.", ctx->instance);
	for (; *name && used + 3 < KEEPFD_NAME; name++) {
		bool plain = *name > ' ' && *name < 127 && *name != ':' && *name != '%';
		used += (size_t)snprintf(ret + used, KEEPFD_NAME - used, plain ? "%c" : "%%%02X", (unsigned char)*name);
	}
	return !*name;
}

static struct keepfd *keepfd_of(struct rtun_ctx *ctx)
{
	const struct instance *in = instance_of(ctx);
	return in && in->app ? in->app->keepfd : NULL;
}

static struct keepfd_one *keepfd_find(struct keepfd *k, const char *name)
{
	for (uint32_t i = 0; k && i < k->count; i++)
		if (k->items[i].fd >= 0 && !strcmp(k->items[i].name, name)) return &k->items[i];
	return NULL;
}

/* ---- letting go ---- */

static void keepfd_remove(const struct keepfd *k, const char *name)
{
	if (*name) notify_send(k->notify, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

static void keepfd_let_go(const struct keepfd *k, struct keepfd_one *one)
{
	keepfd_remove(k, one->name);
	close(one->fd);
	one->fd = -1;
}

void keepfd_settle(struct keepfd *k)
{
	for (uint32_t i = 0; k && i < k->count; i++)
		if (k->items[i].fd >= 0) keepfd_let_go(k, &k->items[i]);
}

/* ---- sockets that listen ---- */

static int keepfd_option(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);
	return getsockopt(fd, level, option, &value, &len) ? -1 : value;
}

static bool keepfd_address(int fd, struct rtun_addr *ret)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	if (getsockname(fd, (struct sockaddr *)&ss, &len)) return false;
	*ret = addr_of_sockaddr(&ss);
	return ret->family != 0;
}

static bool keepfd_listens_on(int fd, const struct rtun_addr *a)
{
	struct rtun_addr at;
	return keepfd_option(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM && keepfd_option(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP &&
	       keepfd_option(fd, SOL_SOCKET, SO_DOMAIN) == (a->family == 4 ? AF_INET : AF_INET6) &&
	       keepfd_option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1 && keepfd_address(fd, &at) && addr_equal(&at, a) &&
	       (a->family == 4 || keepfd_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1);
}

/* A unix socket has no kept ones: nobody outside of the machine sees it. */
int keepfd_claim_listening(struct rtun_ctx *ctx, const struct rtun_endpoint *e)
{
	int fd = -1, rc = e->path ? -RTUN_ENOENT : host_fd_kept(ctx, e->text, &fd);
	if (rc) return rc;
	if (keepfd_listens_on(fd, &e->addr) && fcntl(fd, F_SETFL, O_NONBLOCK) == 0) return fd;
	close(fd);
	host_fd_keep(ctx, e->text, -1);
	return -RTUN_ENOENT;
}

static bool keepfd_is_any(const struct rtun_addr *a)
{
	static const uint8_t zero[16];
	return !memcmp(a->ip, zero, a->family == 4 ? 4 : 16);
}

static bool keepfd_in_the_way(int fd, const struct rtun_addr *a)
{
	struct rtun_addr at;
	if (!keepfd_address(fd, &at) || at.family != a->family || at.port != a->port) return false;
	return addr_equal(&at, a) || keepfd_is_any(&at) || keepfd_is_any(a);
}

uint32_t keepfd_make_room(struct rtun_ctx *ctx, const struct rtun_addr *a)
{
	struct keepfd *k = keepfd_of(ctx);
	uint32_t n = 0;
	for (uint32_t i = 0; k && i < k->count; i++) {
		if (k->items[i].fd < 0 || !keepfd_in_the_way(k->items[i].fd, a)) continue;
		keepfd_let_go(k, &k->items[i]);
		n++;
	}
	if (n) notify_barrier(k->notify); /* the port is free when the supervisor has closed its own */
	return n;
}

/* Without waiting for it: the loop runs. */
void keepfd_unlisten(struct rtun_ctx *ctx, const char *name)
{
	char full[KEEPFD_NAME];
	const struct keepfd *k = keepfd_of(ctx);
	const struct app *app = k ? instance_of(ctx)->app : NULL;
	if (app && !app->stopping && !app->stop_at && keepfd_name(ctx, name, full)) keepfd_remove(k, full);
}

/* ---- host table ---- */

int host_fd_keep(struct rtun_ctx *ctx, const char *name, int fd)
{
	char full[KEEPFD_NAME], text[KEEPFD_NAME + 64];
	struct keepfd *k = keepfd_of(ctx);
	if (!k) return -RTUN_ENOTSUP;
	if (!keepfd_name(ctx, name, full)) return -RTUN_EINVAL;
	struct keepfd_one *old = keepfd_find(k, full);
	if (old)
		keepfd_let_go(k, old);
	else
		keepfd_remove(k, full);
	if (fd < 0) {
		notify_barrier(k->notify);
		return 0;
	}
	/* FDPOLL=0: a socket that only is bound shows a hang-up, and would be dropped for it */
	snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", full);
	int rc = notify_send_fd(k->notify, text, fd);
	if (rc == -RTUN_EIO) rtun_log(ctx, RTUN_WARN, "the supervisor did not take a socket to keep: %s", strerror(errno));
	return rc;
}

int host_fd_kept(struct rtun_ctx *ctx, const char *name, int *ret_fd)
{
	char full[KEEPFD_NAME];
	struct keepfd *k = keepfd_of(ctx);
	*ret_fd = -1;
	struct keepfd_one *one = k && keepfd_name(ctx, name, full) ? keepfd_find(k, full) : NULL;
	if (!one) return -RTUN_ENOENT;
	*ret_fd = one->fd;
	one->fd = -1;
	return 0;
}
