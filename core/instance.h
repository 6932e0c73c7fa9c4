/* SPDX-License-Identifier: BSD-2-Clause
 *
 * instance.h - one entry of `modules:` at work: its module, its filled options, its references, its life.
 */
#ifndef INSTANCE_H
#define INSTANCE_H

#include "conf.h"
#include "hostctx.h"
#include "modload.h"
#include "schema.h"
#include "service.h"

struct app;

enum instance_state {
	INSTANCE_LOADED,  /* options filled, perhaps */
	INSTANCE_CREATED, /* `create` was called, even if it failed: `destroy` is due */
	INSTANCE_SET_UP,  /* `setup` was called: `stop` is due before it */
	INSTANCE_STARTED,
	INSTANCE_STOPPED,
};

struct instance {
	struct host_ctx host; /* first: a module's rtun_ctx * is an instance * */
	struct app *app;
	const struct modload_module *module;
	char *name;
	uint32_t log_level; /* 0: the program's */
	enum instance_state state;
	struct schema_struct *cfg;

	/* The entry it came from; good while a configuration is at hand that conf_error can point into. */
	const struct conf_entry *entry;
	struct conf_report *report; /* where conf_error goes; NULL: to the log */
	uint32_t complaints;        /* conf_error calls of this instance */

	struct service_provided *provided; /* since create */
	uint32_t provided_count;

	/* modgraph */
	struct instance **needs; /* those it refers to */
	uint32_t needs_count;
	uint32_t mark;
};

static inline struct instance *instance_of(struct rtun_ctx *ctx) { return ((struct host_ctx *)ctx)->instance; }

/* Fill the options of `entry`. `mod` may be NULL: an instance that is only a name, so that references to it are not
 * reported as well; so is one whose options are wrong: -RTUN_ECONFIG, reasons in `r`, *ret is there without cfg. Any
 * other failure: *ret is NULL. */
int instance_create(struct app *app, const struct conf_entry *entry, const struct modload_module *mod,
		    struct conf_report *r, struct instance **ret);
void instance_destroy(struct instance **in);

/* The callbacks of the module, in the states in which they are due. Reasons go to `r` where it is given, else to the
 * log; a failure that the module did not explain is explained. 0 or a negative RTUN_E... */
int instance_check(struct instance *in, struct conf_report *r);
int instance_begin(struct instance *in, struct conf_report *r); /* `create`; references are filled */
int instance_setup(struct instance *in);
int instance_prepare(struct instance *in);
int instance_start(struct instance *in);
int instance_reload(struct instance *in, const void *cfg);
void instance_drain(struct instance *in, uint64_t ns);
void instance_stop(struct instance *in);
void instance_advise(struct instance *in, struct conf_report *r);
void instance_status(struct instance *in, struct rtun_status *ret);

/* host table */
void host_conf_error(struct rtun_ctx *ctx, const char *key, const char *remedy, const char *fmt, va_list ap)
	__attribute__((format(printf, 4, 0)));
void host_conf_warn(struct rtun_ctx *ctx, const char *key, const char *code, const char *remedy, const char *fmt, va_list ap)
	__attribute__((format(printf, 5, 0)));
const char *host_data_dir(struct rtun_ctx *ctx);
const char *host_program_version(struct rtun_ctx *ctx);

#endif
