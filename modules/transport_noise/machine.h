/* SPDX-License-Identifier: BSD-2-Clause
 *
 * machine.h - what Linux says of the machine that an exit runs on: its power, and the kind of network that its default route
 * leaves by. The kernel knows nothing of money: whether a network is metered is not to be had without a daemon's help.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdint.h>

/* The numbers are those of the wire. */
enum machine_power { POWER_UNKNOWN, POWER_MAINS, POWER_BATTERY, POWER_CHARGING, POWERS };
enum machine_network { NETWORK_UNKNOWN, NETWORK_WIRED, NETWORK_WIFI, NETWORK_MOBILE, NETWORKS };
extern const char *const machine_power_names[POWERS], *const machine_network_names[NETWORKS]; /* NULL: unknown */

#define BATTERY_UNKNOWN UINT32_MAX
struct machine {
	uint32_t battery; /* percent, or BATTERY_UNKNOWN */
	uint32_t power, network;
};

/* Reads files below `root`/sys and `root`/proc: "/", but in a test. May take a while: some batteries are
 * asked by way of a slow bus. What can't be read is unknown. */
void machine_read(const char *root, struct machine *ret);

#endif
