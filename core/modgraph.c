/* SPDX-License-Identifier: BSD-2-Clause
 *
 * modgraph.c - references between instances, and the order that follows from them.
 */
#include "modgraph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nearest.h"

struct modgraph {
	struct instance **items;
	uint32_t count;
	bool named;    /* every entry is here: a name that is missing is really missing */
	bool complete; /* ... and has its options: so is a service */
	struct conf_report *r;
};

/* The place of the reference in the file; of the whole entry when it was omitted. */
static struct conf_place modgraph_place(const struct instance *in, const struct rtun_option *row)
{
	char key[64];
	const struct conf_node *node = conf_node_get(in->entry->node, schema_key(row->key, key));
	return node ? node->at : in->entry->node->at;
}

static struct instance *modgraph_find(const struct modgraph *g, const char *name)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (!strcmp(g->items[i]->name, name)) return g->items[i];
	return NULL;
}

/* Names of those that provide `service`, as "a, b"; returns how many, and the last of them. */
static uint32_t modgraph_providers(const struct modgraph *g, const struct instance *but, const char *service,
				   char *buf, size_t len,
				   struct instance **ret_last)
{
	uint32_t n = 0;
	size_t used = 0;
	buf[0] = 0;
	for (uint32_t i = 0; i < g->count; i++) {
		struct instance *in = g->items[i];
		if (in == but || !service_promised(in, service)) continue;
		if (used < len) used += (size_t)snprintf(buf + used, len - used, "%s%s", n ? ", " : "", in->name);
		*ret_last = in;
		n++;
	}
	return n;
}

static int modgraph_need(struct instance *in, struct instance *to)
{
	struct instance **needs = realloc(in->needs, (in->needs_count + 1) * sizeof(struct instance *));
	if (!needs) return -RTUN_ENOMEM;
	in->needs = needs;
	in->needs[in->needs_count++] = to;
	return 0;
}

static int modgraph_choose(struct modgraph *g, struct instance *in, const struct rtun_option *row, struct rtun_ref *ref)
{
	char key[64], names[256], remedy[400];
	struct instance *only = NULL;
	if (!(row->flags & (RTUN_REQUIRED | RTUN_IF_ANY))) return 0; /* without is a choice, too */
	uint32_t n = modgraph_providers(g, in, row->choices, names, sizeof(names), &only);
	schema_key(row->key, key);
	if (n == 1) {
		ref->instance = only->name;
		return modgraph_need(in, only);
	}
	if (n > 1) {
		snprintf(remedy, sizeof(remedy), "write `%s:` with one of %s", key, names);
		conf_report_add(g->r, modgraph_place(in, row), "ambiguous-reference", remedy,
				"'%s' does not say which instance it means with `%s`, and %u provide what it needs (%s)", in->name, key, n, row->choices);
		return -RTUN_ECONFIG;
	}
	if (!g->complete || !(row->flags & RTUN_REQUIRED)) return 0;
	snprintf(remedy, sizeof(remedy), "add an entry of a module that provides it to `modules:`; `restunnel modules` lists them");
	conf_report_add(g->r, modgraph_place(in, row), "missing-reference", remedy,
			"'%s' needs an instance that provides %s (`%s`), and there is none",
			in->name, row->choices, key);
	return -RTUN_ECONFIG;
}

static int modgraph_unknown(struct modgraph *g, const struct instance *in, const struct rtun_option *row, const char *name)
{
	char names[256], remedy[400];
	struct nearest near;
	struct instance *last = NULL;
	nearest_init(&near, name);
	for (uint32_t i = 0; i < g->count; i++) nearest_try(&near, g->items[i]->name);
	if (near.best)
		snprintf(remedy, sizeof(remedy), "did you mean '%s'?", near.best);
	else if (modgraph_providers(g, in, row->choices, names, sizeof(names), &last))
		snprintf(remedy, sizeof(remedy), "one of: %s", names);
	else
		snprintf(remedy, sizeof(remedy), "add an entry with this name to `modules:`, of a module that provides %s", row->choices);
	conf_report_add(g->r, modgraph_place(in, row), "unknown-instance", remedy, "there is no instance named '%s'", name);
	return -RTUN_ECONFIG;
}

static int modgraph_unfit(struct modgraph *g, const struct instance *in, const struct rtun_option *row,
			  const struct instance *to)
{
	char names[256], remedy[400];
	struct instance *last = NULL;
	if (modgraph_providers(g, in, row->choices, names, sizeof(names), &last))
		snprintf(remedy, sizeof(remedy), "name one that does: %s", names);
	else
		snprintf(remedy, sizeof(remedy), "add an entry of a module that provides it; `restunnel modules` lists them");
	conf_report_add(g->r, modgraph_place(in, row), "wrong-reference", remedy, "'%s' (module %s) does not provide %s",
			to->name, to->module->m.name,
			row->choices);
	return -RTUN_ECONFIG;
}

static int modgraph_reference(struct modgraph *g, struct instance *in, const struct rtun_option *row)
{
	struct rtun_ref *ref = (struct rtun_ref *)(void *)((char *)in->cfg->cfg + row->offset);
	if (!schema_when(in->module->m.schema, in->cfg->cfg, row->when)) return 0;
	if (!ref->instance) return modgraph_choose(g, in, row, ref);
	struct instance *to = modgraph_find(g, ref->instance);
	if (!to) return g->named ? modgraph_unknown(g, in, row, ref->instance) : -RTUN_ECONFIG;
	if (!to->module) return -RTUN_ECONFIG; /* said where its module is named */
	if (!service_promised(to, row->choices)) return modgraph_unfit(g, in, row, to);
	return modgraph_need(in, to);
}

/* An entry whose other options are wrong: what it refers to may have a name that is wrong, too. */
static int modgraph_name(struct modgraph *g, const struct instance *in, const struct rtun_option *row)
{
	char key[64];
	const struct conf_node *node = conf_node_get(in->entry->node, schema_key(row->key, key));
	bool named = node && node->kind == CONF_SCALAR && !node->bad && node->text[0] && !row->when;
	return named && g->named && !modgraph_find(g, node->text) ? modgraph_unknown(g, in, row, node->text) : 0;
}

static int modgraph_references(struct modgraph *g)
{
	int rc = 0;
	for (uint32_t i = 0; i < g->count; i++) {
		struct instance *in = g->items[i];
		const struct rtun_option *row;
		in->needs_count = 0;
		in->mark = 0;
		for (uint32_t j = 0; in->module && (row = schema_row(in->module->m.schema, j)); j++) {
			if (row->type != RTUN_T_REF) continue;
			int one = in->cfg ? modgraph_reference(g, in, row) : modgraph_name(g, in, row);
			if (one == -RTUN_ENOMEM) return one;
			if (one) rc = one;
		}
	}
	return rc;
}

/* ---- order ---- */

enum { MODGRAPH_NEW, MODGRAPH_OPEN, MODGRAPH_DONE };

struct modgraph_walk {
	struct modgraph *g;
	struct instance **path, **order;
	uint32_t depth, done;
};

static void modgraph_ring(struct modgraph_walk *w, const struct instance *again)
{
	char ring[512];
	size_t used = 0;
	uint32_t i = 0;
	while (w->path[i] != again) i++;
	for (; i < w->depth && used < sizeof(ring); i++)
		used += (size_t)snprintf(ring + used, sizeof(ring) - used, "%s -> ", w->path[i]->name);
	if (used < sizeof(ring)) snprintf(ring + used, sizeof(ring) - used, "%s", again->name);
	conf_report_add(w->g->r, again->entry->node->at, "reference-ring",
			"let one of them refer to an instance outside of the ring",
			"instances refer to each other in a ring: %s", ring);
}

/* Depth is at most the number of instances, which a configuration keeps small. */
static int modgraph_visit(struct modgraph_walk *w, struct instance *in)
{
	int rc = 0;
	if (in->mark == MODGRAPH_DONE) return 0;
	if (in->mark == MODGRAPH_OPEN) {
		modgraph_ring(w, in);
		return -RTUN_ECONFIG;
	}
	in->mark = MODGRAPH_OPEN;
	w->path[w->depth++] = in;
	for (uint32_t i = 0; i < in->needs_count; i++) {
		int one = modgraph_visit(w, in->needs[i]);
		if (one) rc = one;
	}
	w->depth--;
	in->mark = MODGRAPH_DONE;
	w->order[w->done++] = in;
	return rc;
}

static int modgraph_order(struct modgraph *g)
{
	struct modgraph_walk w = {.g = g};
	int rc = -RTUN_ENOMEM;
	w.path = calloc(g->count + 1, sizeof(struct instance *));
	w.order = calloc(g->count + 1, sizeof(struct instance *));
	if (!w.path || !w.order) goto out;
	rc = 0;
	for (uint32_t i = 0; i < g->count; i++) {
		int one = modgraph_visit(&w, g->items[i]);
		if (one) rc = one;
	}
	memcpy(g->items, w.order, g->count * sizeof(struct instance *));
out:
	free(w.path);
	free(w.order);
	return rc;
}

int modgraph_resolve(struct instance **items, uint32_t n, bool complete, struct conf_report *r)
{
	struct modgraph g = {items, n, complete, complete, r};
	if (!n) return 0;
	for (uint32_t i = 0; i < n; i++)
		if (!items[i]->module || !items[i]->cfg) g.complete = false;
	int refs = modgraph_references(&g);
	if (refs == -RTUN_ENOMEM) return refs;
	int order = modgraph_order(&g);
	return order ? order : refs;
}
