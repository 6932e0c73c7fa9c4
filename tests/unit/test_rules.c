/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_rules.c - which connections a rule concerns, and what the dialer behind the rules is told of them.
 */
#include "../../modules/rules/match.c"
#include "../../modules/rules/rules.c"

#include "fake_dialer.h"

static struct host_ctx hc;
static const struct rtun_dialer_ops *ops;
static int64_t clock_ms;

static int64_t test_wall(const struct rtun_ctx *ctx)
{
	(void)ctx;
	return clock_ms;
}

#define MAX 8
static const char *texts[4][MAX];
static struct rtun_prefix prefixes[MAX];
static struct rules_rule rules_made[MAX];
static struct options options;

static struct rtun_list list_of(const char **to, const char *words)
{
	static char copies[64][128];
	static int used;
	uint32_t n = 0;
	char *copy = copies[used++ % 64], *rest;
	snprintf(copy, 128, "%s", words ? words : "");
	for (char *w = strtok_r(copy, "|", &rest); w; w = strtok_r(NULL, "|", &rest))
		to[n++] = w;
	return (struct rtun_list){to, n, sizeof(*to)};
}

static struct rtun_addr addr4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	return (struct rtun_addr){.family = 4, .port = port, .ip = {a, b, c, d}};
}

static struct {
	int calls;
	uint32_t err;
	char why[128];
	struct rtun_op *op;
} told;

static void on_told(void *arg, const struct rtun_dial_result *r)
{
	(void)arg;
	told.calls++;
	told.err = r->err;
	snprintf(told.why, sizeof(told.why), "%s", r->why);
	ck_assert_ptr_nonnull(r->s);
	told.op = NULL;
}

static uint32_t direct;
static uint32_t fake_flags(void *obj)
{
	(void)obj;
	return direct;
}
static struct rtun_dialer_ops inner;

static int begin(uint32_t n)
{
	options.to = (struct rtun_ref){.ops = &inner, .obj = &fake};
	options.rules = (struct rtun_list){rules_made, n, sizeof(rules_made[0])};
	int r = rtun_module.check(&hc.ctx, &options);
	if (!r)
		r = rtun_module.create(&hc.ctx, &options);
	ops = bed.ops;
	return r;
}

static void setup(void)
{
	bed_setup(true, &hc);
	bed.host.wall = test_wall;
	fake_setup(&hc);
	inner = fake_ops;
	inner.flags = fake_flags;
	direct = 0;
	memset(&told, 0, sizeof(told));
	memset(rules_made, 0, sizeof(rules_made));
	setenv("TZ", "UTC", 1);
	tzset();
	clock_ms = 1795687200000; /* Thursday, 2026-11-26, 10:00 */
}

static void teardown(void)
{
	if (hc.ctx.self)
		rtun_module.stop(&hc.ctx);
	rtun_module.destroy(&hc.ctx);
	fake_teardown();
	bed_teardown();
}

static int dial_to(dial_fn *fn, const char *host, const char *user)
{
	struct rtun_dial_req req = {.size = sizeof(req), .host = host, .addr = addr4(11, 0, 9, 9, 443), .selector = user, .exit = "entry",
				    .source = "socks", .strategy = RTUN_STRATEGY_RANDOM};
	memset(&told, 0, sizeof(told));
	int r = fn(bed.obj, &req, on_told, NULL, &told.op);
	ck_assert_int_eq(told.calls, 0); /* never from inside */
	bed_turns(3);
	return r;
}

/* ---- what matches ---- */

START_TEST(matches)
{
	static const struct {
		const char *domains, *ports, *frontends, *times, *host;
		uint16_t port;
		bool match;
	} cases[] = {
		{NULL, NULL, NULL, NULL, "example.com", 80, true},
		{"example.com", NULL, NULL, NULL, "example.com", 80, true},
		{"example.com", NULL, NULL, NULL, "www.example.com", 80, true},
		{"example.com", NULL, NULL, NULL, "WWW.Example.COM.", 80, true},
		{"example.com", NULL, NULL, NULL, "badexample.com", 80, false},
		{"example.com", NULL, NULL, NULL, "example.com.evil.org", 80, false},
		{"example.com", NULL, NULL, NULL, "com", 80, false},
		{"example.com", NULL, NULL, NULL, "", 80, false},
		{"a.org|example.com", NULL, NULL, NULL, "x.example.com", 80, true},
		{"com", NULL, NULL, NULL, "example.com", 80, true},
		{"example.com", NULL, NULL, NULL, NULL, 80, false}, /* asked for by address */
		{NULL, "443|8000-8100", NULL, NULL, "x.org", 80, false},
		{NULL, "443|8000-8100", NULL, NULL, "x.org", 443, true},
		{NULL, "443|8000-8100", NULL, NULL, "x.org", 8100, true},
		{NULL, "443|8000-8100", NULL, NULL, NULL, 8101, false},
		{NULL, NULL, "http|socks", NULL, "x.org", 1, true},
		{NULL, NULL, "http", NULL, "x.org", 1, false},
		{NULL, NULL, NULL, "thu 08:00-18:00", "x.org", 1, true},
		{NULL, NULL, NULL, "mon-wed 08:00-18:00", "x.org", 1, false},
		{NULL, NULL, NULL, "fri-mon|11:00-12:00", "x.org", 1, false},
		{NULL, NULL, NULL, "fri-mon|10:00-12:00", "x.org", 1, true},
		{"x.org", "443", "socks", "thu", "x.org", 443, true},
		{"x.org", "443", "socks", "thu", "x.org", 444, false},
		{"y.org", "443", "socks", "thu", "x.org", 443, false},
	};
	struct rules_rule r = {.domains = list_of(texts[0], cases[_i].domains), .ports = list_of(texts[1], cases[_i].ports),
			       .frontends = list_of(texts[2], cases[_i].frontends), .times = list_of(texts[3], cases[_i].times)};
	struct rtun_dial_req req = {.size = sizeof(req), .host = cases[_i].host, .addr = addr4(11, 0, 9, 9, cases[_i].port), .source = "socks"};
	ck_assert_msg(rules_match(&r, &req, clock_ms) == cases[_i].match, "row %d", _i);
}
END_TEST

START_TEST(addresses)
{
	struct rules_rule r = {.domains = list_of(texts[0], "example.com"), .addresses = {prefixes, 2, sizeof(prefixes[0])}};
	struct rtun_dial_req req = {.size = sizeof(req), .addr = addr4(11, 0, 9, 200, 1)};
	prefixes[0] = (struct rtun_prefix){.addr = addr4(11, 0, 9, 128, 0), .bits = 25};
	prefixes[1] = (struct rtun_prefix){.addr = {.family = 6, .ip = {0x26, 0, 0, 0x11}}, .bits = 32};
	ck_assert(rules_match(&r, &req, 0));
	req.addr.ip[3] = 127;
	ck_assert(!rules_match(&r, &req, 0));
	req.host = "example.com"; /* either */
	ck_assert(rules_match(&r, &req, 0));
	req.host = "x.org"; /* a name is judged by its name */
	req.addr.ip[3] = 200;
	ck_assert(!rules_match(&r, &req, 0));
	req.host = NULL;
	req.addr = (struct rtun_addr){.family = 6, .ip = {0x26, 0, 0, 0x11, 9}};
	ck_assert(rules_match(&r, &req, 0));
	req.addr.ip[1] = 1;
	ck_assert(!rules_match(&r, &req, 0));
	req.addr = (struct rtun_addr){.family = 6, .ip = {[10] = 0xff, [11] = 0xff, 11, 0, 9, 200}}; /* another spelling of 11.0.9.200 */
	ck_assert(rules_match(&r, &req, 0));
	req.addr = (struct rtun_addr){.family = 6, .ip = {0, 0x64, 0xff, 0x9b, [12] = 11, 0, 9, 200}}; /* by NAT64 */
	ck_assert(rules_match(&r, &req, 0));
	req.addr.ip[15] = 127;
	ck_assert(!rules_match(&r, &req, 0));
	prefixes[1] = (struct rtun_prefix){.addr = {.family = 6, .ip = {0, 0x64, 0xff, 0x9b}}, .bits = 96};
	ck_assert(rules_match(&r, &req, 0));
}
END_TEST

START_TEST(times)
{
	static const struct {
		const char *text;
		int day, minute;
		bool match;
	} cases[] = {
		{"mon", 1, 0, true}, {"mon", 1, 1439, true}, {"mon", 2, 0, false}, {"sat-sun", 0, 5, true}, {"sat-sun", 5, 5, false},
		{"fri-mon", 0, 5, true}, {"fri-mon", 4, 5, false}, {"mon,wed,fri-sat 00:00-24:00", 6, 1439, true},
		{"08:00-18:00", 3, 479, false}, {"08:00-18:00", 3, 480, true}, {"08:00-18:00", 3, 1079, true}, {"08:00-18:00", 3, 1080, false},
		{"fri 22:00-06:00", 5, 1320, true}, {"fri 22:00-06:00", 6, 359, true}, {"fri 22:00-06:00", 6, 360, false},
		{"fri 22:00-06:00", 5, 359, false}, {"sat 22:00-06:00", 0, 10, true}, {"22:00-06:00", 4, 10, true}, {"22:00-00:00", 4, 1400, true},
	};
	static const char *const bad[] = {"", " ", "mon-", "mo", "Mon", "mon ", "mon  08:00-09:00", "8:00-9:00", "08:00", "08:00-", "08:00-08:00", "24:00-01:00",
					  "08:60-09:00", "08:00-24:01", "08:00-25:00", "mon08:00-09:00", "mon 08:00-09:00 ", "mon,", ",mon", "mon..fri", "008:00-09:00"};
	struct rules_time t;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_msg(rules_parse_time(cases[i].text, &t), "%s", cases[i].text);
		ck_assert_msg(rules_time_match(&t, cases[i].day, cases[i].minute) == cases[i].match, "row %zu: %s", i, cases[i].text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!rules_parse_time(bad[i], &t), "taken: %s", bad[i]);
}
END_TEST

/* The machine's time zone counts. */
START_TEST(time_zone)
{
	struct rules_rule r = {.times = list_of(texts[0], "19:00-20:00")};
	struct rtun_dial_req req = {.size = sizeof(req), .addr = addr4(11, 0, 9, 9, 1)};
	ck_assert(!rules_match(&r, &req, clock_ms));
	setenv("TZ", "XYZ-9", 1); /* nine hours ahead: 19:00 */
	tzset();
	ck_assert(rules_match(&r, &req, clock_ms));
}
END_TEST

/* ---- what is done ---- */

START_TEST(decides)
{
	rules_made[0] = (struct rules_rule){.domains = list_of(texts[0], "ads.org"), .action = RULES_DENY};
	rules_made[1] = (struct rules_rule){.domains = list_of(texts[1], "x.org"), .action = RULES_ROUTE, .exit = "tag-us"};
	rules_made[2] = (struct rules_rule){.domains = list_of(texts[2], "x.org|ads.org"), .action = RULES_ALLOW};
	ck_assert_int_eq(begin(3), 0);
	ck_assert_int_eq(dial_to(ops->dial, "www.ads.org", NULL), 0);
	ck_assert_int_eq(told.calls, 1);
	ck_assert_uint_eq(told.err, RTUN_EDENIED);
	ck_assert_uint_eq(fake.dials, 0);
	/* by another exit, and all else as it was asked */
	ck_assert_int_eq(dial_to(ops->dial, "x.org", "user"), 0);
	ck_assert_uint_eq(fake.dials, 1);
	ck_assert_str_eq(fake.exit, "tag-us");
	ck_assert_str_eq(fake.host, "x.org");
	ck_assert_str_eq(fake.selector, "user");
	ck_assert_uint_eq(fake.addr.port, 443);
	fake_answer(RTUN_EREFUSED, NULL, NULL);
	ck_assert_uint_eq(told.err, RTUN_EREFUSED);
	/* nothing concerns it */
	ck_assert_int_eq(dial_to(ops->dial, NULL, NULL), 0);
	ck_assert_uint_eq(fake.dials, 2);
	ck_assert_str_eq(fake.exit, "entry");
	rtun_op_cancel(&told.op);
	ck_assert_uint_eq(fake.cancels, 1);
}
END_TEST

START_TEST(early)
{
	rules_made[0] = (struct rules_rule){.domains = list_of(texts[0], "ads.org"), .action = RULES_DENY};
	ck_assert_int_eq(begin(1), 0);
	ck_assert_int_eq(dial_to(ops->dial_early, "ads.org", NULL), 0);
	ck_assert_uint_eq(told.err, RTUN_EDENIED);
	ck_assert_int_eq(told.calls, 1);
	ck_assert_int_eq(dial_to(ops->dial_early, "x.org", NULL), 0);
	ck_assert_uint_eq(fake.earlies, 1);
	rtun_op_cancel(&told.op);
	inner.dial_early = NULL;
	ck_assert_int_eq(dial_to(ops->dial_early, "x.org", NULL), -RTUN_ENOTSUP);
	ck_assert_int_eq(dial_to(ops->dial_early, "ads.org", NULL), -RTUN_ENOTSUP);
	inner.dial_early = fake_dial_early;
	fake.refuse_early = -RTUN_ENOTSUP;
	ck_assert_int_eq(dial_to(ops->dial_early, "x.org", NULL), -RTUN_ENOTSUP);
	/* whatever other operations the dialer behind has, they are not passed on */
	ck_assert_uint_eq(ops->size, sizeof(*ops));
	ck_assert_uint_eq(ops->flags(bed.obj), 0);
	direct = RTUN_DIALER_DIRECT;
	ck_assert_uint_eq(ops->flags(bed.obj), RTUN_DIALER_DIRECT);
}
END_TEST

/* Cancelled before it was told, by the caller or at the stop. */
START_TEST(cancelled)
{
	struct rtun_dial_req req = {.size = sizeof(req), .host = "x.org", .addr = addr4(11, 0, 9, 9, 443)};
	rules_made[0] = (struct rules_rule){.action = RULES_DENY};
	ck_assert_int_eq(begin(1), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(ops->dial(bed.obj, &req, on_told, NULL, &told.op), 0);
	rtun_op_cancel(&told.op);
	if (_i)
		rtun_module.stop(&hc.ctx);
	bed_turns(3);
	ck_assert_int_eq(told.calls, _i ? 0 : 2);
}
END_TEST

/* A request of an older program is passed on as long as it is. */
START_TEST(short_request)
{
	struct rtun_dial_req req = {.size = offsetof(struct rtun_dial_req, strategy), .host = "x.org", .addr = addr4(11, 0, 9, 9, 443)};
	rules_made[0] = (struct rules_rule){.action = RULES_ROUTE, .exit = "home"};
	ck_assert_int_eq(begin(1), 0);
	ck_assert_int_eq(ops->dial(bed.obj, &req, on_told, NULL, &told.op), 0);
	ck_assert_str_eq(fake.exit, "home");
	rtun_op_cancel(&told.op);
}
END_TEST

START_TEST(reloaded)
{
	struct options o;
	ck_assert_int_eq(begin(0), 0);
	ck_assert_int_eq(dial_to(ops->dial, "x.org", NULL), 0);
	ck_assert_uint_eq(fake.dials, 1);
	rtun_op_cancel(&told.op);
	rules_made[0] = (struct rules_rule){.action = RULES_DENY};
	o = (struct options){.rules = {rules_made, 1, sizeof(rules_made[0])}};
	ck_assert_int_eq(rtun_module.reload(&hc.ctx, &o), 0);
	ck_assert_int_eq(dial_to(ops->dial, "x.org", NULL), 0);
	ck_assert_uint_eq(told.err, RTUN_EDENIED);
	direct = RTUN_DIALER_DIRECT; /* no exits there */
	rules_made[1] = (struct rules_rule){.action = RULES_ROUTE, .exit = "home"};
	o.rules = (struct rtun_list){rules_made + 1, 1, sizeof(rules_made[0])};
	ck_assert_int_eq(rtun_module.reload(&hc.ctx, &o), -RTUN_ECONFIG);
	ck_assert_int_eq(dial_to(ops->dial, "x.org", NULL), 0);
	ck_assert_uint_eq(told.err, RTUN_EDENIED); /* as before */
}
END_TEST

/* Each mistake at its place. */
START_TEST(checked)
{
	static const char *const bad[] = {"", ".x.org", "x..org", "*.x.org", "x.org.", "x org", "11.0.9.9:80", "[::1]", "x/y"};
	rules_made[0] = (struct rules_rule){.domains = list_of(texts[0], "x.org|good.com"), .ports = list_of(texts[1], "1|70000|5-4|a|80-"),
					    .times = list_of(texts[2], "mon|never")};
	ck_assert_int_eq(begin(1), -RTUN_ECONFIG);
	ck_assert_uint_eq(bed.conf_errors, 5);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!rules_is_domain(bad[i]), "%s", bad[i]);
	rules_made[0] = (struct rules_rule){.action = RULES_ALLOW};
	ck_assert_int_eq(begin(1), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rules");
	TCase *t = tcase_create("rules");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, matches, 0, 24);
	tcase_add_test(t, addresses);
	tcase_add_test(t, times);
	tcase_add_test(t, time_zone);
	tcase_add_test(t, decides);
	tcase_add_test(t, early);
	tcase_add_loop_test(t, cancelled, 0, 2);
	tcase_add_test(t, short_request);
	tcase_add_test(t, reloaded);
	tcase_add_test(t, checked);
	suite_add_tcase(s, t);
	/* of fake_dialer.h */
	(void)fd_send;
	return bed_run(s);
}
