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

int process_drop_privileges(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}, {0, 0, 0}};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -1;
	for (int cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++) {} /* what a process may not drop it has not got */
	return (int)syscall(SYS_capset, &head, none);
}

int process_become_owner(const char *dir, struct command_error *err)
{
	struct stat st;
	if (geteuid() || stat(dir, &st) || !st.st_uid) return 0;
	const struct passwd *pw = getpwuid(st.st_uid);
	int rc = pw ? initgroups(pw->pw_name, st.st_gid) : setgroups(0, NULL);
	if (!rc) rc = setresgid(st.st_gid, st.st_gid, st.st_gid);
	if (!rc) rc = setresuid(st.st_uid, st.st_uid, st.st_uid);
	if (!rc) return 0;
	command_error_set(err, "no-permission", "run the command as that user",
			  "can't act as the owner of %s (user %u): %s", dir, (unsigned)st.st_uid,
			  strerror(errno));
	return -RTUN_EIO;
}
