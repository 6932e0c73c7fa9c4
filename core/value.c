/* SPDX-License-Identifier: BSD-2-Clause
 *
 * value.c - JSON-like trees for modules. A failure anywhere is remembered up to the root, so that a module can build a
 * whole answer without looking at a result.
 */
#include "value.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "utf8.h"

struct rtun_value {
	struct rtun_object object;
	json_t *json; /* NULL: failed */
};

/* What value_new() gives when there is no memory: always there, always failed, never written to. */
static const struct rtun_value value_failed = {{&host_table}, NULL};

static bool value_is_failed(const struct rtun_value *v) { return !v || v == &value_failed; }

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

json_t *value_json_time(int64_t unix_seconds)
{
	char buf[40];
	time_t t = (time_t)unix_seconds;
	struct tm tm;
	if (!unix_seconds || !gmtime_r(&t, &tm) || !strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm)) return json_null();
	return json_string(buf);
}

static json_t *value_json_new(uint32_t kind, const char *text, int64_t number)
{
	switch (kind) {
	case RTUN_VALUE_NULL: return json_null();
	case RTUN_VALUE_BOOL: return json_boolean(number);
	case RTUN_VALUE_INT: return json_integer(number);
	case RTUN_VALUE_TEXT: return value_json_text(text);
	case RTUN_VALUE_OBJECT: return json_object();
	case RTUN_VALUE_ARRAY: return json_array();
	case RTUN_VALUE_TIME: return value_json_time(number);
	default: return NULL;
	}
}

struct rtun_value *value_of(json_t *j)
{
	union { const struct rtun_value *in; struct rtun_value *out; } failed = {&value_failed};
	struct rtun_value *v = malloc(sizeof(*v));
	if (!v) {
		json_decref(j);
		return failed.out;
	}
	v->object.host = &host_table;
	v->json = j;
	return v;
}

struct rtun_value *host_value_new(struct rtun_ctx *ctx, uint32_t kind, const char *text, int64_t number)
{
	(void)ctx;
	return value_of(value_json_new(kind, text, number));
}

json_t *value_take(struct rtun_value **vp)
{
	struct rtun_value *v = *vp;
	*vp = NULL;
	if (value_is_failed(v)) return NULL;
	json_t *j = v->json;
	free(v);
	return j;
}

static int value_fail(struct rtun_value *v)
{
	if (!value_is_failed(v)) {
		json_decref(v->json);
		v->json = NULL;
	}
	return -RTUN_ENOMEM;
}

int host_value_set(struct rtun_value *object, const char *key, struct rtun_value *v)
{
	json_t *j = value_take(&v);
	if (!j || value_is_failed(object) || !object->json) {
		json_decref(j);
		return value_fail(object);
	}
	/* a key that is not UTF-8 or a container that is none is the module's mistake: the same end */
	return json_object_set_new(object->json, key, j) ? value_fail(object) : 0;
}

int host_value_append(struct rtun_value *array, struct rtun_value *v)
{
	json_t *j = value_take(&v);
	if (!j || value_is_failed(array) || !array->json) {
		json_decref(j);
		return value_fail(array);
	}
	return json_array_append_new(array->json, j) ? value_fail(array) : 0;
}

void host_value_free(struct rtun_value **v)
{
	json_decref(value_take(v));
}
