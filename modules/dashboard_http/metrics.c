/* SPDX-License-Identifier: BSD-2-Clause
 *
 * metrics.c - /metrics: rendered at most once a second, however many ask how often. Every program of this machine may ask, and
 * with many exits it is work in which the loop does nothing else.
 */
#include <stdlib.h>
#include <string.h>

#include "dashboard.h"
#include "samples.h"

#define GOOD_FOR RTUN_S

/* Waits for the text that is being rendered. */
struct asker {
	struct asker *next, **at;
	struct dash_exchange *x;
	struct rtun_op *op; /* its exchange has the other end */
};

struct dash_metrics {
	struct dash *d;
	struct rtun_timer *timer; /* until the loop has a turn for it */
	struct rtun_op *op;       /* the call under way */
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
	dash_turn_keep(m->d);
	m->op = NULL;
	free(m->text);
	m->text = dash_samples_text(told->json, told->json_len);
	m->at = rtun_now(m->d->ctx);
	while (m->askers) {
		struct dash_exchange *x = m->askers->x;
		rtun_op_done(&m->askers->op);
		asker_free(m->askers);
		*dash_exchange_op(x) = NULL;
		answer(x, m->text);
	}
}

static void ask(void *arg)
{
	struct dash_metrics *m = arg;
	struct rtun_call_req req = {.size = sizeof(req), .verb = "metrics", .cb = on_text, .arg = m};
	struct rtun_answer none = {.size = sizeof(none)};
	if (m->op)
		return;
	if (!dash_turn_take(m->d, true))
		rtun_timer_start(m->timer, 0);
	else if (rtun_call(m->d->ctx, &req, &m->op) < 0)
		on_text(m, &none);
}

void dash_metrics_get(struct dash_metrics *m, struct dash_exchange *x)
{
	static const struct dash_refusal failed = {500, "out-of-memory", "out of memory", NULL};
	if (m->text && rtun_now(m->d->ctx) - m->at < GOOD_FOR)
		answer(x, m->text);
	else if (asker_add(m, x) < 0)
		dash_api_refuse(x, &failed);
	else
		ask(m);
}

int dash_metrics_create(struct dash *d, struct dash_metrics **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -RTUN_ENOMEM;
	(*ret)->d = d;
	return rtun_timer_create(d->ctx, ask, *ret, &(*ret)->timer);
}

/* When no exchange is left. */
void dash_metrics_destroy(struct dash_metrics **mp)
{
	if (!*mp)
		return;
	rtun_op_cancel(&(*mp)->op);
	rtun_timer_destroy(&(*mp)->timer);
	free((*mp)->text);
	free(*mp);
	*mp = NULL;
}
