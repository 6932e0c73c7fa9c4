/* SPDX-License-Identifier: BSD-2-Clause
 *
 * secret.c - the files of peers.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pubkey.h"
#include "secret.h"

#define LIST_KEY "device"
#define SUFFIX ".yaml"

struct record {
	struct rtun_bytes public_key, psk;
	uint64_t counter;
	int64_t last_seen;
};

static const struct rtun_option rows[] = {
	RTUN_BYTES(struct record, public_key, NULL, 32, 32, RTUN_REQUIRED, NULL, "Whose this is."),
	RTUN_BYTES(struct record, psk, NULL, 32, 32, RTUN_REQUIRED | RTUN_SECRET, NULL, "The key that is mixed in."),
	RTUN_INT(struct record, counter, "0", 0, 0, 0, NULL, "The highest counter seen."),
	RTUN_TIME(struct record, last_seen, NULL, 0, NULL, "When it was last heard of."),
};
static const struct rtun_schema secret_schema = RTUN_SCHEMA(struct record, rows);

struct file_name {
	char below[PATH_MAX]; /* data-dir */
	char full[PATH_MAX];
};

static void name_file(struct rtun_ctx *ctx, const char *dir, const uint8_t key[32], struct file_name *ret)
{
	char hex[PUBKEY_HEX];

	pubkey_hex(key, hex);
	snprintf(ret->below, sizeof(ret->below), "%s/%s" SUFFIX, dir, hex);
	snprintf(ret->full, sizeof(ret->full), "%s/%s/%s" SUFFIX, rtun_data_dir(ctx), dir, hex);
}

static int complain(struct rtun_ctx *ctx, const char *path)
{
	rtun_log(ctx, RTUN_ERROR, "%s: %s", path, strerror(errno));
	return -RTUN_EIO;
}

int secret_prepare(struct rtun_ctx *ctx, const char *dir)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", rtun_data_dir(ctx), dir);
	if (mkdir(path, 0700) && errno != EEXIST)
		return complain(ctx, path);
	if (lstat(path, &st))
		return complain(ctx, path);
	if (!S_ISDIR(st.st_mode)) {
		rtun_log(ctx, RTUN_ERROR, "%s is not a directory; move it away", path);
		return -RTUN_EDENIED;
	}
	if (st.st_uid != geteuid() || st.st_mode & 077) {
		rtun_log(ctx, RTUN_ERROR, "%s holds secrets and must be its owner's alone (mode %04o, owner %u); chmod 700 %s, and chown it to the user that restunnel runs as",
			 path, (unsigned int)(st.st_mode & 07777), (unsigned int)st.st_uid, path);
		return -RTUN_EDENIED;
	}
	return 0;
}

/* Whose file, and what was in it. */
struct loading {
	const uint8_t *key;
	struct secret *secret;
	bool found;
};

static void load_record(void *arg, const void *record)
{
	struct loading *l = arg;
	const struct record *r = record;

	if (sodium_memcmp(r->public_key.p, l->key, 32))
		return;
	memcpy(l->secret->psk, r->psk.p, 32);
	l->secret->counter = r->counter;
	l->secret->last_seen = r->last_seen;
	l->found = true;
}

void secret_load(struct rtun_ctx *ctx, const char *dir, const uint8_t key[32], struct secret *ret_secret)
{
	struct loading l = {key, ret_secret, false};
	struct file_name name;
	int r;

	memset(ret_secret, 0, sizeof(*ret_secret));
	name_file(ctx, dir, key, &name);
	r = rtun_records_load(ctx, name.below, LIST_KEY, &secret_schema, load_record, &l);
	if (l.found || r == -RTUN_ENOENT)
		return;
	rtun_log(ctx, RTUN_ERROR, "%s can't be used: this peer must be paired again", name.full);
	randombytes_buf(ret_secret->psk, 32);
}

int secret_save(struct rtun_ctx *ctx, const char *dir, const uint8_t key[32], const struct secret *secret)
{
	struct record r = {{key, 32}, {secret->psk, 32}, secret->counter, secret->last_seen};
	struct rtun_list one = {&r, 1, sizeof(r)};
	struct file_name name;

	name_file(ctx, dir, key, &name);
	return rtun_records_save(ctx, name.below, LIST_KEY, &secret_schema, one, "Secret. Written by restunnel; not to be edited.", 0600);
}

void secret_remove(struct rtun_ctx *ctx, const char *dir, const uint8_t key[32])
{
	struct file_name name;

	name_file(ctx, dir, key, &name);
	if (unlink(name.full) && errno != ENOENT)
		complain(ctx, name.full);
}

/* HEX of "HEX.yaml", or false. */
static bool hex_of(const char *file, char ret_hex[PUBKEY_HEX])
{
	if (strlen(file) != PUBKEY_HEX - 1 + strlen(SUFFIX) || strspn(file, "0123456789abcdef") != PUBKEY_HEX - 1 ||
	    strcmp(file + PUBKEY_HEX - 1, SUFFIX))
		return false;
	memcpy(ret_hex, file, PUBKEY_HEX - 1);
	ret_hex[PUBKEY_HEX - 1] = 0;
	return true;
}

void secret_sweep(struct rtun_ctx *ctx, const char *dir, bool (*keep)(void *arg, const char *hex), void *arg)
{
	char path[PATH_MAX], hex[PUBKEY_HEX];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", rtun_data_dir(ctx), dir);
	d = opendir(path);
	if (!d)
		return;
	while ((e = readdir(d)))
		if (hex_of(e->d_name, hex) && !keep(arg, hex))
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}
