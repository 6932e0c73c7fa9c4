/* SPDX-License-Identifier: BSD-2-Clause
 *
 * log.c - one write() for each line, everything but printable text escaped, repetitions counted instead of written.
 */
#include "log.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "instance.h"
#include "loop.h"
#include "utf8.h"

#define LOG_TEXT 2048    /* bytes of a message */
#define LOG_PLACES 128U  /* places of which repetitions are counted */
#define LOG_INSTANCE 40  /* bytes of an instance's name, with its NUL */

/* A place in the program that logs: the format's address says which. */
struct log_place {
	const char *fmt; /* NULL: free */
	char instance[LOG_INSTANCE];
	uint32_t level;
	uint64_t since;
	uint32_t written, dropped;
};

struct log {
	int fd;
	uint32_t level;
	bool json, journal;
	struct log_place places[LOG_PLACES];
};

static const struct log_word {
	uint32_t level;
	int syslog;
	const char *word;
} log_words[] = {
	{RTUN_ERROR, 3, "error"}, {RTUN_WARN, 4, "warning"}, {RTUN_NOTICE, 5, "notice"},
	{RTUN_INFO, 6, "info"},   {RTUN_DEBUG, 7, "debug"},
};

/* Levels between the named ones count as the next more talkative. */
static const struct log_word *log_word(uint32_t level)
{
	size_t i = 0;
	while (i + 1 < sizeof(log_words) / sizeof(log_words[0]) && log_words[i].level < level) i++;
	return &log_words[i];
}

const char *log_level_word(uint32_t level) { return log_word(level)->word; }

/* JOURNAL_STREAM=DEV:INODE names the stream that systemd gave us; somebody may have redirected stderr since. */
static bool log_is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;
	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && !fstat(fd, &st) && st.st_dev == dev && st.st_ino == ino;
}

int log_create(int fd, struct log **ret)
{
	struct log *log = calloc(1, sizeof(*log));
	if (!log) return -RTUN_ENOMEM;
	log->fd = fd;
	log->level = RTUN_NOTICE;
	log->journal = log_is_journal(fd);
	*ret = log;
	return 0;
}

void log_destroy(struct log **log)
{
	if (!*log) return;
	log_flush(*log, UINT64_MAX);
	free(*log);
	*log = NULL;
}

void log_set(struct log *log, uint32_t level, bool json)
{
	log->level = level;
	log->json = json;
}

static void log_put(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) return; /* there is nobody left to tell */
		p += n;
		len -= (size_t)n;
	}
}

static void log_time(char buf[40])
{
	struct timespec ts;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	size_t n = strftime(buf, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, 40 - n, ".%03ldZ", ts.tv_nsec / 1000000);
}

static void log_line_json(int fd, const struct log_word *w, const char *instance, const char *text)
{
	char when[40];
	char clean[4 * LOG_TEXT];
	log_time(when);
	utf8_clean(text, clean, sizeof(clean));
	json_t *o = json_pack("{s:s, s:s, s:s*, s:s}", "time", when, "level", w->word, "instance", instance, "text", clean);
	char *line = o ? json_dumps(o, JSON_COMPACT) : NULL;
	size_t len = line ? strlen(line) : 0;
	if (line) {
		line[len] = '\n'; /* over the NUL: one write, one line */
		log_put(fd, line, len + 1);
	}
	free(line);
	json_decref(o);
}

static void log_line_text(int fd, bool journal, const struct log_word *w, const char *instance, const char *text)
{
	char head[40] = "";
	char clean[4 * LOG_TEXT];
	char line[4 * LOG_TEXT + 256];
	if (journal) {
		snprintf(head, sizeof(head), "<%d>", w->syslog);
	} else {
		log_time(head);
		strcat(head, " ");
	}
	utf8_escape(text, clean, sizeof(clean));
	int n = snprintf(line, sizeof(line), "%s%s %s: %s\n", head, w->word, instance ? instance : "restunnel", clean);
	if (n > 0) log_put(fd, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

static void log_line(const struct log *log, uint32_t level, const char *instance, const char *text)
{
	const struct log_word *w = log_word(level);
	if (log && log->json)
		log_line_json(log->fd, w, instance, text);
	else
		log_line_text(log ? log->fd : STDERR_FILENO, log && log->journal, w, instance, text);
}

/* ---- repetitions ---- */

static void log_place_end(struct log *log, struct log_place *p)
{
	char text[80];
	if (p->fmt && p->dropped) {
		snprintf(text, sizeof(text), "%u more like this", p->dropped);
		/* the last word about them may be some time after them: say which they were */
		char line[LOG_TEXT];
		snprintf(line, sizeof(line), "%s: \"%.200s\"", text, p->fmt);
		log_line(log, p->level, p->instance[0] ? p->instance : NULL, line);
	}
	p->fmt = NULL;
	p->dropped = 0;
}

/* The place's own slot; a free one; else the one whose window is oldest. */
static struct log_place *log_place_find(struct log *log, const char *instance, const char *fmt)
{
	struct log_place *best = &log->places[0];
	for (uint32_t i = 0; i < LOG_PLACES; i++) {
		struct log_place *p = &log->places[i];
		if (p->fmt == fmt && !strcmp(p->instance, instance)) return p;
		if (best->fmt && (!p->fmt || p->since < best->since)) best = p;
	}
	log_place_end(log, best);
	return best;
}

/* May this line be written? */
static bool log_place_allows(struct log *log, uint64_t now, const char *instance, uint32_t level, const char *fmt)
{
	char name[LOG_INSTANCE];
	snprintf(name, sizeof(name), "%s", instance ? instance : "");
	struct log_place *p = log_place_find(log, name, fmt);
	if (p->fmt && now - p->since >= LOG_WINDOW) log_place_end(log, p);
	if (!p->fmt) {
		p->fmt = fmt;
		memcpy(p->instance, name, sizeof(name));
		p->level = level;
		p->since = now;
		p->written = 0;
		p->dropped = 0;
	}
	if (p->written >= LOG_BURST) {
		p->dropped++;
		return false;
	}
	p->written++;
	return true;
}

void log_flush(struct log *log, uint64_t now)
{
	for (uint32_t i = 0; i < LOG_PLACES; i++) {
		struct log_place *p = &log->places[i];
		if (p->fmt && (now == UINT64_MAX || now - p->since >= LOG_WINDOW)) log_place_end(log, p);
	}
}

/* ---- writing ---- */

__attribute__((format(printf, 2, 0)))
static void log_format(char text[LOG_TEXT], const char *fmt, va_list ap)
{
	int n = vsnprintf(text, LOG_TEXT, fmt, ap);
	if (n >= LOG_TEXT) strcpy(text + LOG_TEXT - 4, "...");
	if (n < 0) strcpy(text, "(a message that could not be formatted)");
}

void log_write(struct log *log, uint64_t now, const char *instance, uint32_t level_limit, uint32_t level,
	       const char *fmt, va_list ap)
{
	char text[LOG_TEXT];
	uint32_t limit = level_limit ? level_limit : log ? log->level : RTUN_NOTICE;
	if (level > limit || (log && !log_place_allows(log, now, instance, level, fmt))) return;
	log_format(text, fmt, ap);
	log_line(log, level, instance, text);
}

void log_text(struct log *log, const char *instance, uint32_t level, const char *fmt, ...)
{
	char text[LOG_TEXT];
	va_list ap;
	if (level > (log ? log->level : RTUN_NOTICE)) return;
	va_start(ap, fmt);
	log_format(text, fmt, ap);
	va_end(ap);
	log_line(log, level, instance, text);
}

void host_log(struct rtun_ctx *ctx, uint32_t level, const char *fmt, va_list ap)
{
	const struct host_ctx *h = host_ctx(ctx);
	log_write(h->log, h->loop ? loop_now(h->loop) : 0, ctx->instance, h->instance ? h->instance->log_level : 0, level, fmt, ap);
}
