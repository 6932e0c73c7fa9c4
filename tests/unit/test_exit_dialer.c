/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The exit's dialer: a name server and targets inside the test, the time virtual. Names and addresses are judged by the
 * real tables of ipfilter, but for the loopback addresses on which the targets of most tests listen.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../modules/ipfilter/name.c"
#include "../../modules/ipfilter/range.c"

/* Name servers are asked at their usual port, which a test can't have: only this differs. */
#include <ares.h>
static int init_with_port(ares_channel *channel, struct ares_options *o, int mask);
#define ares_init_options init_with_port
#include "../../modules/exit_dialer/lookup.c"
#undef ares_init_options
#include "../../modules/exit_dialer/nat64.c"
#include "../../modules/exit_dialer/dial.c"
#include "../../modules/exit_dialer/exit_dialer.c"

#include "bed.h"

static struct host_ctx hc;
static struct exit_dialer_options options;
static struct exit_dialer *dialer;
static const struct rtun_dialer_ops *ops;

/* ---- the filter ---- */

static struct {
	bool loopback_too;
	bool no_way6; /* to IPv6 addresses, as on a machine without a route for them */
	uint32_t names, sets, translations;
	struct rtun_addr translated; /* what was said last about ipv4only.arpa */
} judge;

static int judge_name(void *obj, const char *host, uint64_t len, uint16_t port, uint32_t protocol, char why[RTUN_FILTER_WHY])
{
	const char *objection = ipfilter_name_objection(host, len);
	(void)obj, (void)port, (void)protocol;
	judge.names++;
	if (objection)
		snprintf(why, RTUN_FILTER_WHY, "%s", objection);
	return objection ? -RTUN_EDENIED : 0;
}

static int judge_all(void *obj, const struct rtun_addr *a, uint32_t n, uint32_t protocol, char why[RTUN_FILTER_WHY])
{
	struct rtun_addr v4;
	(void)obj, (void)protocol, (void)why;
	judge.sets++;
	for (uint32_t i = 0; i < n; i++) {
		bool loopback = judge.loopback_too && a[i].family == 4 && a[i].ip[0] == 127;
		bool embedded_bad = ipfilter_range_embedded(&a[i], &v4) && !ipfilter_range_public(&v4);
		if (!loopback && (!ipfilter_range_public(&a[i]) || embedded_bad))
			return -RTUN_EDENIED;
	}
	return judge.no_way6 && n == 1 && a->family == 6 ? -RTUN_EUNREACHABLE : 0;
}

static const struct rtun_filter_ops judge_ops = {.size = sizeof(judge_ops), .name = judge_name, .addresses = judge_all};

static void judge_translated(void *obj, const struct rtun_addr *a, uint32_t n)
{
	(void)obj;
	judge.translations++;
	judge.translated = a[0];
	ck_assert_uint_eq(n, 1);
}

static const struct rtun_filter_ops translating_ops = {
	.size = sizeof(judge_ops), .name = judge_name, .addresses = judge_all, .translated = judge_translated,
};

/* ---- the name server ---- */

static struct {
	int fd, tcp_fd, tcp[4];
	uint16_t port;
	uint32_t questions;
	char last[256]; /* the name last asked for */
	/* What it says: "A 1.2.3.4; AAAA ::1; CNAME x.y", "NXDOMAIN", "SERVFAIL", "" (no such record). */
	char records[4096];
	bool silent4, silent6;
} dns;

static char resolv_path[64];

/* -1: the port is taken. */
static int try_socket(int type, const char *ip, uint16_t *port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(*port)};
	socklen_t len = sizeof(sin);
	int on = 1, fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, ip, &sin.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0) {
		close(fd);
		return -1;
	}
	getsockname(fd, (struct sockaddr *)&sin, &len);
	*port = ntohs(sin.sin_port);
	return fd;
}

static int bound_socket(int type, const char *ip, uint16_t *port)
{
	int fd = try_socket(type, ip, port);
	ck_assert_msg(fd >= 0, "no socket on %s:%u: %s", ip, *port, strerror(errno));
	return fd;
}

/* One port for both. */
static void dns_open(void)
{
	for (int i = 0; i < 20; i++) {
		dns.port = 0;
		dns.fd = bound_socket(SOCK_DGRAM, "127.0.0.1", &dns.port);
		dns.tcp_fd = try_socket(SOCK_STREAM, "127.0.0.1", &dns.port);
		if (dns.tcp_fd >= 0)
			break;
		close(dns.fd);
	}
	ck_assert_int_eq(listen(dns.tcp_fd, 4), 0);
}

static int init_with_port(ares_channel *channel, struct ares_options *o, int mask)
{
	struct ares_addr_port_node *list;
	int r = ares_init_options(channel, o, mask);
	ck_assert_int_eq(r, ARES_SUCCESS);
	ck_assert_int_eq(ares_get_servers_ports(*channel, &list), ARES_SUCCESS);
	for (struct ares_addr_port_node *n = list; n; n = n->next)
		n->udp_port = n->tcp_port = dns.port;
	ck_assert_int_eq(ares_set_servers_ports(*channel, list), ARES_SUCCESS);
	ares_free_data(list);
	return r;
}

static void write_resolv(const char *ip)
{
	FILE *f = fopen(resolv_path, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "nameserver %s\nsearch search.example.net\noptions ndots:5\n", ip);
	fclose(f);
}

static size_t put_name(uint8_t *p, const char *name)
{
	size_t n = 0;
	while (*name) {
		size_t len = strcspn(name, ".");
		p[n++] = (uint8_t)len;
		memcpy(p + n, name, len);
		n += len;
		name += len + (name[len] == '.');
	}
	p[n++] = 0;
	return n;
}

static size_t put_record(uint8_t *p, const char *owner, uint16_t type, const void *rdata, size_t len)
{
	size_t n = put_name(p, owner);
	uint8_t fixed[10] = {0, (uint8_t)type, 0, 1, 0, 0, 0, 60, (uint8_t)(len >> 8), (uint8_t)len};
	memcpy(p + n, fixed, sizeof(fixed));
	memcpy(p + n + sizeof(fixed), rdata, len);
	return n + sizeof(fixed) + len;
}

/* The question's name and type; the length of header and question. */
static size_t read_question(const uint8_t *q, char name[256], uint16_t *type)
{
	size_t at = 12, n = 0;
	for (; q[at]; at += 1U + q[at]) {
		memcpy(name + n, q + at + 1, q[at]);
		n += q[at];
		name[n++] = '.';
	}
	name[n ? n - 1 : 0] = '\0';
	*type = (uint16_t)(q[at + 1] << 8 | q[at + 2]);
	return at + 5;
}

static size_t dns_records(uint8_t *out, const char *name, uint16_t type, uint16_t *ret_count)
{
	char copy[sizeof(dns.records)], owner[256], *save, *item;
	size_t n = 0;
	snprintf(copy, sizeof(copy), "%s", dns.records);
	snprintf(owner, sizeof(owner), "%s", name);
	for (item = strtok_r(copy, ";", &save); item; item = strtok_r(NULL, ";", &save)) {
		char kind[16], value[256];
		uint8_t rdata[256];
		if (sscanf(item, " %15s %255s", kind, value) != 2)
			continue;
		if (strcmp(kind, "CNAME") == 0) {
			n += put_record(out + n, owner, 5, rdata, put_name(rdata, value));
			snprintf(owner, sizeof(owner), "%s", value);
		} else if (strcmp(kind, "A") == 0 && type == 1 && inet_pton(AF_INET, value, rdata) == 1) {
			n += put_record(out + n, owner, 1, rdata, 4);
		} else if (strcmp(kind, "AAAA") == 0 && type == 28 && inet_pton(AF_INET6, value, rdata) == 1) {
			n += put_record(out + n, owner, 28, rdata, 16);
		} else {
			continue;
		}
		++*ret_count;
	}
	return n;
}

/* The length of the answer to question `q`; 0: none is given. */
static size_t dns_answer(const uint8_t *q, uint8_t *a)
{
	uint16_t type, count = 0;
	size_t n = read_question(q, dns.last, &type);
	dns.questions++;
	if ((type == 1 && dns.silent4) || (type == 28 && dns.silent6))
		return 0;
	memcpy(a, q, n);
	n += dns_records(a + n, dns.last, type, &count);
	a[2] = 0x84;
	a[3] = strcmp(dns.records, "NXDOMAIN") == 0 ? 0x83 : strcmp(dns.records, "SERVFAIL") == 0 ? 0x82 : 0x80;
	a[6] = (uint8_t)(count >> 8);
	a[7] = (uint8_t)count;
	memset(a + 8, 0, 4);
	return n;
}

/* Questions that come again over TCP, because the answer was too long for a datagram. */
static void dns_serve_tcp(void)
{
	uint8_t q[1024], a[16384];
	for (size_t i = 0; i < sizeof(dns.tcp) / sizeof(dns.tcp[0]); i++) {
		if (dns.tcp[i] <= 0)
			dns.tcp[i] = accept4(dns.tcp_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		while (dns.tcp[i] > 0 && recv(dns.tcp[i], q, 2, MSG_WAITALL) == 2) {
			recv(dns.tcp[i], q, (size_t)(q[0] << 8 | q[1]), MSG_WAITALL);
			size_t n = dns_answer(q, a + 2);
			a[0] = (uint8_t)(n >> 8);
			a[1] = (uint8_t)n;
			ck_assert_int_eq(send(dns.tcp[i], a, n + 2, MSG_NOSIGNAL), (ssize_t)(n + 2));
		}
	}
}

static void dns_serve(void)
{
	uint8_t q[1024], a[16384];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t got_len;
	while ((got_len = recvfrom(dns.fd, q, sizeof(q), 0, (struct sockaddr *)&from, &len)) > 0) {
		size_t n = dns_answer(q, a);
		if (n > 512) { /* truncated */
			n = (size_t)got_len;
			memcpy(a, q, n);
			a[2] = 0x86;
			a[3] = 0x80;
		}
		if (n)
			sendto(dns.fd, a, n, 0, (struct sockaddr *)&from, len);
	}
	dns_serve_tcp();
}

static void turns(void)
{
	for (int i = 0; i < 8; i++) {
		bed_turns(2);
		dns_serve();
	}
}

/* ---- the dial ---- */

static struct {
	uint32_t calls, err;
	char why[256];
	struct rtun_addr bound;
	struct rtun_stream *s;
	struct rtun_op *op;
	bool inside;
} got;

static void on_result(void *arg, const struct rtun_dial_result *r)
{
	(void)arg;
	ck_assert(!got.inside);
	ck_assert_ptr_nonnull(r->why);
	got.calls++;
	got.err = r->err;
	got.op = NULL;
	got.bound = r->bound;
	snprintf(got.why, sizeof(got.why), "%s", r->why);
	if (!r->err) {
		got.s = *r->s;
		*r->s = NULL;
	}
}

/* Time for a refusal to be told. */
static void refusal(void)
{
	turns();
	loop_advance(bed.loop, REFUSAL_DELAY);
	bed_turns(2);
}

static void dial_addr(const char *ip, uint16_t port)
{
	struct rtun_dial_req req = {.size = sizeof(req), .addr = {.family = strchr(ip, ':') ? 6 : 4, .port = port}};
	ck_assert_int_eq(inet_pton(req.addr.family == 4 ? AF_INET : AF_INET6, ip, req.addr.ip), 1);
	got.inside = true;
	ck_assert_int_eq(ops->dial(bed.obj, &req, on_result, NULL, &got.op), 0);
	got.inside = false;
}

static void dial_name(const char *host, uint16_t port)
{
	struct rtun_dial_req req = {.size = sizeof(req), .host = host, .addr = {.port = port}};
	got.inside = true;
	ck_assert_int_eq(ops->dial(bed.obj, &req, on_result, NULL, &got.op), 0);
	got.inside = false;
}

static struct { /* by catch_connect() */
	uint32_t connects;
	struct rtun_addr to;
} caught;

static void setup(void)
{
	bed_setup(true, &hc);
	memset(&got, 0, sizeof(got));
	memset(&dns, 0, sizeof(dns));
	memset(&judge, 0, sizeof(judge));
	memset(&caught, 0, sizeof(caught));
	judge.loopback_too = true;
	dns_open();
	snprintf(resolv_path, sizeof(resolv_path), "/tmp/restunnel-resolv-%d", (int)getpid());
	write_resolv("127.0.0.1");
	options = (struct exit_dialer_options){.filter = {.ops = &judge_ops}, .connect_timeout = 10 * RTUN_S, .dns_timeout = 5 * RTUN_S,
					       .max_connections = 8, .resolv_conf = resolv_path};
	ck_assert_int_eq(rtun_module.create(&hc.ctx, &options), 0);
	dialer = hc.ctx.self;
	ops = bed.ops;
}

static void teardown(void)
{
	rtun_close(&got.s);
	rtun_op_cancel(&got.op);
	bed_turns(2);
	rtun_module.stop(&hc.ctx);
	rtun_module.destroy(&hc.ctx);
	bed_teardown();
	close(dns.fd);
	close(dns.tcp_fd);
	for (int i = 0; i < 4; i++)
		if (dns.tcp[i] > 0)
			close(dns.tcp[i]);
	unlink(resolv_path);
}

static int target_listen(const char *ip, uint16_t *port)
{
	int fd = bound_socket(SOCK_STREAM, ip, port);
	ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

/* A listener whose queue is full: who connects now waits. */
static void target_hang(const char *ip, uint16_t port, int fds[5])
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
	inet_pton(AF_INET, ip, &sin.sin_addr);
	fds[0] = bound_socket(SOCK_STREAM, ip, &port);
	ck_assert_int_eq(listen(fds[0], 0), 0);
	for (int i = 1; i < 5; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fds[i], (struct sockaddr *)&sin, sizeof(sin));
	}
}

static void close_all(const int *fds, int n)
{
	while (n--)
		close(fds[n]);
}

/* ---- addresses ---- */

START_TEST(address_is_connected_to)
{
	uint16_t port = 0;
	int fd = target_listen("127.0.0.1", &port), peer;
	char buf[16];
	dial_addr(_i ? "::ffff:127.0.0.1" : "127.0.0.1", port);
	turns();
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_msg(got.err == 0, "%s", got.why);
	ck_assert(got.bound.family == 4 && got.bound.port != 0 && got.bound.ip[0] == 127);
	peer = accept(fd, NULL, NULL);
	ck_assert_int_ge(peer, 0);
	ck_assert_int_eq(rtun_write(got.s, "hi", 2), 2);
	ck_assert_int_eq(recv(peer, buf, sizeof(buf), 0), 2);
	ck_assert_uint_eq(dns.questions, 0);
	ck_assert_uint_eq(judge.sets, 2); /* before and after */
	close(peer);
	close(fd);
}
END_TEST

START_TEST(address_is_refused)
{
	static const char *const private[] = {"10.0.0.1", "169.254.169.254", "::1", "fe80::1", "::ffff:192.168.1.1", "64:ff9b::10.0.0.1", "0.0.0.0"};
	dial_addr(private[_i], 443);
	refusal();
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_uint_eq(got.err, RTUN_EDENIED);
}
END_TEST

START_TEST(refused_by_the_target)
{
	uint16_t port = 0;
	close(bound_socket(SOCK_STREAM, "127.0.0.1", &port));
	dial_addr("127.0.0.1", port);
	turns();
	ck_assert_uint_eq(got.err, RTUN_EREFUSED);
}
END_TEST

START_TEST(target_never_answers)
{
	uint16_t port = 0;
	int fds[5], limit = _i ? 3 : 10;
	struct rtun_dial_req req = {.size = sizeof(req), .timeout = _i ? 3 * RTUN_S : 0, .addr = {.family = 4, .ip = {127, 0, 0, 3}}};
	close(bound_socket(SOCK_STREAM, "127.0.0.3", &port));
	target_hang("127.0.0.3", port, fds);
	req.addr.port = port;
	ck_assert_int_eq(ops->dial(bed.obj, &req, on_result, NULL, &got.op), 0);
	turns();
	loop_advance(bed.loop, (uint64_t)limit * RTUN_S - RTUN_MS);
	ck_assert_uint_eq(got.calls, 0);
	loop_advance(bed.loop, 2 * RTUN_MS);
	ck_assert_uint_eq(got.err, RTUN_ETIMEOUT);
	close_all(fds, 5);
}
END_TEST

/* ---- names ---- */

START_TEST(name_is_looked_up_once_and_rooted)
{
	uint16_t port = 0;
	int fd = target_listen("127.0.0.1", &port);
	snprintf(dns.records, sizeof(dns.records), "A 127.0.0.1");
	dial_name(_i ? "host.example.org." : "host.example.org", port);
	turns();
	ck_assert_msg(got.calls == 1 && got.err == 0, "%s", got.why);
	ck_assert_uint_eq(dns.questions, 2);
	ck_assert_str_eq(dns.last, "host.example.org");
	ck_assert_uint_eq(judge.names, 1);
	ck_assert_uint_eq(judge.sets, 2);
	close(fd);
}
END_TEST

START_TEST(cname_is_followed)
{
	uint16_t port = 0;
	int fd = target_listen("127.0.0.1", &port);
	snprintf(dns.records, sizeof(dns.records), "CNAME www.example.net; A 127.0.0.1");
	dial_name("host.example.org", port);
	turns();
	ck_assert_msg(got.calls == 1 && got.err == 0, "%s", got.why);
	close(fd);
}
END_TEST

START_TEST(denied_name_is_never_asked)
{
	static const char *const names[] = {"localhost", "printer.local", "127.1", "8.8.8.8", "a b.com", "router", "", "x.internal"};
	dial_name(names[_i], 443);
	refusal();
	ck_assert_uint_eq(got.err, RTUN_EDENIED);
	ck_assert_str_ne(got.why, "");
	ck_assert_uint_eq(dns.questions, 0);
}
END_TEST

START_TEST(name_has_no_address)
{
	static const char *const says[] = {"NXDOMAIN", "", "SERVFAIL", "CNAME other.example.net"};
	snprintf(dns.records, sizeof(dns.records), "%s", says[_i]);
	dial_name("host.example.org", 443);
	turns();
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_uint_eq(got.err, RTUN_EDNS);
	ck_assert_uint_eq(judge.sets, 0);
}
END_TEST

START_TEST(name_servers_are_silent)
{
	dns.silent4 = dns.silent6 = true;
	dial_name("host.example.org", 443);
	turns();
	loop_advance(bed.loop, 5 * RTUN_S - RTUN_MS);
	ck_assert_uint_eq(got.calls, 0);
	loop_advance(bed.loop, 2 * RTUN_MS);
	ck_assert_uint_eq(got.err, RTUN_EDNS);
}
END_TEST

START_TEST(second_answer_gets_a_quarter_of_a_second)
{
	uint16_t port = 0;
	int fd = target_listen("127.0.0.1", &port);
	dns.silent6 = true;
	snprintf(dns.records, sizeof(dns.records), "A 127.0.0.1");
	dial_name("host.example.org", port);
	turns();
	loop_advance(bed.loop, 249 * RTUN_MS);
	ck_assert_uint_eq(got.calls, 0);
	ck_assert_uint_eq(judge.sets, 0);
	loop_advance(bed.loop, 2 * RTUN_MS);
	turns();
	ck_assert_msg(got.calls == 1 && got.err == 0, "%s", got.why);
	close(fd);
}
END_TEST

START_TEST(no_address_of_one_family_waits_for_the_other)
{
	dns.silent4 = true;
	snprintf(dns.records, sizeof(dns.records), "A 127.0.0.1");
	dial_name("host.example.org", 443);
	turns();
	loop_advance(bed.loop, 2 * RTUN_S);
	ck_assert_uint_eq(got.calls, 0);
}
END_TEST

static int catch_connect(struct rtun_ctx *ctx, const struct rtun_connect_req *req, struct rtun_op **ret);

/* A long answer comes over TCP; one that is longer than what would be judged is not used at all. */
START_TEST(many_addresses)
{
	size_t n = 0;
	bed.host.connect = catch_connect;
	for (int i = 0; i < (_i ? 64 : 63); i++)
		n += (size_t)snprintf(dns.records + n, sizeof(dns.records) - n, "A 93.184.215.%d;", i);
	dial_name("host.example.org", 443);
	turns();
	ck_assert_uint_eq(dns.questions, 3);
	ck_assert_uint_eq(got.calls, _i);
	ck_assert_uint_eq(got.err, _i ? RTUN_EDNS : 0);
	ck_assert_uint_eq(judge.sets, _i ? 0 : 2); /* all, and once more the one that is tried first */
}
END_TEST

/* An address to which no way leads is not tried, and does not hold up the others. */
START_TEST(no_way_to_one_kind)
{
	uint16_t port = 0;
	int fd = target_listen("127.0.0.1", &port);
	judge.no_way6 = true;
	snprintf(dns.records, sizeof(dns.records), "A 127.0.0.1; AAAA 2606:4700::1");
	dial_name("host.example.org", port);
	turns();
	ck_assert_msg(got.calls == 1 && got.err == 0, "%s", got.why);
	ck_assert_uint_eq(judge.sets, 4);
	rtun_close(&got.s);
	got.calls = 0;
	dial_addr("2606:4700::1", port);
	turns();
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_uint_eq(got.err, RTUN_EUNREACHABLE);
	close(fd);
}
END_TEST

START_TEST(resolv_conf_is_read_again)
{
	uint16_t port = 0;
	int fd = target_listen("127.0.0.1", &port);
	snprintf(dns.records, sizeof(dns.records), "NXDOMAIN");
	dial_name("host.example.org", port);
	turns();
	ck_assert_uint_eq(got.err, RTUN_EDNS);
	close(dns.fd);
	dns.fd = bound_socket(SOCK_DGRAM, "127.0.0.2", &dns.port);
	write_resolv("127.0.0.2");
	snprintf(dns.records, sizeof(dns.records), "A 127.0.0.1");
	dial_name("host.example.org", port);
	turns();
	ck_assert_uint_eq(got.calls, 2);
	ck_assert_uint_eq(got.err, 0);
	close(fd);
}
END_TEST

/* ---- the race ---- */

START_TEST(second_address_after_a_quarter_of_a_second)
{
	uint16_t port = 0;
	int fd = target_listen("127.0.0.1", &port), fds[5];
	target_hang("127.0.0.3", port, fds);
	snprintf(dns.records, sizeof(dns.records), "A 127.0.0.3; A 127.0.0.1");
	dial_name("host.example.org", port);
	turns();
	loop_advance(bed.loop, 249 * RTUN_MS);
	ck_assert_uint_eq(got.calls, 0);
	ck_assert_uint_eq(dialer->dials->begun, 1);
	loop_advance(bed.loop, 2 * RTUN_MS);
	turns();
	ck_assert_msg(got.calls == 1 && got.err == 0, "%s", got.why);
	ck_assert_ptr_null(dialer->dials);
	close_all(fds, 5);
	close(fd);
}
END_TEST

START_TEST(next_address_at_once_when_one_fails)
{
	uint16_t port = 0;
	int fd = target_listen("127.0.0.1", &port);
	snprintf(dns.records, sizeof(dns.records), "A 127.0.0.4; A 127.0.0.5; A 127.0.0.1");
	dial_name("host.example.org", port);
	turns();
	ck_assert_msg(got.calls == 1 && got.err == 0, "%s", got.why);
	close(fd);
}
END_TEST

START_TEST(best_reason_is_told)
{
	uint16_t port = 0;
	int fds[5];
	close(bound_socket(SOCK_STREAM, "127.0.0.3", &port));
	target_hang("127.0.0.3", port, fds);
	snprintf(dns.records, sizeof(dns.records), "A 127.0.0.3; A 127.0.0.4");
	dial_name("host.example.org", port);
	turns();
	loop_advance(bed.loop, 11 * RTUN_S);
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_uint_eq(got.err, RTUN_EREFUSED);
	close_all(fds, 5);
}
END_TEST

static uint16_t elsewhere;

static int misdirect(struct rtun_ctx *ctx, const struct rtun_connect_req *req, struct rtun_op **ret)
{
	struct rtun_connect_req wrong = *req;
	wrong.to = (struct rtun_addr){.family = 4, .port = elsewhere, .ip = {127, 0, 0, 1}};
	return host_table.connect(ctx, &wrong, ret);
}

START_TEST(socket_that_got_elsewhere_is_not_used)
{
	int fd = target_listen("127.0.0.1", &elsewhere);
	bed.host.connect = misdirect;
	dial_addr("93.184.215.14", _i ? elsewhere : 443);
	refusal();
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_uint_eq(got.err, RTUN_EDENIED);
	close(fd);
}
END_TEST

/* Between the judgement and the connection the network has become another. */
START_TEST(neighbour_that_has_just_become_one)
{
	uint16_t port = 0;
	int fd = target_listen("127.0.0.1", &port);
	dial_addr("127.0.0.1", port);
	bed_turns(1);
	ck_assert_uint_eq(judge.sets, 1);
	judge.loopback_too = false;
	refusal();
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_uint_eq(got.err, RTUN_EDENIED);
	ck_assert_str_eq(got.why, NOT_PUBLIC);
	close(fd);
}
END_TEST

/* Whatever was refused, and why: the answer comes at the same time. */
START_TEST(refusals_take_their_time)
{
	static const char *const targets[] = {"10.0.0.1", "::1", "localhost", "host.example.org", "127.1"};
	uint64_t from = rtun_now(&hc.ctx);
	snprintf(dns.records, sizeof(dns.records), "A 192.168.1.1");
	if (_i < 2)
		dial_addr(targets[_i], 443);
	else
		dial_name(targets[_i], 443);
	turns();
	loop_advance(bed.loop, REFUSAL_DELAY - RTUN_MS - (rtun_now(&hc.ctx) - from));
	ck_assert_uint_eq(got.calls, 0);
	loop_advance(bed.loop, RTUN_MS);
	bed_turns(1);
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_uint_eq(got.err, RTUN_EDENIED);
	ck_assert_ptr_null(dialer->dials);
}
END_TEST

/* A slow name server: at the next multiple. */
START_TEST(late_refusal)
{
	dns.silent6 = true;
	snprintf(dns.records, sizeof(dns.records), "A 192.168.1.1");
	dial_name("host.example.org", 443);
	turns();
	loop_advance(bed.loop, RESOLUTION_DELAY + RTUN_MS);
	ck_assert_uint_eq(judge.sets, 1);
	loop_advance(bed.loop, 3 * REFUSAL_DELAY - RESOLUTION_DELAY - 2 * RTUN_MS);
	ck_assert_uint_eq(got.calls, 0);
	loop_advance(bed.loop, 2 * RTUN_MS);
	ck_assert_uint_eq(got.err, RTUN_EDENIED);
}
END_TEST

START_TEST(refusal_is_cancelled)
{
	dial_addr("10.0.0.1", 443);
	turns();
	rtun_op_cancel(&got.op);
	ck_assert_ptr_null(dialer->dials);
	loop_advance(bed.loop, RTUN_S);
	ck_assert_uint_eq(got.calls, 0);
}
END_TEST

START_TEST(families_take_turns)
{
	static const uint8_t want[] = {6, 4, 6, 4, 4, 4};
	struct exit_dialer_dial x = {.found_count = 6};
	static const uint8_t found[] = {4, 4, 4, 4, 6, 6};
	for (uint8_t i = 0; i < 6; i++)
		x.found[i] = (struct rtun_addr){.family = found[i], .port = i};
	order_attempts(&x);
	ck_assert_uint_eq(x.attempt_count, 6);
	for (uint32_t i = 0; i < 6; i++)
		ck_assert_uint_eq(x.attempts[i].to.family, want[i]);
	ck_assert_uint_eq(x.attempts[0].to.port, 4);
	ck_assert_uint_eq(x.attempts[5].to.port, 3);
	for (uint32_t i = 0; i < FOUND_MAX; i++)
		x.found[i].family = i < LOOKUP_MAX ? 6 : 4;
	x.found_count = FOUND_MAX;
	x.attempt_count = 0;
	order_attempts(&x);
	ck_assert_uint_eq(x.attempt_count, ATTEMPTS);
}
END_TEST

/* ---- NAT64 ---- */

static rtun_event_cb *on_change;
static void *on_change_arg;

static int catch_subscribe(struct rtun_ctx *ctx, const char *name, rtun_event_cb *cb, void *arg, struct rtun_subscription **ret)
{
	(void)ctx;
	ck_assert_str_eq(name, "network.changed");
	on_change = cb;
	on_change_arg = arg;
	*ret = NULL;
	return 0;
}

static void start_translating(void)
{
	bed.host.connect = catch_connect;
	bed.host.subscribe = catch_subscribe;
	dialer->o.filter.ops = &translating_ops;
	ck_assert_int_eq(rtun_module.start(&hc.ctx), 0);
}

/* What is inside an IPv6 address can be judged when the name servers have been asked, or do not answer. */
START_TEST(ipv6_waits_for_the_translation)
{
	dns.silent6 = _i == 1;
	snprintf(dns.records, sizeof(dns.records), "A 192.0.0.170; AAAA 2a01:64::c000:aa");
	start_translating();
	dial_addr("2606:4700::1", 443);
	bed_turns(3);
	ck_assert_uint_eq(judge.sets, 0);
	turns();
	ck_assert_str_eq(dns.last, RTUN_FILTER_NAT64_NAME);
	ck_assert_uint_eq(judge.translations, !_i);
	ck_assert_uint_eq(judge.sets, !_i);
	loop_advance(bed.loop, 5 * RTUN_S + RTUN_MS);
	ck_assert_uint_eq(judge.sets, 1);
	ck_assert_uint_eq(caught.connects, 1);
}
END_TEST

/* Where the network changes again and again, the question is asked anew each time: nobody waits for ever. */
START_TEST(ipv6_does_not_wait_for_ever)
{
	int limit = _i ? 3 : 10;
	struct rtun_dial_req req = {
		.size = sizeof(req), .timeout = _i ? 3 * RTUN_S : 0, .addr = {.family = 6, .ip = {0x26, 0x06, 0x47}, .port = 443}};
	dns.silent6 = true;
	start_translating();
	ck_assert_int_eq(ops->dial(bed.obj, &req, on_result, NULL, &got.op), 0);
	turns();
	for (int s = 1; s <= limit; s++) {
		ck_assert_uint_eq(got.calls, 0);
		loop_advance(bed.loop, RTUN_S + RTUN_MS);
		on_change(on_change_arg, NULL, "", NULL);
	}
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_uint_eq(got.err, RTUN_ETIMEOUT);
	ck_assert_uint_eq(judge.sets + caught.connects, 0);
}
END_TEST

START_TEST(ipv4_does_not_wait)
{
	dns.silent4 = dns.silent6 = true;
	start_translating();
	dial_addr("93.184.215.14", 443);
	turns();
	ck_assert_uint_eq(caught.connects, 1);
}
END_TEST

START_TEST(translation_is_asked_for_again)
{
	struct rtun_addr other = {.family = 6, .ip = {0x2a, 0x02}};
	snprintf(dns.records, sizeof(dns.records), "A 192.0.0.170; AAAA 2a01::");
	start_translating();
	turns();
	ck_assert_uint_eq(judge.translations, 1);
	/* no answer: what was said stays */
	snprintf(dns.records, sizeof(dns.records), "SERVFAIL");
	on_change(on_change_arg, NULL, "", NULL);
	turns();
	ck_assert_uint_eq(judge.translations, 1);
	snprintf(dns.records, sizeof(dns.records), "AAAA 2a02::");
	if (_i)
		on_change(on_change_arg, NULL, "", NULL);
	else
		loop_advance(bed.loop, SOON);
	turns();
	ck_assert_uint_eq(judge.translations, 2);
	ck_assert_mem_eq(judge.translated.ip, other.ip, 16);
	/* a question that is overtaken is not heard */
	on_change(on_change_arg, NULL, "", NULL);
	on_change(on_change_arg, NULL, "", NULL);
	turns();
	ck_assert_uint_eq(judge.translations, 3);
	loop_advance(bed.loop, AGAIN - RTUN_S);
	turns();
	ck_assert_uint_eq(judge.translations, 3);
	loop_advance(bed.loop, RTUN_S);
	turns();
	ck_assert_uint_eq(judge.translations, 4);
}
END_TEST

/* ---- corpus: names with answers, judged by the real tables ---- */

static void catch_cancel(void *arg)
{
	(void)arg;
}

static int catch_connect(struct rtun_ctx *ctx, const struct rtun_connect_req *req, struct rtun_op **ret)
{
	caught.connects++;
	caught.to = req->to;
	return rtun_op_create(ctx, catch_cancel, NULL, ret);
}

static void set_records(const char *kind)
{
	const char *from = kind + strlen("dns["), *then = strstr(from, " then ");
	snprintf(dns.records, sizeof(dns.records), "%.*s", (int)((then ? then : strchr(from, ']')) - from), from);
	if (strcmp(dns.records, "NOERROR empty") == 0)
		dns.records[0] = '\0';
}

START_TEST(corpus_of_answers)
{
	FILE *f = bed_open("tests/corpus/ssrf_corpus.tsv");
	char line[1024];
	uint32_t seen = 0;
	judge.loopback_too = false;
	bed.host.connect = catch_connect;
	while (fgets(line, sizeof(line), f)) {
		char *kind = strchr(line, '\t'), *verdict;
		if (!kind || strncmp(kind, "\tdns[", 5) != 0)
			continue;
		*kind++ = '\0';
		verdict = strchr(kind, '\t') + 1;
		set_records(kind);
		caught.connects = got.calls = got.err = 0;
		dial_name(line, 443);
		refusal();
		if (strncmp(verdict, "allow", 5) == 0) {
			ck_assert_msg(caught.connects == 1, "%s: %s", line, got.why);
			ck_assert(ipfilter_range_public(&caught.to) && caught.to.port == 443);
			rtun_op_cancel(&got.op);
		} else {
			ck_assert_msg(caught.connects == 0, "%s %s", line, kind);
			ck_assert(got.calls == 1 && (got.err == RTUN_EDENIED || got.err == RTUN_EDNS));
		}
		seen++;
	}
	fclose(f);
	ck_assert_uint_eq(seen, 20);
	ck_assert_uint_eq(dns.questions, 40); /* resolved once, each of them */
}
END_TEST

/* ---- cancelling, limits, life ---- */

START_TEST(cancel_in_any_phase)
{
	uint16_t port = 0;
	int fds[5];
	close(bound_socket(SOCK_STREAM, "127.0.0.3", &port));
	target_hang("127.0.0.3", port, fds);
	snprintf(dns.records, sizeof(dns.records), "A 127.0.0.3");
	dns.silent6 = _i == 3;
	dial_name("host.example.org", port);
	if (_i == 1)
		bed_turns(1);
	if (_i >= 2)
		turns();
	rtun_op_cancel(&got.op);
	ck_assert_ptr_null(dialer->dials);
	turns();
	loop_advance(bed.loop, 20 * RTUN_S);
	ck_assert_uint_eq(got.calls, 0);
	close_all(fds, 5);
}
END_TEST

START_TEST(limit_of_connections)
{
	uint16_t port = 0;
	int fd = target_listen("127.0.0.1", &port);
	struct rtun_stream *open[8];
	for (int i = 0; i < 8; i++) {
		dial_addr("127.0.0.1", port);
		turns();
		ck_assert_uint_eq(got.err, 0);
		open[i] = got.s;
		got.s = NULL;
	}
	dial_addr("127.0.0.1", port);
	turns();
	ck_assert_uint_eq(got.err, RTUN_EOVERLOAD);
	rtun_close(&open[0]);
	turns();
	dial_addr("127.0.0.1", port);
	turns();
	ck_assert_uint_eq(got.err, 0);
	for (int i = 1; i < 8; i++)
		rtun_close(&open[i]);
	close(fd);
}
END_TEST

START_TEST(limit_of_lookups)
{
	struct rtun_op *ops_open[LOOKUPS_MAX];
	dns.silent4 = dns.silent6 = true;
	dialer->o.max_connections = 10 * LOOKUPS_MAX;
	for (uint32_t i = 0; i < LOOKUPS_MAX; i++) {
		dial_name("host.example.org", 443);
		ops_open[i] = got.op;
		bed_turns(1);
	}
	ck_assert_uint_eq(dialer->lookups, LOOKUPS_MAX);
	dial_name("host.example.org", 443);
	bed_turns(2);
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_uint_eq(got.err, RTUN_EOVERLOAD);
	for (uint32_t i = 0; i < LOOKUPS_MAX; i++)
		rtun_op_cancel(&ops_open[i]);
	ck_assert_uint_eq(dialer->lookups, 0);
}
END_TEST

START_TEST(streams_outlive_the_instance)
{
	uint16_t port = 0;
	int fd = target_listen("127.0.0.1", &port);
	dial_addr("127.0.0.1", port);
	turns();
	ck_assert_uint_eq(got.err, 0);
	rtun_module.stop(&hc.ctx);
	rtun_module.destroy(&hc.ctx);
	rtun_close(&got.s);
	turns();
	ck_assert_int_eq(rtun_module.create(&hc.ctx, &options), 0);
	close(fd);
}
END_TEST

START_TEST(stop_answers_those_who_wait)
{
	dns.silent4 = dns.silent6 = true;
	dial_name("host.example.org", 443);
	turns();
	rtun_module.stop(&hc.ctx);
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_uint_eq(got.err, RTUN_EINTERNAL);
}
END_TEST

START_TEST(half_a_filter_is_refused)
{
	struct rtun_filter_ops half[3] = {judge_ops, judge_ops, judge_ops};
	struct host_ctx other = hc;
	struct exit_dialer_options o = options;
	other.ctx.self = NULL;
	half[0].name = NULL;
	half[1].addresses = NULL;
	half[2].size = offsetof(struct rtun_filter_ops, addresses);
	o.filter.ops = _i == 3 ? NULL : &half[_i];
	ck_assert_int_eq(rtun_module.create(&other.ctx, &o), -RTUN_ECONFIG);
	ck_assert_uint_eq(bed.conf_errors, 1);
	rtun_module.destroy(&other.ctx);
}
END_TEST

START_TEST(leaves_from_this_machine)
{
	ck_assert_uint_eq(ops->flags(bed.obj), RTUN_DIALER_DIRECT);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("exit_dialer");
	TCase *t = tcase_create("dialer");
	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, address_is_connected_to, 0, 2);
	tcase_add_loop_test(t, address_is_refused, 0, 7);
	tcase_add_test(t, refused_by_the_target);
	tcase_add_loop_test(t, target_never_answers, 0, 2);
	tcase_add_loop_test(t, name_is_looked_up_once_and_rooted, 0, 2);
	tcase_add_test(t, cname_is_followed);
	tcase_add_loop_test(t, denied_name_is_never_asked, 0, 8);
	tcase_add_loop_test(t, name_has_no_address, 0, 4);
	tcase_add_test(t, name_servers_are_silent);
	tcase_add_test(t, second_answer_gets_a_quarter_of_a_second);
	tcase_add_test(t, no_address_of_one_family_waits_for_the_other);
	tcase_add_loop_test(t, many_addresses, 0, 2);
	tcase_add_test(t, no_way_to_one_kind);
	tcase_add_test(t, resolv_conf_is_read_again);
	tcase_add_test(t, second_address_after_a_quarter_of_a_second);
	tcase_add_test(t, next_address_at_once_when_one_fails);
	tcase_add_test(t, best_reason_is_told);
	tcase_add_loop_test(t, socket_that_got_elsewhere_is_not_used, 0, 2);
	tcase_add_test(t, neighbour_that_has_just_become_one);
	tcase_add_loop_test(t, refusals_take_their_time, 0, 5);
	tcase_add_test(t, late_refusal);
	tcase_add_test(t, refusal_is_cancelled);
	tcase_add_test(t, families_take_turns);
	tcase_add_loop_test(t, ipv6_waits_for_the_translation, 0, 2);
	tcase_add_loop_test(t, ipv6_does_not_wait_for_ever, 0, 2);
	tcase_add_test(t, ipv4_does_not_wait);
	tcase_add_loop_test(t, translation_is_asked_for_again, 0, 2);
	tcase_add_test(t, corpus_of_answers);
	tcase_add_loop_test(t, cancel_in_any_phase, 0, 4);
	tcase_add_test(t, limit_of_connections);
	tcase_add_test(t, limit_of_lookups);
	tcase_add_test(t, streams_outlive_the_instance);
	tcase_add_test(t, stop_answers_those_who_wait);
	tcase_add_loop_test(t, half_a_filter_is_refused, 0, 4);
	tcase_add_test(t, leaves_from_this_machine);
	suite_add_tcase(s, t);
	return bed_run(s);
}
