/* SPDX-License-Identifier: BSD-2-Clause
 *
 * process.c - this process: its limits, its memory, and whom it acts for.
 */
#include "process.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <restunnel/abi.h>

uint64_t process_rss(void)
{
	unsigned long long size, resident;
	FILE *f = fopen("/proc/self/statm", "re");
	int n = f ? fscanf(f, "%llu %llu", &size, &resident) : 0;
	if (f) fclose(f);
	return n == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

void process_harden(void)
{
	struct rlimit files, none = {0, 0};
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* ---- capabilities ---- */

#define PROCESS_CAPS_WORDS _LINUX_CAPABILITY_U32S_3

/* What `prepare` of a module may have been given for: gates and raw sockets of the network, ports below 1024. By number,
 * because a name may be newer than the header. */
static const unsigned process_caps_kept[] = {CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW, 39 /* CAP_BPF */};

static int process_caps_set(const struct __user_cap_data_struct caps[PROCESS_CAPS_WORDS])
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	return (int)syscall(SYS_capset, &head, caps);
}

static int process_caps_get(struct __user_cap_data_struct caps[PROCESS_CAPS_WORDS])
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	memset(caps, 0, PROCESS_CAPS_WORDS * sizeof(caps[0]));
	return (int)syscall(SYS_capget, &head, caps);
}

/* What a process may not drop from its bounding set would only come back by an exec, which no_new_privs sees to. */
static void process_caps_unbound(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++) {}
}

static int process_caps_none_left(void)
{
	struct __user_cap_data_struct caps[PROCESS_CAPS_WORDS];
	if (process_caps_get(caps)) return -1;
	bool left = false;
	for (unsigned i = 0; i < PROCESS_CAPS_WORDS; i++)
		left |= (caps[i].effective | caps[i].permitted | caps[i].inheritable) != 0;
	for (int cap = 0, set; (set = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0)) >= 0; cap++) left |= set != 0;
	errno = EPERM;
	return left ? -1 : 0;
}

int process_drop_privileges(void)
{
	static const struct __user_cap_data_struct none[PROCESS_CAPS_WORDS] = {{0, 0, 0}, {0, 0, 0}};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -1;
	process_caps_unbound();
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* before Linux 4.3 there is no such set */
	/* a supervisor's filter may forbid the call to a process that was given nothing */
	if (process_caps_none_left() && (process_caps_set(none) || process_caps_none_left())) return -1;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* a change of ids or capabilities may have reset it */
}

/* ---- whom it acts for ---- */

/* The user changes, and what `prepare` may need stays: of what there was, no more. */
static int process_keep(const struct __user_cap_data_struct had[PROCESS_CAPS_WORDS])
{
	struct __user_cap_data_struct keep[PROCESS_CAPS_WORDS];
	memset(keep, 0, sizeof(keep));
	for (size_t i = 0; i < sizeof(process_caps_kept) / sizeof(process_caps_kept[0]); i++) {
		unsigned word = process_caps_kept[i] / 32;
		keep[word].permitted |= had[word].permitted & 1U << process_caps_kept[i] % 32;
	}
	for (unsigned i = 0; i < PROCESS_CAPS_WORDS; i++) keep[i].effective = keep[i].permitted;
	return process_caps_set(keep) || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) ? -1 : 0;
}

static int process_become(const struct stat *st, bool keep)
{
	struct __user_cap_data_struct had[PROCESS_CAPS_WORDS];
	const struct passwd *pw = getpwuid(st->st_uid);
	int rc = keep && (process_caps_get(had) || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)) ? -1 : 0;
	if (!rc) rc = pw ? initgroups(pw->pw_name, st->st_gid) : setgroups(0, NULL);
	if (!rc && keep) process_caps_unbound(); /* later there is no right to */
	if (!rc) rc = setresgid(st->st_gid, st->st_gid, st->st_gid);
	if (!rc) rc = setresuid(st->st_uid, st->st_uid, st->st_uid);
	return !rc && keep ? process_keep(had) : rc;
}

int process_become_owner(const char *dir, bool keep, struct command_error *err)
{
	struct stat st;
	if (geteuid() || stat(dir, &st) || !st.st_uid) return 0;
	if (!process_become(&st, keep)) return 0;
	command_error_set(err, "no-permission", "run the command as that user",
			  "can't act as the owner of %s (user %u): %s", dir, (unsigned)st.st_uid,
			  strerror(errno));
	return -RTUN_EIO;
}
