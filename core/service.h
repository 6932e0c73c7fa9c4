/* SPDX-License-Identifier: BSD-2-Clause
 *
 * service.h - who provides what: what a descriptor promises, what an instance gave, and references filled from it.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>

#include "hostctx.h"

struct service_provided {
	const char *service; /* the descriptor's text */
	const void *ops;
	void *obj;
};

/* Does the descriptor promise `service` for an instance with these options? */
bool service_promised(const struct instance *in, const char *service);
/* After `create`: everything that was promised was given. Names the first that was not, or NULL. */
const char *service_missing(const struct instance *in);
/* Fill ops and obj of every reference in a struct filled by the instance's schema; `find` gives instances by name. */
void service_resolve(const struct instance *in, void *cfg, struct instance *(*find)(void *arg, const char *name), void *arg);

int host_provide(struct rtun_ctx *ctx, const char *service, const void *ops, void *obj);

#endif
