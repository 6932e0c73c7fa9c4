/* SPDX-License-Identifier: BSD-2-Clause
 *
 * buf.c - see buf.h.
 */
#include "buf.h"

#include <stdlib.h>
#include <string.h>

#include <restunnel/abi.h>

#define SPARE_MAX 64U

/* Small messages must not cost 16 KiB each: three sizes, so that chunk + header stay below malloc's next step. */
static uint32_t chunk_capacity(uint64_t need)
{
	static const uint32_t sizes[] = {480, 4064};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (need <= sizes[i])
			return sizes[i];
	return BUF_CHUNK_MAX;
}

void buf_pool_init(struct buf_pool *pool, uint64_t limit)
{
	*pool = (struct buf_pool){.limit = limit};
}

void buf_pool_fini(struct buf_pool *pool)
{
	while (pool->spare) {
		struct buf_chunk *c = pool->spare;
		pool->spare = c->next;
		free(c);
	}
	pool->spare_count = 0;
}

static struct buf_chunk *chunk_get(struct buf_pool *pool, uint64_t need)
{
	uint32_t capacity = chunk_capacity(need);
	struct buf_chunk *c;
	if (pool->used + capacity > pool->limit)
		return NULL;
	if (capacity == BUF_CHUNK_MAX && pool->spare) {
		c = pool->spare;
		pool->spare = c->next;
		pool->spare_count--;
	} else if (!(c = malloc(sizeof(*c) + capacity))) {
		return NULL;
	}
	pool->used += capacity;
	c->next = NULL;
	c->start = c->end = 0;
	c->capacity = capacity;
	return c;
}

static void chunk_put(struct buf_pool *pool, struct buf_chunk *c)
{
	pool->used -= c->capacity;
	if (c->capacity == BUF_CHUNK_MAX && pool->spare_count < SPARE_MAX) {
		c->next = pool->spare;
		pool->spare = c;
		pool->spare_count++;
	} else {
		free(c);
	}
}

static void chain(struct buf *b, struct buf_chunk *c)
{
	if (b->tail)
		b->tail->next = c;
	else
		b->head = c;
	b->tail = c;
}

static void drop_head(struct buf_pool *pool, struct buf *b)
{
	struct buf_chunk *c = b->head;
	b->head = c->next;
	if (!b->head)
		b->tail = NULL;
	chunk_put(pool, c);
}

uint64_t iov_total(const struct iovec *v, uint32_t n)
{
	uint64_t total = 0;
	for (uint32_t i = 0; i < n; i++)
		total += v[i].iov_len;
	return total;
}

uint32_t iov_clip(const struct iovec *v, uint32_t n, uint64_t skip, uint64_t limit, struct iovec *out, uint32_t max)
{
	uint32_t k = 0;
	for (uint32_t i = 0; i < n && k < max && limit; i++) {
		if (skip >= v[i].iov_len) {
			skip -= v[i].iov_len;
			continue;
		}
		uint64_t len = v[i].iov_len - skip;
		if (len > limit)
			len = limit;
		out[k++] = (struct iovec){(uint8_t *)v[i].iov_base + skip, len};
		limit -= len;
		skip = 0;
	}
	return k;
}

/* Get all chunks that `total` needs beyond the tail's room first, so that a failure leaves nothing half done. */
static int grow(struct buf_pool *pool, struct buf *b, uint64_t total, struct buf *fresh)
{
	uint64_t room = b->tail ? b->tail->capacity - b->tail->end : 0;
	uint64_t need = total > room ? total - room : 0;
	while (need) {
		struct buf_chunk *c = chunk_get(pool, need);
		if (!c) {
			buf_clear(pool, fresh);
			return -RTUN_ENOMEM;
		}
		chain(fresh, c);
		need -= need < c->capacity ? need : c->capacity;
	}
	return 0;
}

int buf_append(struct buf_pool *pool, struct buf *b, const struct iovec *v, uint32_t n)
{
	struct buf fresh = {NULL, NULL, 0};
	if (grow(pool, b, iov_total(v, n), &fresh) < 0)
		return -RTUN_ENOMEM;
	struct buf_chunk *c = b->tail ? b->tail : fresh.head;
	if (fresh.head) {
		if (b->tail)
			b->tail->next = fresh.head;
		else
			b->head = fresh.head;
		b->tail = fresh.tail;
	}
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *p = v[i].iov_base;
		size_t left = v[i].iov_len;
		while (left) {
			if (c->end == c->capacity)
				c = c->next;
			size_t k = c->capacity - c->end;
			if (k > left)
				k = left;
			memcpy(c->data + c->end, p, k);
			c->end += (uint32_t)k;
			b->len += k;
			p += k;
			left -= k;
		}
	}
	return 0;
}

uint8_t *buf_reserve(struct buf_pool *pool, struct buf *b, uint32_t min, uint32_t *ret_room)
{
	if (!b->tail || b->tail->capacity - b->tail->end < min) {
		struct buf_chunk *c = chunk_get(pool, min);
		if (!c)
			return NULL;
		chain(b, c);
	}
	*ret_room = b->tail->capacity - b->tail->end;
	return b->tail->data + b->tail->end;
}

void buf_commit(struct buf_pool *pool, struct buf *b, uint32_t n)
{
	b->tail->end += n;
	b->len += n;
	if (!b->len)
		buf_clear(pool, b);
}

void buf_drop(struct buf_pool *pool, struct buf *b, uint64_t n)
{
	b->len -= n;
	while (b->head) {
		uint64_t held = b->head->end - b->head->start;
		if (n < held) {
			b->head->start += (uint32_t)n;
			return;
		}
		n -= held;
		drop_head(pool, b);
	}
}

uint64_t buf_take(struct buf_pool *pool, struct buf *b, const struct iovec *v, uint32_t n)
{
	uint64_t taken = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *p = v[i].iov_base;
		size_t left = v[i].iov_len;
		while (left && b->len) {
			size_t k = b->head->end - b->head->start;
			if (k > left)
				k = left;
			memcpy(p, b->head->data + b->head->start, k);
			buf_drop(pool, b, k);
			p += k;
			left -= k;
			taken += k;
		}
	}
	return taken;
}

uint32_t buf_iov(const struct buf *b, struct iovec *v, uint32_t max)
{
	uint32_t k = 0;
	for (struct buf_chunk *c = b->head; c && k < max; c = c->next)
		if (c->end > c->start)
			v[k++] = (struct iovec){c->data + c->start, c->end - c->start};
	return k;
}

const uint8_t *buf_linear(struct buf_pool *pool, struct buf *b, uint32_t min, uint32_t *ret_len)
{
	struct buf_chunk *c = b->head;
	if (c->end - c->start < min) {
		struct buf_chunk *one = chunk_get(pool, BUF_CHUNK_MAX);
		if (!one)
			return NULL;
		uint64_t want = b->len < BUF_CHUNK_MAX ? b->len : BUF_CHUNK_MAX;
		struct iovec v = {one->data, want};
		uint64_t len = b->len;
		one->end = (uint32_t)buf_take(pool, b, &v, 1);
		one->next = b->head;
		b->head = one;
		if (!b->tail)
			b->tail = one;
		b->len = len;
		c = one;
	}
	*ret_len = c->end - c->start;
	return c->data + c->start;
}

void buf_clear(struct buf_pool *pool, struct buf *b)
{
	while (b->head)
		drop_head(pool, b);
	b->len = 0;
}
