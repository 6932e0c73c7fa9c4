/* SPDX-License-Identifier: BSD-2-Clause
 *
 * daemon.c - the program while it runs: start, signals, supervision, the end.
 */
#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_state.h"
#include "control.h"
#include "event.h"
#include "keepfd.h"
#include "lock.h"
#include "log.h"
#include "loop.h"
#include "notify.h"
#include "process.h"
#include "sandbox.h"
#include "status.h"
#include "timer.h"

#define DAEMON_TICK (10 * RTUN_S)
#define DAEMON_DRAIN (10 * RTUN_S)
#define DAEMON_DRAIN_LOOK (50 * RTUN_MS)

/* ---- the end ---- */

static void daemon_stop(struct app *app)
{
	app->stopping = true;
	loop_stop(app->loop);
}

/* Nothing that a user would miss is under way any more, or it has had its time. */
static bool daemon_drained(const struct app *app) { return !*loop_held(app->loop) || loop_now(app->loop) >= app->stop_at; }

static void daemon_on_end(void *arg)
{
	struct app *app = arg;
	if (app->stopping) return;
	if (app->stop_at) {
		log_text(app->log, NULL, RTUN_NOTICE, "asked again: stopping at once");
		daemon_stop(app);
		return;
	}
	log_text(app->log, NULL, RTUN_NOTICE, "stopping: connections under way get up to %u s", (unsigned)(DAEMON_DRAIN / RTUN_S));
	notify_send(app->notify, "STOPPING=1\nSTATUS=Stopping.");
	app->stop_at = loop_now(app->loop) + DAEMON_DRAIN;
	for (uint32_t i = app->count; i-- > 0;) instance_drain(app->instances[i], DAEMON_DRAIN);
	host_timer_start(app->tick, DAEMON_DRAIN_LOOK); /* not at once: a dial may be about to become a relay */
}

static void daemon_on_reload(void *arg)
{
	struct app *app = arg;
	struct command_error err;
	if (!app->stop_at) reload_and_tell(app, &err); /* has been logged */
}

/* ---- every now and then ---- */

static uint64_t daemon_interval(const struct app *app)
{
	uint64_t watchdog = notify_watchdog(app->notify);
	return app->stop_at ? DAEMON_DRAIN_LOOK : watchdog && watchdog < DAEMON_TICK ? watchdog : DAEMON_TICK;
}

static void daemon_on_tick(void *arg)
{
	struct app *app = arg;
	char sentence[512];
	if (app->stop_at && daemon_drained(app)) {
		daemon_stop(app);
		return;
	}
	log_flush(app->log, loop_now(app->loop));
	status_sentence(app, sentence, sizeof(sentence));
	notify_send(app->notify, "WATCHDOG=1\nSTATUS=%s", sentence);
	host_timer_start(app->tick, daemon_interval(app));
}

/* ---- the beginning ---- */

static int daemon_signals(struct app *app)
{
	int rc = loop_on_signal(app->loop, SIGTERM, daemon_on_end, app);
	if (!rc) rc = loop_on_signal(app->loop, SIGINT, daemon_on_end, app);
	if (!rc) rc = loop_on_signal(app->loop, SIGHUP, daemon_on_reload, app);
	return rc;
}

static int daemon_set_up(struct app *app)
{
	struct command_error err;
	int rc = process_become_owner(app->data_dir, true, &err);
	if (!rc) rc = app_setup_here(app, &err);
	if (rc) log_text(app->log, NULL, RTUN_ERROR, "%s%s%s", err.text, err.remedy[0] ? "; " : "", err.remedy);
	for (uint32_t i = 0; i < app->count && !rc; i++) rc = instance_prepare(app->instances[i]);
	if (!rc) keepfd_settle(app->keepfd);
	if (!rc) rc = control_create(app, &app->control);
	return rc;
}

static void daemon_hello(const struct app *app)
{
	char text[1024] = "";
	size_t used = 0;
	for (uint32_t i = 0; i < app->count && used < sizeof(text); i++) {
		const struct instance *in = app->instances[i];
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s (%s %s)", i ? ", " : "", in->name, in->module->m.name,
					 in->module->m.version ? in->module->m.version : "");
	}
	log_text(app->log, NULL, RTUN_NOTICE, "restunnel " PACKAGE_VERSION " has started, configuration %s: %s",
		 app->config_path, text);
}

static int daemon_start(struct app *app)
{
	char sentence[512];
	int rc = sandbox_enter(app, &app->sandbox);
	loop_update(app->loop);
	app->started = loop_now(app->loop);
	for (uint32_t i = 0; i < app->count && !rc; i++) rc = instance_start(app->instances[i]);
	if (!rc) rc = host_timer_create(&app->core.ctx, daemon_on_tick, app, &app->tick);
	if (rc) return rc;
	app->running = true;
	host_timer_start(app->tick, daemon_interval(app));
	daemon_hello(app);
	status_sentence(app, sentence, sizeof(sentence));
	notify_send(app->notify, "READY=1\nSTATUS=%s", sentence);
	return 0;
}

int app_run(struct app *app)
{
	process_harden();
	log_set(app->log, app->conf->log_level, app->conf->log_json);
	int rc = notify_open(&app->notify);
	if (!rc) rc = keepfd_create(app->notify, &app->keepfd);
	if (!rc) rc = daemon_signals(app);
	if (!rc) rc = daemon_set_up(app);
	if (!rc) rc = daemon_start(app);
	if (!rc) loop_run(app->loop);
	if (rc) {
		log_text(app->log, NULL, RTUN_ERROR, "restunnel did not start");
		notify_send(app->notify, "STATUS=Did not start: the reason is in the log.");
	}
	app->running = false;
	app->stopping = true;
	host_timer_destroy(&app->tick);
	app_stop(app);
	control_destroy(&app->control);
	event_bus_flush(app->events);
	if (!rc) log_text(app->log, NULL, RTUN_NOTICE, "stopped");
	keepfd_destroy(&app->keepfd);
	notify_close(&app->notify);
	return rc;
}
