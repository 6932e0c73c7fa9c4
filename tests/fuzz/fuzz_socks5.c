/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The messages of SOCKS: whatever comes, a message that is complete is understood the same however it was split, and
 * one that isn't asks for more bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "../../modules/frontend/frontend_login.c"
#include "../../modules/frontend_socks5/parse.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

union message {
	uint32_t methods;
	struct frontend_request request;
};

static int32_t parse(uint8_t kind, const uint8_t *p, uint32_t len, union message *ret)
{
	/* a copy of the exact size, so that a sanitizer sees every byte read beyond it */
	uint8_t *exact = malloc(len ? len : 1);
	int32_t n;
	memcpy(exact, p, len);
	memset(ret, 0, sizeof(*ret));
	if (kind % 4 == 0)
		n = socks5_parse_greeting(exact, len, &ret->methods);
	else if (kind % 4 == 1)
		n = socks5_parse_login(exact, len, &ret->request);
	else if (kind % 4 == 2)
		n = socks5_parse_request(exact, len, &ret->request);
	else
		n = socks4_parse_request(exact, len, &ret->request);
	free(exact);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	union message whole, part;
	int32_t n, k;
	if (len < 1 || len > 1024)
		return 0;
	n = parse(p[0], p + 1, (uint32_t)len - 1, &whole);
	if (n == 0 || n > 8 + 256 + 256)
		abort();
	for (uint32_t i = 0; i + 1 < len; i++) {
		k = parse(p[0], p + 1, i, &part);
		if (k >= 0 && (uint32_t)k > i)
			continue; /* wants more */
		if (k != n || (k >= 0 && memcmp(&whole, &part, sizeof(whole)) != 0))
			abort();
	}
	return 0;
}
