/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_protocol_vectors.c - the test vectors of doc/protocol.md are what the code makes of the same keys.
 *
 *	test_protocol_vectors print		the text that the page has to contain, for whoever changes it deliberately
 */
#include <check.h>
#include <restunnel/abi.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../modules/transport_noise/hello.h"
#include "../../modules/transport_noise/knock.h"
#include "../../modules/transport_noise/tlv.h"
#include "../../modules/transport_noise/token.h"
#include "../../modules/transport_noise/url.h"

/* Also outside of a test, where ck_assert() does not work. */
static void must(bool good)
{
	if (!good)
		abort();
}

static char text[32768];
static size_t text_len;

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text + text_len, sizeof(text) - text_len, fmt, ap);
	va_end(ap);
	must(n >= 0 && (size_t)n < sizeof(text) - text_len);
	text_len += (size_t)n;
}

/* Four columns, then as many bytes on a line as the page is wide. */
static void show(const char *name, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	say("    %s =", name);
	for (size_t i = 0; i < len; i++)
		say("%s%02x", i % 48 ? "" : "\n        ", p[i]);
	say("\n");
}

struct party {
	uint8_t key[32], public_key[32];
};

static int dh(void *arg, const uint8_t peer[32], uint8_t out[32])
{
	return crypto_scalarmult(out, ((struct party *)arg)->key, peer);
}

static void fill(uint8_t p[32], uint8_t first)
{
	for (uint8_t i = 0; i < 32; i++)
		p[i] = (uint8_t)(first + i);
}

static void party_init(struct party *p, const char *name, uint8_t first)
{
	char label[64];
	fill(p->key, first);
	crypto_scalarmult_base(p->public_key, p->key);
	snprintf(label, sizeof(label), "%s private key", name);
	show(label, p->key, 32);
	snprintf(label, sizeof(label), "%s public key", name);
	show(label, p->public_key, 32);
}

/* Both ends of one handshake, and the keys that came out of it. */
struct shake {
	struct noise_handshake node, hub;
	uint8_t node_e[32], hub_e[32], hash[64];
	struct hello_keys node_keys, hub_keys;
};

static void shake_init(struct shake *s, enum noise_pattern pattern, struct party *node, struct party *hub, const uint8_t psk[32],
		       const void *prologue, size_t prologue_len, uint8_t first)
{
	fill(s->node_e, first);
	fill(s->hub_e, (uint8_t)(first + 32));
	struct noise_party p = {.pattern = pattern, .initiator = true, .prologue = prologue, .prologue_len = prologue_len,
		.public_key = node->public_key, .dh = dh, .dh_arg = node, .remote_static = hub->public_key, .psk = psk, .ephemeral = s->node_e};
	noise_handshake_init(&s->node, &p);
	p = (struct noise_party){.pattern = pattern, .prologue = prologue, .prologue_len = prologue_len,
		.public_key = hub->public_key, .dh = dh, .dh_arg = hub, .psk = psk, .ephemeral = s->hub_e};
	noise_handshake_init(&s->hub, &p);
	show("node ephemeral private key", s->node_e, 32);
	show("hub ephemeral private key", s->hub_e, 32);
}

static void message(const char *name, struct noise_handshake *from, struct noise_handshake *to, const uint8_t *plain, size_t len)
{
	uint8_t out[WIRE_MESSAGE_1], back[WIRE_MESSAGE_1];
	size_t n, m;
	must(noise_write_message(from, plain, len, out, sizeof(out), &n) == 0);
	must(noise_read_message(to, out, n, back, &m) == 0);
	must(m == len);
	show(name, out, n);
}

static void split(struct shake *s)
{
	memcpy(s->hash, noise_hash(&s->node), 64);
	must(memcmp(s->hash, noise_hash(&s->hub), 64) == 0);
	show("handshake hash", s->hash, 64);
	must(hello_keys_init(&s->node_keys, &s->node) == 0);
	must(hello_keys_init(&s->hub_keys, &s->hub) == 0);
	show("key node to hub", s->node_keys.send.key, 32);
	show("key hub to node", s->hub_keys.send.key, 32);
}

static void shake_fini(struct shake *s)
{
	hello_keys_fini(&s->node_keys);
	hello_keys_fini(&s->hub_keys);
}

/* The payload without its padding. */
static void hello(const char *name, const struct hello *h, uint8_t *plain, size_t size)
{
	size_t len = size;
	must(hello_write(h, plain, size) == 0);
	while (len && !plain[len - 1])
		len--;
	show(name, plain, len);
}

static void greetings(struct shake *s, uint64_t counter)
{
	uint8_t one[HELLO_PLAIN_1], two[HELLO_PLAIN_2];
	struct hello h = {.count = 1, .counter = counter, .window = WIRE_WINDOW, .version = "0.1.0"};
	fill(one, 0xe0);
	memcpy(h.session, one, sizeof(h.session));
	hello("payload 1, then zeros up to 160 bytes", &h, one, sizeof(one));
	message("message 1", &s->node, &s->hub, one, sizeof(one));
	h = (struct hello){.window = WIRE_WINDOW, .version = "0.1.0", .observed = {.family = 4, .ip = {192, 0, 2, 7}}};
	hello("payload 2, then zeros up to 208 bytes", &h, two, sizeof(two));
	message("message 2", &s->hub, &s->node, two, sizeof(two));
	split(s);
}

/* A record of one frame, on the wire. */
static void record(const char *name, struct hello_keys *from, struct hello_keys *to, uint8_t type, uint32_t id, const void *payload, size_t len)
{
	uint8_t p[512] = {0}, *f = p + WIRE_LENGTH;
	char label[96];
	uint8_t head[WIRE_FRAME] = {type, 0, (uint8_t)(len >> 8), (uint8_t)len, (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
	size_t n = WIRE_FRAME + len;
	memcpy(f, head, WIRE_FRAME);
	memcpy(f + WIRE_FRAME, payload, len);
	snprintf(label, sizeof(label), "frame %s", name);
	show(label, f, n);
	must(from->crypto.seal(from->crypto.self, f, n) == 0);
	n += WIRE_TAG;
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
	snprintf(label, sizeof(label), "record with it");
	show(label, p, WIRE_LENGTH + n);
	must(to->crypto.open(to->crypto.self, f, n) == (int)(n - WIRE_TAG));
}

/* The same knock, put together here. */
static void knock_by_hand(struct party *node, struct party *hub, const struct knock *k, const uint8_t e[32], uint8_t out[WIRE_KNOCK])
{
	uint8_t plain[WIRE_KNOCK - WIRE_MAC1 - NOISE_OVERHEAD_1], key[32];
	struct noise_handshake h;
	struct tlv_writer w;
	size_t len;
	tlv_write_begin(&w, plain, sizeof(plain));
	tlv_put(&w, TLV_ATTEMPT, k->attempt, WIRE_ATTEMPT);
	tlv_put_number(&w, TLV_COUNTER, k->counter, 8);
	tlv_put_number(&w, TLV_COUNT, k->count, 1);
	if (k->enrols)
		tlv_put(&w, TLV_TOKEN, k->token_id, TOKEN_ID);
	len = w.len;
	must(tlv_write_end(&w, sizeof(plain)) > 0);
	show("payload, then zeros up to 80 bytes", plain, len);
	struct noise_party p = {.pattern = NOISE_X, .initiator = true, .prologue = "restunnel/1 knock", .prologue_len = 17,
		.public_key = node->public_key, .dh = dh, .dh_arg = node, .remote_static = hub->public_key, .ephemeral = e};
	noise_handshake_init(&h, &p);
	must(noise_write_message(&h, plain, sizeof(plain), out + WIRE_MAC1, WIRE_KNOCK - WIRE_MAC1, &len) == 0);
	crypto_generichash(key, 32, (const uint8_t *)"restunnel/1 knock", 17, hub->public_key, 32);
	crypto_generichash(out, WIRE_MAC1, out + WIRE_MAC1, WIRE_KNOCK - WIRE_MAC1, key, 32);
}

/* A knock, and the prologue of what follows it. */
static void knock(struct party *node, struct party *hub, uint64_t counter, uint8_t first, const uint8_t *token_id, uint8_t prologue[HELLO_PROLOGUE])
{
	uint8_t out[WIRE_KNOCK], same[WIRE_KNOCK], e[32], sender[32], key[32], bytes[32];
	struct noise_handshake h;
	struct knock k = {.counter = counter, .count = 1, .enrols = token_id != NULL}, back;
	fill(bytes, (uint8_t)(first + 32));
	memcpy(k.attempt, bytes, WIRE_ATTEMPT);
	if (token_id)
		memcpy(k.token_id, token_id, TOKEN_ID);
	fill(e, first);
	show("node ephemeral private key", e, 32);
	show("attempt id", k.attempt, WIRE_ATTEMPT);
	knock_by_hand(node, hub, &k, e, same);
	must(knock_write(&k, hub->public_key, node->public_key, dh, node, e, out) == 0 && memcmp(same, out, WIRE_KNOCK) == 0);
	show("knock", out, WIRE_KNOCK);
	knock_key(hub->public_key, key);
	must(knock_mac_good(key, out));
	must(knock_read_sender(&h, hub->public_key, dh, hub, out, sender) == 0 && memcmp(sender, node->public_key, 32) == 0);
	must(knock_read(&h, out, &back) == 0 && memcmp(&back, &k, sizeof(k)) == 0);
	hello_prologue(k.attempt, prologue);
	show("prologue of what follows", prologue, HELLO_PROLOGUE);
}

static void enrolment(struct party *node, struct party *hub, uint8_t psk[32])
{
	uint8_t prologue[HELLO_PROLOGUE];
	static const uint8_t name[] = {TLV_DEVICE_NAME, 0, 4, 'h', 'o', 'm', 'e'};
	struct url url = {.host = "vps.example.net", .port = 9000};
	char out[URL_MAX];
	struct token_keys keys;
	struct shake s;
	fill(url.token, 0x80);
	memcpy(url.hub_key, hub->public_key, 32);
	url_format(&url, out);
	show("token T", url.token, 32);
	say("    pairing URL =\n        %s\n", out);
	token_derive(url.token, &keys);
	show("T_id", keys.id, sizeof(keys.id));
	show("T_psk", keys.psk, 32);
	show("T_dev", keys.seed, 32);
	say("\nKnock of an enrolment, with COUNTER 1700000000000, COUNT 1 and TOKEN:\n\n");
	knock(node, hub, 1700000000000, 0xb0, keys.id, prologue);
	say("\nEnrolment (IKpsk1, PSK = T_psk):\n\n");
	shake_init(&s, NOISE_IKPSK1, node, hub, keys.psk, prologue, HELLO_PROLOGUE, 0x10);
	greetings(&s, 1700000000001);
	token_device_psk(keys.seed, s.hash, hub->public_key, node->public_key, psk);
	show("K_dev", psk, 32);
	record("ENROLL \"home\", from the node", &s.node_keys, &s.hub_keys, FRAME_ENROLL, 0, name, sizeof(name));
	record("ENROLLED \"home\", from the hub", &s.hub_keys, &s.node_keys, FRAME_ENROLLED, 0, name, sizeof(name));
	shake_fini(&s);
}

static void tunnel(struct party *node, struct party *hub, const uint8_t psk[32])
{
	static const uint8_t to[] = {TLV_NAME, 0, 11, 'e', 'x', 'a', 'm', 'p', 'l', 'e', '.', 'c', 'o', 'm', TLV_PORT, 0, 2, 0x01, 0xbb};
	static const uint8_t bound[] = {TLV_IPV4, 0, 4, 198, 51, 100, 20, TLV_PORT, 0, 2, 0xc0, 0x00};
	static const uint8_t denied[] = {TLV_REASON, 0, 1, RTUN_EDENIED};
	static const uint8_t credit[] = {0, 1, 0, 0};
	struct shake s, again;
	uint8_t rekey[17 + 64] = "restunnel/1 rekey", prologue[HELLO_PROLOGUE];
	say("\nKnock of a tunnel, with COUNTER 1700000000002 and COUNT 1:\n\n");
	knock(node, hub, 1700000000002, 0x18, NULL, prologue);
	say("\nTunnel (IKpsk2, PSK = K_dev):\n\n");
	shake_init(&s, NOISE_IKPSK2, node, hub, psk, prologue, HELLO_PROLOGUE, 0x50);
	greetings(&s, 1700000000003);
	struct hello_keys *n = &s.node_keys, *h = &s.hub_keys;
	record("CONNECT example.com:443 as stream 1, from the hub (nonce 0)", h, n, FRAME_CONNECT, 1, to, sizeof(to));
	record("OK, bound to 198.51.100.20:49152, from the node (nonce 0)", n, h, FRAME_OK, 1, bound, sizeof(bound));
	record("DATA \"hello\", from the hub (nonce 1)", h, n, FRAME_DATA, 1, "hello", 5);
	record("CREDIT of 65536, from the node (nonce 1)", n, h, FRAME_CREDIT, 1, credit, sizeof(credit));
	record("FIN, from the hub (nonce 2)", h, n, FRAME_FIN, 1, "", 0);
	record("RESET, denied, from the node (nonce 2)", n, h, FRAME_RESET, 1, denied, sizeof(denied));
	say("\nRekeying (IKpsk2 again, PSK = K_dev, prologue \"restunnel/1 rekey\" and the handshake hash above):\n\n");
	memcpy(rekey + 17, s.hash, 64);
	shake_init(&again, NOISE_IKPSK2, node, hub, psk, rekey, sizeof(rekey), 0x90);
	message("payload of REKEY_1", &again.node, &again.hub, rekey, 0);
	message("payload of REKEY_2", &again.hub, &again.node, rekey, 0);
	split(&again);
	shake_fini(&s);
	shake_fini(&again);
}

static void make(void)
{
	struct party hub, node;
	uint8_t psk[32], key[32];
	text_len = 0;
	party_init(&hub, "hub", 0x01);
	party_init(&node, "node", 0x41);
	knock_key(hub.public_key, key);
	show("K_mac", key, sizeof(key));
	enrolment(&node, &hub, psk);
	tunnel(&node, &hub, psk);
}

START_TEST(page)
{
	static char doc[262144];
	char path[4096];
	const char *src = getenv("RESTUNNEL_SRC");
	snprintf(path, sizeof(path), "%s/doc/protocol.md", src ? src : ".");
	FILE *f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s can't be read", path);
	size_t n = fread(doc, 1, sizeof(doc) - 1, f);
	fclose(f);
	doc[n] = 0;
	make();
	ck_assert_msg(strstr(doc, text) != NULL, "%s does not have these vectors: test_protocol_vectors print", path);
}
END_TEST

int main(int argc, char **argv)
{
	int failed;
	if (sodium_init() < 0)
		return 1;
	if (argc > 1 && strcmp(argv[1], "print") == 0) {
		make();
		fputs(text, stdout);
		return 0;
	}
	Suite *suite = suite_create("protocol vectors");
	TCase *tc = tcase_create("vectors");
	tcase_add_test(tc, page);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
