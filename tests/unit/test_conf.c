/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_conf.c - the configuration's tree, drop-ins, and the report: one mistake, one error, at its place.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <restunnel/host.h>

#include "conf.h"
#include "nearest.h"

static char dir[64];

static void setup(void)
{
	strcpy(dir, "/tmp/restunnel-conf-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
}

static void teardown(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	char command[100];
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

/* ---- Syntax ---- */

/* The whole report, one line each, without the file's name. */
static char *report_text(struct conf_report *r)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	conf_report_sort(r);
	for (uint32_t i = 0; i < r->count; i++)
		fprintf(to, "%u:%u %s: %s; %s\n", r->items[i].at.line, r->items[i].at.column, r->items[i].code, r->items[i].text,
			r->items[i].remedy ? r->items[i].remedy : "-");
	fclose(to);
	return text;
}

static const struct {
	const char *yaml, *report;
} syntax[] = {
	{"a: 1\nb: [x, y]\nc: {d: e}\n", ""},
	{"\xef\xbb\xbf" "a: 1\r\nb: 2\r\n", ""},
	{"%YAML 1.2\n---\na: 1\n", ""},
	{"", ""},
	{"# nothing\n", ""},
	{"listen: [::]:9000\n", "1:9 syntax: an address in brackets needs quotes; write \"[::]:9000\"\n"},
	{"m:\n  - listen: [2001:db8::1]:80\n    x: 1\n",
	 "2:13 syntax: an address in brackets needs quotes; write \"[2001:db8::1]:80\"\n"},
	{"{h\xc3\xa9: [::1]:80}", "1:6 syntax: an address in brackets needs quotes; write \"[::1]:80\"\n"},
	{"a:\n\tb: 1\n", "2:1 syntax: a tab where spaces should be; YAML indents with spaces: replace the tab\n"},
	{"a: 1\n\tb: 1\n", "2:1 syntax: a tab where spaces should be; YAML indents with spaces: replace the tab\n"},
	{"a: 1\nb: 2\na: 3\n", "3:1 duplicate-key: the key \"a\" is there twice: already in line 1, column 1; remove one of them\n"},
	{"x: {a: 1, b: 2, a: {c: 1, c: 2}}\n",
	 "1:17 duplicate-key: the key \"a\" is there twice: already in line 1, column 5; remove one of them\n"
	 "1:27 duplicate-key: the key \"c\" is there twice: already in line 1, column 21; remove one of them\n"},
	{"a: 1\n---\nb: 2\n",
	 "2:1 syntax: a second document begins here; a file may have only one; remove the line with --- and what follows\n"},
	{"a: &x 1\n", "1:4 syntax: anchors (&x) are not understood here; write the value out where it is needed; a text that begins with & "
		       "needs quotes\n"},
	{"a: *x\n", "1:4 syntax: aliases (*x) are not understood here; write the value out; a text that begins with * needs quotes\n"},
	{"a: !secret x\n", "1:4 syntax: tags (!secret) are not understood here; remove it; a text that begins with ! needs quotes\n"},
	{"a: !!map {}\n", "1:4 syntax: tags (tag:yaml.org,2002:map) are not understood here; remove it; a text that begins with ! needs quotes\n"},
	{"a:\n  <<: *x\n  b: 1\n", "2:3 syntax: merges (<<) are not understood here; write the keys out\n"},
	{"*x : 1\n", "1:1 syntax: aliases (*x) are not understood here; write the value out; a text that begins with * needs quotes\n"},
	{"? [a, b]\n: c\nd: 1\n", "1:3 syntax: a list or map can't be a key; a text that begins with { or [ needs quotes\n"},
	{"a: {{ var }}\n", "1:5 syntax: a list or map can't be a key; a text that begins with { or [ needs quotes\n"},
	{"a: ok\nb: \"h\xc3\xa9 \xff\"\n", "2:8 encoding: this is not UTF-8 (byte 15 of the file); save the file as UTF-8\n"},
	{"a: ok\nb: x\001\n", "2:5 encoding: a control character; remove it\n"},
	{"a: \"x\\0y\"\n", "1:4 bad-value: a text can't contain a NUL character; -\n"},
	{"a: @x\n", "1:4 syntax: a text can't begin with @ without quotes; quote the text\n"},
	{"a: b: c\n", "1:5 syntax: a colon where no value can follow; quote a text that contains \": \"; else look for a wrong indentation\n"},
	{"a: \"x\nb: 1\n", "3:1 syntax: the quote that began in line 1 is not closed; add the closing quote\n"},
	{"a: [1, 2\n", "2:1 syntax: the list that began with [ in line 1 is not closed; add a ] at its end\n"},
	{"m:\n  - a: 1\n   b: 2\n",
	 "3:4 syntax: this line is not indented as the list that began in line 2; begin it with \"- \" below the other entries, or indent it "
	 "as the key that it belongs to\n"},
	{"%YAML 1.2\na: 1\n", "2:1 syntax: a directive (%) must be followed by a line ---; remove the directive\n"},
	{"[[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]", "1:17 syntax: this is nested too deeply: more than 16 levels; -\n"},
};

START_TEST(syntax_errors)
{
	struct conf_report r = CONF_REPORT_INIT;
	struct conf_tree *t;
	int err = conf_tree_parse("f.yaml", syntax[_i].yaml, strlen(syntax[_i].yaml), &r, &t);

	ck_assert_int_eq(err, syntax[_i].report[0] ? -RTUN_ECONFIG : 0);
	char *text = report_text(&r);
	ck_assert_str_eq(text, syntax[_i].report);
	free(text);
	ck_assert_ptr_nonnull(t);
	conf_tree_free(&t);
	conf_report_clear(&r);
}
END_TEST

START_TEST(tree_knows_places)
{
	static const char yaml[] = "# comment\nh\xc3\xa9: {b: \"no\", c: no}\nlist:\n  - x\n  - y: z\n";
	struct conf_report r = CONF_REPORT_INIT;
	struct conf_tree *t;

	ck_assert_int_eq(conf_tree_parse("f.yaml", yaml, sizeof(yaml) - 1, &r, &t), 0);
	const struct conf_node *map = conf_node_get(t->root, "h\xc3\xa9"), *c = conf_node_get(map, "c"), *list = conf_node_get(t->root, "list");
	ck_assert_int_eq(map->kind, CONF_MAP);
	ck_assert_uint_eq(map->key_at.line, 2);
	ck_assert_uint_eq(map->at.column, 5);
	ck_assert(conf_node_get(map, "b")->quoted && !c->quoted);
	ck_assert_str_eq(c->text, "no");
	ck_assert_uint_eq(c->key_at.column, 15);
	ck_assert_uint_eq(c->at.column, 18);
	ck_assert_str_eq(c->at.file, "f.yaml");
	ck_assert_int_eq(list->kind, CONF_LIST);
	ck_assert_str_eq(list->child->text, "x");
	ck_assert_str_eq(conf_node_get(list->child->next, "y")->text, "z");
	ck_assert_ptr_null(list->child->next->next);
	ck_assert_ptr_null(conf_node_get(list, "x"));
	conf_tree_free(&t);
}
END_TEST

START_TEST(tree_made_by_hand)
{
	struct conf_tree *t;
	ck_assert_int_eq(conf_tree_new("the arguments", &t), 0);
	struct conf_node *map = conf_node_add(t, NULL, CONF_MAP, NULL, NULL);
	conf_node_add(t, map, CONF_SCALAR, "a", "1");
	struct conf_node *list = conf_node_add(t, map, CONF_LIST, "b", NULL);
	conf_node_add(t, list, CONF_SCALAR, NULL, "x");
	conf_node_add(t, list, CONF_SCALAR, NULL, "y");
	ck_assert_ptr_eq(t->root, map);
	ck_assert_str_eq(conf_node_get(t->root, "a")->text, "1");
	ck_assert_str_eq(conf_node_get(t->root, "b")->child->next->text, "y");
	conf_tree_free(&t);
	ck_assert_ptr_null(t);
}
END_TEST

/* Any bytes at all: no crash, and an error or a tree. */
START_TEST(random_bytes)
{
	static const char alphabet[] = "ab:- \n\t[]{}\"'&*!|>%@#,?\\0<~\xc3\xa9\xff.1";
	uint64_t seed = 1;
	char text[64];

	for (int n = 0; n < 20000; n++) {
		struct conf_report r = CONF_REPORT_INIT;
		struct conf_tree *t = NULL;
		size_t len = 0;
		for (; len < (size_t)n % sizeof(text); len++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			text[len] = alphabet[(seed >> 33) % (sizeof(alphabet) - 1)];
		}
		int err = conf_tree_parse("f", text, len, &r, &t);
		ck_assert(err ? r.errors > 0 : r.errors == 0);
		conf_tree_free(&t);
		conf_report_clear(&r);
	}
}
END_TEST

/* ---- The whole configuration ---- */

#define LOADED(yaml) \
	struct conf_report r = CONF_REPORT_INIT; \
	struct conf *c; \
	put("c.yaml", yaml); \
	int err = conf_load("c.yaml", &r, &c); \
	char *text = report_text(&r); \
	ck_assert_ptr_nonnull(c)
#define FREED() \
	do { \
		free(text); \
		conf_free(&c); \
		conf_report_clear(&r); \
	} while (0)

START_TEST(good)
{
	mkdir("c.yaml.d", 0700);
	put("c.yaml.d/20.yaml", "modules:\n  - {module: last}\n");
	put("c.yaml.d/10.yaml", "modules:\n  - {module: a_b, name: third-one_3, log-level: debug, other: [1]}\n");
	put("c.yaml.d/.hidden.yaml", "rubbish");
	put("c.yaml.d/README", "rubbish");
	LOADED("data-dir: /var/lib/x/\nlog: {level: debug, format: json}\nmodules:\n  - module: one\n  - module: one\n    name: two\n");
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(err, 0);
	ck_assert_str_eq(c->data_dir, "/var/lib/x");
	ck_assert_uint_eq(c->log_level, RTUN_DEBUG);
	ck_assert(c->log_json);
	ck_assert_uint_eq(c->count, 4);
	ck_assert_str_eq(c->entries[0].name, "one");
	ck_assert_str_eq(c->entries[1].name, "two");
	ck_assert_str_eq(c->entries[1].module, "one");
	ck_assert_uint_eq(c->entries[1].log_level, 0);
	ck_assert_str_eq(c->entries[2].name, "third-one_3");
	ck_assert_uint_eq(c->entries[2].log_level, RTUN_DEBUG);
	ck_assert_str_eq(c->entries[3].name, "last");
	ck_assert_str_eq(c->entries[3].node->at.file, "c.yaml.d/20.yaml");
	ck_assert_uint_eq(c->tree_count, 3);
	FREED();
}
END_TEST

START_TEST(defaults)
{
	LOADED("modules:\n  - module: one\n");
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(c->log_level, RTUN_INFO);
	ck_assert(!c->log_json);
	ck_assert_int_eq(c->data_dir[0], '/');
	FREED();
}
END_TEST

START_TEST(relative_data_dir)
{
	char meant[128];
	LOADED("data-dir: sub/data//\nmodules: [{module: a}]\n");
	char *here = getcwd(NULL, 0);
	snprintf(meant, sizeof(meant), "%s/sub/data", here);
	ck_assert_str_eq(c->data_dir, meant);
	ck_assert_int_eq(err, 0);
	free(here);
	FREED();
	char *p = conf_beside("/etc/restunnel/x.yaml", "y");
	ck_assert_str_eq(p, "/etc/restunnel/y");
	free(p);
	p = conf_beside("/x.yaml", "y/");
	ck_assert_str_eq(p, "/y");
	free(p);
	p = conf_beside("x.yaml", "/");
	ck_assert_str_eq(p, "/");
	free(p);
}
END_TEST

static const struct {
	const char *yaml, *report;
} wrong[] = {
	{"", "0:0 no-modules: there are no modules: nothing to do; add \"modules:\" with at least one entry\n"},
	{"modules: []\n", "0:0 no-modules: there are no modules: nothing to do; add \"modules:\" with at least one entry\n"},
	{"modules:\n", "1:9 bad-value: modules: expected a list, this is empty; begin each entry with \"- module: NAME\"\n"},
	{"modules:\n  module: a\n", "2:3 bad-value: modules: expected a list, this is keys and values; begin each entry with \"- module: NAME\"\n"},
	{"- module: a\n", "1:1 bad-value: expected keys and values, this is a list; a configuration begins with a key such as \"modules:\"\n"},
	{"dat-dir: /x\nmodules: [{module: a}]\n", "1:1 unknown-key: unknown key \"dat-dir\"; did you mean \"data-dir\"?\n"},
	{"data_dir: /x\nmodules: [{module: a}]\n", "1:1 unknown-key: unknown key \"data_dir\"; did you mean \"data-dir\"?\n"},
	{"frobnicate: /x\nmodules: [{module: a}]\n", "1:1 unknown-key: unknown key \"frobnicate\"; known here: data-dir, log, sandbox, modules\n"},
	{"module: [{module: a}]\n", "1:1 unknown-key: unknown key \"module\"; did you mean \"modules\"?\n"},
	{"data-dir:\nmodules: [{module: a}]\n",
	 "1:10 no-value: \"data-dir\" has no value; write a path, or leave the key out for its default\n"},
	{"log: {level: inof, formt: json}\nmodules: [{module: a}]\n",
	 "1:14 bad-value: level: \"inof\" is not one of error, warn, notice, info, debug; did you mean \"info\"?\n"
	 "1:20 unknown-key: unknown key \"formt\"; did you mean \"format\"?\n"},
	{"log: info\nmodules: [{module: a}]\n",
	 "1:6 bad-value: log: expected keys and values such as {level: info, format: text}, this is a text; -\n"},
	{"modules:\n  - modul: a\n", "2:5 missing-key: this entry doesn't say which module; did you mean \"module\" instead of \"modul\"?\n"},
	{"modules:\n  - {module:a}\n", "2:5 missing-key: this entry doesn't say which module; a space is missing after the colon: write module: a\n"},
	{"modules:\n  - module:a\n", "2:5 bad-value: an entry of modules is keys and values, this is a text; a space is missing after the colon\n"},
	{"modules:\n  - module: A\n", "2:13 bad-value: module: \"A\" is not a module's name; use a-z, 0-9, _ and - (not first), at most 32 of them\n"},
	{"modules:\n  - {module: a, name: -x}\n",
	 "2:23 bad-value: name: \"-x\" is not a name; use a-z, 0-9, _ and - (not first), at most 32 of them\n"},
	{"modules:\n  - {module: a, log-level: loud}\n",
	 "2:28 bad-value: log-level: \"loud\" is not one of error, warn, notice, info, debug; -\n"},
	{"modules:\n  - module: a\n  - module: b\n    name: a\n",
	 "4:11 duplicate-name: the name \"a\" is used twice: already at c.yaml:2:5; give each entry a \"name:\" of its own\n"},
	{"log: {level: info\nmodules:\n  - module: a\n", "2:8 syntax: the { in line 1 is not closed; add a } at its end\n"},
	{"modules:\n  - module: a\n    x: [1\n", "4:1 syntax: the list that began with [ in line 3 is not closed; add a ] at its end\n"},
};

START_TEST(mistakes)
{
	LOADED(wrong[_i].yaml);
	ck_assert_str_eq(text, wrong[_i].report);
	ck_assert_int_eq(err, -RTUN_ECONFIG);
	FREED();
}
END_TEST

START_TEST(drop_in_mistakes)
{
	mkdir("c.yaml.d", 0700);
	put("c.yaml.d/b.yaml", "log: {level: debug}\nmodules:\n  - {module: x, name: one}\n");
	put("c.yaml.d/a.yaml", "modulse:\n  - module: y\n");
	LOADED("dta-dir: /x\nmodules:\n  - module: one\n");
	ck_assert_int_eq(err, -RTUN_ECONFIG);
	ck_assert_str_eq(text, "1:1 unknown-key: unknown key \"dta-dir\"; did you mean \"data-dir\"?\n"
			       "1:1 unknown-key: unknown key \"modulse\"; did you mean \"modules\"?\n"
			       "1:1 unknown-key: \"log\" can't be in a drop-in, which may only add to \"modules\"; write it into the main file\n"
			       "3:23 duplicate-name: the name \"one\" is used twice: already at c.yaml:3:5; give each entry a \"name:\" of its own\n");
	ck_assert_str_eq(r.items[0].at.file, "c.yaml");
	ck_assert_str_eq(r.items[1].at.file, "c.yaml.d/a.yaml");
	ck_assert_str_eq(r.items[3].at.file, "c.yaml.d/b.yaml");
	ck_assert_uint_eq(c->count, 1);
	ck_assert(c->broken);
	FREED();
}
END_TEST

START_TEST(no_file)
{
	struct conf_report r = CONF_REPORT_INIT;
	struct conf *c;
	ck_assert_int_eq(conf_load("none.yaml", &r, &c), -RTUN_ECONFIG);
	ck_assert_uint_eq(r.count, 1);
	ck_assert_str_eq(r.items[0].code, "no-file");
	conf_free(&c);
	ck_assert_int_eq(conf_load("/", &r, &c), -RTUN_ECONFIG);
	ck_assert_str_eq(r.items[1].code, "unreadable");
	conf_free(&c);
	conf_report_clear(&r);
}
END_TEST

/* ---- Report ---- */

static char *printed(const struct conf_report *r, bool pretty)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	conf_report_print(r, to, pretty);
	fclose(to);
	return text;
}

START_TEST(report)
{
	struct conf_report r = CONF_REPORT_INIT;
	put("f.yaml", "one\n\th\xc3\xa9llo: x\r\n");
	conf_report_warn(&r, (struct conf_place){"f.yaml", 2, 9}, "w", NULL, "warned");
	conf_report_add(&r, (struct conf_place){"f.yaml", 2, 3}, "e", "do %d", "text %d", 7);
	conf_report_add(&r, (struct conf_place){"f.yaml", 0, 0}, "e", NULL, "whole");
	conf_report_add(&r, (struct conf_place){NULL, 0, 0}, "e", NULL, "nowhere");
	conf_report_sort(&r);
	ck_assert_uint_eq(r.errors, 3);
	char *text = printed(&r, false);
	ck_assert_str_eq(text, "error: nowhere\nf.yaml: error: whole\nf.yaml:2:3: error: text 7; do %d\nf.yaml:2:9: warning: warned\n");
	free(text);
	text = printed(&r, true);
	ck_assert_str_eq(text, "error: nowhere\nf.yaml: error: whole\nf.yaml:2:3: error: text 7\n"
			       "    \th\xc3\xa9llo: x\n    \t ^\nhelp: do %d\n"
			       "f.yaml:2:9: warning: warned\n    \th\xc3\xa9llo: x\n    \t       ^\n");
	free(text);
	for (int i = 0; i < 300; i++)
		conf_report_add(&r, (struct conf_place){"f.yaml", 3, 1}, "e", NULL, "more");
	ck_assert_uint_eq(r.errors, 303);
	text = printed(&r, false);
	ck_assert_ptr_nonnull(strstr(text, "\nerror: 104 more errors are not listed\n"));
	free(text);
	conf_report_clear(&r);
	ck_assert_uint_eq(r.count, 0);
}
END_TEST

START_TEST(nearest_words)
{
	static const struct {
		const char *word, *best;
	} words[] = {
		{"lisen", "listen"}, {"listne", "listen"}, {"LISTEN", "listen"}, {"keep_alive", "keep-alive"}, {"keepalive", "keep-alive"},
		{"publc", "public"}, {"x", NULL}, {"", NULL}, {"frobnicate", NULL}, {"to", "to"}, {"ot", "to"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
	};
	static const char *const known[] = {"listen", "keep-alive", "public", "to"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct nearest n;
		nearest_init(&n, words[i].word);
		for (size_t k = 0; k < 4; k++)
			nearest_try(&n, known[k]);
		ck_assert_msg(words[i].best ? n.best && !strcmp(n.best, words[i].best) : !n.best, "%s: %s", words[i].word, n.best ? n.best : "-");
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("conf");
	TCase *t = tcase_create("tree");
	tcase_add_loop_test(t, syntax_errors, 0, sizeof(syntax) / sizeof(syntax[0]));
	tcase_add_test(t, tree_knows_places);
	tcase_add_test(t, tree_made_by_hand);
	tcase_add_test(t, random_bytes);
	suite_add_tcase(s, t);
	t = tcase_create("conf");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, good);
	tcase_add_test(t, defaults);
	tcase_add_test(t, relative_data_dir);
	tcase_add_loop_test(t, mistakes, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(t, drop_in_mistakes);
	tcase_add_test(t, no_file);
	tcase_add_test(t, report);
	tcase_add_test(t, nearest_words);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
