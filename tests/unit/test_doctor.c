/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_doctor.c - the command `doctor`: the core's checks, and modules that answer at once, late, badly or never; and what
 * is taken out of a report.
 */
#include <sys/resource.h>

#include "app_bed.h"
#include "cli_scrub.h"
#include "doctor.h"

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
	free(answer);
	if (err) got.err = *err;
}

/* As many files as the daemon would take. */
static void open_got(void)
{
	struct rlimit files;
	memset(&got, 0, sizeof(got));
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
}
static void close_got(void) { json_decref(got.answer); }

static void ask(struct rtun_reply **reply)
{
	struct instance *in;
	const struct rtun_command *cmd;
	ck_assert_int_eq(app_find_command(bed.app, "doctor", NULL, &in, &cmd, &got.err), 0);
	ck_assert_ptr_null(in);
	command_call(&bed.app->core.ctx, cmd, NULL, done, NULL, reply);
}

/* The n-th check with that code, or NULL. */
static const json_t *check_of(const char *code, unsigned n)
{
	const json_t *check;
	size_t i;
	json_array_foreach(json_object_get(got.answer, "checks"), i, check)
		if (!strcmp(json_string_value(json_object_get(check, "code")), code) && !n--) return check;
	return NULL;
}

static void says(const char *code, int ok, const char *part)
{
	const json_t *check = check_of(code, 0), *is = json_object_get(check, "ok");
	ck_assert_msg(check != NULL, "no check %s", code);
	bed_says(json_string_value(json_object_get(check, "text")), part);
	ck_assert_msg(ok < 0 ? json_is_null(is) : ok ? json_is_true(is) : json_is_false(is), "%s: %s", code,
		      json_string_value(json_object_get(check, "text")));
}

static void remedy_is(const char *code, const char *part) { bed_says(json_string_value(json_object_get(check_of(code, 0), "remedy")), part); }

static void run(const char *text)
{
	bed_good(text);
	bed_start();
}

static void ask_now(void)
{
	ask(NULL);
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_msg(got.answer != NULL, "%s", got.err.text);
}

#define P "modules:\n  - {module: tm_provider, name: p"

START_TEST(all_is_well)
{
	run(P "}\n  - {module: tm_consumer, name: c, to: p}\n");
	ask_now();
	ck_assert(json_is_true(json_object_get(got.answer, "ok")));
	ck_assert_int_eq(json_integer_value(json_object_get(got.answer, "schema")), 1);
	says("configuration", 1, "c.yaml has no mistake");
	says("configuration-current", 1, "nothing");
	says("data-dir", 1, "mode 700");
	says("disk-space", 1, "MiB");
	says("clock", 1, "UTC");
	says("open-files", 1, "at once");
	says("cheer", 1, "it hums");
	ck_assert_str_eq(json_string_value(json_object_get(check_of("cheer", 0), "on")), "p");
	ck_assert(json_is_null(json_object_get(check_of("cheer", 0), "remedy")));
	ck_assert_ptr_nonnull(check_of("state", 1)); /* both */
	ck_assert_ptr_null(check_of("no-answer", 0));
	bed_says(json_string_value(json_object_get(got.answer, "sentence")), "Nothing wrong");
}
END_TEST

START_TEST(a_finding_of_a_module)
{
	run(P ", doctor: ill}\n");
	ask_now();
	ck_assert(json_is_false(json_object_get(got.answer, "ok")));
	says("cheer", 0, "it sobs");
	remedy_is("cheer", "cheer it up");
	bed_says(json_string_value(json_object_get(got.answer, "sentence")), "1 of ");
}
END_TEST

START_TEST(unsure_is_no_finding)
{
	run(P ", doctor: unsure}\n");
	ask_now();
	ck_assert(json_is_true(json_object_get(got.answer, "ok")));
	says("cheer", -1, "it hums");
	bed_says(json_string_value(json_object_get(got.answer, "sentence")), "1 could not tell");
}
END_TEST

START_TEST(an_alert_is_a_finding)
{
	run(P ", greeting: sad}\n");
	ask_now();
	ck_assert(json_is_false(json_object_get(got.answer, "ok")));
	says("sad", 0, "p: it is sad");
	remedy_is("sad", "cheer it up");
	ck_assert_ptr_null(check_of("state", 0));
}
END_TEST

static const struct {
	const char *how, *text;
} odd[] = {{"fails", "it has no idea"}, {"twisted", "can't be understood"}, {"half", "can't be understood"}};

START_TEST(odd_answers)
{
	char text[128];
	snprintf(text, sizeof(text), P ", doctor: %s}\n", odd[_i].how);
	run(text);
	ask_now();
	ck_assert(json_is_true(json_object_get(got.answer, "ok")));
	says("no-answer", -1, odd[_i].text);
	if (!strcmp(odd[_i].how, "half")) says("cheer", 1, "it hums");
}
END_TEST

/* All are asked at once, and waited for together. */
START_TEST(late_answers)
{
	run(P ", doctor: late}\n  - {module: tm_provider, name: q, doctor: late}\n  - {module: tm_provider, name: r}\n");
	ask(NULL);
	loop_advance(bed.loop, 2 * RTUN_S);
	ck_assert_uint_eq(got.calls, 0);
	loop_advance(bed.loop, 2 * RTUN_S);
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_ptr_nonnull(check_of("cheer", 2));
	ck_assert_ptr_null(check_of("no-answer", 0));
}
END_TEST

START_TEST(who_never_answers)
{
	run(P ", doctor: never}\n  - {module: tm_provider, name: q}\n");
	ask(NULL);
	loop_advance(bed.loop, 19 * RTUN_S);
	ck_assert_uint_eq(got.calls, 0);
	loop_advance(bed.loop, 2 * RTUN_S);
	ck_assert_uint_eq(got.calls, 1);
	says("no-answer", -1, "in time");
	says("cheer", 1, "it hums");
	ck_assert_ptr_null(bed.app->doctors);
}
END_TEST

START_TEST(two_at_once)
{
	run(P ", doctor: late}\n");
	ask(NULL);
	ask(NULL); /* the module refuses the second */
	ck_assert_uint_eq(got.calls, 1);
	says("no-answer", -1, "already");
	json_decref(got.answer);
	loop_advance(bed.loop, 4 * RTUN_S);
	ck_assert_uint_eq(got.calls, 2);
	says("cheer", 1, "it hums");
}
END_TEST

START_TEST(stopped_meanwhile)
{
	run(P ", doctor: never}\n");
	ask(NULL);
	app_stop(bed.app);
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_str_eq(got.err.code, "stopping");
	ck_assert_ptr_null(bed.app->doctors);
}
END_TEST

START_TEST(who_asked_has_gone)
{
	struct rtun_reply *reply;
	run(P ", doctor: late}\n");
	ask(&reply);
	command_abandon(&reply);
	loop_advance(bed.loop, 4 * RTUN_S);
	ck_assert_uint_eq(got.calls, 0);
	ck_assert_ptr_null(bed.app->doctors);
}
END_TEST

/* ---- the file against what runs ---- */

static const struct {
	const char *text, *says, *remedy;
} changes[] = {
	{P ", greeting: moin}\n", "instances with other options: 1", "restunnel reload"},
	{P ", amount: 8}\n", "needs a restart", "systemctl restart"},
	{P "}\n  - {module: tm_provider, name: q}\n", "new instance 'q'", "systemctl restart"},
	{P ", amount: 0}\n", "can't be used any more", "correct the file"},
	{"modules: [\n", "can't be used any more", "correct the file"},
};

START_TEST(a_file_that_changed)
{
	run(P "}\n");
	bed_write(changes[_i].text);
	ask_now();
	says("configuration-current", 0, changes[_i].says);
	remedy_is("configuration-current", changes[_i].remedy);
	if (_i >= 3) says("configuration", 0, "c.yaml:");
	else says("configuration", 1, "no mistake");
	ck_assert_str_eq(json_string_value(json_object_get(got.answer, "configuration")), bed.config);
}
END_TEST

START_TEST(the_last_reload_failed)
{
	struct command_error err;
	run(P "}\n");
	bed_write(P ", amount: 0}\n");
	ck_assert_int_lt(reload_and_tell(bed.app, &err), 0);
	ask_now();
	says("reload-failed", 0, "was not reloaded");
}
END_TEST

/* ---- places ---- */

START_TEST(data_dir_open_to_others)
{
	run(P "}\n");
	ck_assert_int_eq(chmod(bed.data, 0755), 0);
	ask_now();
	says("data-dir", 0, "mode 755");
	remedy_is("data-dir", "chmod 700");
}
END_TEST

START_TEST(no_data_dir)
{
	got.answer = json_pack("{s:[]}", "checks");
	doctor_check_place(json_object_get(got.answer, "checks"), bed.data);
	says("data-dir", -1, "there is no ");
	ck_assert_ptr_null(check_of("disk-space", 0));
}
END_TEST

START_TEST(few_files)
{
	struct rlimit few;
	run(P "}\n");
	/* only the soft limit: valgrind, which keeps the last ones for itself, refuses to have the hard one changed */
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &few), 0);
	few.rlim_cur = 256;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ask_now();
	says("open-files", 0, "256 at once");
	remedy_is("open-files", "LimitNOFILE");
}
END_TEST

/* What a module says can neither break the answer nor be endless. */
START_TEST(texts_of_any_kind)
{
	char much[5000];
	memset(much, 'x', sizeof(much) - 1);
	much[sizeof(much) - 1] = 0;
	got.answer = json_pack("{s:[]}", "checks");
	json_t *checks = json_object_get(got.answer, "checks");
	doctor_add(checks, "bytes", NULL, "?", RTUN_NO, "\xff", "\xc3(");
	doctor_add(checks, "much", "i", "?", RTUN_YES, "", "%s", much);
	says("bytes", 0, "\xef\xbf\xbd(");
	ck_assert_uint_lt(json_string_length(json_object_get(check_of("much", 0), "text")), 1100);
	ck_assert(json_is_null(json_object_get(check_of("much", 0), "remedy")));
}
END_TEST

/* ---- without a daemon ---- */

START_TEST(offline)
{
	app_destroy(&bed.app);
	bed_write(P ", doctor: ill}\n");
	const struct app_options o = {bed.config, bed_modules(), NULL};
	struct command_error err;
	ck_assert_int_eq(app_load(&o, &bed.report, &bed.app), 0);
	ck_assert_int_eq(app_command(bed.app, "doctor", NULL, NULL, 0, &got.answer, &err), 0);
	says("cheer", 0, "it sobs");
	says("configuration", 1, "no mistake");
	ck_assert_ptr_null(check_of("configuration-current", 0));
	ck_assert_ptr_null(check_of("state", 0));
}
END_TEST

/* ---- reports ---- */

static const struct {
	const char *text, *clean;
} scrubs[] = {
	{"", ""},
	{"nothing here", "nothing here"},
	{"at home, homely", "at <removed>, homely"},
	{"home", "<removed>"},
	{"ahome home- /home/x", "ahome <removed>- /<removed>/x"},
	{"vps.example.net:9000 and vps.example.network", "<removed>:9000 and vps.example.network"},
	{"192.0.2.1:80 and 192.0.2.1.", "<address>:80 and <address>."},
	{"(2001:db8::1) [2001:db8::1]:9", "(<address>) [<address>]:9"},
	{"127.0.0.1:1080, [::1]:1080, 0.0.0.0, [::]:9", "127.0.0.1:1080, [::1]:1080, 0.0.0.0, [::]:9"},
	{"at 18:25:20, file:12:3: version 0.1.0", "at 18:25:20, file:12:3: version 0.1.0"},
	{"1.2.3.4.5 a1.2.3.4 1.2.3.4x", "<address>.5 a1.2.3.4 1.2.3.4x"},
	{"key q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA= end", "key <removed> end"},
	{"token=dGhpcyBpcyAzMiBieXRlcyBvZiB0b2tlbiBoZXJlISE", "<removed>"},
	{"noise://aB1cdefghijklmnopqrstuvwxyz@192.0.2.9:1", "noise://<removed>@<address>:1"},
	{"a-long-name-of-many-words-and-no-key", "a-long-name-of-many-words-and-no-key"},
	{"u\xc3\xa4home", "u\xc3\xa4home"},
};

START_TEST(scrubbing)
{
	struct cli_scrub *s = cli_scrub_create();
	cli_scrub_add(s, "home");
	cli_scrub_add(s, "vps.example.net");
	cli_scrub_add(s, "no"); /* too short */
	cli_scrub_add(s, NULL);
	char *clean = cli_scrub_text(s, scrubs[_i].text);
	ck_assert_str_eq(clean, scrubs[_i].clean);
	free(clean);
	cli_scrub_destroy(&s);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("doctor");
	tcase_add_test(tc, all_is_well);
	tcase_add_test(tc, a_finding_of_a_module);
	tcase_add_test(tc, unsure_is_no_finding);
	tcase_add_test(tc, an_alert_is_a_finding);
	tcase_add_loop_test(tc, odd_answers, 0, sizeof(odd) / sizeof(odd[0]));
	tcase_add_test(tc, late_answers);
	tcase_add_test(tc, who_never_answers);
	tcase_add_test(tc, two_at_once);
	tcase_add_test(tc, stopped_meanwhile);
	tcase_add_test(tc, who_asked_has_gone);
	tcase_add_loop_test(tc, a_file_that_changed, 0, sizeof(changes) / sizeof(changes[0]));
	tcase_add_test(tc, the_last_reload_failed);
	tcase_add_test(tc, data_dir_open_to_others);
	tcase_add_test(tc, no_data_dir);
	tcase_add_test(tc, few_files);
	tcase_add_test(tc, texts_of_any_kind);
	tcase_add_test(tc, offline);
	tcase_add_loop_test(tc, scrubbing, 0, sizeof(scrubs) / sizeof(scrubs[0]));
	return bed_run_with(tc, "doctor", open_got, close_got);
}
