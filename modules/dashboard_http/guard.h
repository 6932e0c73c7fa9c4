/* SPDX-License-Identifier: BSD-2-Clause
 *
 * guard.h - may this request be looked at? One table of checks, in their order, of what any page in the owner's browser, any
 * name that an attacker's DNS gives for 127.0.0.1, and any program of this machine could send.
 */
#ifndef DASH_GUARD_H
#define DASH_GUARD_H

#include "login.h"
#include "server.h"

/* What a route asks for. GET and HEAD never have an effect; only POST has. */
#define DASH_POST 1U /* POST with JSON and the token; else GET or HEAD */
#define DASH_OPEN 2U /* without a login: what it gives is no secret, or it is the login */

struct dash_refusal {
	uint32_t status;
	const char *code, *text, *remedy;
};

/* NULL: it may. */
const struct dash_refusal *dash_guard(const struct dash_request *r, uint32_t route, const struct dash_login *login, int64_t now);

/* The parts, for their tests. */
bool dash_guard_host(const struct dash_request *r);
bool dash_guard_origin(const struct dash_request *r);

#endif
