/* SPDX-License-Identifier: BSD-2-Clause
 *
 * app.h - a configuration brought to life: its modules, instances and commands; checked, set up, called, or run.
 *
 *   restunnel check   app_load, report, app_destroy
 *   restunnel init    app_load, app_setup, app_destroy
 *   VERB, no daemon   app_load, app_command, app_destroy
 *   restunnel run     app_load, app_run, app_destroy
 */
#ifndef APP_H
#define APP_H

#include "command.h"
#include "conf.h"
#include "instance.h"
#include "modload.h"

struct app;
struct loop;

struct app_options {
	const char *config_path;
	const char *module_dir; /* NULL: MODULEDIR */
	struct loop *loop;      /* NULL: one of its own (tests bring a virtual one, which they destroy after the app) */
};

/* Read the configuration, load the modules, fill their options, check the wiring, let every instance check itself, and
 * create them in order: all that `run` would refuse without an effect outside the process goes into `r` (sorted).
 * 0; -RTUN_ECONFIG; -RTUN_ENOMEM. *ret_app is NULL unless 0. */
int app_load(const struct app_options *o, struct conf_report *r, struct app **ret_app);
void app_destroy(struct app **app);

/* Make what must exist before the first run: data-dir itself, then `setup` of every instance, under data-dir's lock,
 * which the app keeps until it is destroyed. As root this process becomes data-dir's owner first, for good. What a
 * module logs or reports meanwhile goes to stderr. 0 or a negative RTUN_E... with the reason in `err`. */
int app_setup(struct app *app, struct command_error *err);

/* The daemon, until a signal ends it. 0, or negative with the reason already logged. */
int app_run(struct app *app);

/* Call a verb without a daemon: lock, setup, the verb, the loop until it answers (`timeout` ns, 0: two minutes), stop.
 * `on` may be NULL. *ret_answer is a new reference. Fails with code "running" when another process holds the lock. */
int app_command(struct app *app, const char *verb, const char *on, const json_t *args, uint64_t timeout, json_t **ret_answer,
		struct command_error *err);

/* Which instance and command a verb means. -RTUN_ENOENT (no such verb, with the nearest one; no such instance) or
 * -RTUN_EINVAL (several instances have it: name one with --on) with the reason in `err`. *ret_instance is NULL for the
 * core's own commands. `ret_cmd` is good as long as the app. */
int app_find_command(const struct app *app, const char *verb, const char *on, struct instance **ret_instance,
		     const struct rtun_command **ret_cmd, struct command_error *err);

/* {"schema":1,"commands":[{..., "module", "instances":[]}]}: command_describe() for every verb, the core's own (module
 * and instances empty) included. The same as the control socket's {"describe":true}. New reference. */
json_t *app_describe(const struct app *app);

/* Instances in order of start. */
uint32_t app_instance_count(const struct app *app);
struct instance *app_instance(const struct app *app, uint32_t i);
const struct conf *app_conf(const struct app *app);
struct modload *app_modload(const struct app *app);
struct loop *app_loop(const struct app *app);

#endif
