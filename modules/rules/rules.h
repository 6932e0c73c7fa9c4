/* SPDX-License-Identifier: BSD-2-Clause
 *
 * rules.h - what the files of this module share.
 *
 *   match.c   does a rule concern a connection? Ports and times as they are written
 *   rules.c   options, and the dialer that asks
 */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>

#include <restunnel/module.h>
#include <restunnel/svc/dialer.h>

enum { RULES_ALLOW, RULES_DENY, RULES_ROUTE };

/* One entry of `rules:`. A key that is empty concerns everything. */
struct rules_rule {
	struct rtun_list domains, addresses; /* of texts, of struct rtun_prefix: the target is one of either */
	struct rtun_list ports, frontends, times; /* of texts */
	uint32_t action;
	uint32_t reserved;
	const char *exit;
};

/* "8333", "6660-6669" */
bool rules_parse_ports(const char *text, uint16_t *ret_first, uint16_t *ret_last);

struct rules_time {
	uint8_t days;         /* bit 0: Sunday, on which it begins */
	uint16_t from, until; /* minutes; until <= from: it ends on the next day */
};
/* "mon-fri 08:00-18:00", "sat,sun", "22:00-06:00" */
bool rules_parse_time(const char *text, struct rules_time *ret);
/* A weekday (0: Sunday) and the minutes since midnight. */
bool rules_time_match(const struct rules_time *t, int day, int minute);
/* A name or the end of one: letters, digits, '-', '_' and dots between labels. */
bool rules_is_domain(const char *text);

bool rules_match(const struct rules_rule *r, const struct rtun_dial_req *req, int64_t wall_ms);

static inline const char *rules_text(const struct rtun_list *l, uint32_t i)
{
	return *(const char *const *)((const char *)l->items + (size_t)i * l->item_size);
}

#endif
