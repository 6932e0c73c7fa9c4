/* SPDX-License-Identifier: BSD-2-Clause
 *
 * app_bed.h - where unit tests bring whole configurations to life: a directory of their own, a file, test modules.
 */
#ifndef APP_BED_H
#define APP_BED_H

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_state.h"
#include "loop.h"

static struct {
	char dir[64], config[96], data[96], trace[112];
	bool unconfined; /* no sandbox */
	struct conf_report report;
	struct loop *loop;
	struct app *app;
} bed;

static const char *bed_modules(void)
{
	const char *dir = getenv("RTUN_TEST_MODULE_DIR");
	ck_assert_msg(dir != NULL, "RTUN_TEST_MODULE_DIR says where the test modules are");
	return dir;
}

static void bed_open(void)
{
	memset(&bed, 0, sizeof(bed));
	strcpy(bed.dir, "/tmp/restunnel-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(bed.dir));
	snprintf(bed.config, sizeof(bed.config), "%s/c.yaml", bed.dir);
	snprintf(bed.data, sizeof(bed.data), "%s/data", bed.dir);
	snprintf(bed.trace, sizeof(bed.trace), "%s/trace", bed.dir);
	ck_assert_int_eq(loop_create_virtual(&bed.loop), 0);
}

static int bed_remove(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static void bed_close(void)
{
	app_destroy(&bed.app);
	conf_report_clear(&bed.report);
	loop_destroy(&bed.loop);
	nftw(bed.dir, bed_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* `text` with every @ replaced by the bed's trace file, after a line with data-dir. */
static void bed_write(const char *text)
{
	FILE *f = fopen(bed.config, "we");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "data-dir: %s\n", bed.data);
	for (; *text; text++)
		if (*text == '@')
			fputs(bed.trace, f);
		else
			fputc(*text, f);
	if (bed.unconfined) fputs("sandbox: false\n", f);
	fclose(f);
}

static int bed_load(const char *text)
{
	const struct app_options o = {bed.config, bed_modules(), bed.loop};
	bed_write(text);
	return app_load(&o, &bed.report, &bed.app);
}

/* The configuration is good. */
static inline void bed_good(const char *text)
{
	int rc = bed_load(text);
	if (rc) conf_report_print(&bed.report, stderr, false);
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_eq(bed.report.errors, 0);
}

/* The configuration is refused with exactly one error: at line (the first of `text` is 2) and column, with the code. */
static inline const struct conf_problem *bed_bad(const char *text, uint32_t line, uint32_t column, const char *code)
{
	int rc = bed_load(text);
	conf_report_print(&bed.report, stderr, false);
	ck_assert_int_eq(rc, -RTUN_ECONFIG);
	ck_assert_ptr_null(bed.app);
	ck_assert_uint_eq(bed.report.errors, 1);
	ck_assert_str_eq(bed.report.items[0].code, code);
	ck_assert_uint_eq(bed.report.items[0].at.line, line);
	ck_assert_uint_eq(bed.report.items[0].at.column, column);
	return &bed.report.items[0];
}

static inline void bed_says(const char *text, const char *part)
{
	ck_assert_msg(text && strstr(text, part), "'%s' does not say '%s'", text ? text : "(null)", part);
}

/* What the modules traced since the last time. */
static inline const char *bed_traced(void)
{
	static char text[8192];
	FILE *f = fopen(bed.trace, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	if (f) fclose(f);
	text[n] = 0;
	unlink(bed.trace);
	return text;
}

/* As the daemon does it, but without signals, socket and the rest of the process. */
static inline void bed_start(void)
{
	struct command_error err = {"", "", ""};
	int rc = app_setup_here(bed.app, &err);
	ck_assert_msg(rc == 0, "%s", err.text);
	for (uint32_t i = 0; i < bed.app->count; i++) ck_assert_int_eq(instance_prepare(bed.app->instances[i]), 0);
	for (uint32_t i = 0; i < bed.app->count; i++) ck_assert_int_eq(instance_start(bed.app->instances[i]), 0);
	bed.app->running = true;
}

/* `open` and `close` may be NULL; they are called with the bed at hand. */
static inline int bed_run_with(TCase *tc, const char *name, void (*open)(void), void (*close)(void))
{
	Suite *s = suite_create(name);
	tcase_add_checked_fixture(tc, bed_open, bed_close);
	if (open) tcase_add_checked_fixture(tc, open, close);
	suite_add_tcase(s, tc);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

static inline int bed_run(TCase *tc, const char *name) { return bed_run_with(tc, name, NULL, NULL); }

#endif
