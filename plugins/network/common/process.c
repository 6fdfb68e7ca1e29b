/* SPDX-License-Identifier: BSD-3-Clause
 * Programs that drivers leave running: finding and ending them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"

#define END_MS 3000

const char *net_process_word(const struct hyfw_host *host, struct hyfw_arena *arena, const char *pid,
			     const char *program, const char *prefix)
{
	char path[64], words[8192];
	const char *base;
	ssize_t size, at;
	int fd;

	snprintf(path, sizeof(path), "/proc/%.*s/cmdline", (int)strspn(pid, "0123456789"), pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, words, sizeof(words) - 1);
	if (fd >= 0)
		close(fd);
	if (size <= 0)
		return NULL;
	words[size] = '\0';
	base = strrchr(words, '/');
	if (strcmp(base ? base + 1 : words, program) != 0)
		return NULL;
	for (at = 0; at < size; at += (ssize_t)strlen(words + at) + 1)
		if (strncmp(words + at, prefix, strlen(prefix)) == 0)
			return host->format(arena, "%s", words + at);
	return NULL;
}

/* The descriptor is opened before the look, so it means the process looked at. */
int net_process_open(const struct hyfw_host *host, struct hyfw_arena *arena, const char *pid, const char *program,
		     const char *word)
{
	long number = strtol(pid, NULL, 10);
	int pidfd = number > 0 && number <= INT32_MAX ? pidfd_open((pid_t)number, 0) : -1;
	const char *found = pidfd < 0 ? NULL : net_process_word(host, arena, pid, program, word);

	if (found && strcmp(found, word) == 0)
		return pidfd;
	if (pidfd >= 0)
		close(pidfd);
	return -1;
}

int net_process_end(int pidfd)
{
	struct pollfd gone = { .fd = pidfd, .events = POLLIN };

	if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) < 0 && errno == ESRCH)
		return 0;
	if (poll(&gone, 1, END_MS) == 0) {
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
		if (poll(&gone, 1, END_MS) == 0)
			return -ETIMEDOUT;
	}
	/* A monitor is the parent of what its own steps left in the background. */
	waitid(P_PIDFD, (id_t)pidfd, &(siginfo_t){ 0 }, WEXITED | WNOHANG);
	return 0;
}
