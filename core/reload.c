/* SPDX-License-Identifier: BSD-2-Clause
 *
 * reload.c - a new configuration for a running program: all of it, or nothing.
 *
 * Everything is read, filled, wired and checked in instances that stand beside the running ones ("new" below). Only
 * when nothing at all is wrong, and nothing changed that asks for a restart, the running ones get their new options,
 * one after the other; should one refuse, those before it get their old ones back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app_state.h"
#include "event.h"
#include "log.h"
#include "loop.h"
#include "notify.h"
#include "status.h"
#include "value.h"

#define RELOAD_LINE 32
#define RELOAD_RESTART "systemctl restart restunnel, or stop it and start it again"

struct reload {
	struct app *app;
	struct conf *conf;
	struct conf_report *r;
	struct instance **items; /* new */
	uint32_t count;
	uint32_t changed; /* how many; mark says which */
	struct instance *in; /* under comparison: the new one */
};

struct reload_event {
	uint64_t changed;
};
static const struct rtun_field reload_fields[] = {
	{"changed", "How many instances got new options.", RTUN_F_U64, offsetof(struct reload_event, changed)},
};
static const struct rtun_event_type reload_event = {
	sizeof(struct rtun_event_type), sizeof(struct reload_event), "config.reloaded", "A new configuration is in effect.", RTUN_LIST(reload_fields),
};

static struct conf_place reload_place(const struct instance *in, const char *key)
{
	char buf[64];
	const struct conf_node *node = conf_node_get(in->entry->node, schema_key(key, buf));
	return node ? node->at : in->entry->node->at;
}

/* ---- what changed ---- */

static void reload_row(void *arg, const struct rtun_option *row)
{
	struct reload *rl = arg;
	char key[64];
	bool can = (row->flags & RTUN_RELOADABLE) && row->type != RTUN_T_REF && rl->in->module->m.reload;
	rl->in->mark = 1;
	if (can) return;
	conf_report_add(rl->r, reload_place(rl->in, row->key), "needs-restart", RELOAD_RESTART,
			"a change of `%s` of '%s' needs a restart",
			schema_key(row->key, key), rl->in->name);
}

/* A file that `reload` takes may have changed though its name hasn't. */
static bool reload_rereads(const struct instance *in)
{
	const struct rtun_option *row;
	for (uint32_t i = 0; (row = schema_row(in->module->m.schema, i)); i++) {
		const char *file = NULL;
		if (row->type == RTUN_T_FILE && row->flags & RTUN_RELOADABLE)
			memcpy(&file, (const char *)in->cfg->cfg + row->offset, sizeof(file));
		if (file) return true;
	}
	return false;
}

static void reload_compare(struct reload *rl, struct instance *in)
{
	const struct instance *old = app_instance_find(rl->app, in->name);
	in->mark = 0;
	if (!old) {
		conf_report_add(rl->r, in->entry->node->at, "needs-restart", RELOAD_RESTART,
				"the new instance '%s' needs a restart", in->name);
	} else if (old->module != in->module) {
		conf_report_add(rl->r, reload_place(in, "module"), "needs-restart", RELOAD_RESTART,
				"another module for '%s' needs a restart", in->name);
	} else {
		rl->in = in;
		schema_diff(in->module->m.schema, old->cfg->cfg, in->cfg->cfg, reload_row, rl);
		rl->changed += in->mark;
		if (in->module->m.reload && reload_rereads(in)) in->mark = 1;
	}
}

static void reload_gone(struct reload *rl, const struct instance *old)
{
	for (uint32_t i = 0; i < rl->count; i++)
		if (!strcmp(rl->items[i]->name, old->name)) return;
	conf_report_add(rl->r, (struct conf_place){rl->conf->path, 0, 0}, "needs-restart", RELOAD_RESTART,
			"removing the instance '%s' needs a restart",
			old->name);
}

static void reload_top(struct reload *rl, const char *key, bool same)
{
	struct conf_place at = {rl->conf->path, 0, 0};
	if (same) return;
	for (uint32_t i = 0; i < rl->conf->tree_count; i++) {
		const struct conf_node *root = rl->conf->trees[i]->root;
		const struct conf_node *node = root && root->kind == CONF_MAP ? conf_node_get(root, key) : NULL;
		if (node) at = node->at;
	}
	conf_report_add(rl->r, at, "needs-restart", RELOAD_RESTART, "another `%s` needs a restart", key);
}

static int reload_judge(struct reload *rl)
{
	int rc = conf_load(rl->app->config_path, rl->r, &rl->conf);
	if (!rl->conf) return rc ? rc : -RTUN_ENOMEM;
	int wiring = app_instances_load(rl->app, rl->conf, rl->r, &rl->items, &rl->count);
	if (rc || wiring) return rc ? rc : wiring;
	reload_top(rl, "data-dir", !strcmp(rl->conf->data_dir, rl->app->data_dir));
	reload_top(rl, "sandbox", rl->conf->sandbox == rl->app->conf->sandbox);
	for (uint32_t i = 0; i < rl->count; i++) reload_compare(rl, rl->items[i]);
	for (uint32_t i = 0; i < rl->app->count; i++) reload_gone(rl, rl->app->instances[i]);
	return rl->r->errors ? -RTUN_ECONFIG : 0;
}

/* ---- apply ---- */

/* What conf_error() of the running instance points into while it judges its new options. */
static int reload_give(struct reload *rl, struct instance *old, const struct instance *in)
{
	const struct conf_entry *entry = old->entry;
	uint32_t errors = rl->r->errors;
	old->entry = in->entry;
	old->report = rl->r;
	int rc = instance_reload(old, in->cfg->cfg);
	old->entry = entry;
	old->report = NULL;
	if (rc && rl->r->errors == errors)
		conf_report_add(rl->r, in->entry->node->at, "reload-refused", RELOAD_RESTART,
				"'%s' (module %s) did not take its new options", in->name,
				in->module->m.name);
	return rc;
}

static void reload_undo(struct reload *rl, uint32_t n)
{
	while (n-- > 0) {
		struct instance *old = app_instance_find(rl->app, rl->items[n]->name);
		if (!rl->items[n]->mark || !instance_reload(old, old->cfg->cfg)) continue;
		/* It goes on with the new ones: so they must live on. */
		struct schema_struct *cfg = old->cfg;
		old->cfg = rl->items[n]->cfg;
		rl->items[n]->cfg = cfg;
		log_text(rl->app->log, old->name, RTUN_ERROR,
			 "did not take its old options back after a reload that failed elsewhere; restart restunnel");
	}
}

static int reload_apply(struct reload *rl)
{
	for (uint32_t i = 0; i < rl->count; i++) {
		struct instance *in = rl->items[i];
		struct instance *old = app_instance_find(rl->app, in->name);
		service_resolve(in, in->cfg->cfg, app_instance_find, rl->app);
		int rc = in->mark ? reload_give(rl, old, in) : 0;
		if (rc) {
			reload_undo(rl, i);
			return rc;
		}
	}
	return 0;
}

/* Nothing can fail from here on. */
static void reload_commit(struct reload *rl)
{
	struct app *app = rl->app;
	struct reload_event e = {rl->changed};
	for (uint32_t i = 0; i < rl->count; i++) {
		struct instance *in = rl->items[i];
		struct instance *old = app_instance_find(app, in->name);
		old->entry = in->entry;
		old->log_level = in->log_level;
		if (!in->mark) continue;
		struct schema_struct *cfg = old->cfg;
		old->cfg = in->cfg;
		in->cfg = cfg; /* goes with the new instance */
	}
	struct conf *conf = app->conf;
	app->conf = rl->conf;
	rl->conf = conf;
	log_set(app->log, app->conf->log_level, app->conf->log_json);
	event_publish(app->events, NULL, &reload_event, &e);
	log_text(app->log, NULL, RTUN_NOTICE, "configuration reloaded; instances with new options: %u", rl->changed);
}

int reload_run(struct app *app, struct conf_report *r)
{
	struct reload rl = {.app = app, .r = r};
	int rc = reload_judge(&rl);
	if (!rc) rc = reload_apply(&rl);
	if (!rc) reload_commit(&rl);
	if (rl.items) app_instances_destroy(&rl.items, &rl.count);
	conf_free(&rl.conf);
	conf_report_sort(r);
	return rc;
}

int reload_look(struct app *app, struct conf_report *r, uint32_t *ret_changed)
{
	struct reload rl = {.app = app, .r = r};
	int rc = reload_judge(&rl);
	*ret_changed = rl.changed;
	if (rl.items) app_instances_destroy(&rl.items, &rl.count);
	conf_free(&rl.conf);
	conf_report_sort(r);
	return rc;
}

/* ---- told to whom it concerns ---- */

/* ":LINE:COLUMN", or nothing: what is missing has no line. */
static const char *reload_line(const struct conf_place *at, char buf[RELOAD_LINE])
{
	buf[0] = 0;
	if (at->line) snprintf(buf, RELOAD_LINE, ":%u:%u", at->line, at->column);
	return buf;
}

static void reload_log(const struct app *app, const struct conf_report *r)
{
	for (uint32_t i = 0; i < r->count; i++) {
		const struct conf_problem *p = &r->items[i];
		char line[RELOAD_LINE];
		log_text(app->log, NULL, p->warning ? RTUN_WARN : RTUN_ERROR, "%s%s: %s%s%s", p->at.file,
			 reload_line(&p->at, line), p->text, p->remedy ? "; " : "", p->remedy ? p->remedy : "");
	}
}

/* All errors in one sentence; their remedy, when they have one in common (several changes may need one restart). */
static void reload_words(const struct conf_report *r, struct command_error *err)
{
	static const char correct[] = "correct the configuration, see `restunnel check`, and reload again";
	const char *remedy = NULL;
	const char *between = "";
	command_error_set(err, "reload-failed", NULL, "the configuration was not reloaded, the one before it goes on: %s",
			  r->errors ? "" : "out of memory");
	size_t used = strlen(err->text);
	for (uint32_t i = 0; i < r->count; i++) {
		const struct conf_problem *p = &r->items[i];
		char line[RELOAD_LINE];
		if (p->warning) continue;
		const char *its = p->remedy ? p->remedy : correct;
		remedy = !remedy || !strcmp(remedy, its) ? its : correct;
		if (used < sizeof(err->text))
			used += (size_t)snprintf(err->text + used, sizeof(err->text) - used, "%s%s%s: %s", between, p->at.file,
						 reload_line(&p->at, line), p->text);
		between = "; ";
	}
	snprintf(err->remedy, sizeof(err->remedy), "%s", remedy ? remedy : "");
}

static void reload_failed(struct app *app, const struct conf_report *r, struct command_error *err)
{
	struct command_error *kept;
	reload_log(app, r);
	log_text(app->log, NULL, RTUN_ERROR, "the configuration was not reloaded (errors: %u), the one before it goes on",
		 r->errors);
	reload_words(r, err);
	kept = app->reload_failure ? app->reload_failure : malloc(sizeof(*kept));
	if (!kept) return; /* no alert; the log and who asked have been told */
	*kept = *err;
	app->reload_failure = kept;
}

int reload_and_tell(struct app *app, struct command_error *err)
{
	struct conf_report r = CONF_REPORT_INIT;
	struct timespec now;
	char sentence[512];
	clock_gettime(CLOCK_MONOTONIC, &now); /* systemd compares it with its own: never virtual */
	notify_send(app->notify, "RELOADING=1\nMONOTONIC_USEC=%llu",
		    (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
	int rc = reload_run(app, &r);
	if (rc) {
		reload_failed(app, &r, err);
	} else {
		reload_log(app, &r); /* warnings */
		free(app->reload_failure);
		app->reload_failure = NULL;
	}
	status_sentence(app, sentence, sizeof(sentence));
	notify_send(app->notify, "READY=1\nSTATUS=%s", sentence);
	conf_report_clear(&r);
	return rc;
}

void reload_command(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	struct app *app = ctx->self;
	struct command_error err;
	(void)args;
	if (app->stop_at) {
		rtun_reply_fail(&reply, "stopping", "restunnel is about to stop", NULL);
	} else if (reload_and_tell(app, &err)) {
		rtun_reply_fail(&reply, err.code, err.text, err.remedy);
	} else {
		struct rtun_value *v = rtun_object(ctx);
		rtun_set_text(ctx, v, "sentence", "The new configuration is in effect.");
		rtun_reply_ok(&reply, v);
	}
}
