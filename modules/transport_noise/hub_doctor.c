/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hub_doctor.c - the hub's part of `restunnel doctor`: how well does its port hide, and what does it hear?
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub.h"

struct doctor {
	struct hub *hub;
	struct rtun_value *checks;
};

__attribute__((format(printf, 6, 7))) static void add(struct doctor *d, const char *code, const char *question, uint32_t answer, const char *remedy,
						       const char *fmt, ...)
{
	char text[400];
	struct rtun_check c = {.code = code, .question = question, .text = text, .remedy = remedy, .answer = answer};
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rtun_append_check(d->hub->ctx, d->checks, &c);
}

static void check_mode(struct doctor *d)
{
	static const char question[] = "Does the tunnel's port hide?";
	const struct hub *h = d->hub;
	if (h->mode == GATE_NONE)
		add(d, "port-hides", question, RTUN_NO, "`conceal: auto`", "it does not (conceal: none): scanners find it open");
	else if (h->mode_why[0])
		add(d, "port-hides", question, RTUN_YES, NULL, "as a port that is %s; closed is not possible: %s", conceal_name(h), h->mode_why);
	else
		add(d, "port-hides", question, RTUN_YES, NULL, "as a port that is %s", conceal_name(h));
}

static const char *how_to_blend_in(const struct hub *h, enum look beside)
{
	if (beside == LOOK_FILTERED)
		return "`conceal: filtered`; or let the firewall treat all ports alike";
	return h->mode_why[0] ? "grant what `port-hides` says is missing, for `conceal: closed`; or let a firewall drop everything else, too" : "`conceal: closed`";
}

static void check_looks(struct doctor *d)
{
	static const char question[] = "Does it look like the ports beside it?";
	const struct hub *h = d->hub;
	if (h->looks == LOOK_UNKNOWN)
		add(d, "port-blends-in", question, RTUN_UNKNOWN, NULL, "no device has looked from outside yet: they do after 20 s, and daily");
	else if (h->looks == h->beside)
		add(d, "port-blends-in", question, RTUN_YES, NULL, "%s saw it %s, as those beside it", h->looked, look_names[h->looks]);
	else
		add(d, "port-blends-in", question, RTUN_NO, how_to_blend_in(h, h->beside), "%s saw it %s, and those beside it %s", h->looked,
		    look_names[h->looks], look_names[h->beside]);
}

static void check_ear(struct doctor *d)
{
	static const char question[] = "Can it hear knocks on every way?";
	const struct hub *h = d->hub;
	const uint64_t *n = h->knocks.results;
	if (ear_hears_syn(h->ear))
		add(d, "knocks-heard", question, RTUN_YES, NULL, "as datagrams and in SYNs");
	else
		add(d, "knocks-heard", question, RTUN_NO, "grant CAP_NET_RAW at the start (AmbientCapabilities= of the unit)",
		    "as datagrams only: devices whose network blocks UDP can't come in");
	add(d, "knocks-seen", "Do knocks arrive?", n[KNOCK_OPENED] ? RTUN_YES : RTUN_UNKNOWN,
	    n[KNOCK_OPENED] ? NULL : "does a firewall before this machine pass UDP and TCP to the port?",
	    "%" PRIu64 " opened, %" PRIu64 " junk, %" PRIu64 " replayed, %" PRIu64 " of unknown devices, %" PRIu64 " beyond the limits, since the start",
	    n[KNOCK_OPENED], n[KNOCK_JUNK], n[KNOCK_REPLAY], n[KNOCK_UNKNOWN], n[KNOCK_LIMITED]);
}

static void check_kept(struct doctor *d)
{
	static const char question[] = "Does the port stay silent while this program is dead?";
	if (d->hub->mode != GATE_FILTERED)
		return;
	/* Two for each address. systemd says how many it keeps from version 254 on, and nothing before. */
	uint32_t need = 2 * d->hub->t->cfg.listen.count;
	const char *most = getenv("FDSTORE");
	if (d->hub->kept && !most)
		add(d, "port-kept", question, RTUN_UNKNOWN, "FileDescriptorStoreMax= of the unit must be large enough, as in restunnel-hub.service",
		    "the supervisor was asked to keep %u sockets, and does not say whether it does", need);
	else if (d->hub->kept && strtoul(most, NULL, 10) >= need)
		add(d, "port-kept", question, RTUN_YES, NULL, "the supervisor keeps its sockets; while the unit is stopped it answers RST all the same");
	else
		add(d, "port-kept", question, RTUN_NO, "run it by systemd, with FileDescriptorStoreMax= as in restunnel-hub.service",
		    "nobody keeps its sockets: when it ends the port answers RST, unlike those beside it");
}

static void check_public(struct doctor *d)
{
	const struct rtun_hostport *p = &d->hub->t->cfg.public;
	if (p->host && p->host[0])
		add(d, "public-address", "Can devices be paired?", RTUN_YES, NULL, "they will connect to %s, port %u", p->host, p->port);
	else
		add(d, "public-address", "Can devices be paired?", RTUN_NO, "set `public:` to the address at which devices reach this hub", "`public` is not set");
}

void hub_doctor(struct hub *h, struct rtun_reply *reply)
{
	struct doctor d = {h, rtun_array(h->ctx)};
	struct rtun_value *v = rtun_object(h->ctx);
	if (h->ear) { /* it runs */
		check_mode(&d);
		check_looks(&d);
		check_ear(&d);
		check_kept(&d);
	}
	check_public(&d);
	rtun_set(v, "checks", d.checks);
	rtun_reply_ok(&reply, v);
}
