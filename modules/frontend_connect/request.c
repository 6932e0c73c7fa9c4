/* SPDX-License-Identifier: BSD-2-Clause
 *
 * request.c - what a client wants. Targets are host:port of CONNECT and http://host/path of everything else; a path
 * alone, which is all that a web page can send, is refused.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http.h"

static const struct http_verdict good;

static struct http_verdict bad(const char *why, const char *remedy)
{
	return (struct http_verdict){400, "http_request_error", why, remedy};
}

/* ---- Target ---- */

static bool parse_port(const char *text, size_t len, uint16_t *ret)
{
	uint32_t n = 0;
	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (uint32_t)(text[i] - '0');
	}
	*ret = (uint16_t)n;
	return n <= 65535;
}

static bool is_host_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!alnum && c != '-' && c != '_' && c != '.')
			return false;
	}
	return len > 0 && len < FRONTEND_NAME_SIZE;
}

static bool parse_host(const char *text, size_t len, struct frontend_request *ret)
{
	if (len > 2 && len < FRONTEND_NAME_SIZE && text[0] == '[' && text[len - 1] == ']') {
		char v6[FRONTEND_NAME_SIZE] = "";
		memcpy(v6, text + 1, len - 2);
		ret->addr.family = 6;
		return inet_pton(AF_INET6, v6, ret->addr.ip) == 1;
	}
	if (!is_host_text(text, len))
		return false;
	memcpy(ret->host, text, len);
	ret->host[len] = '\0';
	if (inet_pton(AF_INET, ret->host, ret->addr.ip) == 1) {
		ret->addr.family = 4;
		ret->host[0] = '\0';
	}
	return true;
}

bool http_parse_authority(const char *text, size_t len, uint16_t port, struct frontend_request *ret)
{
	const char *colon = len && text[len - 1] == ']' ? NULL : memrchr(text, ':', len);
	size_t host_len = colon ? (size_t)(colon - text) : len, port_len = colon ? len - host_len - 1 : 0;
	ret->addr.port = port;
	if (!(port && port_len == 0) && !(colon && parse_port(colon + 1, port_len, &ret->addr.port)))
		return false;
	return parse_host(text, host_len, ret);
}

/* "http://host:port/path?query" */
static struct http_verdict judge_absolute(const uint8_t *p, struct http_span t, struct http_request *ret)
{
	const char *text = (const char *)p + t.from, *rest = text + 7;
	size_t len = http_span_len(t), authority_len;
	if (len > 8 && strncasecmp(text, "https://", 8) == 0)
		return bad("an https:// address is reached by CONNECT", "set the proxy for https:// too (https_proxy), or use SOCKS5");
	if (len < 8 || strncasecmp(text, "http://", 7) != 0)
		return bad("this is a proxy, not a web server: it wants CONNECT host:port, or http://host/", NULL);
	for (authority_len = 0; authority_len < len - 7 && rest[authority_len] != '/' && rest[authority_len] != '?'; authority_len++)
		;
	ret->authority = (struct http_span){(uint16_t)(t.from + 7), (uint16_t)(t.from + 7 + authority_len)};
	ret->path = (struct http_span){ret->authority.to, t.to};
	if (memchr(rest, '@', authority_len))
		return bad("the address has a username in it", "leave it to the client to send it as a header");
	if (memchr(text, '#', len))
		return bad("the address has a fragment (#) in it", NULL);
	if (!http_parse_authority(rest, authority_len, 80, &ret->to))
		return bad("the address has to be http://host/ or http://host:port/", NULL);
	return good;
}

static struct http_verdict judge_target(const struct http_head *h, const uint8_t *p, struct http_request *ret)
{
	struct http_span t = h->spans[HTTP_TARGET];
	if (!ret->connect)
		return judge_absolute(p, t, ret);
	if (ret->body.framing != HTTP_NO_BODY)
		return bad("a CONNECT request has no body", NULL);
	if (!http_parse_authority((const char *)p + t.from, http_span_len(t), 0, &ret->to))
		return bad("the target of CONNECT has to be host:port", NULL);
	return good;
}

/* ---- Request line, login ---- */

static bool method_is(const struct http_head *h, const uint8_t *p, const char *method)
{
	return http_span_len(h->spans[HTTP_METHOD]) == strlen(method) &&
	       memcmp(p + h->spans[HTTP_METHOD].from, method, strlen(method)) == 0;
}

static struct http_verdict judge_version(const struct http_head *h, const uint8_t *p, struct http_request *ret)
{
	struct http_span v = h->spans[HTTP_VERSION];
	if (http_span_len(v) != 8 || memcmp(p + v.from, "HTTP/", 5) != 0)
		return bad("this is not an HTTP request", NULL);
	ret->old = p[v.to - 1] == '0';
	if (memcmp(p + v.from, "HTTP/1.", 7) != 0 || (!ret->old && p[v.to - 1] != '1'))
		return (struct http_verdict){505, "http_request_error", "only HTTP/1.0 and HTTP/1.1 are spoken here", NULL};
	return good;
}

struct http_verdict http_request_judge(const struct http_head *h, const uint8_t *p, struct http_request *ret)
{
	struct http_span login = h->known[HTTP_PROXY_AUTHORIZATION];
	struct http_verdict v;
	memset(ret, 0, sizeof(*ret));
	ret->connect = method_is(h, p, "CONNECT");
	ret->head = method_is(h, p, "HEAD");
	ret->options = method_is(h, p, "OPTIONS");
	if ((v = judge_version(h, p, ret)).status || (v = http_body_begin(h, p, ret->old, &ret->body)).status ||
	    (v = judge_target(h, p, ret)).status)
		return v;
	ret->safe = (ret->head || ret->options || method_is(h, p, "GET")) && ret->body.framing == HTTP_NO_BODY;
	if (h->seen & HTTP_BIT(HTTP_PROXY_AUTHORIZATION))
		ret->to.bad_login = !http_parse_login(p + login.from, http_span_len(login), &ret->to);
	return good;
}

/* ---- For an exchange ---- */

/* RFC 9110, 7.6.2. At 0 this proxy is the one that is asked. */
static struct http_verdict count_down(const struct http_head *h, const uint8_t *p, struct http_request *r)
{
	static const struct http_verdict this_one = {200, NULL, "this is the proxy itself (Max-Forwards: 0)", NULL},
					 no_trace = {405, "http_request_error", "the proxy itself answers no TRACE (Max-Forwards: 0)", NULL};
	uint64_t n;
	if (!(h->seen & HTTP_BIT(HTTP_MAX_FORWARDS)) || !(r->options || method_is(h, p, "TRACE")))
		return good;
	if (!http_span_number(p, h->known[HTTP_MAX_FORWARDS], &n))
		return bad("Max-Forwards is no number", NULL);
	if (n == 0)
		return r->options ? this_one : no_trace;
	r->counted = true;
	snprintf(r->forwards, sizeof(r->forwards), "%llu", (unsigned long long)(n - 1));
	return good;
}

struct http_verdict http_request_prepare(struct http_head *h, const uint8_t *p, struct http_request *r)
{
	struct http_options o;
	struct http_verdict v = count_down(h, p, r);
	if (v.status)
		return v;
	o = http_drop_fields(h, p, HTTP_BIT(HTTP_HOST) | (r->counted ? HTTP_BIT(HTTP_MAX_FORWARDS) : 0));
	if (o.wrong)
		return bad("Connection names a header that frames the message, or more than 100", NULL);
	r->close = o.close || r->old; /* RFC 9112, 9.3: no more than one request of HTTP/1.0 */
	r->websocket = o.upgrade && !r->old && r->safe && !r->head && !r->options && http_list_has(h, p, HTTP_UPGRADE, "websocket");
	return good;
}

void http_request_parts(const struct http_request *r, const struct http_head *h, const uint8_t *p, struct http_parts *ret)
{
	struct http_span method = h->spans[HTTP_METHOD];
	ret->count = 0;
	http_part(ret, p + method.from, http_span_len(method) + 1U); /* and the blank */
	if (http_span_len(r->path) == 0 || p[r->path.from] != '/')
		http_part_text(ret, r->options && http_span_len(r->path) == 0 ? "*" : "/");
	http_part(ret, p + r->path.from, http_span_len(r->path));
	http_part_text(ret, " HTTP/1.1\r\nHost: ");
	http_part(ret, p + r->authority.from, http_span_len(r->authority));
	http_part_text(ret, r->websocket ? "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" :
			    r->close     ? "\r\nConnection: close\r\n" :
					   "\r\n");
	if (r->counted) {
		http_part_text(ret, "Max-Forwards: ");
		http_part_text(ret, r->forwards);
		http_part_text(ret, "\r\n");
	}
	http_part_fields(ret, h, p);
}
