/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_out.c - the two streams of the command line: colour, printable text, and how failures are told.
 */
#include <config.h>

#include "cli_out.h"

#include <errno.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "utf8.h"

static const char *const style_codes[] = {
	[CLI_PLAIN] = "", [CLI_BOLD] = "\033[1m", [CLI_DIM] = "\033[2m",
	[CLI_GOOD] = "\033[32m", [CLI_BAD] = "\033[1;31m", [CLI_WARN] = "\033[33m",
};

bool cli_out_wants_colour(const char *color, bool tty, const char *no_color, const char *term)
{
	if (color && !strcmp(color, "always")) return true;
	if (color && !strcmp(color, "never")) return false;
	return tty && !(no_color && *no_color) && term && *term && strcmp(term, "dumb");
}

void cli_out_init(struct cli_out *o, const char *color)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	o->out = stdout;
	o->err = stderr;
	o->out_tty = isatty(STDOUT_FILENO);
	o->err_tty = isatty(STDERR_FILENO);
	o->out_colour = cli_out_wants_colour(color, o->out_tty, no_color, term);
	o->err_colour = cli_out_wants_colour(color, o->err_tty, no_color, term);
	o->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	o->json = false;
	o->now = time(NULL);
}

const char *cli_out_on(bool colour, enum cli_style style)
{
	return colour ? style_codes[style] : "";
}

const char *cli_out_off(bool colour, enum cli_style style)
{
	return colour && style != CLI_PLAIN ? "\033[0m" : "";
}

char *cli_out_text(const char *text)
{
	size_t size = 4 * strlen(text) + 1; /* "\x1b" for each byte */
	char *copy = malloc(size);

	if (!copy) abort();
	utf8_escape(text, copy, size);
	return copy;
}

size_t cli_out_width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void say(const struct cli_out *o, const char *text, const char *remedy)
{
	bool c = o->err_colour;

	fflush(o->out);
	fprintf(o->err, "%srestunnel:%s %s\n", cli_out_on(c, CLI_BAD), cli_out_off(c, CLI_BAD), text);
	if (remedy && *remedy) fprintf(o->err, "%shelp:%s %s\n", cli_out_on(c, CLI_BOLD), cli_out_off(c, CLI_BOLD), remedy);
}

__attribute__((format(printf, 1, 0))) static char *format(const char *fmt, va_list ap)
{
	char *raw, *text;

	if (vasprintf(&raw, fmt, ap) < 0) abort();
	text = cli_out_text(raw);
	free(raw);
	return text;
}

static void fail_document(const struct cli_out *o, const char *code, const char *text, const char *remedy)
{
	json_t *d = json_pack("{s:i, s:s, s:s, s:s?}", "schema", 1, "code", code, "error", text, "remedy", remedy);

	if (d) cli_out_json(o, d);
	json_decref(d);
}

int cli_out_fail(const struct cli_out *o, const char *code, const char *remedy, const char *fmt, ...)
{
	char *text, *shown = remedy ? cli_out_text(remedy) : NULL;
	va_list ap;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	say(o, text, shown);
	if (o->json) fail_document(o, code, text, shown);
	free(shown);
	free(text);
	return 1;
}

int cli_out_usage(const struct cli_out *o, const char *verb, const char *fmt, ...)
{
	char *text, *raw, *remedy;
	va_list ap;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	if (asprintf(&raw, "restunnel %s%s--help", verb ? verb : "", verb ? " " : "") < 0) abort();
	remedy = cli_out_text(raw);
	say(o, text, remedy);
	if (o->json) fail_document(o, "usage", text, remedy);
	free(remedy);
	free(raw);
	free(text);
	return 2;
}

int cli_out_json(const struct cli_out *o, const struct json_t *document)
{
	if (json_dumpf(document, o->out, o->out_tty ? JSON_INDENT(2) : 0) == 0) fputc('\n', o->out);
	return cli_out_flush(o);
}

int cli_out_flush(const struct cli_out *o)
{
	if (fflush(o->out) == 0 && !ferror(o->out)) return 0;
	/* who reads has seen enough: `restunnel devices | head -1` is no failure worth words */
	if (errno != EPIPE) fprintf(o->err, "restunnel: the output could not be written: %s\n", strerror(errno));
	return 1;
}
