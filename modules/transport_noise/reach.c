/* SPDX-License-Identifier: BSD-2-Clause
 *
 * reach.c - see reach.h.
 */
#include "reach.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "knock.h"

/* Between one address's first knock and the next one's: RFC 8305 section 5, Connection Attempt Delay. */
#define STAGGER (250 * RTUN_MS)
/* For a look-up, where there are addresses from before: name servers may have gone with the network that they were of. */
#define LOOKUP_LIMIT RTUN_S
/* For message 2; shorter while there is another possibility. */
#define ANSWER_LIMIT (10 * RTUN_S)
#define ANSWER_FIRST (5 * RTUN_S)

/* The look-up runs in a thread of its own and outlives a cancelled reach: it owns what it needs. */
struct lookup {
	struct reach *reach; /* NULL once cancelled; touched in the loop only */
	char host[256];
	uint16_t port;
	struct rtun_addr found[REACH_ADDRESSES];
	uint32_t count;
	char why[160];
	struct rtun_work *work;
};

struct reach;
struct reach_way {
	struct reach *reach;
	struct way *way; /* NULL: it has failed */
};

struct reach {
	struct reach_setup set;
	char host[256];
	uint8_t hub_key[32], psk[32], token_id[TOKEN_ID], public_key[32];
	uint8_t attempt[WIRE_ATTEMPT]; /* zero: nobody knocks */
	struct lookup *lookup;
	struct rtun_addr known[REACH_ADDRESSES], address[REACH_ADDRESSES];
	uint32_t address_count;
	struct reach_way ways[REACH_ADDRESSES];
	bool refused, accepted, plain;
	enum carrier by;
	struct rtun_stream *stream;
	struct rtun_timer *limit;
	struct rtun_addr remote;
	struct noise_handshake handshake;
	char why[192];
};

static void stop_ways(struct reach *r)
{
	for (uint32_t i = 0; i < REACH_ADDRESSES; i++)
		way_stop(&r->ways[i].way);
}

static void reach_free(struct reach *r)
{
	if (r->lookup)
		r->lookup->reach = NULL;
	stop_ways(r);
	rtun_timer_destroy(&r->limit);
	rtun_close(&r->stream);
	noise_handshake_fini(&r->handshake);
	sodium_memzero(r->psk, sizeof(r->psk));
	sodium_memzero(r->token_id, sizeof(r->token_id));
	free(r);
}

static void finish(struct reach *r, struct reach_result *result)
{
	reach_cb *cb = r->set.cb;
	void *arg = r->set.arg;
	result->why = r->why;
	result->s = &r->stream;
	result->handshake = &r->handshake;
	result->remote = r->remote;
	result->attempt = r->attempt;
	result->by = r->plain ? CARRY_NONE : r->by;
	result->accepted = r->accepted;
	result->found = r->address;
	result->found_count = r->address_count;
	cb(arg, result);
	reach_free(r);
}

static void fail(struct reach *r, uint32_t err, const char *why)
{
	struct reach_result result = {.err = err};
	snprintf(r->why, sizeof(r->why), "%s", why);
	finish(r, &result);
}

/* ---- shake hands ---- */

static int dh(void *arg, const uint8_t peer[32], uint8_t out[32])
{
	struct reach *r = arg;
	return r->set.keystore->dh(r->set.keystore_obj, r->set.key_name, peer, out);
}

static void on_answer(struct reach *r, const uint8_t *message)
{
	uint8_t plain[HELLO_PLAIN_2];
	size_t len;
	struct reach_result result = {.err = 0};
	if (noise_read_message(&r->handshake, message, WIRE_MESSAGE_2, plain, &len) < 0 ||
	    hello_read(&result.hello, false, plain, len) < 0) {
		fail(r, RTUN_EDENIED, "something answered that does not have the hub's key");
		return;
	}
	rtun_consume(r->stream, WIRE_MESSAGE_2);
	r->why[0] = 0;
	finish(r, &result);
}

static void on_ready(void *arg, struct rtun_stream *s, uint32_t events)
{
	struct reach *r = arg;
	const uint8_t *p;
	int64_t n = rtun_peek(s, WIRE_MESSAGE_2, &p);
	(void)events;
	if (n == -RTUN_EAGAIN)
		rtun_want(s, RTUN_READ);
	else if (n < WIRE_MESSAGE_2)
		fail(r, RTUN_ERESET, "the hub closed the connection without an answer");
	else
		on_answer(r, p);
}

static void greet(struct reach *r)
{
	uint8_t prologue[HELLO_PROLOGUE], plain[HELLO_PLAIN_1], message[WIRE_MESSAGE_1];
	size_t len;
	struct noise_party party = {
		.pattern = r->set.pattern, .initiator = true, .prologue = prologue, .prologue_len = sizeof(prologue),
		.public_key = r->public_key, .dh = dh, .dh_arg = r, .remote_static = r->hub_key, .psk = r->psk,
	};
	r->set.hello.counter = r->set.counter(r->set.counter_arg);
	hello_prologue(r->attempt, prologue);
	noise_handshake_init(&r->handshake, &party);
	if (hello_write(&r->set.hello, plain, sizeof(plain)) < 0 ||
	    noise_write_message(&r->handshake, plain, sizeof(plain), message, sizeof(message), &len) < 0 ||
	    rtun_put(r->stream, message, len) < 0) {
		fail(r, RTUN_EINTERNAL, "the handshake could not be made: is the hub's key a good one?");
		return;
	}
	rtun_on_ready(r->stream, on_ready, r);
	rtun_want(r->stream, RTUN_READ);
	rtun_timer_start(r->limit, r->plain ? ANSWER_LIMIT : ANSWER_FIRST);
}

/* ---- knock and connect ---- */

static int make_knock(void *arg, uint8_t ret_knock[WIRE_KNOCK])
{
	struct reach *r = ((struct reach_way *)arg)->reach;
	uint8_t count = r->set.knock_count ? r->set.knock_count : r->set.hello.count;
	struct knock k = {.counter = r->set.counter(r->set.counter_arg), .count = count, .enrols = r->set.token_id != NULL};
	memcpy(k.attempt, r->attempt, WIRE_ATTEMPT);
	memcpy(k.token_id, r->token_id, TOKEN_ID);
	return knock_write(&k, r->hub_key, r->public_key, dh, r, NULL, ret_knock);
}

static bool all_failed(const struct reach *r)
{
	for (uint32_t i = 0; i < REACH_ADDRESSES; i++)
		if (r->ways[i].way)
			return false;
	return true;
}

static bool begin(struct reach *r, enum carrier liked);

static void begin_or_fail(struct reach *r, enum carrier liked)
{
	if (!begin(r, liked))
		fail(r, RTUN_EOVERLOAD, "out of memory");
}

static void on_no_way(struct reach *r, uint32_t err)
{
	static const struct {
		uint32_t err;
		const char *why;
	} words[] = {
		{RTUN_EREFUSED, "the hub does not open to our knocks (connection refused): it is not running, not at this address, does not know this node (any more), or no knock gets through"},
		{RTUN_ETIMEOUT, "no answer from the hub's address: a firewall, the machine is down, or the hub does not open to our knocks"},
		{RTUN_EUNREACHABLE, "the hub's address can't be reached from this network"},
	};
	const char *why = "the connection failed";
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].err == err)
			why = words[i].why;
	if (r->plain && r->set.liked == CARRY_NONE && !r->set.attempt)
		begin_or_fail(r, CARRY_UDP); /* it used to let us in without; now it seems to hide */
	else
		fail(r, err, why);
}

static void on_way(void *arg, uint32_t err, struct rtun_stream **s, enum carrier by)
{
	struct reach_way *a = arg;
	struct reach *r = a->reach;
	a->way = NULL;
	if (err) {
		r->refused |= err == RTUN_EREFUSED;
		if (all_failed(r))
			on_no_way(r, r->refused ? RTUN_EREFUSED : err);
		return;
	}
	r->stream = *s;
	*s = NULL;
	r->accepted = true;
	r->by = by;
	r->remote = r->address[a - r->ways];
	stop_ways(r);
	greet(r);
}

/* All addresses at about the same time: one that leads nowhere costs nothing but packets. */
static bool begin(struct reach *r, enum carrier liked)
{
	struct way_setup setup = {.ctx = r->set.ctx, .liked = liked, .knock = make_knock, .cb = on_way};
	uint32_t started = 0;
	r->plain = liked == CARRY_NONE;
	if (r->plain && !r->set.attempt)
		memset(r->attempt, 0, sizeof(r->attempt));
	else if (!r->set.attempt)
		randombytes_buf(r->attempt, sizeof(r->attempt));
	r->refused = false;
	for (uint32_t i = 0; i < r->address_count; i++) {
		setup.to = r->address[i];
		setup.after = i * STAGGER;
		setup.arg = &r->ways[i];
		r->ways[i].reach = r;
		started += way_start(&setup, &r->ways[i].way) == 0;
	}
	return started > 0;
}

static void begin_at(struct reach *r, const struct rtun_addr *addresses, uint32_t count)
{
	if (r->lookup)
		r->lookup->reach = NULL;
	r->lookup = NULL;
	memcpy(r->address, addresses, count * sizeof(*addresses));
	r->address_count = count;
	begin_or_fail(r, r->set.liked);
}

/* Something accepts connections and says nothing. Where a hub does not hide, and our knocks do not get through to it, it
 * waits for a message of somebody who has not knocked. */
static void on_limit(void *arg)
{
	struct reach *r = arg;
	if (r->lookup) {
		begin_at(r, r->known, r->set.known_count);
		return;
	}
	if (r->plain) {
		fail(r, RTUN_ETIMEOUT, "the hub accepts connections but does not answer: it does not know this node (revoked?), or something else is there");
		return;
	}
	rtun_close(&r->stream);
	noise_handshake_fini(&r->handshake);
	begin_or_fail(r, CARRY_NONE);
}

/* ---- look up ---- */

static struct rtun_addr address_of(const struct sockaddr *sa, uint16_t port)
{
	struct rtun_addr a = {.port = port};
	if (sa->sa_family == AF_INET) {
		a.family = 4;
		memcpy(a.ip, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		a.family = 6;
		memcpy(a.ip, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	}
	return a;
}

static void lookup_run(void *arg)
{
	struct lookup *l = arg;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *list, *ai;
	int r = getaddrinfo(l->host, NULL, &hints, &list);
	if (r == EAI_BADFLAGS || (r && r != EAI_MEMORY && strspn(l->host, "0123456789.:abcdefABCDEF") == strlen(l->host))) {
		hints.ai_flags = AI_NUMERICHOST; /* a literal works on a machine without any address of its kind, too */
		r = getaddrinfo(l->host, NULL, &hints, &list);
	}
	if (r) {
		snprintf(l->why, sizeof(l->why), "the hub's name %.60s can't be looked up: %.40s", l->host, gai_strerror(r));
		return;
	}
	for (ai = list; ai && l->count < REACH_ADDRESSES; ai = ai->ai_next) {
		struct rtun_addr a = address_of(ai->ai_addr, l->port);
		if (a.family)
			l->found[l->count++] = a;
	}
	freeaddrinfo(list);
	if (!l->count)
		snprintf(l->why, sizeof(l->why), "the hub's name %.60s has no address", l->host);
}

static void lookup_done(void *arg)
{
	struct lookup *l = arg;
	struct reach *r = l->reach;
	if (r) {
		rtun_timer_stop(r->limit);
		if (l->count)
			begin_at(r, l->found, l->count);
		else if (r->set.known_count)
			begin_at(r, r->known, r->set.known_count);
		else
			fail(r, RTUN_EDNS, l->why);
	}
	free(l);
}

int reach_start(const struct reach_setup *setup, struct reach **ret)
{
	struct reach *r = calloc(1, sizeof(*r));
	int err = -RTUN_ENOMEM;
	if (!r)
		return err;
	r->set = *setup;
	snprintf(r->host, sizeof(r->host), "%s", setup->host);
	memcpy(r->hub_key, setup->hub_key, 32);
	memcpy(r->psk, setup->psk, 32);
	for (uint32_t i = 0; i < setup->known_count; i++)
		r->known[i] = setup->known[i];
	if (setup->token_id)
		memcpy(r->token_id, setup->token_id, TOKEN_ID);
	if (setup->attempt)
		memcpy(r->attempt, setup->attempt, WIRE_ATTEMPT);
	err = setup->keystore->public_key(setup->keystore_obj, setup->key_name, r->public_key);
	if (err < 0)
		goto fail_reach;
	err = rtun_timer_create(setup->ctx, on_limit, r, &r->limit);
	if (err < 0)
		goto fail_reach;
	if (setup->attempt) {
		r->address[0] = setup->to;
		r->address_count = 1;
		err = -RTUN_ENOMEM;
		if (!begin(r, CARRY_NONE))
			goto fail_reach;
		*ret = r;
		return 0;
	}
	r->lookup = calloc(1, sizeof(*r->lookup));
	if (!r->lookup) {
		err = -RTUN_ENOMEM;
		goto fail_reach;
	}
	r->lookup->reach = r;
	r->lookup->port = setup->port;
	snprintf(r->lookup->host, sizeof(r->lookup->host), "%s", setup->host);
	err = rtun_work(setup->ctx, lookup_run, lookup_done, r->lookup, &r->lookup->work);
	if (err < 0)
		goto fail_lookup;
	if (setup->known_count)
		rtun_timer_start(r->limit, LOOKUP_LIMIT);
	*ret = r;
	return 0;
fail_lookup:
	free(r->lookup);
	r->lookup = NULL;
fail_reach:
	reach_free(r);
	return err;
}

void reach_cancel(struct reach **r)
{
	if (*r)
		reach_free(*r);
	*r = NULL;
}
