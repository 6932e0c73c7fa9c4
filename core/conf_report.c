/* SPDX-License-Identifier: BSD-2-Clause
 *
 * conf_report.c - all that is wrong with a configuration, each at its place.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "utf8.h"

#define REPORT_MAX 200 /* a file with more mistakes is not a configuration; they are counted, not kept */

static struct conf_problem *report_room(struct conf_report *r)
{
	if (r->count >= REPORT_MAX)
		return NULL;
	if (r->count == r->capacity) {
		uint32_t capacity = r->capacity ? r->capacity * 2 : 8;
		struct conf_problem *items = realloc(r->items, capacity * sizeof(*items));
		if (!items)
			return NULL;
		r->items = items;
		r->capacity = capacity;
	}
	return &r->items[r->count];
}

static void problem_clear(struct conf_problem *p)
{
	free((char *)p->at.file);
	free(p->code);
	free(p->text);
	free(p->remedy);
}

static char *copy(const char *s)
{
	return s ? strdup(s) : NULL;
}

/* Messages quote what is in files: one line, and nothing that a terminal would obey. */
static char *shown(const char *s)
{
	size_t size = s ? 4 * strlen(s) + 1 : 0;
	char *ret = s ? malloc(size) : NULL;
	if (ret)
		utf8_escape(s, ret, size);
	return ret;
}

__attribute__((format(printf, 6, 0)))
static void report_vadd(struct conf_report *r, bool warning, struct conf_place at, const char *code, const char *remedy,
			const char *fmt, va_list ap)
{
	/* Counted first: what there is no memory to describe is wrong all the same */
	if (!warning)
		r->errors++;
	struct conf_problem *p = report_room(r);
	if (!p)
		return;
	*p = (struct conf_problem){.at = at, .warning = warning, .code = strdup(code), .remedy = shown(remedy)};
	p->at.file = copy(at.file);
	char *text = NULL;
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	p->text = shown(text);
	free(text);
	if (!p->code || !p->text) {
		problem_clear(p);
		return;
	}
	r->count++;
}

void conf_report_add(struct conf_report *r, struct conf_place at, const char *code, const char *remedy, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	report_vadd(r, false, at, code, remedy, fmt, ap);
	va_end(ap);
}

void conf_report_warn(struct conf_report *r, struct conf_place at, const char *code, const char *remedy, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	report_vadd(r, true, at, code, remedy, fmt, ap);
	va_end(ap);
}

static int place_cmp(const struct conf_place *a, const struct conf_place *b)
{
	int file = strcmp(a->file ? a->file : "", b->file ? b->file : "");
	if (file)
		return file;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return (a->column > b->column) - (a->column < b->column);
}

/* By insertion: stable, and what comes in is nearly sorted. */
void conf_report_sort(struct conf_report *r)
{
	for (uint32_t i = 1; i < r->count; i++) {
		struct conf_problem p = r->items[i];
		uint32_t k = i;
		for (; k > 0 && place_cmp(&r->items[k - 1].at, &p.at) > 0; k--)
			r->items[k] = r->items[k - 1];
		r->items[k] = p;
	}
}

/* The source line, and a caret below the column; what is no file (arguments of a command) has none. */
static void print_source(const struct conf_place *at, FILE *to)
{
	FILE *f = at->file && at->line ? fopen(at->file, "re") : NULL;
	char *line = NULL;
	size_t size = 0;
	ssize_t len = -1;

	if (!f)
		return;
	for (uint32_t n = 0; n < at->line; n++)
		if ((len = getline(&line, &size, f)) < 0)
			break;
	if (len >= 0) {
		line[strcspn(line, "\r\n")] = 0;
		for (char *p = line; *p; p++)
			if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
				*p = '?';
		fprintf(to, "    %s\n    ", line);
		uint32_t column = 1;
		for (const char *p = line; *p && column < at->column; p++) {
			if (((unsigned char)*p & 0xC0) == 0x80)
				continue; /* columns are characters, not bytes */
			fputc(*p == '\t' ? '\t' : ' ', to);
			column++;
		}
		fputs("^\n", to);
	}
	free(line);
	fclose(f);
}

static void print_problem(const struct conf_problem *p, FILE *to, bool pretty)
{
	if (p->at.file)
		fprintf(to, "%s:", p->at.file);
	if (p->at.file && p->at.line)
		fprintf(to, "%u:%u:", p->at.line, p->at.column);
	fprintf(to, "%s%s: %s", p->at.file ? " " : "", p->warning ? "warning" : "error", p->text);
	if (!pretty) {
		fprintf(to, "%s%s\n", p->remedy ? "; " : "", p->remedy ? p->remedy : "");
		return;
	}
	fputc('\n', to);
	print_source(&p->at, to);
	if (p->remedy)
		fprintf(to, "help: %s\n", p->remedy);
}

void conf_report_print(const struct conf_report *r, FILE *to, bool pretty)
{
	uint32_t shown = 0;
	for (uint32_t i = 0; i < r->count; i++) {
		print_problem(&r->items[i], to, pretty);
		shown += !r->items[i].warning;
	}
	if (shown < r->errors)
		fprintf(to, "error: %u more errors are not listed\n", r->errors - shown);
}

void conf_report_clear(struct conf_report *r)
{
	for (uint32_t i = 0; i < r->count; i++)
		problem_clear(&r->items[i]);
	free(r->items);
	*r = (struct conf_report)CONF_REPORT_INIT;
}
