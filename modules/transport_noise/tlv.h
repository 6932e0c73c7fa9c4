/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tlv.h - the payloads of knocks and handshakes: a row of {type u8, length u16 big endian, value}.
 *
 * Type 0 means: all the rest is padding. Unknown types are skipped, so that old programs understand newer ones. A known
 * type that comes twice, or with a length out of its limits, or anything that is cut off, makes all of it malformed.
 */
#ifndef TLV_H
#define TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLV_PAD 0
#define TLV_HEAD 3

/* A value points into the bytes it was read from; p is NULL when it was not there. */
struct tlv_value {
	const uint8_t *p;
	uint32_t len;
};

/* What is known: rows name the struct tlv_value at `offset` of the caller's struct. */
struct tlv_row {
	uint8_t type;
	bool required;
	uint16_t min, max; /* limits of the length */
	uint32_t offset;
};

/* Fill `out`, in which the rows' members are reset first. 0, or -1: malformed. */
int tlv_read(const struct tlv_row *rows, uint32_t count, const uint8_t *p, size_t len, void *out);
/* The value as a big-endian number, 0 when it is not there; it must not be longer than eight bytes. */
uint64_t tlv_number(const struct tlv_value *v);

struct tlv_writer {
	uint8_t *p;
	size_t cap, len;
	bool overflow; /* something did not fit: nothing more is written, the end fails */
};

void tlv_write_begin(struct tlv_writer *w, uint8_t *p, size_t cap);
void tlv_put(struct tlv_writer *w, uint8_t type, const void *value, size_t len);
/* The lowest `bytes` (1 to 8) of `n`, big endian. */
void tlv_put_number(struct tlv_writer *w, uint8_t type, uint64_t n, uint32_t bytes);
/* Padded to `size` bytes where it is shorter (0: not padded). The length, or -1: it did not fit in `size` or `cap`. */
int tlv_write_end(struct tlv_writer *w, size_t size);

#endif
