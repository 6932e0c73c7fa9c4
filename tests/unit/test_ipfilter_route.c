/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The filter and the kernel's routes: machines of many kinds, each in a network namespace of its own. Needs the right to
 * make one, and `ip`; without them it says so and passes.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>

#include "../../modules/ipfilter/range.c"
#include "../../modules/ipfilter/name.c"
#include "../../modules/ipfilter/nat64.c"
#include "../../modules/ipfilter/netlink.c"
#include "../../modules/ipfilter/interface.c"
#include "../../modules/ipfilter/route.c"
#include "../../modules/ipfilter/network.c"
#include "../../modules/ipfilter/barred.c"
#include "../../modules/ipfilter/strict.c"
#include "../../modules/ipfilter/judge.c"
#include "../../modules/ipfilter/ipfilter.c"

#include "bed.h"

static struct host_ctx hc;
static const struct rtun_filter_ops *filter;
static bool able;

/* Commands for `ip`, without it; several at the end of one line with ';'. */
static void ip(const char *commands)
{
	FILE *f = popen("PATH=$PATH:/usr/sbin:/sbin ip -batch -", "w");
	ck_assert_ptr_nonnull(f);
	for (const char *c = commands; *c; c++)
		fputc(*c == ';' ? '\n' : *c, f);
	fputc('\n', f);
	ck_assert_msg(pclose(f) == 0, "ip: %s", commands);
}

/* A network of its own; who is not root becomes root of a user namespace, or `ip` would lose the right when it is run. */
static bool leave(void)
{
	char map[32];
	int len = snprintf(map, sizeof(map), "0 %u 1", (unsigned)geteuid()), fd;
	bool done;
	if (geteuid() == 0)
		return unshare(CLONE_NEWNET) == 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return false;
	fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	done = fd >= 0 && write(fd, map, (size_t)len) == len;
	if (fd >= 0)
		close(fd);
	return done;
}

/* Two links to nowhere: a has 192.168.7.10 and, where a machine is given it, 2600:11:7::10; b is a VPN's. */
static const char *const links =
	"link set dev lo up;"
	"link add name a type veth peer name a2; link set dev a up; link set dev a2 up; address add 192.168.7.10/24 dev a;"
	"link add name b type veth peer name b2; link set dev b up; link set dev b2 up; address add 10.8.0.2/24 dev b";

static void setup(void)
{
	struct options none = {.strict = 0};
	able = leave() && system("PATH=$PATH:/usr/sbin:/sbin; ip link add name t type veth && ip link del dev t") == 0;
	if (!able)
		fprintf(stderr, "test_ipfilter_route: skipped, no namespaces or no `ip` here\n");
	bed_setup(true, &hc);
	ck_assert_int_eq(rtun_module.create(&hc.ctx, &none), 0);
	filter = bed.ops;
	if (able)
		ip(links);
}

static void open_filter(void)
{
	ck_assert_int_eq(rtun_module.prepare(&hc.ctx), 0);
	ck_assert_int_eq(rtun_module.start(&hc.ctx), 0);
}

static void teardown(void)
{
	rtun_module.stop(&hc.ctx);
	rtun_module.destroy(&hc.ctx);
	bed_teardown();
}

static struct rtun_addr addr(const char *text, uint16_t port)
{
	struct rtun_addr a = {.family = strchr(text, ':') ? 6 : 4, .port = port};
	ck_assert_msg(inet_pton(a.family == 4 ? AF_INET : AF_INET6, text, a.ip) == 1, "bad address in the test: %s", text);
	return a;
}

static char verdict(const struct rtun_addr *a, uint32_t n)
{
	char why[RTUN_FILTER_WHY] = "";
	int r = filter->addresses(bed.obj, a, n, RTUN_FILTER_TCP, why);
	ck_assert(r == 0 || why[0]);
	return r == 0 ? '+' : r == -RTUN_EDENIED ? '-' : r == -RTUN_EUNREACHABLE ? '?' : '!';
}

/* "+11.0.9.9 -11.0.8.20 ?2600::1": allowed, denied, no way */
static void expect(const char *name, const char *list)
{
	char text[64];
	int used;
	for (; sscanf(list, " %63s%n", text, &used) == 1; list += used) {
		struct rtun_addr a = addr(text + 1, 443);
		char found = verdict(&a, 1);
		ck_assert_msg(found == text[0], "%s: %s is %c, expected %c", name, text + 1, found, text[0]);
	}
}

static const struct machine {
	const char *name, *make, *expected;
} machines[] = {
	{"at home", "route add default via 192.168.7.1; route add 11.0.8.0/24 via 192.168.7.20; route add 11.0.10.0/24 via 10.8.0.1;"
	 "route add 11.0.11.0/24 via 192.168.7.1; route add 11.0.12.0/24 dev a; route add unreachable 11.0.13.0/24;"
	 "route add prohibit 11.0.14.0/24; route add blackhole 11.0.15.0/24; route add local 11.0.16.0/24 dev lo;"
	 "route add broadcast 11.0.17.1 dev a",
	 "+11.0.9.9 -11.0.8.20 -11.0.10.1 -11.0.11.1 -11.0.12.1 -11.0.13.1 -11.0.14.1 -11.0.15.1 -11.0.16.1 -11.0.17.1 "
	 "-192.168.7.1 +::ffff:11.0.9.9 -::ffff:11.0.8.20 ?2600:99::1 -fd00::1"},
	{"on a point-to-point link", "address add 81.2.69.1 peer 81.2.69.2/32 dev b; route add default dev b; route add 11.0.8.0/24 dev a",
	 "+11.0.9.9 -81.2.69.1 -81.2.69.2 +81.2.69.3 -11.0.8.1"},
	{"with a gateway in its own public network", "address add 81.2.69.17/28 dev a; route add default via 81.2.69.18",
	 "+11.0.9.9 -81.2.69.18 -81.2.69.20 +81.2.69.32"},
	{"with a gateway that is reached by a route of its own", "address add 81.2.69.17/32 dev a; route add 100.64.0.1 dev a;"
	 "route add default via 100.64.0.1 dev a", "+11.0.9.9 +81.2.69.18 -81.2.69.17"},
	{"with an IPv6 gateway for IPv4", "route add 0.0.0.0/0 via inet6 fe80::1 dev a; route add 11.0.8.0/24 via inet6 fe80::2 dev a",
	 "+11.0.9.9 -11.0.8.1"},
	{"with two default routes", "route add default via 192.168.7.1 metric 100; route add default via 10.8.0.1 metric 600", "+11.0.9.9"},
	{"with two default routes of one metric", "route add default nexthop via 192.168.7.1 nexthop via 10.8.0.1;"
	 "route add 11.0.8.0/24 nexthop via 192.168.7.1 nexthop via 10.8.0.1",
	 "+11.0.9.9 +11.0.9.10 +11.0.9.11 +11.0.9.12 +93.184.215.14 +203.0.112.1 -11.0.8.1"},
	{"with a next hop of its own", "nexthop add id 7 via 192.168.7.1 dev a; nexthop add id 8 via 192.168.7.20 dev a;"
	 "route add default nhid 7; route add 11.0.8.0/24 nhid 8", "+11.0.9.9 -11.0.8.1"},
	{"without a default route", "route add 11.0.8.0/24 via 192.168.7.20; address add 2600:11:7::10/64 dev a nodad",
	 "?11.0.9.9 -11.0.8.1 -10.0.0.1 -127.0.0.1 ?2600:99::1 -2600:11:7::1"},
	{"in a VPN with halves", "route add default via 192.168.7.1; route add 0.0.0.0/1 via 10.8.0.1; route add 128.0.0.0/1 via 10.8.0.1;"
	 "route add 11.0.1.1 via 192.168.7.1", "+11.0.9.9 +203.0.112.1 -11.0.1.1"},
	{"with halves of two kinds", "route add default via 192.168.7.1; route add 0.0.0.0/1 via 10.8.0.1; route add 128.0.0.0/1 via 192.168.7.20",
	 "-11.0.9.9 -203.0.112.1"},
	{"with half of a VPN", "route add default via 192.168.7.1; route add 0.0.0.0/1 via 10.8.0.1", "-11.0.9.9 +203.0.112.1"},
	{"in a VPN with a table", "route add default via 192.168.7.1; route add default dev b table 51820;"
	 "route add 11.0.8.0/24 via 192.168.7.20;"
	 "rule add not fwmark 51820 table 51820; rule add table main suppress_prefixlength 0", "+11.0.9.9 +203.0.112.1 -11.0.8.1"},
	{"with a rule for some destinations", "route add default via 192.168.7.1; route add default via 192.168.7.20 table 100;"
	 "rule add to 11.0.8.0/24 table 100; route add default dev b table 101; rule add to 11.0.10.0/24 table 101;"
	 "rule add to 11.0.11.0/24 unreachable", "+11.0.9.9 -11.0.8.1 -11.0.10.1 -11.0.11.1"},
	{"with a rule for its address", "route add default via 192.168.7.1 src 192.168.7.10; route add default via 192.168.7.1 table 100;"
	 "route add 11.0.8.0/24 via 10.8.0.1 table 100; rule add from 192.168.7.10 table 100", "+11.0.9.9 -11.0.8.1"},
	{"with a rule for a port", "route add default via 192.168.7.1; route add default via 10.8.0.1 table 100;"
	 "rule add to 11.0.8.0/24 ipproto tcp dport 443 table 100", "+11.0.9.9 -11.0.8.1"},
	{"with IPv6 too", "route add default via 192.168.7.1; address add 2600:11:7::10/64 dev a nodad;"
	 "route add ::/0 via fe80::1 dev a; route add 2600:11:8::/64 via fe80::2 dev a; route add 2600:12::/32 dev b;"
	 "route add unreachable 2600:13::/32",
	 "+11.0.9.9 +2600:99::1 -2600:11:8::1 -2600:11:7::10 -2600:11:7::1 -2600:11:7:ff::1 +2600:11:7:100::1 -2600:12::1 -2600:13::1"},
	{"with IPv6 from two routers", "address add 2600:11:7::10/64 dev a nodad; route add ::/0 via fe80::1 dev a proto ra metric 1024;"
	 "route append ::/0 via fe80::2 dev a proto ra metric 1024; route add 2600:11:8::/64 via fe80::2 dev a proto ra",
	 "+2600:99::1 +2600:99::2 +2a00:99::3 -2600:11:8::1 ?11.0.9.9"},
	{"with IPv6 on two links", "address add 2600:11:7::10/64 dev a nodad; route add ::/0 via fe80::1 dev a proto ra metric 100;"
	 "route add ::/0 via fe80::2 dev b proto ra metric 600", "+2600:99::1"},
	{"with a route to all global IPv6", "address add 2600:11:7::10/64 dev a nodad; route add 2000::/3 via fe80::1 dev a", "+2600:99::1 +2a00:99::1"},
	{"with IPv6 in a VPN with halves", "address add 2600:11:7::10/64 dev a nodad; route add ::/0 via fe80::1 dev a;"
	 "route add 2000::/4 dev b; route add 3000::/4 dev b", "+2600:99::1 -2600:11:7::1"},
	{"where IPv6 is blocked", "route add default via 192.168.7.1; route add unreachable ::/0 metric 4278198272", "+11.0.9.9 ?2600:99::1"},
};

START_TEST(machine)
{
	const struct machine *m = &machines[_i];
	if (!able)
		return;
	ip(m->make);
	open_filter();
	expect(m->name, m->expected);
}
END_TEST

/* "44.1.2.3", "ctx[route=44.0.0.0/8 via 192.168.1.2]": what test_ipfilter.c has left of the corpus */
START_TEST(corpus_of_routes)
{
	FILE *f = bed_open("tests/corpus/ssrf_corpus.tsv");
	char line[1024], target[64], route[64], verdict[8], commands[128], expected[128];
	uint32_t seen = 0;
	if (!able) {
		fclose(f);
		return;
	}
	ip("address add 192.168.1.10/24 dev b; route add default via 192.168.7.1");
	open_filter();
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s\tctx[route=%63[^]]]\t%7s", target, route, verdict) != 3)
			continue;
		snprintf(commands, sizeof(commands), "route add %s", route);
		ip(commands);
		snprintf(expected, sizeof(expected), "%c%s", strcmp(verdict, "allow") == 0 ? '+' : '-', target);
		expect(line, expected);
		seen++;
	}
	fclose(f);
	ck_assert_uint_eq(seen, 1);
}
END_TEST

START_TEST(follows_changes)
{
	if (!able)
		return;
	open_filter();
	expect("nothing yet", "?11.0.9.9");
	ip("route add default via 192.168.7.1 metric 100");
	expect("a default route came", "+11.0.9.9");
	ip("route add default via 10.8.0.1 metric 600; link set dev a down");
	expect("the first one is gone", "+11.0.9.9");
	ip("route add 11.0.8.0/24 via 10.8.0.9");
	expect("a route came", "+11.0.9.9 -11.0.8.1");
	ip("route add default via 10.8.0.7 table 9; rule add table 9");
	expect("a rule came", "+11.0.9.9 +11.0.8.1");
	ip("link set dev b down");
	expect("all is gone", "?11.0.9.9");
}
END_TEST

/* Most names have both kinds of addresses, and many machines one kind. */
START_TEST(both_families_on_one_road)
{
	struct rtun_addr set[] = {addr("11.0.9.9", 443), addr("2600:99::1", 443), addr("2600:12::1", 443), addr("fd00::1", 443)};
	struct rtun_addr swapped[] = {set[0], set[2]}, private[] = {set[0], set[3]};
	if (!able)
		return;
	ip("route add default via 192.168.7.1; address add 2600:11:7::10/64 dev a nodad; route add 2600:12::/32 dev b");
	open_filter();
	ck_assert_int_eq(verdict(set, 2), '+');
	ck_assert_int_eq(verdict(set + 1, 1), '?');
	ck_assert_int_eq(verdict(swapped, 2), '-');
	ck_assert_int_eq(verdict(private, 2), '-');
}
END_TEST

START_TEST(says_what_is_wrong)
{
	struct rtun_addr a = addr("11.0.9.9", 443), other = addr("11.0.9.9", 444);
	char why[RTUN_FILTER_WHY];
	struct rtun_status st = {.state = RTUN_STATE_OK};
	if (!able)
		return;
	open_filter();
	ck_assert_int_eq(filter->addresses(bed.obj, &a, 1, RTUN_FILTER_TCP, why), -RTUN_EUNREACHABLE);
	ck_assert_str_eq(why, "this exit has no default route for IPv4");
	rtun_module.status(&hc.ctx, &st);
	ck_assert_int_eq(st.state, RTUN_STATE_DOWN);
	ck_assert_str_eq(st.code, "no-default-route");
	ip("route add default via 192.168.7.1");
	st = (struct rtun_status){.state = RTUN_STATE_OK};
	rtun_module.status(&hc.ctx, &st);
	ck_assert_int_eq(st.state, RTUN_STATE_OK);
	/* a kernel that does not answer allows nothing */
	struct ipfilter *f = bed.obj;
	ck_assert_int_eq(verdict(&a, 1), '+');
	shutdown(f->network.netlink.ask, SHUT_RDWR);
	close(f->network.netlink.ask);
	f->network.netlink.ask = open("/dev/null", O_RDWR);
	ck_assert_int_eq(verdict(&other, 1), '-');
	loop_advance(bed.loop, RTUN_S); /* what it said is remembered no longer */
	ck_assert_int_eq(verdict(&a, 1), '-');
	st = (struct rtun_status){.state = RTUN_STATE_OK};
	rtun_module.status(&hc.ctx, &st);
	ck_assert_str_eq(st.code, "routes-unknown");
}
END_TEST

/* Datagrams are judged one by one, and the kernel is asked only when something may have changed. */
START_TEST(datagrams)
{
	struct rtun_addr a = addr("11.0.9.9", 443), b = addr("11.0.9.9", 444), private = addr("192.168.7.1", 53), gone = addr("2600:99::1", 53);
	struct ipfilter *f = bed.obj;
	uint32_t asked;
	if (!able)
		return;
	ip("route add default via 192.168.7.1");
	open_filter();
	ck_assert_int_eq(filter->datagram(bed.obj, &a), 0);
	ck_assert_int_eq(filter->datagram(bed.obj, &private), -RTUN_EDENIED);
	ck_assert_int_eq(filter->datagram(bed.obj, &gone), -RTUN_EUNREACHABLE);
	asked = f->network.netlink.sequence;
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(filter->datagram(bed.obj, &a), 0);
	ck_assert_uint_eq(f->network.netlink.sequence, asked);
	ck_assert_int_eq(filter->datagram(bed.obj, &b), 0); /* rules may depend on the port */
	ck_assert_uint_gt(f->network.netlink.sequence, asked);
	asked = f->network.netlink.sequence;
	loop_advance(bed.loop, RTUN_S);
	ck_assert_int_eq(filter->datagram(bed.obj, &a), 0);
	ck_assert_uint_gt(f->network.netlink.sequence, asked);
	/* at once */
	ip("route add 11.0.9.0/24 via 192.168.7.20");
	ck_assert_int_eq(filter->datagram(bed.obj, &a), -RTUN_EDENIED);
	ip("route del 11.0.9.0/24");
	ck_assert_int_eq(filter->datagram(bed.obj, &a), 0);
	ck_assert_int_eq(filter->deny(bed.obj, &hc, &a, 1), 0);
	ck_assert_int_eq(filter->datagram(bed.obj, &a), -RTUN_EDENIED);
}
END_TEST

/* A judgement is part of each connection: some microseconds, not more. */
START_TEST(is_quick)
{
	struct rtun_addr a = addr("11.0.9.9", 443);
	struct timespec from, to;
	if (!able)
		return;
	ip("route add default via 192.168.7.1");
	open_filter();
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (uint32_t i = 0; i < 10000; i++)
		ck_assert_int_eq(verdict(&a, 1), '+');
	clock_gettime(CLOCK_MONOTONIC, &to);
	double us = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / 1e3 / 10000;
	fprintf(stderr, "one judgement: %.1f us\n", us);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (uint32_t i = 0; i < 10000; i++)
		ck_assert_int_eq(filter->datagram(bed.obj, &a), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	fprintf(stderr, "of a datagram: %.1f us\n", ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / 1e3 / 10000);
	ck_assert_msg(us < 200, "one judgement takes %.1f us", us); /* a loaded machine, with sanitizers */
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ipfilter_route");
	TCase *t = tcase_create("routes");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, machine, 0, sizeof(machines) / sizeof(machines[0]));
	tcase_add_test(t, corpus_of_routes);
	tcase_add_test(t, follows_changes);
	tcase_add_test(t, both_families_on_one_road);
	tcase_add_test(t, says_what_is_wrong);
	tcase_add_test(t, datagrams);
	tcase_add_test(t, is_quick);
	suite_add_tcase(s, t);
	return bed_run(s);
}
