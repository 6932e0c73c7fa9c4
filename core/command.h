/* SPDX-License-Identifier: BSD-2-Clause
 *
 * command.h - admin verbs: found among instances, called with JSON arguments, answered now or later, described.
 *
 * Arguments are judged by the schema code that judges the configuration, so mistakes are told in the same words. The
 * description (command_describe()) is all that the command line or a page needs to offer a verb that it has never
 * heard of and to render its answer.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <jansson.h>
#include <stdbool.h>

#include "hostctx.h"

#define COMMAND_SCHEMA 1 /* "schema" of every answer */

/* Why something was not done: stable code, sentence, and what to do about it ("" when there is nothing to say). */
struct command_error {
	char code[40];
	char text[4096]; /* may be several lines: all that is wrong with a configuration */
	char remedy[512];
};
void command_error_set(struct command_error *e, const char *code, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The remedy where nobody answers. The log is asked for by a pattern, because journalctl, unlike systemctl, knows no aliases;
 * and the alias is there only after `systemctl enable`. */
#define COMMAND_LOG "journalctl -u 'restunnel*'"
#define COMMAND_START                                                                                                             \
	"start it: `systemctl start restunnel` (that name is there once its service was enabled), or `restunnel run` in another " \
	"terminal; if it ended by itself its log says why: " COMMAND_LOG

/* Exactly one call, from the loop or from inside command_call(): `answer` (JSON of `len` bytes and a NUL, with "schema" when it is an
 * object; to be freed) or, when that is NULL, the error. */
typedef void command_done_cb(void *arg, char *answer, size_t len, const struct command_error *err);

/* Call `cmd` of the instance behind `ctx`. `args` is an object or NULL; it is only read. *ret_reply (may be NULL; else it
 * must stay where it is) is not NULL until the answer has come: command_abandon() makes sure that it never does. */
void command_call(struct rtun_ctx *ctx, const struct rtun_command *cmd, const json_t *args, command_done_cb *done, void *arg,
		  struct rtun_reply **ret_reply);
/* Nobody waits for the answer any more (the module may still give it). Sets *reply to NULL. */
void command_abandon(struct rtun_reply **reply);

/* {"name","doc","example","readonly","offline","confirm","live","args":[{"key","type","words","doc","default","choices":[],
 *  "required","secret","positional","stdin","rest","list"}],"view":[{"field","label","type"}],"view_items","empty",
 *  "follow","follow_key","follow_text","follow_end","follow_end_text"}. "type" of an argument is its RTUN_T_..., of a view row "text", "bytes", "time",
 *  "online", "ms", "list", "qr", "command", "sentence" or "unknown". New reference, or NULL when out of memory. */
json_t *command_describe(const struct rtun_command *cmd);

void host_reply_ok(struct rtun_reply **r, struct rtun_value *v);
void host_reply_fail(struct rtun_reply **r, const char *code, const char *text, const char *remedy);

#endif
