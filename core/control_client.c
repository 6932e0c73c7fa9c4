/* SPDX-License-Identifier: BSD-2-Clause
 *
 * control_client.c - the other end of <data-dir>/control.sock: blocking, for the command line.
 */
#include "control_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <restunnel/abi.h>

#include "control.h"

#define CLIENT_LINE_MAX (2 * CONTROL_OUTPUT_MAX)

struct control_client {
	int fd;
	char *in;
	size_t len, size;
};

static int client_failed(const char *data_dir, struct command_error *err)
{
	int e = errno;
	if (e == ENOENT || e == ECONNREFUSED || e == ENOTDIR) {
		command_error_set(err, "not-running", COMMAND_START,
				  "no restunnel is running with data-dir %s",
				  data_dir);
		return -RTUN_ENOENT;
	}
	command_error_set(err, "no-permission",
			  e == EACCES || e == EPERM ? "run the command as the user that restunnel runs as, or as root: sudo" : NULL,
			  "can't reach %s/" CONTROL_NAME ": %s", data_dir, strerror(e));
	return -RTUN_EIO;
}

int control_client_open(const char *data_dir, struct control_client **ret_client, struct command_error *err)
{
	struct sockaddr_un a;
	int rc = -RTUN_ENOMEM;
	*ret_client = NULL;
	int dir = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) return client_failed(data_dir, err);
	socklen_t len = control_address(dir, &a);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, len)) {
		rc = client_failed(data_dir, err);
		goto fail;
	}
	*ret_client = calloc(1, sizeof(**ret_client));
	if (!*ret_client) {
		command_error_set(err, "out-of-memory", NULL, "out of memory");
		goto fail;
	}
	(*ret_client)->fd = fd;
	close(dir);
	return 0;
fail:
	if (fd >= 0) close(fd);
	close(dir);
	return rc;
}

void control_client_close(struct control_client **cp)
{
	if (!*cp) return;
	close((*cp)->fd);
	free((*cp)->in);
	free(*cp);
	*cp = NULL;
}

int control_client_fd(const struct control_client *c) { return c->fd; }

/* ---- lines ---- */

static int client_lost(struct command_error *err)
{
	command_error_set(err, "connection-lost", "see its log: " COMMAND_LOG, "restunnel ended the connection");
	return -RTUN_EPIPE;
}

static int client_send(struct control_client *c, json_t *request, struct command_error *err)
{
	char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
	json_decref(request);
	if (!line) {
		command_error_set(err, "bad-argument", "see that all arguments are UTF-8 text", "the request could not be put together");
		return -RTUN_EIO;
	}
	size_t len = strlen(line), sent = 0;
	line[len++] = '\n'; /* over the NUL */
	while (sent < len) {
		ssize_t n = send(c->fd, line + sent, len - sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) break;
		sent += (size_t)n;
	}
	free(line);
	return sent == len ? 0 : client_lost(err);
}

static int64_t client_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Wait for input until `deadline` (negative: for ever). 0 or -RTUN_EAGAIN. */
static int client_wait(const struct control_client *c, int64_t deadline)
{
	struct pollfd p = {c->fd, POLLIN, 0};
	for (;;) {
		int64_t left = deadline < 0 ? -1 : deadline - client_ms();
		int n = poll(&p, 1, deadline < 0 ? -1 : left < 0 ? 0 : (int)left);
		if (n > 0) return 0;
		if (!n) return -RTUN_EAGAIN;
		if (errno != EINTR) return -RTUN_EIO;
	}
}

static int client_more(struct control_client *c)
{
	if (c->size - c->len < 4096) {
		size_t size = c->size ? 2 * c->size : 16384;
		char *in = size <= CLIENT_LINE_MAX ? realloc(c->in, size) : NULL;
		if (!in) return -RTUN_EIO;
		c->in = in;
		c->size = size;
	}
	ssize_t n;
	do n = recv(c->fd, c->in + c->len, c->size - c->len, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0) return -RTUN_EPIPE;
	c->len += (size_t)n;
	return 0;
}

/* The next line as JSON. 0, -RTUN_EAGAIN, -RTUN_EPIPE, -RTUN_EIO. */
static int client_receive(struct control_client *c, int64_t deadline, json_t **ret)
{
	char *end;
	while (!(end = c->len ? memchr(c->in, '\n', c->len) : NULL)) {
		int rc = client_wait(c, deadline);
		if (!rc) rc = client_more(c);
		if (rc) return rc;
	}
	size_t len = (size_t)(end - c->in);
	*ret = json_loadb(c->in, len, 0, NULL);
	c->len -= len + 1;
	memmove(c->in, end + 1, c->len);
	return *ret ? 0 : -RTUN_EIO;
}

/* ---- calls ---- */

static const char *client_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text ? text : "";
}

static int client_judge(json_t *answer, json_t **ret, struct command_error *err)
{
	const json_t *e = json_object_get(answer, "error");
	*ret = json_incref(json_object_get(answer, "ok"));
	if (*ret) return 0;
	command_error_set(err, e ? client_text(e, "code") : "bad-answer", client_text(e, "remedy"), "%s",
			  e ? client_text(e, "text") : "the answer of restunnel can't be understood");
	return e ? -RTUN_ECONFIG : -RTUN_EIO;
}

static int client_ask(struct control_client *c, json_t *request, int timeout_ms, json_t **ret, struct command_error *err)
{
	json_t *answer = NULL;
	*ret = NULL;
	int rc = client_send(c, request, err);
	if (rc) return rc == -RTUN_EPIPE ? -RTUN_EIO : rc;
	rc = client_receive(c, timeout_ms ? client_ms() + timeout_ms : -1, &answer);
	if (!rc) {
		rc = client_judge(answer, ret, err);
	} else if (rc == -RTUN_EAGAIN) {
		command_error_set(err, "timeout", NULL, "restunnel did not answer within %d s", (timeout_ms + 999) / 1000);
		rc = -RTUN_ETIMEOUT;
	} else {
		client_lost(err);
		rc = -RTUN_EIO;
	}
	json_decref(answer);
	return rc;
}

int control_client_call(struct control_client *c, const char *verb, const char *on, const json_t *args, int timeout_ms,
			json_t **ret_answer, struct command_error *err)
{
	json_t *request = json_pack("{s:s, s:s*, s:o*}", "verb", verb, "on", on, "args", args ? json_deep_copy(args) : NULL);
	return client_ask(c, request, timeout_ms, ret_answer, err);
}

int control_client_describe(struct control_client *c, json_t **ret_answer, struct command_error *err)
{
	return client_ask(c, json_pack("{s:b}", "describe", 1), 10000, ret_answer, err);
}

int control_client_follow(struct control_client *c, const char *const *names, uint32_t n, struct command_error *err)
{
	json_t *answer = NULL, *list = json_array();
	for (uint32_t i = 0; i < n; i++) json_array_append_new(list, json_string(names[i]));
	int rc = client_ask(c, json_pack("{s:o}", "follow", list), 10000, &answer, err);
	json_decref(answer);
	return rc;
}

int control_client_next(struct control_client *c, int timeout_ms, json_t **ret_event, struct command_error *err)
{
	*ret_event = NULL;
	int rc = client_receive(c, timeout_ms < 0 ? -1 : client_ms() + timeout_ms, ret_event);
	if (rc == -RTUN_EPIPE || rc == -RTUN_EIO) client_lost(err);
	return rc;
}
