/* SPDX-License-Identifier: BSD-2-Clause
 *
 * lock.c - data-dir belongs to one process at a time, and to one user.
 */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <restunnel/abi.h>

struct lock {
	int dir, file;
};

static int lock_failed(const char *dir, const char *what, struct command_error *err)
{
	int e = errno;
	const char *remedy = e == ENOENT ? "make the directory above it first"
			     : e == EACCES || e == EPERM ? "run restunnel as the user that owns it, or choose another `data-dir:`"
			     : e == EROFS ? "choose a `data-dir:` that can be written to"
			     : e == ENOSPC ? "make room on the disk" : NULL;
	command_error_set(err, "data-dir", remedy, "%s %s: %s", what, dir, strerror(e));
	return -RTUN_EIO;
}

static int lock_judge(const char *dir, int fd, struct command_error *err)
{
	struct stat st;
	char remedy[512];
	if (fstat(fd, &st)) return lock_failed(dir, "can't look at data-dir", err);
	if (st.st_uid != geteuid()) {
		const struct passwd *pw = getpwuid(st.st_uid);
		if (pw)
			snprintf(remedy, sizeof(remedy), "run restunnel as that user: sudo -u %s restunnel ...", pw->pw_name);
		else
			snprintf(remedy, sizeof(remedy), "change its owner, or choose another `data-dir:`");
		command_error_set(err, "data-dir", remedy, "data-dir %s belongs to %s (user %u), and this process is user %u", dir,
				  pw ? pw->pw_name : "nobody known", (unsigned)st.st_uid, (unsigned)geteuid());
		return -RTUN_EIO;
	}
	if (st.st_mode & 077) {
		snprintf(remedy, sizeof(remedy), "chmod 700 '%.480s'", dir);
		command_error_set(err, "data-dir", remedy, "data-dir %s can be entered by others (mode %03o, not 700)", dir,
				  (unsigned)st.st_mode & 0777);
		return -RTUN_EIO;
	}
	return 0;
}

int lock_look(const char *data_dir, struct command_error *err)
{
	int rc, fd = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) return errno == ENOENT ? 0 : lock_failed(data_dir, "can't open data-dir", err);
	rc = lock_judge(data_dir, fd, err);
	close(fd);
	return rc;
}

static int lock_busy(const char *dir, int file, struct command_error *err)
{
	char pid[24] = "";
	ssize_t n = pread(file, pid, sizeof(pid) - 1, 0);
	pid[n > 0 ? n : 0] = 0;
	pid[strspn(pid, "0123456789")] = 0;
	command_error_set(err, "running", "stop that one first, or let both use different directories (`data-dir:`)",
			  "another restunnel (process %s) uses data-dir %s", pid[0] ? pid : "unknown", dir);
	return -RTUN_EEXIST;
}

static int lock_take(const char *dir, struct lock *l, struct command_error *err)
{
	char pid[24];
	l->file = openat(l->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (l->file < 0) return lock_failed(dir, "can't make the file `lock` in data-dir", err);
	if (flock(l->file, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? lock_busy(dir, l->file, err) : lock_failed(dir, "can't lock data-dir", err);
	int n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	/* for people only: a full disk must not keep the daemon from starting */
	if (ftruncate(l->file, 0) || pwrite(l->file, pid, (size_t)n, 0) != n) return 0;
	return 0;
}

int lock_open(const char *data_dir, struct lock **ret, struct command_error *err)
{
	struct lock *l = calloc(1, sizeof(*l));
	int rc = -RTUN_ENOMEM;
	if (!l) {
		command_error_set(err, "out-of-memory", NULL, "out of memory");
		return rc;
	}
	l->dir = l->file = -1;
	if (mkdir(data_dir, 0700) && errno != EEXIST) {
		rc = lock_failed(data_dir, "can't make data-dir", err);
		goto fail;
	}
	l->dir = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	rc = l->dir < 0 ? lock_failed(data_dir, "can't open data-dir", err) : lock_judge(data_dir, l->dir, err);
	if (!rc) rc = lock_take(data_dir, l, err);
	if (rc) goto fail;
	*ret = l;
	return 0;
fail:
	lock_close(&l);
	return rc;
}

void lock_close(struct lock **lp)
{
	struct lock *l = *lp;
	if (!l) return;
	if (l->file >= 0) close(l->file); /* the file stays: taking it away would let two processes lock two files */
	if (l->dir >= 0) close(l->dir);
	free(l);
	*lp = NULL;
}

int lock_dir_fd(const struct lock *lock) { return lock->dir; }
