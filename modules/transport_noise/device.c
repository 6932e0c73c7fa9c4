/* SPDX-License-Identifier: BSD-2-Clause
 *
 * device.c - the registry in memory, and its changes.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "pubkey.h"
#include "selector.h"

/* ---- One device -------------------------------------------------------------------------------------------------- */

static void free_tags(char **tags, uint32_t count)
{
	while (count)
		free(tags[--count]);
	free(tags);
}

static char **copy_tags(const char *const *tags, uint32_t count)
{
	char **copy = calloc(count + 1, sizeof(*copy));
	uint32_t i;

	for (i = 0; copy && i < count; i++) {
		copy[i] = strdup(tags[i]);
		if (!copy[i]) {
			free_tags(copy, i);
			return NULL;
		}
	}
	return copy;
}

struct device_record device_record_of(const struct device *d)
{
	return (struct device_record){
		d->name, {d->key, sizeof(d->key)}, {d->tags, d->tag_count, sizeof(*d->tags)}, d->enrolled_at,
		d->limits.streams, d->limits.up, d->limits.down, d->limits.monthly,
	};
}

static uint64_t limit_of(uint64_t n)
{
	return n == RTUN_NONE ? 0 : n;
}

struct device *device_create(const struct device_record *r)
{
	struct device *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	memcpy(d->key, r->public_key.p, sizeof(d->key));
	snprintf(d->name, sizeof(d->name), "%s", r->name);
	d->enrolled_at = r->enrolled_at;
	d->limits = (struct device_limits){limit_of(r->streams), limit_of(r->up), limit_of(r->down), limit_of(r->monthly)};
	d->tags = copy_tags(r->tags.items, r->tags.count);
	d->tag_count = r->tags.count;
	if (!d->tags) {
		free(d);
		return NULL;
	}
	return d;
}

void device_destroy(struct device **d)
{
	free_tags((*d)->tags, (*d)->tag_count);
	sodium_memzero(*d, sizeof(**d));
	free(*d);
	*d = NULL;
}

/* ---- The list ---------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct device *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

void device_sort(struct device_list *l)
{
	if (l->count)
		qsort(l->items, l->count, sizeof(struct device *), by_name);
}

int device_reserve(struct device_list *l)
{
	struct device **items = reallocarray(l->items, l->count + 1, sizeof(*items));

	if (!items)
		return -RTUN_ENOMEM;
	l->items = items;
	return 0;
}

void device_insert(struct device_list *l, struct device *d)
{
	l->items[l->count++] = d;
	device_sort(l);
}

void device_drop(struct device_list *l, struct device *d)
{
	uint32_t i;

	for (i = 0; l->items[i] != d;)
		i++;
	l->count--;
	memmove(l->items + i, l->items + i + 1, (l->count - i) * sizeof(struct device *));
	if (l->watcher.revoked)
		l->watcher.revoked(l->watcher.arg, d);
	secret_remove(l->ctx, DEVICE_DIR, d->key);
	device_destroy(&d);
}

struct device *device_by_key(const struct device_list *l, const uint8_t key[32])
{
	uint32_t i;

	for (i = 0; i < l->count; i++)
		if (!memcmp(l->items[i]->key, key, 32))
			return l->items[i];
	return NULL;
}

static struct device *by_label(const struct device_list *l, const char *name)
{
	uint32_t i;

	for (i = 0; i < l->count; i++)
		if (!strcmp(l->items[i]->name, name))
			return l->items[i];
	return NULL;
}

struct device *device_find(const struct device_list *l, const char *text)
{
	struct device *d = by_label(l, text);
	char fingerprint[PUBKEY_FINGERPRINT];
	uint8_t key[32];
	uint32_t i;

	if (!d && !pubkey_parse(text, key))
		d = device_by_key(l, key);
	for (i = 0; !d && i < l->count; i++) {
		pubkey_fingerprint(l->items[i]->key, fingerprint);
		if (!strcmp(fingerprint, text))
			d = l->items[i];
	}
	return d;
}

/* ---- Changes ----------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int refuse(int result, char error[DEVICE_ERROR], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, DEVICE_ERROR, fmt, ap);
	va_end(ap);
	return result;
}

static bool is_default(const struct device_list *l, const struct device *d)
{
	return d && !strcmp(l->default_exit, d->name);
}

static void set_name(struct device_list *l, struct device *d, const char *name)
{
	if (is_default(l, d))
		snprintf(l->default_exit, sizeof(l->default_exit), "%s", name);
	snprintf(d->name, sizeof(d->name), "%s", name);
	device_sort(l);
}

/* Save the list with `r` in the place of `d`; d NULL: as one more; r NULL: without d. */
static int save_with(struct device_list *l, const struct device *d, const struct device_record *r, char error[DEVICE_ERROR])
{
	struct device_record *records = calloc(l->count + 1, sizeof(*records));
	uint32_t i, n = 0;
	int result;

	if (!records)
		return refuse(-RTUN_ENOMEM, error, "no memory");
	for (i = 0; i < l->count; i++) {
		if (l->items[i] != d)
			records[n++] = device_record_of(l->items[i]);
		else if (r)
			records[n++] = *r;
	}
	if (!d && r)
		records[n++] = *r;
	result = device_file_save(l, r && is_default(l, d) ? r->name : l->default_exit, records, n, error);
	free(records);
	return result;
}

/* Does another device have this name? */
struct asking {
	const struct device_list *list;
	const struct device *who;
};

static bool is_taken(void *arg, const char *name)
{
	const struct asking *a = arg;
	const struct device *d = by_label(a->list, name);

	return d && d != a->who;
}

/* The PSK goes last: until it is on disk the device may go on with its old one, whatever fails. */
static int add_known(struct device_list *l, struct device *d, const char *name, const struct secret *secret, char error[DEVICE_ERROR])
{
	struct device_record old = device_record_of(d), r = old;
	char ignored[DEVICE_ERROR];
	int result;

	r.name = name;
	r.enrolled_at = rtun_wall(l->ctx) / 1000;
	result = save_with(l, d, &r, error);
	if (result)
		return result;
	result = secret_save(l->ctx, DEVICE_DIR, d->key, secret);
	if (result)
		refuse(result, error, "the device's key can't be written: it was not paired; the log says why");
	else
		d->secret = *secret;
	if (result && !save_with(l, d, &old, ignored))
		return result;
	set_name(l, d, name); /* as it is on disk */
	d->enrolled_at = r.enrolled_at;
	return result;
}

/* The PSK goes first: a device that is in devices.yaml has one. If the second write fails, the first is undone. */
static int add_new(struct device_list *l, const uint8_t key[32], const char *name, const struct secret *secret, struct device **ret_device,
		   char error[DEVICE_ERROR])
{
	struct device_record r = {.name = name, .public_key = {key, 32}, .enrolled_at = rtun_wall(l->ctx) / 1000};
	struct device *d = device_reserve(l) ? NULL : device_create(&r);
	int result;

	if (!d)
		return refuse(-RTUN_ENOMEM, error, "no memory");
	d->secret = *secret;
	result = secret_save(l->ctx, DEVICE_DIR, key, secret);
	if (result) {
		refuse(result, error, "the device's key can't be written: nothing was changed; the log says why");
		goto fail_secret;
	}
	result = save_with(l, NULL, &r, error);
	if (result)
		goto fail_save;
	device_insert(l, d);
	*ret_device = d;
	return 0;

fail_save:
	secret_remove(l->ctx, DEVICE_DIR, key);
fail_secret:
	device_destroy(&d);
	return result;
}

int device_add(struct device_list *l, const uint8_t key[32], const char *wish, const uint8_t psk[32], struct device **ret_device,
	       char error[DEVICE_ERROR])
{
	struct device *d = device_by_key(l, key);
	struct asking asking = {l, d};
	struct secret secret = d ? d->secret : (struct secret){.counter = 0};
	char name[LABEL_SIZE];
	int r;

	if (*wish && label_check(wish, error))
		return -RTUN_EINVAL;
	if (d && !*wish)
		snprintf(name, sizeof(name), "%s", d->name);
	else
		label_unique(*wish ? wish : "device", is_taken, &asking, name);
	memcpy(secret.psk, psk, 32);
	*ret_device = d;
	r = d ? add_known(l, d, name, &secret, error) : add_new(l, key, name, &secret, ret_device, error);
	sodium_memzero(&secret, sizeof(secret));
	return r;
}

int device_revoke(struct device_list *l, struct device *d, char error[DEVICE_ERROR])
{
	int r = save_with(l, d, NULL, error);

	if (!r)
		device_drop(l, d);
	return r;
}

int device_rename(struct device_list *l, struct device *d, const char *name, char error[DEVICE_ERROR])
{
	struct device_record r = device_record_of(d);
	struct asking asking = {l, d};
	int result;

	if (label_check(name, error))
		return -RTUN_EINVAL;
	if (is_taken(&asking, name))
		return refuse(-RTUN_EEXIST, error, "another device has the name \"%s\" already", name);
	r.name = name;
	result = save_with(l, d, &r, error);
	if (!result)
		set_name(l, d, name);
	return result;
}

int device_tag(struct device_list *l, struct device *d, const char *const *tags, uint32_t count, char error[DEVICE_ERROR])
{
	struct device_record r = device_record_of(d);
	char **copy;
	uint32_t i, k;
	int result;

	if (count > DEVICE_TAGS_MAX)
		return refuse(-RTUN_EINVAL, error, "a device may have %d tags, these are %u", DEVICE_TAGS_MAX, count);
	for (i = 0; i < count; i++) {
		if (label_check(tags[i], error))
			return -RTUN_EINVAL;
		for (k = 0; k < i; k++)
			if (!strcmp(tags[i], tags[k]))
				return refuse(-RTUN_EINVAL, error, "the tag \"%s\" is there twice", tags[i]);
	}
	copy = copy_tags(tags, count);
	if (!copy)
		return refuse(-RTUN_ENOMEM, error, "no memory");
	r.tags = (struct rtun_list){copy, count, sizeof(*copy)};
	result = save_with(l, d, &r, error);
	if (result) {
		free_tags(copy, count);
		return result;
	}
	free_tags(d->tags, d->tag_count);
	d->tags = copy;
	d->tag_count = count;
	return 0;
}

int device_default_parse(const char *exit, char ret[DEVICE_DEFAULT])
{
	struct selector s;

	if (selector_parse(exit, &s) || s.session[0])
		return -1;
	snprintf(ret, DEVICE_DEFAULT, "%s%s", s.tag[0] ? "tag-" : "", s.tag[0] ? s.tag : s.exit);
	return 0;
}

int device_default(struct device_list *l, const char *exit, char error[DEVICE_ERROR])
{
	char before[DEVICE_DEFAULT], wanted[DEVICE_DEFAULT];
	int result;

	/* An empty one is a script's variable that is not set: it must not open what was closed. */
	if (!*exit || device_default_parse(exit, wanted))
		return refuse(-RTUN_EINVAL, error, "\"%.64s\" is no choice of an exit: NAME, tag-TAG or any", exit);
	memcpy(before, l->default_exit, sizeof(before));
	memcpy(l->default_exit, wanted, sizeof(wanted));
	result = save_with(l, NULL, NULL, error);
	if (result)
		memcpy(l->default_exit, before, sizeof(before));
	return result;
}

int device_limit(struct device_list *l, struct device *d, const struct device_limits *limits, char error[DEVICE_ERROR])
{
	struct device_limits before = d->limits;
	struct device_record r;
	int result;

	d->limits = *limits;
	r = device_record_of(d);
	result = save_with(l, d, &r, error);
	if (result)
		d->limits = before;
	return result;
}

int device_reset_counter(struct device_list *l, struct device *d, uint64_t counter)
{
	d->secret.counter = counter;
	d->secret.last_seen = rtun_wall(l->ctx) / 1000;
	int r = secret_save(l->ctx, DEVICE_DIR, d->key, &d->secret);
	l->unsaved = r < 0;
	return r;
}

int device_set_counter(struct device_list *l, struct device *d, uint64_t counter)
{
	return counter <= d->secret.counter ? -RTUN_EINVAL : device_reset_counter(l, d, counter);
}
