/* SPDX-License-Identifier: BSD-2-Clause
 *
 * patch.h - the difference of two JSON texts, for who has the first and should have the second. Texts are compared, not trees: with
 * hundreds of exits a tree costs more than all that is done with it.
 *
 * A patch is [VALUE]: put this in its place; or {KEY: PATCH ...}: go into the member or (as text) the index, and patch
 * that; 0 there removes the member.
 */
#ifndef DASH_PATCH_H
#define DASH_PATCH_H

#include "text.h"

/* Both are compact JSON, as answers are; from anything else comes a patch that is no better. Objects have each key once: else the
 * patch is wrong. They have the same order, as far as they have the same members: else it is larger, but no larger than `to` as a whole. 0: *ret has it, or no text where they are equal. -RTUN_ENOMEM. */
int dash_patch(const struct dash_text *from, const struct dash_text *to, struct dash_text *ret);

#endif
