/* SPDX-License-Identifier: BSD-2-Clause
 *
 * sandbox_parts.h - the two walls that sandbox.c puts up; what each does when the kernel has not got it.
 */
#ifndef SANDBOX_PARTS_H
#define SANDBOX_PARTS_H

#include <stdint.h>

#define SANDBOX_WHY 96 /* bytes of a reason */

/* System calls outside of the list get ENOSYS, the dangerous ones end the process; threads that exist included. Last of
 * all, because nothing is left afterwards to put up the other. 0, or -1 with the reason. */
int sandbox_seccomp(uint32_t needs, char why[SANDBOX_WHY]);

/* Rights to what lies at and below a path. */
#define SANDBOX_READ 1U
#define SANDBOX_KNOWN 16U /* read files whose name is known: directories tell none */
#define SANDBOX_WRITE 2U  /* also: make, rename, remove */
#define SANDBOX_SOCKET 4U /* make and remove sockets */
#define SANDBOX_MAKE 8U   /* make files, and write them */

struct sandbox_landlock;

/* The version of Landlock's interface, or -1 with the reason. */
int sandbox_landlock_abi(char why[SANDBOX_WHY]);
/* Begin, allow what shall be allowed, close. Ports are guarded as the needs say. Each: 0 or -1 (errno). What does not exist
 * is not allowed, without an error. */
int sandbox_landlock_begin(int abi, uint32_t needs, struct sandbox_landlock **ret);
int sandbox_landlock_allow(struct sandbox_landlock *landlock, const char *path, uint32_t rights);
int sandbox_landlock_close(struct sandbox_landlock *landlock);
void sandbox_landlock_destroy(struct sandbox_landlock **landlock);

#endif
