/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hub.h - the hub's role: who is connected, and what they are asked to do.
 *
 *   device (device.h)  paired, in devices.yaml
 *     `- peer          what is known of it since the hub started; device->tunnel points here
 *          `- tunnel   while it is connected: one session; another one may be about to take its place
 *               `- conn  one connection of that session: keys and a mux
 */
#ifndef HUB_H
#define HUB_H

#include "arrival.h"
#include "attempt.h"
#include "budget.h"
#include "device.h"
#include "ear.h"
#include "gate.h"
#include "hello.h"
#include "opening.h"
#include "probe.h"
#include "rekey.h"
#include "report.h"
#include "session.h"
#include "token.h"
#include "transport_noise.h"
#include "usage.h"

#define HUB_LISTENERS 16
/* More than anyone who has a token sends in its 15 minutes by accident. */
#define HUB_ENROLLED 64

struct conn {
	struct tunnel *tunnel;
	struct conn *next;
	struct mux *mux;
	struct rekey rekey;
	struct rtun_addr from;
	uint8_t index;
};

struct tunnel {
	struct peer *peer;
	struct conn *conns; /* at least one */
	bool proved;        /* a record has come: the other end has this handshake's keys, so it is no recording */
	uint8_t session[HELLO_SESSION];
	uint8_t indexes[32]; /* bits: those that have come */
	struct rtun_addr address; /* of the connection that was proved last */
	uint8_t count;       /* connections that were announced at its beginning */
	char version[HELLO_VERSION];
	bool datagrams; /* it can send some */
	struct report report; /* hub_report.c: what the node says of itself, once `reported` */
	int64_t started_at;   /* unix seconds: its program; 0: not told */
	bool reported;
};

struct peer {
	struct hub *hub;
	struct device *device;
	struct tunnel *tunnel; /* NULL: away */
	struct tunnel *next;   /* not proved yet */
	struct mux_counters past; /* of connections that have ended; those that live are added when asked for */
	struct opening_counts counts;
	char disconnect_reason[96];
	uint64_t greeted_at; /* seconds: handshakes that were answered, see hub_greet.c */
	uint32_t greeted;
	uint64_t knocked_at; /* seconds: hub_knock.c */
	uint32_t knocked;
	/* choice.c */
	uint64_t chosen;     /* hub->choices at the last time */
	uint64_t refused_at; /* ns: a connection, for reasons of its own; 0: never */
	bool best;           /* was taken as the best one, by whoever asked last */
	/* hub_limits.c */
	struct meter *meter; /* NULL: it has no limit for bytes */
	uint32_t month;      /* of which its meter is */
	char limit[96];      /* the last one that was reached, in words */
};

/* restunnel_first_messages_total{result=} */
enum greet_result { GREET_ANSWERED, GREET_NOT_GOOD, GREET_LIMITED, GREET_RESULTS };
extern const char *const greet_result_names[GREET_RESULTS];

/* restunnel_knocks_total{result=} */
enum knock_result { KNOCK_OPENED, KNOCK_JUNK, KNOCK_REPLAY, KNOCK_UNKNOWN, KNOCK_LIMITED, KNOCK_RESULTS };
extern const char *const knock_result_names[KNOCK_RESULTS];

#define KNOCKS_HEARD 4096
struct knocks {
	uint8_t mac_key[32], heard_key[16];
	uint64_t heard[KNOCKS_HEARD]; /* hashes of knocks */
	struct budget budget;
	uint64_t results[KNOCK_RESULTS], told[KNOCK_RESULTS];
	struct rtun_timer *summary;
	bool telling;
};

struct hub {
	struct transport *t;
	struct rtun_ctx *ctx;
	uint8_t public_key[32];
	struct device_list *devices; /* since hub_setup() */
	bool several; /* before: there are several exits, and no default */
	struct token_table tokens;
	struct rtun_timer *token_timer;
	struct arrivals arrivals;
	struct openings openings;
	struct usage usage;
	struct sessions sessions;
	uint64_t choices;             /* of an exit, so far */
	struct candidate *candidates; /* room for all devices */
	uint32_t candidate_room;
	struct enrolment *enrolments;
	uint8_t enrolled[HUB_ENROLLED][16]; /* hashes of first messages that were answered: a recording is not */
	uint32_t enrolled_next;
	struct rtun_listener *listeners[HUB_LISTENERS];
	uint32_t listener_count;
	struct budget greetings; /* first messages that are looked at */
	uint64_t greeted[GREET_RESULTS];
	enum gate_mode mode;     /* how the port hides */
	char mode_why[GATE_WHY]; /* conceal: auto, and not closed: why not; else "" */
	char trial_why[GATE_WHY]; /* of the last mode that was tried */
	bool barred, kept;       /* conceal_prepare() failed for it; the supervisor keeps the sockets */
	enum look looks, beside; /* how a device saw the port, and those beside it, last */
	char looked[LABEL_SIZE]; /* which */
	struct gate *gate;
	struct ear *ear;
	struct knocks knocks;
	struct attempts attempts;
};

int hub_create(struct transport *t, struct hub **ret);
int hub_setup(struct hub *h);
int hub_prepare(struct hub *h);
int hub_start(struct hub *h);
void hub_stop(struct hub *h);
void hub_destroy(struct hub **h);
void hub_status(struct hub *h, struct rtun_status *status);
void hub_advise(struct hub *h);

/* hub_conceal.c: the gate, the listeners behind it, and the ear. 0, or a negative RTUN_E... after saying why */
int conceal_prepare(struct hub *h);
void conceal_start(struct hub *h);
const char *conceal_name(const struct hub *h);
void conceal_stop(struct hub *h);

/* hub_doctor.c */
void hub_doctor(struct hub *h, struct rtun_reply *reply);

/* hub_report.c: INFO has come; for a device's value; t NULL: it is away */
void hub_report_take(struct tunnel *t, const uint8_t *info, uint32_t len);
void hub_report_set(struct rtun_ctx *ctx, struct rtun_value *v, const struct tunnel *t);
void hub_report_metrics(struct rtun_ctx *, const struct rtun_metric *, struct rtun_metric_sink *);

/* hub_knock.c: for the ear */
int knocks_prepare(struct hub *h);
void hub_knock(void *arg, const struct ear_packet *p);

/* hub_greet.c: for arrivals.first */
bool hub_greet(void *arg, struct rtun_stream **s, const struct rtun_addr *from, const uint8_t message[WIRE_MESSAGE_1]);
int hub_dh(void *arg, const uint8_t key[32], uint8_t out[32]);

/* hub_tunnel.c */
struct peer *peer_of(struct hub *h, struct device *d);
/* `tunnel`'s next connection, or the first of a new one, which takes the place of the one before once it is proved. Takes
 * *s when it succeeds. */
int tunnel_join(struct peer *p, const struct hello *hello, struct noise_handshake *handshake, const struct rtun_addr *from, struct rtun_stream **s);
/* The one of this session, up or not proved yet, or NULL. */
struct tunnel *tunnel_of_session(const struct peer *p, const uint8_t session[HELLO_SESSION]);
/* All its streams end. NULL: nothing happens. `reason` is what the node is told (RTUN_E...), `why` what people are. */
void tunnel_end(struct tunnel *t, uint32_t reason, const char *why);
/* Of all its connections, since the hub started. */
void peer_sum(const struct peer *p, struct mux_counters *ret);
uint32_t peer_streams(const struct peer *p); /* open now; p may be NULL */
void peer_free(struct peer *p);

/* hub_enroll.c: a first message that a token's PSK opened */
int enrolment_start(struct hub *h, const struct token *token, const struct hello *hello, struct noise_handshake *handshake,
		    const struct rtun_addr *from, struct rtun_stream **s);
/* The token is withdrawn: who is half-way in by it is out. */
void enrolments_withdraw(struct hub *h, const struct token *token);
/* `device` is revoked: those of its that are under way end. NULL: all. */
void enrolments_end(struct hub *h, const uint8_t device[32]);

/* hub_limits.c */
/* What the device's limits are now, for its tunnel and for what comes: when they change, a month begins, a connection is made. */
void limits_apply(struct peer *p);
/* NULL, or which limit it is that takes no more connections; good until the next call. */
const char *limits_reached(struct peer *p);
void limits_status(struct hub *h, struct rtun_status *s);
uint64_t limits_total(const struct device *d, bool *ret_active); /* for usage.h */
void limits_set(struct rtun_ctx *ctx, struct rtun_value *v, struct hub *h, struct device *d); /* into devices --json */

/* hub_default.c */
/* Is there a default exit, and `d` it, or one of those with its tag? */
bool default_is(const struct hub *h, const struct device *d);
/* Some exits are online: what that means for who asks for none. Nothing without a default exit. */
void default_status(struct hub *h, uint32_t online, struct rtun_status *status);

/* hub_commands.c */
/* The instance as a hub, or NULL after an answer that says so. */
struct hub *hub_of_call(struct rtun_ctx *ctx, struct rtun_reply *reply);
struct device *hub_device_of(struct hub *h, const char *text, struct rtun_reply *reply);
void hub_reply_device_error(struct rtun_reply *reply, int r, const char *error);
extern const struct rtun_event_type event_exit_up, event_exit_down, event_enrolled, event_revoked, event_pair, event_changed, event_session_moved, event_default, event_withdrawn;
struct event_exit { const char *exit, *address, *version, *reason; };
struct event_session { const char *from, *exit; };
struct event_device { const char *name, *public_key, *fingerprint, *pairing, *address; uint64_t streams; };
struct event_pair { const char *name, *pairing; int64_t expires_at; };
/* hub_pair.c. The name of a pairing for people and events: not the token's id on the wire. */
void pairing_id(const uint8_t token_id[TOKEN_ID], char ret[17]);

void command_pair(struct rtun_ctx *, const void *, struct rtun_reply *);
void command_pairings(struct rtun_ctx *, const void *, struct rtun_reply *);
void command_withdraw(struct rtun_ctx *, const void *, struct rtun_reply *);
void command_devices(struct rtun_ctx *, const void *, struct rtun_reply *);
void command_revoke(struct rtun_ctx *, const void *, struct rtun_reply *);
void command_rename(struct rtun_ctx *, const void *, struct rtun_reply *);
void command_tag(struct rtun_ctx *, const void *, struct rtun_reply *);
void hub_greet_metrics(struct rtun_ctx *, const struct rtun_metric *, struct rtun_metric_sink *);
void command_limit(struct rtun_ctx *, const void *, struct rtun_reply *);
void command_default(struct rtun_ctx *, const void *, struct rtun_reply *);
void hub_limit_metrics(struct rtun_ctx *, const struct rtun_metric *, struct rtun_metric_sink *);
void hub_knock_metrics(struct rtun_ctx *, const struct rtun_metric *, struct rtun_metric_sink *);
void hub_conceal_metrics(struct rtun_ctx *, const struct rtun_metric *, struct rtun_metric_sink *);
void hub_metrics(struct rtun_ctx *, const struct rtun_metric *, struct rtun_metric_sink *);

#endif
