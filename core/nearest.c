/* SPDX-License-Identifier: BSD-2-Clause
 *
 * nearest.c - which known word was probably meant by an unknown one.
 *
 * Edit distance in which swapped neighbours count as one edit. Capitals, and '_' for '-', cost nothing.
 */
#include <ctype.h>
#include <string.h>

#include "nearest.h"

#define NEAREST_MAX 64 /* longer words are no typing errors of ours */

static int fold(char c)
{
	return c == '_' ? '-' : tolower((unsigned char)c);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned distance(const char *a, const char *b)
{
	unsigned row[3][NEAREST_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	for (size_t j = 0; j <= lb; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *two_before = row[(i + 1) % 3];
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned other = fold(a[i - 1]) != fold(b[j - 1]);
			now[j] = least(least(before[j], now[j - 1]) + 1, before[j - 1] + other);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]))
				now[j] = least(now[j], two_before[j - 2] + 1);
		}
	}
	return row[la % 3][lb];
}

void nearest_init(struct nearest *n, const char *word)
{
	size_t len = strlen(word);
	n->word = len && len <= NEAREST_MAX ? word : NULL;
	n->best = NULL;
	n->cost = 1 + (len > 3) + (unsigned)(len / 6); /* the most that is still near */
}

void nearest_try(struct nearest *n, const char *candidate)
{
	if (!n->word || strlen(candidate) > NEAREST_MAX)
		return;
	unsigned cost = distance(n->word, candidate);
	if (n->best ? cost < n->cost : cost <= n->cost) {
		n->best = candidate;
		n->cost = cost;
	}
}
