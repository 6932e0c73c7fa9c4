/* SPDX-License-Identifier: BSD-2-Clause
 *
 * arrival.h - connections that have been accepted and have not yet proved who they are.
 *
 * Whatever they send or don't, they look the same from outside (SECURITY.md, "After accept"):
 *   - nothing is sent to them;
 *   - what follows a first message that was not good is read and dropped, so their end of the connection neither stalls
 *     nor is it ever closed at a byte count, and no unread byte turns the last FIN into a RST;
 *   - they are closed at one deadline, the same for all on this hub; also those that have shut down their side;
 *   - when there are too many the listener pauses: nobody is accepted only to be closed;
 *   - a source (a /32 or /64) has a share: beyond it its own oldest one gets its FIN early, so one stranger can't take
 *     all places.
 */
#ifndef ARRIVAL_H
#define ARRIVAL_H

#include <stdbool.h>

#include <restunnel/module.h>

#include "wire.h"

#define ARRIVAL_MAX 4096U
#define ARRIVAL_SHARE 1024U

struct arrival;

struct arrivals {
	struct rtun_ctx *ctx;
	struct arrival *list;
	uint32_t count;
	uint64_t patience; /* ns from accept to the end */
	/* A first message: true when it was good: then *s was taken. The stream stands behind the message. */
	bool (*first)(void *arg, struct rtun_stream **s, const struct rtun_addr *peer, const uint8_t message[WIRE_MESSAGE_1]);
	/* There is room (1) or not (0): pause the listeners. */
	void (*room)(void *arg, uint32_t room);
	void *arg;
};

/* Takes *s, or leaves it when out of memory. */
void arrival_add(struct arrivals *a, struct rtun_stream **s, const struct rtun_addr *peer);
/* All are closed now. */
void arrivals_fini(struct arrivals *a);

#endif
