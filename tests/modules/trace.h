/* SPDX-License-Identifier: BSD-2-Clause
 *
 * trace.h - a test module says what was done with it: one line for each callback, appended to a file.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdio.h>
#include <string.h>

#include <restunnel/module.h>

/* "NAME CALLBACK WORD\n" into `file` (NULL: nowhere). */
static inline void trace(struct rtun_ctx *ctx, const char *file, const char *callback, const char *word)
{
	FILE *f = file ? fopen(file, "ae") : NULL;
	if (!f) return;
	fprintf(f, "%s %s%s%s\n", ctx->instance, callback, word ? " " : "", word ? word : "");
	fclose(f);
}

#endif
