/* SPDX-License-Identifier: BSD-2-Clause
 *
 * match.c - does a rule concern a connection? It is judged by what the client asked for: a name is a name, even if it
 * stands for an address that is also in a rule, and the other way round.
 */
#include <string.h>
#include <strings.h>
#include <time.h>

#include "rules.h"

/* ---- Ports ---- */

static bool read_number(const char **text, uint32_t most, uint32_t *ret)
{
	uint32_t n = 0, digits = 0;
	for (; **text >= '0' && **text <= '9' && digits < 6; digits++, (*text)++)
		n = n * 10 + (uint32_t)(**text - '0');
	*ret = n;
	return digits > 0 && n <= most;
}

bool rules_parse_ports(const char *text, uint16_t *ret_first, uint16_t *ret_last)
{
	uint32_t first, last;
	if (!read_number(&text, 65535, &first))
		return false;
	last = first;
	if (*text == '-' && (text++, !read_number(&text, 65535, &last)))
		return false;
	*ret_first = (uint16_t)first;
	*ret_last = (uint16_t)last;
	return !*text && first <= last;
}

static bool port_in(const struct rtun_list *ports, uint16_t port)
{
	uint16_t first, last;
	for (uint32_t i = 0; i < ports->count; i++)
		if (rules_parse_ports(rules_text(ports, i), &first, &last) && port >= first && port <= last)
			return true;
	return !ports->count;
}

/* ---- Times ---- */

#define DAY 1440

static int read_day(const char **text)
{
	static const char *const names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
	for (int i = 0; i < 7; i++)
		if (strncmp(*text, names[i], 3) == 0) {
			*text += 3;
			return i;
		}
	return -1;
}

/* "mon-fri,sun"; false: there is none, or it is none. */
static bool read_days(const char **text, uint8_t *ret)
{
	*ret = 0;
	do {
		int first = read_day(text), last = first;
		if (**text == '-')
			(*text)++, last = read_day(text);
		if (first < 0 || last < 0)
			return false;
		for (int i = first;; i = (i + 1) % 7) {
			*ret |= (uint8_t)(1U << i);
			if (i == last)
				break;
		}
	} while (**text == ',' && (*text)++);
	return true;
}

/* "08:00", at most 24:00 */
static bool read_clock(const char **text, uint16_t *ret)
{
	uint32_t hour, minute;
	const char *from = *text;
	if (!read_number(text, 24, &hour) || *text - from != 2 || *(*text)++ != ':')
		return false;
	from = *text;
	if (!read_number(text, 59, &minute) || *text - from != 2 || hour * 60 + minute > DAY)
		return false;
	*ret = (uint16_t)(hour * 60 + minute);
	return true;
}

bool rules_parse_time(const char *text, struct rules_time *t)
{
	*t = (struct rules_time){0x7f, 0, DAY};
	if (*text >= 'a' && *text <= 'z') {
		if (!read_days(&text, &t->days))
			return false;
		if (!*text)
			return true;
		if (*text++ != ' ')
			return false;
	}
	return read_clock(&text, &t->from) && *text++ == '-' && read_clock(&text, &t->until) && !*text && t->from < DAY && t->from != t->until;
}

bool rules_time_match(const struct rules_time *t, int day, int minute)
{
	bool today = t->days >> day & 1, yesterday = t->days >> (day + 6) % 7 & 1;
	if (t->from < t->until)
		return today && minute >= t->from && minute < t->until;
	return (today && minute >= t->from) || (yesterday && minute < t->until);
}

static bool time_in(const struct rtun_list *times, int64_t wall_ms)
{
	time_t now = (time_t)(wall_ms / 1000);
	struct rules_time t;
	struct tm tm;
	if (!times->count || !localtime_r(&now, &tm))
		return !times->count;
	for (uint32_t i = 0; i < times->count; i++)
		if (rules_parse_time(rules_text(times, i), &t) && rules_time_match(&t, tm.tm_wday, tm.tm_hour * 60 + tm.tm_min))
			return true;
	return false;
}

/* ---- Targets ---- */

bool rules_is_domain(const char *text)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	for (;;) {
		size_t len = strspn(text, chars);
		if (!len || len > 63)
			return false;
		if (!text[len])
			return true;
		if (text[len] != '.')
			return false;
		text += len + 1;
	}
}

static bool is_below(const char *host, const char *domain)
{
	size_t len = strlen(host), end = strlen(domain);
	if (len && host[len - 1] == '.')
		len--;
	return len >= end && strncasecmp(host + len - end, domain, end) == 0 && (len == end || host[len - end - 1] == '.');
}

/* The IPv4 address that an IPv6 one is another spelling of, or leads to where the exit has NAT64 (RFC 6052). */
static bool embedded(const struct rtun_addr *a, struct rtun_addr *ret)
{
	static const uint8_t heads[][12] = {{[10] = 0xff, [11] = 0xff}, {0, 0x64, 0xff, 0x9b}};
	*ret = (struct rtun_addr){.family = 4, .port = a->port};
	memcpy(ret->ip, a->ip + 12, 4);
	return a->family == 6 && (memcmp(a->ip, heads[0], 12) == 0 || memcmp(a->ip, heads[1], 12) == 0);
}

static bool covers(const struct rtun_prefix *p, const struct rtun_addr *a)
{
	uint32_t whole = p->bits / 8, rest = p->bits % 8;
	if (a->family != p->addr.family || memcmp(a->ip, p->addr.ip, whole) != 0)
		return false;
	return !rest || ((a->ip[whole] ^ p->addr.ip[whole]) >> (8 - rest)) == 0;
}

static bool is_in(const struct rtun_addr *a, const struct rtun_prefix *p)
{
	struct rtun_addr inner;
	return covers(p, a) || (embedded(a, &inner) && covers(p, &inner));
}

static bool target_in(const struct rules_rule *r, const struct rtun_dial_req *req)
{
	for (uint32_t i = 0; req->host && i < r->domains.count; i++)
		if (is_below(req->host, rules_text(&r->domains, i)))
			return true;
	for (uint32_t i = 0; !req->host && i < r->addresses.count; i++)
		if (is_in(&req->addr, (const void *)((const char *)r->addresses.items + (size_t)i * r->addresses.item_size)))
			return true;
	return !r->domains.count && !r->addresses.count;
}

static bool frontend_in(const struct rtun_list *frontends, const char *source)
{
	for (uint32_t i = 0; source && i < frontends->count; i++)
		if (strcmp(rules_text(frontends, i), source) == 0)
			return true;
	return !frontends->count;
}

bool rules_match(const struct rules_rule *r, const struct rtun_dial_req *req, int64_t wall_ms)
{
	return target_in(r, req) && port_in(&r->ports, req->addr.port) && frontend_in(&r->frontends, req->source) &&
	       time_in(&r->times, wall_ms);
}
