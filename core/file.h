/* SPDX-License-Identifier: BSD-2-Clause
 *
 * file.h - files that survive a power cut: written whole beside the old one, synced, renamed, directory synced.
 */
#ifndef FILE_H
#define FILE_H

#include <stdint.h>

#include "hostctx.h"

/* The system calls that change something, so that a test can record them, replay every prefix, and make each fail. */
struct file_sys {
	int (*openat)(int dir, const char *name, int flags, mode_t mode);
	ssize_t (*write)(int fd, const void *p, size_t len);
	int (*fchmod)(int fd, mode_t mode);
	int (*fsync)(int fd);
	int (*close)(int fd);
	int (*rename)(int dir, const char *from, const char *to, unsigned flags); /* renameat2 */
	int (*unlink)(int dir, const char *name);
};
extern const struct file_sys file_sys;

/* 0 or -errno; after an error the old file stands as it was. */
int file_replace(const char *path, const void *p, uint64_t len, uint32_t mode);
int file_replace_by(const struct file_sys *sys, const char *path, const void *p, uint64_t len, uint32_t mode);
/* Relative paths are below data-dir. malloc()ed. */
char *file_path(struct rtun_ctx *ctx, const char *path);
int host_file_replace(struct rtun_ctx *ctx, const char *path, const void *p, uint64_t len, uint32_t mode);

#endif
