/* SPDX-License-Identifier: BSD-2-Clause
 *
 * control_conn.c - one connection to the control socket: a line in, a line out. Never blocks, never grows beyond its
 * bounds: who sends too much or reads too little is dropped.
 */
#include "control_conn.h"
#include "value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_state.h"
#include "control.h"
#include "event.h"
#include "loop.h"
#include "timer.h"

#define CONTROL_STALL (30 * RTUN_S) /* output waits and nothing of it is read */
#define CONTROL_FOLLOWS 16U

struct control_conn {
	struct control_conn *next;
	struct app *app;
	int fd;
	struct rtun_watch *watch;
	struct rtun_timer *stall;
	struct loop_defer defer; /* answers whose turn has come; the end */
	void (*gone)(void *arg, struct control_conn *conn);
	void *arg;
	char *in, *out;
	size_t in_len, in_size, out_len, out_size;
	struct rtun_reply *reply; /* a verb is at work */
	struct rtun_subscription *follows[CONTROL_FOLLOWS];
	uint32_t follow_count;
	bool ended;  /* no further request comes */
	bool broken; /* to be closed at the end of the turn */
};

static void control_conn_update(struct control_conn *c);

struct control_conn **control_conn_next(struct control_conn *c) { return &c->next; }

void control_conn_destroy(struct control_conn *c)
{
	c->gone(c->arg, c);
	command_abandon(&c->reply);
	while (c->follow_count) host_unsubscribe(&c->follows[--c->follow_count]);
	loop_defer_cancel(&c->defer);
	host_timer_destroy(&c->stall);
	host_unwatch(&c->watch);
	close(c->fd);
	free(c->in);
	free(c->out);
	free(c);
}

/* ---- out ---- */

static void control_conn_flush(struct control_conn *c)
{
	size_t sent = 0;
	if (!c->out_len) return;
	while (sent < c->out_len) {
		ssize_t n = send(c->fd, c->out + sent, c->out_len - sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0 && errno != EAGAIN) c->broken = true;
		if (n <= 0) break;
		sent += (size_t)n;
	}
	memmove(c->out, c->out + sent, c->out_len - sent);
	c->out_len -= sent;
	if (!c->out_len)
		host_timer_stop(c->stall);
	else if (sent)
		host_timer_start(c->stall, CONTROL_STALL);
}

static int control_conn_room(struct control_conn *c, size_t len)
{
	size_t size = c->out_size ? c->out_size : 4096;
	if (c->out_len + len > CONTROL_OUTPUT_MAX) return -RTUN_EOVERLOAD;
	while (size < c->out_len + len) size *= 2;
	if (size == c->out_size) return 0;
	char *out = realloc(c->out, size);
	if (!out) return -RTUN_ENOMEM;
	c->out = out;
	c->out_size = size;
	return 0;
}

static void control_conn_append(struct control_conn *c, const char *text, size_t len)
{
	memcpy(c->out + c->out_len, text, len);
	c->out_len += len;
}

/* A line of these three. False: it is too long, or there is no memory, and nothing was put. */
static bool control_conn_put(struct control_conn *c, const char *before, const char *text, size_t len, const char *after)
{
	loop_defer_start(&c->defer);
	if (control_conn_room(c, strlen(before) + len + strlen(after))) return false;
	if (!c->out_len) host_timer_start(c->stall, CONTROL_STALL);
	control_conn_append(c, before, strlen(before));
	control_conn_append(c, text, len);
	control_conn_append(c, after, strlen(after));
	return true;
}

/* Takes the reference; NULL: there was no memory for it. */
static void control_conn_say(struct control_conn *c, json_t *j)
{
	char *line = j ? json_dumps(j, JSON_COMPACT) : NULL;
	if (!line || !control_conn_put(c, "", line, strlen(line), "\n")) c->broken = true;
	free(line);
	json_decref(j);
}

static void control_conn_fail(struct control_conn *c, const struct command_error *e)
{
	json_t *remedy = e->remedy[0] ? value_json_text(e->remedy) : json_null();
	control_conn_say(c, json_pack("{s:{s:s, s:o, s:o}}", "error", "code", e->code, "text", value_json_text(e->text),
					"remedy", remedy));
}

/* ---- requests ---- */

static void control_conn_answer(void *arg, char *answer, size_t len, const struct command_error *err)
{
	struct control_conn *c = arg;
	struct command_error large;
	bool put = answer && control_conn_put(c, "{\"ok\":", answer, len, "}\n");
	if (answer && !put) command_error_set(&large, "answer-too-large", NULL, "the answer is larger than %u MiB", CONTROL_OUTPUT_MAX >> 20);
	free(answer);
	if (!put) control_conn_fail(c, err ? err : &large);
}

static void control_conn_event(void *arg, const struct rtun_event_type *type, const char *instance, const void *payload)
{
	control_conn_say(arg, event_json(type, instance, payload));
}

static void control_conn_verb(struct control_conn *c, const json_t *request)
{
	struct instance *in;
	const struct rtun_command *cmd;
	struct command_error err;
	const json_t *args = json_object_get(request, "args");
	if (c->app->stopping) { /* instances that have been stopped are not called any more */
		command_error_set(&err, "stopping", NULL, "restunnel is about to stop");
		control_conn_fail(c, &err);
		return;
	}
	int rc = app_find_command(c->app, json_string_value(json_object_get(request, "verb")),
				  json_string_value(json_object_get(request, "on")), &in,
				  &cmd, &err);
	if (rc)
		control_conn_fail(c, &err);
	else
		command_call(in ? &in->host.ctx : &c->app->core.ctx, cmd, json_is_null(args) ? NULL : args, control_conn_answer,
			     c, &c->reply);
}

static void control_conn_follow(struct control_conn *c, const json_t *names)
{
	struct command_error err;
	const json_t *name;
	size_t i;
	bool good = json_array_size(names) > 0 && json_array_size(names) + c->follow_count <= CONTROL_FOLLOWS;
	json_array_foreach(names, i, name)
		if (!json_is_string(name)) good = false;
	if (!good) {
		command_error_set(&err, "bad-request", NULL, "\"follow\" takes a list of 1 to %u names of events", CONTROL_FOLLOWS);
		control_conn_fail(c, &err);
		return;
	}
	json_array_foreach(names, i, name) {
		if (event_subscribe(c->app->events, json_string_value(name), control_conn_event, c, &c->follows[c->follow_count]))
			c->broken = true;
		else
			c->follow_count++;
	}
	control_conn_say(c, json_pack("{s:{}}", "ok"));
}

static void control_conn_request(struct control_conn *c, const json_t *request)
{
	struct command_error err;
	if (json_is_string(json_object_get(request, "verb"))) {
		control_conn_verb(c, request);
	} else if (json_is_array(json_object_get(request, "follow"))) {
		control_conn_follow(c, json_object_get(request, "follow"));
	} else if (json_is_true(json_object_get(request, "describe"))) {
		control_conn_say(c, json_pack("{s:o}", "ok", app_describe(c->app)));
	} else {
		command_error_set(&err, "bad-request", NULL,
				  "a request is a line of JSON: an object with \"verb\", \"follow\" or \"describe\"");
		control_conn_fail(c, &err);
	}
}

/* Requests that have come whole, one at a time: while an answer is awaited or has not been read, the next one waits. */
static void control_conn_requests(struct control_conn *c)
{
	char *end;
	while (!c->broken && !c->reply && !c->out_len && (end = c->in_len ? memchr(c->in, '\n', c->in_len) : NULL)) {
		size_t len = (size_t)(end - c->in);
		json_t *request = json_loadb(c->in, len, JSON_REJECT_DUPLICATES, NULL);
		c->in_len -= len + 1;
		memmove(c->in, end + 1, c->in_len);
		control_conn_request(c, request);
		json_decref(request);
		control_conn_flush(c);
	}
}

/* ---- in ---- */

static void control_conn_read(struct control_conn *c)
{
	if (c->in_size - c->in_len < 4096) {
		size_t size = c->in_size ? c->in_size * 2 : 4096;
		char *in = size <= CONTROL_REQUEST_MAX ? realloc(c->in, size) : c->in_len < c->in_size ? c->in : NULL;
		if (!in) { /* a request beyond all bounds */
			c->broken = true;
			return;
		}
		if (size <= CONTROL_REQUEST_MAX) c->in_size = size;
		c->in = in;
	}
	ssize_t n = recv(c->fd, c->in + c->in_len, c->in_size - c->in_len, 0);
	if (n > 0)
		c->in_len += (size_t)n;
	else if (!n)
		c->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		c->broken = true;
}

static void control_conn_on_watch(void *arg, int fd, uint32_t events)
{
	struct control_conn *c = arg;
	(void)fd;
	if (events & RTUN_WRITE) control_conn_flush(c);
	if (events & RTUN_READ && !c->reply && !c->ended) control_conn_read(c);
	control_conn_update(c);
}

static void control_conn_on_stall(void *arg)
{
	struct control_conn *c = arg;
	c->broken = true;
	loop_defer_start(&c->defer);
}

/* Do what can be done now, then wait for what is needed for more; or end. */
static void control_conn_update(struct control_conn *c)
{
	if (c->out_len && !c->broken) control_conn_flush(c);
	control_conn_requests(c);
	bool idle = !c->reply && !c->out_len;
	if (c->broken || (c->ended && idle)) {
		control_conn_destroy(c);
		return;
	}
	host_watch_set(c->watch, (c->out_len ? RTUN_WRITE : 0) | (idle && !c->ended ? RTUN_READ : 0));
}

static void control_conn_on_defer(void *arg) { control_conn_update(arg); }

int control_conn_create(struct app *app, int fd, void (*gone)(void *arg, struct control_conn *conn), void *arg,
			struct control_conn **ret)
{
	struct control_conn *c = calloc(1, sizeof(*c));
	if (!c) return -RTUN_ENOMEM;
	c->app = app;
	c->fd = fd;
	c->gone = gone;
	c->arg = arg;
	loop_defer_init(&c->defer, app->loop, control_conn_on_defer, c);
	int rc = host_timer_create(&app->core.ctx, control_conn_on_stall, c, &c->stall);
	if (rc) goto no_timer;
	rc = loop_watch(app->loop, fd, RTUN_READ, control_conn_on_watch, c, &c->watch);
	if (rc) goto no_watch;
	*ret = c;
	return 0;
no_watch:
	host_timer_destroy(&c->stall);
no_timer:
	free(c);
	return rc;
}
