/* SPDX-License-Identifier: BSD-2-Clause
 *
 * datagram_stream.c - see datagram.h.
 */
#include <stdlib.h>
#include <unistd.h>

#include "datagram.h"

/* Datagrams that one read looks at, strangers' included: then it is others' turn. */
#define TURN 64U

/* ---- To the reader ---- */

static int family_index(const struct rtun_addr *a)
{
	return a->family == 6;
}

/* Something that was ours to pass on, from either socket in turns; false: there is nothing now, or it was its turn. */
static bool receive(struct datagram_stream *ds, uint32_t *looked)
{
	uint32_t silent = 0;
	while (silent < 2 && (*looked)++ < TURN) {
		const struct datagram_socket *sock = &ds->sockets[ds->turn ^= 1];
		uint8_t *p = ds->room + DATAGRAM_HEADROOM, *body = p;
		struct rtun_addr from;
		ssize_t n = sock->watch ? datagram_socket_receive(sock->fd, p, RTUN_DATAGRAM_MAX, &from) : -1;
		uint32_t len = n < 0 ? 0 : ds->ops->receive(ds->self, &from, p, (uint32_t)n, &body);
		silent = n < 0 ? silent + 1 : 0;
		if (!len || len > RTUN_DATAGRAM_MAX)
			continue;
		body[-2] = (uint8_t)(len >> 8);
		body[-1] = (uint8_t)len;
		ds->rest = body - RTUN_DATAGRAM_LENGTH;
		ds->rest_len = len + RTUN_DATAGRAM_LENGTH;
		return true;
	}
	return false;
}

static uint32_t give_rest(struct datagram_stream *ds, uint8_t *p, size_t room)
{
	uint32_t n = room < ds->rest_len ? (uint32_t)room : ds->rest_len;
	memcpy(p, ds->rest, n);
	ds->rest += n;
	ds->rest_len -= n;
	return n;
}

static int64_t op_read(void *self, const struct iovec *v, uint32_t n)
{
	struct datagram_stream *ds = self;
	uint32_t looked = 0;
	int64_t done = 0;
	for (uint32_t i = 0; i < n; i++) {
		size_t at = 0;
		while (at < v[i].iov_len && (ds->rest_len || (!ds->ended && receive(ds, &looked))))
			at += give_rest(ds, (uint8_t *)v[i].iov_base + at, v[i].iov_len - at);
		done += (int64_t)at;
		if (at < v[i].iov_len)
			break;
	}
	return done ? done : ds->ended ? 0 : -RTUN_EAGAIN;
}

static void watch(struct datagram_stream *ds, uint32_t events)
{
	for (int i = 0; i < 2; i++)
		if (ds->sockets[i].watch)
			rtun_watch_set(ds->sockets[i].watch, events);
}

static void on_socket(void *arg, int fd, uint32_t events)
{
	struct datagram_stream *ds = arg;
	(void)fd, (void)events;
	watch(ds, 0);
	rtun_ready(ds->s, RTUN_READ);
}

static void op_want(void *self, uint32_t events)
{
	struct datagram_stream *ds = self;
	if (ds->rest_len || ds->ended)
		rtun_ready(ds->s, events);
	else if (events & RTUN_READ)
		watch(ds, RTUN_READ);
	if (events & RTUN_WRITE)
		rtun_ready(ds->s, RTUN_WRITE);
}

/* ---- From the writer ---- */

static uint32_t length_of(const uint8_t *p)
{
	return RTUN_DATAGRAM_LENGTH + ((uint32_t)p[0] << 8 | p[1]);
}

static void deliver(struct datagram_stream *ds, const uint8_t *body, uint32_t len)
{
	if (!ds->ended)
		ds->ops->send(ds->self, body, len);
}

/* The bytes of one that is not whole, or only begun; how many were taken. Without memory it is dropped when it is whole. */
static size_t collect(struct datagram_stream *ds, const uint8_t *p, size_t len)
{
	bool head = ds->part_len < RTUN_DATAGRAM_LENGTH;
	uint32_t need = head ? RTUN_DATAGRAM_LENGTH : length_of(ds->part_head);
	size_t n = len < need - ds->part_len ? len : need - ds->part_len;
	if (head)
		memcpy(ds->part_head + ds->part_len, p, n);
	else if (ds->part)
		memcpy(ds->part + ds->part_len - RTUN_DATAGRAM_LENGTH, p, n);
	ds->part_len += (uint32_t)n;
	if (ds->part_len < need)
		return n;
	if (head && length_of(ds->part_head) > need) {
		ds->part = malloc(length_of(ds->part_head) - need);
		return n;
	}
	if (ds->part || need == RTUN_DATAGRAM_LENGTH)
		deliver(ds, ds->part ? ds->part : ds->part_head, need - RTUN_DATAGRAM_LENGTH);
	free(ds->part);
	ds->part = NULL;
	ds->part_len = 0;
	return n;
}

static size_t take(struct datagram_stream *ds, const uint8_t *p, size_t len)
{
	if (ds->part_len || len < RTUN_DATAGRAM_LENGTH || len < length_of(p))
		return collect(ds, p, len);
	deliver(ds, p + RTUN_DATAGRAM_LENGTH, length_of(p) - RTUN_DATAGRAM_LENGTH);
	return length_of(p);
}

static int64_t op_writev(void *self, const struct iovec *v, uint32_t n)
{
	struct datagram_stream *ds = self;
	int64_t done = 0;
	for (uint32_t i = 0; i < n; i++) {
		for (size_t at = 0; at < v[i].iov_len;)
			at += take(ds, (const uint8_t *)v[i].iov_base + at, v[i].iov_len - at);
		done += (int64_t)v[i].iov_len;
	}
	return done;
}

/* ---- Life ---- */

static void end(struct datagram_stream *ds)
{
	if (ds->ended)
		return;
	ds->ended = true;
	for (int i = 0; i < 2; i++) {
		if (!ds->sockets[i].watch)
			continue;
		rtun_unwatch(&ds->sockets[i].watch);
		close(ds->sockets[i].fd);
	}
	ds->ops->ended(ds->self);
}

void datagram_stream_end(struct datagram_stream *ds)
{
	end(ds);
	rtun_ready(ds->s, RTUN_READ);
}

static void op_shutdown(void *self)
{
	datagram_stream_end(self);
}

static void op_abort(void *self, uint32_t err)
{
	(void)err;
	end(self);
}

static void op_destroy(void *self)
{
	struct datagram_stream *ds = self;
	end(ds);
	free(ds->room);
	free(ds->part);
	ds->ops->destroy(ds->self);
}

static const struct rtun_stream_ops stream_ops = {
	.size = sizeof(stream_ops), .read = op_read, .writev = op_writev, .shutdown = op_shutdown, .abort = op_abort, .want = op_want,
	.destroy = op_destroy,
};

int datagram_stream_init(struct datagram_stream *ds, struct rtun_ctx *ctx, const struct datagram_ops *ops, void *self)
{
	*ds = (struct datagram_stream){.ctx = ctx, .ops = ops, .self = self};
	ds->room = malloc(DATAGRAM_ROOM);
	if (ds->room && rtun_stream_create(ctx, &stream_ops, ds, &ds->s) == 0)
		return 0;
	free(ds->room);
	ds->room = NULL;
	return -RTUN_ENOMEM;
}

const struct datagram_socket *datagram_stream_open(struct datagram_stream *ds, const struct rtun_addr *at, uint64_t buffer)
{
	struct datagram_socket *sock = &ds->sockets[family_index(at)];
	if (sock->watch)
		return sock;
	if (ds->ended || (sock->fd = datagram_socket_open(at, buffer)) < 0)
		return NULL;
	if (rtun_watch(ds->ctx, sock->fd, RTUN_READ, on_socket, ds, &sock->watch) == 0)
		return sock;
	close(sock->fd);
	return NULL;
}
