/* SPDX-License-Identifier: BSD-2-Clause
 *
 * keyfile.h - one key in one file: read it if it is safe, make it if it is not there.
 */
#ifndef KEYFILE_H
#define KEYFILE_H

#include <restunnel/host.h>

#define KEYFILE_BYTES 32

/* 0; -RTUN_ENOENT without a word; else, after logging what was found at `path` and the remedy, -RTUN_EDENIED (others
 * could have read or written it) or -RTUN_EIO. `key` is wiped unless 0. */
int keyfile_read(struct rtun_ctx *ctx, const char *path, uint8_t key[KEYFILE_BYTES]);
/* Make a key and its file, durably; a file that has come there meanwhile stays and is read. */
int keyfile_make(struct rtun_ctx *ctx, const char *path, uint8_t key[KEYFILE_BYTES]);

#endif
