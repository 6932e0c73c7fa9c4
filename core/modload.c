/* SPDX-License-Identifier: BSD-2-Clause
 *
 * modload.c - from a name in the configuration to a descriptor that fits this program.
 */
#include "modload.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "list_rows.h"
#include "nearest.h"
#include "sandbox.h"

#define MODLOAD_NAME_MAX 64
#define MODLOAD_BUILTIN "(built in)"

struct modload {
	char *dir;
	const struct rtun_module *const *builtin;
	struct modload_module *modules;
	bool closed;
};

__attribute__((format(printf, 4, 5)))
static void modload_say(struct modload_error *e, const char *code, const char *remedy, const char *fmt, ...)
{
	va_list ap;
	if (!e) return;
	snprintf(e->code, sizeof(e->code), "%s", code);
	snprintf(e->remedy, sizeof(e->remedy), "%s", remedy);
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
}

int modload_create(const char *dir, const struct rtun_module *const *builtin, struct modload **ret)
{
	struct modload *ml = calloc(1, sizeof(*ml));
	if (!ml) return -RTUN_ENOMEM;
	ml->dir = strdup(dir ? dir : MODULEDIR);
	ml->builtin = builtin ? builtin : modload_static_modules;
	if (!ml->dir) {
		free(ml);
		return -RTUN_ENOMEM;
	}
	*ret = ml;
	return 0;
}

static void modload_module_free(struct modload_module *mod)
{
	free(mod->commands);
	free(mod->metrics);
	free(mod->file);
	free(mod);
}

void modload_destroy(struct modload **mlp)
{
	struct modload *ml = *mlp;
	if (!ml) return;
	for (struct modload_module *mod; (mod = ml->modules);) {
		ml->modules = mod->next;
		modload_module_free(mod);
	}
	free(ml->dir);
	free(ml);
	*mlp = NULL;
}

/* ---- does it fit? ---- */

static bool modload_version_fits(const struct rtun_module *m)
{
	if (m->abi_major != RTUN_ABI_MAJOR) return false;
	/* 0.x promises nothing from one minor to the next */
	return RTUN_ABI_MAJOR ? m->abi_minor <= RTUN_ABI_MINOR : m->abi_minor == RTUN_ABI_MINOR;
}

static bool modload_schema_fits(const struct rtun_schema *s)
{
	return !s || (s->size >= sizeof(*s) && s->struct_size && (!s->options.count || (s->options.items && s->options.item_size)));
}

int modload_accept(const struct rtun_module *found, const char *name, const char *file, struct rtun_module *ret,
		   struct modload_error *err)
{
	static const char rebuild[] = "install the version of the module that was built for this restunnel, or build it again";
	memset(ret, 0, sizeof(*ret));
	/* the version is at a place that never changes: look at it before believing anything else */
	if (found->size < offsetof(struct rtun_module, license)) {
		modload_say(err, "module-refused", rebuild,
			    "%s is not a module of restunnel: its table is %u bytes short of what every version had",
			    file, (unsigned)(offsetof(struct rtun_module, license) - found->size));
		return -RTUN_EINVAL;
	}
	if (!modload_version_fits(found)) {
		modload_say(err, "module-refused", rebuild, "%s was built for module ABI %u.%u, this restunnel has %u.%u", file,
			    (unsigned)found->abi_major, (unsigned)found->abi_minor, RTUN_ABI_MAJOR, RTUN_ABI_MINOR);
		return -RTUN_EINVAL;
	}
	if (!found->name || strcmp(found->name, name)) {
		modload_say(err, "module-refused", "rename the file to what the module calls itself",
			    "%s says that it is the module '%.64s', not '%s'",
			    file, found->name ? found->name : "", name);
		return -RTUN_EINVAL;
	}
	memcpy(ret, found, found->size < sizeof(*ret) ? found->size : sizeof(*ret));
	ret->size = sizeof(*ret);
	if (!modload_schema_fits(ret->schema)) {
		modload_say(err, "module-refused", rebuild,
			    "%s describes its options in a way that this restunnel does not understand", file);
		return -RTUN_EINVAL;
	}
	const char *unknown = sandbox_need_unknown(&ret->needs);
	if (unknown) {
		modload_say(err, "module-refused", rebuild, "%s needs '%.64s', which this restunnel does not know", file, unknown);
		return -RTUN_EINVAL;
	}
	return 0;
}

/* ---- files ---- */

/* What another user or anyone may write, root must not run. */
static int modload_trust(const char *path, struct modload_error *err)
{
	struct stat st;
	char remedy[256];
	if (geteuid() || stat(path, &st)) return 0;
	if (st.st_uid != 0) {
		snprintf(remedy, sizeof(remedy), "chown root '%.150s', after making sure that it is what it should be", path);
		modload_say(err, "module-refused", remedy, "%s belongs to another user; root does not load code from it", path);
		return -RTUN_EINVAL;
	}
	if (!(st.st_mode & S_IWOTH)) return 0;
	snprintf(remedy, sizeof(remedy), "chmod o-w '%.150s', after making sure that nobody has changed it", path);
	modload_say(err, "module-refused", remedy, "%s can be written by everyone; root does not load code from it", path);
	return -RTUN_EINVAL;
}

void modload_close(struct modload *ml) { ml->closed = true; }

const char *modload_dir(const struct modload *ml) { return ml->dir; }

static int modload_open(const struct modload *ml, const char *file, const struct rtun_module **ret,
			struct modload_error *err)
{
	if (ml->closed) {
		modload_say(err, "needs-restart", "systemctl restart restunnel, or stop it and start it again",
			    "another module needs a restart: %s is not loaded, and code is loaded only at the start", file);
		return -RTUN_ENOTSUP;
	}
	int rc = modload_trust(ml->dir, err);
	if (!rc) rc = modload_trust(file, err);
	if (rc) return rc;
	void *so = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!so) {
		const char *why = dlerror();
		modload_say(err, "module-refused", "see whether `ldd` finds all libraries of the file", "%s can't be loaded: %.300s", file,
			    why ? why : "unknown reason");
		return -RTUN_EINVAL;
	}
	*ret = dlsym(so, "rtun_module");
	if (!*ret) {
		modload_say(err, "module-refused", "remove the file from the directory of modules",
			    "%s is not a module of restunnel: it has no symbol rtun_module", file);
		return -RTUN_EINVAL;
	}
	return 0;
}

static const struct rtun_module *modload_builtin(const struct modload *ml, const char *name)
{
	for (const struct rtun_module *const *m = ml->builtin; *m; m++)
		if (!strcmp((*m)->name, name)) return *m;
	return NULL;
}

static bool modload_name_good(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
	return len && len <= MODLOAD_NAME_MAX && !name[len];
}

/* The name of a module's file without ".so", or false. */
static bool modload_name_of_file(const char *file, char name[MODLOAD_NAME_MAX + 1])
{
	size_t len = strlen(file);
	if (len < 4 || len - 3 > MODLOAD_NAME_MAX || strcmp(file + len - 3, ".so")) return false;
	memcpy(name, file, len - 3);
	name[len - 3] = 0;
	return modload_name_good(name);
}

/* ---- one by name ---- */

static void modload_unknown(struct modload *ml, const char *name, struct modload_error *err)
{
	char found[MODLOAD_NAME_MAX + 1], remedy[256];
	struct nearest n;
	nearest_init(&n, name);
	char best[MODLOAD_NAME_MAX + 1] = "";
	for (const struct rtun_module *const *m = ml->builtin; *m; m++) {
		nearest_try(&n, (*m)->name);
		if (n.best == (*m)->name) snprintf(best, sizeof(best), "%s", n.best);
	}
	DIR *d = opendir(ml->dir);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (!modload_name_of_file(e->d_name, found)) continue;
		nearest_try(&n, found);
		if (n.best == found) { /* `found` is about to change */
			snprintf(best, sizeof(best), "%s", found);
			n.best = best;
		}
	}
	if (d) closedir(d);
	for (const char *const *o = modload_official_modules; *o; o++) {
		if (strcmp(*o, name)) continue;
		snprintf(remedy, sizeof(remedy), "install the package that contains %.100s/%s.so", ml->dir, name);
		modload_say(err, "unknown-module", remedy, "the module '%s' belongs to restunnel, but is not installed", name);
		return;
	}
	if (best[0])
		snprintf(remedy, sizeof(remedy), "did you mean '%s'?", best);
	else
		snprintf(remedy, sizeof(remedy), "`restunnel modules` lists those that are installed in %.100s", ml->dir);
	modload_say(err, "unknown-module", remedy, "there is no module '%.64s'", name);
}

/* They are typed, and become a part of paths and of JSON. */
static bool modload_verb_good(const char *name)
{
	size_t len = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") : 0;
	return len && name[0] != '-' && len <= MODLOAD_NAME_MAX && !name[len];
}

static int modload_verbs(const struct modload_module *mod, const char *file, struct modload_error *err)
{
	for (size_t i = 0; i < mod->command_count; i++) {
		const char *name = mod->commands[i].name;
		if (modload_verb_good(name)) continue;
		modload_say(err, "module-refused", "verbs are of a-z, 0-9, '-' and '_'", "%s has a verb whose name is not one: '%.64s'", file,
			    name ? name : "");
		return -RTUN_EINVAL;
	}
	return 0;
}

/* Copies of the lists' rows. */
static int modload_rows(struct modload_module *mod)
{
	mod->commands = calloc(mod->m.commands.count + 1, sizeof(*mod->commands));
	mod->metrics = calloc(mod->m.metrics.count + 1, sizeof(*mod->metrics));
	if (!mod->commands || !mod->metrics) return -RTUN_ENOMEM;
	while (list_row(&mod->m.commands, mod->command_count, &mod->commands[mod->command_count], sizeof(*mod->commands)))
		mod->command_count++;
	while (list_row(&mod->m.metrics, mod->metric_count, &mod->metrics[mod->metric_count], sizeof(*mod->metrics)))
		mod->metric_count++;
	return 0;
}

static int modload_add(struct modload *ml, const struct rtun_module *found, const char *name, const char *file,
		       const struct modload_module **ret, struct modload_error *err)
{
	struct modload_module *mod = calloc(1, sizeof(*mod));
	if (!mod) return -RTUN_ENOMEM;
	int rc = modload_accept(found, name, file, &mod->m, err);
	if (!rc) rc = modload_rows(mod);
	if (!rc) rc = modload_verbs(mod, file, err);
	mod->file = strdup(file);
	if (!rc && !mod->file) rc = -RTUN_ENOMEM;
	if (rc) {
		modload_module_free(mod);
		return rc;
	}
	mod->next = ml->modules;
	ml->modules = mod;
	*ret = mod;
	return 0;
}

int modload_get(struct modload *ml, const char *name, const struct modload_module **ret, struct modload_error *err)
{
	*ret = NULL;
	for (const struct modload_module *mod = ml->modules; mod; mod = mod->next)
		if (!strcmp(mod->m.name, name)) {
			*ret = mod;
			return 0;
		}
	const struct rtun_module *found = modload_builtin(ml, name);
	if (found) return modload_add(ml, found, name, MODLOAD_BUILTIN, ret, err);

	char *file = NULL;
	int rc = -RTUN_ENOENT;
	if (modload_name_good(name) && asprintf(&file, "%s/%s.so", ml->dir, name) < 0) return -RTUN_ENOMEM;
	if (file && !access(file, F_OK)) {
		rc = modload_open(ml, file, &found, err);
		if (!rc) rc = modload_add(ml, found, name, file, ret, err);
	} else {
		modload_unknown(ml, name, err);
	}
	free(file);
	return rc;
}

/* ---- all ---- */

struct modload_names {
	char (*items)[MODLOAD_NAME_MAX + 1];
	size_t count;
};

static int modload_names_add(struct modload_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(names->items[i], name)) return 0;
	void *items = realloc(names->items, (names->count + 1) * sizeof(names->items[0]));
	if (!items) return -RTUN_ENOMEM;
	names->items = items;
	snprintf(names->items[names->count++], sizeof(names->items[0]), "%s", name);
	return 0;
}

static int modload_names_read(const struct modload *ml, struct modload_names *names)
{
	char name[MODLOAD_NAME_MAX + 1];
	int rc = 0;
	for (const struct rtun_module *const *m = ml->builtin; *m && !rc; m++) rc = modload_names_add(names, (*m)->name);
	DIR *d = opendir(ml->dir);
	if (!d) return rc ? rc : *ml->builtin ? 0 : -RTUN_EIO; /* a program that has all of them inside needs no directory */
	for (struct dirent *e; !rc && (e = readdir(d));)
		if (modload_name_of_file(e->d_name, name)) rc = modload_names_add(names, name);
	closedir(d);
	return rc;
}

static int modload_names_order(const void *a, const void *b) { return strcmp(a, b); }

int modload_each(struct modload *ml, modload_each_cb *cb, void *arg)
{
	struct modload_names names = {NULL, 0};
	int rc = modload_names_read(ml, &names);
	if (names.count) qsort(names.items, names.count, sizeof(names.items[0]), modload_names_order);
	for (size_t i = 0; !rc && i < names.count; i++) {
		const struct modload_module *mod;
		struct modload_error err = {"", "", ""};
		int one = modload_get(ml, names.items[i], &mod, &err);
		if (one == -RTUN_ENOMEM)
			rc = one;
		else
			cb(arg, names.items[i], mod, &err);
	}
	free(names.items);
	return rc;
}
