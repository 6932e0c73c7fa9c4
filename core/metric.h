/* SPDX-License-Identifier: BSD-2-Clause
 *
 * metric.h - metrics of all instances as Prometheus text (version 0.0.4).
 */
#ifndef METRIC_H
#define METRIC_H

#include "hostctx.h"

struct app;

/* All of them: the core's own, then each name once with the samples of every instance that has it. Where more than one
 * has it, a label `instance` tells them apart. Caller frees; NULL when out of memory. */
char *metric_render(struct app *app);

void host_metric(struct rtun_metric_sink *sink, double value, const char *const *label_values, uint32_t n);

#endif
