/* SPDX-License-Identifier: BSD-2-Clause
 *
 * conf_arena.c - memory of a tree or a filled struct, which goes all at once.
 *
 * Each piece is a malloc() of its own in a chain: configurations are small, and so a sanitizer sees every edge.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf_arena.h"

struct piece {
	struct piece *next;
	max_align_t mem[];
};

struct conf_arena {
	struct piece *pieces;
};

struct conf_arena *conf_arena_create(void)
{
	return calloc(1, sizeof(struct conf_arena));
}

void conf_arena_destroy(struct conf_arena **a)
{
	if (!*a)
		return;
	for (struct piece *p = (*a)->pieces, *next; p; p = next) {
		next = p->next;
		free(p);
	}
	free(*a);
	*a = NULL;
}

void *conf_arena_alloc(struct conf_arena *a, size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	struct piece *p = calloc(1, sizeof(*p) + size);
	if (!p)
		return NULL;
	p->next = a->pieces;
	a->pieces = p;
	return p->mem;
}

char *conf_arena_textn(struct conf_arena *a, const char *text, size_t len)
{
	char *copy = conf_arena_alloc(a, len + 1);
	if (copy)
		memcpy(copy, text, len);
	return copy;
}

char *conf_arena_text(struct conf_arena *a, const char *text)
{
	return conf_arena_textn(a, text, strlen(text));
}
