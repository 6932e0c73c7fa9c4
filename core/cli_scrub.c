/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_scrub.c - takes out of a text what is nobody's business.
 */
#include "cli_scrub.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

#define LEAST 3       /* letters of a word */
#define KEY_LEAST 20U /* characters of base64 in a row that are no word any more */

struct cli_scrub {
	char **words;
	size_t count;
};

struct cli_scrub *cli_scrub_create(void)
{
	struct cli_scrub *s = calloc(1, sizeof(*s));

	if (!s) abort();
	return s;
}

void cli_scrub_destroy(struct cli_scrub **sp)
{
	struct cli_scrub *s = *sp;

	while (s->count) free(s->words[--s->count]);
	free(s->words);
	free(s);
	*sp = NULL;
}

void cli_scrub_add(struct cli_scrub *s, const char *word)
{
	char **words;

	if (!word || strlen(word) < LEAST) return;
	words = realloc(s->words, (s->count + 1) * sizeof(*words));
	if (!words) abort();
	s->words = words;
	words[s->count] = strdup(word);
	if (!words[s->count++]) abort();
}

/* Of ASCII; every other byte belongs to a word. */
static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

/* The longest word that stands here, as it is or as JSON writes it (a configuration's value has no newline). */
static size_t word_at(const struct cli_scrub *s, const char *text, const char *at)
{
	size_t best = 0;

	for (size_t i = 0; i < s->count; i++) {
		size_t len = strlen(s->words[i]);
		bool begins = at == text || !is_letter(at[-1]) || !is_letter(*at);

		if (len > best && begins && !strncmp(at, s->words[i], len) && (!is_letter(at[len]) || !is_letter(at[len - 1]))) best = len;
	}
	return best;
}

/* An address that begins here: its length, 0: none, or one that may be shown. */
static size_t address_at(const char *text, const char *at, struct rtun_addr *ret)
{
	static const uint8_t zero[16];
	char copy[ADDR_TEXT];
	size_t len = strspn(at, "0123456789abcdefABCDEF:.");

	if (at != text && (is_letter(at[-1]) || at[-1] == '.' || at[-1] == ':')) return 0;
	if (len >= sizeof(copy)) return 0;
	for (; len >= 2; len--) { /* "192.0.2.1:80", "192.0.2.1." */
		snprintf(copy, sizeof(copy), "%.*s", (int)len, at);
		if (!addr_parse_ip(copy, ret)) continue;
		if (is_letter(at[len])) return 0;
		return addr_is_loopback(ret) || !memcmp(ret->ip, zero, sizeof(zero)) ? 0 : len;
	}
	return 0;
}

static size_t key_at(const char *text, const char *at)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_=/";
	size_t len = strspn(at, alphabet);
	bool upper = false, lower = false, digit = false;

	if (len < KEY_LEAST || *at == '/' || (at != text && at[-1] != '/' && strchr(alphabet, at[-1]))) return 0;
	for (size_t i = 0; i < len; i++) {
		upper = upper || (at[i] >= 'A' && at[i] <= 'Z');
		lower = lower || (at[i] >= 'a' && at[i] <= 'z');
		digit = digit || (at[i] >= '0' && at[i] <= '9');
	}
	return upper && lower && digit ? len : 0;
}

char *cli_scrub_text(const struct cli_scrub *s, const char *text)
{
	struct rtun_addr a;
	char *clean = NULL;
	size_t size = 0, len;
	FILE *f = open_memstream(&clean, &size);

	if (!f) abort();
	for (const char *at = text; *at; at += len) {
		if ((len = word_at(s, text, at)) || (len = key_at(text, at))) {
			fputs(CLI_SCRUB_REMOVED, f);
		} else if ((len = address_at(text, at, &a))) {
			fputs("<address>", f);
		} else {
			fputc(*at, f);
			len = 1;
		}
	}
	fclose(f);
	return clean;
}
