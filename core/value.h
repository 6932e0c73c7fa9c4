/* SPDX-License-Identifier: BSD-2-Clause
 *
 * value.h - JSON-like trees for modules: jansson behind an opaque type.
 */
#ifndef VALUE_H
#define VALUE_H

#include <jansson.h>

#include "hostctx.h"

/* The tree inside, whose reference passes to the caller; frees the wrapper. NULL when building it failed somewhere. */
json_t *value_take(struct rtun_value **v);

/* A value around a tree, whose reference it takes; NULL is a failed one. */
struct rtun_value *value_of(json_t *j);

/* JSON of a text of unknown origin (malformed bytes become U+FFFD), of unix seconds (RFC 3339); null for NULL and 0. */
json_t *value_json_text(const char *text);
json_t *value_json_time(int64_t unix_seconds);

struct rtun_value *host_value_new(struct rtun_ctx *ctx, uint32_t kind, const char *text, int64_t number);
int host_value_set(struct rtun_value *object, const char *key, struct rtun_value *v);
int host_value_append(struct rtun_value *array, struct rtun_value *v);
void host_value_free(struct rtun_value **v);

#endif
