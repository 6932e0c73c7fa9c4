/* SPDX-License-Identifier: BSD-2-Clause
 *
 * field.c - the list of headers: those that matter, those that are not passed on, and the rest as it is sent.
 */
#include <string.h>
#include <strings.h>

#include "http.h"

static const char *const names[HTTP_NAMES] = {
	[HTTP_CONNECTION] = "connection",
	[HTTP_CONTENT_LENGTH] = "content-length",
	[HTTP_HOST] = "host",
	[HTTP_KEEP_ALIVE] = "keep-alive",
	[HTTP_MAX_FORWARDS] = "max-forwards",
	[HTTP_PROXY_AUTHENTICATE] = "proxy-authenticate",
	[HTTP_PROXY_AUTHENTICATION_INFO] = "proxy-authentication-info",
	[HTTP_PROXY_AUTHORIZATION] = "proxy-authorization",
	[HTTP_PROXY_CONNECTION] = "proxy-connection",
	[HTTP_TE] = "te",
	[HTTP_TRAILER] = "trailer",
	[HTTP_TRANSFER_ENCODING] = "transfer-encoding",
	[HTTP_UPGRADE] = "upgrade",
};

#define HOP_BY_HOP \
	(HTTP_BIT(HTTP_CONNECTION) | HTTP_BIT(HTTP_KEEP_ALIVE) | HTTP_BIT(HTTP_PROXY_AUTHENTICATE) | \
	 HTTP_BIT(HTTP_PROXY_AUTHENTICATION_INFO) | HTTP_BIT(HTTP_PROXY_AUTHORIZATION) | HTTP_BIT(HTTP_PROXY_CONNECTION) | \
	 HTTP_BIT(HTTP_TE) | HTTP_BIT(HTTP_TRAILER) | HTTP_BIT(HTTP_UPGRADE))
/* If Connection could remove these, the next hop would see another message. */
#define FRAMING (HTTP_BIT(HTTP_CONTENT_LENGTH) | HTTP_BIT(HTTP_HOST) | HTTP_BIT(HTTP_TRANSFER_ENCODING))
/* In answers, large networks of servers say so, and mean no more than that it is hop by hop: it is kept with its chunks. */
#define HARMLESS(h) ((h)->answer ? HTTP_BIT(HTTP_TRANSFER_ENCODING) : 0)

enum http_name http_name_of(const uint8_t *p, struct http_span name)
{
	for (uint32_t i = 1; i < HTTP_NAMES; i++)
		if (http_span_is(p, name, names[i]))
			return (enum http_name)i;
	return HTTP_OTHER;
}

/* ---- Lists ---- */

/* The next member of a list between commas, without blanks around it; false: there is none. */
static bool next_member(const uint8_t *p, struct http_span *rest, struct http_span *ret)
{
	while (rest->from < rest->to && (p[rest->from] == ' ' || p[rest->from] == '\t' || p[rest->from] == ','))
		rest->from++;
	if (rest->from == rest->to)
		return false;
	ret->from = ret->to = rest->from;
	for (; rest->from < rest->to && p[rest->from] != ','; rest->from++)
		if (p[rest->from] != ' ' && p[rest->from] != '\t')
			ret->to = (uint16_t)(rest->from + 1);
	return true;
}

bool http_list_has(const struct http_head *h, const uint8_t *p, enum http_name name, const char *member)
{
	for (uint32_t i = 0; i < h->count; i++) {
		struct http_span rest = h->fields[i].value, found;
		while (h->fields[i].known == name && next_member(p, &rest, &found))
			if (http_span_is(p, found, member))
				return true;
	}
	return false;
}

/* ---- What is not passed on ---- */

static bool same_name(const uint8_t *p, struct http_span a, struct http_span b)
{
	return http_span_len(a) == http_span_len(b) &&
	       strncasecmp((const char *)p + a.from, (const char *)p + b.from, http_span_len(a)) == 0;
}

static void drop_named(struct http_head *h, const uint8_t *p, struct http_span option, struct http_options *ret)
{
	enum http_name known = http_name_of(p, option);
	ret->close |= http_span_is(p, option, "close");
	ret->upgrade |= known == HTTP_UPGRADE;
	ret->wrong |= (HTTP_BIT(known) & FRAMING & ~HARMLESS(h)) != 0;
	for (uint32_t i = 0; known == HTTP_OTHER && i < h->count; i++)
		h->fields[i].drop |= h->fields[i].known == HTTP_OTHER && same_name(p, h->fields[i].name, option);
}

struct http_options http_drop_fields(struct http_head *h, const uint8_t *p, uint32_t drop)
{
	struct http_options o = {false, false, false};
	uint32_t named = 0; /* each is looked for among all headers: a head full of them would take milliseconds */
	for (uint32_t i = 0; i < h->count; i++) {
		struct http_span rest = h->fields[i].value, option;
		h->fields[i].drop |= ((drop | HOP_BY_HOP) & HTTP_BIT(h->fields[i].known)) != 0;
		while (h->fields[i].known == HTTP_CONNECTION && named <= HTTP_FIELDS_MAX && next_member(p, &rest, &option)) {
			drop_named(h, p, option, &o);
			o.wrong |= ++named > HTTP_FIELDS_MAX;
		}
	}
	return o;
}

/* ---- What is sent ---- */

void http_part(struct http_parts *parts, const void *p, size_t len)
{
	union {
		const void *in;
		void *out;
	} u = {p}; /* an iovec has no const */
	if (len)
		parts->v[parts->count++] = (struct iovec){u.out, len};
}

void http_part_text(struct http_parts *parts, const char *text)
{
	http_part(parts, text, strlen(text));
}

void http_part_fields(struct http_parts *parts, const struct http_head *h, const uint8_t *p)
{
	uint32_t empty_line = h->pos - 2, i = 0;
	while (i < h->count) {
		uint32_t from, to;
		for (; i < h->count && h->fields[i].drop; i++)
			;
		from = i < h->count ? h->fields[i].name.from : empty_line;
		for (; i < h->count && !h->fields[i].drop; i++)
			;
		to = i < h->count ? h->fields[i].name.from : empty_line;
		http_part(parts, p + from, to - from);
	}
	http_part_text(parts, "\r\n");
}
