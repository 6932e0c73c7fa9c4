/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_keepfd.c - sockets that survive the program: it is killed and started again under a supervisor that keeps them,
 * while somebody knocks at the port all the time. In a network namespace of its own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "app_bed.h"
#include "control_client.h"
#include "keepfd.h"
#include "notify.h"

#define PATIENCE_MS 20000
#define KEEP "modules:\n  - {module: tm_keeper, name: k}\n"
#define SILENT "modules:\n  - {module: tm_keeper, name: k, silent: true}\n"
#define NAME "k.127.0.0.1%3A9000"

/* ---- the supervisor ---- */

#define STORE_MAX 8
static struct {
	int fd;
	char name[KEEPFD_NAME];
} store[STORE_MAX];
static unsigned stored;
static int supervisor;
static pid_t child, prober;

static void store_remove(const char *name)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < stored; i++)
		if (strcmp(store[i].name, name)) store[kept++] = store[i];
		else close(store[i].fd);
	stored = kept;
}

static void store_add(const char *name, int fd)
{
	ck_assert_uint_lt(stored, STORE_MAX);
	ck_assert_int_ge(fd, 0);
	snprintf(store[stored].name, sizeof(store[stored].name), "%s", name);
	store[stored++].fd = fd;
}

static void heed(const char *text, int fd)
{
	const char *name = strstr(text, "FDNAME=");
	char copy[KEEPFD_NAME] = "";
	if (name) snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(name + 7, "\n"), name + 7);
	if (strstr(text, "FDSTORE=1")) store_add(copy, fd);
	else if (fd >= 0) close(fd); /* a barrier */
	if (strstr(text, "FDSTOREREMOVE=1")) store_remove(copy);
}

static const char *hear(void)
{
	static char text[2048];
	union { struct cmsghdr head; char space[CMSG_SPACE(sizeof(int))]; } control;
	struct iovec v = {text, sizeof(text) - 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(supervisor, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int fd = -1;
	ck_assert_int_ge(n, 0);
	text[n] = 0;
	if (c && c->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	heed(text, fd);
	return text;
}

static void told(const char *part)
{
	struct pollfd p = {supervisor, POLLIN, 0};
	while (poll(&p, 1, PATIENCE_MS) == 1)
		if (strstr(hear(), part)) return;
	ck_abort_msg("the supervisor was never told '%s'", part);
}

static void open_supervisor(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/notify", bed.dir);
	supervisor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(supervisor, (struct sockaddr *)&a, sizeof(a)), 0);
	setenv("NOTIFY_SOCKET", a.sun_path, 1);
	child = prober = 0;
	stored = 0;
}

static void reap(pid_t *pid, int signum)
{
	if (*pid <= 0) return;
	kill(*pid, signum);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

static void close_supervisor(void)
{
	reap(&prober, SIGKILL);
	reap(&child, SIGKILL);
	while (stored) store_remove(store[0].name);
	close(supervisor);
}

/* What systemd does between fork and exec: descriptors from 3 on, and the environment. */
static void hand_over(void)
{
	char names[STORE_MAX * KEEPFD_NAME] = "", number[16];
	int high[STORE_MAX];
	for (unsigned i = 0; i < stored; i++) high[i] = fcntl(store[i].fd, F_DUPFD_CLOEXEC, 100);
	for (unsigned i = 0; i < stored; i++) {
		dup2(high[i], 3 + (int)i);
		close(high[i]);
		if (i) strcat(names, ":");
		strcat(names, store[i].name);
	}
	if (!stored) return;
	setenv("LISTEN_FDNAMES", names, 1);
	snprintf(number, sizeof(number), "%u", stored);
	setenv("LISTEN_FDS", number, 1);
	snprintf(number, sizeof(number), "%d", (int)getpid());
	setenv("LISTEN_PID", number, 1);
}

static void close_all(void)
{
	for (unsigned i = 0; i < stored; i++) close(store[i].fd);
	close(supervisor);
}

static void run_file(void)
{
	const struct app_options o = {bed.config, bed_modules(), NULL};
	struct conf_report report = CONF_REPORT_INIT;
	struct app *app;
	child = fork();
	if (child) return;
	loop_destroy(&bed.loop); /* its descriptors would be in the way */
	const unsigned n = stored;
	hand_over();
	for (unsigned i = 0; i < n; i++)
		if (store[i].fd >= 3 + (int)n) close(store[i].fd);
	if (supervisor >= 3 + (int)n) close(supervisor);
	int rc = app_load(&o, &report, &app);
	conf_report_print(&report, stderr, false);
	if (!rc) rc = app_run(app);
	app_destroy(&app);
	conf_report_clear(&report);
	exit(rc ? 1 : 0);
}

static void run(const char *text)
{
	bed_write(text);
	run_file();
	told("READY=1");
}

static void end(int signum, int expected)
{
	int status;
	kill(child, signum);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	child = 0;
	ck_assert_int_eq(WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status), expected);
	struct pollfd p = {supervisor, POLLIN, 0};
	while (poll(&p, 1, 0) == 1) hear();
}

static int store_of(const char *name)
{
	for (unsigned i = 0; i < stored; i++)
		if (!strcmp(store[i].name, name)) return store[i].fd;
	return -1;
}

/* ---- who knocks ---- */

enum { REFUSED = 0, SILENCE, CONNECTED, GREETED };

static int try_connect(int family, uint16_t port, int ms, int *ret_fd)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
	int err = 0, fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(err);
	struct pollfd p = {fd, POLLOUT, 0};
	if (family == AF_INET ? connect(fd, (struct sockaddr *)&in, sizeof(in)) : connect(fd, (struct sockaddr *)&in6, sizeof(in6))) err = errno;
	if (err == EINPROGRESS) {
		bool answered = poll(&p, 1, ms) == 1;
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
		if (!answered) err = EINPROGRESS;
	}
	*ret_fd = fd;
	return err == EINPROGRESS ? SILENCE : err ? REFUSED : CONNECTED;
}

static int knock(int family, uint16_t port)
{
	int fd, r = try_connect(family, port, 20, &fd);
	close(fd);
	return r;
}

static int greeted(int fd)
{
	char text[8] = "";
	struct pollfd p = {fd, POLLIN, 0};
	if (poll(&p, 1, PATIENCE_MS) != 1 || recv(fd, text, sizeof(text), 0) != 5 || memcmp(text, "hello", 5)) return 0;
	return GREETED;
}

static int visit(int family, uint16_t port)
{
	int fd, r = try_connect(family, port, PATIENCE_MS, &fd);
	if (r == CONNECTED) r = greeted(fd);
	close(fd);
	return r;
}

static volatile unsigned *seen; /* by a process of its own, counted by what came */

static void start_prober(void)
{
	seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(seen != MAP_FAILED);
	prober = fork();
	if (prober) return;
	close_all(); /* or it would be one more who keeps them */
	for (;;) {
		int fd;
		seen[try_connect(AF_INET, 9000, 2, &fd)]++;
		close(fd);
	}
}

static void probe_more(unsigned kind, unsigned n)
{
	unsigned from = seen[kind];
	for (int ms = 0; seen[kind] - from < n && ms < PATIENCE_MS; ms++) usleep(1000);
	ck_assert_uint_ge(seen[kind] - from, n);
}

/* ---- the promise ---- */

static const int signals[] = {SIGKILL, SIGTERM};

START_TEST(silent_while_nobody_is_there)
{
	run(SILENT);
	ck_assert_uint_eq(stored, 1);
	ck_assert_str_eq(store[0].name, NAME);
	start_prober();
	probe_more(SILENCE, 20);
	for (int i = 0; i < 3; i++) {
		end(signals[_i], signals[_i] == SIGKILL ? -SIGKILL : 0);
		probe_more(SILENCE, 20);
		run(SILENT);
		probe_more(SILENCE, 20);
		ck_assert_uint_eq(stored, 1);
	}
	ck_assert_uint_eq(seen[REFUSED], 0);
	ck_assert_uint_eq(seen[CONNECTED], 0);
}
END_TEST

/* That the prober would have seen it. */
START_TEST(without_keeping_it_shows)
{
	run("modules:\n  - {module: tm_keeper, name: k, silent: true, keep: false}\n");
	ck_assert_uint_eq(stored, 0);
	start_prober();
	probe_more(SILENCE, 5);
	ck_assert_uint_eq(seen[REFUSED], 0);
	end(SIGKILL, -SIGKILL);
	probe_more(REFUSED, 5);
}
END_TEST

START_TEST(the_queue_is_served)
{
	int early, between;
	run(KEEP);
	ck_assert_int_eq(visit(AF_INET, 9000), GREETED);
	kill(child, SIGSTOP); /* before it could accept */
	ck_assert_int_eq(try_connect(AF_INET, 9000, PATIENCE_MS, &early), CONNECTED);
	end(signals[0], -SIGKILL);
	ck_assert_int_eq(try_connect(AF_INET, 9000, PATIENCE_MS, &between), CONNECTED);
	run(KEEP);
	ck_assert_int_eq(greeted(early), GREETED);
	ck_assert_int_eq(greeted(between), GREETED);
	close(early);
	close(between);
}
END_TEST

START_TEST(the_filter_is_replaced_not_added)
{
	run(SILENT);
	ck_assert_int_eq(knock(AF_INET, 9000), SILENCE);
	end(SIGKILL, -SIGKILL);
	run(KEEP); /* its filter lets in */
	ck_assert_int_eq(visit(AF_INET, 9000), GREETED);
	end(SIGKILL, -SIGKILL);
	run(SILENT);
	ck_assert_int_eq(knock(AF_INET, 9000), SILENCE);
}
END_TEST

START_TEST(a_filter_that_fails_leaves_nothing_open)
{
	run(KEEP);
	end(SIGKILL, -SIGKILL);
	ck_assert_int_eq(knock(AF_INET, 9000), CONNECTED); /* in the queue */
	bed_write("modules:\n  - {module: tm_keeper, name: k, refuse: true}\n");
	run_file();
	told("Did not start");
	end(0, 1);
	ck_assert_uint_eq(stored, 0);
	ck_assert_int_eq(knock(AF_INET, 9000), REFUSED);
}
END_TEST

/* The first could keep its socket, the second not be prepared: the next start shall find it. */
START_TEST(a_start_that_fails_loses_nothing)
{
	run(KEEP);
	end(SIGKILL, -SIGKILL);
	bed_write("modules:\n  - {module: tm_provider, name: p, fail: prepare}\n  - {module: tm_keeper, name: k}\n");
	run_file();
	told("Did not start");
	end(0, 1);
	ck_assert_uint_eq(stored, 1);
	run(KEEP);
	ck_assert_int_eq(visit(AF_INET, 9000), GREETED);
}
END_TEST

START_TEST(both_families)
{
	run("modules:\n  - {module: tm_keeper, name: k, listen: ['127.0.0.1:9000', '[::1]:9000']}\n");
	ck_assert_uint_eq(stored, 2);
	ck_assert_int_ge(store_of("k.[%3A%3A1]%3A9000"), 0);
	end(SIGKILL, -SIGKILL);
	ck_assert_int_eq(knock(AF_INET6, 9000), CONNECTED);
	run("modules:\n  - {module: tm_keeper, name: k, listen: ['127.0.0.1:9000', '[::1]:9000']}\n");
	ck_assert_uint_eq(stored, 2);
	ck_assert_int_eq(visit(AF_INET, 9000), GREETED);
	ck_assert_int_eq(visit(AF_INET6, 9000), GREETED);
}
END_TEST

START_TEST(a_unix_socket_is_not_kept)
{
	char text[256];
	snprintf(text, sizeof(text), "modules:\n  - {module: tm_keeper, name: k, listen: 'unix:%s/s'}\n", bed.dir);
	run(text);
	ck_assert_uint_eq(stored, 0);
}
END_TEST

/* ---- what does not fit ---- */

static int bound(int type, uint16_t port, bool listens)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	if (listens) ck_assert_int_eq(listen(fd, 4), 0);
	return fd;
}

static const struct {
	int type;
	uint16_t port;
	bool listens;
} strangers[] = {{SOCK_STREAM, 9001, true}, {SOCK_STREAM, 9000, false}, {SOCK_DGRAM, 9000, false}, {SOCK_STREAM, 9002, false}};

START_TEST(a_wrong_one_is_not_used)
{
	store_add(NAME, bound(strangers[_i].type, strangers[_i].port, strangers[_i].listens));
	run(KEEP);
	ck_assert_uint_eq(stored, 1); /* the new one, in its place */
	ck_assert_int_eq(visit(AF_INET, 9000), GREETED);
	ck_assert_int_ne(knock(AF_INET, 9001), CONNECTED);
}
END_TEST

START_TEST(one_that_is_no_socket)
{
	store_add(NAME, open("/dev/null", O_RDONLY | O_CLOEXEC));
	run(KEEP);
	ck_assert_uint_eq(stored, 1);
	ck_assert_int_eq(visit(AF_INET, 9000), GREETED);
}
END_TEST

START_TEST(unclaimed_is_let_go)
{
	store_add("gone.127.0.0.1%3A9005", bound(SOCK_STREAM, 9005, true));
	store_add("stored", bound(SOCK_STREAM, 9006, true)); /* systemd's name for one without */
	run(KEEP);
	ck_assert_uint_eq(stored, 1);
	ck_assert_str_eq(store[0].name, NAME);
	ck_assert_int_eq(knock(AF_INET, 9005), REFUSED);
	ck_assert_int_eq(knock(AF_INET, 9006), REFUSED);
}
END_TEST

/* The port is still taken by what was kept for another address, or by a mode that keeps. */
static const char *const changes[] = {
	"modules:\n  - {module: tm_keeper, name: k, keep: false}\n",
	"modules:\n  - {module: tm_keeper, name: k, listen: '0.0.0.0:9000'}\n",
	"modules:\n  - {module: tm_keeper, name: other}\n",
};

START_TEST(room_is_made)
{
	run(KEEP);
	end(SIGKILL, -SIGKILL);
	run(changes[_i]);
	ck_assert_int_lt(store_of(NAME), 0);
	ck_assert_int_eq(visit(AF_INET, 9000), GREETED);
}
END_TEST

START_TEST(unlisten_takes_it_back)
{
	struct control_client *client;
	struct command_error err;
	json_t *answer;
	run(KEEP);
	ck_assert_int_eq(control_client_open(bed.data, &client, &err), 0);
	ck_assert_int_eq(control_client_call(client, "unlisten", NULL, NULL, PATIENCE_MS, &answer, &err), 0);
	json_decref(answer);
	control_client_close(&client);
	told("FDSTOREREMOVE=1");
	ck_assert_uint_eq(stored, 0);
	ck_assert_int_eq(knock(AF_INET, 9000), REFUSED);
}
END_TEST

/* ---- any descriptor ---- */

START_TEST(datagrams)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9010), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char text[8];
	run("modules:\n  - {module: tm_keeper, name: k, udp: 9010}\n");
	ck_assert_uint_eq(stored, 2);
	int udp = store_of("k.udp"), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	end(SIGKILL, -SIGKILL);
	ck_assert_int_eq(sendto(fd, "knock", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
	ck_assert_int_eq(recv(udp, text, sizeof(text), MSG_DONTWAIT | MSG_PEEK), 5); /* it waits there */
	run("modules:\n  - {module: tm_keeper, name: k, udp: 9010}\n");
	ck_assert_uint_eq(stored, 2);
	ck_assert_int_eq(store_of("k.udp"), udp);
	end(SIGTERM, 0);
	run("modules:\n  - {module: tm_keeper, name: k, udp: 9011}\n"); /* prepare binds anew */
	ck_assert_uint_eq(stored, 2);
	end(SIGTERM, 0);
	run(KEEP);
	ck_assert_int_lt(store_of("k.udp"), 0);
	close(fd);
}
END_TEST

/* Without a supervisor everything works, and nothing is kept. */
START_TEST(nobody_supervises)
{
	unsetenv("NOTIFY_SOCKET");
	bed_write("modules:\n  - {module: tm_keeper, name: k, udp: 9010}\n");
	run_file();
	int r = REFUSED;
	for (int ms = 0; r == REFUSED && ms < PATIENCE_MS; ms++) {
		usleep(1000);
		r = visit(AF_INET, 9000);
	}
	ck_assert_int_eq(r, GREETED);
	end(SIGTERM, 0);
}
END_TEST

/* ---- the file alone ---- */

START_TEST(environment_of_somebody_else)
{
	struct keepfd *k;
	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", "x", 1);
	ck_assert_int_eq(keepfd_create(NULL, &k), 0);
	ck_assert_ptr_null(getenv("LISTEN_FDS"));
	ck_assert_ptr_null(getenv("LISTEN_PID"));
	ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
	keepfd_settle(k);
	keepfd_destroy(&k);
}
END_TEST

static const char *const counts[] = {"-1", "0", "x", "", "99999999999999999999"};

START_TEST(counts_that_are_none)
{
	struct keepfd *k;
	pid_t pid = fork(); /* it would close what it was told */
	if (!pid) {
		char number[16];
		snprintf(number, sizeof(number), "%d", (int)getpid());
		setenv("LISTEN_PID", number, 1);
		setenv("LISTEN_FDS", counts[_i], 1);
		int rc = keepfd_create(NULL, &k);
		keepfd_destroy(&k);
		_exit(rc ? 1 : 0);
	}
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(names)
{
	struct keepfd *k;
	struct notify *n;
	struct app app = {.stopping = false};
	struct instance in = {.app = &app};
	struct rtun_ctx *ctx = &in.host.ctx;
	char name[KEEPFD_NAME + 8];
	in.host.instance = &in;
	ctx->instance = "inst";
	ctx->host = &host_table;
	int fd = bound(SOCK_STREAM, 9020, true), got;
	ck_assert_int_eq(rtun_fd_keep(ctx, "a", fd), -RTUN_ENOTSUP); /* an app that does not run */
	ck_assert_int_eq(rtun_fd_kept(ctx, "a", &got), -RTUN_ENOENT);
	ck_assert_int_eq(got, -1);
	ck_assert_int_eq(notify_open(&n), 0);
	ck_assert_int_eq(keepfd_create(n, &k), 0);
	app.keepfd = k;
	ck_assert_int_eq(rtun_fd_keep(ctx, "a:b\n%\xff", fd), 0);
	told("FDSTORE=1");
	ck_assert_str_eq(store[0].name, "inst.a%3Ab%0A%25%FF");
	memset(name, 'x', sizeof(name));
	name[KEEPFD_NAME - 4 - 5] = 0; /* the longest */
	ck_assert_int_eq(rtun_fd_keep(ctx, name, fd), 0);
	told("FDSTORE=1");
	ck_assert_int_ge((int)strlen(store[1].name), 250);
	name[KEEPFD_NAME - 4 - 5] = 'x';
	name[KEEPFD_NAME] = 0;
	ck_assert_int_eq(rtun_fd_keep(ctx, name, fd), -RTUN_EINVAL);
	ck_assert_int_eq(rtun_fd_kept(ctx, name, &got), -RTUN_ENOENT);
	close(fd);
	keepfd_destroy(&k);
	notify_close(&n);
}
END_TEST

/* A supervisor that is behind, and one that never reads. */
START_TEST(deaf_supervisor)
{
	struct notify *n;
	ck_assert_int_eq(notify_open(&n), 0);
	for (int i = 0; i < 2000; i++) notify_send(n, "STATUS=%d", i); /* its queue is full */
	ck_assert_int_eq(notify_send_fd(n, "FDSTORE=1", supervisor), -RTUN_EIO);
	pid_t pid = fork();
	if (!pid) {
		usleep(50000);
		for (;;) recv(supervisor, &n, 1, 0);
	}
	ck_assert_int_eq(notify_send_fd(n, "BARRIER=1", supervisor), 0);
	notify_barrier(n);
	reap(&pid, SIGKILL);
	notify_close(&n);
}
END_TEST

static bool own_network(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) return false;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = ioctl(fd, SIOCSIFFLAGS, &lo);
	close(fd);
	return !rc;
}

int main(void)
{
	TCase *tc = tcase_create("keepfd");
	if (!own_network()) {
		puts("skipped: no right to make a network namespace");
		return 77;
	}
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, silent_while_nobody_is_there, 0, 2);
	tcase_add_test(tc, without_keeping_it_shows);
	tcase_add_test(tc, the_queue_is_served);
	tcase_add_test(tc, the_filter_is_replaced_not_added);
	tcase_add_test(tc, a_filter_that_fails_leaves_nothing_open);
	tcase_add_test(tc, a_start_that_fails_loses_nothing);
	tcase_add_test(tc, both_families);
	tcase_add_test(tc, a_unix_socket_is_not_kept);
	tcase_add_loop_test(tc, a_wrong_one_is_not_used, 0, sizeof(strangers) / sizeof(strangers[0]));
	tcase_add_test(tc, one_that_is_no_socket);
	tcase_add_test(tc, unclaimed_is_let_go);
	tcase_add_loop_test(tc, room_is_made, 0, sizeof(changes) / sizeof(changes[0]));
	tcase_add_test(tc, unlisten_takes_it_back);
	tcase_add_test(tc, datagrams);
	tcase_add_test(tc, nobody_supervises);
	tcase_add_test(tc, environment_of_somebody_else);
	tcase_add_loop_test(tc, counts_that_are_none, 0, sizeof(counts) / sizeof(counts[0]));
	tcase_add_test(tc, names);
	tcase_add_test(tc, deaf_supervisor);
	return bed_run_with(tc, "keepfd", open_supervisor, close_supervisor);
}
