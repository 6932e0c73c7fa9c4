/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The head of a request to the HTTP proxy: whatever comes, it is judged the same however it was split, and what is let
 * through has a host without surprises.
 */
#include <stdlib.h>
#include <string.h>

#include "../../modules/frontend/frontend_login.c"
#include "../../modules/frontend_connect/parse.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void must_be_sane(const struct connect_parser *parser, const struct frontend_request *r)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	must(parser->pos <= CONNECT_HEAD_MAX);
	must((r->host[0] != '\0') == (r->addr.family == 0));
	must(strspn(r->host, allowed) == strlen(r->host));
	for (const char *c = r->user; *c; c++)
		must((unsigned char)*c >= 0x20 && *c != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct connect_parser at_once = {0}, bytewise = {0};
	struct frontend_request r1, r2;
	struct connect_verdict v1, v2;
	char answer[FRONTEND_ANSWER_MAX];
	bool done1, done2 = false;
	if (len > CONNECT_HEAD_MAX + 512)
		return 0;
	uint8_t *exact = malloc(len ? len : 1);
	memcpy(exact, p, len);
	done1 = connect_parse(&at_once, exact, (uint32_t)len, &r1, &v1);
	for (uint32_t i = 0; i <= len && !done2; i++)
		done2 = connect_parse(&bytewise, exact, i, &r2, &v2);
	must(done1 == done2);
	if (done1) {
		must(v1.status == v2.status && v1.why == v2.why && at_once.pos == bytewise.pos);
		if (v1.status)
			must(connect_format_error(v1.status, "http_request_error", v1.why, answer) < FRONTEND_ANSWER_MAX);
		else
			must_be_sane(&at_once, &r1);
		must(memcmp(&r1, &r2, sizeof(r1)) == 0);
	}
	free(exact);
	return 0;
}
