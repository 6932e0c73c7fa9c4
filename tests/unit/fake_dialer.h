/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fake_dialer.h - for tests of frontends: a dialer whose answers the test gives when it likes, a client and a target.
 * The streams are the core's own, over socket pairs.
 */
#ifndef FAKE_DIALER_H
#define FAKE_DIALER_H

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <restunnel/svc/dialer.h>

#include "bed.h"

static struct {
	struct host_ctx *hc;
	uint32_t dials, earlies, cancels; /* all dials, those by dial_early() */
	int refuse, refuse_early;         /* what dial() and dial_early() themselves return */
	bool named, selected;
	char host[256], selector[256], exit[64];
	struct rtun_addr addr;
	rtun_dial_cb *cb;
	void *arg;
	struct rtun_op *op;
	bool given; /* the stream, but not the answer */
	int target; /* the far end of the stream that was given away */
	int client; /* the near end of the client's */
} fake;

static void fake_cancel(void *arg)
{
	(void)arg;
	fake.cancels++;
	fake.op = NULL;
	fake.cb = NULL;
}

static int fake_dial(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	(void)obj;
	fake.dials++;
	if (fake.refuse)
		return fake.refuse;
	fake.named = req->host != NULL;
	fake.selected = req->selector != NULL;
	snprintf(fake.host, sizeof(fake.host), "%s", req->host ? req->host : "");
	snprintf(fake.selector, sizeof(fake.selector), "%s", req->selector ? req->selector : "");
	snprintf(fake.exit, sizeof(fake.exit), "%s", req->exit ? req->exit : "");
	fake.addr = req->addr;
	fake.cb = cb;
	fake.arg = arg;
	ck_assert_int_eq(rtun_op_create(&fake.hc->ctx, fake_cancel, NULL, &fake.op), 0);
	*ret_op = fake.op;
	return 0;
}

static int fake_dial_early(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	if (fake.refuse_early)
		return fake.refuse_early;
	fake.earlies++;
	return fake_dial(obj, req, cb, arg, ret_op);
}

static const struct rtun_dialer_ops fake_ops = {.size = sizeof(fake_ops), .dial = fake_dial, .dial_early = fake_dial_early};

static struct rtun_stream *fake_stream(int *ret_far)
{
	struct rtun_stream *s;
	int fd[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	ck_assert_int_eq(rtun_stream_of_fd(&fake.hc->ctx, fd[0], &s), 0);
	*ret_far = fd[1];
	return s;
}

static void fake_setup(struct host_ctx *hc)
{
	memset(&fake, 0, sizeof(fake));
	fake.hc = hc;
	fake.target = fake.client = -1;
}

static void fake_teardown(void)
{
	if (fake.target >= 0)
		close(fake.target);
	if (fake.client >= 0)
		close(fake.client);
}

/* The dialer's answer: `last`, and a stream unless there was an error or it has given one. */
static void fake_tell(bool last, uint32_t err, const char *exit, const struct rtun_addr *bound)
{
	struct rtun_dial_result r = {.size = sizeof(r), .err = err, .why = "as the test \"says\"", .exit = exit};
	struct rtun_stream *s = err || fake.given ? NULL : fake_stream(&fake.target);
	rtun_dial_cb *cb = fake.cb;
	ck_assert_ptr_nonnull(cb);
	if (bound)
		r.bound = *bound;
	r.s = &s;
	fake.given = !last;
	if (last) {
		fake.cb = NULL;
		rtun_op_done(&fake.op);
	}
	cb(fake.arg, &r);
	rtun_close(&s);
	bed_turns(3);
}

static void fake_answer(uint32_t err, const char *exit, const struct rtun_addr *bound)
{
	fake_tell(true, err, exit, bound);
}

static void fd_send(int fd, const void *p, size_t len)
{
	ck_assert_int_eq(send(fd, p, len, MSG_NOSIGNAL), (ssize_t)len);
	bed_turns(3);
}

/* What has come, with a NUL behind it; -1: nothing; 0: the end. */
static ssize_t fd_recv(int fd, char *buf, size_t size)
{
	bed_turns(3);
	ssize_t n = recv(fd, buf, size - 1, 0);
	if (n < 0 && errno == ECONNRESET)
		n = 0;
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

static inline bool fd_ended(int fd)
{
	char buf[64];
	return fd_recv(fd, buf, sizeof(buf)) == 0;
}

static inline bool fd_silent(int fd)
{
	char buf[64];
	return fd_recv(fd, buf, sizeof(buf)) < 0;
}

#endif
