/* SPDX-License-Identifier: BSD-2-Clause
 *
 * control.h - <data-dir>/control.sock: the same commands for everyone who may use them.
 *
 * One JSON object a line, both ways. Requests: {"verb":"...","on":"...","args":{}} answers {"ok":...} or
 * {"error":{"code","text","remedy"}}; {"describe":true} answers {"ok":{"schema":1,"commands":[...]}};
 * {"follow":["exit.*"]} answers {"ok":{}} and turns the connection into a stream of {"event","instance","fields"} lines.
 * Requests of one connection are answered one after the other.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

struct app;
struct control;

#define CONTROL_NAME "control.sock"
#define CONTROL_REQUEST_MAX 65536U
#define CONTROL_OUTPUT_MAX 4194304U
#define CONTROL_CLIENTS_MAX 64U

/* Under data-dir's lock: a socket that an earlier process left behind is replaced. The reason of a failure is logged. */
int control_create(struct app *app, struct control **ret);
void control_destroy(struct control **control);

/* The socket's address, below an open directory: data-dir's own path may be longer than a socket's address can be. */
socklen_t control_address(int dir_fd, struct sockaddr_un *ret);

#endif
