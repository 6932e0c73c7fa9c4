/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_device.c - a hub's devices: every change is on disk before it counts, edits by hand count, broken ones don't.
 */
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bed.h"

#include "../../modules/transport_noise/device.h"
#include "../../modules/transport_noise/pubkey.h"

#define MS UINT64_C(1000000)

static struct host_ctx hc;
static char dir[64], error[DEVICE_ERROR];
static struct device_list *list;
static char revoked[256]; /* names, each with a blank */
static int changed;
static int64_t wall = 1700000000000;
static int writes_left; /* then the disk is full */

static const char *test_data_dir(struct rtun_ctx *ctx)
{
	(void)ctx;
	return dir;
}

static int64_t test_wall(const struct rtun_ctx *ctx)
{
	(void)ctx;
	return wall;
}

static char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int test_file_replace(struct rtun_ctx *ctx, const char *path, const void *p, uint64_t len, uint32_t mode)
{
	if (writes_left == 0)
		return -RTUN_EIO;
	writes_left--;
	return host_table.file_replace(ctx, path, p, len, mode);
}

static int test_records_save(struct rtun_ctx *ctx, const char *path, const char *list_key, const struct rtun_schema *schema,
			     struct rtun_list records, const char *comment, uint32_t mode)
{
	if (writes_left == 0)
		return -RTUN_EIO;
	writes_left--;
	return host_table.records_save(ctx, path, list_key, schema, records, comment, mode);
}

static void on_revoked(void *arg, struct device *d)
{
	(void)arg;
	strcat(revoked, d->name);
	strcat(revoked, " ");
	ck_assert_ptr_null(device_by_key(list, d->key));
}

static void on_changed(void *arg)
{
	(void)arg;
	changed++;
}

static int open_list(void)
{
	struct device_watcher w = {on_revoked, on_changed, NULL};

	return device_list_create(&hc.ctx, &w, &list);
}

static void reopen(void)
{
	device_list_destroy(&list);
	ck_assert_int_eq(open_list(), 0);
	revoked[0] = 0;
}

static void setup(void)
{
	strcpy(dir, "/tmp/rtun-device-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	bed_setup(true, &hc);
	bed.host.data_dir = test_data_dir;
	bed.host.wall = test_wall;
	bed.host.file_replace = test_file_replace;
	bed.host.records_save = test_records_save;
	writes_left = 1000;
	revoked[0] = 0;
	changed = 0;
	ck_assert_int_eq(open_list(), 0);
}

static void teardown(void)
{
	char command[128];

	device_list_destroy(&list);
	bed_teardown();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static const uint8_t *key_of(uint8_t n)
{
	static uint8_t keys[256][32];

	memset(keys[n], n, 32);
	return keys[n];
}

static struct device *add(uint8_t n, const char *name)
{
	struct device *d = NULL;

	ck_assert_msg(!device_add(list, key_of(n), name, key_of((uint8_t)(n + 100)), &d, error), "%s", error);
	return d;
}

static void write_file(const char *text)
{
	int fd = open(path_of(DEVICE_FILE), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

static const char *read_file(void)
{
	static char text[4096];
	FILE *f = fopen(path_of(DEVICE_FILE), "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = 0;
	if (f)
		fclose(f);
	return text;
}

static int count_secrets(void)
{
	char command[128], n[16] = "";
	FILE *p;

	snprintf(command, sizeof(command), "ls -A %s/" DEVICE_DIR " | wc -l", dir);
	p = popen(command, "r");
	ck_assert_ptr_nonnull(fgets(n, sizeof(n), p));
	pclose(p);
	return atoi(n);
}

static void watch(void)
{
	ck_assert_int_eq(device_list_watch(list), 0);
	loop_advance(bed.loop, 300 * MS);
}

static void edit(const char *text)
{
	write_file(text);
	bed_turns(3);
	loop_advance(bed.loop, 201 * MS);
}

/* ---- Changes from here ------------------------------------------------------------------------------------------- */

START_TEST(kept)
{
	struct device *d = add(1, "home");
	struct stat st;

	ck_assert_int_eq(device_set_counter(list, d, 77), 0);
	ck_assert_int_eq(stat(path_of(DEVICE_FILE), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(stat(path_of(DEVICE_DIR), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	ck_assert_ptr_null(strstr(read_file(), "psk"));
	reopen();
	ck_assert_uint_eq(list->count, 1);
	d = device_by_key(list, key_of(1));
	ck_assert_str_eq(d->name, "home");
	ck_assert_mem_eq(d->secret.psk, key_of(101), 32);
	ck_assert_uint_eq(d->secret.counter, 77);
	ck_assert_int_eq(d->secret.last_seen, wall / 1000);
	ck_assert_int_eq(d->enrolled_at, wall / 1000);
	ck_assert_ptr_null(device_problem(list));
}
END_TEST

START_TEST(names_are_unique)
{
	struct device *d;

	ck_assert_str_eq(add(1, "home")->name, "home");
	ck_assert_str_eq(add(2, "home")->name, "home-2");
	ck_assert_str_eq(add(3, "home")->name, "home-3");
	ck_assert_str_eq(add(4, "")->name, "device");
	ck_assert_str_eq(add(5, "abcdefghijklmnopqrstuvwxyz012345")->name, "abcdefghijklmnopqrstuvwxyz012345");
	ck_assert_str_eq(add(6, "abcdefghijklmnopqrstuvwxyz012345")->name, "abcdefghijklmnopqrstuvwxyz0123-2");
	ck_assert_int_eq(device_add(list, key_of(7), "exit", key_of(7), &d, error), -RTUN_EINVAL);
	ck_assert_ptr_nonnull(strstr(error, "\"exit\""));
	ck_assert_uint_eq(list->count, 6);
	ck_assert_int_eq(device_rename(list, device_find(list, "home-2"), "home", error), -RTUN_EEXIST);
	ck_assert_int_eq(device_rename(list, device_find(list, "home-2"), "my-tag-x", error), -RTUN_EINVAL);
	ck_assert_int_eq(device_rename(list, device_find(list, "home-2"), "home-2", error), 0);
	ck_assert_int_eq(device_rename(list, device_find(list, "home-2"), "no", error), 0);
	reopen();
	ck_assert_mem_eq(device_find(list, "no")->key, key_of(2), 32);
	ck_assert_ptr_null(device_find(list, "home-2"));
}
END_TEST

START_TEST(found_by_key_and_fingerprint)
{
	char text[PUBKEY_TEXT];
	struct device *d = add(200, "home");

	pubkey_text(d->key, text);
	ck_assert_str_eq(text, "yMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMg=");
	ck_assert_ptr_eq(device_find(list, text), d);
	ck_assert_ptr_eq(device_find(list, "yMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMg"), d);
	pubkey_fingerprint(d->key, text);
	ck_assert_uint_eq(strlen(text), 19);
	ck_assert_ptr_eq(device_find(list, text), d);
	ck_assert_ptr_null(device_find(list, "hom"));
	ck_assert_ptr_null(device_find(list, ""));
}
END_TEST

START_TEST(paired_again)
{
	struct device *d = add(1, "home"), *again;

	ck_assert_int_eq(device_set_counter(list, d, 5), 0);
	ck_assert_int_eq(device_tag(list, d, (const char *const[]){"mobile"}, 1, error), 0);
	ck_assert_int_eq(device_add(list, key_of(1), "", key_of(50), &again, error), 0);
	ck_assert_ptr_eq(again, d);
	ck_assert_str_eq(d->name, "home");
	ck_assert_int_eq(device_add(list, key_of(1), "home", key_of(50), &again, error), 0);
	ck_assert_str_eq(d->name, "home");
	ck_assert_int_eq(device_add(list, key_of(1), "away", key_of(51), &again, error), 0);
	reopen();
	ck_assert_uint_eq(list->count, 1);
	ck_assert_str_eq(list->items[0]->name, "away");
	ck_assert_mem_eq(list->items[0]->secret.psk, key_of(51), 32);
	ck_assert_uint_eq(list->items[0]->secret.counter, 5);
	ck_assert_uint_eq(list->items[0]->tag_count, 1);
}
END_TEST

START_TEST(tags)
{
	struct device *d = add(1, "home");

	ck_assert_int_eq(device_tag(list, d, (const char *const[]){"mobile", "eu"}, 2, error), 0);
	ck_assert_int_eq(device_tag(list, d, (const char *const[]){"any"}, 1, error), -RTUN_EINVAL);
	ck_assert_int_eq(device_tag(list, d, (const char *const[]){"a", "a"}, 2, error), -RTUN_EINVAL);
	reopen();
	d = list->items[0];
	ck_assert_uint_eq(d->tag_count, 2);
	ck_assert_str_eq(d->tags[0], "mobile");
	ck_assert_str_eq(d->tags[1], "eu");
	ck_assert_int_eq(device_tag(list, d, NULL, 0, error), 0);
	reopen();
	ck_assert_uint_eq(list->items[0]->tag_count, 0);
}
END_TEST

/* The default exit lives with the devices: it is kept, goes along with a new name, and stays when its device has gone. */
START_TEST(the_default_exit)
{
	static const char *const none[] = {"any", "", "exit", "session-1", "home-session-1", "home-tag-eu", "Home", "a_b", "-"};
	struct device *d = add(1, "home"), *again;
	size_t i;

	add(2, "away");
	ck_assert_str_eq(list->default_exit, "");
	ck_assert_ptr_null(strstr(read_file(), "\ndefault-exit:"));
	ck_assert_int_eq(device_default(list, "exit-home", error), 0);
	ck_assert_ptr_nonnull(strstr(read_file(), "\ndefault-exit: home\ndevices:\n"));
	ck_assert_int_eq(device_rename(list, d, "no", error), 0);
	ck_assert_str_eq(list->default_exit, "no");
	reopen();
	ck_assert_str_eq(list->default_exit, "no");
	ck_assert_int_eq(device_rename(list, device_find(list, "away"), "home", error), 0);
	ck_assert_int_eq(device_tag(list, device_find(list, "no"), (const char *const[]){"eu"}, 1, error), 0);
	ck_assert_str_eq(list->default_exit, "no");
	ck_assert_int_eq(device_add(list, key_of(1), "cabin", key_of(50), &again, error), 0); /* paired again, by another name */
	ck_assert_str_eq(list->default_exit, "cabin");
	reopen();
	ck_assert_str_eq(list->default_exit, "cabin");
	ck_assert_int_eq(device_revoke(list, device_find(list, "cabin"), error), 0);
	reopen();
	ck_assert_str_eq(list->default_exit, "cabin");
	for (i = 1; i < sizeof(none) / sizeof(none[0]); i++)
		ck_assert_int_eq(device_default(list, none[i], error), -RTUN_EINVAL);
	ck_assert_str_eq(list->default_exit, "cabin");
	ck_assert_int_eq(device_default(list, "tag-abcdefghijklmnopqrstuvwxyz012345", error), 0);
	reopen();
	ck_assert_str_eq(list->default_exit, "tag-abcdefghijklmnopqrstuvwxyz012345");
	ck_assert_int_eq(device_default(list, none[0], error), 0);
	reopen();
	ck_assert_str_eq(list->default_exit, "");
}
END_TEST

START_TEST(revoked_from_here)
{
	add(1, "home");
	add(2, "away");
	ck_assert_int_eq(count_secrets(), 2);
	ck_assert_int_eq(device_revoke(list, device_find(list, "home"), error), 0);
	ck_assert_str_eq(revoked, "home ");
	ck_assert_int_eq(count_secrets(), 1);
	ck_assert_int_eq(device_revoke(list, device_find(list, "away"), error), 0);
	ck_assert_ptr_nonnull(strstr(read_file(), "devices: []"));
	reopen();
	ck_assert_uint_eq(list->count, 0);
}
END_TEST

START_TEST(counter_only_rises)
{
	struct device *d = add(1, "home");

	ck_assert_int_eq(device_set_counter(list, d, 0), -RTUN_EINVAL);
	ck_assert_int_eq(device_set_counter(list, d, UINT64_MAX - 1), 0);
	ck_assert_int_eq(device_set_counter(list, d, UINT64_MAX - 1), -RTUN_EINVAL);
	ck_assert_int_eq(device_set_counter(list, d, 5), -RTUN_EINVAL);
	reopen();
	ck_assert_uint_eq(list->items[0]->secret.counter, UINT64_MAX - 1);
}
END_TEST

/* The disk is full from the n-th write of each change on: it is told, and memory and disk stay as they were. */
START_TEST(disk_full)
{
	struct device *d, *x = NULL;
	char before[4096];

	d = add(1, "home");
	strcpy(before, read_file());
	writes_left = _i;
	ck_assert_int_eq(device_add(list, key_of(2), "away", key_of(3), &x, error), -RTUN_EIO);
	writes_left = 0;
	ck_assert_int_eq(device_add(list, key_of(1), "away", key_of(3), &x, error), -RTUN_EIO);
	ck_assert_int_eq(device_revoke(list, d, error), -RTUN_EIO);
	ck_assert_int_eq(device_rename(list, d, "away", error), -RTUN_EIO);
	ck_assert_int_eq(device_tag(list, d, (const char *const[]){"eu"}, 1, error), -RTUN_EIO);
	ck_assert_int_eq(device_default(list, "home", error), -RTUN_EIO);
	ck_assert_str_eq(list->default_exit, "");
	ck_assert_int_eq(device_set_counter(list, d, 9), -RTUN_EIO);
	ck_assert_uint_eq(d->secret.counter, 9); /* but this counts */
	ck_assert_int_eq(device_set_counter(list, d, 9), -RTUN_EINVAL);
	ck_assert_str_eq(d->name, "home");
	ck_assert_uint_eq(list->count, 1);
	ck_assert_mem_eq(d->secret.psk, key_of(101), 32);
	ck_assert_str_eq(read_file(), before);
	ck_assert_str_eq(revoked, "");
	writes_left = 1000;
	ck_assert_int_eq(count_secrets(), 1);
	ck_assert_int_eq(device_rename(list, d, "away", error), 0);
	reopen();
	ck_assert_mem_eq(list->items[0]->secret.psk, key_of(101), 32);
}
END_TEST

/* A known device never loses its PSK before it has the new one; and what is on disk is what is in memory. */
START_TEST(disk_full_when_paired_again)
{
	struct device *d = add(1, "home"), *x;
	char name[LABEL_SIZE];

	ck_assert_int_eq(device_default(list, "home", error), 0);
	writes_left = _i;
	ck_assert_int_eq(device_add(list, key_of(1), "away", key_of(3), &x, error), -RTUN_EIO);
	ck_assert_mem_eq(d->secret.psk, key_of(101), 32);
	strcpy(name, d->name);
	ck_assert_str_eq(list->default_exit, name);
	reopen();
	ck_assert_str_eq(list->items[0]->name, name);
	ck_assert_str_eq(list->default_exit, name);
	ck_assert_mem_eq(list->items[0]->secret.psk, key_of(101), 32);
}
END_TEST

/* ---- Edits by hand ----------------------------------------------------------------------------------------------- */

#define ENTRY(name, c) "  - name: " name "\n    public-key: \"" c "\"\n"
#define KEY1 "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define KEY2 "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
#define KEY3 "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="

START_TEST(edited)
{
	struct device *d = add(1, "home");

	add(2, "away");
	watch();
	ck_assert_int_eq(changed, 0);
	edit("devices:\n" ENTRY("house", KEY1) "    tags: [eu]\n" ENTRY("new", KEY3));
	ck_assert_int_eq(changed, 1);
	ck_assert_str_eq(revoked, "away ");
	ck_assert_uint_eq(list->count, 2);
	ck_assert_ptr_eq(device_find(list, "house"), d); /* the same struct */
	ck_assert_mem_eq(d->secret.psk, key_of(101), 32);
	ck_assert_uint_eq(d->tag_count, 1);
	ck_assert(sodium_is_zero(device_find(list, "new")->secret.psk, 32));
	ck_assert_int_eq(count_secrets(), 1);
	edit("default-exit: away\ndevices:\n" ENTRY("house", KEY1) ENTRY("new", KEY3));
	ck_assert_str_eq(list->default_exit, "away"); /* known or not */
	edit("devices:\n" ENTRY("house", KEY1) ENTRY("new", KEY3) "default-exit: tag-eu\n");
	ck_assert_str_eq(list->default_exit, "tag-eu");
	edit("devices: []\n");
	ck_assert_str_eq(list->default_exit, "");
	ck_assert_str_eq(revoked, "away new house ");
	ck_assert_uint_eq(list->count, 0);
	ck_assert_int_eq(count_secrets(), 0);
	ck_assert_ptr_null(device_problem(list));
}
END_TEST

START_TEST(not_before_200_ms)
{
	add(1, "home");
	watch();
	write_file("devices: []\n");
	bed_turns(3);
	loop_advance(bed.loop, 150 * MS);
	ck_assert_uint_eq(list->count, 1);
	write_file("devices: []\n"); /* again: 200 ms from here */
	bed_turns(3);
	loop_advance(bed.loop, 150 * MS);
	ck_assert_uint_eq(list->count, 1);
	loop_advance(bed.loop, 60 * MS);
	ck_assert_uint_eq(list->count, 0);
}
END_TEST

START_TEST(replaced_by_rename)
{
	char new[256];

	add(1, "home");
	watch();
	ck_assert_int_eq(rename(path_of(DEVICE_FILE), "/dev/null/x"), -1);
	snprintf(new, sizeof(new), "%s", path_of("devices.yaml.tmp"));
	FILE *f = fopen(new, "w");
	fputs("devices: []\n", f);
	fclose(f);
	ck_assert_int_eq(rename(new, path_of(DEVICE_FILE)), 0);
	bed_turns(3);
	loop_advance(bed.loop, 201 * MS);
	ck_assert_str_eq(revoked, "home ");
}
END_TEST

START_TEST(own_writes_are_no_edits)
{
	struct device *d;

	watch();
	d = add(1, "home");
	ck_assert_int_eq(device_rename(list, d, "house", error), 0);
	bed_turns(3);
	loop_advance(bed.loop, 1000 * MS);
	ck_assert_int_eq(changed, 0);
	ck_assert_str_eq(revoked, "");
}
END_TEST

static const char *const broken[] = {
	"",
	"# nothing\n",
	"devices:\n",
	"devices: {}\n",
	"device: []\n",
	"devices: [",
	"devices:\n" ENTRY("home", "AQEB"),
	"devices:\n" ENTRY("Home", KEY1),
	"devices:\n" ENTRY("exit", KEY1),
	"devices:\n" ENTRY("my-exit", KEY1),
	"devices:\n" ENTRY("home", KEY1) "    tags: [session]\n",
	"devices:\n" ENTRY("home", KEY1) ENTRY("home", KEY2),
	"devices:\n" ENTRY("home", KEY1) ENTRY("away", KEY1),
	"devices:\n" ENTRY("home", KEY1) "    psk: x\n",
	"devices:\n  - public-key: " KEY1 "\n",
	"default-exit: home\n",
	"default-exit:\ndevices:\n" ENTRY("home", KEY1),
	"default-exit: session\ndevices:\n" ENTRY("home", KEY1),
	"default-exit: home-session-1\ndevices:\n" ENTRY("home", KEY1),
	"default-exit: [home]\ndevices:\n" ENTRY("home", KEY1),
	"default: home\ndevices:\n" ENTRY("home", KEY1),
};

START_TEST(broken_changes_nothing)
{
	struct device *d = add(1, "home"), *x;

	add(2, "away");
	watch();
	edit(broken[_i]);
	ck_assert_uint_eq(list->count, 2);
	ck_assert_int_eq(changed, 0);
	ck_assert_str_eq(revoked, "");
	ck_assert_ptr_nonnull(device_problem(list));
	ck_assert_int_eq(count_secrets(), 2);
	/* and it isn't overwritten */
	ck_assert_int_eq(device_rename(list, d, "house", error), -RTUN_ECONFIG);
	ck_assert_int_eq(device_add(list, key_of(9), "new", key_of(9), &x, error), -RTUN_ECONFIG);
	ck_assert_str_eq(read_file(), broken[_i]);
	ck_assert_int_eq(count_secrets(), 2);
	edit("devices:\n" ENTRY("home", KEY1));
	ck_assert_str_eq(revoked, "away ");
	ck_assert_ptr_null(device_problem(list));
	ck_assert_int_eq(device_rename(list, d, "house", error), 0);
	/* and a hub doesn't start with it */
	device_list_destroy(&list);
	write_file(broken[_i]);
	ck_assert_int_eq(open_list(), -RTUN_ECONFIG);
	ck_assert_ptr_null(list);
}
END_TEST

START_TEST(gone_changes_nothing)
{
	add(1, "home");
	watch();
	unlink(path_of(DEVICE_FILE));
	bed_turns(3);
	loop_advance(bed.loop, 201 * MS);
	ck_assert_uint_eq(list->count, 1);
	ck_assert_ptr_nonnull(device_problem(list));
	add(2, "away"); /* writes it again */
	ck_assert_ptr_null(device_problem(list));
	reopen();
	ck_assert_uint_eq(list->count, 2);
}
END_TEST

/* An edit that has not been read yet isn't overwritten: a revocation by hand is never lost. */
START_TEST(edit_in_flight)
{
	struct device *d, *x;

	add(1, "home");
	add(2, "away");
	watch();
	d = device_find(list, "home");
	write_file("devices:\n" ENTRY("home", KEY1));
	ck_assert_int_eq(device_rename(list, d, "house", error), -RTUN_EAGAIN);
	ck_assert_int_eq(device_add(list, key_of(3), "new", key_of(3), &x, error), -RTUN_EAGAIN);
	bed_turns(3);
	loop_advance(bed.loop, 201 * MS);
	ck_assert_str_eq(revoked, "away ");
	ck_assert_int_eq(device_rename(list, d, "house", error), 0);
	reopen();
	ck_assert_uint_eq(list->count, 1);
}
END_TEST

/* ---- Files of secrets -------------------------------------------------------------------------------------------- */

START_TEST(orphans_are_removed)
{
	char other[256];
	int fd;

	add(1, "home");
	snprintf(other, sizeof(other), "%s/" DEVICE_DIR "/00112233445566778899aabbccddeeff.yaml", dir);
	fd = open(other, O_WRONLY | O_CREAT, 0600);
	close(fd);
	ck_assert_int_eq(count_secrets(), 2);
	reopen();
	ck_assert_int_eq(count_secrets(), 1);
	ck_assert_int_ne(access(other, F_OK), 0);
	/* not when devices.yaml itself is missing: it may come back */
	unlink(path_of(DEVICE_FILE));
	reopen();
	ck_assert_uint_eq(list->count, 0);
	ck_assert_int_eq(count_secrets(), 1);
}
END_TEST

START_TEST(damaged_secret_fails_closed)
{
	char hex[PUBKEY_HEX], path[256];

	add(1, "home");
	pubkey_hex(key_of(1), hex);
	snprintf(path, sizeof(path), "%s/" DEVICE_DIR "/%s.yaml", dir, hex);
	ck_assert_int_eq(truncate(path, 10), 0);
	reopen();
	ck_assert(!sodium_is_zero(list->items[0]->secret.psk, 32));
	ck_assert_mem_ne(list->items[0]->secret.psk, key_of(101), 32);
	ck_assert_ptr_nonnull(strstr(bed.log, "paired again"));
}
END_TEST

START_TEST(open_directory_is_refused)
{
	device_list_destroy(&list);
	ck_assert_int_eq(chmod(path_of(DEVICE_DIR), 0750), 0);
	ck_assert_int_eq(open_list(), -RTUN_EDENIED);
	ck_assert_ptr_nonnull(strstr(bed.log, "chmod 700"));
}
END_TEST

/* ---- Names ------------------------------------------------------------------------------------------------------- */

START_TEST(cleaned_names)
{
	static const struct {
		const char *wish, *name;
	} rows[] = {
		{"home", "home"}, {"Living Room", "living-room"}, {"exit-node", "node"}, {"exit", "device"}, {"", "device"},
		{"--a--b--", "a-b"}, {"\xc3\xa4pfel", "pfel"}, {"my.host.example", "my-host-example"}, {"tag_session any", "device"},
		{"abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijklmnopqrstuvwxyz012345"},
		{"abcdefghijklmnopqrstuvwxyz01-anything", "abcdefghijklmnopqrstuvwxyz01"}, /* cut to "any" */
	};
	char name[LABEL_SIZE];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		label_clean(rows[i].wish, "device", name);
		ck_assert_str_eq(name, rows[i].name);
		ck_assert_int_eq(label_check(name, error), 0);
	}
	ck_assert_int_eq(label_check("-a", error), -1);
	ck_assert_int_eq(label_check("a_b", error), -1);
	ck_assert_int_eq(label_check("a-any", error), -1);
	ck_assert_int_eq(label_check("anyone-exits", error), 0);
	ck_assert_int_eq(label_check("abcdefghijklmnopqrstuvwxyz0123456", error), -1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("device");
	TCase *c = tcase_create("device");

	if (sodium_init() < 0)
		return 1;
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, kept);
	tcase_add_test(c, names_are_unique);
	tcase_add_test(c, found_by_key_and_fingerprint);
	tcase_add_test(c, paired_again);
	tcase_add_test(c, tags);
	tcase_add_test(c, the_default_exit);
	tcase_add_test(c, revoked_from_here);
	tcase_add_test(c, counter_only_rises);
	tcase_add_loop_test(c, disk_full, 0, 2);
	tcase_add_loop_test(c, disk_full_when_paired_again, 0, 2);
	tcase_add_test(c, edited);
	tcase_add_test(c, not_before_200_ms);
	tcase_add_test(c, replaced_by_rename);
	tcase_add_test(c, own_writes_are_no_edits);
	tcase_add_loop_test(c, broken_changes_nothing, 0, (int)(sizeof(broken) / sizeof(broken[0])));
	tcase_add_test(c, gone_changes_nothing);
	tcase_add_test(c, edit_in_flight);
	tcase_add_test(c, orphans_are_removed);
	tcase_add_test(c, damaged_secret_fails_closed);
	tcase_add_test(c, open_directory_is_refused);
	tcase_add_test(c, cleaned_names);
	suite_add_tcase(s, c);
	return bed_run(s);
}
