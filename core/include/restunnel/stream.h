/* SPDX-License-Identifier: BSD-2-Clause
 *
 * restunnel/stream.h - byte streams: what a module reads, writes, wraps and joins.
 *
 * A stream is shaped like a non-blocking socket. Its two directions end on their own: input by end of stream or an
 * error, output by rtun_shutdown() or rtun_abort(). It has exactly one *owner*, who may let go of it or pass it on,
 * and one *implementer*, who supplies struct rtun_stream_ops. The core owns the state machine (doc/streams.md has
 * its truth table) and all buffered bytes. All functions here are [loop].
 *
 * What an owner may rely on
 *   - Received data is delivered before end of stream, and end of stream or error exactly once, last.
 *   - The ready callback comes from the loop only, never from inside a call on the same stream; and never after
 *     rtun_close(). (Ops of an implementer may come from inside its own calls: see there.)
 *   - An end of stream that reaches you was meant by the other side: a carrier that breaks gives RTUN_ETRUNCATED or
 *     RTUN_ERESET, never an end of stream.
 */
#ifndef RESTUNNEL_STREAM_H
#define RESTUNNEL_STREAM_H

#include "abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RTUN_READ 1U
#define RTUN_WRITE 2U

/* The most that rtun_put() keeps for a stream, and that rtun_peek() can look ahead; bytes. */
#define RTUN_PUT_MAX 4096U
#define RTUN_PEEK_MAX 16384U

/* Something that was wanted may be there now: try again. `events` is of RTUN_READ | RTUN_WRITE. One-shot: ask again
 * with rtun_want(). The stream may be closed, handed on or relayed from inside. */
typedef void rtun_ready_cb(void *arg, struct rtun_stream *s, uint32_t events);

/* ---- The owner's side (inline functions in host.h) ------------------------------------------------------------
 *
 * int64_t rtun_readv(s, v, n)   Bytes read (> 0), 0 at end of stream, -RTUN_EAGAIN, or the negative error that ended
 *                               the input (again at each further call).
 * int64_t rtun_read(s, p, len)  The same for one buffer.
 * int64_t rtun_peek(s, min, &p) Look at the input without taking it: how many contiguous bytes are at *p, at least
 *                               `min` (1 to RTUN_PEEK_MAX); 0 when the input ended before `min` bytes came (what is
 *                               left can be had with a smaller min); -RTUN_EAGAIN; or an error. After -RTUN_EAGAIN a
 *                               want(READ) waits for new bytes. *p is good until the next call on this stream or
 *                               the return to the loop.
 * void    rtun_consume(s, len)  Take `len` of the bytes last seen by rtun_peek().
 * int64_t rtun_writev(s, v, n)  Bytes accepted (> 0, perhaps fewer than given), -RTUN_EAGAIN, -RTUN_EPIPE after
 *                               rtun_shutdown() or rtun_abort(), or the error that ended the output.
 * int64_t rtun_write(s, p, len) The same for one buffer.
 * int     rtun_put(s, p, len)   Write all of a small message or nothing: what the implementer does not accept at
 *                               once waits in the core (RTUN_PUT_MAX bytes in all) ahead of anything written later.
 *                               0, -RTUN_ENOMEM when it does not fit, or as rtun_writev.
 * int     rtun_shutdown(s)      Ordered end of my output, after what was put. 0 also when done before.
 * void    rtun_abort(s, err)    End both directions now; unsent output and unread input are dropped. `err` is told to
 *                               the other end where the carrier can tell it. Reads give -err from now on.
 * void    rtun_want(s, events)  One ready callback, from the loop, once any of `events` may succeed (or fail).
 *                               Level-checked: nothing is missed between a -RTUN_EAGAIN and this call. 0 cancels.
 * void    rtun_on_ready(s, cb, arg)  Who is called. The owner sets it; forgets any want of an owner before.
 * void    rtun_close(&s)        Let go. An output not yet shut down is aborted with RTUN_ERESET. s becomes NULL.
 * void    rtun_finish(&s, ns)   Let go politely: the core sends what was put, shuts down, reads and drops input until
 *                               it ends or `ns` nanoseconds are over, and closes. So a last word is not lost to the
 *                               RST that unread bytes would cause. s becomes NULL.
 */

/* ---- The implementer's side ------------------------------------------------------------------------------------
 *
 * Input comes in one of two ways. A stream with `read` is *pulled*: the core reads straight into the reader's buffer.
 * One without `read` *feeds*: rtun_feed() hands bytes over as they come, which go straight to the reader where one is
 * waiting and into the core's buffer where not. It may only feed what its own flow control allowed the other end to
 * send, and allows more only from `consumed`.
 *
 * Output likewise: `writev` is given bytes. An implementer that would rather fetch them at the last moment also has
 * `offer`: told that its owner has bytes, it calls rtun_pull() when it wants them.
 *
 * From inside your own calls may come: writev, want and shutdown from rtun_ready(RTUN_WRITE), when something waits to be
 * sent; offer and abort from rtun_pull(); consumed and abort from rtun_feed(). destroy never does: it comes from the loop.
 * A writev that answers 0 means -RTUN_EAGAIN. `self` is the implementer's; after `destroy`, which is the last call, nothing comes. An op that is NULL: shutdown and abort do
 * nothing, want is not needed, everything else answers -RTUN_ENOTSUP. */
struct rtun_stream_ops {
	uint32_t size;
	uint32_t reserved;
	/* As rtun_readv(). 0 and errors are remembered by the core, it does not ask again after them. */
	int64_t (*read)(void *self, const struct iovec *v, uint32_t n);
	/* As rtun_writev(). Not called after shutdown or abort. */
	int64_t (*writev)(void *self, const struct iovec *v, uint32_t n);
	/* Ordered end of output; called once, when all that was accepted has been handed over. */
	void (*shutdown)(void *self);
	/* Both directions end now. Called at most once; after it only destroy comes. */
	void (*abort)(void *self, uint32_t err);
	/* Call rtun_ready() once any of `events` may succeed. RTUN_READ only comes to streams with `read`. */
	void (*want)(void *self, uint32_t events);
	/* The owner's source has bytes (or its end): rtun_pull() when you like. */
	void (*offer)(void *self);
	/* `n` bytes given to rtun_feed() have reached the reader. May be called from inside rtun_feed(). */
	void (*consumed)(void *self, uint64_t n);
	/* The owner let go and everything is over. From the end of the loop's turn. */
	void (*destroy)(void *self);
};

/* rtun_stream_create(ctx, ops, self, &s)  A new stream for `ops` (which must outlive it); the caller is its
 *                               implementer and, until it gives it away, its owner. 0 or -RTUN_ENOMEM.
 * int64_t rtun_feed(s, v, n)    Hand over received bytes; all are taken: 0, or -RTUN_EOVERLOAD when the core's budget
 *                               is used up (the rest is lost: end this stream with that error), or -RTUN_EPIPE
 *                               when the owner has let go or aborted (drop them, and count them as consumed).
 * void    rtun_feed_end(s, err) Input ends after all that was fed: err 0 = end of stream, else an error.
 * void    rtun_ready(s, events) What `want` waited for has come.
 * int64_t rtun_pull(s, v, n)    After `offer`: bytes from the owner's source, straight into your buffers (> 0; fewer
 *                               than asked for: that was all, `offer` comes again when there is more); 0: the
 *                               source ended: send your end of stream (shutdown will not be called);
 *                               -RTUN_EAGAIN: nothing now, `offer` comes again; else the source failed, and
 *                               `abort` has come or will: drop it.
 * void    rtun_failed(s, err)   The carrier is gone: both directions end, input after what was fed. */

/* ---- Wrappers: watch or slow down the bytes of another stream --------------------------------------------------
 *
 * rtun_wrap(ctx, &inner, ops, self, &s) gives a stream that passes everything on to `inner`, which it owns from now on
 * (the caller's pointer becomes NULL), and costs next to nothing: the bytes still go straight from end to end. A
 * wrapper that changes bytes is an implementer of its own, above. */
#define RTUN_IN 0U  /* from the inner stream to the owner of the wrapper */
#define RTUN_OUT 1U /* from the owner to the inner stream */
struct rtun_wrap_ops {
	uint32_t size;
	uint32_t reserved;
	/* How many of `n` bytes may pass now; 0 stops this direction until rtun_wrap_resume(). NULL: all. */
	uint64_t (*allow)(void *self, uint32_t direction, uint64_t n);
	/* `n` bytes have passed. NULL: nobody asks. */
	void (*moved)(void *self, uint32_t direction, uint64_t n);
	/* The stream is over; the last call. `err` 0, or what ended it. */
	void (*destroy)(void *self, uint32_t err);
};

/* ---- Relay: join two streams ------------------------------------------------------------------------------------
 *
 * rtun_relay_start(ctx, req, &relay) owns both streams until it calls `done`, exactly once, from the loop; both are
 * closed by then. End of stream on one becomes shutdown of the other; an error becomes abort of the other with the
 * same code. `half_close` nanoseconds (0: no limit) after the first end of stream the other direction must have ended too. */
struct rtun_relay_result {
	uint64_t bytes[2];   /* from a to b, from b to a */
	uint32_t result[2];  /* 0 = ended in order, else the error */
};
typedef void rtun_relay_done_cb(void *arg, const struct rtun_relay_result *r);
struct rtun_relay_req {
	uint32_t size;
	uint32_t reserved;
	struct rtun_stream **a, **b; /* taken: the caller's pointers become NULL when the start succeeds */
	uint64_t half_close;         /* ns */
	uint64_t idle;               /* ns without a byte either way, then RTUN_ETIMEOUT; 0: no limit */
	rtun_relay_done_cb *done;    /* may be NULL */
	void *arg;
};

#ifdef __cplusplus
}
#endif
#endif
