/* SPDX-License-Identifier: BSD-2-Clause
 *
 * writer.c - from lines to the file, in batches: one is filled while a thread writes the other. A batch that can't be
 * written is tried again each second; meanwhile the other one fills up, and what does not fit is dropped and counted.
 *
 * Before each batch it is looked whether the path still leads to the open file. So it may be renamed (logrotate) or removed at
 * any time, and is made anew. Where a full disk has torn a line it goes on at the very byte; in a new file, with the whole line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access_log.h"

#define ROOM (256U << 10)  /* bytes of a batch */
#define ENOUGH (64U << 10) /* so many don't wait for the second to be over */

struct batch {
	uint32_t len, sent, lines;
	char p[ROOM];
};

/* What a thread has to itself while it is at work: it may be so still when the writer is gone. */
struct job {
	struct access_log_writer *w; /* NULL: gone */
	struct batch *batch;
	int fd, err;
	char path[];
};

struct access_log_writer {
	struct rtun_ctx *ctx;
	struct batch *waiting;
	struct job *job;
	struct rtun_work *work; /* the job's, or NULL */
	struct rtun_timer *timer;
	bool ticking, stopped;
	struct access_log_told told;
};

/* ---- The file ---- */

static bool is_no_file(const struct stat *st)
{
	return !S_ISREG(st->st_mode);
}

/* Who has it could read all that is written, whatever its mode says now. */
static bool is_foreign(const struct stat *st)
{
	return st->st_uid != geteuid() && st->st_uid != 0;
}

int access_log_judge(const char *path)
{
	struct stat st;
	if (lstat(path, &st) < 0)
		return 0;
	return S_ISLNK(st.st_mode) ? ELOOP : is_no_file(&st) ? EINVAL : 0;
}

const char *access_log_why(int err, const char **ret_remedy)
{
	static const struct {
		int err;
		const char *why, *remedy;
	} reasons[] = {
		{ELOOP, "it is a symbolic link", "put the file itself there, or name what the link leads to"},
		{EINVAL, "it is not a regular file", "name another one"},
		{EISDIR, "it is a directory", "name a file"},
		{ENXIO, "it is not a regular file", "name another one"},
		{ENOENT, "its directory does not exist", "make it, for the user that restunnel runs as; the hub's unit makes /var/log/restunnel"},
		{EACCES, "permission denied",
		 "directory and file must belong to the user that restunnel runs as; a directory that was made anew needs a restart"},
		{EPERM, "it belongs to another user", "give it to the user that restunnel runs as, or remove it: it is made anew"},
		{EROFS, "nothing can be written there", "the hub's unit allows /var/log/restunnel; for others add ReadWritePaths= to it"},
		{ENOSPC, "no space is left", "free some space; it goes on by itself"},
		{EDQUOT, "no space is left (quota)", "free some space; it goes on by itself"},
		{EAGAIN, "the disk does not take lines as fast as they come", "look whether it hangs, or put the file on another one"},
		{EFBIG, "it is as large as it may be", "let logrotate rotate it"},
	};
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].err == err) {
			*ret_remedy = reasons[i].remedy;
			return reasons[i].why;
		}
	*ret_remedy = "see what the system's log says of the disk";
	return strerror(err);
}

/* Never through a link, to a device, or to a FIFO that would wait for a reader. -1: errno. */
static int open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	struct stat st;
	int err = fd < 0 ? 0 : fstat(fd, &st) < 0 || is_no_file(&st) ? EINVAL : is_foreign(&st) ? EPERM : 0;
	if (!err)
		return fd;
	close(fd);
	errno = err;
	return -1;
}

static bool is_current(const struct job *j)
{
	struct stat there, here;
	return j->fd >= 0 && lstat(j->path, &there) == 0 && fstat(j->fd, &here) == 0 && there.st_dev == here.st_dev &&
	       there.st_ino == here.st_ino;
}

static bool reopen(struct job *j)
{
	struct batch *b = j->batch;
	int fd = open_file(j->path);
	if (fd < 0)
		return false;
	if (j->fd >= 0)
		close(j->fd);
	j->fd = fd;
	while (b->sent && b->p[b->sent - 1] != '\n')
		b->sent--;
	return true;
}

/* [worker] */
static void write_batch(void *arg)
{
	struct job *j = arg;
	struct batch *b = j->batch;
	j->err = is_current(j) || reopen(j) ? 0 : errno;
	while (!j->err && b->sent < b->len) {
		ssize_t n = write(j->fd, b->p + b->sent, b->len - b->sent);
		if (n > 0)
			b->sent += (uint32_t)n;
		else if (n == 0 || errno != EINTR)
			j->err = n ? errno : EIO;
	}
}

/* ---- Batches ---- */

static void job_free(struct job *j)
{
	if (j->fd >= 0)
		close(j->fd);
	free(j->batch);
	free(j);
}

static struct job *job_make(struct access_log_writer *w, const char *path)
{
	size_t len = strlen(path) + 1;
	struct job *j = malloc(sizeof(*j) + len);
	struct batch *b = calloc(1, sizeof(*b));
	if (!j || !b) {
		free(j);
		free(b);
		return NULL;
	}
	*j = (struct job){.w = w, .batch = b, .fd = -1};
	memcpy(j->path, path, len);
	return j;
}

static void tick(struct access_log_writer *w)
{
	if (w->ticking || w->stopped)
		return;
	w->ticking = true;
	rtun_timer_start(w->timer, RTUN_S);
}

/* Once when it begins, once when it is over. */
static void tell(struct access_log_writer *w, int err)
{
	const char *remedy, *why = access_log_why(err, &remedy);
	if (err && !w->told.err)
		rtun_log(w->ctx, RTUN_WARN, "%s can't be written: %s; %s. What does not fit into memory until then is dropped", w->job->path, why,
			 remedy);
	if (!err && w->told.err)
		rtun_log(w->ctx, RTUN_NOTICE, "%s is written again; lines dropped since the start: %llu", w->job->path,
			 (unsigned long long)w->told.dropped);
	w->told.err = err;
}

/* The job was done. */
static void settle(struct access_log_writer *w)
{
	struct batch *b = w->job->batch;
	tell(w, w->job->err);
	if (b->sent < b->len)
		return;
	w->told.written += b->lines;
	b->len = b->sent = b->lines = 0;
}

/* Unless the last one is still to be written, what waits is next. */
static void load_job(struct access_log_writer *w)
{
	struct batch *b = w->waiting;
	if (w->job->batch->len)
		return;
	w->waiting = w->job->batch;
	w->job->batch = b;
}

static void begin(struct access_log_writer *w);

static void done(void *arg)
{
	struct job *j = arg;
	struct access_log_writer *w = j->w;
	if (!w) {
		job_free(j);
		return;
	}
	w->work = NULL;
	rtun_hold(w->ctx, -1);
	settle(w);
	if (!w->told.err && w->waiting->len >= ENOUGH)
		access_log_writer_flush(w);
	else if (w->told.err || w->waiting->len)
		tick(w);
}

static void begin(struct access_log_writer *w)
{
	load_job(w);
	if (rtun_work(w->ctx, write_batch, done, w->job, &w->work) < 0)
		tick(w);
	else
		rtun_hold(w->ctx, 1);
}

void access_log_writer_flush(struct access_log_writer *w)
{
	if (w->work)
		tick(w);
	else if (!w->stopped)
		begin(w);
}

static void on_timer(void *arg)
{
	struct access_log_writer *w = arg;
	w->ticking = false;
	access_log_writer_flush(w);
}

/* All that there is, here and now. */
static void write_all(struct access_log_writer *w)
{
	for (int i = 0; i < 2 && !w->work; i++) {
		load_job(w);
		write_batch(w->job);
		settle(w);
	}
}

char *access_log_writer_room(struct access_log_writer *w)
{
	if (w->stopped && w->waiting->len >= ENOUGH)
		write_all(w);
	if (ROOM - w->waiting->len >= ACCESS_LOG_LINE)
		return w->waiting->p + w->waiting->len;
	w->told.dropped++;
	if (!w->told.err)
		tell(w, EAGAIN);
	return NULL;
}

void access_log_writer_add(struct access_log_writer *w, uint32_t len)
{
	w->waiting->len += len;
	w->waiting->lines++;
	if (w->waiting->len >= ENOUGH && !w->told.err && !w->work)
		access_log_writer_flush(w);
	else
		tick(w);
}

/* ---- Life ---- */

static int writer_open(struct access_log_writer *w, const char *path)
{
	const char *why, *remedy;
	w->waiting = calloc(1, sizeof(*w->waiting));
	w->job = job_make(w, path);
	if (!w->waiting || !w->job || rtun_timer_create(w->ctx, on_timer, w, &w->timer) < 0)
		return -RTUN_ENOMEM;
	w->job->fd = open_file(path);
	if (w->job->fd >= 0)
		return 0;
	why = access_log_why(errno, &remedy);
	return rtun_conf_error(w->ctx, "file", remedy, "%s can't be opened: %s", path, why);
}

int access_log_writer_create(struct rtun_ctx *ctx, const char *path, struct access_log_writer **ret)
{
	struct access_log_writer *w = calloc(1, sizeof(*w));
	int r = -RTUN_ENOMEM;
	if (w) {
		w->ctx = ctx;
		r = writer_open(w, path);
	}
	if (r)
		access_log_writer_destroy(&w);
	*ret = w;
	return r;
}

/* A thread that is still at work keeps what it has. */
void access_log_writer_stop(struct access_log_writer *w)
{
	struct job *mine = w->work ? job_make(w, w->job->path) : NULL;
	w->stopped = true;
	rtun_timer_stop(w->timer);
	if (!mine)
		return;
	rtun_hold(w->ctx, -1);
	w->job->w = NULL;
	w->work = NULL;
	w->job = mine;
}

void access_log_writer_destroy(struct access_log_writer **wp)
{
	struct access_log_writer *w = *wp;
	uint32_t left;
	if (!w)
		return;
	if (w->stopped)
		write_all(w);
	if (w->stopped && (left = w->waiting->lines + w->job->batch->lines))
		rtun_log(w->ctx, RTUN_WARN, "%s: lines that could not be written before the end: %u", w->job->path, left);
	rtun_timer_destroy(&w->timer);
	if (w->work)
		w->job->w = NULL;
	else if (w->job)
		job_free(w->job);
	free(w->waiting);
	free(w);
	*wp = NULL;
}

struct access_log_told access_log_writer_told(const struct access_log_writer *w)
{
	return w->told;
}
