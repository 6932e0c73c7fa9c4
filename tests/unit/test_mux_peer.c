/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mux_peer.c - one mux, and a peer that keeps to no rule: the test itself writes the records and reads the answers.
 */
#include <sodium.h>

#include "mux_raw.h"
#include "../../modules/transport_noise/mux_private.h"

#include "../../modules/transport_noise/noise.h"

static struct app *app;

/* ---- what ends the connection, and what does not ---- */

struct spoken {
	const char *what;
	uint8_t type;
	uint32_t id;
	const char *p;
	uint32_t len;
	bool opener, bad; /* the mux is the opener; with one stream open (1) and one that has gone (id 0 is none) */
};
#define P(text) text, sizeof(text) - 1
static const struct spoken spoken[] = {
	{"connect with an old id", FRAME_CONNECT, 1, P(TARGET), false, true},
	{"connect with id 0", FRAME_CONNECT, 0, P(TARGET), false, true},
	{"connect to an opener", FRAME_CONNECT, 9, P(TARGET), true, true},
	{"connect without a port", FRAME_CONNECT, 9, P("\x03\0\x01x"), false, true},
	{"connect without a target", FRAME_CONNECT, 9, P(OK), false, true},
	{"connect to two targets", FRAME_CONNECT, 9, P("\x03\0\x01x\x01\0\x04\x01\x02\x03\x04\x04\0\x02\0\x50"), false, true},
	{"connect to two names", FRAME_CONNECT, 9, P("\x03\0\x01x\x03\0\x01y\x04\0\x02\0\x50"), false, true},
	{"connect to an empty name", FRAME_CONNECT, 9, P("\x03\0\0\x04\0\x02\0\x50"), false, true},
	{"connect to a name with a NUL", FRAME_CONNECT, 9, P("\x03\0\x03x\0y\x04\0\x02\0\x50"), false, true},
	{"connect that is cut off", FRAME_CONNECT, 9, P("\x03\0\x01x\x04\0\x02\0"), false, true},
	{"connect to a short address", FRAME_CONNECT, 9, P("\x01\0\x03\x01\x02\x03\x04\0\x02\0\x50"), false, true},
	{"connect with something unknown", FRAME_CONNECT, 9, P(TARGET "\x63\0\x02zz"), false, false},
	{"connect, padded", FRAME_CONNECT, 9, P(TARGET "\0\0\0\0\0"), false, false},
	{"connect for datagrams", FRAME_CONNECT, 9, P("\x0a\0\x01\x11"), false, false},
	{"connect for another protocol", FRAME_CONNECT, 9, P("\x0a\0\x01\x84\x03\0\x01x"), false, false},
	{"connect for TCP without a target", FRAME_CONNECT, 9, P("\x0a\0\x01\x06\x04\0\x02\0\x50"), false, true},
	{"connect for TCP", FRAME_CONNECT, 9, P(TARGET "\x0a\0\x01\x06"), false, false},
	{"connect with a long protocol", FRAME_CONNECT, 9, P("\x0a\0\x02\0\x11"), false, true},
	{"connect for datagrams to an opener", FRAME_CONNECT, 9, P("\x0a\0\x01\x11"), true, true},
	{"empty connect", FRAME_CONNECT, 9, P(""), false, true},
	{"ok to an acceptor", FRAME_OK, 1, P(OK), false, true},
	{"ok twice", FRAME_OK, 1, P(OK), true, true},
	{"ok for the future", FRAME_OK, 9, P(OK), true, true},
	{"ok for one that has gone", FRAME_OK, 2, P(OK), true, false},
	{"malformed ok for one that has gone", FRAME_OK, 2, P(""), true, true},
	{"fail to an acceptor", FRAME_FAIL, 1, P(WHY("\x01")), false, true},
	{"fail after ok", FRAME_FAIL, 1, P(WHY("\x01")), true, true},
	{"fail for the future", FRAME_FAIL, 9, P(WHY("\x01")), true, true},
	{"fail without a reason", FRAME_FAIL, 2, P("\x06\0\x01x"), true, true},
	{"fail for one that has gone", FRAME_FAIL, 2, P(WHY("\x01")), true, false},
	{"data for the future", FRAME_DATA, 9, P("x"), false, true},
	{"data for id 0", FRAME_DATA, 0, P("x"), false, false},
	{"data for one that has gone", FRAME_DATA, 2, P("x"), false, false},
	{"empty data", FRAME_DATA, 1, P(""), true, false},
	{"fin with something in it", FRAME_FIN, 1, P("x"), false, true},
	{"fin for the future", FRAME_FIN, 9, P(""), true, true},
	{"fin for one that has gone", FRAME_FIN, 2, P(""), true, false},
	{"reset for the future", FRAME_RESET, 9, P(WHY("\x01")), false, true},
	{"reset for one that has gone", FRAME_RESET, 2, P(WHY("\x01")), false, false},
	{"reset with an unknown reason", FRAME_RESET, 1, P(WHY("\xee")), false, false},
	{"reset without a reason", FRAME_RESET, 1, P(""), false, true},
	{"reset with a long reason", FRAME_RESET, 1, P("\x05\0\x02\0\x01"), false, true},
	{"reset with something unknown", FRAME_RESET, 1, P(WHY("\x01") "\x40\0\0"), false, false},
	{"credit of 0", FRAME_CREDIT, 1, P(NUMBER("\0")), false, true},
	{"short credit", FRAME_CREDIT, 1, P("\0\0\x01"), false, true},
	{"long credit", FRAME_CREDIT, 1, P("\0\0\0\0\x01"), true, true},
	{"too much credit", FRAME_CREDIT, 1, P("\x80\0\0\0"), true, true},
	{"too much credit with what is there", FRAME_CREDIT, 1, P("\x7f\xff\xff\xff"), true, true},
	{"much credit", FRAME_CREDIT, 1, P("\x7f\xff\0\0"), true, false},
	{"credit for the future", FRAME_CREDIT, 9, P(NUMBER("\x01")), false, true},
	{"credit for one that has gone", FRAME_CREDIT, 2, P(NUMBER("\x01")), true, false},
	{"short ping", FRAME_PING, 0, P("1234567"), true, true},
	{"ping of a stream", FRAME_PING, 1, P("12345678"), true, true},
	{"ping", FRAME_PING, 0, P("12345678"), true, false},
	{"long pong", FRAME_PONG, 0, P("123456789"), false, true},
	{"pong that nobody asked for", FRAME_PONG, 0, P("12345678"), false, false},
	{"info", FRAME_INFO, 0, P("whatever"), true, false},
	{"info of a stream", FRAME_INFO, 1, P("whatever"), true, true},
	{"enroll in a tunnel", FRAME_ENROLL, 0, P(""), true, true},
	{"type 0", 0, 0, P(""), true, true},
	{"type 0x11", 0x11, 0, P(""), true, true},
	{"type 0x7f", 0x7f, 0, P(""), false, true},
	{"type 0x7f of a stream", 0x7f, 1, P("x"), false, true},
	{"type 0x80", 0x80, 0, P("whatever"), false, false},
	{"type 0xff of a stream", 0xff, 77, P("whatever"), true, false},
};

/* Streams 1 (open, kept by the test) and 2 (gone). */
static void two_streams(struct opened *o)
{
	memset(o, 0, 2 * sizeof(*o));
	if (d->answer == ANSWER_LATER) { /* the mux is the opener */
		ck_assert_int_eq(open_to(d, &o[0], "a"), 0);
		ck_assert_int_eq(open_to(d, &o[1], "b"), 0);
		settle();
		SAY(FRAME_OK, 1, OK);
		rtun_op_cancel(&o[1].op);
		ck_assert_int_eq(o[0].calls, 1);
	} else {
		SAY(FRAME_CONNECT, 1, TARGET);
		SAY(FRAME_CONNECT, 2, TARGET);
		rtun_close(&d->kept[1]);
	}
	settle();
	ck_assert_uint_eq(mux_counters(d->mux)->streams, 1);
	raw->len = 0;
}

START_TEST(rules)
{
	const struct spoken *s = &spoken[_i];
	struct opened o[2];
	start(s->opener);
	d->answer = s->opener ? ANSWER_LATER : ANSWER_KEEP;
	two_streams(o);
	struct rtun_stream **kept = s->opener ? &o[0].s : &d->kept[0];
	/* between others, which count, and do not once it has ended */
	put(FRAME_DATA, 1, "before", 6);
	put(s->type, s->id, s->p, s->len);
	put(FRAME_PING, 0, "--------", 8);
	deliver();
	if (s->bad) {
		uint8_t b[64];
		assert_broken(s->what);
		int64_t r = rtun_read(*kept, b, sizeof(b));
		/* The same end for all; what came before may have been delivered or not. */
		ck_assert_msg(r == 6 || r == -RTUN_ERESET, "%s: %d", s->what, (int)r);
		ck_assert_int_eq(rtun_read(*kept, b, sizeof(b)), -RTUN_ERESET);
	} else {
		ck_assert_msg(d->ended == 0, "%s: %s", s->what, d->end_why);
		hear(FRAME_PONG, 0);
		ck_assert_msg(heard.count == 1 + (s->type == FRAME_PING), "%s", s->what);
	}
	rtun_close(kept);
	settle();
}
END_TEST

/* Records and frames that are cut, and lengths that lie. */
START_TEST(malformed_records)
{
	static const struct {
		const char *what, *p;
		uint32_t len;
		bool bad;
	} rows[] = {
		{"shorter than a tag", P("\0\x0fxxxxxxxxxxxxxxx"), true},
		{"length 0", P("\0\0"), true},
		{"nothing but a tag", P("\0\x10" "ZZZZZZZZZZZZZZZZ"), false},
		{"wrong tag", P("\0\x10" "ZZZZZZZZZZZZZZZz"), true},
		{"half a frame's head", P("\0\x17" "\x08\0\0\x08\0\0\0" "ZZZZZZZZZZZZZZZZ"), true},
		{"a frame longer than its record", P("\0\x19" "\x80\0\0\x02\0\0\0\0x" "ZZZZZZZZZZZZZZZZ"), true},
		{"a frame shorter than its record", P("\0\x19" "\x80\0\0\0\0\0\0\0x" "ZZZZZZZZZZZZZZZZ"), true},
		{"a record that does not come", P("\xff\xff"), false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(d, 0, sizeof(*d));
		start(i & 1);
		ck_assert_uint_eq(pipe_push(&d->end, rows[i].p, rows[i].len), rows[i].len);
		settle();
		if (rows[i].bad)
			assert_broken(rows[i].what);
		else
			ck_assert_msg(!d->ended, "%s: %s", rows[i].what, d->end_why);
		side_stop(d);
		settle();
	}
	memset(d, 0, sizeof(*d));
}
END_TEST

/* Cut at every byte, the end is the same: TRUNCATED, no frame counts that was not whole. */
START_TEST(cut_everywhere)
{
	put(FRAME_CONNECT, 1, TARGET, sizeof(TARGET) - 1);
	put(FRAME_DATA, 1, "hello", 5);
	seal();
	uint32_t whole = WIRE_LENGTH + out_len;
	out_len = 0;
	for (uint32_t n = 0; n <= whole; n++) {
		memset(d, 0, sizeof(*d));
		start(false);
		d->answer = ANSWER_KEEP;
		pipe_push(&d->end, out, n);
		settle();
		ck_assert_int_eq(d->connects, n == whole);
		if (_i) { /* and go on */
			pipe_push(&d->end, out + n, whole - n);
			settle();
			ck_assert_int_eq(d->connects, 1);
		}
		d->end.eof = true;
		pipe_wake(&d->end);
		settle();
		ck_assert_int_eq(d->ended, 1);
		ck_assert_uint_eq(d->end_err, RTUN_ETRUNCATED);
		if (d->kept[0]) {
			uint8_t b[16];
			ck_assert_int_eq(rtun_read(d->kept[0], b, sizeof(b)), 5);
			ck_assert_int_eq(rtun_read(d->kept[0], b, sizeof(b)), -RTUN_ETRUNCATED);
		}
		side_stop(d);
		settle();
	}
	memset(d, 0, sizeof(*d));
}
END_TEST

static const uint8_t zeros[WINDOW + 1];

/* The window to the byte: it is the peer's, one more is the end; before the answer, after it, after a part was read. */
START_TEST(window)
{
	uint8_t b[6000];
	uint32_t read = 0;
	start(false);
	d->answer = _i ? ANSWER_KEEP : ANSWER_LATER;
	SAY(FRAME_CONNECT, 1, TARGET);
	say(FRAME_DATA, 1, zeros, WINDOW - 1);
	say(FRAME_DATA, 1, zeros, 1);
	ck_assert_int_eq(d->ended, 0);
	ck_assert_uint_le(loop_buffers(bed.loop)->used, 2 * WINDOW);
	hear(FRAME_CREDIT, 1);
	ck_assert_uint_eq(heard.count, 0);
	if (_i == 2) {
		ck_assert_int_eq(rtun_read(d->kept[0], b, 1000), 1000);
		settle();
		hear(FRAME_CREDIT, 1);
		ck_assert_uint_eq(heard.count, 0); /* not worth a frame */
		while (read < 5000)
			read += (uint32_t)rtun_read(d->kept[0], b, 5000 - read);
		settle();
		hear(FRAME_CREDIT, 1);
		ck_assert_uint_ge(heard.credit, WINDOW / 4);
		ck_assert_uint_le(heard.credit, 6000);
		say(FRAME_DATA, 1, zeros, (uint32_t)heard.credit);
		ck_assert_int_eq(d->ended, 0);
	}
	say(FRAME_DATA, 1, zeros, 1);
	assert_broken("beyond the window");
}
END_TEST

/* What the peer takes is all that is sent, in pieces, until it gives credit. */
START_TEST(credit)
{
	struct opened o = {0};
	start(true);
	app = &d->apps[0];
	*app = (struct app){.size = 100000, .never_ends = true};
	o.app = app;
	ck_assert_int_eq(open_to(d, &o, "a"), 0);
	settle();
	hear(FRAME_CONNECT, 1);
	ck_assert_uint_eq(heard.count, 1);
	SAY(FRAME_OK, 1, OK);
	settle();
	hear(FRAME_DATA, 1);
	ck_assert_uint_eq(heard.bytes, WINDOW);
	SAY(FRAME_CREDIT, 1, NUMBER("\x01"));
	hear(FRAME_DATA, 1);
	ck_assert_uint_eq(heard.bytes, 1);
	ck_assert_uint_eq(heard.records, 1);
	SAY(FRAME_CREDIT, 1, "\0\x10\0\0");
	loop_advance(bed.loop, 10 * RTUN_MS);
	hear(FRAME_DATA, 1);
	ck_assert_uint_eq(heard.bytes, 100000 - WINDOW - 1);
	ck_assert_uint_eq(app->given, 100000);
	mux_destroy(&d->mux);
	settle();
}
END_TEST

/* A source that has nothing after all makes no record. */
START_TEST(no_empty_records)
{
	struct opened o = {0};
	start(true);
	app = &d->apps[0];
	*app = (struct app){.size = 10, .never_ends = true};
	o.app = app;
	ck_assert_int_eq(open_to(d, &o, "a"), 0);
	settle();
	SAY(FRAME_OK, 1, OK);
	hear(FRAME_DATA, 1);
	for (int i = 0; i < 5; i++) {
		rtun_ready(app->s, RTUN_READ);
		settle();
	}
	hear(FRAME_DATA, 1);
	ck_assert_uint_eq(heard.records, 0);
	mux_destroy(&d->mux);
	settle();
}
END_TEST

/* After a RESET that was sent, what is still under way is dropped; its sender is not at fault. */
START_TEST(late_frames)
{
	start(false);
	d->answer = ANSWER_KEEP;
	SAY(FRAME_CONNECT, 1, TARGET);
	rtun_abort(d->kept[0], RTUN_EDENIED);
	if (_i)
		rtun_close(&d->kept[0]);
	settle();
	hear(FRAME_RESET, 1);
	ck_assert_uint_eq(heard.count, 1);
	ck_assert_mem_eq(heard.last, WHY("\x04"), 4);
	for (int i = 0; i < 3; i++)
		say(FRAME_DATA, 1, zeros, WINDOW); /* its own window: the rest of what it may have had */
	SAY(FRAME_CREDIT, 1, "\0\0\xff\xff");
	SAY(FRAME_FIN, 1, "");
	SAY(FRAME_RESET, 1, WHY("\x08"));
	ck_assert_int_eq(d->ended, 0);
	rtun_close(&d->kept[0]);
	settle();
	hear(FRAME_RESET, 1);
	ck_assert_uint_eq(heard.count, 0);
	ck_assert_uint_eq(mux_counters(d->mux)->streams, 0);
}
END_TEST

/* A FIN or DATA after the FIN is a lie. */
START_TEST(after_fin)
{
	start(false);
	d->answer = ANSWER_KEEP;
	SAY(FRAME_CONNECT, 1, TARGET);
	SAY(FRAME_FIN, 1, "");
	ck_assert_int_eq(d->ended, 0);
	if (_i)
		SAY(FRAME_FIN, 1, "");
	else
		SAY(FRAME_DATA, 1, "x");
	assert_broken("after FIN");
}
END_TEST

/* What may not come between CONNECT and OK, and what may; also when the stream was given early. */
START_TEST(before_ok)
{
	static const struct spoken rows[] = {
		{"data", FRAME_DATA, 1, P("x"), true, true},   {"fin", FRAME_FIN, 1, P(""), true, true},
		{"credit", FRAME_CREDIT, 1, P(NUMBER("\1")), true, true}, {"reset", FRAME_RESET, 1, P(WHY("\x03")), true, false},
		{"fail", FRAME_FAIL, 1, P(WHY("\x03")), true, false},
	};
	const struct spoken *r = &rows[_i / 2];
	struct opened o = {0};
	uint8_t b[8];
	start(true);
	ck_assert_int_eq((_i & 1 ? open_early : open_to)(d, &o, "a"), 0);
	settle();
	say(r->type, 1, r->p, r->len);
	ck_assert_int_eq(o.calls, 1);
	ck_assert_uint_eq(o.err, r->bad ? RTUN_ENOEXIT : RTUN_ETIMEOUT);
	if (r->bad)
		assert_broken(r->what);
	else
		ck_assert_int_eq(d->ended, 0);
	if (_i & 1)
		ck_assert_int_eq(rtun_read(o.s, b, sizeof(b)), -(int64_t)o.err);
	rtun_close(&o.s);
}
END_TEST

/* An early stream on the wire, before any answer: CONNECT, DATA up to the window, FIN when that was all. Then credit goes on. */
START_TEST(early_frames)
{
	struct opened o = {0};
	bool fits = _i;
	start(true);
	app = &d->apps[0];
	*app = (struct app){.size = fits ? WINDOW - 1 : WINDOW + 1};
	o.app = app;
	ck_assert_int_eq(open_early(d, &o, "a"), 0);
	settle();
	ck_assert_uint_eq(raw->q[WIRE_LENGTH], FRAME_CONNECT);
	ck_assert_uint_eq(mux_counters(d->mux)->bytes_out, fits ? WINDOW - 1 : WINDOW);
	hear(FRAME_FIN, 1);
	ck_assert_uint_eq(heard.count, fits ? 1 : 0);
	SAY(FRAME_OK, 1, OK);
	ck_assert_int_eq(o.calls, 1);
	ck_assert_uint_eq(o.err, 0);
	SAY(FRAME_CREDIT, 1, NUMBER("\x09"));
	hear(FRAME_FIN, 1);
	ck_assert_uint_eq(heard.count, fits ? 0 : 1);
	ck_assert_uint_eq(app->given, app->size);
	SAY(FRAME_OK, 1, OK);
	assert_broken("a second answer");
}
END_TEST

/* Given up, an early stream is over: its answer, whichever, and all else for it were under way. */
START_TEST(early_given_up)
{
	struct opened o = {0};
	start(true);
	ck_assert_int_eq(open_early(d, &o, "a"), 0);
	settle();
	rtun_op_cancel(&o.op);
	settle();
	hear(FRAME_RESET, 1);
	ck_assert_uint_eq(heard.count, 1);
	if (_i & 1)
		rtun_close(&o.s);
	settle();
	if (_i & 2) {
		SAY(FRAME_FAIL, 1, WHY("\x01"));
	} else {
		SAY(FRAME_OK, 1, OK);
		SAY(FRAME_DATA, 1, "x");
		SAY(FRAME_CREDIT, 1, NUMBER("\x01"));
		SAY(FRAME_FIN, 1, "");
	}
	ck_assert_int_eq(d->ended, 0);
	ck_assert_int_eq(o.calls, 0);
	rtun_close(&o.s);
	settle();
	hear(FRAME_RESET, 1);
	ck_assert_uint_eq(heard.count, 0);
	ck_assert_uint_eq(mux_counters(d->mux)->streams, 0);
}
END_TEST

/* The text of a FAIL: any bytes, any length. */
START_TEST(fail_text)
{
	uint8_t p[300] = {TLV_REASON, 0, 1, RTUN_EDNS, TLV_TEXT, 0, 255};
	struct opened o = {0}, o2 = {0};
	memset(p + 7, 'x', 256);
	start(true);
	ck_assert_int_eq(open_to(d, &o, "a"), 0);
	ck_assert_int_eq(open_to(d, &o2, "a"), 0);
	settle();
	say(FRAME_FAIL, 1, p, 7 + 255);
	ck_assert_uint_eq(o.err, RTUN_EDNS);
	ck_assert_uint_eq(strlen(o.why), 255);
	p[5] = 1; /* 256 */
	p[6] = 0;
	say(FRAME_FAIL, 2, p, 7 + 256);
	assert_broken("a text of 256 bytes");
	ck_assert_uint_eq(o2.err, RTUN_ENOEXIT);
}
END_TEST

/* ---- alive? ---- */

static uint64_t ends_after(void)
{
	uint64_t began = rtun_now(&hc.ctx);
	while (!d->ended && rtun_now(&hc.ctx) - began < 100 * RTUN_S)
		loop_advance(bed.loop, 100 * RTUN_MS);
	return (rtun_now(&hc.ctx) - began) / RTUN_MS;
}

/* With a stream that is idle, too, it has 40 s; without any, 10 s after the ping. */
START_TEST(silence_idle)
{
	bool streams = _i & 2;
	start(_i & 1);
	d->mux->counters.streams = streams;
	SAY(FRAME_PONG, 0, "notaping"); /* means nothing */
	ck_assert_uint_ne(d->mux->ping_sent, 0);
	say(FRAME_PONG, 0, d->mux->ping, PING_BYTES);
	ck_assert_uint_eq(d->mux->ping_sent, 0);
	raw->len = 0;
	loop_advance(bed.loop, 14 * RTUN_S);
	hear(FRAME_PING, 0);
	ck_assert_uint_eq(heard.count, 0);
	loop_advance(bed.loop, 4 * RTUN_S);
	hear(FRAME_PING, 0);
	ck_assert_uint_eq(heard.count, 1);
	uint64_t ms = ends_after();
	ck_assert_uint_ge(ms, streams ? 19900 : 7000);
	ck_assert_uint_le(ms, streams ? 20100 : 9100);
	ck_assert_uint_eq(d->end_err, streams ? RTUN_ETIMEOUT : RTUN_EUNREACHABLE);
}
END_TEST

/* Another connection was lost: who has streams is given more time. */
START_TEST(suspected)
{
	bool streams = _i & 2;
	start(_i & 1);
	say(FRAME_PONG, 0, d->mux->ping, PING_BYTES);
	raw->len = 0;
	d->mux->counters.streams = streams;
	mux_suspect(d->mux);
	settle();
	hear(FRAME_PING, 0);
	ck_assert_uint_eq(heard.count, 1);
	uint64_t ms = ends_after();
	ck_assert_uint_ge(ms, streams ? 7900 : 900);
	ck_assert_uint_le(ms, streams ? 8100 : 1100);
	ck_assert_uint_eq(d->end_err, RTUN_ETIMEOUT);
}
END_TEST

/* It goes on to ask, and hears no answer. */
START_TEST(deaf)
{
	start(_i);
	say(FRAME_PONG, 0, d->mux->ping, PING_BYTES);
	uint64_t began = rtun_now(&hc.ctx);
	while (!d->ended && rtun_now(&hc.ctx) - began < 100 * RTUN_S) {
		loop_advance(bed.loop, RTUN_S);
		if (!d->ended)
			SAY(FRAME_PING, 0, "12345678");
	}
	ck_assert_uint_ge(rtun_now(&hc.ctx) - began, 24 * RTUN_S);
	ck_assert_uint_le(rtun_now(&hc.ctx) - began, 28 * RTUN_S);
	ck_assert_uint_eq(d->end_err, RTUN_EUNREACHABLE);
}
END_TEST

/* How often it asks before it takes a path for a long one; `ms` are the answers' delays. */
static uint32_t asks(const uint32_t *ms, uint32_t n)
{
	uint32_t asked = 1; /* start() has dropped it */
	d->mux->bbr_asks = 4; /* as with common->bbr */
	for (uint32_t i = 0; i < n; i++) {
		loop_advance(bed.loop, ms[i] * RTUN_MS);
		say(FRAME_PONG, 0, d->mux->ping, PING_BYTES);
		hear(FRAME_PING, 0);
		asked += heard.count;
		if (!heard.count)
			break;
	}
	return asked;
}

START_TEST(long_path_is_sure)
{
	static const struct {
		uint32_t ms[6], asks;
	} rows[] = {
		{{1, 1, 1, 1, 1, 1}, 1}, {{50, 50, 50, 50, 50, 50}, 4}, {{50, 1, 50, 50, 50, 50}, 2}, {{50, 50, 50, 2, 50, 50}, 4}};
	start(_i % 2);
	ck_assert_uint_eq(asks(rows[_i / 2].ms, 6), rows[_i / 2].asks);
	ck_assert_uint_eq(d->mux->bbr_asks, 0);
	ck_assert_uint_le(d->mux->rtt_min, (_i / 2 == 1 ? 52 : 4) * RTUN_MS);
}
END_TEST

START_TEST(silence_busy)
{
	struct opened o = {0};
	start(true);
	SAY(FRAME_PONG, 0, "notaping"); /* means nothing */
	ck_assert_uint_ne(d->mux->ping_sent, 0);
	say(FRAME_PONG, 0, d->mux->ping, PING_BYTES);
	ck_assert_uint_eq(d->mux->ping_sent, 0);
	raw->len = 0;
	loop_advance(bed.loop, (uint64_t)_i * RTUN_S);
	ck_assert_int_eq(open_to(d, &o, "a"), 0);
	loop_advance(bed.loop, 6 * RTUN_S);
	hear(FRAME_PING, 0);
	ck_assert_uint_ge(heard.count, 1);
	uint64_t ms = ends_after();
	ck_assert_uint_ge(ms, 1900);
	ck_assert_uint_le(ms, 2100); /* 8 s in all */
	ck_assert_uint_eq(d->end_err, RTUN_ETIMEOUT);
	ck_assert_uint_eq(o.err, RTUN_ENOEXIT);
}
END_TEST

/* Who was away himself (a machine that had no time, or slept) reads what has come before he gives up. */
START_TEST(late_to_look)
{
	start(_i);
	say(FRAME_PONG, 0, d->mux->ping, PING_BYTES);
	loop_advance(bed.loop, 18 * RTUN_S);
	d->end.wants_read = false; /* it comes, and nobody says so */
	say(FRAME_PONG, 0, d->mux->ping, PING_BYTES);
	ck_assert_uint_ne(d->mux->ping_sent, 0);
	loop_advance(bed.loop, 22 * RTUN_S);
	ck_assert(!d->ended);
	ck_assert_uint_eq(d->end.len, 0);
	ends_after();
	ck_assert_uint_eq(d->end_err, RTUN_EUNREACHABLE);
}
END_TEST

/* Doubted, it has a second: anything that it says is enough, and doubting again gives it no more. */
START_TEST(doubted)
{
	start(_i);
	say(FRAME_PONG, 0, d->mux->ping, PING_BYTES);
	raw->len = 0;
	mux_doubt(d->mux);
	loop_advance(bed.loop, 900 * RTUN_MS);
	hear(FRAME_PING, 0);
	ck_assert_uint_eq(heard.count, 1);
	SAY(FRAME_PONG, 0, "notaping");
	loop_advance(bed.loop, 5 * RTUN_S);
	ck_assert(!d->ended);
	mux_doubt(d->mux);
	loop_advance(bed.loop, 500 * RTUN_MS);
	mux_doubt(d->mux);
	uint64_t ms = ends_after();
	ck_assert_uint_ge(ms, 400);
	ck_assert_uint_le(ms, 600);
	ck_assert_uint_eq(d->end_err, RTUN_ETIMEOUT);
}
END_TEST

/* A peer that asks and never takes the answers: memory stays, reading stops, silence ends it. */
START_TEST(flood)
{
	start(false);
	d->end.stalled = true;
	for (int i = 0; i < 2500 && d->end.len < PIPE_CAP - 70000; i++) {
		for (int k = 0; k < 3000; k++)
			put(FRAME_PING, 0, "12345678", 8);
		deliver();
	}
	ck_assert_uint_gt(d->end.len, PIPE_CAP / 2); /* it is not read any more */
	ck_assert_int_eq(d->ended, 0);
	d->end.stalled = false;
	for (int i = 0; i < 200; i++) {
		pipe_wake(&d->end);
		settle();
		raw->len = 0;
	}
	ck_assert_uint_eq(d->end.len, 0); /* and now it is */
	ck_assert_int_eq(d->ended, 0);
	d->end.stalled = true;
	ck_assert_uint_le(ends_after(), 45000);
	ck_assert_int_eq(d->ended, 1);
}
END_TEST

/* ---- records that somebody between the ends has touched ---- */

struct keys {
	struct noise_cipher send, receive;
	struct record_crypto crypto;
};

static int key_seal(void *self, uint8_t *p, size_t len)
{
	return noise_seal(&((struct keys *)self)->send, p, len);
}

static int key_open(void *self, uint8_t *p, size_t len)
{
	return noise_open(&((struct keys *)self)->receive, p, len);
}

static void keys_init(struct keys *k, uint8_t send, uint8_t receive)
{
	uint8_t key[32];
	memset(key, send, 32);
	noise_cipher_init(&k->send, key);
	memset(key, receive, 32);
	noise_cipher_init(&k->receive, key);
	k->crypto = (struct record_crypto){k, key_seal, key_open};
}

static void keys_fini(struct keys *k)
{
	noise_cipher_fini(&k->send);
	noise_cipher_fini(&k->receive);
}

/* A record with a CONNECT, sealed by `k`. */
static uint32_t sealed(struct keys *k, uint32_t id)
{
	out_len = 0;
	put(FRAME_CONNECT, id, TARGET, sizeof(TARGET) - 1);
	ck_assert_int_eq(noise_seal(&k->send, out + WIRE_LENGTH, out_len), 0);
	uint32_t len = WIRE_LENGTH + out_len + WIRE_TAG;
	out[0] = (uint8_t)((len - WIRE_LENGTH) >> 8);
	out[1] = (uint8_t)(len - WIRE_LENGTH);
	out_len = 0;
	return len;
}

static void touched(uint32_t flip, bool replay, bool drop, bool reflect)
{
	struct keys ours, theirs;
	keys_init(&ours, 1, 2);
	keys_init(&theirs, 2, 1);
	memset(d, 0, sizeof(*d));
	start_with(false, &ours.crypto);
	d->answer = ANSWER_LATER;
	uint32_t len = sealed(reflect ? &ours : &theirs, 1);
	if (flip < 8 * len)
		out[flip / 8] ^= (uint8_t)(1U << flip % 8);
	if (!drop)
		pipe_push(&d->end, out, len);
	if (replay)
		pipe_push(&d->end, out, len);
	else if (drop || flip < 16) /* a length that is too long waits for what follows */
		for (int i = 0; i < 1100; i++)
			pipe_push(&d->end, out, sealed(&theirs, 2));
	settle();
	if (flip == UINT32_MAX && !replay && !drop && !reflect)
		ck_assert_int_eq(d->ended, 0);
	else
		assert_broken("touched");
	ck_assert_int_eq(d->connects, flip == UINT32_MAX && !drop && !reflect);
	side_stop(d);
	settle();
	keys_fini(&ours);
	keys_fini(&theirs);
	memset(d, 0, sizeof(*d));
}

START_TEST(every_bit)
{
	struct keys k;
	keys_init(&k, 2, 1);
	uint32_t len = sealed(&k, 1);
	keys_fini(&k);
	touched(UINT32_MAX, false, false, false);
	for (uint32_t bit = 0; bit < 8 * len; bit++)
		touched(bit, false, false, false);
	touched(UINT32_MAX, true, false, false);
	touched(UINT32_MAX, false, true, false);
	touched(UINT32_MAX, false, false, true);
}
END_TEST

#define ROWS(a) (int)(sizeof(a) / sizeof((a)[0]))

int main(void)
{
	Suite *s = suite_create("mux_peer");
	TCase *t = tcase_create("peer");
	if (sodium_init() < 0)
		return 1;
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, rules, 0, ROWS(spoken));
	tcase_add_test(t, malformed_records);
	tcase_add_loop_test(t, cut_everywhere, 0, 2);
	tcase_add_loop_test(t, window, 0, 3);
	tcase_add_test(t, credit);
	tcase_add_test(t, no_empty_records);
	tcase_add_loop_test(t, late_frames, 0, 2);
	tcase_add_loop_test(t, after_fin, 0, 2);
	tcase_add_loop_test(t, before_ok, 0, 10);
	tcase_add_loop_test(t, early_frames, 0, 2);
	tcase_add_loop_test(t, early_given_up, 0, 4);
	tcase_add_test(t, fail_text);
	tcase_add_loop_test(t, silence_idle, 0, 4);
	tcase_add_loop_test(t, suspected, 0, 4);
	tcase_add_loop_test(t, silence_busy, 0, 26); /* later, it is over */
	tcase_add_loop_test(t, long_path_is_sure, 0, 8);
	tcase_add_loop_test(t, deaf, 0, 2);
	tcase_add_loop_test(t, late_to_look, 0, 2);
	tcase_add_loop_test(t, doubted, 0, 2);
	tcase_add_test(t, flood);
	tcase_add_test(t, every_bit);
	suite_add_tcase(s, t);
	return bed_run(s);
}
