/* SPDX-License-Identifier: BSD-2-Clause
 *
 * notify.h - what systemd is told: sd_notify(3) without libsystemd.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdint.h>

struct notify;

/* Looks for NOTIFY_SOCKET and WATCHDOG_USEC; *ret is there without them too, and then does nothing. */
int notify_open(struct notify **ret);
void notify_close(struct notify **n);
/* "READY=1\nSTATUS=..." */
void notify_send(const struct notify *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same with a descriptor, which stays the caller's; waits a little where the supervisor is behind. 0; -RTUN_ENOTSUP: not
 * supervised; -RTUN_EIO. */
int notify_send_fd(const struct notify *n, const char *text, int fd);
/* Until the supervisor has dealt with all that it was told, two seconds at most. */
void notify_barrier(const struct notify *n);
/* ns between WATCHDOG=1; 0: nobody watches. */
uint64_t notify_watchdog(const struct notify *n);

#endif
