/* SPDX-License-Identifier: BSD-2-Clause
 *
 * probe.c - see probe.h.
 */
#include "probe.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>

#define BESIDE 3
/* Long enough for two SYNs that are lost. */
#define LIMIT (4 * RTUN_S)
/* Above what services use, and mostly below what the kernel chooses for itself. */
#define LOWEST 20000U
#define HIGHEST 32000U

const char *const look_names[LOOKS] = {"unknown", "closed", "filtered", "open"};

struct one {
	struct probe *probe;
	struct rtun_op *op;
	enum look look;
};

struct probe {
	probe_cb *cb;
	void *arg;
	struct one ones[1 + BESIDE]; /* the port itself first */
};

static enum look look_of(uint32_t err)
{
	switch (err) {
	case 0:
		return LOOK_OPEN;
	case RTUN_EREFUSED:
		return LOOK_CLOSED;
	case RTUN_ETIMEOUT:
		return LOOK_FILTERED;
	default:
		return LOOK_UNKNOWN;
	}
}

static void judge(struct probe *p)
{
	enum look port = p->ones[0].look, beside = p->ones[1].look;
	probe_cb *cb = p->cb;
	void *arg = p->arg;
	for (int i = 0; i <= BESIDE; i++)
		if (p->ones[i].op)
			return;
	for (int i = 2; i <= BESIDE; i++)
		if (p->ones[i].look != beside)
			beside = LOOK_UNKNOWN;
	free(p);
	cb(arg, port, beside);
}

static void on_connect(void *arg, uint32_t err, struct rtun_stream **s)
{
	struct one *o = arg;
	(void)s; /* left there, so it is closed */
	o->op = NULL;
	o->look = look_of(err);
	judge(o->probe);
}

int probe_start(struct rtun_ctx *ctx, const struct rtun_addr *to, probe_cb *cb, void *arg, struct probe **ret)
{
	struct probe *p = calloc(1, sizeof(*p));
	struct rtun_connect_req req = {.size = sizeof(req), .to = *to, .timeout = LIMIT, .cb = on_connect};
	if (!p)
		return -RTUN_ENOMEM;
	p->cb = cb;
	p->arg = arg;
	for (int i = 0; i <= BESIDE; i++) {
		p->ones[i].probe = p;
		req.arg = &p->ones[i];
		while (i && (req.to.port == to->port || req.to.port < LOWEST))
			req.to.port = (uint16_t)(LOWEST + randombytes_uniform(HIGHEST - LOWEST));
		if (rtun_connect(ctx, &req, &p->ones[i].op) < 0) {
			probe_cancel(&p);
			return -RTUN_ENOMEM;
		}
		req.to.port = 0;
	}
	*ret = p;
	return 0;
}

void probe_cancel(struct probe **pp)
{
	struct probe *p = *pp;
	if (!p)
		return;
	*pp = NULL;
	for (int i = 0; i <= BESIDE; i++)
		rtun_op_cancel(&p->ones[i].op);
	free(p);
}
