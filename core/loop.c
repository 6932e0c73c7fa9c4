/* SPDX-License-Identifier: BSD-2-Clause
 *
 * loop.c - see loop.h. libev waits for descriptors and signals; time, deferred calls and posts are ours.
 */
#include "loop.h"

#include <errno.h>
#include <ev.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "buf.h"
#include "stream.h"
#include "timer.h"

/* Rounds of deferred calls in one turn, before descriptors get a look again. */
#define ROUNDS 64

struct post {
	struct post *next;
	rtun_cb *cb;
	void *arg;
};

struct queue {
	struct loop_defer *head, *tail;
	uint32_t count;
};

struct signal_watch {
	ev_signal ev;
	struct signal_watch *next;
	rtun_cb *cb;
	void *arg;
};

struct loop {
	struct ev_loop *ev;
	ev_timer wake;
	ev_async posted;
	bool virtual, stopped;
	uint64_t now;
	struct timer_heap timers;
	struct buf_pool buffers;
	struct queue normal, late, next;
	struct stream_linger *lingers;
	struct signal_watch *signals;
	pthread_mutex_t lock; /* guards the three below */
	pthread_cond_t returned;
	struct post *posts, **post_end;
	struct post *reserved;
	uint32_t reserved_out; /* of loop_post_reserve(), not yet come back; [loop] */
	uint32_t held;
	uint8_t scratch[LOOP_SCRATCH];
};

struct rtun_watch {
	struct rtun_object object;
	struct loop *loop;
	ev_io io; /* libev looks at the end of a turn only: stopping and starting within it costs no system call */
	rtun_watch_cb *cb;
	void *arg;
};

struct rtun_defer {
	struct rtun_object object;
	struct loop_defer defer;
	rtun_cb *cb;
	void *arg;
};

struct rtun_op {
	struct rtun_object object;
	rtun_cb *cancel;
	void *arg;
};

/* ---- time ---- */

static uint64_t monotonic(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * RTUN_S + (uint64_t)t.tv_nsec;
}

uint64_t loop_now(const struct loop *loop)
{
	return loop->now;
}

void loop_update(struct loop *loop)
{
	if (!loop->virtual)
		loop->now = monotonic();
}

uint64_t host_now(const struct rtun_ctx *ctx)
{
	return ctx_loop(ctx)->now;
}

int64_t host_wall(const struct rtun_ctx *ctx)
{
	struct timespec t;
	if (ctx_loop(ctx)->virtual) /* 2026-01-01 and what has passed since */
		return INT64_C(1767225600000) + (int64_t)(ctx_loop(ctx)->now / RTUN_MS);
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void on_wake(struct ev_loop *ev, ev_timer *w, int revents)
{
	(void)ev, (void)w, (void)revents; /* only ends the sleep: timer_heap_run() does the rest */
}

/* ---- posts ---- */

static void on_posted(struct ev_loop *ev, ev_async *w, int revents)
{
	struct loop *loop = w->data;
	struct post *p;
	(void)ev, (void)revents;
	pthread_mutex_lock(&loop->lock);
	p = loop->posts;
	loop->posts = NULL;
	loop->post_end = &loop->posts;
	pthread_mutex_unlock(&loop->lock);
	while (p) {
		struct post *next = p->next;
		rtun_cb *cb = p->cb;
		void *arg = p->arg;
		free(p);
		cb(arg);
		p = next;
	}
}

static void post_queue(struct loop *loop, struct post *p, rtun_cb *cb, void *arg)
{
	*p = (struct post){NULL, cb, arg};
	*loop->post_end = p;
	loop->post_end = &p->next;
	ev_async_send(loop->ev, &loop->posted);
	pthread_cond_signal(&loop->returned);
}

int loop_post(struct loop *loop, rtun_cb *cb, void *arg)
{
	struct post *p = malloc(sizeof(*p));
	if (!p)
		return -RTUN_ENOMEM;
	pthread_mutex_lock(&loop->lock);
	post_queue(loop, p, cb, arg);
	pthread_mutex_unlock(&loop->lock);
	return 0;
}

int host_post(struct rtun_ctx *ctx, rtun_cb *cb, void *arg)
{
	return loop_post(ctx_loop(ctx), cb, arg);
}

int loop_post_reserve(struct loop *loop)
{
	struct post *p = malloc(sizeof(*p));
	if (!p)
		return -RTUN_ENOMEM;
	pthread_mutex_lock(&loop->lock);
	p->next = loop->reserved;
	loop->reserved = p;
	loop->reserved_out++;
	pthread_mutex_unlock(&loop->lock);
	return 0;
}

static struct post *reserved_take(struct loop *loop)
{
	struct post *p = loop->reserved;
	loop->reserved = p->next;
	loop->reserved_out--;
	return p;
}

void loop_post_unreserve(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	free(reserved_take(loop));
	pthread_mutex_unlock(&loop->lock);
}

void loop_post_reserved(struct loop *loop, rtun_cb *cb, void *arg)
{
	pthread_mutex_lock(&loop->lock);
	post_queue(loop, reserved_take(loop), cb, arg);
	pthread_mutex_unlock(&loop->lock);
}

/* ---- deferred calls ---- */

void loop_defer_init(struct loop_defer *d, struct loop *loop, rtun_cb *cb, void *owner)
{
	*d = (struct loop_defer){.loop = loop, .cb = cb, .offset = (uint32_t)((char *)d - (char *)owner)};
}

static struct queue *queue_of(const struct loop_defer *d)
{
	return d->next_turn ? &d->loop->next : d->late ? &d->loop->late : &d->loop->normal;
}

void loop_defer_start(struct loop_defer *d)
{
	struct queue *q = queue_of(d);
	if (d->queued)
		return;
	d->queued = true;
	d->next = NULL;
	if (q->tail)
		q->tail->next = d;
	else
		q->head = d;
	q->tail = d;
	q->count++;
}

static void queue_remove(struct queue *q, struct loop_defer *d)
{
	struct loop_defer **at = &q->head, *before = NULL;
	while (*at != d) {
		before = *at;
		at = &(*at)->next;
	}
	*at = d->next;
	if (q->tail == d)
		q->tail = before;
	q->count--;
}

void loop_defer_cancel(struct loop_defer *d)
{
	if (!d->queued)
		return;
	queue_remove(queue_of(d), d);
	d->queued = false;
}

static struct loop_defer *queue_take(struct queue *q)
{
	struct loop_defer *d = q->head;
	if (!d)
		return NULL;
	q->head = d->next;
	if (!q->head)
		q->tail = NULL;
	q->count--;
	d->queued = false;
	return d;
}

static void run_round(struct queue *q, uint32_t n)
{
	struct loop_defer *d;
	for (; n && (d = queue_take(q)); n--)
		d->cb((char *)d - d->offset);
}

/* In each round all that was queued when it began; late ones only once nothing else is left. */
static void run_deferred(struct loop *loop)
{
	for (int i = 0; i < ROUNDS && (loop->normal.head || loop->late.head); i++) {
		struct queue *q = loop->normal.head ? &loop->normal : &loop->late;
		run_round(q, q->count);
	}
}

static void on_defer(void *owner)
{
	struct rtun_defer *d = owner;
	d->cb(d->arg);
}

int host_defer_create(struct rtun_ctx *ctx, rtun_cb *cb, void *arg, struct rtun_defer **ret)
{
	struct rtun_defer *d = malloc(sizeof(*d));
	if (!d)
		return -RTUN_ENOMEM;
	d->object.host = &host_table;
	d->cb = cb;
	d->arg = arg;
	loop_defer_init(&d->defer, ctx_loop(ctx), on_defer, d);
	d->defer.late = true;
	*ret = d;
	return 0;
}

void host_defer_start(struct rtun_defer *d)
{
	loop_defer_start(&d->defer);
}

void host_defer_destroy(struct rtun_defer **d)
{
	if (!*d)
		return;
	loop_defer_cancel(&(*d)->defer);
	free(*d);
	*d = NULL;
}

/* ---- descriptors ---- */

static int ev_of(uint32_t events)
{
	return (events & RTUN_READ ? EV_READ : 0) | (events & RTUN_WRITE ? EV_WRITE : 0);
}

static uint32_t of_ev(int ev)
{
	return (ev & EV_READ ? RTUN_READ : 0) | (ev & EV_WRITE ? RTUN_WRITE : 0);
}

static void on_io(struct ev_loop *ev, ev_io *io, int revents)
{
	struct rtun_watch *w = io->data;
	(void)ev;
	w->cb(w->arg, io->fd, of_ev(revents));
}

int host_watch(struct rtun_ctx *ctx, int fd, uint32_t events, rtun_watch_cb *cb, void *arg, struct rtun_watch **ret)
{
	return loop_watch(ctx_loop(ctx), fd, events, cb, arg, ret);
}

int loop_watch(struct loop *loop, int fd, uint32_t events, rtun_watch_cb *cb, void *arg, struct rtun_watch **ret)
{
	struct rtun_watch *w = malloc(sizeof(*w));
	if (!w)
		return -RTUN_ENOMEM;
	*w = (struct rtun_watch){.object = {&host_table}, .loop = loop, .cb = cb, .arg = arg};
	ev_io_init(&w->io, on_io, fd, 0);
	w->io.data = w;
	*ret = w;
	host_watch_set(w, events);
	return 0;
}

void host_watch_set(struct rtun_watch *w, uint32_t events)
{
	if (watch_events(w) == events)
		return;
	ev_io_stop(w->loop->ev, &w->io);
	ev_io_modify(&w->io, ev_of(events));
	if (events)
		ev_io_start(w->loop->ev, &w->io);
}

uint32_t watch_events(const struct rtun_watch *w)
{
	return of_ev(w->io.events);
}

int watch_fd(const struct rtun_watch *w)
{
	return w->io.fd;
}

void host_unwatch(struct rtun_watch **w)
{
	if (!*w)
		return;
	host_watch_set(*w, 0);
	free(*w);
	*w = NULL;
}

/* ---- operations ---- */

int host_op_create(struct rtun_ctx *ctx, rtun_cb *cancel, void *arg, struct rtun_op **ret)
{
	struct rtun_op *op = malloc(sizeof(*op));
	(void)ctx;
	if (!op)
		return -RTUN_ENOMEM;
	*op = (struct rtun_op){{&host_table}, cancel, arg};
	*ret = op;
	return 0;
}

void host_op_cancel(struct rtun_op **op)
{
	struct rtun_op *o = *op;
	if (!o)
		return;
	*op = NULL;
	o->cancel(o->arg);
	free(o);
}

void host_op_done(struct rtun_op **op)
{
	free(*op);
	*op = NULL;
}

/* ---- signals ---- */

static void on_signal(struct ev_loop *ev, ev_signal *s, int revents)
{
	struct signal_watch *w = s->data;
	(void)ev, (void)revents;
	w->cb(w->arg);
}

int loop_on_signal(struct loop *loop, int signum, rtun_cb *cb, void *arg)
{
	struct signal_watch *w = malloc(sizeof(*w));
	if (!w)
		return -RTUN_ENOMEM;
	ev_signal_init(&w->ev, on_signal, signum);
	w->ev.data = w;
	w->cb = cb;
	w->arg = arg;
	w->next = loop->signals;
	loop->signals = w;
	ev_signal_start(loop->ev, &w->ev);
	return 0;
}

/* ---- life ---- */

int loop_create(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (!loop)
		return -RTUN_ENOMEM;
	loop->ev = ev_loop_new(EVFLAG_NOENV);
	if (!loop->ev) {
		free(loop);
		return -RTUN_EIO;
	}
	loop->now = monotonic();
	buf_pool_init(&loop->buffers, BUF_POOL_LIMIT);
	loop->post_end = &loop->posts;
	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->returned, NULL);
	ev_init(&loop->wake, on_wake);
	ev_async_init(&loop->posted, on_posted);
	loop->posted.data = loop;
	ev_async_start(loop->ev, &loop->posted);
	*ret_loop = loop;
	return 0;
}

int loop_create_virtual(struct loop **ret_loop)
{
	int r = loop_create(ret_loop);
	if (r < 0)
		return r;
	(*ret_loop)->virtual = true;
	(*ret_loop)->now = RTUN_S;
	return 0;
}

/* Threads of work still hold the loop: let those that are nearly done end, and their ends be called. False: some are not;
 * they can't be stopped, so the loop has to stay for them, and the program ends under them. */
static bool wait_for_work(struct loop *loop)
{
	struct timespec until;
	bool late = false, left;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 200000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	do {
		pthread_mutex_lock(&loop->lock);
		while (loop->reserved_out && !loop->posts && !late)
			late = pthread_cond_timedwait(&loop->returned, &loop->lock, &until) == ETIMEDOUT;
		left = loop->reserved_out || loop->posts;
		pthread_mutex_unlock(&loop->lock);
		on_posted(loop->ev, &loop->posted, 0);
	} while (left && !late);
	return !left || !late;
}

void loop_destroy(struct loop **loop)
{
	struct loop *l = *loop;
	if (!l)
		return;
	if (!wait_for_work(l)) {
		*loop = NULL;
		return;
	}
	stream_end_lingers(&l->lingers);
	run_deferred(l);
	while (l->signals) {
		struct signal_watch *w = l->signals;
		l->signals = w->next;
		ev_signal_stop(l->ev, &w->ev);
		free(w);
	}
	ev_async_stop(l->ev, &l->posted);
	ev_timer_stop(l->ev, &l->wake);
	ev_loop_destroy(l->ev);
	timer_heap_fini(&l->timers);
	buf_pool_fini(&l->buffers);
	pthread_cond_destroy(&l->returned);
	pthread_mutex_destroy(&l->lock);
	free(l);
	*loop = NULL;
}

static void poll_once(struct loop *loop, bool block)
{
	uint64_t next = timer_heap_next(&loop->timers, loop->now);
	if (block && next != UINT64_MAX) {
		/* Rounded up to the poll's own millisecond, or the last one would be spent turning round. */
		loop->wake.repeat = (double)(next / RTUN_MS + 1) / 1e3;
		ev_timer_again(loop->ev, &loop->wake);
	} else {
		ev_timer_stop(loop->ev, &loop->wake);
	}
	ev_run(loop->ev, block ? EVRUN_ONCE : EVRUN_NOWAIT);
}

static void turn(struct loop *loop, bool may_sleep)
{
	uint32_t due = loop->next.count;
	bool work = loop->normal.head || loop->late.head || due || timer_heap_next(&loop->timers, loop->now) == 0;
	poll_once(loop, may_sleep && !work);
	loop_update(loop);
	run_round(&loop->next, due);
	timer_heap_run(&loop->timers, loop->now);
	run_deferred(loop);
}

void loop_run(struct loop *loop)
{
	run_deferred(loop);
	while (!loop->stopped)
		turn(loop, true);
	loop->stopped = false;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

void loop_turn(struct loop *loop)
{
	turn(loop, false);
}

void loop_advance(struct loop *loop, uint64_t ns)
{
	uint64_t until = loop->now + ns;
	turn(loop, false);
	for (;;) {
		uint64_t next = timer_heap_next(&loop->timers, loop->now);
		if (next > until - loop->now)
			break;
		loop->now += next;
		turn(loop, false);
	}
	loop->now = until;
	turn(loop, false);
}

uint32_t *loop_held(struct loop *loop)
{
	return &loop->held;
}

void host_hold(struct rtun_ctx *ctx, int32_t n)
{
	*loop_held(ctx_loop(ctx)) += (uint32_t)n;
}

struct stream_linger **loop_lingers(struct loop *loop)
{
	return &loop->lingers;
}

struct buf_pool *loop_buffers(struct loop *loop)
{
	return &loop->buffers;
}

struct timer_heap *loop_timers(struct loop *loop)
{
	return &loop->timers;
}

uint8_t *loop_scratch(struct loop *loop)
{
	return loop->scratch;
}
