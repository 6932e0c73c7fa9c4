/* SPDX-License-Identifier: BSD-2-Clause
 *
 * modgraph.h - who refers to whom: judged, completed, and turned into the order of start.
 */
#ifndef MODGRAPH_H
#define MODGRAPH_H

#include "instance.h"

/* Judge the references of all instances (instances without options are known by name only). A required one that was
 * omitted is chosen where exactly one other instance provides what it needs; one that is not required stays empty. Fills
 * `needs`, and sorts the items: providers before those who refer to them, else as they were. `complete`: every entry could
 * be read; else what seems to be missing may be there. 0, -RTUN_ECONFIG (a ring, too, named), -RTUN_ENOMEM. */
int modgraph_resolve(struct instance **items, uint32_t n, bool complete, struct conf_report *r);

#endif
