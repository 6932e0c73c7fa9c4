/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tlv.c - type, length, value.
 */
#include <string.h>

#include "tlv.h"

static struct tlv_value *value_of(const struct tlv_row *row, void *out)
{
	return (struct tlv_value *)(void *)((char *)out + row->offset);
}

static const struct tlv_row *find(const struct tlv_row *rows, uint32_t count, uint8_t type)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		if (rows[i].type == type)
			return &rows[i];
	return NULL;
}

static int take(const struct tlv_row *row, const uint8_t *p, uint32_t len, void *out)
{
	struct tlv_value *v = value_of(row, out);

	if (v->p || len < row->min || len > row->max)
		return -1;
	v->p = p;
	v->len = len;
	return 0;
}

int tlv_read(const struct tlv_row *rows, uint32_t count, const uint8_t *p, size_t len, void *out)
{
	const uint8_t *end = p + len;
	uint32_t i;

	for (i = 0; i < count; i++)
		*value_of(&rows[i], out) = (struct tlv_value){NULL, 0};
	while (p < end && *p != TLV_PAD) {
		const struct tlv_row *row = find(rows, count, *p);
		uint32_t n;

		if (end - p < TLV_HEAD)
			return -1;
		n = (uint32_t)p[1] << 8 | p[2];
		p += TLV_HEAD;
		if (n > (size_t)(end - p) || (row && take(row, p, n, out)))
			return -1;
		p += n;
	}
	for (i = 0; i < count; i++)
		if (rows[i].required && !value_of(&rows[i], out)->p)
			return -1;
	return 0;
}

uint64_t tlv_number(const struct tlv_value *v)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; v->p && i < v->len; i++)
		n = n << 8 | v->p[i];
	return n;
}

void tlv_write_begin(struct tlv_writer *w, uint8_t *p, size_t cap)
{
	*w = (struct tlv_writer){p, cap, 0, false};
}

void tlv_put(struct tlv_writer *w, uint8_t type, const void *value, size_t len)
{
	uint8_t *p = w->p + w->len;

	if (w->overflow || len > UINT16_MAX || w->cap - w->len < TLV_HEAD + len) {
		w->overflow = true;
		return;
	}
	p[0] = type;
	p[1] = (uint8_t)(len >> 8);
	p[2] = (uint8_t)len;
	if (len)
		memcpy(p + TLV_HEAD, value, len);
	w->len += TLV_HEAD + len;
}

void tlv_put_number(struct tlv_writer *w, uint8_t type, uint64_t n, uint32_t bytes)
{
	uint8_t p[8];
	uint32_t i;

	for (i = 0; i < bytes; i++)
		p[i] = (uint8_t)(n >> 8 * (bytes - 1 - i));
	tlv_put(w, type, p, bytes);
}

int tlv_write_end(struct tlv_writer *w, size_t size)
{
	if (w->overflow || size > w->cap || (size && w->len > size))
		return -1;
	if (size) {
		memset(w->p + w->len, TLV_PAD, size - w->len);
		w->len = size;
	}
	return (int)w->len;
}
