/* SPDX-License-Identifier: BSD-2-Clause
 *
 * parse.h - the three messages of a SOCKS5 client (RFC 1928, RFC 1929), and the only one of SOCKS4 and SOCKS4a, as pure
 * functions.
 *
 * Each is given the `len` bytes that have come so far and says how long the message is: more than `len` means that so
 * many are needed (or more: ask again then), negative that it is refused, with the reply that it deserves.
 */
#ifndef SOCKS5_PARSE_H
#define SOCKS5_PARSE_H

#include "../frontend/frontend.h"

/* The command of a request that asks for datagrams: its second byte */
#define SOCKS5_ASSOCIATE 3

/* Replies to a request */
#define SOCKS5_OK 0x00
#define SOCKS5_FAILURE 0x01
#define SOCKS5_DENIED 0x02
#define SOCKS5_NET_UNREACHABLE 0x03
#define SOCKS5_HOST_UNREACHABLE 0x04
#define SOCKS5_REFUSED 0x05
#define SOCKS5_TIMEOUT 0x06
#define SOCKS5_NO_COMMAND 0x07
#define SOCKS5_NO_ADDRTYPE 0x08
#define SOCKS5_NO_METHOD 0xff
#define SOCKS5_ALIEN 0x100 /* not SOCKS5 at all: no reply */

/* The two of SOCKS4 */
#define SOCKS4_OK 0x5a
#define SOCKS4_FAILURE 0x5b

/* Methods offered */
#define SOCKS5_METHOD_NONE 1U
#define SOCKS5_METHOD_LOGIN 2U

#define SOCKS5_REPLY_MAX 22U
#define SOCKS4_REPLY_SIZE 8U

int32_t socks5_parse_greeting(const uint8_t *p, uint32_t len, uint32_t *ret_methods);
/* User, percent-decoded once, and password; a bad escape or control character is refused. */
int32_t socks5_parse_login(const uint8_t *p, uint32_t len, struct frontend_request *ret);
/* Host and address. */
int32_t socks5_parse_request(const uint8_t *p, uint32_t len, struct frontend_request *ret);
/* Host, address and user. */
int32_t socks4_parse_request(const uint8_t *p, uint32_t len, struct frontend_request *ret);
/* A host that is an address in its usual spelling becomes one; false: it is a name. */
bool socks5_set_literal(struct frontend_request *r);
/* The reply to a request; the number of bytes. */
uint32_t socks5_format_reply(uint8_t code, const struct rtun_addr *bound, uint8_t ret[SOCKS5_REPLY_MAX]);
uint32_t socks4_format_reply(uint8_t code, const struct rtun_addr *bound, uint8_t ret[SOCKS4_REPLY_SIZE]);

#endif
