/* SPDX-License-Identifier: BSD-2-Clause
 *
 * peer.c - the other end of a connection. Of a unix socket the kernel says it. Of TCP it is asked for the socket with the
 * same four addresses and ports the other way round, which the kernel answers at once; a port alone could be somebody
 * else's by now.
 */
#include "peer.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union peer_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct peer_question {
	struct nlmsghdr head;
	struct inet_diag_req_v2 body;
};

union peer_answer {
	struct nlmsghdr head;
	char bytes[4096];
};

int peer_open(void)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void peer_put(const union peer_address *a, __be16 *ret_port, __be32 ret_ip[4])
{
	memset(ret_ip, 0, 16);
	*ret_port = a->any.sa_family == AF_INET ? a->v4.sin_port : a->v6.sin6_port;
	if (a->any.sa_family == AF_INET)
		memcpy(ret_ip, &a->v4.sin_addr, 4);
	else
		memcpy(ret_ip, &a->v6.sin6_addr, 16);
}

static bool peer_ask(int diag, const union peer_address *local, const union peer_address *remote, struct peer_question *q)
{
	*q = (struct peer_question){
		.head = {.nlmsg_len = sizeof(*q), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
		.body = {.sdiag_family = (uint8_t)local->any.sa_family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = 1U << TCP_ESTABLISHED,
			 .id = {.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
	};
	peer_put(remote, &q->body.id.idiag_sport, q->body.id.idiag_src);
	peer_put(local, &q->body.id.idiag_dport, q->body.id.idiag_dst);
	return send(diag, q, sizeof(*q), 0) == (ssize_t)sizeof(*q);
}

/* Where there is no such connection the kernel answers with an error, or with the socket that listens at the port. */
static int peer_judge(const union peer_answer *a, ssize_t n, const struct peer_question *q, uint32_t *ret_uid)
{
	const struct inet_diag_msg *m = NLMSG_DATA(&a->head);
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(*m)) || a->head.nlmsg_len > (size_t)n || a->head.nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return -1;
	if (m->idiag_state != TCP_ESTABLISHED || !m->idiag_inode || m->id.idiag_sport != q->body.id.idiag_sport ||
	    m->id.idiag_dport != q->body.id.idiag_dport)
		return -1;
	*ret_uid = m->idiag_uid;
	return 0;
}

static int peer_user_tcp(int diag, const union peer_address *local, const union peer_address *remote, uint32_t *ret_uid)
{
	struct peer_question q;
	union peer_answer a;
	while (recv(diag, &a, sizeof(a), 0) >= 0) /* of an earlier question, if ever */
		;
	if (!peer_ask(diag, local, remote, &q))
		return -1;
	return peer_judge(&a, recv(diag, &a, sizeof(a), 0), &q, ret_uid);
}

int peer_user(int diag, int fd, uint32_t *ret_uid)
{
	union peer_address local, remote;
	socklen_t local_len = sizeof(local), remote_len = sizeof(remote);
	struct ucred who;
	socklen_t len = sizeof(who);
	if (getsockname(fd, &local.any, &local_len) < 0)
		return -1;
	if (local.any.sa_family == AF_UNIX) {
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
			return -1;
		*ret_uid = who.uid;
		return 0;
	}
	if (getpeername(fd, &remote.any, &remote_len) < 0)
		return -1;
	return peer_user_tcp(diag, &local, &remote, ret_uid);
}
