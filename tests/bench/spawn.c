/* SPDX-License-Identifier: BSD-3-Clause
 * Times commands against each other: round by round, one run of each in turn, so
 * that a busy moment of the machine hits all of them.
 *
 *     spawn ROUNDS COMMAND ARGUMENT... [--- COMMAND ARGUMENT...]...
 *
 * For each command a line of median, minimum and
 * ninth decile in milliseconds, peak resident memory of the process in KiB (its
 * waited-for children included), failures, and the median of the CPU time in
 * milliseconds (of the process and the children it waited for):
 *     MEDIAN MIN P90 RSS FAILED CPU
 * Output of the commands is discarded; SPAWN_ERRORS in the environment keeps their
 * standard error, SPAWN_WARM_UP says how many runs of each go before (3).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct command {
	char **argv;
	double *ms, *cpu_ms;
	long rss_kib;
	unsigned failed;
};

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double ms_of(const struct timeval *time)
{
	return (double)time->tv_sec * 1e3 + (double)time->tv_usec / 1e3;
}

static void run_once(struct command *command, size_t round, const posix_spawn_file_actions_t *quiet)
{
	struct rusage usage;
	double start = now_ms();
	int status, failure;
	pid_t pid;

	failure = posix_spawnp(&pid, command->argv[0], quiet, NULL, command->argv, environ);
	if (failure) {
		fprintf(stderr, "spawn: %s: %s\n", command->argv[0], strerror(failure));
		exit(127);
	}
	while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		command->failed++;
	if (usage.ru_maxrss > command->rss_kib)
		command->rss_kib = usage.ru_maxrss;
	command->ms[round] = now_ms() - start;
	command->cpu_ms[round] = ms_of(&usage.ru_utime) + ms_of(&usage.ru_stime);
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/* Splits the arguments at "---"; every part is NULL-terminated in place. */
static size_t split(int argc, char **argv, struct command *commands)
{
	size_t count = 0;
	int i, start = 0;

	for (i = 0; i <= argc; i++) {
		if (i < argc && strcmp(argv[i], "---") != 0)
			continue;
		if (i < argc)
			argv[i] = NULL;
		if (i > start)
			commands[count++].argv = &argv[start];
		start = i + 1;
	}
	return count;
}

static void report(struct command *command, size_t rounds)
{
	qsort(command->ms, rounds, sizeof(*command->ms), compare);
	qsort(command->cpu_ms, rounds, sizeof(*command->cpu_ms), compare);
	printf("%.3f %.3f %.3f %ld %u %.3f\n", command->ms[rounds / 2], command->ms[0],
	       command->ms[rounds * 9 / 10], command->rss_kib, command->failed,
	       command->cpu_ms[rounds / 2]);
}

int main(int argc, char **argv)
{
	const char *warm_up_text = getenv("SPAWN_WARM_UP");
	size_t warm_up = warm_up_text ? strtoul(warm_up_text, NULL, 10) : 3;
	posix_spawn_file_actions_t quiet;
	struct command *commands;
	size_t rounds, count, round, i;

	rounds = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
	if (rounds == 0) {
		fputs("Usage: spawn ROUNDS COMMAND... [--- COMMAND...]...\n", stderr);
		return 125;
	}
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	if (!getenv("SPAWN_ERRORS"))
		posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	commands = calloc((size_t)argc, sizeof(*commands));
	count = split(argc - 2, argv + 2, commands);
	for (i = 0; i < count; i++) {
		commands[i].ms = calloc(rounds, sizeof(double));
		commands[i].cpu_ms = calloc(rounds, sizeof(double));
		for (round = 0; round < warm_up; round++)
			run_once(&commands[i], 0, &quiet);
		commands[i].failed = 0;
	}
	for (round = 0; round < rounds; round++)
		for (i = 0; i < count; i++)
			run_once(&commands[i], round, &quiet);
	for (i = 0; i < count; i++) {
		report(&commands[i], rounds);
		free(commands[i].ms);
		free(commands[i].cpu_ms);
	}
	free(commands);
	posix_spawn_file_actions_destroy(&quiet);
	return 0;
}
