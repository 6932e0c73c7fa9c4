/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The head of a request to the HTTP proxy: whatever comes, it is judged the same however it was split, what is let through has
 * a host without surprises, and the server gets a head that can be understood in one way only.
 */
#include "fuzz_http.h"

static void must_be_sane(const struct frontend_request *r)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	must((r->host[0] != '\0') == (r->addr.family == 0));
	must(strspn(r->host, allowed) == strlen(r->host));
	for (const char *c = r->user; *c; c++)
		must((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void must_be_passed_on_well(struct http_head *h, const uint8_t *p, struct http_request *r)
{
	uint8_t sent[HTTP_ANSWER_MAX + 512];
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head again;
	struct http_body body;
	struct http_parts parts;
	if (http_request_prepare(h, p, r).status)
		return;
	http_request_parts(r, h, p, &parts);
	if (!reread(&parts, false, sent, &again, fields))
		return;
	must(sent[again.spans[HTTP_TARGET].from] == '/' || sent[again.spans[HTTP_TARGET].from] == '*');
	must(again.seen & HTTP_BIT(HTTP_HOST));
	must(!http_body_begin(&again, sent, false, &body).status);
	must(body.framing == r->body.framing && body.left == r->body.left);
	must((again.seen & HTTP_BIT(HTTP_UPGRADE)) == (r->websocket ? HTTP_BIT(HTTP_UPGRADE) : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head h;
	struct http_request r;
	struct http_verdict v;
	if (len > HTTP_REQUEST_MAX + 512)
		return 0;
	uint8_t *exact = exactly(p, len);
	if (parse_head(exact, len, false, fields, &h, &v) && !v.status && !http_request_judge(&h, exact, &r).status) {
		must_be_sane(&r.to);
		if (!r.connect)
			must_be_passed_on_well(&h, exact, &r);
	}
	free(exact);
	return 0;
}
