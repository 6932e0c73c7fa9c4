/* SPDX-License-Identifier: BSD-2-Clause
 *
 * host.c - the table of functions that modules are given. Rule of names: member x is host_x.
 */
#include "call.h"
#include "command.h"
#include "event.h"
#include "file.h"
#include "instance.h"
#include "keepfd.h"
#include "log.h"
#include "loop.h"
#include "metric.h"
#include "net.h"
#include "records.h"
#include "relay.h"
#include "service.h"
#include "stream.h"
#include "timer.h"
#include "value.h"
#include "work.h"

#define HOST(x) .x = host_##x

const struct rtun_host host_table = {
	.size = sizeof(struct rtun_host), .abi_major = RTUN_ABI_MAJOR, .abi_minor = RTUN_ABI_MINOR,
	HOST(log), HOST(conf_error), HOST(data_dir), HOST(program_version),
	HOST(provide), HOST(publish), HOST(subscribe), HOST(unsubscribe),
	HOST(now), HOST(wall),
	HOST(timer_create), HOST(timer_start), HOST(timer_stop), HOST(timer_destroy),
	HOST(watch), HOST(watch_set), HOST(unwatch),
	HOST(defer_create), HOST(defer_start), HOST(defer_destroy),
	HOST(work), HOST(work_cancel), HOST(post),
	HOST(op_create), HOST(op_cancel), HOST(op_done),
	HOST(listen), HOST(listener_pause), HOST(unlisten), HOST(connect), HOST(stream_of_fd),
	HOST(stream_readv), HOST(stream_peek), HOST(stream_consume), HOST(stream_writev), HOST(stream_put),
	HOST(stream_shutdown), HOST(stream_abort), HOST(stream_want), HOST(stream_on_ready), HOST(stream_close), HOST(stream_finish),
	HOST(stream_addr), HOST(stream_option),
	HOST(stream_create), HOST(stream_feed), HOST(stream_feed_end), HOST(stream_ready), HOST(stream_pull), HOST(stream_failed),
	HOST(wrap), HOST(wrap_resume), HOST(relay_start), HOST(relay_abort),
	HOST(value_new), HOST(value_set), HOST(value_append), HOST(value_free),
	HOST(reply_ok), HOST(reply_fail), HOST(metric),
	HOST(file_replace), HOST(records_load), HOST(records_save),
	HOST(fd_keep), HOST(fd_kept),
	HOST(hold),
	HOST(call), HOST(event_json), HOST(stream_to_fd),
	HOST(conf_warn),
};
