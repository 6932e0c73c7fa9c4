/* SPDX-License-Identifier: BSD-2-Clause
 *
 * unescape.h - what a path or a query says.
 */
#ifndef DASH_UNESCAPE_H
#define DASH_UNESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/* Percent-decodes `s` in its place (RFC 3986, 2.1). False, and `s` is "": a percent sign is not followed by two hexadecimal digits, or it
 * is no UTF-8 text. */
bool dash_unescape(char *s, size_t *ret_len);

#endif
