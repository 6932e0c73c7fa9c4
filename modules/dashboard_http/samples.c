/* SPDX-License-Identifier: BSD-2-Clause
 *
 * samples.c - line by line.
 */
#include "samples.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One character of a JSON string, behind its backslash. Where the next one is. */
static const char *unescape(const char *p, const char *end, char *ret)
{
	static const char from[] = "nrtbf", is[] = "\n\r\t\b\f";
	char number[5] = "";
	const char *c;
	*ret = ' ';
	if (p == end || (*p == 'u' && end - p < 5))
		return end;
	if (*p == 'u') { /* a control character: nothing else is written so */
		memcpy(number, p + 1, 4);
		*ret = (char)strtoul(number, NULL, 16);
		return p + 5;
	}
	c = strchr(from, *p);
	*ret = c ? is[c - from] : *p;
	return p + 1;
}

char *dash_samples_text(const char *json, size_t len)
{
	static const char before[] = "\"text\":\"";
	const char *p = json ? memmem(json, len, before, sizeof(before) - 1) : NULL, *end = json + len;
	char *text = p ? malloc(len) : NULL, *to = text;
	if (!text)
		return NULL;
	for (p += sizeof(before) - 1; p < end && *p != '"'; to++)
		if (*p == '\\')
			p = unescape(p + 1, end, to);
		else
			*to = *p++;
	*to = '\0';
	return text;
}

static void put_name(FILE *out, const char *key, const char *end)
{
	for (; key < end; key++) {
		if ((unsigned char)*key < ' ')
			fprintf(out, "\\u%04x", (unsigned)*key);
		else if (*key == '"' || *key == '\\')
			fprintf(out, "\\%c", *key);
		else
			putc_unlocked(*key, out);
	}
}

/* Behind the digits at `p`; NULL: there are none. */
static const char *digits(const char *p)
{
	size_t n = p ? strspn(p, "0123456789") : 0;
	return n ? p + n : NULL;
}

/* RFC 8259, section 6. */
static bool is_number(const char *p, const char *end)
{
	p += *p == '-';
	p = *p == '0' ? p + 1 : digits(p);
	if (p && *p == '.')
		p = digits(p + 1);
	if (p && (*p == 'e' || *p == 'E'))
		p = digits(p + 1 + (p[1] == '-' || p[1] == '+'));
	return p == end;
}

/* NAME{LABELS} VALUE */
static bool put_sample(FILE *out, bool first, const char *line, const char *end)
{
	const char *space = memrchr(line, ' ', (size_t)(end - line));
	if (*line == '#' || !space || !is_number(space + 1, end))
		return false;
	fputs_unlocked(first ? "{\"" : ",\"", out);
	put_name(out, line, space);
	fputs_unlocked("\":", out);
	fwrite_unlocked(space + 1, 1, (size_t)(end - space - 1), out);
	return true;
}

struct dash_text dash_samples_json(const char *answer, size_t len)
{
	struct dash_text json = {NULL, 0}, none = json;
	char *text = dash_samples_text(answer, len);
	FILE *out = text ? open_memstream(&json.p, &json.len) : NULL;
	bool first = true;
	for (const char *line = text, *end; out && *line; line = end + (*end != '\0')) {
		end = line + strcspn(line, "\n");
		first &= !put_sample(out, first, line, end);
	}
	free(text);
	if (!out)
		return none;
	fputs(first ? "{}" : "}", out);
	if (!fclose(out))
		return json;
	free(json.p);
	return none;
}
