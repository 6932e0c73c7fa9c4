/* SPDX-License-Identifier: BSD-2-Clause
 *
 * conf_tree.c - YAML into nodes that know their places.
 *
 * libyaml types nothing and stops at the first syntax error. What it lets pass and we don't: duplicate keys, a second
 * document, anchors, aliases, tags, merges, keys that are no plain words. What it says badly is in conf_syntax.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "conf.h"
#include "conf_arena.h"
#include "conf_syntax.h"

#define DEPTH_MAX 16
#define SIZE_LIMIT (32U << 20) /* of a file */

struct frame {
	struct conf_node *node, *last; /* last child */
	const char *key;               /* of the value to come; NULL: the next scalar is a key */
	struct conf_place key_at;
	bool drop, merge; /* the value to come was refused with its key; it is the value of a merge key */
};

struct builder {
	struct conf_tree *tree;
	struct conf_report *report;
	yaml_parser_t yaml;
	struct frame stack[DEPTH_MAX];
	uint32_t depth, documents;
	bool stop, no_memory;
};

static struct conf_place place_of(const struct builder *b, const yaml_mark_t *mark)
{
	return (struct conf_place){b->tree->file, (uint32_t)mark->line + 1, (uint32_t)mark->column + 1};
}

static struct conf_node *node_new(struct builder *b, enum conf_kind kind, const yaml_mark_t *mark)
{
	struct conf_node *n = conf_arena_alloc(b->tree->arena, sizeof(*n));
	if (!n) {
		b->no_memory = true;
		return NULL;
	}
	n->kind = kind;
	n->at = place_of(b, mark);
	return n;
}

static struct frame *top(struct builder *b)
{
	return b->depth ? &b->stack[b->depth - 1] : NULL;
}

static bool wants_key(struct builder *b)
{
	struct frame *f = top(b);
	return f && f->node->kind == CONF_MAP && !f->key;
}

static void attach(struct builder *b, struct conf_node *n)
{
	struct frame *f = top(b);
	if (!f) {
		b->tree->root = n;
		return;
	}
	if (f->node->kind == CONF_MAP) {
		bool drop = f->drop;
		n->key = f->key;
		n->key_at = f->key_at;
		f->key = NULL;
		f->drop = f->merge = false;
		if (drop)
			return;
	}
	if (f->last)
		f->last->next = n;
	else
		f->node->child = n;
	f->last = n;
}

/* The value that follows belongs to a key that was refused: read past it. */
static void drop_value(struct frame *f)
{
	f->key = "";
	f->drop = true;
}

static void push(struct builder *b, struct conf_node *n)
{
	if (b->depth == DEPTH_MAX) {
		conf_report_add(b->report, n->at, "syntax", NULL, "this is nested too deeply: more than %d levels", DEPTH_MAX);
		b->stop = true;
		return;
	}
	b->stack[b->depth++] = (struct frame){.node = n};
}

static void open_node(struct builder *b, enum conf_kind kind, const yaml_mark_t *mark)
{
	struct conf_node *n = node_new(b, kind, mark);
	if (!n)
		return;
	if (wants_key(b)) {
		conf_report_add(b->report, n->at, "syntax", "a text that begins with { or [ needs quotes",
				"a list or map can't be a key");
		drop_value(top(b));
	} else {
		attach(b, n);
	}
	push(b, n);
}

static void take_key(struct builder *b, const yaml_event_t *e)
{
	struct frame *f = top(b);
	const char *text = (const char *)e->data.scalar.value;
	const struct conf_node *first = conf_node_get(f->node, text);

	f->key_at = place_of(b, &e->start_mark);
	f->key = conf_arena_textn(b->tree->arena, text, e->data.scalar.length);
	if (!f->key) {
		b->no_memory = true;
	} else if (!strcmp(text, "<<") && e->data.scalar.plain_implicit) {
		conf_report_add(b->report, f->key_at, "syntax", "write the keys out", "merges (<<) are not understood here");
		f->drop = f->merge = true;
	} else if (first) {
		conf_report_add(b->report, f->key_at, "duplicate-key", "remove one of them",
				"the key \"%s\" is there twice: already in line %u, column %u", text, first->key_at.line,
				first->key_at.column);
		f->drop = true;
	}
}

static void refuse_extras(struct builder *b, const yaml_event_t *e, const yaml_char_t *anchor, const yaml_char_t *tag,
			  bool *ret_bad)
{
	struct conf_place at = place_of(b, &e->start_mark);
	if (anchor)
		conf_report_add(b->report, at, "syntax", "write the value out where it is needed; a text that begins with & needs quotes",
				"anchors (&%s) are not understood here", (const char *)anchor);
	if (tag)
		conf_report_add(b->report, at, "syntax", "remove it; a text that begins with ! needs quotes",
				"tags (%s) are not understood here", (const char *)tag);
	*ret_bad = tag != NULL;
}

static void on_scalar(struct builder *b, const yaml_event_t *e)
{
	bool bad;
	refuse_extras(b, e, e->data.scalar.anchor, e->data.scalar.tag, &bad);
	if (strlen((const char *)e->data.scalar.value) != e->data.scalar.length) {
		conf_report_add(b->report, place_of(b, &e->start_mark), "bad-value", NULL, "a text can't contain a NUL character");
		bad = true;
	}
	if (wants_key(b)) {
		take_key(b, e);
		return;
	}
	struct conf_node *n = node_new(b, CONF_SCALAR, &e->start_mark);
	if (!n)
		return;
	n->text = conf_arena_textn(b->tree->arena, (const char *)e->data.scalar.value, e->data.scalar.length);
	n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	n->bad = bad;
	b->no_memory |= !n->text;
	attach(b, n);
}

static void on_alias(struct builder *b, const yaml_event_t *e)
{
	struct conf_place at = place_of(b, &e->start_mark);
	bool key = wants_key(b), merge = top(b) && top(b)->merge;

	if (!merge)
		conf_report_add(b->report, at, "syntax", "write the value out; a text that begins with * needs quotes",
				"aliases (*%s) are not understood here", (const char *)e->data.alias.anchor);
	if (key) {
		drop_value(top(b));
		return;
	}
	struct conf_node *n = node_new(b, CONF_SCALAR, &e->start_mark);
	if (!n)
		return;
	n->text = "";
	n->bad = true;
	attach(b, n);
}

static void on_document(struct builder *b, const yaml_event_t *e)
{
	if (b->documents++ == 0)
		return;
	conf_report_add(b->report, place_of(b, &e->start_mark), "syntax", "remove the line with --- and what follows",
			"a second document begins here; a file may have only one");
	b->stop = b->tree->broken = true;
}

static void on_event(struct builder *b, const yaml_event_t *e)
{
	bool bad = false;

	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		on_document(b, e);
		break;
	case YAML_SCALAR_EVENT:
		on_scalar(b, e);
		break;
	case YAML_ALIAS_EVENT:
		on_alias(b, e);
		break;
	case YAML_SEQUENCE_START_EVENT:
		refuse_extras(b, e, e->data.sequence_start.anchor, e->data.sequence_start.tag, &bad);
		open_node(b, CONF_LIST, &e->start_mark);
		break;
	case YAML_MAPPING_START_EVENT:
		refuse_extras(b, e, e->data.mapping_start.anchor, e->data.mapping_start.tag, &bad);
		open_node(b, CONF_MAP, &e->start_mark);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		break;
	default:
		break;
	}
}

static void build(struct builder *b, const char *text, size_t len)
{
	bool end = false;
	yaml_event_t e;

	while (!end && !b->stop && !b->no_memory) {
		if (!yaml_parser_parse(&b->yaml, &e)) {
			b->no_memory = b->yaml.error == YAML_MEMORY_ERROR;
			if (!b->no_memory)
				conf_syntax_report(&b->yaml, b->tree->file, text, len, b->report);
			b->tree->broken = true;
			break;
		}
		on_event(b, &e);
		end = e.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&e);
	}
	/* What is still open was cut off, and the last text in it may have swallowed what follows */
	for (uint32_t i = 0; i < b->depth; i++) {
		b->stack[i].node->bad = true;
		if (b->stack[i].last)
			b->stack[i].last->bad = true;
	}
	struct conf_node *root = b->tree->root;
	if (root && root->kind == CONF_SCALAR && !root->quoted && !root->text[0])
		b->tree->root = NULL;
}

int conf_tree_parse(const char *file, const char *text, size_t len, struct conf_report *r, struct conf_tree **ret_tree)
{
	uint32_t errors = r->errors;
	struct builder b = {.report = r};
	int err = conf_tree_new(file, &b.tree);

	*ret_tree = NULL;
	if (err)
		return err;
	if (!yaml_parser_initialize(&b.yaml)) {
		conf_tree_free(&b.tree);
		return -RTUN_ENOMEM;
	}
	yaml_parser_set_input_string(&b.yaml, (const unsigned char *)text, len);
	build(&b, text, len);
	yaml_parser_delete(&b.yaml);
	if (b.no_memory) {
		conf_tree_free(&b.tree);
		return -RTUN_ENOMEM;
	}
	*ret_tree = b.tree;
	return r->errors > errors ? -RTUN_ECONFIG : 0;
}

/* 0 or an errno; *ret_text is malloc()ed. */
static int read_all(const char *path, char **ret_text, size_t *ret_len)
{
	size_t len = 0, size = 0;
	char *text = NULL;
	int err = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return errno;
	for (;;) {
		if (len == size) {
			size = size ? size * 2 : 16384;
			char *more = size <= SIZE_LIMIT ? realloc(text, size) : NULL;
			if (!more) {
				err = size <= SIZE_LIMIT ? ENOMEM : EFBIG;
				break;
			}
			text = more;
		}
		ssize_t n = read(fd, text + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err = errno;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	if (err) {
		free(text);
		return err;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

int conf_tree_load(const char *path, struct conf_report *r, struct conf_tree **ret_tree)
{
	char *text = NULL;
	size_t len = 0;
	int err = read_all(path, &text, &len);

	*ret_tree = NULL;
	if (err == ENOENT)
		return -RTUN_ENOENT;
	if (err == ENOMEM)
		return -RTUN_ENOMEM;
	if (err) {
		conf_report_add(r, (struct conf_place){path, 0, 0}, "unreadable",
				err == EACCES ? "run this as root, or as the user to whom the file belongs" : NULL, "can't be read: %s",
				strerror(err));
		return -RTUN_EIO;
	}
	err = conf_tree_parse(path, text, len, r, ret_tree);
	free(text);
	return err;
}

int conf_tree_new(const char *file, struct conf_tree **ret_tree)
{
	struct conf_tree *t = calloc(1, sizeof(*t));

	*ret_tree = NULL;
	if (!t)
		return -RTUN_ENOMEM;
	t->arena = conf_arena_create();
	t->file = t->arena ? conf_arena_text(t->arena, file) : NULL;
	if (!t->file) {
		conf_tree_free(&t);
		return -RTUN_ENOMEM;
	}
	*ret_tree = t;
	return 0;
}

struct conf_node *conf_node_add(struct conf_tree *t, struct conf_node *parent, enum conf_kind kind, const char *key, const char *text)
{
	struct conf_node *n = conf_arena_alloc(t->arena, sizeof(*n));
	if (!n)
		return NULL;
	n->kind = kind;
	n->at = n->key_at = (struct conf_place){t->file, 0, 0};
	n->quoted = true; /* an argument that is there is meant, even when it is empty */
	n->key = key ? conf_arena_text(t->arena, key) : NULL;
	n->text = text ? conf_arena_text(t->arena, text) : kind == CONF_SCALAR ? "" : NULL;
	if ((key && !n->key) || (text && !n->text))
		return NULL;
	if (!parent) {
		t->root = n;
		return n;
	}
	struct conf_node **end = &parent->child;
	while (*end)
		end = &(*end)->next;
	*end = n;
	return n;
}

struct conf_node *conf_node_get(const struct conf_node *map, const char *key)
{
	if (!map || map->kind != CONF_MAP)
		return NULL;
	for (struct conf_node *n = map->child; n; n = n->next)
		if (!strcmp(n->key, key))
			return n;
	return NULL;
}

void conf_tree_free(struct conf_tree **t)
{
	if (!*t)
		return;
	conf_arena_destroy(&(*t)->arena);
	free(*t);
	*t = NULL;
}

const char *conf_kind_words(const struct conf_node *node)
{
	static const char *const words[] = {[CONF_SCALAR] = "a text", [CONF_LIST] = "a list", [CONF_MAP] = "keys and values"};
	return node->kind == CONF_SCALAR && !node->text[0] && !node->quoted ? "empty" : words[node->kind];
}

void conf_unknown_key(struct conf_report *r, const struct conf_node *node, const char *nearest, const char *known)
{
	const char *colon = strchr(node->key, ':');
	char remedy[400] = "";

	if (colon && colon[1] && node->kind == CONF_SCALAR && !node->text[0])
		snprintf(remedy, sizeof(remedy), "a space is missing after the colon: write %.*s: %.100s",
			 (int)(colon - node->key < 64 ? colon - node->key : 64), node->key, colon + 1);
	else if (nearest)
		snprintf(remedy, sizeof(remedy), "did you mean \"%s\"?", nearest);
	else if (known && known[0])
		snprintf(remedy, sizeof(remedy), "known here: %s", known);
	conf_report_add(r, node->key_at, "unknown-key", remedy[0] ? remedy : NULL, "unknown key \"%s\"", node->key);
}
