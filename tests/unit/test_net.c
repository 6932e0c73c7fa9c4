/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_net.c - listeners: what is done before listen() concerns the listener only.
 */
#include "net_bed.h"

#include <linux/filter.h>

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
	suite_add_tcase(s, t);
	return bed_run(s);
}
