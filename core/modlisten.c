/* SPDX-License-Identifier: BSD-2-Clause
 *
 * modlisten.c - every place where an instance would listen, against all that came before it.
 */
#include "modlisten.h"

#include <string.h>

#include "addr.h"
#include "list_rows.h"
#include "sandbox.h"

/* One endpoint of one row of one instance; `row` NULL: behind the last. */
struct modlisten_place {
	struct instance *const *items;
	uint32_t count, at, row_at, item;
	const struct rtun_option *row;
	struct rtun_endpoint endpoint;
};

static bool modlisten_take(struct modlisten_place *p)
{
	const struct instance *in = p->items[p->at];
	struct rtun_list list;
	if (p->row->type != RTUN_T_LISTEN || !schema_when(in->module->m.schema, in->cfg->cfg, p->row->when)) return false;
	memcpy(&list, (const char *)in->cfg->cfg + p->row->offset, sizeof(list));
	return list_row(&list, p->item, &p->endpoint, sizeof(p->endpoint));
}

/* On to the next endpoint: the one at (at, row_at, item), or the first behind it. */
static bool modlisten_seek(struct modlisten_place *p)
{
	for (; p->at < p->count; p->at++, p->row_at = 0) {
		const struct instance *in = p->items[p->at];
		for (; in->cfg && (p->row = schema_row(in->module->m.schema, p->row_at)); p->row_at++, p->item = 0)
			if (modlisten_take(p)) return true;
	}
	return false;
}

static bool modlisten_is_any(const struct rtun_addr *a)
{
	static const uint8_t zero[16];
	return !memcmp(a->ip, zero, a->family == 4 ? 4 : 16);
}

/* [::] takes no IPv4: net.c binds it for IPv6 only. */
static bool modlisten_clash(const struct rtun_endpoint *a, const struct rtun_endpoint *b)
{
	if (a->path || b->path) return a->path && b->path && !strcmp(a->path, b->path);
	if (a->addr.port != b->addr.port || a->addr.family != b->addr.family) return false;
	return addr_equal(&a->addr, &b->addr) || modlisten_is_any(&a->addr) || modlisten_is_any(&b->addr);
}

/* Its own line in a list; that of the entry where it is a default. */
static struct conf_place modlisten_where(const struct modlisten_place *p)
{
	char key[64];
	const struct conf_node *entry = p->items[p->at]->entry->node, *node = conf_node_get(entry, schema_key(p->row->key, key));
	if (!node) return entry->at;
	if (node->kind != CONF_LIST) return node->at;
	node = node->child;
	for (uint32_t i = 0; node && i < p->item; i++) node = node->next;
	return node ? node->at : entry->at;
}

static void modlisten_tell(const struct modlisten_place *first, const struct modlisten_place *second, struct conf_report *r)
{
	struct conf_place at = modlisten_where(first);
	const char *remedy = second->endpoint.path ? "choose another path for one of them" : "choose another port for one of them";
	conf_report_add(r, modlisten_where(second), "listen-twice", remedy, "'%s' would listen on %s, where '%s' does already (%s:%u:%u: %s)",
			second->items[second->at]->name, second->endpoint.text, first->items[first->at]->name, at.file, at.line, at.column,
			first->endpoint.text);
}

/* The first that needs that nobody listens on a port, or NULL. */
static const struct instance *modlisten_silent(struct instance *const *items, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (items[i]->cfg && sandbox_needs(&items[i], 1) & SANDBOX_NO_PORT) return items[i];
	return NULL;
}

static void modlisten_tell_silent(const struct modlisten_place *p, const struct instance *silent, struct conf_report *r)
{
	conf_report_add(r, modlisten_where(p), "listen-port", "use \"unix:/path\", or another process with a configuration of its own",
			"'%s' would listen on %s, and beside '%s' (module %s) nobody listens on a port", p->items[p->at]->name, p->endpoint.text,
			silent->name, silent->module->m.name);
}

int modlisten_judge(struct instance *const *items, uint32_t n, struct conf_report *r)
{
	struct modlisten_place second = {.items = items, .count = n};
	const struct instance *silent = modlisten_silent(items, n);
	int rc = 0;
	for (; modlisten_seek(&second); second.item++) {
		if (silent && !second.endpoint.path) {
			modlisten_tell_silent(&second, silent, r);
			rc = -RTUN_ECONFIG;
		}
		struct modlisten_place first = {.items = items, .count = n};
		for (; modlisten_seek(&first); first.item++) {
			if (first.at == second.at && first.row_at == second.row_at && first.item == second.item) break;
			if (!modlisten_clash(&first.endpoint, &second.endpoint)) continue;
			modlisten_tell(&first, &second, r);
			rc = -RTUN_ECONFIG;
			break;
		}
	}
	return rc;
}

json_t *modlisten_json(struct instance *in)
{
	struct modlisten_place p = {.items = &in, .count = 1};
	json_t *all = json_array();
	for (; modlisten_seek(&p); p.item++) json_array_append_new(all, json_string(p.endpoint.text));
	return all;
}
