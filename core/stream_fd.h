/* SPDX-License-Identifier: BSD-2-Clause
 *
 * stream_fd.h - a stream over a connected socket.
 */
#ifndef STREAM_FD_H
#define STREAM_FD_H

#include "stream.h"

/* Owns fd from now on when it succeeds. */
int stream_fd_create(struct loop *loop, int fd, struct rtun_stream **ret);
/* RTUN_E... that says what errno means for a stream or a dial. */
uint32_t stream_err_of_errno(int err);

#endif
