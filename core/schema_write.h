/* SPDX-License-Identifier: BSD-2-Clause
 *
 * schema_write.h - typed values to text. A value that is not set (no text, time 0) writes nothing.
 */
#ifndef SCHEMA_WRITE_H
#define SCHEMA_WRITE_H

#include "schema.h"

struct schema_unit {
	const char *name;
	uint64_t factor;
};

/* Of RTUN_T_SIZE, RATE and DURATION, smallest first, ended by a NULL name. */
const struct schema_unit *schema_units(uint32_t type);
/* "from 1s to 15m" */
void schema_limit_words(const struct rtun_option *row, char *buf, size_t len);

typedef void schema_write_fn(const struct rtun_option *row, const void *value, FILE *to);
schema_write_fn schema_write_text, schema_write_int, schema_write_bool, schema_write_unit, schema_write_choice,
	schema_write_endpoint, schema_write_hostport, schema_write_ref, schema_write_bytes, schema_write_time, schema_write_prefix,
	schema_write_record;

#endif
