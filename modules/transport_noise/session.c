/* SPDX-License-Identifier: BSD-2-Clause
 *
 * session.c - see session.h.
 */
#include "session.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* How many of the oldest are looked at for one more: those in use become young. */
#define LOOKS 16

void session_key(const char *const *parts, uint32_t count, uint8_t ret[SESSION_KEY])
{
	crypto_generichash_state st;
	crypto_generichash_init(&st, NULL, 0, SESSION_KEY);
	for (uint32_t i = 0; i < count; i++) /* with their NULs: "a","b" is not "ab","" */
		crypto_generichash_update(&st, (const uint8_t *)parts[i], strlen(parts[i]) + 1);
	crypto_generichash_final(&st, ret, SESSION_KEY);
}

static struct session **bucket(struct sessions *t, const uint8_t key[SESSION_KEY])
{
	return &t->buckets[(key[0] | (uint32_t)key[1] << 8) % SESSION_BUCKETS];
}

/* ---- by age ---- */

static void age_remove(struct sessions *t, struct session *s)
{
	*(s->older ? &s->older->younger : &t->oldest) = s->younger;
	*(s->younger ? &s->younger->older : &t->youngest) = s->older;
}

static void age_append(struct sessions *t, struct session *s)
{
	s->younger = NULL;
	s->older = t->youngest;
	*(t->youngest ? &t->youngest->younger : &t->oldest) = s;
	t->youngest = s;
}

static void touch(struct sessions *t, struct session *s)
{
	age_remove(t, s);
	age_append(t, s);
}

static void drop(struct sessions *t, struct session *s)
{
	struct session **at = bucket(t, s->key);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	age_remove(t, s);
	t->count--;
	free(s);
}

static bool is_over(const struct sessions *t, const struct session *s)
{
	return !s->use.streams && rtun_now(t->ctx) - s->use.idle_since >= *t->ttl;
}

/* Room for one more: what is over goes, and when the table is full the oldest that nobody uses. */
static bool make_room(struct sessions *t)
{
	for (int i = 0; t->oldest && i < LOOKS; i++) {
		struct session *s = t->oldest;
		if (s->use.streams)
			touch(t, s);
		else if (is_over(t, s) || t->count >= SESSION_MAX)
			drop(t, s);
		else
			break;
	}
	return t->count < SESSION_MAX;
}

/* ---- the table ---- */

struct session *session_find(struct sessions *t, const uint8_t key[SESSION_KEY])
{
	struct session *s = *bucket(t, key);
	while (s && memcmp(s->key, key, SESSION_KEY) != 0)
		s = s->next;
	if (!s)
		return NULL;
	if (is_over(t, s)) {
		drop(t, s);
		return NULL;
	}
	if (!s->use.streams)
		s->use.idle_since = rtun_now(t->ctx);
	touch(t, s);
	return s;
}

struct session *session_add(struct sessions *t, const uint8_t key[SESSION_KEY], void *exit)
{
	struct session *s = make_room(t) ? calloc(1, sizeof(*s)) : NULL;
	if (!s)
		return NULL;
	memcpy(s->key, key, SESSION_KEY);
	s->exit = exit;
	s->use.idle_since = rtun_now(t->ctx);
	s->next = *bucket(t, key);
	*bucket(t, key) = s;
	age_append(t, s);
	t->count++;
	return s;
}

void session_forget(struct sessions *t, const void *exit)
{
	for (struct session *s = t->oldest, *next; s; s = next) {
		next = s->younger;
		if (exit && s->exit != exit)
			continue;
		if (s->use.streams) /* at another exit, from which it was moved here */
			s->exit = NULL;
		else
			drop(t, s);
	}
}
