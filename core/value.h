/* SPDX-License-Identifier: BSD-2-Clause
 *
 * value.h - what modules answer, as JSON text from the first member on: with hundreds of devices a tree of it would cost more than all
 * that it says.
 */
#ifndef VALUE_H
#define VALUE_H

#include <jansson.h>

#include "hostctx.h"

#define VALUE_DEPTH_MAX 64U /* containers in each other; readers of JSON have bounds, too */

/* The text inside, compact and NUL-terminated, to be freed; the value is gone in any case. 0; -RTUN_ENOMEM, or -RTUN_EINVAL (the module's
 * mistake): building it failed somewhere, and *ret is NULL. */
int value_take(struct rtun_value **v, char **ret, size_t *ret_len);

/* The text of a tree, whose reference it takes; NULL is a failed value. */
struct rtun_value *value_of(json_t *j);

/* JSON of a text of unknown origin (malformed bytes become U+FFFD), of unix seconds (RFC 3339); null for NULL and 0. */
json_t *value_json_text(const char *text);
json_t *value_json_time(int64_t unix_seconds);

struct rtun_value *host_value_new(struct rtun_ctx *ctx, uint32_t kind, const char *text, int64_t number);
int host_value_set(struct rtun_value *object, const char *key, struct rtun_value *v);
int host_value_append(struct rtun_value *array, struct rtun_value *v);
void host_value_free(struct rtun_value **v);

#endif
