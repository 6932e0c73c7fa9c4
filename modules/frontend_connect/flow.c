/* SPDX-License-Identifier: BSD-2-Clause
 *
 * flow.c - see flow.h.
 */
#include "flow.h"

/* What may move before others get their turn. */
#define TURN_BYTES (256U * 1024U)
/* A smaller piece counts as one of so many bytes: that is about what it costs. */
#define PIECE_COST 4096U
/* Looking for so many bytes makes the core read in big pieces. */
#define PIECE 4096U

enum flow flow_parts(struct http_parts *parts, struct rtun_stream *to, uint64_t *sent)
{
	uint64_t skip = *sent;
	uint32_t i = 0;
	int64_t n;
	while (i < parts->count && skip >= parts->v[i].iov_len)
		skip -= parts->v[i++].iov_len;
	if (i == parts->count)
		return FLOW_DONE;
	parts->v[i].iov_base = (uint8_t *)parts->v[i].iov_base + skip;
	parts->v[i].iov_len -= skip;
	n = rtun_writev(to, &parts->v[i], parts->count - i);
	if (n == -RTUN_EAGAIN) {
		rtun_want(to, RTUN_WRITE);
		return FLOW_BLOCKED;
	}
	if (n < 0)
		return FLOW_LOST;
	*sent += (uint64_t)n;
	return FLOW_MOVED;
}

/* As rtun_peek() for one byte, but with more behind it where there is more. */
static int64_t look(struct rtun_stream *s, const struct http_body *b, const uint8_t **p)
{
	uint64_t piece = b->framing == HTTP_LENGTH && b->left < PIECE ? b->left : PIECE;
	int64_t n = rtun_peek(s, piece, p);
	return n > 0 ? n : rtun_peek(s, 1, p);
}

/* n bytes have been seen: pass on, or drop, what of them goes the same way. */
static int64_t pass_on(struct http_body *b, const uint8_t *p, uint64_t n, struct rtun_stream *to, uint64_t *count)
{
	struct http_body ahead = *b;
	bool pass;
	int64_t taken = (int64_t)http_body_run(&ahead, p, n, &pass);
	if (taken > 0 && pass)
		taken = rtun_write(to, p, (uint64_t)taken);
	if (taken <= 0)
		return taken;
	http_body_run(b, p, (uint64_t)taken, &pass);
	if (pass)
		*count += (uint64_t)taken;
	return taken;
}

enum flow flow_body(struct http_body *b, struct rtun_stream *from, struct rtun_stream *to, uint64_t *count)
{
	const uint8_t *p;
	uint64_t moved = 0;
	while (!http_body_done(b) && moved < TURN_BYTES) {
		int64_t n = look(from, b, &p);
		if (n == -RTUN_EAGAIN) {
			rtun_want(from, RTUN_READ);
			return FLOW_BLOCKED;
		}
		if (n <= 0)
			return n == 0 && b->framing == HTTP_TO_THE_END ? FLOW_DONE : FLOW_ENDED;
		n = pass_on(b, p, (uint64_t)n, to, count);
		if (n == -RTUN_EAGAIN) {
			rtun_want(to, RTUN_WRITE);
			return FLOW_BLOCKED;
		}
		if (n <= 0)
			return n < 0 ? FLOW_LOST : FLOW_MALFORMED;
		rtun_consume(from, (uint64_t)n);
		moved += n > PIECE_COST ? (uint64_t)n : PIECE_COST;
	}
	if (http_body_done(b))
		return FLOW_DONE;
	rtun_want(from, RTUN_READ);
	return FLOW_BLOCKED;
}
