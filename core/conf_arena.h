/* SPDX-License-Identifier: BSD-2-Clause
 *
 * conf_arena.h - memory of a tree or a filled struct, which goes all at once.
 */
#ifndef CONF_ARENA_H
#define CONF_ARENA_H

#include <stddef.h>

struct conf_arena;

struct conf_arena *conf_arena_create(void);
void conf_arena_destroy(struct conf_arena **a);
/* Zeroed. NULL when out of memory, as the others. */
void *conf_arena_alloc(struct conf_arena *a, size_t size);
char *conf_arena_text(struct conf_arena *a, const char *text);
char *conf_arena_textn(struct conf_arena *a, const char *text, size_t len);

#endif
