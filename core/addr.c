/* SPDX-License-Identifier: BSD-2-Clause
 *
 * addr.c - struct rtun_addr to and from text and sockaddr.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool addr_parse_ip(const char *text, struct rtun_addr *ret)
{
	struct rtun_addr a = {0};

	/* inet_pton() knows no zones and no short forms, which is what is wanted */
	if (inet_pton(AF_INET, text, a.ip) == 1)
		a.family = 4;
	else if (inet_pton(AF_INET6, text, a.ip) == 1)
		a.family = 6;
	else
		return false;
	*ret = a;
	return true;
}

/* 0 to 65535, digits without leading zero */
static bool parse_port(const char *text, uint16_t *ret)
{
	uint32_t n = 0;
	size_t len = strlen(text);

	if (!len || len > 5 || (text[0] == '0' && len > 1))
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (uint32_t)(*text - '0');
	}
	if (n > 65535)
		return false;
	*ret = (uint16_t)n;
	return true;
}

bool addr_parse(const char *text, struct rtun_addr *ret)
{
	const char *colon = strrchr(text, ':');
	bool bracket = text[0] == '[';
	char ip[INET6_ADDRSTRLEN];
	struct rtun_addr a;
	uint16_t port;

	if (!colon || (bracket && (colon - text < 2 || colon[-1] != ']')))
		return false;
	size_t len = (size_t)(colon - text) - (bracket ? 2 : 0);
	if (!len || len >= sizeof(ip))
		return false;
	memcpy(ip, text + bracket, len);
	ip[len] = 0;
	if (!addr_parse_ip(ip, &a) || (a.family == 6) != bracket || !parse_port(colon + 1, &port))
		return false;
	a.port = port;
	*ret = a;
	return true;
}

const char *addr_ip_text(const struct rtun_addr *a, char buf[ADDR_TEXT])
{
	buf[0] = 0;
	if (a->family == 4 || a->family == 6)
		inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->ip, buf, ADDR_TEXT);
	return buf;
}

const char *addr_text(const struct rtun_addr *a, char buf[ADDR_TEXT])
{
	char ip[ADDR_TEXT];

	addr_ip_text(a, ip);
	buf[0] = 0;
	if (a->family == 4)
		snprintf(buf, ADDR_TEXT, "%.15s:%u", ip, a->port);
	else if (a->family == 6)
		snprintf(buf, ADDR_TEXT, "[%.45s]:%u", ip, a->port);
	return buf;
}

bool addr_is_loopback(const struct rtun_addr *a)
{
	if (a->family == 4)
		return a->ip[0] == 127;
	if (a->family != 6)
		return false;
	if (!memcmp(a->ip, mapped_prefix, sizeof(mapped_prefix)))
		return a->ip[12] == 127;
	return !memcmp(a->ip, &in6addr_loopback, 16);
}

bool addr_equal(const struct rtun_addr *a, const struct rtun_addr *b)
{
	if (a->family != b->family || a->port != b->port)
		return false;
	return !memcmp(a->ip, b->ip, a->family == 6 ? 16 : a->family == 4 ? 4 : 0);
}

socklen_t addr_to_sockaddr(const struct rtun_addr *a, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (a->family == 4) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
		memcpy(&in.sin_addr, a->ip, 4);
		memcpy(ret, &in, sizeof(in));
		return sizeof(in);
	}
	if (a->family == 6) {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
		memcpy(&in6.sin6_addr, a->ip, 16);
		memcpy(ret, &in6, sizeof(in6));
		return sizeof(in6);
	}
	return 0;
}

struct rtun_addr addr_of_sockaddr(const struct sockaddr_storage *ss)
{
	struct rtun_addr a = {0};

	if (ss->ss_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, ss, sizeof(in));
		a.family = 4;
		a.port = ntohs(in.sin_port);
		memcpy(a.ip, &in.sin_addr, 4);
	} else if (ss->ss_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, ss, sizeof(in6));
		a.port = ntohs(in6.sin6_port);
		bool mapped = !memcmp(&in6.sin6_addr, mapped_prefix, sizeof(mapped_prefix));
		a.family = mapped ? 4 : 6;
		memcpy(a.ip, (const uint8_t *)&in6.sin6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
	}
	return a;
}
