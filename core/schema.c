/* SPDX-License-Identifier: BSD-2-Clause
 *
 * schema.c - rtun_schema tables at work: fill a struct from a tree, compare two.
 *
 * A row with `when` counts only where another option has a certain value, so the rows without it are filled first.
 * One mistake gives one error: where an option's value was refused, nothing is said of the rows that depend on it.
 */
#include "schema.h"

#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "nearest.h"
#include "schema_value.h"

/* ---- Rows ---- */

const struct rtun_option *schema_row(const struct rtun_schema *schema, uint32_t i)
{
	if (!schema || i >= schema->options.count)
		return NULL;
	return (const struct rtun_option *)((const char *)schema->options.items + (size_t)i * schema->options.item_size);
}

const char *schema_key(const char *member, char buf[64])
{
	size_t i = 0;
	for (; member[i] && i < 63; i++)
		buf[i] = member[i] == '_' ? '-' : member[i];
	buf[i] = 0;
	return buf;
}

static bool is_key(const struct rtun_option *row, const char *key)
{
	char buf[64];
	return !strcmp(schema_key(row->key, buf), key);
}

const struct rtun_option *schema_find(const struct rtun_schema *schema, const char *key)
{
	const struct rtun_option *row;
	for (uint32_t i = 0; (row = schema_row(schema, i)); i++)
		if (is_key(row, key))
			return row;
	return NULL;
}

/* "role=hub", "role=hub|both": the row on the left, and the words on the right. */
static const struct rtun_option *when_row(const struct rtun_schema *schema, const char *when, const char **ret_words)
{
	char member[64], key[64];
	size_t len = strcspn(when, "=");
	snprintf(member, sizeof(member), "%.*s", (int)len, when);
	*ret_words = when[len] ? when + len + 1 : "";
	return schema_find(schema, schema_key(member, key));
}

bool schema_when(const struct rtun_schema *schema, const void *cfg, const char *when)
{
	const char *words;
	const struct rtun_option *row = when ? when_row(schema, when, &words) : NULL;
	const struct schema_type *type = row ? schema_type(row) : NULL;
	char value[64] = "", word[64];

	if (!when)
		return true;
	if (!type || type->list)
		return false;
	FILE *to = fmemopen(value, sizeof(value), "w");
	if (!to)
		return false;
	type->write(row, (const char *)cfg + row->offset, to);
	fclose(to);
	for (uint32_t i = 0; schema_choice(words, i, word); i++)
		if (!strcmp(word, value))
			return true;
	return false;
}

/* ---- Filling ---- */

enum row_state { ROW_UNUSED, ROW_FILLED, ROW_BAD };

struct fill {
	const struct rtun_schema *schema;
	const struct conf_node *map;
	struct conf_place at;
	bool (*skip)(const char *key);
	struct conf_report *report;
	struct conf_arena *arena;
	void *cfg;
	uint8_t *states; /* enum row_state of each row */
	bool no_memory;
};

/* Read one text into *ret_value; report what is wrong with it. */
static bool fill_value(struct fill *f, const struct rtun_option *row, const struct conf_node *node, const char *text, void *ret_value)
{
	struct schema_read r = {.row = row, .text = text, .arena = f->arena};
	struct conf_place at = node ? node->at : f->at;
	char key[64];

	r.file = node && node->at.line ? node->at.file : NULL;
	schema_key(row->key, key);
	if (node && node->bad)
		return false;
	if (node && !text[0] && !node->quoted) {
		conf_report_add(f->report, at, "no-value", "write a value, or leave the key out for its default", "\"%s\" has no value", key);
		return false;
	}
	if (!schema_type(row)->read(&r, ret_value)) {
		if (!r.error[0])
			f->no_memory = true;
		else
			conf_report_add(f->report, at, node ? "bad-value" : "bad-default", r.remedy[0] ? r.remedy : NULL, "%s: %s", key, r.error);
		return false;
	}
	if (r.warning[0])
		conf_report_warn(f->report, at, "unset-variable", NULL, "%s: %s", key, r.warning);
	return true;
}

static bool wrong_kind(struct fill *f, const struct rtun_option *row, const struct conf_node *node)
{
	char key[64], words[200];
	if (!node->bad)
		conf_report_add(f->report, node->at, "bad-value", NULL, "%s: expected %s, this is %s", schema_key(row->key, key),
				schema_type_words(row, words, sizeof(words)), conf_kind_words(node));
	return false;
}

static bool empty_list(struct fill *f, const struct rtun_option *row, const struct conf_node *node)
{
	char key[64];
	conf_report_add(f->report, node->at, "bad-value", "name something; or leave the key out, which means all", "%s: the list is empty",
			schema_key(row->key, key));
	return false;
}

static bool fill_list(struct fill *f, const struct rtun_option *row, const struct conf_node *node, void *member)
{
	const struct schema_type *type = schema_type(row);
	const struct conf_node *first = node->kind == CONF_LIST ? node->child : node;
	struct rtun_list list = {NULL, 0, type->size};
	bool good = true;

	if (node->kind == CONF_MAP)
		return wrong_kind(f, row, node);
	for (const struct conf_node *n = first; n; n = node->kind == CONF_LIST ? n->next : NULL)
		list.count++;
	if (!list.count && row->flags & RTUN_NOT_EMPTY)
		return empty_list(f, row, node);
	char *items = list.count ? conf_arena_alloc(f->arena, (size_t)list.count * type->size) : NULL;
	if (list.count && !items) {
		f->no_memory = true;
		return false;
	}
	for (uint32_t i = 0; i < list.count; i++, first = first->next) {
		if (first->kind != CONF_SCALAR)
			good = wrong_kind(f, row, first);
		else
			good = fill_value(f, row, first, first->text, items + (size_t)i * type->size) && good;
	}
	list.items = items;
	memcpy(member, &list, sizeof(list));
	return good;
}

/* The default of a list: "a, b" */
static bool fill_default_list(struct fill *f, const struct rtun_option *row, void *member)
{
	const struct schema_type *type = schema_type(row);
	struct rtun_list list = {NULL, 0, type->size};
	uint32_t most = 1;

	for (const char *p = row->def; (p = strstr(p, ", ")); p += 2)
		most++;
	char *items = conf_arena_alloc(f->arena, (size_t)most * type->size), *text = conf_arena_text(f->arena, row->def), *end;
	if (!items || !text) {
		f->no_memory = true;
		return false;
	}
	for (; text; text = end) {
		end = strstr(text, ", ");
		if (end) {
			*end = 0;
			end += 2;
		}
		if (!fill_value(f, row, NULL, text, items + (size_t)list.count++ * type->size))
			return false;
	}
	list.items = items;
	memcpy(member, &list, sizeof(list));
	return true;
}

static void report_missing(struct fill *f, const struct rtun_option *row)
{
	char key[64], words[200], remedy[320];
	snprintf(remedy, sizeof(remedy), "add \"%s:\" with %s", schema_key(row->key, key), schema_type_words(row, words, sizeof(words)));
	conf_report_add(f->report, f->at, "missing-key", remedy, "\"%s\" is missing", key);
}

static bool row_fits(const struct fill *f, const struct rtun_option *row)
{
	const struct schema_type *type = schema_type(row);
	uint32_t size = !type ? 0 : type->list ? (uint32_t)sizeof(struct rtun_list) : type->size;
	return size && row->offset <= f->schema->struct_size && size <= f->schema->struct_size - row->offset;
}

static void judge(struct fill *f);
static bool is_any_bad(const struct fill *f);

/* One item: keys and values of its own. */
static bool fill_record(struct fill *f, const struct rtun_schema *items, const struct conf_node *node, void *cfg)
{
	struct fill g = {.schema = items, .map = node, .at = node->at, .report = f->report, .arena = f->arena, .cfg = cfg};
	uint32_t errors = f->report->errors;

	g.states = conf_arena_alloc(f->arena, items->options.count + 1);
	if (g.states)
		judge(&g);
	f->no_memory |= g.no_memory || !g.states;
	return !f->no_memory && f->report->errors == errors && !node->bad && !is_any_bad(&g);
}

static bool fill_records(struct fill *f, const struct rtun_option *row, const struct conf_node *node, void *member)
{
	struct rtun_list list = {NULL, 0, row->items->struct_size};
	bool good = true;

	if (node->kind != CONF_LIST)
		return wrong_kind(f, row, node);
	for (const struct conf_node *n = node->child; n; n = n->next)
		list.count++;
	char *items = conf_arena_alloc(f->arena, ((size_t)list.count + 1) * list.item_size);
	if (!items) {
		f->no_memory = true;
		return false;
	}
	list.items = items;
	for (const struct conf_node *n = node->child; n; n = n->next, items += list.item_size)
		good = fill_record(f, row->items, n, items) && good;
	memcpy(member, &list, sizeof(list));
	return good;
}

/* A missing reference is no error here: where exactly one instance provides what it needs, the core fills it in. */
static bool fill_row(struct fill *f, const struct rtun_option *row, bool sure)
{
	char key[64], *member = (char *)f->cfg + row->offset;
	const struct schema_type *type = schema_type(row);

	if (!row_fits(f, row)) {
		conf_report_add(f->report, f->at, "module", "install a version of the module that fits this restunnel",
				"the module's option \"%s\" is not understood", row->key);
		return false;
	}
	const struct conf_node *node = conf_node_get(f->map, schema_key(row->key, key));
	if (node && row->type == RTUN_T_RECORDS)
		return fill_records(f, row, node, member);
	if (node && type->list)
		return fill_list(f, row, node, member);
	if (node)
		return node->kind == CONF_SCALAR ? fill_value(f, row, node, node->text, member) : wrong_kind(f, row, node);
	if ((row->flags & RTUN_REQUIRED) && row->type != RTUN_T_REF) {
		if (sure && !(f->map && f->map->bad))
			report_missing(f, row);
		return false;
	}
	if (!row->def)
		return true;
	return type->list ? fill_default_list(f, row, member) : fill_value(f, row, NULL, row->def, member);
}

static bool is_sure(const struct fill *f, const char *when)
{
	const char *words;
	const struct rtun_option *depends_on = when_row(f->schema, when, &words);
	for (uint32_t i = 0; depends_on && i < f->schema->options.count; i++)
		if (schema_row(f->schema, i) == depends_on)
			return f->states[i] != ROW_BAD;
	return true;
}

static void fill_rows(struct fill *f)
{
	const struct rtun_option *row;
	for (uint32_t conditional = 0; conditional < 2; conditional++) {
		for (uint32_t i = 0; (row = schema_row(f->schema, i)); i++) {
			if (!row->when != !conditional)
				continue;
			bool sure = !row->when || is_sure(f, row->when);
			if (sure && !schema_when(f->schema, f->cfg, row->when))
				continue;
			f->states[i] = fill_row(f, row, sure) ? ROW_FILLED : ROW_BAD;
		}
	}
}

static void report_unknown(struct fill *f, const struct conf_node *node)
{
	char keys[64], words[300] = "", best[64] = "";
	const struct rtun_option *row;
	struct nearest near;
	FILE *to = fmemopen(words, sizeof(words), "w");

	nearest_init(&near, node->key);
	for (uint32_t i = 0; (row = schema_row(f->schema, i)); i++) {
		const char *had = near.best;
		unsigned cost = near.cost;
		schema_key(row->key, keys);
		if (f->states[i] == ROW_UNUSED)
			continue;
		nearest_try(&near, keys);
		if (near.cost != cost || (!had && near.best))
			memcpy(best, keys, sizeof(best));
		if (to)
			fprintf(to, "%s%s", ftell(to) > 0 ? ", " : "", keys);
	}
	if (to)
		fclose(to);
	words[sizeof(words) - 1] = 0;
	conf_unknown_key(f->report, node, best[0] ? best : NULL, words);
}

/* The first row of this key that was used, or that needs another value elsewhere. */
static void judge_key(struct fill *f, const struct conf_node *node)
{
	const struct rtun_option *row, *unused = NULL;
	char remedy[120], member[64], key[64];
	const char *words;

	for (uint32_t i = 0; (row = schema_row(f->schema, i)); i++) {
		if (!is_key(row, node->key))
			continue;
		if (f->states[i] != ROW_UNUSED)
			return;
		unused = row;
	}
	if (!unused) {
		report_unknown(f, node);
		return;
	}
	when_row(f->schema, unused->when, &words);
	snprintf(member, sizeof(member), "%.*s", (int)strcspn(unused->when, "="), unused->when);
	snprintf(remedy, sizeof(remedy), "remove it, or set %s: %s", schema_key(member, key), words);
	conf_report_add(f->report, node->key_at, "unknown-key", remedy, "\"%s\" is only for %s: %s", node->key, key, words);
}

/* ---- Listening beyond this machine ---- */

enum exposure { EXPOSURE_UNKNOWN, EXPOSURE_REFUSED, EXPOSURE_WITHOUT_USERS, EXPOSURE_ALLOWED };

/* NULL: there is no such row, or it doesn't hold here. */
static const struct rtun_option *used_row(const struct fill *f, const char *key, uint32_t type, bool *ret_bad)
{
	const struct rtun_option *row;
	for (uint32_t i = 0; (row = schema_row(f->schema, i)); i++) {
		if (row->type != type || f->states[i] == ROW_UNUSED || !is_key(row, key))
			continue;
		*ret_bad = f->states[i] == ROW_BAD;
		return row;
	}
	return NULL;
}

/* Takes two: the word, and a users-file where the module knows one. What was refused already is not judged again. */
static enum exposure exposure_of(const struct fill *f)
{
	bool bad = false;
	const struct rtun_option *expose = used_row(f, "expose-beyond-loopback", RTUN_T_BOOL, &bad);
	const struct rtun_option *users;
	const char *file;
	uint32_t on = 0;

	if (!expose)
		return EXPOSURE_UNKNOWN;
	if (!bad)
		memcpy(&on, (const char *)f->cfg + expose->offset, sizeof(on));
	if (!on)
		return bad ? EXPOSURE_ALLOWED : EXPOSURE_REFUSED;
	users = used_row(f, "users-file", RTUN_T_FILE, &bad);
	if (!users || bad)
		return EXPOSURE_ALLOWED;
	memcpy(&file, (const char *)f->cfg + users->offset, sizeof(file));
	return file ? EXPOSURE_ALLOWED : EXPOSURE_WITHOUT_USERS;
}

static void judge_local(struct fill *f, const struct rtun_option *row, enum exposure exposure)
{
	static const char *const remedies[] = {
		[EXPOSURE_UNKNOWN] = "listen on 127.0.0.1, [::1] or unix:/path; to reach it from elsewhere use `ssh -L`",
		[EXPOSURE_REFUSED] = ("listen on 127.0.0.1, [::1] or unix:/path; or, when others are meant to reach it, "
				      "add \"expose-beyond-loopback: true\" and name a users-file"),
		[EXPOSURE_WITHOUT_USERS] = "name a users-file too: expose-beyond-loopback alone would let everybody in",
	};
	const struct conf_node *node;
	struct rtun_endpoint e;
	struct rtun_list list;
	char key[64];

	memcpy(&list, (const char *)f->cfg + row->offset, sizeof(list));
	node = conf_node_get(f->map, schema_key(row->key, key));
	if (node && node->kind == CONF_LIST)
		node = node->child;
	for (uint32_t i = 0; i < list.count; i++, node = node ? node->next : NULL) {
		memcpy(&e, (const char *)list.items + (size_t)i * list.item_size, sizeof(e));
		if (e.addr.family && !addr_is_loopback(&e.addr))
			conf_report_add(f->report, node ? node->at : f->at, "not-loopback", remedies[exposure],
					"%s: %s is not a loopback address: other machines could reach it", key, e.text);
	}
}

static void judge_locals(struct fill *f)
{
	const struct rtun_option *row;
	enum exposure exposure = exposure_of(f);
	if (exposure == EXPOSURE_ALLOWED)
		return;
	for (uint32_t i = 0; (row = schema_row(f->schema, i)); i++)
		if (row->type == RTUN_T_LISTEN && (row->flags & RTUN_LOCAL) && f->states[i] == ROW_FILLED)
			judge_local(f, row, exposure);
}

/* ---- The whole ---- */

static void judge(struct fill *f)
{
	if (f->map && f->map->kind != CONF_MAP) {
		if (!f->map->bad)
			conf_report_add(f->report, f->map->at, "bad-value", NULL, "expected keys and values, this is %s", conf_kind_words(f->map));
		return;
	}
	if (f->schema)
		fill_rows(f);
	for (const struct conf_node *n = f->map ? f->map->child : NULL; n; n = n->next)
		if (!f->skip || !f->skip(n->key))
			judge_key(f, n);
	if (f->schema)
		judge_locals(f);
}

/* A value that the reader of the tree refused was reported there */
static bool is_any_bad(const struct fill *f)
{
	for (uint32_t i = 0; f->schema && i < f->schema->options.count; i++)
		if (f->states[i] == ROW_BAD)
			return true;
	return false;
}

int schema_fill(const struct rtun_schema *schema, const struct conf_node *map, struct conf_place at, bool (*skip)(const char *key),
		struct conf_report *r, struct schema_struct **ret)
{
	struct fill f = {.schema = schema, .map = map, .at = at, .skip = skip, .report = r};
	struct schema_struct *s = calloc(1, sizeof(*s));
	uint32_t errors = r->errors;

	*ret = NULL;
	if (!s)
		return -RTUN_ENOMEM;
	f.arena = s->arena = conf_arena_create();
	if (f.arena) {
		f.cfg = s->cfg = conf_arena_alloc(f.arena, schema ? schema->struct_size : 1);
		f.states = conf_arena_alloc(f.arena, schema ? schema->options.count : 1);
	}
	if (!f.cfg || !f.states)
		f.no_memory = true;
	else
		judge(&f);
	if (f.no_memory || r->errors > errors || (map && map->bad) || is_any_bad(&f)) {
		schema_free(&s);
		return f.no_memory ? -RTUN_ENOMEM : -RTUN_ECONFIG;
	}
	*ret = s;
	return 0;
}

void schema_free(struct schema_struct **s)
{
	if (!*s)
		return;
	conf_arena_destroy(&(*s)->arena);
	free(*s);
	*s = NULL;
}

void schema_diff(const struct rtun_schema *schema, const void *a, const void *b, void (*cb)(void *arg, const struct rtun_option *), void *arg)
{
	const struct rtun_option *row;
	for (uint32_t i = 0; (row = schema_row(schema, i)); i++) {
		char *ta = schema_value_text(row, a), *tb = schema_value_text(row, b);
		if (!ta || !tb || strcmp(ta, tb))
			cb(arg, row);
		free(ta);
		free(tb);
	}
}
