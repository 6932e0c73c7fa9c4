/* SPDX-License-Identifier: BSD-2-Clause
 *
 * exchange.h - requests of one client, one after the other, and the answers to them.
 *
 *   exchange.c          life: begin, dial, refuse, next, end
 *   exchange_request.c  from client to server
 *   exchange_answer.c   from server to client
 *
 * An exchange has two sides, which move on their own. A box is a function; what it waits for is in brackets.
 *
 *   request   IDLE ----head----> DIAL --connected--> SEND --------> BODY ----end----> SAID
 *             [client sends,      |  [dialer]       [server takes]  [client sends,    [client leaves]
 *              keep-alive timer]  |                   ^              server takes]      |
 *               |  |              '-- refused         |                                 |
 *     CONNECT --'  '--same server as before, safe-----'                                 |
 *     back to frontend_conn.c                                                           |
 *                          1xx                                                          |
 *                       .---------.                                                     |
 *   answer    NONE --> HEAD --> REPLY --> CONTENT --end--> ANSWERED --both are over-----'--> IDLE, or the end
 *             [idle    [server  [client   [server sends,
 *              server]  sends]   takes]    client takes]
 *                                  '-- 101: a relay from now on
 *
 * What ends a side before its time:
 *
 *   event                              before REPLY               from REPLY on
 *   -----                              ------------               -------------
 *   the request is malformed           400                        both aborted
 *   the client aborts                  the server's is aborted    the same
 *   the client ends within its body    the server's is aborted    both aborted
 *   ... between requests               the end                    -
 *   ... after its request (half-close) passed on; the answer is awaited, at most half-close-timeout
 *   the server takes no more           its answer is awaited      goes on; the client's last one
 *   the server ends, aborts            502, or as the tunnel says both aborted; but the end of the
 *                                      (idle before and nothing    connection ends a body that
 *                                      said: dialled again)        has no other end
 *   the answer is malformed            502                        both aborted
 *
 * Aborted means RST or RESET: a broken answer never looks like a whole one, at any hop.
 *
 * The head of a request stays in the client's stream until it has been sent; one that may be said twice (GET, HEAD, OPTIONS,
 * no body) until the answer has come. Only such a request goes to a server that was used before, since that may be about
 * to close the connection: then it is said again to a new one.
 */
#ifndef CONNECT_EXCHANGE_H
#define CONNECT_EXCHANGE_H

#include "flow.h"

enum { EXCHANGE_IDLE, EXCHANGE_DIAL, EXCHANGE_SEND, EXCHANGE_BODY, EXCHANGE_SAID };
enum { EXCHANGE_NONE, EXCHANGE_HEAD, EXCHANGE_REPLY, EXCHANGE_CONTENT, EXCHANGE_ANSWERED };

struct exchange {
	struct frontend_conn *c;
	struct rtun_stream *target;  /* NULL: there is none */
	struct frontend_request led; /* where it leads */
	uint32_t changes;            /* of what chose its exit, until it was dialled */
	struct rtun_timer *timer;    /* keep-alive, or half-close */
	uint8_t request, answer;     /* the states above */
	bool busy;                   /* not idle: a stop waits for it */
	bool reused;                 /* the target has served a request before */
	bool client_ended;           /* the client has said all it will say */
	bool server_deaf;            /* the target took less than the whole request */
	bool last;                   /* the client's connection ends with this answer */
	uint32_t held;               /* bytes of the request's head, which the client's stream still has */
	uint32_t need[2];            /* from client, server: without so many there is no point in looking */
	uint64_t sent;               /* bytes of the head under way */
	uint64_t bytes[2];           /* to the target, from it */
	struct http_request r;
	struct http_answer a;
	struct http_head head; /* the request's, then the answer's */
	struct http_field fields[HTTP_FIELDS_MAX];
};

/* Of struct frontend_protocol. */
int exchange_serve(struct frontend_conn *c, const struct frontend_message *m);
void exchange_drain(struct frontend_conn *c);
void exchange_release(struct frontend_conn *c);

/* ---- Between its files: FLOW_GONE where `x` is no more, else BLOCKED or MOVED ---- */

enum flow exchange_step_request(struct exchange *x);
enum flow exchange_step_answer(struct exchange *x);

/* The request is complete: to a server. */
enum flow exchange_dial(struct exchange *x);
/* The client gets an answer of ours, and the end. `result` is counted. */
enum flow exchange_refuse(struct exchange *x, const struct http_verdict *v, uint32_t result);
/* Both connections are aborted. */
enum flow exchange_abort(struct exchange *x, uint32_t err, uint32_t result);
/* The target is closed: in order (err 0), or aborted. */
void exchange_leave(struct exchange *x, uint32_t err);
/* The request is read again. */
void exchange_rewind(struct exchange *x);
/* Another request, if there may be one. */
enum flow exchange_next(struct exchange *x);
/* Gives the client back, to be read as if it had just come; or to be joined to the target. */
enum flow exchange_give_back(struct exchange *x);
enum flow exchange_upgrade(struct exchange *x);

#endif
