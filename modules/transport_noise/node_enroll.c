/* SPDX-License-Identifier: BSD-2-Clause
 *
 * node_enroll.c - `enroll`: pair this node with the hub of a URL. See hub_enroll.c for the other end.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node.h"
#include "pubkey.h"
#include "tlv.h"
#include "token.h"
#include "transport_commands.h"
#include "url.h"

#define ANSWER_LIMIT (10 * RTUN_S)

/* One at a time: people paste URLs. */
struct enrolling {
	struct node *node;
	struct rtun_reply *reply;
	struct rtun_timer *limit;
	struct reach *reach;
	struct mux *mux;
	struct hello_keys keys;
	struct url url;
	struct token_keys token;
	uint8_t hash[NOISE_HASH];
	char name[LABEL_SIZE];
	bool has_keys;
};

static void enrolling_free(struct enrolling *e)
{
	e->node->enrolling = NULL;
	reach_cancel(&e->reach);
	rtun_timer_destroy(&e->limit);
	mux_goodbye(&e->mux, RTUN_ENOEXIT);
	if (e->has_keys)
		hello_keys_fini(&e->keys);
	sodium_memzero(e, sizeof(*e));
	free(e);
}

static void fail(struct enrolling *e, const char *code, const char *text, const char *remedy)
{
	rtun_reply_fail(&e->reply, code, text, remedy);
	enrolling_free(e);
}

/* Silence has many causes, and the hub must not tell which. */
static const char silence[] =
	"the hub did not open to this URL: it was used by another device, is older than 15 minutes, was mistyped, the hub was restarted since or is not running, or no knock gets through to it";

static void reply_ok(struct enrolling *e, const struct hub_entry *h)
{
	struct rtun_ctx *ctx = e->node->ctx;
	char key[PUBKEY_TEXT], fingerprint[PUBKEY_FINGERPRINT], address[300], sentence[400];
	struct rtun_value *v = rtun_object(ctx);
	pubkey_text(h->key, key);
	pubkey_fingerprint(h->key, fingerprint);
	snprintf(address, sizeof(address), strchr(h->host, ':') ? "[%s]:%u" : "%s:%u", h->host, h->port);
	snprintf(sentence, sizeof(sentence), "This node is %s on hub %s.", h->device_name, h->name);
	rtun_set_text(ctx, v, "sentence", sentence);
	rtun_set_text(ctx, v, "name", h->device_name);
	rtun_set_text(ctx, v, "hub", h->name);
	rtun_set_text(ctx, v, "address", address);
	rtun_set_text(ctx, v, "public_key", key);
	rtun_set_text(ctx, v, "fingerprint", fingerprint);
	rtun_set_text(ctx, v, "next", e->node->running ? NULL : "restunnel run");
	rtun_reply_ok(&e->reply, v);
}

static const struct tlv_row name_rows[] = {{TLV_DEVICE_NAME, true, 1, LABEL_SIZE - 1, 0}};

/* The hub has us on disk: now we have it. */
static int on_enrolled(struct enrolling *e, const uint8_t *p, uint32_t len)
{
	struct node *n = e->node;
	struct hub_entry entry = {.port = e->url.port}, *h;
	struct tlv_value name;
	uint8_t public_key[32];
	char given[LABEL_SIZE] = "", error[HUBS_ERROR];
	struct link *l;
	if (tlv_read(name_rows, 1, p, len, &name) < 0)
		return -1;
	memcpy(given, name.p, name.len);
	if (label_check(given, error) < 0)
		return -1;
	memcpy(entry.key, e->url.hub_key, 32);
	snprintf(entry.host, sizeof(entry.host), "%s", e->url.host);
	memcpy(entry.device_name, given, sizeof(given));
	transport_keystore(n->t)->public_key(n->t->cfg.keystore.obj, KEY_NODE, public_key);
	token_device_psk(e->token.seed, e->hash, e->url.hub_key, public_key, entry.psk);
	int r = hubs_add(n->hubs, &entry, &h, error);
	sodium_memzero(&entry, sizeof(entry));
	if (r < 0) {
		fail(e, "not-stored", error, "mend that and enroll again with the same URL");
		return 0;
	}
	if (n->running) {
		l = h->tunnel;
		link_destroy(&l);
		h->tunnel = link_create(n, h, &l) == 0 ? l : NULL;
	}
	reply_ok(e, h);
	enrolling_free(e);
	return 0;
}

static int on_frame(void *arg, uint8_t type, const uint8_t *p, uint32_t len)
{
	if (type == FRAME_ENROLLED)
		return on_enrolled(arg, p, len);
	return type == FRAME_INFO || type == FRAME_CLOSE ? 0 : -1;
}

static void on_connect(void *arg, struct mux_stream *ms, const struct mux_target *target)
{
	(void)arg, (void)target;
	mux_refuse(ms, RTUN_EDENIED, "this connection only enrolls");
}

static void on_ended(void *arg, uint32_t err, const char *why)
{
	(void)err, (void)why;
	fail(arg, "hub-refused", "the hub could not store this node", "its log says why; then enroll again with the same URL");
}

static const struct mux_events events = {.connect = on_connect, .frame = on_frame, .ended = on_ended};

static void on_limit(void *arg)
{
	fail(arg, "no-answer", "the hub stopped answering", "enroll again with the same URL");
}

static void on_reached(void *arg, const struct reach_result *r)
{
	struct enrolling *e = arg;
	struct mux_setup setup = {.common = &e->node->t->mux, .crypto = &e->keys.crypto, .events = &events, .arg = e, .peer_window = r->hello.window};
	struct tlv_writer w;
	uint8_t buf[64];
	e->reach = NULL;
	if (r->err) {
		/* Refused, dropped or never answered: all that a stranger finds. */
		bool silent = r->err == RTUN_EREFUSED || r->err == RTUN_ETIMEOUT || r->err == RTUN_ERESET;
		fail(e, silent ? "no-answer" : "unreachable", silent ? silence : r->why,
		     "check the address in the URL, that `restunnel run` runs on the hub and its firewall lets UDP and TCP to the port in (`restunnel doctor` there), and make a new URL there with `restunnel pair`");
		return;
	}
	memcpy(e->hash, noise_hash(r->handshake), NOISE_HASH);
	if (hello_keys_init(&e->keys, r->handshake) < 0)
		goto fail_memory;
	e->has_keys = true;
	if (mux_create(&setup, r->s, &e->mux) < 0)
		goto fail_memory;
	tlv_write_begin(&w, buf, sizeof(buf));
	tlv_put(&w, TLV_DEVICE_NAME, e->name, strlen(e->name));
	mux_send(e->mux, FRAME_ENROLL, buf, (uint32_t)tlv_write_end(&w, 0));
	rtun_timer_start(e->limit, ANSWER_LIMIT);
	return;
fail_memory:
	fail(e, "no-memory", "out of memory", NULL);
}

static void choose_name(struct enrolling *e, const char *wish)
{
	char host[256] = "";
	if (!wish && gethostname(host, sizeof(host) - 1) == 0)
		host[strcspn(host, ".")] = 0;
	label_clean(wish ? wish : host, "device", e->name);
}

static int enroll_start(struct enrolling *e)
{
	struct reach_setup setup;
	token_derive(e->url.token, &e->token);
	node_reach_setup(e->node, &setup);
	setup.host = e->url.host;
	setup.port = e->url.port;
	setup.pattern = NOISE_IKPSK1;
	setup.hub_key = e->url.hub_key;
	setup.psk = e->token.psk;
	setup.token_id = e->token.id;
	setup.cb = on_reached;
	setup.arg = e;
	return reach_start(&setup, &e->reach);
}

void command_enroll(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	const struct args_enroll *a = args;
	struct node *n = node_of(ctx, reply);
	struct enrolling *e;
	char error[URL_ERROR_MAX];
	if (!n)
		return;
	if (n->enrolling) {
		rtun_reply_fail(&reply, "busy", "another enrolment is under way", "wait until it has ended");
		return;
	}
	e = calloc(1, sizeof(*e));
	if (!e || rtun_timer_create(ctx, on_limit, e, &e->limit) < 0) {
		free(e);
		rtun_reply_fail(&reply, "no-memory", "out of memory", NULL);
		return;
	}
	e->node = n;
	e->reply = reply;
	n->enrolling = e;
	choose_name(e, a->name ? a->name : n->t->cfg.device_name);
	if (url_parse(a->url, &e->url, error) < 0)
		fail(e, "bad-url", error, "copy the whole line that `restunnel pair` printed on the hub");
	else if (enroll_start(e) < 0)
		fail(e, "no-key", "this node's key can't be used", "the log says why");
}

void enrolling_fini(struct node *n)
{
	if (n->enrolling)
		fail(n->enrolling, "stopped", "restunnel was stopped before the hub answered", "enroll again with the same URL");
}
