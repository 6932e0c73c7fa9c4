/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Logins of a frontend with a users-file: who gets in, what is verified and what is remembered, guessing, the file and the
 * verb that writes it.
 */
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "../../modules/frontend_socks5/parse.c"
#include "../../modules/frontend_socks5/frontend_socks5.c"

#include "frontend_bed.h"

#include "command.h"

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static const struct talk talk;

/* ---- what is verified: the hash itself is libsodium's ---- */

static atomic_uint begun, ended, held;

int __real_crypto_pwhash_str_verify(const char *hash, const char *password, unsigned long long len);
int __wrap_crypto_pwhash_str_verify(const char *hash, const char *password, unsigned long long len);
int __wrap_crypto_pwhash_str_verify(const char *hash, const char *password, unsigned long long len)
{
	begun++;
	while (held)
		usleep(1000);
	int r = __real_crypto_pwhash_str_verify(hash, password, len);
	ended++;
	return r;
}

/* ---- where clients come from ---- */

static struct rtun_addr come_from; /* family 0: it is not known */

int __wrap_host_stream_addr(struct rtun_stream *s, uint32_t which, struct rtun_addr *ret);
int __wrap_host_stream_addr(struct rtun_stream *s, uint32_t which, struct rtun_addr *ret)
{
	(void)s, (void)which;
	*ret = come_from;
	return come_from.family ? 0 : -RTUN_ENOTSUP;
}

/* Threads take real time: until `n` verifications are over, and what follows from them. */
static void await_verified(unsigned n)
{
	for (int i = 0; i < 20000 && ended < n; i++) {
		usleep(1000);
		loop_turn(bed.loop);
	}
	ck_assert_uint_eq(ended, n);
	for (int i = 0; i < 50; i++) {
		usleep(1000); /* the thread tells the loop after that */
		loop_turn(bed.loop);
	}
	ck_assert_uint_eq(begun, n);
}

/* ---- files ---- */

static char dir[] = "/tmp/restunnel-login.XXXXXX", path[64];

static void put(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void line(char *text, size_t size, const char *name, const char *password)
{
	char hash[crypto_pwhash_STRBYTES];
	size_t used = strlen(text);
	ck_assert_int_eq(crypto_pwhash_str_alg(hash, password, strlen(password), 1, 8192, crypto_pwhash_ALG_ARGON2ID13), 0);
	snprintf(text + used, size - used, "%s:%s\n", name, hash);
}

static char two_users[512];

static void login_setup(void)
{
	setup();
	begun = ended = held = 0;
	come_from = (struct rtun_addr){0};
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/users", dir);
	snprintf(two_users, sizeof(two_users), "# who may\n\n");
	line(two_users, sizeof(two_users), "alice", "pass:word");
	line(two_users, sizeof(two_users), "living-room", "p2");
	put(two_users);
	options.users_file = path;
	use(FRONTEND_USERNAME_OPTIONAL);
}

static void login_teardown(void)
{
	teardown();
	unlink(path);
	rmdir(dir);
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
}

/* ---- clients ---- */

static void say_login(int fd, const char *user, const char *password, size_t len)
{
	uint8_t msg[600] = {1, (uint8_t)strlen(user)};
	size_t n = 2 + strlen(user);
	memcpy(msg + 2, user, n - 2);
	msg[n++] = (uint8_t)len;
	memcpy(msg + n, password, len);
	fd_send(fd, msg, n + len);
}

/* A client of its own, that has said its login. */
static int client(const char *user, const char *password)
{
	char got[4];
	int fd = open_client();
	fd_send(fd, "\5\1\2", 3);
	ck_assert_int_eq(fd_recv(fd, got, 3), 2);
	say_login(fd, user, password, strlen(password));
	return fd;
}

/* And what became of it; closes it. */
static bool let_in(int fd)
{
	char got[3] = {0};
	ck_assert_int_eq(fd_recv(fd, got, sizeof(got)), 2);
	ck_assert_int_eq(got[0], 1);
	close(fd);
	bed_turns(3);
	return got[1] == 0;
}

/* ---- who gets in ---- */

static const struct {
	uint32_t username;
	const char *user, *password, *selector; /* selector NULL: refused */
	unsigned verified;
} logins[] = {
	{FRONTEND_USERNAME_OPTIONAL, "alice", "pass:word", "", 1},
	{FRONTEND_USERNAME_OPTIONAL, "alice-exit-home", "pass:word", "exit-home", 1},
	{FRONTEND_USERNAME_OPTIONAL, "alice-tag-mobile-session-42", "pass:word", "tag-mobile-session-42", 1},
	{FRONTEND_USERNAME_OPTIONAL, "living-room-any", "p2", "any", 1},
	{FRONTEND_USERNAME_OPTIONAL, "alice%2Dexit%2Dhome", "pass:word", "exit-home", 1},
	{FRONTEND_USERNAME_OFF, "alice-exit-home", "pass:word", "", 1},
	{FRONTEND_USERNAME_REQUIRED, "alice", "pass:word", "", 1},
	{FRONTEND_USERNAME_OPTIONAL, "alice", "pass:worD", NULL, 1},
	{FRONTEND_USERNAME_OPTIONAL, "alice", "p2", NULL, 1},
	{FRONTEND_USERNAME_OFF, "alice", "p2", NULL, 1},
	{FRONTEND_USERNAME_OPTIONAL, "bob", "pass:word", NULL, 1},
	{FRONTEND_USERNAME_OPTIONAL, "alice-home", "pass:word", NULL, 1}, /* a user of that name */
	{FRONTEND_USERNAME_OPTIONAL, "Alice", "pass:word", NULL, 1},
	{FRONTEND_USERNAME_OPTIONAL, "alice-", "pass:word", NULL, 1},
	{FRONTEND_USERNAME_OPTIONAL, "exit-alice", "pass:word", NULL, 0}, /* no user at all */
	{FRONTEND_USERNAME_OPTIONAL, "", "pass:word", NULL, 0},
	{FRONTEND_USERNAME_OPTIONAL, "-exit-home", "pass:word", NULL, 0},
	{FRONTEND_USERNAME_OPTIONAL, "alice", "", NULL, 0},
	{FRONTEND_USERNAME_OPTIONAL, "alice%0a", "pass:word", NULL, 0},
};

START_TEST(login_is_judged)
{
	use(logins[_i].username);
	fake.client = client(logins[_i].user, logins[_i].password);
	await_verified(logins[_i].verified);
	if (!logins[_i].selector) {
		hear(BYTES(1, 1));
		ck_assert(fd_ended(fake.client));
		ck_assert_uint_eq(front->results[FRONTEND_RESULT_LOGIN], 1);
		return;
	}
	hear(BYTES(1, 0));
	say(BYTES(5, 1, 0, 1, 93, 184, 215, 14, 0, 80));
	ck_assert_str_eq(fake.selector, logins[_i].selector);
	ck_assert_int_eq(fake.selected, logins[_i].selector[0] != '\0');
	fake_answer(RTUN_ENOEXIT, NULL, NULL);
	refusal_says("no_exit", "\"as the test \\\"says\\\"\"", "\"93.184.215.14:80\"",
		     logins[_i].user[0] == 'l' ? "\"living-room\"" : "\"alice\"");
}
END_TEST

/* A password is not what is before its NUL. */
START_TEST(password_with_nul)
{
	fake.client = open_client();
	say(BYTES(5, 1, 2));
	hear(BYTES(5, 2));
	say_login(fake.client, "living-room", "p2\0", 3);
	hear(BYTES(1, 1));
	ck_assert_uint_eq(begun, 0);
}
END_TEST

static const struct {
	uint32_t username;
	uint8_t said[12];
	uint32_t len;
	uint8_t reply[2];
} without[] = {
	{FRONTEND_USERNAME_OPTIONAL, {5, 1, 0}, 3, {5, 0xff}}, {FRONTEND_USERNAME_OFF, {5, 1, 0}, 3, {5, 0xff}},
	{FRONTEND_USERNAME_OPTIONAL, {5, 2, 0, 2}, 4, {5, 2}}, {FRONTEND_USERNAME_OFF, {5, 2, 0, 2}, 4, {5, 2}},
	{FRONTEND_USERNAME_OPTIONAL, {4, 1, 0, 80, 93, 184, 215, 14, 'a', 0}, 10, {0, 0x5b}},
	{FRONTEND_USERNAME_OFF, {4, 1, 0, 80, 93, 184, 215, 14, 0}, 9, {0, 0x5b}},
};

START_TEST(nobody_without_a_login)
{
	uint8_t got[16];
	use(without[_i].username);
	fake.client = open_client();
	say(without[_i].said, without[_i].len);
	ck_assert_int_ge(fd_recv(fake.client, (char *)got, sizeof(got)), 2);
	ck_assert_mem_eq(got, without[_i].reply, 2);
	ck_assert_int_eq(fd_ended(fake.client), without[_i].reply[1] != 2);
	ck_assert_uint_eq(fake.dials, 0);
	if (without[_i].said[0] == 4) /* its one message is a request, too; who has no login is nobody */
		refusal_says("login", "\"no user, or a wrong password: this entry wants USER or USER-exit-EXIT, and USER's password\"",
			     "\"93.184.215.14:80\"", "null");
	else
		ck_assert_uint_eq(bed.events, 0);
}
END_TEST

/* ---- what is verified ---- */

START_TEST(good_logins_are_remembered)
{
	int fd = client("alice", "pass:word");
	await_verified(1);
	ck_assert(let_in(fd));
	ck_assert(let_in(client("alice", "pass:word")));
	ck_assert(let_in(client("alice-exit-home", "pass:word")));
	ck_assert_uint_eq(begun, 1);
	fd = client("alice", "pass:wor");
	await_verified(2);
	ck_assert(!let_in(fd));
	fd = client("living-room", "pass:word");
	ck_assert(fd_silent(fd)); /* it waits: something was wrong right now */
	loop_advance(bed.loop, 250 * RTUN_MS);
	await_verified(3);
	ck_assert(!let_in(fd));
}
END_TEST

START_TEST(one_answer_for_all_who_say_the_same)
{
	int good[4], bad[4];
	held = 1;
	for (int i = 0; i < 4; i++) {
		good[i] = client("alice", "pass:word");
		bad[i] = client("alice", "wrong");
	}
	held = 0;
	await_verified(2);
	for (int i = 0; i < 4; i++)
		ck_assert(let_in(good[i]) && !let_in(bad[i]));
	ck_assert_uint_eq(front->conn_count, 0);
}
END_TEST

START_TEST(guessing_is_slowed_down)
{
	char guess[16];
	int fd = client("alice", "pass:word");
	await_verified(1);
	ck_assert(let_in(fd));
	for (unsigned i = 0; i < 5; i++) {
		snprintf(guess, sizeof(guess), "guess %u", i);
		fd = client("alice", guess);
		if (i) { /* not before the pause is over */
			loop_advance(bed.loop, 249 * RTUN_MS);
			ck_assert_uint_eq(begun, 1 + i);
			loop_advance(bed.loop, RTUN_MS);
		}
		await_verified(2 + i);
		ck_assert(!let_in(fd));
	}
	ck_assert(!let_in(client("alice", "another")));
	ck_assert(!let_in(client("living-room", "p2"))); /* right, but nobody looks */
	ck_assert(let_in(client("alice", "pass:word")));
	ck_assert_uint_eq(begun, 6);
	loop_advance(bed.loop, 10 * RTUN_S);
	fd = client("living-room", "p2");
	await_verified(7);
	ck_assert(let_in(fd));
}
END_TEST

/* What is remembered must not tell quickly which guess is right, nor to others. */
START_TEST(guesses_at_what_is_remembered)
{
	char guess[16];
	come_from = (struct rtun_addr){.family = 4, .ip = {9, 9, 9, 9}};
	int fd = client("alice", "pass:word");
	await_verified(1);
	ck_assert(let_in(fd));
	for (unsigned i = 0; i < 5; i++) {
		snprintf(guess, sizeof(guess), "guess %u", i);
		fd = client("alice", guess);
		await_verified(2 + i);
		ck_assert(!let_in(fd));
		loop_advance(bed.loop, 250 * RTUN_MS);
	}
	loop_advance(bed.loop, RTUN_S - rtun_now(&hc.ctx) % RTUN_S); /* a second begins */
	for (unsigned i = 0; i < 19; i++)
		ck_assert(!let_in(client("alice", "guess")));
	ck_assert(let_in(client("alice", "pass:word")));
	ck_assert(!let_in(client("alice", "pass:word"))); /* right, but nobody looks */
	loop_advance(bed.loop, RTUN_S);
	ck_assert(let_in(client("alice", "pass:word")));
	ck_assert_uint_eq(begun, 6);
	come_from.ip[3] = 8; /* it is verified there */
	fd = client("alice", "pass:word");
	await_verified(7);
	ck_assert(let_in(fd));
}
END_TEST

/* Nor while guesses still wait for their turn; who is right only waits. */
START_TEST(guesses_while_one_waits)
{
	int fd = client("alice", "pass:word"), right;
	await_verified(1);
	ck_assert(let_in(fd));
	held = 1;
	fd = client("alice", "guess");
	for (unsigned i = 0; i < 20; i++)
		ck_assert(let_in(client("alice", "pass:word")));
	right = client("alice", "pass:word");
	ck_assert(fd_silent(right));
	held = 0;
	await_verified(2);
	ck_assert(!let_in(fd));
	loop_advance(bed.loop, 250 * RTUN_MS);
	await_verified(3);
	ck_assert(let_in(right));
}
END_TEST

/* Five guesses of these two, in turns: do they count together? */
static const struct {
	struct rtun_addr guesser, other;
	bool same;
} sources[] = {
	{{.family = 4, .ip = {127, 0, 0, 1}}, {.family = 4, .ip = {127, 9, 9, 9}}, true}, /* all are programs of this machine */
	{{.family = 6, .ip = {[15] = 1}}, {.family = 4, .ip = {127, 0, 0, 2}}, true},
	{{0}, {.family = 4, .ip = {127, 0, 0, 2}}, true},
	{{.family = 6, .ip = {0x20, 1, [15] = 1}}, {.family = 6, .ip = {0x20, 1, [15] = 2}}, true},
	{{.family = 4, .ip = {9, 9, 9, 9}}, {.family = 4, .ip = {9, 9, 9, 8}}, false},
	{{.family = 6, .ip = {0x20, 1, [7] = 1}}, {.family = 6, .ip = {0x20, 1, [7] = 2}}, false},
};

START_TEST(guesses_by_source)
{
	char guess[16];
	for (unsigned i = 0; i < 5; i++) {
		snprintf(guess, sizeof(guess), "guess %u", i);
		come_from = i % 2 ? sources[_i].other : sources[_i].guesser;
		int fd = client("alice", guess);
		await_verified(1 + i);
		ck_assert(!let_in(fd));
		loop_advance(bed.loop, 250 * RTUN_MS);
	}
	come_from = sources[_i].other;
	int fd = client("alice", "pass:word");
	await_verified(sources[_i].same ? 5 : 6);
	ck_assert_int_eq(let_in(fd), !sources[_i].same);
}
END_TEST

START_TEST(many_guesses_at_once)
{
	char guess[16];
	int fd[8];
	held = 1;
	for (unsigned i = 0; i < 8; i++) {
		snprintf(guess, sizeof(guess), "guess %u", i);
		fd[i] = client("alice", guess);
	}
	held = 0;
	for (unsigned i = 0; i < 5; i++) {
		await_verified(1 + i);
		loop_advance(bed.loop, 250 * RTUN_MS);
	}
	await_verified(5);
	for (unsigned i = 0; i < 8; i++)
		ck_assert(!let_in(fd[i]));
}
END_TEST

/* It leaves, or the time for it is over: what its login is, is known all the same. */
START_TEST(client_leaves_meanwhile)
{
	held = 1;
	int fd = client("alice", "pass:word"), waits = client("living-room", "p2");
	if (_i)
		loop_advance(bed.loop, 5 * RTUN_S);
	close(fd);
	close(waits);
	held = 0;
	await_verified(_i ? 1 : 2);
	ck_assert_uint_eq(front->conn_count, 0);
	ck_assert(let_in(client("alice", "pass:word")));
}
END_TEST

START_TEST(stop_meanwhile)
{
	held = 1;
	int fd[2] = {client("alice", "pass:word"), client("living-room", "p2")};
	rtun_module.stop(&hc.ctx);
	ck_assert_uint_eq(front->conn_count, 0);
	held = 0;
	await_verified(1);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

static void answered(void *arg, char *answer, size_t len, const struct command_error *err);
static char answer_code[64];

/* The threads go on: neither do they look at what is gone, nor what follows from them. */
START_TEST(gone_meanwhile)
{
	struct host_ctx other = hc;
	json_t *args = json_pack("{s:s, s:s}", "name", "bob", "password", "new");
	held = 1;
	ck_assert_int_eq(rtun_module.create(&other.ctx, &options), 0);
	ck_assert_int_eq(frontend_verify_load(other.ctx.self, path), 0);
	struct frontend *usual = front;
	front = other.ctx.self;
	int fd = client("alice", "pass:word"), waits = client("living-room", "p2");
	front = usual;
	while (!begun)
		usleep(1000);
	answer_code[0] = '\0';
	command_call(&other.ctx, rtun_module.commands.items, args, answered, NULL, NULL);
	rtun_module.stop(&other.ctx);
	rtun_module.destroy(&other.ctx);
	held = 0;
	for (int i = 0; i < 20000 && (!answer_code[0] || ended < 1); i++) {
		usleep(1000);
		loop_turn(bed.loop);
	}
	await_verified(1);
	ck_assert_str_eq(answer_code, "not-stored");
	json_decref(args);
	close(fd);
	close(waits);
}
END_TEST

/* ---- reload ---- */

START_TEST(users_change)
{
	char one[256] = "";
	int fd = client("alice", "pass:word");
	await_verified(1);
	ck_assert(let_in(fd));
	line(one, sizeof(one), "living-room", "p2");
	put(one);
	ck_assert(let_in(client("alice", "pass:word"))); /* until somebody says so */
	use(FRONTEND_USERNAME_OPTIONAL);
	fd = client("alice", "pass:word");
	await_verified(2);
	ck_assert(!let_in(fd));
}
END_TEST

START_TEST(bad_file_changes_nothing)
{
	int fd;
	put("alice:secret\n");
	options.username = FRONTEND_USERNAME_OFF;
	ck_assert_int_eq(rtun_module.reload(&hc.ctx, &options), -RTUN_ECONFIG);
	ck_assert_uint_eq(front->o.username, FRONTEND_USERNAME_OPTIONAL);
	fd = client("alice", "pass:word");
	await_verified(1);
	ck_assert(let_in(fd));
}
END_TEST

START_TEST(file_that_is_not_there)
{
	struct rtun_status st = {.state = RTUN_STATE_OK};
	int fd;
	unlink(path);
	ck_assert_int_eq(rtun_module.check(&hc.ctx, &options), 0);
	use(FRONTEND_USERNAME_OPTIONAL);
	rtun_module.status(&hc.ctx, &st);
	ck_assert_uint_eq(st.state, RTUN_STATE_DEGRADED);
	ck_assert_str_eq(st.code, "no-users");
	fd = client("alice", "pass:word");
	await_verified(1);
	ck_assert(!let_in(fd));
}
END_TEST

/* ---- the file ---- */

#define SALT "$AAAAAAAAAAAAAAAAAAAAAA"
#define HASH "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define GOOD "$argon2id$v=19$m=65536,t=2,p=1" SALT HASH

static const struct {
	const char *text, *mistake; /* the last one; NULL: good */
	unsigned mistakes;
} files[] = {
	{"", NULL, 0},
	{"\n\n#\n# alice:x\n", NULL, 0},
	{"a:" GOOD, NULL, 0},
	{"0-9:" GOOD "\nb:" GOOD "\n", NULL, 0},
	{"a:$argon2id$v=19$m=262144,t=16,p=1" SALT HASH "\n", NULL, 0},
	{"a:$argon2id$v=19$m=262145,t=1,p=1" SALT HASH "\n", ":1: this is no hash", 1},
	{"a:$argon2id$v=19$m=65536,t=17,p=1" SALT HASH "\n", ":1: this is no hash", 1},
	{"a:$argon2id$v=19$m=65536,t=2,p=2" SALT HASH "\n", ":1: this is no hash", 1},
	{"a:$argon2id$v=19$m=065536,t=2,p=1" SALT HASH "\n", ":1: this is no hash", 1},
	{"a:$argon2id$v=19$m=7,t=2,p=1" SALT HASH "\n", ":1: this is no hash", 1},
	{"a:$argon2id$v=16$m=65536,t=2,p=1" SALT HASH "\n", ":1: this is no hash", 1},
	{"a:$argon2i$v=19$m=65536,t=2,p=1" SALT HASH "\n", ":1: this is no hash", 1},
	{"a:$argon2id$v=19$m=65536,t=2,p=1" SALT HASH " \n", ":1: this is no hash", 1},
	{"a:$argon2id$v=19$m=65536,t=2,p=1" SALT HASH "\r\n", ":1: this is no hash", 1},
	{"a:$argon2id$v=19$m=65536,t=2,p=1" SALT "\n", ":1: this is no hash", 1},
	{"a:$argon2id$v=19$m=65536,t=2,p=1$" HASH "\n", ":1: this is no hash", 1},
	{"a:$2y$10$abcdefghijklmnopqrstuv\n", ":1: this is no hash", 1},
	{"a: " GOOD "\n", ":1: this is no hash", 1},
	{"\na:password\n", ":2: this is no hash", 1},
	{"a\n", ":1: this is no NAME:HASH", 1},
	{" a:" GOOD "\n", ":1: this is no name", 1},
	{":" GOOD "\n", ":1: this is no name", 1},
	{"A:" GOOD "\n", ":1: this is no name", 1},
	{"-a:" GOOD "\n", ":1: this is no name", 1},
	{"a-exit:" GOOD "\n", ":1: this is no name", 1},
	{"any:" GOOD "\n", ":1: this is no name", 1},
	{"abcdefghijklmnopqrstuvwxyz0123456:" GOOD "\n", ":1: this is no name", 1},
	{"a:" GOOD "\nb:" GOOD "\na:" GOOD "\n", ":3: a is there already, in line 1", 1},
	{"a\nb\nc:" GOOD "\nd", ":4: this is no NAME:HASH", 3},
	{"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n", ":10: this is no NAME:HASH", 10},
};

START_TEST(file_is_read)
{
	bed.conf_errors = 0;
	put(files[_i].text);
	ck_assert_int_eq(rtun_module.check(&hc.ctx, &options), files[_i].mistake ? -RTUN_ECONFIG : 0);
	ck_assert_uint_eq(bed.conf_errors, files[_i].mistakes);
	if (files[_i].mistake)
		ck_assert_msg(strstr(bed.conf_error, files[_i].mistake) && strncmp(bed.conf_error, path, strlen(path)) == 0, "%s", bed.conf_error);
}
END_TEST

START_TEST(nul_in_the_file)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ck_assert_int_eq(write(fd, "#\0\n", 3), 3);
	close(fd);
	ck_assert_int_eq(rtun_module.check(&hc.ctx, &options), -RTUN_ECONFIG);
	ck_assert_ptr_nonnull(strstr(bed.conf_error, ":1: there is a NUL"));
}
END_TEST

static void make_open(void) { ck_assert_int_eq(chmod(path, 0644), 0); }
static void make_writable(void) { ck_assert_int_eq(chmod(path, 0602), 0); }
static void make_directory(void) { ck_assert(unlink(path) == 0 && mkdir(path, 0700) == 0); }
static void make_fifo(void) { ck_assert(unlink(path) == 0 && mkfifo(path, 0600) == 0); }
static void make_symlink(void) { ck_assert(unlink(path) == 0 && symlink("/dev/null", path) == 0); }
static void make_long(void) { ck_assert_int_eq(truncate(path, (1 << 20) + 1), 0); }
static void make_link(void)
{
	char other[80];
	snprintf(other, sizeof(other), "%s.other", path);
	ck_assert_int_eq(link(path, other), 0);
}

static const struct {
	void (*make)(void);
	const char *complaint;
} places[] = {
	{make_open, "can be read or written by others"}, {make_writable, "can be read or written by others"},
	{make_directory, "is not a regular file"}, {make_fifo, "is not a regular file"}, {make_symlink, "is a symbolic link"},
	{make_long, "has more than 1 MiB"}, {make_link, "has more than one name"},
};

START_TEST(file_is_refused)
{
	char other[80];
	places[_i].make();
	ck_assert_int_eq(rtun_module.check(&hc.ctx, &options), -RTUN_ECONFIG);
	ck_assert_msg(strstr(bed.conf_error, places[_i].complaint) != NULL, "%s", bed.conf_error);
	snprintf(other, sizeof(other), "%s.other", path);
	unlink(other);
	rmdir(path);
}
END_TEST

/* ---- the verb ---- */

static void answered(void *arg, char *answer, size_t len, const struct command_error *err)
{
	(void)arg, (void)len;
	snprintf(answer_code, sizeof(answer_code), "%s", answer ? "ok" : err->code);
	free(answer);
}

static const char *passwd_verb(const char *name, const char *password)
{
	json_t *args = json_pack("{s:s, s:s}", "name", name, "password", password);
	struct rtun_reply *reply;
	answer_code[0] = '\0';
	command_call(&hc.ctx, rtun_module.commands.items, args, answered, NULL, &reply);
	for (int i = 0; i < 20000 && !answer_code[0]; i++) {
		usleep(1000);
		loop_turn(bed.loop);
	}
	json_decref(args);
	return answer_code;
}

START_TEST(verb_writes_a_line)
{
	char text[1024], first[256];
	struct stat st;
	int fd, n;
	ck_assert_str_eq(passwd_verb("bob", "new"), "ok");
	ck_assert_str_eq(passwd_verb("alice", "newer"), "ok");
	ck_assert(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = (int)read(fd, text, sizeof(text) - 1);
	close(fd);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	snprintf(first, sizeof(first), "# who may\n\n%s", strstr(two_users, "living-room"));
	ck_assert_int_eq(strncmp(text, first, strlen(first)), 0);
	ck_assert_int_eq(strncmp(text + strlen(first), "bob:$argon2id$", 14), 0);
	ck_assert_ptr_nonnull(strstr(text, "\nalice:$argon2id$"));
	fd = client("bob", "new"); /* it counts at once */
	await_verified(1);
	ck_assert(let_in(fd));
	fd = client("alice", "pass:word");
	await_verified(2);
	ck_assert(!let_in(fd));
}
END_TEST

START_TEST(verb_makes_the_file)
{
	unlink(path);
	ck_assert_str_eq(passwd_verb("bob", "new"), "ok");
	use(FRONTEND_USERNAME_OPTIONAL);
}
END_TEST

START_TEST(verb_refuses)
{
	char long_password[300] = "";
	memset(long_password, 'x', 256);
	ck_assert_str_eq(passwd_verb("a-exit", "x"), "bad-name");
	ck_assert_str_eq(passwd_verb("", "x"), "bad-name");
	ck_assert_str_eq(passwd_verb("bob", ""), "bad-password");
	ck_assert_str_eq(passwd_verb("bob", long_password), "bad-password");
	put("alice\n");
	ck_assert_str_eq(passwd_verb("bob", "x"), "users-file");
	put("");
	options.users_file = "/dev/null/users";
	front->o.users_file = "/proc/nothing";
	ck_assert_str_eq(passwd_verb("bob", "x"), "not-stored");
	front->o.users_file = NULL;
	ck_assert_str_eq(passwd_verb("bob", "x"), "no-users-file");
}
END_TEST

/* ---- exposed ---- */

static uint32_t direct_flags(void *obj)
{
	(void)obj;
	return RTUN_DIALER_DIRECT;
}

static const struct rtun_dialer_ops direct_ops = {.size = sizeof(direct_ops), .dial = fake_dial, .flags = direct_flags};

static const struct {
	struct rtun_endpoint e;
	bool direct, allow;
	const char *complaint;
} exposed[] = {
	{{.text = "1", .addr = {.family = 4, .ip = {127, 9, 9, 9}}}, true, true, NULL},
	{{.text = "1", .addr = {.family = 6, .ip = {[15] = 1}}}, true, true, NULL},
	{{.text = "1", .path = "/x"}, true, true, NULL},
	{{.text = "1", .addr = {.family = 4, .ip = {0}}}, false, false, NULL},
	{{.text = "1", .addr = {.family = 4, .ip = {0}}}, true, false, "open relay"},
	{{.text = "1", .addr = {.family = 6}}, true, false, "open relay"},
	{{.text = "1", .addr = {.family = 4, .ip = {10, 0, 0, 1}}}, false, true, "allow-users"},
};

START_TEST(exposure_is_judged)
{
	static const char *const root[] = {"root"};
	struct frontend_options o = options;
	struct host_ctx other = hc;
	o.listen = (struct rtun_list){&exposed[_i].e, 1, sizeof(exposed[_i].e)};
	if (exposed[_i].allow)
		o.allow_users = (struct rtun_list){root, 1, sizeof(root[0])};
	o.to.ops = exposed[_i].direct ? &direct_ops : &fake_ops;
	ck_assert_int_eq(rtun_module.create(&other.ctx, &o), exposed[_i].complaint ? -RTUN_ECONFIG : 0);
	if (exposed[_i].complaint)
		ck_assert_msg(strstr(bed.conf_error, exposed[_i].complaint) != NULL, "%s", bed.conf_error);
	rtun_module.destroy(&other.ctx);
}
END_TEST

START_TEST(users_of_the_machine)
{
	static const char *const good[] = {"root", "0", "4294967294"}, *const bad[] = {"no-such-user", "4294967296", "-1", "0x0", ""};
	options.allow_users = (struct rtun_list){good, 3, sizeof(good[0])};
	ck_assert_int_eq(rtun_module.check(&hc.ctx, &options), 0);
	options.allow_users = (struct rtun_list){bad, 5, sizeof(bad[0])};
	bed.conf_errors = 0;
	ck_assert_int_eq(rtun_module.check(&hc.ctx, &options), -RTUN_ECONFIG);
	ck_assert_uint_eq(bed.conf_errors, 5);
}
END_TEST

/* ---- several exits ---- */

static uint32_t several_flags(void *obj)
{
	(void)obj;
	return RTUN_DIALER_SEVERAL;
}

static const struct rtun_dialer_ops several_ops = {.size = sizeof(several_ops), .dial = fake_dial, .flags = several_flags};

static const struct {
	bool several;
	const char *exit;
	uint32_t username, strategy;
	bool finding;
} choices[] = {
	{true, NULL, FRONTEND_USERNAME_OPTIONAL, RTUN_STRATEGY_BEST, true},
	{false, NULL, FRONTEND_USERNAME_OPTIONAL, RTUN_STRATEGY_BEST, false},
	{true, "home", FRONTEND_USERNAME_OPTIONAL, RTUN_STRATEGY_BEST, false},
	{true, NULL, FRONTEND_USERNAME_REQUIRED, RTUN_STRATEGY_BEST, false},
	{true, NULL, FRONTEND_USERNAME_OPTIONAL, RTUN_STRATEGY_RANDOM, false},
};

static void examined(void *arg, char *text, size_t len, const struct command_error *err)
{
	(void)arg, (void)err;
	json_t *answer = json_loadb(text, len, 0, NULL);
	const json_t *check = json_array_get(json_object_get(answer, "checks"), 0);
	snprintf(answer_code, sizeof(answer_code), "%s", json_is_true(json_object_get(check, "ok")) ? "yes" : "no");
	json_decref(answer);
	free(text);
}

static void doctor_verb(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	(void)args;
	rtun_module.doctor(ctx, reply);
}

static uint32_t warnings;

RTUN_PRINTF(5, 0) static void count_warning(struct rtun_ctx *ctx, const char *key, const char *code, const char *remedy, const char *fmt, va_list ap)
{
	(void)ctx, (void)key, (void)fmt, (void)ap;
	ck_assert_str_eq(code, "exit-chosen");
	ck_assert_ptr_nonnull(strstr(remedy, "exit: NAME"));
	warnings++;
}

START_TEST(doctor_asks_who_chose)
{
	static const struct rtun_command doctor = {.name = "doctor", .run = doctor_verb};
	front->o.to.ops = choices[_i].several ? &several_ops : &fake_ops;
	front->o.exit = choices[_i].exit;
	front->o.username = choices[_i].username;
	front->o.strategy = choices[_i].strategy;
	command_call(&hc.ctx, &doctor, NULL, examined, NULL, NULL);
	ck_assert_str_eq(answer_code, choices[_i].finding ? "no" : "yes");
	warnings = 0;
	bed.host.conf_warn = count_warning;
	rtun_module.advise(&hc.ctx);
	ck_assert_uint_eq(warnings, choices[_i].finding);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("login");
	TCase *t = tcase_create("login");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, login_setup, login_teardown);
	tcase_add_loop_test(t, login_is_judged, 0, ROWS(logins));
	tcase_add_test(t, password_with_nul);
	tcase_add_loop_test(t, nobody_without_a_login, 0, ROWS(without));
	tcase_add_test(t, good_logins_are_remembered);
	tcase_add_test(t, one_answer_for_all_who_say_the_same);
	tcase_add_test(t, guessing_is_slowed_down);
	tcase_add_test(t, guesses_at_what_is_remembered);
	tcase_add_test(t, guesses_while_one_waits);
	tcase_add_loop_test(t, guesses_by_source, 0, ROWS(sources));
	tcase_add_test(t, many_guesses_at_once);
	tcase_add_loop_test(t, client_leaves_meanwhile, 0, 2);
	tcase_add_test(t, stop_meanwhile);
	tcase_add_test(t, gone_meanwhile);
	tcase_add_test(t, users_change);
	tcase_add_test(t, bad_file_changes_nothing);
	tcase_add_test(t, file_that_is_not_there);
	tcase_add_loop_test(t, file_is_read, 0, ROWS(files));
	tcase_add_test(t, nul_in_the_file);
	tcase_add_loop_test(t, file_is_refused, 0, ROWS(places));
	tcase_add_test(t, verb_writes_a_line);
	tcase_add_test(t, verb_makes_the_file);
	tcase_add_test(t, verb_refuses);
	tcase_add_loop_test(t, exposure_is_judged, 0, ROWS(exposed));
	tcase_add_test(t, users_of_the_machine);
	tcase_add_loop_test(t, doctor_asks_who_chose, 0, ROWS(choices));
	suite_add_tcase(s, t);
	return bed_run(s);
}
