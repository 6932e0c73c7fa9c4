/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_cli_render.c - answers for people: tables, labelled lines, values in words, QR codes; and templates.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cli_qr.h"
#include "cli_render.h"
#include "cli_template.h"
#include "command.h"

#define NOW 1795460400 /* 2026-11-23T19:00:00Z */

static const struct rtun_view list_views[] = {
	{"name", "NAME", RTUN_V_TEXT, 0},       {"online", "STATE", RTUN_V_ONLINE, 0}, {"seen", "SEEN", RTUN_V_TIME, 0},
	{"rtt_ms", "RTT", RTUN_V_MS, 0},        {"bytes", "BYTES", RTUN_V_BYTES, 0},   {"tags", "TAGS", RTUN_V_LIST, 0},
};
static const struct rtun_command list_command = {
	.name = "list", .view = RTUN_LIST(list_views), .view_items = "items", .empty = "Nothing yet.",
};
static const struct rtun_view one_views[] = {
	{"done", NULL, RTUN_V_SENTENCE, 0}, {"name", "Name", RTUN_V_TEXT, 0}, {"expires_at", "Expires", RTUN_V_TIME, 0},
	{"command", "On the other machine", RTUN_V_COMMAND, 0},
};
static const struct rtun_command one_command = {.name = "one", .view = RTUN_LIST(one_views)};

static size_t room; /* columns; 0: as many as needed */

static char *render(const struct rtun_command *cmd, const char *json, bool tty, bool colour)
{
	char *text = NULL;
	size_t len;
	struct cli_out o = {.out = open_memstream(&text, &len), .err = stderr, .out_tty = tty, .out_colour = colour, .now = NOW, .width = room};
	json_t *description = command_describe(cmd), *answer = json_loads(json, 0, NULL);
	struct cli_verb *verb = cli_verb_create(description);

	ck_assert_ptr_nonnull(answer);
	cli_render(&o, verb, answer);
	fclose(o.out);
	cli_verb_destroy(&verb);
	json_decref(description);
	json_decref(answer);
	return text;
}

#define EXPECT(cmd, json, tty, colour, wanted) \
	do { \
		char *got = render(&(cmd), json, tty, colour); \
		ck_assert_str_eq(got, wanted); \
		free(got); \
	} while (0)

static const char items[] =
	"{\"items\":[{\"name\":\"home\",\"online\":true,\"seen\":\"2026-11-23T18:57:00Z\",\"rtt_ms\":12,\"bytes\":1536,\"tags\":[\"a\",\"b\"],\"x\":1},"
	"{\"name\":\"m\xc3\xbc\",\"online\":false,\"seen\":null,\"rtt_ms\":null,\"bytes\":0,\"tags\":[]}]}";

START_TEST(test_table)
{
	EXPECT(list_command, items, false, false,
	       "NAME  STATE   SEEN       RTT    BYTES    TAGS\n"
	       "home  online  3 min ago  12 ms  1.5 KiB  a, b\n"
	       "m\xc3\xbc    away    -          -      0 B      -\n");
}
END_TEST

START_TEST(test_table_in_colour)
{
	char *got = render(&list_command, items, true, true);

	ck_assert_ptr_nonnull(strstr(got, "\033[1mNAME\033[0m  "));
	ck_assert_ptr_nonnull(strstr(got, "\033[32monline\033[0m  3 min ago"));
	free(got);
}
END_TEST

/* Where there is less room, long cells end early, then the last columns do. */
START_TEST(test_narrow_table)
{
	static const struct {
		size_t room;
		const char *name, *wanted;
	} rows[] = {
		{46, "home", "NAME  STATE   SEEN       RTT    BYTES    TAGS\nhome  online  3 min ago  12 ms  1.5 KiB  a, b\n"},
		{45, "home", "NAME  STATE   SEEN       RTT    BYTES    TAGS\nhome  online  3 min ago  12 ms  1.5 KiB  a, b\n"},
		{44, "home", "NAME  STATE   SEEN       RTT    BYTES\nhome  online  3 min ago  12 ms  1.5 KiB\n"},
		{20, "home", "NAME  STATE\nhome  online\n"},
		{12, "home", "NAME  STATE\nhome  online\n"},
		{10, "home", "NAME\nhome\n"},
		{52, "m\xc3\xbcllers-living-room-upstairs",
		 "NAME                  STATE   SEEN       RTT\nm\xc3\xbcllers-living-room-  online  3 min ago  12 ms\n"},
		{15, "m\xc3\xbcllers-living-room-upstairs", "NAME\nm\xc3\xbcllers-living-\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char json[300];

		snprintf(json, sizeof(json), "{\"items\":[{\"name\":\"%s\",\"online\":true,\"seen\":\"2026-11-23T18:57:00Z\",\"rtt_ms\":12,"
					     "\"bytes\":1536,\"tags\":[\"a\",\"b\"]}]}", rows[i].name);
		room = rows[i].room;
		EXPECT(list_command, json, true, false, rows[i].wanted);
	}
	room = 0;
}
END_TEST

START_TEST(test_empty)
{
	EXPECT(list_command, "{\"items\":[]}", true, false, "Nothing yet.\n");
	EXPECT(list_command, "{\"items\":[]}", false, false, "");
}
END_TEST

START_TEST(test_lines)
{
	const char *answer = "{\"name\":\"home\",\"expires_at\":\"2026-11-23T19:15:00Z\",\"done\":\"It is done.\",\"command\":\"do 'it'\",\"more\":1}";

	EXPECT(one_command, answer, true, false,
	       "It is done.\nName:    home\nExpires: in 15 min\nOn the other machine:\n    do 'it'\n");
	EXPECT(one_command, answer, false, false, "Name:    home\nExpires: in 15 min\nOn the other machine:\n    do 'it'\n");
	EXPECT(one_command, "{\"done\":\"One.\\nTwo.\\u0007\"}", true, false, "One.\nTwo.\\x07\n");
	EXPECT(one_command, "{\"command\":null,\"done\":null}", true, false, "");
	EXPECT(one_command, "{}", true, false, "");
}
END_TEST

START_TEST(test_nothing_plays_with_the_terminal)
{
	EXPECT(one_command, "{\"name\":\"a\\u001b[2J\\nb\\u202ec\"}", true, false, "Name:    a\\x1b[2J\\x0ab\\xe2\\x80\\xaec\n");
}
END_TEST

START_TEST(test_values)
{
	char buf[80];

	ck_assert_str_eq(cli_render_bytes(1023, buf, sizeof(buf)), "1023 B");
	ck_assert_str_eq(cli_render_bytes(1024, buf, sizeof(buf)), "1.0 KiB");
	ck_assert_str_eq(cli_render_bytes(1048575, buf, sizeof(buf)), "1.0 MiB");
	ck_assert_str_eq(cli_render_bytes(UINT64_MAX, buf, sizeof(buf)), "16.0 EiB");
	ck_assert_str_eq(cli_render_duration(59, buf, sizeof(buf)), "59 s");
	ck_assert_str_eq(cli_render_duration(3 * 86400, buf, sizeof(buf)), "3 days");
	ck_assert_str_eq(cli_render_time("2026-11-23T19:00:00Z", NOW, buf, sizeof(buf)), "now");
	ck_assert_str_eq(cli_render_time("2026-11-23T17:00:00.5Z", NOW, buf, sizeof(buf)), "2 h ago");
	ck_assert_str_eq(cli_render_time("yesterday", NOW, buf, sizeof(buf)), "yesterday");
}
END_TEST

START_TEST(test_fields)
{
	json_t *fields = json_loads("{\"name\":\"ho\\u0007me\",\"n\":3}", 0, NULL);
	char *text = cli_render_fields("{name} has arrived {n} {none} {", fields);

	ck_assert_str_eq(text, "ho\\x07me has arrived 3 - {");
	free(text);
	json_decref(fields);
}
END_TEST

/* ---- QR ---- */

/* A pairing URL of a usual host: 118 to 122 bytes. */
static const char url[] = "noise://q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA@vps.example.net:9000?token=q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA";

static void measure(const char *text, size_t *ret_rows, size_t *ret_columns)
{
	*ret_rows = *ret_columns = 0;
	for (const char *p = text; *p; p += strcspn(p, "\n") + 1) {
		size_t columns = 0;

		for (const char *c = p; *c != '\n'; c++) {
			if (*c == '\033') c = strchr(c, 'm');
			else columns += ((unsigned char)*c & 0xc0) != 0x80;
		}
		if (columns > *ret_columns) *ret_columns = columns;
		++*ret_rows;
	}
}

static char *drawn(enum cli_qr_mode mode)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	ck_assert_int_eq(cli_qr_print(f, url, mode), 0);
	fclose(f);
	return text;
}

START_TEST(test_qr_fits)
{
	size_t rows, columns;
	char *text = drawn(CLI_QR_UTF8);

	measure(text, &rows, &columns);
	ck_assert_uint_le(rows, 23);
	ck_assert_uint_le(columns, 80);
	ck_assert_ptr_nonnull(strstr(text, "\033[40m\033[97m")); /* says its colours */
	free(text);
}
END_TEST

START_TEST(test_qr_forms_agree)
{
	size_t rows, columns, ascii_rows, ascii_columns;
	char *ansi = drawn(CLI_QR_ANSI), *ascii = drawn(CLI_QR_ASCII), *utf8 = drawn(CLI_QR_UTF8);
	size_t side, u_rows, u_columns;

	measure(ansi, &rows, &columns);
	measure(ascii, &ascii_rows, &ascii_columns);
	measure(utf8, &u_rows, &u_columns);
	side = rows;
	ck_assert_uint_eq(columns, 2 * side);
	ck_assert_uint_eq(ascii_columns, 2 * side);
	ck_assert_uint_eq(ascii_rows, side);
	ck_assert_uint_eq(u_columns, side);
	ck_assert_uint_eq(u_rows, (side + 1) / 2);
	/* the border, then the upper left corner */
	ck_assert_int_eq(strncmp(ascii + 2 * (2 * side + 1), "    ##############  ", 20), 0);
	free(ansi);
	free(ascii);
	free(utf8);
}
END_TEST

START_TEST(test_qr_too_long)
{
	char text[4000];
	FILE *f = tmpfile();

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	ck_assert_int_eq(cli_qr_print(f, text, CLI_QR_UTF8), -1);
	ck_assert_int_eq(cli_qr_print(f, text, CLI_QR_NONE), 0);
	ck_assert_int_eq(ftell(f), 0);
	fclose(f);
}
END_TEST

START_TEST(test_qr_choice)
{
	ck_assert_int_eq(cli_qr_choose(NULL, true, true, "xterm"), CLI_QR_UTF8);
	ck_assert_int_eq(cli_qr_choose("auto", true, false, "xterm"), CLI_QR_UTF8);
	ck_assert_int_eq(cli_qr_choose("auto", true, false, "linux"), CLI_QR_ANSI);
	ck_assert_int_eq(cli_qr_choose(NULL, true, true, "dumb"), CLI_QR_ASCII);
	ck_assert_int_eq(cli_qr_choose(NULL, false, true, "xterm"), CLI_QR_NONE);
	ck_assert_int_eq(cli_qr_choose("utf8", false, false, NULL), CLI_QR_UTF8);
	ck_assert_int_eq(cli_qr_choose("none", true, true, "xterm"), CLI_QR_NONE);
}
END_TEST

START_TEST(test_png)
{
	static const unsigned char magic[] = {0x89, 'P', 'N', 'G'};
	unsigned char head[4];
	FILE *f = tmpfile();

	ck_assert_int_eq(cli_qr_png(f, url), cli_qr_has_png() ? 0 : -1);
	rewind(f);
	if (cli_qr_has_png()) {
		ck_assert_uint_eq(fread(head, 1, 4, f), 4);
		ck_assert_mem_eq(head, magic, 4);
	}
	fclose(f);
}
END_TEST

/* ---- Templates ---- */

static const char template[] =
	"# x: for tests\n"
	"data-dir: /var/lib/x        # init: --data-dir\n"
	"modules:\n"
	"  - module: a\n"
	"    # why\n"
	"    # public: host:9000       # init: --public\n"
	"    listen: \"0.0.0.0:9000\"  # init: --listen\n";
static const char *const keys[] = {"data-dir", "listen", "public", "name", NULL};

static char *filled(const char *json, const char **ret_unused)
{
	json_t *args = json_loads(json, 0, NULL);
	char *text = cli_template_fill(template, args, keys, ret_unused);

	json_decref(args);
	return text;
}

START_TEST(test_template)
{
	const char *unused;
	char *text = filled("{\"template\":\"x\"}", &unused);

	ck_assert_str_eq(text, "# x: for tests\ndata-dir: /var/lib/x\nmodules:\n  - module: a\n    # why\n    # public: host:9000\n"
			       "    listen: \"0.0.0.0:9000\"\n");
	free(text);
	text = filled("{\"public\":\"[2600::1]:9000\",\"data-dir\":\"/a \\\"b\\\\\"}", &unused);
	ck_assert_str_eq(text, "# x: for tests\ndata-dir: \"/a \\\"b\\\\\"\nmodules:\n  - module: a\n    # why\n    public: \"[2600::1]:9000\"\n"
			       "    listen: \"0.0.0.0:9000\"\n");
	free(text);
	ck_assert_ptr_null(filled("{\"name\":\"home\"}", &unused));
	ck_assert_str_eq(unused, "name");
}
END_TEST

START_TEST(test_template_summary)
{
	char buf[80];

	ck_assert_str_eq(cli_template_summary(template, buf, sizeof(buf)), "x: for tests");
	ck_assert_str_eq(cli_template_summary("# yaml-language-server: $schema=x\n# y\n", buf, sizeof(buf)), "y");
	ck_assert_str_eq(cli_template_summary("a: b\n", buf, sizeof(buf)), "");
	ck_assert_ptr_null(cli_template_read("/", "../etc/passwd"));
}
END_TEST

static bool is_b(void *arg, const char *module)
{
	++*(int *)arg;
	return !strcmp(module, "b");
}

START_TEST(test_template_choose)
{
	int asked = 0;
	char left[64];
	char *text = cli_template_choose("# x\n\nmodules:\n  - module: a\n\n  # about b\n  - module: b      # init: if installed\n    k: v\n\n"
					 "  # about c\n  - module: c  # init: if installed\n    k: v\n\n\n  - module: d\n", is_b, &asked, left);

	ck_assert_str_eq(text, "# x\n\nmodules:\n  - module: a\n\n  # about b\n  - module: b\n    k: v\n\n  - module: d\n");
	ck_assert_str_eq(left, "c");
	ck_assert_int_eq(asked, 2);
	free(text);
	text = cli_template_choose(template, is_b, &asked, left);
	ck_assert_str_eq(text, template);
	ck_assert_str_eq(left, "");
	free(text);
	text = cli_template_choose("  - module: c # init: if installed", is_b, &asked, left);
	ck_assert_str_eq(text, "");
	free(text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cli_render");
	TCase *t = tcase_create("answers");
	SRunner *runner;
	int failed;

	tcase_add_test(t, test_table);
	tcase_add_test(t, test_table_in_colour);
	tcase_add_test(t, test_narrow_table);
	tcase_add_test(t, test_empty);
	tcase_add_test(t, test_lines);
	tcase_add_test(t, test_nothing_plays_with_the_terminal);
	tcase_add_test(t, test_values);
	tcase_add_test(t, test_fields);
	tcase_add_test(t, test_qr_fits);
	tcase_add_test(t, test_qr_forms_agree);
	tcase_add_test(t, test_qr_too_long);
	tcase_add_test(t, test_qr_choice);
	tcase_add_test(t, test_png);
	tcase_add_test(t, test_template);
	tcase_add_test(t, test_template_summary);
	tcase_add_test(t, test_template_choose);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
