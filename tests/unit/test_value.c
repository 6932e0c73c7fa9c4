/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_value.c - value trees: built by the inlines that modules use, with every mistake remembered up to the root.
 */
#include "app_bed.h"
#include "utf8.h"
#include "value.h"

static struct host_ctx host;
static struct rtun_ctx *ctx;

static void open_host(void)
{
	host.ctx.host = &host_table;
	ctx = &host.ctx;
}

static int error; /* of what was told last */

static char *text_of(struct rtun_value *v)
{
	size_t len;
	char *text;
	error = value_take(&v, &text, &len);
	ck_assert(!error == !!text && (!text || strlen(text) == len));
	return text;
}

#define is(v, expected) \
	do { \
		char *text_ = text_of(v); \
		ck_assert_ptr_nonnull(text_); \
		ck_assert_str_eq(text_, expected); \
		free(text_); \
	} while (0)

START_TEST(all_kinds)
{
	struct rtun_value *o = rtun_object(ctx), *a = rtun_array(ctx);
	ck_assert_int_eq(rtun_append_text(ctx, a, "one"), 0);
	ck_assert_int_eq(rtun_append(a, rtun_object(ctx)), 0);
	ck_assert_int_eq(rtun_set_text(ctx, o, "t", "x"), 0);
	rtun_set_text(ctx, o, "no", NULL);
	rtun_set_int(ctx, o, "i", INT64_MIN);
	rtun_set_bool(ctx, o, "b", 7);
	rtun_set_null(ctx, o, "n");
	rtun_set_time(ctx, o, "when", 1700000000);
	rtun_set_time(ctx, o, "never", 0);
	rtun_set(o, "a", a);
	is(o, "{\"t\":\"x\",\"no\":null,\"i\":-9223372036854775808,\"b\":true,\"n\":null,\"when\":\"2023-11-14T22:13:20Z\",\"never\":null,"
	      "\"a\":[\"one\",{}]}");
}
END_TEST

START_TEST(text_that_is_not_utf8)
{
	struct rtun_value *o = rtun_object(ctx);
	rtun_set_text(ctx, o, "t", "a\xff\xc3(b");
	is(o, "{\"t\":\"a\xef\xbf\xbd\xef\xbf\xbd(b\"}");
}
END_TEST

/* All bytes, in a text and in a key: as jansson writes them. */
START_TEST(every_character)
{
	char all[256] = "", *expected;
	for (int i = 1; i < 256; i++) all[i - 1] = (char)i;
	json_t *text = value_json_text(all), *j = json_object();
	json_object_set(j, json_string_value(text), text);
	expected = json_dumps(j, JSON_COMPACT);
	struct rtun_value *o = rtun_object(ctx);
	rtun_set_text(ctx, o, all, all);
	is(o, expected);
	free(expected);
	json_decref(text);
	json_decref(j);
}
END_TEST

/* Texts of any length, where what is grown begins and goes on; and many of them. */
START_TEST(long_ones)
{
	char text[400];
	struct rtun_value *list = rtun_array(ctx);
	json_t *j = json_array();
	for (size_t n = 0; n < sizeof(text); n++) {
		memset(text, 'x', n);
		text[n] = 0;
		rtun_append_text(ctx, list, text);
		json_array_append_new(j, json_string(text));
	}
	char *expected = json_dumps(j, JSON_COMPACT);
	is(list, expected);
	free(expected);
	json_decref(j);
}
END_TEST

START_TEST(depth_has_an_end)
{
	struct rtun_value *inner = rtun_array(ctx), *outer;
	for (uint32_t depth = 1; depth < VALUE_DEPTH_MAX + 1; depth++, inner = outer) { /* of `inner` */
		outer = rtun_array(ctx);
		ck_assert_int_eq(rtun_append(outer, inner), depth < VALUE_DEPTH_MAX ? 0 : -RTUN_EINVAL);
	}
	ck_assert_ptr_null(text_of(outer));
	ck_assert_int_eq(error, -RTUN_EINVAL);
}
END_TEST

/* What a tree of the core's says. */
START_TEST(trees)
{
	is(value_of(json_pack("{s:[i, n], s:s}", "a", 1, "b", "x\n")), "{\"a\":[1,null],\"b\":\"x\\n\"}");
	is(value_of(json_true()), "true");
	ck_assert_ptr_null(text_of(value_of(NULL)));
	ck_assert_int_eq(error, -RTUN_ENOMEM);
}
END_TEST

START_TEST(mistakes_reach_the_root)
{
	struct rtun_value *o = rtun_object(ctx), *text = ctx->host->value_new(ctx, RTUN_VALUE_TEXT, "x", 0);
	ck_assert_int_lt(rtun_set_int(ctx, text, "k", 1), 0); /* a text has no members */
	ck_assert_int_lt(rtun_set(o, "t", text), 0);
	ck_assert_int_lt(rtun_set_int(ctx, o, "later", 1), 0);
	ck_assert_ptr_null(text_of(o));
	ck_assert_int_eq(error, -RTUN_EINVAL);
}
END_TEST

START_TEST(members_without_a_key)
{
	struct rtun_value *o = rtun_object(ctx), *a = rtun_array(ctx);
	ck_assert_int_lt(rtun_append_text(ctx, o, "x"), 0);
	ck_assert_ptr_null(text_of(o));
	ck_assert_int_lt(rtun_set_text(ctx, a, "k", "x"), 0);
	ck_assert_ptr_null(text_of(a));
	o = rtun_object(ctx);
	ck_assert_int_lt(rtun_set_text(ctx, o, NULL, "x"), 0);
	ck_assert_ptr_null(text_of(o));
}
END_TEST

START_TEST(unknown_kind)
{
	struct rtun_value *o = rtun_object(ctx);
	ck_assert_int_lt(rtun_set(o, "k", ctx->host->value_new(ctx, 99, NULL, 0)), 0);
	ck_assert_ptr_null(text_of(o));
}
END_TEST

START_TEST(failed_and_missing)
{
	struct rtun_value *o = rtun_object(ctx), *failed = value_of(json_null());
	ck_assert_int_lt(rtun_set(o, "k", NULL), 0);
	ck_assert_ptr_null(text_of(o));
	ctx->host->value_free(&failed);
	ck_assert_ptr_null(failed);
	ctx->host->value_free(&failed);
}
END_TEST

static const struct {
	const char *in, *escaped, *clean;
} texts[] = {
	{"plain", "plain", "plain"},
	{"a\nb\x1b[31m\x7f", "a\\x0ab\\x1b[31m\\x7f", "a\nb\x1b[31m\x7f"},
	{"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82"},
	{"\xc2\x9b" "31m", "\\xc2\\x9b" "31m", "\xc2\x9b" "31m"},                  /* C1: a terminal takes it for ESC [ */
	{"\xe2\x80\xae" "x", "\\xe2\\x80\\xae" "x", "\xe2\x80\xae" "x"},           /* right-to-left override */
	{"\xc0\x80|\xed\xa0\x80|\xf5", "\\xc0\\x80|\\xed\\xa0\\x80|\\xf5", "\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd"},
	{"\xe2\x82", "\\xe2\\x82", "\xef\xbf\xbd\xef\xbf\xbd"},                    /* cut off */
};

START_TEST(escapes)
{
	char buf[128];
	utf8_escape(texts[_i].in, buf, sizeof(buf));
	ck_assert_str_eq(buf, texts[_i].escaped);
	utf8_clean(texts[_i].in, buf, sizeof(buf));
	ck_assert_str_eq(buf, texts[_i].clean);
}
END_TEST

START_TEST(escapes_fit)
{
	char buf[8];
	utf8_escape("12345\n", buf, sizeof(buf)); /* \x0a would not fit whole */
	ck_assert_str_eq(buf, "12345");
	utf8_escape("1234567", buf, sizeof(buf));
	ck_assert_str_eq(buf, "1234567");
	utf8_escape("123456\xc3\xa9", buf, sizeof(buf));
	ck_assert_str_eq(buf, "123456");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("value");
	tcase_add_test(tc, all_kinds);
	tcase_add_test(tc, text_that_is_not_utf8);
	tcase_add_test(tc, every_character);
	tcase_add_test(tc, long_ones);
	tcase_add_test(tc, depth_has_an_end);
	tcase_add_test(tc, trees);
	tcase_add_test(tc, mistakes_reach_the_root);
	tcase_add_test(tc, members_without_a_key);
	tcase_add_test(tc, unknown_kind);
	tcase_add_test(tc, failed_and_missing);
	tcase_add_loop_test(tc, escapes, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_test(tc, escapes_fit);
	return bed_run_with(tc, "value", open_host, NULL);
}
