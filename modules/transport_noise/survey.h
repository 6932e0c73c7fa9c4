/* SPDX-License-Identifier: BSD-2-Clause
 *
 * survey.h - a node looks at its hub's port from outside, once a day while it is connected, and tells the hub.
 *
 *   INFO: PORT_LOOKS, PORTS_BESIDE      (doc/protocol.md section 9)
 */
#ifndef SURVEY_H
#define SURVEY_H

#include "mux.h"
#include "probe.h"

struct survey {
	struct rtun_ctx *ctx;
	struct rtun_timer *timer;
	struct probe *probe;
	struct mux *mux; /* NULL: not connected */
	struct rtun_addr to;
	uint64_t last;   /* 0: never */
};

int survey_init(struct survey *s, struct rtun_ctx *ctx);
void survey_fini(struct survey *s);
/* The connection to `to` is up, or (mux NULL) gone. */
void survey_connected(struct survey *s, struct mux *mux, const struct rtun_addr *to);

/* What INFO says. Both LOOK_UNKNOWN where it says nothing about this, or nonsense. */
void survey_read(const uint8_t *payload, uint32_t len, enum look *ret_port, enum look *ret_beside);

#endif
