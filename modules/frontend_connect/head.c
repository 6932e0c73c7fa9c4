/* SPDX-License-Identifier: BSD-2-Clause
 *
 * head.c - HTTP/1 heads. A table says which class of byte may follow in which state, so what it doesn't list is
 * refused: bare LF, folded lines, blanks before a colon, control characters.
 */
#include <string.h>
#include <strings.h>

#include "http.h"

/* ---- Bytes ---- */

enum byte_class { CTL, TCHAR, VISIBLE, COLON, SP, HTAB, CR, LF, HIGH, CLASSES };

static const uint8_t class_of[256] = {
	['\t'] = HTAB, ['\n'] = LF, ['\r'] = CR, [' '] = SP, ['!'] = TCHAR, ['"'] = VISIBLE, ['#' ... '\''] = TCHAR,
	['(' ... ')'] = VISIBLE, ['*' ... '+'] = TCHAR, [','] = VISIBLE, ['-' ... '.'] = TCHAR, ['/'] = VISIBLE,
	['0' ... '9'] = TCHAR, [':'] = COLON, [';' ... '@'] = VISIBLE, ['A' ... 'Z'] = TCHAR, ['[' ... ']'] = VISIBLE,
	['^' ... 'z'] = TCHAR, ['{'] = VISIBLE, ['|'] = TCHAR, ['}'] = VISIBLE, ['~'] = TCHAR, [0x80 ... 0xff] = HIGH,
};

/* ---- States: what a table doesn't list leads nowhere ---- */

#define TEXT(state) [TCHAR] = state, [VISIBLE] = state, [COLON] = state
static const uint8_t next_state[HTTP_DONE][CLASSES] = {
	[HTTP_START] = {[TCHAR] = HTTP_METHOD, [CR] = HTTP_EMPTY_LF},
	[HTTP_EMPTY_LF] = {[LF] = HTTP_START},
	[HTTP_METHOD] = {[TCHAR] = HTTP_METHOD, [SP] = HTTP_TARGET},
	[HTTP_TARGET] = {TEXT(HTTP_TARGET), [HIGH] = HTTP_TARGET, [SP] = HTTP_VERSION}, /* HIGH: curl does not escape */
	[HTTP_VERSION] = {TEXT(HTTP_VERSION), [CR] = HTTP_LINE_LF},
	[HTTP_ANSWER_START] = {[TCHAR] = HTTP_ANSWER_VERSION},
	[HTTP_ANSWER_VERSION] = {TEXT(HTTP_ANSWER_VERSION), [SP] = HTTP_STATUS},
	[HTTP_STATUS] = {[TCHAR] = HTTP_STATUS, [SP] = HTTP_REASON, [CR] = HTTP_LINE_LF},
	[HTTP_REASON] = {TEXT(HTTP_REASON), [HIGH] = HTTP_REASON, [SP] = HTTP_REASON, [HTAB] = HTTP_REASON, [CR] = HTTP_LINE_LF},
	[HTTP_LINE_LF] = {[LF] = HTTP_FIELD},
	[HTTP_FIELD] = {[TCHAR] = HTTP_NAME, [CR] = HTTP_END_LF},
	[HTTP_NAME] = {[TCHAR] = HTTP_NAME, [COLON] = HTTP_BLANK},
	[HTTP_BLANK] = {TEXT(HTTP_VALUE), [HIGH] = HTTP_VALUE, [SP] = HTTP_BLANK, [HTAB] = HTTP_BLANK, [CR] = HTTP_VALUE_LF},
	[HTTP_VALUE] = {TEXT(HTTP_VALUE), [HIGH] = HTTP_VALUE, [SP] = HTTP_VALUE, [HTAB] = HTTP_VALUE, [CR] = HTTP_VALUE_LF},
	[HTTP_VALUE_LF] = {[LF] = HTTP_FIELD},
	[HTTP_END_LF] = {[LF] = HTTP_DONE},
};

/* What is wrong where the table leads nowhere. */
static const char *const wrong[HTTP_DONE] = {
	[HTTP_START] = "this is not an HTTP request",
	[HTTP_EMPTY_LF] = "this is not an HTTP request",
	[HTTP_METHOD] = "this is not an HTTP request",
	[HTTP_TARGET] = "the request's target has a byte that may not be there",
	[HTTP_VERSION] = "the request line doesn't end with HTTP/1.1, CR and LF",
	[HTTP_ANSWER_START] = "the server's answer is not HTTP",
	[HTTP_ANSWER_VERSION] = "the server's answer is not HTTP",
	[HTTP_STATUS] = "the status line has a byte that may not be there",
	[HTTP_REASON] = "the status line has a byte that may not be there",
	[HTTP_LINE_LF] = "the first line doesn't end with CR and LF",
	[HTTP_FIELD] = "a header line is folded, or has no name",
	[HTTP_NAME] = "a header's name isn't followed by a colon at once",
	[HTTP_BLANK] = "a header's value has a control character",
	[HTTP_VALUE] = "a header's value has a control character",
	[HTTP_VALUE_LF] = "a header line doesn't end with CR and LF",
	[HTTP_END_LF] = "the headers don't end with CR and LF",
};

uint8_t http_head_step(uint8_t state, uint8_t byte)
{
	return next_state[state][class_of[byte]];
}

/* ---- Spans ---- */

bool http_span_is(const uint8_t *p, struct http_span s, const char *text)
{
	size_t len = strlen(text);
	return http_span_len(s) == len && strncasecmp((const char *)p + s.from, text, len) == 0;
}

bool http_span_number(const uint8_t *p, struct http_span s, uint64_t *ret)
{
	uint64_t n = 0;
	if (http_span_len(s) < 1 || http_span_len(s) > 18)
		return false;
	for (uint32_t i = s.from; i < s.to; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(p[i] - '0');
	}
	*ret = n;
	return true;
}

/* ---- Headers ---- */

/* Twice, they make a message that can be understood in two ways. */
#define ONCE \
	(HTTP_BIT(HTTP_CONTENT_LENGTH) | HTTP_BIT(HTTP_TRANSFER_ENCODING) | HTTP_BIT(HTTP_HOST) | HTTP_BIT(HTTP_MAX_FORWARDS) | \
	 HTTP_BIT(HTTP_PROXY_AUTHORIZATION))

/* NULL, or what is wrong with the header that has just ended. */
static const char *take_field(struct http_head *h, const uint8_t *p)
{
	struct http_span name = h->spans[HTTP_NAME], value = h->spans[HTTP_VALUE];
	enum http_name known = http_name_of(p, name);
	while (value.to > value.from && (p[value.to - 1] == ' ' || p[value.to - 1] == '\t'))
		value.to--;
	if (h->seen & HTTP_BIT(known) & ONCE)
		return "a header that may come only once is there twice";
	if (h->count == HTTP_FIELDS_MAX)
		return "there are more than 100 headers";
	h->seen |= HTTP_BIT(known);
	h->known[known] = value;
	if (h->fields)
		h->fields[h->count] = (struct http_field){name, value, (uint8_t)known, false};
	h->count++;
	return NULL;
}

/* The state changes at byte `i`: note where a token ended and the next one begins. */
static const char *change_state(struct http_head *h, const uint8_t *p, uint32_t i, uint8_t to)
{
	bool with_this_byte = to == HTTP_METHOD || to == HTTP_ANSWER_VERSION || to == HTTP_NAME || to == HTTP_VALUE;
	h->spans[h->state].to = (uint16_t)i;
	if (to == HTTP_VALUE_LF && h->state == HTTP_BLANK)
		h->spans[HTTP_VALUE] = (struct http_span){(uint16_t)i, (uint16_t)i};
	h->state = to;
	if (to == HTTP_VALUE_LF)
		return take_field(h, p);
	if (to < HTTP_DONE)
		h->spans[to].from = (uint16_t)(with_this_byte ? i : i + 1);
	return NULL;
}

/* ---- The whole head ---- */

void http_head_begin(struct http_head *h, bool answer, struct http_field *fields)
{
	memset(h, 0, sizeof(*h));
	h->answer = answer;
	h->state = answer ? HTTP_ANSWER_START : HTTP_START;
	h->fields = fields;
}

static struct http_verdict malformed(const struct http_head *h, const char *why)
{
	return (struct http_verdict){h->answer ? 502 : 400, h->answer ? "http_protocol_error" : "http_request_error", why, NULL};
}

bool http_head_parse(struct http_head *h, const uint8_t *p, uint32_t len, struct http_verdict *ret_verdict)
{
	static const struct http_verdict request_too_long = {431, "http_request_error", "the request's headers are longer than 8 KiB",
							     "perhaps delete the site's cookies"},
					 answer_too_long = {502, "http_response_header_section_size",
							    "the headers of the server's answer are longer than 16 KiB", NULL};
	uint32_t max = h->answer ? HTTP_ANSWER_MAX : HTTP_REQUEST_MAX;
	*ret_verdict = (struct http_verdict){0};
	for (; h->pos < len && h->state != HTTP_DONE; h->pos++) {
		if (h->pos == max) {
			*ret_verdict = h->answer ? answer_too_long : request_too_long;
			return true;
		}
		uint8_t to = http_head_step(h->state, p[h->pos]);
		const char *why = to == HTTP_NOWHERE ? wrong[h->state] : to != h->state ? change_state(h, p, h->pos, to) : NULL;
		if (why) {
			*ret_verdict = malformed(h, why);
			return true;
		}
	}
	if (h->state != HTTP_DONE && h->answer && len == max)
		*ret_verdict = answer_too_long; /* no more can be seen at once */
	return h->state == HTTP_DONE || ret_verdict->status;
}
