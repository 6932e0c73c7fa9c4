/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tm_badname - calls itself something else than its file.
 */
#include <restunnel/module.h>

RTUN_MODULE(tm_othername, .version = "1");
