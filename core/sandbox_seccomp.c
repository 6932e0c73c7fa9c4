/* SPDX-License-Identifier: BSD-2-Clause
 *
 * sandbox_seccomp.c - the list of system calls, by libseccomp.
 *
 * What is on it was chosen by what it is for: the tables below are it. Names, not numbers: one that this architecture or
 * this libseccomp has not got is passed over. What is on no list gets ENOSYS, not EPERM: a libc newer than this program
 * then goes the way it goes on an old kernel. What only an intruder would call ends the process.
 */
#include <config.h>

#include "sandbox_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#ifndef HAVE_SECCOMP

int sandbox_seccomp(uint32_t needs, char why[SANDBOX_WHY])
{
	(void)needs;
	snprintf(why, SANDBOX_WHY, "this restunnel was built without libseccomp");
	return -1;
}

#else

#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "sandbox.h"

#if defined __SANITIZE_ADDRESS__
#define SECCOMP_SANITIZED true
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SECCOMP_SANITIZED true
#endif
#endif
#ifndef SECCOMP_SANITIZED
#define SECCOMP_SANITIZED false
#endif

#define SECCOMP_ANY (~0U)       /* whatever the needs */
#define SECCOMP_FAMILIES 64U    /* more than there are */
#define SECCOMP_SOCK_TYPES 12U  /* the same */
#define SECCOMP_SOCK_TYPE 0xfU  /* without SOCK_NONBLOCK and SOCK_CLOEXEC */
#ifdef __s390__
#define SECCOMP_CLONE_FLAGS 1U /* which argument of clone() */
#else
#define SECCOMP_CLONE_FLAGS 0U
#endif
#define SECCOMP_NAME 0x53564d41 /* PR_SET_VMA: glibc names its memory */

/* ---- what is allowed, whatever the arguments ---- */

static const char *const seccomp_often[] = { /* first, because a filter is a list */
	"read", "write", "readv", "writev", "recvfrom", "recvmsg", "recvmmsg", "epoll_wait", "epoll_pwait",
	"epoll_pwait2", "epoll_ctl", "futex", "clock_gettime", "clock_gettime64", "accept4", "close", NULL,
};
static const char *const seccomp_memory[] = {
	"brk", "madvise", "membarrier", "mincore", "mlock", "mlock2", "mremap", "msync", "munlock", "munmap", NULL,
};
static const char *const seccomp_files[] = {
	"access", "close_range", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fallocate", "fdatasync", "flock",
	"fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "getcwd", "getdents", "getdents64",
	"_llseek", "lseek", "lstat", "lstat64", "mkdir", "mkdirat", "newfstatat", "open", "openat", "pread64", "preadv", "preadv2",
	"pwrite64", "pwritev", "pwritev2", "readlink", "readlinkat", "rename", "renameat", "renameat2", "rmdir", "stat", "stat64", "statfs",
	"statfs64", "statx", "umask", "unlink", "unlinkat", NULL,
};
static const char *const seccomp_waiting[] = {
	"clock_nanosleep", "clock_nanosleep_time64", "epoll_create", "epoll_create1", "eventfd", "eventfd2", "inotify_add_watch",
	"inotify_init", "inotify_init1", "inotify_rm_watch", "nanosleep", "pause", "pipe", "pipe2", "poll", "ppoll", "ppoll_time64",
	"pselect6", "pselect6_time64", "select", "_newselect", "signalfd", "signalfd4", "timerfd_create", "timerfd_gettime",
	"timerfd_gettime64", "timerfd_settime", "timerfd_settime64", NULL,
};
static const char *const seccomp_sockets[] = { /* those that are there already */
	"accept", "getpeername", "getsockname", "getsockopt", "recv", "recvmmsg_time64", "setsockopt", "shutdown", NULL,
};
static const char *const seccomp_threads[] = {
	"arch_prctl", "exit", "exit_group", "futex_time64", "futex_waitv", "get_robust_list", "getcpu", "gettid", "restart_syscall", "rseq",
	"sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_yield",
	"set_robust_list", "set_thread_area", "set_tid_address", "set_tls", NULL,
};
static const char *const seccomp_signals[] = {
	"rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64",
	"sigaltstack", "sigreturn", NULL,
};
static const char *const seccomp_questions[] = {
	"capget", "clock_getres", "clock_getres_time64", "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups",
	"getgroups32", "getpgrp", "getpid", "getppid", "getrandom", "getresgid", "getresgid32", "getresuid", "getresuid32", "getrlimit",
	"getrusage", "getsid", "gettimeofday", "getuid", "getuid32", "sysinfo", "time", "times", "ugetrlimit", "uname", NULL,
};
static const char *const seccomp_sanitizers[] = {"clone", "prctl", "ptrace", "wait4", "waitid", "waitpid", NULL};
static const char *const seccomp_connect[] = {"connect", NULL};
#define SECCOMP_TALKS (SANDBOX_CONNECT | SANDBOX_UDP | SANDBOX_RESOLVE | SANDBOX_NETLINK | SANDBOX_UNIX)
static const char *const seccomp_bind[] = {"bind", NULL};
static const char *const seccomp_listen[] = {"listen", NULL};

static const struct {
	const char *const *names;
	uint32_t needs; /* any of them */
	bool sanitized; /* only in a sanitizer's build: LeakSanitizer stops the process by ptrace from a clone, and hangs without */
} seccomp_allowed[] = {
	{seccomp_often, SECCOMP_ANY, false}, {seccomp_memory, SECCOMP_ANY, false}, {seccomp_files, SECCOMP_ANY, false},
	{seccomp_waiting, SECCOMP_ANY, false}, {seccomp_sockets, SECCOMP_ANY, false}, {seccomp_threads, SECCOMP_ANY, false},
	{seccomp_signals, SECCOMP_ANY, false}, {seccomp_questions, SECCOMP_ANY, false}, {seccomp_sanitizers, SECCOMP_ANY, true},
	{seccomp_connect, SECCOMP_TALKS, false},
	{seccomp_bind, SANDBOX_CONNECT | SANDBOX_UDP | SANDBOX_RESOLVE | SANDBOX_NETLINK | SANDBOX_LISTEN | SANDBOX_UNIX, false},
	{seccomp_listen, SANDBOX_LISTEN, false},
};

/* ---- what ends the process, and what is refused in words ---- */

static const char *const seccomp_deadly[] = {
	"_sysctl", "acct", "add_key", "adjtimex", "bpf", "chroot", "clock_adjtime", "clock_settime", "create_module", "delete_module",
	"execve", "execveat", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "init_module", "ioperm", "iopl",
	"kexec_file_load", "kexec_load", "keyctl", "mount", "mount_setattr", "move_mount", "open_by_handle_at", "open_tree",
	"perf_event_open", "pidfd_getfd", "pivot_root", "process_vm_readv", "process_vm_writev", "ptrace", "quotactl", "reboot",
	"request_key", "setns", "settimeofday", "stime", "swapoff", "swapon", "syslog", "umount", "umount2", "unshare", "uselib",
	"userfaultfd", "vhangup", NULL,
};
static const char *const seccomp_refused[] = {"fork", "vfork", "bind", "connect", "listen", NULL};

static const uint64_t seccomp_ioctls[] = { /* FIONREAD is SIOCINQ, TIOCOUTQ is SIOCOUTQ */
	FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TIOCOUTQ, TCGETS, TIOCGWINSZ, SIOCGIFNAME, SIOCGIFINDEX,
};
/* Not F_SETOWN, F_SETOWN_EX, F_SETSIG: with O_ASYNC they send signals to others. */
static const uint64_t seccomp_fcntls[] = {
	F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW,
	F_GETPIPE_SZ, F_SETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS,
};
static const uint64_t seccomp_fcntls_refused[] = {F_SETOWN, F_SETOWN_EX, F_SETSIG};
static const uint64_t seccomp_prctls[] = {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, SECCOMP_NAME};

/* Which sockets may be made for which needs. */
static const struct {
	int family, type; /* type 0: any */
	uint32_t needs;
} seccomp_sockets_new[] = {
	{AF_INET, SOCK_STREAM, SANDBOX_CONNECT | SANDBOX_RESOLVE | SANDBOX_LISTEN},
	{AF_INET6, SOCK_STREAM, SANDBOX_CONNECT | SANDBOX_RESOLVE | SANDBOX_LISTEN},
	{AF_INET, SOCK_DGRAM, SANDBOX_UDP | SANDBOX_RESOLVE},
	{AF_INET6, SOCK_DGRAM, SANDBOX_UDP | SANDBOX_RESOLVE},
	{AF_NETLINK, 0, SANDBOX_NETLINK | SANDBOX_RESOLVE}, /* getaddrinfo() asks for own addresses */
	{AF_UNIX, 0, SANDBOX_UNIX | SANDBOX_LISTEN}, /* not for names: libc does without nscd, and asks DNS */
};
#define SECCOMP_ROWS(array) (sizeof(array) / sizeof((array)[0]))

/* ---- building it ---- */

struct seccomp_build {
	scmp_filter_ctx filter;
	uint32_t needs;
	int err; /* the first, negative errno */
};

static void seccomp_add(struct seccomp_build *b, uint32_t action, const char *name, unsigned count, const struct scmp_arg_cmp *args)
{
	int number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR || b->err) return;
	int err = seccomp_rule_add_array(b->filter, action, number, count, args);
	if (err && err != -EDOM) b->err = err; /* EDOM: this architecture has not got it */
}

static void seccomp_add_all(struct seccomp_build *b, uint32_t action, const char *const *names)
{
	for (; *names; names++) seccomp_add(b, action, *names, 0, NULL);
}

static void seccomp_add_if(struct seccomp_build *b, uint32_t action, const char *name, struct scmp_arg_cmp arg)
{
	seccomp_add(b, action, name, 1, &arg);
}

/* The conditions of a rule: an argument is, is not, or has in some bits, a value. */
static struct scmp_arg_cmp seccomp_is(unsigned arg, uint64_t value) { return (struct scmp_arg_cmp){arg, SCMP_CMP_EQ, value, 0}; }
static struct scmp_arg_cmp seccomp_is_not(unsigned arg, uint64_t value) { return (struct scmp_arg_cmp){arg, SCMP_CMP_NE, value, 0}; }
static struct scmp_arg_cmp seccomp_bits(unsigned arg, uint64_t mask, uint64_t value)
{
	return (struct scmp_arg_cmp){arg, SCMP_CMP_MASKED_EQ, mask, value};
}

static bool seccomp_is_allowed(const struct seccomp_build *b, const char *name)
{
	for (size_t i = 0; i < SECCOMP_ROWS(seccomp_allowed); i++) {
		if (!(seccomp_allowed[i].needs & b->needs) && seccomp_allowed[i].needs != SECCOMP_ANY) continue;
		if (seccomp_allowed[i].sanitized && !SECCOMP_SANITIZED) continue;
		for (const char *const *n = seccomp_allowed[i].names; *n; n++)
			if (!strcmp(*n, name)) return true;
	}
	return false;
}

static void seccomp_add_lists(struct seccomp_build *b)
{
	for (size_t i = 0; i < SECCOMP_ROWS(seccomp_allowed); i++) {
		bool needed = seccomp_allowed[i].needs == SECCOMP_ANY || seccomp_allowed[i].needs & b->needs;
		if (needed && (SECCOMP_SANITIZED || !seccomp_allowed[i].sanitized)) seccomp_add_all(b, SCMP_ACT_ALLOW, seccomp_allowed[i].names);
	}
	for (const char *const *n = seccomp_deadly; *n; n++)
		if (!seccomp_is_allowed(b, *n)) seccomp_add(b, SCMP_ACT_KILL_PROCESS, *n, 0, NULL);
	for (const char *const *n = seccomp_refused; *n; n++)
		if (!seccomp_is_allowed(b, *n)) seccomp_add(b, SCMP_ACT_ERRNO(EACCES), *n, 0, NULL);
}

/* No code but what has been loaded: `mprotect` to make some and `mmap` to bring some are both closed, for good. */
static void seccomp_add_code(struct seccomp_build *b)
{
	static const char *const names[] = {"mmap", "mmap2", "mprotect", "pkey_mprotect", NULL};
	for (const char *const *n = names; *n; n++) {
		seccomp_add_if(b, SCMP_ACT_ALLOW, *n, seccomp_bits(2, PROT_EXEC, 0));
		seccomp_add_if(b, SCMP_ACT_ERRNO(EPERM), *n, seccomp_bits(2, PROT_EXEC, PROT_EXEC));
	}
}

/* Threads, but no processes. What clone3() is asked for lies in memory where a filter can't look: ENOSYS, and libc takes
 * clone(). Signals to ourselves only. */
static void seccomp_add_process(struct seccomp_build *b)
{
	static const char *const names[] = {"kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", NULL};
	uint64_t self = (uint64_t)getpid();
	if (!SECCOMP_SANITIZED) {
		seccomp_add_if(b, SCMP_ACT_ALLOW, "clone", seccomp_bits(SECCOMP_CLONE_FLAGS, CLONE_THREAD, CLONE_THREAD));
		seccomp_add_if(b, SCMP_ACT_ERRNO(EACCES), "clone", seccomp_bits(SECCOMP_CLONE_FLAGS, CLONE_THREAD, 0));
	}
	for (const char *const *n = names; *n; n++) {
		seccomp_add_if(b, SCMP_ACT_ALLOW, *n, seccomp_is(0, self));
		seccomp_add_if(b, SCMP_ACT_ERRNO(EPERM), *n, seccomp_is_not(0, self));
	}
	seccomp_add_if(b, SCMP_ACT_ALLOW, "prlimit64", seccomp_is(2, 0)); /* asks only */
	for (size_t i = 0; !SECCOMP_SANITIZED && i < SECCOMP_ROWS(seccomp_prctls); i++)
		seccomp_add_if(b, SCMP_ACT_ALLOW, "prctl", seccomp_is(0, seccomp_prctls[i]));
}

static void seccomp_add_files(struct seccomp_build *b)
{
	/* S_ISUID and S_ISGID are for nobody here. No chmod() by a path, which Landlock does not see. */
	seccomp_add_if(b, SCMP_ACT_ALLOW, "fchmod", seccomp_bits(1, S_ISUID | S_ISGID, 0));
	static const char *const names[] = {"fcntl", "fcntl64", NULL};
	for (const char *const *n = names; *n; n++) {
		for (size_t i = 0; i < SECCOMP_ROWS(seccomp_fcntls); i++)
			seccomp_add_if(b, SCMP_ACT_ALLOW, *n, seccomp_bits(1, 0xffffffff, seccomp_fcntls[i]));
		for (size_t i = 0; i < SECCOMP_ROWS(seccomp_fcntls_refused); i++)
			seccomp_add_if(b, SCMP_ACT_ERRNO(EPERM), *n, seccomp_bits(1, 0xffffffff, seccomp_fcntls_refused[i]));
	}
	for (size_t i = 0; i < SECCOMP_ROWS(seccomp_ioctls); i++)
		seccomp_add_if(b, SCMP_ACT_ALLOW, "ioctl", seccomp_bits(1, 0xffffffff, seccomp_ioctls[i]));
}

static bool seccomp_may_make(const struct seccomp_build *b, unsigned family, unsigned type)
{
	for (size_t i = 0; i < SECCOMP_ROWS(seccomp_sockets_new); i++)
		if ((unsigned)seccomp_sockets_new[i].family == family && seccomp_sockets_new[i].needs & b->needs &&
		    (!seccomp_sockets_new[i].type || (unsigned)seccomp_sockets_new[i].type == type))
			return true;
	return false;
}

/* Who has no business with others sends on what is connected already, and that is all: no data in a SYN, which connects without
 * connect(), and no address; so no sendmsg() either, whose address lies where a filter can't look. */
static void seccomp_add_sending(struct seccomp_build *b)
{
	static const struct {
		const char *name;
		unsigned flags; /* which argument */
	} rows[] = {{"sendto", 3}, {"send", 3}, {"sendmsg", 2}, {"sendmmsg", 3}};
	for (size_t i = 0; i < SECCOMP_ROWS(rows); i++) {
		const struct scmp_arg_cmp plain[] = {seccomp_bits(rows[i].flags, MSG_FASTOPEN, 0), seccomp_is(4, 0)};
		bool addressed = i > 1, talks = b->needs & SECCOMP_TALKS;
		if (b->needs & SANDBOX_CONNECT) {
			seccomp_add(b, SCMP_ACT_ALLOW, rows[i].name, 0, NULL);
		} else if (addressed && !talks) {
			seccomp_add(b, SCMP_ACT_ERRNO(EACCES), rows[i].name, 0, NULL);
		} else {
			seccomp_add(b, SCMP_ACT_ALLOW, rows[i].name, i == 0 && !talks ? 2 : 1, plain);
			seccomp_add_if(b, SCMP_ACT_ERRNO(EACCES), rows[i].name, seccomp_bits(rows[i].flags, MSG_FASTOPEN, MSG_FASTOPEN));
			if (i == 0 && !talks) seccomp_add_if(b, SCMP_ACT_ERRNO(EACCES), rows[i].name, seccomp_is_not(4, 0));
		}
	}
}

/* Each family by name, because "any other" can't be said to a filter: so a module's author reads "permission denied". */
static void seccomp_add_sockets(struct seccomp_build *b)
{
	for (unsigned family = 0; family < SECCOMP_FAMILIES; family++) {
		bool any = false;
		for (unsigned type = 0; type < SECCOMP_SOCK_TYPES; type++) any |= seccomp_may_make(b, family, type);
		if (!any) seccomp_add_if(b, SCMP_ACT_ERRNO(EACCES), "socket", seccomp_is(0, family));
		for (unsigned type = 0; any && type < SECCOMP_SOCK_TYPES; type++) {
			const struct scmp_arg_cmp args[] = {seccomp_is(0, family), seccomp_bits(1, SECCOMP_SOCK_TYPE, type)};
			seccomp_add(b, seccomp_may_make(b, family, type) ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EACCES), "socket", 2, args);
		}
	}
	seccomp_add_if(b, SCMP_ACT_ALLOW, "socketpair", seccomp_is(0, AF_UNIX));
}

static int seccomp_close(struct seccomp_build *b)
{
	int err = seccomp_attr_set(b->filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!err) err = seccomp_attr_set(b->filter, SCMP_FLTATR_CTL_TSYNC, 1);
	return err ? err : seccomp_load(b->filter);
}

int sandbox_seccomp(uint32_t needs, char why[SANDBOX_WHY])
{
	struct seccomp_build b = {.filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), .needs = needs};
	if (!b.filter) {
		snprintf(why, SANDBOX_WHY, "libseccomp did not begin");
		return -1;
	}
	seccomp_add_sending(&b); /* first, because a filter is a list */
	seccomp_add_lists(&b);
	seccomp_add_code(&b);
	seccomp_add_process(&b);
	seccomp_add_files(&b);
	seccomp_add_sockets(&b);
	if (!b.err) b.err = seccomp_close(&b);
	seccomp_release(b.filter);
	if (b.err) snprintf(why, SANDBOX_WHY, "%s", b.err == -EINVAL || b.err == -ENOSYS ? "this kernel has no filters" : strerror(-b.err));
	return b.err ? -1 : 0;
}

#endif
