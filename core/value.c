/* SPDX-License-Identifier: BSD-2-Clause
 *
 * value.c - what modules answer, written as JSON (RFC 8259) while it is made. A failure anywhere is remembered up to the root, so that
 * a module can build a whole answer without looking at a result.
 */
#include "value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "utf8.h"

struct rtun_value {
	struct rtun_object object;
	char *text; /* never NUL-terminated; a container's lacks its last brace. NULL: failed */
	size_t len, size;
	uint32_t kind, depth;
	int error; /* why it failed */
	char own[128]; /* is `text` of what is short, which is nearly all */
};

/* What value_new() gives when there is no memory: always there, always failed, never written to. */
static const struct rtun_value value_failed = {.object = {&host_table}, .error = -RTUN_ENOMEM};

static bool value_is_failed(const struct rtun_value *v) { return v == &value_failed; }

json_t *value_json_text(const char *text)
{
	if (!text) return json_null();
	json_t *j = json_string(text);
	size_t len = 3 * strlen(text) + 1;
	char *clean = j ? NULL : malloc(len);
	if (clean) {
		utf8_clean(text, clean, len);
		j = json_string(clean);
	}
	free(clean);
	return j;
}

static bool value_time(int64_t unix_seconds, char buf[40])
{
	time_t t = (time_t)unix_seconds;
	struct tm tm;
	return unix_seconds && gmtime_r(&t, &tm) && strftime(buf, 40, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

json_t *value_json_time(int64_t unix_seconds)
{
	char buf[40];
	return value_time(unix_seconds, buf) ? json_string(buf) : json_null();
}

/* ---- text that grows ---- */

/* The first one is remembered. */
static int value_fail(struct rtun_value *v, int error)
{
	if (!v->text) return v->error;
	if (v->text != v->own) free(v->text);
	v->text = NULL;
	return v->error = error;
}

static bool value_room(struct rtun_value *v, size_t len)
{
	size_t size = v->size;
	if (!v->text) return false;
	while (size - v->len < len) size *= 2;
	if (size == v->size) return true;
	char *text = realloc(v->text == v->own ? NULL : v->text, size);
	if (!text) {
		value_fail(v, -RTUN_ENOMEM);
		return false;
	}
	if (v->text == v->own) memcpy(text, v->own, v->len);
	v->text = text;
	v->size = size;
	return true;
}

static void value_put(struct rtun_value *v, const char *text, size_t len)
{
	if (!value_room(v, len)) return;
	memcpy(v->text + v->len, text, len);
	v->len += len;
}

/* One character that can't stand for itself, or a byte that is none. Returns its length. */
static unsigned value_put_special(struct rtun_value *v, const char *text)
{
	static const char from[] = "\b\f\n\r\t", to[] = "bfnrt";
	const char *short_form = strchr(from, *text);
	char out[8];
	uint32_t c;
	unsigned n = utf8_char(text, &c);
	if (n > 1)
		value_put(v, text, n);
	else if (!n)
		value_put(v, "\xef\xbf\xbd", 3);
	else if (short_form)
		value_put(v, (char[]){'\\', to[short_form - from]}, 2);
	else
		value_put(v, out, (size_t)snprintf(out, sizeof(out), "\\u%04X", (unsigned)c));
	return n ? n : 1;
}

/* ASCII, or one with a backslash before it. */
static bool value_simple(char c) { return (unsigned char)c >= ' ' && (unsigned char)c < 0x80; }

static void value_put_text(struct rtun_value *v, const char *text)
{
	size_t len = strlen(text);
	value_put(v, "\"", 1);
	while (len && value_room(v, 2 * len)) {
		char *to = v->text + v->len;
		for (; len && value_simple(*text); len--) {
			if (*text == '"' || *text == '\\') *to++ = '\\';
			*to++ = *text++;
		}
		v->len = (size_t)(to - v->text);
		unsigned n = len ? value_put_special(v, text) : 0;
		text += n;
		len -= n;
	}
	value_put(v, "\"", 1);
}

/* ---- values ---- */

static struct rtun_value *value_create(uint32_t kind)
{
	union { const struct rtun_value *in; struct rtun_value *out; } failed = {&value_failed};
	struct rtun_value *v = malloc(sizeof(*v));
	if (!v) return failed.out;
	v->object.host = &host_table;
	v->text = v->own;
	v->size = sizeof(v->own);
	v->len = 0;
	v->depth = kind == RTUN_VALUE_OBJECT || kind == RTUN_VALUE_ARRAY;
	v->error = 0;
	v->kind = kind;
	return v;
}

static void value_put_scalar(struct rtun_value *v, uint32_t kind, const char *text, int64_t number)
{
	char buf[40];
	if (kind == RTUN_VALUE_INT)
		value_put(v, buf, (size_t)snprintf(buf, sizeof(buf), "%lld", (long long)number));
	else if (kind == RTUN_VALUE_BOOL)
		value_put(v, number ? "true" : "false", number ? 4 : 5);
	else if (kind == RTUN_VALUE_TEXT && text)
		value_put_text(v, text);
	else if (kind == RTUN_VALUE_TIME && value_time(number, buf))
		value_put_text(v, buf);
	else
		value_put(v, "null", 4);
}

struct rtun_value *host_value_new(struct rtun_ctx *ctx, uint32_t kind, const char *text, int64_t number)
{
	struct rtun_value *v = value_create(kind);
	(void)ctx;
	if (value_is_failed(v)) return v;
	if (kind > RTUN_VALUE_TIME)
		value_fail(v, -RTUN_EINVAL); /* newer than this program */
	else if (kind == RTUN_VALUE_OBJECT || kind == RTUN_VALUE_ARRAY)
		value_put(v, kind == RTUN_VALUE_OBJECT ? "{" : "[", 1);
	else
		value_put_scalar(v, kind, text, number);
	return v;
}

/* The last brace. */
static void value_close(struct rtun_value *v)
{
	if (v->depth) value_put(v, v->kind == RTUN_VALUE_OBJECT ? "}" : "]", 1);
}

/* What forbids it; 0: nothing. Arrays have no keys. */
static int value_add_error(const struct rtun_value *to, uint32_t kind, const char *key, const struct rtun_value *v)
{
	if (to->error) return to->error;
	if (!v || to->kind != kind || !key != (kind == RTUN_VALUE_ARRAY) || v->depth >= VALUE_DEPTH_MAX) return -RTUN_EINVAL;
	return v->error;
}

static int value_add(struct rtun_value *to, uint32_t kind, const char *key, struct rtun_value *v)
{
	int error = value_add_error(to, kind, key, v);
	if (!error) {
		value_close(v);
		error = v->error;
	}
	if (error) {
		host_value_free(&v);
		return value_fail(to, error);
	}
	if (to->len > 1) value_put(to, ",", 1);
	if (key) {
		value_put_text(to, key);
		value_put(to, ":", 1);
	}
	value_put(to, v->text, v->len);
	if (to->depth <= v->depth) to->depth = v->depth + 1;
	host_value_free(&v);
	return to->error;
}

int host_value_set(struct rtun_value *object, const char *key, struct rtun_value *v)
{
	return value_add(object, RTUN_VALUE_OBJECT, key, v);
}

int host_value_append(struct rtun_value *array, struct rtun_value *v)
{
	return value_add(array, RTUN_VALUE_ARRAY, NULL, v);
}

int value_take(struct rtun_value **vp, char **ret, size_t *ret_len)
{
	struct rtun_value *v = *vp;
	*vp = NULL;
	*ret = NULL;
	if (!v) return -RTUN_EINVAL;
	value_close(v);
	if (value_room(v, 1)) v->text[v->len] = 0;
	if (v->error) {
		int error = v->error;
		host_value_free(&v);
		return error;
	}
	*ret_len = v->len;
	*ret = v->text == v->own ? strndup(v->own, v->len) : v->text;
	free(v);
	return *ret ? 0 : -RTUN_ENOMEM;
}

struct rtun_value *value_of(json_t *j)
{
	struct rtun_value *v = value_create(RTUN_VALUE_NULL);
	char *text = j ? json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	if (text)
		value_put(v, text, strlen(text));
	else
		value_fail(v, -RTUN_ENOMEM);
	free(text);
	json_decref(j);
	return v;
}

void host_value_free(struct rtun_value **vp)
{
	struct rtun_value *v = *vp;
	*vp = NULL;
	if (!v || value_is_failed(v)) return;
	if (v->text != v->own) free(v->text);
	free(v);
}
