/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gate_closed.c - the gate behind which a port is closed, as all ports where nothing is.
 *
 * When a segment belongs to no connection the kernel looks for a listening socket, and asks the programs of type
 * BPF_PROG_TYPE_SK_LOOKUP of its network namespace first (Documentation/bpf/prog_sk_lookup.rst). SK_PASS: go on as without a
 * program; SK_DROP: there is no such socket, and the kernel itself answers, as it does when there is none. Segments of
 * established connections never come by.
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
	int map;
	int links[GATE_SOCKETS]; /* each keeps a program attached */
	int last[GATE_SOCKETS];  /* copies of the sockets' descriptors: closed_guard() */
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
		remedy = "; it needs CAP_BPF at start (and before Linux 5.11 a larger LimitMEMLOCK), and no container or user namespace"
			 " around it; else choose `conceal: filtered`";
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
#define LOAD_MAP_VALUE(dst, map, offset) INSN(BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_VALUE, 0, map), INSN(0, 0, 0, 0, offset)
#define CALL(function) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define JUMP_IF_BELOW(reg, number, offset) INSN(BPF_JMP | BPF_JLT | BPF_K, reg, 0, offset, number)
#define JUMP_IF_SAME_32(reg, number, offset) INSN(BPF_JMP32 | BPF_JEQ | BPF_K, reg, 0, offset, number)

/* A segment that is not for this socket is none of this program's business. */
#define PASS_UNLESS(field_offset, value) \
	LOAD_32(R_T, R_CTX, field_offset), JUMP_IF_SAME_32(R_T, value, 2), SET(R_RESULT, SK_PASS), EXIT
#define FIELD(name) offsetof(struct bpf_sk_lookup, name)
#define WORD(name, i) (offsetof(struct bpf_sk_lookup, name) + 4 * (i))

enum {
	R_RESULT = BPF_REG_0, /* and what a helper returns */
	R_NOW = BPF_REG_0,
	R_I = BPF_REG_1,
	R_T = BPF_REG_2, /* R_T to R_V: for one step */
	R_U = BPF_REG_3,
	R_V = BPF_REG_4,
	R_CTX = BPF_REG_6, /* helpers leave 6 to 9 alone */
	R_SOURCE = BPF_REG_7,
	R_ROW = BPF_REG_8,
	R_FOUND = BPF_REG_9,
};

#define LOOP_LENGTH 12
#define PROGRAM_MAX 64

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
 * every TCP port of the machine: how long it takes tells nobody which port is guarded, or how many are admitted. */
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

static void write_program(struct program *p, const struct rtun_addr *local, int map)
{
	static const uint8_t wildcard[16];
	bool v4 = local->family == 4;
	uint32_t words[4];
	p->count = 0;
	memcpy(words, local->ip, sizeof(words));

	APPEND(p, COPY(R_CTX, BPF_REG_1));
	APPEND(p, PASS_UNLESS(FIELD(protocol), IPPROTO_TCP), PASS_UNLESS(FIELD(family), v4 ? AF_INET : AF_INET6));
	load_source(p, local->family);
	look_up(p, v4 ? offsetof(struct table, v4) : offsetof(struct table, v6), map);
	APPEND(p, PASS_UNLESS(FIELD(local_port), local->port)); /* host byte order, unlike the addresses */
	if (memcmp(local->ip, wildcard, sizeof(wildcard)) != 0)
		for (uint32_t i = 0; i < (v4 ? 1U : 4U); i++)
			APPEND(p, PASS_UNLESS(v4 ? FIELD(local_ip4) : WORD(local_ip6, i), words[i]));
	APPEND(p, COPY(R_RESULT, R_FOUND), EXIT); /* SK_DROP is 0, SK_PASS 1 */
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

static int create_map(void)
{
	union bpf_attr attr;
	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = sizeof(uint32_t);
	attr.value_size = sizeof(struct table);
	attr.max_entries = 1;
	attr.map_flags = BPF_F_MMAPABLE;
	memcpy(attr.map_name, "restunnel_gate", 15);
	return bpf(BPF_MAP_CREATE, &attr);
}

static void closed_destroy(struct gate *g)
{
	struct closed *c = (struct closed *)g;
	for (uint32_t i = 0; i < g->sockets; i++) {
		close(c->last[i]); /* the listener goes before its program */
		close(c->links[i]);
	}
	if (c->table)
		munmap(c->table, sizeof(*c->table));
	if (c->map >= 0)
		close(c->map);
	free(c);
}

static int closed_create(struct rtun_ctx *ctx, struct gate **ret, char why[GATE_WHY])
{
	struct closed *c = calloc(1, sizeof(*c));
	void *p;
	int r;
	(void)ctx;
	if (!c) {
		snprintf(why, GATE_WHY, "out of memory");
		return -RTUN_ENOMEM;
	}
	c->clock_offset = clock_offset();
	c->map = create_map();
	if (c->map < 0) {
		r = refused("the kernel refuses a BPF map", why);
		goto fail;
	}
	p = mmap(NULL, sizeof(struct table), PROT_READ | PROT_WRITE, MAP_SHARED, c->map, 0);
	if (p == MAP_FAILED) {
		r = refused("the kernel does not share a BPF map", why);
		goto fail;
	}
	c->table = p;
	*ret = &c->gate;
	return 0;
fail:
	closed_destroy(&c->gate);
	return r;
}

static int attach(int program, int *ret, char why[GATE_WHY])
{
	union bpf_attr attr;
	int space = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (space < 0) {
		snprintf(why, GATE_WHY, "/proc/self/ns/net can't be opened: %s", strerror(errno));
		return -RTUN_EIO;
	}
	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)program;
	attr.link_create.target_fd = (uint32_t)space;
	attr.link_create.attach_type = BPF_SK_LOOKUP;
	*ret = bpf(BPF_LINK_CREATE, &attr);
	int r = *ret < 0 ? refused("the kernel does not attach the gate's BPF program", why) : 0;
	close(space);
	return r;
}

/* A process that dies leaves its descriptors in ascending order, and the kernel then finishes them last first
 * (task_work_run()). So a copy of the socket's descriptor above the link's makes the listener go before its gate. */
static int keep_last(int fd, int link, int *ret, char why[GATE_WHY])
{
	*ret = fcntl(fd, F_DUPFD_CLOEXEC, link + 1);
	if (*ret >= 0)
		return 0;
	snprintf(why, GATE_WHY, "no second descriptor of the socket: %s", strerror(errno));
	return -RTUN_EIO;
}

static int closed_guard(struct gate *g, const struct gate_socket *s, char why[GATE_WHY])
{
	struct closed *c = (struct closed *)g;
	int *link = &c->links[g->sockets], *last = &c->last[g->sockets];
	struct program p;
	int program, r, listens = 0;
	socklen_t len = sizeof(listens);
	if (getsockopt(s->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 || listens) {
		snprintf(why, GATE_WHY, "the socket listens already, so strangers may have been let in");
		return -RTUN_EINVAL;
	}
	write_program(&p, &s->addr, c->map);
	program = load_program(&p);
	if (program < 0)
		return refused("the kernel refuses the gate's BPF program", why);
	r = attach(program, link, why);
	close(program); /* the link holds it */
	if (r == 0 && (r = keep_last(s->fd, *link, last, why)) < 0)
		close(*link);
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
