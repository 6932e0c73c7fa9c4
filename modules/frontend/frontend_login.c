/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend_login.c - usernames, which choose the exit.
 */
#include "frontend.h"

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

bool frontend_admit(const struct frontend *f, char user[FRONTEND_NAME_SIZE], bool bad)
{
	switch (f->o.username) {
	case FRONTEND_USERNAME_OFF:
		user[0] = '\0';
		return true;
	case FRONTEND_USERNAME_REQUIRED:
		return !bad && user[0];
	default:
		return !bad;
	}
}
