/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_log.c - what reaches the log's descriptor: one line for each message, whatever is in it, and not too many.
 */
#include <jansson.h>
#include <stdarg.h>

#include "app_bed.h"
#include "log.h"

static struct log *lg;
static int ends[2];
static uint64_t now;

static void open_log(void)
{
	ck_assert_int_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	ck_assert_int_eq(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) > 0, 1);
	ck_assert_int_eq(log_create(ends[1], &lg), 0);
	now = 5 * RTUN_S;
}

static void close_log(void)
{
	log_destroy(&lg);
	close(ends[0]);
	close(ends[1]);
}

static const char *written(void)
{
	static char text[1 << 17];
	ssize_t n = read(ends[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	return text;
}

static uint32_t lines(const char *text)
{
	uint32_t n = 0;
	for (; *text; text++) n += *text == '\n';
	return n;
}

RTUN_PRINTF(4, 5) static void say(const char *instance, uint32_t limit, uint32_t level, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	log_write(lg, now, instance, limit, level, fmt, ap);
	va_end(ap);
}

START_TEST(a_line)
{
	say("tunnel", 0, RTUN_WARN, "%d of %d", 2, 3);
	const char *text = written();
	bed_says(text, "Z warning tunnel: 2 of 3\n");
	ck_assert_uint_eq(lines(text), 1);
	ck_assert_int_eq(text[4], '-'); /* 2026-... */
	say(NULL, 0, RTUN_ERROR, "core");
	bed_says(written(), " error restunnel: core\n");
}
END_TEST

START_TEST(levels)
{
	log_set(lg, RTUN_INFO, false);
	say("a", 0, RTUN_DEBUG, "no");
	ck_assert_str_eq(written(), "");
	say("a", RTUN_DEBUG, RTUN_DEBUG, "an instance with a level of its own");
	bed_says(written(), "debug a: an instance");
	say("a", RTUN_ERROR, RTUN_WARN, "no");
	ck_assert_str_eq(written(), "");
	say("a", 0, 25, "between");
	bed_says(written(), "notice a: between");
}
END_TEST

START_TEST(nothing_forges_a_line)
{
	say("a", 0, RTUN_ERROR, "%s", "x\n2026-01-01 error restunnel: all is lost\x1b[2J\r\xff");
	const char *text = written();
	ck_assert_uint_eq(lines(text), 1);
	bed_says(text, "x\\x0a2026-01-01 error restunnel: all is lost\\x1b[2J\\x0d\\xff\n");
}
END_TEST

START_TEST(long_text_is_cut)
{
	char *longer = malloc(100001);
	memset(longer, 'x', 100000);
	longer[100000] = 0;
	say("a", 0, RTUN_ERROR, "%s", longer);
	const char *text = written();
	ck_assert_uint_eq(lines(text), 1);
	bed_says(text, "xxx...\n");
	ck_assert_uint_lt(strlen(text), 4096);
	memset(longer, '\n', 100000); /* each of which becomes four */
	say("a", 0, RTUN_ERROR, "%s!", longer);
	ck_assert_uint_eq(lines(written()), 1);
	log_set(lg, RTUN_INFO, true);
	memset(longer, 0xff, 100000);
	say("a", 0, RTUN_ERROR, "%s?", longer);
	ck_assert_uint_eq(lines(written()), 1);
	free(longer);
}
END_TEST

START_TEST(json)
{
	log_set(lg, RTUN_INFO, true);
	say("a", 0, RTUN_WARN, "%s", "quote \" line\nbad \xff");
	const char *text = written();
	ck_assert_uint_eq(lines(text), 1);
	json_t *o = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(o);
	ck_assert_str_eq(json_string_value(json_object_get(o, "level")), "warning");
	ck_assert_str_eq(json_string_value(json_object_get(o, "instance")), "a");
	ck_assert_str_eq(json_string_value(json_object_get(o, "text")), "quote \" line\nbad \xef\xbf\xbd");
	ck_assert_ptr_nonnull(json_object_get(o, "time"));
	json_decref(o);
	say(NULL, 0, RTUN_WARN, "core");
	o = json_loads(written(), 0, NULL);
	ck_assert_ptr_nonnull(o);
	ck_assert_ptr_null(json_object_get(o, "instance"));
	json_decref(o);
}
END_TEST

START_TEST(journal)
{
	char stream[64];
	struct stat st;
	ck_assert_int_eq(fstat(ends[1], &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_destroy(&lg);
	ck_assert_int_eq(log_create(ends[1], &lg), 0);
	say("a", 0, RTUN_WARN, "w");
	ck_assert_str_eq(written(), "<4>warning a: w\n");
	setenv("JOURNAL_STREAM", "1:1", 1); /* stderr was redirected */
	log_destroy(&lg);
	ck_assert_int_eq(log_create(ends[1], &lg), 0);
	say("a", 0, RTUN_WARN, "w");
	ck_assert_int_ne(written()[0], '<');
}
END_TEST

static void storm(const char *instance, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) say(instance, 0, RTUN_WARN, "storm %u", i);
}

START_TEST(repetitions)
{
	storm("a", 47);
	ck_assert_uint_eq(lines(written()), 10);
	storm("b", 3); /* another instance is another place */
	ck_assert_uint_eq(lines(written()), 3);
	say("a", 0, RTUN_WARN, "something else");
	ck_assert_uint_eq(lines(written()), 1);
	now += 9 * RTUN_S;
	storm("a", 1);
	ck_assert_str_eq(written(), "");
	now += 2 * RTUN_S;
	storm("a", 1);
	const char *text = written();
	ck_assert_uint_eq(lines(text), 2);
	bed_says(text, "warning a: 38 more like this");
	bed_says(text, "warning a: storm 0\n");
}
END_TEST

START_TEST(repetitions_are_told_by_flush)
{
	storm("a", 15);
	written();
	log_flush(lg, now + 5 * RTUN_S);
	ck_assert_str_eq(written(), "");
	log_flush(lg, now + 10 * RTUN_S);
	bed_says(written(), "5 more like this");
	log_flush(lg, now + 30 * RTUN_S);
	ck_assert_str_eq(written(), "");
	storm("a", 12);
	written();
	log_destroy(&lg);
	bed_says(written(), "2 more like this");
}
END_TEST

/* More places than the table has: the oldest tell their counts and make room. */
START_TEST(many_places)
{
	char name[16];
	storm("first", 13);
	written();
	for (int i = 0; i < 500; i++) {
		now += RTUN_MS;
		snprintf(name, sizeof(name), "i%d", i);
		storm(name, 1);
	}
	const char *text = written();
	ck_assert_uint_eq(lines(text), 501);
	bed_says(text, "warning first: 3 more like this");
}
END_TEST

START_TEST(lines_without_limit)
{
	for (int i = 0; i < 40; i++) log_text(lg, NULL, RTUN_ERROR, "%d", i);
	ck_assert_uint_eq(lines(written()), 40);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("log");
	tcase_add_test(tc, a_line);
	tcase_add_test(tc, levels);
	tcase_add_test(tc, nothing_forges_a_line);
	tcase_add_test(tc, long_text_is_cut);
	tcase_add_test(tc, json);
	tcase_add_test(tc, journal);
	tcase_add_test(tc, repetitions);
	tcase_add_test(tc, repetitions_are_told_by_flush);
	tcase_add_test(tc, many_places);
	tcase_add_test(tc, lines_without_limit);
	return bed_run_with(tc, "log", open_log, close_log);
}
