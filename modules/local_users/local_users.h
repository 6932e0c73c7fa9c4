/* SPDX-License-Identifier: BSD-2-Clause
 *
 * local_users.h - the option `allow-users`: whose programs may connect, of the users of this machine.
 */
#ifndef LOCAL_USERS_H
#define LOCAL_USERS_H

#include <restunnel/module.h>

/* The row of the schema. */
#define LOCAL_USERS_OPTION(type, field) \
	RTUN_TEXTS(type, field, NULL, RTUN_NOT_EMPTY, NULL, \
		   "Only programs of these users of this machine may connect; without it all may. The kernel is asked whose the other end " \
		   "is; unix sockets are open to all for this.")

/* In check. Names, or numbers; what is wrong is said at `allow-users`. 0 or -RTUN_ECONFIG. */
int local_users_check(struct rtun_ctx *ctx, const struct rtun_list *names);
/* In prepare: their numbers, as many as names, to be freed. */
int local_users_find(const struct rtun_list *names, uint32_t **ret);
/* A unix socket that was made: who may connect is judged by who it is, not by its mode. Nothing, where `uids` are none. */
int local_users_open(struct rtun_ctx *ctx, const struct rtun_endpoint *e, const struct rtun_list *uids);

#endif
