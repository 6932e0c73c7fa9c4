/* SPDX-License-Identifier: BSD-2-Clause
 *
 * news.c - a ring of rendered events for each type.
 */
#include "news.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_MAX 2048 /* bytes of one; a larger one is left out */

struct item {
	char *json;
	uint64_t seq;
};

struct ring {
	const struct rtun_event_type *type;
	struct item items[DASH_NEWS_EACH];
	uint32_t at;
	uint64_t second; /* in which ... */
	uint32_t burst;  /* ... so many came */
};

struct dash_news {
	struct rtun_ctx *ctx;
	struct rtun_subscription *sub;
	void (*heard)(void *arg, const char *event);
	void *arg;
	struct ring *rings[DASH_NEWS_TYPES];
	uint32_t count;
	uint64_t seq;
};

static struct ring *ring_of(struct dash_news *n, const struct rtun_event_type *type)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (n->rings[i]->type == type)
			return n->rings[i];
	if (n->count == DASH_NEWS_TYPES || !(n->rings[n->count] = calloc(1, sizeof(struct ring))))
		return NULL;
	n->rings[n->count]->type = type;
	return n->rings[n->count++];
}

/* Something that says how it ended, and ended well. */
static bool is_no_news(const struct rtun_event_type *type, const void *payload)
{
	for (uint32_t i = 0; i < type->fields.count; i++) {
		const struct rtun_field *f = (const void *)((const char *)type->fields.items + (size_t)i * type->fields.item_size);
		uint32_t err;
		if (f->type != RTUN_F_ERR || f->offset + sizeof(err) > type->payload_size)
			continue;
		memcpy(&err, (const char *)payload + f->offset, sizeof(err));
		return err == 0;
	}
	return false;
}

static bool is_flood(struct ring *r, uint64_t second)
{
	if (r->second != second) {
		r->second = second;
		r->burst = 0;
	}
	return ++r->burst > DASH_NEWS_EACH;
}

static void on_event(void *arg, const struct rtun_event_type *type, const char *instance, const void *payload)
{
	struct dash_news *n = arg;
	struct ring *r = is_no_news(type, payload) ? NULL : ring_of(n, type);
	char json[EVENT_MAX], *text;
	if (!r || is_flood(r, rtun_now(n->ctx) / RTUN_S))
		return;
	int64_t len = rtun_event_json(n->ctx, type, instance, payload, json, sizeof(json));
	if (len <= 0 || len >= (int64_t)sizeof(json))
		return;
	if (asprintf(&text, "{\"seq\":%llu,\"at\":%lld,%s", (unsigned long long)n->seq + 1, (long long)rtun_wall(n->ctx), json + 1) < 0)
		return;
	free(r->items[r->at].json);
	r->items[r->at] = (struct item){text, ++n->seq};
	r->at = (r->at + 1) % DASH_NEWS_EACH;
	if (n->heard)
		n->heard(n->arg, type->name);
}

int dash_news_create(struct rtun_ctx *ctx, void (*heard)(void *arg, const char *event), void *arg, struct dash_news **ret)
{
	struct dash_news *n = calloc(1, sizeof(*n));
	*ret = n;
	if (!n)
		return -RTUN_ENOMEM;
	n->ctx = ctx;
	n->heard = heard;
	n->arg = arg;
	return rtun_subscribe(ctx, "*", on_event, n, &n->sub);
}

void dash_news_destroy(struct dash_news **np)
{
	struct dash_news *n = *np;
	if (!n)
		return;
	rtun_unsubscribe(&n->sub);
	for (uint32_t i = 0; i < n->count; i++) {
		for (uint32_t j = 0; j < DASH_NEWS_EACH; j++)
			free(n->rings[i]->items[j].json);
		free(n->rings[i]);
	}
	free(n);
	*np = NULL;
}

uint64_t dash_news_count(const struct dash_news *n) { return n->seq; }

void dash_news_each(const struct dash_news *n, uint64_t since, void (*cb)(void *arg, const char *json), void *arg)
{
	for (uint32_t i = 0; i < n->count; i++)
		for (uint32_t j = 0; j < DASH_NEWS_EACH; j++) {
			const struct item *it = &n->rings[i]->items[(n->rings[i]->at + j) % DASH_NEWS_EACH];
			if (it->json && it->seq > since)
				cb(arg, it->json);
		}
}
