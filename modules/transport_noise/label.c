/* SPDX-License-Identifier: BSD-2-Clause
 *
 * label.c - names.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "label.h"

#define CHARS "abcdefghijklmnopqrstuvwxyz0123456789-"

static const char *const reserved[] = {"exit", "tag", "session", "any"};

/* The length of the first part when it is a reserved word, else 0. */
static size_t reserved_part(const char *part)
{
	size_t len = strcspn(part, "-"), i;

	for (i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strlen(reserved[i]) == len && !memcmp(part, reserved[i], len))
			return len;
	return 0;
}

int label_check(const char *label, char error[LABEL_ERROR])
{
	const char *part;
	size_t len = strlen(label), reserved_len;

	if (len < 1 || len >= LABEL_SIZE || label[0] == '-' || strspn(label, CHARS) != len) {
		snprintf(error, LABEL_ERROR, "\"%.40s\" is no good name: 1 to 32 of a-z, 0-9 and -, not beginning with -", label);
		return -1;
	}
	for (part = label; part; part = strchr(part, '-'), part += part ? 1 : 0) {
		reserved_len = reserved_part(part);
		if (!reserved_len)
			continue;
		snprintf(error, LABEL_ERROR, "\"%s\" is no good name: \"%.*s\" has a meaning of its own when an exit is chosen; put another word there",
			 label, (int)reserved_len, part);
		return -1;
	}
	return 0;
}

static char clean_char(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c && strchr(CHARS, c) ? c : '-';
}

/* Append a part that is neither empty nor reserved, as much of it as fits. */
static void append_part(char *label, const char *part, size_t len)
{
	size_t have = strlen(label), room = LABEL_SIZE - 1 - have - (have ? 1 : 0);

	if (!len || reserved_part(part) || have + 1 >= LABEL_SIZE - 1)
		return;
	snprintf(label + have, LABEL_SIZE - have, "%s%.*s", have ? "-" : "", (int)(len < room ? len : room), part);
	if (reserved_part(label + have + (have ? 1 : 0))) /* cut down to one */
		label[have] = 0;
}

void label_clean(const char *wish, const char *fallback, char ret_label[LABEL_SIZE])
{
	char text[256], *part;
	size_t i, len;

	for (i = 0; i < sizeof(text) - 1 && wish[i]; i++)
		text[i] = clean_char(wish[i]);
	text[i] = 0;
	ret_label[0] = 0;
	for (part = text; *part; part += len + (part[len] ? 1 : 0)) {
		len = strcspn(part, "-");
		append_part(ret_label, part, len);
	}
	if (!ret_label[0])
		snprintf(ret_label, LABEL_SIZE, "%s", fallback);
}

void label_unique(const char *label, bool (*taken)(void *arg, const char *label), void *arg, char ret_label[LABEL_SIZE])
{
	char suffix[12];
	uint32_t n;

	snprintf(ret_label, LABEL_SIZE, "%s", label);
	for (n = 2; taken(arg, ret_label); n++) {
		int room = LABEL_SIZE - 1 - snprintf(suffix, sizeof(suffix), "-%u", n);

		snprintf(ret_label, LABEL_SIZE, "%.*s%s", room, label, suffix);
	}
}
