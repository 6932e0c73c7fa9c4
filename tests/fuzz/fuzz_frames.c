/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Frames: a peer with good keys that sends whatever it likes, in records of any length, to an opener (of streams that are
 * early or not) and to an acceptor (that answers at once, later or never) whose streams are read a little. Nothing but the end
 * of the connection may come of it, and no memory beyond the windows.
 */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "loop.h"
#include "relay.h"
#include "stream.h"
#include "timer.h"

#include "../../modules/transport_noise/mux.h"
#include "../../modules/transport_noise/report.h"

#define WINDOW 16384U
#define STREAMS 8

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static int no_option(struct rtun_stream *s, uint32_t option, uint64_t value)
{
	(void)s, (void)option, (void)value;
	return -RTUN_ENOTSUP;
}

const struct rtun_host host_table = {
	.size = sizeof(host_table), .now = host_now, .timer_create = host_timer_create, .timer_start = host_timer_start,
	.timer_stop = host_timer_stop, .timer_destroy = host_timer_destroy, .defer_create = host_defer_create,
	.defer_start = host_defer_start, .defer_destroy = host_defer_destroy, .op_create = host_op_create, .op_cancel = host_op_cancel,
	.op_done = host_op_done, .stream_readv = host_stream_readv, .stream_peek = host_stream_peek, .stream_consume = host_stream_consume,
	.stream_writev = host_stream_writev, .stream_put = host_stream_put, .stream_shutdown = host_stream_shutdown,
	.stream_abort = host_stream_abort, .stream_want = host_stream_want, .stream_on_ready = host_stream_on_ready,
	.stream_close = host_stream_close, .stream_finish = host_stream_finish, .stream_create = host_stream_create,
	.stream_feed = host_stream_feed, .stream_feed_end = host_stream_feed_end, .stream_ready = host_stream_ready,
	.stream_pull = host_stream_pull, .stream_failed = host_stream_failed, .stream_option = no_option,
};

static struct host_ctx hc;
static struct mux *mux;
static struct mux_stream *asked[STREAMS]; /* an acceptor's, not answered yet */
static struct rtun_stream *carrier, *streams[STREAMS];
static struct rtun_op *ops[STREAMS];
static uint32_t count;
static const uint8_t *input;
static size_t input_len;
static uint8_t choice;

static int seal(void *self, uint8_t *p, size_t len)
{
	(void)self;
	memset(p + len, 0, WIRE_TAG);
	return 0;
}

static int open_record(void *self, uint8_t *p, size_t len)
{
	(void)self, (void)p;
	return (int)(len - WIRE_TAG);
}

/* Records made of the input: a byte of length, that many bytes of frames. */
static int64_t carrier_read(void *self, const struct iovec *v, uint32_t n)
{
	uint8_t *to = v[0].iov_base;
	(void)self, (void)n;
	if (!input_len || v[0].iov_len < 512)
		return -RTUN_EAGAIN;
	size_t len = input[0] < input_len - 1 ? input[0] : input_len - 1;
	to[0] = 0;
	to[1] = (uint8_t)(len + WIRE_TAG);
	if (len + WIRE_TAG > 255)
		to[0] = 1;
	memcpy(to + WIRE_LENGTH, input + 1, len);
	memset(to + WIRE_LENGTH + len, 0, WIRE_TAG);
	input += 1 + len;
	input_len -= 1 + len;
	return (int64_t)(WIRE_LENGTH + len + WIRE_TAG);
}

static int64_t carrier_writev(void *self, const struct iovec *v, uint32_t n)
{
	(void)self;
	return (int64_t)iov_total(v, n);
}

static void carrier_want(void *self, uint32_t events)
{
	(void)self;
	if (!input_len)
		events &= ~RTUN_READ;
	if (events)
		rtun_ready(carrier, events);
}

static const struct rtun_stream_ops carrier_ops = {
	.size = sizeof(carrier_ops), .read = carrier_read, .writev = carrier_writev, .want = carrier_want};

static void on_opened(void *arg, uint32_t err, const char *why, struct rtun_stream **s, const struct rtun_addr *bound)
{
	uint32_t i = (uint32_t)((struct rtun_op **)arg - ops);
	(void)bound;
	if (err > RTUN_ESELECTOR || !why || strlen(why) > 255)
		abort();
	ops[i] = NULL;
	if (*s) {
		streams[i] = *s;
		*s = NULL;
	}
}

static void answer(struct mux_stream *ms, uint32_t i)
{
	static const struct rtun_addr none;
	if (i < STREAMS && choice & 2)
		mux_accept(ms, &none, &streams[i]);
	else if (choice & 4)
		mux_refuse(ms, RTUN_EDENIED, "no");
}

static void on_gone(void *arg)
{
	*(struct mux_stream **)arg = NULL;
}

static void on_connect(void *arg, struct mux_stream *ms, const struct mux_target *target)
{
	uint32_t i = count < STREAMS ? count++ : STREAMS;
	(void)arg;
	if (target->protocol == WIRE_TCP && !target->name[0] && target->addr.family != 4 && target->addr.family != 6)
		abort();
	if (!(choice & 64) || i == STREAMS) {
		answer(ms, i);
		return;
	}
	asked[i] = ms;
	mux_on_gone(ms, on_gone, &asked[i]);
}

static void answer_all(void)
{
	for (uint32_t i = 0; i < STREAMS; i++) {
		struct mux_stream *ms = asked[i];
		asked[i] = NULL;
		if (ms)
			mux_on_gone(ms, NULL, NULL);
		if (ms)
			answer(ms, i);
	}
}

static void open_all(void)
{
	struct mux_target target = {.name = "x", .addr = {.port = 80}};
	for (uint32_t i = 0; i < STREAMS; i++) {
		bool early = choice & 64 && i % 2 == 0;
		target.protocol = i % 3 ? WIRE_TCP : WIRE_UDP;
		if (mux_open(mux, &target, on_opened, &ops[i], &ops[i], early ? &streams[i] : NULL) < 0)
			abort();
		if (early)
			rtun_put(streams[i], "early", 5);
		if (early && choice & 128)
			rtun_shutdown(streams[i]);
	}
}

static int on_frame(void *arg, uint8_t type, const uint8_t *p, uint32_t len)
{
	struct report r;
	(void)arg;
	if (type != FRAME_INFO)
		return -1;
	if (report_read(p, len, &r) && ((r.machine.battery > 100 && r.machine.battery != BATTERY_UNKNOWN) || r.machine.power >= POWERS ||
					r.machine.network >= NETWORKS || r.streams > INT64_MAX || r.denied > INT64_MAX))
		abort();
	return 0;
}

static void on_ended(void *arg, uint32_t err, const char *why)
{
	(void)arg, (void)why;
	if (!err)
		abort();
	mux_destroy(&mux);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const struct mux_events events = {.connect = on_connect, .frame = on_frame, .ended = on_ended};
	const struct record_crypto crypto = {NULL, seal, open_record};
	struct mux_common common;
	uint8_t b[700];
	if (len < 1 || len > 65536)
		return 0;
	choice = p[0];
	input = p + 1;
	input_len = len - 1;
	count = 0;
	struct mux_setup setup = {.common = &common, .crypto = &crypto, .events = &events, .peer_window = WINDOW, .opener = choice & 1};
	hc = (struct host_ctx){.ctx = {.host = &host_table, .instance = "fuzz"}};
	if (loop_create_virtual(&hc.loop) < 0 || mux_common_init(&common, &hc.ctx, WINDOW) < 0 ||
	    rtun_stream_create(&hc.ctx, &carrier_ops, NULL, &carrier) < 0)
		abort();
	struct rtun_stream *s = carrier;
	if (mux_create(&setup, &s, &mux) < 0)
		abort();
	if (choice & 1)
		open_all();
	for (int k = 0; k < 30 && mux; k++) {
		loop_turn(hc.loop);
		if (loop_buffers(hc.loop)->used > 1000 * 2 * WINDOW)
			abort();
		for (uint32_t i = 0; i < STREAMS; i++)
			if (streams[i] && rtun_read(streams[i], b, sizeof(b)) > 0 && choice & 8)
				rtun_put(streams[i], b, 40);
		if (choice & 16 && k == 4)
			rtun_close(&streams[0]);
		if (choice & 32 && k == 3) {
			rtun_op_cancel(&ops[1]);
			rtun_op_cancel(&ops[2]);
		}
		if (k == 5)
			answer_all();
	}
	mux_destroy(&mux);
	for (uint32_t i = 0; i < STREAMS; i++)
		rtun_close(&streams[i]);
	loop_turn(hc.loop);
	if (loop_buffers(hc.loop)->used)
		abort();
	mux_common_fini(&common);
	loop_destroy(&hc.loop);
	return 0;
}
