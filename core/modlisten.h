/* SPDX-License-Identifier: BSD-2-Clause
 *
 * modlisten.h - who listens where: no two on the same address and port.
 */
#ifndef MODLISTEN_H
#define MODLISTEN_H

#include "instance.h"

/* Judge the RTUN_T_LISTEN options of all instances that have their options, in the order of the configuration. 0 or
 * -RTUN_ECONFIG, each clash told at its second place, with the first. */
int modlisten_judge(struct instance *const *items, uint32_t n, struct conf_report *r);

#endif
