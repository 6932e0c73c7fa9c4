/* SPDX-License-Identifier: BSD-2-Clause
 *
 * keyfile.c - reading and making a key's file.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyfile.h"

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* What makes a file unfit. The first row that holds is told. */
static bool is_not_regular(const struct stat *st) { return !S_ISREG(st->st_mode); }
static bool is_a_strangers(const struct stat *st) { return st->st_uid != geteuid(); }
static bool is_too_open(const struct stat *st) { return st->st_mode & (07777 & ~0600); }
static bool has_links(const struct stat *st) { return st->st_nlink != 1; }
static bool has_wrong_size(const struct stat *st) { return st->st_size != KEYFILE_BYTES; }

static const struct {
	bool (*holds)(const struct stat *);
	int result;
	const char *what, *command, *more; /* the remedy: `command` PATH, and more words */
} flaws[] = {
	{is_not_regular, -RTUN_EDENIED, "is not a regular file", "move it away", ""},
	{is_a_strangers, -RTUN_EDENIED, "does not belong to the user that restunnel runs as", "if it is yours: chown USER", ""},
	{is_too_open, -RTUN_EDENIED, "could have been read or written by others", "chmod 600", "; if they did, make a new one and pair again"},
	{has_links, -RTUN_EDENIED, "has more than one name", "find the others and remove them: find / -xdev -samefile", ""},
	{has_wrong_size, -RTUN_EIO, "is no key, which has 32 bytes", "put back the right file, or, to pair all again: rm", ""},
};

static int judge(struct rtun_ctx *ctx, const char *path, const struct stat *st)
{
	size_t i;

	for (i = 0; i < sizeof(flaws) / sizeof(flaws[0]); i++) {
		if (!flaws[i].holds(st))
			continue;
		rtun_log(ctx, RTUN_ERROR, "the key %s %s (mode %04o, owner %u, %u links, %lld bytes); %s %s%s", path,
			 flaws[i].what, (unsigned int)(st->st_mode & 07777), (unsigned int)st->st_uid, (unsigned int)st->st_nlink,
			 (long long)st->st_size, flaws[i].command, path, flaws[i].more);
		return flaws[i].result;
	}
	return 0;
}

static int failed(struct rtun_ctx *ctx, const char *doing, const char *path)
{
	rtun_log(ctx, RTUN_ERROR, "the key %s can't be %s: %s", path, doing, strerror(errno));
	return -RTUN_EIO;
}

static int open_it(struct rtun_ctx *ctx, const char *path, int *ret_fd)
{
	/* NONBLOCK: a FIFO there must not stop the program */
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == ENOENT)
		return -RTUN_ENOENT;
	if (fd < 0 && errno == ELOOP) {
		rtun_log(ctx, RTUN_ERROR, "the key %s is a symbolic link; put the file itself there", path);
		return -RTUN_EDENIED;
	}
	if (fd < 0)
		return failed(ctx, "opened", path);
	*ret_fd = fd;
	return 0;
}

int keyfile_read(struct rtun_ctx *ctx, const char *path, uint8_t key[KEYFILE_BYTES])
{
	struct stat st;
	int fd, r = open_it(ctx, path, &fd);

	if (r)
		return r;
	r = fstat(fd, &st) ? failed(ctx, "examined", path) : judge(ctx, path, &st);
	if (r)
		goto out;
	errno = EIO; /* for a short read, which sets none */
	if (read(fd, key, KEYFILE_BYTES) != KEYFILE_BYTES) {
		r = failed(ctx, "read", path);
	} else if (sodium_is_zero(key, KEYFILE_BYTES)) {
		rtun_log(ctx, RTUN_ERROR, "the key %s is all zeros: the file was damaged; put back the right one, or remove it and pair again", path);
		r = -RTUN_EIO;
	}
out:
	if (r)
		sodium_memzero(key, KEYFILE_BYTES);
	close(fd);
	return r;
}

/* ---- Making ------------------------------------------------------------------------------------------------------ */

/* A new file beside `path`, written and synced. Its name is malloced. 0 or -1 with errno. */
static int write_beside(const char *path, const uint8_t key[KEYFILE_BYTES], char **ret_temp)
{
	char *temp;
	int fd, saved;

	if (asprintf(&temp, "%s.%08x", path, randombytes_random()) < 0)
		return -1;
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		goto fail_open;
	errno = ENOSPC; /* for a short write */
	if (write(fd, key, KEYFILE_BYTES) != KEYFILE_BYTES || fchmod(fd, 0600) || fsync(fd))
		goto fail_write;
	if (close(fd)) {
		fd = -1;
		goto fail_write;
	}
	*ret_temp = temp;
	return 0;

fail_write:
	saved = errno;
	if (fd >= 0)
		close(fd);
	unlink(temp);
	errno = saved;
fail_open:
	saved = errno;
	free(temp);
	errno = saved;
	return -1;
}

/* Give `temp` its name, unless that is taken. Not all file systems know RENAME_NOREPLACE. 0 or -1 with errno. */
static int name_it(const char *temp, const char *path)
{
	if (!renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	return link(temp, path) || unlink(temp) ? -1 : 0;
}

static int sync_directory(const char *path)
{
	char dir[4096];
	int fd, r;

	if ((size_t)snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path) >= sizeof(dir)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = open(*dir ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	r = fsync(fd) && errno != EINVAL ? -1 : 0; /* some file systems can't, and say so */
	close(fd);
	return r;
}

int keyfile_make(struct rtun_ctx *ctx, const char *path, uint8_t key[KEYFILE_BYTES])
{
	char *temp;
	int r = 0;

	randombytes_buf(key, KEYFILE_BYTES);
	if (write_beside(path, key, &temp))
		r = failed(ctx, "written", path);
	if (r)
		goto out;
	if (name_it(temp, path)) {
		r = errno == EEXIST ? -RTUN_EEXIST : failed(ctx, "written", path);
		unlink(temp);
	} else if (sync_directory(path)) {
		r = failed(ctx, "written", path);
	}
	free(temp);
out:
	if (r)
		sodium_memzero(key, KEYFILE_BYTES);
	return r == -RTUN_EEXIST ? keyfile_read(ctx, path, key) : r;
}
