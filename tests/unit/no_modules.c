/* SPDX-License-Identifier: BSD-2-Clause
 * Unit tests have no modules inside, whatever the program has: a test of a module brings that module's code itself.
 */
struct rtun_module;
extern const struct rtun_module *const modload_static_modules[];
const struct rtun_module *const modload_static_modules[] = {0};
