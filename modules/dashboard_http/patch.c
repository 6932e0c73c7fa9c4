/* SPDX-License-Identifier: BSD-2-Clause
 *
 * patch.c - two texts are read side by side, and what differs is written. What turns out to be shorter as a whole is written so, over what
 * was written of it.
 */
#include "patch.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include <restunnel/module.h>

#define DEPTH 8U /* of containers that are gone into */
#define FEW 64U  /* members of an object that came or went; where more did, it is written as a whole */

struct text {
	const char *p;
	size_t len;
};

struct cursor {
	const char *p, *end;
};

struct patch {
	char *text; /* NULL: no memory */
	size_t len, size;
	size_t ahead; /* bytes that may be looked at again, in search of members */
};

static void diff(struct patch *x, struct cursor *from, struct cursor *to, uint32_t depth);

/* ---- out ---- */

static void put(struct patch *x, const char *text, size_t len)
{
	size_t size = x->size;
	while (x->text && size - x->len < len)
		size *= 2;
	if (x->text && size > x->size) {
		char *grown = realloc(x->text, size);
		if (!grown)
			free(x->text);
		x->text = grown;
		x->size = size;
	}
	if (!x->text)
		return;
	memcpy(x->text + x->len, text, len);
	x->len += len;
}

/* A member of the patch that began at `begin`; `key` with its quotes. */
static void put_key(struct patch *x, size_t begin, struct text key)
{
	put(x, x->len == begin ? "{" : ",", 1);
	put(x, key.p, key.len);
	put(x, ":", 1);
}

static void put_value(struct patch *x, const char *begin, const char *end)
{
	put(x, "[", 1);
	put(x, begin, (size_t)(end - begin));
	put(x, "]", 1);
}

/* ---- in: where things end ---- */

static char at(const struct cursor *c) { return c->p < c->end ? *c->p : '\0'; }

static struct text string(struct cursor *c)
{
	const char *begin = c->p;
	c->p += c->p < c->end;
	while (c->p < c->end && *c->p != '"')
		c->p += *c->p == '\\' && c->end - c->p > 1 ? 2 : 1;
	c->p += c->p < c->end;
	return (struct text){begin, (size_t)(c->p - begin)};
}

static void skip(struct cursor *c)
{
	uint32_t depth = 0;
	while (c->p < c->end) {
		if (*c->p == '"') {
			string(c);
		} else if (*c->p == '{' || *c->p == '[') {
			depth++;
			c->p++;
		} else if (*c->p == '}' || *c->p == ']') {
			if (!depth)
				return;
			depth--;
			c->p++;
		} else if (*c->p == ',' && !depth) {
			return;
		} else {
			c->p++;
			continue; /* a number or a word goes on */
		}
		if (!depth)
			return;
	}
}

/* Is there one more member or element in the container that it is in? If not, behind it. */
static bool more(struct cursor *c)
{
	char next = at(c);
	bool end = next == ']' || next == '}';
	c->p += end || next == ',';
	return !end && c->p < c->end;
}

static struct text key_of(struct cursor *c)
{
	struct text key = string(c);
	c->p += at(c) == ':';
	return key;
}

static bool same(struct text a, struct text b) { return a.len == b.len && memcmp(a.p, b.p, a.len) == 0; }

/* ---- differences ---- */

static void diff_whole(struct patch *x, struct cursor *from, struct cursor *to)
{
	struct text a = {.p = from->p}, b = {.p = to->p};
	skip(from);
	skip(to);
	a.len = (size_t)(from->p - a.p);
	b.len = (size_t)(to->p - b.p);
	if (!same(a, b))
		put_value(x, b.p, to->p);
}

static void diff_member(struct patch *x, size_t begin, struct text key, struct cursor *from, struct cursor *to, uint32_t depth)
{
	size_t before = x->len, empty;
	put_key(x, begin, key);
	empty = x->len;
	diff(x, from, to, depth - 1);
	if (x->len == empty)
		x->len = before;
}

/* False: they have not the same length. */
static bool diff_array(struct patch *x, struct cursor *from, struct cursor *to, uint32_t depth)
{
	size_t begin = x->len;
	char index[24];
	bool from_more = more(from), to_more = more(to);
	for (size_t i = 0; from_more && to_more; i++, from_more = more(from), to_more = more(to)) {
		int n = snprintf(index, sizeof(index), "\"%zu\"", i);
		diff_member(x, begin, (struct text){index, (size_t)n}, from, to, depth);
	}
	return !from_more && !to_more;
}

/* Members that came and went. */
struct odd {
	struct text gone[FEW], fresh[FEW];
	uint32_t gone_count, fresh_count;
};

/* The member of that name, a few further on; *from is at its value then, and those before it are gone. */
static bool find(struct patch *x, struct cursor *from, struct text key, struct odd *o)
{
	struct cursor ahead = *from;
	uint32_t count = o->gone_count;
	while (more(&ahead)) {
		struct text other = key_of(&ahead);
		if (same(other, key)) {
			o->gone_count = count;
			*from = ahead;
			return true;
		}
		const char *value = ahead.p;
		skip(&ahead);
		size_t len = (size_t)(ahead.p - value);
		if (count == FEW || len > x->ahead)
			return false;
		x->ahead -= len;
		o->gone[count++] = other;
	}
	return false;
}

/* One that is only somewhere else did not come or go: what was found is wrong. */
static bool moved(const struct odd *o)
{
	for (uint32_t i = 0; i < o->gone_count; i++)
		for (uint32_t j = 0; j < o->fresh_count; j++)
			if (same(o->gone[i], o->fresh[j]))
				return true;
	return false;
}

/* False: too much came or went. */
static bool diff_object(struct patch *x, struct cursor *from, struct cursor *to, uint32_t depth)
{
	struct odd o = {.gone_count = 0};
	size_t begin = x->len;
	while (more(to)) {
		struct text key = key_of(to);
		const char *value = to->p;
		if (find(x, from, key, &o)) {
			diff_member(x, begin, key, from, to, depth);
			continue;
		}
		if (o.fresh_count == FEW)
			return false;
		o.fresh[o.fresh_count++] = key;
		skip(to);
		put_key(x, begin, key);
		put_value(x, value, to->p);
	}
	while (more(from)) {
		if (o.gone_count == FEW)
			return false;
		o.gone[o.gone_count++] = key_of(from);
		skip(from);
	}
	for (uint32_t i = 0; i < o.gone_count; i++) {
		put_key(x, begin, o.gone[i]);
		put(x, "0", 1);
	}
	return !moved(&o);
}

static void diff(struct patch *x, struct cursor *from, struct cursor *to, uint32_t depth)
{
	struct cursor a = *from, b = *to;
	size_t begin = x->len;
	bool object = at(from) == '{', good;
	if (!depth || at(from) != at(to) || (!object && at(from) != '[')) {
		diff_whole(x, from, to);
		return;
	}
	a.p++;
	b.p++;
	good = object ? diff_object(x, &a, &b, depth) : diff_array(x, &a, &b, depth);
	if (!good || x->len - begin > (size_t)(b.p - to->p) + 1) {
		x->len = begin;
		diff_whole(x, from, to);
		return;
	}
	*from = a;
	*to = b;
	if (x->len > begin)
		put(x, "}", 1);
}

int dash_patch(const struct dash_text *from, const struct dash_text *to, struct dash_text *ret)
{
	struct patch x = {.text = malloc(256), .size = 256, .ahead = 4 * from->len};
	struct cursor a = {from->p, from->p + from->len}, b = {to->p, to->p + to->len};
	*ret = (struct dash_text){NULL, 0};
	diff(&x, &a, &b, DEPTH);
	if (!x.text)
		return -RTUN_ENOMEM;
	if (x.len)
		*ret = (struct dash_text){x.text, x.len};
	else
		free(x.text);
	return 0;
}
