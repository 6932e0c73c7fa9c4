/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The exit's dialer: connections.
 */
#include "exit_bed.h"

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
	ck_assert_str_eq(got.why, EXIT_DIALER_NOT_PUBLIC);
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
