/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_modgraph.c - references between instances, as configurations with real modules: every refusal at its place, and
 * the order of a life.
 */
#include "app_bed.h"

static const char *order(void)
{
	static char text[256];
	text[0] = 0;
	for (uint32_t i = 0; i < app_instance_count(bed.app); i++) {
		strcat(text, app_instance(bed.app, i)->name);
		strcat(text, " ");
	}
	return text;
}

START_TEST(providers_first)
{
	bed_good("modules:\n"
		 "  - {module: tm_consumer, name: c2, to: p2}\n"
		 "  - {module: tm_consumer, name: c1, to: p1}\n"
		 "  - {module: tm_provider, name: p1}\n"
		 "  - {module: tm_provider, name: p2}\n");
	ck_assert_str_eq(order(), "p2 c2 p1 c1 ");
}
END_TEST

START_TEST(omitted_and_only_one)
{
	bed_good("modules:\n  - module: tm_consumer\n    trace: @\n  - {module: tm_provider, name: p, greeting: moin}\n");
	ck_assert_str_eq(order(), "p tm_consumer ");
	ck_assert_str_eq(bed_traced(), "tm_consumer create moin\n"); /* ops and obj are filled */
}
END_TEST

START_TEST(omitted_silent_ones_do_not_count)
{
	bed_good("modules:\n  - module: tm_consumer\n  - {module: tm_provider, name: p}\n  - {module: tm_provider, name: q, role: silent}\n");
}
END_TEST

START_TEST(ambiguous)
{
	const struct conf_problem *p = bed_bad("modules:\n  - module: tm_consumer\n  - {module: tm_provider, name: p}\n  - {module: tm_provider, name: q}\n",
					       3, 5, "ambiguous-reference");
	bed_says(p->text, "`to`");
	bed_says(p->remedy, "p, q");
}
END_TEST

START_TEST(none_there)
{
	const struct conf_problem *p = bed_bad("modules:\n  - module: tm_consumer\n", 3, 5, "missing-reference");
	bed_says(p->text, "rtun.test/1");
}
END_TEST

START_TEST(unknown_name)
{
	const struct conf_problem *p = bed_bad("modules:\n  - module: tm_consumer\n    to: provder\n  - {module: tm_provider, name: provider}\n", 4, 9,
					       "unknown-instance");
	bed_says(p->text, "'provder'");
	bed_says(p->remedy, "'provider'");
}
END_TEST

START_TEST(wrong_kind)
{
	const struct conf_problem *p = bed_bad("modules:\n  - module: tm_consumer\n    to: l\n  - {module: tm_link, name: l, end: yes}\n"
					       "  - {module: tm_provider, name: p}\n", 4, 9, "wrong-reference");
	bed_says(p->text, "does not provide rtun.test/1");
	bed_says(p->remedy, "p");
}
END_TEST

START_TEST(right_module_wrong_role)
{
	bed_bad("modules:\n  - module: tm_consumer\n    to: q\n  - {module: tm_provider, name: p}\n  - {module: tm_provider, name: q, role: silent}\n", 4, 9,
		"wrong-reference");
}
END_TEST

START_TEST(ring)
{
	const struct conf_problem *p = bed_bad("modules:\n  - {module: tm_link, name: a, next: b}\n  - {module: tm_link, name: b, next: c}\n"
					       "  - {module: tm_link, name: c, next: a}\n", 3, 5, "reference-ring");
	bed_says(p->text, "a -> b -> c -> a");
}
END_TEST

START_TEST(ring_of_one)
{
	bed_says(bed_bad("modules:\n  - {module: tm_link, name: a, next: a}\n", 3, 5, "reference-ring")->text, "a -> a");
}
END_TEST

START_TEST(chain_and_rows_that_do_not_hold)
{
	bed_good("modules:\n  - {module: tm_link, name: a, next: b, other: c}\n  - {module: tm_link, name: b, next: c}\n  - {module: tm_link, name: c, end: yes}\n");
	ck_assert_str_eq(order(), "c b a ");
}
END_TEST

/* RTUN_IF_ANY: none is fine, the only one is chosen, of several one must be named. */
START_TEST(one_if_there_is_any)
{
	bed_good("modules:\n  - {module: tm_link, name: a, end: yes}\n  - {module: tm_provider, name: z}\n");
	ck_assert_str_eq(order(), "z a ");
	app_destroy(&bed.app);
	bed_bad("modules:\n  - {module: tm_link, name: a, end: yes}\n  - {module: tm_provider, name: y}\n"
		"  - {module: tm_provider, name: z}\n", 3, 5, "ambiguous-reference");
}
END_TEST

/* A mistake is told once: not again for everything that depends on it. */
/* Who promises that nobody listens on a port finds a unix socket good, a port not, and does not mind what others do alone. */
START_TEST(no_port)
{
	bed_good("modules:\n  - {module: tm_escape, needs: no-port}\n  - {module: tm_keeper, listen: \"unix:/tmp/x\"}\n");
}
END_TEST

START_TEST(a_port_where_none_may_be)
{
	const struct conf_problem *p = bed_bad("modules:\n  - {module: tm_keeper, listen: [\"unix:/tmp/x\", \"127.0.0.1:9000\"]}\n"
					       "  - {module: tm_escape, needs: no-port}\n", 3, 49, "listen-port");
	bed_says(p->text, "beside 'tm_escape'");
	bed_says(p->remedy, "unix:");
}
END_TEST

START_TEST(unknown_module_once)
{
	const struct conf_problem *p = bed_bad("modules:\n  - module: tm_consumer\n    to: p\n  - {module: tm_provdier, name: p}\n", 5, 14, "unknown-module");
	bed_says(p->remedy, "'tm_provider'");
}
END_TEST

START_TEST(bad_options_once)
{
	bed_load("modules:\n  - module: tm_consumer\n  - {module: tm_provider, amount: 1000}\n");
	ck_assert_ptr_null(bed.app);
	ck_assert_uint_eq(bed.report.errors, 1);
	ck_assert_uint_eq(bed.report.items[0].at.line, 4);
}
END_TEST

START_TEST(bad_options_and_a_wrong_name)
{
	bed_load("modules:\n  - {module: tm_provider, name: p}\n  - {module: tm_consumer, nothing: 1, to: nobody}\n"
		 "  - {module: tm_consumer, name: d, nothing: 1, to: p}\n");
	ck_assert_ptr_null(bed.app);
	ck_assert_uint_eq(bed.report.errors, 3);
	ck_assert_str_eq(bed.report.items[0].code, "unknown-key");
	ck_assert_str_eq(bed.report.items[1].code, "unknown-instance");
	ck_assert_str_eq(bed.report.items[2].code, "unknown-key");
}
END_TEST

START_TEST(all_errors_at_once)
{
	bed_load("modules:\n"
		 "  - {module: tm_consumer, name: c, to: nobody}\n"
		 "  - {module: tm_provider, name: p, fail: check}\n"
		 "  - {module: tm_provider, name: q, amount: 0}\n"
		 "  - {module: tm_nothing, name: r}\n");
	ck_assert_ptr_null(bed.app);
	ck_assert_uint_eq(bed.report.errors, 4);
	for (uint32_t i = 0; i < 4; i++) ck_assert_uint_eq(bed.report.items[i].at.line, 3 + i);
}
END_TEST

START_TEST(refused_module)
{
	bed_says(bed_bad("modules:\n  - module: tm_badabi\n", 3, 13, "module-refused")->text, "tm_badabi.so");
}
END_TEST

START_TEST(check_has_a_place)
{
	const struct conf_problem *p = bed_bad("modules:\n  - module: tm_provider\n    fail: check\n", 4, 11, "bad-value");
	ck_assert_str_eq(p->text, "told to fail in check");
	ck_assert_str_eq(p->remedy, "say none");
}
END_TEST

START_TEST(create_that_fails)
{
	bed_says(bed_bad("modules:\n  - {module: tm_provider, fail: create, trace: @}\n", 3, 5, "module-failed")->text, "system call");
	ck_assert_str_eq(bed_traced(), "tm_provider check hello\ntm_provider create\ntm_provider destroy\n");
}
END_TEST

START_TEST(promise_not_kept)
{
	bed_says(bed_bad("modules:\n  - {module: tm_provider, fail: provide}\n", 3, 5, "module-failed")->text, "rtun.test/1");
}
END_TEST

START_TEST(life)
{
	bed_good("modules:\n  - {module: tm_consumer, name: c, trace: @}\n  - {module: tm_provider, name: p, trace: @}\n");
	bed_start();
	instance_drain(bed.app->instances[0], RTUN_S);
	app_destroy(&bed.app);
	ck_assert_str_eq(bed_traced(), "p check hello\np create\nc create hello\np setup\np prepare\np start\nc start p\np drain\n"
				       "c stop\np stop\nc destroy\np destroy\n");
}
END_TEST

START_TEST(check_only)
{
	bed_good("modules:\n  - {module: tm_provider, name: p, trace: @}\n");
	app_destroy(&bed.app);
	ck_assert_str_eq(bed_traced(), "p check hello\np create\np destroy\n");
	ck_assert_int_ne(access(bed.data, F_OK), 0); /* nothing was made */
}
END_TEST

START_TEST(setup_makes_data_dir)
{
	struct command_error err;
	struct stat st;
	bed_good("modules:\n  - {module: tm_provider, name: p, trace: @}\n");
	ck_assert_int_eq(app_setup(bed.app, &err), 0);
	app_destroy(&bed.app);
	ck_assert_str_eq(bed_traced(), "p check hello\np create\np setup\np stop\np destroy\n");
	ck_assert_int_eq(stat(bed.data, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
}
END_TEST

START_TEST(setup_refuses_an_open_data_dir)
{
	struct command_error err;
	bed_good("modules:\n  - {module: tm_provider}\n");
	ck_assert_int_eq(mkdir(bed.data, 0755), 0);
	ck_assert_int_eq(chmod(bed.data, 0755), 0);
	ck_assert_int_eq(app_setup_here(bed.app, &err), -RTUN_EIO);
	ck_assert_str_eq(err.code, "data-dir");
	bed_says(err.text, "755");
	bed_says(err.remedy, "chmod 700");
}
END_TEST

START_TEST(setup_refuses_a_second_one)
{
	struct command_error err;
	char pid[24];
	struct app *first;
	bed_good("modules:\n  - {module: tm_provider}\n");
	ck_assert_int_eq(app_setup_here(bed.app, &err), 0);
	first = bed.app;
	bed_good("modules:\n  - {module: tm_provider}\n");
	ck_assert_int_eq(app_setup_here(bed.app, &err), -RTUN_EEXIST);
	ck_assert_str_eq(err.code, "running");
	snprintf(pid, sizeof(pid), "process %d)", (int)getpid());
	bed_says(err.text, pid);
	app_destroy(&first);
	ck_assert_int_eq(app_setup_here(bed.app, &err), 0);
}
END_TEST

START_TEST(setup_that_fails)
{
	struct command_error err;
	bed_good("modules:\n  - {module: tm_provider, fail: setup}\n");
	ck_assert_int_eq(app_setup_here(bed.app, &err), -RTUN_EIO);
	ck_assert_str_eq(err.code, "setup-failed");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("modgraph");
	tcase_add_test(tc, providers_first);
	tcase_add_test(tc, omitted_and_only_one);
	tcase_add_test(tc, omitted_silent_ones_do_not_count);
	tcase_add_test(tc, ambiguous);
	tcase_add_test(tc, none_there);
	tcase_add_test(tc, unknown_name);
	tcase_add_test(tc, wrong_kind);
	tcase_add_test(tc, right_module_wrong_role);
	tcase_add_test(tc, ring);
	tcase_add_test(tc, ring_of_one);
	tcase_add_test(tc, chain_and_rows_that_do_not_hold);
	tcase_add_test(tc, one_if_there_is_any);
	tcase_add_test(tc, no_port);
	tcase_add_test(tc, a_port_where_none_may_be);
	tcase_add_test(tc, unknown_module_once);
	tcase_add_test(tc, bad_options_once);
	tcase_add_test(tc, bad_options_and_a_wrong_name);
	tcase_add_test(tc, all_errors_at_once);
	tcase_add_test(tc, refused_module);
	tcase_add_test(tc, check_has_a_place);
	tcase_add_test(tc, create_that_fails);
	tcase_add_test(tc, promise_not_kept);
	tcase_add_test(tc, life);
	tcase_add_test(tc, check_only);
	tcase_add_test(tc, setup_makes_data_dir);
	tcase_add_test(tc, setup_refuses_an_open_data_dir);
	tcase_add_test(tc, setup_refuses_a_second_one);
	tcase_add_test(tc, setup_that_fails);
	return bed_run(tc, "modgraph");
}
