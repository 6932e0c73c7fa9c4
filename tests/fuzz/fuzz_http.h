/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_http.h - for the fuzz targets of HTTP: the pure half of modules/frontend_connect, and what holds for all of it.
 */
#ifndef FUZZ_HTTP_H
#define FUZZ_HTTP_H

#include <stdlib.h>
#include <string.h>

#include "../../modules/frontend/frontend_login.c"
#include "../../modules/frontend_connect/answer.c"
#include "../../modules/frontend_connect/body.c"
#include "../../modules/frontend_connect/field.c"
#include "../../modules/frontend_connect/head.c"
#include "../../modules/frontend_connect/login.c"
#include "../../modules/frontend_connect/refusal.c"
#include "../../modules/frontend_connect/request.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* A copy without a byte behind it. */
static inline uint8_t *exactly(const uint8_t *p, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);
	memcpy(exact, p, len);
	return exact;
}

/* All at once and byte by byte, a head is the same. False: it is not complete. */
static inline bool parse_head(const uint8_t *p, size_t len, bool answer, struct http_field *fields, struct http_head *h, struct http_verdict *v)
{
	struct http_field fields2[HTTP_FIELDS_MAX];
	struct http_head h2;
	struct http_verdict v2;
	char text[FRONTEND_ANSWER_MAX];
	bool done, done2 = false;
	http_head_begin(h, answer, fields);
	http_head_begin(&h2, answer, fields2);
	done = http_head_parse(h, p, (uint32_t)len, v);
	for (uint32_t i = 0; i <= len && !done2; i++)
		done2 = http_head_parse(&h2, p, i, &v2);
	must(done == done2);
	if (!done)
		return false;
	must(v->status == v2.status && v->why == v2.why && h->pos == h2.pos && h->seen == h2.seen);
	must(h->count == h2.count && memcmp(fields, fields2, h->count * sizeof(fields[0])) == 0);
	must(h->pos <= (answer ? HTTP_ANSWER_MAX : HTTP_REQUEST_MAX));
	if (v->status)
		must(http_format_refusal(v, false, text) < FRONTEND_ANSWER_MAX);
	return true;
}

/* What is sent is a head again, of one reading. The number of its bytes. */
static inline uint32_t reread(const struct http_parts *parts, bool answer, uint8_t ret[HTTP_ANSWER_MAX + 512], struct http_head *h,
			      struct http_field *fields)
{
	struct http_verdict v;
	uint32_t len = 0;
	must(parts->count <= HTTP_PARTS_MAX);
	for (uint32_t i = 0; i < parts->count; i++) {
		must(len + parts->v[i].iov_len <= HTTP_ANSWER_MAX + 512);
		memcpy(ret + len, parts->v[i].iov_base, parts->v[i].iov_len);
		len += (uint32_t)parts->v[i].iov_len;
	}
	http_head_begin(h, answer, fields);
	if (len > (answer ? HTTP_ANSWER_MAX : HTTP_REQUEST_MAX))
		return 0; /* what was added made it too long to be read here */
	must(http_head_parse(h, ret, len, &v));
	if (v.status && h->count == HTTP_FIELDS_MAX)
		return 0;
	must(!v.status && h->pos == len);
	must(!(h->seen & (HTTP_BIT(HTTP_KEEP_ALIVE) | HTTP_BIT(HTTP_PROXY_AUTHENTICATE) | HTTP_BIT(HTTP_PROXY_AUTHENTICATION_INFO) |
			  HTTP_BIT(HTTP_PROXY_AUTHORIZATION) | HTTP_BIT(HTTP_PROXY_CONNECTION) | HTTP_BIT(HTTP_TE) | HTTP_BIT(HTTP_TRAILER))));
	return len;
}

#endif
