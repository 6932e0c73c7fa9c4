/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_conf.c - any bytes as a configuration or a list of records: a reason is given or a struct is filled; and what was
 * filled can be written and read again, unchanged.
 */
#include "addr.c"
#include "conf.c"
#include "conf_arena.c"
#include "conf_report.c"
#include "conf_syntax.c"
#include "conf_tree.c"
#include "nearest.c"
#include "schema.c"
#include "schema_doc.c"
#include "schema_value.c"
#include "schema_write.c"
#include "utf8.c"

struct all {
	const char *text;
	uint64_t number;
	uint32_t flag;
	uint64_t size, rate, time_out;
	uint32_t role;
	struct rtun_list texts, listen;
	struct rtun_hostport public;
	const char *file;
	struct rtun_ref to;
	const char *device;
	struct rtun_list tags;
	struct rtun_bytes key;
	int64_t seen;
	struct rtun_list deny;
};
static const struct rtun_option all_rows[] = {
	RTUN_TEXT(struct all, text, NULL, 0, NULL, ""),
	RTUN_INT(struct all, number, "7", 1, 100, 0, NULL, ""),
	RTUN_BOOL(struct all, flag, "no", 0, NULL, ""),
	RTUN_SIZE(struct all, size, NULL, 0, 0, 0, NULL, ""),
	RTUN_RATE(struct all, rate, NULL, 0, 0, 0, NULL, ""),
	RTUN_DURATION(struct all, time_out, NULL, 0, 0, 0, NULL, ""),
	RTUN_CHOICE(struct all, role, "a|b", NULL, 0, NULL, ""),
	RTUN_TEXTS(struct all, texts, NULL, 0, "role=b", ""),
	RTUN_LISTEN(struct all, listen, NULL, RTUN_LOCAL, NULL, ""),
	RTUN_HOSTPORT(struct all, public, NULL, 0, NULL, ""),
	RTUN_FILE(struct all, file, NULL, 0, NULL, ""),
	RTUN_REF(struct all, to, "x/1", 0, NULL, ""),
	RTUN_NAME(struct all, device, NULL, 0, NULL, ""),
	RTUN_NAMES(struct all, tags, NULL, 0, NULL, ""),
	RTUN_BYTES(struct all, key, NULL, 0, 0, 0, NULL, ""),
	RTUN_TIME(struct all, seen, NULL, 0, NULL, ""),
	RTUN_PREFIXES(struct all, deny, NULL, 0, NULL, ""),
};
static const struct rtun_schema all_schema = RTUN_SCHEMA(struct all, all_rows);

static struct schema_struct *read_text_of(const char *text, size_t len)
{
	struct conf_report r = CONF_REPORT_INIT;
	struct schema_struct *s = NULL;
	struct conf_tree *t;

	if (!conf_tree_parse("/f", text, len, &r, &t) != !r.errors || !t)
		abort();
	int err = schema_fill(&all_schema, t->root, (struct conf_place){"/f", 1, 1}, NULL, &r, &s);
	if ((err && !r.errors) || (!err && !s))
		abort();
	conf_report_sort(&r);
	conf_report_clear(&r);
	conf_tree_free(&t);
	return s;
}

static char *text_of(const void *cfg, size_t *ret_len)
{
	const struct rtun_option *row;
	char *yaml = NULL, key[64];
	FILE *to = open_memstream(&yaml, ret_len);

	for (uint32_t i = 0; (row = schema_row(&all_schema, i)); i++) {
		char *value = schema_value_text(row, cfg);
		if (value[0] && schema_when(&all_schema, cfg, row->when))
			fprintf(to, "%s: %s\n", schema_key(row->key, key), value);
		free(value);
	}
	fclose(to);
	return yaml;
}

static void never(void *arg, const struct rtun_option *row)
{
	(void)arg;
	fprintf(stderr, "%s changed\n", row->key);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct schema_struct *first = read_text_of((const char *)p, n), *again;
	size_t len;

	if (!first)
		return 0;
	char *yaml = text_of(first->cfg, &len);
	again = read_text_of(yaml, len);
	if (!again) {
		fprintf(stderr, "can't be read back:\n%s", yaml);
		abort();
	}
	schema_diff(&all_schema, first->cfg, again->cfg, never, NULL);
	schema_free(&first);
	schema_free(&again);
	free(yaml);
	return 0;
}
