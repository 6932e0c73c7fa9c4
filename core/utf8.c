/* SPDX-License-Identifier: BSD-2-Clause
 *
 * utf8.c - texts of unknown origin made fit to be shown.
 */
#include "utf8.h"

#include <stdio.h>
#include <string.h>

unsigned utf8_char(const char *text, uint32_t *ret_c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)text;
	unsigned n = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : (p[0] & 0xf8) == 0xf0 ? 4 : 0;
	if (!n || !p[0]) return 0;
	uint32_t c = n == 1 ? p[0] : p[0] & (0xffU >> (n + 1));
	for (unsigned i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80) return 0; /* a NUL too: never beyond the end */
		c = c << 6 | (p[i] & 0x3fU);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return 0;
	*ret_c = c;
	return n;
}

static bool utf8_unfit(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* One step of either copy: what stands for the character or byte at `text`; returns how many bytes it was. */
static unsigned utf8_step(const char *text, bool escape, char out[20])
{
	uint32_t c = 0;
	unsigned n = utf8_char(text, &c);
	out[0] = 0;
	if (!escape && !n) {
		strcpy(out, "\xef\xbf\xbd");
	} else if (n && (!escape || !utf8_unfit(c))) {
		memcpy(out, text, n);
		out[n] = 0;
	} else {
		for (unsigned i = 0; i < (n ? n : 1); i++) snprintf(out + 4 * i, 5, "\\x%02x", (unsigned char)text[i]);
	}
	return n ? n : 1;
}

static void utf8_copy(const char *text, bool escape, char *buf, size_t len)
{
	char out[20];
	size_t used = 0;
	while (*text) {
		text += utf8_step(text, escape, out);
		size_t n = strlen(out);
		if (used + n >= len) break;
		memcpy(buf + used, out, n);
		used += n;
	}
	buf[used] = 0;
}

void utf8_escape(const char *text, char *buf, size_t len) { utf8_copy(text, true, buf, len); }
void utf8_clean(const char *text, char *buf, size_t len) { utf8_copy(text, false, buf, len); }
