/* SPDX-License-Identifier: BSD-2-Clause
 *
 * selector.h - which exit a connection asks for: "home", "exit-living-room", "tag-mobile", "any".
 *
 * Text is split at '-'; the words exit, tag, session and any start a term, whose value is the words up to the next one;
 * words before the first term are an exit's name. What is not understood is refused, never guessed.
 */
#ifndef SELECTOR_H
#define SELECTOR_H

#include <stdbool.h>

#include "label.h"

struct selector {
	char exit[LABEL_SIZE], tag[LABEL_SIZE], session[LABEL_SIZE];
	bool any;
};

/* NULL or "": nothing is asked for. 0 or -1. */
int selector_parse(const char *text, struct selector *ret);

#endif
