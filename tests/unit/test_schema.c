/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_schema.c - every type of option: what is taken, what is refused and in which words, and back to text.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <restunnel/host.h>

#include "schema.h"
#include "schema_doc.h"
#include "schema_value.h"

/* ---- One struct with all types ---- */

struct all {
	const char *text;
	uint64_t number;
	uint32_t flag;
	uint64_t size, rate, time_out;
	uint32_t role;
	struct rtun_list texts, listen;
	struct rtun_hostport public;
	const char *users_file;
	struct rtun_ref to;
	const char *device;
	struct rtun_list tags;
	struct rtun_bytes public_key;
	int64_t last_seen;
	struct rtun_list deny;
};

static const struct rtun_option all_rows[] = {
	RTUN_ROW(struct all, text, const char *, RTUN_T_TEXT, NULL, NULL, 2, 8, 0, NULL, "A text."),
	RTUN_INT(struct all, number, "7", 1, 100, RTUN_RELOADABLE, NULL, "A number."),
	RTUN_BOOL(struct all, flag, "yes", 0, NULL, "A flag."),
	RTUN_SIZE(struct all, size, "64KiB", 0, 1 << 30, 0, NULL, "A size."),
	RTUN_RATE(struct all, rate, "10Mbit", 0, 0, 0, NULL, "A rate."),
	RTUN_DURATION(struct all, time_out, "15m", RTUN_S, 0, 0, NULL, "A duration."),
	RTUN_CHOICE(struct all, role, "off|one|two", "one", 0, NULL, "A choice."),
	RTUN_TEXTS(struct all, texts, "a, b c", 0, NULL, "Texts."),
	RTUN_LISTEN(struct all, listen, "127.0.0.1:1080", 0, NULL, "Where."),
	RTUN_HOSTPORT(struct all, public, NULL, 0, NULL, "Its address."),
	RTUN_FILE(struct all, users_file, NULL, RTUN_SECRET, NULL, "A file."),
	RTUN_REF(struct all, to, "rtun.dialer/1", RTUN_REQUIRED, NULL, "Another."),
	RTUN_NAME(struct all, device, NULL, 0, NULL, "A name."),
	RTUN_NAMES(struct all, tags, NULL, 0, NULL, "Names."),
	RTUN_BYTES(struct all, public_key, NULL, 4, 4, 0, NULL, "Bytes."),
	RTUN_TIME(struct all, last_seen, NULL, 0, NULL, "A time."),
	RTUN_PREFIXES(struct all, deny, NULL, 0, NULL, "Ranges."),
};
static const struct rtun_schema all_schema = RTUN_SCHEMA(struct all, all_rows);

struct filled {
	struct conf_report r;
	struct conf_tree *t;
	struct schema_struct *s;
	int err;
	char text[2000]; /* the report */
};

/* A list of keys and values; and a number that may be none */
struct item {
	const char *word;
	struct rtun_list ports;
	uint32_t kind;
	uint64_t count;
};
struct lists {
	struct rtun_list items;
	uint64_t most;
};
static const struct rtun_option item_rows[] = {
	RTUN_TEXT(struct item, word, NULL, RTUN_REQUIRED, NULL, "A word."),
	RTUN_TEXTS(struct item, ports, NULL, RTUN_NOT_EMPTY, NULL, "Ports."),
	RTUN_CHOICE(struct item, kind, "small|big", "small", 0, NULL, "A choice."),
	RTUN_INT(struct item, count, "3", 1, 9, 0, "kind=big", "A number."),
};
static const struct rtun_schema item_schema = RTUN_SCHEMA(struct item, item_rows);
static const struct rtun_option lists_rows[] = {
	RTUN_RECORDS(struct lists, items, &item_schema, RTUN_RELOADABLE, NULL, "Items."),
	RTUN_SIZE(struct lists, most, NULL, 1, 0, RTUN_OR_NONE, NULL, "A size."),
};
static const struct rtun_schema lists_schema = RTUN_SCHEMA(struct lists, lists_rows);

static bool skip_module(const char *key) { return !strcmp(key, "module"); }

static void fill(struct filled *f, const struct rtun_schema *schema, const char *yaml)
{
	*f = (struct filled){.r = CONF_REPORT_INIT};
	conf_tree_parse("/etc/x/f.yaml", yaml, strlen(yaml), &f->r, &f->t);
	f->err = schema_fill(schema, f->t->root, (struct conf_place){"/etc/x/f.yaml", 9, 9}, skip_module, &f->r, &f->s);
	conf_report_sort(&f->r);
	FILE *to = fmemopen(f->text, sizeof(f->text), "w");
	for (uint32_t i = 0; i < f->r.count; i++)
		fprintf(to, "%u:%u %s: %s; %s\n", f->r.items[i].at.line, f->r.items[i].at.column, f->r.items[i].code, f->r.items[i].text,
			f->r.items[i].remedy ? f->r.items[i].remedy : "-");
	fclose(to);
	ck_assert(f->err ? !f->s : f->s != NULL);
}

static void drop(struct filled *f)
{
	conf_report_clear(&f->r);
	conf_tree_free(&f->t);
	schema_free(&f->s);
}

START_TEST(defaults)
{
	struct filled f;
	fill(&f, &all_schema, "");
	ck_assert_str_eq(f.text, "");
	const struct all *a = f.s->cfg;
	ck_assert_ptr_null(a->text);
	ck_assert_uint_eq(a->number, 7);
	ck_assert_uint_eq(a->flag, 1);
	ck_assert_uint_eq(a->size, 65536);
	ck_assert_uint_eq(a->rate, 10000000);
	ck_assert_uint_eq(a->time_out, 900 * RTUN_S);
	ck_assert_uint_eq(a->role, 1);
	ck_assert_uint_eq(a->texts.count, 2);
	ck_assert_str_eq(((const char *const *)a->texts.items)[1], "b c");
	ck_assert_uint_eq(a->listen.count, 1);
	ck_assert_uint_eq(((const struct rtun_endpoint *)a->listen.items)->addr.port, 1080);
	ck_assert_ptr_null(a->public.host);
	ck_assert_ptr_null(a->to.instance);
	ck_assert_uint_eq(a->tags.count, 0);
	ck_assert_ptr_null(a->public_key.p);
	drop(&f);
	fill(&f, NULL, "{module: x, y: 1}");
	ck_assert_str_eq(f.text, "1:13 unknown-key: unknown key \"y\"; -\n");
	drop(&f);
	fill(&f, NULL, "{module: x}");
	ck_assert_int_eq(f.err, 0);
	drop(&f);
}
END_TEST

START_TEST(everything)
{
	struct filled f;
	fill(&f, &all_schema, "text: no\nnumber: 100\nflag: off\nsize: 0B\nrate: 3bit\ntime-out: 1500ms\nrole: two\ntexts: [x, 'y z', \"\"]\n"
			      "listen: ['[::1]:80', 'unix:/run/x.sock']\npublic: '[2001:db8::1]:9000'\nusers-file: users\nto: some_one\n"
			      "device: no\ntags: [a, b-2]\npublic-key: AQIDBA==\nlast-seen: 2024-02-29T23:59:59Z\ndeny: [10.0.0.0/8, '2001:db8::/32', 1.2.3.4]\n");
	ck_assert_str_eq(f.text, "");
	const struct all *a = f.s->cfg;
	const struct rtun_endpoint *e = a->listen.items;
	const struct rtun_prefix *p = a->deny.items;
	ck_assert_str_eq(a->text, "no");
	ck_assert_uint_eq(a->flag, 0);
	ck_assert_uint_eq(a->size, 0);
	ck_assert_uint_eq(a->rate, 3);
	ck_assert_uint_eq(a->time_out, 1500 * RTUN_MS);
	ck_assert_uint_eq(a->role, 2);
	ck_assert_uint_eq(a->texts.count, 3);
	ck_assert_uint_eq(a->texts.item_size, sizeof(char *));
	ck_assert_str_eq(((const char *const *)a->texts.items)[2], "");
	ck_assert_uint_eq(e[0].addr.family, 6);
	ck_assert_ptr_null(e[0].path);
	ck_assert_str_eq(e[1].path, "/run/x.sock");
	ck_assert_str_eq(e[1].text, "unix:/run/x.sock");
	ck_assert_str_eq(a->public.host, "2001:db8::1");
	ck_assert_uint_eq(a->public.port, 9000);
	ck_assert_str_eq(a->users_file, "/etc/x/users");
	ck_assert_str_eq(a->to.instance, "some_one");
	ck_assert_str_eq(((const char *const *)a->tags.items)[1], "b-2");
	ck_assert_uint_eq(a->public_key.len, 4);
	ck_assert_mem_eq(a->public_key.p, "\1\2\3\4", 4);
	ck_assert_int_eq(a->last_seen, 1709251199);
	ck_assert_uint_eq(a->deny.count, 3);
	ck_assert_uint_eq(p[1].bits, 32);
	ck_assert_uint_eq(p[2].bits, 32);
	ck_assert_uint_eq(p[2].addr.ip[3], 4);
	drop(&f);
}
END_TEST

/* ---- Refusals ---- */

static const struct {
	const char *yaml, *report; /* NULL: taken; the report begins with this */
} values[] = {
	{"text: abcdefgh", NULL},
	{"text: abcdefghi", "1:7 bad-value: text: the text is too long: 9 bytes, at most 8"},
	{"text: a", "1:7 bad-value: text: the text is too short: at least 2 bytes"},
	{"text: ~~", NULL}, {"text: null", NULL},
	{"text: [a]", "1:7 bad-value: text: expected a text, this is a list"},
	{"text: {a: b}", "1:7 bad-value: text: expected a text, this is keys and values"},
	{"text:", "1:6 no-value: \"text\" has no value; write a value, or leave the key out for its default"},
	{"number: 1", NULL}, {"number: '1'", NULL},
	{"number: 0", "1:9 bad-value: number: 0 is too small; write a value from 1 to 100"},
	{"number: 101", "1:9 bad-value: number: 101 is too big; write a value from 1 to 100"},
	{"number: 010", "1:9 bad-value: number: \"010\" has a leading zero; write 10"},
	{"number: 00", "1:9 bad-value: number: \"00\" has a leading zero; write 0"},
	{"number: 1_0", "1:9 bad-value: number: \"1_0\" is not a whole number; write digits only"},
	{"number: 0x10", "1:9 bad-value: number: \"0x10\" is not a whole number"},
	{"number: -1", "1:9 bad-value: number: \"-1\" is not a whole number"},
	{"number: +1", "1:9 bad-value"}, {"number: 1e1", "1:9 bad-value"}, {"number: 1.0", "1:9 bad-value"}, {"number: ''", "1:9 bad-value"},
	{"number: 18446744073709551616", "1:9 bad-value: number: 18446744073709551616 is too big"},
	{"flag: true", NULL}, {"flag: no", NULL}, {"flag: on", NULL},
	{"flag: True", "1:7 bad-value: flag: \"True\" is neither true nor false; write true or false"}, {"flag: 1", "1:7 bad-value"},
	{"size: 1GiB", NULL},
	{"size: 2GiB", "1:7 bad-value: size: 2GiB is too big; write a value of at most 1GiB"},
	{"size: 64", "1:7 bad-value: size: \"64\" has no unit; write a whole number and its unit: a size (64KiB: B KiB MiB GiB)"},
	{"size: 64K", "1:7 bad-value: size: \"64K\" has an unknown unit"}, {"size: 64 KiB", "1:7 bad-value"}, {"size: 64kib", "1:7 bad-value"},
	{"size: KiB", "1:7 bad-value: size: \"KiB\" does not begin with a number"}, {"size: 064KiB", "1:7 bad-value: size: \"064KiB\" has a leading zero"},
	{"size: 1.5GiB", "1:7 bad-value"}, {"size: 17179869185GiB", "1:7 bad-value: size: 17179869185GiB is too big"},
	{"rate: 18446744073Gbit", NULL}, {"rate: 18446744074Gbit", "1:7 bad-value: rate: 18446744074Gbit is too big"},
	{"rate: 10Mbps", "1:7 bad-value"}, {"rate: 10", "1:7 bad-value"},
	{"time-out: 213503d", NULL}, {"time-out: 213504d", "1:11 bad-value: time-out: 213504d is too big"},
	{"time-out: 999ms", "1:11 bad-value: time-out: 999ms is too small; write a value of at least 1s"},
	{"time-out: 15", "1:11 bad-value: time-out: \"15\" has no unit"}, {"time-out: 15min", "1:11 bad-value"}, {"time-out: 1h30m", "1:11 bad-value"},
	{"time_out: 15m", "1:1 unknown-key: unknown key \"time_out\"; did you mean \"time-out\"?"},
	{"role: off", NULL},
	{"role: tow", "1:7 bad-value: role: \"tow\" is not one of off, one, two; did you mean \"two\"?"},
	{"role: off|one", "1:7 bad-value"}, {"role: ''", "1:7 bad-value"}, {"role: o", "1:7 bad-value"},
	{"texts: one", NULL}, {"texts: []", NULL},
	{"texts: [a, [b]]", "1:12 bad-value: texts: expected a text, or a list of them, this is a list"},
	{"texts: {a: b}", "1:8 bad-value"}, {"texts: [a, , b]", "1:12 syntax"}, {"texts:\n  - a\n  -\n", "3:4 no-value"},
	{"listen: 0.0.0.0:1", NULL}, {"listen: 0.0.0.0:65535", NULL},
	{"listen: 127.0.0.1:0", "1:9 bad-value: listen: \"127.0.0.1:0\" has port 0; write a port from 1 to 65535"},
	{"listen: 127.0.0.1:65536", "1:9 bad-value: listen: \"127.0.0.1:65536\" is not an address to listen on; write an address and a port"},
	{"listen: localhost:80", "1:9 bad-value"}, {"listen: ':::80'", "1:9 bad-value"}, {"listen: ':80'", "1:9 bad-value"}, {"listen: 80", "1:9 bad-value"},
	{"listen: unix:run/x", "1:9 bad-value: listen: \"unix:run/x\" has no absolute path; write unix:/"},
	{"listen: unix:/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345", NULL},
	{"listen: unix:/01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456",
	 "1:9 bad-value: listen: the path of the socket is too long: at most 107 bytes"},
	{"public: vps.example.net:9000", NULL}, {"public: a:1", NULL}, {"public: 192.0.2.1:65535", NULL}, {"public: xn--a_b.example:1", NULL},
	{"public: vps.example.net", "1:9 bad-value: public: \"vps.example.net\" is not HOST:PORT; write a host and a port"},
	{"public: vps:0", "1:9 bad-value"}, {"public: vps:65536", "1:9 bad-value"}, {"public: vps:080", "1:9 bad-value"}, {"public: ':80'", "1:9 bad-value"},
	{"public: 127.1:80", "1:9 bad-value"}, {"public: 2130706433:80", "1:9 bad-value"}, {"public: https://vps:80", "1:9 bad-value"},
	{"public: 'a b:80'", "1:9 bad-value"}, {"public: '2001:db8::1:80'", "1:9 bad-value"}, {"public: a..b:80", "1:9 bad-value"}, {"public: -a:80", "1:9 bad-value"},
	{"users-file: /x/${HOME}", "1:13 bad-value: users-file: \"/x/${HOME}\" names a variable; only ${CREDENTIALS_DIRECTORY}/ is replaced"},
	{"users-file: x/${CREDENTIALS_DIRECTORY}/y", "1:13 bad-value"}, {"users-file: ${CREDENTIALS_DIRECTORY}x", "1:13 bad-value"}, {"users-file: ''", "1:13 bad-value"},
	{"to: a_b", NULL}, {"to: A", "1:5 bad-value: to: \"A\" is not a name of an instance; write the name of one entry of modules that provides rtun.dialer/1"},
	{"device: 0-x", NULL}, {"device: a_b", "1:9 bad-value: device: \"a_b\" is not a name; use a-z, 0-9 and -"},
	{"device: -a", "1:9 bad-value"}, {"device: ''", "1:9 bad-value"}, {"device: abcdefghijklmnopqrstuvwxyz012345", NULL},
	{"device: abcdefghijklmnopqrstuvwxyz0123456", "1:9 bad-value"}, {"device: \"a\\n\"", "1:9 bad-value"},
	{"tags: a", NULL}, {"tags: [a, B, c, D]", "1:11 bad-value: tags: \"B\" is not a name; use a-z, 0-9 and - (not first), at most 32 of them\n1:17 bad-value"},
	{"public-key: AQIDBA", "1:13 bad-value: public-key: this is not base64"}, {"public-key: AQIDBB==", "1:13 bad-value"}, {"public-key: AQ==IDBA", "1:13 bad-value"},
	{"public-key: AQID", "1:13 bad-value: public-key: this stands for 3 bytes, not 4"}, {"public-key: AQIDBAU=", "1:13 bad-value: public-key: this stands for 5 bytes, not 4"},
	{"public-key: AQI-BA==", "1:13 bad-value"}, {"public-key: '===='", "1:13 bad-value"}, {"public-key: ''", "1:13 bad-value"},
	{"last-seen: 1970-01-01T00:00:00Z", NULL}, {"last-seen: 2000-02-29T00:00:00Z", NULL}, {"last-seen: 9999-12-31T23:59:59Z", NULL},
	{"last-seen: 2100-02-29T00:00:00Z", "1:12 bad-value"}, {"last-seen: 2026-11-23", "1:12 bad-value: last-seen: \"2026-11-23\" is not a time in UTC; write it like 2026-11-23T18:00:00Z"},
	{"last-seen: 2026-11-23T18:00:00+01:00", "1:12 bad-value"}, {"last-seen: 2026-13-01T00:00:00Z", "1:12 bad-value"}, {"last-seen: 2026-00-01T00:00:00Z", "1:12 bad-value"},
	{"last-seen: 2026-11-31T00:00:00Z", "1:12 bad-value"}, {"last-seen: 2026-11-23T24:00:00Z", "1:12 bad-value"}, {"last-seen: 1969-12-31T23:59:59Z", "1:12 bad-value"},
	{"last-seen: 2026-11-23T18:00:00Zx", "1:12 bad-value"}, {"last-seen: 2026-11-23T18:00:0", "1:12 bad-value"},
	{"deny: 0.0.0.0/0", NULL}, {"deny: '::/0'", NULL}, {"deny: 10.0.0.0/31", NULL},
	{"deny: 10.0.0.1/8", "1:7 bad-value: deny: \"10.0.0.1/8\" has bits beyond its length; write 10.0.0.0/8"},
	{"deny: '2001:db8::1/33'", "1:7 bad-value: deny: \"2001:db8::1/33\" has bits beyond its length; write 2001:db8::/33"},
	{"deny: 10.0.0.0/33", "1:7 bad-value: deny: \"10.0.0.0/33\" is not an address range"}, {"deny: 10.0.0.0/", "1:7 bad-value"}, {"deny: 10/8", "1:7 bad-value"},
	{"deny: 10.0.0.0/08", "1:7 bad-value"}, {"deny: '::/129'", "1:7 bad-value"}, {"deny: example.com", "1:7 bad-value"}, {"deny: ''", "1:7 bad-value"},
	{"lisen: x", "1:1 unknown-key: unknown key \"lisen\"; did you mean \"listen\"?"},
	{"{flag:yes}", "1:2 unknown-key: unknown key \"flag:yes\"; a space is missing after the colon: write flag: yes"},
	{"zzzzzz: 1", "1:1 unknown-key: unknown key \"zzzzzz\"; known here: text, number, flag, size"},
	{"[a, b]", "1:1 bad-value: expected keys and values, this is a list"},
};

START_TEST(one_value)
{
	struct filled f;
	fill(&f, &all_schema, values[_i].yaml);
	if (!values[_i].report) {
		ck_assert_str_eq(f.text, "");
		ck_assert_int_eq(f.err, 0);
	} else {
		ck_assert_msg(!strncmp(f.text, values[_i].report, strlen(values[_i].report)), "%s: %s", values[_i].yaml, f.text);
		const char *line = strchr(f.text, '\n');
		ck_assert_msg(strchr(values[_i].report, '\n') || !line[1], "one mistake, one error: %s", f.text);
		ck_assert_int_eq(f.err, -RTUN_ECONFIG);
	}
	drop(&f);
}
END_TEST

START_TEST(all_errors_at_once)
{
	struct filled f;
	fill(&f, &all_schema, "number: x\nflag: maybe\nsiez: 1\nlisten: [a, '127.0.0.1:80', b]\n");
	ck_assert_uint_eq(f.r.errors, 5);
	ck_assert_uint_eq(f.r.items[3].at.column, 10);
	ck_assert_uint_eq(f.r.items[4].at.column, 29);
	drop(&f);
}
END_TEST

START_TEST(credentials)
{
	struct filled f;
	setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x", 1);
	fill(&f, &all_schema, "users-file: ${CREDENTIALS_DIRECTORY}/users");
	ck_assert_str_eq(f.text, "");
	ck_assert_str_eq(((const struct all *)f.s->cfg)->users_file, "/run/credentials/x/users");
	drop(&f);
	unsetenv("CREDENTIALS_DIRECTORY");
	fill(&f, &all_schema, "users-file: ${CREDENTIALS_DIRECTORY}/users");
	ck_assert_int_eq(f.err, 0);
	ck_assert_uint_eq(f.r.count, 1);
	ck_assert(f.r.items[0].warning);
	ck_assert_str_eq(((const struct all *)f.s->cfg)->users_file, "${CREDENTIALS_DIRECTORY}/users");
	drop(&f);
}
END_TEST

/* ---- Rows that depend on another ---- */

struct roles {
	uint32_t role;
	const char *public, *keep;
	struct rtun_ref to;
	struct rtun_list listen;
	uint32_t expose_beyond_loopback;
	const char *users_file;
};
static const struct rtun_option roles_rows[] = {
	RTUN_TEXT(struct roles, public, NULL, RTUN_REQUIRED, "role=hub", "Of the hub."),
	RTUN_TEXT(struct roles, keep, "25s", 0, "role=node|both", "Of the node."),
	RTUN_CHOICE(struct roles, role, "hub|node|both", NULL, RTUN_REQUIRED, NULL, "Which."),
	RTUN_REF(struct roles, to, "rtun.dialer/1", RTUN_REQUIRED, "role=node", "Where to."),
	RTUN_LISTEN(struct roles, listen, NULL, RTUN_LOCAL, NULL, "Where."),
	RTUN_BOOL(struct roles, expose_beyond_loopback, "false", 0, NULL, "Let others in."),
	RTUN_FILE(struct roles, users_file, NULL, RTUN_SECRET, "role=node", "Who may."),
};
static const struct rtun_schema roles_schema = RTUN_SCHEMA(struct roles, roles_rows);

#define EXPOSED "; listen on 127.0.0.1, [::1] or unix:/path; or, when others are meant to reach it, add \"expose-beyond-loopback: true\" and name a users-file\n"
static const struct {
	const char *yaml, *report;
} dependent[] = {
	{"role: hub\npublic: x", ""},
	{"role: node", ""},
	{"role: both\nkeep: x", ""},
	{"role: node\npublic: x", "2:1 unknown-key: \"public\" is only for role: hub; remove it, or set role: hub\n"},
	{"role: hub\npublic: x\nkeep: y", "3:1 unknown-key: \"keep\" is only for role: node|both; remove it, or set role: node|both\n"},
	{"role: hub", "9:9 missing-key: \"public\" is missing; add \"public:\" with a text\n"},
	{"public: x", "9:9 missing-key: \"role\" is missing; add \"role:\" with one of hub, node, both\n"},
	{"role: hbu\npublic: x\nkeep: y\nto: z", "1:7 bad-value: role: \"hbu\" is not one of hub, node, both; did you mean \"hub\"?\n"},
	{"role: node\nlisten: [127.0.0.1:80, '[::1]:80', 'unix:/x']", ""},
	{"role: node\nlisten: 0.0.0.0:80", "2:9 not-loopback: listen: 0.0.0.0:80 is not a loopback address: other machines could reach it" EXPOSED},
	{"role: node\nlisten: [127.0.0.1:80, '[::]:80']",
	 "2:24 not-loopback: listen: [::]:80 is not a loopback address: other machines could reach it" EXPOSED},
	{"role: node\nlisten: 10.0.0.1:80\nexpose-beyond-loopback: true\nusers-file: /x", ""},
	{"role: node\nlisten: 10.0.0.1:80\nexpose-beyond-loopback: true",
	 "2:9 not-loopback: listen: 10.0.0.1:80 is not a loopback address: other machines could reach it; name a users-file too: "
	 "expose-beyond-loopback alone would let everybody in\n"},
	{"role: node\nlisten: 10.0.0.1:80\nusers-file: /x", "2:9 not-loopback: listen: 10.0.0.1:80 is not a loopback address: other machines could "
							     "reach it" EXPOSED},
	{"role: both\nlisten: 10.0.0.1:80\nexpose-beyond-loopback: true", ""}, /* knows no users-file */
	{"role: node\nlisten: 10.0.0.1:80\nexpose-beyond-loopback: false",
	 "2:9 not-loopback: listen: 10.0.0.1:80 is not a loopback address: other machines could reach it" EXPOSED},
	{"role: node\nlisten: 10.0.0.1:80\nexpose-beyond-loopback: sure",
	 "3:25 bad-value: expose-beyond-loopback: \"sure\" is neither true nor false; write true or false\n"},
};

START_TEST(depends)
{
	struct filled f;
	fill(&f, &roles_schema, dependent[_i].yaml);
	ck_assert_str_eq(f.text, dependent[_i].report);
	drop(&f);
}
END_TEST

START_TEST(unused_rows_stay_zero)
{
	struct filled f;
	fill(&f, &roles_schema, "role: hub\npublic: x");
	const struct roles *c = f.s->cfg;
	ck_assert_ptr_null(c->keep); /* though it has a default */
	ck_assert(schema_when(&roles_schema, c, "role=hub"));
	ck_assert(!schema_when(&roles_schema, c, "role=node|both"));
	ck_assert(schema_when(&roles_schema, c, "expose_beyond_loopback=false"));
	ck_assert(!schema_when(&roles_schema, c, "nothing=x"));
	ck_assert(schema_when(&roles_schema, c, NULL));
	drop(&f);
	/* A value that the reader of YAML refused is not good, and not reported twice */
	fill(&f, &roles_schema, "role: node\nkeep: !x y\n");
	ck_assert_int_eq(f.err, -RTUN_ECONFIG);
	ck_assert_uint_eq(f.r.count, 1);
	drop(&f);
}
END_TEST

/* ---- Rows of another version ---- */

START_TEST(rows_of_another_size)
{
	struct wide {
		struct rtun_option row;
		uint64_t more;
	} wide[] = {{all_rows[1], 1}, {all_rows[2], 2}};
	struct rtun_schema schema = {sizeof(schema), sizeof(struct all), {wide, 2, sizeof(wide[0])}};
	struct filled f;

	fill(&f, &schema, "number: 9\nflag: false\n");
	ck_assert_int_eq(f.err, 0);
	ck_assert_uint_eq(((const struct all *)f.s->cfg)->number, 9);
	ck_assert_uint_eq(((const struct all *)f.s->cfg)->flag, 0);
	drop(&f);
	wide[0].row.type = 999;
	fill(&f, &schema, "");
	ck_assert_str_eq(f.r.items[0].code, "module");
	drop(&f);
	wide[0].row.type = RTUN_T_INT;
	schema.struct_size = 12;
	fill(&f, &schema, "");
	ck_assert_str_eq(f.r.items[0].code, "module");
	drop(&f);
}
END_TEST

/* ---- Back to text ---- */

START_TEST(back_to_text)
{
	static const char *const meant[] = {
		"\"no\"", "100", "false", "64MiB", "1500kbit", "36h", "\"off\"", "[x, \"y z\", \"\"]", "[\"[::1]:80\", \"unix:/run/x.sock\"]",
		"\"[2001:db8::1]:9000\"", "/etc/x/users", "some_one", "\"010\"", "[a, \"1\"]", "\"AQIDBA==\"", "\"2024-02-29T23:59:59Z\"",
		"[\"10.0.0.0/8\"]",
	};
	struct filled f, g;
	char yaml[1000] = "", key[64];
	const struct rtun_option *row;

	fill(&f, &all_schema, "text: no\nnumber: 100\nflag: off\nsize: 65536KiB\nrate: 1500kbit\ntime-out: 36h\nrole: off\ntexts: [x, 'y z', \"\"]\n"
			      "listen: ['[::1]:80', 'unix:/run/x.sock']\npublic: '[2001:db8::1]:9000'\nusers-file: users\nto: some_one\n"
			      "device: 010\ntags: [a, 1]\npublic-key: AQIDBA==\nlast-seen: 2024-02-29T23:59:59Z\ndeny: 10.0.0.0/8\n");
	ck_assert_str_eq(f.text, "");
	for (uint32_t i = 0; (row = schema_row(&all_schema, i)); i++) {
		char *text = schema_value_text(row, f.s->cfg);
		ck_assert_str_eq(text, meant[i]);
		snprintf(yaml + strlen(yaml), sizeof(yaml) - strlen(yaml), "%s: %s\n", schema_key(row->key, key), text);
		free(text);
	}
	fill(&g, &all_schema, yaml);
	ck_assert_str_eq(g.text, "");
	for (uint32_t i = 0; (row = schema_row(&all_schema, i)); i++) {
		char *text = schema_value_text(row, g.s->cfg);
		ck_assert_str_eq(text, meant[i]);
		free(text);
	}
	drop(&f);
	drop(&g);
}
END_TEST

static void count_row(void *arg, const struct rtun_option *row)
{
	snprintf((char *)arg + strlen(arg), 100, "%s ", row->key);
}

START_TEST(diff)
{
	struct filled f, g;
	char changed[1000] = "";
	fill(&f, &all_schema, "number: 2\ntags: [a]\nto: x\n");
	fill(&g, &all_schema, "number: 3\ntags: [a]\nto: y\ntime-out: 900s\ntext: ''\n");
	ck_assert_int_eq(g.err, -RTUN_ECONFIG); /* text is too short */
	drop(&g);
	fill(&g, &all_schema, "number: 3\ntags: [a]\nto: y\ntime-out: 900s\ntext: ab\n");
	schema_diff(&all_schema, f.s->cfg, g.s->cfg, count_row, changed);
	ck_assert_str_eq(changed, "text number to ");
	drop(&f);
	drop(&g);
}
END_TEST

START_TEST(quotes)
{
	static const char *const quoted[] = {"", "no", "NO", "Off", "y", "N", "true", "null", "Null", "~", "010", "1:30", "1e3", "2026-11-23", "1_000", "0x1f",
		".5", ".inf", "-1", "-", "+1", "=", "<<", " a", "a ", "a b", "a: b", "a #b", "#a", "@a", "%a", "&a", "*a", "!a", "|", ">", "{a", "[a", "a,b", "?",
		"'", "\"", "`a", "a\nb", "127.0.0.1:80", "h\xc3\xa9", "12", "---", "..."};
	static const char *const plain[] = {"a", "home", "living-room", "nope", "yess", "/var/lib/x", "a.b", "user@host", "nullable", "A1"};

	for (size_t i = 0; i < sizeof(quoted) / sizeof(quoted[0]); i++)
		ck_assert_msg(schema_needs_quotes(quoted[i]), "%s", quoted[i]);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		ck_assert_msg(!schema_needs_quotes(plain[i]), "%s", plain[i]);
	char out[200] = "";
	FILE *to = fmemopen(out, sizeof(out), "w");
	schema_write_quoted("a\"\\\n\t\x7f\xc3\xa9\xc2\x85\xe2\x80\xa8\xff\xe2\x82|\xed\xa0\x80\xf0\x9f\x98\x80", to);
	fclose(to);
	ck_assert_str_eq(out, "\"a\\\"\\\\\\n\\x09\\x7F\xc3\xa9\\x85\\u2028\\uFFFD\\uFFFD\\uFFFD|\\uFFFD\\uFFFD\\uFFFD\xf0\x9f\x98\x80\"");
}
END_TEST

/* ---- Documentation ---- */

START_TEST(describe)
{
	char text[8000] = "", words[200], small[8];
	FILE *to = fmemopen(text, sizeof(text), "w");
	schema_describe(&all_schema, to);
	schema_describe(&roles_schema, to);
	schema_describe(NULL, to);
	fclose(to);
	ck_assert_ptr_nonnull(strstr(text, "  number: a whole number, from 1 to 100\n      A number.\n      Default: 7\n      A change takes effect at reload.\n"));
	ck_assert_ptr_nonnull(strstr(text, "  public: a text\n      Of the hub.\n      Only for role: hub.\n      Required.\n"));
	ck_assert_ptr_nonnull(strstr(text, "  time-out: a duration (15m: ms s m h d), of at least 1s\n"));
	ck_assert_ptr_nonnull(strstr(text, "  to: the name of an instance that provides rtun.dialer/1\n"));
	ck_assert_ptr_nonnull(strstr(text, "  role: one of hub, node, both\n"));
	ck_assert_ptr_nonnull(strstr(text, "  no options\n"));
	ck_assert_str_eq(schema_type_words(&roles_rows[2], words, sizeof(words)), "one of hub, node, both");
	ck_assert_str_eq(schema_type_words(&roles_rows[2], small, sizeof(small)), "one of ");
}
END_TEST

START_TEST(json)
{
	json_t *entries = json_pack("[o, o]", schema_json("all", &all_schema), schema_json("roles", &roles_schema));
	json_t *file = schema_json_file(entries);
	json_t *all, *keys;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(json_unpack(file, "{s:{s:{s:{s:[o]}}}}", "properties", "modules", "items", "oneOf", &all), 0);
	keys = json_object_get(all, "properties");
	ck_assert_uint_eq(json_object_size(keys), sizeof(all_rows) / sizeof(all_rows[0]) + 3);
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(keys, "module"), "const")), "all");
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(keys, "number"), "maximum")), 100);
	ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(keys, "tags"), "oneOf")), 2);
	ck_assert(json_is_true(json_object_get(json_object_get(keys, "flag"), "default")));
	ck_assert(json_is_false(json_object_get(all, "additionalProperties")));
	char *text = json_dumps(file, JSON_INDENT(1));
	ck_assert_ptr_nonnull(text);
	free(text);
	json_decref(file);
}
END_TEST

START_TEST(records)
{
	static const char yaml[] = "items:\n  - {word: a, ports: [\"1\", \"2\"]}\n  - word: \"b c\"\n    kind: big\n  - {word: d, kind: big, count: 9}\nmost: none\n";
	struct filled f;
	fill(&f, &lists_schema, yaml);
	ck_assert_msg(!f.err, "%s", f.text);
	const struct lists *l = f.s->cfg;
	const struct item *items = l->items.items;
	ck_assert_uint_eq(l->items.count, 3);
	ck_assert_uint_eq(l->items.item_size, sizeof(struct item));
	ck_assert_str_eq(items[0].word, "a");
	ck_assert_uint_eq(items[0].ports.count, 2);
	ck_assert_uint_eq(items[0].count, 0);
	ck_assert_str_eq(items[1].word, "b c");
	ck_assert_uint_eq(items[1].count, 3);
	ck_assert_uint_eq(items[2].count, 9);
	ck_assert(l->most == RTUN_NONE);
	char *text = schema_value_text(&lists_rows[0], l), *none = schema_value_text(&lists_rows[1], l);
	ck_assert_str_eq(text, "[{word: a, ports: [\"1\", \"2\"], kind: small}, {word: \"b c\", kind: big, count: 3}, {word: d, kind: big, count: 9}]");
	ck_assert_str_eq(none, "");
	free(text);
	free(none);
	drop(&f);
	fill(&f, &lists_schema, "items: []\n");
	ck_assert_int_eq(f.err, 0);
	ck_assert_uint_eq(((const struct lists *)f.s->cfg)->items.count, 0);
	ck_assert_uint_eq(((const struct lists *)f.s->cfg)->most, 0);
	drop(&f);
}
END_TEST

/* Each mistake of each item, at its place. */
START_TEST(bad_records)
{
	static const struct {
		const char *yaml, *said;
	} cases[] = {
		{"items: a\n", "1:8 bad-value: items: expected a list of keys and values"},
		{"items: {word: a}\n", "1:8 bad-value: items: expected a list"},
		{"items: [a]\n", "1:9 bad-value: expected keys and values, this is a text"},
		{"items:\n  - {ports: \"1\"}\n", "2:5 missing-key: \"word\" is missing"},
		{"items:\n  - {word: a, wird: b}\n", "2:15 unknown-key: unknown key \"wird\"; did you mean \"word\""},
		{"items:\n  - {word: a, count: 3}\n", "2:15 unknown-key: \"count\" is only for kind: big"},
		{"items:\n  - {word: a}\n  - {word: b, kind: huge}\n", "3:21 bad-value: kind: \"huge\" is not"},
		{"items:\n  - {word: a, kind: big, count: 10}\n", "2:33 bad-value: count: 10 is too big"},
		{"items:\n  - {word: a, ports: []}\n", "2:22 bad-value: ports: the list is empty; name something"},
		{"most: 0B\n", "1:7 bad-value: most: 0B is too small"},
		{"most: nothing\n", "1:7 bad-value: most:"},
	};
	struct filled f;
	fill(&f, &lists_schema, cases[_i].yaml);
	ck_assert_int_eq(f.err, -RTUN_ECONFIG);
	ck_assert_msg(strstr(f.text, cases[_i].said) == f.text, "%s", f.text);
	ck_assert_uint_eq(f.r.errors, 1);
	drop(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("schema");
	TCase *t = tcase_create("schema");
	tcase_add_test(t, defaults);
	tcase_add_test(t, everything);
	tcase_add_loop_test(t, one_value, 0, sizeof(values) / sizeof(values[0]));
	tcase_add_test(t, all_errors_at_once);
	tcase_add_test(t, credentials);
	tcase_add_loop_test(t, depends, 0, sizeof(dependent) / sizeof(dependent[0]));
	tcase_add_test(t, unused_rows_stay_zero);
	tcase_add_test(t, rows_of_another_size);
	tcase_add_test(t, back_to_text);
	tcase_add_test(t, diff);
	tcase_add_test(t, quotes);
	tcase_add_test(t, describe);
	tcase_add_test(t, json);
	tcase_add_test(t, records);
	tcase_add_loop_test(t, bad_records, 0, 11);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
