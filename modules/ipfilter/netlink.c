/* SPDX-License-Identifier: BSD-2-Clause
 *
 * netlink.c - what the kernel says about addresses and routes when it is asked, and that something has changed. Both
 * sockets are made in `prepare`; afterwards nothing needs the right to make one. Nothing is sent anywhere by asking.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipfilter.h"

#define NEWS_ALL (IPFILTER_NEWS_ADDRESSES | IPFILTER_NEWS_DEFAULTS | IPFILTER_NEWS_ROUTES)
/* The longest prefix that can be (half of) a default route: 2000::/4 */
#define WIDE 4U

/* A datagram of the kernel's: dumps come in pieces no larger than what was read before. */
union netlink_datagram {
	struct nlmsghdr head;
	uint8_t bytes[16384];
};

/* ---- Asking ---- */

static bool is_error(const struct nlmsghdr *h)
{
	return h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr));
}

/* One datagram: 1: more is to come, else the end: 0, or a negative errno. */
static int read_answer(struct ipfilter_netlink *n, ipfilter_netlink_cb *cb, void *arg)
{
	union netlink_datagram d;
	ssize_t len = recv(n->ask, &d, sizeof(d), MSG_DONTWAIT | MSG_TRUNC);
	uint32_t left = len > 0 ? (uint32_t)len : 0;

	if (len < 0 && errno == EINTR)
		return 1;
	if (len < (ssize_t)sizeof(d.head) || len > (ssize_t)sizeof(d))
		return -EIO;
	for (const struct nlmsghdr *h = &d.head; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
		if (h->nlmsg_seq != n->sequence)
			continue; /* of a question that was given up */
		if (is_error(h))
			return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		cb(arg, h);
		if (!(h->nlmsg_flags & NLM_F_MULTI))
			return 0;
	}
	return 1;
}

/* The answer is there when the question has been sent: the kernel makes it in send(), and the rest of a long one in recv(). */
int ipfilter_netlink_ask(struct ipfilter_netlink *n, struct nlmsghdr *question, ipfilter_netlink_cb *cb, void *arg)
{
	int r;

	question->nlmsg_seq = ++n->sequence;
	question->nlmsg_flags |= NLM_F_REQUEST;
	if (n->ask < 0 || send(n->ask, question, question->nlmsg_len, 0) < 0)
		return -EIO;
	do r = read_answer(n, cb, arg);
	while (r > 0);
	return r;
}

/* ---- News ---- */

static uint32_t news_of(const struct nlmsghdr *h)
{
	const struct rtmsg *route = NLMSG_DATA(h);

	switch (h->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return IPFILTER_NEWS_ADDRESSES | IPFILTER_NEWS_DEFAULTS;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(*route)) && route->rtm_dst_len > WIDE)
			return IPFILTER_NEWS_ROUTES; /* one among thousands, perhaps: the default routes are the same */
		return IPFILTER_NEWS_DEFAULTS;
	default:
		return NEWS_ALL;
	}
}

uint32_t ipfilter_netlink_news(struct ipfilter_netlink *n)
{
	union netlink_datagram d;
	uint32_t news = 0;
	ssize_t len;

	while ((len = recv(n->news, &d, sizeof(d), MSG_DONTWAIT | MSG_TRUNC)) > 0 || (len < 0 && (errno == ENOBUFS || errno == EINTR))) {
		uint32_t left = len > 0 ? (uint32_t)len : 0;
		if (len > (ssize_t)sizeof(d) || (len < 0 && errno == ENOBUFS)) {
			news = NEWS_ALL; /* lost */
			continue;
		}
		for (const struct nlmsghdr *h = &d.head; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left))
			news |= news_of(h);
	}
	return news;
}

/* ---- Life ---- */

void ipfilter_netlink_init(struct ipfilter_netlink *n)
{
	*n = (struct ipfilter_netlink){.ask = -1, .news = -1};
}

static int netlink_socket(uint32_t groups)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&nl, sizeof(nl)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int ipfilter_netlink_open(struct ipfilter_netlink *n)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	n->ask = netlink_socket(0);
	n->news = netlink_socket(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE |
				 RTMGRP_IPV4_RULE | 1U << (RTNLGRP_IPV6_RULE - 1) | 1U << (RTNLGRP_NEXTHOP - 1));
	return n->ask >= 0 && n->news >= 0 && connect(n->ask, (struct sockaddr *)&kernel, sizeof(kernel)) == 0 ? 0 : -RTUN_EIO;
}

void ipfilter_netlink_fini(struct ipfilter_netlink *n)
{
	if (n->ask >= 0)
		close(n->ask);
	if (n->news >= 0)
		close(n->news);
	n->ask = n->news = -1;
}
