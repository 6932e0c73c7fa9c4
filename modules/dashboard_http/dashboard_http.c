/* SPDX-License-Identifier: BSD-2-Clause
 *
 * dashboard_http.c - the page that the owner looks at, the API behind it, and metrics for Prometheus.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../local_users/local_users.h"
#include "dashboard.h"

#define TOKEN_MIN 16U /* bytes of metrics-token-file */
#define TOKEN_MAX 256U

/* ---- options ---- */

static const struct rtun_option options[] = {
	RTUN_LISTEN(struct dash_options, listen, "127.0.0.1:8080", RTUN_LOCAL, NULL,
		    "Where browsers connect to: \"127.0.0.1:8080\", \"[::1]:8080\", \"unix:/path\" (for `ssh -L 8080:/path`), or a list of them; loopback only."),
	LOCAL_USERS_OPTION(struct dash_options, allow_users),
	RTUN_DURATION(struct dash_options, session, "30d", 60 * RTUN_S, 366 * 24 * 3600 * RTUN_S, RTUN_RELOADABLE, NULL,
		      "How long a login is good; its browser is asked for a new one then."),
	RTUN_DURATION(struct dash_options, idle, "7d", 60 * RTUN_S, 366 * 24 * 3600 * RTUN_S, RTUN_RELOADABLE, NULL,
		      "How long a login is good that is not used."),
	RTUN_FILE(struct dash_options, metrics_token_file, NULL, 0, NULL,
		  "A file with the bearer token that /metrics asks for; without it every program of this machine can read the metrics."),
	RTUN_TEXTS(struct dash_options, proxy_pac, NULL, RTUN_RELOADABLE, NULL,
		   "What /proxy.pac tells browsers: SOCKS5 entries that have an exit of their own, \"home=127.0.0.1:1082\"; the first one where "
		   "?exit=NAME does not choose. Without it there is no /proxy.pac."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(struct dash_options, options);

/* ---- the key of all logins ---- */

static void key_path(struct dash *d, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s_login.bin", rtun_data_dir(d->ctx), d->ctx->instance);
}

static int key_make(struct dash *d)
{
	char path[4096];
	uint8_t key[sizeof(d->login.key)];
	key_path(d, path, sizeof(path));
	randombytes_buf(key, sizeof(key));
	int r = rtun_file_replace(d->ctx, path, key, sizeof(key), 0600);
	if (r == 0)
		memcpy(d->login.key, key, sizeof(key));
	sodium_memzero(key, sizeof(key));
	return r;
}

/* Ours alone, and whole: else nobody could know who has logged in. */
static int key_read(struct dash *d)
{
	char path[4096];
	struct stat st;
	key_path(d, path, sizeof(path));
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), r = -RTUN_EDENIED;
	if (fd < 0)
		return errno == ENOENT ? -RTUN_ENOENT : r;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 077) &&
	    read(fd, d->login.key, sizeof(d->login.key)) == (ssize_t)sizeof(d->login.key))
		r = 0;
	close(fd);
	return r;
}

/* A key that can't be trusted is replaced: all that is lost are logins. */
static int setup(struct rtun_ctx *ctx)
{
	struct dash *d = ctx->self;
	int r = key_read(d);
	if (r == -RTUN_EDENIED)
		rtun_log(ctx, RTUN_WARN, "%s/%s_login.bin is not mine alone, or not whole: it is replaced, and everybody has to log in again",
			 rtun_data_dir(ctx), ctx->instance);
	return r < 0 ? key_make(d) : 0;
}

/* Who reads on by a connection that is open, or has made a link for later, is out as well. */
int dash_login_forget_all(struct dash *d)
{
	int r = key_make(d);
	if (r < 0)
		return r;
	dash_login_forget_links(&d->login);
	dash_live_cut(d->live);
	return 0;
}

/* ---- the token of /metrics ---- */

static int metrics_token_read(struct dash *d)
{
	char text[TOKEN_MAX + 2];
	const char *path = d->o.metrics_token_file;
	FILE *f = path ? fopen(path, "re") : NULL;
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	if (!path)
		return 0;
	if (!f)
		return rtun_conf_error(d->ctx, "metrics-token-file", "make it: openssl rand -hex 32", "%s can't be read: %s", path, strerror(errno));
	fclose(f);
	text[n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	n = strlen(text);
	if (n < TOKEN_MIN || n > TOKEN_MAX)
		return rtun_conf_error(d->ctx, "metrics-token-file", "make one: openssl rand -hex 32", "%s must hold one line of %u to %u bytes", path,
				       TOKEN_MIN, TOKEN_MAX);
	d->metrics_token = strdup(text);
	sodium_memzero(text, sizeof(text));
	return d->metrics_token ? 0 : -RTUN_ENOMEM;
}

/* ---- life ---- */

static void take_options(struct dash *d, const void *cfg)
{
	d->o = *(const struct dash_options *)cfg;
	d->login.life = (int64_t)(d->o.session / RTUN_S);
	d->login.idle = (int64_t)(d->o.idle / RTUN_S);
}

static int check(struct rtun_ctx *ctx, const void *cfg)
{
	const struct dash_options *o = cfg;
	const struct rtun_list *l = &o->proxy_pac;
	int r = local_users_check(ctx, &o->allow_users);
	for (uint32_t i = 0; i < l->count; i++) {
		const char *text = *(const char *const *)((const char *)l->items + (size_t)i * l->item_size);
		if (!dash_pac_good(text))
			r = rtun_conf_error(ctx, "proxy_pac", "for example \"home=127.0.0.1:1082\"", "\"%.64s\" is not NAME=ADDRESS:PORT", text);
	}
	return r;
}

static int create(struct rtun_ctx *ctx, const void *cfg)
{
	struct dash *d = calloc(1, sizeof(*d));
	ctx->self = d;
	if (!d || sodium_init() < 0)
		return -RTUN_ENOMEM;
	d->ctx = ctx;
	take_options(d, cfg);
	return dash_server_create(ctx, &dash_routes, d, &d->server);
}

static int prepare(struct rtun_ctx *ctx)
{
	struct dash *d = ctx->self;
	int r = metrics_token_read(d);
	return r < 0 ? r : dash_server_listen(d->server, &d->o.listen, &d->o.allow_users);
}

static void on_commands(void *arg, const struct rtun_answer *a)
{
	struct dash *d = arg;
	json_t *j = a->json ? json_loadb(a->json, a->json_len, 0, NULL) : NULL;
	d->asking = NULL;
	if (!j)
		return;
	json_decref(d->commands);
	d->commands = j;
}

static int ask_for_commands(struct dash *d)
{
	struct rtun_call_req req = {.size = sizeof(req), .verb = "commands", .cb = on_commands, .arg = d};
	rtun_op_cancel(&d->asking);
	return rtun_call(d->ctx, &req, &d->asking);
}

/* After a reload there may be other instances. */
static void on_news(void *arg, const char *event)
{
	if (strcmp(event, "config.reloaded") == 0)
		ask_for_commands(arg);
}

static int start(struct rtun_ctx *ctx)
{
	struct dash *d = ctx->self;
	int r = dash_turn_create(d);
	if (r == 0)
		r = dash_news_create(ctx, on_news, d, &d->news);
	if (r == 0)
		r = dash_live_create(d, &d->live);
	if (r == 0)
		r = dash_metrics_create(d, &d->metrics);
	return r < 0 ? r : ask_for_commands(d);
}

static int reload(struct rtun_ctx *ctx, const void *cfg)
{
	take_options(ctx->self, cfg);
	return 0;
}

static void drain(struct rtun_ctx *ctx, uint64_t ns)
{
	struct dash *d = ctx->self;
	(void)ns;
	dash_server_unlisten(d->server);
}

static void stop(struct rtun_ctx *ctx)
{
	struct dash *d = ctx->self;
	rtun_op_cancel(&d->asking);
	dash_server_destroy(&d->server); /* its readers go with it */
	dash_live_destroy(&d->live);
	dash_metrics_destroy(&d->metrics);
	dash_news_destroy(&d->news);
	dash_turn_destroy(d);
}

static void destroy(struct rtun_ctx *ctx)
{
	struct dash *d = ctx->self;
	if (!d)
		return;
	dash_server_destroy(&d->server);
	json_decref(d->commands);
	if (d->metrics_token)
		sodium_memzero(d->metrics_token, strlen(d->metrics_token));
	free(d->metrics_token);
	sodium_memzero(&d->login, sizeof(d->login));
	free(d);
	ctx->self = NULL;
}

static void status(struct rtun_ctx *ctx, struct rtun_status *s)
{
	const struct dash *d = ctx->self;
	uint32_t n = d->live ? dash_live_readers(d->live) : 0;
	snprintf(s->text, sizeof(s->text), "%u browser%s connected", n, n == 1 ? "" : "s");
}

/* ---- dashboard: the link ---- */

static const struct rtun_view dashboard_view[] = {
	{"note", NULL, RTUN_V_SENTENCE, 0},
	{"url", "URL", RTUN_V_COMMAND, 0},
	{"forward", "From another machine, first run there", RTUN_V_COMMAND, 0},
};

static void dashboard(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	struct dash *d = ctx->self;
	const struct rtun_endpoint *e = d->o.listen.items;
	struct rtun_value *v = rtun_object(ctx);
	char token[DASH_SECRET_TEXT], host[128] = "this-host", url[256], forward[512];
	const char *at = e->path ? "localhost:8080" : e->text;
	(void)args;
	gethostname(host, sizeof(host) - 1);
	dash_login_link(&d->login, dash_seconds(d), token);
	snprintf(url, sizeof(url), "http://%s/#login=%s", at, token);
	if (e->path)
		snprintf(forward, sizeof(forward), "ssh -L 8080:%s root@%s", e->path, host); /* who may use it beside its owner */
	else
		snprintf(forward, sizeof(forward), "ssh -L %u:%s %s", e->addr.port, e->text, host);
	rtun_set_text(ctx, v, "note", e->path ? "The dashboard is behind a unix socket: forward a port to it, and open this link within five minutes; it works once."
					      : "Open this link within five minutes; it works once.");
	rtun_set_text(ctx, v, "url", url);
	rtun_set_text(ctx, v, "forward", forward);
	rtun_set_time(ctx, v, "expires_at", dash_seconds(d) + DASH_LINK_LIFE);
	rtun_reply_ok(&reply, v);
	sodium_memzero(token, sizeof(token));
	sodium_memzero(url, sizeof(url));
}

static const struct rtun_command commands[] = {
	{.name = "dashboard", .doc = "Print a link to the dashboard that logs a browser in, once, within five minutes.",
	 .example = "restunnel dashboard", .run = dashboard, .view = RTUN_LIST(dashboard_view)},
};

RTUN_MODULE(dashboard_http,
	.version = "1", .summary = "a page for the owner, the commands as an HTTP API, metrics for Prometheus", .license = "BSD-2-Clause",
	.schema = &schema, .commands = RTUN_LIST(commands), .check = check, .create = create, .setup = setup, .prepare = prepare, .start = start,
	.reload = reload, .drain = drain, .stop = stop, .destroy = destroy, .status = status);
