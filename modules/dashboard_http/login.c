/* SPDX-License-Identifier: BSD-2-Clause
 *
 * login.c - one-time tokens and sessions. Secrets are compared in constant time.
 */
#include "login.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <restunnel/abi.h>

#define URLSAFE sodium_base64_VARIANT_URLSAFE_NO_PADDING

/* What the cookie says, and its proof. */
struct session {
	uint8_t nonce[16];
	uint8_t began[8]; /* unix s, big endian */
	uint8_t used[8];  /* lately; the token is not about it */
	uint8_t proof[crypto_auth_BYTES];
};
#define SESSION_TEXT 87U /* of a struct session, with NUL */
_Static_assert(sizeof(struct session) == 64, "no padding: it goes out as it is");

/* ---- links ---- */

void dash_login_link(struct dash_login *l, int64_t now, char ret[DASH_SECRET_TEXT])
{
	uint32_t at = 0;
	for (uint32_t i = 0; i < DASH_LINKS; i++)
		if (l->links[i].until < l->links[at].until)
			at = i;
	randombytes_buf(l->links[at].token, sizeof(l->links[at].token));
	l->links[at].until = now + DASH_LINK_LIFE;
	l->links[at].despite = now < l->locked_until;
	sodium_bin2base64(ret, DASH_SECRET_TEXT, l->links[at].token, sizeof(l->links[at].token), URLSAFE);
}

/* Exactly the bytes, or false. */
static bool decode(const char *text, size_t text_len, void *ret, size_t len)
{
	size_t got;
	return !sodium_base642bin(ret, len, text, text_len, NULL, &got, NULL, URLSAFE) && got == len;
}

int dash_login_exchange(struct dash_login *l, const char *text, int64_t now)
{
	uint8_t token[32];
	bool locked = now < l->locked_until;
	int r = locked ? -RTUN_EOVERLOAD : -RTUN_EDENIED;
	if (decode(text, strlen(text), token, sizeof(token)))
		for (uint32_t i = 0; i < DASH_LINKS; i++) {
			if (now >= l->links[i].until || (locked && !l->links[i].despite) ||
			    sodium_memcmp(token, l->links[i].token, sizeof(token)) != 0)
				continue;
			sodium_memzero(&l->links[i], sizeof(l->links[i]));
			l->failures = 0;
			l->locked_until = 0;
			r = 0;
		}
	if (r == -RTUN_EDENIED && ++l->failures >= DASH_FAILURES) {
		l->failures = 0;
		l->locked_until = now + DASH_LOCK;
	}
	sodium_memzero(token, sizeof(token));
	return r;
}

void dash_login_forget_links(struct dash_login *l) { sodium_memzero(l->links, sizeof(l->links)); }

/* ---- sessions ---- */

/* HMAC of a session's nonce and time for one purpose and listener. */
static void prove(const struct dash_login *l, const char *purpose, uint16_t port, const struct session *s, uint8_t ret[crypto_auth_BYTES])
{
	crypto_auth_hmacsha512256_state st;
	const uint8_t number[2] = {(uint8_t)(port >> 8), (uint8_t)port};
	crypto_auth_hmacsha512256_init(&st, l->key, sizeof(l->key));
	crypto_auth_hmacsha512256_update(&st, (const uint8_t *)purpose, strlen(purpose) + 1);
	crypto_auth_hmacsha512256_update(&st, number, sizeof(number));
	crypto_auth_hmacsha512256_update(&st, s->nonce, sizeof(s->nonce));
	crypto_auth_hmacsha512256_update(&st, s->began, sizeof(s->began));
	if (strcmp(purpose, "token") != 0)
		crypto_auth_hmacsha512256_update(&st, s->used, sizeof(s->used));
	crypto_auth_hmacsha512256_final(&st, ret);
	sodium_memzero(&st, sizeof(st));
}

/* "restunnel-3fa85f64-8080": two hubs, or two listeners, seen through one browser don't take each other's place. */
static void cookie_name(const struct dash_login *l, uint16_t port, char ret[48])
{
	static const struct session zero;
	uint8_t id[crypto_auth_BYTES];
	char hex[9];
	prove(l, "name", 0, &zero, id);
	sodium_bin2hex(hex, sizeof(hex), id, 4);
	if (port)
		snprintf(ret, 48, "restunnel-%s-%u", hex, port);
	else
		snprintf(ret, 48, "restunnel-%s-unix", hex);
}

static void put_time(uint8_t to[8], int64_t unix_s)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)((uint64_t)unix_s >> (56 - 8 * i));
}

static int64_t get_time(const uint8_t from[8])
{
	uint64_t t = 0;
	for (int i = 0; i < 8; i++)
		t = t << 8 | from[i];
	return (int64_t)t;
}

/* As a Set-Cookie header has it, for as long as it may be good. */
static void cookie_of(const struct dash_login *l, uint16_t port, struct session *s, int64_t now, char ret[DASH_COOKIE_SIZE])
{
	char name[48], text[SESSION_TEXT];
	put_time(s->used, now);
	prove(l, "session", port, s, s->proof);
	cookie_name(l, port, name);
	sodium_bin2base64(text, sizeof(text), (const uint8_t *)s, sizeof(*s), URLSAFE);
	snprintf(ret, DASH_COOKIE_SIZE, "%s=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld", name, text,
		 (long long)(get_time(s->began) + l->life - now));
}

void dash_login_open(const struct dash_login *l, uint16_t port, int64_t now, char ret_cookie[DASH_COOKIE_SIZE], char ret_token[DASH_SECRET_TEXT])
{
	struct session s;
	uint8_t token[crypto_auth_BYTES];
	randombytes_buf(s.nonce, sizeof(s.nonce));
	put_time(s.began, now);
	prove(l, "token", port, &s, token);
	cookie_of(l, port, &s, now, ret_cookie);
	sodium_bin2base64(ret_token, DASH_SECRET_TEXT, token, sizeof(token), URLSAFE);
}

/* The session that the Cookie header holds under our name, if its proof holds. */
static bool session_of(const struct dash_login *l, uint16_t port, const char *cookie, struct session *ret)
{
	uint8_t proof[crypto_auth_BYTES];
	char name[48];
	cookie_name(l, port, name);
	for (const char *p = cookie; p && *p; p += strspn(p, "; ")) {
		size_t len = strcspn(p, ";"), n = strlen(name);
		if (len > n && strncmp(p, name, n) == 0 && p[n] == '=' && decode(p + n + 1, len - n - 1, ret, sizeof(*ret))) {
			prove(l, "session", port, ret, proof);
			if (sodium_memcmp(proof, ret->proof, sizeof(proof)) == 0)
				return true;
		}
		p += len;
	}
	return false;
}

int64_t dash_login_until(const struct dash_login *l, uint16_t port, const char *cookie)
{
	struct session s;
	return session_of(l, port, cookie, &s) ? get_time(s.began) + l->life : 0;
}

static bool session_good(const struct dash_login *l, uint16_t port, const char *cookie, int64_t now, struct session *ret)
{
	return session_of(l, port, cookie, ret) && now < get_time(ret->began) + l->life && now < get_time(ret->used) + l->idle;
}

bool dash_login_session(const struct dash_login *l, uint16_t port, const char *cookie, int64_t now)
{
	struct session s;
	return session_good(l, port, cookie, now, &s);
}

bool dash_login_renew(const struct dash_login *l, uint16_t port, const char *cookie, int64_t now, char ret_cookie[DASH_COOKIE_SIZE])
{
	struct session s;
	if (!session_good(l, port, cookie, now, &s) || now - get_time(s.used) < l->idle / 8)
		return false;
	cookie_of(l, port, &s, now, ret_cookie);
	return true;
}

bool dash_login_token(const struct dash_login *l, uint16_t port, const char *cookie, const char *text)
{
	struct session s;
	uint8_t token[crypto_auth_BYTES], given[crypto_auth_BYTES];
	if (!text || !session_of(l, port, cookie, &s) || !decode(text, strlen(text), given, sizeof(given)))
		return false;
	prove(l, "token", port, &s, token);
	return sodium_memcmp(token, given, sizeof(token)) == 0;
}

bool dash_login_bearer(const char *text, const char *secret)
{
	uint8_t a[crypto_generichash_BYTES], b[crypto_generichash_BYTES];
	if (!text || strncasecmp(text, "Bearer ", 7) != 0)
		return false;
	/* hashes have one length, whatever the secrets have */
	crypto_generichash(a, sizeof(a), (const uint8_t *)text + 7, strlen(text + 7), NULL, 0);
	crypto_generichash(b, sizeof(b), (const uint8_t *)secret, strlen(secret), NULL, 0);
	return sodium_memcmp(a, b, sizeof(a)) == 0;
}
