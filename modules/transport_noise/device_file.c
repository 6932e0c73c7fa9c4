/* SPDX-License-Identifier: BSD-2-Clause
 *
 * device_file.c - devices.yaml: read, written, and watched for edits.
 *
 * Our own writes need no flag to be told from edits: the file's stamp (inode, size, times) is remembered at each read and
 * write, and a file that still has it is not read again.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "device.h"
#include "pubkey.h"

#define SETTLE (200 * RTUN_MS)
#define STALE 10 /* seconds: nobody edits that long in one go; read it though its event never came */

static const struct rtun_option rows[] = {
	RTUN_NAME(struct device_record, name, NULL, RTUN_REQUIRED, NULL, "What people call it."),
	RTUN_BYTES(struct device_record, public_key, NULL, 32, 32, RTUN_REQUIRED, NULL, "Its X25519 key."),
	RTUN_NAMES(struct device_record, tags, NULL, 0, NULL, "To choose among several devices."),
	RTUN_TIME(struct device_record, enrolled_at, NULL, 0, NULL, "When it was paired."),
	DEVICE_LIMIT_ROWS(struct device_record),
};
static const struct rtun_schema device_schema = RTUN_SCHEMA(struct device_record, rows);

struct whole {
	const char *default_exit;
	struct rtun_list devices;
};
static const struct rtun_option whole_rows[] = {
	RTUN_TEXT(struct whole, default_exit, NULL, 0, NULL, "Of connections that ask for none."),
	RTUN_RECORDS(struct whole, devices, &device_schema, RTUN_REQUIRED, NULL, "The devices."),
};
static const struct rtun_schema whole_schema = RTUN_SCHEMA(struct whole, whole_rows);

static const char comment[] = "The devices that are paired with this hub. May be edited while restunnel runs:\n"
			      "an entry that is deleted is revoked at once, its live tunnel included. \"devices: []\" revokes all.\n"
			      "\"default-exit: NAME\", or tag-TAG, before them is the only way out for connections that ask for none.";

/* ---- Stamps ------------------------------------------------------------------------------------------------------ */

static struct device_stamp stamp_of(const struct device_list *l)
{
	struct device_stamp s;
	char path[PATH_MAX];
	struct stat st;

	memset(&s, 0, sizeof(s));
	snprintf(path, sizeof(path), "%s/" DEVICE_FILE, rtun_data_dir(l->ctx));
	if (stat(path, &st))
		return s;
	s.exists = true;
	s.dev = st.st_dev;
	s.ino = st.st_ino;
	s.size = st.st_size;
	s.modified = st.st_mtim;
	s.changed = st.st_ctim;
	return s;
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same(const struct device_stamp *a, const struct device_stamp *b)
{
	return a->exists == b->exists && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

/* ---- Read -------------------------------------------------------------------------------------------------------- */

/* What was read, before it counts. */
struct fresh {
	struct device_list list; /* its items and default exit */
	bool no_memory, bad_default;
};

static void read_whole(void *arg, const void *record)
{
	const struct whole *whole = record;
	const struct device_record *r = whole->devices.items;
	struct fresh *f = arg;
	uint32_t i;

	f->bad_default = device_default_parse(whole->default_exit, f->list.default_exit) < 0;
	for (i = 0; i < whole->devices.count; i++) {
		struct device *d = device_reserve(&f->list) ? NULL : device_create(&r[i]);

		if (d)
			f->list.items[f->list.count++] = d;
		else
			f->no_memory = true;
	}
}

static void fresh_fini(struct fresh *f)
{
	while (f->list.count)
		device_destroy(&f->list.items[--f->list.count]);
	free(f->list.items);
}

static int check_one(struct rtun_ctx *ctx, const struct device *d)
{
	char error[LABEL_ERROR];
	uint32_t i;
	int r = label_check(d->name, error);

	for (i = 0; !r && i < d->tag_count; i++)
		r = label_check(d->tags[i], error);
	if (r)
		rtun_log(ctx, RTUN_ERROR, DEVICE_FILE ": %s", error);
	return r;
}

/* What the schema can't see: a default exit that is none, names with reserved words, a name or a key that is there twice. */
static int check_all(struct rtun_ctx *ctx, const struct fresh *f)
{
	const struct device_list *l = &f->list;
	uint32_t i, k;
	int r = 0;

	if (f->bad_default) {
		rtun_log(ctx, RTUN_ERROR, DEVICE_FILE ": default-exit is no choice of an exit: NAME, tag-TAG or any");
		r = -1;
	}
	for (i = 0; i < l->count; i++) {
		const struct device *a = l->items[i];

		r |= check_one(ctx, a);
		for (k = 0; k < i; k++) {
			const struct device *b = l->items[k];

			if (strcmp(a->name, b->name) && memcmp(a->key, b->key, 32))
				continue;
			rtun_log(ctx, RTUN_ERROR, DEVICE_FILE ": the %s of \"%s\" is there twice", strcmp(a->name, b->name) ? "key" : "name", a->name);
			r = -1;
		}
	}
	return r ? -RTUN_ECONFIG : 0;
}

/* An entry for a device that is known already: new texts for the old struct, which others may point to. */
static void update(struct device *d, struct device *fresh)
{
	char **tags = d->tags;
	uint32_t count = d->tag_count;

	memcpy(d->name, fresh->name, sizeof(d->name));
	d->enrolled_at = fresh->enrolled_at;
	d->limits = fresh->limits;
	d->tags = fresh->tags;
	d->tag_count = fresh->tag_count;
	fresh->tags = tags;
	fresh->tag_count = count;
	device_destroy(&fresh);
}

static int merge(struct device_list *l, struct fresh *f)
{
	struct device **items = reallocarray(l->items, l->count + f->list.count + 1, sizeof(struct device *));
	uint32_t i;

	if (!items)
		return -RTUN_ENOMEM;
	l->items = items;
	memcpy(l->default_exit, f->list.default_exit, sizeof(l->default_exit));
	for (i = l->count; i--;) {
		struct device *d = l->items[i];

		if (device_by_key(&f->list, d->key))
			continue;
		rtun_log(l->ctx, RTUN_NOTICE, "\"%s\" is no longer in " DEVICE_FILE ": revoked", d->name);
		device_drop(l, d);
	}
	while (f->list.count) {
		struct device *d = f->list.items[--f->list.count], *known = device_by_key(l, d->key);

		if (known) {
			update(known, d);
		} else {
			secret_load(l->ctx, DEVICE_DIR, d->key, &d->secret);
			l->items[l->count++] = d;
		}
	}
	device_sort(l);
	return 0;
}

static bool is_known(void *arg, const char *hex)
{
	const struct device_list *l = arg;
	char of[PUBKEY_HEX];
	uint32_t i;

	for (i = 0; i < l->count; i++) {
		pubkey_hex(l->items[i]->key, of);
		if (!strcmp(of, hex))
			return true;
	}
	return false;
}

static int read_file(struct device_list *l)
{
	struct fresh f = {.no_memory = false};
	int r = rtun_records_load(l->ctx, DEVICE_FILE, NULL, &whole_schema, read_whole, &f);

	if (!r && f.no_memory)
		r = -RTUN_ENOMEM;
	if (!r)
		r = check_all(l->ctx, &f);
	if (!r)
		r = merge(l, &f);
	if (!r)
		secret_sweep(l->ctx, DEVICE_DIR, is_known, l);
	fresh_fini(&f);
	return r;
}

int device_file_load(struct device_list *l)
{
	struct device_stamp before = stamp_of(l);
	int r = read_file(l);

	l->stamp = before; /* an edit in the meantime gives another one */
	l->broken = r && r != -RTUN_ENOENT;
	if (r == -RTUN_ENOENT)
		snprintf(l->problem, sizeof(l->problem), "%s", l->count ? DEVICE_FILE " is gone: the devices are as they were before" : "");
	else
		snprintf(l->problem, sizeof(l->problem), "%s", r ? DEVICE_FILE " can't be read (see the log): the devices are as they were before" : "");
	return r;
}

bool device_file_several(struct rtun_ctx *ctx)
{
	struct fresh f = {.no_memory = false};
	int r = rtun_records_load(ctx, DEVICE_FILE, NULL, &whole_schema, read_whole, &f);
	bool several = !r && !check_all(ctx, &f) && f.list.count > 1 && !f.list.default_exit[0];

	fresh_fini(&f);
	return several;
}

/* ---- Write ------------------------------------------------------------------------------------------------------- */

int device_file_save(struct device_list *l, const char *default_exit, const struct device_record *records, uint32_t count,
		     char error[DEVICE_ERROR])
{
	struct whole whole = {*default_exit ? default_exit : NULL, {records, count, sizeof(*records)}};
	struct device_stamp now = stamp_of(l);
	int r;

	if (now.exists && !same(&now, &l->stamp)) {
		if (l->settle && rtun_wall(l->ctx) / 1000 > now.modified.tv_sec + STALE)
			rtun_timer_start(l->settle, SETTLE);
		snprintf(error, DEVICE_ERROR, DEVICE_FILE " is being edited at this moment; try again");
		return -RTUN_EAGAIN;
	}
	if (now.exists && l->broken) {
		snprintf(error, DEVICE_ERROR, DEVICE_FILE " was edited and can't be read: nothing was changed; the log says what is wrong with it");
		return -RTUN_ECONFIG;
	}
	r = rtun_records_save(l->ctx, DEVICE_FILE, NULL, &whole_schema, (struct rtun_list){&whole, 1, sizeof(whole)}, comment, 0600);
	if (r) {
		snprintf(error, DEVICE_ERROR, DEVICE_FILE " can't be written: nothing was changed; the log says why");
		l->stamp = stamp_of(l);
		return r;
	}
	l->stamp = stamp_of(l);
	l->broken = false;
	l->problem[0] = 0;
	return 0;
}

/* ---- Watch ------------------------------------------------------------------------------------------------------- */

static void settled(void *arg)
{
	struct device_list *l = arg;
	struct device_stamp now = stamp_of(l);
	int r;

	if (same(&now, &l->stamp))
		return;
	r = device_file_load(l);
	if (r)
		rtun_log(l->ctx, RTUN_ERROR, "%s", l->problem[0] ? l->problem : DEVICE_FILE " is gone");
	else
		rtun_log(l->ctx, RTUN_NOTICE, DEVICE_FILE " was edited: %u devices", l->count);
	if (!r && l->watcher.changed)
		l->watcher.changed(l->watcher.arg);
}

static void on_inotify(void *arg, int fd, uint32_t events)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct device_list *l = arg;
	ssize_t n = read(fd, buf, sizeof(buf)), at = 0;

	(void)events;
	while (at < n) {
		const struct inotify_event *e = (const struct inotify_event *)(const void *)(buf + at);

		if (e->mask & IN_Q_OVERFLOW || (e->len && !strcmp(e->name, DEVICE_FILE)))
			rtun_timer_start(l->settle, SETTLE);
		at += (ssize_t)(sizeof(*e) + e->len);
	}
}

int device_list_watch(struct device_list *l)
{
	int r = rtun_timer_create(l->ctx, settled, l, &l->settle);

	if (r)
		return r;
	l->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (l->inotify < 0 ||
	    inotify_add_watch(l->inotify, rtun_data_dir(l->ctx), IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR) < 0) {
		rtun_log(l->ctx, RTUN_ERROR, "edits of " DEVICE_FILE " can't be noticed: %s%s", strerror(errno),
			 errno == ENOSPC || errno == EMFILE ? "; raise fs.inotify.max_user_watches and max_user_instances" : "");
		return -RTUN_EIO;
	}
	r = rtun_watch(l->ctx, l->inotify, RTUN_READ, on_inotify, l, &l->watch);
	rtun_timer_start(l->settle, SETTLE); /* for edits since the file was read */
	return r;
}

/* ---- Lifetime ---------------------------------------------------------------------------------------------------- */

int device_list_create(struct rtun_ctx *ctx, const struct device_watcher *watcher, struct device_list **ret_list)
{
	struct device_list *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -RTUN_ENOMEM;
	l->ctx = ctx;
	l->inotify = -1;
	r = secret_prepare(ctx, DEVICE_DIR);
	if (!r)
		r = device_file_load(l);
	if (r && r != -RTUN_ENOENT) {
		device_list_destroy(&l);
		return r;
	}
	if (watcher)
		l->watcher = *watcher;
	*ret_list = l;
	return 0;
}

void device_list_destroy(struct device_list **list)
{
	struct device_list *l = *list;

	if (!l)
		return;
	rtun_unwatch(&l->watch);
	rtun_timer_destroy(&l->settle);
	if (l->inotify >= 0)
		close(l->inotify);
	while (l->count)
		device_destroy(&l->items[--l->count]);
	free(l->items);
	free(l);
	*list = NULL;
}

const char *device_problem(const struct device_list *l)
{
	return l->problem[0] ? l->problem : NULL;
}
