/* SPDX-License-Identifier: BSD-2-Clause
 *
 * instance.c - a module's callbacks in their order, and words for what they did not explain.
 */
#include <config.h>

#include "instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_state.h"
#include "event.h"
#include "log.h"

int instance_create(struct app *app, const struct conf_entry *entry, const struct modload_module *mod, struct conf_report *r,
		    struct instance **ret)
{
	struct instance *in = calloc(1, sizeof(*in));
	*ret = NULL;
	if (!in) return -RTUN_ENOMEM;
	in->name = strdup(entry->name);
	if (!in->name) {
		free(in);
		return -RTUN_ENOMEM;
	}
	in->host = app->core;
	in->host.ctx.self = NULL;
	in->host.ctx.instance = in->name;
	in->host.instance = in;
	in->app = app;
	in->module = mod;
	in->log_level = entry->log_level;
	in->entry = entry;
	int rc = mod ? schema_fill(mod->m.schema, entry->node, entry->node->at, conf_is_core_key, r, &in->cfg) : -RTUN_ECONFIG;
	if (rc && in->cfg) schema_free(&in->cfg); /* half a truth would only give more errors */
	if (rc && rc != -RTUN_ECONFIG)
		instance_destroy(&in);
	*ret = in;
	return rc;
}

void instance_destroy(struct instance **inp)
{
	struct instance *in = *inp;
	if (!in) return;
	if (in->state >= INSTANCE_CREATED && in->module->m.destroy) in->module->m.destroy(&in->host.ctx);
	if (in->cfg) schema_free(&in->cfg);
	free(in->provided);
	free(in->needs);
	free(in->name);
	free(in);
	*inp = NULL;
}

/* ---- what went wrong ---- */

static const char *instance_reason(int rc)
{
	switch (-rc) {
	case RTUN_ENOMEM: return "out of memory";
	case RTUN_EIO: return "a system call failed";
	case RTUN_EDENIED: return "permission denied";
	case RTUN_ENOENT: return "something it needs does not exist";
	case RTUN_ENOTSUP: return "this system lacks what it needs";
	case RTUN_EINVAL: return "it broke the rules of the module interface";
	default: return "it did not say why";
	}
}

/* -RTUN_ECONFIG was explained by the module itself; everything else gets at least a line. */
static int instance_result(struct instance *in, const char *doing, int rc)
{
	if (rc >= 0) return 0;
	if (rc == -RTUN_ECONFIG && in->complaints) return rc;
	if (in->report)
		conf_report_add(in->report, in->entry->node->at, "module-failed", NULL, "'%s' (module %s) can't be %s: %s",
				in->name, in->module->m.name,
				doing, instance_reason(rc));
	else
		log_text(in->host.log, in->name, RTUN_ERROR, "can't be %s: %s", doing, instance_reason(rc));
	return rc;
}

/* "rules[2].ports[0]": as far as there is something. NULL: not even the first key. */
static const struct conf_node *instance_node(const struct conf_node *node, const char *path)
{
	char member[64], key[64];
	size_t len = strcspn(path, "[.");
	snprintf(member, sizeof(member), "%.*s", (int)len, path);
	const struct conf_node *found = conf_node_get(node, schema_key(member, key));
	for (path += len; found && *path == '['; path += strcspn(path, "]") + 1) {
		const struct conf_node *item = found->kind == CONF_LIST ? found->child : NULL;
		for (unsigned long i = strtoul(path + 1, NULL, 10); item && i; i--) item = item->next;
		if (!item) return found;
		found = item;
	}
	if (!found || *path != '.' || found->kind != CONF_MAP) return found;
	const struct conf_node *below = instance_node(found, path + 1);
	return below ? below : found;
}

static struct conf_place instance_place(const struct instance *in, const char *key)
{
	const struct conf_node *node = key ? instance_node(in->entry->node, key) : NULL;
	return node ? node->at : in->entry->node->at;
}

void host_conf_error(struct rtun_ctx *ctx, const char *key, const char *remedy, const char *fmt, va_list ap)
{
	struct instance *in = instance_of(ctx);
	char text[1024];
	in->complaints++;
	vsnprintf(text, sizeof(text), fmt, ap);
	struct conf_place at = instance_place(in, key);
	if (in->report)
		conf_report_add(in->report, at, "bad-value", remedy, "%s", text);
	else
		log_text(in->host.log, in->name, RTUN_ERROR, "%s:%u:%u: %s%s%s", at.file, at.line, at.column, text, remedy ? "; " : "",
			 remedy ? remedy : "");
}

void host_conf_warn(struct rtun_ctx *ctx, const char *key, const char *code, const char *remedy, const char *fmt, va_list ap)
{
	const struct instance *in = instance_of(ctx);
	char text[1024];
	vsnprintf(text, sizeof(text), fmt, ap);
	if (in->report) conf_report_warn(in->report, instance_place(in, key), code, remedy, "%s", text);
}

/* ---- life ---- */

int instance_check(struct instance *in, struct conf_report *r)
{
	if (!in->module->m.check) return 0;
	in->report = r;
	in->complaints = 0;
	int rc = instance_result(in, "used like this", in->module->m.check(&in->host.ctx, in->cfg->cfg));
	in->report = NULL;
	return rc;
}

int instance_begin(struct instance *in, struct conf_report *r)
{
	in->report = r;
	in->complaints = 0;
	service_resolve(in, in->cfg->cfg, app_instance_find, in->app);
	in->state = INSTANCE_CREATED;
	int rc = instance_result(in, "created", in->module->m.create ? in->module->m.create(&in->host.ctx, in->cfg->cfg) : 0);
	const char *missing = rc ? NULL : service_missing(in);
	if (missing) {
		conf_report_add(r, in->entry->node->at, "module-failed", "report it to the module's author",
				"'%s' (module %s) promises %s and does not provide it", in->name, in->module->m.name, missing);
		rc = -RTUN_EINVAL;
	}
	in->report = NULL;
	return rc;
}

int instance_setup(struct instance *in)
{
	in->complaints = 0;
	in->state = INSTANCE_SET_UP;
	return in->module->m.setup ? instance_result(in, "set up", in->module->m.setup(&in->host.ctx)) : 0;
}

int instance_prepare(struct instance *in)
{
	in->complaints = 0;
	return in->module->m.prepare ? instance_result(in, "prepared", in->module->m.prepare(&in->host.ctx)) : 0;
}

int instance_start(struct instance *in)
{
	in->complaints = 0;
	int rc = in->module->m.start ? instance_result(in, "started", in->module->m.start(&in->host.ctx)) : 0;
	if (!rc) in->state = INSTANCE_STARTED;
	return rc;
}

int instance_reload(struct instance *in, const void *cfg) { return in->module->m.reload(&in->host.ctx, cfg); }

void instance_drain(struct instance *in, uint64_t ns)
{
	if (in->state == INSTANCE_STARTED && in->module->m.drain) in->module->m.drain(&in->host.ctx, ns);
}

void instance_stop(struct instance *in)
{
	if (in->state != INSTANCE_SET_UP && in->state != INSTANCE_STARTED) return;
	in->state = INSTANCE_STOPPED;
	if (in->module->m.stop) in->module->m.stop(&in->host.ctx);
}

void instance_advise(struct instance *in, struct conf_report *r)
{
	if (!in->module->m.advise) return;
	in->report = r;
	in->module->m.advise(&in->host.ctx);
	in->report = NULL;
}

void instance_status(struct instance *in, struct rtun_status *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->size = sizeof(*ret);
	ret->state = RTUN_STATE_OK;
	if (in->state != INSTANCE_STARTED || !in->module->m.status) return;
	in->module->m.status(&in->host.ctx, ret);
	if (ret->state < RTUN_STATE_OK || ret->state > RTUN_STATE_DOWN) ret->state = RTUN_STATE_DEGRADED;
	ret->text[sizeof(ret->text) - 1] = 0;
	ret->code[sizeof(ret->code) - 1] = 0;
	ret->remedy[sizeof(ret->remedy) - 1] = 0;
}

/* ---- host table ---- */

const char *host_data_dir(struct rtun_ctx *ctx) { return instance_of(ctx)->app->data_dir; }

const char *host_program_version(struct rtun_ctx *ctx)
{
	(void)ctx;
	return PACKAGE_VERSION;
}
