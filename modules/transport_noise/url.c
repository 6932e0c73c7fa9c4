/* SPDX-License-Identifier: BSD-2-Clause
 *
 * url.c - reading and writing the pairing URL. Pure, and strict: what is accepted has one meaning.
 */
#include <arpa/inet.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "url.h"

#define SCHEME "noise://"
#define TOKEN_KEY "token="
#define KEY_CHARS 43
#define BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

__attribute__((format(printf, 2, 3))) static int refuse(char error[URL_ERROR_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, URL_ERROR_MAX, fmt, ap);
	va_end(ap);
	return -1;
}

/* 32 bytes. libsodium refuses unused bits that are not zero. */
static int parse_bytes(const char *p, size_t len, uint8_t out[32])
{
	size_t n;

	return len == KEY_CHARS && !sodium_base642bin(out, 32, p, len, NULL, &n, NULL, BASE64) && n == 32 ? 0 : -1;
}

/* ---- Host and port ----------------------------------------------------------------------------------------------- */

/* Letters, digits and inner hyphens, 1 to 63 of them. */
static int check_label(const char *p, size_t len)
{
	if (len < 1 || len > 63 || p[0] == '-' || p[len - 1] == '-')
		return -1;
	return strspn(p, LETTERS DIGITS "-") >= len ? 0 : -1;
}

/* A name whose last label is a number would be an address in some other program's eyes: 127.1, 0x7f.1 */
static int check_name(const char *host)
{
	const char *label = host;
	size_t len;

	for (;; label += len + 1) {
		len = strcspn(label, ".");
		if (check_label(label, len))
			return -1;
		if (!label[len])
			break;
	}
	return strspn(label, DIGITS) > 0 && (strspn(label, DIGITS) == len || strspn(label, "0xX") > 1) ? -1 : 0;
}

int url_check_host(const char *host)
{
	uint8_t ip[16];
	size_t len = strlen(host);

	if (len < 1 || len > URL_HOST_MAX)
		return -1;
	if (inet_pton(strchr(host, ':') ? AF_INET6 : AF_INET, host, ip) == 1)
		return (int)len;
	return check_name(host) ? -1 : (int)len;
}

/* Digits only, no leading zero, 1 to 65535. */
static int parse_port(const char *p, size_t len, uint16_t *ret_port)
{
	uint32_t n = 0;
	size_t i;

	if (len < 1 || len > 5 || p[0] == '0' || strspn(p, DIGITS) < len)
		return -1;
	for (i = 0; i < len; i++)
		n = n * 10 + (uint32_t)(p[i] - '0');
	*ret_port = (uint16_t)n;
	return n <= UINT16_MAX ? 0 : -1;
}

static int parse_hostport(const char *p, size_t len, struct url *ret, char error[URL_ERROR_MAX])
{
	const char *host = p, *colon, *bracket = NULL;
	size_t host_len;

	if (len && *p == '[') {
		host = p + 1;
		bracket = memchr(p, ']', len);
		if (!bracket)
			return refuse(error, "the URL's IPv6 address has no closing bracket");
		colon = bracket + 1;
	} else {
		colon = memchr(p, ':', len);
	}
	if (!colon || colon >= p + len || *colon != ':')
		return refuse(error, "the URL has no port after its host: noise://HUBKEY@HOST:PORT?token=TOKEN");
	host_len = (size_t)((bracket ? bracket : colon) - host);
	if (!bracket && memchr(colon + 1, ':', (size_t)(p + len - colon - 1)))
		return refuse(error, "an IPv6 address in the URL must be in brackets: [2001:db8::1]:9000");
	if (host_len > URL_HOST_MAX)
		return refuse(error, "the URL's host is longer than %d characters", URL_HOST_MAX);
	memcpy(ret->host, host, host_len);
	ret->host[host_len] = 0;
	if (url_check_host(ret->host) < 0 || (bracket != NULL) != (strchr(ret->host, ':') != NULL))
		return refuse(error, "the URL's host is neither a name nor an address");
	if (parse_port(colon + 1, (size_t)(p + len - colon - 1), &ret->port))
		return refuse(error, "the URL's port is not a number from 1 to 65535");
	return 0;
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static int parse_query(const char *p, struct url *ret, char error[URL_ERROR_MAX])
{
	int tokens = 0;
	size_t len;

	for (;; p += len + 1) {
		len = strcspn(p, "&");
		if (!strncmp(p, TOKEN_KEY, strlen(TOKEN_KEY))) {
			if (tokens++)
				return refuse(error, "the URL has two tokens");
			if (parse_bytes(p + strlen(TOKEN_KEY), len - strlen(TOKEN_KEY), ret->token))
				return refuse(error, "the URL's token is damaged: copy the whole URL again, or make a new one with restunnel pair");
		}
		if (!p[len])
			break;
	}
	return tokens ? 0 : refuse(error, "the URL has no token: it must end in ?token=...; was it cut off at the question mark? put it in single quotes");
}

static int parse(const char *text, struct url *ret, char error[URL_ERROR_MAX])
{
	const char *at, *query, *p = text + strlen(SCHEME);
	size_t i;

	for (i = 0; text[i]; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("\"'`<>\\#", text[i]))
			return refuse(error, "the URL has a character at position %zu that does not belong there: give it without blanks and quotes", i + 1);
	if (strncmp(text, SCHEME, strlen(SCHEME)))
		return refuse(error, "this is no pairing URL: those begin with noise://");
	at = strchr(p, '@');
	query = strchr(p, '?');
	if (!at || (query && query < at))
		return refuse(error, "the URL has no hub key: noise://HUBKEY@HOST:PORT?token=TOKEN");
	if (parse_bytes(p, (size_t)(at - p), ret->hub_key))
		return refuse(error, "the URL's hub key is damaged: copy the whole URL again");
	if (parse_hostport(at + 1, query ? (size_t)(query - at - 1) : strlen(at + 1), ret, error))
		return -1;
	return parse_query(query ? query + 1 : "", ret, error);
}

int url_parse(const char *text, struct url *ret, char error[URL_ERROR_MAX])
{
	memset(ret, 0, sizeof(*ret));
	error[0] = 0;
	if (!parse(text, ret, error))
		return 0;
	sodium_memzero(ret, sizeof(*ret));
	return -1;
}

void url_format(const struct url *url, char out[URL_MAX])
{
	char key[KEY_CHARS + 1], token[KEY_CHARS + 1];
	const char *left = strchr(url->host, ':') ? "[" : "", *right = *left ? "]" : "";

	sodium_bin2base64(key, sizeof(key), url->hub_key, 32, BASE64);
	sodium_bin2base64(token, sizeof(token), url->token, 32, BASE64);
	snprintf(out, URL_MAX, SCHEME "%s@%s%s%s:%u?" TOKEN_KEY "%s", key, left, url->host, right, (unsigned int)url->port, token);
	sodium_memzero(token, sizeof(token));
}
