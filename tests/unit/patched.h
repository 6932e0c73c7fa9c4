/* SPDX-License-Identifier: BSD-2-Clause
 *
 * patched.h - what the page does with a patch (modules/dashboard_http/patch.h), on jansson's trees.
 */
#include <jansson.h>
#include <stdlib.h>

/* Takes `value`'s reference. */
static json_t *patched(json_t *value, json_t *patch)
{
	const char *key;
	json_t *p;
	if (json_is_array(patch)) {
		json_decref(value);
		return json_incref(json_array_get(patch, 0));
	}
	json_object_foreach(patch, key, p) {
		if (json_is_array(value)) {
			size_t i = (size_t)atoi(key);
			json_array_set_new(value, i, patched(json_incref(json_array_get(value, i)), p));
		} else if (json_is_integer(p)) {
			json_object_del(value, key);
		} else {
			json_object_set_new(value, key, patched(json_incref(json_object_get(value, key)), p));
		}
	}
	return value;
}
