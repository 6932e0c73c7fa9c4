/* SPDX-License-Identifier: BSD-2-Clause
 *
 * utf8.h - texts of unknown origin made fit to be shown.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length in bytes of the well-formed character at `p` (1 to 4), 0 when there is none. *ret_c is its number. */
unsigned utf8_char(const char *p, uint32_t *ret_c);
/* Copy, with every byte that is not part of a well-formed character, and every control character (C0, DEL, C1, the line
 * and paragraph separators, bidirectional overrides), as \xNN. What does not fit is cut between characters. */
void utf8_escape(const char *text, char *buf, size_t len);
/* Copy, with every such byte, but not control characters, as U+FFFD. */
void utf8_clean(const char *text, char *buf, size_t len);

#endif
