/* SPDX-License-Identifier: BSD-2-Clause
 *
 * process.h - this process: its limits, its memory, and whom it acts for.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "command.h"

/* Bytes of memory in use; 0: unknown. */
uint64_t process_rss(void);
/* No SIGPIPE, files for ourselves only, as many descriptors as allowed, no memory in core dumps. */
void process_harden(void);
/* No capability is left in any set, as the kernel says when asked, and none can come back. Of the calling thread only:
 * there must be no other. 0 or -1 (errno). */
int process_drop_privileges(void);
/* As root: become the owner of `dir` for good, when that is another user; nothing happens when there is no `dir`. With
 * `keep`, the capabilities that a module's `prepare` may need survive (CAP_BPF, CAP_NET_ADMIN, CAP_NET_RAW,
 * CAP_NET_BIND_SERVICE, as far as they were there): process_drop_privileges() must follow. */
int process_become_owner(const char *dir, bool keep, struct command_error *err);

#endif
