/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend_login.c - how logins are spelt.
 */
#include "frontend.h"

#include <string.h>

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool frontend_decode_user(const uint8_t *p, size_t len, char ret[FRONTEND_NAME_SIZE])
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		int c = p[i];
		if (c == '%') {
			if (len - i < 3 || hex_value(p[i + 1]) < 0 || hex_value(p[i + 2]) < 0)
				return false;
			c = hex_value(p[i + 1]) << 4 | hex_value(p[i + 2]);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || n + 1 >= FRONTEND_NAME_SIZE)
			return false;
		ret[n++] = (char)c;
	}
	ret[n] = '\0';
	return true;
}

void frontend_set_password(struct frontend_request *r, const uint8_t *p, size_t len)
{
	r->password[0] = '\0';
	if (len >= sizeof(r->password) || memchr(p, '\0', len))
		return;
	memcpy(r->password, p, len);
	r->password[len] = '\0';
}

/* ---- Words that choose an exit ---- */

static bool is_term(const char *word, size_t len)
{
	static const char *const words[] = {"exit", "tag", "session", "any"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0)
			return true;
	return false;
}

const char *frontend_terms_of(const char *text)
{
	for (size_t len; *text; text += len + (text[len] == '-')) {
		len = strcspn(text, "-");
		if (is_term(text, len))
			return text;
	}
	return NULL;
}
