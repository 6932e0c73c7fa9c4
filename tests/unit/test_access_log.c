/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The access log: what a line says, that nobody can forge one, and what becomes of lines when the file is renamed, replaced or can't
 * be written.
 */
#include <jansson.h>
#include <stdatomic.h>

#include "../../modules/access_log/access_log.c"
#include "../../modules/access_log/line.c"
#include "../../modules/access_log/writer.c"
#include "../../modules/frontend/frontend.h"

#include "bed.h"
#include "event.h"

#define NOW INT64_C(1795667696123) /* 2026-11-26 04:34:56.123 */
#define HEAD "2026-11-26T04:34:56.123Z frontend="

static struct host_ctx hc;
static struct options options;
static struct access_log *log_;
static char dir[32], path[64], other[64], content[2U << 20];

/* ---- a disk that is full after so many bytes, and a thread that can be held there ---- */

static atomic_int space, held, entered;

ssize_t __real_write(int fd, const void *p, size_t len);
ssize_t __wrap_write(int fd, const void *p, size_t len);
ssize_t __wrap_write(int fd, const void *p, size_t len)
{
	entered++;
	while (held)
		usleep(1000);
	if (space < 0)
		return __real_write(fd, p, len);
	if (space == 0) {
		errno = ENOSPC;
		return -1;
	}
	if (len > (size_t)space)
		len = (size_t)space;
	space -= (int)len;
	return __real_write(fd, p, len);
}

/* ---- the bed ---- */

static int64_t fixed_wall(const struct rtun_ctx *ctx)
{
	(void)ctx;
	return NOW;
}

static void begin_log(void)
{
	ck_assert_int_eq(rtun_module.check(&hc.ctx, &options), 0);
	ck_assert_int_eq(rtun_module.create(&hc.ctx, &options), 0);
	log_ = hc.ctx.self;
	ck_assert_int_eq(rtun_module.prepare(&hc.ctx), 0);
}

static void end_log(void)
{
	rtun_module.stop(&hc.ctx);
	rtun_module.destroy(&hc.ctx);
	log_ = NULL;
}

static void setup(void)
{
	bed_setup(true, &hc);
	bed.host.wall = fixed_wall;
	ck_assert_int_eq(event_bus_create(bed.loop, &hc.events), 0);
	strcpy(dir, "/tmp/restunnel-log.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/access.log", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	options = (struct options){.file = path, .targets = ACCESS_LOG_PLAIN, .format = ACCESS_LOG_TEXT};
	space = -1;
	held = entered = 0;
}

static void teardown(void)
{
	char command[64];
	if (log_)
		end_log();
	event_bus_destroy(&hc.events);
	bed_teardown();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

/* Threads take real time. */
static void await_written(void)
{
	for (int i = 0; i < 10000 && log_->writer->work; i++) {
		usleep(1000);
		loop_turn(bed.loop);
	}
	ck_assert_ptr_null(log_->writer->work);
}

static void await_thread(void)
{
	for (int i = 0; i < 10000 && !entered; i++)
		usleep(1000);
	ck_assert_int_ne(entered, 0);
}

static void second(void)
{
	loop_advance(bed.loop, RTUN_S);
	await_written();
}

static const char *content_of(const char *name)
{
	FILE *f = fopen(name, "r");
	size_t n = f ? fread(content, 1, sizeof(content) - 1, f) : 0;
	if (f)
		fclose(f);
	content[n] = '\0';
	return f ? content : NULL;
}

static void file_has(const char *name, const char *want)
{
	const char *got = content_of(name);
	ck_assert_ptr_nonnull(got);
	ck_assert_str_eq(got, want);
}

static size_t lines_in(const char *name)
{
	size_t n = 0;
	for (const char *p = content_of(name); p && *p; p++)
		n += *p == '\n';
	return n;
}

static void closed(const char *target)
{
	struct frontend_stream_event e = {.exit = "home", .frontend = "socks", .bytes_in = 5000000000, .bytes_out = 7, .target = target,
					  .protocol = "tcp", .user = "alice", .duration_ms = 1234, .result = RTUN_ERESET};
	event_publish(hc.events, "socks", &frontend_stream_close, &e);
	loop_turn(bed.loop);
}

static void refused(const char *target)
{
	struct frontend_stream_event e = {.frontend = "socks", .target = target, .protocol = "udp", .duration_ms = 3,
					  .refusal = "no_exit", .why = "secret"};
	event_publish(hc.events, "socks", &frontend_stream_refused, &e);
	loop_turn(bed.loop);
}

static struct rtun_status status_now(void)
{
	struct rtun_status st = {.size = sizeof(st), .state = RTUN_STATE_OK};
	rtun_module.status(&hc.ctx, &st);
	return st;
}

/* ---- lines ---- */

#define LINE(target) HEAD "socks exit=home protocol=tcp " target " bytes_in=5000000000 bytes_out=7 duration_ms=1234 result=reset\n"

START_TEST(a_line_for_each)
{
	struct frontend_stream_event open = {.frontend = "socks", .target = "a.bc:80", .protocol = "tcp"};
	begin_log();
	event_publish(hc.events, "socks", &frontend_stream_open, &open);
	closed("[2001:db8::1]:443");
	refused(NULL);
	file_has(path, "");
	second();
	file_has(path, LINE("target=[2001:db8::1]:443")
		 HEAD "socks exit=- protocol=udp target=- bytes_in=0 bytes_out=0 duration_ms=3 result=no_exit\n");
	ck_assert_uint_eq(status_now().state, RTUN_STATE_OK);
	ck_assert_str_eq(status_now().text, "lines written: 2");
}
END_TEST

START_TEST(a_line_as_json)
{
	options.format = ACCESS_LOG_JSON;
	begin_log();
	closed("a.bc:80");
	refused(NULL);
	second();
	file_has(path, "{\"time\":\"2026-11-26T04:34:56.123Z\",\"frontend\":\"socks\",\"exit\":\"home\",\"protocol\":\"tcp\",\"target\":\"a.bc:80\","
		 "\"bytes_in\":5000000000,\"bytes_out\":7,\"duration_ms\":1234,\"result\":\"reset\"}\n"
		 "{\"time\":\"2026-11-26T04:34:56.123Z\",\"frontend\":\"socks\",\"exit\":null,\"protocol\":\"udp\",\"target\":null,"
		 "\"bytes_in\":0,\"bytes_out\":0,\"duration_ms\":3,\"result\":\"no_exit\"}\n");
}
END_TEST

START_TEST(targets_are_hashed)
{
	char first[17], second_[17], third[17], again[17];
	int n = 0;
	options.targets = ACCESS_LOG_HASH;
	begin_log();
	closed("a.bc:80");
	closed("a.bc:81");
	closed("a.bc:80");
	second();
	ck_assert_ptr_null(strstr(content_of(path), "a.bc"));
	ck_assert_int_eq(sscanf(content, "%*s %*s %*s %*s target_hash=%16[0-9a-f] %*[^\n] %*s %*s %*s %*s target_hash=%16[0-9a-f] %*[^\n]%n", first, second_, &n), 2);
	ck_assert_int_eq(sscanf(content + n, "%*s %*s %*s %*s target_hash=%16[0-9a-f]", third), 1);
	ck_assert_str_ne(first, second_);
	ck_assert_str_eq(first, third);
	end_log();
	ck_assert_int_eq(unlink(path), 0);
	begin_log(); /* another key */
	closed("a.bc:80");
	second();
	ck_assert_int_eq(sscanf(content_of(path), "%*s %*s %*s %*s target_hash=%16[0-9a-f]", again), 1);
	ck_assert_str_ne(first, again);
}
END_TEST

START_TEST(targets_are_left_out)
{
	options.targets = ACCESS_LOG_NONE;
	begin_log();
	closed("a.bc:80");
	second();
	file_has(path, LINE("target=-"));
	options.targets = ACCESS_LOG_PLAIN;
	ck_assert_int_eq(rtun_module.reload(&hc.ctx, &options), 0);
	closed("a.bc:80");
	second();
	ck_assert_ptr_nonnull(strstr(content_of(path), "target=a.bc:80 "));
}
END_TEST

/* Every byte that a client can send. */
START_TEST(nothing_is_forged)
{
	char target[300], want[2000] = "", quoted[3000];
	const char *p;
	size_t n = 0;
	for (int c = 1; c < 256; c++)
		target[n++] = (char)c;
	target[n] = '\0';
	options.format = _i ? ACCESS_LOG_JSON : ACCESS_LOG_TEXT;
	begin_log();
	closed(target);
	second();
	ck_assert_uint_eq(lines_in(path), 1);
	for (p = content; *p != '\n'; p++)
		ck_assert(*p >= ' ' && *p < 0x7f);
	if (_i) {
		json_t *j = json_loads(content, 0, NULL);
		ck_assert_ptr_nonnull(j);
		p = json_string_value(json_object_get(j, "target"));
		for (int c = 1; c < 256; c++) { /* each byte is a character of its own */
			ck_assert_int_eq((uint8_t)*p, c < 0x80 ? c : 0xc0 | c >> 6);
			p += c < 0x80 ? 1 : 2;
		}
		json_decref(j);
		return;
	}
	for (int c = 1; c < 256; c++) {
		bool plain = c > ' ' && c < 0x7f && c != '"' && c != '\\';
		sprintf(want + strlen(want), plain ? "%c" : "\\x%02x", c);
	}
	snprintf(quoted, sizeof(quoted), " target=%s bytes_in=", want);
	ck_assert_ptr_nonnull(strstr(content, quoted));
}
END_TEST

/* An event of the same name from somebody else: other fields, other types, outside of the payload; and long texts. */
START_TEST(foreign_events)
{
	struct {
		uint64_t number;
		const char *text;
	} payload;
	static const struct rtun_field fields[] = {
		{"result", "", RTUN_F_TEXT, 8}, {"target", "", RTUN_F_U64, 0},  {"exit", "", RTUN_F_TEXT, 12},  {"frontend", "", RTUN_F_TEXT, 400},
		{"unheard", "", RTUN_F_U64, 0}, {"bytes_in", "", RTUN_F_U64, 0}, {"bytes_out", "", RTUN_F_TEXT, 8}, {"duration_ms", "", 99, 0},
	};
	static const struct rtun_event_type type = {sizeof(type), sizeof(payload), "stream.close", "", RTUN_LIST(fields)};
	static char text[2000], line[ACCESS_LOG_LINE], want[800];
	struct access_log_style style = {.targets = ACCESS_LOG_PLAIN};
	uint32_t n;
	memset(text, 'a', sizeof(text) - 1);
	payload.number = 17;
	payload.text = text;
	n = access_log_line(&style, NOW, &type, &payload, line);
	line[n] = '\0';
	snprintf(want, sizeof(want), HEAD "- exit=- protocol=- target=- bytes_in=17 bytes_out=0 duration_ms=0 result=%.512s\n", text);
	ck_assert_str_eq(line, want);
}
END_TEST

START_TEST(a_line_fits)
{
	static char text[2000], line[ACCESS_LOG_LINE + 1];
	struct access_log_style style = {.targets = ACCESS_LOG_PLAIN, .format = ACCESS_LOG_JSON};
	struct frontend_stream_event e = {.exit = text, .frontend = text, .target = text, .protocol = text, .refusal = text,
					  .bytes_in = UINT64_MAX, .bytes_out = UINT64_MAX, .duration_ms = UINT64_MAX};
	memset(text, '\n', sizeof(text) - 1);
	line[ACCESS_LOG_LINE] = 'x';
	ck_assert_uint_lt(access_log_line(&style, NOW, &frontend_stream_refused, &e, line), ACCESS_LOG_LINE);
	ck_assert_int_eq(line[ACCESS_LOG_LINE], 'x');
}
END_TEST

/* ---- the file ---- */

START_TEST(many_lines_do_not_wait)
{
	struct stat st;
	begin_log();
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	for (int i = 0; i < 1000; i++)
		closed("a.bc:80");
	await_written();
	ck_assert_uint_ge(log_->writer->told.written, ENOUGH / sizeof(LINE("target=a.bc:80")));
	second();
	ck_assert_uint_eq(lines_in(path), 1000);
	ck_assert_uint_eq(log_->writer->told.written, 1000);
}
END_TEST

START_TEST(renamed_and_removed)
{
	begin_log();
	closed("first:1");
	second();
	ck_assert_int_eq(rename(path, other), 0);
	closed("second:2");
	second();
	file_has(other, LINE("target=first:1"));
	file_has(path, LINE("target=second:2"));
	ck_assert_int_eq(unlink(path), 0);
	closed("third:3");
	second();
	file_has(path, LINE("target=third:3"));
}
END_TEST

/* systemctl reload: the new file is there at once, though there is nothing to write. */
START_TEST(reload_lets_go_of_the_old_file)
{
	static const struct rtun_event_type reloaded = {sizeof(reloaded), 0, "config.reloaded", "", RTUN_LIST_NONE};
	begin_log();
	ck_assert_int_eq(rename(path, other), 0);
	event_publish(hc.events, NULL, &reloaded, "");
	loop_turn(bed.loop);
	await_written();
	file_has(path, "");
	held = 1; /* and while something is written */
	entered = 0;
	closed("first:1");
	loop_advance(bed.loop, RTUN_S);
	await_thread();
	ck_assert_int_eq(rename(path, other), 0);
	event_publish(hc.events, NULL, &reloaded, "");
	loop_turn(bed.loop);
	held = 0;
	await_written();
	second();
	file_has(path, "");
}
END_TEST

static void make_bad(int kind, const char *where)
{
	if (kind == 0)
		ck_assert_int_eq(symlink(other, where), 0);
	else if (kind == 1)
		ck_assert_int_eq(mkdir(where, 0700), 0);
	else
		ck_assert_int_eq(mkfifo(where, 0600), 0);
}

START_TEST(bad_files_are_refused)
{
	static const char *const why[] = {"it is a symbolic link", "it is not a regular file", "it is not a regular file"};
	make_bad(_i, path);
	ck_assert_int_eq(rtun_module.check(&hc.ctx, &options), -RTUN_ECONFIG);
	ck_assert_ptr_nonnull(strstr(bed.conf_error, why[_i]));
	ck_assert_int_eq(rtun_module.create(&hc.ctx, &options), 0);
	ck_assert_int_eq(rtun_module.prepare(&hc.ctx), -RTUN_ECONFIG);
	ck_assert_ptr_nonnull(strstr(bed.conf_error, "can't be opened: it is "));
	rtun_module.stop(&hc.ctx);
	rtun_module.destroy(&hc.ctx);
	ck_assert_int_eq(access(other, F_OK), -1);
}
END_TEST

/* It could be read by whom it belongs to. Needs root, and all users (not a namespace that has only one). */
START_TEST(foreign_file)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fchown(fd, 65534, 65534) < 0) {
		close(fd);
		return;
	}
	ck_assert_int_eq(rtun_module.create(&hc.ctx, &options), 0);
	ck_assert_int_eq(rtun_module.prepare(&hc.ctx), -RTUN_ECONFIG);
	ck_assert_ptr_nonnull(strstr(bed.conf_error, "can't be opened: it belongs to another user"));
	rtun_module.destroy(&hc.ctx);
	close(fd);
}
END_TEST

START_TEST(no_directory)
{
	options.file = "/nowhere-at-all/access.log";
	ck_assert_int_eq(rtun_module.check(&hc.ctx, &options), 0);
	ck_assert_int_eq(rtun_module.create(&hc.ctx, &options), 0);
	ck_assert_int_eq(rtun_module.prepare(&hc.ctx), -RTUN_ECONFIG);
	ck_assert_str_eq(bed.conf_error, "/nowhere-at-all/access.log can't be opened: its directory does not exist");
	rtun_module.destroy(&hc.ctx);
}
END_TEST

/* Somebody puts something else there while it runs. */
START_TEST(replaced_by_something_bad)
{
	struct rtun_status st;
	begin_log();
	ck_assert_int_eq(unlink(path), 0);
	make_bad(_i, path);
	closed("a.bc:80");
	second();
	st = status_now();
	ck_assert_uint_eq(st.state, RTUN_STATE_DEGRADED);
	ck_assert_str_eq(st.code, "access-log");
	ck_assert_ptr_nonnull(strstr(st.text, "can't be written: it is"));
	ck_assert_int_ne(st.remedy[0], '\0');
	ck_assert_int_eq(access(other, F_OK), -1);
	ck_assert_int_eq(remove(path), 0);
	second();
	file_has(path, LINE("target=a.bc:80"));
	ck_assert_uint_eq(status_now().state, RTUN_STATE_OK);
}
END_TEST

/* ---- a full disk ---- */

START_TEST(full_disk)
{
	const size_t len = strlen(LINE("target=0:000000"));
	const uint32_t fit = ROOM / (uint32_t)len; /* and more, but a longest line must fit behind */
	char target[16], want[256];
	uint64_t dropped;
	begin_log();
	closed("0:000000");
	second();
	space = (int)len + 10; /* tears the second line */
	for (uint32_t i = 1; i <= 3 * fit; i++) {
		snprintf(target, sizeof(target), "0:%06u", i);
		closed(target);
		if (i == 3)
			second();
	}
	ck_assert_uint_eq(bed.log_level, RTUN_WARN);
	ck_assert_ptr_nonnull(strstr(bed.log, "can't be written: no space is left; free some space"));
	bed.log[0] = '\0';
	for (int i = 0; i < 10; i++)
		second();
	ck_assert_str_eq(bed.log, ""); /* said once */
	dropped = log_->writer->told.dropped;
	ck_assert_uint_gt(dropped, fit);
	ck_assert_ptr_nonnull(strstr(status_now().text, "no space is left; lines dropped: "));
	ck_assert_uint_eq(strlen(content_of(path)), 2 * len + 10);
	if (_i)
		ck_assert_int_eq(rename(path, other), 0);
	space = -1;
	second();
	second();
	ck_assert_uint_eq(bed.log_level, RTUN_NOTICE);
	ck_assert_ptr_nonnull(strstr(bed.log, "is written again; lines dropped since the start: "));
	ck_assert_uint_eq(status_now().state, RTUN_STATE_OK);
	ck_assert_uint_eq(log_->writer->told.written + dropped, 3 * fit + 1);
	/* every line in it is whole, in order, and none is missing in front of those that were dropped */
	ck_assert_uint_eq(lines_in(path), log_->writer->told.written - (_i ? 2 : 0));
	for (size_t i = 0, n = lines_in(path); i < n; i++) {
		snprintf(want, sizeof(want), LINE("target=0:%06zu"), i + (_i ? 2U : 0U));
		ck_assert_mem_eq(content + i * len, want, len);
	}
}
END_TEST

/* A disk that hangs holds up nobody. */
START_TEST(disk_hangs)
{
	begin_log();
	closed("a.bc:80");
	held = 1;
	loop_advance(bed.loop, RTUN_S);
	await_thread();
	for (uint32_t i = 0; i < 2 * ROOM / strlen(LINE("target=a.bc:80")); i++)
		closed("a.bc:80");
	ck_assert_uint_gt(log_->writer->told.dropped, 0);
	ck_assert_uint_eq(status_now().state, RTUN_STATE_DEGRADED);
	ck_assert_ptr_nonnull(strstr(status_now().text, "the disk does not take lines as fast as they come; lines dropped: "));
	ck_assert_ptr_nonnull(strstr(bed.log, "does not take lines"));
	held = 0;
	await_written();
	second();
	ck_assert_uint_eq(status_now().state, RTUN_STATE_OK);
	ck_assert_uint_eq(lines_in(path), log_->writer->told.written);
}
END_TEST

START_TEST(full_at_the_end)
{
	begin_log();
	space = 0;
	closed("a.bc:80");
	closed("a.bc:80");
	end_log();
	ck_assert_ptr_nonnull(strstr(bed.log, "lines that could not be written before the end: 2"));
}
END_TEST

/* ---- the end ---- */

/* Connections that are cut off at the stop are in it, however many; what a thread is still writing, too. */
START_TEST(stop_writes_everything)
{
	begin_log();
	closed("before:1");
	if (_i) {
		held = 1;
		loop_advance(bed.loop, RTUN_S);
		await_thread();
		ck_assert_uint_eq(*loop_held(bed.loop), 1); /* it is waited for, until the stop */
	}
	rtun_module.stop(&hc.ctx);
	ck_assert_uint_eq(*loop_held(bed.loop), 0);
	held = 0;
	for (int i = 0; i < 5000; i++)
		closed("after:1");
	rtun_module.destroy(&hc.ctx);
	log_ = NULL;
	for (int i = 0; i < 5000 && lines_in(path) < 5001; i++)
		usleep(1000);
	ck_assert_uint_eq(lines_in(path), 5001);
}
END_TEST

/* `restunnel check`: nothing is made. */
START_TEST(check_has_no_effect)
{
	ck_assert_int_eq(rtun_module.check(&hc.ctx, &options), 0);
	ck_assert_int_eq(rtun_module.create(&hc.ctx, &options), 0);
	rtun_module.destroy(&hc.ctx);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("access_log");
	TCase *t = tcase_create("access_log");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_line_for_each);
	tcase_add_test(t, a_line_as_json);
	tcase_add_test(t, targets_are_hashed);
	tcase_add_test(t, targets_are_left_out);
	tcase_add_loop_test(t, nothing_is_forged, 0, 2);
	tcase_add_test(t, foreign_events);
	tcase_add_test(t, a_line_fits);
	tcase_add_test(t, many_lines_do_not_wait);
	tcase_add_test(t, renamed_and_removed);
	tcase_add_test(t, reload_lets_go_of_the_old_file);
	tcase_add_loop_test(t, bad_files_are_refused, 0, 3);
	tcase_add_test(t, foreign_file);
	tcase_add_test(t, no_directory);
	tcase_add_loop_test(t, replaced_by_something_bad, 0, 3);
	tcase_add_loop_test(t, full_disk, 0, 2);
	tcase_add_test(t, disk_hangs);
	tcase_add_test(t, full_at_the_end);
	tcase_add_loop_test(t, stop_writes_everything, 0, 2);
	tcase_add_test(t, check_has_no_effect);
	suite_add_tcase(s, t);
	return bed_run(s);
}
