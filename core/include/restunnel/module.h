/* SPDX-License-Identifier: BSD-2-Clause
 *
 * restunnel/module.h - the only header a module's author includes (and those of the services, svc/NAME.h).
 *
 * A module is one shared object that exports one const table and nothing else. doc/module-abi.md is the guide;
 * contrib/module-skeleton a whole one. No constructors, no global variables: one module, many instances.
 *
 *   restunnel check      check -> create -> advise -> destroy
 *   restunnel init       check -> create -> setup -> destroy
 *   VERB, no daemon      check -> create -> setup -> command ... -> stop -> destroy
 *   restunnel run        check -> create -> setup -> prepare -> start -> ... reload ... -> drain -> stop -> destroy
 *                        '---- providers before those who refer to them ----'   '-- the other way round --'
 *
 *   check    Is this configuration good, as far as the schema can't tell? Pure: no self, no services, no effect.
 *   create   Allocate, set ctx->self, provide services. References are resolved. No effect outside the process.
 *   advise   What works like this, but perhaps not as it was meant: rtun_conf_warn(). May read data-dir, has no effect.
 *   setup    Make what must exist before the first run (keys, files). Does nothing the second time.
 *   prepare  Still privileged, stderr still the administrator's: bind, listen, open. The only place for privilege.
 *   start    The loop runs, privileges are gone, the sandbox is closed: what the descriptor's `needs` say is left.
 *   reload   New values; only of rows marked RTUN_RELOADABLE, the core refuses others. Fails without an effect. What
 *            can fail should fail in `check`, which runs first for all instances.
 *   drain    Take no new work; what is under way (relays, and what rtun_hold() counts) may go on until the core stops all,
 *            at most `ns` later.
 *   stop     End it. After it only `destroy` of streams and wrappers and `done` of relays come, and of rtun_work() that was
 *            under way, and events to who is still subscribed; then destroy. So what those need must live until destroy.
 *   destroy  Free. Also called after a create that failed, so it must bear a half-made self (or NULL).
 *
 * A callback that is NULL does nothing. Those that return int give 0 or a negative RTUN_E...; having reported the reason
 * with rtun_conf_error() (-RTUN_ECONFIG) or rtun_log().
 */
#ifndef RESTUNNEL_MODULE_H
#define RESTUNNEL_MODULE_H

#include "abi.h"
#include "command.h"
#include "event.h"
#include "host.h"
#include "schema.h"
#include "stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A service that instances of the module provide. */
struct rtun_port {
	const char *service; /* RTUN_DIALER ... */
	const char *when;    /* "role=hub": only instances with this value of a RTUN_CHOICE option; NULL: all */
};

/* What instances of the module must still be able to do from `start` on. Everything else is closed then, for the whole
 * process: programs, files but those in data-dir (to read also those that options name), new sockets. What was opened in
 * `prepare` goes on, so most modules need nothing. The needs of all instances are united. */
#define RTUN_NEED_CONNECT "connect" /* make TCP connections, rtun_connect() too */
#define RTUN_NEED_UDP "udp"         /* make, bind and use UDP sockets */
#define RTUN_NEED_RESOLVE "resolve" /* look up names: DNS, /etc/hosts, what nsswitch.conf says */
#define RTUN_NEED_NETLINK "netlink" /* ask the kernel for interfaces and routes by sockets made later */
#define RTUN_NEED_LISTEN "listen"   /* begin to listen, on TCP or a unix socket, or bind to a chosen port */
#define RTUN_NEED_UNIX "unix"       /* make unix sockets and connect them to other programs of this machine */
#define RTUN_NEED_NO_PORT "no-port" /* that nobody in this process listens on a TCP port: unix sockets only. `check` refuses the rest */
#define RTUN_NEED_MACHINE "machine" /* read /proc/self, and in /sys what is of power supplies and network interfaces */
struct rtun_need {
	const char *need; /* RTUN_NEED_... */
	const char *when; /* as in struct rtun_port */
};

struct rtun_module {
	uint32_t size;
	uint16_t abi_major, abi_minor;
	uint32_t flags, reserved;
	const char *name;    /* = the file's name without .so */
	const char *version; /* the module's own */
	const char *summary; /* one line for `restunnel modules` */
	const char *license; /* SPDX */
	const struct rtun_schema *schema; /* NULL: no options */
	struct rtun_list provides; /* of struct rtun_port */
	struct rtun_list commands; /* of struct rtun_command */
	struct rtun_list events;   /* of const struct rtun_event_type * */
	struct rtun_list metrics;  /* of struct rtun_metric */
	int (*check)(struct rtun_ctx *, const void *cfg);
	int (*create)(struct rtun_ctx *, const void *cfg);
	int (*setup)(struct rtun_ctx *);
	int (*prepare)(struct rtun_ctx *);
	int (*start)(struct rtun_ctx *);
	int (*reload)(struct rtun_ctx *, const void *cfg);
	void (*drain)(struct rtun_ctx *, uint64_t ns);
	void (*stop)(struct rtun_ctx *);
	void (*destroy)(struct rtun_ctx *);
	void (*status)(struct rtun_ctx *, struct rtun_status *); /* only asked for while running */
	/* The module's part of `restunnel doctor`: what is wrong here, as far as `status` does not say it already. Answer as
	 * a command does, now or later, with {"checks": [...]} of rtun_append_check(), or fail; after 20 s nobody waits any
	 * more. Asked while running, and without a daemon too: then after `setup`, and nothing was prepared or started. */
	void (*doctor)(struct rtun_ctx *, struct rtun_reply *);
	struct rtun_list needs; /* of struct rtun_need */
	void (*advise)(struct rtun_ctx *);
};

#define RTUN_PASTE2(a, b) a##b
#define RTUN_PASTE(a, b) RTUN_PASTE2(a, b)
#define RTUN_STRING2(a) #a
#define RTUN_STRING(a) RTUN_STRING2(a)
#ifdef RTUN_STATIC
#define RTUN_SYMBOL(name) RTUN_PASTE(rtun_module_, name)
#else
#define RTUN_SYMBOL(name) rtun_module
#endif
/* RTUN_MODULE(skeleton, .version = "1", .create = create, ...) */
#define RTUN_MODULE(modname, ...) \
	extern RTUN_EXPORT const struct rtun_module RTUN_SYMBOL(modname); \
	const struct rtun_module RTUN_SYMBOL(modname) = { \
		.size = sizeof(struct rtun_module), .abi_major = RTUN_ABI_MAJOR, .abi_minor = RTUN_ABI_MINOR, \
		.name = RTUN_STRING(modname), __VA_ARGS__}

#ifdef __cplusplus
}
#endif
#endif
