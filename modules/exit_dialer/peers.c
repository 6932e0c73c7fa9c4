/* SPDX-License-Identifier: BSD-2-Clause
 *
 * peers.c - address and port of those that an association has sent to: only from there is anything let in (RFC 4787,
 * address and port-dependent filtering). What comes does not prolong it, only what is sent does.
 */
#include <stdlib.h>
#include <string.h>

#include "associate.h"

#define EXPECTED (300 * RTUN_S) /* RFC 4787, REQ-5 */

struct peer {
	struct peer *next;           /* in its bucket */
	struct peer *older, *newer;
	struct rtun_addr addr;
	uint64_t until;
};

static uint32_t hash(const struct rtun_addr *a)
{
	uint32_t h = a->port;
	for (uint32_t i = 0; i < sizeof(a->ip); i++)
		h = (h ^ a->ip[i]) * 16777619U; /* FNV-1a */
	return (h ^ h >> 16) % PEERS_BUCKETS;
}

static struct peer *find(const struct peers *p, const struct rtun_addr *a)
{
	struct peer *x = p->buckets[hash(a)];
	while (x && memcmp(&x->addr, a, sizeof(*a)) != 0)
		x = x->next;
	return x;
}

static void unlink_age(struct peers *p, struct peer *x)
{
	*(x->older ? &x->older->newer : &p->oldest) = x->newer;
	*(x->newer ? &x->newer->older : &p->newest) = x->older;
}

static void link_newest(struct peers *p, struct peer *x)
{
	x->older = p->newest;
	x->newer = NULL;
	*(x->older ? &x->older->newer : &p->oldest) = x;
	p->newest = x;
}

static void forget_oldest(struct peers *p)
{
	struct peer *x = p->oldest, **at = &p->buckets[hash(&x->addr)];
	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	unlink_age(p, x);
	p->count--;
	free(x);
}

int peers_add(struct peers *p, const struct rtun_addr *a, uint64_t now, uint64_t most)
{
	struct peer *x = find(p, a);
	while (p->oldest && p->oldest != x && (p->oldest->until <= now || (!x && p->count >= most)))
		forget_oldest(p);
	if (x) {
		unlink_age(p, x);
	} else {
		if (!(x = calloc(1, sizeof(*x))))
			return -RTUN_ENOMEM;
		x->addr = *a;
		x->next = p->buckets[hash(a)];
		p->buckets[hash(a)] = x;
		p->count++;
	}
	x->until = now + EXPECTED;
	link_newest(p, x);
	return 0;
}

bool peers_expect(const struct peers *p, const struct rtun_addr *a, uint64_t now)
{
	const struct peer *x = find(p, a);
	return x && now < x->until;
}

void peers_fini(struct peers *p)
{
	while (p->oldest)
		forget_oldest(p);
}
