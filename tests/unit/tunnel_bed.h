/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tunnel_bed.h - a hub and its nodes in one process and in virtual time. The keys, the network, the door and the dialer at the
 * exit are the test's.
 */
#ifndef TUNNEL_BED_H
#define TUNNEL_BED_H

#include <sodium.h>
#include <sys/stat.h>

#include "mux_bed.h"

#include "fake_door.h"

#include "../../modules/transport_noise/hub.h"
#include "../../modules/transport_noise/node.h"
#include "../../modules/transport_noise/transport_commands.h"
#include "../../modules/transport_noise/url.h"

extern const struct rtun_module rtun_module;

#define MINUTE (60 * RTUN_S)
#ifndef NODES
#define NODES 2
#endif

static struct place { /* the hub is places[0], the nodes follow */
	struct host_ctx hc;
	char dir[64];
	uint8_t secret[32], public[32];
	bool running;
} places[1 + NODES];
static struct transport *hub; /* its self */
static char dirs[64];

/* ---- the host: disk ---- */

static int writes_left;

static struct place *place_of(struct rtun_ctx *ctx)
{
	for (int i = 0; i <= NODES; i++)
		if (ctx == &places[i].hc.ctx)
			return &places[i];
	return &places[0];
}

static const char *test_data_dir(struct rtun_ctx *ctx)
{
	return place_of(ctx)->dir;
}

static int64_t clock_at = 1700000000000; /* of the nodes and the hub alike */

static int64_t test_wall(const struct rtun_ctx *ctx)
{
	return clock_at + (int64_t)(rtun_now(ctx) / RTUN_MS);
}

static int test_file_replace(struct rtun_ctx *ctx, const char *path, const void *p, uint64_t len, uint32_t mode)
{
	if (ctx == &places[0].hc.ctx && writes_left-- <= 0)
		return -RTUN_EIO;
	return host_table.file_replace(ctx, path, p, len, mode);
}

static int test_records_save(struct rtun_ctx *ctx, const char *path, const char *list_key, const struct rtun_schema *schema,
			     struct rtun_list records, const char *comment, uint32_t mode)
{
	if (ctx == &places[0].hc.ctx && writes_left-- <= 0)
		return -RTUN_EIO;
	return host_table.records_save(ctx, path, list_key, schema, records, comment, mode);
}

/* All that the hub has on disk. */
static inline const char *on_disk(void)
{
	static char text[2][256];
	static int which;
	char command[256], *ret = text[which ^= 1];
	snprintf(command, sizeof(command), "cd %s && cat devices.yaml devices/* 2>/dev/null | sha256sum", places[0].dir);
	FILE *p = popen(command, "r");
	ck_assert_ptr_nonnull(fgets(ret, 256, p));
	pclose(p);
	return ret;
}

/* ---- the host: events ---- */

static struct {
	rtun_event_cb *cb;
	void *arg;
} on_network[1 + NODES];

static int test_subscribe(struct rtun_ctx *ctx, const char *name, rtun_event_cb *cb, void *arg, struct rtun_subscription **ret)
{
	int i = (int)(place_of(ctx) - places);
	ck_assert_str_eq(name, "network.changed");
	on_network[i].cb = cb;
	on_network[i].arg = arg;
	*ret = NULL;
	return 0;
}

static inline void network_changes(int i)
{
	on_network[i].cb(on_network[i].arg, NULL, "", NULL);
}

/* ---- the host: network ---- */

struct line {
	struct pipe_end node, hub;
	struct line *next;
};
static struct line *lines; /* the newest first */
static int line_count, connects;
static uint32_t split, pauses;
static bool unreachable;
static uint32_t conceal, report_status;
static rtun_accept_cb *accept_cb;
static void *accept_arg;

static struct line *line_create(bool raw)
{
	struct line *l = calloc(1, sizeof(*l));
	l->next = lines;
	lines = l;
	line_count++;
	l->node.in_chunk = l->hub.out_chunk = split;
	l->node.pause_every = l->hub.pause_every = pauses;
	ck_assert_int_eq(pipe_end_init(&l->node, &l->hub, raw), 0);
	ck_assert_int_eq(pipe_end_init(&l->hub, &l->node, false), 0);
	return l;
}

/* The node, as the hub sees it. */
static struct rtun_addr node_address = {.family = 4, .ip = {198, 51, 100, 7}, .port = 40000};

static void line_accept(struct line *l, const struct rtun_addr *from)
{
	struct rtun_stream *s = l->hub.s;
	accept_cb(accept_arg, &s, from);
	ck_assert_ptr_null(s);
}

static int test_listen(struct rtun_ctx *ctx, const struct rtun_listen_req *req, struct rtun_listener **ret)
{
	static struct rtun_object object = {.host = &bed.host};
	union {
		struct rtun_object *object;
		struct rtun_listener *listener;
	} u = {&object};
	(void)ctx;
	accept_cb = req->accept;
	accept_arg = req->arg;
	*ret = u.listener;
	return 0;
}

static void test_unlisten(struct rtun_listener **l)
{
	accept_cb = NULL;
	*l = NULL;
}

struct connecting {
	struct rtun_op *op; /* NULL: cancelled */
	rtun_connect_cb *cb;
	void *arg;
	uint16_t port;
	struct rtun_addr from;
};

static void connecting_cancel(void *arg)
{
	((struct connecting *)arg)->op = NULL;
}

static void connecting_done(void *arg)
{
	struct connecting *c = arg;
	struct rtun_stream *s = NULL;
	if (c->op) {
		rtun_op_done(&c->op);
		if (c->port != 9000 || unreachable || !accept_cb || !door_open_to(&c->from)) {
			c->cb(c->arg, RTUN_EREFUSED, &s);
		} else {
			struct line *l = line_create(false);
			s = l->node.s;
			line_accept(l, &c->from);
			c->cb(c->arg, 0, &s);
			rtun_close(&s); /* a probe does not take it */
		}
	}
	free(c);
}

static int test_connect(struct rtun_ctx *ctx, const struct rtun_connect_req *req, struct rtun_op **ret)
{
	struct connecting *c = calloc(1, sizeof(*c));
	c->cb = req->cb;
	c->arg = req->arg;
	c->port = req->to.port;
	c->from = door.whence ? door.whence(&req->to) : node_address;
	connects++;
	ck_assert_int_eq(rtun_op_create(ctx, connecting_cancel, c, &c->op), 0);
	*ret = c->op;
	return rtun_post(ctx, connecting_done, c);
}

/* getaddrinfo() of a literal does not block; unless the name servers are silent. */
static bool names_hang;
static struct {
	rtun_cb *done;
	void *arg;
} hanging[64];
static uint32_t hanging_count;

static int test_work(struct rtun_ctx *ctx, rtun_work_fn *fn, rtun_cb *done, void *arg, struct rtun_work **ret)
{
	*ret = NULL;
	fn(arg);
	if (!names_hang)
		return rtun_post(ctx, done, arg);
	ck_assert_uint_lt(hanging_count, 64);
	hanging[hanging_count].done = done;
	hanging[hanging_count++].arg = arg;
	return 0;
}

static inline void names_answer(void)
{
	names_hang = false;
	while (hanging_count--)
		hanging[hanging_count].done(hanging[hanging_count].arg);
	hanging_count = 0;
}

/* ---- services ---- */

static int key_ensure(void *obj, const char *name)
{
	(void)obj, (void)name;
	return 0;
}

static int key_public(void *obj, const char *name, uint8_t ret[32])
{
	(void)name;
	memcpy(ret, ((struct place *)obj)->public, 32);
	return 0;
}

static int key_dh(void *obj, const char *name, const uint8_t peer[32], uint8_t ret[32])
{
	(void)name;
	return crypto_scalarmult(ret, ((struct place *)obj)->secret, peer) ? -RTUN_EINVAL : 0;
}

static const struct rtun_keystore_ops key_ops = {.size = sizeof(key_ops), .ensure = key_ensure, .public_key = key_public, .dh = key_dh};

#define TARGETS 8
static struct app targets[TARGETS];
static int target_count;
static rtun_dial_cb *dial_cb;
static void *dial_arg;
static struct rtun_op *dial_op;
static uint32_t dial_err; /* what becomes of it; DIAL_NEVER: nothing */
static uint32_t dial_err_at[1 + NODES]; /* the same at one node; 0: as everywhere */
static int dials_at[1 + NODES];
static uint32_t dial_end;
#define DIAL_NEVER UINT32_MAX

static void dial_cancel(void *arg)
{
	(void)arg;
	dial_op = NULL;
}

static void dial_answer(void *arg)
{
	struct rtun_stream *s = NULL;
	struct rtun_dial_result r = {.size = sizeof(r), .s = &s, .why = "", .err = dial_end};
	(void)arg;
	if (!dial_op)
		return;
	rtun_op_done(&dial_op);
	if (!dial_end) {
		ck_assert_int_lt(target_count, TARGETS);
		ck_assert_int_eq(app_open(&targets[target_count]), 0);
		s = targets[target_count++].s;
	}
	dial_cb(dial_arg, &r);
	rtun_close(&s);
}

static int test_dial(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret_op)
{
	ck_assert_str_eq(req->host, "example.net");
	dial_cb = cb;
	dial_arg = arg;
	ck_assert_int_eq(rtun_op_create(obj, dial_cancel, NULL, &dial_op), 0);
	*ret_op = dial_op;
	int i = (int)(place_of(obj) - places);
	dials_at[i]++;
	dial_end = dial_err_at[i] ? dial_err_at[i] : dial_err;
	return dial_end == DIAL_NEVER ? 0 : rtun_post(obj, dial_answer, NULL);
}
static uint32_t associations;
static int test_associate(void *obj, const struct rtun_dial_req *req, rtun_dial_cb *cb, void *arg, struct rtun_op **ret)
{
	struct rtun_dial_req r = *req;
	ck_assert_ptr_null(req->host);
	r.host = "example.net";
	associations++;
	return test_dial(obj, &r, cb, arg, ret);
}

/* A test may take `associate` away before the node starts. */
static struct rtun_dialer_ops dial_ops = {.size = sizeof(dial_ops), .dial = test_dial, .associate = test_associate};

/* ---- replies ---- */

static struct {
	int ok, failed;
	char code[64];
} reply;

static void test_reply_ok(struct rtun_reply **r, struct rtun_value *v)
{
	host_table.value_free(&v);
	reply.ok++;
	*r = NULL;
}

static void test_reply_fail(struct rtun_reply **r, const char *code, const char *text, const char *remedy)
{
	(void)text, (void)remedy;
	snprintf(reply.code, sizeof(reply.code), "%s", code);
	reply.failed++;
	*r = NULL;
}

/* ---- life ---- */

static void place_start(int i)
{
	struct place *p = &places[i];
	struct rtun_endpoint endpoint = {0};
	struct transport_cfg cfg = {
		.role = i ? ROLE_NODE : ROLE_HUB,
		.conceal = conceal,
		.keystore = {.ops = &key_ops, .obj = p},
		.to = {.ops = &dial_ops, .obj = &p->hc.ctx},
		.device_name = i == 1 ? "home" : "work",
		.window = 65536,
		.max_streams = 100,
		.session_ttl = 30 * MINUTE,
		.report_status = report_status,
		.listen = {.items = &endpoint, .count = 1, .item_size = sizeof(endpoint)},
	};
	p->hc.ctx.self = NULL;
	ck_assert_int_eq(rtun_module.create(&p->hc.ctx, &cfg), 0);
	if (i)
		((struct transport *)p->hc.ctx.self)->node->reporter.root = p->dir;
	ck_assert_int_eq(rtun_module.setup(&p->hc.ctx), 0);
	ck_assert_int_eq(rtun_module.prepare(&p->hc.ctx), 0);
	ck_assert_int_eq(rtun_module.start(&p->hc.ctx), 0);
	p->running = true;
	if (!i)
		hub = p->hc.ctx.self;
}

static void place_stop(int i)
{
	if (!places[i].running)
		return;
	places[i].running = false;
	rtun_module.stop(&places[i].hc.ctx);
	rtun_module.destroy(&places[i].hc.ctx);
}

static void setup(void)
{
	struct host_ctx first;
	ck_assert_int_ge(sodium_init(), 0);
	bed_setup(true, &first);
	hc = first;
	bed.host.data_dir = test_data_dir;
	bed.host.wall = test_wall;
	bed.host.file_replace = test_file_replace;
	bed.host.records_save = test_records_save;
	bed.host.subscribe = test_subscribe;
	bed.host.listen = test_listen;
	bed.host.unlisten = test_unlisten;
	bed.host.connect = test_connect;
	bed.host.work = test_work;
	bed.host.reply_ok = test_reply_ok;
	bed.host.reply_fail = test_reply_fail;
	memset(&reply, 0, sizeof(reply));
	memset(targets, 0, sizeof(targets));
	target_count = line_count = connects = 0;
	dial_err = 0;
	memset(dial_err_at, 0, sizeof(dial_err_at));
	memset(dials_at, 0, sizeof(dials_at));
	split = pauses = 0;
	unreachable = false;
	door = (struct door){.can_close = true, .from = {node_address, node_address, node_address}};
	conceal = CONCEAL_AUTO;
	report_status = 1;
	clock_at = 1700000000000;
	writes_left = 1000000;
	strcpy(dirs, "/tmp/rtun-tunnel-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dirs));
	for (int i = 0; i <= NODES; i++) {
		places[i] = (struct place){.hc = first};
		snprintf(places[i].dir, sizeof(places[i].dir), "%.40s/%d", dirs, i);
		ck_assert_int_eq(mkdir(places[i].dir, 0700), 0);
		randombytes_buf(places[i].secret, 32);
		crypto_scalarmult_base(places[i].public, places[i].secret);
	}
	place_start(0);
}

static void teardown(void)
{
	char command[256];
	for (int i = NODES; i >= 0; i--)
		place_stop(i);
	loop_advance(bed.loop, 2 * MINUTE);
	ck_assert_uint_eq(loop_buffers(bed.loop)->used, 0);
	bed_teardown();
	while (lines) {
		struct line *l = lines;
		lines = l->next;
		free(l);
	}
	snprintf(command, sizeof(command), "rm -rf %s", dirs);
	ck_assert_int_eq(system(command), 0);
}

static inline void pass(uint64_t ns)
{
	for (; ns > RTUN_S; ns -= RTUN_S)
		loop_advance(bed.loop, RTUN_S);
	loop_advance(bed.loop, ns);
}

/* ---- pairing ---- */

static inline void make_token(uint8_t token[32], char url[URL_MAX])
{
	struct url u = {.port = 9000, .host = "127.0.0.1"};
	ck_assert_int_eq(token_create(&hub->hub->tokens, rtun_now(&hc.ctx), 0, NULL, token), 0);
	memcpy(u.hub_key, places[0].public, 32);
	memcpy(u.token, token, 32);
	url_format(&u, url);
}

static inline void enroll(int i, const char *url)
{
	static struct rtun_object object = {.host = &bed.host};
	union {
		struct rtun_object *object;
		struct rtun_reply *reply;
	} u = {&object};
	struct args_enroll args = {.url = url};
	memset(&reply, 0, sizeof(reply));
	command_enroll(&places[i].hc.ctx, &args, u.reply);
	pass(15 * RTUN_S);
	ck_assert_int_eq(reply.ok + reply.failed, 1);
}

static inline void pair_node(int i)
{
	uint8_t token[32];
	char url[URL_MAX];
	if (!places[i].running)
		place_start(i);
	make_token(token, url);
	enroll(i, url);
	ck_assert_msg(reply.ok == 1, "%s", reply.code);
}

static inline struct tunnel *tunnel_of(int i)
{
	struct device *dev = device_by_key(hub->hub->devices, places[i].public);
	struct peer *p = dev ? dev->tunnel : NULL;
	return p ? p->tunnel : NULL;
}

static struct {
	int calls;
	uint32_t err;
	char exit[64];
	struct rtun_stream *s;
	struct rtun_op *op;
} dialled;

static inline void on_dialled(void *arg, const struct rtun_dial_result *r)
{
	(void)arg;
	dialled.calls++;
	dialled.err = r->err;
	snprintf(dialled.exit, sizeof(dialled.exit), "%s", r->exit ? r->exit : "");
	if (!*r->s)
		return;
	dialled.s = *r->s;
	*r->s = NULL;
}

static inline void dial_with(const char *selector,
			     int (*how)(void *, const struct rtun_dial_req *, rtun_dial_cb *, void *, struct rtun_op **))
{
	struct rtun_dial_req req = {.size = sizeof(req), .host = "example.net", .addr = {.port = 80}, .selector = selector};
	memset(&dialled, 0, sizeof(dialled));
	ck_assert_int_eq(how(hub->hub, &req, on_dialled, NULL, &dialled.op), 0);
	ck_assert_int_eq(dialled.calls, 0);
}

static inline void dial(const char *selector)
{
	dial_with(selector, hub_dialer_ops.dial);
	pass(5 * RTUN_S);
	ck_assert_int_eq(dialled.calls, 1);
}

/* ---- messages that the test makes ---- */

struct caller {
	enum noise_pattern pattern;
	int key;                 /* whose: an index of places */
	const uint8_t *psk;
	const char *prologue;    /* NULL: the right one */
	const uint8_t *attempt;  /* NULL: it has not knocked */
	const uint8_t *hub_key;  /* NULL: the right one */
	struct hello hello;
};

static inline int caller_dh(void *arg, const uint8_t peer[32], uint8_t ret[32])
{
	return key_dh(arg, "", peer, ret);
}

static inline void first_message(const struct caller *c, struct noise_handshake *h, uint8_t message[WIRE_MESSAGE_1])
{
	uint8_t prologue[HELLO_PROLOGUE], plain[HELLO_PLAIN_1];
	size_t len;
	struct noise_party party = {
		.pattern = c->pattern, .initiator = true, .prologue = prologue, .prologue_len = sizeof(prologue), .public_key = places[c->key].public,
		.dh = caller_dh, .dh_arg = &places[c->key], .remote_static = c->hub_key ? c->hub_key : places[0].public, .psk = c->psk};
	hello_prologue(c->attempt, prologue);
	if (c->prologue)
		memcpy(prologue, c->prologue, strlen(c->prologue));
	noise_handshake_init(h, &party);
	ck_assert_int_eq(hello_write(&c->hello, plain, sizeof(plain)), 0);
	ck_assert_int_eq(noise_write_message(h, plain, sizeof(plain), message, WIRE_MESSAGE_1, &len), 0);
}

/* 1: answered, 0: silence, for as long as it lasts. */
static inline int call_with(const uint8_t message[WIRE_MESSAGE_1], struct line **ret)
{
	struct line *l = line_create(true);
	line_accept(l, &node_address);
	pipe_push(&l->hub, message, WIRE_MESSAGE_1);
	loop_advance(bed.loop, 5 * RTUN_MS);
	if (ret)
		*ret = l;
	if (l->hub.written >= WIRE_MESSAGE_2)
		return 1;
	ck_assert_uint_eq(l->hub.written, 0);
	ck_assert(!l->hub.shut && !l->hub.aborted && !l->hub.destroyed);
	return 0;
}

/* Whoever has the keys of the handshake shows it by a record; an empty one does. */
static inline void prove(struct noise_handshake *h, struct line *l)
{
	uint8_t plain[HELLO_PLAIN_2], record[WIRE_LENGTH + WIRE_TAG] = {0, WIRE_TAG};
	struct hello_keys keys;
	size_t len;
	ck_assert_int_eq(noise_read_message(h, l->node.q, WIRE_MESSAGE_2, plain, &len), 0);
	ck_assert_int_eq(hello_keys_init(&keys, h), 0);
	ck_assert_int_eq(keys.crypto.seal(keys.crypto.self, record + WIRE_LENGTH, 0), 0);
	pipe_push(&l->hub, record, sizeof(record));
	hello_keys_fini(&keys);
	loop_advance(bed.loop, 5 * RTUN_MS);
}

static inline int call_on(const struct caller *c, struct line **ret)
{
	struct noise_handshake h;
	uint8_t message[WIRE_MESSAGE_1];
	first_message(c, &h, message);
	int answered = call_with(message, ret);
	if (answered)
		prove(&h, *ret);
	noise_handshake_fini(&h);
	return answered;
}

static inline int call(const struct caller *c)
{
	struct line *l;
	return call_on(c, &l);
}

static const uint8_t no_psk[32];

static inline struct caller caller_of(int key, uint8_t session, uint8_t index, uint64_t counter)
{
	struct caller c = {.pattern = NOISE_IKPSK2, .key = key, .psk = no_psk,
			   .hello = {.index = index, .count = 16, .counter = counter, .window = 65536, .version = "test"}};
	memset(c.hello.session, session, HELLO_SESSION);
	return c;
}

static inline void add_device(int key, const char *name)
{
	struct device *dev;
	char error[DEVICE_ERROR];
	ck_assert_int_eq(device_add(hub->hub->devices, places[key].public, name, no_psk, &dev, error), 0);
}

/* From now on the hub lets everybody connect: nobody has to knock. */
static inline void unhide(void)
{
	place_stop(0);
	conceal = CONCEAL_NONE;
	place_start(0);
}

#endif
