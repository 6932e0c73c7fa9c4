/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend_passwd.c - the verb that writes a line of the users-file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend.h"
#include "users.h"

struct args {
	const char *name, *password;
};

static const struct rtun_option rows[] = {
	RTUN_TEXT(struct args, name, NULL, RTUN_REQUIRED | RTUN_POSITIONAL, NULL, "The user's name"),
	RTUN_TEXT(struct args, password, NULL, RTUN_REQUIRED | RTUN_SECRET | RTUN_STDIN, NULL, "The new password"),
};
static const struct rtun_schema args_schema = RTUN_SCHEMA(struct args, rows);

/* Hashing is as slow as verifying: a thread may still be at work when the instance is gone. */
struct frontend_job {
	struct frontend *f; /* NULL: it is gone */
	struct frontend_job *next, **at;
	struct rtun_reply *reply;
	struct rtun_work *work;
	bool good;
	char name[USERS_NAME_SIZE];
	char password[FRONTEND_NAME_SIZE];
	char hash[crypto_pwhash_STRBYTES];
};

static void job_free(struct frontend_job *j)
{
	if (j->f) {
		*j->at = j->next;
		if (j->next)
			j->next->at = j->at;
	}
	sodium_memzero(j, sizeof(*j));
	free(j);
}

static void hash_it(void *arg)
{
	struct frontend_job *j = arg;
	j->good = crypto_pwhash_str(j->hash, j->password, strlen(j->password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
				    crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0;
}

static void answer(struct frontend_job *j)
{
	struct rtun_ctx *ctx = j->f->ctx;
	struct frontend_users_event e = {j->f->o.users_file};
	struct rtun_value *v = rtun_object(ctx);
	char sentence[160];
	rtun_publish(ctx, &frontend_users_changed, &e);
	snprintf(sentence, sizeof(sentence), "%s may log in at %s with this password.", j->name, ctx->instance);
	rtun_set_text(ctx, v, "sentence", sentence);
	rtun_set_text(ctx, v, "name", j->name);
	rtun_set_text(ctx, v, "users_file", j->f->o.users_file);
	rtun_reply_ok(&j->reply, v);
}

static void hashed(void *arg)
{
	struct frontend_job *j = arg;
	struct frontend *f = j->f;
	int r = j->good ? 0 : -RTUN_ENOMEM;
	if (!f || !f->o.users_file)
		r = -RTUN_ENOENT;
	if (!r)
		r = users_set(f->ctx, f->o.users_file, j->name, j->hash);
	if (!r)
		r = frontend_verify_load(f, f->o.users_file);
	if (!r)
		answer(j);
	else if (r == -RTUN_ENOENT)
		rtun_reply_fail(&j->reply, "not-stored", "the entry has no users-file any more, or restunnel is stopping: the password was not set", NULL);
	else if (r == -RTUN_EIO)
		rtun_reply_fail(&j->reply, "not-stored", "the users-file can't be written; the log says why",
				"keep it below data-dir: only there may restunnel write");
	else if (r == -RTUN_ECONFIG)
		rtun_reply_fail(&j->reply, "users-file", "the users-file can't be used; the log says why", "`restunnel check` says it, too");
	else
		rtun_reply_fail(&j->reply, "out-of-memory", "out of memory", NULL);
	job_free(j);
}

static void passwd(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	const struct args *a = args;
	struct frontend *f = ctx->self;
	struct frontend_job *j;
	if (!f->o.users_file) {
		rtun_reply_fail(&reply, "no-users-file", "this entry has no users-file", "give it one: `users-file: FILE`, below data-dir");
		return;
	}
	if (!users_good_name(a->name)) {
		rtun_reply_fail(&reply, "bad-name", "this is no name of a user",
				"1 to 32 of a-z, 0-9 and -, not beginning with -, none of exit, tag, session, any between dashes");
		return;
	}
	if (!a->password[0] || strlen(a->password) >= FRONTEND_NAME_SIZE) {
		rtun_reply_fail(&reply, "bad-password", "a password has 1 to 255 bytes", NULL);
		return;
	}
	j = calloc(1, sizeof(*j));
	if (!j) {
		rtun_reply_fail(&reply, "out-of-memory", "out of memory", NULL);
		return;
	}
	j->f = f;
	j->at = &f->jobs;
	j->next = f->jobs;
	if (j->next)
		j->next->at = &j->next;
	f->jobs = j;
	j->reply = reply;
	snprintf(j->name, sizeof(j->name), "%s", a->name);
	snprintf(j->password, sizeof(j->password), "%s", a->password);
	if (rtun_work(ctx, hash_it, hashed, j, &j->work) >= 0)
		return;
	j->good = false;
	hashed(j);
}

void frontend_passwd_stop(struct frontend *f)
{
	struct frontend_job *j;
	while ((j = f->jobs)) {
		f->jobs = j->next;
		j->f = NULL;
	}
}

static const struct rtun_view view[] = {{"sentence", "", RTUN_V_SENTENCE, 0}};

const struct rtun_command frontend_commands[1] = {
	{.name = "passwd", .doc = "Set a user's password in the entry's users-file; it is read from standard input.",
	 .example = "restunnel passwd alice --on frontend_socks5", .args = &args_schema, .run = passwd, .view = RTUN_LIST(view),
	 .flags = RTUN_CMD_OFFLINE},
};
