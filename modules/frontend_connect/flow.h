/* SPDX-License-Identifier: BSD-2-Clause
 *
 * flow.h - bytes on their way from one stream to another. Nothing is held here: what the one side doesn't take stays in
 * the other's stream, whose flow control then stops its sender. So a slow reader stalls nobody but himself.
 */
#ifndef CONNECT_FLOW_H
#define CONNECT_FLOW_H

#include "http.h"

enum flow {
	FLOW_BLOCKED,   /* until a stream is ready: it was asked to tell */
	FLOW_MOVED,     /* go on */
	FLOW_DONE,      /* all of it is through */
	FLOW_ENDED,     /* the source ended before its time */
	FLOW_MALFORMED, /* the source's framing is */
	FLOW_LOST,      /* the destination takes nothing any more */
	FLOW_GONE,      /* so is who asked */
};

/* Sends the parts but the first *sent bytes of them, and counts. */
enum flow flow_parts(struct http_parts *parts, struct rtun_stream *to, uint64_t *sent);
/* Moves a body, and adds to *count what was passed on. */
enum flow flow_body(struct http_body *b, struct rtun_stream *from, struct rtun_stream *to, uint64_t *count);

#endif
