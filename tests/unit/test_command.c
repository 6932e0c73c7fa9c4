/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_command.c - verbs of a real module: found, called with good and bad arguments, answered now, later or never; and
 * status and metrics.
 */
#include "app_bed.h"
#include "metric.h"
#include "status.h"

#define TWO "modules:\n  - {module: tm_consumer, name: c, to: p}\n  - {module: tm_provider, name: p, greeting: moin}\n"
#define THREE "modules:\n  - {module: tm_consumer, name: c, to: p}\n  - {module: tm_consumer, name: d, to: p}\n  - {module: tm_provider, name: p}\n"

static struct {
	json_t *answer;
	struct command_error err;
	uint32_t calls;
} got;

static void done(void *arg, char *answer, size_t len, const struct command_error *err)
{
	(void)arg;
	got.calls++;
	got.answer = answer ? json_loadb(answer, len, 0, NULL) : NULL;
	ck_assert(!answer || (strlen(answer) == len && got.answer));
	free(answer);
	if (err) got.err = *err;
	ck_assert((got.answer != NULL) != (err != NULL));
}

static void open_got(void) { memset(&got, 0, sizeof(got)); }
static void close_got(void) { json_decref(got.answer); }

static void call_on(const char *verb, const char *on, const char *args, struct rtun_reply **reply)
{
	struct instance *in;
	const struct rtun_command *cmd;
	json_t *a = args ? json_loads(args, 0, NULL) : NULL;
	ck_assert(!args || a);
	ck_assert_int_eq(app_find_command(bed.app, verb, on, &in, &cmd, &got.err), 0);
	command_call(in ? &in->host.ctx : &bed.app->core.ctx, cmd, a, done, NULL, reply);
	json_decref(a);
}

static void call(const char *verb, const char *args) { call_on(verb, NULL, args, NULL); }

static void answer_is(const char *expected)
{
	char *text = json_dumps(got.answer, JSON_COMPACT);
	ck_assert_msg(text != NULL, "%s: %s", got.err.code, got.err.text);
	ck_assert_str_eq(text, expected);
	free(text);
	ck_assert_uint_eq(got.calls, 1);
}

static void failed_with(const char *code, const char *part)
{
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_ptr_null(got.answer);
	ck_assert_str_eq(got.err.code, code);
	bed_says(got.err.text, part);
}

START_TEST(answered)
{
	bed_good(TWO);
	call("greet", "{\"who\":\"bob\"}");
	answer_is("{\"schema\":1,\"text\":\"moin, bob x1\",\"others\":[]}");
}
END_TEST

START_TEST(all_arguments)
{
	bed_good(TWO);
	call("greet", "{\"who\":\"bob\",\"times\":3,\"loud\":true,\"names\":[\"eve\",\"mallory\"]}");
	answer_is("{\"schema\":1,\"text\":\"moin, bob! x3\",\"others\":[\"eve\",\"mallory\"]}");
}
END_TEST

START_TEST(texts_and_nulls)
{
	bed_good(TWO); /* a shell has nothing but texts */
	call("greet", "{\"who\":\"bob\",\"times\":\"2\",\"loud\":\"yes\",\"names\":null}");
	answer_is("{\"schema\":1,\"text\":\"moin, bob! x2\",\"others\":[]}");
}
END_TEST

static const struct {
	const char *verb, *args, *part;
} bad[] = {
	{"greet", NULL, "who"},
	{"greet", "{}", "who"},
	{"greet", "{\"who\":\"bob\",\"times\":9}", "times"},
	{"greet", "{\"who\":\"bob\",\"times\":1.5}", "times"},
	{"greet", "{\"who\":\"bob\",\"times\":[1]}", "times"},
	{"greet", "{\"who\":\"bob\",\"tims\":1}", "tims"},
	{"greet", "{\"who\":\"Bob!\"}", "Bob!"},
	{"greet", "{\"who\":{\"a\":{\"b\":1}}}", "who"},
	{"greet", "[1]", "argument"},
	{"greet", "{\"who\":[[[[[[[[[[[[1]]]]]]]]]]]]}", ""},
	{"refuse", "{\"x\":1}", "x"},
};

START_TEST(bad_arguments)
{
	bed_good(TWO);
	call(bad[_i].verb, bad[_i].args);
	failed_with("bad-argument", bad[_i].part);
}
END_TEST

START_TEST(several_bad_arguments)
{
	bed_good(TWO);
	call("greet", "{\"who\":\"?\",\"times\":0,\"x\":1}");
	failed_with("bad-argument", "times");
	bed_says(got.err.text, "x");
	bed_says(got.err.text, "; ");
}
END_TEST

START_TEST(refused)
{
	bed_good(TWO);
	call("refuse", NULL);
	failed_with("no-way", "this is refused");
	ck_assert_str_eq(got.err.remedy, "ask somebody else");
}
END_TEST

/* A module's mistake is not told as if memory had run out. */
START_TEST(muddled_answer)
{
	bed_good(TWO);
	call("muddle", NULL);
	failed_with("bad-answer", "put its answer together wrongly");
}
END_TEST

START_TEST(later)
{
	struct rtun_reply *reply;
	bed_good(TWO);
	call_on("later", NULL, NULL, &reply);
	ck_assert_uint_eq(got.calls, 0);
	ck_assert_ptr_nonnull(reply);
	loop_advance(bed.loop, 30 * RTUN_MS);
	answer_is("{\"schema\":1,\"late\":true}");
	ck_assert_ptr_null(reply);
}
END_TEST

START_TEST(abandoned)
{
	struct rtun_reply *reply;
	bed_good(TWO);
	call_on("later", NULL, NULL, &reply);
	command_abandon(&reply);
	ck_assert_ptr_null(reply);
	loop_advance(bed.loop, 30 * RTUN_MS);
	ck_assert_uint_eq(got.calls, 0);
	command_abandon(&reply);
}
END_TEST

/* ---- by a module ---- */

static struct {
	char json[4096], code[40];
	uint32_t calls;
	struct rtun_op *op;
} heard;

static void hear(void *arg, const struct rtun_answer *a)
{
	(void)arg;
	heard.op = NULL;
	heard.calls++;
	snprintf(heard.json, sizeof(heard.json), "%s", a->json ? a->json : "");
	snprintf(heard.code, sizeof(heard.code), "%s", a->code);
	ck_assert(a->json ? a->json_len == strlen(a->json) : a->text[0] != 0);
}

static void module_calls(const char *verb, const char *on, const char *args)
{
	const struct rtun_call_req req = {.size = sizeof(req), .verb = verb, .on = on, .args = args, .args_len = args ? strlen(args) : 0, .cb = hear};
	memset(&heard, 0, sizeof(heard));
	ck_assert_int_eq(rtun_call(&bed.app->instances[0]->host.ctx, &req, &heard.op), 0);
	ck_assert_uint_eq(heard.calls, 0); /* never from inside */
	ck_assert_ptr_nonnull(heard.op);
}

static const struct {
	const char *verb, *on, *args, *json, *code;
} by_module[] = {
	{"greet", NULL, "{\"who\":\"bob\"}", "{\"schema\":1,\"text\":\"moin, bob x1\",\"others\":[]}", ""},
	{"greet", "c", "{\"who\":\"bob\"}", "{\"schema\":1,\"text\":\"moin, bob x1\",\"others\":[]}", ""},
	{"later", NULL, NULL, "{\"schema\":1,\"late\":true}", ""},
	{"greet", NULL, "{\"who\":", "", "bad-request"},
	{"greet", NULL, "[]", "", "bad-argument"},
	{"greet", "p", NULL, "", "unknown-command"},
	{"greet", "nobody", NULL, "", "unknown-instance"},
	{"nothing", NULL, NULL, "", "unknown-command"},
	{"refuse", NULL, NULL, "", "no-way"},
};

START_TEST(called_by_a_module)
{
	bed_good(TWO);
	module_calls(by_module[_i].verb, by_module[_i].on, by_module[_i].args);
	loop_advance(bed.loop, 30 * RTUN_MS);
	ck_assert_uint_eq(heard.calls, 1);
	ck_assert_str_eq(heard.json, by_module[_i].json);
	ck_assert_str_eq(heard.code, by_module[_i].code);
}
END_TEST

/* Given up before the verb has answered, and after it, but before that is told. */
START_TEST(call_given_up)
{
	bed_good(TWO);
	module_calls(_i ? "greet" : "later", NULL, _i ? "{\"who\":\"bob\"}" : NULL);
	rtun_op_cancel(&heard.op);
	ck_assert_ptr_null(heard.op);
	loop_advance(bed.loop, 30 * RTUN_MS);
	ck_assert_uint_eq(heard.calls, 0);
}
END_TEST

/* The core's own verbs are there, and say what others there are. */
START_TEST(commands_by_a_module)
{
	bed_good(TWO);
	module_calls("commands", NULL, NULL);
	loop_turn(bed.loop);
	json_t *j = app_describe(bed.app);
	char *text = json_dumps(j, JSON_COMPACT);
	ck_assert_int_eq(strncmp(heard.json, text, sizeof(heard.json) - 1), 0);
	bed_says(heard.json, "\"live\":true");
	free(text);
	json_decref(j);
}
END_TEST

START_TEST(stopped_before_the_answer)
{
	struct rtun_reply *reply;
	bed_good(TWO);
	bed_start();
	call_on("later", NULL, NULL, &reply);
	app_stop(bed.app);
	failed_with("stopping", "stopped");
}
END_TEST

/* ---- who is meant ---- */

static void not_found(const char *verb, const char *on, int rc, const char *code, const char *part)
{
	struct instance *in;
	const struct rtun_command *cmd;
	ck_assert_int_eq(app_find_command(bed.app, verb, on, &in, &cmd, &got.err), rc);
	ck_assert_str_eq(got.err.code, code);
	bed_says(got.err.text, part);
}

START_TEST(finding)
{
	bed_good(THREE);
	not_found("greet", NULL, -RTUN_EINVAL, "ambiguous-command", "c, d");
	bed_says(got.err.remedy, "--on");
	not_found("greet", "x", -RTUN_ENOENT, "unknown-instance", "'x'");
	not_found("greet", "p", -RTUN_ENOENT, "unknown-command", "tm_provider");
	not_found("gret", NULL, -RTUN_ENOENT, "unknown-command", "'gret'");
	bed_says(got.err.remedy, "'greet'");
	not_found("statu", NULL, -RTUN_ENOENT, "unknown-command", "statu");
	bed_says(got.err.remedy, "'status'");
	call_on("greet", "d", "{\"who\":\"bob\"}", NULL);
	answer_is("{\"schema\":1,\"text\":\"hello, bob x1\",\"others\":[]}");
}
END_TEST

START_TEST(description)
{
	bed_good(THREE);
	json_t *all = app_describe(bed.app), *list = json_object_get(all, "commands"), *o, *greet = NULL;
	size_t i;
	json_array_foreach(list, i, o) {
		ck_assert_ptr_nonnull(json_object_get(o, "doc"));
		if (!strcmp(json_string_value(json_object_get(o, "name")), "greet")) {
			ck_assert_ptr_null(greet); /* once, for two instances */
			greet = o;
		}
	}
	ck_assert_ptr_nonnull(greet);
	ck_assert_uint_eq(json_array_size(json_object_get(greet, "instances")), 2);
	ck_assert_str_eq(json_string_value(json_object_get(greet, "module")), "tm_consumer");
	ck_assert_str_eq(json_string_value(json_object_get(greet, "follow")), "test.greeted");
	ck_assert_str_eq(json_string_value(json_object_get(greet, "follow_end")), "test.gone");
	ck_assert_str_eq(json_string_value(json_object_get(greet, "follow_end_text")), "{who} has gone");
	ck_assert(json_is_true(json_object_get(greet, "offline")) && json_is_false(json_object_get(greet, "readonly")));
	const json_t *who = json_array_get(json_object_get(greet, "args"), 0), *names = json_array_get(json_object_get(greet, "args"), 3);
	ck_assert_str_eq(json_string_value(json_object_get(who, "key")), "who");
	ck_assert(json_is_true(json_object_get(who, "required")) && json_is_true(json_object_get(who, "positional")));
	ck_assert(json_is_true(json_object_get(names, "rest")) && json_is_true(json_object_get(names, "list")));
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(json_object_get(greet, "view"), 1), "type")), "list");
	json_decref(all);
}
END_TEST

static size_t count_on(const char *verb)
{
	json_t *all = app_describe(bed.app), *c;
	size_t i, n = SIZE_MAX;
	json_array_foreach(json_object_get(all, "commands"), i, c)
		if (!strcmp(json_string_value(json_object_get(c, "name")), verb)) n = json_array_size(json_object_get(c, "instances"));
	json_decref(all);
	return n;
}

#define SINGS(tone) "modules:\n  - {module: tm_consumer, name: c, to: p}\n  - {module: tm_consumer, name: d, to: p, tone: " tone "}\n" \
		    "  - {module: tm_provider, name: p}\n"

/* A verb that only some instances have is theirs; where none has it, it may still say why. */
START_TEST(meant_for_some)
{
	bed_good(SINGS("sung"));
	ck_assert_uint_eq(count_on("sing"), 1);
	call("sing", NULL);
	failed_with("no-way", "refused");
	call_on("sing", "c", NULL, NULL);
	ck_assert_uint_eq(got.calls, 2);
}
END_TEST

START_TEST(meant_for_none)
{
	bed_good(SINGS("said"));
	ck_assert_uint_eq(count_on("sing"), 0);
	call("sing", NULL);
	failed_with("no-way", "refused");
}
END_TEST

START_TEST(config_in_effect)
{
	json_t *o;
	size_t i;
	uint32_t notes = 0;
	bed_good(SINGS("sung"));
	call("config", NULL);
	json_array_foreach(json_object_get(got.answer, "options"), i, o) {
		const char *on = json_string_value(json_object_get(o, "on")), *option = json_string_value(json_object_get(o, "option"));
		ck_assert_msg(strcmp(option, "note") != 0, "what is not set is not told");
		if (strcmp(option, "tone") != 0) continue;
		ck_assert_str_eq(json_string_value(json_object_get(o, "value")), strcmp(on, "d") == 0 ? "sung" : "said");
		notes++;
	}
	ck_assert_uint_eq(notes, 2);
}
END_TEST

/* ---- without a daemon ---- */

static struct app *app_of_its_own(const char *text)
{
	const struct app_options o = {bed.config, bed_modules(), NULL};
	struct app *app;
	bed_write(text);
	ck_assert_int_eq(app_load(&o, &bed.report, &app), 0);
	return app;
}

START_TEST(offline)
{
	struct app *app = app_of_its_own("modules:\n  - {module: tm_consumer, name: c, to: p, trace: @}\n  - {module: tm_provider, name: p, trace: @}\n");
	ck_assert_int_eq(app_command(app, "later", NULL, NULL, 0, &got.answer, &got.err), 0);
	got.calls = 1;
	answer_is("{\"schema\":1,\"late\":true}");
	app_destroy(&app);
	ck_assert_str_eq(bed_traced(), "p check hello\np create\nc create hello\np setup\nc stop\np stop\nc destroy\np destroy\n");
}
END_TEST

START_TEST(offline_refused)
{
	struct app *app = app_of_its_own(TWO);
	ck_assert_int_eq(app_command(app, "refuse", NULL, NULL, 0, &got.answer, &got.err), -RTUN_ECONFIG);
	ck_assert_str_eq(got.err.code, "no-way");
	app_destroy(&app);
}
END_TEST

START_TEST(offline_needs_the_daemon)
{
	struct app *app = app_of_its_own(TWO);
	ck_assert_int_eq(app_command(app, "online", NULL, NULL, 0, &got.answer, &got.err), -RTUN_ENOTSUP);
	ck_assert_str_eq(got.err.code, "not-running");
	ck_assert_int_eq(app_command(app, "status", NULL, NULL, 0, &got.answer, &got.err), -RTUN_ENOTSUP);
	ck_assert_int_ne(access(bed.data, F_OK), 0);
	app_destroy(&app);
}
END_TEST

START_TEST(offline_too_late)
{
	struct app *app = app_of_its_own(TWO);
	ck_assert_int_eq(app_command(app, "later", NULL, NULL, RTUN_MS, &got.answer, &got.err), -RTUN_ETIMEOUT);
	ck_assert_str_eq(got.err.code, "timeout");
	app_destroy(&app);
}
END_TEST

/* ---- status, metrics ---- */

START_TEST(status)
{
	bed_good(TWO);
	bed_start();
	loop_advance(bed.loop, 61 * RTUN_S);
	call("status", NULL);
	json_t *s = got.answer;
	ck_assert_str_eq(json_string_value(json_object_get(s, "state")), "ok");
	ck_assert_int_ge(json_integer_value(json_object_get(s, "uptime_s")), 61);
	ck_assert_int_gt(json_integer_value(json_object_get(s, "rss_bytes")), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(s, "alerts")), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(s, "modules")), 2);
	ck_assert_ptr_nonnull(json_object_get(s, "version"));
	ck_assert_str_eq(json_string_value(json_object_get(s, "sentence")), "Working.");
}
END_TEST

START_TEST(sad_status)
{
	bed_good("modules:\n  - {module: tm_provider, name: p, greeting: sad}\n  - {module: tm_provider, name: q}\n");
	bed_start();
	call("status", NULL);
	json_t *alert = json_array_get(json_object_get(got.answer, "alerts"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(got.answer, "state")), "degraded");
	bed_says(json_string_value(json_object_get(got.answer, "sentence")), "p: it is sad");
	ck_assert_str_eq(json_string_value(json_object_get(alert, "code")), "sad");
	ck_assert_str_eq(json_string_value(json_object_get(alert, "remedy")), "cheer it up");
}
END_TEST

static uint32_t times(const char *text, const char *part)
{
	uint32_t n = 0;
	for (; (text = strstr(text, part)); text++) n++;
	return n;
}

START_TEST(metrics)
{
	bed_good(TWO);
	bed_start();
	call("metrics", NULL);
	const char *text = json_string_value(json_object_get(got.answer, "text"));
	bed_says(text, "# TYPE restunnel_test_calls_total counter\n");
	bed_says(text, "\nrestunnel_test_calls_total{who=\"a \\\"quoted\\\"\\nline\\\\\",what=\"x\"} 0\n");
	bed_says(text, "\nrestunnel_uptime_seconds ");
	bed_says(text, "restunnel_build_info{version=");
}
END_TEST

START_TEST(metrics_of_several_instances)
{
	bed_good(THREE);
	bed_start();
	char *text = metric_render(bed.app);
	ck_assert_uint_eq(times(text, "# HELP restunnel_test_calls_total "), 1);
	bed_says(text, ",instance=\"c\"} 0\n");
	bed_says(text, ",instance=\"d\"} 0\n");
	free(text);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("command");
	tcase_add_test(tc, answered);
	tcase_add_test(tc, all_arguments);
	tcase_add_test(tc, texts_and_nulls);
	tcase_add_loop_test(tc, bad_arguments, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tc, several_bad_arguments);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, muddled_answer);
	tcase_add_test(tc, later);
	tcase_add_test(tc, abandoned);
	tcase_add_loop_test(tc, called_by_a_module, 0, sizeof(by_module) / sizeof(by_module[0]));
	tcase_add_loop_test(tc, call_given_up, 0, 2);
	tcase_add_test(tc, commands_by_a_module);
	tcase_add_test(tc, stopped_before_the_answer);
	tcase_add_test(tc, finding);
	tcase_add_test(tc, description);
	tcase_add_test(tc, meant_for_some);
	tcase_add_test(tc, meant_for_none);
	tcase_add_test(tc, config_in_effect);
	tcase_add_test(tc, offline);
	tcase_add_test(tc, offline_refused);
	tcase_add_test(tc, offline_needs_the_daemon);
	tcase_add_test(tc, offline_too_late);
	tcase_add_test(tc, status);
	tcase_add_test(tc, sad_status);
	tcase_add_test(tc, metrics);
	tcase_add_test(tc, metrics_of_several_instances);
	return bed_run_with(tc, "command", open_got, close_got);
}
