/* SPDX-License-Identifier: BSD-2-Clause
 *
 * sandbox_landlock.c - files and ports, by Landlock (Documentation/userspace-api/landlock.rst). By raw system calls and
 * numbers of our own: the headers of the build may be older than the kernel that it runs on.
 *
 * What is not handled is not restricted. So each version of the kernel's interface handles all it knows, and what is
 * needed is allowed again. A rule is about an inode: it holds through renames *in* a directory, not of the directory.
 */
#include "sandbox_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"

/* The same on every architecture but Alpha, which has them in its headers. */
#ifdef SYS_landlock_create_ruleset
#define LANDLOCK_CREATE SYS_landlock_create_ruleset
#define LANDLOCK_ADD SYS_landlock_add_rule
#define LANDLOCK_RESTRICT SYS_landlock_restrict_self
#else
#define LANDLOCK_CREATE 444
#define LANDLOCK_ADD 445
#define LANDLOCK_RESTRICT 446
#endif

#define LANDLOCK_VERSION 1U /* a flag of LANDLOCK_CREATE */
#define LANDLOCK_PATH 1     /* kinds of rules */
#define LANDLOCK_PORT 2

#define FS_EXECUTE (1ULL << 0)
#define FS_WRITE_FILE (1ULL << 1)
#define FS_READ_FILE (1ULL << 2)
#define FS_READ_DIR (1ULL << 3)
#define FS_REMOVE_DIR (1ULL << 4)
#define FS_REMOVE_FILE (1ULL << 5)
#define FS_MAKE_DIR (1ULL << 7)
#define FS_MAKE_REG (1ULL << 8)
#define FS_MAKE_SOCK (1ULL << 9)
#define FS_ALL_1 ((1ULL << 13) - 1) /* the first version's; above: */
#define FS_REFER (1ULL << 13)       /* 2: rename and link between directories */
#define FS_TRUNCATE (1ULL << 14)    /* 3 */
#define FS_IOCTL_DEV (1ULL << 15)   /* 5 */
#define NET_BIND_TCP (1ULL << 0)    /* 4 */
#define NET_CONNECT_TCP (1ULL << 1)
#define SCOPE_ABSTRACT (1ULL << 0) /* 6: abstract unix sockets outside */
#define SCOPE_SIGNAL (1ULL << 1)

#define ON_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV) /* what a rule for a file may say */
#define DNS_PORT 53

struct landlock_rules { /* struct landlock_ruleset_attr; older kernels know less of it */
	uint64_t fs, net, scope;
};
struct landlock_path { /* struct landlock_path_beneath_attr */
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));
struct landlock_port { /* struct landlock_net_port_attr */
	uint64_t allowed, port;
};

struct sandbox_landlock {
	struct landlock_rules handled;
	int fd;
};

int sandbox_landlock_abi(char why[SANDBOX_WHY])
{
	long abi = syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION);
	if (abi >= 1) return (int)abi;
	if (errno == ENOSYS || errno == EOPNOTSUPP)
		snprintf(why, SANDBOX_WHY, "%s", errno == ENOSYS ? "this kernel has none" : "it is not among this kernel's lsm=");
	else
		snprintf(why, SANDBOX_WHY, "%s", strerror(errno));
	return -1;
}

static uint64_t landlock_fs(int abi)
{
	return FS_ALL_1 | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) | (abi >= 5 ? FS_IOCTL_DEV : 0);
}

static uint64_t landlock_net(int abi, uint32_t needs)
{
	if (abi < 4) return 0;
	return (needs & SANDBOX_LISTEN ? 0 : NET_BIND_TCP) | (needs & SANDBOX_CONNECT ? 0 : NET_CONNECT_TCP);
}

static uint64_t landlock_scope(int abi, uint32_t needs)
{
	if (abi < 6) return 0;
	return SCOPE_SIGNAL | (needs & SANDBOX_UNIX ? 0 : SCOPE_ABSTRACT);
}

static int landlock_allow_port(const struct sandbox_landlock *l, uint64_t allowed, uint64_t port)
{
	struct landlock_port rule = {allowed & l->handled.net, port};
	return rule.allowed ? (int)syscall(LANDLOCK_ADD, l->fd, LANDLOCK_PORT, &rule, 0) : 0;
}

/* A connection may choose its own end's address: bound to port 0. Long answers of DNS come by TCP. */
static int landlock_ports(const struct sandbox_landlock *l, uint32_t needs)
{
	int rc = needs & (SANDBOX_CONNECT | SANDBOX_RESOLVE) ? landlock_allow_port(l, NET_BIND_TCP, 0) : 0;
	return !rc && needs & SANDBOX_RESOLVE ? landlock_allow_port(l, NET_CONNECT_TCP, DNS_PORT) : rc;
}

int sandbox_landlock_begin(int abi, uint32_t needs, struct sandbox_landlock **ret)
{
	struct sandbox_landlock *l = calloc(1, sizeof(*l));
	size_t size = abi < 4 ? sizeof(uint64_t) : abi < 6 ? 2 * sizeof(uint64_t) : sizeof(l->handled);
	*ret = NULL;
	if (!l) return -1;
	l->handled = (struct landlock_rules){landlock_fs(abi), landlock_net(abi, needs), landlock_scope(abi, needs)};
	l->fd = (int)syscall(LANDLOCK_CREATE, &l->handled, size, 0);
	if (l->fd < 0 || fcntl(l->fd, F_SETFD, FD_CLOEXEC) || landlock_ports(l, needs)) {
		sandbox_landlock_destroy(&l);
		return -1;
	}
	*ret = l;
	return 0;
}

static uint64_t landlock_rights(uint32_t rights)
{
	uint64_t fs = 0;
	if (rights & SANDBOX_READ) fs |= FS_READ_FILE | FS_READ_DIR;
	if (rights & SANDBOX_KNOWN) fs |= FS_READ_FILE;
	if (rights & SANDBOX_WRITE) fs |= FS_WRITE_FILE | FS_TRUNCATE | FS_MAKE_REG | FS_MAKE_DIR | FS_REMOVE_FILE | FS_REMOVE_DIR | FS_REFER;
	if (rights & SANDBOX_MAKE) fs |= FS_WRITE_FILE | FS_MAKE_REG;
	if (rights & SANDBOX_SOCKET) fs |= FS_MAKE_SOCK | FS_REMOVE_FILE;
	return fs;
}

int sandbox_landlock_allow(struct sandbox_landlock *l, const char *path, uint32_t rights)
{
	struct landlock_path rule = {landlock_rights(rights) & l->handled.fs, open(path, O_PATH | O_CLOEXEC)};
	struct stat st;
	if (rule.fd < 0) return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -1;
	int rc = fstat(rule.fd, &st);
	if (!rc && !S_ISDIR(st.st_mode)) rule.allowed &= ON_FILES;
	if (!rc && rule.allowed) rc = (int)syscall(LANDLOCK_ADD, l->fd, LANDLOCK_PATH, &rule, 0);
	close(rule.fd);
	return rc;
}

int sandbox_landlock_close(struct sandbox_landlock *l) { return (int)syscall(LANDLOCK_RESTRICT, l->fd, 0); }

void sandbox_landlock_destroy(struct sandbox_landlock **lp)
{
	struct sandbox_landlock *l = *lp;
	int before = errno;
	if (!l) return;
	if (l->fd >= 0) close(l->fd);
	free(l);
	*lp = NULL;
	errno = before;
}
