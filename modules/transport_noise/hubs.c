/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hubs.c - a node's list of hubs.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hubs.h"
#include "pubkey.h"

#define LIST_KEY "hubs"

struct record {
	const char *name;
	struct rtun_hostport address;
	struct rtun_bytes public_key;
	const char *device_name;
	int64_t enrolled_at;
};

static const struct rtun_option rows[] = {
	RTUN_NAME(struct record, name, NULL, RTUN_REQUIRED, NULL, "What this node calls the hub."),
	RTUN_HOSTPORT(struct record, address, NULL, RTUN_REQUIRED, NULL, "Where it is."),
	RTUN_BYTES(struct record, public_key, NULL, 32, 32, RTUN_REQUIRED, NULL, "Its X25519 key."),
	RTUN_NAME(struct record, device_name, NULL, 0, NULL, "What the hub calls this node."),
	RTUN_TIME(struct record, enrolled_at, NULL, 0, NULL, "When they were paired."),
};
static const struct rtun_schema hubs_schema = RTUN_SCHEMA(struct record, rows);

static const char comment[] = "The hubs that this node is paired with. restunnel enroll adds one, restunnel forget removes one.";

__attribute__((format(printf, 3, 4))) static int refuse(int result, char error[HUBS_ERROR], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, HUBS_ERROR, fmt, ap);
	va_end(ap);
	return result;
}

/* ---- The list in memory ------------------------------------------------------------------------------------------ */

static void entry_destroy(struct hub_entry **e)
{
	sodium_memzero(*e, sizeof(**e));
	free(*e);
	*e = NULL;
}

/* An empty one, for which there is room in the list; or NULL: no memory. */
static struct hub_entry *entry_create(struct hubs *h)
{
	struct hub_entry **items = reallocarray(h->items, h->count + 1, sizeof(*items));

	if (!items)
		return NULL;
	h->items = items;
	return calloc(1, sizeof(struct hub_entry));
}

static void take_out(struct hubs *h, struct hub_entry *e)
{
	uint32_t i;

	for (i = 0; h->items[i] != e;)
		i++;
	h->count--;
	memmove(h->items + i, h->items + i + 1, (h->count - i) * sizeof(struct hub_entry *));
	entry_destroy(&e);
}

struct hub_entry *hubs_by_key(const struct hubs *h, const uint8_t key[32])
{
	uint32_t i;

	for (i = 0; i < h->count; i++)
		if (!memcmp(h->items[i]->key, key, 32))
			return h->items[i];
	return NULL;
}

static bool is_called(const struct hub_entry *e, const char *text)
{
	char fingerprint[PUBKEY_FINGERPRINT], address[HUBS_HOST + 16];
	bool v6 = strchr(e->host, ':') != NULL;

	pubkey_fingerprint(e->key, fingerprint);
	snprintf(address, sizeof(address), "%s%s%s:%u", v6 ? "[" : "", e->host, v6 ? "]" : "", (unsigned int)e->port);
	return !strcmp(e->name, text) || !strcmp(address, text) || !strcmp(fingerprint, text);
}

struct hub_entry *hubs_find(const struct hubs *h, const char *text)
{
	uint8_t key[32];
	uint32_t i;

	for (i = 0; i < h->count; i++)
		if (is_called(h->items[i], text))
			return h->items[i];
	return pubkey_parse(text, key) ? NULL : hubs_by_key(h, key);
}

/* ---- The file ---------------------------------------------------------------------------------------------------- */

struct loading {
	struct hubs *hubs;
	int result;
};

static void load_record(void *arg, const void *record)
{
	struct loading *l = arg;
	const struct record *r = record;
	struct hub_entry *e;
	struct secret secret;

	if (hubs_by_key(l->hubs, r->public_key.p) || hubs_find(l->hubs, r->name)) {
		rtun_log(l->hubs->ctx, RTUN_ERROR, HUBS_FILE ": the key or the name of \"%s\" is there twice", r->name);
		l->result = -RTUN_ECONFIG;
		return;
	}
	e = entry_create(l->hubs);
	if (!e) {
		l->result = -RTUN_ENOMEM;
		return;
	}
	l->hubs->items[l->hubs->count++] = e;
	memcpy(e->key, r->public_key.p, sizeof(e->key));
	snprintf(e->name, sizeof(e->name), "%s", r->name);
	snprintf(e->host, sizeof(e->host), "%s", r->address.host);
	e->port = (uint16_t)r->address.port;
	snprintf(e->device_name, sizeof(e->device_name), "%s", r->device_name ? r->device_name : "");
	e->enrolled_at = r->enrolled_at;
	secret_load(l->hubs->ctx, HUBS_DIR, e->key, &secret);
	memcpy(e->psk, secret.psk, sizeof(e->psk));
	sodium_memzero(&secret, sizeof(secret));
}

static bool is_known(void *arg, const char *hex)
{
	const struct hubs *h = arg;
	char of[PUBKEY_HEX];
	uint32_t i;

	for (i = 0; i < h->count; i++) {
		pubkey_hex(h->items[i]->key, of);
		if (!strcmp(of, hex))
			return true;
	}
	return false;
}

int hubs_create(struct rtun_ctx *ctx, struct hubs **ret_hubs)
{
	struct hubs *h = calloc(1, sizeof(*h));
	struct loading l = {h, 0};
	int r;

	if (!h)
		return -RTUN_ENOMEM;
	h->ctx = ctx;
	r = secret_prepare(ctx, HUBS_DIR);
	if (r)
		goto fail;
	r = rtun_records_load(ctx, HUBS_FILE, LIST_KEY, &hubs_schema, load_record, &l);
	if (!r)
		r = l.result;
	if (r && r != -RTUN_ENOENT)
		goto fail;
	if (!r)
		secret_sweep(ctx, HUBS_DIR, is_known, h);
	*ret_hubs = h;
	return 0;

fail:
	hubs_destroy(&h);
	return r;
}

void hubs_destroy(struct hubs **hubs)
{
	struct hubs *h = *hubs;

	if (!h)
		return;
	while (h->count)
		entry_destroy(&h->items[--h->count]);
	free(h->items);
	free(h);
	*hubs = NULL;
}

static struct record record_of(const struct hub_entry *e)
{
	return (struct record){
		e->name, {e->host, e->port, 0}, {e->key, sizeof(e->key)}, e->device_name[0] ? e->device_name : NULL, e->enrolled_at,
	};
}

/* The list with `e` in the place of `old`; old NULL: as one more; e NULL: without old. */
static int save_with(struct hubs *h, const struct hub_entry *old, const struct hub_entry *e, char error[HUBS_ERROR])
{
	struct record *records = calloc(h->count + 1, sizeof(*records));
	struct rtun_list list = {records, 0, sizeof(*records)};
	uint32_t i;
	int r;

	if (!records)
		return refuse(-RTUN_ENOMEM, error, "no memory");
	for (i = 0; i < h->count; i++) {
		if (h->items[i] != old)
			records[list.count++] = record_of(h->items[i]);
		else if (e)
			records[list.count++] = record_of(e);
	}
	if (!old)
		records[list.count++] = record_of(e);
	r = rtun_records_save(h->ctx, HUBS_FILE, LIST_KEY, &hubs_schema, list, comment, 0600);
	free(records);
	return r ? refuse(r, error, HUBS_FILE " can't be written: nothing was changed; the log says why") : 0;
}

/* ---- Changes ----------------------------------------------------------------------------------------------------- */

static bool is_taken(void *arg, const char *name)
{
	return hubs_find(arg, name) != NULL;
}

static int save_psk(struct hubs *h, const struct hub_entry *e, char error[HUBS_ERROR])
{
	struct secret secret = {.counter = 0};
	int r;

	memcpy(secret.psk, e->psk, sizeof(secret.psk));
	r = secret_save(h->ctx, HUBS_DIR, e->key, &secret);
	sodium_memzero(&secret, sizeof(secret));
	return r ? refuse(r, error, "the hub's key can't be written; the log says why") : 0;
}

/* The PSK goes first: a hub that is in the list has its PSK. If the second write fails, the first is undone. */
static int save_both(struct hubs *h, const struct hub_entry *known, const struct hub_entry *new, char error[HUBS_ERROR])
{
	char ignored[HUBS_ERROR];
	int r = save_psk(h, new, error);

	if (!r)
		r = save_with(h, known, new, error);
	if (r && known)
		(void)save_psk(h, known, ignored);
	else if (r)
		secret_remove(h->ctx, HUBS_DIR, new->key);
	return r;
}

int hubs_add(struct hubs *h, const struct hub_entry *e, struct hub_entry **ret_entry, char error[HUBS_ERROR])
{
	struct hub_entry *known = hubs_by_key(h, e->key), *to = known ? known : entry_create(h), new = *e;
	char label[LABEL_SIZE];
	int r;

	if (!to)
		return refuse(-RTUN_ENOMEM, error, "no memory");
	new.enrolled_at = rtun_wall(h->ctx) / 1000;
	new.tunnel = known ? known->tunnel : NULL;
	label_clean(e->host, "hub", label);
	if (known)
		memcpy(new.name, known->name, sizeof(new.name));
	else
		label_unique(label, is_taken, h, new.name);
	r = save_both(h, known, &new, error);
	if (!r) {
		*to = new;
		*ret_entry = to;
		if (!known)
			h->items[h->count++] = to;
	} else if (!known) {
		entry_destroy(&to);
	}
	sodium_memzero(&new, sizeof(new));
	return r;
}

int hubs_forget(struct hubs *h, struct hub_entry *e, char error[HUBS_ERROR])
{
	int r = save_with(h, e, NULL, error);

	if (r)
		return r;
	secret_remove(h->ctx, HUBS_DIR, e->key);
	take_out(h, e);
	return 0;
}
