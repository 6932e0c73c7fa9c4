/* SPDX-License-Identifier: BSD-2-Clause
 *
 * restunnel/event.h - typed events. Events inform, services decide: nothing comes back from one.
 *
 * A publisher declares each type once, `const`, in its descriptor. The rows let any consumer (log, exporter, page,
 * the CLI that follows a pairing) render an event of a module that it has never heard of.
 */
#ifndef RESTUNNEL_EVENT_H
#define RESTUNNEL_EVENT_H

#include "abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RTUN_F_TEXT 1 /* const char *: copied by the bus; NULL = unknown */
#define RTUN_F_U64 2  /* uint64_t */
#define RTUN_F_TIME 3 /* int64_t, unix seconds; 0 = unknown */
#define RTUN_F_ERR 4  /* uint32_t, RTUN_E...: rendered as its lower-case name, 0 as "ok" */

struct rtun_field {
	const char *name;
	const char *doc;
	uint32_t type, offset;
};

struct rtun_event_type {
	uint32_t size;
	uint32_t payload_size;
	const char *name; /* "exit.up": lower case, one dot */
	const char *doc;
	struct rtun_list fields; /* of struct rtun_field; only ever appended to */
};

/* Called from the loop, never from inside rtun_publish(). `payload` and its texts are good during the call. */
typedef void rtun_event_cb(void *arg, const struct rtun_event_type *type, const char *instance, const void *payload);

/* The name of an RTUN_E..., as events and metrics have it: "ok" (0), "refused", "no_exit"; "internal" where it has none. */
static inline const char *rtun_error_word(uint32_t err)
{
	static const char *const words[] = {"ok",       "refused", "unreachable", "timeout",  "denied",   "dns",     "no_exit",
					    "overload", "reset",   "truncated",   "internal", "addrtype", "selector"};
	return err < sizeof(words) / sizeof(words[0]) ? words[err] : "internal";
}

/* rtun_publish(ctx, type, payload)   Copies the payload and its texts; delivery follows in this turn of the loop, in
 *                                    order. When 16384 wait, further ones are dropped and counted.
 * rtun_subscribe(ctx, name, cb, arg, &sub)  `name` of a type, "exit.*", or "*"; from prepare on. 0 or -RTUN_ENOMEM;
 *                                    -RTUN_ENOTSUP: there are no events (a unit test).
 * rtun_unsubscribe(&sub)             No callback after it.
 * rtun_event_json(ctx, type, instance, payload, buf, size)  In the callback: the event as the command line gets it,
 *                                    {"event","instance","fields":{}}, NUL-terminated. The bytes it has without the NUL,
 *                                    even when they did not fit into `size` (then buf is ""); -RTUN_ENOMEM. */

#ifdef __cplusplus
}
#endif
#endif
