/* SPDX-License-Identifier: BSD-2-Clause
 *
 * parse.c - the messages of SOCKS, read and written.
 */
#include "parse.h"

#include <arpa/inet.h>
#include <string.h>

#define VERSION 5
#define LOGIN_VERSION 1
#define CONNECT 1
#define ADDR_IPV4 1
#define ADDR_NAME 3
#define ADDR_IPV6 4

int32_t socks5_parse_greeting(const uint8_t *p, uint32_t len, uint32_t *ret_methods)
{
	*ret_methods = 0;
	if (len >= 1 && p[0] != VERSION)
		return -SOCKS5_ALIEN;
	if (len < 2)
		return 2;
	if (len < 2U + p[1])
		return 2 + p[1];
	for (uint32_t i = 0; i < p[1]; i++) {
		if (p[2 + i] == 0)
			*ret_methods |= SOCKS5_METHOD_NONE;
		if (p[2 + i] == 2)
			*ret_methods |= SOCKS5_METHOD_LOGIN;
	}
	return 2 + p[1];
}

/* version, length, username, length, password */
int32_t socks5_parse_login(const uint8_t *p, uint32_t len, struct frontend_request *ret)
{
	uint32_t user, need;
	memset(ret, 0, sizeof(*ret));
	if (len >= 1 && p[0] != LOGIN_VERSION)
		return -SOCKS5_FAILURE;
	if (len < 2)
		return 2;
	user = p[1];
	if (len < 3 + user)
		return (int32_t)(3 + user);
	need = 3 + user + p[2 + user];
	if (len < need)
		return (int32_t)need;
	if (!frontend_decode_user(p + 2, user, ret->user))
		return -SOCKS5_FAILURE;
	frontend_set_password(ret, p + 3 + user, p[2 + user]);
	return (int32_t)need;
}

/* A name that is an address in its usual spelling is one: clients differ in how they send those. */
bool socks5_set_literal(struct frontend_request *r)
{
	if (inet_pton(AF_INET, r->host, r->addr.ip) == 1)
		r->addr.family = 4;
	else if (inet_pton(AF_INET6, r->host, r->addr.ip) == 1)
		r->addr.family = 6;
	else
		return false;
	r->host[0] = '\0';
	return true;
}

/* Any byte may be in a name but NUL, which would end it early: what else is wrong with it the exit's filter says. */
static bool set_name(const uint8_t *p, uint32_t len, struct frontend_request *r)
{
	if (len == 0 || memchr(p, 0, len))
		return false;
	memcpy(r->host, p, len);
	r->host[len] = '\0';
	memset(r->addr.ip, 0, sizeof(r->addr.ip));
	if (!socks5_set_literal(r))
		memset(r->addr.ip, 0, sizeof(r->addr.ip));
	return true;
}

/* Bytes of the address at p + 4, or 0. */
static uint32_t address_length(const uint8_t *p)
{
	switch (p[3]) {
	case ADDR_IPV4:
		return 4;
	case ADDR_IPV6:
		return 16;
	case ADDR_NAME:
		return 1U + p[4];
	default:
		return 0;
	}
}

/* version, command, reserved, kind, address, port */
int32_t socks5_parse_request(const uint8_t *p, uint32_t len, struct frontend_request *ret)
{
	uint32_t alen;
	memset(ret, 0, sizeof(*ret));
	if (len >= 1 && p[0] != VERSION)
		return -SOCKS5_FAILURE;
	if (len < 5)
		return 5;
	if (p[1] != CONNECT && p[1] != SOCKS5_ASSOCIATE)
		return -SOCKS5_NO_COMMAND;
	alen = address_length(p);
	if (!alen)
		return -SOCKS5_NO_ADDRTYPE;
	if (len < 4 + alen + 2)
		return (int32_t)(4 + alen + 2);
	ret->addr.port = (uint16_t)(p[4 + alen] << 8 | p[5 + alen]);
	if (p[3] == ADDR_NAME)
		return set_name(p + 5, alen - 1, ret) ? (int32_t)(4 + alen + 2) : -SOCKS5_DENIED;
	ret->addr.family = alen == 4 ? 4 : 6;
	memcpy(ret->addr.ip, p + 4, alen);
	return (int32_t)(4 + alen + 2);
}

uint32_t socks5_format_reply(uint8_t code, const struct rtun_addr *bound, uint8_t ret[SOCKS5_REPLY_MAX])
{
	bool v6 = bound && bound->family == 6;
	uint32_t alen = v6 ? 16 : 4;
	memset(ret, 0, SOCKS5_REPLY_MAX);
	ret[0] = VERSION;
	ret[1] = code;
	ret[3] = v6 ? ADDR_IPV6 : ADDR_IPV4;
	if (bound && bound->family) {
		memcpy(ret + 4, bound->ip, alen);
		ret[4 + alen] = (uint8_t)(bound->port >> 8);
		ret[5 + alen] = (uint8_t)bound->port;
	}
	return 4 + alen + 2;
}

/* ---- SOCKS4 ---- */

/* The length of the text at `from`, its NUL not counted; -1: it is too long, -2: more is needed. */
static int32_t text_length(const uint8_t *p, uint32_t len, uint32_t from)
{
	const uint8_t *nul = len > from ? memchr(p + from, 0, len - from) : NULL;
	uint32_t have = nul ? (uint32_t)(nul - p - from) : len > from ? len - from : 0;
	return have >= FRONTEND_NAME_SIZE ? -1 : nul ? (int32_t)have : -2;
}

/* version, command, port, address, user, NUL; SOCKS4a: 0.0.0.x as address, and name, NUL */
int32_t socks4_parse_request(const uint8_t *p, uint32_t len, struct frontend_request *ret)
{
	uint32_t need = 9;
	int32_t user, name;
	memset(ret, 0, sizeof(*ret));
	if (len >= 1 && p[0] != 4)
		return -SOCKS5_ALIEN;
	if (len >= 2 && p[1] != CONNECT)
		return -SOCKS5_NO_COMMAND;
	if (len < need)
		return (int32_t)need;
	user = text_length(p, len, 8);
	if (user < 0)
		return user == -1 ? -SOCKS5_FAILURE : (int32_t)len + 1;
	need += (uint32_t)user;
	ret->addr.port = (uint16_t)(p[2] << 8 | p[3]);
	if (memcmp(p + 4, "\0\0\0", 3) != 0 || !p[7]) {
		ret->addr.family = 4;
		memcpy(ret->addr.ip, p + 4, 4);
	} else {
		name = text_length(p, len, need);
		if (name < 0)
			return name == -1 ? -SOCKS5_FAILURE : (int32_t)len + 1;
		if (!set_name(p + need, (uint32_t)name, ret))
			return -SOCKS5_DENIED;
		need += (uint32_t)name + 1;
	}
	ret->bad_login = !frontend_decode_user(p + 8, (size_t)user, ret->user);
	return (int32_t)need;
}

uint32_t socks4_format_reply(uint8_t code, const struct rtun_addr *bound, uint8_t ret[SOCKS4_REPLY_SIZE])
{
	memset(ret, 0, SOCKS4_REPLY_SIZE);
	ret[1] = code;
	if (bound && bound->family == 4) {
		ret[2] = (uint8_t)(bound->port >> 8);
		ret[3] = (uint8_t)bound->port;
		memcpy(ret + 4, bound->ip, 4);
	}
	return SOCKS4_REPLY_SIZE;
}
