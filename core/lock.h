/* SPDX-License-Identifier: BSD-2-Clause
 *
 * lock.h - data-dir belongs to one process at a time, and to one user.
 */
#ifndef LOCK_H
#define LOCK_H

#include "command.h"

struct lock;

/* Make data-dir (0700; not its parents) where it is missing, refuse one that others own or can enter, and lock it:
 * DIR/lock holds our pid. 0; -RTUN_EEXIST: another process has it (code "running"); -RTUN_EIO, -RTUN_ENOMEM. */
int lock_open(const char *data_dir, struct lock **ret, struct command_error *err);
/* What lock_open() would say of the owner and mode of a data-dir that exists; nothing is made. 0 or -RTUN_EIO. */
int lock_look(const char *data_dir, struct command_error *err);
void lock_close(struct lock **lock);
/* The directory itself (O_PATH). */
int lock_dir_fd(const struct lock *lock);

#endif
