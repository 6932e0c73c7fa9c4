/* SPDX-License-Identifier: BSD-2-Clause
 *
 * transport_commands.h - the arguments of the verbs of both roles.
 */
#ifndef TRANSPORT_COMMANDS_H
#define TRANSPORT_COMMANDS_H

#include <stdbool.h>

#include <restunnel/module.h>

struct args_pair {
	const char *name;
};
struct args_withdraw {
	const char *pairing;
};
struct args_device {
	const char *device;
};
struct args_rename {
	const char *old, *new_name;
};
struct args_tag {
	const char *device;
	struct rtun_list tags;
};
struct args_limit {
	const char *device;
	uint64_t streams, up, down, monthly; /* 0: as it is; RTUN_NONE: no limit */
};
struct args_default {
	const char *exit;
};
struct args_enroll {
	const char *url, *name;
};
struct args_forget {
	const char *hub;
};

/* "203.0.113.7" or "2001:db8::1", with its port on demand. */
const char *transport_address(const struct rtun_addr *a, bool port, char buf[64]);

#endif
