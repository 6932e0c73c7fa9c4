/* SPDX-License-Identifier: BSD-2-Clause
 *
 * dial.h - opens streams to the target: with a plain TCP connection, or through SOCKS5 (RFC 1928, no authentication).
 */
#ifndef DIAL_H
#define DIAL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct route {
	struct sockaddr_in first, target; /* first: what is connected to */
	bool socks;
};
struct dial {
	int fd;
	enum { DIAL_CONNECT, DIAL_METHOD, DIAL_ANSWER } state;
	uint8_t in[262];
	unsigned got, wanted;
};

/* `path` is "direct", "plain:ADDRESS:PORT" (a forwarder to the target) or "socks:ADDRESS:PORT". Ends the program when it is none. */
void route_parse(const char *path, const char *target, struct route *ret_route);

/* d->fd is a new socket, for the caller to close, that becomes writable next. <0: no connection, no socket. */
int dial_start(const struct route *, struct dial *d);

/* When d->fd is ready. 1: the stream is open; 0: wait until it is readable; -1: it failed. */
int dial_step(const struct route *, struct dial *d);

#endif
