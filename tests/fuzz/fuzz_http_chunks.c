/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A body in chunks: the same bytes are passed on however it was split; they are chunks again, of which nothing is dropped any
 * more; and without their framing, they are the data. The first byte says how it is split.
 */
#include "fuzz_http.h"

struct passed {
	uint8_t *p;
	size_t len;
	size_t used; /* of the input */
	bool whole;  /* the body has ended */
};

/* At most `piece` bytes at a time, half of which are taken where `half`. */
static struct passed pass(const uint8_t *p, size_t len, size_t piece, bool half, bool unframe)
{
	struct http_body b = {.framing = HTTP_CHUNKED, .state = SIZE_FIRST, .unframe = unframe};
	struct passed ret = {malloc(len + 1), 0, 0, false};
	while (ret.used < len && !http_body_done(&b)) {
		uint64_t n = len - ret.used < piece ? len - ret.used : piece, again;
		struct http_body ahead = b;
		bool passes, passes_again;
		if (!(n = http_body_run(&ahead, p + ret.used, n, &passes)))
			break;
		if (half && n > 1)
			n /= 2;
		again = http_body_run(&b, p + ret.used, n, &passes_again);
		must(again == n && passes == passes_again);
		if (passes) {
			memcpy(ret.p + ret.len, p + ret.used, n);
			ret.len += n;
		}
		ret.used += n;
	}
	ret.whole = http_body_done(&b);
	return ret;
}

static void must_be_same(struct passed a, struct passed b)
{
	must(a.len == b.len && a.whole == b.whole && memcmp(a.p, b.p, a.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (len < 1)
		return 0;
	uint8_t *exact = exactly(p + 1, len - 1);
	struct passed whole = pass(exact, len - 1, SIZE_MAX, false, false), split = pass(exact, len - 1, p[0] / 2 + 1U, p[0] & 1, false);
	struct passed again = pass(whole.p, whole.len, SIZE_MAX, false, false);
	struct passed data = pass(exact, len - 1, SIZE_MAX, false, true), data_again = pass(whole.p, whole.len, p[0] / 2 + 1U, p[0] & 1, true);
	must_be_same(whole, split);
	must(whole.used == split.used && again.used == whole.len);
	must_be_same(whole, again);
	must_be_same(data, data_again);
	free(exact);
	free(whole.p);
	free(split.p);
	free(again.p);
	free(data.p);
	free(data_again.p);
	return 0;
}
