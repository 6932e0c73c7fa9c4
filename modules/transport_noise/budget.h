/* SPDX-License-Identifier: BSD-2-Clause
 *
 * budget.h - work that strangers can cause: so much a second in all, and so much for one source.
 *
 * A source is a /32 or a /64. Sources are told apart by a hash with a secret key, so some share a place, which nobody
 * can choose. Who floods from forged sources can use up what there is for all; so networks (a /24 or a /48) from which
 * a device has come before have a part of their own.
 */
#ifndef BUDGET_H
#define BUDGET_H

#include <stdbool.h>

#include <restunnel/module.h>

#define BUDGET_PLACES 1024
#define BUDGET_NETWORKS 64

struct budget {
	uint32_t per_second, per_source; /* a network that is known has a quarter of per_second besides */
	uint64_t second;
	uint32_t left, left_known;
	uint8_t spent[BUDGET_PLACES];
	uint64_t known[BUDGET_NETWORKS]; /* hashes */
	uint32_t known_next;
	uint8_t key[16];
};

void budget_init(struct budget *b, uint32_t per_second, uint32_t per_source);
/* One piece of work for `from`? Time is in ns, of the monotonic clock. */
bool budget_take(struct budget *b, const struct rtun_addr *from, uint64_t now);
/* A device has proved itself from there. */
void budget_know(struct budget *b, const struct rtun_addr *from);

#endif
