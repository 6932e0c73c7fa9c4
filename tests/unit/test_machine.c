/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_machine.c - what a machine says of itself in /sys and /proc: laptops, phones, servers, and nonsense. The files are like those
 * of real machines, links and all.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../modules/transport_noise/machine.c"

#define SUPPLIES_MOST 6

struct supply {
	const char *name, *files; /* "type=Battery capacity=64": a file each */
};

static const struct {
	const char *machine;
	struct supply supplies[SUPPLIES_MOST];
	uint32_t battery, power;
} powers[] = {
	{"a server", {{0}}, BATTERY_UNKNOWN, POWER_UNKNOWN},
	{"a laptop, charging",
	 {{"AC", "type=Mains online=1"},
	  {"BAT0", "type=Battery present=1 status=Charging capacity=64 energy_full=50000000 energy_now=32000000 scope=System"}},
	 64, POWER_CHARGING},
	{"a laptop on its battery", {{"AC", "type=Mains online=0"}, {"BAT0", "type=Battery status=Discharging capacity=7"}}, 7, POWER_BATTERY},
	{"a laptop, full", {{"ADP1", "type=Mains online=1"}, {"BAT1", "type=Battery status=Full capacity=100"}}, 100, POWER_MAINS},
	{"a laptop that charges no further", {{"AC", "type=Mains online=1"}, {"BAT0", "type=Battery status=Not_charging capacity=80"}}, 80, POWER_MAINS},
	{"a charger that is too weak", {{"AC", "type=USB online=1"}, {"BAT0", "type=Battery status=Discharging capacity=30"}}, 30, POWER_BATTERY},
	{"two batteries of different size, one at rest",
	 {{"BAT0", "type=Battery status=Not_charging capacity=0 energy_full=20000000"},
	  {"BAT1", "type=Battery status=Discharging capacity=90 energy_full=70000000"},
	  {"AC", "type=Mains online=0"}},
	 70, POWER_BATTERY},
	{"two batteries of which one does not say how large", {{"BAT0", "type=Battery capacity=10 energy_full=20000000"}, {"BAT1", "type=Battery capacity=91"}}, 51, POWER_UNKNOWN},
	{"a phone",
	 {{"battery", "type=Battery status=Discharging capacity=55 health=Good present=1 charge_full=4000000"},
	  {"usb", "type=USB online=0"}, {"wireless", "type=Wireless online=0"}},
	 55, POWER_BATTERY},
	{"a phone at the wall", {{"battery", "type=Battery status=Charging capacity=56"}, {"usb", "type=USB_C online=1"}}, 56, POWER_CHARGING},
	{"a desktop with a mouse", {{"hidpp_battery_0", "type=Battery scope=Device status=Discharging capacity=20 online=1"}}, BATTERY_UNKNOWN, POWER_UNKNOWN},
	{"a desktop with a UPS", {{"ups", "type=UPS status=Full capacity=100"}}, 100, POWER_MAINS},
	{"the same, in the dark", {{"ups", "type=UPS status=Discharging capacity=41"}}, 41, POWER_BATTERY},
	{"a UPS that only says that it is there", {{"ups", "type=UPS"}}, BATTERY_UNKNOWN, POWER_UNKNOWN},
	{"USB-C, in the second way", {{"ucsi-source-psy-USBC000:001", "type=USB online=2"}}, BATTERY_UNKNOWN, POWER_MAINS},
	{"no battery in its slot", {{"BAT0", "type=Battery present=0 status=Unknown capacity=0"}, {"AC", "type=Mains online=1"}}, BATTERY_UNKNOWN, POWER_MAINS},
	{"no percents", {{"BAT0", "type=Battery status=Charging"}}, BATTERY_UNKNOWN, POWER_CHARGING},
	{"nonsense", {{"BAT0", "type=Battery status=%n capacity=101"}, {"BAT1", "type=Battery capacity=-1"}, {"BAT2", "type=Battery capacity=5e1"},
	  {"AC", "type=Mains online=yes"}, {"x", "capacity=50"}}, BATTERY_UNKNOWN, POWER_UNKNOWN},
	{"numbers without end", {{"BAT0", "type=Battery capacity=99999999999999999999999999"}, {"BAT1", "type=Battery capacity=40 energy_full=18446744073709551615"}},
	 40, POWER_UNKNOWN},
	{"empty files", {{"BAT0", "type= status= capacity="}, {"BAT1", "type=Battery status= capacity="}}, BATTERY_UNKNOWN, POWER_UNKNOWN},
};

#define HEAD_4 "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
#define ROUTE_4(dev, to, flags, metric, mask) dev "\t" to "\t0101A8C0\t" flags "\t0\t0\t" metric "\t" mask "\t0\t0\t0\n"
#define DEFAULT(dev, metric) ROUTE_4(dev, "00000000", "0003", metric, "00000000")
#define LAN(dev) ROUTE_4(dev, "0001A8C0", "0001", "100", "00FFFFFF")
#define NONE_6 "00000000000000000000000000000000"
#define ROUTE_6(dev, len, metric, flags) NONE_6 " " len " " NONE_6 " 00 fe800000000000000000000000000001 " metric " 00000001 00000000 " flags " " dev "\n"

static const struct {
	const char *machine, *route, *route6;
	struct supply interfaces[SUPPLIES_MOST]; /* "device" and "wireless" are directories, driver a link */
	uint32_t network;
} networks[] = {
	{"a server", HEAD_4 DEFAULT("eth0", "0") LAN("eth0"), "", {{"eth0", "type=1 uevent=INTERFACE device driver=virtio_net"}}, NETWORK_WIRED},
	{"a laptop in both networks", HEAD_4 DEFAULT("wlp2s0", "600") DEFAULT("enp1s0", "100") LAN("enp1s0"), "",
	 {{"wlp2s0", "type=1 uevent=DEVTYPE=wlan device"}, {"enp1s0", "type=1 uevent=INTERFACE device driver=e1000e"}}, NETWORK_WIRED},
	{"a laptop without a cable", HEAD_4 LAN("enp1s0") DEFAULT("wlp2s0", "600"), "",
	 {{"wlp2s0", "type=1 uevent=DEVTYPE=wlan device"}, {"enp1s0", "type=1 device"}}, NETWORK_WIFI},
	{"an old driver", HEAD_4 DEFAULT("ra0", "0"), "", {{"ra0", "type=1 uevent=INTERFACE device wireless"}}, NETWORK_WIFI},
	{"a modem", HEAD_4 DEFAULT("wwan0", "700"), "", {{"wwan0", "type=1 uevent=DEVTYPE=wwan device driver=cdc_mbim"}}, NETWORK_MOBILE},
	{"a modem of raw packets", HEAD_4 DEFAULT("rmnet_data0", "0"), "", {{"rmnet_data0", "type=519 uevent=INTERFACE"}}, NETWORK_MOBILE},
	{"DSL, or a modem: PPP", HEAD_4 DEFAULT("ppp0", "0"), "", {{"ppp0", "type=512 uevent=DEVTYPE=ppp"}}, NETWORK_UNKNOWN},
	{"a phone at a cable", HEAD_4 DEFAULT("usb0", "0"), "", {{"usb0", "type=1 uevent=INTERFACE device driver=rndis_host"}}, NETWORK_UNKNOWN},
	{"a bridge", HEAD_4 DEFAULT("br0", "0"), "", {{"br0", "type=1 uevent=DEVTYPE=bridge"}}, NETWORK_UNKNOWN},
	{"a container", HEAD_4 DEFAULT("eth0", "0"), "", {{"eth0", "type=1 uevent=INTERFACE"}}, NETWORK_UNKNOWN},
	{"IPv6 only", HEAD_4, ROUTE_6("lo", "00", "ffffffff", "00200200") ROUTE_6("eth0", "40", "00000100", "00000001")
	 ROUTE_6("wlan0", "00", "00000400", "00000003") ROUTE_6("eth0", "00", "00000064", "00000003"),
	 {{"eth0", "type=1 device driver=r8169"}, {"wlan0", "type=1 uevent=DEVTYPE=wlan device"}}, NETWORK_WIRED},
	{"a default route that refuses", HEAD_4 ROUTE_4("eth0", "00000000", "0201", "0", "00000000"), "", {{"eth0", "type=1 device"}}, NETWORK_UNKNOWN},
	{"half of one", HEAD_4 ROUTE_4("eth0", "00000000", "0003", "0", "00000080"), "", {{"eth0", "type=1 device"}}, NETWORK_UNKNOWN},
	{"a device that is gone", HEAD_4 DEFAULT("eth7", "0"), "", {{"eth0", "type=1 device"}}, NETWORK_UNKNOWN},
	{"an interface with a path", HEAD_4 DEFAULT("../eth0", "0"), "", {{"eth0", "type=1 device"}}, NETWORK_UNKNOWN},
	{"no tables", NULL, NULL, {{"eth0", "type=1 device"}}, NETWORK_UNKNOWN},
	{"nonsense", "eth0\n\n00000000\neth0 x x x x x x x\n", "00 00\n" NONE_6 NONE_6 " 00\n", {{"eth0", "type=x uevent=DEVTYPE= device"}}, NETWORK_UNKNOWN},
	{"another word", HEAD_4 DEFAULT("eth0", "0"), "", {{"eth0", "type=1 uevent=DEVTYPE=wlan0 device"}}, NETWORK_UNKNOWN},
};

/* ---- such a machine ---- */

static char root[64];

__attribute__((format(printf, 1, 2))) static void run(const char *fmt, ...)
{
	char command[1024];
	va_list ap;
	va_start(ap, fmt);
	ck_assert_int_lt(vsnprintf(command, sizeof(command), fmt, ap), (int)sizeof(command));
	va_end(ap);
	ck_assert_int_eq(system(command), 0);
}

static void put(const char *path, const char *text)
{
	char full[256];
	snprintf(full, sizeof(full), "%s/%s", root, path);
	FILE *f = fopen(full, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

/* A file "a=b", a directory "a", and the driver, which is a link; "_" is a blank. */
static void put_one(const char *dir, char *word)
{
	char path[160], *value = strchr(word, '=');
	if (!value) {
		run("mkdir %s/%s/%s", root, dir, word);
		return;
	}
	*value++ = 0;
	for (char *p = strcmp(word, "status") ? NULL : strchr(value, '_'); p; p = NULL)
		*p = ' ';
	if (strcmp(word, "driver") == 0) {
		run("ln -s ../../../../bus/drivers/%s %s/%s/device/driver", value, root, dir);
		return;
	}
	snprintf(path, sizeof(path), "%s/%s", dir, word);
	put(path, value);
	run("echo >>%s/%s", root, path);
}

static void plug_in(const char *class, const struct supply *of)
{
	char dir[128], files[256], *save = NULL;
	for (; of->name; of++) {
		snprintf(dir, sizeof(dir), "sys/devices/pci0000:00/%s/%s", class, of->name);
		snprintf(files, sizeof(files), "%s", of->files);
		run("mkdir -p '%s/%s' && ln -s '../../devices/pci0000:00/%s/%s' %s/sys/class/%s/", root, dir, class, of->name, root, class);
		for (char *w = strtok_r(files, " ", &save); w; w = strtok_r(NULL, " ", &save))
			put_one(dir, w);
	}
}

static void setup(void)
{
	strcpy(root, "/tmp/rtun-machine-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	run("mkdir -p %s/sys/class/power_supply %s/sys/class/net %s/proc/self/net", root, root, root);
}

static void teardown(void)
{
	run("rm -rf %s", root);
}

START_TEST(power)
{
	struct machine m;
	plug_in("power_supply", powers[_i].supplies);
	machine_read(root, &m);
	ck_assert_msg(m.battery == powers[_i].battery, "%s: %u %%", powers[_i].machine, m.battery);
	ck_assert_msg(m.power == powers[_i].power, "%s: %s", powers[_i].machine, machine_power_names[m.power]);
	ck_assert_uint_eq(m.network, NETWORK_UNKNOWN);
}
END_TEST

START_TEST(network)
{
	struct machine m;
	plug_in("net", networks[_i].interfaces);
	if (networks[_i].route)
		put("proc/self/net/route", networks[_i].route);
	if (networks[_i].route6)
		put("proc/self/net/ipv6_route", networks[_i].route6);
	machine_read(root, &m);
	ck_assert_msg(m.network == networks[_i].network, "%s: %s", networks[_i].machine, machine_network_names[m.network]);
	ck_assert(m.battery == BATTERY_UNKNOWN && m.power == POWER_UNKNOWN);
}
END_TEST

/* Directories in the place of files, links to nowhere, a /sys that isn't there. */
START_TEST(what_cannot_be_read)
{
	static const struct supply odd[] = {{"BAT0", "type capacity status"}, {"BAT1", "type=Battery capacity status"}, {NULL, NULL}};
	struct machine m;
	plug_in("power_supply", odd);
	put("sys/class/power_supply/file", "Battery");
	run("ln -s nowhere %s/sys/class/power_supply/BAT2; mkdir %s/proc/self/net/route", root, root);
	machine_read(root, &m);
	ck_assert(m.battery == BATTERY_UNKNOWN && m.power == POWER_UNKNOWN && m.network == NETWORK_UNKNOWN);
	machine_read("/nowhere", &m);
	ck_assert(m.battery == BATTERY_UNKNOWN && m.power == POWER_UNKNOWN && m.network == NETWORK_UNKNOWN);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("machine");
	TCase *t = tcase_create("machine");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, power, 0, (int)(sizeof(powers) / sizeof(powers[0])));
	tcase_add_loop_test(t, network, 0, (int)(sizeof(networks) / sizeof(networks[0])));
	tcase_add_test(t, what_cannot_be_read);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
