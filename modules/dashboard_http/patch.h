/* SPDX-License-Identifier: BSD-2-Clause
 *
 * patch.h - the difference of two JSON values, for who has the first and should have the second.
 *
 * A patch is [VALUE]: put this in its place; or {KEY: PATCH ...}: go into the member or (as text) the index, and patch
 * that; 0 there removes the member.
 */
#ifndef DASH_PATCH_H
#define DASH_PATCH_H

#include <jansson.h>

/* New reference; NULL: they are equal (or memory ran out: then the next difference is larger). */
json_t *dash_patch(json_t *from, json_t *to);

#endif
