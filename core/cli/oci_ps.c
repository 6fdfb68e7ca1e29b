/* SPDX-License-Identifier: BSD-3-Clause
 * The table of `hyfw oci ps`: ps(1) makes it with the client's own options, and the lines of
 * other processes are left out.  ps cannot be asked for just these: -e and its like overrule -p. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/oci.h"

static const char blank[] = " \t";

/* Which column of the head is "PID", from 0; -1. */
static int pid_column(const char *head)
{
	int column = 0;

	for (head += strspn(head, blank); *head && *head != '\n'; column++) {
		const size_t length = strcspn(head, " \t\n");

		if (length == 3 && strncmp(head, "PID", 3) == 0)
			return column;
		head += length;
		head += strspn(head, blank);
	}
	return -1;
}

static long number_at(const char *line, int column)
{
	for (; column > 0; column--) {
		line += strspn(line, blank);
		line += strcspn(line, " \t\n");
	}
	return strtol(line, NULL, 10);
}

static bool among(long pid, const pid_t *pids, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

static bool filter(FILE *from, FILE *to, const pid_t *pids, size_t count)
{
	char *line = NULL;
	size_t room = 0;
	int column = -1;

	if (getline(&line, &room, from) > 0)
		column = pid_column(line);
	if (column >= 0)
		fputs(line, to);
	while (column >= 0 && getline(&line, &room, from) > 0)
		if (among(number_at(line, column), pids, count))
			fputs(line, to);
	free(line);
	return column >= 0;
}

__attribute__((noreturn))
static void be_ps(char **options, int output)
{
	struct hyfw_strings argv = { 0 };

	hyfw_strings_add(&argv, "ps");
	if (!*options)
		hyfw_strings_add(&argv, "-ef");
	for (; *options; options++)
		hyfw_strings_add(&argv, *options);
	if (dup2(output, STDOUT_FILENO) >= 0)
		execvp("ps", argv.items);
	perror("hyfw oci: ps");
	_exit(127);
}

int oci_ps_table(const struct oci_cli *cli, char **options, const pid_t *pids, size_t count)
{
	int ends[2], status = 0;
	FILE *from;
	bool told;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		oci_log_text(cli, "error", strerror(errno));
		return 1;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		be_ps(options, ends[1]);
	close(ends[1]);
	from = fdopen(ends[0], "r");
	told = pid > 0 && from && filter(from, stdout, pids, count);
	if (from) {
		while (fgetc(from) != EOF) /* so that ps can end */
			continue;
		fclose(from);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (told && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	oci_log_text(cli, "error", told || status ? "ps failed" : "unable to parse pid field: ps printed no column PID");
	return 1;
}
