/* SPDX-License-Identifier: BSD-2-Clause
 *
 * log.h - lines on stderr: for the journal, for people, or as JSON; what comes from outside can't forge a line.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

#include "hostctx.h"

struct log;

#define LOG_BURST 10U            /* lines of one place ... */
#define LOG_WINDOW (10 * RTUN_S) /* ... in this time; the others are counted */

/* Writes to `fd` (which stays the caller's). Journal or not is found out from JOURNAL_STREAM. */
int log_create(int fd, struct log **ret);
void log_destroy(struct log **log);
/* `level` and format may change at any time. */
void log_set(struct log *log, uint32_t level, bool json);

/* `instance` NULL: the program itself. `level_limit` 0: the log's own. `now` is monotonic ns. Repetitions of one `fmt`
 * by one instance beyond the burst are counted; the count is told by the next line of that place after the window, or
 * by log_flush(). `log` NULL: stderr, NOTICE. */
void log_write(struct log *log, uint64_t now, const char *instance, uint32_t level_limit, uint32_t level, const char *fmt, va_list ap)
	__attribute__((format(printf, 6, 0)));
/* A line that is always written: no limit of repetitions. */
void log_text(struct log *log, const char *instance, uint32_t level, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Tell the counts of windows that are over at `now` (UINT64_MAX: of all). */
void log_flush(struct log *log, uint64_t now);

/* "error", "warning", "notice", "info", "debug" */
const char *log_level_word(uint32_t level);

void host_log(struct rtun_ctx *ctx, uint32_t level, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));

#endif
