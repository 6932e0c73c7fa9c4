/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tm_small - built with an older header: its table ends before `setup`, and its rows of commands before `flags`.
 */
#include <restunnel/module.h>

static void old(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	(void)args;
	rtun_reply_ok(&reply, rtun_object(ctx));
}

struct old_command {
	const char *name, *doc, *example;
	const struct rtun_schema *args;
	rtun_command_fn *run;
};
static const struct old_command commands[] = {{"old-one", "The first.", NULL, NULL, old}, {"old-two", "The second.", NULL, NULL, old}};

/* The member names of the time; the compiler must not see more memory than the old struct had. */
struct old_module {
	uint32_t size;
	uint16_t abi_major, abi_minor;
	uint32_t flags, reserved;
	const char *name, *version, *summary, *license;
	const struct rtun_schema *schema;
	struct rtun_list provides, commands;
};
extern RTUN_EXPORT const struct old_module rtun_module;
const struct old_module rtun_module = {
	sizeof(struct old_module), RTUN_ABI_MAJOR, RTUN_ABI_MINOR, 0, 0, "tm_small", "0.9", "An old module.", "BSD-2-Clause", NULL, RTUN_LIST_NONE,
	RTUN_LIST(commands),
};
