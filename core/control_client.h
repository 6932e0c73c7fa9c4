/* SPDX-License-Identifier: BSD-2-Clause
 *
 * control_client.h - the other end of <data-dir>/control.sock: blocking, for the command line.
 */
#ifndef CONTROL_CLIENT_H
#define CONTROL_CLIENT_H

#include "command.h"

struct control_client;

/* 0; -RTUN_ENOENT: no daemon runs on this data-dir; -RTUN_EIO: it can't be asked (permissions ...). Both with words. */
int control_client_open(const char *data_dir, struct control_client **ret_client, struct command_error *err);
void control_client_close(struct control_client **c);
int control_client_fd(const struct control_client *c); /* to poll while following */

/* Call a verb and wait for its answer. `on` and `args` may be NULL. timeout_ms 0: no limit. *ret_answer is a new
 * reference. 0; -RTUN_ECONFIG: the daemon said no, `err` has its words; -RTUN_ETIMEOUT, -RTUN_EIO. */
int control_client_call(struct control_client *c, const char *verb, const char *on, const json_t *args, int timeout_ms,
			json_t **ret_answer, struct command_error *err);
/* All commands: see app_describe(). */
int control_client_describe(struct control_client *c, json_t **ret_answer, struct command_error *err);

/* From now on this connection gives events ("device.enrolled", "exit.*", "*") and nothing else: use another for calls. */
int control_client_follow(struct control_client *c, const char *const *names, uint32_t n, struct command_error *err);
/* The next event {"event","instance","fields":{}}, a new reference. 0; -RTUN_EAGAIN: none within timeout_ms (0: look
 * only; negative: wait for ever); -RTUN_EPIPE: the daemon has ended; -RTUN_EIO. */
int control_client_next(struct control_client *c, int timeout_ms, json_t **ret_event, struct command_error *err);

#endif
