/* SPDX-License-Identifier: BSD-3-Clause
 * systemd makes a scope for processes that there are, and removes it with the last one;
 * the container's first process comes later.  Until then this one is in it. */
#include "systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 60000
#define LOOK_MS 2

static bool another_is_in(const char *path)
{
	AUTO_CLOSE int group = group_open(path);
	AUTO_FREE int *pids = NULL;
	size_t count = 0, i;

	if (group < 0 || group_processes(group, &pids, &count) < 0)
		return true; /* nothing to be held any more */
	for (i = 0; i < count; i++)
		if (pids[i] != getpid())
			return true;
	return false;
}

static void hold(int channel)
{
	struct pollfd from = { .fd = channel, .events = POLLIN };
	char path[4096];
	ssize_t length;
	int waited;

	if (poll(&from, 1, WAIT_MS) <= 0)
		return;
	length = read(channel, path, sizeof(path) - 1);
	if (length <= 0)
		return;
	path[length] = '\0';
	for (waited = 0; waited < WAIT_MS && !another_is_in(path); waited += LOOK_MS)
		poll(NULL, 0, LOOK_MS);
}

int holder_start(const struct hyfw_host *host, int *ret_pid, int *ret_channel, struct hyfw_error **err)
{
	int down[2], up[2], pid = -1;
	pid_t child;

	if (pipe2(down, O_CLOEXEC) < 0)
		return host->fail(err, errno, "pipe: %s", strerror(errno));
	if (pipe2(up, O_CLOEXEC) < 0) {
		close(down[0]);
		close(down[1]);
		return host->fail(err, errno, "pipe: %s", strerror(errno));
	}
	child = fork();
	if (child == 0) {
		child = fork();
		if (child != 0)
			_exit(child < 0);
		pid = getpid();
		if (write(up[1], &pid, sizeof(pid)) != (ssize_t)sizeof(pid) || dup2(down[0], 0) < 0)
			_exit(1);
		/* Whoever reads from the runtime's descriptors must not wait for this one. */
		if (close_range(1, ~0u, 0) < 0)
			_exit(1);
		signal(SIGINT, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
		hold(0);
		_exit(0);
	}
	close(down[0]);
	close(up[1]);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	if (child < 0 || read(up[0], &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
		pid = -1;
	close(up[0]);
	if (pid < 0) {
		close(down[1]);
		return host->fail(err, EAGAIN, "fork: no process for the scope");
	}
	*ret_pid = pid;
	*ret_channel = down[1];
	return 0;
}

void holder_watch(int channel, const char *path)
{
	ssize_t written = write(channel, path, strlen(path));

	(void)written; /* then it ends with the channel */
}
