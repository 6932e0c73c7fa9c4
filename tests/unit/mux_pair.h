/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mux_pair.h - two muxes that talk to each other over a carrier of mux_bed.h.
 */
#ifndef MUX_PAIR_H
#define MUX_PAIR_H

#include "mux_bed.h"

#define WINDOW 65536U

static struct side *opener, *acceptor;

static void setup(void)
{
	bed_setup(true, &hc);
	opener = calloc(1, sizeof(*opener));
	acceptor = calloc(1, sizeof(*acceptor));
}

static void teardown(void)
{
	side_stop(opener);
	side_stop(acceptor);
	ck_assert_uint_eq(loop_buffers(bed.loop)->used, 0);
	bed_teardown();
	free(opener);
	free(acceptor);
}

static void pair(uint32_t window)
{
	ck_assert_int_eq(pipe_end_init(&opener->end, &acceptor->end, false), 0);
	ck_assert_int_eq(pipe_end_init(&acceptor->end, &opener->end, false), 0);
	ck_assert_int_eq(side_start(opener, true, window, window, &null_crypto), 0);
	ck_assert_int_eq(side_start(acceptor, false, window, window, &null_crypto), 0);
}

static void settle(void)
{
	loop_advance(bed.loop, 50 * RTUN_MS);
}

/* What has come: bytes, 0 at the end, or a negative error. */
static inline int64_t take(struct rtun_stream *s)
{
	uint8_t b[64];
	return rtun_read(s, b, sizeof(b));
}

#endif
