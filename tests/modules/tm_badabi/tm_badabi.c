/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tm_badabi - built for an ABI that this program does not have.
 */
#include <restunnel/module.h>

RTUN_EXPORT extern const struct rtun_module rtun_module;
const struct rtun_module rtun_module = {
	.size = sizeof(struct rtun_module), .abi_major = RTUN_ABI_MAJOR + 7, .abi_minor = 3, .name = "tm_badabi",
};
