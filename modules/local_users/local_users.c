/* SPDX-License-Identifier: BSD-2-Clause
 *
 * local_users.c - names of users become numbers; the core asks the kernel about connections (core/peer.c).
 */
#include "local_users.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *name_of(const struct rtun_list *l, uint32_t i)
{
	return *(const char *const *)((const char *)l->items + (size_t)i * l->item_size);
}

/* A name, or a number. */
static bool uid_of(const char *text, uint32_t *ret)
{
	const struct passwd *pw = getpwnam(text);
	char *end;
	unsigned long n;
	if (pw) {
		*ret = pw->pw_uid;
		return true;
	}
	errno = 0;
	n = strtoul(text, &end, 10);
	*ret = (uint32_t)n;
	return text[0] >= '0' && text[0] <= '9' && !*end && !errno && n < UINT32_MAX;
}

/* Behind the sandbox's walls it may be that no name can be looked up. */
static bool names_can_be_told(void)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno != EACCES;
	close(fd);
	return true;
}

/* A reload can't change allow-users, so where names can't be told it is what was good at the start. */
int local_users_check(struct rtun_ctx *ctx, const struct rtun_list *names)
{
	int r = 0;
	for (uint32_t i = 0; i < names->count; i++) {
		uint32_t uid;
		if (!uid_of(name_of(names, i), &uid) && names_can_be_told())
			r = rtun_conf_error(ctx, "allow_users", "`getent passwd` lists them", "this machine has no user \"%.64s\"", name_of(names, i));
	}
	return r;
}

int local_users_find(const struct rtun_list *names, uint32_t **ret)
{
	int r = 0;
	*ret = calloc(names->count + 1U, sizeof(**ret));
	if (!*ret)
		return -RTUN_ENOMEM;
	for (uint32_t i = 0; i < names->count; i++)
		if (!uid_of(name_of(names, i), &(*ret)[i]))
			r = -RTUN_ENOENT;
	return r;
}

int local_users_open(struct rtun_ctx *ctx, const struct rtun_endpoint *e, const struct rtun_list *uids)
{
	if (!e->path || !uids->count || chmod(e->path, 0666) == 0)
		return 0;
	rtun_log(ctx, RTUN_ERROR, "%s can't be opened to allow-users: %s", e->text, strerror(errno));
	return -RTUN_EIO;
}
