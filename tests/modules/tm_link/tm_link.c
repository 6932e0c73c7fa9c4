/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tm_link - a link of a chain: provides what it may refer to itself.
 */
#include <stdlib.h>

#include <restunnel/module.h>

#include "../test_service.h"

struct config {
	struct rtun_ref next, other, greeter;
	uint32_t end;
};

#define S struct config
static const struct rtun_option rows[] = {
	RTUN_CHOICE(S, end, "no|yes", "no", 0, NULL, "The chain ends here."),
	RTUN_REF(S, next, TEST_LINK, RTUN_REQUIRED, "end=no", "The next link."),
	RTUN_REF(S, other, TEST_LINK, 0, NULL, "Perhaps another one."),
	RTUN_REF(S, greeter, TEST_SERVICE, RTUN_IF_ANY, NULL, "Whoever greets, if anybody does."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(S, rows);

static uint32_t depth(void *obj)
{
	const struct config *cfg = obj;
	const struct test_link_ops *next = cfg->next.ops;
	return next ? 1 + next->depth(cfg->next.obj) : 0;
}
static const struct test_link_ops ops = {sizeof(ops), 0, depth};

static int create(struct rtun_ctx *ctx, const void *p)
{
	union { const void *in; void *out; } cfg = {p};
	return rtun_provide(ctx, TEST_LINK, &ops, cfg.out);
}

static const struct rtun_port ports[] = {{TEST_LINK, NULL}};

RTUN_MODULE(tm_link, .version = "1", .summary = "A link of a chain.", .license = "BSD-2-Clause", .schema = &schema, .provides = RTUN_LIST(ports),
	    .create = create);
