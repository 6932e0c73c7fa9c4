/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_keystore.c - keys in files: made once, refused when anybody else could have had them.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bed.h"

#include "../../modules/keystore_file/keyfile.c"
#include "../../modules/keystore_file/keystore_file.c"

static struct host_ctx hc;
static char dir[64], key_path[96];
static const struct rtun_keystore_ops *ks;

static const char *test_data_dir(struct rtun_ctx *ctx)
{
	(void)ctx;
	return dir;
}

static void begin_at(const char *directory)
{
	struct options o = {directory};

	ck_assert_int_eq(RTUN_SYMBOL(keystore_file).create(&hc.ctx, &o), 0);
	ks = bed.ops;
}

static void end(void)
{
	RTUN_SYMBOL(keystore_file).destroy(&hc.ctx);
	ck_assert_ptr_null(hc.ctx.self);
}

static void again(void)
{
	end();
	begin_at(NULL);
}

static void setup(void)
{
	strcpy(dir, "/tmp/rtun-keystore-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(key_path, sizeof(key_path), "%s/hub_key.bin", dir);
	bed_setup(true, &hc);
	bed.host.data_dir = test_data_dir;
	umask(022);
	begin_at(NULL);
}

static void teardown(void)
{
	char command[128];

	end();
	bed_teardown();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static void write_key(const void *p, size_t len, mode_t mode)
{
	int fd = open(key_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, p, len), (int)len);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static int files_in_dir(void)
{
	char command[128], n[16];
	FILE *p;

	snprintf(command, sizeof(command), "ls -A %s | wc -l", dir);
	p = popen(command, "r");
	ck_assert_ptr_nonnull(fgets(n, sizeof(n), p));
	pclose(p);
	return atoi(n);
}

static void assert_refused(int result, const char *word)
{
	uint8_t out[32];

	again();
	bed.log[0] = 0;
	ck_assert_int_eq(ks->public_key(bed.obj, "hub", out), result);
	ck_assert_msg(strstr(bed.log, word) && strstr(bed.log, key_path), "%s", bed.log);
	ck_assert_int_eq(ks->ensure(bed.obj, "hub"), result);
	ck_assert_int_eq(ks->dh(bed.obj, "hub", (const uint8_t[32]){9}, out), result);
}

START_TEST(made_once)
{
	uint8_t key[32], other[32];
	struct stat st;

	ck_assert_int_eq(ks->public_key(bed.obj, "hub", key), -RTUN_ENOENT);
	ck_assert_str_eq(bed.log, "");
	ck_assert_int_eq(ks->ensure(bed.obj, "hub"), 0);
	ck_assert_int_eq(ks->public_key(bed.obj, "hub", key), 0);
	ck_assert_int_eq(stat(key_path, &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFREG | 0600);
	ck_assert_uint_eq(st.st_nlink, 1);
	ck_assert_int_eq(st.st_size, 32);
	ck_assert_int_eq(files_in_dir(), 1);
	ck_assert_int_eq(ks->ensure(bed.obj, "hub"), 0);
	again();
	ck_assert_int_eq(ks->ensure(bed.obj, "hub"), 0);
	ck_assert_int_eq(ks->public_key(bed.obj, "hub", other), 0);
	ck_assert_mem_eq(key, other, 32);
	ck_assert_int_eq(ks->ensure(bed.obj, "node"), 0);
	ck_assert_int_eq(ks->public_key(bed.obj, "node", other), 0);
	ck_assert_mem_ne(key, other, 32);
}
END_TEST

/* One comes while ours is being made: it stays. */
START_TEST(never_replaced)
{
	static const uint8_t mine[32] = {1, 2, 3};
	uint8_t got[32];

	write_key(mine, 32, 0600);
	ck_assert_int_eq(keyfile_make(&hc.ctx, key_path, got), 0);
	ck_assert_mem_eq(got, mine, 32);
	ck_assert_int_eq(files_in_dir(), 1);
	write_key(mine, 32, 0644);
	ck_assert_int_eq(keyfile_make(&hc.ctx, key_path, got), -RTUN_EDENIED);
	ck_assert(sodium_is_zero(got, 32));
}
END_TEST

/* RFC 7748, section 6.1 */
START_TEST(known_answer)
{
	uint8_t alice[32], bob[32], want[32], out[32], public[32];
	size_t len;

#define HEX(to, text) sodium_hex2bin(to, 32, text, 64, NULL, &len, NULL)
	HEX(alice, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
	HEX(bob, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	HEX(want, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
	write_key(alice, 32, 0600);
	ck_assert_int_eq(ks->dh(bed.obj, "hub", bob, out), 0);
	ck_assert_mem_eq(out, want, 32);
	ck_assert_int_eq(ks->public_key(bed.obj, "hub", public), 0);
	HEX(want, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
	ck_assert_mem_eq(public, want, 32);
}
END_TEST

START_TEST(low_order_points)
{
	uint8_t p[32] = {0}, out[32];

	ck_assert_int_eq(ks->ensure(bed.obj, "hub"), 0);
	ck_assert_int_eq(ks->dh(bed.obj, "hub", p, out), -RTUN_EINVAL);
	p[0] = 1;
	ck_assert_int_eq(ks->dh(bed.obj, "hub", p, out), -RTUN_EINVAL);
	ck_assert(sodium_is_zero(out, 32));
	p[0] = 9;
	ck_assert_int_eq(ks->dh(bed.obj, "hub", p, out), 0);
}
END_TEST

static const uint8_t good[33] = {1, 2, 3};

START_TEST(refused_by_mode)
{
	static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0700, 0660, 04600, 02600, 01600};
	uint8_t out[32];
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		write_key(good, 32, modes[i]);
		assert_refused(-RTUN_EDENIED, "chmod 600 /");
	}
	write_key(good, 32, 0600);
	ck_assert_int_eq(ks->ensure(bed.obj, "hub"), 0);
	again();
	write_key(good, 32, 0400); /* as systemd's credentials have it */
	ck_assert_int_eq(ks->public_key(bed.obj, "hub", out), 0);
}
END_TEST

START_TEST(refused_by_kind)
{
	char other[128];

	write_key(good, 31, 0600);
	assert_refused(-RTUN_EIO, "32 bytes");
	write_key(good, 33, 0600);
	assert_refused(-RTUN_EIO, "32 bytes");
	write_key(good, 0, 0600);
	assert_refused(-RTUN_EIO, "32 bytes");
	write_key((const uint8_t[32]){0}, 32, 0600);
	assert_refused(-RTUN_EIO, "all zeros");
	write_key(good, 32, 0600);
	snprintf(other, sizeof(other), "%s/other", dir);
	ck_assert_int_eq(link(key_path, other), 0);
	assert_refused(-RTUN_EDENIED, "more than one name");
	unlink(key_path);
	ck_assert_int_eq(symlink(other, key_path), 0);
	assert_refused(-RTUN_EDENIED, "symbolic link");
	unlink(key_path);
	ck_assert_int_eq(symlink("/nowhere/at/all", key_path), 0);
	assert_refused(-RTUN_EDENIED, "symbolic link");
	unlink(key_path);
	ck_assert_int_eq(mkdir(key_path, 0700), 0);
	assert_refused(-RTUN_EDENIED, "regular");
	rmdir(key_path);
	ck_assert_int_eq(mkfifo(key_path, 0600), 0);
	assert_refused(-RTUN_EDENIED, "regular");
}
END_TEST

START_TEST(refused_when_a_strangers)
{
	write_key(good, 32, 0600);
	if (chown(key_path, 12345, (gid_t)-1)) {
		ck_assert_int_eq(errno, EPERM); /* only root can try this */
		return;
	}
	assert_refused(-RTUN_EDENIED, "chown");
}
END_TEST

START_TEST(no_directory)
{
	rmdir(dir);
	ck_assert_int_eq(ks->ensure(bed.obj, "hub"), -RTUN_EIO);
	ck_assert_msg(strstr(bed.log, key_path) && strstr(bed.log, "No such file"), "%s", bed.log);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
}
END_TEST

/* A disk that takes only half a key: no file, no rubbish. */
START_TEST(disk_full)
{
	struct rlimit old, half = {16, 16};

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	half.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &half), 0);
	ck_assert_int_eq(ks->ensure(bed.obj, "hub"), -RTUN_EIO);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	ck_assert_int_eq(files_in_dir(), 0);
	ck_assert_int_eq(ks->ensure(bed.obj, "hub"), 0);
}
END_TEST

START_TEST(names)
{
	static const char *const bad[] = {"", "Hub", "hub2", "../hub", "hub/x", "abcdefghijklmnopq", "h b"};
	uint8_t out[32];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(ks->ensure(bed.obj, bad[i]), -RTUN_EINVAL);
		ck_assert_int_eq(ks->public_key(bed.obj, bad[i], out), -RTUN_EINVAL);
	}
	ck_assert_int_eq(ks->ensure(bed.obj, "abcdefghijklmnop"), 0);
	ck_assert_int_eq(files_in_dir(), 1);
}
END_TEST

START_TEST(other_directories)
{
	char sub[128];
	struct stat st;

	snprintf(sub, sizeof(sub), "%s/keys", dir);
	ck_assert_int_eq(mkdir(sub, 0700), 0);
	end();
	begin_at("keys");
	ck_assert_int_eq(ks->ensure(bed.obj, "hub"), 0);
	end();
	begin_at(sub);
	ck_assert_int_eq(ks->ensure(bed.obj, "node"), 0);
	snprintf(sub, sizeof(sub), "%s/keys/hub_key.bin", dir);
	ck_assert_int_eq(stat(sub, &st), 0);
	snprintf(sub, sizeof(sub), "%s/keys/node_key.bin", dir);
	ck_assert_int_eq(stat(sub, &st), 0);
	ck_assert_int_eq(files_in_dir(), 1);
}
END_TEST

/* Between uses a key's pages can't be read: a child that tries dies. */
START_TEST(memory_is_closed)
{
	const struct keystore *self;
	int status;
	pid_t pid;

	ck_assert_int_eq(ks->ensure(bed.obj, "hub"), 0);
	self = hc.ctx.self;
	pid = fork();
	if (!pid) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		_exit(*(const volatile uint8_t *)self->keys->secret ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("keystore");
	TCase *c = tcase_create("keystore");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, made_once);
	tcase_add_test(c, never_replaced);
	tcase_add_test(c, known_answer);
	tcase_add_test(c, low_order_points);
	tcase_add_test(c, refused_by_mode);
	tcase_add_test(c, refused_by_kind);
	tcase_add_test(c, refused_when_a_strangers);
	tcase_add_test(c, no_directory);
	tcase_add_test(c, disk_full);
	tcase_add_test(c, names);
	tcase_add_test(c, other_directories);
	tcase_add_test(c, memory_is_closed);
	suite_add_tcase(s, c);
	return bed_run(s);
}
