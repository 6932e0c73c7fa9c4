/* SPDX-License-Identifier: BSD-2-Clause
 *
 * http.h - HTTP/1 messages as a proxy sees them (RFC 9110, RFC 9112). Pure functions: they look at bytes that belong to a
 * stream, hold offsets into them, and copy nothing.
 *
 *   head.c     the parser of heads: start line, list of headers; incremental, strict, bounded
 *   field.c    the headers that matter, and which are not passed on
 *   login.c    Proxy-Authorization
 *   request.c  what a client wants: a tunnel or an exchange, where to, with which body
 *   answer.c   what a server answers, and with which body
 *   body.c     where a body ends
 *   refusal.c  the proxy's own answers, in words
 *
 * Where a body ends (RFC 9112, 6.3). What no row allows is refused: 400 to a client, 502 for a server.
 *
 *   Transfer-Encoding   Content-Length   request                     answer (HEAD, 1xx, 204, 304: none, whatever it says)
 *   -                   -                none                        at the end of the connection
 *   -                   digits, once     so many bytes               so many bytes
 *   -                   anything else    refused                     refused
 *   chunked             -                chunked; HTTP/1.0: refused  chunked; HTTP/1.0: refused
 *   anything else       -                refused (501)               refused
 *   any                 any              refused                     refused
 *
 * Headers. A message is passed on as it came, byte for byte, but for these:
 *
 *   Connection, Keep-Alive, Proxy-Connection, TE, Trailer, Upgrade    removed; and whatever Connection names
 *   Proxy-Authorization, Proxy-Authenticate, Proxy-Authentication-Info  removed: no server sees a login or asks for one
 *   Host                 replaced by what the request's target says (RFC 9112, 3.2.2)
 *   Max-Forwards         counted down for TRACE and OPTIONS
 *   Transfer-Encoding    removed for a client that speaks HTTP/1.0, with the chunks' framing
 *   Connection           added: `close` where a side ends, `Upgrade` for a websocket
 *
 * Nothing that tells of the proxy or its client is added: no Via, no X-Forwarded-For, no Forwarded. (RFC 9110, 7.6.3 asks
 * for Via, against loops; a loop can't come about, since exits refuse the hub and all private networks.)
 */
#ifndef CONNECT_HTTP_H
#define CONNECT_HTTP_H

#include "../frontend/frontend.h"

#define HTTP_REQUEST_MAX 8192U         /* bytes of a request's head */
#define HTTP_ANSWER_MAX RTUN_PEEK_MAX  /* bytes of an answer's head */
#define HTTP_FIELDS_MAX 100U           /* headers of a message */

/* What is wrong with a message. status 0: nothing. */
struct http_verdict {
	uint32_t status;
	const char *error;  /* type for Proxy-Status (RFC 9209); NULL: it is no error */
	const char *why;    /* a sentence */
	const char *remedy; /* another one, or NULL */
};

/* ---- Heads ---- */

struct http_span {
	uint16_t from, to;
};

/* Headers that matter. */
enum http_name {
	HTTP_OTHER,
	HTTP_CONNECTION,
	HTTP_CONTENT_LENGTH,
	HTTP_HOST,
	HTTP_KEEP_ALIVE,
	HTTP_MAX_FORWARDS,
	HTTP_PROXY_AUTHENTICATE,
	HTTP_PROXY_AUTHENTICATION_INFO,
	HTTP_PROXY_AUTHORIZATION,
	HTTP_PROXY_CONNECTION,
	HTTP_TE,
	HTTP_TRAILER,
	HTTP_TRANSFER_ENCODING,
	HTTP_UPGRADE,
	HTTP_NAMES,
};
#define HTTP_BIT(name) (1U << (name))

struct http_field {
	struct http_span name, value; /* without blanks around it */
	uint8_t known;                /* an enum http_name */
	bool drop;                    /* isn't passed on */
};

/* States of the parser; those before HTTP_FIELD are also the tokens of the start line. */
enum http_state {
	HTTP_NOWHERE,
	HTTP_START,
	HTTP_EMPTY_LF, /* of an empty line before a request: skipped, RFC 9112 section 2.2 */
	HTTP_METHOD,
	HTTP_TARGET,
	HTTP_VERSION,
	HTTP_ANSWER_START,
	HTTP_ANSWER_VERSION,
	HTTP_STATUS,
	HTTP_REASON,
	HTTP_LINE_LF,
	HTTP_FIELD,
	HTTP_NAME,
	HTTP_BLANK,
	HTTP_VALUE,
	HTTP_VALUE_LF,
	HTTP_END_LF,
	HTTP_DONE,
};

/* Where the parser stands, and what it has found. Offsets only: the bytes may move between two calls. */
struct http_head {
	uint32_t pos;   /* bytes judged; in the end, the length of the head */
	uint16_t count; /* headers */
	uint8_t state;
	bool answer;
	uint32_t seen;             /* HTTP_BIT()s */
	struct http_field *fields; /* HTTP_FIELDS_MAX to be filled; NULL: they are not listed */
	struct http_span spans[HTTP_DONE];
	struct http_span known[HTTP_NAMES]; /* values by name, the last one where there are several */
};

void http_head_begin(struct http_head *h, bool answer, struct http_field *fields);
/* `p` is the head's first byte, `len` how many have come. True: done, with the verdict; false: more are needed. */
bool http_head_parse(struct http_head *h, const uint8_t *p, uint32_t len, struct http_verdict *ret_verdict);
/* One step of the parser, for what else is made of header lines: HTTP_NOWHERE, or the next state. */
uint8_t http_head_step(uint8_t state, uint8_t byte);

bool http_span_is(const uint8_t *p, struct http_span s, const char *text); /* without case */
bool http_span_number(const uint8_t *p, struct http_span s, uint64_t *ret); /* 1 to 18 digits */
static inline uint32_t http_span_len(struct http_span s) { return (uint32_t)s.to - s.from; }

/* ---- Header list ---- */

enum http_name http_name_of(const uint8_t *p, struct http_span name);
/* What Connection says. */
struct http_options {
	bool close, upgrade, wrong; /* wrong: it names a header that frames the message, or more than a message may have */
};
/* Marks what isn't passed on: `drop` are HTTP_BIT()s, to which hop-by-hop headers and those that Connection names come. */
struct http_options http_drop_fields(struct http_head *h, const uint8_t *p, uint32_t drop);
/* Does a list (RFC 9110, 5.6.1) in any header of this name have this member? */
bool http_list_has(const struct http_head *h, const uint8_t *p, enum http_name name, const char *member);

#define HTTP_PARTS_MAX (HTTP_FIELDS_MAX + 12U)
struct http_parts {
	uint32_t count;
	struct iovec v[HTTP_PARTS_MAX];
};
void http_part(struct http_parts *parts, const void *p, size_t len);
void http_part_text(struct http_parts *parts, const char *text);
/* The headers that are left, and the empty line. */
void http_part_fields(struct http_parts *parts, const struct http_head *h, const uint8_t *p);

/* ---- Bodies ---- */

enum http_framing { HTTP_NO_BODY, HTTP_LENGTH, HTTP_CHUNKED, HTTP_TO_THE_END };

struct http_body {
	uint64_t left;  /* bytes of the body, or of the chunk */
	uint32_t line;  /* bytes of chunk size, extension or trailers so far */
	uint8_t framing;
	uint8_t state;
	bool unframe; /* chunks lose their framing */
};

/* As the table above says. */
struct http_verdict http_body_begin(const struct http_head *h, const uint8_t *p, bool old, struct http_body *ret);
bool http_body_done(const struct http_body *b);
/* The first bytes of p that go the same way: how many, and whether they are passed on or dropped (extensions of chunks,
 * trailers). 0: malformed. The body goes on behind them. What begins a run of n bytes may be asked for again with fewer. */
uint64_t http_body_run(struct http_body *b, const uint8_t *p, uint64_t n, bool *ret_pass);

/* ---- Requests ---- */

struct http_request {
	struct frontend_request to;
	struct http_body body;
	struct http_span authority; /* of an absolute-form target */
	struct http_span path;      /* with query; may be empty, or begin with '?' */
	bool connect;
	bool head;      /* HEAD: the answer has no body */
	bool safe;      /* may be said twice: safe method, no body */
	bool options;   /* OPTIONS without a path means "*" */
	bool old;       /* HTTP/1.0 */
	bool close;     /* the client's last one */
	bool websocket; /* asks for one */
	bool counted;   /* has a Max-Forwards that counts */
	char forwards[24]; /* what is left of it */
};

/* `h` is complete. What a tunnel and an exchange have in common, logins included. */
struct http_verdict http_request_judge(const struct http_head *h, const uint8_t *p, struct http_request *ret);
/* The rest, for an exchange: marks the headers to drop; needs the list. */
struct http_verdict http_request_prepare(struct http_head *h, const uint8_t *p, struct http_request *r);
/* The request as the server gets it. `forwards` and `h` must outlive the parts. */
void http_request_parts(const struct http_request *r, const struct http_head *h, const uint8_t *p, struct http_parts *ret);

/* "Basic " and base64 of user:password. */
bool http_parse_login(const uint8_t *p, uint32_t len, struct frontend_request *ret);
/* "name:443", "192.0.2.1:443" or "[2001:db8::1]:443"; port 0: it must be there, else it may be missing, or empty. */
bool http_parse_authority(const char *text, size_t len, uint16_t port, struct frontend_request *ret);

/* ---- Answers ---- */

struct http_answer {
	struct http_body body;
	uint32_t status;
	bool close;   /* the server's last one */
	bool upgrade; /* 101 */
	bool interim; /* 1xx: another one follows */
};

/* `r`: what it answers. Marks the headers to drop. */
struct http_verdict http_answer_judge(struct http_head *h, const uint8_t *p, const struct http_request *r,
				      struct http_answer *ret);
/* The answer as the client gets it; close: it is the connection's last one. */
void http_answer_parts(const struct http_answer *a, const struct http_head *h, const uint8_t *p, bool close,
		       struct http_parts *ret);

/* ---- Refusals ---- */

/* For the end of a dial, or of a stream: an RTUN_E... or FRONTEND_RESULT_LOGIN. `why` NULL: a sentence of our own. */
struct http_verdict http_verdict_of(uint32_t err, const char *why);
/* A whole answer, which ends the connection. bare: without its body, for HEAD. The number of bytes. */
uint32_t http_format_refusal(const struct http_verdict *v, bool bare, char ret[FRONTEND_ANSWER_MAX]);

#endif
