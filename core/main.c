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
 * own for `ps`. One block, pointers and texts. NULL: out of memory. */
static char **take_arguments(int argc, char **argv)
{
	size_t pointers = ((size_t)argc + 1) * sizeof(char *), size = pointers;
	bool keep = false;
	char **copy, *at;

	for (int i = 0; i < argc; i++) size += strlen(argv[i]) + 1;
	if (!(copy = calloc(1, size))) return NULL;
	at = (char *)copy + pointers;
	for (int i = 0; i < argc; i++) {
		copy[i] = strcpy(at, argv[i]);
		at += strlen(at) + 1;
		keep = keep || !strcmp(argv[i], "run");
	}
	for (int i = 1; !keep && i < argc; i++) explicit_bzero(argv[i], strlen(argv[i]));
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
	free(arguments);
	return rc;
}
