/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tm_large - built with a newer header of the same version: its table has members that this program has never heard of.
 */
#include <restunnel/module.h>

struct new_module {
	struct rtun_module m;
	void (*unheard_of)(void);
	uint64_t more[16];
};

extern RTUN_EXPORT const struct new_module rtun_module;
const struct new_module rtun_module = {
	.m = {.size = sizeof(struct new_module), .abi_major = RTUN_ABI_MAJOR, .abi_minor = RTUN_ABI_MINOR, .name = "tm_large", .version = "9"},
	.more = {1, 2, 3},
};
