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
/* ns between WATCHDOG=1; 0: nobody watches. */
uint64_t notify_watchdog(const struct notify *n);

#endif
