/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_watch.c - `restunnel status --watch`: the status, and what every verb that is live shows, with rates in the place of
 * numbers of bytes. A daemon that is away is said to be, beside what was seen last; when it is back, it is seen.
 */
#include <config.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli_render.h"
#include "cli_status.h"

#define WATCH_SECONDS 2
#define WATCH_ANSWER_MS 2000 /* a verb that takes longer is not shown, ... */
#define WATCH_LATE 30        /* ... and asked again so many looks later */
#define WATCH_ROWS 24 /* of a terminal that does not say */
#define WATCH_COLUMNS 80

/* One look. */
struct watch_look {
	json_t *status, *all; /* NULL: there was none */
	json_t *verbs;        /* {verb: {instance or "": answer}} */
	int64_t at;           /* ms */
};

struct watch {
	const struct cli *cli;
	const char *data_dir;
	struct watch_look now, before;
	json_t *late; /* {"VERB INSTANCE": the look before which it is not asked again} */
	json_int_t looks;
	struct command_error err; /* text[0]: why the last look failed; `now` is older then */
};

static int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- Looking ---- */

static void watch_forget(struct watch_look *l)
{
	json_decref(l->status);
	json_decref(l->all);
	json_decref(l->verbs);
	*l = (struct watch_look){0};
}

/* What did not answer in time may do so yet, in the place of another's answer: so the connection is another one. */
static void ask_anew(struct watch *w, struct control_client **c)
{
	struct command_error ignored = {0};

	control_client_close(c);
	cli_status_connect(w->data_dir, c, &ignored);
}

/* An instance that has no answer (it fails, or is late) is not shown. */
static void ask_one(struct watch *w, struct control_client **c, const char *verb, const char *on, json_t *verbs)
{
	struct command_error ignored = {0};
	json_t *answer = NULL, *of = json_object_get(verbs, verb);
	char key[256];
	int rc;

	snprintf(key, sizeof(key), "%s %s", verb, on);
	if (!*c || w->looks < json_integer_value(json_object_get(w->late, key))) return;
	rc = control_client_call(*c, verb, *on ? on : NULL, NULL, WATCH_ANSWER_MS, &answer, &ignored);
	if (rc == -RTUN_ETIMEOUT) json_object_set_new(w->late, key, json_integer(w->looks + WATCH_LATE));
	if (rc == -RTUN_ETIMEOUT || rc == -RTUN_EIO) ask_anew(w, c);
	if (rc) return;
	if (!of) json_object_set_new(verbs, verb, of = json_object());
	json_object_set_new(of, on, answer);
}

static bool is_shown(const json_t *command)
{
	return json_is_true(json_object_get(command, "live")) && json_is_string(json_object_get(command, "view_items")) &&
	       json_is_string(json_object_get(command, "name"));
}

static void ask_all(struct watch *w, struct control_client **c, struct watch_look *l)
{
	const json_t *command, *on;
	size_t i, k;

	json_array_foreach(json_object_get(l->all, "commands"), i, command) {
		const char *name = is_shown(command) ? json_string_value(json_object_get(command, "name")) : NULL;

		if (name && json_is_null(json_object_get(command, "module"))) ask_one(w, c, name, "", l->verbs);
		json_array_foreach(json_object_get(command, "instances"), k, on)
			if (name && json_is_string(on)) ask_one(w, c, name, json_string_value(on), l->verbs);
	}
}

static void look(struct watch *w)
{
	struct watch_look l = {.verbs = json_object(), .at = clock_ms()};
	struct control_client *c = NULL;
	int rc;

	memset(&w->err, 0, sizeof(w->err));
	w->looks++;
	rc = cli_status_connect(w->data_dir, &c, &w->err);
	if (!rc) rc = cli_status_ask(c, &l.status, &w->err);
	if (!rc) rc = control_client_describe(c, &l.all, &w->err);
	if (!rc) ask_all(w, &c, &l);
	if (c) control_client_close(&c);
	if (rc) {
		watch_forget(&l);
		return;
	}
	watch_forget(&w->before);
	w->before = w->now;
	w->now = l;
}

/* ---- Rates ---- */

static const json_t *items_of(const struct watch_look *l, const struct cli_verb *verb, const char *on)
{
	return json_object_get(json_object_get(json_object_get(l->verbs, verb->name), on), verb->view_items);
}

/* The item that had the same name. */
static const json_t *item_before(const json_t *items, const struct cli_verb *verb, const json_t *item)
{
	const char *key = verb->views[0].field;
	const json_t *old;
	size_t i;

	json_array_foreach(items, i, old)
		if (json_equal(json_object_get(old, key), json_object_get(item, key))) return old;
	return NULL;
}

static json_t *rate(const json_t *before, const json_t *now, int64_t ms)
{
	char text[40];
	double n = (double)json_integer_value(now) - (double)json_integer_value(before);

	if (!json_is_integer(before) || !json_is_integer(now) || n < 0 || ms <= 0) return json_null();
	n = n * 1000 / (double)ms;
	cli_render_bytes(n < 1e18 ? (uint64_t)n : (uint64_t)1e18, text, sizeof(text) - 2); /* whatever a module says */
	return json_string(strcat(text, "/s"));
}

/* The items with rates where numbers of bytes were; a new reference. */
static json_t *with_rates(const struct watch *w, const struct cli_verb *verb, const char *on)
{
	json_t *items = json_deep_copy(items_of(&w->now, verb, on)), *item;
	const json_t *old = items_of(&w->before, verb, on);
	size_t i;

	json_array_foreach(items, i, item) {
		const json_t *before = item_before(old, verb, item);

		for (size_t v = 0; v < verb->view_count; v++) {
			const char *field = verb->views[v].field;

			if (verb->views[v].type == RTUN_V_BYTES)
				json_object_set_new(item, field,
						    rate(json_object_get(before, field), json_object_get(item, field), w->now.at - w->before.at));
		}
	}
	return json_pack("{s:o}", verb->view_items, items ? items : json_array());
}

/* ---- Showing ---- */

static void show_table(const struct cli_out *o, const struct watch *w, const struct cli_verb *verb, const char *on)
{
	json_t *answer = with_rates(w, verb, on);

	if (json_array_size(json_object_get(answer, verb->view_items))) {
		fputc('\n', o->out);
		if (json_object_size(json_object_get(w->now.verbs, verb->name)) > 1) fprintf(o->out, "%s:\n", on);
		cli_render(o, verb, answer);
	}
	json_decref(answer);
}

static void show_tables(const struct cli_out *o, const struct watch *w)
{
	json_t *command;
	size_t i;

	json_array_foreach(json_object_get(w->now.all, "commands"), i, command) {
		struct cli_verb *verb = is_shown(command) ? cli_verb_create(command) : NULL;
		const char *on;
		json_t *answer;

		if (verb && verb->view_count)
			json_object_foreach(json_object_get(w->now.verbs, verb->name), on, answer) show_table(o, w, verb, on);
		if (verb) cli_verb_destroy(&verb);
	}
}

static void show_silence(const struct cli_out *o, const struct watch *w)
{
	char span[40], *text = cli_out_text(w->err.text), *remedy = cli_out_text(w->err.remedy);

	fprintf(o->out, "%s%s%s\n", cli_out_on(o->out_colour, CLI_BAD), text, cli_out_off(o->out_colour, CLI_BAD));
	if (w->now.status)
		fprintf(o->out, "last heard %s ago; this goes on when it is back\n",
			cli_render_duration((uint64_t)(clock_ms() - w->now.at) / 1000, span, sizeof(span)));
	else if (*remedy)
		fprintf(o->out, "help: %s\n", remedy);
	free(text);
	free(remedy);
}

/* What was seen last is shown without colours, and so told from what is. */
static void show(const struct cli_out *o, const struct watch *w)
{
	struct cli_out old = *o;

	if (w->err.text[0]) {
		show_silence(o, w);
		old.out_colour = false;
	} else {
		cli_status_head(o, w->now.status);
	}
	if (!w->now.status) return;
	show_tables(&old, w);
	cli_status_rest(&old, w->now.status);
}

/* ---- On a terminal ---- */

static size_t rows_of(const char *line, size_t len, size_t columns)
{
	size_t width = 0;

	for (size_t i = 0; i < len; i++) {
		if (line[i] == '\033') i += strcspn(line + i, "m"); /* colours are all that there is */
		else width += ((unsigned char)line[i] & 0xc0) != 0x80;
	}
	return width ? (width + columns - 1) / columns : 1;
}

/* Over what is there, line by line, so that nothing flickers; one row stays for the cursor. */
static void draw(FILE *to, const char *text, size_t rows, size_t columns)
{
	fputs("\033[H", to);
	while (*text) {
		size_t len = strcspn(text, "\n"), need = rows_of(text, len, columns);

		if (need >= rows) break;
		rows -= need;
		fprintf(to, "%.*s\033[K\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
	fputs("\033[J", to);
}

static void show_on_terminal(const struct cli_out *o, const struct watch *w)
{
	struct cli_out page = *o;
	struct winsize size = {0};
	char *text = NULL;
	size_t len = 0;

	if (ioctl(fileno(o->out), TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col) size = (struct winsize){.ws_row = WATCH_ROWS, .ws_col = WATCH_COLUMNS};
	page.out = open_memstream(&text, &len);
	if (!page.out) abort();
	page.width = size.ws_col;
	show(&page, w);
	fclose(page.out);
	draw(o->out, text, size.ws_row, size.ws_col);
	free(text);
}

/* ---- Elsewhere ---- */

static void show_line(const struct cli_out *o, const struct watch *w)
{
	json_t *d = w->err.text[0] ? cli_status_of_silence(&w->err) : json_copy(w->now.status);

	json_object_set(d, "verbs", w->err.text[0] ? json_null() : w->now.verbs);
	if (json_dumpf(d, o->out, 0) == 0) fputc('\n', o->out);
	json_decref(d);
}

static void on_resize(int sig) { (void)sig; } /* ends the pause */

static void show_again(struct watch *w)
{
	struct cli_out o = w->cli->out;

	o.now = time(NULL);
	if (o.json)
		show_line(&o, w);
	else if (o.out_tty)
		show_on_terminal(&o, w);
	else
		show(&o, w);
	if (!o.json && !o.out_tty) fputc('\n', o.out);
}

int cli_watch(const struct cli *cli, const char *data_dir)
{
	const struct sigaction resize = {.sa_handler = on_resize};
	const struct timespec pause = {.tv_sec = WATCH_SECONDS};
	struct watch w = {.cli = cli, .data_dir = data_dir, .late = json_object()};

	sigaction(SIGWINCH, &resize, NULL);
	if (cli->out.out_tty && !cli->out.json) fputs("\033[2J", cli->out.out);
	do {
		look(&w);
		show_again(&w);
	} while (!cli_out_flush(&cli->out) && (nanosleep(&pause, NULL) || true));
	watch_forget(&w.now);
	watch_forget(&w.before);
	json_decref(w.late);
	return 1;
}
