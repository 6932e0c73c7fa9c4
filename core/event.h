/* SPDX-License-Identifier: BSD-2-Clause
 *
 * event.h - the bus: events copied when published, delivered at the end of the loop's turn.
 */
#ifndef EVENT_BUS_H
#define EVENT_BUS_H

#include <jansson.h>

#include "hostctx.h"

struct event_bus;

#define EVENT_QUEUE_MAX 16384U /* all streams of a tunnel may end in one turn */

int event_bus_create(struct loop *loop, struct event_bus **ret);
/* What waits is dropped; subscriptions that are left are forgotten (their owners must be gone). */
void event_bus_destroy(struct event_bus **bus);
uint64_t event_bus_dropped(const struct event_bus *bus);
/* Deliver what waits, now (the program's end: the loop will not turn again). */
void event_bus_flush(struct event_bus *bus);

void event_publish(struct event_bus *bus, const char *instance, const struct rtun_event_type *type, const void *payload);
int event_subscribe(struct event_bus *bus, const char *name, rtun_event_cb *cb, void *arg, struct rtun_subscription **ret);

/* {"event","instance","fields":{}}: texts or null, numbers, times in RFC 3339 or null, error names. New reference. */
json_t *event_json(const struct rtun_event_type *type, const char *instance, const void *payload);
int64_t host_event_json(struct rtun_ctx *ctx, const struct rtun_event_type *type, const char *instance, const void *payload, char *buf, uint64_t size);

void host_publish(struct rtun_ctx *ctx, const struct rtun_event_type *type, const void *payload);
int host_subscribe(struct rtun_ctx *ctx, const char *name, rtun_event_cb *cb, void *arg, struct rtun_subscription **ret);
void host_unsubscribe(struct rtun_subscription **sub);

#endif
