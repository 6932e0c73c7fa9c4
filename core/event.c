/* SPDX-License-Identifier: BSD-2-Clause
 *
 * event.c - publish copies what somebody listens to, the loop delivers, nobody is called from inside publish.
 */
#include "event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "list_rows.h"
#include "loop.h"
#include "value.h"

struct event_queued {
	struct event_queued *next;
	const struct rtun_event_type *type;
	const char *instance;
	void *payload; /* this, its texts and the instance's name are in the same block */
};

struct rtun_subscription {
	struct rtun_object object;
	struct event_bus *bus;
	struct rtun_subscription *next;
	char *name;
	rtun_event_cb *cb; /* NULL: unsubscribed during a delivery, freed after it */
	void *arg;
	uint64_t since;    /* sees events published after this one */
};

struct event_bus {
	struct event_queued *first, **end;
	uint32_t waiting;
	uint64_t dropped, published, delivered;
	struct rtun_subscription *subscriptions;
	uint32_t delivering; /* depth: a callback may flush */
	struct loop_defer defer;
};

static void event_deliver_all(void *arg);

int event_bus_create(struct loop *loop, struct event_bus **ret)
{
	struct event_bus *bus = calloc(1, sizeof(*bus));
	if (!bus) return -RTUN_ENOMEM;
	bus->end = &bus->first;
	loop_defer_init(&bus->defer, loop, event_deliver_all, bus);
	*ret = bus;
	return 0;
}

void event_bus_destroy(struct event_bus **busp)
{
	struct event_bus *bus = *busp;
	if (!bus) return;
	loop_defer_cancel(&bus->defer);
	for (struct event_queued *q; (q = bus->first);) {
		bus->first = q->next;
		free(q);
	}
	for (struct rtun_subscription *s; (s = bus->subscriptions);) {
		bus->subscriptions = s->next;
		free(s->name);
		free(s);
	}
	free(bus);
	*busp = NULL;
}

uint64_t event_bus_dropped(const struct event_bus *bus) { return bus->dropped; }

/* ---- publish ---- */

/* "*", "exit.*" (all that begin with "exit."), or the name itself. */
static bool event_matches(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);
	if (len && pattern[len - 1] == '*' && (len == 1 || pattern[len - 2] == '.')) return !strncmp(pattern, name, len - 1);
	return !strcmp(pattern, name);
}

/* Does anybody listen? Who will listen later gets later ones only. */
static bool event_concerns(const struct event_bus *bus, const struct rtun_event_type *type)
{
	for (const struct rtun_subscription *s = bus->subscriptions; s; s = s->next)
		if (s->cb && event_matches(s->name, type->name)) return true;
	return false;
}

static bool event_field(const struct rtun_event_type *type, uint32_t i, struct rtun_field *ret)
{
	return list_row(&type->fields, i, ret, sizeof(*ret));
}

/* A text's pointer inside a payload; NULL when the row does not fit into it. */
static char **event_text_slot(const struct rtun_event_type *type, const struct rtun_field *f, void *payload)
{
	if (f->type != RTUN_F_TEXT || (uint64_t)f->offset + sizeof(char *) > type->payload_size) return NULL;
	return (char **)(void *)((char *)payload + f->offset);
}

static char *event_copy_text(const char *text, char **to)
{
	size_t len = strlen(text) + 1;
	char *copy = memcpy(*to, text, len);
	*to += len;
	return copy;
}

static struct event_queued *event_copy(const struct rtun_event_type *type, const char *instance, const void *payload)
{
	struct rtun_field f;
	size_t texts = instance ? strlen(instance) + 1 : 0;
	union { const void *in; void *out; } source = {payload}; /* only read */
	for (uint32_t i = 0; event_field(type, i, &f); i++) {
		char **text = event_text_slot(type, &f, source.out);
		if (text && *text) texts += strlen(*text) + 1;
	}
	struct event_queued *q = calloc(1, sizeof(*q) + type->payload_size + texts);
	if (!q) return NULL;
	q->type = type;
	q->payload = q + 1;
	memcpy(q->payload, payload, type->payload_size);
	char *to = (char *)q->payload + type->payload_size;
	for (uint32_t i = 0; event_field(type, i, &f); i++) {
		char **text = event_text_slot(type, &f, q->payload);
		if (text && *text) *text = event_copy_text(*text, &to);
	}
	if (instance) q->instance = event_copy_text(instance, &to);
	return q;
}

void event_publish(struct event_bus *bus, const char *instance, const struct rtun_event_type *type, const void *payload)
{
	if (!event_concerns(bus, type)) return;
	struct event_queued *q = bus->waiting < EVENT_QUEUE_MAX ? event_copy(type, instance, payload) : NULL;
	if (!q) {
		bus->dropped++;
		return;
	}
	*bus->end = q;
	bus->end = &q->next;
	bus->waiting++;
	bus->published++;
	loop_defer_start(&bus->defer);
}

/* ---- deliver ---- */

static void event_sweep(struct event_bus *bus)
{
	for (struct rtun_subscription **p = &bus->subscriptions; *p;) {
		struct rtun_subscription *s = *p;
		if (s->cb) {
			p = &s->next;
			continue;
		}
		*p = s->next;
		free(s->name);
		free(s);
	}
}

static void event_deliver(struct event_bus *bus, const struct event_queued *q)
{
	uint64_t number = ++bus->delivered;
	bus->delivering++;
	for (struct rtun_subscription *s = bus->subscriptions; s; s = s->next)
		if (s->cb && s->since < number && event_matches(s->name, q->type->name)) s->cb(s->arg, q->type, q->instance, q->payload);
	bus->delivering--;
	if (!bus->delivering) event_sweep(bus);
}

static void event_deliver_all(void *arg)
{
	struct event_bus *bus = arg;
	/* what a callback publishes is delivered in the next round of this turn, so that others get theirs first */
	for (uint32_t n = bus->waiting; n && bus->first; n--) {
		struct event_queued *q = bus->first;
		bus->first = q->next;
		if (!bus->first) bus->end = &bus->first;
		bus->waiting--;
		event_deliver(bus, q);
		free(q);
	}
	if (bus->first) loop_defer_start(&bus->defer);
}

void event_bus_flush(struct event_bus *bus) { event_deliver_all(bus); }

int event_subscribe(struct event_bus *bus, const char *name, rtun_event_cb *cb, void *arg, struct rtun_subscription **ret)
{
	struct rtun_subscription *s = calloc(1, sizeof(*s));
	char *copy = strdup(name);
	if (!s || !copy) {
		free(s);
		free(copy);
		return -RTUN_ENOMEM;
	}
	s->object.host = &host_table;
	s->bus = bus;
	s->name = copy;
	s->cb = cb;
	s->arg = arg;
	s->since = bus->published;
	struct rtun_subscription **p = &bus->subscriptions;
	while (*p) p = &(*p)->next; /* in the order of subscribing */
	*p = s;
	*ret = s;
	return 0;
}

void host_unsubscribe(struct rtun_subscription **sub)
{
	struct event_bus *bus = (*sub)->bus;
	(*sub)->cb = NULL;
	*sub = NULL;
	if (!bus->delivering) event_sweep(bus);
}

void host_publish(struct rtun_ctx *ctx, const struct rtun_event_type *type, const void *payload)
{
	if (host_ctx(ctx)->events) event_publish(host_ctx(ctx)->events, ctx->instance, type, payload);
}

int host_subscribe(struct rtun_ctx *ctx, const char *name, rtun_event_cb *cb, void *arg, struct rtun_subscription **ret)
{
	*ret = NULL;
	if (!host_ctx(ctx)->events) return -RTUN_ENOTSUP;
	return event_subscribe(host_ctx(ctx)->events, name, cb, arg, ret);
}

/* ---- as JSON ---- */

static json_t *event_value(const struct rtun_field *f, const char *at)
{
	union { const char *text; uint64_t u; int64_t time; uint32_t err; } v;
	switch (f->type) {
	case RTUN_F_TEXT:
		memcpy(&v.text, at, sizeof(v.text));
		return value_json_text(v.text);
	case RTUN_F_U64:
		memcpy(&v.u, at, sizeof(v.u));
		return json_integer((json_int_t)v.u);
	case RTUN_F_TIME:
		memcpy(&v.time, at, sizeof(v.time));
		return value_json_time(v.time);
	default:
		memcpy(&v.err, at, sizeof(v.err));
		return json_string(rtun_error_word(v.err));
	}
}

json_t *event_json(const struct rtun_event_type *type, const char *instance, const void *payload)
{
	static const uint32_t sizes[] = {0, sizeof(char *), 8, 8, 4};
	json_t *fields = json_object();
	struct rtun_field f;
	for (uint32_t i = 0; event_field(type, i, &f); i++) {
		if (f.type == 0 || f.type >= sizeof(sizes) / sizeof(sizes[0])) continue; /* a kind newer than this program */
		if ((uint64_t)f.offset + sizes[f.type] > type->payload_size) continue;
		json_object_set_new(fields, f.name, event_value(&f, (const char *)payload + f.offset));
	}
	return json_pack("{s:s, s:s?, s:o}", "event", type->name, "instance", instance, "fields", fields);
}

int64_t host_event_json(struct rtun_ctx *ctx, const struct rtun_event_type *type, const char *instance, const void *payload, char *buf, uint64_t size)
{
	json_t *j = event_json(type, instance, payload);
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	(void)ctx;
	json_decref(j);
	if (!text) return -RTUN_ENOMEM;
	size_t len = strlen(text);
	if (size) snprintf(buf, size, "%s", len < size ? text : "");
	free(text);
	return (int64_t)len;
}
