/* SPDX-License-Identifier: BSD-2-Clause
 *
 * samples.c - line by line. The JSON text is written beside the tree, since a snapshot with thousands of them has no time to.
 */
#include "samples.h"

#include <stdlib.h>
#include <string.h>

/* One character of a JSON string, behind its backslash. Where the next one is. */
static const char *unescape(const char *p, const char *end, char *ret)
{
	static const char from[] = "nrtbf", is[] = "\n\r\t\b\f";
	char number[5] = "";
	const char *c;
	*ret = ' ';
	if (p == end || (*p == 'u' && end - p < 5))
		return end;
	if (*p == 'u') { /* a control character: nothing else is written so */
		memcpy(number, p + 1, 4);
		*ret = (char)strtoul(number, NULL, 16);
		return p + 5;
	}
	c = strchr(from, *p);
	*ret = c ? is[c - from] : *p;
	return p + 1;
}

char *dash_samples_text(const char *json, size_t len)
{
	static const char before[] = "\"text\":\"";
	const char *p = json ? memmem(json, len, before, sizeof(before) - 1) : NULL, *end = json + len;
	char *text = p ? malloc(len) : NULL, *to = text;
	if (!text)
		return NULL;
	for (p += sizeof(before) - 1; p < end && *p != '"'; to++)
		if (*p == '\\')
			p = unescape(p + 1, end, to);
		else
			*to = *p++;
	*to = '\0';
	return text;
}

void dash_samples_begin(struct dash_samples *m, const char *answer, size_t len)
{
	*m = (struct dash_samples){.text = dash_samples_text(answer, len)};
	if (!m->text)
		return;
	m->line = m->text;
	m->out = open_memstream(&m->json, &m->json_len);
	m->all = m->out ? json_object() : NULL;
	m->patch = json_object();
}

static void put(FILE *out, bool first, const char *key, const json_t *number)
{
	fputs_unlocked(first ? "{\"" : ",\"", out);
	for (; *key; key++) {
		if ((unsigned char)*key < ' ')
			fprintf(out, "\\u%04x", (unsigned)*key);
		else if (*key == '"' || *key == '\\')
			fprintf(out, "\\%c", *key);
		else
			putc_unlocked(*key, out);
	}
	fputs_unlocked("\":", out);
	json_dumpf(number, out, JSON_ENCODE_ANY);
}

/* NAME{LABELS} VALUE */
static void read_line(struct dash_samples *m, const json_t *before, const char *line, const char *end)
{
	const char *space = memrchr(line, ' ', (size_t)(end - line));
	json_t *old, *fresh;
	char key[512];
	if (*line == '#' || !space || (size_t)(space - line) >= sizeof(key))
		return;
	memcpy(key, line, (size_t)(space - line));
	key[space - line] = '\0';
	double v = strtod(space + 1, NULL);
	bool whole = v > -9e15 && v < 9e15 && !(v > (double)(int64_t)v) && !(v < (double)(int64_t)v);
	fresh = whole ? json_integer((int64_t)v) : json_real(v);
	old = json_object_get(before, key);
	if (fresh && !json_object_get(m->all, key) && json_object_set(m->all, key, fresh) == 0) {
		put(m->out, json_object_size(m->all) == 1, key, fresh);
		m->known += old != NULL;
		if (!old || !json_equal(old, fresh))
			json_object_set_new(m->patch, key, json_pack("[O]", fresh));
	}
	json_decref(fresh); /* NULL: no number for JSON */
}

bool dash_samples_read(struct dash_samples *m, uint32_t n, const json_t *before)
{
	for (; m->all && n && *m->line; n--) {
		const char *end = m->line + strcspn(m->line, "\n");
		read_line(m, before, m->line, end);
		m->line = *end ? end + 1 : end;
	}
	return m->all && *m->line;
}

json_t *dash_samples_patch(struct dash_samples *m, json_t *before)
{
	const char *key;
	json_t *value;
	if (!before || !m->all)
		return NULL;
	if (m->known != json_object_size(before)) /* some are gone */
		json_object_foreach(before, key, value)
			if (!json_object_get(m->all, key))
				json_object_set_new(m->patch, key, json_integer(0));
	return json_object_size(m->patch) ? json_incref(m->patch) : NULL;
}

char *dash_samples_json(struct dash_samples *m)
{
	if (!m->all)
		return NULL;
	fputs(json_object_size(m->all) ? "}" : "{}", m->out);
	fclose(m->out);
	m->out = NULL;
	char *json = m->json;
	m->json = NULL;
	return json;
}

void dash_samples_end(struct dash_samples *m)
{
	if (m->out)
		fclose(m->out);
	free(m->json);
	free(m->text);
	json_decref(m->all);
	json_decref(m->patch);
	*m = (struct dash_samples){.text = NULL};
}
