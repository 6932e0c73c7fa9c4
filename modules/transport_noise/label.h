/* SPDX-License-Identifier: BSD-2-Clause
 *
 * label.h - names of devices, tags and hubs: [a-z0-9][a-z0-9-]{0,31}
 *
 * They are used in usernames that choose an exit, where some words start a term: no part between dashes may be one.
 */
#ifndef LABEL_H
#define LABEL_H

#include <stdbool.h>

#define LABEL_SIZE 33 /* with the NUL */
#define LABEL_ERROR 160

/* 0, or -1 with the reason in words. */
int label_check(const char *label, char error[LABEL_ERROR]);
/* The nearest good name to any text (a host name, what a stranger sent); `fallback` where nothing is left of it. */
void label_clean(const char *wish, const char *fallback, char ret_label[LABEL_SIZE]);
/* `label`, or when it is taken the first of label-2, label-3 ... that is not. */
void label_unique(const char *label, bool (*taken)(void *arg, const char *label), void *arg, char ret_label[LABEL_SIZE]);

#endif
