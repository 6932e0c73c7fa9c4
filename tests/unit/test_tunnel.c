/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_tunnel.c - a hub and its nodes in one process and in virtual time: pairing, tunnels, streams; and whoever is not
 * let in, who gets silence. The keys, the network and the dialer at the exit are the test's.
 */
#include <sodium.h>

#include "mux_bed.h"

#include "../../modules/transport_noise/hub.h"
#include "../../modules/transport_noise/node.h"
#include "../../modules/transport_noise/transport_commands.h"
#include "../../modules/transport_noise/url.h"

extern const struct rtun_module rtun_module;

#define MINUTE (60 * RTUN_S)
#define NODES 2

static struct place { /* the hub is places[0], the nodes follow */
	struct host_ctx hc;
	char dir[64];
	uint8_t secret[32], public[32];
	bool running;
} places[1 + NODES];
static struct transport *hub; /* its self */

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

static int64_t test_wall(const struct rtun_ctx *ctx)
{
	return 1700000000000 + (int64_t)(rtun_now(ctx) / RTUN_MS);
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
static const char *on_disk(void)
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

/* ---- the host: network ---- */

struct line {
	struct pipe_end node, hub;
	struct line *next;
};
static struct line *lines; /* the newest first */
static int line_count;
static uint32_t split, pauses;
static bool unreachable;
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

static void line_accept(struct line *l)
{
	static const struct rtun_addr from = {.family = 4, .ip = {198, 51, 100, 7}, .port = 40000};
	struct rtun_stream *s = l->hub.s;
	accept_cb(accept_arg, &s, &from);
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
		if (unreachable || !accept_cb) {
			c->cb(c->arg, RTUN_EREFUSED, &s);
		} else {
			struct line *l = line_create(false);
			s = l->node.s;
			line_accept(l);
			c->cb(c->arg, 0, &s);
		}
	}
	free(c);
}

static int test_connect(struct rtun_ctx *ctx, const struct rtun_connect_req *req, struct rtun_op **ret)
{
	struct connecting *c = calloc(1, sizeof(*c));
	c->cb = req->cb;
	c->arg = req->arg;
	ck_assert_uint_eq(req->to.port, 9000);
	ck_assert_int_eq(rtun_op_create(ctx, connecting_cancel, c, &c->op), 0);
	*ret = c->op;
	return rtun_post(ctx, connecting_done, c);
}

/* getaddrinfo() of a literal does not block. */
static int test_work(struct rtun_ctx *ctx, rtun_work_fn *fn, rtun_cb *done, void *arg, struct rtun_work **ret)
{
	*ret = NULL;
	fn(arg);
	return rtun_post(ctx, done, arg);
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

#define TARGETS 4
static struct app targets[TARGETS];
static int target_count;
static rtun_dial_cb *dial_cb;
static void *dial_arg;
static struct rtun_op *dial_op;

static void dial_cancel(void *arg)
{
	(void)arg;
	dial_op = NULL;
}

static void dial_answer(void *arg)
{
	struct rtun_stream *s = NULL;
	struct rtun_dial_result r = {.size = sizeof(r), .s = &s, .why = ""};
	(void)arg;
	if (!dial_op)
		return;
	rtun_op_done(&dial_op);
	ck_assert_int_lt(target_count, TARGETS);
	ck_assert_int_eq(app_open(&targets[target_count]), 0);
	s = targets[target_count++].s;
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
	return rtun_post(obj, dial_answer, NULL);
}
static const struct rtun_dialer_ops dial_ops = {.size = sizeof(dial_ops), .dial = test_dial};

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
		.keystore = {.ops = &key_ops, .obj = p},
		.to = {.ops = &dial_ops, .obj = &p->hc.ctx},
		.device_name = i == 1 ? "home" : "work",
		.window = 65536,
		.max_streams = 100,
		.listen = {.items = &endpoint, .count = 1, .item_size = sizeof(endpoint)},
	};
	p->hc.ctx.self = NULL;
	ck_assert_int_eq(rtun_module.create(&p->hc.ctx, &cfg), 0);
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
	bed.host.listen = test_listen;
	bed.host.unlisten = test_unlisten;
	bed.host.connect = test_connect;
	bed.host.work = test_work;
	bed.host.reply_ok = test_reply_ok;
	bed.host.reply_fail = test_reply_fail;
	memset(&reply, 0, sizeof(reply));
	memset(targets, 0, sizeof(targets));
	target_count = line_count = 0;
	split = pauses = 0;
	unreachable = false;
	writes_left = 1000000;
	for (int i = 0; i <= NODES; i++) {
		places[i] = (struct place){.hc = first};
		strcpy(places[i].dir, "/tmp/rtun-tunnel-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(places[i].dir));
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
	for (int i = 0; i <= NODES; i++) {
		snprintf(command, sizeof(command), "rm -rf %s", places[i].dir);
		ck_assert_int_eq(system(command), 0);
	}
}

static void pass(uint64_t ns)
{
	for (; ns > RTUN_S; ns -= RTUN_S)
		loop_advance(bed.loop, RTUN_S);
	loop_advance(bed.loop, ns);
}

/* ---- pairing ---- */

static void make_token(uint8_t token[32], char url[URL_MAX])
{
	struct url u = {.port = 9000, .host = "127.0.0.1"};
	ck_assert_int_eq(token_create(&hub->hub->tokens, rtun_now(&hc.ctx), NULL, token), 0);
	memcpy(u.hub_key, places[0].public, 32);
	memcpy(u.token, token, 32);
	url_format(&u, url);
}

static void enroll(int i, const char *url)
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

static void pair_node(int i)
{
	uint8_t token[32];
	char url[URL_MAX];
	if (!places[i].running)
		place_start(i);
	make_token(token, url);
	enroll(i, url);
	ck_assert_msg(reply.ok == 1, "%s", reply.code);
}

static struct tunnel *tunnel_of(int i)
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
} dialled;

static void on_dialled(void *arg, const struct rtun_dial_result *r)
{
	(void)arg;
	dialled.calls++;
	dialled.err = r->err;
	snprintf(dialled.exit, sizeof(dialled.exit), "%s", r->exit ? r->exit : "");
	dialled.s = *r->s;
	*r->s = NULL;
}

static void dial(const char *selector)
{
	struct rtun_dial_req req = {.size = sizeof(req), .host = "example.net", .addr = {.port = 80}, .selector = selector};
	struct rtun_op *op;
	memset(&dialled, 0, sizeof(dialled));
	ck_assert_int_eq(hub_dialer_ops.dial(hub->hub, &req, on_dialled, NULL, &op), 0);
	ck_assert_int_eq(dialled.calls, 0);
	pass(5 * RTUN_S);
	ck_assert_int_eq(dialled.calls, 1);
}

/* From a URL to bytes that come out of the exit, both ways, over lines of any quality. */
START_TEST(all_the_way)
{
	static const uint32_t splits[] = {0, 1, 5, 300};
	struct app client = {.size = 20000};
	split = splits[_i & 3];
	pauses = _i & 4 ? 3 : 0;
	if (pauses && split == 1)
		client.size = 500;
	pair_node(1);
	ck_assert_ptr_nonnull(tunnel_of(1));
	targets[0] = (struct app){.size = client.size / 2};
	dial("home");
	ck_assert_uint_eq(dialled.err, 0);
	ck_assert_str_eq(dialled.exit, "home");
	uint64_t size = client.size;
	ck_assert_int_eq(app_join(&client, &dialled.s), 0);
	pass(60 * RTUN_S);
	ck_assert_uint_eq(targets[0].got, size);
	ck_assert_uint_eq(client.got, size / 2);
	ck_assert(client.destroyed && targets[0].destroyed && !client.aborted && !targets[0].aborted);
	/* nobody else takes what is meant for one exit */
	dial("work");
	ck_assert_uint_eq(dialled.err, RTUN_ESELECTOR);
	dial("exit");
	ck_assert_uint_eq(dialled.err, RTUN_ESELECTOR);
	dial("tag-x");
	ck_assert_uint_eq(dialled.err, RTUN_ESELECTOR);
	place_stop(1);
	pass(RTUN_S);
	ck_assert_ptr_null(tunnel_of(1));
	dial("home");
	ck_assert_uint_eq(dialled.err, RTUN_ENOEXIT);
	dial("any");
	ck_assert_uint_eq(dialled.err, RTUN_ENOEXIT);
}
END_TEST

/* The node comes back: after a broken line, after the hub's restart; and forgets nothing. */
START_TEST(comes_back)
{
	pair_node(1);
	for (int k = 0; k < 3; k++) {
		pipe_break(&lines->hub, RTUN_ERESET);
		pipe_break(&lines->node, RTUN_ERESET);
		pass(5 * RTUN_S);
		ck_assert_ptr_nonnull(tunnel_of(1));
	}
	place_stop(0);
	pass(3 * MINUTE);
	place_start(0);
	pass(90 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
	place_stop(1);
	place_start(1);
	pass(5 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
	pair_node(1); /* again, with another token */
	ck_assert_uint_eq(hub->hub->devices->count, 1);
	pass(5 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
}
END_TEST

/* Gone at once, with all its streams, and it does not come back. */
START_TEST(revoked)
{
	char error[DEVICE_ERROR];
	uint8_t b[8];
	pair_node(1);
	targets[0] = (struct app){.never_ends = true};
	dial(NULL);
	ck_assert_uint_eq(dialled.err, 0);
	ck_assert_int_eq(device_revoke(hub->hub->devices, device_by_key(hub->hub->devices, places[1].public), error), 0);
	ck_assert_int_eq(rtun_read(dialled.s, b, 8), -RTUN_ERESET);
	loop_advance(bed.loop, 20 * RTUN_MS);
	ck_assert(targets[0].destroyed && targets[0].aborted);
	pass(3 * MINUTE);
	ck_assert_uint_eq(hub->hub->devices->count, 0);
	ck_assert_int_gt(line_count, 3); /* it has tried */
	ck_assert_uint_eq(lines->hub.written, 0);
	rtun_close(&dialled.s);
}
END_TEST

/* ---- enrolment ---- */

START_TEST(token_rules)
{
	uint8_t token[32];
	char url[URL_MAX];
	place_start(1);
	place_start(2);
	make_token(token, url);
	enroll(1, url);
	ck_assert_int_eq(reply.ok, 1);
	const char *before = on_disk();
	enroll(2, url); /* another device */
	ck_assert_int_eq(reply.failed, 1);
	ck_assert_str_eq(on_disk(), before);
	enroll(1, url); /* the same one, whose answer may have been lost */
	ck_assert_int_eq(reply.ok, 1);
	ck_assert_uint_eq(hub->hub->devices->count, 1);
	pass(15 * MINUTE);
	enroll(1, url);
	ck_assert_int_eq(reply.failed, 1);
	make_token(token, url);
	pass(15 * MINUTE - 2 * RTUN_S);
	enroll(2, url);
	ck_assert_int_eq(reply.ok, 1);
	make_token(token, url);
	pass(15 * MINUTE);
	enroll(2, url);
	ck_assert_int_eq(reply.failed, 1);
	make_token(token, url);
	place_stop(0); /* forgotten with a restart */
	place_start(0);
	enroll(2, url);
	ck_assert_int_eq(reply.failed, 1);
}
END_TEST

/* What can't be written is not told to have been: the n-th write fails. */
START_TEST(disk_before_answer)
{
	uint8_t token[32];
	char url[URL_MAX];
	place_start(1);
	make_token(token, url);
	writes_left = _i;
	enroll(1, url);
	bool told = reply.ok;
	/* the hub, from what is on its disk */
	place_stop(0);
	writes_left = 1000000;
	place_start(0);
	ck_assert_msg(!told || hub->hub->devices->count == 1, "told, and not on disk");
	if (told) {
		pass(90 * RTUN_S);
		ck_assert_ptr_nonnull(tunnel_of(1));
	}
	ck_assert(told || _i < 4);
}
END_TEST

START_TEST(token_survives_full_disk)
{
	uint8_t token[32];
	char url[URL_MAX];
	place_start(1);
	make_token(token, url);
	writes_left = 0;
	enroll(1, url);
	ck_assert_int_eq(reply.failed, 1);
	ck_assert_uint_eq(hub->hub->devices->count, 0);
	writes_left = 1000000;
	enroll(1, url);
	ck_assert_int_eq(reply.ok, 1);
}
END_TEST

/* ---- messages that the test makes ---- */

struct caller {
	enum noise_pattern pattern;
	int key;                 /* whose: an index of places */
	const uint8_t *psk;
	const char *prologue;    /* NULL: the right one */
	const uint8_t *hub_key;  /* NULL: the right one */
	struct hello hello;
};

static int caller_dh(void *arg, const uint8_t peer[32], uint8_t ret[32])
{
	return key_dh(arg, "", peer, ret);
}

static void first_message(const struct caller *c, struct noise_handshake *h, uint8_t message[WIRE_MESSAGE_1])
{
	uint8_t prologue[HELLO_PROLOGUE], plain[HELLO_PLAIN_1];
	size_t len;
	struct noise_party party = {
		.pattern = c->pattern, .initiator = true, .prologue = prologue, .prologue_len = sizeof(prologue), .public_key = places[c->key].public,
		.dh = caller_dh, .dh_arg = &places[c->key], .remote_static = c->hub_key ? c->hub_key : places[0].public, .psk = c->psk};
	hello_prologue(NULL, prologue);
	if (c->prologue)
		memcpy(prologue, c->prologue, strlen(c->prologue));
	noise_handshake_init(h, &party);
	ck_assert_int_eq(hello_write(&c->hello, plain, sizeof(plain)), 0);
	ck_assert_int_eq(noise_write_message(h, plain, sizeof(plain), message, WIRE_MESSAGE_1, &len), 0);
}

/* 1: answered, 0: silence, for as long as it lasts. */
static int call_with(const uint8_t message[WIRE_MESSAGE_1], struct line **ret)
{
	struct line *l = line_create(true);
	line_accept(l);
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

static int call(const struct caller *c)
{
	struct noise_handshake h;
	uint8_t message[WIRE_MESSAGE_1];
	first_message(c, &h, message);
	noise_handshake_fini(&h);
	return call_with(message, NULL);
}

static const uint8_t no_psk[32];

static struct caller caller_of(int key, uint8_t session, uint8_t index, uint64_t counter)
{
	struct caller c = {.pattern = NOISE_IKPSK2, .key = key, .psk = no_psk,
			   .hello = {.index = index, .count = 16, .counter = counter, .window = 65536, .version = "test"}};
	memset(c.hello.session, session, HELLO_SESSION);
	return c;
}

static void add_device(int key, const char *name)
{
	struct device *dev;
	char error[DEVICE_ERROR];
	ck_assert_int_eq(device_add(hub->hub->devices, places[key].public, name, no_psk, &dev, error), 0);
}

START_TEST(silence)
{
	struct noise_handshake h;
	uint8_t message[WIRE_MESSAGE_1];
	struct caller c = caller_of(1, 1, 0, 100);
	add_device(1, "home");
	/* another prologue, another hub's key, an unknown device, an older pattern, no session, an index beyond its count */
	c.prologue = "restunnel/2";
	ck_assert_int_eq(call(&c), 0);
	c = caller_of(1, 1, 0, 100);
	c.hub_key = places[2].public;
	ck_assert_int_eq(call(&c), 0);
	c = caller_of(2, 1, 0, 100);
	ck_assert_int_eq(call(&c), 0);
	c = caller_of(1, 1, 0, 100);
	c.pattern = NOISE_IK;
	ck_assert_int_eq(call(&c), 0);
	c.pattern = NOISE_IKPSK1;
	ck_assert_int_eq(call(&c), 0);
	c = caller_of(1, 0, 0, 100);
	ck_assert_int_eq(call(&c), 0);
	c = caller_of(1, 1, 16, 100);
	ck_assert_int_eq(call(&c), 0);
	ck_assert_ptr_null(tunnel_of(1));
	/* every bit of a good one (spread over time: only so many a second are looked at) */
	c = caller_of(1, 1, 0, 100);
	first_message(&c, &h, message);
	noise_handshake_fini(&h);
	for (int bit = 0; bit < 8 * WIRE_MESSAGE_1; bit += bit < 300 ? 1 : 13) {
		if (bit == 255) /* X25519 ignores it, but the hash does not */
			continue;
		message[bit / 8] ^= (uint8_t)(1U << bit % 8);
		ck_assert_msg(call_with(message, NULL) == 0, "bit %d", bit);
		message[bit / 8] ^= (uint8_t)(1U << bit % 8);
		loop_advance(bed.loop, 50 * RTUN_MS);
	}
	/* and it is good; once */
	ck_assert_int_eq(call_with(message, NULL), 1);
	ck_assert_ptr_nonnull(tunnel_of(1));
	ck_assert_int_eq(call_with(message, NULL), 0);
	pass(2 * MINUTE); /* nobody pings: it ends */
	ck_assert_ptr_null(tunnel_of(1));
	ck_assert_int_eq(call_with(message, NULL), 0);
	place_stop(0);
	place_start(0); /* the counter is on disk */
	ck_assert_int_eq(call_with(message, NULL), 0);
	c.hello.counter = 101;
	ck_assert_int_eq(call(&c), 1);
	c = caller_of(1, 9, 0, 101);
	ck_assert_int_eq(call(&c), 0);
}
END_TEST

/* One tunnel for a device: of one session any connection with an index of its own, the next session replaces it. */
START_TEST(sessions)
{
	struct caller c = caller_of(1, 1, 0, 100);
	struct line *first = NULL;
	struct noise_handshake h;
	uint8_t message[WIRE_MESSAGE_1];
	add_device(1, "home");
	first_message(&c, &h, message);
	noise_handshake_fini(&h);
	ck_assert_int_eq(call_with(message, &first), 1);
	c = caller_of(1, 1, 2, 99); /* overtaken */
	ck_assert_int_eq(call(&c), 1);
	ck_assert_ptr_nonnull(tunnel_of(1)->conns->next);
	ck_assert_int_eq(call(&c), 0);
	c = caller_of(1, 1, 0, 200);
	ck_assert_int_eq(call(&c), 0);
	c = caller_of(1, 1, 1, 201);
	ck_assert_int_eq(call(&c), 1);
	ck_assert(!first->node.eof);
	c = caller_of(1, 2, 0, 150); /* an old session */
	ck_assert_int_eq(call(&c), 0);
	ck_assert(!first->node.eof);
	c = caller_of(1, 2, 0, 202);
	ck_assert_int_eq(call(&c), 1);
	ck_assert(first->node.eof);
	ck_assert_ptr_null(tunnel_of(1)->conns->next);
	/* another device is another matter */
	add_device(2, "work");
	c = caller_of(2, 2, 1, 5);
	ck_assert_int_eq(call(&c), 1);
	ck_assert_ptr_nonnull(tunnel_of(1));
	ck_assert_ptr_nonnull(tunnel_of(2));
}
END_TEST

/* Revoked within its token's 15 minutes: the token that it has burned does not let it in again. */
START_TEST(revoked_with_its_token)
{
	uint8_t token[32];
	char url[URL_MAX], error[DEVICE_ERROR];
	make_token(token, url);
	place_start(1);
	enroll(1, url);
	ck_assert_int_eq(reply.ok, 1);
	pass(5 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
	ck_assert_int_eq(device_revoke(hub->hub->devices, device_by_key(hub->hub->devices, places[1].public), error), 0);
	enroll(1, url);
	ck_assert_int_eq(reply.ok, 0);
	pass(MINUTE);
	ck_assert_uint_eq(hub->hub->devices->count, 0);
}
END_TEST

/* A first message that enrols, recorded and sent again: whatever it sets off, nothing changes. */
START_TEST(enrolment_replayed)
{
	struct caller c = caller_of(1, 1, 0, 100);
	struct noise_handshake h;
	struct token_keys keys;
	uint8_t token[32], message[WIRE_MESSAGE_1];
	char url[URL_MAX], before[256];
	make_token(token, url);
	token_derive(token, &keys);
	c.pattern = NOISE_IKPSK1;
	c.psk = keys.psk;
	first_message(&c, &h, message);
	noise_handshake_fini(&h);
	snprintf(before, sizeof(before), "%s", on_disk());
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(call_with(message, NULL), i == 0); /* a recording gets silence */
		ck_assert_str_eq(on_disk(), before);
		pass(40 * RTUN_S);
		ck_assert_str_eq(on_disk(), before);
		ck_assert_uint_eq(hub->hub->devices->count, 0);
	}
	/* the token is not burned by it */
	place_start(1);
	enroll(1, url);
	ck_assert_int_eq(reply.ok, 1);
	pass(5 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
	place_stop(1);
	pass(RTUN_S);
	snprintf(before, sizeof(before), "%s", on_disk());
	ck_assert_int_eq(call_with(message, NULL), 0);
	pass(40 * RTUN_S);
	ck_assert_str_eq(on_disk(), before);
	/* with the PSK of the token and another key: never */
	c.key = 2;
	ck_assert_int_eq(call(&c), 0);
	ck_assert_str_eq(on_disk(), before);
	place_start(1);
	pass(5 * RTUN_S);
	ck_assert_ptr_nonnull(tunnel_of(1));
}
END_TEST

/* A hub that stops while things are under way; a node too. */
START_TEST(stopped_anywhere)
{
	uint8_t token[32];
	char url[URL_MAX];
	static struct rtun_object object = {.host = &bed.host};
	union {
		struct rtun_object *object;
		struct rtun_reply *reply;
	} u = {&object};
	struct args_enroll args = {.url = url};
	split = 16;
	pauses = 2;
	place_start(1);
	make_token(token, url);
	command_enroll(&places[1].hc.ctx, &args, u.reply);
	for (int k = 0; k < _i * 4; k++)
		loop_advance(bed.loop, RTUN_MS);
	place_stop(_i & 1);
	pass(20 * RTUN_S);
	place_stop(!(_i & 1));
	ck_assert_int_eq(reply.ok + reply.failed, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tunnel");
	TCase *t = tcase_create("tunnel");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, all_the_way, 0, 8);
	tcase_add_test(t, comes_back);
	tcase_add_test(t, revoked);
	tcase_add_test(t, token_rules);
	tcase_add_loop_test(t, disk_before_answer, 0, 8);
	tcase_add_test(t, token_survives_full_disk);
	tcase_add_test(t, silence);
	tcase_add_test(t, sessions);
	tcase_add_test(t, revoked_with_its_token);
	tcase_add_test(t, enrolment_replayed);
	tcase_add_loop_test(t, stopped_anywhere, 0, 30);
	suite_add_tcase(s, t);
	return bed_run(s);
}
