/* SPDX-License-Identifier: BSD-2-Clause
 *
 * record.c - see record.h.
 */
#include "record.h"

#include <stdlib.h>
#include <string.h>

#define SPARE_MAX 16U
#define IOV_BATCH 32U
/* A record with less room than this is sent as it is rather than filled to the last byte by one more small read. */
#define ROOM_MIN 4096U

static struct record *record_get(struct record_pool *pool)
{
	struct record *r = pool->spare;
	if (r) {
		pool->spare = r->next;
		pool->count--;
	} else if (!(r = malloc(sizeof(*r)))) {
		return NULL;
	}
	r->next = NULL;
	r->len = r->offset = 0;
	return r;
}

static void record_release(struct record_pool *pool, struct record *r)
{
	if (!r)
		return;
	if (pool->count >= SPARE_MAX) {
		free(r);
		return;
	}
	r->next = pool->spare;
	pool->spare = r;
	pool->count++;
}

void record_pool_fini(struct record_pool *pool)
{
	while (pool->spare) {
		struct record *r = pool->spare;
		pool->spare = r->next;
		free(r);
	}
	pool->count = 0;
}

void record_queue_init(struct record_queue *q, struct record_pool *pool, const struct record_crypto *crypto)
{
	*q = (struct record_queue){.pool = pool, .crypto = crypto};
}

void record_queue_fini(struct record_queue *q)
{
	while (q->head) {
		struct record *r = q->head;
		q->head = r->next;
		record_release(q->pool, r);
	}
	record_release(q->pool, q->open);
	q->open = q->tail = NULL;
	q->bytes = 0;
}

static uint8_t *payload_at(struct record *r)
{
	return r->bytes + WIRE_LENGTH + r->len + WIRE_FRAME;
}

/* For the payload of one more frame. */
static uint32_t room_in(const struct record *r)
{
	return r->len + WIRE_FRAME < RECORD_PLAIN ? RECORD_PLAIN - WIRE_FRAME - r->len : 0;
}

uint8_t *record_room(struct record_queue *q, uint32_t min, uint32_t *ret_room)
{
	if (q->open && room_in(q->open) < min)
		record_seal(q);
	if (q->broken)
		return NULL;
	if (!q->open && !(q->open = record_get(q->pool))) {
		q->broken = 1;
		return NULL;
	}
	*ret_room = room_in(q->open);
	return payload_at(q->open);
}

void record_frame(struct record_queue *q, uint8_t type, uint32_t stream, uint32_t len)
{
	struct record *r = q->open;
	uint8_t *p = payload_at(r) - WIRE_FRAME;
	p[0] = type;
	p[1] = 0;
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
	p[4] = (uint8_t)(stream >> 24);
	p[5] = (uint8_t)(stream >> 16);
	p[6] = (uint8_t)(stream >> 8);
	p[7] = (uint8_t)stream;
	r->len += WIRE_FRAME + len;
	if (room_in(r) < ROOM_MIN)
		record_seal(q);
}

static struct iovec lend(struct record *r, uint32_t most)
{
	uint32_t room = room_in(r);
	return (struct iovec){payload_at(r), most < room ? most : room};
}

uint32_t record_lend(struct record_queue *q, uint32_t min, uint32_t most, struct iovec v[RECORD_LEND])
{
	uint32_t room;
	if (!record_room(q, min, &room))
		return 0;
	q->lent = q->open;
	q->open = NULL;
	v[0] = lend(q->lent, most);
	if (most <= room || !(q->lent->next = record_get(q->pool)))
		return 1;
	v[1] = lend(q->lent->next, most - room);
	return 2;
}

static void release_all(struct record_pool *pool, struct record *r)
{
	for (struct record *next; r; r = next) {
		next = r->next;
		record_release(pool, r);
	}
}

void record_return(struct record_queue *q, uint8_t type, uint32_t stream, uint32_t len)
{
	struct record *behind = q->open, *r = q->lent;
	q->open = q->lent = NULL;
	while (r && (len || r->len)) { /* what was in it before stays */
		uint32_t room = room_in(r), n = len < room ? len : room;
		struct record *next = r->next;
		record_seal(q);
		if (q->open)
			break; /* broken */
		r->next = NULL;
		q->open = r;
		if (n)
			record_frame(q, type, stream, n);
		len -= n;
		r = next;
	}
	release_all(q->pool, r);
	if (!behind)
		return;
	record_seal(q);
	if (q->open) /* broken */
		record_release(q->pool, behind);
	else
		q->open = behind;
}

void record_put(struct record_queue *q, uint8_t type, uint32_t stream, const void *payload, uint32_t len)
{
	uint32_t room;
	uint8_t *p = record_room(q, len, &room);
	if (!p)
		return;
	if (len)
		memcpy(p, payload, len);
	record_frame(q, type, stream, len);
}

void record_seal(struct record_queue *q)
{
	struct record *r = q->open;
	if (!r || q->broken)
		return;
	if (!r->len) { /* room was asked for, and nothing came */
		record_release(q->pool, r);
		q->open = NULL;
		return;
	}
	if (q->crypto->seal(q->crypto->self, r->bytes + WIRE_LENGTH, r->len) < 0) {
		q->broken = 1;
		return;
	}
	r->bytes[0] = (uint8_t)((r->len + WIRE_TAG) >> 8);
	r->bytes[1] = (uint8_t)(r->len + WIRE_TAG);
	r->len += WIRE_LENGTH + WIRE_TAG;
	q->bytes += r->len;
	if (q->tail)
		q->tail->next = r;
	else
		q->head = r;
	q->tail = r;
	q->open = NULL;
}

static void written(struct record_queue *q, uint64_t n)
{
	q->bytes -= n;
	while (q->head) {
		struct record *r = q->head;
		uint32_t left = r->len - r->offset;
		if (n < left) {
			r->offset += (uint32_t)n;
			return;
		}
		n -= left;
		q->head = r->next;
		record_release(q->pool, r);
	}
	q->tail = NULL;
}

int record_flush(struct record_queue *q, struct rtun_stream *carrier)
{
	struct iovec v[IOV_BATCH];
	while (q->head) {
		uint32_t n = 0;
		for (struct record *r = q->head; r && n < IOV_BATCH; r = r->next)
			v[n++] = (struct iovec){r->bytes + r->offset, r->len - r->offset};
		int64_t w = rtun_writev(carrier, v, n);
		if (w < 0)
			return (int)w;
		written(q, (uint64_t)w);
	}
	return 0;
}
