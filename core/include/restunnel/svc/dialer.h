/* SPDX-License-Identifier: BSD-2-Clause
 *
 * rtun.dialer/1: opens a stream to a target. Provided by whatever leads out (exit_dialer: this machine's own network;
 * transport_noise, role hub: a connected exit) and by decorators between (rules, limits). All [loop].
 */
#ifndef RESTUNNEL_SVC_DIALER_H
#define RESTUNNEL_SVC_DIALER_H

#include "../abi.h"

#define RTUN_DIALER "rtun.dialer/1"

/* Which one of several exits that would all do. STICKY: the one that `source` and `selector` had before. */
#define RTUN_STRATEGY_BEST 0
#define RTUN_STRATEGY_STICKY 1
#define RTUN_STRATEGY_ROUND_ROBIN 2
#define RTUN_STRATEGY_RANDOM 3

struct rtun_dial_req {
	uint32_t size; /* may be smaller than here: RTUN_HAS() */
	uint32_t flags;        /* 0 */
	const char *host;      /* a name, NUL-terminated, not resolved; NULL: `addr` is the target */
	struct rtun_addr addr; /* its port is the target's port in both cases */
	const char *selector;  /* the wish for an exit, percent-decoded (a username); NULL: none */
	const char *exit;      /* the entry's own `exit:` setting; NULL: none */
	const char *source;    /* the asking instance, for logs; may be NULL */
	uint64_t timeout;      /* ns until RTUN_ETIMEOUT; 0: the dialer's own */
	uint32_t strategy;     /* RTUN_STRATEGY_...: one of several exits */
	uint32_t reserved;
};

/* err 0: *s is the open stream: take it by copying the pointer and setting *s to NULL; left there, it is closed after
 * the call. Else err is an RTUN_E... and `why` a sentence (never NULL, good during the call). `bound` is the local
 * address at the exit where known, else family 0. Called once (of dial_early(): see there), from the loop, never inside
 * dial(), never after rtun_op_cancel(). */
struct rtun_dial_result {
	uint32_t size;
	uint32_t err;
	struct rtun_stream **s;
	const char *why;
	const char *exit; /* which exit it went through, where there are several; else NULL */
	struct rtun_addr bound;
};
typedef void rtun_dial_cb(void *arg, const struct rtun_dial_result *r);

/* Flags of a dialer */
#define RTUN_DIALER_DIRECT 1U /* connections leave from this very machine: a frontend to it must stay on loopback */
#define RTUN_DIALER_SEVERAL 2U /* there are several exits by now, and none is the default: who asks for none gets any */

struct rtun_dialer_ops {
	uint32_t size;
	uint32_t reserved;
	/* The request is copied. 0: *ret_op can be cancelled until cb is called, and is dead in cb. Fails only with -RTUN_ENOMEM or
	 * -RTUN_EINVAL; every other failure comes through cb. */
	int (*dial)(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op);
	/* RTUN_DIALER_..., or-ed with those of the dialers behind it. NULL: 0. */
	uint32_t (*flags)(void *obj);
	/* As dial(), for who would rather have the stream before the target has answered. What is known at once to fail (no exit
	 * is connected, the selector is none) comes through cb, once. Else cb is called twice:
	 *   1. at once, with the stream: what is written to it follows the request without waiting; `bound` is not known;
	 *   2. with the target's answer: *s is NULL, err 0 or why not. Then the stream, too, fails with err.
	 * In between the op can be cancelled: the dial is given up, and its stream fails with RTUN_ETIMEOUT. Whoever closes the
	 * stream before the second call cancels the op, or hears RTUN_ERESET.
	 * NULL, or -RTUN_ENOTSUP (a decorator of one that is NULL): use dial(). So it is where it would save no round trip:
	 * exit_dialer's next hop is the target, to which nothing can be sent before it has answered. */
	int (*dial_early)(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op);
	/* As dial(), but *s is a stream of datagrams (restunnel/datagram.h) to and from any number of targets, each of which is
	 * judged where it leaves. The request's host, addr and timeout mean nothing. Ends with the stream; shutting its output
	 * down ends both directions. RTUN_ENOTSUP through cb: the exit can't. NULL, or -RTUN_ENOTSUP: nobody here can. An op of
	 * its own, so that no datagram ever falls through a decorator that does not know of them. */
	int (*associate)(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op);
};

#endif
