/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_noise.c - the Noise engine against the vectors of two other implementations, and against everything that must
 * not be accepted.
 */
#include <check.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../modules/transport_noise/noise.c"
#include "../../modules/transport_noise/noise_cipher.c"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct keypair {
	uint8_t secret[32], public[32];
};

static int dh(void *arg, const uint8_t peer[32], uint8_t out[32])
{
	const struct keypair *k = arg;

	return crypto_scalarmult(out, k->secret, peer);
}

static void make_keypair(struct keypair *k)
{
	randombytes_buf(k->secret, 32);
	crypto_scalarmult_base(k->public, k->secret);
}

/* ---- Vectors ---------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	enum noise_pattern pattern;
} protocols[] = {
	{"Noise_IK_25519_ChaChaPoly_BLAKE2b", NOISE_IK},
	{"Noise_IKpsk1_25519_ChaChaPoly_BLAKE2b", NOISE_IKPSK1},
	{"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b", NOISE_IKPSK2},
	{"Noise_X_25519_ChaChaPoly_BLAKE2b", NOISE_X},
};
#define TWO_WAY (ARRAY_SIZE(protocols) - 1)

static enum noise_pattern pattern_named(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(protocols); i++)
		if (!strcmp(name, protocols[i].name))
			return protocols[i].pattern;
	ck_abort_msg("no such protocol: %s", name);
}

static json_t *load(const char *name)
{
	const char *top = getenv("RESTUNNEL_SRC");
	char path[4096];
	json_error_t err;
	json_t *j;

	snprintf(path, sizeof(path), "%s/tests/vectors/%s", top ? top : ".", name);
	j = json_load_file(path, 0, &err);
	ck_assert_msg(j != NULL, "%s: %s", path, err.text);
	return j;
}

static size_t unhex(const json_t *text, uint8_t *out, size_t cap)
{
	const char *s = json_string_value(text);
	size_t len = 0;

	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(sodium_hex2bin(out, cap, s, strlen(s), NULL, &len, NULL), 0);
	return len;
}

struct end {
	struct noise_handshake h;
	struct noise_cipher send, receive;
	struct keypair s;
	uint8_t e[32], rs[32], psk[32], prologue[256];
};

/* `role` is "init" or "resp". */
static void end_of_vector(struct end *end, const json_t *v, const char *role)
{
	struct noise_party p = {.dh = dh, .dh_arg = &end->s};
	char key[32];
	json_t *psks;

#define MEMBER(suffix) (snprintf(key, sizeof(key), "%s_" suffix, role), json_object_get(v, key))
	p.pattern = pattern_named(json_string_value(json_object_get(v, "protocol_name")));
	p.initiator = !strcmp(role, "init");
	p.prologue_len = unhex(MEMBER("prologue"), end->prologue, sizeof(end->prologue));
	p.prologue = end->prologue;
	unhex(MEMBER("static"), end->s.secret, 32);
	crypto_scalarmult_base(end->s.public, end->s.secret);
	p.public_key = end->s.public;
	if (p.initiator || p.pattern != NOISE_X) {
		unhex(MEMBER("ephemeral"), end->e, 32);
		p.ephemeral = end->e;
	}
	if (p.initiator) {
		unhex(MEMBER("remote_static"), end->rs, 32);
		p.remote_static = end->rs;
	}
	psks = MEMBER("psks");
	ck_assert_uint_eq(json_array_size(psks), p.pattern == NOISE_IK || p.pattern == NOISE_X ? 0 : 1);
	if (json_array_size(psks)) {
		unhex(json_array_get(psks, 0), end->psk, 32);
		p.psk = end->psk;
	}
#undef MEMBER
	noise_handshake_init(&end->h, &p);
}

static void play_handshake_message(struct end *from, struct end *to, const json_t *m)
{
	uint8_t payload[1024], want[1024], out[1024], got[1024];
	size_t payload_len = unhex(json_object_get(m, "payload"), payload, sizeof(payload));
	size_t want_len = unhex(json_object_get(m, "ciphertext"), want, sizeof(want));
	size_t len;

	ck_assert_int_eq(noise_write_message(&from->h, payload, payload_len, out, sizeof(out), &len), 0);
	ck_assert_uint_eq(len, want_len);
	ck_assert_mem_eq(out, want, len);
	ck_assert_int_eq(noise_read_message(&to->h, out, len, got, &len), 0);
	ck_assert_uint_eq(len, payload_len);
	ck_assert_mem_eq(got, payload, len);
}

static void play_record(struct end *from, struct end *to, const json_t *m)
{
	uint8_t record[1024], want[1024];
	size_t len = unhex(json_object_get(m, "payload"), record, sizeof(record) - NOISE_TAG);

	unhex(json_object_get(m, "ciphertext"), want, sizeof(want));
	ck_assert_int_eq(noise_seal(&from->send, record, len), 0);
	ck_assert_mem_eq(record, want, len + NOISE_TAG);
	ck_assert_int_eq(noise_open(&to->receive, record, len + NOISE_TAG), (int)len);
	unhex(json_object_get(m, "payload"), want, sizeof(want));
	ck_assert_mem_eq(record, want, len);
}

static void play(const json_t *v)
{
	json_t *messages = json_object_get(v, "messages"), *hash = json_object_get(v, "handshake_hash");
	struct end a, b;
	uint8_t want[NOISE_HASH];
	bool one_way;
	size_t i;

	end_of_vector(&a, v, "init");
	end_of_vector(&b, v, "resp");
	one_way = a.h.pattern == NOISE_X;
	play_handshake_message(&a, &b, json_array_get(messages, 0));
	ck_assert_mem_eq(noise_remote_static(&b.h), a.s.public, 32);
	if (!one_way)
		play_handshake_message(&b, &a, json_array_get(messages, 1));
	ck_assert_int_eq(noise_split(&a.h, &a.send, &a.receive), 0);
	ck_assert_int_eq(noise_split(&b.h, &b.send, &b.receive), 0);
	ck_assert_mem_eq(noise_hash(&a.h), noise_hash(&b.h), NOISE_HASH);
	if (hash) {
		ck_assert_uint_eq(unhex(hash, want, sizeof(want)), NOISE_HASH);
		ck_assert_mem_eq(noise_hash(&a.h), want, NOISE_HASH);
	}
	ck_assert_uint_ge(json_array_size(messages), one_way ? 2 : 4);
	for (i = one_way ? 1 : 2; i < json_array_size(messages); i++)
		play_record(!one_way && i % 2 ? &b : &a, one_way || i % 2 == 0 ? &b : &a, json_array_get(messages, i));
	noise_cipher_fini(&a.send);
	noise_cipher_fini(&a.receive);
	noise_cipher_fini(&b.send);
	noise_cipher_fini(&b.receive);
}

static void play_file(const char *name, size_t count)
{
	json_t *file = load(name), *v;
	size_t i;

	ck_assert_uint_eq(json_array_size(json_object_get(file, "vectors")), count);
	json_array_foreach(json_object_get(file, "vectors"), i, v)
		play(v);
	json_decref(file);
}

START_TEST(vectors_cacophony)
{
	play_file("cacophony.json", 4);
}
END_TEST

START_TEST(vectors_snow)
{
	play_file("snow.json", 2);
}
END_TEST

/* ---- Two ends of our own ---------------------------------------------------------------------------------------- */

static const uint8_t shared_psk[32] = {1, 2, 3};

static void begin_with(struct end *a, struct end *b, enum noise_pattern pattern, const char *prologue_a, const char *prologue_b)
{
	struct noise_party p = {.pattern = pattern, .dh = dh, .psk = pattern == NOISE_IK || pattern == NOISE_X ? NULL : shared_psk};

	make_keypair(&a->s);
	make_keypair(&b->s);
	p.initiator = false;
	p.public_key = b->s.public;
	p.dh_arg = &b->s;
	p.prologue = prologue_b;
	p.prologue_len = strlen(prologue_b);
	noise_handshake_init(&b->h, &p);
	p.initiator = true;
	p.public_key = a->s.public;
	p.dh_arg = &a->s;
	p.prologue = prologue_a;
	p.prologue_len = strlen(prologue_a);
	p.remote_static = b->s.public;
	noise_handshake_init(&a->h, &p);
}

static void begin(struct end *a, struct end *b, enum noise_pattern pattern)
{
	begin_with(a, b, pattern, "test", "test");
}

static size_t write_message(struct end *from, const char *payload, uint8_t out[256])
{
	size_t len;

	ck_assert_int_eq(noise_write_message(&from->h, payload, strlen(payload), out, 256, &len), 0);
	return len;
}

static int read_message(struct end *to, const uint8_t *m, size_t len)
{
	uint8_t out[256];

	return noise_read_message(&to->h, m, len, out, &len);
}

static void finish(struct end *a, struct end *b)
{
	uint8_t m[256];
	size_t len;

	len = write_message(a, "one", m);
	ck_assert_int_eq(read_message(b, m, len), 0);
	len = write_message(b, "two", m);
	ck_assert_int_eq(read_message(a, m, len), 0);
	ck_assert_int_eq(noise_split(&a->h, &a->send, &a->receive), 0);
	ck_assert_int_eq(noise_split(&b->h, &b->send, &b->receive), 0);
}

static void end_both(struct end *a, struct end *b)
{
	noise_cipher_fini(&a->send);
	noise_cipher_fini(&a->receive);
	noise_cipher_fini(&b->send);
	noise_cipher_fini(&b->receive);
}

/* A dead state is one that is wiped and refuses everything. */
static void assert_dead(struct noise_handshake *h)
{
	struct noise_handshake dead;
	struct noise_cipher c[2];
	uint8_t m[256];
	size_t len = 12345;

	memset(&dead, 0, sizeof(dead));
	dead.dead = true;
	ck_assert_int_eq(sodium_memcmp(h->k, dead.k, sizeof(dead.k)) | sodium_memcmp(h->ck, dead.ck, sizeof(dead.ck)), 0);
	ck_assert_int_eq(sodium_memcmp(h->e, dead.e, sizeof(dead.e)) | sodium_memcmp(h->psk, dead.psk, sizeof(dead.psk)), 0);
	ck_assert_int_eq(noise_write_message(h, "", 0, m, sizeof(m), &len), -1);
	memset(m, 0, sizeof(m));
	ck_assert_int_eq(noise_read_message(h, m, 128, m, &len), -1);
	ck_assert_int_eq(noise_read_sender(h, m, 128), -1);
	ck_assert_int_eq(noise_split(h, &c[0], &c[1]), -1);
	ck_assert_uint_eq(len, 12345);
}

START_TEST(both_ways)
{
	struct end a, b;
	uint8_t record[64] = "hello";

	begin(&a, &b, protocols[_i].pattern);
	finish(&a, &b);
	ck_assert_int_eq(noise_seal(&b.send, record, 5), 0);
	ck_assert_int_eq(noise_open(&a.receive, record, 5 + NOISE_TAG), 5);
	ck_assert_mem_eq(record, "hello", 5);
	ck_assert_int_eq(noise_seal(&a.send, record, 0), 0);
	ck_assert_int_eq(noise_open(&b.receive, record, NOISE_TAG), 0);
	end_both(&a, &b);
	assert_dead(&a.h);
}
END_TEST

START_TEST(steps_and_trials)
{
	struct end a, b;
	struct noise_handshake trial;
	uint8_t m[256], out[256], wrong[32] = {9};
	size_t len, n;

	begin(&a, &b, NOISE_IKPSK1);
	len = write_message(&a, "payload", m);
	ck_assert_ptr_null(noise_remote_static(&b.h));
	ck_assert_int_eq(noise_read_sender(&b.h, m, len), 0);
	ck_assert_mem_eq(noise_remote_static(&b.h), a.s.public, 32);
	ck_assert_int_eq(noise_read_before_psk(&b.h, m, len), 0);
	trial = b.h;
	noise_set_psk(&trial, wrong);
	ck_assert_int_eq(noise_read_message(&trial, m, len, out, &n), -1);
	assert_dead(&trial);
	trial = b.h;
	noise_set_psk(&trial, shared_psk);
	ck_assert_int_eq(noise_read_message(&trial, m, len, out, &n), 0);
	ck_assert_uint_eq(n, 7);
	b.h = trial;
	len = write_message(&b, "", m);
	ck_assert_int_eq(read_message(&a, m, len), 0);
	noise_handshake_fini(&a.h);
	noise_handshake_fini(&b.h);
}
END_TEST

/* IKpsk2: the hub learns who calls, and sets the PSK then. Without one it can't answer. */
START_TEST(psk_set_late)
{
	struct end a, b;
	uint8_t m[256], m2[256];
	size_t len, n;

	begin(&a, &b, NOISE_IKPSK2);
	b.h.has_psk = false;
	len = write_message(&a, "", m);
	ck_assert_int_eq(read_message(&b, m, len), 0);
	struct noise_handshake without = b.h;
	ck_assert_int_eq(noise_write_message(&without, "", 0, m2, sizeof(m2), &n), -1);
	noise_set_psk(&b.h, shared_psk);
	len = write_message(&b, "", m2);
	ck_assert_int_eq(read_message(&a, m2, len), 0);
	begin(&a, &b, NOISE_IKPSK2);
	len = write_message(&a, "", m);
	ck_assert_int_eq(read_message(&b, m, len), 0);
	noise_set_psk(&b.h, (const uint8_t[32]){7});
	len = write_message(&b, "", m2);
	ck_assert_int_eq(read_message(&a, m2, len), -1);
	assert_dead(&a.h);
}
END_TEST

/* ---- What must fail ---------------------------------------------------------------------------------------------- */

START_TEST(every_bit_of_message_1)
{
	struct end a, b;
	uint8_t m[256];
	size_t len, bit;

	begin(&a, &b, protocols[_i].pattern);
	len = write_message(&a, "payload", m);
	ck_assert_uint_eq(len, 7 + NOISE_OVERHEAD_1);
	for (bit = 0; bit < len * 8; bit++) {
		struct end trial = b;

		m[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(read_message(&trial, m, len), -1);
		assert_dead(&trial.h);
		m[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(read_message(&b, m, len), 0);
}
END_TEST

START_TEST(every_bit_of_message_2)
{
	struct end a, b;
	uint8_t m[256];
	size_t len, bit;

	begin(&a, &b, protocols[_i].pattern);
	len = write_message(&a, "", m);
	ck_assert_int_eq(read_message(&b, m, len), 0);
	len = write_message(&b, "payload", m);
	ck_assert_uint_eq(len, 7 + NOISE_OVERHEAD_2);
	for (bit = 0; bit < len * 8; bit++) {
		struct end trial = a;

		m[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(read_message(&trial, m, len), -1);
		assert_dead(&trial.h);
		m[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(read_message(&a, m, len), 0);
}
END_TEST

START_TEST(every_bit_of_a_record)
{
	struct end a, b;
	uint8_t record[64] = "some text", copy[64];
	size_t bit;

	begin(&a, &b, NOISE_IK);
	finish(&a, &b);
	ck_assert_int_eq(noise_seal(&a.send, record, 9), 0);
	for (bit = 0; bit < (9 + NOISE_TAG) * 8; bit++) {
		memcpy(copy, record, sizeof(copy));
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(noise_open(&b.receive, copy, 9 + NOISE_TAG), -1);
		ck_assert(sodium_is_zero(copy, 9 + NOISE_TAG));
		ck_assert_uint_eq(b.receive.n, 0);
	}
	ck_assert_int_eq(noise_open(&b.receive, record, 9 + NOISE_TAG), 9);
	ck_assert_uint_eq(b.receive.n, 1);
	end_both(&a, &b);
}
END_TEST

START_TEST(every_truncation)
{
	struct end a, b;
	uint8_t m[256];
	size_t len, n;

	begin(&a, &b, protocols[_i].pattern);
	len = write_message(&a, "payload", m);
	for (n = 0; n < len; n++) {
		struct end trial = b;

		ck_assert_int_eq(read_message(&trial, m, n), -1);
		assert_dead(&trial.h);
	}
	m[len] = 0;
	struct end longer = b;
	ck_assert_int_eq(read_message(&longer, m, len + 1), -1);
	ck_assert_int_eq(read_message(&b, m, len), 0);
	len = write_message(&b, "payload", m);
	for (n = 0; n < len; n++) {
		struct end trial = a;

		ck_assert_int_eq(read_message(&trial, m, n), -1);
	}
	ck_assert_int_eq(read_message(&a, m, len), 0);
}
END_TEST

START_TEST(truncated_records)
{
	struct end a, b;
	uint8_t record[64] = "some text", copy[64];
	size_t n;

	begin(&a, &b, NOISE_IK);
	finish(&a, &b);
	ck_assert_int_eq(noise_seal(&a.send, record, 9), 0);
	for (n = 0; n < 9 + NOISE_TAG; n++) {
		memcpy(copy, record, sizeof(copy));
		ck_assert_int_eq(noise_open(&b.receive, copy, n), -1);
	}
	end_both(&a, &b);
}
END_TEST

START_TEST(other_prologue_pattern_or_key)
{
	struct end a, b, c;
	uint8_t m[256];
	size_t len;

	begin_with(&a, &b, NOISE_IK, "restunnel/1", "restunnel/2");
	len = write_message(&a, "", m);
	ck_assert_int_eq(read_message(&b, m, len), -1);
	begin_with(&a, &b, NOISE_IK, "", "x");
	len = write_message(&a, "", m);
	ck_assert_int_eq(read_message(&b, m, len), -1);
	begin(&a, &b, NOISE_IK);
	len = write_message(&a, "", m);
	begin(&a, &c, NOISE_IK);
	ck_assert_int_eq(read_message(&c, m, len), -1);
	/* the name of the pattern is hashed: IK and IKpsk2 have the same first message but for it */
	begin(&a, &b, NOISE_IKPSK2);
	struct noise_party p = {.pattern = NOISE_IK, .public_key = b.s.public, .dh = dh, .dh_arg = &b.s, .prologue = "test", .prologue_len = 4};
	noise_handshake_init(&b.h, &p);
	len = write_message(&a, "", m);
	ck_assert_int_eq(read_message(&b, m, len), -1);
}
END_TEST

START_TEST(reflection)
{
	struct end a, b;
	uint8_t m[256], record[64] = "text";
	size_t len;

	begin(&a, &b, NOISE_IK);
	len = write_message(&a, "", m);
	struct end back = a;
	ck_assert_int_eq(read_message(&back, m, len), -1);
	/* to itself as a responder with the same key */
	struct noise_party p = {.pattern = NOISE_IK, .public_key = a.s.public, .dh = dh, .dh_arg = &a.s, .prologue = "test", .prologue_len = 4};
	noise_handshake_init(&back.h, &p);
	ck_assert_int_eq(read_message(&back, m, len), -1);
	ck_assert_int_eq(read_message(&b, m, len), 0);
	len = write_message(&b, "", m);
	back = b;
	ck_assert_int_eq(read_message(&back, m, len), -1);
	ck_assert_int_eq(read_message(&a, m, len), 0);
	ck_assert_int_eq(noise_split(&a.h, &a.send, &a.receive), 0);
	ck_assert_int_eq(noise_split(&b.h, &b.send, &b.receive), 0);
	ck_assert_int_eq(noise_seal(&a.send, record, 4), 0);
	ck_assert_int_eq(noise_open(&a.receive, record, 4 + NOISE_TAG), -1);
	end_both(&a, &b);
}
END_TEST

START_TEST(another_session)
{
	struct end a, b, old;
	uint8_t m[256], m2[256];
	size_t len;

	begin(&a, &b, NOISE_IKPSK2);
	old = a;
	len = write_message(&a, "", m);
	write_message(&old, "", m2); /* the same parties, another ephemeral key */
	ck_assert_mem_ne(m, m2, 32);
	ck_assert_int_eq(read_message(&b, m, len), 0);
	len = write_message(&b, "", m);
	ck_assert_int_eq(read_message(&old, m, len), -1);
	ck_assert_int_eq(read_message(&a, m, len), 0);
}
END_TEST

START_TEST(replayed_and_reordered_records)
{
	struct end a, b;
	uint8_t one[64] = "one", two[64] = "two", copy[64];

	begin(&a, &b, NOISE_IK);
	finish(&a, &b);
	ck_assert_int_eq(noise_seal(&a.send, one, 3), 0);
	ck_assert_int_eq(noise_seal(&a.send, two, 3), 0);
	memcpy(copy, two, sizeof(copy));
	ck_assert_int_eq(noise_open(&b.receive, copy, 3 + NOISE_TAG), -1);
	memcpy(copy, one, sizeof(copy));
	ck_assert_int_eq(noise_open(&b.receive, copy, 3 + NOISE_TAG), 3);
	memcpy(copy, one, sizeof(copy));
	ck_assert_int_eq(noise_open(&b.receive, copy, 3 + NOISE_TAG), -1);
	ck_assert_int_eq(noise_open(&b.receive, two, 3 + NOISE_TAG), 3);
	end_both(&a, &b);
}
END_TEST

START_TEST(out_of_turn)
{
	struct end a, b;
	uint8_t m[256];
	size_t len;

	begin(&a, &b, NOISE_IK);
	ck_assert_int_eq(noise_write_message(&b.h, "", 0, m, sizeof(m), &len), -1); /* the responder begins */
	begin(&a, &b, NOISE_IK);
	len = write_message(&a, "", m);
	struct end again = a;
	ck_assert_int_eq(noise_write_message(&again.h, "", 0, m, sizeof(m), &len), -1); /* single use */
	begin(&a, &b, NOISE_IK);
	struct noise_cipher c[2];
	ck_assert_int_eq(noise_split(&a.h, &c[0], &c[1]), -1);
	/* a third message */
	begin(&a, &b, NOISE_IK);
	len = write_message(&a, "", m);
	ck_assert_int_eq(read_message(&b, m, len), 0);
	len = write_message(&b, "", m);
	ck_assert_int_eq(read_message(&a, m, len), 0);
	ck_assert_int_eq(read_message(&b, m, len), -1);
	ck_assert_int_eq(noise_write_message(&a.h, "", 0, m, sizeof(m), &len), -1);
	assert_dead(&a.h);
}
END_TEST

/* RFC 7748's curve: all u of small order, below 2^255 as they are and not reduced, and with the top bit set. */
static const char *const low_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void low_order_point(int i, uint8_t out[32])
{
	size_t len;

	sodium_hex2bin(out, 32, low_order[i / 2], 64, NULL, &len, NULL);
	out[31] |= (uint8_t)(i % 2 << 7);
}
#define LOW_ORDER_POINTS (2 * (int)ARRAY_SIZE(low_order))

START_TEST(low_order_ephemeral)
{
	struct end a, b;
	uint8_t m[256];
	size_t len;

	begin(&a, &b, NOISE_IK);
	len = write_message(&a, "", m);
	struct end trial = b;
	low_order_point(_i, m);
	ck_assert_int_eq(noise_read_sender(&trial.h, m, len), -1);
	assert_dead(&trial.h);
	/* and from the responder; as remote static key of the initiator too */
	begin(&a, &b, NOISE_IK);
	len = write_message(&a, "", m);
	ck_assert_int_eq(read_message(&b, m, len), 0);
	len = write_message(&b, "", m);
	low_order_point(_i, m);
	ck_assert_int_eq(read_message(&a, m, len), -1);
	assert_dead(&a.h);
	begin(&a, &b, NOISE_IK);
	low_order_point(_i, a.h.rs);
	ck_assert_int_eq(noise_write_message(&a.h, "", 0, m, sizeof(m), &len), -1);
}
END_TEST

/* What an attacker would do who has no static key: with a low-order one `ss` is zero for everybody. */
static int pretend_dh(void *arg, const uint8_t peer[32], uint8_t out[32])
{
	(void)arg;
	(void)peer;
	memset(out, 0, 32);
	return 0;
}

START_TEST(low_order_static)
{
	struct end a, b;
	uint8_t m[256];
	size_t len;

	begin(&a, &b, NOISE_IK);
	low_order_point(_i, a.h.s_public);
	a.h.dh = pretend_dh;
	len = write_message(&a, "", m);
	struct noise_handshake look = b.h;
	ck_assert_int_eq(noise_read_sender(&look, m, len), 0);
	ck_assert_int_eq(noise_read_before_psk(&look, m, len), -1);
	ck_assert_int_eq(read_message(&b, m, len), -1);
	assert_dead(&b.h);
}
END_TEST

/* ---- Limits ------------------------------------------------------------------------------------------------------ */

START_TEST(record_sizes)
{
	struct end a, b;
	uint8_t *record = calloc(1, 65536);

	begin(&a, &b, NOISE_IK);
	finish(&a, &b);
	record[65518] = 7;
	ck_assert_int_eq(noise_seal(&a.send, record, 65520), -1);
	ck_assert_uint_eq(a.send.n, 0);
	ck_assert_int_eq(noise_seal(&a.send, record, 65519), 0);
	ck_assert_int_eq(noise_open(&b.receive, record, 65536), -1);
	ck_assert_int_eq(noise_open(&b.receive, record, 65535), 65519);
	ck_assert_uint_eq(record[65518], 7);
	end_both(&a, &b);
	free(record);
}
END_TEST

START_TEST(message_sizes)
{
	struct end a, b;
	uint8_t *p = calloc(1, 70000), *m = calloc(1, 70000);
	size_t len, most = NOISE_MESSAGE_MAX - NOISE_OVERHEAD_1;

	begin(&a, &b, NOISE_IK);
	struct end trial = a;
	ck_assert_int_eq(noise_write_message(&trial.h, p, most + 1, m, 70000, &len), -1);
	trial = a;
	ck_assert_int_eq(noise_write_message(&trial.h, p, SIZE_MAX - 20, m, 70000, &len), -1);
	trial = a;
	ck_assert_int_eq(noise_write_message(&trial.h, p, most, m, NOISE_MESSAGE_MAX - 1, &len), -1);
	ck_assert_int_eq(noise_write_message(&a.h, p, most, m, NOISE_MESSAGE_MAX, &len), 0);
	ck_assert_uint_eq(len, 65535);
	trial = b;
	ck_assert_int_eq(noise_read_message(&trial.h, m, 65536, p, &len), -1);
	p[most - 1] = 1;
	ck_assert_int_eq(noise_read_message(&b.h, m, 65535, p, &len), 0);
	ck_assert_uint_eq(len, most);
	ck_assert(sodium_is_zero(p, most));
	free(p);
	free(m);
}
END_TEST

START_TEST(last_nonce)
{
	struct end a, b;
	uint8_t record[64] = "last";

	begin(&a, &b, NOISE_IK);
	finish(&a, &b);
	a.send.n = b.receive.n = UINT64_MAX - 1;
	ck_assert_int_eq(noise_seal(&a.send, record, 4), 0);
	ck_assert_int_eq(noise_open(&b.receive, record, 4 + NOISE_TAG), 4);
	ck_assert_int_eq(noise_seal(&a.send, record, 4), -1);
	ck_assert_mem_eq(record, "last", 4);
	ck_assert_int_eq(noise_open(&b.receive, record, 4 + NOISE_TAG), -1);
	ck_assert_uint_eq(a.send.n, UINT64_MAX);
	ck_assert_uint_eq(b.receive.n, UINT64_MAX);
	end_both(&a, &b);
}
END_TEST

/* Both implementations of the cipher give the same bytes, at every size around a block. */
START_TEST(same_bytes_as_libsodium)
{
	struct noise_cipher c;
	uint8_t key[32], plain[300], got[300 + NOISE_TAG], want[300 + NOISE_TAG], nonce[12];
	size_t len;

	randombytes_buf(key, sizeof(key));
	randombytes_buf(plain, sizeof(plain));
	noise_cipher_init(&c, key);
	c.n = UINT64_C(0x0102030405060700);
	for (len = 0; len <= sizeof(plain); len++) {
		uint32_t i;

		memset(nonce, 0, 4);
		for (i = 0; i < 8; i++)
			nonce[4 + i] = (uint8_t)(c.n >> 8 * i);
		crypto_aead_chacha20poly1305_ietf_encrypt(want, NULL, plain, len, NULL, 0, NULL, nonce, key);
		memcpy(got, plain, len);
		ck_assert_int_eq(noise_seal(&c, got, len), 0);
		ck_assert_mem_eq(got, want, len + NOISE_TAG);
	}
	noise_cipher_fini(&c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("noise");
	TCase *c = tcase_create("noise");
	SRunner *runner;
	int failed;

	if (sodium_init() < 0)
		return 1;
	tcase_add_test(c, vectors_cacophony);
	tcase_add_test(c, vectors_snow);
	tcase_add_loop_test(c, both_ways, 0, TWO_WAY);
	tcase_add_test(c, steps_and_trials);
	tcase_add_test(c, psk_set_late);
	tcase_add_loop_test(c, every_bit_of_message_1, 0, ARRAY_SIZE(protocols));
	tcase_add_loop_test(c, every_bit_of_message_2, 0, TWO_WAY);
	tcase_add_test(c, every_bit_of_a_record);
	tcase_add_loop_test(c, every_truncation, 0, TWO_WAY);
	tcase_add_test(c, truncated_records);
	tcase_add_test(c, other_prologue_pattern_or_key);
	tcase_add_test(c, reflection);
	tcase_add_test(c, another_session);
	tcase_add_test(c, replayed_and_reordered_records);
	tcase_add_test(c, out_of_turn);
	tcase_add_loop_test(c, low_order_ephemeral, 0, LOW_ORDER_POINTS);
	tcase_add_loop_test(c, low_order_static, 0, LOW_ORDER_POINTS);
	tcase_add_test(c, record_sizes);
	tcase_add_test(c, message_sizes);
	tcase_add_test(c, last_nonce);
	tcase_add_test(c, same_bytes_as_libsodium);
	suite_add_tcase(s, c);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
