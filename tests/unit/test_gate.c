/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_gate.c - who is not admitted sees no listener; who is, connects; in network namespaces of the test's own. Where bpf(2) is
 * not allowed, the closed gate is left out, and said to be.
 *
 * Linked with --wrap for the system calls that a gate needs, to make each fail in turn.
 */
#include "net_bed.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "../../modules/transport_noise/gate.h"

#define PORT 9000

static struct host_ctx hc;
static struct gate *gate;
static char why[GATE_WHY];

/* Each test of a mode runs in all of these, over IPv4 and over IPv6. */
static const struct place {
	enum gate_mode mode;
	enum net_look stranger; /* what others see */
	const char *wildcard, *here, *elsewhere, *guest, *same_net, *stranger_ip;
} places[] = {
	{GATE_FILTERED, NET_SILENT, "0.0.0.0", "127.0.0.1", "127.0.0.2", "127.1.0.1", NULL, "127.1.0.2"},
	{GATE_FILTERED, NET_SILENT, "::", "fd01::1", "fd02::1", "fd01::2", "fd01::3", "fd02::2"},
	{GATE_CLOSED, NET_CLOSED, "0.0.0.0", "127.0.0.1", "127.0.0.2", "127.1.0.1", NULL, "127.1.0.2"},
	{GATE_CLOSED, NET_CLOSED, "::", "fd01::1", "fd02::1", "fd01::2", "fd01::3", "fd02::2"},
};
#define FILTERED_PLACES 2
#define PLACES 4

static void setup(void)
{
	net_setup();
	bed_setup(true, &hc);
	memset(why, 0, sizeof(why));
}

static void teardown(void)
{
	gate_destroy(&gate);
	bed_teardown();
}

static void open_gate(enum gate_mode mode)
{
	ck_assert_msg(gate_create(&hc.ctx, mode, &gate, why) == 0, "%s", why);
}

static int guarded(const char *ip, uint16_t port)
{
	struct rtun_addr a = net_addr(ip, port);
	int fd = net_bind(&a, SOCK_STREAM, 0);
	ck_assert_msg(gate_guard(gate, fd, why) == 0, "%s", why);
	ck_assert_int_eq(listen(fd, SOMAXCONN), 0);
	return fd;
}

static void admit(uint32_t place, const char *ip, uint64_t ns)
{
	struct rtun_addr a = net_addr(ip, 12345);
	gate_admit(gate, place, &a, ns);
}

static int take(int listener)
{
	ck_assert(net_poll(listener, POLLIN, NET_WAIT));
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void carries(int from, int to)
{
	char byte = 0;
	ck_assert_int_eq(send(from, "x", 1, MSG_NOSIGNAL), 1);
	ck_assert(net_poll(to, POLLIN, NET_WAIT));
	ck_assert_int_eq(recv(to, &byte, 1, 0), 1);
	ck_assert_int_eq(byte, 'x');
}

/* ---- admit, shut, expire ---- */

START_TEST(admit_and_shut)
{
	const struct place *p = &places[_i];
	int client, server, other;
	open_gate(p->mode);
	int listener = guarded(p->wildcard, PORT), neighbour = net_listen(p->here, PORT + 1);
	net_expect(p->stranger, p->guest, p->here, PORT);

	admit(7, p->guest, 600 * RTUN_S);
	ck_assert_int_eq(net_connect(p->guest, p->here, PORT, NET_WAIT, &client), NET_OPEN);
	server = take(listener);
	carries(client, server);
	net_expect(NET_OPEN, p->guest, p->elsewhere, PORT);
	net_expect(p->stranger, p->stranger_ip, p->here, PORT);
	if (p->same_net)
		net_expect(NET_OPEN, p->same_net, p->here, PORT);
	/* other ports are as they were */
	net_expect(NET_OPEN, p->stranger_ip, p->here, PORT + 1);
	net_expect(NET_CLOSED, p->stranger_ip, p->here, PORT + 2);
	net_expect(NET_CLOSED, p->guest, p->here, PORT + 2);

	gate_shut(gate, 7);
	net_expect(p->stranger, p->guest, p->here, PORT);
	carries(client, server); /* who is in stays in */
	carries(server, client);

	admit(7, p->guest, 600 * RTUN_S);
	admit(7, p->stranger_ip, 600 * RTUN_S); /* replaces */
	net_expect(p->stranger, p->guest, p->here, PORT);
	ck_assert_int_eq(net_connect(p->stranger_ip, p->here, PORT, NET_WAIT, &other), NET_OPEN);
	admit(7, p->stranger_ip, 0); /* is shut() */
	net_expect(p->stranger, p->stranger_ip, p->here, PORT);
	carries(client, server);
	close(client), close(server), close(other), close(listener), close(neighbour);
}
END_TEST

/* A device that roams from one family to the other leaves nothing behind at its place. */
START_TEST(roams)
{
	enum gate_mode mode = _i ? GATE_CLOSED : GATE_FILTERED;
	enum net_look stranger = _i ? NET_CLOSED : NET_SILENT;
	open_gate(mode);
	int v4 = guarded("0.0.0.0", PORT), v6 = guarded("::", PORT);
	for (int round = 0; round < 3; round++) {
		admit(0, "127.1.0.1", RTUN_S * 600);
		net_expect(NET_OPEN, "127.1.0.1", "127.0.0.1", PORT);
		net_expect(stranger, "fd01::2", "fd01::1", PORT);
		admit(0, "fd01::2", RTUN_S * 600);
		net_expect(stranger, "127.1.0.1", "127.0.0.1", PORT);
		net_expect(NET_OPEN, "fd01::2", "fd01::1", PORT);
	}
	/* an IPv4 address and a /64 that begin with the same bytes are not one source */
	admit(1, "253.1.0.0", RTUN_S * 600);
	admit(0, "127.1.0.1", RTUN_S * 600);
	net_expect(stranger, "fd01::2", "fd01::1", PORT);
	close(v4), close(v6);
}
END_TEST

START_TEST(expires_filtered)
{
	const struct place *p = &places[_i];
	open_gate(p->mode);
	int listener = guarded(p->wildcard, PORT);
	admit(0, p->guest, 3 * RTUN_S);
	admit(1, p->stranger_ip, 5 * RTUN_S);
	loop_advance(bed.loop, 3 * RTUN_S - 1);
	net_expect(NET_OPEN, p->guest, p->here, PORT);
	loop_advance(bed.loop, 1);
	net_expect(p->stranger, p->guest, p->here, PORT);
	net_expect(NET_OPEN, p->stranger_ip, p->here, PORT);
	loop_advance(bed.loop, RTUN_S);
	admit(1, p->stranger_ip, 5 * RTUN_S); /* once more: longer */
	loop_advance(bed.loop, 4 * RTUN_S);
	net_expect(NET_OPEN, p->stranger_ip, p->here, PORT);
	loop_advance(bed.loop, RTUN_S);
	net_expect(p->stranger, p->stranger_ip, p->here, PORT);
	close(listener);
}
END_TEST

/* By the kernel's clock: no loop turns here. */
START_TEST(expires_closed)
{
	const struct place *p = &places[FILTERED_PLACES + _i];
	open_gate(p->mode);
	int listener = guarded(p->wildcard, PORT);
	uint64_t before = net_clock(), after;
	admit(0, p->guest, 300 * RTUN_MS);
	admit(1, p->stranger_ip, 600 * RTUN_S);
	bool was_open = false;
	int client;
	while (net_connect(p->guest, p->here, PORT, NET_WAIT, &client) == NET_OPEN) {
		was_open = true;
		close(take(listener));
		close(client);
	}
	after = net_clock();
	ck_assert(was_open || after - before > 300 * RTUN_MS);
	ck_assert_uint_ge(after - before, 300 * RTUN_MS);
	net_expect(NET_OPEN, p->stranger_ip, p->here, PORT);
	admit(0, p->guest, 600 * RTUN_S);
	net_expect(NET_OPEN, p->guest, p->here, PORT);
	close(listener);
}
END_TEST

START_TEST(specific_address)
{
	const struct place *p = &places[_i];
	open_gate(p->mode);
	int listener = guarded(p->here, PORT), plain = net_listen(p->elsewhere, PORT);
	admit(63, p->guest, 600 * RTUN_S);
	net_expect(NET_OPEN, p->guest, p->here, PORT);
	net_expect(p->stranger, p->stranger_ip, p->here, PORT);
	net_expect(NET_OPEN, p->stranger_ip, p->elsewhere, PORT);
	close(plain);
	net_expect(NET_CLOSED, p->stranger_ip, p->elsewhere, PORT);
	net_expect(NET_CLOSED, p->guest, p->elsewhere, PORT);
	close(listener);
}
END_TEST

static void source_text(const struct place *p, uint32_t i, char text[64])
{
	snprintf(text, 64, p->here[0] == 'f' ? "fd04:0:0:%x::1" : "127.4.0.%u", i);
}

START_TEST(all_places)
{
	const struct place *p = &places[_i];
	char text[64];
	open_gate(p->mode);
	int listener = guarded(p->wildcard, PORT);
	for (uint32_t i = 0; i <= GATE_PLACES; i++) {
		source_text(p, i, text);
		if (p->here[0] == 'f')
			net_add6(text);
		if (i < GATE_PLACES)
			admit(i, text, 600 * RTUN_S);
	}
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i <= GATE_PLACES; i++) {
			bool in = i < GATE_PLACES && (round == 0 || i % 2);
			source_text(p, i, text);
			/* silence takes time: not for all of them */
			if (in || p->stranger == NET_CLOSED || i % 16 == 0)
				net_expect(in ? NET_OPEN : p->stranger, text, p->here, PORT);
		}
		for (uint32_t i = 0; i < GATE_PLACES; i += 2)
			gate_shut(gate, i);
	}
	close(listener);
}
END_TEST

START_TEST(none)
{
	open_gate(GATE_NONE);
	int listener = guarded("0.0.0.0", PORT);
	net_expect(NET_OPEN, "127.1.0.2", "127.0.0.1", PORT);
	admit(0, "127.1.0.1", RTUN_S);
	gate_shut(gate, 0);
	net_expect(NET_OPEN, "127.1.0.2", "127.0.0.1", PORT);
	close(listener);
}
END_TEST

/* ---- what else sees it ---- */

START_TEST(port_is_taken)
{
	const struct place *p = &places[_i];
	struct rtun_addr a = net_addr(p->wildcard, PORT);
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&a, &ss);
	int on = 1, other = net_socket(&a, SOCK_STREAM, 0);
	open_gate(p->mode);
	int listener = guarded(p->wildcard, PORT);
	setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(other, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	ck_assert(bind(other, (struct sockaddr *)&ss, len) < 0 || listen(other, 1) < 0);
	ck_assert_int_eq(errno, EADDRINUSE);
	close(other);
	/* and free again */
	close(listener);
	gate_destroy(&gate);
	close(net_listen(p->wildcard, PORT));
}
END_TEST

START_TEST(wrong_sockets)
{
	enum gate_mode mode = _i ? GATE_CLOSED : GATE_FILTERED;
	struct rtun_addr v4 = net_addr("127.0.0.1", PORT), v6 = net_addr("::", PORT + 1);
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&v6, &ss);
	open_gate(mode);
	int unbound = net_socket(&v4, SOCK_STREAM, 0), both = net_socket(&v6, SOCK_STREAM, 0), listening = net_listen("127.0.0.1", PORT);
	ck_assert_int_eq(bind(both, (struct sockaddr *)&ss, len), 0);
	const int fds[] = {-1, unbound, both, listening};
	int before = net_descriptors();
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		why[0] = 0;
		ck_assert_int_lt(gate_guard(gate, fds[i], why), 0);
		ck_assert(why[0]);
	}
	ck_assert_int_eq(net_descriptors(), before);
	int many[GATE_SOCKETS];
	for (uint16_t i = 0; i < GATE_SOCKETS; i++)
		many[i] = guarded("0.0.0.0", (uint16_t)(9100 + i));
	v4.port = 9200;
	int one_more = net_bind(&v4, SOCK_STREAM, 0);
	ck_assert_int_eq(gate_guard(gate, one_more, why), -RTUN_EINVAL);
	ck_assert(strstr(why, "16"));
	for (uint16_t i = 0; i < GATE_SOCKETS; i++)
		close(many[i]);
	close(unbound), close(both), close(listening), close(one_more);
}
END_TEST

/* A supervisor keeps what was bound: between two processes, and after them, nobody sees a difference. */
START_TEST(kept_silent)
{
	const struct place *p = &places[_i];
	struct rtun_addr a = net_addr(p->wildcard, PORT);
	int listener, kept = net_bind(&a, SOCK_STREAM, 0);
	for (int round = 0; round < 3; round++) {
		listener = dup(kept);
		open_gate(p->mode);
		ck_assert_msg(gate_guard(gate, listener, why) == 0, "%s", why);
		ck_assert_int_eq(listen(listener, 64), 0);
		net_expect(NET_SILENT, p->guest, p->here, PORT);
		admit(3, p->guest, 600 * RTUN_S);
		net_expect(NET_OPEN, p->guest, p->here, PORT);
		net_expect(NET_SILENT, p->stranger_ip, p->here, PORT);
		close(listener);
		gate_destroy(&gate);
		net_expect(NET_SILENT, p->guest, p->here, PORT);
		net_expect(NET_SILENT, p->stranger_ip, p->here, PORT);
	}
	close(kept);
	net_expect(NET_CLOSED, p->stranger_ip, p->here, PORT);
}
END_TEST

/* Without any capability, from the beginning or from after prepare on. */
START_TEST(without_capabilities)
{
	const struct place *p = &places[_i % PLACES];
	bool from_the_beginning = _i >= PLACES;
	if (from_the_beginning)
		net_drop_capabilities();
	if (from_the_beginning && p->mode == GATE_CLOSED) {
		ck_assert_int_eq(gate_create(&hc.ctx, p->mode, &gate, why), -RTUN_ENOTSUP);
		ck_assert_ptr_null(gate);
		ck_assert(strstr(why, "CAP_BPF") && strstr(why, "conceal: filtered"));
		return;
	}
	open_gate(p->mode);
	int listener = guarded(p->wildcard, PORT);
	net_drop_capabilities();
	net_expect(p->stranger, p->guest, p->here, PORT);
	for (int round = 0; round < 3; round++) {
		admit(0, p->guest, 600 * RTUN_S);
		net_expect(NET_OPEN, p->guest, p->here, PORT);
		gate_shut(gate, 0);
		net_expect(p->stranger, p->guest, p->here, PORT);
	}
	close(listener);
}
END_TEST

/* ---- a flood of SYNs, and other segments ---- */

struct flood {
	struct rtun_addr from, to;
	int out, in;
	pthread_t thread;
	bool stop;
	uint64_t sent, answers[256]; /* by flags */
};

static void flood_read(struct flood *f)
{
	uint8_t p[256];
	ssize_t n;
	while ((n = recv(f->in, p, sizeof(p), 0)) > 0) {
		size_t ip = f->from.family == 4 ? (p[0] & 15U) * 4 : 0;
		if ((size_t)n >= ip + 20 && (p[ip] << 8 | p[ip + 1]) == f->to.port)
			f->answers[p[ip + 13] & (NET_SYN | NET_ACK | NET_RST | NET_FIN)]++;
	}
}

static void *flood_run(void *arg)
{
	static const uint8_t flags[] = {NET_SYN, NET_SYN, NET_SYN, NET_SYN, NET_ACK, NET_FIN, NET_SYN | NET_FIN, 0};
	struct flood *f = arg;
	uint8_t p[64];
	while (!__atomic_load_n(&f->stop, __ATOMIC_RELAXED)) {
		for (uint32_t i = 0; i < sizeof(flags); i++) {
			struct rtun_addr from = f->from, to = f->to;
			from.port = (uint16_t)(1024 + f->sent % 60000);
			size_t len = net_segment(p, &from, &to, flags[i], 20, NULL, 0);
			struct sockaddr_storage ss;
			to.port = 0;
			socklen_t ss_len = addr_to_sockaddr(&to, &ss);
			if (sendto(f->out, p, len, 0, (struct sockaddr *)&ss, ss_len) == (ssize_t)len)
				__atomic_fetch_add(&f->sent, 1, __ATOMIC_RELAXED);
		}
		flood_read(f);
	}
	return NULL;
}

static void flood_start(struct flood *f, const char *from, const char *to)
{
	memset(f, 0, sizeof(*f));
	f->from = net_addr(from, 0);
	f->to = net_addr(to, PORT);
	f->out = net_bind(&f->from, SOCK_RAW, IPPROTO_TCP);
	f->in = net_bind(&f->from, SOCK_RAW, IPPROTO_TCP);
	ck_assert_int_eq(pthread_create(&f->thread, NULL, flood_run, f), 0);
}

static void flood_end(struct flood *f)
{
	__atomic_store_n(&f->stop, true, __ATOMIC_RELAXED);
	pthread_join(f->thread, NULL);
	flood_read(f);
	close(f->out);
	close(f->in);
}

/* Nobody was answered by a listener; in mode closed all got what a closed port gives, a RST to everything. */
static void flood_judge(struct flood *f, enum net_look look)
{
	flood_end(f);
	ck_assert_uint_gt(f->sent, 0);
	ck_assert_uint_eq(f->answers[NET_SYN | NET_ACK], 0);
	ck_assert_uint_eq(f->answers[NET_ACK], 0);
	ck_assert_uint_eq(f->answers[0], 0);
	if (look == NET_SILENT)
		ck_assert_uint_eq(f->answers[NET_RST] + f->answers[NET_RST | NET_ACK], 0);
	else
		ck_assert_uint_eq(f->answers[NET_RST] + f->answers[NET_RST | NET_ACK], f->sent);
}

START_TEST(nobody_slips_through)
{
	const struct place *p = &places[_i];
	bool v6 = p->here[0] == 'f';
	/* half of one guest's network and half of the other's: it would get in by a half-written entry */
	const char *a = v6 ? "fd01:0:1::1" : "127.1.0.1", *b = v6 ? "fd02:0:2::1" : "127.2.0.2";
	const char *stranger = v6 ? "fd01:0:2::1" : "127.1.0.2";
	struct flood f;
	uint64_t swaps = 0;
	open_gate(p->mode);
	int listener = guarded(p->wildcard, PORT);
	flood_start(&f, stranger, p->here);
	for (uint64_t end = net_clock() + 1500 * RTUN_MS; net_clock() < end; swaps++) {
		admit(0, a, 600 * RTUN_S);
		admit(1, b, 600 * RTUN_S);
		admit(0, b, 1);
		gate_shut(gate, 1);
		if (swaps % 3)
			gate_shut(gate, 0);
	}
	admit(2, p->guest, 600 * RTUN_S);
	net_expect(NET_OPEN, p->guest, p->here, PORT);
	flood_judge(&f, p->stranger);
	ck_assert_uint_gt(swaps, 50);
	close(take(listener));
	ck_assert(!net_poll(listener, POLLIN, 0));
	close(listener);
}
END_TEST

/* The process is killed while a stranger knocks at the door without end. */
START_TEST(nobody_slips_through_at_the_end)
{
	const struct place *p = &places[_i];
	struct flood f;
	for (int round = 0; round < 15; round++) {
		int ready[2];
		char byte;
		ck_assert_int_eq(pipe(ready), 0);
		pid_t child = fork();
		if (child == 0) {
			open_gate(p->mode);
			guarded(p->wildcard, PORT);
			admit(0, p->guest, 600 * RTUN_S);
			ck_assert_int_eq(write(ready[1], "r", 1), 1);
			for (;;)
				pause();
		}
		close(ready[1]);
		ck_assert_int_eq(read(ready[0], &byte, 1), 1);
		close(ready[0]);
		flood_start(&f, p->stranger_ip, p->here);
		net_expect(NET_OPEN, p->guest, p->here, PORT);
		while (__atomic_load_n(&f.sent, __ATOMIC_RELAXED) < 1000)
			sched_yield();
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		net_expect(NET_CLOSED, p->guest, p->here, PORT);
		flood_end(&f);
		ck_assert_uint_gt(f.sent, 0);
		ck_assert_uint_eq(f.answers[NET_SYN | NET_ACK], 0);
	}
}
END_TEST

/* ---- failures ---- */

static long calls, fail_at;
static bool armed, failed;

static bool fails(void)
{
	if (!armed || ++calls != fail_at)
		return false;
	failed = true;
	errno = EMFILE;
	return true;
}

long __real_syscall(long n, ...);
long __wrap_syscall(long n, ...);
int __real_fcntl(int fd, int cmd, ...);
int __wrap_fcntl(int fd, int cmd, ...);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
#define WRAP(type, name, failure, parameters, arguments) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters { return fails() ? (failure) : __real_##name arguments; }
WRAP(void *, calloc, NULL, (size_t n, size_t size), (n, size))
WRAP(int, socket, -1, (int family, int type, int protocol), (family, type, protocol))
WRAP(int, bind, -1, (int fd, const struct sockaddr *a, socklen_t len), (fd, a, len))
WRAP(int, listen, -1, (int fd, int backlog), (fd, backlog))
WRAP(int, setsockopt, -1, (int fd, int level, int option, const void *p, socklen_t len), (fd, level, option, p, len))
WRAP(int, getsockopt, -1, (int fd, int level, int option, void *p, socklen_t *len), (fd, level, option, p, len))
WRAP(int, getsockname, -1, (int fd, struct sockaddr *a, socklen_t *len), (fd, a, len))
WRAP(int, dup3, -1, (int from, int to, int flags), (from, to, flags))
WRAP(void *, mmap, MAP_FAILED, (void *p, size_t len, int prot, int flags, int fd, off_t at), (p, len, prot, flags, fd, at))
WRAP(ssize_t, getrandom, -1, (void *p, size_t len, unsigned flags), (p, len, flags))

long __wrap_syscall(long n, ...)
{
	long a[6];
	va_list ap;
	va_start(ap, n);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	return fails() ? -1 : __real_syscall(n, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int __wrap_fcntl(int fd, int cmd, ...)
{
	va_list ap;
	va_start(ap, cmd);
	int arg = va_arg(ap, int);
	va_end(ap);
	return fails() ? -1 : __real_fcntl(fd, cmd, arg);
}

int __wrap_open(const char *path, int flags, ...)
{
	return fails() ? -1 : __real_open(path, flags);
}

/* Two guarded addresses, as a hub has. 0: both; each failure is told. */
static int try_it(enum gate_mode mode, const struct rtun_addr addresses[2], int fds[2])
{
	why[0] = 0;
	fds[0] = net_bind(&addresses[0], SOCK_STREAM, 0);
	fds[1] = net_bind(&addresses[1], SOCK_STREAM, 0);
	armed = true;
	int r = gate_create(&hc.ctx, mode, &gate, why);
	for (int i = 0; i < 2 && r == 0; i++)
		r = gate_guard(gate, fds[i], why);
	armed = false;
	return r;
}

START_TEST(each_failure)
{
	enum gate_mode mode = _i ? GATE_CLOSED : GATE_FILTERED;
	enum net_look look = _i ? NET_CLOSED : NET_SILENT;
	const struct rtun_addr addresses[2] = {net_addr("0.0.0.0", PORT), net_addr("::", PORT)};
	int before = net_descriptors(), failures = 0;
	for (fail_at = 1;; fail_at++) {
		int fds[2];
		calls = 0;
		failed = false;
		int r = try_it(mode, addresses, fds);
		ck_assert_msg(r == 0 || (failed && why[0]), "%ld: %d %s", fail_at, r, why);
		if (r == 0) {
			/* nothing failed, or something that can be done without: then it holds */
			for (int i = 0; i < 2; i++)
				ck_assert_int_eq(listen(fds[i], 8), 0);
			net_expect(look, "127.1.0.2", "127.0.0.1", PORT);
			net_expect(look, "fd02::2", "fd01::1", PORT);
			admit(0, "127.1.0.1", 600 * RTUN_S);
			net_expect(NET_OPEN, "127.1.0.1", "127.0.0.1", PORT);
		}
		failures += r != 0;
		/* what has been guarded before the failure is as silent or as closed */
		close(fds[0]), close(fds[1]);
		gate_destroy(&gate);
		ck_assert_int_eq(net_descriptors(), before);
		net_expect(NET_CLOSED, "127.1.0.2", "127.0.0.1", PORT);
		net_expect(NET_CLOSED, "fd02::2", "fd01::1", PORT);
		if (!failed)
			break;
	}
	ck_assert_int_gt(failures, 20);
}
END_TEST

/* A gate that can't be changed keeps everyone out, says so once, and is changed as soon as it can be. */
START_TEST(admit_fails)
{
	const struct place *p = &places[_i];
	open_gate(p->mode);
	int listener = guarded(p->wildcard, PORT);
	admit(0, p->guest, 600 * RTUN_S);
	net_expect(NET_OPEN, p->guest, p->here, PORT);
	armed = true;
	calls = 0, fail_at = 1;
	admit(1, p->stranger_ip, 600 * RTUN_S);
	armed = false;
	ck_assert(strstr(bed.log, "nobody is let in until"));
	net_expect(NET_SILENT, p->guest, p->here, PORT);
	net_expect(NET_SILENT, p->stranger_ip, p->here, PORT);
	loop_advance(bed.loop, RTUN_S);
	net_expect(NET_OPEN, p->guest, p->here, PORT);
	net_expect(NET_OPEN, p->stranger_ip, p->here, PORT);
	close(listener);
}
END_TEST

/* ---- */

static bool closed_possible(void)
{
	pid_t child = fork();
	int status = 1;
	if (child == 0) {
		char text[GATE_WHY];
		struct gate *g;
		struct rtun_ctx ctx = {.host = &host_table};
		if (!net_enter())
			_exit(1);
		if (gate_create(&ctx, GATE_CLOSED, &g, text) < 0) {
			printf("the closed gate is left out: %s\n", text);
			fflush(stdout);
			_exit(1);
		}
		_exit(0);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(void)
{
	if (!net_possible())
		return NET_SKIPPED;
	setenv("CK_FORK", "yes", 1); /* who drops capabilities does not get them back */
	int end = closed_possible() ? PLACES : FILTERED_PLACES, modes = end / FILTERED_PLACES;
	Suite *s = suite_create("gate");
	TCase *t = tcase_create("gate");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, admit_and_shut, 0, end);
	tcase_add_loop_test(t, roams, 0, modes);
	tcase_add_loop_test(t, expires_filtered, 0, FILTERED_PLACES);
	tcase_add_loop_test(t, expires_closed, 0, end - FILTERED_PLACES);
	tcase_add_loop_test(t, specific_address, 0, end);
	tcase_add_loop_test(t, all_places, 0, end);
	tcase_add_test(t, none);
	tcase_add_loop_test(t, port_is_taken, 0, end);
	tcase_add_loop_test(t, wrong_sockets, 0, modes);
	tcase_add_loop_test(t, kept_silent, 0, FILTERED_PLACES);
	tcase_add_loop_test(t, without_capabilities, 0, end);
	tcase_add_loop_test(t, without_capabilities, PLACES, 2 * PLACES);
	tcase_add_loop_test(t, nobody_slips_through, 0, end);
	tcase_add_loop_test(t, nobody_slips_through_at_the_end, 0, end);
	tcase_add_loop_test(t, each_failure, 0, modes);
	tcase_add_loop_test(t, admit_fails, 0, FILTERED_PLACES);
	suite_add_tcase(s, t);
	return bed_run(s);
}
