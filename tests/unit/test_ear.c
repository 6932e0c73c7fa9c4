/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_ear.c - knocks are heard, nothing else is, and whoever sends gets the kernel's own answer or silence; in network
 * namespaces of the test's own. Where raw sockets are not allowed, the raw half is left out, and said to be.
 *
 * Linked with --wrap for the calls that make an ear, to make each fail in turn.
 */
#include "net_bed.h"

#include "../../modules/transport_noise/ear.h"

#define PORT 9000
#define KNOCK WIRE_KNOCK

static struct host_ctx hc;
static struct ear *ear;
static char why[EAR_WHY];
static struct rtun_endpoint endpoints[EAR_ENDPOINTS + 1];
static uint32_t endpoint_count;
static uint8_t big[2000];

/* What was heard since heard() was asked last. */
static struct {
	uint32_t here, elsewhere;
	struct rtun_addr source;
	enum ear_carrier carrier;
	uint8_t knock[KNOCK];
} last;
static bool destroy_inside;
/* The most in one turn of the loop */
static struct rtun_defer *turn_end;
static uint32_t turn_before, turn_most;

static void on_knock(void *arg, const struct ear_packet *p)
{
	if (arg != &last)
		abort();
	last.here += p->here;
	last.elsewhere += !p->here;
	last.source = p->source;
	last.carrier = p->carrier;
	memcpy(last.knock, p->knock, KNOCK);
	if (destroy_inside)
		ear_destroy(&ear);
	if (turn_end)
		rtun_defer_start(turn_end);
}

/* Each test runs over IPv4 and IPv6. */
static const struct place {
	const char *wildcard, *here, *elsewhere, *from;
} places[] = {
	{"0.0.0.0", "127.0.0.1", "127.0.0.2", "127.1.0.1"},
	{"::", "fd01::1", "fd02::1", "fd03::1"},
};

static void setup(void)
{
	net_setup();
	bed_setup(true, &hc);
	memset(&last, 0, sizeof(last));
	destroy_inside = false;
	endpoint_count = 0;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7);
}

static void teardown(void)
{
	ear_destroy(&ear);
	bed_teardown();
}

static void endpoint(const char *ip, uint16_t port)
{
	endpoints[endpoint_count++] = (struct rtun_endpoint){.text = ip, .addr = net_addr(ip, port)};
}

static int create(bool raw, const int *bound)
{
	const struct rtun_list list = {endpoints, endpoint_count, sizeof(endpoints[0])};
	const struct ear_setup s = {.ctx = &hc.ctx, .endpoints = &list, .raw = raw, .bound = bound, .cb = on_knock, .arg = &last};
	why[0] = 0;
	return ear_create(&s, &ear, why);
}

static void open_ear(bool raw, const char *ip)
{
	endpoint(ip, PORT);
	ck_assert_msg(create(raw, NULL) == 0, "%s", why);
	ear_start(ear);
}

/* How many knocks came here; those for other ports are counted in last.elsewhere */
static uint32_t heard(void)
{
	last.here = last.elsewhere = 0;
	loop_advance(bed.loop, 20 * RTUN_MS);
	return last.here;
}

static void send_udp(const char *from, const char *to, uint16_t port, size_t len)
{
	struct rtun_addr source = net_addr(from, 4321), target = net_addr(to, port);
	struct sockaddr_storage ss;
	socklen_t ss_len = addr_to_sockaddr(&target, &ss);
	int fd = net_bind(&source, SOCK_DGRAM, 0);
	ck_assert_int_eq(sendto(fd, big, len, 0, (struct sockaddr *)&ss, ss_len), (ssize_t)len);
	close(fd);
}

static void send_tcp(const char *from, const char *to, uint16_t port, uint8_t flags, size_t header, size_t len)
{
	struct rtun_addr source = net_addr(from, 4321), target = net_addr(to, port);
	uint8_t p[2100];
	int raw = net_bind(&source, SOCK_RAW, IPPROTO_TCP);
	net_send(raw, &target, p, net_segment(p, &source, &target, flags, header, big, len));
	close(raw);
}

static void came_from(const char *ip, enum ear_carrier carrier)
{
	struct rtun_addr a = net_addr(ip, 4321);
	ck_assert(addr_equal(&last.source, &a));
	ck_assert_int_eq(last.carrier, carrier);
	ck_assert_mem_eq(last.knock, big, KNOCK);
}

/* ---- what is heard ---- */

START_TEST(datagrams)
{
	static const size_t wrong[] = {0, 1, KNOCK - 1, KNOCK + 1, 2 * KNOCK, 1400};
	const struct place *p = &places[_i % 2];
	bool raw = _i >= 2;
	open_ear(raw, p->wildcard);
	ck_assert_uint_eq(heard(), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		send_udp(p->from, p->here, PORT, wrong[i]);
	ck_assert_uint_eq(heard() + last.elsewhere, 0);
	send_udp(p->from, p->here, PORT, KNOCK);
	ck_assert_uint_eq(heard(), 1);
	came_from(p->from, EAR_UDP);
	send_udp(p->from, p->elsewhere, PORT, KNOCK);
	ck_assert_uint_eq(heard(), 1);
	send_udp(p->from, p->here, PORT + 1, KNOCK);
	ck_assert_uint_eq(heard(), 0);
	ck_assert_uint_eq(last.elsewhere, raw);
	ck_assert_int_eq(ear_bound(ear, 0) >= 0, !raw);
	ck_assert_int_eq(ear_bound(ear, 1), -1);
}
END_TEST

/* With the kernel's own client: MSG_FASTOPEN, and no cookie. */
START_TEST(syn_of_a_client)
{
	const struct place *p = &places[_i % 2];
	struct rtun_addr source = net_addr(p->from, 4321), target = net_addr(p->here, PORT);
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&target, &ss);
	int on = 1, err = 0, fd = net_bind(&source, SOCK_STREAM, 0);
	socklen_t err_len = sizeof(err);
	open_ear(_i >= 2, p->wildcard);
	ck_assert(ear_hears_syn(ear));
	ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &on, sizeof(on)), 0);
	ck_assert_int_eq(sendto(fd, big, KNOCK, MSG_FASTOPEN, (struct sockaddr *)&ss, len), KNOCK);
	ck_assert_uint_eq(heard(), 1);
	came_from(p->from, EAR_SYN);
	/* and it is told what a closed port tells */
	ck_assert(net_poll(fd, POLLIN, NET_WAIT));
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &err_len), 0);
	ck_assert_int_eq(err, ECONNREFUSED);
	close(fd);
}
END_TEST

START_TEST(segments)
{
	static const uint8_t wrong_flags[] = {0, NET_FIN, NET_RST, NET_ACK, NET_SYN | NET_ACK, NET_SYN | NET_FIN, NET_SYN | NET_RST, 0xff};
	static const uint8_t right_flags[] = {NET_SYN, NET_SYN | 0x08, NET_SYN | 0xc0, NET_SYN | 0x20}; /* PSH, ECN, URG */
	const struct place *p = &places[_i];
	open_ear(true, p->wildcard);
	for (size_t i = 0; i < sizeof(wrong_flags); i++)
		send_tcp(p->from, p->here, PORT, wrong_flags[i], 20, KNOCK);
	send_tcp(p->from, p->here, PORT, NET_SYN, 20, 0);
	for (size_t header = 20; header <= 60; header += 4) {
		send_tcp(p->from, p->here, PORT, NET_SYN, header, KNOCK - 4);
		send_tcp(p->from, p->here, PORT, NET_SYN, header, KNOCK - 1);
		send_tcp(p->from, p->here, PORT, NET_SYN, header, KNOCK + 1);
	}
	ck_assert_uint_eq(heard() + last.elsewhere, 0);
	for (size_t header = 20; header <= 60; header += 4) {
		send_tcp(p->from, p->here, PORT, NET_SYN, header, KNOCK);
		ck_assert_uint_eq(heard(), 1);
		came_from(p->from, EAR_SYN);
	}
	for (size_t i = 0; i < sizeof(right_flags); i++) {
		send_tcp(p->from, p->here, PORT, right_flags[i], 20, KNOCK);
		ck_assert_uint_eq(heard(), 1);
	}
	send_tcp(p->from, p->here, PORT + 1, NET_SYN, 20, KNOCK);
	ck_assert_uint_eq(heard(), 0);
	ck_assert_uint_eq(last.elsewhere, 1);
}
END_TEST

/* Headers between IP and UDP or TCP. */
START_TEST(options)
{
	static const uint8_t v4_options[40] = {1, 1, 1, 1, 1, 1, 1, 1}, v6_options[8] = {0, 0, 1, 4};
	const struct place *p = &places[_i % 2];
	bool raw = _i >= 2, v4 = p == places;
	struct rtun_addr source = net_addr(p->from, 4321), target = net_addr(p->here, PORT);
	uint8_t segment[300];
	int udp = net_bind(&source, SOCK_DGRAM, 0), tcp = net_bind(&source, SOCK_RAW, IPPROTO_TCP);
	open_ear(raw, p->wildcard);
	const int fds[] = {udp, tcp};
	for (int i = 0; i < 2; i++) {
		if (v4)
			ck_assert_int_eq(setsockopt(fds[i], IPPROTO_IP, IP_OPTIONS, v4_options, i ? 40 : 8), 0);
		else
			ck_assert_int_eq(setsockopt(fds[i], IPPROTO_IPV6, IPV6_DSTOPTS, v6_options, sizeof(v6_options)), 0);
	}
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&target, &ss);
	ck_assert_int_eq(sendto(udp, big, KNOCK, 0, (struct sockaddr *)&ss, len), KNOCK);
	ck_assert_uint_eq(heard(), 1);
	came_from(p->from, EAR_UDP);
	net_send(tcp, &target, segment, net_segment(segment, &source, &target, NET_SYN, 60, big, KNOCK));
	ck_assert_uint_eq(heard(), 1);
	came_from(p->from, EAR_SYN);
	close(udp), close(tcp);
}
END_TEST

/* An IPv4 packet of our own making: `total` bytes of UDP header and data, of which the UDP header says `said`; sent as they are, or
 * in two fragments. */
static void send_made_up(const struct place *p, size_t total, uint32_t said, bool fragments)
{
	struct rtun_addr source = net_addr(p->from, 0), target = net_addr(p->here, 0);
	uint8_t packet[400] = {0x45, 0, 0, 0, 0x12, 0x34, 0, 0, 64, IPPROTO_UDP}, udp[300] = {0};
	int raw = net_bind(&source, SOCK_RAW, IPPROTO_RAW);
	memcpy(udp, (const uint8_t[]){4321 >> 8, 4321 & 255, PORT >> 8, PORT & 255, (uint8_t)(said >> 8), (uint8_t)said}, 6);
	memcpy(udp + 8, big, total - 8);
	memcpy(packet + 12, source.ip, 4);
	memcpy(packet + 16, target.ip, 4);
	for (size_t at = 0, cut = fragments ? 96 : total; at < total; at = cut, cut = total) {
		packet[6] = cut < total ? 0x20 : 0; /* more fragments */
		packet[7] = (uint8_t)(at / 8);
		memcpy(packet + 20, udp + at, cut - at);
		net_send(raw, &target, packet, 20 + cut - at); /* the kernel fills in length and checksum */
	}
	close(raw);
}

START_TEST(made_up)
{
	const struct place *p = &places[0];
	bool raw = _i;
	open_ear(raw, p->wildcard);
	send_made_up(p, 8 + KNOCK, 8 + KNOCK, false);
	ck_assert_uint_eq(heard(), 1);
	came_from(p->from, EAR_UDP);
	send_made_up(p, 8 + KNOCK, 8 + KNOCK, true);
	ck_assert_uint_eq(heard(), 1);
	came_from(p->from, EAR_UDP);
	send_made_up(p, 8 + KNOCK, 8 + KNOCK - 1, false);
	send_made_up(p, 8 + KNOCK, 8 + KNOCK + 1, false);
	send_made_up(p, 8 + KNOCK, 0, false);
	ck_assert_uint_eq(heard() + last.elsewhere, 0);
	/* bytes behind the datagram: the kernel cuts them off before a bound socket sees it */
	send_made_up(p, 8 + KNOCK + 1, 8 + KNOCK, false);
	ck_assert_uint_eq(heard(), !raw);
}
END_TEST

/* ---- what the sender sees ---- */

static int udp_answer(const char *from, const char *to, size_t len)
{
	struct rtun_addr source = net_addr(from, 0), target = net_addr(to, PORT);
	struct sockaddr_storage ss;
	socklen_t ss_len = addr_to_sockaddr(&target, &ss);
	char byte;
	int fd = net_bind(&source, SOCK_DGRAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&ss, ss_len), 0);
	ck_assert_int_eq(send(fd, big, len, 0), (ssize_t)len);
	ck_assert_int_lt(recv(fd, &byte, 1, 0), 0); /* loopback has answered by now */
	int err = errno;
	close(fd);
	return err;
}

START_TEST(answers)
{
	const struct place *p = &places[_i % 2];
	bool raw = _i >= 2;
	open_ear(raw, p->wildcard);
	for (int round = 0; round < 3; round++) {
		ck_assert_int_eq(udp_answer(p->from, p->here, KNOCK), raw ? ECONNREFUSED : EAGAIN);
		ck_assert_int_eq(udp_answer(p->from, p->here, KNOCK - 1), raw ? ECONNREFUSED : EAGAIN);
	}
	ck_assert_uint_eq(heard(), 3);
	net_expect(NET_CLOSED, p->from, p->here, PORT);
}
END_TEST

START_TEST(specific_address)
{
	const struct place *p = &places[_i % 2];
	bool raw = _i >= 2;
	open_ear(raw, p->here);
	send_udp(p->from, p->elsewhere, PORT, KNOCK);
	send_tcp(p->from, p->elsewhere, PORT, NET_SYN, 20, KNOCK);
	ck_assert_uint_eq(heard() + last.elsewhere, 0);
	send_udp(p->from, p->here, PORT, KNOCK);
	send_tcp(p->from, p->here, PORT, NET_SYN, 20, KNOCK);
	ck_assert_uint_eq(heard(), 2);
}
END_TEST

/* As many addresses as there may be, of both families; one more is told. */
START_TEST(many_endpoints)
{
	bool raw = _i;
	for (uint16_t i = 0; i < EAR_ENDPOINTS; i++)
		endpoint(places[i % 2].wildcard, (uint16_t)(PORT + i / 2));
	ck_assert_int_eq(create(raw, NULL), 0);
	ear_start(ear);
	for (uint16_t i = 0; i < EAR_ENDPOINTS; i++) {
		send_udp(places[i % 2].from, places[i % 2].here, (uint16_t)(PORT + i / 2), KNOCK);
		send_tcp(places[i % 2].from, places[i % 2].here, (uint16_t)(PORT + i / 2), NET_SYN, 20, KNOCK);
		ck_assert_uint_eq(heard(), 2);
		ck_assert_uint_eq(last.elsewhere, (uint32_t)(EAR_ENDPOINTS / 2 - 1) * (raw ? 2 : 1));
		ck_assert_int_eq(ear_bound(ear, i) >= 0, !raw);
	}
	ear_destroy(&ear);
	endpoint("127.0.0.1", PORT);
	ck_assert_int_eq(create(raw, NULL), -RTUN_EINVAL);
	ck_assert(strstr(why, "16"));
	ck_assert_ptr_null(ear);
}
END_TEST

/* ---- life ---- */

static long calls, fail_at;
static bool armed, failed;

static bool fails(void)
{
	if (!armed || ++calls != fail_at)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

#define WRAP(type, name, failure, parameters, arguments) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters { return fails() ? (failure) : __real_##name arguments; }
WRAP(void *, malloc, NULL, (size_t size), (size))
WRAP(void *, calloc, NULL, (size_t n, size_t size), (n, size))
WRAP(void *, realloc, NULL, (void *p, size_t size), (p, size))
WRAP(int, socket, -1, (int family, int type, int protocol), (family, type, protocol))
WRAP(int, bind, -1, (int fd, const struct sockaddr *a, socklen_t len), (fd, a, len))
WRAP(int, setsockopt, -1, (int fd, int level, int option, const void *p, socklen_t len), (fd, level, option, p, len))

static void on_turn_end(void *arg)
{
	(void)arg;
	if (last.here - turn_before > turn_most)
		turn_most = last.here - turn_before;
	turn_before = last.here;
}

/* Knocks that came before the start are kept; many are taken in turns of a limited length, without memory for each. */
START_TEST(batches)
{
	const struct place *p = &places[_i % 2];
	const uint32_t count = 1000;
	endpoint(p->wildcard, PORT);
	ck_assert_int_eq(create(_i >= 2, NULL), 0);
	for (uint32_t i = 0; i < count; i++)
		send_udp(p->from, p->here, PORT, KNOCK);
	loop_advance(bed.loop, RTUN_S);
	ck_assert_uint_eq(last.here, 0);
	ck_assert_int_eq(rtun_defer_create(&hc.ctx, on_turn_end, NULL, &turn_end), 0);
	ear_start(ear);
	turn_before = turn_most = 0;
	calls = 0, fail_at = -1, armed = true;
	for (int i = 0; i < 100 && last.here < count; i++)
		loop_advance(bed.loop, RTUN_MS);
	armed = false;
	ck_assert_uint_eq(last.here, count);
	ck_assert_uint_gt(turn_most, 0);
	ck_assert_uint_le(turn_most, 256);
	ck_assert_int_eq(calls, 0);
	rtun_defer_destroy(&turn_end);
}
END_TEST

START_TEST(destroyed_inside)
{
	bool raw = _i;
	open_ear(raw, "127.0.0.1");
	for (int i = 0; i < 100; i++)
		send_udp("127.1.0.1", "127.0.0.1", PORT, KNOCK);
	destroy_inside = true;
	ck_assert_uint_eq(heard(), 1);
	ck_assert_ptr_null(ear);
	ck_assert_uint_eq(heard(), 0);
}
END_TEST

/* A supervisor kept the socket, and what has come meanwhile. */
START_TEST(kept_over_a_restart)
{
	endpoint("0.0.0.0", PORT);
	endpoint("::", PORT);
	ck_assert_int_eq(create(false, NULL), 0);
	const int kept[] = {dup(ear_bound(ear, 0)), -1};
	ear_destroy(&ear);
	send_udp("127.1.0.1", "127.0.0.1", PORT, KNOCK);
	send_udp("127.1.0.1", "127.0.0.1", PORT, KNOCK + 1);
	ck_assert_int_eq(create(false, kept), 0);
	ck_assert_int_eq(ear_bound(ear, 0), kept[0]);
	ear_start(ear);
	ck_assert_uint_eq(heard(), 1);
	came_from("127.1.0.1", EAR_UDP);
	send_udp("fd03::1", "fd01::1", PORT, KNOCK);
	ck_assert_uint_eq(heard(), 1);
}
END_TEST

/* Whoever takes this process over has sockets that hear knocks and nothing else, and can't forge packets. (That they send nothing
 * at all is the sandbox's business: tests/e2e/sandbox.sh.) */
START_TEST(sealed)
{
	static const struct rtun_addr anywhere = {.family = 4, .ip = {127, 0, 0, 1}, .port = 7777};
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&anywhere, &ss);
	uint8_t packet[64] = {0x45, 0, 0, 64};
	int first = dup(0), sockets = 0, on = 1;
	close(first);
	endpoint("0.0.0.0", PORT);
	ck_assert_int_eq(create(_i, NULL), 0);
	for (int fd = first; fd < first + 16; fd++) {
		int type;
		socklen_t type_len = sizeof(type);
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 || type == SOCK_STREAM)
			continue;
		sockets++;
		ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &on, sizeof(on)), -1);
		if (type == SOCK_RAW)
			setsockopt(fd, IPPROTO_IP, IP_HDRINCL, &on, sizeof(on));
		ck_assert_int_eq(sendto(fd, packet, sizeof(packet), MSG_NOSIGNAL, (struct sockaddr *)&ss, len), -1);
	}
	ck_assert_int_ge(sockets, 2);
}
END_TEST

START_TEST(without_capabilities)
{
	net_drop_capabilities();
	endpoint("0.0.0.0", PORT);
	ck_assert_int_eq(create(true, NULL), -RTUN_ENOTSUP);
	ck_assert(strstr(why, "CAP_NET_RAW") && strstr(why, "conceal: filtered"));
	ck_assert_ptr_null(ear);
	ck_assert_msg(create(false, NULL) == 0, "%s", why);
	ck_assert(!ear_hears_syn(ear));
	ear_start(ear);
	send_udp("127.1.0.1", "127.0.0.1", PORT, KNOCK);
	ck_assert_uint_eq(heard(), 1);
}
END_TEST

START_TEST(taken_port)
{
	struct rtun_addr a = net_addr("0.0.0.0", PORT);
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&a, &ss);
	int other = net_socket(&a, SOCK_DGRAM, 0);
	ck_assert_int_eq(bind(other, (struct sockaddr *)&ss, len), 0);
	endpoint("0.0.0.0", PORT);
	ck_assert_int_eq(create(false, NULL), -RTUN_EIO);
	ck_assert(strstr(why, "9000") && strstr(why, "ss -lunp"));
	close(other);
}
END_TEST

START_TEST(each_failure)
{
	bool raw = _i == 1, given = _i == 2;
	int before = net_descriptors(), failures = 0;
	endpoint("0.0.0.0", PORT);
	endpoint("::", PORT);
	for (fail_at = 1;; fail_at++) {
		struct rtun_addr a = endpoints[0].addr;
		int bound[] = {given ? net_bind(&a, SOCK_DGRAM, 0) : -1, -1};
		calls = 0, failed = false, armed = true;
		int r = create(raw, bound);
		armed = false;
		/* a smaller buffer than was asked for is no failure */
		ck_assert_msg(r == 0 || (failed && why[0] && !ear), "%ld: %d %s", fail_at, r, why);
		if (r == 0) {
			ear_start(ear);
			send_udp("127.1.0.1", "127.0.0.1", PORT, KNOCK);
			ck_assert_uint_eq(heard(), 1);
			ear_destroy(&ear);
			loop_turn(bed.loop);
		}
		failures += r != 0;
		ck_assert_int_eq(net_descriptors(), before);
		if (!failed)
			break;
	}
	ck_assert_int_gt(failures, 10);
}
END_TEST

/* ---- */

static bool raw_possible(void)
{
	pid_t child = fork();
	int status = 1;
	if (child == 0)
		_exit(net_enter() && socket(AF_INET, SOCK_RAW, IPPROTO_TCP) >= 0 ? 0 : 1);
	if (child > 0 && waitpid(child, &status, 0) == child && status == 0)
		return true;
	puts("skipped: no right to make raw sockets");
	return false;
}

int main(void)
{
	if (!net_possible() || !raw_possible())
		return NET_SKIPPED;
	Suite *s = suite_create("ear");
	TCase *t = tcase_create("ear");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, datagrams, 0, 4);
	tcase_add_loop_test(t, syn_of_a_client, 0, 4);
	tcase_add_loop_test(t, segments, 0, 2);
	tcase_add_loop_test(t, options, 0, 4);
	tcase_add_loop_test(t, made_up, 0, 2);
	tcase_add_loop_test(t, answers, 0, 4);
	tcase_add_loop_test(t, specific_address, 0, 4);
	tcase_add_loop_test(t, many_endpoints, 0, 2);
	tcase_add_loop_test(t, batches, 0, 4);
	tcase_add_loop_test(t, destroyed_inside, 0, 2);
	tcase_add_test(t, kept_over_a_restart);
	tcase_add_loop_test(t, sealed, 0, 2);
	tcase_add_test(t, without_capabilities);
	tcase_add_test(t, taken_port);
	tcase_add_loop_test(t, each_failure, 0, 3);
	suite_add_tcase(s, t);
	return bed_run(s);
}
