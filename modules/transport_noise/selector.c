/* SPDX-License-Identifier: BSD-2-Clause
 *
 * selector.c - see selector.h.
 */
#include "selector.h"

#include <string.h>

enum { EXIT, TAG, SESSION, ANY, TERMS };
static const char *const words[TERMS] = {"exit", "tag", "session", "any"};

static int term_of(const char *word, size_t len)
{
	for (int i = 0; i < TERMS; i++)
		if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0)
			return i;
	return TERMS;
}

static bool good_word(const char *word, size_t len)
{
	return len && strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789") >= len;
}

/* One more word of a value. */
static int add(char value[LABEL_SIZE], const char *word, size_t len)
{
	size_t have = strlen(value);
	if (have + (have != 0) + len >= LABEL_SIZE)
		return -1;
	if (have)
		value[have++] = '-';
	memcpy(value + have, word, len);
	value[have + len] = 0;
	return 0;
}

int selector_parse(const char *text, struct selector *ret)
{
	char *const values[TERMS] = {ret->exit, ret->tag, ret->session, NULL};
	bool seen[TERMS] = {false};
	int term = EXIT;
	memset(ret, 0, sizeof(*ret));
	if (!text || !*text)
		return 0;
	for (bool first = true;; first = false) {
		size_t len = strcspn(text, "-");
		int next = term_of(text, len);
		if (!good_word(text, len))
			return -1;
		if (next < TERMS) {
			/* A term with nothing in it, or one that comes twice, also as leading words. */
			if (seen[next] || (!first && term != ANY && !values[term][0]))
				return -1;
			seen[next] = true;
			term = next;
		} else if (term == ANY || add(values[term], text, len) < 0) {
			return -1;
		} else if (first) {
			seen[EXIT] = true;
		}
		if (!text[len])
			break;
		text += len + 1;
	}
	ret->any = seen[ANY];
	if (term != ANY && !values[term][0])
		return -1;
	/* One way to choose, not two. */
	return (ret->exit[0] != 0) + (ret->tag[0] != 0) + ret->any > 1 ? -1 : 0;
}
