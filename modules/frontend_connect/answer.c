/* SPDX-License-Identifier: BSD-2-Clause
 *
 * answer.c - what a server answers. It is not trusted: what can be understood in two ways is not passed on.
 */
#include <string.h>

#include "http.h"

static struct http_verdict broken(const char *why)
{
	return (struct http_verdict){502, "http_protocol_error", why, NULL};
}

static bool judge_line(const struct http_head *h, const uint8_t *p, struct http_answer *ret, bool *ret_old)
{
	struct http_span v = h->spans[HTTP_ANSWER_VERSION];
	uint64_t status;
	if (http_span_len(v) != 8 || memcmp(p + v.from, "HTTP/1.", 7) != 0 || p[v.from + 7] < '0' || p[v.from + 7] > '9' ||
	    http_span_len(h->spans[HTTP_STATUS]) != 3 || !http_span_number(p, h->spans[HTTP_STATUS], &status) || status < 100)
		return false;
	ret->status = (uint32_t)status;
	*ret_old = p[v.from + 7] == '0';
	return true;
}

struct http_verdict http_answer_judge(struct http_head *h, const uint8_t *p, const struct http_request *r,
				      struct http_answer *ret)
{
	bool old, bare;
	uint32_t drop = 0;
	struct http_verdict v;
	struct http_options o;
	memset(ret, 0, sizeof(*ret));
	if (!judge_line(h, p, ret, &old))
		return broken("the status line of the server's answer is malformed");
	if ((v = http_body_begin(h, p, old, &ret->body)).status)
		return v;
	ret->upgrade = ret->status == 101;
	if (ret->upgrade && !r->websocket)
		return broken("the server changes to another protocol, which nobody asked for");
	ret->interim = ret->status < 200 && !ret->upgrade;
	bare = ret->status < 200 || ret->status == 204;
	if (bare)
		drop = HTTP_BIT(HTTP_CONTENT_LENGTH) | HTTP_BIT(HTTP_TRANSFER_ENCODING);
	if (bare || ret->status == 304 || r->head)
		ret->body = (struct http_body){.framing = HTTP_NO_BODY};
	if (r->old && (h->seen & HTTP_BIT(HTTP_TRANSFER_ENCODING))) {
		ret->body.unframe = true;
		drop |= HTTP_BIT(HTTP_TRANSFER_ENCODING);
	}
	o = http_drop_fields(h, p, drop);
	if (o.wrong)
		return broken("Connection of the server's answer names a header that frames the message, or more than 100");
	ret->close = o.close || old || ret->body.framing == HTTP_TO_THE_END;
	return (struct http_verdict){0};
}

void http_answer_parts(const struct http_answer *a, const struct http_head *h, const uint8_t *p, bool close,
		       struct http_parts *ret)
{
	struct http_span status = h->spans[HTTP_STATUS], reason = h->spans[HTTP_REASON];
	ret->count = 0;
	http_part_text(ret, "HTTP/1.1 ");
	http_part(ret, p + status.from, http_span_len(status));
	http_part_text(ret, " ");
	if (reason.to > reason.from)
		http_part(ret, p + reason.from, http_span_len(reason));
	http_part_text(ret, a->upgrade            ? "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" :
			    close && !a->interim ? "\r\nConnection: close\r\n" :
						   "\r\n");
	http_part_fields(ret, h, p);
}
