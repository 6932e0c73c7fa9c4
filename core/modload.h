/* SPDX-License-Identifier: BSD-2-Clause
 *
 * modload.h - finds modules, judges whether they fit this program, and keeps what they say about themselves.
 *
 * A module once loaded stays: nothing is ever unloaded (what a library left behind would be called after it is gone).
 */
#ifndef MODLOAD_H
#define MODLOAD_H

#include <stdbool.h>

#include <restunnel/module.h>

struct modload;

struct modload_module {
	/* Copies as large as this program's structs; what an older module lacks is zero. */
	struct rtun_module m;
	struct rtun_command *commands;
	struct rtun_metric *metrics;
	uint32_t command_count, metric_count;
	char *file; /* "/usr/lib/.../ipfilter.so"; "(built in)" */
	struct modload_module *next;
};

/* Text of a refusal or of "no such module", and the remedy ("" where there is none). */
struct modload_error {
	char code[32]; /* "unknown-module", "module-refused" */
	char text[512];
	char remedy[256];
};

/* Modules that are part of the program, NULL at the end; written by the build. */
extern const struct rtun_module *const modload_static_modules[];
/* Names of all modules that come with restunnel, NULL at the end; written by the build. */
extern const char *const modload_official_modules[];

/* `dir` NULL: MODULEDIR; `builtin` NULL: modload_static_modules. Built-in modules go before files. */
int modload_create(const char *dir, const struct rtun_module *const *builtin, struct modload **ret);
void modload_destroy(struct modload **ml);

/* The module of that name, loaded at the first call. 0, -RTUN_ENOENT, -RTUN_EINVAL (it does not fit), -RTUN_ENOMEM. */
int modload_get(struct modload *ml, const char *name, const struct modload_module **ret, struct modload_error *err);

/* From now on no file is loaded: modload_get() of one that is there fails with the code "needs-restart" (-RTUN_ENOTSUP).
 * For a process that lets no more code in. */
void modload_close(struct modload *ml);
/* Where it looks for files. */
const char *modload_dir(const struct modload *ml);

/* Every installed module, by name: cb gets it, or NULL and the reason why it can't be used. -RTUN_EIO: dir unreadable. */
typedef void modload_each_cb(void *arg, const char *name, const struct modload_module *mod, const struct modload_error *err);
int modload_each(struct modload *ml, modload_each_cb *cb, void *arg);

/* Judge a descriptor, copy it: what dlsym() gave for `name` in `file`. */
int modload_accept(const struct rtun_module *found, const char *name, const char *file, struct rtun_module *ret, struct modload_error *err);

#endif
