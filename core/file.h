/* SPDX-License-Identifier: BSD-2-Clause
 *
 * file.h - files that survive a power cut: written whole beside the old one, synced, renamed, directory synced.
 */
#ifndef FILE_H
#define FILE_H

#include <stdint.h>

#include "hostctx.h"

/* 0 or -errno; after an error the old file stands as it was. */
int file_replace(const char *path, const void *p, uint64_t len, uint32_t mode);
int host_file_replace(struct rtun_ctx *ctx, const char *path, const void *p, uint64_t len, uint32_t mode);

#endif
