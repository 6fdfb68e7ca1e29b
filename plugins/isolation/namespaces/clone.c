/* SPDX-License-Identifier: BSD-3-Clause
 * clone3(2), which the C library does not wrap.  Used as fork() is: the child
 * has a copy of everything and returns 0 on the same stack. */
#include "ns.h"

#include <linux/sched.h>
#include <poll.h>
#include <signal.h>

static pid_t clone_into(uint64_t flags, int cgroup_fd, int *ret_pidfd)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = flags | CLONE_CLEAR_SIGHAND | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid;

	if (flags & CLONE_PARENT)
		args.exit_signal = 0; /* clone(2): taken from the parent */
	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid > 0)
		*ret_pidfd = pidfd;
	return pid;
}

pid_t ns_clone(uint64_t flags, int *ret_pidfd)
{
	return clone_into(flags, -1, ret_pidfd);
}

pid_t ns_clone_job(struct ns_job *job, uint64_t flags, int cgroup_fd, int *ret_pidfd)
{
	pid_t pid = clone_into(flags, cgroup_fd, ret_pidfd);

	if (pid == 0)
		job->board->born = 1;
	job->cloned = pid > 0;
	return pid;
}

bool ns_is_stillborn(const struct ns_job *job, int cgroup_fd, int pidfd)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	int looks = 100;

	if (cgroup_fd < 0 || !job->cloned)
		return false;
	/* Killed or not, it takes a moment until that can be seen. */
	while (!job->board->born && pidfd >= 0 && looks-- > 0)
		if (poll(&end, 1, 10) > 0)
			break;
	return !job->board->born;
}
