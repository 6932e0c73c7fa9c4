/* SPDX-License-Identifier: BSD-2-Clause
 *
 * restunnel/host.h - what the core offers a module: one table of functions, and inline names for them.
 *
 * Nothing is linked: the table arrives in ctx->host. Use the inlines; they are documented here, in stream.h and in
 * event.h. Everything is [loop] but rtun_post() [any]. Times are nanoseconds. No function calls back from inside
 * itself: callbacks come from the loop.
 */
#ifndef RESTUNNEL_HOST_H
#define RESTUNNEL_HOST_H

#include <stdarg.h>

#include "abi.h"
#include "command.h"
#include "event.h"
#include "schema.h"
#include "stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RTUN_US UINT64_C(1000)
#define RTUN_MS UINT64_C(1000000)
#define RTUN_S UINT64_C(1000000000)

/* Log levels. */
#define RTUN_ERROR 10
#define RTUN_WARN 20
#define RTUN_NOTICE 30
#define RTUN_INFO 40
#define RTUN_DEBUG 50

typedef void rtun_cb(void *arg);
typedef void rtun_watch_cb(void *arg, int fd, uint32_t events);
/* `fn` runs in a thread of its own [worker] and may touch only `arg`; then `done` [loop], unless cancelled. */
typedef void rtun_work_fn(void *arg);
/* A connection has come. Take *s by copying it and setting it to NULL; left there, it is closed. */
typedef void rtun_accept_cb(void *arg, struct rtun_stream **s, const struct rtun_addr *peer);
/* err 0 and *s as above, or an RTUN_E... */
typedef void rtun_connect_cb(void *arg, uint32_t err, struct rtun_stream **s);
typedef void rtun_record_cb(void *arg, const void *record);

/* Flag of rtun_listen(): the socket outlives this process, where a supervisor keeps it. See rtun_listen(). */
#define RTUN_LISTEN_KEEP 1U

struct rtun_listen_req {
	uint32_t size;
	uint32_t flags; /* RTUN_LISTEN_... */
	const struct rtun_endpoint *endpoint;
	uint32_t backlog; /* 0: the system's most */
	uint32_t reserved;
	rtun_accept_cb *accept;
	void *arg;
	/* After bind, before listen: attach what must be there before the first SYN. 0 or a negative RTUN_E...; NULL. A socket
	 * filter stays with the listener: accepted connections are without it. It may put another listening
	 * socket in the place of the descriptor `fd` (dup3()). With RTUN_LISTEN_KEEP `fd` may listen already, with what the process
	 * before attached: replace that; what is kept is the socket that was bound. */
	int (*before_listen)(void *arg, int fd);
	/* Of uint32_t: only connections of these users of this machine are accepted, others are closed before a byte is read. The
	 * kernel is asked whose the other end is; where it can't tell, it is nobody's. Empty: all are. Copied. */
	struct rtun_list users;
};

struct rtun_connect_req {
	uint32_t size;
	uint32_t flags;
	struct rtun_addr to;
	struct rtun_addr from; /* family 0: the system chooses; else a local address, port 0 */
	uint64_t timeout;      /* 0: none */
	rtun_connect_cb *cb;
	void *arg;
};

/* Options of a stream over a socket: rtun_stream_option(). */
#define RTUN_SO_NOTSENT_LOWAT 1 /* bytes */
#define RTUN_SO_CONGESTION_BBR 2
#define RTUN_SO_KEEPALIVE 3 /* seconds of silence before the kernel asks */

/* Addresses of a stream: rtun_stream_addr(). */
#define RTUN_ADDR_LOCAL 1
#define RTUN_ADDR_REMOTE 2

/* What `status` says of an instance. */
#define RTUN_STATE_OK 1
#define RTUN_STATE_DEGRADED 2
#define RTUN_STATE_DOWN 3
struct rtun_status {
	uint32_t size;
	uint32_t state;
	char text[160];   /* in words: "2 of 3 exits online" */
	char code[32];    /* of the alert when not ok: "no-exit" */
	char remedy[160]; /* what to do about it */
};

struct rtun_host {
	uint32_t size;
	uint16_t abi_major, abi_minor;

	/* log and configuration */
	void (*log)(struct rtun_ctx *, uint32_t level, const char *fmt, va_list);
	void (*conf_error)(struct rtun_ctx *, const char *key, const char *remedy, const char *fmt, va_list);
	const char *(*data_dir)(struct rtun_ctx *);
	const char *(*program_version)(struct rtun_ctx *);

	/* services and events */
	int (*provide)(struct rtun_ctx *, const char *service, const void *ops, void *obj);
	void (*publish)(struct rtun_ctx *, const struct rtun_event_type *, const void *payload);
	int (*subscribe)(struct rtun_ctx *, const char *name, rtun_event_cb *, void *arg, struct rtun_subscription **);
	void (*unsubscribe)(struct rtun_subscription **);

	/* loop */
	uint64_t (*now)(const struct rtun_ctx *);
	int64_t (*wall)(const struct rtun_ctx *);
	int (*timer_create)(struct rtun_ctx *, rtun_cb *, void *arg, struct rtun_timer **);
	void (*timer_start)(struct rtun_timer *, uint64_t ns);
	void (*timer_stop)(struct rtun_timer *);
	void (*timer_destroy)(struct rtun_timer **);
	int (*watch)(struct rtun_ctx *, int fd, uint32_t events, rtun_watch_cb *, void *arg, struct rtun_watch **);
	void (*watch_set)(struct rtun_watch *, uint32_t events);
	void (*unwatch)(struct rtun_watch **);
	int (*defer_create)(struct rtun_ctx *, rtun_cb *, void *arg, struct rtun_defer **);
	void (*defer_start)(struct rtun_defer *);
	void (*defer_destroy)(struct rtun_defer **);
	int (*work)(struct rtun_ctx *, rtun_work_fn *, rtun_cb *done, void *arg, struct rtun_work **);
	void (*work_cancel)(struct rtun_work **);
	int (*post)(struct rtun_ctx *, rtun_cb *, void *arg);
	int (*op_create)(struct rtun_ctx *, rtun_cb *cancel, void *arg, struct rtun_op **);
	void (*op_cancel)(struct rtun_op **);
	void (*op_done)(struct rtun_op **);

	/* network */
	int (*listen)(struct rtun_ctx *, const struct rtun_listen_req *, struct rtun_listener **);
	void (*listener_pause)(struct rtun_listener *, uint32_t paused);
	void (*unlisten)(struct rtun_listener **);
	int (*connect)(struct rtun_ctx *, const struct rtun_connect_req *, struct rtun_op **);
	int (*stream_of_fd)(struct rtun_ctx *, int fd, struct rtun_stream **);

	/* streams: owner */
	int64_t (*stream_readv)(struct rtun_stream *, const struct iovec *, uint32_t n);
	int64_t (*stream_peek)(struct rtun_stream *, uint64_t min, const uint8_t **);
	void (*stream_consume)(struct rtun_stream *, uint64_t);
	int64_t (*stream_writev)(struct rtun_stream *, const struct iovec *, uint32_t n);
	int (*stream_put)(struct rtun_stream *, const void *, uint64_t);
	int (*stream_shutdown)(struct rtun_stream *);
	void (*stream_abort)(struct rtun_stream *, uint32_t err);
	void (*stream_want)(struct rtun_stream *, uint32_t events);
	void (*stream_on_ready)(struct rtun_stream *, rtun_ready_cb *, void *arg);
	void (*stream_close)(struct rtun_stream **);
	void (*stream_finish)(struct rtun_stream **, uint64_t ns);
	int (*stream_addr)(struct rtun_stream *, uint32_t which, struct rtun_addr *);
	int (*stream_option)(struct rtun_stream *, uint32_t option, uint64_t value);
	/* streams: implementer */
	int (*stream_create)(struct rtun_ctx *, const struct rtun_stream_ops *, void *self, struct rtun_stream **);
	int (*stream_feed)(struct rtun_stream *, const struct iovec *, uint32_t n);
	void (*stream_feed_end)(struct rtun_stream *, uint32_t err);
	void (*stream_ready)(struct rtun_stream *, uint32_t events);
	int64_t (*stream_pull)(struct rtun_stream *, const struct iovec *, uint32_t n);
	void (*stream_failed)(struct rtun_stream *, uint32_t err);
	/* streams: joined and wrapped */
	int (*wrap)(struct rtun_ctx *, struct rtun_stream **inner, const struct rtun_wrap_ops *, void *self, struct rtun_stream **);
	void (*wrap_resume)(struct rtun_stream *, uint32_t direction);
	int (*relay_start)(struct rtun_ctx *, const struct rtun_relay_req *, struct rtun_relay **);
	void (*relay_abort)(struct rtun_relay *, uint32_t err);

	/* values and replies */
	struct rtun_value *(*value_new)(struct rtun_ctx *, uint32_t kind, const char *text, int64_t number);
	int (*value_set)(struct rtun_value *object, const char *key, struct rtun_value *);
	int (*value_append)(struct rtun_value *array, struct rtun_value *);
	void (*value_free)(struct rtun_value **);
	void (*reply_ok)(struct rtun_reply **, struct rtun_value *);
	void (*reply_fail)(struct rtun_reply **, const char *code, const char *text, const char *remedy);
	void (*metric)(struct rtun_metric_sink *, double value, const char *const *label_values, uint32_t n);

	/* files that must survive a power cut */
	int (*file_replace)(struct rtun_ctx *, const char *path, const void *, uint64_t len, uint32_t mode);
	int (*records_load)(struct rtun_ctx *, const char *path, const char *list_key, const struct rtun_schema *, rtun_record_cb *, void *arg);
	int (*records_save)(struct rtun_ctx *, const char *path, const char *list_key, const struct rtun_schema *, struct rtun_list records,
			    const char *comment, uint32_t mode);

	/* sockets that outlive the process */
	int (*fd_keep)(struct rtun_ctx *, const char *name, int fd);
	int (*fd_kept)(struct rtun_ctx *, const char *name, int *ret_fd);

	/* the end */
	void (*hold)(struct rtun_ctx *, int32_t n);

	/* for those who show and offer what all modules have */
	int (*call)(struct rtun_ctx *, const struct rtun_call_req *, struct rtun_op **);
	int64_t (*event_json)(struct rtun_ctx *, const struct rtun_event_type *, const char *instance, const void *payload, char *buf, uint64_t size);
	int (*stream_to_fd)(struct rtun_stream **, int *ret_fd);

	/* in `advise` */
	void (*conf_warn)(struct rtun_ctx *, const char *key, const char *code, const char *remedy, const char *fmt, va_list);
};

/* What every callback of a module is given. */
struct rtun_ctx {
	const struct rtun_host *host;
	void *self;           /* the module's own, set in `create` */
	const char *instance; /* the entry's name */
};

/* ---- Log, configuration ---------------------------------------------------------------------------------------- */

/* One line; the core adds time, level and instance, and drops repetitions of one place beyond 10 in 10 s, counting
 * them. Never log keys, tokens or targets (targets only at RTUN_DEBUG). */
RTUN_PRINTF(3, 4) static inline void rtun_log(struct rtun_ctx *ctx, uint32_t level, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	ctx->host->log(ctx, level, fmt, ap);
	va_end(ap);
}

/* In check, create, prepare and reload: what is wrong with `key` of this entry (NULL: with the entry; of lists and records
 * "deny[2]", "rules[0].ports[1]"), at FILE:LINE:COL. `remedy` may be NULL. Returns -RTUN_ECONFIG. */
RTUN_PRINTF(4, 5)
static inline int rtun_conf_error(struct rtun_ctx *ctx, const char *key, const char *remedy, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	ctx->host->conf_error(ctx, key, remedy, fmt, ap);
	va_end(ap);
	return -RTUN_ECONFIG;
}

/* In advise: what may not be as it was meant, and makes nothing fail. `code` is stable, lower case: "exit-chosen". */
RTUN_PRINTF(5, 6)
static inline void rtun_conf_warn(struct rtun_ctx *ctx, const char *key, const char *code, const char *remedy, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	ctx->host->conf_warn(ctx, key, code, remedy, fmt, ap);
	va_end(ap);
}

/* data-dir, without a slash at its end. Lives as long as the instance. */
static inline const char *rtun_data_dir(struct rtun_ctx *ctx) { return ctx->host->data_dir(ctx); }
static inline const char *rtun_program_version(struct rtun_ctx *ctx) { return ctx->host->program_version(ctx); }

/* ---- Services, events ------------------------------------------------------------------------------------------ */

/* In create: this instance provides `service`, which its descriptor lists. `ops` outlives it. */
static inline int rtun_provide(struct rtun_ctx *ctx, const char *service, const void *ops, void *obj)
{
	return ctx->host->provide(ctx, service, ops, obj);
}
static inline void rtun_publish(struct rtun_ctx *ctx, const struct rtun_event_type *type, const void *payload)
{
	ctx->host->publish(ctx, type, payload);
}
static inline int rtun_subscribe(struct rtun_ctx *ctx, const char *name, rtun_event_cb *cb, void *arg, struct rtun_subscription **ret)
{
	return ctx->host->subscribe(ctx, name, cb, arg, ret);
}
static inline void rtun_unsubscribe(struct rtun_subscription **s)
{
	if (*s) RTUN_HOST(*s)->unsubscribe(s);
}
static inline int64_t rtun_event_json(struct rtun_ctx *ctx, const struct rtun_event_type *type, const char *instance, const void *payload,
				      char *buf, uint64_t size)
{
	return ctx->host->event_json(ctx, type, instance, payload, buf, size);
}

/* ---- Loop ------------------------------------------------------------------------------------------------------ */

/* Monotonic time of this turn of the loop; ns. Virtual in tests. */
static inline uint64_t rtun_now(const struct rtun_ctx *ctx) { return ctx->host->now(ctx); }
/* Wall clock, milliseconds since 1970. May be wrong, and may jump. */
static inline int64_t rtun_wall(const struct rtun_ctx *ctx) { return ctx->host->wall(ctx); }

/* One-shot timers; starting a running one moves it. Never fires from inside timer_start. */
static inline int rtun_timer_create(struct rtun_ctx *ctx, rtun_cb *cb, void *arg, struct rtun_timer **ret)
{
	return ctx->host->timer_create(ctx, cb, arg, ret);
}
static inline void rtun_timer_start(struct rtun_timer *t, uint64_t ns) { RTUN_HOST(t)->timer_start(t, ns); }
static inline void rtun_timer_stop(struct rtun_timer *t) { RTUN_HOST(t)->timer_stop(t); }
static inline void rtun_timer_destroy(struct rtun_timer **t)
{
	if (*t) RTUN_HOST(*t)->timer_destroy(t);
}

/* Level-triggered; an error or hang-up of the fd shows as all wanted events. Unwatch before close(fd). */
static inline int rtun_watch(struct rtun_ctx *ctx, int fd, uint32_t events, rtun_watch_cb *cb, void *arg, struct rtun_watch **ret)
{
	return ctx->host->watch(ctx, fd, events, cb, arg, ret);
}
static inline void rtun_watch_set(struct rtun_watch *w, uint32_t events) { RTUN_HOST(w)->watch_set(w, events); }
static inline void rtun_unwatch(struct rtun_watch **w)
{
	if (*w) RTUN_HOST(*w)->unwatch(w);
}

/* Something to do once at the end of this turn, before the loop sleeps; starting it twice is once. */
static inline int rtun_defer_create(struct rtun_ctx *ctx, rtun_cb *cb, void *arg, struct rtun_defer **ret)
{
	return ctx->host->defer_create(ctx, cb, arg, ret);
}
static inline void rtun_defer_start(struct rtun_defer *d) { RTUN_HOST(d)->defer_start(d); }
static inline void rtun_defer_destroy(struct rtun_defer **d)
{
	if (*d) RTUN_HOST(*d)->defer_destroy(d);
}

/* A blocking call elsewhere; in `done` *ret is dead already. A cancelled one still runs to its end, but `done` is not called: `arg` must then outlive
 * it, so free it in `done` only, and prefer not to cancel. */
static inline int rtun_work(struct rtun_ctx *ctx, rtun_work_fn *fn, rtun_cb *done, void *arg, struct rtun_work **ret)
{
	return ctx->host->work(ctx, fn, done, arg, ret);
}
static inline void rtun_work_cancel(struct rtun_work **w)
{
	if (*w) RTUN_HOST(*w)->work_cancel(w);
}
/* [any] Call cb(arg) from the loop. */
static inline int rtun_post(struct rtun_ctx *ctx, rtun_cb *cb, void *arg) { return ctx->host->post(ctx, cb, arg); }

/* An operation under way that its caller may cancel. The provider makes it with op_create, keeps one pointer and gives
 * the other to the caller. A cancel by the caller calls `cancel(arg)` once and frees it; op_done by the provider frees
 * it right before the answer is given: so in the answer's callback the caller's pointer is dead, and the first thing
 * to do there is to set it to NULL. */
static inline int rtun_op_create(struct rtun_ctx *ctx, rtun_cb *cancel, void *arg, struct rtun_op **ret)
{
	return ctx->host->op_create(ctx, cancel, arg, ret);
}
static inline void rtun_op_cancel(struct rtun_op **op)
{
	if (*op) RTUN_HOST(*op)->op_cancel(op);
}
static inline void rtun_op_done(struct rtun_op **op)
{
	if (*op) RTUN_HOST(*op)->op_done(op);
}

/* ---- Network --------------------------------------------------------------------------------------------------- */

/* In prepare. Binds and listens; connections are accepted from start on. -RTUN_EIO after logging the address, the
 * reason and the remedy.
 *
 * RTUN_LISTEN_KEEP: the supervisor keeps the socket, too, under the endpoint's text (rtun_fd_keep()), and the next process
 * goes on with it when it listens on exactly this address; else a new one is made, as it is without a supervisor. So there
 * is no moment in which the port answers as if nothing was there, neither after a crash nor during a restart: connections
 * wait in the queue and are accepted then. The end of the process never takes it back, since a stop can't be told from the
 * first half of a restart; systemd drops it when the unit has stopped, and then the port shows. rtun_unlisten() at any
 * other time does take it back. Not for unix sockets, where it does nothing. */
static inline int rtun_listen(struct rtun_ctx *ctx, const struct rtun_listen_req *req, struct rtun_listener **ret)
{
	return ctx->host->listen(ctx, req, ret);
}
/* Leave new connections in the kernel's queue for a while. */
static inline void rtun_listener_pause(struct rtun_listener *l, uint32_t paused) { RTUN_HOST(l)->listener_pause(l, paused); }
static inline void rtun_unlisten(struct rtun_listener **l)
{
	if (*l) RTUN_HOST(*l)->unlisten(l);
}
/* One TCP connection to one address. Every failure of the network comes through the callback, in which the op is
 * dead already. */
static inline int rtun_connect(struct rtun_ctx *ctx, const struct rtun_connect_req *req, struct rtun_op **ret)
{
	return ctx->host->connect(ctx, req, ret);
}
/* A stream over a connected stream socket, which it owns from now on. */
static inline int rtun_stream_of_fd(struct rtun_ctx *ctx, int fd, struct rtun_stream **ret)
{
	return ctx->host->stream_of_fd(ctx, fd, ret);
}

/* The other way round, for a library that wants a socket: the one below a stream that nobody has read, written or
 * wrapped yet is yours to close, non-blocking and close-on-exec, and *s becomes NULL. -RTUN_ENOTSUP: this stream has none, or is in
 * use; nothing happened. Bytes that were read from it before are not put back. */
static inline int rtun_stream_to_fd(struct rtun_stream **s, int *ret_fd) { return RTUN_HOST(*s)->stream_to_fd(s, ret_fd); }

/* ---- Streams: see stream.h ------------------------------------------------------------------------------------- */

static inline int64_t rtun_readv(struct rtun_stream *s, const struct iovec *v, uint32_t n) { return RTUN_HOST(s)->stream_readv(s, v, n); }
static inline int64_t rtun_read(struct rtun_stream *s, void *p, uint64_t len)
{
	struct iovec v = {p, len};
	return RTUN_HOST(s)->stream_readv(s, &v, 1);
}
static inline int64_t rtun_peek(struct rtun_stream *s, uint64_t min, const uint8_t **p) { return RTUN_HOST(s)->stream_peek(s, min, p); }
static inline void rtun_consume(struct rtun_stream *s, uint64_t len) { RTUN_HOST(s)->stream_consume(s, len); }
static inline int64_t rtun_writev(struct rtun_stream *s, const struct iovec *v, uint32_t n) { return RTUN_HOST(s)->stream_writev(s, v, n); }
static inline int64_t rtun_write(struct rtun_stream *s, const void *p, uint64_t len)
{
	union { const void *in; void *out; } u = {p}; /* an iovec has no const */
	struct iovec v = {u.out, len};
	return RTUN_HOST(s)->stream_writev(s, &v, 1);
}
static inline int rtun_put(struct rtun_stream *s, const void *p, uint64_t len) { return RTUN_HOST(s)->stream_put(s, p, len); }
static inline int rtun_shutdown(struct rtun_stream *s) { return RTUN_HOST(s)->stream_shutdown(s); }
static inline void rtun_abort(struct rtun_stream *s, uint32_t err) { RTUN_HOST(s)->stream_abort(s, err); }
static inline void rtun_want(struct rtun_stream *s, uint32_t events) { RTUN_HOST(s)->stream_want(s, events); }
static inline void rtun_on_ready(struct rtun_stream *s, rtun_ready_cb *cb, void *arg) { RTUN_HOST(s)->stream_on_ready(s, cb, arg); }
static inline void rtun_close(struct rtun_stream **s)
{
	if (*s) RTUN_HOST(*s)->stream_close(s);
}
static inline void rtun_finish(struct rtun_stream **s, uint64_t ns)
{
	if (*s) RTUN_HOST(*s)->stream_finish(s, ns);
}
/* The socket's address (of the innermost stream of a wrapper). -RTUN_ENOTSUP where there is none. */
static inline int rtun_stream_addr(struct rtun_stream *s, uint32_t which, struct rtun_addr *ret) { return RTUN_HOST(s)->stream_addr(s, which, ret); }
static inline int rtun_stream_option(struct rtun_stream *s, uint32_t option, uint64_t value)
{
	return RTUN_HOST(s)->stream_option(s, option, value);
}
static inline int rtun_stream_create(struct rtun_ctx *ctx, const struct rtun_stream_ops *ops, void *self, struct rtun_stream **ret)
{
	return ctx->host->stream_create(ctx, ops, self, ret);
}
static inline int rtun_feed(struct rtun_stream *s, const struct iovec *v, uint32_t n) { return RTUN_HOST(s)->stream_feed(s, v, n); }
static inline void rtun_feed_end(struct rtun_stream *s, uint32_t err) { RTUN_HOST(s)->stream_feed_end(s, err); }
static inline void rtun_ready(struct rtun_stream *s, uint32_t events) { RTUN_HOST(s)->stream_ready(s, events); }
static inline int64_t rtun_pull(struct rtun_stream *s, const struct iovec *v, uint32_t n) { return RTUN_HOST(s)->stream_pull(s, v, n); }
static inline void rtun_failed(struct rtun_stream *s, uint32_t err) { RTUN_HOST(s)->stream_failed(s, err); }
static inline int rtun_wrap(struct rtun_ctx *ctx, struct rtun_stream **inner, const struct rtun_wrap_ops *ops, void *self, struct rtun_stream **ret)
{
	return ctx->host->wrap(ctx, inner, ops, self, ret);
}
static inline void rtun_wrap_resume(struct rtun_stream *s, uint32_t direction) { RTUN_HOST(s)->wrap_resume(s, direction); }
static inline int rtun_relay_start(struct rtun_ctx *ctx, const struct rtun_relay_req *req, struct rtun_relay **ret)
{
	return ctx->host->relay_start(ctx, req, ret);
}
/* Both streams are aborted with `err`; `done` still follows from the loop. */
static inline void rtun_relay_abort(struct rtun_relay *r, uint32_t err) { RTUN_HOST(r)->relay_abort(r, err); }

/* ---- Values, replies, metrics: see command.h ------------------------------------------------------------------- */

#define RTUN_VALUE_NULL 0
#define RTUN_VALUE_BOOL 1
#define RTUN_VALUE_INT 2
#define RTUN_VALUE_TEXT 3
#define RTUN_VALUE_OBJECT 4
#define RTUN_VALUE_ARRAY 5
#define RTUN_VALUE_TIME 6 /* unix seconds, becomes RFC 3339 text; 0 becomes null */
static inline struct rtun_value *rtun_object(struct rtun_ctx *ctx) { return ctx->host->value_new(ctx, RTUN_VALUE_OBJECT, NULL, 0); }
static inline struct rtun_value *rtun_array(struct rtun_ctx *ctx) { return ctx->host->value_new(ctx, RTUN_VALUE_ARRAY, NULL, 0); }
static inline void rtun_value_free(struct rtun_value **v)
{
	if (*v) RTUN_HOST(*v)->value_free(v);
}
static inline int rtun_set(struct rtun_value *object, const char *key, struct rtun_value *v)
{
	return RTUN_HOST(object)->value_set(object, key, v);
}
static inline int rtun_append(struct rtun_value *array, struct rtun_value *v) { return RTUN_HOST(array)->value_append(array, v); }
static inline int rtun_set_text(struct rtun_ctx *ctx, struct rtun_value *o, const char *key, const char *text)
{
	return rtun_set(o, key, ctx->host->value_new(ctx, text ? RTUN_VALUE_TEXT : RTUN_VALUE_NULL, text, 0));
}
static inline int rtun_set_int(struct rtun_ctx *ctx, struct rtun_value *o, const char *key, int64_t n)
{
	return rtun_set(o, key, ctx->host->value_new(ctx, RTUN_VALUE_INT, NULL, n));
}
static inline int rtun_set_bool(struct rtun_ctx *ctx, struct rtun_value *o, const char *key, int on)
{
	return rtun_set(o, key, ctx->host->value_new(ctx, RTUN_VALUE_BOOL, NULL, on != 0));
}
static inline int rtun_set_null(struct rtun_ctx *ctx, struct rtun_value *o, const char *key)
{
	return rtun_set(o, key, ctx->host->value_new(ctx, RTUN_VALUE_NULL, NULL, 0));
}
static inline int rtun_set_time(struct rtun_ctx *ctx, struct rtun_value *o, const char *key, int64_t unix_seconds)
{
	return rtun_set(o, key, ctx->host->value_new(ctx, RTUN_VALUE_TIME, NULL, unix_seconds));
}
static inline int rtun_append_text(struct rtun_ctx *ctx, struct rtun_value *array, const char *text)
{
	return rtun_append(array, ctx->host->value_new(ctx, RTUN_VALUE_TEXT, text, 0));
}
/* To the array that becomes "checks" of the answer of rtun_module.doctor. */
static inline int rtun_append_check(struct rtun_ctx *ctx, struct rtun_value *checks, const struct rtun_check *c)
{
	struct rtun_value *o = rtun_object(ctx);
	rtun_set_text(ctx, o, "code", c->code);
	rtun_set_text(ctx, o, "question", c->question);
	if (c->answer == RTUN_UNKNOWN)
		rtun_set_null(ctx, o, "ok");
	else
		rtun_set_bool(ctx, o, "ok", c->answer == RTUN_YES);
	rtun_set_text(ctx, o, "text", c->text);
	rtun_set_text(ctx, o, "remedy", c->remedy);
	return rtun_append(checks, o);
}
/* The value belongs to the reply. r becomes NULL. */
static inline void rtun_reply_ok(struct rtun_reply **r, struct rtun_value *v) { RTUN_HOST(*r)->reply_ok(r, v); }
static inline void rtun_reply_fail(struct rtun_reply **r, const char *code, const char *text, const char *remedy)
{
	RTUN_HOST(*r)->reply_fail(r, code, text, remedy);
}
/* Call a verb of any instance, also one's own; not before `start`. The request is copied. 0: its answer, or its failure, comes from the
 * loop. -RTUN_ENOMEM; -RTUN_ENOTSUP: there are no other instances (a unit test). Cancelling gives up the answer, not what the verb does.
 * No time is set for the answer: who can't wait without end starts a timer, and cancels. The caller's `stop` cancels what is under way. */
static inline int rtun_call(struct rtun_ctx *ctx, const struct rtun_call_req *req, struct rtun_op **ret) { return ctx->host->call(ctx, req, ret); }
static inline void rtun_metric(struct rtun_metric_sink *sink, double value, const char *const *label_values, uint32_t n)
{
	RTUN_HOST(sink)->metric(sink, value, label_values, n);
}

/* ---- Files ----------------------------------------------------------------------------------------------------- */

/* Replace `path` as a whole: after a power cut there is the old file or the new one. Returns when it is on disk.
 * 0 or -RTUN_EIO (logged; the old file is untouched). Relative paths are below data-dir. */
static inline int rtun_file_replace(struct rtun_ctx *ctx, const char *path, const void *p, uint64_t len, uint32_t mode)
{
	return ctx->host->file_replace(ctx, path, p, len, mode);
}
/* Read a YAML file `list_key: [ {...}, ... ]` whose entries follow a schema; cb for each record, once all are known to
 * be good. -RTUN_ENOENT: no such file; -RTUN_ECONFIG: something in it is wrong: all of it was logged at
 * FILE:LINE:COL, and cb was not called; also for an empty file or one without `list_key`. Texts in a record are good
 * during the callback. `list_key` NULL: the file as a whole is one record, whose lists of records are RTUN_RECORDS rows. */
static inline int rtun_records_load(struct rtun_ctx *ctx, const char *path, const char *list_key, const struct rtun_schema *schema,
				    rtun_record_cb *cb, void *arg)
{
	return ctx->host->records_load(ctx, path, list_key, schema, cb, arg);
}
/* Write such a file, quoting every text that another YAML tool would take for something else. Rows at their default
 * are written too. `comment` goes on top, may be NULL. Atomic as rtun_file_replace(). `list_key` NULL: the one record of
 * `records` is the file. */
static inline int rtun_records_save(struct rtun_ctx *ctx, const char *path, const char *list_key, const struct rtun_schema *schema,
				    struct rtun_list records, const char *comment, uint32_t mode)
{
	return ctx->host->records_save(ctx, path, list_key, schema, records, comment, mode);
}

/* ---- Sockets that outlive the process: sd_notify(3), FDSTORE=1 ------------------------------------------------------- */

/* In prepare. Let the supervisor keep a copy of `fd` (which stays yours) under this instance's `name`, in place of what it
 * kept under it before: the next process gets it from rtun_fd_kept(), after a crash and after a restart. -1 as `fd`: keep
 * nothing under that name any more, and return when the other copy is closed, so that its address is free. `name` is
 * printable ASCII; with the instance's name it has at most 255 bytes (a byte that systemd would refuse counts three).
 * 0; -RTUN_ENOTSUP: nobody supervises, which is no error; -RTUN_EINVAL: name too long; -RTUN_EIO (logged). Whether the
 * supervisor has room for it (systemd: FileDescriptorStoreMax=) it does not say. */
static inline int rtun_fd_keep(struct rtun_ctx *ctx, const char *name, int fd) { return ctx->host->fd_keep(ctx, name, fd); }
/* In prepare. What was kept under `name`: *ret_fd is yours to close, close-on-exec, and stays kept; don't keep it again.
 * It may be anything, so look at its type and address, and at what is attached to it, before you use it. What nobody has
 * asked for by the end of prepare is kept no longer. -RTUN_ENOENT. */
static inline int rtun_fd_kept(struct rtun_ctx *ctx, const char *name, int *ret_fd) { return ctx->host->fd_kept(ctx, name, ret_fd); }

/* ---- The end ----------------------------------------------------------------------------------------------------- */

/* Something has begun (`n` = 1) that a user would miss, or is over (-1): like relays, which count by themselves, it is
 * waited for between `drain` and `stop`, as long as `drain` was told. */
static inline void rtun_hold(struct rtun_ctx *ctx, int32_t n) { ctx->host->hold(ctx, n); }

#ifdef __cplusplus
}
#endif
#endif
