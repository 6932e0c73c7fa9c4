/* SPDX-License-Identifier: BSD-2-Clause
 *
 * dial.c - one connection. The filter judges the name before anyone is asked about it, then all addresses that came;
 * only addresses it has judged are connected to, and the socket is asked afterwards where it has got to.
 *
 * After RFC 8305: A and AAAA are asked at once; when one has come, the other gets 250 ms more; attempts begin 250 ms
 * apart, IPv6 first, the families taking turns; the first that succeeds wins.
 *
 * A refusal is told at a time that does not depend on what was refused, nor by which rule: who asks from afar must not
 * learn by a watch what the local network looks like.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit_dialer.h"

#define RESOLUTION_DELAY (250 * RTUN_MS)
#define ATTEMPT_DELAY (250 * RTUN_MS)
/* After the beginning of the dial; where its name took longer to look up, at the next multiple. */
#define REFUSAL_DELAY (100 * RTUN_MS)
#define ATTEMPTS 16U /* addresses tried of those found */
#define FOUND_MAX (2 * LOOKUP_MAX)
/* Silence after which the kernel asks whether a target is still there; seconds. */
#define KEEPALIVE 120

struct attempt {
	struct exit_dialer_dial *dial;
	struct rtun_op *op;
	struct rtun_addr to;
};

struct exit_dialer_dial {
	struct exit_dialer *d;
	struct exit_dialer_dial *next, **at;
	struct rtun_op *op;
	rtun_dial_cb *cb;
	void *arg;
	struct rtun_defer *begin;
	struct rtun_timer *pace, *deadline;
	uint64_t begun_at;
	uint64_t give_up; /* the caller's own limit; UINT64_MAX: none */
	char *host;       /* NULL: found[0] is the target */
	uint16_t port;
	struct exit_dialer_lookup *lookup;
	struct rtun_addr found[FOUND_MAX];
	uint32_t found_count;
	uint32_t families; /* that have answered */
	const char *dns_why;
	struct attempt attempts[ATTEMPTS];
	uint32_t attempt_count, begun, running;
	uint32_t best_err;
	bool waits; /* for the day when IPv6 addresses can be judged */
	bool connecting;
	bool refused; /* and the answer waits for its time */
	char refusal[RTUN_FILTER_WHY];
};

/* ---- The end ---- */

/* Of several attempts that failed, the one that says most about the target counts. */
static const struct {
	uint32_t err;
	const char *why;
} failures[] = {
	{RTUN_EINTERNAL, "the connection could not be made"},
	{RTUN_EADDRTYPE, "this kind of address can't be reached from here"},
	{RTUN_EOVERLOAD, "out of sockets or memory"},
	{RTUN_EUNREACHABLE, "the host can't be reached"},
	{RTUN_ETIMEOUT, "the host did not answer in time"},
	{RTUN_ERESET, "the host broke the connection off"},
	{RTUN_EREFUSED, "the host refused the connection: nothing listens on this port"},
	{RTUN_EDENIED, EXIT_DIALER_NOT_PUBLIC},
};

static uint32_t failure_rank(uint32_t err)
{
	for (uint32_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
		if (failures[i].err == err)
			return i;
	return 0;
}

static void lookup_end(struct exit_dialer_dial *x)
{
	if (x->lookup)
		x->d->lookups--;
	exit_dialer_lookup_cancel(&x->lookup);
}

static void attempts_end(struct exit_dialer_dial *x)
{
	for (uint32_t i = 0; i < ATTEMPTS; i++)
		rtun_op_cancel(&x->attempts[i].op);
}

static void dial_free(struct exit_dialer_dial *x)
{
	*x->at = x->next;
	if (x->next)
		x->next->at = x->at;
	x->d->dialling--;
	lookup_end(x);
	attempts_end(x);
	rtun_timer_destroy(&x->pace);
	rtun_timer_destroy(&x->deadline);
	rtun_defer_destroy(&x->begin);
	free(x->host);
	free(x);
}

static void answer(struct exit_dialer_dial *x, uint32_t err, const char *why, struct rtun_stream *s)
{
	struct rtun_dial_result r = {.size = sizeof(r), .err = err, .s = &s, .why = why};
	rtun_dial_cb *cb = x->cb;
	void *arg = x->arg;
	if (s)
		rtun_stream_addr(s, RTUN_ADDR_LOCAL, &r.bound);
	rtun_op_done(&x->op);
	dial_free(x); /* `why` is none of its texts */
	cb(arg, &r);
	rtun_close(&s);
}

static void refuse(struct exit_dialer_dial *x, const char *why)
{
	uint64_t taken = rtun_now(x->d->ctx) - x->begun_at;
	lookup_end(x);
	attempts_end(x);
	rtun_timer_stop(x->pace);
	x->refused = true;
	snprintf(x->refusal, sizeof(x->refusal), "%s", why);
	rtun_timer_start(x->deadline, REFUSAL_DELAY - taken % REFUSAL_DELAY);
}

static void answer_failure(struct exit_dialer_dial *x)
{
	uint32_t rank = failure_rank(x->best_err);
	if (failures[rank].err == RTUN_EDENIED)
		refuse(x, failures[rank].why);
	else
		answer(x, failures[rank].err, failures[rank].why, NULL);
}

/* ---- Streams that are open count ---- */

static void stream_over(void *self, uint32_t err)
{
	struct exit_dialer_load *load = self;
	(void)err;
	load->open--;
	if (load->orphan && load->open == 0)
		free(load);
}

static const struct rtun_wrap_ops count_ops = {.size = sizeof(count_ops), .destroy = stream_over};

static void connected(struct exit_dialer_dial *x, struct rtun_stream *s)
{
	struct rtun_stream *counted;
	rtun_stream_option(s, RTUN_SO_KEEPALIVE, KEEPALIVE);
	if (rtun_wrap(x->d->ctx, &s, &count_ops, x->d->load, &counted) < 0) {
		rtun_close(&s);
		answer(x, RTUN_EOVERLOAD, "out of memory", NULL);
		return;
	}
	x->d->load->open++;
	answer(x, 0, "connected", counted);
}

/* ---- Attempts ---- */

static void attempt_next(struct exit_dialer_dial *x);

static int filter_verdict(const struct exit_dialer_dial *x, const struct rtun_addr *a, uint32_t n, char why[RTUN_FILTER_WHY])
{
	return exit_dialer_verdict(x->d, x->host, a, n, RTUN_FILTER_TCP, why);
}

static bool same_address(const struct rtun_addr *a, const struct rtun_addr *b)
{
	return a->family == b->family && a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static void attempt_failed(struct exit_dialer_dial *x, uint32_t err)
{
	x->running--;
	if (!x->best_err || failure_rank(err) > failure_rank(x->best_err))
		x->best_err = err;
	if (x->begun < x->attempt_count)
		attempt_next(x);
	else if (x->running == 0)
		answer_failure(x);
}

static void attempt_done(void *arg, uint32_t err, struct rtun_stream **s)
{
	struct attempt *a = arg;
	struct exit_dialer_dial *x = a->dial;
	struct rtun_stream *mine;
	struct rtun_addr remote;
	char why[RTUN_FILTER_WHY];
	a->op = NULL;
	if (err) {
		attempt_failed(x, err);
		return;
	}
	/* not the address that was judged, or it has become a neighbour's meanwhile */
	if (rtun_stream_addr(*s, RTUN_ADDR_REMOTE, &remote) < 0 || !same_address(&remote, &a->to) || filter_verdict(x, &remote, 1, why)) {
		attempt_failed(x, RTUN_EDENIED);
		return;
	}
	mine = *s;
	*s = NULL;
	connected(x, mine);
}

static void attempt_next(struct exit_dialer_dial *x)
{
	struct attempt *a = &x->attempts[x->begun++];
	struct rtun_connect_req req = {.size = sizeof(req), .to = a->to, .timeout = x->d->o.connect_timeout, .cb = attempt_done, .arg = a};
	char why[RTUN_FILTER_WHY];
	int verdict;
	a->dial = x;
	x->running++;
	if (x->begun < x->attempt_count)
		rtun_timer_start(x->pace, ATTEMPT_DELAY);
	else
		rtun_timer_stop(x->pace);
	/* again: it may have been allowed for the sake of its companions, and routes may have changed since; the only one has
	 * been judged right now */
	verdict = x->found_count > 1 ? filter_verdict(x, &a->to, 1, why) : 0;
	if (verdict)
		attempt_failed(x, (uint32_t)-verdict);
	else if (rtun_connect(x->d->ctx, &req, &a->op) < 0)
		attempt_failed(x, RTUN_EOVERLOAD);
}

static uint32_t next_of(const struct exit_dialer_dial *x, uint32_t from, uint8_t family)
{
	while (from < x->found_count && x->found[from].family != family)
		from++;
	return from;
}

/* IPv6 first, then in turns; where a family has run out, the other one goes on. */
static void order_attempts(struct exit_dialer_dial *x)
{
	uint32_t at[2] = {next_of(x, 0, 6), next_of(x, 0, 4)};
	for (uint32_t turn = 0; x->attempt_count < ATTEMPTS && (at[0] < x->found_count || at[1] < x->found_count); turn ^= 1) {
		if (at[turn] >= x->found_count)
			continue;
		x->attempts[x->attempt_count++].to = x->found[at[turn]];
		at[turn] = next_of(x, at[turn] + 1, turn ? 4 : 6);
	}
}

static void set_deadline(struct exit_dialer_dial *x, uint64_t ns)
{
	uint64_t now = rtun_now(x->d->ctx), left = x->give_up > now ? x->give_up - now : 0;
	rtun_timer_start(x->deadline, ns < left ? ns : left);
}

static void connect_found(struct exit_dialer_dial *x)
{
	char why[RTUN_FILTER_WHY];
	int verdict;
	x->waits = exit_dialer_too_early(x->d, x->found, x->found_count);
	if (x->waits)
		return;
	verdict = filter_verdict(x, x->found, x->found_count, why);
	if (verdict == -RTUN_EDENIED) {
		refuse(x, why);
		return;
	}
	if (verdict) {
		answer(x, (uint32_t)-verdict, why, NULL);
		return;
	}
	x->connecting = true;
	order_attempts(x);
	set_deadline(x, x->d->o.connect_timeout);
	attempt_next(x);
}

/* It may have to wait until it can be judged: no longer than connecting may take. */
static void connect_address(struct exit_dialer_dial *x)
{
	set_deadline(x, x->d->o.connect_timeout);
	connect_found(x);
}

void exit_dialer_dial_go_on(void *arg)
{
	struct exit_dialer *d = arg;
	for (struct exit_dialer_dial *x = d->dials; x; x = x->next)
		if (x->waits)
			rtun_defer_start(x->begin);
}

/* ---- Names ---- */

static void resolved(struct exit_dialer_dial *x)
{
	rtun_timer_stop(x->pace);
	lookup_end(x);
	if (x->found_count == 0)
		answer(x, RTUN_EDNS, x->dns_why ? x->dns_why : "the name servers did not answer", NULL);
	else
		connect_found(x);
}

static void family_answered(void *arg, const struct rtun_addr *a, uint32_t n, const char *why)
{
	struct exit_dialer_dial *x = arg;
	for (uint32_t i = 0; i < n && x->found_count < FOUND_MAX; i++)
		x->found[x->found_count++] = exit_dialer_plain(&a[i]);
	if (why)
		x->dns_why = why;
	if (++x->families == 2)
		resolved(x);
	else if (n > 0)
		rtun_timer_start(x->pace, RESOLUTION_DELAY);
}

static void look_up(struct exit_dialer_dial *x)
{
	const struct rtun_filter_ops *filter = x->d->o.filter.ops;
	char why[RTUN_FILTER_WHY] = RTUN_FILTER_NAME ": not a public one";
	if (filter->name(x->d->o.filter.obj, x->host, strlen(x->host), x->port, RTUN_FILTER_TCP, why) != 0) {
		why[RTUN_FILTER_WHY - 1] = '\0';
		refuse(x, why);
		return;
	}
	if (x->d->lookups >= LOOKUPS_MAX) {
		answer(x, RTUN_EOVERLOAD, "too many names wait for an answer of the name servers", NULL);
		return;
	}
	set_deadline(x, x->d->o.dns_timeout);
	if (exit_dialer_lookup_start(x->d->ctx, x->d->o.resolv_conf, x->host, x->port, family_answered, x, &x->lookup) < 0)
		answer(x, RTUN_EOVERLOAD, "out of memory", NULL);
	else
		x->d->lookups++;
}

/* ---- Life ---- */

static void begin(void *arg)
{
	struct exit_dialer_dial *x = arg;
	if (x->waits)
		connect_found(x);
	else if (x->d->load->open + x->d->dialling > x->d->o.max_connections)
		answer(x, RTUN_EOVERLOAD, "too many connections are open (max-connections)", NULL);
	else if (x->host)
		look_up(x);
	else
		connect_address(x);
}

static void pace(void *arg)
{
	struct exit_dialer_dial *x = arg;
	if (x->connecting)
		attempt_next(x);
	else
		resolved(x);
}

static void too_late(void *arg)
{
	struct exit_dialer_dial *x = arg;
	if (x->refused) {
		char why[RTUN_FILTER_WHY];
		memcpy(why, x->refusal, sizeof(why)); /* x is gone before it is read */
		answer(x, RTUN_EDENIED, why, NULL);
		return;
	}
	if (!x->connecting && !x->waits) {
		resolved(x);
		return;
	}
	if (failure_rank(x->best_err) < failure_rank(RTUN_ETIMEOUT))
		x->best_err = RTUN_ETIMEOUT;
	answer_failure(x);
}

static void cancelled(void *arg)
{
	struct exit_dialer_dial *x = arg;
	x->op = NULL;
	dial_free(x);
}

int exit_dialer_dial(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	struct exit_dialer *d = obj;
	struct exit_dialer_dial *x = calloc(1, sizeof(*x));
	if (!x)
		return -RTUN_ENOMEM;
	x->d = d;
	x->at = &d->dials;
	x->next = d->dials;
	if (x->next)
		x->next->at = &x->next;
	d->dials = x;
	d->dialling++;
	x->cb = cb;
	x->arg = arg;
	x->port = req->addr.port;
	x->begun_at = rtun_now(d->ctx);
	x->give_up = req->timeout ? rtun_now(d->ctx) + req->timeout : UINT64_MAX;
	if (!req->host) {
		x->found[0] = exit_dialer_plain(&req->addr);
		x->found_count = 1;
	} else if (!(x->host = strdup(req->host))) {
		goto no_memory;
	}
	if (rtun_timer_create(d->ctx, pace, x, &x->pace) < 0 || rtun_timer_create(d->ctx, too_late, x, &x->deadline) < 0 ||
	    rtun_defer_create(d->ctx, begin, x, &x->begin) < 0 || rtun_op_create(d->ctx, cancelled, x, &x->op) < 0)
		goto no_memory;
	rtun_defer_start(x->begin);
	*ret_op = x->op;
	return 0;
no_memory:
	dial_free(x);
	return -RTUN_ENOMEM;
}

void exit_dialer_dial_stop(struct exit_dialer *d)
{
	while (d->dials)
		answer(d->dials, RTUN_EINTERNAL, "this exit is stopping", NULL);
}
