/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_datagram.c - streams of datagrams: the form of one, read strictly; streams over sockets, split and joined anywhere,
 * read in small pieces, ended with one half said.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "bed.h"

#include "../../modules/datagram/datagram.h"

#define ROWS(a) (int)(sizeof(a) / sizeof((a)[0]))
#define V4 1, 192, 0, 2, 7
#define V6 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9
#define PORT 0x12, 0x34

/* ---- the form ---- */

static const struct {
	uint8_t bytes[32];
	uint32_t len;
	uint8_t family; /* 0: a name */
	const char *host;
	uint32_t payload; /* bytes of it */
} good[] = {
	{{V4, PORT}, 7, 4, NULL, 0},
	{{V4, PORT, 'x', 'y'}, 9, 4, NULL, 2},
	{{V6, PORT, 'x'}, 20, 6, NULL, 1},
	{{3, 3, 'a', '.', 'b', PORT, 'x'}, 8, 0, "a.b", 1},
	{{3, 1, 0xff, PORT}, 5, 0, "\xff", 0},
};

START_TEST(good_ones)
{
	struct rtun_datagram d;
	uint8_t address[RTUN_DATAGRAM_ADDRESS];
	uint8_t *exact = malloc(good[_i].len);
	memcpy(exact, good[_i].bytes, good[_i].len);
	ck_assert_int_eq(rtun_datagram_parse(exact, good[_i].len, &d), 0);
	ck_assert_uint_eq(d.addr.family, good[_i].family);
	ck_assert_uint_eq(d.addr.port, 0x1234);
	ck_assert_uint_eq(d.len, good[_i].payload);
	ck_assert_ptr_eq(d.payload + d.len, exact + good[_i].len);
	ck_assert(!d.host == !good[_i].host);
	if (d.host) {
		ck_assert_uint_eq(d.host_len, strlen(good[_i].host));
		ck_assert_mem_eq(d.host, good[_i].host, d.host_len);
	} else {
		ck_assert_uint_eq(rtun_datagram_address(&d.addr, address), good[_i].len - d.len);
		ck_assert_mem_eq(address, exact, good[_i].len - d.len);
	}
	free(exact);
}
END_TEST

static const struct {
	uint8_t bytes[32];
	uint32_t len;
} bad[] = {
	{{0}, 0}, {{1}, 1}, {{V4, 0}, 6}, {{V6, 0}, 18}, {{3, 0, PORT}, 4}, {{3, 2, 'a', PORT}, 5}, {{3, 2, 'a', 0, PORT}, 6},
	{{3, 2, 0, 'a', PORT}, 6}, {{0, 1, 2, 3, 4, PORT}, 7}, {{2, 1, 2, 3, 4, PORT}, 7}, {{5, 1, 2, 3, 4, PORT}, 7},
};

START_TEST(bad_ones)
{
	struct rtun_datagram d;
	uint8_t *exact = malloc(bad[_i].len + 1U);
	memcpy(exact, bad[_i].bytes, bad[_i].len);
	ck_assert_int_eq(rtun_datagram_parse(exact, bad[_i].len, &d), -RTUN_EINVAL);
	free(exact);
}
END_TEST

START_TEST(longest_and_longer)
{
	struct rtun_datagram d;
	uint8_t *p = calloc(1, RTUN_DATAGRAM_MAX + 1U);
	p[0] = RTUN_DATAGRAM_IPV4;
	ck_assert_int_eq(rtun_datagram_parse(p, RTUN_DATAGRAM_MAX, &d), 0);
	ck_assert_uint_eq(d.len, RTUN_DATAGRAM_MAX - 7);
	ck_assert_int_eq(rtun_datagram_parse(p, RTUN_DATAGRAM_MAX + 1, &d), -RTUN_EINVAL);
	free(p);
}
END_TEST

/* ---- a stream over sockets ---- */

static struct host_ctx hc;
static struct datagram_stream ds;
static struct rtun_stream *s;
static struct rtun_addr here[2]; /* where its sockets are */
static int peer[2];
static struct {
	uint32_t sent, bytes, ended, destroyed, refused;
	uint32_t last_len;
	uint8_t last[RTUN_DATAGRAM_MAX];
	uint32_t wakes;
} seen;

/* From an address of the test: the body is 'x' and what came. What begins with '!' is dropped. */
static uint32_t on_receive(void *self, const struct rtun_addr *from, uint8_t *p, uint32_t len, uint8_t **ret_body)
{
	ck_assert_ptr_eq(self, &seen);
	ck_assert(from->family == 4 || from->family == 6);
	if (len && *p == '!') {
		seen.refused++;
		return 0;
	}
	p[-1] = 'x';
	*ret_body = p - 1;
	return len + 1;
}

static void on_send(void *self, const uint8_t *body, uint32_t len)
{
	(void)self;
	seen.sent++;
	seen.bytes += len;
	seen.last_len = len;
	memcpy(seen.last, body, len);
}

static void on_ended(void *self)
{
	(void)self;
	seen.ended++;
}

static void on_destroy(void *self)
{
	(void)self;
	seen.destroyed++;
}

static const struct datagram_ops ops = {.receive = on_receive, .send = on_send, .ended = on_ended, .destroy = on_destroy};

static void woken(void *arg, struct rtun_stream *stream, uint32_t events)
{
	(void)arg, (void)stream;
	if (events & RTUN_READ)
		seen.wakes++;
}

static void setup(void)
{
	bed_setup(true, &hc);
	memset(&seen, 0, sizeof(seen));
	ck_assert_int_eq(datagram_stream_init(&ds, &hc.ctx, &ops, &seen), 0);
	s = ds.s;
	rtun_on_ready(s, woken, NULL);
	for (int i = 0; i < 2; i++) {
		here[i] = i ? (struct rtun_addr){.family = 6, .ip = {[15] = 1}} : (struct rtun_addr){.family = 4, .ip = {127, 0, 0, 1}};
		const struct datagram_socket *sock = datagram_stream_open(&ds, &here[i], 65536);
		if (!sock && i)
			continue; /* a machine without IPv6 */
		ck_assert_msg(sock != NULL, "%s", strerror(errno));
		here[i] = datagram_socket_local(sock->fd);
		peer[i] = datagram_socket_open(&(struct rtun_addr){.family = here[i].family, .ip = {0}}, 65536);
		ck_assert_ptr_eq(sock, datagram_stream_open(&ds, &here[i], 65536));
	}
}

static void teardown(void)
{
	rtun_close(&s);
	bed_turns(2);
	ck_assert_uint_eq(seen.ended, 1);
	ck_assert_uint_eq(seen.destroyed, 1);
	for (int i = 0; i < 2; i++)
		if (peer[i])
			close(peer[i]);
	bed_teardown();
}

static void come(int i, const void *p, size_t len)
{
	union {
		const void *in;
		void *out;
	} u = {p};
	struct iovec v = {u.out, len};
	ck_assert(datagram_socket_send(peer[i], &here[i], &v, 1));
}

START_TEST(read_in_pieces)
{
	static const uint8_t want[] = {0, 4, 'x', 'o', 'n', 'e', 0, 1, 'x', 0, 4, 'x', 't', 'w', 'o'};
	uint8_t got[64];
	size_t n = 0, piece = (size_t)_i;
	come(0, "one", 3);
	come(0, "!two", 4);
	come(0, "", 0);
	come(0, "two", 3);
	while (n < sizeof(want)) {
		int64_t r = rtun_read(s, got + n, piece < sizeof(got) - n ? piece : sizeof(got) - n);
		ck_assert_int_gt(r, 0);
		ck_assert_int_le(r, (int64_t)piece);
		n += (size_t)r;
	}
	ck_assert_uint_eq(n, sizeof(want));
	ck_assert_mem_eq(got, want, n);
	ck_assert_int_eq(rtun_read(s, got, 1), -RTUN_EAGAIN);
	ck_assert_uint_eq(seen.refused, 1);
}
END_TEST

START_TEST(reader_is_woken)
{
	uint8_t got[64];
	ck_assert_int_eq(rtun_read(s, got, sizeof(got)), -RTUN_EAGAIN);
	rtun_want(s, RTUN_READ);
	bed_turns(3);
	ck_assert_uint_eq(seen.wakes, 0);
	come(0, "one", 3);
	bed_turns(3);
	ck_assert_uint_eq(seen.wakes, 1);
	bed_turns(3);
	ck_assert_uint_eq(seen.wakes, 1); /* only who asks again is told again */
	ck_assert_int_eq(rtun_read(s, got, 2), 2);
	rtun_want(s, RTUN_READ); /* the rest is here already */
	bed_turns(3);
	ck_assert_uint_eq(seen.wakes, 2);
}
END_TEST

START_TEST(both_families)
{
	uint8_t got[64];
	if (!peer[1])
		return;
	come(0, "four", 4);
	come(1, "six", 3);
	ck_assert_int_eq(rtun_read(s, got, sizeof(got)), 7 + 6);
}
END_TEST

/* A flood of what is dropped ends a read: others want their turn, too. */
START_TEST(strangers_take_one_turn)
{
	uint8_t got[64];
	for (int i = 0; i < 100; i++)
		come(0, "!", 1);
	ck_assert_int_eq(rtun_read(s, got, sizeof(got)), -RTUN_EAGAIN);
	ck_assert_uint_ge(seen.refused, 16);
	ck_assert_uint_lt(seen.refused, 100);
}
END_TEST

START_TEST(longest_datagram)
{
	static uint8_t sent[65507], got[65600];
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7);
	come(0, sent, sizeof(sent));
	ck_assert_int_eq(rtun_read(s, got, sizeof(got)), (int64_t)sizeof(sent) + 3);
	ck_assert_mem_eq(got + 3, sent, sizeof(sent));
}
END_TEST

/* Written bytes are taken, whatever happens: two datagrams and an empty one, cut at every place. */
START_TEST(written_in_pieces)
{
	static const uint8_t bytes[] = {0, 3, 'o', 'n', 'e', 0, 0, 0, 5, 't', 'h', 'r', 'e', 'e'};
	size_t piece = (size_t)_i;
	for (size_t at = 0; at < sizeof(bytes); at += piece) {
		size_t n = piece < sizeof(bytes) - at ? piece : sizeof(bytes) - at;
		ck_assert_int_eq(rtun_write(s, bytes + at, n), (int64_t)n);
	}
	ck_assert_uint_eq(seen.sent, 3);
	ck_assert_uint_eq(seen.bytes, 8);
	ck_assert_uint_eq(seen.last_len, 5);
	ck_assert_mem_eq(seen.last, "three", 5);
}
END_TEST

START_TEST(longest_written)
{
	static uint8_t p[RTUN_DATAGRAM_LENGTH + RTUN_DATAGRAM_MAX] = {0xff, 0xff};
	p[sizeof(p) - 1] = 'z';
	ck_assert_int_eq(rtun_write(s, p, 40000), 40000);
	ck_assert_uint_eq(seen.sent, 0);
	ck_assert_int_eq(rtun_write(s, p + 40000, sizeof(p) - 40000), (int64_t)sizeof(p) - 40000);
	ck_assert_uint_eq(seen.sent, 1);
	ck_assert_uint_eq(seen.last_len, RTUN_DATAGRAM_MAX);
	ck_assert_uint_eq(seen.last[RTUN_DATAGRAM_MAX - 1], 'z');
}
END_TEST

/* The rest of one that was begun is given; nothing else, and nothing is sent any more. */
START_TEST(ends_behind_a_whole_one)
{
	uint8_t got[64];
	come(0, "one", 3);
	come(0, "two", 3);
	ck_assert_int_eq(rtun_read(s, got, 4), 4);
	if (_i)
		rtun_shutdown(s);
	else
		datagram_stream_end(&ds);
	ck_assert_uint_eq(seen.ended, 1);
	ck_assert_int_eq(rtun_read(s, got, sizeof(got)), 2);
	ck_assert_mem_eq(got, "ne", 2);
	ck_assert_int_eq(rtun_read(s, got, sizeof(got)), 0);
	if (!_i)
		ck_assert_int_eq(rtun_write(s, "\0\1x", 3), 3);
	ck_assert_uint_eq(seen.sent, 0);
	ck_assert_ptr_null(datagram_stream_open(&ds, &here[0], 65536));
}
END_TEST

START_TEST(end_wakes_the_reader)
{
	uint8_t got[64];
	ck_assert_int_eq(rtun_read(s, got, sizeof(got)), -RTUN_EAGAIN);
	rtun_want(s, RTUN_READ);
	datagram_stream_end(&ds);
	bed_turns(2);
	ck_assert_uint_eq(seen.wakes, 1);
}
END_TEST

START_TEST(abort_ends)
{
	rtun_abort(s, RTUN_ERESET);
	ck_assert_uint_eq(seen.ended, 1);
	ck_assert_uint_eq(seen.destroyed, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("datagram");
	TCase *t = tcase_create("datagram");
	tcase_add_loop_test(t, good_ones, 0, ROWS(good));
	tcase_add_loop_test(t, bad_ones, 0, ROWS(bad));
	tcase_add_test(t, longest_and_longer);
	suite_add_tcase(suite, t);
	t = tcase_create("stream");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, read_in_pieces, 1, 20);
	tcase_add_test(t, reader_is_woken);
	tcase_add_test(t, both_families);
	tcase_add_test(t, strangers_take_one_turn);
	tcase_add_test(t, longest_datagram);
	tcase_add_loop_test(t, written_in_pieces, 1, 15);
	tcase_add_test(t, longest_written);
	tcase_add_loop_test(t, ends_behind_a_whole_one, 0, 2);
	tcase_add_test(t, end_wakes_the_reader);
	tcase_add_test(t, abort_ends);
	suite_add_tcase(suite, t);
	return bed_run(suite);
}
