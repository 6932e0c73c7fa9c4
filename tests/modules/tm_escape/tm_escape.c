/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tm_escape - a module gone bad: from `start`, behind the sandbox, it tries what its options say and tells how that ended:
 * "tried NAME: ok" or "tried NAME: Permission denied". With `needs` it declares one beforehand.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <restunnel/module.h>

typedef struct {
	struct rtun_list try;
	const char *path, *allowed_file;
	uint64_t port;
	uint32_t needs;
} S;

struct escape {
	struct rtun_ctx *ctx;
	const S *cfg;
	int listener, stream, datagram; /* made in prepare, neither bound nor connected */
};

static const struct rtun_option rows[] = {
	RTUN_TEXTS(S, try, NULL, 0, NULL, "What to try."),
	RTUN_TEXT(S, path, "/nonexistent", 0, NULL, "Where to try it."),
	RTUN_FILE(S, allowed_file, NULL, 0, NULL, "A file that an option names."),
	RTUN_INT(S, port, "1", 1, 65535, 0, NULL, "Where to connect to."),
	RTUN_CHOICE(S, needs, "nothing|connect|udp|resolve|netlink|listen|unix|no-port", "nothing", 0, NULL, "What to declare."),
};
static const struct rtun_schema schema = RTUN_SCHEMA(S, rows);

static const struct rtun_need needs[] = {
	{RTUN_NEED_CONNECT, "needs=connect"}, {RTUN_NEED_UDP, "needs=udp"}, {RTUN_NEED_RESOLVE, "needs=resolve"},
	{RTUN_NEED_NETLINK, "needs=netlink"}, {RTUN_NEED_LISTEN, "needs=listen"}, {RTUN_NEED_UNIX, "needs=unix"},
	{RTUN_NEED_NO_PORT, "needs=no-port"},
};

/* ---- attempts: 0 or negative, errno says why ---- */

static int try_exec(struct escape *e)
{
	char *const argv[] = {"true", NULL};
	(void)e;
	return execv("/bin/true", argv);
}

static void *in_a_thread(void *arg)
{
	try_exec(arg);
	return NULL;
}

static int try_exec_thread(struct escape *e)
{
	pthread_t t;
	errno = pthread_create(&t, NULL, in_a_thread, e);
	return errno ? -1 : pthread_join(t, NULL);
}

static void *nothing(void *arg) { return arg; }

static int try_thread(struct escape *e)
{
	pthread_t t;
	errno = pthread_create(&t, NULL, nothing, e);
	return errno ? -1 : pthread_join(t, NULL);
}

static int try_fork(struct escape *e)
{
	pid_t pid = fork();
	(void)e;
	if (!pid) _exit(0);
	return pid < 0 ? -1 : 0;
}

static int try_ptrace(struct escape *e) { return (void)e, (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL); }
static int try_bpf(struct escape *e) { return (void)e, (int)syscall(SYS_bpf, 0, NULL, 0); }
static int try_mount(struct escape *e) { return (int)syscall(SYS_mount, "none", e->cfg->path, "tmpfs", 0, NULL); }
static int try_unshare(struct escape *e) { return (void)e, (int)syscall(SYS_unshare, CLONE_NEWUSER); }
static int try_insmod(struct escape *e) { return (void)e, (int)syscall(SYS_init_module, NULL, 0, ""); }
static int try_unheard_of(struct escape *e) { return (void)e, (int)syscall(9999, 0); }
static int try_io_uring(struct escape *e) { return (void)e, (int)syscall(425, 1, NULL); }

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);
	return fd < 0 ? -1 : close(fd);
}

static int try_shadow(struct escape *e) { return (void)e, try_open("/etc/shadow", O_WRONLY); }
static int try_passwd(struct escape *e) { return (void)e, try_open("/etc/passwd", O_RDONLY); }
static int try_read(struct escape *e) { return try_open(e->cfg->path, O_RDONLY); }
static int try_write(struct escape *e) { return try_open(e->cfg->path, O_WRONLY); }
static int try_create(struct escape *e)
{
	char path[256];
	snprintf(path, sizeof(path), "%s.new", e->cfg->path);
	return try_open(path, O_WRONLY | O_CREAT | O_EXCL);
}

static int try_allowed(struct escape *e) { return try_open(e->cfg->allowed_file, O_RDONLY); }

static int try_data(struct escape *e)
{
	char path[256], other[280];
	snprintf(path, sizeof(path), "%s/escape.tmp", rtun_data_dir(e->ctx));
	snprintf(other, sizeof(other), "%s/escape", rtun_data_dir(e->ctx));
	return try_open(path, O_WRONLY | O_CREAT | O_EXCL) || rename(path, other) || try_open(other, O_WRONLY | O_TRUNC) || unlink(other) ? -1 : 0;
}

static int try_chmod(struct escape *e) { return chmod(e->cfg->path, 0777); }

static int try_setuid_bit(struct escape *e)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/suid", rtun_data_dir(e->ctx));
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700), rc = fd < 0 ? -1 : fchmod(fd, 04711);
	if (fd >= 0) close(fd);
	return rc;
}

static int try_socket(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);
	return fd < 0 ? -1 : close(fd);
}

static int try_tcp(struct escape *e) { return (void)e, try_socket(AF_INET, SOCK_STREAM); }
static int try_tcp6(struct escape *e) { return (void)e, try_socket(AF_INET6, SOCK_STREAM); }
static int try_udp(struct escape *e) { return (void)e, try_socket(AF_INET, SOCK_DGRAM); }
static int try_raw(struct escape *e) { return (void)e, try_socket(AF_INET, SOCK_RAW); }
static int try_packet(struct escape *e) { return (void)e, try_socket(AF_PACKET, SOCK_RAW); }
static int try_netlink(struct escape *e) { return (void)e, try_socket(AF_NETLINK, SOCK_RAW); }
static int try_unix(struct escape *e) { return (void)e, try_socket(AF_UNIX, SOCK_STREAM); }

static int try_connect_on(int fd, const struct escape *e)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)e->cfg->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	return connect(fd, (struct sockaddr *)&to, sizeof(to));
}

/* A socket of prepare, so that nothing but the connect itself can be refused. */
static int try_connect(struct escape *e) { return try_connect_on(e->stream, e); }

/* By the core; what comes of it is no matter, for the log says why it can't be. */
static void on_host_connect(void *arg, uint32_t err, struct rtun_stream **s)
{
	(void)arg, (void)err;
	rtun_close(s);
}

static int try_host_connect(struct escape *e)
{
	struct rtun_connect_req req = {.size = sizeof(req), .cb = on_host_connect,
				       .to = {.family = 4, .port = (uint16_t)e->cfg->port, .ip = {127, 0, 0, 1}}};
	struct rtun_op *op = NULL;
	int r = rtun_connect(e->ctx, &req, &op);
	if (r >= 0) rtun_op_cancel(&op);
	return r < 0 ? -1 : 0;
}

static int try_bind(struct escape *e)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(4444), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	return bind(e->listener, (struct sockaddr *)&at, sizeof(at));
}

static int try_listen(struct escape *e) { return listen(e->listener, 1); }

static int try_udp_use(struct escape *e)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || try_connect_on(fd, e) ? -1 : 0;
	if (fd >= 0) close(fd);
	return rc;
}

/* Data in the SYN; without the right sockets there is nothing to send it on. */
static int try_fastopen(struct escape *e)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)e->cfg->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t n = fd < 0 ? -1 : sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to));
	int err = errno;
	if (fd >= 0) close(fd);
	errno = err;
	return n < 0 ? -1 : 0;
}

/* The same on a socket of prepare. */
static int try_fastopen_later(struct escape *e)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)e->cfg->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	return sendto(e->stream, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to)) < 0 ? -1 : 0;
}

static int try_message_later(struct escape *e)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)e->cfg->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	char x[] = "x";
	struct iovec v = {x, 1};
	struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &v, .msg_iovlen = 1};
	return sendmsg(e->stream, &m, MSG_FASTOPEN | MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* A datagram on a socket of prepare. */
static int try_datagram_later(struct escape *e)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)e->cfg->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	return sendto(e->datagram, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to)) < 0 ? -1 : 0;
}

/* Signals to others, by a descriptor's owner. */
static int try_owner(struct escape *e) { return fcntl(e->stream, F_SETOWN, getppid()); }

static int try_code(struct escape *e)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)e;
	return p == MAP_FAILED ? -1 : munmap(p, 4096);
}

static int try_code_later(struct escape *e)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)e;
	return p == MAP_FAILED ? -1 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static int try_kill(struct escape *e) { return (void)e, kill(getppid(), 0); }
static int try_raise(struct escape *e) { return (void)e, raise(SIGURG); }

static int try_statm(struct escape *e) { return (void)e, try_open("/proc/self/statm", O_RDONLY); }

static const struct {
	const char *name;
	int (*run)(struct escape *);
} attempts[] = {
	{"exec", try_exec}, {"exec-thread", try_exec_thread}, {"thread", try_thread}, {"fork", try_fork}, {"ptrace", try_ptrace},
	{"bpf", try_bpf}, {"mount", try_mount}, {"unshare", try_unshare}, {"insmod", try_insmod}, {"unheard-of", try_unheard_of},
	{"io-uring", try_io_uring}, {"shadow", try_shadow}, {"passwd", try_passwd}, {"read", try_read}, {"write", try_write},
	{"create", try_create}, {"allowed", try_allowed}, {"data", try_data}, {"chmod", try_chmod}, {"setuid-bit", try_setuid_bit}, {"tcp", try_tcp},
	{"tcp6", try_tcp6}, {"udp", try_udp}, {"raw", try_raw}, {"packet", try_packet}, {"netlink", try_netlink}, {"unix", try_unix},
	{"connect", try_connect}, {"host-connect", try_host_connect}, {"bind", try_bind}, {"listen", try_listen}, {"udp-use", try_udp_use}, {"fastopen", try_fastopen},
	{"fastopen-later", try_fastopen_later}, {"message-later", try_message_later}, {"datagram-later", try_datagram_later}, {"owner", try_owner},
	{"code", try_code}, {"code-later", try_code_later}, {"kill", try_kill}, {"raise", try_raise}, {"statm", try_statm},
};

static void try_one(struct escape *e, const char *name)
{
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		if (strcmp(attempts[i].name, name)) continue;
		errno = 0;
		int rc = attempts[i].run(e);
		dprintf(STDERR_FILENO, "tried %s: %s\n", name, rc ? strerror(errno) : "ok"); /* the log has a limit */
		return;
	}
	rtun_log(e->ctx, RTUN_ERROR, "no such attempt: %s", name);
}

/* ---- which rights are there ---- */

static unsigned long long permitted(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}, {0, 0, 0}};
	syscall(SYS_capget, &head, caps);
	return (unsigned long long)caps[1].permitted << 32 | caps[0].permitted;
}

static void rights(struct rtun_ctx *ctx, const void *cfg, struct rtun_reply *reply)
{
	struct rtun_value *answer = rtun_object(ctx);
	char text[24];
	(void)cfg;
	snprintf(text, sizeof(text), "%llx", permitted());
	rtun_set_text(ctx, answer, "capabilities", text);
	rtun_set_int(ctx, answer, "user", geteuid());
	rtun_reply_ok(&reply, answer);
}

static const struct rtun_view rights_view[] = {{"capabilities", "Capabilities", RTUN_V_TEXT, 0}, {"user", "User", RTUN_V_TEXT, 0}};
static const struct rtun_command commands[] = {
	{.name = "rights", .doc = "Which rights this process has.", .example = "restunnel rights", .run = rights, .view = RTUN_LIST(rights_view),
	 .flags = RTUN_CMD_READONLY | RTUN_CMD_OFFLINE},
};

/* ---- life ---- */

static int create(struct rtun_ctx *ctx, const void *cfg)
{
	struct escape *e = calloc(1, sizeof(*e));
	if (!e) return -RTUN_ENOMEM;
	*e = (struct escape){.ctx = ctx, .cfg = cfg, .listener = -1, .stream = -1, .datagram = -1};
	ctx->self = e;
	return 0;
}

static int prepare(struct rtun_ctx *ctx)
{
	struct escape *e = ctx->self;
	rtun_log(ctx, RTUN_NOTICE, "prepared by user %u with %llx", (unsigned)geteuid(), permitted());
	e->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	e->stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	e->datagram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return e->listener < 0 || e->stream < 0 || e->datagram < 0 ? -RTUN_EIO : 0;
}

static int start(struct rtun_ctx *ctx)
{
	struct escape *e = ctx->self;
	rtun_log(ctx, RTUN_NOTICE, "started by user %u with %llx", (unsigned)geteuid(), permitted());
	for (uint32_t i = 0; i < e->cfg->try.count; i++) try_one(e, ((const char *const *)e->cfg->try.items)[i]);
	return 0;
}

static void destroy(struct rtun_ctx *ctx)
{
	struct escape *e = ctx->self;
	if (!e) return;
	if (e->listener >= 0) close(e->listener);
	if (e->stream >= 0) close(e->stream);
	if (e->datagram >= 0) close(e->datagram);
	free(e);
	ctx->self = NULL;
}

RTUN_MODULE(tm_escape, .version = "1", .summary = "Tries to get out.", .license = "BSD-2-Clause", .schema = &schema,
	    .commands = RTUN_LIST(commands), .create = create, .prepare = prepare, .start = start, .destroy = destroy,
	    .needs = RTUN_LIST(needs));
