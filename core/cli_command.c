/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_command.c - a verb of a module, from the words of the command line to the words of the answer.
 */
#include <config.h>

#include "cli.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli_png.h"
#include "cli_qr.h"
#include "cli_render.h"
#include "cli_source.h"

#define ANSWER_MS 150000 /* the daemon's own limits are shorter, and their words better */

/* One verb under way. */
struct asking {
	const struct cli *cli;
	struct cli_source source;
	struct cli_verb *verb;
	json_t *args, *answer;
	struct control_client *follower;
	struct cli_png *png;
};

/* ---- Pictures ---- */

static int draw(struct asking *a)
{
	const struct cli_out *o = &a->cli->out;
	const char *field = cli_verb_qr(a->verb);
	const char *text = field ? json_string_value(json_object_get(a->answer, field)) : NULL;
	enum cli_qr_mode mode = cli_qr_choose(a->cli->call.qr, o->out_tty, o->utf8, getenv("TERM"));

	if (!text) return 0;
	if (!o->json && cli_qr_print(o->out, text, mode))
		fprintf(o->err, "restunnel: the text is too long for a QR code\n");
	return a->png ? cli_png_keep(a->png, o, text) : 0;
}

/* ---- Waiting for what follows ---- */

static int64_t expiry(const struct asking *a)
{
	const char *text = json_string_value(json_object_get(a->answer, "expires_at"));
	struct tm tm = {0};

	return text && strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) ? (int64_t)timegm(&tm) : 0;
}

static bool is_ours(const struct asking *a, const json_t *fields)
{
	const char *key = a->verb->follow_key;

	return !key || json_equal(json_object_get(fields, key), json_object_get(a->answer, key));
}

/* It came (0), or it can't come any more (1). */
static int followed(const struct asking *a, bool in_vain, const json_t *fields)
{
	const struct cli_out *o = &a->cli->out;
	const char *event = in_vain ? a->verb->follow_end : a->verb->follow;
	const char *words = in_vain ? a->verb->follow_end_text : a->verb->follow_text;
	char *text = cli_render_fields(words ? words : event, fields);
	int rc = 0;

	fprintf(o->err, "\n");
	if (in_vain)
		rc = cli_out_fail(o, "void", NULL, "%s", text);
	else
		fprintf(o->out, "%s\n", text);
	free(text);
	return rc;
}

static int follow(struct asking *a)
{
	const struct cli_out *o = &a->cli->out;
	int64_t end = expiry(a);

	fprintf(o->err, "Waiting (Ctrl-C ends the waiting, nothing else) ...");
	fflush(o->err);
	for (;;) {
		struct command_error err = {0};
		int64_t left = end ? end - (int64_t)time(NULL) : 3600;
		json_t *event = NULL;
		int ms = left > 3600 ? 3600000 : (int)left * 1000;
		int rc = left > 0 ? control_client_next(a->follower, ms, &event, &err) : -RTUN_ETIMEOUT;
		const json_t *fields = json_object_get(event, "fields");

		if (rc == 0 && is_ours(a, fields)) {
			const char *name = json_string_value(json_object_get(event, "event"));

			rc = followed(a, name && a->verb->follow_end && !strcmp(name, a->verb->follow_end), fields);
			json_decref(event);
			return rc;
		}
		json_decref(event);
		if (rc == 0 || rc == -RTUN_EAGAIN) continue;
		fprintf(o->err, "\n");
		if (rc == -RTUN_ETIMEOUT) return cli_out_fail(o, "expired", NULL, "nothing came in time");
		return cli_out_fail(o, err.code[0] ? err.code : "ended", err.remedy, "%s", err.text[0] ? err.text : "the daemon has ended");
	}
}

/* Listen before asking, or what comes between the two is missed. */
static void start_follow(struct asking *a)
{
	const char *names[] = {a->verb->follow, a->verb->follow_end};
	struct command_error err;

	if (!names[0] || !a->source.client || !a->cli->out.out_tty || a->cli->out.json) return;
	if (control_client_open(a->source.data_dir, &a->follower, &err)) return;
	if (control_client_follow(a->follower, names, names[1] ? 2 : 1, &err)) control_client_close(&a->follower);
}

/* ---- Asking ---- */

static int needs_daemon(const struct asking *a)
{
	return cli_out_fail(&a->cli->out, "not-running", COMMAND_START,
			    "%s needs the running daemon, and none runs on %s", a->verb->name, a->source.data_dir);
}

static int nobody_has(const struct asking *a)
{
	return cli_out_fail(&a->cli->out, "unknown-instance", "run it where it belongs: `restunnel help` shows the verbs that work here",
			    "nothing in %s has the verb %s", a->cli->call.config, a->verb->name);
}

static int find_verb(struct asking *a)
{
	const struct cli *cli = a->cli;
	json_t *description = cli_verb_find(a->source.all, cli->call.verb, cli->call.on);

	if (!description) return cli_help_unknown(cli, cli->call.verb, a->source.all);
	a->verb = cli_verb_create(description);
	if (!a->verb) abort();
	if ((cli->call.qr || cli->call.png) && !cli_verb_qr(a->verb))
		return cli_out_usage(&cli->out, a->verb->name, "%s shows no QR code: it has no --%s", a->verb->name,
				cli->call.qr ? "qr" : "png");
	if (!a->source.client && !a->verb->offline) /* before anything is asked */
		return cli_verb_is_meant(description) ? needs_daemon(a) : nobody_has(a);
	return cli_args_parse(a->verb, &cli->call, &cli->out, stdin, isatty(STDIN_FILENO), &a->args);
}

/* Codes of the core that mean: the command line was wrong. */
static bool is_usage(const char *code)
{
	static const char *const codes[] = {"bad-argument", "unknown-command", "unknown-instance", "ambiguous-command"};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (!strcmp(code, codes[i])) return true;
	return false;
}

static int ask(struct asking *a)
{
	const struct cli_call *call = &a->cli->call;
	struct command_error err = {0};
	int rc;

	if (a->source.client) {
		rc = control_client_call(a->source.client, a->verb->name, call->on, a->args, ANSWER_MS, &a->answer, &err);
	} else {
		rc = app_command(a->source.app, a->verb->name, call->on, a->args, 0, &a->answer, &err);
	}
	if (!rc) return 0;
	cli_out_fail(&a->cli->out, err.code[0] ? err.code : "failed", err.remedy, "%s", err.text[0] ? err.text : "no answer");
	return is_usage(err.code) ? 2 : 1;
}

static int show(struct asking *a)
{
	const struct cli_out *o = &a->cli->out;
	int rc;

	if (!o->json) cli_render(o, a->verb, a->answer);
	rc = draw(a);
	if (o->json && !rc) return cli_out_json(o, a->answer);
	if (cli_out_flush(o)) return 1;
	return rc || !a->follower ? rc : follow(a);
}

int cli_command_run(const struct cli *cli)
{
	struct asking a = {.cli = cli};
	/* before anything else, as the user who typed the command */
	int rc = cli->call.png ? cli_png_open(cli->call.png, &cli->out, &a.png) : 0;

	if (!rc) rc = cli_source_open(cli, &a.source);
	if (!rc) rc = find_verb(&a);
	if (!rc) {
		start_follow(&a);
		rc = ask(&a);
	}
	if (!rc) rc = show(&a);
	cli_png_close(&a.png);
	if (a.follower) control_client_close(&a.follower);
	json_decref(a.answer);
	json_decref(a.args);
	cli_verb_destroy(&a.verb);
	cli_source_close(&a.source);
	return rc;
}
