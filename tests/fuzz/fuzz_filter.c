/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Targets, as a hub may ask for them, and what name servers say about NAT64. A name that may be looked up is no address in
 * any spelling that the C library knows; an address that is public is one of those that are handed out; and learning
 * never makes anything public.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "../../modules/ipfilter/name.c"
#include "../../modules/ipfilter/nat64.c"
#include "../../modules/ipfilter/range.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static void name(const uint8_t *p, size_t len)
{
	char *text = malloc(len + 1);
	struct in6_addr any;
	struct in_addr v4;
	memcpy(text, p, len);
	text[len] = 0;
	if (!ipfilter_name_objection((const char *)p, len) &&
	    (strlen(text) != len || !strchr(text, '.') || inet_aton(text, &v4) || inet_pton(AF_INET6, text, &any) == 1))
		abort();
	free(text);
}

static void address(const uint8_t *p, size_t len)
{
	struct rtun_addr said[40], a = {.family = 6}, inner;
	struct ipfilter_nat64 n;
	uint32_t count = 0;
	for (; len >= 32 && count < 40; p += 16, len -= 16) {
		said[count] = (struct rtun_addr){.family = 6};
		memcpy(said[count++].ip, p, 16);
	}
	if (len < 16)
		return;
	memcpy(a.ip, p, 16);
	ipfilter_nat64_learn(&n, said, count);
	if (n.count > IPFILTER_NAT64_MAX)
		abort();
	for (uint32_t i = 0; i < n.count; i++)
		if (ipfilter_nat64_embedded(&n, i, &a, &inner) && inner.family != 4)
			abort();
	if (ipfilter_range_public(&a) && (a.ip[0] & 0xe0) != 0x20 && !ipfilter_range_embedded(&a, &inner))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (len > 0 && p[0] & 1)
		address(p + 1, len - 1);
	else if (len > 0)
		name(p + 1, len - 1);
	return 0;
}
