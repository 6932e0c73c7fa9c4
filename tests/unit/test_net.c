/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_net.c - listeners: what is done before listen() concerns the listener only; whose connections are accepted.
 */
#include "net_bed.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <sys/un.h>

#define PORT 9000

static struct host_ctx hc;
static struct rtun_stream *accepted;
static int filtered_fd, refuse;

static void setup(void)
{
	net_setup();
	bed_setup(false, &hc);
	accepted = NULL;
	filtered_fd = -1;
	refuse = 0;
}

static void teardown(void)
{
	rtun_close(&accepted);
	bed_turns(2);
	bed_teardown();
}

/* Lets in whatever has no PSH: a handshake, but no data. */
static int no_data(void *arg, int fd)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x08, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffffU),
	};
	struct sock_fprog p = {.len = 4, .filter = insns};
	ck_assert_ptr_eq(arg, &hc);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)), 0);
	filtered_fd = fd;
	return refuse;
}

static void on_accept(void *arg, struct rtun_stream **s, const struct rtun_addr *peer)
{
	(void)arg, (void)peer;
	accepted = *s;
	*s = NULL;
}

static int listen_filtered(struct rtun_listener **ret)
{
	struct rtun_endpoint e = {.text = "127.0.0.1:9000", .addr = net_addr("127.0.0.1", PORT)};
	struct rtun_listen_req req = {.size = sizeof(req), .endpoint = &e, .accept = on_accept, .arg = &hc, .before_listen = no_data};
	return rtun_listen(&hc.ctx, &req, ret);
}

static void turns_until_accepted(void)
{
	for (uint64_t end = net_clock() + 10 * RTUN_S; !accepted && net_clock() < end;)
		bed_turns(1);
	ck_assert_ptr_nonnull(accepted);
}

START_TEST(filter_is_not_inherited)
{
	struct rtun_listener *l;
	int client;
	char byte;
	socklen_t len = 0;
	ck_assert_int_eq(listen_filtered(&l), 0);
	ck_assert_int_eq(net_connect("127.1.0.1", "127.0.0.1", PORT, NET_WAIT, &client), NET_OPEN);
	turns_until_accepted();
	ck_assert_int_eq(send(client, "x", 1, 0), 1);
	for (uint64_t end = net_clock() + 10 * RTUN_S; rtun_read(accepted, &byte, 1) != 1;) {
		ck_assert_uint_lt(net_clock(), end);
		rtun_want(accepted, RTUN_READ);
		bed_turns(1);
	}
	/* the listener keeps it */
	ck_assert_int_eq(getsockopt(filtered_fd, SOL_SOCKET, SO_GET_FILTER, NULL, &len), 0);
	ck_assert_uint_eq(len, 4);
	close(client);
	rtun_unlisten(&l);
}
END_TEST

START_TEST(refused_before_listen)
{
	struct rtun_listener *l = NULL;
	refuse = -RTUN_ENOTSUP;
	ck_assert_int_eq(listen_filtered(&l), -RTUN_ENOTSUP);
	ck_assert_ptr_null(l);
	net_expect(NET_CLOSED, "127.1.0.1", "127.0.0.1", PORT);
}
END_TEST

/* ---- only some users ---- */

#define SOCKET_PATH "/tmp/restunnel-test-net.sock"

static const struct {
	const char *to; /* NULL: a unix socket */
	const char *by; /* as the client's socket calls it */
	uint32_t other; /* who may: uid plus this */
	bool leaves;
} peers[] = {
	{"127.0.0.1", "127.0.0.1", 0, false}, {"::1", "::1", 0, false}, {"127.0.0.1", "::ffff:127.0.0.1", 0, false}, {NULL, NULL, 0, false},
	{"127.0.0.1", "127.0.0.1", 1, false}, {"::1", "::1", 1, false}, {"127.0.0.1", "::ffff:127.0.0.1", 1, false}, {NULL, NULL, 1, false},
	{"127.0.0.1", "127.0.0.1", 0, true},  {"::1", "::1", 0, true},
};

static int client_of(int row)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = SOCKET_PATH};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
	struct sockaddr_storage ss;
	struct rtun_addr a = net_addr(peers[row].to ? peers[row].to : "::1", PORT);
	socklen_t len = addr_to_sockaddr(&a, &ss);
	bool mapped = peers[row].by && !strncmp(peers[row].by, "::ffff:", 7);
	int fd = socket(!peers[row].to ? AF_UNIX : mapped ? AF_INET6 : ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (mapped) {
		ck_assert_int_eq(inet_pton(AF_INET6, peers[row].by, &in6.sin6_addr), 1);
		memcpy(&ss, &in6, sizeof(in6));
		len = sizeof(in6);
	}
	if (peers[row].to)
		ck_assert_int_eq(connect(fd, (struct sockaddr *)&ss, len), 0);
	else
		ck_assert_int_eq(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

START_TEST(only_some_users)
{
	struct rtun_endpoint e = {.text = "test", .path = SOCKET_PATH};
	uint32_t users[] = {4294967290U, geteuid() + peers[_i].other};
	struct rtun_listen_req req = {.size = sizeof(req), .endpoint = &e, .accept = on_accept, .arg = &hc, .users = RTUN_LIST(users)};
	struct rtun_listener *l;
	char byte;
	int fd;
	if (peers[_i].to)
		e = (struct rtun_endpoint){.text = "test", .addr = net_addr(peers[_i].to, PORT)};
	ck_assert_int_eq(rtun_listen(&hc.ctx, &req, &l), 0);
	fd = client_of(_i);
	if (peers[_i].leaves)
		close(fd);
	else
		ck_assert_int_eq(send(fd, "x", 1, 0), 1);
	if (!peers[_i].leaves && !peers[_i].other) {
		turns_until_accepted();
	} else {
		bed.log[0] = '\0';
		for (uint64_t end = net_clock() + 10 * RTUN_S; !bed.log[0] && net_clock() < end;)
			bed_turns(1);
		ck_assert_ptr_null(accepted);
		ck_assert_ptr_nonnull(strstr(bed.log, peers[_i].leaves ? "does not tell whose it is" : "is not among those who may"));
	}
	if (bed.log[0]) { /* the next one is not worth a line: he could write the log full */
		ck_assert_uint_eq(bed.log_level, RTUN_NOTICE);
		bed.log[0] = '\0';
		close(client_of(_i));
		for (uint64_t end = net_clock() + 10 * RTUN_S; !bed.log[0] && net_clock() < end;)
			bed_turns(1);
		ck_assert_uint_eq(bed.log_level, RTUN_DEBUG);
	}
	if (!peers[_i].leaves) {
		if (!accepted)
			ck_assert_int_le(recv(fd, &byte, 1, 0), 0); /* closed, with the byte unread */
		close(fd);
	}
	rtun_unlisten(&l);
}
END_TEST

int main(void)
{
	if (!net_possible())
		return NET_SKIPPED;
	Suite *s = suite_create("net");
	TCase *t = tcase_create("net");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, filter_is_not_inherited);
	tcase_add_test(t, refused_before_listen);
	tcase_add_loop_test(t, only_some_users, 0, sizeof(peers) / sizeof(peers[0]));
	suite_add_tcase(s, t);
	return bed_run(s);
}
