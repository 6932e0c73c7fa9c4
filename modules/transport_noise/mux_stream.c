/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mux_stream.c - the streams of a mux: their table, their ops, and the frames that are about one of them.
 *
 * Stream ids rise and are never used twice on a connection, so a frame for an id that is not in the table belongs to a
 * stream that has ended here while it was under way, and is dropped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mux_private.h"
#include "tlv.h"

/* ---- table ---- */

static struct mux_stream **bucket(const struct mux *m, uint32_t id)
{
	return &m->buckets[id & (m->bucket_count - 1)];
}

struct mux_stream *mux_find(const struct mux *m, uint32_t id)
{
	struct mux_stream *ms = m->bucket_count ? *bucket(m, id) : NULL;
	while (ms && ms->id != id)
		ms = ms->hash_next;
	return ms;
}

static int table_grow(struct mux *m)
{
	uint32_t count = m->bucket_count ? 2 * m->bucket_count : 16, old = m->bucket_count;
	struct mux_stream **before = m->buckets, **after = calloc(count, sizeof(struct mux_stream *));
	if (!after)
		return -RTUN_ENOMEM;
	m->buckets = after;
	m->bucket_count = count;
	for (uint32_t i = 0; i < old; i++)
		for (struct mux_stream *ms = before[i], *next; ms; ms = next) {
			next = ms->hash_next;
			ms->hash_next = *bucket(m, ms->id);
			*bucket(m, ms->id) = ms;
		}
	free(before);
	return 0;
}

static void table_remove(struct mux_stream *ms)
{
	struct mux *m = ms->mux;
	if (!m)
		return;
	mux_ready_remove(ms);
	if (m->batch_stream == ms)
		m->batch_stream = NULL;
	struct mux_stream **at = bucket(m, ms->id);
	while (*at != ms)
		at = &(*at)->hash_next;
	*at = ms->hash_next;
	mux_window_fini(ms);
	m->counters.streams--;
	if (ms->use && !--ms->use->streams)
		ms->use->idle_since = rtun_now(m->ctx);
	ms->mux = NULL;
}

static struct mux_stream *stream_add(struct mux *m, uint32_t id)
{
	struct mux_stream *ms;
	if (m->counters.streams >= m->bucket_count && table_grow(m) < 0)
		return NULL;
	if (!(ms = calloc(1, sizeof(*ms))))
		return NULL;
	ms->mux = m;
	ms->id = id;
	ms->credit = m->peer_window;
	mux_window_init(ms);
	ms->hash_next = *bucket(m, id);
	*bucket(m, id) = ms;
	m->counters.streams++;
	m->counters.streams_total++;
	return ms;
}

/* ---- ops ---- */

static void op_offer(void *self)
{
	struct mux_stream *ms = self;
	ms->offered = true;
	mux_ready_add(ms);
}

/* For owners that write by themselves: frames of their own, ahead of nobody. */
static int64_t op_writev(void *self, const struct iovec *v, uint32_t n)
{
	struct mux_stream *ms = self;
	struct mux *m = ms->mux;
	uint64_t done = 0, most = UINT64_MAX;
	if (!m || ms->over)
		return -RTUN_ERESET;
	if (m->meter)
		most = meter_room(m->meter, METER_UP, &m->waits[METER_UP]);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *p = v[i].iov_base;
		size_t left = v[i].iov_len;
		while (left && done < most && ms->credit && ms->accepted && record_pending(&m->out) < m->burst) {
			uint32_t room;
			uint8_t *to = record_room(&m->out, 1, &room);
			if (!to)
				return -RTUN_EINTERNAL;
			size_t k = left < room ? left : room;
			if (k > ms->credit)
				k = ms->credit;
			if (k > most - done)
				k = most - done;
			memcpy(to, p, k);
			record_frame(&m->out, FRAME_DATA, ms->id, (uint32_t)k);
			ms->credit -= (uint32_t)k;
			p += k;
			left -= k;
			done += k;
		}
	}
	if (!done)
		return -RTUN_EAGAIN;
	mux_count_out(m, done);
	mux_expect(m);
	mux_schedule(m);
	return (int64_t)done;
}

static void op_want(void *self, uint32_t events)
{
	struct mux_stream *ms = self;
	if (!(events & RTUN_WRITE))
		return;
	if (!ms->mux) {
		rtun_ready(ms->stream, RTUN_WRITE);
		return;
	}
	ms->wants_write = true;
	mux_ready_add(ms); /* where there is credit; else mux_on_credit() does */
}

static void op_shutdown(void *self)
{
	struct mux_stream *ms = self;
	if (!ms->mux || ms->over || ms->fin_sent)
		return;
	ms->fin_sent = true;
	mux_ready_remove(ms);
	record_put(&ms->mux->out, FRAME_FIN, ms->id, NULL, 0);
	mux_schedule(ms->mux);
}

static void reset(struct mux_stream *ms, uint32_t err)
{
	if (!ms->mux || ms->over)
		return;
	ms->over = true;
	mux_ready_remove(ms);
	mux_send_reason(ms->mux, FRAME_RESET, ms->id, err, NULL);
}

static void op_abort(void *self, uint32_t err)
{
	struct mux_stream *ms = self;
	if (!ms->fin_sent || !ms->fin_received)
		reset(ms, err);
}

static void op_consumed(void *self, uint64_t n)
{
	struct mux_stream *ms = self;
	uint8_t p[4];
	if (!ms->mux || ms->over || ms->fin_received)
		return;
	uint32_t credit = mux_window_consumed(ms, n);
	if (!credit)
		return;
	p[0] = (uint8_t)(credit >> 24);
	p[1] = (uint8_t)(credit >> 16);
	p[2] = (uint8_t)(credit >> 8);
	p[3] = (uint8_t)credit;
	record_put(&ms->mux->out, FRAME_CREDIT, ms->id, p, sizeof(p));
	mux_schedule(ms->mux);
}

static void answer(struct mux_stream *ms, uint32_t err, const char *why, const struct rtun_addr *bound);

static void op_destroy(void *self)
{
	struct mux_stream *ms = self;
	/* Our reader has gone before the end: the peer should not go on sending. */
	if (!ms->fin_received)
		reset(ms, RTUN_ERESET);
	table_remove(ms);
	if (ms->opened)
		answer(ms, RTUN_ERESET, "the stream was closed before the exit answered", NULL);
	free(ms);
}

static const struct rtun_stream_ops stream_ops = {
	.size = sizeof(stream_ops),
	.writev = op_writev,
	.shutdown = op_shutdown,
	.abort = op_abort,
	.want = op_want,
	.offer = op_offer,
	.consumed = op_consumed,
	.destroy = op_destroy,
};

/* ---- opening ---- */

static void open_cancelled(void *arg)
{
	struct mux_stream *ms = arg;
	ms->opened = NULL;
	reset(ms, RTUN_ERESET);
	if (ms->accepted) {
		rtun_failed(ms->stream, RTUN_ETIMEOUT);
		return;
	}
	table_remove(ms);
	free(ms);
}

/* The other end has streams of datagrams, too. */
static int put_datagrams(struct tlv_writer *w)
{
	tlv_put_number(w, TLV_PROTOCOL, WIRE_UDP, 1);
	return tlv_write_end(w, 0);
}

static void set_datagrams(struct mux_stream *ms, uint32_t protocol)
{
	ms->datagrams = protocol == WIRE_UDP;
	ms->deficit = ms->datagrams ? MUX_QUANTUM_AHEAD : MUX_QUANTUM;
}

static int put_target(struct tlv_writer *w, const char *name, const struct rtun_addr *a)
{
	if (name && name[0])
		tlv_put(w, TLV_NAME, name, strlen(name));
	else if (a->family == 4)
		tlv_put(w, TLV_IPV4, a->ip, 4);
	else if (a->family == 6)
		tlv_put(w, TLV_IPV6, a->ip, 16);
	tlv_put_number(w, TLV_PORT, a->port, 2);
	return tlv_write_end(w, 0);
}

int mux_open(struct mux *m, const struct mux_target *target, mux_opened_fn *opened, void *arg, struct rtun_op **ret_op,
	     struct rtun_stream **ret_early)
{
	uint8_t buf[512];
	struct tlv_writer w;
	struct mux_stream *ms;
	bool datagrams = target->protocol == WIRE_UDP;
	int len, r;
	if (!m->opener)
		return -RTUN_ENOTSUP;
	/* A CONNECT to nowhere would end the connection. */
	if (m->dead || (!datagrams && !target->name[0] && target->addr.family != 4 && target->addr.family != 6))
		return -RTUN_EINVAL;
	tlv_write_begin(&w, buf, sizeof(buf));
	len = datagrams ? put_datagrams(&w) : put_target(&w, target->name, &target->addr);
	if (len < 0 || m->last_id == UINT32_MAX)
		return -RTUN_EINVAL;
	if (!(ms = stream_add(m, m->last_id + 1)))
		return -RTUN_ENOMEM;
	if ((r = rtun_op_create(m->ctx, open_cancelled, ms, &ms->op)) < 0 ||
	    (ret_early && (r = rtun_stream_create(m->ctx, &stream_ops, ms, &ms->stream)) < 0)) {
		rtun_op_done(&ms->op);
		table_remove(ms);
		free(ms);
		return r;
	}
	set_datagrams(ms, target->protocol);
	if (ret_early) {
		ms->accepted = true;
		*ret_early = ms->stream;
	}
	m->last_id++;
	if ((ms->use = target->use))
		ms->use->streams++;
	ms->opened = opened;
	ms->arg = arg;
	*ret_op = ms->op;
	record_put(&m->out, FRAME_CONNECT, ms->id, buf, (uint32_t)len);
	mux_expect(m);
	mux_schedule(m);
	return 0;
}

/* The answer to an open: the op is over; a stream that nobody has yet begins or ends here. */
static void answer(struct mux_stream *ms, uint32_t err, const char *why, const struct rtun_addr *bound)
{
	mux_opened_fn *opened = ms->opened;
	void *arg = ms->arg;
	bool early = ms->accepted;
	struct rtun_stream *s = early ? NULL : ms->stream;
	static const struct rtun_addr none;
	ms->opened = NULL;
	rtun_op_done(&ms->op);
	if (!err) {
		ms->accepted = true;
	} else if (early) {
		ms->over = true;
		mux_ready_remove(ms);
		rtun_failed(ms->stream, err);
	} else {
		table_remove(ms);
		free(ms);
	}
	opened(arg, err, why, &s, bound ? bound : &none);
	rtun_close(&s);
}

/* ---- accepting ---- */

static const struct tlv_row target_rows[] = {
	{TLV_IPV4, false, 4, 4, 0 * sizeof(struct tlv_value)},
	{TLV_IPV6, false, 16, 16, 1 * sizeof(struct tlv_value)},
	{TLV_NAME, false, 1, 255, 2 * sizeof(struct tlv_value)},
	{TLV_PORT, false, 2, 2, 3 * sizeof(struct tlv_value)},
	{TLV_PROTOCOL, false, 1, 1, 4 * sizeof(struct tlv_value)},
};

/* 0 or -1. Exactly one of the three, or (of a bound address) none. Of another protocol they say nothing. */
static int read_target(const uint8_t *p, uint32_t len, bool may_be_none, struct mux_target *ret)
{
	struct tlv_value v[5];
	if (tlv_read(target_rows, 5, p, len, v) < 0)
		return -1;
	memset(ret, 0, sizeof(*ret));
	ret->protocol = v[4].p ? (uint32_t)tlv_number(&v[4]) : WIRE_TCP;
	if (ret->protocol != WIRE_TCP && !may_be_none)
		return 0;
	int given = !!v[0].p + !!v[1].p + !!v[2].p;
	if (given > 1 || (!given && !may_be_none) || !v[3].p)
		return -1;
	ret->addr.port = (uint16_t)tlv_number(&v[3]);
	if (v[0].p || v[1].p) {
		const struct tlv_value *ip = v[0].p ? &v[0] : &v[1];
		ret->addr.family = v[0].p ? 4 : 6;
		memcpy(ret->addr.ip, ip->p, ip->len);
	}
	if (v[2].p) {
		/* A NUL would make the name that is judged another than the one that is meant. */
		if (memchr(v[2].p, 0, v[2].len))
			return -1;
		memcpy(ret->name, v[2].p, v[2].len);
	}
	return 0;
}

int mux_on_connect(struct mux *m, uint32_t id, const uint8_t *p, uint32_t len)
{
	struct mux_target target;
	struct mux_stream *ms;
	if (m->opener || id <= m->last_id || read_target(p, len, false, &target) < 0)
		return -1;
	m->last_id = id;
	if (!(ms = stream_add(m, id)) || rtun_stream_create(m->ctx, &stream_ops, ms, &ms->stream) < 0) {
		if (ms)
			table_remove(ms);
		free(ms);
		mux_send_reason(m, FRAME_FAIL, id, RTUN_EOVERLOAD, "out of memory");
		return 0;
	}
	set_datagrams(ms, target.protocol);
	m->events->connect(m->arg, ms, &target);
	return 0;
}

int mux_accept(struct mux_stream *ms, const struct rtun_addr *bound, struct rtun_stream **ret)
{
	uint8_t buf[64];
	struct tlv_writer w;
	if (!ms->mux || ms->over)
		return -RTUN_EPIPE;
	tlv_write_begin(&w, buf, sizeof(buf));
	int len = put_target(&w, NULL, bound);
	ms->accepted = true;
	ms->gone = NULL;
	record_put(&ms->mux->out, FRAME_OK, ms->id, buf, len > 0 ? (uint32_t)len : 0);
	mux_schedule(ms->mux);
	*ret = ms->stream;
	return 0;
}

void mux_refuse(struct mux_stream *ms, uint32_t err, const char *why)
{
	struct rtun_stream *s = ms->stream;
	if (ms->mux && !ms->over)
		mux_send_reason(ms->mux, FRAME_FAIL, ms->id, err, why);
	if (ms->mux)
		ms->mux->counters.denied += err == RTUN_EDENIED;
	ms->over = true;
	ms->gone = NULL;
	rtun_close(&s);
}

void mux_on_gone(struct mux_stream *ms, rtun_cb *gone, void *arg)
{
	ms->gone = gone;
	ms->arg = arg;
}

/* ---- frames about one stream ---- */

static const struct tlv_row reason_rows[] = {
	{TLV_REASON, true, 1, 1, 0 * sizeof(struct tlv_value)},
	{TLV_TEXT, false, 0, 255, 1 * sizeof(struct tlv_value)},
};

static int read_reason(const uint8_t *p, uint32_t len, uint32_t *ret_err, char text[256])
{
	struct tlv_value v[2];
	if (tlv_read(reason_rows, 2, p, len, v) < 0)
		return -1;
	*ret_err = mux_reason((uint32_t)tlv_number(&v[0]));
	/* It ends up in logs, terminals and HTTP bodies of the other side: plain ASCII, and nothing that controls. */
	for (uint32_t i = 0; i < v[1].len; i++)
		text[i] = v[1].p[i] >= ' ' && v[1].p[i] < 127 ? (char)v[1].p[i] : '?';
	text[v[1].len] = 0;
	return 0;
}

int mux_on_ok(struct mux *m, uint32_t id, const uint8_t *p, uint32_t len)
{
	struct mux_stream *ms = mux_find(m, id);
	struct mux_target bound;
	if (!m->opener || id > m->last_id || read_target(p, len, true, &bound) < 0)
		return -1;
	if (!ms || (ms->over && !ms->opened))
		return 0;
	if (!ms->opened)
		return -1;
	if (!ms->stream && rtun_stream_create(m->ctx, &stream_ops, ms, &ms->stream) < 0) {
		reset(ms, RTUN_EOVERLOAD);
		answer(ms, RTUN_EOVERLOAD, "out of memory", NULL);
		return 0;
	}
	answer(ms, 0, "", &bound.addr);
	return 0;
}

int mux_on_fail(struct mux *m, uint32_t id, const uint8_t *p, uint32_t len)
{
	struct mux_stream *ms = mux_find(m, id);
	uint32_t err;
	char text[256];
	if (!m->opener || id > m->last_id || read_reason(p, len, &err, text) < 0)
		return -1;
	if (!ms || (ms->over && !ms->opened))
		return 0;
	if (!ms->opened)
		return -1;
	answer(ms, err, text, NULL);
	return 0;
}

/* A stream that ends before anyone has taken it: tell who works on it, and let it go. */
static void gone_before_accept(struct mux_stream *ms)
{
	struct rtun_stream *s = ms->stream;
	rtun_cb *gone = ms->gone;
	ms->gone = NULL;
	if (gone)
		gone(ms->arg);
	rtun_close(&s);
}

static void fail_stream(struct mux_stream *ms, uint32_t err)
{
	ms->over = true;
	mux_ready_remove(ms);
	if (ms->opened) {
		answer(ms, err, "the exit went away", NULL);
	} else if (!ms->accepted) {
		gone_before_accept(ms);
	} else {
		rtun_failed(ms->stream, err);
	}
}

void mux_end_streams(struct mux *m, uint32_t err)
{
	struct mux_stream *ms, *next;
	for (uint32_t i = 0; i < m->bucket_count; i++)
		for (ms = m->buckets[i]; ms; ms = next) {
			next = ms->hash_next;
			if (ms->over)
				continue;
			mux_send_reason(m, FRAME_RESET, ms->id, err, NULL);
			fail_stream(ms, err);
		}
}

int mux_on_reset(struct mux *m, uint32_t id, const uint8_t *p, uint32_t len)
{
	struct mux_stream *ms = mux_find(m, id);
	uint32_t err;
	char text[256];
	if (id > m->last_id || read_reason(p, len, &err, text) < 0)
		return -1;
	if (ms && !ms->over)
		fail_stream(ms, err);
	return 0;
}

int mux_on_fin(struct mux *m, uint32_t id, const uint8_t *p, uint32_t len)
{
	struct mux_stream *ms = mux_find(m, id);
	(void)p;
	if (len || id > m->last_id || (ms && (ms->fin_received || ms->opened)))
		return -1;
	if (!ms || ms->over)
		return 0;
	ms->fin_received = true;
	rtun_feed_end(ms->stream, 0);
	return 0;
}

int mux_on_credit(struct mux *m, uint32_t id, const uint8_t *p, uint32_t len)
{
	struct mux_stream *ms = mux_find(m, id);
	if (len != 4 || id > m->last_id)
		return -1;
	uint32_t n = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	if (!n || n > WIRE_CREDIT_MAX)
		return -1;
	if (!ms || ms->over)
		return 0;
	if (n > WIRE_CREDIT_MAX - ms->credit || ms->opened)
		return -1;
	ms->credit += n;
	if (ms->offered || ms->wants_write)
		mux_ready_add(ms);
	return 0;
}

int mux_on_data(struct mux *m, uint32_t id, const uint8_t *p, uint32_t len)
{
	struct mux_stream *ms = mux_find(m, id);
	union {
		const uint8_t *in;
		void *out;
	} u = {p};
	if (id > m->last_id)
		return -1;
	if (!ms || ms->over)
		return 0;
	if (ms->opened || ms->fin_received || len > ms->window)
		return -1;
	if (!len)
		return 0;
	ms->window -= len;
	ms->held += len;
	m->counters.bytes_in += len;
	if (m->meter)
		meter_spend(m->meter, len);
	if (m->batch_stream != ms || m->batch_count == MUX_BATCH)
		mux_batch_flush(m);
	m->batch_stream = ms;
	m->batch[m->batch_count++] = (struct iovec){u.out, len};
	return 0;
}

void mux_batch_flush(struct mux *m)
{
	struct mux_stream *ms = m->batch_stream;
	uint32_t n = m->batch_count;
	m->batch_stream = NULL;
	m->batch_count = 0;
	if (ms && n && rtun_feed(ms->stream, m->batch, n) == -RTUN_EOVERLOAD) {
		reset(ms, RTUN_EOVERLOAD);
		fail_stream(ms, RTUN_EOVERLOAD);
	}
}

void mux_stream_orphan(struct mux_stream *ms, uint32_t err)
{
	bool owned = ms->accepted;
	if (owned)
		table_remove(ms); /* its owner still has the stream: op_destroy() frees it */
	if (ms->opened) {
		answer(ms, RTUN_ENOEXIT, "the exit went away", NULL);
	} else if (owned && !ms->over && !(ms->fin_sent && ms->fin_received)) {
		ms->over = true;
		rtun_failed(ms->stream, err);
	} else if (!owned) {
		table_remove(ms);
		ms->over = true;
		gone_before_accept(ms);
	}
}
