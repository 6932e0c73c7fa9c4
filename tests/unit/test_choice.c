/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_choice.c - which exit is taken: strategies, sessions, and what doc/choosing.md promises. Exits are as far and as busy as
 * the test says.
 */
#include "bed.h"

#include "../../modules/transport_noise/choice.h"

#define EXITS 5
#define TTL (30 * 60 * RTUN_S)

static struct host_ctx hc;
static struct hub h;
static struct device devices[EXITS];
static struct device *items[EXITS];
static struct device_list list = {.items = items};
static struct peer peers[EXITS];
static struct tunnel tunnel;
static struct mux_counters sums[EXITS];
static uint64_t ttl;
static const struct tried none;
static char mobile[] = "mobile";
static char *tags[] = {mobile};

/* In the place of hub_tunnel.c and hub_commands.c */
void peer_sum(const struct peer *p, struct mux_counters *ret)
{
	*ret = sums[p - peers];
}
static const char *full; /* what limits_reached() says of exit a */
const char *limits_reached(struct peer *p)
{
	return p == peers ? full : NULL;
}
static const struct rtun_field no_fields[1];
const struct rtun_event_type event_session_moved = {sizeof(event_session_moved), sizeof(struct event_session), "session.moved", "", RTUN_LIST(no_fields)};

static void setup(void)
{
	static const char *const names[EXITS] = {"a", "b", "c", "d", "e"};
	bed_setup(true, &hc);
	ttl = TTL;
	h = (struct hub){.ctx = &hc.ctx, .devices = &list, .sessions = {.ctx = &hc.ctx, .ttl = &ttl}};
	list.count = 0;
	list.default_exit[0] = 0;
	full = NULL;
	memset(sums, 0, sizeof(sums));
	for (int i = 0; i < EXITS; i++) {
		devices[i] = (struct device){.tunnel = &peers[i]};
		snprintf(devices[i].name, sizeof(devices[i].name), "%s", names[i]);
		peers[i] = (struct peer){.hub = &h, .device = &devices[i], .tunnel = &tunnel};
		items[i] = &devices[i];
	}
	loop_advance(bed.loop, RTUN_S);
}

static void teardown(void)
{
	for (struct session *s = h.sessions.oldest; s; s = s->younger)
		s->use.streams = 0;
	session_forget(&h.sessions, NULL);
	ck_assert_uint_eq(h.sessions.count, 0);
	free(h.candidates);
	bed_teardown();
}

/* So many exits, with these round trips in ms; 0: not known yet. */
static void exits(uint32_t n, const uint32_t *rtt)
{
	list.count = n;
	for (uint32_t i = 0; i < n; i++)
		sums[i] = (struct mux_counters){.rtt = rtt[i] * RTUN_MS};
}

static struct choice take_with(const char *user, uint32_t strategy, const char *fixed, const struct tried *tried)
{
	struct rtun_dial_req req = {.size = sizeof(req), .selector = user, .exit = fixed, .source = "socks", .strategy = strategy};
	struct wish w;
	struct choice c;
	if (wish_read(&h, &req, &w, &c))
		choice_make(&h, &w, tried, &c);
	return c;
}

/* The index of the exit, or -RTUN_E... */
static int take(const char *user, uint32_t strategy)
{
	struct choice c = take_with(user, strategy, NULL, &none);
	return c.peer ? (int)(c.peer - peers) : -(int)c.err;
}

/* As take(), and the stream lives on. */
static int use(const char *user, uint32_t strategy)
{
	struct choice c = take_with(user, strategy, NULL, &none);
	ck_assert_ptr_nonnull(c.peer);
	sums[c.peer - peers].streams++;
	if (c.session)
		c.session->use.streams++;
	return (int)(c.peer - peers);
}

static void end_of(struct session *s)
{
	if (!--s->use.streams)
		s->use.idle_since = rtun_now(&hc.ctx);
}

static void spread(int n, uint32_t strategy, int ret[EXITS])
{
	memset(ret, 0, EXITS * sizeof(int));
	while (n--)
		ret[use(NULL, strategy)]++;
}

/* ---- who is asked ---- */

START_TEST(wishes)
{
	static const struct {
		const char *user, *fixed;
		int want;
	} rows[] = {
		{"b", NULL, 1}, {"exit-b", NULL, 1}, {"b", "a", 1}, {NULL, "c", 2}, {"", "c", 2}, {"session-1", "c", 2},
		{"tag-mobile", NULL, 3}, {"tag-mobile", "a", 3}, {"any", "c", 0}, {NULL, NULL, 0}, {"session-2", NULL, 0},
		{"e", NULL, -RTUN_ENOEXIT}, {NULL, "e", -RTUN_ENOEXIT}, {"e-session-1", NULL, -RTUN_ENOEXIT},
		{"x", NULL, -RTUN_ESELECTOR}, {"x", "a", -RTUN_ESELECTOR}, {"tag-x", NULL, -RTUN_ESELECTOR}, {"exit", NULL, -RTUN_ESELECTOR},
		/* no username was wrong: another one would not help, and browsers would ask for one */
		{NULL, "x", -RTUN_ENOEXIT}, {NULL, "tag-x", -RTUN_ENOEXIT}, {"session-1", "x", -RTUN_ENOEXIT}, {NULL, "exit", -RTUN_ENOEXIT},
	};
	static const uint32_t rtt[] = {1, 50, 50, 50, 1};
	exits(5, rtt);
	peers[4].tunnel = NULL;
	devices[3].tags = tags;
	devices[3].tag_count = 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct choice c = take_with(rows[i].user, RTUN_STRATEGY_BEST, rows[i].fixed, &none);
		int got = c.peer ? (int)(c.peer - peers) : -(int)c.err;
		ck_assert_msg(got == rows[i].want, "row %zu: %d (%s)", i, got, c.why);
	}
	peers[3].tunnel = NULL;
	ck_assert_int_eq(take("tag-mobile", 0), -RTUN_ENOEXIT);
	list.count = 0;
	ck_assert_int_eq(take("any", 0), -RTUN_ENOEXIT);
}
END_TEST

/* The default exit is for who asks for none, neither by username nor by `exit:`; then it is the only one. */
START_TEST(by_default)
{
	static const struct {
		const char *def, *user, *fixed;
		int want;
		const char *why;
	} rows[] = {
		{"b", NULL, NULL, 1, NULL}, {"b", "", "", 1, NULL}, {"b", "session-1", NULL, 1, NULL}, {"b", NULL, "session-1", 1, NULL},
		{"tag-mobile", NULL, NULL, 3, NULL}, {"tag-mobile", "session-1", NULL, 3, NULL},
		{"b", "c", NULL, 2, NULL}, {"b", NULL, "c", 2, NULL}, {"b", "c", "d", 2, NULL}, {"b", "tag-mobile", NULL, 3, NULL},
		{"b", "any", NULL, 0, NULL}, {"b", NULL, "any", 0, NULL}, {"b", "any-session-1", NULL, 0, NULL}, {"b", NULL, "any-session-2", 0, NULL},
		{"", NULL, NULL, 0, NULL},
		{"e", NULL, NULL, -RTUN_ENOEXIT, "the default exit e is away"}, {"e", "session-1", NULL, -RTUN_ENOEXIT, "the default exit e is away"},
		{"e", "e", NULL, -RTUN_ENOEXIT, "exit e is away"}, {"e", NULL, "e", -RTUN_ENOEXIT, "exit e is away"},
		{"e", "any", NULL, 0, NULL}, {"e", "a", NULL, 0, NULL},
		{"x", NULL, NULL, -RTUN_ENOEXIT, "there is no exit called x, the default one"}, {"x", NULL, "any", 0, NULL},
		{"tag-x", NULL, NULL, -RTUN_ENOEXIT, "no exit has the default tag x"},
		{"x", "x", NULL, -RTUN_ESELECTOR, "there is no exit called x"}, {"b", "exit", NULL, -RTUN_ESELECTOR, NULL},
	};
	exits(5, (uint32_t[]){1, 50, 50, 50, 1});
	peers[4].tunnel = NULL;
	devices[3].tags = tags;
	devices[3].tag_count = 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(list.default_exit, sizeof(list.default_exit), "%s", rows[i].def);
		struct choice c = take_with(rows[i].user, RTUN_STRATEGY_ROUND_ROBIN * (rows[i].want != 0), rows[i].fixed, &none);
		int got = c.peer ? (int)(c.peer - peers) : -(int)c.err;
		ck_assert_msg(got == rows[i].want, "row %zu: %d (%s)", i, got, c.why);
		if (rows[i].why)
			ck_assert_str_eq(c.why, rows[i].why);
	}
}
END_TEST

/* The choice was not free: what it can't take goes nowhere else. */
START_TEST(default_that_fails)
{
	const struct tried b = {.exits = {&peers[1]}, .count = 1};
	struct choice c;
	exits(3, (uint32_t[]){10, 100, 100});
	snprintf(list.default_exit, sizeof(list.default_exit), "b");
	c = take_with(NULL, 0, NULL, &b);
	ck_assert_ptr_null(c.peer);
	ck_assert_uint_eq(c.err, RTUN_ENOEXIT);
	snprintf(list.default_exit, sizeof(list.default_exit), "tag-mobile");
	for (int i = 1; i < 3; i++) {
		devices[i].tags = tags;
		devices[i].tag_count = 1;
	}
	c = take_with(NULL, 0, NULL, &b);
	ck_assert_ptr_eq(c.peer, &peers[2]);
	peers[2].tunnel = NULL;
	c = take_with(NULL, 0, NULL, &b);
	ck_assert_uint_eq(c.err, RTUN_ENOEXIT);
	ck_assert_str_eq(c.why, "no exit with the default tag mobile is connected");
	snprintf(list.default_exit, sizeof(list.default_exit), "a");
	full = "limit reached: 5";
	c = take_with(NULL, 0, NULL, &none);
	ck_assert_uint_eq(c.err, RTUN_EOVERLOAD);
	ck_assert_str_eq(c.why, full);
}
END_TEST

/* For datagrams, only exits that have them: another one where that is free to choose, else no. */
START_TEST(datagrams)
{
	static const struct {
		const char *user, *fixed;
		int want;
	} rows[] = {
		{NULL, NULL, 1}, {"any", "a", 1}, {"b", NULL, 1}, {"a", NULL, -RTUN_ENOTSUP}, {NULL, "a", -RTUN_ENOTSUP},
		{"tag-mobile", NULL, -RTUN_ENOTSUP}, {"session-1", NULL, -RTUN_ENOTSUP}, {"session-2", NULL, 1}, {"e", NULL, -RTUN_ENOEXIT},
	};
	static const uint32_t rtt[] = {1, 50, 60, 70, 80};
	static struct tunnel newer = {.datagrams = true};
	exits(5, rtt);
	peers[1].tunnel = &newer;
	peers[4].tunnel = NULL;
	devices[3].tags = tags;
	devices[3].tag_count = 1;
	ck_assert_int_eq(use("session-1", 0), 0); /* it has an exit, which is too old */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rtun_dial_req req = {.size = sizeof(req), .selector = rows[i].user, .exit = rows[i].fixed, .source = "socks"};
		struct wish w;
		struct choice c;
		ck_assert(wish_read(&h, &req, &w, &c));
		w.protocol = WIRE_UDP;
		choice_make(&h, &w, &none, &c);
		int got = c.peer ? (int)(c.peer - peers) : -(int)c.err;
		ck_assert_msg(got == rows[i].want, "row %zu: %d (%s)", i, got, c.why);
	}
}
END_TEST

/* A request of a program that was built before there were strategies. */
START_TEST(old_request)
{
	struct rtun_dial_req req = {.size = offsetof(struct rtun_dial_req, strategy), .strategy = RTUN_STRATEGY_STICKY};
	struct wish w;
	struct choice c;
	ck_assert(wish_read(&h, &req, &w, &c));
	ck_assert_uint_eq(w.strategy, RTUN_STRATEGY_BEST);
	ck_assert(!w.lasting);
}
END_TEST

/* ---- strategies ---- */

START_TEST(nearest)
{
	int n[EXITS];
	exits(3, (uint32_t[]){80, 20, 300});
	spread(8, RTUN_STRATEGY_BEST, n);
	ck_assert_int_eq(n[1], 8);
	/* (20 + 10) * (1 + s/64) is half more than 90 where s = 224: then the first takes some, and the third none */
	spread(240, RTUN_STRATEGY_BEST, n);
	ck_assert_int_ge(n[0], 20);
	ck_assert_int_gt(n[1], 200);
	ck_assert_int_eq(n[2], 0);
}
END_TEST

/* One stays the best until another is much better, whatever the noise, and whoever else is asked for in between. */
START_TEST(stays)
{
	exits(3, (uint32_t[]){40, 45, 38});
	ck_assert_int_eq(take(NULL, RTUN_STRATEGY_BEST), 2);
	for (uint32_t i = 0; i < 200; i++) {
		sums[i % 3].rtt = (33 + i % 17) * RTUN_MS; /* 43 to 59: less than half more */
		ck_assert_int_eq(take(NULL, RTUN_STRATEGY_BEST), 2);
		take("a", RTUN_STRATEGY_BEST);
		take("any", RTUN_STRATEGY_ROUND_ROBIN);
	}
	exits(3, (uint32_t[]){40, 20, 38});
	ck_assert_int_eq(take(NULL, RTUN_STRATEGY_BEST), 1);
	sums[1].rtt = 50 * RTUN_MS;
	ck_assert_int_eq(take(NULL, RTUN_STRATEGY_BEST), 1);
	peers[1].tunnel = NULL;
	ck_assert_int_eq(take(NULL, RTUN_STRATEGY_BEST), 2);
}
END_TEST

/* Those with a tag have a best one of their own. */
START_TEST(stays_with_a_tag)
{
	exits(3, (uint32_t[]){40, 45, 38});
	devices[0].tags = devices[1].tags = tags;
	devices[0].tag_count = devices[1].tag_count = 1;
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(take(NULL, RTUN_STRATEGY_BEST), 2);
		ck_assert_int_eq(take("tag-mobile", RTUN_STRATEGY_BEST), 0);
	}
}
END_TEST

START_TEST(not_known_yet_and_refused)
{
	exits(2, (uint32_t[]){0, 400});
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(take(NULL, RTUN_STRATEGY_BEST), 1);
	exits(2, (uint32_t[]){20, 60});
	ck_assert_int_eq(take(NULL, RTUN_STRATEGY_BEST), 0);
	peers[0].refused_at = rtun_now(&hc.ctx);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(take(NULL, RTUN_STRATEGY_BEST), 1);
	loop_advance(bed.loop, 11 * RTUN_S);
	ck_assert_int_eq(take(NULL, RTUN_STRATEGY_BEST), 0);
}
END_TEST

START_TEST(in_turn)
{
	int last = -1, n[EXITS] = {0};
	exits(3, (uint32_t[]){1, 500, 0});
	for (int i = 0; i < 30; i++) {
		int got = take("any", RTUN_STRATEGY_ROUND_ROBIN);
		ck_assert_int_ne(got, last);
		n[last = got]++;
	}
	ck_assert(n[0] == 10 && n[1] == 10 && n[2] == 10);
	peers[1].tunnel = NULL;
	spread(10, RTUN_STRATEGY_ROUND_ROBIN, n);
	ck_assert(n[0] == 5 && n[2] == 5);
	spread(3000, RTUN_STRATEGY_RANDOM, n);
	ck_assert_int_eq(n[1], 0);
	ck_assert_int_gt(n[0], 1300); /* 1500 +- 27: 7 times that */
	ck_assert_int_gt(n[2], 1300);
}
END_TEST

/* ---- sessions ---- */

/* Whatever is better or in turn: a session stays, and others don't mind it. */
START_TEST(keeps)
{
	static const uint32_t strategies[] = {RTUN_STRATEGY_BEST, RTUN_STRATEGY_ROUND_ROBIN, RTUN_STRATEGY_RANDOM, RTUN_STRATEGY_STICKY};
	exits(3, (uint32_t[]){10, 100, 100});
	int first = take("session-42", strategies[_i]);
	int other = take("any-session-43", strategies[_i]);
	for (int i = 0; i < 50; i++) {
		sums[first].rtt = 900 * RTUN_MS;
		ck_assert_int_eq(take("session-42", strategies[_i]), first);
		ck_assert_int_eq(take("any-session-43", strategies[_i]), other);
		loop_advance(bed.loop, 29 * 60 * RTUN_S);
	}
	ck_assert_uint_eq(h.sessions.count, 2);
}
END_TEST

START_TEST(sticky)
{
	struct rtun_dial_req req = {.size = sizeof(req), .source = "http", .strategy = RTUN_STRATEGY_STICKY};
	struct wish w;
	struct choice c;
	exits(2, (uint32_t[]){10, 100});
	ck_assert_int_eq(take(NULL, RTUN_STRATEGY_STICKY), 0);
	sums[0].rtt = 500 * RTUN_MS;
	ck_assert_int_eq(take(NULL, RTUN_STRATEGY_STICKY), 0);
	ck_assert_int_eq(take("any", RTUN_STRATEGY_STICKY), 1); /* another username */
	ck_assert(wish_read(&h, &req, &w, &c));
	choice_make(&h, &w, &none, &c); /* another entry */
	ck_assert_ptr_eq(c.peer, &peers[1]);
	ck_assert_int_eq(take(NULL, RTUN_STRATEGY_BEST), 1); /* who isn't sticky */
}
END_TEST

/* Unused for the ttl, it is forgotten; as long as a stream lives it is not unused. */
START_TEST(ttl_of_sessions)
{
	exits(2, (uint32_t[]){10, 100});
	ck_assert_int_eq(use("session-1", 0), 0);
	struct session *s = h.sessions.oldest;
	sums[0].rtt = 500 * RTUN_MS;
	loop_advance(bed.loop, 10 * TTL);
	ck_assert_int_eq(use("session-1", 0), 0);
	loop_advance(bed.loop, TTL);
	end_of(s);
	loop_advance(bed.loop, TTL);
	end_of(s);
	loop_advance(bed.loop, TTL - RTUN_MS);
	ck_assert_int_eq(take("session-1", 0), 0); /* counts as a use */
	loop_advance(bed.loop, TTL - RTUN_MS);
	ck_assert_int_eq(take("session-1", 0), 0);
	loop_advance(bed.loop, TTL);
	ck_assert_int_eq(take("session-1", 0), 1);
	ttl = 2 * TTL; /* reloaded: counts at once */
	sums[0].rtt = 10 * RTUN_MS;
	loop_advance(bed.loop, TTL + RTUN_S);
	ck_assert_int_eq(take("session-1", 0), 1);
	ck_assert_uint_eq(bed.events, 0);
}
END_TEST

/* The exit dies: another one, for good. */
START_TEST(moves)
{
	exits(3, (uint32_t[]){10, 100, 300});
	ck_assert_int_eq(use("session-1", 0), 0);
	struct session *s = h.sessions.oldest;
	s->reached = true;
	peers[0].tunnel = NULL;
	end_of(s);
	ck_assert_int_eq(take("session-1", 0), 1);
	ck_assert_uint_eq(bed.events, 1);
	ck_assert_ptr_eq(bed.event_type, &event_session_moved);
	ck_assert_ptr_nonnull(strstr(bed.log, "goes on at exit b; it was at a"));
	peers[0].tunnel = &tunnel;
	for (int i = 0; i < 5; i++) { /* it flaps */
		ck_assert_int_eq(take("session-1", 0), 1);
		peers[0].tunnel = i & 1 ? &tunnel : NULL;
	}
	peers[1].tunnel = peers[2].tunnel = peers[0].tunnel = NULL;
	ck_assert_int_eq(take("session-1", 0), -RTUN_ENOEXIT);
	peers[1].tunnel = &tunnel; /* the only one there was: it goes on */
	peers[0].tunnel = &tunnel;
	ck_assert_int_eq(take("session-1", 0), 1);
	ck_assert_uint_eq(bed.events, 1);
}
END_TEST

/* Revoked, with or without a stream elsewhere; and an exit that loses its tag. */
START_TEST(revoked_or_untagged)
{
	exits(3, (uint32_t[]){10, 100, 300});
	for (int i = 0; i < 2; i++) {
		devices[i].tags = tags;
		devices[i].tag_count = 1;
	}
	ck_assert_int_eq(use("tag-mobile-session-1", 0), 0);
	ck_assert_int_eq(take("tag-mobile-session-2", 0), 0);
	devices[0].tag_count = 0;
	ck_assert_int_eq(take("tag-mobile-session-1", 0), 1); /* its stream at a lives on */
	session_forget(&h.sessions, &peers[1]);
	ck_assert_uint_eq(h.sessions.count, 2);
	session_forget(&h.sessions, &peers[0]);
	ck_assert_uint_eq(h.sessions.count, 1);
	ck_assert_int_eq(take("tag-mobile-session-1", 0), 1);
	ck_assert_uint_eq(h.sessions.count, 1);
}
END_TEST

/* An exit that can't take it: a session that has reached something waits, another one tries elsewhere. */
START_TEST(tried)
{
	const struct tried a = {.exits = {&peers[0]}, .count = 1}, both = {.exits = {&peers[0], &peers[1]}, .count = 2},
			   b = {.exits = {&peers[1]}, .count = 1}, leaving = {.exits = {&peers[1]}, .count = 1, .leaving = &peers[1]};
	struct choice c;
	exits(2, (uint32_t[]){10, 100});
	for (int i = 0; i < 3; i++) {
		static const char *const users[] = {NULL, "session-1", "a"};
		c = take_with(users[i], 0, NULL, &a);
		ck_assert_ptr_eq(c.peer, i == 2 ? NULL : &peers[1]);
	}
	ck_assert_uint_eq(c.err, RTUN_ENOEXIT);
	c = take_with(NULL, 0, NULL, &both);
	ck_assert_ptr_null(c.peer);
	h.sessions.oldest->reached = true;
	c = take_with("session-1", 0, NULL, &b);
	ck_assert_ptr_null(c.peer);
	ck_assert_uint_eq(c.err, RTUN_EOVERLOAD);
	ck_assert_int_eq(take("session-1", 0), 1);
	c = take_with("session-1", 0, NULL, &leaving);
	ck_assert_ptr_eq(c.peer, &peers[0]);
}
END_TEST

/* An exit whose limit is reached is passed over, but for who is bound to it. */
START_TEST(limited)
{
	struct choice c;
	exits(2, (uint32_t[]){10, 100});
	ck_assert_int_eq(take("session-1", 0), 0);
	full = "limit reached: 5";
	ck_assert_int_eq(take(NULL, 0), 1);
	ck_assert_int_eq(take("session-1", 0), 1); /* it has not reached anything yet */
	full = NULL;
	ck_assert_int_eq(take("session-2", 0), 0);
	h.sessions.youngest->reached = true;
	full = "limit reached: 5";
	ck_assert_int_eq(take("session-2", 0), -RTUN_EOVERLOAD);
	ck_assert_int_eq(take("a", 0), -RTUN_EOVERLOAD);
	list.count = 1;
	c = take_with(NULL, 0, NULL, &none);
	ck_assert_uint_eq(c.err, RTUN_EOVERLOAD);
	ck_assert_str_eq(c.why, full);
}
END_TEST

/* The oldest goes; one in use never does. */
START_TEST(bounded)
{
	char user[32];
	exits(2, (uint32_t[]){10, 100});
	ck_assert_int_eq(use("session-used", 0), 0);
	sums[0].streams = 0;
	for (uint32_t i = 0; i < SESSION_MAX + 100; i++) {
		snprintf(user, sizeof(user), "session-%u", i);
		ck_assert_int_eq(take(user, 0), 0);
		ck_assert_uint_le(h.sessions.count, SESSION_MAX);
	}
	sums[0].rtt = 500 * RTUN_MS;
	ck_assert_int_eq(take("session-used", 0), 0);
	ck_assert_int_eq(take(user, 0), 0);
	ck_assert_int_eq(take("session-200", 0), 0);
	ck_assert_int_eq(take("session-0", 0), 1); /* forgotten */
	for (struct session *s = h.sessions.oldest; s; s = s->younger)
		s->use.streams = 1;
	struct choice c = take_with("session-more", 0, NULL, &none);
	ck_assert(c.peer && !c.session); /* nobody remembers it, but it gets an exit */
	ck_assert_uint_eq(h.sessions.count, SESSION_MAX);
	/* what is over makes room by itself */
	for (struct session *s = h.sessions.oldest; s; s = s->younger)
		end_of(s);
	loop_advance(bed.loop, TTL);
	take("session-more", 0);
	ck_assert_uint_lt(h.sessions.count, SESSION_MAX);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("choice");
	TCase *t = tcase_create("choice");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, wishes);
	tcase_add_test(t, by_default);
	tcase_add_test(t, default_that_fails);
	tcase_add_test(t, datagrams);
	tcase_add_test(t, old_request);
	tcase_add_test(t, nearest);
	tcase_add_test(t, stays);
	tcase_add_test(t, stays_with_a_tag);
	tcase_add_test(t, not_known_yet_and_refused);
	tcase_add_test(t, in_turn);
	tcase_add_loop_test(t, keeps, 0, 4);
	tcase_add_test(t, sticky);
	tcase_add_test(t, ttl_of_sessions);
	tcase_add_test(t, moves);
	tcase_add_test(t, revoked_or_untagged);
	tcase_add_test(t, tried);
	tcase_add_test(t, limited);
	tcase_add_test(t, bounded);
	suite_add_tcase(s, t);
	return bed_run(s);
}
