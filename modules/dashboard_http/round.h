/* SPDX-License-Identifier: BSD-2-Clause
 *
 * round.h - the state of all that `commands` calls live, and the metrics: asked in rounds, and what has changed in each. A step of a round
 * is a turn of the loop, so that many exits hold up nobody.
 */
#ifndef DASH_ROUND_H
#define DASH_ROUND_H

#include <stdbool.h>
#include <stdio.h>

struct dash;
struct dash_round;

/* The end of a round. `changed`: since the last one; `anew`: something came or went, so that a patch doesn't lead there. */
typedef void dash_round_cb(void *arg, bool changed, bool anew);

int dash_round_create(struct dash *d, dash_round_cb *done, void *arg, struct dash_round **ret);
void dash_round_destroy(struct dash_round **r);
/* All is asked, and `done` says so. */
void dash_round_begin(struct dash_round *r);
/* Nobody has asked for a while: the next round asks all, and has no patch. False: one is under way, and what is
 * known is not old. */
bool dash_round_forget(struct dash_round *r);
/* {"verbs": {VERB: {INSTANCE or "": ANSWER}}, "metrics": {NAME{LABELS}: NUMBER}}. While a round is under way some of it is newer
 * than the last round; the patch that comes changes nothing there. Who has no answer (a verb
 * that is not for this instance, or takes too long) is left out. `patch`: instead what leads from the last round's state to this one's
 * (patch.h), as long as `done` is called. */
void dash_round_put(const struct dash_round *r, FILE *out, bool patch);

#endif
