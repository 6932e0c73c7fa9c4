/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_conf_memory.c - reading a configuration when the n-th allocation fails: an error, no crash, no leak (with
 * --enable-sanitizers). Linked with --wrap for malloc(), calloc(), realloc() and strdup().
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "schema.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);

static long calls, fail_at;
static bool armed; /* Check allocates too, and may be linked statically */

static bool fails(void)
{
	return armed && ++calls == fail_at;
}

void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t size) { return fails() ? NULL : __real_realloc(p, size); }
char *__wrap_strdup(const char *s) { return fails() ? NULL : __real_strdup(s); }

struct keys {
	struct rtun_list listen;
	const char *file, *text;
	struct rtun_bytes key;
};
static const struct rtun_option rows[] = {
	RTUN_LISTEN(struct keys, listen, "127.0.0.1:1, 127.0.0.1:2", RTUN_LOCAL, NULL, "Where."),
	RTUN_FILE(struct keys, file, NULL, 0, NULL, "A file."),
	RTUN_TEXT(struct keys, text, "x", RTUN_REQUIRED, NULL, "A text."),
	RTUN_BYTES(struct keys, key, NULL, 0, 0, 0, NULL, "Bytes."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(struct keys, rows);

static const char *const files[] = {
	"data-dir: x\nlog: {level: debug}\nmodules:\n"
	"  - {module: a, listen: [127.0.0.1:80, '[::1]:9'], file: x, text: a, key: AAAA, log-level: info}\n  - {module: b, text: y}\n",
	"dat-dir: /x\nlog: {level: inof, formt: json}\nmodules:\n  - modul: a\n  - {module: b, name: X y, lisen: 1}\n  - module: c\n    listen: 0.0.0.0:80\n"
	"  - module: c\n  - {module: f, module: g}\n  - &a {module: h, file: '${x}'}\n  - *a\n  - module: [\n",
};

/* Everything good: 0; something reported or out of memory: 1. */
static int read_once(const char *path)
{
	struct conf_report r = CONF_REPORT_INIT;
	struct conf *c;
	armed = true;
	int err = conf_load(path, &r, &c);
	armed = false;

	ck_assert_msg((err == -RTUN_ENOMEM) == !c && (c || err), "%d", err);
	bool bad = err != 0;
	for (uint32_t i = 0; c && i < c->count; i++) {
		struct schema_struct *s;
		armed = true;
		err = schema_fill(&schema, c->entries[i].node, c->entries[i].node->at, conf_is_core_key, &r, &s);
		char *text = s ? schema_value_text(&rows[0], s->cfg) : NULL;
		armed = false;
		free(text);
		ck_assert(err ? !s : s != NULL);
		bad = bad || err;
		schema_free(&s);
	}
	conf_free(&c);
	conf_report_clear(&r);
	return bad;
}

START_TEST(nth_allocation_fails)
{
	char path[] = "/tmp/restunnel-memory-XXXXXX";
	int fd = mkstemp(path), unharmed = 0;
	FILE *f = fdopen(fd, "w");

	ck_assert_ptr_nonnull(f);
	fputs(files[_i], f);
	fclose(f);
	for (fail_at = 1;; fail_at++) {
		calls = 0;
		int bad = read_once(path);
		if (calls < fail_at) {
			ck_assert_int_eq(bad, _i);
			break;
		}
		/* Only what writes words for people may do without */
		unharmed += !bad;
		ck_assert_int_lt(fail_at, 5000);
	}
	ck_assert_int_gt(fail_at, 50);
	ck_assert_int_lt(unharmed, _i ? 1 : fail_at / 4);
	unlink(path);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("conf_memory");
	TCase *t = tcase_create("conf_memory");
	tcase_add_loop_test(t, nth_allocation_fails, 0, 2);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
