/* SPDX-License-Identifier: BSD-2-Clause
 *
 * body.c - where a body ends. Chunks are followed byte by byte but for their data, and go on as they came, without
 * extensions and trailers: those would be read by who believes to read something else.
 *
 *   SIZE_FIRST -hex-> SIZE -CR-> SIZE_LF -LF-> DATA -all of it-> DATA_CR -CR-> DATA_LF -LF-> SIZE_FIRST
 *                      '-;--> EXTENSION -CR--^  '-size 0-> HTTP_FIELD ... HTTP_DONE: trailers, as in a head
 */
#include <string.h>

#include "http.h"

#define DIGITS_MAX 15U
#define LINE_MAX 512U /* a chunk's size with its extensions */

enum chunk_state { SIZE_FIRST = HTTP_DONE + 1, SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF };

static int hex(uint8_t c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* ---- Chunks ---- */

static uint8_t after_size(const struct http_body *b, uint8_t c)
{
	if (hex(c) >= 0)
		return b->line < DIGITS_MAX ? SIZE : HTTP_NOWHERE;
	return c == '\r' ? SIZE_LF : c == ';' || c == ' ' || c == '\t' ? EXTENSION : HTTP_NOWHERE;
}

/* The state behind byte c, or HTTP_NOWHERE. */
static uint8_t next_state_of(const struct http_body *b, uint8_t c)
{
	switch (b->state) {
	case SIZE_FIRST:
		return hex(c) >= 0 ? SIZE : HTTP_NOWHERE;
	case SIZE:
		return after_size(b, c);
	case EXTENSION:
		if (b->line >= LINE_MAX)
			return HTTP_NOWHERE;
		return c == '\r' ? SIZE_LF : http_head_step(HTTP_VALUE, c) == HTTP_VALUE ? EXTENSION : HTTP_NOWHERE;
	case SIZE_LF:
		return c != '\n' ? HTTP_NOWHERE : b->left ? DATA : HTTP_FIELD;
	case DATA_CR:
		return c == '\r' ? DATA_LF : HTTP_NOWHERE;
	case DATA_LF:
		return c == '\n' ? SIZE_FIRST : HTTP_NOWHERE;
	default: /* trailers */
		return b->line < HTTP_REQUEST_MAX ? http_head_step(b->state, c) : HTTP_NOWHERE;
	}
}

/* Is the byte between these states passed on? Of trailers only the empty line is. */
static bool passes(const struct http_body *b, uint8_t to)
{
	if (b->unframe)
		return false;
	return b->state > HTTP_DONE ? to != EXTENSION : to == HTTP_END_LF || to == HTTP_DONE;
}

static void step(struct http_body *b, uint8_t c, uint8_t to)
{
	if (to == SIZE)
		b->left = b->left << 4 | (uint64_t)hex(c);
	b->line = to == SIZE_FIRST || (b->state == SIZE_LF && to == HTTP_FIELD) ? 0 : b->line + 1;
	b->state = to;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t chunk_run(struct http_body *b, const uint8_t *p, uint64_t n, bool *ret_pass)
{
	uint64_t i = 0, k;
	for (; i < n && b->state != HTTP_DONE; i += k) {
		bool data = b->state == DATA, pass;
		uint8_t to = data ? DATA : next_state_of(b, p[i]);
		if (to == HTTP_NOWHERE)
			break;
		pass = data || passes(b, to);
		if (i && pass != *ret_pass)
			break;
		*ret_pass = pass;
		k = data ? least(b->left, n - i) : 1;
		if (!data)
			step(b, p[i], to);
		else if (!(b->left -= k))
			b->state = DATA_CR;
	}
	return i;
}

/* ---- Any body ---- */

static struct http_verdict framed_badly(const struct http_head *h, uint32_t status, const char *why)
{
	return (struct http_verdict){h->answer ? 502 : status, h->answer ? "http_protocol_error" : "http_request_error", why, NULL};
}

struct http_verdict http_body_begin(const struct http_head *h, const uint8_t *p, bool old, struct http_body *ret)
{
	bool chunked = h->seen & HTTP_BIT(HTTP_TRANSFER_ENCODING), length = h->seen & HTTP_BIT(HTTP_CONTENT_LENGTH);
	*ret = (struct http_body){.framing = h->answer ? HTTP_TO_THE_END : HTTP_NO_BODY};
	if (chunked && length)
		return framed_badly(h, 400, "Content-Length and Transfer-Encoding exclude each other");
	if (chunked && old)
		return framed_badly(h, 400, "there is no Transfer-Encoding in HTTP/1.0");
	if (chunked && !http_span_is(p, h->known[HTTP_TRANSFER_ENCODING], "chunked"))
		return framed_badly(h, 501, "of transfer codings only chunked is understood");
	if (length && !http_span_number(p, h->known[HTTP_CONTENT_LENGTH], &ret->left))
		return framed_badly(h, 400, "Content-Length is no number, or too large");
	if (chunked)
		*ret = (struct http_body){.framing = HTTP_CHUNKED, .state = SIZE_FIRST};
	if (length)
		ret->framing = ret->left ? HTTP_LENGTH : HTTP_NO_BODY;
	return (struct http_verdict){0};
}

bool http_body_done(const struct http_body *b)
{
	switch (b->framing) {
	case HTTP_LENGTH:
		return b->left == 0;
	case HTTP_CHUNKED:
		return b->state == HTTP_DONE;
	default:
		return b->framing == HTTP_NO_BODY;
	}
}

uint64_t http_body_run(struct http_body *b, const uint8_t *p, uint64_t n, bool *ret_pass)
{
	*ret_pass = true;
	if (b->framing == HTTP_CHUNKED)
		return chunk_run(b, p, n, ret_pass);
	if (b->framing == HTTP_LENGTH) {
		n = least(n, b->left);
		b->left -= n;
	}
	return n;
}
