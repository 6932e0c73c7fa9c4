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

/* Send this as INFO. */
typedef void survey_tell_fn(void *arg, const uint8_t *info, uint32_t len);

struct survey {
	struct rtun_ctx *ctx;
	struct rtun_timer *timer;
	struct probe *probe;
	struct rtun_addr to;
	uint64_t last;   /* 0: never */
	survey_tell_fn *tell;
	void *arg;
};

int survey_init(struct survey *s, struct rtun_ctx *ctx, survey_tell_fn *tell, void *arg);
void survey_fini(struct survey *s);
/* The tunnel to `to` is up; it is down. */
void survey_start(struct survey *s, const struct rtun_addr *to);
void survey_stop(struct survey *s);

/* What INFO says. Both LOOK_UNKNOWN where it says nothing about this, or nonsense. */
void survey_read(const uint8_t *payload, uint32_t len, enum look *ret_port, enum look *ret_beside);

#endif
