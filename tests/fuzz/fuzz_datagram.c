/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Datagrams in streams: whatever comes is dropped or understood in one way only, within its bytes; and a stream of anything
 * is cut into the same datagrams however it is split. The first byte says how.
 */
#include <stdlib.h>
#include <string.h>

#include "../../modules/datagram/datagram_socket.c"
#include "../../modules/datagram/datagram_stream.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static void inside(const uint8_t *q, uint64_t n, const uint8_t *p, size_t len)
{
	if (q < p || q + n > p + len)
		abort();
}

static void parse(const uint8_t *p, size_t len)
{
	uint8_t address[RTUN_DATAGRAM_ADDRESS], *exact = malloc(len ? len : 1);
	struct rtun_datagram d;
	memcpy(exact, p, len);
	if (rtun_datagram_parse(exact, len, &d) == 0) {
		inside(d.payload, d.len, exact, len);
		if (d.payload + d.len != exact + len || !d.addr.family != !!d.host)
			abort();
		if (d.host) {
			inside((const uint8_t *)d.host, d.host_len, exact, len);
			if (!d.host_len || d.host_len > 255 || memchr(d.host, 0, d.host_len))
				abort();
		} else if (rtun_datagram_address(&d.addr, address) != len - d.len || memcmp(address, exact, len - d.len) != 0) {
			abort();
		}
	}
	free(exact);
}

/* What was delivered, in order: a hash of it. */
static uint64_t sum;

static void on_send(void *self, const uint8_t *body, uint32_t len)
{
	(void)self;
	sum = (sum ^ len) * 1099511628211U;
	for (uint32_t i = 0; i < len; i++)
		sum = (sum ^ body[i]) * 1099511628211U;
	parse(body, len);
}

static uint64_t written(const uint8_t *p, size_t len, size_t piece)
{
	static const struct datagram_ops ops = {.send = on_send};
	struct datagram_stream ds = {.ops = &ops};
	sum = 0;
	for (size_t at = 0; at < len; at += piece) {
		size_t n = piece < len - at ? piece : len - at;
		uint8_t *exact = malloc(n);
		struct iovec v[2] = {{exact, n / 2}, {exact + n / 2, n - n / 2}};
		memcpy(exact, p + at, n);
		if (op_writev(&ds, v, 2) != (int64_t)n)
			abort();
		free(exact);
	}
	free(ds.part);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (len < 1)
		return 0;
	parse(p + 1, len - 1);
	if (written(p + 1, len - 1, len) != written(p + 1, len - 1, 1U + p[0]) ||
	    written(p + 1, len - 1, 1) != sum)
		abort();
	return 0;
}
