/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_template.c - reads templates and fills them in, line by line, so that every comment stays.
 */
#include <config.h>

#include "cli_template.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "# init: --"
#define MARK_MODULE "# init: if installed"
#define TEMPLATE_MAX (256 * 1024)

/* ---- Files ---- */

static bool is_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return len && len < 64 && !name[len];
}

char *cli_template_read(const char *dir, const char *name)
{
	char *path = NULL, *text = NULL;
	FILE *f = NULL;
	size_t n;

	if (!is_name(name)) {
		errno = ENOENT;
		return NULL;
	}
	if (asprintf(&path, "%s/%s.yaml", dir, name) < 0) abort();
	f = fopen(path, "re");
	if (!f) goto out;
	text = malloc(TEMPLATE_MAX);
	if (!text) abort();
	n = fread(text, 1, TEMPLATE_MAX - 1, f);
	text[n] = 0;
	if (ferror(f) || !feof(f)) {
		free(text);
		text = NULL;
		errno = EFBIG;
	}
out:
	if (f) fclose(f);
	free(path);
	return text;
}

static int is_template(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return len > 5 && e->d_name[0] != '.' && !strcmp(e->d_name + len - 5, ".yaml");
}

int cli_template_each(const char *dir, cli_template_cb *cb, void *arg)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_template, alphasort);

	for (int i = 0; i < n; i++) {
		char *text;

		names[i]->d_name[strlen(names[i]->d_name) - 5] = 0;
		text = cli_template_read(dir, names[i]->d_name);
		if (text) cb(arg, names[i]->d_name, text);
		free(text);
		free(names[i]);
	}
	if (n >= 0) free(names);
	return n < 0 ? -1 : 0;
}

const char *cli_template_summary(const char *text, char *buf, size_t len)
{
	const char *line = text;

	/* a line for editors may stand first */
	while (!strncmp(line, "# yaml-language-server", 22) || !strncmp(line, "# SPDX", 6))
		line += strcspn(line, "\n") + 1;
	if (*line != '#') return "";
	line += strspn(line, "# ");
	snprintf(buf, len, "%.*s", (int)strcspn(line, "\n"), line);
	return buf;
}

/* ---- Lines ---- */

char *cli_template_quote(const char *value)
{
	char *quoted = malloc(2 * strlen(value) + 3), *q = quoted;

	if (!quoted) abort();
	*q++ = '"';
	for (; *value; value++) {
		if (*value == '"' || *value == '\\') *q++ = '\\';
		*q++ = *value;
	}
	*q++ = '"';
	*q = 0;
	return quoted;
}

/* "    # public: host:9000   # init: --public" with a value becomes "    public: "VALUE"". */
static void write_value(FILE *to, const char *line, const char *value)
{
	size_t indent = strspn(line, " -"), end;
	const char *key = line + indent;
	char *quoted = cli_template_quote(value);

	key += strspn(key, "# ");
	end = strcspn(key, ":");
	fprintf(to, "%.*s%.*s: %s\n", (int)indent, line, (int)end, key, quoted);
	free(quoted);
}

/* The line without its mark. */
static void write_unmarked(FILE *to, const char *line, size_t len)
{
	while (len && line[len - 1] == ' ')
		len--;
	fprintf(to, "%.*s\n", (int)len, line);
}

static bool key_of_mark(const char *line, size_t len, char key[64], size_t *ret_before)
{
	const char *mark = memmem(line, len, MARK, sizeof(MARK) - 1);
	size_t n;

	if (!mark) return false;
	*ret_before = (size_t)(mark - line);
	n = len - *ret_before - (sizeof(MARK) - 1);
	snprintf(key, 64, "%.*s", (int)(n < 63 ? n : 63), mark + sizeof(MARK) - 1);
	key[strcspn(key, " \r")] = 0;
	return true;
}

/* ---- Paragraphs ---- */

/* With the empty lines after it. */
static size_t paragraph_len(const char *text)
{
	const char *end = strstr(text, "\n\n");

	return end ? (size_t)(end - text) + strspn(end, "\n") : strlen(text);
}

/* "  - module: NAME   # init: if installed": where the mark begins, and the name; or NULL. */
static const char *module_mark(const char *text, size_t len, char name[64])
{
	const char *mark = memmem(text, len, MARK_MODULE, sizeof(MARK_MODULE) - 1), *line = mark;

	while (line && line > text && line[-1] != '\n')
		line--;
	return mark && sscanf(line, " - module: %63[a-z0-9_]", name) == 1 ? mark : NULL;
}

char *cli_template_choose(const char *text, cli_template_there_cb *there, void *arg, char ret_left[64])
{
	char *out = NULL, name[64];
	size_t size, len, before;
	FILE *to = open_memstream(&out, &size);

	if (!to) abort();
	ret_left[0] = 0;
	for (; *text; text += len) {
		const char *mark;

		len = paragraph_len(text);
		mark = module_mark(text, len, name);
		before = mark ? (size_t)(mark - text) : 0;
		if (mark && !there(arg, name)) {
			memcpy(ret_left, name, sizeof(name));
			continue;
		}
		if (mark) { /* the line without it */
			size_t after = before + sizeof(MARK_MODULE) - 1;

			while (before && text[before - 1] == ' ')
				before--;
			fwrite(text, 1, before, to);
			fwrite(text + after, 1, len - after, to);
		} else {
			fwrite(text, 1, len, to);
		}
	}
	fclose(to);
	return out;
}

char *cli_template_fill(const char *text, const json_t *args, const char *const *keys, const char **ret_unused)
{
	json_t *used = json_object();
	char *out = NULL;
	size_t size;
	FILE *to = open_memstream(&out, &size);

	if (!to || !used) abort();
	*ret_unused = NULL;
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n"), before;
		char key[64];
		bool marked = key_of_mark(line, len, key, &before);
		const char *value = marked ? json_string_value(json_object_get(args, key)) : NULL;

		if (value) {
			write_value(to, line, value);
			json_object_set_new(used, key, json_true());
		} else if (marked) {
			write_unmarked(to, line, before);
		} else {
			fprintf(to, "%.*s\n", (int)len, line);
		}
		line += len + (line[len] == '\n');
	}
	fclose(to);
	for (; *keys && !*ret_unused; keys++)
		if (json_object_get(args, *keys) && !json_object_get(used, *keys)) *ret_unused = *keys;
	json_decref(used);
	if (*ret_unused) {
		free(out);
		out = NULL;
	}
	return out;
}
