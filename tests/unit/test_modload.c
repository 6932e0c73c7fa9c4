/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_modload.c - modules of all ages and none: real shared objects, and tables of a program that has them inside.
 */
#include <restunnel/module.h>

#include "app_bed.h"
#include "modload.h"
#include "sandbox.h"

static struct modload *ml;
static struct modload_error err;

static void open_dir(void)
{
	memset(&err, 0, sizeof(err));
	ck_assert_int_eq(modload_create(bed_modules(), NULL, &ml), 0);
}

static void close_dir(void)
{
	modload_destroy(&ml);
}

static const struct modload_module *good(const char *name)
{
	const struct modload_module *mod;
	int rc = modload_get(ml, name, &mod, &err);
	ck_assert_msg(rc == 0, "%s", err.text);
	return mod;
}

static void refused(const char *name, const char *part)
{
	const struct modload_module *mod;
	ck_assert_int_eq(modload_get(ml, name, &mod, &err), -RTUN_EINVAL);
	ck_assert_ptr_null(mod);
	ck_assert_str_eq(err.code, "module-refused");
	bed_says(err.text, part);
	bed_says(err.text, name);
	ck_assert(err.remedy[0]);
}

static const struct rtun_module *const no_builtin[] = {NULL};

START_TEST(one_that_fits)
{
	const struct modload_module *mod = good("tm_provider");
	ck_assert_str_eq(mod->m.name, "tm_provider");
	ck_assert_str_eq(mod->m.version, "1");
	bed_says(mod->file, "/tm_provider.so");
	ck_assert_ptr_eq(good("tm_provider"), mod); /* loaded once */
}
END_TEST

START_TEST(wrong_major)
{
	char both[64];
	snprintf(both, sizeof(both), "ABI %u.3, this restunnel has %u.%u", RTUN_ABI_MAJOR + 7U, RTUN_ABI_MAJOR, RTUN_ABI_MINOR);
	refused("tm_badabi", both);
}
END_TEST

START_TEST(wrong_name) { refused("tm_badname", "tm_othername"); }
END_TEST

START_TEST(no_symbol) { refused("tm_nosymbol", "rtun_module"); }
END_TEST

START_TEST(older_and_smaller)
{
	const struct modload_module *mod = good("tm_small");
	ck_assert(mod->m.create == NULL && mod->m.status == NULL && mod->m.metrics.count == 0);
	ck_assert_uint_eq(mod->command_count, 2);
	ck_assert_str_eq(mod->commands[0].name, "old-one");
	ck_assert_str_eq(mod->commands[1].name, "old-two"); /* rows are found by their own size */
	ck_assert_ptr_null(mod->commands[1].follow);
	ck_assert_uint_eq(mod->commands[1].flags, 0);
}
END_TEST

START_TEST(newer_and_larger)
{
	const struct modload_module *mod = good("tm_large");
	ck_assert_str_eq(mod->m.version, "9");
	ck_assert_uint_eq(mod->m.size, sizeof(struct rtun_module));
}
END_TEST

START_TEST(unknown_with_suggestion)
{
	const struct modload_module *mod;
	ck_assert_int_eq(modload_get(ml, "tm_provder", &mod, &err), -RTUN_ENOENT);
	ck_assert_str_eq(err.code, "unknown-module");
	bed_says(err.text, "'tm_provder'");
	bed_says(err.remedy, "'tm_provider'");
}
END_TEST

START_TEST(names_that_are_paths)
{
	static const char *const names[] = {"../tm_provider", "/etc/passwd", "tm_provider.so", "", ".", "TM_PROVIDER", "tm provider"};
	const struct modload_module *mod;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) ck_assert_int_eq(modload_get(ml, names[i], &mod, &err), -RTUN_ENOENT);
}
END_TEST

START_TEST(official_but_not_installed)
{
	struct modload *empty;
	const struct modload_module *mod;
	if (!modload_official_modules[0]) return; /* a build without any module knows none */
	ck_assert_int_eq(modload_create(bed.dir, no_builtin, &empty), 0);
	ck_assert_int_eq(modload_get(empty, modload_official_modules[0], &mod, &err), -RTUN_ENOENT);
	bed_says(err.text, "not installed");
	bed_says(err.remedy, "package");
	modload_destroy(&empty);
}
END_TEST

static void copy_module(const char *name, const char *to, mode_t mode)
{
	char from[512], buf[65536];
	size_t n;
	snprintf(from, sizeof(from), "%s/%s.so", bed_modules(), name);
	FILE *in = fopen(from, "re"), *out = fopen(to, "we");
	ck_assert(in && out);
	while ((n = fread(buf, 1, sizeof(buf), in)) > 0) fwrite(buf, 1, n, out);
	fclose(in);
	fclose(out);
	ck_assert_int_eq(chmod(to, mode), 0);
}

START_TEST(writable_by_others_as_root)
{
	struct modload *own;
	const struct modload_module *mod;
	char path[128];
	if (geteuid()) return; /* only root cares */
	snprintf(path, sizeof(path), "%s/tm_link.so", bed.dir);
	copy_module("tm_link", path, 0777);
	ck_assert_int_eq(modload_create(bed.dir, NULL, &own), 0);
	ck_assert_int_eq(modload_get(own, "tm_link", &mod, &err), -RTUN_EINVAL);
	bed_says(err.text, "everyone");
	bed_says(err.remedy, "chmod");
	chmod(path, 0755);
	chmod(bed.dir, 0777);
	ck_assert_int_eq(modload_get(own, "tm_link", &mod, &err), -RTUN_EINVAL);
	chmod(bed.dir, 0700);
	ck_assert_int_eq(modload_get(own, "tm_link", &mod, &err), 0);
	modload_destroy(&own);
}
END_TEST

START_TEST(not_even_an_object)
{
	struct modload *own;
	const struct modload_module *mod;
	char path[128];
	snprintf(path, sizeof(path), "%s/broken.so", bed.dir);
	FILE *f = fopen(path, "we");
	fputs("no ELF", f);
	fclose(f);
	ck_assert_int_eq(modload_create(bed.dir, NULL, &own), 0);
	ck_assert_int_eq(modload_get(own, "broken", &mod, &err), -RTUN_EINVAL);
	bed_says(err.text, "can't be loaded");
	modload_destroy(&own);
}
END_TEST

/* ---- tables ---- */

static const struct rtun_module inside = {.size = sizeof(inside), .abi_major = RTUN_ABI_MAJOR, .abi_minor = RTUN_ABI_MINOR, .name = "inside"};
static const struct rtun_module *const builtin[] = {&inside, NULL};

START_TEST(built_in)
{
	struct modload *own;
	const struct modload_module *mod;
	ck_assert_int_eq(modload_create("/nonexistent", builtin, &own), 0);
	ck_assert_int_eq(modload_get(own, "inside", &mod, &err), 0);
	ck_assert_str_eq(mod->file, "(built in)");
	ck_assert_int_eq(modload_get(own, "insde", &mod, &err), -RTUN_ENOENT);
	bed_says(err.remedy, "'inside'");
	modload_destroy(&own);
}
END_TEST

/* What is typed, and stands in paths and JSON. */
START_TEST(verbs)
{
	static const char *const names[] = {"list", "list-all", "list_2", "9", "", NULL, "-list", "a b", "a\"b", "a/b", "List", "caf\303\251"};
	static const size_t good_ones = 4;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct rtun_command rows[] = {{.name = names[i]}};
		struct rtun_module m = inside;
		m.commands = (struct rtun_list)RTUN_LIST(rows);
		const struct rtun_module *const all[] = {&m, NULL};
		struct modload *own;
		const struct modload_module *mod;
		ck_assert_int_eq(modload_create("/nonexistent", all, &own), 0);
		ck_assert_int_eq(modload_get(own, "inside", &mod, &err), i < good_ones ? 0 : -RTUN_EINVAL);
		if (i >= good_ones)
			bed_says(err.text, "verb");
		modload_destroy(&own);
	}
}
END_TEST

static const struct hostile {
	uint32_t size;
	int major, minor;
	const char *name;
	int rc;
} hostile[] = {
	{sizeof(struct rtun_module), 0, 0, "x", 0},
	{sizeof(struct rtun_module), 1, 0, "x", -RTUN_EINVAL},
	{sizeof(struct rtun_module), 0, 1, "x", -RTUN_EINVAL}, /* 0.x: equal or nothing */
	{sizeof(struct rtun_module), 0, -1, "x", -RTUN_EINVAL},
	{sizeof(struct rtun_module), 0, 0, "y", -RTUN_EINVAL},
	{sizeof(struct rtun_module), 0, 0, NULL, -RTUN_EINVAL},
	{0, 0, 0, "x", -RTUN_EINVAL},
	{8, 0, 0, "x", -RTUN_EINVAL},
	{offsetof(struct rtun_module, license), 0, 0, "x", 0},
};

START_TEST(tables)
{
	const struct hostile *h = &hostile[_i];
	struct rtun_module copy, m = {.size = h->size, .abi_major = (uint16_t)(RTUN_ABI_MAJOR + h->major), .abi_minor = (uint16_t)(RTUN_ABI_MINOR + h->minor),
				      .name = h->name, .license = "garbage beyond the table's end"};
	ck_assert_int_eq(modload_accept(&m, "x", "x.so", &copy, &err), h->rc);
	if (!h->rc && h->size < sizeof(m)) ck_assert_ptr_null(copy.license);
	if (h->rc) bed_says(err.text, "x.so");
}
END_TEST

START_TEST(schema_of_another_shape)
{
	static const struct rtun_schema small = {4, 8, RTUN_LIST_NONE}, no_rows = {sizeof(small), 8, {NULL, 3, 88}};
	const struct rtun_schema *const bad[] = {&small, &no_rows};
	for (size_t i = 0; i < 2; i++) {
		struct rtun_module copy, m = inside;
		m.schema = bad[i];
		ck_assert_int_eq(modload_accept(&m, "inside", "f", &copy, &err), -RTUN_EINVAL);
	}
}
END_TEST

/* ---- all ---- */

struct seen {
	uint32_t good, refused;
	char last[80];
};

static void see(void *arg, const char *name, const struct modload_module *mod, const struct modload_error *e)
{
	struct seen *seen = arg;
	ck_assert_int_lt(strcmp(seen->last, name), 0); /* sorted, no name twice */
	snprintf(seen->last, sizeof(seen->last), "%s", name);
	if (mod)
		seen->good++;
	else
		seen->refused++;
	ck_assert(mod || e->text[0]);
}

START_TEST(each)
{
	struct seen seen = {0, 0, ""};
	ck_assert_int_eq(modload_each(ml, see, &seen), 0);
	ck_assert_uint_ge(seen.good, 5);
	ck_assert_uint_ge(seen.refused, 3); /* badabi, badname, nosymbol */
}
END_TEST

START_TEST(need_that_nobody_knows)
{
	static const struct rtun_need needs[] = {{RTUN_NEED_UDP, NULL}, {"teleport", NULL}};
	struct rtun_module copy, m = {.size = sizeof(m), .abi_major = RTUN_ABI_MAJOR, .abi_minor = RTUN_ABI_MINOR, .name = "x", .needs = RTUN_LIST(needs)};
	ck_assert_int_eq(modload_accept(&m, "x", "x.so", &copy, &err), -RTUN_EINVAL);
	bed_says(err.text, "x.so needs 'teleport'");
	m.needs.count = 1;
	ck_assert_int_eq(modload_accept(&m, "x", "x.so", &copy, &err), 0);
}
END_TEST

START_TEST(closed)
{
	const struct modload_module *mod = good("tm_provider");
	modload_close(ml);
	ck_assert_ptr_eq(good("tm_provider"), mod); /* it is there already */
	ck_assert_int_eq(modload_get(ml, "tm_consumer", &mod, &err), -RTUN_ENOTSUP);
	ck_assert_str_eq(err.code, "needs-restart");
	ck_assert_int_eq(modload_get(ml, "tm_provdier", &mod, &err), -RTUN_ENOENT);
	bed_says(err.remedy, "tm_provider");
}
END_TEST

START_TEST(needs_are_united)
{
	bed_good("modules:\n  - {module: tm_escape, name: a, needs: udp}\n  - {module: tm_escape, name: b, needs: unix}\n"
		 "  - {module: tm_escape, name: c}\n  - {module: tm_provider}\n");
	ck_assert_uint_eq(sandbox_needs(bed.app->instances, bed.app->count), SANDBOX_UDP | SANDBOX_UNIX);
}
END_TEST

START_TEST(each_nowhere)
{
	struct modload *own;
	struct seen seen = {0, 0, ""};
	ck_assert_int_eq(modload_create("/nonexistent", no_builtin, &own), 0);
	ck_assert_int_eq(modload_each(own, see, &seen), -RTUN_EIO);
	modload_destroy(&own);
	ck_assert_int_eq(modload_create("/nonexistent", builtin, &own), 0);
	ck_assert_int_eq(modload_each(own, see, &seen), 0);
	ck_assert_uint_eq(seen.good, 1);
	modload_destroy(&own);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("modload");
	tcase_add_test(tc, one_that_fits);
	tcase_add_test(tc, wrong_major);
	tcase_add_test(tc, wrong_name);
	tcase_add_test(tc, no_symbol);
	tcase_add_test(tc, older_and_smaller);
	tcase_add_test(tc, newer_and_larger);
	tcase_add_test(tc, unknown_with_suggestion);
	tcase_add_test(tc, names_that_are_paths);
	tcase_add_test(tc, official_but_not_installed);
	tcase_add_test(tc, writable_by_others_as_root);
	tcase_add_test(tc, not_even_an_object);
	tcase_add_test(tc, built_in);
	tcase_add_test(tc, verbs);
	tcase_add_loop_test(tc, tables, 0, sizeof(hostile) / sizeof(hostile[0]));
	tcase_add_test(tc, schema_of_another_shape);
	tcase_add_test(tc, each);
	tcase_add_test(tc, each_nowhere);
	tcase_add_test(tc, need_that_nobody_knows);
	tcase_add_test(tc, closed);
	tcase_add_test(tc, needs_are_united);
	return bed_run_with(tc, "modload", open_dir, close_dir);
}
