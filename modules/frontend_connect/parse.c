/* SPDX-License-Identifier: BSD-2-Clause
 *
 * parse.c - HTTP/1 heads. A table says which class of byte may follow in which state, so what it doesn't list is
 * refused: bare LF, folded lines, blanks before a colon, control characters.
 */
#include "parse.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- Bytes ---- */

enum byte_class { CTL, TCHAR, VISIBLE, COLON, SP, HTAB, CR, LF, HIGH, CLASSES };

static enum byte_class class_of(uint8_t c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		return TCHAR;
	if (c >= 0x80)
		return HIGH;
	switch (c) {
	case ' ':
		return SP;
	case '\t':
		return HTAB;
	case '\r':
		return CR;
	case '\n':
		return LF;
	case ':':
		return COLON;
	default:
		if (c < 0x21 || c == 0x7f)
			return CTL;
		return strchr("!#$%&'*+-.^_`|~", c) ? TCHAR : VISIBLE;
	}
}

/* ---- States: what a table doesn't list leads to START, where nothing leads back to ---- */

enum parse_state { START, METHOD, TARGET, VERSION, LINE_LF, FIELD, NAME, BLANK, VALUE, VALUE_LF, END_LF, DONE };

#define TEXT(state) [TCHAR] = state, [VISIBLE] = state, [COLON] = state
static const uint8_t next_state[DONE][CLASSES] = {
	[START] = {[TCHAR] = METHOD},
	[METHOD] = {[TCHAR] = METHOD, [SP] = TARGET},
	[TARGET] = {TEXT(TARGET), [SP] = VERSION},
	[VERSION] = {TEXT(VERSION), [CR] = LINE_LF},
	[LINE_LF] = {[LF] = FIELD},
	[FIELD] = {[TCHAR] = NAME, [CR] = END_LF},
	[NAME] = {[TCHAR] = NAME, [COLON] = BLANK},
	[BLANK] = {TEXT(VALUE), [HIGH] = VALUE, [SP] = BLANK, [HTAB] = BLANK, [CR] = VALUE_LF},
	[VALUE] = {TEXT(VALUE), [HIGH] = VALUE, [SP] = VALUE, [HTAB] = VALUE, [CR] = VALUE_LF},
	[VALUE_LF] = {[LF] = FIELD},
	[END_LF] = {[LF] = DONE},
};
_Static_assert(DONE <= CONNECT_SPANS, "a span for each state");

static bool span_is(const uint8_t *p, struct connect_span s, const char *text)
{
	return s.to - s.from == (int)strlen(text) && strncasecmp((const char *)p + s.from, text, strlen(text)) == 0;
}

/* ---- Headers ---- */

#define SEEN_LENGTH 1U
#define SEEN_ENCODING 2U
#define SEEN_HOST 4U
#define SEEN_LOGIN 8U

/* Those that matter; none of them may come twice. */
static const struct {
	const char *name;
	uint32_t bit;
} fields[] = {
	{"content-length", SEEN_LENGTH},
	{"transfer-encoding", SEEN_ENCODING},
	{"host", SEEN_HOST},
	{"proxy-authorization", SEEN_LOGIN},
};

static bool take_field(struct connect_parser *parser, const uint8_t *p)
{
	struct connect_span value = parser->spans[VALUE];
	while (value.to > value.from && (p[value.to - 1] == ' ' || p[value.to - 1] == '\t'))
		value.to--;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!span_is(p, parser->spans[NAME], fields[i].name))
			continue;
		if (parser->seen & fields[i].bit)
			return false;
		parser->seen |= fields[i].bit;
		if (fields[i].bit == SEEN_LENGTH)
			parser->length = value;
		if (fields[i].bit == SEEN_LOGIN)
			parser->login = value;
	}
	return true;
}

/* The state changes at byte `i`: note where a token ended and the next one begins. */
static bool change_state(struct connect_parser *parser, const uint8_t *p, uint32_t i, uint32_t to)
{
	bool with_this_byte = to == METHOD || to == NAME || to == VALUE;
	parser->spans[parser->state].to = (uint16_t)i;
	if (to == VALUE_LF && parser->state == BLANK)
		parser->spans[VALUE] = (struct connect_span){(uint16_t)i, (uint16_t)i};
	parser->state = to;
	if (to == VALUE_LF)
		return take_field(parser, p);
	if (to < DONE)
		parser->spans[to].from = (uint16_t)(with_this_byte ? i : i + 1);
	return true;
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

/* "name:443", "192.0.2.1:443" or "[2001:db8::1]:443" */
static bool parse_authority(const char *text, size_t len, struct frontend_request *ret)
{
	const char *colon = memrchr(text, ':', len);
	size_t host_len;
	if (!colon || !parse_port(colon + 1, len - (size_t)(colon + 1 - text), &ret->addr.port))
		return false;
	host_len = (size_t)(colon - text);
	if (host_len > 2 && host_len < FRONTEND_NAME_SIZE && text[0] == '[' && text[host_len - 1] == ']') {
		char v6[FRONTEND_NAME_SIZE] = "";
		memcpy(v6, text + 1, host_len - 2);
		ret->addr.family = 6;
		return inet_pton(AF_INET6, v6, ret->addr.ip) == 1;
	}
	if (!is_host_text(text, host_len))
		return false;
	memcpy(ret->host, text, host_len);
	ret->host[host_len] = '\0';
	if (inet_pton(AF_INET, ret->host, ret->addr.ip) == 1) {
		ret->addr.family = 4;
		ret->host[0] = '\0';
	}
	return true;
}

/* ---- Login ---- */

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The number of bytes, -1 when it is not base64 or doesn't fit. Padding may be missing. */
static int base64_decode(const uint8_t *p, uint32_t len, uint8_t *ret, uint32_t size)
{
	uint32_t bits = 0, have = 0, n = 0;
	for (int pad = 0; pad < 2 && len > 0 && len % 4 == (pad ? 3 : 0) && p[len - 1] == '='; pad++)
		len--;
	for (uint32_t i = 0; i < len; i++) {
		int v = base64_value(p[i]);
		if (v < 0)
			return -1;
		bits = (bits << 6 | (uint32_t)v) & 0xffffff;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (n == size)
			return -1;
		ret[n++] = (uint8_t)(bits >> have);
	}
	return have == 6 ? -1 : (int)n;
}

/* "Basic " and base64 of user:password; the password doesn't matter. */
static bool parse_login(const uint8_t *p, uint32_t len, char ret_user[FRONTEND_NAME_SIZE])
{
	uint8_t plain[2048];
	uint32_t skip = 6;
	const uint8_t *colon;
	int n;
	if (len < skip || strncasecmp((const char *)p, "basic ", skip) != 0)
		return false;
	while (skip < len && p[skip] == ' ')
		skip++;
	n = base64_decode(p + skip, len - skip, plain, sizeof(plain));
	colon = n > 0 ? memchr(plain, ':', (size_t)n) : NULL;
	return colon && frontend_decode_user(plain, (size_t)(colon - plain), ret_user);
}

/* ---- The whole head ---- */

static struct connect_verdict judge_connect(const struct connect_parser *parser, const uint8_t *p, struct frontend_request *ret)
{
	struct connect_span t = parser->spans[TARGET];
	if ((parser->seen & SEEN_ENCODING) || ((parser->seen & SEEN_LENGTH) && !span_is(p, parser->length, "0")))
		return (struct connect_verdict){400, "a CONNECT request has no body"};
	if (!parse_authority((const char *)p + t.from, (size_t)(t.to - t.from), ret))
		return (struct connect_verdict){400, "the target of CONNECT has to be host:port"};
	if (parser->seen & SEEN_LOGIN)
		ret->bad_login = !parse_login(p + parser->login.from, (uint32_t)(parser->login.to - parser->login.from), ret->user);
	return (struct connect_verdict){0, NULL};
}

static struct connect_verdict judge(const struct connect_parser *parser, const uint8_t *p, struct frontend_request *ret)
{
	struct connect_span m = parser->spans[METHOD], t = parser->spans[TARGET], v = parser->spans[VERSION];
	if (v.to - v.from != 8 || memcmp(p + v.from, "HTTP/", 5) != 0)
		return (struct connect_verdict){400, "this is not an HTTP request"};
	if (memcmp(p + v.from, "HTTP/1.", 7) != 0 || (p[v.to - 1] != '0' && p[v.to - 1] != '1'))
		return (struct connect_verdict){505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
	if ((parser->seen & SEEN_LENGTH) && (parser->seen & SEEN_ENCODING))
		return (struct connect_verdict){400, "Content-Length and Transfer-Encoding exclude each other"};
	if (m.to - m.from == 7 && memcmp(p + m.from, "CONNECT", 7) == 0)
		return judge_connect(parser, p, ret);
	if (t.to - t.from > 7 && strncasecmp((const char *)p + t.from, "http://", 7) == 0)
		return (struct connect_verdict){405, "only CONNECT is supported here: use an https:// address, or a SOCKS5 proxy"};
	return (struct connect_verdict){400, "this is a proxy, not a web server: it wants CONNECT host:port"};
}

bool connect_parse(struct connect_parser *parser, const uint8_t *p, uint32_t len, struct frontend_request *ret,
		   struct connect_verdict *ret_verdict)
{
	memset(ret, 0, sizeof(*ret));
	*ret_verdict = (struct connect_verdict){0, NULL};
	for (; parser->pos < len && parser->state != DONE; parser->pos++) {
		if (parser->pos == CONNECT_HEAD_MAX) {
			*ret_verdict = (struct connect_verdict){431, "the request's headers are longer than 8 KiB"};
			return true;
		}
		uint32_t to = next_state[parser->state][class_of(p[parser->pos])];
		if (to == START || (to != parser->state && !change_state(parser, p, parser->pos, to))) {
			*ret_verdict = (struct connect_verdict){400, "this is not a well-formed HTTP request"};
			return true;
		}
	}
	if (parser->state != DONE)
		return false;
	*ret_verdict = judge(parser, p, ret);
	return true;
}

/* ---- Answers ---- */

static const struct {
	uint32_t status;
	const char *phrase;
	const char *headers;
} phrases[] = {
	{400, "Bad Request", ""},
	{403, "Forbidden", ""},
	{405, "Method Not Allowed", "Allow: CONNECT\r\n"},
	{407, "Proxy Authentication Required", "Proxy-Authenticate: Basic realm=\"restunnel: exit\"\r\n"},
	{431, "Request Header Fields Too Large", ""},
	{500, "Internal Server Error", ""},
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

uint32_t connect_format_error(uint32_t status, const char *error, const char *why, char ret[FRONTEND_ANSWER_MAX])
{
	char details[300];
	size_t row = 0;
	int n;
	while (row + 1 < sizeof(phrases) / sizeof(phrases[0]) && phrases[row].status != status)
		row++;
	quote(why, details, sizeof(details));
	n = snprintf(ret, FRONTEND_ANSWER_MAX,
		     "HTTP/1.1 %u %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n%s"
		     "Proxy-Status: restunnel; error=%s; details=\"%s\"\r\nConnection: close\r\n\r\nrestunnel: %.300s\n",
		     status, phrases[row].phrase, strlen("restunnel: \n") + strnlen(why, 300), phrases[row].headers, error, details, why);
	return n < 0 ? 0 : (uint32_t)n;
}
