/* SPDX-License-Identifier: BSD-2-Clause
 *
 * service.c - services promised by descriptors, given in `create`, handed to those who refer to them.
 */
#include "service.h"

#include <stdlib.h>
#include <string.h>

#include "instance.h"
#include "list_rows.h"

static bool service_port(const struct instance *in, uint32_t i, struct rtun_port *ret)
{
	return list_row(&in->module->m.provides, i, ret, sizeof(*ret));
}

/* Does row `p` hold for this instance? One whose options are not known is given the benefit of the doubt. */
static bool service_port_holds(const struct instance *in, const struct rtun_port *p)
{
	return !in->cfg || schema_when(in->module->m.schema, in->cfg->cfg, p->when);
}

bool service_promised(const struct instance *in, const char *service)
{
	struct rtun_port p;
	for (uint32_t i = 0; in->module && service_port(in, i, &p); i++)
		if (!strcmp(p.service, service) && service_port_holds(in, &p)) return true;
	return false;
}

static const struct service_provided *service_find(const struct instance *in, const char *service)
{
	for (uint32_t i = 0; i < in->provided_count; i++)
		if (!strcmp(in->provided[i].service, service)) return &in->provided[i];
	return NULL;
}

const char *service_missing(const struct instance *in)
{
	struct rtun_port p;
	for (uint32_t i = 0; service_port(in, i, &p); i++)
		if (service_port_holds(in, &p) && !service_find(in, p.service)) return p.service;
	return NULL;
}

int host_provide(struct rtun_ctx *ctx, const char *service, const void *ops, void *obj)
{
	struct instance *in = instance_of(ctx);
	if (!ops || in->state != INSTANCE_CREATED || !service_promised(in, service)) return -RTUN_EINVAL;
	if (service_find(in, service)) return -RTUN_EINVAL;
	struct service_provided *items = realloc(in->provided, (in->provided_count + 1) * sizeof(*items));
	if (!items) return -RTUN_ENOMEM;
	in->provided = items;
	struct rtun_port p = {service, NULL};
	/* the descriptor's own text lives as long as the module */
	for (uint32_t i = 0; service_port(in, i, &p) && strcmp(p.service, service); i++) {}
	items[in->provided_count++] = (struct service_provided){p.service, ops, obj};
	return 0;
}

void service_resolve(const struct instance *in, void *cfg, struct instance *(*find)(void *arg, const char *name), void *arg)
{
	const struct rtun_option *row;
	for (uint32_t i = 0; (row = schema_row(in->module->m.schema, i)); i++) {
		if (row->type != RTUN_T_REF) continue;
		struct rtun_ref *ref = (struct rtun_ref *)(void *)((char *)cfg + row->offset);
		const struct instance *to = ref->instance ? find(arg, ref->instance) : NULL;
		const struct service_provided *p = to ? service_find(to, row->choices) : NULL;
		if (to) ref->instance = to->name; /* lives longer than the options it was read from */
		ref->ops = p ? p->ops : NULL;
		ref->obj = p ? p->obj : NULL;
	}
}
