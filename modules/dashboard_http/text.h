/* SPDX-License-Identifier: BSD-2-Clause
 *
 * text.h - a text that is long, with its length.
 */
#ifndef DASH_TEXT_H
#define DASH_TEXT_H

#include <stddef.h>

/* Whoever gets one frees `p`, which may have no NUL at its end. NULL: there is none. */
struct dash_text {
	char *p;
	size_t len;
};

#endif
