/* SPDX-License-Identifier: BSD-3-Clause
 * Processes named so that a stranger with the same number is never meant: by
 * descriptor, and in records by number and start time. */
#include "ns.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
/* linux/pidfd.h of 6.11 */
#define GET_NET_NAMESPACE _IO(0xFF, 4)
#define GET_USER_NAMESPACE _IO(0xFF, 9)

#define END_TIMEOUT_MS 20000

int ns_process_start_time(pid_t pid, uint64_t *ret_ticks)
{
	char path[64], text[1024], *at;
	NS_AUTO_CLOSE int fd = -1;
	ssize_t size;
	int field;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	size = read(fd, text, sizeof(text) - 1);
	if (size < 0)
		return -errno;
	text[size] = '\0';
	at = strrchr(text, ')'); /* the name may hold anything */
	if (!at || at[1] != ' ')
		return -EPROTO;
	at += 2;
	for (field = 3; field < 22; field++) {
		at = strchr(at, ' ');
		if (!at)
			return -EPROTO;
		at++;
	}
	*ret_ticks = strtoull(at, NULL, 10);
	return 0;
}

/* A pidfd is readable once every thread has ended.  The state in /proc is that of
 * the first thread alone, which may end before the others. */
static bool has_ended(int pidfd)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	return poll(&end, 1, 0) == 1;
}

int ns_process_open(const struct hyfw_map *record, pid_t *ret_pid)
{
	int64_t pid = hyfw_map_int(record, HYFW_NOTE_PID, 0);
	const char *start = hyfw_map_get(record, HYFW_NOTE_PID_START);
	NS_AUTO_CLOSE int fd = -1;
	uint64_t ticks;
	int r;

	if (pid <= 0 || pid > INT_MAX || !start)
		return -ESRCH;
	fd = pidfd_open((pid_t)pid, 0);
	if (fd < 0)
		return errno == EINVAL ? -ESRCH : -errno;
	r = ns_process_start_time((pid_t)pid, &ticks);
	if (r < 0)
		return r;
	if (ticks != strtoull(start, NULL, 10) || has_ended(fd))
		return -ESRCH;
	if (ret_pid)
		*ret_pid = (pid_t)pid;
	return ns_steal_fd(&fd);
}

int ns_process_end(int pidfd)
{
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };
	siginfo_t info;
	int r;

	if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return -errno;
	do
		r = poll(&wait, 1, END_TIMEOUT_MS);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	if (r == 0)
		return -ETIMEDOUT;
	/* Ours or not: nothing to reap is fine. */
	waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
	return 0;
}

int ns_process_namespace(int pidfd, pid_t pid, enum ns_kind kind)
{
	int fd = ioctl(pidfd, kind == NS_KIND_NET ? GET_NET_NAMESPACE : GET_USER_NAMESPACE, 0);
	char path[64];

	if (fd < 0) { /* before 6.11 */
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid,
			 kind == NS_KIND_NET ? "net" : "user");
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}
