/* SPDX-License-Identifier: BSD-2-Clause
 *
 * budget.c - see budget.h.
 */
#include "budget.h"

#include <sodium.h>
#include <string.h>

void budget_init(struct budget *b, uint32_t per_second, uint32_t per_source)
{
	*b = (struct budget){.per_second = per_second, .per_source = per_source};
	randombytes_buf(b->key, sizeof(b->key));
}

/* Of the first bytes of the address: `four` of an IPv4 address, `six` of an IPv6 address. Never 0. */
static uint64_t hash(const struct budget *b, const struct rtun_addr *from, uint32_t four, uint32_t six)
{
	uint64_t h;
	crypto_shorthash((uint8_t *)&h, from->ip, from->family == 4 ? four : six, b->key);
	return h | 1;
}

static bool knows(const struct budget *b, uint64_t network)
{
	for (uint32_t i = 0; i < BUDGET_NETWORKS; i++)
		if (b->known[i] == network)
			return true;
	return false;
}

static bool take_from(uint32_t *left)
{
	return *left && (*left)--;
}

bool budget_take(struct budget *b, const struct rtun_addr *from, uint64_t now)
{
	uint64_t second = now / RTUN_S;
	uint8_t *spent = &b->spent[(hash(b, from, 4, 8) >> 1) % BUDGET_PLACES];
	if (second != b->second) {
		b->second = second;
		b->left = b->per_second;
		b->left_known = b->per_second / 4;
		memset(b->spent, 0, sizeof(b->spent));
	}
	bool known = knows(b, hash(b, from, 3, 6));
	/* A known network's source may share its place with a flood: there its own part counts alone. */
	if (*spent < b->per_source && take_from(&b->left)) {
		++*spent;
		return true;
	}
	return known && take_from(&b->left_known);
}

void budget_know(struct budget *b, const struct rtun_addr *from)
{
	uint64_t network = hash(b, from, 3, 6);
	if (!knows(b, network))
		b->known[b->known_next++ % BUDGET_NETWORKS] = network;
}
