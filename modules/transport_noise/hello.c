/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hello.c - see hello.h.
 */
#include "hello.h"

#include <string.h>

#include "tlv.h"

enum { SESSION, INDEX, COUNT, COUNTER, WINDOW, VERSION, OBSERVED, PROTOCOLS, FIELDS };

#define AT(i) ((uint32_t)((i) * sizeof(struct tlv_value)))
static const struct tlv_row rows[FIELDS] = {
	{TLV_SESSION, false, HELLO_SESSION, HELLO_SESSION, AT(SESSION)},
	{TLV_INDEX, false, 1, 1, AT(INDEX)},
	{TLV_COUNT, false, 1, 1, AT(COUNT)},
	{TLV_COUNTER, false, 8, 8, AT(COUNTER)},
	{TLV_WINDOW, false, 4, 4, AT(WINDOW)},
	{TLV_VERSION, false, 0, 255, AT(VERSION)},
	{TLV_OBSERVED, false, 4, 16, AT(OBSERVED)},
	{TLV_PROTOCOLS, false, 0, 255, AT(PROTOCOLS)},
};

int hello_write(const struct hello *h, uint8_t *p, size_t size)
{
	static const uint8_t none[HELLO_SESSION];
	struct tlv_writer w;
	tlv_write_begin(&w, p, size);
	if (memcmp(h->session, none, sizeof(none)) != 0) {
		tlv_put(&w, TLV_SESSION, h->session, HELLO_SESSION);
		tlv_put_number(&w, TLV_INDEX, h->index, 1);
		tlv_put_number(&w, TLV_COUNT, h->count, 1);
		tlv_put_number(&w, TLV_COUNTER, h->counter, 8);
	}
	tlv_put_number(&w, TLV_WINDOW, h->window, 4);
	tlv_put(&w, TLV_VERSION, h->version, strlen(h->version));
	if (h->datagrams)
		tlv_put_number(&w, TLV_PROTOCOLS, WIRE_UDP, 1);
	if (h->observed.family)
		tlv_put(&w, TLV_OBSERVED, h->observed.ip, h->observed.family == 4 ? 4 : 16);
	return tlv_write_end(&w, size) < 0 ? -1 : 0;
}

/* It ends up in logs and tables: nothing but printable ASCII, cut to fit. */
static void read_version(struct hello *h, const struct tlv_value *v)
{
	size_t n = 0;
	for (uint32_t i = 0; i < v->len && n < sizeof(h->version) - 1; i++)
		if (v->p[i] > ' ' && v->p[i] < 127)
			h->version[n++] = (char)v->p[i];
	h->version[n] = 0;
}

int hello_read(struct hello *h, bool first, const uint8_t *p, size_t len)
{
	struct tlv_value v[FIELDS];
	memset(h, 0, sizeof(*h));
	if (tlv_read(rows, FIELDS, p, len, v) < 0)
		return -1;
	if (first && (!v[SESSION].p || !v[INDEX].p || !v[COUNT].p || !v[COUNTER].p))
		return -1;
	if (v[SESSION].p)
		memcpy(h->session, v[SESSION].p, HELLO_SESSION);
	h->index = (uint8_t)tlv_number(&v[INDEX]);
	h->count = (uint8_t)tlv_number(&v[COUNT]);
	h->counter = tlv_number(&v[COUNTER]);
	h->window = v[WINDOW].p ? (uint32_t)tlv_number(&v[WINDOW]) : WIRE_WINDOW;
	if (h->window > WIRE_CREDIT_MAX || h->counter >= WIRE_COUNTER_END || (first && h->index >= h->count))
		return -1;
	read_version(h, &v[VERSION]);
	h->datagrams = v[PROTOCOLS].p && memchr(v[PROTOCOLS].p, WIRE_UDP, v[PROTOCOLS].len);
	if (v[OBSERVED].len == 4 || v[OBSERVED].len == 16) {
		h->observed.family = v[OBSERVED].len == 4 ? 4 : 6;
		memcpy(h->observed.ip, v[OBSERVED].p, v[OBSERVED].len);
	}
	return 0;
}

void hello_prologue(const uint8_t *attempt, uint8_t out[HELLO_PROLOGUE])
{
	memset(out, 0, HELLO_PROLOGUE);
	memcpy(out, WIRE_PROLOGUE, sizeof(WIRE_PROLOGUE) - 1);
	if (attempt)
		memcpy(out + sizeof(WIRE_PROLOGUE) - 1, attempt, WIRE_ATTEMPT);
}

static int seal(void *self, uint8_t *p, size_t len)
{
	return noise_seal(&((struct hello_keys *)self)->send, p, len);
}

static int open_record(void *self, uint8_t *p, size_t len)
{
	return noise_open(&((struct hello_keys *)self)->receive, p, len);
}

int hello_keys_init(struct hello_keys *k, struct noise_handshake *h)
{
	k->crypto = (struct record_crypto){k, seal, open_record};
	memcpy(k->hash, noise_hash(h), NOISE_HASH);
	return noise_split(h, &k->send, &k->receive);
}

void hello_keys_fini(struct hello_keys *k)
{
	noise_cipher_fini(&k->send);
	noise_cipher_fini(&k->receive);
}
