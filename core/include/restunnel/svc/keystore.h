/* SPDX-License-Identifier: BSD-2-Clause
 *
 * rtun.keystore/1: operations with named X25519 keys (RFC 7748), never their bytes; so that hardware can be one. [loop]
 */
#ifndef RESTUNNEL_SVC_KEYSTORE_H
#define RESTUNNEL_SVC_KEYSTORE_H

#include "../abi.h"

#define RTUN_KEYSTORE "rtun.keystore/1"

struct rtun_keystore_ops {
	uint32_t size;
	uint32_t reserved;
	/* Make the key `name` ([a-z]{1,16}) if it does not exist; never replaces one. 0; -RTUN_EIO or -RTUN_EDENIED (a
	 * file that is too open, a stranger's, a link) after logging the path and the remedy. May be called in `setup`. */
	int (*ensure)(void *obj, const char *name);
	/* Its public key. -RTUN_ENOENT, or as above. */
	int (*public_key)(void *obj, const char *name, uint8_t out[32]);
	/* X25519(key, peer) into `out`. -RTUN_EINVAL for a low-order point (all-zero result, RFC 7748 section 6.1). */
	int (*dh)(void *obj, const char *name, const uint8_t peer[32], uint8_t out[32]);
};

#endif
