/* SPDX-License-Identifier: BSD-2-Clause
 *
 * node_doctor.c - the node's part of `restunnel doctor`: of each hub, does it let us in, by which knock; and does its port
 * look to a stranger like those beside it?
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"
#include "transport_commands.h"

struct exam {
	struct examining *all;
	char name[LABEL_SIZE];
	struct reach *reach;
	struct probe *probe;
};

struct examining {
	struct node *node;
	struct rtun_reply *reply;
	struct rtun_value *checks;
	struct exam *exams;
	uint32_t count, left;
};

static void free_all(struct examining *all)
{
	for (uint32_t i = 0; i < all->count; i++) {
		reach_cancel(&all->exams[i].reach);
		probe_cancel(&all->exams[i].probe);
	}
	all->node->examining = NULL;
	free(all->exams);
	free(all);
}

static void one_less(struct examining *all)
{
	struct rtun_ctx *ctx = all->node->ctx;
	if (--all->left)
		return;
	struct rtun_value *v = rtun_object(ctx);
	rtun_set(v, "checks", all->checks);
	rtun_reply_ok(&all->reply, v);
	free_all(all);
}

__attribute__((format(printf, 6, 7))) static void add(struct exam *e, const char *code, const char *question, uint32_t answer, const char *remedy,
						       const char *fmt, ...)
{
	char ask[160], text[320];
	struct rtun_check c = {.code = code, .question = ask, .text = text, .remedy = remedy, .answer = answer};
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(ask, sizeof(ask), "Does hub %s %s", e->name, question);
	rtun_append_check(e->all->node->ctx, e->all->checks, &c);
}

/* ---- does its port show? ---- */

static const char shows[] = "look to strangers like the ports beside it?";

static void on_probe(void *arg, enum look port, enum look beside)
{
	struct exam *e = arg;
	e->probe = NULL;
	if (port == LOOK_UNKNOWN || beside == LOOK_UNKNOWN)
		add(e, "hub-hides", shows, RTUN_UNKNOWN, NULL, "the ports beside it differ among themselves, or can't be reached from here");
	else if (port == beside)
		add(e, "hub-hides", shows, RTUN_YES, NULL, "it is %s, as they are", look_names[port]);
	else if (port == LOOK_OPEN)
		add(e, "hub-hides", shows, RTUN_NO, "on the hub: `conceal: auto`, and `restunnel doctor` there", "it is open, those beside it are %s", look_names[beside]);
	else
		add(e, "hub-hides", shows, RTUN_NO,
		    beside == LOOK_CLOSED ? "on the hub: `conceal: closed`; or a firewall drops just this port: let UDP and TCP to it in" : "on the hub: `conceal: filtered`; or let its firewall treat all ports alike",
		    "it is %s, those beside it are %s", look_names[port], look_names[beside]);
	one_less(e->all);
}

static void look(struct exam *e, const struct rtun_addr *address)
{
	if (probe_start(e->all->node->ctx, address, on_probe, e, &e->probe) < 0)
		one_less(e->all);
}

/* ---- does it let us in? ---- */

static const char heard[] = "hear our knocks and let us in?";

static const char *how(enum carrier by)
{
	static const char *const words[CARRIERS] = {"without a knock: it does not hide", "by a knock in a datagram", "by a knock in a SYN: datagrams don't get through, or come from another address"};
	return words[by];
}

static void on_reached(void *arg, const struct reach_result *r)
{
	struct exam *e = arg;
	e->reach = NULL;
	if (!r->err)
		add(e, "hub-heard", heard, RTUN_YES, NULL, "it did just now, %s", how(r->by));
	else if (r->err == RTUN_EDNS)
		add(e, "hub-heard", heard, RTUN_NO, "check the name and this machine's resolver", "%s", r->why);
	else
		add(e, "hub-heard", heard, RTUN_NO,
		    "is `restunnel run` running on the hub? its log and `restunnel doctor` there say which knocks it hears; is this device still in its list? does a firewall before it pass UDP and TCP to the port?",
		    "%s", r->why);
	if (r->remote.family || r->found_count)
		look(e, r->remote.family ? &r->remote : r->found);
	else
		one_less(e->all);
}

static void examine(struct exam *e, struct hub_entry *hub)
{
	struct node *n = e->all->node;
	struct link_state s;
	struct reach_setup setup;
	link_state(hub->tunnel, &s);
	snprintf(e->name, sizeof(e->name), "%s", hub->name);
	if (s.online) {
		add(e, "hub-heard", heard, RTUN_YES, NULL, "it is connected; let in %s", how(s.by));
		look(e, &s.remote);
		return;
	}
	node_reach_hub(n, hub, &setup);
	setup.cb = on_reached;
	setup.arg = e;
	if (reach_start(&setup, &e->reach) < 0) {
		add(e, "hub-heard", heard, RTUN_UNKNOWN, NULL, "the connection could not be tried: out of memory, or the key can't be read");
		one_less(e->all);
	}
}

void node_doctor(struct node *n, struct rtun_reply *reply)
{
	struct examining *all;
	if (n->examining) {
		rtun_reply_fail(&reply, "busy", "another `doctor` is looking at this", "wait until it has ended");
		return;
	}
	all = calloc(1, sizeof(*all));
	if (all)
		all->exams = calloc(n->hubs->count + 1, sizeof(*all->exams));
	if (!all || !all->exams) {
		free(all);
		rtun_reply_fail(&reply, "no-memory", "out of memory", NULL);
		return;
	}
	all->node = n;
	all->reply = reply;
	all->checks = rtun_array(n->ctx);
	all->count = n->hubs->count;
	all->left = all->count + 1; /* the one is this function */
	n->examining = all;
	for (uint32_t i = 0; i < all->count; i++) {
		all->exams[i].all = all;
		examine(&all->exams[i], n->hubs->items[i]);
	}
	one_less(all);
}

void node_doctor_fini(struct node *n)
{
	struct examining *all = n->examining;
	if (!all)
		return;
	rtun_value_free(&all->checks);
	rtun_reply_fail(&all->reply, "stopped", "restunnel was stopped before the answer", NULL);
	free_all(all);
}
