/* SPDX-License-Identifier: BSD-2-Clause
 *
 * line.c - from an event to a line. An event is read by the names of its fields, which its type lists: fields come in any
 * order, newer ones are added, and another module's frontend may publish the same event with other ones.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "access_log.h"

#define TEXT_MAX 512U /* bytes of a text that are written */

struct line {
	const char *frontend, *exit, *protocol, *target, *result;
	uint64_t bytes_in, bytes_out, duration_ms;
};

/* Columns in their order, each named like the field that it is filled from. */
#define L(member) offsetof(struct line, member)
static const struct column {
	const char *name;
	uint32_t type;
	size_t offset;
} columns[] = {
	{"frontend", RTUN_F_TEXT, L(frontend)}, {"exit", RTUN_F_TEXT, L(exit)},          {"protocol", RTUN_F_TEXT, L(protocol)},
	{"target", RTUN_F_TEXT, L(target)},     {"bytes_in", RTUN_F_U64, L(bytes_in)},   {"bytes_out", RTUN_F_U64, L(bytes_out)},
	{"duration_ms", RTUN_F_U64, L(duration_ms)}, {"result", RTUN_F_TEXT, L(result)},
};
#undef L
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* ---- Reading ---- */

static size_t size_of(uint32_t type)
{
	return type == RTUN_F_ERR ? sizeof(uint32_t) : type == RTUN_F_TEXT ? sizeof(char *) : sizeof(uint64_t);
}

static void read_field(const struct column *c, const struct rtun_field *f, const char *at, struct line *ret)
{
	char *to = (char *)ret + c->offset;
	if (f->type == c->type) {
		memcpy(to, at, size_of(f->type));
	} else if (f->type == RTUN_F_ERR && c->type == RTUN_F_TEXT) {
		uint32_t err;
		const char *word;
		memcpy(&err, at, sizeof(err));
		word = rtun_error_word(err);
		memcpy(to, &word, sizeof(word));
	}
}

static void read_event(const struct rtun_event_type *type, const void *payload, struct line *ret)
{
	for (uint32_t i = 0; i < type->fields.count; i++) {
		const struct rtun_field *f = (const void *)((const char *)type->fields.items + (size_t)i * type->fields.item_size);
		for (size_t c = 0; c < COLUMNS; c++)
			if (strcmp(columns[c].name, f->name) == 0 && f->offset + size_of(f->type) <= type->payload_size)
				read_field(&columns[c], f, (const char *)payload + f->offset, ret);
	}
}

/* ---- Writing ---- */

/* What a client says is in it, so nothing but these characters: no line, no column and no text can be forged. */
static char *put_text(char *to, const char *text, bool json)
{
	for (size_t i = 0; text[i] && i < TEXT_MAX; i++) {
		uint8_t c = (uint8_t)text[i];
		if (c > ' ' && c < 0x7f && c != '"' && c != '\\')
			*to++ = (char)c;
		else
			to += sprintf(to, json ? "\\u%04x" : "\\x%02x", c);
	}
	return to;
}

static char *put_time(char *to, int64_t now)
{
	time_t seconds = now / 1000;
	struct tm tm;
	gmtime_r(&seconds, &tm);
	to += strftime(to, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	return to + sprintf(to, ".%03dZ", (int)(now % 1000));
}

static char *put_column(char *to, const struct column *c, const char *name, const struct line *l, bool json)
{
	const char *text;
	uint64_t number;
	to += sprintf(to, json ? ",\"%s\":" : " %s=", name);
	memcpy(&number, (const char *)l + c->offset, sizeof(number));
	memcpy(&text, (const char *)l + c->offset, sizeof(text));
	if (c->type == RTUN_F_U64)
		return to + sprintf(to, "%llu", (unsigned long long)number);
	if (!text)
		return stpcpy(to, json ? "null" : "-");
	to = put_text(stpcpy(to, json ? "\"" : ""), text, json);
	return stpcpy(to, json ? "\"" : "");
}

/* Equal targets have equal hashes as long as the key lives; without it a hash says nothing. */
static const char *hash(const struct access_log_style *style, const char *target, char ret[2 * crypto_shorthash_BYTES + 1])
{
	uint8_t bytes[crypto_shorthash_BYTES];
	crypto_shorthash(bytes, (const uint8_t *)target, strlen(target), style->key);
	return sodium_bin2hex(ret, 2 * sizeof(bytes) + 1, bytes, sizeof(bytes));
}

uint32_t access_log_line(const struct access_log_style *style, int64_t now, const struct rtun_event_type *type, const void *payload,
			 char ret[ACCESS_LOG_LINE])
{
	struct line l = {0};
	char hex[2 * crypto_shorthash_BYTES + 1], *to = ret;
	bool json = style->format == ACCESS_LOG_JSON;
	read_event(type, payload, &l);
	if (style->targets != ACCESS_LOG_PLAIN)
		l.target = l.target && style->targets == ACCESS_LOG_HASH ? hash(style, l.target, hex) : NULL;
	to = put_time(stpcpy(to, json ? "{\"time\":\"" : ""), now);
	to = stpcpy(to, json ? "\"" : "");
	for (size_t c = 0; c < COLUMNS; c++) {
		bool hashed = style->targets == ACCESS_LOG_HASH && columns[c].offset == offsetof(struct line, target);
		to = put_column(to, &columns[c], hashed ? "target_hash" : columns[c].name, &l, json);
	}
	to = stpcpy(to, json ? "}\n" : "\n");
	return (uint32_t)(to - ret);
}
