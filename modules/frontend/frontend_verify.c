/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend_verify.c - is this the user's password? To find out costs 64 MiB and a tenth of a second, on purpose. So it is
 * done in a thread, one at a time; what was found good is remembered, and guessing is slowed down:
 *
 *   - after a wrong password nothing is verified for REST, whoever asks: a flood of guesses has a quarter of one processor;
 *   - who was wrong BURST times is refused unheard, until FORGIVE has passed for each. "Who" is an IPv4 address, an IPv6 /64,
 *     or all programs of this machine together. Logins that are remembered from there are let in all the same, but so that
 *     what is remembered does not answer guesses quickly, no more than LOOKS a second are looked up for all who were wrong, or
 *     may be right now: more are verified, or refused.
 *
 * A user that doesn't exist is verified like any other, against a hash that nothing gives. What is remembered is a hash of
 * name, password, line of the file and where it came from under a key of this process: it is good for nothing elsewhere, and of no
 * use when the line has changed.
 */
#include <stdlib.h>
#include <string.h>

#include "frontend.h"
#include "users.h"

#define TOKEN_BYTES 32U
#define KNOWN_MAX 256U
#define CLAIMS_MAX 64U
#define REST (250 * RTUN_MS)
#define CULPRITS_MAX 64U
#define BURST 5U
#define FORGIVE (10 * RTUN_S)
#define LOOKS 20U

/* A client that waits. */
struct frontend_claim {
	struct frontend_claim *next;
	struct frontend_conn *c; /* NULL: it has left */
	enum frontend_login answer;
	struct rtun_addr from;
	uint8_t token[TOKEN_BYTES];
	char password[FRONTEND_NAME_SIZE];
	char hash[crypto_pwhash_STRBYTES];
};

/* What a thread has to itself: it may still be at work when the instance is gone. */
struct frontend_hashing {
	struct frontend_verify *v; /* NULL: nobody waits for it any more */
	struct rtun_work *work;
	bool good;
	char password[FRONTEND_NAME_SIZE];
	char hash[crypto_pwhash_STRBYTES];
};

/* Who was wrong, how often, when last. */
struct culprit {
	struct rtun_addr from;
	uint32_t times;
	uint64_t at;
};

struct frontend_verify {
	struct frontend *f;
	struct users *users;
	struct rtun_timer *rest;
	bool resting;
	struct frontend_claim *claims; /* in the order in which they came; the first one is looked at where there is `hashing` */
	uint32_t claim_count;
	struct frontend_hashing *hashing;
	uint32_t known_next;
	uint8_t key[TOKEN_BYTES];
	uint8_t known[KNOWN_MAX][TOKEN_BYTES];
	struct culprit culprits[CULPRITS_MAX];
	uint64_t looked_at; /* seconds */
	uint32_t looks;
	char nobody[crypto_pwhash_STRBYTES];
};

/* ---- What is remembered ---- */

static bool is_known(const struct frontend_verify *v, const uint8_t token[TOKEN_BYTES])
{
	int found = 0;
	for (uint32_t i = 0; i < KNOWN_MAX; i++)
		found |= sodium_memcmp(v->known[i], token, TOKEN_BYTES) == 0;
	return found;
}

static void remember(struct frontend_verify *v, const uint8_t token[TOKEN_BYTES])
{
	memcpy(v->known[v->known_next++ % KNOWN_MAX], token, TOKEN_BYTES);
}

static void make_token(const struct frontend_verify *v, const struct frontend_claim *claim, const char *name, const char *password,
		       uint8_t ret[TOKEN_BYTES])
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, v->key, sizeof(v->key), TOKEN_BYTES);
	crypto_generichash_update(&state, (const uint8_t *)&claim->from, sizeof(claim->from));
	for (size_t i = 0; i < 3; i++) {
		const char *text = i == 0 ? name : i == 1 ? password : claim->hash;
		crypto_generichash_update(&state, (const uint8_t *)text, strlen(text) + 1);
	}
	crypto_generichash_final(&state, ret, TOKEN_BYTES);
	sodium_memzero(&state, sizeof(state));
}

/* ---- Who guesses ---- */

/* Programs of this machine have all of 127.0.0.0/8 to come from. */
static struct rtun_addr source_of(const struct frontend_conn *c)
{
	static const uint8_t localhost[16] = {[15] = 1};
	struct rtun_addr a;
	if (rtun_stream_addr(c->s, RTUN_ADDR_REMOTE, &a) < 0 || (a.family == 4 ? a.ip[0] == 127 : memcmp(a.ip, localhost, 16) == 0))
		memset(&a, 0, sizeof(a));
	a.port = 0;
	if (a.family == 6)
		memset(a.ip + 8, 0, 8);
	return a;
}

static uint32_t guilt_left(const struct culprit *p, uint64_t now)
{
	uint64_t forgiven = (now - p->at) / FORGIVE;
	return forgiven < p->times ? p->times - (uint32_t)forgiven : 0;
}

/* Its own place, or that of who may best be forgotten. */
static struct culprit *culprit_of(struct frontend_verify *v, const struct rtun_addr *from)
{
	struct culprit *best = &v->culprits[0];
	for (uint32_t i = 0; i < CULPRITS_MAX; i++) {
		if (memcmp(&v->culprits[i].from, from, sizeof(*from)) == 0 && v->culprits[i].times)
			return &v->culprits[i];
		if (v->culprits[i].at < best->at)
			best = &v->culprits[i];
	}
	return best;
}

static bool is_refused_unheard(struct frontend_verify *v, const struct rtun_addr *from)
{
	const struct culprit *p = culprit_of(v, from);
	return memcmp(&p->from, from, sizeof(*from)) == 0 && guilt_left(p, rtun_now(v->f->ctx)) >= BURST;
}

/* Who was wrong, or may be right now. */
static bool is_suspect(struct frontend_verify *v, const struct rtun_addr *from)
{
	const struct culprit *p = culprit_of(v, from);
	for (const struct frontend_claim *claim = v->claims; claim; claim = claim->next)
		if (memcmp(&claim->from, from, sizeof(*from)) == 0)
			return true;
	return memcmp(&p->from, from, sizeof(*from)) == 0 && guilt_left(p, rtun_now(v->f->ctx)) > 0;
}

/* May what is remembered be looked at? Else whoever guesses would learn from it, at no cost, which guess is right. */
static bool may_look(struct frontend_verify *v, const struct rtun_addr *from)
{
	uint64_t second = rtun_now(v->f->ctx) / RTUN_S;
	if (!is_suspect(v, from))
		return true;
	if (v->looked_at != second)
		v->looks = 0;
	v->looked_at = second;
	return v->looks < LOOKS && ++v->looks;
}

static void blame(struct frontend_verify *v, const struct rtun_addr *from)
{
	struct culprit *p = culprit_of(v, from);
	uint64_t now = rtun_now(v->f->ctx);
	uint32_t before = memcmp(&p->from, from, sizeof(*from)) == 0 ? guilt_left(p, now) : 0;
	*p = (struct culprit){.from = *from, .times = before + 1, .at = now};
}

/* ---- One after the other ---- */

static void verify_next(struct frontend_verify *v);

static void claim_free(struct frontend_claim *claim)
{
	sodium_memzero(claim, sizeof(*claim));
	free(claim);
}

/* The same login may have been given by several: one answer for all of them. */
static void answer_all(struct frontend_verify *v, const uint8_t token[TOKEN_BYTES], enum frontend_login answer)
{
	struct frontend_claim **at = &v->claims, *claim;
	while ((claim = *at)) {
		if (memcmp(claim->token, token, TOKEN_BYTES) != 0) {
			at = &claim->next;
			continue;
		}
		*at = claim->next;
		v->claim_count--;
		claim->answer = answer;
		if (claim->c)
			rtun_want(claim->c->s, RTUN_READ);
		else
			claim_free(claim);
	}
}

static void hash_it(void *arg)
{
	struct frontend_hashing *h = arg;
	h->good = crypto_pwhash_str_verify(h->hash, h->password, strlen(h->password)) == 0;
}

static void hashing_free(struct frontend_hashing *h)
{
	sodium_memzero(h, sizeof(*h));
	free(h);
}

static void hashed(void *arg)
{
	struct frontend_hashing *h = arg;
	struct frontend_verify *v = h->v;
	bool good = h->good;
	uint8_t token[TOKEN_BYTES];
	hashing_free(h);
	if (!v)
		return;
	v->hashing = NULL;
	memcpy(token, v->claims->token, TOKEN_BYTES);
	if (good) {
		remember(v, token);
	} else {
		blame(v, &v->claims->from);
		v->resting = true;
		rtun_timer_start(v->rest, REST);
	}
	answer_all(v, token, good ? FRONTEND_LOGIN_GOOD : FRONTEND_LOGIN_REFUSED);
	verify_next(v);
}

static void drop_those_who_left(struct frontend_verify *v)
{
	struct frontend_claim *claim;
	while ((claim = v->claims) && !claim->c) {
		v->claims = claim->next;
		v->claim_count--;
		claim_free(claim);
	}
}

static bool verify_begin(struct frontend_verify *v)
{
	struct frontend_hashing *h = is_refused_unheard(v, &v->claims->from) ? NULL : calloc(1, sizeof(*h));
	if (!h)
		return false;
	h->v = v;
	memcpy(h->password, v->claims->password, sizeof(h->password));
	memcpy(h->hash, v->claims->hash, sizeof(h->hash));
	if (rtun_work(v->f->ctx, hash_it, hashed, h, &h->work) < 0) {
		hashing_free(h);
		return false;
	}
	v->hashing = h;
	return true;
}

static void verify_next(struct frontend_verify *v)
{
	uint8_t token[TOKEN_BYTES];
	while (!v->hashing && !v->resting) {
		drop_those_who_left(v);
		if (!v->claims || verify_begin(v))
			return;
		memcpy(token, v->claims->token, TOKEN_BYTES);
		answer_all(v, token, FRONTEND_LOGIN_REFUSED);
	}
}

static void rested(void *arg)
{
	struct frontend_verify *v = arg;
	v->resting = false;
	verify_next(v);
}

/* ---- For the others ---- */

void frontend_verify_forget(struct frontend_conn *c)
{
	struct frontend_claim *claim = c->claim;
	c->claim = NULL;
	if (claim && claim->answer == FRONTEND_LOGIN_PENDING)
		claim->c = NULL;
	else if (claim)
		claim_free(claim);
}

static void enqueue(struct frontend_verify *v, struct frontend_claim *claim)
{
	struct frontend_claim **at = &v->claims;
	while (*at)
		at = &(*at)->next;
	*at = claim;
	v->claim_count++;
	verify_next(v);
}

static enum frontend_login claim_make(struct frontend_conn *c, const struct frontend_claim *proto, const char *password)
{
	struct frontend_verify *v = c->f->verify;
	struct frontend_claim *claim = v->claim_count < CLAIMS_MAX && !is_refused_unheard(v, &proto->from) ? malloc(sizeof(*claim)) : NULL;
	if (!claim)
		return FRONTEND_LOGIN_REFUSED;
	*claim = *proto;
	claim->c = c;
	claim->answer = FRONTEND_LOGIN_PENDING;
	strncpy(claim->password, password, sizeof(claim->password) - 1);
	c->claim = claim;
	enqueue(v, claim);
	return c->claim->answer;
}

enum frontend_login frontend_verify(struct frontend_conn *c, const char *name, const char *password)
{
	struct frontend_verify *v = c->f->verify;
	struct frontend_claim proto = {.from = source_of(c)};
	const struct user *user = users_find(v->users, name);
	enum frontend_login answer;
	if (c->claim) {
		answer = c->claim->answer;
		if (answer != FRONTEND_LOGIN_PENDING)
			frontend_verify_forget(c);
		return answer;
	}
	memcpy(proto.hash, user ? user->hash : v->nobody, sizeof(proto.hash));
	make_token(v, &proto, name, password, proto.token);
	return may_look(v, &proto.from) && is_known(v, proto.token) ? FRONTEND_LOGIN_GOOD : claim_make(c, &proto, password);
}

/* ---- Life ---- */

/* A hash that costs as much as the users' own, and that no password gives. */
static void make_nobody(struct frontend_verify *v)
{
	static const char usual[] = "$argon2id$v=19$m=65536,t=2,p=1$";
	const char *like = v->users->count ? v->users->items[0].hash : usual;
	uint8_t random[48];
	size_t start = 0;
	for (int dollars = 0; dollars < 4; start++)
		dollars += like[start] == '$';
	randombytes_buf(random, sizeof(random));
	memset(v->nobody, 0, sizeof(v->nobody));
	memcpy(v->nobody, like, start);
	sodium_bin2base64(v->nobody + start, sizeof(v->nobody) - start, random, 16, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	start += strlen(v->nobody + start);
	v->nobody[start++] = '$';
	sodium_bin2base64(v->nobody + start, sizeof(v->nobody) - start, random + 16, 32, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

int frontend_verify_load(struct frontend *f, const char *path)
{
	struct users *users = NULL;
	int r = path ? users_read(f->ctx, path, &users) : 0;
	if (r)
		return r;
	users_free(&f->verify->users);
	f->verify->users = users;
	if (users)
		make_nobody(f->verify);
	return 0;
}

uint32_t frontend_verify_users(const struct frontend *f)
{
	return f->verify->users ? f->verify->users->count : 0;
}

int frontend_verify_create(struct frontend *f)
{
	struct frontend_verify *v = calloc(1, sizeof(*v));
	f->verify = v;
	if (!v || sodium_init() < 0)
		return -RTUN_ENOMEM;
	v->f = f;
	randombytes_buf(v->key, sizeof(v->key));
	return rtun_timer_create(f->ctx, rested, v, &v->rest);
}

void frontend_verify_destroy(struct frontend *f)
{
	struct frontend_verify *v = f->verify;
	if (!v)
		return;
	if (v->hashing)
		v->hashing->v = NULL;
	drop_those_who_left(v);
	rtun_timer_destroy(&v->rest);
	users_free(&v->users);
	sodium_memzero(v, sizeof(*v));
	free(v);
	f->verify = NULL;
}
