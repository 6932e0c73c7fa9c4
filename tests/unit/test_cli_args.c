/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_cli_args.c - the words of a command line: the program's own options, and arguments by the rows of a verb.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "command.h"

/* ---- A verb that doesn't exist, with rows of every kind ---- */

struct fake_args {
	const char *target, *name, *secret_word;
	uint64_t count;
	uint32_t quick;
	struct rtun_list tags, more;
};
static const struct rtun_option fake_rows[] = {
	RTUN_TEXT(struct fake_args, target, NULL, RTUN_POSITIONAL | RTUN_REQUIRED, NULL, "Whom to greet"),
	RTUN_TEXTS(struct fake_args, more, NULL, RTUN_POSITIONAL | RTUN_REST, NULL, "Whom else"),
	RTUN_NAME(struct fake_args, name, NULL, 0, NULL, "By which name"),
	RTUN_INT(struct fake_args, count, "1", 1, 9, 0, NULL, "How often"),
	RTUN_BOOL(struct fake_args, quick, NULL, 0, NULL, "In haste"),
	RTUN_TEXTS(struct fake_args, tags, NULL, 0, NULL, "With what"),
};
static const struct rtun_schema fake_schema = RTUN_SCHEMA(struct fake_args, fake_rows);
static const struct rtun_option line_rows[] = {
	RTUN_TEXT(struct fake_args, target, NULL, RTUN_POSITIONAL | RTUN_STDIN | RTUN_REQUIRED, NULL, "The address"),
};
static const struct rtun_schema line_schema = RTUN_SCHEMA(struct fake_args, line_rows);

static const struct rtun_command greet = {.name = "greet", .doc = "Say hello.", .args = &fake_schema};
static const struct rtun_command line = {.name = "line", .args = &line_schema};

/* ---- One parse ---- */

static char *said; /* what went to err */
static size_t said_len;
static struct cli_call call;
static char *words[20];

static int sort_words(struct cli_out *o, const char *const *argv)
{
	int n = 0;

	free(said);
	*o = (struct cli_out){.out = stdout, .err = open_memstream(&said, &said_len)};
	for (; argv[n]; n++)
		words[n] = (char *)(uintptr_t)argv[n];
	return cli_call_parse(&call, o, n, words);
}

static int parse(const struct rtun_command *cmd, const char *input, json_t **ret_args, const char *const *argv)
{
	struct cli_out o;
	json_t *description = command_describe(cmd);
	struct cli_verb *verb = cli_verb_create(description);
	FILE *in = fmemopen((char *)(uintptr_t)(*input ? input : "\n"), *input ? strlen(input) : 1, "r");
	int rc = sort_words(&o, argv);

	ck_assert_ptr_nonnull(verb);
	*ret_args = NULL;
	if (!rc) rc = cli_args_parse(verb, &call, &o, in, false, ret_args);
	fclose(o.err);
	fclose(in);
	json_decref(description);
	cli_verb_destroy(&verb);
	return rc;
}

#define ARGV(...) (const char *const[]){__VA_ARGS__, NULL}

static void expect(const struct rtun_command *cmd, const char *input, const char *wanted, const char *const *argv)
{
	json_t *args, *want = json_loads(wanted, 0, NULL);

	ck_assert_ptr_nonnull(want);
	ck_assert_msg(parse(cmd, input, &args, argv) == 0, "%s", said);
	if (!json_equal(args, want)) {
		char *got = json_dumps(args, JSON_SORT_KEYS);

		ck_abort_msg("%s instead of %s", got, wanted);
	}
	ck_assert_str_eq(said, "");
	json_decref(args);
	json_decref(want);
}

static void refuse(const struct rtun_command *cmd, const char *words_of_refusal, const char *const *argv)
{
	json_t *args;

	ck_assert_int_eq(parse(cmd, "", &args, argv), 2);
	ck_assert_ptr_null(args);
	ck_assert_msg(strstr(said, words_of_refusal) != NULL, "'%s' is not in: %s", words_of_refusal, said);
}

/* ---- Arguments ---- */

START_TEST(test_forms)
{
	expect(&greet, "", "{\"target\":\"home\"}", ARGV("greet", "home"));
	expect(&greet, "", "{\"target\":\"home\",\"name\":\"x\"}", ARGV("greet", "--name", "x", "home"));
	expect(&greet, "", "{\"target\":\"home\",\"name\":\"x=y\"}", ARGV("greet", "home", "--name=x=y"));
	expect(&greet, "", "{\"target\":\"home\",\"quick\":\"true\"}", ARGV("greet", "--quick", "home"));
	expect(&greet, "", "{\"target\":\"home\",\"quick\":\"no\"}", ARGV("greet", "--quick=no", "home"));
	expect(&greet, "", "{\"target\":\"home\",\"tags\":[\"a\",\"b\"]}", ARGV("greet", "home", "--tags", "a", "--tags=b"));
	expect(&greet, "", "{\"target\":\"home\",\"more\":[\"a\",\"b\"]}", ARGV("greet", "home", "a", "b"));
	expect(&greet, "", "{\"target\":\"-\"}", ARGV("greet", "-"));
	expect(&greet, "", "{\"target\":\"--name\",\"more\":[\"--json\"]}", ARGV("greet", "--", "--name", "--json"));
	expect(&greet, "", "{\"target\":\"h\",\"name\":\"-c\"}", ARGV("greet", "h", "--name=-c"));
}
END_TEST

START_TEST(test_refusals)
{
	refuse(&greet, "greet needs TARGET (Whom to greet)", ARGV("greet"));
	refuse(&greet, "did you mean --name?", ARGV("greet", "home", "--nmae", "x"));
	refuse(&greet, "greet has no option -x\n", ARGV("greet", "home", "-x"));
	refuse(&greet, "--name needs a value", ARGV("greet", "home", "--name"));
	refuse(&greet, "--name is given twice", ARGV("greet", "home", "--name=a", "--name=b"));
	refuse(&greet, "not UTF-8", ARGV("greet", "\xff"));
	refuse(&line, "'b' is one argument too many", ARGV("line", "a", "b"));
	refuse(&line, "line needs TARGET (The address)", ARGV("line"));
	ck_assert_ptr_nonnull(strstr(said, "help: restunnel line --help\n"));
}
END_TEST

START_TEST(test_hostile_words_are_shown_harmless)
{
	refuse(&greet, "\\x1b]0;x\\x07", ARGV("greet", "home", "--\033]0;x\a"));
}
END_TEST

START_TEST(test_standard_input)
{
	expect(&line, "noise://x\n", "{\"target\":\"noise://x\"}", ARGV("line"));
	expect(&line, "noise://x\r\nmore\n", "{\"target\":\"noise://x\"}", ARGV("line"));
	expect(&line, "unread\n", "{\"target\":\"given\"}", ARGV("line", "given"));
}
END_TEST

/* ---- The program's own options ---- */

static int sorted(const char *const *argv)
{
	struct cli_out o;
	int rc = sort_words(&o, argv);

	fclose(o.err);
	return rc;
}

START_TEST(test_options_anywhere)
{
	ck_assert_int_eq(sorted(ARGV("--module-dir", "/m", "greet", "home", "-c", "/x.yaml", "--json", "--on=tunnel")), 0);
	ck_assert_str_eq(call.verb, "greet");
	ck_assert_str_eq(call.module_dir, "/m");
	ck_assert_str_eq(call.config, "/x.yaml");
	ck_assert_str_eq(call.on, "tunnel");
	ck_assert(call.json && call.config_given && !call.help);
	ck_assert_int_eq(call.argc, 1);
	ck_assert_str_eq(call.argv[0], "home");
	ck_assert_int_eq(sorted(ARGV("greet", "-c/y.yaml", "-h")), 0);
	ck_assert_str_eq(call.config, "/y.yaml");
	ck_assert(call.help);
	ck_assert_int_eq(sorted(ARGV("greet")), 0);
	ck_assert_str_eq(call.config, SYSCONFDIR "/restunnel/restunnel.yaml");
	ck_assert(!call.config_given);
}
END_TEST

START_TEST(test_options_refused)
{
	ck_assert_int_eq(sorted(ARGV("greet", "-c")), 2);
	ck_assert_ptr_nonnull(strstr(said, "--config needs a value"));
	ck_assert_int_eq(sorted(ARGV("greet", "--json=yes")), 2);
	ck_assert_ptr_nonnull(strstr(said, "--json takes no value"));
	ck_assert_int_eq(sorted(ARGV("greet", "--qr=svg")), 2);
	ck_assert_ptr_nonnull(strstr(said, "--qr is one of auto|ansi|utf8|ascii|none, not 'svg'"));
	ck_assert_int_eq(sorted(ARGV("greet", "--qr=a")), 2);
	ck_assert_int_eq(sorted(ARGV("greet", "--color=")), 2);
}
END_TEST

START_TEST(test_colour)
{
	ck_assert(cli_out_wants_colour(NULL, true, NULL, "xterm"));
	ck_assert(cli_out_wants_colour("auto", true, "", "xterm")); /* an empty NO_COLOR is none */
	ck_assert(!cli_out_wants_colour(NULL, true, "1", "xterm"));
	ck_assert(!cli_out_wants_colour(NULL, false, NULL, "xterm"));
	ck_assert(!cli_out_wants_colour(NULL, true, NULL, "dumb"));
	ck_assert(!cli_out_wants_colour(NULL, true, NULL, NULL));
	ck_assert(cli_out_wants_colour("always", false, "1", "dumb"));
	ck_assert(!cli_out_wants_colour("never", true, NULL, "xterm"));
}
END_TEST

START_TEST(test_own_verbs_describe_themselves)
{
	const struct cli_own *own;

	for (size_t i = 0; (own = cli_own_row(i)); i++) {
		struct cli_verb *v = cli_own_verb(own);

		ck_assert_ptr_nonnull(v->doc);
		ck_assert_ptr_nonnull(v->example);
		ck_assert_ptr_eq(cli_own_find(v->name), own);
		for (size_t j = 0; j < v->arg_count; j++)
			ck_assert_ptr_nonnull(v->args[j].doc);
		cli_verb_destroy(&v);
	}
	ck_assert_ptr_null(cli_own_find("pair"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cli_args");
	TCase *t = tcase_create("words");
	SRunner *runner;
	int failed;

	tcase_add_test(t, test_forms);
	tcase_add_test(t, test_refusals);
	tcase_add_test(t, test_hostile_words_are_shown_harmless);
	tcase_add_test(t, test_standard_input);
	tcase_add_test(t, test_options_anywhere);
	tcase_add_test(t, test_options_refused);
	tcase_add_test(t, test_colour);
	tcase_add_test(t, test_own_verbs_describe_themselves);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	free(said);
	return failed ? 1 : 0;
}
