/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_file.c - a replaced file is whole, whatever fails and whenever the power goes.
 *
 * The power cut: real replacements are recorded, system call by system call. Every prefix of the record is replayed
 * under a pessimistic model: names that changed since the directory was synced may have changed or not, each on its
 * own; bytes that were not synced may be gone, torn or zero.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#define NAME "devices.yaml"
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif

static char dir[64], path[128];

static void setup(void)
{
	strcpy(dir, "/tmp/restunnel-file-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/" NAME, dir);
}

static int each_entry(bool delete)
{
	DIR *d = opendir(dir);
	int n = 0;
	for (struct dirent *e; (e = readdir(d));) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		n++;
		if (delete)
			unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
	return n;
}

static void teardown(void)
{
	each_entry(true);
	ck_assert_int_eq(rmdir(dir), 0);
}

static size_t file_read(char *buf, size_t size)
{
	FILE *f = fopen(path, "r");
	if (!f)
		return SIZE_MAX;
	size_t n = fread(buf, 1, size, f);
	fclose(f);
	return n;
}

static bool file_is(const char *text)
{
	char buf[256];
	size_t n = file_read(buf, sizeof(buf));
	return text ? n == strlen(text) && !memcmp(buf, text, n) : n == SIZE_MAX;
}

/* ---- The record ---- */

enum op_kind { OP_CREATE, OP_WRITE, OP_SYNC, OP_SYNC_DIR, OP_EXCHANGE, OP_RENAME, OP_UNLINK, OP_RETURN };

struct op {
	enum op_kind kind;
	int inode;
	char from[64];
	uint8_t *bytes;
	size_t len;
};

static struct op ops[4096];
static size_t op_count;
static int fd_inode[1024]; /* 0: none; -1: the directory */
static int inodes;
static bool no_file_sync, no_dir_sync, no_exchange;

static struct op *record(enum op_kind kind, int inode, const char *from)
{
	ck_assert_uint_lt(op_count, sizeof(ops) / sizeof(ops[0]));
	struct op *op = &ops[op_count++];
	*op = (struct op){.kind = kind, .inode = inode};
	snprintf(op->from, sizeof(op->from), "%s", from ? from : "");
	return op;
}

static int rec_openat(int at, const char *name, int flags, mode_t mode)
{
	int fd = file_sys.openat(at, name, flags, mode);
	if (fd < 0)
		return fd;
	ck_assert_int_lt(fd, 1024);
	fd_inode[fd] = flags & O_CREAT ? ++inodes : -1;
	if (flags & O_CREAT)
		record(OP_CREATE, inodes, name);
	return fd;
}

static ssize_t rec_write(int fd, const void *p, size_t len)
{
	size_t part = len > 3 ? len / 2 : len; /* short, as write() may be */
	struct op *op = record(OP_WRITE, fd_inode[fd], NULL);
	op->bytes = malloc(part + 1);
	memcpy(op->bytes, p, part);
	op->len = part;
	return file_sys.write(fd, p, part);
}

static int rec_fsync(int fd)
{
	bool is_dir = fd_inode[fd] < 0;
	if (is_dir ? !no_dir_sync : !no_file_sync)
		record(is_dir ? OP_SYNC_DIR : OP_SYNC, fd_inode[fd], NULL);
	return 0;
}

static int rec_rename(int at, const char *from, const char *to, unsigned flags)
{
	if (no_exchange && flags) {
		errno = EINVAL;
		return -1;
	}
	int err = file_sys.rename(at, from, to, flags);
	ck_assert_str_eq(to, NAME);
	if (!err)
		record(flags ? OP_EXCHANGE : OP_RENAME, 0, from);
	return err;
}

static int rec_unlink(int at, const char *name)
{
	record(OP_UNLINK, 0, name);
	return file_sys.unlink(at, name);
}

static struct file_sys recorder(void)
{
	struct file_sys sys = file_sys;
	sys.openat = rec_openat;
	sys.write = rec_write;
	sys.fsync = rec_fsync;
	sys.rename = rec_rename;
	sys.unlink = rec_unlink;
	return sys;
}

/* ---- The model ---- */

#define INODES 256
#define NAMES 16

struct names {
	char name[NAMES][64];
	int inode[NAMES]; /* 0: free */
};

struct disk {
	struct names durable;
	struct op *pending[8];
	size_t pending_count;
	struct {
		uint8_t *bytes;
		size_t len;
		bool dirty;
	} inode[INODES];
};

static int *names_find(struct names *n, const char *name)
{
	for (int i = 0; i < NAMES; i++)
		if (n->inode[i] && !strcmp(n->name[i], name))
			return &n->inode[i];
	return NULL;
}

static void names_set(struct names *n, const char *name, int inode)
{
	for (int i = 0; i < NAMES; i++) {
		if (n->inode[i])
			continue;
		n->inode[i] = inode;
		snprintf(n->name[i], sizeof(n->name[i]), "%s", name);
		return;
	}
	ck_abort_msg("too many names: leftovers accumulate");
}

static void names_apply(struct names *n, const struct op *op)
{
	int *from = names_find(n, op->from), *to = names_find(n, NAME);

	if (op->kind == OP_CREATE && !from) {
		names_set(n, op->from, op->inode);
	} else if (op->kind == OP_UNLINK && from) {
		*from = 0;
	} else if (op->kind == OP_EXCHANGE && from && to) {
		int inode = *from;
		*from = *to;
		*to = inode;
	} else if (op->kind == OP_RENAME && from) {
		int inode = *from;
		*from = 0;
		if (to)
			*to = inode;
		else
			names_set(n, NAME, inode);
	}
}

static void disk_apply(struct disk *d, struct op *op)
{
	switch (op->kind) {
	case OP_WRITE:
		d->inode[op->inode].bytes = realloc(d->inode[op->inode].bytes, d->inode[op->inode].len + op->len + 1);
		memcpy(d->inode[op->inode].bytes + d->inode[op->inode].len, op->bytes, op->len);
		d->inode[op->inode].len += op->len;
		d->inode[op->inode].dirty = true;
		break;
	case OP_SYNC:
		d->inode[op->inode].dirty = false;
		break;
	case OP_SYNC_DIR:
		for (size_t i = 0; i < d->pending_count; i++)
			names_apply(&d->durable, d->pending[i]);
		d->pending_count = 0;
		break;
	case OP_RETURN:
		break;
	default:
		if (d->pending_count == 8) { /* what is old reaches the disk in the end */
			names_apply(&d->durable, d->pending[0]);
			memmove(d->pending, d->pending + 1, --d->pending_count * sizeof(d->pending[0]));
		}
		d->pending[d->pending_count++] = op;
	}
}

struct version {
	const uint8_t *bytes;
	size_t len;
	bool absent;
};

static bool version_is(const struct version *v, const uint8_t *bytes, size_t len)
{
	return !v->absent && v->len == len && !memcmp(v->bytes, bytes ? bytes : (const uint8_t *)"", len);
}

static unsigned states, violations;

static void judge(const struct version *allowed, size_t n, const uint8_t *bytes, size_t len)
{
	bool good = false;
	for (size_t i = 0; i < n; i++)
		good = good || version_is(&allowed[i], bytes, len);
	states++;
	violations += !good;
}

/* All that the disk may hold when the power goes now; each must be one of the allowed versions. */
static void judge_outcomes(struct disk *d, const struct version *allowed, size_t n)
{
	for (unsigned mask = 0; mask < 1U << d->pending_count; mask++) {
		struct names names = d->durable;
		for (size_t i = 0; i < d->pending_count; i++)
			if (mask & 1U << i)
				names_apply(&names, d->pending[i]);
		int *inode = names_find(&names, NAME);
		if (!inode) {
			bool good = false;
			for (size_t i = 0; i < n; i++)
				good = good || allowed[i].absent;
			states++;
			violations += !good;
			continue;
		}
		const uint8_t *bytes = d->inode[*inode].bytes;
		size_t len = d->inode[*inode].len;
		judge(allowed, n, bytes, len);
		if (!d->inode[*inode].dirty)
			continue;
		uint8_t *zeros = calloc(1, len + 1);
		judge(allowed, n, zeros, len);
		judge(allowed, n, zeros, 0);
		judge(allowed, n, bytes, len / 2);
		free(zeros);
	}
}

/* Replacement i writes version i + 1; version 0 is no file. */
static void replay_all(const struct version *versions)
{
	struct disk d = {0};
	size_t at = 0; /* versions[at] is what the last finished call wrote */

	states = violations = 0;
	for (size_t k = 0; k < op_count; k++) {
		disk_apply(&d, &ops[k]);
		at += ops[k].kind == OP_RETURN;
		bool idle = ops[k].kind == OP_RETURN;
		judge_outcomes(&d, &versions[at], idle ? 1 : 2);
	}
	for (int i = 0; i < INODES; i++)
		free(d.inode[i].bytes);
}

#define SERIES 48

static void run_series(void)
{
	static const size_t sizes[] = {1, 0, 17, 4096, 100, 70000, 2, 4095, 1000, 8193, 33, 0};
	struct version versions[SERIES + 2] = {{.absent = true}};
	struct file_sys sys = recorder();

	op_count = 0;
	inodes = 0;
	for (int i = 0; i < SERIES; i++) {
		size_t len = sizes[(size_t)i % (sizeof(sizes) / sizeof(sizes[0]))];
		uint8_t *bytes = malloc(len + 1);
		memset(bytes, 'A' + i, len); /* never zero, never equal to the one before */
		versions[i + 1] = (struct version){bytes, len, false};
		ck_assert_int_eq(file_replace_by(&sys, path, bytes, len, 0600), 0);
		record(OP_RETURN, 0, NULL);
	}
	versions[SERIES + 1].absent = true;
	replay_all(versions);
	for (int i = 0; i < SERIES; i++)
		free((void *)versions[i + 1].bytes);
	for (size_t i = 0; i < op_count; i++)
		free(ops[i].bytes);
	ck_assert_int_eq(each_entry(false), 1);
}

START_TEST(power_cut)
{
	no_file_sync = no_dir_sync = false;
	no_exchange = _i == 1;
	run_series();
	printf("%u states after a power cut\n", states);
	ck_assert_uint_ge(states, 1000);
	ck_assert_uint_eq(violations, 0);
}
END_TEST

/* The model is worth something: it notices when either sync is left out. */
START_TEST(power_cut_is_noticed)
{
	no_file_sync = _i == 0;
	no_dir_sync = _i == 1;
	no_exchange = false;
	run_series();
	ck_assert_uint_gt(violations, 0);
}
END_TEST

/* ---- The n-th system call fails ---- */

static int calls, fail_at, fail_error;
static bool fail_on; /* and all after it */
static const char *failed;

static bool fails(const char *what)
{
	calls++;
	if (calls != fail_at && !(fail_on && calls > fail_at))
		return false;
	if (calls == fail_at)
		failed = what;
	errno = fail_error;
	return true;
}

static int fail_openat(int at, const char *name, int flags, mode_t mode)
{
	return fails("openat") ? -1 : file_sys.openat(at, name, flags, mode);
}
static ssize_t fail_write(int fd, const void *p, size_t len)
{
	if (fails("write")) {
		if (len > 1 && file_sys.write(fd, p, len / 2) < 0) /* a full disk takes a part */
			return -1;
		errno = fail_error;
		return -1;
	}
	return file_sys.write(fd, p, len);
}
static int fail_fchmod(int fd, mode_t mode) { return fails("fchmod") ? -1 : file_sys.fchmod(fd, mode); }
static int fail_fsync(int fd) { return fails("fsync") ? -1 : file_sys.fsync(fd); }
static int fail_close(int fd)
{
	file_sys.close(fd); /* it is closed, whatever close() says */
	return fails("close") ? -1 : 0;
}
static int fail_rename(int at, const char *from, const char *to, unsigned flags)
{
	return fails("rename") ? -1 : file_sys.rename(at, from, to, flags);
}
static int fail_unlink(int at, const char *name) { return fails("unlink") ? -1 : file_sys.unlink(at, name); }

static const struct file_sys failing = {fail_openat, fail_write, fail_fchmod, fail_fsync, fail_close, fail_rename, fail_unlink};

START_TEST(nth_call_fails)
{
	const char *old = _i & 1 ? "old\n" : NULL;
	int tried = 0;

	fail_error = _i & 2 ? ENOSPC : EIO;
	fail_on = false;
	for (fail_at = 1;; fail_at++, tried++) {
		each_entry(true);
		if (old)
			ck_assert_int_eq(file_replace(path, old, strlen(old), 0600), 0);
		calls = 0;
		failed = NULL;
		int err = file_replace_by(&failing, path, "brand new\n", 10, 0600);
		if (!failed) {
			ck_assert_int_eq(err, 0);
			break;
		}
		ck_assert_msg(err ? file_is(old) : file_is("brand new\n"), "call %d (%s): %d", fail_at, failed, err);
		if (err)
			ck_assert_int_eq(err, -fail_error);
		else
			ck_assert_msg(!strcmp(failed, "unlink") || !strcmp(failed, "close"), "%s failed, and 0 was returned", failed);
		int left = each_entry(false), meant = file_is(NULL) ? 0 : 1;
		ck_assert_msg(left == meant || !strcmp(failed, "unlink"), "%s failed: %d files", failed, left);
		/* What is left after all goes with the next call */
		ck_assert_int_eq(file_replace(path, "next", 4, 0600), 0);
		ck_assert_int_eq(each_entry(false), 1);
	}
	ck_assert_int_ge(tried, 7);
}
END_TEST

/* The disk dies at the n-th call: nothing can be cleaned up, but the file is whole. */
START_TEST(all_calls_fail_from_nth)
{
	fail_error = EIO;
	fail_on = true;
	for (fail_at = 1; fail_at < 16; fail_at++) {
		each_entry(true);
		ck_assert_int_eq(file_replace(path, "old", 3, 0600), 0);
		calls = 0;
		failed = NULL;
		int err = file_replace_by(&failing, path, "new", 3, 0600);
		ck_assert(file_is("old") || file_is("new"));
		if (!err)
			ck_assert(file_is("new"));
		if (!failed)
			break;
	}
	ck_assert_int_lt(fail_at, 16);
}
END_TEST

/* ---- Plain use ---- */

START_TEST(modes_and_leftovers)
{
	char other[160], stale[160];
	struct stat st;
	mode_t before = umask(0077);

	snprintf(stale, sizeof(stale), "%s/." NAME ".new.00ff", dir);
	snprintf(other, sizeof(other), "%s/.other.new.00ff", dir);
	close(open(stale, O_CREAT | O_WRONLY, 0600));
	close(open(other, O_CREAT | O_WRONLY, 0600));
	ck_assert_int_eq(file_replace(path, "x", 1, 0640), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(each_entry(false), 2);
	ck_assert_int_ne(access(stale, F_OK), 0);
	ck_assert_int_eq(file_replace(path, "", 0, 0600), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert(file_is(""));
	umask(before);
}
END_TEST

START_TEST(refusals)
{
	char long_name[400];
	ck_assert_int_eq(file_replace("/nonexistent-directory/x", "x", 1, 0600), -ENOENT);
	ck_assert_int_eq(file_replace("/tmp/", "x", 1, 0600), -EISDIR);
	snprintf(long_name, sizeof(long_name), "%s/%0250d", dir, 1);
	ck_assert_int_eq(file_replace(long_name, "x", 1, 0600), -ENAMETOOLONG);
	ck_assert_int_eq(each_entry(false), 0);
}
END_TEST

/* ---- Through the host table ---- */

static char logged[1024];
static void log_line(struct rtun_ctx *ctx, uint32_t level, const char *fmt, va_list ap)
{
	(void)ctx;
	ck_assert_uint_eq(level, RTUN_ERROR);
	vsnprintf(logged, sizeof(logged), fmt, ap);
}
static const char *data_dir(struct rtun_ctx *ctx) { (void)ctx; return dir; }

START_TEST(host)
{
	struct rtun_host table = {.size = sizeof(table), .log = log_line, .data_dir = data_dir, .file_replace = host_file_replace};
	struct host_ctx ctx = {.ctx.host = &table};

	ck_assert_int_eq(rtun_file_replace(&ctx.ctx, NAME, "abc", 3, 0600), 0);
	ck_assert(file_is("abc"));
	ck_assert_int_eq(rtun_file_replace(&ctx.ctx, path, "def", 3, 0600), 0);
	ck_assert(file_is("def"));
	ck_assert_str_eq(logged, "");
	ck_assert_int_eq(rtun_file_replace(&ctx.ctx, "none/" NAME, "abc", 3, 0600), -RTUN_EIO);
	ck_assert_ptr_nonnull(strstr(logged, "none/" NAME " can't be written: No such file or directory; make the directory"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("file");
	TCase *t = tcase_create("file");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, power_cut, 0, 2);
	tcase_add_loop_test(t, power_cut_is_noticed, 0, 2);
	tcase_add_loop_test(t, nth_call_fails, 0, 4);
	tcase_add_test(t, all_calls_fail_from_nth);
	tcase_add_test(t, modes_and_leftovers);
	tcase_add_test(t, refusals);
	tcase_add_test(t, host);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed_tests = srunner_ntests_failed(r);
	srunner_free(r);
	return failed_tests != 0;
}
