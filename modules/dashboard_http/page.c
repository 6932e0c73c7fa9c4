/* SPDX-License-Identifier: BSD-2-Clause
 *
 * page.c - the page's files, put in when this was built.
 */
#include <string.h>

#include "dashboard.h"

#include "page_bytes.h" /* page_html, page_css, exits_js, ...: made by make */

static const unsigned char icon_up[] =
	"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><circle cx='8' cy='8' r='7' fill='#15803d'/>"
	"<path d='M4 8.5l3 3 5-6' fill='none' stroke='#fff' stroke-width='2'/></svg>";
static const unsigned char icon_down[] =
	"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><path d='M8 0l8 15H0z' fill='#b45309'/>"
	"<path d='M8 5v5M8 12v2' stroke='#fff' stroke-width='2'/></svg>";
static const unsigned char icon_lost[] =
	"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><circle cx='8' cy='8' r='6' fill='none' stroke='#888' stroke-width='2'/>"
	"<path d='M4 4l8 8' stroke='#888' stroke-width='2'/></svg>";

#define SCRIPT "text/javascript; charset=utf-8"

static const struct dash_file files[] = {
	{"/", "text/html; charset=utf-8", page_html, sizeof(page_html)},
	{"/page.css", "text/css; charset=utf-8", page_css, sizeof(page_css)},
	{"/page.js", SCRIPT, page_js, sizeof(page_js)},
	{"/exits.js", SCRIPT, exits_js, sizeof(exits_js)},
	{"/talk.js", SCRIPT, talk_js, sizeof(talk_js)},
	{"/words.js", SCRIPT, words_js, sizeof(words_js)},
	{"/up.svg", "image/svg+xml", icon_up, sizeof(icon_up) - 1},
	{"/down.svg", "image/svg+xml", icon_down, sizeof(icon_down) - 1},
	{"/lost.svg", "image/svg+xml", icon_lost, sizeof(icon_lost) - 1},
};

const struct dash_file *dash_page_file(const char *path)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(files[i].path, path) == 0)
			return &files[i];
	return NULL;
}
