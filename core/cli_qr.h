/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_qr.h - a text as a QR code: on a terminal, or as a PNG file.
 *
 * Error correction level L and a border of two modules, so that a pairing URL fits 80x24; black on white is said in so
 * many words, since codes in the terminal's own colours fail to scan on a dark one.
 */
#ifndef CLI_QR_H
#define CLI_QR_H

#include <stdbool.h>
#include <stdio.h>

enum cli_qr_mode { CLI_QR_NONE, CLI_QR_UTF8, CLI_QR_ANSI, CLI_QR_ASCII };

/* What --qr=WORD (NULL: auto) means on this output. */
enum cli_qr_mode cli_qr_choose(const char *word, bool tty, bool utf8, const char *term);

/* 0, or -1: too long for a QR code (nothing was written). */
int cli_qr_print(FILE *to, const char *text, enum cli_qr_mode mode);

/* Is PNG built in? */
bool cli_qr_has_png(void);
/* The code as PNG into an open file. 0 or -1. */
int cli_qr_png(FILE *to, const char *text);

#endif
