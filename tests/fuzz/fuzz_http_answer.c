/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The head of a server's answer: judged the same however it was split; the client gets a head that can be understood in one
 * way only, with the body that was meant. The first byte says what was asked.
 */
#include "fuzz_http.h"

static void must_be_passed_on_well(const struct http_answer *a, const struct http_head *h, const uint8_t *p, const struct http_request *r)
{
	uint8_t sent[HTTP_ANSWER_MAX + 512];
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head again;
	struct http_answer b;
	struct http_parts parts;
	http_answer_parts(a, h, p, a->body.framing == HTTP_TO_THE_END, &parts);
	if (!reread(&parts, true, sent, &again, fields))
		return;
	must(!http_answer_judge(&again, sent, r, &b).status);
	must(b.status == a->status && b.interim == a->interim && b.upgrade == a->upgrade);
	must(b.body.framing == (a->body.unframe && a->body.framing == HTTP_CHUNKED ? HTTP_TO_THE_END : a->body.framing));
	must(b.body.left == a->body.left);
	must(a->interim || a->upgrade || a->body.framing != HTTP_TO_THE_END || b.close);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head h;
	struct http_answer a;
	struct http_verdict v;
	struct http_request r = {0};
	if (len < 1 || len > HTTP_ANSWER_MAX + 512)
		return 0;
	r.old = p[0] & 1;
	r.head = p[0] & 2;
	r.websocket = p[0] & 4;
	len--;
	uint8_t *exact = exactly(p + 1, len);
	if (parse_head(exact, len, true, fields, &h, &v) && !v.status && !http_answer_judge(&h, exact, &r, &a).status)
		must_be_passed_on_well(&a, &h, exact, &r);
	free(exact);
	return 0;
}
