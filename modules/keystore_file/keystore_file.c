/* SPDX-License-Identifier: BSD-2-Clause
 *
 * keystore_file.c - rtun.keystore/1 with one file for each key: NAME_key.bin, 32 bytes.
 *
 * A file is refused when anybody else could have read or written it. In memory a key lies in pages of its own
 * (sodium_malloc), which can be read only during a DH.
 */
#include <restunnel/module.h>
#include <restunnel/svc/keystore.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyfile.h"

#define NAME_MAX_LEN 16

struct options {
	const char *directory;
};

static const struct rtun_option options[] = {
	RTUN_FILE(struct options, directory, NULL, 0, NULL, "The directory of the keys' files; data-dir if it is omitted."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(struct options, options);

/* A key that has been read. */
struct key {
	struct key *next;
	char name[NAME_MAX_LEN + 1];
	uint8_t public[KEYFILE_BYTES];
	uint8_t *secret; /* of sodium_malloc */
};

struct keystore {
	struct rtun_ctx *ctx;
	const char *directory; /* NULL: data-dir; below data-dir if it doesn't begin with a slash */
	struct key *keys;
};

/* ---- Keys in memory ---------------------------------------------------------------------------------------------- */

static void key_destroy(struct key *key)
{
	if (key)
		sodium_free(key->secret); /* wipes */
	free(key);
}

static struct key *key_create(const char *name)
{
	struct key *key = calloc(1, sizeof(*key));

	if (!key)
		return NULL;
	snprintf(key->name, sizeof(key->name), "%s", name);
	key->secret = sodium_malloc(KEYFILE_BYTES);
	if (!key->secret) {
		key_destroy(key);
		return NULL;
	}
	return key;
}

static bool valid_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz");

	return len >= 1 && len <= NAME_MAX_LEN && !name[len];
}

static char *path_of(const struct keystore *ks, const char *name)
{
	const char *dir = ks->directory ? ks->directory : "", *base = rtun_data_dir(ks->ctx);
	char *path;
	int n;

	if (*dir == '/')
		n = asprintf(&path, "%s/%s_key.bin", dir, name);
	else
		n = asprintf(&path, "%s/%s%s%s_key.bin", base, dir, *dir ? "/" : "", name);
	return n < 0 ? NULL : path;
}

static int load(struct keystore *ks, const char *name, bool make, struct key **ret_key)
{
	struct key *key = key_create(name);
	char *path = path_of(ks, name);
	int r = -RTUN_ENOMEM;

	if (!key || !path)
		goto out;
	r = make ? keyfile_make(ks->ctx, path, key->secret) : keyfile_read(ks->ctx, path, key->secret);
	if (r)
		goto out;
	crypto_scalarmult_base(key->public, key->secret);
	sodium_mprotect_noaccess(key->secret);
	key->next = ks->keys;
	ks->keys = key;
	*ret_key = key;
	key = NULL;
out:
	free(path);
	key_destroy(key);
	return r;
}

/* Read at first use and kept: later the process may not be allowed to. */
static int find(struct keystore *ks, const char *name, struct key **ret_key)
{
	struct key *key;

	if (!valid_name(name))
		return -RTUN_EINVAL;
	for (key = ks->keys; key; key = key->next) {
		if (!strcmp(key->name, name)) {
			*ret_key = key;
			return 0;
		}
	}
	return load(ks, name, false, ret_key);
}

/* ---- The service ------------------------------------------------------------------------------------------------- */

static int keystore_ensure(void *obj, const char *name)
{
	struct keystore *ks = obj;
	struct key *key;
	int r = find(ks, name, &key);

	return r == -RTUN_ENOENT ? load(ks, name, true, &key) : r;
}

static int keystore_public_key(void *obj, const char *name, uint8_t out[32])
{
	struct key *key;
	int r = find(obj, name, &key);

	if (!r)
		memcpy(out, key->public, KEYFILE_BYTES);
	return r;
}

static int keystore_dh(void *obj, const char *name, const uint8_t peer[32], uint8_t out[32])
{
	struct key *key;
	int r = find(obj, name, &key);

	if (r)
		return r;
	if (sodium_mprotect_readonly(key->secret))
		return -RTUN_EINTERNAL;
	r = crypto_scalarmult(out, key->secret, peer);
	sodium_mprotect_noaccess(key->secret);
	if (r)
		sodium_memzero(out, KEYFILE_BYTES);
	return r ? -RTUN_EINVAL : 0;
}

static const struct rtun_keystore_ops ops = {
	.size = sizeof(struct rtun_keystore_ops),
	.ensure = keystore_ensure,
	.public_key = keystore_public_key,
	.dh = keystore_dh,
};

/* ---- The module -------------------------------------------------------------------------------------------------- */

static int create(struct rtun_ctx *ctx, const void *cfg)
{
	const struct options *o = cfg;
	struct keystore *ks;

	if (sodium_init() < 0)
		return rtun_conf_error(ctx, NULL, NULL, "libsodium can't be used on this machine: no source of random numbers");
	ks = calloc(1, sizeof(*ks));
	if (!ks)
		return -RTUN_ENOMEM;
	ks->ctx = ctx;
	ks->directory = o->directory;
	ctx->self = ks;
	return rtun_provide(ctx, RTUN_KEYSTORE, &ops, ks);
}

static void destroy(struct rtun_ctx *ctx)
{
	struct keystore *ks = ctx->self;
	struct key *key;

	while (ks && (key = ks->keys)) {
		ks->keys = key->next;
		key_destroy(key);
	}
	free(ks);
	ctx->self = NULL;
}

static const struct rtun_port provides[] = {{RTUN_KEYSTORE, NULL}};

RTUN_MODULE(keystore_file,
	.version = "1", .summary = "Keys as files that only their owner can read", .license = "BSD-2-Clause",
	.schema = &schema, .provides = RTUN_LIST(provides),
	.create = create, .destroy = destroy);
