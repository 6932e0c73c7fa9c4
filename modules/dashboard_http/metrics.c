/* SPDX-License-Identifier: BSD-2-Clause
 *
 * metrics.c - /metrics: rendered at most once a second, however many ask how often. Every program of this machine may ask, and
 * with many exits it is work in which the loop does nothing else.
 */
#include <stdlib.h>
#include <string.h>

#include "dashboard.h"

#define GOOD_FOR RTUN_S

/* Waits for the text that is being rendered. */
struct asker {
	struct asker *next, **at;
	struct dash_exchange *x;
	struct rtun_op *op; /* its exchange has the other end */
};

struct dash_metrics {
	struct dash *d;
	struct rtun_op *op; /* the call under way */
	char *text;         /* NULL: none yet, or it failed */
	uint64_t at;        /* when it came */
	struct asker *askers;
};

static void answer(struct dash_exchange *x, const char *text)
{
	struct dash_answer a = {.status = text ? 200 : 500, .type = "text/plain; version=0.0.4; charset=utf-8", .body = text,
				.len = text ? strlen(text) : 0};
	dash_exchange_answer(x, &a);
}

static void asker_free(void *arg)
{
	struct asker *a = arg;
	*a->at = a->next;
	if (a->next)
		a->next->at = a->at;
	free(a);
}

static int asker_add(struct dash_metrics *m, struct dash_exchange *x)
{
	struct asker *a = calloc(1, sizeof(*a));
	if (!a || rtun_op_create(m->d->ctx, asker_free, a, &a->op) < 0) {
		free(a);
		return -RTUN_ENOMEM;
	}
	a->x = x;
	a->next = m->askers;
	a->at = &m->askers;
	if (a->next)
		a->next->at = &a->next;
	m->askers = a;
	*dash_exchange_op(x) = a->op;
	return 0;
}

static void on_text(void *arg, const struct rtun_answer *told)
{
	struct dash_metrics *m = arg;
	json_t *j = told->json ? json_loadb(told->json, told->json_len, 0, NULL) : NULL;
	const char *text = json_string_value(json_object_get(j, "text"));
	m->op = NULL;
	free(m->text);
	m->text = text ? strdup(text) : NULL;
	m->at = rtun_now(m->d->ctx);
	json_decref(j);
	while (m->askers) {
		struct dash_exchange *x = m->askers->x;
		rtun_op_done(&m->askers->op);
		asker_free(m->askers);
		*dash_exchange_op(x) = NULL;
		answer(x, m->text);
	}
}

void dash_metrics_get(struct dash_metrics *m, struct dash_exchange *x)
{
	static const struct dash_refusal failed = {500, "out-of-memory", "out of memory", NULL};
	struct rtun_call_req req = {.size = sizeof(req), .verb = "metrics", .cb = on_text, .arg = m};
	if (m->text && rtun_now(m->d->ctx) - m->at < GOOD_FOR)
		answer(x, m->text);
	else if ((!m->op && rtun_call(m->d->ctx, &req, &m->op) < 0) || asker_add(m, x) < 0)
		dash_api_refuse(x, &failed);
}

int dash_metrics_create(struct dash *d, struct dash_metrics **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -RTUN_ENOMEM;
	(*ret)->d = d;
	return 0;
}

/* When no exchange is left. */
void dash_metrics_destroy(struct dash_metrics **mp)
{
	if (!*mp)
		return;
	rtun_op_cancel(&(*mp)->op);
	free((*mp)->text);
	free(*mp);
	*mp = NULL;
}
