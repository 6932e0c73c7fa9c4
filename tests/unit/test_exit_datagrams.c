/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_exit_datagrams.c - datagrams that leave from the exit: each is judged, names are looked up, and only those that
 * were sent to are heard, for a while.
 */
#include "exit_bed.h"

#include "../../modules/exit_dialer/associate.h"

#define ROWS(a) (int)(sizeof(a) / sizeof((a)[0]))
#define IDLE (600 * RTUN_S)

static int echo_fd;
static uint16_t echo_port;

static void open_association(void)
{
	struct rtun_dial_req req = {.size = sizeof(req)};
	got.inside = true;
	ck_assert_int_eq(ops->associate(bed.obj, &req, on_result, NULL, &got.op), 0);
	got.inside = false;
	turns();
}

static void setup_open(void)
{
	setup();
	echo_fd = bound_socket(SOCK_DGRAM, "127.0.0.1", &echo_port);
	open_association();
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_uint_eq(got.err, 0);
}

static void teardown_open(void)
{
	teardown();
	close(echo_fd);
	echo_port = 0;
}

/* A datagram "x" to an address, or a name, as the stream carries it. */
static void send_to(const char *host, uint16_t port)
{
	uint8_t p[300] = {0};
	struct rtun_addr a = {.port = port};
	uint32_t n;
	if (inet_pton(AF_INET, host, a.ip) == 1 || inet_pton(AF_INET6, host, a.ip) == 1) {
		a.family = strchr(host, ':') ? 6 : 4;
		n = rtun_datagram_address(&a, p + 2);
	} else {
		n = 2 + (uint32_t)strlen(host);
		p[2] = RTUN_DATAGRAM_NAME;
		p[3] = (uint8_t)strlen(host);
		memcpy(p + 4, host, strlen(host));
		p[2 + n++] = (uint8_t)(port >> 8);
		p[2 + n++] = (uint8_t)port;
	}
	p[2 + n++] = 'x';
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
	ck_assert_int_eq(rtun_write(got.s, p, 2 + n), 2 + (int64_t)n);
	turns();
}

/* How many have come to the echo; the last one's sender in `from`. */
static uint32_t arrived(struct sockaddr_in *from)
{
	char p[64];
	socklen_t len = sizeof(*from);
	uint32_t n = 0;
	turns();
	while (recvfrom(echo_fd, p, sizeof(p), 0, (struct sockaddr *)from, &len) >= 0)
		n++;
	return n;
}

static void answer_from(int fd, const struct sockaddr_in *to, const char *text)
{
	ck_assert_int_eq(sendto(fd, text, strlen(text), 0, (const struct sockaddr *)to, sizeof(*to)), (ssize_t)strlen(text));
	turns();
}

static void hears(const char *text)
{
	uint8_t p[64], want[RTUN_DATAGRAM_ADDRESS + 2];
	struct rtun_addr a = {.family = 4, .port = echo_port, .ip = {127, 0, 0, 1}};
	uint32_t n = rtun_datagram_address(&a, want + 2);
	ck_assert_int_eq(rtun_read(got.s, p, sizeof(p)), (int64_t)(2 + n + strlen(text)));
	ck_assert_uint_eq(p[1], n + strlen(text));
	ck_assert_mem_eq(p + 2, want + 2, n);
	ck_assert_mem_eq(p + 2 + n, text, strlen(text));
}

static void hears_nothing(void)
{
	uint8_t p[64];
	ck_assert_int_eq(rtun_read(got.s, p, sizeof(p)), -RTUN_EAGAIN);
}

/* ---- addresses ---- */

START_TEST(there_and_back)
{
	struct sockaddr_in from;
	send_to(_i ? "::ffff:127.0.0.1" : "127.0.0.1", echo_port);
	ck_assert_uint_eq(arrived(&from), 1);
	answer_from(echo_fd, &from, "answer");
	hears("answer");
	answer_from(echo_fd, &from, "another");
	hears("another");
}
END_TEST

START_TEST(address_is_refused)
{
	static const char *const private[] = {"127.0.0.1", "10.0.0.1", "::1", "fe80::1", "::ffff:127.0.0.1", "64:ff9b::10.0.0.1", "0.0.0.0"};
	struct sockaddr_in from;
	judge.loopback_too = false;
	send_to(private[_i], echo_port);
	ck_assert_uint_eq(arrived(&from), 0);
	ck_assert_uint_eq(dialer->dropped[EXIT_DIALER_DROP_REFUSED], 1);
	ck_assert_int_eq(dialer->open->ds.sockets[0].watch || dialer->open->ds.sockets[1].watch, 0);
}
END_TEST

/* Each is judged, and what has become forbidden is refused from then on. */
START_TEST(judged_every_time)
{
	struct sockaddr_in from;
	send_to("127.0.0.1", echo_port);
	send_to("127.0.0.1", echo_port);
	ck_assert_uint_eq(arrived(&from), 2);
	ck_assert_uint_eq(judge.sets, 2);
	judge.loopback_too = false;
	send_to("127.0.0.1", echo_port);
	ck_assert_uint_eq(arrived(&from), 0);
}
END_TEST

static uint32_t asked;
static int judge_datagram(void *obj, const struct rtun_addr *to)
{
	(void)obj;
	asked++;
	return to->port == echo_port ? 0 : -RTUN_EDENIED;
}

START_TEST(filter_with_an_op_for_it)
{
	struct rtun_filter_ops with = judge_ops;
	struct sockaddr_in from;
	with.datagram = judge_datagram;
	dialer->o.filter.ops = &with;
	judge.loopback_too = false;
	asked = 0;
	send_to("127.0.0.1", echo_port);
	send_to("127.0.0.1", (uint16_t)(echo_port ^ 1));
	ck_assert_uint_eq(arrived(&from), 1);
	ck_assert_uint_eq(asked, 2);
	ck_assert_uint_eq(judge.sets, 0);
	dialer->o.filter.ops = &judge_ops;
}
END_TEST

/* A filter that allows a name, and nobody who comes by its address alone. */
static int judge_named(void *obj, const char *host, const struct rtun_addr *a, uint32_t n, uint32_t protocol, char why[RTUN_FILTER_WHY])
{
	(void)obj, (void)a, (void)why;
	ck_assert_uint_eq(protocol, RTUN_FILTER_UDP);
	ck_assert_uint_eq(n, 1);
	asked++;
	return strcmp(host, "host.example.org") == 0 ? 0 : -RTUN_EDENIED;
}

START_TEST(allowed_by_its_name)
{
	struct rtun_filter_ops with = judge_ops;
	struct sockaddr_in from;
	with.datagram = judge_datagram;
	with.resolved = judge_named;
	dialer->o.filter.ops = &with;
	strcpy(dns.records, "A 127.0.0.1");
	asked = 0;
	send_to("host.example.org", echo_port);
	ck_assert_uint_eq(arrived(&from), 1);
	ck_assert_uint_eq(asked, 3); /* all of them, each, and right before it is sent */
	send_to("other.example.org", echo_port);
	ck_assert_uint_eq(arrived(&from), 0);
	dialer->o.filter.ops = &judge_ops;
}
END_TEST

START_TEST(ipv6_waits_for_the_translation)
{
	dialer->nat64.lookup = (void *)dialer; /* under way */
	send_to("2001:4860::1", 53);
	dialer->nat64.lookup = NULL;
	ck_assert_uint_eq(dialer->dropped[EXIT_DIALER_DROP_REFUSED], 1);
	ck_assert_uint_eq(judge.sets, 0);
}
END_TEST

/* ---- who is heard ---- */

START_TEST(only_those_that_were_sent_to)
{
	struct sockaddr_in from;
	uint16_t other_port = 0;
	int other = bound_socket(SOCK_DGRAM, "127.0.0.1", &other_port), third = bound_socket(SOCK_DGRAM, "127.0.0.2", &(uint16_t){echo_port});
	send_to("127.0.0.1", echo_port);
	ck_assert_uint_eq(arrived(&from), 1);
	answer_from(other, &from, "another port");
	answer_from(third, &from, "another address");
	hears_nothing();
	ck_assert_uint_eq(dialer->dropped[EXIT_DIALER_DROP_UNEXPECTED], 2);
	answer_from(echo_fd, &from, "answer");
	hears("answer");
	close(other);
	close(third);
}
END_TEST

/* For five minutes after the last that was sent; what comes does not prolong it. */
START_TEST(for_five_minutes)
{
	struct sockaddr_in from;
	send_to("127.0.0.1", echo_port);
	ck_assert_uint_eq(arrived(&from), 1);
	loop_advance(bed.loop, 299 * RTUN_S);
	answer_from(echo_fd, &from, "late");
	hears("late");
	loop_advance(bed.loop, 2 * RTUN_S);
	answer_from(echo_fd, &from, "too late");
	hears_nothing();
	send_to("127.0.0.1", echo_port);
	answer_from(echo_fd, &from, "again");
	hears("again");
}
END_TEST

/* association-peers: 4 */
START_TEST(limit_of_peers)
{
	struct sockaddr_in from;
	send_to("127.0.0.1", echo_port);
	for (uint16_t i = 1; i < 4; i++)
		send_to("127.0.0.1", (uint16_t)(40000 + i));
	ck_assert_uint_eq(arrived(&from), 1);
	send_to("127.0.0.1", echo_port); /* now the one sent to most lately */
	for (uint16_t i = 4; i < 7; i++)
		send_to("127.0.0.1", (uint16_t)(40000 + i));
	ck_assert_uint_eq(dialer->open->peers.count, 4);
	answer_from(echo_fd, &from, "still");
	hears("still");
	send_to("127.0.0.1", 40007);
	ck_assert_uint_eq(dialer->open->peers.count, 4);
	answer_from(echo_fd, &from, "forgotten");
	hears_nothing();
}
END_TEST

/* A closed port's ICMP errors are nobody's business. */
START_TEST(icmp_is_ignored)
{
	struct sockaddr_in from;
	uint16_t port = 0;
	int fd = bound_socket(SOCK_DGRAM, "127.0.0.1", &port);
	close(fd);
	send_to("127.0.0.1", port);
	hears_nothing();
	send_to("127.0.0.1", echo_port);
	ck_assert_uint_eq(arrived(&from), 1);
	answer_from(echo_fd, &from, "answer");
	hears("answer");
}
END_TEST

/* ---- names ---- */

START_TEST(name_is_looked_up_once)
{
	struct sockaddr_in from;
	strcpy(dns.records, "A 127.0.0.1");
	send_to("host.example.org", echo_port);
	send_to("host.example.org", echo_port);
	ck_assert_uint_eq(arrived(&from), 2);
	ck_assert_uint_eq(dns.questions, 2); /* A and AAAA */
	ck_assert_uint_eq(judge.names, 2);
	answer_from(echo_fd, &from, "answer"); /* from an address */
	hears("answer");
	loop_advance(bed.loop, 61 * RTUN_S);
	send_to("host.example.org", echo_port);
	ck_assert_uint_eq(arrived(&from), 1);
	ck_assert_uint_eq(dns.questions, 4);
}
END_TEST

static const struct {
	const char *name, *records;
} forbidden[] = {
	{"host.example.org", "A 127.0.0.1; A 10.0.0.1"}, /* all are judged */
	{"host.example.org", "A 10.0.0.1; A 127.0.0.1"},
	{"host.example.org", "A 127.0.0.1; AAAA fd00::1"},
	{"host.example.org", "NXDOMAIN"},
	{"host.example.org", ""},
};

START_TEST(name_leads_nowhere)
{
	struct sockaddr_in from;
	strcpy(dns.records, forbidden[_i].records);
	send_to(forbidden[_i].name, echo_port);
	send_to(forbidden[_i].name, echo_port);
	ck_assert_uint_eq(arrived(&from), 0);
	ck_assert_uint_eq(dialer->dropped[EXIT_DIALER_DROP_NAME], 2);
	ck_assert_uint_eq(dns.questions, 2);
	strcpy(dns.records, "A 127.0.0.1");
	loop_advance(bed.loop, 6 * RTUN_S);
	send_to(forbidden[_i].name, echo_port);
	ck_assert_uint_eq(arrived(&from), 1);
}
END_TEST

START_TEST(denied_name_is_never_asked)
{
	static const char *const names[] = {"localhost", "router", "a.local", "127.1", "0x7f.1", "a..b", "fe80::1%lo"};
	strcpy(dns.records, "A 127.0.0.1");
	send_to(names[_i], echo_port);
	ck_assert_uint_eq(dns.questions, 0);
	ck_assert_uint_eq(dialer->dropped[EXIT_DIALER_DROP_REFUSED], 1);
}
END_TEST

START_TEST(one_family_is_enough)
{
	struct sockaddr_in from;
	strcpy(dns.records, "A 127.0.0.1");
	dns.silent6 = true;
	send_to("host.example.org", echo_port);
	ck_assert_uint_eq(arrived(&from), 0);
	loop_advance(bed.loop, 251 * RTUN_MS);
	ck_assert_uint_eq(arrived(&from), 1);
}
END_TEST

/* Eight wait; the others, and those whose name servers stay silent, are lost. */
START_TEST(name_servers_are_silent)
{
	dns.silent4 = dns.silent6 = true;
	for (int i = 0; i < 12; i++)
		send_to("host.example.org", echo_port);
	ck_assert_uint_eq(dialer->dropped[EXIT_DIALER_DROP_NAME], 4);
	ck_assert_uint_eq(dialer->lookups, 1);
	loop_advance(bed.loop, 5 * RTUN_S);
	ck_assert_uint_eq(dialer->dropped[EXIT_DIALER_DROP_NAME], 12);
	ck_assert_uint_eq(dialer->lookups, 0);
}
END_TEST

START_TEST(many_names)
{
	struct sockaddr_in from;
	char name[32];
	strcpy(dns.records, "A 127.0.0.1");
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "h%d.example.org", i);
		send_to(name, echo_port);
	}
	ck_assert_uint_eq(arrived(&from), 100);
	ck_assert_uint_eq(dialer->open->names.count, 32);
	dns.silent4 = dns.silent6 = true;
	for (int i = 100; i < 140; i++) {
		snprintf(name, sizeof(name), "h%d.example.org", i);
		send_to(name, echo_port);
	}
	ck_assert_uint_eq(dialer->lookups, 32);
	ck_assert_uint_eq(dialer->dropped[EXIT_DIALER_DROP_NAME], 8);
	rtun_close(&got.s);
	turns();
	ck_assert_uint_eq(dialer->lookups, 0);
}
END_TEST

START_TEST(ipv6_of_a_name_waits_for_the_translation)
{
	struct sockaddr_in from;
	strcpy(dns.records, "A 127.0.0.1; AAAA 2001:4860::1");
	dialer->nat64.lookup = (void *)dialer;
	send_to("host.example.org", echo_port);
	ck_assert_uint_eq(arrived(&from), 0);
	dialer->nat64.lookup = NULL;
	send_to("host.example.org", echo_port);
	ck_assert_uint_eq(arrived(&from), 1);
}
END_TEST

/* ---- life ---- */

START_TEST(malformed_is_dropped)
{
	struct sockaddr_in from;
	ck_assert_int_eq(rtun_write(got.s, "\0\3abc\0\0", 7), 7);
	ck_assert_uint_ge(dialer->dropped[EXIT_DIALER_DROP_MALFORMED], 1);
	send_to("127.0.0.1", echo_port);
	ck_assert_uint_eq(arrived(&from), 1);
}
END_TEST

START_TEST(ends_when_idle)
{
	struct sockaddr_in from;
	uint8_t p[8];
	loop_advance(bed.loop, IDLE - RTUN_S);
	send_to("127.0.0.1", echo_port);
	ck_assert_uint_eq(arrived(&from), 1);
	loop_advance(bed.loop, IDLE - 2 * RTUN_S);
	hears_nothing();
	loop_advance(bed.loop, 3 * RTUN_S);
	ck_assert_int_eq(rtun_read(got.s, p, sizeof(p)), -RTUN_ETIMEOUT);
	ck_assert_uint_eq(dialer->associations, 0);
}
END_TEST

START_TEST(ends_both_ways)
{
	uint8_t p[8];
	rtun_shutdown(got.s);
	ck_assert_int_eq(rtun_read(got.s, p, sizeof(p)), 0);
	ck_assert_uint_eq(dialer->associations, 0);
}
END_TEST

/* max-associations: 4 */
START_TEST(limit_of_associations)
{
	struct rtun_stream *open[4] = {got.s};
	for (int i = 1; i < 4; i++) {
		open_association();
		ck_assert_uint_eq(got.err, 0);
		open[i] = got.s;
	}
	got.s = NULL;
	open_association();
	ck_assert_uint_eq(got.err, RTUN_EOVERLOAD);
	rtun_close(&open[0]);
	open_association();
	ck_assert_uint_eq(got.err, 0);
	for (int i = 1; i < 4; i++)
		rtun_close(&open[i]);
}
END_TEST

START_TEST(cancelled_before_it_begins)
{
	struct rtun_dial_req req = {.size = sizeof(req)};
	ck_assert_int_eq(ops->associate(bed.obj, &req, on_result, NULL, &got.op), 0);
	rtun_op_cancel(&got.op);
	turns();
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_uint_eq(dialer->associations, 1);
}
END_TEST

START_TEST(stop_ends_all)
{
	struct rtun_dial_req req = {.size = sizeof(req)};
	struct rtun_stream *s = got.s;
	uint8_t p[8];
	dns.silent4 = dns.silent6 = true;
	send_to("host.example.org", echo_port);
	got.s = NULL;
	ck_assert_int_eq(ops->associate(bed.obj, &req, on_result, NULL, &got.op), 0);
	rtun_module.stop(&hc.ctx);
	ck_assert_uint_eq(got.calls, 2);
	ck_assert_uint_eq(got.err, RTUN_EINTERNAL);
	ck_assert_int_eq(rtun_read(s, p, sizeof(p)), -RTUN_EINTERNAL);
	rtun_module.destroy(&hc.ctx);
	turns();
	rtun_close(&s); /* it outlives the instance */
	turns();
	ck_assert_int_eq(rtun_module.create(&hc.ctx, &options), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("exit_datagrams");
	TCase *t = tcase_create("datagrams");
	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup_open, teardown_open);
	tcase_add_loop_test(t, there_and_back, 0, 2);
	tcase_add_loop_test(t, address_is_refused, 0, 7);
	tcase_add_test(t, judged_every_time);
	tcase_add_test(t, filter_with_an_op_for_it);
	tcase_add_test(t, allowed_by_its_name);
	tcase_add_test(t, ipv6_waits_for_the_translation);
	tcase_add_test(t, only_those_that_were_sent_to);
	tcase_add_test(t, for_five_minutes);
	tcase_add_test(t, limit_of_peers);
	tcase_add_test(t, icmp_is_ignored);
	tcase_add_test(t, name_is_looked_up_once);
	tcase_add_loop_test(t, name_leads_nowhere, 0, ROWS(forbidden));
	tcase_add_loop_test(t, denied_name_is_never_asked, 0, 7);
	tcase_add_test(t, one_family_is_enough);
	tcase_add_test(t, name_servers_are_silent);
	tcase_add_test(t, many_names);
	tcase_add_test(t, ipv6_of_a_name_waits_for_the_translation);
	tcase_add_test(t, malformed_is_dropped);
	tcase_add_test(t, ends_when_idle);
	tcase_add_test(t, ends_both_ways);
	tcase_add_test(t, limit_of_associations);
	tcase_add_test(t, cancelled_before_it_begins);
	tcase_add_test(t, stop_ends_all);
	suite_add_tcase(s, t);
	return bed_run(s);
}
