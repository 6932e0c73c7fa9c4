/* SPDX-License-Identifier: BSD-2-Clause
 *
 * datagram.h - a stream of datagrams (restunnel/datagram.h) over UDP sockets: what frontend_socks5 and exit_dialer share.
 *
 *   datagram_socket.c   UDP sockets
 *   datagram_stream.c   from them to the bytes of a stream, and back
 *
 *   sockets --receive()--> [room] --length and all--> reader of the stream      one datagram at a time, when it is asked for:
 *                                                                               until then they wait in the kernel, which drops
 *   send() <-- [part] <-- writer of the stream                                  never waits: what the kernel does not take is lost
 *
 * So the only queue is the socket's receive buffer, whose size is the limit of what waits.
 */
#ifndef DATAGRAM_H
#define DATAGRAM_H

#include <stdbool.h>
#include <sys/socket.h>

#include <restunnel/datagram.h>
#include <restunnel/module.h>

/* ---- Sockets ---- */

/* Non-blocking, on address `at`, of which all but the family may be zero; its receive buffer `buffer` bytes, as far as the
 * system allows. -1: errno says why. */
int datagram_socket_open(const struct rtun_addr *at, uint64_t buffer);
/* Where it is bound to; family 0: that is not known. */
struct rtun_addr datagram_socket_local(int fd);
/* The next one: its bytes, and where it came from; -1: none, or it was longer than `size`. Errors of earlier ones (ICMP) are
 * ignored. */
ssize_t datagram_socket_receive(int fd, void *p, size_t size, struct rtun_addr *ret_from);
/* False: it was not sent. */
bool datagram_socket_send(int fd, const struct rtun_addr *to, const struct iovec *v, uint32_t n);

/* ---- The stream ---- */

/* Before a datagram in the room: for a length and an address. */
#define DATAGRAM_HEADROOM 32U
#define DATAGRAM_ROOM (DATAGRAM_HEADROOM + RTUN_DATAGRAM_MAX)

struct datagram_ops {
	/* `len` bytes at p have come from `from`. The address and payload that the stream is to be given at *ret_body, somewhere
	 * from p - DATAGRAM_HEADROOM + RTUN_DATAGRAM_LENGTH on; their number. 0: it is dropped. */
	uint32_t (*receive)(void *self, const struct rtun_addr *from, uint8_t *p, uint32_t len, uint8_t **ret_body);
	/* Address and payload, anything at all, that were written to the stream: send or drop it. */
	void (*send)(void *self, const uint8_t *body, uint32_t len);
	/* It ends: shut down or aborted. The sockets are gone. Once, perhaps from inside a call. */
	void (*ended)(void *self);
	/* The last call. */
	void (*destroy)(void *self);
};

struct datagram_stream {
	struct rtun_ctx *ctx;
	struct rtun_stream *s;
	const struct datagram_ops *ops;
	void *self;
	struct datagram_socket {
		int fd;
		struct rtun_watch *watch; /* NULL: there is none */
	} sockets[2];                     /* IPv4, IPv6 */
	uint32_t turn;                    /* which is asked next */
	bool ended;
	uint8_t *room;                    /* what was received, and the rest that the reader has not had: */
	const uint8_t *rest;
	uint32_t rest_len;
	uint8_t *part;                    /* what was written, and is not yet whole */
	uint32_t part_len;
	uint8_t part_head[RTUN_DATAGRAM_LENGTH];
};

/* Makes the stream ds->s, to be given away. 0 or -RTUN_ENOMEM: then no op is called. */
int datagram_stream_init(struct datagram_stream *ds, struct rtun_ctx *ctx, const struct datagram_ops *ops, void *self);
/* With a socket of the family of `at`, if it has none yet. NULL: there is none, errno says why. */
const struct datagram_socket *datagram_stream_open(struct datagram_stream *ds, const struct rtun_addr *at, uint64_t buffer);
/* No more comes nor goes: its reader is given the end. */
void datagram_stream_end(struct datagram_stream *ds);

#endif
