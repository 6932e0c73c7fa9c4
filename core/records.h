/* SPDX-License-Identifier: BSD-2-Clause
 *
 * records.h - YAML files that are lists of records of one schema (devices.yaml, hubs.yaml).
 */
#ifndef RECORDS_H
#define RECORDS_H

#include "hostctx.h"

int host_records_load(struct rtun_ctx *ctx, const char *path, const char *list_key, const struct rtun_schema *schema, rtun_record_cb *cb,
		      void *arg);
int host_records_save(struct rtun_ctx *ctx, const char *path, const char *list_key, const struct rtun_schema *schema,
		      struct rtun_list records, const char *comment, uint32_t mode);

#endif
