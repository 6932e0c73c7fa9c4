/* SPDX-License-Identifier: BSD-2-Clause
 *
 * samples.h - metrics as text (Prometheus), which the verb `metrics` answers, and as JSON.
 */
#ifndef DASH_SAMPLES_H
#define DASH_SAMPLES_H

#include "text.h"

/* The text in the answer, to be freed, or NULL. */
char *dash_samples_text(const char *answer, size_t len);
/* {NAME{LABELS}: NUMBER} of the same, or no text, also where there is no memory. What is no number for JSON (NaN) is left out. */
struct dash_text dash_samples_json(const char *answer, size_t len);

#endif
