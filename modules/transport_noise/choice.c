/* SPDX-License-Identifier: BSD-2-Clause
 *
 * choice.c - see choice.h. An exit that was asked for by name is the only one: traffic never leaves from another.
 */
#include "choice.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "selector.h"

/* The formula of `best`; doc/choosing.md says why. */
#define NEAR (10 * RTUN_MS) /* round trips below this are much the same */
#define UNKNOWN RTUN_S      /* the round trip, before the first was measured */
#define STREAMS 64U         /* so many streams are as bad as twice the way */
#define REFUSED 4U          /* so many times as far, */
#define REFUSED_FOR (10 * RTUN_S)
#define MUCH 2U /* the best one may cost half as much again as another, and stays the best */

/* ---- the wish ---- */

static void name_key(const struct rtun_dial_req *req, const struct selector *s, struct wish *w)
{
	static const char *const kinds[] = {[WISH_ALL] = "any", [WISH_TAG] = "tag", [WISH_EXIT] = "exit"};
	const char *session[] = {"session", s->session, kinds[w->of], w->name};
	const char *sticky[] = {"sticky", req->source ? req->source : "", req->selector ? req->selector : "", w->name};
	w->lasting = s->session[0] || w->strategy == RTUN_STRATEGY_STICKY;
	if (s->session[0])
		session_key(session, 4, w->key);
	else if (w->lasting)
		session_key(sticky, 4, w->key);
}

static bool asks(const struct selector *s)
{
	return s->exit[0] || s->tag[0] || s->any;
}

bool wish_read(const struct hub *h, const struct rtun_dial_req *req, struct wish *w, struct choice *c)
{
	struct selector s, fixed, by_default;
	*w = (struct wish){.of = WISH_ALL};
	selector_parse(h->devices->default_exit, &by_default);
	bool understood = selector_parse(req->selector, &s) == 0;
	if (!understood || selector_parse(req->exit, &fixed) < 0) {
		*c = (struct choice){.err = understood ? RTUN_ENOEXIT : RTUN_ESELECTOR};
		snprintf(c->why, sizeof(c->why), "%s is no choice of an exit: NAME, exit-NAME, tag-TAG, any, session-X",
			 understood ? "an `exit:` in the configuration" : "the username");
		return false;
	}
	w->asked = asks(&s);
	w->by_default = !w->asked && !asks(&fixed);
	const struct selector *from = w->asked ? &s : w->by_default ? &by_default : &fixed;
	if (!s.session[0])
		memcpy(s.session, fixed.session, sizeof(s.session));
	if (RTUN_HAS(struct rtun_dial_req, req, strategy))
		w->strategy = req->strategy;
	w->of = from->exit[0] ? WISH_EXIT : from->tag[0] ? WISH_TAG : WISH_ALL;
	memcpy(w->name, from->exit[0] ? from->exit : from->tag, sizeof(w->name));
	if (w->of != WISH_EXIT)
		name_key(req, &s, w);
	return true;
}

/* ---- who is left ---- */

struct candidate {
	struct peer *peer;
	uint64_t cost;
};

static bool is_tried(const struct peer *p, const struct tried *tried)
{
	for (uint32_t i = 0; i < tried->count; i++)
		if (tried->exits[i] == p)
			return true;
	return false;
}

bool wish_fits(const struct wish *w, const struct device *d)
{
	if (w->of != WISH_TAG)
		return w->of == WISH_ALL || strcmp(d->name, w->name) == 0;
	for (uint32_t i = 0; i < d->tag_count; i++)
		if (strcmp(d->tags[i], w->name) == 0)
			return true;
	return false;
}

static uint64_t cost_of(const struct peer *p)
{
	struct mux_counters sums;
	peer_sum(p, &sums);
	uint64_t cost = ((sums.rtt ? sums.rtt : UNKNOWN) + NEAR) / STREAMS * (STREAMS + sums.streams);
	bool refused = p->refused_at && rtun_now(p->hub->ctx) - p->refused_at < REFUSED_FOR;
	return refused ? REFUSED * cost : cost;
}

/* ---- strategies: one of `n`, at least one ---- */

static struct peer *longest_ago(const struct candidate *c, uint32_t n)
{
	struct peer *found = c->peer;
	for (uint32_t i = 1; i < n; i++)
		if (c[i].peer->chosen < found->chosen)
			found = c[i].peer;
	return found;
}

/* Who was the best one stays it as long as none is much better: a browser's connections should leave from one address. */
static struct peer *best(struct candidate *c, uint32_t n)
{
	struct candidate *lowest = c, *before = NULL;
	for (uint32_t i = 0; i < n; i++) {
		c[i].cost = cost_of(c[i].peer);
		if (c[i].cost < lowest->cost)
			lowest = &c[i];
		if (c[i].peer->best && (!before || c[i].cost < before->cost))
			before = &c[i];
	}
	if (before && before->cost <= lowest->cost + lowest->cost / MUCH)
		return before->peer;
	for (uint32_t i = 0; i < n; i++)
		c[i].peer->best = &c[i] == lowest;
	return lowest->peer;
}

static struct peer *any(struct candidate *c, uint32_t n)
{
	return c[randombytes_uniform(n)].peer;
}

static struct peer *in_turn(struct candidate *c, uint32_t n)
{
	return longest_ago(c, n);
}

static struct peer *(*const strategies[])(struct candidate *, uint32_t) = {
	[RTUN_STRATEGY_BEST] = best, [RTUN_STRATEGY_STICKY] = best, [RTUN_STRATEGY_ROUND_ROBIN] = in_turn, [RTUN_STRATEGY_RANDOM] = any,
};

/* ---- the choice ---- */

RTUN_PRINTF(3, 4) static void refuse(struct choice *c, uint32_t err, const char *fmt, ...)
{
	va_list ap;
	c->err = err;
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
}

/* Nobody is left. `full`: what is the matter with one that is connected. */
static void explain(const struct wish *w, bool known, const char *full, struct choice *c)
{
	const char *the = w->by_default ? "the default " : "";
	if (full)
		refuse(c, RTUN_EOVERLOAD, "%.120s", full);
	else if (w->of == WISH_ALL)
		refuse(c, RTUN_ENOEXIT, "no exit is connected");
	else if (w->of == WISH_TAG && known)
		refuse(c, RTUN_ENOEXIT, "no exit with %stag %.32s is connected", the, w->name);
	else if (w->of == WISH_TAG)
		refuse(c, w->asked ? RTUN_ESELECTOR : RTUN_ENOEXIT, "no exit has %stag %.32s", w->by_default ? the : "the ", w->name);
	else if (known)
		refuse(c, RTUN_ENOEXIT, "%sexit %.32s is away", the, w->name);
	else
		refuse(c, w->asked ? RTUN_ESELECTOR : RTUN_ENOEXIT, "there is no exit called %.32s%s", w->name, w->by_default ? ", the default one" : "");
}

static struct candidate *room_for_all(struct hub *h)
{
	struct candidate *room = h->candidates;
	if (h->candidate_room < h->devices->count || !room) {
		if (!(room = reallocarray(room, h->devices->count + 1, sizeof(*room))))
			return NULL;
		h->candidates = room;
		h->candidate_room = h->devices->count + 1;
	}
	return room;
}

/* Only nodes that said that they have datagrams are asked for them: to another it would be a mistake that ends the connection. */
static bool is_too_old(const struct peer *p, const struct wish *w)
{
	return w->protocol == WIRE_UDP && !p->tunnel->datagrams;
}

static void refuse_too_old(const struct peer *p, struct choice *c)
{
	refuse(c, RTUN_ENOTSUP, "exit %.32s has no datagrams: restunnel there is too old", p->device->name);
}

static void choose(struct hub *h, const struct wish *w, const struct tried *tried, struct choice *c)
{
	struct candidate *left = room_for_all(h);
	const char *full = left ? NULL : "the hub is out of memory";
	const struct peer *old = NULL;
	bool known = false;
	uint32_t n = 0;
	for (uint32_t i = 0; left && i < h->devices->count; i++) {
		struct peer *p = h->devices->items[i]->tunnel;
		const char *reached;
		if (!wish_fits(w, h->devices->items[i]))
			continue;
		known = true;
		if (!p || !p->tunnel || is_tried(p, tried))
			continue;
		if (is_too_old(p, w))
			old = p;
		else if ((reached = limits_reached(p)))
			full = reached;
		else
			left[n++].peer = p;
	}
	if (n && w->of == WISH_EXIT)
		c->peer = left->peer;
	else if (n)
		c->peer = strategies[w->strategy <= RTUN_STRATEGY_RANDOM ? w->strategy : RTUN_STRATEGY_BEST](left, n);
	else if (old && !full)
		refuse_too_old(old, c);
	else
		explain(w, known, full, c);
}

/* The exit that the session had: it goes on there, or can't, or (false) it has to have another one. */
static bool stay(struct session *s, const struct wish *w, const struct tried *tried, struct choice *c)
{
	struct peer *p = s->exit;
	const char *full = p ? limits_reached(p) : NULL;
	if (!p || !p->tunnel || p == tried->leaving || !wish_fits(w, p->device))
		return false;
	if (!s->reached && (full || is_tried(p, tried)))
		return false;
	if (is_too_old(p, w))
		refuse_too_old(p, c);
	else if (full)
		refuse(c, RTUN_EOVERLOAD, "%.120s", full);
	else if (is_tried(p, tried))
		refuse(c, RTUN_EOVERLOAD, "the session's exit %.32s could not take it", p->device->name);
	else
		c->peer = p;
	return true;
}

static void say_moved(struct hub *h, const struct session *s, const struct peer *to)
{
	const struct peer *from = s->exit;
	struct event_session e = {.from = from ? from->device->name : NULL, .exit = to->device->name};
	rtun_publish(h->ctx, &event_session_moved, &e);
	rtun_log(h->ctx, RTUN_INFO, "a session goes on at exit %s; it was at %s", e.exit, e.from ? e.from : "one that is revoked");
}

static void choose_lasting(struct hub *h, const struct wish *w, const struct tried *tried, struct choice *c)
{
	struct session *s = session_find(&h->sessions, w->key);
	c->session = s;
	if (s && stay(s, w, tried, c))
		return;
	choose(h, w, tried, c);
	if (!c->peer || (s && s->exit == c->peer))
		return;
	if (!s) {
		c->session = session_add(&h->sessions, w->key, c->peer);
		return;
	}
	if (s->reached)
		say_moved(h, s, c->peer);
	s->exit = c->peer;
}

void choice_make(struct hub *h, const struct wish *w, const struct tried *tried, struct choice *c)
{
	*c = (struct choice){0};
	if (w->lasting)
		choose_lasting(h, w, tried, c);
	else
		choose(h, w, tried, c);
	if (c->peer)
		c->peer->chosen = ++h->choices;
}

bool choice_again(uint32_t err)
{
	static const bool again[] = {
		[RTUN_EUNREACHABLE] = true, [RTUN_ENOEXIT] = true,   [RTUN_EOVERLOAD] = true, [RTUN_ERESET] = true,
		[RTUN_ETRUNCATED] = true,   [RTUN_EINTERNAL] = true, [RTUN_EADDRTYPE] = true,
	};
	return err >= sizeof(again) || again[err];
}
