/* SPDX-License-Identifier: BSD-2-Clause
 *
 * patch.c - the difference of two JSON values.
 */
#include "patch.h"

#include <stdio.h>

/* An empty one says nothing. */
static json_t *unless_empty(json_t *patch)
{
	if (json_object_size(patch))
		return patch;
	json_decref(patch);
	return NULL;
}

static json_t *patch_object(json_t *from, json_t *to)
{
	json_t *patch = json_object(), *value, *part;
	const char *key;
	json_object_foreach(to, key, value)
		if ((part = dash_patch(json_object_get(from, key), value)))
			json_object_set_new(patch, key, part);
	json_object_foreach(from, key, value)
		if (!json_object_get(to, key))
			json_object_set_new(patch, key, json_integer(0));
	return unless_empty(patch);
}

static json_t *patch_array(json_t *from, json_t *to)
{
	json_t *patch = json_object(), *value, *part;
	char key[24];
	size_t i;
	json_array_foreach(to, i, value) {
		if (!(part = dash_patch(json_array_get(from, i), value)))
			continue;
		snprintf(key, sizeof(key), "%zu", i);
		json_object_set_new(patch, key, part);
	}
	return unless_empty(patch);
}

json_t *dash_patch(json_t *from, json_t *to)
{
	if (from == to) /* what has not changed is shared */
		return NULL;
	if (json_is_object(from) && json_is_object(to))
		return patch_object(from, to);
	if (json_is_array(from) && json_is_array(to) && json_array_size(from) == json_array_size(to))
		return patch_array(from, to);
	return json_equal(from, to) ? NULL : json_pack("[O]", to);
}
