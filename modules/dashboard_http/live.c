/* SPDX-License-Identifier: BSD-2-Clause
 *
 * live.c - who reads what came of rounds of questions.
 */
#include "live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dashboard.h"
#include "round.h"

#define ROUND (500 * RTUN_MS)
#define KEEP_ALIVE (15 * RTUN_S)
#define READ_TIME (20 * RTUN_S) /* for one message */

/* A message, shared by its readers. */
struct text {
	uint32_t refs;
	size_t len;
	char p[];
};

struct reader {
	struct reader *next, **at;
	struct dash_live *live;
	struct dash_exchange *x;
	uint64_t version; /* of the state that it has, or will have when `text` is read; 0: none */
	struct text *text;
	size_t pos;
	uint64_t since; /* when `text` began, or ended */
	int64_t until;  /* unix s: when its login ends */
};

struct dash_live {
	struct dash *d;
	struct rtun_timer *timer;
	struct reader *readers;
	uint32_t reader_count;
	struct dash_round *round;
	bool known;       /* the state, as of `version` */
	uint64_t version;
	uint64_t news; /* told in it */
	struct text *snapshot, *update; /* of this version; NULL: not made yet; an update may not be there */
};

/* ---- messages ---- */

static void text_unref(struct text **t)
{
	if (*t && !--(*t)->refs)
		free(*t);
	*t = NULL;
}

static struct text *text_of(const char *p, size_t len)
{
	struct text *t = malloc(sizeof(*t) + len);
	if (!t)
		return NULL;
	t->refs = 1;
	t->len = len;
	memcpy(t->p, p, len);
	return t;
}

struct list {
	FILE *out;
	bool more;
};

static void put_news(void *arg, const char *json)
{
	struct list *l = arg;
	fprintf(l->out, "%s%s", l->more ? "," : "", json);
	l->more = true;
}

struct message {
	FILE *out;
	char *p;
	size_t len;
};

static bool message_begin(struct message *m, const struct dash_live *l, const char *event, const char *key)
{
	m->p = NULL;
	m->out = open_memstream(&m->p, &m->len);
	if (m->out)
		fprintf(m->out, "event: %s\nid: %llu\ndata: {\"at\":%lld,\"%s\":", event, (unsigned long long)l->version,
			(long long)rtun_wall(l->d->ctx), key);
	return m->out;
}

static struct text *message_end(struct message *m, const struct dash_live *l, uint64_t since)
{
	struct list list = {m->out, false};
	struct text *t = NULL;
	fputs(",\"news\":[", m->out);
	dash_news_each(l->d->news, since, put_news, &list);
	fputs("]}\n\n", m->out);
	if (!fclose(m->out))
		t = text_of(m->p, m->len);
	free(m->p);
	return t;
}

static struct text *snapshot_of(const struct dash_live *l)
{
	struct message m;
	if (!message_begin(&m, l, "snapshot", "state"))
		return NULL;
	dash_round_put(l->round, m.out, false);
	return message_end(&m, l, 0);
}

/* Not `changed`: there are only news, since those of the last version. */
static struct text *update_of(const struct dash_live *l, bool changed)
{
	struct message m;
	if (!message_begin(&m, l, "update", "patch"))
		return NULL;
	if (changed)
		dash_round_put(l->round, m.out, true);
	else
		fputs("null", m.out);
	return message_end(&m, l, l->news);
}

/* ---- readers ---- */

static void reader_take(struct reader *r, struct text *t)
{
	t->refs++;
	r->text = t;
	r->pos = 0;
	r->since = rtun_now(r->live->d->ctx);
}

/* What it should read next, if anything. */
static void reader_next(struct reader *r)
{
	struct dash_live *l = r->live;
	if (r->text || r->version == l->version)
		return;
	if (r->version && r->version + 1 == l->version && l->update) {
		reader_take(r, l->update);
	} else {
		if (!l->snapshot)
			l->snapshot = snapshot_of(l);
		if (!l->snapshot)
			return;
		reader_take(r, l->snapshot);
	}
	r->version = l->version;
}

static int64_t reader_read(void *arg, char *buf, uint64_t size)
{
	struct reader *r = arg;
	reader_next(r);
	if (!r->text)
		return 0;
	uint64_t n = r->text->len - r->pos < size ? r->text->len - r->pos : size;
	memcpy(buf, r->text->p + r->pos, n);
	r->pos += n;
	if (r->pos == r->text->len) {
		text_unref(&r->text);
		r->since = rtun_now(r->live->d->ctx);
	}
	return (int64_t)n;
}

static void reader_gone(void *arg)
{
	struct reader *r = arg;
	*r->at = r->next;
	if (r->next)
		r->next->at = r->at;
	r->live->reader_count--;
	text_unref(&r->text);
	free(r);
}

/* Something may be there for it; or it is too slow, or may not read any more. */
static void reader_look(struct reader *r, uint64_t now)
{
	static const char nothing[] = ":\n\n";
	if ((r->text && now - r->since > READ_TIME) || dash_seconds(r->live->d) >= r->until) {
		dash_exchange_cut(r->x);
		return;
	}
	if (!r->text && r->version == r->live->version && now - r->since > KEEP_ALIVE) {
		struct text *t = text_of(nothing, sizeof(nothing) - 1);
		if (t) {
			reader_take(r, t);
			t->refs--;
		}
	}
	if (r->text || r->version != r->live->version)
		dash_exchange_wake(r->x);
}

static void look_at_all(struct dash_live *l)
{
	uint64_t now = rtun_now(l->d->ctx);
	for (struct reader *r = l->readers, *next; r; r = next) {
		next = r->next;
		reader_look(r, now);
	}
}

/* ---- rounds ---- */

static void on_round(void *arg, bool changed, bool anew)
{
	struct dash_live *l = arg;
	uint64_t news = dash_news_count(l->d->news);
	if (!l->known || changed || anew || news != l->news) {
		text_unref(&l->snapshot);
		text_unref(&l->update);
		l->version++;
		if (l->known && !anew)
			l->update = update_of(l, changed);
		l->known = true;
		l->news = news;
	}
	look_at_all(l);
	rtun_timer_start(l->timer, ROUND);
}

static void begin_round(void *arg)
{
	struct dash_live *l = arg;
	if (l->readers)
		dash_round_begin(l->round);
}

/* ---- life ---- */

bool dash_live_read(struct dash_live *l, struct dash_exchange *x, int64_t until)
{
	static const struct dash_feed_calls calls = {reader_read, reader_gone};
	struct reader *r = l->reader_count < DASH_READERS_MAX ? calloc(1, sizeof(*r)) : NULL;
	if (!r)
		return false;
	r->live = l;
	r->x = x;
	r->until = until;
	r->since = rtun_now(l->d->ctx);
	r->next = l->readers;
	r->at = &l->readers;
	if (r->next)
		r->next->at = &r->next;
	l->readers = r;
	if (!l->reader_count++ && dash_round_forget(l->round)) { /* the first after a while: what is known is old */
		l->known = false;
		rtun_timer_start(l->timer, 0);
	}
	r->version = l->known ? 0 : l->version; /* until there is something */
	dash_exchange_feed(x, &calls, r);
	return true;
}

void dash_live_cut(struct dash_live *l)
{
	for (struct reader *r = l->readers, *next; r; r = next) {
		next = r->next;
		dash_exchange_cut(r->x);
	}
}

uint32_t dash_live_readers(const struct dash_live *l) { return l->reader_count; }

int dash_live_create(struct dash *d, struct dash_live **ret)
{
	struct dash_live *l = calloc(1, sizeof(*l));
	*ret = l;
	if (!l)
		return -RTUN_ENOMEM;
	l->d = d;
	int r = rtun_timer_create(d->ctx, begin_round, l, &l->timer);
	return r < 0 ? r : dash_round_create(d, on_round, l, &l->round);
}

void dash_live_destroy(struct dash_live **lp)
{
	struct dash_live *l = *lp;
	if (!l)
		return;
	rtun_timer_destroy(&l->timer);
	dash_round_destroy(&l->round);
	text_unref(&l->snapshot);
	text_unref(&l->update);
	free(l);
	*lp = NULL;
}
