/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The filter against the corpus, against an oracle that was written separately, and in a network namespace whose
 * addresses change. Routes, which depend on the machine, are left out here: test_ipfilter_route.c.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

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

/* Of the promised size with RTUN_E2E_FULL=1. */
#define ORACLE_ADDRESSES (getenv("RTUN_E2E_FULL") ? 10000000 : 200000)
#define ORACLE_PREFIXES 8

static struct host_ctx hc;
static const struct rtun_filter_ops *filter;

static void make(const struct options *o)
{
	ck_assert_int_eq(rtun_module.create(&hc.ctx, o), 0);
	filter = bed.ops;
	/* no interfaces but those that a test adds */
	((struct ipfilter *)hc.ctx.self)->network.interfaces.known = true;
}

static void setup(void)
{
	struct options none = {.strict = 0};
	bed_setup(true, &hc);
	make(&none);
}

static void teardown(void)
{
	rtun_module.destroy(&hc.ctx);
	bed_teardown();
}

static struct rtun_addr addr(const char *text, uint16_t port)
{
	struct rtun_addr a = {.family = strchr(text, ':') ? 6 : 4, .port = port};
	ck_assert_msg(inet_pton(a.family == 4 ? AF_INET : AF_INET6, text, a.ip) == 1, "bad address in the test: %s", text);
	return a;
}

static bool address_ok(const char *text, uint16_t port)
{
	struct rtun_addr a = addr(text, port);
	char why[RTUN_FILTER_WHY];
	return judge(bed.obj, &a, 1, RTUN_FILTER_TCP, why) == 0;
}

static bool name_ok(const char *host, uint64_t len, uint16_t port)
{
	char why[RTUN_FILTER_WHY] = "";
	int r = filter->name(bed.obj, host, len, port, RTUN_FILTER_TCP, why);
	ck_assert(r == 0 || (r == -RTUN_EDENIED && why[0]));
	return r == 0;
}

/* ---- corpus ---- */

static uint64_t unescape(const char *in, char *out)
{
	char *start = out;
	unsigned byte;
	int used;
	while (*in) {
		if (sscanf(in, "\\x%2x%n", &byte, &used) == 1) {
			*out++ = (char)byte;
			in += used;
		} else {
			*out++ = *in++;
		}
	}
	*out = '\0';
	return (uint64_t)(out - start);
}

static bool judge_port(const char *target)
{
	const char *colon = strrchr(target, ':');
	char *end;
	unsigned long port = strtoul(colon + 1, &end, 10);
	return *end == '\0' && colon[1] >= '0' && colon[1] <= '9' && port <= 65535 &&
	       name_ok(target, (uint64_t)(colon - target), (uint16_t)port);
}

/* "if=e0 81.2.69.17/28": the exit's own interface */
static bool judge_interface(const char *target, const char *kind)
{
	struct ipfilter *f = bed.obj;
	char text[64];
	unsigned bits;
	ck_assert_int_eq(sscanf(kind, "ctx[if=e0 %63[^/]/%u]", text, &bits), 2);
	struct rtun_addr own = addr(text, 0);
	f->network.interfaces.count = 0;
	ck_assert_int_eq(ipfilter_interfaces_add(&f->network.interfaces, &own, bits), 0);
	bool ok = address_ok(target, 443);
	f->network.interfaces.count = 0;
	return ok;
}

/* "wan4=81.2.69.142": what a hub sees of the exit */
static bool judge_observed(const char *target, const char *kind)
{
	char text[64];
	ck_assert_int_eq(sscanf(kind, "ctx[wan4=%63[^]]", text), 1);
	struct rtun_addr own = addr(text, 0);
	ck_assert_int_eq(filter->deny(bed.obj, &hc, &own, 1), 0);
	bool ok = address_ok(target, 443);
	ck_assert_int_eq(filter->deny(bed.obj, &hc, NULL, 0), 0);
	return ok;
}

/* -1: this row needs a resolver, or routes */
static int judge_row(const char *target, uint64_t len, const char *kind)
{
	if (strcmp(kind, "ipv4") == 0 || strcmp(kind, "ipv6") == 0)
		return address_ok(target, 443);
	if (strcmp(kind, "ipv4-legacy") == 0 || strcmp(kind, "syntax") == 0 || strcmp(kind, "hostname") == 0)
		return name_ok(target, len, 443);
	if (strcmp(kind, "port") == 0)
		return judge_port(target);
	if (strncmp(kind, "ctx[if=", 7) == 0)
		return judge_interface(target, kind);
	if (strncmp(kind, "ctx[wan4=", 9) == 0)
		return judge_observed(target, kind);
	return -1;
}

START_TEST(corpus_holds)
{
	FILE *f = bed_open("tests/corpus/ssrf_corpus.tsv");
	char line[1024], target[1024];
	uint32_t judged = 0, left = 0, wrong = 0;
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	while (fgets(line, sizeof(line), f)) {
		char *kind = strchr(line, '\t'), *verdict = kind ? strchr(kind + 1, '\t') : NULL;
		char *reason = verdict ? strchr(verdict + 1, '\t') : NULL;
		ck_assert_msg(reason != NULL, "%s", line);
		*kind++ = *verdict++ = *reason++ = '\0';
		uint64_t len = unescape(line, target);
		int ok = judge_row(target, len, kind);
		if (ok < 0) {
			left++;
			continue;
		}
		judged++;
		if (ok != (strcmp(verdict, "allow") == 0)) {
			fprintf(stderr, "%s (%s): is %s, should be %s: %s", line, kind, ok ? "allowed" : "denied", verdict, reason);
			wrong++;
		}
	}
	fclose(f);
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(judged, 231);
	ck_assert_uint_eq(left, 21);
}
END_TEST

/* ---- oracle ---- */

static struct rtun_addr oracle_address(const uint8_t rec[17])
{
	struct rtun_addr a = {.family = rec[0] >= 'a' ? 4 : 6, .port = 443};
	memcpy(a.ip, rec + 1, 16);
	return a;
}

static bool oracle_agrees_about(const uint8_t rec[17])
{
	struct rtun_addr a = oracle_address(rec);
	char why[RTUN_FILTER_WHY], text[INET6_ADDRSTRLEN];
	bool ok = judge(bed.obj, &a, 1, RTUN_FILTER_TCP, why) == 0;
	if (ok == (rec[0] == 'a' || rec[0] == 'A'))
		return true;
	fprintf(stderr, "%s: %s, says the oracle\n", inet_ntop(a.family == 4 ? AF_INET : AF_INET6, a.ip, text, sizeof(text)), ok ? "denied" : "allowed");
	return false;
}

START_TEST(oracle_agrees)
{
	const char *src = getenv("RESTUNNEL_SRC");
	char command[1024];
	uint8_t rec[17];
	int seen = 0, wrong = 0, count = ORACLE_ADDRESSES;
	struct rtun_addr said[ORACLE_PREFIXES];
	snprintf(command, sizeof(command), "exec python3 '%s/tests/corpus/oracle.py' %d", src ? src : ".", count);
	FILE *f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	for (int i = 0; i < ORACLE_PREFIXES; i++) {
		ck_assert_uint_eq(fread(rec, sizeof(rec), 1, f), 1);
		ck_assert_int_eq(rec[0], 'N');
		said[i] = oracle_address(rec);
	}
	filter->translated(bed.obj, said, ORACLE_PREFIXES);
	for (; wrong < 10 && fread(rec, sizeof(rec), 1, f) == 1; seen++)
		wrong += !oracle_agrees_about(rec);
	ck_assert_int_eq(wrong, 0);
	ck_assert_int_eq(pclose(f), 0);
	ck_assert_int_eq(seen, count);
}
END_TEST

/* ---- single rules ---- */

START_TEST(promised_ranges)
{
	static const char *const ends[] = {
		"10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255", "100.64.0.0",
		"100.127.255.255", "127.0.0.0", "127.255.255.255", "169.254.0.0", "169.254.255.255", "0.0.0.0", "0.255.255.255",
		"224.0.0.0", "239.255.255.255", "255.255.255.255", "::1", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"::ffff:127.0.0.1", "64:ff9b::10.1.2.3", "2002:7f00:1::", "2a00:1450::200:5efe:192.168.1.1",
	};
	ck_assert(!address_ok(ends[_i], 443));
}
END_TEST

START_TEST(one_private_among_many_refuses_all)
{
	struct rtun_addr set[3] = {addr("93.184.215.14", 443), addr("2606:4700:4700::1111", 443), addr("192.168.1.1", 443)};
	char why[RTUN_FILTER_WHY];
	ck_assert_int_eq(judge(bed.obj, set, 2, RTUN_FILTER_TCP, why), 0);
	ck_assert_int_eq(filter->addresses(bed.obj, set, 3, RTUN_FILTER_TCP, why), -RTUN_EDENIED);
	ck_assert_str_eq(why, "address: not a public one");
}
END_TEST

START_TEST(nothing_falls_through)
{
	struct rtun_addr good = addr("8.8.8.8", 443), none = {.port = 443}, odd = {.family = 5, .port = 443};
	char why[RTUN_FILTER_WHY];
	ck_assert_int_eq(filter->addresses(bed.obj, &good, 0, RTUN_FILTER_TCP, why), -RTUN_EDENIED);
	ck_assert_int_eq(filter->addresses(bed.obj, &none, 1, RTUN_FILTER_TCP, why), -RTUN_EDENIED);
	ck_assert_int_eq(filter->addresses(bed.obj, &odd, 1, RTUN_FILTER_TCP, why), -RTUN_EDENIED);
	ck_assert_int_eq(filter->addresses(bed.obj, &good, 1, 132, why), -RTUN_EDENIED);
	ck_assert_int_eq(filter->name(bed.obj, "example.com", 11, 443, 0, why), -RTUN_EDENIED);
	ck_assert_int_eq(judge(bed.obj, &good, 1, RTUN_FILTER_UDP, why), 0);
	/* where the kernel can't be asked for routes, nothing is allowed */
	ck_assert_int_eq(filter->addresses(bed.obj, &good, 1, RTUN_FILTER_UDP, why), -RTUN_EDENIED);
}
END_TEST

START_TEST(built_in_ports)
{
	for (uint32_t p = 0; p <= 65535; p++) {
		bool open = p != 0 && p != 25 && p != 135 && p != 137 && p != 138 && p != 139 && p != 445;
		ck_assert_int_eq(address_ok("8.8.8.8", (uint16_t)p), open);
		ck_assert_int_eq(name_ok("example.com", 11, (uint16_t)p), open);
	}
}
END_TEST

START_TEST(options_add)
{
	static const char *const ports[] = {"8333", "6660-6669"};
	struct rtun_prefix nets[] = {{addr("93.184.0.0", 0), 16}, {addr("2606:4700::", 0), 32}, {addr("64:ff9b::", 0), 96}};
	struct options o = {.deny = RTUN_LIST(nets), .deny_ports = RTUN_LIST(ports)};
	ck_assert_int_eq(rtun_module.check(&hc.ctx, &o), 0);
	ck_assert_int_eq(rtun_module.reload(&hc.ctx, &o), 0);
	ck_assert(!address_ok("93.184.215.14", 443));
	ck_assert(!address_ok("::ffff:93.184.215.14", 443));
	ck_assert(!address_ok("2606:4700:4700::1111", 443));
	ck_assert(!address_ok("64:ff9b::8.8.8.8", 443));
	ck_assert(address_ok("93.185.0.1", 443));
	ck_assert(!address_ok("8.8.8.8", 8333));
	ck_assert(!address_ok("8.8.8.8", 6660) && !address_ok("8.8.8.8", 6669) && address_ok("8.8.8.8", 6670));
	ck_assert(!address_ok("10.0.0.1", 443) && !address_ok("8.8.8.8", 25));
}
END_TEST

/* Only what is named may be asked for, and of that only what would be allowed anyway. */
START_TEST(strict)
{
	const char *domains[] = {"example.com", "lan.example.org"}, *https[] = {"443", "8000-8100"}, *http[] = {"80", "25"};
	struct rtun_prefix prefixes[] = {{.addr = addr("8.8.8.0", 0), .bits = 24}, {.addr = addr("10.0.0.0", 0), .bits = 8}};
	struct ipfilter_allow allow[] = {
		{{domains, 2, sizeof(*domains)}, RTUN_LIST_NONE, {https, 2, sizeof(*https)}},
		{RTUN_LIST_NONE, {prefixes, 2, sizeof(*prefixes)}, RTUN_LIST_NONE},
		{RTUN_LIST_NONE, RTUN_LIST_NONE, {http, 2, sizeof(*http)}},
	};
	struct options o = {.strict = 1, .allow = {allow, 2, sizeof(*allow)}};
	struct rtun_addr in = addr("8.8.8.8", 443), out = addr("8.8.4.4", 443), private = addr("10.0.0.1", 443), mapped_in = addr("::ffff:8.8.8.8", 443);
	char why[RTUN_FILTER_WHY];
	ck_assert_int_eq(rtun_module.reload(&hc.ctx, &o), 0);
	ck_assert(name_ok("example.com", 11, 443) && name_ok("a.b.EXAMPLE.com.", 16, 8080));
	ck_assert(!name_ok("badexample.com", 14, 443) && !name_ok("com", 3, 443) && !name_ok("example.org", 11, 443));
	ck_assert_int_eq(filter->name(bed.obj, "example.com", 11, 80, RTUN_FILTER_TCP, why), -RTUN_EDENIED);
	ck_assert_ptr_eq(strstr(why, RTUN_FILTER_PORT ":"), why);
	ck_assert_int_eq(filter->name(bed.obj, "x.org", 5, 443, RTUN_FILTER_TCP, why), -RTUN_EDENIED);
	ck_assert_ptr_eq(strstr(why, RTUN_FILTER_NAME ":"), why);
	/* without the routes of the machine that this test runs on */
	ck_assert(judge(bed.obj, &in, 1, RTUN_FILTER_TCP, why) == 0);
	ck_assert_int_eq(ipfilter_strict_address(bed.obj, &in), IPFILTER_STRICT_PASS);
	ck_assert_int_eq(ipfilter_strict_address(bed.obj, &mapped_in), IPFILTER_STRICT_PASS);
	ck_assert_int_eq(filter->addresses(bed.obj, &out, 1, RTUN_FILTER_TCP, why), -RTUN_EDENIED);
	ck_assert_ptr_eq(strstr(why, RTUN_FILTER_ADDRESS ":"), why);
	ck_assert_int_eq(filter->datagram(bed.obj, &out), -RTUN_EDENIED);
	/* an address that a name stands for: the name counts */
	ck_assert_int_eq(filter->resolved(bed.obj, "x.org", &in, 1, RTUN_FILTER_TCP, why), -RTUN_EDENIED);
	ck_assert_ptr_eq(strstr(why, RTUN_FILTER_NAME ":"), why);
	/* what is built in can't be opened */
	ck_assert_int_eq(filter->addresses(bed.obj, &private, 1, RTUN_FILTER_TCP, why), -RTUN_EDENIED);
	ck_assert_str_eq(why, NOT_PUBLIC);
	ck_assert_int_eq(filter->resolved(bed.obj, "example.com", &private, 1, RTUN_FILTER_TCP, why), -RTUN_EDENIED);
	ck_assert_str_eq(why, NOT_PUBLIC);
	ck_assert_int_eq(filter->datagram(bed.obj, &private), -RTUN_EDENIED);
	/* an entry with ports alone */
	o.allow.count = 3;
	ck_assert_int_eq(rtun_module.reload(&hc.ctx, &o), 0);
	ck_assert(name_ok("x.org", 5, 80) && !name_ok("x.org", 5, 443) && !name_ok("x.org", 5, 25) && name_ok("example.com", 11, 443));
	out.port = 80;
	ck_assert_int_eq(ipfilter_strict_address(bed.obj, &out), IPFILTER_STRICT_PASS);
	/* nothing named, nothing passes; and without it all is as before */
	o.allow.count = 0;
	ck_assert_int_eq(rtun_module.reload(&hc.ctx, &o), 0);
	ck_assert(!name_ok("example.com", 11, 443));
	ck_assert_int_eq(ipfilter_strict_address(bed.obj, &in), IPFILTER_STRICT_TARGET);
	o.strict = 0;
	ck_assert_int_eq(rtun_module.reload(&hc.ctx, &o), 0);
	ck_assert(name_ok("x.org", 5, 443));
	ck_assert_int_eq(ipfilter_strict_address(bed.obj, &out), IPFILTER_STRICT_PASS);
}
END_TEST

START_TEST(bad_ports_are_errors)
{
	static const char *const ports[] = {"http", "", "65536", "9-8", "1-", "-1", "1-2-3", "99999999999", " 1"};
	struct options o = {.deny_ports = RTUN_LIST(ports)};
	ck_assert_int_eq(rtun_module.check(&hc.ctx, &o), -RTUN_ECONFIG);
	ck_assert_uint_eq(bed.conf_errors, sizeof(ports) / sizeof(ports[0]));
}
END_TEST

START_TEST(own_networks)
{
	struct ipfilter *f = bed.obj;
	struct rtun_addr v4 = addr("81.2.69.17", 0), v6 = addr("2a00:1450:77::5", 0), all = addr("9.9.9.9", 0);
	ck_assert_int_eq(ipfilter_interfaces_add(&f->network.interfaces, &v4, 28), 0);
	ck_assert_int_eq(ipfilter_interfaces_add(&f->network.interfaces, &v6, 64), 0);
	ck_assert_int_eq(ipfilter_interfaces_add(&f->network.interfaces, &all, 0), 0);
	ck_assert(!address_ok("81.2.69.16", 443) && !address_ok("81.2.69.31", 443) && address_ok("81.2.69.32", 443));
	ck_assert(!address_ok("::ffff:81.2.69.18", 443) && !address_ok("64:ff9b::81.2.69.18", 443));
	/* all of the /56, which is what a home is given: its other networks, too */
	ck_assert(!address_ok("2a00:1450:77::ffff", 443) && !address_ok("2a00:1450:77:ff::1", 443));
	ck_assert(address_ok("2a00:1450:77:100::1", 443) && address_ok("2a00:1450:76:ffff::1", 443));
	ck_assert(!address_ok("9.9.9.9", 443) && address_ok("9.9.9.10", 443));
	f->network.interfaces.known = false;
	ck_assert(!address_ok("8.8.8.8", 443));
}
END_TEST

START_TEST(barred_addresses)
{
	struct rtun_addr one[] = {addr("81.2.69.142", 9000), addr("2a00:1450:77:5::1", 0), addr("::ffff:9.9.9.9", 0), {.family = 0}};
	struct rtun_addr two[] = {addr("81.2.69.142", 0)};
	int a, b;
	ck_assert_int_eq(filter->deny(bed.obj, &a, one, 4), 0);
	ck_assert_int_eq(filter->deny(bed.obj, &b, two, 1), 0);
	ck_assert(!address_ok("81.2.69.142", 443) && !address_ok("::ffff:81.2.69.142", 443) && !address_ok("64:ff9b::81.2.69.142", 443));
	ck_assert(address_ok("81.2.69.143", 443) && !address_ok("9.9.9.9", 443) && address_ok("9.9.9.8", 443));
	ck_assert(!address_ok("2a00:1450:77:5:ffff::1", 443) && address_ok("2a00:1450:77:6::1", 443));
	/* a new list replaces the owner's, not the other's */
	ck_assert_int_eq(filter->deny(bed.obj, &a, one + 1, 1), 0);
	ck_assert(address_ok("9.9.9.9", 443) && !address_ok("81.2.69.142", 443) && !address_ok("2a00:1450:77:5::2", 443));
	ck_assert_int_eq(filter->deny(bed.obj, &b, NULL, 0), 0);
	ck_assert(address_ok("81.2.69.142", 443) && !address_ok("2a00:1450:77:5::2", 443));
}
END_TEST

/* Each length, and what RFC 6052 says about where the address is (its section 2.4, with another prefix). */
START_TEST(nat64_of_the_network)
{
	static const struct {
		const char *said, *private, *public, *beside;
	} lengths[] = {
		{"2a01:db8:c000:aa::", "2a01:db8:c0a8:221::", "2a01:db8:808:808::", "2a01:db9:c0a8:221::"},
		{"2a01:db8:1c0:0:aa::", "2a01:db8:1c0:a802:21::", "2a01:db8:108:808:8::", "2a01:db8:2c0:a802:21::"},
		{"2a01:db8:122:c000:0:aa00::", "2a01:db8:122:c0a8:2:2100::", "2a01:db8:122:808:8:800::", "2a01:db8:123:c0a8:2:2100::"},
		{"2a01:db8:122:3c0:0:ab::", "2a01:db8:122:3c0:a8:221::", "2a01:db8:122:308:8:808::", "2a01:db8:122:4c0:a8:221::"},
		{"2a01:db8:122:344:c0:0:ab00:0", "2a01:db8:122:344:c0:a802:2100:0", "2a01:db8:122:344:8:808:800:0", "2a01:db8:122:345:c0:a802:2100:0"},
		{"2a01:db8:122:344::192.0.0.170", "2a01:db8:122:344::192.168.2.33", "2a01:db8:122:344::8.8.8.8", "2a01:db8:122:345::192.168.2.33"},
	};
	struct rtun_addr said[] = {addr("192.0.0.170", 0), addr(lengths[_i].said, 0)};
	ck_assert(address_ok(lengths[_i].private, 443));
	filter->translated(bed.obj, said, 2);
	ck_assert_uint_eq(((struct ipfilter *)bed.obj)->nat64.count, 1);
	ck_assert(!address_ok(lengths[_i].private, 443) && address_ok(lengths[_i].public, 443) && address_ok(lengths[_i].beside, 443));
	filter->translated(bed.obj, said, 1);
	ck_assert(address_ok(lengths[_i].private, 443));
}
END_TEST

/* A name server that lies makes nothing public, and does not fill the memory. */
START_TEST(nat64_that_lies)
{
	struct rtun_addr said[40];
	for (uint8_t i = 0; i < 40; i++) {
		said[i] = addr("fd07::192.0.0.170", 0);
		said[i].ip[2] = i;
	}
	filter->translated(bed.obj, said, 40);
	ck_assert_uint_eq(((struct ipfilter *)bed.obj)->nat64.count, IPFILTER_NAT64_MAX);
	ck_assert(!address_ok("fd07::8.8.8.8", 443) && !address_ok("10.0.0.1", 443) && !address_ok("64:ff9b:1::8.8.8.8", 443));
	ck_assert(address_ok("64:ff9b::8.8.8.8", 443) && !address_ok("64:ff9b::10.0.0.1", 443));
	/* answers that are none */
	said[0] = addr("2a01:db8::1", 0);
	filter->translated(bed.obj, said, 1);
	ck_assert_uint_eq(((struct ipfilter *)bed.obj)->nat64.count, 0);
}
END_TEST

static void set_loopback(const char *text)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq r = {.ifr_name = "lo"};
	struct sockaddr_in sin = {.sin_family = AF_INET};
	inet_pton(AF_INET, text, &sin.sin_addr);
	memcpy(&r.ifr_addr, &sin, sizeof(sin));
	ck_assert_int_eq(ioctl(fd, SIOCSIFADDR, &r), 0);
	close(fd);
}

START_TEST(follows_the_kernel)
{
	struct ipfilter *f = bed.obj;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
		fprintf(stderr, "follows_the_kernel: skipped, no namespaces here: %s\n", strerror(errno));
		return;
	}
	ck_assert_int_eq(rtun_module.prepare(&hc.ctx), 0);
	ck_assert_int_eq(rtun_module.start(&hc.ctx), 0);
	ck_assert(address_ok("81.2.69.17", 443) && address_ok("198.20.0.1", 443));
	/* at once, before the loop has turned */
	set_loopback("81.2.69.17");
	ipfilter_network_refresh(&f->network);
	ck_assert(!address_ok("81.2.69.17", 443) && address_ok("198.20.0.1", 443));
	/* and without a judgement, as others want to know */
	set_loopback("198.20.0.1");
	bed_turns(3);
	ck_assert(address_ok("81.2.69.17", 443) && !address_ok("198.20.0.1", 443));
	ck_assert_uint_eq(bed.events, 0);
	loop_advance(bed.loop, CALM);
	ck_assert_uint_eq(bed.events, 1);
	ck_assert_str_eq(bed.event_type->name, "network.changed");
	/* the same address once more is no news, nor is that nothing happens */
	set_loopback("198.20.0.1");
	bed_turns(3);
	loop_advance(bed.loop, 10 * CALM);
	ck_assert_uint_eq(bed.events, 1);
	rtun_module.stop(&hc.ctx);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ipfilter");
	TCase *t = tcase_create("rules");
	tcase_set_timeout(t, 600); /* 10^7 addresses take minutes */
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, corpus_holds);
	tcase_add_test(t, oracle_agrees);
	tcase_add_loop_test(t, promised_ranges, 0, 28);
	tcase_add_test(t, one_private_among_many_refuses_all);
	tcase_add_test(t, nothing_falls_through);
	tcase_add_test(t, built_in_ports);
	tcase_add_test(t, options_add);
	tcase_add_test(t, strict);
	tcase_add_test(t, bad_ports_are_errors);
	tcase_add_test(t, own_networks);
	tcase_add_test(t, barred_addresses);
	tcase_add_loop_test(t, nat64_of_the_network, 0, 6);
	tcase_add_test(t, nat64_that_lies);
	tcase_add_test(t, follows_the_kernel);
	suite_add_tcase(s, t);
	return bed_run(s);
}
