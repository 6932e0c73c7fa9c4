/* SPDX-License-Identifier: BSD-2-Clause
 *
 * parse.h - the head of an HTTP/1 request to a proxy, strictly; and the head of an answer. Pure functions.
 */
#ifndef CONNECT_PARSE_H
#define CONNECT_PARSE_H

#include "../frontend/frontend.h"

#define CONNECT_HEAD_MAX 8192U /* bytes of request line and headers */
#define CONNECT_SPANS 12U

struct connect_span {
	uint16_t from, to;
};

/* Where the parser stands; all zero at the beginning. Holds offsets only: the bytes may move between two calls. */
struct connect_parser {
	uint32_t pos; /* bytes judged; in the end, the length of the head */
	uint32_t state;
	uint32_t seen; /* which of the headers that matter */
	struct connect_span spans[CONNECT_SPANS];
	struct connect_span length, login; /* values of Content-Length, Proxy-Authorization */
};

/* What is wrong with a request. status 0: nothing. */
struct connect_verdict {
	uint32_t status;
	const char *why;
};

/* `p` is the head's first byte, `len` how many have come. True: done, with the verdict; false: more bytes are needed. */
bool connect_parse(struct connect_parser *parser, const uint8_t *p, uint32_t len, struct frontend_request *ret,
		   struct connect_verdict *ret_verdict);

/* An error as a whole answer; `error` is the type for Proxy-Status (RFC 9209). The number of bytes. */
uint32_t connect_format_error(uint32_t status, const char *error, const char *why, char ret[FRONTEND_ANSWER_MAX]);

#endif
