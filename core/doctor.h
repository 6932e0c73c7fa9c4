/* SPDX-License-Identifier: BSD-2-Clause
 *
 * doctor.h - what is wrong, in words, with the remedy: the core's own checks, and those of the instances.
 *
 * A check is {"code", "on", "question", "ok", "text", "remedy"}: `on` is an instance or null; `ok` is true, false (a
 * finding) or null (could not tell).
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include <jansson.h>

#include "conf.h"

struct app;

/* `answer` is RTUN_YES, RTUN_NO, RTUN_UNKNOWN; on and remedy may be NULL. */
void doctor_add(json_t *checks, const char *code, const char *on, const char *question, uint32_t answer, const char *remedy,
		const char *fmt, ...) __attribute__((format(printf, 7, 8)));
/* {"ok", "sentence", "checks"}; takes the reference. */
json_t *doctor_document(json_t *checks);

/* ---- doctor_checks.c ---- */

/* Whether the configuration at `path` is good: a check for each problem (but "needs-restart"), or one yes. */
void doctor_check_configuration(json_t *checks, const char *path, const struct conf_report *r);
/* data-dir, its file system, the clock. */
void doctor_check_place(json_t *checks, const char *data_dir);
/* Of a running app: its configuration against the file's, limits, status. */
void doctor_check_running(json_t *checks, struct app *app);

/* The app is about to stop its instances: nobody waits for them any more. */
void doctor_stop(struct app *app);

#endif
