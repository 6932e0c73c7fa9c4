/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mux_raw.h - one mux, and a peer that is the test itself: it writes the records and reads the answers.
 */
#ifndef MUX_RAW_H
#define MUX_RAW_H

#include "mux_bed.h"

#define WINDOW 16384U

static struct side *d;
static struct pipe_end *raw; /* what the mux sends is in raw->q */

static void setup(void)
{
	bed_setup(true, &hc);
	d = calloc(1, sizeof(*d));
	raw = calloc(1, sizeof(*raw));
}

static void teardown(void)
{
	side_stop(d);
	ck_assert_uint_eq(loop_buffers(bed.loop)->used, 0);
	bed_teardown();
	free(d);
	free(raw);
}

static void start_with(bool opener, const struct record_crypto *crypto)
{
	ck_assert_int_eq(pipe_end_init(&d->end, raw, false), 0);
	ck_assert_int_eq(pipe_end_init(raw, &d->end, true), 0);
	ck_assert_int_eq(side_start(d, opener, WINDOW, WINDOW, crypto), 0);
	loop_advance(bed.loop, RTUN_MS);
	raw->len = 0; /* the first ping */
}

static void start(bool opener)
{
	start_with(opener, &null_crypto);
}

static void settle(void)
{
	loop_advance(bed.loop, RTUN_MS);
}

/* ---- frames of the test ---- */

static uint8_t out[65600];
static uint32_t out_len; /* of plaintext, behind the length */

static void put(uint8_t type, uint32_t id, const void *p, uint32_t len)
{
	uint8_t *q = out + WIRE_LENGTH + out_len;
	const uint8_t head[WIRE_FRAME] = {
		type, 0, (uint8_t)(len >> 8), (uint8_t)len, (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
	memcpy(q, head, WIRE_FRAME);
	if (len)
		memcpy(q + WIRE_FRAME, p, len);
	out_len += WIRE_FRAME + len;
}

static void seal(void)
{
	memset(out + WIRE_LENGTH + out_len, NULL_TAG, WIRE_TAG);
	out_len += WIRE_TAG;
	out[0] = (uint8_t)(out_len >> 8);
	out[1] = (uint8_t)out_len;
}

static void deliver(void)
{
	seal();
	ck_assert_uint_eq(pipe_push(&d->end, out, WIRE_LENGTH + out_len), WIRE_LENGTH + out_len);
	out_len = 0;
	settle();
}

static inline void say(uint8_t type, uint32_t id, const void *p, uint32_t len)
{
	put(type, id, p, len);
	deliver();
}
#define SAY(type, id, text) say(type, id, text, sizeof(text) - 1)

#define TARGET "\x03\0\x01x\x04\0\x02\0\x50"
#define OK "\x04\0\x02\0\0"
#define WHY(n) "\x05\0\x01" n
#define NUMBER(n) "\0\0\0" n

/* Frames of `type` for `id` that the mux has sent since the last call; their payload's bytes (of CREDIT: the sum). */
static struct {
	uint32_t count, records;
	uint64_t bytes, credit;
	uint8_t last[256];
	uint32_t last_len;
} heard;

static inline void hear(uint8_t type, uint32_t id)
{
	memset(&heard, 0, sizeof(heard));
	size_t at = 0;
	while (at < raw->len) {
		uint32_t n = (uint32_t)raw->q[at] << 8 | raw->q[at + 1];
		ck_assert_uint_ge(n, WIRE_TAG + WIRE_FRAME); /* no empty record */
		const uint8_t *p = raw->q + at + WIRE_LENGTH, *end = p + n - WIRE_TAG;
		heard.records++;
		while (p < end) {
			uint32_t len = (uint32_t)p[2] << 8 | p[3], i = (uint32_t)p[4] << 24 | (uint32_t)p[5] << 16 | (uint32_t)p[6] << 8 | p[7];
			ck_assert_uint_eq(p[1], 0);
			if (p[0] == type && i == id) {
				heard.count++;
				heard.bytes += len;
				heard.last_len = len;
				memcpy(heard.last, p + WIRE_FRAME, len < 256 ? len : 256);
				if (type == FRAME_CREDIT)
					heard.credit += (uint32_t)p[8] << 24 | (uint32_t)p[9] << 16 | (uint32_t)p[10] << 8 | p[11];
			}
			p += WIRE_FRAME + len;
		}
		ck_assert_ptr_eq(p, end);
		at += WIRE_LENGTH + n;
	}
	ck_assert_uint_eq(at, raw->len);
	raw->len = 0;
	pipe_wake(&d->end);
}

static inline void assert_broken(const char *what)
{
	ck_assert_msg(d->ended == 1, "%s: ended %d times", what, d->ended);
	ck_assert_uint_eq(d->end_err, RTUN_ERESET);
	ck_assert_str_eq(d->end_why, "the other end broke the protocol");
	ck_assert_msg(d->end.destroyed, "%s: the carrier lives", what);
}

#endif
