/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_report.h - the file that `restunnel doctor --report FILE` writes: for a bug report, without what is nobody's business.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <jansson.h>

#include "cli.h"
#include "conf.h"

struct cli_report {
	const json_t *document; /* what doctor answers */
	const json_t *status;   /* NULL: nobody runs */
	const struct conf *conf; /* NULL: there is none */
};

/* A new file, 0600. 0, or 1 after saying why not (one that exists is left as it is). */
int cli_report_open(const struct cli *cli, const char *path, FILE **ret);
/* Write and close it. 0, or 1 after saying why not. */
int cli_report_write(const struct cli *cli, const char *path, FILE *to, const struct cli_report *r);

/* The checks for people: cli_doctor.c. */
void cli_report_checks(const struct cli_out *o, const json_t *document);

#endif
