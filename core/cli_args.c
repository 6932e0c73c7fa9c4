/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_args.c - words of a command line become the arguments that a verb's rows describe.
 */
#include "cli_args.h"

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "nearest.h"

#define LINE_MAX_BYTES 4096

/* The walk along the words. */
struct walk {
	const struct cli_verb *verb;
	const struct cli_call *call;
	const struct cli_out *o;
	json_t *args;
	int at;
	size_t positionals;
	bool only_positionals; /* after "--" */
};

static const char *shown_key(const struct cli_arg *arg, char buf[80])
{
	size_t i;

	if (!arg->positional) {
		snprintf(buf, 80, "--%s", arg->key);
		return buf;
	}
	for (i = 0; arg->key[i] && i < 79; i++)
		buf[i] = (char)(arg->key[i] >= 'a' && arg->key[i] <= 'z' ? arg->key[i] - 'a' + 'A' : arg->key[i]);
	buf[i] = 0;
	return buf;
}

static int put(struct walk *w, const struct cli_arg *arg, const char *value)
{
	json_t *had = json_object_get(w->args, arg->key), *text = json_string(value);
	char key[80];

	if (!text) return cli_out_usage(w->o, w->verb->name, "%s: the value is not UTF-8", shown_key(arg, key));
	if (arg->list) {
		if (!had) {
			had = json_array();
			json_object_set_new(w->args, arg->key, had);
		}
		json_array_append_new(had, text);
		return 0;
	}
	if (had) {
		json_decref(text);
		return cli_out_usage(w->o, w->verb->name, "%s is given twice", shown_key(arg, key));
	}
	json_object_set_new(w->args, arg->key, text);
	return 0;
}

static int unknown_option(const struct walk *w, const char *word)
{
	char name[64];
	struct nearest near;
	size_t len = strcspn(word, "=");

	snprintf(name, sizeof(name), "%.*s", (int)(len < 60 ? len : 60), word);
	nearest_init(&near, strncmp(name, "--", 2) ? "" : name + 2);
	for (size_t i = 0; i < w->verb->arg_count; i++)
		if (!w->verb->args[i].positional) nearest_try(&near, w->verb->args[i].key);
	if (near.best)
		return cli_out_usage(w->o, w->verb->name, "%s has no option %s; did you mean --%s?", w->verb->name, name, near.best);
	return cli_out_usage(w->o, w->verb->name, "%s has no option %s", w->verb->name, name);
}

static int take_option(struct walk *w)
{
	const char *word = w->call->argv[w->at++], *value = strchr(word, '=');
	char key[80];
	const struct cli_arg *arg;

	if (strncmp(word, "--", 2)) return unknown_option(w, word);
	snprintf(key, sizeof(key), "%.*s", (int)(value ? value - word - 2 : 79), word + 2);
	arg = cli_verb_option(w->verb, key);
	if (!arg) return unknown_option(w, word);
	if (value) return put(w, arg, value + 1);
	if (arg->type == RTUN_T_BOOL || arg->optional_value) return put(w, arg, "true");
	if (w->at >= w->call->argc) return cli_out_usage(w->o, w->verb->name, "--%s needs a value: %s", key,
			arg->words ? arg->words : "text");
	return put(w, arg, w->call->argv[w->at++]);
}

static int take_positional(struct walk *w)
{
	const char *word = w->call->argv[w->at++];
	const struct cli_arg *arg = cli_verb_positional(w->verb, w->positionals);

	if (!arg) return cli_out_usage(w->o, w->verb->name, "%s: '%s' is one argument too many", w->verb->name, word);
	if (!arg->rest) w->positionals++;
	return put(w, arg, word);
}

static int walk_words(struct walk *w)
{
	int rc = 0;

	while (!rc && w->at < w->call->argc) {
		const char *word = w->call->argv[w->at];

		if (!w->only_positionals && !strcmp(word, "--")) {
			w->only_positionals = true;
			w->at++;
		} else if (!w->only_positionals && word[0] == '-' && word[1]) {
			rc = take_option(w);
		} else {
			rc = take_positional(w);
		}
	}
	return rc;
}

/* One line, without echo where it is a secret. NULL: none came. */
static char *read_line(const struct cli_arg *arg, const struct cli_out *o, FILE *in, bool in_tty)
{
	char *line = malloc(LINE_MAX_BYTES);
	struct termios before, quiet;
	bool hidden = in_tty && arg->secret && tcgetattr(fileno(in), &before) == 0;

	if (!line) return NULL;
	if (in_tty) {
		fprintf(o->err, "%s: ", arg->doc ? arg->doc : arg->key);
		fflush(o->err);
	}
	if (hidden) {
		quiet = before;
		quiet.c_lflag &= (tcflag_t)~ECHO;
		tcsetattr(fileno(in), TCSAFLUSH, &quiet);
	}
	if (!fgets(line, LINE_MAX_BYTES, in)) {
		free(line);
		line = NULL;
	}
	if (hidden) {
		tcsetattr(fileno(in), TCSAFLUSH, &before);
		fputc('\n', o->err);
	}
	if (line) line[strcspn(line, "\r\n")] = 0;
	return line;
}

static int fill_missing(struct walk *w, const struct cli_arg *arg, FILE *in, bool in_tty)
{
	char key[80];
	char *line = arg->from_stdin ? read_line(arg, w->o, in, in_tty) : NULL;
	int rc = 0;

	if (line && *line) {
		rc = put(w, arg, line);
	} else if (arg->required || arg->from_stdin) {
		rc = cli_out_usage(w->o, w->verb->name, "%s needs %s%s%s%s", w->verb->name, shown_key(arg, key), arg->doc ? " (" : "",
				   arg->doc ? arg->doc : "", arg->doc ? ")" : "");
	}
	free(line);
	return rc;
}

int cli_args_parse(const struct cli_verb *verb, const struct cli_call *call, const struct cli_out *o, FILE *in, bool in_tty,
		   json_t **ret_args)
{
	struct walk w = {.verb = verb, .call = call, .o = o, .args = json_object()};
	int rc;

	*ret_args = NULL;
	if (!w.args) abort();
	rc = walk_words(&w);
	for (size_t i = 0; !rc && i < verb->arg_count; i++)
		if (!json_object_get(w.args, verb->args[i].key)) rc = fill_missing(&w, &verb->args[i], in, in_tty);
	if (rc) {
		json_decref(w.args);
	} else {
		*ret_args = w.args;
	}
	return rc;
}
