/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_hubs.c - a node's list of hubs.
 */
#include <sodium.h>
#include <unistd.h>

#include "bed.h"

#include "../../modules/transport_noise/hubs.h"
#include "../../modules/transport_noise/pubkey.h"

static struct host_ctx hc;
static char dir[64], error[HUBS_ERROR];
static struct hubs *hubs;
static int writes_left;

static const char *test_data_dir(struct rtun_ctx *ctx)
{
	(void)ctx;
	return dir;
}

static int64_t test_wall(const struct rtun_ctx *ctx)
{
	(void)ctx;
	return 1700000000000;
}

static int test_records_save(struct rtun_ctx *ctx, const char *path, const char *list_key, const struct rtun_schema *schema,
			     struct rtun_list records, const char *comment, uint32_t mode)
{
	if (writes_left == 0)
		return -RTUN_EIO;
	writes_left--;
	return host_table.records_save(ctx, path, list_key, schema, records, comment, mode);
}

static void reopen(void)
{
	hubs_destroy(&hubs);
	ck_assert_int_eq(hubs_create(&hc.ctx, &hubs), 0);
}

static void setup(void)
{
	strcpy(dir, "/tmp/rtun-hubs-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	bed_setup(true, &hc);
	bed.host.data_dir = test_data_dir;
	bed.host.wall = test_wall;
	bed.host.records_save = test_records_save;
	writes_left = 1000;
	ck_assert_int_eq(hubs_create(&hc.ctx, &hubs), 0);
}

static void teardown(void)
{
	char command[128];

	hubs_destroy(&hubs);
	bed_teardown();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static int try_add(uint8_t n, const char *host, struct hub_entry **ret)
{
	struct hub_entry e = {.port = 9000, .device_name = "home"};

	memset(e.key, n, sizeof(e.key));
	memset(e.psk, n + 100, sizeof(e.psk));
	snprintf(e.host, sizeof(e.host), "%s", host);
	return hubs_add(hubs, &e, ret, error);
}

static struct hub_entry *add(uint8_t n, const char *host)
{
	struct hub_entry *e = NULL;

	ck_assert_msg(!try_add(n, host, &e), "%s", error);
	return e;
}

static int count_secrets(void)
{
	char command[128], n[16] = "";
	FILE *p;

	snprintf(command, sizeof(command), "ls -A %s/" HUBS_DIR " | wc -l", dir);
	p = popen(command, "r");
	ck_assert_ptr_nonnull(fgets(n, sizeof(n), p));
	pclose(p);
	return atoi(n);
}

START_TEST(kept)
{
	struct hub_entry *e;
	uint8_t psk[32];

	add(1, "vps.example.net");
	add(2, "2001:db8::1");
	reopen();
	ck_assert_uint_eq(hubs->count, 2);
	e = hubs->items[0];
	ck_assert_str_eq(e->name, "vps-example-net");
	ck_assert_str_eq(e->host, "vps.example.net");
	ck_assert_uint_eq(e->port, 9000);
	ck_assert_str_eq(e->device_name, "home");
	ck_assert_int_eq(e->enrolled_at, 1700000000);
	memset(psk, 101, sizeof(psk));
	ck_assert_mem_eq(e->psk, psk, 32);
	ck_assert_str_eq(hubs->items[1]->host, "2001:db8::1");
}
END_TEST

START_TEST(found)
{
	struct hub_entry *e = add(1, "vps.example.net"), *v6 = add(2, "2001:db8::1");
	char text[PUBKEY_TEXT];

	ck_assert_ptr_eq(hubs_find(hubs, "vps-example-net"), e);
	ck_assert_ptr_eq(hubs_find(hubs, "vps.example.net:9000"), e);
	ck_assert_ptr_eq(hubs_find(hubs, "[2001:db8::1]:9000"), v6);
	pubkey_text(v6->key, text);
	ck_assert_ptr_eq(hubs_find(hubs, text), v6);
	pubkey_fingerprint(v6->key, text);
	ck_assert_ptr_eq(hubs_find(hubs, text), v6);
	ck_assert_ptr_null(hubs_find(hubs, "vps.example.net"));
	ck_assert_str_eq(add(3, "vps.example.net")->name, "vps-example-net-2");
}
END_TEST

START_TEST(paired_again)
{
	struct hub_entry *e = add(1, "vps.example.net");

	e->tunnel = hubs;
	ck_assert_ptr_eq(add(1, "other.example"), e);
	ck_assert_ptr_eq(e->tunnel, hubs);
	reopen();
	ck_assert_uint_eq(hubs->count, 1);
	ck_assert_str_eq(hubs->items[0]->name, "vps-example-net");
	ck_assert_str_eq(hubs->items[0]->host, "other.example");
}
END_TEST

START_TEST(forgotten)
{
	add(1, "a.example");
	add(2, "b.example");
	ck_assert_int_eq(hubs_forget(hubs, hubs_find(hubs, "a-example"), error), 0);
	ck_assert_int_eq(count_secrets(), 1);
	reopen();
	ck_assert_uint_eq(hubs->count, 1);
	ck_assert_str_eq(hubs->items[0]->name, "b-example");
}
END_TEST

START_TEST(disk_full)
{
	struct hub_entry *e = add(1, "a.example"), *x = NULL;

	writes_left = _i;
	ck_assert_int_eq(try_add(2, "b.example", &x), -RTUN_EIO);
	ck_assert_ptr_null(x);
	writes_left = 0;
	ck_assert_int_eq(hubs_forget(hubs, e, error), -RTUN_EIO);
	ck_assert_uint_eq(hubs->count, 1);
	ck_assert_int_eq(count_secrets(), 1);
	writes_left = 1000;
	reopen();
	ck_assert_uint_eq(hubs->count, 1);
}
END_TEST

static const char *const broken[] = {
	"",
	"hubs:\n",
	"hubs:\n  - {name: a, address: \"a:1\"}\n",
	"hubs:\n  - {name: a, address: \"a:1\", public-key: \"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\"}\n"
	"  - {name: a, address: \"b:1\", public-key: \"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\"}\n",
};

START_TEST(broken_is_refused)
{
	char path[128];
	FILE *f;

	add(1, "a.example");
	hubs_destroy(&hubs);
	snprintf(path, sizeof(path), "%s/" HUBS_FILE, dir);
	f = fopen(path, "w");
	fputs(broken[_i], f);
	fclose(f);
	ck_assert_int_eq(hubs_create(&hc.ctx, &hubs), -RTUN_ECONFIG);
	ck_assert_ptr_null(hubs);
	ck_assert_int_eq(count_secrets(), 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hubs");
	TCase *c = tcase_create("hubs");

	if (sodium_init() < 0)
		return 1;
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, kept);
	tcase_add_test(c, found);
	tcase_add_test(c, paired_again);
	tcase_add_test(c, forgotten);
	tcase_add_loop_test(c, disk_full, 0, 2);
	tcase_add_loop_test(c, broken_is_refused, 0, (int)(sizeof(broken) / sizeof(broken[0])));
	suite_add_tcase(s, c);
	return bed_run(s);
}
