/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frontend.h - what all modules for this machine's own programs share; each adds the protocol that it speaks.
 *
 *   frontend.c         listeners, the life of an instance, metrics
 *   frontend_event.c   what is published of a client's request
 *   frontend_status.c  status and doctor
 *   frontend_conn.c    one client, from accept to the end of its relay, or to a protocol that goes on by itself
 *   frontend_login.c   usernames and passwords: how they are spelt
 *   frontend_admit.c   whether this entry takes them
 *   frontend_verify.c  passwords: verified in a thread, remembered, guessing slowed down
 *   frontend_passwd.c  the verb that sets one
 *   users.c            the file of those who may log in
 *
 * A module is a struct frontend_protocol, the bytes behind it (parse.c), the rows FRONTEND_OPTIONS() in its schema, a
 * `create` that calls frontend_create(), and FRONTEND_LIFE in its descriptor.
 */
#ifndef FRONTEND_H
#define FRONTEND_H

#include <stdbool.h>

#include <restunnel/module.h>
#include <restunnel/svc/dialer.h>

#include "../local_users/local_users.h"

#define FRONTEND_NAME_SIZE 256U   /* bytes of a name or username with its NUL */
#define FRONTEND_ANSWER_MAX 2048U /* bytes of an answer */

/* ---- Options ---- */

#define FRONTEND_USERNAME_OFF 0
#define FRONTEND_USERNAME_OPTIONAL 1
#define FRONTEND_USERNAME_REQUIRED 2

#define FRONTEND_DATAGRAMS_ALLOW 0
#define FRONTEND_DATAGRAMS_REFUSE 1

struct frontend_options {
	struct rtun_list listen;
	struct rtun_ref to;
	const char *exit;
	const char *users_file;
	struct rtun_list allow_users;
	uint32_t expose_beyond_loopback;
	uint32_t username;
	uint32_t optimistic;
	uint64_t half_close_timeout;
	uint64_t max_connections;
	uint32_t strategy; /* RTUN_STRATEGY_... */
	uint64_t keep_alive_timeout; /* of protocols that serve; they have the row */
	/* of protocols with datagrams, likewise */
	uint32_t datagrams; /* FRONTEND_DATAGRAMS_... */
	uint64_t max_associations, association_timeout, association_buffer;
};

/* A module with options of its own puts a struct frontend_options first into its struct. `port`, as text, is the
 * default; the other two are sentences. */
#define FRONTEND_OPTIONS(port, username_doc, max_connections_doc) \
	RTUN_LISTEN(struct frontend_options, listen, "127.0.0.1:" port, RTUN_LOCAL, NULL, \
		    "Where programs connect to: \"127.0.0.1:" port "\", \"[::1]:" port \
		    "\", \"unix:/path\", or a list of them; loopback only, unless expose-beyond-loopback says otherwise."), \
	RTUN_BOOL(struct frontend_options, expose_beyond_loopback, "false", 0, NULL, \
		  "Let `listen` have addresses that other machines reach; needs a users-file, and is refused where connections leave from " \
		  "this very machine. Passwords cross the network in clear: better `ssh -L`."), \
	RTUN_REF(struct frontend_options, to, RTUN_DIALER, RTUN_REQUIRED, NULL, \
		 "The instance through which connections leave: a tunnel or an exit_dialer."), \
	RTUN_NAME(struct frontend_options, exit, NULL, RTUN_RELOADABLE, NULL, \
		  "The exit for connections whose username doesn't name one: \"home\", or \"tag-mobile\"; without it the best connected exit."), \
	RTUN_CHOICE(struct frontend_options, strategy, "best|sticky|round-robin|random", "best", RTUN_RELOADABLE, NULL, \
		    "Which exit a connection gets where several would do. best: the nearest and least busy; sticky: the one that this entry " \
		    "and username had before; round-robin; random. `session-X` in a username keeps one for X, whatever the strategy."), \
	RTUN_CHOICE(struct frontend_options, username, "off|optional|required", "optional", RTUN_RELOADABLE, NULL, username_doc), \
	RTUN_FILE(struct frontend_options, users_file, NULL, RTUN_RELOADABLE, NULL, \
		  "Who may log in: a file of lines NAME:HASH, which `restunnel passwd NAME` writes. With it nobody gets in without the " \
		  "password; the username is the user, or the user and the exit: alice-exit-home."), \
	LOCAL_USERS_OPTION(struct frontend_options, allow_users), \
	RTUN_BOOL(struct frontend_options, optimistic, "false", RTUN_RELOADABLE, NULL, \
		  "Say success before the exit has answered, which saves a round trip; a target that can't be reached is then no error " \
		  "reply but a connection that breaks, and the bound address is unknown. Through an exit_dialer it changes nothing."), \
	RTUN_DURATION(struct frontend_options, half_close_timeout, "1h", 0, 0, RTUN_RELOADABLE, NULL, \
		      "How long the other direction may go on after one side has said that it will send no more; 0s: no limit."), \
	RTUN_INT(struct frontend_options, max_connections, "16384", 1, 1000000, RTUN_RELOADABLE, NULL, max_connections_doc)

/* ---- Protocol ---- */

/* How a connection ended, for the metric: an RTUN_E... up to RTUN_ESELECTOR (0 = ok), RTUN_ENOTSUP, or: */
#define FRONTEND_RESULT_PROTOCOL 13  /* another protocol, or not understood */
#define FRONTEND_RESULT_LOGIN 14     /* no username, or a malformed one */
#define FRONTEND_RESULT_ABANDONED 15 /* the client left before the answer */
#define FRONTEND_RESULTS (RTUN_ENOTSUP + 1)

struct frontend;
struct frontend_conn;

struct frontend_request {
	char host[FRONTEND_NAME_SIZE]; /* "": the target is `addr` */
	struct rtun_addr addr;         /* the port in both cases */
	char user[FRONTEND_NAME_SIZE]; /* percent-decoded once; "": none was given */
	char password[FRONTEND_NAME_SIZE]; /* until the login was judged */
	bool bad_login;                /* a login was given, but not understood; in the end: it is refused */
	bool datagrams;                /* to and from anywhere: host and addr are no target */
};

/* What a client has said and was not answered yet, and what the protocol makes of it. */
struct frontend_message {
	const struct frontend *f;
	struct frontend_conn *c;
	void *talk; /* the protocol's own, see talk_size */
	const uint8_t *p;
	uint32_t len; /* at least 1 */
	/* to be filled: */
	uint32_t size;       /* with MORE: bytes without which there is no point in asking again; else those of the message */
	uint32_t result;     /* with REFUSED: a FRONTEND_RESULT_... or RTUN_E... */
	uint32_t answer_len; /* not with MORE: what to say now */
	uint8_t answer[FRONTEND_ANSWER_MAX];
	struct frontend_request request; /* with REQUEST; with SERVE its target */
};

enum frontend_step {
	FRONTEND_MORE,    /* the message isn't complete */
	FRONTEND_WAIT,    /* frontend_admit() can't say yet: the same message again when it can */
	FRONTEND_NEXT,    /* it is; there is another one to come */
	FRONTEND_REQUEST, /* it is the last one: dial, unless it is a bad login */
	FRONTEND_SERVE,   /* the protocol goes on by itself: serve() */
	FRONTEND_REFUSED, /* it ends here, with the answer if there is one */
};

/* Why a client's datagram was dropped, for the metric. */
#define FRONTEND_DROP_STRANGER 0  /* it is not from the association's client */
#define FRONTEND_DROP_FRAGMENT 1
#define FRONTEND_DROP_MALFORMED 2
#define FRONTEND_DROP_LOST 3      /* an answer that the system did not take */
#define FRONTEND_DROPS 4

struct frontend_protocol {
	uint32_t talk_size; /* bytes to keep from one read() to the next, all zero at first, gone before the dial */
	enum frontend_step (*read)(struct frontend_message *m);
	/* Answers to a request; the number of bytes. `err`: 1 to RTUN_ESELECTOR, RTUN_ENOTSUP, or FRONTEND_RESULT_LOGIN. */
	uint32_t (*success)(const struct frontend_conn *c, const struct rtun_addr *bound, uint8_t ret[FRONTEND_ANSWER_MAX]);
	/* `why` NULL: none is known beyond what `err` says. */
	uint32_t (*failure)(const struct frontend_conn *c, uint32_t err, const char *why, uint8_t ret[FRONTEND_ANSWER_MAX]);
	/* For protocols with FRONTEND_SERVE: the message, `m`, is still in the client's stream. serve() sets c->served, and from then
	 * on c->s, its callbacks and c->dial are the protocol's, until it calls frontend_conn_resume(), _relay(), _end() or
	 * _free(). 0 or -RTUN_ENOMEM. */
	int (*serve)(struct frontend_conn *c, const struct frontend_message *m);
	void (*drain)(struct frontend_conn *c);   /* no new work: what waits for some may go; NULL: nothing does */
	void (*release)(struct frontend_conn *c); /* c goes: free c->served; a message half sent is to be aborted */
};

/* ---- Instance ---- */

struct frontend_verify;
struct frontend_job;

struct frontend {
	struct rtun_ctx *ctx;
	const struct frontend_protocol *protocol;
	struct frontend_verify *verify;
	struct frontend_options o;
	struct rtun_listener **listeners;
	uint32_t listener_count;
	uint32_t conn_count;
	struct frontend_conn *conns;
	struct rtun_subscription *news[4];
	uint32_t changes; /* of what chooses an exit: options, rules, names. What was chosen before can tell */
	bool draining;
	uint64_t results[FRONTEND_RESULTS];
	uint32_t associations;
	uint64_t dropped[FRONTEND_DROPS];
	struct frontend_job *jobs; /* of `passwd`, under way */
};

/* What happens at each point of an instance's life: see restunnel/module.h. */
int frontend_check(struct rtun_ctx *ctx, const void *cfg);
int frontend_create(struct rtun_ctx *ctx, const struct frontend_options *o, const struct frontend_protocol *protocol);
int frontend_prepare(struct rtun_ctx *ctx);
int frontend_reload(struct rtun_ctx *ctx, const void *cfg);
void frontend_drain(struct rtun_ctx *ctx, uint64_t ns);
void frontend_stop(struct rtun_ctx *ctx);
void frontend_destroy(struct rtun_ctx *ctx);
void frontend_status(struct rtun_ctx *ctx, struct rtun_status *st);
void frontend_doctor(struct rtun_ctx *ctx, struct rtun_reply *reply);
void frontend_advise(struct rtun_ctx *ctx);

extern const struct rtun_metric frontend_metrics[2];
extern const struct rtun_event_type *const frontend_events[4];
extern const struct rtun_command frontend_commands[1];

/* In a descriptor: all but what the module says itself. */
#define FRONTEND_LIFE \
	.commands = RTUN_LIST(frontend_commands), .events = RTUN_LIST(frontend_events), .metrics = RTUN_LIST(frontend_metrics), \
	.check = frontend_check, .prepare = frontend_prepare, \
	.reload = frontend_reload, .drain = frontend_drain, .stop = frontend_stop, .destroy = frontend_destroy, \
	.status = frontend_status, .doctor = frontend_doctor, .advise = frontend_advise

/* The payload of all three: open when a target is connected, close when the relay to it has ended, refused instead of both. */
struct frontend_stream_event {
	const char *exit;
	const char *frontend;
	uint32_t result;
	uint32_t reserved;
	uint64_t bytes_in, bytes_out;
	const char *target, *protocol, *user;
	uint64_t duration_ms;
	const char *refusal, *why;
};
extern const struct rtun_event_type frontend_stream_open, frontend_stream_close, frontend_stream_refused;
/* The word for an RTUN_E... or FRONTEND_RESULT_... */
const char *frontend_result_word(uint32_t result);

/* Published by `passwd`: other entries may have the same file. */
struct frontend_users_event {
	const char *users_file;
};
extern const struct rtun_event_type frontend_users_changed;

/* ---- Clients ---- */

#define FRONTEND_EXIT_SIZE 33U
#define FRONTEND_LOGIN_SIZE 33U /* bytes of the name of a user in a users-file, with its NUL */

/* A request that is complete, until it was told what became of it. */
struct frontend_asked {
	char *text; /* user, NUL, target; NULL: out of memory */
	uint64_t at;
	uint64_t bytes[2]; /* out and in, beside those that the relay counts */
	enum { FRONTEND_UNASKED, FRONTEND_ASKED, FRONTEND_OPEN } state;
	bool datagrams;
};

struct frontend_conn {
	struct frontend *f; /* NULL: the instance is destroyed, only the end of the relay is awaited */
	struct frontend_conn *next, **at;
	struct rtun_stream *s;
	struct rtun_timer *timer; /* until the request is complete */
	union {
		void *talk;   /* what the protocol keeps; NULL: the request is complete */
		void *served; /* where it goes on by itself */
	};
	struct frontend_claim *claim; /* a login that is being verified */
	struct rtun_op *dial;
	struct rtun_relay *relay;
	uint32_t need; /* bytes without which there is no point in looking */
	uint8_t version; /* of the protocol, by which to answer; 0: the usual one */
	bool surplus;  /* beyond max-connections */
	bool serving;  /* by the protocol itself */
	bool associated; /* one of f->associations */
	char exit[FRONTEND_EXIT_SIZE];
	char login[FRONTEND_LOGIN_SIZE]; /* who was let in by the users-file */
	struct frontend_asked asked;
};

/* Takes the stream, or leaves it to be closed. */
void frontend_conn_open(struct frontend *f, struct rtun_stream **s);
void frontend_conn_drain_all(struct frontend *f);
void frontend_conn_close_all(struct frontend *f);

/* For who serves. Dials for a request as c->dial, which is NULL again when `cb` is called (by frontend_dialled(), first
 * thing). `early`: who is called instead where an optimistic entry can have the stream early; NULL: nobody, it is not
 * wanted. 0; else an RTUN_E... and `ret_why`, and there is no dial. */
uint32_t frontend_dial(struct frontend_conn *c, const struct frontend_request *r, rtun_dial_cb *cb, rtun_dial_cb *early,
		       const char **ret_why);
/* The same for a stream of datagrams; the request's target means nothing. */
uint32_t frontend_associate(struct frontend_conn *c, const struct frontend_request *r, rtun_dial_cb *cb, const char **ret_why);
/* What became of it: 0, or an RTUN_E... that is known here; c->exit is set. */
uint32_t frontend_dialled(struct frontend_conn *c, const struct rtun_dial_result *r);
/* The client's next message is read as its first one was; c->served is gone. */
void frontend_conn_resume(struct frontend_conn *c);
/* Joins client and target for good, with these limits (ns, 0: none); c->served is gone. False: out of memory, and c is gone,
 * too. */
bool frontend_conn_relay(struct frontend_conn *c, struct rtun_stream **target, uint64_t half_close, uint64_t idle);
/* The relay has begun, to a target that has answered. */
void frontend_conn_reached(struct frontend_conn *c);
/* The protocol's answer to a failure, and the end. */
void frontend_conn_refuse(struct frontend_conn *c, uint32_t err, const char *why);
/* The end, with a `result` to count, and to tell if the target was not reached; or without. What was put is still sent. */
void frontend_conn_end(struct frontend_conn *c, uint32_t result);
void frontend_conn_free(struct frontend_conn *c);

/* ---- Events: exactly one open and close, or one refused, follow each ask ---- */

/* The request is complete. Of one before it the rest is told. */
void frontend_ask(struct frontend_conn *c, const struct frontend_request *r);
/* Its target is reached; the stream to it has ended. */
void frontend_tell_open(struct frontend_conn *c);
void frontend_tell_close(struct frontend_conn *c, const struct rtun_relay_result *r);
/* It will not be: nothing where that, or the opposite, was told already. `why` may be NULL. */
void frontend_tell_refused(struct frontend_conn *c, uint32_t result, const char *why);
/* What has no end yet was broken off. */
void frontend_tell_rest(struct frontend_conn *c);

/* ---- Logins ---- */

/* Percent-decodes a username once. False: a bad escape, a control character, or it is too long. */
bool frontend_decode_user(const uint8_t *p, size_t len, char ret[FRONTEND_NAME_SIZE]);
/* One that is too long, or has a NUL in it, is none. */
void frontend_set_password(struct frontend_request *r, const uint8_t *p, size_t len);
/* Where the words begin that choose an exit ("exit-home" of "alice-exit-home"), or NULL. */
const char *frontend_terms_of(const char *text);

enum frontend_login {
	FRONTEND_LOGIN_REFUSED,
	FRONTEND_LOGIN_GOOD,    /* r->user is what chooses the exit */
	FRONTEND_LOGIN_PENDING, /* ask again when the client's stream is ready */
};

/* Does this entry take a client with this login? The password is wiped. */
enum frontend_login frontend_admit(struct frontend_conn *c, struct frontend_request *r);
/* With users, in words; without, NULL: the protocol's own words. */
const char *frontend_login_why(const struct frontend *f);
/* Nobody gets in without one. */
static inline bool frontend_wants_login(const struct frontend *f)
{
	return f->o.users_file || f->o.username == FRONTEND_USERNAME_REQUIRED;
}

/* ---- frontend_verify.c ---- */

int frontend_verify_create(struct frontend *f);
void frontend_verify_destroy(struct frontend *f);
/* The users of `path` from now on (NULL: there are none to be). 0; as users_read(), and those before stay. */
int frontend_verify_load(struct frontend *f, const char *path);
uint32_t frontend_verify_users(const struct frontend *f);
/* Is this the user's password? Told at once where it is known, else c->s is made ready later. */
enum frontend_login frontend_verify(struct frontend_conn *c, const char *name, const char *password);
/* The client goes. */
void frontend_verify_forget(struct frontend_conn *c);
/* What `passwd` still has to do is not done. */
void frontend_passwd_stop(struct frontend *f);

#endif
