/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_report.c - a report that its owner can send to somebody: versions, system, configuration, status, checks.
 *
 * Of the configuration only what can't tell who or where somebody is: numbers, choices, references between instances,
 * loopback and wildcard addresses. What was left out is then also taken out of the texts that follow (cli_scrub.h).
 */
#include <config.h>

#include "cli_report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "cli_scrub.h"
#include "command.h"
#include "modload.h"
#include "schema.h"

static const char head[] =
	"A report of `restunnel doctor`. In it are: versions of restunnel and of the system; the configuration's keys, and those of its\n"
	"values that are numbers, choices, instances' names, loopback or wildcard addresses; what `status` and `doctor` say.\n"
	"Left out, shown as <removed> or <address>: every other value of the configuration, wherever it is met; addresses; what looks like\n"
	"a key or a token; names and addresses of what this machine is paired with. There are no lines of the log in it; if you are asked\n"
	"for them: " COMMAND_LOG " -n 200\n"
	"Read it before you send it.\n";

struct writer {
	FILE *to;
	struct cli_scrub *scrub;
	struct modload *modules;
};

/* As names are made of hosts: small letters, and one dash for all that stands between them. */
static void dash(char *text)
{
	char *to = text;

	for (const char *c = text; *c; c++) {
		if (*c >= 'A' && *c <= 'Z') *to++ = (char)(*c - 'A' + 'a');
		else if (*c != '.' && *c != ':' && *c != '-') *to++ = *c;
		else if (to != text && to[-1] != '-') *to++ = '-';
	}
	*to = 0;
}

/* "vps.example.net:9000": the host alone stands in texts, too, also as "vps-example-net", where a name is made of it. */
static void hide_value(const struct writer *w, const char *value)
{
	const char *colon = strrchr(value, ':');
	bool port = colon && colon[1] && !colon[1 + strspn(colon + 1, "0123456789")];
	size_t len = port ? (size_t)(colon - value) : strlen(value);
	bool brackets = len > 2 && value[0] == '[' && value[len - 1] == ']';
	char *host = brackets ? strndup(value + 1, len - 2) : strndup(value, len);

	if (!host) abort();
	cli_scrub_add(w->scrub, value);
	cli_scrub_add(w->scrub, host);
	dash(host);
	cli_scrub_add(w->scrub, host);
	free(host);
}

int cli_report_open(const struct cli *cli, const char *path, FILE **ret)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int error = errno;

	*ret = fd < 0 ? NULL : fdopen(fd, "w");
	if (*ret) return 0;
	if (fd >= 0) close(fd);
	return cli_out_fail(&cli->out, "report", error == EEXIST ? "name a new file" : NULL, "%s: %s", path,
			    error == EEXIST ? "it exists already, and is left as it is" : strerror(error));
}

static void title(const struct writer *w, const char *text) { fprintf(w->to, "\n==== %s\n\n", text); }

/* ---- Configuration ---- */

static bool is_local(const char *text)
{
	struct rtun_addr a;
	static const uint8_t zero[16];

	return addr_parse(text, &a) && (addr_is_loopback(&a) || !memcmp(a.ip, zero, sizeof(zero)));
}

static bool is_harmless(const struct conf_node *n, const struct rtun_option *row)
{
	if (!row) return false;
	switch (row->flags & RTUN_SECRET ? 0 : row->type) {
	case RTUN_T_INT: case RTUN_T_BOOL: case RTUN_T_SIZE: case RTUN_T_RATE: case RTUN_T_DURATION: case RTUN_T_CHOICE: case RTUN_T_REF:
	case RTUN_T_TIME:
		return true;
	case RTUN_T_LISTEN:
		return is_local(n->text);
	default:
		return false;
	}
}

/* Keys of the core, wherever they may stand. */
static bool is_core(const char *key)
{
	static const char *const keys[] = {"module", "name", "log", "log-level", "level", "format", "sandbox"};

	for (size_t i = 0; key && i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(key, keys[i])) return true;
	return false;
}

static void write_text(const struct writer *w, const char *text)
{
	char *shown = cli_out_text(text);

	fputs(shown, w->to);
	free(shown);
}

/* `key` is the nearest above, for items of a list. */
static void write_node(struct writer *w, const struct conf_node *n, const struct rtun_schema *schema, const char *key, int depth)
{
	if (n->key) key = n->key;
	fprintf(w->to, "%*s", depth * 2, "");
	write_text(w, n->key ? n->key : "-");
	if (n->key) fputc(':', w->to);
	if (n->kind == CONF_SCALAR) {
		bool shown = is_core(key) || is_harmless(n, key ? schema_find(schema, key) : NULL);

		fputc(' ', w->to);
		write_text(w, shown ? n->text : CLI_SCRUB_REMOVED);
		if (!shown) hide_value(w, n->text);
	}
	fputc('\n', w->to);
	if (n->kind == CONF_MAP && conf_node_get(n, "module")) {
		const struct modload_module *mod = NULL;
		const char *name = conf_node_get(n, "module")->text;
		struct modload_error err;

		schema = w->modules && name && modload_get(w->modules, name, &mod, &err) == 0 ? mod->m.schema : NULL;
	}
	for (const struct conf_node *c = n->child; c; c = c->next) write_node(w, c, schema, key, depth + 1);
}

static void write_configuration(struct writer *w, const struct conf *conf)
{
	title(w, "configuration");
	for (uint32_t i = 0; conf && i < conf->tree_count; i++) {
		const struct conf_tree *t = conf->trees[i];

		fprintf(w->to, "# file %u%s\n", i + 1, t->broken ? ", of which the end could not be read" : "");
		for (const struct conf_node *c = t->root ? t->root->child : NULL; c; c = c->next) write_node(w, c, NULL, NULL, 0);
	}
	if (!conf || !conf->tree_count) fputs("(none)\n", w->to);
}

/* ---- The rest ---- */

static void write_system(const struct writer *w)
{
	char line[256], when[32] = "";
	struct utsname u;
	time_t now = time(NULL);
	struct tm tm;
	FILE *f = fopen("/etc/os-release", "re");

	if (gmtime_r(&now, &tm)) strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	title(w, "versions");
	cli_version_print(w->to);
	if (!uname(&u)) fprintf(w->to, "%s %s %s\n", u.sysname, u.release, u.machine);
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "PRETTY_NAME=", 12)) fputs(line + 12, w->to);
	if (f) fclose(f);
	fprintf(w->to, "written %s\n", when);
}

static void write_scrubbed(const struct writer *w, const char *text)
{
	char *clean = cli_scrub_text(w->scrub, text);

	fputs(clean, w->to);
	free(clean);
}

static void write_status(const struct writer *w, const json_t *status)
{
	char *text = status ? json_dumps(status, JSON_INDENT(1)) : NULL;

	title(w, "status");
	write_scrubbed(w, text ? text : "(nobody answered)");
	fputc('\n', w->to);
	free(text);
}

static void write_checks(const struct writer *w, const struct cli *cli, const json_t *document)
{
	struct cli_out plain = cli->out;
	char *text = NULL;
	size_t len;

	plain.out = open_memstream(&text, &len);
	if (!plain.out) abort();
	plain.out_colour = false;
	cli_report_checks(&plain, document);
	fclose(plain.out);
	title(w, "doctor");
	write_scrubbed(w, text);
	free(text);
}

/* The directory of a file that is not where everybody has it. */
static void hide_directory(const struct writer *w, const char *path)
{
	char *dir = strdup(path), *slash = dir ? strrchr(dir, '/') : NULL;

	if (slash) *slash = 0;
	if (slash && strcmp(dir, SYSCONFDIR "/restunnel")) cli_scrub_add(w->scrub, dir);
	free(dir);
}

/* What modules have written about others: one "key: value" a line, the value perhaps in quotes. */
static void hide_named(const struct writer *w, FILE *f)
{
	char line[1024], key[32], value[512];

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " - %31[a-z-]: \"%511[^\"\n]", key, value) != 2 && sscanf(line, " - %31[a-z-]: %511[^\n]", key, value) != 2 &&
		    sscanf(line, " %31[a-z-]: \"%511[^\"\n]", key, value) != 2 && sscanf(line, " %31[a-z-]: %511[^\n]", key, value) != 2)
			continue;
		if (!strcmp(key, "name") || !strcmp(key, "address") || !strcmp(key, "host") || !strcmp(key, "device-name")) hide_value(w, value);
	}
}

static void hide_known(const struct writer *w, const char *data_dir)
{
	DIR *d = data_dir ? opendir(data_dir) : NULL;
	const struct dirent *e;

	while (d && (e = readdir(d))) {
		const char *end = strrchr(e->d_name, '.');
		int fd = end && !strcmp(end, ".yaml") ? openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
		FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

		if (f) {
			hide_named(w, f);
			fclose(f);
		} else if (fd >= 0) {
			close(fd);
		}
	}
	if (d) closedir(d);
}

int cli_report_write(const struct cli *cli, const char *path, FILE *to, const struct cli_report *r)
{
	struct writer w = {.to = to, .scrub = cli_scrub_create()};
	int failed;

	modload_create(cli->call.module_dir, NULL, &w.modules);
	hide_directory(&w, cli->call.config);
	fputs(head, to);
	write_system(&w);
	write_configuration(&w, r->conf);
	hide_known(&w, r->conf ? r->conf->data_dir : NULL);
	write_status(&w, r->status);
	write_checks(&w, cli, r->document);
	modload_destroy(&w.modules);
	cli_scrub_destroy(&w.scrub);
	failed = ferror(to);
	if (fclose(to) || failed) return cli_out_fail(&cli->out, "report", NULL, "%s could not be written: %s", path, strerror(errno));
	if (!cli->out.json) fprintf(cli->out.err, "The report is in %s. Read it before you send it.\n", path);
	return 0;
}
