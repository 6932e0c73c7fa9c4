/* SPDX-License-Identifier: BSD-2-Clause
 *
 * schema_write.c - typed values to text, and the quotes that text needs in YAML.
 */
#include "schema_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "addr.h"
#include "schema_value.h"
#include "utf8.h"

const struct schema_unit *schema_units(uint32_t type)
{
	static const struct schema_unit sizes[] = {{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {NULL, 0}};
	static const struct schema_unit rates[] = {{"bit", 1}, {"kbit", 1000}, {"Mbit", 1000000}, {"Gbit", 1000000000}, {NULL, 0}};
	static const struct schema_unit durations[] = {{"ms", UINT64_C(1000000)}, {"s", UINT64_C(1000000000)},
		{"m", UINT64_C(60000000000)}, {"h", UINT64_C(3600000000000)}, {"d", UINT64_C(86400000000000)}, {NULL, 0}};
	return type == RTUN_T_SIZE ? sizes : type == RTUN_T_RATE ? rates : durations;
}

static void write_number(uint32_t type, uint64_t n, FILE *to)
{
	const struct schema_unit *units, *unit;

	if (type == RTUN_T_INT) {
		fprintf(to, "%" PRIu64, n);
		return;
	}
	unit = units = schema_units(type);
	for (; units->name; units++)
		if (n && n % units->factor == 0)
			unit = units;
	fprintf(to, "%" PRIu64 "%s", n / unit->factor, unit->name);
}

void schema_limit_words(const struct rtun_option *row, char *buf, size_t len)
{
	FILE *to = fmemopen(buf, len, "w");

	buf[0] = 0;
	if (!to)
		return;
	if (row->min || !row->max) {
		fputs(row->max ? "from " : "of at least ", to);
		write_number(row->type, row->min, to);
		if (row->max)
			fputs(" to ", to);
	} else {
		fputs("of at most ", to);
	}
	if (row->max)
		write_number(row->type, row->max, to);
	fclose(to);
	buf[len - 1] = 0;
}

void schema_write_int(const struct rtun_option *row, const void *value, FILE *to)
{
	uint64_t n;
	memcpy(&n, value, sizeof(n));
	if (!(row->flags & RTUN_OR_NONE) || (n && n != RTUN_NONE))
		write_number(row->type, n, to);
}

void schema_write_unit(const struct rtun_option *row, const void *value, FILE *to)
{
	schema_write_int(row, value, to);
}

void schema_write_text(const struct rtun_option *row, const void *value, FILE *to)
{
	const char *text;
	(void)row;
	memcpy(&text, value, sizeof(text));
	if (text)
		fputs(text, to);
}

void schema_write_bool(const struct rtun_option *row, const void *value, FILE *to)
{
	uint32_t on;
	(void)row;
	memcpy(&on, value, sizeof(on));
	fputs(on ? "true" : "false", to);
}

void schema_write_choice(const struct rtun_option *row, const void *value, FILE *to)
{
	char word[64];
	uint32_t i;
	memcpy(&i, value, sizeof(i));
	if (schema_choice(row->choices, i, word))
		fputs(word, to);
}

void schema_write_endpoint(const struct rtun_option *row, const void *value, FILE *to)
{
	struct rtun_endpoint e;
	char text[ADDR_TEXT];
	(void)row;
	memcpy(&e, value, sizeof(e));
	if (e.path)
		fprintf(to, "unix:%s", e.path);
	else
		fputs(addr_text(&e.addr, text), to);
}

void schema_write_hostport(const struct rtun_option *row, const void *value, FILE *to)
{
	struct rtun_hostport h;
	(void)row;
	memcpy(&h, value, sizeof(h));
	if (h.host)
		fprintf(to, strchr(h.host, ':') ? "[%s]:%u" : "%s:%u", h.host, h.port);
}

void schema_write_ref(const struct rtun_option *row, const void *value, FILE *to)
{
	struct rtun_ref ref;
	(void)row;
	memcpy(&ref, value, sizeof(ref));
	if (ref.instance)
		fputs(ref.instance, to);
}

void schema_write_bytes(const struct rtun_option *row, const void *value, FILE *to)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct rtun_bytes b;
	(void)row;
	memcpy(&b, value, sizeof(b));
	for (uint64_t i = 0; i < b.len; i += 3) {
		uint32_t have = b.len - i < 3 ? (uint32_t)(b.len - i) : 3;
		uint32_t bits = (uint32_t)b.p[i] << 16 | (have > 1 ? (uint32_t)b.p[i + 1] << 8 : 0) | (have > 2 ? b.p[i + 2] : 0U);
		for (uint32_t k = 0; k < 4; k++)
			fputc(k <= have ? digits[bits >> (18 - 6 * k) & 63] : '=', to);
	}
}

void schema_write_time(const struct rtun_option *row, const void *value, FILE *to)
{
	int64_t seconds;
	struct tm tm;
	char text[40];
	(void)row;
	memcpy(&seconds, value, sizeof(seconds));
	time_t t = (time_t)seconds;
	if (seconds > 0 && gmtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		fputs(text, to);
}

void schema_write_prefix(const struct rtun_option *row, const void *value, FILE *to)
{
	struct rtun_prefix p;
	char text[ADDR_TEXT];
	(void)row;
	memcpy(&p, value, sizeof(p));
	fprintf(to, "%s/%u", addr_ip_text(&p.addr, text), p.bits);
}

void schema_write_record(const struct rtun_option *row, const void *value, FILE *to)
{
	const struct rtun_option *one;
	const char *between = "";
	char key[64];

	fputc('{', to);
	for (uint32_t i = 0; (one = schema_row(row->items, i)); i++) {
		char *text = schema_when(row->items, value, one->when) ? schema_value_text(one, value) : NULL;
		if (text && text[0] && strcmp(text, "[]")) {
			fprintf(to, "%s%s: %s", between, schema_key(one->key, key), text);
			between = ", ";
		}
		free(text);
	}
	fputc('}', to);
}

/* ---- YAML ---- */

/* Plain is only what begins like a word or a path, has no character of meaning anywhere, and is no word that YAML 1.1
 * or 1.2 types. Everything that begins with a digit, sign or dot could be some tool's number, time or date. */
bool schema_needs_quotes(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	static const char others[] = "0123456789_./@+-";
	static const char *const typed[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};

	if (!text[0] || (!strchr(letters, text[0]) && text[0] != '/'))
		return true;
	for (const char *p = text; *p; p++)
		if (!strchr(letters, *p) && !strchr(others, *p))
			return true;
	for (size_t i = 0; i < sizeof(typed) / sizeof(typed[0]); i++)
		if (!strcasecmp(text, typed[i]))
			return true;
	return false;
}

/* What is no UTF-8 becomes U+FFFD: a file with it could not be read again. */
void schema_write_quoted(const char *text, FILE *to)
{
	fputc('"', to);
	while (*text) {
		uint32_t code = 0xfffd, len = utf8_char(text, &code);
		bool space = code >= 0x2028 && code <= 0x2029, mark = code == 0xfeff || code == 0xfffe || code == 0xffff;
		if (code == '"' || code == '\\')
			fprintf(to, "\\%c", (int)code);
		else if (code == '\n')
			fputs("\\n", to);
		else if (code < 0x20 || (code >= 0x7f && code < 0xa0))
			fprintf(to, "\\x%02X", code);
		else if (!len || space || mark)
			fprintf(to, "\\u%04X", code);
		else
			fwrite(text, 1, len, to);
		text += len ? len : 1;
	}
	fputc('"', to);
}

static bool write_one(const struct schema_type *type, const struct rtun_option *row, const void *value, FILE *to)
{
	char *text = NULL;
	size_t len = 0;
	FILE *mem = open_memstream(&text, &len);

	if (!mem)
		return false;
	type->write(row, value, mem);
	if (fclose(mem)) {
		free(text);
		return false;
	}
	if (!type->plain && len && schema_needs_quotes(text))
		schema_write_quoted(text, to);
	else
		fputs(text, to);
	/* An empty text is a value, but none where it can't be told from one that isn't set */
	if (!len && row->type == RTUN_T_TEXTS)
		fputs("\"\"", to);
	free(text);
	return true;
}

static bool write_member(const struct schema_type *type, const struct rtun_option *row, const void *member, FILE *to)
{
	struct rtun_list list;
	const char *text;

	if (row->type == RTUN_T_TEXT) {
		memcpy(&text, member, sizeof(text));
		if (text && !text[0])
			fputs("\"\"", to);
	}
	if (!type->list)
		return write_one(type, row, member, to);
	memcpy(&list, member, sizeof(list));
	fputc('[', to);
	for (uint32_t i = 0; i < list.count; i++) {
		if (i)
			fputs(", ", to);
		if (!write_one(type, row, (const char *)list.items + (size_t)i * list.item_size, to))
			return false;
	}
	fputc(']', to);
	return true;
}

char *schema_value_text(const struct rtun_option *row, const void *cfg)
{
	const struct schema_type *type = schema_type(row);
	char *text = NULL;
	size_t len = 0;
	FILE *to = type ? open_memstream(&text, &len) : NULL;

	if (!to)
		return NULL;
	bool good = write_member(type, row, (const char *)cfg + row->offset, to);
	if (fclose(to) || !good) {
		free(text);
		return NULL;
	}
	return text;
}
