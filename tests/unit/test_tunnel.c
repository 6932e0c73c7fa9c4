/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_tunnel.c - a hub and its nodes: pairing, tunnels, streams; and whoever is not let in, who gets silence.
 */
#include "tunnel_bed.h"

#include "../../modules/transport_noise/link.h"
#include "../../modules/transport_noise/tlv.h"

/* From a URL to bytes that come out of the exit, both ways, over lines of any quality. */
START_TEST(all_the_way)
{
	static const uint32_t splits[] = {0, 1, 5, 300};
	struct app client = {.size = 20000};
	split = splits[_i & 3];
	pauses = _i & 4 ? 3 : 0;
	if (pauses && split == 1)
		client.size = 500;
	pair_node(1);
	ck_assert_ptr_nonnull(tunnel_of(1));
	targets[0] = (struct app){.size = client.size / 2};
	dial("home");
	ck_assert_uint_eq(dialled.err, 0);
	ck_assert_str_eq(dialled.exit, "home");
	uint64_t size = client.size;
	ck_assert_int_eq(app_join(&client, &dialled.s), 0);
	pass(60 * RTUN_S);
	ck_assert_uint_eq(targets[0].got, size);
	ck_assert_uint_eq(client.got, size / 2);
	ck_assert(client.destroyed && targets[0].destroyed && !client.aborted && !targets[0].aborted);
	/* nobody else takes what is meant for one exit */
	dial("work");
	ck_assert_uint_eq(dialled.err, RTUN_ESELECTOR);
	dial("exit");
	ck_assert_uint_eq(dialled.err, RTUN_ESELECTOR);
	dial("tag-x");
	ck_assert_uint_eq(dialled.err, RTUN_ESELECTOR);
	place_stop(1);
	pass(RTUN_S);
	ck_assert_ptr_null(tunnel_of(1));
	dial("home");
	ck_assert_uint_eq(dialled.err, RTUN_ENOEXIT);
	dial("any");
	ck_assert_uint_eq(dialled.err, RTUN_ENOEXIT);
}
END_TEST

static uint64_t results(uint32_t err)
{
	const struct peer *p = device_by_key(hub->hub->devices, places[1].public)->tunnel;
	return p->counts.results[err];
}

static void dial_early(const char *selector)
{
	dial_with(selector, hub_dialer_ops.dial_early);
	bed_turns(1);
	ck_assert_int_eq(dialled.calls, 1); /* at once */
}

/* The stream at once, the request behind the CONNECT, the answer later; it counts as what it was. */
START_TEST(early)
{
	uint8_t b[16];
	pair_node(1);
	targets[0] = (struct app){.size = 6};
	dial_err = _i ? RTUN_EDNS : 0;
	dial_early("home");
	ck_assert_uint_eq(dialled.err, 0);
	ck_assert_str_eq(dialled.exit, "home");
	ck_assert_ptr_nonnull(dialled.s);
	pattern_fill(b, 0, 5);
	ck_assert_int_eq(rtun_put(dialled.s, b, 5), 0);
	ck_assert_uint_eq(results(0) + results(RTUN_EDNS), 0);
	pass(5 * RTUN_S);
	ck_assert_int_eq(dialled.calls, 2);
	ck_assert_uint_eq(dialled.err, dial_err);
	ck_assert_str_eq(dialled.exit, "home");
	ck_assert_uint_eq(results(dial_err), 1);
	ck_assert_uint_eq(results(dial_err ? 0 : RTUN_EDNS), 0);
	ck_assert_uint_eq(targets[0].got, _i ? 0 : 5);
	ck_assert_int_eq(rtun_read(dialled.s, b, sizeof(b)), _i ? -RTUN_EDNS : 6);
	rtun_close(&dialled.s);
	pass(RTUN_S);
	ck_assert_int_eq(dialled.calls, 2);
	ck_assert(_i || targets[0].destroyed);
}
END_TEST

/* Datagrams: a node whose dialer has them says so, and is asked; another one never is. */
START_TEST(datagrams)
{
	associations = 0;
	dial_ops.associate = _i ? NULL : test_associate;
	pair_node(1);
	targets[0] = (struct app){.size = 6};
	dial_with("home", hub_dialer_ops.associate);
	pass(5 * RTUN_S);
	ck_assert_int_eq(dialled.calls, 1);
	ck_assert_uint_eq(dialled.err, _i ? RTUN_ENOTSUP : 0);
	ck_assert_uint_eq(associations, !_i);
	ck_assert_int_eq(dialled.s != NULL, !_i);
	rtun_close(&dialled.s);
	dial("home"); /* connections are as ever */
	ck_assert_uint_eq(dialled.err, 0);
	rtun_close(&dialled.s);
	dial_with("nobody", hub_dialer_ops.associate);
	pass(RTUN_S);
	ck_assert_uint_eq(dialled.err, RTUN_ESELECTOR);
	dial_ops.associate = test_associate;
}
END_TEST

/* What is known at once is no stream. */
START_TEST(early_and_known)
{
	pair_node(1);
	dial_early("nobody");
	ck_assert_uint_eq(dialled.err, RTUN_ESELECTOR);
	place_stop(1);
	pass(RTUN_S);
	dial_early("home");
	ck_assert_uint_eq(dialled.err, RTUN_ENOEXIT);
	ck_assert_ptr_null(dialled.s);
	pass(MINUTE);
	ck_assert_int_eq(dialled.calls, 1);
	ck_assert_uint_eq(results(RTUN_ENOEXIT) + results(RTUN_ESELECTOR), 0);
}
END_TEST

/* No answer: 30 s, then the stream is over. Or the exit goes; or the caller does, at once or after the stream, or the hub. */
START_TEST(early_without_an_answer)
{
	static const uint32_t want[] = {RTUN_ETIMEOUT, RTUN_ENOEXIT, 0, 0, RTUN_ENOEXIT, RTUN_ERESET};
	uint8_t b[8];
	pair_node(1);
	dial_err = DIAL_NEVER;
	if (_i == 2) {
		dial_with("home", hub_dialer_ops.dial_early);
		rtun_op_cancel(&dialled.op); /* before the stream came */
	} else {
		dial_early("home");
		ck_assert_int_eq(rtun_put(dialled.s, "early", 5), 0);
	}
	pass(29 * RTUN_S);
	ck_assert_int_eq(dialled.calls, _i != 2);
	ck_assert(_i == 2 || dial_op);
	if (_i == 1)
		place_stop(1);
	else if (_i == 3)
		rtun_op_cancel(&dialled.op);
	else if (_i == 4)
		place_stop(0);
	else if (_i == 5)
		rtun_close(&dialled.s);
	pass(2 * RTUN_S);
	ck_assert_ptr_null(dial_op); /* the exit has given up, too */
	ck_assert_int_eq(dialled.calls, want[_i] ? 2 : _i == 3);
	ck_assert_uint_eq(dialled.err, want[_i]);
	if (dialled.s)
		ck_assert_int_eq(rtun_read(dialled.s, b, sizeof(b)), _i == 3 ? -RTUN_ETIMEOUT : -(int64_t)want[_i]);
	rtun_close(&dialled.s);
}
END_TEST

/* The node comes back: after a broken line, after the hub's restart; and forgets nothing. */
START_TEST(comes_back)
{
	pair_node(1);
	for (int k = 0; k < 3; k++) {
		pipe_break(&lines->hub, RTUN_ERESET);
		pipe_break(&lines->node, RTUN_ERESET);
		pass(5 * RTUN_S);
		ck_assert_ptr_nonnull(tunnel_of(1));
	}
	place_stop(0);
	pass(3 * MINUTE);
	place_start(0);
	pass(90 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
	place_stop(1);
	place_start(1);
	pass(5 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
	pair_node(1); /* again, with another token */
	ck_assert_uint_eq(hub->hub->devices->count, 1);
	pass(5 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
}
END_TEST

static bool node_online(int i)
{
	const struct transport *t = places[i].hc.ctx.self;
	struct link_state s;
	link_state(t->node->hubs->items[0]->tunnel, &s);
	return s.online;
}

static uint64_t until_new_line(int before)
{
	uint64_t from = rtun_now(&hc.ctx);
	while (line_count == before && rtun_now(&hc.ctx) - from < MINUTE)
		loop_advance(bed.loop, 10 * RTUN_MS);
	return rtun_now(&hc.ctx) - from;
}

/* When the node's network changes, a connection that lives goes on, one that does not is found out in a second, and who
 * waits for better times is woken. */
START_TEST(another_network)
{
	int before;
	pair_node(1);
	pass(20 * RTUN_S);
	before = line_count;
	for (int i = 0; i < 5; i++) {
		network_changes(1);
		pass(3 * RTUN_S);
	}
	ck_assert_int_eq(line_count, before);
	for (struct line *l = lines; l; l = l->next)
		l->node.stalled = l->hub.stalled = true;
	network_changes(1);
	network_changes(1);
	ck_assert_uint_lt(until_new_line(before), 1800 * RTUN_MS);
	pass(RTUN_S);
	ck_assert(node_online(1));
	/* without its address it need not even be asked */
	before = line_count;
	door.moved = true;
	network_changes(1);
	door.moved = false;
	pass(300 * RTUN_MS);
	ck_assert_int_gt(line_count, before);
	ck_assert(node_online(1));
	unreachable = true;
	for (struct line *l = lines; l; l = l->next) {
		pipe_break(&l->node, RTUN_ERESET);
		pipe_break(&l->hub, RTUN_ERESET);
	}
	pass(20 * MINUTE);
	ck_assert(!node_online(1));
	unreachable = false;
	network_changes(1);
	pass(500 * RTUN_MS);
	ck_assert(node_online(1));
	place_stop(1);
}
END_TEST

static uint32_t connections(void)
{
	uint32_t n = 0;
	for (const struct conn *c = tunnel_of(1) ? tunnel_of(1)->conns : NULL; c; c = c->next)
		n++;
	return n;
}

/* One connection of a tunnel that lives is lost, and can't come back for a while: then it does soon; nor is the tunnel's next life
 * slower for it. */
START_TEST(one_of_its_connections)
{
	pair_node(1);
	pass(20 * RTUN_S);
	ck_assert_uint_eq(connections(), 4);
	unreachable = true;
	pipe_break(&lines->hub, RTUN_ERESET);
	pipe_break(&lines->node, RTUN_ERESET);
	/* by far more tries than a session has indexes; under valgrind, thirty times slower, some */
	pass(getenv("RESTUNNEL_VALGRIND") ? 5 * MINUTE : 60 * MINUTE);
	ck_assert_uint_eq(connections(), 3);
	unreachable = false;
	if (_i == 0) {
		pass(17 * RTUN_S); /* an attempt that is under way, and a pause of at most 12 s */
	} else if (_i == 1) {
		network_changes(1);
		pass(500 * RTUN_MS);
	} else {
		for (struct line *l = lines; l; l = l->next) {
			pipe_break(&l->node, RTUN_ERESET);
			pipe_break(&l->hub, RTUN_ERESET);
		}
		pass(2 * RTUN_S);
	}
	ck_assert_uint_eq(connections(), 4);
}
END_TEST

/* The least and the most that chance makes of the pause after so many tries, within a tenth. */
static void pauses_are(const struct link *l, uint32_t tries, uint64_t least, uint64_t most)
{
	uint64_t low = UINT64_MAX, high = 0;
	for (int i = 0; i < 2000; i++) {
		uint64_t ns = link_pause(l, tries);
		low = ns < low ? ns : low;
		high = ns > high ? ns : high;
	}
	ck_assert_uint_ge(low, least * RTUN_MS);
	ck_assert_uint_le(high, most * RTUN_MS);
	ck_assert_uint_le(low - least * RTUN_MS, most * RTUN_MS / 10);
	ck_assert_uint_le(most * RTUN_MS - high, most * RTUN_MS / 10);
}

START_TEST(pauses_before_tries)
{
	struct link l = {.up = 0};
	pauses_are(&l, 0, 125, 375);
	pauses_are(&l, 3, 1000, 3000);
	pauses_are(&l, 1000, 15000, 45000);
	l.spread = 20000; /* many wait for the same hub */
	pauses_are(&l, 0, 125, 20000);
	pauses_are(&l, 1000, 15000, 45000);
	l.alone = true; /* perhaps they don't */
	pauses_are(&l, 0, 125, 375);
	pauses_are(&l, 1, 250, 20000);
	l.up = 1;
	pauses_are(&l, 1, 250, 750);
	pauses_are(&l, 1000, 4000, 12000);
}
END_TEST

/* The way is gone, silently, with something outstanding on one connection: all are found dead, and replaced, soon after the first. */
START_TEST(silently_gone)
{
	uint64_t from;
	int before;
	pair_node(1);
	pass(20 * RTUN_S);
	before = line_count;
	for (struct line *l = lines; l; l = l->next)
		l->node.stalled = l->hub.stalled = true;
	from = rtun_now(&hc.ctx);
	dial_with("home", hub_dialer_ops.dial);
	while (!dialled.calls && rtun_now(&hc.ctx) - from < MINUTE)
		loop_advance(bed.loop, 10 * RTUN_MS);
	ck_assert_uint_eq(dialled.err, RTUN_ENOEXIT);
	/* after 8 s it was asked once more, over another connection, which had a second to show that it lives; and so had the others */
	ck_assert_uint_le(rtun_now(&hc.ctx) - from, 9500 * RTUN_MS);
	pass(2 * RTUN_S); /* the hub's resets reach the node */
	ck_assert_int_eq(line_count, before + 4);
	ck_assert_uint_eq(connections(), 4);
}
END_TEST

/* Name servers that are gone with the network that they were of keep nobody waiting who knows where the hub was. */
START_TEST(names_that_hang)
{
	pair_node(1);
	pass(20 * RTUN_S);
	int before = line_count;
	names_hang = true;
	door.moved = true;
	network_changes(1);
	door.moved = false;
	ck_assert_uint_lt(until_new_line(before), 1500 * RTUN_MS);
	pass(RTUN_S);
	ck_assert(node_online(1));
	/* but they are waited for, too: the hub may be elsewhere now */
	unreachable = true;
	for (struct line *l = lines; l; l = l->next) {
		pipe_break(&l->node, RTUN_ERESET);
		pipe_break(&l->hub, RTUN_ERESET);
	}
	pass(5 * MINUTE);
	before = line_count;
	unreachable = false;
	pass(2 * MINUTE);
	ck_assert_int_eq(line_count, before);
	names_answer();
	pass(5 * RTUN_S);
	ck_assert(node_online(1));
}
END_TEST

/* Gone at once, with all its streams, and it does not come back. */
START_TEST(revoked)
{
	char error[DEVICE_ERROR];
	uint8_t b[8];
	pair_node(1);
	targets[0] = (struct app){.never_ends = true};
	dial(NULL);
	ck_assert_uint_eq(dialled.err, 0);
	int before = line_count;
	ck_assert_int_eq(device_revoke(hub->hub->devices, device_by_key(hub->hub->devices, places[1].public), error), 0);
	ck_assert_int_eq(rtun_read(dialled.s, b, 8), -RTUN_ERESET);
	loop_advance(bed.loop, 20 * RTUN_MS);
	ck_assert(targets[0].destroyed && targets[0].aborted);
	pass(3 * MINUTE);
	ck_assert_uint_eq(hub->hub->devices->count, 0);
	ck_assert_int_gt(door.carried[CARRY_UDP], 9); /* it has tried, and no connection came of it */
	ck_assert_int_eq(line_count, before);
	rtun_close(&dialled.s);
}
END_TEST

/* ---- enrolment ---- */

START_TEST(token_rules)
{
	uint8_t token[32];
	char url[URL_MAX];
	place_start(1);
	place_start(2);
	make_token(token, url);
	enroll(1, url);
	ck_assert_int_eq(reply.ok, 1);
	const char *before = on_disk();
	enroll(2, url); /* another device */
	ck_assert_int_eq(reply.failed, 1);
	ck_assert_str_eq(on_disk(), before);
	enroll(1, url); /* the same one, whose answer may have been lost */
	ck_assert_int_eq(reply.ok, 1);
	ck_assert_uint_eq(hub->hub->devices->count, 1);
	pass(15 * MINUTE);
	enroll(1, url);
	ck_assert_int_eq(reply.failed, 1);
	make_token(token, url);
	pass(15 * MINUTE - 2 * RTUN_S);
	enroll(2, url);
	ck_assert_int_eq(reply.ok, 1);
	make_token(token, url);
	pass(15 * MINUTE);
	enroll(2, url);
	ck_assert_int_eq(reply.failed, 1);
	make_token(token, url);
	place_stop(0); /* forgotten with a restart */
	place_start(0);
	enroll(2, url);
	ck_assert_int_eq(reply.failed, 1);
}
END_TEST

static void withdraw(const char *which)
{
	static struct rtun_object object = {.host = &bed.host};
	union {
		struct rtun_object *object;
		struct rtun_reply *reply;
	} u = {&object};
	const struct args_withdraw args = {.pairing = which};
	memset(&reply, 0, sizeof(reply));
	command_withdraw(&places[0].hc.ctx, &args, u.reply);
}

/* A link that is withdrawn lets nobody in: not who has it, nor who is half-way in. One that was used stays with its device. */
START_TEST(token_withdrawn)
{
	struct enrolment *const *under_way = &hub->hub->enrolments;
	struct args_enroll args;
	uint8_t token[32];
	char url[URL_MAX];
	static struct rtun_object object = {.host = &bed.host};
	union {
		struct rtun_object *object;
		struct rtun_reply *reply;
	} u = {&object};
	place_start(1);
	make_token(token, url);
	withdraw("home"); /* it is for nobody */
	ck_assert_str_eq(reply.code, "unknown-pairing");
	withdraw(""); /* a variable that is not set: that is no name of those without one */
	ck_assert_str_eq(reply.code, "unknown-pairing");
	withdraw("all");
	ck_assert_int_eq(reply.ok, 1);
	enroll(1, url);
	ck_assert_int_eq(reply.failed, 1);
	/* message 2 has gone out, ENROLL has not come */
	make_token(token, url);
	memset(&reply, 0, sizeof(reply));
	args = (struct args_enroll){.url = url};
	command_enroll(&places[1].hc.ctx, &args, u.reply);
	for (int i = 0; i < 3000 && !*under_way; i++)
		loop_advance(bed.loop, RTUN_MS);
	ck_assert_ptr_nonnull(*under_way);
	withdraw("all");
	ck_assert_ptr_null(*under_way);
	memset(&reply, 0, sizeof(reply));
	pass(60 * RTUN_S);
	ck_assert_int_eq(reply.failed, 1);
	ck_assert_uint_eq(hub->hub->devices->count, 0);
	/* used: by its device again, and by no other */
	make_token(token, url);
	enroll(1, url);
	ck_assert_int_eq(reply.ok, 1);
	withdraw("all");
	ck_assert_int_eq(reply.ok, 1);
	enroll(1, url);
	ck_assert_int_eq(reply.ok, 1);
	ck_assert_uint_eq(hub->hub->devices->count, 1);
}
END_TEST

/* What can't be written is not told to have been: the n-th write fails. */
START_TEST(disk_before_answer)
{
	uint8_t token[32];
	char url[URL_MAX];
	place_start(1);
	make_token(token, url);
	writes_left = _i;
	enroll(1, url);
	bool told = reply.ok;
	/* the hub, from what is on its disk */
	place_stop(0);
	writes_left = 1000000;
	place_start(0);
	ck_assert_msg(!told || hub->hub->devices->count == 1, "told, and not on disk");
	if (told) {
		pass(90 * RTUN_S);
		ck_assert_ptr_nonnull(tunnel_of(1));
	}
	ck_assert(told || _i < 4);
}
END_TEST

START_TEST(token_survives_full_disk)
{
	uint8_t token[32];
	char url[URL_MAX];
	place_start(1);
	make_token(token, url);
	writes_left = 0;
	enroll(1, url);
	ck_assert_int_eq(reply.failed, 1);
	ck_assert_uint_eq(hub->hub->devices->count, 0);
	writes_left = 1000000;
	enroll(1, url);
	ck_assert_int_eq(reply.ok, 1);
}
END_TEST

START_TEST(silence)
{
	struct noise_handshake h;
	uint8_t message[WIRE_MESSAGE_1];
	struct caller c = caller_of(1, 1, 0, 100);
	unhide();
	add_device(1, "home");
	/* another prologue, another hub's key, an unknown device, an older pattern, no session, an index beyond its count */
	c.prologue = "restunnel/2";
	ck_assert_int_eq(call(&c), 0);
	c = caller_of(1, 1, 0, 100);
	c.hub_key = places[2].public;
	ck_assert_int_eq(call(&c), 0);
	c = caller_of(2, 1, 0, 100);
	ck_assert_int_eq(call(&c), 0);
	c = caller_of(1, 1, 0, 100);
	c.pattern = NOISE_IK;
	ck_assert_int_eq(call(&c), 0);
	c.pattern = NOISE_IKPSK1;
	ck_assert_int_eq(call(&c), 0);
	c = caller_of(1, 0, 0, 100);
	ck_assert_int_eq(call(&c), 0);
	c = caller_of(1, 1, 16, 100);
	ck_assert_int_eq(call(&c), 0);
	ck_assert_ptr_null(tunnel_of(1));
	/* every bit of a good one (spread over time: only so many a second are looked at) */
	c = caller_of(1, 1, 0, 100);
	first_message(&c, &h, message);
	noise_handshake_fini(&h);
	/* valgrind is thirty times slower, and looks for other things */
	const int step = getenv("RESTUNNEL_VALGRIND") ? 97 : 1;
	for (int bit = 0; bit < 8 * WIRE_MESSAGE_1; bit += bit < 300 ? step : 12 + step) {
		if (bit == 255) /* X25519 ignores it, but the hash does not */
			continue;
		message[bit / 8] ^= (uint8_t)(1U << bit % 8);
		ck_assert_msg(call_with(message, NULL) == 0, "bit %d", bit);
		message[bit / 8] ^= (uint8_t)(1U << bit % 8);
		loop_advance(bed.loop, 50 * RTUN_MS);
	}
	/* and it is good; once. It counts when its sender has proved that it is no recording */
	struct line *l;
	first_message(&c, &h, message);
	ck_assert_int_eq(call_with(message, &l), 1);
	ck_assert_ptr_null(tunnel_of(1));
	prove(&h, l);
	noise_handshake_fini(&h);
	ck_assert_ptr_nonnull(tunnel_of(1));
	ck_assert_int_eq(call_with(message, NULL), 0);
	pass(2 * MINUTE); /* nobody pings: it ends */
	ck_assert_ptr_null(tunnel_of(1));
	ck_assert_int_eq(call_with(message, NULL), 0);
	place_stop(0);
	place_start(0); /* the counter is on disk */
	ck_assert_int_eq(call_with(message, NULL), 0);
	c.hello.counter = 101;
	ck_assert_int_eq(call(&c), 1);
	c = caller_of(1, 9, 0, 101);
	ck_assert_int_eq(call(&c), 0);
}
END_TEST

/* One tunnel for a device: of one session any connection with an index of its own, the next session replaces it. */
START_TEST(sessions)
{
	struct caller c = caller_of(1, 1, 0, 100);
	struct line *first = NULL;
	unhide();
	add_device(1, "home");
	ck_assert_int_eq(call_on(&c, &first), 1);
	c = caller_of(1, 1, 2, 99); /* overtaken */
	ck_assert_int_eq(call(&c), 1);
	ck_assert_ptr_nonnull(tunnel_of(1)->conns->next);
	ck_assert_int_eq(call(&c), 0);
	c = caller_of(1, 1, 0, 200);
	ck_assert_int_eq(call(&c), 0);
	c = caller_of(1, 1, 1, 201);
	ck_assert_int_eq(call(&c), 1);
	ck_assert(!first->node.eof);
	c = caller_of(1, 2, 0, 150); /* an old session */
	ck_assert_int_eq(call(&c), 0);
	ck_assert(!first->node.eof);
	c = caller_of(1, 2, 0, 202);
	ck_assert_int_eq(call(&c), 1);
	ck_assert(first->node.eof);
	ck_assert_ptr_null(tunnel_of(1)->conns->next);
	/* another device is another matter */
	add_device(2, "work");
	c = caller_of(2, 2, 1, 5);
	ck_assert_int_eq(call(&c), 1);
	ck_assert_ptr_nonnull(tunnel_of(1));
	ck_assert_ptr_nonnull(tunnel_of(2));
}
END_TEST

/* Revoked within its token's 15 minutes: the token that it has burned does not let it in again. */
START_TEST(revoked_with_its_token)
{
	uint8_t token[32];
	char url[URL_MAX], error[DEVICE_ERROR];
	make_token(token, url);
	place_start(1);
	enroll(1, url);
	ck_assert_int_eq(reply.ok, 1);
	pass(5 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
	ck_assert_int_eq(device_revoke(hub->hub->devices, device_by_key(hub->hub->devices, places[1].public), error), 0);
	enroll(1, url);
	ck_assert_int_eq(reply.ok, 0);
	pass(MINUTE);
	ck_assert_uint_eq(hub->hub->devices->count, 0);
}
END_TEST

/* A first message that enrols, recorded and sent again: whatever it sets off, nothing changes. */
START_TEST(enrolment_replayed)
{
	struct caller c = caller_of(1, 1, 0, 100);
	struct noise_handshake h;
	struct token_keys keys;
	uint8_t token[32], message[WIRE_MESSAGE_1];
	char url[URL_MAX], before[256];
	unhide();
	make_token(token, url);
	token_derive(token, &keys);
	c.pattern = NOISE_IKPSK1;
	c.psk = keys.psk;
	first_message(&c, &h, message);
	noise_handshake_fini(&h);
	snprintf(before, sizeof(before), "%s", on_disk());
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(call_with(message, NULL), i == 0); /* a recording gets silence */
		ck_assert_str_eq(on_disk(), before);
		pass(40 * RTUN_S);
		ck_assert_str_eq(on_disk(), before);
		ck_assert_uint_eq(hub->hub->devices->count, 0);
	}
	/* the token is not burned by it */
	place_start(1);
	enroll(1, url);
	ck_assert_int_eq(reply.ok, 1);
	pass(5 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
	place_stop(1);
	pass(RTUN_S);
	snprintf(before, sizeof(before), "%s", on_disk());
	ck_assert_int_eq(call_with(message, NULL), 0);
	pass(40 * RTUN_S);
	ck_assert_str_eq(on_disk(), before);
	/* with the PSK of the token and another key: never */
	c.key = 2;
	ck_assert_int_eq(call(&c), 0);
	ck_assert_str_eq(on_disk(), before);
	place_start(1);
	pass(5 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
}
END_TEST

/* A hub that stops while things are under way; a node too. */
START_TEST(stopped_anywhere)
{
	uint8_t token[32];
	char url[URL_MAX];
	static struct rtun_object object = {.host = &bed.host};
	union {
		struct rtun_object *object;
		struct rtun_reply *reply;
	} u = {&object};
	struct args_enroll args = {.url = url};
	split = 16;
	pauses = 2;
	place_start(1);
	make_token(token, url);
	command_enroll(&places[1].hc.ctx, &args, u.reply);
	for (int k = 0; k < _i * 4; k++)
		loop_advance(bed.loop, RTUN_MS);
	place_stop(_i & 1);
	pass(20 * RTUN_S);
	place_stop(!(_i & 1));
	ck_assert_int_eq(reply.ok + reply.failed, 1);
}
END_TEST

/* ---- what is refused as a target ---- */

static struct rtun_addr denied[64];
static uint32_t denied_count;

static int note_denied(void *obj, const void *owner, const struct rtun_addr *a, uint32_t n)
{
	(void)obj, (void)owner;
	ck_assert_uint_le(n, 64);
	memcpy(denied, a, n * sizeof(*a));
	denied_count = n;
	return 0;
}

static bool is_denied(uint8_t last)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < denied_count; i++)
		n += denied[i].ip[3] == last;
	ck_assert_uint_le(n, 1);
	return n;
}

/* The addresses of the hub, and this node's own as each of its connections is seen: another way out is another address. */
START_TEST(what_a_hub_must_not_reach)
{
	static const struct rtun_filter_ops ops = {.size = sizeof(ops), .deny = note_denied};
	struct transport t = {.cfg.filter = {.ops = &ops}};
	struct hub_entry entry = {0};
	struct node n = {.t = &t};
	struct link l = {.node = &n, .hub = &entry};
	const struct rtun_addr at[2] = {{.family = 4, .ip = {9, 9, 9, 1}}, {.family = 4, .ip = {9, 9, 9, 2}}};
	struct reach_result r = {.found = at, .found_count = 2};
	for (uint8_t i = 0; i < 20; i++) {
		r.hello.observed = (struct rtun_addr){.family = 4, .ip = {8, 8, 8, (uint8_t)(100 + i)}};
		link_bar(&l, &r);
		l.up = 1;
		r.found_count = 1; /* the others join at one address */
		ck_assert(is_denied(1) && is_denied(2) && is_denied(100) && is_denied((uint8_t)(100 + i)));
	}
	/* it has moved, and a connection that was lost came back there */
	r.found = &(const struct rtun_addr){.family = 4, .ip = {9, 9, 9, 3}};
	link_bar(&l, &r);
	ck_assert(is_denied(1) && is_denied(2) && is_denied(3));
	/* another session; looked for in vain */
	l.up = 0;
	r.err = RTUN_ETIMEOUT;
	link_bar(&l, &r);
	ck_assert(!is_denied(1) && !is_denied(2) && is_denied(3) && is_denied(119));
	/* nowhere: what was known stays */
	r.found_count = 0;
	link_bar(&l, &r);
	ck_assert(is_denied(3) && is_denied(119));
}
END_TEST

/* What a node says of itself: at once, then once a minute where there is news, along with a ping; not where it shall not. */
static void battery(int percent, const char *status)
{
	char command[400];
	snprintf(command, sizeof(command), "mkdir -p %s/sys/class/power_supply/BAT0 && cd %s/sys/class/power_supply/BAT0 && echo Battery >type && "
		 "echo %d >capacity && echo %s >status", places[1].dir, places[1].dir, percent, status);
	ck_assert_int_eq(system(command), 0);
}

static uint64_t sent_by_node(void)
{
	uint64_t n = 0;
	for (const struct line *l = lines; l; l = l->next)
		n += l->node.written;
	return n;
}

START_TEST(says_how_it_is)
{
	battery(64, "Discharging");
	pair_node(1);
	const struct tunnel *t = tunnel_of(1);
	const struct report *r = &t->report;
	ck_assert(t->reported && r->machine.battery == 64 && r->machine.power == POWER_BATTERY && r->machine.network == NETWORK_UNKNOWN);
	int64_t started = t->started_at;
	ck_assert_int_eq(started, (test_wall(&hc.ctx) - 15000) / 1000);
	battery(63, "Charging");
	pass(3 * MINUTE);
	ck_assert(r->machine.battery == 63 && r->machine.power == POWER_CHARGING);
	dial_err = RTUN_EDENIED;
	dial("home");
	dial_err = 0;
	targets[0] = (struct app){.size = 6};
	dial("home");
	rtun_close(&dialled.s);
	pass(3 * MINUTE);
	ck_assert(r->streams == 2 && r->denied == 1);
	ck_assert_int_eq(t->started_at, started);
	/* another session of the same program counts on */
	unreachable = true;
	for (struct line *l = lines; l; l = l->next)
		l->node.stalled = l->hub.stalled = true;
	pass(MINUTE);
	ck_assert_ptr_null(tunnel_of(1));
	unreachable = false;
	pass(MINUTE);
	t = tunnel_of(1);
	ck_assert(t && t->reported && t->report.streams == 2 && t->started_at == started);
}
END_TEST

/* All that a node sends in half an hour in which its battery changes all the time. */
static uint64_t half_an_hour(bool report)
{
	report_status = report;
	battery(99, "Discharging");
	pair_node(1);
	uint64_t before = sent_by_node();
	for (int i = 0; i < 360; i++) {
		battery(i % 90 + 10, "Discharging");
		pass(5 * RTUN_S);
	}
	ck_assert_int_eq(tunnel_of(1)->reported, report);
	return sent_by_node() - before;
}

/* In records that are sent anyway, and not more than one a minute. */
#define TOLD (WIRE_FRAME + 5U * TLV_HEAD + 4 + 8 + 8 + 1 + 1)
START_TEST(says_little)
{
	uint64_t with = half_an_hour(true), without;
	teardown();
	setup();
	without = half_an_hour(false);
	ck_assert_uint_eq((with - without) % TOLD, 0);
	ck_assert_uint_gt(with, without + 20 * TOLD);
	ck_assert_uint_le(with, without + 30 * TOLD);
}
END_TEST

/* A hub believes nothing that can't be. */
START_TEST(what_a_node_may_say)
{
	static const struct {
		const char *bytes;
		uint32_t len;
		bool any;
		uint32_t battery, power, network;
		uint64_t streams;
		uint32_t uptime;
	} rows[] = {
		{"\x0f\0\1\x40\x10\0\1\2\x11\0\1\3", 12, true, 64, POWER_BATTERY, NETWORK_MOBILE, COUNT_UNKNOWN, UPTIME_UNKNOWN},
		{"\x0f\0\1\x65\x10\0\1\4\x11\0\1\4", 12, true, BATTERY_UNKNOWN, POWER_UNKNOWN, NETWORK_UNKNOWN, COUNT_UNKNOWN,
		 UPTIME_UNKNOWN},
		{"\x0f\0\1\x64\x0f\0\1\x64", 8, false, 0, 0, 0, 0, 0}, /* twice */
		{"\x0f\0\2\0\x64", 5, false, 0, 0, 0, 0, 0},
		{"\x0f\0\1", 3, false, 0, 0, 0, 0, 0},
		{"\x07\0\1\1\x08\0\1\1", 8, false, 0, 0, 0, 0, 0}, /* about other things */
		{"whatever", 8, false, 0, 0, 0, 0, 0},
		{"", 0, false, 0, 0, 0, 0, 0},
		{"\x0d\0\x08\xff\xff\xff\xff\xff\xff\xff\xff\xfe\0\1x\x0b\0\4\0\0\1\0", 22, true, BATTERY_UNKNOWN, POWER_UNKNOWN, NETWORK_UNKNOWN,
		 UINT64_C(1) << 53, 256},
	};
	uint8_t all[REPORT_MAX];
	struct report r, full = {{64, POWER_CHARGING, NETWORK_WIFI}, 1, 2, 3, 4};
	struct peer p = {.hub = hub->hub};
	struct tunnel t = {.peer = &p};
	hub_report_take(&t, (const uint8_t *)"\x0b\0\4\xff\xff\xff\xfe", 7);
	ck_assert(t.reported && !t.started_at); /* before 1970 */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(report_read((const uint8_t *)rows[i].bytes, rows[i].len, &r), rows[i].any);
		if (!rows[i].any)
			continue;
		ck_assert_uint_eq(r.machine.battery, rows[i].battery);
		ck_assert_uint_eq(r.machine.power, rows[i].power);
		ck_assert_uint_eq(r.machine.network, rows[i].network);
		ck_assert_uint_eq(r.streams, rows[i].streams);
		ck_assert_uint_eq(r.uptime, rows[i].uptime);
	}
	ck_assert(report_read(all, report_write(&full, all), &r) && report_same(&r, &full));
	ck_assert(r.uptime == 3 && r.rtt == 4);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tunnel");
	TCase *t = tcase_create("tunnel");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, all_the_way, 0, 8);
	tcase_add_loop_test(t, early, 0, 2);
	tcase_add_loop_test(t, datagrams, 0, 2);
	tcase_add_test(t, early_and_known);
	tcase_add_loop_test(t, early_without_an_answer, 0, 6);
	tcase_add_test(t, comes_back);
	tcase_add_test(t, another_network);
	tcase_add_loop_test(t, one_of_its_connections, 0, 3);
	tcase_add_test(t, pauses_before_tries);
	tcase_add_test(t, silently_gone);
	tcase_add_test(t, names_that_hang);
	tcase_add_test(t, revoked);
	tcase_add_test(t, token_rules);
	tcase_add_test(t, token_withdrawn);
	tcase_add_loop_test(t, disk_before_answer, 0, 8);
	tcase_add_test(t, token_survives_full_disk);
	tcase_add_test(t, silence);
	tcase_add_test(t, sessions);
	tcase_add_test(t, revoked_with_its_token);
	tcase_add_test(t, enrolment_replayed);
	tcase_add_loop_test(t, stopped_anywhere, 0, 30);
	tcase_add_test(t, what_a_hub_must_not_reach);
	tcase_add_test(t, says_how_it_is);
	tcase_add_test(t, says_little);
	tcase_add_test(t, what_a_node_may_say);
	suite_add_tcase(s, t);
	return bed_run(s);
}
