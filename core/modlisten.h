/* SPDX-License-Identifier: BSD-2-Clause
 *
 * modlisten.h - who listens where: no two on the same address and port; and nobody on any, where that is promised.
 */
#ifndef MODLISTEN_H
#define MODLISTEN_H

#include <jansson.h>

#include "instance.h"

/* Judge the RTUN_T_LISTEN options of all instances that have their options, in the order of the configuration. 0 or
 * -RTUN_ECONFIG, each clash told at its second place, with the first; and each port where an instance needs that there is
 * none (RTUN_NEED_NO_PORT). */
int modlisten_judge(struct instance *const *items, uint32_t n, struct conf_report *r);

/* Where an instance listens, as it is written: a list of texts. New reference. */
json_t *modlisten_json(struct instance *in);

#endif
