/* SPDX-License-Identifier: BSD-2-Clause
 *
 * transport_noise.c - tunnels between a hub and its nodes: what they can be told to do, and which role does it.
 */
#include "transport_noise.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub.h"
#include "node.h"
#include "transport_commands.h"

const char *transport_address(const struct rtun_addr *a, bool port, char buf[64])
{
	char ip[INET6_ADDRSTRLEN] = "";
	inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->ip, ip, sizeof(ip));
	if (!port)
		snprintf(buf, 64, "%s", ip);
	else
		snprintf(buf, 64, a->family == 4 ? "%s:%u" : "[%s]:%u", ip, a->port);
	return buf;
}

/* ---- options ---- */

static const struct rtun_option options[] = {
	RTUN_CHOICE(struct transport_cfg, role, "hub|node", NULL, RTUN_REQUIRED, NULL,
		    "hub: accepts tunnels and offers their exits as a dialer; node: keeps a tunnel to each paired hub and lets streams out through `to`"),
	RTUN_LISTEN(struct transport_cfg, listen, "0.0.0.0:9000", 0, "role=hub", "Where nodes connect to"),
	RTUN_HOSTPORT(struct transport_cfg, public, NULL, 0, "role=hub",
		      "The address at which nodes reach this hub, for pairing URLs; `pair` fails without it"),
	RTUN_CHOICE(struct transport_cfg, conceal, "auto|closed|filtered|none", "auto", 0, "role=hub",
		    "How the port hides from who has not knocked. closed: like a port where nothing is; needs CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW at the start. "
		    "filtered: like a port behind a firewall that drops; for hosts that have one. none: everybody can connect, and then hears nothing. "
		    "auto: closed where that is possible, else filtered"),
	RTUN_REF(struct transport_cfg, keystore, RTUN_KEYSTORE, RTUN_REQUIRED, NULL, "Holds the key: `hub` or `node`"),
	RTUN_REF(struct transport_cfg, to, RTUN_DIALER, RTUN_REQUIRED, "role=node", "The dialer that streams leave through"),
	RTUN_REF(struct transport_cfg, filter, RTUN_FILTER, RTUN_IF_ANY, "role=node",
		 "Is told to refuse the hubs' addresses, and those under which the hubs see this machine: its router's own"),
	RTUN_NAME(struct transport_cfg, device_name, NULL, 0, "role=node",
		  "What this node asks to be called when it enrols; default: the host's name"),
	RTUN_CHOICE(struct transport_cfg, connections, "auto|1|2|3|4|5|6|7|8", "auto", 0, NULL,
		    "TCP connections of a tunnel. One alone is held to a window of the kernel's per round trip, and what it loses stops all its streams. "
		    "auto: 4; on a hub: all that a node makes carry streams"),
	RTUN_CHOICE(struct transport_cfg, congestion, "auto|system", "auto", 0, NULL,
		    "Congestion control of the tunnel's sockets. auto: BBR where the way is longer than 5 ms and the system allows it "
		    "(net.ipv4.tcp_allowed_congestion_control): it keeps its speed on lines that lose packets; system: the system's own choice"),
	RTUN_SIZE(struct transport_cfg, window, "256KiB", 16384, 16777216, 0, NULL, "What a new stream may be sent ahead of its reader"),
	RTUN_SIZE(struct transport_cfg, window_max, "16MiB", 16384, 67108864, 0, NULL, "What that grows to where the line is long and fast, and the reader keeps up"),
	RTUN_SIZE(struct transport_cfg, window_budget, "256MiB", 0, 0, 0, NULL, "What all windows together may grow by; a connection gets at most a fourth of it"),
	RTUN_INT(struct transport_cfg, max_streams, "16384", 1, 1000000, 0, "role=node", "Streams at once, of all hubs; more are refused"),
	RTUN_DURATION(struct transport_cfg, rekey_after, "1h", 10 * RTUN_S, 24 * 3600 * RTUN_S, 0, "role=node", "Age at which a tunnel's keys are replaced, streams and all"),
	RTUN_BOOL(struct transport_cfg, report_status, "true", RTUN_RELOADABLE, "role=node",
		  "Tell each hub of this node's uptime and counters, its battery, and the kind of its network (doc/dashboard.md); these two only after a restart, where a reload turns it on"),
	RTUN_DURATION(struct transport_cfg, session_ttl, "30m", RTUN_S, 30 * 24 * 3600 * RTUN_S, RTUN_RELOADABLE, "role=hub",
		      "How long an unused session (session-X in a username, or strategy: sticky) keeps its exit"),
};
static const struct rtun_schema schema = RTUN_SCHEMA(struct transport_cfg, options);

/* ---- lifecycle ---- */

static int create(struct rtun_ctx *ctx, const void *config)
{
	struct transport *t = calloc(1, sizeof(*t));
	ctx->self = t;
	if (!t || sodium_init() < 0)
		return -RTUN_ENOMEM;
	t->ctx = ctx;
	t->cfg = *(const struct transport_cfg *)config;
	if (mux_common_init(&t->mux, ctx, (uint32_t)t->cfg.window) < 0)
		return -RTUN_ENOMEM;
	t->mux.window_max = (uint32_t)(t->cfg.window_max > t->cfg.window ? t->cfg.window_max : t->cfg.window);
	t->mux.window_budget = t->cfg.window_budget;
	t->mux.bbr = t->cfg.congestion == CONGESTION_AUTO;
	return t->cfg.role == ROLE_HUB ? hub_create(t, &t->hub) : node_create(t, &t->node);
}

static int setup(struct rtun_ctx *ctx)
{
	struct transport *t = ctx->self;
	return t->hub ? hub_setup(t->hub) : node_setup(t->node);
}

static int prepare(struct rtun_ctx *ctx)
{
	struct transport *t = ctx->self;
	return t->hub ? hub_prepare(t->hub) : 0;
}

static int start(struct rtun_ctx *ctx)
{
	struct transport *t = ctx->self;
	return t->hub ? hub_start(t->hub) : node_start(t->node);
}

static int reload(struct rtun_ctx *ctx, const void *config)
{
	struct transport *t = ctx->self;
	const struct transport_cfg before = t->cfg; /* references can't change without a restart */
	t->cfg = *(const struct transport_cfg *)config;
	t->cfg.keystore = before.keystore;
	t->cfg.to = before.to;
	t->cfg.filter = before.filter;
	return 0;
}

static void drain(struct rtun_ctx *ctx, uint64_t ns)
{
	struct transport *t = ctx->self;
	(void)ns;
	if (t->node)
		node_drain(t->node);
}

static void stop(struct rtun_ctx *ctx)
{
	struct transport *t = ctx->self;
	if (t->hub)
		hub_stop(t->hub);
	else
		node_stop(t->node);
}

static void destroy(struct rtun_ctx *ctx)
{
	struct transport *t = ctx->self;
	if (!t)
		return;
	hub_destroy(&t->hub);
	node_destroy(&t->node);
	mux_common_fini(&t->mux);
	free(t);
	ctx->self = NULL;
}

static void status(struct rtun_ctx *ctx, struct rtun_status *s)
{
	struct transport *t = ctx->self;
	if (t->hub)
		hub_status(t->hub, s);
	else
		node_status(t->node, s);
}

static void advise(struct rtun_ctx *ctx)
{
	struct transport *t = ctx->self;
	if (t->hub)
		hub_advise(t->hub);
}

static void doctor(struct rtun_ctx *ctx, struct rtun_reply *reply)
{
	struct transport *t = ctx->self;
	if (t->hub)
		hub_doctor(t->hub, reply);
	else
		node_doctor(t->node, reply);
}

/* ---- commands ---- */

static const struct rtun_option pair_rows[] = {
	RTUN_NAME(struct args_pair, name, NULL, 0, NULL, "The device's name; without it the device says its own"),
};
static const struct rtun_schema pair_args = RTUN_SCHEMA(struct args_pair, pair_rows);
static const struct rtun_option withdraw_rows[] = {
	RTUN_TEXT(struct args_withdraw, pairing, NULL, RTUN_REQUIRED | RTUN_POSITIONAL, NULL, "What `pairings` calls it, or the name wished for, or all"),
};
static const struct rtun_schema withdraw_args = RTUN_SCHEMA(struct args_withdraw, withdraw_rows);
static const struct rtun_option device_rows[] = {
	RTUN_TEXT(struct args_device, device, NULL, RTUN_REQUIRED | RTUN_POSITIONAL, NULL, "Its name, public key or fingerprint"),
};
static const struct rtun_schema device_args = RTUN_SCHEMA(struct args_device, device_rows);
static const struct rtun_option rename_rows[] = {
	RTUN_TEXT(struct args_rename, old, NULL, RTUN_REQUIRED | RTUN_POSITIONAL, NULL, "Its name, public key or fingerprint"),
	RTUN_NAME(struct args_rename, new_name, NULL, RTUN_REQUIRED | RTUN_POSITIONAL, NULL, "The new name"),
};
static const struct rtun_schema rename_args = RTUN_SCHEMA(struct args_rename, rename_rows);
static const struct rtun_option tag_rows[] = {
	RTUN_TEXT(struct args_tag, device, NULL, RTUN_REQUIRED | RTUN_POSITIONAL, NULL, "Its name, public key or fingerprint"),
	RTUN_NAMES(struct args_tag, tags, NULL, RTUN_POSITIONAL | RTUN_REST, NULL, "All its tags from now on; none: no tag"),
};
static const struct rtun_schema tag_args = RTUN_SCHEMA(struct args_tag, tag_rows);
static const struct rtun_option limit_rows[] = {
	RTUN_TEXT(struct args_limit, device, NULL, RTUN_REQUIRED | RTUN_POSITIONAL, NULL, "Its name, public key or fingerprint"),
	DEVICE_LIMIT_ROWS(struct args_limit),
};
static const struct rtun_schema limit_args = RTUN_SCHEMA(struct args_limit, limit_rows);
static const struct rtun_option default_rows[] = {
	RTUN_TEXT(struct args_default, exit, NULL, RTUN_POSITIONAL, NULL, "NAME, tag-TAG, or any: the best one; without it nothing changes"),
};
static const struct rtun_schema default_args = RTUN_SCHEMA(struct args_default, default_rows);
static const struct rtun_option enroll_rows[] = {
	RTUN_TEXT(struct args_enroll, url, NULL, RTUN_REQUIRED | RTUN_POSITIONAL | RTUN_STDIN | RTUN_SECRET, NULL,
		  "The noise:// URL that `restunnel pair` printed on the hub"),
	RTUN_NAME(struct args_enroll, name, NULL, 0, NULL, "What to be called there; default: the host's name. `pair --name` wins"),
};
static const struct rtun_schema enroll_args = RTUN_SCHEMA(struct args_enroll, enroll_rows);
static const struct rtun_option forget_rows[] = {
	RTUN_TEXT(struct args_forget, hub, NULL, RTUN_REQUIRED | RTUN_POSITIONAL, NULL, "Its name, address, public key or fingerprint"),
};
static const struct rtun_schema forget_args = RTUN_SCHEMA(struct args_forget, forget_rows);

static const struct rtun_view pair_view[] = {
	{"note", "", RTUN_V_SENTENCE, 0}, {"url", "URL", RTUN_V_QR, 0}, {"command", "On the device, run", RTUN_V_COMMAND, 0}, {"expires_at", "Valid until", RTUN_V_TIME, 0},
	{"withdraw", "To take it back", RTUN_V_TEXT, 0}};
static const struct rtun_view pairing_view[] = {
	{"pairing", "PAIRING", RTUN_V_TEXT, 0}, {"name", "FOR", RTUN_V_TEXT, 0}, {"made_at", "MADE", RTUN_V_TIME, 0},
	{"expires_at", "VALID UNTIL", RTUN_V_TIME, 0}};
static const struct rtun_view withdraw_view[] = {{"sentence", "", RTUN_V_SENTENCE, 0}};
static const struct rtun_view device_view[] = {
	{"name", "NAME", RTUN_V_TEXT, 0}, {"online", "STATE", RTUN_V_ONLINE, 0}, {"address", "ADDRESS", RTUN_V_TEXT, 0},
	{"rtt_ms", "RTT", RTUN_V_MS, 0}, {"streams", "STREAMS", RTUN_V_TEXT, 0}, {"bytes_in", "IN", RTUN_V_BYTES, 0},
	{"bytes_out", "OUT", RTUN_V_BYTES, 0}, {"last_seen", "LAST SEEN", RTUN_V_TIME, 0}, {"tags", "TAGS", RTUN_V_LIST, 0}};
static const struct rtun_view revoke_view[] = {{"sentence", "", RTUN_V_SENTENCE, 0}};
static const struct rtun_view changed_view[] = {{"name", "Name", RTUN_V_TEXT, 0}, {"tags", "Tags", RTUN_V_LIST, 0}};
static const struct rtun_view limit_view[] = {
	{"name", "Name", RTUN_V_TEXT, 0}, {"streams", "Streams at once", RTUN_V_TEXT, 0}, {"up", "Up", RTUN_V_TEXT, 0},
	{"down", "Down", RTUN_V_TEXT, 0}, {"monthly", "In a month", RTUN_V_TEXT, 0},
	{"month_bytes", "Used this month", RTUN_V_BYTES, 0}};
static const struct rtun_view default_view[] = {
	{"exit", "Default exit", RTUN_V_TEXT, 0}, {"sentence", "", RTUN_V_SENTENCE, 0}};
static const struct rtun_view enroll_view[] = {
	{"sentence", "", RTUN_V_SENTENCE, 0}, {"fingerprint", "The hub's key", RTUN_V_TEXT, 0}, {"next", "Next", RTUN_V_COMMAND, 0}};
static const struct rtun_view hub_view[] = {
	{"name", "NAME", RTUN_V_TEXT, 0}, {"online", "STATE", RTUN_V_ONLINE, 0}, {"address", "ADDRESS", RTUN_V_TEXT, 0},
	{"rtt_ms", "RTT", RTUN_V_MS, 0}, {"streams", "STREAMS", RTUN_V_TEXT, 0}, {"bytes_in", "IN", RTUN_V_BYTES, 0},
	{"bytes_out", "OUT", RTUN_V_BYTES, 0}, {"device_name", "KNOWN AS", RTUN_V_TEXT, 0},
	{"last_error", "LAST ERROR", RTUN_V_TEXT, 0}};
static const struct rtun_view forget_view[] = {{"name", "Forgotten", RTUN_V_TEXT, 0}};

static const struct rtun_command commands[] = {
	{.name = "pair", .doc = "Make a one-time URL with which a device becomes an exit of this hub; valid for 15 minutes.",
	 .example = "restunnel pair --name home", .args = &pair_args, .run = command_pair, .view = RTUN_LIST(pair_view),
	 .follow = "device.enrolled", .follow_key = "pairing", .follow_text = "{name} has arrived from {address}: its key is {fingerprint}",
	 .follow_end = "pair.withdrawn", .follow_end_text = "The link was withdrawn: make a new one",
	 .when = "role=hub"},
	{.name = "pairings", .doc = "The pairing links that nobody has used yet.", .example = "restunnel pairings", .run = command_pairings,
	 .view = RTUN_LIST(pairing_view), .view_items = "pairings", .empty = "No pairing link is open.", .flags = RTUN_CMD_READONLY | RTUN_CMD_LIVE,
	 .when = "role=hub"},
	{.name = "withdraw", .doc = "Make a pairing link that nobody has used void at once.", .example = "restunnel withdraw all",
	 .args = &withdraw_args, .run = command_withdraw, .view = RTUN_LIST(withdraw_view), .when = "role=hub"},
	{.name = "enroll", .doc = "Pair this node with the hub of a URL; without one it is read from standard input.",
	 .example = "restunnel enroll 'noise://...'", .args = &enroll_args, .run = command_enroll, .view = RTUN_LIST(enroll_view),
	 .flags = RTUN_CMD_OFFLINE, .when = "role=node"},
	{.name = "devices", .doc = "The paired devices, and which are online.", .example = "restunnel devices --json", .run = command_devices,
	 .view = RTUN_LIST(device_view), .view_items = "devices", .empty = "No device is paired: run `restunnel pair`.",
	 .flags = RTUN_CMD_READONLY | RTUN_CMD_OFFLINE | RTUN_CMD_LIVE, .when = "role=hub"},
	{.name = "revoke", .doc = "Take a device's access away; its tunnel and streams end at once.", .example = "restunnel revoke old-phone",
	 .args = &device_args, .run = command_revoke, .view = RTUN_LIST(revoke_view), .flags = RTUN_CMD_OFFLINE | RTUN_CMD_CONFIRM,
	 .when = "role=hub"},
	{.name = "rename", .doc = "Give a device another name.", .example = "restunnel rename phone old-phone", .args = &rename_args,
	 .run = command_rename, .view = RTUN_LIST(changed_view), .flags = RTUN_CMD_OFFLINE, .when = "role=hub"},
	{.name = "tag", .doc = "Set a device's tags, by which connections may choose it.", .example = "restunnel tag phone mobile", .args = &tag_args,
	 .run = command_tag, .view = RTUN_LIST(changed_view), .flags = RTUN_CMD_OFFLINE, .when = "role=hub"},
	{.name = "limit", .doc = "Limit what a device is used for; without options, show its limits.",
	 .example = "restunnel limit phone --down 20Mbit --monthly 50GiB", .args = &limit_args, .run = command_limit,
	 .view = RTUN_LIST(limit_view), .flags = RTUN_CMD_OFFLINE, .when = "role=hub"},
	{.name = "default", .doc = "The only exit for connections that name none, where their entry has no `exit:` either; while it is away they fail.",
	 .example = "restunnel default home", .args = &default_args, .run = command_default, .view = RTUN_LIST(default_view),
	 .flags = RTUN_CMD_OFFLINE, .when = "role=hub"},
	{.name = "hubs", .doc = "The hubs this node is paired with, and whether it is connected.", .example = "restunnel hubs",
	 .run = command_hubs, .view = RTUN_LIST(hub_view), .view_items = "hubs",
	 .empty = "Not paired with any hub: run `restunnel pair` on the hub, then what it prints here.",
	 .flags = RTUN_CMD_READONLY | RTUN_CMD_OFFLINE | RTUN_CMD_LIVE, .when = "role=node"},
	{.name = "forget", .doc = "Unpair this node from a hub.", .example = "restunnel forget vps", .args = &forget_args, .run = command_forget,
	 .view = RTUN_LIST(forget_view), .flags = RTUN_CMD_OFFLINE | RTUN_CMD_CONFIRM, .when = "role=node"},
};

static const struct rtun_event_type *const event_types[] = {
	&event_exit_up, &event_exit_down, &event_enrolled, &event_revoked, &event_pair, &event_withdrawn, &event_changed,
	&event_session_moved, &event_default, &event_hub_up, &event_hub_down,
};

static const struct rtun_metric metrics[] = {
	{"restunnel_exit_up", "1 while the exit is connected.", "exit", hub_metrics, RTUN_M_GAUGE, 0},
	{"restunnel_exit_rtt_seconds", "Round-trip time through the tunnel.", "exit", hub_metrics, RTUN_M_GAUGE, 0},
	{"restunnel_streams", "Streams open now.", "exit", hub_metrics, RTUN_M_GAUGE, 0},
	{"restunnel_streams_total", "Streams asked for, by how the opening ended.", "exit,result", hub_metrics, RTUN_M_COUNTER, 0},
	{"restunnel_refusals_total", "Targets that the exit refused, by the rule: name, address, port, protocol or other.", "exit,rule", hub_metrics, RTUN_M_COUNTER, 0},
	{"restunnel_conceal", "1, labelled with how the port hides: closed, filtered or none.", "mode", hub_conceal_metrics, RTUN_M_GAUGE, 0},
	{"restunnel_knocks_total", "Knocks at the port, by what came of them.", "result", hub_knock_metrics, RTUN_M_COUNTER, 0},
	{"restunnel_first_messages_total", "First messages of connections, by what came of them; limited: too many at a time, they were not looked at.",
	 "result", hub_greet_metrics, RTUN_M_COUNTER, 0},
	{"restunnel_limit_streams", "Streams that may be open at once, where that is limited.", "exit", hub_limit_metrics, RTUN_M_GAUGE, 0},
	{"restunnel_limit_bytes_per_second", "Speed that is allowed, where it is limited; in: from the exit.", "exit,direction", hub_limit_metrics, RTUN_M_GAUGE, 0},
	{"restunnel_limit_month_bytes", "Bytes that may pass in a month, where that is limited.", "exit", hub_limit_metrics, RTUN_M_GAUGE, 0},
	{"restunnel_month_bytes", "Bytes that have passed in this month, both ways.", "exit", hub_limit_metrics, RTUN_M_GAUGE, 0},
	{"restunnel_bytes_total", "Payload bytes; in: from the exit.", "exit,direction", hub_metrics, RTUN_M_COUNTER, 0},
	{"restunnel_exit_battery_percent", "Charge of the exit's battery, where it has one and says so.", "exit", hub_report_metrics, RTUN_M_GAUGE, 0},
	{"restunnel_exit_on_battery", "1 while the exit runs on its battery.", "exit", hub_report_metrics, RTUN_M_GAUGE, 0},
	{"restunnel_exit_start_time_seconds", "When the exit's program started, in unix time, by what it says.", "exit", hub_report_metrics, RTUN_M_GAUGE, 0},
};

static const struct rtun_port ports[] = {{RTUN_DIALER, "role=hub"}};

static const struct rtun_need needs[] = {
	{RTUN_NEED_CONNECT, "role=node"}, {RTUN_NEED_RESOLVE, "role=node"}, {RTUN_NEED_UDP, "role=node"}, {RTUN_NEED_NO_PORT, "role=node"},
	{RTUN_NEED_MACHINE, "report-status=true"},
};

RTUN_MODULE(transport_noise,
	.version = "1", .summary = "tunnels between a hub and its exit nodes, and their pairing (Noise IK)", .license = "BSD-2-Clause",
	.schema = &schema, .provides = RTUN_LIST(ports), .commands = RTUN_LIST(commands), .events = RTUN_LIST(event_types),
	.metrics = RTUN_LIST(metrics), .create = create, .setup = setup, .prepare = prepare, .start = start, .reload = reload, .drain = drain,
	.stop = stop, .destroy = destroy, .status = status, .doctor = doctor, .needs = RTUN_LIST(needs), .advise = advise);
