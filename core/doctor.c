/* SPDX-License-Identifier: BSD-2-Clause
 *
 * doctor.c - the command `doctor`: asks every instance at once for its part, waits a while, and puts all together.
 */
#include <config.h>

#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_state.h"
#include "loop.h"
#include "timer.h"
#include "value.h"

#define DOCTOR_PATIENCE (20 * RTUN_S)
#define DOCTOR_TEXT 1024

struct doctor_part {
	struct doctor *doctor;
	struct instance *in;
	struct rtun_reply *reply; /* while it is awaited */
	json_t *checks;
};

struct doctor {
	struct app *app;
	struct doctor *next;
	struct rtun_reply *reply;
	struct rtun_timer *late;
	json_t *checks; /* the core's own */
	struct doctor_part *parts;
	uint32_t waiting;
};

/* ---- checks ---- */

void doctor_add(json_t *checks, const char *code, const char *on, const char *question, uint32_t answer, const char *remedy,
		const char *fmt, ...)
{
	char text[DOCTOR_TEXT];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_t *ok = answer == RTUN_UNKNOWN ? json_null() : json_boolean(answer == RTUN_YES);
	json_array_append_new(checks, json_pack("{s:s, s:s?, s:s, s:o, s:o, s:o}", "code", code, "on", on, "question", question, "ok", ok,
						"text", value_json_text(text), "remedy", value_json_text(remedy && *remedy ? remedy : NULL)));
}

json_t *doctor_document(json_t *checks)
{
	size_t i, findings = 0, unknown = 0;
	const json_t *check;
	char text[128];
	json_array_foreach(checks, i, check) {
		findings += json_is_false(json_object_get(check, "ok"));
		unknown += json_is_null(json_object_get(check, "ok"));
	}
	int used = findings ? snprintf(text, sizeof(text), "%zu of %zu checks found something", findings, json_array_size(checks))
			    : snprintf(text, sizeof(text), "Nothing wrong was found in %zu checks", json_array_size(checks));
	if (unknown) used += snprintf(text + used, sizeof(text) - (size_t)used, ", %zu could not tell", unknown);
	snprintf(text + used, sizeof(text) - (size_t)used, ".");
	return json_pack("{s:b, s:s, s:o}", "ok", findings == 0, "sentence", text, "checks", checks);
}

/* ---- parts ---- */

static const char *doctor_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text ? text : "";
}

static void doctor_no_answer(json_t *checks, const struct instance *in, const char *remedy, const char *why)
{
	doctor_add(checks, "no-answer", in->name, "Did it look at itself?", RTUN_UNKNOWN, remedy, "it did not: %s", why);
}

/* What a module says is copied member by member: nothing else gets into the answer. */
static void doctor_take(json_t *checks, const struct instance *in, const json_t *answer)
{
	const json_t *list = json_object_get(answer, "checks"), *check;
	size_t i;
	if (!json_is_array(list)) doctor_no_answer(checks, in, NULL, "its answer can't be understood");
	json_array_foreach(list, i, check) {
		const json_t *ok = json_object_get(check, "ok");
		const char *code = doctor_text(check, "code"), *question = doctor_text(check, "question");
		if (!*code || !*question)
			doctor_no_answer(checks, in, NULL, "a part of its answer can't be understood");
		else
			doctor_add(checks, code, in->name, question, json_is_true(ok) ? RTUN_YES : json_is_false(ok) ? RTUN_NO : RTUN_UNKNOWN,
				   doctor_text(check, "remedy"), "%s", doctor_text(check, "text"));
	}
}

static void doctor_free(struct doctor *d)
{
	struct doctor **at = &d->app->doctors;
	while (*at != d) at = &(*at)->next;
	*at = d->next;
	host_timer_destroy(&d->late);
	for (uint32_t i = 0; d->parts && i < d->app->count; i++) {
		command_abandon(&d->parts[i].reply);
		json_decref(d->parts[i].checks);
	}
	json_decref(d->checks);
	free(d->parts);
	free(d);
}

static void doctor_finish(struct doctor *d)
{
	struct rtun_reply *reply = d->reply;
	json_t *checks = json_incref(d->checks);
	for (uint32_t i = 0; i < d->app->count; i++) {
		if (d->parts[i].reply) doctor_no_answer(checks, d->parts[i].in, NULL, "no answer came in time");
		json_array_extend(checks, d->parts[i].checks);
	}
	json_t *document = doctor_document(checks);
	json_object_set_new(document, "version", json_string(PACKAGE_VERSION));
	json_object_set_new(document, "configuration", value_json_text(d->app->config_path));
	doctor_free(d);
	host_reply_ok(&reply, value_of(document));
}

static void doctor_on_late(void *arg) { doctor_finish(arg); }

static void doctor_on_part(void *arg, char *text, size_t len, const struct command_error *err)
{
	struct doctor_part *part = arg;
	json_t *answer = text ? json_loadb(text, len, JSON_DECODE_ANY, NULL) : NULL;
	if (!err)
		doctor_take(part->checks, part->in, answer);
	else
		doctor_no_answer(part->checks, part->in, err->remedy, err->text);
	json_decref(answer);
	free(text);
	if (--part->doctor->waiting == 0) doctor_finish(part->doctor);
}

static void doctor_run_part(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	(void)args;
	instance_of(ctx)->module->m.doctor(ctx, reply);
}
static const struct rtun_command doctor_part_command = {.name = "doctor", .run = doctor_run_part};

static void doctor_ask(struct doctor *d)
{
	d->waiting = 1; /* answers may come at once */
	for (uint32_t i = 0; i < d->app->count; i++) {
		struct doctor_part *part = &d->parts[i];
		if (!part->in->module->m.doctor) continue;
		d->waiting++;
		command_call(&part->in->host.ctx, &doctor_part_command, NULL, doctor_on_part, part, &part->reply);
	}
	if (--d->waiting == 0) doctor_finish(d);
}

/* ---- the command ---- */

static int doctor_create(struct app *app, struct doctor **ret)
{
	struct doctor *d = calloc(1, sizeof(*d));
	*ret = d;
	if (!d) return -RTUN_ENOMEM;
	d->app = app;
	d->next = app->doctors;
	app->doctors = d;
	d->checks = json_array();
	d->parts = calloc(app->count + 1, sizeof(*d->parts));
	if (!d->parts || host_timer_create(&app->core.ctx, doctor_on_late, d, &d->late)) return -RTUN_ENOMEM;
	for (uint32_t i = 0; i < app->count; i++) d->parts[i] = (struct doctor_part){d, app->instances[i], NULL, json_array()};
	return 0;
}

void doctor_command(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	struct app *app = ctx->self;
	struct conf_report none = CONF_REPORT_INIT;
	struct doctor *d;
	(void)args;
	if (doctor_create(app, &d)) {
		if (d) doctor_free(d);
		rtun_reply_fail(&reply, "out-of-memory", "out of memory", NULL);
		return;
	}
	d->reply = reply;
	if (!app->running) doctor_check_configuration(d->checks, app->config_path, &none); /* it was just loaded */
	if (app->running) doctor_check_running(d->checks, app);
	doctor_check_place(d->checks, app->data_dir);
	host_timer_start(d->late, DOCTOR_PATIENCE);
	doctor_ask(d);
}

void doctor_stop(struct app *app)
{
	while (app->doctors) {
		struct rtun_reply *reply = app->doctors->reply;
		doctor_free(app->doctors);
		if (reply) rtun_reply_fail(&reply, "stopping", "restunnel is about to stop", NULL);
	}
}
