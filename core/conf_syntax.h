/* SPDX-License-Identifier: BSD-2-Clause
 *
 * conf_syntax.h - libyaml's syntax errors in the words of people who don't know YAML by heart.
 */
#ifndef CONF_SYNTAX_H
#define CONF_SYNTAX_H

#include <yaml.h>

#include "conf.h"

/* Report the error at which `yaml` stopped reading `text`. */
void conf_syntax_report(const yaml_parser_t *yaml, const char *file, const char *text, size_t len, struct conf_report *r);

#endif
