/* SPDX-License-Identifier: BSD-2-Clause
 *
 * machine.c - see machine.h. Documentation/ABI/testing/sysfs-class-power, sysfs-class-net; proc_net_route(5).
 *
 *   batteries (and UPSs) say   a supply is online   power
 *   one: Charging              -                    charging
 *   else one: Discharging      -                    battery
 *   else                       yes                  mains
 *   else one: Full, Not charging  no                mains
 *   else                       no                   unknown
 */
#include "machine.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUPPLIES 64 /* more are not looked at */
#define ROUTES 4096
#define WEIGHT_MAX 1000000000000U /* µWh: a MWh */
#define ETHERNET 1                /* ARPHRD_ETHER */
#define RAW_IP 519                /* ARPHRD_RAWIP: nothing but modems */
#define ROUTE_UP 0x1U             /* RTF_UP */
#define ROUTE_REJECT 0x200U       /* RTF_REJECT */

const char *const machine_power_names[POWERS] = {NULL, "mains", "battery", "charging"};
const char *const machine_network_names[NETWORKS] = {NULL, "wired", "wifi", "mobile"};

/* ---- files ---- */

/* The file's first bytes as text, without the end of its last line. */
static bool read_text(int dir, const char *name, char *ret, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	ret[n] = 0;
	if (n && ret[n - 1] == '\n')
		ret[n - 1] = 0;
	return true;
}

static bool is_text(int dir, const char *name, const char *wanted)
{
	char text[32];
	return read_text(dir, name, text, sizeof(text)) && strcmp(text, wanted) == 0;
}

static bool read_number(int dir, const char *name, uint64_t most, uint64_t *ret)
{
	char text[24];
	if (!read_text(dir, name, text, sizeof(text)) || !text[0] || text[strspn(text, "0123456789")] || strlen(text) > 18)
		return false;
	*ret = strtoull(text, NULL, 10);
	return *ret <= most;
}

static bool exists(int dir, const char *name)
{
	struct stat st;
	return fstatat(dir, name, &st, 0) == 0;
}

static int open_dir(int dir, const char *name)
{
	return openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* ---- power ---- */

struct supplies {
	bool charging, discharging, full, online;
	uint64_t count, sum;             /* of percents */
	uint64_t weights, weighted, weighed; /* the same by capacity, and of how many that is known */
};

static void look_at_battery(int dir, struct supplies *s)
{
	uint64_t percent, weight;
	char status[32] = "";
	if (is_text(dir, "present", "0"))
		return;
	if (read_text(dir, "status", status, sizeof(status))) {
		s->charging |= strcmp(status, "Charging") == 0;
		s->discharging |= strcmp(status, "Discharging") == 0;
		s->full |= strcmp(status, "Full") == 0 || strcmp(status, "Not charging") == 0;
	}
	if (!read_number(dir, "capacity", 100, &percent))
		return;
	s->count++;
	s->sum += percent;
	if (!read_number(dir, "energy_full", WEIGHT_MAX, &weight) || !weight)
		return;
	s->weighed++;
	s->weights += weight;
	s->weighted += percent * weight;
}

static void look_at_supply(int dir, struct supplies *s)
{
	uint64_t online;
	if (is_text(dir, "scope", "Device")) /* a mouse's */
		return;
	if (is_text(dir, "type", "Battery") || is_text(dir, "type", "UPS"))
		look_at_battery(dir, s);
	else if (read_number(dir, "online", 2, &online) && online)
		s->online = true;
}

static void look_at_supplies(int root, struct supplies *s)
{
	struct dirent *e;
	int class = openat(root, "sys/class/power_supply", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = class < 0 ? NULL : fdopendir(class);
	for (int i = 0; d && i < SUPPLIES && (e = readdir(d)); i++) {
		int dir = e->d_name[0] == '.' ? -1 : open_dir(class, e->d_name);
		if (dir < 0)
			continue;
		look_at_supply(dir, s);
		close(dir);
	}
	if (d)
		closedir(d);
	else if (class >= 0)
		close(class);
}

static void read_power(int root, struct machine *m)
{
	struct supplies s = {0};
	look_at_supplies(root, &s);
	if (s.count && s.weighed == s.count)
		m->battery = (uint32_t)((s.weighted + s.weights / 2) / s.weights);
	else if (s.count)
		m->battery = (uint32_t)((s.sum + s.count / 2) / s.count);
	m->power = s.charging ? POWER_CHARGING : s.discharging ? POWER_BATTERY : s.online || s.full ? POWER_MAINS : POWER_UNKNOWN;
}

/* ---- network ---- */

struct route {
	char device[16]; /* "": none */
	unsigned metric;
};

static void better(struct route *best, const char *device, unsigned metric, unsigned flags)
{
	if (!(flags & ROUTE_UP) || flags & ROUTE_REJECT || (best->device[0] && best->metric <= metric))
		return;
	snprintf(best->device, sizeof(best->device), "%s", device);
	best->metric = metric;
}

static void route_v4(const char *line, struct route *best)
{
	char device[16];
	unsigned to, flags, metric, mask;
	if (sscanf(line, "%15s %8x %*8x %4x %*d %*u %u %8x", device, &to, &flags, &metric, &mask) == 5 && !to && !mask)
		better(best, device, metric, flags);
}

static void route_v6(const char *line, struct route *best)
{
	char to[33], device[16];
	unsigned len, metric, flags;
	if (sscanf(line, "%32s %2x %*32s %*2x %*32s %8x %*8x %*8x %8x %15s", to, &len, &metric, &flags, device) == 5 && !len)
		better(best, device, metric, flags);
}

static struct route default_route(int root, const char *table, void (*look)(const char *, struct route *))
{
	struct route best = {.device = ""};
	char line[256];
	int fd = openat(root, table, O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	for (int i = 0; f && i < ROUTES && fgets(line, sizeof(line), f); i++)
		look(line, &best);
	if (f)
		fclose(f);
	else if (fd >= 0)
		close(fd);
	return best;
}

/* Adapters have these drivers, and phones that lend their network by a cable have them, too. */
static bool may_be_a_phone(int dir)
{
	static const char *const drivers[] = {"rndis_host", "ipheth", "cdc_ether", "cdc_ncm"};
	char link[PATH_MAX];
	ssize_t n = readlinkat(dir, "device/driver", link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	const char *name = strrchr(link, '/') ? strrchr(link, '/') + 1 : link;
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (strcmp(drivers[i], name) == 0)
			return true;
	return false;
}

static bool word_is(const char *line, const char *word)
{
	size_t len = strcspn(line, "\n");
	return len == strlen(word) && memcmp(line, word, len) == 0;
}

/* What is neither of these may be anything: a bridge, a VPN, DSL. */
static enum machine_network kind_of(int dir)
{
	char uevent[512];
	uint64_t type = 0;
	const char *kind = read_text(dir, "uevent", uevent, sizeof(uevent)) ? strstr(uevent, "DEVTYPE=") : NULL;
	if (kind && (kind == uevent || kind[-1] == '\n'))
		return word_is(kind + 8, "wwan") ? NETWORK_MOBILE : word_is(kind + 8, "wlan") ? NETWORK_WIFI : NETWORK_UNKNOWN;
	if (!read_number(dir, "type", UINT16_MAX, &type) || type == RAW_IP)
		return type == RAW_IP ? NETWORK_MOBILE : NETWORK_UNKNOWN;
	if (type != ETHERNET || !exists(dir, "device"))
		return NETWORK_UNKNOWN;
	return exists(dir, "wireless") ? NETWORK_WIFI : may_be_a_phone(dir) ? NETWORK_UNKNOWN : NETWORK_WIRED;
}

static void read_network(int root, struct machine *m)
{
	char path[64];
	struct route r = default_route(root, "proc/self/net/route", route_v4);
	if (!r.device[0])
		r = default_route(root, "proc/self/net/ipv6_route", route_v6);
	snprintf(path, sizeof(path), "sys/class/net/%s", r.device);
	int dir = r.device[0] && !strchr(r.device, '/') ? open_dir(root, path) : -1;
	if (dir < 0)
		return;
	m->network = kind_of(dir);
	close(dir);
}

void machine_read(const char *root_path, struct machine *ret)
{
	*ret = (struct machine){.battery = BATTERY_UNKNOWN};
	int root = open_dir(AT_FDCWD, root_path);
	if (root < 0)
		return;
	read_power(root, ret);
	read_network(root, ret);
	close(root);
}
