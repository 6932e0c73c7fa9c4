/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gate_filtered.c - the gate behind which a port is silent, as behind a firewall that drops everything.
 *
 * Two sockets listen at the address, a group of SO_REUSEPORT. The silent one drops every segment; the open one is what the
 * caller accepts from. A classic BPF program (SO_ATTACH_REUSEPORT_CBPF, socket(7)) chooses: an admitted source gets the open
 * one, all others the silent one. The program is there before the open socket listens, and is swapped whole to admit or to
 * shut; a swap has no gap.
 *
 * Segments of connections, and of handshakes that have begun, never come by: shutting a source out stops its SYNs at once,
 * and leaves no client that believes in a connection of which this side knows nothing.
 *
 * (A filter on the listener itself, SO_ATTACH_FILTER, would do without the second socket. But there are kernels that want
 * CAP_NET_ADMIN for it on TCP sockets, each time; it holds up the rest of a handshake when it shuts; and each accepted socket
 * inherits it.)
 */
#include "gate_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* A program that could not be swapped is tried again. */
#define AGAIN (100 * RTUN_MS)

/* Their places in the group, which are in the order of listen(). */
#define SILENT 0
#define OPEN 1

struct guest {
	uint64_t until; /* rtun_now(); 0: nobody */
	struct rtun_addr source;
};

struct filtered {
	struct gate gate;
	struct rtun_timer *timer;
	struct {
		uint8_t family;
		int silent, open; /* open has the higher number: filtered_guard() */
	} sockets[GATE_SOCKETS];
	struct guest places[GATE_PLACES];
	bool failed; /* the sockets have a stricter program than they should */
};

/* ---- the program: returns which socket ----
 *
 *	source -> M[0] (, M[1])
 *	for each admitted one:	source is it? -> OPEN
 *	SILENT
 */

#define V4_SOURCE ((uint32_t)SKF_NET_OFF + 12)
#define V6_SOURCE ((uint32_t)SKF_NET_OFF + 8) /* the first half of it, the /64, counts */
#define PROGRAM_MAX (5 + 5 * GATE_PLACES)
_Static_assert(PROGRAM_MAX <= BPF_MAXINSNS, "a program with all places taken");

struct program {
	struct sock_filter insns[PROGRAM_MAX];
	uint16_t count;
};

#define APPEND(p, ...) append(p, (const struct sock_filter[]){__VA_ARGS__}, sizeof((const struct sock_filter[]){__VA_ARGS__}) / sizeof(struct sock_filter))

static void append(struct program *p, const struct sock_filter *insns, size_t count)
{
	memcpy(p->insns + p->count, insns, count * sizeof(*insns));
	p->count = (uint16_t)(p->count + count);
}

static uint32_t word(const struct rtun_addr *a, uint32_t i)
{
	const uint8_t *p = a->ip + 4 * i;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void load_source(struct program *p, uint8_t family)
{
	if (family == 4)
		APPEND(p, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, V4_SOURCE), BPF_STMT(BPF_ST, 0));
	else
		APPEND(p, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, V6_SOURCE), BPF_STMT(BPF_ST, 0),
		       BPF_STMT(BPF_LD | BPF_W | BPF_ABS, V6_SOURCE + 4), BPF_STMT(BPF_ST, 1));
}

static void choose_open_for(struct program *p, const struct rtun_addr *a)
{
	if (a->family == 4)
		APPEND(p, BPF_STMT(BPF_LD | BPF_MEM, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word(a, 0), 0, 1),
		       BPF_STMT(BPF_RET | BPF_K, OPEN));
	else
		APPEND(p, BPF_STMT(BPF_LD | BPF_MEM, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word(a, 0), 0, 3),
		       BPF_STMT(BPF_LD | BPF_MEM, 1), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word(a, 1), 0, 1),
		       BPF_STMT(BPF_RET | BPF_K, OPEN));
}

static void write_program(struct program *p, const struct guest *places, uint32_t count, uint8_t family)
{
	p->count = 0;
	load_source(p, family);
	for (uint32_t i = 0; i < count; i++)
		if (places[i].until && places[i].source.family == family)
			choose_open_for(p, &places[i].source);
	APPEND(p, BPF_STMT(BPF_RET | BPF_K, SILENT));
}

static int attach(int fd, struct program *p)
{
	struct sock_fprog program = {.len = p->count, .filter = p->insns};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program));
}

/* Rather too strict a program than the one before. */
static bool swap(const struct filtered *f, uint32_t i)
{
	struct program p;
	write_program(&p, f->places, GATE_PLACES, f->sockets[i].family);
	if (attach(f->sockets[i].silent, &p) == 0)
		return true;
	write_program(&p, NULL, 0, f->sockets[i].family);
	attach(f->sockets[i].silent, &p);
	return false;
}

/* ---- who is admitted ---- */

/* Forgets those whose time is over; when to look again: 0: nobody is there. */
static uint64_t expire(struct filtered *f, uint64_t now)
{
	uint64_t next = 0;
	for (uint32_t i = 0; i < GATE_PLACES; i++) {
		struct guest *g = &f->places[i];
		if (g->until <= now)
			g->until = 0;
		else if (!next || g->until < next)
			next = g->until;
	}
	return next;
}

static void apply(struct filtered *f)
{
	uint64_t now = rtun_now(f->gate.ctx), next = expire(f, now);
	bool before = f->failed;
	f->failed = false;
	for (uint32_t i = 0; i < f->gate.sockets; i++)
		if (!swap(f, i))
			f->failed = true;
	if (f->failed && !before)
		rtun_log(f->gate.ctx, RTUN_WARN, "the gate can't be changed: %s; nobody is let in until it can", strerror(errno));
	if (f->failed)
		rtun_timer_start(f->timer, AGAIN);
	else if (next)
		rtun_timer_start(f->timer, next - now);
	else
		rtun_timer_stop(f->timer);
}

static void on_timer(void *arg)
{
	apply(arg);
}

static void filtered_shut(struct gate *g, uint32_t place)
{
	struct filtered *f = (struct filtered *)g;
	if (!f->places[place].until)
		return;
	f->places[place].until = 0;
	apply(f);
}

static void filtered_admit(struct gate *g, uint32_t place, const struct rtun_addr *source, uint64_t ns)
{
	struct filtered *f = (struct filtered *)g;
	f->places[place] = (struct guest){rtun_now(g->ctx) + ns, *source};
	apply(f);
}

/* ---- a guarded socket ---- */

/* Nothing that comes is answered. A filter that drops all; where that takes a privilege, a key (RFC 2385) that every segment
 * from anywhere would have to be signed with, and that nobody has: the kernel drops those that aren't, without a word. */
static int silence(int fd, uint8_t family)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = 1, .filter = &drop};
	struct tcp_md5sig key = {.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX, .tcpm_prefixlen = 0, .tcpm_keylen = 32};
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0)
		return 0;
	key.tcpm_addr.ss_family = family == 4 ? AF_INET : AF_INET6;
	if (getrandom(key.tcpm_key, key.tcpm_keylen, 0) != key.tcpm_keylen)
		return -1;
	return setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG_EXT, &key, sizeof(key));
}

/* Silent, listening, alone in its group, and with a program that would choose it. */
static int set_up_silent(int fd, uint8_t family)
{
	struct program nobody;
	int on = 1;
	write_program(&nobody, NULL, 0, family);
	if (silence(fd, family) < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 || listen(fd, 0) < 0)
		return -1;
	return attach(fd, &nobody);
}

static bool in_group(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);
	return getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, &len) == 0 && on;
}

static int filtered_guard(struct gate *g, const struct gate_socket *s, char why[GATE_WHY])
{
	struct filtered *f = (struct filtered *)g;
	int open = -1, *silent = &f->sockets[g->sockets].silent, *last = &f->sockets[g->sockets].open;
	if (s->listens && !in_group(s->fd))
		return gate_too_late(why);
	*last = -1;
	*silent = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
	if (*silent >= 0 && set_up_silent(*silent, s->addr.family) == 0)
		open = gate_listen(&s->addr, SO_REUSEPORT);
	/* A process that dies leaves its descriptors in ascending order, and the kernel then finishes them last first
	 * (task_work_run()). The open one must go before the silent one, which would leave it alone in the group. */
	if (open >= 0)
		*last = fcntl(open, F_DUPFD_CLOEXEC, *silent + 1);
	if (*last >= 0 && dup3(open, s->fd, O_CLOEXEC) >= 0) {
		close(open);
		f->sockets[g->sockets].family = s->addr.family;
		return 0;
	}
	snprintf(why, GATE_WHY, "the port can't be made silent: %s", strerror(errno));
	gate_close(last);
	gate_close(&open);
	gate_close(silent);
	return -RTUN_EIO;
}

/* ---- life ---- */

static void filtered_destroy(struct gate *g)
{
	struct filtered *f = (struct filtered *)g;
	for (uint32_t i = 0; i < g->sockets; i++) {
		close(f->sockets[i].open);
		close(f->sockets[i].silent);
	}
	rtun_timer_destroy(&f->timer);
	free(f);
}

static int filtered_create(struct rtun_ctx *ctx, struct gate **ret, char why[GATE_WHY])
{
	struct filtered *f = calloc(1, sizeof(*f));
	if (!f || rtun_timer_create(ctx, on_timer, f, &f->timer) < 0) {
		free(f);
		snprintf(why, GATE_WHY, "out of memory");
		return -RTUN_ENOMEM;
	}
	*ret = &f->gate;
	return 0;
}

const struct gate_kind gate_filtered = {filtered_create, filtered_guard, filtered_admit, filtered_shut, filtered_destroy};
