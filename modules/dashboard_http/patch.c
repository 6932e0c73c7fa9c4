/* SPDX-License-Identifier: BSD-2-Clause
 *
 * patch.c - the difference of two JSON values.
 */
#include "patch.h"

#include <stdio.h>
#include <string.h>

/* Takes `part`, which may be NULL: nothing of the member has changed. *patch is NULL until something has. */
static void add(json_t **patch, const char *key, json_t *part)
{
	if (part && !*patch)
		*patch = json_object();
	if (part)
		json_object_set_new(*patch, key, part);
}

/* The value of `key`; *at is where it should be: two answers of one verb have the same members in the same order, and a hash costs more. */
static json_t *beside(json_t *object, void **at, const char *key)
{
	json_t *value;
	if (!*at || strcmp(json_object_iter_key(*at), key) != 0)
		return json_object_get(object, key);
	value = json_object_iter_value(*at);
	*at = json_object_iter_next(object, *at);
	return value;
}

static json_t *patch_object(json_t *from, json_t *to)
{
	json_t *patch = NULL, *value, *old;
	void *at = json_object_iter(from);
	const char *key;
	size_t known = 0;
	json_object_foreach(to, key, value) {
		old = beside(from, &at, key);
		known += old != NULL;
		add(&patch, key, dash_patch(old, value));
	}
	if (known == json_object_size(from))
		return patch;
	json_object_foreach(from, key, value)
		if (!json_object_get(to, key))
			add(&patch, key, json_integer(0));
	return patch;
}

static json_t *patch_array(json_t *from, json_t *to)
{
	json_t *patch = NULL, *value, *part;
	char key[24];
	size_t i;
	json_array_foreach(to, i, value) {
		if (!(part = dash_patch(json_array_get(from, i), value)))
			continue;
		snprintf(key, sizeof(key), "%zu", i);
		add(&patch, key, part);
	}
	return patch;
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
