/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_render.c - values in words, tables, labelled lines.
 */
#include <config.h>

#include "cli_render.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOTHING "-"

static char *copy(const char *text)
{
	char *s = strdup(text);

	if (!s) abort();
	return s;
}

/* ---- Values ---- */

const char *cli_render_bytes(uint64_t n, char *buf, size_t len)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t unit = 0;
	double x = (double)n;

	for (; x >= 1023.95 && unit < 6; unit++)
		x /= 1024;
	snprintf(buf, len, unit ? "%.1f %s" : "%.0f %s", x, units[unit]);
	return buf;
}

const char *cli_render_duration(uint64_t s, char *buf, size_t len)
{
	if (s < 60) {
		snprintf(buf, len, "%llu s", (unsigned long long)s);
	} else if (s < 3600) {
		snprintf(buf, len, "%llu min", (unsigned long long)s / 60);
	} else if (s < 2 * 86400) {
		snprintf(buf, len, "%llu h", (unsigned long long)s / 3600);
	} else {
		snprintf(buf, len, "%llu days", (unsigned long long)s / 86400);
	}
	return buf;
}

const char *cli_render_time(const char *rfc3339, int64_t now, char *buf, size_t len)
{
	struct tm tm = {0};
	const char *end = strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm);
	char span[32];
	int64_t ago;

	if (!end || (*end != 'Z' && *end != '.')) {
		snprintf(buf, len, "%s", rfc3339);
		return buf;
	}
	ago = now - (int64_t)timegm(&tm);
	if (ago >= 0) {
		snprintf(buf, len, ago < 5 ? "now" : "%s ago", cli_render_duration((uint64_t)ago, span, sizeof(span)));
	} else {
		snprintf(buf, len, "in %s", cli_render_duration((uint64_t)-ago, span, sizeof(span)));
	}
	return buf;
}

static char *list_text(const json_t *list)
{
	char *text = NULL;
	size_t len, i;
	const json_t *item;
	FILE *f = open_memstream(&text, &len);

	if (!f) abort();
	json_array_foreach(list, i, item)
		fprintf(f, "%s%s", i ? ", " : "", json_is_string(item) ? json_string_value(item) : "?");
	fclose(f);
	if (!len) {
		free(text);
		text = copy(NOTHING);
	}
	return text;
}

static char *plain_text(const json_t *v)
{
	char buf[40];

	if (json_is_string(v)) return copy(*json_string_value(v) ? json_string_value(v) : NOTHING);
	if (json_is_array(v)) return list_text(v);
	if (json_is_integer(v)) {
		snprintf(buf, sizeof(buf), "%lld", (long long)json_integer_value(v));
	} else if (json_is_real(v)) {
		snprintf(buf, sizeof(buf), "%.1f", json_real_value(v));
	} else {
		snprintf(buf, sizeof(buf), "%s", json_is_true(v) ? "yes" : json_is_false(v) ? "no" : NOTHING);
	}
	return copy(buf);
}

static char *typed_text(const json_t *v, uint32_t type, int64_t now)
{
	char buf[80];

	if (type == RTUN_V_BYTES && json_is_integer(v) && json_integer_value(v) >= 0)
		return copy(cli_render_bytes((uint64_t)json_integer_value(v), buf, sizeof(buf)));
	if (type == RTUN_V_TIME && json_is_string(v)) return copy(cli_render_time(json_string_value(v), now, buf, sizeof(buf)));
	if (type == RTUN_V_ONLINE && json_is_boolean(v)) return copy(json_is_true(v) ? "online" : "away");
	if (type == RTUN_V_MS && json_is_number(v)) {
		snprintf(buf, sizeof(buf), json_number_value(v) < 10 && json_is_real(v) ? "%.1f ms" : "%.0f ms", json_number_value(v));
		return copy(buf);
	}
	return plain_text(v);
}

char *cli_render_value(const json_t *value, uint32_t view_type, int64_t now, enum cli_style *ret_style)
{
	char *raw = typed_text(value, view_type, now), *text = cli_out_text(raw);

	*ret_style = CLI_PLAIN;
	if (view_type == RTUN_V_ONLINE && json_is_boolean(value)) *ret_style = json_is_true(value) ? CLI_GOOD : CLI_DIM;
	if (!strcmp(text, NOTHING)) *ret_style = CLI_DIM;
	free(raw);
	return text;
}

char *cli_render_fields(const char *text, const json_t *fields)
{
	char *raw = NULL, *shown;
	size_t len;
	FILE *f = open_memstream(&raw, &len);

	if (!f) abort();
	for (const char *p = text; *p; p++) {
		size_t n = *p == '{' ? strcspn(p, "}") : 0;
		char key[64];

		if (n && p[n] == '}' && n < sizeof(key)) {
			char *value;

			snprintf(key, sizeof(key), "%.*s", (int)n - 1, p + 1);
			value = plain_text(json_object_get(fields, key));
			fputs(value, f);
			free(value);
			p += n;
		} else {
			fputc(*p, f);
		}
	}
	fclose(f);
	shown = cli_out_text(raw);
	free(raw);
	return shown;
}

/* ---- Tables ---- */

#define GAP 2          /* between columns */
#define CELL_LONG 20   /* where there is too little room, no cell but the last is longer */
#define CELL_SHORT 12  /* less than that of a column is none of it */

struct columns {
	size_t *width; /* of each; 0: not shown */
	size_t count;
};

static size_t widest(char **cells, size_t rows, size_t columns, size_t c)
{
	size_t width = 0;

	for (size_t r = 0; r < rows; r++) {
		size_t w = cli_out_width(cells[r * columns + c]);

		if (w > width) width = w;
	}
	return width;
}

/* What is too wide loses the ends of long cells, then its last columns. */
static void fit(struct columns *t, size_t room)
{
	size_t all = 0;

	for (size_t c = 0; c < t->count; c++)
		all += t->width[c] + (c ? GAP : 0);
	if (!room || all <= room) return;
	all = 0;
	for (size_t c = 0; c < t->count; c++) {
		size_t gap = c ? GAP : 0, left = room > all + gap ? room - all - gap : 0;

		if (c + 1 < t->count && t->width[c] > CELL_LONG) t->width[c] = CELL_LONG;
		if (t->width[c] > left) t->width[c] = left < CELL_SHORT ? 0 : left;
		all = t->width[c] ? all + gap + t->width[c] : room;
	}
}

/* Of a printable text, what is in so many columns. */
static int bytes_within(const char *text, size_t columns)
{
	const char *p = text;

	for (; *p && (columns || ((unsigned char)*p & 0xc0) == 0x80); p++)
		columns -= ((unsigned char)*p & 0xc0) != 0x80;
	return (int)(p - text);
}

static void render_cell(const struct cli_out *o, const char *text, enum cli_style style, size_t width, bool more)
{
	size_t w = cli_out_width(text);

	fprintf(o->out, "%s%.*s%s", cli_out_on(o->out_colour, style), bytes_within(text, width), text, cli_out_off(o->out_colour, style));
	if (more) fprintf(o->out, "%*s", (int)(w < width ? width - w : 0) + GAP, "");
}

void cli_render_table(const struct cli_out *o, char **cells, const enum cli_style *styles, size_t rows, size_t columns)
{
	struct columns t = {calloc(columns + 1, sizeof(*t.width)), columns};

	if (!t.width) abort();
	for (size_t c = 0; c < columns; c++)
		t.width[c] = widest(cells, rows, columns, c);
	fit(&t, o->width);
	for (size_t r = 0; r < rows; r++) {
		for (size_t c = 0; c < columns && (t.width[c] || !o->width); c++)
			render_cell(o, cells[r * columns + c], styles[r * columns + c], t.width[c], c + 1 < columns && (t.width[c + 1] || !o->width));
		fputc('\n', o->out);
	}
	free(t.width);
}

static void render_items(const struct cli_out *o, const struct cli_verb *verb, const json_t *items)
{
	size_t columns = verb->view_count, rows = json_array_size(items) + 1;
	char **cells = calloc(rows * columns + 1, sizeof(*cells));
	enum cli_style *styles = calloc(rows * columns + 1, sizeof(*styles));

	if (!cells || !styles) abort();
	for (size_t r = 0; r < rows; r++) {
		const json_t *item = r ? json_array_get(items, r - 1) : NULL;

		for (size_t c = 0; c < columns; c++) {
			const struct cli_view *view = &verb->views[c];
			size_t at = r * columns + c;

			if (item) {
				cells[at] = cli_render_value(json_object_get(item, view->field), view->type, o->now, &styles[at]);
			} else {
				cells[at] = cli_out_text(view->label);
				styles[at] = CLI_BOLD;
			}
		}
	}
	if (columns) cli_render_table(o, cells, styles, rows, columns);
	for (size_t i = 0; i < rows * columns; i++)
		free(cells[i]);
	free(cells);
	free(styles);
}

/* ---- Labelled lines ---- */

/* Sentences confirm what was done: whoever isn't a person sees that in the exit status. What a reading verb says is
 * its result. */
static bool is_said(const struct cli_out *o, const struct cli_verb *verb, const struct cli_view *view)
{
	return view->type != RTUN_V_SENTENCE || o->out_tty || verb->readonly;
}

static size_t label_width(const struct cli_verb *verb)
{
	size_t width = 0;

	for (size_t i = 0; i < verb->view_count; i++) {
		const struct cli_view *v = &verb->views[i];
		size_t w = v->type == RTUN_V_SENTENCE || v->type == RTUN_V_COMMAND ? 0 : cli_out_width(v->label);

		if (w > width) width = w;
	}
	return width;
}

/* As it is, line by line; only control characters are taken out. */
static void render_sentence(const struct cli_out *o, const char *text)
{
	while (text && *text) {
		size_t len = strcspn(text, "\n");
		char *line = strndup(text, len), *shown;

		if (!line) abort();
		shown = cli_out_text(line);
		fprintf(o->out, "%s\n", shown);
		free(shown);
		free(line);
		text += len + (text[len] == '\n');
	}
}

static void render_line(const struct cli_out *o, const struct cli_view *view, const json_t *value, size_t width)
{
	enum cli_style style;
	char *text = cli_render_value(value, view->type, o->now, &style), *label = cli_out_text(view->label);
	const char *bold = cli_out_on(o->out_colour, CLI_BOLD), *off = cli_out_off(o->out_colour, CLI_BOLD);

	if (view->type == RTUN_V_SENTENCE) {
		render_sentence(o, json_string_value(value));
	} else if (view->type == RTUN_V_COMMAND) {
		if (!json_is_null(value)) fprintf(o->out, "%s%s:%s\n    %s\n", bold, label, off, text);
	} else {
		fprintf(o->out, "%s%s:%s%*s %s%s%s\n", bold, label, off, (int)(width - cli_out_width(label)), "",
			cli_out_on(o->out_colour, style), text, cli_out_off(o->out_colour, style));
	}
	free(label);
	free(text);
}

void cli_render(const struct cli_out *o, const struct cli_verb *verb, const json_t *answer)
{
	const json_t *items = verb->view_items ? json_object_get(answer, verb->view_items) : NULL;
	size_t width = label_width(verb);

	if (verb->view_items) {
		if (json_array_size(items)) {
			render_items(o, verb, items);
		} else if (verb->empty && o->out_tty) {
			char *text = cli_out_text(verb->empty);

			fprintf(o->out, "%s\n", text);
			free(text);
		}
		return;
	}
	for (size_t i = 0; i < verb->view_count; i++) {
		const struct cli_view *view = &verb->views[i];
		const json_t *value = json_object_get(answer, view->field);

		if (value && is_said(o, verb, view)) render_line(o, view, value, width);
	}
}
