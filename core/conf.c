/* SPDX-License-Identifier: BSD-2-Clause
 *
 * conf.c - the core's own part of the configuration: data-dir, log, the list of modules, drop-ins.
 */
#include "conf.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <restunnel/host.h>

#include "conf_arena.h"
#include "nearest.h"
#include "schema.h"

#define LEVELS "error|warn|notice|info|debug" /* level i is (i + 1) * RTUN_ERROR */

/* What `log:` says, and an entry's own keys: filled as modules' structs are. */
struct log_keys {
	uint32_t level, format;
};
static const struct rtun_option log_rows[] = {
	RTUN_CHOICE(struct log_keys, level, LEVELS, "info", RTUN_RELOADABLE, NULL, "What is worth a line."),
	RTUN_CHOICE(struct log_keys, format, "text|json", "text", RTUN_RELOADABLE, NULL, "How lines look."),
};
static const struct rtun_schema log_schema = RTUN_SCHEMA(struct log_keys, log_rows);

struct top_keys {
	uint32_t sandbox;
};
static const struct rtun_option top_rows[] = {
	RTUN_BOOL(struct top_keys, sandbox, "true", 0, NULL, "Confine the process once it serves."),
};
static const struct rtun_schema top_schema = RTUN_SCHEMA(struct top_keys, top_rows);

struct entry_keys {
	uint32_t log_level;
};
static const struct rtun_option entry_rows[] = {
	RTUN_CHOICE(struct entry_keys, log_level, LEVELS, NULL, RTUN_RELOADABLE, NULL, "Its own level of the log."),
};
static const struct rtun_schema entry_schema = RTUN_SCHEMA(struct entry_keys, entry_rows);

struct reading {
	struct conf *conf;
	struct conf_arena *arena;
	struct conf_report *report;
	bool drop_in, no_memory;
};

/* struct conf is what others see. */
struct conf_owner {
	struct conf conf;
	struct conf_arena *arena;
};

/* ---- Names and paths ---- */

bool conf_is_core_key(const char *key)
{
	return !strcmp(key, "module") || !strcmp(key, "name") || !strcmp(key, "log-level");
}

static bool is_no_log_level(const char *key)
{
	return strcmp(key, "log-level") != 0;
}

bool conf_is_name(const char *text)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t len = strlen(text);
	return len && len <= 32 && text[0] != '_' && text[0] != '-' && strspn(text, chars) == len;
}

char *conf_beside(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');
	char *here = NULL, *ret = NULL;
	int n;

	if (path[0] != '/' && file[0] != '/') {
		here = getcwd(NULL, 0);
		if (!here)
			return NULL;
	}
	if (path[0] == '/')
		n = asprintf(&ret, "%s", path);
	else
		n = asprintf(&ret, "%s%s%.*s/%s", here ? here : "", here && slash ? "/" : "", slash ? (int)(slash - file) : 0, file, path);
	free(here);
	if (n < 0)
		return NULL;
	for (size_t len = strlen(ret); len > 1 && ret[len - 1] == '/'; len--)
		ret[len - 1] = 0;
	return ret;
}

/* ---- Keys at the top ---- */

static void expect(struct reading *rd, const struct conf_node *node, const char *what)
{
	if (!node->bad)
		conf_report_add(rd->report, node->at, "bad-value", NULL, "%s: expected %s, this is %s", node->key, what, conf_kind_words(node));
}

static void read_data_dir(struct reading *rd, const struct conf_node *node)
{
	if (node->kind != CONF_SCALAR) {
		expect(rd, node, "a path");
		return;
	}
	if (node->bad)
		return;
	if (!node->text[0]) {
		conf_report_add(rd->report, node->at, "no-value", "write a path, or leave the key out for its default", "\"data-dir\" has no value");
		return;
	}
	char *dir = conf_beside(node->at.file, node->text);
	rd->conf->data_dir = dir ? conf_arena_text(rd->arena, dir) : NULL;
	rd->no_memory |= !rd->conf->data_dir;
	free(dir);
}

static void read_log(struct reading *rd, const struct conf_node *node)
{
	struct schema_struct *s;
	int err;

	if (node->kind != CONF_MAP) {
		expect(rd, node, "keys and values such as {level: info, format: text}");
		return;
	}
	err = schema_fill(&log_schema, node, node->at, NULL, rd->report, &s);
	rd->no_memory |= err == -RTUN_ENOMEM;
	if (err)
		return;
	const struct log_keys *keys = s->cfg;
	rd->conf->log_level = (keys->level + 1) * RTUN_ERROR;
	rd->conf->log_json = keys->format == 1;
	schema_free(&s);
}

static bool is_no_top_row(const char *key)
{
	return !schema_find(&top_schema, key);
}

static void read_sandbox(struct reading *rd, const struct conf_node *node)
{
	const struct conf_tree *tree = rd->conf->trees[rd->conf->tree_count - 1];
	struct schema_struct *s;
	int err = schema_fill(&top_schema, tree->root, node->at, is_no_top_row, rd->report, &s);

	rd->no_memory |= err == -RTUN_ENOMEM;
	if (err)
		return;
	rd->conf->sandbox = ((const struct top_keys *)s->cfg)->sandbox;
	schema_free(&s);
}

/* ---- Entries of modules ---- */

static bool entry_text(struct reading *rd, const struct conf_node *map, const char *key, const char *what, const char **ret_text)
{
	const struct conf_node *node = conf_node_get(map, key);

	*ret_text = NULL;
	if (!node)
		return true;
	if (node->bad)
		return false;
	if (node->kind == CONF_SCALAR && conf_is_name(node->text)) {
		*ret_text = node->text;
		return true;
	}
	if (node->kind == CONF_SCALAR)
		conf_report_add(rd->report, node->at, "bad-value", "use a-z, 0-9, _ and - (not first), at most 32 of them",
				"%s: \"%.64s\" is not %s", key, node->text, what);
	else
		expect(rd, node, what);
	return false;
}

static void report_no_module(struct reading *rd, const struct conf_node *map)
{
	char remedy[160] = "add \"module:\" and the module's name";

	for (const struct conf_node *n = map->child; n; n = n->next) {
		struct nearest near;
		nearest_init(&near, n->key);
		nearest_try(&near, "module");
		if (!strncmp(n->key, "module:", 7))
			snprintf(remedy, sizeof(remedy), "a space is missing after the colon: write module: %.64s", n->key + 7);
		else if (near.best)
			snprintf(remedy, sizeof(remedy), "did you mean \"module\" instead of \"%.64s\"?", n->key);
	}
	if (!map->bad)
		conf_report_add(rd->report, map->at, "missing-key", remedy, "this entry doesn't say which module");
}

static bool is_name_taken(struct reading *rd, const char *name, const struct conf_node *map)
{
	const struct conf_node *key = conf_node_get(map, "name");

	for (uint32_t i = 0; i < rd->conf->count; i++) {
		const struct conf_entry *e = &rd->conf->entries[i];
		const struct conf_node *first = conf_node_get(e->node, "name");
		if (strcmp(e->name, name))
			continue;
		const struct conf_place at = first ? first->at : e->node->at;
		conf_report_add(rd->report, key ? key->at : map->at, "duplicate-name", "give each entry a \"name:\" of its own",
				"the name \"%s\" is used twice: already at %s:%u:%u", name, at.file, at.line, at.column);
		return true;
	}
	return false;
}

static void add_entry(struct reading *rd, const struct conf_entry *entry)
{
	struct conf *c = rd->conf;
	struct conf_entry *more = realloc(c->entries, (c->count + 1) * sizeof(*more));

	if (!more) {
		rd->no_memory = true;
		return;
	}
	c->entries = more;
	c->entries[c->count++] = *entry;
}

static void read_entry(struct reading *rd, const struct conf_node *node)
{
	struct conf_entry e = {.node = node};
	struct schema_struct *s = NULL;
	bool good;

	if (node->kind != CONF_MAP) {
		bool colon = node->kind == CONF_SCALAR && strchr(node->text, ':');
		if (!node->bad)
			conf_report_add(rd->report, node->at, "bad-value", colon ? "a space is missing after the colon" : "write \"- module: NAME\"",
					"an entry of modules is keys and values, this is %s", conf_kind_words(node));
		rd->conf->broken = true;
		return;
	}
	good = entry_text(rd, node, "module", "a module's name", &e.module);
	good = entry_text(rd, node, "name", "a name", &e.name) && good;
	if (good && !e.module) {
		report_no_module(rd, node);
		good = false;
	}
	int err = schema_fill(&entry_schema, node, node->at, is_no_log_level, rd->report, &s);
	if (err == -RTUN_ENOMEM)
		rd->no_memory = true;
	if (s && conf_node_get(node, "log-level"))
		e.log_level = (((const struct entry_keys *)s->cfg)->log_level + 1) * RTUN_ERROR;
	schema_free(&s);
	if (!good) {
		rd->conf->broken = true;
		return;
	}
	e.name = e.name ? e.name : e.module;
	if (!is_name_taken(rd, e.name, node))
		add_entry(rd, &e);
}

static void read_modules(struct reading *rd, const struct conf_node *node)
{
	if (node->kind != CONF_LIST) {
		conf_report_add(rd->report, node->at, "bad-value", "begin each entry with \"- module: NAME\"",
				"modules: expected a list, this is %s", conf_kind_words(node));
		rd->conf->broken = true;
		return;
	}
	for (const struct conf_node *n = node->child; n; n = n->next)
		read_entry(rd, n);
}

static const struct {
	const char *key;
	bool drop_in; /* allowed there */
	void (*read)(struct reading *, const struct conf_node *);
} top_keys[] = {
	{"data-dir", false, read_data_dir},
	{"log", false, read_log},
	{"sandbox", false, read_sandbox},
	{"modules", true, read_modules},
};
#define TOP_KEYS (sizeof(top_keys) / sizeof(top_keys[0]))

static void read_key(struct reading *rd, const struct conf_node *node)
{
	struct nearest near;
	nearest_init(&near, node->key);

	for (size_t i = 0; i < TOP_KEYS; i++) {
		bool allowed = !rd->drop_in || top_keys[i].drop_in;
		if (!strcmp(top_keys[i].key, node->key)) {
			if (allowed)
				top_keys[i].read(rd, node);
			else
				conf_report_add(rd->report, node->key_at, "unknown-key", "write it into the main file",
						"\"%s\" can't be in a drop-in, which may only add to \"modules\"", node->key);
			return;
		}
		if (allowed)
			nearest_try(&near, top_keys[i].key);
	}
	conf_unknown_key(rd->report, node, near.best, rd->drop_in ? "modules" : "data-dir, log, sandbox, modules");
	if (near.best && !strcmp(near.best, "modules"))
		rd->conf->broken = true;
}

/* ---- Files ---- */

static void keep_tree(struct reading *rd, struct conf_tree *t)
{
	struct conf *c = rd->conf;
	struct conf_tree **more = realloc(c->trees, (c->tree_count + 1) * sizeof(*more));

	if (!more) {
		conf_tree_free(&t);
		rd->no_memory = true;
		return;
	}
	c->trees = more;
	c->trees[c->tree_count++] = t;
	c->broken |= t->broken;
}

static void load_file(struct reading *rd, const char *path)
{
	struct conf_tree *t;
	int err = conf_tree_load(path, rd->report, &t);

	if (err == -RTUN_ENOENT)
		conf_report_add(rd->report, (struct conf_place){path, 0, 0}, "no-file", "make one with \"restunnel init\", or name it with -c FILE",
				"there is no such file");
	rd->no_memory |= err == -RTUN_ENOMEM;
	if (!t) {
		rd->conf->broken = true;
		return;
	}
	const struct conf_node *root = t->root;
	keep_tree(rd, t);
	if (!root || rd->no_memory)
		return;
	if (root->kind != CONF_MAP) {
		conf_report_add(rd->report, root->at, "bad-value", "a configuration begins with a key such as \"modules:\"",
				"expected keys and values, this is %s", conf_kind_words(root));
		rd->conf->broken = true;
		return;
	}
	for (const struct conf_node *n = root->child; n; n = n->next)
		read_key(rd, n);
}

static int is_drop_in(const struct dirent *d)
{
	size_t len = strlen(d->d_name);
	return d->d_name[0] != '.' && len > 5 && !strcmp(d->d_name + len - 5, ".yaml");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* not by locale */
}

static void read_drop_ins(struct reading *rd, const char *path)
{
	struct dirent **found = NULL;
	char *dir = NULL, *file = NULL;

	if (asprintf(&dir, "%s.d", path) < 0) {
		rd->no_memory = true;
		return;
	}
	int n = scandir(dir, &found, is_drop_in, by_name);
	if (n < 0 && errno != ENOENT && errno != ENOTDIR)
		conf_report_add(rd->report, (struct conf_place){dir, 0, 0}, "unreadable", NULL, "can't be read: %s", strerror(errno));
	rd->drop_in = true;
	for (int i = 0; i < n; i++) {
		if (asprintf(&file, "%s/%s", dir, found[i]->d_name) < 0) {
			rd->no_memory = true;
		} else {
			load_file(rd, file);
			free(file);
		}
		free(found[i]);
	}
	free(found);
	free(dir);
}

#ifndef LOCALSTATEDIR
#define LOCALSTATEDIR "/var"
#endif

int conf_load(const char *path, struct conf_report *r, struct conf **ret_conf)
{
	struct conf_owner *owner = calloc(1, sizeof(*owner));
	struct reading rd = {.report = r};
	uint32_t errors = r->errors;

	*ret_conf = NULL;
	if (!owner)
		return -RTUN_ENOMEM;
	struct conf *c = rd.conf = &owner->conf;
	owner->arena = rd.arena = conf_arena_create();
	c->path = rd.arena ? conf_arena_text(rd.arena, path) : NULL;
	c->data_dir = LOCALSTATEDIR "/lib/restunnel";
	c->log_level = RTUN_INFO;
	c->sandbox = true;
	rd.no_memory = !c->path;
	if (!rd.no_memory)
		load_file(&rd, path);
	if (!rd.no_memory)
		read_drop_ins(&rd, path);
	if (!rd.no_memory && !c->count && !c->broken && r->errors == errors)
		conf_report_add(r, (struct conf_place){path, 0, 0}, "no-modules", "add \"modules:\" with at least one entry",
				"there are no modules: nothing to do");
	if (rd.no_memory) {
		conf_free(&c);
		return -RTUN_ENOMEM;
	}
	*ret_conf = c;
	return r->errors > errors ? -RTUN_ECONFIG : 0;
}

void conf_free(struct conf **c)
{
	if (!*c)
		return;
	struct conf_owner *owner = (struct conf_owner *)*c;
	for (uint32_t i = 0; i < (*c)->tree_count; i++)
		conf_tree_free(&(*c)->trees[i]);
	free((*c)->trees);
	free((*c)->entries);
	conf_arena_destroy(&owner->arena);
	free(owner);
	*c = NULL;
}
