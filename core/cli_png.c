/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_png.c - the picture of `--png FILE`: a new file, and a child process that puts it in its place or takes it away.
 */
#include <config.h>

#include "cli_png.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli_qr.h"

struct cli_png {
	char *path, *temp; /* `temp` NULL: nothing was made */
	FILE *to;
	int keeper; /* socket to the child, -1: none */
	pid_t child;
};

/* 0: new, or a regular file; -1: neither, errno 0 where it is something else. */
static int judge(const char *path)
{
	struct stat st;

	if (lstat(path, &st)) return errno == ENOENT ? 0 : -1;
	if (S_ISREG(st.st_mode)) return 0;
	errno = 0;
	return -1;
}

/* ---- The child: it keeps the rights with which it began ---- */

/* One byte says that the picture is whole; the end of the other side, however it came, that it is not. */
static void keep(const struct cli_png *png, int fd)
{
	char word;
	int error;

	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (read(fd, &word, 1) != 1) {
		unlink(png->temp);
		_exit(1);
	}
	if (judge(png->path)) {
		error = errno ? errno : EEXIST;
	} else {
		error = rename(png->temp, png->path) ? errno : 0;
	}
	if (error) unlink(png->temp);
	_exit(write(fd, &error, sizeof(error)) != sizeof(error));
}

static int start_keeper(struct cli_png *png)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) return -1;
	png->child = fork();
	if (png->child == 0) {
		close(pair[0]);
		keep(png, pair[1]);
	}
	close(pair[1]);
	png->keeper = pair[0];
	return png->child < 0 ? -1 : 0;
}

/* ---- The picture ---- */

static int make(struct cli_png *png, const char *path)
{
	int fd;

	png->path = strdup(path);
	if (!png->path || asprintf(&png->temp, "%s.XXXXXX", path) < 0) abort();
	fd = mkstemp(png->temp); /* 0600: it holds whatever the code says, a token perhaps */
	if (fd < 0) {
		free(png->temp);
		png->temp = NULL;
		return -1;
	}
	png->to = fdopen(fd, "w");
	if (!png->to) {
		close(fd);
		return -1;
	}
	return start_keeper(png);
}

int cli_png_open(const char *path, const struct cli_out *o, struct cli_png **ret)
{
	struct cli_png *png;
	int error;

	*ret = NULL;
	if (!cli_qr_has_png())
		return cli_out_fail(o, "no-png", "use --qr, or a restunnel built with libpng",
				    "--png: this restunnel was built without libpng");
	if (judge(path))
		return cli_out_fail(o, "png", "name a new file, or a regular one to replace", "%s: %s", path,
				    errno ? strerror(errno) : "this is not a regular file, and is left as it is");
	png = calloc(1, sizeof(*png));
	if (!png) abort();
	png->keeper = png->child = -1;
	if (make(png, path)) {
		error = errno;
		if (png->temp && png->child < 0) unlink(png->temp);
		cli_png_close(&png);
		return cli_out_fail(o, "png", "choose another file", "%s: %s", path, strerror(error));
	}
	*ret = png;
	return 0;
}

/* 0 or an errno. */
static int place(struct cli_png *png)
{
	int error = 0;

	if (fsync(fileno(png->to))) return errno;
	if (send(png->keeper, "k", 1, MSG_NOSIGNAL) != 1 || recv(png->keeper, &error, sizeof(error), MSG_WAITALL) != sizeof(error))
		return EIO;
	return error;
}

int cli_png_keep(struct cli_png *png, const struct cli_out *o, const char *text)
{
	int error;

	errno = 0;
	error = cli_qr_png(png->to, text) ? errno ? errno : E2BIG : place(png);
	if (!error) return 0;
	return cli_out_fail(o, "png", NULL, "%s could not be written: %s", png->path, strerror(error));
}

void cli_png_close(struct cli_png **pp)
{
	struct cli_png *png = *pp;

	if (!png) return;
	if (png->keeper >= 0) close(png->keeper);
	if (png->child > 0)
		while (waitpid(png->child, NULL, 0) < 0 && errno == EINTR) {}
	if (png->to) fclose(png->to);
	free(png->temp);
	free(png->path);
	free(png);
	*pp = NULL;
}
