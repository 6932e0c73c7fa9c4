/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hubs.h - the hubs that a node is paired with: hubs.yaml, and a file of secrets for each.
 *
 * As with devices, a change counts once it is on disk. The file is not watched: `enroll` and `forget` are the ways to
 * change it while restunnel runs. A struct hub_entry stays where it is until it is forgotten.
 */
#ifndef HUBS_H
#define HUBS_H

#include <restunnel/host.h>

#include "label.h"
#include "secret.h"

#define HUBS_FILE "hubs.yaml"
#define HUBS_DIR "hubs"
#define HUBS_ERROR 192
#define HUBS_HOST 254

struct hub_entry {
	uint8_t key[32];
	char name[LABEL_SIZE];        /* what this node calls it, from its address */
	char host[HUBS_HOST];         /* without brackets */
	uint16_t port;
	char device_name[LABEL_SIZE]; /* what the hub calls this node */
	int64_t enrolled_at;          /* unix seconds */
	uint8_t psk[32];              /* all zero: none */
	void *tunnel;                 /* the owner's */
};

struct hubs {
	struct rtun_ctx *ctx;
	struct hub_entry **items; /* in the order in which they were paired */
	uint32_t count;
};

/* Read the files. 0; -RTUN_ECONFIG, -RTUN_EIO, -RTUN_EDENIED after logging why; -RTUN_ENOMEM. */
int hubs_create(struct rtun_ctx *ctx, struct hubs **ret_hubs);
void hubs_destroy(struct hubs **hubs);

struct hub_entry *hubs_by_key(const struct hubs *h, const uint8_t key[32]);
/* By name, host:port, public key or fingerprint. */
struct hub_entry *hubs_find(const struct hubs *h, const char *text);

/* Pair with a hub, or again with a known one, which keeps its name: of `e`, key, host, port, device_name and psk count. 0, or a
 * negative RTUN_E... with the reason in words; then nothing has changed. */
int hubs_add(struct hubs *h, const struct hub_entry *e, struct hub_entry **ret_entry, char error[HUBS_ERROR]);
/* `e` is freed. */
int hubs_forget(struct hubs *h, struct hub_entry *e, char error[HUBS_ERROR]);

#endif
