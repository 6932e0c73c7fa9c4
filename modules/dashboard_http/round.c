/* SPDX-License-Identifier: BSD-2-Clause
 *
 * round.c - one question after the other. With hundreds of exits an answer has 100 KiB and more: to put it together, to tell
 * it, and to compare it are steps of their own.
 */
#include "round.h"

#include <stdlib.h>
#include <string.h>

#include "dashboard.h"
#include "patch.h"
#include "samples.h"

#define METRICS_EACH 4U     /* rounds: metrics are many, and change slowly */
#define LATE (2 * RTUN_S)   /* an answer that takes longer is none, ... */
#define LATE_ROUNDS 60U     /* ... and is asked for again after so many rounds */
#define ANSWER_MAX 4194304U /* bytes, as at the control socket; a larger one is none, as if it was late */

/* A verb of an instance, asked in each round. */
struct source {
	char *verb, *on;
	struct dash_text answer; /* the last one, as it is shown; none: it failed, or is no object */
	struct dash_text patch;  /* from the one before; none: it is the same, or new */
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
	struct dash_text fresh; /* an answer of whose turn it is, to be compared with the one before */
	bool told;              /* there is one, or there is none */
	bool changed;           /* there are patches */
	bool anew;
};

static void text_free(struct dash_text *t)
{
	free(t->p);
	*t = (struct dash_text){NULL, 0};
}

/* ---- sources ---- */

static void sources_free(struct dash_round *r)
{
	for (uint32_t i = 0; i < r->count; i++) {
		free(r->sources[i].verb);
		free(r->sources[i].on);
		text_free(&r->sources[i].answer);
		text_free(&r->sources[i].patch);
	}
	free(r->sources);
	json_decref(r->commands);
	r->sources = NULL;
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

/* ---- steps ---- */

/* It would hold up or fill what shows it. */
static void leave_out(struct dash_round *r, const char *why)
{
	struct source *s = &r->sources[r->at];
	s->not_before = r->rounds + LATE_ROUNDS;
	rtun_log(r->d->ctx, RTUN_INFO, "`%s`%s%s %s: the page goes on without it, and tries again later", s->verb, *s->on ? " of " : "", s->on, why);
}

static struct dash_text copy(const char *json, size_t len)
{
	char *p = malloc(len);
	if (p)
		memcpy(p, json, len);
	return (struct dash_text){p, len};
}

static void source_told(struct dash_round *r, const char *json, size_t len)
{
	rtun_timer_stop(r->late);
	rtun_timer_start(r->timer, 0);
	r->told = true;
	if (len > ANSWER_MAX)
		leave_out(r, "answers more than 4 MiB");
	else if (json && is_metrics(r, &r->sources[r->at]))
		r->fresh = dash_samples_json(json, len);
	else if (json && *json == '{')
		r->fresh = copy(json, len);
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
	rtun_op_cancel(&r->op);
	leave_out(r, "has no answer after 2 s");
	source_told(r, NULL, 0);
}

static void ask(struct dash_round *r, const struct source *s)
{
	struct rtun_call_req req = {.size = sizeof(req), .verb = s->verb, .on = *s->on ? s->on : NULL, .cb = on_answer, .arg = r};
	if (s->not_before <= r->rounds && rtun_call(r->d->ctx, &req, &r->op) == 0) {
		rtun_timer_start(r->late, LATE);
		return;
	}
	r->at++;
	rtun_timer_start(r->timer, 0);
}

/* What was told takes the place of the last answer. */
static void compare(struct dash_round *r, struct source *s)
{
	struct dash_text was = s->answer;
	s->answer = r->fresh;
	r->fresh = (struct dash_text){NULL, 0};
	r->told = false;
	r->at++;
	if (!was.p != !s->answer.p || (was.p && dash_patch(&was, &s->answer, &s->patch) < 0))
		r->anew = true;
	r->changed |= s->patch.p != NULL;
	text_free(&was);
}

static void end(struct dash_round *r)
{
	bool anew = r->anew, changed = r->changed;
	r->anew = r->changed = r->under_way = false;
	r->done(r->arg, changed, anew);
	for (uint32_t i = 0; i < r->count; i++)
		text_free(&r->sources[i].patch);
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
	} else if (r->told) {
		compare(r, s);
		rtun_timer_start(r->timer, 0);
	} else {
		ask(r, s);
	}
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
	rtun_timer_start(r->timer, 0);
}

bool dash_round_forget(struct dash_round *r)
{
	if (r->under_way)
		return false;
	return r->anew = true;
}

/* ---- the state ---- */

static void put(FILE *out, const struct dash_text *t) { fwrite_unlocked(t->p, 1, t->len, out); }

void dash_round_put(const struct dash_round *r, FILE *out, bool patch)
{
	const char *verb = NULL;
	fputs("{\"verbs\":{", out);
	for (uint32_t i = 1; i < r->count; i++) {
		const struct source *s = &r->sources[i];
		const struct dash_text *t = patch ? &s->patch : &s->answer;
		if (!t->p)
			continue;
		if (!verb || strcmp(verb, s->verb) != 0)
			fprintf(out, "%s\"%s\":{", verb ? "}," : "", s->verb);
		else
			fputc(',', out);
		verb = s->verb;
		fprintf(out, "\"%s\":", s->on);
		put(out, t);
	}
	fputs(verb ? "}}" : "}", out);
	const struct dash_text *metrics = r->count ? patch ? &r->sources->patch : &r->sources->answer : NULL;
	if (metrics && metrics->p) {
		fputs(",\"metrics\":", out);
		put(out, metrics);
	}
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
	text_free(&r->fresh);
	sources_free(r);
	free(r);
	*rp = NULL;
}
