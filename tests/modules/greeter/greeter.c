/* SPDX-License-Identifier: BSD-2-Clause
 *
 * greeter.c - a test module whose verbs use all that the command line knows of: every kind of argument and view, a table,
 * a QR code, an event to follow, verbs that work without the daemon and one that doesn't.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <restunnel/module.h>

struct config {
	const char *greeting;
	uint64_t volume;
	uint32_t manner;
};
static const struct rtun_option options[] = {
	RTUN_TEXT(struct config, greeting, "hello", RTUN_RELOADABLE, NULL, "What to say"),
	RTUN_INT(struct config, volume, "5", 1, 11, 0, NULL, "How loudly"),
	RTUN_CHOICE(struct config, manner, "kind|curt", "kind", 0, NULL, "In which manner"),
};
static const struct rtun_schema schema = RTUN_SCHEMA(struct config, options);

struct greeter {
	char greeting[64];
	struct rtun_reply *awaited;
};

struct greeted {
	const char *name;
};
static const struct rtun_field greeted_fields[] = {{"name", "Who was greeted", RTUN_F_TEXT, offsetof(struct greeted, name)}};
static const struct rtun_event_type greeted_event = {
	sizeof(struct rtun_event_type), sizeof(struct greeted), "greeter.greeted", "Somebody was greeted", RTUN_LIST(greeted_fields),
};
static const struct rtun_event_type *const events[] = {&greeted_event};

/* ---- greet: without a daemon too ---- */

struct greet_args {
	const char *name;
	uint64_t times;
	struct rtun_list with;
};
static const struct rtun_option greet_rows[] = {
	RTUN_NAME(struct greet_args, name, NULL, RTUN_POSITIONAL | RTUN_REQUIRED, NULL, "Whom to greet"),
	RTUN_INT(struct greet_args, times, "1", 1, 9, 0, NULL, "How often"),
	RTUN_NAMES(struct greet_args, with, NULL, RTUN_POSITIONAL | RTUN_REST, NULL, "Who is with them"),
};
static const struct rtun_schema greet_schema = RTUN_SCHEMA(struct greet_args, greet_rows);
static const struct rtun_view greet_views[] = {
	{"sentence", NULL, RTUN_V_SENTENCE, 0}, {"name", "Name", RTUN_V_TEXT, 0}, {"with", "With", RTUN_V_LIST, 0},
};

static void greet(struct rtun_ctx *ctx, const void *cfg, struct rtun_reply *reply)
{
	const struct greet_args *args = cfg;
	const struct greeter *g = ctx->self;
	const struct greeted payload = {args->name};
	struct rtun_value *answer, *with;
	char text[200] = "";

	if (!strcmp(args->name, "nobody")) {
		rtun_reply_fail(&reply, "nobody", "nobody can't be greeted", "greet somebody");
		return;
	}
	answer = rtun_object(ctx);
	with = rtun_array(ctx);
	strncat(text, g->greeting, 64);
	strcat(text, ", ");
	strncat(text, args->name, 40);
	for (uint32_t i = 0; i < args->with.count; i++)
		rtun_append_text(ctx, with, ((const char *const *)args->with.items)[i]);
	rtun_set_text(ctx, answer, "sentence", text);
	rtun_set_text(ctx, answer, "name", args->name);
	rtun_set_int(ctx, answer, "times", (int64_t)args->times);
	rtun_set(answer, "with", with);
	rtun_publish(ctx, &greeted_event, &payload);
	rtun_reply_ok(&reply, answer);
}

/* ---- friends: a table; strangers: an empty one ---- */

static const struct rtun_view friend_views[] = {
	{"name", "NAME", RTUN_V_TEXT, 0}, {"online", "STATE", RTUN_V_ONLINE, 0}, {"seen", "SEEN", RTUN_V_TIME, 0},
	{"bytes", "BYTES", RTUN_V_BYTES, 0},
};

static void friends(struct rtun_ctx *ctx, const void *cfg, struct rtun_reply *reply)
{
	struct rtun_value *answer = rtun_object(ctx), *list = rtun_array(ctx), *one = rtun_object(ctx), *other = rtun_object(ctx);

	(void)cfg;
	rtun_set_text(ctx, one, "name", "ann\033[31m");
	rtun_set_bool(ctx, one, "online", 1);
	rtun_set_time(ctx, one, "seen", rtun_wall(ctx) / 1000 - 200);
	rtun_set_int(ctx, one, "bytes", 2048);
	rtun_append(list, one);
	rtun_set_text(ctx, other, "name", "bea");
	rtun_set_bool(ctx, other, "online", 0);
	rtun_append(list, other);
	rtun_set(answer, "friends", list);
	rtun_reply_ok(&reply, answer);
}

static void strangers(struct rtun_ctx *ctx, const void *cfg, struct rtun_reply *reply)
{
	struct rtun_value *answer = rtun_object(ctx);

	(void)cfg;
	rtun_set(answer, "strangers", rtun_array(ctx));
	rtun_reply_ok(&reply, answer);
}

/* ---- awaited: live, and has no answer before the end ---- */

static void awaited(struct rtun_ctx *ctx, const void *cfg, struct rtun_reply *reply)
{
	struct greeter *g = ctx->self;

	(void)cfg;
	if (g->awaited)
		rtun_reply_fail(&reply, "busy", "somebody waits already", NULL);
	else
		g->awaited = reply;
}

/* ---- invite: needs the daemon, shows a code, then waits for a greeting ---- */

struct invite_args {
	const char *name, *word;
};
static const struct rtun_option invite_rows[] = {
	RTUN_NAME(struct invite_args, name, NULL, 0, NULL, "Whom to invite"),
	RTUN_TEXT(struct invite_args, word, NULL, RTUN_POSITIONAL | RTUN_STDIN | RTUN_SECRET, NULL, "The secret word"),
};
static const struct rtun_schema invite_schema = RTUN_SCHEMA(struct invite_args, invite_rows);
static const struct rtun_view invite_views[] = {
	{"url", "URL", RTUN_V_QR, 0}, {"command", "There", RTUN_V_COMMAND, 0}, {"expires_at", "Expires", RTUN_V_TIME, 0},
};

static void invite(struct rtun_ctx *ctx, const void *cfg, struct rtun_reply *reply)
{
	const struct invite_args *args = cfg;
	struct rtun_value *answer = rtun_object(ctx);

	rtun_set_text(ctx, answer, "url", "greet://example.net/?word=x");
	rtun_set_text(ctx, answer, "command", "restunnel greet 'me'");
	rtun_set_text(ctx, answer, "name", args->name ? args->name : "me");
	rtun_set_text(ctx, answer, "word", args->word);
	rtun_set_time(ctx, answer, "expires_at", rtun_wall(ctx) / 1000 + 900);
	rtun_reply_ok(&reply, answer);
}

static const struct rtun_command commands[] = {
	{.name = "awaited", .doc = "Who is still to come.", .run = awaited, .view = RTUN_LIST(friend_views), .view_items = "friends",
	 .flags = RTUN_CMD_READONLY | RTUN_CMD_LIVE},
	{.name = "greet", .doc = "Greet somebody.", .example = "restunnel greet ann --times 2", .args = &greet_schema, .run = greet,
	 .view = RTUN_LIST(greet_views), .flags = RTUN_CMD_OFFLINE},
	{.name = "friends", .doc = "Who has been greeted.", .example = "restunnel friends --json", .run = friends, .view = RTUN_LIST(friend_views),
	 .view_items = "friends", .empty = "Nobody yet.", .flags = RTUN_CMD_OFFLINE | RTUN_CMD_READONLY | RTUN_CMD_LIVE},
	{.name = "strangers", .doc = "Who hasn't.", .run = strangers, .view = RTUN_LIST(friend_views), .view_items = "strangers",
	 .empty = "Nobody.", .flags = RTUN_CMD_OFFLINE | RTUN_CMD_READONLY},
	{.name = "invite", .doc = "Invite somebody to be greeted.", .example = "restunnel invite --name ann", .args = &invite_schema,
	 .run = invite, .view = RTUN_LIST(invite_views), .follow = "greeter.greeted", .follow_key = "name", .follow_text = "{name} has come"},
};

/* ---- Life ---- */

static int create(struct rtun_ctx *ctx, const void *cfg)
{
	const struct config *c = cfg;
	struct greeter *g = calloc(1, sizeof(*g));

	if (!g) return -RTUN_ENOMEM;
	strncat(g->greeting, c->greeting, sizeof(g->greeting) - 1);
	ctx->self = g;
	return 0;
}

static int reload(struct rtun_ctx *ctx, const void *cfg)
{
	struct greeter *g = ctx->self;

	g->greeting[0] = 0;
	strncat(g->greeting, ((const struct config *)cfg)->greeting, sizeof(g->greeting) - 1);
	return 0;
}

static void stop(struct rtun_ctx *ctx)
{
	struct greeter *g = ctx->self;

	if (g->awaited)
		rtun_reply_fail(&g->awaited, "gone", "nobody came", NULL);
}

static void destroy(struct rtun_ctx *ctx)
{
	free(ctx->self);
	ctx->self = NULL;
}

static void doctor(struct rtun_ctx *ctx, struct rtun_reply *reply)
{
	const struct greeter *g = ctx->self;
	struct rtun_value *v = rtun_object(ctx), *checks = rtun_array(ctx);
	bool polite = strcmp(g->greeting, "oi") != 0;

	rtun_append_check(ctx, checks, &(struct rtun_check){.code = "polite", .question = "Is the greeting polite?", .text = g->greeting,
							    .remedy = polite ? NULL : "choose another `greeting:`",
							    .answer = polite ? RTUN_YES : RTUN_NO});
	rtun_set(v, "checks", checks);
	rtun_reply_ok(&reply, v);
}

static int setup(struct rtun_ctx *ctx)
{
	return rtun_file_replace(ctx, "greeter", "x\n", 2, 0600);
}

RTUN_MODULE(greeter, .version = "1.0", .summary = "greets (for tests)", .license = "BSD-2-Clause", .schema = &schema,
	    .commands = RTUN_LIST(commands), .events = RTUN_LIST(events), .create = create, .setup = setup, .reload = reload, .stop = stop, .destroy = destroy, .doctor = doctor);
