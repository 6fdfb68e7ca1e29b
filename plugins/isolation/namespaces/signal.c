/* SPDX-License-Identifier: BSD-3-Clause
 * Signals to a running workload. */
#include "ns.h"

#include <dirent.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

static bool same_pid_namespace(const char *pid, const struct stat *wanted)
{
	char path[64];
	struct stat found;

	if (snprintf(path, sizeof(path), "/proc/%s/ns/pid", pid) >= (int)sizeof(path))
		return false;
	return stat(path, &found) == 0 && found.st_ino == wanted->st_ino && found.st_dev == wanted->st_dev;
}

/* Whether 'pid' is the first process of a pid namespace of its own: the namespace of one
 * that joined somebody's, or the host's, is full of strangers.  The field has its
 * numbers in all namespaces, ours first. */
static bool is_first(pid_t pid)
{
	char path[64], text[4096] = "", *line, *end;
	NS_AUTO_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return false;
	line = strstr(text, "\nNSpid:");
	if (!line)
		return false;
	end = line + 1 + strcspn(line + 1, "\n");
	return end - line > 2 && end[-1] == '1' && end[-2] == '\t';
}

/* Every process in the pid namespace of 'pid'.  The namespace is looked at again
 * after the process is held by descriptor, so that nobody else is hit. */
static int signal_members(pid_t pid, int signal)
{
	char path[64];
	struct dirent *entry;
	struct stat wanted;
	DIR *proc;

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	if (stat(path, &wanted) < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	proc = opendir("/proc");
	if (!proc)
		return -errno;
	while ((entry = readdir(proc))) {
		int pidfd;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    !same_pid_namespace(entry->d_name, &wanted))
			continue;
		pidfd = pidfd_open((pid_t)strtol(entry->d_name, NULL, 10), 0);
		if (pidfd < 0)
			continue;
		if (same_pid_namespace(entry->d_name, &wanted))
			pidfd_send_signal(pidfd, signal, NULL, 0);
		close(pidfd);
	}
	closedir(proc);
	return 0;
}

int ns_signal(void *instance, const struct hyfw_map *record, int signal, bool all, struct hyfw_error **err)
{
	const struct hyfw_host *host = ((struct ns_instance *)instance)->host;
	NS_AUTO_CLOSE int pidfd = -1;
	pid_t pid = 0;
	int r;

	pidfd = process_open(record, &pid);
	if (pidfd == -ESRCH)
		return host->fail(err, ESRCH, "it does not run");
	if (pidfd < 0)
		return ns_fail(host, err, -pidfd, "open", "the process");
	/* The end of its first process is the end of a pid namespace. */
	if (all && signal != SIGKILL && is_first(pid))
		r = signal_members(pid, signal);
	else
		r = pidfd_send_signal(pidfd, signal, NULL, 0) < 0 ? -errno : 0;
	if (r == -ESRCH)
		return host->fail(err, ESRCH, "it does not run");
	return r < 0 ? ns_fail(host, err, -r, "signal", "the process") : 0;
}
