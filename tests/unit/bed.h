/* SPDX-License-Identifier: BSD-2-Clause
 *
 * bed.h - where unit tests of modules run them: the core's own loop, timers and streams in virtual time, with logs,
 * complaints about the configuration, services and events caught instead of sent on.
 */
#ifndef BED_H
#define BED_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <restunnel/module.h>

#include "hostctx.h"
#include "loop.h"

#define BED_TEXT 512

static struct {
	struct rtun_host host;
	struct loop *loop;
	char log[BED_TEXT];        /* the last line */
	uint32_t log_level;        /* and its level */
	char conf_error[BED_TEXT]; /* the last one, and how many */
	uint32_t conf_errors;
	const void *ops; /* the service that was provided */
	void *obj;
	bool virtual;
	uint32_t events; /* how many were published */
	const struct rtun_event_type *event_type;
	uint64_t event[16]; /* the last one's payload; texts in it must outlive it */
	char event_json[BED_TEXT]; /* the same as the command line gets it */
} bed;

RTUN_PRINTF(3, 0) static void bed_log(struct rtun_ctx *ctx, uint32_t level, const char *fmt, va_list ap)
{
	(void)ctx;
	bed.log_level = level;
	vsnprintf(bed.log, sizeof(bed.log), fmt, ap);
}

RTUN_PRINTF(4, 0) static void bed_conf_error(struct rtun_ctx *ctx, const char *key, const char *remedy, const char *fmt, va_list ap)
{
	(void)ctx, (void)key, (void)remedy;
	vsnprintf(bed.conf_error, sizeof(bed.conf_error), fmt, ap);
	bed.conf_errors++;
}

static int bed_provide(struct rtun_ctx *ctx, const char *service, const void *ops, void *obj)
{
	(void)ctx, (void)service;
	bed.ops = ops;
	bed.obj = obj;
	return 0;
}

static void bed_publish(struct rtun_ctx *ctx, const struct rtun_event_type *type, const void *payload)
{
	ck_assert_uint_le(type->payload_size, sizeof(bed.event));
	memcpy(bed.event, payload, type->payload_size);
	ck_assert_int_gt(rtun_event_json(ctx, type, "bed", payload, bed.event_json, sizeof(bed.event_json)), 0);
	bed.event_type = type;
	bed.events++;
}

static void bed_setup(bool virtual, struct host_ctx *ret_ctx)
{
	memset(&bed, 0, sizeof(bed));
	bed.virtual = virtual;
	bed.host = host_table;
	bed.host.log = bed_log;
	bed.host.conf_error = bed_conf_error;
	bed.host.provide = bed_provide;
	bed.host.publish = bed_publish;
	ck_assert_int_eq(virtual ? loop_create_virtual(&bed.loop) : loop_create(&bed.loop), 0);
	*ret_ctx = (struct host_ctx){.ctx = {.host = &bed.host, .instance = "bed"}, .loop = bed.loop};
}

static void bed_teardown(void)
{
	if (bed.virtual) /* streams that are let go politely take their time */
		loop_advance(bed.loop, 600 * RTUN_S);
	loop_destroy(&bed.loop);
}

/* Some turns of the loop: enough for what happens without time passing. */
static inline void bed_turns(int n)
{
	while (n--)
		loop_turn(bed.loop);
}

/* A file of the source tree: works from "make check" and from the top directory. */
static inline FILE *bed_open(const char *path)
{
	char full[1024];
	const char *src = getenv("RESTUNNEL_SRC");
	snprintf(full, sizeof(full), "%s/%s", src ? src : ".", path);
	FILE *f = fopen(full, "r");
	ck_assert_msg(f != NULL, "%s can't be opened; run this from the top directory, or set RESTUNNEL_SRC", full);
	return f;
}

static inline int bed_run(Suite *s)
{
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}

#endif
