/* SPDX-License-Identifier: BSD-2-Clause
 *
 * control_conn.h - one connection to the control socket.
 */
#ifndef CONTROL_CONN_H
#define CONTROL_CONN_H

struct app;
struct control_conn;

/* Takes `fd` when it returns 0. `gone` is called once, before the connection is freed. */
int control_conn_create(struct app *app, int fd, void (*gone)(void *arg, struct control_conn *conn), void *arg, struct control_conn **ret);
void control_conn_destroy(struct control_conn *conn);
/* For the owner's list. */
struct control_conn **control_conn_next(struct control_conn *conn);

#endif
