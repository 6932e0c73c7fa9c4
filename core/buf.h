/* SPDX-License-Identifier: BSD-2-Clause
 *
 * buf.h - bytes that wait: chains of chunks from a pool with a budget.
 *
 * A stream that nobody stalls never has one (streams are cut through); an empty buf holds no memory.
 */
#ifndef BUF_H
#define BUF_H

#include <stdint.h>
#include <sys/uio.h>

#define BUF_CHUNK_MAX 16384U

struct buf_chunk {
	struct buf_chunk *next;
	uint32_t start, end, capacity; /* bytes [start, end) of data are held */
	uint8_t data[];
};

/* One for each loop. `used` counts the capacity of all chunks out of it. */
struct buf_pool {
	uint64_t used, limit;
	struct buf_chunk *spare; /* of BUF_CHUNK_MAX */
	uint32_t spare_count;
};

struct buf {
	struct buf_chunk *head, *tail;
	uint64_t len;
};

#define BUF_POOL_LIMIT (UINT64_C(512) << 20)

void buf_pool_init(struct buf_pool *pool, uint64_t limit);
void buf_pool_fini(struct buf_pool *pool);

/* 0, or -RTUN_ENOMEM and nothing appended. */
int buf_append(struct buf_pool *pool, struct buf *b, const struct iovec *v, uint32_t n);
/* Room of at least `min` bytes (at most BUF_CHUNK_MAX) at the end, for reading into; then say how much came. NULL when
 * the budget is used up. */
uint8_t *buf_reserve(struct buf_pool *pool, struct buf *b, uint32_t min, uint32_t *ret_room);
void buf_commit(struct buf_pool *pool, struct buf *b, uint32_t n);
/* Copy out and drop; returns how much. */
uint64_t buf_take(struct buf_pool *pool, struct buf *b, const struct iovec *v, uint32_t n);
void buf_drop(struct buf_pool *pool, struct buf *b, uint64_t n);
/* The first bytes as at most `max` iovecs; returns how many. */
uint32_t buf_iov(const struct buf *b, struct iovec *v, uint32_t max);
/* Make the first `min` bytes contiguous (min <= len, <= BUF_CHUNK_MAX); NULL when out of memory. */
const uint8_t *buf_linear(struct buf_pool *pool, struct buf *b, uint32_t min, uint32_t *ret_len);
void buf_clear(struct buf_pool *pool, struct buf *b);

uint64_t iov_total(const struct iovec *v, uint32_t n);
/* Copies the first `limit` bytes' worth of v to out (at most `max` of them); returns the count. */
uint32_t iov_clip(const struct iovec *v, uint32_t n, uint64_t skip, uint64_t limit, struct iovec *out, uint32_t max);

#endif
