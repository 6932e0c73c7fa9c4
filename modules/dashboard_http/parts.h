/* SPDX-License-Identifier: BSD-2-Clause
 *
 * parts.h - a JSON object that is long because of a list in it, as modules answer, understood in parts.
 */
#ifndef DASH_PARTS_H
#define DASH_PARTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dash_parts {
	const char *p, *end; /* what is left; p is NULL: none is under way */
	json_t *all, *list;  /* as much as is understood; the list in which it is, or NULL */
};

/* `text` must stay until the end. */
void dash_parts_begin(struct dash_parts *r, const char *text, size_t len);
/* At most `n` members, or elements of a list that is a member, more. False: that was all. */
bool dash_parts_read(struct dash_parts *r, uint32_t n);
/* The object, for whom it is then; NULL: it was none, or no memory, or not all is read. */
json_t *dash_parts_end(struct dash_parts *r);

#endif
