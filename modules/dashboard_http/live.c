/* SPDX-License-Identifier: BSD-2-Clause
 *
 * live.c - rounds of questions, and who reads what came of them.
 */
#include "live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dashboard.h"
#include "patch.h"

#define ROUND (500 * RTUN_MS)
#define METRICS_EACH 4U        /* rounds: metrics are many, and change slowly */
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

/* A verb of an instance, asked in each round. */
struct source {
	char *verb, *on;
	char *text; /* its last answer; NULL: none, or it failed */
	size_t len;
	json_t *answer; /* the same, understood */
	bool changed;   /* not yet */
};

struct dash_live {
	struct dash *d;
	struct rtun_timer *timer;
	struct reader *readers;
	uint32_t reader_count;
	struct source *sources;
	uint32_t source_count;
	json_t *commands; /* of which they were made */
	bool round;       /* under way: */
	uint32_t at;      /* whose turn it is */
	struct rtun_op *op;
	uint64_t rounds;
	json_t *state;
	uint64_t version; /* of the state */
	uint64_t news;    /* told in it */
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

/* `value` may be NULL. */
static struct text *message(struct dash_live *l, const char *event, const char *key, json_t *value, uint64_t since)
{
	char *p = NULL, *json = value ? json_dumps(value, JSON_COMPACT) : NULL;
	size_t len = 0;
	FILE *out = open_memstream(&p, &len);
	struct text *t = NULL;
	if (out) {
		struct list list = {out, false};
		fprintf(out, "event: %s\nid: %llu\ndata: {\"at\":%lld,\"%s\":%s,\"news\":[", event, (unsigned long long)l->version,
			(long long)rtun_wall(l->d->ctx), key, json ? json : "null");
		dash_news_each(l->d->news, since, put_news, &list);
		fputs("]}\n\n", out);
		if (!fclose(out) && (json || !value))
			t = text_of(p, len);
	}
	free(p);
	free(json);
	return t;
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
			l->snapshot = message(l, "snapshot", "state", l->state, 0);
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

/* ---- sources ---- */

static void sources_free(struct dash_live *l)
{
	for (uint32_t i = 0; i < l->source_count; i++) {
		free(l->sources[i].verb);
		free(l->sources[i].on);
		free(l->sources[i].text);
		json_decref(l->sources[i].answer);
	}
	free(l->sources);
	json_decref(l->commands);
	l->sources = NULL;
	l->source_count = 0;
	l->commands = NULL;
}

static void source_add(struct dash_live *l, const char *verb, const char *on)
{
	struct source *grown = realloc(l->sources, (l->source_count + 1U) * sizeof(*grown)), *s;
	if (!grown)
		return;
	l->sources = grown;
	s = &grown[l->source_count];
	*s = (struct source){.verb = strdup(verb), .on = strdup(on)};
	if (s->verb && s->on) {
		l->source_count++;
	} else {
		free(s->verb);
		free(s->on);
	}
}

/* All that is live, and the metrics. */
static void sources_make(struct dash_live *l)
{
	json_t *command, *instances, *in;
	size_t i, j;
	sources_free(l);
	l->commands = json_incref(l->d->commands);
	source_add(l, "metrics", "");
	json_array_foreach(json_object_get(l->commands, "commands"), i, command) {
		const char *verb = json_string_value(json_object_get(command, "name"));
		if (!verb || !json_is_true(json_object_get(command, "live")))
			continue;
		instances = json_object_get(command, "instances");
		if (json_is_null(json_object_get(command, "module")))
			source_add(l, verb, "");
		json_array_foreach(instances, j, in)
			source_add(l, verb, json_string_value(in));
	}
}

static bool is_metrics(const struct dash_live *l, const struct source *s) { return s == l->sources; }

/* NAME{LABELS} VALUE, line by line. */
static json_t *metrics_of(const char *text)
{
	json_t *all = json_object();
	for (const char *line = text, *end; line && *line; line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		const char *space = memrchr(line, ' ', (size_t)(end - line));
		char key[512];
		if (*line == '#' || !space || (size_t)(space - line) >= sizeof(key))
			continue;
		memcpy(key, line, (size_t)(space - line));
		key[space - line] = '\0';
		double v = strtod(space + 1, NULL);
		bool whole = v > -9e15 && v < 9e15 && !(v > (double)(int64_t)v) && !(v < (double)(int64_t)v);
		json_object_set_new(all, key, whole ? json_integer((int64_t)v) : json_real(v));
	}
	return all;
}

static void source_understand(const struct dash_live *l, struct source *s)
{
	json_t *j = s->text ? json_loadb(s->text, s->len, 0, NULL) : NULL;
	json_decref(s->answer);
	s->answer = j;
	s->changed = false;
	if (!j || !is_metrics(l, s))
		return;
	s->answer = metrics_of(json_string_value(json_object_get(j, "text")));
	json_decref(j);
}

/* ---- rounds: each step is a turn of the loop, so that many exits hold up nobody ---- */

/* Who has no answer (a verb that is not for this instance) is left out. */
static json_t *state_of(const struct dash_live *l)
{
	json_t *verbs = json_object(), *state = json_pack("{s:o}", "verbs", verbs);
	for (uint32_t i = 0; i < l->source_count; i++) {
		struct source *s = &l->sources[i];
		if (!s->answer)
			continue;
		if (is_metrics(l, s)) {
			json_object_set(state, "metrics", s->answer);
			continue;
		}
		if (!json_object_get(verbs, s->verb))
			json_object_set_new(verbs, s->verb, json_object());
		json_object_set(json_object_get(verbs, s->verb), s->on, s->answer);
	}
	return state;
}

static void publish(struct dash_live *l)
{
	json_t *fresh = state_of(l), *patch = l->state ? dash_patch(l->state, fresh) : NULL;
	uint64_t news = dash_news_count(l->d->news);
	if (!l->state || patch || news != l->news) {
		text_unref(&l->snapshot);
		text_unref(&l->update);
		l->version++;
		if (l->state)
			l->update = message(l, "update", "patch", patch, l->news);
		l->news = news;
		json_decref(l->state);
		l->state = json_incref(fresh);
	}
	json_decref(patch);
	json_decref(fresh);
	look_at_all(l);
}

static void on_answer(void *arg, const struct rtun_answer *a)
{
	struct dash_live *l = arg;
	struct source *s = &l->sources[l->at];
	l->op = NULL;
	if (!a->json || !s->text || s->len != a->json_len || memcmp(s->text, a->json, s->len) != 0) {
		free(s->text);
		s->text = a->json ? strndup(a->json, a->json_len) : NULL;
		s->len = a->json_len;
		s->changed = true;
	} else {
		l->at++;
	}
	rtun_timer_start(l->timer, 0);
}

static void ask(struct dash_live *l, const struct source *s)
{
	struct rtun_call_req req = {.size = sizeof(req), .verb = s->verb, .on = *s->on ? s->on : NULL, .cb = on_answer, .arg = l};
	if (rtun_call(l->d->ctx, &req, &l->op) == 0)
		return;
	l->at++;
	rtun_timer_start(l->timer, 0);
}

static void begin_round(struct dash_live *l)
{
	if (l->commands != l->d->commands)
		sources_make(l);
	l->at = l->rounds++ % METRICS_EACH ? 1 : 0;
	l->round = true;
}

static void step(void *arg)
{
	struct dash_live *l = arg;
	if (!l->round && !l->readers)
		return;
	if (!l->round)
		begin_round(l);
	if (l->at < l->source_count && l->sources[l->at].changed) {
		source_understand(l, &l->sources[l->at++]);
		rtun_timer_start(l->timer, 0);
	} else if (l->at < l->source_count) {
		ask(l, &l->sources[l->at]);
	} else {
		l->round = false;
		publish(l);
		rtun_timer_start(l->timer, ROUND);
	}
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
	if (!l->reader_count++ && !l->round) { /* the first after a while: what is known is old */
		json_decref(l->state);
		l->state = NULL;
		l->rounds = 0;
		rtun_timer_start(l->timer, 0);
	}
	r->version = l->state ? 0 : l->version; /* until there is something */
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
	return rtun_timer_create(d->ctx, step, l, &l->timer);
}

void dash_live_destroy(struct dash_live **lp)
{
	struct dash_live *l = *lp;
	if (!l)
		return;
	rtun_op_cancel(&l->op);
	rtun_timer_destroy(&l->timer);
	sources_free(l);
	text_unref(&l->snapshot);
	text_unref(&l->update);
	json_decref(l->state);
	free(l);
	*lp = NULL;
}
