/* SPDX-License-Identifier: BSD-2-Clause
 *
 * doctor_checks.c - what the core itself can look at: the configuration, data-dir, limits, and what `status` says.
 */
#include <config.h>

#include "doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "app_state.h"
#include "lock.h"
#include "status.h"

#define CHECKS_DISK_LEAST (UINT64_C(16) << 20) /* bytes: keys, lists of devices and counters are far below */
#define CHECKS_FILES_LEAST 4096U /* two for each of 2000 connections */
/* Before this line was written, and so far after it that nothing of today runs any more. The build has no date of its own. */
#define CHECKS_CLOCK_FIRST INT64_C(1761955200)  /* 2025-11-01 */
#define CHECKS_CLOCK_LAST INT64_C(4102444800)   /* 2100-01-01 */

/* ---- configuration ---- */

#define CHECKS_IS_GOOD "Is the configuration good?"

void doctor_check_configuration(json_t *checks, const char *path, const struct conf_report *r)
{
	uint32_t told = 0;
	for (uint32_t i = 0; i < r->count; i++) {
		const struct conf_problem *p = &r->items[i];
		if (!strcmp(p->code, "needs-restart")) continue;
		told += !p->warning;
		char place[32] = "";
		if (p->at.line) snprintf(place, sizeof(place), ":%u:%u", p->at.line, p->at.column);
		doctor_add(checks, "configuration", NULL, CHECKS_IS_GOOD, p->warning ? RTUN_UNKNOWN : RTUN_NO, p->remedy, "%s%s: %s",
			   p->at.file, place, p->text);
	}
	if (!told) doctor_add(checks, "configuration", NULL, CHECKS_IS_GOOD, RTUN_YES, NULL, "%s has no mistake", path);
}

static void checks_current(json_t *checks, struct app *app)
{
	static const char question[] = "Does it run with the configuration as it is in the file?";
	struct conf_report r = CONF_REPORT_INIT;
	const struct conf_problem *restart = NULL;
	uint32_t changed, other = 0;
	reload_look(app, &r, &changed);
	doctor_check_configuration(checks, app->config_path, &r);
	for (uint32_t i = 0; i < r.count; i++)
		if (!strcmp(r.items[i].code, "needs-restart")) restart = &r.items[i];
		else other += !r.items[i].warning;
	if (restart)
		doctor_add(checks, "configuration-current", NULL, question, RTUN_NO, restart->remedy, "the file has changed: %s", restart->text);
	else if (other)
		doctor_add(checks, "configuration-current", NULL, question, RTUN_NO, "correct the file, then: restunnel reload",
			   "the file can't be used any more; the configuration before it goes on");
	else if (changed)
		doctor_add(checks, "configuration-current", NULL, question, RTUN_NO, "restunnel reload",
			   "the file has changed since it was read; instances with other options: %u", changed);
	else
		doctor_add(checks, "configuration-current", NULL, question, RTUN_YES, NULL, "nothing in it has changed since it was read");
	conf_report_clear(&r);
}

/* ---- where it lives ---- */

static void checks_data_dir(json_t *checks, const char *dir)
{
	static const char question[] = "Is data-dir there, and closed to others?";
	struct command_error err;
	struct stat st;
	if (lock_look(dir, &err))
		doctor_add(checks, "data-dir", NULL, question, RTUN_NO, err.remedy, "%s", err.text);
	else if (stat(dir, &st))
		doctor_add(checks, "data-dir", NULL, question, RTUN_UNKNOWN, "restunnel init, or restunnel run", "there is no %s yet", dir);
	else
		doctor_add(checks, "data-dir", NULL, question, RTUN_YES, NULL, "%s, mode %03o", dir, (unsigned)st.st_mode & 0777);
}

static void checks_disk(json_t *checks, const char *dir)
{
	static const char question[] = "Is there room on its file system?";
	static const char remedy[] = "make room: devices can't be paired, nor counters kept, on a full disk";
	struct statvfs fs;
	if (statvfs(dir, &fs)) {
		if (errno != ENOENT) doctor_add(checks, "disk-space", NULL, question, RTUN_UNKNOWN, NULL, "%s: %s", dir, strerror(errno));
		return;
	}
	uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (fs.f_flag & ST_RDONLY)
		doctor_add(checks, "disk-space", NULL, question, RTUN_NO, "mount it writable, or choose another `data-dir:`",
			   "the file system of %s is read-only", dir);
	else if (fs.f_files && !fs.f_favail)
		doctor_add(checks, "disk-space", NULL, question, RTUN_NO, remedy, "no file can be made any more (no inode is left)");
	else
		doctor_add(checks, "disk-space", NULL, question, left < CHECKS_DISK_LEAST ? RTUN_NO : RTUN_YES,
			   left < CHECKS_DISK_LEAST ? remedy : NULL, "%llu MiB are left", (unsigned long long)(left >> 20));
}

static void checks_clock(json_t *checks)
{
	char text[32] = "";
	time_t now = time(NULL);
	struct tm tm;
	bool good = now >= CHECKS_CLOCK_FIRST && now < CHECKS_CLOCK_LAST;
	if (gmtime_r(&now, &tm)) strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm);
	doctor_add(checks, "clock", NULL, "Can the clock be right?", good ? RTUN_YES : RTUN_NO,
		   good ? NULL : "set it: timedatectl set-ntp true; tunnels work without, but who verifies a certificate is misled", "it is %s", text);
}

void doctor_check_place(json_t *checks, const char *data_dir)
{
	checks_data_dir(checks, data_dir);
	checks_disk(checks, data_dir);
	checks_clock(checks);
}

/* ---- while it runs ---- */

static void checks_files(json_t *checks)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files)) return;
	bool good = files.rlim_cur >= CHECKS_FILES_LEAST;
	doctor_add(checks, "open-files", NULL, "May it open enough files?", good ? RTUN_YES : RTUN_NO,
		   good ? NULL : "LimitNOFILE=65536 in the unit (systemctl edit restunnel), or ulimit -n 65536", "%llu at once; a connection needs two",
		   (unsigned long long)files.rlim_cur);
}

static const char *checks_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text ? text : "";
}

static void checks_sandbox(json_t *checks, const json_t *sandbox)
{
	bool on = !strcmp(checks_text(sandbox, "state"), "on");
	if (!json_is_object(sandbox)) return;
	/* why it is not is an alert, with its remedy */
	doctor_add(checks, "sandbox", NULL, "Is the process confined?", on ? RTUN_YES : RTUN_UNKNOWN, NULL, "%s: %s",
		   checks_text(sandbox, "state"), checks_text(sandbox, "text"));
}

/* Alerts are findings; instances without one are well. */
static void checks_status(json_t *checks, struct app *app)
{
	json_t *status = status_json(app), *x;
	size_t i;
	checks_sandbox(checks, json_object_get(status, "sandbox"));
	json_array_foreach(json_object_get(status, "alerts"), i, x)
		doctor_add(checks, checks_text(x, "code"), NULL, "Does all work?", RTUN_NO, checks_text(x, "remedy"), "%s", checks_text(x, "text"));
	json_array_foreach(json_object_get(status, "modules"), i, x)
		if (!strcmp(checks_text(x, "state"), "ok"))
			doctor_add(checks, "state", checks_text(x, "name"), "Does it work?", RTUN_YES, NULL, "%s", checks_text(x, "text"));
	json_decref(status);
}

void doctor_check_running(json_t *checks, struct app *app)
{
	checks_current(checks, app);
	checks_files(checks);
	checks_status(checks, app);
}
