/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mux.c - a mux's carrier: records in, frames out of them, is the peer alive, and the end.
 */
#include "mux.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "mux_private.h"

/* Silence, in which something was asked or not, before a ping; and after the ping before the peer is given up: sooner where its
 * way may have gone. */
#define TICK (2 * RTUN_S)
#define PING_BUSY (3 * RTUN_S)
#define PING_IDLE (15 * RTUN_S)
#define DEAD_BUSY (8 * RTUN_S)
#define DEAD_IDLE (38 * RTUN_S)
#define DEAD_DEAF (10 * RTUN_S)
#define DOUBT RTUN_S
#define BBR_ASKS 4
/* Where a read goes: behind room for the record that the read before had only begun. Page-aligned, which the kernel's
 * copy likes better than whatever offset the record's rest would give. */
#define READ_AT ((WIRE_LENGTH + WIRE_RECORD_MAX + 4095U) & ~4095U)

int mux_common_init(struct mux_common *c, struct rtun_ctx *ctx, uint32_t window)
{
	*c = (struct mux_common){.ctx = ctx, .window = window, .window_max = window};
	c->receive = aligned_alloc(4096, READ_AT + MUX_RECEIVE);
	return c->receive ? 0 : -RTUN_ENOMEM;
}

void mux_common_fini(struct mux_common *c)
{
	record_pool_fini(&c->records);
	free(c->receive);
	c->receive = NULL;
}

const struct mux_counters *mux_counters(const struct mux *m)
{
	return &m->counters;
}

void mux_counters_keep(struct mux_counters *sum, const struct mux_counters *c)
{
	sum->bytes_in += c->bytes_in;
	sum->bytes_out += c->bytes_out;
	sum->streams_total += c->streams_total;
	sum->denied += c->denied;
}

void mux_counters_add(struct mux_counters *sum, const struct mux_counters *c)
{
	mux_counters_keep(sum, c);
	sum->streams += c->streams;
	if (c->rtt && (!sum->rtt || c->rtt < sum->rtt))
		sum->rtt = c->rtt;
}

/* ---- frames about the connection ---- */

static int on_ping(struct mux *m, uint32_t id, const uint8_t *p, uint32_t len)
{
	if (len != PING_BYTES || id)
		return -1;
	mux_send(m, FRAME_PONG, p, len);
	return 0;
}

static void send_ping(struct mux *m)
{
	if (getrandom(m->ping, PING_BYTES, GRND_NONBLOCK) != PING_BYTES)
		return;
	m->ping_sent = m->last_ping = rtun_now(m->ctx);
	mux_send(m, FRAME_PING, m->ping, PING_BYTES);
	if (m->events->ping)
		m->events->ping(m->arg, m);
}

/* BBR keeps its speed where packets are lost, and paces what it sends; on a short path that costs a quarter of the processor
 * and gains nothing. Where it may not be chosen, the system's stays. One late answer is not a long path, only a busy machine:
 * several have to say so. */
static void learn_rtt(struct mux *m)
{
	uint64_t rtt = m->counters.rtt;
	if (!m->rtt_min || rtt < m->rtt_min)
		m->rtt_min = rtt;
	if (m->rtt_min < MUX_LONG)
		m->bbr_asks = 0;
	if (!m->bbr_asks)
		return;
	if (--m->bbr_asks)
		send_ping(m);
	else
		rtun_stream_option(m->carrier, RTUN_SO_CONGESTION_BBR, 1);
}

/* Only the answer to the last ping counts: a peer must not be able to look nearer than it is. */
static int on_pong(struct mux *m, uint32_t id, const uint8_t *p, uint32_t len)
{
	if (len != PING_BYTES || id)
		return -1;
	if (m->ping_sent && memcmp(p, m->ping, PING_BYTES) == 0) {
		m->counters.rtt = rtun_now(m->ctx) - m->ping_sent;
		m->ping_sent = 0;
		learn_rtt(m);
	}
	return 0;
}

static int on_frame(struct mux *m, uint8_t type, uint32_t id, const uint8_t *p, uint32_t len)
{
	static int (*const rows[])(struct mux *, uint32_t, const uint8_t *, uint32_t) = {
		[FRAME_CONNECT] = mux_on_connect, [FRAME_OK] = mux_on_ok,       [FRAME_FAIL] = mux_on_fail,
		[FRAME_DATA] = mux_on_data,       [FRAME_FIN] = mux_on_fin,     [FRAME_RESET] = mux_on_reset,
		[FRAME_CREDIT] = mux_on_credit,   [FRAME_PING] = on_ping,       [FRAME_PONG] = on_pong,
	};
	if (type >= FRAME_IGNORED)
		return 0;
	if (type != FRAME_DATA)
		mux_batch_flush(m); /* the order of frames is the order of effects */
	if (m->dead)
		return 0;
	if (type < sizeof(rows) / sizeof(rows[0]) && rows[type])
		return rows[type](m, id, p, len);
	return type && !id && m->events->frame ? m->events->frame(m->arg, type, p, len) : -1;
}

static int on_record(struct mux *m, const uint8_t *p, uint32_t len)
{
	while (len) {
		if (len < WIRE_FRAME)
			return -1;
		uint32_t n = (uint32_t)p[2] << 8 | p[3];
		uint32_t id = (uint32_t)p[4] << 24 | (uint32_t)p[5] << 16 | (uint32_t)p[6] << 8 | p[7];
		if (n > len - WIRE_FRAME || on_frame(m, p[0], id, p + WIRE_FRAME, n) < 0)
			return -1;
		if (m->dead)
			return 0;
		p += WIRE_FRAME + n;
		len -= WIRE_FRAME + n;
	}
	return 0;
}

/* ---- receiving ---- */

static void prove(struct mux *m)
{
	m->proved = true;
	if (m->events->proved)
		m->events->proved(m->arg);
}

/* All whole records in p: how many bytes they were, or -1. */
static int64_t on_bytes(struct mux *m, uint8_t *p, uint32_t len)
{
	uint32_t used = 0;
	while (!m->dead && m->carrier && len - used >= WIRE_LENGTH) {
		uint8_t *r = p + used;
		uint32_t n = (uint32_t)r[0] << 8 | r[1];
		if (n < WIRE_TAG)
			return -1;
		if (len - used - WIRE_LENGTH < n)
			break;
		int plain = m->open_with->open(m->open_with->self, r + WIRE_LENGTH, n);
		if (plain >= 0 && !m->proved)
			prove(m);
		if (plain < 0 || on_record(m, r + WIRE_LENGTH, (uint32_t)plain) < 0)
			return -1;
		used += WIRE_LENGTH + n;
	}
	if (!m->dead)
		mux_batch_flush(m);
	return used;
}

static int keep_partial(struct mux *m, const uint8_t *p, uint32_t len)
{
	if (len && !m->partial && !(m->partial = malloc(WIRE_LENGTH + WIRE_RECORD_MAX)))
		return -1;
	if (len)
		memcpy(m->partial, p, len);
	m->partial_len = len;
	return 0;
}

/* What is not read stays at the exit: its mux pulls from its streams only what the carrier takes. */
static bool may_read(struct mux *m)
{
	if (m->out.bytes >= MUX_QUEUE_STOP) {
		m->reading_stopped = true;
		return false;
	}
	if (!m->meter || meter_room(m->meter, METER_DOWN, &m->waits[METER_DOWN]))
		return true;
	meter_wait(m->meter, METER_DOWN, &m->waits[METER_DOWN]);
	return false;
}

static uint64_t read_size(struct mux *m)
{
	uint64_t room = m->meter ? meter_room(m->meter, METER_DOWN, &m->waits[METER_DOWN]) : MUX_RECEIVE;
	return room < MUX_READ_MIN ? MUX_READ_MIN : room < MUX_RECEIVE ? room : MUX_RECEIVE;
}

/* One read. */
static void receive(struct mux *m)
{
	uint32_t before = m->partial_len;
	uint8_t *at = m->common->receive + READ_AT, *buf = at - before;
	int64_t n = rtun_read(m->carrier, at, read_size(m));
	if (n == -RTUN_EAGAIN)
		return;
	if (n <= 0) {
		mux_end(m, n == 0 ? RTUN_ETRUNCATED : (uint32_t)-n, n == 0 ? "the other end closed the connection" : "the connection broke");
		return;
	}
	m->last_received = rtun_now(m->ctx);
	m->asked = m->doubt = 0;
	if (m->meter)
		meter_charge(m->meter, METER_DOWN, (uint64_t)n);
	if (before)
		memcpy(buf, m->partial, before);
	uint32_t len = before + (uint32_t)n;
	int64_t used = on_bytes(m, buf, len);
	if (m->dead)
		return;
	if (used < 0 || keep_partial(m, buf + used, len - (uint32_t)used) < 0) {
		mux_end(m, RTUN_ERESET, used < 0 ? "the other end broke the protocol" : "out of memory");
		return;
	}
}

static void on_carrier(void *arg, struct rtun_stream *s, uint32_t events)
{
	struct mux *m = arg;
	(void)s;
	if (events & RTUN_WRITE) {
		m->waits_for_write = false;
		if (m->asked)
			m->asked = rtun_now(m->ctx); /* it takes what we send: slow is not dead */
		if (m->doubt)
			m->doubt = rtun_now(m->ctx) + DOUBT;
		mux_schedule(m);
	}
	if (!(events & RTUN_READ))
		return;
	if (may_read(m))
		receive(m); /* once: others want their turn, too */
	if (!m->dead && m->carrier && may_read(m))
		rtun_want(m->carrier, RTUN_READ);
}

static void on_room_to_send(void *arg)
{
	mux_schedule(arg);
}

static void on_room_to_read(void *arg)
{
	struct mux *m = arg;
	if (m->carrier && !m->reading_stopped)
		rtun_want(m->carrier, RTUN_READ);
}

void mux_meter(struct mux *m, struct meter *meter)
{
	static rtun_cb *const wakes[METER_FLOWS] = {on_room_to_send, on_room_to_read};
	for (uint32_t i = 0; i < METER_FLOWS; i++) {
		bool waited = m->waits[i].at != NULL;
		if (m->meter)
			meter_leave(m->meter, i, &m->waits[i]);
		m->waits[i] = (struct meter_waiter){.wake = wakes[i], .arg = m};
		if (waited)
			wakes[i](m);
	}
	m->meter = meter;
}

void mux_receive_with(struct mux *m, const struct record_crypto *crypto)
{
	m->open_with = crypto;
}

/* ---- is the peer alive? ---- */

void mux_expect(struct mux *m)
{
	if (!m->asked)
		m->asked = rtun_now(m->ctx);
}

/* A peer that was idle before has its time to answer, too. */
static uint64_t waiting(const struct mux *m, uint64_t now)
{
	return m->asked ? now - m->asked : 0;
}

/* A ping is not answered: without streams nothing holds the answer up, and nobody would miss the connection. */
static bool deaf(const struct mux *m, uint64_t now)
{
	return m->ping_sent && !m->counters.streams && now - m->ping_sent >= DEAD_DEAF;
}

static bool overdue(const struct mux *m, uint64_t now)
{
	return deaf(m, now) || now - m->last_received >= DEAD_IDLE || waiting(m, now) >= DEAD_BUSY || (m->doubt && now >= m->doubt);
}

static uint64_t sooner(uint64_t ns, uint64_t limit, uint64_t since, uint64_t now)
{
	uint64_t left = since + limit > now ? since + limit - now : 0;
	return left < ns ? left : ns;
}

/* Every now and then, and just when it is time. */
static uint64_t next_look(const struct mux *m, uint64_t now)
{
	uint64_t ns = sooner(TICK, DEAD_IDLE, m->last_received, now);
	if (m->ping_sent && !m->counters.streams)
		ns = sooner(ns, DEAD_DEAF, m->ping_sent, now);
	if (m->asked)
		ns = sooner(ns, DEAD_BUSY, m->asked, now);
	return m->doubt ? sooner(ns, 0, m->doubt, now) : ns;
}

static void on_tick(void *arg)
{
	struct mux *m = arg;
	uint64_t now = rtun_now(m->ctx);
	if (overdue(m, now) && !m->reading_stopped)
		receive(m); /* this process may have been away itself: what has come meanwhile counts */
	if (m->dead || !m->carrier)
		return;
	if (overdue(m, now)) {
		mux_end(m, deaf(m, now) ? RTUN_EUNREACHABLE : RTUN_ETIMEOUT, "the other end does not answer");
		return;
	}
	/* Also while plenty comes: the round-trip time should be today's. */
	if (!m->ping_sent && (now - m->last_received >= PING_IDLE || waiting(m, now) >= PING_BUSY || now - m->last_ping >= PING_IDLE))
		send_ping(m);
	if (!m->partial_len) {
		free(m->partial);
		m->partial = NULL;
	}
	rtun_timer_start(m->tick, next_look(m, now));
}

void mux_doubt(struct mux *m)
{
	uint64_t patience = 3 * m->counters.rtt > DOUBT ? 3 * m->counters.rtt : DOUBT;
	if (m->doubt || !m->carrier)
		return;
	m->doubt = rtun_now(m->ctx) + patience;
	rtun_timer_start(m->tick, patience);
	send_ping(m);
}

void mux_suspect(struct mux *m)
{
	if (!m->counters.streams) {
		mux_doubt(m);
	} else if (m->carrier) {
		mux_expect(m);
		if (!m->ping_sent)
			send_ping(m);
	}
}

/* ---- life ---- */

static void on_end(void *arg)
{
	struct mux *m = arg;
	m->events->ended(m->arg, m->end_err, m->end_why);
}

void mux_end(struct mux *m, uint32_t err, const char *why)
{
	if (!m->carrier)
		return;
	rtun_close(&m->carrier);
	m->end_err = err;
	m->end_why = why;
	rtun_defer_start(m->end);
}

static void mux_free(void *arg)
{
	struct mux *m = arg;
	rtun_defer_destroy(&m->last);
	free(m->buckets);
	free(m->partial);
	free(m);
}

int mux_create(const struct mux_setup *setup, struct rtun_stream **carrier, struct mux **ret)
{
	struct mux *m = calloc(1, sizeof(*m));
	struct rtun_ctx *ctx = setup->common->ctx;
	if (!m)
		return -RTUN_ENOMEM;
	m->common = setup->common;
	m->ctx = ctx;
	m->open_with = setup->crypto;
	m->events = setup->events;
	m->arg = setup->arg;
	m->opener = setup->opener != 0;
	m->peer_window = setup->peer_window;
	m->burst = m->burst_most = 65536;
	m->bbr_asks = m->common->bbr ? BBR_ASKS : 0;
	m->last_received = rtun_now(ctx);
	record_queue_init(&m->out, &m->common->records, setup->crypto);
	if (rtun_defer_create(ctx, mux_on_flush, m, &m->flush) < 0 || rtun_defer_create(ctx, on_end, m, &m->end) < 0 ||
	    rtun_defer_create(ctx, mux_free, m, &m->last) < 0 || rtun_timer_create(ctx, on_tick, m, &m->tick) < 0) {
		mux_destroy(&m);
		return -RTUN_ENOMEM;
	}
	m->carrier = *carrier;
	*carrier = NULL;
	mux_set_lowat(m, MUX_LOWAT_MIN);
	rtun_timer_start(m->tick, TICK);
	rtun_on_ready(m->carrier, on_carrier, m);
	rtun_want(m->carrier, RTUN_READ);
	send_ping(m); /* the round-trip time, from the start */
	*ret = m;
	return 0;
}

static void orphan_all(struct mux *m)
{
	uint32_t err = m->end_err == RTUN_ETRUNCATED ? RTUN_ETRUNCATED : RTUN_ERESET;
	/* Nothing is opened any more on a mux that is being destroyed, so what was passed stays empty. */
	for (uint32_t i = 0; i < m->bucket_count; i++)
		while (m->buckets[i])
			mux_stream_orphan(m->buckets[i], err);
}

void mux_destroy(struct mux **mp)
{
	struct mux *m = *mp;
	if (!m)
		return;
	*mp = NULL;
	m->dead = true;
	mux_meter(m, NULL);
	m->batch_stream = NULL;
	orphan_all(m);
	rtun_close(&m->carrier);
	rtun_timer_destroy(&m->tick);
	rtun_defer_destroy(&m->flush);
	record_queue_fini(&m->out);
	rtun_defer_destroy(&m->end);
	/* on_bytes() and friends may be below us on the stack: the memory goes at the end of the turn. */
	if (m->last)
		rtun_defer_start(m->last);
	else
		mux_free(m);
}

void mux_goodbye(struct mux **mp, uint32_t reason)
{
	struct mux *m = *mp;
	if (!m)
		return;
	if (m->carrier) {
		mux_send_reason(m, FRAME_CLOSE, 0, reason, NULL);
		record_seal(&m->out);
		if (record_flush(&m->out, m->carrier) == 0)
			rtun_finish(&m->carrier, 2 * RTUN_S);
	}
	mux_destroy(mp);
}
