/* SPDX-License-Identifier: BSD-2-Clause
 *
 * samples.h - metrics on their way from text (Prometheus) to JSON: {NAME{LABELS}: NUMBER}, in parts, and what has changed.
 */
#ifndef DASH_SAMPLES_H
#define DASH_SAMPLES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct dash_samples {
	char *text;       /* NULL: none is under way */
	const char *line; /* the next one */
	json_t *all, *patch;
	size_t known; /* of those before that are still there */
	FILE *out;    /* writes the same as text, to: */
	char *json;
	size_t json_len;
};

/* From the answer of the verb `metrics`. When it has none, or there is no memory, there are none: `all` stays NULL. */
void dash_samples_begin(struct dash_samples *m, const char *answer, size_t len);
/* At most `n` lines more; `before` is what was there until now, or NULL. False: that was all. */
bool dash_samples_read(struct dash_samples *m, uint32_t n, const json_t *before);
/* When all is read: what leads from `before` to it (patch.h), or NULL. */
json_t *dash_samples_patch(struct dash_samples *m, json_t *before);
/* The same as text, to be freed, once; NULL: there are none. */
char *dash_samples_json(struct dash_samples *m);
void dash_samples_end(struct dash_samples *m);

/* The text in the answer, to be freed, or NULL. */
char *dash_samples_text(const char *answer, size_t len);

#endif
