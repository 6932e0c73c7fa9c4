/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_door.c - who gets into a hub that hides: whoever knocks as a device or with a token, once. The kernel's part is played
 * by fake_door.h; test_gate and test_ear are about that.
 */
#include "tunnel_bed.h"

static const struct rtun_addr elsewhere = {.family = 4, .ip = {198, 51, 100, 8}};

static uint64_t results(enum knock_result r)
{
	return hub->hub->knocks.results[r];
}

static const char *error_of(int i)
{
	static char text[192];
	struct link_state s;
	struct transport *t = places[i].hc.ctx.self;
	link_state(t->node->hubs->items[0]->tunnel, &s);
	snprintf(text, sizeof(text), "%s", s.last_error ? s.last_error : "");
	return text;
}

static void cut(void)
{
	for (struct line *l = lines; l; l = l->next) {
		pipe_break(&l->hub, RTUN_ERESET);
		pipe_break(&l->node, RTUN_ERESET);
	}
}

/* A knock of the test's own. */
static void make_knock(int key, uint64_t counter, uint8_t attempt, const uint8_t *token_id, uint8_t ret[WIRE_KNOCK])
{
	struct knock k = {.counter = counter, .count = 1, .enrols = token_id != NULL};
	memset(k.attempt, attempt, sizeof(k.attempt));
	if (token_id)
		memcpy(k.token_id, token_id, TOKEN_ID);
	ck_assert_int_eq(knock_write(&k, places[0].public, places[key].public, caller_dh, &places[key], NULL, ret), 0);
}

static bool opens(const struct rtun_addr *from, const uint8_t *knock)
{
	int before = door.opened;
	door_knock(from, knock);
	return door.opened > before;
}

/* ---- the way in ---- */

START_TEST(shut_but_for_a_knock)
{
	uint8_t token[32];
	char url[URL_MAX];
	ck_assert_int_eq(hub->hub->mode, GATE_CLOSED);
	ck_assert(!door_open_to(&node_address));
	place_start(1);
	make_token(token, url);
	pass(MINUTE);
	ck_assert(!door_open_to(&node_address)); /* a token that is out opens nothing by itself */
	enroll(1, url);
	ck_assert_int_eq(reply.ok, 1);
	ck_assert_ptr_nonnull(tunnel_of(1));
	/* both connections have shaken hands, so it is shut again, long before its time */
	ck_assert(!door_open_to(&node_address));
	ck_assert_uint_eq(results(KNOCK_JUNK) + results(KNOCK_REPLAY) + results(KNOCK_UNKNOWN) + results(KNOCK_LIMITED), 0);
	ck_assert_uint_ge(results(KNOCK_OPENED), 2);
	dial("home");
	ck_assert_uint_eq(dialled.err, 0);
	rtun_close(&dialled.s);
}
END_TEST

START_TEST(shut_in_time)
{
	uint8_t knock[WIRE_KNOCK];
	add_device(1, "home");
	make_knock(1, 5, 1, NULL, knock);
	ck_assert(opens(&node_address, knock));
	ck_assert(door_open_to(&node_address));
	ck_assert(!door_open_to(&elsewhere));
	loop_advance(bed.loop, 2900 * RTUN_MS);
	ck_assert(door_open_to(&node_address));
	loop_advance(bed.loop, 200 * RTUN_MS);
	ck_assert(!door_open_to(&node_address));
}
END_TEST

/* Not to be closed on this machine: it is silent. Nothing at all: it does not start. */
START_TEST(auto_takes_the_best)
{
	place_stop(0);
	door.can_close = false;
	place_start(0);
	ck_assert_int_eq(hub->hub->mode, GATE_FILTERED);
	pair_node(1);
	ck_assert_ptr_nonnull(tunnel_of(1));
	place_stop(0);
	struct transport_cfg cfg = {.role = ROLE_HUB, .conceal = CONCEAL_CLOSED, .keystore = {.ops = &key_ops, .obj = &places[0]}, .window = 65536};
	places[0].hc.ctx.self = NULL;
	ck_assert_int_eq(rtun_module.create(&places[0].hc.ctx, &cfg), 0);
	ck_assert_int_eq(rtun_module.setup(&places[0].hc.ctx), 0);
	ck_assert_int_lt(rtun_module.prepare(&places[0].hc.ctx), 0);
	ck_assert_ptr_null(accept_cb);
	rtun_module.destroy(&places[0].hc.ctx);
}
END_TEST

/* Datagrams are lost: it goes by SYN, and by SYN first the next time. */
START_TEST(without_datagrams)
{
	door.deaf[CARRY_UDP] = true;
	pair_node(1);
	pass(5 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
	int before = door.carried[CARRY_UDP];
	cut();
	pass(2 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
	ck_assert_int_eq(door.carried[CARRY_UDP], before);
	/* and back, should that be blocked one day */
	door.deaf[CARRY_UDP] = false;
	door.deaf[CARRY_SYN] = true;
	cut();
	pass(8 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
	ck_assert_int_gt(door.carried[CARRY_UDP], before);
}
END_TEST

/* Datagrams leave from another address than connections do: their knock opens to the wrong one, that in the SYN to the right. */
START_TEST(two_addresses)
{
	door.from[CARRY_UDP] = elsewhere;
	pair_node(1);
	pass(5 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
	struct transport *t = places[1].hc.ctx.self;
	struct link_state s;
	link_state(t->node->hubs->items[0]->tunnel, &s);
	ck_assert_int_eq(s.by, CARRY_SYN);
}
END_TEST

/* No knock gets through: nothing opens, and people are told; a hub that does not hide is reached all the same. */
START_TEST(no_knock_gets_through)
{
	pair_node(1);
	door.deaf[CARRY_UDP] = door.deaf[CARRY_SYN] = true;
	cut();
	pass(MINUTE);
	ck_assert_ptr_null(tunnel_of(1));
	ck_assert_ptr_nonnull(strstr(error_of(1), "does not open to our knocks"));
	unhide();
	pass(2 * MINUTE);
	ck_assert_ptr_nonnull(tunnel_of(1));
	ck_assert_uint_eq(results(KNOCK_OPENED), 0);
	int before = door.carried[CARRY_UDP];
	cut();
	pass(2 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1)); /* at once: it has learnt that */
	ck_assert_int_eq(door.carried[CARRY_UDP], before);
	/* it hides again */
	place_stop(0);
	conceal = CONCEAL_AUTO;
	door.deaf[CARRY_UDP] = false;
	place_start(0);
	pass(90 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
}
END_TEST

/* Clocks that are wrong, jump, and are put right, of a node and of the hub. */
START_TEST(any_clock)
{
	static const int64_t clocks[] = {0, 2208988800000, 1700000000000, 0, 1700000000000};
	pair_node(1);
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		clock_at = clocks[i];
		cut();
		pass(5 * RTUN_S);
		ck_assert_msg(tunnel_of(1) != NULL, "clock %zu", i);
		place_stop(1);
		place_start(1);
		pass(5 * RTUN_S);
		ck_assert_msg(tunnel_of(1) != NULL, "clock %zu, after a restart", i);
		place_stop(0);
		place_start(0);
		pass(20 * RTUN_S);
		ck_assert_msg(tunnel_of(1) != NULL, "clock %zu, after the hub's restart", i);
	}
}
END_TEST

/* ---- connections of one tunnel ---- */

static uint32_t conns_of(int i)
{
	uint32_t n = 0;
	for (const struct conn *c = tunnel_of(i) ? tunnel_of(i)->conns : NULL; c; c = c->next)
		n++;
	return n;
}

static void cut_newest(void)
{
	pipe_break(&lines->hub, RTUN_ERESET);
	pipe_break(&lines->node, RTUN_ERESET);
}

/* One knock is enough for all connections of a session; then the port is shut again. */
START_TEST(all_through_one_gate)
{
	pair_node(1);
	ck_assert_uint_eq(conns_of(1), CONNECTIONS_AUTO);
	ck_assert(!door_open_to(&node_address));
	ck_assert_uint_eq(results(KNOCK_REPLAY) + results(KNOCK_LIMITED), 0);
	/* streams are spread over them, and each stays where it is */
	uint32_t most = 0;
	struct rtun_stream *held[CONNECTIONS_AUTO];
	for (uint32_t i = 0; i < CONNECTIONS_AUTO; i++) {
		targets[i] = (struct app){.never_ends = true};
		dial("home");
		ck_assert_uint_eq(dialled.err, 0);
		held[i] = dialled.s;
	}
	for (const struct conn *c = tunnel_of(1)->conns; c; c = c->next)
		most = mux_counters(c->mux)->streams > most ? mux_counters(c->mux)->streams : most;
	ck_assert_uint_eq(most, 1);
	/* one breaks: its stream ends honestly, the others notice nothing, and it comes back into the session by its own knock */
	struct tunnel *t = tunnel_of(1);
	uint8_t b[8];
	int broken = 0, opened = door.opened;
	cut_newest();
	loop_advance(bed.loop, 50 * RTUN_MS);
	for (uint32_t i = 0; i < CONNECTIONS_AUTO; i++) {
		int64_t n = rtun_read(held[i], b, sizeof(b));
		ck_assert(n == -RTUN_EAGAIN || n > 0 || n == -RTUN_ERESET || n == -RTUN_ETRUNCATED);
		broken += n == -RTUN_ERESET || n == -RTUN_ETRUNCATED;
	}
	ck_assert_int_eq(broken, 1);
	ck_assert_uint_eq(conns_of(1), CONNECTIONS_AUTO - 1);
	pass(5 * RTUN_S);
	ck_assert_ptr_eq(tunnel_of(1), t);
	ck_assert_uint_eq(conns_of(1), CONNECTIONS_AUTO);
	ck_assert_int_gt(door.opened, opened);
	ck_assert(!door_open_to(&node_address));
	for (uint32_t i = 0; i < CONNECTIONS_AUTO; i++)
		rtun_close(&held[i]);
}
END_TEST

/* A connection that breaks again and again; then all at once, which is the end of the session. */
START_TEST(lanes_come_back)
{
	uint8_t session[HELLO_SESSION];
	pair_node(1);
	memcpy(session, tunnel_of(1)->session, sizeof(session));
	for (int i = 0; i < 6; i++) {
		cut_newest();
		pass(20 * RTUN_S);
		ck_assert_msg(conns_of(1) == CONNECTIONS_AUTO, "round %d: %u", i, conns_of(1));
	}
	ck_assert_mem_eq(tunnel_of(1)->session, session, sizeof(session));
	cut();
	pass(10 * RTUN_S);
	ck_assert_uint_eq(conns_of(1), CONNECTIONS_AUTO);
	ck_assert_mem_ne(tunnel_of(1)->session, session, sizeof(session));
}
END_TEST

/* ---- who does not get in ---- */

START_TEST(recordings_open_nothing)
{
	uint8_t token[32], first[WIRE_KNOCK], later[WIRE_KNOCK];
	struct token_keys keys;
	char url[URL_MAX];
	make_token(token, url);
	token_derive(token, &keys);
	make_knock(2, 7, 1, keys.id, first);
	ck_assert(opens(&node_address, first));
	ck_assert(!opens(&elsewhere, first)); /* while the token is out */
	make_knock(2, 9, 1, keys.id, first);
	make_knock(2, 8, 1, keys.id, later);
	ck_assert(opens(&node_address, first));
	ck_assert(!opens(&elsewhere, later)); /* overtaken */
	pair_node(1);
	memcpy(first, door.last, sizeof(first));
	ck_assert(!opens(&elsewhere, first));
	memset(hub->hub->knocks.heard, 0, sizeof(hub->hub->knocks.heard)); /* a flood has pushed it out */
	ck_assert(!opens(&elsewhere, first));
	place_stop(1);
	place_stop(0);
	place_start(0);
	ck_assert(!opens(&elsewhere, first)); /* the counter is on disk */
	ck_assert_uint_eq(results(KNOCK_REPLAY), 1);
	pass(RTUN_S);
	make_knock(2, 10, 1, keys.id, first);
	ck_assert(!opens(&node_address, first)); /* tokens are forgotten with a restart */
	ck_assert_uint_eq(results(KNOCK_UNKNOWN), 1);
}
END_TEST

/* Ten thousand that are not quite right, also with a mac1 that is. */
START_TEST(mutations_open_nothing)
{
	uint8_t knock[WIRE_KNOCK], bad[WIRE_KNOCK], key[32];
	add_device(1, "home");
	knock_key(places[0].public, key);
	make_knock(1, 5, 1, NULL, knock);
	for (int i = 0; i < 10000; i++) {
		memcpy(bad, knock, sizeof(bad));
		uint32_t bit = i < 8 * WIRE_KNOCK ? (uint32_t)i : randombytes_uniform(8 * WIRE_KNOCK);
		if (bit == 8 * WIRE_MAC1 + 255)
			continue; /* X25519 ignores it, but the hash does not: checked below, with a good mac1 */
		bad[bit / 8] ^= (uint8_t)(1U << bit % 8);
		if (i % 3 == 0) /* cut off: something else is in the place of its end */
			randombytes_buf(bad + 16 + bit / 8 % 100, WIRE_KNOCK - 16 - bit / 8 % 100);
		ck_assert(!opens(&elsewhere, bad));
	}
	ck_assert_uint_ge(results(KNOCK_JUNK), 9900);
	for (uint32_t bit = 8 * WIRE_MAC1; bit < 8 * WIRE_KNOCK; bit++) {
		memcpy(bad, knock, sizeof(bad));
		bad[bit / 8] ^= (uint8_t)(1U << bit % 8);
		crypto_generichash(bad, WIRE_MAC1, bad + WIRE_MAC1, WIRE_KNOCK - WIRE_MAC1, key, 32);
		ck_assert_msg(!opens(&elsewhere, bad), "bit %u", bit);
		loop_advance(bed.loop, 50 * RTUN_MS);
	}
	ck_assert_uint_eq(results(KNOCK_OPENED) + results(KNOCK_LIMITED), 0);
	ck_assert(opens(&node_address, knock)); /* which was good */
}
END_TEST

START_TEST(strangers)
{
	uint8_t knock[WIRE_KNOCK], token[32], token_id[TOKEN_ID] = {1};
	char url[URL_MAX], error[DEVICE_ERROR];
	make_knock(2, 5, 1, NULL, knock);
	ck_assert(!opens(&node_address, knock)); /* nobody knows it */
	make_token(token, url);
	make_knock(2, 6, 1, NULL, knock);
	ck_assert(!opens(&node_address, knock)); /* it has no token */
	make_knock(2, 7, 1, token_id, knock);
	ck_assert(!opens(&node_address, knock)); /* or a wrong one */
	ck_assert_uint_eq(results(KNOCK_UNKNOWN), 3);
	pair_node(1);
	ck_assert_int_eq(device_revoke(hub->hub->devices, device_by_key(hub->hub->devices, places[1].public), error), 0);
	int before = door.opened;
	pass(MINUTE);
	ck_assert_int_eq(door.opened, before); /* it has knocked in vain */
	ck_assert_uint_gt(results(KNOCK_UNKNOWN), 3);
}
END_TEST

/* With a device's static key, and without its PSK: a knock opens, message 1 is answered, and the device's tunnel stays. */
START_TEST(static_key_alone)
{
	uint8_t knock[WIRE_KNOCK], attempt[WIRE_ATTEMPT], message[WIRE_MESSAGE_1], junk[WIRE_LENGTH + WIRE_TAG] = {0, WIRE_TAG};
	struct noise_handshake h;
	struct line *l;
	pair_node(1);
	struct tunnel *before = tunnel_of(1);
	struct caller c = caller_of(1, 7, 0, 3000000000000);
	make_knock(1, 3000000000000, 3, NULL, knock);
	memset(attempt, 3, sizeof(attempt));
	c.attempt = attempt;
	ck_assert(opens(&node_address, knock));
	first_message(&c, &h, message);
	noise_handshake_fini(&h);
	ck_assert_int_eq(call_with(message, &l), 1);
	pipe_push(&l->hub, junk, sizeof(junk));
	pass(RTUN_S);
	ck_assert_ptr_eq(tunnel_of(1), before);
	dial("home");
	ck_assert_uint_eq(dialled.err, 0);
	rtun_close(&dialled.s);
}
END_TEST

/* Message 1 belongs to its attempt, and each index of that comes once. */
START_TEST(message_of_an_attempt)
{
	uint8_t knock[WIRE_KNOCK], attempt[WIRE_ATTEMPT], other[WIRE_ATTEMPT] = {0}, message[WIRE_MESSAGE_1];
	struct caller c = caller_of(1, 1, 0, 100);
	struct noise_handshake h;
	struct line *l;
	add_device(1, "home");
	ck_assert_int_eq(call(&c), 0); /* nobody has knocked */
	make_knock(1, 5, 3, NULL, knock);
	memset(attempt, 3, sizeof(attempt));
	ck_assert(opens(&node_address, knock));
	ck_assert_int_eq(call(&c), 0); /* it is bound to none */
	c.attempt = other;
	memset(other, 4, sizeof(other));
	ck_assert_int_eq(call(&c), 0); /* to another */
	c.attempt = attempt;
	c.key = 2;
	ck_assert_int_eq(call(&c), 0); /* another device's */
	c = caller_of(1, 1, 0, 1); /* an old counter does not matter: the knock was new */
	c.attempt = attempt;
	first_message(&c, &h, message);
	ck_assert_int_eq(call_with(message, &l), 1);
	prove(&h, l);
	noise_handshake_fini(&h);
	ck_assert_ptr_nonnull(tunnel_of(1));
	ck_assert_int_eq(call_with(message, NULL), 0); /* a recording, from the same address, in the same moment */
	c.hello.session[0] ^= 1;
	ck_assert_int_eq(call(&c), 0);
	pass(20 * RTUN_S);
	ck_assert_int_eq(call_with(message, NULL), 0);
}
END_TEST

/* An attempt that is complete stays so: a knock of it that comes late opens nothing. */
START_TEST(late_knock)
{
	uint8_t knock[WIRE_KNOCK], attempt[WIRE_ATTEMPT];
	struct caller c = caller_of(1, 1, 0, 100);
	add_device(1, "home");
	make_knock(1, 5, 3, NULL, knock);
	memset(attempt, 3, sizeof(attempt));
	c.attempt = attempt;
	ck_assert(opens(&node_address, knock));
	make_knock(1, 6, 3, NULL, knock);
	ck_assert(opens(&node_address, knock)); /* another one of the same */
	ck_assert_int_eq(call(&c), 1);
	ck_assert(!door_open_to(&node_address));
	make_knock(1, 7, 3, NULL, knock);
	ck_assert(!opens(&node_address, knock));
	make_knock(1, 8, 4, NULL, knock);
	ck_assert(opens(&node_address, knock)); /* the next attempt is another matter */
}
END_TEST

/* A device that knocks all the time: its writes to disk are rationed. */
START_TEST(device_in_measure)
{
	uint8_t knock[WIRE_KNOCK];
	add_device(1, "home");
	for (uint64_t i = 0; i < 100; i++) {
		make_knock(1, 5 + i, 1, NULL, knock);
		door_knock(&node_address, knock);
		loop_advance(bed.loop, 60 * RTUN_MS);
	}
	ck_assert_uint_ge(results(KNOCK_OPENED), 40);
	ck_assert_uint_le(results(KNOCK_OPENED), 55);
	pass(MINUTE);
	make_knock(1, 500, 2, NULL, knock);
	ck_assert(opens(&node_address, knock));
}
END_TEST

/* Recordings, which anybody can send, do not count as the device's. */
START_TEST(recordings_cost_nothing)
{
	uint8_t knock[WIRE_KNOCK], old[WIRE_KNOCK];
	add_device(1, "home");
	make_knock(1, 5, 1, NULL, old);
	ck_assert(opens(&node_address, old));
	for (int i = 0; i < 200; i++) {
		memset(hub->hub->knocks.heard, 0, sizeof(hub->hub->knocks.heard)); /* pushed out, each time */
		ck_assert(!opens(&elsewhere, old));
		loop_advance(bed.loop, 10 * RTUN_MS);
	}
	make_knock(1, 6, 2, NULL, knock);
	ck_assert(opens(&node_address, knock));
}
END_TEST

/* With its static key somebody drives a device's counter up: as far as counters go, and until it is enrolled again. */
START_TEST(counter_driven_up)
{
	uint8_t knock[WIRE_KNOCK];
	pair_node(1);
	make_knock(1, WIRE_COUNTER_END, 1, NULL, knock);
	ck_assert(!opens(&elsewhere, knock));
	make_knock(1, WIRE_COUNTER_END - 1, 2, NULL, knock);
	ck_assert(opens(&elsewhere, knock));
	cut();
	pass(30 * RTUN_S);
	ck_assert_ptr_null(tunnel_of(1));
	pair_node(1);
	pass(5 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
	ck_assert(!opens(&elsewhere, door.last));
}
END_TEST

/* A disk that is full does not keep the owner out. */
START_TEST(full_disk)
{
	pair_node(1);
	writes_left = 0;
	cut();
	pass(5 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
	ck_assert(!opens(&elsewhere, door.last)); /* it counts in memory */
}
END_TEST

/* ---- places ---- */

START_TEST(places_of_the_gate)
{
	struct attempts all = {.ctx = &hc.ctx};
	struct knock k = {.count = 2};
	struct rtun_addr from = node_address, six = {.family = 6, .ip = {0x20, 1}};
	struct attempt *t;
	uint8_t device[32] = {0};
	for (uint8_t i = 0; i < GATE_PLACES; i++) {
		device[0] = i;
		k.attempt[0] = i;
		ck_assert_int_eq(attempt_open(&all, &k, device, &from), 0);
	}
	device[0] = 77;
	ck_assert_int_eq(attempt_open(&all, &k, device, &from), -RTUN_EOVERLOAD);
	device[0] = 5;
	k.attempt[0] = 200;
	ck_assert_int_eq(attempt_open(&all, &k, device, &from), 0); /* its own place */
	ck_assert_int_eq(attempt_open(&all, &k, device, &six), -RTUN_EOVERLOAD);
	int n = 0;
	for (t = NULL; (t = attempt_next(&all, t, &from));)
		n++;
	ck_assert_int_eq(n, GATE_PLACES); /* neighbours behind one address do not shut each other out */
	ck_assert_ptr_null(attempt_next(&all, NULL, &elsewhere));
	/* of two connections one has come; then both: its place may be taken */
	t = &all.places[7];
	ck_assert(attempt_awaits(t, 0) && attempt_awaits(t, 1));
	attempt_done(&all, t, 0);
	ck_assert(!attempt_awaits(t, 0) && door.admitted[7].until);
	attempt_done(&all, t, 1);
	ck_assert(!door.admitted[7].until);
	ck_assert_int_eq(attempt_open(&all, &k, device, &six), 0);
	ck_assert_uint_eq(all.places[7].source.family, 6);
	/* revoked: both families */
	attempt_forget(&all, device);
	ck_assert(!door.admitted[5].until && !door.admitted[7].until);
	/* and in time all are free again */
	loop_advance(bed.loop, 30 * RTUN_S);
	ck_assert_ptr_null(attempt_next(&all, NULL, &from));
	device[0] = 77;
	ck_assert_int_eq(attempt_open(&all, &k, device, &from), 0);
}
END_TEST

START_TEST(budgets)
{
	static struct budget b;
	struct rtun_addr from = node_address;
	uint64_t now = 5 * RTUN_S;
	int n = 0;
	budget_init(&b, 200, 20);
	while (n < 1000 && budget_take(&b, &node_address, now))
		n++;
	ck_assert_int_eq(n, 20); /* of one source */
	ck_assert(budget_take(&b, &node_address, now + RTUN_S));
	budget_know(&b, &node_address);
	for (int i = 0; i < 100000; i++) { /* forged sources */
		from = (struct rtun_addr){.family = 4};
		randombytes_buf(from.ip, 3);
		n += budget_take(&b, &from, now + 2 * RTUN_S);
	}
	ck_assert_int_le(n, 20 + 200 + 50);
	/* one whose neighbourhood a device has come from has a part of its own */
	ck_assert(budget_take(&b, &elsewhere, now + 2 * RTUN_S));
	from = (struct rtun_addr){.family = 6, .ip = {0x20, 1, 2, 3, 4, 5, 6, 7}};
	ck_assert(!budget_take(&b, &from, now + 2 * RTUN_S));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("door");
	TCase *t = tcase_create("door");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, shut_but_for_a_knock);
	tcase_add_test(t, shut_in_time);
	tcase_add_test(t, auto_takes_the_best);
	tcase_add_test(t, without_datagrams);
	tcase_add_test(t, two_addresses);
	tcase_add_test(t, no_knock_gets_through);
	tcase_add_test(t, any_clock);
	tcase_add_test(t, all_through_one_gate);
	tcase_add_test(t, lanes_come_back);
	tcase_add_test(t, recordings_open_nothing);
	tcase_add_test(t, mutations_open_nothing);
	tcase_add_test(t, strangers);
	tcase_add_test(t, static_key_alone);
	tcase_add_test(t, message_of_an_attempt);
	tcase_add_test(t, late_knock);
	tcase_add_test(t, device_in_measure);
	tcase_add_test(t, recordings_cost_nothing);
	tcase_add_test(t, counter_driven_up);
	tcase_add_test(t, full_disk);
	tcase_add_test(t, places_of_the_gate);
	tcase_add_test(t, budgets);
	suite_add_tcase(s, t);
	return bed_run(s);
}
