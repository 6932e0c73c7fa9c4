/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_restart.c - a hub is away and comes back, with all its nodes waiting for it: how many knock a second, how long until all are
 * back? Nodes and hub run their own code, in virtual time; only network, door and disk are the test's. Prints what it found. It has a
 * tenth of the nodes of doc/recovery.md; all of them with RTUN_E2E_FULL=1.
 */
#define NODES 1000
#define PIPE_CAP 4096U
#include "tunnel_bed.h"

#include "../../modules/transport_noise/link.h"

#define STEP (100 * RTUN_MS)
#define LANES 4U

static int nodes; /* that there are */
static bool one_home, on_its_disk;

/* Each node finds the hub at an address of its own, by which it is told apart. */
static struct rtun_addr hub_of(int i)
{
	return (struct rtun_addr){.family = 4, .ip = {127, 1, (uint8_t)(i >> 8), (uint8_t)i}, .port = 9000};
}

static struct rtun_addr whence(const struct rtun_addr *to)
{
	struct rtun_addr a = {.family = 4, .ip = {11, 1, to->ip[2], to->ip[3]}, .port = 40000};
	if (one_home)
		a.ip[2] = a.ip[3] = 1;
	return a;
}

/* The list of devices survives the hub's restart; nothing else has to. */
static int no_disk(struct rtun_ctx *ctx, const char *path, const void *p, uint64_t len, uint32_t mode)
{
	(void)ctx, (void)path, (void)p, (void)len, (void)mode;
	return 0;
}

static int save_devices(struct rtun_ctx *ctx, const char *path, const char *list_key, const struct rtun_schema *schema, struct rtun_list records,
			const char *comment, uint32_t mode)
{
	return on_its_disk ? host_table.records_save(ctx, path, list_key, schema, records, comment, mode) : 0;
}

static void add_node(int i)
{
	struct hub_entry e = {.port = 9000, .device_name = "node"}, *h;
	char error[HUBS_ERROR], name[LABEL_SIZE];
	struct rtun_addr at = hub_of(i);
	struct transport *t;
	struct link *l;
	snprintf(name, sizeof(name), "node%d", i);
	on_its_disk = i == nodes;
	add_device(i, name);
	on_its_disk = false;
	place_start(i);
	t = places[i].hc.ctx.self;
	memcpy(e.key, places[0].public, 32);
	snprintf(e.host, sizeof(e.host), "%u.%u.%u.%u", at.ip[0], at.ip[1], at.ip[2], at.ip[3]);
	ck_assert_int_eq(hubs_add(t->node->hubs, &e, &h, error), 0);
	ck_assert_int_eq(link_create(t->node, h, &l), 0);
	h->tunnel = l;
}

static const struct link *link_of(int i)
{
	const struct transport *t = places[i].hc.ctx.self;
	return t->node->hubs->items[0]->tunnel;
}

static void begin(int n, bool home)
{
	setup();
	/* the first is what doc/recovery.md has; under valgrind, which is thirty times slower, only what moves counts */
	nodes = getenv("RTUN_E2E_FULL") ? n : getenv("RESTUNNEL_VALGRIND") ? n / 100 : n / 10;
	one_home = home;
	door.whence = whence;
	bed.host.file_replace = no_disk;
	bed.host.records_save = save_devices;
	for (int i = 1; i <= nodes; i++)
		add_node(i);
}

/* ---- what happens ---- */

static uint32_t online(uint32_t *ret_connections)
{
	uint32_t n = 0;
	*ret_connections = 0;
	for (uint32_t i = 0; i < hub->hub->devices->count; i++) {
		const struct peer *p = hub->hub->devices->items[i]->tunnel;
		n += p && p->tunnel;
		for (const struct conn *c = p && p->tunnel ? p->tunnel->conns : NULL; c; c = c->next)
			(*ret_connections)++;
	}
	return n;
}

static struct {
	int knocks, connects;           /* in the worst second */
	uint64_t half, all, complete;   /* ns until so many tunnels; until all their connections are there */
} seen;

static int knocked(void)
{
	return door.carried[CARRY_UDP] + door.carried[CARRY_SYN];
}

static int most(int a, int b)
{
	return a > b ? a : b;
}

/* From now on, the hub being back, until all are. */
static void watch(uint64_t limit)
{
	int knocks[10] = {0}, tried[10] = {0};
	uint32_t connections;
	memset(&seen, 0, sizeof(seen));
	for (uint64_t t = STEP, k = 0; t <= limit && !seen.complete; t += STEP, k++) {
		knocks[k % 10] = -knocked();
		tried[k % 10] = -connects;
		loop_advance(bed.loop, STEP);
		knocks[k % 10] += knocked();
		tried[k % 10] += connects;
		int sums[2] = {0};
		for (int i = 0; i < 10; i++) {
			sums[0] += knocks[i];
			sums[1] += tried[i];
		}
		seen.knocks = most(seen.knocks, sums[0]);
		seen.connects = most(seen.connects, sums[1]);
		uint32_t n = online(&connections);
		seen.half = !seen.half && n >= (uint32_t)nodes / 2 ? t : seen.half;
		seen.all = !seen.all && n == (uint32_t)nodes ? t : seen.all;
		if (connections == (uint32_t)nodes * LANES)
			seen.complete = t;
	}
}

static void report(const char *what)
{
	const struct hub *h = hub->hub;
	printf("| %d nodes, %s | %s | %d | %d | %.1f | %.1f | %.1f | %llu / %llu | %llu / %llu |\n", nodes, one_home ? "1 address" : "as many addresses", what,
	       seen.knocks, seen.connects, (double)seen.half / 1e9, (double)seen.all / 1e9, (double)seen.complete / 1e9,
	       (unsigned long long)h->knocks.results[KNOCK_OPENED], (unsigned long long)h->knocks.results[KNOCK_LIMITED],
	       (unsigned long long)h->greeted[GREET_ANSWERED], (unsigned long long)h->greeted[GREET_LIMITED]);
}

/* Its last words are heard; or it dies, and the kernel's RST is. Then it is away. */
static void restart(bool killed, uint64_t away)
{
	if (killed)
		for (struct line *l = lines; l; l = l->next) {
			pipe_break(&l->node, RTUN_ERESET);
			l->hub.eof = true;
		}
	place_stop(0);
	pass(away);
	place_start(0);
}

/* Within the limit all are back, each with all its connections; a hub works out the senders of 200 knocks a second. */
static const struct {
	const char *what;
	bool killed;
	uint64_t away, limit;
	int knocks;
} ways[] = {
	{"restarted in order, away for 1 s", false, RTUN_S, 30 * RTUN_S, 300},
	{"killed, away for 3 s", true, 3 * RTUN_S, 30 * RTUN_S, 300},
	{"away for 10 minutes", true, 10 * MINUTE, 60 * RTUN_S, 300},
};

static void all_come_back(int n, bool home)
{
	begin(n, home);
	watch(MINUTE);
	report("all are started at once");
	ck_assert_uint_gt(seen.complete, 0);
	ck_assert_uint_eq(link_of(1)->spread, 20 * (uint32_t)nodes);
	for (int i = 0; i < 3; i++) {
		pass(MINUTE);
		restart(ways[i].killed, ways[i].away);
		watch(ways[i].limit);
		report(ways[i].what);
		ck_assert_msg(seen.complete > 0, "%s", ways[i].what);
		ck_assert_int_le(seen.knocks, ways[i].knocks);
	}
	teardown();
}

START_TEST(from_everywhere)
{
	all_come_back(1000, false);
}
END_TEST

/* All are one source to the hub. */
START_TEST(from_one_home)
{
	all_come_back(100, true);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("restart");
	TCase *t = tcase_create("restart");
	tcase_set_timeout(t, 600);
	tcase_add_test(t, from_everywhere);
	tcase_add_test(t, from_one_home);
	suite_add_tcase(s, t);
	printf("| | the hub is | knocks in the worst second | connections tried | half back, s | all, s | all connections, s | knocks opened / beyond limits | first messages answered / beyond limits |\n"
	       "|---|---|---|---|---|---|---|---|---|\n");
	fflush(stdout);
	return bed_run(s);
}
