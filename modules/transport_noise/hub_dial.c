/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hub_dial.c - which exit takes a connection, and the request to it.
 *
 * An exit that was asked for by name or tag and is away is an error at once: traffic never leaves from another.
 */
#include <stdio.h>
#include <string.h>

#include "hub.h"
#include "selector.h"

struct choice {
	struct peer *peer; /* NULL: err and why */
	uint32_t err;
	char why[128];
};

static bool has_tag(const struct device *d, const char *tag)
{
	for (uint32_t i = 0; i < d->tag_count; i++)
		if (strcmp(d->tags[i], tag) == 0)
			return true;
	return false;
}

/* The one with the shortest way, of those with the tag (NULL: all). */
static struct peer *best(struct hub *h, const char *tag)
{
	struct peer *found = NULL;
	uint64_t best_rtt = 0;
	for (uint32_t i = 0; i < h->devices->count; i++) {
		struct device *d = h->devices->items[i];
		struct peer *p = d->tunnel;
		struct peer_sums sums;
		if (!p || !p->tunnel || (tag && !has_tag(d, tag)))
			continue;
		peer_sum(p, &sums);
		uint64_t rtt = sums.rtt ? sums.rtt : UINT64_MAX - 1;
		if (!found || rtt < best_rtt) {
			found = p;
			best_rtt = rtt;
		}
	}
	return found;
}

static void by_name(struct hub *h, const char *name, struct choice *c)
{
	struct device *d = device_find(h->devices, name);
	struct peer *p = d ? d->tunnel : NULL;
	if (!d || strcmp(d->name, name) != 0) {
		c->err = RTUN_ESELECTOR;
		snprintf(c->why, sizeof(c->why), "there is no exit called %.32s", name);
	} else if (!p || !p->tunnel) {
		c->err = RTUN_ENOEXIT;
		snprintf(c->why, sizeof(c->why), "exit %.32s is away", name);
	} else {
		c->peer = p;
	}
}

static void by_tag(struct hub *h, const char *tag, struct choice *c)
{
	bool known = false;
	for (uint32_t i = 0; i < h->devices->count; i++)
		known |= has_tag(h->devices->items[i], tag);
	c->peer = best(h, tag);
	c->err = known ? RTUN_ENOEXIT : RTUN_ESELECTOR;
	snprintf(c->why, sizeof(c->why), known ? "no exit with tag %.32s is connected" : "no exit has the tag %.32s", tag);
}

static void choose(struct hub *h, const struct rtun_dial_req *req, struct choice *c)
{
	struct selector s;
	memset(c, 0, sizeof(*c));
	if (selector_parse(req->selector, &s) < 0) {
		c->err = RTUN_ESELECTOR;
		snprintf(c->why, sizeof(c->why), "the username is no choice of an exit: NAME, exit-NAME, tag-TAG or any");
	} else if (s.session[0]) {
		c->err = RTUN_ESELECTOR;
		snprintf(c->why, sizeof(c->why), "sessions are not known to this hub");
	} else if (s.exit[0]) {
		by_name(h, s.exit, c);
	} else if (s.tag[0]) {
		by_tag(h, s.tag, c);
	} else if (!s.any && req->exit && req->exit[0]) {
		by_name(h, req->exit, c);
	} else {
		c->peer = best(h, NULL);
		c->err = RTUN_ENOEXIT;
		snprintf(c->why, sizeof(c->why), "no exit is connected");
	}
}

/* A stream stays on one connection: that with the fewest, of as many as may be used. */
static struct mux *least_busy(const struct tunnel *t)
{
	uint32_t most = t->peer->hub->t->cfg.connections, n = 0;
	struct conn *found = t->conns;
	for (struct conn *c = t->conns; c && (!most || n < most); c = c->next, n++)
		if (mux_counters(c->mux)->streams < mux_counters(found->mux)->streams)
			found = c;
	return found->mux;
}

static int start(void *obj, const struct rtun_dial_req *req, bool early, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	struct hub *h = obj;
	struct choice c;
	choose(h, req, &c);
	struct opening_way way = {.err = c.err, .why = c.why};
	if (c.peer)
		way = (struct opening_way){.mux = least_busy(c.peer->tunnel), .exit = c.peer->device->name, .counts = &c.peer->counts};
	return opening_start(&h->openings, &way, req, early, cb, arg, ret_op);
}

static int dial(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	return start(obj, req, false, cb, arg, ret_op);
}

static int dial_early(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	return start(obj, req, true, cb, arg, ret_op);
}

const struct rtun_dialer_ops hub_dialer_ops = {.size = sizeof(hub_dialer_ops), .dial = dial, .dial_early = dial_early};
