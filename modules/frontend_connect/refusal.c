/* SPDX-License-Identifier: BSD-2-Clause
 *
 * refusal.c - what the proxy itself answers, in words: what failed, and what to do about it.
 */
#include <stdio.h>
#include <string.h>

#include "http.h"

/* ---- One row for each end that a dial, or a stream, can come to ---- */

static const struct http_verdict rows[] = {
	[RTUN_EREFUSED] = {502, "connection_refused", "nothing listens at that port of the target", "check the address and its port"},
	[RTUN_EUNREACHABLE] = {502, "destination_ip_unroutable", "there is no way from the exit to the target",
			       "check the address; `restunnel doctor` on the exit's machine tells how it is connected"},
	[RTUN_ETIMEOUT] = {504, "connection_timeout", "the target did not answer in time", "check the address, or try again"},
	[RTUN_EDENIED] = {403, "destination_ip_prohibited", "the exit may not connect there",
			  "exits refuse their own network, private addresses and some ports, whatever the configuration; `rules` and strict exits "
			  "refuse more"},
	[RTUN_EDNS] = {502, "dns_error", "the name was not found by the exit", "check how it is spelt"},
	[RTUN_ENOEXIT] = {503, "destination_unavailable", "the exit is not connected",
			  "`restunnel devices` on this machine tells which exits are"},
	[RTUN_EOVERLOAD] = {503, "connection_limit_reached", "too much is going on",
			    "try again; `restunnel status` tells which limit was reached"},
	[RTUN_ERESET] = {500, "connection_terminated", "the connection was reset", "try again"},
	[RTUN_ETRUNCATED] = {500, "connection_terminated", "the tunnel broke", "try again"},
	[RTUN_EINTERNAL] = {500, "proxy_internal_error", "something is wrong in the proxy", "the log on this machine and on the exit's may tell more"},
	[RTUN_EADDRTYPE] = {400, "destination_ip_unroutable", "this kind of address can't be reached here", "use a name, or an address of the other kind"},
	[RTUN_ESELECTOR] = {407, "http_request_denied", "the username names no exit",
			    "`restunnel devices` on this machine lists them: http://EXIT:x@HOST:PORT"},
	[FRONTEND_RESULT_LOGIN] = {407, "http_request_denied", "this proxy wants a username that names the exit: http://EXIT:x@HOST:PORT",
				   "`restunnel devices` on this machine lists the exits"},
};

struct http_verdict http_verdict_of(uint32_t err, const char *why)
{
	struct http_verdict v;
	if (err >= sizeof(rows) / sizeof(rows[0]) || !rows[err].status)
		err = RTUN_EINTERNAL;
	v = rows[err];
	if (why)
		v.why = why;
	return v;
}

/* ---- As text ---- */

#define ALLOW "Allow: CONNECT, DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT\r\n"
static const struct {
	uint32_t status;
	const char *phrase;
	const char *headers;
} phrases[] = {
	{200, "OK", ALLOW},
	{400, "Bad Request", ""},
	{403, "Forbidden", ""},
	{405, "Method Not Allowed", ALLOW},
	{407, "Proxy Authentication Required", "Proxy-Authenticate: Basic realm=\"restunnel: exit\"\r\n"},
	{431, "Request Header Fields Too Large", ""},
	{500, "Internal Server Error", ""},
	{501, "Not Implemented", ""},
	{502, "Bad Gateway", ""},
	{503, "Service Unavailable", ""},
	{504, "Gateway Timeout", ""},
	{505, "HTTP Version Not Supported", ""},
};

/* Only what may stand in a quoted string of a header. */
static void quote(const char *text, char *ret, size_t size)
{
	size_t n = 0;
	for (; *text && n + 3 < size; text++) {
		if (*text == '"' || *text == '\\')
			ret[n++] = '\\';
		ret[n++] = *text >= 0x20 && *text < 0x7f ? *text : '?';
	}
	ret[n] = '\0';
}

uint32_t http_format_refusal(const struct http_verdict *v, bool bare, char ret[FRONTEND_ANSWER_MAX])
{
	char details[300], body[700], proxy_status[400] = "";
	size_t row = 0;
	int n;
	while (row + 1 < sizeof(phrases) / sizeof(phrases[0]) && phrases[row].status != v->status)
		row++;
	quote(v->why, details, sizeof(details));
	if (v->error)
		snprintf(proxy_status, sizeof(proxy_status), "Proxy-Status: restunnel; error=%s; details=\"%s\"\r\n", v->error, details);
	snprintf(body, sizeof(body), "restunnel: %.300s\n%.300s%s", v->why, v->remedy ? v->remedy : "", v->remedy ? "\n" : "");
	n = snprintf(ret, FRONTEND_ANSWER_MAX,
		     "HTTP/1.1 %u %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n%s%s"
		     "Connection: close\r\n\r\n%s",
		     v->status, phrases[row].phrase, strlen(body), phrases[row].headers, proxy_status, bare ? "" : body);
	return n < 0 ? 0 : (uint32_t)n;
}
