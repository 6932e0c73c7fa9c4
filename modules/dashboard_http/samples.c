/* SPDX-License-Identifier: BSD-2-Clause
 *
 * samples.c - line by line.
 */
#include "samples.h"

#include <stdbool.h>
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

/* Where the text begins in the answer, as JSON writes it. */
static const char *text_in(const char *answer, size_t len)
{
	static const char before[] = "\"text\":\"";
	const char *p = answer ? memmem(answer, len, before, sizeof(before) - 1) : NULL;
	return p ? p + sizeof(before) - 1 : NULL;
}

char *dash_samples_text(const char *answer, size_t len)
{
	const char *p = text_in(answer, len), *end = answer + len;
	char *text = p ? malloc(len) : NULL, *to = text;
	if (!text)
		return NULL;
	for (; p < end && *p != '"'; to++)
		if (*p == '\\')
			p = unescape(p + 1, end, to);
		else
			*to = *p++;
	*to = '\0';
	return text;
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

/* NAME{LABELS} VALUE, as JSON writes it: the first is the key as it stands. Behind what is written at `to`. */
static char *put_sample(char *to, const char *line, const char *end)
{
	const char *space = memrchr(line, ' ', (size_t)(end - line));
	if (*line == '#' || !space || !is_number(space + 1, end))
		return to;
	*to++ = '"';
	to = mempcpy(to, line, (size_t)(space - line));
	to = mempcpy(to, "\":", 2);
	to = mempcpy(to, space + 1, (size_t)(end - space - 1));
	*to++ = ',';
	return to;
}

/* The line feed, or the end of all. */
static const char *line_end(const char *p, const char *end)
{
	while (p < end && *p != '"' && !(*p == '\\' && end - p > 1 && p[1] == 'n'))
		p += *p == '\\' && end - p > 1 ? 2 : 1;
	return p;
}

struct dash_text dash_samples_json(const char *answer, size_t len)
{
	const char *p = text_in(answer, len), *end = answer + len;
	char *json = p ? malloc(2 * len) : NULL, *to = json; /* a line becomes one byte longer */
	if (!json)
		return (struct dash_text){NULL, 0};
	*to++ = '{';
	while (p < end && *p != '"') {
		const char *line = p;
		p = line_end(p, end);
		to = put_sample(to, line, p);
		p += p < end && *p == '\\' ? 2 : 0;
	}
	if (to[-1] == ',')
		to--;
	*to++ = '}';
	size_t size = (size_t)(to - json);
	char *fits = realloc(json, size);
	return (struct dash_text){fits ? fits : json, size};
}
