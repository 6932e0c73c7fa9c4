/* SPDX-License-Identifier: BSD-2-Clause
 *
 * url.h - the pairing URL: noise://HUBKEY@HOST:PORT?token=TOKEN
 *
 * HUBKEY and TOKEN are 32 bytes in base64url without padding (43 characters, unused bits zero: there is one way only to
 * write them). HOST is a name, an IPv4 address, or an IPv6 address in brackets. Further `key=value` pairs after the
 * token are ignored: a later hub may add some.
 */
#ifndef URL_H
#define URL_H

#include <stddef.h>
#include <stdint.h>

#define URL_HOST_MAX 253
#define URL_ERROR_MAX 160
#define URL_MAX 512 /* of what url_format() writes, with the NUL */

struct url {
	uint8_t hub_key[32], token[32];
	char host[URL_HOST_MAX + 1]; /* without brackets */
	uint16_t port;
};

/* 0, or -1 with the reason in words in `error`; then what is in *ret is wiped. */
int url_parse(const char *text, struct url *ret, char error[URL_ERROR_MAX]);
void url_format(const struct url *url, char out[URL_MAX]);
/* The length of `host` when it is a name or an address that a URL may have (IPv6 without brackets), else -1. */
int url_check_host(const char *host);

#endif
