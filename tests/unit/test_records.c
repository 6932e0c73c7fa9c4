/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_records.c - lists of records: what is written can be read back, by us and by other YAML tools; a file that is
 * not good in every record gives none.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "records.h"

struct device {
	const char *name;
	struct rtun_bytes public_key;
	struct rtun_list tags;
	int64_t enrolled_at;
	const char *note;
	uint64_t hops;
	uint32_t kept;
};

static const struct rtun_option rows[] = {
	RTUN_NAME(struct device, name, NULL, RTUN_REQUIRED, NULL, "Its name."),
	RTUN_BYTES(struct device, public_key, NULL, 4, 4, RTUN_REQUIRED, NULL, "Its key."),
	RTUN_NAMES(struct device, tags, NULL, 0, NULL, "Its tags."),
	RTUN_TIME(struct device, enrolled_at, NULL, 0, NULL, "When it came."),
	RTUN_TEXT(struct device, note, NULL, 0, NULL, "Any text."),
	RTUN_INT(struct device, hops, "3", 0, 0, 0, NULL, "A number."),
	RTUN_BOOL(struct device, kept, "false", 0, NULL, "A flag."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(struct device, rows);

/* ---- A host ---- */

static char dir[64], logged[8000];
static uint32_t log_lines;

static void log_line(struct rtun_ctx *ctx, uint32_t level, const char *fmt, va_list ap)
{
	size_t used = strlen(logged);
	(void)ctx;
	ck_assert_uint_eq(level, RTUN_ERROR);
	log_lines++;
	vsnprintf(logged + used, sizeof(logged) - used, fmt, ap);
	strncat(logged, "\n", sizeof(logged) - strlen(logged) - 1);
}
static const char *data_dir(struct rtun_ctx *ctx) { (void)ctx; return dir; }

static const struct rtun_host table = {
	.size = sizeof(table),
	.log = log_line,
	.data_dir = data_dir,
	.records_load = host_records_load,
	.records_save = host_records_save,
};
static struct host_ctx host = {.ctx.host = &table};

static void setup(void)
{
	strcpy(dir, "/tmp/restunnel-records-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	logged[0] = 0;
	log_lines = 0;
}

static void teardown(void)
{
	unlink("devices.yaml");
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void put(const char *text)
{
	FILE *f = fopen("devices.yaml", "w");
	fputs(text, f);
	fclose(f);
}

static char *get(void)
{
	static char text[64000];
	FILE *f = fopen("devices.yaml", "r");
	ck_assert_ptr_nonnull(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	return text;
}

struct seen {
	uint32_t count;
	char notes[64][64];
	char last_name[40];
	struct device last; /* its texts are gone */
};

static void on_record(void *arg, const void *record)
{
	const struct device *d = record;
	struct seen *s = arg;
	snprintf(s->notes[s->count++ % 64], 64, "%s", d->note ? d->note : "(none)");
	snprintf(s->last_name, sizeof(s->last_name), "%s", d->name);
	s->last = *d;
}

static int load(struct seen *s)
{
	*s = (struct seen){0};
	return rtun_records_load(&host.ctx, "devices.yaml", "devices", &schema, on_record, s);
}

/* ---- Save ---- */

static const uint8_t key[] = {0xff, 0, 0x10, 0x83};

START_TEST(saved_text)
{
	const char *tags[] = {"no", "mobile"};
	const struct device devices[] = {
		{.name = "home", .public_key = {key, 4}, .tags = RTUN_LIST(tags), .enrolled_at = 1700000000, .note = "a: b", .hops = 1, .kept = 1},
		{.name = "010", .public_key = {key, 4}},
	};
	struct stat st;
	struct seen s;

	ck_assert_int_eq(rtun_records_save(&host.ctx, "devices.yaml", "devices", &schema, (struct rtun_list)RTUN_LIST(devices),
					   "One entry for each device.\n\nDelete one to revoke it.", 0600), 0);
	ck_assert_str_eq(get(), "# One entry for each device.\n#\n# Delete one to revoke it.\n"
				"devices:\n"
				"  - name: home\n    public-key: \"/wAQgw==\"\n    tags: [\"no\", mobile]\n    enrolled-at: \"2023-11-14T22:13:20Z\"\n"
				"    note: \"a: b\"\n    hops: 1\n    kept: true\n"
				"  - name: \"010\"\n    public-key: \"/wAQgw==\"\n    tags: []\n    hops: 0\n    kept: false\n");
	stat("devices.yaml", &st);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(load(&s), 0);
	ck_assert_uint_eq(s.count, 2);
	ck_assert_str_eq(s.last_name, "010");
	ck_assert_str_eq(s.notes[0], "a: b");
	ck_assert_str_eq(s.notes[1], "(none)");
	ck_assert_int_eq(s.last.enrolled_at, 0);
	ck_assert_uint_eq(s.last.hops, 0);
	ck_assert_str_eq(logged, "");

	ck_assert_int_eq(rtun_records_save(&host.ctx, "devices.yaml", "devices", &schema, (struct rtun_list)RTUN_LIST_NONE, NULL, 0600), 0);
	ck_assert_str_eq(get(), "devices: []\n");
	ck_assert_int_eq(load(&s), 0);
	ck_assert_uint_eq(s.count, 0);
	ck_assert_int_eq(rtun_records_save(&host.ctx, "none/devices.yaml", "devices", &schema, (struct rtun_list)RTUN_LIST_NONE, NULL, 0600),
			 -RTUN_EIO);
	ck_assert_uint_eq(log_lines, 1);
}
END_TEST

/* Texts that YAML 1.1 or 1.2 types, or that break a careless emitter. */
static const char *const texts[] = {
	"no", "No", "off", "on", "yes", "y", "n", "true", "FALSE", "null", "Null", "~", "", " ", " lead", "trail ", "010", "08", "0o10", "0x1F", "0b1",
	"1_000", "1:30", "22:22", "190:20:30", "1e3", "1.5", ".5", "5.", ".inf", "-.INF", ".nan", "-1", "+1", "0", "-", "--", "---", "...", "2026-11-23",
	"2026-11-23T18:00:00Z", "2026-11-23 18:00:00", "=", "<<", "a: b", "a:", ":a", "a #b", "#a", "- a", "? a", "@a", "`a", "%a", "&a", "*a", "!a", "!!str",
	"|", ">", "{a}", "[a]", "a,b", "'", "\"", "a'b", "a\"b", "\\", "a\\nb", "a\nb", "\n", "a\n", "\ttab", "h\xc3\xa9", "\xf0\x9f\x98\x80", "\xc2\x85", "\xe2\x80\xa8",
	"\xef\xbb\xbf", "\x01\x7f", "home", "living-room", "/path", "a.b@c", "127.0.0.1:80", "[::1]:80", "::1", "15m", "64KiB", "1e", "e1", "nan", "inf", "Infinity",
	"undefined", "0.0", "1.2.3", "12e03", "-2E+05", "1__0", "_1", "0_",
};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

START_TEST(texts_survive)
{
	struct device devices[TEXTS];
	struct seen *s = calloc(1, sizeof(*s));

	for (size_t i = 0; i < TEXTS; i++)
		devices[i] = (struct device){.name = "x", .public_key = {key, 4}, .note = texts[i], .hops = i};
	for (size_t from = 0; from < TEXTS; from += 64) {
		size_t n = TEXTS - from < 64 ? TEXTS - from : 64;
		struct rtun_list list = {devices + from, (uint32_t)n, sizeof(devices[0])};
		ck_assert_int_eq(rtun_records_save(&host.ctx, "devices.yaml", "devices", &schema, list, NULL, 0600), 0);
		ck_assert_int_eq(load(s), 0);
		ck_assert_uint_eq(s->count, n);
		for (size_t i = 0; i < n; i++)
			ck_assert_str_eq(s->notes[i], texts[from + i]);
	}
	ck_assert_str_eq(logged, "");
	free(s);
}
END_TEST

/* The same through PyYAML, which is YAML 1.1 to the letter: each note must come out as the text that it was. */
START_TEST(texts_survive_pyyaml)
{
	struct device devices[TEXTS];
	struct rtun_list list = RTUN_LIST(devices);
	FILE *script;

	if (system("python3 -c 'import yaml' 2>/dev/null")) {
		puts("no PyYAML here (apt install python3-yaml): only our own reading was tested");
		return;
	}
	for (size_t i = 0; i < TEXTS; i++)
		devices[i] = (struct device){.name = "no", .public_key = {key, 4}, .note = texts[i], .hops = i, .enrolled_at = 1};
	ck_assert_int_eq(rtun_records_save(&host.ctx, "devices.yaml", "devices", &schema, list, "x", 0600), 0);
	script = popen("python3 -", "w");
	ck_assert_ptr_nonnull(script);
	fputs("import yaml\nmeant = [\n", script);
	for (size_t i = 0; i < TEXTS; i++) {
		fputs("b'", script);
		for (const unsigned char *p = (const unsigned char *)texts[i]; *p; p++)
			fprintf(script, "\\x%02x", *p);
		fputs("',\n", script);
	}
	fputs("]\nread = yaml.safe_load(open('devices.yaml', encoding='utf-8', newline=''))['devices']\n"
	      "assert len(read) == len(meant)\n"
	      "for r, m in zip(read, meant):\n"
	      "    assert r['note'] == m.decode(), (r['note'], m)\n"
	      "    assert r['name'] == 'no' and r['enrolled-at'] == '1970-01-01T00:00:01Z' and r['kept'] is False\n"
	      "    assert isinstance(r['hops'], int) and r['public-key'] == '/wAQgw=='\n", script);
	ck_assert_int_eq(pclose(script), 0);
}
END_TEST

/* ---- Load ---- */

static const struct {
	const char *yaml, *logged; /* without the path */
	uint32_t lines;
} broken[] = {
	{"", ":1:1: the file is empty: \"devices:\" is missing; a file without entries says \"devices: []\"", 1},
	{"# only a comment\n", ":1:1: the file is empty", 1},
	{"devices:\n", ":1:9: devices: expected a list, this is empty; a file without entries says \"devices: []\"", 1},
	{"devices: {}\n", ":1:10: devices: expected a list, this is keys and values", 1},
	{"devices: ~\n", ":1:10: devices: expected a list, this is a text", 1},
	{"device: []\n", ":1:1: unknown key \"device\"; did you mean \"devices\"?", 1},
	{"devices: []\nextra: 1\n", ":2:1: unknown key \"extra\"; known here: devices", 1},
	{"- name: x\n", ":1:1: \"devices:\" is missing", 1},
	{"devices:\n  - x\n", ":2:5: expected keys and values, this is a text", 1},
	{"devices:\n  - {name: a, public-key: AAAAAA==}\n  - {name: B, public-key: AAAAAA==}\n  - {name: c}\n", ":3:12: name: \"B\" is not a name", 2},
	{"devices:\n  - {name: a, public-key: AAAAAA==}\n  - name: b\n    public-ke", ":5:1: the key in line 4 has no colon", 1},
	{"devices:\n  - {name: a, public-key: AAAAAA==}\ndevices: []\n", ":3:1: the key \"devices\" is there twice", 1},
};

START_TEST(broken_files)
{
	struct seen s;
	char meant[300];

	put(broken[_i].yaml);
	ck_assert_int_eq(load(&s), -RTUN_ECONFIG);
	ck_assert_uint_eq(s.count, 0); /* not even the good ones */
	snprintf(meant, sizeof(meant), "%s/devices.yaml%s", dir, broken[_i].logged);
	ck_assert_msg(!strncmp(logged, meant, strlen(meant)), "%s", logged);
	ck_assert_msg(log_lines == broken[_i].lines, "%s", logged);
}
END_TEST

/* A file that is one record, with a list of others in it. */
struct whole {
	const char *owner;
	struct rtun_list devices;
};
static const struct rtun_option whole_rows[] = {
	RTUN_TEXT(struct whole, owner, NULL, 0, NULL, "A text."),
	RTUN_RECORDS(struct whole, devices, &schema, RTUN_REQUIRED, NULL, "A list."),
};
static const struct rtun_schema whole_schema = RTUN_SCHEMA(struct whole, whole_rows);

static void on_whole(void *arg, const void *record)
{
	const struct whole *w = record;
	struct seen *s = arg;
	snprintf(s->notes[0], 64, "%s", w->owner ? w->owner : "(none)");
	for (s->count = 0; s->count < w->devices.count;)
		snprintf(s->last_name, sizeof(s->last_name), "%s", ((const struct device *)w->devices.items)[s->count++].name);
}

static int load_whole(struct seen *s)
{
	*s = (struct seen){.count = 77};
	logged[0] = 0;
	log_lines = 0;
	return rtun_records_load(&host.ctx, "devices.yaml", NULL, &whole_schema, on_whole, s);
}

static int save_whole(const char *owner, uint32_t n)
{
	const struct device devices[] = {{.name = "home", .public_key = {key, 4}, .note = "no"}, {.name = "010", .public_key = {key, 4}}};
	const struct whole whole = {owner, {devices, n, sizeof(devices[0])}};
	return rtun_records_save(&host.ctx, "devices.yaml", NULL, &whole_schema, (struct rtun_list){&whole, 1, sizeof(whole)}, "x", 0600);
}

START_TEST(one_record)
{
	struct seen s;
	ck_assert_int_eq(save_whole("no", 2), 0);
	ck_assert_str_eq(get(), "# x\nowner: \"no\"\ndevices:\n"
				"  - name: home\n    public-key: \"/wAQgw==\"\n    tags: []\n    note: \"no\"\n    hops: 0\n    kept: false\n"
				"  - name: \"010\"\n    public-key: \"/wAQgw==\"\n    tags: []\n    hops: 0\n    kept: false\n");
	ck_assert_int_eq(load_whole(&s), 0);
	ck_assert_uint_eq(s.count, 2);
	ck_assert_str_eq(s.notes[0], "no");
	ck_assert_str_eq(s.last_name, "010");
	ck_assert_int_eq(save_whole(NULL, 0), 0);
	ck_assert_str_eq(get(), "# x\ndevices: []\n");
	ck_assert_int_eq(load(&s), 0); /* the same as a list */
	ck_assert_int_eq(load_whole(&s), 0);
	ck_assert_uint_eq(s.count, 0);
	ck_assert_str_eq(s.notes[0], "(none)");
}
END_TEST

static const struct {
	const char *yaml, *logged; /* without the path */
} broken_wholes[] = {
	{"", ":1:1: \"devices\" is missing; add \"devices:\" with a list of keys and values"},
	{"owner: me\n", ":1:1: \"devices\" is missing"},
	{"devices:\n", ":1:9: devices: expected a list of keys and values, this is empty"},
	{"devices: {}\n", ":1:10: devices: expected a list of keys and values, this is keys and values"},
	{"device: []\n", ":1:1: \"devices\" is missing"},
	{"devices: []\nowne: me\n", ":2:1: unknown key \"owne\"; did you mean \"owner\"?"},
	{"- name: x\n", ":1:1: expected keys and values, this is a list"},
	{"devices:\n  - x\n", ":2:5: expected keys and values, this is a text"},
	{"devices: [", ":"},
};

START_TEST(broken_one_record)
{
	struct seen s;
	char meant[300];

	put(broken_wholes[_i].yaml);
	ck_assert_int_eq(load_whole(&s), -RTUN_ECONFIG);
	ck_assert_uint_eq(s.count, 77);
	snprintf(meant, sizeof(meant), "%s/devices.yaml%s", dir, broken_wholes[_i].logged);
	ck_assert_msg(!strncmp(logged, meant, strlen(meant)), "%s", logged);
}
END_TEST

START_TEST(edited_by_hand)
{
	struct seen s;

	ck_assert_int_eq(load(&s), -RTUN_ENOENT);
	ck_assert_str_eq(logged, "");
	put("# mine\ndevices:\n- name: no     # plain\n  public-key: AAAAAA==\n  tags: one\n  kept: yes\n  enrolled-at: 2023-11-14T22:13:20Z\n");
	ck_assert_int_eq(load(&s), 0);
	ck_assert_str_eq(logged, "");
	ck_assert_uint_eq(s.count, 1);
	ck_assert_str_eq(s.last_name, "no");
	ck_assert_uint_eq(s.last.hops, 3);
	ck_assert_uint_eq(s.last.kept, 1);
	ck_assert_uint_eq(s.last.tags.count, 1);
	ck_assert_int_eq(s.last.enrolled_at, 1700000000);
	ck_assert_int_eq(rtun_records_load(&host.ctx, dir, "devices", &schema, on_record, &s), -RTUN_EIO);
	ck_assert_uint_eq(log_lines, 1);
}
END_TEST

START_TEST(round_trip)
{
	struct seen s;
	char name[32], *first;
	struct device *many = calloc(2000, sizeof(*many));

	for (uint32_t i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "device-%u", i);
		many[i] = (struct device){.name = strdup(name), .public_key = {key, 4}, .hops = i};
	}
	struct rtun_list list = {many, 300, sizeof(*many)};
	ck_assert_int_eq(rtun_records_save(&host.ctx, "devices.yaml", "devices", &schema, list, NULL, 0600), 0);
	first = strdup(get());
	ck_assert_int_eq(rtun_records_save(&host.ctx, "devices.yaml", "devices", &schema, list, NULL, 0600), 0);
	ck_assert_str_eq(get(), first);
	free(first);
	list.count = 2000;
	ck_assert_int_eq(rtun_records_save(&host.ctx, "devices.yaml", "devices", &schema, list, NULL, 0600), 0);
	ck_assert_int_eq(load(&s), 0);
	ck_assert_uint_eq(s.count, 2000);
	ck_assert_uint_eq(s.last.hops, 1999);
	for (uint32_t i = 0; i < 2000; i++)
		free((char *)many[i].name);
	free(many);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("records");
	TCase *t = tcase_create("records");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, saved_text);
	tcase_add_test(t, texts_survive);
	tcase_add_test(t, texts_survive_pyyaml);
	tcase_add_loop_test(t, broken_files, 0, sizeof(broken) / sizeof(broken[0]));
	tcase_add_test(t, one_record);
	tcase_add_loop_test(t, broken_one_record, 0, sizeof(broken_wholes) / sizeof(broken_wholes[0]));
	tcase_add_test(t, edited_by_hand);
	tcase_add_test(t, round_trip);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
