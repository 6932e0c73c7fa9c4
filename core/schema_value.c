/* SPDX-License-Identifier: BSD-2-Clause
 *
 * schema_value.c - the types of options: text to value.
 *
 * Strict on purpose: a number has no leading zero, underscore or other base, because other tools read those as
 * something else; what has a unit must show it. Every refusal quotes the value and says what to write.
 */
#include "schema_value.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "addr.h"
#include "nearest.h"
#include "schema_write.h"

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define CREDENTIALS "${CREDENTIALS_DIRECTORY}"
#define HOST_MAX 253

/* ---- Refusals ---- */

__attribute__((format(printf, 2, 3)))
static bool refuse(struct schema_read *r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(r->error, sizeof(r->error), fmt, ap);
	va_end(ap);
	return false;
}

__attribute__((format(printf, 2, 3)))
static void advise(struct schema_read *r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(r->remedy, sizeof(r->remedy), fmt, ap);
	va_end(ap);
}

/* ---- Texts and names ---- */

static bool read_text(struct schema_read *r, void *ret)
{
	size_t len = strlen(r->text);
	const char *copy;

	if (r->row->min && len < r->row->min)
		return refuse(r, "the text is too short: at least %llu bytes", (unsigned long long)r->row->min);
	if (r->row->max && len > r->row->max)
		return refuse(r, "the text is too long: %zu bytes, at most %llu", len, (unsigned long long)r->row->max);
	copy = conf_arena_text(r->arena, r->text);
	memcpy(ret, &copy, sizeof(copy));
	return copy != NULL;
}

static bool is_name(const char *text, const char *others)
{
	size_t len = strlen(text);
	if (!len || len > 32 || strspn(text, LOWER DIGITS) == 0)
		return false;
	for (; *text; text++)
		if (!strchr(LOWER DIGITS, *text) && !strchr(others, *text))
			return false;
	return true;
}

static bool read_name(struct schema_read *r, void *ret)
{
	if (is_name(r->text, "-"))
		return read_text(r, ret);
	advise(r, "use a-z, 0-9 and - (not first), at most 32 of them");
	return refuse(r, "\"%.64s\" is not a name", r->text);
}

/* An item is no text: schema_fill() takes its keys. */
static bool read_record(struct schema_read *r, void *ret)
{
	(void)ret;
	return refuse(r, "\"%.64s\" is not keys and values", r->text);
}

static bool read_ref(struct schema_read *r, void *ret)
{
	struct rtun_ref ref = {NULL, NULL, NULL};

	if (!is_name(r->text, "-_")) {
		advise(r, "write the name of one entry of modules that provides %s", r->row->choices);
		return refuse(r, "\"%.64s\" is not a name of an instance", r->text);
	}
	ref.instance = conf_arena_text(r->arena, r->text);
	memcpy(ret, &ref, sizeof(ref));
	return ref.instance != NULL;
}

/* ---- Numbers ---- */

enum number { NUMBER_OK, NUMBER_NONE, NUMBER_ZERO_FIRST, NUMBER_TOO_BIG };

static enum number read_digits(const char *text, uint64_t *ret, const char **ret_end)
{
	uint64_t n = 0;
	size_t len = strspn(text, DIGITS);

	*ret_end = text + len;
	if (!len)
		return NUMBER_NONE;
	if (text[0] == '0' && len > 1)
		return NUMBER_ZERO_FIRST;
	for (size_t i = 0; i < len; i++)
		if (__builtin_mul_overflow(n, 10U, &n) || __builtin_add_overflow(n, (uint64_t)(text[i] - '0'), &n))
			return NUMBER_TOO_BIG;
	*ret = n;
	return NUMBER_OK;
}

static bool in_limits(struct schema_read *r, uint64_t n)
{
	char words[160];

	if ((!r->row->min && !r->row->max) || (n >= r->row->min && (n <= r->row->max || !r->row->max)))
		return true;
	schema_limit_words(r->row, words, sizeof(words));
	advise(r, "write a value %s", words);
	return refuse(r, "%.64s is too %s", r->text, n < r->row->min ? "small" : "big");
}

static bool read_none(const struct schema_read *r, void *ret)
{
	const uint64_t none = RTUN_NONE;

	if (!(r->row->flags & RTUN_OR_NONE) || strcmp(r->text, "none"))
		return false;
	memcpy(ret, &none, sizeof(none));
	return true;
}

static bool read_int(struct schema_read *r, void *ret)
{
	const char *end;
	uint64_t n = 0;
	enum number is = read_digits(r->text, &n, &end);

	if (read_none(r, ret))
		return true;

	if (*end || is == NUMBER_NONE) {
		advise(r, "write digits only");
		return refuse(r, "\"%.64s\" is not a whole number", r->text);
	}
	if (is == NUMBER_ZERO_FIRST) {
		size_t zeros = strspn(r->text, "0");
		advise(r, "write %.40s: some tools read a leading zero as octal", r->text[zeros] ? r->text + zeros : "0");
		return refuse(r, "\"%.64s\" has a leading zero", r->text);
	}
	if (is == NUMBER_TOO_BIG)
		return refuse(r, "%.64s is too big", r->text);
	memcpy(ret, &n, sizeof(n));
	return in_limits(r, n);
}

static bool read_unit(struct schema_read *r, void *ret)
{
	const struct schema_unit *units = schema_units(r->row->type);
	const char *end, *kind = schema_type(r->row)->words;
	uint64_t n = 0;
	enum number is = read_digits(r->text, &n, &end);

	if (read_none(r, ret))
		return true;
	if (is == NUMBER_NONE || is == NUMBER_ZERO_FIRST || !*end) {
		advise(r, "write a whole number and its unit: %s", kind);
		return refuse(r, is == NUMBER_ZERO_FIRST ? "\"%.64s\" has a leading zero" :
			      is == NUMBER_NONE ? "\"%.64s\" does not begin with a number" : "\"%.64s\" has no unit", r->text);
	}
	for (; units->name; units++) {
		if (strcmp(units->name, end))
			continue;
		if (is == NUMBER_TOO_BIG || __builtin_mul_overflow(n, units->factor, &n))
			return refuse(r, "%.64s is too big", r->text);
		memcpy(ret, &n, sizeof(n));
		return in_limits(r, n);
	}
	advise(r, "write a whole number and its unit, without a space: %s", kind);
	return refuse(r, "\"%.64s\" has an unknown unit", r->text);
}

/* ---- Words ---- */

static bool read_bool(struct schema_read *r, void *ret)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
	for (uint32_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i], r->text))
			continue;
		uint32_t value = i & 1;
		memcpy(ret, &value, sizeof(value));
		return true;
	}
	advise(r, "write true or false");
	return refuse(r, "\"%.64s\" is neither true nor false", r->text);
}

bool schema_choice(const char *choices, uint32_t i, char buf[64])
{
	for (; choices && i; i--) {
		choices = strchr(choices, '|');
		choices = choices ? choices + 1 : NULL;
	}
	if (!choices)
		return false;
	snprintf(buf, 64, "%.*s", (int)strcspn(choices, "|"), choices);
	return true;
}

static bool read_choice(struct schema_read *r, void *ret)
{
	char word[64], best[64] = "", words[200];
	struct nearest near;

	nearest_init(&near, r->text);
	for (uint32_t i = 0; schema_choice(r->row->choices, i, word); i++) {
		if (!strcmp(word, r->text)) {
			memcpy(ret, &i, sizeof(i));
			return true;
		}
		unsigned before = near.cost;
		const char *had = near.best;
		nearest_try(&near, word);
		if (near.cost != before || (!had && near.best))
			memcpy(best, word, sizeof(best));
	}
	if (best[0])
		advise(r, "did you mean \"%s\"?", best);
	return refuse(r, "\"%.64s\" is not %s", r->text, schema_type_words(r->row, words, 100));
}

/* ---- Addresses ---- */

static bool read_endpoint(struct schema_read *r, void *ret)
{
	struct rtun_endpoint e = {0};
	struct sockaddr_un un;

	if (!strncmp(r->text, "unix:", 5)) {
		if (r->text[5] != '/') {
			advise(r, "write unix:/ and the rest of an absolute path");
			return refuse(r, "\"%.64s\" has no absolute path", r->text);
		}
		if (strlen(r->text + 5) >= sizeof(un.sun_path))
			return refuse(r, "the path of the socket is too long: at most %zu bytes", sizeof(un.sun_path) - 1);
	} else if (!addr_parse(r->text, &e.addr)) {
		advise(r, "write an address and a port, \"127.0.0.1:1080\", \"[::1]:1080\", or unix:/path");
		return refuse(r, "\"%.64s\" is not an address to listen on", r->text);
	} else if (!e.addr.port) {
		advise(r, "write a port from 1 to 65535");
		return refuse(r, "\"%.64s\" has port 0", r->text);
	}
	e.text = conf_arena_text(r->arena, r->text);
	if (e.text && !e.addr.family)
		e.path = e.text + 5;
	memcpy(ret, &e, sizeof(e));
	return e.text != NULL;
}

/* Labels of letters, digits, - and _; the last one not a number, which other programs would take for an IPv4 address. */
static bool is_host(const char *host, size_t len)
{
	size_t label = 0;
	bool number = true;

	if (!len || len > HOST_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (host[i] == '.') {
			if (!label)
				return false;
			label = 0;
			number = true;
			continue;
		}
		if (!memchr(LOWER UPPER DIGITS "-_", host[i], sizeof(LOWER UPPER DIGITS "-_") - 1) || (!label && host[i] == '-') || ++label > 63)
			return false;
		number = number && host[i] >= '0' && host[i] <= '9';
	}
	return label && !number;
}

static bool read_hostport(struct schema_read *r, void *ret)
{
	struct rtun_hostport h = {NULL, 0, 0};
	const char *colon = strrchr(r->text, ':'), *end = r->text;
	struct rtun_addr addr;
	uint64_t port = 0;
	char ip[ADDR_TEXT];

	if (colon && read_digits(colon + 1, &port, &end) == NUMBER_OK && !*end && port >= 1 && port <= 65535) {
		h.port = (uint32_t)port;
		if (addr_parse(r->text, &addr))
			h.host = conf_arena_text(r->arena, addr_ip_text(&addr, ip));
		else if (is_host(r->text, (size_t)(colon - r->text)))
			h.host = conf_arena_textn(r->arena, r->text, (size_t)(colon - r->text));
		else
			h.port = 0;
	}
	if (!h.port) {
		advise(r, "write a host and a port: vps.example.net:9000, 192.0.2.1:9000 or \"[2001:db8::1]:9000\"");
		return refuse(r, "\"%.64s\" is not HOST:PORT", r->text);
	}
	memcpy(ret, &h, sizeof(h));
	return h.host != NULL;
}

/* Zero the bits after the first `bits`; true when they were. */
static bool mask(struct rtun_addr *a, uint32_t bits)
{
	bool clean = true;
	for (uint32_t i = 0; i < 16; i++) {
		uint32_t keep = bits > i * 8 ? bits - i * 8 : 0;
		uint8_t m = (uint8_t)(0xff00U >> (keep < 8 ? keep : 8));
		clean = clean && !(a->ip[i] & ~m);
		a->ip[i] &= m;
	}
	return clean;
}

static bool read_prefix(struct schema_read *r, void *ret)
{
	const char *slash = strchr(r->text, '/'), *end = "";
	size_t len = slash ? (size_t)(slash - r->text) : strlen(r->text);
	struct rtun_prefix p = {0};
	char ip[ADDR_TEXT];
	uint64_t bits = 0;

	snprintf(ip, sizeof(ip), "%.*s", (int)(len < sizeof(ip) ? len : 0), r->text);
	bool good = addr_parse_ip(ip, &p.addr);
	uint32_t most = p.addr.family == 4 ? 32 : 128;
	if (!slash)
		bits = most;
	else
		good = good && read_digits(slash + 1, &bits, &end) == NUMBER_OK && !*end;
	if (!good || bits > most) {
		advise(r, "write 192.0.2.0/24 or \"2001:db8::/32\"");
		return refuse(r, "\"%.64s\" is not an address range", r->text);
	}
	p.bits = (uint32_t)bits;
	if (!mask(&p.addr, p.bits)) {
		advise(r, "write %s/%u", addr_ip_text(&p.addr, ip), p.bits);
		return refuse(r, "\"%.64s\" has bits beyond its length", r->text);
	}
	memcpy(ret, &p, sizeof(p));
	return true;
}

/* ---- Files, bytes, times ---- */

static bool read_file(struct schema_read *r, void *ret)
{
	size_t start = strlen(CREDENTIALS);
	bool credential = !strncmp(r->text, CREDENTIALS "/", start + 1);
	const char *dir = credential ? getenv("CREDENTIALS_DIRECTORY") : NULL;
	char *path = NULL, *copy;

	if (!r->text[0])
		return refuse(r, "the path is empty");
	if (strstr(credential ? r->text + start : r->text, "${")) {
		advise(r, "only %s/ is replaced, at the beginning of a path", CREDENTIALS);
		return refuse(r, "\"%.64s\" names a variable", r->text);
	}
	if (credential && !dir)
		snprintf(r->warning, sizeof(r->warning), "%s is not set here: systemd sets it for the service", CREDENTIALS);
	if (dir && asprintf(&path, "%s%s", dir, r->text + start) < 0)
		return false;
	/* As data-dir: relative to where it is written. Defaults, and arguments of commands, are left as they are. */
	if (!credential && r->text[0] != '/' && r->file) {
		path = conf_beside(r->file, r->text);
		if (!path)
			return false;
	}
	copy = conf_arena_text(r->arena, path ? path : r->text);
	free(path);
	memcpy(ret, &copy, sizeof(copy));
	return copy != NULL;
}

static int base64_digit(char c)
{
	static const char digits[] = UPPER LOWER DIGITS "+/";
	const char *p = c ? strchr(digits, c) : NULL;
	return p ? (int)(p - digits) : -1;
}

/* Length of the bytes, or -1. Padding must be there, unused bits must be zero: one value, one text. */
static int64_t base64_decode(const char *text, uint8_t *out)
{
	size_t len = strlen(text), n = 0;
	uint32_t bits = 0, have = 0;
	size_t padding = len && text[len - 1] == '=' ? 1 + (len > 1 && text[len - 2] == '=') : 0;

	if (len % 4)
		return -1;
	for (size_t i = 0; i < len - padding; i++) {
		int digit = base64_digit(text[i]);
		if (digit < 0)
			return -1;
		bits = bits << 6 | (uint32_t)digit;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (uint8_t)(bits >> have);
			bits &= (1U << have) - 1;
		}
	}
	return bits ? -1 : (int64_t)n;
}

static bool read_bytes(struct schema_read *r, void *ret)
{
	size_t size = strlen(r->text) / 4 * 3 + 3;
	struct rtun_bytes b = {NULL, 0};
	uint8_t *p = conf_arena_alloc(r->arena, size);

	if (!p)
		return false;
	int64_t n = base64_decode(r->text, p);
	if (n < 0) {
		advise(r, "write base64 (A-Z a-z 0-9 + /) with its padding (=)");
		return refuse(r, "this is not base64");
	}
	b.p = p;
	b.len = (uint64_t)n;
	memcpy(ret, &b, sizeof(b));
	if ((r->row->min || r->row->max) && (b.len < r->row->min || (r->row->max && b.len > r->row->max)))
		return refuse(r, "this stands for %llu bytes, not %llu%s", (unsigned long long)b.len,
			      (unsigned long long)(b.len < r->row->min ? r->row->min : r->row->max),
			      r->row->min == r->row->max ? "" : b.len < r->row->min ? " or more" : " or fewer");
	return true;
}

static bool is_leap(int64_t y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

/* The digits of `text` where the pattern has a 9, as numbers, one for each run of them. */
static bool read_pattern(const char *text, const char *pattern, int64_t *ret)
{
	bool run = false;
	for (; *pattern; text++, pattern++) {
		if (*pattern != '9') {
			if (*text != *pattern)
				return false;
			ret += run;
			run = false;
			continue;
		}
		if (*text < '0' || *text > '9')
			return false;
		*ret = (run ? *ret * 10 : 0) + (*text - '0');
		run = true;
	}
	return !*text;
}

static bool read_time(struct schema_read *r, void *ret)
{
	static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t t[7] = {0}, day;

	if (!read_pattern(r->text, "9999-99-99T99:99:99Z", t) || t[0] < 1970 || t[1] < 1 || t[1] > 12 || t[2] < 1 ||
	    t[2] > days[t[1] - 1] + (t[1] == 2 && is_leap(t[0])) || t[3] > 23 || t[4] > 59 || t[5] > 59) {
		advise(r, "write it like 2026-11-23T18:00:00Z");
		return refuse(r, "\"%.64s\" is not a time in UTC", r->text);
	}
	day = (t[0] - 1970) * 365 + (t[0] - 1969) / 4 - (t[0] - 1901) / 100 + (t[0] - 1601) / 400 + t[2] - 1;
	for (int64_t m = 0; m < t[1] - 1; m++)
		day += days[m] + (m == 1 && is_leap(t[0]));
	int64_t value = ((day * 24 + t[3]) * 60 + t[4]) * 60 + t[5];
	memcpy(ret, &value, sizeof(value));
	return true;
}

/* ---- The table ---- */

#define SIZEOF(type) ((uint32_t)sizeof(type))

const struct schema_type *schema_type(const struct rtun_option *row)
{
	static const struct schema_type types[] = {
		[RTUN_T_TEXT] = {"a text", SIZEOF(char *), false, false, read_text, schema_write_text},
		[RTUN_T_INT] = {"a whole number", SIZEOF(uint64_t), false, true, read_int, schema_write_int},
		[RTUN_T_BOOL] = {"true or false", SIZEOF(uint32_t), false, true, read_bool, schema_write_bool},
		[RTUN_T_SIZE] = {"a size (64KiB: B KiB MiB GiB)", SIZEOF(uint64_t), false, true, read_unit, schema_write_unit},
		[RTUN_T_RATE] = {"a rate (10Mbit: bit kbit Mbit Gbit)", SIZEOF(uint64_t), false, true, read_unit, schema_write_unit},
		[RTUN_T_DURATION] = {"a duration (15m: ms s m h d)", SIZEOF(uint64_t), false, true, read_unit, schema_write_unit},
		[RTUN_T_CHOICE] = {"one of", SIZEOF(uint32_t), false, false, read_choice, schema_write_choice},
		[RTUN_T_TEXTS] = {"a text, or a list of them", SIZEOF(char *), true, false, read_text, schema_write_text},
		[RTUN_T_LISTEN] = {"an address to listen on (127.0.0.1:1080, \"[::1]:1080\", unix:/path), or a list of them",
				   SIZEOF(struct rtun_endpoint), true, false, read_endpoint, schema_write_endpoint},
		[RTUN_T_HOSTPORT] = {"HOST:PORT", SIZEOF(struct rtun_hostport), false, false, read_hostport, schema_write_hostport},
		[RTUN_T_FILE] = {"a path", SIZEOF(char *), false, false, read_file, schema_write_text},
		[RTUN_T_REF] = {"the name of an instance", SIZEOF(struct rtun_ref), false, false, read_ref, schema_write_ref},
		[RTUN_T_NAME] = {"a name (a-z 0-9 -)", SIZEOF(char *), false, false, read_name, schema_write_text},
		[RTUN_T_NAMES] = {"a name (a-z 0-9 -), or a list of them", SIZEOF(char *), true, false, read_name, schema_write_text},
		[RTUN_T_BYTES] = {"base64", SIZEOF(struct rtun_bytes), false, false, read_bytes, schema_write_bytes},
		[RTUN_T_TIME] = {"a time in UTC (2026-11-23T18:00:00Z)", SIZEOF(int64_t), false, false, read_time, schema_write_time},
		[RTUN_T_PREFIXES] = {"an address range (192.0.2.0/24), or a list of them", SIZEOF(struct rtun_prefix), true, false,
				     read_prefix, schema_write_prefix},
		[RTUN_T_RECORDS] = {"a list of keys and values", SIZEOF(struct rtun_list), true, true, read_record, schema_write_record},
	};
	if (row->type >= sizeof(types) / sizeof(types[0]) || !types[row->type].read)
		return NULL;
	return &types[row->type];
}
