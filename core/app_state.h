/* SPDX-License-Identifier: BSD-2-Clause
 *
 * app_state.h - what an app is made of: for app.c and those it is divided into (daemon.c, reload.c, status.c), and for
 * the control socket.
 */
#ifndef APP_STATE_H
#define APP_STATE_H

#include "app.h"

struct control;
struct doctor;
struct event_bus;
struct keepfd;
struct lock;
struct log;
struct notify;
struct sandbox;

struct app {
	struct host_ctx core; /* the core's own: commands of its own are called with it, self is the app */
	struct loop *loop;
	bool loop_is_ours;
	struct log *log;
	struct event_bus *events;
	struct modload *modload;
	char *config_path, *data_dir;
	struct conf *conf;
	struct instance **instances; /* in the order of start */
	uint32_t count;
	struct lock *lock; /* since setup */

	/* while it runs */
	struct control *control;
	struct notify *notify;
	struct keepfd *keepfd;
	struct sandbox *sandbox;
	struct rtun_timer *tick;
	uint64_t started;     /* loop time */
	uint64_t stop_at;     /* 0: not draining */
	bool stopping;        /* the loop is about to end */
	bool running;
	struct command_error *reload_failure; /* the last reload's, or NULL */
	struct doctor *doctors; /* under way */
};

/* Parts of app_load() that reload repeats for a new configuration: one instance for each entry, options filled, wired
 * and checked. The array is there for app_instances_destroy() whatever the result. */
int app_instances_load(struct app *app, const struct conf *conf, struct conf_report *r, struct instance ***ret_items, uint32_t *ret_count);
void app_instances_destroy(struct instance ***items, uint32_t *count);
struct instance *app_instance_find(void *app, const char *name);
/* app_setup() as the user that this process is. */
int app_setup_here(struct app *app, struct command_error *err);
/* stop, consumers first; then what they left in the loop. */
void app_stop(struct app *app);

/* Commands of the core: NULL-named row at the end. */
extern const struct rtun_command app_core_commands[];

/* status.c, metric.c, reload.c, doctor.c */
rtun_command_fn status_command, commands_command, config_command, metric_command, reload_command, doctor_command;
/* 0, or negative with all reasons in `r`. */
int reload_run(struct app *app, struct conf_report *r);
/* What it would do, without doing it: errors in `r`, those with the code "needs-restart" among them; how many instances would
 * get new options. 0 or negative. */
int reload_look(struct app *app, struct conf_report *r, uint32_t *ret_changed);
/* reload_run() from a signal: logged, noted for status, told to systemd. */
int reload_and_tell(struct app *app, struct command_error *err);

#endif
