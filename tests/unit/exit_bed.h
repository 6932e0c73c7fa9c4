/* SPDX-License-Identifier: BSD-2-Clause
 *
 * exit_bed.h - an exit's dialer with a name server inside the test, the time virtual. Names and addresses are judged by the
 * real tables of ipfilter, but for the loopback addresses on which the targets of most tests listen.
 */
#ifndef EXIT_BED_H
#define EXIT_BED_H

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
static inline void refusal(void)
{
	turns();
	loop_advance(bed.loop, REFUSAL_DELAY);
	bed_turns(2);
}

static inline void dial_addr(const char *ip, uint16_t port)
{
	struct rtun_dial_req req = {.size = sizeof(req), .addr = {.family = strchr(ip, ':') ? 6 : 4, .port = port}};
	ck_assert_int_eq(inet_pton(req.addr.family == 4 ? AF_INET : AF_INET6, ip, req.addr.ip), 1);
	got.inside = true;
	ck_assert_int_eq(ops->dial(bed.obj, &req, on_result, NULL, &got.op), 0);
	got.inside = false;
}

static inline void dial_name(const char *host, uint16_t port)
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
					       .max_connections = 8, .max_associations = 4, .association_timeout = 600 * RTUN_S,
					       .association_peers = 4, .association_buffer = 65536, .resolv_conf = resolv_path};
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

#endif
