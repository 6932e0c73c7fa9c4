/* SPDX-License-Identifier: BSD-2-Clause
 *
 * main.c - the program: an environment fit for anything, then the command line.
 */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
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

/* Arguments may be secrets (a pairing URL), and every user can read those of a process. `run` has none, and keeps its
 * own for `ps`. NULL: out of memory. */
static char **take_arguments(int argc, char **argv)
{
	char **copy = calloc((size_t)argc + 1, sizeof(char *));
	bool keep = false;

	for (int i = 0; copy && i < argc; i++) {
		if (!(copy[i] = strdup(argv[i]))) return NULL;
		keep = keep || !strcmp(argv[i], "run");
	}
	for (int i = 1; copy && !keep && i < argc; i++) explicit_bzero(argv[i], strlen(argv[i]));
	return copy;
}

int main(int argc, char **argv)
{
	char **arguments;
	int rc;

	if (open_standard_fds() || !(arguments = take_arguments(argc, argv))) return EXIT_FAILURE;
	signal(SIGPIPE, SIG_IGN); /* `restunnel devices | head -1` ends by EPIPE, quietly */
	umask(077);
	setlocale(LC_CTYPE, "");
	rc = cli_main(argc, arguments);
	for (int i = 0; i < argc; i++) free(arguments[i]);
	free(arguments);
	return rc;
}
