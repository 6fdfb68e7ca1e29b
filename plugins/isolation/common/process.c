/* SPDX-License-Identifier: BSD-3-Clause */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hyfw/isolation.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

#define END_TIMEOUT_MS 20000

int process_start_time(pid_t pid, uint64_t *ret_ticks)
{
	char path[64], text[1024], *at;
	ssize_t size;
	int fd, field, r;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	size = read(fd, text, sizeof(text) - 1);
	r = size < 0 ? -errno : 0; /* ESRCH when it ended after the open */
	close(fd);
	if (r < 0)
		return r;
	text[size] = '\0';
	at = strrchr(text, ')'); /* the name may hold anything */
	for (field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -EPROTO;
	*ret_ticks = strtoull(at + 1, NULL, 10);
	return 0;
}

/* A pidfd is readable once every thread has ended.  The state in /proc is that of
 * the first thread alone, which may end before the others. */
static bool has_ended(int pidfd)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	return poll(&end, 1, 0) == 1;
}

int process_open(const struct hyfw_map *record, pid_t *ret_pid)
{
	int64_t pid = hyfw_map_int(record, HYFW_NOTE_PID, 0);
	const char *start = hyfw_map_get(record, HYFW_NOTE_PID_START);
	uint64_t ticks = 0;
	int fd, r;

	if (pid <= 0 || pid > INT_MAX || !start)
		return -ESRCH;
	fd = pidfd_open((pid_t)pid, 0);
	if (fd < 0)
		return errno == EINVAL ? -ESRCH : -errno;
	r = process_start_time((pid_t)pid, &ticks);
	if (r == 0 && (ticks != strtoull(start, NULL, 10) || has_ended(fd)))
		r = -ESRCH;
	if (r < 0) {
		close(fd);
		return r;
	}
	if (ret_pid)
		*ret_pid = (pid_t)pid;
	return fd;
}

int process_end(int pidfd)
{
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };
	siginfo_t info;
	int r;

	if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return -errno;
	do
		r = poll(&wait, 1, END_TIMEOUT_MS);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		return r < 0 ? -errno : -ETIMEDOUT;
	/* Ours or not: nothing to reap is fine. */
	waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
	return 0;
}
