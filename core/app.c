/* SPDX-License-Identifier: BSD-2-Clause
 *
 * app.c - from a configuration file to created instances, and what can be done with them without a daemon.
 */
#include "app.h"
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_state.h"
#include "doctor.h"
#include "event.h"
#include "lock.h"
#include "log.h"
#include "loop.h"
#include "modgraph.h"
#include "modlisten.h"
#include "nearest.h"
#include "process.h"
#include "sandbox.h"
#include "timer.h"

#define APP_COMMAND_TIMEOUT (120 * RTUN_S)
#define APP_LAST_TURNS 8 /* closes that lead to closes */

/* ---- instances ---- */

static int app_load_entry(struct app *app, const struct conf_entry *entry, struct conf_report *r, struct instance **ret)
{
	const struct modload_module *mod = NULL;
	struct modload_error err = {"", "", ""};
	const struct conf_node *node = conf_node_get(entry->node, "module");
	int rc = modload_get(app->modload, entry->module, &mod, &err);
	*ret = NULL;
	if (rc == -RTUN_ENOMEM) return rc;
	if (rc) conf_report_add(r, node ? node->at : entry->node->at, err.code, err.remedy[0] ? err.remedy : NULL, "%s", err.text);
	return instance_create(app, entry, mod, r, ret);
}

int app_instances_load(struct app *app, const struct conf *conf, struct conf_report *r,
		       struct instance ***ret_items, uint32_t *ret_count)
{
	struct instance **items = calloc(conf->count + 1, sizeof(struct instance *));
	uint32_t n = 0;
	int rc = items ? 0 : -RTUN_ENOMEM;
	for (uint32_t i = 0; items && i < conf->count && rc != -RTUN_ENOMEM; i++) {
		if (!conf->entries[i].module || !conf->entries[i].name) continue; /* reported by whoever read the file */
		int one = app_load_entry(app, &conf->entries[i], r, &items[n]);
		if (items[n]) n++;
		if (one) rc = one;
	}
	*ret_items = items;
	*ret_count = n;
	if (rc == -RTUN_ENOMEM) return rc;
	int listen = modlisten_judge(items, n, r); /* while they are in the order of the file */
	if (listen) rc = listen;
	int graph = modgraph_resolve(items, n, !conf->broken, r);
	for (uint32_t i = 0; i < n; i++) {
		int one = items[i]->cfg ? instance_check(items[i], r) : 0;
		if (one) rc = one;
	}
	return graph ? graph : rc;
}

void app_instances_destroy(struct instance ***items, uint32_t *count)
{
	for (uint32_t i = *count; i-- > 0;) instance_destroy(&(*items)[i]);
	free(*items);
	*items = NULL;
	*count = 0;
}

struct instance *app_instance_find(void *arg, const char *name)
{
	const struct app *app = arg;
	for (uint32_t i = 0; i < app->count; i++)
		if (!strcmp(app->instances[i]->name, name)) return app->instances[i];
	return NULL;
}

/* ---- load, destroy ---- */

static int app_parts(struct app *app, const struct app_options *o)
{
	int rc = 0;
	app->loop = o->loop;
	app->config_path = strdup(o->config_path);
	if (!app->config_path) return -RTUN_ENOMEM;
	if (!o->loop) {
		rc = loop_create(&app->loop);
		app->loop_is_ours = !rc;
	}
	if (!rc) rc = log_create(STDERR_FILENO, &app->log);
	if (!rc) rc = event_bus_create(app->loop, &app->events);
	if (!rc) rc = modload_create(o->module_dir, NULL, &app->modload);
	app->core = (struct host_ctx){{&host_table, app, NULL}, app->loop, NULL, app->log, app->events};
	return rc;
}

static int app_begin(struct app *app, struct conf_report *r)
{
	int rc = 0;
	for (uint32_t i = 0; i < app->count && !rc; i++) rc = instance_begin(app->instances[i], r);
	return rc;
}

static int app_read(struct app *app, struct conf_report *r)
{
	int rc = conf_load(app->config_path, r, &app->conf);
	if (!app->conf) return rc ? rc : -RTUN_ENOMEM;
	app->data_dir = strdup(app->conf->data_dir);
	if (!app->data_dir) return -RTUN_ENOMEM;
	int wiring = app_instances_load(app, app->conf, r, &app->instances, &app->count);
	if (!rc) rc = wiring;
	if (!rc && r->errors) rc = -RTUN_ECONFIG;
	return rc ? rc : app_begin(app, r);
}

int app_load(const struct app_options *o, struct conf_report *r, struct app **ret_app)
{
	struct app *app = calloc(1, sizeof(*app));
	*ret_app = NULL;
	if (!app) return -RTUN_ENOMEM;
	int rc = app_parts(app, o);
	if (!rc) rc = app_read(app, r);
	conf_report_sort(r);
	if (rc) {
		if (rc != -RTUN_ENOMEM && !r->errors)
			conf_report_add(r, (struct conf_place){o->config_path, 0, 0}, "unreadable", NULL, "the configuration can't be used");
		app_destroy(&app);
		return rc == -RTUN_ENOMEM ? rc : -RTUN_ECONFIG;
	}
	*ret_app = app;
	return 0;
}

void app_destroy(struct app **appp)
{
	struct app *app = *appp;
	if (!app) return;
	app_stop(app);
	app_instances_destroy(&app->instances, &app->count);
	if (app->loop)
		for (unsigned i = 0; i < APP_LAST_TURNS; i++) loop_turn(app->loop);
	conf_free(&app->conf);
	modload_destroy(&app->modload);
	event_bus_destroy(&app->events);
	log_destroy(&app->log);
	if (app->loop_is_ours) loop_destroy(&app->loop);
	lock_close(&app->lock);
	sandbox_destroy(&app->sandbox);
	free(app->reload_failure);
	free(app->config_path);
	free(app->data_dir);
	free(app);
	*appp = NULL;
}

/* ---- setup, stop ---- */

int app_setup(struct app *app, struct command_error *err)
{
	int rc = process_become_owner(app->data_dir, false, err);
	return rc ? rc : app_setup_here(app, err);
}

int app_setup_here(struct app *app, struct command_error *err)
{
	int rc = 0;
	if (!app->lock) rc = lock_open(app->data_dir, &app->lock, err);
	for (uint32_t i = 0; i < app->count && !rc; i++) {
		if (app->instances[i]->state != INSTANCE_CREATED) continue;
		rc = instance_setup(app->instances[i]);
		if (rc)
			command_error_set(err, "setup-failed", NULL, "'%s' (module %s) could not be set up: the reason is above",
					  app->instances[i]->name,
					  app->instances[i]->module->m.name);
	}
	return rc;
}

void app_stop(struct app *app)
{
	doctor_stop(app);
	for (uint32_t i = app->count; i-- > 0;) instance_stop(app->instances[i]);
	/* Streams that linger belong to modules, too: they end while those still have their state. */
	if (app->loop) stream_end_lingers(loop_lingers(app->loop));
	if (app->count && app->loop)
		for (unsigned i = 0; i < APP_LAST_TURNS; i++) loop_turn(app->loop);
}

/* ---- commands ---- */

static const struct rtun_command *app_command_of(const struct instance *in, const char *verb)
{
	for (uint32_t i = 0; i < in->module->command_count; i++)
		if (!strcmp(in->module->commands[i].name, verb)) return &in->module->commands[i];
	return NULL;
}

static bool app_command_holds(const struct instance *in, const struct rtun_command *c)
{
	return !in->cfg || schema_when(in->module->m.schema, in->cfg->cfg, c->when);
}

static const struct rtun_command *app_core_command(const char *verb)
{
	for (const struct rtun_command *c = app_core_commands; c->name; c++)
		if (!strcmp(c->name, verb)) return c;
	return NULL;
}

static int app_no_verb(const struct app *app, const char *verb, struct command_error *err)
{
	char remedy[160];
	struct nearest n;
	nearest_init(&n, verb);
	for (const struct rtun_command *c = app_core_commands; c->name; c++) nearest_try(&n, c->name);
	for (uint32_t i = 0; i < app->count; i++)
		for (uint32_t j = 0; j < app->instances[i]->module->command_count; j++)
			nearest_try(&n, app->instances[i]->module->commands[j].name);
	if (n.best)
		snprintf(remedy, sizeof(remedy), "did you mean '%s'?", n.best);
	else
		snprintf(remedy, sizeof(remedy), "`restunnel --help` lists them");
	command_error_set(err, "unknown-command", remedy, "no instance of this configuration has the command '%.64s'", verb);
	return -RTUN_ENOENT;
}

static int app_command_on(const struct app *app, const char *verb, const char *on, struct instance **ret_instance,
			  const struct rtun_command **ret_cmd, struct command_error *err)
{
	char remedy[160];
	struct nearest n;
	union { const struct app *in; struct app *out; } u = {app};
	struct instance *in = app_instance_find(u.out, on);
	if (!in) {
		nearest_init(&n, on);
		for (uint32_t i = 0; i < app->count; i++) nearest_try(&n, app->instances[i]->name);
		snprintf(remedy, sizeof(remedy), "did you mean '%s'?", n.best ? n.best : "");
		command_error_set(err, "unknown-instance", n.best ? remedy : NULL, "there is no instance named '%.64s'", on);
		return -RTUN_ENOENT;
	}
	*ret_cmd = app_command_of(in, verb);
	*ret_instance = in;
	if (*ret_cmd) return 0;
	command_error_set(err, "unknown-command", NULL, "'%s' (module %s) has no command '%.64s'", on, in->module->m.name, verb);
	return -RTUN_ENOENT;
}

/* How many have it; the last of them. `all`: also those for which it is not meant. */
static uint32_t app_commands(const struct app *app, const char *verb, bool all, struct instance **ret_instance,
			     const struct rtun_command **ret_cmd, char *names, size_t size)
{
	size_t used = 0;
	uint32_t n = 0;
	for (uint32_t i = 0; i < app->count; i++) {
		const struct rtun_command *c = app_command_of(app->instances[i], verb);
		if (!c || (!all && !app_command_holds(app->instances[i], c))) continue;
		if (used < size) used += (size_t)snprintf(names + used, size - used, "%s%s", n ? ", " : "", app->instances[i]->name);
		n++;
		*ret_cmd = c;
		*ret_instance = app->instances[i];
	}
	return n;
}

int app_find_command(const struct app *app, const char *verb, const char *on, struct instance **ret_instance,
		     const struct rtun_command **ret_cmd, struct command_error *err)
{
	char names[256] = "";
	uint32_t n;
	*ret_instance = NULL;
	*ret_cmd = app_core_command(verb);
	if (*ret_cmd && !on) return 0;
	if (on) return app_command_on(app, verb, on, ret_instance, ret_cmd, err);
	n = app_commands(app, verb, false, ret_instance, ret_cmd, names, sizeof(names));
	if (n == 1) return 0;
	if (!n) return app_commands(app, verb, true, ret_instance, ret_cmd, NULL, 0) ? 0 : app_no_verb(app, verb, err); /* says in its words why not */
	command_error_set(err, "ambiguous-command", "say which one: --on INSTANCE",
			  "several instances have the command '%s': %s", verb, names);
	return -RTUN_EINVAL;
}

/* One description for each verb of a module, with the instances that have it. */
static json_t *app_describe_module(const struct app *app, uint32_t first, const struct rtun_command *c)
{
	const struct modload_module *mod = app->instances[first]->module;
	json_t *names = json_array();
	for (uint32_t i = first; i < app->count; i++)
		if (app->instances[i]->module == mod && app_command_holds(app->instances[i], c))
			json_array_append_new(names, json_string(app->instances[i]->name));
	json_t *o = command_describe(c);
	json_object_set_new(o, "module", json_string(mod->m.name));
	json_object_set_new(o, "instances", names);
	return o;
}

json_t *app_describe(const struct app *app)
{
	json_t *all = json_array();
	for (const struct rtun_command *c = app_core_commands; c->name; c++) {
		json_t *o = command_describe(c);
		json_object_set_new(o, "module", json_null());
		json_object_set_new(o, "instances", json_array());
		json_array_append_new(all, o);
	}
	for (uint32_t i = 0; i < app->count; i++) {
		const struct modload_module *mod = app->instances[i]->module;
		uint32_t first = 0;
		while (app->instances[first]->module != mod) first++;
		for (uint32_t j = 0; first == i && j < mod->command_count; j++)
			json_array_append_new(all, app_describe_module(app, i, &mod->commands[j]));
	}
	return json_pack("{s:i, s:o}", "schema", COMMAND_SCHEMA, "commands", all);
}

/* ---- a verb without a daemon ---- */

struct app_call {
	struct app *app;
	json_t *answer;
	struct command_error *err;
	struct rtun_reply *reply; /* until it is given */
	bool done;
};

static void app_call_done(void *arg, char *answer, size_t len, const struct command_error *err)
{
	struct app_call *call = arg;
	call->answer = answer ? json_loadb(answer, len, JSON_DECODE_ANY, NULL) : NULL;
	if (err)
		*call->err = *err;
	else if (!call->answer)
		command_error_set(call->err, "out-of-memory", NULL, "out of memory");
	free(answer);
	call->done = true;
	loop_stop(call->app->loop);
}

static void app_call_late(void *arg)
{
	struct app_call *call = arg;
	command_abandon(&call->reply); /* too late is too late, also for an answer in this very turn */
	loop_stop(call->app->loop);
}

static int app_call(struct app *app, struct instance *in, const struct rtun_command *cmd, const json_t *args,
		    uint64_t timeout,
		    struct app_call *call)
{
	struct rtun_timer *late = NULL;
	int rc = host_timer_create(&app->core.ctx, app_call_late, call, &late);
	if (rc) return rc;
	loop_update(app->loop);
	host_timer_start(late, timeout ? timeout : APP_COMMAND_TIMEOUT);
	command_call(in ? &in->host.ctx : &app->core.ctx, cmd, args, app_call_done, call, &call->reply);
	if (!call->done) loop_run(app->loop);
	host_timer_destroy(&late);
	if (!call->done) {
		command_abandon(&call->reply);
		command_error_set(call->err, "timeout", NULL, "'%s' did not answer in time", cmd->name);
		return -RTUN_ETIMEOUT;
	}
	return call->answer ? 0 : -RTUN_ECONFIG;
}

int app_command(struct app *app, const char *verb, const char *on, const json_t *args, uint64_t timeout, json_t **ret_answer,
		struct command_error *err)
{
	struct instance *in;
	const struct rtun_command *cmd;
	struct app_call call = {.app = app, .err = err};
	*ret_answer = NULL;
	int rc = app_find_command(app, verb, on, &in, &cmd, err);
	if (rc) return rc;
	if (!(cmd->flags & RTUN_CMD_OFFLINE)) {
		command_error_set(err, "not-running", COMMAND_START,
				  "'%s' needs a running restunnel, and none uses %s",
				  verb, app->data_dir);
		return -RTUN_ENOTSUP;
	}
	rc = app_setup(app, err);
	if (rc) return rc;
	rc = app_call(app, in, cmd, args, timeout, &call);
	if (rc == -RTUN_ENOMEM) command_error_set(err, "out-of-memory", NULL, "out of memory");
	*ret_answer = call.answer;
	app_stop(app);
	return rc;
}

/* ---- parts ---- */

uint32_t app_instance_count(const struct app *app) { return app->count; }
struct instance *app_instance(const struct app *app, uint32_t i) { return i < app->count ? app->instances[i] : NULL; }
const struct conf *app_conf(const struct app *app) { return app->conf; }
struct modload *app_modload(const struct app *app) { return app->modload; }
struct loop *app_loop(const struct app *app) { return app->loop; }
