/* SPDX-License-Identifier: BSD-2-Clause
 *
 * login.h - who may: one-time tokens of `restunnel dashboard`, and the sessions that they are exchanged for.
 *
 * A session is a cookie that only this instance can make (HMAC with a key of its own, in data-dir), so it survives a restart;
 * and a token that goes with it, which the page keeps to itself: other servers of this machine get the cookie, since cookies
 * know no ports, but not the token, without which nothing can be changed.
 */
#ifndef DASH_LOGIN_H
#define DASH_LOGIN_H

#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>

#define DASH_LINK_LIFE 300 /* s in which the one-time token must be used */
#define DASH_LINKS 8U      /* open at once; the oldest goes */
#define DASH_FAILURES 10U  /* wrong one-time tokens in a row, then: */
#define DASH_LOCK 300      /* s without logins, but by links that are made in this time; one of those ends it */

#define DASH_SECRET_TEXT 44U   /* of 32 bytes, base64url, with NUL */
#define DASH_COOKIE_SIZE 240U  /* of a Set-Cookie header, with NUL */

struct dash_login {
	uint8_t key[crypto_auth_KEYBYTES];
	int64_t life; /* s of a session, */
	int64_t idle; /* and of one that is not used */
	struct {
		uint8_t token[32];
		int64_t until; /* unix s; 0: none */
		bool despite;  /* made while the login was locked: works, whatever else is tried meanwhile */
	} links[DASH_LINKS];
	uint32_t failures;
	int64_t locked_until;
};

/* A new one-time token. No lock holds it up that there is already: who can make links is the owner, and who locks the login
 * again and again, which any program of this machine can, must not keep him out. */
void dash_login_link(struct dash_login *l, int64_t now, char ret[DASH_SECRET_TEXT]);
/* Exchange a one-time token, which is gone then. 0; -RTUN_EDENIED: it is none; -RTUN_EOVERLOAD: locked. */
int dash_login_exchange(struct dash_login *l, const char *token, int64_t now);
/* All one-time tokens that are open are gone, too. */
void dash_login_forget_links(struct dash_login *l);
/* A new session: what a Set-Cookie header says, and the token. */
void dash_login_open(const struct dash_login *l, uint16_t port, int64_t now, char ret_cookie[DASH_COOKIE_SIZE], char ret_token[DASH_SECRET_TEXT]);
/* Does the Cookie header hold a session; does this token go with it? Either may be NULL: no. */
bool dash_login_session(const struct dash_login *l, uint16_t port, const char *cookie, int64_t now);
/* It is used, and its cookie should say so: the new one. False: it does, or there is none. */
bool dash_login_renew(const struct dash_login *l, uint16_t port, const char *cookie, int64_t now, char ret_cookie[DASH_COOKIE_SIZE]);
/* Unix s at which that session ends, used or not; 0: there is none. */
int64_t dash_login_until(const struct dash_login *l, uint16_t port, const char *cookie);
bool dash_login_token(const struct dash_login *l, uint16_t port, const char *cookie, const char *token);

/* Is `text` "Bearer SECRET"? In constant time for the secret. */
bool dash_login_bearer(const char *text, const char *secret);

#endif
