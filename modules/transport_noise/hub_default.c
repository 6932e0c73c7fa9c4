/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hub_default.c - the default exit: the only way out for connections that ask for none, where there is one. It fails closed:
 * while it is away, or paired no longer, they fail.
 */
#include <stdio.h>
#include <string.h>

#include "choice.h"
#include "transport_commands.h"

static const struct rtun_field fields[] = {{"exit", "A name, or tag-TAG; any: the best one", RTUN_F_TEXT, offsetof(struct event_exit, exit)}};
const struct rtun_event_type event_default = {
	.size = sizeof(struct rtun_event_type), .payload_size = sizeof(struct event_exit), .name = "default.changed",
	.doc = "The default exit is another one", .fields = RTUN_LIST(fields)};

/* Who may take connections that ask for none. */
struct found {
	struct wish wish;
	uint32_t paired, online;
	const struct peer *one; /* of those online */
};

static bool wish_of(const struct hub *h, const char *exit, struct wish *w)
{
	const struct rtun_dial_req req = {.size = sizeof(req), .exit = exit};
	struct choice ignored;
	return wish_read(h, &req, w, &ignored);
}

static void find(const struct hub *h, struct found *f)
{
	*f = (struct found){0};
	wish_of(h, NULL, &f->wish);
	for (uint32_t i = 0; i < h->devices->count; i++) {
		const struct peer *p = h->devices->items[i]->tunnel;
		if (!wish_fits(&f->wish, h->devices->items[i]))
			continue;
		f->paired++;
		if (p && p->tunnel) {
			f->online++;
			f->one = p;
		}
	}
}

bool default_is(const struct hub *h, const struct device *d)
{
	struct wish w;
	return h->devices->default_exit[0] && wish_of(h, NULL, &w) && wish_fits(&w, d);
}

/* "home", "home (203.0.113.7)", "tag-mobile": where it leaves from, as far as that is one place */
static const char *place_of(const struct hub *h, const struct found *f, char buf[128])
{
	char address[64];
	if (f->wish.of == WISH_EXIT && f->one)
		snprintf(buf, 128, "%s (%s)", h->devices->default_exit, transport_address(&f->one->tunnel->address, false, address));
	else
		snprintf(buf, 128, "%s", h->devices->default_exit);
	return buf;
}

/* Why nothing leaves by it; a tag is not paired, devices are. */
static const char *lack_of(const struct found *f)
{
	return f->paired ? "is away" : f->wish.of == WISH_TAG ? "belongs to no device" : "is not paired";
}

/* ---- showing ---- */

void default_status(struct hub *h, uint32_t online, struct rtun_status *s)
{
	const char *exit = h->devices->default_exit;
	uint32_t count = h->devices->count;
	char place[128];
	struct found f;
	find(h, &f);
	if (!exit[0])
		return;
	if (f.online) {
		snprintf(s->text, sizeof(s->text), "%u of %u exits online, the default is %s", online, count, place_of(h, &f, place));
		return;
	}
	s->state = RTUN_STATE_DEGRADED;
	snprintf(s->code, sizeof(s->code), f.paired ? "default-away" : "default-unknown");
	snprintf(s->text, sizeof(s->text), "%u of %u exits online, but the default, %s, %s: what names no exit fails", online, count,
		 exit, lack_of(&f));
	snprintf(s->remedy, sizeof(s->remedy), "%s`restunnel default NAME` for another one, `restunnel default any` for the best one",
		 f.paired ? "start `restunnel run` there; or " : "");
}

static void set_sentence(struct rtun_ctx *ctx, struct rtun_value *v, const struct hub *h, const struct found *f)
{
	const char *exit = h->devices->default_exit;
	bool running = h->ear != NULL;
	char text[256], place[128];
	if (!exit[0])
		snprintf(text, sizeof(text), "What names no exit leaves through the best one.");
	else if (!f->paired || (running && !f->online))
		snprintf(text, sizeof(text), "What names no exit fails: %s %s.", exit, lack_of(f));
	else
		snprintf(text, sizeof(text), "What names no exit leaves through %s.", place_of(h, f, place));
	rtun_set_text(ctx, v, "sentence", text);
}

/* ---- the verb ---- */

/* Does anything here have it? Else an answer says no. */
static bool is_known(struct hub *h, const char *exit, struct rtun_reply *reply)
{
	char why[160];
	struct wish w;
	if (!wish_of(h, exit, &w) || w.of == WISH_ALL)
		return true; /* device_default() refuses what isn't understood */
	for (uint32_t i = 0; i < h->devices->count; i++)
		if (wish_fits(&w, h->devices->items[i]))
			return true;
	snprintf(why, sizeof(why), w.of == WISH_TAG ? "no device has the tag %.32s" : "there is no device called %.32s", w.name);
	rtun_reply_fail(&reply, "unknown-device", why, "`restunnel devices` lists them");
	return false;
}

static bool change(struct hub *h, const char *exit, struct rtun_reply *reply)
{
	char error[DEVICE_ERROR], before[DEVICE_DEFAULT];
	const char *now = h->devices->default_exit;
	int r;
	memcpy(before, now, sizeof(before));
	if (!is_known(h, exit, reply))
		return false;
	if ((r = device_default(h->devices, exit, error)) < 0) {
		hub_reply_device_error(reply, r, error);
		return false;
	}
	struct event_exit e = {.exit = now[0] ? now : "any"};
	if (strcmp(before, now) != 0)
		rtun_publish(h->ctx, &event_default, &e);
	return true;
}

void command_default(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	const struct args_default *a = args;
	struct hub *h = hub_of_call(ctx, reply);
	struct found f;
	if (!h || (a->exit && !change(h, a->exit, reply)))
		return;
	struct rtun_value *v = rtun_object(ctx);
	find(h, &f);
	rtun_set_text(ctx, v, "exit", h->devices->default_exit[0] ? h->devices->default_exit : "any");
	rtun_set_bool(ctx, v, "online", f.online != 0);
	set_sentence(ctx, v, h, &f);
	rtun_reply_ok(&reply, v);
}
