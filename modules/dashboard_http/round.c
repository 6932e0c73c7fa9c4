/* SPDX-License-Identifier: BSD-2-Clause
 *
 * round.c - one question after the other. With hundreds of exits an answer has 100 KiB and more: to put it together, to tell
 * it, to understand it and to compare it are steps of their own; and metrics, which are the most, are taken in parts.
 */
#include "round.h"

#include <stdlib.h>
#include <string.h>

#include "dashboard.h"
#include "parts.h"
#include "patch.h"
#include "samples.h"

#define METRICS_EACH 4U     /* rounds: metrics are many, and change slowly */
#define LINES 400U          /* of metrics in one step */
#define ELEMENTS 50U        /* of an answer's lists in one step */
#define LATE (2 * RTUN_S)   /* an answer that takes longer is none, ... */
#define LATE_ROUNDS 60U     /* ... and is asked for again after so many rounds */

/* A verb of an instance, asked in each round. */
struct source {
	char *verb, *on;
	char *text; /* its last answer; NULL: none, or it failed */
	size_t len;
	json_t *answer; /* the same, understood */
	uint64_t not_before; /* this round: it was late */
};

struct dash_round {
	struct dash *d;
	struct rtun_timer *timer, *late;
	dash_round_cb *done;
	void *arg;
	struct source *sources; /* the first is the metrics */
	uint32_t count, at;     /* whose turn it is */
	json_t *commands;       /* of which they were made */
	struct rtun_op *op;
	uint64_t rounds;
	bool under_way;
	enum { ASK, READ, COMPARE } next; /* with the source whose turn it is */
	struct dash_parts parts;          /* its answer, on its way to JSON; or: */
	struct dash_samples samples;
	char *metrics; /* the first source's answer as it is shown, or NULL */
	json_t *patch; /* of this round, until now */
	bool anew;
};

/* ---- sources ---- */

static void sources_free(struct dash_round *r)
{
	for (uint32_t i = 0; i < r->count; i++) {
		free(r->sources[i].verb);
		free(r->sources[i].on);
		free(r->sources[i].text);
		json_decref(r->sources[i].answer);
	}
	free(r->sources);
	free(r->metrics);
	json_decref(r->commands);
	r->sources = NULL;
	r->metrics = NULL;
	r->count = 0;
	r->commands = NULL;
}

static void source_add(struct dash_round *r, const char *verb, const char *on)
{
	struct source *grown = realloc(r->sources, (r->count + 1U) * sizeof(*grown)), *s;
	if (!grown)
		return;
	r->sources = grown;
	s = &grown[r->count];
	*s = (struct source){.verb = strdup(verb), .on = strdup(on)};
	if (s->verb && s->on) {
		r->count++;
	} else {
		free(s->verb);
		free(s->on);
	}
}

static int by_verb(const void *a, const void *b)
{
	const struct source *x = a, *y = b;
	int r = strcmp(x->verb, y->verb);
	return r ? r : strcmp(x->on, y->on);
}

/* All that is live, and the metrics. Those of one verb follow each other, also where several modules have it. */
static void sources_make(struct dash_round *r)
{
	json_t *command, *instances, *in;
	size_t i, j;
	sources_free(r);
	r->anew = true;
	r->commands = json_incref(r->d->commands);
	source_add(r, "metrics", "");
	json_array_foreach(json_object_get(r->commands, "commands"), i, command) {
		const char *verb = json_string_value(json_object_get(command, "name"));
		if (!verb || !json_is_true(json_object_get(command, "live")))
			continue;
		instances = json_object_get(command, "instances");
		if (json_is_null(json_object_get(command, "module")))
			source_add(r, verb, "");
		json_array_foreach(instances, j, in)
			source_add(r, verb, json_string_value(in));
	}
	if (r->count)
		qsort(r->sources + 1, r->count - 1, sizeof(*r->sources), by_verb);
}

static bool is_metrics(const struct dash_round *r, const struct source *s) { return s == r->sources; }

/* ---- what has changed ---- */

static json_t *member(json_t *object, const char *key)
{
	if (!json_object_get(object, key))
		json_object_set_new(object, key, json_object());
	return json_object_get(object, key);
}

/* Takes both. */
static void source_is(struct dash_round *r, struct source *s, json_t *answer, json_t *patch)
{
	r->anew |= !answer != !s->answer;
	json_decref(s->answer);
	s->answer = answer;
	if (patch && !r->patch)
		r->patch = json_object();
	if (patch && is_metrics(r, s))
		json_object_set(r->patch, "metrics", patch);
	else if (patch)
		json_object_set(member(member(r->patch, "verbs"), s->verb), s->on, patch);
	json_decref(patch);
}

static void metrics_understood(struct dash_round *r, struct source *s)
{
	struct dash_samples *m = &r->samples;
	json_t *patch = dash_samples_patch(m, s->answer);
	source_is(r, s, json_incref(m->all), patch);
	free(r->metrics);
	r->metrics = dash_samples_json(m);
	dash_samples_end(m);
}

/* ---- steps ---- */

static void next_source(struct dash_round *r)
{
	r->at++;
	r->next = ASK;
}

static void source_told(struct dash_round *r, const char *json, size_t len)
{
	struct source *s = &r->sources[r->at];
	rtun_timer_stop(r->late);
	rtun_timer_start(r->timer, 0);
	if (json && s->text && s->len == len && memcmp(s->text, json, len) == 0) {
		next_source(r);
		return;
	}
	free(s->text);
	s->text = json ? strndup(json, len) : NULL;
	s->len = len;
	r->next = READ;
	if (s->text && is_metrics(r, s))
		dash_samples_begin(&r->samples, s->text, len);
	else if (s->text)
		dash_parts_begin(&r->parts, s->text, len);
}

static void on_answer(void *arg, const struct rtun_answer *a)
{
	struct dash_round *r = arg;
	r->op = NULL;
	dash_turn_keep(r->d);
	source_told(r, a->json, a->json_len);
}

/* One that never answers must not keep the others from being heard. */
static void on_late(void *arg)
{
	struct dash_round *r = arg;
	struct source *s = &r->sources[r->at];
	rtun_op_cancel(&r->op);
	s->not_before = r->rounds + LATE_ROUNDS;
	rtun_log(r->d->ctx, RTUN_INFO, "`%s`%s%s has no answer after 2 s: the page goes on without it, and tries again later", s->verb,
		 *s->on ? " of " : "", s->on);
	source_told(r, NULL, 0);
}

static void ask(struct dash_round *r, const struct source *s)
{
	struct rtun_call_req req = {.size = sizeof(req), .verb = s->verb, .on = *s->on ? s->on : NULL, .cb = on_answer, .arg = r};
	if (s->not_before <= r->rounds && rtun_call(r->d->ctx, &req, &r->op) == 0) {
		rtun_timer_start(r->late, LATE);
		return;
	}
	next_source(r);
	rtun_timer_start(r->timer, 0);
}

static void end(struct dash_round *r)
{
	json_t *patch = r->patch;
	bool anew = r->anew;
	r->patch = NULL;
	r->anew = r->under_way = false;
	r->done(r->arg, patch, anew);
	json_decref(patch);
}

static void read_part(struct dash_round *r, struct source *s)
{
	bool more = s->text && (is_metrics(r, s) ? dash_samples_read(&r->samples, LINES, s->answer) : dash_parts_read(&r->parts, ELEMENTS));
	if (!more)
		r->next = COMPARE;
}

static void compare(struct dash_round *r, struct source *s)
{
	if (is_metrics(r, s)) {
		metrics_understood(r, s);
	} else {
		json_t *answer = dash_parts_end(&r->parts);
		source_is(r, s, answer, answer && s->answer ? dash_patch(s->answer, answer) : NULL);
	}
	next_source(r);
}

static void step(void *arg)
{
	struct dash_round *r = arg;
	struct source *s = &r->sources[r->at];
	if (!dash_turn_take(r->d, false)) {
		rtun_timer_start(r->timer, 0);
		return;
	}
	if (r->at >= r->count) {
		end(r);
		return;
	}
	if (r->next == ASK) {
		ask(r, s);
		return;
	}
	if (r->next == READ)
		read_part(r, s);
	else
		compare(r, s);
	rtun_timer_start(r->timer, 0);
}

void dash_round_begin(struct dash_round *r)
{
	if (r->under_way)
		return;
	if (r->commands != r->d->commands)
		sources_make(r);
	r->at = r->anew || r->rounds % METRICS_EACH == 0 ? 0 : 1;
	r->rounds++;
	r->under_way = true;
	r->next = ASK;
	rtun_timer_start(r->timer, 0);
}

bool dash_round_forget(struct dash_round *r)
{
	if (r->under_way)
		return false;
	return r->anew = true;
}

/* ---- the state ---- */

void dash_round_put(const struct dash_round *r, FILE *out)
{
	const char *verb = NULL;
	fputs("{\"verbs\":{", out);
	for (uint32_t i = 1; i < r->count; i++) {
		const struct source *s = &r->sources[i];
		if (!s->answer || !s->text)
			continue;
		if (!verb || strcmp(verb, s->verb) != 0)
			fprintf(out, "%s\"%s\":{", verb ? "}," : "", s->verb);
		else
			fputc(',', out);
		verb = s->verb;
		fprintf(out, "\"%s\":", s->on);
		fwrite(s->text, 1, s->len, out);
	}
	fputs(verb ? "}}" : "}", out);
	if (r->metrics)
		fprintf(out, ",\"metrics\":%s", r->metrics);
	fputc('}', out);
}

/* ---- life ---- */

int dash_round_create(struct dash *d, dash_round_cb *done, void *arg, struct dash_round **ret)
{
	struct dash_round *r = calloc(1, sizeof(*r));
	*ret = r;
	if (!r)
		return -RTUN_ENOMEM;
	r->d = d;
	r->done = done;
	r->arg = arg;
	int rc = rtun_timer_create(d->ctx, step, r, &r->timer);
	return rc < 0 ? rc : rtun_timer_create(d->ctx, on_late, r, &r->late);
}

void dash_round_destroy(struct dash_round **rp)
{
	struct dash_round *r = *rp;
	if (!r)
		return;
	rtun_op_cancel(&r->op);
	rtun_timer_destroy(&r->timer);
	rtun_timer_destroy(&r->late);
	dash_samples_end(&r->samples);
	json_decref(dash_parts_end(&r->parts));
	sources_free(r);
	json_decref(r->patch);
	free(r);
	*rp = NULL;
}
