/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gate_filtered.c - the gate behind which a port is silent, as behind a firewall that drops everything.
 *
 * A classic BPF filter on the listening socket (Documentation/networking/filter.rst) sees every segment that is for the listener
 * or for a handshake under way; what it drops is not answered. It is attached before listen(), for a listener without it lets
 * strangers in at once, and is swapped whole by SO_ATTACH_FILTER from then on, never detached: a swap has no gap. (It
 * can't be locked with SO_LOCK_FILTER, which would forbid the swap.)
 *
 * The socket that accept() gives has inherited the filter; whoever accepts detaches it there.
 */
#include "gate_private.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LINGER (10 * RTUN_S)
#define LINGER_MAX 64 /* sources; beyond that the oldest goes early */
/* A filter that could not be swapped is tried again. */
#define AGAIN (100 * RTUN_MS)

struct guest {
	uint64_t until; /* rtun_now(); 0: nobody */
	struct rtun_addr source;
};

struct filtered {
	struct gate gate;
	struct rtun_timer *timer;
	struct gate_socket sockets[GATE_SOCKETS];
	struct guest places[GATE_PLACES];
	struct guest leaving[LINGER_MAX]; /* in order of their ends */
	uint32_t leaving_count;
	bool failed; /* the sockets have a stricter filter than they should */
};

/* ---- the filter ----
 *
 * The data begins at the TCP header; the IP header is reached with SKF_NET_OFF. Returned is how many bytes of the segment may
 * pass: none or all.
 *
 *	source -> M[0] (, M[1])
 *	for each admitted one:	source is it? -> pass
 *	SYN? -> drop
 *	for each leaving one:	source is it? -> pass
 *	drop
 */

#define V4_SOURCE ((uint32_t)SKF_NET_OFF + 12)
#define V6_SOURCE ((uint32_t)SKF_NET_OFF + 8) /* the first half of it, the /64, counts */
#define TCP_FLAGS 13
#define TCP_SYN 0x02
#define PASS 0xffffffffU
#define DROP 0

#define GUEST_LENGTH 5
#define FILTER_MAX (9 + GUEST_LENGTH * (GATE_PLACES + LINGER_MAX))
_Static_assert(FILTER_MAX <= BPF_MAXINSNS, "a filter with all places taken");

struct filter {
	struct sock_filter insns[FILTER_MAX];
	uint16_t count;
};

#define APPEND(f, ...) append(f, (const struct sock_filter[]){__VA_ARGS__}, sizeof((const struct sock_filter[]){__VA_ARGS__}) / sizeof(struct sock_filter))

static void append(struct filter *f, const struct sock_filter *insns, size_t count)
{
	memcpy(f->insns + f->count, insns, count * sizeof(*insns));
	f->count = (uint16_t)(f->count + count);
}

static uint32_t word(const struct rtun_addr *a, uint32_t i)
{
	const uint8_t *p = a->ip + 4 * i;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void load_source(struct filter *f, uint8_t family)
{
	if (family == 4)
		APPEND(f, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, V4_SOURCE), BPF_STMT(BPF_ST, 0));
	else
		APPEND(f, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, V6_SOURCE), BPF_STMT(BPF_ST, 0),
		       BPF_STMT(BPF_LD | BPF_W | BPF_ABS, V6_SOURCE + 4), BPF_STMT(BPF_ST, 1));
}

static void pass_guest(struct filter *f, const struct rtun_addr *a)
{
	if (a->family == 4)
		APPEND(f, BPF_STMT(BPF_LD | BPF_MEM, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word(a, 0), 0, 1),
		       BPF_STMT(BPF_RET | BPF_K, PASS));
	else
		APPEND(f, BPF_STMT(BPF_LD | BPF_MEM, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word(a, 0), 0, 3),
		       BPF_STMT(BPF_LD | BPF_MEM, 1), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word(a, 1), 0, 1),
		       BPF_STMT(BPF_RET | BPF_K, PASS));
}

static void pass_guests(struct filter *f, const struct guest *guests, uint32_t count, uint8_t family)
{
	for (uint32_t i = 0; i < count; i++)
		if (guests[i].until && guests[i].source.family == family)
			pass_guest(f, &guests[i].source);
}

static void write_filter(struct filter *ret, const struct filtered *f, uint8_t family, uint32_t places, uint32_t leaving)
{
	ret->count = 0;
	load_source(ret, family);
	pass_guests(ret, f->places, places, family);
	APPEND(ret, BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TCP_SYN, 0, 1),
	       BPF_STMT(BPF_RET | BPF_K, DROP));
	pass_guests(ret, f->leaving, leaving, family);
	APPEND(ret, BPF_STMT(BPF_RET | BPF_K, DROP));
}

static int attach(int fd, struct filter *filter)
{
	struct sock_fprog program = {.len = filter->count, .filter = filter->insns};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* Rather too strict a filter than the one before: memory for filters is limited (net.core.optmem_max). */
static bool swap(struct filtered *f, const struct gate_socket *s)
{
	const struct {
		uint32_t places, leaving;
	} tries[] = {{GATE_PLACES, f->leaving_count}, {GATE_PLACES, 0}, {0, 0}};
	struct filter filter;
	for (uint32_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		write_filter(&filter, f, s->addr.family, tries[i].places, tries[i].leaving);
		if (attach(s->fd, &filter) == 0)
			return i == 0;
	}
	return false;
}

/* ---- who is admitted, who is leaving ---- */

static bool same_source(const struct rtun_addr *a, const struct rtun_addr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, a->family == 4 ? 4 : 8) == 0;
}

static void leaving_remove(struct filtered *f, uint32_t i)
{
	f->leaving_count--;
	memmove(f->leaving + i, f->leaving + i + 1, (f->leaving_count - i) * sizeof(*f->leaving));
}

static void leave(struct filtered *f, struct guest *g, uint64_t from)
{
	for (uint32_t i = f->leaving_count; i-- > 0;)
		if (same_source(&f->leaving[i].source, &g->source))
			leaving_remove(f, i);
	if (f->leaving_count == LINGER_MAX)
		leaving_remove(f, 0);
	f->leaving[f->leaving_count] = *g;
	f->leaving[f->leaving_count++].until = from + LINGER;
	g->until = 0;
}

/* Moves those whose time has come; when to look again: 0: nobody is there. */
static uint64_t expire(struct filtered *f, uint64_t now)
{
	uint64_t next = 0;
	for (uint32_t i = 0; i < GATE_PLACES; i++) {
		struct guest *g = &f->places[i];
		if (g->until && g->until <= now)
			leave(f, g, now);
		if (g->until && (!next || g->until < next))
			next = g->until;
	}
	while (f->leaving_count && f->leaving[0].until <= now)
		leaving_remove(f, 0);
	if (f->leaving_count && (!next || f->leaving[0].until < next))
		next = f->leaving[0].until;
	return next;
}

static void apply(struct filtered *f)
{
	uint64_t now = rtun_now(f->gate.ctx), next = expire(f, now);
	bool before = f->failed;
	f->failed = false;
	for (uint32_t i = 0; i < f->gate.sockets; i++)
		if (!swap(f, &f->sockets[i]))
			f->failed = true;
	if (f->failed && !before)
		rtun_log(f->gate.ctx, RTUN_WARN, "the gate's filter could not be changed: %s; it is tried again%s", strerror(errno),
			 errno == ENOMEM ? " (raise net.core.optmem_max)" : "");
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
	leave(f, &f->places[place], rtun_now(g->ctx));
	apply(f);
}

static void filtered_admit(struct gate *g, uint32_t place, const struct rtun_addr *source, uint64_t ns)
{
	struct filtered *f = (struct filtered *)g;
	struct guest *guest = &f->places[place];
	if (guest->until && !same_source(&guest->source, source))
		leave(f, guest, rtun_now(g->ctx));
	guest->source = *source;
	guest->until = rtun_now(g->ctx) + ns;
	apply(f);
}

/* ---- life ---- */

static void filtered_destroy(struct gate *g)
{
	struct filtered *f = (struct filtered *)g;
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

/* Does it listen without a filter? */
static bool too_late(int fd)
{
	int listens = 0;
	socklen_t len = sizeof(listens), filter_len = 0;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0)
		return true;
	/* without room for it the kernel tells the filter's length */
	return listens && (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &filter_len) < 0 || !filter_len);
}

static int filtered_guard(struct gate *g, const struct gate_socket *s, char why[GATE_WHY])
{
	struct filtered *f = (struct filtered *)g;
	struct filter filter;
	if (too_late(s->fd)) {
		snprintf(why, GATE_WHY, "the socket listens already, so strangers may have been let in");
		return -RTUN_EINVAL;
	}
	write_filter(&filter, f, s->addr.family, GATE_PLACES, f->leaving_count);
	if (attach(s->fd, &filter) < 0) {
		snprintf(why, GATE_WHY, "the kernel does not attach a filter to the socket: %s", strerror(errno));
		return -RTUN_EIO;
	}
	f->sockets[g->sockets] = *s;
	return 0;
}

const struct gate_kind gate_filtered = {filtered_create, filtered_guard, filtered_admit, filtered_shut, filtered_destroy};
