/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_qr.c - draws what libqrencode computes.
 */
#include <config.h>

#include "cli_qr.h"

#include <qrencode.h>
#include <setjmp.h>
#include <string.h>
#ifdef HAVE_PNG
#include <png.h>
#endif

#define BORDER 2
#define WHITE_ON "\033[40m\033[97m" /* for halves of a line: white ink on black paper */
#define OFF "\033[0m"

enum cli_qr_mode cli_qr_choose(const char *word, bool tty, bool utf8, const char *term)
{
	if (word && !strcmp(word, "none")) return CLI_QR_NONE;
	if (word && !strcmp(word, "ascii")) return CLI_QR_ASCII;
	if (word && !strcmp(word, "ansi")) return CLI_QR_ANSI;
	if (word && !strcmp(word, "utf8")) return CLI_QR_UTF8;
	if (!tty) return CLI_QR_NONE;
	if (!term || !*term || !strcmp(term, "dumb")) return CLI_QR_ASCII;
	/* A server's locale is often C although the terminal in front of it is not; and only half blocks fit 80 columns. */
	return utf8 || strcmp(term, "linux") != 0 ? CLI_QR_UTF8 : CLI_QR_ANSI;
}

static QRcode *encode(const char *text)
{
	return QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
}

/* Is the module at (x, y), counted from the border's corner, dark? */
static bool dark(const QRcode *qr, int x, int y)
{
	x -= BORDER;
	y -= BORDER;
	return x >= 0 && y >= 0 && x < qr->width && y < qr->width && (qr->data[y * qr->width + x] & 1);
}

/* Two modules above each other in one character. White ink on black paper: a full block is white whatever the
 * terminal's colours are. */
static void draw_utf8(FILE *to, const QRcode *qr, int side)
{
	/* index: upper white, lower white */
	static const char *const halves[2][2] = {{" ", "▄"}, {"▀", "█"}};

	for (int y = 0; y < side; y += 2) {
		fputs(WHITE_ON, to);
		for (int x = 0; x < side; x++)
			fputs(halves[!dark(qr, x, y)][y + 1 < side && !dark(qr, x, y + 1)], to);
		fputs(OFF "\n", to);
	}
}

static void draw_ansi(FILE *to, const QRcode *qr, int side)
{
	static const char *const papers[] = {"\033[107m", "\033[40m"};

	for (int y = 0; y < side; y++) {
		int last = -1;

		for (int x = 0; x < side; x++) {
			int is = dark(qr, x, y);

			if (is != last) fputs(papers[is], to);
			fputs("  ", to);
			last = is;
		}
		fputs(OFF "\n", to);
	}
}

static void draw_ascii(FILE *to, const QRcode *qr, int side)
{
	for (int y = 0; y < side; y++) {
		for (int x = 0; x < side; x++)
			fputs(dark(qr, x, y) ? "##" : "  ", to);
		fputc('\n', to);
	}
}

int cli_qr_print(FILE *to, const char *text, enum cli_qr_mode mode)
{
	static void (*const draw[])(FILE *, const QRcode *, int) = {
		[CLI_QR_UTF8] = draw_utf8, [CLI_QR_ANSI] = draw_ansi, [CLI_QR_ASCII] = draw_ascii,
	};
	QRcode *qr;

	if (mode == CLI_QR_NONE) return 0;
	qr = encode(text);
	if (!qr) return -1;
	draw[mode](to, qr, qr->width + 2 * BORDER);
	QRcode_free(qr);
	return 0;
}

#ifdef HAVE_PNG
#define SCALE 8
#define PNG_BORDER 4 /* what the standard asks for: a file has room */

static void png_row(const QRcode *qr, int y, png_byte *row, int side)
{
	for (int x = 0; x < side; x++)
		memset(row + x * SCALE, dark(qr, x - PNG_BORDER + BORDER, y - PNG_BORDER + BORDER) ? 0 : 0xff, SCALE);
}

static int png_write(FILE *to, const QRcode *qr, png_structp png, png_infop info)
{
	png_byte row[(177 + 2 * PNG_BORDER) * SCALE]; /* 177: the largest QR code */
	int side = qr->width + 2 * PNG_BORDER;

	if (setjmp(png_jmpbuf(png))) return -1;
	png_init_io(png, to);
	png_set_IHDR(png, info, (png_uint_32)(side * SCALE), (png_uint_32)(side * SCALE), 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
		     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	for (int y = 0; y < side; y++) {
		png_row(qr, y, row, side);
		for (int i = 0; i < SCALE; i++)
			png_write_row(png, row);
	}
	png_write_end(png, info);
	return fflush(to) ? -1 : 0;
}

bool cli_qr_has_png(void)
{
	return true;
}

int cli_qr_png(FILE *to, const char *text)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	QRcode *qr = encode(text);
	int rc = -1;

	if (info && qr) rc = png_write(to, qr, png, info);
	QRcode_free(qr);
	png_destroy_write_struct(&png, &info);
	return rc;
}
#else
bool cli_qr_has_png(void)
{
	return false;
}

int cli_qr_png(FILE *to, const char *text)
{
	(void)to;
	(void)text;
	return -1;
}
#endif
