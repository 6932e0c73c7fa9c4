/* SPDX-License-Identifier: BSD-2-Clause
 *
 * conf_syntax.c - libyaml's syntax errors in the words of people who don't know YAML by heart.
 */
#include "conf_syntax.h"

#include <string.h>

/* What libyaml says; what we say (%u: the line where the enclosing thing began); the remedy. */
static const struct wording {
	const char *problem, *within;
	const char *text, *remedy;
} wordings[] = {
	{"found a tab character", NULL, "a tab where spaces should be", "YAML indents with spaces: replace the tab"},
	{"did not find expected '-' indicator", NULL, "this line is not indented as the list that began in line %u",
	 "begin it with \"- \" below the other entries, or indent it as the key that it belongs to"},
	{"did not find expected key", "while parsing a block mapping",
	 "this is neither a key nor the end of what began in line %u",
	 "indent it as the lines around it; a text that contains quotes needs quotes around all of it"},
	{"did not find expected ',' or ']'", NULL, "the list that began with [ in line %u is not closed", "add a ] at its end"},
	{"did not find expected ',' or '}'", NULL, "the { in line %u is not closed", "add a } at its end"},
	{"found unexpected end of stream", "while scanning a quoted scalar", "the quote that began in line %u is not closed",
	 "add the closing quote"},
	{"could not find expected ':'", NULL, "the key in line %u has no colon", "write KEY: VALUE"},
	{"mapping values are not allowed", NULL, "a colon where no value can follow",
	 "quote a text that contains \": \"; else look for a wrong indentation"},
	{"did not find expected <document start>", NULL, "a directive (%) must be followed by a line ---", "remove the directive"},
	{"found undefined tag handle", NULL, "tags (!) are not understood here", "a text that begins with ! needs quotes"},
	{"found unknown escape character", NULL, "there is no such escape in double quotes",
	 "write \\\\ for a backslash, or use single quotes"},
};

struct offence {
	const yaml_parser_t *yaml;
	const char *text;
	size_t len, offset; /* of the problem */
	struct conf_place at;
	struct conf_report *report;
};

static bool is_at(const struct offence *o, const char *chars)
{
	return o->offset < o->len && o->text[o->offset] && strchr(chars, o->text[o->offset]);
}

/* "[::1]:9000" begins a list of its own unless it is quoted: the commonest mistake with the worst message. */
static bool report_bracket(const struct offence *o)
{
	static const char address[] = "0123456789abcdefABCDEF:.";
	const char *line = o->text + o->offset, *end = o->text + o->len;

	while (line > o->text && line[-1] != '\n')
		line--;
	for (const char *p = line; p < end && *p != '\n'; p++) {
		const char *close = p + 1;
		while (close < end && *close && strchr(address, *close))
			close++;
		if (*p != '[' || close == end || *close != ']' || !memchr(p, ':', (size_t)(close - p)))
			continue;
		const char *stop = close + 1;
		if (stop < end && *stop == ':')
			stop++;
		while (stop < end && *stop >= '0' && *stop <= '9')
			stop++;
		int len = stop - p < 64 ? (int)(stop - p) : 64;
		struct conf_place at = o->at;
		for (const char *q = p; q < o->text + o->offset; q++)
			at.column -= (*q & 0xC0) != 0x80;
		char remedy[100];
		snprintf(remedy, sizeof(remedy), "write \"%.*s\"", len, p);
		conf_report_add(o->report, at, "syntax", remedy, "an address in brackets needs quotes");
		return true;
	}
	return false;
}

static bool report_character(const struct offence *o)
{
	if (!o->yaml->problem || strcmp(o->yaml->problem, "found character that cannot start any token"))
		return false;
	if (is_at(o, "\t"))
		conf_report_add(o->report, o->at, "syntax", "YAML indents with spaces: replace the tab", "a tab where spaces should be");
	else if (is_at(o, "@`%"))
		conf_report_add(o->report, o->at, "syntax", "quote the text", "a text can't begin with %c without quotes", o->text[o->offset]);
	else
		return false;
	return true;
}

static bool report_wording(const struct offence *o)
{
	const char *problem = o->yaml->problem ? o->yaml->problem : "", *within = o->yaml->context ? o->yaml->context : "";

	for (size_t i = 0; i < sizeof(wordings) / sizeof(wordings[0]); i++) {
		const struct wording *w = &wordings[i];
		if (strncmp(problem, w->problem, strlen(w->problem)) || (w->within && strcmp(within, w->within)))
			continue;
		char text[160];
		const char *line = strstr(w->text, "%u");
		if (line)
			snprintf(text, sizeof(text), "%.*s%zu%s", (int)(line - w->text), w->text, o->yaml->context_mark.line + 1, line + 2);
		conf_report_add(o->report, o->at, "syntax", w->remedy, "%s", line ? text : w->text);
		return true;
	}
	return false;
}

/* libyaml gives a byte's offset for what is no UTF-8, and for control characters; its line is always the first. */
static struct conf_place place_of_offset(const struct offence *o, const char *file)
{
	struct conf_place at = {file, 1, 1};
	size_t end = o->offset < o->len ? o->offset : o->len, i = 0;

	if (o->len >= 3 && !memcmp(o->text, "\xef\xbb\xbf", 3))
		i = 3; /* a byte order mark takes no place */
	for (; i < end; i++) {
		if (o->text[i] == '\n') {
			at.line++;
			at.column = 1;
		} else if ((o->text[i] & 0xC0) != 0x80) {
			at.column++;
		}
	}
	return at;
}

void conf_syntax_report(const yaml_parser_t *yaml, const char *file, const char *text, size_t len, struct conf_report *r)
{
	const yaml_mark_t *mark = &yaml->problem_mark;
	struct offence o = {.yaml = yaml, .text = text, .len = len, .report = r};

	if (yaml->error == YAML_READER_ERROR) {
		o.offset = yaml->problem_offset;
		bool control = yaml->problem && strstr(yaml->problem, "control characters");
		conf_report_add(r, place_of_offset(&o, file), "encoding", control ? "remove it" : "save the file as UTF-8",
				control ? "a control character" : "this is not UTF-8 (byte %zu of the file)", o.offset + 1);
		return;
	}
	o.at = (struct conf_place){file, (uint32_t)mark->line + 1, (uint32_t)mark->column + 1};
	/* libyaml counts characters: find the line by hand */
	for (size_t line = 0; line < mark->line && o.offset < len; o.offset++)
		line += text[o.offset] == '\n';
	for (size_t column = 0; column < mark->column && o.offset < len; column++)
		do
			o.offset++;
		while (o.offset < len && (text[o.offset] & 0xC0) == 0x80);
	if (!report_bracket(&o) && !report_character(&o) && !report_wording(&o))
		conf_report_add(r, o.at, "syntax", NULL, "%s", yaml->problem ? yaml->problem : "this can't be read as YAML");
}
