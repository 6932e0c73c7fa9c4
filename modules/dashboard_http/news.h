/* SPDX-License-Identifier: BSD-2-Clause
 *
 * news.h - the last events of each type, as JSON. Of a kind that comes by the thousand only some are kept, and what
 * ended well is no news.
 */
#ifndef DASH_NEWS_H
#define DASH_NEWS_H

#include <restunnel/module.h>

#define DASH_NEWS_EACH 16U  /* of one type */
#define DASH_NEWS_TYPES 64U

struct dash_news;

/* In start. `heard` (may be NULL) is called when something was added. */
int dash_news_create(struct rtun_ctx *ctx, void (*heard)(void *arg, const char *event), void *arg, struct dash_news **ret);
void dash_news_destroy(struct dash_news **n);

/* How many there were. */
uint64_t dash_news_count(const struct dash_news *n);
/* Those after number `since`, oldest first within a type: each {"seq","at","event","instance","fields"}; `at` is in unix ms. */
void dash_news_each(const struct dash_news *n, uint64_t since, void (*cb)(void *arg, const char *json), void *arg);

#endif
