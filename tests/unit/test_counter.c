/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_counter.c - a node's replay counter rises through restarts, wrong clocks, old backups and full disks.
 */
#include <fcntl.h>
#include <unistd.h>

#include "bed.h"

#include "../../modules/transport_noise/counter.c"

#define Y2026 INT64_C(1790000000000)
#define Y2040 INT64_C(2210000000000)

static struct host_ctx hc;
static char dir[64], path[96];
static int64_t wall;
static int writes;
static bool full;

static const char *test_data_dir(struct rtun_ctx *ctx)
{
	(void)ctx;
	return dir;
}

static int64_t test_wall(const struct rtun_ctx *ctx)
{
	(void)ctx;
	return wall;
}

static int test_file_replace(struct rtun_ctx *ctx, const char *name, const void *p, uint64_t len, uint32_t mode)
{
	writes++;
	return full ? -RTUN_EIO : host_table.file_replace(ctx, name, p, len, mode);
}

static void setup(void)
{
	strcpy(dir, "/tmp/rtun-counter-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/" COUNTER_FILE, dir);
	bed_setup(true, &hc);
	bed.host.data_dir = test_data_dir;
	bed.host.wall = test_wall;
	bed.host.file_replace = test_file_replace;
	wall = Y2026;
	writes = 0;
	full = false;
}

static void teardown(void)
{
	bed_teardown();
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* What a program would spend that is started now, and killed without a word. */
static uint64_t first_of_a_run(void)
{
	struct counter c;

	counter_load(&c, &hc.ctx);
	return counter_next(&c);
}

static void write_text(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

START_TEST(begins_at_the_clock)
{
	ck_assert_uint_eq(first_of_a_run(), Y2026);
	wall = Y2026 + 5000;
	ck_assert_uint_eq(first_of_a_run(), Y2026 + 5000);
}
END_TEST

START_TEST(one_write_for_a_thousand)
{
	struct counter c;
	uint64_t last = 0, next;
	int i;

	counter_load(&c, &hc.ctx);
	for (i = 0; i < 1001; i++, last = next) {
		next = counter_next(&c);
		ck_assert_uint_gt(next, last);
	}
	ck_assert_int_eq(writes, 1);
	counter_next(&c);
	ck_assert_int_eq(writes, 2);
}
END_TEST

START_TEST(a_restart_skips_what_was_reserved)
{
	struct counter c;
	uint64_t last = 0;
	int i;

	counter_load(&c, &hc.ctx);
	for (i = 0; i < 700; i++)
		last = counter_next(&c);
	ck_assert_uint_gt(first_of_a_run(), last); /* in the same millisecond */
}
END_TEST

/* No clock battery: every boot is in 1970. */
START_TEST(always_1970)
{
	uint64_t last = 0, next;
	int i;

	for (i = 0; i < 5; i++, last = next) {
		wall = 12345;
		next = first_of_a_run();
		ck_assert_uint_gt(next, last);
	}
	wall = -5;
	ck_assert_uint_gt(first_of_a_run(), last);
	wall = INT64_MIN;
	ck_assert_uint_gt(first_of_a_run(), last + 1000);
}
END_TEST

START_TEST(once_in_2040)
{
	uint64_t then;

	wall = Y2040;
	then = first_of_a_run();
	ck_assert_uint_eq(then, Y2040);
	wall = Y2026;
	ck_assert_uint_gt(first_of_a_run(), then);
	wall = 0;
	ck_assert_uint_gt(first_of_a_run(), then + 1000);
}
END_TEST

/* From 1970 to today while it runs: after a restored backup only the clock is ahead of what the hub has seen. */
START_TEST(clock_gets_right_later)
{
	struct counter c;

	wall = 1000;
	counter_load(&c, &hc.ctx);
	ck_assert_uint_eq(counter_next(&c), 1000);
	wall = Y2026;
	ck_assert_uint_eq(counter_next(&c), Y2026);
	ck_assert_int_eq(writes, 2);
	wall = Y2026 + 60000; /* time goes by: no jump, no write */
	ck_assert_uint_eq(counter_next(&c), Y2026 + 1);
	wall = 1000;
	ck_assert_uint_eq(counter_next(&c), Y2026 + 2);
	ck_assert_int_eq(writes, 2);
}
END_TEST

START_TEST(old_backup)
{
	uint64_t last = first_of_a_run();

	write_text("1700000000000\n");
	wall += 1;
	ck_assert_uint_gt(first_of_a_run(), last);
}
END_TEST

START_TEST(reserved_before_spent)
{
	uint64_t next = first_of_a_run(), stored;
	FILE *f = fopen(path, "r");

	ck_assert_int_eq(fscanf(f, "%" SCNu64, &stored), 1);
	fclose(f);
	ck_assert_uint_eq(stored, next + COUNTER_RESERVE);
}
END_TEST

START_TEST(disk_full)
{
	struct counter c;
	uint64_t first;

	full = true;
	counter_load(&c, &hc.ctx);
	first = counter_next(&c);
	ck_assert_uint_eq(first, Y2026);
	ck_assert_uint_eq(counter_next(&c), first + 1);
	full = false;
	ck_assert_uint_eq(counter_next(&c), first + 2);
	ck_assert_uint_gt(first_of_a_run(), first + 2);
}
END_TEST

START_TEST(damaged)
{
	static const char *const texts[] = {"", "\n", "x\n", "12", "-1\n", "12 \n", "18446744073709551615\n", "9999999999999999999\n",
					    "123456789012345678901234567890\n"};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_text(texts[i]);
		bed.log[0] = 0;
		ck_assert_uint_eq(first_of_a_run(), Y2026);
		ck_assert_msg(strstr(bed.log, path) != NULL, "%s", bed.log);
	}
	bed.log[0] = 0;
	ck_assert_uint_gt(first_of_a_run(), Y2026);
	ck_assert_str_eq(bed.log, "");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("counter");
	TCase *c = tcase_create("counter");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, begins_at_the_clock);
	tcase_add_test(c, one_write_for_a_thousand);
	tcase_add_test(c, a_restart_skips_what_was_reserved);
	tcase_add_test(c, always_1970);
	tcase_add_test(c, once_in_2040);
	tcase_add_test(c, clock_gets_right_later);
	tcase_add_test(c, old_backup);
	tcase_add_test(c, reserved_before_spent);
	tcase_add_test(c, disk_full);
	tcase_add_test(c, damaged);
	suite_add_tcase(s, c);
	return bed_run(s);
}
