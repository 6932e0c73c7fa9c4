/* SPDX-License-Identifier: BSD-2-Clause
 *
 * restunnel/datagram.h - what a stream of rtun_dialer_ops.associate is made of: datagrams, one behind the other.
 *
 *   length u16 | address | payload                        `length`: the bytes behind it, up to RTUN_DATAGRAM_MAX
 *                address: type u8 | host | port u16       as in RFC 1928, section 5; all numbers are big endian
 *                           1: IPv4, 4 bytes; 3: a name, its length u8 before it; 4: IPv6, 16 bytes
 *
 * From the owner of the stream: where the datagram is to go. To the owner: where it came from, never a name. Between is a
 * stream, which splits and joins as it likes. Both ends are as lossy as UDP: who has a datagram and sees that the stream
 * takes no more drops it, whole; what is not understood is dropped, too, without a word. A payload may be empty.
 *
 * Pure functions, for modules that end such a stream; one that only passes it on needs nothing of this.
 */
#ifndef RESTUNNEL_DATAGRAM_H
#define RESTUNNEL_DATAGRAM_H

#include <string.h>

#include "abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RTUN_DATAGRAM_LENGTH 2U    /* bytes of the length */
#define RTUN_DATAGRAM_MAX 65535U   /* bytes of address and payload */
#define RTUN_DATAGRAM_ADDRESS 19U  /* bytes of the longest address that is no name */

#define RTUN_DATAGRAM_IPV4 1
#define RTUN_DATAGRAM_NAME 3
#define RTUN_DATAGRAM_IPV6 4

/* Pointers are into what was parsed. Frozen value. */
struct rtun_datagram {
	struct rtun_addr addr;  /* its port counts in both cases */
	const char *host;       /* a name, without a NUL in it or at its end; NULL: `addr` is meant */
	uint32_t host_len;
	uint32_t len;           /* of the payload */
	const uint8_t *payload;
};

/* Address and payload, without the length before them. 0, or -RTUN_EINVAL: to be dropped. */
static inline int rtun_datagram_parse(const uint8_t *p, uint64_t len, struct rtun_datagram *ret)
{
	uint32_t at = 1, host = 0;
	memset(ret, 0, sizeof(*ret));
	if (len < 2)
		return -RTUN_EINVAL;
	if (p[0] == RTUN_DATAGRAM_NAME) {
		at = 2;
		host = p[1];
	} else if (p[0] == RTUN_DATAGRAM_IPV4 || p[0] == RTUN_DATAGRAM_IPV6) {
		ret->addr.family = p[0] == RTUN_DATAGRAM_IPV4 ? 4 : 6;
		host = p[0] == RTUN_DATAGRAM_IPV4 ? 4 : 16;
	}
	if (!host || len < at + host + 2U || len > RTUN_DATAGRAM_MAX)
		return -RTUN_EINVAL;
	if (ret->addr.family) {
		memcpy(ret->addr.ip, p + at, host);
	} else if (memchr(p + at, 0, host)) {
		return -RTUN_EINVAL; /* it would be judged as another name than it is */
	} else {
		ret->host = (const char *)p + at;
		ret->host_len = host;
	}
	at += host;
	ret->addr.port = (uint16_t)(p[at] << 8 | p[at + 1]);
	ret->payload = p + at + 2;
	ret->len = (uint32_t)len - at - 2;
	return 0;
}

/* The address of a datagram from or to `a`, which has a family; its number of bytes. The payload goes behind it. */
static inline uint32_t rtun_datagram_address(const struct rtun_addr *a, uint8_t ret[RTUN_DATAGRAM_ADDRESS])
{
	uint32_t host = a->family == 4 ? 4 : 16;
	ret[0] = a->family == 4 ? RTUN_DATAGRAM_IPV4 : RTUN_DATAGRAM_IPV6;
	memcpy(ret + 1, a->ip, host);
	ret[1 + host] = (uint8_t)(a->port >> 8);
	ret[2 + host] = (uint8_t)a->port;
	return 3 + host;
}

#ifdef __cplusplus
}
#endif
#endif
