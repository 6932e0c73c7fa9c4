/* SPDX-License-Identifier: BSD-2-Clause
 *
 * status.h - how it goes, in one sentence and in detail.
 */
#ifndef STATUS_H
#define STATUS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct app;

uint32_t status_state(struct app *app); /* the worst of all: RTUN_STATE_... */
/* "Working: tunnel: 2 of 3 exits online." */
void status_sentence(struct app *app, char *buf, size_t len);
/* The answer of `status` without "schema". New reference. */
json_t *status_json(struct app *app);

#endif
