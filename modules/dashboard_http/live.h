/* SPDX-License-Identifier: BSD-2-Clause
 *
 * live.h - server-sent events: the state of all that `commands` calls live, the metrics and the news; first whole, then at
 * most twice a second what has changed.
 *
 *   event: snapshot   data: {"at", "state": {"verbs": {VERB: {INSTANCE or "": ANSWER}}, "metrics": {NAME{LABELS}: NUMBER}}, "news": []}
 *   event: update     data: {"at", "patch": PATCH of the state (patch.h) or null, "news": []}
 *
 * While nobody looks nothing is asked. A reader who can't keep up misses updates and gets a snapshot instead; never more
 * than one message waits for him, and when that takes too long he is cut.
 */
#ifndef DASH_LIVE_H
#define DASH_LIVE_H

#include "server.h"

#define DASH_READERS_MAX 16U

struct dash;
struct dash_live;

int dash_live_create(struct dash *d, struct dash_live **ret);
void dash_live_destroy(struct dash_live **l);
/* Makes a request a reader, for as long as its login is good: `until`, in unix s. False: there are too many, or no memory; it
 * has no answer yet. */
bool dash_live_read(struct dash_live *l, struct dash_exchange *x, int64_t until);
/* All readers go: their logins are none any more. */
void dash_live_cut(struct dash_live *l);
uint32_t dash_live_readers(const struct dash_live *l);

#endif
