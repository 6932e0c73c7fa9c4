/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_daemon.c - the program as it runs: in a child process, told what to do by signals and over the control socket,
 * watched like a supervisor does it.
 */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "app_bed.h"
#include "control.h"
#include "control_client.h"
#include "sandbox_parts.h"

#define CONFIG "modules:\n  - {module: tm_consumer, name: c, to: p, trace: @}\n  - {module: tm_provider, name: p, greeting: moin, trace: @}\n"
#define PATIENCE_MS 20000

static pid_t child;
static int supervisor;
static struct command_error err;
static struct control_client *client;

/* The supervisor's socket, as NOTIFY_SOCKET says. */
static void open_supervisor(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/notify", bed.dir);
	supervisor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(supervisor, (struct sockaddr *)&a, sizeof(a)), 0);
	setenv("NOTIFY_SOCKET", a.sun_path, 1);
	ck_assert_int_eq(mkdir(bed.data, 0700), 0);
	strcpy(bed.trace, bed.data); /* elsewhere a daemon may not write */
	strcat(bed.trace, "/trace");
	child = 0;
	client = NULL;
	bed.unconfined = getenv("RESTUNNEL_VALGRIND") != NULL; /* makes code as it goes */
}

static void end(int expected)
{
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	child = 0;
	ck_assert_int_eq(WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status), expected);
}

static void close_supervisor(void)
{
	control_client_close(&client);
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	close(supervisor);
}

/* Something that a user would miss: two connections joined, whose far ends stay open. */
static struct rtun_relay *busy(struct app *app)
{
	struct rtun_stream *s[2];
	struct rtun_relay *relay;
	for (int i = 0; i < 2; i++) {
		int fd[2];
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
		ck_assert_int_eq(rtun_stream_of_fd(&app->core.ctx, fd[0], &s[i]), 0);
	}
	struct rtun_relay_req req = {.size = sizeof(req), .a = &s[0], .b = &s[1]};
	ck_assert_int_eq(rtun_relay_start(&app->core.ctx, &req, &relay), 0);
	return relay;
}

static enum { IDLE, RELAYS, HOLDS } is_busy;

static void run_file(void)
{
	const struct app_options o = {bed.config, bed_modules(), NULL};
	struct conf_report report = CONF_REPORT_INIT;
	struct app *app;
	child = fork();
	if (child) return;
	int rc = app_load(&o, &report, &app);
	struct rtun_relay *relay = !rc && is_busy == RELAYS ? busy(app) : NULL;
	if (!rc && is_busy == HOLDS) rtun_hold(&app->core.ctx, 1);
	if (!rc) rc = app_run(app);
	if (relay) rtun_relay_abort(relay, RTUN_ERESET);
	app_destroy(&app);
	conf_report_clear(&report);
	loop_destroy(&bed.loop);
	exit(rc ? 1 : 0);
}

/* Wait for the message that says `part`. */
static const char *told(const char *part)
{
	static char text[2048];
	struct pollfd p = {supervisor, POLLIN, 0};
	while (poll(&p, 1, PATIENCE_MS) == 1) {
		ssize_t n = recv(supervisor, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = 0;
		if (strstr(text, part)) return text;
	}
	ck_abort_msg("the supervisor was never told '%s'", part);
	return NULL;
}

static void run(const char *text)
{
	bed_write(text);
	run_file();
	told("READY=1");
}

static struct control_client *connected(void)
{
	struct control_client *c;
	int rc = control_client_open(bed.data, &c, &err);
	ck_assert_msg(rc == 0, "%s", err.text);
	return c;
}

/* Some bytes to the socket, and all that comes back until it is closed by the other end (or `lines` lines are there). */
static const char *raw(const char *bytes, size_t len, unsigned lines)
{
	static char text[65536];
	struct control_client *c = connected();
	size_t used = 0;
	if (len && send(control_client_fd(c), bytes, len, MSG_NOSIGNAL) < 0) ck_assert_int_eq(errno, EPIPE);
	struct pollfd p = {control_client_fd(c), POLLIN, 0};
	while (lines && used < sizeof(text) - 1 && poll(&p, 1, PATIENCE_MS) == 1) {
		ssize_t n = recv(p.fd, text + used, sizeof(text) - 1 - used, 0);
		if (n <= 0) break;
		for (ssize_t i = 0; i < n; i++) lines -= text[used + (size_t)i] == '\n' && lines;
		used += (size_t)n;
	}
	text[used] = 0;
	control_client_close(&c);
	return text;
}

START_TEST(from_ready_to_the_end)
{
	run(CONFIG);
	kill(child, SIGTERM);
	told("STOPPING=1");
	end(0);
	ck_assert_str_eq(bed_traced(), "p check moin\np create\nc create moin\np setup\np prepare\np start\nc start p\n"
				       "p drain\nc stop\np stop\nc destroy\np destroy\n");
	char path[128];
	snprintf(path, sizeof(path), "%s/" CONTROL_NAME, bed.data);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(drains_until_told_again)
{
	json_t *answer;
	is_busy = _i ? HOLDS : RELAYS;
	run(CONFIG);
	kill(child, SIGTERM);
	told("STOPPING=1");
	client = connected(); /* it still answers, but takes no new configuration */
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(control_client_call(client, "status", NULL, NULL, PATIENCE_MS, &answer, &err), 0);
		bed_says(json_string_value(json_object_get(answer, "sentence")), "Stopping");
		json_decref(answer);
	}
	ck_assert_int_eq(control_client_call(client, "reload", NULL, NULL, PATIENCE_MS, &answer, &err), -RTUN_ECONFIG);
	ck_assert_str_eq(err.code, "stopping");
	told("STATUS=Stopping"); /* from the tick that looks whether it is over */
	ck_assert_int_eq(waitpid(child, NULL, WNOHANG), 0);
	kill(child, SIGTERM);
	end(0);
	bed_says(bed_traced(), "p drain\nc stop\np stop\n");
}
END_TEST

START_TEST(commands_over_the_socket)
{
	json_t *answer, *args = json_pack("{s:s}", "who", "bob");
	run(CONFIG);
	client = connected();
	ck_assert_int_eq(control_client_call(client, "greet", NULL, args, PATIENCE_MS, &answer, &err), 0);
	ck_assert_str_eq(json_string_value(json_object_get(answer, "text")), "moin, bob x1");
	json_decref(answer);
	ck_assert_int_eq(control_client_call(client, "later", "c", NULL, PATIENCE_MS, &answer, &err), 0);
	ck_assert(json_is_true(json_object_get(answer, "late")));
	json_decref(answer);
	ck_assert_int_eq(control_client_call(client, "refuse", NULL, NULL, PATIENCE_MS, &answer, &err), -RTUN_ECONFIG);
	ck_assert_str_eq(err.code, "no-way");
	ck_assert_str_eq(err.remedy, "ask somebody else");
	ck_assert_int_eq(control_client_call(client, "status", NULL, NULL, PATIENCE_MS, &answer, &err), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "schema")), 1);
	json_decref(answer);
	ck_assert_int_eq(control_client_describe(client, &answer, &err), 0);
	ck_assert_uint_ge(json_array_size(json_object_get(answer, "commands")), 7);
	json_decref(answer);
	json_decref(args);
	control_client_close(&client);
	kill(child, SIGTERM);
	end(0);
}
END_TEST

START_TEST(following)
{
	static const char *const names[] = {"test.*", "config.reloaded"};
	json_t *answer, *event, *args = json_pack("{s:s}", "who", "eve");
	run(CONFIG);
	client = connected();
	ck_assert_int_eq(control_client_follow(client, names, 2, &err), 0);
	ck_assert_int_eq(control_client_next(client, 0, &event, &err), -RTUN_EAGAIN);
	struct control_client *other = connected();
	ck_assert_int_eq(control_client_call(other, "greet", NULL, args, PATIENCE_MS, &answer, &err), 0);
	json_decref(answer);
	json_decref(args);
	ck_assert_int_eq(control_client_next(client, PATIENCE_MS, &event, &err), 0);
	ck_assert_str_eq(json_string_value(json_object_get(event, "event")), "test.greeted");
	ck_assert_str_eq(json_string_value(json_object_get(event, "instance")), "c");
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(event, "fields"), "who")), "eve");
	json_decref(event);
	ck_assert_int_eq(control_client_call(other, "reload", NULL, NULL, PATIENCE_MS, &answer, &err), 0);
	json_decref(answer);
	control_client_close(&other);
	ck_assert_int_eq(control_client_next(client, PATIENCE_MS, &event, &err), 0);
	ck_assert_str_eq(json_string_value(json_object_get(event, "event")), "config.reloaded");
	json_decref(event);
	kill(child, SIGINT);
	end(0);
	ck_assert_int_eq(control_client_next(client, PATIENCE_MS, &event, &err), -RTUN_EPIPE);
}
END_TEST

START_TEST(reload_by_signal)
{
	run(CONFIG);
	bed_write("modules:\n  - {module: tm_consumer, name: c, to: p, trace: @}\n  - {module: tm_provider, name: p, greeting: sad, trace: @}\n");
	kill(child, SIGHUP);
	bed_says(told("RELOADING=1"), "MONOTONIC_USEC=");
	bed_says(told("READY=1"), "it is sad");
	bed_write("modules:\n");
	kill(child, SIGHUP);
	bed_says(told("READY=1"), "the last reload failed");
	kill(child, SIGTERM);
	end(0);
}
END_TEST

START_TEST(reload_by_command_says_what_is_wrong)
{
	json_t *answer;
	run(CONFIG);
	bed_write("modules:\n  - {module: tm_consumer, name: c, to: p, trace: @}\n  - {module: tm_provider, name: p, amount: 8, trace: @}\n");
	client = connected();
	ck_assert_int_eq(control_client_call(client, "reload", NULL, NULL, PATIENCE_MS, &answer, &err), -RTUN_ECONFIG);
	ck_assert_str_eq(err.code, "reload-failed");
	bed_says(err.text, "c.yaml:4:");
	bed_says(err.text, "needs a restart");
	ck_assert_int_eq(control_client_call(client, "status", NULL, NULL, PATIENCE_MS, &answer, &err), 0);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(json_object_get(answer, "alerts"), 0), "code")), "reload-failed");
	json_decref(answer);
}
END_TEST

START_TEST(second_one_is_refused)
{
	pid_t first;
	run(CONFIG);
	first = child;
	run_file();
	end(1);
	child = first;
	ck_assert_int_eq(kill(first, 0), 0);
	client = connected(); /* whose socket is still there */
}
END_TEST

START_TEST(after_kill_9)
{
	run(CONFIG);
	kill(child, SIGKILL);
	end(-SIGKILL);
	ck_assert_int_eq(control_client_open(bed.data, &client, &err), -RTUN_ENOENT);
	ck_assert_str_eq(err.code, "not-running");
	run_file();
	told("READY=1");
	client = connected();
}
END_TEST

START_TEST(long_data_dir)
{
	json_t *answer;
	char parent[400];
	size_t n = (size_t)snprintf(parent, sizeof(parent), "%s/", bed.dir);
	memset(parent + n, 'd', 200); /* far beyond a socket's address */
	parent[n + 200] = 0;
	ck_assert_int_eq(mkdir(parent, 0700), 0);
	FILE *f = fopen(bed.config, "we");
	fprintf(f, "data-dir: %s/data\nmodules:\n  - module: tm_provider\n%s", parent, bed.unconfined ? "sandbox: false\n" : "");
	fclose(f);
	run_file();
	told("READY=1");
	strcat(parent, "/data");
	ck_assert_int_eq(control_client_open(parent, &client, &err), 0);
	ck_assert_int_eq(control_client_call(client, "status", NULL, NULL, PATIENCE_MS, &answer, &err), 0);
	json_decref(answer);
}
END_TEST

static void status_is(const char *state, const char *alert)
{
	json_t *answer;
	const char *code;
	client = connected();
	ck_assert_int_eq(control_client_call(client, "status", NULL, NULL, PATIENCE_MS, &answer, &err), 0);
	const json_t *sandbox = json_object_get(answer, "sandbox");
	code = json_string_value(json_object_get(json_array_get(json_object_get(answer, "alerts"), 0), "code"));
	ck_assert_str_eq(json_string_value(json_object_get(answer, "state")), "ok");
	ck_assert_str_eq(json_string_value(json_object_get(sandbox, "state")), state);
	ck_assert_str_eq(json_string_value(json_object_get(sandbox, "capabilities")), "none");
	ck_assert_str_eq(code ? code : "", alert);
	json_decref(answer);
}

START_TEST(sandbox_is_on)
{
	char why[SANDBOX_WHY];
	bool whole = sandbox_landlock_abi(why) > 0;
#ifndef HAVE_SECCOMP
	whole = false;
#endif
	if (bed.unconfined) return;
	run(CONFIG);
	status_is(whole ? "on" : "partial", whole ? "" : "sandbox-partial");
}
END_TEST

START_TEST(sandbox_is_off)
{
	bed.unconfined = true;
	run(CONFIG);
	status_is("off", "sandbox-off");
}
END_TEST

static const char *const fails[] = {"create", "setup", "prepare", "start"};

START_TEST(start_that_fails)
{
	char text[256];
	snprintf(text, sizeof(text), "modules:\n  - {module: tm_provider, name: q, trace: @}\n  - {module: tm_provider, name: p, fail: %s, trace: @}\n", fails[_i]);
	bed_write(text);
	run_file();
	end(1);
	const char *traced = bed_traced();
	bed_says(traced, "p destroy\nq destroy\n");
	if (_i > 1) bed_says(traced, "p stop\nq stop\n");
}
END_TEST

/* ---- those who don't keep to the rules ---- */

static const struct {
	const char *bytes, *part;
} lines[] = {
	{"\n", "bad-request"},
	{"{\n", "bad-request"},
	{"[]\n", "bad-request"},
	{"{\"verb\":1}\n", "bad-request"},
	{"{\"verb\":\"nothing\"}\n", "unknown-command"},
	{"{\"verb\":\"greet\",\"args\":[]}\n", "bad-argument"},
	{"{\"verb\":\"greet\",\"verb\":\"status\"}\n", "bad-request"},
	{"{\"follow\":[]}\n", "bad-request"},
	{"{\"follow\":[1]}\n", "bad-request"},
	{"{\"follow\":[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\"]}\n", "bad-request"},
	{"{\"describe\":false}\n", "bad-request"},
	{"{\"verb\":\"status\",\"on\":\"c\"}\n", "unknown-command"},
	{"\xff\xfe\n", "bad-request"},
};

START_TEST(bad_lines)
{
	run(CONFIG);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *answer = raw(lines[i].bytes, strlen(lines[i].bytes), 1);
		bed_says(answer, "{\"error\":{\"code\":\"");
		bed_says(answer, lines[i].part);
	}
	bed_says(raw("{\"verb\":\"status\"}\0\n", 19, 1), "bad-request");
}
END_TEST

START_TEST(several_requests_at_once)
{
	static const char three[] = "{\"verb\":\"later\"}\n{\"verb\":\"refuse\"}\n{\"verb\":\"greet\",\"args\":{\"who\":\"x\"}}\n";
	run(CONFIG);
	const char *text = raw(three, strlen(three), 3); /* answered in order, though the first takes longest */
	const char *a = strstr(text, "\"late\":true"), *b = strstr(text, "no-way"), *c = strstr(text, "moin, x");
	ck_assert(a && b && c && a < b && b < c);
}
END_TEST

START_TEST(request_without_bound)
{
	char *much = malloc(CONTROL_REQUEST_MAX + 100);
	memset(much, ' ', CONTROL_REQUEST_MAX + 100);
	run(CONFIG);
	ck_assert_str_eq(raw(much, CONTROL_REQUEST_MAX + 100, 1), ""); /* closed */
	free(much);
	client = connected();
}
END_TEST

START_TEST(answer_without_bound)
{
	json_t *answer;
	run(CONFIG);
	client = connected();
	ck_assert_int_eq(control_client_call(client, "flood", NULL, NULL, PATIENCE_MS, &answer, &err), -RTUN_ECONFIG);
	ck_assert_str_eq(err.code, "answer-too-large");
	ck_assert_int_eq(control_client_call(client, "status", NULL, NULL, PATIENCE_MS, &answer, &err), 0);
	json_decref(answer);
}
END_TEST

START_TEST(gone_before_the_answer)
{
	static const char request[] = "{\"verb\":\"later\"}\n";
	json_t *answer;
	run(CONFIG);
	raw(request, strlen(request), 0);
	client = connected();
	ck_assert_int_eq(control_client_call(client, "status", NULL, NULL, PATIENCE_MS, &answer, &err), 0);
	json_decref(answer);
	kill(child, SIGTERM); /* perhaps before it has been answered, perhaps after */
	end(0);
}
END_TEST

START_TEST(too_many_clients)
{
	struct control_client *c[CONTROL_CLIENTS_MAX];
	json_t *answer;
	run(CONFIG);
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) c[i] = connected();
	ck_assert_int_eq(control_client_call(c[CONTROL_CLIENTS_MAX - 1], "status", NULL, NULL, PATIENCE_MS, &answer, &err), 0);
	json_decref(answer);
	client = connected();
	ck_assert_int_eq(control_client_call(client, "status", NULL, NULL, PATIENCE_MS, &answer, &err), -RTUN_EIO);
	control_client_close(&client);
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) control_client_close(&c[i]);
	do { /* until the daemon has noticed */
		control_client_close(&client);
		client = connected();
	} while (control_client_call(client, "status", NULL, NULL, PATIENCE_MS, &answer, &err));
	json_decref(answer);
}
END_TEST

START_TEST(another_user)
{
	run(CONFIG);
	if (geteuid()) return; /* only root can be somebody else */
	ck_assert_int_eq(chmod(bed.dir, 0711) || chmod(bed.data, 0711), 0);
	char path[128];
	snprintf(path, sizeof(path), "%s/" CONTROL_NAME, bed.data);
	ck_assert_int_eq(chmod(path, 0666), 0); /* as if everything else had failed */
	ck_assert_int_eq(seteuid(65534), 0);
	client = connected();
	json_t *answer;
	ck_assert_int_eq(control_client_call(client, "status", NULL, NULL, PATIENCE_MS, &answer, &err), -RTUN_EIO);
	ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

START_TEST(modes)
{
	static const char *const names[] = {"lock", CONTROL_NAME};
	char path[128];
	struct stat st;
	run(CONFIG);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", bed.data, names[i]);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_uint_eq(st.st_mode & 0777, 0600);
	}
}
END_TEST

START_TEST(watchdog)
{
	setenv("WATCHDOG_USEC", "100000", 1);
	run(CONFIG);
	told("WATCHDOG=1");
	told("WATCHDOG=1");
}
END_TEST

START_TEST(privileges_are_gone)
{
	char path[64], line[256];
	unsigned long long caps = 1;
	run(CONFIG);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
	FILE *f = fopen(path, "re");
	if (!f) return; /* its /proc is not ours any more: not dumpable */
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "CapPrm: %llx", &caps) == 1) ck_assert_uint_eq(caps, 0);
	fclose(f);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("daemon");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, from_ready_to_the_end);
	tcase_add_loop_test(tc, drains_until_told_again, 0, 2);
	tcase_add_test(tc, commands_over_the_socket);
	tcase_add_test(tc, following);
	tcase_add_test(tc, reload_by_signal);
	tcase_add_test(tc, reload_by_command_says_what_is_wrong);
	tcase_add_test(tc, second_one_is_refused);
	tcase_add_test(tc, after_kill_9);
	tcase_add_test(tc, long_data_dir);
	tcase_add_loop_test(tc, start_that_fails, 0, sizeof(fails) / sizeof(fails[0]));
	tcase_add_test(tc, bad_lines);
	tcase_add_test(tc, several_requests_at_once);
	tcase_add_test(tc, request_without_bound);
	tcase_add_test(tc, answer_without_bound);
	tcase_add_test(tc, gone_before_the_answer);
	tcase_add_test(tc, too_many_clients);
	tcase_add_test(tc, another_user);
	tcase_add_test(tc, modes);
	tcase_add_test(tc, watchdog);
	tcase_add_test(tc, privileges_are_gone);
	tcase_add_test(tc, sandbox_is_on);
	tcase_add_test(tc, sandbox_is_off);
	return bed_run_with(tc, "daemon", open_supervisor, close_supervisor);
}
