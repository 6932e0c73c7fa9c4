/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend_bed.h - a frontend between a client and a fake dialer, and the tests that hold whatever the protocol. The
 * test of a protocol includes its module first, then this, and says in `talk` what a whole conversation is.
 */
#ifndef FRONTEND_BED_H
#define FRONTEND_BED_H

#include "../../modules/frontend/frontend.c"
#include "../../modules/frontend/frontend_conn.c"
#include "../../modules/frontend/frontend_login.c"
#include "../../modules/frontend/frontend_status.c"

#include "fake_dialer.h"

#define ROWS(a) (int)(sizeof(a) / sizeof((a)[0]))
#define TEXT_BYTES(text) {(text), sizeof(text) - 1}
#define ARRAY_BYTES(array) {(array), sizeof(array)}

struct bytes {
	const void *p;
	size_t len;
};

/* The user "home" goes to a.bc:443, by name, and sends "early" right after the request. */
static const struct talk {
	struct bytes said;
	struct bytes before; /* what was answered before the dial, if anything */
	struct bytes success;
	void (*hear_overload)(const char *why); /* `before` and the refusal, with `why` if the protocol can say it; the end */
} talk;

static struct host_ctx hc;
static struct frontend_options options;
static struct frontend *front;
static struct {
	uint32_t opens, closes, refusals;
} told;

static void publish_counted(struct rtun_ctx *ctx, const struct rtun_event_type *type, const void *payload)
{
	told.opens += type == &frontend_stream_open;
	told.closes += type == &frontend_stream_close;
	told.refusals += type == &frontend_stream_refused;
	bed_publish(ctx, type, payload);
}

/* The last one has these fields, as JSON. */
static void event_says(const char *type, const char *fields)
{
	char want[BED_TEXT + 64];
	snprintf(want, sizeof(want), "{\"event\":\"stream.%s\",\"instance\":\"bed\",\"fields\":{%s}}", type, fields);
	ck_assert_str_eq(bed.event_json, want);
}

/* One refusal was told, of a request for `target` in JSON, and nothing else. */
static inline void refusal_says(const char *result, const char *why, const char *target, const char *user)
{
	char fields[BED_TEXT];
	ck_assert_uint_eq(bed.events, 1);
	snprintf(fields, sizeof(fields),
		 "\"exit\":null,\"frontend\":\"bed\",\"result\":\"%s\",\"why\":%s,\"target\":%s,\"protocol\":\"%s\",\"user\":%s,\"duration_ms\":0",
		 result, why, target, strcmp(target, "null") ? "tcp" : "udp", user);
	event_says("refused", fields);
}

static void setup(void)
{
	memset(&told, 0, sizeof(told));
	bed_setup(true, &hc);
	bed.host.publish = publish_counted;
	fake_setup(&hc);
	options = (struct frontend_options){.to = {.ops = &fake_ops}, .username = FRONTEND_USERNAME_OPTIONAL, .max_connections = 4,
					    .half_close_timeout = 3600 * RTUN_S};
	ck_assert_int_eq(rtun_module.create(&hc.ctx, &options), 0);
	front = hc.ctx.self;
}

static void teardown(void)
{
	rtun_module.stop(&hc.ctx);
	bed_turns(4);
	ck_assert_uint_eq(told.opens, told.closes);
	rtun_module.destroy(&hc.ctx);
	fake_teardown();
	bed_teardown();
}

static void use(uint32_t username)
{
	options.username = username;
	ck_assert_int_eq(rtun_module.reload(&hc.ctx, &options), 0);
}

static int open_client(void)
{
	int fd;
	struct rtun_stream *s = fake_stream(&fd);
	accepted(front, &s, &(struct rtun_addr){0});
	rtun_close(&s);
	bed_turns(3);
	return fd;
}

static void connect_client(void)
{
	if (fake.client >= 0)
		close(fake.client);
	bed_turns(3);
	fake.client = open_client();
}

static void say(const void *p, size_t len)
{
	fd_send(fake.client, p, len);
}

static void say_part(size_t from, size_t to)
{
	if (from < to)
		say((const char *)talk.said.p + from, to - from);
}

static void say_byte_by_byte(size_t from, size_t to)
{
	for (; from < to; from++)
		say_part(from, from + 1);
}

static void hear(const void *want, size_t len)
{
	char got[256];
	ssize_t n = fd_recv(fake.client, got, sizeof(got));
	ck_assert_int_eq(n, (ssize_t)len);
	ck_assert_mem_eq(got, want, len);
}

static void target_hears_early(void)
{
	char got[64];
	ck_assert_int_eq(fd_recv(fake.target, got, sizeof(got)), 5);
	ck_assert_str_eq(got, "early");
}

/* The conversation was said: what became of it, as far as an answer from the target. */
static void finish_talk(void)
{
	ck_assert_uint_eq(fake.dials, 1);
	ck_assert_str_eq(fake.host, "a.bc");
	ck_assert_uint_eq(fake.addr.port, 443);
	ck_assert_uint_eq(fake.addr.family, 0);
	ck_assert_str_eq(fake.selector, "home");
	if (talk.before.len)
		hear(talk.before.p, talk.before.len);
	ck_assert(fd_silent(fake.client));
	fake_answer(0, "home", NULL);
	hear(talk.success.p, talk.success.len);
	target_hears_early();
	fd_send(fake.target, "answer", 6);
	hear("answer", 6);
}

static void whole_talk(void)
{
	connect_client();
	say_part(0, talk.said.len);
	finish_talk();
}

/* ---- however it comes ---- */

START_TEST(split_anywhere)
{
	connect_client();
	say_part(0, (size_t)_i);
	say_part((size_t)_i, talk.said.len);
	finish_talk();
}
END_TEST

START_TEST(byte_by_byte)
{
	connect_client();
	say_byte_by_byte(0, talk.said.len);
	finish_talk();
}
END_TEST

START_TEST(early_bytes_during_the_dial)
{
	connect_client();
	say_part(0, talk.said.len - 5);
	say_byte_by_byte(talk.said.len - 5, talk.said.len);
	ck_assert_uint_eq(fake.cancels, 0);
	fake_answer(0, NULL, NULL);
	target_hears_early();
}
END_TEST

/* ---- time, leaving, limits ---- */

START_TEST(request_takes_five_seconds_at_most)
{
	connect_client();
	for (size_t i = 0; i < 9; i++) {
		say_part(i, i + 1);
		loop_advance(bed.loop, RTUN_S / 2);
	}
	ck_assert_uint_eq(front->conn_count, 1);
	loop_advance(bed.loop, RTUN_S / 2);
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(front->results[RTUN_ETIMEOUT], 1);
}
END_TEST

START_TEST(dial_may_take_longer)
{
	connect_client();
	say_part(0, talk.said.len);
	loop_advance(bed.loop, 60 * RTUN_S);
	finish_talk();
}
END_TEST

START_TEST(client_leaves)
{
	connect_client();
	say_part(0, (size_t)_i);
	close(fake.client);
	fake.client = -1;
	bed_turns(4);
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(front->results[FRONTEND_RESULT_ABANDONED], 1);
	ck_assert_uint_eq(fake.cancels, fake.dials);
	ck_assert_uint_eq(bed.events, fake.dials);
	if (fake.dials)
		refusal_says("abandoned", "null", "\"a.bc:443\"", "\"home\"");
}
END_TEST

START_TEST(client_says_all_it_has_and_waits)
{
	char got[64];
	connect_client();
	say_part(0, talk.said.len);
	shutdown(fake.client, SHUT_WR);
	bed_turns(4);
	ck_assert_uint_eq(fake.cancels, 0);
	finish_talk();
	ck_assert_int_eq(fd_recv(fake.target, got, sizeof(got)), 0);
	fd_send(fake.target, "more", 4);
	hear("more", 4);
}
END_TEST

START_TEST(limit_of_connections)
{
	int fds[4];
	for (int i = 0; i < 4; i++)
		fds[i] = open_client();
	connect_client();
	say_part(0, talk.said.len);
	talk.hear_overload("too many clients are connected (max-connections)");
	ck_assert_uint_eq(front->conn_count, 4);
	ck_assert_uint_eq(front->results[RTUN_EOVERLOAD], 1);
	ck_assert_uint_eq(fake.dials, 0);
	refusal_says("overload", "\"too many clients are connected (max-connections)\"", "\"a.bc:443\"", "\"home\"");
	close(fds[0]);
	whole_talk();
	for (int i = 1; i < 4; i++)
		close(fds[i]);
}
END_TEST

START_TEST(dial_can_not_begin)
{
	fake.refuse = -RTUN_ENOMEM;
	connect_client();
	say_part(0, talk.said.len);
	talk.hear_overload("out of memory");
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(front->results[RTUN_EOVERLOAD], 1);
	refusal_says("overload", "\"out of memory\"", "\"a.bc:443\"", "\"home\"");
}
END_TEST

START_TEST(flood_is_closed_at_once)
{
	int fds[4 + REFUSED_MAX + 1];
	for (size_t i = 0; i < 4 + REFUSED_MAX + 1; i++)
		fds[i] = open_client();
	ck_assert_uint_eq(front->conn_count, 4 + REFUSED_MAX);
	ck_assert(fd_ended(fds[4 + REFUSED_MAX]));
	ck_assert(fd_silent(fds[0]));
	for (size_t i = 0; i < 4 + REFUSED_MAX + 1; i++)
		close(fds[i]);
}
END_TEST

/* ---- relay ---- */

START_TEST(events_tell_the_end)
{
	whole_talk();
	ck_assert_uint_eq(bed.events, 1);
	event_says("open", "\"exit\":\"home\",\"frontend\":\"bed\",\"target\":\"a.bc:443\",\"protocol\":\"tcp\",\"user\":\"home\",\"duration_ms\":0");
	loop_advance(bed.loop, RTUN_S + 234 * RTUN_MS);
	close(fake.target);
	fake.target = -1;
	bed_turns(4);
	ck_assert(fd_ended(fake.client));
	shutdown(fake.client, SHUT_WR);
	bed_turns(4);
	ck_assert_uint_eq(bed.events, 2);
	event_says("close", "\"exit\":\"home\",\"frontend\":\"bed\",\"result\":\"ok\",\"bytes_in\":6,\"bytes_out\":5,"
		   "\"target\":\"a.bc:443\",\"protocol\":\"tcp\",\"user\":\"home\",\"duration_ms\":1234");
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(front->results[0], 1);
}
END_TEST

START_TEST(half_close_has_a_limit)
{
	whole_talk();
	shutdown(fake.client, SHUT_WR);
	bed_turns(4);
	loop_advance(bed.loop, 3599 * RTUN_S);
	ck_assert_uint_eq(front->conn_count, 1);
	loop_advance(bed.loop, 2 * RTUN_S);
	ck_assert_uint_eq(front->conn_count, 0);
}
END_TEST

START_TEST(stop_ends_everything)
{
	int silent = open_client(), dialling;
	whole_talk();
	dialling = open_client();
	fd_send(dialling, talk.said.p, talk.said.len);
	ck_assert_uint_eq(fake.dials, 2);
	rtun_module.stop(&hc.ctx);
	ck_assert_uint_eq(fake.cancels, 1);
	bed_turns(4);
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(told.opens, 1);
	ck_assert_uint_eq(told.closes, 1);
	ck_assert_uint_eq(told.refusals, 1);
	ck_assert(fd_ended(fake.client) && fd_ended(fake.target) && fd_ended(silent));
	close(silent);
	close(dialling);
}
END_TEST

/* ---- optimistic ---- */

static void be_optimistic(void)
{
	options.optimistic = true;
	ck_assert_int_eq(rtun_module.reload(&hc.ctx, &options), 0);
}

static void optimistic_talk(void)
{
	be_optimistic();
	connect_client();
	say_part(0, talk.said.len);
	if (talk.before.len)
		hear(talk.before.p, talk.before.len);
	ck_assert(fd_silent(fake.client));
}

/* Success is said with the stream, and what the client has sent goes on its way; the target's answer makes it count. */
START_TEST(success_is_said_early)
{
	optimistic_talk();
	ck_assert_uint_eq(fake.earlies, 1);
	fake_tell(false, 0, "home", NULL);
	hear(talk.success.p, talk.success.len);
	target_hears_early();
	ck_assert_uint_eq(bed.events, 0);
	ck_assert_uint_eq(front->results[0], 0);
	fake_answer(0, "home", &(struct rtun_addr){.family = 4, .ip = {192, 0, 2, 1}, .port = 80});
	ck_assert_uint_eq(bed.events, 1);
	ck_assert_str_eq(bed.event_type->name, "stream.open");
	ck_assert_uint_eq(front->results[0], 1);
	fd_send(fake.target, "answer", 6);
	hear("answer", 6);
	close(fake.target);
	fake.target = -1;
	ck_assert(fd_ended(fake.client));
	shutdown(fake.client, SHUT_WR);
	bed_turns(4);
	ck_assert_uint_eq(bed.events, 2);
	ck_assert_str_eq(bed.event_type->name, "stream.close");
	ck_assert_uint_eq(front->conn_count + front->results[FRONTEND_RESULT_ABANDONED], 0);
}
END_TEST

/* What the dialer knows at once is said as ever. */
START_TEST(known_failure_is_said)
{
	be_optimistic();
	connect_client();
	say_part(0, talk.said.len);
	ck_assert_uint_eq(fake.earlies, 1);
	fake_answer(RTUN_EOVERLOAD, NULL, NULL);
	talk.hear_overload("as the test \\\"says\\\"");
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(front->results[RTUN_EOVERLOAD], 1);
	refusal_says("overload", "\"as the test \\\"says\\\"\"", "\"a.bc:443\"", "\"home\"");
}
END_TEST

/* Later, the connection breaks, and counts as what it was. */
START_TEST(failure_comes_late)
{
	static const struct {
		uint32_t err, counts;
	} late[] = {{RTUN_EREFUSED, RTUN_EREFUSED}, {RTUN_EDNS, RTUN_EDNS}, {RTUN_ESELECTOR, RTUN_ESELECTOR}, {13, RTUN_EINTERNAL}};
	uint32_t counted = 0;
	optimistic_talk();
	fake_tell(false, 0, NULL, NULL);
	hear(talk.success.p, talk.success.len);
	fake_answer(late[_i].err, NULL, NULL);
	ck_assert_uint_eq(front->results[late[_i].counts], 1);
	close(fake.target); /* unread bytes make it a reset: the dialer's stream fails, too */
	fake.target = -1;
	bed_turns(4);
	ck_assert(fd_ended(fake.client));
	for (int i = 0; i < FRONTEND_RESULTS; i++)
		counted += (uint32_t)front->results[i];
	ck_assert_uint_eq(counted, 1);
	ck_assert_uint_eq(front->conn_count, 0);
	refusal_says(rtun_error_word(late[_i].counts), "\"as the test \\\"says\\\"\"", "\"a.bc:443\"", "\"home\"");
}
END_TEST

/* Between success and answer the client goes, or the instance stops: the dialer is told, and nothing else happens. */
START_TEST(ends_before_the_answer)
{
	optimistic_talk();
	fake_tell(false, 0, NULL, NULL);
	hear(talk.success.p, talk.success.len);
	fd_send(fake.target, "unread", 6);
	if (_i) {
		rtun_module.stop(&hc.ctx);
	} else {
		close(fake.client);
		fake.client = -1;
	}
	bed_turns(4);
	ck_assert_uint_eq(fake.cancels, 1);
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(front->results[FRONTEND_RESULT_ABANDONED], !_i);
	refusal_says(_i ? "reset" : "abandoned", "null", "\"a.bc:443\"", "\"home\"");
}
END_TEST

/* A client that has left when the stream comes. */
START_TEST(left_before_the_stream)
{
	optimistic_talk();
	rtun_abort(front->conns->s, RTUN_ERESET);
	fake_tell(false, 0, NULL, NULL);
	ck_assert_uint_eq(fake.cancels, 1);
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert_uint_eq(front->results[FRONTEND_RESULT_ABANDONED], 1);
	refusal_says("abandoned", "null", "\"a.bc:443\"", "\"home\"");
}
END_TEST

/* A dialer that can't, and one that can't this time: it is as ever. */
START_TEST(dialer_without_early)
{
	static const struct rtun_dialer_ops older = {.size = offsetof(struct rtun_dialer_ops, dial_early), .dial = fake_dial};
	if (_i)
		fake.refuse_early = -RTUN_ENOTSUP;
	else
		front->o.to.ops = &older;
	be_optimistic();
	whole_talk();
	ck_assert_uint_eq(fake.earlies, 0);
	ck_assert_uint_eq(front->results[0], 1);
}
END_TEST

/* A test case with all of the above; the protocol's own are to be added. */
static inline TCase *frontend_case(void)
{
	TCase *t = tcase_create("frontend");
	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, split_anywhere, 0, (int)talk.said.len);
	tcase_add_test(t, byte_by_byte);
	tcase_add_test(t, early_bytes_during_the_dial);
	tcase_add_test(t, request_takes_five_seconds_at_most);
	tcase_add_test(t, dial_may_take_longer);
	tcase_add_loop_test(t, client_leaves, 1, (int)talk.said.len - 5 + 1);
	tcase_add_test(t, client_says_all_it_has_and_waits);
	tcase_add_test(t, limit_of_connections);
	tcase_add_test(t, dial_can_not_begin);
	tcase_add_test(t, flood_is_closed_at_once);
	tcase_add_test(t, events_tell_the_end);
	tcase_add_test(t, half_close_has_a_limit);
	tcase_add_test(t, stop_ends_everything);
	tcase_add_test(t, success_is_said_early);
	tcase_add_test(t, known_failure_is_said);
	tcase_add_loop_test(t, failure_comes_late, 0, 4);
	tcase_add_loop_test(t, ends_before_the_answer, 0, 2);
	tcase_add_test(t, left_before_the_stream);
	tcase_add_loop_test(t, dialer_without_early, 0, 2);
	return t;
}

#endif
