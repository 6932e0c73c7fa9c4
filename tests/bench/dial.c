/* SPDX-License-Identifier: BSD-2-Clause */
#include "dial.h"

#include "bench.h"

void route_parse(const char *path, const char *target, struct route *ret_route)
{
	*ret_route = (struct route){.target = address_of(target)};
	if (strcmp(path, "direct") == 0) {
		ret_route->first = ret_route->target;
		return;
	}
	ret_route->socks = strncmp(path, "socks:", 6) == 0;
	if (!ret_route->socks && strncmp(path, "plain:", 6) != 0)
		errx(2, "%s is not direct, plain:ADDRESS:PORT or socks:ADDRESS:PORT", path);
	ret_route->first = address_of(path + 6);
}

int dial_start(const struct route *route, struct dial *d)
{
	int on = 1;
	*d = (struct dial){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
	if (d->fd < 0)
		return -1;
	setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(d->fd, (const struct sockaddr *)&route->first, sizeof(route->first)) == 0 || errno == EINPROGRESS)
		return 0;
	close(d->fd);
	return -1;
}

/* Nothing but what is wanted is read: what follows belongs to the stream. */
static int receive(struct dial *d)
{
	ssize_t n = recv(d->fd, d->in + d->got, d->wanted - d->got, 0);
	if (n <= 0)
		return n < 0 && errno == EAGAIN ? 0 : -1;
	d->got += (unsigned)n;
	return d->got == d->wanted;
}

static int say(struct dial *d, const void *bytes, size_t len, unsigned wanted)
{
	d->got = 0;
	d->wanted = wanted;
	d->state++;
	return send(d->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

static int connected(const struct route *route, struct dial *d)
{
	int error = 0;
	socklen_t len = sizeof(error);
	if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
		return -1;
	return route->socks ? say(d, "\5\1\0", 3, 2) : 1;
}

static int ask_for(const struct route *route, struct dial *d)
{
	uint8_t request[10] = {5, 1, 0, 1};
	int r = receive(d);
	if (r <= 0)
		return r;
	if (d->in[0] != 5 || d->in[1] != 0)
		return -1;
	memcpy(request + 4, &route->target.sin_addr, 4);
	memcpy(request + 8, &route->target.sin_port, 2);
	return say(d, request, sizeof(request), 5);
}

/* VER REP RSV ATYP, and an address whose length the fifth byte tells, or its kind. */
static int answered(struct dial *d)
{
	for (;;) {
		int r = receive(d);
		if (r <= 0)
			return r;
		if (d->wanted > 5)
			return 1;
		if (d->in[0] != 5 || d->in[1] != 0)
			return -1;
		d->wanted = d->in[3] == 4 ? 22 : d->in[3] == 3 ? 7U + d->in[4] : 10;
	}
}

int dial_step(const struct route *route, struct dial *d)
{
	switch (d->state) {
	case DIAL_CONNECT: return connected(route, d);
	case DIAL_METHOD: return ask_for(route, d);
	default: return answered(d);
	}
}
