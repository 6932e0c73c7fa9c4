/* SPDX-License-Identifier: BSD-2-Clause
 *
 * sandbox.c - which files are needed, and the order in which the walls are put up: capabilities, Landlock, seccomp.
 */
#include <config.h>

#include "sandbox.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app_state.h"
#include "list_rows.h"
#include "log.h"
#include "process.h"
#include "sandbox_parts.h"

#define SANDBOX_THREADS_WAIT 10000 /* ms */
#define SANDBOX_THREADS_LOOK 10    /* ms */

struct sandbox {
	struct app *app;
	bool off, seccomp;
	int abi; /* of Landlock; 0: unavailable */
	uint32_t needs;
	int proc; /* keeps /proc/self in memory: a rule is about an inode, and the kernel may forget this one's */
	struct sandbox_landlock *landlock;
	char text[256], trouble[256];
};

/* ---- files ---- */

/* A path that can't be allowed stays closed; the others are none the worse for it. */
static void sandbox_allow(struct sandbox *s, const char *path, uint32_t rights)
{
	if (!sandbox_landlock_allow(s->landlock, path, rights)) return;
	log_text(s->app->log, NULL, RTUN_WARN, "sandbox: %s can't be allowed and stays closed: %s", path, strerror(errno));
}

/* The directory of `path`: what an editor or a package puts there by a rename is another file. Not of files in "/",
 * which would open everything. */
static void sandbox_allow_beside(struct sandbox *s, const char *path, uint32_t rights)
{
	char *copy = strdup(path);
	const char *dir = copy ? dirname(copy) : "/";
	sandbox_allow(s, strcmp(dir, "/") ? dir : path, rights);
	free(copy);
}

/* The same for what a path leads to. */
static void sandbox_allow_both(struct sandbox *s, const char *path)
{
	char *real = realpath(path, NULL);
	sandbox_allow_beside(s, path, SANDBOX_READ);
	if (real) sandbox_allow_beside(s, real, SANDBOX_READ);
	free(real);
}

static void sandbox_allow_configuration(struct sandbox *s)
{
	char *drop_ins = NULL;
	sandbox_allow_both(s, s->app->config_path);
	for (uint32_t i = 0; i < s->app->conf->tree_count; i++) sandbox_allow_both(s, s->app->conf->trees[i]->file);
	if (asprintf(&drop_ins, "%s.d", s->app->config_path) < 0) return;
	sandbox_allow(s, drop_ins, SANDBOX_READ);
	free(drop_ins);
}

/* A file that an option names, which may be a directory, and need not exist yet. */
static void sandbox_allow_file(struct sandbox *s, const char *path, bool written)
{
	struct stat st;
	if (!path || path[0] != '/') return; /* below data-dir */
	if (written)
		sandbox_allow_beside(s, path, SANDBOX_MAKE);
	else if (!stat(path, &st) && S_ISDIR(st.st_mode))
		sandbox_allow(s, path, SANDBOX_READ);
	else
		sandbox_allow_both(s, path);
}

static void sandbox_allow_sockets(struct sandbox *s, const struct rtun_list *endpoints)
{
	for (uint32_t i = 0; i < endpoints->count; i++) {
		const struct rtun_endpoint *e = list_at(endpoints, i);
		if (e->path) sandbox_allow_beside(s, e->path, SANDBOX_SOCKET);
	}
}

static void sandbox_allow_options(struct sandbox *s, const struct instance *in)
{
	const struct rtun_option *row;
	for (uint32_t i = 0; (row = schema_row(in->module->m.schema, i)); i++) {
		const void *member = (const char *)in->cfg->cfg + row->offset;
		if (row->type == RTUN_T_FILE) sandbox_allow_file(s, *(const char *const *)member, row->flags & RTUN_WRITTEN);
		if (row->type == RTUN_T_LISTEN) sandbox_allow_sockets(s, member);
	}
}

/* resolv.conf is often a link to what another service writes, perhaps later than now: then the nearest directory there is. */
static void sandbox_allow_target(struct sandbox *s, const char *path)
{
	char link[PATH_MAX], target[PATH_MAX + 8];
	struct stat st;
	ssize_t len = readlink(path, link, sizeof(link) - 1);
	if (len <= 0) return;
	link[len] = 0;
	snprintf(target, sizeof(target), "%s%s", link[0] == '/' ? "" : "/etc/", link);
	char *dir = dirname(target);
	while (strcmp(dir, "/") && stat(dir, &st)) dir = dirname(dir);
	if (strcmp(dir, "/")) sandbox_allow(s, dir, SANDBOX_READ);
}

/* What a look-up reads, in libc and in c-ares. */
static void sandbox_allow_resolver(struct sandbox *s)
{
	static const char *const files[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		sandbox_allow_both(s, files[i]); /* links to links, too */
		sandbox_allow_target(s, files[i]);
	}
}

/* The classes are links to devices, of which others may come: a modem that is plugged in again is another directory. */
static void sandbox_allow_machine(struct sandbox *s)
{
	sandbox_allow(s, "/sys/class/power_supply", SANDBOX_READ);
	sandbox_allow(s, "/sys/devices", SANDBOX_KNOWN);
}

/* ---- Landlock ---- */

static const struct {
	const char *path;
	uint32_t rights;
} sandbox_always[] = {
	{"/proc/self", SANDBOX_READ}, /* memory in use */
	{"/dev/null", SANDBOX_READ | SANDBOX_WRITE},
	{"/dev/urandom", SANDBOX_READ}, /* older c-ares */
#if defined __SANITIZE_ADDRESS__
	{"/proc", SANDBOX_READ}, /* reports name the lines of the source */
	{"/usr", SANDBOX_READ},
	{"/lib", SANDBOX_READ},
#endif
#ifdef COVERAGE_DIR
	{COVERAGE_DIR, SANDBOX_READ | SANDBOX_WRITE},
#endif
};

static void sandbox_allow_all(struct sandbox *s)
{
	const struct app *app = s->app;
	sandbox_allow(s, app->data_dir, SANDBOX_READ | SANDBOX_WRITE | SANDBOX_SOCKET);
	for (size_t i = 0; i < sizeof(sandbox_always) / sizeof(sandbox_always[0]); i++)
		sandbox_allow(s, sandbox_always[i].path, sandbox_always[i].rights);
	sandbox_allow_configuration(s);
	sandbox_allow(s, modload_dir(app->modload), SANDBOX_READ);
	for (uint32_t i = 0; i < app->count; i++) sandbox_allow_options(s, app->instances[i]);
	if (s->needs & SANDBOX_RESOLVE) sandbox_allow_resolver(s);
	if (s->needs & SANDBOX_MACHINE) sandbox_allow_machine(s);
}

static int sandbox_files(struct sandbox *s, char why[SANDBOX_WHY])
{
	int abi = sandbox_landlock_abi(why);
	if (abi < 0) return -1;
	s->proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc = sandbox_landlock_begin(abi, s->needs, &s->landlock);
	if (!rc) sandbox_allow_all(s);
	if (!rc) rc = sandbox_landlock_close(s->landlock);
	if (rc) snprintf(why, SANDBOX_WHY, "%s", strerror(errno));
	sandbox_landlock_destroy(&s->landlock);
	if (!rc) s->abi = abi;
	return rc;
}

/* ---- threads ---- */

static unsigned sandbox_threads(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/task");
	for (struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.';
	if (d) closedir(d);
	return n;
}

/* Capabilities and Landlock are each thread's own. A rtun_work() of `prepare` may be about to end. */
static int sandbox_alone(const struct app *app)
{
	const struct timespec pause = {.tv_nsec = SANDBOX_THREADS_LOOK * 1000000L};
	unsigned waited = 0;
	while (sandbox_threads() > 1 && waited < SANDBOX_THREADS_WAIT) {
		nanosleep(&pause, NULL);
		waited += SANDBOX_THREADS_LOOK;
	}
	if (waited < SANDBOX_THREADS_WAIT) return 0;
	log_text(app->log, NULL, RTUN_ERROR, "a module has made a thread before `start`, which would stay outside of the sandbox; "
		 "it must wait until `start`: tell the module's author");
	return -RTUN_EIO;
}

/* ---- closing it ---- */

/* libc before 2.34 loads these at the first look-up, and by then no code is loaded any more. */
static void sandbox_preload(uint32_t needs)
{
	static const char *const files[] = {"libnss_files.so.2", "libnss_dns.so.2"};
	for (size_t i = 0; needs & SANDBOX_RESOLVE && i < sizeof(files) / sizeof(files[0]); i++) dlopen(files[i], RTLD_NOW | RTLD_LOCAL);
}

static void sandbox_lacks(struct sandbox *s, const char *what, const char *why)
{
	size_t used = strlen(s->trouble);
	snprintf(s->trouble + used, sizeof(s->trouble) - used, "%s%s: %s", used ? "; " : "the sandbox is not complete: ", what, why);
}

static void sandbox_describe(struct sandbox *s)
{
	char files[32] = "no Landlock", open[96] = "";
	json_t *needs = sandbox_needs_json(s->needs);
	const json_t *need;
	size_t i, used = 0;
	json_array_foreach(needs, i, need)
		if (used < sizeof(open)) used += (size_t)snprintf(open + used, sizeof(open) - used, "%s%s", i ? ", " : "", json_string_value(need));
	json_decref(needs);
	if (s->abi) snprintf(files, sizeof(files), "Landlock ABI %d", s->abi);
	if (s->off || (!s->seccomp && !s->abi))
		snprintf(s->text, sizeof(s->text), "no capabilities, but all else is open%s", s->off ? " (`sandbox: false`)" : "");
	else
		snprintf(s->text, sizeof(s->text), "no capabilities, %s, %s; left open: %s", s->seccomp ? "seccomp" : "no seccomp", files,
			 open[0] ? open : "nothing");
}

static void sandbox_close(struct sandbox *s)
{
	char why[SANDBOX_WHY] = "";
	sandbox_preload(s->needs);
	if (sandbox_files(s, why)) sandbox_lacks(s, "no Landlock", why);
	s->seccomp = !sandbox_seccomp(s->needs, why);
	if (!s->seccomp) sandbox_lacks(s, "no seccomp", why);
}

int sandbox_enter(struct app *app, struct sandbox **ret)
{
	struct sandbox *s = calloc(1, sizeof(*s));
	if (!s) return -RTUN_ENOMEM;
	*s = (struct sandbox){.app = app, .off = !app->conf->sandbox, .proc = -1, .needs = sandbox_needs(app->instances, app->count)};
	*ret = s;
	int rc = sandbox_alone(app);
	if (!rc && process_drop_privileges()) {
		log_text(app->log, NULL, RTUN_ERROR, "can't drop all capabilities: %s", strerror(errno));
		rc = -RTUN_EIO;
	}
	if (rc) return rc;
	modload_close(app->modload);
	if (s->off)
		snprintf(s->trouble, sizeof(s->trouble), "the sandbox is off: the configuration says `sandbox: false`");
	else
		sandbox_close(s);
	sandbox_describe(s);
	if (s->trouble[0]) log_text(app->log, NULL, RTUN_WARN, "%s", s->trouble);
	return 0;
}

void sandbox_destroy(struct sandbox **sp)
{
	if (!*sp) return;
	if ((*sp)->proc >= 0) close((*sp)->proc);
	free(*sp);
	*sp = NULL;
}

bool sandbox_refuses(const struct sandbox *s, enum sandbox_need need) { return s && s->seccomp && !(s->needs & need); }

/* ---- telling ---- */

json_t *sandbox_json(const struct sandbox *s)
{
	char abi[32];
	if (!s) return json_null();
	const char *without = s->off ? "off" : "unavailable";
	snprintf(abi, sizeof(abi), "abi %d", s->abi);
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s}", "state", s->off ? "off" : s->trouble[0] ? "partial" : "on", "capabilities", "none",
			 "seccomp", s->seccomp ? "on" : without, "landlock", s->abi ? abi : without, "needs", sandbox_needs_json(s->needs), "text",
			 s->text);
}

const char *sandbox_trouble(const struct sandbox *s, const char **ret_text, const char **ret_remedy)
{
	if (!s || !s->trouble[0]) return NULL;
	*ret_text = s->trouble;
	*ret_remedy = s->off ? "remove that line and restart, unless a module does not work without it"
			     : "a kernel with both (Linux 5.13, landlock in lsm=) and a restunnel built with libseccomp confine a taken-over process";
	return s->off ? "sandbox-off" : "sandbox-partial";
}
