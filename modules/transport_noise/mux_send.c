/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mux_send.c - who may send next: deficit round robin, and a stream that has sent little goes first.
 *
 * A stream that becomes ready joins `fresh` while some of its quantum is left, so a small request overtakes downloads;
 * one that has used its quantum gets a new one and joins the end of `rest`. Streams of datagrams, which are late or lost and
 * never made up for, are `ahead` of both, but for no more bytes than the others have sent meanwhile: so a flood of them takes
 * half of the line, if others want it. Bytes are taken from their source only when
 * the carrier takes more, so nothing small ever waits behind megabytes that were read too early.
 */
#include <string.h>

#include "mux_private.h"
#include "tlv.h"

/* A piece smaller than this is not worth starting a read into the end of a record. */
#define PIECE_MIN 4096
#define RATE_ROUND (20 * RTUN_MS)
/* So long without a write is a pause, and says nothing about the line. */
#define RATE_IDLE (4 * RATE_ROUND)

static void list_append(struct mux_list *l, struct mux_stream *ms)
{
	ms->list = l;
	ms->next = NULL;
	ms->prev = l->tail;
	if (l->tail)
		l->tail->next = ms;
	else
		l->head = ms;
	l->tail = ms;
}

void mux_ready_remove(struct mux_stream *ms)
{
	struct mux_list *l = ms->list;
	if (!l)
		return;
	if (ms->prev)
		ms->prev->next = ms->next;
	else
		l->head = ms->next;
	if (ms->next)
		ms->next->prev = ms->prev;
	else
		l->tail = ms->prev;
	ms->list = NULL;
}

/* Of a line that is limited, less: a turn should not take seconds. */
static int32_t quantum(const struct mux *m)
{
	uint64_t piece = m->meter ? meter_piece(m->meter, METER_UP) : MUX_QUANTUM;
	return piece < MUX_QUANTUM ? (int32_t)piece : MUX_QUANTUM;
}

/* Its turn is over: behind all others. */
static void next_turn(struct mux_stream *ms)
{
	mux_ready_remove(ms);
	ms->deficit = ms->datagrams ? MUX_QUANTUM_AHEAD : quantum(ms->mux);
	list_append(ms->datagrams ? &ms->mux->ahead : &ms->mux->rest, ms);
}

void mux_ready_add(struct mux_stream *ms)
{
	struct mux *m = ms->mux;
	if (!m || ms->list || !ms->credit || !ms->accepted || ms->fin_sent || ms->over)
		return;
	if (ms->deficit > 0)
		list_append(ms->datagrams ? &m->ahead : &m->fresh, ms);
	else
		next_turn(ms);
	mux_schedule(m);
}

void mux_count_out(struct mux *m, uint64_t n)
{
	m->counters.bytes_out += n;
	if (!m->meter)
		return;
	meter_charge(m->meter, METER_UP, n);
	meter_spend(m->meter, n);
}

void mux_schedule(struct mux *m)
{
	if (m->carrier && !m->waits_for_write)
		rtun_defer_start(m->flush);
}

static void send_fin(struct mux_stream *ms)
{
	record_put(&ms->mux->out, FRAME_FIN, ms->id, NULL, 0);
	ms->fin_sent = true;
}

/* How much to ask its source for: what the peer takes, what its turn allows; a record is of use when all of it has come; and
 * one is enough for a stream that has sent little. */
static int64_t turn(const struct mux *m, const struct mux_stream *ms)
{
	uint64_t room = m->meter ? meter_room(m->meter, METER_UP, &m->waits[METER_UP]) : UINT64_MAX;
	int64_t most = ms->credit < room ? ms->credit : (int64_t)room;
	if (most > ms->deficit)
		most = ms->deficit;
	if (most > (int64_t)m->burst)
		most = m->burst;
	if (most > RECORD_PLAIN - WIRE_FRAME && ms->list == &m->fresh)
		most = RECORD_PLAIN - WIRE_FRAME;
	return most;
}

static void count_ahead(struct mux *m, const struct mux_stream *ms, int64_t sent)
{
	int64_t left = m->ahead_left + (ms->datagrams ? -sent : sent);
	m->ahead_left = left < 0 ? 0 : left > MUX_AHEAD ? MUX_AHEAD : left;
}

/* Take from the stream's source until it is empty, its turn is over, or the queue is full. */
static void serve(struct mux *m, struct mux_stream *ms)
{
	if (ms->wants_write) {
		ms->wants_write = false;
		rtun_ready(ms->stream, RTUN_WRITE);
	}
	if (!ms->offered) {
		mux_ready_remove(ms);
		return;
	}
	while (record_pending(&m->out) < m->burst) {
		int64_t most = turn(m, ms);
		if (most <= 0)
			break;
		struct iovec v[RECORD_LEND];
		uint32_t n = record_lend(&m->out, most < PIECE_MIN ? (uint32_t)most : PIECE_MIN, (uint32_t)most, v);
		int64_t asked = 0;
		for (uint32_t i = 0; i < n; i++)
			asked += (int64_t)v[i].iov_len;
		ms->offered = false;
		int64_t got = n ? rtun_pull(ms->stream, v, n) : 0;
		/* dead: the keys may have gone with it */
		record_return(&m->out, FRAME_DATA, ms->id, got > 0 && !m->dead ? (uint32_t)got : 0);
		if (m->dead)
			record_queue_fini(&m->out);
		if (m->dead || !n)
			return;
		if (got > 0) {
			ms->credit -= (uint32_t)got;
			ms->deficit -= (int32_t)got;
			count_ahead(m, ms, got);
			mux_count_out(m, (uint64_t)got);
			mux_expect(m);
		} else if (got == 0) {
			send_fin(ms);
		}
		/* Fewer than asked for: that was all for now, unless it says otherwise at once. */
		if (got < asked && !ms->offered) {
			mux_ready_remove(ms);
			return;
		}
		ms->offered = true;
	}
	if (!ms->credit) { /* on_credit() brings it back */
		mux_ready_remove(ms);
	} else if (ms->deficit <= 0) {
		next_turn(ms);
	}
}

/* NULL: nobody, or the meter says when. */
static struct mux_stream *next_ready(struct mux *m)
{
	struct mux_stream *other = m->fresh.head ? m->fresh.head : m->rest.head;
	struct mux_stream *ms = m->ahead.head && (m->ahead_left > 0 || !other) ? m->ahead.head : other;
	if (!ms || !m->meter || meter_room(m->meter, METER_UP, &m->waits[METER_UP]))
		return ms;
	meter_wait(m->meter, METER_UP, &m->waits[METER_UP]);
	return NULL;
}

/* Reading stops while the peer doesn't take our answers; one that never does is ended by the keepalive. */
static void resume_reading(struct mux *m)
{
	if (m->reading_stopped && m->out.bytes < MUX_QUEUE_STOP / 2) {
		m->reading_stopped = false;
		rtun_want(m->carrier, RTUN_READ);
	}
}

/* Where the kernel can: it says "writable" while there is something left to send, but not megabytes of it. */
void mux_set_lowat(struct mux *m, uint32_t bytes)
{
	m->lowat = bytes;
	rtun_stream_option(m->carrier, RTUN_SO_NOTSENT_LOWAT, bytes);
}

static uint32_t clamp(uint64_t n, uint32_t least, uint32_t most)
{
	return n < least ? least : n > most ? most : (uint32_t)n;
}

/* A small frame waits behind what the kernel holds: the faster the line, the more that may be, and the fewer wake-ups. The
 * kernel keeps its limit only between writes, so what is written at once has one, too. */
static void learn_rate(struct mux *m, uint64_t taken)
{
	uint64_t now = rtun_now(m->ctx), since = now - m->rate_at, fit;
	uint32_t more = m->rtt_min < MUX_LONG ? 1 : MUX_LONG_MORE;
	m->rate_bytes += taken;
	if (since < RATE_ROUND)
		return;
	fit = m->rate_bytes * (MUX_LOWAT_TIME + m->rtt_min / MUX_LOWAT_TRIP) / since;
	m->rate_at = now;
	m->rate_bytes = 0;
	if (since > RATE_IDLE)
		return;
	m->burst_most = clamp(2 * fit, MUX_QUEUE_MIN, more * MUX_QUEUE_MAX);
	if (fit > 2 * (uint64_t)m->lowat && m->lowat < more * MUX_LOWAT_MAX)
		mux_set_lowat(m, m->lowat * 2);
	else if (fit < m->lowat / 2 && m->lowat > MUX_LOWAT_MIN)
		mux_set_lowat(m, m->lowat / 2);
}

/* All of it was taken: more at a time saves system calls. Not all: that much is enough. */
static void learn_burst(struct mux *m, uint64_t offered, uint64_t taken)
{
	uint64_t burst = taken < offered ? taken : offered >= m->burst ? 2 * (uint64_t)m->burst : m->burst;
	m->burst = clamp(burst, MUX_QUEUE_MIN, m->burst_most);
}

void mux_on_flush(void *arg)
{
	struct mux *m = arg;
	struct mux_stream *ms;
	uint64_t before;
	int r;
	if (!m->carrier || m->waits_for_write)
		return;
	while (record_pending(&m->out) < m->burst && !m->out.broken && (ms = next_ready(m)))
		serve(m, ms);
	if (m->dead)
		return;
	record_seal(&m->out);
	before = m->out.bytes;
	if (m->out.broken) {
		mux_end(m, RTUN_EINTERNAL, "records can't be made any more");
		return;
	}
	r = record_flush(&m->out, m->carrier);
	if (r < 0 && r != -RTUN_EAGAIN) {
		mux_end(m, (uint32_t)-r, "the connection broke");
		return;
	}
	learn_rate(m, before - m->out.bytes);
	learn_burst(m, before, before - m->out.bytes);
	if (r == -RTUN_EAGAIN || next_ready(m)) {
		m->waits_for_write = true;
		rtun_want(m->carrier, RTUN_WRITE);
	}
	resume_reading(m);
}

void mux_send(struct mux *m, uint8_t type, const void *payload, uint32_t len)
{
	record_put(&m->out, type, 0, payload, len);
	mux_schedule(m);
}

void mux_send_last(struct mux *m, uint8_t type, const void *payload, uint32_t len, const struct record_crypto *crypto)
{
	mux_send(m, type, payload, len);
	record_seal(&m->out);
	m->out.crypto = crypto;
}

uint32_t mux_reason(uint32_t err)
{
	return err >= RTUN_EREFUSED && err <= RTUN_ESELECTOR ? err : RTUN_EINTERNAL;
}

void mux_send_reason(struct mux *m, uint8_t type, uint32_t id, uint32_t err, const char *text)
{
	uint8_t buf[256];
	struct tlv_writer w;
	size_t len = text ? strlen(text) : 0;
	tlv_write_begin(&w, buf, sizeof(buf));
	tlv_put_number(&w, TLV_REASON, mux_reason(err), 1);
	if (len)
		tlv_put(&w, TLV_TEXT, text, len < 200 ? len : 200);
	int n = tlv_write_end(&w, 0);
	record_put(&m->out, type, id, buf, n > 0 ? (uint32_t)n : 0);
	mux_schedule(m);
}
