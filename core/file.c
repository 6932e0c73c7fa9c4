/* SPDX-License-Identifier: BSD-2-Clause
 *
 * file.c - files that survive a power cut: written whole beside the old one, synced, renamed, directory synced.
 *
 * Old and new are exchanged rather than one put over the other: should syncing the directory fail, the old file is
 * still there to be exchanged back, so that an error always means "as it was". Where the file system can't exchange,
 * that one case is left: the new file stands, though an error was returned.
 *
 * The new file's name is ".NAME.new." and random digits. What a crash leaves behind is removed by the next call for
 * the same NAME. There is one writer at a time (data-dir has a lock); should there be two, one of them gets an error.
 */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif

/* ---- System calls ---- */

static int sys_openat(int dir, const char *name, int flags, mode_t mode)
{
	return openat(dir, name, flags, mode);
}

static int sys_rename(int dir, const char *from, const char *to, unsigned flags)
{
	if (!flags)
		return renameat(dir, from, dir, to);
	return (int)syscall(SYS_renameat2, dir, from, dir, to, flags);
}

static int sys_unlink(int dir, const char *name)
{
	return unlinkat(dir, name, 0);
}

const struct file_sys file_sys = {sys_openat, write, fchmod, fsync, close, sys_rename, sys_unlink};

/* ---- One replacement ---- */

struct replacement {
	const struct file_sys *sys;
	int dir;
	const char *name;           /* in dir */
	char temp[NAME_MAX + 1];    /* beside it */
	char prefix[NAME_MAX + 1];  /* of all temps of this name */
	bool exchanged, renamed;
};

static int name_temp(struct replacement *r)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	int n = snprintf(r->prefix, sizeof(r->prefix), ".%s.new.", r->name);
	if (n < 0 || (size_t)n + 17 > sizeof(r->temp))
		return -ENAMETOOLONG;
	snprintf(r->temp, sizeof(r->temp), "%.*s%016llx", n, r->prefix, (unsigned long long)random);
	return 0;
}

/* What crashes left behind. A leftover that can't be removed does no harm. */
static void sweep(const struct replacement *r)
{
	int fd = openat(r->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	size_t len = strlen(r->prefix);

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *e; (e = readdir(d));)
		if (!strncmp(e->d_name, r->prefix, len))
			r->sys->unlink(r->dir, e->d_name);
	closedir(d);
}

static int write_all(const struct file_sys *sys, int fd, const char *p, uint64_t len)
{
	while (len) {
		ssize_t n = sys->write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* The whole new file, on the disk, under its temporary name. */
static int write_temp(const struct replacement *r, const void *p, uint64_t len, uint32_t mode)
{
	int err, fd = r->sys->openat(r->dir, r->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	err = write_all(r->sys, fd, p, len);
	if (!err && r->sys->fchmod(fd, mode & 0777)) /* whatever the umask is */
		err = -errno;
	if (!err && r->sys->fsync(fd))
		err = -errno;
	if (r->sys->close(fd) && !err)
		err = -errno;
	if (err)
		r->sys->unlink(r->dir, r->temp);
	return err;
}

static int put_in_place(struct replacement *r)
{
	if (!r->sys->rename(r->dir, r->temp, r->name, RENAME_EXCHANGE)) {
		r->exchanged = true;
		return 0;
	}
	/* There is no old file, or this system can't exchange */
	if (errno != ENOENT && errno != EINVAL && errno != ENOSYS && errno != EPERM)
		return -errno;
	r->renamed = errno == ENOENT;
	return r->sys->rename(r->dir, r->temp, r->name, 0) ? -errno : 0;
}

static void put_back(const struct replacement *r)
{
	if (r->exchanged)
		r->sys->rename(r->dir, r->temp, r->name, RENAME_EXCHANGE);
	else if (r->renamed)
		r->sys->unlink(r->dir, r->name);
}

static int replace(struct replacement *r, const void *p, uint64_t len, uint32_t mode)
{
	int err = name_temp(r);

	if (err)
		return err;
	sweep(r);
	err = write_temp(r, p, len, mode);
	if (err)
		return err;
	err = put_in_place(r);
	if (err)
		goto unlink_temp;
	/* Some file systems can't sync a directory and say EINVAL: then there is nothing better to be had */
	if (r->sys->fsync(r->dir) && errno != EINVAL) {
		err = -errno;
		put_back(r);
	}
	if (!r->exchanged)
		return err;
unlink_temp: /* the old file, or the new one when there was an error */
	r->sys->unlink(r->dir, r->temp);
	return err;
}

int file_replace_by(const struct file_sys *sys, const char *path, const void *p, uint64_t len, uint32_t mode)
{
	const char *slash = strrchr(path, '/');
	struct replacement r = {.sys = sys, .name = slash ? slash + 1 : path};
	char *dir = slash == path ? strdup("/") : slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	int err;

	if (!dir)
		return -ENOMEM;
	if (!r.name[0]) {
		free(dir);
		return -EISDIR;
	}
	r.dir = sys->openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	err = r.dir < 0 ? -errno : 0;
	free(dir);
	if (err)
		return err;
	err = replace(&r, p, len, mode);
	sys->close(r.dir);
	return err;
}

int file_replace(const char *path, const void *p, uint64_t len, uint32_t mode)
{
	return file_replace_by(&file_sys, path, p, len, mode);
}

/* ---- For modules ---- */

char *file_path(struct rtun_ctx *ctx, const char *path)
{
	char *ret;
	if (path[0] == '/')
		return strdup(path);
	return asprintf(&ret, "%s/%s", rtun_data_dir(ctx), path) < 0 ? NULL : ret;
}

static const char *remedy_of(int err)
{
	static const struct {
		int err;
		const char *text;
	} remedies[] = {
		{ENOSPC, "; free some space"},
		{EDQUOT, "; free some space"},
		{EACCES, "; the directory must belong to the user that restunnel runs as"},
		{EPERM, "; the directory must belong to the user that restunnel runs as"},
		{EROFS, "; mount the file system for writing"},
		{ENOENT, "; make the directory"},
	};
	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		if (remedies[i].err == -err)
			return remedies[i].text;
	return "";
}

int host_file_replace(struct rtun_ctx *ctx, const char *path, const void *p, uint64_t len, uint32_t mode)
{
	char *full = file_path(ctx, path);
	int err = full ? file_replace(full, p, len, mode) : -ENOMEM;

	if (err)
		rtun_log(ctx, RTUN_ERROR, "%s can't be written: %s%s", full ? full : path, strerror(-err), remedy_of(err));
	free(full);
	return err ? -RTUN_EIO : 0;
}
