/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_dashboard.c - who may ask the dashboard, and what those see who look on: the checks as a table, logins, differences of
 * states, news; readers who keep up, who don't, and who never read.
 */
#include <malloc.h>

#include "bed.h"
#include "patched.h"

#include "../../modules/dashboard_http/dashboard.h"
#include "../../modules/dashboard_http/patch.h"
#include "event.h"

#define NOW INT64_C(1800000000)

static struct host_ctx hc;
static struct dash d;
static char cookie[DASH_COOKIE_SIZE], token[DASH_SECRET_TEXT];

/* ---- what server.c would do ---- */

struct dash_exchange {
	const struct dash_feed_calls *feed;
	void *arg;
	uint32_t wakes, answers;
	struct rtun_op *op;
	bool cut;
};

void dash_exchange_feed(struct dash_exchange *x, const struct dash_feed_calls *calls, void *feed)
{
	x->feed = calls;
	x->arg = feed;
}
void dash_exchange_wake(struct dash_exchange *x) { x->wakes++; }
void dash_exchange_cut(struct dash_exchange *x) { x->cut = true; }
void dash_exchange_answer(struct dash_exchange *x, const struct dash_answer *a) { x->answers += a->status == 200; }
struct rtun_op **dash_exchange_op(struct dash_exchange *x) { return &x->op; }
/* api.c's, not called here */
void dash_exchange_query(struct dash_exchange *x, void (*cb)(void *arg, const char *key, const char *value), void *arg) { (void)x, (void)cb, (void)arg; }

/* ---- fixture: a hub that answers `status` with a number, and has one verb that fails ---- */

static uint32_t calls, number;
static bool silent; /* nothing changes */
static const char *mute; /* a verb that never answers; NULL: none */
static const char *metrics_text; /* NULL: the number */
static const char *status_text;  /* the same */

struct call {
	struct rtun_defer *defer;
	struct rtun_op *op;
	struct rtun_call_req req;
	char verb[32];
};

static void tell(void *arg)
{
	struct call *c = arg;
	char json[128];
	struct rtun_answer a = {.size = sizeof(a), .code = "", .text = ""};
	if (metrics_text && strcmp(c->verb, "metrics") == 0)
		snprintf(json, sizeof(json), "{\"text\":\"%s\"}", metrics_text);
	else
		snprintf(json, sizeof(json), strcmp(c->verb, "metrics") ? "{\"n\":%u}" : "{\"text\":\"# HELP x y\\nx{a=\\\"b c\\\"} %u\\ny 0.5\\n\"}", number);
	if (strcmp(c->verb, "broken") != 0) {
		a.json = status_text && strcmp(c->verb, "status") == 0 ? status_text : json;
		a.json_len = strlen(a.json);
	}
	rtun_op_done(&c->op);
	c->req.cb(c->req.arg, &a);
	rtun_defer_destroy(&c->defer);
	free(c);
}

static void give_up(void *arg)
{
	struct call *c = arg;
	rtun_defer_destroy(&c->defer);
	free(c);
}

static int fake_call(struct rtun_ctx *ctx, const struct rtun_call_req *req, struct rtun_op **ret)
{
	struct call *c = calloc(1, sizeof(*c));
	c->req = *req;
	snprintf(c->verb, sizeof(c->verb), "%s", req->verb);
	calls++;
	if (!silent && strcmp(req->verb, "status") == 0)
		number++;
	ck_assert_int_eq(rtun_op_create(ctx, give_up, c, &c->op), 0);
	*ret = c->op;
	ck_assert_int_eq(rtun_defer_create(ctx, tell, c, &c->defer), 0);
	if (!mute || strcmp(req->verb, mute) != 0)
		rtun_defer_start(c->defer);
	return 0;
}

static void setup(void)
{
	bed_setup(true, &hc);
	ck_assert_int_eq(event_bus_create(bed.loop, &hc.events), 0);
	bed.host.call = fake_call;
	calls = number = 0;
	silent = false;
	mute = metrics_text = status_text = NULL;
	memset(&d, 0, sizeof(d));
	d.ctx = &hc.ctx;
	d.login.life = 3600;
	d.login.idle = 3600;
	memset(d.login.key, 7, sizeof(d.login.key));
	dash_login_open(&d.login, 8080, NOW, cookie, token);
	cookie[strcspn(cookie, ";")] = '\0'; /* a browser sends no more */
	d.commands = json_loads("{\"commands\":[{\"name\":\"status\",\"module\":null,\"live\":true,\"instances\":[]},"
				"{\"name\":\"broken\",\"module\":\"m\",\"live\":true,\"instances\":[\"a\",\"b\"]},"
				"{\"name\":\"pair\",\"module\":\"m\",\"live\":false,\"instances\":[\"a\"]}]}", 0, NULL);
	ck_assert_int_eq(dash_turn_create(&d), 0);
	ck_assert_int_eq(dash_news_create(&hc.ctx, NULL, NULL, &d.news), 0);
	ck_assert_int_eq(dash_live_create(&d, &d.live), 0);
}

static void teardown(void)
{
	dash_live_destroy(&d.live);
	dash_news_destroy(&d.news);
	dash_turn_destroy(&d);
	json_decref(d.commands);
	event_bus_destroy(&hc.events);
	bed_teardown();
}

/* ---- the checks ---- */

#define GOOD "127.0.0.1:8080"
static const struct {
	const char *method;
	uint32_t route;
	const char *host, *origin, *site, *type;
	char login; /* c: the cookie, t: the token too, -: none */
	uint32_t status;
} asked[] = {
	{"GET", DASH_OPEN, GOOD, NULL, NULL, NULL, '-', 0},
	{"HEAD", DASH_OPEN, "localhost:8080", NULL, "none", NULL, '-', 0},
	{"GET", DASH_OPEN, "[::1]:8080", "http://[::1]:8080", "same-origin", NULL, '-', 0},
	{"GET", DASH_OPEN, NULL, NULL, NULL, NULL, '-', 421},
	{"GET", DASH_OPEN, "", NULL, NULL, NULL, '-', 421},
	{"GET", DASH_OPEN, "127.0.0.1", NULL, NULL, NULL, '-', 421},
	{"GET", DASH_OPEN, "127.0.0.1:80801", NULL, NULL, NULL, '-', 421},
	{"GET", DASH_OPEN, "rebound.example:8080", "http://rebound.example:8080", "same-origin", NULL, '-', 421},
	{"GET", DASH_OPEN, GOOD, "http://localhost:8080", NULL, NULL, '-', 403},
	{"GET", DASH_OPEN, GOOD, "null", NULL, NULL, '-', 403},
	{"GET", DASH_OPEN, GOOD, "http://127.0.0.1:8080/", NULL, NULL, '-', 403},
	{"GET", DASH_OPEN, GOOD, NULL, "same-site", NULL, '-', 403},
	{"GET", DASH_OPEN, GOOD, NULL, "cross-site", NULL, '-', 403},
	{"POST", DASH_OPEN, GOOD, NULL, NULL, "application/json", 't', 405},
	{"GET", 0, GOOD, NULL, NULL, NULL, '-', 401},
	{"GET", 0, GOOD, NULL, NULL, NULL, 'c', 0},
	{"GET", DASH_POST, GOOD, NULL, NULL, "application/json", 't', 405},
	{"POST", DASH_POST, GOOD, GOOD, NULL, "application/json", 't', 403},
	{"POST", DASH_POST, GOOD, "http://" GOOD, "same-origin", NULL, 't', 415},
	{"POST", DASH_POST, GOOD, "http://" GOOD, "same-origin", "application/jsonx", 't', 415},
	{"POST", DASH_POST, GOOD, "http://" GOOD, "same-origin", "text/plain", 't', 415},
	{"POST", DASH_POST, GOOD, "http://" GOOD, "same-origin", "application/json", '-', 401},
	{"POST", DASH_POST, GOOD, "http://" GOOD, "same-origin", "application/json", 'c', 403},
	{"POST", DASH_POST, GOOD, "http://" GOOD, "same-origin", "application/json; charset=utf-8", 't', 0},
	{"POST", DASH_POST, GOOD, NULL, NULL, "Application/JSON", 't', 0},
	{"POST", DASH_POST | DASH_OPEN, GOOD, NULL, NULL, "application/json", '-', 0},
};

START_TEST(checks)
{
	struct dash_request r = {.method = asked[_i].method, .path = "/", .port = 8080};
	const struct dash_refusal *no;
	r.headers[DASH_HOST] = asked[_i].host;
	r.headers[DASH_ORIGIN] = asked[_i].origin;
	r.headers[DASH_SITE] = asked[_i].site;
	r.headers[DASH_TYPE] = asked[_i].type;
	if (asked[_i].login != '-')
		r.headers[DASH_COOKIE] = cookie;
	if (asked[_i].login == 't')
		r.headers[DASH_TOKEN] = token;
	no = dash_guard(&r, asked[_i].route, &d.login, NOW);
	ck_assert_uint_eq(no ? no->status : 0, asked[_i].status);
	r.repeated = true;
	no = dash_guard(&r, asked[_i].route, &d.login, NOW);
	ck_assert_uint_eq(no ? no->status : 0, 400);
}
END_TEST

/* Behind a unix socket the port is not known: any will do, the name not. Port 80 is not written. */
START_TEST(hosts)
{
	static const struct {
		uint16_t port;
		const char *host;
		bool good;
	} rows[] = {
		{0, "localhost:8080", true}, {0, "localhost", true}, {0, "[::1]:1", true}, {0, "127.0.0.1:65535", true},
		{0, "localhost:65536", false}, {0, "localhost:0", false}, {0, "localhost:", false}, {0, "localhost:80 ", false},
		{0, "rebound.example:8080", false}, {0, "localhost.rebound.example", false}, {80, "localhost", true}, {80, "localhost:80", true},
		{80, "localhost:8080", false}, {8080, "localhost", false}, {8080, "127.0.0.1:8080", true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dash_request r = {.port = rows[i].port};
		r.headers[DASH_HOST] = rows[i].host;
		ck_assert_msg(dash_guard_host(&r) == rows[i].good, "%u: %s", rows[i].port, rows[i].host);
	}
}
END_TEST

/* ---- logins ---- */

START_TEST(a_link_works_once)
{
	char one[DASH_SECRET_TEXT], two[DASH_SECRET_TEXT];
	dash_login_link(&d.login, NOW, one);
	dash_login_link(&d.login, NOW, two);
	ck_assert_str_ne(one, two);
	ck_assert_int_eq(dash_login_exchange(&d.login, one, NOW), 0);
	ck_assert_int_eq(dash_login_exchange(&d.login, one, NOW), -RTUN_EDENIED);
	ck_assert_int_eq(dash_login_exchange(&d.login, two, NOW + DASH_LINK_LIFE), -RTUN_EDENIED);
	ck_assert_int_eq(dash_login_exchange(&d.login, two, NOW + DASH_LINK_LIFE - 1), 0);
	ck_assert_int_eq(dash_login_exchange(&d.login, "", NOW), -RTUN_EDENIED);
	ck_assert_int_eq(dash_login_exchange(&d.login, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", NOW), -RTUN_EDENIED);
}
END_TEST

START_TEST(the_oldest_link_goes)
{
	char first[DASH_SECRET_TEXT], other[DASH_SECRET_TEXT];
	dash_login_link(&d.login, NOW, first);
	for (uint32_t i = 1; i <= DASH_LINKS; i++)
		dash_login_link(&d.login, NOW + i, other);
	ck_assert_int_eq(dash_login_exchange(&d.login, first, NOW), -RTUN_EDENIED);
	ck_assert_int_eq(dash_login_exchange(&d.login, other, NOW), 0);
}
END_TEST

START_TEST(failures_lock)
{
	char link[DASH_SECRET_TEXT];
	dash_login_link(&d.login, NOW, link);
	for (uint32_t i = 0; i < DASH_FAILURES; i++)
		ck_assert_int_eq(dash_login_exchange(&d.login, "x", NOW), -RTUN_EDENIED);
	ck_assert_int_eq(dash_login_exchange(&d.login, link, NOW + DASH_LOCK - 1), -RTUN_EOVERLOAD);
	dash_login_link(&d.login, NOW + 1, link);
	ck_assert_int_eq(dash_login_exchange(&d.login, link, NOW + 1), 0);
}
END_TEST

/* A program of this machine that never stops trying keeps out itself, not who can make links. */
START_TEST(no_lock_for_the_owner)
{
	char link[DASH_SECRET_TEXT];
	for (uint32_t i = 0; i < 3 * DASH_FAILURES; i++)
		dash_login_exchange(&d.login, "x", NOW);
	dash_login_link(&d.login, NOW, link);
	for (uint32_t i = 0; i < 3 * DASH_FAILURES; i++)
		ck_assert_int_eq(dash_login_exchange(&d.login, "x", NOW + 1), -RTUN_EOVERLOAD);
	ck_assert_int_eq(dash_login_exchange(&d.login, link, NOW + 2), 0);
	ck_assert_int_eq(dash_login_exchange(&d.login, link, NOW + 2), -RTUN_EDENIED);
}
END_TEST

START_TEST(links_are_forgotten)
{
	char link[DASH_SECRET_TEXT];
	dash_login_link(&d.login, NOW, link);
	dash_login_forget_links(&d.login);
	ck_assert_int_eq(dash_login_exchange(&d.login, link, NOW), -RTUN_EDENIED);
}
END_TEST

/* Two modules have a verb of one name, and one of them changes something by it. */
START_TEST(verbs)
{
	json_decref(d.commands);
	d.commands = json_loads("{\"commands\":[{\"name\":\"status\",\"readonly\":true},{\"name\":\"pair\",\"readonly\":false},"
				"{\"name\":\"both\",\"readonly\":true},{\"name\":\"both\",\"readonly\":false}]}", 0, NULL);
	ck_assert_int_eq(dash_api_verb(&d, "status"), DASH_READS);
	ck_assert_int_eq(dash_api_verb(&d, "pair"), DASH_CHANGES);
	ck_assert_int_eq(dash_api_verb(&d, "both"), DASH_CHANGES);
	ck_assert_int_eq(dash_api_verb(&d, "stat"), DASH_UNKNOWN);
}
END_TEST

START_TEST(sessions)
{
	struct dash_login other = d.login;
	char text[2 * DASH_COOKIE_SIZE];
	other.key[0] ^= 1;
	ck_assert(dash_login_session(&d.login, 8080, cookie, NOW));
	ck_assert(dash_login_token(&d.login, 8080, cookie, token));
	snprintf(text, sizeof(text), "a=b; %s; c=d", cookie);
	ck_assert(dash_login_session(&d.login, 8080, text, NOW + 3599));
	ck_assert(!dash_login_session(&d.login, 8080, cookie, NOW + 3600));
	ck_assert(!dash_login_session(&d.login, 8081, cookie, NOW)); /* another listener */
	ck_assert(!dash_login_session(&other, 8080, cookie, NOW));
	ck_assert(!dash_login_session(&d.login, 8080, NULL, NOW));
	ck_assert(!dash_login_token(&d.login, 8080, cookie, NULL));
	ck_assert(!dash_login_token(&d.login, 8080, NULL, token));
	ck_assert(!dash_login_token(&d.login, 8080, cookie, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
}
END_TEST

/* No byte of it can be another one. */
/* Who uses it keeps it, by a new cookie now and then, but not for longer than its life. */
START_TEST(idle_sessions)
{
	char next[DASH_COOKIE_SIZE];
	d.login.idle = 800;
	ck_assert(dash_login_session(&d.login, 8080, cookie, NOW + 799));
	ck_assert(!dash_login_session(&d.login, 8080, cookie, NOW + 800));
	ck_assert(!dash_login_renew(&d.login, 8080, cookie, NOW + 99, next));
	ck_assert(!dash_login_renew(&d.login, 8080, cookie, NOW + 800, next));
	for (int64_t at = 700; at < 3600; at += 700) {
		ck_assert(dash_login_renew(&d.login, 8080, cookie, NOW + at, next));
		ck_assert_ptr_nonnull(strstr(next, "; Path=/; HttpOnly; SameSite=Strict; Max-Age="));
		ck_assert_int_eq(atoi(strrchr(next, '=') + 1), 3600 - at);
		strcpy(cookie, next);
		cookie[strcspn(cookie, ";")] = '\0';
		ck_assert(dash_login_token(&d.login, 8080, cookie, token)); /* the same as before */
		ck_assert(dash_login_session(&d.login, 8080, cookie, NOW + (at + 799 < 3599 ? at + 799 : 3599)));
	}
	ck_assert(!dash_login_session(&d.login, 8080, cookie, NOW + 3600));
	ck_assert(!dash_login_renew(&d.login, 8080, cookie, NOW + 3600, next));
}
END_TEST

START_TEST(tampered_sessions)
{
	for (size_t i = 0; cookie[i]; i++) {
		char text[DASH_COOKIE_SIZE];
		strcpy(text, cookie);
		text[i] = text[i] == 'A' ? 'B' : 'A';
		ck_assert_msg(!dash_login_session(&d.login, 8080, text, NOW), "%s", text);
		text[i] = '\0';
		ck_assert(!dash_login_session(&d.login, 8080, text, NOW));
	}
}
END_TEST

START_TEST(bearers)
{
	ck_assert(dash_login_bearer("Bearer secret", "secret"));
	ck_assert(dash_login_bearer("bearer secret", "secret"));
	ck_assert(!dash_login_bearer("Bearer secret ", "secret"));
	ck_assert(!dash_login_bearer("Bearer ", "secret"));
	ck_assert(!dash_login_bearer("Basic secret", "secret"));
	ck_assert(!dash_login_bearer(NULL, "secret"));
}
END_TEST

/* ---- differences ---- */

/* NULL: they are equal. */
static json_t *patch_of(const char *from, const char *to)
{
	struct dash_text a = {strdup(from), strlen(from)}, b = {strdup(to), strlen(to)}, patch;
	ck_assert_int_eq(dash_patch(&a, &b, &patch), 0);
	json_t *j = patch.p ? json_loadb(patch.p, patch.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
	ck_assert_msg(!patch.p || j, "%s -> %s: %.*s", from, to, (int)patch.len, patch.p);
	free(a.p);
	free(b.p);
	free(patch.p);
	return j;
}

static void is_patch(const char *from, const char *to, const char *expected)
{
	json_t *patch = patch_of(from, to);
	char *got = json_dumps(patch, JSON_COMPACT);
	ck_assert_str_eq(got, expected);
	free(got);
	json_decref(patch);
}

START_TEST(differences)
{
	static const char *const states[] = {
		"{}", "{\"a\":1}", "{\"a\":0}", "{\"a\":null}", "{\"a\":[0]}", "{\"a\":[0,{\"b\":[1,2]}],\"c\":{}}", "{\"a\":[0,{\"b\":[1,3]}],\"c\":{\"d\":[]}}",
		"{\"a\":[]}", "[]", "[1]", "1", "null", "\"\"", "{\"0\":{\"0\":0}}", "{\"a\":{\"a\":{\"a\":1,\"b\":2}}}", "{\"a\":{\"a\":{\"b\":2}}}",
	};
	const size_t n = sizeof(states) / sizeof(states[0]);
	for (size_t i = 0; i < n * n; i++) {
		json_t *from = json_loads(states[i / n], JSON_DECODE_ANY, NULL), *to = json_loads(states[i % n], JSON_DECODE_ANY, NULL);
		json_t *patch = patch_of(states[i / n], states[i % n]);
		ck_assert_msg((patch == NULL) == (i / n == i % n), "%s -> %s", states[i / n], states[i % n]);
		from = patch ? patched(from, patch) : from;
		ck_assert_msg(json_equal(from, to), "%s -> %s", states[i / n], states[i % n]);
		json_decref(patch);
		json_decref(from);
		json_decref(to);
	}
}
END_TEST

START_TEST(a_difference_is_small)
{
#define LONG "\"a text that is long enough to be left out\""
	is_patch("{\"a\":[1,{\"b\":" LONG ",\"c\":2}],\"d\":3}", "{\"a\":[1,{\"b\":" LONG ",\"c\":4}]}", "{\"a\":{\"1\":{\"c\":[4]}},\"d\":0}");
	is_patch("{\"a\":" LONG ",\"b\":2,\"c\":3}", "{\"a\":" LONG ",\"new\":\"x,]}\\\"\",\"c\":3,\"last\":{}}",
		 "{\"new\":[\"x,]}\\\"\"],\"last\":[{}],\"b\":0}");
	is_patch("{\"a\":1,\"b\":" LONG "}", "{\"b\":" LONG ",\"a\":1}", "[{\"b\":" LONG ",\"a\":1}]"); /* no order of its own */
	is_patch("{\"a\":[1,2,3],\"b\":" LONG "}", "{\"a\":[1,4],\"b\":" LONG "}", "{\"a\":[[1,4]]}");
	is_patch("[1,2,3,4]", "[5,6,7,8]", "[[5,6,7,8]]"); /* shorter */
}
END_TEST

/* Members that come and go among 300, few and many, and some that change. */
START_TEST(members_come_and_go)
{
	unsigned seed = (unsigned)_i;
	json_t *states[2] = {json_object(), json_object()};
	for (int i = 0; i < 300; i++)
		for (int j = 0; j < 2; j++) {
			char key[16];
			snprintf(key, sizeof(key), "k\"%d", i);
			if (rand_r(&seed) % 100 >= _i) /* _i of a hundred are missing */
				json_object_set_new(states[j], key, json_integer(rand_r(&seed) % 10 ? 0 : j));
		}
	char *from = json_dumps(states[0], JSON_COMPACT), *to = json_dumps(states[1], JSON_COMPACT);
	json_t *patch = patch_of(from, to);
	ck_assert(_i >= 20 || json_is_object(patch));
	ck_assert(_i < 40 || json_is_array(patch)); /* 72 of them */
	states[0] = patched(states[0], patch);
	ck_assert(json_equal(states[0], states[1]));
	json_decref(patch);
	json_decref(states[0]);
	json_decref(states[1]);
	free(from);
	free(to);
}
END_TEST

/* ---- news ---- */

struct payload {
	uint64_t n;
	uint32_t err;
};
static const struct rtun_field fields[] = {{"n", "", RTUN_F_U64, offsetof(struct payload, n)}, {"err", "", RTUN_F_ERR, offsetof(struct payload, err)}};
static const struct rtun_event_type ended = {sizeof(ended), sizeof(struct payload), "thing.ended", "", RTUN_LIST(fields)};
static const struct rtun_event_type plain = {sizeof(plain), sizeof(struct payload), "thing.plain", "", {fields, 1, sizeof(fields[0])}};

static void happen(const struct rtun_event_type *type, uint64_t n, uint32_t err)
{
	struct payload p = {n, err};
	event_publish(hc.events, "i", type, &p);
	loop_turn(bed.loop);
}

static void count_one(void *arg, const char *json)
{
	json_t *j = json_loads(json, 0, NULL);
	ck_assert_ptr_nonnull(j);
	ck_assert(json_integer_value(json_object_get(j, "seq")) > 0);
	ck_assert_ptr_nonnull(json_object_get(j, "fields"));
	json_decref(j);
	++*(uint32_t *)arg;
}

static uint32_t news_since(uint64_t since)
{
	uint32_t n = 0;
	dash_news_each(d.news, since, count_one, &n);
	return n;
}

START_TEST(news_are_few)
{
	happen(&ended, 1, 0); /* it ended well: no news */
	ck_assert_uint_eq(dash_news_count(d.news), 0);
	happen(&ended, 2, RTUN_ERESET);
	happen(&plain, 3, 0);
	ck_assert_uint_eq(dash_news_count(d.news), 2);
	ck_assert_uint_eq(news_since(0), 2);
	ck_assert_uint_eq(news_since(1), 1);
	for (int i = 0; i < 10000; i++) /* in the same second */
		happen(&plain, 4, 0);
	ck_assert_uint_eq(dash_news_count(d.news), 1 + DASH_NEWS_EACH);
	loop_advance(bed.loop, RTUN_S);
	happen(&plain, 5, 0);
	ck_assert_uint_eq(dash_news_count(d.news), 2 + DASH_NEWS_EACH);
	ck_assert_uint_eq(news_since(0), 1 + DASH_NEWS_EACH); /* a flood of one kind leaves the others */
}
END_TEST

/* ---- readers ---- */

static char text[65536];

/* All that is there for it. */
static size_t read_all(struct dash_exchange *x)
{
	size_t len = 0;
	int64_t n;
	while ((n = x->feed->read(x->arg, text + len, 7)) > 0) /* in small pieces */
		len += (size_t)n;
	ck_assert_int_eq(n, 0);
	text[len] = '\0';
	return len;
}

static uint32_t times(const char *what)
{
	uint32_t n = 0;
	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

static void gone(struct dash_exchange *x) { x->feed->gone(x->arg); }

START_TEST(snapshot_then_updates)
{
	struct dash_exchange x = {0};
	loop_advance(bed.loop, 10 * RTUN_S);
	ck_assert_uint_eq(calls, 0); /* nobody looks, nobody asks */
	ck_assert(dash_live_read(d.live, &x, INT64_MAX));
	ck_assert_uint_eq(read_all(&x), 0);
	loop_advance(bed.loop, 10 * RTUN_MS);
	ck_assert_uint_gt(x.wakes, 0);
	read_all(&x);
	ck_assert_uint_eq(times("event: snapshot\n"), 1);
	ck_assert_ptr_nonnull(strstr(text, "\"state\":{\"verbs\":{\"status\":{\"\":{\"n\":1}}},\"metrics\":{\"x{a=\\\"b c\\\"}\":0,\"y\":0.5}}"));
	ck_assert_ptr_null(strstr(text, "broken"));
	happen(&plain, 77, 0);
	loop_advance(bed.loop, 510 * RTUN_MS);
	read_all(&x);
	ck_assert_uint_eq(times("event: update\n"), 1);
	ck_assert_ptr_nonnull(strstr(text, "\"patch\":{\"verbs\":{\"status\":{\"\":{\"n\":[2]}}}}"));
	ck_assert_uint_eq(times("thing.plain"), 1);
	uint32_t updates = 0;
	for (int i = 0; i < 100; i++) {
		loop_advance(bed.loop, 100 * RTUN_MS);
		read_all(&x);
		updates += times("event: update\n");
		ck_assert_uint_eq(times("snapshot"), 0);
	}
	ck_assert_uint_ge(updates, 15);
	ck_assert_uint_le(updates, 20); /* in 10 s */
	gone(&x);
	calls = 0;
	loop_advance(bed.loop, 10 * RTUN_S);
	ck_assert_uint_le(calls, 4); /* the round under way, no other */
}
END_TEST

/* Who reads late gets one snapshot for all that was missed; the other one is not held up. */
START_TEST(late_reader)
{
	struct dash_exchange x = {0}, y = {0};
	ck_assert(dash_live_read(d.live, &x, INT64_MAX));
	ck_assert(dash_live_read(d.live, &y, INT64_MAX));
	loop_advance(bed.loop, 10 * RTUN_MS);
	read_all(&x);
	ck_assert_int_gt(y.feed->read(y.arg, text, 10), 0); /* a part of it */
	for (int i = 0; i < 8; i++) {
		loop_advance(bed.loop, 510 * RTUN_MS);
		read_all(&x);
		ck_assert_uint_eq(times("event: update\n"), 1);
	}
	read_all(&y);
	ck_assert_uint_eq(times("event: snapshot\n"), 1); /* the head of the first one was read before */
	ck_assert_uint_eq(times("event: update\n"), 0);
	ck_assert_ptr_nonnull(strstr(text, "\"n\":9"));
	ck_assert(!y.cut);
	gone(&x);
	gone(&y);
}
END_TEST

START_TEST(stuck_reader)
{
	struct dash_exchange x = {0};
	ck_assert(dash_live_read(d.live, &x, INT64_MAX));
	loop_advance(bed.loop, 10 * RTUN_MS);
	ck_assert_int_gt(x.feed->read(x.arg, text, 10), 0);
	loop_advance(bed.loop, 19 * RTUN_S);
	ck_assert(!x.cut);
	loop_advance(bed.loop, 2 * RTUN_S);
	ck_assert(x.cut);
	gone(&x);
}
END_TEST

/* A connection does not outlive the login that it was opened with. */
START_TEST(login_ends)
{
	struct dash_exchange x = {0}, y = {0};
	ck_assert(dash_live_read(d.live, &x, dash_seconds(&d)));
	ck_assert(dash_live_read(d.live, &y, dash_seconds(&d) + 3600));
	loop_advance(bed.loop, RTUN_S);
	ck_assert(x.cut);
	ck_assert(!y.cut);
	gone(&x);
	dash_live_cut(d.live);
	ck_assert(y.cut);
	gone(&y);
}
END_TEST

/* Nothing changes, nothing is said but that the hub lives. */
START_TEST(keep_alive)
{
	struct dash_exchange x = {0};
	silent = true;
	ck_assert(dash_live_read(d.live, &x, INT64_MAX));
	loop_advance(bed.loop, RTUN_S);
	read_all(&x);
	uint32_t alive = 0;
	for (int i = 0; i < 60; i++) {
		loop_advance(bed.loop, RTUN_S);
		if (read_all(&x))
			ck_assert_str_eq(text, ":\n\n");
		alive += text[0] == ':';
	}
	ck_assert_uint_ge(alive, 3);
	ck_assert_uint_le(alive, 4);
	gone(&x);
}
END_TEST

/* A verb that never answers is left out, the others go on; and when it does again, it is there again. */
START_TEST(mute_verb)
{
	struct dash_exchange x = {0};
	mute = "broken";
	ck_assert(dash_live_read(d.live, &x, INT64_MAX));
	loop_advance(bed.loop, 10 * RTUN_S);
	read_all(&x);
	ck_assert_uint_eq(times("event: snapshot\n"), 1);
	for (int i = 0; i < 3; i++) {
		loop_advance(bed.loop, 510 * RTUN_MS);
		read_all(&x);
		ck_assert_uint_eq(times("event: update\n"), 1);
	}
	mute = "status";
	for (int i = 0; i < 6; i++) {
		loop_advance(bed.loop, RTUN_S);
		read_all(&x);
		if (times("event: snapshot\n"))
			break;
	}
	ck_assert_uint_eq(times("event: snapshot\n"), 1); /* something has gone */
	ck_assert_ptr_nonnull(strstr(text, "{\"verbs\":{},\"metrics\""));
	mute = NULL;
	uint32_t back = 0;
	for (int i = 0; i < 60 && !back; i++) {
		loop_advance(bed.loop, RTUN_S);
		read_all(&x);
		back = times("\"state\":{\"verbs\":{\"status\":{\"\":{\"n\":");
	}
	ck_assert_uint_eq(back, 1);
	gone(&x);
}
END_TEST

/* As one that never answers. */
START_TEST(too_much)
{
	struct dash_exchange x = {0};
	char *huge = malloc((5 << 20) + 1);
	memset(huge, ' ', 5 << 20);
	huge[5 << 20] = '\0';
	huge[0] = '{';
	huge[(5 << 20) - 1] = '}';
	status_text = huge;
	ck_assert(dash_live_read(d.live, &x, INT64_MAX));
	loop_advance(bed.loop, RTUN_S);
	read_all(&x);
	ck_assert_ptr_nonnull(strstr(text, "{\"verbs\":{},\"metrics\""));
	status_text = "[1]"; /* no object is none, too */
	for (int i = 0; i < 40; i++)
		loop_advance(bed.loop, RTUN_S);
	read_all(&x);
	ck_assert_ptr_nonnull(strstr(text, "{\"verbs\":{},\"metrics\""));
	status_text = NULL;
	loop_advance(bed.loop, RTUN_S);
	read_all(&x);
	ck_assert_uint_eq(times("\"state\":{\"verbs\":{\"status\":{\"\":{\"n\":"), 1);
	gone(&x);
	free(huge);
}
END_TEST

/* Metrics come, change and go. */
#define KEPT "kept{l=\\\"a\\\\nb \\\\\\\\ \\\\\\\"\\\"}"
START_TEST(metrics_change)
{
	struct dash_exchange x = {0};
	silent = true;
	metrics_text = "# TYPE a gauge\\na{l=\\\"1\\\"} 1\\nb 2\\nc 3\\n" KEPT " NaN\\n" KEPT " 7\\n";
	ck_assert(dash_live_read(d.live, &x, INT64_MAX));
	loop_advance(bed.loop, 10 * RTUN_MS);
	read_all(&x);
	ck_assert_ptr_nonnull(strstr(text, "\"metrics\":{\"a{l=\\\"1\\\"}\":1,\"b\":2,\"c\":3,\"" KEPT "\":7}}"));
	metrics_text = "b 2.5\\nc 3\\n" KEPT " 7\\nd -1e+30\\n";
	loop_advance(bed.loop, 3 * RTUN_S);
	read_all(&x);
	ck_assert_ptr_nonnull(strstr(text, "\"patch\":{\"verbs\":{},\"metrics\":{"));
	ck_assert_ptr_nonnull(strstr(text, "\"b\":[2.5]"));
	ck_assert_ptr_nonnull(strstr(text, "\"d\":[-1e+30]"));
	ck_assert_ptr_nonnull(strstr(text, "\"a{l=\\\"1\\\"}\":0"));
	ck_assert_ptr_null(strstr(text, "\"c\""));
	gone(&x);
}
END_TEST

/* A page that is opened again after a while gets what is true then; and there is a limit to how many there are. */
START_TEST(readers_come_and_go)
{
	struct dash_exchange x[DASH_READERS_MAX] = {0}, more = {0};
	ck_assert(dash_live_read(d.live, &x[0], INT64_MAX));
	loop_advance(bed.loop, RTUN_S);
	read_all(&x[0]);
	gone(&x[0]);
	loop_advance(bed.loop, 60 * RTUN_S);
	for (uint32_t i = 0; i < DASH_READERS_MAX; i++)
		ck_assert(dash_live_read(d.live, &x[i], INT64_MAX));
	ck_assert(!dash_live_read(d.live, &more, INT64_MAX));
	ck_assert_uint_eq(read_all(&x[0]), 0); /* not what was true a minute ago */
	loop_advance(bed.loop, 10 * RTUN_MS);
	for (uint32_t i = 0; i < DASH_READERS_MAX; i++) {
		read_all(&x[i]);
		ck_assert_uint_eq(times("event: snapshot\n"), 1);
		gone(&x[i]);
	}
	ck_assert_uint_eq(dash_live_readers(d.live), 0);
}
END_TEST

/* Thousands of updates leave nothing behind. (mallinfo2() says nothing under ASan, which finds what is lost.) */
START_TEST(many_updates)
{
	struct dash_exchange x = {0};
	size_t used[2] = {0};
	uint64_t updates = 0;
	ck_assert(dash_live_read(d.live, &x, INT64_MAX));
	for (int part = 0; part < 8; part++) {
		for (int i = 0; i < 400; i++) {
			loop_advance(bed.loop, 500 * RTUN_MS);
			happen(&plain, 77, 0);
			read_all(&x);
			updates += times("event: update\n");
		}
		used[part > 0] = mallinfo2().uordblks;
	}
	ck_assert_uint_ge(updates, 8 * 400 - 8);
	ck_assert_msg(used[1] < used[0] + 4096, "%zu bytes after an eighth, %zu at the end", used[0], used[1]);
	gone(&x);
}
END_TEST

/* ---- metrics ---- */

START_TEST(metrics_once_a_second)
{
	struct dash_exchange x[64] = {0}, one = {0};
	ck_assert_int_eq(dash_metrics_create(&d, &d.metrics), 0);
	for (int i = 0; i < 64; i++)
		dash_metrics_get(d.metrics, &x[i]);
	ck_assert_uint_eq(calls, 1);
	for (int i = 0; i < 64; i += 2) /* half of them go */
		rtun_op_cancel(&x[i].op);
	loop_turn(bed.loop);
	for (int i = 0; i < 64; i++) {
		ck_assert_uint_eq(x[i].answers, i % 2);
		ck_assert_ptr_null(x[i].op);
	}
	dash_metrics_get(d.metrics, &one);
	ck_assert_uint_eq(one.answers, 1);
	ck_assert_uint_eq(calls, 1);
	loop_advance(bed.loop, RTUN_S);
	dash_metrics_get(d.metrics, &one);
	ck_assert_uint_eq(one.answers, 1); /* what is old is asked for again */
	ck_assert_uint_eq(calls, 2);
	rtun_op_cancel(&one.op);
	dash_metrics_destroy(&d.metrics); /* while it is asked for */
}
END_TEST

/* Much is live, and asked for, understood and compared in small steps: they give way. */
START_TEST(metrics_between_steps)
{
	struct dash_exchange reader = {0}, x = {0};
	json_t *list = json_object_get(d.commands, "commands");
	char verb[32];
	for (int i = 0; i < 40; i++) {
		snprintf(verb, sizeof(verb), "verb%d", i);
		json_array_append_new(list, json_pack("{s:s, s:n, s:b, s:[]}", "name", verb, "module", "live", 1, "instances"));
	}
	ck_assert_int_eq(dash_metrics_create(&d, &d.metrics), 0);
	ck_assert(dash_live_read(d.live, &reader, INT64_MAX));
	for (int i = 0; i < 10 + _i; i++)
		loop_turn(bed.loop);
	dash_metrics_get(d.metrics, &x);
	for (int i = 0; i < 6; i++)
		loop_turn(bed.loop);
	ck_assert_uint_eq(x.answers, 1);
	read_all(&reader);
	ck_assert_uint_eq(times("event: snapshot\n"), 0); /* that was not all */
	loop_advance(bed.loop, RTUN_S);
	read_all(&reader);
	ck_assert_uint_eq(times("event: snapshot\n"), 1);
	gone(&reader);
	dash_metrics_destroy(&d.metrics);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("dashboard");
	TCase *t = tcase_create("dashboard");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, checks, 0, sizeof(asked) / sizeof(asked[0]));
	tcase_add_test(t, hosts);
	tcase_add_test(t, a_link_works_once);
	tcase_add_test(t, the_oldest_link_goes);
	tcase_add_test(t, failures_lock);
	tcase_add_test(t, no_lock_for_the_owner);
	tcase_add_test(t, links_are_forgotten);
	tcase_add_test(t, verbs);
	tcase_add_test(t, sessions);
	tcase_add_test(t, idle_sessions);
	tcase_add_test(t, tampered_sessions);
	tcase_add_test(t, bearers);
	tcase_add_test(t, differences);
	tcase_add_test(t, a_difference_is_small);
	tcase_add_loop_test(t, members_come_and_go, 0, 50);
	tcase_add_test(t, news_are_few);
	tcase_add_test(t, snapshot_then_updates);
	tcase_add_test(t, late_reader);
	tcase_add_test(t, stuck_reader);
	tcase_add_test(t, login_ends);
	tcase_add_test(t, keep_alive);
	tcase_add_test(t, mute_verb);
	tcase_add_test(t, too_much);
	tcase_add_test(t, metrics_change);
	tcase_add_test(t, readers_come_and_go);
	tcase_add_test(t, many_updates);
	tcase_add_test(t, metrics_once_a_second);
	tcase_add_loop_test(t, metrics_between_steps, 0, 6);
	suite_add_tcase(s, t);
	return s;
}

int main(void) { return bed_run(suite()); }
