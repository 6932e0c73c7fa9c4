/* SPDX-License-Identifier: BSD-2-Clause
 *
 * main.c - the program: an environment fit for anything, then the command line.
 */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

/* A file opened later must not become our stdout. */
static int open_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	return fd < 0 ? -1 : close(fd);
}

int main(int argc, char **argv)
{
	if (open_standard_fds()) return EXIT_FAILURE;
	signal(SIGPIPE, SIG_IGN); /* `restunnel devices | head -1` ends by EPIPE, quietly */
	umask(077);
	setlocale(LC_CTYPE, "");
	return cli_main(argc, argv);
}
