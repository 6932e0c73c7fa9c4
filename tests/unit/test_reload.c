/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_reload.c - a new configuration for running instances: all of it, or nothing.
 */
#include "app_bed.h"
#include "event.h"
#include "status.h"

#define HEAD "modules:\n"
#define C "  - {module: tm_consumer, name: c, to: p, trace: @}\n"
#define P(options) "  - {module: tm_provider, name: p, trace: @" options "}\n"
#define Q(options) "  - {module: tm_provider, name: q, trace: @" options "}\n"

static struct conf_report again;
static uint32_t reloads;
static char changed[16];

static void on_reloaded(void *arg, const struct rtun_event_type *type, const char *instance, const void *payload)
{
	(void)arg;
	json_t *j = event_json(type, instance, payload);
	snprintf(changed, sizeof(changed), "%d", (int)json_integer_value(json_object_get(json_object_get(j, "fields"), "changed")));
	json_decref(j);
	reloads++;
}

static void open_app(void)
{
	struct rtun_subscription *s;
	memset(&again, 0, sizeof(again));
	reloads = 0;
	bed_good(HEAD C P("") Q(", greeting: ciao"));
	bed_start();
	ck_assert_int_eq(event_subscribe(bed.app->events, "config.reloaded", on_reloaded, NULL, &s), 0);
	bed_traced();
}

static void close_app(void) { conf_report_clear(&again); }

static const char *greeting(const char *who)
{
	struct instance *in = app_instance_find(bed.app, who);
	const char *text = NULL;
	for (uint32_t i = 0; i < in->provided_count; i++) {
		const char *(*fn)(void *) = NULL;
		memcpy(&fn, (const char *)in->provided[i].ops + 8, sizeof(fn));
		text = fn(in->provided[i].obj);
	}
	return text;
}

static void taken(const char *text, const char *traced, const char *count)
{
	bed_write(text);
	int rc = reload_run(bed.app, &again);
	if (rc) conf_report_print(&again, stderr, false);
	ck_assert_int_eq(rc, 0);
	loop_turn(bed.loop);
	ck_assert_uint_eq(reloads, 1);
	ck_assert_str_eq(changed, count);
	const char *all = bed_traced(), *p = strstr(all, " reload");
	while (p && p > all && p[-1] != '\n') p--;
	ck_assert_str_eq(p ? p : "", traced); /* the checks come before */
}

static void refused(const char *text, uint32_t line, const char *code)
{
	bed_write(text);
	const void *before = app_instance_find(bed.app, "p")->cfg;
	ck_assert_int_lt(reload_run(bed.app, &again), 0);
	conf_report_print(&again, stderr, false);
	ck_assert_uint_ge(again.errors, 1);
	ck_assert_str_eq(again.items[0].code, code);
	ck_assert_uint_eq(again.items[0].at.line, line);
	loop_turn(bed.loop);
	ck_assert_uint_eq(reloads, 0);
	ck_assert_ptr_eq(app_instance_find(bed.app, "p")->cfg, before);
	ck_assert_str_eq(greeting("p"), "hello");
	ck_assert_str_eq(greeting("q"), "ciao");
}

START_TEST(nothing_changed) { taken(HEAD C P("") Q(", greeting: ciao"), "", "0"); }
END_TEST

START_TEST(the_same_in_other_words)
{
	taken("# a comment\n" HEAD "\n" Q(", greeting: \"ciao\", amount: 7") P(", greeting: hello") C, "", "0");
}
END_TEST

START_TEST(one_changed)
{
	const void *q = app_instance_find(bed.app, "q")->cfg;
	taken(HEAD C P(", greeting: moin") Q(", greeting: ciao"), "p reload moin\n", "1");
	ck_assert_str_eq(greeting("p"), "moin");
	ck_assert_ptr_eq(app_instance_find(bed.app, "q")->cfg, q); /* untouched, and so is what holds on to it */
	ck_assert_str_eq(greeting("q"), "ciao");
}
END_TEST

START_TEST(twice)
{
	taken(HEAD C P(", greeting: moin") Q(", greeting: ciao"), "p reload moin\n", "1");
	reloads = 0;
	taken(HEAD C P(", greeting: servus") Q(", greeting: adieu"), "p reload servus\nq reload adieu\n", "2");
	ck_assert_str_eq(greeting("p"), "servus");
	app_destroy(&bed.app);
}
END_TEST

START_TEST(log_levels)
{
	taken("log: {level: debug, format: json}\n" HEAD "  - {module: tm_consumer, name: c, to: p, trace: @, log-level: error}\n" P("") Q(", greeting: ciao"), "", "0");
	ck_assert_uint_eq(app_conf(bed.app)->log_level, RTUN_DEBUG);
	ck_assert_uint_eq(app_instance_find(bed.app, "c")->log_level, RTUN_ERROR);
}
END_TEST

static const struct {
	const char *text;
	uint32_t line;
	const char *code;
} matrix[] = {
	{HEAD C P(", amount: 8") Q(", greeting: ciao"), 4, "needs-restart"},
	{HEAD C P(", role: silent") Q(", greeting: ciao"), 3, "wrong-reference"}, /* the consumer refers to it */
	{HEAD C P("") Q(", greeting: ciao, role: silent"), 5, "needs-restart"},
	{HEAD "  - {module: tm_consumer, name: c, to: q, trace: @}\n" P("") Q(", greeting: ciao"), 3, "needs-restart"}, /* rewired */
	{HEAD "  - {module: tm_consumer, name: c, to: p, trace: @, note: x}\n" P("") Q(", greeting: ciao"), 3, "needs-restart"}, /* it has no reload */
	{HEAD C P("") Q(", greeting: ciao") "  - {module: tm_provider, name: r}\n", 6, "needs-restart"}, /* added */
	{HEAD C P(""), 0, "needs-restart"}, /* removed */
	{HEAD C P("") "  - {module: tm_link, name: q, end: yes}\n", 5, "needs-restart"}, /* another module */
	{HEAD C P(", greeting: moin, amount: 1000") Q(", greeting: ciao"), 4, "bad-value"},
	{HEAD C P(", greeting: moin, fail: check") Q(", greeting: ciao"), 4, "bad-value"},
	{HEAD C P(", greeting: moin") Q(", greeting: ciao, fail: reload"), 5, "bad-value"}, /* p has taken its own by then */
	{HEAD C P(", greetings: moin") Q(", greeting: ciao"), 4, "unknown-key"},
	{HEAD C P(", greeting: moin") Q(", greeting: ciao") "  - {module: tm_nothing, name: z}\n", 6, "unknown-module"},
	{HEAD "  - [\n", 4, "syntax"},
};

START_TEST(refusals) { refused(matrix[_i].text, matrix[_i].line, matrix[_i].code); }
END_TEST

START_TEST(taken_back)
{
	refused(HEAD C P(", greeting: moin") Q(", greeting: ciao, fail: reload"), 5, "bad-value");
	const char *p = strstr(bed_traced(), "p reload");
	bed_says(p, "p reload moin\nq reload ciao\np reload hello\n");
}
END_TEST

START_TEST(another_data_dir)
{
	FILE *f = fopen(bed.config, "we");
	fprintf(f, "data-dir: /elsewhere\n" HEAD "  - {module: tm_consumer, name: c, to: p, trace: %s}\n  - {module: tm_provider, name: p, trace: %s}\n"
		   "  - {module: tm_provider, name: q, greeting: ciao, trace: %s}\n", bed.trace, bed.trace, bed.trace);
	fclose(f);
	ck_assert_int_eq(reload_run(bed.app, &again), -RTUN_ECONFIG);
	ck_assert_uint_eq(again.errors, 1);
	ck_assert_uint_eq(again.items[0].at.line, 1);
	ck_assert_uint_eq(again.items[0].at.column, 11);
	bed_says(again.items[0].text, "data-dir");
}
END_TEST

START_TEST(file_is_gone)
{
	unlink(bed.config);
	ck_assert_int_eq(reload_run(bed.app, &again), -RTUN_ECONFIG);
	ck_assert_uint_ge(again.errors, 1);
	ck_assert_str_eq(greeting("p"), "hello");
}
END_TEST

static const char *alert(void)
{
	static char code[64];
	json_t *s = status_json(bed.app), *a = json_array_get(json_object_get(s, "alerts"), 0);
	snprintf(code, sizeof(code), "%s/%s", json_string_value(json_object_get(s, "state")), a ? json_string_value(json_object_get(a, "code")) : "-");
	json_decref(s);
	return code;
}

static const char *alert_remedy(void)
{
	static char remedy[512];
	json_t *s = status_json(bed.app);
	const char *text = json_string_value(json_object_get(json_array_get(json_object_get(s, "alerts"), 0), "remedy"));
	snprintf(remedy, sizeof(remedy), "%s", text ? text : "");
	json_decref(s);
	return remedy;
}

START_TEST(alert_until_the_next_good_one)
{
	struct command_error err;
	bed_write(HEAD C P(", amount: 8") Q(", greeting: ciao"));
	ck_assert_int_lt(reload_and_tell(bed.app, &err), 0);
	ck_assert_str_eq(err.code, "reload-failed");
	bed_says(err.text, "c.yaml:4:");
	bed_says(err.text, "needs a restart");
	ck_assert_str_eq(alert(), "degraded/reload-failed");
	ck_assert(!strncmp(alert_remedy(), "systemctl restart", 17));
	bed_write(HEAD C P(", greeting: moin, amount: 8") Q(", greeting: moin, amount: 8")); /* twice */
	ck_assert_int_lt(reload_and_tell(bed.app, &err), 0);
	ck_assert(!strncmp(alert_remedy(), "systemctl restart", 17));
	bed_write(HEAD C P(", amount: many") Q(", amount: 1000"));
	ck_assert_int_lt(reload_and_tell(bed.app, &err), 0);
	bed_says(alert_remedy(), "reload again");
	bed_write(HEAD C P(", greeting: moin") Q(", greeting: ciao"));
	ck_assert_int_eq(reload_and_tell(bed.app, &err), 0);
	ck_assert_str_eq(alert(), "ok/-");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("reload");
	tcase_add_test(tc, nothing_changed);
	tcase_add_test(tc, the_same_in_other_words);
	tcase_add_test(tc, one_changed);
	tcase_add_test(tc, twice);
	tcase_add_test(tc, log_levels);
	tcase_add_loop_test(tc, refusals, 0, sizeof(matrix) / sizeof(matrix[0]));
	tcase_add_test(tc, taken_back);
	tcase_add_test(tc, another_data_dir);
	tcase_add_test(tc, file_is_gone);
	tcase_add_test(tc, alert_until_the_next_good_one);
	return bed_run_with(tc, "reload", open_app, close_app);
}
