/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend_admit.c - does this entry take a client with this login, and what of it chooses the exit?
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "frontend.h"

/* The user before the terms, which are left. False: there is none. */
static bool split_user(struct frontend_request *r, char ret_name[FRONTEND_NAME_SIZE])
{
	const char *terms = frontend_terms_of(r->user);
	size_t len = terms ? (size_t)(terms - r->user) : strlen(r->user);
	memcpy(ret_name, r->user, len);
	ret_name[len] = '\0';
	if (len > 0 && terms)
		ret_name[len - 1] = '\0'; /* the dash */
	return ret_name[0] != '\0';
}

static enum frontend_login admit_user(struct frontend_conn *c, struct frontend_request *r)
{
	char name[FRONTEND_NAME_SIZE];
	const char *terms;
	enum frontend_login answer;
	if (r->bad_login || !split_user(r, name) || !r->password[0])
		return FRONTEND_LOGIN_REFUSED;
	answer = frontend_verify(c, name, r->password);
	terms = frontend_terms_of(r->user);
	if (answer == FRONTEND_LOGIN_GOOD) {
		snprintf(c->login, sizeof(c->login), "%.32s", name);
		memmove(r->user, terms ? terms : "", terms ? strlen(terms) + 1 : 1);
	}
	return answer;
}

enum frontend_login frontend_admit(struct frontend_conn *c, struct frontend_request *r)
{
	const struct frontend_options *o = &c->f->o;
	enum frontend_login answer = FRONTEND_LOGIN_GOOD;
	if (o->users_file)
		answer = admit_user(c, r);
	else if (o->username != FRONTEND_USERNAME_OFF && (r->bad_login || (o->username == FRONTEND_USERNAME_REQUIRED && !r->user[0])))
		answer = FRONTEND_LOGIN_REFUSED;
	sodium_memzero(r->password, sizeof(r->password));
	if (o->username == FRONTEND_USERNAME_OFF && answer == FRONTEND_LOGIN_GOOD)
		r->user[0] = '\0';
	return answer;
}

const char *frontend_login_why(const struct frontend *f)
{
	return f->o.users_file ? "no user, or a wrong password: this entry wants USER or USER-exit-EXIT, and USER's password" : NULL;
}
