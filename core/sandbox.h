/* SPDX-License-Identifier: BSD-2-Clause
 *
 * sandbox.h - what this process can still do once it serves: as little as its modules need.
 *
 * Three walls, each as good as the kernel has it: no capability; system calls of a list (seccomp, sandbox_seccomp.c);
 * files and ports of a list (Landlock, sandbox_landlock.c). The first always stands. The others are left out where the
 * owner says `sandbox: false`, and where the kernel lacks them, which is told in the log and by `status`.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <restunnel/module.h>

struct app;
struct instance;
struct sandbox;

/* ---- needs ---- */

enum sandbox_need { /* one bit each */
	SANDBOX_CONNECT = 1,
	SANDBOX_UDP = 2,
	SANDBOX_RESOLVE = 4,
	SANDBOX_NETLINK = 8,
	SANDBOX_LISTEN = 16,
	SANDBOX_UNIX = 32,
	SANDBOX_MACHINE = 128,
	SANDBOX_NO_PORT = 64, /* nothing to leave open: core/modlisten.c sees to it */
};

/* The bit of RTUN_NEED_...; 0: this version has no such need. */
uint32_t sandbox_need(const char *word);
/* What it allows, in words, or NULL. */
const char *sandbox_need_doc(const char *word);
/* The first need that this version doesn't know, or NULL. */
const char *sandbox_need_unknown(const struct rtun_list *needs);
/* All bits of the instances; the words of some bits (new reference). */
uint32_t sandbox_needs(struct instance *const *instances, uint32_t count);
json_t *sandbox_needs_json(uint32_t needs);

/* ---- closing it ---- */

/* After all instances are prepared and before any is started, while this is the only thread: close it for good. What the
 * kernel lacks is logged. 0 or -RTUN_EIO (logged): capabilities are left, or a thread is there that would stay outside. */
int sandbox_enter(struct app *app, struct sandbox **ret);
void sandbox_destroy(struct sandbox **sandbox);

/* {"state": "on" | "partial" | "off", "capabilities": "none", "seccomp": "on" | "unavailable" | "off", "landlock": "abi N" |
 * "unavailable" | "off", "needs": [...], "text"}; null before it is closed. New reference. */
json_t *sandbox_json(const struct sandbox *sandbox);
/* Is what needs this bit refused? False for NULL: before it is closed nothing is. */
bool sandbox_refuses(const struct sandbox *sandbox, enum sandbox_need need);
/* What an owner should know about it: an alert's code, text and remedy. NULL: nothing. */
const char *sandbox_trouble(const struct sandbox *sandbox, const char **ret_text, const char **ret_remedy);

#endif
