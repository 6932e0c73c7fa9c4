/* SPDX-License-Identifier: BSD-2-Clause
 *
 * users.h - who may log in: a file with a line NAME:HASH for each, a hash as crypto_pwhash_str() of libsodium makes it
 * (argon2id). Empty lines, and lines that begin with '#', say nothing. It is refused when others could have read or
 * written it. A file that isn't there has no users.
 */
#ifndef FRONTEND_USERS_H
#define FRONTEND_USERS_H

#include <restunnel/module.h>
#include <sodium.h>
#include <stdbool.h>

#define USERS_NAME_SIZE 33U
#define USERS_MAX 4096U

struct user {
	char name[USERS_NAME_SIZE];
	char hash[crypto_pwhash_STRBYTES];
};

struct users {
	uint32_t count;
	size_t room;
	struct user *items;
};

/* All mistakes are told by rtun_conf_error(), as FILE:LINE: -RTUN_ECONFIG. Or 0, or -RTUN_ENOMEM. */
int users_read(struct rtun_ctx *ctx, const char *path, struct users **ret);
void users_free(struct users **users);
/* NULL: nobody is called that. */
const struct user *users_find(const struct users *users, const char *name);
/* Is it a name as of exits: [a-z0-9][a-z0-9-]{0,31}, without the words that choose an exit? */
bool users_good_name(const char *name);
/* Gives the user this hash, or makes one, as the last line; all other lines stay as they are. Durable when it returns. 0;
 * -RTUN_ECONFIG: what is there can't be used (told); -RTUN_EIO (logged) or -RTUN_ENOMEM. */
int users_set(struct rtun_ctx *ctx, const char *path, const char *name, const char *hash);

#endif
