/* SPDX-License-Identifier: BSD-2-Clause
 *
 * restunnel/schema.h - a module's options: one table from which the core validates the YAML, fills the module's
 * struct, and writes the documentation.
 *
 * The key is the member's name with '-' for '_'. The default is text and goes through the same parser as the file's
 * value. Strings, lists and references in the filled struct belong to the core and live as long as the instance
 * (until the end of `reload` for the struct before it).
 */
#ifndef RESTUNNEL_SCHEMA_H
#define RESTUNNEL_SCHEMA_H

#include "abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Type of a row                  member's type          accepts */
#define RTUN_T_TEXT 1      /* const char *           any text; limits are its length in bytes */
#define RTUN_T_INT 2       /* uint64_t               0, 17: digits without leading zero; limits are its value */
#define RTUN_T_BOOL 3      /* uint32_t               true false yes no on off */
#define RTUN_T_SIZE 4      /* uint64_t, bytes        64KiB: B KiB MiB GiB */
#define RTUN_T_RATE 5      /* uint64_t, bits/s       10Mbit: bit kbit Mbit Gbit */
#define RTUN_T_DURATION 6  /* uint64_t, ns           15m: ms s m h d */
#define RTUN_T_CHOICE 7    /* uint32_t, index        one of the words of `choices` ("closed|filtered|none") */
#define RTUN_T_TEXTS 8     /* struct rtun_list of const char *      a list of texts, or one */
#define RTUN_T_LISTEN 9    /* struct rtun_list of struct rtun_endpoint  "127.0.0.1:1080", "[::1]:1080", "unix:/path", a list of them */
#define RTUN_T_HOSTPORT 10 /* struct rtun_hostport   "name:port", "1.2.3.4:9000", "[::1]:9000" */
#define RTUN_T_FILE 11     /* const char *           a path; may start with ${CREDENTIALS_DIRECTORY} */
#define RTUN_T_REF 12      /* struct rtun_ref        the name of an instance that provides `choices` (a service id) */
#define RTUN_T_NAME 13     /* const char *           [a-z0-9][a-z0-9-]{0,31} */
#define RTUN_T_NAMES 14    /* struct rtun_list of const char *      a list of such names, or one */
#define RTUN_T_BYTES 15    /* struct rtun_bytes      base64; limits are its length in bytes */
#define RTUN_T_TIME 16     /* int64_t, unix seconds  RFC 3339, UTC: 2026-11-23T18:00:00Z; 0 = unknown */
#define RTUN_T_PREFIXES 17 /* struct rtun_list of struct rtun_prefix  "192.0.2.0/24", "2001:db8::/32", a list of them */
#define RTUN_T_RECORDS 18 /* struct rtun_list of structs  a list of keys and values, each judged by `items`; without references */

/* Flags of a row */
#define RTUN_REQUIRED 1U
/* `reload` takes a change of it; without this a change asks for a restart. With a RTUN_T_FILE `reload` comes each time, since
 * what is in the file may have changed. */
#define RTUN_RELOADABLE 2U
#define RTUN_SECRET 4U     /* never shown */
/* RTUN_T_LISTEN: only loopback or unix:, unless the schema's option expose_beyond_loopback (bool) is true and its
 * users_file (file), if it has that option, is set. */
#define RTUN_LOCAL 8U
/* RTUN_T_REF: required where any instance provides the service: the only one is chosen, of several one must be named.
 * With none it stays omitted. */
#define RTUN_IF_ANY 16U
/* RTUN_T_INT, SIZE, RATE, DURATION: the word `none` is a value, too, RTUN_NONE. Neither that nor the 0 of a key that is
 * missing is written by rtun_records_save(). */
#define RTUN_OR_NONE 32U
#define RTUN_NONE UINT64_MAX
/* Lists: one that is there has items. For those whose absence means all, while an empty one would be taken for none. */
#define RTUN_NOT_EMPTY 2048U
/* RTUN_T_FILE: the instance writes it, and may make it anew, also behind the sandbox. Of others the sandbox lets it read. */
#define RTUN_WRITTEN 4096U

struct rtun_endpoint {
	const char *text;      /* as written */
	const char *path;      /* unix: the path; else NULL */
	struct rtun_addr addr; /* else the address */
};
struct rtun_hostport {
	const char *host; /* a name or a literal without brackets; NULL when the key was omitted */
	uint32_t port;
	uint32_t reserved;
};
/* ops and obj are filled before `create` of whoever holds the reference; NULL while checking, or when omitted. */
struct rtun_ref {
	const void *ops;      /* the service's table */
	void *obj;            /* first argument of its functions */
	const char *instance; /* its name; NULL when omitted */
};
struct rtun_bytes {
	const uint8_t *p;
	uint64_t len;
};
struct rtun_prefix {
	struct rtun_addr addr; /* port 0; bits beyond the length are zero */
	uint32_t bits;
};

struct rtun_schema;
struct rtun_option {
	const char *key; /* the member's name: '_' stands for '-' */
	const char *def; /* default as text; NULL: none (zero, NULL, empty list) */
	const char *doc; /* one sentence */
	const char *choices;
	const char *when; /* "role=hub": the row holds only where that option has that value; NULL: always */
	uint64_t min, max; /* both 0: no limits */
	uint32_t type, flags;
	uint32_t offset, reserved;
	const struct rtun_schema *items; /* RTUN_T_RECORDS */
};

#define RTUN_SAME_TYPE(a, b) __builtin_types_compatible_p(a, b)
#ifdef __cplusplus
#define RTUN_MEMBER(T, f, type) ((uint32_t)offsetof(T, f))
#else
/* offsetof, but does not compile where the member has another type */
#define RTUN_MEMBER(T, f, mtype) \
	((uint32_t)(offsetof(T, f) + 0 * sizeof(char[RTUN_SAME_TYPE(__typeof__(((T *)0)->f), mtype) ? 1 : -1])))
#endif
#define RTUN_ROW(T, f, mtype, t, def, choices, min, max, flags, when, doc) \
	{#f, def, doc, choices, when, min, max, t, flags, RTUN_MEMBER(T, f, mtype), 0, NULL}

#define RTUN_TEXT(T, f, def, flags, when, doc) RTUN_ROW(T, f, const char *, RTUN_T_TEXT, def, NULL, 0, 0, flags, when, doc)
#define RTUN_INT(T, f, def, min, max, flags, when, doc) RTUN_ROW(T, f, uint64_t, RTUN_T_INT, def, NULL, min, max, flags, when, doc)
#define RTUN_BOOL(T, f, def, flags, when, doc) RTUN_ROW(T, f, uint32_t, RTUN_T_BOOL, def, NULL, 0, 0, flags, when, doc)
#define RTUN_SIZE(T, f, def, min, max, flags, when, doc) RTUN_ROW(T, f, uint64_t, RTUN_T_SIZE, def, NULL, min, max, flags, when, doc)
#define RTUN_RATE(T, f, def, min, max, flags, when, doc) RTUN_ROW(T, f, uint64_t, RTUN_T_RATE, def, NULL, min, max, flags, when, doc)
#define RTUN_DURATION(T, f, def, min, max, flags, when, doc) RTUN_ROW(T, f, uint64_t, RTUN_T_DURATION, def, NULL, min, max, flags, when, doc)
#define RTUN_CHOICE(T, f, choices, def, flags, when, doc) RTUN_ROW(T, f, uint32_t, RTUN_T_CHOICE, def, choices, 0, 0, flags, when, doc)
#define RTUN_TEXTS(T, f, def, flags, when, doc) RTUN_ROW(T, f, struct rtun_list, RTUN_T_TEXTS, def, NULL, 0, 0, flags, when, doc)
#define RTUN_LISTEN(T, f, def, flags, when, doc) RTUN_ROW(T, f, struct rtun_list, RTUN_T_LISTEN, def, NULL, 0, 0, flags, when, doc)
#define RTUN_HOSTPORT(T, f, def, flags, when, doc) RTUN_ROW(T, f, struct rtun_hostport, RTUN_T_HOSTPORT, def, NULL, 0, 0, flags, when, doc)
#define RTUN_FILE(T, f, def, flags, when, doc) RTUN_ROW(T, f, const char *, RTUN_T_FILE, def, NULL, 0, 0, flags, when, doc)
#define RTUN_REF(T, f, service, flags, when, doc) RTUN_ROW(T, f, struct rtun_ref, RTUN_T_REF, NULL, service, 0, 0, flags, when, doc)
#define RTUN_NAME(T, f, def, flags, when, doc) RTUN_ROW(T, f, const char *, RTUN_T_NAME, def, NULL, 0, 0, flags, when, doc)
#define RTUN_NAMES(T, f, def, flags, when, doc) RTUN_ROW(T, f, struct rtun_list, RTUN_T_NAMES, def, NULL, 0, 0, flags, when, doc)
#define RTUN_BYTES(T, f, def, min, max, flags, when, doc) RTUN_ROW(T, f, struct rtun_bytes, RTUN_T_BYTES, def, NULL, min, max, flags, when, doc)
#define RTUN_TIME(T, f, def, flags, when, doc) RTUN_ROW(T, f, int64_t, RTUN_T_TIME, def, NULL, 0, 0, flags, when, doc)
#define RTUN_PREFIXES(T, f, def, flags, when, doc) RTUN_ROW(T, f, struct rtun_list, RTUN_T_PREFIXES, def, NULL, 0, 0, flags, when, doc)
#define RTUN_RECORDS(T, f, items, flags, when, doc) \
	{#f, NULL, doc, NULL, when, 0, 0, RTUN_T_RECORDS, flags, RTUN_MEMBER(T, f, struct rtun_list), 0, items}

struct rtun_schema {
	uint32_t size;
	uint32_t struct_size; /* of the struct to fill */
	struct rtun_list options;
};
#define RTUN_SCHEMA(T, rows) {sizeof(struct rtun_schema), (uint32_t)sizeof(T), RTUN_LIST(rows)}

#ifdef __cplusplus
}
#endif
#endif
