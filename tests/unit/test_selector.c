/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_selector.c - what a username may ask for, and what is refused rather than guessed.
 */
#include "bed.h"

#include "../../modules/transport_noise/selector.h"

#define LONG32 "abcdefghijabcdefghijabcdefghijab"

static const struct {
	const char *text;
	int result;
	const char *exit, *tag, *session;
	bool any;
} rows[] = {
	{NULL, 0, "", "", "", false},
	{"", 0, "", "", "", false},
	{"home", 0, "home", "", "", false},
	{"living-room", 0, "living-room", "", "", false},
	{"exit-living-room", 0, "living-room", "", "", false},
	{"exit-home-session-abc", 0, "home", "", "abc", false},
	{"home-session-abc-def", 0, "home", "", "abc-def", false},
	{"tag-mobile", 0, "", "mobile", "", false},
	{"tag-mobile-session-42", 0, "", "mobile", "42", false},
	{"session-42-tag-mobile", 0, "", "mobile", "42", false},
	{"any", 0, "", "", "", true},
	{"any-session-42", 0, "", "", "42", true},
	{"session-42-any", 0, "", "", "42", true},
	{"session-42", 0, "", "", "42", false},
	{"exits", 0, "exits", "", "", false},
	{"anyone", 0, "anyone", "", "", false},
	{"1", 0, "1", "", "", false},
	{LONG32, 0, LONG32, "", "", false},
	{"exit-" LONG32 "-session-" LONG32, 0, LONG32, "", LONG32, false},
	/* refused */
	{"exit", -1, 0, 0, 0, 0},
	{"tag", -1, 0, 0, 0, 0},
	{"session", -1, 0, 0, 0, 0},
	{"exit-", -1, 0, 0, 0, 0},
	{"-", -1, 0, 0, 0, 0},
	{"-home", -1, 0, 0, 0, 0},
	{"home-", -1, 0, 0, 0, 0},
	{"ho--me", -1, 0, 0, 0, 0},
	{"Home", -1, 0, 0, 0, 0},
	{"ho me", -1, 0, 0, 0, 0},
	{" home", -1, 0, 0, 0, 0},
	{"home\n", -1, 0, 0, 0, 0},
	{"h\xc3\xb6m", -1, 0, 0, 0, 0},
	{"a=b", -1, 0, 0, 0, 0},
	{"a%2db", -1, 0, 0, 0, 0},
	{"a_b", -1, 0, 0, 0, 0},
	{"any-any", -1, 0, 0, 0, 0},
	{"any-home", -1, 0, 0, 0, 0},
	{"any-exit-home", -1, 0, 0, 0, 0},
	{"any-tag-x", -1, 0, 0, 0, 0},
	{"home-any", -1, 0, 0, 0, 0},
	{"home-exit-work", -1, 0, 0, 0, 0},
	{"exit-home-exit-work", -1, 0, 0, 0, 0},
	{"exit-home-tag-x", -1, 0, 0, 0, 0},
	{"tag-x-tag-y", -1, 0, 0, 0, 0},
	{"home-session", -1, 0, 0, 0, 0},
	{"home-session-", -1, 0, 0, 0, 0},
	{"session-a-session-b", -1, 0, 0, 0, 0},
	{"exit-session-x", -1, 0, 0, 0, 0},
	{"exit-exit", -1, 0, 0, 0, 0},
	{"session-exit-home", -1, 0, 0, 0, 0},
	{LONG32 "c", -1, 0, 0, 0, 0},
	{LONG32 "-c", -1, 0, 0, 0, 0},
	{"tag-" LONG32 "c", -1, 0, 0, 0, 0},
};

START_TEST(selections)
{
	struct selector s;
	memset(&s, 0x55, sizeof(s));
	int r = selector_parse(rows[_i].text, &s);
	ck_assert_msg(r == rows[_i].result, "%s: %d", rows[_i].text ? rows[_i].text : "NULL", r);
	if (r < 0)
		return;
	ck_assert_str_eq(s.exit, rows[_i].exit);
	ck_assert_str_eq(s.tag, rows[_i].tag);
	ck_assert_str_eq(s.session, rows[_i].session);
	ck_assert(s.any == rows[_i].any);
}
END_TEST

/* What is understood can be written down again, and is understood the same. */
START_TEST(random_words)
{
	static const char *const words[] = {"exit", "tag", "session", "any", "home", "a", "9", "", "-", "A"};
	uint32_t seed = 1, understood = 0;
	for (int i = 0; i < 200000; i++) {
		char text[200] = "", again[400] = "";
		struct selector s, t;
		for (uint32_t k = 0, n = (seed >> 8) % 6; k <= n; k++) {
			seed = seed * 1664525 + 1013904223;
			strcat(strcat(text, k ? "-" : ""), words[(seed >> 16) % 10]);
		}
		if (selector_parse(text, &s) < 0 || !*text)
			continue;
		understood++;
		snprintf(again, sizeof(again), "%s%s%s%s%s-session-%s", s.any ? "any" : "", s.exit[0] ? "exit-" : "", s.exit,
			 s.tag[0] ? "tag-" : "", s.tag, s.session);
		if (!s.session[0])
			*strstr(again, "-session-") = 0;
		ck_assert_msg(selector_parse(again[0] == '-' ? again + 1 : again, &t) == 0, "%s: %s", text, again);
		ck_assert_msg(memcmp(&s, &t, sizeof(s)) == 0, "%s: %s", text, again);
	}
	ck_assert_uint_gt(understood, 1000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("selector");
	TCase *t = tcase_create("selector");
	tcase_add_loop_test(t, selections, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(t, random_words);
	suite_add_tcase(s, t);
	/* bed.h is for tests with a loop, too */
	(void)bed_setup, (void)bed_teardown;
	return bed_run(s);
}
