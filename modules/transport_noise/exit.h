/* SPDX-License-Identifier: BSD-2-Clause
 *
 * exit.h - the far end of a tunnelled stream: dial what a CONNECT asks for, and relay.
 */
#ifndef EXIT_H
#define EXIT_H

#include <stdbool.h>

#include <restunnel/svc/dialer.h>

#include "mux.h"

struct exits {
	struct rtun_ctx *ctx;
	const struct rtun_ref *to; /* the dialer */
	struct exit_dial *dialing; /* list */
};

/* Can the dialer send datagrams? Then hubs are told. */
bool exits_have_datagrams(const struct exits *e);
/* For mux_events.connect. Answers, now or later. */
void exit_connect(struct exits *e, struct mux_stream *ms, const struct mux_target *target);
/* What is being dialled is given up; what is relayed lives and dies with its streams. */
void exits_fini(struct exits *e);

#endif
