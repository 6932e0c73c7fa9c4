/* SPDX-License-Identifier: BSD-2-Clause
 *
 * choice.h - which exit takes a connection. doc/choosing.md has the truth table.
 *
 *   wish_read()   what was asked for: one exit by name, those with a tag, or all; and how to choose among them
 *   choice_make() the exit, of those that are connected and have not failed for this connection yet
 */
#ifndef CHOICE_H
#define CHOICE_H

#include "hub.h"
#include "session.h"

/* Exits that one connection may try. */
#define CHOICE_TRIES 3U

enum wish_of { WISH_ALL, WISH_TAG, WISH_EXIT };
struct wish {
	enum wish_of of;
	char name[LABEL_SIZE];    /* of the tag or exit */
	uint32_t strategy;        /* RTUN_STRATEGY_... */
	uint32_t protocol;        /* WIRE_UDP: an exit that has datagrams */
	bool asked;               /* by the username; else by what the client knows nothing of: the entry's `exit:`, a rule, */
	bool by_default;          /* or the default exit */
	bool lasting;             /* a session: */
	uint8_t key[SESSION_KEY];
};

struct choice {
	struct peer *peer; /* NULL: err and why */
	struct session *session; /* that remembers it; NULL: none does */
	uint32_t err;
	char why[128];
};

/* True; or c->err and c->why. */
bool wish_read(const struct hub *h, const struct rtun_dial_req *req, struct wish *ret, struct choice *c);
/* May it leave from this one? */
bool wish_fits(const struct wish *w, const struct device *d);
/* Exits that failed for this connection, not to be taken again; only compared, they may be freed. */
struct tried {
	const void *exits[CHOICE_TRIES];
	uint32_t count;
	const void *leaving; /* the last one, if it is about to go away: a session need not wait for it */
};
void choice_make(struct hub *h, const struct wish *w, const struct tried *tried, struct choice *ret);
/* Is this error the exit's own, so that another one may do better? */
bool choice_again(uint32_t err);

#endif
