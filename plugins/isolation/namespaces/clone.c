/* SPDX-License-Identifier: BSD-3-Clause
 * clone3(2), which the C library does not wrap.  Used as fork() is: the child
 * has a copy of everything and returns 0 on the same stack. */
#include "ns.h"

#include <linux/sched.h>
#include <signal.h>

pid_t ns_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd)
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
