/* SPDX-License-Identifier: BSD-2-Clause
 *
 * verdict.c - the filter's judgement, of which nothing but a clear yes is one.
 */
#include <stdio.h>
#include <string.h>

#include "exit_dialer.h"

int exit_dialer_verdict(const struct exit_dialer *d, const char *host, const struct rtun_addr *a, uint32_t n, uint32_t protocol,
			char why[RTUN_FILTER_WHY])
{
	const struct rtun_filter_ops *filter = d->o.filter.ops;
	int r;
	snprintf(why, RTUN_FILTER_WHY, EXIT_DIALER_NOT_PUBLIC);
	if (host && RTUN_HAS(struct rtun_filter_ops, filter, resolved))
		r = filter->resolved(d->o.filter.obj, host, a, n, protocol, why);
	else
		r = filter->addresses(d->o.filter.obj, a, n, protocol, why);
	why[RTUN_FILTER_WHY - 1] = '\0';
	return r == 0 || r == -RTUN_EUNREACHABLE ? r : -RTUN_EDENIED;
}

struct rtun_addr exit_dialer_plain(const struct rtun_addr *a)
{
	static const uint8_t head[12] = {[10] = 0xff, [11] = 0xff};
	struct rtun_addr v4 = {.family = 4, .port = a->port};
	if (a->family != 6 || memcmp(a->ip, head, sizeof(head)) != 0)
		return *a;
	memcpy(v4.ip, a->ip + 12, 4);
	return v4;
}

bool exit_dialer_too_early(const struct exit_dialer *d, const struct rtun_addr *a, uint32_t n)
{
	for (uint32_t i = 0; d->nat64.lookup && i < n; i++)
		if (a[i].family == 6)
			return true;
	return false;
}
