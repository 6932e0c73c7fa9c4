/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_event.c - events: copied, delivered later, in order, to those who asked, and not without bound.
 */
#include "app_bed.h"
#include "event.h"

struct payload {
	const char *who;
	uint64_t n;
	int64_t when;
	uint32_t err;
};
static const struct rtun_field fields[] = {
	{"who", "", RTUN_F_TEXT, offsetof(struct payload, who)},
	{"n", "", RTUN_F_U64, offsetof(struct payload, n)},
	{"when", "", RTUN_F_TIME, offsetof(struct payload, when)},
	{"err", "", RTUN_F_ERR, offsetof(struct payload, err)},
};
static const struct rtun_event_type up = {sizeof(up), sizeof(struct payload), "exit.up", "", RTUN_LIST(fields)};
static const struct rtun_event_type down = {sizeof(down), sizeof(struct payload), "exit.down", "", RTUN_LIST(fields)};
static const struct rtun_event_type other = {sizeof(other), sizeof(struct payload), "exits.other", "", RTUN_LIST(fields)};

static struct event_bus *bus;
static char seen[4096];
static uint32_t count;
static struct rtun_subscription *self;

static void open_bus(void)
{
	ck_assert_int_eq(event_bus_create(bed.loop, &bus), 0);
	seen[0] = 0;
	count = 0;
}

static void close_bus(void) { event_bus_destroy(&bus); }

static void see(void *arg, const struct rtun_event_type *type, const char *instance, const void *p)
{
	const struct payload *e = p;
	size_t len = strlen(seen);
	if (len < sizeof(seen) - 100)
		snprintf(seen + len, sizeof(seen) - len, "%s:%s/%s/%s/%u ", (const char *)arg, type->name, instance ? instance : "-", e->who ? e->who : "-",
			 (unsigned)e->n);
	count++;
}

static void publish(const struct rtun_event_type *type, const char *who, uint64_t n)
{
	char text[32] = "";
	if (who) snprintf(text, sizeof(text), "%s", who);
	struct payload p = {who ? text : NULL, n, 0, 0};
	event_publish(bus, "i", type, &p);
	memset(text, 'X', sizeof(text) - 1); /* nobody may look at it any more */
}

static struct rtun_subscription *subscribe(const char *name, const char *arg)
{
	static char args[8][8];
	static int n;
	struct rtun_subscription *s = NULL;
	char *copy = args[n++ % 8];
	snprintf(copy, 8, "%s", arg);
	ck_assert_int_eq(event_subscribe(bus, name, see, copy, &s), 0);
	return s;
}

START_TEST(later_and_copied)
{
	subscribe("exit.up", "a");
	publish(&up, "home", 1);
	ck_assert_uint_eq(count, 0); /* not from inside publish */
	loop_turn(bed.loop);
	ck_assert_str_eq(seen, "a:exit.up/i/home/1 ");
	loop_turn(bed.loop);
	ck_assert_uint_eq(count, 1);
}
END_TEST

START_TEST(patterns)
{
	subscribe("exit.up", "1");
	subscribe("exit.*", "2");
	subscribe("*", "3");
	subscribe("exit", "4");
	subscribe("exit*", "5"); /* no pattern: a name that nobody has */
	publish(&up, "a", 1);
	publish(&down, NULL, 2);
	publish(&other, "c", 3);
	loop_turn(bed.loop);
	ck_assert_str_eq(seen, "1:exit.up/i/a/1 2:exit.up/i/a/1 3:exit.up/i/a/1 2:exit.down/i/-/2 3:exit.down/i/-/2 3:exits.other/i/c/3 ");
}
END_TEST

START_TEST(not_the_past)
{
	publish(&up, "before", 1);
	subscribe("*", "a");
	publish(&up, "after", 2);
	loop_turn(bed.loop);
	ck_assert_str_eq(seen, "a:exit.up/i/after/2 ");
}
END_TEST

static void leave(void *arg, const struct rtun_event_type *type, const char *instance, const void *p)
{
	see(arg, type, instance, p);
	host_unsubscribe(&self);
	ck_assert_ptr_null(self);
}

START_TEST(unsubscribe_from_inside)
{
	static char arg[] = "x";
	ck_assert_int_eq(event_subscribe(bus, "*", leave, arg, &self), 0);
	struct rtun_subscription *after = subscribe("*", "y");
	publish(&up, "1", 1);
	publish(&up, "2", 2);
	loop_turn(bed.loop);
	ck_assert_str_eq(seen, "x:exit.up/i/1/1 y:exit.up/i/1/1 y:exit.up/i/2/2 ");
	host_unsubscribe(&after);
	publish(&up, "3", 3);
	loop_turn(bed.loop);
	ck_assert_uint_eq(count, 3);
}
END_TEST

static void kill_other(void *arg, const struct rtun_event_type *type, const char *instance, const void *p)
{
	(void)arg, (void)type, (void)instance, (void)p;
	if (self) host_unsubscribe(&self);
}

START_TEST(unsubscribe_another_before_its_turn)
{
	struct rtun_subscription *killer;
	ck_assert_int_eq(event_subscribe(bus, "*", kill_other, NULL, &killer), 0);
	self = subscribe("*", "victim");
	publish(&up, "1", 1);
	loop_turn(bed.loop);
	ck_assert_uint_eq(count, 0);
}
END_TEST

static void again(void *arg, const struct rtun_event_type *type, const char *instance, const void *p)
{
	see(arg, type, instance, p);
	if (count < 5) publish(&up, "again", count);
}

START_TEST(publish_from_inside)
{
	static char arg[] = "x";
	struct rtun_subscription *s;
	ck_assert_int_eq(event_subscribe(bus, "*", again, arg, &s), 0);
	publish(&up, "1", 1);
	loop_turn(bed.loop);
	ck_assert_uint_eq(count, 5); /* all in this turn */
}
END_TEST

START_TEST(bounded)
{
	subscribe("*", "a");
	for (uint32_t i = 0; i < EVENT_QUEUE_MAX + 77; i++) publish(&up, "x", i);
	ck_assert_uint_eq(event_bus_dropped(bus), 77);
	loop_turn(bed.loop);
	ck_assert_uint_eq(count, EVENT_QUEUE_MAX);
	publish(&up, "x", 0);
	loop_turn(bed.loop);
	ck_assert_uint_eq(count, EVENT_QUEUE_MAX + 1);
	ck_assert_uint_eq(event_bus_dropped(bus), 77);
}
END_TEST

START_TEST(destroyed_while_waiting)
{
	subscribe("*", "a");
	publish(&up, "x", 1);
	event_bus_destroy(&bus);
	loop_turn(bed.loop);
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(as_json)
{
	struct payload p = {"a\xff", 18, 1700000000, RTUN_ENOEXIT};
	json_t *j = event_json(&up, NULL, &p);
	char *text = json_dumps(j, JSON_COMPACT);
	ck_assert_str_eq(text, "{\"event\":\"exit.up\",\"instance\":null,\"fields\":{\"who\":\"a\xef\xbf\xbd\",\"n\":18,\"when\":\"2023-11-14T22:13:20Z\","
			       "\"err\":\"no_exit\"}}");
	free(text);
	json_decref(j);
}
END_TEST

/* For modules: into a buffer of theirs, or nothing of it. */
START_TEST(as_text)
{
	static const char expected[] = "{\"event\":\"exit.up\",\"instance\":\"i\",\"fields\":{\"who\":\"a\",\"n\":18,\"when\":null,\"err\":\"ok\"}}";
	const int64_t len = sizeof(expected) - 1;
	const struct payload p = {"a", 18, 0, 0};
	struct host_ctx core = {{&host_table, NULL, NULL}, bed.loop, NULL, NULL, bus};
	char buf[sizeof(expected)];
	ck_assert_int_eq(rtun_event_json(&core.ctx, &up, "i", &p, buf, sizeof(buf)), len);
	ck_assert_str_eq(buf, expected);
	ck_assert_int_eq(rtun_event_json(&core.ctx, &up, "i", &p, buf, sizeof(buf) - 1), len);
	ck_assert_str_eq(buf, "");
	ck_assert_int_eq(rtun_event_json(&core.ctx, &up, "i", &p, NULL, 0), len);
}
END_TEST

/* A type of a module that is wrong, or newer: rows outside of the payload, kinds that nobody knows. */
START_TEST(hostile_types)
{
	static const struct rtun_field odd[] = {
		{"beyond", "", RTUN_F_TEXT, 100}, {"edge", "", RTUN_F_U64, 4}, {"unknown", "", 99, 0}, {"ok", "", RTUN_F_ERR, 0},
	};
	static const struct rtun_event_type type = {sizeof(type), 8, "odd.one", "", RTUN_LIST(odd)};
	uint64_t payload = RTUN_EDNS;
	subscribe("nothing", "a");
	event_publish(bus, NULL, &type, &payload);
	loop_turn(bed.loop);
	json_t *j = event_json(&type, "i", &payload);
	json_t *f = json_object_get(j, "fields");
	ck_assert_uint_eq(json_object_size(f), 1);
	ck_assert_str_eq(json_string_value(json_object_get(f, "ok")), "dns");
	json_decref(j);
}
END_TEST

START_TEST(error_words)
{
	ck_assert_str_eq(rtun_error_word(0), "ok");
	ck_assert_str_eq(rtun_error_word(RTUN_ESELECTOR), "selector");
	ck_assert_str_eq(rtun_error_word(13), "internal");
	for (uint32_t a = 0; a <= RTUN_ESELECTOR; a++) /* a metric has one sample for each */
		for (uint32_t b = 0; b < a; b++) ck_assert_str_ne(rtun_error_word(a), rtun_error_word(b));
	ck_assert_str_eq(rtun_error_word(UINT32_MAX), "internal");
}
END_TEST

START_TEST(without_a_bus)
{
	struct host_ctx host = {.ctx = {.host = &host_table}};
	struct payload p = {"x", 0, 0, 0};
	struct rtun_subscription *s;
	rtun_publish(&host.ctx, &up, &p);
	ck_assert_int_lt(rtun_subscribe(&host.ctx, "*", see, NULL, &s), 0);
	rtun_unsubscribe(&s);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("event");
	tcase_add_test(tc, later_and_copied);
	tcase_add_test(tc, patterns);
	tcase_add_test(tc, not_the_past);
	tcase_add_test(tc, unsubscribe_from_inside);
	tcase_add_test(tc, unsubscribe_another_before_its_turn);
	tcase_add_test(tc, publish_from_inside);
	tcase_add_test(tc, bounded);
	tcase_add_test(tc, destroyed_while_waiting);
	tcase_add_test(tc, as_json);
	tcase_add_test(tc, as_text);
	tcase_add_test(tc, hostile_types);
	tcase_add_test(tc, error_words);
	tcase_add_test(tc, without_a_bus);
	return bed_run_with(tc, "event", open_bus, close_bus);
}
