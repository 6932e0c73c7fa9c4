/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_out.h - what the command line says, and how: two streams, each with or without colour.
 *
 * Results go to `out`, everything else to `err`. Nothing that came from elsewhere is written raw: cli_out_text() takes
 * the control characters out, so that no answer can play with a terminal.
 */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum cli_style { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_GOOD, CLI_BAD, CLI_WARN };

struct cli_out {
	FILE *out, *err;
	bool out_tty, err_tty;       /* a terminal: for people, not for programs */
	bool out_colour, err_colour;
	bool utf8;                   /* the locale's encoding */
	bool json;                   /* one document on `out` and nothing else there */
	int64_t now;                 /* unix seconds, for relative times */
	size_t width;                /* columns that tables have; 0: as many as they need */
};

/* stdout and stderr. `color` is auto, always or never; auto also honours NO_COLOR and TERM=dumb. */
void cli_out_init(struct cli_out *o, const char *color);
/* Colour by the rules above for one stream. */
bool cli_out_wants_colour(const char *color, bool tty, const char *no_color, const char *term);

/* Start and end of a style; empty texts without colour. */
const char *cli_out_on(bool colour, enum cli_style style);
const char *cli_out_off(bool colour, enum cli_style style);

/* A printable copy: control characters and bytes that aren't UTF-8 become \xNN. Caller frees. */
char *cli_out_text(const char *text);
/* How many columns a printable text takes, as far as that can be known: its number of code points. */
size_t cli_out_width(const char *text);

/* "restunnel: TEXT", then "help: REMEDY" if there is one, on err. With --json also one document on out, with
 * `code`, `error`, `remedy`. Returns 1, the exit status. */
int cli_out_fail(const struct cli_out *o, const char *code, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The same for wrong usage; points to `restunnel VERB --help` (verb NULL: to `restunnel --help`). Returns 2. */
int cli_out_usage(const struct cli_out *o, const char *verb, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The one document of --json; 0, or 1 after saying why it could not be written. */
struct json_t;
int cli_out_json(const struct cli_out *o, const struct json_t *document);
/* Was all of `out` written? 0, or 1 after saying why not. */
int cli_out_flush(const struct cli_out *o);

#endif
