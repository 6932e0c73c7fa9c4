/* SPDX-License-Identifier: BSD-2-Clause
 *
 * device.h - a hub's registry of paired devices: devices.yaml, which people may edit, and a file of secrets for each. It
 * also has the default exit, so that a device takes that along when it gets another name.
 *
 * A change counts once it is on disk. An entry that is deleted by hand is a revocation: the file is read again 200 ms
 * after it was closed or renamed. One that is empty, broken or gone changes nothing and is reported (device_problem()).
 * While an edit has not been read yet, or could not be, changes from here are refused: they would overwrite it.
 *
 * A struct device stays where it is until it is revoked.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <restunnel/host.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "label.h"
#include "secret.h"

#define DEVICE_FILE "devices.yaml"
#define DEVICE_DIR "devices"
#define DEVICE_TAGS_MAX 32
#define DEVICE_ERROR 192
#define DEVICE_DEFAULT (LABEL_SIZE + 4) /* "tag-" and a tag */

/* What it may be used for; 0: as much as it can. */
struct device_limits {
	uint64_t streams;  /* at once */
	uint64_t up, down; /* bits a second: to the exit, from it */
	uint64_t monthly;  /* bytes, both ways */
};
/* usage.c */
struct device_usage {
	uint64_t bytes;   /* in `month` */
	uint64_t counted; /* of the total since the hub started */
	uint32_t month;   /* year * 12 + month - 1 */
};

struct device {
	uint8_t key[32];
	char name[LABEL_SIZE];
	char **tags;
	uint32_t tag_count;
	int64_t enrolled_at; /* unix seconds; 0: unknown */
	struct device_limits limits;
	struct device_usage usage;
	struct secret secret;
	void *tunnel;        /* the owner's: what it has running for this device */
};

/* What happens to the registry by hand or by device_revoke(). Called from inside, so don't change it from there. */
struct device_watcher {
	void (*revoked)(void *arg, struct device *d); /* about to be freed: end what it has running */
	void (*changed)(void *arg);                   /* the file was edited, and has been read */
	void *arg;
};

/* The file as it was when it was last read or written; exists false: there was none. */
struct device_stamp {
	bool exists;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec modified, changed;
};

struct device_list {
	struct rtun_ctx *ctx;
	struct device_watcher watcher;
	struct device **items; /* sorted by name */
	uint32_t count;
	char default_exit[DEVICE_DEFAULT]; /* for who asks for none: "home", "tag-mobile"; "": any. Perhaps no device has it (any more) */
	struct device_stamp stamp;
	bool unsaved;          /* a counter could not be written the last time */
	bool broken;           /* what is there now could not be read */
	char problem[160];     /* "" or a sentence for `status` */
	int inotify;           /* -1: not watching */
	struct rtun_watch *watch;
	struct rtun_timer *settle;
};

/* Read the files. 0; -RTUN_ECONFIG, -RTUN_EIO, -RTUN_EDENIED after logging why; -RTUN_ENOMEM. */
int device_list_create(struct rtun_ctx *ctx, const struct device_watcher *watcher, struct device_list **ret_list);
/* Notice edits from now on. In start. */
int device_list_watch(struct device_list *l);
void device_list_destroy(struct device_list **l);
/* NULL, or what is wrong with devices.yaml, in words. */
const char *device_problem(const struct device_list *l);

/* Reads only devices.yaml, and changes nothing: has it several devices, and no default exit? */
bool device_file_several(struct rtun_ctx *ctx);

struct device *device_by_key(const struct device_list *l, const uint8_t key[32]);
/* By name, by public key, or by fingerprint. */
struct device *device_find(const struct device_list *l, const char *text);

/* The changes: 0, or a negative RTUN_E... with the reason in words in `error`; then nothing has changed.
 * -RTUN_EAGAIN: devices.yaml is being edited at this moment; -RTUN_ECONFIG: it has been, and is broken.
 *
 * Add, or pair again: a known device gets its new PSK and keeps its counter and tags; also its name when `wish` is "".
 * A taken name gets -2. `wish` must be good, or "". */
int device_add(struct device_list *l, const uint8_t key[32], const char *wish, const uint8_t psk[32], struct device **ret_device,
	       char error[DEVICE_ERROR]);
/* `d` is freed, after watcher.revoked. */
int device_revoke(struct device_list *l, struct device *d, char error[DEVICE_ERROR]);
/* -RTUN_EEXIST: another one has it. */
int device_rename(struct device_list *l, struct device *d, const char *name, char error[DEVICE_ERROR]);
/* All its tags, replacing those before. */
int device_tag(struct device_list *l, struct device *d, const char *const *tags, uint32_t count, char error[DEVICE_ERROR]);

/* A selector (selector.h) without a session; "any" and "" are the same: no default. Whether a device has it is not asked.
 * -RTUN_EINVAL: it isn't understood. */
int device_default(struct device_list *l, const char *exit, char error[DEVICE_ERROR]);
/* The same as it is kept. 0 or -1. */
int device_default_parse(const char *exit, char ret[DEVICE_DEFAULT]);

int device_limit(struct device_list *l, struct device *d, const struct device_limits *limits, char error[DEVICE_ERROR]);

/* An authentic counter has come that is higher than secret.counter: put it and the time on disk. It counts in memory even
 * when that fails (-RTUN_EIO, logged). -RTUN_EINVAL: it isn't higher; nothing has changed. */
int device_set_counter(struct device_list *l, struct device *d, uint64_t counter);

/* `d` has just proved that it lives, by its enrolment: this is its counter now, even if it was higher. 0 or -RTUN_EIO. */
int device_reset_counter(struct device_list *l, struct device *d, uint64_t counter);

/* ---- Between device.c and device_file.c ---- */

/* A device as devices.yaml has it. */
struct device_record {
	const char *name;
	struct rtun_bytes public_key;
	struct rtun_list tags;
	int64_t enrolled_at;
	uint64_t streams, up, down, monthly; /* 0 or RTUN_NONE: no limit */
};

/* The same in devices.yaml and as arguments of `limit`. Below these rates even control frames would come too late. */
#define DEVICE_LIMIT_ROWS(T) \
	RTUN_INT(T, streams, NULL, 1, 1000000, RTUN_OR_NONE, NULL, "Connections at once"), \
	RTUN_RATE(T, up, NULL, 128000, UINT64_C(100000000000), RTUN_OR_NONE, NULL, "What all its connections together may send through it"), \
	RTUN_RATE(T, down, NULL, 128000, UINT64_C(100000000000), RTUN_OR_NONE, NULL, "What they may receive through it"), \
	RTUN_SIZE(T, monthly, NULL, 1, 0, RTUN_OR_NONE, NULL, "Bytes in a calendar month (UTC), both ways")

struct device_record device_record_of(const struct device *d);
/* A device of its own that the record describes, or NULL: no memory. Without its secret. */
struct device *device_create(const struct device_record *r);
void device_destroy(struct device **d);
/* Put it in; there is room for one more after each device_reserve(). */
int device_reserve(struct device_list *l);
void device_insert(struct device_list *l, struct device *d);
/* Take out, tell the watcher, remove its secret, free. */
void device_drop(struct device_list *l, struct device *d);
void device_sort(struct device_list *l);

int device_file_load(struct device_list *l);
/* Write these instead of what is there, unless somebody has changed it. */
int device_file_save(struct device_list *l, const char *default_exit, const struct device_record *records, uint32_t count,
		     char error[DEVICE_ERROR]);

#endif
