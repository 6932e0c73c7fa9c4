/* SPDX-License-Identifier: BSD-2-Clause
 *
 * restunnel/abi.h - versions, result codes, and the few types that everything else is made of.
 *
 * Two kinds of public struct exist. A *table* begins with `uint32_t size` (its sizeof in the program that filled
 * it) and only ever gains members at its end. A *value* is frozen: a new need gets a new type. Everything else is
 * opaque. Arrays of tables travel as struct rtun_list, so that a row can grow too.
 *
 * Threads: every function and callback of this ABI belongs to the loop's thread and is marked [loop], but
 * rtun_post(), which is marked [any], and the work function of rtun_work(), marked [worker].
 */
#ifndef RESTUNNEL_ABI_H
#define RESTUNNEL_ABI_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* While the major is 0, a module's minor must equal the host's. doc/abi-changes.md has a paragraph for each. */
#define RTUN_ABI_MAJOR 0
#define RTUN_ABI_MINOR 1

/* Results. A function that can fail returns 0 (or a count) and, on failure, the negative of one of these.
 * 1 to 15 are the ends a stream or a dial can come to: frontends map them to SOCKS replies and HTTP statuses.
 * Gaps are for later codes; an unknown one is to be treated as RTUN_EINTERNAL. */
#define RTUN_EREFUSED 1     /* the target answered: nobody listens there */
#define RTUN_EUNREACHABLE 2 /* no route, host down, address family not available */
#define RTUN_ETIMEOUT 3
#define RTUN_EDENIED 4 /* a filter or rule said no */
#define RTUN_EDNS 5    /* the name does not resolve */
#define RTUN_ENOEXIT 6 /* no exit is connected, or the one asked for is away */
#define RTUN_EOVERLOAD 7
#define RTUN_ERESET 8     /* the other end aborted */
#define RTUN_ETRUNCATED 9 /* the carrier ended without an authenticated end of stream */
#define RTUN_EINTERNAL 10
#define RTUN_EADDRTYPE 11 /* this kind of address can't be dialled here */
#define RTUN_ESELECTOR 12 /* the wish for an exit (a username) was not understood */

#define RTUN_EAGAIN 32  /* not now: ask with want() to be told when */
#define RTUN_EPIPE 33   /* write after shutdown or abort */
#define RTUN_EINVAL 34  /* the arguments break the rules of the call */
#define RTUN_ENOMEM 35  /* memory, or a budget of it, is used up */
#define RTUN_ENOTSUP 36 /* this object has no such operation */
#define RTUN_ENOENT 37
#define RTUN_EEXIST 38
#define RTUN_EIO 39    /* a system call failed: the log has its errno in words */
#define RTUN_ECONFIG 40 /* the reason has been reported at FILE:LINE:COL by rtun_conf_error() */

/* An array whose rows may grow: row i is at (const char *)items + i * item_size. Frozen value. */
struct rtun_list {
	const void *items;
	uint32_t count;
	uint32_t item_size;
};
#define RTUN_LIST(array) {(array), (uint32_t)(sizeof(array) / sizeof((array)[0])), (uint32_t)sizeof((array)[0])}
#define RTUN_LIST_NONE {NULL, 0, 0}

/* Is member `m` there in table *p, which was filled by a program that may be older than this header? */
#define RTUN_HAS(type, p, m) ((p)->size >= offsetof(type, m) + sizeof((p)->m) && (p)->m)

/* An IP address and port, or none (family 0). Frozen value. */
struct rtun_addr {
	uint8_t family; /* 0 none, 4, 6 */
	uint8_t reserved;
	uint16_t port;  /* host byte order */
	uint8_t ip[16]; /* network byte order; IPv4 in the first four bytes, the others zero */
};

#if defined __GNUC__
#define RTUN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define RTUN_EXPORT __attribute__((visibility("default")))
#define RTUN_MUST_CHECK __attribute__((warn_unused_result))
#else
#define RTUN_PRINTF(fmt, args)
#define RTUN_EXPORT
#define RTUN_MUST_CHECK
#endif

struct rtun_host;
struct rtun_ctx;
struct rtun_stream;
struct rtun_relay;
struct rtun_timer;
struct rtun_watch;
struct rtun_defer;
struct rtun_op;
struct rtun_work;
struct rtun_listener;
struct rtun_value;
struct rtun_reply;
struct rtun_subscription;

/* Every opaque object begins with this, so that the inline functions find the host without a ctx. */
struct rtun_object {
	const struct rtun_host *host;
};
#define RTUN_HOST(object) (((const struct rtun_object *)(const void *)(object))->host)

#ifdef __cplusplus
}
#endif
#endif
