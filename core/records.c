/* SPDX-License-Identifier: BSD-2-Clause
 *
 * records.c - YAML files that are lists of records of one schema, or a record themselves.
 *
 * They may be edited by hand while the program runs: a file that is not good in every record changes nothing, and one
 * without the list is broken, not empty.
 */
#include "records.h"

#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "nearest.h"
#include "schema.h"

/* ---- Load ---- */

struct records {
	struct schema_struct **items;
	uint32_t count;
};

static void records_clear(struct records *rs)
{
	for (uint32_t i = 0; i < rs->count; i++)
		schema_free(&rs->items[i]);
	free(rs->items);
}

static const struct conf_node *find_list(const struct conf_tree *t, const char *list_key, struct conf_report *r)
{
	const struct conf_node *list = conf_node_get(t->root, list_key);
	struct conf_place start = {t->file, 1, 1};
	char remedy[160];

	for (const struct conf_node *n = t->root && t->root->kind == CONF_MAP ? t->root->child : NULL; n; n = n->next) {
		struct nearest near;
		if (n == list)
			continue;
		nearest_init(&near, n->key);
		nearest_try(&near, list_key);
		conf_unknown_key(r, n, list ? NULL : near.best, list_key);
	}
	if (!list && !r->errors) {
		snprintf(remedy, sizeof(remedy), "a file without entries says \"%.64s: []\"", list_key);
		conf_report_add(r, start, "missing-key", remedy, t->root ? "\"%s:\" is missing" : "the file is empty: \"%s:\" is missing", list_key);
	}
	if (list && list->kind != CONF_LIST && !list->bad) {
		snprintf(remedy, sizeof(remedy), "a file without entries says \"%.64s: []\"", list_key);
		conf_report_add(r, list->at, "bad-value", remedy, "%s: expected a list, this is %s", list_key, conf_kind_words(list));
	}
	return list && list->kind == CONF_LIST ? list : NULL;
}

static int fill_one(const struct conf_node *n, struct conf_place at, const struct rtun_schema *schema, struct conf_report *r, struct records *rs)
{
	int err = schema_fill(schema, n, at, NULL, r, &rs->items[rs->count]);
	rs->count += !err;
	return err == -RTUN_ENOMEM ? err : 0;
}

static int fill_all(const struct conf_tree *t, const char *list_key, const struct rtun_schema *schema, struct conf_report *r, struct records *rs)
{
	const struct conf_node *list = list_key ? find_list(t, list_key, r) : NULL;
	uint32_t count = !list_key;
	int err = 0;

	for (const struct conf_node *n = list ? list->child : NULL; n; n = n->next)
		count++;
	rs->items = calloc(count + 1U, sizeof(struct schema_struct *));
	if (!rs->items)
		return -RTUN_ENOMEM;
	if (!list_key && (t->root || !r->errors))
		err = fill_one(t->root, (struct conf_place){t->file, 1, 1}, schema, r, rs);
	for (const struct conf_node *n = list ? list->child : NULL; n && !err; n = n->next)
		err = fill_one(n, n->at, schema, r, rs);
	return err;
}

static void log_report(struct rtun_ctx *ctx, struct conf_report *r)
{
	conf_report_sort(r);
	for (uint32_t i = 0; i < r->count; i++) {
		const struct conf_problem *p = &r->items[i];
		rtun_log(ctx, p->warning ? RTUN_WARN : RTUN_ERROR, "%s:%u:%u: %s%s%s", p->at.file, p->at.line, p->at.column, p->text,
			 p->remedy ? "; " : "", p->remedy ? p->remedy : "");
	}
}

int host_records_load(struct rtun_ctx *ctx, const char *path, const char *list_key, const struct rtun_schema *schema, rtun_record_cb *cb,
		      void *arg)
{
	struct conf_report r = CONF_REPORT_INIT;
	struct conf_tree *t = NULL;
	struct records rs = {NULL, 0};
	char *full = file_path(ctx, path);
	int err = full ? conf_tree_load(full, &r, &t) : -RTUN_ENOMEM;

	if (t) {
		err = fill_all(t, list_key, schema, &r, &rs);
		if (!err && r.errors)
			err = -RTUN_ECONFIG;
	}
	log_report(ctx, &r);
	for (uint32_t i = 0; !err && i < rs.count; i++)
		cb(arg, rs.items[i]->cfg);
	records_clear(&rs);
	conf_tree_free(&t);
	conf_report_clear(&r);
	free(full);
	return err;
}

/* ---- Save ---- */

static bool write_list(const char *key, const struct rtun_schema *schema, struct rtun_list records, FILE *to);

/* Each key in a line of its own, the first after `first`, the others after `rest`; with none of them the record is {}. */
static bool write_keys(const struct rtun_schema *schema, const void *record, const char *first, const char *rest, FILE *to)
{
	const struct rtun_option *row;
	const char *lead = first;
	char key[64];

	for (uint32_t i = 0; (row = schema_row(schema, i)); i++) {
		if (!schema_when(schema, record, row->when))
			continue;
		schema_key(row->key, key);
		if (row->type == RTUN_T_RECORDS && !*rest) {
			struct rtun_list list;
			memcpy(&list, (const char *)record + row->offset, sizeof(list));
			if (!write_list(key, row->items, list, to))
				return false;
			continue;
		}
		char *text = schema_value_text(row, record);
		if (!text)
			return false;
		if (text[0]) {
			fprintf(to, "%s%s: %s\n", lead, key, text);
			lead = rest;
		}
		free(text);
	}
	if (*first && lead == first)
		fprintf(to, "%s{}\n", first);
	return true;
}

static bool write_list(const char *key, const struct rtun_schema *schema, struct rtun_list records, FILE *to)
{
	fprintf(to, records.count ? "%s:\n" : "%s: []\n", key);
	for (uint32_t i = 0; i < records.count; i++)
		if (!write_keys(schema, (const char *)records.items + (size_t)i * records.item_size, "  - ", "    ", to))
			return false;
	return true;
}

static void write_comment(const char *comment, FILE *to)
{
	while (comment && *comment) {
		size_t len = strcspn(comment, "\n");
		fprintf(to, "#%s%.*s\n", len ? " " : "", (int)len, comment);
		comment += len + (comment[len] == '\n');
	}
}

int host_records_save(struct rtun_ctx *ctx, const char *path, const char *list_key, const struct rtun_schema *schema,
		      struct rtun_list records, const char *comment, uint32_t mode)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	int err;

	if (!to)
		return -RTUN_ENOMEM;
	write_comment(comment, to);
	bool good = list_key ? write_list(list_key, schema, records, to) : write_keys(schema, records.items, "", "", to);
	if (fclose(to) || !good)
		err = -RTUN_ENOMEM;
	else
		err = host_file_replace(ctx, path, text, len, mode);
	free(text);
	return err;
}
