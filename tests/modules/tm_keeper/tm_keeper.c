/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tm_keeper - listens with sockets that the supervisor keeps, and says hello to who gets in.
 */
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <restunnel/module.h>

struct config {
	struct rtun_list listen;
	uint32_t keep, silent, refuse;
	uint64_t udp;
};
#define S struct config
static const struct rtun_option rows[] = {
	RTUN_LISTEN(S, listen, "127.0.0.1:9000", 0, NULL, "Where to listen."),
	RTUN_BOOL(S, keep, "true", 0, NULL, "Whether the supervisor keeps the sockets."),
	RTUN_BOOL(S, silent, "false", 0, NULL, "Whether a filter drops everything."),
	RTUN_BOOL(S, refuse, "false", 0, NULL, "Whether the filter can't be attached."),
	RTUN_INT(S, udp, "0", 0, 65535, 0, NULL, "A port for datagrams, 0: none."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(S, rows);

struct keeper {
	const struct config *cfg;
	struct rtun_listener *listeners[4];
	uint32_t count;
	int udp;
};

static void on_accept(void *arg, struct rtun_stream **s, const struct rtun_addr *peer)
{
	(void)arg, (void)peer;
	rtun_put(*s, "hello", 5);
	rtun_finish(s, RTUN_S);
}

static int before_listen(void *arg, int fd)
{
	const struct keeper *k = arg;
	struct sock_filter drop[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	const struct sock_fprog program = {1, drop};
	int none = 0;
	if (k->cfg->refuse) return -RTUN_EIO;
	if (!k->cfg->silent) return setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)) && errno != ENOENT ? -RTUN_EIO : 0;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ? -RTUN_EIO : 0;
}

static int create(struct rtun_ctx *ctx, const void *cfg)
{
	struct keeper *k = calloc(1, sizeof(*k));
	if (!k) return -RTUN_ENOMEM;
	k->cfg = cfg;
	k->udp = -1;
	ctx->self = k;
	return 0;
}

static int prepare_udp(struct rtun_ctx *ctx, struct keeper *k)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)k->cfg->udp), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, at;
	socklen_t len = sizeof(at);
	if (!k->cfg->udp) return 0;
	if (!rtun_fd_kept(ctx, "udp", &k->udp)) {
		if (!getsockname(k->udp, (struct sockaddr *)&at, &len) && at.sin_port == a.sin_port) return 0;
		close(k->udp);
		rtun_fd_keep(ctx, "udp", -1);
	}
	k->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (k->udp < 0 || bind(k->udp, (struct sockaddr *)&a, sizeof(a))) return -RTUN_EIO;
	int rc = rtun_fd_keep(ctx, "udp", k->udp);
	return rc == -RTUN_ENOTSUP ? 0 : rc;
}

static int prepare(struct rtun_ctx *ctx)
{
	struct keeper *k = ctx->self;
	const struct rtun_list *l = &k->cfg->listen;
	for (uint32_t i = 0; i < l->count && i < 4; i++) {
		const void *row = (const char *)l->items + (size_t)i * l->item_size;
		const struct rtun_listen_req req = {.size = sizeof(req), .flags = k->cfg->keep ? RTUN_LISTEN_KEEP : 0, .endpoint = row,
						    .accept = on_accept, .arg = k, .before_listen = before_listen};
		int rc = rtun_listen(ctx, &req, &k->listeners[i]);
		if (rc) return rc;
		k->count++;
	}
	return prepare_udp(ctx, k);
}

/* ---- the verb `unlisten`: as if the port was not needed any more ---- */

static void unlisten_all(struct keeper *k)
{
	while (k->count) rtun_unlisten(&k->listeners[--k->count]);
}

static void unlisten(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply)
{
	(void)args;
	unlisten_all(ctx->self);
	rtun_reply_ok(&reply, rtun_object(ctx));
}
static const struct rtun_command commands[] = {{.name = "unlisten", .doc = "Listen no more.", .run = unlisten}};

static void stop(struct rtun_ctx *ctx) { unlisten_all(ctx->self); }

static void destroy(struct rtun_ctx *ctx)
{
	struct keeper *k = ctx->self;
	if (k && k->udp >= 0) close(k->udp);
	free(k);
}

RTUN_MODULE(tm_keeper, .version = "1", .summary = "Keeps its sockets, for tests.", .license = "BSD-2-Clause", .schema = &schema,
	    .commands = RTUN_LIST(commands), .create = create, .prepare = prepare, .stop = stop, .destroy = destroy);
