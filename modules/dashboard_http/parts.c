/* SPDX-License-Identifier: BSD-2-Clause
 *
 * parts.c - braces, commas and brackets of the object and its lists are read here, all else by jansson.
 */
#include "parts.h"

void dash_parts_begin(struct dash_parts *r, const char *text, size_t len)
{
	*r = (struct dash_parts){.p = text, .end = text + len, .all = json_object()};
	if (!len || *r->p++ != '{')
		r->p = r->end = text; /* fails at once */
}

static bool next_is(struct dash_parts *r, char c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* What begins here; NULL: it is no JSON. */
static json_t *value(struct dash_parts *r)
{
	json_error_t e;
	json_t *j = json_loadb(r->p, (size_t)(r->end - r->p), JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &e);
	if (j)
		r->p += e.position;
	return j;
}

static bool element(struct dash_parts *r)
{
	json_t *j;
	if (next_is(r, ']')) {
		r->list = NULL;
		return true;
	}
	if (json_array_size(r->list) && !next_is(r, ','))
		return false;
	j = value(r);
	return j && json_array_append_new(r->list, j) == 0;
}

static bool member(struct dash_parts *r)
{
	json_t *key, *j = NULL;
	bool good;
	if (json_object_size(r->all) && !next_is(r, ','))
		return false;
	key = value(r);
	if (json_is_string(key) && next_is(r, ':'))
		j = next_is(r, '[') ? r->list = json_array() : value(r);
	good = j && json_object_set_new(r->all, json_string_value(key), j) == 0;
	json_decref(key);
	return good;
}

static bool fail(struct dash_parts *r)
{
	json_decref(r->all);
	r->all = r->list = NULL;
	return false;
}

bool dash_parts_read(struct dash_parts *r, uint32_t n)
{
	for (; n && r->all; n--) {
		if (!r->list && next_is(r, '}'))
			return r->p == r->end ? false : fail(r);
		if (!(r->list ? element(r) : member(r)))
			return fail(r);
	}
	return r->all;
}

json_t *dash_parts_end(struct dash_parts *r)
{
	json_t *all = r->all;
	*r = (struct dash_parts){NULL, NULL, NULL, NULL};
	return all;
}
