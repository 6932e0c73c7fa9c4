/* SPDX-License-Identifier: BSD-2-Clause
 *
 * login.c - Proxy-Authorization: Basic (RFC 7617). The username chooses the exit.
 */
#include <string.h>
#include <strings.h>

#include "http.h"

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The number of bytes, -1 when it is not base64 or doesn't fit. Padding may be missing. */
static int base64_decode(const uint8_t *p, uint32_t len, uint8_t *ret, uint32_t size)
{
	uint32_t bits = 0, have = 0, n = 0;
	for (int pad = 0; pad < 2 && len > 0 && len % 4 == (pad ? 3 : 0) && p[len - 1] == '='; pad++)
		len--;
	for (uint32_t i = 0; i < len; i++) {
		int v = base64_value(p[i]);
		if (v < 0)
			return -1;
		bits = (bits << 6 | (uint32_t)v) & 0xffffff;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (n == size)
			return -1;
		ret[n++] = (uint8_t)(bits >> have);
	}
	return have == 6 ? -1 : (int)n;
}

bool http_parse_login(const uint8_t *p, uint32_t len, struct frontend_request *ret)
{
	uint8_t plain[2048];
	uint32_t skip = 6;
	const uint8_t *colon;
	bool good;
	int n;
	if (len < skip || strncasecmp((const char *)p, "basic ", skip) != 0)
		return false;
	while (skip < len && p[skip] == ' ')
		skip++;
	n = base64_decode(p + skip, len - skip, plain, sizeof(plain));
	colon = n > 0 ? memchr(plain, ':', (size_t)n) : NULL;
	good = colon && frontend_decode_user(plain, (size_t)(colon - plain), ret->user);
	if (good)
		frontend_set_password(ret, colon + 1, (size_t)(plain + n - colon - 1));
	explicit_bzero(plain, sizeof(plain));
	return good;
}
