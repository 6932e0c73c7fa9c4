/* SPDX-License-Identifier: BSD-2-Clause
 *
 * access_log.h - a line in a file for each connection.
 *
 *   access_log.c   options, life, status; which events are listened to
 *   line.c         from an event to a line
 *   writer.c       from lines to the file: in a thread, so that no disk holds up a connection
 */
#ifndef ACCESS_LOG_H
#define ACCESS_LOG_H

#include <stdbool.h>

#include <restunnel/module.h>

/* ---- Lines ---- */

#define ACCESS_LOG_KEY 16U         /* bytes */
#define ACCESS_LOG_LINE (16U << 10) /* bytes of one at most */

enum { ACCESS_LOG_HASH, ACCESS_LOG_PLAIN, ACCESS_LOG_NONE }; /* targets */
enum { ACCESS_LOG_TEXT, ACCESS_LOG_JSON };                   /* format */

struct access_log_style {
	uint32_t targets, format;
	uint8_t key[ACCESS_LOG_KEY]; /* of the targets' hashes */
};

/* The event as a line, with its newline: how many bytes of ret. `now` in milliseconds since 1970. */
uint32_t access_log_line(const struct access_log_style *style, int64_t now, const struct rtun_event_type *type, const void *payload,
			 char ret[ACCESS_LOG_LINE]);

/* ---- Writer ---- */

struct access_log_writer;

struct access_log_told {
	uint64_t written, dropped; /* lines */
	int err;                   /* an errno: the file can't be written; 0: it can */
};

/* Opens, or makes, the file. 0 or -RTUN_ENOMEM, or what is wrong was reported. */
int access_log_writer_create(struct rtun_ctx *ctx, const char *path, struct access_log_writer **ret);
/* Room for a line, NULL if there is none; then how long it is. It is in the file a second later. */
char *access_log_writer_room(struct access_log_writer *w);
void access_log_writer_add(struct access_log_writer *w, uint32_t len);
/* What waits is written soon, to a new file if the one at this path is another one now. */
void access_log_writer_flush(struct access_log_writer *w);
/* From now on without a thread: the program is about to end. */
void access_log_writer_stop(struct access_log_writer *w);
void access_log_writer_destroy(struct access_log_writer **w);
struct access_log_told access_log_writer_told(const struct access_log_writer *w);

/* 0 or an errno: would it be refused? What does not exist would not. */
int access_log_judge(const char *path);
/* An errno in words, and what to do about it. */
const char *access_log_why(int err, const char **ret_remedy);

#endif
