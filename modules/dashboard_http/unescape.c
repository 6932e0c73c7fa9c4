/* SPDX-License-Identifier: BSD-2-Clause
 *
 * unescape.c - strictly: what is only nearly right could mean something else to whoever made it.
 */
#include "unescape.h"

#include <jansson.h>
#include <string.h>

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)((at - digits) % 16) : -1;
}

static bool is_text(const char *s)
{
	json_t *j = json_string(s);
	json_decref(j);
	return j;
}

bool dash_unescape(char *s, size_t *ret_len)
{
	char *to = s;
	bool good = true;
	for (const char *p = s; *p && good; p++, to++) {
		int high = 0, low = 0;
		*to = *p;
		if (*p != '%')
			continue;
		high = digit(p[1]);
		low = high < 0 ? -1 : digit(p[2]);
		good = low >= 0 && high + low > 0; /* a NUL is no text */
		*to = (char)(high * 16 + low);
		p += good ? 2 : 0;
	}
	*to = '\0';
	if (!good || !is_text(s))
		to = s, *s = '\0', good = false;
	*ret_len = (size_t)(to - s);
	return good;
}
