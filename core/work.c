/* SPDX-License-Identifier: BSD-2-Clause
 *
 * work.c - one thread for each call: they are rare (a password hash, a slow file), and a thread that hangs must not
 * hold up another.
 */
#include "work.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "loop.h"

struct rtun_work {
	struct rtun_object object;
	struct loop *loop;
	rtun_work_fn *fn;
	rtun_cb *done; /* NULL once cancelled */
	void *arg;
};

static void finished(void *arg)
{
	struct rtun_work *w = arg;
	rtun_cb *done = w->done;
	void *done_arg = w->arg;
	free(w);
	if (done)
		done(done_arg);
}

static void *run(void *arg)
{
	struct rtun_work *w = arg;
	w->fn(w->arg);
	/* Room for the post was made beforehand: this can't fail. */
	loop_post_reserved(w->loop, finished, w);
	return NULL;
}

int host_work(struct rtun_ctx *ctx, rtun_work_fn *fn, rtun_cb *done, void *arg, struct rtun_work **ret)
{
	struct rtun_work *w = malloc(sizeof(*w));
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;
	int failed;

	if (!w || loop_post_reserve(ctx_loop(ctx)) < 0) {
		free(w);
		return -RTUN_ENOMEM;
	}
	*w = (struct rtun_work){.object = {&host_table}, .loop = ctx_loop(ctx), .fn = fn, .done = done, .arg = arg};
	*ret = w;
	/* Signals are the loop's business. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	failed = pthread_create(&thread, &attr, run, w);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed) {
		loop_post_unreserve(ctx_loop(ctx));
		*ret = NULL;
		free(w);
		return -RTUN_ENOMEM;
	}
	return 0;
}

void host_work_cancel(struct rtun_work **w)
{
	if (!*w)
		return;
	(*w)->done = NULL;
	*w = NULL;
}
