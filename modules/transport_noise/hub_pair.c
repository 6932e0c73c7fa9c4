/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hub_pair.c - the links by which devices may come in: made, listed, withdrawn. What a link is for is in its token, which
 * nobody is told but who has it made.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "hub.h"
#include "pubkey.h"
#include "transport_commands.h"
#include "url.h"

#define LIFE ((int64_t)(TOKEN_VALID / RTUN_S))
#define PAIRING_ID 17

#define PAIR_NAME {"name", "The name wished for", RTUN_F_TEXT, offsetof(struct event_pair, name)}
#define PAIR_ID {"pairing", "Which `pair` this is", RTUN_F_TEXT, offsetof(struct event_pair, pairing)}
static const struct rtun_field pair_fields[] = {
	PAIR_NAME, PAIR_ID, {"expires_at", "When its URL ends", RTUN_F_TIME, offsetof(struct event_pair, expires_at)}};
static const struct rtun_field withdrawn_fields[] = {PAIR_NAME, PAIR_ID};
#define EVENT(n, d, f) {.size = sizeof(struct rtun_event_type), .payload_size = sizeof(struct event_pair), .name = n, .doc = d, .fields = RTUN_LIST(f)}
const struct rtun_event_type event_pair = EVENT("pair.created", "A pairing URL was made", pair_fields);
const struct rtun_event_type event_withdrawn = EVENT("pair.withdrawn", "A pairing URL is void before its time", withdrawn_fields);

void pairing_id(const uint8_t token_id[TOKEN_ID], char ret[PAIRING_ID])
{
	uint8_t hash[crypto_generichash_BYTES_MIN];
	crypto_generichash(hash, sizeof(hash), token_id, TOKEN_ID, NULL, 0);
	sodium_bin2hex(ret, PAIRING_ID, hash, 8);
}

static const char *name_of(const struct token *token)
{
	return token->name[0] ? token->name : NULL;
}

/* ---- pair ---- */

static void url_of(struct hub *h, const uint8_t token[TOKEN_BYTES], char text[URL_MAX])
{
	struct url url = {.port = (uint16_t)h->t->cfg.public.port};
	memcpy(url.hub_key, h->public_key, 32);
	memcpy(url.token, token, 32);
	snprintf(url.host, sizeof(url.host), "%s", h->t->cfg.public.host);
	url_format(&url, text);
	sodium_memzero(&url, sizeof(url));
}

static void pair_reply(struct hub *h, const char *name, const char *note, const uint8_t token[TOKEN_BYTES], int64_t expires,
		       struct rtun_reply *reply)
{
	struct token_keys keys;
	char url[URL_MAX], command[URL_MAX + 32], pairing[PAIRING_ID], withdraw[64];
	struct rtun_value *v = rtun_object(h->ctx);
	url_of(h, token, url);
	snprintf(command, sizeof(command), "restunnel enroll '%s'", url);
	token_derive(token, &keys);
	pairing_id(keys.id, pairing);
	snprintf(withdraw, sizeof(withdraw), "restunnel withdraw %s", pairing);
	rtun_set_text(h->ctx, v, "name", name);
	rtun_set_text(h->ctx, v, "url", url);
	rtun_set_text(h->ctx, v, "command", command);
	rtun_set_time(h->ctx, v, "expires_at", expires);
	rtun_set_text(h->ctx, v, "pairing", pairing);
	rtun_set_text(h->ctx, v, "withdraw", withdraw);
	rtun_set_text(h->ctx, v, "note", note);
	struct event_pair e = {.name = name, .pairing = pairing, .expires_at = expires};
	rtun_publish(h->ctx, &event_pair, &e);
	rtun_reply_ok(&reply, v);
	sodium_memzero(url, sizeof(url));
	sodium_memzero(command, sizeof(command));
	sodium_memzero(&keys, sizeof(keys));
}

void command_pair(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	const struct args_pair *a = args;
	struct hub *h = hub_of_call(ctx, reply);
	char error[LABEL_ERROR], name[LABEL_SIZE], note[LABEL_ERROR + LABEL_SIZE + 64];
	int64_t now = rtun_wall(ctx) / 1000;
	bool changed = false;
	uint8_t token[TOKEN_BYTES];
	if (!h)
		return;
	if (a->name && (changed = label_check(a->name, error) < 0)) {
		/* As with a name that is taken: pairing goes on with the nearest good one, and says so. */
		label_clean(a->name, "device", name);
		snprintf(note, sizeof(note), "The device will be called %s: %s.", name, error);
	}
	if (!h->t->cfg.public.host) {
		rtun_reply_fail(&reply, "no-public-address", "the hub does not know the address at which nodes reach it",
				"set `public: HOST:PORT` in this instance's configuration and restart");
	} else if (token_create(&h->tokens, rtun_now(ctx), now, changed ? name : a->name, token) < 0) {
		rtun_reply_fail(&reply, "too-many-open", "eight pairings are open already",
				"`restunnel pairings` lists them, `restunnel withdraw` ends one or all; or wait until one is used or 15 minutes old");
	} else {
		rtun_timer_start(h->token_timer, TOKEN_VALID);
		pair_reply(h, changed ? name : a->name, changed ? note : NULL, token, now + LIFE, reply);
		sodium_memzero(token, sizeof(token));
	}
}

/* ---- pairings ---- */

static struct rtun_value *pairing_value(struct rtun_ctx *ctx, const struct token *token)
{
	struct rtun_value *v = rtun_object(ctx);
	char pairing[PAIRING_ID];
	pairing_id(token->keys.id, pairing);
	rtun_set_text(ctx, v, "name", name_of(token));
	rtun_set_text(ctx, v, "pairing", pairing);
	rtun_set_time(ctx, v, "made_at", token->made_at);
	rtun_set_time(ctx, v, "expires_at", token->made_at + LIFE);
	return v;
}

void command_pairings(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	struct hub *h = hub_of_call(ctx, reply);
	struct token *token = NULL;
	(void)args;
	if (!h)
		return;
	struct rtun_value *v = rtun_object(ctx), *list = rtun_array(ctx);
	while ((token = token_next_live(&h->tokens, rtun_now(ctx), token)))
		if (!token->used)
			rtun_append(list, pairing_value(ctx, token));
	rtun_set(v, "pairings", list);
	rtun_reply_ok(&reply, v);
}

/* ---- withdraw ---- */

static bool is_meant(const struct token *token, const char *which)
{
	char pairing[PAIRING_ID];
	pairing_id(token->keys.id, pairing);
	return strcmp(which, "all") == 0 || strcmp(which, pairing) == 0 || (token->name[0] && strcmp(which, token->name) == 0);
}

static void withdraw(struct hub *h, struct token *token)
{
	char pairing[PAIRING_ID];
	struct event_pair e = {.name = name_of(token), .pairing = pairing};
	pairing_id(token->keys.id, pairing);
	rtun_publish(h->ctx, &event_withdrawn, &e);
	rtun_log(h->ctx, RTUN_NOTICE, "the pairing link %s is withdrawn", pairing);
	enrolments_withdraw(h, token);
	token_forget(token);
}

/* None that is open. One that was used is over: its device may repeat it, should it have missed the answer, but no other. */
static void refuse_withdrawal(struct hub *h, const char *which, const struct token *used, struct rtun_reply *reply)
{
	const struct device *d = used ? device_by_key(h->devices, used->device) : NULL;
	char why[160], remedy[80];
	if (d) {
		snprintf(why, sizeof(why), "%s has used this link already", d->name);
		snprintf(remedy, sizeof(remedy), "`restunnel revoke %s` takes its access away", d->name);
		rtun_reply_fail(&reply, "already-used", why, remedy);
	} else {
		snprintf(why, sizeof(why), "no open pairing link is called %.64s", which);
		rtun_reply_fail(&reply, "unknown-pairing", why, "`restunnel pairings` lists them");
	}
}

/* How many; or 0, and *ret_used is one that is meant, but was used. */
static uint32_t withdraw_all(struct hub *h, const char *which, const struct token **ret_used)
{
	struct token *token = NULL;
	uint32_t n = 0;
	while ((token = token_next_live(&h->tokens, rtun_now(h->ctx), token))) {
		if (!is_meant(token, which))
			continue;
		if (token->used) {
			*ret_used = token;
			continue;
		}
		withdraw(h, token);
		n++;
	}
	return n;
}

void command_withdraw(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	const struct args_withdraw *a = args;
	struct hub *h = hub_of_call(ctx, reply);
	const struct token *used = NULL;
	char sentence[96];
	if (!h)
		return;
	uint32_t n = withdraw_all(h, a->pairing, &used), open = token_count_open(&h->tokens, rtun_now(ctx));
	if (!n && strcmp(a->pairing, "all") != 0) {
		refuse_withdrawal(h, a->pairing, used, reply);
		return;
	}
	struct rtun_value *v = rtun_object(ctx);
	snprintf(sentence, sizeof(sentence), "%u pairing link%s withdrawn; %u open", n, n == 1 ? "" : "s", open);
	rtun_set_int(ctx, v, "withdrawn", n);
	rtun_set_int(ctx, v, "open", open);
	rtun_set_text(ctx, v, "sentence", sentence);
	rtun_reply_ok(&reply, v);
}
