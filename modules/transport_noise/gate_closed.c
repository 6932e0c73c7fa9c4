/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gate_closed.c - the gate behind which a port is closed, as all ports where nothing is, because nothing is there.
 *
 * The listening socket is not at the port. It is bound to an address that no machine has, so the kernel's own search
 * for a listener never finds it. A program of type BPF_PROG_TYPE_SK_LOOKUP (Documentation/bpf/prog_sk_lookup.rst), which the
 * kernel runs before that search, picks it for segments to the port from an admitted source. For all others it picks
 * nothing, and the kernel goes on as it does for every other port of the machine: the same steps, the same time, the same RST.
 * Segments of established connections never come by.
 *
 * It could as well be the other way round, a listener at the port that the program hides (SK_DROP). Measured, that
 * differs: the kernel then saves the rest of its search, and answers 60 ns sooner than at a port that is closed (the
 * Kolmogorov-Smirnov distance of 10,000 connects: 0.03; between closed ports 0.01); and when the process is killed, the
 * program may go before the listener: 935 strangers got a SYN-ACK at 672 kills. What isn't there can't be seen.
 *
 * There is one program for each guarded socket, and one table of admitted sources that all of them read. The table is the
 * value of an array map with a single entry, which is mapped into this process: admitting is storing into memory, and nothing
 * but the attaching needs a privilege. The kernel compares the deadlines itself, so the gate shuts even if this process
 * is stopped.
 */
#include "gate_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* An admitted source; none where the deadline has passed. A source is one word, so that it is never seen half written. */
struct row {
	uint64_t until;  /* CLOCK_MONOTONIC, ns */
	uint64_t source; /* what the program makes of a segment's source: word_of() */
};
struct table {
	struct row v4[GATE_PLACES], v6[GATE_PLACES];
	struct row end; /* where the program's pointer stands after the last row: without CAP_PERFMON that must be inside */
};

struct closed {
	struct gate gate;
	struct table *table;
	int map;                 /* of the table */
	int listeners;           /* a map too: index -> listening socket, for the programs to pick */
	int links[GATE_SOCKETS]; /* each keeps a program attached */
	int ports[GATE_SOCKETS]; /* sockets that are bound to the ports and don't listen: nobody else can take them */
	int64_t clock_offset;    /* of this process's CLOCK_MONOTONIC, ns */
};

/* ---- bpf(2) ---- */

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static uint64_t pointer(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

/* An errno of bpf(2), in words. */
static int refused(const char *what, char why[GATE_WHY])
{
	int err = errno;
	const char *remedy = "";
	switch (err) {
	case EPERM:
	case EACCES:
		remedy = "; it needs CAP_BPF and CAP_NET_ADMIN, and CAP_NET_RAW for the knocks, at start (and before Linux 5.11 a larger LimitMEMLOCK), and no user"
			 " namespace around it; else choose `conceal: filtered`";
		break;
	case ENOSYS:
	case EINVAL:
		remedy = "; it needs Linux 5.9 or newer with CONFIG_BPF_SYSCALL; else choose `conceal: filtered`";
		break;
	case E2BIG:
		remedy = "; other programs of this kind fill the network namespace (`bpftool link` shows them)";
		break;
	}
	snprintf(why, GATE_WHY, "%s: %s%s", what, strerror(err), remedy);
	return err == ENOMEM ? -RTUN_ENOMEM : *remedy ? -RTUN_ENOTSUP : -RTUN_EIO;
}

/* ---- the program ----
 *
 * Small assembler: one macro for each kind of instruction that is used. Documentation/bpf/standardization/instruction-set.rst */

#define INSN(op, dst, src, offset, number) \
	((struct bpf_insn){.code = (op), .dst_reg = (dst), .src_reg = (src), .off = (int16_t)(offset), .imm = (int32_t)(number)})
#define SET(dst, number) INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, number)
#define COPY(dst, src) INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define ADD(dst, number) INSN(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, number)
#define SUBTRACT(dst, src) INSN(BPF_ALU64 | BPF_SUB | BPF_X, dst, src, 0, 0)
#define OR(dst, src) INSN(BPF_ALU64 | BPF_OR | BPF_X, dst, src, 0, 0)
#define AND(dst, src) INSN(BPF_ALU64 | BPF_AND | BPF_X, dst, src, 0, 0)
#define XOR(dst, src) INSN(BPF_ALU64 | BPF_XOR | BPF_X, dst, src, 0, 0)
#define NOT(dst) INSN(BPF_ALU64 | BPF_XOR | BPF_K, dst, 0, 0, -1)
#define NEGATE(dst) INSN(BPF_ALU64 | BPF_NEG, dst, 0, 0, 0)
#define SHIFT_LEFT(dst, bits) INSN(BPF_ALU64 | BPF_LSH | BPF_K, dst, 0, 0, bits)
#define SHIFT_RIGHT(dst, bits) INSN(BPF_ALU64 | BPF_RSH | BPF_K, dst, 0, 0, bits)
#define LOAD_32(dst, src, offset) INSN(BPF_LDX | BPF_MEM | BPF_W, dst, src, offset, 0)
#define LOAD_64(dst, src, offset) INSN(BPF_LDX | BPF_MEM | BPF_DW, dst, src, offset, 0)
#define STORE_32(dst, offset, number) INSN(BPF_ST | BPF_MEM | BPF_W, dst, 0, offset, number)
#define LOAD_MAP(dst, map) INSN(BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_FD, 0, map), INSN(0, 0, 0, 0, 0)
#define LOAD_MAP_VALUE(dst, map, offset) INSN(BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_VALUE, 0, map), INSN(0, 0, 0, 0, offset)
#define CALL(function) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define JUMP_IF_BELOW(reg, number, offset) INSN(BPF_JMP | BPF_JLT | BPF_K, reg, 0, offset, number)
#define JUMP_IF_NOT_0(reg, offset) INSN(BPF_JMP | BPF_JNE | BPF_K, reg, 0, offset, 0)
#define JUMP_IF_SAME_32(reg, number, offset) INSN(BPF_JMP32 | BPF_JEQ | BPF_K, reg, 0, offset, number)

/* SK_PASS without a socket that was picked: the kernel goes on as without a program. */
#define LEAVE SET(R_RESULT, SK_PASS), EXIT
#define LEAVE_UNLESS(field_offset, value) LOAD_32(R_T, R_CTX, field_offset), JUMP_IF_SAME_32(R_T, value, 2), LEAVE
#define FIELD(name) offsetof(struct bpf_sk_lookup, name)
#define WORD(name, i) (offsetof(struct bpf_sk_lookup, name) + 4 * (i))

enum {
	R_RESULT = BPF_REG_0, /* and what a helper returns */
	R_NOW = BPF_REG_0,
	R_1 = BPF_REG_1, /* arguments of a helper, which destroys 1 to 5 */
	R_2 = BPF_REG_2,
	R_3 = BPF_REG_3,
	R_I = BPF_REG_1,
	R_T = BPF_REG_2, /* R_T to R_V: for one step */
	R_U = BPF_REG_3,
	R_V = BPF_REG_4,
	R_CTX = BPF_REG_6,
	R_SOURCE = BPF_REG_7,
	R_PICKED = BPF_REG_7,
	R_ROW = BPF_REG_8,
	R_FOUND = BPF_REG_9,
	R_STACK = BPF_REG_10,
};

#define LOOP_LENGTH 12
#define PROGRAM_MAX 80

struct program {
	struct bpf_insn insns[PROGRAM_MAX];
	uint32_t count;
};

#define APPEND(p, ...) append(p, (const struct bpf_insn[]){__VA_ARGS__}, sizeof((const struct bpf_insn[]){__VA_ARGS__}) / sizeof(struct bpf_insn))

static void append(struct program *p, const struct bpf_insn *insns, size_t count)
{
	memcpy(p->insns + p->count, insns, count * sizeof(*insns));
	p->count += (uint32_t)count;
}

/* The source as one word; word_of() does the same here. IPv4: the address; IPv6: the /64, of which words 0 and 1 are halves. */
static void load_source(struct program *p, uint8_t family)
{
	if (family == 4)
		APPEND(p, LOAD_32(R_SOURCE, R_CTX, FIELD(remote_ip4)));
	else
		APPEND(p, LOAD_32(R_SOURCE, R_CTX, WORD(remote_ip6, 1)), SHIFT_LEFT(R_SOURCE, 32), LOAD_32(R_T, R_CTX, WORD(remote_ip6, 0)),
		       OR(R_SOURCE, R_T));
}

/* R_FOUND = 1 if a row has this source and a deadline to come, else 0. All rows are looked at, without a branch, and for
 * every TCP port of the machine: how long it takes tells nobody how many are admitted, or where. */
static void look_up(struct program *p, uint32_t rows, int map)
{
	APPEND(p, CALL(BPF_FUNC_ktime_get_ns), LOAD_MAP_VALUE(R_ROW, map, rows), SET(R_FOUND, 0), SET(R_I, 0));
	APPEND(p,
	       /* the deadline before the source: see closed_admit() */
	       LOAD_64(R_T, R_ROW, offsetof(struct row, until)), LOAD_64(R_U, R_ROW, offsetof(struct row, source)),
	       /* the top bit of R_V: now - until is negative */
	       COPY(R_V, R_NOW), SUBTRACT(R_V, R_T),
	       /* the top bit of R_U: (source ^ row's) is 0, as only 0 has no top bit in x | -x */
	       XOR(R_U, R_SOURCE), COPY(R_T, R_U), NEGATE(R_T), OR(R_U, R_T), NOT(R_U),
	       AND(R_V, R_U), OR(R_FOUND, R_V), ADD(R_ROW, sizeof(struct row)));
	APPEND(p, ADD(R_I, 1), JUMP_IF_BELOW(R_I, GATE_PLACES, -(LOOP_LENGTH + 2)), SHIFT_RIGHT(R_FOUND, 63));
}

static void pick_listener(struct program *p, int listeners, uint32_t index)
{
	APPEND(p, STORE_32(R_STACK, -4, index), LOAD_MAP(R_1, listeners), COPY(R_2, R_STACK), ADD(R_2, -4), CALL(BPF_FUNC_map_lookup_elem));
	APPEND(p, JUMP_IF_NOT_0(R_RESULT, 2), LEAVE);
	APPEND(p, COPY(R_PICKED, R_RESULT), COPY(R_1, R_CTX), COPY(R_2, R_PICKED), SET(R_3, 0), CALL(BPF_FUNC_sk_assign));
	APPEND(p, COPY(R_1, R_PICKED), CALL(BPF_FUNC_sk_release), LEAVE);
}

static void write_program(struct program *p, const struct closed *c, const struct rtun_addr *local)
{
	static const uint8_t wildcard[16];
	bool v4 = local->family == 4;
	uint32_t words[4];
	p->count = 0;
	memcpy(words, local->ip, sizeof(words));

	APPEND(p, COPY(R_CTX, BPF_REG_1));
	APPEND(p, LEAVE_UNLESS(FIELD(protocol), IPPROTO_TCP), LEAVE_UNLESS(FIELD(family), v4 ? AF_INET : AF_INET6));
	load_source(p, local->family);
	look_up(p, v4 ? offsetof(struct table, v4) : offsetof(struct table, v6), c->map);
	APPEND(p, JUMP_IF_NOT_0(R_FOUND, 2), LEAVE);
	APPEND(p, LEAVE_UNLESS(FIELD(local_port), local->port)); /* host byte order, unlike the addresses */
	if (memcmp(local->ip, wildcard, sizeof(wildcard)) != 0)
		for (uint32_t i = 0; i < (v4 ? 1U : 4U); i++)
			APPEND(p, LEAVE_UNLESS(v4 ? FIELD(local_ip4) : WORD(local_ip6, i), words[i]));
	pick_listener(p, c->listeners, c->gate.sockets);
}

static int load_program(const struct program *p)
{
	union bpf_attr attr;
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SK_LOOKUP;
	attr.expected_attach_type = BPF_SK_LOOKUP;
	attr.insns = pointer(p->insns);
	attr.insn_cnt = p->count;
	attr.license = pointer("BSD-2-Clause"); /* no helper that is used asks for the GPL */
	memcpy(attr.prog_name, "restunnel_gate", 15);
	return bpf(BPF_PROG_LOAD, &attr);
}

/* ---- life ---- */

/* In a time namespace this process's CLOCK_MONOTONIC is not the kernel's. */
static int64_t clock_offset(void)
{
	long long s = 0, ns = 0;
	char line[128];
	FILE *f = fopen("/proc/self/timens_offsets", "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "monotonic %lld %lld", &s, &ns) == 2)
			break;
	fclose(f);
	return s * (int64_t)RTUN_S + ns;
}

static int create_map(enum bpf_map_type type, uint32_t value_size, uint32_t entries, uint32_t flags)
{
	union bpf_attr attr;
	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = sizeof(uint32_t);
	attr.value_size = value_size;
	attr.max_entries = entries;
	attr.map_flags = flags;
	memcpy(attr.map_name, "restunnel_gate", 15);
	return bpf(BPF_MAP_CREATE, &attr);
}

static void closed_destroy(struct gate *g)
{
	struct closed *c = (struct closed *)g;
	for (uint32_t i = 0; i < g->sockets; i++) {
		close(c->links[i]);
		close(c->ports[i]);
	}
	if (c->table)
		munmap(c->table, sizeof(*c->table));
	if (c->map >= 0)
		close(c->map);
	if (c->listeners >= 0)
		close(c->listeners);
	free(c);
}

static int closed_create(struct rtun_ctx *ctx, struct gate **ret, char why[GATE_WHY])
{
	struct closed *c = calloc(1, sizeof(*c));
	void *p = MAP_FAILED;
	int r;
	(void)ctx;
	if (!c) {
		snprintf(why, GATE_WHY, "out of memory");
		return -RTUN_ENOMEM;
	}
	c->clock_offset = clock_offset();
	c->listeners = -1;
	c->map = create_map(BPF_MAP_TYPE_ARRAY, sizeof(struct table), 1, BPF_F_MMAPABLE);
	if (c->map >= 0)
		p = mmap(NULL, sizeof(struct table), PROT_READ | PROT_WRITE, MAP_SHARED, c->map, 0);
	if (p != MAP_FAILED) {
		c->table = p;
		c->listeners = create_map(BPF_MAP_TYPE_SOCKMAP, sizeof(uint64_t), GATE_SOCKETS, 0);
	}
	if (c->listeners >= 0) {
		*ret = &c->gate;
		return 0;
	}
	r = refused("the kernel refuses the maps of the gate's BPF program", why);
	closed_destroy(&c->gate);
	return r;
}

/* ---- a guarded socket ---- */

/* With the port of the real address, so that `ss` shows what belongs together. 192.0.0.8 (RFC 7600) and 100:0:0:1::/64
 * (RFC 9780), the dummy addresses of the IANA registries, are never a destination: no machine has them. */
static int listen_nowhere(const struct rtun_addr *real)
{
	static const struct rtun_addr nowhere[] = {
		{.family = 4, .ip = {192, 0, 0, 8}},
		{.family = 6, .ip = {1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}},
	};
	struct rtun_addr local = nowhere[real->family != 4];
	local.port = real->port;
	return gate_listen(&local, GATE_FREEBIND);
}

static int add_listener(int map, uint32_t index, int fd)
{
	union bpf_attr attr;
	uint64_t value = (uint64_t)fd;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)map;
	attr.key = pointer(&index);
	attr.value = pointer(&value);
	return bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

static int attach(int program)
{
	union bpf_attr attr;
	int link, err, space = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (space < 0)
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)program;
	attr.link_create.target_fd = (uint32_t)space;
	attr.link_create.attach_type = BPF_SK_LOOKUP;
	link = bpf(BPF_LINK_CREATE, &attr);
	err = errno;
	close(space);
	errno = err;
	return link;
}

static int load_and_attach(const struct closed *c, const struct rtun_addr *local, int *ret, char why[GATE_WHY])
{
	struct program p;
	int program, r;
	*ret = -1;
	write_program(&p, c, local);
	program = load_program(&p);
	if (program < 0)
		return refused("the kernel refuses the gate's BPF program", why);
	*ret = attach(program);
	r = *ret < 0 ? refused("the kernel does not attach the gate's BPF program", why) : 0;
	close(program); /* the link holds it */
	return r;
}

/* The caller's descriptor becomes the listener's, and the socket that it was is kept for the port. */
static int exchange(int fd, int listener, int *ret_port)
{
	*ret_port = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (*ret_port < 0)
		return -1;
	if (dup3(listener, fd, O_CLOEXEC) >= 0)
		return 0;
	close(*ret_port);
	return -1;
}

static int closed_guard(struct gate *g, const struct gate_socket *s, char why[GATE_WHY])
{
	struct closed *c = (struct closed *)g;
	int *link = &c->links[g->sockets], *port = &c->ports[g->sockets], off = 0, listener, r;
	if (s->listens)
		return gate_too_late(why);
	listener = listen_nowhere(&s->addr);
	if (listener < 0) {
		snprintf(why, GATE_WHY, "no socket for port %u behind the gate: %s%s", s->addr.port, strerror(errno),
			 errno == EADDRINUSE ? "; does another restunnel run here?" : "");
		return -RTUN_EIO;
	}
	r = load_and_attach(c, &s->addr, link, why);
	if (r == 0 && add_listener(c->listeners, g->sockets, listener) < 0)
		r = refused("the gate's BPF program can't be given the socket", why);
	else if (r == 0 && exchange(s->fd, listener, port) < 0) {
		snprintf(why, GATE_WHY, "no descriptor for the gate: %s", strerror(errno));
		r = -RTUN_EIO;
	}
	if (r == 0) /* from now on another program that wants the port is told that it is taken */
		setsockopt(*port, SOL_SOCKET, SO_REUSEADDR, &off, sizeof(off));
	else
		gate_close(link);
	close(listener);
	return r;
}

/* ---- admit and shut: memory stores only ---- */

static uint64_t word_of(const struct rtun_addr *a)
{
	uint32_t words[2] = {0};
	memcpy(words, a->ip, a->family == 4 ? 4 : 8);
	return (uint64_t)words[1] << 32 | words[0];
}

static uint64_t monotonic(const struct closed *c)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)((int64_t)t.tv_sec * (int64_t)RTUN_S + t.tv_nsec - c->clock_offset);
}

static void closed_shut(struct gate *g, uint32_t place)
{
	struct table *t = ((struct closed *)g)->table;
	__atomic_store_n(&t->v4[place].until, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&t->v6[place].until, 0, __ATOMIC_RELEASE);
}

/* Expired, then the source, then its deadline; the program reads the deadline first. So whatever it sees in between is
 * expired, or whole. (A processor that reorders loads may, for some nanoseconds, see the new deadline with the place's former
 * source: one that was admitted; never anyone else.) */
static void closed_admit(struct gate *g, uint32_t place, const struct rtun_addr *source, uint64_t ns)
{
	struct closed *c = (struct closed *)g;
	struct row *row = source->family == 4 ? &c->table->v4[place] : &c->table->v6[place];
	closed_shut(g, place);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&row->source, word_of(source), __ATOMIC_RELAXED);
	__atomic_store_n(&row->until, monotonic(c) + ns, __ATOMIC_RELEASE);
}

const struct gate_kind gate_closed = {closed_create, closed_guard, closed_admit, closed_shut, closed_destroy};
